/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA commands in the model: what the device sees of a preparation. A byte is in place, and
 * then it is its memory's, or it is bounced, and then it is the command's own until it is
 * copied. Which of the two is taken from the addresses that the device is told; all else
 * about them is checked.
 *
 * Commands have random numbers of their own: what is done to descriptors and maps hangs on
 * them only where a command is in the way.
 */
#include "descriptors/IODMACommand.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/model/model.h"
#include "tests/host/sim/sim_console.h"
#include "tests/lib/portable/test_mapper.h"

#define COMMANDS     8
#define SEGMENTS_MAX 8192

struct transfer {
    IODMACommand *command; /* NULL: a free slot */
    IODMACommand_SegmentOptions limits;
    bool strict, mapped;
    struct memory *memory; /* NULL: none is set */
    unsigned active;       /* prepares */
    uint64_t offset, length;
    bool whole;    /* in a copy */
    bool *bounced; /* of each byte */
    uint8_t *own;  /* what the device sees of those */
};

static struct transfer transfers[COMMANDS];
static struct test_mapper *mapper;
static bool is_system; /* it is the system's: commands that name none go through it */
static uint64_t numbers;

static uint8_t scratch[VIEW_MAX], wanted[VIEW_MAX];

/* The memory ----------------------------------------------------------------- */

static struct view slice_of(const struct transfer *transfer)
{
    struct view slice;

    view_slice(&transfer->memory->view, transfer->offset, transfer->length, &slice);
    return slice;
}

static bool is_for_reading(const struct transfer *transfer)
{
    const struct view slice = slice_of(transfer);

    for (unsigned i = 0; i < slice.count; i++) {
        if (slice.extents[i].leaf->for_reading) {
            return true;
        }
    }
    return false;
}

/* Every part of it, empty ones as well. */
static bool is_prepared(const struct memory *memory)
{
    if (memory->kind == LEAF) {
        return memory->physical || memory->prepares != 0;
    }
    for (unsigned i = 0; i < memory->part_count; i++) {
        if (!is_prepared(memory->parts[i])) {
            return false;
        }
    }
    return true;
}

/* Some or all of the device's bytes: `to` the memory, or from it. */
static void copy_bounced(struct transfer *transfer, bool to_memory)
{
    for (uint64_t i = 0; i < transfer->length; i++) {
        if (!transfer->bounced[i]) {
            continue;
        }
        if (to_memory) {
            view_store(&transfer->memory->view, transfer->offset + i, &transfer->own[i], 1);
        } else {
            view_load(&transfer->memory->view, transfer->offset + i, &transfer->own[i], 1);
        }
    }
}

static bool any_bounced(const struct transfer *transfer)
{
    return IODMACommand_getBounceLength(transfer->command) != 0;
}

/* What the device should see. */
static void expect_bytes(const struct transfer *transfer, uint64_t at, uint8_t *bytes,
                         uint64_t length)
{
    view_load(&transfer->memory->view, transfer->offset + at, bytes, length);
    for (uint64_t i = 0; i < length; i++) {
        if (transfer->bounced[at + i]) {
            bytes[i] = transfer->own[at + i];
        }
    }
}

/* The list ------------------------------------------------------------------- */

static IODMACommand_Segment64 list[SEGMENTS_MAX];
static unsigned entries;

static void generate(const struct transfer *transfer)
{
    UInt64 offset = 0;

    entries = 0;
    while (offset < transfer->length) {
        UInt32 room = 1 + (UInt32)below(64);

        assert_true(entries + room <= SEGMENTS_MAX);
        assert_int_equal(
            IODMACommand_gen64IOVMSegments(transfer->command, &offset, &list[entries], &room),
            kIOReturnSuccess);
        entries += room;
    }
    assert_int_equal(offset, transfer->length);
}

