/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a device reaches through an IOMMU. Memory of its driver, for as long as it has that: rings,
 * tables, headers; mapped once, and told of by an address in there plus `offset`. And memory of a
 * transfer, from its submission to its end.
 */
#ifndef DRIVERS_VIRTIO_MAPPING_H
#define DRIVERS_VIRTIO_MAPPING_H

#include "descriptors/IODMACommand.h"
#include "descriptors/IOMappedLayout.h"
#include "descriptors/IOMapper_class.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "kernel/types.h"

/* --- Memory of a driver ----------------------------------------------------------------------- */

/* One of them. Thread context. */
struct virtio_mapping {
    IOMapper *mapper; /* NULL: nothing translates, and addresses are physical */
    uint64_t address; /* I/O address of the first byte */
    uint64_t bytes;   /* of I/O addresses taken */
    uint64_t offset;  /* from physical addresses to I/O addresses, modulo 2^64 */
};

/*
 * `pages` pages from `first` on, in a row. mapper NULL: success, and no translation. The
 * mapper's own errors; then *mapping translates nothing.
 */
IOReturn virtio_map(IOMapper *mapper, paddr_t first, size_t pages, struct virtio_mapping *mapping);

/*
 * Take it away. False: the unit does not say that it has forgotten it, and the memory must be
 * considered in use. Without a translation: true.
 */
bool virtio_unmap(struct virtio_mapping *mapping);

/* --- Memory of a transfer --------------------------------------------------------------------- */

/* Part of a request; nothing in it is for anybody else. */
struct virtio_memory {
    struct IOMapperUse use;       /* knows how many I/O addresses are taken */
    IOMapper *mapper;             /* NULL: nothing is mapped */
    uint64_t address;             /* the first of them */
    uint64_t offset, length;      /* in the descriptor */
    uint64_t passed;              /* bytes that the walk has behind it */
    struct IOMappedLayout layout; /* where they end */
};

/*
 * Let the device reach `length` bytes of prepared memory from byte `offset` on: `access` is
 * kIODMAMapReadAccess or kIODMAMapWriteAccess. The mapper's own errors, and then nothing is mapped;
 * kIOReturnNotReady among them: not prepared. Any context where the mapper allows it.
 */
IOReturn virtio_map_memory(struct virtio_memory *mapped, IOMapper *mapper,
                           IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                           uint32_t access);

/*
 * The same of memory that is one run from `physical` on, as IOMemoryDescriptor_isOneRun has said of
 * it: its I/O address. 0: there is no quick way, or something is wrong; nothing is mapped, and
 * virtio_map_memory maps it, or says what.
 */
static inline uint64_t virtio_map_run(struct virtio_memory *mapped, IOMapper *mapper,
                                      uint64_t physical, uint64_t offset, uint64_t length,
                                      uint32_t access)
{
    const uint64_t address = IOMapper_beginRun(mapper, &mapped->use, physical, length, access);

    if (address != 0) {
        mapped->mapper = mapper;
        mapped->address = address;
        mapped->offset = offset;
    }
    return address;
}

/*
 * The transfer has ended. kIOReturnDMAError: the device has been blocked in it;
 * kIOReturnTimeout: the unit does not say that it has forgotten the memory, whose pages are
 * nobody's from now on. As virtio_map_memory.
 */
static inline IOReturn virtio_unmap_memory(struct virtio_memory *mapped, IOMemoryDescriptor *memory)
{
    IOMapper *const mapper = mapped->mapper;

    mapped->mapper = NULL;
    return IOMapper_endTransfer(mapper, &mapped->use, memory, mapped->offset, mapped->address,
                                mapped->use.length);
}

/*
 * As IODMACommand_genIOVMSegmentsFunction does of a command: put out, by `output` and from byte
 * `*position` of what is mapped on, at most `*count` segments of at most `longest` bytes and
 * `limit` in all. On return what was put out, and the position behind it.
 */
IOReturn virtio_memory_segments(struct virtio_memory *mapped, IOMemoryDescriptor *memory,
                                IODMACommand_SegmentFunction output, void *context,
                                uint64_t *position, uint64_t limit, uint32_t longest,
                                UInt32 *count);

#endif
