/* SPDX-License-Identifier: BSD-2-Clause */
/* Work loops: the gate, sleeping on it, sources, gates of commands, and interrupts. */
#include "descriptors/IOCommandGate.h"
#include "descriptors/IOInterruptEventSource.h"
#include "descriptors/IOWorkLoop.h"
#include "descriptors/OSArray.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

static OSObject *new_owner(void)
{
    return OSObject_upcast(OSArray_withCapacity(1));
}

#define LINE      48
#define LINE_EDGE 49

static IOService *new_device(void)
{
    /* SPI 16, level; SPI 17, edge */
    static const uint8_t interrupts[] = {0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 4,
                                         0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 1};
    IOService *device = IOService_withReader("device", NULL, NULL);

    assert_int_equal(IOService_setProperty(device, "interrupts", interrupts, sizeof(interrupts)),
                     kIOReturnSuccess);
    return device;
}

static int event;
static unsigned woken_during;
static IOWorkLoop *the_loop;

static void wake_from_handler(void)
{
    woken_during++;
    assert_int_equal(IOWorkLoop_inGate(the_loop), false); /* a sleeper holds nothing */
    IOWorkLoop_wakeupGate(the_loop, &event, true);
}

/* CT-14: recursive, and a sleep gives back all levels and takes them again. */
static void ct_14_the_gate_is_recursive_and_sleeps_whole(void **state)
{
    IOWorkLoop *loop = IOWorkLoop_workLoop();

    (void)state;
    the_loop = loop;
    woken_during = 0;
    IOWorkLoop_closeGate(loop);
    IOWorkLoop_closeGate(loop);
    sim_while_waiting = wake_from_handler;
    assert_int_equal(IOWorkLoop_sleepGate(loop, &event, THREAD_UNINT), THREAD_AWAKENED);
    sim_while_waiting = NULL;
    assert_int_equal(woken_during, 1);
    IOWorkLoop_openGate(loop);
    assert_true(IOWorkLoop_inGate(loop));
    IOWorkLoop_openGate(loop);
    assert_false(IOWorkLoop_inGate(loop));
    assert_int_equal(IOWorkLoop_sleepGate(loop, &event, THREAD_UNINT), THREAD_RESTART);
    IOWorkLoop_closeGate(loop);
    assert_int_equal(IOWorkLoop_sleepGate(loop, NULL, THREAD_UNINT), THREAD_RESTART);
    assert_int_equal(IOWorkLoop_sleepGateDeadline(loop, &event, sim_time + 500, THREAD_UNINT),
                     THREAD_TIMED_OUT);
    IOWorkLoop_openGate(loop);
    OSObject_release(loop);
}

/* CT-14, the lost wake: an end that came before the sleep is not slept through. */
static void ct_14_an_end_before_the_sleep_is_not_lost(void **state)
{
    IOWorkLoop *loop = IOWorkLoop_workLoop();
    void *volatile pending = NULL;

    (void)state;
    IOWorkLoop_closeGate(loop);
    /* Nobody will wake: only the condition ends this, or sim_irq.c aborts. */
    assert_int_equal(IOWorkLoop_sleepGateWhile(loop, &event, &pending), THREAD_AWAKENED);
    IOWorkLoop_openGate(loop);
    OSObject_release(loop);
}

static struct {
    int calls, count;
    IOInterruptEventSource *sender;
    bool in_gate;
} seen;

static void note_interrupts(OSObject *source_owner, IOInterruptEventSource *sender, int count)
{
    assert_non_null(source_owner);
    seen.calls++;
    seen.count += count;
    seen.sender = sender;
    seen.in_gate = IOWorkLoop_inGate(IOEventSource_getWorkLoop(sender));
}

/* CT-15: one unmask a delivery; masked while pending; the client's word counts more. */
static void ct_15_a_level_line_stays_masked_until_delivery(void **state)
{
    IOWorkLoop *loop = IOWorkLoop_workLoop();
    IOService *device = new_device();
    OSObject *source_owner = new_owner();
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, note_interrupts, device, 0);

    (void)state;
    memset(&seen, 0, sizeof(seen));
    assert_true(IOInterruptEventSource_getAutoDisable(source));
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    assert_false(sim_line_is_enabled(LINE)); /* off until enable */
    IOInterruptEventSource_enable(source);
    assert_true(sim_line_is_enabled(LINE));
    sim_interrupt(LINE);
    assert_false(sim_line_is_enabled(LINE));
    assert_int_equal(seen.calls, 0);
    IOInterruptEventSource_enable(source); /* not before delivery */
    assert_false(sim_line_is_enabled(LINE));
    assert_true(IOWorkLoop_runEventSources(loop));
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.count, 1);
    assert_true(seen.in_gate);
    assert_true(sim_line_is_enabled(LINE));
    sim_interrupt(LINE);
    IOInterruptEventSource_disable(source);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(seen.calls, 1); /* kept */
    assert_false(sim_line_is_enabled(LINE));
    IOInterruptEventSource_enable(source);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(seen.calls, 2);
    assert_true(sim_line_is_enabled(LINE));
    assert_int_equal(IOWorkLoop_removeEventSource(loop, source), kIOReturnSuccess);
    assert_false(sim_line_is_enabled(LINE));
    OSObject_release(source);
    OSObject_release(source_owner);
    OSObject_release(device);
    OSObject_release(loop);
}

