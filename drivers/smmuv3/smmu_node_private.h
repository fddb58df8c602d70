/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The nodes of an I/O address space, which say beside each table what is taken in it: the way to
 * them, and what they and their tables lead to. For who changes ranges (smmu_space.c).
 */
#ifndef DRIVERS_SMMUV3_SMMU_NODE_PRIVATE_H
#define DRIVERS_SMMUV3_SMMU_NODE_PRIVATE_H

#include "drivers/smmuv3/smmu_space_private.h"

/* log2 of the pages that an entry spans, and these. */
#define SPACE_SHIFT(level) (9 * (SPACE_LEAF - (level)))
#define SPACE_SPAN(level)  (1ull << SPACE_SHIFT(level))

#define SPACE_LEAF            (SPACE_LEVELS - 1)
#define SPACE_INDEX(page, at) ((unsigned)((page) >> SPACE_SHIFT(at)) % SPACE_ENTRIES)

/* From the root down to an address: nodes[level] as far as there are any; the last one's level. */
struct space_path {
    struct space_node *nodes[SPACE_LEVELS];
    unsigned level;
};

static inline struct space_path space_walk(const struct smmu_space *space, uint64_t page)
{
    struct space_path path = {.nodes = {space->root}};

    while (path.level < SPACE_LEAF) {
        struct space_node *below = path.nodes[path.level]->below[SPACE_INDEX(page, path.level)];

        if (below == NULL) {
            break;
        }
        path.nodes[++path.level] = below;
    }
    return path;
}

/* A node and its table, to which nothing leads yet. NULL: no memory, or there are tables_max. */
struct space_node *space_make_node(struct smmu_space *space, unsigned level);

/* The path down to `deepest`, with new nodes where there are none. */
bool space_walk_adding(struct smmu_space *space, uint64_t page, unsigned deepest,
                       struct space_path *path);

/* Nodes at the end of the path that hold nothing go; the root holds the first pages' for good. */
void space_prune(struct smmu_space *space, const struct space_path *path, uint64_t page);

/* So many entries of the path's last node come alive, and with the first all that leads to it. */
void space_enliven(const struct space_path *path, uint64_t page, unsigned entries);

/* The reverse, of all that is alive there: a table is cut off, and up to those that stay others. */
void space_wither(const struct space_path *path, uint64_t page);

#endif
