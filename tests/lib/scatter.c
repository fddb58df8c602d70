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
 * to an odd byte, but where all are to be whole.
 */
static void cut_piece(struct scatter_block *block, uint32_t *random, bool whole)
{
    uint32_t size;

    block->order = next_random(random) % 4 == 0;
    size = (uint32_t)PAGE_SIZE << block->order;
    block->offset = 0;
    block->length = size;
    if (!whole && next_random(random) % 4 != 0) {
        block->offset = (next_random(random) % 256) | 1;
        block->length = size - block->offset - ((next_random(random) % 256) | 1);
    }
}

/* border: below it; 0: anywhere. */
static bool allocate_block(struct scatter_block *block, uint64_t border)
{
    const struct page_request request = {.count = 1ull << block->order,
                                         .alignment = PAGE_SIZE << block->order,
                                         .highest = border != 0 ? border - 1 : 0,
                                         .owner = PAGE_OWNER_IMAGE};
    paddr_t pages;

    if (page_alloc_run(&request, &pages) != KERN_SUCCESS) {
        return false;
    }
    block->base = phys_to_virt(pages);
    memset(block->base, CANARY, (size_t)PAGE_SIZE << block->order);
    return true;
}

static bool begin(struct scatter *scatter, size_t most_pieces, size_t length)
{
    memset(scatter, 0, sizeof(*scatter));
    scatter->length = length;
    scatter->blocks = heap_alloc_zero(most_pieces * sizeof(*scatter->blocks));
    scatter->ranges = heap_alloc_zero(most_pieces * sizeof(*scatter->ranges));
    return scatter->blocks != NULL && scatter->ranges != NULL;
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

/* The last step: false, and nothing is kept, if it or one before it failed. */
static bool finish(struct scatter *scatter, bool ready, IODirection direction)
{
    for (size_t i = 0; ready && i < scatter->pieces; i++) {
        const struct scatter_block *block = &scatter->blocks[i];

        scatter->ranges[i].address = (uint64_t)block->base + block->offset;
        scatter->ranges[i].length = block->length;
    }
    if (ready) {
        scatter->memory = IOMemoryDescriptor_withAddressRanges(scatter->ranges, scatter->pieces,
                                                               direction, kernel_task);
    }
    if (scatter->memory == NULL ||
        IOMemoryDescriptor_prepare(scatter->memory, kIODirectionNone) != kIOReturnSuccess) {
        scatter_destroy(scatter);
        return false;
    }
    return true;
}

/* Blocks are linked through their first words. */
struct ballast {
    struct ballast *next;
    uint64_t pages;
};

/* Everything below the border, so that what is allocated next lies above it. */
static struct ballast *take_all_below(uint64_t border)
{
    struct ballast *all = NULL;

    for (int order = PAGE_ORDER_MAX; order >= 0; order--) {
        const struct page_request request = {
            .count = 1ull << order, .highest = border - 1, .owner = PAGE_OWNER_IMAGE};
        paddr_t run;

        while (page_alloc_run(&request, &run) == KERN_SUCCESS) {
            struct ballast *block = phys_to_virt(run);

            *block = (struct ballast){all, request.count};
            all = block;
        }
    }
    return all;
}

static void give_back(struct ballast *all)
{
    for (struct ballast *next; all != NULL; all = next) {
        next = all->next;
        page_free_run(virt_to_phys(all), all->pages);
    }
}

/* Cut and allocate blocks until they hold `length` bytes in all, of which the scatter has `total`.
 */
static bool take_blocks(struct scatter *scatter, size_t *total, size_t length, uint64_t border,
                        uint32_t *random, bool whole)
{
    while (*total < length) {
        struct scatter_block *block = &scatter->blocks[scatter->pieces];

        cut_piece(block, random, whole);
        if (!allocate_block(block, border)) {
            return false;
        }
        scatter->pieces++;
        *total += block->length;
    }
    return true;
}

/* Is there memory on both sides? */
static bool is_inside(uint64_t border)
{
    return border != 0 && page_overlaps_ram(paddr(border), 1) &&
           page_overlaps_ram(paddr(border - 1), 1);
}

static bool create(struct scatter *scatter, size_t length, uint32_t seed, uint64_t border,
                   bool whole)
{
    uint32_t random = seed * 2654435761u | 1;
    size_t total = 0;
    /* No piece is shorter than this, so this many blocks always suffice. */
    bool ready = begin(scatter, length / (PAGE_SIZE - 512) + 2, length);

    if (!is_inside(border)) {
        border = 0;
    }
    if (ready && border != 0) {
        struct ballast *below = take_all_below(border);

        ready = take_blocks(scatter, &total, length / 2, 0, &random, whole);
        give_back(below);
    }
    ready = ready && take_blocks(scatter, &total, length, border, &random, whole);
    if (ready) {
        shuffle(scatter->blocks, scatter->pieces, &random);
        trim(scatter);
    }
    return finish(scatter, ready, kIODirectionOutIn);
}

bool scatter_create_across(struct scatter *scatter, size_t length, uint32_t seed, uint64_t border)
{
    return create(scatter, length, seed, border, false);
}

bool scatter_create_whole(struct scatter *scatter, size_t length, uint32_t seed)
{
    return create(scatter, length, seed, 0, true);
}

bool scatter_create(struct scatter *scatter, size_t length, uint32_t seed)
{
    return scatter_create_across(scatter, length, seed, 0);
}

/* Piece i of so many that share `left` bytes: neighbours differ in offset and oddness. */
static bool place_piece(struct scatter_block *block, size_t i, size_t pieces, size_t left)
{
    size_t size = left / (pieces - i);

    if (pieces - i > 1 && size > 1) {
        size -= (size & 1) ^ (i & 1);
    }
    block->offset = 1 + i * 97 % 500;
    block->length = (uint32_t)size;
    return size > 0 && size + block->offset < PAGE_SIZE;
}

bool scatter_create_pieces(struct scatter *scatter, size_t pieces, size_t length,
                           IODirection direction)
{
    bool ready = pieces != 0 && begin(scatter, pieces, length);
    size_t left = length;

    for (size_t i = 0; ready && i < pieces; i++) {
        struct scatter_block *block = &scatter->blocks[i];

        ready = place_piece(block, i, pieces, left) && allocate_block(block, 0);
        scatter->pieces += ready;
        left -= block->length;
    }
    if (!finish(scatter, ready, direction)) {
        return false;
    }
    scatter_fill(scatter, 0);
    return true;
}

void scatter_destroy(struct scatter *scatter)
{
    if (scatter->memory != NULL) {
        OSObject_release(scatter->memory);
    }
    for (size_t i = 0; i < scatter->pieces; i++) {
        page_free_run(virt_to_phys(scatter->blocks[i].base), 1ull << scatter->blocks[i].order);
    }
    heap_free(scatter->blocks);
    heap_free(scatter->ranges);
    memset(scatter, 0, sizeof(*scatter));
}

void scatter_fill(const struct scatter *scatter, uint8_t byte)
{
    for (size_t i = 0; i < scatter->pieces; i++) {
        memset((void *)scatter->ranges[i].address, byte, scatter->ranges[i].length);
    }
}

uint8_t *scatter_at(const struct scatter *scatter, uint64_t i)
{
    const IOAddressRange *range = scatter->ranges;

    while (i >= range->length) {
        i -= range++->length;
    }
    return (uint8_t *)range->address + i;
}

void scatter_cksum(const struct scatter *scatter, size_t length, struct cksum *sum)
{
    const bool many = length >= CKSUM_MANY;

    if (many) {
        cksum_begin(sum);
    }
    for (size_t i = 0; i < scatter->pieces && length != 0; i++) {
        const struct scatter_block *block = &scatter->blocks[i];
        const uint8_t *const bytes = block->base + block->offset;
        size_t part = block->length < length ? block->length : length;

        if (many) {
            cksum_add(bytes, part);
        } else {
            cksum_update(sum, bytes, part);
        }
        length -= part;
    }
    if (many) {
        cksum_end(sum);
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
