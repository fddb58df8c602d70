/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O addresses and their tables: finding, placing, blocking, giving back. */
#include <string.h>

#include "drivers/smmuv3/smmu_near_private.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/panic.h"

#define LEAF            (SPACE_LEVELS - 1)
#define SHIFT(level)    (9 * (LEAF - (level))) /* log2 of the pages that an entry spans */
#define SPAN(level)     (1ull << SHIFT(level))
#define INDEX(page, at) ((unsigned)((page) >> SHIFT(at)) % SPACE_ENTRIES)

/* --- Nodes ------------------------------------------------------------------------------------ */

/*
 * Pages and not the heap, which is not for interrupt handlers: drivers map there. Each alone, as
 * memory in which no two are in a row is memory all the same.
 */
_Static_assert(sizeof(struct space_node) <= PAGE_SIZE, "a node is in one page");

static void *make_page(void)
{
    const struct page_request request = {.count = 1, .owner = PAGE_OWNER_DRIVER, .zero = true};
    paddr_t page;

    return page_alloc_run(&request, &page) == KERN_SUCCESS ? phys_to_virt(page) : NULL;
}

static void free_page(void *page)
{
    KERNEL_CHECK(page == NULL || page_free_run(virt_to_phys(page), 1) == KERN_SUCCESS);
}

static struct space_node *make_node(struct smmu_space *space, unsigned level)
{
    struct space_node *node;
    uint64_t *entries;
    struct space_node **below = NULL;

    if (space->tables == space->tables_max) {
        return NULL;
    }
    node = make_page();
    entries = make_page();
    if (level != LEAF) {
        below = make_page();
    }
    if (node == NULL || entries == NULL || (level != LEAF && below == NULL)) {
        free_page(node);
        free_page(entries);
        free_page(below);
        return NULL;
    }
    node->entries = entries;
    node->below = below;
    space->tables++;
    return node;
}

static void free_node(struct smmu_space *space, struct space_node *node)
{
    free_page(node->entries);
    free_page(node->below);
    free_page(node);
    space->tables--;
}

/* From the root down to an address: nodes[level] as far as there are any; the last one's level. */
struct path {
    struct space_node *nodes[SPACE_LEVELS];
    unsigned level;
};

static struct path walk(const struct smmu_space *space, uint64_t page)
{
    struct path path = {.nodes = {space->root}};

    while (path.level < LEAF) {
        struct space_node *below = path.nodes[path.level]->below[INDEX(page, path.level)];

        if (below == NULL) {
            break;
        }
        path.nodes[++path.level] = below;
    }
    return path;
}

/* So many entries of the path's last node come alive, and with the first all that leads to it. */
static void enliven(const struct path *path, uint64_t page, unsigned entries)
{
    for (unsigned level = path->level;; level--) {
        struct space_node *node = path->nodes[level];
        const bool linked = node->live != 0;

        node->live += entries;
        if (linked || level == 0) {
            return;
        }
        cpu_dmb_sy(); /* what is in the table comes before what leads to it */
        space_store(&path->nodes[level - 1]->entries[INDEX(page, level - 1)],
                    virt_to_phys(node->entries).value | ENTRY_VALID | ENTRY_TABLE);
        entries = 1;
    }
}

/* The reverse, of all that is alive there: a table is cut off, and up to those that stay others. */
static void wither(const struct path *path, uint64_t page)
{
    unsigned level = path->level;

    path->nodes[level]->live = 0;
    /* The root never is, with the table of the first pages below it. */
    do {
        level--;
        /* Not empty: its node is still below, and what is taken in it stays so. */
        space_store(&path->nodes[level]->entries[INDEX(page, level)], ENTRY_HELD);
        path->nodes[level]->live--;
    } while (path->nodes[level]->live == 0);
}

/* The path down to `deepest`, with new nodes where there are none. */
static bool walk_adding(struct smmu_space *space, uint64_t page, unsigned deepest,
                        struct path *path)
{
    *path = walk(space, page);
    while (path->level < deepest) {
        struct space_node *above = path->nodes[path->level], *node;

        node = make_node(space, path->level + 1);
        if (node == NULL) {
            return false;
        }
        above->below[INDEX(page, path->level)] = node;
        above->taken++;
        path->nodes[++path->level] = node;
    }
    return true;
}

/* Nodes at the end of the path that hold nothing go; the root holds the first pages' for good. */
static void prune(struct smmu_space *space, const struct path *path, uint64_t page)
{
    for (unsigned level = path->level; path->nodes[level]->taken == 0; level--) {
        struct space_node *above = path->nodes[level - 1];
        const unsigned index = INDEX(page, level - 1);

        space_store(&above->entries[index], 0);
        above->below[index] = NULL;
        above->taken--;
        free_node(space, path->nodes[level]);
    }
}

