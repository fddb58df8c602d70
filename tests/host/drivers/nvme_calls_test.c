/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of an NVMe disk one by one: starts and commands that are none of its, calls in handlers
 * and out of notifications, shut down, lines of transfers that end early, and want of memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/IODMAController_class.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "kernel/inject.h"
#include "kernel/timer.h"
#include "tests/host/drivers/nvme_client.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/lib/portable/test_mapper.h"

#define SECOND      1000000000ull
#define MILLISECOND 1000000ull
#define LONG        (200 * 65536ull) /* bytes of more commands than a queue has room for */

static struct nvme_transfer transfer, second;

static IOReturn start_at(unsigned channel, IODMACommand *command, uint64_t count)
{
    return IODMAController_startDMACommand(controller->engine, channel, command, kIODirectionIn,
                                           count, 0);
}

/* --- Starts ----------------------------------------------------------------------------------- */

static void starts_of_somebody_elses(void **state)
{
    struct nvme_controller other = *controller;
    struct nvme_namespace there = *disk;
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);
    struct nvme_transfer copied = transfer;
    IOByteCount moved;

    (void)state;
    assert_int_equal(IODMAController_queryDMACommand(controller->engine, controller->queue_count,
                                                     NULL, &moved, false),
                     kIOReturnBadArgument);
    assert_int_equal(start_at(controller->queue_count, command, 4096), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, NULL);
    assert_int_equal(start_at(0, command, 4096), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, &copied);
    copied.command = NULL; /* another's transfer */
    assert_int_equal(start_at(0, command, 4096), kIOReturnBadArgument);
    copied.command = command;
    there.controller = &other;
    copied.disk = &there; /* of another controller */
    assert_int_equal(start_at(0, command, 4096), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, &transfer);
    transfer.block = disk->blocks - 7; /* one too many */
    assert_int_equal(start_at(0, command, 4096), kIOReturnOverrun);
    transfer.block = disk->blocks + 1;
    assert_int_equal(start_at(0, command, 4096), kIOReturnOverrun);
    transfer.block = 0;
    disk->blocks = 7; /* all of it is less */
    assert_int_equal(start_at(0, command, 4096), kIOReturnOverrun);
    assert_int_equal(nvme_sim_take(&sim), 0);
    client_drop(command);
    client_close();
}

/* While it is under way, and until its end has been heard of. */
static void a_command_is_started_once(void **state)
{
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);

    (void)state;
    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(start_at(0, command, 4096), kIOReturnBusy);
    assert_int_equal(start_at(1, command, 4096), kIOReturnBusy);
    assert_int_equal(nvme_sim_take(&sim), 1);
    nvme_sim_answer(&sim, 0, 0);
    bus_sim_interrupt(&sim.bus);
    assert_int_equal(start_at(0, command, 4096), kIOReturnBusy);
    assert_int_equal(nvme_sim_take(&sim), 0);
    client_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    client_drop(command);
    client_close();
}

static void commands_that_are_refused(void **state)
{
    struct nvme_counters counters = {.commands = 1};
    IODMACommand *command;

    (void)state;
    assert_null(nvme_create_command(NULL, NVME_PRP, NULL, kMapped, &transfer));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(nvme_create_command(disk, NVME_PRP, NULL, kMapped, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(nvme_create_command(disk, (enum nvme_format)7, NULL, kMapped, &transfer));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    command = nvme_create_command(disk, NVME_PRP, NULL, kUnmapped, &transfer);
    assert_non_null(command);
    OSObject_release(command);
    /* A channel that there is not has counted nothing, and holds nothing back. */
    nvme_hold_doorbell(disk, 99, true);
    nvme_get_counters(disk, 99, &counters);
    assert_int_equal(counters.commands, 0);
    client_close();
}

/* --- Where a call may come from --------------------------------------------------------------- */

static unsigned refused;

static void call_all(void)
{
    assert_int_equal(nvme_reset(disk), kIOReturnNotPermitted);
    assert_int_equal(nvme_shut_down(disk), kIOReturnNotPermitted);
    if (IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX) ==
        kIOReturnNotPermitted) {
        refused++;
    }
}

static void calls_from_handlers_and_notifications(void **state)
{
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);
    IODMACommand *other = client_command(&second, NVME_PRP, whole, 0, 4096);

    (void)state;
    transfer.block = second.block = 0;
    refused = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 2);
    sim_in_handler = true;
    call_all();
    sim_in_handler = false;
    assert_int_equal(refused, 1);
    nvme_sim_answer(&sim, 0, 0);
    client_at_notification = call_all;
    client_deliver();
    assert_int_equal(refused, 2);
    /* And out of the ends that a stop itself brings, which runs in no handler. */
    client_at_notification = call_all;
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    assert_null(client_at_notification);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 2);
    client_drop(command);
    client_drop(other);
    client_close();
}

