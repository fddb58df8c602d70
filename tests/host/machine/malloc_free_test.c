/* SPDX-License-Identifier: BSD-2-Clause */
/* Freeing, counting and failing of IOMalloc's families. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/OSObject.h"
#include "descriptors/platform.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/inject.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "tests/host/machine/malloc_support.h"
#include "tests/host/sim/sim_console.h"

static IOMemoryDescriptor *describe(void *address, uint64_t size)
{
    IOMemoryDescriptor *md = IOMemoryDescriptor_withAddressRange((uint64_t)address, size,
                                                                 kIODirectionOutIn, kernel_task);

    assert_non_null(md);
    return md;
}

/* Freeing memory under a prepared descriptor: it stays for the device until complete. */
static void freed_while_prepared(const struct malloc_family *family, uint64_t size, bool own_pages)
{
    uint8_t *block = family->allocate(size);
    IOMemoryDescriptor *md = describe(block, size);
    IOByteCount length;
    IOPhysicalAddress physical;
    uint64_t held;

    assert_int_equal(IOMemoryDescriptor_prepare(md, kIODirectionOutIn), kIOReturnSuccess);
    physical = IOMemoryDescriptor_getPhysicalSegment(md, 0, &length, 0);
    malloc_store(block, 0, 77);
    sim_console_forget();
    family->free(block, size);
    held = holdings_now().pages;
    assert_int_equal(page_get_state(paddr(physical & ~PAGE_MASK)), PAGE_ALLOCATED);
    assert_int_equal(*(uint8_t *)phys_to_virt(paddr(physical)), 77);
    assert_int_equal(sim_console_said("freed while prepared"), own_pages);
    for (unsigned i = 0; i < 64; i++) { /* nobody gets it meanwhile */
        uint8_t *other = family->allocate(size);

        malloc_store(other, 0, 1);
        family->free(other, size);
    }
    assert_int_equal(*(uint8_t *)phys_to_virt(paddr(physical)), 77);
    assert_int_equal(IOMemoryDescriptor_complete(md, kIODirectionNone), kIOReturnSuccess);
    if (own_pages) {
        assert_true(holdings_now().pages < held);
    }
    OSObject_release(md);
}

static void blocks_freed_while_prepared_wait(void **state)
{
    uint8_t *const three = IOMallocContiguous(3 * PAGE_SIZE, 0, NULL);
    IOMemoryDescriptor *md = describe(three + PAGE_SIZE, PAGE_SIZE);

    (void)state;
    /* A page beside those that are asked about is none of them. */
    assert_int_equal(IOMemoryDescriptor_prepare(md, kIODirectionOutIn), kIOReturnSuccess);
    assert_false(platform_memory_is_pinned(three, PAGE_SIZE));
    assert_true(platform_memory_is_pinned(three, PAGE_SIZE + 1));
    assert_true(platform_memory_is_pinned(three + 2 * PAGE_SIZE - 1, 1));
    assert_false(platform_memory_is_pinned(three + 2 * PAGE_SIZE, PAGE_SIZE));
    assert_int_equal(IOMemoryDescriptor_complete(md, kIODirectionOutIn), kIOReturnSuccess);
    OSObject_release(md);
    IOFreeContiguous(three, 3 * PAGE_SIZE);
    for (unsigned i = 0; i < FAMILIES; i++) {
        freed_while_prepared(&malloc_families[i], 2 * PAGE_SIZE, true);
        freed_while_prepared(&malloc_families[i], 40, i >= WIRED_FAMILIES - 1);
    }
    IOMallocReclaim();
    for (unsigned family = 0; family < kIOMallocFamilyCount; family++) {
        assert_int_equal(malloc_statistics(family).waiting, 0);
    }
}

/* Why there is none, and not why there was none before. */
static void refusals_say_why(void **state)
{
    IOPhysicalAddress physical;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_null(IOMalloc(UINT64_MAX));
        assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
        assert_null(i == 0 ? IOMallocAligned(8, 1ull << 33)
                           : IOMallocContiguous(8, 1ull << 33, &physical));
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    }
}

