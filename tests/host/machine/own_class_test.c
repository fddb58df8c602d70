/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes, walks, wholes and maps of memory whose class is from elsewhere, and has places with no
 * end, none, or errors in the middle: who asks it passes on why.
 */
#include "descriptors/IODriverKit.h"
#include "descriptors/IODriverTask.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "kernel/direct_map.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/machine/own_class.h"

/* A copy ends where the CPU reaches no further: what lies behind that is not put in its place. */
static void a_copy_ends_where_the_cpu_does(void **state)
{
    IOMemoryDescriptor *own = new_own();
    IOMemoryDescriptor *parts[] = {dma_memory(DMA_LOW, 16, 0, 0, kIODirectionOutIn), own,
                                   dma_memory(DMA_LOW + PAGE_SIZE, 16, 0, 0, kIODirectionOutIn)};
    IOMultiMemoryDescriptor *joined =
        IOMultiMemoryDescriptor_withDescriptors(parts, 3, kIODirectionOutIn, false);
    uint8_t *const near = dma_bytes(DMA_LOW), *const far = near + PAGE_SIZE;
    static uint8_t bytes[OWN_LENGTH + 32];

    (void)state;
    says.base = DIRECT_MAP_SIZE + 8;
    memset(near, 1, 16);
    memset(far, 2, 16);
    memset(bytes, 7, sizeof(bytes));
    assert_int_equal(IOMemoryDescriptor_readBytes(joined, 0, bytes, sizeof(bytes)), 16);
    assert_int_equal(bytes[15], 1);
    for (unsigned i = 16; i < sizeof(bytes); i++) {
        assert_int_equal(bytes[i], 7);
    }
    memset(bytes, 9, sizeof(bytes));
    assert_int_equal(IOMemoryDescriptor_writeBytes(joined, 0, bytes, sizeof(bytes)), 16);
    assert_int_equal(near[15], 9);
    assert_int_equal(far[0], 2);
    OSObject_release(joined);
    for (unsigned i = 0; i < 3; i++) {
        OSObject_release(parts[i]);
    }
}

/* Who asks for a part gets the part, however long the piece is that it is of. */
static void a_part_ends_in_the_middle_of_a_piece(void **state)
{
    IOMemoryDescriptor *own = new_own();
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 1);
    IOPhysicalSegment segments[4];
    IOByteCount size;
    uint8_t bytes[32];

    (void)state;
    dma_fill(DMA_LOW, 64, 3);
    memset(bytes, 0xee, sizeof(bytes));
    assert_int_equal(IOMemoryDescriptor_readBytes(own, 0, bytes, 16), 16);
    assert_memory_equal(bytes, dma_bytes(DMA_LOW), 16);
    assert_int_equal(bytes[16], 0xee);
    for (IOByteCount from = 0; from < 8; from += 4) {
        assert_int_equal(
            IONaturalMemoryCursor_getPhysicalSegments(cursor, own, from, segments, 4, 16, &size),
            1);
        assert_int_equal(size, 16);
        assert_int_equal(segments[0].location, DMA_LOW + 2 * from);
        assert_int_equal(segments[0].length, 16);
    }
    OSObject_release(cursor);
    OSObject_release(own);
}

/* A piece may end where addresses do, and not behind that. */
static void a_piece_may_end_where_addresses_do(void **state)
{
    IOMemoryDescriptor *own = new_own();
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 1);
    IOPhysicalSegment segment;
    IOByteCount size;

    (void)state;
    says.piece = 16;
    says.base = UINT64_MAX - 15;
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, own, 0, &segment, 1, 16, &size), 1);
    assert_int_equal(segment.location, UINT64_MAX - 15);
    assert_int_equal(size, 16);
    says.base++;
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, own, 0, &segment, 1, 16, &size), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnInternalError);
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(NULL, own, 0, &segment, 1, 16, &size), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    IOMemory_fail(kIOReturnSuccess);
    assert_int_equal(IONaturalMemoryCursor_getPhysicalSegments(cursor, (IOMemoryDescriptor *)NULL,
                                                               0, &segment, 1, 16, &size),
                     0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    /* Of no bytes it is none; and of one that goes on, what is asked for. */
    says.base = 0;
    says.piece = 0;
    IOMemory_fail(kIOReturnSuccess);
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, own, 0, &segment, 1, 16, &size), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnInternalError);
    says.piece = 20;
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, own, 4, &segment, 1, 16, &size), 1);
    assert_int_equal(size, 16);
    OSObject_release(cursor);
    OSObject_release(own);
}

