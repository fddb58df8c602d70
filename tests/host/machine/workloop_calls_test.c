/* SPDX-License-Identifier: BSD-2-Clause */
/* Work loops and their sources, call by call: what each answers for what it is given. */
#include <limits.h>

#include "descriptors/IOCommandGate.h"
#include "descriptors/IOInterruptEventSource.h"
#include "descriptors/IOWorkLoop.h"
#include "descriptors/OSArray.h"
#include "kernel/inject.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

static struct {
    IOWorkLoop *loop;
    OSObject *owner;
    IOCommandGate *gate;
    IOInterruptEventSource *source; /* without a line */
    unsigned calls;
    int count;
} it;

static int event, other_event;

static void note(OSObject *owner_of_source, IOInterruptEventSource *sender, int count)
{
    (void)owner_of_source, (void)sender;
    it.calls++;
    it.count += count;
}

static IOReturn answer(OSObject *target, void *arg0, void *arg1, void *arg2, void *arg3)
{
    (void)target, (void)arg1, (void)arg2, (void)arg3;
    assert_true(IOWorkLoop_inGate(it.loop));
    it.calls++;
    return (IOReturn)(uintptr_t)arg0;
}

static int start(void **state)
{
    if (map_start(state) != 0) {
        return -1;
    }
    memset(&it, 0, sizeof(it));
    it.loop = IOWorkLoop_workLoop();
    it.owner = OSObject_upcast(OSArray_withCapacity(1));
    it.gate = IOCommandGate_commandGate(it.owner, answer);
    it.source = IOInterruptEventSource_interruptEventSource(it.owner, note, NULL, 0);
    return it.loop == NULL || it.gate == NULL || it.source == NULL;
}

static int stop(void **state)
{
    const bool open = !IOWorkLoop_inGate(it.loop);

    sim_while_waiting = NULL;
    OSObject_release(it.source);
    OSObject_release(it.gate);
    OSObject_release(it.owner);
    OSObject_release(it.loop);
    return map_stop(state) == 0 && open ? 0 : -1;
}

/* A device whose "interrupts" are these cells. */
static IOService *device(const UInt32 *cells, unsigned count)
{
    IOService *made = IOService_withReader("device", NULL, NULL);
    uint8_t bytes[64];

    for (unsigned i = 0; i < count; i++) {
        for (unsigned byte = 0; byte < 4; byte++) {
            bytes[i * 4 + byte] = (uint8_t)(cells[i] >> (24 - 8 * byte));
        }
    }
    assert_int_equal(IOService_setProperty(made, "interrupts", bytes, count * 4), kIOReturnSuccess);
    return made;
}

/* Why there is none is said by whoever had no memory. */
static void loops_need_memory(void **state)
{
    struct inject_report report;

    (void)state;
    platform_set_last_error(0);
    inject_begin(1);
    assert_null(IOWorkLoop_workLoop());
    inject_end(&report);
    assert_true(report.failed);
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
}

static void loops_come_and_go(void **state)
{
    IOWorkLoop *first = IOWorkLoop_workLoopWithOptions(kPreciousStack | kTimeLockPanics);
    IOWorkLoop *second = IOWorkLoop_workLoop();
    IOWorkLoop *unborn = (IOWorkLoop *)OSMetaClass_allocate(&IOWorkLoop_metaClass);

    (void)state;
    assert_ptr_equal(IOWorkLoop_getMetaClass(first), &IOWorkLoop_metaClass);
    assert_false(IOWorkLoop_init(second)); /* it is one already */
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_null(IOWorkLoop_workLoopWithOptions(0x100));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    OSObject_release(unborn); /* was never among the others */
    OSObject_release(first);
    IOWorkLoop_addEventSource(second, it.source);
    IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    assert_true(IOWorkLoop_runEventSources(second));
    assert_int_equal(it.count, 1);
    assert_int_equal(IOWorkLoop_removeEventSource(second, it.source), kIOReturnSuccess);
    OSObject_release(second);
}

