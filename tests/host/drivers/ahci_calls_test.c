/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of a SATA disk one by one: commands of a client's own options, starts that are none, calls
 * out of notifications, and who watches.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAController_class.h"
#include "descriptors/IODeviceMemory.h"
#include "tests/host/drivers/ahci_fixture.h"
#include "tests/host/drivers/recorded.h"

static struct ahci_transfer transfers[3];

static IODMACommand *command_over(struct ahci_transfer *transfer, IOMemoryDescriptor *memory,
                                  const IODMACommand_SegmentOptions *options, uint64_t length)
{
    IODMACommand *command = ahci_create_command(target, options, kMapped, transfer);

    client_prepare(command, memory, 0, length);
    transfer->block = 0;
    return command;
}

static IOReturn start_at(UInt32 channel, IODMACommand *command)
{
    return IODMAController_startDMACommand((IODMAController *)target->engine, channel, command,
                                           kIODirectionIn, 0, 0);
}

/* --- Commands of a client's own options ------------------------------------------------------- */

static const IODMACommand_SegmentOptions anything = {
    .fStructSize = sizeof(anything), .fNumAddressBits = 64, .fAlignment = 1};

static void refused_over(IOMemoryDescriptor *memory, uint64_t length, IOReturn status)
{
    IODMACommand *command = command_over(&transfers[0], memory, &anything, length);

    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), status);
    assert_int_equal(device.ports[0].transfers, 0);
    client_drop(command);
}

/* In one piece, whatever the controller then finds there. */
static void started_over(IOMemoryDescriptor *memory, uint64_t length)
{
    IODMACommand *command = command_over(&transfers[0], memory, &anything, length);

    client_end_count = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(target->shared->heads[0].flags >> 16, 1);
    ahci_sim_end(&device, 1, (uint32_t)length);
    deliver();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    assert_int_equal(client_ends[0].bytes, length);
    client_drop(command);
}

static void pieces_that_no_list_names(void **state)
{
    IOAddressRange ranges[] = {{(uint64_t)whole_byte(1), 512},      /* an odd address */
                               {(uint64_t)whole_byte(4096), 511},   /* an odd length */
                               {(uint64_t)whole_byte(8192), 300},   /* a part of a block */
                               {(uint64_t)whole_byte(12289), 212}}; /* whose rest is odd */
    IOMemoryDescriptor *large;
    IOMemoryDescriptor *far;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
            &ranges[i], i == 0 ? 1 : 2, kIODirectionInOut, kernel_task);

        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
        refused_over(memory, 512, i == 2 ? kIOReturnNoSpace : kIOReturnMessageTooLarge);
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
        OSObject_release(memory);
    }
    /* Longer than an entry can say. */
    large = (IOMemoryDescriptor *)IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
        kernel_task, kIODirectionInOut | kIOMemoryPhysicallyContiguous, AHCI_PIECE_MAX + 4096,
        UINT64_MAX & ~PAGE_MASK);
    assert_non_null(large);
    target->blocks = 2 * BLOCKS;
    refused_over(large, 0, kIOReturnMessageTooLarge);
    OSObject_release(large);
    /* And just as long. */
    target->blocks = AHCI_PIECE_MAX / 512;
    large = (IOMemoryDescriptor *)IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
        kernel_task, kIODirectionInOut | kIOMemoryPhysicallyContiguous, AHCI_PIECE_MAX,
        UINT64_MAX & ~PAGE_MASK);
    assert_non_null(large);
    started_over(large, AHCI_PIECE_MAX);
    OSObject_release(large);
    leave(true);
    /* Where a controller of 32 bits does not reach. */
    create();
    device.wide = false;
    assert_int_equal(open_it(), kIOReturnSuccess);
    far = (IOMemoryDescriptor *)IODeviceMemory_withRange((1ull << 32) - 256, 4096);
    refused_over(far, 512, kIOReturnMessageTooLarge);
    OSObject_release(far);
    far = (IOMemoryDescriptor *)IODeviceMemory_withRange((1ull << 32) - 4096, 4096);
    started_over(far, 4096);
    OSObject_release(far);
    leave(true);
}

/* --- Starts ----------------------------------------------------------------------------------- */

/* Of a disk of 2^48 - 1 blocks each byte of the number is the disk's; and all of it is one start.
 */
