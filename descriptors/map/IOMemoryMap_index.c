/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps of a descriptor that may answer a request, found in O(log n): a request for any
 * place wants one that covers its bytes, in the order of offsets; one for a certain place
 * wants one that shows byte 0 at the same address as well. So there are two trees. A map is
 * in both while it is in the set, mapped, and may be shared; whatever changes its offset,
 * its address or its address space takes it out before.
 */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOAssert.h"

enum {
    BY_OFFSET = IOMemoryMap_kByOffset,
    BY_PLACE = IOMemoryMap_kByPlace
};

/* What is known per order is written once and compiled for each: this is every map's cost. */
#define PER_ORDER static inline __attribute__((always_inline))

PER_ORDER IOMemoryMap *map_of(struct tree_node *node, int order)
{
    return order == BY_OFFSET ? TREE_ENTRY(node, IOMemoryMap, index[BY_OFFSET].node)
                              : TREE_ENTRY(node, IOMemoryMap, index[BY_PLACE].node);
}

/* Where byte 0 of the descriptor would be seen. */
PER_ORDER uint64_t place(const IOMemoryMap *map, int order)
{
    return order == BY_PLACE ? map->address - map->offset : 0;
}

/* Below 0, 0, or above: address space, place, offset. */
PER_ORDER int compare(const IOMemoryMap *one, const IOMemoryMap *other, int order)
{
    const uint64_t here = place(one, order), there = place(other, order);

    if (one->map != other->map) {
        /* Any order will do that keeps each address space together. */
        return (uintptr_t)one->map < (uintptr_t)other->map ? -1 : 1;
    }
    if (here != there) {
        return here < there ? -1 : 1;
    }
    return one->offset < other->offset ? -1 : one->offset > other->offset;
}

PER_ORDER bool sum_up(struct tree_node *node, int order)
{
    IOMemoryMap *const map = map_of(node, order);
    const uint64_t before = map->index[order].farthest;
    /* Inside the descriptor, whose length is a number: the sum does not wrap. */
    uint64_t farthest = map->offset + map->length;

    if (node->left != NULL && map_of(node->left, order)->index[order].farthest > farthest) {
        farthest = map_of(node->left, order)->index[order].farthest;
    }
    if (node->right != NULL && map_of(node->right, order)->index[order].farthest > farthest) {
        farthest = map_of(node->right, order)->index[order].farthest;
    }
    map->index[order].farthest = farthest;
    return farthest != before;
}

static bool sum_up_offsets(struct tree_node *node)
{
    return sum_up(node, BY_OFFSET);
}

static bool sum_up_places(struct tree_node *node)
{
    return sum_up(node, BY_PLACE);
}

/* Behind those that are equal: a search meets the newest of them first. */
PER_ORDER void insert(IOMemoryMap *self, int order, tree_update_t *update)
{
    struct tree *const tree = &self->memory->shared[order];
    struct tree_node *parent = NULL, *node = tree->root;
    bool right = false;

    while (node != NULL) {
        parent = node;
        right = compare(self, map_of(node, order), order) >= 0;
        node = right ? node->right : node->left;
    }
    tree_insert(tree, &self->index[order].node, parent, right, update);
}

void IOMemoryMap_enterTrees(IOMemoryMap *self)
{
    IOASSERT(self->memory != NULL && self->map != NULL);
    insert(self, BY_OFFSET, sum_up_offsets);
    insert(self, BY_PLACE, sum_up_places);
    self->indexed = true;
}

void IOMemoryMap_leaveTrees(IOMemoryMap *self)
{
    struct tree *const shared = self->memory->shared;

    tree_remove(&shared[BY_OFFSET], &self->index[BY_OFFSET].node, sum_up_offsets);
    tree_remove(&shared[BY_PLACE], &self->index[BY_PLACE].node, sum_up_places);
    self->indexed = false;
}

/*
 * Down from the highest offset that a map may have which covers the request; subtrees that
 * do not reach its end, and other address spaces and places, are left out.
 */
static IOMemoryMap *search(struct tree_node *node, IOMemoryMap *request, int order)
{
    while (node != NULL) {
        IOMemoryMap *const map = map_of(node, order);
        IOMemoryMap *found;

        if (map->index[order].farthest < request->offset + request->length) {
            return NULL;
        }
        if (compare(map, request, order) > 0) {
            node = node->left;
            continue;
        }
        found = search(node->right, request, order);
        if (found != NULL) {
            return found;
        }
        if (map->map != request->map || place(map, order) != place(request, order)) {
            return NULL; /* all that is to the left is further away */
        }
        /* What a map borrows from covers the request too, and can lend itself. */
        found = IOMemoryMap_copyCompatible(map, request);
        if (found == NULL && map->superMap != NULL) {
            found = IOMemoryMap_copyCompatible(map->superMap, request);
        }
        if (found != NULL) {
            return found;
        }
        node = node->left;
    }
    return NULL;
}

IOMemoryMap *IOMemoryMap_findCompatible(IOMemoryDescriptor *memory, IOMemoryMap *request)
{
    const int order = (request->options & kIOMapAnywhere) != 0 ? BY_OFFSET : BY_PLACE;

    return search(memory->shared[order].root, request, order);
}
