/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges of I/O addresses: finding, placing, blocking, giving back. */
#include <string.h>

#include "drivers/smmuv3/smmu_near_private.h"
#include "drivers/smmuv3/smmu_node_private.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/panic.h"

/* --- Finding ---------------------------------------------------------------------------------- */

/*
 * The first page from `page` on, before `end`, that is taken, or is not. Whole tables that are
 * not there are stepped over: what has no node is all free or all one block.
 */
static uint64_t first_of(const struct smmu_space *space, uint64_t page, uint64_t end, bool taken)
{
    while (page < end) {
        const struct space_path path = space_walk(space, page);
        const struct space_node *node = path.nodes[path.level];

        if (path.level == SPACE_LEAF) {
            const unsigned index = SPACE_INDEX(page, SPACE_LEAF);
            const unsigned at = space_scan(node->used, index, taken ? 0 : ~0ull);

            page += at - index;
            if (at != SPACE_ENTRIES) {
                break;
            }
        } else if ((node->entries[SPACE_INDEX(page, path.level)] != 0) == taken) {
            break;
        } else {
            page = (page | (SPACE_SPAN(path.level) - 1)) + 1;
        }
    }
    return space_least(page, end);
}

uint64_t space_first_taken(const struct smmu_space *space, uint64_t first, uint64_t end)
{
    return first_of(space, first, end, true);
}

bool space_find(const struct smmu_space *space, uint64_t pages, uint64_t limit, uint64_t alignment,
                uint64_t residue, uint64_t *first)
{
    uint64_t at = space->lowest;

    for (;;) {
        uint64_t taken;

        at = first_of(space, at, limit, false);
        at = ((at - residue + alignment - 1) & ~(alignment - 1)) + residue;
        if (at >= limit || pages > limit - at) {
            return false;
        }
        taken = first_of(space, at, at + pages, true);
        if (taken == at + pages) {
            *first = at;
            return true;
        }
        at = taken;
    }
}

/* --- Placing ---------------------------------------------------------------------------------- */

/* The level of the largest entry that fits. */
static unsigned level_of(uint64_t first, uint64_t pages, uint64_t physical)
{
    const uint64_t place = first | physical >> PAGE_SHIFT;

    if (pages < BLOCK_PAGES || (place & (BLOCK_PAGES - 1)) != 0) {
        return SPACE_LEAF;
    }
    return pages < GIANT_PAGES || (place & (GIANT_PAGES - 1)) != 0 ? 1 : 0;
}

/* What the entries of a level say besides the address and `bits`. */
static uint64_t kind(unsigned level, uint64_t bits)
{
    return (bits & ENTRY_HELD) != 0 ? 0 : ENTRY_VALID | (level == SPACE_LEAF ? ENTRY_TABLE : 0);
}

/* So many pages from `first` on are taken, by that many entries of the path's last node. */
static void take(struct smmu_space *space, const struct space_path *path, uint64_t first,
                 unsigned entries)
{
    struct space_node *node = path->nodes[path->level];

    if (path->level == SPACE_LEAF) {
        space_mark(node->used, SPACE_INDEX(first, SPACE_LEAF), entries, true);
    }
    if (first == space->lowest) {
        space->lowest += (uint64_t)entries << SPACE_SHIFT(path->level);
    }
    if (node == space->near) {
        return;
    }
    node->taken += entries;
    space->far += (uint64_t)entries << SPACE_SHIFT(path->level);
    if (node->live != 0) {
        node->live += entries;
    } else {
        space_enliven(path, first, entries);
    }
}

