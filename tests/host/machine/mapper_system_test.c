/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole descriptors behind the system mapper, and what mappings let a device do. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "kernel/page.h"
#include "tests/host/machine/system_fixture.h"

static struct test_mapper *new_mapper(void)
{
    struct test_mapper *mapper = test_mapper_new(SYSTEM_BASE_PAGE);
    IOService *unit = system_unit(7);

    assert_non_null(mapper);
    assert_true(IOMapper_start(&mapper->super, unit));
    OSObject_release(unit);
    return mapper;
}

/*
 * Every byte of it, by options 0 of getPhysicalSegment, is where a device finds it, and what
 * follows there is one segment.
 */
static void expect_addresses(struct test_mapper *mapper, IOMemoryDescriptor *memory)
{
    const IOByteCount length = IOMemoryDescriptor_getLength(memory);
    IOByteCount left;
    addr64_t end = 0;

    for (IOByteCount at = 0; at < length; at += left) {
        const addr64_t address = IOMemoryDescriptor_getPhysicalSegment(memory, at, &left, 0);

        assert_true(left != 0 && left <= length - at);
        assert_int_not_equal(address, end);
        end = address + left;
        for (IOByteCount i = 0; i < left; i++) {
            uint64_t physical;

            assert_int_equal(IOMapper_translate(&mapper->super, address + i, kIODMAMapReadAccess,
                                                &physical, NULL),
                             kIOReturnSuccess);
            assert_int_equal(physical, IOMemoryDescriptor_getPhysicalSegment(memory, at + i, NULL,
                                                                             kIOMemoryMapperNone));
        }
    }
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, length, &left, 0), 0);
    assert_int_equal(left, 0);
}

/* Shorter or longer, it is mapped as long as it is. */
static void a_length_that_is_set_is_mapped_anew(void **state)
{
    static const IOByteCount lengths[] = {100, 3 * PAGE_SIZE - 5, 100, PAGE_SIZE + 1};
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(3 * PAGE_SIZE, kIODirectionOutIn, false);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(buffer);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    expect_addresses(mapper, memory);
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        IOBufferMemoryDescriptor_setLength(buffer, lengths[i]);
        expect_addresses(mapper, memory);
        assert_int_equal(mapper->entries, (lengths[i] + PAGE_SIZE - 1) / PAGE_SIZE);
    }
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(buffer);
    system_stop(mapper, unit);
}

/*
 * What a device is at work with is not taken away, who asks for the rest is told so; and a
 * direction that the buffer takes on is a right in the mapping.
 */
static void a_buffer_is_mapped_by_what_it_is_now(void **state)
{
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(2 * PAGE_SIZE, kIODirectionOut, false);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(buffer);
    IODMACommand *command = dma_command(&any, kMapped, memory);
    IODMACommand_Segment64 list[2];
    uint64_t physical;
    IOByteCount left;

    (void)state;
    IOBufferMemoryDescriptor_setLength(buffer, PAGE_SIZE);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(dma_list(command, list, 2), 1);
    IOBufferMemoryDescriptor_setLength(buffer, 2 * PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &left, 0), 0);
    assert_int_equal(left, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(
        IOMapper_translate(&mapper->super, list[0].fIOVMAddr, kIODMAMapReadAccess, &physical, NULL),
        kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    expect_addresses(mapper, memory);
    IOBufferMemoryDescriptor_setDirection(buffer, kIODirectionOutIn);
    assert_int_equal(
        IOMapper_translate(&mapper->super,
                           IOMemoryDescriptor_getPhysicalSegment(memory, PAGE_SIZE, NULL, 0),
                           kIODMAMapReadAccess | kIODMAMapWriteAccess, &physical, NULL),
        kIOReturnSuccess);
    expect_addresses(mapper, memory);
    OSObject_release(command);
    OSObject_release(buffer);
    system_stop(mapper, unit);
}

/* What was mapped of memory that it describes no more is not what it is asked for now. */
static void a_descriptor_made_anew_is_mapped_anew(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOAddressRange ranges[] = {{DMA_LOW, 100}, {DMA_LOW + 8 * PAGE_SIZE, 100}};
    IOMemoryDescriptor *memory =
        describe(DMA_LOW, 100, kIODirectionOutIn | kIOMemoryMapperNone, TASK_NULL);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        expect_addresses(mapper, memory);
        assert_int_equal(mapper->entries, 1);
        assert_true(IOMemoryDescriptor_initWithOptions(
            memory, &ranges[(i + 1) % 2], 1, 0, TASK_NULL,
            kIODirectionOutIn | kIOMemoryMapperNone | kIOMemoryTypePhysical, NULL));
        assert_int_equal(mapper->entries, 0);
    }
    OSObject_release(memory);
    system_stop(mapper, unit);
}

