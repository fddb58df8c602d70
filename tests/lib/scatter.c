/* SPDX-License-Identifier: BSD-2-Clause */
/* A buffer scattered over pages in an order that no allocator gives. */
#include "tests/lib/scatter.h"

#include <string.h>

#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/page.h"

#define CANARY 0xc5

struct scatter_block {
    uint8_t *base;   /* first byte of the pages, in the direct map */
    uint32_t order;  /* 2^order pages */
    uint32_t offset; /* of the piece in the block, bytes */
    uint32_t length; /* of the piece, bytes */
};

static uint32_t next_random(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/*
 * One block in four is a pair of pages, so that a piece may cross a page border
 * without a new segment. One in four is used whole, the others from an odd byte
 * to an odd byte.
 */
static void cut_piece(struct scatter_block *block, uint32_t *random)
{
    uint32_t size;

    block->order = next_random(random) % 4 == 0;
    size = (uint32_t)PAGE_SIZE << block->order;
    block->offset = 0;
    block->length = size;
    if (next_random(random) % 4 != 0) {
        block->offset = (next_random(random) % 256) | 1;
        block->length = size - block->offset - ((next_random(random) % 256) | 1);
    }
}

static bool allocate_block(struct scatter_block *block)
{
    paddr_t pages;

    if (page_alloc(block->order, PAGE_OWNER_IMAGE, &pages) != KERN_SUCCESS) {
        return false;
    }
    block->base = phys_to_virt(pages);
    memset(block->base, CANARY, (size_t)PAGE_SIZE << block->order);
    return true;
}

/* Allocators hand out neighbours; the order of use must not. */
static void shuffle(struct scatter_block *blocks, size_t count, uint32_t *random)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = next_random(random) % i;
        struct scatter_block swapped = blocks[i - 1];

        blocks[i - 1] = blocks[other];
        blocks[other] = swapped;
    }
}

/* Shorten the last pieces so that the sum is exactly the length asked for. */
static void trim(struct scatter *scatter)
{
    size_t total = 0;
    size_t used = 0;

    while (total < scatter->length) {
        total += scatter->blocks[used++].length;
    }
    scatter->blocks[used - 1].length -= total - scatter->length;
    for (size_t i = used; i < scatter->pieces; i++) {
        scatter->blocks[i].length = 0;
    }
}

static bool describe(struct scatter *scatter)
{
    IOAddressRange *ranges = heap_alloc(scatter->pieces * sizeof(*ranges));

    if (ranges == NULL) {
        return false;
    }
    for (size_t i = 0; i < scatter->pieces; i++) {
        const struct scatter_block *block = &scatter->blocks[i];

        ranges[i].address = (uint64_t)block->base + block->offset;
        ranges[i].length = block->length;
    }
    scatter->memory = IOMemoryDescriptor_withAddressRanges(ranges, scatter->pieces,
                                                           kIODirectionOutIn, kernel_task);
    heap_free(ranges);
    return scatter->memory != NULL &&
           IOMemoryDescriptor_prepare(scatter->memory, kIODirectionOutIn) == kIOReturnSuccess;
}

bool scatter_create(struct scatter *scatter, size_t length, uint32_t seed)
{
    uint32_t random = seed * 2654435761u | 1;
    /* No piece is shorter than this, so this many blocks always suffice. */
    size_t most_pieces = length / (PAGE_SIZE - 512) + 1;
    size_t total = 0;

    memset(scatter, 0, sizeof(*scatter));
    scatter->length = length;
    scatter->blocks = heap_alloc_zero(most_pieces * sizeof(*scatter->blocks));
    if (scatter->blocks == NULL) {
        return false;
    }
    while (total < length) {
        struct scatter_block *block = &scatter->blocks[scatter->pieces];

        cut_piece(block, &random);
        if (!allocate_block(block)) {
            scatter_destroy(scatter);
            return false;
        }
        scatter->pieces++;
        total += block->length;
    }
    shuffle(scatter->blocks, scatter->pieces, &random);
    trim(scatter);
    if (!describe(scatter)) {
        scatter_destroy(scatter);
        return false;
    }
    return true;
}

void scatter_destroy(struct scatter *scatter)
{
    if (scatter->memory != NULL) {
        OSObject_release(scatter->memory);
    }
    for (size_t i = 0; i < scatter->pieces; i++) {
        page_free(virt_to_phys(scatter->blocks[i].base), scatter->blocks[i].order);
    }
    heap_free(scatter->blocks);
    memset(scatter, 0, sizeof(*scatter));
}

void scatter_cksum(const struct scatter *scatter, size_t length, struct cksum *sum)
{
    for (size_t i = 0; i < scatter->pieces && length != 0; i++) {
        const struct scatter_block *block = &scatter->blocks[i];
        size_t part = block->length < length ? block->length : length;

        cksum_update(sum, block->base + block->offset, part);
        length -= part;
    }
}

static bool all_canary(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != CANARY) {
            return false;
        }
    }
    return true;
}

bool scatter_canaries_intact(const struct scatter *scatter)
{
    for (size_t i = 0; i < scatter->pieces; i++) {
        const struct scatter_block *block = &scatter->blocks[i];
        size_t size = (size_t)PAGE_SIZE << block->order;
        size_t end = block->offset + block->length;

        if (!all_canary(block->base, block->offset) || !all_canary(block->base + end, size - end)) {
            return false;
        }
    }
    return true;
}
