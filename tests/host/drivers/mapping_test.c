/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a virtio device reaches through an IOMMU, call by call: memory that a mapper refuses, and
 * walks that go back, meet touching pieces, or memory that is not prepared any more.
 */
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "tests/host/drivers/blk_mapped_fixture.h"
#include "tests/host/sim/sim_console.h"

#define ROOM 8

static IODMACommand_Segment64 list[ROOM];

static bool put(IODMACommand *target, IODMACommand_Segment64 segment, void *segments, UInt32 index)
{
    (void)target;
    assert_in_range(index, 0, ROOM - 1);
    ((IODMACommand_Segment64 *)segments)[index] = segment;
    return true;
}

/* At most `count` segments from byte `from` on; how many there are, and where they end. */
static IOReturn walk(struct virtio_memory *mapped, IOMemoryDescriptor *of, uint64_t from,
                     UInt32 *count, uint64_t *end)
{
    *end = from;
    return virtio_memory_segments(mapped, of, put, list, end, UINT64_MAX, UINT32_MAX, count);
}

static IOMemoryDescriptor *describe(const uint32_t *places, const uint32_t *lengths, UInt32 count)
{
    IOMemoryDescriptor *made;

    for (UInt32 i = 0; i < count; i++) {
        ranges[i] = (IOAddressRange){data.value + places[i], lengths[i]};
    }
    made = IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, TASK_NULL);
    assert_non_null(made);
    return made;
}

/* Rings and tables: without an I/O address for them, and without a translation. */
static void memory_of_a_driver_is_mapped_or_not(void **state)
{
    struct virtio_mapping mapping = {.bytes = 7};
    uint64_t physical, length;

    (void)state;
    mapper->map_answer = kIOReturnNoSpace;
    assert_int_equal(virtio_map(&mapper->super, data, 2, &mapping), kIOReturnNoSpace);
    assert_null(mapping.mapper);
    assert_int_equal(mapping.bytes, 0);
    assert_true(virtio_unmap(&mapping)); /* of nothing */
    mapper->map_answer = kIOReturnSuccess;
    mapper->insert_answer = kIOReturnOffline;
    assert_int_equal(virtio_map(&mapper->super, data, 2, &mapping), kIOReturnOffline);
    assert_null(mapping.mapper);
    assert_int_equal(mapper->taken, 0);
    mapper->insert_answer = kIOReturnSuccess;
    assert_int_equal(virtio_map(&mapper->super, data, 2, &mapping), kIOReturnSuccess);
    assert_int_equal(mapper->taken, 2);
    assert_int_equal(IOMapper_translate(&mapper->super, data.value + PAGE_SIZE + mapping.offset, 0,
                                        &physical, &length),
                     kIOReturnSuccess);
    assert_int_equal(physical, data.value + PAGE_SIZE);
    mapper->unmap_answer = kIOReturnTimeout;
    assert_false(virtio_unmap(&mapping));
    mapper->unmap_answer = kIOReturnSuccess;
    mapper->taken = 0;
}

/* Pages apart follow each other for the device; a page that is not whole ends a segment. */
static void segments_are_the_devices(void **state)
{
    static const uint32_t places[] = {0, 2 * PAGE_SIZE, 5 * PAGE_SIZE, 9 * PAGE_SIZE + 8};
    static const uint32_t lengths[] = {PAGE_SIZE, PAGE_SIZE, 100, 24};
    IOMemoryDescriptor *of = describe(places, lengths, 4);
    struct virtio_memory mapped;
    UInt32 count = ROOM;
    uint64_t end, first;

    (void)state;
    assert_int_equal(
        virtio_map_memory(&mapped, &mapper->super, of, 0, 2 * PAGE_SIZE + 124, kIODMAMapReadAccess),
        kIOReturnSuccess);
    first = mapped.address;
    assert_int_equal(walk(&mapped, of, 0, &count, &end), kIOReturnSuccess);
    assert_int_equal(count, 2);
    assert_int_equal(end, 2 * PAGE_SIZE + 124);
    assert_int_equal(list[0].fIOVMAddr, first);
    assert_int_equal(list[0].fLength, 2 * PAGE_SIZE + 100);
    assert_int_equal(list[1].fIOVMAddr, first + 3 * PAGE_SIZE + 8);
    assert_int_equal(list[1].fLength, 24);
    /* Less room than there are segments; then on from there, and back to an earlier byte. */
    count = 1;
    assert_int_equal(walk(&mapped, of, 0, &count, &end), kIOReturnSuccess);
    assert_int_equal(count, 1);
    assert_int_equal(end, 2 * PAGE_SIZE + 100);
    count = ROOM;
    assert_int_equal(walk(&mapped, of, end + 4, &count, &end), kIOReturnSuccess);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].fIOVMAddr, first + 3 * PAGE_SIZE + 12);
    assert_int_equal(list[0].fLength, 20);
    count = ROOM;
    assert_int_equal(walk(&mapped, of, PAGE_SIZE - 1, &count, &end), kIOReturnSuccess);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].fIOVMAddr, first + PAGE_SIZE - 1);
    assert_int_equal(list[0].fLength, PAGE_SIZE + 101);
    assert_int_equal(virtio_unmap_memory(&mapped, of), kIOReturnSuccess);
    assert_int_equal(mapper->taken, 0);
    OSObject_release(of);
}

