/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of an NVMe disk one by one: starts and commands that are none of its, calls in handlers
 * and out of notifications, shut down, answers without end, and want of memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/IODMAController_class.h"
#include "kernel/inject.h"
#include "kernel/timer.h"
#include "tests/host/drivers/nvme_client.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/lib/portable/test_mapper.h"

#define MILLISECOND 1000000ull

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
    IOMemory_fail(kIOReturnBusy);
    assert_null(nvme_create_command(NULL, NVME_PRP, NULL, kMapped, &transfer));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    IOMemory_fail(kIOReturnBusy);
    assert_null(nvme_create_command(disk, NVME_PRP, NULL, kMapped, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    IOMemory_fail(kIOReturnBusy);
    assert_null(nvme_create_command(disk, (enum nvme_format)7, NULL, kMapped, &transfer));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    command = nvme_create_command(disk, NVME_PRP, NULL, kUnmapped, &transfer);
    assert_non_null(command);
    OSObject_release(command);
    /* A channel that there is not has counted nothing, and holds nothing back. */
    assert_int_equal(controller->queue_count, NVME_QUEUES_MAX);
    for (unsigned channel = NVME_QUEUES_MAX; channel < 100; channel += 95) {
        nvme_hold_doorbell(disk, channel, true);
        nvme_get_counters(disk, channel, &counters);
        assert_int_equal(counters.commands, 0);
    }
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
    assert_false(sim.bus.master_on);
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

static void interrupt(void *context)
{
    (void)context;
    bus_sim_interrupt(&sim.bus);
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
    for (unsigned i = 0; i < NVME_ADMIN_SIZE - 1; i++) {
        assert_null(controller->admin.slots[i].waiter); /* who waited is gone */
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

/* Another one resets it, which works, while this one waits for an answer that it does not give. */
static void reset_well_meanwhile(void)
{
    sim_while_waiting = NULL;
    sim.silent_opcode = 0x100;
    assert_int_equal(nvme_reset(disk), kIOReturnSuccess);
}

static void a_question_that_a_reset_ends(void **state)
{
    const uint64_t began = sim_time;

    (void)state;
    sim.silent_opcode = NVME_ADMIN_IDENTIFY;
    sim_while_waiting = reset_well_meanwhile;
    assert_int_equal(nvme_identify(controller, NVME_IDENTIFY_LIST, 0), kIOReturnAborted);
    assert_null(sim_while_waiting);
    assert_true(sim_time - began < NVME_PATIENCE);
    client_close();
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
    sim.never_off = false; /* too late */
    assert_int_equal(nvme_shut_down(disk), kIOReturnNotResponding);
    sim.never_off = true;
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

static IODMACommand *next_command;

static void start_the_next(void)
{
    assert_int_equal(
        IODMAEventSource_startDMACommand(client_sources[0], next_command, kIODirectionIn, 0, 0),
        kIOReturnSuccess);
}

/*
 * It comes back with fewer queues than it had: some have clients, so that it is lost, also for who
 * has started something meanwhile.
 */
static void fewer_queues_after_a_reset(void **state)
{
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);

    (void)state;
    next_command = client_command(&second, NVME_PRP, whole, 0, 4096);
    transfer.block = second.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 1);
    sim.granted = 2;
    client_at_notification = start_the_next;
    IOWorkLoop_closeGate(client_loop);
    assert_int_equal(nvme_reset(disk), kIOReturnNotResponding);
    IOWorkLoop_openGate(client_loop);
    IOWorkLoop_runEventSources(client_loop);
    assert_true(controller->lost);
    assert_false(sim.bus.master_on);
    assert_int_equal(client_end_count, 2);
    assert_int_equal(client_ends[0].status, kIOReturnAborted);
    assert_int_equal(client_ends[1].status, kIOReturnNotResponding);
    assert_int_equal(nvme_identify(controller, NVME_IDENTIFY_LIST, 0), kIOReturnNotResponding);
    client_drop(command);
    client_drop(next_command);
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
        /* About the queue of commands to the controller itself. */
        sim_console_forget();
        nvme_sim_post(&sim, 0, 0, 0, 0, 0);
        assert_int_equal(sim.bus.handlers[0](sim.bus.contexts[0]), IRQ_SERVED);
        assert_true(sim_console_said("queue 0: an answer to nothing that was asked"));
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

        IOMemory_fail(kIOReturnSuccess);
        inject_begin(nth);
        service = nvme_get_service(disk);
        inject_end(&report);
        failures += service == NULL;
        assert_true(service != NULL || IOMemoryLastError() == kIOReturnNoMemory);
    }
    assert_true(failures >= 3);
    assert_ptr_equal(nvme_get_service(disk), controller->service);
    assert_true(nvme_close(controller));
    client_drop_mapper(&mapper->super);
    OSObject_release(unit);
}

#define OPENED(test) cmocka_unit_test_setup(test, client_open_usual)

/* By the search, which is made once: the first question of any. */
static void found_on_the_bus(void **state)
{
    (void)state;
    client_create();
    sim.bus.is_found = true;
    assert_int_equal(nvme_count(), 1);
    disk = nvme_find("simulated");
    assert_ptr_equal(disk, nvme_get(0));
    assert_true(nvme_close(disk->controller));
    assert_int_equal(nvme_count(), 0);
    assert_true(client_left_nothing());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_on_the_bus), /* before the others */
        OPENED(starts_of_somebody_elses),
        OPENED(a_command_is_started_once),
        OPENED(commands_that_are_refused),
        OPENED(calls_from_handlers_and_notifications),
        OPENED(shut_down_for_good),
        OPENED(a_late_flush_is_not_aborted),
        OPENED(admin_commands_without_a_slot),
        cmocka_unit_test(an_interrupt_about_nothing),
        cmocka_unit_test(an_engine_without_memory),
        OPENED(answers_without_end),
        /* Last: these leave behind what nobody may use again. */
        OPENED(fewer_queues_after_a_reset),
        OPENED(a_question_that_a_reset_ends),
        OPENED(a_flush_of_a_lost_controller),
        OPENED(a_controller_that_is_unplugged),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
