/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The edu device, simulated: what it is told of each transfer and in which pieces, what it is never
 * told because it would end QEMU, stops, interrupts that mean nothing, and memory that runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/inject.h"
#include "kernel/trace.h"
#include "tests/host/drivers/client.h"
#include "tests/host/drivers/edu_sim.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/lib/portable/test_mapper.h"

#define MILLISECOND 1000000ull

static struct edu_sim sim;
static struct edu *device;
static struct test_mapper *mapper;
static IOService *unit;
static struct holdings before;
static struct edu_transfer transfers[2];

static IOReturn open_it(void)
{
    IOReturn status;

    device = edu_open(bus_sim_function, &status);
    assert_int_equal(device == NULL, status != kIOReturnSuccess);
    return status;
}

/* A device behind a mapper, and its client. */
static void begin_mapped(uint64_t first_page)
{
    mapper = test_mapper_new(first_page);
    unit = IOService_withReader("unit", NULL, NULL);
    assert_true(IOMapper_start(&mapper->super, unit));
    edu_sim_create(&sim);
    sim.bus.mapper = &mapper->super;
    assert_int_equal(open_it(), kIOReturnSuccess);
    client_attach(edu_get_service(device), 1);
}

static int begin(void **state)
{
    (void)state;
    before = holdings_now();
    begin_mapped(0x100);
    return 0;
}

/* The same without one: all of memory is within reach. */
static int begin_alone(void **state)
{
    (void)state;
    before = holdings_now();
    mapper = NULL;
    edu_sim_create(&sim);
    sim.address_bits = 64;
    assert_int_equal(open_it(), kIOReturnSuccess);
    edu_set_address_bits(device, 64);
    client_attach(edu_get_service(device), 1);
    return 0;
}

static void answer_while_waiting(void)
{
    edu_sim_answer(&sim);
    bus_sim_interrupt(&sim.bus);
}

static int end(void **state)
{
    (void)state;
    /* A test that has failed in the middle of a transfer fails alone. */
    sim_while_waiting = edu_sim_is_busy(&sim) ? answer_while_waiting : NULL;
    client_detach();
    sim_while_waiting = NULL;
    assert_true(edu_close(device));
    assert_int_equal(edu_count(), 0);
    assert_false(sim.bus.claimed || sim.bus.master_on || sim.bus.granted != 0);
    if (mapper != NULL) {
        assert_int_equal(mapper->entries, 0);
        OSObject_release(&mapper->super);
        OSObject_release(unit);
    }
    assert_true(sim_holds(&before));
    return 0;
}

static IODMACommand *command_over(unsigned index, IOMemoryDescriptor *memory, uint64_t offset,
                                  uint64_t length)
{
    IODMACommand *command = edu_create_command(device, NULL, kMapped, &transfers[index]);

    client_prepare(command, memory, offset, length);
    return command;
}

static void deliver(void)
{
    bus_sim_interrupt(&sim.bus);
    IOWorkLoop_runEventSources(client_loop);
}

static void run(void)
{
    for (unsigned i = 0; client_end_count == 0; i++) {
        assert_in_range(i, 0, EDU_PIECES_MAX);
        edu_sim_answer(&sim);
        deliver();
    }
}

static void expect_end(IODMACommand *command, IOReturn status, uint64_t bytes)
{
    assert_int_equal(client_end_count, 1);
    assert_ptr_equal(client_ends[0].command, command);
    assert_int_equal(client_ends[0].status, status);
    assert_int_equal(client_ends[0].bytes, bytes);
    client_end_count = 0;
}