static void shut_down_for_good(void **state)
{
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);

    (void)state;
    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_shut_down(disk), kIOReturnSuccess);
    assert_int_equal(sim.shutdowns, 1);
    assert_int_equal(sim.cc & NVME_CC_EN, 0);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnAborted);
    assert_int_equal(nvme_shut_down(disk), kIOReturnSuccess); /* it is */
    assert_int_equal(nvme_reset(disk), kIOReturnNotResponding);
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnNotResponding);
    assert_int_equal(sim.shutdowns, 1);
    client_drop(command);
    client_close();
}

/* --- Lines ------------------------------------------------------------------------------------ */

static IODMACommand *start_long(unsigned channel)
{
    /* The same memory again and again: nobody looks at its bytes. */
    IOMemoryDescriptor *parts[] = {whole, whole, whole, whole, whole};
    IOMemoryDescriptor *all = (IOMemoryDescriptor *)IOMultiMemoryDescriptor_withDescriptors(
        parts, 5, kIODirectionInOut, false);
    IODMACommand *command;

    assert_non_null(all);
    command = nvme_create_command(disk, NVME_PRP, NULL, kMapped, &transfer);
    client_prepare(command, all, 0, LONG);
    OSObject_release(all);
    transfer.block = 0;
    disk->blocks = LONG / 512; /* of which none is looked at */
    assert_int_equal(client_start(channel, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), NVME_QUEUE_SIZE - 1);
    return command;
}

/* One of a transfer's commands fails while the rest is in line: the rest does not go. */
static void the_rest_of_a_failed_one_does_not_go(void **state)
{
    const uint32_t error = NVME_STATUS(2u, 0x81u);
    IODMACommand *command = start_long(0);
    const unsigned count = sim.taken_count;

    (void)state;
    nvme_sim_answer(&sim, 5, error);
    client_deliver();
    assert_int_equal(nvme_sim_take(&sim), 0);
    assert_int_equal(client_end_count, 0);
    for (unsigned i = 0; i < count; i++) {
        if (i != 5) {
            nvme_sim_answer(&sim, i, error);
        }
    }
    client_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnIOError);
    assert_int_equal(nvme_sim_take(&sim), 0);
    client_drop(command);
    client_close();
}

/* All of its commands are back at once, and it is in line still: it ends there. */
static void all_that_went_has_failed(void **state)
{
    IODMACommand *command = start_long(0);
    const unsigned count = sim.taken_count;

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        nvme_sim_answer(&sim, i, NVME_STATUS(2u, 0x81u));
    }
    client_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnIOError);
    assert_int_equal(nvme_sim_take(&sim), 0);
    client_drop(command);
    client_close();
}

static void interrupt(void *context)
{
    (void)context;
    bus_sim_interrupt(&sim.bus);
}

/* Stopped, with what is in line behind it, which has sent nothing. */
static void a_line_is_stopped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t timeout = i == 0 ? UINT64_MAX : UINT64_MAX - 1; /* by a reset; by aborts */
        struct timer timer = {.callback = interrupt};
        IODMACommand *command = start_long(0);
        IODMACommand *other = client_command(&second, NVME_PRP, whole, 0, 4096);

        second.block = 0;
        assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnSuccess);
        timer_start(&timer, SECOND);
        assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, timeout),
                         kIOReturnSuccess);
        timer_cancel(&timer);
        IOWorkLoop_runEventSources(client_loop);
        assert_int_equal(client_end_count, 2);
        assert_int_equal(client_ends[0].status, kIOReturnAborted);
        assert_int_equal(client_ends[1].status, kIOReturnAborted);
        client_end_count = sim.taken_count = 0;
        client_drop(command);
        client_drop(other);
    }
    client_close();
}

/* A block in more pieces than a list has: what is whole before it goes, and the rest cannot. */
static void the_rest_has_too_many_pieces(void **state)
{
    static IOAddressRange ranges[1 + 1024];
    IOMemoryDescriptor *memory;
    IODMACommand *command;

    (void)state;
    ranges[0] = (IOAddressRange){(uint64_t)whole_byte(0), 65536};
    for (unsigned i = 0; i < 1024; i++) {
        ranges[1 + i] = (IOAddressRange){(uint64_t)whole_byte(65536 + 2ull * i), 1};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 1025, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = client_command(&transfer, NVME_SGL, memory, 0, 65536 + 1024);
    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 1);
    nvme_sim_answer(&sim, 0, 0);
    client_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnNoSpace);
    assert_int_equal(client_ends[0].bytes, 65536);
    /* And from the beginning, it is refused at once. */
    assert_int_equal(client_start(0, command, kIODirectionIn, 1024, 65536), kIOReturnNoSpace);
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    client_close();
}