/* A device that is not translated is told where I/O addresses lead, were they in a row or not. */
static void an_unmapped_command_lists_memory(void **state)
{
    static const IODMACommand_SegmentOptions limits[] = {
        {.fStructSize = 40},
        {.fStructSize = 40,
         .fAlignment = 2,
         .fAlignmentLength = 2,
         .fAlignmentInternalSegments = 2},
        {.fStructSize = 40, .fNumAddressBits = 31}, /* it lies above, its I/O addresses below */
    };
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOMemoryDescriptor *memory = system_memory(kIODirectionInOut), *window;
    IOByteCount left;

    (void)state;
    assert_true(system_pages.value >= 1ull << 31);
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    window = IOMemoryDescriptor_withPhysicalAddress(
        IOMemoryDescriptor_getPhysicalSegment(memory, 0, &left, 0), 2 * PAGE_SIZE + 500,
        kIODirectionInOut);
    assert_int_equal(IOMemoryDescriptor_prepare(window, kIODirectionNone), kIOReturnSuccess);
    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        IODMACommand *command = dma_command(&limits[i], kUnmapped, window);
        IODMACommand_Segment64 list[8];
        uint64_t at = 0;
        unsigned count;

        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        count = dma_list(command, list, 8);
        for (unsigned k = 0; k < count; at += list[k++].fLength) {
            for (uint64_t byte = 0; byte < list[k].fLength; byte++) {
                const uint64_t told = list[k].fIOVMAddr + byte;

                /* In place, or where the device reaches a copy of it. */
                assert_true(i == 2 ? told < 1ull << 31
                                   : told == IOMemoryDescriptor_getPhysicalSegment(
                                                 window, at + byte, NULL, kIOMemoryMapperNone));
            }
        }
        assert_int_equal(at, IOMemoryDescriptor_getLength(window));
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        OSObject_release(command);
    }
    IOMemoryDescriptor_complete(window, kIODirectionNone);
    OSObject_release(window);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    system_stop(mapper, unit);
}

/* Made when it is first asked for, the same for all who ask, gone with the last complete. */
static void one_mapping_of_the_whole_is_shared(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOMemoryDescriptor *memory = system_memory(kIODirectionInOut);
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IODMACommand_Segment64 list[8];
    IODMACommand *command;
    IOByteCount left;
    uint64_t entries;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &left, 0), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady); /* not prepared */
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(
                         memory, IOMemoryDescriptor_getLength(memory), NULL, 0),
                     0);
    assert_int_equal(mapper->entries, 0); /* nor does who asks for what is behind its end map it */
    expect_addresses(mapper, memory);
    entries = mapper->entries;
    assert_int_not_equal(entries, 0);
    expect_addresses(mapper, memory);
    assert_int_equal(mapper->entries, entries);

    /* A command for all of it takes this one, and gives nothing back. */
    command = dma_command(&any, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(mapper->entries, entries);
    assert_true(dma_list(command, list, 8) != 0);
    assert_int_equal(list[0].fIOVMAddr, IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0));
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(mapper->entries, entries);

    /* One for a part, or with narrower limits, has its own. */
    assert_int_equal(IODMACommand_prepare(command, 0, 64, true, true), kIOReturnSuccess);
    assert_int_equal(mapper->entries, entries + 1);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(mapper->entries, entries);
    OSObject_release(command);

    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    assert_int_equal(mapper->entries, entries);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    assert_int_equal(mapper->entries, 0);
    OSObject_release(memory);
    system_stop(mapper, unit);
}

