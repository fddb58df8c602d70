/* SPDX-License-Identifier: BSD-2-Clause */
/* General descriptors whose task has changed its mind, and views that cannot be. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMACommand.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/platform_wait.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/machine/map_composite.h"
#include "tests/host/sim/sim_irq.h"

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

/* I/O addresses end at 2^64: what would lie behind is refused and taken back. */
static void a_mapping_does_not_wrap(void **state)
{
    IOAddressRange ranges[] = {{DEVICE + 8, 100}, {DEVICE + 4 * PAGE_SIZE + 16, 100}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, TASK_NULL);
    IOMapper *mapper = new_mapper();
    uint64_t address, length;

    (void)state;
    told.base = UINT64_MAX - PAGE_SIZE + 1;
    assert_int_not_equal(IOMemoryDescriptor_dmaMap(memory, mapper, (IOMemoryDescriptor *)NULL, NULL,
                                                   NULL, 0, 200, &address, &length),
                         kIOReturnSuccess);
    assert_int_equal(told.maps, told.unmaps);
    OSObject_release(mapper);
    OSObject_release(memory);
}

/* The same of a command's mapping, of a second piece and of one that is longer than the page. */
static void a_commands_mapping_does_not_wrap(void **state)
{
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    const uint64_t second[] = {DEVICE + 4 * PAGE_SIZE + 16, 0};
    IOMapper *mapper = new_mapper();

    (void)state;
    told.base = UINT64_MAX - PAGE_SIZE + 1;
    for (unsigned i = 0; i < 2; i++) {
        IOAddressRange ranges[] = {{DEVICE + 8, i == 0 ? 100 : 2 * PAGE_SIZE}, {second[i], 100}};
        IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
            ranges, second[i] != 0 ? 2 : 1, kIODirectionOutIn, TASK_NULL);
        IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64,
                                                                      &any, kMapped, mapper, NULL);

        assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false),
                         kIOReturnSuccess);
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnInternalError);
        assert_int_equal(told.maps, i + 1);
        assert_int_equal(told.unmaps, i + 1);
        OSObject_release(command);
        OSObject_release(memory);
    }
    OSObject_release(mapper);
}

/* And of a whole descriptor's, which the system's mapper has made. */
static void the_systems_mapping_does_not_wrap(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOAddressRange ranges[] = {{at + 8, 100}, {at + PAGE_SIZE + 16, 100}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    IOMapper *mapper = new_mapper();
    IOByteCount length = 5;

    (void)state;
    told.base = UINT64_MAX - PAGE_SIZE + 1;
    mapper->fIsSystem = true;
    assert_true(IOMapper_start(mapper, unit));
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 100, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotAligned);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
    assert_int_equal(told.maps, told.unmaps);
    OSObject_release(mapper);
    OSObject_release(unit);
}

/* A mapping that was refused is none, and is asked for again. */
static void the_systems_mapper_is_asked_again(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), 100, kIODirectionOutIn, owner);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    IOMapper *mapper = new_mapper();

    (void)state;
    mapper->fIsSystem = true;
    assert_true(IOMapper_start(mapper, unit));
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    told.answer = kIOReturnNoSpace;
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0), 0);
        assert_int_equal(IOMemoryLastError(), kIOReturnNoSpace);
        assert_int_equal(told.maps, i);
    }
    told.answer = kIOReturnSuccess;
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0), IOVA);
    assert_int_equal(OSObject_getRetainCount(mapper), 2);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(told.unmaps, 1);
    assert_int_equal(OSObject_getRetainCount(mapper), 1);
    OSObject_release(memory);
    OSObject_release(mapper);
    OSObject_release(unit);
}

/* Of what the system's mapper may not see, it is asked for nothing. */
static void the_systems_mapper_is_shown_what_it_may_see(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *remote =
        describe(at, PAGE_SIZE, kIODirectionOutIn | kIOMemoryRemote, owner);
    IOMemoryDescriptor *parts[] = {
        describe(at, PAGE_SIZE, kIODirectionOutIn | kIOMemoryHostOnly, owner),
        describe(at + PAGE_SIZE, PAGE_SIZE, kIODirectionOutIn, owner)};
    IOMultiMemoryDescriptor *joined =
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    IOMapper *mapper = new_mapper();
    IOByteCount length = 5;

    (void)state;
    mapper->fIsSystem = true;
    assert_true(IOMapper_start(mapper, unit));
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(remote, 0, &length, 0), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotAttached);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(remote, NULL, remote, NULL, NULL, 0, 8, &length, &length),
        kIOReturnNotAttached); /* without a mapper, too */
    assert_int_equal(IOMemoryDescriptor_prepare(joined, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(joined, 0, &length, 0), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_int_equal(IOMemoryDescriptor_complete(joined, 0), kIOReturnSuccess);
    assert_int_equal(told.maps, 0);
    OSObject_release(joined);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
    OSObject_release(remote);
    OSObject_release(mapper);
    OSObject_release(unit);
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

/* A device is let do what the memory's direction says, whoever asks for it to be mapped. */
static void a_mapping_is_for_the_memorys_direction(void **state)
{
    static const IODirection directions[] = {kIODirectionOut, kIODirectionIn, kIODirectionOutIn};
    static const uint32_t access[] = {kIODMAMapReadAccess, kIODMAMapWriteAccess,
                                      kIODMAMapReadAccess | kIODMAMapWriteAccess};
    IOMapper *mapper = new_mapper();

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withPhysicalAddress(SIM_RAM_BASE, PAGE_SIZE, directions[i]);
        uint64_t address, length;

        assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 0, 100,
                                                   &address, &length),
                         kIOReturnSuccess);
        assert_int_equal(told.options, access[i]);
        assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, mapper, NULL, 0, address, length),
                         kIOReturnSuccess);
        OSObject_release(memory);
    }
    OSObject_release(mapper);
}