/*
 * A client's own options let pieces begin where a list of pages cannot name them: the list ends
 * before, and the next command begins there, if a command may.
 */
static void pieces_that_no_list_of_pages_names(void **state)
{
    static const struct {
        unsigned first, bytes; /* where in its page the first piece begins, and how long it is */
        unsigned second;       /* where in its page the other */
        IOReturn status;
        uint64_t moved;
    } rows[] = {
        {0, 4096, 512, kIOReturnSuccess, 8192},       /* of two commands */
        {2048, 2048, 4, kIOReturnSuccess, 8192},      /* the same */
        {0, 4096, 2, kIOReturnMessageTooLarge, 4096}, /* the second between two words */
        {2, 4094, 0, kIOReturnMessageTooLarge, 0},    /* the first */
        {0, 300, 4, kIOReturnNoSpace, 0},             /* before a block is whole */
    };
    const IODMACommand_SegmentOptions options = {
        .fStructSize = sizeof(options), .fNumAddressBits = 64, .fAlignment = 1};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IOAddressRange ranges[] = {
            {(uint64_t)whole_byte(rows[i].first), rows[i].bytes},
            {(uint64_t)whole_byte(8192 + rows[i].second), 8192 - rows[i].bytes}};
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionInOut, kernel_task);
        IODMACommand *command = nvme_create_command(disk, NVME_PRP, &options, kMapped, &transfer);
        IOReturn status;

        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
        client_prepare(command, memory, 0, 8192);
        transfer.block = 0;
        client_end_count = sim.taken_count = 0;
        status = client_start(0, command, kIODirectionIn, 0, 0);
        if (rows[i].moved == 0) {
            assert_int_equal(status, rows[i].status);
            assert_int_equal(nvme_sim_take(&sim), 0);
        } else {
            assert_int_equal(status, kIOReturnSuccess);
            client_run();
            assert_int_equal(client_end_count, 1);
            assert_int_equal(client_ends[0].status, rows[i].status);
            assert_int_equal(client_ends[0].bytes, rows[i].moved);
        }
        client_drop(command);
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
        OSObject_release(memory);
    }
    client_close();
}

/* --- Answers and waits ------------------------------------------------------------------------ */

/* A flush that nobody waits for any more is none of the transfers that a stop asks back. */
static void a_late_flush_is_not_aborted(void **state)
{
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);
    struct timer timer = {.callback = interrupt};

    (void)state;
    controller->has_flush = true;
    assert_int_equal(nvme_flush(disk), kIOReturnTimeout);
    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 2);
    timer_start(&timer, 5 * MILLISECOND);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, 10 * MILLISECOND),
                     kIOReturnSuccess);
    assert_int_equal(sim.aborts, 1);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_ends[0].status, kIOReturnAborted);
    nvme_sim_answer(&sim, 0, 0); /* the flush */
    client_deliver();
    client_drop(command);
    client_close();
}

/* Each unanswered command keeps its slot: then there is none left, and it is said at once. */
static void admin_commands_without_a_slot(void **state)
{
    uint64_t start;

    (void)state;
    sim.silent_opcode = NVME_ADMIN_IDENTIFY;
    for (unsigned i = 0; i < NVME_ADMIN_SIZE - 1; i++) {
        assert_int_equal(nvme_identify(controller, NVME_IDENTIFY_LIST, 0), kIOReturnTimeout);
    }
    start = sim_time;
    assert_int_equal(nvme_identify(controller, NVME_IDENTIFY_LIST, 0), kIOReturnNoResources);
    assert_int_equal(sim_time, start);
    sim.silent_opcode = 0x100;
    assert_int_equal(nvme_reset(disk), kIOReturnSuccess); /* all of them are free again */
    assert_int_equal(nvme_identify(controller, NVME_IDENTIFY_LIST, 0), kIOReturnSuccess);
    client_close();
}

/* Another thread resets the controller, which is lost by it, while this one waits for a flush. */
static void reset_meanwhile(void)
{
    sim_while_waiting = NULL;
    sim.never_off = true;
    assert_int_equal(nvme_reset(disk), kIOReturnNotResponding);
}

static void a_flush_of_a_lost_controller(void **state)
{
    (void)state;
    controller->has_flush = true;
    sim_while_waiting = reset_meanwhile;
    assert_int_equal(nvme_flush(disk), kIOReturnNotResponding);
    assert_null(sim_while_waiting);
    assert_int_equal(nvme_identify(controller, NVME_IDENTIFY_LIST, 0), kIOReturnNotResponding);
    assert_int_equal(nvme_shut_down(disk), kIOReturnNotResponding);
    client_abandon();
}

