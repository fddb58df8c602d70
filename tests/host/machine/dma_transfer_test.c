/* SPDX-License-Identifier: BSD-2-Clause */
/* Transfers through event sources: starts, ends and their order, stops. */
#include <stdio.h>

#include "descriptors/dma/IODMACommand_private.h"
#include "kernel/trace.h"
#include "tests/host/machine/dma_engine.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/sim/sim_console.h"

/* CT-3, CT-4: in the order of completion, once each, noted before they arrive. */
static void ct_3_ends_arrive_in_order_with_the_gate_held(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *commands[DEPTH];

    (void)state;
    for (unsigned i = 0; i < DEPTH; i++) {
        commands[i] = new_transfer(DMA_LOW + 64 * i, 64, kIODirectionOut);
        assert_int_equal(go(source, commands[i], kIODirectionOut, 0, 0), kIOReturnSuccess);
    }
    assert_int_equal(go(source, commands[0], kIODirectionOut, 0, 0), kIOReturnBusy);
    sim_in_handler = true;
    for (unsigned i = 0; i < DEPTH; i++) {
        finish(i == 2 ? kIOReturnIOError : kIOReturnSuccess, 64 - i);
    }
    sim_in_handler = false;
    assert_int_equal(end_count, 0);
    assert_int_equal(notes, DEPTH);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, DEPTH);
    for (unsigned i = 0; i < DEPTH; i++) {
        assert_ptr_equal(ends[i].command, commands[i]);
        assert_int_equal(ends[i].status, i == 2 ? kIOReturnIOError : kIOReturnSuccess);
        assert_int_equal(ends[i].bytes, 64 - i);
        end_transfer(commands[i]);
    }
    drop_source(source);
}

static void ct_4_notification_is_at_once(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    finish(kIOReturnSuccess, 64);
    assert_int_equal(notes, 1);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(notes_at_end[0], 1);
    end_transfer(command);
    drop_source(source);
}

static void finish_badly(void)
{
    sim_in_handler = true;
    finish(kIOReturnIOError, 3);
    sim_in_handler = false;
}

/* CT-5 */
static void ct_5_a_synchronous_start_returns_the_transfers_status(void **state)
{
    IODMAEventSource *source = new_source(NULL);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(IODMAEventSource_startDMACommand(source, command, kIODirectionOut, 0, 0),
                     kIOReturnNotPermitted); /* the gate is open */
    sim_while_waiting = finish_badly;
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnIOError);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnIOError); /* usable */
    sim_while_waiting = NULL;
    end_transfer(command);
    drop_source(source);
}

/* A mapper's record of what it blocked before a transfer is not held against it. */
static void what_was_blocked_before_a_start_is_forgotten(void **state)
{
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IODMAEventSource *source = new_source(arrive);
    IOMapper *mapper = new_mapper();
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), 64, kIODirectionOut, owner);
    IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &any,
                                                                  kMapped, mapper, NULL);
    const IOMapperFault blocked = {IOVA, kIODMAMapReadAccess, kIOReturnNotFound, 1};

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    told.fault = blocked;
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    assert_false(command->use.isRunning); /* the device does not have it */
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
        assert_true(command->use.isRunning);
        if (i == 1) {
            told.fault = blocked; /* this time while the device has it */
        }
        finish(i == 2 ? kIOReturnIOError : kIOReturnSuccess, 0);
        assert_false(command->use.isRunning);
        IOWorkLoop_runEventSources(loop);
        assert_int_equal(end_count, i + 1);
        assert_int_equal(ends[i].status, i == 1   ? kIOReturnDMAError
                                         : i == 2 ? kIOReturnIOError
                                                  : kIOReturnSuccess);
    }
    /* Nor is what was blocked of a mapping held against a command that has none any more. */
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    told.fault = blocked;
    finish(kIOReturnSuccess, 0);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(ends[4].status, kIOReturnDMAError);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepareWithSpecificationOptions(
                         command, kIODMACommandOutputHost64, &any, kMapped, NULL, 0, 0, true, true),
                     kIOReturnSuccess);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    finish(kIOReturnSuccess, 0);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(ends[5].status, kIOReturnSuccess);
    end_transfer(command);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
    OSObject_release(mapper);
    drop_source(source);
}

/*
 * What has been recorded of a transfer's life since the last call, without the numbers and the
 * command, which must be this one.
 */
static void expect_life(const IODMACommand *command, const char *expected)
{
    char life[400] = "", kind[32], rest[120];
    unsigned long long number, at;
    const char *said;

    trace_stop();
    sim_console_forget();
    sim_console_set_quiet(true);
    trace_print();
    sim_console_set_quiet(false);
    for (said = sim_console_after(" of them lost\n"); said != NULL && *said != '\0';
         said = strchr(said, '\n') + 1) {
        if (sscanf(said, " %llu dma_%31s command=%llx%119[^\n]", &number, kind, &at, rest) == 4 &&
            strstr(" prepare start notify end complete copy ", kind) != NULL) {
            assert_int_equal(at, (uintptr_t)command);
            strcat(strcat(strcat(strcat(life, "dma_"), kind), rest), "\n");
        }
    }
    assert_string_equal(life, expected);
    trace_start();
}

