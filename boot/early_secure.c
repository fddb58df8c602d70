/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware that is not there: at EL3 the whole machine belongs to the
 * secure world, and we give what an EL1 kernel needs to the non-secure one.
 * The interrupt controller is at the addresses of the `virt` machine.
 */
#include "boot/early.h"
#include "boot/early_gic.h"
#include "boot/mmio.h"

#define SCR_NS   (1UL << 0) /* lower levels are non-secure */
#define SCR_RES1 (3UL << 4)
#define SCR_HCE  (1UL << 8)  /* HVC works, if there is an EL2 */
#define SCR_RW   (1UL << 10) /* the next level is AArch64 */
#define SCR_APK  (1UL << 16) /* keys of pointer authentication do not trap */
#define SCR_API  (1UL << 17) /* nor do its instructions */

static volatile void *at(uint64_t base)
{
    return (volatile void *)base;
}

/*
 * Lines belong to group 0 after reset, and to the non-secure world IGROUPR is RAZ/WI: only from
 * here can they be handed over (GIC architecture specification, GICD_IGROUPR).
 */
static void open_distributor(void)
{
    const unsigned words = GICD_TYPER_LINES(mmio_read32(at(GICD_BASE), GICD_TYPER));

    for (unsigned i = 0; i < words; i++) {
        mmio_write32(at(GICD_BASE), GICD_IGROUPR + 4 * i, ALL_NONSECURE);
    }
}

static void open_gic_v2(void)
{
    open_distributor();
    /*
     * While the mask is in the secure half of the priorities, non-secure writes to it are ignored
     * (GICv2 specification, 4.4.2): the kernel could never open it.
     */
    mmio_write32(at(GICC_BASE), GICC_PMR, LOWEST_PRIORITY);
}

/*
 * GICR_WAKER is the secure world's: a redistributor that sleeps delivers nothing, and the
 * kernel's own write to it has no effect.
 */
static void wake_redistributor(uint64_t frame)
{
    const uint32_t waker = mmio_read32(at(frame), GICR_WAKER);

    mmio_write32(at(frame), GICR_WAKER, waker & ~GICR_WAKER_SLEEP);
    while ((mmio_read32(at(frame), GICR_WAKER) & GICR_WAKER_ASLEEP) != 0) {
    }
}

static void open_gic_v3(void)
{
    uint64_t frame = GICR_BASE;
    uint32_t type;

    /* First: without SRE the ICC registers are undefined, here and for the levels below. */
    __asm__ volatile("msr icc_sre_el3, %0\n\tisb" : : "r"(ICC_SRE_ALL));
    __asm__ volatile("msr icc_pmr_el1, %0" : : "r"((uint64_t)LOWEST_PRIORITY));

    /* The groups are still off, which is when affinity routing may change. */
    mmio_write32(at(GICD_BASE), GICD_CTLR, GICD_CTLR_ARE);
    open_distributor();
    /*
     * Those of all CPUs: each has its own private lines. Ends at the frame that calls itself the
     * last.
     */
    do {
        type = mmio_read32(at(frame), GICR_TYPER);
        wake_redistributor(frame);
        mmio_write32(at(frame), GICR_SGI_FRAME + GICD_IGROUPR, ALL_NONSECURE);
        frame += (type & GICR_TYPER_VLPI) != 0 ? GICR_STRIDE_VLPI : GICR_STRIDE;
    } while ((type & GICR_TYPER_LAST) == 0);
}

void early_secure_open(int has_gic_v3)
{
    if (has_gic_v3) {
        open_gic_v3();
    } else {
        open_gic_v2();
    }
    __asm__ volatile("msr cptr_el3, xzr"); /* no traps of FP and SIMD */
    __asm__ volatile("msr mdcr_el3, xzr"); /* nor of debug and PMU registers */
    __asm__ volatile("msr scr_el3, %0\n\tisb"
                     :
                     : "r"(SCR_NS | SCR_RES1 | SCR_HCE | SCR_RW | SCR_APK | SCR_API));
}
