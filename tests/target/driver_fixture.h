/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of driver processes: one that misbehaves as it is told, and the buffer to tell it by.
 */
#ifndef TESTS_TARGET_DRIVER_FIXTURE_H
#define TESTS_TARGET_DRIVER_FIXTURE_H

#include "descriptors/IODriver.h"
#include "descriptors/IODriverKit.h"
#include "tests/drivers/modes.h"
#include "tests/harness/harness.h"
#include "tests/lib/drivers.h"

DRIVER_IMAGE(misbehaving);

#define LONG 20000000000ull /* nanoseconds: more than any of these takes */

/* A driver and the buffer by which it is told what to do. */
struct fixture {
    IODriver *driver;
    IOBufferMemoryDescriptor *buffer;
    uint64_t *words;
};

static inline void set_up(struct fixture *f, const IODriverOptions *options)
{
    f->buffer = IOBufferMemoryDescriptor_withOptions(
        kIODirectionOutIn | kIOMemoryKernelUserShared | kIOMemoryThreadSafe, PAGE_SIZE, PAGE_SIZE);
    ASSERT_NE(f->buffer, NULL);
    f->words = IOBufferMemoryDescriptor_getBytesNoCopy(f->buffer);
    ASSERT_EQ(IODriver_create(DRIVER_PROGRAM(misbehaving), options, &f->driver), kIOReturnSuccess);
    ASSERT_EQ(IODriver_give(f->driver, f->buffer), kIOReturnSuccess);
}

static inline void tear_down(struct fixture *f)
{
    IODriver_release(f->driver);
    OSObject_release(f->buffer);
}

static inline IODriverStatus status_of(const struct fixture *f)
{
    IODriverStatus status;

    IODriver_getStatus(f->driver, &status);
    return status;
}

/* Until it ends. */
static inline IODriverStatus run(struct fixture *f, enum misbehaviour mode, uint64_t word)
{
    f->words[0] = mode;
    f->words[1] = word;
    EXPECT_EQ(IODriver_runAll(LONG), kIOReturnSuccess);
    return status_of(f);
}

#endif
