/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of SD cards one by one: functions that refuse, commands of a client's own options, which
 * the controller could not be told of, a card that is busy for ever, and who watches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/IODMAController_class.h"
#include "descriptors/IODeviceMemory.h"
#include "tests/host/drivers/client.h"
#include "tests/host/drivers/recorded.h"
#include "tests/host/drivers/sdhci_sim.h"
#include "tests/host/sim/sim_console.h"

#define BYTES  (4u << 20)
#define BLOCKS (BYTES / 512)

static struct sdhci_sim device;
static uint8_t content[BYTES];
static struct sdhci_card *card;
static struct holdings before;
static struct sdhci_transfer transfer;

static void create(void)
{
    sdhci_sim_create(&device, content, sizeof(content));
    before = holdings_now();
}

static IOReturn open_it(void)
{
    IOReturn status;

    card = sdhci_open(bus_sim_function, &status);
    if (card != NULL) {
        client_attach(sdhci_get_service(card), 1);
    }
    return status;
}

static int open_usual(void **state)
{
    (void)state;
    create();
    assert_int_equal(open_it(), kIOReturnSuccess);
    return 0;
}

static void leave(void)
{
    client_detach();
    assert_true(sdhci_close(card));
    assert_true(sim_holds(&before));
}

static IODMACommand *command_over(enum sdhci_mode mode, IOMemoryDescriptor *memory,
                                  const IODMACommand_SegmentOptions *options, uint64_t length)
{
    IODMACommand *command = sdhci_create_command(card, mode, options, kMapped, &transfer);

    client_prepare(command, memory, 0, length);
    transfer.block = 0;
    return command;
}

static void deliver(void)
{
    bus_sim_interrupt(&device.bus);
    IOWorkLoop_runEventSources(client_loop);
}

/* First, since the bus is searched once. */
static void a_card_that_is_found_and_gone(void **state)
{
    (void)state;
    create();
    device.bus.is_found = device.gone = true;
    sim_console_forget();
    assert_int_equal(sdhci_count(), 0);
    assert_true(sim_console_said("sdhci: the device at PCI 01:03.2 cannot be used"));
    assert_false(device.bus.claimed);
}

static void functions_that_refuse(void **state)
{
    static const enum bus_sim_call calls[] = {BUS_SIM_MAP_BAR, BUS_SIM_ENABLE_MEMORY,
                                              BUS_SIM_ENABLE_MASTER, BUS_SIM_ATTACH};

    (void)state;
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        create();
        device.bus.refused[calls[i]] = kIOReturnNoSpace;
        assert_int_equal(open_it(), kIOReturnNoSpace);
        assert_null(card);
        assert_false(device.bus.master_on || device.bus.claimed);
        assert_true(sim_holds(&before));
    }
}

/* The controller would pass over what it cannot be told, and move something else. */
static void pieces_that_nothing_names(void **state)
{
    const IODMACommand_SegmentOptions anything = {
        .fStructSize = sizeof(anything), .fNumAddressBits = 32, .fAlignment = 1};
    static const struct {
        enum sdhci_mode mode;
        uint64_t at[2], bytes[2]; /* of `whole` */
        IOReturn status;
    } rows[] = {
        {SDHCI_ADMA2, {2}, {1024}, kIOReturnMessageTooLarge}, /* between words */
        {SDHCI_SDMA, {2}, {1024}, kIOReturnMessageTooLarge},
        {SDHCI_ADMA2, {0}, {65536 + 512}, kIOReturnMessageTooLarge}, /* longer than an entry */
        {SDHCI_SDMA, {0}, {SDHCI_BOUNDARY + 512}, kIOReturnMessageTooLarge},
        {SDHCI_SDMA, {SDHCI_BOUNDARY - 512}, {1024}, kIOReturnMessageTooLarge}, /* across it */
        {SDHCI_ADMA2, {0, 4098}, {300, 212}, kIOReturnNoSpace}, /* a part of a block, and no more */
        {SDHCI_SDMA, {0, 4096}, {300, 212}, kIOReturnNoSpace},  /* the other is another address */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IOAddressRange ranges[] = {{(uint64_t)whole_byte(rows[i].at[0]), rows[i].bytes[0]},
                                   {(uint64_t)whole_byte(rows[i].at[1]), rows[i].bytes[1]}};
        IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
            ranges, rows[i].bytes[1] != 0 ? 2 : 1, kIODirectionInOut, kernel_task);
        IODMACommand *command;

        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
        command = command_over(rows[i].mode, memory, &anything, 0);
        assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), rows[i].status);
        assert_int_equal(device.transfers, 0);
        client_drop(command);
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
        OSObject_release(memory);
    }
    leave();
}

/* A command that its client has given a specification of 64 bits, over memory across 4 GiB. */
static void memory_that_32_bits_do_not_reach(void **state)
{
    IOMemoryDescriptor *far =
        (IOMemoryDescriptor *)IODeviceMemory_withRange((1ull << 32) - 256, 4096);
    IODMACommand *command = sdhci_create_command(card, SDHCI_ADMA2, NULL, kMapped, &transfer);

    (void)state;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, far, false), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepareWithSpecification(command, kIODMACommandOutputHost64, 64,
                                                           0, kMapped, 0, 1, NULL, 0, 512, true,
                                                           true),
                     kIOReturnSuccess);
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnMessageTooLarge);
    assert_int_equal(device.transfers, 0);
    client_drop(command);
    OSObject_release(far);
    /* The last that they reach, they reach. */
    far = (IOMemoryDescriptor *)IODeviceMemory_withRange((1ull << 32) - 4096, 4096);
    command = command_over(SDHCI_ADMA2, far, NULL, 4096);
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    sdhci_sim_end(&device, SDHCI_DONE_DATA);
    deliver();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    client_drop(command);
    OSObject_release(far);
    leave();
}

