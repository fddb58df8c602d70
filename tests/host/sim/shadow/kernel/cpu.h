/* SPDX-License-Identifier: BSD-2-Clause */
/* Host replacement of kernel/cpu.h: the barriers that a simulated device could notice. */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "tests/host/sim/sim_order.h"

static inline void cpu_dmb_sy(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    sim_step(SIM_BARRIER, 0);
}

static inline void cpu_dsb_sy(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    sim_step(SIM_BARRIER, 0);
}

#endif
