/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of event sources: a loop, an owner, sources of software, and the order of actions. */
#ifndef TESTS_HOST_MACHINE_WORKLOOP_FIXTURE_H
#define TESTS_HOST_MACHINE_WORKLOOP_FIXTURE_H

#include "descriptors/IOEventSource_class.h"
#include "descriptors/IOInterruptEventSource.h"
#include "descriptors/OSArray.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_console.h"

#define SOURCE_TEST(name) cmocka_unit_test_setup_teardown(name, sources_begin, sources_end)

static OSObject *source_owner;
static IOWorkLoop *loop;
static char order[16];

static inline int sources_begin(void **state)
{
    const int result = map_start(state);

    source_owner = OSObject_upcast(OSArray_withCapacity(1));
    loop = IOWorkLoop_workLoop();
    order[0] = '\0';
    sim_console_forget();
    return result;
}

static inline int sources_end(void **state)
{
    const bool open = !IOWorkLoop_inGate(loop) && !sim_console_said("was not closed");

    OSObject_release(loop);
    OSObject_release(source_owner);
    return map_stop(state) == 0 && open ? 0 : -1;
}

static inline void note(IOInterruptEventSource *sender)
{
    const char letter[2] = {(char)('a' + IOInterruptEventSource_getIntIndex(sender)), '\0'};

    assert_true(IOWorkLoop_inGate(loop));
    assert_true(IOEventSource_onThread(sender));
    if (strlen(order) + 1 < sizeof(order)) {
        strcat(order, letter);
    }
}

static inline void act(OSObject *its_owner, IOInterruptEventSource *sender, int count)
{
    assert_ptr_equal(its_owner, source_owner);
    assert_int_not_equal(count, 0);
    note(sender);
}

static inline IOInterruptEventSource *software(int index)
{
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(source_owner, act, NULL, index);

    assert_non_null(source);
    return source;
}

static inline void occur(IOInterruptEventSource *source)
{
    IOInterruptEventSource_interruptOccurred(source, NULL, NULL, 0);
}

#endif
