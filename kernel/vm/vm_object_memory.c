/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache mode of pages. A page has one mode at a time: two that differ, at two addresses,
 * would let one CPU see two contents. Pages of an anonymous object have its mode. RAM that is
 * no object's has the mode that its windows were given, for as long as there is one.
 */
#include "kernel/cache.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/page/page_record.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

/*
 * All of both kinds: a page's mode is asked and changed by its address, and no page leads to its
 * windows.
 */
static struct vm_object *windows, *anonymous;

/* Pages of no object whose mode is not the ordinary one: mostly none, and nothing to look for. */
static uint64_t unusual;

void vm_object_enlist(struct vm_object *object)
{
    struct vm_object **list = object->physical ? &windows : &anonymous;

    /* With the link that leads to it, so that leaving needs no search: there may be thousands. */
    object->next = *list;
    object->link = list;
    if (object->next != NULL) {
        object->next->link = &object->next;
    }
    *list = object;
}

enum mmu_memory vm_page_memory(paddr_t page)
{
    const uint8_t *note = page_note(page);

    return note != NULL ? (enum mmu_memory)(*note & VM_NOTE_MEMORY) : MMU_NORMAL;
}

/* Handlers mark pages as written: the rest of the note must not go back to what it was. */
static void set_note(uint8_t *note, uint8_t clear, uint8_t set)
{
    __atomic_and_fetch(note, (uint8_t)~clear, __ATOMIC_RELAXED);
    __atomic_or_fetch(note, set, __ATOMIC_RELAXED);
}

void vm_object_note_page(paddr_t page, enum mmu_memory memory)
{
    uint8_t *const note = &page_record(page.value >> PAGE_SHIFT)->note; /* it is allocated */

    if ((*note & VM_NOTE_OWNED) != 0) {
        return; /* a copy shares it, in the mode that it has */
    }
    if ((*note & VM_NOTE_MEMORY) != MMU_NORMAL) {
        unusual--; /* a window still shows what this page was before */
    }
    /* No handler marks a page that nobody owns: nothing is lost. */
    *note = (uint8_t)(VM_NOTE_OWNED | memory);
}

void vm_object_forget_page(paddr_t page)
{
    if (!page_is_shared(page)) {
        /* The last owner's: what comes next with this page begins with nothing noted. */
        set_note(page_note(page), UINT8_MAX, 0);
    }
}

void vm_object_absorb_stores(struct vm_object *object, uint64_t index)
{
    vm_slot_t *slot = vm_object_slot(object, index);
    const uint8_t *note = page_note(vm_slot_page(*slot));

    /* The note stays: a page that has changed has changed, as long as it is the object's. */
    if ((*note & VM_NOTE_DIRTY) != 0) {
        *slot |= VM_SLOT_DIRTY;
    }
}

/* What goes past the cache must find in memory what was written through it. */
static void settle(paddr_t page)
{
    struct mmu_translation at;

    if (mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(page), &at)) {
        /* What the direct map does not show has no lines that the kernel has made by it. */
        cache_clean_invalidate(phys_to_virt(page), PAGE_SIZE);
    }
}

/* The physical addresses whose mode has changed. */
struct change {
    uint64_t low, high;
};

static void change_page(paddr_t page, uint8_t *note, enum mmu_memory memory, struct change *change)
{
    settle(page);
    set_note(note, VM_NOTE_MEMORY, (uint8_t)memory);
    /*
     * One interval around all of them: a page in it that has not changed is found to have its mode
     * already.
     */
    if (page.value < change->low) {
        change->low = page.value;
    }
    if (page.value + PAGE_SIZE > change->high) {
        change->high = page.value + PAGE_SIZE;
    }
}