static void a_start_that_is_longer_than_the_card(void **state)
{
    IODMACommand *command = command_over(SDHCI_ADMA2, whole, NULL, 1024);

    (void)state;
    card->blocks = 1;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    assert_int_equal(device.transfers, 0);
    card->blocks = 2; /* all of it is not */
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    sdhci_sim_answer(&device);
    deliver();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    client_drop(command);
    leave();
}

/* After an error it is waited for, but not for ever. */
static void a_card_that_is_busy_for_ever(void **state)
{
    IODMACommand *command = command_over(SDHCI_ADMA2, whole, NULL, 1024);

    (void)state;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    device.always_busy = true;
    sdhci_sim_end(&device, 0x100000);
    deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnTimeout);
    device.always_busy = false;
    client_drop(command);
    leave();
}

static uint64_t seen, began;

static void look(void *context, const struct sdhci_piece *piece)
{
    assert_ptr_equal(context, &seen);
    assert_int_equal(piece->address, virt_to_phys(whole_byte(piece->offset)).value);
    if (piece->slot == 0) { /* a list, or the one address */
        assert_int_equal(piece->offset, began + seen);
        assert_int_equal(piece->block, 9 + seen / 512);
    }
    assert_true(piece->slot < piece->count);
    seen += piece->length;
}

static void a_watcher_sees_the_list(void **state)
{
    const enum sdhci_mode modes[] = {SDHCI_ADMA2, SDHCI_SDMA};
    static struct recorded_list list;
    const unsigned bytes = 65536 + 1024;

    (void)state;
    sdhci_watch(card, look, &seen);
    for (unsigned i = 0; i < 4; i++) {
        IODMACommand *command = command_over(modes[i / 2], whole, NULL, bytes);

        transfer.block = 9;
        client_end_count = 0;
        seen = 0;
        recorded_begin();
        assert_int_equal(
            client_start(0, command, i % 2 == 0 ? kIODirectionIn : kIODirectionOut, 0, 0),
            kIOReturnSuccess);
        sdhci_sim_answer(&device);
        deliver();
        recorded_end();
        assert_int_equal(client_ends[0].status, kIOReturnSuccess);
        assert_int_equal(seen, bytes);
        assert_true(recorded_list(0, &list));
        recorded_expect(&list, command, 0, bytes, i / 2 == 0 ? TRACE_LIST_ADMA2 : TRACE_LIST_SDMA,
                        0, i % 2 == 0 ? TRACE_SLOT_WRITES : 0);
        assert_int_equal(list.entries[0].address, virt_to_phys(whole_byte(0)).value);
        assert_int_equal(recorded_count(TRACE_dma_issue), 1);
        client_drop(command);
    }
    assert_int_equal(sdhci_commands(card), 4);
    /* Either without the other. */
    for (unsigned i = 0; i < 2; i++) {
        IODMACommand *command = command_over(SDHCI_ADMA2, whole, NULL, bytes);

        transfer.block = 9;
        seen = 0;
        trace_start();
        if (i == 0) {
            trace_stop();
        } else {
            sdhci_watch(card, NULL, NULL);
        }
        assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        trace_stop();
        sdhci_sim_answer(&device);
        deliver();
        assert_int_equal(seen, i == 0 ? bytes : 0);
        assert_int_equal(recorded_count(TRACE_dma_issue), i);
        client_drop(command);
    }
    leave();
}

/* More than one command: each goes on where the one before has ended, for who watches too. */
static void a_watcher_sees_every_list(void **state)
{
    static struct recorded_list list;
    const uint64_t bytes = 2 * SDHCI_BOUNDARY + 1024;
    IODMACommand *command = command_over(SDHCI_SDMA, whole, NULL, 4096 + bytes + 65536);
    unsigned lists = 0;

    (void)state;
    sdhci_watch(card, look, &seen);
    seen = 0;
    began = 4096;
    transfer.block = 9;
    recorded_begin();
    assert_int_equal(client_start(0, command, kIODirectionIn, bytes, began), kIOReturnSuccess);
    while (client_end_count == 0) {
        sdhci_sim_answer(&device);
        deliver();
    }
    recorded_end();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    assert_int_equal(seen, bytes);
    assert_memory_equal(whole_byte(began), content + 9 * 512, bytes);
    for (uint64_t at = began; at < began + bytes; at += list.bytes) {
        assert_true(recorded_list(lists++, &list));
        recorded_expect(&list, command, at, list.bytes, TRACE_LIST_SDMA, 0, TRACE_SLOT_WRITES);
        assert_int_not_equal(list.bytes, 0);
    }
    assert_int_equal(lists, device.transfers);
    assert_in_range(lists, 3, 4);
    began = 0;
    client_drop(command);
    leave();
}

#define OPENED(test) cmocka_unit_test_setup(test, open_usual)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_that_is_found_and_gone),
        cmocka_unit_test(functions_that_refuse),
        OPENED(pieces_that_nothing_names),
        OPENED(memory_that_32_bits_do_not_reach),
        OPENED(a_start_that_is_longer_than_the_card),
        OPENED(a_card_that_is_busy_for_ever),
        OPENED(a_watcher_sees_the_list),
        OPENED(a_watcher_sees_every_list),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
