/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole descriptors behind the system mapper, and what mappings let a device do. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "kernel/page.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/lib/portable/test_mapper.h"

#define BASE_PAGE 0x100 /* where the mapper's addresses begin */

static IOService *new_unit(uint32_t identity)
{
    IOService *unit = IOService_withReader("unit", NULL, NULL);

    IOService_setCell(unit, "phandle", identity);
    return unit;
}

static struct test_mapper *new_mapper(void)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOService *unit = new_unit(7);

    assert_non_null(mapper);
    assert_true(IOMapper_start(&mapper->super, unit));
    OSObject_release(unit);
    return mapper;
}

static struct test_mapper *start_system(IOService **unit)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);

    *unit = new_unit(12);
    mapper->super.fIsSystem = true;
    assert_true(IOMapper_start(&mapper->super, *unit));
    return mapper;
}

static void stop_system(struct test_mapper *mapper, IOService *unit)
{
    assert_int_equal(mapper->entries, 0);
    assert_int_equal(OSObject_getRetainCount(&mapper->super), 1);
    OSObject_release(&mapper->super);
    assert_null(IOMapper_gSystem);
    OSObject_release(unit);
}

static paddr_t pages; /* ten of them */

static int power_on(void **state)
{
    const struct page_request request = {.count = 10, .owner = PAGE_OWNER_IMAGE};

    return dma_power_on(state) != 0 || page_alloc_run(&request, &pages) != KERN_SUCCESS ? -1 : 0;
}

/* Pages that are neighbours, apart, and within one another's; in the map, not prepared. */
static IOMemoryDescriptor *scattered_memory(IODirection direction)
{
    const uint64_t first = (uint64_t)phys_to_virt(pages);
    IOAddressRange ranges[] = {{first + 100, 2 * PAGE_SIZE},
                               {first + 9 * PAGE_SIZE, 700},
                               {first + 7 * PAGE_SIZE + 50, 5000}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, direction, kernel_task);

    assert_non_null(memory);
    return memory;
}

/* Every byte of it, by options 0 of getPhysicalSegment, is where a device finds it. */
static void expect_addresses(struct test_mapper *mapper, IOMemoryDescriptor *memory)
{
    const IOByteCount length = IOMemoryDescriptor_getLength(memory);
    IOByteCount left;

    for (IOByteCount at = 0; at < length; at += left) {
        const addr64_t address = IOMemoryDescriptor_getPhysicalSegment(memory, at, &left, 0);

        assert_true(left != 0 && left <= length - at);
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
    struct test_mapper *mapper = start_system(&unit);
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
    stop_system(mapper, unit);
}

/* What was mapped of memory that it describes no more is not what it is asked for now. */
static void a_descriptor_made_anew_is_mapped_anew(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = start_system(&unit);
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
    stop_system(mapper, unit);
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
    struct test_mapper *mapper = start_system(&unit);
    IOMemoryDescriptor *memory = scattered_memory(kIODirectionInOut), *window;
    IOByteCount left;

    (void)state;
    assert_true(pages.value >= 1ull << 31);
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
    stop_system(mapper, unit);
}

/* Made when it is first asked for, the same for all who ask, gone with the last complete. */
static void one_mapping_of_the_whole_is_shared(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = start_system(&unit);
    IOMemoryDescriptor *memory = scattered_memory(kIODirectionInOut);
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
    stop_system(mapper, unit);
}

/* A composite has one of its own, and its parts theirs; whoever is released takes it along. */
static void composites_are_mapped_as_a_whole(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = start_system(&unit);
    IOMemoryDescriptor *parts[2] = {scattered_memory(kIODirectionInOut),
                                    scattered_memory(kIODirectionInOut)};
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
    stop_system(mapper, unit);
}

/* A cursor fills in what a device behind the mapper reaches, from any position on. */
static void cursors_give_io_addresses(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = start_system(&unit);
    IOMemoryDescriptor *memory = scattered_memory(kIODirectionInOut);
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
    memory = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(pages), 3000,
                                                 kIODirectionInOut, kernel_task);
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, memory, 16, list, 1, 0, NULL), 1);
    assert_int_equal(IOMapper_mapToPhysicalAddress(&mapper->super, list[0].location),
                     pages.value + 16);
    OSObject_release(memory);
    OSObject_release(cursor);
    stop_system(mapper, unit);
}

