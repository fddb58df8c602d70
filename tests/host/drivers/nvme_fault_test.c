/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe controllers that answer late, twice, never or to nothing, and do not come back: each
 * call ends in its time with its code, and no identifier or memory is used again that the
 * controller may still use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/page.h"
#include "kernel/timer.h"
#include "tests/host/drivers/nvme_client.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/host/sim/sim_order.h"

#define SECOND      1000000000ull
#define MILLISECOND 1000000ull
#define MANY        8u

static struct nvme_transfer transfers[MANY];
static IODMACommand *commands[MANY];

static void start_all(unsigned channel, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        commands[i] = client_command(&transfers[i], NVME_PRP, whole, i * 4096, 4096);
        transfers[i].block = 8 * i;
        assert_int_equal(client_start(channel, commands[i], kIODirectionIn, 0, 0),
                         kIOReturnSuccess);
    }
}

static void drop_all(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        client_drop(commands[i]);
    }
}

/* --- Answers to nothing ----------------------------------------------------------------------- */

static void strange_answers_are_ignored(void **state)
{
    const uint32_t error = NVME_STATUS(2u, 0x81u);
    struct nvme_counters counters;
    uint16_t id;

    (void)state;
    start_all(0, 0, 4);
    nvme_sim_take(&sim);
    id = sim.taken[1].command.id;
    sim_console_forget();
    /* Each with an error, which nobody must hear of. */
    nvme_sim_post(&sim, 1, 0, 1 << 16, id ^ 0x100, error); /* an earlier life of the slot */
    nvme_sim_post(&sim, 1, 0, 1 << 16, id + 40, error);    /* nobody's slot */
    nvme_sim_post(&sim, 1, 0, 1 << 16, id | 0xff, error);  /* there is no such slot */
    nvme_sim_post(&sim, 1, 0, 2 << 16, id, error);         /* another queue's */
    nvme_sim_post(&sim, 1, 0, 1 << 16 | 128, id, error);   /* a head beyond the queue */
    nvme_sim_answer(&sim, 1, 0);
    nvme_sim_post(&sim, 1, 0, 1 << 16, id, 0); /* it is done */
    nvme_sim_post(&sim, 1, 0, 1 << 16, id, NVME_STATUS(2u, 0x81u));
    client_deliver();
    assert_true(sim_console_said("an answer to nothing that was asked"));
    assert_int_equal(client_end_count, 1);
    assert_ptr_equal(client_ends[0].command, commands[1]);
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    nvme_get_counters(disk, 0, &counters);
    assert_int_equal(counters.strange, 7);
    assert_int_equal(counters.in_flight, 3);
    client_run();
    assert_int_equal(client_end_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnSuccess);
    }
    drop_all(4);
    client_close();
}

/* The slot has a new owner: the second answer to the old one is not its. */
static void an_answer_that_comes_twice(void **state)
{
    struct nvme_counters counters;

    (void)state;
    start_all(0, 0, 1);
    nvme_sim_take(&sim);
    nvme_sim_answer(&sim, 0, 0);
    client_deliver();
    start_all(0, 1, 1);
    nvme_sim_post(&sim, 1, 0, 1 << 16, sim.taken[0].command.id, 0);
    client_deliver();
    assert_int_equal(client_end_count, 1);
    nvme_get_counters(disk, 0, &counters);
    assert_int_equal(counters.strange, 1);
    client_run();
    assert_int_equal(client_end_count, 2);
    drop_all(2);
    client_close();
}

/*
 * The controller writes its answer between any two of the driver's looks: all of it at once, so
 * that a driver that had read another word before the last one would have an old one.
 */
static unsigned turns;

static void answer_in_between(void)
{
    if (turns != 0 && --turns == 0) {
        nvme_sim_answer(&sim, 0, NVME_STATUS(2u, 0x80u));
    }
}

static void an_answer_between_two_looks(void **state)
{
    (void)state;
    for (unsigned turn = 1; turn <= 4; turn++) {
        client_end_count = 0;
        start_all(0, 0, 2);
        sim.taken_count = 0;
        nvme_sim_take(&sim);
        nvme_sim_answer(&sim, 1, 0);
        turns = turn;
        sim_device_turn = answer_in_between;
        client_deliver();
        sim_device_turn = NULL;
        client_deliver();
        assert_int_equal(turns, 0);
        assert_int_equal(client_end_count, 2);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(client_ends[i].status, client_ends[i].command == commands[0]
                                                        ? kIOReturnIOError
                                                        : kIOReturnSuccess);
        }
        drop_all(2);
    }
    client_close();
}

