/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ledger keeps: entries by kind and owner, and the bytes of claims by address, in two
 * trees. Both are taken from cells of one size each, of which some are there from the start and
 * others come by pages. A page goes back when nothing of it is in use, so that who counts pages
 * finds none of the ledger's where nobody owns anything.
 */
#ifdef DEBUG
#include "descriptors/ledger/IOLedger_private.h"

#define FIRST_ENTRIES 256 /* there from the start */
#define FIRST_RUNS    1024
#define PAGES_MAX     4096u /* of each pool: 16 MiB */

/* A free cell, whatever it is of. */
struct cell {
    struct cell *next;
};

/* In front of the cells in a page; also the head of a list of pages. */
struct page {
    struct page *next, *previous;
    struct cell *free;
    size_t used;
};

struct pool {
    size_t size;       /* of a cell */
    struct cell *free; /* of those from the start */
    char *fresh, *end; /* of those from the start, the ones that were never given out */
    const char *first;
    struct page pages; /* those with free cells in front */
    unsigned count;
};

static struct IOLedgerEntry first_entries[FIRST_ENTRIES];
static struct IOLedgerRun first_runs[FIRST_RUNS];

#define POOL(name, cells)                                                                          \
    static struct pool name = {                                                                    \
        .size = sizeof(cells[0]),                                                                  \
        .first = (const char *)cells,                                                              \
        .fresh = (char *)cells,                                                                    \
        .end = (char *)cells + sizeof(cells),                                                      \
        .pages = {.next = &name.pages, .previous = &name.pages},                                   \
    }
POOL(entries, first_entries);
POOL(runs, first_runs);

static struct tree by_owner, by_address;
static struct platform_short_lock ledger_lock = PLATFORM_SHORT_LOCK("the ledger");
static uint64_t lost; /* things that found no room */

platform_short_state IOLedger_enter(void)
{
    return platform_short_lock(&ledger_lock);
}

void IOLedger_leave(platform_short_state state)
{
    platform_short_unlock(&ledger_lock, state);
}

/* --- Cells ------------------------------------------------------------------------------------ */

static void unlink_page(struct page *page)
{
    page->next->previous = page->previous;
    page->previous->next = page->next;
}

static void link_behind(struct page *before, struct page *page)
{
    page->previous = before;
    page->next = before->next;
    page->next->previous = page;
    before->next = page;
}

static void *take(struct pool *pool)
{
    struct page *const page = pool->pages.next;
    struct cell *cell = pool->free;

    if (cell != NULL) {
        pool->free = cell->next;
        return cell;
    }
    if (pool->fresh != pool->end) {
        cell = (struct cell *)(void *)pool->fresh;
        pool->fresh += pool->size;
        return cell;
    }
    if (page->free == NULL) {
        return NULL; /* the head of the list, or the first of the pages that are full */
    }
    cell = page->free;
    page->free = cell->next;
    page->used++;
    if (page->free == NULL) {
        unlink_page(page);
        link_behind(pool->pages.previous, page);
    }
    return cell;
}

/* One page more. Without the lock: the page allocator has its own. */
static bool grow(struct pool *pool)
{
    const struct platform_memory_request request = {
        .size = PAGE_SIZE, .alignment = PAGE_SIZE, .contiguous = true, .dirty = true};
    platform_short_state state;
    struct page *page;
    void *memory;

    if (pool->count >= PAGES_MAX || platform_in_interrupt() ||
        platform_memory_alloc(&request, &memory) != KERN_SUCCESS) {
        return false;
    }
    page = memory;
    *page = (struct page){.free = NULL};
    for (char *at = (char *)(page + 1); at + pool->size <= (char *)memory + PAGE_SIZE;
         at += pool->size) {
        struct cell *const cell = (struct cell *)(void *)at;

        cell->next = page->free;
        page->free = cell;
    }
    state = IOLedger_enter();
    link_behind(&pool->pages, page);
    pool->count++;
    IOLedger_leave(state);
    return true;
}

