/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages of pageable buffers: those that stay, those that go, and when they come.
 * The checks BM-8 and BM-12.
 */
#include "tests/host/machine/map_buffer.h"

/* All segments of a prepared buffer below a limit; how many are there? */
static unsigned count_segments(IOBufferMemoryDescriptor *buffer, uint64_t highest)
{
    IOByteCount length;
    unsigned count = 0;

    for (IOByteCount offset = 0; offset < IOMemoryDescriptor_getLength(buffer); offset += length) {
        const addr64_t at = IOMemoryDescriptor_getPhysicalSegment(buffer, offset, &length, 0);

        assert_true(length != 0 && at + length - 1 <= highest);
        count++;
    }
    return count;
}

/* What is asked of the pages of a pageable buffer holds from creation on. */
static void bm_8_pageable_pages_that_stay(void **state)
{
    task_t tasks[] = {kernel_task, owner, TASK_NULL};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        IOBufferMemoryDescriptor *aligned =
            IOBufferMemoryDescriptor_inTaskWithOptions(tasks[i], PAGEABLE, 40000, 64 * 1024);
        IOBufferMemoryDescriptor *row =
            make(tasks[i], PAGEABLE | kIOMemoryPhysicallyContiguous, 30000);
        IOBufferMemoryDescriptor *mask =
            IOBufferMemoryDescriptor_inTaskWithPhysicalMask(tasks[i], PAGEABLE, 50000, 0x7fffc000);

        assert_int_equal(resident_pages(aligned), 10);
        assert_int_equal(resident_pages(row), 8);
        assert_int_equal(resident_pages(mask), 13);
        assert_int_equal(address_of(aligned) % (64 * 1024), 0);
        assert_int_equal(address_of(mask) % 0x4000, 0);
        assert_int_equal(IOMemoryDescriptor_prepare(aligned, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_prepare(row, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_prepare(mask, 0), kIOReturnSuccess);
        assert_int_equal(count_segments(aligned, UINT64_MAX), 1);
        assert_int_equal(count_segments(row, UINT64_MAX), 1);
        assert_int_equal(count_segments(mask, 0x7fffffff), 1);
        assert_int_equal(IOMemoryDescriptor_getPhysicalAddress(aligned) % (64 * 1024), 0);
        assert_int_equal(IOMemoryDescriptor_getPhysicalAddress(mask) % 0x4000, 0);
        assert_int_equal(IOMemoryDescriptor_complete(row, 0), kIOReturnSuccess);
        OSObject_release(aligned);
        OSObject_release(row);
        OSObject_release(mask);
    }
    expect_refusal(owner, PAGEABLE, 100, 1, 0xffff, kIOReturnNoMemory); /* no RAM there */
    expect_refusal(owner, PAGEABLE, 100, 1, 0xf0f0, kIOReturnBadArgument);
}

/* Copies of permanent pages are made at once, and stores change no page for another. */
static void permanent_pages_are_never_exchanged(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        make(owner, PAGEABLE | kIOMemoryPhysicallyContiguous, 3 * PAGE_SIZE);
    IOMemoryDescriptor *image =
        describe(address_of(buffer), 3 * PAGE_SIZE, kIOMemoryMapCopyOnWrite, owner);
    struct mmu_translation before, after;
    IOMemoryMap *map;

    (void)state;
    store(owner, address_of(buffer), 1);
    assert_true(translate(owner, address_of(buffer), &before));
    map = map_all(image, other, 0);
    store(owner, address_of(buffer), 2);
    assert_true(translate(owner, address_of(buffer), &after));
    assert_int_equal(before.pa.value, after.pa.value);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 1);
    OSObject_release(map);
    OSObject_release(image);
    OSObject_release(buffer);
}

static IOOptionBits set_purgeable(IOBufferMemoryDescriptor *buffer, IOOptionBits state)
{
    IOOptionBits former = 0;

    assert_int_equal(IOMemoryDescriptor_setPurgeable(buffer, state, &former), kIOReturnSuccess);
    return former;
}

