/* SPDX-License-Identifier: BSD-2-Clause */
/* A data cache that counts what is cleaned, invalidated and made executable. */
#include "tests/host/sim/sim_cache.h"

#include "kernel/cache.h"
#include "tests/host/sim/sim_order.h"

struct sim_cache sim_cache;

static uint64_t lines(volatile const void *address, uint64_t size)
{
    const uint64_t first = (uint64_t)address / SIM_CACHE_LINE;
    const uint64_t end = ((uint64_t)address + size + SIM_CACHE_LINE - 1) / SIM_CACHE_LINE;

    return size == 0 ? 0 : end - first;
}

void cache_clean(volatile const void *address, uint64_t size)
{
    sim_step(SIM_CLEAN, (uintptr_t)address);
    sim_cache.cleaned += lines(address, size);
    sim_cache.barriers++;
}

void cache_clean_invalidate(volatile const void *address, uint64_t size)
{
    sim_step(SIM_CLEAN_INVALIDATE, (uintptr_t)address);
    sim_cache.flushed += lines(address, size);
    sim_cache.barriers++;
}

void cache_make_executable(volatile const void *address, uint64_t size)
{
    sim_step(SIM_EXECUTABLE, (uintptr_t)address);
    sim_cache.executable += lines(address, size);
    sim_cache.barriers++;
}
