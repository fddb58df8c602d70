/* SPDX-License-Identifier: BSD-2-Clause */
/* Sleeping on a loop's gate, whose work is done meanwhile, and who wakes whom; command gates. */
#include "descriptors/IOCommandGate.h"
#include "tests/host/machine/workloop_own_fixture.h"
#include "tests/host/sim/sim_irq.h"

/* --- Sleeping --------------------------------------------------------------------------------- */

static int event, another_event;
static unsigned waits;
static bool to_one;

static void wake_all(void)
{
    waits++;
    if (waits == 1) {
        IOWorkLoop_wakeupGate(loop, &another_event, false);
        IOWorkLoop_wakeupGate(loop, NULL, false);
    } else {
        IOWorkLoop_wakeupGate(loop, &event, to_one);
    }
}

/* Only who sleeps on this event of this loop is woken. */
static void a_wake_is_for_its_event(void **state)
{
    (void)state;
    waits = 0;
    sim_while_waiting = wake_all;
    IOWorkLoop_closeGate(loop);
    assert_int_equal(IOWorkLoop_sleepGate(loop, &event, THREAD_UNINT), THREAD_AWAKENED);
    assert_int_equal(waits, 2);
    /* A deadline that is not waited for any more is forgotten: it was kept on a stack. */
    assert_int_equal(IOWorkLoop_sleepGateDeadline(loop, &event, sim_time + 1000, THREAD_UNINT),
                     THREAD_AWAKENED);
    assert_false(sim_timer_is_running());
    IOWorkLoop_openGate(loop);
    sim_while_waiting = NULL;
}

/* Of a source's action that sleeps on the same event, while somebody sleeps on it already. */
static void sleep_in_action(OSObject *its_owner, IOInterruptEventSource *sender, int count)
{
    (void)its_owner, (void)count;
    note(sender);
    assert_int_equal(IOWorkLoop_sleepGate(loop, &event, THREAD_UNINT), THREAD_AWAKENED);
    strcat(order, ".");
}

static void one_or_all_are_woken(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        IOInterruptEventSource *source =
            IOInterruptEventSource_interruptEventSource(source_owner, sleep_in_action, NULL, 0);

        order[0] = '\0';
        waits = 1;
        to_one = i == 0;
        sim_while_waiting = wake_all;
        IOWorkLoop_addEventSource(loop, source);
        occur(source); /* the sleep does the loop's work, since nobody else could */
        IOWorkLoop_closeGate(loop);
        assert_int_equal(IOWorkLoop_sleepGate(loop, &event, THREAD_UNINT), THREAD_AWAKENED);
        IOWorkLoop_openGate(loop);
        assert_string_equal(order, "a.");
        assert_int_equal(waits, i == 0 ? 3 : 2); /* one wake for each, or one for both */
        sim_while_waiting = NULL;
        OSObject_release(source);
        IOWorkLoop_removeEventSource(loop, source);
    }
}

static void act_elsewhere(OSObject *its_owner, IOInterruptEventSource *sender, int count)
{
    (void)its_owner;
    assert_int_equal(count, 1);
    assert_true(IOEventSource_onThread(sender) && !IOWorkLoop_onThread(loop));
    strcat(order, "e");
}

/* There is no other thread to do it. */
static void who_sleeps_does_the_work_of_all_loops(void **state)
{
    IOWorkLoop *other_loop = IOWorkLoop_workLoop();
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, act_elsewhere, NULL, 0);

    (void)state;
    IOWorkLoop_addEventSource(other_loop, source);
    occur(source);
    waits = 1;
    to_one = true;
    sim_while_waiting = wake_all;
    IOWorkLoop_closeGate(loop);
    assert_int_equal(IOWorkLoop_sleepGate(loop, &event, THREAD_UNINT), THREAD_AWAKENED);
    IOWorkLoop_openGate(loop);
    sim_while_waiting = NULL;
    assert_string_equal(order, "e");
    OSObject_release(other_loop);
    OSObject_release(source);
}

