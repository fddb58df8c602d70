/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe controllers that do not come up, do not go down, answer late, twice, never or to
 * nothing: each call ends in its time with its code, and no identifier or memory is used
 * again that the controller may still use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/inject.h"
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

/* --- Coming up -------------------------------------------------------------------------------- */

/* It is opened, fails so, and within these nanoseconds; nothing is left but what may be written. */
static void fails_to_open(IOReturn status, uint64_t least, uint64_t most, bool keeps_memory)
{
    const struct holdings held = holdings_now();
    const uint64_t start = sim_time;

    assert_int_equal(client_open(), status);
    assert_true(sim_time - start >= least && sim_time - start <= most);
    assert_false(sim.master_on || sim.claimed);
    for (unsigned i = 0; i < NVME_SIM_VECTORS; i++) {
        assert_null(sim.handlers[i]);
    }
    assert_true(sim_holds(&held) != keeps_memory);
}

static void a_controller_that_is_never_ready(void **state)
{
    static const struct {
        unsigned stated; /* in units of 500 ms */
        uint64_t bound;
    } rows[] = {{0, SECOND}, {1, SECOND}, {4, 2 * SECOND}, {0xff, 255 * SECOND / 2}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_create();
        sim.cap = (sim.cap & ~(0xffull << 24)) | (uint64_t)rows[i].stated << 24;
        sim.never_ready = true;
        /* On the way out it may not be turned off before it is on, or is given up. */
        fails_to_open(kIOReturnNotResponding, 2 * rows[i].bound, 3 * rows[i].bound, false);
    }
}

static void a_controller_that_fails_on_the_way(void **state)
{
    (void)state;
    client_create();
    sim.fails_on_the_way = true;
    fails_to_open(kIOReturnDeviceError, 0, SECOND, false);
}

/* Firmware has left it on, and it does not go off: it may write whenever it likes. */
static void a_controller_that_is_never_off(void **state)
{
    (void)state;
    client_create();
    sim.never_off = true;
    sim.cc = NVME_CC_EN;
    sim.csts = NVME_CSTS_RDY;
    fails_to_open(kIOReturnNotResponding, SECOND, 4 * SECOND, true);
}

static void a_controller_that_is_on_already(void **state)
{
    (void)state;
    client_create();
    sim.cc = NVME_CC_EN;
    sim.csts = NVME_CSTS_RDY;
    assert_int_equal(client_open(), kIOReturnSuccess);
    client_close();
}

static void a_controller_that_is_not_there(void **state)
{
    (void)state;
    client_create();
    sim.gone = true;
    fails_to_open(kIOReturnNotResponding, 0, MILLISECOND, false);
}

static void admin_commands_without_an_answer(void **state)
{
    (void)state;
    client_create();
    sim.admin_is_silent = true;
    fails_to_open(kIOReturnTimeout, 10 * SECOND, 11 * SECOND, false);
    for (unsigned opcode = 1; opcode < 0xa; opcode++) {
        if (opcode == NVME_ADMIN_DELETE_CQ || opcode == NVME_ADMIN_ABORT || opcode == 2 ||
            opcode == 3 || opcode == 7) {
            continue;
        }
        client_create();
        sim.silent_opcode = opcode;
        fails_to_open(kIOReturnTimeout, 10 * SECOND, 50 * SECOND, false);
    }
}

static void queues_that_are_refused(void **state)
{
    (void)state;
    client_create();
    sim.refuses_queues = true;
    fails_to_open(kIOReturnDeviceError, 0, SECOND, false);
}

static void controllers_that_nobody_can_use(void **state)
{
    (void)state;
    client_create();
    sim.cap &= ~(1ull << 37); /* without the NVM command set */
    fails_to_open(kIOReturnUnsupported, 0, MILLISECOND, false);
    client_create();
    sim.cap |= 11ull << 48; /* pages of 8 MiB */
    fails_to_open(kIOReturnUnsupported, 0, MILLISECOND, false);
    client_create();
    sim.cap &= ~0xffffull; /* queues of one entry */
    fails_to_open(kIOReturnUnsupported, 0, MILLISECOND, false);
    client_create();
    sim.cap |= 10ull << 32; /* doorbells beyond its registers */
    fails_to_open(kIOReturnUnsupported, 0, SECOND, false);
}

/* Opening and its engine without the n-th piece of memory: a code, and nothing is left. */
static void without_one_piece_of_memory(void **state)
{
    unsigned failed = 0;
    bool injected = true;

    (void)state;
    for (uint64_t nth = 1; injected; nth++) {
        const struct holdings held = holdings_now();
        struct nvme_controller *opened;
        struct inject_report report;
        IOService *service = NULL;
        IODMAController *engine = NULL;
        IOReturn status;

        client_create();
        inject_begin(nth);
        opened = nvme_open(nvme_sim_function, &status);
        if (opened != NULL) {
            engine = nvme_create_engine(opened, &service);
        }
        inject_end(&report);
        injected = report.failed;
        if (opened == NULL) {
            assert_true(status == kIOReturnNoMemory || status == kIOReturnNoResources);
        } else if (engine == NULL) {
            assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
        } else {
            OSObject_release(engine);
            OSObject_release(service);
        }
        failed += engine == NULL;
        if (opened != NULL) {
            assert_true(nvme_close(opened));
        }
        assert_true(sim_holds(&held));
    }
    assert_true(failed > 20);
}