/* A handler is told what there is, and makes nothing; nor does memory that is no mapper's. */
static void what_is_not_mapped(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = start_system(&unit);
    IOMemoryDescriptor *memory = scattered_memory(kIODirectionInOut);
    IOMemoryDescriptor *physical =
        IOMemoryDescriptor_withPhysicalAddress(DMA_LOW, 64, kIODirectionInOut);
    IOMemoryDescriptor *hidden = describe((uint64_t)phys_to_virt(pages), 64,
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
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(hidden, 0, NULL, 0), pages.value);
    assert_int_equal(mapper->entries, 0);
    assert_int_equal(IOMemoryDescriptor_complete(hidden, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(hidden);
    stop_system(mapper, unit);
}

/* Where the bytes of it are, by every way to ask for host addresses. */
static void expect_back(IOMemoryDescriptor *device, IOMemoryDescriptor *memory, uint64_t length)
{
    static uint8_t bytes[4 * PAGE_SIZE];
    IOByteCount left;

    for (uint64_t at = 0; at < length; at += left) {
        const addr64_t there =
            IOMemoryDescriptor_getPhysicalSegment(device, at, &left, kIOMemoryMapperNone);

        assert_true(left != 0 && left <= length - at);
        for (uint64_t i = 0; i < left; i++) {
            assert_int_equal(there + i, IOMemoryDescriptor_getPhysicalSegment(memory, at + i, NULL,
                                                                              kIOMemoryMapperNone));
        }
    }
    for (uint64_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(i * 13 + 5);
    }
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, bytes, length), length);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(IOMemoryDescriptor_readBytes(device, 0, bytes, length), length);
    for (uint64_t i = 0; i < length; i++) {
        assert_int_equal(bytes[i], (uint8_t)(i * 13 + 5));
        bytes[i] ^= 0xff;
    }
    assert_int_equal(IOMemoryDescriptor_writeBytes(device, 0, bytes, length), length);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, bytes, length), length);
    for (uint64_t i = 0; i < length; i++) {
        assert_int_equal(bytes[i], (uint8_t) ~(i * 13 + 5));
    }
}