/* Whose work is done while somebody waits, on whatever loop. */
static void expect_in_a_sleep(const char *letters)
{
    order[0] = '\0';
    IOWorkLoop_closeGate(loop);
    assert_int_equal(IOWorkLoop_sleepGateDeadline(loop, &event, sim_time + 10, THREAD_UNINT),
                     THREAD_TIMED_OUT);
    IOWorkLoop_openGate(loop);
    assert_string_equal(order, letters);
}

/* What came before a source was on the loop, or while it was disabled, nobody has asked for. */
static void who_comes_and_who_is_enabled_is_asked(void **state)
{
    IOInterruptEventSource *source = software(0);

    (void)state;
    occur(source);
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    expect_in_a_sleep("a");
    IOEventSource_disable(source);
    occur(source);
    expect_in_a_sleep("");
    IOEventSource_enable(source);
    expect_in_a_sleep("a");
    expect_in_a_sleep("");
    OSObject_release(source);
}

/* One that would have the loop's work done while it is taken off. */
static IOWorkLoop *ending;

static void ending_disable(IOEventSource *self)
{
    source_disable(self);
    quieted++;
    assert_false(IOWorkLoop_runEventSources(ending));
    expect_in_a_sleep("");
    assert_int_equal(asked, 0);
}

static const IOEventSourceClass Ending_class = {
    .meta = {"Ending", &IOEventSource_metaClass, sizeof(IOEventSource), &plains, source_free},
    .isPassive = source_is_passive,
    .checkForWork = plain_check,
    .enable = source_enable,
    .disable = ending_disable,
    .setWorkLoop = source_set_work_loop,
};

/* A loop that ends does no work any more, whatever its sources do when they are taken off. */
static void a_loop_that_ends_asks_nobody(void **state)
{
    (void)state;
    ending = IOWorkLoop_workLoop();
    quieted = asked = 0;
    for (unsigned i = 0; i < 2; i++) {
        IOEventSource *source = (IOEventSource *)OSMetaClass_allocate(&Ending_class.meta);

        assert_true(IOEventSource_init(source, source_owner, plain_action));
        assert_int_equal(IOWorkLoop_addEventSource(ending, source), kIOReturnSuccess);
        OSObject_release(source);
    }
    OSObject_release(ending);
    assert_int_equal(quieted, 2);
    assert_int_equal(plains, 0);
}

static void handlers_do_not_sleep(void **state)
{
    IOCommandGate *gate = IOCommandGate_commandGate(source_owner, sum);

    (void)state;
    IOWorkLoop_addEventSource(loop, gate);
    IOWorkLoop_closeGate(loop);
    sim_in_handler = true;
    assert_int_equal(IOWorkLoop_sleepGate(loop, &event, THREAD_UNINT), THREAD_RESTART);
    assert_int_equal(IOCommandGate_runAction(gate, sum, ARGUMENTS), kIOReturnCannotLock);
    assert_int_equal(IOCommandGate_attemptAction(gate, sum, ARGUMENTS), kIOReturnCannotLock);
    sim_in_handler = false;
    assert_true(sim_console_said("a sleep without its gate held, or on no event"));
    assert_int_equal(IOWorkLoop_sleepGate(NULL, &event, THREAD_UNINT), THREAD_RESTART);
    IOWorkLoop_openGate(loop);
    OSObject_release(gate);
}

/* --- Command gates ---------------------------------------------------------------------------- */

