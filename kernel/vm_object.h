/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects: what a range of an address space shows.
 *
 * An anonymous object owns pages that appear when they are first touched, filled
 * with zeros. A copy of it shares them until either side writes (copy-on-write).
 * A physical object is a window on given addresses: a device, or RAM that
 * somebody else owns.
 *
 * Two rules keep DMA honest. A pinned page is never moved, reclaimed or freed.
 * And a pinned page is never shared between objects: pinning breaks the sharing
 * first, and a copy of an object gets its own copies of pinned pages.
 *
 * Thread context; the structures are not for interrupt handlers.
 */
#ifndef KERNEL_VM_OBJECT_H
#define KERNEL_VM_OBJECT_H

#include "kernel/kern_return.h"
#include "kernel/mmu.h"
#include "kernel/types.h"

struct task;
struct vm_object;
struct vm_entry;

/* A new anonymous object of so many pages, all absent, with one reference. KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_object_create(uint64_t pages, struct vm_object **object);

/* How all pages of an object are to lie in RAM. */
struct vm_object_layout {
    uint64_t alignment; /* bytes, a power of two: of the first page, or of every page by itself */
    uint64_t highest;   /* highest address of a last byte; 0: no limit */
    bool contiguous;    /* one run */
};

/*
 * Supply all pages of a new anonymous object at once, zeroed, and for good: until the
 * object goes nobody takes, moves or shares them. KERN_RESOURCE_SHORTAGE: not to be
 * had; the object is good for release only.
 */
kern_return_t vm_object_populate(struct vm_object *object, const struct vm_object_layout *layout);

/*
 * A window on physical memory, page-aligned. The pages are not owned: they are
 * neither allocated nor freed, and they cannot be copied lazily.
 */
kern_return_t vm_object_create_physical(paddr_t base, uint64_t pages, struct vm_object **object);

/* One reference more. */
void vm_object_retain(struct vm_object *object);

/* The last release frees the pages; those still pinned are freed by their last unpin. */
void vm_object_release(struct vm_object *object);

/* Its size in pages; and what kind it is: a window of physical memory, or pages of its own. */
uint64_t vm_object_pages(const struct vm_object *object);
bool vm_object_is_physical(const struct vm_object *object);

/* Why a page is asked for. */
#define VM_SUPPLY_WRITE    0x1u /* it will be written: break the sharing, count it as dirty */
#define VM_SUPPLY_UNSHARED 0x2u /* it will be pinned: break the sharing */
#define VM_SUPPLY_RESIDENT 0x4u /* only if it is resident: else KERN_MEMORY_ERROR */

/*
 * The page at an index, made resident if needed. KERN_MEMORY_ERROR: no page
 * could be had. KERN_INVALID_ADDRESS: index outside the object.
 */
kern_return_t vm_object_supply(struct vm_object *object, uint64_t index, unsigned flags,
                               paddr_t *page);

/* The page at an index if it is resident now; no side effect. */
bool vm_object_resident(const struct vm_object *object, uint64_t index, paddr_t *page);

/* True if a store to the resident page at this index needs no supply first. */
bool vm_object_writable_in_place(const struct vm_object *object, uint64_t index);

/*
 * A new object that shows pages [first, first + count) as they are now: shared
 * until written, copied at once where pinned or physical. KERN_NOT_SUPPORTED: one of
 * them is no RAM, or none that the kernel reaches.
 */
kern_return_t vm_object_copy(struct vm_object *object, uint64_t first, uint64_t count,
                             struct vm_object **copy);

/* Pages of [first, first + count) that are resident, and of them changed since supplied. */
void vm_object_count(struct vm_object *object, uint64_t first, uint64_t count, uint64_t *resident,
                     uint64_t *dirty);

/* A device or a copy wrote the page without going through a fault. */
void vm_object_mark_dirty(struct vm_object *object, uint64_t index);

/*
 * The cache mode of the object's pages: every range that shows it follows, and the
 * CPU's cache holds nothing of them any more. The direct map cannot follow.
 */
void vm_object_set_memory(struct vm_object *object, enum mmu_memory memory);

/* The mode of those pages that have none of their own; of one page. */
enum mmu_memory vm_object_get_memory(const struct vm_object *object);
enum mmu_memory vm_object_page_memory(const struct vm_object *object, uint64_t index);

/*
 * The same for some pages of an anonymous object, which keep it when they go and come back.
 * What that needs is had before, or not: KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_object_reserve_modes(struct vm_object *object, uint64_t first, uint64_t count);
void vm_object_set_pages_memory(struct vm_object *object, uint64_t first, uint64_t count,
                                enum mmu_memory memory);

/*
 * The same for RAM in a window: whoever owns the pages, and every window on them, follows.
 * Registers have no mode of their own.
 */
void vm_window_set_memory(struct vm_object *window, uint64_t first, uint64_t count,
                          enum mmu_memory memory);

/* The mode that a page of RAM has now, whoever looks at it. */
enum mmu_memory vm_page_memory(paddr_t page);

/* Purgeable memory: contents that may be taken away. */
enum vm_purge_state {
    VM_PURGE_NONVOLATILE = 0,
    VM_PURGE_VOLATILE,
    VM_PURGE_EMPTY,
};

/* Which volatile objects go first. */
struct vm_purge_order {
    uint8_t group; /* 0 goes first ... 7 last */
    bool obsolete; /* before every group */
    bool lifo;     /* last made volatile goes first inside its group */
    bool fault;    /* accesses while volatile fault */
};

/* Let its pages be taken away when it says so (vm_object_set_purge); and ask. */
void vm_object_allow_purge(struct vm_object *object);
bool vm_object_is_purgeable(const struct vm_object *object);

/*
 * Change the state (not called with VM_PURGE_EMPTY unless pages shall go now) and
 * tell the former one. Volatile on an empty object leaves it empty.
 * KERN_INVALID_ARGUMENT: not created purgeable.
 */
kern_return_t vm_object_set_purge(struct vm_object *object, enum vm_purge_state state,
                                  struct vm_purge_order order, enum vm_purge_state *former);
enum vm_purge_state vm_object_get_purge(const struct vm_object *object);

/* Accesses through mappings must fault because the object is volatile with the fault option. */
bool vm_object_blocks_access(const struct vm_object *object);

/* Take volatile objects' pages until `pages` were freed; returns how many were. */
uint64_t vm_purge_reclaim(uint64_t pages);

/*
 * Accounting: who pays for the object, until it dies; no reference is taken. tag 0 = nobody's
 * ledger.
 */
void vm_object_set_owner(struct vm_object *object, struct task *owner, int tag, bool footprint);
struct task *vm_object_owner(const struct vm_object *object, int *tag, bool *footprint);

/* What all objects have. */
struct vm_object_stats {
    uint64_t objects; /* live */
    uint64_t pages;   /* resident in anonymous objects; a shared page counts in each */
};

/* Now. Any context. */
void vm_object_get_stats(struct vm_object_stats *stats);

#endif
