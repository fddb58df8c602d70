/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages behind a general descriptor of a task's memory: pinned for a transfer, the same memory
 * for all who see it, and what they may do with it: the checks MD-7 to MD-9, MD-11, MD-12, MD-16
 * and MD-32.
 */
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/map_fixture.h"

static void md_7_pins_count(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *one = describe(at + 8, 5000, kIODirectionIn, owner);
    IOMemoryDescriptor *two = describe(at + PAGE_SIZE, 10, kIODirectionOut, owner);

    (void)state;
    assert_non_null(IOMemoryDescriptor_getKernelReserved(one));
    assert_null(IOMemoryDescriptor_getKernelReserved((IOMemoryDescriptor *)NULL));
    assert_int_equal(IOMemoryDescriptor_prepare(one, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(one, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(two, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(pins_at(owner, at), 1);
    assert_int_equal(pins_at(owner, at + PAGE_SIZE), 2);
    assert_int_equal(pins_at(owner, at + 2 * PAGE_SIZE), 0);
    IOMemoryDescriptor_complete(one, kIODirectionNone);
    assert_int_equal(pins_at(owner, at), 1);
    IOMemoryDescriptor_complete(one, kIODirectionNone);
    assert_int_equal(pins_at(owner, at), 0);
    assert_int_equal(pins_at(owner, at + PAGE_SIZE), 1);
    OSObject_release(two); /* MD-11 */
    assert_int_equal(pins_at(owner, at + PAGE_SIZE), 0);
    OSObject_release(one);
}

static void md_9_a_hole_fails_the_whole(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *memory = describe(at, 4 * PAGE_SIZE, kIODirectionOutIn, owner);
    const uint64_t pins = holdings_now().pins;

    (void)state;
    for (unsigned hole = 3; hole > 0; hole--) {
        remove_pages(owner, at + hole * PAGE_SIZE, 1);
        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnCannotWire);
        assert_int_equal(holdings_now().pins, pins);
    }
    OSObject_release(memory);
}

/* Whatever was promised about the contents, nobody sees what another owner left in a page. */
static void md_12_no_foreign_bytes(void **state)
{
    const uint64_t secret = new_pages(other, 4, RW), at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *memory = describe(at, 4 * PAGE_SIZE, kIODirectionIn, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapReadOnly);

    (void)state;
    fill(other, secret, 4 * PAGE_SIZE, 77);
    remove_pages(other, secret, 4); /* the pages are free now, as they are */
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionPrepareNoZeroFill),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, "device", 6), 6);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionCompleteWithDataValid),
                     kIOReturnSuccess);
    assert_int_equal(load(owner, at), 'd');
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 5), 'e');
    for (uint64_t i = 6; i < 4 * PAGE_SIZE; i++) {
        assert_int_equal(load(owner, at + i), 0);
    }
    OSObject_release(map);
    OSObject_release(memory);
}

static void prepare_needs_permission(void **state)
{
    const uint64_t at = new_pages(owner, 1, MMU_READ), guard = new_pages(owner, 1, 0);
    IOMemoryDescriptor *nothing = describe(guard, 100, kIODirectionOut, owner);

    (void)state;
    for (unsigned i = 0; i < 2; i++) { /* by the addresses, and by the reference */
        IOMemoryDescriptor *memory =
            describe(at, 100, kIODirectionOutIn | (i == 0 ? 0 : kIOMemoryPersistent), owner);

        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionIn), kIOReturnNotWritable);
        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone),
                         kIOReturnNotWritable);
        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionOut), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, "x", 1), 0);
        assert_int_equal(IOMemoryLastError(), kIOReturnNotWritable);
        OSObject_release(memory);
    }
    assert_int_equal(IOMemoryDescriptor_prepare(nothing, kIODirectionOut), kIOReturnNotWritable);
    OSObject_release(nothing);
}

