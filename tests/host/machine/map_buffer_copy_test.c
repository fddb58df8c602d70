/* SPDX-License-Identifier: BSD-2-Clause */
/* Buffers with a snapshot of another address space: the check BM-11. */
#include "tests/host/machine/map_buffer.h"
#include "tests/host/sim/sim_cache.h"

static IOBufferMemoryDescriptor *copy_of(task_t task, IOOptionBits options, uint64_t source,
                                         uint64_t size)
{
    IOBufferMemoryDescriptor *copy =
        IOBufferMemoryDescriptor_withCopy(task, options, task_map(owner), source, size);

    assert_non_null(copy);
    return copy;
}

static void expect_bytes(task_t task, uint64_t address, uint64_t first, uint64_t count,
                         uint8_t seed)
{
    for (uint64_t i = 0; i < count; i += i % 251 == 0 ? 17 : 1) {
        assert_int_equal(load(task, address + i), pattern(first + i, seed));
    }
}

static void bm_11_stores_on_either_side(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOBufferMemoryDescriptor *copy;
    IOMemoryMap *third;
    task_t watcher;

    (void)state;
    fill(owner, at, 3 * PAGE_SIZE, 1); /* the fourth page is absent */
    copy = copy_of(other, PAGEABLE, at, 4 * PAGE_SIZE);
    assert_int_equal(IOBufferMemoryDescriptor_getCapacity(copy), 4 * PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_getLength(copy), 4 * PAGE_SIZE);
    assert_int_equal(task_create(&watcher), KERN_SUCCESS);
    third = map_all(&copy->super.super, watcher, 0);
    store(owner, at + 5, 0xaa);
    store(owner, at + 3 * PAGE_SIZE, 0xbb);
    store(other, address_of(copy) + PAGE_SIZE, 0xcc);
    assert_int_equal(load(other, address_of(copy) + 5), pattern(5, 1));
    assert_int_equal(load(other, address_of(copy) + 3 * PAGE_SIZE), 0);
    assert_int_equal(load(owner, at + PAGE_SIZE), pattern(PAGE_SIZE, 1));
    /* a mapping shows the copy, and what was stored to it */
    assert_int_equal(load(watcher, IOMemoryMap_getAddress(third) + 5), pattern(5, 1));
    assert_int_equal(load(watcher, IOMemoryMap_getAddress(third) + PAGE_SIZE), 0xcc);
    expect_bytes(watcher, IOMemoryMap_getAddress(third) + 2 * PAGE_SIZE, 2 * PAGE_SIZE, PAGE_SIZE,
                 1);
    OSObject_release(third);
    OSObject_release(copy);
    task_release(watcher);
}

/* Whole pages are shared until either side stores. */
static void pages_are_shared_until_written(void **state)
{
    const uint64_t at = new_pages(owner, 64, RW);
    IOBufferMemoryDescriptor *copy;
    struct page_stats before, after;

    (void)state;
    fill(owner, at, 64 * PAGE_SIZE, 2);
    page_get_stats(&before);
    copy = copy_of(other, PAGEABLE, at, 64 * PAGE_SIZE);
    expect_bytes(other, address_of(copy), 0, 64 * PAGE_SIZE, 2);
    page_get_stats(&after);
    assert_int_equal(after.owned[PAGE_OWNER_BUFFER], before.owned[PAGE_OWNER_BUFFER]);
    store(owner, at, 1);
    page_get_stats(&after);
    assert_int_equal(after.owned[PAGE_OWNER_BUFFER], before.owned[PAGE_OWNER_BUFFER] + 1);
    OSObject_release(copy);
}

/* Any offset and size, over the border of two ranges of the source, in any task, any way. */
static void bm_11_shapes(void **state)
{
    static const uint64_t offsets[] = {0, 1, 4095, 4096, 5000};
    static const uint64_t sizes[] = {1, 100, 4096, 4097, 9000};
    static const IOOptionBits options[] = {
        PAGEABLE, PAGEABLE | kIOMemoryPurgeable, PAGEABLE | kIOMemoryPhysicallyContiguous,
        PAGEABLE | kIOMapInhibitCache, PAGEABLE | kIOMemoryKernelUserShared | kIOMapPrefault};
    const uint64_t at = new_pages(owner, 4, RW);

    (void)state;
    remove_pages(owner, at + 2 * PAGE_SIZE, 1); /* another range in the middle */
    assert_int_equal(new_pages(owner, 1, MMU_READ), at + 2 * PAGE_SIZE);
    assert_int_equal(vm_map_protect(task_map(owner), at + 2 * PAGE_SIZE, PAGE_SIZE, RW),
                     KERN_SUCCESS);
    fill(owner, at, 4 * PAGE_SIZE, 3);
    assert_int_equal(vm_map_protect(task_map(owner), at, 4 * PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 5; k++) {
            for (size_t n = 0; n < 5; n++) {
                task_t task = n % 2 ? kernel_task : other;
                IOBufferMemoryDescriptor *copy =
                    copy_of(task, options[n], at + offsets[i], sizes[k]);

                expect_bytes(task, address_of(copy), offsets[i], sizes[k], 3);
                for (uint64_t behind = sizes[k]; behind % PAGE_SIZE != 0; behind += 1) {
                    assert_int_equal(load(task, address_of(copy) + behind), 0);
                }
                store(task, address_of(copy), 0x5a); /* although the source was read-only */
                assert_int_equal(load(owner, at + offsets[i]), pattern(offsets[i], 3));
                OSObject_release(copy);
            }
        }
    }
}

