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

#include "kernel/inject.h"
#include "tests/host/drivers/client.h"
#include "tests/host/drivers/sdhci_sim.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/lib/portable/test_mapper.h"

#define SECOND 1000000000ull
#define BYTES  (4u << 20)
#define BLOCKS (BYTES / 512)
#define MANY   4u

static struct sdhci_sim device;
static uint8_t content[BYTES];
static struct sdhci_card *card;
static struct holdings before;
static struct sdhci_transfer transfers[MANY];
static IODMACommand *commands[MANY];

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
    for (unsigned i = 0; i < BYTES; i++) {
        content[i] = (uint8_t)(i * 11 + (i >> 9));
    }
    create();
    assert_int_equal(open_it(), kIOReturnSuccess);
    return 0;
}

static void leave(bool stops)
{
    client_detach();
    assert_int_equal(sdhci_close(card), stops);
    assert_int_equal(sdhci_count(), 0);
    assert_false(device.bus.master_on || device.bus.claimed || device.bus.granted != 0);
    assert_int_equal(sim_holds(&before), stops);
}

static IODMACommand *command_over(struct sdhci_transfer *transfer, enum sdhci_mode mode,
                                  IOMemoryDescriptor *memory, uint64_t length)
{
    IODMACommand *command = sdhci_create_command(card, mode, NULL, kMapped, transfer);

    client_prepare(command, memory, 0, length);
    return command;
}

static void deliver(void)
{
    bus_sim_interrupt(&device.bus);
    IOWorkLoop_runEventSources(client_loop);
}

static void run(void)
{
    while (client_end_count == 0) {
        sdhci_sim_answer(&device);
        deliver();
    }
}

