/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces, page tables and memory objects, held against each other. */
#include "tests/host/machine/vm_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/direct_map.h"
#include "kernel/mmu/mmu_private.h"
#include "kernel/page.h"
#include "kernel/page/page_private.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"
#include "tests/host/sim/sim_tlb.h"

static __attribute__((noreturn, format(printf, 2, 3))) void wrong(uint64_t where, const char *what,
                                                                  ...)
{
    va_list values;

    va_start(values, what);
    fprintf(stderr, "vm_check: at %#llx: ", (unsigned long long)where);
    vfprintf(stderr, what, values);
    fprintf(stderr, "\n");
    va_end(values);
    abort();
}

static void expect(bool holds, uint64_t where, const char *what)
{
    if (!holds) {
        wrong(where, "%s", what);
    }
}

/* --- Objects ---------------------------------------------------------------------------------- */

static uint64_t first_of(const struct vm_entry *entry)
{
    return entry->range.offset >> PAGE_SHIFT;
}

static uint64_t end_of(const struct vm_entry *entry)
{
    return first_of(entry) + ((entry->node.end - entry->node.start) >> PAGE_SHIFT);
}

/* The tree of who shows an object; returns how many, and the farthest page behind them. */
static uint64_t check_showing(const struct vm_object *object, const struct tree_node *node,
                              const struct tree_node *parent, uint64_t *farthest)
{
    uint64_t below = 0, above = 0, count = 1;
    const struct vm_entry *entry;
    uint64_t far;

    if (node == NULL) {
        return 0;
    }
    entry = TREE_ENTRY(node, const struct vm_entry, of_object);
    far = end_of(entry);
    expect(node->parent == parent, entry->node.start, "its place in the object's tree");
    expect(entry->range.object == object, entry->node.start, "its object");
    expect(end_of(entry) <= object->pages, entry->node.start, "it shows more than there is");
    count += check_showing(object, node->left, node, &below);
    count += check_showing(object, node->right, node, &above);
    far = below > far ? below : far;
    far = above > far ? above : far;
    expect(entry->farthest == far, entry->node.start, "the farthest page shown below it");
    expect(abs(tree_height(node->left) - tree_height(node->right)) <= 1, entry->node.start,
           "balance");
    expect(range_tree_find(&entry->map->ranges, entry->node.start) == &entry->node,
           entry->node.start, "shown by a range that its map does not have");
    *farthest = far;
    return count;
}

static void check_entries(const struct vm_object *object)
{
    const struct vm_entry *entry = NULL, *before = NULL;
    uint64_t farthest = 0, count = 0;
    const uint64_t shown = check_showing(object, object->entries.root, NULL, &farthest);

    while ((entry = vm_object_next_entry(object, (struct vm_entry *)entry)) != NULL) {
        expect(before == NULL || first_of(before) <= first_of(entry), entry->node.start, "order");
        before = entry;
        count++;
    }
    expect(count == shown, object->pages, "entries that are found");
    expect(object->references >= shown, object->references, "each that shows it has a reference");
}

static bool is_shown(const struct vm_object *windows, uint64_t page)
{
    for (; windows != NULL; windows = windows->next) {
        if (page - windows->base.value < windows->pages << PAGE_SHIFT) {
            return true;
        }
    }
    return false;
}

static void check_queue(const struct vm_object *object)
{
    const struct vm_object *const next = object->queue_next, *const prev = object->queue_prev;

    if (object->purge == VM_PURGE_VOLATILE) {
        expect(object->purgeable, object->pages, "volatile, and not purgeable");
        expect(next == NULL || (next->queue_prev == object && next->purge == VM_PURGE_VOLATILE),
               object->pages, "the next volatile object");
        expect(prev == NULL || (prev->queue_next == object && prev->purge == VM_PURGE_VOLATILE),
               object->pages, "the volatile object before");
    }
}

/* One page that an object has. */
static void check_page(const struct vm_object *object, const vm_slot_t *slot)
{
    const paddr_t page = vm_slot_page(*slot);
    const uint8_t *const note = page_note(page);

    expect(page_get_state(page) == PAGE_ALLOCATED, page.value, "a page that is not allocated");
    expect((*note & VM_NOTE_OWNED) != 0, page.value, "nobody's, its note says");
    expect(vm_page_memory(page) == vm_slot_memory(object, slot), page.value,
           "another mode than its object says");
}

/* How many slots have each page, from the first one that can have an owner. */
struct owners {
    uint32_t *of;
    uint64_t first;
};

