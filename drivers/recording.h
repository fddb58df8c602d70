/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What drivers tell a recording (kernel/trace.h) of their lists: of each where it begins, then its
 * entries in order, as the device will read them. For sites where trace_is_on.
 */
#ifndef DRIVERS_RECORDING_H
#define DRIVERS_RECORDING_H

#include "descriptors/IODMARecording.h"
#include "kernel/trace.h"

/* A list begins at this byte of a command's preparation. device: as in its doorbell's event. */
static inline void recording_list(const IODMACommand *command, uint64_t position,
                                  const volatile void *device)
{
    UInt64 prepared = 0;

    IODMACommand_getPreparedOffsetAndLength(command, &prepared, NULL);
    trace_dma_issue((vaddr_t)command, prepared + position, (vaddr_t)device);
}

/* An entry of it; flags: TRACE_SLOT_.... */
static inline void recording_entry(const void *transfer, uint64_t address, uint32_t length,
                                   unsigned index, enum trace_list list, unsigned flags)
{
    trace_dma_slot((vaddr_t)transfer, address, TRACE_SLOT(length, index, list, flags));
}

#endif
