/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SD cards behind a simulated host controller: what it is told of each transfer, cards that do
 * not come up or say what cannot be, ends that fail, controllers that are lost, and memory and
 * I/O addresses that run out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/disk_engine.h"
#include "tests/host/drivers/sdhci_sim.h"
#include "tests/host/sim/sim_irq.h"

static struct sdhci_sim device;
static struct sdhci_card *card;
static struct sdhci_transfer transfers[DISK_TRANSFERS];
static enum sdhci_mode mode; /* of the next command */

static IODMACommand *create_command(unsigned index)
{
    return sdhci_create_command(card, mode, NULL, kMapped, &transfers[index]);
}

static void seek(unsigned index, uint64_t block)
{
    transfers[index].block = block;
}

static void answer(void)
{
    sdhci_sim_answer(&device);
}

static void create(void)
{
    sdhci_sim_create(&device, disk_content, DISK_BYTES);
}

static IOReturn open_it(void)
{
    IOReturn status;

    card = sdhci_open(bus_sim_function, &status);
    return status;
}

static bool is_open(void)
{
    return card != NULL;
}

static bool close_it(void)
{
    return sdhci_close(card);
}

static const struct disk_engine engine = {.bus = &device.bus,
                                          .command = create_command,
                                          .seek = seek,
                                          .answer = answer,
                                          .create = create,
                                          .open = open_it,
                                          .is_open = is_open,
                                          .close = close_it,
                                          .count = sdhci_count};

static void open_card(void)
{
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_int_equal(device.clock & 0xff00, SDHCI_CLOCK_FAST);
    client_expect_device(sdhci_get_service(card), "sdhci@01:03.2", 0x5000011a, 1,
                         device.bus.mapper);
    client_attach(sdhci_get_service(card), 1);
}

static int begin(void **state)
{
    (void)state;
    disk_engine_begin(&engine);
    mode = SDHCI_ADMA2;
    return 0;
}

static int open_usual(void **state)
{
    begin(state);
    disk_create();
    open_card();
    return 0;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static void found_on_the_bus(void **state)
{
    (void)state;
    disk_is_found();
    card = sdhci_get(0);
    disk_leave(true);
}

static void one_card(void **state)
{
    struct sdhci_info info;

    (void)state;
    assert_int_equal(sdhci_count(), 1);
    assert_ptr_equal(sdhci_get(0), card);
    assert_null(sdhci_get(1));
    sdhci_get_info(card, &info);
    assert_int_equal(info.blocks, DISK_BLOCKS);
    assert_true(info.has_adma2 && info.has_sdma && !info.read_only);
    disk_leave(true);
}

static void controllers_that_do_not_come_up(void **state)
{
    (void)state;
    disk_create();
    device.gone = true;
    disk_fails_to_open(kIOReturnNotResponding, SECOND);
    disk_create();
    device.never_reset = true;
    disk_fails_to_open(kIOReturnNotResponding, SECOND);
    disk_create();
    device.never_stable = true;
    disk_fails_to_open(kIOReturnNotResponding, 2 * SECOND);
    disk_create();
    device.capabilities = 0;
    disk_fails_to_open(kIOReturnUnsupported, SECOND);
    disk_create();
    device.is_absent = true;
    disk_fails_to_open(kIOReturnNoMedia, SECOND);
    disk_create();
    device.always_busy = true;
    disk_fails_to_open(kIOReturnTimeout, 2 * SECOND);
    disk_create();
    device.never_up = true;
    disk_fails_to_open(kIOReturnTimeout, 3 * SECOND);
    disk_create();
    device.bus.mapper_status = kIOReturnNoDevice; /* what is in front of it did not start */
    disk_fails_to_open(kIOReturnNoDevice, SECOND);
    disk_create();
    device.bus.has_no_vectors = true;
    disk_fails_to_open(kIOReturnNoInterrupt, SECOND);
    disk_belongs_to_another();
}

/* Each command of those that find out what card it is, without an answer, and with an error. */
static void cards_that_do_not_answer(void **state)
{
    static const unsigned numbers[] = {55, 41, 2, 3, 9, 7, 16};

    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        disk_create();
        device.silent = numbers[i];
        disk_fails_to_open(kIOReturnTimeout, 3 * SECOND);
        disk_create();
        device.failing = numbers[i];
        disk_fails_to_open(kIOReturnIOError, SECOND);
    }
    disk_create();
    device.silent = 0;
    disk_fails_to_open(kIOReturnTimeout, 2 * SECOND);
}

