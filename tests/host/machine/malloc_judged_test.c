/* SPDX-License-Identifier: BSD-2-Clause */
/* Which alignments and modes are none, what is left in freed memory, and who is told of what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IORangeAllocator.h"
#include "kernel/direct_map.h"
#include "tests/host/machine/malloc_support.h"
#include "tests/host/sim/sim_console.h"

/* Why there is no block. */
static IOReturn reason(void *block)
{
    assert_null(block);
    return IOMemoryLastError();
}

static void alignments_are_judged(void **state)
{
    static const uint64_t none[] = {3, 48, 0x18000, UINT32_MAX, (1ull << 32) + 1, UINT64_MAX};
    IOPhysicalAddress physical;
    void *block;

    (void)state;
    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(reason(IOMallocPageable(100, none[i])), kIOReturnBadArgument);
        assert_int_equal(reason(IOMallocContiguous(100, none[i], &physical)), kIOReturnBadArgument);
    }
    for (unsigned bit = 32; bit < 64; bit++) {
        assert_int_equal(reason(IOMallocPageable(100, 1ull << bit)), kIOReturnBadArgument);
        assert_int_equal(reason(IOMallocContiguous(100, 1ull << bit, NULL)), kIOReturnBadArgument);
        assert_int_equal(reason(IOMallocAligned(100, 1ull << bit)), kIOReturnBadArgument);
    }
    assert_int_equal(reason(IOMallocAligned(100, (1ull << 32) + 1)), kIOReturnBadArgument);
    /* Large ones that are alignments: this machine has no such place. */
    assert_int_equal(reason(IOMallocAligned(100, UINT32_MAX)), kIOReturnNoMemory);
    assert_int_equal(reason(IOMallocContiguous(100, 1ull << 31, NULL)), kIOReturnNoMemory);
    assert_int_equal(reason(IOMallocPageable(100, 1ull << 31)), kIOReturnUnsupported);
    assert_int_equal(reason(IOMallocPageable(100, 1ull << 22)), kIOReturnUnsupported);
    for (uint64_t alignment = 1; alignment <= 1 << 21; alignment *= 2) {
        block = IOMallocPageable(100, alignment);
        assert_int_equal((uint64_t)block % alignment, 0);
        IOFreePageable(block, 100);
        block = IOMallocContiguous(100, alignment, &physical);
        assert_int_equal((uint64_t)block % alignment, 0);
        assert_int_equal(physical, virt_to_phys(block).value);
        IOFreeContiguous(block, 100);
        block = IOMallocAligned(100, alignment == 1 ? 1 : alignment - 1); /* rounded up */
        assert_int_equal((uint64_t)block % (alignment < 4 ? 1 : alignment), 0);
        IOFreeAligned(block, 100);
    }
}

/* Who reads it later finds a pattern; but a device may still be using what it has pinned. */
static void freed_bytes_are_overwritten(void **state)
{
    const uint64_t size = PAGE_SIZE + 100;
    uint8_t *block = IOMalloc(size);
    paddr_t page;

    (void)state;
    memset(block, 1, size);
    IOFree(block, size);
    for (uint64_t i = 0; i < size; i++) {
        assert_int_equal(block[i], 0x5a);
    }
    block = IOMalloc(size);
    memset(block, 1, size);
    page = virt_to_phys(block);
    assert_int_equal(page_pin(page), KERN_SUCCESS);
    sim_console_forget();
    IOFree(block, size);
    assert_true(sim_console_said("was freed while prepared"));
    for (uint64_t i = 0; i < size; i++) {
        assert_int_equal(block[i], 1);
    }
    assert_int_equal(page_unpin(page), KERN_SUCCESS);
}

static void mistakes_with_ranges_are_told_and_nothing_else(void **state)
{
    IORangeAllocator *ranges = IORangeAllocator_withRange(99, 0, 4, 0);
    IORangeScalar start;

    (void)state;
    sim_console_forget();
    assert_true(IORangeAllocator_allocate(ranges, 10, &start, 0));
    assert_int_equal(IORangeAllocator_deallocate(ranges, start, 10), kIOReturnSuccess);
    assert_false(sim_console_said("to be freed"));
    assert_int_equal(IORangeAllocator_deallocate(ranges, start, 10), kIOReturnBadArgument);
    assert_true(sim_console_said("to be freed, some is free"));
    sim_console_forget();
    OSObject_release(ranges);
    assert_false(sim_console_said("allocations out"));
    ranges = IORangeAllocator_withRange(99, 0, 4, 0);
    assert_true(IORangeAllocator_allocate(ranges, 10, &start, 0));
    OSObject_release(ranges);
    assert_true(sim_console_said("freed with 1 allocations out"));
    assert_null(IORangeAllocator_withRange(99, 3, 4, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MALLOC_TEST(alignments_are_judged),
        MALLOC_TEST(freed_bytes_are_overwritten),
        MALLOC_TEST(mistakes_with_ranges_are_told_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, malloc_power_on, malloc_power_off);
}