/* Unplugged: nothing answers, and registers are all ones. */
static void a_controller_that_is_unplugged(void **state)
{
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);

    (void)state;
    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    sim.gone = true;
    assert_int_equal(nvme_reset(disk), kIOReturnNotResponding);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnNotResponding);
    client_drop(command);
    client_abandon();
}

/* It comes back with fewer queues than it had: some have clients, so that it is lost. */
static void fewer_queues_after_a_reset(void **state)
{
    (void)state;
    sim.granted = 2;
    assert_int_equal(nvme_reset(disk), kIOReturnNotResponding);
    assert_true(controller->lost);
    assert_false(sim.bus.master_on);
    client_leave();
}

/* A controller that answers as fast as it is read has the lock for one turn of its queue. */
static unsigned extra;

static void answer_more(void)
{
    struct nvme_sim_queue *queue = &sim.cq[1];

    if (extra != 0 && queue->tail == controller->queues[0].head) {
        extra--;
        queue->head = queue->tail; /* as if all had been read */
        nvme_sim_post(&sim, 1, 0, 1 << 16, 0xff, 0);
    }
}

static void answers_without_end(void **state)
{
    struct nvme_counters counters;

    (void)state;
    sim.lenient = true;
    extra = 1000;
    sim_device_turn = answer_more;
    answer_more();
    bus_sim_interrupt(&sim.bus);
    sim_device_turn = NULL;
    nvme_get_counters(disk, 0, &counters);
    assert_int_equal(counters.strange, NVME_QUEUE_SIZE);
    client_leave();
}

/* A line that two share: the controller's own messages are served, whatever they are about. */
static void an_interrupt_about_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        client_create();
        sim.bus.vectors = 1;
        sim.bus.is_message = i == 1;
        assert_int_equal(client_open(), kIOReturnSuccess);
        while (bus_sim_interrupt(&sim.bus)) { /* of its start */
            continue;
        }
        assert_int_equal(sim.bus.handlers[0](sim.bus.contexts[0]),
                         i == 1 ? IRQ_SERVED : IRQ_NOTHING);
        client_close();
    }
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* The service is made at the first question, and when there is memory for it. */
static void an_engine_without_memory(void **state)
{
    struct inject_report report = {.failed = true};
    struct test_mapper *mapper = test_mapper_new(0x100);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    unsigned failures = 0;
    IOReturn status;

    (void)state;
    assert_true(IOMapper_start(&mapper->super, unit));
    client_create();
    sim.bus.mapper = &mapper->super;
    controller = nvme_open(bus_sim_function, &status);
    assert_non_null(controller);
    inject_begin(1);
    nvme_add_namespaces(controller);
    inject_end(&report);
    assert_true(report.failed);
    assert_int_equal(nvme_count(), 0);
    nvme_add_namespaces(controller);
    disk = nvme_get(0);
    for (uint64_t nth = 1; report.failed; nth++) {
        IOService *service;

        inject_begin(nth);
        service = nvme_get_service(disk);
        inject_end(&report);
        failures += service == NULL;
        assert_true(service != NULL || IOMemoryLastError() == kIOReturnNoMemory);
    }
    assert_true(failures >= 3);
    assert_ptr_equal(nvme_get_service(disk), controller->service);
    nvme_remove_namespaces(controller);
    assert_true(nvme_close(controller));
    OSObject_release(&mapper->super);
    OSObject_release(unit);
}

#define OPENED(test) cmocka_unit_test_setup(test, client_open_usual)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPENED(starts_of_somebody_elses),
        OPENED(a_command_is_started_once),
        OPENED(commands_that_are_refused),
        OPENED(calls_from_handlers_and_notifications),
        OPENED(shut_down_for_good),
        OPENED(the_rest_of_a_failed_one_does_not_go),
        OPENED(all_that_went_has_failed),
        OPENED(a_line_is_stopped),
        OPENED(the_rest_has_too_many_pieces),
        OPENED(pieces_that_no_list_of_pages_names),
        OPENED(a_late_flush_is_not_aborted),
        OPENED(admin_commands_without_a_slot),
        cmocka_unit_test(an_interrupt_about_nothing),
        cmocka_unit_test(an_engine_without_memory),
        OPENED(answers_without_end),
        /* Last: these leave behind what nobody may use again. */
        OPENED(fewer_queues_after_a_reset),
        OPENED(a_flush_of_a_lost_controller),
        OPENED(a_controller_that_is_unplugged),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
