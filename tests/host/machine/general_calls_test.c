/* SPDX-License-Identifier: BSD-2-Clause */
/* General descriptors whose task has changed its mind, and views that cannot be. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/ledger/IOLedger.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/machine/map_composite.h"

/* Other memory at an address of owner's. */
static void replace_pages(uint64_t at, unsigned access)
{
    struct vm_range range = {.access = access, .max_access = RW, .memory = MMU_NORMAL};
    vaddr_t address = at;

    remove_pages(owner, at, 1);
    assert_int_equal(vm_object_create(1, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(task_map(owner), &address, PAGE_SIZE, PAGE_SIZE, &range, 0),
                     KERN_SUCCESS);
    vm_object_release(range.object);
}

/* Stores that were refused are asked for again: the owner may have got the right since. */
static void a_right_to_store_is_looked_up_again(void **state)
{
    const uint64_t at = new_pages(owner, 1, MMU_READ);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapReadOnly);

    (void)state;
    expect_no_map(memory, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotPermitted);
    replace_pages(at, RW); /* other memory is none of this descriptor's */
    expect_no_map(memory, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotPermitted);
    remove_pages(owner, at, 1);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotPermitted);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 0);
    OSObject_release(map);
    OSObject_release(memory);
}

/* The owner's own address is its map, if it may do there what a map allows. */
static void the_owners_own_view_must_be_there(void **state)
{
    const uint64_t at = new_pages(owner, 1, MMU_READ);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, kIODirectionOutIn, owner);
    IOByteCount resident;
    IOMemoryMap *map;

    (void)state;
    assert_null(IOMemoryDescriptor_createMappingInTask(memory, owner, 0,
                                                       kIOMapAnywhere | kIOMapPrefault, 0, 0));
    assert_null(IOMemoryDescriptor_createMappingInTask(memory, owner, 0, kIOMapAnywhere, 0, 0));
    replace_pages(at, RW);
    map = IOMemoryDescriptor_createMappingInTask(memory, owner, 0, kIOMapAnywhere, 0, 0);
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getAddress(map), at);
    OSObject_release(map);
    OSObject_release(memory);
    /* That it is shown brings no page. */
    memory = describe(new_pages(owner, 3, RW), 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    map = map_all(memory, owner, 0);
    assert_int_equal(IOMemoryDescriptor_getPageCounts(memory, &resident, NULL), kIOReturnSuccess);
    assert_int_equal(resident, 0);
    OSObject_release(map);
    OSObject_release(memory);
}

/* As many pages as there are might be pinned at once, one more never. */
static void more_pages_than_there_are_cannot_be_described(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW), all = ptoa(platform_ram_pages());

    (void)state;
    assert_int_equal(gIOLastPage, atop(SIM_RAM_BASE + all - 1));
    OSObject_release(describe(at, all, kIODirectionOutIn, owner));
    OSObject_release(describe(at + 1, all - 1, kIODirectionOutIn, owner));
    assert_null(IOMemoryDescriptor_withAddressRange(at, all + 1, kIODirectionOutIn, owner));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoResources);
    assert_null(IOMemoryDescriptor_withAddressRange(at + 1, all, kIODirectionOutIn, owner));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoResources);
}

/* Of a window, what it takes to map its bytes alone, in however many ranges they are. */
static void a_window_is_as_large_as_its_pages(void **state)
{
    const uint64_t at = new_pages(owner, 12, RW);
    IOAddressRange ranges[] = {{at + 100, 2 * PAGE_SIZE},
                               {at + 4 * PAGE_SIZE + 500, 700},
                               {at + 8 * PAGE_SIZE - 3, PAGE_SIZE + 6}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, owner);
    const IOByteCount length = IOMemoryDescriptor_getLength(memory);

    (void)state;
    for (IOByteCount offset = 0; offset < length; offset += 331) {
        for (IOByteCount bytes = 1; bytes <= length - offset; bytes += 777) {
            IOMemoryDescriptor *part = window(memory, offset, bytes);
            uint64_t first = 0, told = 7, expected = 0;
            IOByteCount begin = 0;

            for (unsigned i = 0; i < 3; begin += ranges[i++].length) {
                const IOByteCount from = offset > begin ? offset : begin;
                const IOByteCount end = begin + ranges[i].length, to = offset + bytes;
                const uint64_t where = ranges[i].address + (from - begin);

                if (from < end && from < to) {
                    first = from == offset ? where & PAGE_MASK : first;
                    expected +=
                        round_page(where + ((to < end ? to : end) - from)) - trunc_page(where);
                }
            }
            assert_int_equal(IOMemoryDescriptor_getDMAMapLength(part, &told), expected);
            assert_int_equal(told, first);
            OSObject_release(part);
        }
    }
    OSObject_release(memory);
}

