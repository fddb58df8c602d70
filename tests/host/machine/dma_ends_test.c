/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends of transfers that are not as they should be: before the start has returned, twice,
 * late, never, for another's command; and sources and loops that go meanwhile.
 */
#include "kernel/inject.h"
#include "tests/host/machine/dma_engine.h"
#include "tests/host/sim/sim_console.h"

/* CT-5, CT-10: the end is there before the start has returned. */
static void an_end_inside_the_start_is_not_lost(void **state)
{
    IODMAEventSource *source = new_source(NULL);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    engine->immediate = true; /* nobody wakes: a start that sleeps now sleeps for ever */
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    }
    drop_source(source);
    source = new_source(arrive);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    assert_int_equal(end_count, 0); /* on the loop, and not here */
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].bytes, 3);
    end_transfer(command);
    drop_source(source);
}

static unsigned masks_until_end; /* how often interrupts are let through before the end comes */

static void end_when_unmasked(void)
{
    if (masks_until_end != 0 && --masks_until_end == 0 && engine->count != 0) {
        sim_in_handler = true;
        finish(kIOReturnIOError, 5);
        sim_in_handler = false;
    }
}

static void end_now(void)
{
    sim_in_handler = true;
    finish(kIOReturnIOError, 5);
    sim_in_handler = false;
}

/* The interrupt that ends it falls behind each place where one can, and only there. */
static void an_end_at_every_place_of_a_start_is_not_lost(void **state)
{
    IODMAEventSource *source = new_source(NULL);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);
    unsigned place = 0;

    (void)state;
    do {
        masks_until_end = ++place;
        sim_unmasked = end_when_unmasked;
        sim_while_waiting = end_now; /* if it did not come before the sleep */
        assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnIOError);
        sim_unmasked = NULL;
        sim_while_waiting = NULL;
    } while (masks_until_end == 0);
    assert_true(place > 1);
    end_transfer(command);
    drop_source(source);
}

static IODMACommand *second_command;

static void start_again_while_waiting(void)
{
    IODMAEventSource *source = engine->clients[0];

    assert_int_equal(go(source, second_command, kIODirectionOut, 0, 0), kIOReturnBusy);
    end_now();
}

/* CT-5: one synchronous start at a time. */
static void ct_5_a_second_synchronous_start_is_busy(void **state)
{
    IODMAEventSource *source = new_source(NULL);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    second_command = new_transfer(DMA_LOW + 64, 64, kIODirectionOut);
    sim_while_waiting = start_again_while_waiting;
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnIOError);
    sim_while_waiting = NULL;
    assert_int_equal(engine->count, 0);
    end_transfer(command);
    end_transfer(second_command);
    drop_source(source);
}

static IODMAEventSource *going;

static void let_go_while_waiting(void)
{
    IODMAEventSource *source = going;

    going = NULL;
    if (source != NULL) {
        drop_source(source); /* off its loop, and its owner's reference is gone */
    } else {
        end_now();
    }
}

/* The owner lets go of the source, and takes it off its loop, while a start sleeps in it. */
static void a_source_that_goes_during_a_start_lasts_until_its_end(void **state)
{
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    going = new_source(NULL);
    IODMAEventSource *const source = going;
    sim_while_waiting = let_go_while_waiting;
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnIOError);
    sim_while_waiting = NULL;
    assert_null(engine->clients[0]);
    end_transfer(command);
}

/* CT-10: a second notification, or one for a command that is another's, changes no result. */
static void ct_10_a_result_is_given_once_and_by_its_engine(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMAEventSource *another = IODMAEventSource_dmaEventSource(client, device, arrive, NULL, 1);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    IOWorkLoop_addEventSource(loop, another);
    go(source, command, kIODirectionOut, 0, 0);
    IODMAEventSource_notifyDMACommand(another, command, kIOReturnNoPower, 1, 0);
    IODMAEventSource_completeDMACommand(another, command);
    assert_int_equal(go(another, command, kIODirectionOut, 0, 0), kIOReturnBusy);
    finish(kIOReturnSuccess, 9);
    IODMAEventSource_notifyDMACommand(source, command, kIOReturnNoPower, 1, 0); /* late */
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].status, kIOReturnSuccess);
    assert_int_equal(ends[0].bytes, 9);
    end_transfer(command);
    drop_source(another);
    drop_source(source);
}

/* A device that says it has moved more than it was told to is not believed. */
static void more_bytes_than_were_started_are_an_error(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        /* A part of it, and the rest from some byte on: 16 bytes each. */
        assert_int_equal(go(source, command, kIODirectionOut, i == 0 ? 16 : 0, i == 0 ? 8 : 48),
                         kIOReturnSuccess);
        sim_console_forget();
        IODMAController_notifyDMACommand(&engine->super, source, command, kIOReturnSuccess, 17,
                                         sim_time);
        assert_true(sim_console_said("moved 17 bytes of 16"));
        engine->count = 0;
        IODMAController_completeDMACommand(&engine->super, source, command);
        IOWorkLoop_runEventSources(loop);
        assert_int_equal(ends[i].status, kIOReturnDMAError);
        assert_int_equal(ends[i].bytes, 16);
    }
    assert_int_equal(go(source, command, kIODirectionOut, 16, 8), kIOReturnSuccess);
    finish(kIOReturnSuccess, 16);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(ends[2].status, kIOReturnSuccess);
    end_transfer(command);
    drop_source(source);
}

