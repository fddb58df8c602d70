/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of DMA commands that bounce: a device of 31 bits of address, and prepared commands. */
#ifndef TESTS_HOST_MACHINE_DMA_BOUNCE_FIXTURE_H
#define TESTS_HOST_MACHINE_DMA_BOUNCE_FIXTURE_H

#include "tests/host/machine/dma_fixture.h"

#define BITS31                                                                                     \
    {                                                                                              \
        .fStructSize = 40, .fNumAddressBits = 31                                                   \
    }

static const IODMACommand_SegmentOptions bits31 = BITS31;

static inline IODMACommand *prepared(IOMemoryDescriptor *memory,
                                     const IODMACommand_SegmentOptions *limits, uint32_t mapping)
{
    IODMACommand *command = dma_command(limits, mapping, memory);

    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    return command;
}

static inline void drop(IODMACommand *command, IOMemoryDescriptor *memory)
{
    OSObject_release(command);
    OSObject_release(memory);
}

#endif
