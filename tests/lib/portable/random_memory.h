/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random descriptors of every class, and what they describe, known without asking
 * them: the physical address of each byte, one by one. A seed gives the same
 * descriptor every time. Runs on the host and on the target.
 */
#ifndef TESTS_LIB_RANDOM_MEMORY_H
#define TESTS_LIB_RANDOM_MEMORY_H

#include "descriptors/IOMemoryDescriptor.h"

#define RANDOM_MEMORY_MAX 40000 /* bytes of one descriptor */

/* Where the test runs. */
struct random_world {
    uint8_t *arena;    /* kernel memory, whole pages, physically scattered */
    uint64_t size;     /* its bytes */
    uint64_t ram_base; /* `size` bytes of RAM from this physical address on may be described */
    uint64_t (*physical)(const void *address); /* behind kernel memory */
    const uint8_t *(*ram)(uint64_t physical);  /* the byte there, for reading; NULL: it is no RAM */
};

extern const struct random_world *random_world;

void random_seed(uint64_t seed);
uint64_t random_below(uint64_t limit); /* limit > 0 */

/* Now and then a small number, now and then a large one; up to `most`. */
uint64_t random_length(uint64_t most);

struct described_bytes {
    uint64_t at[RANDOM_MEMORY_MAX + 1]; /* the physical address of each byte */
    uint64_t count;
};

struct random_memory {
    IOMemoryDescriptor *memory; /* not prepared */
    struct described_bytes *bytes;
};

/*
 * General descriptors over ranges that touch, overlap or are empty, buffers,
 * windows and concatenations of such, nested up to `depth`; the budget is in bytes.
 */
struct random_memory random_memory_make(unsigned depth, uint64_t budget);
void random_memory_drop(struct random_memory *memory);

/*
 * The same bytes behind a class of a stranger, which has no walk of its own and
 * answers in pieces of any size.
 */
IOMemoryDescriptor *random_memory_stranger(struct described_bytes *bytes);

#endif