/* A walk ends where the mapping does, and before, where so many bytes are enough. */
static void walks_end_where_they_are_to(void **state)
{
    static const uint32_t places[] = {0, 2 * PAGE_SIZE, 5 * PAGE_SIZE};
    static const uint32_t lengths[] = {PAGE_SIZE, PAGE_SIZE, PAGE_SIZE};
    static const struct {
        uint64_t from, limit, bytes;
    } rows[] = {
        {0, 100, 100},
        {0, 2 * PAGE_SIZE, PAGE_SIZE + 200},
        {0, PAGE_SIZE + 200, PAGE_SIZE + 200},
        {PAGE_SIZE, 300, 200},
        {PAGE_SIZE, 199, 199},
        {PAGE_SIZE - 10, 20, 20},
        {PAGE_SIZE - 10, 210, 210},
        {PAGE_SIZE + 199, UINT64_MAX, 1},
    };
    IOMemoryDescriptor *of = describe(places, lengths, 3);
    struct virtio_memory mapped;

    (void)state;
    assert_int_equal(
        virtio_map_memory(&mapped, &mapper->super, of, 0, PAGE_SIZE + 200, kIODMAMapReadAccess),
        kIOReturnSuccess);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t end = rows[i].from;
        UInt32 count = ROOM;

        assert_int_equal(
            virtio_memory_segments(&mapped, of, put, list, &end, rows[i].limit, UINT32_MAX, &count),
            kIOReturnSuccess);
        assert_int_equal(count, 1);
        assert_int_equal(list[0].fIOVMAddr, mapped.address + rows[i].from);
        assert_int_equal(list[0].fLength, rows[i].bytes);
        assert_int_equal(end, rows[i].from + rows[i].bytes);
    }
    /* Cut where a segment would be too long; what there is no room for is for the next walk. */
    for (UInt32 room = 1; room < 4; room++) {
        UInt32 count = room;
        uint64_t end = 50;

        assert_int_equal(
            virtio_memory_segments(&mapped, of, put, list, &end, UINT64_MAX, 2000, &count),
            kIOReturnSuccess);
        assert_int_equal(count, room);
        assert_int_equal(end, room == 3 ? PAGE_SIZE + 200 : 50 + 2000 * room);
        for (UInt32 i = 0; i < room; i++) {
            assert_int_equal(list[i].fIOVMAddr, mapped.address + 50 + 2000 * i);
            assert_int_equal(list[i].fLength, i == 2 ? PAGE_SIZE + 150 - 4000 : 2000);
        }
    }
    assert_int_equal(virtio_unmap_memory(&mapped, of), kIOReturnSuccess);
    OSObject_release(of);
}

/* I/O addresses that end before the memory does: no mapper that is in its senses gives them. */
static void addresses_do_not_wrap(void **state)
{
    static const uint32_t places[] = {0, 2 * PAGE_SIZE}, lengths[] = {PAGE_SIZE, PAGE_SIZE};
    IOMemoryDescriptor *of = describe(places, lengths, 2);
    const uint64_t last = UINT64_MAX - PAGE_SIZE + 1;
    struct virtio_memory mapped = {
        .address = last, .length = 2 * PAGE_SIZE, .layout = IOMappedLayout_begin(last)};
    UInt32 count = ROOM;
    uint64_t end;

    (void)state;
    mapped.address -= PAGE_SIZE;
    mapped.layout = IOMappedLayout_begin(mapped.address);
    assert_int_equal(walk(&mapped, of, 0, &count, &end), kIOReturnSuccess);
    assert_int_equal(count, 1);
    mapped.address += 2 * PAGE_SIZE - 100; /* another offset than the memory's */
    mapped.layout = IOMappedLayout_begin(mapped.address);
    count = ROOM;
    assert_int_equal(walk(&mapped, of, 0, &count, &end), kIOReturnInternalError);
    assert_int_equal(count, 0);
    OSObject_release(of);
}