/* Every beginning that is recorded has its end: of a refused start, and of a synchronous one. */
static void the_life_of_a_transfer_is_recorded(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    trace_start();
    assert_int_equal(IODMACommand_prepare(command, 8, 40, true, true), kIOReturnSuccess);
    expect_life(command, "dma_prepare offset=0x8 bytes=0x28\n");
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    expect_life(command, "dma_start bytes=0x28 direction=0x1\n"
                         "dma_end bytes=0x0 status=0xffffffffe00002c2\n");
    assert_int_equal(go(source, command, kIODirectionOut, 0, 30), kIOReturnSuccess);
    expect_life(command, "dma_start bytes=0xa direction=0x2\n");
    finish(kIOReturnIOError, 3);
    expect_life(command, "dma_notify bytes=0x3 status=0xffffffffe00002ca\n");
    IOWorkLoop_runEventSources(loop);
    expect_life(command, "dma_end bytes=0x3 status=0xffffffffe00002ca\n");
    drop_source(source);
    source = new_source(NULL);
    sim_while_waiting = finish_badly;
    assert_int_equal(go(source, command, kIODirectionOut, 20, 0), kIOReturnIOError);
    sim_while_waiting = NULL;
    expect_life(command, "dma_start bytes=0x14 direction=0x2\n"
                         "dma_notify bytes=0x3 status=0xffffffffe00002ca\n"
                         "dma_end bytes=0x3 status=0xffffffffe00002ca\n");
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    expect_life(command, "dma_copy bytes=0x28 towards=0x1\n");
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    expect_life(command, "dma_complete bytes=0x28 status=0x0\n");
    trace_stop();
    OSObject_release(command);
    drop_source(source);
}

/* CT-7 */
static void ct_7_parts_move_their_bytes_alone(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command;

    (void)state;
    dma_fill(DMA_LOW, 64, 7);
    command = new_transfer(DMA_LOW, 64, kIODirectionIn);
    memset(engine->data, 0xee, sizeof(engine->data));
    assert_int_equal(go(source, command, kIODirectionIn, 8, 16), kIOReturnSuccess);
    finish(kIOReturnSuccess, engine->jobs[0].count);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 60), kIOReturnBusy); /* not delivered */
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 60), kIOReturnSuccess);
    assert_int_equal(engine->jobs[0].count, 4);
    finish(kIOReturnSuccess, 4);
    IOWorkLoop_runEventSources(loop);
    for (uint64_t i = 0; i < 64; i++) {
        const bool moved = (i >= 16 && i < 24) || i >= 60;

        assert_int_equal(dma_bytes(DMA_LOW)[i], moved ? 0xee : pattern(i, 7));
    }
    end_transfer(command);
    drop_source(source);
}

/* CT-8, CT-9 */
static void ct_8_stopping_ends_everything_once(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *one = new_transfer(DMA_LOW, 64, kIODirectionOut);
    IODMACommand *two = new_transfer(DMA_LOW + 64, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(IODMAEventSource_stopDMACommand(source, false, UINT64_MAX), kIOReturnSuccess);
    go(source, one, kIODirectionOut, 0, 0);
    go(source, two, kIODirectionOut, 0, 0);
    assert_int_equal(IODMAEventSource_stopDMACommand(source, false, UINT64_MAX), kIOReturnSuccess);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 2);
    assert_int_equal(ends[0].status, kIOReturnAborted);
    assert_int_equal(ends[1].status, kIOReturnAborted);
    end_transfer(one);
    end_transfer(two);
    drop_source(source);
}

static void ct_9_asking_and_waiting(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut), *current = command;

    (void)state;
    assert_int_equal(IODMAEventSource_queryDMACommand(source, &current, NULL, false),
                     kIOReturnSuccess);
    assert_null(current);
    go(source, command, kIODirectionOut, 0, 0);
    IODMAEventSource_queryDMACommand(source, &current, NULL, false);
    assert_ptr_equal(current, command);
    assert_int_equal(IODMAEventSource_queryDMACommand(source, &current, NULL, true),
                     kIOReturnSuccess);
    assert_null(current);
    assert_int_equal(notes, 1);
    IOWorkLoop_runEventSources(loop);
    end_transfer(command);
    drop_source(source);
}

/* CT-11, CT-16 */
static void ct_11_16_a_silent_source_keeps_what_came(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    go(source, command, kIODirectionOut, 0, 0);
    IOEventSource_disable(source);
    finish(kIOReturnSuccess, 64);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 0);
    IOEventSource_enable(source);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    go(source, command, kIODirectionOut, 0, 0);
    assert_int_equal(IOWorkLoop_removeEventSource(loop, source), kIOReturnSuccess);
    finish(kIOReturnSuccess, 64);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    IOWorkLoop_addEventSource(loop, source);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 2);
    end_transfer(command);
    drop_source(source);
}

/* CT-12 */
static void ct_12_a_source_freed_during_a_transfer_stops_it(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    go(source, command, kIODirectionOut, 0, 0);
    drop_source(source);
    assert_int_equal(engine->count, 0);
    assert_null(engine->clients[0]);
    assert_int_equal(end_count, 0);
    end_transfer(command);
    drop_source(new_source(arrive));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(ct_3_ends_arrive_in_order_with_the_gate_held),
        ENGINE_TEST(ct_4_notification_is_at_once),
        ENGINE_TEST(ct_5_a_synchronous_start_returns_the_transfers_status),
        ENGINE_TEST(what_was_blocked_before_a_start_is_forgotten),
        ENGINE_TEST(the_life_of_a_transfer_is_recorded),
        ENGINE_TEST(ct_7_parts_move_their_bytes_alone),
        ENGINE_TEST(ct_8_stopping_ends_everything_once),
        ENGINE_TEST(ct_9_asking_and_waiting),
        ENGINE_TEST(ct_11_16_a_silent_source_keeps_what_came),
        ENGINE_TEST(ct_12_a_source_freed_during_a_transfer_stops_it),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
