/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's line, over its core: who waits for room, in which order the waiting go, and what is told
 * to those who cannot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/vdma_spoiled.h"

static int end(void **state)
{
    (void)state;
    spoiled->waits = false;
    return vdma_set_profile(VDMA_PROFILE_OPEN) == kIOReturnSuccess ? 0 : -1;
}

static IODMACommand *command_of(IOMemoryDescriptor *memory)
{
    static struct vdma_transfer unused;
    IODMACommand *const command = vdma_create_command(NULL, kMapped, &unused);

    assert_non_null(command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    return command;
}

static void drop(IODMACommand *command)
{
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
}

/* The device works, and is heard of. */
static void turn(void)
{
    vdma_sim_work(spoiled);
    vdma_poll();
}

#define PIECES 255u /* one more than a chain has room for */

static unsigned line_ends;

static void note_line_end(struct vdma_transfer *transfer)
{
    (void)transfer;
    assert_int_equal(vdma_reset(), kIOReturnNotPermitted); /* none ends outside of all others */
    line_ends++;
}

static void put_in_line(struct vdma_transfer *transfer)
{
    const lock_state_t held = lock_take(&vdma_state.lock);

    transfer->ended = note_line_end;
    assert_int_equal(vdma_submit(transfer), kIOReturnSuccess);
    lock_release(&vdma_state.lock, held);
}

/* What turns out to be impossible when it is its turn ends so, and the others go on. */
static void in_line_for_the_impossible(void **state)
{
    static IOAddressRange ranges[PIECES];
    static struct vdma_transfer many[VDMA_DEPTH];
    struct vdma_transfer sum, behind = {.type = VDMA_NOP};
    IODMACommand *command;
    IOMemoryDescriptor *memory;

    (void)state;
    for (unsigned i = 0; i < PIECES; i++) {
        ranges[i] = (IOAddressRange){(uint64_t)pair_bytes + 16 * i, 8};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, PIECES, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = command_of(memory);
    line_ends = 0;
    spoiled->waits = true;
    for (unsigned i = 0; i < VDMA_DEPTH; i++) {
        many[i] = (struct vdma_transfer){.type = VDMA_NOP, .part = 64}; /* of a life before */
        put_in_line(&many[i]);
    }
    sum = (struct vdma_transfer){
        .type = VDMA_CHECKSUM, .length = 8 * PIECES, .source = {.command = command}};
    put_in_line(&sum);
    put_in_line(&behind);
    turn();
    assert_int_equal(line_ends, VDMA_DEPTH + 1);
    assert_int_equal(sum.result, kIOReturnNoSpace);
    turn();
    assert_int_equal(line_ends, VDMA_DEPTH + 2);
    assert_int_equal(many[0].result, kIOReturnSuccess);
    assert_int_equal(behind.result, kIOReturnSuccess);
    drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
}

/* Of one piece each: what finds no room waits in line, however often room is less than the line. */
static void more_than_there_is_room_for(void **state)
{
    static struct vdma_transfer many[2 * VDMA_DEPTH + 3];
    const unsigned count = sizeof(many) / sizeof(many[0]);
    IODMACommand *const command = command_of(pair);

    (void)state;
    line_ends = 0;
    spoiled->waits = true;
    for (unsigned i = 0; i < count; i++) {
        /* From the beginning, and from further on, which are two ways into the ring. */
        const uint64_t at = i % 2 == 0 ? 0 : 8 * i;

        many[i] = (struct vdma_transfer){
            .type = VDMA_FILL, .length = 8, .arguments = {i + 1, 1}, .target = {command, at, at}};
        put_in_line(&many[i]);
    }
    for (unsigned round = 1; round <= 3; round++) {
        assert_int_equal(virtq_in_flight(vdma_state.queue), round == 3 ? 3 : VDMA_DEPTH);
        turn();
        assert_int_equal(line_ends, round == 3 ? count : round * VDMA_DEPTH);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(many[i].result, kIOReturnSuccess);
        assert_true(i % 2 == 0 || pair_bytes[8 * i + 7] == i + 1);
    }
    drop(command);
}

static uint8_t needs_reset_once(struct virtio_device *device)
{
    spoiled_by.read_status = virtio_mmio.read_status;
    return device->transport->read_status(device) | 0x40;
}

/* Of the most usual kind: all of it one entry, from the beginning on. */
static struct vdma_transfer fill_of(IODMACommand *command)
{
    return (struct vdma_transfer){
        .type = VDMA_FILL, .length = 8, .arguments = {1, 1}, .target = {.command = command}};
}

/* No more at the device than it says it takes, whatever room there is. */
static void as_many_as_the_device_says(void **state)
{
    const struct vdma_limits limits = {.depth = 2};
    struct vdma_transfer some[5];
    IODMACommand *command;

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    command = command_of(pair);
    for (unsigned kind = 0; kind < 2; kind++) {
        line_ends = 0;
        spoiled->waits = true;
        for (unsigned i = 0; i < 5; i++) {
            some[i] = kind == 0 ? (struct vdma_transfer){.type = VDMA_NOP} : fill_of(command);
            put_in_line(&some[i]);
        }
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(virtq_in_flight(vdma_state.queue), i < 2 ? 2 : 1);
            turn();
        }
        assert_int_equal(line_ends, 5);
    }
    spoiled->waits = false;
    drop(command);
}

/* The shortest way is nobody's who would pass others by it: who is alone, and who waits for that.
 */
static void the_usual_behind_what_is_alone(void **state)
{
    IODMACommand *const command = command_of(pair);
    struct vdma_transfer one = {.type = VDMA_NOP}, alone, fill;

    (void)state;
    line_ends = 0;
    spoiled->waits = true;
    vdma_table_request(NULL, &alone);
    put_in_line(&one);
    put_in_line(&alone);
    fill = fill_of(command);
    put_in_line(&fill);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 1); /* of two in line the second one */
    turn();
    assert_int_equal(line_ends, 1);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 1); /* alone, now */
    turn();
    assert_int_equal(line_ends, 2);
    turn();
    assert_int_equal(line_ends, 3);
    assert_int_equal(fill.result, kIOReturnSuccess);
    vdma_table_request(NULL, &alone);
    put_in_line(&alone);
    fill = fill_of(command);
    put_in_line(&fill);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 1); /* nobody was in line */
    turn();
    assert_int_equal(line_ends, 4);
    turn();
    assert_int_equal(line_ends, 5);
    /* And again without any of this. */
    fill = fill_of(command);
    put_in_line(&fill);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 1);
    turn();
    assert_int_equal(line_ends, 6);
    drop(command);
}