static void check_slots(const struct vm_object *object, const struct owners *owners)
{
    const uint64_t chunks = (object->pages + VM_CHUNK_SLOTS - 1) / VM_CHUNK_SLOTS;
    uint64_t resident = 0;

    for (uint64_t i = 0; i < chunks; i++) {
        const uint64_t left = object->pages - i * VM_CHUNK_SLOTS;
        const uint64_t count = left < VM_CHUNK_SLOTS ? left : VM_CHUNK_SLOTS;

        for (uint64_t j = 0; object->chunks[i] != NULL && j < count; j++) {
            const vm_slot_t *const slot = &object->chunks[i][j];

            expect((*slot & VM_SLOT_MODE) == 0 ||
                       (object->mixed && vm_slot_memory(object, slot) != object->memory),
                   *slot, "a mode of its own that is the object's");
            if ((*slot & VM_SLOT_PRESENT) != 0) {
                check_page(object, slot);
                owners->of[(vm_slot_page(*slot).value >> PAGE_SHIFT) - owners->first]++;
                resident++;
            } else {
                expect((*slot & ~(vm_slot_t)VM_SLOT_MODE) == 0, *slot, "left of a page that went");
            }
        }
    }
    expect(resident == object->resident, object->resident, "pages counted as resident");
}

/* Number of the first page that can have an owner. */
static uint64_t first_page(void)
{
    uint64_t section = 0;

    while (page_pool.sections[section] == SECTION_FOREIGN) {
        section++;
    }
    return section * SECTION_PAGES;
}

/* RAM has the owners that it counts; what is nobody's has a mode only while a window shows it. */
static void check_ram(const struct vm_object *windows, const struct owners *owners)
{
    for (uint64_t number = owners->first; number <= page_last(); number++) {
        const paddr_t page = paddr(number << PAGE_SHIFT);
        const struct page *const record = page_lookup(page);

        if (record == NULL) {
            number |= SECTION_PAGES - 1; /* none of the section has one */
            continue;
        }
        if (owners->of[number - owners->first] != 0) {
            expect(page_share_count(page) == owners->of[number - owners->first], page.value,
                   "its owners");
        } else {
            expect((record->note & VM_NOTE_OWNED) == 0 || (record->flags & RECORD_ORPHAN) != 0 ||
                       page_get_state(page) != PAGE_ALLOCATED,
                   page.value, "the note of an owner who is gone");
            expect((record->note & VM_NOTE_DIRTY) == 0 || (record->note & VM_NOTE_OWNED) != 0,
                   page.value, "stores noted for nobody");
            expect((record->note & VM_NOTE_MEMORY) == MMU_NORMAL ||
                       (record->note & VM_NOTE_OWNED) != 0 || is_shown(windows, page.value),
                   page.value, "a mode, and no window");
        }
    }
}

static void check_list(const struct vm_object *first, bool physical, const struct owners *owners,
                       uint64_t *pages, uint64_t *count)
{
    for (const struct vm_object *object = first; object != NULL; object = object->next) {
        expect(*object->link == object, object->pages, "its place in the list");
        expect(object->physical == physical, object->pages, "the kind of the list");
        check_entries(object);
        check_queue(object);
        if (!physical) {
            check_slots(object, owners);
        }
        *pages += object->resident;
        ++*count;
    }
}

void vm_check_objects(void)
{
    const uint64_t base = first_page();
    const struct owners owners = {calloc(page_last() - base + 1, sizeof(*owners.of)), base};
    struct vm_object *window, *anonymous;
    uint64_t pages = 0, count = 0;
    struct vm_object_stats stats;

    /* What is made last is first in its list: all others are behind it. */
    if (vm_object_create_physical(paddr(0), 1, &window) != KERN_SUCCESS ||
        vm_object_create(1, &anonymous) != KERN_SUCCESS) {
        abort();
    }
    check_list(anonymous, false, &owners, &pages, &count);
    check_list(window, true, &owners, &pages, &count);
    vm_object_get_stats(&stats);
    expect(stats.pages == pages, stats.pages, "resident pages of all objects");
    expect(stats.objects == count, stats.objects, "objects");
    check_ram(window->next, &owners);
    vm_object_release(window);
    vm_object_release(anonymous);
    free(owners.of);
    page_check();
}

/* --- Address spaces --------------------------------------------------------------------------- */

static void check_entry(const struct vm_map *map, const struct vm_entry *entry)
{
    const struct vm_object *const object = entry->range.object;

    expect(entry->map == map, entry->node.start, "its map");
    expect(((entry->node.start | entry->node.end | entry->range.offset) & PAGE_MASK) == 0,
           entry->node.start, "no whole pages");
    expect((entry->range.access & ~entry->range.max_access) == 0, entry->node.start,
           "more than it may ever be given");
    expect(object != NULL || !entry->entered, entry->node.start, "a reservation shows something");
}

/* RAM in a window, by the direct map. */
static bool is_writable(uint64_t page)
{
    struct mmu_translation at;

    return !mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(page)), &at) ||
           (at.attributes.access & MMU_WRITE) != 0;
}

static void check_window_leaf(const struct vm_entry *entry, vaddr_t va, struct mmu_attributes is,
                              paddr_t page)
{
    const bool ram = page_get_state(page) != PAGE_FOREIGN;
    const bool device = entry->range.memory >= MMU_DEVICE;

    expect(page.value ==
               entry->range.object->base.value + (vm_entry_index(entry, va) << PAGE_SHIFT),
           va, "another page than the window's");
    expect((is.access & MMU_WRITE) == 0 || !ram || is_writable(page.value), va,
           "writable, and the kernel's own");
    expect(is.memory == (ram && (entry->range.as_pages || device) ? vm_page_memory(page)
                                                                  : entry->range.memory),
           va, "another mode than the window's");
}

