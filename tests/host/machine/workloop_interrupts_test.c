/* SPDX-License-Identifier: BSD-2-Clause */
/* Event sources of interrupts: whose line, whose handler, and what comes while an action runs. */
#include "tests/host/machine/workloop_fixture.h"
#include "tests/host/sim/sim_irq.h"

#define LEVEL_LINE 48
#define EDGE_LINE  49

static IOService *device_of(const uint8_t *interrupts, unsigned bytes)
{
    IOService *device = IOService_withReader("device", NULL, NULL);

    assert_int_equal(IOService_setProperty(device, "interrupts", interrupts, bytes),
                     kIOReturnSuccess);
    return device;
}

static IOReturn why_not(IOService *device, int index)
{
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, act, device, index);

    if (source != NULL) {
        OSObject_release(source);
        return kIOReturnSuccess;
    }
    return IOMemoryLastError();
}

/* Type, number, flags: a shared or a private peripheral's, of 16 bits. */
static void specifiers_are_judged(void **state)
{
    static const uint8_t some[] = {0, 0, 0, 1, 0, 0, 0,   3,   0, 0, 0, 8, /* PPI 3, level low */
                                   0, 0, 0, 2, 0, 0, 0,   3,   0, 0, 0, 4, /* no such type */
                                   0, 0, 0, 0, 0, 1, 0,   0,   0, 0, 0, 4, /* beyond all numbers */
                                   0, 0, 0, 0, 0, 0, 0,   16,  0, 0, 0, 2, /* an edge, falling */
                                   0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 1, /* the last number */
                                   0, 0, 0, 0, 0, 0, 0,   16};             /* without its flags */
    IOService *device = device_of(some, sizeof(some));
    IOInterruptEventSource *source;

    (void)state;
    assert_int_equal(why_not(device, 0), kIOReturnSuccess);
    assert_int_equal(why_not(device, 1), kIOReturnNoInterrupt);
    assert_int_equal(why_not(device, 2), kIOReturnNoInterrupt);
    assert_int_equal(why_not(device, 4), kIOReturnSuccess);
    assert_int_equal(why_not(device, 5), kIOReturnNoInterrupt);
    assert_int_equal(why_not(device, 6), kIOReturnNoInterrupt);
    assert_int_equal(why_not(device, INT32_MAX), kIOReturnNoInterrupt);
    assert_int_equal(why_not(device, -1), kIOReturnBadArgument);
    source = IOInterruptEventSource_interruptEventSource(source_owner, act, device, 3);
    assert_non_null(source);
    assert_false(IOInterruptEventSource_getAutoDisable(source));
    assert_int_equal(IOInterruptEventSource_getIntIndex(source), 3);
    assert_ptr_equal(IOInterruptEventSource_getProvider(source), device);
    assert_int_equal(IOInterruptEventSource_warmCPU(source, 0), kIOReturnUnsupported);
    OSObject_release(source);
    source = IOInterruptEventSource_interruptEventSource(source_owner, act, device, 0);
    IOWorkLoop_addEventSource(loop, source);
    IOInterruptEventSource_enable(source);
    assert_true(IOInterruptEventSource_getAutoDisable(source));
    assert_true(sim_line_is_enabled(16 + 3));
    OSObject_release(source);
    IOWorkLoop_removeEventSource(loop, source);
    assert_false(IOInterruptEventSource_init(NULL, source_owner, act, NULL, 0));
    assert_null(IOInterruptEventSource_interruptEventSource(NULL, act, NULL, 0));
    assert_null(IOInterruptEventSource_getProvider(NULL));
    assert_int_equal(IOInterruptEventSource_getIntIndex(NULL), -1);
    assert_false(IOInterruptEventSource_getAutoDisable(NULL));
    assert_int_equal(IOInterruptEventSource_getPrimaryInterruptTimestamp(NULL), UINT64_MAX);
    IOInterruptEventSource_enablePrimaryInterruptTimestamp(NULL, true);
    IOInterruptEventSource_normalInterruptOccurred(NULL, NULL, NULL, 0);
    IOInterruptEventSource_disableInterruptOccurred(NULL, NULL, NULL, 0);
    IOInterruptEventSource_interruptOccurred(NULL, NULL, NULL, 0);
    IOInterruptEventSource_free(NULL);
    OSObject_release(device);
}

static enum irq_result nobody(void *context)
{
    (void)context;
    return IRQ_NOTHING;
}

/* Initialised again, its handler would stay on a line that nobody knows any more. */
static void a_source_is_initialised_once(void **state)
{
    static const uint8_t two[] = {0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 4,
                                  0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 4};
    IOService *device = device_of(two, sizeof(two));
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, act, device, 0);

    (void)state;
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    IOInterruptEventSource_enable(source);
    assert_false(IOInterruptEventSource_init(source, source_owner, act, device, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_int_equal(IOInterruptEventSource_getIntIndex(source), 0);
    assert_true(IOEventSource_isEnabled(source));
    assert_int_equal(IOWorkLoop_removeEventSource(loop, source), kIOReturnSuccess);
    assert_false(sim_line_is_enabled(LEVEL_LINE));
    assert_int_equal(irq_register(LEVEL_LINE, nobody, NULL), KERN_SUCCESS);
    assert_int_equal(irq_unregister(LEVEL_LINE), KERN_SUCCESS);
    OSObject_release(source);
    OSObject_release(device);
}

/* A line that somebody else has: said, and not taken from him. */
static void a_line_that_is_taken(void **state)
{
    static const uint8_t level[] = {0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 4};
    IOService *device = device_of(level, sizeof(level));
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, act, device, 0);

    (void)state;
    assert_int_equal(irq_register(LEVEL_LINE, nobody, NULL), KERN_SUCCESS);
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    assert_true(sim_console_said("line 48 cannot be had"));
    IOInterruptEventSource_disable(source);
    assert_true(sim_line_is_enabled(LEVEL_LINE));
    assert_int_equal(IOWorkLoop_removeEventSource(loop, source), kIOReturnSuccess);
    assert_true(sim_line_is_enabled(LEVEL_LINE));
    assert_int_equal(irq_unregister(LEVEL_LINE), KERN_SUCCESS);
    OSObject_release(source);
    OSObject_release(device);
}