/* That of the last byte of any range, wherever in the list; empty ranges lie nowhere. */
static void the_highest_page_is_a_bytes(void **state)
{
    static const struct {
        IOAddressRange ranges[3];
        uint64_t highest; /* address in it */
    } rows[] = {
        {{{DEVICE, 1}, {DEVICE, 1}, {DEVICE, 1}}, DEVICE},
        {{{DEVICE, PAGE_SIZE}, {DEVICE - 8, 8}, {DEVICE, 0}}, DEVICE},
        {{{DEVICE, PAGE_SIZE + 1}, {DEVICE, 8}, {DEVICE, 8}}, DEVICE + PAGE_SIZE},
        {{{DEVICE + 8 * PAGE_SIZE, 0}, {DEVICE, 8}, {DEVICE + 2 * PAGE_SIZE - 8, 8}},
         DEVICE + PAGE_SIZE},
        {{{DEVICE - 8, 8}, {DEVICE, 8}, {DEVICE + 8, 2 * PAGE_SIZE}}, DEVICE + 2 * PAGE_SIZE}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IOAddressRange ranges[3];
        IOMDDMACharacteristics facts;
        IOMemoryDescriptor *memory;

        memcpy(ranges, rows[i].ranges, sizeof(ranges));
        memory = IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, TASK_NULL);
        assert_int_equal(operate(memory, kIOMDGetCharacteristics, &facts, sizeof(facts)),
                         kIOReturnSuccess);
        assert_int_equal(facts.fHighestPage, atop(rows[i].highest));
        OSObject_release(memory);
    }
}

/* Memory that has no purgeable state stands in the way of the whole. */
static void physical_parts_have_no_state(void **state)
{
    IOMemoryDescriptor *parts[3], *joined;
    IOOptionBits before = 7;

    (void)state;
    two_pages(parts + 1);
    parts[0] = describe(DEVICE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);
    joined = join(parts, 3);
    assert_int_not_equal(
        IOMemoryDescriptor_setPurgeable(joined, kIOMemoryPurgeableVolatile, &before),
        kIOReturnSuccess);
    OSObject_release(joined);
    OSObject_release(parts[0]);
    release_both(parts + 1);
}

/* What is read through a persistent description is not stored to. */
static void read_only_pages_are_not_prepared_for_stores(void **state)
{
    const uint64_t at = new_pages(owner, 1, MMU_READ);
    IOMemoryDescriptor *memory =
        describe(at, PAGE_SIZE, kIODirectionIn | kIOMemoryPersistent, owner);
    IOMemoryMap *map;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnNotWritable);
    map = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere | kIOMapReadOnly,
                                                 0, 0);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnNotWritable);
    OSObject_release(map);
    OSObject_release(memory);
    /* Nor what is there already, where nothing may be brought. */
    memory = describe(at, PAGE_SIZE, kIODirectionIn, owner);
    assert_int_equal(load(owner, at), 0);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionPrepareNoFault),
                     kIOReturnNotWritable);
    OSObject_release(memory);
}

