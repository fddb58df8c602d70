/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SATA disks behind a simulated controller: what it is told of each transfer, disks that do not
 * come up, ends that fail, ports that do not come back, and memory and I/O addresses that run out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/ahci_sim.h"
#include "tests/host/drivers/disk_engine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

static struct ahci_sim device;
static struct ahci_controller *controller;
static struct ahci_disk *target;
static struct ahci_transfer transfers[DISK_TRANSFERS];

static IODMACommand *create_command(unsigned index)
{
    return ahci_create_command(target, NULL, kMapped, &transfers[index]);
}

static void seek(unsigned index, uint64_t block)
{
    transfers[index].block = block;
}

static void answer(void)
{
    ahci_sim_answer(&device);
}

static void create(void)
{
    ahci_sim_create(&device, disk_content, DISK_BYTES);
}

static IOReturn open_it(void)
{
    IOReturn status;

    controller = ahci_open(bus_sim_function, &status);
    target = ahci_get(0);
    return status;
}

static bool is_open(void)
{
    return controller != NULL;
}

static bool close_it(void)
{
    const bool stopped = ahci_close(controller);

    /* What shares its line is not disturbed any more. */
    assert_int_equal(device.control & AHCI_GHC_IE, 0);
    for (unsigned i = 0; i < AHCI_SIM_PORTS; i++) {
        assert_int_equal(device.ports[i].enabled, 0);
    }
    return stopped;
}

static const struct disk_engine engine = {.bus = &device.bus,
                                          .command = create_command,
                                          .seek = seek,
                                          .answer = answer,
                                          .create = create,
                                          .open = open_it,
                                          .is_open = is_open,
                                          .close = close_it,
                                          .count = ahci_count};

static void open_disk(void)
{
    sim_console_forget();
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_non_null(target);
    assert_false(sim_console_said("ahci")); /* of an optical drive and an empty port: nothing */
    assert_false(device.bus.pending[0]);    /* nor has it anything to say */
    client_expect_device(ahci_get_service(target), "ahci@01:03.2,0",
                         0x60000000 | BUS_SIM_REQUESTER << 5, 1, device.bus.mapper);
    client_attach(ahci_get_service(target), 1);
}

static int open_usual(void **state)
{
    (void)state;
    disk_engine_begin(&engine);
    disk_create();
    open_disk();
    return 0;
}

static int begin(void **state)
{
    (void)state;
    disk_engine_begin(&engine);
    return 0;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static void found_on_the_bus(void **state)
{
    (void)state;
    disk_is_found();
    target = ahci_get(0);
    controller = target->controller;
    disk_leave(true);
}

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
    assert_int_equal(info.blocks, DISK_BLOCKS);
    assert_string_equal(info.serial, "simulated");
    disk_leave(true);
}

static void controllers_that_do_not_come_up(void **state)
{
    (void)state;
    disk_create();
    device.gone = true;
    disk_fails_to_open(kIOReturnNotResponding, 2 * SECOND);
    disk_create();
    device.never_reset = true;
    disk_fails_to_open(kIOReturnNotResponding, 2 * SECOND);
    disk_create();
    device.bus.mapper_status = kIOReturnNoDevice; /* what is in front of it did not start */
    disk_fails_to_open(kIOReturnNoDevice, SECOND);
    disk_create();
    device.bus.has_no_vectors = true;
    disk_fails_to_open(kIOReturnNoInterrupt, SECOND);
    disk_belongs_to_another();
}

/* The controller works, the disk is left out with a line, and nothing of it is kept. */
static void disks_that_nobody_can_use(void **state)
{
    static const char *const reasons[] = {"NotResponding", "IOError",       "IOError",
                                          "Unsupported",   "NotResponding", "Unsupported",
                                          "Unsupported"};

    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        const uint64_t start = sim_time;
        char line[100];

        disk_create();
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
        snprintf(line, sizeof(line), "ahci: the disk at port 0 cannot be used: kIOReturn%s",
                 reasons[i]);
        assert_true(sim_console_said(line));
        assert_false(device.ports[0].was_enabled); /* nobody would hear it */
        disk_leave(true);
    }
    /* One that does not stop keeps its memory, for ever. */
    disk_create();
    device.ports[0].is_silent = device.ports[0].never_stops = true;
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_null(target);
    assert_true(ahci_close(controller));
    assert_false(disk_left_nothing());
}

/* A code or a disk less, and nothing is left. */
static void without_one_piece_of_memory(void **state)
{
    (void)state;
    assert_true(disk_without_memory() > 7);
}

/* --- Transfers -------------------------------------------------------------------------------- */

/* In place, or bounced where an address or a length is odd; there and back. */
static void transfers_of_all_sizes(void **state)
{
    (void)state;
    disk_all_lengths(100);
    disk_start_in_part();
    disk_leave(true);
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
    command = disk_command_over(0, memory, 12 * 512);
    client_end_count = 0;
    transfers[0].block = 9;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(device.ports[0].bytes, 5 * 512);
    disk_run();
    assert_int_equal(client_ends[0].bytes, 12 * 512);
    assert_int_equal(device.ports[0].transfers, 3);
    for (unsigned i = 0; i < 12 * 512; i++) {
        assert_int_equal(*whole_byte(8ull * (i / 6) + i % 6), disk_content[9 * 512 + i]);
    }
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    disk_leave(true);
}

/* A start takes none itself: what it needs was there when the disk was opened. */
static void starts_without_memory(void **state)
{
    (void)state;
    assert_in_range(disk_starts_without_memory(whole, 65536), 1, 40);
    assert_in_range(disk_starts_without_memory(odd, 512 * 100), 1, 80);
    disk_leave(true);
}

