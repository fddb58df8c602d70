/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a driver that a device reaches through an IOMMU, for as long as it has it: rings,
 * tables, headers. Mapped once; what a device is told is an address in there plus `offset`.
 * Thread context.
 */
#ifndef DRIVERS_VIRTIO_MAPPING_H
#define DRIVERS_VIRTIO_MAPPING_H

#include "descriptors/IOMapper.h"
#include "kernel/types.h"

/* One of them. */
struct virtio_mapping {
    IOMapper *mapper; /* NULL: nothing translates, and addresses are physical */
    uint64_t address; /* I/O address of the first byte */
    uint64_t bytes;   /* of I/O addresses taken */
    uint64_t offset;  /* from physical addresses to I/O addresses, modulo 2^64 */
};

/*
 * `pages` pages from `memory` on, in a row. mapper NULL: success, and no translation. The
 * mapper's own errors; then *mapping translates nothing.
 */
IOReturn virtio_map(IOMapper *mapper, const void *memory, size_t pages,
                    struct virtio_mapping *mapping);

/*
 * Take it away. False: the unit does not say that it has forgotten it, and the memory must be
 * considered in use. Without a translation: true.
 */
bool virtio_unmap(struct virtio_mapping *mapping);

#endif
