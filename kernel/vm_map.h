/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces: which range shows which part of which memory object, with what
 * protection and cache mode. The page tables (mmu.h) are filled from here, by
 * faults or eagerly, and may be dropped and refilled at any time.
 *
 * The kernel's map covers MMU_KERNEL_VA_BASE to MMU_KERNEL_MAP_END. The direct
 * map of all RAM is not in it: addresses there are always resident and mapped.
 *
 * Addresses and sizes are bytes and whole pages. Every operation does all or
 * nothing. Lookup, placement and removal cost O(log n) in the number of ranges.
 * Thread context.
 */
#ifndef KERNEL_VM_MAP_H
#define KERNEL_VM_MAP_H

#include "kernel/kern_return.h"
#include "kernel/mmu.h"
#include "kernel/vm_object.h"

struct task;
struct vm_map;

/* The kernel's address space. */
extern struct vm_map *const kernel_map;

/* A new, empty lower-half map with one reference, for task_create. */
kern_return_t vm_map_create(struct vm_map **map);

/*
 * An address space outlives its task until the last reference goes; but when the
 * task dies all its ranges go at once (vm_map_clear).
 */
void vm_map_retain(struct vm_map *map);
void vm_map_release(struct vm_map *map);
void vm_map_clear(struct vm_map *map);

/*
 * Give an empty map what each range's inheritance says of another's: the same
 * memory, a copy-on-write image of it as it is now (what cannot be copied, such as
 * registers, is the same memory), or nothing. Guards and access
 * are inherited too; blocking is not. KERN_RESOURCE_SHORTAGE: it is empty again.
 */
kern_return_t vm_map_inherit(struct vm_map *from, struct vm_map *to);

/* Its page tables. */
struct mmu_space *vm_map_space(struct vm_map *map);

/* True if [start, start + size) does not wrap and lies where this map may have ranges. */
bool vm_map_is_legal(const struct vm_map *map, vaddr_t start, uint64_t size);

/* What a copy of the address space would do with a range. */
enum vm_inheritance {
    VM_INHERIT_SHARE,
    VM_INHERIT_COPY,
    VM_INHERIT_NONE
};

/* What a range shows, and how. */
struct vm_range {
    struct vm_object *object; /* NULL: a guard or reservation, every access faults */
    uint64_t offset;          /* of the range's first byte in the object */
    unsigned access;          /* MMU_READ | MMU_WRITE | MMU_EXECUTE; 0 = no access */
    unsigned max_access;      /* what vm_map_protect may raise it to */
    enum mmu_memory memory;   /* cache mode; of RAM never a device's */
    bool as_pages;            /* RAM in a window is shown as its pages are, whatever memory says */
    enum vm_inheritance inheritance;
};

#define VM_ENTER_ANYWHERE  0x1u /* pick the lowest free address; else *address is exact */
#define VM_ENTER_OVERWRITE 0x2u /* replace what is there; else it must be free */
#define VM_ENTER_EAGER     0x4u /* no access shall fault: fill the page tables, and keep them so */

/*
 * Show part of an object; the map takes its own reference to it. alignment: bytes,
 * for VM_ENTER_ANYWHERE. KERN_NO_SPACE, KERN_INVALID_ARGUMENT, KERN_INVALID_ADDRESS (outside the
 * map or the object), KERN_PROTECTION_FAILURE (stores, and a window shows what the kernel may
 * not write itself), KERN_RESOURCE_SHORTAGE, KERN_MEMORY_ERROR (eager supply failed).
 */
kern_return_t vm_map_enter(struct vm_map *map, vaddr_t *address, uint64_t size, uint64_t alignment,
                           const struct vm_range *range, unsigned flags);

/* Take away every range, and part of one, inside the interval. Holes are fine. */
kern_return_t vm_map_remove(struct vm_map *map, vaddr_t start, uint64_t size);

/*
 * Change the access of whole intervals. KERN_INVALID_ADDRESS: a hole.
 * KERN_PROTECTION_FAILURE: more than a range's max_access, any to a reservation, or writing where a
 * window shows what the kernel may not write.
 */
kern_return_t vm_map_protect(struct vm_map *map, vaddr_t start, uint64_t size, unsigned access);

/*
 * Make start and end borders between ranges. What is shown stays the same.
 * KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_map_split(struct vm_map *map, vaddr_t start, vaddr_t end);

/*
 * Change the cache mode of whole intervals; page-table entries change where they are. For
 * registers: the mode of RAM is the pages' (vm_object.h). KERN_INVALID_ADDRESS: a hole;
 * KERN_RESOURCE_SHORTAGE: its ends are no borders, and cannot become so.
 */