/* Nor is it there while the device is somebody else's, or lost. */
static void the_usual_without_a_device(void **state)
{
    IODMACommand *const command = command_of(pair);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        bool *const gone = i == 0 ? &vdma_state.lent : &vdma_state.lost;
        struct vdma_transfer fill = fill_of(command);

        *gone = true;
        vdma_judge_usual();
        assert_int_equal(vdma_submit(&fill), i == 0 ? kIOReturnBusy : kIOReturnNotResponding);
        *gone = false;
        vdma_judge_usual();
        assert_int_equal(virtq_in_flight(vdma_state.queue), 0);
    }
    drop(command);
}

/* A status that says that all is done, of a chain that comes back with another length. */
static void a_good_status_with_a_wrong_length(void **state)
{
    const uint64_t arguments[2] = {VDMA_INJECT_FAULTS, 0};
    const struct vdma_fault fault = {.kind = VDMA_FAULT_WRONG_LENGTH, .argument = 33};
    IODMACommand *const command = command_of(pair);
    struct vdma_transfer fill = fill_of(command);

    (void)state;
    line_ends = 0;
    assert_int_equal(vdma_control(VDMA_INJECT, arguments, &fault, sizeof(fault), NULL, 0, NULL),
                     kIOReturnSuccess);
    put_in_line(&fill);
    turn();
    assert_int_equal(line_ends, 1);
    assert_int_equal(fill.result, kIOReturnDeviceError);
    assert_int_equal(fill.moved, 0);
    drop(command);
}

/* Where the device has answered the newest request. */
static struct vdma_status *newest_answer(void)
{
    struct vdma_frame *frame = vdma_state.frames;

    while (frame->request.tag != vdma_state.tag) {
        frame++;
    }
    return &frame->status;
}

/* Nor is it done where one word alone says something else: whose it is, or how much it was. */
static void a_good_status_with_a_wrong_word(void **state)
{
    IODMACommand *const command = command_of(pair);

    (void)state;
    for (unsigned word = 0; word < 3; word++) {
        struct vdma_transfer fill = fill_of(command);
        struct vdma_status *answer;

        line_ends = 0;
        spoiled->waits = true;
        put_in_line(&fill);
        vdma_sim_work(spoiled);
        answer = newest_answer();
        assert_int_equal(answer->code, VDMA_STATUS_OK);
        assert_int_equal(answer->moved, 8);
        answer->tag += word == 0 ? 1 : 0;
        answer->moved += word == 1 ? 1 : word == 2 ? (uint64_t)-1 : 0;
        vdma_poll();
        assert_int_equal(line_ends, 1);
        assert_int_equal(fill.result, kIOReturnDeviceError);
        assert_int_equal(fill.moved, 0);
    }
    drop(command);
}

/* Of the usual ones as well: what has come back is heard of before one more is given. */
static void the_usual_behind_ends_that_are_not_heard(void **state)
{
    IODMACommand *const command = command_of(pair);
    struct vdma_transfer fills[3];

    (void)state;
    line_ends = 0;
    spoiled->waits = true;
    for (unsigned i = 0; i < 3; i++) {
        fills[i] = fill_of(command);
        put_in_line(&fills[i]);
        assert_int_equal(line_ends, i == 2 ? 2 : 0);
        if (i == 1) {
            vdma_sim_work(spoiled);
        }
    }
    assert_int_equal(virtq_in_flight(vdma_state.queue), 1);
    turn();
    assert_int_equal(line_ends, 3);
    drop(command);
}