/* The last bytes of all addresses have no page behind them that could be rounded up to. */
static void the_last_page_has_no_mapping(void **state)
{
    IOMemoryDescriptor *own = new_own();
    uint64_t offset;

    (void)state;
    says.base = UINT64_MAX - PAGE_SIZE - 10;
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(own, &offset), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    OSObject_release(own);
}

union walk {
    IOMDDMAWalkSegmentArgs args;
    IOMDDMAWalkSegmentState state;
};

/* Of all that is prepared, its first segment by this mapping. */
static void begin_walk(IOMemoryDescriptor *own, union walk *walk, IOMDDMAWalkSegmentArgs args)
{
    memset(walk, 0, sizeof(*walk));
    walk->args = args;
    assert_int_equal(IOMemoryDescriptor_prepare(own, 0), kIOReturnSuccess);
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(own, kIOMDFirstSegment, walk, sizeof(*walk)),
        kIOReturnSuccess);
}

/* A mapping is followed to the piece that has no place any more: that is the next call's. */
static void a_walk_of_a_mapping_ends_where_memory_does(void **state)
{
    IOMemoryDescriptor *own = new_own();
    union walk walk;

    (void)state;
    says.until = 2 * PAGE_SIZE;
    begin_walk(own, &walk, (IOMDDMAWalkSegmentArgs){.fMapped = true, .fMappedBase = IOVA});
    assert_int_equal(walk.args.fIOVMAddr, IOVA);
    assert_int_equal(walk.args.fLength, 2 * PAGE_SIZE);
    walk.args.fOffset = 2 * PAGE_SIZE;
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(own, kIOMDWalkSegments, &walk, sizeof(walk)),
        kIOReturnOffline);
    assert_int_equal(walk.args.fOffset, 2 * PAGE_SIZE);
    says.until = OWN_LENGTH; /* it goes on where it was, when there is a place again */
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(own, kIOMDWalkSegments, &walk, sizeof(walk)),
        kIOReturnSuccess);
    assert_int_equal(walk.args.fIOVMAddr, IOVA + 2 * PAGE_SIZE);
    assert_int_equal(walk.args.fLength, OWN_LENGTH - 2 * PAGE_SIZE);
    says.until = 2 * PAGE_SIZE;
    walk.args = (IOMDDMAWalkSegmentArgs){.fOffset = 3 * PAGE_SIZE, .fIOVMAddr = 1, .fLength = 1};
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(own, kIOMDFirstSegment, &walk, sizeof(walk)),
        kIOReturnOffline);
    assert_int_equal(walk.args.fIOVMAddr | walk.args.fLength, 0);
    assert_int_equal(walk.args.fOffset, 3 * PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_complete(own, 0), kIOReturnSuccess);
    OSObject_release(own);
}

/* Where a walk has been, it is not asked for again: the next segment, and whether one follows. */
static void a_walk_of_a_mapping_goes_on_where_it_was(void **state)
{
    IOMemoryDescriptor *own = new_own();
    const IOByteCount count = 32;
    uint64_t places[32];
    union walk walk;

    (void)state;
    says.piece = OWN_LENGTH / count; /* of which none ends with a page */
    begin_walk(own, &walk, (IOMDDMAWalkSegmentArgs){.fMapped = true, .fMappedBase = IOVA});
    for (IOByteCount i = 1; i < count; i++) {
        assert_int_equal(walk.args.fOffset, i * says.piece);
        assert_int_equal(
            IOMemoryDescriptor_dmaCommandOperation(own, kIOMDWalkSegments, &walk, sizeof(walk)),
            kIOReturnSuccess);
        assert_int_equal(walk.args.fLength, says.piece);
        places[i] = walk.args.fIOVMAddr;
    }
    assert_in_range(says.asked, count, 3 * count);
    /* It may begin anywhere, also where a piece does. */
    for (IOByteCount i = 1; i < count; i++) {
        for (unsigned inside = 0; inside < 16; inside += 8) {
            walk.args.fOffset = i * says.piece + inside;
            assert_int_equal(
                IOMemoryDescriptor_dmaCommandOperation(own, kIOMDFirstSegment, &walk, sizeof(walk)),
                kIOReturnSuccess);
            assert_int_equal(walk.args.fIOVMAddr, places[i] + inside);
            assert_int_equal(walk.args.fLength, says.piece - inside);
        }
    }
    assert_int_equal(IOMemoryDescriptor_complete(own, 0), kIOReturnSuccess);
    OSObject_release(own);
}