static void blocks_of_large_disks(void **state)
{
    IODMACommand *command;

    (void)state;
    create();
    device.ports[0].blocks = (1ull << 48) - 1;
    assert_int_equal(open_it(), kIOReturnSuccess);
    command = command_over(&transfers[0], whole, NULL, 1024);
    transfers[0].block = 0x9abcdef01234;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(device.ports[0].block, 0x9abcdef01234);
    ahci_sim_end(&device, 1, 1024);
    deliver();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    target->blocks = 2;
    transfers[0].block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    ahci_sim_answer(&device);
    deliver();
    assert_int_equal(client_ends[1].status, kIOReturnSuccess);
    client_drop(command);
    leave(true);
}

static void starts_of_somebody_elses(void **state)
{
    IODMACommand *command = command_over(&transfers[0], whole, NULL, 1024);
    struct ahci_transfer copied = transfers[0];

    (void)state;
    assert_int_equal(start_at(1, command), kIOReturnBadArgument);
    IOMemory_fail(kIOReturnBusy);
    assert_null(ahci_create_command(target, NULL, kMapped, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, NULL);
    assert_int_equal(start_at(0, command), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, &copied);
    copied.serial.command = NULL;
    assert_int_equal(start_at(0, command), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, &transfers[0]);
    target->blocks = 1; /* all of it is less */
    assert_int_equal(start_at(0, command), kIOReturnOverrun);
    target->blocks = BLOCKS;
    /* Until its end has been heard of it is not started again. */
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    ahci_sim_answer(&device);
    bus_sim_interrupt(&device.bus);
    assert_int_equal(start_at(0, command), kIOReturnBusy);
    assert_int_equal(device.ports[0].transfers, 1);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(ahci_commands(target), 1);
    client_drop(command);
    leave(true);
}

static IODMACommand *commands[3];

static void start_another(void)
{
    IOByteCount moved = 0;
    IODMACommand *running;

    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnNotPermitted);
    assert_int_equal(
        IODMAEventSource_startDMACommand(client_sources[0], commands[2], kIODirectionIn, 0, 0),
        kIOReturnSuccess);
    assert_int_equal(IODMAEventSource_queryDMACommand(client_sources[0], &running, &moved, false),
                     kIOReturnSuccess);
    assert_ptr_equal(running, commands[1]);
    assert_int_equal(moved, 0);
}