kern_return_t vm_map_set_memory(struct vm_map *map, vaddr_t start, uint64_t size,
                                enum mmu_memory memory);

/*
 * Each of two intervals that do not overlap shows from now on what the other
 * showed, holes included. KERN_INVALID_ADDRESS: outside the map.
 */
kern_return_t vm_map_exchange(struct vm_map *map, vaddr_t one, vaddr_t other, uint64_t size);

/* Drop the page-table entries of an interval; accesses fault and refill them. */
void vm_map_drop_tables(struct vm_map *map, vaddr_t start, uint64_t size);

/*
 * Fill them now, read-only where a store must still be noticed; ranges that lie wholly in
 * the interval are eager from then on. Errors as vm_fault.
 */
kern_return_t vm_map_fill_tables(struct vm_map *map, vaddr_t start, uint64_t size);

/* Make accesses to an interval fault with KERN_ABORTED (blocked), or end that. */
kern_return_t vm_map_block(struct vm_map *map, vaddr_t start, uint64_t size, bool block);

/*
 * What is at an address: the range, adjusted to start there, and its remaining
 * bytes. The object is not retained. KERN_INVALID_ADDRESS: nothing is.
 */
kern_return_t vm_map_lookup(struct vm_map *map, vaddr_t address, struct vm_range *range,
                            uint64_t *size);

/*
 * Resolve one access (MMU_READ, MMU_WRITE or MMU_EXECUTE) as a CPU would make it.
 * KERN_INVALID_ADDRESS: nothing there; KERN_PROTECTION_FAILURE: not allowed;
 * KERN_MEMORY_ERROR: no page; KERN_ABORTED: the range is blocked.
 */
kern_return_t vm_fault(struct vm_map *map, vaddr_t address, unsigned access);

/* How pages are to be pinned. */
#define VM_WIRE_WRITE    0x1u
#define VM_WIRE_UNMARKED 0x2u /* not dirty yet: the caller says so of those that were written */
#define VM_WIRE_NO_FAULT 0x4u /* KERN_MEMORY_ERROR instead of making a page resident */

/*
 * Pin the pages behind bytes of a map, at least one, from byte where->length of them on: resident,
 * unshared, marked dirty when they will be written. Each page is pinned once for each run that
 * touches it. KERN_NO_SPACE: there is no room for more runs; with more, the same call goes on.
 * KERN_INVALID_ADDRESS (nothing is there), KERN_PROTECTION_FAILURE, KERN_MEMORY_ERROR (no page),
 * KERN_FAILURE (pins that cannot be counted). What the list has by then stays pinned, whatever
 * the answer: vm_unwire_runs gives it back.
 */
kern_return_t vm_map_wire_runs(struct vm_map *map, const struct memory_runs *bytes, unsigned flags,
                               struct memory_runs *where);

/* The same for `size` bytes of an object from one on, at least one, whoever shows them. */
kern_return_t vm_object_wire_run(struct vm_object *object, uint64_t at, uint64_t size,
                                 unsigned flags, struct memory_runs *where);

/* Give back the pins of runs; `written`: they have been, as vm_mark_written says it. */
void vm_unwire_runs(const struct memory_runs *runs, bool written);

/* The same by the page, all or nothing: `count` from `start` on, and their physical addresses. */
kern_return_t vm_map_wire(struct vm_map *map, vaddr_t start, uint64_t count, unsigned flags,
                          paddr_t *pages);
kern_return_t vm_object_wire(struct vm_object *object, uint64_t first, uint64_t count,
                             unsigned flags, paddr_t *pages);
void vm_unwire(const paddr_t *pages, uint64_t count);

/*
 * Pinned pages, wherever they are from, have been written without a fault: they are dirty,
 * and where they are executed, their new content will be. Any context.
 */
void vm_mark_written(paddr_t page, uint64_t count);

/*
 * Copy between a map and kernel memory; survives bad addresses (errors as vm_fault, with what was
 * copied before in *done, which may be NULL). What is written is what is executed where another
 * range shows the page so; who stores through a mapping of its own calls cache_make_executable
 * (cache.h).
 */
kern_return_t vm_map_read(struct vm_map *map, vaddr_t from, void *to, uint64_t size,
                          uint64_t *done);
kern_return_t vm_map_write(struct vm_map *map, vaddr_t to, const void *from, uint64_t size,
                           uint64_t *done);

/* What all maps have. */
struct vm_map_stats {
    uint64_t maps;    /* live lower-half maps */
    uint64_t entries; /* ranges in all maps */
};

/* Now. Any context. */
void vm_map_get_stats(struct vm_map_stats *stats);

#endif