kern_return_t space_place(struct smmu_space *space, uint64_t first, uint64_t pages,
                          uint64_t physical, uint64_t bits, uint64_t *done)
{
    const uint64_t step = (bits & ENTRY_HELD) != 0 ? 0 : PAGE_SIZE;

    *done = 0;
    while (*done < pages) {
        const unsigned level = level_of(first, pages - *done, physical);
        const unsigned index = SPACE_INDEX(first, level);
        struct space_path path;
        uint64_t *entries, run;

        if (!space_walk_adding(space, first, level, &path)) {
            space_prune(space, &path, first);
            return KERN_RESOURCE_SHORTAGE;
        }
        entries = &path.nodes[level]->entries[index];
        run = space_least((pages - *done) >> SPACE_SHIFT(level), SPACE_ENTRIES - index);
        space_fill(entries, run, physical | bits | kind(level, bits), step << SPACE_SHIFT(level));
        physical += run * step << SPACE_SHIFT(level);
        take(space, &path, first, (unsigned)run);
        first += run << SPACE_SHIFT(level);
        *done += run << SPACE_SHIFT(level);
    }
    return KERN_SUCCESS;
}

kern_return_t space_place_list(struct smmu_space *space, uint64_t first, uint64_t pages,
                               const uint32_t *numbers, uint64_t bits, uint64_t *done)
{
    bits |= kind(SPACE_LEAF, bits);
    *done = 0;
    while (*done < pages) {
        const unsigned index = SPACE_INDEX(first, SPACE_LEAF);
        struct space_path path;
        uint64_t *entries, run;

        if (!space_walk_adding(space, first, SPACE_LEAF, &path)) {
            space_prune(space, &path, first);
            return KERN_RESOURCE_SHORTAGE;
        }
        entries = &path.nodes[SPACE_LEAF]->entries[index];
        run = space_least(pages - *done, SPACE_ENTRIES - index);
        for (uint64_t i = 0; i < run; i++) {
            space_store(&entries[i], (uint64_t)numbers[i] << PAGE_SHIFT | bits);
        }
        numbers += run;
        take(space, &path, first, (unsigned)run);
        first += run;
        *done += run;
    }
    return KERN_SUCCESS;
}

void space_begin(struct smmu_space *space, uint64_t first, uint64_t pages)
{
    const struct space_path path = space_walk(space, first);

    path.nodes[path.level]->count[SPACE_INDEX(first, path.level)] = (uint32_t)pages;
}

uint64_t space_count(const struct smmu_space *space, uint64_t first)
{
    struct space_path path;

    if (first >= SPACE_PAGES) {
        return 0;
    }
    path = space_walk(space, first);
    /* Inside a block nothing begins but at its first page. */
    return (first & (SPACE_SPAN(path.level) - 1)) == 0
               ? path.nodes[path.level]->count[SPACE_INDEX(first, path.level)]
               : 0;
}

/* --- Taking away ------------------------------------------------------------------------------ */

void space_block(struct smmu_space *space, uint64_t first, uint64_t pages,
                 struct space_change *change)
{
    while (pages != 0) {
        const struct space_path path = space_walk(space, first);
        struct space_node *node = path.nodes[path.level];
        const unsigned index = SPACE_INDEX(first, path.level);
        unsigned run = 1;

        if (change->level != path.level) {
            change->mixed = change->level != SPACE_LEVELS;
            change->level = path.level;
        }
        if (path.level == SPACE_LEAF) {
            run = (unsigned)space_least(pages, SPACE_ENTRIES - index);
            space_fill(&node->entries[index], run, 0, 0);
        } else {
            /* Not 0: without a node below, that would be free. */
            space_store(&node->entries[index], ENTRY_HELD);
        }
        node->count[index] = 0;
        if (node == space->near) {
            /* Its table stays. */
        } else if (node->live > run) {
            node->live -= run;
        } else {
            space_wither(&path, first);
            change->tables = true;
        }
        first += (uint64_t)run << SPACE_SHIFT(path.level);
        pages -= (uint64_t)run << SPACE_SHIFT(path.level);
    }
}

