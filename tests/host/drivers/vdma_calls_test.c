/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's driver call by call, over vdma's core: without a device, devices that do not come up or
 * lie about what they can, want of memory, calls that are refused, and answers that cannot be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODMAController_class.h"
#include "kernel/inject.h"
#include "tests/host/drivers/vdma_spoiled.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

/* --- Without a device ------------------------------------------------------------------------- */

static void calls_without_a_device(void **state)
{
    struct vdma_job job = {.type = VDMA_NOP};
    const IODMACommand_SegmentOptions anything = {
        .fStructSize = sizeof(anything), .fNumAddressBits = 64, .fAlignment = 1};
    IODMACommand_SegmentOptions options;
    struct virtq_counters counters = {.requests = 1};
    struct vdma_transfer transfer;
    unsigned now = 1, most = 1;

    (void)state;
    assert_false(vdma_present());
    assert_int_equal(vdma_reset(), kIOReturnNoDevice);
    assert_int_equal(vdma_use_table(true), kIOReturnNoDevice);
    assert_int_equal(vdma_set_profile(0), kIOReturnNoDevice);
    assert_int_equal(vdma_get_segment_options(&options), kIOReturnNoDevice);
    assert_int_equal(vdma_perform(&job), kIOReturnNoDevice);
    IOMemory_fail(kIOReturnBusy);
    assert_null(vdma_get_service());
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
    assert_null(vdma_create_command(NULL, kMapped, &transfer));
    IOMemory_fail(kIOReturnBusy);
    assert_null(vdma_create_command(&anything, kMapped, &transfer));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
    assert_int_equal(vdma_poll(), 0);
    vdma_hold_doorbell(true);
    assert_false(vdma_state.held);
    vdma_get_counters(&counters);
    assert_int_equal(counters.requests, 0);
    vdma_get_depth(&now, &most);
    assert_int_equal(now + most, 0);
    sim_in_handler = true; /* where nobody is looked for */
    assert_false(vdma_present());
    sim_in_handler = false;
}

/* --- Devices that do not come up -------------------------------------------------------------- */

static bool refuse_attach(struct virtio_device *device)
{
    (void)device;
    return false;
}

static struct vdma_capabilities *said(void)
{
    return (struct vdma_capabilities *)vdma_state.data->out;
}

static void other_version(void)
{
    said()->version = VDMA_VERSION + 1;
}

static void too_short(void)
{
    said()->size = sizeof(struct vdma_capabilities) - 1;
}

static void fails_to_come_up(void)
{
    const struct holdings held = holdings_now();

    sim_console_forget();
    assert_false(vdma_present());
    assert_true(sim_console_said("vdma: the device at 0xa000000 cannot be used"));
    assert_null(vdma_state.device);
    assert_true(sim_holds(&held));
}

static void stuck(void)
{
    other_version();
    spoiled_by.read_status = spoiled_always_on;
}

static void devices_that_do_not_come_up(void **state)
{
    struct holdings held;

    (void)state;
    spoiled_add(&(struct vdma_options){.queue_size = 2}); /* no room for header, data and status */
    fails_to_come_up();
    spoiled_add(&(struct vdma_options){.queue_size = 4}); /* just so much, so that it is asked */
    spoil = other_version;
    fails_to_come_up();
    assert_null(spoil);
    spoiled_add(&(struct vdma_options){0});
    spoiled_by.read_features = spoiled_no_features;
    fails_to_come_up();
    spoiled_add(&(struct vdma_options){0});
    spoiled_by.attach = refuse_attach;
    fails_to_come_up();
    spoiled_add(&(struct vdma_options){0});
    spoiled_by.start_queue = spoiled_refuse_queue;
    fails_to_come_up();
    spoiled_add(&(struct vdma_options){0});
    spoiled_by.read_status = spoiled_always_on; /* not even off */
    fails_to_come_up();
    spoiled_add(&(struct vdma_options){0});
    spoiled_answer = (struct vdma_status){.code = VDMA_STATUS_ERROR};
    spoil = spoil_answer;
    fails_to_come_up();
    spoiled_add(&(struct vdma_options){0});
    spoil = other_version;
    fails_to_come_up();
    spoiled_add(&(struct vdma_options){0});
    spoil = too_short;
    fails_to_come_up();
    /* It does not let go of what it may still write. */
    spoiled_add(&(struct vdma_options){0});
    spoil = stuck;
    held = holdings_now();
    assert_false(vdma_present());
    assert_null(vdma_state.device);
    assert_false(sim_holds(&held));
}