/* The one mapping that everybody shares does for devices with as many bits, not with fewer. */
static void narrow_devices_have_a_mapping_of_their_own(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, 100, kIODirectionOutIn, owner);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    IOMapper *mapper = new_mapper();
    static const struct {
        uint8_t bits;
        bool own;
    } asks[] = {{0, false}, {64, false}, {40, false}, {36, false}, {32, true}};
    IOMDDMAMapArgs args;

    (void)state;
    mapper->fIsSystem = true;
    assert_true(IOMapper_start(mapper, unit));
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    for (unsigned kept = 0; kept < 2; kept++) {
        IODMAMapSpecification specification = {.numAddressBits = 36};

        for (unsigned i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
            const unsigned before = told.maps;

            args = (IOMDDMAMapArgs){
                .fMapper = mapper,
                .fMapSpec = {.numAddressBits = asks[i].bits},
                .fLength = 100,
                .fAllocLength = 7, /* of a mapping before: it is an answer */
            };
            assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
            /* Without a limit of the memory's own any of a device's is narrower. */
            assert_int_equal(args.fAllocLength != 0,
                             asks[i].own || (kept == 0 && asks[i].bits % 64 != 0));
            assert_true(told.maps <= before + 1);
            assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
        }
        assert_int_equal(operate(memory, kIOMDAddDMAMapSpec, &specification, sizeof(specification)),
                         kIOReturnSuccess);
    }
    /* So have those that ask for what is not said here. */
    args = (IOMDDMAMapArgs){.fMapper = mapper, .fMapSpec = {.options = 1}, .fLength = 100};
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_not_equal(args.fAllocLength, 0);
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
    assert_int_equal(told.maps, told.unmaps);
    OSObject_release(mapper);
    OSObject_release(unit);
}

static void handle_nothing(void *context)
{
    (void)context;
}

static void lines_are_let_go_of_by_number(void **state)
{
    const uint64_t before = sim_time;

    (void)state;
    platform_interrupt_detach(70, NULL); /* nobody has it */
    platform_interrupt_enable(70, NULL, true);
    assert_int_equal(platform_interrupt_attach(70, false, handle_nothing, NULL), KERN_SUCCESS);
    assert_int_equal(platform_interrupt_attach(71, false, handle_nothing, NULL), KERN_SUCCESS);
    assert_int_not_equal(platform_interrupt_attach(70, false, handle_nothing, NULL), KERN_SUCCESS);
    assert_int_not_equal(platform_interrupt_attach(70, true, handle_nothing, NULL), KERN_SUCCESS);
    platform_interrupt_detach(70, NULL); /* the older of two */
    platform_interrupt_detach(70, NULL);
    assert_false(sim_line_is_enabled(70));
    platform_interrupt_detach(71, NULL);
    platform_wait(0); /* a time that has passed */
    assert_int_equal(sim_time, before);
}

static void count_call(void *context)
{
    ++*(unsigned *)context;
}

/* Several on a level: all are called, and it is open only while all of them want it so. */
static void a_level_has_several_handlers(void **state)
{
    unsigned calls[3] = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(platform_interrupt_attach(72, true, count_call, &calls[i]), KERN_SUCCESS);
    }
    assert_int_equal(sim_interrupt(72), IRQ_SERVED);
    assert_int_equal(calls[0] + calls[1] + calls[2], 3);
    platform_interrupt_enable(72, &calls[1], false);
    assert_false(sim_line_is_enabled(72));
    platform_interrupt_enable(72, &calls[0], false);
    platform_interrupt_enable(72, &calls[0], true);
    assert_false(sim_line_is_enabled(72));
    /* The first one goes, whose place the line's handler knows. */
    platform_interrupt_detach(72, &calls[0]);
    assert_false(sim_line_is_enabled(72));
    sim_interrupt(72);
    platform_interrupt_enable(72, &calls[1], true);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 2);
    assert_int_equal(calls[2], 2);
    /* With the one that has closed it goes its wish. */
    platform_interrupt_enable(72, &calls[2], false);
    platform_interrupt_detach(72, &calls[2]);
    assert_true(sim_line_is_enabled(72));
    platform_interrupt_detach(72, &calls[1]);
    assert_false(sim_line_is_enabled(72));
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
        MAP_TEST(a_mapping_does_not_wrap),
        MAP_TEST(a_commands_mapping_does_not_wrap),
        MAP_TEST(the_systems_mapping_does_not_wrap),
        MAP_TEST(the_systems_mapper_is_asked_again),
        MAP_TEST(the_systems_mapper_is_shown_what_it_may_see),
        MAP_TEST(characteristics_are_of_the_bytes_that_are_asked_for),
        MAP_TEST(a_mapping_is_for_the_memorys_direction),
        MAP_TEST(narrow_devices_have_a_mapping_of_their_own),
        MAP_TEST(lines_are_let_go_of_by_number),
        MAP_TEST(a_level_has_several_handlers),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
