/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt controller for floors that take an interrupt by hand: GICv2 and GICv3. */
#ifndef TESTS_BENCH_GIC_H
#define TESTS_BENCH_GIC_H

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"

/* GICv2 of the `virt` machine; of GICv3 the CPU's part is in system registers. */
#define GIC_CPU_INTERFACE 0x08010000UL
#define GICC_IAR          0x00c
#define GICC_EOIR         0x010

/* The CPU interface's registers; NULL: it has none that are in memory. */
static inline volatile void *gic_registers(void)
{
    return strcmp(irq_controller_name(), "GICv2") == 0
               ? mmu_map_device(paddr(GIC_CPU_INTERFACE), PAGE_SIZE)
               : NULL;
}

/* `v3` is a constant wherever these are, so that nothing asks at run time. */
static inline __attribute__((always_inline)) uint32_t gic_take(bool v3, volatile void *gic)
{
    return v3 ? (uint32_t)cpu_read_sysreg(S3_0_C12_C12_0) : mmio_read32(gic, GICC_IAR);
}

static inline __attribute__((always_inline)) void gic_end(bool v3, volatile void *gic,
                                                          uint32_t token)
{
    if (v3) {
        cpu_write_sysreg(S3_0_C12_C12_1, token);
        cpu_isb();
    } else {
        mmio_write32(gic, GICC_EOIR, token);
    }
}

#endif
