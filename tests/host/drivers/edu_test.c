/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The edu device, simulated: whether it is found, what it is told of each transfer and in which
 * pieces, and what it is never told because it would end QEMU. Ends: edu_ends_test.c.
 */
#include "kernel/inject.h"
#include "tests/host/drivers/edu_fixture.h"
#include "tests/host/drivers/recorded.h"

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
    client_expect_device(edu_get_service(device), "edu@01:03.2", 0x5100011a, 1, NULL);
    IOMemory_fail(kIOReturnBusy);
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
        assert_false(sim.bus.claimed);
        assert_true(sim_holds(&before));
    }
    assert_in_range(failures, 4, 30);
}

static void commands_that_cannot_be(void **state)
{
    IODMACommand_SegmentOptions options;
    IODMACommand *command;

    (void)state;
    IOMemory_fail(kIOReturnBusy);
    assert_null(edu_create_command(NULL, NULL, kMapped, &transfers[0]));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    IOMemory_fail(kIOReturnBusy);
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
    static struct recorded_list list;
    IODMACommand *command = command_over(0, odd, 0, 4095);

    (void)state;
    memset(&seen, 0, sizeof(seen));
    edu_watch(device, watch, &seen);
    recorded_begin();
    transfers[0].context = &seen;
    for (unsigned way = 0; way < 2; way++) {
        assert_int_equal(
            client_start(0, command, way == 0 ? kIODirectionIn : kIODirectionOut, 0, 0),
            kIOReturnSuccess);
        run();
        expect_end(command, kIOReturnSuccess, 4095);
        assert_int_equal(seen.last.to_memory, way == 0);
    }
    recorded_end();
    for (unsigned i = 0; recorded_list(i, &list); i++) {
        assert_int_equal(list.count, 1);
        assert_int_equal(list.device, (uint64_t)device);
        recorded_expect(&list, command, i % 2 == 0 ? 0 : CLIENT_PIECE,
                        i % 2 == 0 ? CLIENT_PIECE : 4095 - CLIENT_PIECE, TRACE_LIST_registers,
                        i % 2, i / 2 == 0 ? TRACE_SLOT_WRITES : 0);
        assert_true(i % 2 == 0 || list.entries[0].address == seen.last.address.value);
    }
    assert_int_equal(recorded_count(TRACE_dma_issue), 4);
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
    /* Nor before its client has heard of its end. */
    edu_sim_answer(&sim);
    bus_sim_interrupt(&sim.bus);
    assert_int_equal(IODMAController_startDMACommand(engine, 0, command, kIODirectionIn, 1, 0),
                     kIOReturnBusy);
    assert_false(edu_sim_is_busy(&sim));
    IOWorkLoop_runEventSources(client_loop);
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
    /* Of two pieces the second is out of reach. */
    command = edu_create_command(device, &options, kMapped, &transfers[0]);
    client_prepare(command, odd, 0, 4095);
    assert_int_equal(client_start(0, command, kIODirectionIn, CLIENT_PIECE, 0), kIOReturnSuccess);
    run();
    expect_end(command, kIOReturnSuccess, CLIENT_PIECE);
    assert_int_equal(client_start(0, command, kIODirectionIn, CLIENT_PIECE + 1, 0),
                     kIOReturnMessageTooLarge);
    client_drop(command);
}

static int begin_low(void **state)
{
    (void)state;
    before = holdings_now();
    begin_mapped(0xff);
    return 0;
}

int main(void)
{
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
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
