/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA commands in the model: made, prepared, used, ended and refused.
 *
 * Commands have random numbers of their own: what is done to descriptors and maps hangs on
 * them only where a command is in the way.
 */
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/model/transfer.h"
#include "tests/host/sim/sim_console.h"
#include "tests/lib/portable/test_mapper.h"

#define COMMANDS 8

static struct transfer transfers[COMMANDS];
static struct test_mapper *mapper;
static bool is_system; /* it is the system's: commands that name none go through it */
static uint64_t numbers;

static uint8_t scratch[VIEW_MAX], wanted[VIEW_MAX];

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
    transfer->mapper = named || is_system ? &mapper->super : NULL;
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

    if (synchronize && transfer_any_bounced(transfer)) {
        if (transfer_is_for_reading(transfer)) {
            status = kIOReturnNotWritable;
        } else {
            transfer_copy_bounced(transfer, true);
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
    return transfer_memory_is_prepared(transfer->memory) ? kIOReturnSuccess : kIOReturnNotReady;
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
    transfer->whole = transfer->mapper != NULL && transfer_any_bounced(transfer);
    transfer_find_bounced(transfer);
    if (synchronize) {
        transfer_copy_bounced(transfer, false);
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
                            .mapper = transfer->mapper,
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
    } else if (inward && transfer_any_bounced(transfer) && transfer_is_for_reading(transfer) &&
               !(option == kForceDoubleBuffer && transfer->whole)) {
        status = kIOReturnNotWritable;
    } else if (option == kForceDoubleBuffer && !transfer->whole) {
        transfer_copy_bounced(transfer, true);
    } else if (option == kIODirectionIn || option == kIODirectionOut) {
        transfer_copy_bounced(transfer, option == kIODirectionIn);
    }
    assert_int_equal(IODMACommand_synchronize(transfer->command, option), status);
    if (status == kIOReturnSuccess && option == kForceDoubleBuffer && !transfer->whole) {
        transfer->whole = true;
        transfer_find_bounced(transfer);
        transfer_copy_bounced(transfer, false);
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
        transfer_expect_bytes(transfer, at, wanted, length);
        if (device) {
            transfer_by_device(transfer, at, scratch, length, false);
        } else {
            assert_int_equal(
                IODMACommand_readBytes(transfer->command, at, scratch,
                                       at + length == transfer->length ? VIEW_MAX : length),
                length);
        }
        assert_memory_equal(scratch, wanted, length);
        return;
    }
    if (transfer_is_for_reading(transfer)) {
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
        transfer_by_device(transfer, at, scratch, length, true);
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
            transfer_expect_bytes(transfer, 0, wanted, transfer->length);
            transfer_by_device(transfer, 0, scratch, transfer->length, false);
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
