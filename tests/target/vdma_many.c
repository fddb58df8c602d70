/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/* Many transfers at vdma at once: with one doorbell, in line, stopped, and while it misbehaves. */
#include "qemu/vdma/monitor/monitor.h"
#include "tests/target/vdma_sides.h"

VDMA_MONITOR(16);

#define MANY 100u

static struct side sources[MANY], targets[MANY];

static struct client many_sides(void)
{
    struct client client = client_of_service(vdma_get_service());

    for (unsigned i = 0; i < MANY; i++) {
        sources[i] = side_of(2, 600, kIODirectionOut);
        targets[i] = side_of(3, 600, kIODirectionIn);
        ASSERT_EQ(prepare_side(&sources[i], 0, 0), kIOReturnSuccess);
        ASSERT_EQ(prepare_side(&targets[i], 0, 0), kIOReturnSuccess);
    }
    return client;
}

static void drop_many(struct client *client)
{
    for (unsigned i = 0; i < MANY; i++) {
        complete_side(&sources[i]);
        complete_side(&targets[i]);
        disk_memory_drop(&sources[i].scatter);
        disk_memory_drop(&targets[i].scatter);
    }
    client_drop(client);
}

/* Of those that ended well all bytes are there. How many that were. */
static unsigned check_many(void)
{
    unsigned good = 0;

    for (unsigned i = 0; i < end_count; i++) {
        struct side *target = &targets[0];

        while (target->command != ends[i].command) {
            target++;
        }
        if (ends[i].status == kIOReturnSuccess) {
            EXPECT_EQ(alike(target, 0, 0, 600), 600);
            good++;
        }
    }
    return good;
}

TEST(many_at_once_with_one_doorbell)
{
    struct virtq_counters before, after;
    struct client client;
    unsigned now, most;

    if (!vdma_present()) {
        return;
    }
    client = many_sides();
    vdma_get_counters(&before);
    vdma_hold_doorbell(true);
    for (unsigned i = 0; i < MANY; i++) {
        EXPECT_EQ(start_copy(&client, &sources[i], &targets[i], kIODirectionIn), kIOReturnSuccess);
    }
    vdma_get_depth(&now, &most);
    EXPECT_EQ(now, MANY);
    EXPECT_EQ(end_count, 0);
    vdma_hold_doorbell(false);
    wait_for_ends(&client, MANY);
    vdma_get_counters(&after);
    EXPECT_EQ(after.requests - before.requests, MANY);
    EXPECT_EQ(after.segments - before.segments, 5 * MANY);
    EXPECT_EQ(after.doorbells - before.doorbells, 2); /* the ring's worth, and the rest */
    EXPECT_LE(after.interrupts - before.interrupts, 2);
    EXPECT_EQ(check_many(), MANY);
    drop_many(&client);
}

TEST(the_depth_that_the_device_states_is_kept)
{
    static const struct vdma_limits shallow = {.depth = 3, .latency = 100000};
    struct client client;

    if (!vdma_present()) {
        return;
    }
    limit(&shallow);
    client = many_sides();
    for (unsigned i = 0; i < 20; i++) {
        EXPECT_EQ(start_copy(&client, &sources[i], &targets[i], kIODirectionIn), kIOReturnSuccess);
    }
    wait_for_ends(&client, 20);
    EXPECT_EQ(check_many(), 20);
    drop_many(&client);
    vdma_set_profile(VDMA_PROFILE_OPEN);
}

/* New limits wait until the device has nothing, and what comes behind them waits for them. */
TEST(limits_change_between_transfers)
{
    static const struct vdma_limits slow = {.latency = 100000};
    struct client client;

    if (!vdma_present()) {
        return;
    }
    limit(&slow);
    client = many_sides();
    for (unsigned i = 0; i < 10; i++) {
        EXPECT_EQ(start_copy(&client, &sources[i], &targets[i], kIODirectionIn), kIOReturnSuccess);
    }
    EXPECT_EQ(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
    wait_for_ends(&client, 10);
    EXPECT_EQ(check_many(), 10);
    drop_many(&client);
}

/* --- Stopped, and a device that misbehaves ---------------------------------------------------- */

TEST(a_stop_takes_back_what_is_not_finished)
{
    IODMACommand *current;
    IOByteCount moved;
    struct client client;

    if (!vdma_present()) {
        return;
    }
    client = many_sides();
    inject(VDMA_FAULT_MISSING, 1, 0);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(start_copy(&client, &sources[i], &targets[i], kIODirectionIn), kIOReturnSuccess);
    }
    EXPECTS_REPORT(10);
    EXPECT_EQ(IODMACommand_complete(sources[1].command, true, true), kIOReturnBusy);
    EXPECT_EQ(IODMACommand_complete(targets[1].command, true, true), kIOReturnBusy);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, 20000000), kIOReturnTimeout);
    EXPECT_EQ(IODMAEventSource_queryDMACommand(client.source, &current, &moved, false),
              kIOReturnSuccess);
    EXPECT_TRUE(current == targets[1].command);
    EXPECT_EQ(moved, 0);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, UINT64_MAX), kIOReturnSuccess);
    wait_for_ends(&client, 3);
    EXPECT_EQ(ends[2].status, kIOReturnAborted);
    EXPECT_TRUE(ends[2].command == targets[1].command);
    EXPECT_EQ(check_many(), 2);
    drop_many(&client);
}

/* What is in line has never been at the device, and is taken back all the same. */
TEST(a_stop_takes_back_the_line)
{
    static const struct vdma_limits shallow = {.depth = 2, .latency = 100000000};
    struct client client;

    if (!vdma_present()) {
        return;
    }
    limit(&shallow);
    client = many_sides();
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_EQ(start_copy(&client, &sources[i], &targets[i], kIODirectionIn), kIOReturnSuccess);
    }
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, UINT64_MAX), kIOReturnSuccess);
    wait_for_ends(&client, 5);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnAborted);
        EXPECT_EQ(ends[i].bytes, 0);
    }
    drop_many(&client);
    vdma_set_profile(VDMA_PROFILE_OPEN);
}