/* Physical ranges are addresses of the mapper's, unless they say otherwise: they lead back. */
static void physical_ranges_lead_back(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = start_system(&unit);
    IOMemoryDescriptor *memory = scattered_memory(kIODirectionInOut), *device, *host;
    const uint64_t length = IOMemoryDescriptor_getLength(memory);
    uint64_t at = 0;
    IOAddressRange ranges[4];
    IOByteCount left;
    UInt32 count = 0;

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    for (; at < length; at += left) {
        ranges[count].address = IOMemoryDescriptor_getPhysicalSegment(memory, at, &left, 0);
        ranges[count++].length = left;
    }
    device = IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionInOut, TASK_NULL);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(device, 0, NULL, 0), ranges[0].address);
    expect_back(device, memory, length);
    sim_in_handler = true; /* there as well */
    assert_int_not_equal(
        IOMemoryDescriptor_getPhysicalSegment(device, 9, NULL, kIOMemoryMapperNone), 0);
    sim_in_handler = false;

    /* What says so is the host's own. */
    host = IOMemoryDescriptor_withAddressRanges(ranges, count,
                                                kIODirectionInOut | kIOMemoryMapperNone, TASK_NULL);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(host, 0, NULL, kIOMemoryMapperNone),
                     ranges[0].address);
    OSObject_release(host);

    /* Where nothing is translated there is no address, and never a host's. */
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    assert_int_equal(mapper->entries, 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(device, 0, &left, kIOMemoryMapperNone),
                     0);
    assert_int_equal(left, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    assert_int_equal(IOMemoryDescriptor_readBytes(device, 0, &left, 8), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    OSObject_release(device);
    OSObject_release(memory);
    stop_system(mapper, unit);
}

/*
 * The CPU goes through no mapper: a map shows the memory that the addresses lead to, wherever it
 * is, and goes on showing that. Where they lead nowhere there is no map.
 */
static void maps_show_where_they_lead(void **state)
{
    const uint64_t first = (uint64_t)phys_to_virt(pages);
    IOAddressRange ranges[] = {{first + 9 * PAGE_SIZE, PAGE_SIZE},
                               {first + 3 * PAGE_SIZE, 2 * PAGE_SIZE}};
    IOService *unit;
    struct test_mapper *mapper = start_system(&unit);
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionInOut, kernel_task);
    IOMemoryDescriptor *device;
    struct inject_report report = {.failed = true};
    IOMemoryMap *map = NULL;
    uint64_t address;
    IOByteCount left;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    address = IOMemoryDescriptor_getPhysicalSegment(memory, 0, &left, 0);
    assert_true(address < SIM_RAM_BASE);
    device =
        IOMemoryDescriptor_withAddressRange(address, 3 * PAGE_SIZE, kIODirectionInOut, TASK_NULL);
    assert_non_null(device);
    for (uint64_t nth = 1; report.failed; nth++) {
        const struct holdings held = holdings_now();

        assert_null(map);
        inject_begin(nth);
        map = IOMemoryDescriptor_map(device, 0);
        inject_end(&report);
        assert_true(map != NULL || (report.failed && sim_holds(&held)));
        if (report.failed) {
            OSSafeReleaseNULL(map);
        }
    }
    assert_non_null(map);
    for (uint64_t i = 0; i < 3 * PAGE_SIZE; i += 97) {
        const uint64_t there =
            IOMemoryDescriptor_getPhysicalSegment(memory, i, NULL, kIOMemoryMapperNone);
        uint8_t *const byte = phys_to_virt(paddr(there)), seen = 0;

        *byte = (uint8_t)(i / 97 + 1);
        assert_int_equal(sim_load(kernel_map, IOMemoryMap_getAddress(map) + i, &seen),
                         KERN_SUCCESS);
        assert_int_equal(seen, (uint8_t)(i / 97 + 1));
        assert_int_equal(sim_store(kernel_map, IOMemoryMap_getAddress(map) + i, 0x5c),
                         KERN_SUCCESS);
        assert_int_equal(*byte, 0x5c);
    }
    OSObject_release(map);
    OSObject_release(device);
    /* A translation is good to the end of its page at least, or there is no view. */
    mapper->isShort = true;
    device =
        IOMemoryDescriptor_withAddressRange(address, 3 * PAGE_SIZE, kIODirectionInOut, TASK_NULL);
    assert_null(IOMemoryDescriptor_map(device, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnInternalError);
    OSObject_release(device);
    mapper->isShort = false;
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    device = IOMemoryDescriptor_withAddressRange(address, PAGE_SIZE, kIODirectionInOut, TASK_NULL);
    assert_null(IOMemoryDescriptor_map(device, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    OSObject_release(device);
    stop_system(mapper, unit);
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
            struct test_mapper *mapper = how == 1 ? start_system(&unit) : new_mapper();
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
                stop_system(mapper, unit);
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
        MAP_TEST(a_descriptor_made_anew_is_mapped_anew),
        MAP_TEST(composites_are_mapped_as_a_whole),
        MAP_TEST(cursors_give_io_addresses),
        MAP_TEST(what_is_not_mapped),
        MAP_TEST(physical_ranges_lead_back),
        MAP_TEST(maps_show_where_they_lead),
        MAP_TEST(a_mapping_allows_what_the_transfer_does),
    };

    return cmocka_run_group_tests(tests, power_on, map_power_off);
}
