/* SPDX-License-Identifier: BSD-2-Clause */
/* Event sources by themselves: on no loop, on another's, without hardware. */
#include "descriptors/IOCommandGate.h"
#include "descriptors/IOInterruptEventSource.h"
#include "descriptors/IOWorkLoop.h"
#include "descriptors/OSArray.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_irq.h"

static struct {
    IOWorkLoop *loop;
    OSObject *owner;
    IOInterruptEventSource *source;
    int calls, count;
} it;

static void note(OSObject *source_owner, IOInterruptEventSource *sender, int count)
{
    (void)source_owner, (void)sender;
    it.calls++;
    it.count += count;
}

static int start(void **state)
{
    if (map_start(state) != 0) {
        return -1;
    }
    it.loop = IOWorkLoop_workLoop();
    it.owner = OSObject_upcast(OSArray_withCapacity(1));
    it.source = IOInterruptEventSource_interruptEventSource(it.owner, note, NULL, 0);
    it.calls = it.count = 0;
    return it.loop == NULL || it.source == NULL;
}

static int stop(void **state)
{
    OSObject_release(it.source);
    OSObject_release(it.owner);
    OSObject_release(it.loop);
    return map_stop(state);
}

/* A source on no loop cannot be taken off one. */
static void what_is_on_no_loop_cannot_be_removed(void **state)
{
    (void)state;
    assert_int_equal(IOWorkLoop_removeEventSource(it.loop, it.source), kIOReturnBadArgument);
    assert_int_equal(IOWorkLoop_addEventSource(it.loop, it.source), kIOReturnSuccess);
    assert_int_equal(IOWorkLoop_removeEventSource(it.loop, it.source), kIOReturnSuccess);
    assert_int_equal(IOWorkLoop_removeEventSource(it.loop, it.source), kIOReturnBadArgument);
    assert_int_equal(OSObject_getRetainCount(it.source), 1);
}

/* Without a loop everything that needs one does nothing, and says so. */
static void without_a_loop_nothing_is_done(void **state)
{
    IOCommandGate *gate = IOCommandGate_commandGate(it.owner, NULL);
    int event;

    (void)state;
    IOEventSource_signalWorkAvailable(it.source);
    IOEventSource_closeGate(it.source);
    IOEventSource_openGate(it.source);
    assert_false(IOEventSource_tryCloseGate(it.source));
    assert_int_equal(IOEventSource_sleepGate(it.source, &event, THREAD_UNINT), THREAD_RESTART);
    IOEventSource_wakeupGate(it.source, &event, true);
    assert_false(IOEventSource_onThread(it.source));
    IOEventSource_disable(it.source);
    IOEventSource_enable(it.source);
    assert_true(IOEventSource_isEnabled(it.source));
    assert_int_equal(IOCommandGate_commandSleep(gate, &event, THREAD_UNINT), THREAD_RESTART);
    IOCommandGate_commandWakeup(gate, &event, true);
    /* What came meanwhile is delivered on the loop that it is put on. */
    IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    IOWorkLoop_addEventSource(it.loop, it.source);
    IOWorkLoop_runEventSources(it.loop);
    assert_int_equal(it.count, 1);
    OSObject_release(gate);
}

/* A source of software alone is silenced as one with a line is, and counts on. */
static void a_source_without_a_provider_can_be_silenced(void **state)
{
    (void)state;
    IOWorkLoop_addEventSource(it.loop, it.source);
    IOInterruptEventSource_disable(it.source);
    IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    IOWorkLoop_runEventSources(it.loop);
    assert_int_equal(it.calls, 0);
    IOInterruptEventSource_enable(it.source);
    IOWorkLoop_runEventSources(it.loop);
    assert_int_equal(it.calls, 1);
    assert_int_equal(it.count, 2);
}

/* Only what came since they are wanted has a time. */
static void times_are_noted_for_who_wants_them(void **state)
{
    (void)state;
    sim_time += 5;
    IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    assert_true(IOInterruptEventSource_getPrimaryInterruptTimestamp(it.source) == UINT64_MAX);
    IOInterruptEventSource_enablePrimaryInterruptTimestamp(it.source, true);
    assert_int_equal(IOInterruptEventSource_getPrimaryInterruptTimestamp(it.source), 0);
    IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    assert_int_equal(IOInterruptEventSource_getPrimaryInterruptTimestamp(it.source), sim_time);
}

#define SOURCE_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(what_is_on_no_loop_cannot_be_removed),
        SOURCE_TEST(without_a_loop_nothing_is_done),
        SOURCE_TEST(a_source_without_a_provider_can_be_silenced),
        SOURCE_TEST(times_are_noted_for_who_wants_them),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