/* A composite has one of its own, and its parts theirs; whoever is released takes it along. */
static void composites_are_mapped_as_a_whole(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOMemoryDescriptor *parts[2] = {system_memory(kIODirectionInOut),
                                    system_memory(kIODirectionInOut)};
    IOMemoryDescriptor *both = IOMemoryDescriptor_upcast(
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionInOut, false));
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IODMACommand *command;
    uint64_t of_part;

    (void)state;
    IOMemoryDescriptor_prepare(parts[0], kIODirectionNone);
    expect_addresses(mapper, parts[0]);
    of_part = mapper->entries;
    /* Its parts being prepared is not enough: nobody would end the mapping. */
    IOMemoryDescriptor_prepare(parts[1], kIODirectionNone);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(both, 0, NULL, 0), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    command = dma_command(&any, kMapped, both); /* which has one of its own then */
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(mapper->entries, 3 * of_part);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(mapper->entries, of_part);
    OSObject_release(command);
    IOMemoryDescriptor_prepare(both, kIODirectionNone);
    expect_addresses(mapper, both);
    assert_int_equal(mapper->entries, 3 * of_part);
    IOMemoryDescriptor_complete(both, kIODirectionNone);
    assert_int_equal(mapper->entries, of_part);
    IOMemoryDescriptor_prepare(both, kIODirectionNone);
    expect_addresses(mapper, both);
    OSObject_release(both);
    assert_int_equal(mapper->entries, of_part);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
    system_stop(mapper, unit);
}

/* Where a piece ends is no place that would have to be aligned for who begins with the next. */
static void a_cursor_begins_with_the_piece_that_it_begins_in(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        (IOAddressRange[]){{system_pages.value, 5}, {system_pages.value + 2 * PAGE_SIZE, 8}}, 2,
        kIODirectionOutIn | kIOMemoryMapperNone, TASK_NULL);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 4);
    IOPhysicalSegment segment;
    IOByteCount size;

    (void)state;
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, memory, 5, &segment, 1, 0, &size), 1);
    assert_int_equal(segment.location & PAGE_MASK, 0);
    assert_int_equal(segment.length, 8);
    OSObject_release(cursor);
    OSObject_release(memory);
    system_stop(mapper, unit);
}

/* A cursor fills in what a device behind the mapper reaches, from any position on. */
static void cursors_give_io_addresses(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOMemoryDescriptor *memory = system_memory(kIODirectionInOut);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(1000, 0, 1);
    const IOByteCount length = IOMemoryDescriptor_getLength(memory);
    IOPhysicalSegment list[40];

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    for (IOByteCount from = 0; from < length; from += 777) {
        const UInt32 most = from % 2 == 0 ? 0 : 5000; /* bytes; 0: all of them */
        const IOByteCount end = most != 0 && most < length - from ? from + most : length;
        IOByteCount size, at = from;
        const UInt32 count =
            IONaturalMemoryCursor_getPhysicalSegments(cursor, memory, from, list, 40, most, &size);

        assert_int_equal(size, end - from);
        for (UInt32 i = 0; i < count; i++) {
            for (IOByteCount k = 0; k < list[i].length; k++, at++) {
                assert_int_equal(
                    IOMapper_mapToPhysicalAddress(&mapper->super, list[i].location + k),
                    IOMemoryDescriptor_getPhysicalSegment(memory, at, NULL, kIOMemoryMapperNone));
            }
        }
        assert_int_equal(at, end);
        /* No entry more than there is room for. */
        memset(list, 0xee, sizeof(list));
        assert_int_equal(
            IONaturalMemoryCursor_getPhysicalSegments(cursor, memory, from, list, 1, most, &size),
            1);
        assert_int_equal(size, list[0].length);
        assert_int_equal(list[1].length, 0xeeeeeeeeeeeeeeee);
    }
    OSObject_release(memory); /* prepared still */
    assert_int_equal(mapper->entries, 0);
    OSObject_release(cursor);

    /* One run for one entry, which needs no walk where nothing is translated. */
    cursor = IONaturalMemoryCursor_withSpecification(0, 0, 1);
    memory = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(system_pages), 3000,
                                                 kIODirectionInOut, kernel_task);
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, memory, 16, list, 1, 0, NULL), 1);
    assert_int_equal(IOMapper_mapToPhysicalAddress(&mapper->super, list[0].location),
                     system_pages.value + 16);
    OSObject_release(memory);
    OSObject_release(cursor);
    system_stop(mapper, unit);
}