static void check_limits(const struct transfer *transfer)
{
    const IODMACommand_SegmentOptions *limits = &transfer->limits;

    for (unsigned i = 0; i < entries; i++) {
        const uint64_t at = list[i].fIOVMAddr, length = list[i].fLength, last = at + length - 1;

        assert_true(length != 0 && last >= at);
        assert_int_equal(
            at & ((i == 0 ? limits->fAlignment : limits->fAlignmentInternalSegments) - 1), 0);
        assert_int_equal(length & (limits->fAlignmentLength - 1), 0);
        assert_true(limits->fMaxSegmentSize == 0 || length <= limits->fMaxSegmentSize);
        assert_true(limits->fSegmentBoundary == 0 ||
                    at / limits->fSegmentBoundary == last / limits->fSegmentBoundary);
        assert_true(i + 1 == entries || ((last + 1) & (limits->fAlignmentInternalEnd - 1)) == 0);
        assert_true(limits->fNumAddressBits == 0 || last >> limits->fNumAddressBits == 0);
    }
}

/* The byte behind the device's address; through the mapper: as far as it lets writes. */
static uint8_t *device_byte(const struct transfer *transfer, uint64_t address, bool write)
{
    uint64_t physical = address, left;

    if (transfer->mapped) {
        assert_int_equal(IOMapper_translate(&mapper->super, address,
                                            write ? kIODMAMapWriteAccess : kIODMAMapReadAccess,
                                            &physical, &left),
                         kIOReturnSuccess);
    }
    return phys_to_virt(paddr(physical));
}

/* Let the device go over [at, at + length) of the prepared range. */
static void device_transfer(const struct transfer *transfer, uint64_t at, uint8_t *bytes,
                            uint64_t length, bool write)
{
    uint64_t position = 0;

    generate(transfer);
    for (unsigned i = 0; i < entries && position < at + length; i++) {
        for (uint64_t k = 0; k < list[i].fLength; k++, position++) {
            if (position >= at && position < at + length) {
                uint8_t *there = device_byte(transfer, list[i].fIOVMAddr + k, write);

                if (write) {
                    *there = bytes[position - at];
                } else {
                    bytes[position - at] = *there;
                }
            }
        }
    }
}

/* Which bytes are where their memory is; the rest must be as many as the command says. */
static void find_bounced(struct transfer *transfer)
{
    uint64_t position = 0, home = 0, bounced = 0;
    IOByteCount left = 0;

    generate(transfer);
    check_limits(transfer);
    for (unsigned i = 0; i < entries; i++) {
        for (uint64_t k = 0; k < list[i].fLength; k++, position++, home++, left--) {
            uint8_t *there = device_byte(transfer, list[i].fIOVMAddr + k, false);

            if (left == 0) {
                home = IOMemoryDescriptor_getPhysicalSegment(transfer->memory->descriptor,
                                                             transfer->offset + position, &left,
                                                             kIOMemoryMapperNone);
                assert_int_not_equal(left, 0);
            }
            transfer->bounced[position] = there != (uint8_t *)phys_to_virt(paddr(home));
            bounced += transfer->bounced[position];
        }
    }
    assert_int_equal(bounced, IODMACommand_getBounceLength(transfer->command));
    assert_ptr_equal(IODMACommand_getIOMemoryDescriptor(transfer->command) ==
                         transfer->memory->descriptor,
                     !transfer->whole);
}

/* What can be done ------------------------------------------------------------ */

static uint32_t power(unsigned most)
{
    return one_in(2) ? 1 : 1u << below(most + 1);
}

static void choose_limits(IODMACommand_SegmentOptions *limits)
{
    const uint32_t most = 512;

    *limits = (IODMACommand_SegmentOptions){.fStructSize = sizeof(*limits),
                                            .fAlignment = 1,
                                            .fAlignmentLength = 1,
                                            .fAlignmentInternalSegments = 1,
                                            .fAlignmentInternalEnd = 1};
    if (one_in(3)) {
        return;
    }
    limits->fAlignment = power(9);
    limits->fAlignmentLength = power(4);
    limits->fAlignmentInternalSegments = power(9);
    limits->fAlignmentInternalEnd = power(9);
    limits->fMaxSegmentSize = one_in(2) ? 0 : most + below(9000);
    limits->fSegmentBoundary = one_in(2) ? 0 : most << below(6);
}

