/* SPDX-License-Identifier: BSD-2-Clause */
/* A map once it is made: what it tells, what may be written, and how it ends. */
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_cache.h"

/* What may be written through a mapping, whatever its descriptor was made for. */
static void stores_need_permission(void **state)
{
    const uint64_t at = new_pages(owner, 1, MMU_READ);
    IOMemoryDescriptor *memory = describe(at, 100, kIODirectionOut, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapReadOnly);
    IOMemoryMap *writable;

    (void)state;
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 0);
    assert_int_equal(try_store(other, IOMemoryMap_getAddress(map)), KERN_PROTECTION_FAILURE);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotPermitted);
    /* The owner may write by now: so may a new mapping. */
    assert_int_equal(vm_map_protect(task_map(owner), at, PAGE_SIZE, RW), KERN_SUCCESS);
    writable = map_all(memory, other, 0);
    store(other, IOMemoryMap_getAddress(writable), 6);
    assert_int_equal(load(owner, at), 6);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 6);
    OSObject_release(map);
    OSObject_release(writable);
    OSObject_release(memory);
}

static void overwriting_a_reservation(void **state)
{
    const struct vm_range nothing = {.object = NULL};
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    uint64_t reserved = 0;
    IOMemoryMap *map;

    (void)state;
    assert_int_equal(
        vm_map_enter(task_map(other), &reserved, 4 * PAGE_SIZE, 0, &nothing, VM_ENTER_ANYWHERE),
        KERN_SUCCESS);
    map = IOMemoryDescriptor_createMappingInTask(memory, other, reserved + PAGE_SIZE,
                                                 kIOMapOverwrite, 0, 0);
    assert_non_null(map);
    store(other, reserved + PAGE_SIZE, 3);
    assert_int_equal(load(owner, at), 3);
    assert_int_equal(try_load(other, reserved), KERN_PROTECTION_FAILURE);
    OSObject_release(map);
    assert_int_equal(load(other, reserved + PAGE_SIZE), 3); /* the caller's to take away */
    OSObject_release(memory);
}

static void mm_1_accessors(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at + 24, 5000, kIODirectionOutIn, owner);
    IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(
        memory, other, 0, kIOMapAnywhere | kIOMapReadOnly, 100, 50);

    (void)state;
    assert_int_equal(IOMemoryMap_getAddress(map) & PAGE_MASK, 124);
    assert_int_equal(IOMemoryMap_getVirtualAddress(map), IOMemoryMap_getAddress(map));
    assert_int_equal(IOMemoryMap_getLength(map), 50);
    assert_int_equal(IOMemoryMap_getSize(map), 50);
    assert_ptr_equal(IOMemoryMap_getAddressTask(map), other);
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), memory);
    assert_int_equal(IOMemoryMap_getMapOptions(map), kIOMapAnywhere | kIOMapReadOnly);
    assert_ptr_equal(IOMemoryMap_getMetaClass(map), &IOMemoryMap_metaClass); /* MM-10 */
    assert_int_equal(OSObject_getRetainCount(map), 1);
    assert_int_equal(OSObject_getRetainCount(memory), 2);
    OSObject_release(memory);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 0);
    OSObject_release(map);
}

