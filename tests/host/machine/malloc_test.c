/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocating with IOMalloc and its families: the checks AL-1 to AL-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/OSObject.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "tests/host/machine/malloc_support.h"

static uint64_t seed = 1;

static uint64_t below(uint64_t limit)
{
    return sim_random(&seed) % limit;
}

/* AL-1: random blocks, each with its own bytes. */
#define LIVE 48

struct live {
    const struct malloc_family *family;
    uint8_t *address;
    uint64_t size;
    uint8_t mark;
};

static bool is_direct(const struct live *live)
{
    return live->family->family != kIOMallocPageable;
}

static void mark(struct live *live)
{
    live->mark = (uint8_t)sim_random(&seed);
    if (is_direct(live)) {
        memset(live->address, live->mark, live->size);
        return;
    }
    for (uint64_t at = 0; at < live->size; at += PAGE_SIZE / 2) {
        malloc_store(live->address, at, live->mark);
    }
    malloc_store(live->address, live->size - 1, live->mark);
}

static void expect_mark(const struct live *live)
{
    uint64_t step = is_direct(live) ? 1 : PAGE_SIZE / 2;

    for (uint64_t at = 0; at < live->size; at += step) {
        if ((is_direct(live) ? live->address[at] : malloc_load(live->address, at)) != live->mark) {
            fail_msg("byte %llu of %llu", (unsigned long long)at, (unsigned long long)live->size);
        }
    }
    assert_int_equal(is_direct(live) ? live->address[live->size - 1]
                                     : malloc_load(live->address, live->size - 1),
                     live->mark);
}

static void release(struct live *live)
{
    expect_mark(live);
    live->family->free(live->address, live->size);
    live->address = NULL;
}

static void obtain(struct live *live)
{
    live->family = &malloc_families[below(FAMILIES)];
    live->size = 1 + below(1ull << (4 + below(20))); /* 1 to 8 MiB, small ones more often */
    live->address = live->family->allocate(live->size);
    if (live->address != NULL) {
        mark(live);
    } else {
        assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
    }
}

static void al_1_blocks_are_whole_and_apart(void **state)
{
    static struct live live[LIVE];
    unsigned refused = 0;

    (void)state;
    memset(live, 0, sizeof(live));
    for (unsigned i = 0; i < 3000; i++) {
        struct live *one = &live[below(LIVE)];

        if (one->address != NULL) {
            release(one);
        }
        obtain(one);
        refused += one->address == NULL;
    }
    for (unsigned i = 0; i < LIVE; i++) {
        if (live[i].address != NULL) {
            release(&live[i]);
        }
    }
    print_message("# %u of 3000 found no memory\n", refused);
    assert_true(refused < 1500);
}

static void al_2_addresses_are_aligned(void **state)
{
    static const uint64_t sizes[] = {1, 15, 100, 2048, 4095, 4096, 5000, 70000};

    (void)state;
    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        const uint64_t size = sizes[s];

        for (uint64_t alignment = 1; alignment <= 2 * SIM_MIB; alignment *= 2) {
            IOPhysicalAddress physical;
            void *aligned = IOMallocAligned(size, alignment);
            void *contiguous = IOMallocContiguous(size, alignment, &physical);
            void *pageable = IOMallocPageable(size, alignment);
            const uint64_t least = alignment < 16 ? 16 : alignment;

            assert_int_equal((uint64_t)aligned % least, 0);
            assert_int_equal((uint64_t)contiguous % least, 0);
            assert_int_equal(physical % least, 0);
            assert_int_equal((uint64_t)pageable % (least < PAGE_SIZE ? PAGE_SIZE : least), 0);
            assert_true(aligned != NULL && contiguous != NULL && pageable != NULL);
            IOFreeAligned(aligned, size);
            IOFreeContiguous(contiguous, size);
            IOFreePageable(pageable, size);
        }
        for (unsigned i = 0; i < FAMILIES; i++) {
            void *block = malloc_families[i].allocate(size);

            assert_non_null(block);
            assert_int_equal((uint64_t)block % 16, 0);
            if (malloc_families[i].family == kIOMallocPageable ||
                (malloc_families[i].family == kIOMallocContiguous && size >= PAGE_SIZE)) {
                assert_int_equal((uint64_t)block % PAGE_SIZE, 0);
            }
            malloc_families[i].free(block, size);
        }
    }
}