static void disable_in_action(OSObject *its_owner, IOInterruptEventSource *sender, int count)
{
    (void)its_owner, (void)count;
    note(sender);
    assert_false(sim_line_is_enabled(LEVEL_LINE));
    IOInterruptEventSource_disable(sender);
}

/* The client's word in the action counts, and what comes during it is delivered after it. */
/* Of several lines one is let go of, and the others still have their handlers. */
static void each_line_has_its_own_handler(void **state)
{
    static const uint8_t lines[] = {0, 0,  0, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0,  0, 0, 0, 0,
                                    0, 17, 0, 0, 0, 1, 0, 0,  0, 0, 0, 0, 0, 18, 0, 0, 0, 1};
    IOService *device = device_of(lines, sizeof(lines));
    IOInterruptEventSource *sources[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        sources[i] = IOInterruptEventSource_interruptEventSource(source_owner, act, device, i);
        assert_int_equal(IOWorkLoop_addEventSource(loop, sources[i]), kIOReturnSuccess);
        IOInterruptEventSource_enable(sources[i]);
    }
    for (int gone = 0; gone < 3; gone++) {
        IOWorkLoop_removeEventSource(loop, sources[gone]);
        OSObject_release(sources[gone]);
        order[0] = '\0';
        for (int i = 0; i < 3; i++) {
            assert_true(sim_line_is_enabled(32 + 16 + (unsigned)i) == (i > gone));
            if (i > gone) {
                sim_interrupt(32 + 16 + (unsigned)i);
            }
        }
        IOWorkLoop_runEventSources(loop);
        assert_string_equal(order, &"bc"[gone]);
    }
    OSObject_release(device);
}

static void actions_may_change_their_source(void **state)
{
    static const uint8_t level[] = {0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 4};
    IOService *device = device_of(level, sizeof(level));
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, disable_in_action, device, 0);

    (void)state;
    IOWorkLoop_addEventSource(loop, source);
    IOInterruptEventSource_enable(source);
    sim_interrupt(LEVEL_LINE);
    IOWorkLoop_runEventSources(loop);
    assert_string_equal(order, "a");
    assert_false(sim_line_is_enabled(LEVEL_LINE));
    IOInterruptEventSource_enable(source);
    assert_true(sim_line_is_enabled(LEVEL_LINE));
    /* Off its loop the line is quiet, and free for others. */
    OSObject_release(source);
    IOWorkLoop_removeEventSource(loop, source);
    assert_int_equal(irq_register(LEVEL_LINE, nobody, NULL), KERN_SUCCESS);
    assert_int_equal(irq_unregister(LEVEL_LINE), KERN_SUCCESS);
    OSObject_release(device);
}

/* It comes while its handler is being attached, and is delivered before it may come again. */
static void a_line_that_is_up_already(void **state)
{
    static const uint8_t level[] = {0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 4};
    IOService *device = device_of(level, sizeof(level));
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, act, device, 0);

    (void)state;
    assert_false(IOEventSource_isEnabled(source)); /* until it is asked for */
    IOInterruptEventSource_enable(source);
    assert_int_equal(sim_interrupt(LEVEL_LINE), IRQ_NOTHING);
    IOWorkLoop_addEventSource(loop, source);
    assert_false(sim_line_is_enabled(LEVEL_LINE));
    IOWorkLoop_runEventSources(loop);
    assert_string_equal(order, "a");
    assert_true(sim_line_is_enabled(LEVEL_LINE));
    IOWorkLoop_removeEventSource(loop, source);
    OSObject_release(source);
    OSObject_release(device);
}

static void occur_in_action(OSObject *its_owner, IOInterruptEventSource *sender, int count)
{
    (void)its_owner;
    note(sender);
    if (count == 1) { /* the first time */
        occur(sender);
        occur(sender);
    }
}

static void what_comes_during_an_action_is_delivered(void **state)
{
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, occur_in_action, NULL, 0);
    IOInterruptEventSource *second = software(1);

    (void)state;
    IOWorkLoop_addEventSource(loop, source);
    IOWorkLoop_addEventSource(loop, second);
    occur(source);
    occur(second);
    IOWorkLoop_runEventSources(loop);
    assert_string_equal(order, "aba");
    assert_false(IOInterruptEventSource_checkForWork(source));
    occur(source);
    IOInterruptEventSource_disable(source);
    assert_false(IOInterruptEventSource_checkForWork(source));
    OSObject_release(source);
    OSObject_release(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(specifiers_are_judged),
        SOURCE_TEST(a_line_that_is_taken),
        SOURCE_TEST(a_source_is_initialised_once),
        SOURCE_TEST(each_line_has_its_own_handler),
        SOURCE_TEST(a_line_that_is_up_already),
        SOURCE_TEST(actions_may_change_their_source),
        SOURCE_TEST(what_comes_during_an_action_is_delivered),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
