/* SPDX-License-Identifier: BSD-2-Clause */
/* Composites of the owner's memory, for tests over the simulated machine. */
#ifndef TESTS_HOST_MAP_COMPOSITE_H
#define TESTS_HOST_MAP_COMPOSITE_H

#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/map_fixture.h"

#define UP(x)  IOMemoryDescriptor_upcast(x)
#define PAGES3 (3 * PAGE_SIZE)

static inline IOMemoryDescriptor *join(IOMemoryDescriptor **parts, UInt32 count)
{
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, count, kIODirectionOutIn, false);

    assert_non_null(multi);
    return UP(multi);
}

static inline IOMemoryDescriptor *window(IOMemoryDescriptor *of, IOByteCount offset,
                                         IOByteCount length)
{
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(of, offset, length, kIODirectionOutIn);

    assert_non_null(sub);
    return UP(sub);
}

/* Two single pages of the owner, whose first bytes are 1 and 2. */
static inline void two_pages(IOMemoryDescriptor *parts[2])
{
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t at = new_pages(owner, 1, RW);

        parts[i] = describe(at, PAGE_SIZE, kIODirectionOutIn, owner);
        store(owner, at, (uint8_t)(i + 1));
    }
}

static inline void release_both(IOMemoryDescriptor *parts[2])
{
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

#endif