/* Prepared, it is memory like any other; the source is not touched by what a device writes. */
static void bm_11_segments_and_bytes_show_the_copy(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOBufferMemoryDescriptor *copy;
    uint8_t bytes[9000];

    (void)state;
    fill(owner, at, 9000, 4);
    copy = copy_of(other, PAGEABLE, at, 9000);
    assert_int_equal(IOMemoryDescriptor_prepare(copy, 0), kIOReturnSuccess);
    fill(owner, at, 9000, 5);
    assert_int_equal(IOMemoryDescriptor_readBytes(copy, 0, bytes, 9000), 9000);
    for (uint64_t i = 0; i < 9000; i++) {
        assert_int_equal(bytes[i], pattern(i, 4));
    }
    memset(bytes, 6, sizeof(bytes));
    assert_int_equal(IOMemoryDescriptor_writeBytes(copy, 0, bytes, 9000), 9000);
    assert_int_equal(load(other, address_of(copy) + 8999), 6);
    expect_bytes(owner, at, 0, 9000, 5);
    OSObject_release(copy);
}

/* What a buffer is filled with is in memory, for views that go past the cache. */
static void snapshots_are_not_left_in_the_cache(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW), flushed = sim_cache.flushed;
    IOBufferMemoryDescriptor *copy;

    (void)state;
    fill(owner, at, 9000, 7);
    copy = copy_of(other, PAGEABLE | kIOMemoryPurgeable, at, 9000);
    expect_bytes(other, address_of(copy), 0, 9000, 7);
    assert_in_range(sim_cache.flushed - flushed, 9000 / SIM_CACHE_LINE, 3 * PAGE_SIZE);
    OSObject_release(copy);
}

static void copies_of_kernel_memory(void **state)
{
    static uint8_t *block;
    IOBufferMemoryDescriptor *source =
        IOBufferMemoryDescriptor_withCapacity(3 * PAGE_SIZE, kIODirectionOutIn, false);
    IOBufferMemoryDescriptor *copy;

    (void)state;
    block = IOBufferMemoryDescriptor_getBytesNoCopy(source);
    memset(block, 7, 3 * PAGE_SIZE);
    copy = IOBufferMemoryDescriptor_withCopy(owner, PAGEABLE, kernel_map, (uintptr_t)block, 5000);
    assert_non_null(copy);
    memset(block, 8, 3 * PAGE_SIZE);
    assert_int_equal(load(owner, address_of(copy) + 4999), 7);
    assert_int_equal(load(owner, address_of(copy) + 5000), 0);
    OSObject_release(copy);
    OSObject_release(source);
}

static void expect_no_copy(task_t task, IOOptionBits options, vm_map_t map, uint64_t source,
                           uint64_t size, IOReturn why)
{
    const struct holdings before = holdings_now();

    platform_set_last_error(0);
    assert_null(IOBufferMemoryDescriptor_withCopy(task, options, map, source, size));
    assert_int_equal(IOMemoryLastError(), why);
    assert_true(sim_holds(&before)); /* refused before a byte was copied */
}

static void bad_arguments(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    const vm_map_t map = task_map(owner);
    struct vm_object *registers;
    uint64_t device;

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr(DEVICE), 1, &registers), KERN_SUCCESS);
    device = show_object(owner, registers, MMU_READ);
    vm_object_release(registers);
    fill(owner, at, 2 * PAGE_SIZE, 1);
    expect_no_copy(other, PAGEABLE, map, at, 0, kIOReturnBadArgument);
    expect_no_copy(TASK_NULL, PAGEABLE, map, at, 10, kIOReturnBadArgument);
    expect_no_copy(other, PAGEABLE, NULL, at, 10, kIOReturnBadArgument);
    expect_no_copy(other, kIODirectionIn, map, at, 10, kIOReturnBadArgument);
    expect_no_copy(kernel_task, kIODirectionIn, map, at, 10, kIOReturnBadArgument);
    expect_no_copy(other, PAGEABLE | 0x01000000, map, at, 10, kIOReturnBadArgument);
    expect_no_copy(other, PAGEABLE, map, at, 66 * SIM_MIB, kIOReturnNoResources);
    expect_no_copy(other, PAGEABLE, map, at, UINT64_MAX, kIOReturnBadArgument);
    expect_no_copy(other, PAGEABLE, map, at + PAGE_SIZE, 2 * PAGE_SIZE + 1, kIOReturnVMError);
    expect_no_copy(other, PAGEABLE, map, -PAGE_SIZE, PAGE_SIZE, kIOReturnVMError);
    expect_no_copy(other, PAGEABLE, map, 0, 10, kIOReturnVMError);
    expect_no_copy(other, PAGEABLE, map, device, 10, kIOReturnVMError);
    expect_no_copy(other, PAGEABLE, map, device + 1, 10, kIOReturnVMError);
    assert_int_equal(vm_map_protect(map, at, PAGE_SIZE, 0), KERN_SUCCESS);
    expect_no_copy(other, PAGEABLE, map, at, 10, kIOReturnVMError);
    task_terminate(other);
    expect_no_copy(other, PAGEABLE, map, at + PAGE_SIZE, 10, kIOReturnBadArgument);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(bm_11_stores_on_either_side),
        MAP_TEST(pages_are_shared_until_written),
        MAP_TEST(bm_11_shapes),
        MAP_TEST(bm_11_segments_and_bytes_show_the_copy),
        MAP_TEST(snapshots_are_not_left_in_the_cache),
        MAP_TEST(copies_of_kernel_memory),
        MAP_TEST(bad_arguments),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
