/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recording has of a transfer's memory: where its bytes are for the CPU, where they are
 * physically, which of them are elsewhere for the device, and the device's limits. Starts by an
 * IODMAEventSource are recorded with it as they are; these functions are for engines with a
 * second side to their transfers, and for drivers whose requests are no commands. Both record
 * nothing unless the platform does (kernel/trace.h), and nothing in interrupt handlers, where
 * memory may not be asked where it is.
 *
 * Origin: ours; IOKit has no such thing.
 */
#ifndef DESCRIPTORS_IODMARECORDING_H
#define DESCRIPTORS_IODMARECORDING_H

#include "descriptors/IODMACommand.h"

/* Of a command that is prepared; else nothing. */
void IODMARecording_command(const IODMACommand *command);

/*
 * Of memory that is prepared, bytes [offset, offset + length), under the name that the caller's
 * other events of this transfer have.
 */
void IODMARecording_memory(const void *transfer, IOMemoryDescriptor *memory, UInt64 offset,
                           UInt64 length);

#endif