static void prepare_without_faulting(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryDescriptor *window = (IOMemoryDescriptor *)IOSubMemoryDescriptor_withSubRange(
        memory, 0, 5000, kIODirectionOutIn);

    (void)state;
    store(owner, at, 1);
    for (unsigned i = 0; i < 2; i++) { /* nor through a window */
        assert_int_equal(
            IOMemoryDescriptor_prepare(i == 0 ? memory : window, kIODirectionPrepareNoFault),
            kIOReturnNoResources);
        assert_int_equal(pins_at(owner, at), 0);
    }
    OSObject_release(window);
    store(owner, at + PAGE_SIZE, 1);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionPrepareNoFault),
                     kIOReturnSuccess);
    OSObject_release(memory);
}

/* MD-16: bytes, mappings and the owner's addresses are one memory; and copies are made for DMA. */
static void md_16_one_memory(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *memory = describe(at + 4000, 5000, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, 0), *kernel = map_all(memory, kernel_task, 0);
    uint8_t bytes[16];

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    store(owner, at + 4000 + 95, 1);
    store(other, IOMemoryMap_getAddress(map) + 96, 2);
    store(kernel_task, IOMemoryMap_getAddress(kernel) + 97, 3);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 95, bytes, 3), 3);
    assert_memory_equal(bytes, "\1\2\3", 3);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 94, "abcd", 4), 4);
    assert_int_equal(load(owner, at + 4000 + 95), 'b');
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 96), 'c');
    assert_int_equal(load(kernel_task, IOMemoryMap_getAddress(kernel) + 97), 'd');
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 94, NULL, 4), 4);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 96), 0);
    OSObject_release(map);
    OSObject_release(kernel);
    OSObject_release(memory);
}

static void persistent_descriptors(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOAddressRange ranges[] = {{at + 8, 100}, {at + PAGE_SIZE + 8, 100}};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        ranges, 2, kIODirectionOutIn | kIOMemoryPersistent, owner);
    IOMemoryDescriptor *plain = describe(at, 100, kIODirectionOutIn, owner);
    IOMemoryDescriptor *same, *fresh;
    uint64_t place = at + PAGE_SIZE;
    struct vm_object *object;
    uint8_t byte;

    (void)state;
    store(owner, at + PAGE_SIZE + 8, 1);
    same = IOMemoryDescriptor_withPersistentMemoryDescriptor(memory);
    assert_ptr_equal(same, memory);
    assert_int_equal(OSObject_getRetainCount(memory), 2);
    OSObject_release(same);
    assert_null(
        IOMemoryDescriptor_withPersistentMemoryDescriptor(plain)); /* it was not made to persist */
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    /* Nor does it since a map has given it a reference of its own. */
    OSObject_release(map_all(plain, other, 0));
    platform_set_last_error(0);
    assert_null(IOMemoryDescriptor_withPersistentMemoryDescriptor(plain));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    OSObject_release(plain);
    plain = describe(at, 100, kIODirectionOutIn, owner);
    assert_null(IOMemoryDescriptor_withPersistentMemoryDescriptor((IOMemoryDescriptor *)NULL));
    /* The second range is other memory now. */
    remove_pages(owner, place, 1);
    assert_null(IOMemoryDescriptor_withPersistentMemoryDescriptor(memory));
    assert_int_equal(IOMemoryLastError(), kIOReturnVMError);
    assert_int_equal(vm_object_create(1, &object), KERN_SUCCESS);
    assert_int_equal(
        vm_map_enter(task_map(owner), &place, PAGE_SIZE, 0,
                     &(struct vm_range){.object = object, .access = RW, .max_access = RW}, 0),
        KERN_SUCCESS);
    vm_object_release(object);
    store(owner, at + PAGE_SIZE + 8, 2);
    fresh = IOMemoryDescriptor_withPersistentMemoryDescriptor(memory);
    assert_non_null(fresh);
    assert_ptr_not_equal(fresh, memory);
    assert_int_equal(IOMemoryDescriptor_getLength(fresh), 200);
    assert_int_equal(gIOMemoryReferenceCount, 2);
    /* Each keeps describing its own. */
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(fresh, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 100, &byte, 1), 1);
    assert_int_equal(byte, 1);
    assert_int_equal(IOMemoryDescriptor_readBytes(fresh, 100, &byte, 1), 1);
    assert_int_equal(byte, 2);
    OSObject_release(fresh);
    OSObject_release(memory);
    OSObject_release(plain);
    assert_null(IOMemoryDescriptor_withAddressRange(
        at + 64 * PAGE_SIZE, 10, kIODirectionOutIn | kIOMemoryPersistent, owner));
    assert_int_equal(IOMemoryLastError(), kIOReturnVMError);
}