/* A handler is told what there is, and makes nothing; nor does memory that is no mapper's. */
static void what_is_not_mapped(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOMemoryDescriptor *memory = system_memory(kIODirectionInOut);
    IOMemoryDescriptor *physical =
        IOMemoryDescriptor_withPhysicalAddress(DMA_LOW, 64, kIODirectionInOut);
    IOMemoryDescriptor *hidden = describe((uint64_t)phys_to_virt(system_pages), 64,
                                          kIODirectionInOut | kIOMemoryHostOnly, kernel_task);

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    sim_in_handler = true;
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnCannotLock);
    sim_in_handler = false;
    assert_int_not_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0), 0);
    sim_in_handler = true;
    assert_int_not_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0), 0);
    sim_in_handler = false;
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    assert_int_equal(mapper->entries, 0);
    /* Another mapper that ends is not the system's. */
    OSObject_release(&new_mapper()->super);
    assert_ptr_equal(IOMapper_systemMapper(), &mapper->super);
    /* Given as physical: it is what a device is to be told, already. */
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(physical, 0, NULL, 0), DMA_LOW);
    assert_int_equal(mapper->entries, 0);
    OSObject_release(physical);
    /* No device is to reach it: there is nothing to map, which is no failure. */
    assert_int_equal(IOMemoryDescriptor_prepare(hidden, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(hidden, 0, NULL, 0), system_pages.value);
    assert_int_equal(mapper->entries, 0);
    assert_int_equal(IOMemoryDescriptor_complete(hidden, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(hidden);
    system_stop(mapper, unit);
}

/* No more than the transfer needs: a device that goes the other way is stopped. */
static void a_mapping_allows_what_the_transfer_does(void **state)
{
    static const struct {
        IODirection direction;
        bool reads, writes;
    } rows[] = {{kIODirectionOut, true, false},
                {kIODirectionIn, false, true},
                {kIODirectionInOut, true, true},
                {kIODirectionNone, true, true}};
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    static const IODMACommand_SegmentOptions narrow = {
        .fStructSize = 40, .fAlignment = 64, .fAlignmentLength = 64};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned how = 0; how < 3;
             how++) { /* device mapper, system mapper, copied as a whole */
            IOService *unit = NULL;
            struct test_mapper *mapper = how == 1 ? system_start(&unit) : new_mapper();
            IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 64, 128, 0, 0, rows[i].direction);
            IODMACommand *command = IODMACommand_withSpecificationOptions(
                kIODMACommandOutputHost64, how == 2 ? &narrow : &any, kMapped,
                how == 1 ? NULL : &mapper->super, NULL);
            IODMACommand_Segment64 segment;
            uint8_t byte;

            assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true),
                             kIOReturnSuccess);
            if (how == 2) {
                assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer),
                                 kIOReturnSuccess);
            }
            assert_int_equal(dma_list(command, &segment, 1), 1);
            assert_int_equal(test_mapper_read(mapper, segment.fIOVMAddr, &byte), rows[i].reads);
            assert_int_equal(test_mapper_write(mapper, segment.fIOVMAddr, 1), rows[i].writes);
            assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
            OSObject_release(command);
            OSObject_release(memory);
            if (how == 1) { /* one for all who ask, of memory that nobody pins */
                memory =
                    describe(DMA_LOW + 64, 128, rows[i].direction | kIOMemoryMapperNone, TASK_NULL);
                segment.fIOVMAddr = IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0);
                assert_int_equal(test_mapper_read(mapper, segment.fIOVMAddr, &byte), rows[i].reads);
                assert_int_equal(test_mapper_write(mapper, segment.fIOVMAddr, 1), rows[i].writes);
                OSObject_release(memory);
                system_stop(mapper, unit);
            } else {
                OSObject_release(&mapper->super);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(one_mapping_of_the_whole_is_shared),
        MAP_TEST(an_unmapped_command_lists_memory),
        MAP_TEST(a_length_that_is_set_is_mapped_anew),
        MAP_TEST(a_buffer_is_mapped_by_what_it_is_now),
        MAP_TEST(a_descriptor_made_anew_is_mapped_anew),
        MAP_TEST(composites_are_mapped_as_a_whole),
        MAP_TEST(a_cursor_begins_with_the_piece_that_it_begins_in),
        MAP_TEST(cursors_give_io_addresses),
        MAP_TEST(what_is_not_mapped),
        MAP_TEST(a_mapping_allows_what_the_transfer_does),
    };

    return cmocka_run_group_tests(tests, system_power_on, map_power_off);
}
