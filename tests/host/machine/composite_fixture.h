/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows and multis of the kernel's pages, for tests that need no mapping. */
#ifndef TESTS_HOST_MACHINE_COMPOSITE_FIXTURE_H
#define TESTS_HOST_MACHINE_COMPOSITE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/host/sim/sim_console.h"

#define UP(x) IOMemoryDescriptor_upcast(x)

/* Two ranges with a gap between them, unprepared; 5000 + 3000 bytes. */
static inline IOMemoryDescriptor *two_ranges(void)
{
    IOAddressRange ranges[] = {{pages_at + 100, 5000}, {pages_at + 9000, 3000}};

    return IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, kernel_task);
}

static inline IOSubMemoryDescriptor *window(IOMemoryDescriptorRef of, IOByteCount offset,
                                            IOByteCount length)
{
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(of, offset, length, kIODirectionOutIn);

    assert_non_null(sub);
    return sub;
}

static inline IOMultiMemoryDescriptor *concatenate(IOMemoryDescriptor **parts, UInt32 count)
{
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, count, kIODirectionOutIn, false);

    assert_non_null(multi);
    return multi;
}

static inline IOReturn operate(IOMemoryDescriptorConstRef memory, DMACommandOps op)
{
    return IOMemoryDescriptor_dmaCommandOperation(memory, op, NULL, 0);
}

#endif
