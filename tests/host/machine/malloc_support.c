/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine with RAM on both sides of 4 GiB, and what IOMalloc printed on it. */
#include "tests/host/machine/malloc_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "kernel/irq.h"
#include "tests/host/sim/sim_console.h"

struct holdings malloc_before;

static void *allocate_aligned(vm_size_t size)
{
    return IOMallocAligned(size, 1);
}

static void *allocate_contiguous(vm_size_t size)
{
    return IOMallocContiguous(size, 0, NULL);
}

static void *allocate_contiguous_low(vm_size_t size)
{
    IOPhysicalAddress physical;

    return IOMallocContiguous(size, 0, &physical);
}

static void *allocate_pageable(vm_size_t size)
{
    return IOMallocPageable(size, 0);
}

static void *allocate_pageable_zero(vm_size_t size)
{
    return IOMallocPageableZero(size, 1);
}

const struct malloc_family malloc_families[FAMILIES] = {
    {kIOMallocGeneral, IOMalloc, IOFree, false},
    {kIOMallocGeneral, IOMallocZero, IOFree, true},
    {kIOMallocAligned, allocate_aligned, IOFreeAligned, false},
    {kIOMallocData, IOMallocData, IOFreeData, false},
    {kIOMallocData, IOMallocZeroData, IOFreeData, true},
    {kIOMallocContiguous, allocate_contiguous, IOFreeContiguous, true},
    {kIOMallocContiguous, allocate_contiguous_low, IOFreeContiguous, true},
    {kIOMallocPageable, allocate_pageable, IOFreePageable, true},
    {kIOMallocPageable, allocate_pageable_zero, IOFreePageable, true},
};

int malloc_power_on(void **state)
{
    (void)state;
    sim_machine_start(64 * SIM_MIB);
    IOMemoryDescriptor_initialize();
    return 0;
}

int malloc_power_off(void **state)
{
    (void)state;
    sim_machine_stop();
    return 0;
}

int malloc_start(void **state)
{
    (void)state;
    malloc_before = holdings_now();
    sim_console_forget();
    return 0;
}

int malloc_stop(void **state)
{
    (void)state;
    IOMallocFailNth(0);
    sim_in_handler = false;
    IOMallocReclaim();
    return sim_holds(&malloc_before) && IOMallocReportLeaks() == 0 ? 0 : -1;
}

IOMallocStatistics malloc_statistics(IOMallocFamily family)
{
    IOMallocStatistics of;

    IOMallocGetStatistics(family, &of);
    return of;
}

static bool is_direct(const void *address)
{
    return (vaddr_t)address < MMU_KERNEL_VA_BASE;
}

void malloc_store(void *address, uint64_t offset, uint8_t byte)
{
    if (is_direct(address)) {
        ((uint8_t *)address)[offset] = byte;
    } else {
        assert_int_equal(sim_store(kernel_map, (vaddr_t)address + offset, byte), KERN_SUCCESS);
    }
}

uint8_t malloc_load(void *address, uint64_t offset)
{
    uint8_t byte;

    if (is_direct(address)) {
        return ((uint8_t *)address)[offset];
    }
    assert_int_equal(sim_load(kernel_map, (vaddr_t)address + offset, &byte), KERN_SUCCESS);
    return byte;
}