/* The pages of [start, end) as they are by now, where the page tables show them. */
static void retype_pages(struct vm_entry *entry, vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        const paddr_t page =
            paddr_add(entry->range.object->base, vm_entry_index(entry, va) << PAGE_SHIFT);
        const enum mmu_memory memory = vm_page_memory(page);
        struct mmu_translation at;

        /*
         * Registers keep the mode that they were mapped with; what is in no table yet will be
         * entered in its new mode.
         */
        if (page_get_state(page) == PAGE_FOREIGN || !mmu_translate(entry->map->space, va, &at) ||
            at.attributes.memory == memory) {
            continue;
        }
        if (mmu_set_memory(entry->map->space, va, PAGE_SIZE, memory) != KERN_SUCCESS) {
            vm_entry_drop_tables(entry, va, va + PAGE_SIZE);
            vm_entry_refill(entry);
        }
    }
}

/* Every window shows what lies in it of the change. */
static void follow(const struct change *change)
{
    if (change->low >= change->high) {
        return; /* nothing has changed */
    }
    for (struct vm_object *window = windows; window != NULL; window = window->next) {
        const uint64_t base = window->base.value, size = window->pages << PAGE_SHIFT;

        if (base >= change->high || base + size <= change->low) {
            continue;
        }
        for (struct vm_entry *entry = NULL;
             (entry = vm_object_next_entry(window, entry)) != NULL;) {
            /* The others have been given a mode of their own, registers as a rule. */
            if (entry->range.as_pages) {
                retype_pages(entry, entry->node.start, entry->node.end);
            }
        }
    }
}

/* The page at an index of an object is seen in this mode from now on. */
static void retype_slot(struct vm_object *object, uint64_t index, vm_slot_t *slot,
                        enum mmu_memory memory)
{
    /* The object's own mode needs no mark: it follows the object when that changes. */
    const bool own = memory != object->memory;

    *slot &= ~(vm_slot_t)VM_SLOT_MODE;
    *slot |= own ? (vm_slot_t)(memory + 1u) << VM_SLOT_MODE_SHIFT : 0;
    object->mixed |= own;
    for (struct vm_entry *entry = NULL;
         (entry = vm_object_next_showing(object, entry, index)) != NULL;) {
        vm_entry_set_page_memory(entry, index, memory);
    }
}

/* A page that has changed, and that several may own. */
static void follow_change(struct vm_object *object, uint64_t index, void *context)
{
    const struct change *change = context;
    vm_slot_t *const slot = vm_object_slot(object, index);
    const paddr_t page = vm_slot_page(*slot);

    if (page.value >= change->low && page.value < change->high &&
        vm_slot_memory(object, slot) != vm_page_memory(page)) {
        retype_slot(object, index, slot, vm_page_memory(page));
    }
}

/* There is no way back from a page to the objects that have it: all are looked at. */
static void owners_follow(struct change *change)
{
    for (struct vm_object *object = anonymous; object != NULL; object = object->next) {
        vm_object_for_each_resident(object, 0, object->pages, follow_change, change);
    }
}

struct object_change {
    enum mmu_memory memory;
    bool shared; /* one of the pages is another object's, too */
    struct change change;
};

/*
 * Settled first: what a mode that goes past the cache reads must be in memory before its
 * first access.
 */
static void change_slot(struct vm_object *object, uint64_t index, void *context)
{
    struct object_change *to = context;
    const paddr_t page = vm_slot_page(*vm_object_slot(object, index));

    if (vm_page_memory(page) != to->memory) {
        change_page(page, page_note(page), to->memory, &to->change);
        to->shared |= page_is_shared(page);
    }
}

/* The pages themselves have changed; so does all that shows them. */
static void finish(struct object_change *to)
{
    if (to->shared) {
        owners_follow(&to->change);
    }
    follow(&to->change);
}

/* No page has a mode of its own any more. */
static void forget_modes(struct vm_object *object)
{
    for (uint64_t index = 0; object->mixed && index < object->pages; index++) {
        vm_slot_t *const slot = vm_object_slot(object, index);

        if (slot != NULL) {
            *slot &= ~(vm_slot_t)VM_SLOT_MODE;
        }
    }
    object->mixed = false;
}