/* A part that somebody completes under the request: what was put out before it stays. */
static void memory_may_lose_its_preparation(void **state)
{
    IOMemoryDescriptor *parts[2], *whole;
    struct virtio_memory mapped;
    vm_map_t const map = kernel_map;
    UInt32 count = ROOM;
    uint64_t end;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = 0;
        struct vm_range range = {.access = MMU_READ | MMU_WRITE,
                                 .max_access = MMU_READ | MMU_WRITE};

        assert_int_equal(vm_object_create(1, &range.object), KERN_SUCCESS);
        assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                         KERN_SUCCESS);
        vm_object_release(range.object);
        parts[i] =
            IOMemoryDescriptor_withAddressRange(at + 16, 100, kIODirectionOutIn, kernel_task);
        assert_non_null(parts[i]);
    }
    whole = IOMemoryDescriptor_upcast(
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false));
    assert_int_equal(IOMemoryDescriptor_prepare(whole, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(
        virtio_map_memory(&mapped, &mapper->super, whole, 0, 200, kIODMAMapWriteAccess),
        kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(parts[1], kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(walk(&mapped, whole, 0, &count, &end), kIOReturnSuccess);
    assert_int_equal(count, 1);
    assert_int_equal(end, 100);
    count = ROOM;
    assert_int_equal(walk(&mapped, whole, 30, &count, &end), kIOReturnSuccess);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].fLength, 70);
    count = ROOM;
    assert_int_equal(walk(&mapped, whole, 100, &count, &end), kIOReturnNotReady);
    assert_int_equal(count, 0);
    count = ROOM;
    assert_int_equal(walk(&mapped, whole, 150, &count, &end), kIOReturnNotReady);
    assert_int_equal(count, 0);
    assert_int_equal(end, 150); /* where it was */
    assert_int_equal(IOMemoryDescriptor_prepare(parts[1], kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(virtio_unmap_memory(&mapped, whole), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(whole, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(whole);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

/* Commands of a device that does not look into the cache, as its driver makes them. */
static void options_follow_the_device(void **state)
{
    struct virtio_device device = {.uncached = true};

    (void)state;
    assert_int_equal(virtio_mapping_options(&device, kMapped),
                     kMapped | kIODMAMapOptionNonCoherent);
    assert_int_equal(virtio_mapping_options(&device, kUnmapped), kUnmapped);
    device.uncached = false;
    assert_int_equal(virtio_mapping_options(&device, kMapped), kMapped);
}

/* Without I/O addresses for its ring there is no disk, and nothing is kept of it. */
static void rings_need_addresses(void **state)
{
    (void)state;
    before = holdings_now();
    virtio_sim_create(&sim, VIRTIO_ID_BLOCK, OFFERED, 256);
    virtio_sim_set(&sim, 0, SECTORS, 8);
    sim.mapper = &mapper->super;
    mapper->map_answer = kIOReturnNoSpace;
    assert_null(blk_create(&sim.device));
    mapper->map_answer = kIOReturnSuccess;
    assert_int_equal(mapper->taken, 0);
    assert_true(sim_holds(&before));
}

/* A disk whose configuration never stands still has none that could be gone by. */
static void a_restless_disk_is_none(void **state)
{
    unsigned calm = 0;

    (void)state;
    before = holdings_now();
    for (disk = NULL; disk == NULL; calm++) {
        virtio_sim_create(&sim, VIRTIO_ID_BLOCK, OFFERED, 256);
        virtio_sim_set(&sim, 0, SECTORS, 8);
        sim.is_restless = true;
        sim.calm = calm;
        assert_in_range(calm, 0, 100);
        disk = blk_create(&sim.device);
        assert_true(disk != NULL || sim_holds(&before));
    }
    assert_true(calm > 4); /* two looks, twice */
    blk_destroy(disk);
    assert_true(sim_holds(&before));
}

/* A mapper that does not say that the device has been cut off: its rings are nobody's, for good. */
static void rings_that_the_device_may_reach_are_not_given_back(void **state)
{
    (void)state;
    begin(OFFERED, 254, 0x10000);
    mapper->unmap_answer = kIOReturnTimeout;
    sim_console_forget();
    sim_console_set_quiet(true);
    blk_destroy(disk);
    sim_console_set_quiet(false);
    mapper->unmap_answer = kIOReturnSuccess;
    assert_true(sim_console_said("its memory cannot be given back"));
    assert_true(holdings_now().pages > before.pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_a_driver_is_mapped_or_not),
        cmocka_unit_test(segments_are_the_devices),
        cmocka_unit_test(walks_end_where_they_are_to),
        cmocka_unit_test(addresses_do_not_wrap),
        cmocka_unit_test(memory_may_lose_its_preparation),
        cmocka_unit_test(options_follow_the_device),
        cmocka_unit_test(rings_need_addresses),
        cmocka_unit_test(a_restless_disk_is_none),
        cmocka_unit_test(
            rings_that_the_device_may_reach_are_not_given_back), /* last: it keeps them */
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
