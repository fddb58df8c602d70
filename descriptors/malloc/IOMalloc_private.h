/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Behind the families of IOMalloc.h: a record for every block, outside of it, so
 * that no address a caller frees is trusted, or even touched, before it is known.
 */
#ifndef DESCRIPTORS_IOMALLOC_PRIVATE_H
#define DESCRIPTORS_IOMALLOC_PRIVATE_H

#include "descriptors/IOMalloc.h"
#include "descriptors/IOMallocAccounting.h"
#include "descriptors/IOReturn.h"

struct IOMallocBlock {
    struct IOMallocBlock *low, *high; /* in the tree of live blocks */
    struct IOMallocBlock *next;       /* on the list of the waiting ones */
    uint64_t address;
    uint64_t size;      /* asked for */
    uint64_t extent;    /* taken from the platform */
    const void *caller; /* where it was allocated */
    IOMallocFamily family;
};

/* The live blocks, by address; each call is one step that no interrupt handler sees halfway. */
void IOMallocBlocks_add(struct IOMallocBlock *block);

/* Take the block at an address out of the live ones; NULL if none of the family begins there. */
struct IOMallocBlock *IOMallocBlocks_remove(uint64_t address, IOMallocFamily family);

/* Copy the live block with the lowest address that is not below one; false: there is none. */
bool IOMallocBlocks_next(uint64_t address, struct IOMallocBlock *block);

/* Freed blocks whose memory waits: put one there; take all. */
void IOMallocBlocks_wait(struct IOMallocBlock *block);
struct IOMallocBlock *IOMallocBlocks_takeWaiting(void);

void IOMallocBlocks_countFailure(IOMallocFamily family);
extern const char *const IOMallocFamily_names[kIOMallocFamilyCount];

/*
 * The start of every allocation, in thread context: what waits is given back if it
 * can be, then comes a record for a block whose extent and address are still to be
 * set. NULL, with the last error set, if the allocation must fail.
 */
struct IOMallocBlock *IOMalloc_begin(IOMallocFamily family, uint64_t size, const void *caller);

/* And its end: the address of the now live block; or NULL, for that reason. */
void *IOMalloc_finish(struct IOMallocBlock *block, void *address, IOReturn status);

/* Free for a family; see IOMalloc.h. */
void IOMalloc_free(void *address, uint64_t size, IOMallocFamily family, const void *caller);

#endif