/* The n-th request for memory fails, until none does: then there is one, for all that follows. */
static void without_one_piece_of_memory(void **state)
{
    unsigned failures = 0;
    bool there = false;

    (void)state;
    for (uint64_t nth = 1; !there; nth++) {
        const struct holdings held = holdings_now();
        struct inject_report report;

        spoiled_add(&(struct vdma_options){.queue_size = 64});
        inject_begin(nth);
        there = vdma_present();
        inject_end(&report);
        assert_int_equal(there, !report.failed);
        failures += !there;
        assert_true(there || sim_holds(&held));
    }
    assert_true(failures >= 6);
}

/* --- Calls ------------------------------------------------------------------------------------ */

static struct vdma_transfer unused;

static void ask_again(void)
{
    IODMACommand_SegmentOptions options;

    assert_int_equal(vdma_get_segment_options(&options), kIOReturnBusy);
    assert_null(vdma_create_command(NULL, kMapped, &unused));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
}

static void calls_that_are_refused(void **state)
{
    uint8_t data[VDMA_CONTROL_MAX + 1] = {0};
    struct vdma_limits limits = {0};
    uint64_t arguments[2];
    struct vdma_job job = {.type = VDMA_NOP};
    IODMACommand_SegmentOptions options;

    (void)state;
#define CONTROL(type, in, in_bytes, out, out_bytes)                                                \
    vdma_control(type, NULL, in, in_bytes, out, out_bytes, NULL)
    assert_int_equal(CONTROL(VDMA_COPY, NULL, 0, NULL, 0), kIOReturnBadArgument);
    assert_int_equal(CONTROL(VDMA_READ_LOG + 1, NULL, 0, NULL, 0), kIOReturnBadArgument);
    assert_int_equal(CONTROL(VDMA_INJECT, data, sizeof(data), NULL, 0), kIOReturnBadArgument);
    assert_int_equal(CONTROL(VDMA_READ_LOG, NULL, 0, data, sizeof(data)), kIOReturnBadArgument);
    assert_int_equal(CONTROL(VDMA_INJECT, NULL, 8, NULL, 0), kIOReturnBadArgument);
    assert_int_equal(CONTROL(VDMA_INJECT, data, 0, NULL, 0), kIOReturnBadArgument);
    assert_int_equal(CONTROL(VDMA_READ_LOG, NULL, 0, NULL, 64), kIOReturnBadArgument);
    assert_int_equal(CONTROL(VDMA_READ_LOG, NULL, 0, data, 0), kIOReturnBadArgument);
    assert_int_equal(CONTROL(VDMA_READ_LOG, NULL, 0, data, VDMA_CONTROL_MAX), kIOReturnSuccess);
    assert_int_not_equal(CONTROL(VDMA_INJECT, data, VDMA_CONTROL_MAX, NULL, 0),
                         kIOReturnBadArgument);
    assert_int_equal(vdma_perform(NULL), kIOReturnBadArgument);
    IOMemory_fail(kIOReturnBusy);
    assert_null(vdma_create_command(NULL, kMapped, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    sim_in_handler = true;
    assert_int_equal(CONTROL(VDMA_CAPABILITIES, NULL, 0, data, 112), kIOReturnNotPermitted);
    assert_int_equal(vdma_use_table(true), kIOReturnNotPermitted);
    assert_int_equal(vdma_perform(&job), kIOReturnNotPermitted);
    sim_in_handler = false;
    /* A table of the caller's own: of more pages than there may be, and none. */
    limits.table_entries = 64;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    arguments[0] = virt_to_phys(pair_bytes).value;
    for (unsigned more = 0; more < 2; more++) {
        struct vdma_status status = {.code = 99};

        arguments[1] = 64 + more;
        assert_int_equal(vdma_control(VDMA_SET_TABLE, arguments, NULL, 0, NULL, 0, &status),
                         more == 0 ? kIOReturnSuccess : kIOReturnNotAligned);
        assert_int_equal(status.code, more == 0 ? VDMA_STATUS_OK : VDMA_STATUS_REFUSED);
        assert_int_equal(status.rule != 0, more != 0);
    }
    assert_int_equal(CONTROL(VDMA_SET_TABLE, NULL, 0, NULL, 0), kIOReturnSuccess);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
    /* One at a time has the page with the data. */
    spoil = ask_again;
    assert_int_equal(vdma_get_segment_options(&options), kIOReturnSuccess);
    assert_null(spoil);
    assert_int_equal(vdma_get_segment_options(&options), kIOReturnSuccess);
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
}

static void jobs_that_cannot_be(void **state)
{
    IOMemoryDescriptor *const in = IOMemoryDescriptor_withAddressRange((uint64_t)pair_bytes, 4096,
                                                                       kIODirectionIn, kernel_task);
    IOMemoryDescriptor *const out = IOMemoryDescriptor_withAddressRange(
        (uint64_t)pair_bytes, 4096, kIODirectionOut, kernel_task);
    const struct {
        struct vdma_job job;
        IOReturn status;
    } rows[] = {
        {{.type = 77, .length = 16}, kIOReturnBadArgument},
        {{.type = VDMA_COPY, .source = pair, .target = pair}, kIOReturnBadArgument},
        {{.type = VDMA_COPY, .source = pair, .length = 16}, kIOReturnBadArgument},
        {{.type = VDMA_COPY, .target = pair, .length = 16}, kIOReturnBadArgument},
        {{.type = VDMA_CHECKSUM, .source = pair, .target = pair, .length = 16},
         kIOReturnBadArgument},
        {{.type = VDMA_CHECKSUM, .source = in, .length = 16}, kIOReturnNotPermitted},
        {{.type = VDMA_FILL, .target = out, .length = 16, .arguments = {0, 1}},
         kIOReturnNotPermitted},
        {{.type = VDMA_CHECKSUM, .source = pair, .length = PAIR_BYTES + 1}, kIOReturnOverrun},
        {{.type = VDMA_CHECKSUM, .source = pair, .source_offset = PAIR_BYTES, .length = 1},
         kIOReturnOverrun},
        {{.type = VDMA_COMPARE, .source = pair, .length = 15}, kIOReturnBadArgument},
        {{.type = VDMA_FILL, .target = pair, .length = 16, .arguments = {0, 3}},
         kIOReturnBadArgument},
        {{.type = VDMA_FILL, .target = pair, .length = 16, .arguments = {0, 2}}, kIOReturnSuccess},
        {{.type = VDMA_FILL, .target = pair, .length = 16, .arguments = {0, 8}}, kIOReturnSuccess},
        /* Where its halves begin is not the caller's to say. */
        {{.type = VDMA_COMPARE, .source = pair, .length = 16, .arguments = {5, 6}},
         kIOReturnSuccess},
        {{.type = VDMA_CHECKSUM, .source = pair, .length = PAIR_BYTES}, kIOReturnSuccess},
        {{.type = VDMA_CHECKSUM, .source = pair, .source_offset = PAIR_BYTES - 1, .length = 1},
         kIOReturnSuccess},
        {{.type = VDMA_CHECKSUM, .source = out, .length = 16}, kIOReturnNotReady}, /* not wired */
        {{.type = VDMA_FILL, .target = in, .length = 16, .arguments = {0, 4}}, kIOReturnNotReady},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct holdings held = holdings_now();
        struct vdma_job job = rows[i].job;

        /* Of one before. */
        job.moved = 99;
        job.status.code = job.status.rule = 99;
        assert_int_equal(vdma_perform(&job), rows[i].status);
        assert_int_equal(job.moved, rows[i].status == kIOReturnSuccess ? job.length : 0);
        assert_int_equal(job.status.code | job.status.rule, 0);
        assert_true(sim_holds(&held));
    }
    OSObject_release(in);
    OSObject_release(out);
}

/* A copy while each of its requests for memory fails: nothing is kept, and then it is done. */
static void jobs_without_memory(void **state)
{
    struct inject_report report = {.failed = true};
    unsigned failures = 0;

    (void)state;
    for (uint64_t nth = 1; report.failed; nth++) {
        const struct holdings held = holdings_now();
        struct vdma_job job = {.type = VDMA_COPY,
                               .source = pair,
                               .target = pair,
                               .target_offset = 4096,
                               .length = 4096};
        IOReturn status;

        pair_bytes[5] = (uint8_t)nth;
        pair_bytes[4096 + 5] = 0;
        inject_begin(nth);
        status = vdma_perform(&job);
        inject_end(&report);
        failures += status != kIOReturnSuccess;
        assert_true(status == kIOReturnSuccess || status == kIOReturnNoMemory);
        assert_int_equal(pair_bytes[4096 + 5], status == kIOReturnSuccess ? nth : 0);
        assert_true(sim_holds(&held));
    }
    assert_true(failures >= 2);
}

/* Somebody says that no device uses the memory any more, once one does. */
static IOReturn taken_back;

static void take_back(void)
{
    taken_back = IOMemoryDescriptor_dmaCommandOperation(pair, kIOMDSetDMAInactive, NULL, 0);
    if (taken_back != kIOReturnSuccess) {
        spoil = take_back; /* what is asked first is about no data */
    } else if (spoiled_answer.code != VDMA_STATUS_OK) {
        spoil_answer();
    }
}

/* What the completion of a command says is the job's end, unless its end was bad enough. */
static void jobs_that_end_badly(void **state)
{
    struct vdma_job job = {.type = VDMA_FILL, .target = pair, .length = 64, .arguments = {1, 1}};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        spoiled_answer = (struct vdma_status){.code = i == 0 ? VDMA_STATUS_OK : VDMA_STATUS_ERROR,
                                              .moved = job.length};
        spoil = take_back;
        assert_int_equal(vdma_perform(&job), i == 0 ? kIOReturnNotReady : kIOReturnIOError);
        assert_int_equal(taken_back, kIOReturnSuccess);
    }
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
}

/* --- Answers ---------------------------------------------------------------------------------- */

static void answers_that_cannot_be(void **state)
{
    const struct {
        uint32_t type;
        struct vdma_status says;
        IOReturn status;
        uint64_t moved;
    } rows[] = {
        {VDMA_CHECKSUM, {.code = VDMA_STATUS_DIFFERENT, .moved = 64}, kIOReturnDeviceError, 64},
        {VDMA_CHECKSUM, {.code = VDMA_STATUS_UNSUPPORTED}, kIOReturnUnsupported, 0},
        {VDMA_CHECKSUM, {.code = VDMA_STATUS_REFUSED}, kIOReturnNotAligned, 0},
        {VDMA_CHECKSUM, {.code = 0x77}, kIOReturnDeviceError, 0},
        {VDMA_CHECKSUM, {.code = VDMA_STATUS_OK, .moved = 65}, kIOReturnDeviceError, 0},
        {VDMA_CHECKSUM, {.code = VDMA_STATUS_OK, .moved = 63}, kIOReturnUnderrun, 63},
        /* A difference at a place that was not compared; with too few bytes before it. */
        {VDMA_COMPARE,
         {.code = VDMA_STATUS_DIFFERENT, .moved = 65, .value = 65},
         kIOReturnDeviceError,
         0},
        {VDMA_COMPARE,
         {.code = VDMA_STATUS_DIFFERENT, .moved = 3, .value = 7},
         kIOReturnUnderrun,
         3},
        {VDMA_NOP, {.code = VDMA_STATUS_ERROR}, kIOReturnIOError, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vdma_job job = {.type = rows[i].type,
                               .source = rows[i].type == VDMA_NOP ? NULL : pair,
                               .length = rows[i].type == VDMA_NOP ? 0 : 64};

        spoiled_answer = rows[i].says;
        spoil = spoil_data;
        assert_int_equal(vdma_perform(&job), rows[i].status);
        assert_int_equal(job.moved, rows[i].moved);
    }
}

/* --- The engine ------------------------------------------------------------------------------- */

static void starts_of_somebody_elses(void **state)
{
    struct vdma_job fill = {.type = VDMA_FILL, .target = pair, .length = 16, .arguments = {1, 1}};
    struct vdma_job sum = {.type = VDMA_CHECKSUM, .source = pair, .length = 16};
    struct vdma_transfer transfer, copied, others;
    IODMACommand *command = vdma_create_command(NULL, kMapped, &transfer), *foreign, *other;
    IODMAController *const engine = vdma_state.engine;

    (void)state;
    assert_non_null(command);
    assert_string_equal(IOService_getName(vdma_get_service()), "vdma@a000000");
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, pair, true), kIOReturnSuccess);
#define START(index) IODMAController_startDMACommand(engine, index, command, kIODirectionIn, 64, 0)
    assert_int_equal(START(1), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, NULL);
    assert_int_equal(START(0), kIOReturnBadArgument);
    copied = transfer;
    copied.command = NULL;
    IODMACommand_setRefCon(command, &copied);
    assert_int_equal(START(0), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, &transfer);
    transfer.type = VDMA_COPY; /* from nowhere */
    assert_int_equal(START(0), kIOReturnBadArgument);
    foreign =
        IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, 0, kMapped, 0, 1, NULL, NULL);
    assert_int_equal(IODMACommand_setMemoryDescriptor(foreign, pair, true), kIOReturnSuccess);
    transfer.other = foreign; /* which is no copy's to lend */
    assert_int_equal(START(0), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(foreign, true), kIOReturnSuccess);
    OSObject_release(foreign);
    /* One of our own that is not prepared; then one that is, and is given back by the refusal. */
    memset(&others, 0x55, sizeof(others));
    other = vdma_create_command(NULL, kMapped, &others);
    assert_int_equal(others.type | others.length | others.moved, 0);
    assert_null(others.other);
    transfer.other = other;
    assert_int_equal(START(0), kIOReturnNotReady);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 0);
    assert_int_equal(IODMACommand_setMemoryDescriptor(other, pair, true), kIOReturnSuccess);
    assert_int_equal(spoiled_set_limits(&(struct vdma_limits){.directions = VDMA_READS}),
                     kIOReturnSuccess);
    assert_int_equal(START(0), kIOReturnUnsupported);
    assert_int_equal(spoiled_set_limits(&(struct vdma_limits){.directions = VDMA_WRITES}),
                     kIOReturnSuccess);
    assert_int_equal(START(0), kIOReturnUnsupported);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(other, true), kIOReturnSuccess);
    OSObject_release(other);
    assert_int_equal(
        spoiled_set_limits(&(struct vdma_limits){.directions = VDMA_READS | VDMA_WRITES}),
        kIOReturnSuccess);
    assert_int_equal(vdma_perform(&fill), kIOReturnSuccess);
    assert_int_equal(vdma_perform(&sum), kIOReturnSuccess);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
    transfer.type = VDMA_FILL; /* of a pattern that there is not */
    transfer.arguments[1] = 3;
    assert_int_equal(START(0), kIOReturnBadArgument);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 0);
    IODMACommand_setRefCon(command, &transfer);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_without_a_device),
        cmocka_unit_test(devices_that_do_not_come_up),
        cmocka_unit_test(without_one_piece_of_memory), /* from here on there is one */
        cmocka_unit_test(calls_that_are_refused),
        cmocka_unit_test(jobs_that_cannot_be),
        cmocka_unit_test(jobs_that_end_badly),
        cmocka_unit_test(jobs_without_memory),
        cmocka_unit_test(answers_that_cannot_be),
        cmocka_unit_test(starts_of_somebody_elses),
    };

    return cmocka_run_group_tests(tests, spoiled_start, NULL);
}
