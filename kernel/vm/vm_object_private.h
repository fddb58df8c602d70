/* SPDX-License-Identifier: BSD-2-Clause */
/* The insides of a memory object, for vm_object.c, vm_purge.c and vm_map.c. */
#ifndef KERNEL_VM_OBJECT_PRIVATE_H
#define KERNEL_VM_OBJECT_PRIVATE_H

#include "kernel/cache.h"
#include "kernel/direct_map.h"
#include "kernel/task.h"
#include "kernel/tree.h"
#include "kernel/vm_object.h"
#include "kernel/vm_physical.h"

/*
 * One page of an anonymous object: its physical address with flags in the low
 * bits; 0 = absent. Slots live in chunks that appear when first used.
 */
typedef uint64_t vm_slot_t;

#define VM_SLOT_PRESENT 0x1u
#define VM_SLOT_DIRTY   0x2u /* changed since supplied */

/* 1 + the cache mode of a page that has one of its own, present or not; 0: it has the object's. */
#define VM_SLOT_MODE_SHIFT 2
#define VM_SLOT_MODE       (0x7u << VM_SLOT_MODE_SHIFT)

#define VM_CHUNK_SLOTS 512u

struct vm_object {
    uint32_t references;
    bool physical;
    uint64_t pages;
    paddr_t base; /* physical objects */
    bool alike;   /* they: all pages are what the first one is, see vm_object_physical_run */
    enum mmu_memory memory;
    bool mixed;         /* anonymous objects: pages may have modes of their own */
    vm_slot_t **chunks; /* anonymous objects: one pointer per VM_CHUNK_SLOTS pages */
    uint64_t resident;
    bool permanent; /* see vm_object_populate */

    struct tree entries; /* every map entry that shows this object, vm_object_entries.c */
    struct vm_object *next, **link; /* among all windows, or all anonymous objects */

    bool purgeable;
    enum vm_purge_state purge;
    struct vm_purge_order order;
    struct vm_object *queue_prev, *queue_next; /* while volatile */

    struct task *owner; /* NULL once it is dead */
    struct task_watch owner_watch;
    int ledger_tag;
    bool footprint;
};

/* vm_physical.c: of the page at an index and those behind it, at most `pages`. */
void vm_object_physical_run(const struct vm_object *object, uint64_t index, uint64_t pages,
                            struct vm_physical_run *run);

/* May all these pages be written? Of no object, and of anonymous memory: yes. */
bool vm_window_is_writable(const struct vm_object *window, uint64_t first, uint64_t count);
static inline bool vm_object_is_writable(const struct vm_object *object, uint64_t first,
                                         uint64_t count)
{
    return object == NULL || !object->physical || vm_window_is_writable(object, first, count);
}

/* What the note of a page says (page_note). */
#define VM_NOTE_MEMORY 0x07u /* enum mmu_memory */
#define VM_NOTE_OWNED  0x08u /* by an anonymous object, or by several that share it */
#define VM_NOTE_DIRTY  0x10u /* written while it was pinned; its slot may not know yet */
#define VM_NOTE_CODE   0x20u /* some address space can execute it, or could */

/* vm_code.c: RAM is about to be shown where it may be executed. */
void vm_note_code(paddr_t page, uint64_t count);
/* What these pages hold has been written by another way: those that are executed see it. */
void vm_code_changed(paddr_t page, uint64_t count);
/* Bytes of RAM, at an address of the direct map, are no more what they were. */
void vm_code_written(void *bytes, uint64_t size);

/* vm_object_memory.c: into the list of its kind, and out of it, when it is made and freed. */
void vm_object_enlist(struct vm_object *object);
void vm_object_delist(struct vm_object *object);

/* An anonymous object gets a page of its own, which has this mode, and gives one back. */
void vm_object_note_page(paddr_t page, enum mmu_memory memory);
void vm_object_forget_page(paddr_t page);

/* Move what the note knows of stores to the slot. */
void vm_object_absorb_stores(struct vm_object *object, uint64_t index);

/* An entry that shows the object joins its tree, and leaves it. */
void vm_object_add_entry(struct vm_object *object, struct vm_entry *entry);
void vm_object_remove_entry(struct vm_object *object, struct vm_entry *entry);

/* The slot of a page; NULL when its chunk is not there (the page is absent). */
static inline vm_slot_t *vm_object_slot(const struct vm_object *object, uint64_t index)
{
    vm_slot_t *chunk = object->chunks[index / VM_CHUNK_SLOTS];

    return chunk != NULL ? &chunk[index % VM_CHUNK_SLOTS] : NULL;
}

static inline paddr_t vm_slot_page(vm_slot_t slot)
{
    return paddr(slot & ~PAGE_MASK);
}

/* As vm_object_slot, but makes the chunk; NULL when there is no memory for it. */
vm_slot_t *vm_object_make_slot(struct vm_object *object, uint64_t index);

/* The cache mode of the page in a slot; NULL: of one that is absent. */
static inline enum mmu_memory vm_slot_memory(const struct vm_object *object, const vm_slot_t *slot)
{
    const unsigned own = slot != NULL ? (*slot & VM_SLOT_MODE) >> VM_SLOT_MODE_SHIFT : 0;

    return own != 0 ? (enum mmu_memory)(own - 1) : object->memory;
}

/*
 * As vm_object_supply, for an entry that shows what it is given in the place of what it shows now:
 * that is left in its table until then.
 */
kern_return_t vm_object_supply_to(struct vm_object *object, uint64_t index, unsigned flags,
                                  const struct vm_entry *entry, paddr_t *page);

/* A zeroed page for an absent slot; false without memory. */
bool vm_object_fill_absent(struct vm_object *object, vm_slot_t *slot);

/* Put a page of its own into an absent slot. */
void vm_object_put_page(struct vm_object *object, vm_slot_t *slot, paddr_t page);

/*
 * Take page-table entries of this object's page out of every address space that
 * shows it, and keep what they knew of stores to it.
 */
void vm_object_unmap_page(struct vm_object *object, uint64_t index);

/* The object is going to be gone or to lose the page: unmap it and give the page back. */
void vm_object_drop_page(struct vm_object *object, uint64_t index);

/* Visit the resident pages of [first, first + count). */
typedef void vm_page_visitor_t(struct vm_object *object, uint64_t index, void *context);
void vm_object_for_each_resident(struct vm_object *object, uint64_t first, uint64_t count,
                                 vm_page_visitor_t *visit, void *context);

/* The CPU has written a whole new page, which has this mode, through the direct map. */
static inline void vm_object_settle_page(paddr_t page, enum mmu_memory memory)
{
    /*
     * The direct map shows every page as cacheable, and its lines may be dirty: written back
     * later, they would overwrite what was stored past the cache (Arm ARM, "Mismatched memory
     * attributes").
     */
    if (memory != MMU_NORMAL) {
        cache_clean_invalidate(phys_to_virt(page), PAGE_SIZE);
    }
}

/* As vm_object_blocks_access, for each fault. */
static inline bool vm_object_is_blocked(const struct vm_object *object)
{
    return object->purge == VM_PURGE_VOLATILE && object->order.fault;
}

/* vm_purge.c: an object that is dying leaves its queue. */
void vm_purge_forget(struct vm_object *object);

#endif