static void check_anonymous_leaf(const struct vm_entry *entry, vaddr_t va, struct mmu_attributes is,
                                 paddr_t page)
{
    const struct vm_object *const object = entry->range.object;
    const vm_slot_t *const slot = vm_object_slot(object, vm_entry_index(entry, va));

    expect(slot != NULL && (*slot & VM_SLOT_PRESENT) != 0, va, "a page that is not there");
    expect(vm_slot_page(*slot).value == page.value, va, "another page than the object's");
    expect(is.memory == vm_slot_memory(object, slot), va, "another mode than the page's");
    if ((is.access & (MMU_WRITE | MMU_CLEAN)) != 0) {
        expect(!page_is_shared(page), va, "a store would be seen by a copy");
    }
    if ((is.access & (MMU_WRITE | MMU_CLEAN)) == MMU_WRITE && !mmu_notes_stores()) {
        expect((*slot & VM_SLOT_DIRTY) != 0, va, "a store would not be noticed");
    }
}

/* One page, or the first of a block. */
static void check_leaf(const struct vm_map *map, vaddr_t va, uint64_t span, pte_t leaf)
{
    const struct vm_entry *const entry = vm_map_entry((struct vm_map *)map, va);
    const struct mmu_attributes is = mmu_decode(leaf);
    const paddr_t page = pte_address(leaf);

    expect(entry != NULL, va, "shown, where no range is");
    expect(entry->range.object != NULL && entry->entered, va, "shown, and not noted so");
    expect(entry->node.start <= va && va + span <= entry->node.end, va, "a block beyond its range");
    expect(!entry->blocked && !vm_object_is_blocked(entry->range.object), va,
           "shown, and to be kept from accesses");
    expect((is.access & ~(entry->range.access | MMU_USER | MMU_CLEAN)) == 0, va,
           "more rights than the range has");
    expect(((is.access & MMU_USER) != 0) == (map != kernel_map), va,
           "reachable from the wrong side");
    if (entry->range.object->physical) {
        check_window_leaf(entry, va, is, page);
    } else {
        check_anonymous_leaf(entry, va, is, page);
    }
    if ((is.access & MMU_EXECUTE) != 0 && page_get_state(page) != PAGE_FOREIGN) {
        expect((*page_note(page) & VM_NOTE_CODE) != 0, va, "executed, and not noted so");
    }
    sim_tlb_check(map->space, va);
}

/* Entries of a table that are in use, and what is below them. */
static unsigned check_table(const struct vm_map *map, paddr_t table, unsigned level, vaddr_t at,
                            vaddr_t end, uint64_t *mapped)
{
    const pte_t *const entries = phys_to_virt(table);
    unsigned used = 0;

    for (unsigned i = (unsigned)LEVEL_INDEX(at, level); i < TABLE_ENTRIES && at < end; i++) {
        if (entries[i] != 0 && pte_is_table(entries[i], level)) {
            const unsigned below =
                check_table(map, pte_address(entries[i]), level + 1, at, end, mapped);

            expect(below != 0, at, "an empty table");
            expect(below * PTE_COUNT_ONE == (entries[i] & PTE_COUNT), at, "entries of a table");
        } else if (entries[i] != 0 && !(map == kernel_map && at >= MMU_KERNEL_MAP_END)) {
            /* What a handler borrows is in no range, and counted nowhere. */
            check_leaf(map, at, LEVEL_SPAN(level), entries[i]);
            *mapped += LEVEL_SPAN(level) >> PAGE_SHIFT;
        }
        used += entries[i] != 0;
        at += LEVEL_SPAN(level);
    }
    return used;
}

void vm_check_map(const struct vm_map *map)
{
    const bool is_kernel = map == kernel_map;
    const vaddr_t low = is_kernel ? MMU_KERNEL_VA_BASE : 0;
    const vaddr_t high = is_kernel ? MMU_KERNEL_VA_END : MMU_USER_VA_END;
    const struct range_node *node = range_tree_at_or_above(&map->ranges, 0);
    uint64_t mapped = 0;

    range_tree_check(&map->ranges);
    for (; node != NULL; node = range_tree_next(&map->ranges, node)) {
        const struct vm_entry *const entry = (const struct vm_entry *)node;

        check_entry(map, entry);
        /* What is not shown, the TLB must not know either. */
        for (vaddr_t va = node->start; va < node->end && va < node->start + 64 * PAGE_SIZE;
             va += PAGE_SIZE) {
            sim_tlb_check(map->space, va);
        }
    }
    check_table(map, map->space->root, 0, low, high, &mapped);
    expect(mapped == map->space->mapped, mapped, "mapped pages");
}