static void al_3_impossible_sizes_are_refused_at_once(void **state)
{
    static const uint64_t sizes[] = {0, 1ull << 63, UINT64_MAX, UINT64_MAX - 15, -PAGE_SIZE};
    struct page_stats pages, after;

    (void)state;
    page_get_stats(&pages);
    for (unsigned i = 0; i < FAMILIES; i++) {
        const IOMallocStatistics was = malloc_statistics(malloc_families[i].family);

        for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            IOMallocStatistics is;

            assert_null(malloc_families[i].allocate(sizes[s]));
            assert_int_equal(IOMemoryLastError(),
                             sizes[s] == 0 ? kIOReturnBadArgument : kIOReturnNoMemory);
            is = malloc_statistics(malloc_families[i].family);
            assert_memory_equal(&was, &is, sizeof(was));
        }
    }
    page_get_stats(&after);
    assert_memory_equal(&pages, &after, sizeof(pages));
    for (unsigned i = 0; i < FAMILIES; i++) { /* possible in a larger machine */
        assert_null(malloc_families[i].allocate((1ull << 63) - 1));
        assert_null(malloc_families[i].allocate(1ull << 47));
        assert_int_equal(IOMemoryLastError(), malloc_families[i].family == kIOMallocPageable
                                                  ? kIOReturnNoSpace
                                                  : kIOReturnNoMemory);
    }
}

static void al_4_zeroed_memory_is_zero_when_reused(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= 64 * 1024; size += 1 + size / 3) {
        uint8_t *dirty[4];

        for (unsigned i = 0; i < 4; i++) {
            dirty[i] = IOMalloc(size);
            assert_non_null(dirty[i]);
            memset(dirty[i], 0xff, size);
        }
        for (unsigned i = 0; i < 4; i++) {
            IOFree(dirty[i], size);
        }
        for (unsigned i = 0; i < FAMILIES; i++) {
            uint8_t *block = malloc_families[i].allocate(size);
            bool pageable = malloc_families[i].family == kIOMallocPageable;

            assert_non_null(block);
            for (uint64_t at = 0; malloc_families[i].zeroed && at < size;
                 at += pageable ? 256 : 1) {
                assert_int_equal(pageable ? malloc_load(block, at) : block[at], 0);
            }
            malloc_families[i].free(block, size);
        }
    }
}

/* Take everything in pieces of up to a size, then give it back in any order. */
static void exhaust(const struct malloc_family *family, uint64_t most)
{
    enum {
        MANY = 1 << 17
    };
    static struct {
        void *address;
        uint64_t size;
    } taken[MANY];
    unsigned count = 0;

    while (count < MANY) {
        taken[count].size = 1 + below(most);
        taken[count].address = family->allocate(taken[count].size);
        if (taken[count].address == NULL) {
            break;
        }
        count++;
    }
    assert_true(count < MANY);
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
    assert_true(malloc_statistics(family->family).failures != 0);
    while (count > 0) {
        const unsigned pick = (unsigned)below(count--);

        family->free(taken[pick].address, taken[pick].size);
        taken[pick] = taken[count];
    }
}

static void al_5_exhaustion_leaves_no_fragments(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WIRED_FAMILIES; i++) {
        static const uint64_t most[] = {3000, 20000, 3 * SIM_MIB};
        struct page_stats pages, after;

        for (unsigned m = 0; m < 3; m++) {
            heap_trim();
            page_get_stats(&pages);
            exhaust(&malloc_families[i], most[m]);
            heap_trim();
            page_get_stats(&after);
            assert_int_equal(pages.free, after.free);
            assert_memory_equal(pages.free_blocks, after.free_blocks, sizeof(pages.free_blocks));
        }
    }
}

