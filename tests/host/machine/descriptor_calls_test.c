/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of every kind where a call is refused, or meets what another has just done. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "tests/host/machine/map_composite.h"

static IOReturn operate(IOMemoryDescriptor *memory, DMACommandOps operation)
{
    return IOMemoryDescriptor_dmaCommandOperation(memory, operation, NULL, 0);
}

static void buffers_refuse_tags_and_bytes_that_do_not_fit(void **state)
{
    IOBufferMemoryDescriptor *unborn =
        (IOBufferMemoryDescriptor *)OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);

    (void)state;
    assert_null(IOBufferMemoryDescriptor_inTaskWithOptionsTags(kernel_task, kIODirectionOutIn, 16,
                                                               1, UINT16_MAX + 1, 0));
    assert_null(IOBufferMemoryDescriptor_inTaskWithOptionsTags(kernel_task, kIODirectionOutIn, 16,
                                                               1, 0, UINT16_MAX + 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_false(IOBufferMemoryDescriptor_appendBytes(unborn, "a", 1)); /* it has no room yet */
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    OSObject_release(unborn);
}

/* A buffer that is wired for its whole life: its own direction may change, but not under DMA. */
static void a_direction_counts_until_the_device_is_at_work(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, PAGE_SIZE, 1);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(buffer);

    (void)state;
    IOBufferMemoryDescriptor_setDirection(buffer, kIODirectionOut);
    assert_int_equal(IOMemoryDescriptor_getDirection(memory), kIODirectionOut);
    assert_true((memory->flags & kIOMemoryPreparedReadOnly) != 0);
    assert_int_equal(operate(memory, kIOMDSetDMAActive), kIOReturnSuccess);
    IOBufferMemoryDescriptor_setDirection(buffer, kIODirectionOutIn);
    assert_true((memory->flags & kIOMemoryPreparedReadOnly) != 0);
    /* Its length neither, but that it is what it is is no change. */
    IOMemory_fail(kIOReturnSuccess);
    IOBufferMemoryDescriptor_setLength(buffer, PAGE_SIZE);
    assert_int_equal(IOMemoryLastError(), kIOReturnSuccess);
    IOBufferMemoryDescriptor_setLength(buffer, PAGE_SIZE - 1);
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_getLength(memory), PAGE_SIZE);
    assert_int_equal(operate(memory, kIOMDSetDMAInactive), kIOReturnSuccess);
    IOBufferMemoryDescriptor_setDirection(buffer, kIODirectionOutIn);
    assert_true((memory->flags & kIOMemoryPreparedReadOnly) == 0);
    OSObject_release(buffer);
}

/* Of two limits the lower one counts, whichever is asked for first. */
static void the_lower_of_two_limits_places_a_buffer(void **state)
{
    static const uint64_t masks[] = {0x7fffffffull, 0x3ffffffffull, 0xffffffffull};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
            kernel_task, kIODirectionOutIn | kIODirectionPrepareToPhys32, 64, masks[i]);
        const uint64_t at = IOMemoryDescriptor_getPhysicalAddress(buffer);

        assert_non_null(buffer);
        assert_true(at != 0 && at <= UINT32_MAX && at <= masks[i]);
        OSObject_release(buffer);
    }
}

