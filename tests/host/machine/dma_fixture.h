/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of DMA commands: a machine with RAM on both sides of what 31 bits reach, memory
 * at given physical addresses, and the device's view of a prepared command.
 */
#ifndef TESTS_HOST_DMA_FIXTURE_H
#define TESTS_HOST_DMA_FIXTURE_H

#include "descriptors/IODMACommand.h"
#include "tests/host/machine/map_fixture.h"

#define DMA_LOW  0x50000000ull /* pages that 31 bits reach */
#define DMA_HIGH 0x90000000ull /* pages that they do not */

int dma_power_on(void **state);

/* All of memory at these physical addresses, which a test may fill and look at. */
uint8_t *dma_bytes(uint64_t physical);
void dma_fill(uint64_t physical, uint64_t length, uint8_t seed);

/* One or two pieces of physical memory. */
IOMemoryDescriptor *dma_memory(uint64_t first, uint64_t firstLength, uint64_t second,
                               uint64_t secondLength, IODirection direction);

/* A command of 64-bit entries with these limits over this memory, not prepared; refs are the
 * caller's. */
IODMACommand *dma_command(const IODMACommand_SegmentOptions *options, uint32_t mapping,
                          IOMemoryDescriptor *memory);

/* The whole list of a prepared command; the number of entries. */
unsigned dma_list(IODMACommand *command, IODMACommand_Segment64 *list, unsigned room);

/* What the device would read at a position of the prepared range, by address alone. */
uint8_t dma_device_reads(IODMACommand *command, uint64_t position);
void dma_device_writes(IODMACommand *command, uint64_t position, uint8_t byte);

#endif