static void create(struct transfer *transfer)
{
    const bool named = one_in(2);

    *transfer = (struct transfer){.strict = one_in(4)};
    choose_limits(&transfer->limits);
    if (named && one_in(2)) {
        transfer->limits.fNumAddressBits = 28; /* none of the RAM is there */
    }
    transfer->command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost64, &transfer->limits,
        transfer->strict ? kIODMAMapOptionStrict : kIODMAMapOptionMapped,
        named ? &mapper->super : NULL, NULL);
    expect_done(transfer->command);
    transfer->mapped = named || is_system;
}

static void forget_memory(struct transfer *transfer)
{
    if (transfer->memory != NULL) {
        memory_release(transfer->memory);
        transfer->memory = NULL;
    }
}

static void end_preparation(struct transfer *transfer)
{
    transfer->active = 0;
    free(transfer->bounced);
    free(transfer->own);
    transfer->bounced = NULL;
    transfer->own = NULL;
    transfer->whole = false;
    memory_mark(transfer->memory, -1);
}

/* The last complete of a preparation, by whatever call it is made. */
static IOReturn expect_end(struct transfer *transfer, bool synchronize)
{
    IOReturn status = kIOReturnSuccess;

    if (synchronize && any_bounced(transfer)) {
        if (is_for_reading(transfer)) {
            status = kIOReturnNotWritable;
        } else {
            copy_bounced(transfer, true);
        }
    }
    return status;
}

static void set_memory(struct transfer *transfer)
{
    struct memory *memory = memory_any();
    IOReturn status;

    if (memory == NULL || memory == transfer->memory) {
        return;
    }
    status = IODMACommand_setMemoryDescriptor(transfer->command, memory->descriptor, false);
    if (transfer->active != 0) {
        assert_int_equal(status, kIOReturnBusy);
        return;
    }
    assert_int_equal(status, kIOReturnSuccess);
    memory_retain(memory);
    forget_memory(transfer);
    transfer->memory = memory;
}

static IOReturn expect_prepare(const struct transfer *transfer, uint64_t offset, uint64_t length)
{
    if (transfer->memory == NULL) {
        return kIOReturnNotReady;
    }
    if (length == 0 || offset + length > transfer->memory->view.length) {
        return kIOReturnBadArgument;
    }
    if (transfer->active != 0) {
        return offset == transfer->offset && length == transfer->length ? kIOReturnSuccess
                                                                        : kIOReturnNotReady;
    }
    if (length % transfer->limits.fAlignmentLength != 0) {
        return kIOReturnNotAligned;
    }
    return is_prepared(transfer->memory) ? kIOReturnSuccess : kIOReturnNotReady;
}

static void prepare(struct transfer *transfer)
{
    const uint64_t whole = transfer->memory == NULL ? 0 : transfer->memory->view.length;
    const bool synchronize = !one_in(6), again = transfer->active != 0 && one_in(2);
    uint64_t offset = whole == 0 ? 0 : below(whole), length = 0;
    IOReturn status;

    if (whole != 0) {
        length = 1 + below(whole - offset);
        length -= one_in(10) ? 0 : length % transfer->limits.fAlignmentLength;
        if (length == 0 || one_in(4)) {
            offset = 0;
            length = whole - whole % transfer->limits.fAlignmentLength;
        }
        if (length == 0) {
            return; /* that would be to the end */
        }
    }
    if (again) {
        offset = transfer->offset;
        length = transfer->length;
    }
    status = expect_prepare(transfer, offset, length);
    assert_int_equal(
        IODMACommand_prepare(transfer->command, offset, length, one_in(2), synchronize), status);
    if (status != kIOReturnSuccess || transfer->active++ != 0) {
        return;
    }
    transfer->offset = offset;
    transfer->length = length;
    transfer->bounced = calloc(length, sizeof(bool));
    transfer->own = calloc(length, 1);
    memory_mark(transfer->memory, 1);
    transfer->whole = transfer->mapped && any_bounced(transfer);
    find_bounced(transfer);
    if (synchronize) {
        copy_bounced(transfer, false);
    }
}

