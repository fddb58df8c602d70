/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What irq.c asks of an interrupt controller, and the register block that both
 * GIC generations share. Arm IHI 0048 (GICv2), IHI 0069 (GICv3).
 */
#ifndef KERNEL_GIC_PRIVATE_H
#define KERNEL_GIC_PRIVATE_H

#include "kernel/mmio.h"
#include "kernel/types.h"

#define GIC_FIRST_SPI     32u    /* below: per-CPU interrupts (SGI 0-15, PPI 16-31) */
#define GIC_INTID_COUNT   1020u  /* 1020 up are not interrupts: nothing is pending */
#define GIC_INTID_MASK    0x3ffu /* of an acknowledge token of a GICv2 */
#define GIC_PRIORITY      0xa0u  /* one for all, so that none preempts another */
#define GIC_PRIORITY_IDLE 0xffu  /* priority mask that lets every interrupt pass */

struct gic_ops {
    const char *name;
    const char *compatible; /* device-tree compatible string */

    /* Bring up with every interrupt disabled; node is the device-tree node. Returns the number of
     * INTIDs, 0 when the registers cannot be used. */
    unsigned (*init)(int node);
    void (*enable)(unsigned intid);
    void (*disable)(unsigned intid);
    /* Of a shared line that is disabled; clears what is pending of it. */
    void (*set_trigger)(unsigned intid, bool edge);
    bool (*has_messages)(void); /* LPIs may be enabled, too; NULL: never */

    /* The CPU interface's registers, when it is up; NULL: they are system registers. */
    volatile void *(*cpu_interface)(void);
};

extern const struct gic_ops gic_v2;
extern const struct gic_ops gic_v3;

/*
 * One bit or byte an interrupt, at the same offsets in the distributor of both
 * generations and in the SGI frame of a GICv3 redistributor.
 */
#define GICD_CTLR       0x000u
#define GICD_TYPER      0x004u
#define GICD_IGROUPR    0x080u
#define GICD_ISENABLER  0x100u
#define GICD_ICENABLER  0x180u
#define GICD_ICPENDR    0x280u
#define GICD_IPRIORITYR 0x400u
#define GICD_ICFGR      0xc00u /* two bits an interrupt; the upper one: an edge */

/* INTIDs that the distributor implements, from GICD_TYPER.ITLinesNumber. */
static inline unsigned gic_intid_count(const volatile void *distributor)
{
    const unsigned lines = 32 * ((mmio_read32(distributor, GICD_TYPER) & 0x1f) + 1);

    return lines < GIC_INTID_COUNT ? lines : GIC_INTID_COUNT;
}

static inline void gic_bit_write(volatile void *frame, uint64_t bank, unsigned intid)
{
    mmio_write32(frame, bank + intid / 32 * 4, 1u << intid % 32);
}

/* As gic_ops's. */
static inline void gic_write_trigger(volatile void *distributor, unsigned intid, bool edge)
{
    const uint64_t at = GICD_ICFGR + intid / 16 * 4;
    const uint32_t bit = 2u << intid % 16 * 2;
    const uint32_t before = mmio_read32(distributor, at);

    mmio_write32(distributor, at, edge ? before | bit : before & ~bit);
    gic_bit_write(distributor, GICD_ICPENDR, intid);
}

/* gic_v3.c: NULL: the machine has none, or it is not up. */
volatile void *gic_v3_distributor(void);
volatile void *gic_v3_redistributor(void); /* this CPU's */

/* Disable and clear the 32 interrupts from `first` up. */
static inline void gic_quiesce_word(volatile void *frame, unsigned first)
{
    mmio_write32(frame, GICD_ICENABLER + first / 8, ~0u);
    mmio_write32(frame, GICD_ICPENDR + first / 8, ~0u);
}

#endif
