/* SPDX-License-Identifier: BSD-2-Clause */
/* What a mapper is asked for by those who want memory mapped, and answers that cannot be used. */
#include "descriptors/IODMACommand.h"
#include "descriptors/IODMAProtocol.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/machine/map_composite.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_mapping_does_not_wrap),
        MAP_TEST(a_commands_mapping_does_not_wrap),
        MAP_TEST(the_systems_mapping_does_not_wrap),
        MAP_TEST(the_systems_mapper_is_asked_again),
        MAP_TEST(the_systems_mapper_is_shown_what_it_may_see),
        MAP_TEST(a_mapping_is_for_the_memorys_direction),
        MAP_TEST(narrow_devices_have_a_mapping_of_their_own),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