static void complete(struct transfer *transfer)
{
    const bool synchronize = !one_in(6);
    IOReturn status = kIOReturnSuccess;

    if (transfer->active == 0) {
        status = kIOReturnNotReady;
    } else if (transfer->active == 1) {
        status = expect_end(transfer, synchronize);
    }
    assert_int_equal(IODMACommand_complete(transfer->command, one_in(2), synchronize), status);
    if (transfer->active == 1) {
        end_preparation(transfer);
    } else if (transfer->active != 0) {
        transfer->active--;
    }
}

/* Clear, or let go of the command: either completes as often as it takes. */
static void clear(struct transfer *transfer, bool release)
{
    const bool active = transfer->active != 0;
    const IOReturn status = active ? expect_end(transfer, true) : kIOReturnSuccess;

    if (release) {
        sim_console_set_quiet(active); /* it says so, of each of them */
        OSObject_release(transfer->command);
        sim_console_set_quiet(false);
        transfer->command = NULL;
    } else {
        assert_int_equal(IODMACommand_clearMemoryDescriptor(transfer->command, true), status);
        assert_null(IODMACommand_getMemoryDescriptor(transfer->command));
    }
    if (active) {
        end_preparation(transfer);
    }
    forget_memory(transfer);
}

static void clone(struct transfer *transfer)
{
    struct transfer *to = &transfers[below(COMMANDS)];

    if (to->command != NULL) {
        return;
    }
    *to = (struct transfer){.limits = transfer->limits,
                            .strict = transfer->strict,
                            .mapped = transfer->mapped,
                            .command = IODMACommand_cloneCommand(transfer->command, NULL)};
    expect_done(to->command);
    assert_int_equal(IODMACommand_complete(to->command, true, true), kIOReturnNotReady);
}

static void synchronize(struct transfer *transfer)
{
    static const IOOptionBits options[] = {kIODirectionOut, kIODirectionIn, kForceDoubleBuffer, 0};
    const IOOptionBits option = options[below(4)];
    const bool inward = option == kIODirectionIn || option == kForceDoubleBuffer;
    IOReturn status = kIOReturnSuccess;

    if (transfer->active == 0) {
        status = kIOReturnNotReady;
    } else if (inward && any_bounced(transfer) && is_for_reading(transfer) &&
               !(option == kForceDoubleBuffer && transfer->whole)) {
        status = kIOReturnNotWritable;
    } else if (option == kForceDoubleBuffer && !transfer->whole) {
        copy_bounced(transfer, true);
    } else if (option == kIODirectionIn || option == kIODirectionOut) {
        copy_bounced(transfer, option == kIODirectionIn);
    }
    assert_int_equal(IODMACommand_synchronize(transfer->command, option), status);
    if (status == kIOReturnSuccess && option == kForceDoubleBuffer && !transfer->whole) {
        transfer->whole = true;
        find_bounced(transfer);
        copy_bounced(transfer, false);
    }
}

static uint64_t choose_part(const struct transfer *transfer, uint64_t *at)
{
    const uint64_t length = 1 + below(one_in(2) ? 16 : 600);

    *at = below(transfer->length);
    return length < transfer->length - *at ? length : transfer->length - *at;
}

/* The device or the CPU at the device's bytes. */
static void access_bytes(struct transfer *transfer)
{
    const bool device = one_in(2), write = one_in(2);
    uint64_t at, length;

    if (transfer->active == 0) {
        assert_int_equal(IODMACommand_readBytes(transfer->command, 0, scratch, 1), 0);
        assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
        return;
    }
    length = choose_part(transfer, &at);
    if (!write) {
        expect_bytes(transfer, at, wanted, length);
        if (device) {
            device_transfer(transfer, at, scratch, length, false);
        } else {
            assert_int_equal(
                IODMACommand_readBytes(transfer->command, at, scratch,
                                       at + length == transfer->length ? VIEW_MAX : length),
                length);
        }
        assert_memory_equal(scratch, wanted, length);
        return;
    }
    if (is_for_reading(transfer)) {
        return; /* no device shall, and the CPU cannot */
    }
    for (uint64_t i = 0; i < length; i++) {
        scratch[i] = (uint8_t)below(256);
        if (transfer->bounced[at + i]) {
            transfer->own[at + i] = scratch[i];
        } else {
            view_store(&transfer->memory->view, transfer->offset + at + i, &scratch[i], 1);
        }
    }
    if (device) {
        device_transfer(transfer, at, scratch, length, true);
    } else {
        assert_int_equal(IODMACommand_writeBytes(transfer->command, at, scratch, length), length);
    }
}

