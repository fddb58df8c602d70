/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges of an address space: entering, removing, protecting, looking up. */
#include "kernel/vm_map.h"

#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/inject.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/startup.h"
#include "kernel/trace.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

/* Static, so that its address is a constant: many compare with it. */
static struct vm_map kernel_map_storage;
struct vm_map *const kernel_map = &kernel_map_storage;

static struct vm_map_stats stats;

static void map_init(struct vm_map *map, struct mmu_space *space, vaddr_t low, vaddr_t high)
{
    range_tree_init(&map->ranges, low, high);
    map->space = space;
    map->references = 1;
}

void vm_map_init(void)
{
    /* The page allocator is below, and learns only here that somebody may have pages to give. */
    page_set_reclaim(vm_purge_reclaim);
    /*
     * Its upper end is below the pages that a handler borrows (mmu_borrow_device), where no range
     * may lie.
     */
    map_init(kernel_map, mmu_kernel, MMU_KERNEL_VA_BASE, MMU_KERNEL_MAP_END);
}

kern_return_t vm_map_create(struct vm_map **out)
{
    struct vm_map *map = heap_alloc_zero(sizeof(*map));
    struct mmu_space *space;

    if (map == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    if (mmu_space_create(&space) != KERN_SUCCESS) {
        heap_free(map);
        return KERN_RESOURCE_SHORTAGE;
    }
    map_init(map, space, MMU_USER_VA_BASE, MMU_USER_VA_END);
    stats.maps++;
    *out = map;
    return KERN_SUCCESS;
}

void vm_map_retain(struct vm_map *map)
{
    /* Wrapped to 0, the next release would free what others use. */
    KERNEL_CHECK(map->references != UINT32_MAX);
    map->references++;
}

void vm_map_release(struct vm_map *map)
{
    if (--map->references != 0) {
        return;
    }
    /* Somebody has released once too often: the kernel runs in this one. */
    KERNEL_CHECK(map != kernel_map);
    /*
     * Ranges before tables: detaching them carries what the tables know of stores to the objects.
     */
    vm_map_clear(map);
    mmu_space_destroy(map->space);
    stats.maps--;
    heap_free(map);
}

void vm_map_clear(struct vm_map *map)
{
    /* Cannot fail: its borders lie in no entry, so nothing has to be split. */
    vm_map_remove(map, map->ranges.low, map->ranges.last.start - map->ranges.low);
}

struct mmu_space *vm_map_space(struct vm_map *map)
{
    return map->space;
}

bool vm_map_is_legal(const struct vm_map *map, vaddr_t start, uint64_t size)
{
    vaddr_t low = map->ranges.low;
    vaddr_t high = map->ranges.last.start;

    /*
     * The direct map is legal to describe and has no entries: it is not the kernel map's to
     * give away.
     */
    if (map == kernel_map && start >= DIRECT_MAP_BASE && start < MMU_KERNEL_VA_BASE) {
        low = DIRECT_MAP_BASE;
        high = MMU_KERNEL_VA_BASE;
    }
    return start >= low && start <= high && size <= high - start;
}

/* Every view of an object is found from it: a page that is taken away must leave all tables. */
static void link_object(struct vm_entry *entry)
{
    if (entry->range.object != NULL) {
        vm_object_add_entry(entry->range.object, entry);
    }
}

static void unlink_object(struct vm_entry *entry)
{
    if (entry->range.object != NULL) {
        vm_object_remove_entry(entry->range.object, entry);
    }
}

static inline __attribute__((always_inline)) struct vm_entry *new_entry(
    struct vm_map *map, const struct vm_range *range)
{
    /*
     * A point of failure of its own: tests fail the ranges apart from all else that the heap gives.
     */
    struct vm_entry *entry = inject_fails(INJECT_RANGE) ? NULL : heap_alloc(sizeof(*entry));

    if (entry == NULL) {
        return NULL;
    }
    /* The rest is set by what puts it into the trees, or on a list. */
    entry->map = map;
    entry->range = *range;
    entry->blocked = false;
    entry->entered = false;
    entry->eager = false;
    if (range->object != NULL) {
        /* By the entry itself, so that an object lives as long as it can be seen. */
        vm_object_retain(range->object);
    }
    return entry;
}

/* The entry is in no tree and on no list. */
static void free_entry(struct vm_entry *entry)
{
    if (entry->range.object != NULL) {
        vm_object_release(entry->range.object);
    }
    heap_free(entry);
}

static inline void attach_at(struct vm_entry *entry, struct range_node *at)
{
    range_tree_insert_at(&entry->map->ranges, &entry->node, at);
    link_object(entry);
    stats.entries++;
}

void vm_entry_attach(struct vm_entry *entry)
{
    range_tree_insert(&entry->map->ranges, &entry->node);
    link_object(entry);
    stats.entries++;
}

static inline __attribute__((always_inline)) void detach(struct vm_entry *entry)
{
    /*
     * Tables first, while the entry still says which pages they are of: what they know of
     * stores is carried to the object.
     */
    vm_entry_drop_tables(entry, entry->node.start, entry->node.end);
    range_tree_remove(&entry->map->ranges, &entry->node);
    unlink_object(entry);
    stats.entries--;
}

void vm_entry_detach(struct vm_entry *entry)
{
    detach(entry);
}

/* Make `address`, which lies inside the entry, a border. What is shown stays the same. */
static kern_return_t split_at(struct vm_entry *entry, vaddr_t address)
{
    struct vm_map *const map = entry->map;
    struct vm_entry *upper;

    /*
     * Registers are mapped in blocks, which are cleared as a whole: one over the border would take
     * the other side's with it, on which handlers may rely.
     */
    if (entry->range.object != NULL && vm_object_is_physical(entry->range.object) &&
        mmu_split(map->space, address) != KERN_SUCCESS) {
        return KERN_RESOURCE_SHORTAGE;
    }
    upper = new_entry(map, &entry->range);
    if (upper == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    /* What was blocked stays so on both sides, whoever asked for the border. */
    upper->blocked = entry->blocked;
    upper->eager = entry->eager;
    upper->entered = entry->entered;
    upper->range.offset += address - entry->node.start;
    upper->node.start = address;
    upper->node.end = entry->node.end;
    /* Page tables stay as they are: both halves show what the whole showed. */
    unlink_object(entry); /* its end is part of what the tree sums up */
    range_tree_resize(&map->ranges, &entry->node, entry->node.start, address);
    link_object(entry);
    vm_entry_attach(upper);
    return KERN_SUCCESS;
}

/* The same for both ends of an interval. *first: at its beginning or above, NULL: nothing is. */
static inline kern_return_t isolate(struct vm_map *map, vaddr_t start, vaddr_t end,
                                    struct range_node **first)
{
    struct range_node *node = range_tree_at_or_above(&map->ranges, start);
    struct range_node *last;
    kern_return_t status;

    if (node != NULL && node->start < start) {
        status = split_at(vm_entry_of(node), start);
        if (status != KERN_SUCCESS) {
            return status;
        }
        node = range_tree_next(&map->ranges, node);
    }
    *first = node;
    /* Most intervals are a range, or a part of one: what holds the one end holds the other. */
    last = node != NULL && node->end < end ? range_tree_find(&map->ranges, end) : node;
    return last != NULL && last->start < end && end < last->end ? split_at(vm_entry_of(last), end)
                                                                : KERN_SUCCESS;
}

kern_return_t vm_map_split(struct vm_map *map, vaddr_t start, vaddr_t end)
{
    struct range_node *first;

    return isolate(map, start, end, &first);
}

struct vm_entry *vm_map_detach_all(struct vm_map *map, vaddr_t start, vaddr_t end)
{
    struct range_node *node = range_tree_at_or_above(&map->ranges, start);
    struct vm_entry *detached = NULL;

    while (node != NULL && node->start < end) {
        struct vm_entry *entry = vm_entry_of(node);

        node = range_tree_next(&map->ranges, node);
        vm_entry_detach(entry);
        /* Backwards, which nobody minds: each knows its own place. */
        entry->next = detached;
        detached = entry;
    }
    return detached;
}

static void free_all(struct vm_entry *entries)
{
    while (entries != NULL) {
        struct vm_entry *next = entries->next;

        free_entry(entries);
        entries = next;
    }
}

static void reattach_all(struct vm_entry *entries)
{
    while (entries != NULL) {
        struct vm_entry *next = entries->next;

        vm_entry_attach(entries);
        vm_entry_refill(entries);
        entries = next;
    }
}

/*
 * No more rights than may ever be given, and no object means nothing to have rights to. The offset
 * is compared before it is subtracted: neither sum can wrap.
 */
static bool range_is_valid(const struct vm_range *range, uint64_t size)
{
    unsigned known = MMU_READ | MMU_WRITE | MMU_EXECUTE;
    uint64_t bytes;

    if ((range->access & ~range->max_access) != 0 || (range->max_access & ~known) != 0) {
        return false;
    }
    /* A reservation: it keeps others away and shows nothing. */
    if (range->object == NULL) {
        return range->access == 0;
    }
    bytes = range->object->pages << PAGE_SHIFT;
    return (range->offset & PAGE_MASK) == 0 && range->offset <= bytes &&
           size <= bytes - range->offset;
}

/* *at: the place in the tree; NULL: what is there now is to be detached first. */
static kern_return_t place(struct vm_map *map, vaddr_t *address, uint64_t size, uint64_t alignment,
                           unsigned flags, struct range_node **at)
{
    *at = NULL;
    if ((flags & VM_ENTER_ANYWHERE) != 0) {
        if (alignment < PAGE_SIZE) {
            alignment = PAGE_SIZE;
        }
        if (!is_power_of_two(alignment)) {
            return KERN_INVALID_ARGUMENT;
        }
        *at = range_tree_find_gap(&map->ranges, size, alignment, address);
        return *at != NULL ? KERN_SUCCESS : KERN_NO_SPACE;
    }
    if ((*address & PAGE_MASK) != 0) {
        return KERN_INVALID_ARGUMENT;
    }
    /*
     * Below `low` lies what is_legal allows to be described, but not to be placed: the direct map.
     */
    if (!vm_map_has_room(map, *address, size)) {
        return KERN_INVALID_ADDRESS;
    }
    if ((flags & VM_ENTER_OVERWRITE) != 0) {
        return vm_map_split(map, *address, *address + size);
    }
    *at = range_tree_is_free(&map->ranges, *address, *address + size);
    return *at != NULL ? KERN_SUCCESS : KERN_NO_SPACE;
}

kern_return_t vm_map_enter(struct vm_map *map, vaddr_t *address, uint64_t size, uint64_t alignment,
                           const struct vm_range *range, unsigned flags)
{
    struct vm_entry *replaced = NULL;
    struct range_node *place_of;
    struct vm_entry *entry;
    kern_return_t status;
    vaddr_t at = *address;

    if (!vm_is_whole_pages(0, size) || !range_is_valid(range, size)) {
        return KERN_INVALID_ARGUMENT;
    }
    if ((range->access & MMU_WRITE) != 0 &&
        !vm_object_is_writable(range->object, range->offset >> PAGE_SHIFT, size >> PAGE_SHIFT)) {
        return KERN_PROTECTION_FAILURE;
    }
    /*
     * All that can fail before anything is taken away: the entry, the place, and (inside it) the
     * splits at both ends. What is replaced is only detached, so that it can come back.
     */
    entry = new_entry(map, range);
    if (entry == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    status = place(map, &at, size, alignment, flags, &place_of);
    if (status != KERN_SUCCESS) {
        free_entry(entry);
        return status;
    }
    entry->node.start = at;
    entry->node.end = at + size;
    if (place_of != NULL) {
        attach_at(entry, place_of);
    } else {
        replaced = vm_map_detach_all(map, at, at + size);
        vm_entry_attach(entry);
    }
    if ((flags & VM_ENTER_EAGER) != 0) {
        status = vm_map_fill_tables(map, at, size);
    }
    /*
     * Filling the tables found no memory: what was there before is there again, with tables that
     * fill themselves at the next touch.
     */
    if (status != KERN_SUCCESS) {
        vm_entry_detach(entry);
        free_entry(entry);
        reattach_all(replaced);
        return status;
    }
    free_all(replaced);
    trace_enter(at, size, range->access);
    /* Only now: a caller whose request is refused finds its wish as it was. */
    *address = at;
    return KERN_SUCCESS;
}

kern_return_t vm_map_remove(struct vm_map *map, vaddr_t start, uint64_t size)
{
    const vaddr_t end = start + size;
    struct range_node *node, *next;
    kern_return_t status;

    if (!vm_is_whole_pages(start, size)) {
        return KERN_INVALID_ARGUMENT;
    }
    /*
     * All that can fail comes before anything is taken away; a border that is there for nothing
     * changes nothing that is shown.
     */
    status = isolate(map, start, end, &node);
    for (; status == KERN_SUCCESS && node != NULL && node->start < end; node = next) {
        next = range_tree_next(&map->ranges, node);
        detach(vm_entry_of(node));
        free_entry(vm_entry_of(node));
    }
    trace_remove(start, size, status);
    return status;
}

void vm_map_drop_tables(struct vm_map *map, vaddr_t start, uint64_t size)
{
    vaddr_t end = start + size;
    /*
     * Range by range: between them nothing is mapped, and what they know of stores goes to an
     * object each.
     */
    struct range_node *node = range_tree_at_or_above(&map->ranges, start);

    for (; node != NULL && node->start < end; node = range_tree_next(&map->ranges, node)) {
        vm_entry_drop_tables(vm_entry_of(node), node->start > start ? node->start : start,
                             node->end < end ? node->end : end);
    }
}

kern_return_t vm_map_lookup(struct vm_map *map, vaddr_t address, struct vm_range *range,
                            uint64_t *size)
{
    struct vm_entry *entry = vm_map_entry(map, address);

    if (entry == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    *range = entry->range;
    /* As if the range began at the address: the caller goes on by `size`, entry by entry. */
    range->offset += address - entry->node.start;
    *size = entry->node.end - address;
    return KERN_SUCCESS;
}

void vm_map_get_stats(struct vm_map_stats *out)
{
    *out = stats;
}