/* An engine that does not stop in time: the command stays its, until the engine ends it. */
static void a_stop_in_vain_leaves_the_command_with_the_engine(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionIn), *current = NULL;
    IOMemoryDescriptor *memory = (IOMemoryDescriptor *)IODMACommand_getMemoryDescriptor(command);

    (void)state;
    go(source, command, kIODirectionIn, 0, 0);
    engine->deaf = true;
    assert_int_equal(IODMAEventSource_stopDMACommand(source, true, 1), kIOReturnTimeout);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count + notes, 0);
    /* Nobody gets at the memory while the engine may write to it. */
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnBusy);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnBusy);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnBusy);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, NULL, false), kIOReturnBusy);
    assert_false(IOMemoryDescriptor_initWithOptions(memory, &(IOAddressRange){DMA_LOW, 5}, 1, 0,
                                                    TASK_NULL,
                                                    kIOMemoryTypePhysical | kIODirectionIn, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnBusy);
    IODMAEventSource_queryDMACommand(source, &current, NULL, false);
    assert_ptr_equal(current, command);
    engine->data[0] = 0x5a;
    finish(kIOReturnAborted, 1); /* at last */
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    assert_int_equal(notes, 1);
    assert_int_equal(ends[0].status, kIOReturnAborted);
    assert_int_equal(dma_bytes(DMA_LOW)[0], 0x5a);
    engine->deaf = false;
    end_transfer(command);
    drop_source(source);
}

/* The same, and the owner frees the source: it is kept for the ends that it is owed. */
static void a_source_freed_in_vain_is_kept_until_the_engine_ends(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *one = new_transfer(DMA_LOW, 64, kIODirectionOut);
    IODMACommand *two = new_transfer(DMA_LOW + 64, 64, kIODirectionOut);

    (void)state;
    go(source, one, kIODirectionOut, 0, 0);
    go(source, two, kIODirectionOut, 0, 0);
    engine->deaf = true;
    sim_console_forget();
    drop_source(source);
    assert_true(sim_console_said("kept for 2 commands"));
    assert_ptr_equal(engine->clients[0], source); /* nobody else gets the channel */
    assert_null(IODMAEventSource_dmaEventSource(client, device, arrive, NULL, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoChannels);
    finish(kIOReturnSuccess, 0);
    assert_int_equal(OSObject_getRetainCount(one), 1); /* delivered to nobody, and let go of */
    assert_int_equal(IODMACommand_complete(one, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(two, true, true), kIOReturnBusy);
    finish(kIOReturnSuccess, 0);
    assert_int_equal(IODMACommand_complete(two, true, true), kIOReturnSuccess);
    assert_int_equal(end_count, 0);
    assert_null(engine->clients[0]);
    engine->deaf = false;
    OSObject_release(one);
    OSObject_release(two);
}

/* The loop goes with a transfer under way: its end waits, and arrives on another loop. */
static void a_loop_that_goes_leaves_the_end_for_the_next(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    go(source, command, kIODirectionOut, 0, 0);
    OSObject_release(loop);
    assert_null(IOEventSource_getWorkLoop(source));
    assert_int_equal(IODMAEventSource_startDMACommand(source, command, kIODirectionOut, 0, 0),
                     kIOReturnNotReady);
    finish(kIOReturnSuccess, 7);
    assert_int_equal(end_count, 0);
    loop = IOWorkLoop_workLoop();
    IOWorkLoop_addEventSource(loop, source);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].bytes, 7);
    end_transfer(command);
    drop_source(source);
}

/* A client that has been told of a wrong end never touches what a later transfer uses. */
static void no_end_at_all_leaves_all_as_it_was(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    /* One before it has moved bytes, at some time. */
    go(source, command, kIODirectionOut, 0, 0);
    finish(kIOReturnSuccess, 64);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(ends[0].bytes, 64);
    assert_int_not_equal(ends[0].when, 0);
    end_count = 0;
    go(source, command, kIODirectionOut, 0, 0);
    engine->count = 0; /* the engine has forgotten it */
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 0);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnBusy);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnBusy);
    IODMAEventSource_completeDMACommand(source, command); /* a reset of the hardware says so */
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].status, kIOReturnInternalError);
    assert_int_equal(ends[0].bytes, 0);
    assert_int_equal(ends[0].when, 0);
    end_transfer(command);
    drop_source(source);
}

/* CT-2: whichever request for memory fails, the engine and its channel are as before. */
static void ct_2_each_allocation_of_a_source_fails(void **state)
{
    struct inject_report report;
    uint64_t nth = 0;
    IODMAEventSource *source;

    (void)state;
    do {
        inject_begin(++nth);
        source = IODMAEventSource_dmaEventSource(client, device, arrive, NULL, 0);
        inject_end(&report);
        if (source == NULL) {
            assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
            assert_null(engine->clients[0]);
            assert_int_equal(OSObject_getRetainCount(&engine->super), 1);
        }
        OSObject_release(source);
    } while (report.failed);
    assert_true(nth > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(an_end_inside_the_start_is_not_lost),
        ENGINE_TEST(an_end_at_every_place_of_a_start_is_not_lost),
        ENGINE_TEST(ct_5_a_second_synchronous_start_is_busy),
        ENGINE_TEST(a_source_that_goes_during_a_start_lasts_until_its_end),
        ENGINE_TEST(ct_10_a_result_is_given_once_and_by_its_engine),
        ENGINE_TEST(more_bytes_than_were_started_are_an_error),
        ENGINE_TEST(a_stop_in_vain_leaves_the_command_with_the_engine),
        ENGINE_TEST(a_source_freed_in_vain_is_kept_until_the_engine_ends),
        ENGINE_TEST(a_loop_that_goes_leaves_the_end_for_the_next),
        ENGINE_TEST(no_end_at_all_leaves_all_as_it_was),
        ENGINE_TEST(ct_2_each_allocation_of_a_source_fails),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