static void nothing_is_taken_in_while_a_device_is_at_work(void **state)
{
    IOMemoryDescriptor *parts[2], *sub, *guard_memory;
    IOInterleavedMemoryDescriptor *mixed;
    IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(PAGE_SIZE);

    (void)state;
    two_pages(parts);
    mixed = IOInterleavedMemoryDescriptor_withCapacity(2, kIODirectionOutIn);
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(mixed, parts[0], 0, 8));
    assert_int_equal(operate(UP(mixed), kIOMDSetDMAActive), kIOReturnSuccess);
    assert_false(IOInterleavedMemoryDescriptor_setMemoryDescriptor(mixed, parts[1], 0, 8));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(operate(UP(mixed), kIOMDSetDMAInactive), kIOReturnSuccess);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(mixed, 0x100);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_getLength(mixed), 8);
    sub = window(parts[1], 0, 8);
    assert_int_equal(operate(sub, kIOMDSetDMAActive), kIOReturnSuccess);
    assert_false(IOSubMemoryDescriptor_initSubRange((IOSubMemoryDescriptor *)sub, parts[0], 0, 4,
                                                    kIODirectionOutIn));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(operate(sub, kIOMDSetDMAInactive), kIOReturnSuccess);
    guard_memory = UP(guard);
    assert_int_equal(operate(guard_memory, kIOMDSetDMAActive), kIOReturnSuccess);
    assert_false(IOGuardPageMemoryDescriptor_initWithSize(guard, 2 * PAGE_SIZE));
    assert_int_equal(operate(guard_memory, kIOMDSetDMAInactive), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getLength(guard), PAGE_SIZE);
    OSObject_release(guard);
    OSObject_release(sub);
    OSObject_release(mixed);
    release_both(parts);
}

/* One more preparation than can be counted is refused, and changes nothing. */
static void preparations_are_counted_to_the_end(void **state)
{
    IOMemoryDescriptor *parts[2], *joined;
    IOMemoryDescriptor *guard = UP(IOGuardPageMemoryDescriptor_withSize(PAGE_SIZE));
    IOMemoryDescriptor *full[3];

    (void)state;
    two_pages(parts);
    joined = join(parts, 2);
    full[0] = joined;
    full[1] = guard;
    full[2] = parts[0];
    for (unsigned i = 0; i < 3; i++) {
        full[i]->wireCount = UINT32_MAX;
        assert_int_not_equal(IOMemoryDescriptor_prepare(full[i], 0), kIOReturnSuccess);
        assert_int_equal(full[i]->wireCount, UINT32_MAX);
        full[i]->wireCount = 0;
    }
    OSObject_release(joined);
    OSObject_release(guard);
    release_both(parts);
}

static void what_is_freed_under_dma_stays_with_its_parts(void **state)
{
    IOMemoryDescriptor *parts[2], *joined;

    (void)state;
    two_pages(parts);
    joined = join(parts, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(joined, 0), kIOReturnSuccess);
    assert_int_equal(operate(joined, kIOMDSetDMAActive), kIOReturnSuccess);
    OSObject_release(joined);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(operate(parts[i], kIOMDSetDMAInactive), kIOReturnSuccess);
        while (IOMemoryDescriptor_complete(parts[i], 0) == kIOReturnSuccess) {
        }
    }
    release_both(parts);
}

/* A part that has become shorter than its window. */
static void a_part_may_shrink(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, 2 * PAGE_SIZE, PAGE_SIZE);
    IOMemoryDescriptor *part = UP(buffer), *sub = window(part, PAGE_SIZE, PAGE_SIZE);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(sub, NULL), PAGE_SIZE);
    IOBufferMemoryDescriptor_setLength(buffer, PAGE_SIZE);
    /* It cannot say where its pieces are, so it is as long as it says. */
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(sub, NULL), PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_reach(sub, 0, PAGE_SIZE).some, 0);
    assert_int_equal(IOMemoryDescriptor_reach(sub, 5, 5).some, 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(sub, 0, NULL, 0), 0);
    OSObject_release(sub);
    OSObject_release(buffer);
}

/* How deep descriptors are nested follows what a window shows now. */
static void depth_is_that_of_the_deepest_part(void **state)
{
    IOMemoryDescriptor *parts[2], *shallow, *deep, *other_deep, *both[3], *joined;

    (void)state;
    two_pages(parts);
    shallow = window(parts[0], 0, 8);
    deep = window(shallow, 0, 8);
    other_deep = window(shallow, 0, 4);
    both[0] = deep;
    both[1] = parts[1];
    both[2] = other_deep;
    joined = join(both, 3);
    assert_int_equal(joined->depth, deep->depth + 1);
    assert_true(IOSubMemoryDescriptor_initSubRange((IOSubMemoryDescriptor *)deep, parts[1], 0, 8,
                                                   kIODirectionOutIn));
    assert_int_equal(joined->depth, other_deep->depth + 1);
    assert_true(IOSubMemoryDescriptor_initSubRange((IOSubMemoryDescriptor *)other_deep, parts[1], 0,
                                                   4, kIODirectionOutIn));
    assert_int_equal(joined->depth, parts[1]->depth + 2);
    OSObject_release(joined);
    OSObject_release(deep);
    OSObject_release(other_deep);
    OSObject_release(shallow);
    release_both(parts);
}

