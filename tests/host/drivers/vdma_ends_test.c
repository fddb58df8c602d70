/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How vdma's requests end, over its core: ends that call back, the line behind what is alone,
 * resets, a table that is not taken again, and a device that is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/drivers/vdma_spoiled.h"
#include "tests/host/sim/sim_console.h"

/* With a table, of which the device is to be told again behind each reset. */
static int start(void **state)
{
    const struct vdma_limits limits = {.table_entries = 64};

    return spoiled_start_present(state) == 0 && spoiled_set_limits(&limits) == kIOReturnSuccess &&
                   vdma_use_table(true) == kIOReturnSuccess
               ? 0
               : -1;
}

/* --- Ends ------------------------------------------------------------------------------------- */

static unsigned ends;
static struct vdma_transfer first, next;

static void note_end(struct vdma_transfer *transfer)
{
    (void)transfer;
    ends++;
}

static void note_next(struct vdma_transfer *transfer)
{
    assert_ptr_equal(transfer, &next);
    ends++;
}

/* What may be done out of an end: another start, and nothing that resets or sleeps. */
static void call_out_of_an_end(struct vdma_transfer *transfer)
{
    struct vdma_job job = {.type = VDMA_NOP};
    bool unpublished;

    assert_ptr_equal(transfer, &first);
    assert_int_equal(vdma_reset(), kIOReturnNotPermitted);
    assert_int_equal(vdma_poll(), 0);
    vdma_hold_doorbell(false);
    assert_int_equal(vdma_perform(&job), kIOReturnNotPermitted);
    next = (struct vdma_transfer){.type = VDMA_NOP, .ended = note_next};
    assert_int_equal(vdma_submit(&next), kIOReturnSuccess);
    unpublished = virtq_has_unpublished(vdma_state.queue);
    vdma_hold_doorbell(false); /* not before all ends are told */
    assert_int_equal(virtq_has_unpublished(vdma_state.queue), unpublished);
    ends++;
}

static void calls_out_of_an_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        lock_state_t held = lock_take(&vdma_state.lock);

        ends = 0;
        spoiled->waits = i == 1;
        first = (struct vdma_transfer){.type = VDMA_NOP, .ended = call_out_of_an_end};
        assert_int_equal(vdma_submit(&first), kIOReturnSuccess);
        lock_release(&vdma_state.lock, held);
        if (i == 0) {
            assert_int_equal(vdma_poll(), 1);
        } else {
            assert_int_equal(vdma_reset(), kIOReturnSuccess);
            assert_int_equal(first.result, kIOReturnAborted);
            spoiled->waits = false;
        }
        assert_int_equal(ends, 1);
        while (ends == 1) {
            spoiled_turn();
        }
        assert_int_equal(next.result, kIOReturnSuccess);
    }
}

/* --- The line --------------------------------------------------------------------------------- */

static void submit(struct vdma_transfer *transfer)
{
    const lock_state_t held = lock_take(&vdma_state.lock);

    transfer->ended = note_end;
    assert_int_equal(vdma_submit(transfer), kIOReturnSuccess);
    lock_release(&vdma_state.lock, held);
}

/* What tells the device of a table is alone there: it waits, and others wait for it (rule R58). */
static void requests_that_are_alone(void **state)
{
    struct vdma_transfer one = {.type = VDMA_NOP}, other = {.type = VDMA_NOP}, alone;

    (void)state;
    vdma_table_request(vdma_state.table, &alone);
    ends = 0;
    spoiled->waits = true;
    submit(&one);
    submit(&alone);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 1);
    assert_ptr_equal(vdma_state.first, &alone);
    vdma_sim_work(spoiled);
    assert_int_equal(vdma_poll(), 1); /* and it goes */
    assert_int_equal(virtq_in_flight(vdma_state.queue), 1);
    assert_null(vdma_state.first);
    submit(&other);
    assert_ptr_equal(vdma_state.first, &other);
    vdma_sim_work(spoiled);
    assert_int_equal(vdma_poll(), 1);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 1);
    vdma_sim_work(spoiled);
    assert_int_equal(vdma_poll(), 1);
    assert_int_equal(ends, 3);
    /* Two in line; then the first of them alone: who stood behind it is not asked again. */
    for (unsigned i = 0; i < 2; i++) {
        vdma_table_request(vdma_state.table, &alone);
        submit(&alone);
        submit(&one);
        if (i == 0) {
            submit(&other);
        }
        for (unsigned k = 0; k < 3; k++) {
            vdma_sim_work(spoiled);
            vdma_poll();
        }
    }
    spoiled->waits = false;
    assert_int_equal(ends, 3 + 3 + 2);
    assert_true(one.result == kIOReturnSuccess && alone.result == kIOReturnSuccess &&
                other.result == kIOReturnSuccess);
}

static void fail_to_end(struct vdma_transfer *transfer)
{
    (void)transfer;
    fail_msg("what was not there has ended");
}