/* Old answers in the memory of a queue that is made anew, wrapped at any place. */
static void a_thousand_lives_of_a_queue(void **state)
{
    (void)state;
    for (unsigned life = 0; life < 1000; life++) {
        struct nvme_queue *queue = &controller->queues[life % 4];

        client_end_count = 0;
        start_all(life % 4, 0, 3);
        client_run();
        assert_int_equal(client_end_count, 3);
        drop_all(3);
        memset((void *)queue->answers, 0xff, (life % 128) * sizeof(struct nvme_answer));
        assert_int_equal(nvme_renew_queue(queue), kIOReturnSuccess);
        if (life % 7 == 0) {
            /* Some answers more than a queue has, so that the phase has turned. */
            for (unsigned i = 0; i < 43; i++) {
                client_end_count = 0;
                start_all(life % 4, 0, 3);
                client_run();
                drop_all(3);
            }
        }
    }
    assert_int_equal(sim.deleted_sq, 1000);
    client_close();
}

/* --- Stopping --------------------------------------------------------------------------------- */

static void interrupt(void *context)
{
    (void)context;
    bus_sim_interrupt(&sim.bus);
}

/* The controller lets go of each: all end aborted, in time. */
static void commands_are_aborted(void **state)
{
    struct timer timer = {.callback = interrupt};
    struct nvme_counters counters;

    (void)state;
    start_all(0, 0, 4);
    nvme_sim_take(&sim);
    nvme_sim_answer(&sim, 2, 0); /* done, but nobody has heard of it */
    timer_start(&timer, 5 * MILLISECOND);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, 10 * MILLISECOND),
                     kIOReturnSuccess);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnAborted);
        assert_int_equal(client_ends[i].bytes, client_ends[i].command == commands[2] ? 4096 : 0);
    }
    nvme_get_counters(disk, 0, &counters);
    assert_int_equal(counters.aborts_refused, 1); /* the one that was done */
    drop_all(4);
    client_close();
}

static void start_the_fourth(void)
{
    assert_int_equal(
        IODMAEventSource_startDMACommand(client_sources[0], commands[3], kIODirectionIn, 0, 0),
        kIOReturnSuccess);
}

/* What was held back is told first, since nothing else takes it out of the queue. */
static void held_commands_are_aborted(void **state)
{
    struct timer timer = {.callback = interrupt};

    (void)state;
    nvme_hold_doorbell(disk, 0, true);
    start_all(0, 0, 2);
    assert_int_equal(nvme_sim_take(&sim), 0);
    sim.refuses_abort = true;
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, 10 * MILLISECOND),
                     kIOReturnTimeout);
    assert_int_equal(nvme_sim_take(&sim), 2);
    nvme_hold_doorbell(disk, 0, false);
    timer_start(&timer, MILLISECOND);
    client_run();
    assert_int_equal(client_end_count, 2);
    timer_cancel(&timer);
    drop_all(2);
    client_close();
}

/* Who hears of an end starts another, which waits for the queue that is made anew. */
static void a_start_while_a_queue_is_renewed(void **state)
{
    (void)state;
    start_all(0, 0, 3);
    commands[3] = client_command(&transfers[3], NVME_PRP, whole, 0, 4096);
    assert_int_equal(nvme_sim_take(&sim), 3);
    IOWorkLoop_closeGate(client_loop);
    client_at_notification = start_the_fourth;
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    IOWorkLoop_openGate(client_loop);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 3);
    client_run();
    assert_int_equal(client_end_count, 4);
    assert_int_equal(client_ends[3].status, kIOReturnSuccess);
    drop_all(4);
    client_close();
}