/* As a mapping at no address has it: the place that the device sees without one. */
static void a_walk_of_no_mapping_is_the_devices(void **state)
{
    IOMemoryDescriptor *own = new_own();
    union walk walk;

    (void)state;
    begin_walk(own, &walk, (IOMDDMAWalkSegmentArgs){.fOffset = PAGE_SIZE, .fMapped = true});
    assert_int_equal(walk.args.fIOVMAddr, DMA_LOW + 2 * PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_complete(own, 0), kIOReturnSuccess);
    OSObject_release(own);
}

/* A walk that begins knows nothing of another one, which the state may be of. */
static void a_first_segment_is_of_no_walk_before(void **state)
{
    IOMemoryDescriptor *own = new_own();
    union walk walk, fresh;

    (void)state;
    says.piece = PAGE_SIZE;
    says.base = DMA_LOW + 8; /* pieces end in the next page, and take two each */
    begin_walk(own, &walk, (IOMDDMAWalkSegmentArgs){.fMapped = true, .fMappedBase = IOVA + 8});
    says.piece = 2 * PAGE_SIZE;
    walk.args.fOffset = 3 * PAGE_SIZE;
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(own, kIOMDFirstSegment, &walk, sizeof(walk)),
        kIOReturnSuccess);
    begin_walk(own, &fresh,
               (IOMDDMAWalkSegmentArgs){
                   .fOffset = 3 * PAGE_SIZE, .fMapped = true, .fMappedBase = IOVA + 8});
    assert_int_equal(walk.args.fIOVMAddr, fresh.args.fIOVMAddr);
    assert_int_equal(walk.args.fLength, fresh.args.fLength);
    assert_int_equal(IOMemoryDescriptor_complete(own, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(own, 0), kIOReturnSuccess);
    OSObject_release(own);
}

/* A whole of which a part is such: what the part cannot, the whole cannot. */
static void a_whole_can_what_all_of_its_parts_can(void **state)
{
    IOMemoryDescriptor *own = new_own();
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *pages = describe(at, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *parts[] = {own, pages};
    IOMultiMemoryDescriptor *whole =
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false);
    IOMemoryDescriptor *alone = own;
    IOOptionBits before = 7;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getPreparationID(whole), kIOPreparationIDUnsupported);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(whole, kIOMemoryPurgeableVolatile, &before),
                     kIOReturnNotReady);
    /* There is nothing of its own that a map could have for itself alone. */
    assert_int_equal(IOMemoryDescriptor_methods(own)->copyForUnique(own, 0, 8, &alone),
                     kIOReturnSuccess);
    assert_null(alone);
    alone = own;
    assert_int_equal(IOMemoryDescriptor_methods(pages)->copyForUnique(pages, 0, 8, &alone),
                     kIOReturnSuccess);
    assert_null(alone);
    /* What one of them holds for the change, another has nothing to hold for. */
    assert_int_equal(IOMemoryDescriptor_methods(own)->holdMemory(own, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_methods(own)->holdMemory(own, false), kIOReturnSuccess);
    says.until = 0;
    assert_null(
        IOMemoryDescriptor_createMappingInTask(whole, owner, 0, kIOMapAnywhere, 0, OWN_LENGTH));
    assert_int_equal(IOMemoryLastError(), kIOReturnOffline);
    OSObject_release(whole);
    OSObject_release(pages);
    OSObject_release(own);
}

/* The memory of a map of its own must be as long as the map. */
static IOReturn copy_too_little(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount length,
                                IOMemoryDescriptor **out)
{
    (void)self, (void)offset;
    *out = new_own();
    (*out)->length = length - 1;
    return kIOReturnSuccess;
}

