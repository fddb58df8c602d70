/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is contiguous nowhere, for transfers that are meant to be hard:
 * single pages and pairs in shuffled order, most of them used from an odd byte
 * to an odd byte, described by one prepared memory descriptor. The bytes of the
 * pages that no piece uses are a canary: a device that writes outside what it
 * was told shows there.
 */
#ifndef TESTS_LIB_SCATTER_H
#define TESTS_LIB_SCATTER_H

#include "descriptors/IOMemoryDescriptor.h"
#include "kernel/types.h"
#include "tests/lib/cksum.h"

struct scatter_block; /* one run of pages and the piece cut out of it */

struct scatter {
    IOMemoryDescriptor
        *memory;   /* every byte of the pieces in order; prepared for both directions */
    size_t length; /* bytes, exactly as asked for */
    size_t pieces;
    struct scatter_block *blocks; /* private */
};

/*
 * Scatter `length` bytes (not zero). Another seed gives other pages, another
 * order and other cuts. False when memory runs out; nothing is kept then.
 */
bool scatter_create(struct scatter *scatter, size_t length, uint32_t seed);
void scatter_destroy(struct scatter *scatter);

/* Add bytes [0, length) of the described memory to a checksum: the CPU reads them in place. */
void scatter_cksum(const struct scatter *scatter, size_t length, struct cksum *sum);

/* True while no byte outside the pieces has changed since scatter_create. */
bool scatter_canaries_intact(const struct scatter *scatter);

#endif
