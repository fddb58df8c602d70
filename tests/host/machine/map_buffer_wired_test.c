/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wired buffers that the linear view of RAM cannot show: with guard pages, in a cache
 * mode, of scattered pages; and what user tasks may see of wired ones. The checks
 * BM-9, BM-10 and BM-16; a buffer that shares its page is refused to user tasks.
 */
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/map_buffer.h"

static void bm_9_guards(void **state)
{
    static const uint64_t sizes[] = {1, 4095, 4096, 4097, 20000};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        IOBufferMemoryDescriptor *buffer =
            IOBufferMemoryDescriptor_inTaskWithGuardPages(kernel_task, kIODirectionOutIn, sizes[i]);
        const uint64_t at = address_of(buffer), size = round_page(sizes[i]);
        IOMemoryMap *map = map_all(&buffer->super.super, kernel_task, kIOMapUnique);
        const uint64_t faults = sim_faults;

        assert_int_equal(IOBufferMemoryDescriptor_getCapacity(buffer), size);
        assert_int_equal(IOMemoryDescriptor_getLength(buffer), size);
        assert_int_equal(at % PAGE_SIZE, 0);
        assert_int_equal(load(kernel_task, at), 0);
        store(kernel_task, at, 1);
        store(kernel_task, at + size - 1, 2);
        assert_int_equal(sim_faults, faults); /* wired: not even the first access faults */
        assert_int_equal(load(kernel_task, IOMemoryMap_getAddress(map) + size - 1), 2);
        assert_int_equal(try_load(kernel_task, at - 1), KERN_PROTECTION_FAILURE);
        assert_int_equal(try_store(kernel_task, at + size), KERN_PROTECTION_FAILURE);
        assert_int_equal(try_load(kernel_task, at - PAGE_SIZE), KERN_PROTECTION_FAILURE);
        assert_int_equal(try_load(kernel_task, at + size + PAGE_MASK), KERN_PROTECTION_FAILURE);
        OSObject_release(map);
        OSObject_release(buffer);
    }
}

static void expect_no_guards(task_t task, IOOptionBits options, uint64_t capacity, IOReturn why)
{
    platform_set_last_error(0);
    assert_null(IOBufferMemoryDescriptor_inTaskWithGuardPages(task, options, capacity));
    assert_int_equal(IOMemoryLastError(), why);
}

static void bm_9_refused_combinations(void **state)
{
    (void)state;
    expect_no_guards(kernel_task, kIOMemoryPageable, 100, kIOReturnUnsupported);
    expect_no_guards(owner, kIOMemoryPageable, 100, kIOReturnUnsupported);
    expect_no_guards(kernel_task, kIOMemoryPhysicallyContiguous, 100, kIOReturnUnsupported);
    expect_no_guards(kernel_task, kIOMemoryHostPhysicallyContiguous, 100, kIOReturnUnsupported);
    expect_no_guards(owner, kIODirectionIn, 100, kIOReturnBadArgument);
    expect_no_guards(TASK_NULL, kIODirectionIn, 100, kIOReturnBadArgument);
    expect_no_guards(kernel_task, kIODirectionIn, 0, kIOReturnBadArgument);
    expect_no_guards(kernel_task, kIODirectionIn, UINT64_MAX, kIOReturnBadArgument);
    expect_no_guards(kernel_task, kIODirectionIn, 65 * SIM_MIB, kIOReturnNoMemory);
}

/* Memory type of what is mapped at an address now. */
static enum mmu_memory memory_at(task_t task, uint64_t address)
{
    struct mmu_translation at;

    load(task, address);
    assert_true(translate(task, address, &at));
    return at.attributes.memory;
}

static const enum mmu_memory memory_of_mode[] = {
    [kIODefaultCache] = MMU_NORMAL,          [kIOInhibitCache] = MMU_NONCACHED,
    [kIOWriteThruCache] = MMU_WRITE_THROUGH, [kIOCopybackCache] = MMU_NORMAL,
    [kIOWriteCombineCache] = MMU_NONCACHED,  [kIOCopybackInnerCache] = MMU_NORMAL,
    [kIOPostedWrite] = MMU_NONCACHED,        [kIORealTimeCache] = MMU_NONCACHED,
};

static unsigned mode_of(IOBufferMemoryDescriptor *buffer)
{
    return (IOMemoryDescriptor_getFlags(buffer) & kIOMemoryBufferCacheMask) >>
           kIOMemoryBufferCacheShift;
}