/* The first part that cannot say ends the question for all. */
static void one_part_without_an_answer_is_enough(void **state)
{
    IOMemoryDescriptor *parts[3], *joined;
    IOByteCount resident = 7, dirty = 7;

    (void)state;
    two_pages(parts + 1);
    parts[0] = describe(DEVICE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);
    joined = join(parts, 3);
    if (IOMemoryDescriptor_getPageCounts(parts[0], &resident, &dirty) != kIOReturnSuccess) {
        assert_int_not_equal(IOMemoryDescriptor_getPageCounts(joined, &resident, &dirty),
                             kIOReturnSuccess);
    }
    OSObject_release(joined);
    OSObject_release(parts[0]);
    release_both(parts + 1);
}

static void cursors_need_an_initialiser_and_no_size(void **state)
{
    IONaturalMemoryCursor *unborn =
        (IONaturalMemoryCursor *)OSMetaClass_allocate(&IONaturalMemoryCursor_metaClass);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 0);
    IOMemoryDescriptor *memory = describe(SIM_RAM_BASE, 100, kIODirectionOutIn, TASK_NULL);
    IOPhysicalSegment segment;
    IOByteCount size = 3;

    (void)state;
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(unborn, memory, 0, &segment, 1, 0, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, memory, 5, &segment, 1, 0, NULL), 1);
    assert_int_equal(segment.location, SIM_RAM_BASE + 5);
    assert_int_equal(segment.length, 95);
    OSObject_release(unborn);
    OSObject_release(cursor);
    OSObject_release(memory);
}

/* Addresses for a view that is nearly all there are. */
static void a_view_of_everything_finds_no_place(void **state)
{
    IOMemoryDescriptor *guard =
        UP(IOGuardPageMemoryDescriptor_withSize(UINT64_MAX - PAGE_SIZE + 1));

    (void)state;
    expect_no_map(guard, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNoSpace);
    expect_no_map(guard, other, 0, kIOMapAnywhere | kIOMapGuardedSmall, 0, 0, kIOReturnNoSpace);
    OSObject_release(guard);
}

/* A run is asked for by bytes that are there, and a range by bytes that can be. */
static void bytes_that_are_not_there_are_no_run(void **state)
{
    IOMemoryDescriptor *memory = describe(SIM_RAM_BASE, 100, kIODirectionOutIn, TASK_NULL);
    IOPhysicalAddress at = 7;

    (void)state;
    IOMapper_setMapperRequired(false);
    assert_true(IOMemoryDescriptor_isOneRun(memory, 99, 1, &at));
    assert_int_equal(at, SIM_RAM_BASE + 99);
    at = 7;
    assert_false(IOMemoryDescriptor_isOneRun(memory, 99, 2, &at));
    assert_int_equal(at, 7);
    OSObject_release(memory);
    assert_null(IOMemoryDescriptor_withAddressRange(UINT64_MAX - 100, 50, kIODirectionOut, owner));
    assert_int_equal(IOMemoryLastError(), kIOReturnVMError);
}

static void expect_run(IOMemoryDescriptor *memory, IOByteCount offset, IOByteCount count,
                       IOPhysicalAddress where)
{
    IOPhysicalAddress at = 0;

    assert_int_equal(IOMemoryDescriptor_isOneRun(memory, offset, count, &at), where != 0);
    assert_true(where == 0 || at == where);
}