/* What a descriptor is made of stays while a device uses it. */
static void refuse_changes(struct transfer *transfer)
{
    struct memory *memory = transfer->memory;
    IOMemoryDescriptor *const descriptor = memory == NULL ? NULL : memory->descriptor;
    IOAddressRange range = {0, 8};

    if (transfer->active == 0 || memory->buffer != NULL || memory->kind == CHAIN) {
        return;
    }
    if (memory->kind == LEAF) {
        assert_false(IOMemoryDescriptor_initWithOptions(
            descriptor, &range, 1, 0, TASK_NULL, kIOMemoryTypePhysical | kIODirectionOutIn, NULL));
        assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    } else if (memory->kind == WINDOW) {
        assert_false(IOSubMemoryDescriptor_initSubRange(
            OSDynamicCast(IOSubMemoryDescriptor, descriptor), memory->parts[0]->descriptor, 0, 1,
            kIODirectionOutIn));
        assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    } else {
        IOInterleavedMemoryDescriptor_clearMemoryDescriptors(
            OSDynamicCast(IOInterleavedMemoryDescriptor, descriptor), kIODirectionNone);
        assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    }
    assert_int_equal(IOMemoryDescriptor_getLength(descriptor), memory->view.length);
}

static void one_step(void)
{
    struct transfer *transfer = &transfers[below(COMMANDS)];

    if (transfer->command == NULL) {
        create(transfer);
        return;
    }
    switch (below(24)) {
    case 0:
        clear(transfer, true);
        break;
    case 1:
        clear(transfer, false);
        break;
    case 2:
        clone(transfer);
        break;
    case 3:
        refuse_changes(transfer);
        break;
    case 4:
    case 5:
        complete(transfer);
        break;
    case 6:
    case 7:
        synchronize(transfer);
        break;
    case 8:
    case 9:
    case 10:
        set_memory(transfer);
        break;
    case 11:
    case 12:
    case 13:
    case 14:
        prepare(transfer);
        break;
    default:
        access_bytes(transfer);
        break;
    }
}

/* With the commands' own numbers in place of the world's. */
static void with_own_numbers(void (*run)(void))
{
    const uint64_t before = world.random;

    world.random = numbers;
    run();
    numbers = world.random;
    world.random = before;
}

void commands_step(void)
{
    with_own_numbers(one_step);
}

static void check_all(void)
{
    for (unsigned i = 0; i < COMMANDS; i++) {
        const struct transfer *transfer = &transfers[i];

        if (transfer->active != 0) {
            expect_bytes(transfer, 0, wanted, transfer->length);
            device_transfer(transfer, 0, scratch, transfer->length, false);
            assert_memory_equal(scratch, wanted, transfer->length);
        }
    }
}

void commands_check(void)
{
    with_own_numbers(check_all);
}

static bool release_one(void)
{
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (transfers[i].command != NULL) {
            clear(&transfers[i], true);
            return true;
        }
    }
    return false;
}

bool commands_release(void)
{
    return release_one();
}

void commands_begin(uint64_t seed)
{
    IOService *unit = IOService_withReader("unit", NULL, NULL);

    memset(transfers, 0, sizeof(transfers));
    numbers = ~seed;
    is_system = seed % 4 < 2;
    mapper = test_mapper_new(1 + seed % 1000);
    expect_done(mapper);
    mapper->super.fIsSystem = is_system;
    assert_true(IOMapper_start(&mapper->super, unit));
    OSObject_release(unit);
}

void commands_end(void)
{
    assert_int_equal(mapper->entries, 0);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    OSObject_release(&mapper->super);
}
