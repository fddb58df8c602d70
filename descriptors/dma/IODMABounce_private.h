/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounce memory of one preparation: islands, pieces of the transfer that live in memory of
 * the command's own, and the chunks of memory they lie in. Chunks are whole pages, taken
 * from a pool that all commands share and charged to it; no page serves two commands.
 */
#ifndef DESCRIPTORS_IODMABOUNCE_PRIVATE_H
#define DESCRIPTORS_IODMABOUNCE_PRIVATE_H

#include "descriptors/IODMALimits.h"
#include "descriptors/platform.h"

/* Bytes [start, end) of the prepared range, in memory that is contiguous both ways. */
struct IODMAIsland {
    uint64_t start, end;
    uint8_t *memory;
    uint64_t address; /* the same, physically */
};

struct IODMABounce {
    struct IODMAIsland *islands; /* in order; NULL: none */
    size_t count, capacity;
    struct IODMAIsland single; /* the usual case needs no list */
    uint64_t bytes;            /* in the islands */
    uint8_t *chunk; /* one contiguous block of chunkBytes; NULL: each island is its own */
    uint64_t chunkBytes, placed;
    uint64_t charged; /* to the pool */

    /* The holders' list, for the line that names them. */
    const void *holder;
    struct IODMABounce *next, *previous;
};

/*
 * Room for `count` islands in `room` bytes below limits->highest, each to be placed by
 * IODMABounce_add, in order. Zeroed, unless the caller will store to each of these bytes
 * before a device is told of them (`overwritten`). kIOReturnNoResources: the pool is spent (a line
 * names who has it), or there is no such memory; kIOReturnNoMemory.
 */
IOReturn IODMABounce_begin(struct IODMABounce *bounce, const struct IODMALimits *limits,
                           size_t count, uint64_t room, bool overwritten, const void *holder);

/*
 * The island of bytes [start, end). Where no contiguous block was to be had it may be in
 * several pieces, which count as islands; kIOReturnNoResources.
 */
IOReturn IODMABounce_add(struct IODMABounce *bounce, const struct IODMALimits *limits,
                         uint64_t start, uint64_t end);

/* Give everything back; zeroed is fine. */
void IODMABounce_end(struct IODMABounce *bounce);

/* Charge a preparation's whole copy to the pool, once, likewise given back by end. */
IOReturn IODMABounce_charge(struct IODMABounce *bounce, uint64_t bytes, const void *holder);

/* Bytes that an island takes in a chunk: its own, up to where the next one may begin. */
static inline uint64_t IODMABounce_room(const struct IODMALimits *limits, uint64_t bytes)
{
    const uint64_t unit = IODMALimits_unit(limits);
    /* At least 8, so that each island begins on a word, where the CPU copies best. */
    const uint64_t step = unit < 8 ? 8 : unit;

    return (bytes + (step - 1)) & ~(step - 1);
}

/* The holder keeps its bounce memory in another place. */
void IODMABounce_move(struct IODMABounce *to, struct IODMABounce *from);

/* The island that holds byte `position`, or the first behind it; count: none. */
size_t IODMABounce_find(const struct IODMABounce *bounce, uint64_t position);

#endif