void vm_object_set_memory(struct vm_object *object, enum mmu_memory memory)
{
    struct object_change to = {.memory = memory, .change.low = UINT64_MAX};

    if (object->physical) {
        vm_window_set_memory(object, 0, object->pages, memory);
        return;
    }
    if (object->memory == memory && !object->mixed) {
        return;
    }
    vm_object_for_each_resident(object, 0, object->pages, change_slot, &to);
    forget_modes(object);
    /*
     * Before the entries: one that is filled anew may make pages resident, in the mode of the
     * object.
     */
    object->memory = memory;
    for (struct vm_entry *entry = NULL; (entry = vm_object_next_entry(object, entry)) != NULL;) {
        vm_entry_set_memory(entry, memory);
    }
    finish(&to);
}

kern_return_t vm_object_reserve_modes(struct vm_object *object, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; !object->physical && i < first + count; i++) {
        /*
         * For absent pages too: their mode is kept in the slot, and setting it must not fail
         * halfway.
         */
        if (vm_object_make_slot(object, i) == NULL) {
            return KERN_RESOURCE_SHORTAGE;
        }
    }
    return KERN_SUCCESS;
}

void vm_object_set_pages_memory(struct vm_object *object, uint64_t first, uint64_t count,
                                enum mmu_memory memory)
{
    struct object_change to = {.memory = memory, .change.low = UINT64_MAX};

    vm_object_for_each_resident(object, first, count, change_slot, &to);
    for (uint64_t i = first; i < first + count; i++) {
        vm_slot_t *const slot = vm_object_slot(object, i);

        if (vm_slot_memory(object, slot) != memory) {
            retype_slot(object, i, slot, memory);
        }
    }
    finish(&to);
}

void vm_window_set_memory(struct vm_object *window, uint64_t first, uint64_t count,
                          enum mmu_memory memory)
{
    struct change change = {.low = UINT64_MAX};
    const uint64_t low = window->base.value + (first << PAGE_SHIFT);
    bool owned = false;

    for (uint64_t i = 0; i < count; i++) {
        const paddr_t page = paddr(low + (i << PAGE_SHIFT));
        uint8_t *note = page_get_state(page) != PAGE_FOREIGN ? page_note(page) : NULL;

        if (note == NULL || (*note & VM_NOTE_MEMORY) == memory) {
            continue;
        }
        if ((*note & VM_NOTE_OWNED) != 0) {
            owned = true;
        } else {
            /*
             * Counted on the way from ordinary and to it; from one unusual mode to another it
             * stays.
             */
            unusual += memory != MMU_NORMAL && (*note & VM_NOTE_MEMORY) == MMU_NORMAL;
            unusual -= memory == MMU_NORMAL;
        }
        change_page(page, note, memory, &change);
    }
    if (owned) {
        owners_follow(&change);
    }
    follow(&change);
}

static bool is_shown(uint64_t page)
{
    for (const struct vm_object *window = windows; window != NULL; window = window->next) {
        if (page >= window->base.value && page - window->base.value < window->pages << PAGE_SHIFT) {
            return true;
        }
    }
    return false;
}

/* What no window shows any more is ordinary memory again. */
void vm_object_delist(struct vm_object *object)
{
    *object->link = object->next;
    if (object->next != NULL) {
        object->next->link = object->link;
    }
    /* Off the list by now, or is_shown would find this very window. */
    for (uint64_t i = 0; object->physical && unusual != 0 && i < object->pages; i++) {
        const paddr_t page = paddr_add(object->base, i << PAGE_SHIFT);
        uint8_t *note = page_get_state(page) != PAGE_FOREIGN ? page_note(page) : NULL;

        if (note != NULL && (*note & VM_NOTE_OWNED) == 0 &&
            (*note & VM_NOTE_MEMORY) != MMU_NORMAL && !is_shown(page.value)) {
            settle(page);
            set_note(note, VM_NOTE_MEMORY, 0);
            unusual--;
        }
    }
}

enum mmu_memory vm_object_get_memory(const struct vm_object *object)
{
    return object->memory;
}

enum mmu_memory vm_object_page_memory(const struct vm_object *object, uint64_t index)
{
    return object->mixed ? vm_slot_memory(object, vm_object_slot(object, index)) : object->memory;
}