void space_release(struct smmu_space *space, uint64_t first, uint64_t pages)
{
    /* Page 0 is given back by who has asked for it by name, and is not found all the same. */
    if (first < space->lowest) {
        space->lowest = first == 0 ? 1 : first;
    }
    while (pages != 0) {
        const struct space_path path = space_walk(space, first);
        struct space_node *node = path.nodes[path.level];
        const unsigned index = SPACE_INDEX(first, path.level);
        unsigned run = 1;

        if (path.level == SPACE_LEAF) {
            run = (unsigned)space_least(pages, SPACE_ENTRIES - index);
            space_mark(node->used, index, run, false);
        } else {
            space_store(&node->entries[index], 0);
        }
        if (node != space->near) {
            space->far -= (uint64_t)run << SPACE_SHIFT(path.level);
            node->taken -= run;
            if (node->taken == 0) {
                space_prune(space, &path, first);
            }
        }
        first += (uint64_t)run << SPACE_SHIFT(path.level);
        pages -= (uint64_t)run << SPACE_SHIFT(path.level);
    }
}

/* --- Changing --------------------------------------------------------------------------------- */

/* One level: the entry of `path` becomes a table of the same translations. */
static kern_return_t split_once(struct smmu_space *space, const struct space_path *path,
                                uint64_t page, space_broken *broken, void *context)
{
    const unsigned level = path->level + 1, index = SPACE_INDEX(page, path->level);
    struct space_node *above = path->nodes[path->level], *node = space_make_node(space, level);
    const uint64_t block = above->entries[index];
    const bool held = (block & ENTRY_VALID) == 0;

    if (node == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    for (unsigned i = 0; i < SPACE_ENTRIES; i++) {
        node->entries[i] = held ? block
                                : (block + ((uint64_t)i << SPACE_SHIFT(level) << PAGE_SHIFT)) |
                                      (level == SPACE_LEAF ? ENTRY_TABLE : 0);
    }
    if (level == SPACE_LEAF) {
        memset(node->used, 0xff, sizeof(node->used));
    }
    node->taken = node->live = SPACE_ENTRIES;
    /* An allocation that began with the block begins with its first entry. */
    node->count[0] = above->count[index];
    above->count[index] = 0;
    if (!held && broken != NULL) {
        space_store(&above->entries[index], ENTRY_HELD);
        broken(context, page & ~(SPACE_SPAN(path->level) - 1), SPACE_SPAN(path->level),
               path->level);
    }
    above->below[index] = node;
    cpu_dmb_sy();
    space_store(&above->entries[index],
                virt_to_phys(node->entries).value | ENTRY_VALID | ENTRY_TABLE);
    return KERN_SUCCESS;
}

kern_return_t space_split(struct smmu_space *space, uint64_t page, space_broken *broken,
                          void *context)
{
    for (;;) {
        const struct space_path path = space_walk(space, page);
        kern_return_t status;

        if (path.level == SPACE_LEAF) {
            return KERN_SUCCESS;
        }
        status = split_once(space, &path, page, broken, context);
        if (status != KERN_SUCCESS) {
            return status;
        }
    }
}

void space_set(struct smmu_space *space, uint64_t first, uint64_t pages, uint64_t physical,
               uint64_t bits)
{
    const uint64_t step = (bits & ENTRY_HELD) != 0 ? 0 : PAGE_SIZE;

    for (uint64_t done = 0; done < pages; done++, physical += step) {
        const struct space_path path = space_walk(space, first + done);

        space_store(&path.nodes[SPACE_LEAF]->entries[SPACE_INDEX(first + done, SPACE_LEAF)],
                    physical | bits | kind(SPACE_LEAF, bits));
    }
}

uint64_t space_look(const struct smmu_space *space, uint64_t page, uint64_t *span)
{
    struct space_path path;
    uint64_t entry;

    if (page >= SPACE_PAGES) {
        *span = 1;
        return 0;
    }
    path = space_walk(space, page);
    entry = *(volatile uint64_t *)&path.nodes[path.level]->entries[SPACE_INDEX(page, path.level)];
    *span = SPACE_SPAN(path.level);
    return (entry & ENTRY_VALID) != 0 ? entry : 0;
}
