/* SPDX-License-Identifier: BSD-2-Clause */
/* Event sources: what all of them share, and their order on a loop. */
#include "descriptors/IOCommandGate.h"
#include "tests/host/machine/workloop_own_fixture.h"

/* --- The loop --------------------------------------------------------------------------------- */

static void a_loop_is_linked_once(void **state)
{
    (void)state;
    assert_null(IOWorkLoop_workLoopWithOptions(4));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_false(IOWorkLoop_init(NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_false(IOWorkLoop_init(loop));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);

    IOWorkLoop *other_loop = IOWorkLoop_workLoopWithOptions(kPreciousStack | kTimeLockPanics);

    assert_non_null(other_loop);
    assert_false(IOWorkLoop_init(loop)); /* also where it is not the first */
    assert_ptr_equal(IOWorkLoop_getMetaClass(loop), OSObject_upcast(loop)->metaClass);
    assert_ptr_equal(IOWorkLoop_getThread(loop), loop);
    assert_null(IOWorkLoop_getMetaClass(NULL));
    OSObject_release(other_loop);
}

static void a_gate_is_opened_as_often_as_closed(void **state)
{
    (void)state;
    assert_true(IOWorkLoop_tryCloseGate(loop));
    assert_false(IOWorkLoop_tryCloseGate(NULL));
    IOWorkLoop_openGate(loop);
    assert_false(sim_console_said("its gate is opened"));
    IOWorkLoop_openGate(loop);
    assert_true(sim_console_said("its gate is opened and was not closed"));
    sim_console_forget();
    assert_false(IOWorkLoop_inGate(loop));
    IOWorkLoop_openGate(NULL);
    IOWorkLoop_closeGate(NULL);
    assert_false(IOWorkLoop_inGate(NULL));
    assert_false(IOWorkLoop_onThread(NULL));
    assert_false(IOWorkLoop_onThread(loop));
}

static void an_action_runs_inside_the_gate(void **state)
{
    (void)state;
    assert_int_equal(IOWorkLoop_runAction(loop, sum, source_owner, ARGUMENTS), 4321);
    assert_false(IOWorkLoop_inGate(loop));
    assert_int_equal(IOWorkLoop_runAction(NULL, sum, source_owner, ARGUMENTS),
                     kIOReturnBadArgument);
    assert_int_equal(IOWorkLoop_runAction(loop, NULL, source_owner, ARGUMENTS),
                     kIOReturnBadArgument);
}

static void sources_are_asked_in_their_order(void **state)
{
    IOInterruptEventSource *sources[3];

    (void)state;
    assert_int_equal(IOWorkLoop_addEventSource(NULL, (IOEventSource *)NULL), kIOReturnBadArgument);
    assert_int_equal(IOWorkLoop_addEventSource(loop, (IOEventSource *)NULL), kIOReturnBadArgument);
    assert_int_equal(IOWorkLoop_removeEventSource(loop, (IOEventSource *)NULL),
                     kIOReturnBadArgument);
    assert_false(IOWorkLoop_runEventSources(NULL));
    for (int i = 0; i < 3; i++) {
        sources[i] = software(i);
        assert_int_equal(IOWorkLoop_addEventSource(loop, sources[i]), kIOReturnSuccess);
        assert_ptr_equal(IOEventSource_getWorkLoop(sources[i]), loop);
    }
    assert_int_equal(IOWorkLoop_addEventSource(NULL, sources[0]), kIOReturnBadArgument);
    assert_int_equal(IOWorkLoop_removeEventSource(NULL, sources[0]), kIOReturnBadArgument);
    assert_ptr_equal(IOEventSource_getNext(sources[0]), sources[1]);
    assert_ptr_equal(IOEventSource_getNext(sources[1]), sources[2]);
    assert_null(IOEventSource_getNext(sources[2]));
    for (int i = 2; i >= 0; i--) {
        occur(sources[i]);
    }
    assert_true(IOWorkLoop_runEventSources(loop));
    assert_string_equal(order, "abc");
    assert_true(IOWorkLoop_runEventSources(loop)); /* nothing new */
    assert_string_equal(order, "abc");
    assert_false(IOWorkLoop_inGate(loop));

    /* The middle one goes; the others are still a chain. */
    assert_int_equal(IOWorkLoop_removeEventSource(loop, sources[1]), kIOReturnSuccess);
    assert_ptr_equal(IOEventSource_getNext(sources[0]), sources[2]);
    assert_null(IOEventSource_getNext(sources[1]));
    assert_null(IOEventSource_getWorkLoop(sources[1]));
    assert_false(IOEventSource_isEnabled(sources[1]));
    assert_int_equal(IOWorkLoop_removeEventSource(loop, sources[1]), kIOReturnBadArgument);
    for (int i = 0; i < 3; i++) {
        occur(sources[i]);
    }
    IOWorkLoop_runEventSources(loop);
    assert_string_equal(order, "abcac");
    for (int i = 0; i < 3; i++) {
        OSObject_release(sources[i]);
    }
}

/* --- What all sources share ------------------------------------------------------------------- */

static void sources_have_their_fields(void **state)
{
    IOInterruptEventSource *source = software(0), *other_source = software(1);
    int refcon, event;

    (void)state;
    assert_non_null(IOEventSource_getAction(source));
    IOEventSource_setAction(source, plain_action);
    assert_ptr_equal(IOEventSource_getAction(source), plain_action);
    assert_null(IOEventSource_getRefcon(source));
    IOEventSource_setRefcon(source, &refcon);
    assert_ptr_equal(IOEventSource_getRefcon(source), &refcon);
    IOEventSource_setNext(source, (IOEventSource *)other_source);
    assert_ptr_equal(IOEventSource_getNext(source), other_source);
    assert_true(IOEventSource_isEnabled(source));
    assert_false(IOEventSource_onThread(source));
    assert_false(IOEventSource_tryCloseGate(source)); /* of no loop */
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    assert_null(IOEventSource_getNext(source)); /* of the loop's, where it is the last */
    IOEventSource_closeGate(source);
    assert_true(IOWorkLoop_inGate(loop));
    assert_true(IOEventSource_tryCloseGate(source));
    IOEventSource_openGate(source);
    assert_int_equal(IOEventSource_sleepGate(source, NULL, THREAD_UNINT), THREAD_RESTART);
    IOEventSource_wakeupGate(source, &event, true); /* nobody sleeps */
    IOEventSource_openGate(source);
    assert_false(IOWorkLoop_inGate(loop));
    assert_false(source_check_for_work((IOEventSource *)source));
    assert_false(source_is_passive((IOEventSource *)source));
    OSObject_release(source);
    OSObject_release(other_source);
}

/* A source of somebody's own, which quiets its hardware while the loop is still known. */
static void plain_disable(IOEventSource *self)
{
    assert_true(IOWorkLoop_inGate(loop));
    assert_ptr_equal(IOEventSource_getWorkLoop(self), loop);
    source_disable(self);
    quieted++;
}

static const IOEventSourceClass Plain_class = {
    .meta = {"Plain", &IOEventSource_metaClass, sizeof(IOEventSource), &plains, source_free},
    .isPassive = source_is_passive,
    .checkForWork = plain_check,
    .enable = source_enable,
    .disable = plain_disable,
    .setWorkLoop = source_set_work_loop,
};

static void sources_are_disabled_by_their_removal(void **state)
{
    IOEventSource *source = (IOEventSource *)OSMetaClass_allocate(&Plain_class.meta);
    IOInterruptEventSource *behind = software(0);

    (void)state;
    quieted = 0;
    assert_true(IOEventSource_init(source, source_owner, plain_action));
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    assert_true(IOEventSource_isEnabled(source));
    assert_int_equal(quieted, 0);
    assert_int_equal(IOWorkLoop_addEventSource(loop, behind), kIOReturnSuccess);
    asked = 0;
    left = 3;
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(asked, 3 + 1); /* until it has no more, whatever others say */
    assert_int_equal(IOWorkLoop_removeEventSource(loop, source), kIOReturnSuccess);
    assert_false(IOEventSource_isEnabled(source));
    assert_int_equal(quieted, 1);
    OSObject_release(source);
    OSObject_release(behind);
    assert_int_equal(plains, 0);
}

/* A gate has no work of its own: it is none of those that are asked for it. */
static void gates_are_not_asked(void **state)
{
    IOCommandGate *gate = IOCommandGate_commandGate(source_owner, sum);
    IOInterruptEventSource *source = software(0);

    (void)state;
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    assert_int_equal(IOWorkLoop_addEventSource(loop, gate), kIOReturnSuccess);
    assert_null(IOEventSource_getNext(source));
    assert_null(IOEventSource_getNext(gate));
    assert_int_equal(IOWorkLoop_removeEventSource(loop, gate), kIOReturnSuccess);
    assert_int_equal(OSObject_getRetainCount(gate), 1);
    OSObject_release(gate);
    OSObject_release(source);
}

/* Put on a loop again, a gate is to be used. */
static void gates_are_enabled_by_their_addition(void **state)
{
    IOCommandGate *gate = IOCommandGate_commandGate(source_owner, sum);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOWorkLoop_addEventSource(loop, gate), kIOReturnSuccess);
        assert_int_equal(IOCommandGate_attemptCommand(gate, ARGUMENTS), 4321);
        assert_int_equal(IOWorkLoop_removeEventSource(loop, gate), kIOReturnSuccess);
        assert_false(IOEventSource_isEnabled(gate));
    }
    OSObject_release(gate);
}

