/* SPDX-License-Identifier: BSD-2-Clause */
/* The insides of an address space, for vm_*.c. */
#ifndef KERNEL_VM_MAP_PRIVATE_H
#define KERNEL_VM_MAP_PRIVATE_H

#include "kernel/direct_map.h"
#include "kernel/range_tree.h"
#include "kernel/tree.h"
#include "kernel/vm_map.h"

struct vm_entry {
    struct range_node node; /* first: an entry is found by its node */
    struct vm_map *map;
    struct vm_range range;
    bool blocked;
    bool entered; /* in the page tables, some of it: what never was need not be looked for there */
    bool eager;   /* no access shall fault: what takes its pages out of the tables puts them back */

    /* Among the entries that show its object, in the order of the first page shown. */
    struct tree_node of_object;
    uint64_t farthest; /* largest page number behind what an entry of the subtree shows */

    struct vm_entry *next; /* in a list of detached entries */
};

struct vm_map {
    struct range_tree ranges;
    struct mmu_space *space;
    uint32_t references;
};

static inline struct vm_entry *vm_entry_of(struct range_node *node)
{
    return (struct vm_entry *)node;
}

/* Index in its object of the page that an entry shows at an address. */
static inline uint64_t vm_entry_index(const struct vm_entry *entry, vaddr_t address)
{
    return (entry->range.offset + (address - entry->node.start)) >> PAGE_SHIFT;
}

/*
 * Take a page of its object, which the entry shows, out of the page tables. True if
 * the tables knew of a store to it.
 */
bool vm_entry_take_page(struct vm_entry *entry, uint64_t index);

/* The same question without taking it out. */
bool vm_entry_page_is_dirty(const struct vm_entry *entry, uint64_t index);

/* Take everything the entry shows inside [start, end) out of the page tables. */
void vm_entry_drop_tables(struct vm_entry *entry, vaddr_t start, vaddr_t end);

/* After such a thing, if the entry is eager. Without memory for tables, the next access faults. */
void vm_entry_refill(struct vm_entry *entry);

/*
 * Another cache mode for what the entry shows. What is in the page tables stays there: an
 * interrupt handler that relies on it takes no fault.
 */
void vm_entry_set_memory(struct vm_entry *entry, enum mmu_memory memory);

/* The same for one page of its object, which the entry shows. */
void vm_entry_set_page_memory(struct vm_entry *entry, uint64_t index, enum mmu_memory memory);

/* The entry at an address, or NULL. */
static inline struct vm_entry *vm_map_entry(struct vm_map *map, vaddr_t address)
{
    return vm_entry_of(range_tree_find(&map->ranges, address));
}

/* Addresses of the direct map have no entry: what the page tables say is what is there. */
static inline bool vm_map_is_direct(const struct vm_map *map, vaddr_t va)
{
    return va >= DIRECT_MAP_BASE && va < MMU_KERNEL_VA_BASE && map == kernel_map;
}

/* At least one page, and not so many that they end where they begin or before. */
static inline bool vm_is_whole_pages(vaddr_t start, uint64_t size)
{
    return start + size > start && ((start | size) & PAGE_MASK) == 0;
}

/* May ranges lie there? Of the kernel's map, not in the direct map. */
static inline bool vm_map_has_room(const struct vm_map *map, vaddr_t start, uint64_t size)
{
    return start >= map->ranges.low && vm_map_is_legal(map, start, size);
}

/* Into the trees of its map and its object; there must be room. */
void vm_entry_attach(struct vm_entry *entry);

/*
 * The entries of an object one by one, or only those that show a page; `entry` NULL: the
 * first. O(log n) each, however many there are.
 */
struct vm_entry *vm_object_next_entry(const struct vm_object *object, struct vm_entry *entry);
struct vm_entry *vm_object_next_showing(const struct vm_object *object, struct vm_entry *entry,
                                        uint64_t index);

/* Out of the page tables and the trees; the entry itself stays. */
void vm_entry_detach(struct vm_entry *entry);

/* Detach all entries inside an interval whose borders are split; chained by next. */
struct vm_entry *vm_map_detach_all(struct vm_map *map, vaddr_t start, vaddr_t end);

#endif