/* Whichever of the others goes: who sleeps does its work, and that of no former one. */
static void loops_that_stay_are_worked_for(void **state)
{
    IOWorkLoop *loops[3];

    (void)state;
    for (unsigned gone = 0; gone < 3; gone++) {
        for (unsigned i = 0; i < 3; i++) {
            loops[i] = IOWorkLoop_workLoop();
        }
        OSObject_release(loops[gone]);
        for (unsigned i = 0; i < 3; i++) {
            if (i == gone) {
                continue;
            }
            it.count = 0;
            assert_int_equal(IOWorkLoop_addEventSource(loops[i], it.source), kIOReturnSuccess);
            IOEventSource_enable(it.source); /* who leaves a loop is silenced */
            IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
            IOWorkLoop_closeGate(it.loop);
            assert_int_equal(
                IOWorkLoop_sleepGateDeadline(it.loop, &loops, sim_time + 10, THREAD_UNINT),
                THREAD_TIMED_OUT);
            IOWorkLoop_openGate(it.loop);
            assert_int_equal(it.count, 1);
            assert_int_equal(IOWorkLoop_removeEventSource(loops[i], it.source), kIOReturnSuccess);
        }
        OSObject_release(loops[(gone + 1) % 3]);
        OSObject_release(loops[(gone + 2) % 3]);
    }
}

static void what_is_no_source_has_none_of_its_methods(void **state)
{
    (void)state;
    sim_console_set_quiet(true);
    assert_true(SIM_PANICS(IOEventSource_enable((IOEventSource *)it.loop)));
    sim_console_set_quiet(false);
}

static void a_gate_that_is_open_stays_so(void **state)
{
    (void)state;
    IOWorkLoop_openGate(it.loop);
    assert_false(IOWorkLoop_inGate(it.loop));
    IOWorkLoop_closeGate(it.loop);
    assert_true(IOWorkLoop_inGate(it.loop));
    IOWorkLoop_openGate(it.loop);
    assert_false(IOWorkLoop_inGate(it.loop));
    IOWorkLoop_setMaximumLockTime(it.loop, 1, 2);
    assert_false(IOWorkLoop_onThread(it.loop));
}

static void a_source_is_on_one_loop(void **state)
{
    IOWorkLoop *second = IOWorkLoop_workLoop();

    (void)state;
    assert_int_equal(IOWorkLoop_addEventSource(it.loop, (IOEventSource *)NULL),
                     kIOReturnBadArgument);
    assert_int_equal(IOWorkLoop_removeEventSource(it.loop, (IOEventSource *)NULL),
                     kIOReturnBadArgument);
    assert_int_equal(IOWorkLoop_addEventSource(it.loop, it.gate), kIOReturnSuccess);
    assert_int_equal(IOWorkLoop_addEventSource(it.loop, it.source), kIOReturnSuccess);
    assert_int_equal(IOWorkLoop_addEventSource(it.loop, it.source), kIOReturnSuccess);
    assert_int_equal(OSObject_getRetainCount(it.source), 2);
    assert_int_equal(IOWorkLoop_addEventSource(second, it.source), kIOReturnExclusiveAccess);
    assert_int_equal(IOWorkLoop_removeEventSource(second, it.source), kIOReturnBadArgument);
    assert_int_equal(OSObject_getRetainCount(it.source), 2);
    OSObject_release(second);
}

static void sources_are_silenced_by_kind(void **state)
{
    (void)state;
    IOWorkLoop_addEventSource(it.loop, it.gate);
    IOWorkLoop_addEventSource(it.loop, it.source);
    IOWorkLoop_disableAllInterrupts(it.loop);
    assert_true(IOEventSource_isEnabled(it.gate));
    assert_false(IOEventSource_isEnabled(it.source));
    IOWorkLoop_disableAllEventSources(it.loop);
    assert_false(IOEventSource_isEnabled(it.gate));
    IOWorkLoop_enableAllInterrupts(it.loop);
    assert_false(IOEventSource_isEnabled(it.gate));
    assert_true(IOEventSource_isEnabled(it.source));
    IOWorkLoop_enableAllEventSources(it.loop);
    assert_true(IOEventSource_isEnabled(it.gate));
}

static void an_action_runs_with_the_gate_closed(void **state)
{
    (void)state;
    assert_int_equal(IOWorkLoop_runAction(it.loop, NULL, NULL, NULL, NULL, NULL, NULL),
                     kIOReturnBadArgument);
    assert_int_equal(IOWorkLoop_runAction(it.loop, answer, NULL, (void *)7, NULL, NULL, NULL), 7);
    assert_int_equal(it.calls, 1);
    assert_false(IOWorkLoop_inGate(it.loop));
}

static void signal_once(OSObject *owner_of_source, IOInterruptEventSource *sender, int count)
{
    note(owner_of_source, sender, count);
    if (it.calls == 1) {
        IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    }
}