static void a_private_descriptor_must_hold_the_map(void **state)
{
    IOMemoryDescriptorClass stingy = own_class;
    IOMemoryDescriptor *own;
    const uint32_t before = own_instances;

    (void)state;
    stingy.copyForUnique = copy_too_little;
    own = (IOMemoryDescriptor *)OSMetaClass_allocate(&stingy.meta);
    own->flags = kIODirectionOutIn | kIOMemoryTypeVirtual64;
    own->length = OWN_LENGTH;
    assert_null(IOMemoryDescriptor_createMappingInTask(own, owner, 0, kIOMapAnywhere | kIOMapUnique,
                                                       0, OWN_LENGTH));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    OSObject_release(own);
    assert_int_equal(own_instances, before);
}

/* Memory that nobody vouches for is shown to no driver. */
static void nobody_maps_it_for_a_driver(void **state)
{
    IOMemoryDescriptor *own = new_own();
    IODriverTask *table;
    IOMemoryMap *map;

    (void)state;
    assert_int_equal(IODriverTask_create(owner, NULL, &table), kIOReturnSuccess);
    task_set_current(owner);
    assert_int_equal(IOMemoryDescriptor_CreateMapping_Impl(own, 0, 0, 0, 0, 0, &map),
                     kIOReturnNotPermitted);
    task_set_current(kernel_task);
    assert_null(map);
    IODriverTask_release(table);
    OSObject_release(own);
}

/* Behind the system's mapper, whole: an error in the middle, and a mapper's refusal. */
static void the_systems_mapper_is_told_why(void **state)
{
    IOMemoryDescriptor *own = new_own();
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    IOMapper *mapper = new_mapper();
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(OWN_LENGTH, 0, 1);
    IOPhysicalSegment segments[8];
    IOByteCount size;

    (void)state;
    mapper->fIsSystem = true;
    assert_true(IOMapper_start(mapper, unit));
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(own, 0, &size, 0), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, own, 0, segments, 8, 0, &size), 0);
    assert_int_equal(IOMemoryDescriptor_prepare(own, 0), kIOReturnSuccess);
    says.until = PAGE_SIZE;
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(own, 2 * PAGE_SIZE, &size, 0), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnOffline);
    says.until = OWN_LENGTH;
    assert_int_not_equal(IOMemoryDescriptor_getPhysicalSegment(own, 0, &size, 0), 0);
    assert_int_equal(IOMemoryDescriptor_complete(own, 0), kIOReturnSuccess);
    OSObject_release(own);
    OSObject_release(cursor);
    OSObject_release(mapper);
    OSObject_release(unit);
}

/* What has no number of its preparation keeps all that it is a part of from having one. */
static void a_whole_has_no_number_either(void **state)
{
    IOMemoryDescriptor *own = new_own();
    IOMultiMemoryDescriptor *multi = IOMultiMemoryDescriptor_withDescriptors(
        &own, 1, IOMemoryDescriptor_getDirection(own), false);

    (void)state;
    assert_non_null(multi);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(own), kIOPreparationIDUnsupported);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(multi), kIOPreparationIDUnsupported);
    OSObject_release(multi);
    OSObject_release(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_copy_ends_where_the_cpu_does),
        MAP_TEST(a_part_ends_in_the_middle_of_a_piece),
        MAP_TEST(a_piece_may_end_where_addresses_do),
        MAP_TEST(the_last_page_has_no_mapping),
        MAP_TEST(a_walk_of_no_mapping_is_the_devices),
        MAP_TEST(a_walk_of_a_mapping_goes_on_where_it_was),
        MAP_TEST(a_walk_of_a_mapping_ends_where_memory_does),
        MAP_TEST(a_first_segment_is_of_no_walk_before),
        MAP_TEST(a_whole_can_what_all_of_its_parts_can),
        MAP_TEST(a_private_descriptor_must_hold_the_map),
        MAP_TEST(nobody_maps_it_for_a_driver),
        MAP_TEST(the_systems_mapper_is_told_why),
        MAP_TEST(a_whole_has_no_number_either),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