/* Of no source: nothing, and no answer but that. */
static void no_source(void **state)
{
    IOEventSource *const none = NULL;
    int event;

    (void)state;
    IOEventSource_enable(none);
    IOEventSource_disable(none);
    assert_false(IOEventSource_isEnabled(none));
    assert_null(IOEventSource_getWorkLoop(none));
    IOEventSource_setWorkLoop(none, loop);
    assert_null(IOEventSource_getNext(none));
    IOEventSource_setNext(none, NULL);
    assert_null(IOEventSource_getAction(none));
    IOEventSource_setAction(none, plain_action);
    assert_null(IOEventSource_getRefcon(none));
    IOEventSource_setRefcon(none, &event);
    assert_false(IOEventSource_onThread(none));
    assert_false(IOEventSource_checkForWork(none));
    IOEventSource_signalWorkAvailable(none);
    IOEventSource_openGate(none);
    IOEventSource_closeGate(none);
    assert_false(IOEventSource_tryCloseGate(none));
    assert_int_equal(IOEventSource_sleepGate(none, &event, THREAD_UNINT), THREAD_RESTART);
    IOEventSource_wakeupGate(none, &event, true);
    assert_true(sim_console_said("a wake-up of no event"));
    assert_false(IOEventSource_init(none, source_owner, plain_action));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
}