/* No interrupt comes: whoever waits looks. */
TEST(a_lost_interrupt_is_made_good_by_a_look)
{
    struct client client;

    if (!vdma_present()) {
        return;
    }
    client = many_sides();
    for (unsigned way = 0; way < 4; way++) {
        end_count = 0;
        inject(VDMA_FAULT_NO_INTERRUPT, 0, 0);
        EXPECT_EQ(start_copy(&client, &sources[0], &targets[0], kIODirectionIn), kIOReturnSuccess);
        if (way == 0) {
            EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, UINT64_MAX),
                      kIOReturnSuccess);
        } else if (way == 1) {
            EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, 0), kIOReturnSuccess);
        } else if (way == 2) {
            EXPECT_EQ(IODMAEventSource_queryDMACommand(client.source, NULL, NULL, true),
                      kIOReturnSuccess);
        } else {
            /* With the event index, no interrupt comes for this one either. */
            EXPECT_EQ(start_copy(&client, &sources[1], &targets[1], kIODirectionIn),
                      kIOReturnSuccess);
        }
        wait_for_ends(&client, way < 3 ? 1 : 2);
        EXPECT_EQ(check_many(), way < 3 ? 1 : 2);
    }
    drop_many(&client);
}

/* The ring says that it is done, its status does not: the device has it still. */
TEST(an_answer_to_another_request_is_none)
{
    static const struct vdma_limits slow = {.latency = 50000};
    struct client client;
    unsigned both = 0;

    if (!vdma_present()) {
        return;
    }
    limit(&slow);
    client = many_sides();
    /* The second one's end names the first one's chain, which the device has for long still. */
    for (unsigned slot = 0; slot < 4; slot++) {
        end_count = 0;
        inject(VDMA_FAULT_DELAY, 0, 10000000);
        inject(VDMA_FAULT_WRONG_ID, 1, slot);
        for (unsigned k = 0; k < 2; k++) {
            EXPECT_EQ(start_copy(&client, &sources[k], &targets[k], kIODirectionIn),
                      kIOReturnSuccess);
        }
        wait_for_ends(&client, 2);
        for (unsigned k = 0; k < 2; k++) {
            EXPECT_TRUE(ends[k].status == kIOReturnDeviceError ||
                        ends[k].status == kIOReturnSuccess);
        }
        both += check_many() == 0;
    }
    EXPECT_EQ(both, 3); /* one of the four is the second's own slot, or nobody's */
    drop_many(&client);
    vdma_set_profile(VDMA_PROFILE_OPEN);
}

/* What is at the device ends with an error, what waits in line goes on as if nothing had been. */
TEST(a_reset_leaves_the_line_unharmed)
{
    static const struct vdma_limits shallow = {.depth = 2, .latency = 20000};
    static const struct {
        uint16_t kind;
        uint64_t argument;
        unsigned least, most; /* of ten, that end well */
    } cases[] = {
        {VDMA_FAULT_NEEDS_RESET, 0, 8, 9},    {VDMA_FAULT_WRONG_ID, 0xffff, 8, 9},
        {VDMA_FAULT_WRONG_ID, 0, 8, 10}, /* of whatever has that slot, if anything */
        {VDMA_FAULT_WRONG_ID, 1, 8, 10},      {VDMA_FAULT_WRONG_LENGTH, 1u << 31, 8, 9},
        {VDMA_FAULT_DUPLICATE, 0, 8, 10},     {VDMA_FAULT_ERROR, 0, 9, 9},
        {VDMA_FAULT_SHORT, 100, 9, 9},        {VDMA_FAULT_WRONG_LENGTH, 40, 9, 9},
        {VDMA_FAULT_SPURIOUS, 0, 10, 10},     {VDMA_FAULT_LATE_INTERRUPT, 30000, 10, 10},
        {VDMA_FAULT_DELAY, 30000, 10, 10},    {VDMA_FAULT_REORDER, 30000, 10, 10},
        {VDMA_FAULT_NO_INTERRUPT, 0, 10, 10}, {VDMA_FAULT_CONFIG, 7, 10, 10},
    };
    struct client client;

    if (!vdma_present()) {
        return;
    }
    limit(&shallow);
    client = many_sides();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned good;

        end_count = 0;
        inject(cases[i].kind, 4, cases[i].argument); /* while others wait */
        for (unsigned k = 0; k < 10; k++) {
            EXPECT_EQ(start_copy(&client, &sources[k], &targets[k], kIODirectionIn),
                      kIOReturnSuccess);
        }
        if (cases[i].kind == VDMA_FAULT_NO_INTERRUPT) { /* nothing is to be seen but by a look */
            EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, UINT64_MAX),
                      kIOReturnSuccess);
        }
        wait_for_ends(&client, 10);
        good = check_many();
        EXPECT_GE(good, cases[i].least);
        EXPECT_LE(good, cases[i].most);
        for (unsigned k = 0; k < 10; k++) {
            EXPECT_TRUE(ends[k].status == kIOReturnSuccess ||
                        ends[k].status == kIOReturnDeviceError ||
                        (ends[k].status == kIOReturnIOError && cases[i].kind == VDMA_FAULT_ERROR) ||
                        (ends[k].status == kIOReturnUnderrun && ends[k].bytes == 100 &&
                         cases[i].kind == VDMA_FAULT_SHORT));
        }
    }
    drop_many(&client);
    vdma_set_profile(VDMA_PROFILE_OPEN);
}
