/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a driver and a bus master share for long: rings, lists, frames. One run,
 * zeroed, of whole pages, and mapped once for the device, so that what stands in it goes by
 * one addition from the CPU's address to the device's.
 *
 * Thread context.
 */
#ifndef DRIVERS_PCI_BUS_MEMORY_H
#define DRIVERS_PCI_BUS_MEMORY_H

#include "descriptors/IODMACommand.h"

struct bus_memory {
    void *bytes;                      /* NULL: there is none */
    uint64_t start;                   /* what the device puts on its bus for the first byte */
    IODMACommand *command;            /* private */
    IOBufferMemoryDescriptor *buffer; /* private */
};

/*
 * `size` bytes, the first one at a multiple of `alignment` (a power of two) in the device's
 * eyes, and all of them where `address_bits` (0: all) reach. mapper: what is in front of the
 * device; NULL: none but a system mapper. kIOReturnBadArgument, kIOReturnNoMemory, or what a
 * command's preparation says.
 */
IOReturn bus_memory_create(struct bus_memory *memory, IOMapper *mapper, unsigned address_bits,
                           size_t size, size_t alignment);

/* Give it back; without any, no effect. The device must have let go of it. */
void bus_memory_destroy(struct bus_memory *memory);

/* The device may use it still, for ever: it stays where it is, and is nobody's. */
void bus_memory_abandon(struct bus_memory *memory);

/* What the device calls a byte of it. Any context. */
uint64_t bus_memory_address(const struct bus_memory *memory, const void *byte);

#endif
