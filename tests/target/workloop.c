/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* Work loops whose parts go while they are in use: the heap tells who touches what is gone. */
#include "descriptors/IOCommandGate.h"
#include "descriptors/IOWorkLoop.h"
#include "descriptors/OSArray.h"
#include "tests/harness/harness.h"

static IOReturn nothing(OSObject *target, void *arg0, void *arg1, void *arg2, void *arg3)
{
    (void)target, (void)arg0, (void)arg1, (void)arg2, (void)arg3;
    return kIOReturnSuccess;
}

/* The gate's and its owner's last references to the loop, and the last one to the gate. */
static IOReturn let_go(OSObject *target, void *loop, void *gate, void *arg2, void *arg3)
{
    (void)target, (void)arg2, (void)arg3;
    IOWorkLoop_removeEventSource((IOWorkLoop *)loop, (IOCommandGate *)gate);
    OSObject_release((IOCommandGate *)gate);
    OSObject_release((IOWorkLoop *)loop);
    return kIOReturnSuccess;
}

static void enter(bool waiting)
{
    OSObject *const owner = OSObject_upcast(OSArray_withCapacity(1));
    IOWorkLoop *const loop = IOWorkLoop_workLoop();
    IOCommandGate *const gate = IOCommandGate_commandGate(owner, nothing);

    ASSERT_TRUE(owner != NULL && loop != NULL && gate != NULL);
    EXPECT_EQ(IOWorkLoop_addEventSource(loop, gate), kIOReturnSuccess);
    EXPECT_EQ(waiting ? IOCommandGate_runAction(gate, let_go, loop, gate, NULL, NULL)
                      : IOCommandGate_attemptAction(gate, let_go, loop, gate, NULL, NULL),
              kIOReturnSuccess);
    OSObject_release(owner);
}

TEST(a_loop_and_a_gate_may_go_in_their_action)
{
    enter(true);
}

TEST(and_in_one_that_is_only_attempted)
{
    enter(false);
}