static void mm_1_null(void **state)
{
    IOByteCount length = 5;

    (void)state;
    assert_int_equal(IOMemoryMap_getAddress(NULL), 0);
    assert_int_equal(IOMemoryMap_getLength(NULL), 0);
    assert_null(IOMemoryMap_getAddressTask(NULL));
    assert_null(IOMemoryMap_getMemoryDescriptor(NULL));
    assert_int_equal(IOMemoryMap_getMapOptions(NULL), 0);
    assert_int_equal(IOMemoryMap_getPhysicalSegment(NULL, 0, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryMap_unmap(NULL), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_wireRange(NULL, 3, 0, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_redirect(NULL, (IOMemoryDescriptor *)NULL, 0, 0),
                     kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_redirectTask(NULL, TASK_NULL, true), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_userClientUnmap(NULL), kIOReturnBadArgument);
    IOMemoryMap_taskDied(NULL);
    IOMemoryMap_free(NULL);
    assert_null(IOMemoryDescriptor_map((IOMemoryDescriptor *)NULL, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
}

static void mm_3_unmap(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW), ranges = ranges_now();
    IOMemoryDescriptor *memory = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapGuardedSmall);
    const uint64_t seen = IOMemoryMap_getAddress(map);

    (void)state;
    store(other, seen, 1);
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    assert_int_equal(ranges_now(), ranges); /* MM-2 */
    assert_int_equal(try_load(other, seen), KERN_INVALID_ADDRESS);
    assert_int_equal(IOMemoryMap_getAddress(map), 0);
    assert_int_equal(IOMemoryMap_getLength(map), 5000);
    assert_ptr_equal(IOMemoryMap_getAddressTask(map), other);
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    OSObject_release(map);
    OSObject_release(memory);
    assert_int_equal(load(owner, at), 1);
}

/* Which attributes each cache mode has on RAM and on registers. */
static void cache_modes(void **state)
{
    static const enum mmu_memory ram[] = {
        MMU_NORMAL, MMU_NONCACHED, MMU_WRITE_THROUGH, MMU_NORMAL,    MMU_NONCACHED,
        MMU_NORMAL, MMU_NONCACHED, MMU_NONCACHED,     MMU_NONCACHED, MMU_NONCACHED};
    static const enum mmu_memory registers[] = {
        MMU_DEVICE, MMU_DEVICE,       MMU_WRITE_THROUGH, MMU_NORMAL,      MMU_NONCACHED,
        MMU_NORMAL, MMU_DEVICE_NGNRE, MMU_NONCACHED,     MMU_DEVICE_NGRE, MMU_DEVICE_GRE};

    (void)state;
    for (unsigned mode = 0; mode <= kIOPostedCombinedReordered; mode++) {
        const uint64_t at = new_pages(owner, 1, RW);
        IOMemoryDescriptor *memory = describe(at, 64, kIODirectionOutIn, owner);
        IOMemoryDescriptor *device = describe(DEVICE, 64, kIODirectionOutIn, TASK_NULL);
        struct mmu_translation seen;
        uint64_t flushed;
        IOMemoryMap *map;

        store(owner, at, 1);
        flushed = sim_cache.flushed;
        map = map_all(memory, other, mode << kIOMapCacheShift);
        load(other, IOMemoryMap_getAddress(map));
        assert_true(translate(other, IOMemoryMap_getAddress(map), &seen));
        assert_int_equal(seen.attributes.memory, ram[mode]);
        load(owner, at); /* the owner's own range follows */
        assert_true(translate(owner, at, &seen));
        assert_int_equal(seen.attributes.memory, ram[mode]);
        assert_int_equal(sim_cache.flushed - flushed,
                         ram[mode] == MMU_NORMAL ? 0 : PAGE_SIZE / SIM_CACHE_LINE);
        OSObject_release(map);
        map = map_all(device, other, mode << kIOMapCacheShift);
        assert_true(translate(other, IOMemoryMap_getAddress(map), &seen)); /* entered at once */
        assert_int_equal(seen.pa.value, DEVICE);
        assert_int_equal(seen.attributes.memory, registers[mode]);
        assert_int_equal(IOMemoryMap_getMapOptions(map),
                         kIOMapAnywhere | /* the mode in its field */
                             (mode == 0 ? kIOInhibitCache : mode) << kIOMapCacheShift);
        OSObject_release(map);
        OSObject_release(memory);
        OSObject_release(device);
    }
}

static void md_36_references_last_as_long_as_their_descriptor(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryDescriptor *lasting =
        describe(at, 5000, kIODirectionOutIn | kIOMemoryPersistent, owner);

    (void)state;
    assert_int_equal(gIOMemoryReferenceCount, 1);
    OSObject_release(map_all(memory, other, 0));
    assert_int_equal(gIOMemoryReferenceCount, 2);
    OSObject_release(map_all(memory, other, 0));
    assert_int_equal(gIOMemoryReferenceCount, 2);
    OSObject_release(memory);
    OSObject_release(lasting);
    assert_int_equal(gIOMemoryReferenceCount, 0);
}

/* MD-5: what was made from the former ranges lasts, but belongs to the descriptor no more. */
static void md_5_reinitialised_while_mapped(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, 0);
    IOAddressRange range = {at + PAGE_SIZE, 2 * PAGE_SIZE};
    IOMemoryMap *fresh;

    (void)state;
    store(owner, at, 1);
    store(owner, at + PAGE_SIZE, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(pins_at(owner, at), 1);
    assert_true(IOMemoryDescriptor_initWithOptions(
        memory, &range, 1, 0, owner, kIODirectionOutIn | kIOMemoryTypeVirtual, kIOMapperSystem));
    assert_int_equal(pins_at(owner, at), 0);
    assert_int_equal(gIOMemoryReferenceCount, 0);
    fresh = map_all(memory, other, 0);
    assert_ptr_not_equal(fresh, map);
    assert_int_equal(load(other, IOMemoryMap_getAddress(fresh)), 2);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 1);
    OSObject_release(map);
    OSObject_release(fresh);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(stores_need_permission),
        MAP_TEST(overwriting_a_reservation),
        MAP_TEST(mm_1_accessors),
        MAP_TEST(mm_1_null),
        MAP_TEST(mm_3_unmap),
        MAP_TEST(cache_modes),
        MAP_TEST(md_36_references_last_as_long_as_their_descriptor),
        MAP_TEST(md_5_reinitialised_while_mapped),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