/* What an end starts gets in line behind those that were there; one that cannot go is passed. */
static void a_line(void **state)
{
    IOAddressRange range = {(uint64_t)whole_byte(1), 512};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(&range, 1, kIODirectionInOut, kernel_task);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    commands[0] = command_over(&transfers[0], whole, NULL, 512);
    commands[1] = command_over(&transfers[1], memory, &anything, 512);
    commands[2] = command_over(&transfers[2], whole, NULL, 512);
    assert_int_equal(client_start(0, commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(client_start(0, commands[1], kIODirectionIn, 0, 0), kIOReturnSuccess);
    client_at_notification = start_another;
    ahci_sim_answer(&device);
    IOWorkLoop_closeGate(client_loop); /* the notification starts */
    bus_sim_interrupt(&device.bus);
    IOWorkLoop_openGate(client_loop);
    IOWorkLoop_runEventSources(client_loop);
    assert_null(client_at_notification);
    assert_int_equal(client_end_count, 2);
    assert_ptr_equal(client_ends[1].command, commands[1]);
    assert_int_equal(client_ends[1].status, kIOReturnMessageTooLarge);
    ahci_sim_answer(&device);
    deliver();
    assert_int_equal(client_end_count, 3);
    assert_int_equal(client_ends[2].status, kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        client_drop(commands[i]);
    }
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    leave(true);
}

/* --- Watching --------------------------------------------------------------------------------- */

static uint64_t seen;

static void look(void *context, const struct ahci_piece *piece)
{
    assert_ptr_equal(context, &seen);
    assert_int_equal(piece->address, virt_to_phys(whole_byte(piece->offset)).value);
    assert_int_equal(piece->block, 7);
    assert_true(piece->slot < piece->count);
    seen += piece->length;
}

static void a_watcher_sees_the_list(void **state)
{
    static struct recorded_list list;
    IODMACommand *command = command_over(&transfers[0], whole, NULL, 65536);

    (void)state;
    transfers[0].block = 7;
    ahci_watch(target, look, &seen);
    recorded_begin();
    for (unsigned i = 0; i < 2; i++) {
        seen = 0;
        assert_int_equal(client_start(0, command, i == 0 ? kIODirectionIn : kIODirectionOut, 0, 0),
                         kIOReturnSuccess);
        ahci_sim_answer(&device);
        deliver();
        assert_int_equal(seen, 65536);
    }
    recorded_end();
    for (unsigned i = 0; i < 2; i++) {
        assert_true(recorded_list(i, &list));
        recorded_expect(&list, command, 0, 65536, TRACE_LIST_PRDT, 0,
                        i == 0 ? TRACE_SLOT_WRITES : 0);
        assert_int_equal(list.entries[0].address, virt_to_phys(whole_byte(0)).value);
    }
    assert_int_equal(recorded_count(TRACE_dma_issue), 2);
    /* Without a recording it is shown all the same, and recorded without a watcher. */
    trace_start();
    trace_stop();
    seen = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    ahci_sim_answer(&device);
    deliver();
    assert_int_equal(seen, 65536);
    assert_int_equal(trace_count(), 0);
    ahci_watch(target, NULL, NULL);
    trace_start();
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    trace_stop();
    assert_int_equal(recorded_count(TRACE_dma_issue), 1);
    ahci_sim_answer(&device);
    deliver();
    assert_int_equal(seen, 65536);
    client_drop(command);
    leave(true);
}

static IOAddressRange many[AHCI_PIECES + 20];
static unsigned watched_lists;

static void look_further(void *context, const struct ahci_piece *piece)
{
    assert_ptr_equal(context, &seen);
    watched_lists += piece->slot == 0;
    assert_int_equal(piece->offset, seen);
    assert_int_equal(piece->address, virt_to_phys((void *)many[seen / 512].address).value);
    assert_int_equal(piece->block, 7 + (watched_lists == 1 ? 0 : AHCI_PIECES));
    seen += piece->length;
}

/* More than one command: each goes on where the one before has ended, for who watches too. */
static void a_watcher_sees_every_list(void **state)
{
    static struct recorded_list list;
    const unsigned count = sizeof(many) / sizeof(many[0]);
    IOMemoryDescriptor *memory;
    IODMACommand *command;
    uint8_t zeros[512];

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        many[i] = (IOAddressRange){(uint64_t)whole_byte(1024ull * i), 512};
    }
    memory = IOMemoryDescriptor_withAddressRanges(many, count, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = command_over(&transfers[0], memory, NULL, 0);
    transfers[0].block = 7;
    ahci_watch(target, look_further, &seen);
    seen = 0;
    recorded_begin();
    memset(whole_byte(0), 0, 1024 * count);
    assert_int_equal(client_start(0, command, kIODirectionIn, 512 * (count - 5), 0),
                     kIOReturnSuccess);
    for (unsigned i = 0; i < 2; i++) {
        ahci_sim_answer(&device);
        deliver();
    }
    recorded_end();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    assert_int_equal(seen, 512 * (count - 5));
    assert_int_equal(watched_lists, 2);
    assert_true(recorded_list(0, &list));
    recorded_expect(&list, command, 0, 512 * AHCI_PIECES, TRACE_LIST_PRDT, 0, TRACE_SLOT_WRITES);
    assert_true(recorded_list(1, &list));
    recorded_expect(&list, command, 512 * AHCI_PIECES, 512 * 15, TRACE_LIST_PRDT, 0,
                    TRACE_SLOT_WRITES);
    memset(zeros, 0, sizeof(zeros));
    for (unsigned i = 0; i < count; i++) {
        assert_memory_equal((void *)many[i].address,
                            i < count - 5 ? content + (7 + i) * 512 : zeros, 512);
    }
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    leave(true);
}

#define OPENED(test) cmocka_unit_test_setup(test, open_usual)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_large_disks), OPENED(pieces_that_no_list_names),
        OPENED(starts_of_somebody_elses),        OPENED(a_line),
        OPENED(a_watcher_sees_the_list),         OPENED(a_watcher_sees_every_list),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
