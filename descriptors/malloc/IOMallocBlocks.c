/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live blocks: a search tree by address, kept balanced by giving each node a
 * priority that is a hash of its address (a treap). Interrupt handlers may free, so
 * the tree and the counters change under a lock that keeps them out.
 */
#include "descriptors/malloc/IOMalloc_private.h"
#include "descriptors/platform.h"

const char *const IOMallocFamily_names[kIOMallocFamilyCount] = {
    [kIOMallocGeneral] = "general",   [kIOMallocAligned] = "aligned",
    [kIOMallocPageable] = "pageable", [kIOMallocContiguous] = "contiguous",
    [kIOMallocData] = "data",
};

static struct IOMallocBlock *root;
static struct IOMallocBlock *waiting;
static struct platform_short_lock blocks_lock = PLATFORM_SHORT_LOCK("malloc blocks");
static IOMallocStatistics statistics[kIOMallocFamilyCount];

/*
 * From the address and not from a counter: nothing is stored, and addresses that come in order, as
 * an allocator's do, still give a balanced tree.
 */
static uint64_t priority(const struct IOMallocBlock *block)
{
    uint64_t x = block->address;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u; /* splitmix64 */
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Divide a tree into what is below an address and the rest. */
static void split(struct IOMallocBlock *tree, uint64_t address, struct IOMallocBlock **below,
                  struct IOMallocBlock **rest)
{
    while (tree != NULL) {
        if (tree->address < address) {
            *below = tree;
            below = &tree->high;
            tree = tree->high;
        } else {
            *rest = tree;
            rest = &tree->low;
            tree = tree->low;
        }
    }
    *below = NULL;
    *rest = NULL;
}

/* One tree of two, all of whose first is below all of the second. */
static struct IOMallocBlock *join(struct IOMallocBlock *first, struct IOMallocBlock *second)
{
    struct IOMallocBlock *tree;
    struct IOMallocBlock **link = &tree;

    while (first != NULL && second != NULL) {
        if (priority(first) > priority(second)) {
            *link = first;
            link = &first->high;
            first = first->high;
        } else {
            *link = second;
            link = &second->low;
            second = second->low;
        }
    }
    *link = first != NULL ? first : second;
    return tree;
}

/* The link to the block at an address, or to where its search ends. */
static struct IOMallocBlock **find(uint64_t address)
{
    struct IOMallocBlock **link = &root;

    while (*link != NULL && (*link)->address != address) {
        link = address < (*link)->address ? &(*link)->low : &(*link)->high;
    }
    return link;
}

void IOMallocBlocks_add(struct IOMallocBlock *block)
{
    const uint64_t own = priority(block);
    const platform_short_state before = platform_short_lock(&blocks_lock);
    IOMallocStatistics *counters = &statistics[block->family];
    struct IOMallocBlock **link = &root;

    /*
     * Down to where the priorities fall below its own: the nodes under that point become its
     * subtrees.
     */
    while (*link != NULL && priority(*link) >= own) {
        link = block->address < (*link)->address ? &(*link)->low : &(*link)->high;
    }
    split(*link, block->address, &block->low, &block->high);
    *link = block;
    counters->blocks++;
    counters->bytes += block->size;
    if (counters->bytes > counters->highWater) {
        counters->highWater = counters->bytes;
    }
    platform_short_unlock(&blocks_lock, before);
}

struct IOMallocBlock *IOMallocBlocks_remove(uint64_t address, IOMallocFamily family)
{
    const platform_short_state before = platform_short_lock(&blocks_lock);
    struct IOMallocBlock **link = find(address);
    struct IOMallocBlock *block = *link;

    /*
     * Each family frees in its own way: another's block stays alive rather than be freed wrongly.
     */
    if (block != NULL && block->family != family) {
        block = NULL;
    }
    if (block != NULL) {
        *link = join(block->low, block->high);
        statistics[family].blocks--;
        statistics[family].bytes -= block->size;
    }
    platform_short_unlock(&blocks_lock, before);
    return block;
}

bool IOMallocBlocks_next(uint64_t address, struct IOMallocBlock *copy)
{
    const platform_short_state before = platform_short_lock(&blocks_lock);
    const struct IOMallocBlock *best = NULL;
    const struct IOMallocBlock *block = root;

    while (block != NULL) {
        /*
         * Not in the tree's order of links but by address: the block that was shown last may be
         * gone.
         */
        if (block->address >= address) {
            best = block;
            block = block->low;
        } else {
            block = block->high;
        }
    }
    if (best != NULL) {
        *copy = *best;
    }
    platform_short_unlock(&blocks_lock, before);
    return best != NULL;
}

void IOMallocBlocks_wait(struct IOMallocBlock *block)
{
    const platform_short_state before = platform_short_lock(&blocks_lock);

    block->next = waiting;
    waiting = block;
    statistics[block->family].waiting++;
    platform_short_unlock(&blocks_lock, before);
}

struct IOMallocBlock *IOMallocBlocks_takeWaiting(void)
{
    const platform_short_state before = platform_short_lock(&blocks_lock);
    /* The whole list at once: handlers may add to a new one while this is worked through. */
    struct IOMallocBlock *taken = waiting;

    waiting = NULL;
    for (const struct IOMallocBlock *block = taken; block != NULL; block = block->next) {
        statistics[block->family].waiting--;
    }
    platform_short_unlock(&blocks_lock, before);
    return taken;
}

void IOMallocBlocks_countFailure(IOMallocFamily family)
{
    /* Without the lock: only thread context allocates. */
    statistics[family].failures++;
}

void IOMallocGetStatistics(IOMallocFamily family, IOMallocStatistics *out)
{
    platform_short_state before;

    if (out == NULL) {
        return;
    }
    before = platform_short_lock(&blocks_lock);
    *out = (unsigned)family < kIOMallocFamilyCount ? statistics[family] : (IOMallocStatistics){0};
    platform_short_unlock(&blocks_lock, before);
}