/* A reset that is asked for ends those in line as well as those at the device; and then all go. */
static void a_reset_ends_the_line(void **state)
{
    static struct vdma_transfer gone = {.ended = fail_to_end};
    struct vdma_transfer one = {.type = VDMA_NOP}, other = {.type = VDMA_NOP}, alone;
    struct vdma_job job = {.type = VDMA_NOP};

    (void)state;
    vdma_table_request(vdma_state.table, &alone);
    ends = 0;
    spoiled->waits = true;
    one.status.code = one.status.rule = 99; /* of a life before */
    submit(&one);
    one.next = &gone; /* behind which it once stood in line */
    submit(&alone);
    submit(&other);
    assert_int_equal(vdma_reset(), kIOReturnSuccess);
    spoiled->waits = false;
    assert_int_equal(ends, 3);
    assert_true(one.result == kIOReturnAborted && alone.result == kIOReturnAborted &&
                other.result == kIOReturnAborted);
    assert_int_equal(one.status.code | one.status.rule, 0);
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
    assert_int_equal(vdma_reset(), kIOReturnSuccess);
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
    assert_int_equal(ends, 3);
}

/* Who looks lets the device see what is held back, since it would look for ever. */
static void a_look_publishes(void **state)
{
    struct vdma_transfer transfer = {.type = VDMA_NOP};
    struct vdma_job job = {.type = VDMA_NOP};

    (void)state;
    ends = 0;
    vdma_hold_doorbell(true);
    submit(&transfer);
    assert_true(virtq_has_unpublished(vdma_state.queue));
    vdma_poll();
    assert_false(virtq_has_unpublished(vdma_state.queue));
    vdma_poll();
    assert_int_equal(ends, 1);
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess); /* who sleeps for it as well */
    vdma_hold_doorbell(false);
}

/* --- Lost ------------------------------------------------------------------------------------- */

/*
 * More than it takes at once, and of those at the device one comes back without an answer: all of
 * them end so, since nobody knows what it has; those in line go on, behind its table.
 */
static void a_line_behind_a_doubt(void **state)
{
    static struct vdma_transfer many[VDMA_DEPTH + 8];
    static bool by_tag;
    lock_state_t held = lock_take(&vdma_state.lock);
    unsigned aborted = 0;

    (void)state;
    ends = 0;
    spoiled->waits = true;
    for (unsigned i = 0; i < VDMA_DEPTH + 8; i++) {
        many[i] = (struct vdma_transfer){.type = VDMA_NOP, .ended = note_end};
        assert_int_equal(vdma_submit(&many[i]), kIOReturnSuccess);
    }
    lock_release(&vdma_state.lock, held);
    spoiled->waits = false;
    vdma_sim_work(spoiled);
    for (unsigned slot = 0; slot < VDMA_DEPTH; slot++) {
        struct vdma_status *status = &vdma_state.frames[slot].status;

        if (status->tag == many[1].tag && by_tag) {
            status->tag ^= 1ull << 63; /* another's */
        } else if (status->tag == many[1].tag) {
            status->code = VDMA_STATUS_UNWRITTEN;
        }
    }
    vdma_poll();
    while (ends < VDMA_DEPTH + 8) {
        spoiled_turn();
    }
    for (unsigned i = 0; i < VDMA_DEPTH + 8; i++) {
        assert_true(i == 1 || many[i].result == kIOReturnSuccess ||
                    (i < VDMA_DEPTH && many[i].result == kIOReturnDeviceError));
        aborted += many[i].result == kIOReturnDeviceError;
    }
    assert_int_equal(many[1].result, kIOReturnDeviceError);
    assert_true(aborted >= 1);
    if (!by_tag) {
        by_tag = true;
        a_line_behind_a_doubt(state);
    }
}

/* Reset again before it has taken its table: it is told once more, and nobody hears of the first.
 */
static void resets_in_a_row(void **state)
{
    struct vdma_job job = {.type = VDMA_NOP};

    (void)state;
    spoiled->waits = true;
    sim_console_forget();
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(vdma_reset(), kIOReturnSuccess);
    }
    spoiled->waits = false;
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
    assert_null(sim_console_after("it does not take its translation table"));
}

/* Its interrupt got lost: whoever starts something hears of it first. */
static void an_end_that_nobody_has_heard_of(void **state)
{
    struct vdma_transfer one = {.type = VDMA_NOP}, other = {.type = VDMA_NOP};

    (void)state;
    ends = 0;
    spoiled->waits = true;
    submit(&one);
    vdma_sim_work(spoiled);
    assert_int_equal(ends, 0);
    submit(&other);
    assert_int_equal(ends, 1);
    assert_int_equal(one.result, kIOReturnSuccess);
    spoiled->waits = false;
    vdma_sim_work(spoiled);
    vdma_poll();
    assert_int_equal(ends, 2);
}

static void counted_end(struct vdma_transfer *transfer)
{
    (*(unsigned *)transfer->context)++;
}