static void fill(void)
{
    for (unsigned i = 0; i < EDU_SIM_BYTES; i++) {
        sim.memory[i] = (uint8_t)(1 + client_random(255));
    }
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* By the search, which is made once: the first call of any. */
static void found_on_the_bus(void **state)
{
    (void)state;
    edu_sim_create(&sim);
    sim.bus.is_found = true;
    assert_int_equal(edu_count(), 1);
    device = edu_get(0);
    assert_ptr_equal(edu_get_function(device), bus_sim_function);
    assert_true(sim.bus.claimed && sim.bus.master_on);
    assert_true(edu_close(device));
    assert_int_equal(edu_count(), 0);
}

static void one_device(void **state)
{
    (void)state;
    assert_int_equal(edu_count(), 1);
    assert_ptr_equal(edu_get(0), device);
    assert_null(edu_get(1));
    assert_ptr_equal(edu_get_function(device), bus_sim_function);
    assert_ptr_equal(edu_get_service(device), edu_get_service(device)); /* made once */
    assert_null(edu_get_service(NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
}

static void fails_to_open(IOReturn expected)
{
    assert_int_equal(open_it(), expected);
    assert_false(sim.bus.claimed || sim.bus.master_on || sim.bus.granted != 0);
    assert_int_equal(edu_count(), 0);
    assert_true(sim_holds(&before));
}

static void devices_that_do_not_come_up(void **state)
{
    (void)state;
    before = holdings_now();
    edu_sim_create(&sim);
    sim.bus.mapper_status = kIOReturnNoDevice;
    fails_to_open(kIOReturnNoDevice);
    edu_sim_create(&sim);
    sim.bus.refused[BUS_SIM_MAP_BAR] = kIOReturnNotFound;
    fails_to_open(kIOReturnNotFound);
    edu_sim_create(&sim);
    sim.bus.refused[BUS_SIM_ENABLE_MEMORY] = kIOReturnNoResources;
    fails_to_open(kIOReturnNoResources);
    edu_sim_create(&sim);
    sim.id = ~0u; /* gone */
    fails_to_open(kIOReturnNoDevice);
    edu_sim_create(&sim);
    sim.id = 0x010000ec;
    fails_to_open(kIOReturnNoDevice);
    edu_sim_create(&sim);
    sim.bus.has_no_vectors = true;
    fails_to_open(kIOReturnNoInterrupt);
    edu_sim_create(&sim);
    sim.bus.refused[BUS_SIM_ATTACH] = kIOReturnNoResources;
    fails_to_open(kIOReturnNoResources);
    edu_sim_create(&sim);
    sim.bus.refused[BUS_SIM_ENABLE_MASTER] = kIOReturnNoDevice;
    fails_to_open(kIOReturnNoDevice);
    edu_sim_create(&sim);
    sim.bus.claimed = true;
    assert_int_equal(open_it(), kIOReturnExclusiveAccess);
    assert_true(sim.bus.claimed);
    assert_true(sim_holds(&before));
}

/* The n-th piece of memory is missing: while it is opened, while its engine is made. */
static void without_one_piece_of_memory(void **state)
{
    struct inject_report report = {.failed = true};
    unsigned failures = 0;

    (void)state;
    before = holdings_now();
    for (uint64_t nth = 1; report.failed; nth++) {
        IOReturn status;
        IOService *service = NULL;

        edu_sim_create(&sim);
        inject_begin(nth);
        status = open_it();
        if (device != NULL) {
            service = edu_get_service(device);
        }
        inject_end(&report);
        assert_true(status == kIOReturnSuccess || status == kIOReturnNoMemory);
        failures += service == NULL;
        assert_int_equal(service == NULL, report.failed);
        if (device != NULL) {
            /* With the memory it has one. */
            assert_non_null(edu_get_service(device));
            assert_true(edu_close(device));
        }
        assert_true(sim_holds(&before));
    }
    assert_in_range(failures, 4, 30);
}

static void commands_that_cannot_be(void **state)
{
    IODMACommand_SegmentOptions options;
    IODMACommand *command;

    (void)state;
    assert_null(edu_create_command(NULL, NULL, kMapped, &transfers[0]));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(edu_create_command(device, NULL, kMapped, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    edu_get_segment_options(device, &options);
    assert_int_equal(options.fNumAddressBits, 28);
    assert_int_equal(options.fMaxTransferSize, 4095);
    edu_set_address_bits(device, 0);
    edu_get_segment_options(device, &options);
    assert_int_equal(options.fNumAddressBits, PAGE_SHIFT);
    edu_set_address_bits(device, 65);
    edu_get_segment_options(device, &options);
    assert_int_equal(options.fNumAddressBits, 64);
    edu_set_address_bits(device, 13);
    edu_get_segment_options(device, &options);
    assert_int_equal(options.fNumAddressBits, 13);
    /* Unmapped: by physical addresses, whatever is in front of it. */
    options.fNumAddressBits = 64;
    command = edu_create_command(device, &options, kUnmapped, &transfers[0]);
    client_prepare(command, whole, 0, 100);
    assert_int_equal(mapper->entries, 0);
    client_drop(command);
}

/* --- Transfers -------------------------------------------------------------------------------- */

/* Both ways, all of its memory and parts of it, from one place and from many. */
static void there_and_back(IOMemoryDescriptor *memory, uint8_t *byte(uint64_t at), uint64_t offset,
                           unsigned length, unsigned position)
{
    struct edu_counters counters, now;
    IODMACommand *command;

    fill();
    edu_get_counters(device, &counters);
    command = command_over(0, memory, offset, length);
    transfers[0].position = position;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_false(edu_close(device)); /* in the middle of it */
    run();
    expect_end(command, kIOReturnSuccess, length);
    for (unsigned i = 0; i < length; i++) {
        assert_int_equal(*byte(offset + i), sim.memory[position + i]);
        *byte(offset + i) ^= 0x55;
    }
    assert_int_equal(client_start(0, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    run();
    expect_end(command, kIOReturnSuccess, length);
    client_drop(command);
    for (unsigned i = 0; i < length; i++) {
        assert_int_equal(*byte(offset + i), sim.memory[position + i]);
    }
    edu_get_counters(device, &now);
    assert_int_equal(now.pieces - counters.pieces, now.interrupts - counters.interrupts);
    assert_in_range(now.pieces - counters.pieces, 2, 8);
}

static void bytes_arrive_where_they_belong(void **state)
{
    static const unsigned cases[][3] = {
        {0, 4095, 0},    {0, 1, 0},          {1, 1, 4094},     {4000, 2, 17},
        {3999, 4095, 0}, {12345, 512, 3583}, {8001, 4000, 95},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        there_and_back(whole, whole_byte, cases[i][0], cases[i][1], cases[i][2]);
        there_and_back(odd, odd_byte, cases[i][0], cases[i][1], cases[i][2]);
    }
}

/* A part of what is prepared: the rest of its pieces are not told of. */
static void a_start_may_name_a_part(void **state)
{
    IODMACommand *command = command_over(0, odd, 0, 4095);

    (void)state;
    fill();
    for (unsigned i = 0; i < 4095; i++) {
        *odd_byte(i) = 0;
    }
    transfers[0].position = 5;
    assert_int_equal(client_start(0, command, kIODirectionIn, 100, 10), kIOReturnSuccess);
    run();
    expect_end(command, kIOReturnSuccess, 100);
    assert_int_equal(*odd_byte(9), 0);
    assert_memory_equal(odd_byte(10), sim.memory + 5, 100);
    assert_int_equal(*odd_byte(110), 0);
    assert_int_equal(client_start(0, command, kIODirectionIn, 20, CLIENT_PIECE - 10),
                     kIOReturnSuccess);
    run();
    expect_end(command, kIOReturnSuccess, 20);
    assert_memory_equal(odd_byte(CLIENT_PIECE - 10), sim.memory + 5, 10);
    assert_memory_equal(odd_byte(CLIENT_PIECE), sim.memory + 15, 10);
    assert_int_equal(*odd_byte(CLIENT_PIECE + 10), 0);
    /* Up to where a piece ends: the next is not begun. */
    assert_int_equal(client_start(0, command, kIODirectionIn, CLIENT_PIECE - 1, 1),
                     kIOReturnSuccess);
    run();
    expect_end(command, kIOReturnSuccess, CLIENT_PIECE - 1);
    client_drop(command);
}

static struct {
    unsigned pieces, bytes;
    struct edu_piece last;
    const struct edu_transfer *transfer;
} seen;

static void watch(void *context, const struct edu_transfer *transfer, const struct edu_piece *piece)
{
    assert_ptr_equal(context, &seen);
    seen.pieces++;
    seen.bytes += piece->length;
    seen.last = *piece;
    seen.transfer = transfer;
}

static void pieces_are_shown_and_recorded(void **state)
{
    IODMACommand *command = command_over(0, odd, 0, 4095);

    (void)state;
    memset(&seen, 0, sizeof(seen));
    edu_watch(device, watch, &seen);
    trace_start();
    transfers[0].context = &seen;
    for (unsigned way = 0; way < 2; way++) {
        assert_int_equal(
            client_start(0, command, way == 0 ? kIODirectionIn : kIODirectionOut, 0, 0),
            kIOReturnSuccess);
        run();
        expect_end(command, kIOReturnSuccess, 4095);
        assert_int_equal(seen.last.to_memory, way == 0);
    }
    trace_stop();
    assert_ptr_equal(seen.transfer, &transfers[0]);
    assert_int_equal(seen.pieces, 4);
    assert_int_equal(seen.bytes, 2 * 4095);
    assert_int_equal(seen.last.position, CLIENT_PIECE);
    assert_int_equal(seen.last.offset, CLIENT_PIECE);
    assert_int_equal(seen.last.length, 4095 - CLIENT_PIECE);
    edu_watch(device, NULL, NULL);
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    run();
    client_end_count = 0;
    assert_int_equal(seen.pieces, 4);
    client_drop(command);
}

/* What would end QEMU, or go elsewhere, is not told, and is no end of anything else. */
static void starts_that_are_refused(void **state)
{
    static IOAddressRange ranges[EDU_PIECES_MAX + 1];
    IODMACommand *command = command_over(0, whole, 0, 4095), *other, *many;
    IODMAController *engine = device->engine;
    struct edu_transfer copied;
    IOMemoryDescriptor *memory;

    (void)state;
    transfers[0].position = 1;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    transfers[0].position = 4095;
    assert_int_equal(client_start(0, command, kIODirectionIn, 1, 0), kIOReturnOverrun);
    transfers[0].position = 4096;
    assert_int_equal(client_start(0, command, kIODirectionIn, 1, 0), kIOReturnOverrun);
    transfers[0].position = UINT32_MAX;
    assert_int_equal(client_start(0, command, kIODirectionIn, 1, 0), kIOReturnOverrun);
    transfers[0].position = 4094;
    assert_int_equal(client_start(0, command, kIODirectionIn, 1, 0), kIOReturnSuccess);
    /* It has one: another waits for nothing, and this one is not started again. */
    other = command_over(1, whole, 8192, 100);
    assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnBusy);
    assert_int_equal(IODMAController_startDMACommand(engine, 0, command, kIODirectionIn, 1, 0),
                     kIOReturnBusy);
    run();
    expect_end(command, kIOReturnSuccess, 1);
    /* Commands of somebody else's. */
    copied = transfers[1];
    IODMACommand_setRefCon(other, &copied);
    copied.device = NULL;
    assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    copied.device = device;
    copied.command = command;
    assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    IODMACommand_setRefCon(other, NULL);
    assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    IODMACommand_setRefCon(other, &transfers[1]);
    assert_int_equal(IODMAController_startDMACommand(engine, 1, other, kIODirectionIn, 100, 0),
                     kIOReturnBadArgument);
    client_drop(other);
    /* Behind what is prepared: the doors above do not let that through. */
    assert_int_equal(((const IODMAControllerClass *)engine->super.metaClass)
                         ->startDMACommand(engine, 0, command, kIODirectionIn, 1, 4095),
                     kIOReturnOverrun);
    client_drop(command);
    /* More pieces than its list has, and just as many. */
    for (unsigned i = 0; i <= EDU_PIECES_MAX; i++) {
        ranges[i] = (IOAddressRange){(uint64_t)whole_byte(i * 2 * PAGE_SIZE), 8};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, EDU_PIECES_MAX + 1, kIODirectionInOut,
                                                  kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    many = command_over(0, memory, 0, 8 * (EDU_PIECES_MAX + 1));
    assert_int_equal(client_start(0, many, kIODirectionIn, 0, 0), kIOReturnNoSpace);
    assert_int_equal(client_start(0, many, kIODirectionIn, 8 * EDU_PIECES_MAX + 1, 0),
                     kIOReturnNoSpace);
    assert_int_equal(client_start(0, many, kIODirectionIn, 8 * EDU_PIECES_MAX, 8),
                     kIOReturnSuccess);
    run();
    expect_end(many, kIOReturnSuccess, 8 * EDU_PIECES_MAX);
    client_drop(many);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
}

/* By options of the client's own a piece may lie where the device's address bits do not reach. */
static void what_its_address_bits_do_not_reach(void **state)
{
    IODMACommand_SegmentOptions options;
    IODMACommand *command;

    (void)state;
    edu_get_segment_options(device, &options);
    options.fNumAddressBits = 64;
    command = edu_create_command(device, &options, kMapped, &transfers[0]);
    client_prepare(command, whole, 0, 4095);
    edu_set_address_bits(device, 20); /* the first page that is mapped is 0x100 */
    sim.address_bits = 20;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnMessageTooLarge);
    edu_set_address_bits(device, 21);
    sim.address_bits = 21;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    run();
    expect_end(command, kIOReturnSuccess, 4095);
    client_drop(command);
    assert_int_equal(sim.transfers, 1);
}

/* The last byte counts: pages up to 2^20, and what begins below and ends behind that. */
static void the_end_of_its_address_bits(void **state)
{
    IODMACommand_SegmentOptions options;
    IODMACommand *command;

    (void)state;
    edu_get_segment_options(device, &options);
    options.fNumAddressBits = 64;
    edu_set_address_bits(device, 20);
    sim.address_bits = 20;
    command = edu_create_command(device, &options, kMapped, &transfers[0]);
    client_prepare(command, whole, 100, 4095); /* pages 0xff and 0x100 */
    assert_int_equal(client_start(0, command, kIODirectionIn, 3996, 0), kIOReturnSuccess);
    run();
    expect_end(command, kIOReturnSuccess, 3996);
    assert_int_equal(client_start(0, command, kIODirectionIn, 3997, 0), kIOReturnMessageTooLarge);
    client_drop(command);
}

static int begin_low(void **state)
{
    (void)state;
    before = holdings_now();
    begin_mapped(0xff);
    return 0;
}

/* --- Ends ------------------------------------------------------------------------------------- */

/* The mapper knows better than the device, which says that it is done. */
static void a_blocked_transfer_is_an_error(void **state)
{
    const IOMapperFault fault = {
        .address = 0x12345000, .access = kIODMAMapWriteAccess, .reason = kIOReturnNotFound};
    IODMACommand *command = command_over(0, whole, 0, 100);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        if (i == 0) {
            IOMapper_deliverFault(&mapper->super, &fault);
        }
        run();
        assert_int_equal(client_ends[0].status, i == 0 ? kIOReturnDMAError : kIOReturnSuccess);
        client_end_count = 0;
    }
    client_drop(command);
}

/* Behind the piece that it is at; before that it cannot be stopped. */
static void stops(void **state)
{
    IODMACommand *command = command_over(0, odd, 0, 4095);
    IODMACommand *current = NULL;
    IOByteCount moved = 0;

    (void)state;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, 10 * MILLISECOND),
                     kIOReturnTimeout);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 0);
    assert_int_equal(IODMAEventSource_queryDMACommand(client_sources[0], &current, &moved, false),
                     kIOReturnSuccess);
    assert_ptr_equal(current, command);
    assert_int_equal(moved, 0);
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnBusy);
    edu_sim_answer(&sim);
    deliver();
    expect_end(command, kIOReturnAborted, CLIENT_PIECE);
    assert_false(edu_sim_is_busy(&sim));
    /* That was of the one: the next goes to its end. */
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    run();
    expect_end(command, kIOReturnSuccess, 4095);
    /* Of the last piece, it is all there. */
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    edu_sim_answer(&sim);
    deliver();
    assert_int_equal(client_end_count, 0);
    IODMAEventSource_stopDMACommand(client_sources[0], false, MILLISECOND);
    edu_sim_answer(&sim);
    deliver();
    expect_end(command, kIOReturnSuccess, 4095);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    client_drop(command);
}

static void a_stop_waits_for_the_piece(void **state)
{
    IODMACommand *command = command_over(0, odd, 0, 4095);

    (void)state;
    sim_while_waiting = answer_while_waiting;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    sim_while_waiting = NULL;
    deliver();
    expect_end(command, kIOReturnAborted, CLIENT_PIECE);
    client_drop(command);
}

static IOReturn refused;

static void stop_in_handler(void)
{
    /* Its own transfer has ended, and the next has begun. */
    assert_int_equal(IODMAEventSource_startDMACommand(client_sources[0], transfers[1].command,
                                                      kIODirectionIn, 0, 0),
                     kIOReturnSuccess);
    refused = IODMAController_stopDMACommand(device->engine, 0, false, UINT64_MAX);
}

/* A notification starts the next, and may not wait. */
static void notifications_start_and_do_not_stop(void **state)
{
    IODMACommand *first = command_over(0, whole, 0, 100),
                 *second = command_over(1, whole, 8192, 100);

    (void)state;
    client_at_notification = stop_in_handler;
    assert_int_equal(client_start(0, first, kIODirectionIn, 0, 0), kIOReturnSuccess);
    edu_sim_answer(&sim);
    IOWorkLoop_closeGate(client_loop); /* a start is for who has it */
    bus_sim_interrupt(&sim.bus);
    IOWorkLoop_openGate(client_loop);
    assert_int_equal(refused, kIOReturnNotPermitted);
    assert_true(edu_sim_is_busy(&sim));
    edu_sim_answer(&sim);
    deliver();
    assert_int_equal(notified, 2);
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    client_end_count = 0;
    client_drop(first);
    client_drop(second);
}

/* Interrupts of somebody else, of nothing, and before their time. */
static void interrupts_that_mean_nothing(void **state)
{
    IODMACommand *command = command_over(0, whole, 0, 100);
    struct edu_counters counters;
    irq_handler_t *const handler = sim.bus.handlers[0];
    void *const context = sim.bus.contexts[0];

    (void)state;
    sim_in_handler = true;
    assert_int_equal(handler(context), IRQ_NOTHING);
    assert_int_equal(sim.acknowledged, 0);
    sim.causes = 0x11; /* somebody has raised these by hand */
    assert_int_equal(handler(context), IRQ_SERVED);
    assert_int_equal(sim.causes, 0);
    sim.causes = CAUSE_ENGINE; /* nothing has been started */
    assert_int_equal(handler(context), IRQ_SERVED);
    sim_in_handler = false;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    sim_in_handler = true;
    sim.causes = CAUSE_ENGINE | 1; /* it is not done */
    assert_int_equal(handler(context), IRQ_SERVED);
    sim_in_handler = false;
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 0);
    assert_true(edu_sim_is_busy(&sim));
    run();
    expect_end(command, kIOReturnSuccess, 100);
    sim.causes = CAUSE_ENGINE; /* twice */
    sim.bus.pending[0] = true;
    deliver();
    assert_int_equal(client_end_count, 0);
    edu_get_counters(device, &counters);
    assert_int_equal(counters.interrupts, 4);
    assert_int_equal(counters.pieces, 1);
    client_drop(command);
}

