/* SPDX-License-Identifier: BSD-2-Clause */
/* Data-cache maintenance by address, one line at a time, to the point of coherency. */
#include "kernel/cache.h"

#include "kernel/cpu.h"

/* Bytes of the smallest data cache line: CTR_EL0.DminLine is log2 of its words. */
static uint64_t line_size(void)
{
    /* The smallest of all levels: with a larger step lines of that one would be passed over. */
    return 4ull << ((cpu_read_sysreg(ctr_el0) >> 16) & 0xf);
}

#define FOR_EACH_LINE(line, address, size)                                                         \
    for (uint64_t step_ = line_size(), line = (uint64_t)(address) & ~(step_ - 1),                  \
                  end_ = (uint64_t)(address) + (size);                                             \
         line < end_; line += step_)

void cache_clean(volatile const void *address, uint64_t size)
{
    FOR_EACH_LINE(line, address, size)
    {
        __asm__ volatile("dc cvac, %0" : : "r"(line) : "memory");
    }
    /*
     * Maintenance completes at a DSB only, and the full system: the reader is a device, outside
     * the inner shareable domain.
     */
    cpu_dsb_sy();
}

void cache_clean_invalidate(volatile const void *address, uint64_t size)
{
    FOR_EACH_LINE(line, address, size)
    {
        __asm__ volatile("dc civac, %0" : : "r"(line) : "memory");
    }
    /* As for a clean; and what the CPU reads after it comes from memory. */
    cpu_dsb_sy();
}

/* CTR_EL0: the hardware does that half by itself. */
#define CTR_IDC (1ull << 28)
#define CTR_DIC (1ull << 29)

void cache_make_executable(volatile const void *address, uint64_t size)
{
    const uint64_t ctr = cpu_read_sysreg(ctr_el0);

    if ((ctr & CTR_IDC) == 0) {
        FOR_EACH_LINE(line, address, size)
        {
            __asm__ volatile("dc cvau, %0" : : "r"(line) : "memory");
        }
    }
    /*
     * Data before instructions: else a fetch could fill the instruction cache again with what was
     * there before.
     */
    cpu_dsb_ish();
    if ((ctr & CTR_DIC) == 0) {
        /* All of it: an instruction cache may hold a page under other addresses than this one. */
        __asm__ volatile("ic ialluis" : : : "memory");
        cpu_dsb_ish();
    }
    /* This CPU has fetched ahead: those instructions are thrown away. */
    cpu_isb();
}