/* Whole pages of one range are the descriptor's own; beside a part of one lies somebody else's. */
static void pages_that_are_filled_are_its_own(void **state)
{
    const uint64_t one = new_pages(owner, 3, RW), two = new_pages(owner, 3, RW);
    const uint64_t first = 3 * PAGE_SIZE - 100; /* bytes of the first range, to the end of a page */
    const uint64_t third = first + PAGE_SIZE + 50;
    IOAddressRange ranges[] = {
        {one + 100, first}, {two + PAGE_SIZE, PAGE_SIZE + 50}, {two + 200, PAGE_SIZE - 200}};
    const struct {
        IOByteCount offset, end;
        bool own;
    } parts[] = {{0, 1, false},
                 {0, first, false},
                 {PAGE_SIZE - 101, PAGE_SIZE - 100, false},
                 {PAGE_SIZE - 100, PAGE_SIZE - 99, true},
                 {PAGE_SIZE - 99, 2 * PAGE_SIZE - 101, true},
                 {PAGE_SIZE - 100, first, true},
                 {2 * PAGE_SIZE, first, true},
                 {first - 1, first + 1, true},
                 {first, first + PAGE_SIZE, true},
                 {first + 70, first + PAGE_SIZE - 1, true},
                 {first, first + PAGE_SIZE + 1, false},
                 {first + PAGE_SIZE, first + PAGE_SIZE + 50, false},
                 {first + PAGE_SIZE + 49, first + PAGE_SIZE + 50, false},
                 {third, third + 1, false},
                 {third + 500, third + PAGE_SIZE - 200, false}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, owner);

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        assert_int_equal(general_owns_pages(memory, parts[i].offset, parts[i].end, other),
                         parts[i].own);
        assert_true(general_owns_pages(memory, parts[i].offset, parts[i].end, owner));
    }
    /* All of them, and no other, are pinned. */
    for (unsigned prepared = 0; prepared < 2; prepared++) {
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(pins_at(owner, one + ptoa(i)), prepared);
        }
        assert_int_equal(pins_at(owner, two), prepared);
        assert_int_equal(pins_at(owner, two + PAGE_SIZE), prepared);
        assert_int_equal(pins_at(owner, two + 2 * PAGE_SIZE), prepared);
        assert_int_equal(prepared == 0 ? IOMemoryDescriptor_prepare(memory, 0)
                                       : IOMemoryDescriptor_complete(memory, 0),
                         kIOReturnSuccess);
    }
    assert_int_equal(pins_at(owner, one), 0);
    OSObject_release(memory);
}

static unsigned read_only_reports;

static void count_read_only(const struct IOLedgerReport *report)
{
    assert_int_equal(report->rule, kIOLedgerReadOnly);
    assert_int_equal(report->subject.length, 100);
    read_only_reports++;
}

/* Constants of the image that a device shall overwrite: the ledger says so, and a task's not. */
static void constants_for_a_device_are_reported(void **state)
{
    const task_t tasks[] = {kernel_task, owner};

    (void)state;
    IOLedger_listen(count_read_only);
    read_only_reports = 0;
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t at = new_pages(tasks[i], 1, MMU_READ);
        IOMemoryDescriptor *memory = describe(at, 100, kIODirectionIn, tasks[i]);

        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionOut), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        assert_int_equal(read_only_reports, i);
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnNotWritable);
        assert_int_equal(read_only_reports, 1);
        OSObject_release(memory);
        remove_pages(tasks[i], at, 1);
    }
    IOLedger_listen(NULL);
}

/* What a part says of itself is of that part. */
static void characteristics_are_of_the_bytes_that_are_asked_for(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *memory = describe(at, 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMDDMACharacteristics facts;

    (void)state;
    IOMemoryDescriptor_methods(memory)->getCharacteristics(memory, PAGE_SIZE - 8, PAGE_SIZE + 16,
                                                           &facts);
    assert_int_equal(facts.fLength, 24);
    assert_int_equal(facts.fPages, 2);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_right_to_store_is_looked_up_again),
        MAP_TEST(the_owners_own_view_must_be_there),
        MAP_TEST(more_pages_than_there_are_cannot_be_described),
        MAP_TEST(the_highest_page_is_a_bytes),
        MAP_TEST(a_window_is_as_large_as_its_pages),
        MAP_TEST(physical_parts_have_no_state),
        MAP_TEST(read_only_pages_are_not_prepared_for_stores),
        MAP_TEST(pages_that_are_filled_are_its_own),
        MAP_TEST(constants_for_a_device_are_reported),
        MAP_TEST(characteristics_are_of_the_bytes_that_are_asked_for),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