/* It goes on with all of them, under their identifiers; others work; and then it answers. */
static void commands_that_go_on(void **state)
{
    struct nvme_counters counters;

    (void)state;
    for (unsigned silent = 0; silent < 2; silent++) {
        const uint64_t start = sim_time, asked = controller->admin.counters.commands;

        client_end_count = 0;
        sim.taken_count = 0;
        sim.refuses_abort = true;
        sim.silent_opcode = silent != 0 ? NVME_ADMIN_ABORT : 0x100;
        start_all(0, 0, 4);
        assert_int_equal(nvme_sim_take(&sim), 4);
        assert_int_equal(
            IODMAEventSource_stopDMACommand(client_sources[0], false, 10 * MILLISECOND),
            kIOReturnTimeout);
        assert_true(sim_time - start >= 10 * MILLISECOND && sim_time - start < 20 * MILLISECOND);
        /* When the time is up nobody is asked any more. */
        assert_int_equal(controller->admin.counters.commands - asked, silent != 0 ? 1 : 4);
        IOWorkLoop_runEventSources(client_loop);
        assert_int_equal(client_end_count, 0);
        nvme_get_counters(disk, 0, &counters);
        assert_int_equal(counters.aborts, 4); /* of the first turn: later ones have no answer */
        assert_int_equal(counters.aborts_refused, 4);
#ifdef DEBUG
        assert_int_equal(IODMACommand_complete(commands[0], true, true), kIOReturnBusy);
#endif
        /* New ones have other identifiers, which the fake insists on. */
        start_all(0, 4, 4);
        assert_int_equal(nvme_sim_take(&sim), 4);
        for (unsigned i = 4; i < 8; i++) {
            nvme_sim_answer(&sim, i, 0);
        }
        client_deliver();
        assert_int_equal(client_end_count, 4);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(client_ends[i].status, kIOReturnSuccess);
        }
        client_run(); /* the late ones */
        assert_int_equal(client_end_count, 8);
        for (unsigned i = 4; i < 8; i++) {
            assert_int_equal(client_ends[i].status, kIOReturnSuccess);
        }
        drop_all(8);
    }
    client_close();
}

/* Without a limit the queue goes, and with it what it had; another one does not notice. */
static void stopped_for_good(void **state)
{
    (void)state;
    start_all(0, 0, 4);
    start_all(1, 4, 2);
    nvme_sim_take(&sim);
    nvme_sim_answer(&sim, 1, 0);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnAborted);
    }
    assert_int_equal(sim.deleted_sq, 1);
    client_run();
    assert_int_equal(client_end_count, 6);
    assert_int_equal(client_ends[4].status, kIOReturnSuccess);
    /* And it works. */
    assert_int_equal(client_start(0, commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
    client_run();
    assert_int_equal(client_ends[6].status, kIOReturnSuccess);
    drop_all(6);
    client_close();
}

/* The queue cannot be deleted: the controller is reset, and every command ends once. */
static void a_queue_that_does_not_go(void **state)
{
    (void)state;
    sim.silent_opcode = NVME_ADMIN_DELETE_SQ;
    start_all(0, 0, 2);
    start_all(1, 2, 2);
    nvme_sim_take(&sim);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    sim.silent_opcode = 0x100;
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnAborted);
    }
    assert_int_equal(client_start(1, commands[2], kIODirectionIn, 0, 0), kIOReturnSuccess);
    client_run();
    assert_int_equal(client_ends[4].status, kIOReturnSuccess);
    drop_all(4);
    client_close();
}

static void start_on_another(void)
{
    assert_int_equal(client_start(1, commands[4], kIODirectionIn, 0, 0), kIOReturnSuccess);
}

/* Nor does one that starts meanwhile ring at a controller that is off, on whatever queue. */
static void a_start_while_all_is_reset(void **state)
{
    (void)state;
    sim.silent_opcode = NVME_ADMIN_DELETE_SQ;
    start_all(0, 0, 2);
    start_all(1, 2, 2);
    commands[4] = client_command(&transfers[4], NVME_PRP, whole, 0, 4096);
    nvme_sim_take(&sim);
    sim.when_off = start_on_another;
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    assert_null(sim.when_off);
    sim.silent_opcode = 0x100;
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnAborted);
    }
    drop_all(5);
    client_close();
}

/* What a notification starts while the controller is reset waits, and then goes. */
static void a_reset_ends_everything(void **state)
{
    struct nvme_counters counters;

    (void)state;
    start_all(0, 0, 3);
    commands[3] = client_command(&transfers[3], NVME_PRP, whole, 0, 4096);
    nvme_sim_take(&sim);
    client_at_notification = start_the_fourth;
    IOWorkLoop_closeGate(client_loop);
    assert_int_equal(nvme_reset(disk), kIOReturnSuccess);
    IOWorkLoop_openGate(client_loop);
    assert_int_equal(notified, 3);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 3);
    client_run();
    assert_int_equal(client_end_count, 4);
    assert_int_equal(client_ends[3].status, kIOReturnSuccess);
    assert_int_equal(nvme_reset(disk), kIOReturnSuccess);
    for (unsigned channel = 0; channel < controller->queue_count; channel++) {
        nvme_get_counters(disk, channel, &counters);
        assert_int_equal(counters.in_flight, 0);
    }
    drop_all(4);
    client_close();
}