static void al_9_a_wrong_size_is_logged_and_the_block_freed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAMILIES; i++) {
        void *block = malloc_families[i].allocate(100);
        uint64_t most;

        sim_console_forget();
        malloc_families[i].free(block, 5000);
        assert_true(sim_console_said("of 100 bytes was freed as one of 5000"));
        assert_int_equal(malloc_statistics(malloc_families[i].family).blocks, 0);
        assert_int_equal(malloc_statistics(malloc_families[i].family).bytes, 0);
        block = malloc_families[i].allocate(100);
        sim_console_forget();
        malloc_families[i].free(block, 100);
        assert_false(sim_console_said("block"));
        /* The most that there was is kept, whatever comes after it. */
        most = malloc_statistics(malloc_families[i].family).highWater;
        assert_true(most >= 100);
        malloc_families[i].free(malloc_families[i].allocate(1), 1);
        assert_int_equal(malloc_statistics(malloc_families[i].family).highWater, most);
        sim_console_forget();
        malloc_families[i].free(NULL, 0);
        malloc_families[i].free(NULL, 77);
        assert_false(sim_console_said(" "));
    }
}

/* The mistakes that debug builds, as this is one, end with. */
static void *victim;

static void free_twice(void)
{
    IOFree(victim, 64);
    IOFree(victim, 64);
}

static void free_inside(void)
{
    IOFree((char *)victim + 16, 48);
}

static void free_as_another_family(void)
{
    IOFreeData(victim, 64);
}

static void free_nonsense(void)
{
    IOFree((void *)0x123456789abcull, 64);
}

static void free_a_pageable_block_that_is_none(void)
{
    IOFreePageable(victim, 64);
}

static void free_properly(void)
{
    IOFree(victim, 64);
}

static bool is_fatal(void (*mistake)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        mistake();
        _exit(0);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void al_9_what_is_no_block_is_detected(void **state)
{
    (void)state;
    victim = IOMalloc(64);
    assert_true(is_fatal(free_twice));
    assert_true(is_fatal(free_inside));
    assert_true(is_fatal(free_as_another_family));
    assert_true(is_fatal(free_nonsense));
    assert_true(is_fatal(free_a_pageable_block_that_is_none));
    assert_false(is_fatal(free_properly));
    IOFree(victim, 64);
}

static void al_13_handlers_allocate_nothing_and_free_later(void **state)
{
    struct heap_stats heap;
    uint64_t blocks;

    (void)state;
    for (unsigned i = 0; i < FAMILIES; i++) {
        const struct malloc_family *family = &malloc_families[i];
        void *block = family->allocate(100);
        IOMallocStatistics now;

        sim_in_handler = true;
        assert_null(family->allocate(100));
        assert_int_equal(IOMemoryLastError(), kIOReturnCannotLock);
        heap_get_stats(&heap);
        blocks = heap.blocks;
        family->free(block, 100);
        heap_get_stats(&heap);
        assert_int_equal(heap.blocks, blocks);
        now = malloc_statistics(family->family);
        assert_int_equal(now.blocks, 0);
        assert_int_equal(now.waiting, 1);
        sim_in_handler = false;
        IOMallocReclaim();
        heap_get_stats(&heap);
        assert_true(heap.blocks < blocks);
        assert_int_equal(malloc_statistics(family->family).waiting, 0);
        /* Whoever allocates next has it as well: it may be the memory that is wanted. */
        block = family->allocate(100);
        sim_in_handler = true;
        family->free(block, 100);
        sim_in_handler = false;
        assert_int_equal(malloc_statistics(family->family).waiting, 1);
        block = IOMallocData(1);
        assert_int_equal(malloc_statistics(family->family).waiting, 0);
        IOFreeData(block, 1);
    }
}

static void counters_tell_what_is_live(void **state)
{
    IOMallocStatistics was = malloc_statistics(kIOMallocData), now;
    void *one = IOMallocData(1000), *two = IOMallocZeroData(500);

    (void)state;
    now = malloc_statistics(kIOMallocData);
    assert_int_equal(now.blocks, was.blocks + 2);
    assert_int_equal(now.bytes, was.bytes + 1500);
    assert_true(now.highWater >= now.bytes);
    sim_console_forget();
    assert_int_equal(IOMallocReportLeaks(), 2);
    assert_true(sim_console_said("data block") && sim_console_said("of 1000 bytes, allocated by"));
    IOFreeData(one, 1000);
    IOFreeData(two, 500);
    IOMallocGetStatistics(kIOMallocFamilyCount, &now);
    assert_int_equal(now.highWater, 0);
    IOMallocGetStatistics(kIOMallocData, NULL);
}

/* The program's code; the linker knows. */
extern const char __executable_start[], etext[];

static bool is_code(const char *number)
{
    const uint64_t at = number != NULL ? strtoull(number, NULL, 0) : 0;

    return at >= (uint64_t)__executable_start && at < (uint64_t)etext;
}

/* Of each family: the most at once, what was refused, and who has what is left. */
static void every_family_accounts_for_itself(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAMILIES; i++) {
        const struct malloc_family *family = &malloc_families[i];
        const IOMallocStatistics was = malloc_statistics(family->family);
        const uint64_t most = was.highWater + 1;
        void *block = family->allocate(most), *more;
        IOMallocStatistics now = malloc_statistics(family->family);

        assert_non_null(block);
        /* Who relies on zeros that it did not ask for shall fail here. */
        assert_true(family->zeroed == (malloc_load(block, most - 1) == 0));
        assert_true(family->zeroed == (malloc_load(block, 0) == 0));
        assert_int_equal(was.bytes, 0);
        assert_int_equal(now.highWater, most);
        more = family->allocate(1);
        assert_int_equal(malloc_statistics(family->family).highWater, most + 1);
        sim_console_forget();
        assert_int_equal(IOMallocReportLeaks(), 2);
        assert_true(is_code(sim_console_after("of 1 bytes, allocated by ")));
        family->free(more, 1);
        family->free(block, most);
        assert_int_equal(malloc_statistics(family->family).highWater, most + 1);
        IOMallocFailNth(1);
        assert_null(family->allocate(1));
        IOMallocFailNth(0);
        assert_null(family->allocate((vm_size_t)1 << 62)); /* more than there is */
        now = malloc_statistics(family->family);
        assert_int_equal(now.failures, was.failures + 2);
        assert_int_equal(now.highWater, most + 1);
    }
}

