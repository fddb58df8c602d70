/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is contiguous nowhere, for transfers that are meant to be hard: pieces
 * of pages in no order, described by one prepared memory descriptor. The bytes of the
 * pages that no piece uses are a canary: a device that writes outside what it was
 * told shows there.
 */
#ifndef TESTS_LIB_SCATTER_H
#define TESTS_LIB_SCATTER_H

#include "descriptors/IOMemoryDescriptor.h"
#include "kernel/types.h"
#include "tests/lib/cksum.h"

struct scatter_block; /* the pages that a piece is cut out of */

struct scatter {
    IOMemoryDescriptor *memory; /* every byte of the pieces in order, prepared */
    size_t length;              /* bytes, exactly as asked for */
    size_t pieces;
    IOAddressRange *ranges;       /* the pieces */
    struct scatter_block *blocks; /* private */
};

/*
 * Scatter `length` bytes (not zero) over single pages and pairs in shuffled order, most
 * of them used from an odd byte to an odd byte; for both directions. Another seed gives
 * other pages, another order and other cuts. False when memory runs out; nothing is kept
 * then.
 */
bool scatter_create(struct scatter *scatter, size_t length, uint32_t seed);

/*
 * The same with pieces below and above a border (an address, 0: none), in about equal parts,
 * mixed; where there is memory on both sides of it.
 */
bool scatter_create_across(struct scatter *scatter, size_t length, uint32_t seed, uint64_t border);

/* The same with whole pages alone, for who may be shown nothing beside them; so is `length`. */
bool scatter_create_whole(struct scatter *scatter, size_t length, uint32_t seed);

/*
 * The same for exactly so many pieces, each somewhere in a page of its own, some of an
 * odd length, for this direction; zeros at first. Each piece has a byte at least, and
 * room for its page's first and last byte: false if it cannot.
 */
bool scatter_create_pieces(struct scatter *scatter, size_t pieces, size_t length,
                           IODirection direction);

void scatter_destroy(struct scatter *scatter);

/* Set every byte of the pieces. */
void scatter_fill(const struct scatter *scatter, uint8_t byte);

/* Byte `i` of the pieces taken together. */
uint8_t *scatter_at(const struct scatter *scatter, uint64_t i);

/* Add bytes [0, length) of the described memory to a checksum: the CPU reads them in place. */
void scatter_cksum(const struct scatter *scatter, size_t length, struct cksum *sum);

/* True while no byte outside the pieces has changed since they were made. */
bool scatter_canaries_intact(const struct scatter *scatter);

#endif
