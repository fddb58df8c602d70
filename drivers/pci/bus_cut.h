/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far a list of memory carries whole blocks, kept while the list is written: it is read by a
 * device that may be able to change it, so that nothing is learned from what stands in it.
 */
#ifndef DRIVERS_PCI_BUS_CUT_H
#define DRIVERS_PCI_BUS_CUT_H

#include "kernel/types.h"

/* Filled with `block` and `left` before the list is begun; the rest 0. */
struct bus_cut {
    uint64_t block; /* bytes of one, a power of two; the list begins where one does */
    uint64_t left;  /* bytes that are wanted still */
    uint64_t bytes; /* that the entries have */
    uint64_t whole; /* of these, those of whole blocks, */
    unsigned count; /* which so many entries carry, */
    uint64_t last;  /* the last of them this many bytes */
};

/* An entry of so many bytes, not 0 and at most what is left, has been written at `index`. */
static inline void bus_cut_add(struct bus_cut *cut, unsigned index, uint64_t length)
{
    const uint64_t before = cut->bytes, whole = (before + length) & ~(cut->block - 1);

    cut->left -= length;
    cut->bytes += length;
    if (whole > before) {
        cut->whole = whole;
        cut->count = index + 1;
        cut->last = cut->whole - before;
    }
}

#endif
