/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floors by hand: the least code that does the work of a row, beside which the row is put. No
 * object, no check, no call; what cannot be left out is in them: every entry is written, every page
 * counted, every translation and its invalidation made, every byte zeroed.
 *
 * They are what a program for one purpose could come to, not what a library could.
 */
#ifndef TESTS_BENCH_HAND_H
#define TESTS_BENCH_HAND_H

#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
#include "tests/bench/bench.h"

#define HAND static __attribute__((noinline, unused))

/* --- A device's list ----------------------------------------------------------------------------
 */

/* As a preparation leaves it: runs of addresses, by where each ends. */
struct hand_run {
    uint64_t address, end;
};

struct hand_entry {
    uint64_t address, length;
};

struct hand_list {
    const struct hand_run *runs;
    size_t count;
    struct hand_entry *entries;
};

/* An entry for each run. */
HAND void hand_entries(void *context)
{
    const struct hand_list *const list = context;
    struct hand_entry *entry = list->entries;
    uint64_t offset = 0;

    for (size_t i = 0; i < list->count; i++) {
        const uint64_t end = list->runs[i].end;

        entry->address = list->runs[i].address;
        entry->length = end - offset;
        offset = end;
        entry++;
    }
}

/* --- Pages that stay ----------------------------------------------------------------------------
 */

/* Pages in the order of the bytes; what is made of them, and counted. */
struct hand_pages {
    const paddr_t *pages;
    size_t count;
    uint16_t *pins;        /* by page number, its lowest 16 bits */
    struct hand_run *runs; /* room for one a page */
    struct hand_entry *entries;
    bool absent; /* each page is zeroed first */
};

static inline __attribute__((always_inline)) void hand_zero(void *page)
{
    const uint64_t line = 4ull << (cpu_read_sysreg(dczid_el0) & 15); /* bytes, by words */

    for (uint64_t at = (uint64_t)page, end = at + PAGE_SIZE; at != end; at += line) {
        __asm__ volatile("dc zva, %0" : : "r"(at) : "memory");
    }
}

/* Count each page and join neighbours. Returns how many runs there are. */
static inline __attribute__((always_inline)) size_t hand_pin(const struct hand_pages *pages)
{
    struct hand_run *run = pages->runs;
    uint64_t next = 0, offset = 0;

    run->address = pages->pages[0].value;
    for (size_t i = 0; i < pages->count; i++) {
        const uint64_t page = pages->pages[i].value;

        pages->pins[page >> PAGE_SHIFT & 0xffff]++;
        if (page != next && offset != 0) {
            run->end = offset;
            run++;
            run->address = page;
        }
        next = page + PAGE_SIZE;
        offset += PAGE_SIZE;
    }
    run->end = offset;
    return (size_t)(run - pages->runs) + 1;
}

static inline __attribute__((always_inline)) void hand_unpin(const struct hand_pages *pages)
{
    for (size_t i = 0; i < pages->count; i++) {
        pages->pins[pages->pages[i].value >> PAGE_SHIFT & 0xffff]--;
    }
}

/* Prepare and complete. */
HAND void hand_prepare(void *context)
{
    const struct hand_pages *const pages = context;

    for (size_t i = 0; pages->absent && i < pages->count; i++) {
        hand_zero(phys_to_virt(pages->pages[i]));
    }
    hand_pin(pages);
    hand_unpin(pages);
}

/* The same with the list of what was prepared between the two. */
HAND void hand_whole(void *context)
{
    const struct hand_pages *const pages = context;
    struct hand_list list = {pages->runs, hand_pin(pages), pages->entries};

    hand_entries(&list);
    hand_unpin(pages);
}

/* --- Translations -------------------------------------------------------------------------------
 */

/* Tables of four levels, which no CPU walks; the last one's entries are of 2 MiB. */
static struct {
    uint64_t level[4][512];
} hand_tables __attribute__((aligned(4096), unused));

static inline __attribute__((always_inline)) uint64_t *hand_walk(uint64_t va)
{
    const uint64_t *table = hand_tables.level[0];

#pragma GCC unroll 3
    for (unsigned shift = 39; shift != 12; shift -= 9) {
        table = (const uint64_t *)table[va >> shift & 511];
    }
    return (uint64_t *)&table[va >> 12 & 511];
}

/* The address, in whose way there are tables. Never shown to anybody. */
static inline uint64_t hand_address(void)
{
    const uint64_t va = 0x0000123456600000;

    for (unsigned level = 0; level < 3; level++) {
        hand_tables.level[level][va >> (39 - 9 * level) & 511] =
            (uint64_t)hand_tables.level[level + 1];
    }
    return va;
}

struct hand_mapping {
    uint64_t va, pages;
};

/* Entries for so many pages from an address on; `attributes` 0: there are none. */
static inline __attribute__((always_inline)) void hand_enter(const struct hand_mapping *mapping,
                                                             uint64_t attributes)
{
    uint64_t *entry = hand_walk(mapping->va);
    uint64_t pages = mapping->pages, value = attributes;

    for (; pages >= 8; pages -= 8) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++) {
            *entry++ = value;
            value += attributes != 0 ? PAGE_SIZE : 0;
        }
    }
    for (; pages != 0; pages--) {
        *entry++ = value;
        value += attributes != 0 ? PAGE_SIZE : 0;
    }
    __asm__ volatile("dsb ishst" : : : "memory");
}

/* Show so many pages and take them away: entries, barriers, and one invalidation for all of them.
 */
HAND void hand_map(void *context)
{
    const struct hand_mapping *const mapping = context;

    hand_enter(mapping, 0x703);
    cpu_isb();
    hand_enter(mapping, 0);
    __asm__ volatile("tlbi vaae1is, %0\n\tdsb ish\n\tisb"
                     :
                     : "r"(mapping->va >> PAGE_SHIFT)
                     : "memory");
}

static inline uint64_t hand_mapping_floor(uint64_t pages, uint64_t rounds)
{
    struct hand_mapping mapping = {hand_address(), pages};

    return bench_calls(hand_map, &mapping, rounds);
}

#endif