/* Windows of memory in several runs, while it is prepared and no longer. */
static void a_window_is_one_run_where_its_bytes_are(void **state)
{
    IOAddressRange ranges[] = {{SIM_RAM_BASE + 0x100, 16}, {SIM_RAM_BASE + 0x200, 32}};
    IOMemoryDescriptor *const memory =
        UP(IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, TASK_NULL));
    const uint64_t at = new_pages(owner, 2, RW);
    IOAddressRange pages[] = {{at + PAGE_SIZE, PAGE_SIZE}, {at, PAGE_SIZE}};
    IOMemoryDescriptor *const virtual = UP(
        IOMemoryDescriptor_withAddressRanges(pages, 2, kIODirectionOutIn, owner));
    IOPhysicalAddress first;

    (void)state;
    IOMapper_setMapperRequired(false);
    expect_run(memory, 0, 16, SIM_RAM_BASE + 0x100);
    expect_run(memory, 16, 32, SIM_RAM_BASE + 0x200);
    expect_run(memory, 40, 8, SIM_RAM_BASE + 0x218);
    expect_run(memory, 15, 1, SIM_RAM_BASE + 0x10f);
    expect_run(memory, 15, 2, 0);
    expect_run(memory, 0, 33, 0); /* longer than any */
    expect_run(memory, 47, 2, 0); /* and behind the end */
    expect_run(memory, 48, 0, 0); /* no bytes */
    expect_run(virtual, 0, 8, 0);
    assert_int_equal(IOMemoryDescriptor_prepare(virtual, kIODirectionNone), kIOReturnSuccess);
    first = IOMemoryDescriptor_getPhysicalSegment(virtual, PAGE_SIZE, NULL, 0);
    assert_true(first != 0);
    expect_run(virtual, PAGE_SIZE, PAGE_SIZE, first);
    expect_run(virtual, PAGE_SIZE + 8, 8, first + 8);
    assert_int_equal(IOMemoryDescriptor_complete(virtual, kIODirectionNone), kIOReturnSuccess);
    expect_run(virtual, PAGE_SIZE, 8, 0); /* its pages are whoever's now */
    OSObject_release(virtual);
    OSObject_release(memory);
}

/* Only a general descriptor has memory that could be compared with what its task shows. */
static void windows_are_not_persistent(void **state)
{
    IOMemoryDescriptor *memory =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, 3 | kIOMemoryPersistent, owner);
    IOMemoryDescriptor *sub = window(memory, 0, 8);

    (void)state;
    assert_null(IOMemoryDescriptor_withPersistentMemoryDescriptor(sub));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    OSObject_release(sub);
    OSObject_release(memory);
}

/* Of physical memory there is no image: its maps show it. */
static void physical_memory_is_shown_itself(void **state)
{
    IOMemoryDescriptor *memory =
        describe(SIM_RAM_BASE + 8, 16, 3 | kIOMemoryMapCopyOnWrite, TASK_NULL);
    IOMemoryMap *map = map_all(memory, other, 0);
    struct mmu_translation at;

    (void)state;
    assert_true(translate(other, IOMemoryMap_getAddress(map), &at));
    assert_int_equal(at.pa.value, SIM_RAM_BASE + 8);
    OSObject_release(map);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(buffers_refuse_tags_and_bytes_that_do_not_fit),
        MAP_TEST(a_direction_counts_until_the_device_is_at_work),
        MAP_TEST(the_lower_of_two_limits_places_a_buffer),
        MAP_TEST(nothing_is_taken_in_while_a_device_is_at_work),
        MAP_TEST(preparations_are_counted_to_the_end),
        MAP_TEST(what_is_freed_under_dma_stays_with_its_parts),
        MAP_TEST(a_part_may_shrink),
        MAP_TEST(depth_is_that_of_the_deepest_part),
        MAP_TEST(one_part_without_an_answer_is_enough),
        MAP_TEST(cursors_need_an_initialiser_and_no_size),
        MAP_TEST(a_view_of_everything_finds_no_place),
        MAP_TEST(bytes_that_are_not_there_are_no_run),
        MAP_TEST(a_window_is_one_run_where_its_bytes_are),
        MAP_TEST(windows_are_not_persistent),
        MAP_TEST(physical_memory_is_shown_itself),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