static void md_32_the_same_before_and_after_mapping(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW), next = new_pages(owner, 4, RW);
    IOAddressRange ranges[] = {{at + 100, 3 * PAGE_SIZE}, {next + 2 * PAGE_SIZE, 10}, {at, 10}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, owner);
    uint64_t offset;

    (void)state;
    assert_int_equal(next, at + 2 * PAGE_SIZE); /* two objects in the first range */
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, &offset), 6 * PAGE_SIZE);
    assert_int_equal(offset, 100);
    OSObject_release(
        IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, 0, PAGE_SIZE));
    assert_int_equal(gIOMemoryReferenceCount, 1);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, &offset), 6 * PAGE_SIZE);
    assert_int_equal(offset, 100);
    OSObject_release(memory);
}

/* Kernel memory that no range shows: the direct map. */
static void memory_of_the_kernel(void **state)
{
    uint8_t *bytes = platform_alloc(3 * PAGE_SIZE);
    IOMemoryDescriptor *memory;
    IOMemoryMap *map, *same;

    (void)state;
    assert_non_null(bytes);
    memory = describe((uint64_t)bytes, 3 * PAGE_SIZE, kIODirectionOutIn, kernel_task);
    bytes[5000] = 77;
    map = map_all(memory, other, 0);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 5000), 77);
    store(other, IOMemoryMap_getAddress(map) + 5001, 78);
    assert_int_equal(bytes[5001], 78);
    same = IOMemoryDescriptor_map(memory, 0);
    assert_ptr_equal((void *)IOMemoryMap_getAddress(same), bytes);
    OSObject_release(same);
    same = IOMemoryDescriptor_map(memory, kIOMapReadOnly);
    assert_int_equal(load(kernel_task, IOMemoryMap_getAddress(same) + 5001), 78);
    assert_int_equal(try_store(kernel_task, IOMemoryMap_getAddress(same)), KERN_PROTECTION_FAILURE);
    OSObject_release(same);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(memory, kIOMemoryPurgeableKeepCurrent, NULL),
                     kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, 1, 0), kIOReturnError);
    OSObject_release(map);
    OSObject_release(memory);
    platform_free(bytes);
}

/* Of several ranges one may only be read: all that shows it, too, and nothing else. */
static void ranges_keep_their_rights(void **state)
{
    IOAddressRange ranges[] = {{new_pages(owner, 1, RW), PAGE_SIZE},
                               {new_pages(owner, 1, MMU_READ), PAGE_SIZE},
                               {new_pages(owner, 1, RW), PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, owner);

    (void)state;
    assert_non_null(memory);
    for (unsigned first = 0; first < 3; first++) {
        for (unsigned count = 1; count <= 3 - first; count++) {
            const bool writable = first > 1 || first + count <= 1;
            IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(
                memory, other, 0, kIOMapAnywhere | kIOMapReadOnly, ptoa(first), ptoa(count));

            assert_non_null(map);
            OSObject_release(map);
            if (!writable) {
                expect_no_map(memory, other, 0, kIOMapAnywhere, ptoa(first), ptoa(count),
                              kIOReturnNotPermitted);
                continue;
            }
            map = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere,
                                                         ptoa(first), ptoa(count));
            assert_non_null(map);
            store(other, IOMemoryMap_getAddress(map), 1);
            OSObject_release(map);
        }
    }
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(ranges_keep_their_rights),
        MAP_TEST(md_7_pins_count),
        MAP_TEST(md_9_a_hole_fails_the_whole),
        MAP_TEST(md_12_no_foreign_bytes),
        MAP_TEST(prepare_needs_permission),
        MAP_TEST(prepare_without_faulting),
        MAP_TEST(md_16_one_memory),
        MAP_TEST(persistent_descriptors),
        MAP_TEST(md_32_the_same_before_and_after_mapping),
        MAP_TEST(memory_of_the_kernel),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
