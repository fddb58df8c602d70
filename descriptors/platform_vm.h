/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform seam's virtual memory: memory objects, the ranges of address spaces
 * that show them, and the tasks that own the address spaces. See platform.h.
 *
 * A memory object is a row of pages with a reference count: anonymous memory, a
 * window on given physical addresses, or a copy of either. Indices and counts are
 * pages; addresses of ranges are page-aligned bytes. Thread context. Whatever
 * fails has changed nothing; KERN_RESOURCE_SHORTAGE is possible everywhere.
 */
#ifndef DESCRIPTORS_PLATFORM_VM_H
#define DESCRIPTORS_PLATFORM_VM_H

#include "descriptors/platform.h"

struct vm_object;

/* Pages that appear when first touched, zeroed. Purgeable: platform_object_set_purge works. */
kern_return_t platform_object_create(uint64_t pages, bool purgeable, struct vm_object **object);

/* How all pages of an object are to lie in RAM. */
struct platform_layout {
    uint64_t alignment; /* bytes, a power of two: of the physical address of the first page */
    uint64_t highest;   /* highest address that a byte may have; 0: no limit */
    bool contiguous;    /* else they may lie anywhere, and alignment is at most a page */
};

/*
 * Supply all pages of a new object at once, and for good: they are never absent or
 * exchanged for others until the object goes. After a failure it is good for release only.
 */
kern_return_t platform_object_populate(struct vm_object *object,
                                       const struct platform_layout *layout);

/* Given addresses, RAM or registers, page-aligned. The pages belong to somebody else. */
kern_return_t platform_object_create_window(paddr_t base, uint64_t pages,
                                            struct vm_object **object);

/* What physical addresses are. */
struct platform_extent {
    uint64_t length; /* bytes from the first on that are alike, up to what was asked */
    bool device;     /* registers, or nothing */
    bool writable;   /* a window may be written: not the kernel's own code and constants */
};

/* Of the bytes from any address on, at least one; they do not wrap. */
void platform_extent(paddr_t start, uint64_t length, struct platform_extent *extent);

/*
 * What [first, first + count) holds now, in an object of its own; pages may be shared
 * until written. KERN_NOT_SUPPORTED: registers.
 */
kern_return_t platform_object_copy(struct vm_object *object, uint64_t first, uint64_t count,
                                   struct vm_object **copy);

/* One reference more, or less: the last one frees its pages. */
void platform_object_retain(struct vm_object *object);
void platform_object_release(struct vm_object *object);

/* Its size, in pages. */
uint64_t platform_object_pages(const struct vm_object *object);
/* Is this page registers, not RAM? */
bool platform_object_is_device(const struct vm_object *object, uint64_t index);

/* Do page `first` of one object and page `second` of another always hold the same? */
bool platform_object_is_same(const struct vm_object *one, uint64_t first,
                             const struct vm_object *other, uint64_t second);

/* As platform_wire, for pages of an object; platform_unwire gives them back. */
kern_return_t platform_object_wire(struct vm_object *object, uint64_t first, uint64_t count,
                                   unsigned flags, paddr_t *pages);

/*
 * As platform_wire_runs, for `size` bytes of an object from one on, at least one. With more room,
 * it is asked for those that where->length does not count yet.
 */
kern_return_t platform_object_wire_run(struct vm_object *object, uint64_t at, uint64_t size,
                                       unsigned flags, struct memory_runs *where);

/* Pages that are resident, and of them changed since they were supplied; not for registers. */
void platform_object_count(struct vm_object *object, uint64_t first, uint64_t count,
                           uint64_t *resident, uint64_t *dirty);

/* Contents that may be taken away while memory is short. */
enum platform_purge_state {
    PLATFORM_PURGE_NONVOLATILE = 0,
    PLATFORM_PURGE_VOLATILE,
    PLATFORM_PURGE_EMPTY, /* they were; set: take them now */
};

/* What is to become of an object's pages when memory is short. */
struct platform_purge {
    enum platform_purge_state state;
    uint8_t group; /* volatile: 0 goes first ... 7 last */
    bool obsolete; /* before every group */
    bool lifo;     /* inside a group, the last one made volatile goes first */
    bool fault;    /* accesses while volatile fault */
};

/* Ask, and say. False: its pages cannot be taken away. */
bool platform_object_get_purge(const struct vm_object *object, enum platform_purge_state *state);
void platform_object_set_purge(struct vm_object *object, const struct platform_purge *purge);

/* Who pays for the object's bytes, under which ledger tag; TASK_NULL and 0: nobody. */
struct platform_owner {
    task_t task;
    int tag;
    bool footprint; /* counts in the task's footprint */
};