/* What a card says of its size. The most that can be named by bytes is 4 GiB. */
static void sizes_of_cards(void **state)
{
    static const struct {
        bool by_blocks;
        uint32_t csd[4];
        IOReturn status;
        uint64_t blocks;
    } rows[] = {
        {true, {0, 0x3fffff00, 0, 1u << 22}, kIOReturnSuccess, 1ull << 32},
        {true, {0, 0, 0, 1u << 22}, kIOReturnSuccess, 1024},
        {true, {0, 0, 0, 2u << 22}, kIOReturnUnsupported, 0},
        {true, {0, 0, 0, 3u << 22}, kIOReturnUnsupported, 0},
        /* The first kind: (12 bits + 1) << (3 bits + 2) blocks of 1 << 4 bits bytes. */
        {false, {0, 0xffc00000u | 7 << 7, 9 << 8 | 3, 0}, kIOReturnSuccess, 4096 << 9},
        {false, {0, 0xffc00000u | 7 << 7, 11 << 8 | 3, 0}, kIOReturnSuccess, 4096 << 11},
        {false, {0, 0xffc00000u | 7 << 7, 12 << 8 | 3, 0}, kIOReturnUnsupported, 0},
        {false, {0, 0xffc00000u | 7 << 7, 15 << 8 | 3, 0}, kIOReturnUnsupported, 0},
        {false, {0, 0, 0, 0}, kIOReturnNoMedia, 0},
        {false, {0, 0x3fffff00, 0, 1u << 22}, kIOReturnUnsupported, 0}, /* both kinds at once */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sdhci_info info;

        disk_create();
        device.by_blocks = rows[i].by_blocks;
        memcpy(device.csd, rows[i].csd, sizeof(device.csd));
        device.card_blocks = rows[i].blocks;
        if (rows[i].status != kIOReturnSuccess) {
            disk_fails_to_open(rows[i].status, SECOND);
            continue;
        }
        open_card();
        sdhci_get_info(card, &info);
        assert_int_equal(info.blocks, rows[i].blocks);
        /* The last block is where it is. */
        disk_commands[0] = disk_command_over(0, whole, 512);
        transfers[0].block = info.blocks - 1;
        assert_int_equal(client_start(0, disk_commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
        assert_int_equal(device.block, info.blocks - 1);
        sdhci_sim_end(&device, SDHCI_DONE_DATA);
        disk_deliver();
        assert_int_equal(client_ends[0].status, kIOReturnSuccess);
        client_drop(disk_commands[0]);
        disk_leave(true);
    }
}

static void cards_of_other_kinds(void **state)
{
    struct sdhci_info info;

    (void)state;
    disk_create();
    device.is_old = true;
    device.by_blocks = false;
    device.csd[1] = 511u << 22 | 4u << 7; /* 512 << 6 blocks of 2^7 bytes: 4 MiB */
    device.csd[2] = 7u << 8;
    device.csd[3] = 0;
    device.is_protected = true;
    device.capabilities = SDHCI_CAP_SDMA;
    open_card();
    sdhci_get_info(card, &info);
    assert_int_equal(info.blocks, DISK_BLOCKS);
    assert_true(info.read_only && !info.has_adma2);
    IOMemory_fail(kIOReturnBusy);
    assert_null(sdhci_create_command(card, SDHCI_ADMA2, NULL, kMapped, &transfers[0]));
    assert_int_equal(IOMemoryLastError(), kIOReturnUnsupported);
    mode = SDHCI_SDMA;
    disk_commands[0] = disk_command_over(0, whole, 8192);
    assert_int_equal(client_start(0, disk_commands[0], kIODirectionOut, 0, 0),
                     kIOReturnNotWritable);
    transfers[0].block = 100;
    assert_int_equal(client_start(0, disk_commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
    disk_run();
    client_drop(disk_commands[0]);
    assert_memory_equal(whole_byte(0), disk_content + 100 * 512, 8192);
    disk_leave(true);
}

/* What is no answer any more is not taken for the next one's. */
static void an_answer_that_is_late(void **state)
{
    (void)state;
    disk_create();
    device.is_old = device.is_late = true;
    device.silent = 8;
    open_card();
    disk_leave(true);
}

static void without_one_piece_of_memory(void **state)
{
    (void)state;
    assert_true(disk_without_memory() > 5);
}

/* --- Transfers -------------------------------------------------------------------------------- */

static void transfers_of_all_sizes(void **state)
{
    (void)state;
    disk_all_lengths(100);
    disk_start_in_part();
    mode = SDHCI_SDMA;
    disk_all_lengths(300);
    disk_leave(true);
}

/* A piece of 8 bytes and 511 of 12: the last block that fits ends within one of them. */
static void lists_are_cut_at_whole_blocks(void **state)
{
    static IOAddressRange ranges[854];
    IOMemoryDescriptor *memory;
    IODMACommand *command;

    (void)state;
    for (unsigned i = 0; i < 854; i++) {
        ranges[i] = (IOAddressRange){(uint64_t)whole_byte(16ull * i), i == 0 ? 8 : 12};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 854, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = disk_command_over(0, memory, 19 * 512);
    client_end_count = 0;
    transfers[0].block = 9;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(device.bytes, 11 * 512);
    disk_run();
    assert_int_equal(client_ends[0].bytes, 19 * 512);
    assert_int_equal(device.transfers, 2);
    for (unsigned i = 0; i < 19 * 512; i++) {
        const uint64_t at = i < 8 ? i : 16ull * ((i + 4) / 12) + (i + 4) % 12;

        assert_int_equal(*whole_byte(at), disk_content[9 * 512 + i]);
    }
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    disk_leave(true);
}

/* A start takes none itself: what it needs was there when the card was opened. */
static void starts_without_memory(void **state)
{
    (void)state;
    assert_in_range(disk_starts_without_memory(whole, 65536), 1, 40);
    assert_in_range(disk_starts_without_memory(odd, 512 * 100), 1, 40);
    mode = SDHCI_SDMA;
    assert_in_range(disk_starts_without_memory(odd, 512 * 100), 1, 80);
    disk_leave(true);
}

static void behind_a_mapper(void **state)
{
    struct test_mapper *mapper = test_mapper_new(0x100);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    struct holdings held;

    (void)state;
    assert_true(IOMapper_start(&mapper->super, unit));
    held = holdings_now();
    disk_create();
    device.bus.mapper = &mapper->super;
    open_card();
    for (unsigned i = 0; i < 4; i++) {
        mode = i < 2 ? SDHCI_ADMA2 : SDHCI_SDMA;
        disk_there_and_back(i % 2 != 0, 1 << 20, 500 + i);
    }
    disk_leave(true);
    assert_true(sim_holds(&held));
    assert_int_equal(mapper->entries, 0);

    /* No I/O address is left for the list. */
    disk_use_up(mapper);
    disk_create();
    device.bus.mapper = &mapper->super;
    disk_fails_to_open(kIOReturnNoSpace, SECOND);
    client_drop_mapper(&mapper->super);
    OSObject_release(unit);
}

static void starts_that_are_refused(void **state)
{
    IODMACommand *command = disk_command_over(0, whole, 8192);

    (void)state;
    transfers[0].card = NULL;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    transfers[0].card = card;
    assert_int_equal(client_start(0, command, kIODirectionIn, 100, 0), kIOReturnBadArgument);
    transfers[0].block = DISK_BLOCKS - 15;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    transfers[0].block = UINT64_MAX;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    client_drop(command);
    assert_null(sdhci_create_command(NULL, SDHCI_ADMA2, NULL, kMapped, &transfers[0]));
    assert_null(sdhci_create_command(card, SDHCI_ADMA2, NULL, kMapped, NULL));
    assert_null(sdhci_create_command(card, (enum sdhci_mode)2, NULL, kMapped, &transfers[0]));
    assert_int_equal(client_end_count, 0);
    disk_expect_work();
    disk_leave(true);
}

/* --- Ends that fail --------------------------------------------------------------------------- */

static void the_first_fails(uint32_t errors, IOReturn status)
{
    disk_start_all();
    sdhci_sim_end(&device, errors);
    disk_expect_first(status);
}

static void ends_that_fail(void **state)
{
    (void)state;
    the_first_fails(0x00010000, kIOReturnTimeout); /* no answer */
    the_first_fails(0x00100000, kIOReturnTimeout); /* no data */
    the_first_fails(0x00200000, kIOReturnIOError); /* data whose sum is wrong */
    the_first_fails(0x02000000, kIOReturnDMAError);
    the_first_fails(0x02100000 | SDHCI_DONE_DATA, kIOReturnDMAError); /* and done, all the same */
    assert_int_equal(device.stops, 5);
    disk_leave(true);
}

/* Nothing that ends something: no end, no second one, and the line is somebody else's. */
static void interrupts_without_an_end(void **state)
{
    (void)state;
    disk_start_all();
    disk_expect_no_end(false);
    device.status |= SDHCI_DONE_COMMAND; /* data is on its way */
    disk_expect_no_end(false);
    device.gone = true;
    disk_expect_no_end(false);
    device.gone = false;
    disk_expect_all();
    sdhci_sim_end(&device, SDHCI_DONE_DATA); /* once more, of what has ended */
    disk_deliver();
    sdhci_sim_end(&device, 0x00200000);
    disk_deliver();
    assert_int_equal(client_end_count, DISK_TRANSFERS);
    disk_drop_all();
    disk_expect_work();
    disk_leave(true);
}

static void stopped_and_started_again(void **state)
{
    (void)state;
    disk_stop_all();
    disk_start_in_ends(false);
    disk_start_in_ends(true);
    disk_leave(true);
}

/* Its lines do not come back from their reset: all end so, none is taken, and the list stays. */
static void controllers_that_are_lost(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        if (way != 0) {
            disk_create();
            open_card();
        }
        disk_start_all();
        device.never_lets_go = true;
        device.never_reset = way == 1;
        if (way == 2) {
            disk_expect_lost_by_stop();
        } else {
            sdhci_sim_end(&device, 0x00200000);
            disk_expect_lost();
        }
        sdhci_sim_end(&device, SDHCI_DONE_DATA); /* it may say what it likes */
        disk_deliver();
        assert_int_equal(client_end_count, DISK_TRANSFERS);
        disk_drop_all();
        disk_leave(way != 1);
        assert_int_equal(device.signal_on, 0); /* and then it says nothing more */
    }
}

int main(void)
{
#define OPENED(test) cmocka_unit_test_setup(test, open_usual)
#define READY(test)  cmocka_unit_test_setup(test, begin)
    const struct CMUnitTest tests[] = {
        READY(found_on_the_bus), /* before the others */
        OPENED(one_card),
        READY(controllers_that_do_not_come_up),
        READY(cards_that_do_not_answer),
        READY(sizes_of_cards),
        READY(cards_of_other_kinds),
        READY(an_answer_that_is_late),
        READY(without_one_piece_of_memory),
        OPENED(transfers_of_all_sizes),
        OPENED(lists_are_cut_at_whole_blocks),
        OPENED(starts_without_memory),
        READY(behind_a_mapper),
        OPENED(starts_that_are_refused),
        OPENED(ends_that_fail),
        OPENED(interrupts_without_an_end),
        OPENED(stopped_and_started_again),
        /* Last: it leaves behind what nobody may use again. */
        OPENED(controllers_that_are_lost),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