/* Some of everything; gives up, with all given back, where memory fails. */
static bool workload(void)
{
    void *blocks[FAMILIES * 3] = {NULL};
    static const uint64_t sizes[] = {24, 5000, 100000};
    bool complete = true;

    for (unsigned i = 0; i < FAMILIES * 3 && complete; i++) {
        blocks[i] = malloc_families[i % FAMILIES].allocate(sizes[i / FAMILIES]);
        complete = blocks[i] != NULL;
    }
    for (unsigned i = 0; i < FAMILIES * 3; i++) {
        malloc_families[i % FAMILIES].free(blocks[i], sizes[i / FAMILIES]);
    }
    return complete;
}

static void expect_nothing_held(void)
{
    assert_true(sim_holds(&malloc_before));
    assert_true(IOMemoryLastError() == kIOReturnNoMemory ||
                IOMemoryLastError() == kIOReturnNoSpace);
}

static void al_14_any_allocation_may_fail(void **state)
{
    uint64_t nth = 1;

    (void)state;
    for (;; nth++) {
        IOMallocFailNth(nth);
        if (workload()) {
            break;
        }
        expect_nothing_held();
    }
    assert_int_equal(nth, FAMILIES * 3 + 1);
}

/* And whatever the kernel asks for on the way. */
static void al_14_any_request_below_may_fail(void **state)
{
    struct inject_report report;
    uint64_t nth = 1;
    bool complete;

    (void)state;
    for (;; nth++) {
        inject_begin(nth);
        complete = workload();
        inject_end(&report);
        if (!report.failed) {
            break;
        }
        assert_false(complete);
        expect_nothing_held();
    }
    assert_true(complete);
    print_message("# %llu points\n", (unsigned long long)nth - 1);
    assert_true(nth > FAMILIES * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MALLOC_TEST(blocks_freed_while_prepared_wait),
        MALLOC_TEST(refusals_say_why),
        MALLOC_TEST(al_9_a_wrong_size_is_logged_and_the_block_freed),
        MALLOC_TEST(al_9_what_is_no_block_is_detected),
        MALLOC_TEST(al_13_handlers_allocate_nothing_and_free_later),
        MALLOC_TEST(counters_tell_what_is_live),
        MALLOC_TEST(every_family_accounts_for_itself),
        MALLOC_TEST(al_14_any_allocation_may_fail),
        MALLOC_TEST(al_14_any_request_below_may_fail),
    };

    return cmocka_run_group_tests(tests, malloc_power_on, malloc_power_off);
}