/* Ask whose account its pages are on, and put them on another one's. */
void platform_object_get_owner(const struct vm_object *object, struct platform_owner *owner);
void platform_object_set_owner(struct vm_object *object, const struct platform_owner *owner);

/* What an address space shows at some address. */
struct platform_region {
    struct vm_object *object; /* a reference for the caller */
    uint64_t offset;          /* of the byte asked for in the object, bytes */
    uint64_t size;            /* bytes from there that are shown in a row, up to what was asked */
    bool writable;
};

/*
 * What the first of `size` bytes from any address on, and as many as belong to it and are
 * alike, are.
 * KERN_INVALID_ADDRESS: nothing is there; KERN_PROTECTION_FAILURE: no access.
 */
kern_return_t platform_map_lookup(vm_map_t map, uint64_t address, uint64_t size,
                                  struct platform_region *region);

/* KERN_SUCCESS if every byte of an interval can be read, and written if asked; else why not. */
kern_return_t platform_map_check(vm_map_t map, uint64_t address, uint64_t size, bool write);

/* Where a view is to be entered. */
enum platform_placement {
    PLATFORM_ANYWHERE,  /* *address is an answer */
    PLATFORM_FIXED,     /* at *address; KERN_NO_SPACE if something is there */
    PLATFORM_OVERWRITE, /* at *address, in place of what is there */
};

/* A part of an object as it shall be seen. */
struct platform_view {
    struct vm_object *object; /* NULL: no access */
    uint64_t first, pages;
    uint64_t alignment; /* of the address, bytes, if it may be anywhere; 0: a page */
    bool writable;
    bool eager; /* no access through it shall fault */
};

/*
 * Show a view in an address space, RAM in the cache mode that its pages have, registers
 * uncached. KERN_NO_SPACE, KERN_INVALID_ARGUMENT (misaligned),
 * KERN_INVALID_ADDRESS (outside the address space), KERN_MEMORY_ERROR (no page for an eager one).
 */
kern_return_t platform_map_show(vm_map_t map, uint64_t *address, enum platform_placement placement,
                                const struct platform_view *view);
kern_return_t platform_map_remove(vm_map_t map, uint64_t address, uint64_t size);

/*
 * Two intervals that do not overlap exchange what they show, and whether accesses wait.
 * KERN_INVALID_ADDRESS: outside the address space.
 */
kern_return_t platform_map_exchange(vm_map_t map, uint64_t one, uint64_t other, uint64_t size);

/*
 * Make accesses wait, or let them go on: what was eager is so again. Where nobody can wait,
 * they are fatal.
 */
kern_return_t platform_map_block(vm_map_t map, uint64_t address, uint64_t size, bool block);

/* See that no access faults: KERN_MEMORY_ERROR, KERN_INVALID_ADDRESS. Blocked ranges are left. */
kern_return_t platform_map_fill(vm_map_t map, uint64_t address, uint64_t size);

/*
 * Give what an interval shows a cache mode, not the default. It becomes that of the pages:
 * whoever else shows them follows. Of registers, it is this view's. Page-table entries change
 * where they are. No effect where nothing is shown; it cannot fail.
 */
void platform_map_adopt_cache(vm_map_t map, uint64_t address, uint64_t size, unsigned cache);

/* Is all of an interval shown in this mode now, not the default? */
bool platform_map_has_cache(vm_map_t map, uint64_t address, uint64_t size, unsigned cache);

/*
 * The same for exactly the pages of the interval, the default being what RAM had before anybody
 * asked. KERN_INVALID_ADDRESS: a hole; KERN_PROTECTION_FAILURE: a reservation, or memory that the
 * kernel always sees, whose mode is fixed; KERN_RESOURCE_SHORTAGE. Nothing is changed then.
 */
kern_return_t platform_map_set_cache(vm_map_t map, uint64_t address, uint64_t size, unsigned cache);

/* Registers that are shown in one mode are shown in another, and RAM as it is. Errors as above. */
kern_return_t platform_map_replace_cache(vm_map_t map, uint64_t address, uint64_t size,
                                         unsigned from, unsigned to);

/* An address space outlives its task until the last reference goes. */
void platform_map_retain(vm_map_t map);
void platform_map_release(vm_map_t map);

/* Told once when a task dies, before its memory goes. The structure is the caller's, zeroed. */
struct platform_task_watch {
    void (*died)(void *context);
    void *context;
    void *link[4]; /* the platform's */
};

/*
 * Be told once, when the task dies; or no more. Several threads may call these at one time, where
 * the platform has several: as its heap, this is whole then.
 */
void platform_task_watch(task_t task, struct platform_task_watch *watch);
void platform_task_unwatch(struct platform_task_watch *watch); /* not watching: no effect */

#endif