static void bm_12_purgeable_cycle(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(owner, PAGEABLE | kIOMemoryPurgeable, 3 * PAGE_SIZE);
    IOBufferMemoryDescriptor *lasting = make(owner, PAGEABLE, PAGE_SIZE);
    IOOptionBits former;

    (void)state;
    assert_true(IOMemoryDescriptor_getFlags(buffer) & kIOMemoryBufferPurgeable);
    assert_int_equal(IOMemoryDescriptor_getFlags(buffer) & kIOMemoryBufferPageable,
                     kIOMemoryBufferPageable);
    assert_int_not_equal(IOMemoryDescriptor_getDirection(buffer), 0);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(lasting, kIOMemoryPurgeableVolatile, &former),
                     kIOReturnBadArgument);
    expect_refusal(kernel_task, kIODirectionIn | kIOMemoryPurgeable, 100, 1, 0,
                   kIOReturnBadArgument); /* wired memory is not purgeable */
    store(owner, address_of(buffer), 7);
    assert_int_equal(set_purgeable(buffer, kIOMemoryPurgeableVolatile),
                     kIOMemoryPurgeableNonVolatile);
    assert_int_equal(set_purgeable(buffer, kIOMemoryPurgeableNonVolatile),
                     kIOMemoryPurgeableVolatile);
    assert_int_equal(load(owner, address_of(buffer)), 7);
    assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
    set_purgeable(buffer, kIOMemoryPurgeableEmpty); /* pinned pages are spared */
    assert_int_equal(load(owner, address_of(buffer)), 7);
    assert_int_equal(IOMemoryDescriptor_complete(buffer, 0), kIOReturnSuccess);
    set_purgeable(buffer, kIOMemoryPurgeableNonVolatile);
    set_purgeable(buffer, kIOMemoryPurgeableVolatile);
    vm_purge_reclaim(1);
    assert_int_equal(set_purgeable(buffer, kIOMemoryPurgeableNonVolatile), kIOMemoryPurgeableEmpty);
    assert_int_equal(load(owner, address_of(buffer)), 0);
    OSObject_release(buffer);
    OSObject_release(lasting);
}

/* The contents of permanent pages can go, the pages cannot. */
static void bm_12_purgeable_and_permanent(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        make(owner, PAGEABLE | kIOMemoryPurgeable | kIOMemoryPhysicallyContiguous, 3 * PAGE_SIZE);

    (void)state;
    store(owner, address_of(buffer), 7);
    set_purgeable(buffer, kIOMemoryPurgeableVolatile);
    assert_int_equal(vm_purge_reclaim(1), 0);
    assert_int_equal(set_purgeable(buffer, kIOMemoryPurgeableEmpty), kIOMemoryPurgeableVolatile);
    assert_int_equal(set_purgeable(buffer, kIOMemoryPurgeableNonVolatile), kIOMemoryPurgeableEmpty);
    assert_int_equal(resident_pages(buffer), 3);
    assert_int_equal(load(owner, address_of(buffer)), 0);
    OSObject_release(buffer);
}

static void prefault_fills_the_own_mapping(void **state)
{
    (void)state;
    for (IOOptionBits mode = kIODefaultCache; mode <= kIORealTimeCache; mode++) {
        IOBufferMemoryDescriptor *buffer =
            make(owner, PAGEABLE | kIOMapPrefault | mode << kIOMapCacheShift, 5 * PAGE_SIZE);
        const uint64_t faults = sim_faults;

        assert_int_equal(resident_pages(buffer), 5);
        for (uint64_t i = 0; i < 5; i++) {
            store(owner, address_of(buffer) + ptoa(i), 1);
        }
        assert_int_equal(sim_faults, faults);
        OSObject_release(buffer);
    }
}

/* A mapping that cannot be made leaves the mode of the others as it was. */
static void a_failed_mapping_changes_no_mode(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(owner, PAGEABLE, PAGE_SIZE);
    struct mmu_translation at;

    (void)state;
    expect_no_map(&buffer->super.super, owner, address_of(buffer), kIOMapInhibitCache, 0, 0,
                  kIOReturnNoSpace);
    store(owner, address_of(buffer), 1);
    assert_true(translate(owner, address_of(buffer), &at));
    assert_int_equal(at.attributes.memory, MMU_NORMAL);
    OSObject_release(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(bm_8_pageable_pages_that_stay),  MAP_TEST(permanent_pages_are_never_exchanged),
        MAP_TEST(bm_12_purgeable_cycle),          MAP_TEST(bm_12_purgeable_and_permanent),
        MAP_TEST(prefault_fills_the_own_mapping), MAP_TEST(a_failed_mapping_changes_no_mode),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
