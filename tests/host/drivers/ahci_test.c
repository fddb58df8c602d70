/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SATA disks behind a simulated controller: what it is told of each transfer, disks that do not
 * come up, ends that fail, ports that do not come back, and memory and I/O addresses that run out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/inject.h"
#include "tests/host/drivers/ahci_sim.h"
#include "tests/host/drivers/client.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/lib/portable/test_mapper.h"

#define SECOND 1000000000ull
#define BYTES  (4u << 20)
#define BLOCKS (BYTES / 512)
#define MANY   4u

static struct ahci_sim device;
static uint8_t content[BYTES];
static struct ahci_controller *controller;
static struct ahci_disk *target;
static struct holdings before;
static struct ahci_transfer transfers[MANY];
static IODMACommand *commands[MANY];

static void create(void)
{
    ahci_sim_create(&device, content, sizeof(content));
    before = holdings_now();
}

static IOReturn open_it(void)
{
    IOReturn status;

    controller = ahci_open(bus_sim_function, &status);
    target = ahci_get(0);
    if (target != NULL) {
        client_attach(ahci_get_service(target), 1);
    }
    return status;
}

static int open_usual(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BYTES; i++) {
        content[i] = (uint8_t)(i * 7 + (i >> 9));
    }
    create();
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_non_null(target);
    return 0;
}

/* All is given back, or what a port may still use is not. */
static void leave(bool stops)
{
    if (target != NULL) {
        client_detach();
    }
    assert_int_equal(ahci_close(controller), stops);
    assert_int_equal(ahci_count(), 0);
    assert_false(device.bus.master_on || device.bus.claimed || device.bus.granted != 0);
    assert_int_equal(sim_holds(&before), stops);
}

static IODMACommand *command_over(struct ahci_transfer *transfer, IOMemoryDescriptor *memory,
                                  uint64_t length)
{
    IODMACommand *command = ahci_create_command(target, NULL, kMapped, transfer);

    client_prepare(command, memory, 0, length);
    return command;
}

static void deliver(void)
{
    bus_sim_interrupt(&device.bus);
    IOWorkLoop_runEventSources(client_loop);
}

/* The disk does its work until the transfer has ended. */
static void run(void)
{
    while (client_end_count == 0) {
        ahci_sim_answer(&device);
        deliver();
    }
}

static void start_all(void)
{
    client_end_count = 0;
    for (unsigned i = 0; i < MANY; i++) {
        commands[i] = command_over(&transfers[i], whole, 4096);
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

/* Everything that was started works again. */
static void expect_work(void)
{
    IODMACommand *command = command_over(&transfers[0], whole, 512);

    client_end_count = 0;
    transfers[0].block = 3;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    run();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    assert_memory_equal(whole_byte(0), content + 3 * 512, 512);
    client_drop(command);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static void one_disk_of_three_ports(void **state)
{
    struct ahci_info info;

    (void)state;
    assert_int_equal(ahci_count(), 1);
    assert_ptr_equal(ahci_find("simulated"), target);
    assert_null(ahci_find("another"));
    assert_null(ahci_find(NULL));
    assert_null(ahci_get(1));
    ahci_get_info(target, &info);
    assert_int_equal(info.blocks, BLOCKS);
    assert_string_equal(info.serial, "simulated");
    leave(true);
}

static void fails_to_open(IOReturn status, uint64_t most)
{
    const uint64_t start = sim_time;

    assert_int_equal(open_it(), status);
    assert_null(controller);
    assert_true(sim_time - start <= most);
    assert_false(device.bus.master_on || device.bus.claimed || device.bus.granted != 0);
    assert_true(sim_holds(&before));
}

static void controllers_that_do_not_come_up(void **state)
{
    (void)state;
    create();
    device.gone = true;
    fails_to_open(kIOReturnNotResponding, 2 * SECOND);
    create();
    device.never_reset = true;
    fails_to_open(kIOReturnNotResponding, 2 * SECOND);
    create();
    device.bus.has_no_vectors = true;
    fails_to_open(kIOReturnNoInterrupt, SECOND);
    create();
    device.bus.claimed = true; /* by somebody else */
    assert_int_equal(open_it(), kIOReturnExclusiveAccess);
    assert_true(sim_holds(&before) && device.bus.claimed);
}

/* The controller works, the disk is left out with a line, and nothing of it is kept. */
static void disks_that_nobody_can_use(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        const uint64_t start = sim_time;

        create();
        device.ports[0].is_silent = i == 0;
        device.ports[0].fails_to_say = i == 1;
        device.ports[0].says_less = i == 2 ? 2 : 0;
        device.ports[0].is_old = i == 3;
        device.ports[0].never_starts = i == 4;
        if (i >= 5) {
            device.ports[0].blocks = i == 5 ? 0 : 1ull << 48;
        }
        sim_console_forget();
        assert_int_equal(open_it(), kIOReturnSuccess);
        assert_null(target);
        assert_true(sim_time - start <= 2 * SECOND);
        assert_true(sim_console_said("ahci: the disk at port 0 cannot be used"));
        leave(true);
    }
    /* One that does not stop keeps its memory, for ever. */
    create();
    device.ports[0].is_silent = device.ports[0].never_stops = true;
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_null(target);
    assert_true(ahci_close(controller));
    assert_false(sim_holds(&before));
}

/* Opening without the n-th piece of memory: a code or a disk less, and nothing is left. */
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
        controller = ahci_open(bus_sim_function, &status);
        inject_end(&report);
        injected = report.failed;
        assert_true(status == kIOReturnSuccess || status == kIOReturnNoMemory);
        assert_int_equal(controller == NULL, status != kIOReturnSuccess);
        failed += controller == NULL || ahci_count() == 0;
        assert_true(injected || ahci_count() == 1);
        if (controller != NULL) {
            assert_true(ahci_close(controller));
        }
        assert_true(sim_holds(&before));
    }
    assert_true(failed > 10);
}

