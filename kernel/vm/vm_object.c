/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory objects: their slots, and how a page gets into one and out of it. */
#include "kernel/vm_object.h"

#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "kernel/page/page_arch.h"
#include "kernel/page/page_record.h"
#include "kernel/panic.h"
#include "kernel/task.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

static struct vm_object_stats stats;

static uint64_t chunk_count(const struct vm_object *object)
{
    return (object->pages + VM_CHUNK_SLOTS - 1) / VM_CHUNK_SLOTS;
}

static struct vm_object *new_object(uint64_t pages)
{
    struct vm_object *object = heap_alloc_zero(sizeof(*object));

    if (object == NULL) {
        return NULL;
    }
    /* The creator's. The rest is zero: ordinary memory, not volatile, nobody's to pay for. */
    object->references = 1;
    object->pages = pages;
    stats.objects++;
    return object;
}

kern_return_t vm_object_create(uint64_t pages, struct vm_object **out)
{
    struct vm_object *object;

    /* Its size in bytes fits 64 bits: nobody who shifts has to ask again. */
    if (pages == 0 || pages > UINT64_MAX >> PAGE_SHIFT) {
        return KERN_INVALID_ARGUMENT;
    }
    object = new_object(pages);
    if (object == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    /* Pointers only: a large object that is touched in places costs the chunks of those. */
    object->chunks = heap_alloc_zero(chunk_count(object) * sizeof(*object->chunks));
    if (object->chunks == NULL) {
        vm_object_release(object);
        return KERN_RESOURCE_SHORTAGE;
    }
    vm_object_enlist(object);
    *out = object;
    return KERN_SUCCESS;
}

kern_return_t vm_object_create_physical(paddr_t base, uint64_t pages, struct vm_object **out)
{
    struct vm_physical_run run;
    struct vm_object *object;

    if (pages == 0 || (base.value & PAGE_MASK) != 0 ||
        /* The last address is used by who walks the window: it must not wrap. */
        pages > (UINT64_MAX - base.value) >> PAGE_SHIFT) {
        return KERN_INVALID_ARGUMENT;
    }
    object = new_object(pages);
    if (object == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    object->physical = true;
    object->base = base;
    vm_physical_extent(base, pages, &run);
    /*
     * Asked once: what is RAM, and what of it the kernel may write, does not change once it is up.
     */
    object->alike = run.pages == pages;
    vm_object_enlist(object);
    *out = object;
    return KERN_SUCCESS;
}

void vm_object_retain(struct vm_object *object)
{
    KERNEL_CHECK(object->references != UINT32_MAX);
    object->references++;
}

static void drop_page(struct vm_object *object, uint64_t index, void *context)
{
    (void)context;
    vm_object_drop_page(object, index);
}

void vm_object_release(struct vm_object *object)
{
    if (--object->references != 0) {
        return;
    }
    /* Each entry holds a reference: without one, somebody has released once too often. */
    KERNEL_CHECK(object->entries.root == NULL);
    if (object->link != NULL) { /* it was completed */
        vm_object_delist(object);
    }
    /* Off the queue first: releasing pages below must not meet a reclaim that chooses this. */
    vm_purge_forget(object);
    /* Nobody pays for it any more, and the watch leaves the owner's list, which would lead here. */
    vm_object_set_owner(object, NULL, 0, false);
    if (object->chunks != NULL) {
        vm_object_for_each_resident(object, 0, object->pages, drop_page, NULL);
        for (uint64_t i = 0; i < chunk_count(object); i++) {
            heap_free(object->chunks[i]);
        }
        heap_free(object->chunks);
    }
    stats.objects--;
    heap_free(object);
}

uint64_t vm_object_pages(const struct vm_object *object)
{
    return object->pages;
}

bool vm_object_is_physical(const struct vm_object *object)
{
    return object->physical;
}

vm_slot_t *vm_object_make_slot(struct vm_object *object, uint64_t index)
{
    vm_slot_t **chunk = &object->chunks[index / VM_CHUNK_SLOTS];
    /* An object of a few pages, as most buffers are, takes no chunk of 4 KiB. */
    uint64_t slots = object->pages < VM_CHUNK_SLOTS ? object->pages : VM_CHUNK_SLOTS;

    if (*chunk == NULL) {
        *chunk = heap_alloc_zero(slots * sizeof(**chunk));
    }
    return *chunk != NULL ? &(*chunk)[index % VM_CHUNK_SLOTS] : NULL;
}

void vm_object_for_each_resident(struct vm_object *object, uint64_t first, uint64_t count,
                                 vm_page_visitor_t *visit, void *context)
{
    uint64_t end = first + count;

    for (uint64_t index = first; index < end;) {
        /*
         * A chunk that was never needed has nothing resident: skipped whole, or looking at a large
         * empty object would take as long as filling it.
         */
        vm_slot_t *slot = vm_object_slot(object, index);

        if (slot == NULL) {
            index = (index / VM_CHUNK_SLOTS + 1) * VM_CHUNK_SLOTS;
            continue;
        }
        if ((*slot & VM_SLOT_PRESENT) != 0) {
            /* The visitor may empty the slot; the chunk stays until the object goes. */
            visit(object, index, context);
        }
        index++;
    }
}

/* Out of all tables but one. */
static void unmap_page_but(struct vm_object *object, uint64_t index, const struct vm_entry *one)
{
    struct vm_entry *entry = NULL;

    /* All of them: the store may have gone through any one of its views. */
    while ((entry = vm_object_next_showing(object, entry, index)) != NULL) {
        if (entry != one && vm_entry_take_page(entry, index)) {
            vm_object_mark_dirty(object, index);
        }
    }
}

void vm_object_unmap_page(struct vm_object *object, uint64_t index)
{
    unmap_page_but(object, index, NULL);
}

void vm_object_drop_page(struct vm_object *object, uint64_t index)
{
    vm_slot_t *slot = vm_object_slot(object, index);
    paddr_t page = vm_slot_page(*slot);

    /* Out of every address space before the page can have another owner. */
    vm_object_unmap_page(object, index);
    *slot &= VM_SLOT_MODE; /* the next page here is seen as this one was */
    object->resident--;
    stats.pages--;
    /* While the page is ours: given back, its note is the next owner's. */
    vm_object_forget_page(page);
    /*
     * Released and not freed: one that a device has pinned goes with its last pin, and one that a
     * copy shares stays.
     */
    KERNEL_CHECK(page_release_run(page, 1) == KERN_SUCCESS);
}

static void put_page(struct vm_object *object, vm_slot_t *slot, paddr_t page,
                     enum mmu_memory memory)
{
    vm_object_note_page(page, memory);
    /* The mode was set for the place, maybe before there was a page in it. */
    *slot = page.value | (*slot & VM_SLOT_MODE) | VM_SLOT_PRESENT;
    object->resident++;
    stats.pages++;
}

void vm_object_put_page(struct vm_object *object, vm_slot_t *slot, paddr_t page)
{
    put_page(object, slot, page, vm_slot_memory(object, slot));
}

/* A part of who supplies pages, for whom each instruction counts. */
static inline __attribute__((always_inline)) bool fill_absent(struct vm_object *object,
                                                              vm_slot_t *slot)
{
    const enum mmu_memory memory = vm_slot_memory(object, slot);
    paddr_t page;

    if (page_alloc(0, PAGE_OWNER_BUFFER, &page) != KERN_SUCCESS) {
        return false;
    }
    /*
     * Zeros before anybody can see the page, and settled (cleaned out of the cache where the
     * object is not cached) before a device or an uncached mapping reads it.
     */
    page_fill_zero(phys_to_virt(page), PAGE_SIZE);
    vm_object_settle_page(page, memory);
    put_page(object, slot, page, memory);
    return true;
}

bool vm_object_fill_absent(struct vm_object *object, vm_slot_t *slot)
{
    return fill_absent(object, slot);
}

/*
 * Give the object a page of its own in place of one it shares with a copy, which `to` shows itself.
 * Of a purgeable object the old page is pinned meanwhile: an allocation may reclaim such memory,
 * and this very object may be next in that queue.
 */
static bool break_sharing(struct vm_object *object, uint64_t index, vm_slot_t *slot,
                          const struct vm_entry *to)
{
    const paddr_t old = vm_slot_page(*slot);
    const bool pinned = object->purgeable;
    paddr_t own;
    bool obtained;

    /* Fails only where the record can count no further pin. */
    if (pinned && page_pin(old) != KERN_SUCCESS) {
        return false;
    }
    obtained = page_alloc(0, PAGE_OWNER_BUFFER, &own) == KERN_SUCCESS;
    if (pinned) {
        page_unpin(old);
    }
    if (!obtained) {
        return false;
    }
    page_copy(phys_to_virt(own), phys_to_virt(old));
    vm_object_settle_page(own, vm_slot_memory(object, slot));
    /*
     * Unmapped after the copy and before the slot changes: mappings of the old page are
     * read-only while it is shared, so nothing is stored to it meanwhile.
     */
    unmap_page_but(object, index, to);
    vm_object_note_page(own, vm_slot_memory(object, slot));
    /* All flags stay: it is the same content in the same mode. */
    *slot = own.value | (*slot & PAGE_MASK);
    KERNEL_CHECK(page_release_run(old, 1) == KERN_SUCCESS); /* gives back our share */
    return true;
}

/* What a slot has is what the caller gets. */
static inline kern_return_t hand_out(vm_slot_t *slot, unsigned flags, paddr_t *page)
{
    /* Before the store that is being resolved: after it, nobody would be asked again. */
    *slot |= (flags & VM_SUPPLY_WRITE) != 0 ? VM_SLOT_DIRTY : 0;
    *page = vm_slot_page(*slot);
    return KERN_SUCCESS;
}

/* A page of the object's own in a slot that has none; NULL: the slot is not made yet. */
static __attribute__((noinline)) kern_return_t supply_absent(struct vm_object *object,
                                                             uint64_t index, vm_slot_t *slot,
                                                             unsigned flags, paddr_t *page)
{
    /* Who takes only what is resident may be where nothing can be allocated: no chunk is made. */
    if ((flags & VM_SUPPLY_RESIDENT) != 0) {
        return KERN_MEMORY_ERROR;
    }
    if (slot == NULL) {
        slot = vm_object_make_slot(object, index);
    }
    return slot != NULL && fill_absent(object, slot) ? hand_out(slot, flags, page)
                                                     : KERN_MEMORY_ERROR;
}

/* The same in place of one that a copy shares. */
static __attribute__((noinline)) kern_return_t supply_unshared(struct vm_object *object,
                                                               uint64_t index, vm_slot_t *slot,
                                                               unsigned flags,
                                                               const struct vm_entry *to,
                                                               paddr_t *page)
{
    return break_sharing(object, index, slot, to) ? hand_out(slot, flags, page) : KERN_MEMORY_ERROR;
}

/* A part of both, which are asked for each page. */
static inline __attribute__((always_inline)) kern_return_t supply(struct vm_object *object,
                                                                  uint64_t index, unsigned flags,
                                                                  const struct vm_entry *entry,
                                                                  paddr_t *page)
{
    vm_slot_t *slot;

    if (index >= object->pages) {
        return KERN_INVALID_ADDRESS;
    }
    if (object->physical) {
        *page = paddr_add(object->base, index << PAGE_SHIFT);
        return KERN_SUCCESS;
    }
    slot = vm_object_slot(object, index);
    if (slot == NULL || (*slot & VM_SLOT_PRESENT) == 0) {
        return supply_absent(object, index, slot, flags, page);
    }
    /*
     * Unshared for a pin as well, even for reading: a page that is pinned while shared could
     * not be copied away from a device later.
     */
    if ((flags & (VM_SUPPLY_WRITE | VM_SUPPLY_UNSHARED)) != 0 &&
        page_is_shared(vm_slot_page(*slot))) {
        return supply_unshared(object, index, slot, flags, entry, page);
    }
    return hand_out(slot, flags, page);
}

kern_return_t vm_object_supply(struct vm_object *object, uint64_t index, unsigned flags,
                               paddr_t *page)
{
    return supply(object, index, flags, NULL, page);
}

kern_return_t vm_object_supply_to(struct vm_object *object, uint64_t index, unsigned flags,
                                  const struct vm_entry *entry, paddr_t *page)
{
    return supply(object, index, flags, entry, page);
}

bool vm_object_resident(const struct vm_object *object, uint64_t index, paddr_t *page)
{
    vm_slot_t *slot;

    if (index >= object->pages) {
        return false;
    }
    if (object->physical) {
        *page = paddr_add(object->base, index << PAGE_SHIFT);
        return true;
    }
    slot = vm_object_slot(object, index);
    if (slot == NULL || (*slot & VM_SLOT_PRESENT) == 0) {
        return false;
    }
    *page = vm_slot_page(*slot);
    return true;
}

bool vm_object_writable_in_place(const struct vm_object *object, uint64_t index)
{
    vm_slot_t *slot;

    if (object->physical) {
        return true;
    }
    slot = vm_object_slot(object, index);
    /* Shared, the page would change under the copy. */
    return slot != NULL && (*slot & VM_SLOT_PRESENT) != 0 &&
           page_share_count(vm_slot_page(*slot)) == 1;
}

void vm_object_mark_dirty(struct vm_object *object, uint64_t index)
{
    vm_slot_t *slot = object->physical ? NULL : vm_object_slot(object, index);

    /* A page that is gone takes its state along: what comes in its place is fresh. */
    if (slot != NULL && (*slot & VM_SLOT_PRESENT) != 0) {
        *slot |= VM_SLOT_DIRTY;
    }
}

struct page_count {
    uint64_t resident;
    uint64_t dirty;
};

static void count_page(struct vm_object *object, uint64_t index, void *context)
{
    struct page_count *count = context;
    vm_slot_t *slot = vm_object_slot(object, index);

    struct vm_entry *entry = NULL;

    /*
     * The note first, which is one byte; then the tables of those who show it, until one knows of a
     * store.
     */
    vm_object_absorb_stores(object, index);
    /* Nothing is taken out of the tables for a question: the next store needs no fault. */
    while ((*slot & VM_SLOT_DIRTY) == 0 &&
           (entry = vm_object_next_showing(object, entry, index)) != NULL) {
        if (vm_entry_page_is_dirty(entry, index)) {
            *slot |= VM_SLOT_DIRTY;
        }
    }
    count->resident++;
    count->dirty += (*slot & VM_SLOT_DIRTY) != 0;
}

void vm_object_count(struct vm_object *object, uint64_t first, uint64_t pages, uint64_t *resident,
                     uint64_t *dirty)
{
    struct page_count count = {0, 0};

    /* A window has no pages of its own: nothing of it is resident that could go. */
    if (!object->physical) {
        vm_object_for_each_resident(object, first, pages, count_page, &count);
    }
    *resident = count.resident;
    *dirty = count.dirty;
}

/* The task goes: nobody pays any more. Who owns it next needs the tag. */
static void owner_died(struct task *task, void *context)
{
    struct vm_object *object = context;

    task_ledger_debit(task, object->ledger_tag, object->footprint, object->pages << PAGE_SHIFT);
    object->owner = NULL;
}

/*
 * The owner is watched and not retained: it may map the object, and each would keep the other
 * alive for good.
 */
void vm_object_set_owner(struct vm_object *object, struct task *owner, int tag, bool footprint)
{
    uint64_t bytes = object->pages << PAGE_SHIFT;

    if (object->owner != NULL) {
        /* Before it is added again below: a watch is in one list. */
        task_watch_remove(&object->owner_watch);
        task_ledger_debit(object->owner, object->ledger_tag, object->footprint, bytes);
    }
    object->owner = owner;
    object->ledger_tag = tag;
    object->footprint = footprint;
    if (owner != NULL) {
        object->owner_watch.died = owner_died;
        object->owner_watch.context = object;
        task_watch_add(owner, &object->owner_watch);
        task_ledger_credit(owner, tag, footprint, bytes);
    }
}

struct task *vm_object_owner(const struct vm_object *object, int *tag, bool *footprint)
{
    *tag = object->ledger_tag;
    *footprint = object->footprint;
    return object->owner;
}

void vm_object_get_stats(struct vm_object_stats *out)
{
    *out = stats;
}
