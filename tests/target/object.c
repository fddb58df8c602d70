/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* Objects on the machine: counting, casts, and an interrupt in the middle. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/object/OSObject_private.h"
#include "kernel/irq.h"
#include "kernel/timer.h"
#include "tests/harness/harness.h"

TEST(om_1_last_release_frees_once)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(0, 1, kIODirectionIn);
    const unsigned live = OSMetaClass_getInstanceCount(&IOGeneralMemoryDescriptor_metaClass);

    EXPECT_EQ(OSObject_getRetainCount(memory), 1);
    OSObject_retain(memory);
    OSObject_release(memory);
    EXPECT_EQ(OSObject_getRetainCount(memory), 1);
    OSObject_release(memory);
    EXPECT_EQ(OSMetaClass_getInstanceCount(&IOGeneralMemoryDescriptor_metaClass), live - 1);
}

TEST(om_2_om_3_classes)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(10, kIODirectionIn, false);

    EXPECT_EQ(OSDynamicCast(IOGeneralMemoryDescriptor, buffer), (void *)buffer);
    EXPECT_EQ(OSDynamicCast(OSObject, buffer), (void *)buffer);
    EXPECT_EQ(OSDynamicCast(IOMultiMemoryDescriptor, buffer), NULL);
    EXPECT_STR_EQ(OSMetaClass_getClassName(OSObject_getMetaClass(buffer)),
                  "IOBufferMemoryDescriptor");
    EXPECT_EQ(OSMetaClass_getSuperClass(OSTypeID(IOBufferMemoryDescriptor)),
              OSTypeID(IOGeneralMemoryDescriptor));
    OSObject_release(buffer);
}

TEST(om_4_a_pegged_object_stays)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(0, 1, kIODirectionIn);
    OSObject *object = OSObject_upcast(memory);

    object->references = OSOBJECT_PEGGED - 1;
    OSObject_retain(memory);
    OSObject_release(memory);
    EXPECT_EQ(object->references, OSOBJECT_PEGGED);
    object->references = 1;
    OSObject_release(memory);
}

/* A handler that retains and releases while the thread does the same. */
static OSObject *shared;
static volatile unsigned ticks;

static void tick(void *context)
{
    (void)context;
    OSObject_retain(shared);
    OSObject_retain(shared);
    OSObject_release(shared);
    ticks++;
}

TEST(om_5_no_count_is_lost_to_an_interrupt)
{
    static struct timer timer = {.callback = tick};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(0, 1, kIODirectionIn);

    shared = OSObject_upcast(memory);
    ticks = 0;
    for (unsigned round = 0; round < 200; round++) {
        const unsigned before = ticks;

        /* The deadline moves, so that the interrupt strikes at every point in turn. */
        timer_start(&timer, 500 + 17 * round);
        while (ticks == before) {
            OSObject_retain(memory);
            OSObject_release(memory);
        }
    }
    EXPECT_EQ(OSObject_getRetainCount(memory), 1 + 200);
    while (OSObject_getRetainCount(memory) > 1) {
        OSObject_release(memory);
    }
    OSObject_release(memory);
}
