/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The quick way for what is small and lies in the first table of a space, where most of what
 * is mapped and unmapped again is: without a walk, and inline, since it is done for each
 * transfer. What it declines goes the other way (smmu_space.c), with the same result.
 */
#ifndef DRIVERS_SMMUV3_SMMU_NEAR_PRIVATE_H
#define DRIVERS_SMMUV3_SMMU_NEAR_PRIVATE_H

#include "drivers/smmuv3/smmu_space_private.h"

static inline uint64_t space_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* One store of all 64 bits: a walk must not meet half an entry. */
static inline void space_store(uint64_t *entry, uint64_t value)
{
    *(volatile uint64_t *)entry = value;
}

/* Entries in a row, each by so much larger than the one before. */
static inline void space_fill(uint64_t *entries, uint64_t count, uint64_t value, uint64_t step)
{
    uint64_t *const end = entries + count;

    for (; end - entries >= 4; entries += 4, value += 4 * step) {
        space_store(&entries[0], value);
        space_store(&entries[1], value + step);
        space_store(&entries[2], value + 2 * step);
        space_store(&entries[3], value + 3 * step);
    }
    for (; entries != end; entries++, value += step) {
        space_store(entries, value);
    }
}

/* The first page from `index` on whose bit is set, or with `flip` all ones, is not; 512: none. */
static inline unsigned space_scan(const uint64_t *bits, unsigned index, uint64_t flip)
{
    for (unsigned word = index / 64; word < SPACE_ENTRIES / 64; word++, index = word * 64) {
        const uint64_t left = (bits[word] ^ flip) & ~0ull << index % 64;

        if (left != 0) {
            return word * 64 + (unsigned)__builtin_ctzll(left);
        }
    }
    return SPACE_ENTRIES;
}

/* The bits of `count` pages from `index` on. */
static inline void space_mark(uint64_t *bits, unsigned index, unsigned count, bool set)
{
    while (count != 0) {
        const unsigned here = (unsigned)space_least(count, 64 - index % 64);
        const uint64_t mask = (~0ull >> (64 - here)) << index % 64;

        if (set) {
            bits[index / 64] |= mask;
        } else {
            bits[index / 64] &= ~mask;
        }
        index += here;
        count -= here;
    }
}

/*
 * First fit, if that is near and ends before `limit`: an allocation of so many pages, all of it
 * taken, whose entries are the caller's to fill. NULL: it is not; nothing has changed.
 */
static inline uint64_t *space_near_take(struct smmu_space *space, uint64_t pages, uint64_t limit,
                                        uint64_t *first)
{
    struct space_node *const node = space->near;
    unsigned at = SPACE_ENTRIES;

    if (space->lowest >= SPACE_ENTRIES || pages >= SPACE_ENTRIES) {
        return NULL;
    }
    at = space_scan(node->used, (unsigned)space->lowest, ~0ull);
    if (pages == 1) {
        space->lowest = at; /* all below are taken */
    } else {
        unsigned end = space_scan(node->used, at, 0);

        while (end - at < pages && end != SPACE_ENTRIES) {
            at = space_scan(node->used, end, ~0ull);
            end = space_scan(node->used, at, 0);
        }
    }
    if (at + pages > space_least(limit, SPACE_ENTRIES)) {
        return NULL;
    }
    if (at == space->lowest) {
        space->lowest += pages;
    }
    if (pages == 1) {
        node->used[at / 64] |= 1ull << at % 64;
    } else {
        space_mark(node->used, at, (unsigned)pages, true);
    }
    node->count[at] = (uint32_t)pages;
    *first = at;
    return &node->entries[at];
}

/*
 * The same of one page, which is most that is asked for: it becomes `entry`. False: it is not
 * near, or there is none.
 */
static inline bool space_near_enter(struct smmu_space *space, uint64_t entry, uint64_t *page)
{
    struct space_node *const node = space->near;
    const uint64_t lowest = space->lowest;
    uint64_t *word, left, at;

    if (lowest >= SPACE_ENTRIES) {
        return false;
    }
    word = &node->used[lowest / 64];
    left = ~*word & ~0ull << lowest % 64;
    if (left == 0) {
        return false; /* further on, or not at all */
    }
    at = (lowest & ~63ull) + (unsigned)__builtin_ctzll(left);
    *word |= left & -left;
    space->lowest = at + 1; /* all below are taken */
    node->count[at] = 1;
    space_store(&node->entries[at], entry);
    *page = at;
    return true;
}

/* Is this a near allocation of one page? If so it translates no more. Page 0 goes the other way. */
static inline bool space_near_leave(struct smmu_space *space, uint64_t page)
{
    struct space_node *const node = space->near;

    if (page - 1 >= SPACE_ENTRIES - 1 || node->count[page] != 1) {
        return false;
    }
    node->count[page] = 0;
    space_store(&node->entries[page], 0);
    return true;
}

/* After the invalidation. */
static inline void space_near_free(struct smmu_space *space, uint64_t page)
{
    space->near->used[page / 64] &= ~(1ull << page % 64);
    if (page < space->lowest) {
        space->lowest = page;
    }
}

/* Is this a near allocation of so many pages? If so it translates no more. */
static inline bool space_near_block(struct smmu_space *space, uint64_t first, uint64_t pages)
{
    struct space_node *const node = space->near;

    if (first >= SPACE_ENTRIES || node->count[first] != pages || pages > SPACE_ENTRIES - first) {
        return false;
    }
    if (pages == 1) {
        space_store(&node->entries[first], 0);
    } else {
        space_fill(&node->entries[first], pages, 0, 0);
    }
    node->count[first] = 0;
    return true;
}

/* After the invalidation. */
static inline void space_near_release(struct smmu_space *space, uint64_t first, uint64_t pages)
{
    struct space_node *const node = space->near;

    if (pages == 1) {
        node->used[first / 64] &= ~(1ull << first % 64);
    } else {
        space_mark(node->used, (unsigned)first, (unsigned)pages, false);
    }
    if (first < space->lowest) {
        space->lowest = first == 0 ? 1 : first;
    }
}

#endif