static void what_is_signalled_in_a_scan_is_done_in_the_same_run(void **state)
{
    IOInterruptEventSource *later =
        IOInterruptEventSource_interruptEventSource(it.owner, signal_once, NULL, 0);

    (void)state;
    IOWorkLoop_addEventSource(it.loop, it.source);
    IOWorkLoop_addEventSource(it.loop, later); /* asked last: the scan is past the first */
    IOInterruptEventSource_interruptOccurred(later, NULL, NULL, 0);
    assert_true(IOWorkLoop_runEventSources(it.loop));
    assert_int_equal(it.calls, 2);
    IOWorkLoop_removeEventSource(it.loop, later);
    OSObject_release(later);
}

static IOWorkLoop *second_loop;

static void wake_all_but_late(void)
{
    IOWorkLoop_wakeupGate(second_loop, &event, false);
    IOWorkLoop_wakeupGate(it.loop, &other_event, false);
    assert_int_equal(it.calls, 0);
    IOWorkLoop_wakeupGate(it.loop, NULL, false);
    it.calls++;
    IOWorkLoop_wakeupGate(it.loop, &event, false);
    IOWorkLoop_wakeupGate(it.loop, &event, true); /* nobody is left to wake */
}

static void a_wake_names_loop_and_event(void **state)
{
    (void)state;
    second_loop = IOWorkLoop_workLoop();
    sim_while_waiting = wake_all_but_late;
    IOWorkLoop_closeGate(it.loop);
    assert_int_equal(IOWorkLoop_sleepGate(it.loop, &event, THREAD_UNINT), THREAD_AWAKENED);
    assert_int_equal(it.calls, 1);
    sim_in_handler = true;
    assert_int_equal(IOWorkLoop_sleepGate(it.loop, &event, THREAD_UNINT), THREAD_RESTART);
    sim_in_handler = false;
    IOWorkLoop_openGate(it.loop);
    OSObject_release(second_loop);
}

static IOReturn run_gate(void *result)
{
    return IOCommandGate_runAction(it.gate, answer, result, NULL, NULL, NULL);
}

static IOReturn attempt(void *result)
{
    return IOCommandGate_attemptAction(it.gate, answer, result, NULL, NULL, NULL);
}

static void a_gate_without_loop_or_in_a_handler_is_not_entered(void **state)
{
    (void)state;
    assert_int_equal(run_gate(NULL), kIOReturnNotReady);
    assert_int_equal(attempt(NULL), kIOReturnNotReady);
    IOWorkLoop_addEventSource(it.loop, it.gate);
    sim_in_handler = true;
    assert_int_equal(run_gate(NULL), kIOReturnCannotLock);
    assert_int_equal(attempt(NULL), kIOReturnCannotLock);
    sim_in_handler = false;
    assert_int_equal(IOCommandGate_runAction(it.gate, NULL, NULL, NULL, NULL, NULL),
                     kIOReturnBadArgument);
    assert_int_equal(IOCommandGate_attemptAction(it.gate, NULL, NULL, NULL, NULL, NULL),
                     kIOReturnBadArgument);
    assert_int_equal(IOCommandGate_commandSleep(it.gate, NULL, THREAD_UNINT), kIOReturnBadArgument);
    assert_int_equal(it.calls, 0);
    assert_int_equal(run_gate((void *)3), 3);
    assert_int_equal(attempt((void *)4), 4);
    assert_int_equal(IOCommandGate_runCommand(it.gate, (void *)5, NULL, NULL, NULL), 5);
    assert_int_equal(IOCommandGate_attemptCommand(it.gate, (void *)6, NULL, NULL, NULL), 6);
    IOCommandGate_disable(it.gate);
    assert_int_equal(attempt(NULL), kIOReturnNotPermitted);
    assert_int_equal(it.calls, 4);
}

static void run_gate_in_action(OSObject *owner_of_source, IOInterruptEventSource *sender, int count)
{
    (void)owner_of_source, (void)sender, (void)count;
    assert_true(IOWorkLoop_onThread(it.loop));
    assert_int_equal(run_gate((void *)9), 9); /* disabled, and not waited for */
}

static void the_loops_own_thread_does_not_wait_for_a_gate(void **state)
{
    (void)state;
    IOWorkLoop_addEventSource(it.loop, it.gate);
    IOWorkLoop_addEventSource(it.loop, it.source);
    IOCommandGate_disable(it.gate);
    IOEventSource_setAction(it.source, (IOEventSource_Action)(void (*)(void))run_gate_in_action);
    IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    IOWorkLoop_runEventSources(it.loop);
    assert_int_equal(it.calls, 1);
}