/* What was answered and has not been heard of is stopped like the others. */
static void a_reset_behind_an_answer(void **state)
{
    (void)state;
    start_all(0, 0, 3);
    nvme_sim_take(&sim);
    nvme_sim_answer(&sim, 1, 0);
    assert_int_equal(nvme_reset(disk), kIOReturnSuccess);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnAborted);
    }
    drop_all(3);
    client_close();
}

/* Nothing that it sends goes out any more when they are told. */
static void expect_off_the_bus(void)
{
    assert_false(sim.bus.master_on);
}

/* It does not come back: all end, nothing more is taken, and its memory stays its own. */
static void a_controller_that_is_lost(void **state)
{
    (void)state;
    start_all(0, 0, 3);
    nvme_sim_take(&sim);
    sim.never_off = true;
    client_at_notification = expect_off_the_bus;
    assert_int_equal(nvme_reset(disk), kIOReturnNotResponding);
    assert_null(client_at_notification);
    assert_false(sim.bus.master_on);
    assert_int_equal(sim.cc & NVME_CC_EN, 0); /* nor is it turned on again */
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnNotResponding);
    }
    assert_int_equal(client_start(0, commands[0], kIODirectionIn, 0, 0), kIOReturnNotResponding);
    assert_int_equal(nvme_flush(disk), kIOReturnNotResponding);
    assert_int_equal(nvme_reset(disk), kIOReturnNotResponding);
    drop_all(3);
    client_abandon();
}

/* --- Flush, and the end ----------------------------------------------------------------------- */

static void answer_flush(void *context)
{
    (void)context;
    nvme_sim_take(&sim);
    nvme_sim_answer(&sim, sim.taken_count - 1, 0);
}

static void a_flush_sleeps(void **state)
{
    struct timer timer = {.callback = answer_flush};
    uint64_t start;

    (void)state;
    assert_int_equal(nvme_flush(disk), kIOReturnSuccess); /* nothing to be flushed */
    assert_int_equal(nvme_sim_take(&sim), 0);
    controller->has_flush = true;
    timer_start(&timer, SECOND);
    assert_int_equal(nvme_flush(disk), kIOReturnSuccess);
    assert_int_equal(sim.taken[0].command.opcode, NVME_IO_FLUSH);
    /* In the slot of a transfer that is long over. */
    start_all(0, 0, 1);
    client_run();
    assert_int_equal(client_end_count, 1);
    timer_start(&timer, SECOND);
    assert_int_equal(nvme_flush(disk), kIOReturnSuccess);
    assert_int_equal(client_end_count, 1);
    drop_all(1);
    start = sim_time;
    assert_int_equal(nvme_flush(disk), kIOReturnTimeout);
    assert_int_equal(sim_time - start, NVME_PATIENCE);
    client_close();
}

/* With commands on the way: queues deleted, commands first, and told to shut down. */
static void the_order_of_a_shutdown(void **state)
{
    (void)state;
    start_all(0, 0, 3);
    nvme_sim_take(&sim);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    IOWorkLoop_runEventSources(client_loop);
    drop_all(3);
    sim.deleted_sq = sim.deleted_cq = 0;
    client_close();
    assert_int_equal(sim.deleted_sq, 4);
    assert_int_equal(sim.deleted_cq, 4);
    assert_int_equal(sim.shutdowns, 1);
    assert_int_equal(sim.cc & NVME_CC_EN, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(strange_answers_are_ignored, client_open_usual),
        cmocka_unit_test_setup(an_answer_that_comes_twice, client_open_usual),
        cmocka_unit_test_setup(an_answer_between_two_looks, client_open_usual),
        cmocka_unit_test_setup(a_thousand_lives_of_a_queue, client_open_usual),
        cmocka_unit_test_setup(commands_are_aborted, client_open_usual),
        cmocka_unit_test_setup(held_commands_are_aborted, client_open_usual),
        cmocka_unit_test_setup(a_start_while_a_queue_is_renewed, client_open_usual),
        cmocka_unit_test_setup(commands_that_go_on, client_open_usual),
        cmocka_unit_test_setup(stopped_for_good, client_open_usual),
        cmocka_unit_test_setup(a_queue_that_does_not_go, client_open_usual),
        cmocka_unit_test_setup(a_start_while_all_is_reset, client_open_usual),
        cmocka_unit_test_setup(a_reset_ends_everything, client_open_usual),
        cmocka_unit_test_setup(a_reset_behind_an_answer, client_open_usual),
        cmocka_unit_test_setup(a_controller_that_is_lost, client_open_usual),
        cmocka_unit_test_setup(a_flush_sleeps, client_open_usual),
        cmocka_unit_test_setup(the_order_of_a_shutdown, client_open_usual),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