/* The n-th piece of memory is missing where a transfer is made, prepared and started. */
static void transfers_without_memory(void **state)
{
    struct inject_report report = {.failed = true};
    unsigned failures = 0;

    (void)state;
    for (uint64_t nth = 1; report.failed; nth++) {
        const struct holdings held = holdings_now();
        IODMACommand *command;
        IOReturn status = kIOReturnNoMemory;

        inject_begin(nth);
        command = edu_create_command(device, NULL, kMapped, &transfers[0]);
        if (command != NULL) {
            status = IODMACommand_setMemoryDescriptor(command, odd, false);
        }
        if (status == kIOReturnSuccess) {
            status = IODMACommand_prepare(command, 0, 4095, true, true);
        }
        if (status == kIOReturnSuccess) {
            status = client_start(0, command, kIODirectionIn, 0, 0);
        }
        inject_end(&report);
        failures += status != kIOReturnSuccess;
        assert_true(status == kIOReturnSuccess || status == kIOReturnNoMemory ||
                    status == kIOReturnNoResources);
        if (status == kIOReturnSuccess) {
            run();
            expect_end(command, kIOReturnSuccess, 4095);
        } else {
            assert_false(edu_sim_is_busy(&sim));
        }
        if (command != NULL &&
            IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL) == kIOReturnSuccess) {
            IODMACommand_complete(command, true, true);
        }
        OSObject_release(command);
        assert_true(sim_holds(&held));
        assert_int_equal(mapper->entries, 0);
    }
    assert_in_range(failures, 2, 40);
}

int main(void)
{
#define EACH(test)  cmocka_unit_test_setup_teardown(test, begin, end)
#define ALONE(test) cmocka_unit_test_setup_teardown(test, begin_alone, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_on_the_bus), /* before the others */
        EACH(one_device),
        cmocka_unit_test(devices_that_do_not_come_up),
        cmocka_unit_test(without_one_piece_of_memory),
        EACH(commands_that_cannot_be),
        EACH(bytes_arrive_where_they_belong),
        ALONE(bytes_arrive_where_they_belong),
        EACH(a_start_may_name_a_part),
        EACH(pieces_are_shown_and_recorded),
        EACH(starts_that_are_refused),
        ALONE(starts_that_are_refused),
        EACH(what_its_address_bits_do_not_reach),
        cmocka_unit_test_setup_teardown(the_end_of_its_address_bits, begin_low, end),
        EACH(a_blocked_transfer_is_an_error),
        EACH(stops),
        EACH(a_stop_waits_for_the_piece),
        EACH(notifications_start_and_do_not_stop),
        EACH(interrupts_that_mean_nothing),
        EACH(transfers_without_memory),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
