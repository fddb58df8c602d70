/* SPDX-License-Identifier: BSD-2-Clause */
/* A CPU's interface to its interrupt controller, of both generations: for irq.c alone. */
#ifndef KERNEL_GIC_INTERFACE_PRIVATE_H
#define KERNEL_GIC_INTERFACE_PRIVATE_H

#include "kernel/cpu.h"
#include "kernel/mmio.h"

#define GICC_IAR  0x00cu
#define GICC_EOIR 0x010u

/*
 * The two accesses of each interrupt, without a call. Take the pending one: the token's low bits
 * are its INTID, and it goes back whole to gic_end: of a software interrupt a GICv2 says in it
 * which CPU has sent it.
 */
static inline uint32_t gic_acknowledge(const volatile void *cpu_interface)
{
    /*
     * Reading it is the acknowledge (GICv2 specification, 4.4.4), and with system registers too:
     * once an interrupt, or the next one would be taken by the second read. 1023: there was none.
     */
    return cpu_interface != NULL ? mmio_read32(cpu_interface, GICC_IAR)
                                 : (uint32_t)cpu_read_sysreg(S3_0_C12_C12_0); /* ICC_IAR1_EL1 */
}

static inline void gic_end(volatile void *cpu_interface, uint32_t token)
{
    /*
     * No barrier for what the handler has stored to its device: a hypervisor carries such a store
     * out before the next instruction. A line that fell late would come once more, for nothing.
     */
    if (cpu_interface != NULL) {
        mmio_write32(cpu_interface, GICC_EOIR, token);
    } else {
        cpu_write_sysreg(S3_0_C12_C12_1, token); /* ICC_EOIR1_EL1 */
    }
}

#endif