static void bm_10_cache_modes(void **state)
{
    const IOOptionBits kinds[] = {kIODirectionOutIn, kIODirectionOutIn | kIOMemoryPageable,
                                  kIODirectionOutIn | kIOMemoryPhysicallyContiguous};

    (void)state;
    for (unsigned mode = kIODefaultCache; mode <= kIORealTimeCache; mode++) {
        for (size_t i = 0; i < 3; i++) {
            IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
                kinds[i] | mode << kIOMapCacheShift | kIOMemoryMapperNone, 6000, 1);
            IOMemoryMap *map;
            uint8_t byte = 3;

            assert_int_equal(mode_of(buffer), mode);
            assert_true(IOMemoryDescriptor_getFlags(buffer) & kIOMemoryMapperNone); /* BM-16 */
            if (address_of(buffer) >= MMU_KERNEL_VA_BASE) {
                assert_int_equal(memory_at(kernel_task, address_of(buffer)), memory_of_mode[mode]);
            } else {
                assert_int_equal(memory_of_mode[mode], MMU_NORMAL); /* as all of that view */
            }
            map = map_all(&buffer->super.super, owner, 0);
            assert_int_equal(memory_at(owner, IOMemoryMap_getAddress(map)), memory_of_mode[mode]);
            assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
            assert_int_equal(IOMemoryDescriptor_writeBytes(buffer, 5999, &byte, 1), 1);
            assert_int_equal(load(owner, IOMemoryMap_getAddress(map) + 5999), 3);
            OSObject_release(map);
            OSObject_release(buffer);
        }
    }
}

/* A mode that a mapping asks for becomes that of the buffer's own mapping and of all others. */
static void bm_10_all_mappings_follow(void **state)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithOptions(
        owner, kIODirectionOutIn | kIOMemoryPageable, 6000, 1);
    IOMemoryMap *before = map_all(&buffer->super.super, other, 0);
    IOMemoryMap *changes;

    (void)state;
    assert_int_equal(memory_at(owner, address_of(buffer)), MMU_NORMAL);
    assert_int_equal(memory_at(other, IOMemoryMap_getAddress(before)), MMU_NORMAL);
    changes = map_all(&buffer->super.super, kernel_task, kIOMapWriteCombineCache);
    assert_int_equal(memory_at(kernel_task, IOMemoryMap_getAddress(changes)), MMU_NONCACHED);
    assert_int_equal(memory_at(owner, address_of(buffer)), MMU_NONCACHED);
    assert_int_equal(memory_at(other, IOMemoryMap_getAddress(before)), MMU_NONCACHED);
    OSObject_release(before);
    OSObject_release(changes);
    OSObject_release(buffer);
}

/* Handlers use wired memory: it does not even fault when its mode has just changed. */
static void wired_buffers_stay_in_the_tables(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn | kIOMapWriteThruCache, 9000, 1);
    struct mmu_translation at;
    IOMemoryMap *map;

    (void)state;
    map = map_all(&buffer->super.super, owner, kIOMapInhibitCache);
    for (uint64_t i = 0; i < 9000; i += PAGE_SIZE) {
        assert_true(translate(kernel_task, address_of(buffer) + i, &at));
        assert_int_equal(at.attributes.memory, MMU_NONCACHED);
        assert_true(at.attributes.access & MMU_WRITE);
    }
    OSObject_release(map);
    OSObject_release(buffer);
}

/* The bit is part of no mode. */
static void bm_16_mapper_none_alone(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(kIODirectionIn | kIOMemoryMapperNone, 100, 1);

    (void)state;
    assert_int_equal(mode_of(buffer), kIODefaultCache);
    assert_true(address_of(buffer) < MMU_KERNEL_VA_BASE); /* small, and not alone in its page */
    assert_true(buffer->allocated < PAGE_SIZE);
    OSObject_release(buffer);
}

/* What else is in the page is none of a user task's business. */
static void d_9_parts_of_pages_stay_in_the_kernel(void **state)
{
    IOBufferMemoryDescriptor *part =
        IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOutIn, false);
    IOBufferMemoryDescriptor *shared =
        IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn | kIOMemoryKernelUserShared, 100, 1);
    IOBufferMemoryDescriptor *whole =
        IOBufferMemoryDescriptor_withCapacity(PAGE_SIZE + 1, kIODirectionOutIn, false);
    IOMemoryMap *maps[3];
    uint8_t byte = 9;

    (void)state;
    expect_no_map(&part->super.super, owner, 0, kIOMapAnywhere, 0, 0, kIOReturnNotPermitted);
    expect_no_map(&part->super.super, owner, 0, kIOMapAnywhere | kIOMapReadOnly, 10, 10,
                  kIOReturnNotPermitted);
    maps[0] = map_all(&part->super.super, kernel_task, kIOMapUnique);
    maps[1] = map_all(&shared->super.super, owner, 0);
    maps[2] = map_all(&whole->super.super, owner, 0);
    assert_int_equal(IOMemoryDescriptor_writeBytes(shared, 99, &byte, 1), 1);
    assert_int_equal(load(owner, IOMemoryMap_getAddress(maps[1]) + 99), 9);
    for (int i = 0; i < 3; i++) {
        OSObject_release(maps[i]);
    }
    OSObject_release(part);
    OSObject_release(shared);
    OSObject_release(whole);
}