/*
 * A mapper whose addresses are all beyond 4 GiB: a controller of 64 bits is told both halves of
 * each, and one of 32 has none to be told of.
 */
static void addresses_beyond_4_gib(void **state)
{
    struct test_mapper *mapper = test_mapper_new(5ull << 20);
    IOService *unit = IOService_withReader("unit", NULL, NULL);

    (void)state;
    assert_true(IOMapper_start(&mapper->super, unit));
    disk_create();
    device.bus.mapper = &mapper->super;
    open_disk();
    disk_expect_work();
    disk_there_and_back(true, 1 << 20, 0);
    assert_int_equal(device.ports[0].lists_high, 5);
    disk_leave(true);
    disk_create();
    device.wide = false;
    device.bus.mapper = &mapper->super;
    sim_console_forget();
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_null(target);
    assert_true(sim_console_said("ahci: the disk at port 0 cannot be used: kIOReturnNoSpace"));
    disk_leave(true);
    client_drop_mapper(&mapper->super);
    OSObject_release(unit);
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
    disk_create();
    device.wide = false;
    device.bus.mapper = &mapper->super;
    open_disk();
    disk_expect_work();
    disk_there_and_back(true, 1 << 20, 0);
    disk_there_and_back(false, 1 << 20, 1);
    disk_leave(true);
    assert_true(sim_holds(&held));
    assert_int_equal(mapper->entries, 0);

    /* No I/O address is left for the lists: the disk is left out. */
    disk_use_up(mapper);
    disk_create();
    device.bus.mapper = &mapper->super;
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_null(target);
    disk_leave(true);
    client_drop_mapper(&mapper->super);
    OSObject_release(unit);
}

static void starts_that_are_refused(void **state)
{
    IODMACommand *command = disk_command_over(0, whole, 8192);

    (void)state;
    transfers[0].disk = NULL;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    transfers[0].disk = target;
    assert_int_equal(client_start(0, command, kIODirectionIn, 100, 0), kIOReturnBadArgument);
    transfers[0].block = DISK_BLOCKS - 15;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    transfers[0].block = UINT64_MAX;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    client_drop(command);
    assert_null(ahci_create_command(NULL, NULL, kMapped, &transfers[0]));
    assert_null(ahci_create_command(target, NULL, kMapped, NULL));
    assert_int_equal(client_end_count, 0);
    disk_expect_work();
    disk_leave(true);
}

/* --- Ends that fail --------------------------------------------------------------------------- */

static void the_first_fails(uint32_t causes, uint32_t moved, IOReturn status)
{
    disk_start_all();
    ahci_sim_end(&device, causes, moved);
    disk_expect_first(status);
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
    disk_leave(true);
}

/* Causes of nothing: no end, no second one, and the line is somebody else's. */
static void interrupts_without_an_end(void **state)
{
    (void)state;
    disk_start_all();
    disk_expect_no_end(false);  /* the controller has nothing to say */
    device.ports[0].status = 1; /* a FIS has come, the command goes on */
    device.status = 1;
    disk_expect_no_end(true);
    device.status = 4; /* a port that has no disk */
    disk_expect_no_end(false);
    device.status = 1; /* the disk's, which has nothing to say either */
    disk_expect_no_end(false);
    device.gone = true;
    disk_expect_no_end(false);
    device.gone = false;
    device.status = 1;
    device.goes_after = 2; /* before the port is asked */
    disk_expect_no_end(false);
    device.gone = false;
    device.status = 0;
    disk_expect_all();
    device.ports[0].status = 1; /* once more, of what has ended */
    device.status = 1;
    device.bus.pending[0] = true;
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

/* A port that does not come back from its reset: all end so, none is taken, and memory stays. */
static void ports_that_are_lost(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        if (way != 0) {
            disk_create();
            open_disk();
        }
        disk_start_all();
        device.ports[0].never_stops = way == 0;
        device.ports[0].never_starts = way == 1;
        device.ports[0].link_stays_down = way >= 2;
        if (way == 3) {
            disk_expect_lost_by_stop();
        } else {
            ahci_sim_end(&device, 0x40000000, 0);
            disk_expect_lost();
        }
        /* It may say what it likes from now on. */
        device.ports[0].status = 0x40000001;
        device.ports[0].enabled = UINT32_MAX;
        device.status = 1;
        device.bus.pending[0] = true;
        disk_deliver();
        assert_int_equal(client_end_count, DISK_TRANSFERS);
        disk_drop_all();
        disk_leave(way != 0); /* one that never stops has its memory still */
    }
}

int main(void)
{
#define OPENED(test) cmocka_unit_test_setup(test, open_usual)
#define READY(test)  cmocka_unit_test_setup(test, begin)
    const struct CMUnitTest tests[] = {
        READY(found_on_the_bus), /* before the others */
        OPENED(one_disk_of_three_ports),
        READY(controllers_that_do_not_come_up),
        READY(without_one_piece_of_memory),
        OPENED(transfers_of_all_sizes),
        OPENED(lists_are_cut_at_whole_blocks),
        OPENED(starts_without_memory),
        READY(behind_a_mapper),
        READY(addresses_beyond_4_gib),
        OPENED(starts_that_are_refused),
        OPENED(ends_that_fail),
        OPENED(interrupts_without_an_end),
        OPENED(stopped_and_started_again),
        /* Last: these leave behind what nobody may use again. */
        READY(disks_that_nobody_can_use),
        OPENED(ports_that_are_lost),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