/* A page that is not needed any more joins `unused`, to be given back without the lock. */
static void put(struct pool *pool, void *freed, struct page **unused)
{
    struct cell *const cell = freed;
    struct page *const page = (struct page *)((uintptr_t)freed & ~(uintptr_t)PAGE_MASK);

    if ((const char *)freed >= pool->first && (const char *)freed < pool->end) {
        cell->next = pool->free;
        pool->free = cell;
        return;
    }
    cell->next = page->free;
    page->free = cell;
    page->used--;
    unlink_page(page);
    /* In a handler nothing is given back: that is for IOLedger_tidy. */
    if (page->used == 0 && !platform_in_interrupt()) {
        pool->count--;
        page->next = *unused;
        *unused = page;
    } else {
        link_behind(&pool->pages, page);
    }
}

/* Once, and at each doubling: the program goes on, and nobody shall believe that all is seen. */
static void lose(void)
{
    lost++;
    if ((lost & (lost - 1)) == 0) {
        platform_log("ledger: there is no room for more: it has lost track of %llu things, and "
                     "judges the others",
                     (unsigned long long)lost);
    }
}

/* A cell, with the lock taken; NULL: track is lost, and the lock is not taken. */
static void *take_one(struct pool *pool, platform_short_state *state)
{
    void *cell;

    *state = IOLedger_enter();
    cell = take(pool);
    if (cell == NULL) {
        IOLedger_leave(*state);
        if (!grow(pool)) {
            lose();
            return NULL;
        }
        *state = IOLedger_enter();
        cell = take(pool);
    }
    return cell;
}

/* --- By owner --------------------------------------------------------------------------------- */

static struct IOLedgerEntry *entry_of(struct tree_node *node)
{
    return node == NULL ? NULL : TREE_ENTRY(node, struct IOLedgerEntry, node);
}

/* Negative: the entry stands before it. */
static int compare(const struct IOLedgerEntry *entry, enum IOLedgerKind kind, const void *owner,
                   uint64_t key)
{
    if (entry->kind != kind) {
        return entry->kind < kind ? -1 : 1;
    }
    if (entry->owner != owner) {
        return (uintptr_t)entry->owner < (uintptr_t)owner ? -1 : 1;
    }
    return entry->key == key ? 0 : entry->key < key ? -1 : 1;
}

struct IOLedgerEntry *IOLedger_findFrom(enum IOLedgerKind kind, const void *owner, uint64_t key)
{
    struct tree_node *node = by_owner.root;
    struct IOLedgerEntry *best = NULL;

    while (node != NULL) {
        struct IOLedgerEntry *const entry = entry_of(node);

        if (compare(entry, kind, owner, key) < 0) {
            node = node->right;
        } else {
            best = entry;
            node = node->left;
        }
    }
    return best;
}

struct IOLedgerEntry *IOLedger_find(enum IOLedgerKind kind, const void *owner, uint64_t key)
{
    struct IOLedgerEntry *const entry = IOLedger_findFrom(kind, owner, key);

    return entry != NULL && compare(entry, kind, owner, key) == 0 ? entry : NULL;
}

struct IOLedgerEntry *IOLedger_first(void)
{
    return entry_of(tree_first(&by_owner));
}

struct IOLedgerEntry *IOLedger_next(const struct IOLedgerEntry *entry)
{
    return entry_of(tree_next(&entry->node));
}

struct IOLedgerEntry *IOLedger_add(enum IOLedgerKind kind, const void *owner, uint64_t key)
{
    struct IOLedgerEntry *entry;
    struct tree_node *parent = NULL;
    platform_short_state state;
    bool right = false;

    entry = take_one(&entries, &state);
    if (entry == NULL) {
        return NULL;
    }
    *entry = (struct IOLedgerEntry){.kind = kind, .owner = owner, .key = key};
    for (struct tree_node *node = by_owner.root; node != NULL;
         node = right ? node->right : node->left) {
        parent = node;
        right = compare(entry_of(node), kind, owner, key) < 0;
    }
    tree_insert(&by_owner, &entry->node, parent, right, NULL);
    IOLedger_leave(state);
    return entry;
}

/* --- By address ------------------------------------------------------------------------------- */