/* What is not over yet stays before all others, of whom none gets lost by that. */
static void the_next_part_goes_first(void **state)
{
    const struct vdma_limits limits = {.depth = 1, .transfer_max = 64};
    const IODMACommand_SegmentOptions anything = {
        .fStructSize = sizeof(anything), .fNumAddressBits = 64, .fAlignment = 1};
    struct vdma_transfer unused, fill, one = {.type = VDMA_NOP}, other = {.type = VDMA_NOP};
    IODMACommand *command;

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    command = vdma_create_command(&anything, kMapped, &unused);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, pair, true), kIOReturnSuccess);
    line_ends = 0;
    spoiled->waits = true;
    fill = (struct vdma_transfer){
        .type = VDMA_FILL, .length = 128, .arguments = {1, 1}, .target = {.command = command}};
    put_in_line(&fill);
    put_in_line(&one);
    turn();
    assert_int_equal(line_ends, 0);
    assert_int_equal(fill.moved, 64);
    put_in_line(&other);
    turn();
    assert_int_equal(line_ends, 1);
    assert_int_equal(fill.moved, 128);
    turn();
    turn();
    assert_int_equal(line_ends, 3);
    drop(command);
}

/* What is alone at the device waits for those whose ends nobody has heard of, and for none else. */
static void alone_behind_ends_that_are_not_heard(void **state)
{
    struct vdma_transfer one = {.type = VDMA_NOP}, alone;

    (void)state;
    vdma_table_request(NULL, &alone);
    line_ends = 0;
    spoiled->waits = true;
    put_in_line(&one);
    vdma_sim_work(spoiled);
    put_in_line(&alone);
    assert_int_equal(line_ends, 1);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 1);
    turn();
    assert_int_equal(line_ends, 2);
}

/* A reset ends what has no end yet: what has one keeps it. And of no table nobody is told. */
static void a_reset_behind_ends_that_are_not_heard(void **state)
{
    struct vdma_transfer one = {.type = VDMA_NOP};

    (void)state;
    line_ends = 0;
    spoiled->waits = true;
    put_in_line(&one);
    vdma_sim_work(spoiled);
    assert_int_equal(vdma_reset(), kIOReturnSuccess);
    assert_int_equal(line_ends, 1);
    assert_int_equal(one.result, kIOReturnSuccess);
    assert_int_equal(virtq_in_flight(vdma_state.queue), 0);
}

/* A device that says it cannot go on is reset; one that has nothing to say is not. */
static void a_device_that_asks_for_a_reset(void **state)
{
    struct virtio_device *const device = vdma_state.device;
    struct vdma_transfer one = {.type = VDMA_NOP};

    (void)state;
    line_ends = 0;
    spoiled->waits = true;
    put_in_line(&one);
    device->changed(device->context);
    assert_int_equal(line_ends, 0);
    spoiled_by.read_status = needs_reset_once;
    device->changed(device->context);
    spoiled_by.read_status = virtio_mmio.read_status;
    assert_int_equal(line_ends, 1);
    assert_int_equal(one.result, kIOReturnDeviceError);
    spoiled->waits = false;
    put_in_line(&one);
    turn();
    assert_int_equal(one.result, kIOReturnSuccess);
}

static void interrupts_are_counted(void **state)
{
    struct vdma_transfer one = {.type = VDMA_NOP};
    struct virtq_counters before, counters;

    (void)state;
    vdma_get_counters(&before);
    put_in_line(&one);
    assert_true(vdma_sim_interrupt(spoiled));
    vdma_get_counters(&counters);
    assert_int_equal(counters.interrupts, before.interrupts + 1);
}

int main(void)
{
#define LINE(test) cmocka_unit_test_teardown(test, end)
    const struct CMUnitTest tests[] = {
        LINE(more_than_there_is_room_for),
        LINE(in_line_for_the_impossible),
        LINE(as_many_as_the_device_says),
        LINE(the_next_part_goes_first),
        LINE(the_usual_behind_what_is_alone),
        LINE(the_usual_without_a_device),
        LINE(a_good_status_with_a_wrong_length),
        LINE(a_good_status_with_a_wrong_word),
        LINE(the_usual_behind_ends_that_are_not_heard),
        LINE(alone_behind_ends_that_are_not_heard),
        LINE(a_reset_behind_ends_that_are_not_heard),
        LINE(a_device_that_asks_for_a_reset),
        LINE(interrupts_are_counted),
    };

    return cmocka_run_group_tests(tests, spoiled_start_present, NULL);
}