/* --- Transfers -------------------------------------------------------------------------------- */

static void expect_content(const uint8_t *(*byte)(uint64_t), uint64_t block, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        assert_int_equal(*byte(i), content[block * 512 + i]);
    }
}

static const uint8_t *of_odd(uint64_t at)
{
    return odd_byte(at);
}

static const uint8_t *of_whole(uint64_t at)
{
    return whole_byte(at);
}

/* In place, or bounced where an address or a length is odd; there and back. */
static void transfers_of_all_sizes(void **state)
{
    static const uint64_t lengths[] = {512, 4096, 66 * 512, 2u << 20, 5000 * 512};

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
        const bool in_odd = i % 2 != 0;
        const uint64_t length = lengths[i / 2];
        IODMACommand *command = command_over(&transfers[0], in_odd ? odd : whole, length);

        client_end_count = 0;
        transfers[0].block = 100 + i;
        assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        run();
        assert_int_equal(client_ends[0].status, kIOReturnSuccess);
        assert_int_equal(client_ends[0].bytes, length);
        client_drop(command);
        expect_content(in_odd ? of_odd : of_whole, 100 + i, length);

        command = command_over(&transfers[0], in_odd ? odd : whole, length);
        client_end_count = 0;
        transfers[0].block = 200 + i;
        assert_int_equal(client_start(0, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
        run();
        client_drop(command);
        expect_content(in_odd ? of_odd : of_whole, 200 + i, length);
    }
    leave(true);
}

/* 504 pieces of 6 bytes: the last block that fits ends within one of them. */
static void lists_are_cut_at_whole_blocks(void **state)
{
    static IOAddressRange ranges[1024];
    IOMemoryDescriptor *memory;
    IODMACommand *command;

    (void)state;
    for (unsigned i = 0; i < 1024; i++) {
        ranges[i] = (IOAddressRange){(uint64_t)whole_byte(8ull * i), 6};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 1024, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = command_over(&transfers[0], memory, 12 * 512);
    client_end_count = 0;
    transfers[0].block = 9;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(device.ports[0].bytes, 5 * 512);
    run();
    assert_int_equal(client_ends[0].bytes, 12 * 512);
    assert_int_equal(device.ports[0].transfers, 3);
    for (unsigned i = 0; i < 12 * 512; i++) {
        assert_int_equal(*whole_byte(8ull * (i / 6) + i % 6), content[9 * 512 + i]);
    }
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    leave(true);
}

/* A controller of 32 bits behind a mapper: all that it is told is the mapper's. */
static void behind_a_mapper(void **state)
{
    struct test_mapper *mapper = test_mapper_new(0x100);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    struct holdings held;

    (void)state;
    assert_true(IOMapper_start(&mapper->super, unit));
    held = holdings_now();
    create();
    device.wide = false;
    device.bus.mapper = &mapper->super;
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_non_null(target);
    expect_work();
    for (unsigned i = 0; i < 2; i++) {
        IODMACommand *command = command_over(&transfers[0], i == 0 ? odd : whole, 1 << 20);

        client_end_count = 0;
        transfers[0].block = i;
        assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        run();
        client_drop(command);
        expect_content(i == 0 ? of_odd : of_whole, i, 1 << 20);
    }
    leave(true);
    assert_true(sim_holds(&held));
    assert_int_equal(mapper->entries, 0);

    /* No I/O address is left for the lists: the disk is left out. */
    {
        uint64_t address, length;

        for (uint64_t bytes = 1ull << 31; bytes >= PAGE_SIZE; bytes /= 2) {
            while (IOMapper_iovmMapMemory(&mapper->super, (IOMemoryDescriptor *)NULL, 0, bytes,
                                          kIODMAMapReadAccess, NULL, NULL, NULL, &address,
                                          &length) == kIOReturnSuccess) {
                continue;
            }
        }
        create();
        device.bus.mapper = &mapper->super;
        assert_int_equal(open_it(), kIOReturnSuccess);
        assert_null(target);
        leave(true);
    }
    OSObject_release(&mapper->super);
    OSObject_release(unit);
}

static void starts_that_are_refused(void **state)
{
    IODMACommand *command = command_over(&transfers[0], whole, 8192);

    (void)state;
    transfers[0].disk = NULL;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    transfers[0].disk = target;
    assert_int_equal(client_start(0, command, kIODirectionIn, 100, 0), kIOReturnBadArgument);
    transfers[0].block = BLOCKS - 15;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    transfers[0].block = UINT64_MAX;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    client_drop(command);
    assert_null(ahci_create_command(NULL, NULL, kMapped, &transfers[0]));
    assert_null(ahci_create_command(target, NULL, kMapped, NULL));
    assert_int_equal(client_end_count, 0);
    expect_work();
    leave(true);
}

/* --- Ends that fail --------------------------------------------------------------------------- */

/* The first of a line fails, in its way; the others are done. */
static void the_first_fails(uint32_t causes, uint32_t moved, IOReturn status)
{
    start_all();
    ahci_sim_end(&device, causes, moved);
    deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, status);
    assert_int_equal(client_ends[0].bytes, 0);
    while (client_end_count < MANY) {
        ahci_sim_answer(&device);
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
    the_first_fails(0x40000000, 0, kIOReturnIOError);     /* the disk says so */
    the_first_fails(0x08000000, 100, kIOReturnIOError);   /* the link */
    the_first_fails(0x20000000, 0, kIOReturnDMAError);    /* memory */
    the_first_fails(0x10000001, 4096, kIOReturnDMAError); /* and done, as if nothing were */
    the_first_fails(1, 4095, kIOReturnUnderrun);          /* less than it was asked for */
    the_first_fails(1, 4097, kIOReturnUnderrun);          /* more */
    the_first_fails(4, 0, kIOReturnUnderrun);             /* nothing */
    assert_int_equal(device.ports[0].resets, 4);
    leave(true);
}

/* Causes of nothing: no end, no second one, and the line is somebody else's. */
static void interrupts_without_an_end(void **state)
{
    (void)state;
    start_all();
    device.bus.pending[0] = true; /* the controller has nothing to say */
    deliver();
    assert_int_equal(client_end_count, 0);
    device.ports[0].status = 1; /* a FIS has come, the command goes on */
    device.status = 1;
    device.bus.pending[0] = true;
    deliver();
    assert_int_equal(client_end_count, 0);
    device.status = 4; /* a port that has no disk */
    device.bus.pending[0] = true;
    deliver();
    device.gone = true;
    device.bus.pending[0] = true;
    deliver();
    device.gone = false;
    assert_int_equal(client_end_count, 0);
    while (client_end_count < MANY) {
        ahci_sim_answer(&device);
        deliver();
    }
    device.ports[0].status = 1; /* once more, of what has ended */
    device.status = 1;
    device.bus.pending[0] = true;
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

/* A port that does not come back from its reset: all end so, none is taken, and memory stays. */
static void ports_that_are_lost(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        if (way != 0) {
            create();
            assert_int_equal(open_it(), kIOReturnSuccess);
        }
        start_all();
        device.ports[0].never_stops = way == 0;
        device.ports[0].never_starts = way == 1;
        device.ports[0].link_stays_down = way == 2;
        ahci_sim_end(&device, 0x40000000, 0);
        deliver();
        assert_int_equal(client_end_count, MANY);
        for (unsigned i = 0; i < MANY; i++) {
            assert_int_equal(client_ends[i].status, kIOReturnNotResponding);
        }
        assert_int_equal(client_start(0, commands[0], kIODirectionIn, 0, 0),
                         kIOReturnNotResponding);
        assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                         kIOReturnSuccess);
        /* It may say what it likes from now on. */
        device.ports[0].status = 0x40000001;
        device.ports[0].enabled = UINT32_MAX;
        device.status = 1;
        device.bus.pending[0] = true;
        deliver();
        assert_int_equal(client_end_count, MANY);
        drop_all();
        leave(way != 0); /* one that never stops has its memory still */
    }
}

int main(void)
{
#define OPENED(test) cmocka_unit_test_setup(test, open_usual)
    const struct CMUnitTest tests[] = {
        OPENED(one_disk_of_three_ports),
        cmocka_unit_test(controllers_that_do_not_come_up),
        cmocka_unit_test(without_one_piece_of_memory),
        OPENED(transfers_of_all_sizes),
        OPENED(lists_are_cut_at_whole_blocks),
        cmocka_unit_test(behind_a_mapper),
        OPENED(starts_that_are_refused),
        OPENED(ends_that_fail),
        OPENED(interrupts_without_an_end),
        OPENED(stopped_and_started_again),
        /* Last: these leave behind what nobody may use again. */
        cmocka_unit_test(disks_that_nobody_can_use),
        OPENED(ports_that_are_lost),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