/* Each way not to come back. It is found again by hand, which nobody else can do. */
static void resets_that_fail(void **state)
{
    const uint64_t features = vdma_state.device->features;
    struct vdma_job job = {.type = VDMA_NOP};
    unsigned ends = 0;
    struct vdma_transfer waiting = {.type = VDMA_NOP, .ended = counted_end, .context = &ends};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        spoiled_by.read_features = i == 0 ? spoiled_no_features : virtio_mmio.read_features;
        spoiled_by.start_queue = i == 1 ? spoiled_refuse_queue : virtio_mmio.start_queue;
        spoiled_by.read_status = i == 2 ? spoiled_always_on : virtio_mmio.read_status;
        sim_console_forget();
        vdma_hold_doorbell(true);
        assert_int_equal(vdma_submit(&waiting), kIOReturnSuccess);
        assert_int_equal(vdma_reset(), kIOReturnNotResponding);
        vdma_hold_doorbell(false);
        /* What was at the device is told what has become of it. */
        assert_int_equal(ends, i + 1);
        assert_int_equal(waiting.result, kIOReturnNotResponding);
        assert_true(sim_console_said("vdma: the device is lost"));
        assert_null(vdma_state.first); /* its table neither */
        assert_int_equal(virtq_in_flight(vdma_state.queue), 0);
        assert_false(vdma_present());
        assert_int_equal(vdma_perform(&job), kIOReturnNotResponding);
        spoiled_by = virtio_mmio;
        /* Once and for all, whatever still comes of it. */
        assert_int_equal(vdma_reset(), kIOReturnNotResponding);
        sim_console_forget();
        {
            const lock_state_t held = lock_take(&vdma_state.lock);

            virtq_reject(vdma_state.queue, "an interrupt is late");
            vdma_collect();
            lock_release(&vdma_state.lock, held);
        }
        assert_false(sim_console_said("vdma"));
        assert_false(vdma_present());
        vdma_state.lost = false;
        vdma_state.device->features = features;
        assert_int_equal(vdma_attach(), kIOReturnSuccess);
        assert_int_equal(vdma_reset(), kIOReturnSuccess);
        assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
    }
}

/* Who waits in line is told as well, where the device is lost by what it answers. */
static void a_line_behind_a_loss(void **state)
{
    const uint64_t features = vdma_state.device->features;
    static struct vdma_transfer many[VDMA_DEPTH + 3];
    const unsigned count = sizeof(many) / sizeof(many[0]);

    (void)state;
    ends = 0;
    spoiled->waits = true;
    for (unsigned i = 0; i < count; i++) {
        many[i] = (struct vdma_transfer){.type = VDMA_NOP};
        submit(&many[i]);
    }
    vdma_sim_work(spoiled);
    for (unsigned slot = 0; slot < VDMA_DEPTH; slot++) {
        vdma_state.frames[slot].status.code = VDMA_STATUS_UNWRITTEN;
    }
    spoiled_by.start_queue = spoiled_refuse_queue;
    vdma_poll();
    assert_false(vdma_present());
    assert_int_equal(ends, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(many[i].result, kIOReturnNotResponding);
    }
    spoiled->waits = false;
    spoiled_by = virtio_mmio;
    vdma_state.lost = false;
    vdma_state.device->features = features;
    assert_int_equal(vdma_attach(), kIOReturnSuccess);
    assert_int_equal(vdma_reset(), kIOReturnSuccess);
}

/* After a reset it is told of its table again, which it refuses: three times, and it is lost. */
static void a_device_that_forgets_its_table(void **state)
{
    struct vdma_job job = {.type = VDMA_NOP};

    (void)state;
    spoiled_answer = (struct vdma_status){.code = VDMA_STATUS_ERROR};
    sim_console_forget();
    assert_int_equal(vdma_reset(), kIOReturnSuccess);
    spoil_answer();
    assert_int_equal(vdma_poll(), 1);
    assert_true(sim_console_said("it does not take its translation table again"));
    assert_int_equal(vdma_state.restore_failures, 1);
    /* It is asked again, and takes it. */
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
    assert_int_equal(vdma_state.restore_failures, 0);
    assert_true(vdma_present());
    assert_int_equal(vdma_reset(), kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(vdma_present());
        spoil_answer();
        assert_int_equal(vdma_poll(), 1);
    }
    assert_false(vdma_present());
    assert_true(sim_console_said("vdma: the device is lost"));
    assert_null(vdma_state.first);
    assert_int_equal(vdma_perform(&job), kIOReturnNotResponding);
    /* What needs it is told so, and the table can go. */
    assert_int_equal(vdma_reset(), kIOReturnNotResponding);
    assert_int_equal(vdma_poll(), 0);
    assert_int_equal(vdma_use_table(false), kIOReturnSuccess);
    assert_null(vdma_state.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_out_of_an_end),
        cmocka_unit_test(requests_that_are_alone),
        cmocka_unit_test(a_reset_ends_the_line),
        cmocka_unit_test(a_look_publishes),
        cmocka_unit_test(a_line_behind_a_doubt),
        cmocka_unit_test(resets_in_a_row),
        cmocka_unit_test(an_end_that_nobody_has_heard_of),
        cmocka_unit_test(resets_that_fail),
        cmocka_unit_test(a_line_behind_a_loss),
        cmocka_unit_test(a_device_that_forgets_its_table), /* and here it is gone */
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