/* Nor does a window on it or a concatenation with it help. */
static void d_9_through_composites(void **state)
{
    IOBufferMemoryDescriptor *part =
        IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOutIn, false);
    IOMemoryDescriptor *descriptors[] = {&part->super.super};
    IOSubMemoryDescriptor *window =
        IOSubMemoryDescriptor_withSubRange(part, 10, 50, kIODirectionOutIn);
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(descriptors, 1, kIODirectionOutIn, false);

    (void)state;
    expect_no_map(IOMemoryDescriptor_upcast(window), owner, 0, kIOMapAnywhere, 0, 0,
                  kIOReturnNotPermitted);
    expect_no_map(IOMemoryDescriptor_upcast(multi), owner, 0, kIOMapAnywhere, 0, 0,
                  kIOReturnNotPermitted);
    OSObject_release(window);
    OSObject_release(multi);
    OSObject_release(part);
}

#define MOST_PAGES 16384

/* Take all RAM page by page and give every second page back: no two are together. */
static size_t fragment(paddr_t *taken)
{
    size_t count = 0, i;

    while (page_alloc(0, PAGE_OWNER_IMAGE, &taken[count]) == KERN_SUCCESS) {
        count++;
        assert_true(count < MOST_PAGES);
    }
    for (i = 0; i < count; i++) {
        if ((taken[i].value >> PAGE_SHIFT) % 2 != 0) {
            assert_int_equal(page_free(taken[i], 0), KERN_SUCCESS);
            taken[i--] = taken[--count];
        }
    }
    return count;
}

static void scattered_where_no_run_is_to_be_had(void **state)
{
    static paddr_t taken[MOST_PAGES];
    IOBufferMemoryDescriptor *buffer, *small;
    uint8_t bytes[30000], back[30000];
    IOMemoryMap *map;
    IOByteCount length;
    size_t count = fragment(taken), i;

    (void)state;
    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = pattern(i, 1);
    }
    assert_null(IOBufferMemoryDescriptor_withCapacity(sizeof(bytes), kIODirectionIn, true));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
    small = IOBufferMemoryDescriptor_withCapacity(PAGE_SIZE, kIODirectionIn, false);
    assert_non_null(small);
    buffer = IOBufferMemoryDescriptor_withBytes(bytes, sizeof(bytes), kIODirectionOutIn, false);
    assert_non_null(buffer);
    assert_true(address_of(buffer) >= MMU_KERNEL_VA_BASE);
    IOMemoryDescriptor_getPhysicalSegment(buffer, 0, &length, 0);
    assert_int_equal(length, PAGE_SIZE); /* at once: it is wired */
    assert_int_equal(IOMemoryDescriptor_getFlags(buffer), kIODirectionOutIn | kIOMemoryTypeVirtual |
                                                              kIOMemoryAsReference |
                                                              kIOMemoryAutoPrepare);
    assert_int_equal(IOMemoryDescriptor_readBytes(buffer, 0, back, sizeof(back)), sizeof(back));
    assert_memory_equal(back, bytes, sizeof(bytes));
    assert_int_equal(load(kernel_task, address_of(buffer) + 12345), bytes[12345]);
    map = map_all(&buffer->super.super, owner, 0);
    assert_int_equal(load(owner, IOMemoryMap_getAddress(map) + 29999), bytes[29999]);
    OSObject_release(map);
    OSObject_release(buffer);
    OSObject_release(small);
    for (i = 0; i < count; i++) {
        assert_int_equal(page_free(taken[i], 0), KERN_SUCCESS);
    }
}

/* A device may still write there. */
static void freed_with_dma_active(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_inTaskWithGuardPages(kernel_task, kIODirectionIn, PAGE_SIZE);
    const paddr_t page = paddr(IOMemoryDescriptor_getPhysicalAddress(buffer));
    const uint64_t at = address_of(buffer);

    (void)state;
    IOMemoryDescriptor_dmaCommandOperation(buffer, kIOMDSetDMAActive, NULL, 0);
    OSObject_release(buffer);
    assert_int_equal(try_load(kernel_task, at), KERN_INVALID_ADDRESS);
    assert_int_equal(page_get_state(page), PAGE_ALLOCATED);
    assert_int_equal(page_pin_count(page), 1);
    assert_int_equal(page_unpin(page), KERN_SUCCESS); /* which the device never does */
    assert_int_equal(page_get_state(page), PAGE_FREE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(bm_9_guards),
        MAP_TEST(bm_9_refused_combinations),
        MAP_TEST(bm_10_cache_modes),
        MAP_TEST(bm_10_all_mappings_follow),
        MAP_TEST(wired_buffers_stay_in_the_tables),
        MAP_TEST(bm_16_mapper_none_alone),
        MAP_TEST(d_9_parts_of_pages_stay_in_the_kernel),
        MAP_TEST(d_9_through_composites),
        MAP_TEST(scattered_where_no_run_is_to_be_had),
        MAP_TEST(freed_with_dma_active),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
