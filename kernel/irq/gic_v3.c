/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv3: distributor and redistributor in memory, CPU interface in system registers. */
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/irq/gic_private.h"
#include "kernel/irq/msi_private.h"
#include "kernel/mmu.h"

#define GICD_IROUTER      0x6000u
#define GICD_CTLR_ENABLE  0x12u       /* affinity routing, group 1 */
#define GICD_CTLR_PENDING 0x80000000u /* an earlier write has not taken effect yet */

#define GICR_CTLR         0x0000u
#define GICR_CTLR_PENDING 0x8u /* as GICD_CTLR_PENDING */
#define GICR_TYPER        0x0008u
#define GICR_WAKER        0x0014u
#define GICR_WAKER_ASLEEP 0x4u
#define GICR_TYPER_LAST   0x10u
#define GICR_SGI_FRAME    0x10000u /* where the per-CPU interrupts have their bits */
#define GICR_STRIDE       0x20000u
#define GICR_STRIDE_VLPI  0x40000u
#define GICR_TYPER_VLPI   0x2u

#define MPIDR_AFFINITY 0xff00ffffffUL

static volatile void *distributor;
static volatile void *redistributor; /* this CPU's */
static volatile void *private_frame; /* its SGI frame */

static uint64_t cpu_affinity(void)
{
    /*
     * Affinity 3 is apart from the others, and the bits between them are none: left in, no
     * redistributor would be found (Arm ARM, MPIDR_EL1).
     */
    return cpu_read_sysreg(mpidr_el1) & MPIDR_AFFINITY;
}

/* This CPU's redistributor within the region; NULL if the region has none for it. */
static volatile void *find_redistributor(volatile void *region, uint64_t size)
{
    const uint64_t affinity = cpu_affinity();
    /* GICR_TYPER has the four levels without the gap. */
    const uint64_t wanted = (affinity & 0xffffff) | (affinity >> 32) << 24;

    /*
     * Frames follow each other in an order of the machine's; the upper half of GICR_TYPER says
     * whose each is, and one that handles virtual LPIs is twice as long.
     */
    for (uint64_t offset = 0; offset + GICR_STRIDE <= size;) {
        volatile void *frame = (volatile char *)region + offset;
        const uint64_t type = mmio_read64(frame, GICR_TYPER);

        if (type >> 32 == wanted) {
            return frame;
        }
        if ((type & GICR_TYPER_LAST) != 0) {
            break;
        }
        offset += (type & GICR_TYPER_VLPI) != 0 ? GICR_STRIDE_VLPI : GICR_STRIDE;
    }
    return NULL;
}

static void distributor_settle(void)
{
    while ((mmio_read32(distributor, GICD_CTLR) & GICD_CTLR_PENDING) != 0) {
        ;
    }
}

static void distributor_init(unsigned count)
{
    /*
     * Affinity routing may change only while both groups are off, and "off" takes effect some
     * time after the write: RWP says when (GICv3 specification, GICD_CTLR).
     */
    mmio_write32(distributor, GICD_CTLR, 0);
    distributor_settle();
    for (unsigned first = GIC_FIRST_SPI; first < count; first += 32) {
        /*
         * Group 1, non-secure: the group that arrives as IRQ and is acknowledged by ICC_IAR1. Group
         * 0 would come as FIQ.
         */
        gic_quiesce_word(distributor, first);
        mmio_write32(distributor, GICD_IGROUPR + first / 8, ~0u);
    }
    mmio_write32(distributor, GICD_CTLR, GICD_CTLR_ENABLE);
    distributor_settle();
}

static void redistributor_init(void)
{
    /*
     * Until ChildrenAsleep is clear the redistributor passes nothing on, and writes to its
     * registers may be lost (GICR_WAKER).
     */
    mmio_write32(redistributor, GICR_WAKER, 0);
    while ((mmio_read32(redistributor, GICR_WAKER) & GICR_WAKER_ASLEEP) != 0) {
        ;
    }
    private_frame = (volatile char *)redistributor + GICR_SGI_FRAME;
    gic_quiesce_word(private_frame, 0);
    mmio_write32(private_frame, GICD_IGROUPR, ~0u);
}

