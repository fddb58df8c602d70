/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of buffers over the simulated machine. */
#ifndef TESTS_HOST_MAP_BUFFER_H
#define TESTS_HOST_MAP_BUFFER_H

#include "descriptors/buffer/IOBufferMemoryDescriptor_private.h"
#include "kernel/page.h"
#include "tests/host/machine/map_fixture.h"

#define PAGEABLE (kIODirectionOutIn | kIOMemoryPageable)

static inline uint64_t address_of(IOBufferMemoryDescriptor *buffer)
{
    return (uintptr_t)IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
}

static inline IOBufferMemoryDescriptor *make(task_t task, IOOptionBits options, uint64_t capacity)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_inTaskWithOptions(task, options, capacity, 1);

    assert_non_null(buffer);
    return buffer;
}

static inline uint64_t resident_pages(IOBufferMemoryDescriptor *buffer)
{
    IOByteCount resident, dirty;

    assert_int_equal(IOMemoryDescriptor_getPageCounts(buffer, &resident, &dirty), kIOReturnSuccess);
    return resident;
}

static inline void expect_refusal(task_t task, IOOptionBits options, uint64_t capacity,
                                  uint64_t alignment, uint64_t mask, IOReturn why)
{
    const struct holdings before = holdings_now();
    OSObject *object = OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);
    IOBufferMemoryDescriptor *buffer = (IOBufferMemoryDescriptor *)object;

    platform_set_last_error(0);
    assert_false(IOBufferMemoryDescriptor_initWithPhysicalMask(buffer, task, options, capacity,
                                                               alignment, mask));
    assert_int_equal(IOMemoryLastError(), why);
    OSObject_release(buffer);
    assert_true(sim_holds(&before));
}

#endif