/* The controller works, the namespace is left out, with a line. */
static void namespaces_that_nobody_can_use(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        client_create();
        sim.metadata = i == 0 ? 8 : 0;
        sim.block_shift = i == 1 ? 8 : i == 2 ? 17 : i == 3 ? 0xff : 9;
        sim.blocks = i == 4 ? 1ull << 54 : 100;
        sim_console_forget();
        assert_int_equal(client_open(), kIOReturnNoDevice);
        assert_true(sim_console_said("namespace 1 cannot be used"));
        assert_true(nvme_close(controller));
    }
}

static void a_namespace_that_is_write_protected(void **state)
{
    struct nvme_info info;

    (void)state;
    client_create();
    sim.attributes = 1;
    assert_int_equal(client_open(), kIOReturnSuccess);
    nvme_get_info(disk, &info);
    assert_true(info.read_only);
    client_close();
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
    nvme_sim_interrupt(&sim);
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

/* It goes on with all of them, under their identifiers; others work; and then it answers. */
static void commands_that_go_on(void **state)
{
    struct nvme_counters counters;

    (void)state;
    for (unsigned silent = 0; silent < 2; silent++) {
        const uint64_t start = sim_time;

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

/* What a notification starts while the controller is reset waits, and then goes. */
static void start_another(void)
{
    assert_int_equal(
        IODMAEventSource_startDMACommand(client_sources[0], commands[3], kIODirectionIn, 0, 0),
        kIOReturnSuccess);
}

static void a_reset_ends_everything(void **state)
{
    (void)state;
    start_all(0, 0, 3);
    commands[3] = client_command(&transfers[3], NVME_PRP, whole, 0, 4096);
    nvme_sim_take(&sim);
    client_at_notification = start_another;
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
    drop_all(4);
    client_close();
}

/* It does not come back: all end, nothing more is taken, and its memory stays its own. */
static void a_controller_that_is_lost(void **state)
{
    (void)state;
    start_all(0, 0, 3);
    nvme_sim_take(&sim);
    sim.never_off = true;
    assert_int_equal(nvme_reset(disk), kIOReturnNotResponding);
    assert_false(sim.master_on);
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

    (void)state;
    assert_int_equal(nvme_flush(disk), kIOReturnSuccess); /* nothing to be flushed */
    assert_int_equal(nvme_sim_take(&sim), 0);
    controller->has_flush = true;
    timer_start(&timer, SECOND);
    assert_int_equal(nvme_flush(disk), kIOReturnSuccess);
    assert_int_equal(sim.taken[0].command.opcode, NVME_IO_FLUSH);
    assert_int_equal(nvme_flush(disk), kIOReturnTimeout);
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
        cmocka_unit_test(a_controller_that_is_never_ready),
        cmocka_unit_test(a_controller_that_fails_on_the_way),
        cmocka_unit_test(a_controller_that_is_never_off),
        cmocka_unit_test(a_controller_that_is_on_already),
        cmocka_unit_test(a_controller_that_is_not_there),
        cmocka_unit_test(admin_commands_without_an_answer),
        cmocka_unit_test(queues_that_are_refused),
        cmocka_unit_test(controllers_that_nobody_can_use),
        cmocka_unit_test(without_one_piece_of_memory),
        cmocka_unit_test(namespaces_that_nobody_can_use),
        cmocka_unit_test(a_namespace_that_is_write_protected),
        cmocka_unit_test_setup(strange_answers_are_ignored, client_open_usual),
        cmocka_unit_test_setup(an_answer_that_comes_twice, client_open_usual),
        cmocka_unit_test_setup(an_answer_between_two_looks, client_open_usual),
        cmocka_unit_test_setup(a_thousand_lives_of_a_queue, client_open_usual),
        cmocka_unit_test_setup(commands_are_aborted, client_open_usual),
        cmocka_unit_test_setup(commands_that_go_on, client_open_usual),
        cmocka_unit_test_setup(stopped_for_good, client_open_usual),
        cmocka_unit_test_setup(a_queue_that_does_not_go, client_open_usual),
        cmocka_unit_test_setup(a_reset_ends_everything, client_open_usual),
        cmocka_unit_test_setup(a_controller_that_is_lost, client_open_usual),
        cmocka_unit_test_setup(a_flush_sleeps, client_open_usual),
        cmocka_unit_test_setup(the_order_of_a_shutdown, client_open_usual),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
