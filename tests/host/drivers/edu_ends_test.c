/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How transfers of the edu device end: blocked, stopped, out of an interrupt that means nothing, or
 * without memory.
 */
#include "kernel/inject.h"
#include "tests/host/drivers/edu_fixture.h"

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
    const struct CMUnitTest tests[] = {
        EACH(a_blocked_transfer_is_an_error), EACH(stops),
        EACH(a_stop_waits_for_the_piece),     EACH(notifications_start_and_do_not_stop),
        EACH(interrupts_that_mean_nothing),   EACH(transfers_without_memory),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
