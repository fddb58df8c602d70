/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EL2's timer, and the distributor as far as EL2 uses it. The timer's interrupt comes as an
 * FIQ, which HCR_EL2.FMO brings here whatever EL1 has masked: it is the only one of group 0.
 */
#include "boot/early_gic.h"
#include "boot/el2/el2_private.h"
#include "boot/mmio.h"

#define SPURIOUS 1020u

#define ICC_PMR_EL1     "S3_0_C4_C6_0"
#define ICC_IAR0_EL1    "S3_0_C12_C8_0"
#define ICC_EOIR0_EL1   "S3_0_C12_C8_1"
#define ICC_IGRPEN0_EL1 "S3_0_C12_C12_6"

#define GICC_IAR  0x00cu
#define GICC_EOIR 0x010u

#define GICD_ISENABLER     0x100u
#define GICD_ISPENDR       0x200u
#define GICD_ICPENDR       0x280u
#define GICD_IPRIORITYR    0x400u
#define GICD_ENABLE_GROUP0 1u

static bool is_v3;

static volatile void *at(uint64_t base)
{
    return (volatile void *)base;
}

/*
 * EL1's own initialisation of the controller puts every line into group 1 and disables it, so this
 * is done whenever the timer is set.
 */
void el2_claim(unsigned intid)
{
    volatile void *const distributor = at(GICD_BASE);
    volatile void *const lines =
        is_v3 ? at(GICR_BASE + el2_cpu() * GICR_STRIDE + GICR_SGI_FRAME) : distributor;
    const uint32_t groups = mmio_read32(lines, GICD_IGROUPR);

    mmio_write32(lines, GICD_IGROUPR, groups & ~(1u << intid));
    mmio_write8(lines, GICD_IPRIORITYR + intid, 0);
    mmio_write32(lines, GICD_ISENABLER, 1u << intid);
    mmio_write32(distributor, GICD_CTLR, mmio_read32(distributor, GICD_CTLR) | GICD_ENABLE_GROUP0);
    if (is_v3) {
        el2_write(ICC_IGRPEN0_EL1, 1);
    }
}

void el2_timer_init(bool gic_v3)
{
    is_v3 = gic_v3;
    if (gic_v3) {
        /*
         * With FIQs routed here, EL1's writes to the common registers of its CPU interface reach a
         * virtual one: the mask of the real one would stay shut.
         */
        el2_write(ICC_PMR_EL1, LOWEST_PRIORITY);
    }
}

bool el2_is_gic_v3(void)
{
    return is_v3;
}

void el2_timer_stop(void)
{
    el2_write("cnthp_ctl_el2", 0);
    __asm__ volatile("isb");
}

bool el2_timer_is_set(uint64_t *tick)
{
    *tick = el2_read("cnthp_cval_el2");
    return (el2_read("cnthp_ctl_el2") & 1) != 0;
}

void el2_set_timer(uint64_t tick)
{
    if (tick == UINT64_MAX) {
        el2_write("cnthp_ctl_el2", 0);
        return;
    }
    el2_claim(EL2_TIMER_INTID);
    el2_write("cnthp_cval_el2", tick);
    el2_write("cnthp_ctl_el2", 1);
    __asm__ volatile("isb");
}

void el2_pend(unsigned intid, bool pending)
{
    mmio_write32(at(GICD_BASE), (pending ? GICD_ISPENDR : GICD_ICPENDR) + intid / 32 * 4,
                 1u << intid % 32);
}

/* By el2_vectors.S. */
void el2_fiq(void);
void el2_fiq(void)
{
    const uint64_t token = is_v3 ? el2_read(ICC_IAR0_EL1) : mmio_read32(at(GICC_BASE), GICC_IAR);

    if ((token & 0x3ff) >= SPURIOUS) {
        return; /* taken back meanwhile */
    }
    if ((token & 0x3ff) != EL2_TIMER_INTID) {
        el2_fatal("an FIQ that is not the timer's:", token);
    }
    el2_timer_stop();
    if (is_v3) {
        el2_write(ICC_EOIR0_EL1, token);
    } else {
        mmio_write32(at(GICC_BASE), GICC_EOIR, (uint32_t)token);
    }
    el2_timer();
}