static void move_gate_in_action(OSObject *owner_of_source, IOInterruptEventSource *sender,
                                int count)
{
    (void)owner_of_source, (void)sender, (void)count;
    assert_int_equal(IOWorkLoop_removeEventSource(it.loop, it.gate), kIOReturnSuccess);
    assert_false(IOEventSource_isEnabled(it.gate));
    assert_int_equal(IOWorkLoop_addEventSource(it.loop, it.gate), kIOReturnSuccess);
}

/* A gate that is put on its loop again is to be used: who has waited for it goes on. */
static void a_gate_that_comes_back_is_enabled(void **state)
{
    (void)state;
    IOWorkLoop_addEventSource(it.loop, it.gate);
    IOWorkLoop_addEventSource(it.loop, it.source);
    IOCommandGate_disable(it.gate);
    IOEventSource_setAction(it.source, (IOEventSource_Action)(void (*)(void))move_gate_in_action);
    IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    assert_int_equal(run_gate((void *)8), 8);
    assert_true(IOEventSource_isEnabled(it.gate));
}

static void what_a_source_is_given_it_gives_back(void **state)
{
    IOCommandGate *ownerless = (IOCommandGate *)OSMetaClass_allocate(&IOCommandGate_metaClass);

    (void)state;
    IOEventSource_setNext(it.source, (IOEventSource *)it.gate);
    assert_ptr_equal(IOEventSource_getNext(it.source), it.gate);
    IOEventSource_setNext(it.source, NULL);
    IOEventSource_setRefcon(it.source, &event);
    assert_ptr_equal(IOEventSource_getRefcon(it.source), &event);
    assert_true(IOEventSource_getAction(it.source) == (IOEventSource_Action)(void (*)(void))note);
    IOEventSource_setAction(it.source, NULL);
    IOWorkLoop_addEventSource(it.loop, it.source);
    IOInterruptEventSource_interruptOccurred(it.source, NULL, NULL, 0);
    IOWorkLoop_runEventSources(it.loop); /* without an action: it is consumed */
    IOEventSource_setAction(it.source, (IOEventSource_Action)(void (*)(void))note);
    IOWorkLoop_runEventSources(it.loop);
    assert_int_equal(it.calls, 0);
    assert_false(IOCommandGate_init(ownerless, NULL, answer));
    OSObject_release(ownerless);
    assert_null(IOCommandGate_commandGate(NULL, answer));
    assert_null(IOInterruptEventSource_interruptEventSource(NULL, note, NULL, 0));
    assert_null(IOInterruptEventSource_getProvider(it.source));
    assert_int_equal(IOInterruptEventSource_getIntIndex(it.source), 0);
    assert_false(IOInterruptEventSource_getAutoDisable(it.source));
}

static void lines_that_are_none_are_refused(void **state)
{
    static const struct {
        UInt32 cells[6];
        unsigned count;
        int index;
    } none[] = {
        {{0, 16, 4}, 3, 1},
        {{0}, 1, 0},
        {{0, 16}, 2, 0},
        {{2, 16, 4}, 3, 0},
        {{0, 0x10000, 4}, 3, 0},
        {{0, 16, 4}, 3, INT_MAX},
        {{0, 16, 0, 17, 4}, 5, 0x55555556}, /* three times that is 2, of 32 bits */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        IOService *provider = device(none[i].cells, none[i].count);

        assert_null(
            IOInterruptEventSource_interruptEventSource(it.owner, note, provider, none[i].index));
        assert_int_equal(IOMemoryLastError(), kIOReturnNoInterrupt);
        OSObject_release(provider);
    }
    assert_null(IOInterruptEventSource_interruptEventSource(it.owner, note, NULL, -1));
}