static struct IOLedgerRun *run_of(struct tree_node *node)
{
    return TREE_ENTRY(node, struct IOLedgerRun, node);
}

static uint64_t reach_of(struct tree_node *node)
{
    return node == NULL ? 0 : run_of(node)->reach;
}

static bool update_reach(struct tree_node *node)
{
    struct IOLedgerRun *const run = run_of(node);
    const uint64_t left = reach_of(node->left), right = reach_of(node->right);
    const uint64_t below = left > right ? left : right;
    const uint64_t reach = run->end > below ? run->end : below;
    const bool changed = reach != run->reach;

    run->reach = reach;
    return changed;
}

bool IOLedger_addRun(struct IOLedgerEntry *entry, uint64_t start, uint64_t end)
{
    struct tree_node *parent = NULL;
    platform_short_state state;
    struct IOLedgerRun *run;
    bool right = false;

    run = take_one(&runs, &state);
    if (run == NULL) {
        return false;
    }
    *run = (struct IOLedgerRun){.start = start,
                                .end = end,
                                .position = entry->covered,
                                .entry = entry,
                                .next = entry->runs};
    entry->runs = run;
    entry->covered += end - start;
    for (struct tree_node *node = by_address.root; node != NULL;
         node = right ? node->right : node->left) {
        parent = node;
        right = run_of(node)->start < start;
    }
    tree_insert(&by_address, &run->node, parent, right, update_reach);
    IOLedger_leave(state);
    return true;
}

/* In the subtree, the first in order that ends behind `start`; whether it begins before `end` is
 * for the caller to see. */
static struct IOLedgerRun *first_reaching(struct tree_node *node, uint64_t start)
{
    while (node != NULL) {
        if (reach_of(node->left) > start) {
            node = node->left;
        } else if (run_of(node)->end > start) {
            return run_of(node);
        } else {
            node = reach_of(node->right) > start ? node->right : NULL;
        }
    }
    return NULL;
}

struct IOLedgerRun *IOLedger_overlap(const struct IOLedgerRun *after, uint64_t start, uint64_t end)
{
    struct IOLedgerRun *found = NULL;

    if (after == NULL) {
        found = first_reaching(by_address.root, start);
    } else {
        /* Behind a node come its right subtree, and what it is in the left subtree of. */
        struct tree_node *node = (struct tree_node *)&after->node;

        found = first_reaching(node->right, start);
        while (found == NULL && node->parent != NULL) {
            struct tree_node *const parent = node->parent;

            if (parent->left == node) {
                found = run_of(parent)->end > start ? run_of(parent)
                                                    : first_reaching(parent->right, start);
            }
            node = parent;
        }
    }
    return found != NULL && found->start < end ? found : NULL;
}

/* --- The end of an entry ---------------------------------------------------------------------- */

static void give_back(struct page *unused)
{
    while (unused != NULL) {
        struct page *const page = unused;

        unused = page->next;
        platform_memory_free(page, PAGE_SIZE);
    }
}

void IOLedger_remove(struct IOLedgerEntry *entry)
{
    platform_short_state state = IOLedger_enter();
    struct page *unused = NULL;

    tree_remove(&by_owner, &entry->node, NULL);
    while (entry->runs != NULL) {
        struct IOLedgerRun *const run = entry->runs;

        entry->runs = run->next;
        tree_remove(&by_address, &run->node, update_reach);
        put(&runs, run, &unused);
    }
    put(&entries, entry, &unused);
    IOLedger_leave(state);
    give_back(unused);
}

static void sweep(struct pool *pool, struct page **unused)
{
    struct page *next;

    for (struct page *page = pool->pages.next; page != &pool->pages; page = next) {
        next = page->next;
        if (page->used == 0) {
            unlink_page(page);
            pool->count--;
            page->next = *unused;
            *unused = page;
        }
    }
}

void IOLedger_tidy(void)
{
    const platform_short_state state = IOLedger_enter();
    struct page *unused = NULL;

    sweep(&runs, &unused);
    sweep(&entries, &unused);
    IOLedger_leave(state);
    give_back(unused);
}
#endif
