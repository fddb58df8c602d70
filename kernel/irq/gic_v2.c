/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv2: distributor and CPU interface, both memory-mapped. */
#include "kernel/devicetree.h"
#include "kernel/irq/gic_private.h"
#include "kernel/mmu.h"

#define GICD_ITARGETSR 0x800u
/*
 * All lines belong to group 1, so that group 0 and its FIQ are left to who stays at EL2
 * (boot/el2). Where there is a secure world it has seen to that, the registers of groups are
 * ignored, and bit 0 of those named CTLR, as seen from here, enables group 1; without one the
 * bits are those of both groups (GICv2 specification, 4.3.1, 4.3.4 and 4.4.1).
 */
#define GICD_CTLR_ENABLE 0x3u
#define GICD_ALL_GROUP1  0xffffffffu
#define GICD_TARGET_CPU0 0x01u

#define GICC_CTLR        0x000u
#define GICC_PMR         0x004u
#define GICC_CTLR_ENABLE 0xfu /* both groups; reads of IAR acknowledge either; group 0 is FIQ */

static volatile void *distributor;
static volatile void *cpu_interface;

static unsigned gic_v2_init(int node)
{
    struct devicetree_range gicd, gicc;

    if (devicetree_reg(node, 0, &gicd) != KERN_SUCCESS ||
        devicetree_reg(node, 1, &gicc) != KERN_SUCCESS) {
        return 0;
    }
    /* The order of the registers in the tree is that of the binding: distributor, CPU interface. */
    distributor = mmu_map_device(gicd.base, gicd.size);
    cpu_interface = mmu_map_device(gicc.base, gicc.size);
    if (distributor == NULL || cpu_interface == NULL) {
        return 0;
    }

    const unsigned count = gic_intid_count(distributor);

    /*
     * Off while lines are set up (GICv2 specification, 4.3.1): firmware may have left lines
     * enabled that nobody here would answer.
     */
    mmio_write32(distributor, GICD_CTLR, 0);
    for (unsigned first = 0; first < count; first += 32) {
        gic_quiesce_word(distributor, first);
        mmio_write32(distributor, GICD_IGROUPR + first / 8, GICD_ALL_GROUP1);
    }
    mmio_write32(distributor, GICD_CTLR, GICD_CTLR_ENABLE);
    /* The mask is 0 after reset, which lets nothing through (4.4.2); then the interface itself. */
    mmio_write32(cpu_interface, GICC_PMR, GIC_PRIORITY_IDLE);
    mmio_write32(cpu_interface, GICC_CTLR, GICC_CTLR_ENABLE);
    return count;
}

static void gic_v2_enable(unsigned intid)
{
    /*
     * Priority and target before the enable: an interrupt that is pending already is sent the
     * moment it is enabled, to whom the registers name then. Those of private lines are
     * read-only: they are this CPU's.
     */
    mmio_write8(distributor, GICD_IPRIORITYR + intid, GIC_PRIORITY);
    if (intid >= GIC_FIRST_SPI) {
        mmio_write8(distributor, GICD_ITARGETSR + intid, GICD_TARGET_CPU0);
    }
    gic_bit_write(distributor, GICD_ISENABLER, intid);
}

/*
 * Nothing here says when it has taken effect, as GICv3 does: an interrupt that is on its way is met
 * by irq_dispatch, which finds no handler or none pending.
 */
static void gic_v2_disable(unsigned intid)
{
    gic_bit_write(distributor, GICD_ICENABLER, intid);
}

static void gic_v2_set_trigger(unsigned intid, bool edge)
{
    gic_write_trigger(distributor, intid, edge);
}

static volatile void *gic_v2_cpu_interface(void)
{
    return cpu_interface;
}

const struct gic_ops gic_v2 = {
    .name = "GICv2",
    .compatible = "arm,cortex-a15-gic",
    .init = gic_v2_init,
    .enable = gic_v2_enable,
    .disable = gic_v2_disable,
    .set_trigger = gic_v2_set_trigger,
    .cpu_interface = gic_v2_cpu_interface,
};