kern_return_t space_create(struct smmu_space *space)
{
    struct path path;

    *space = (struct smmu_space){.lowest = 1, .tables_max = SPACE_TABLES_MAX};
    space->root = make_node(space, 0);
    if (space->root == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    /*
     * Where most mappings will be; it stays for as long as the space, or a device that maps one
     * buffer at a time would have a table made and thrown away with each. So nobody counts in it.
     */
    if (!walk_adding(space, 0, LEAF, &path)) {
        space_destroy(space);
        return KERN_RESOURCE_SHORTAGE;
    }
    path.nodes[LEAF]->taken++;
    enliven(&path, 0, 1);
    space->near = path.nodes[LEAF];
    return KERN_SUCCESS;
}

void space_destroy(struct smmu_space *space)
{
    struct space_node *root = space->root;

    for (unsigned i = 0; root != NULL && i < SPACE_ENTRIES; i++) {
        struct space_node *middle = root->below[i];

        for (unsigned j = 0; middle != NULL && j < SPACE_ENTRIES; j++) {
            if (middle->below[j] != NULL) {
                free_node(space, middle->below[j]);
            }
        }
        if (middle != NULL) {
            free_node(space, middle);
        }
    }
    if (root != NULL) {
        free_node(space, root);
    }
    *space = (struct smmu_space){0};
}

uint64_t space_taken(const struct smmu_space *space)
{
    uint64_t taken = space->far;

    for (unsigned i = 0; i < SPACE_ENTRIES / 64; i++) {
        for (uint64_t left = space->near->used[i]; left != 0; left &= left - 1) {
            taken++;
        }
    }
    return taken;
}

/* --- Finding ---------------------------------------------------------------------------------- */

/*
 * The first page from `page` on, before `end`, that is taken, or is not. Whole tables that are
 * not there are stepped over: what has no node is all free or all one block.
 */
static uint64_t first_of(const struct smmu_space *space, uint64_t page, uint64_t end, bool taken)
{
    while (page < end) {
        const struct path path = walk(space, page);
        const struct space_node *node = path.nodes[path.level];

        if (path.level == LEAF) {
            const unsigned index = INDEX(page, LEAF);
            const unsigned at = space_scan(node->used, index, taken ? 0 : ~0ull);

            page += at - index;
            if (at != SPACE_ENTRIES) {
                break;
            }
        } else if ((node->entries[INDEX(page, path.level)] != 0) == taken) {
            break;
        } else {
            page = (page | (SPAN(path.level) - 1)) + 1;
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

    limit = space_least(limit, SPACE_PAGES);
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
        return LEAF;
    }
    return pages < GIANT_PAGES || (place & (GIANT_PAGES - 1)) != 0 ? 1 : 0;
}

/* What the entries of a level say besides the address and `bits`. */
static uint64_t kind(unsigned level, uint64_t bits)
{
    return (bits & ENTRY_HELD) != 0 ? 0 : ENTRY_VALID | (level == LEAF ? ENTRY_TABLE : 0);
}

/* So many pages from `first` on are taken, by that many entries of the path's last node. */
static void take(struct smmu_space *space, const struct path *path, uint64_t first,
                 unsigned entries)
{
    struct space_node *node = path->nodes[path->level];

    if (path->level == LEAF) {
        space_mark(node->used, INDEX(first, LEAF), entries, true);
    }
    if (first == space->lowest) {
        space->lowest += (uint64_t)entries << SHIFT(path->level);
    }
    if (node == space->near) {
        return;
    }
    node->taken += entries;
    space->far += (uint64_t)entries << SHIFT(path->level);
    if (node->live != 0) {
        node->live += entries;
    } else {
        enliven(path, first, entries);
    }
}

kern_return_t space_place(struct smmu_space *space, uint64_t first, uint64_t pages,
                          uint64_t physical, uint64_t bits, uint64_t *done)
{
    const uint64_t step = (bits & ENTRY_HELD) != 0 ? 0 : PAGE_SIZE;

    *done = 0;
    while (*done < pages) {
        const unsigned level = level_of(first, pages - *done, physical);
        const unsigned index = INDEX(first, level);
        struct path path;
        uint64_t *entries, run;

        if (!walk_adding(space, first, level, &path)) {
            prune(space, &path, first);
            return KERN_RESOURCE_SHORTAGE;
        }
        entries = &path.nodes[level]->entries[index];
        run = space_least((pages - *done) >> SHIFT(level), SPACE_ENTRIES - index);
        space_fill(entries, run, physical | bits | kind(level, bits), step << SHIFT(level));
        physical += run * step << SHIFT(level);
        take(space, &path, first, (unsigned)run);
        first += run << SHIFT(level);
        *done += run << SHIFT(level);
    }
    return KERN_SUCCESS;
}

kern_return_t space_place_list(struct smmu_space *space, uint64_t first, uint64_t pages,
                               const uint32_t *numbers, uint64_t bits, uint64_t *done)
{
    bits |= kind(LEAF, bits);
    *done = 0;
    while (*done < pages) {
        const unsigned index = INDEX(first, LEAF);
        struct path path;
        uint64_t *entries, run;

        if (!walk_adding(space, first, LEAF, &path)) {
            prune(space, &path, first);
            return KERN_RESOURCE_SHORTAGE;
        }
        entries = &path.nodes[LEAF]->entries[index];
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
    const struct path path = walk(space, first);

    path.nodes[path.level]->count[INDEX(first, path.level)] = (uint32_t)pages;
}

uint64_t space_count(const struct smmu_space *space, uint64_t first)
{
    struct path path;

    if (first >= SPACE_PAGES) {
        return 0;
    }
    path = walk(space, first);
    /* Inside a block nothing begins but at its first page. */
    return (first & (SPAN(path.level) - 1)) == 0
               ? path.nodes[path.level]->count[INDEX(first, path.level)]
               : 0;
}

/* --- Taking away ------------------------------------------------------------------------------ */

void space_block(struct smmu_space *space, uint64_t first, uint64_t pages,
                 struct space_change *change)
{
    while (pages != 0) {
        const struct path path = walk(space, first);
        struct space_node *node = path.nodes[path.level];
        const unsigned index = INDEX(first, path.level);
        unsigned run = 1;

        if (change->level != path.level) {
            change->mixed = change->level != SPACE_LEVELS;
            change->level = path.level;
        }
        if (path.level == LEAF) {
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
            wither(&path, first);
            change->tables = true;
        }
        first += (uint64_t)run << SHIFT(path.level);
        pages -= (uint64_t)run << SHIFT(path.level);
    }
}

void space_release(struct smmu_space *space, uint64_t first, uint64_t pages)
{
    /* Page 0 is given back by who has asked for it by name, and is not found all the same. */
    if (first < space->lowest) {
        space->lowest = first == 0 ? 1 : first;
    }
    while (pages != 0) {
        const struct path path = walk(space, first);
        struct space_node *node = path.nodes[path.level];
        const unsigned index = INDEX(first, path.level);
        unsigned run = 1;

        if (path.level == LEAF) {
            run = (unsigned)space_least(pages, SPACE_ENTRIES - index);
            space_mark(node->used, index, run, false);
        } else {
            space_store(&node->entries[index], 0);
        }
        if (node != space->near) {
            space->far -= (uint64_t)run << SHIFT(path.level);
            node->taken -= run;
            if (node->taken == 0) {
                prune(space, &path, first);
            }
        }
        first += (uint64_t)run << SHIFT(path.level);
        pages -= (uint64_t)run << SHIFT(path.level);
    }
}

/* --- Changing --------------------------------------------------------------------------------- */

/* One level: the entry of `path` becomes a table of the same translations. */
static kern_return_t split_once(struct smmu_space *space, const struct path *path, uint64_t page,
                                space_broken *broken, void *context)
{
    const unsigned level = path->level + 1, index = INDEX(page, path->level);
    struct space_node *above = path->nodes[path->level], *node = make_node(space, level);
    const uint64_t block = above->entries[index];
    const bool held = (block & ENTRY_VALID) == 0;

    if (node == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    for (unsigned i = 0; i < SPACE_ENTRIES; i++) {
        node->entries[i] = held ? block
                                : (block + ((uint64_t)i << SHIFT(level) << PAGE_SHIFT)) |
                                      (level == LEAF ? ENTRY_TABLE : 0);
    }
    if (level == LEAF) {
        memset(node->used, 0xff, sizeof(node->used));
    }
    node->taken = node->live = SPACE_ENTRIES;
    /* An allocation that began with the block begins with its first entry. */
    node->count[0] = above->count[index];
    above->count[index] = 0;
    if (!held && broken != NULL) {
        space_store(&above->entries[index], ENTRY_HELD);
        broken(context, page & ~(SPAN(path->level) - 1), SPAN(path->level), path->level);
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
        const struct path path = walk(space, page);
        kern_return_t status;

        if (path.level == LEAF) {
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
        const struct path path = walk(space, first + done);

        space_store(&path.nodes[LEAF]->entries[INDEX(first + done, LEAF)],
                    physical | bits | kind(LEAF, bits));
    }
}

uint64_t space_look(const struct smmu_space *space, uint64_t page, uint64_t *span)
{
    struct path path;
    uint64_t entry;

    if (page >= SPACE_PAGES) {
        *span = 1;
        return 0;
    }
    path = walk(space, page);
    entry = *(volatile uint64_t *)&path.nodes[path.level]->entries[INDEX(page, path.level)];
    *span = SPAN(path.level);
    return (entry & ENTRY_VALID) != 0 ? entry : 0;
}