/* A level line, a private one; and a source that finds its line taken. */
static void lines_are_found_and_held(void **state)
{
    static const UInt32 cells[] = {0, 18, 4, 1, 9, 1};
    IOService *provider = device(cells, 6);
    IOInterruptEventSource *level =
        IOInterruptEventSource_interruptEventSource(it.owner, note, provider, 0);
    IOInterruptEventSource *late =
        IOInterruptEventSource_interruptEventSource(it.owner, note, provider, 0);
    IOInterruptEventSource *edge =
        IOInterruptEventSource_interruptEventSource(it.owner, note, provider, 1);

    (void)state;
    assert_ptr_equal(IOInterruptEventSource_getProvider(level), provider);
    assert_int_equal(IOInterruptEventSource_getIntIndex(edge), 1);
    assert_true(IOInterruptEventSource_getAutoDisable(level));
    assert_false(IOInterruptEventSource_getAutoDisable(edge));
    IOWorkLoop_addEventSource(it.loop, level);
    IOWorkLoop_addEventSource(it.loop, edge);
    IOWorkLoop_addEventSource(it.loop, late);
    assert_false(sim_line_is_enabled(32 + 18));
    IOInterruptEventSource_enable(late);
    assert_false(sim_line_is_enabled(32 + 18));
    IOInterruptEventSource_disable(late);
    IOInterruptEventSource_enable(level);
    IOInterruptEventSource_enable(edge);
    assert_false(sim_line_is_enabled(32 + 18)); /* while one of those on it wants it closed */
    IOInterruptEventSource_enable(late);
    assert_true(sim_line_is_enabled(32 + 18));
    assert_true(sim_line_is_enabled(16 + 9));
    assert_int_equal(IOInterruptEventSource_getPrimaryInterruptTimestamp(edge), UINT64_MAX);
    IOInterruptEventSource_enablePrimaryInterruptTimestamp(edge, true);
    sim_time += 5;
    sim_interrupt(16 + 9);
    assert_int_equal(IOInterruptEventSource_getPrimaryInterruptTimestamp(edge), sim_time);
    sim_interrupt(32 + 18);
    assert_false(sim_line_is_enabled(32 + 18)); /* until it has been delivered */
    IOWorkLoop_runEventSources(it.loop);
    assert_true(sim_line_is_enabled(32 + 18));
    assert_int_equal(it.count, 3); /* both of the line, and the edge */
    IOWorkLoop_removeEventSource(it.loop, level);
    IOWorkLoop_removeEventSource(it.loop, late);
    IOWorkLoop_removeEventSource(it.loop, edge);
    assert_int_equal(irq_unregister(32 + 18), KERN_INVALID_ARGUMENT); /* nobody has it */
    /* Without a loop that holds it, its end takes the handler away. */
    IOInterruptEventSource_setWorkLoop(level, it.loop);
    assert_int_equal(irq_enable(32 + 18), KERN_SUCCESS);
    OSObject_release(level);
    assert_int_equal(irq_unregister(32 + 18), KERN_INVALID_ARGUMENT);
    OSObject_release(late);
    OSObject_release(edge);
    OSObject_release(provider);
}

static void silence_in_action(OSObject *owner_of_source, IOInterruptEventSource *sender, int count)
{
    note(owner_of_source, sender, count);
    IOInterruptEventSource_disable(sender);
}

static void a_client_may_silence_its_line_in_its_action(void **state)
{
    static const UInt32 cells[] = {0, 19, 4};
    IOService *provider = device(cells, 3);
    IOInterruptEventSource *level =
        IOInterruptEventSource_interruptEventSource(it.owner, silence_in_action, provider, 0);

    (void)state;
    IOInterruptEventSource_enable(level);
    IOWorkLoop_addEventSource(it.loop, level);
    assert_true(sim_line_is_enabled(32 + 19));
    sim_interrupt(32 + 19);
    IOWorkLoop_runEventSources(it.loop);
    assert_int_equal(it.count, 1);
    assert_false(sim_line_is_enabled(32 + 19));
    IOInterruptEventSource_disableInterruptOccurred(level, NULL, NULL, 0);
    IOInterruptEventSource_enable(level); /* what waits for delivery keeps the line off */
    assert_false(sim_line_is_enabled(32 + 19));
    IOWorkLoop_removeEventSource(it.loop, level);
    OSObject_release(level);
    OSObject_release(provider);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(loops_need_memory),
        LOOP_TEST(loops_come_and_go),
        LOOP_TEST(loops_that_stay_are_worked_for),
        LOOP_TEST(what_is_no_source_has_none_of_its_methods),
        LOOP_TEST(a_gate_that_is_open_stays_so),
        LOOP_TEST(a_source_is_on_one_loop),
        LOOP_TEST(sources_are_silenced_by_kind),
        LOOP_TEST(an_action_runs_with_the_gate_closed),
        LOOP_TEST(what_is_signalled_in_a_scan_is_done_in_the_same_run),
        LOOP_TEST(a_wake_names_loop_and_event),
        LOOP_TEST(a_gate_without_loop_or_in_a_handler_is_not_entered),
        LOOP_TEST(the_loops_own_thread_does_not_wait_for_a_gate),
        LOOP_TEST(a_gate_that_comes_back_is_enabled),
        LOOP_TEST(what_a_source_is_given_it_gives_back),
        LOOP_TEST(lines_that_are_none_are_refused),
        LOOP_TEST(lines_are_found_and_held),
        LOOP_TEST(a_client_may_silence_its_line_in_its_action),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