static void attempts_do_not_wait(void **state)
{
    IOCommandGate *gate = IOCommandGate_commandGate(source_owner, sum);

    (void)state;
    assert_int_equal(IOCommandGate_attemptAction(gate, sum, ARGUMENTS), kIOReturnNotReady);
    assert_int_equal(IOCommandGate_runAction(NULL, sum, ARGUMENTS), kIOReturnBadArgument);
    assert_int_equal(IOCommandGate_attemptAction(NULL, sum, ARGUMENTS), kIOReturnBadArgument);
    assert_int_equal(IOCommandGate_attemptAction(gate, NULL, ARGUMENTS), kIOReturnBadArgument);
    assert_int_equal(IOCommandGate_runCommand(NULL, ARGUMENTS), kIOReturnBadArgument);
    assert_int_equal(IOCommandGate_attemptCommand(NULL, ARGUMENTS), kIOReturnBadArgument);
    IOWorkLoop_addEventSource(loop, gate);
    assert_int_equal(IOCommandGate_attemptAction(gate, sum, ARGUMENTS), 4321);
    assert_int_equal(IOCommandGate_attemptCommand(gate, ARGUMENTS), 4321);
    assert_false(IOWorkLoop_inGate(loop));
    IOCommandGate_disable(gate);
    assert_int_equal(IOCommandGate_attemptAction(gate, sum, ARGUMENTS), kIOReturnNotPermitted);
    assert_false(IOWorkLoop_inGate(loop));
    OSObject_release(gate);
}

static IOCommandGate *the_gate;

static IOReturn sleep_on_command(OSObject *target, void *deadline, void *b, void *c, void *d)
{
    (void)target, (void)b, (void)c, (void)d;
    return deadline != NULL
               ? IOCommandGate_commandSleepDeadline(the_gate, &event, sim_time + 5, THREAD_UNINT)
               : IOCommandGate_commandSleep(the_gate, &event, THREAD_UNINT);
}

static void wake_command(void)
{
    waits++;
    IOCommandGate_commandWakeup(the_gate, waits == 1 ? &another_event : &event, true);
}

static void commands_sleep(void **state)
{
    (void)state;
    the_gate = IOCommandGate_commandGate(source_owner, sum);
    IOWorkLoop_addEventSource(loop, the_gate);
    waits = 0;
    sim_while_waiting = wake_command;
    assert_int_equal(IOCommandGate_runAction(the_gate, sleep_on_command, NULL, NULL, NULL, NULL),
                     THREAD_AWAKENED);
    sim_while_waiting = NULL;
    assert_int_equal(waits, 2);
    assert_int_equal(IOCommandGate_runAction(the_gate, sleep_on_command, &event, NULL, NULL, NULL),
                     THREAD_TIMED_OUT);
    assert_int_equal(IOCommandGate_commandSleepDeadline(NULL, &event, 0, 0), kIOReturnBadArgument);
    assert_int_equal(IOCommandGate_commandSleepDeadline(the_gate, NULL, 0, 0),
                     kIOReturnBadArgument);
    IOCommandGate_commandWakeup(NULL, &event, true);
    assert_int_equal(OSObject_getRetainCount(the_gate), 2);
    OSObject_release(the_gate);
}

/* The loop's own thread would wait for itself. */
static void run_in_gate(OSObject *its_owner, IOInterruptEventSource *sender, int count)
{
    (void)its_owner, (void)count;
    note(sender);
    assert_int_equal(IOCommandGate_runAction(the_gate, sum, ARGUMENTS), 4321);
}

static void a_source_passes_a_disabled_gate(void **state)
{
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, run_in_gate, NULL, 0);

    (void)state;
    the_gate = IOCommandGate_commandGate(source_owner, sum);
    IOWorkLoop_addEventSource(loop, the_gate);
    IOWorkLoop_addEventSource(loop, source);
    IOCommandGate_disable(the_gate);
    occur(source);
    IOWorkLoop_runEventSources(loop);
    assert_string_equal(order, "a");
    OSObject_release(source);
    OSObject_release(the_gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(a_wake_is_for_its_event),
        SOURCE_TEST(one_or_all_are_woken),
        SOURCE_TEST(who_sleeps_does_the_work_of_all_loops),
        SOURCE_TEST(who_comes_and_who_is_enabled_is_asked),
        SOURCE_TEST(a_loop_that_ends_asks_nobody),
        SOURCE_TEST(handlers_do_not_sleep),
        SOURCE_TEST(attempts_do_not_wait),
        SOURCE_TEST(commands_sleep),
        SOURCE_TEST(a_source_passes_a_disabled_gate),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