/* Edges are counted, and delivered as one call. */
static void edges_are_counted(void **state)
{
    IOWorkLoop *loop = IOWorkLoop_workLoop();
    IOService *device = new_device();
    OSObject *source_owner = new_owner();
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, note_interrupts, device, 1);

    (void)state;
    memset(&seen, 0, sizeof(seen));
    assert_null(
        IOInterruptEventSource_interruptEventSource(source_owner, note_interrupts, device, 2));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoInterrupt);
    assert_null(
        IOInterruptEventSource_interruptEventSource(source_owner, note_interrupts, device, -1));
    IOWorkLoop_addEventSource(loop, source);
    IOInterruptEventSource_enablePrimaryInterruptTimestamp(source, true);
    assert_int_equal(IOInterruptEventSource_getPrimaryInterruptTimestamp(source), 0);
    IOInterruptEventSource_enable(source);
    for (int i = 0; i < 3; i++) {
        sim_interrupt(LINE_EDGE);
    }
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.count, 3);
    assert_int_equal(IOInterruptEventSource_getPrimaryInterruptTimestamp(source), sim_time);
    OSObject_release(source);
    OSObject_release(loop); /* takes its sources off */
    assert_false(sim_line_is_enabled(LINE_EDGE));
    OSObject_release(source_owner);
    OSObject_release(device);
}

static IOReturn add_arguments(OSObject *target, void *a, void *b, void *c, void *d)
{
    assert_non_null(target);
    assert_true(IOWorkLoop_inGate(the_loop));
    return (IOReturn)((uintptr_t)a + (uintptr_t)b + (uintptr_t)c + (uintptr_t)d);
}

#define ARGUMENTS (void *)1, (void *)2, (void *)3, (void *)4

static IOCommandGate *the_gate;

static void enable_the_gate(void)
{
    IOCommandGate_enable(the_gate);
}

static void take_the_gate_off(void)
{
    IOWorkLoop_removeEventSource(the_loop, the_gate);
}

/* CT-17 */
static void ct_17_command_gates(void **state)
{
    IOWorkLoop *loop = IOWorkLoop_workLoop();
    OSObject *source_owner = new_owner();
    IOCommandGate *gate = IOCommandGate_commandGate(source_owner, add_arguments);

    (void)state;
    the_loop = loop;
    the_gate = gate;
    assert_null(IOCommandGate_commandGate(NULL, add_arguments));
    assert_int_equal(IOCommandGate_runCommand(gate, ARGUMENTS), kIOReturnNotReady);
    IOWorkLoop_addEventSource(loop, gate);
    assert_int_equal(IOCommandGate_runAction(gate, add_arguments, ARGUMENTS), 10);
    assert_int_equal(IOCommandGate_runCommand(gate, ARGUMENTS), 10);
    assert_int_equal(IOCommandGate_runAction(gate, NULL, ARGUMENTS), kIOReturnBadArgument);
    IOCommandGate_disable(gate);
    assert_int_equal(IOCommandGate_attemptCommand(gate, ARGUMENTS), kIOReturnNotPermitted);
    sim_while_waiting = enable_the_gate;
    assert_int_equal(IOCommandGate_runCommand(gate, ARGUMENTS), 10);
    IOCommandGate_disable(gate);
    sim_while_waiting = take_the_gate_off;
    assert_int_equal(IOCommandGate_runCommand(gate, ARGUMENTS), kIOReturnAborted);
    sim_while_waiting = NULL;
    sim_console_forget();
    IOCommandGate_enable(gate); /* nobody waits any more who would have to be woken */
    assert_false(sim_console_said("wake-up"));
    assert_int_equal(IOCommandGate_commandSleep(gate, NULL, 0), kIOReturnBadArgument);
    OSObject_release(gate);
    OSObject_release(source_owner);
    OSObject_release(loop);
}

static IOInterruptEventSource *leaver;

static void leave(OSObject *source_owner, IOInterruptEventSource *sender, int count)
{
    (void)source_owner, (void)count;
    seen.calls++;
    assert_int_equal(IOWorkLoop_removeEventSource(the_loop, sender), kIOReturnSuccess);
}

/* A source may take itself off in its own action, and another keeps its turn. */
static void a_source_may_leave_in_its_action(void **state)
{
    IOWorkLoop *loop = IOWorkLoop_workLoop(), *another = IOWorkLoop_workLoop();
    OSObject *source_owner = new_owner();
    IOInterruptEventSource *second;

    (void)state;
    the_loop = loop;
    memset(&seen, 0, sizeof(seen));
    leaver = IOInterruptEventSource_interruptEventSource(source_owner, leave, NULL, 0);
    second = IOInterruptEventSource_interruptEventSource(source_owner, note_interrupts, NULL, 0);
    IOWorkLoop_addEventSource(loop, leaver);
    IOWorkLoop_addEventSource(loop, second);
    assert_int_equal(IOWorkLoop_addEventSource(loop, second), kIOReturnSuccess);
    assert_int_equal(IOWorkLoop_addEventSource(another, second), kIOReturnExclusiveAccess);
    assert_int_equal(IOWorkLoop_removeEventSource(another, second), kIOReturnBadArgument);
    IOInterruptEventSource_interruptOccurred(leaver, NULL, NULL, 0);
    IOInterruptEventSource_interruptOccurred(second, NULL, NULL, 0);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(seen.calls, 2);
    assert_null(IOEventSource_getWorkLoop(leaver));
    OSObject_release(leaver);
    OSObject_release(second);
    OSObject_release(source_owner);
    OSObject_release(another);
    OSObject_release(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(ct_14_the_gate_is_recursive_and_sleeps_whole),
        MAP_TEST(ct_14_an_end_before_the_sleep_is_not_lost),
        MAP_TEST(ct_15_a_level_line_stays_masked_until_delivery),
        MAP_TEST(edges_are_counted),
        MAP_TEST(ct_17_command_gates),
        MAP_TEST(a_source_may_leave_in_its_action),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