static void start_all(void)
{
    client_end_count = 0;
    for (unsigned i = 0; i < MANY; i++) {
        commands[i] = command_over(&transfers[i], SDHCI_ADMA2, whole, 4096);
        transfers[i].block = 8 * i;
        assert_int_equal(client_start(0, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
}

static void drop_all(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        client_drop(commands[i]);
    }
}

static void expect_work(void)
{
    IODMACommand *command = command_over(&transfers[0], SDHCI_ADMA2, whole, 512);

    client_end_count = 0;
    transfers[0].block = 3;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    run();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    assert_memory_equal(whole_byte(0), content + 3 * 512, 512);
    client_drop(command);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static void one_card(void **state)
{
    struct sdhci_info info;

    (void)state;
    assert_int_equal(sdhci_count(), 1);
    assert_ptr_equal(sdhci_get(0), card);
    assert_null(sdhci_get(1));
    sdhci_get_info(card, &info);
    assert_int_equal(info.blocks, BLOCKS);
    assert_true(info.has_adma2 && info.has_sdma && !info.read_only);
    leave(true);
}

static void fails_to_open(IOReturn status, uint64_t most)
{
    const uint64_t start = sim_time;

    assert_int_equal(open_it(), status);
    assert_null(card);
    assert_true(sim_time - start <= most);
    assert_false(device.bus.master_on || device.bus.claimed || device.bus.granted != 0);
    assert_true(sim_holds(&before));
}

static void controllers_that_do_not_come_up(void **state)
{
    (void)state;
    create();
    device.gone = true;
    fails_to_open(kIOReturnNotResponding, SECOND);
    create();
    device.never_reset = true;
    fails_to_open(kIOReturnNotResponding, SECOND);
    create();
    device.never_stable = true;
    fails_to_open(kIOReturnNotResponding, 2 * SECOND);
    create();
    device.capabilities = 0;
    fails_to_open(kIOReturnUnsupported, SECOND);
    create();
    device.is_absent = true;
    fails_to_open(kIOReturnNoMedia, SECOND);
    create();
    device.always_busy = true;
    fails_to_open(kIOReturnTimeout, 2 * SECOND);
    create();
    device.never_up = true;
    fails_to_open(kIOReturnTimeout, 3 * SECOND);
    create();
    device.bus.has_no_vectors = true;
    fails_to_open(kIOReturnNoInterrupt, SECOND);
    create();
    device.bus.claimed = true; /* by somebody else */
    assert_int_equal(open_it(), kIOReturnExclusiveAccess);
    assert_true(sim_holds(&before) && device.bus.claimed);
}

/* Each command of those that find out what card it is, without an answer, and with an error. */
static void cards_that_do_not_answer(void **state)
{
    static const unsigned numbers[] = {55, 41, 2, 3, 9, 7, 16};

    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        create();
        device.silent = numbers[i];
        fails_to_open(kIOReturnTimeout, 3 * SECOND);
        create();
        device.failing = numbers[i];
        fails_to_open(kIOReturnIOError, SECOND);
    }
    create();
    device.silent = 0;
    fails_to_open(kIOReturnTimeout, 2 * SECOND);
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

        create();
        device.by_blocks = rows[i].by_blocks;
        memcpy(device.csd, rows[i].csd, sizeof(device.csd));
        device.card_blocks = rows[i].blocks;
        if (rows[i].status != kIOReturnSuccess) {
            fails_to_open(rows[i].status, SECOND);
            continue;
        }
        assert_int_equal(open_it(), kIOReturnSuccess);
        sdhci_get_info(card, &info);
        assert_int_equal(info.blocks, rows[i].blocks);
        /* The last block is where it is. */
        commands[0] = command_over(&transfers[0], SDHCI_ADMA2, whole, 512);
        transfers[0].block = info.blocks - 1;
        assert_int_equal(client_start(0, commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
        assert_int_equal(device.block, info.blocks - 1);
        sdhci_sim_end(&device, SDHCI_DONE_DATA);
        deliver();
        assert_int_equal(client_ends[0].status, kIOReturnSuccess);
        client_drop(commands[0]);
        leave(true);
    }
}

static void cards_of_other_kinds(void **state)
{
    struct sdhci_info info;

    (void)state;
    create();
    device.is_old = true;
    device.by_blocks = false;
    device.csd[1] = 511u << 22 | 4u << 7; /* 512 << 6 blocks of 2^7 bytes: 4 MiB */
    device.csd[2] = 7u << 8;
    device.csd[3] = 0;
    device.is_protected = true;
    device.capabilities = SDHCI_CAP_SDMA;
    assert_int_equal(open_it(), kIOReturnSuccess);
    sdhci_get_info(card, &info);
    assert_int_equal(info.blocks, BLOCKS);
    assert_true(info.read_only && !info.has_adma2);
    assert_null(sdhci_create_command(card, SDHCI_ADMA2, NULL, kMapped, &transfers[0]));
    assert_int_equal(IOMemoryLastError(), kIOReturnUnsupported);
    commands[0] = command_over(&transfers[0], SDHCI_SDMA, whole, 8192);
    assert_int_equal(client_start(0, commands[0], kIODirectionOut, 0, 0), kIOReturnNotWritable);
    transfers[0].block = 100;
    assert_int_equal(client_start(0, commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
    run();
    client_drop(commands[0]);
    assert_memory_equal(whole_byte(0), content + 100 * 512, 8192);
    leave(true);
}

static void without_one_piece_of_memory(void **state)
{
    unsigned failed = 0;
    bool injected = true;

    (void)state;
    for (uint64_t nth = 1; injected; nth++) {
        struct inject_report report;
        IOReturn status;

        create();
        inject_begin(nth);
        card = sdhci_open(bus_sim_function, &status);
        inject_end(&report);
        injected = report.failed;
        assert_int_equal(status, card != NULL ? kIOReturnSuccess : kIOReturnNoMemory);
        assert_true(injected || card != NULL);
        failed += card == NULL;
        if (card != NULL) {
            assert_true(sdhci_close(card));
        }
        assert_true(sim_holds(&before));
    }
    assert_true(failed > 5);
}

/* --- Transfers -------------------------------------------------------------------------------- */

static void expect_content(bool in_odd, uint64_t block, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        assert_int_equal(in_odd ? *odd_byte(i) : *whole_byte(i), content[block * 512 + i]);
    }
}

static void there_and_back(enum sdhci_mode mode, bool in_odd, uint64_t length, uint64_t block)
{
    for (unsigned i = 0; i < 2; i++) {
        IODMACommand *command = command_over(&transfers[0], mode, in_odd ? odd : whole, length);

        client_end_count = 0;
        transfers[0].block = block + 100 * i;
        assert_int_equal(client_start(0, command, i == 0 ? kIODirectionIn : kIODirectionOut, 0, 0),
                         kIOReturnSuccess);
        run();
        assert_int_equal(client_ends[0].status, kIOReturnSuccess);
        assert_int_equal(client_ends[0].bytes, length);
        client_drop(command);
        expect_content(in_odd, block + 100 * i, length);
    }
}

static void transfers_of_all_sizes(void **state)
{
    static const uint64_t lengths[] = {512, 4096, 66 * 512, 2u << 20, 5000 * 512};

    (void)state;
    for (unsigned i = 0; i < 4 * sizeof(lengths) / sizeof(lengths[0]); i++) {
        there_and_back(i % 4 < 2 ? SDHCI_ADMA2 : SDHCI_SDMA, i % 2 != 0, lengths[i / 4], 100 + i);
    }
    leave(true);
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
    command = command_over(&transfers[0], SDHCI_ADMA2, memory, 19 * 512);
    client_end_count = 0;
    transfers[0].block = 9;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(device.bytes, 11 * 512);
    run();
    assert_int_equal(client_ends[0].bytes, 19 * 512);
    assert_int_equal(device.transfers, 2);
    for (unsigned i = 0; i < 19 * 512; i++) {
        const uint64_t at = i < 8 ? i : 16ull * ((i + 4) / 12) + (i + 4) % 12;

        assert_int_equal(*whole_byte(at), content[9 * 512 + i]);
    }
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    leave(true);
}

static void behind_a_mapper(void **state)
{
    struct test_mapper *mapper = test_mapper_new(0x100);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    uint64_t address, length;
    struct holdings held;

    (void)state;
    assert_true(IOMapper_start(&mapper->super, unit));
    held = holdings_now();
    create();
    device.bus.mapper = &mapper->super;
    assert_int_equal(open_it(), kIOReturnSuccess);
    for (unsigned i = 0; i < 4; i++) {
        there_and_back(i < 2 ? SDHCI_ADMA2 : SDHCI_SDMA, i % 2 != 0, 1 << 20, 500 + i);
    }
    leave(true);
    assert_true(sim_holds(&held));
    assert_int_equal(mapper->entries, 0);

    /* No I/O address is left for the list. */
    for (uint64_t bytes = 1ull << 31; bytes >= PAGE_SIZE; bytes /= 2) {
        while (IOMapper_iovmMapMemory(&mapper->super, (IOMemoryDescriptor *)NULL, 0, bytes,
                                      kIODMAMapReadAccess, NULL, NULL, NULL, &address,
                                      &length) == kIOReturnSuccess) {
            continue;
        }
    }
    create();
    device.bus.mapper = &mapper->super;
    fails_to_open(kIOReturnNoSpace, SECOND);
    OSObject_release(&mapper->super);
    OSObject_release(unit);
}

static void starts_that_are_refused(void **state)
{
    IODMACommand *command = command_over(&transfers[0], SDHCI_ADMA2, whole, 8192);

    (void)state;
    transfers[0].card = NULL;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    transfers[0].card = card;
    assert_int_equal(client_start(0, command, kIODirectionIn, 100, 0), kIOReturnBadArgument);
    transfers[0].block = BLOCKS - 15;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    transfers[0].block = UINT64_MAX;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    client_drop(command);
    assert_null(sdhci_create_command(NULL, SDHCI_ADMA2, NULL, kMapped, &transfers[0]));
    assert_null(sdhci_create_command(card, SDHCI_ADMA2, NULL, kMapped, NULL));
    assert_null(sdhci_create_command(card, (enum sdhci_mode)2, NULL, kMapped, &transfers[0]));
    assert_int_equal(client_end_count, 0);
    expect_work();
    leave(true);
}

/* --- Ends that fail --------------------------------------------------------------------------- */

/* The first of a line fails, in its way; the others are done. */
static void the_first_fails(uint32_t errors, IOReturn status)
{
    start_all();
    sdhci_sim_end(&device, errors);
    deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, status);
    assert_int_equal(client_ends[0].bytes, 0);
    while (client_end_count < MANY) {
        sdhci_sim_answer(&device);
        deliver();
    }
    for (unsigned i = 1; i < MANY; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnSuccess);
        assert_int_equal(client_ends[i].bytes, 4096);
    }
    drop_all();
    expect_work();
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
    leave(true);
}

/* Nothing that ends something: no end, no second one, and the line is somebody else's. */
static void interrupts_without_an_end(void **state)
{
    (void)state;
    start_all();
    device.bus.pending[0] = true;
    deliver();
    device.status |= SDHCI_DONE_COMMAND; /* data is on its way */
    device.bus.pending[0] = true;
    deliver();
    device.gone = true;
    device.bus.pending[0] = true;
    deliver();
    device.gone = false;
    assert_int_equal(client_end_count, 0);
    while (client_end_count < MANY) {
        sdhci_sim_answer(&device);
        deliver();
    }
    sdhci_sim_end(&device, SDHCI_DONE_DATA); /* once more, of what has ended */
    deliver();
    sdhci_sim_end(&device, 0x00200000);
    deliver();
    assert_int_equal(client_end_count, MANY);
    drop_all();
    expect_work();
    leave(true);
}

static void stopped_and_started_again(void **state)
{
    (void)state;
    start_all();
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    deliver();
    assert_int_equal(client_end_count, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnAborted);
    }
    drop_all();
    expect_work();
    leave(true);
}

/* Its lines do not come back from their reset: all end so, none is taken, and the list stays. */
static void controllers_that_are_lost(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 2; way++) {
        if (way != 0) {
            create();
            assert_int_equal(open_it(), kIOReturnSuccess);
        }
        start_all();
        device.never_lets_go = true;
        device.never_reset = way != 0;
        sdhci_sim_end(&device, 0x00200000);
        deliver();
        assert_int_equal(client_end_count, MANY);
        for (unsigned i = 0; i < MANY; i++) {
            assert_int_equal(client_ends[i].status, kIOReturnNotResponding);
        }
        assert_int_equal(client_start(0, commands[0], kIODirectionIn, 0, 0),
                         kIOReturnNotResponding);
        sdhci_sim_end(&device, SDHCI_DONE_DATA); /* it may say what it likes */
        deliver();
        assert_int_equal(client_end_count, MANY);
        drop_all();
        leave(way == 0);
    }
}

int main(void)
{
#define OPENED(test) cmocka_unit_test_setup(test, open_usual)
    const struct CMUnitTest tests[] = {
        OPENED(one_card),
        cmocka_unit_test(controllers_that_do_not_come_up),
        cmocka_unit_test(cards_that_do_not_answer),
        cmocka_unit_test(sizes_of_cards),
        cmocka_unit_test(cards_of_other_kinds),
        cmocka_unit_test(without_one_piece_of_memory),
        OPENED(transfers_of_all_sizes),
        OPENED(lists_are_cut_at_whole_blocks),
        cmocka_unit_test(behind_a_mapper),
        OPENED(starts_that_are_refused),
        OPENED(ends_that_fail),
        OPENED(interrupts_without_an_end),
        OPENED(stopped_and_started_again),
        /* Last: it leaves behind what nobody may use again. */
        OPENED(controllers_that_are_lost),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
