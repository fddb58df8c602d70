/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes of an I/O address space and the tables beside them: made, linked, cut off, given back. */
#include "drivers/smmuv3/smmu_near_private.h"
#include "drivers/smmuv3/smmu_node_private.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/panic.h"

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

struct space_node *space_make_node(struct smmu_space *space, unsigned level)
{
    struct space_node *node;
    uint64_t *entries;
    struct space_node **below = NULL;

    if (space->tables == space->tables_max) {
        return NULL;
    }
    node = make_page();
    entries = make_page();
    if (level != SPACE_LEAF) {
        below = make_page();
    }
    if (node == NULL || entries == NULL || (level != SPACE_LEAF && below == NULL)) {
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

void space_enliven(const struct space_path *path, uint64_t page, unsigned entries)
{
    for (unsigned level = path->level;; level--) {
        struct space_node *node = path->nodes[level];
        const bool linked = node->live != 0;

        node->live += entries;
        if (linked || level == 0) {
            return;
        }
        cpu_dmb_sy(); /* what is in the table comes before what leads to it */
        space_store(&path->nodes[level - 1]->entries[SPACE_INDEX(page, level - 1)],
                    virt_to_phys(node->entries).value | ENTRY_VALID | ENTRY_TABLE);
        entries = 1;
    }
}

void space_wither(const struct space_path *path, uint64_t page)
{
    unsigned level = path->level;

    path->nodes[level]->live = 0;
    /* The root never is, with the table of the first pages below it. */
    do {
        level--;
        /* Not empty: its node is still below, and what is taken in it stays so. */
        space_store(&path->nodes[level]->entries[SPACE_INDEX(page, level)], ENTRY_HELD);
        path->nodes[level]->live--;
    } while (path->nodes[level]->live == 0);
}

bool space_walk_adding(struct smmu_space *space, uint64_t page, unsigned deepest,
                       struct space_path *path)
{
    *path = space_walk(space, page);
    while (path->level < deepest) {
        struct space_node *above = path->nodes[path->level], *node;

        node = space_make_node(space, path->level + 1);
        if (node == NULL) {
            return false;
        }
        above->below[SPACE_INDEX(page, path->level)] = node;
        above->taken++;
        path->nodes[++path->level] = node;
    }
    return true;
}

void space_prune(struct smmu_space *space, const struct space_path *path, uint64_t page)
{
    for (unsigned level = path->level; path->nodes[level]->taken == 0; level--) {
        struct space_node *above = path->nodes[level - 1];
        const unsigned index = SPACE_INDEX(page, level - 1);

        space_store(&above->entries[index], 0);
        above->below[index] = NULL;
        above->taken--;
        free_node(space, path->nodes[level]);
    }
}

kern_return_t space_create(struct smmu_space *space)
{
    struct space_path path;

    *space = (struct smmu_space){.lowest = 1, .tables_max = SPACE_TABLES_MAX};
    space->root = space_make_node(space, 0);
    if (space->root == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    /*
     * Where most mappings will be; it stays for as long as the space, or a device that maps one
     * buffer at a time would have a table made and thrown away with each. So nobody counts in it.
     */
    if (!space_walk_adding(space, 0, SPACE_LEAF, &path)) {
        space_destroy(space);
        return KERN_RESOURCE_SHORTAGE;
    }
    path.nodes[SPACE_LEAF]->taken++;
    space_enliven(&path, 0, 1);
    space->near = path.nodes[SPACE_LEAF];
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
