/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EL1's interrupts by way of EL2, on a GICv2 whose guest has its own in group 0: no FIQ would be
 * the timer's alone. Each is acknowledged here and put into a list register, where the guest, which
 * has the virtual CPU interface in the place of the other, finds and ends it; then a maintenance
 * interrupt says so, and it is deactivated here. (None is tied to its physical one by the HW bit:
 * QEMU 7.2 does not look at a level line again when such a one is ended.)
 *
 * One list register is kept for a line that is played here.
 */
#include "boot/early_gic.h"
#include "boot/el2/el2_private.h"
#include "boot/mmio.h"

#define HCR_IMO (1ull << 4) /* IRQs come here */

#define GICC_CTLR 0x000u
#define GICC_IAR  0x00cu
#define GICC_EOIR 0x010u
#define GICC_DIR  0x1000u
#define GICC_BOTH                                                                                  \
    0x207u /* both groups, acknowledged alike, as IRQ; EOIR drops the priority alone */
#define GICC_BYTES 0x2000u
#define FEW        0x08u /* a mask that EL2's own pass */

#define GICH_BASE      0x08030000ul
#define GICV_BASE      0x08040000ul
#define GICH_HCR       0x000u
#define GICH_HCR_ON    1u
#define GICH_VTR       0x004u
#define GICH_VTR_LAST  0x3fu /* number of the last list register */
#define GICH_EISR      0x020u
#define GICH_ELRSR     0x030u
#define GICH_LR(index) (0x100u + (index)*4)
#define LR_GROUP1      (1u << 30)
#define LR_PENDING     (1u << 28)
#define LR_ACTIVE      (2u << 28)
#define LR_PRIORITY    20u /* where its 8 bits would begin, of which the upper 5 are there */
#define LR_PRIORITIES  (0xf8u << LR_PRIORITY)
#define LR_EOI         (1u << 19) /* tell of its end */
#define TOKEN          0x1fffu    /* of IAR: the interrupt, and who sent it */
#define INTID          0x3ffu

#define GICD_ISENABLER  0x100u
#define GICD_ISPENDR    0x200u
#define GICD_ICPENDR    0x280u
#define GICD_IPRIORITYR 0x400u
#define GICD_GROUPS     3u

#define MAINTENANCE 25u
#define SPURIOUS    1020u
#define LISTS_MAX   32u /* more are left alone */
#define OWN         0u  /* the list register of the line that is played here */

static unsigned lists;
static uint32_t tokens[LISTS_MAX]; /* what is to be deactivated when the guest has ended it */
static unsigned own_intid;
static bool own_high;

static volatile void *at(uint64_t base)
{
    return (volatile void *)base;
}

static bool distributor_bit(uint32_t registers, unsigned intid)
{
    return (mmio_read32(at(GICD_BASE), registers + intid / 32 * 4) >> intid % 32 & 1) != 0;
}

static void fill(unsigned list, uint32_t token)
{
    const unsigned intid = token & INTID;
    const uint32_t priority = mmio_read8(at(GICD_BASE), GICD_IPRIORITYR + intid);

    /* The guest's own start disables all that are private to a CPU. */
    el2_claim(MAINTENANCE);
    mmio_write32(at(GICH_BASE), GICH_LR(list),
                 LR_PENDING | LR_EOI | (priority << LR_PRIORITY & LR_PRIORITIES) |
                     (distributor_bit(GICD_IGROUPR, intid) ? LR_GROUP1 : 0) | token);
}

/*
 * The played line, as it is now. While its interrupt is active, its end leads here again; while it
 * is disabled the physical one waits in its place, and comes here when that is over.
 */
static void show_own(void)
{
    const uint32_t now = mmio_read32(at(GICH_BASE), GICH_LR(OWN)) & (LR_PENDING | LR_ACTIVE);
    const bool enabled = distributor_bit(GICD_ISENABLER, own_intid);

    el2_pend(own_intid, own_high && now == 0 && !enabled);
    if (own_high && now == 0 && enabled) {
        fill(OWN, own_intid);
    } else if (!own_high && now == LR_PENDING) {
        mmio_write32(at(GICH_BASE), GICH_LR(OWN), 0);
    }
}

void el2_line(unsigned intid, bool high)
{
    own_intid = intid;
    own_high = high;
    show_own();
}

static unsigned free_list(void)
{
    const uint32_t empty = mmio_read32(at(GICH_BASE), GICH_ELRSR);

    for (unsigned i = OWN + 1; i < lists; i++) {
        if ((empty >> i & 1) != 0 && tokens[i] == 0) {
            return i;
        }
    }
    return lists;
}

/* What the guest has ended. */
static void maintain(void)
{
    const uint32_t ended = mmio_read32(at(GICH_BASE), GICH_EISR);

    for (unsigned i = 0; i < lists; i++) {
        if ((ended >> i & 1) == 0) {
            continue;
        }
        mmio_write32(at(GICH_BASE), GICH_LR(i), 0);
        if (i == OWN) {
            show_own();
        } else {
            mmio_write32(at(GICC_BASE), GICC_DIR, tokens[i]);
            tokens[i] = 0;
        }
    }
}

/* By el2_vectors.S. */
void el2_irq(void);
void el2_irq(void)
{
    const uint32_t token = mmio_read32(at(GICC_BASE), GICC_IAR) & TOKEN;
    const unsigned intid = token & INTID;
    unsigned list;

    if (intid >= SPURIOUS) {
        return;
    }
    mmio_write32(at(GICC_BASE), GICC_EOIR, token);
    if (intid == EL2_TIMER_INTID) {
        el2_timer_stop();
        mmio_write32(at(GICC_BASE), GICC_DIR, token);
        el2_timer();
    } else if (intid == MAINTENANCE) {
        maintain();
        mmio_write32(at(GICC_BASE), GICC_DIR, token);
    } else if (intid == own_intid) {
        mmio_write32(at(GICC_BASE), GICC_DIR, token);
        show_own();
    } else {
        list = free_list();
        if (list == lists) {
            el2_fatal("no list register is free for interrupt", intid);
        }
        tokens[list] = token;
        fill(list, token);
    }
    /* The next one waits where it is until the guest has ended one of those that it has. */
    mmio_write32(at(GICC_BASE), GICC_PMR, free_list() == lists ? FEW : LOWEST_PRIORITY);
}

bool el2_carry_interrupts(void)
{
    if (el2_is_gic_v3()) {
        return false;
    }
    lists = (mmio_read32(at(GICH_BASE), GICH_VTR) & GICH_VTR_LAST) + 1;
    lists = lists < LISTS_MAX ? lists : LISTS_MAX;
    for (unsigned i = 0; i < lists; i++) {
        mmio_write32(at(GICH_BASE), GICH_LR(i), 0);
    }
    mmio_write32(at(GICH_BASE), GICH_HCR, GICH_HCR_ON);
    mmio_write32(at(GICC_BASE), GICC_PMR, LOWEST_PRIORITY);
    mmio_write32(at(GICC_BASE), GICC_CTLR, GICC_BOTH);
    el2_redirect(GICC_BASE, GICV_BASE, GICC_BYTES);
    el2_write("hcr_el2", el2_read("hcr_el2") | HCR_IMO);
    return true;
}