static void all_sources_of_a_loop(void **state)
{
    IOInterruptEventSource *source = software(0);
    IOCommandGate *gate = IOCommandGate_commandGate(source_owner, sum);

    (void)state;
    IOWorkLoop_addEventSource(loop, source);
    IOWorkLoop_addEventSource(loop, gate);
    IOWorkLoop_disableAllInterrupts(loop);
    assert_false(IOEventSource_isEnabled(source));
    assert_true(IOEventSource_isEnabled(gate)); /* is none */
    occur(source);
    IOWorkLoop_runEventSources(loop);
    assert_string_equal(order, "");
    IOWorkLoop_enableAllInterrupts(loop);
    assert_true(IOEventSource_isEnabled(source));
    IOWorkLoop_runEventSources(loop);
    assert_string_equal(order, "a"); /* it was kept */
    IOWorkLoop_disableAllEventSources(loop);
    assert_false(IOEventSource_isEnabled(source));
    assert_false(IOEventSource_isEnabled(gate));
    IOWorkLoop_enableAllInterrupts(loop);
    assert_true(IOEventSource_isEnabled(source));
    assert_false(IOEventSource_isEnabled(gate));
    IOWorkLoop_enableAllEventSources(loop);
    assert_true(IOEventSource_isEnabled(gate));
    IOWorkLoop_disableAllEventSources(NULL);
    IOWorkLoop_enableAllEventSources(NULL);
    IOWorkLoop_setMaximumLockTime(loop, 1, 0);
    OSObject_release(source);
    OSObject_release(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(a_loop_is_linked_once),
        SOURCE_TEST(a_gate_is_opened_as_often_as_closed),
        SOURCE_TEST(an_action_runs_inside_the_gate),
        SOURCE_TEST(sources_are_asked_in_their_order),
        SOURCE_TEST(sources_have_their_fields),
        SOURCE_TEST(sources_are_disabled_by_their_removal),
        SOURCE_TEST(gates_are_not_asked),
        SOURCE_TEST(gates_are_enabled_by_their_addition),
        SOURCE_TEST(no_source),
        SOURCE_TEST(all_sources_of_a_loop),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