static void al_6_contiguous_memory_is_one_run(void **state)
{
    (void)state;
    for (uint64_t size = 1; size < 5 * SIM_MIB; size += 1 + size / 2) {
        IOPhysicalAddress physical = 1;
        uint8_t *block = IOMallocContiguous(size, 0, &physical);

        assert_non_null(block);
        for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
            struct mmu_translation to;

            assert_true(mmu_translate(mmu_kernel, (vaddr_t)block + at, &to));
            assert_int_equal(to.pa.value, physical + at);
        }
        IOFreeContiguous(block, size);
    }
}

static void al_8_odd_alignments(void **state)
{
    IOPhysicalAddress physical = 1;
    uint8_t *blocks[8];

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        blocks[i] = IOMallocAligned(24, 24);
        assert_non_null(blocks[i]);
        assert_int_equal((uint64_t)blocks[i] % 32, 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        IOFreeAligned(blocks[i], 24);
    }
    assert_null(IOMallocContiguous(100, 24, &physical));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(physical, 0);
    assert_null(IOMallocPageable(100, 24));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOMallocAligned(100, 1ull << 32));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOMallocContiguous(100, 1ull << 32, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOMallocPageable(100, 1ull << 32));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOMallocPageable(100, 4 * SIM_MIB));
    assert_int_equal(IOMemoryLastError(), kIOReturnUnsupported);
    assert_null(IOMallocAligned(100, 0xffffffff)); /* which is 4 GiB */
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
}

static void al_6_failure_writes_zero(void **state)
{
    IOPhysicalAddress physical = 1;

    (void)state;
    assert_null(IOMallocContiguous(128 * SIM_MIB, 0, &physical));
    assert_int_equal(physical, 0);
    physical = 1;
    assert_null(IOMallocContiguous(0, 0, &physical));
    assert_int_equal(physical, 0);
}

static IOMemoryDescriptor *describe(void *address, uint64_t size)
{
    IOMemoryDescriptor *md = IOMemoryDescriptor_withAddressRange((uint64_t)address, size,
                                                                 kIODirectionOutIn, kernel_task);

    assert_non_null(md);
    return md;
}

static void al_7_pageable_memory_comes_when_touched(void **state)
{
    const uint64_t size = 10 * PAGE_SIZE;
    struct vm_object_stats objects;
    uint8_t *block = IOMallocPageable(size, 0);
    const uint64_t pages = holdings_now().pages;
    IOMemoryDescriptor *md;

    (void)state;
    vm_object_get_stats(&objects);
    assert_int_equal(objects.pages, 0);
    assert_int_equal(malloc_load(block, 3 * PAGE_SIZE + 5), 0);
    malloc_store(block, 7 * PAGE_SIZE, 1);
    vm_object_get_stats(&objects);
    assert_int_equal(objects.pages, 2);
    assert_true(holdings_now().pages >= pages + 2);
    md = describe(block, size);
    assert_int_equal(IOMemoryDescriptor_prepare(md, kIODirectionOutIn), kIOReturnSuccess);
    vm_object_get_stats(&objects);
    assert_int_equal(objects.pages, 10);
    assert_int_equal(holdings_now().pins, 10);
    assert_int_equal(malloc_load(block, 7 * PAGE_SIZE), 1);
    assert_int_equal(IOMemoryDescriptor_complete(md, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(holdings_now().pins, 0);
    OSObject_release(md);
    IOFreePageable(block, size);
    vm_object_get_stats(&objects);
    assert_int_equal(objects.pages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MALLOC_TEST(al_1_blocks_are_whole_and_apart),
        MALLOC_TEST(al_2_addresses_are_aligned),
        MALLOC_TEST(al_3_impossible_sizes_are_refused_at_once),
        MALLOC_TEST(al_4_zeroed_memory_is_zero_when_reused),
        MALLOC_TEST(al_5_exhaustion_leaves_no_fragments),
        MALLOC_TEST(al_6_contiguous_memory_is_one_run),
        MALLOC_TEST(al_6_failure_writes_zero),
        MALLOC_TEST(al_7_pageable_memory_comes_when_touched),
        MALLOC_TEST(al_8_odd_alignments),
    };

    return cmocka_run_group_tests(tests, malloc_power_on, malloc_power_off);
}