static void cpu_interface_init(void)
{
    cpu_write_sysreg(S3_0_C12_C12_5, 7); /* ICC_SRE_EL1: system registers, no bypass */
    /* Before SRE is in effect the other ICC registers are undefined instructions. */
    cpu_isb();
    /* ICC_CTLR_EL1 is unknown at reset; EOImode 0: one write ends an interrupt, as end() has it. */
    cpu_write_sysreg(S3_0_C12_C12_4, 0);
    cpu_write_sysreg(S3_0_C4_C6_0, GIC_PRIORITY_IDLE); /* ICC_PMR_EL1 */
    cpu_write_sysreg(S3_0_C12_C12_7, 1);               /* ICC_IGRPEN1_EL1 */
    cpu_isb();
}

static unsigned gic_v3_init(int node)
{
    struct devicetree_range gicd, gicr;

    if (devicetree_reg(node, 0, &gicd) != KERN_SUCCESS ||
        devicetree_reg(node, 1, &gicr) != KERN_SUCCESS) {
        return 0;
    }

    volatile void *region = mmu_map_device(gicr.base, gicr.size);

    distributor = mmu_map_device(gicd.base, gicd.size);
    if (distributor == NULL || region == NULL) {
        return 0;
    }

    const unsigned count = gic_intid_count(distributor);

    redistributor = find_redistributor(region, gicr.size);
    /* Without one this CPU's private interrupts, the timer's among them, have no registers. */
    if (redistributor == NULL) {
        return 0;
    }
    /*
     * From the middle outwards: when the CPU interface begins to let things through, nothing is
     * enabled that nobody has asked for.
     */
    distributor_init(count);
    redistributor_init();
    cpu_interface_init();
    return count;
}

/* The byte in memory first: the redistributor reads it again when the ITS is told to. */
static void write_message(unsigned intid, bool enable)
{
    lpi_write(intid, enable);
    its_reload(intid);
}

static void gic_v3_enable(unsigned intid)
{
    if (intid >= LPI_FIRST) {
        write_message(intid, true);
        return;
    }

    volatile void *frame = intid < GIC_FIRST_SPI ? private_frame : distributor;

    /* Priority and route before the enable: a pending interrupt is sent at once. */
    mmio_write8(frame, GICD_IPRIORITYR + intid, GIC_PRIORITY);
    if (intid >= GIC_FIRST_SPI) {
        /* Bit 31 (IRM) 0: to this CPU, and not to any that is willing. */
        mmio_write64(distributor, GICD_IROUTER + 8 * intid, cpu_affinity());
    }
    gic_bit_write(frame, GICD_ISENABLER, intid);
}

/* On return it cannot come any more: disabling takes effect some time after the write. */
static void gic_v3_disable(unsigned intid)
{
    if (intid >= LPI_FIRST) {
        write_message(intid, false);
        return;
    }
    if (intid >= GIC_FIRST_SPI) {
        gic_bit_write(distributor, GICD_ICENABLER, intid);
        distributor_settle();
        return;
    }
    gic_bit_write(private_frame, GICD_ICENABLER, intid);
    while ((mmio_read32(redistributor, GICR_CTLR) & GICR_CTLR_PENDING) != 0) {
        ;
    }
}

static void gic_v3_set_trigger(unsigned intid, bool edge)
{
    gic_write_trigger(distributor, intid, edge);
}

volatile void *gic_v3_distributor(void)
{
    return distributor;
}

volatile void *gic_v3_redistributor(void)
{
    return redistributor;
}

const struct gic_ops gic_v3 = {
    .name = "GICv3",
    .compatible = "arm,gic-v3",
    .init = gic_v3_init,
    .enable = gic_v3_enable,
    .disable = gic_v3_disable,
    .set_trigger = gic_v3_set_trigger,
    .has_messages = lpi_is_ready,
    .cpu_interface = NULL,
};
