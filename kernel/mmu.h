/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables: 4 KiB granule, 48-bit addresses. The kernel's space is the upper
 * half (TTBR1), an address space for the lower half (TTBR0) is a struct
 * mmu_space of its own.
 *
 * RAM has its place in the direct map (direct_map.h); MMU_KERNEL_VA_BASE up is for
 * mappings that need an address of their own.
 */
#ifndef KERNEL_MMU_H
#define KERNEL_MMU_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

/* Where ranges may lie: of the kernel's map, and of a task's. */
#define MMU_KERNEL_VA_BASE 0xffff800000000000UL
#define MMU_KERNEL_VA_END  0xffffc00000000000UL
#define MMU_KERNEL_MAP_END 0xffffbfffffe00000UL /* the last 2 MiB are for mmu_borrow_device */
#define MMU_USER_VA_BASE   0x0000000000001000UL /* page 0 is never mapped */
#define MMU_USER_VA_END    0x0001000000000000UL

/* Access bits. Write and execute together are refused (W^X). Read is implied. */
#define MMU_READ    0x1u
#define MMU_WRITE   0x2u
#define MMU_EXECUTE 0x4u
#define MMU_USER    0x8u /* reachable from EL0; only in a TTBR0 space */
/*
 * With MMU_WRITE: the CPU notes the first store to each page, and
 * mmu_page_is_dirty tells of it. Only where mmu_notes_stores().
 */
#define MMU_CLEAN 0x10u

/* Memory types, as MAIR indices (Arm ARM D8.6.4). */
enum mmu_memory {
    MMU_NORMAL = 0, /* write-back, inner shareable */
    MMU_WRITE_THROUGH,
    MMU_NONCACHED, /* Normal non-cacheable */
    MMU_DEVICE,    /* Device-nGnRnE */
    MMU_DEVICE_NGNRE,
    MMU_DEVICE_NGRE,
    MMU_DEVICE_GRE,
};

/* How a range may be used. */
struct mmu_attributes {
    unsigned access; /* MMU_READ | ... ; 0 keeps the range mapped in name only: any access faults */
    enum mmu_memory memory; /* device and non-cached memory is never executable */
};

struct mmu_space;

/* The kernel's own tables. */
extern struct mmu_space *const mmu_kernel;

/* A new, empty lower-half space. KERN_RESOURCE_SHORTAGE. Destroy unmaps what is left. */
kern_return_t mmu_space_create(struct mmu_space **space);
void mmu_space_destroy(struct mmu_space *space);
void mmu_space_activate(
    struct mmu_space *space); /* NULL: no lower half, every access there faults */

/*
 * All three take whole pages and either do everything or change nothing. Of the
 * kernel's half they work on [MMU_KERNEL_VA_BASE, MMU_KERNEL_VA_END) only: the
 * direct map is not theirs.
 * KERN_INVALID_ARGUMENT: misaligned, zero, wrapping, outside the space, bad attributes.
 * KERN_RESOURCE_SHORTAGE: no pages for tables; unmap and protect need some when
 *          they have to split a block.
 * map:     KERN_NO_SPACE if any page is already mapped. 2 MiB and 1 GiB blocks
 *          are used where they fit.
 * unmap, protect: KERN_INVALID_ADDRESS if any page is not mapped.
 */
kern_return_t mmu_map(struct mmu_space *space, vaddr_t va, paddr_t pa, uint64_t size,
                      struct mmu_attributes attributes);
kern_return_t mmu_unmap(struct mmu_space *space, vaddr_t va, uint64_t size);
kern_return_t mmu_protect(struct mmu_space *space, vaddr_t va, uint64_t size,
                          struct mmu_attributes attributes);

/*
 * Another memory type for what is mapped in a range of whole pages, where it is: an
 * interrupt handler never finds it missing. Holes are fine. KERN_RESOURCE_SHORTAGE: a block
 * reaches into the range and there is no page to split it; KERN_INVALID_ARGUMENT: outside
 * the space, or something there may not have this type. Nothing is changed then.
 */
kern_return_t mmu_set_memory(struct mmu_space *space, vaddr_t va, uint64_t size,
                             enum mmu_memory memory);

/* What the tables say of an address. */
struct mmu_translation {
    paddr_t pa;          /* of the byte asked for */
    uint64_t contiguous; /* bytes from there to the end of its page or block */
    struct mmu_attributes attributes;
};

/*
 * Where code at EL0 would find a byte of normal cached memory now, without a fault. False: it would
 * not, and vm_fault knows why. For copies that have nothing to supply.
 */
bool mmu_peek(const struct mmu_space *space, vaddr_t va, bool write, paddr_t *pa);

/*
 * How often TLBs had to forget something. While it stays, what was mapped is mapped: who keeps what
 * mmu_peek has answered compares.
 */
extern uint64_t mmu_flushes;

/* What the tables say of one address; false if it is not mapped. Any context. */
bool mmu_translate(struct mmu_space *space, vaddr_t va, struct mmu_translation *out);

/*
 * Map a device's registers (Device-nGnRnE, read and write) at their direct-map
 * address and return it; a range that is mapped already is returned as it is.
 * NULL for RAM, a wrapping range, or want of table pages. Never unmapped.
 */
volatile void *mmu_map_device(paddr_t pa, uint64_t size);

/*
 * The same for a handler, which may not allocate: one page of registers, at an address that
 * is good until the next call. NULL for RAM.
 */
volatile void *mmu_borrow_device(paddr_t pa);

/*
 * For memory whose page tables are only a cache of what its owner knows (vm_map.h):
 * take out what is mapped in a range of whole pages. Holes are fine; a block that
 * reaches into the range goes as a whole.
 */
void mmu_clear(struct mmu_space *space, vaddr_t va, uint64_t size);

/*
 * Let no block lie over this address, so that what is below it can be taken out alone. What is
 * mapped stays so. KERN_RESOURCE_SHORTAGE: no memory for a table.
 */
kern_return_t mmu_split(struct mmu_space *space, vaddr_t va);

/*
 * The same, and a call for each leaf that was mapped writable and has been written (see
 * MMU_CLEAN), before anything is flushed: it must not touch the range or its tables.
 */
typedef void mmu_written_t(vaddr_t va, void *context);
void mmu_clear_noting(struct mmu_space *space, vaddr_t va, uint64_t size, mmu_written_t *written,
                      void *context);

/* That of one page; true if it has been written. */
bool mmu_take_page(struct mmu_space *space, vaddr_t va);

/*
 * Both by one walk: show a page at va, whatever was there, as mmu_map shows it. Errors are
 * mmu_map's, but KERN_NO_SPACE; after KERN_RESOURCE_SHORTAGE there is nothing at va.
 */
kern_return_t mmu_show_page(struct mmu_space *space, vaddr_t va, paddr_t pa,
                            struct mmu_attributes attributes);
bool mmu_page_is_dirty(struct mmu_space *space, vaddr_t va);

/* This CPU can note stores (FEAT_HAFDBS). */
bool mmu_notes_stores(void);

/* What all tables take. */
struct mmu_stats {
    uint64_t tables;       /* page-table pages in use, boot tables not counted */
    uint64_t mapped_pages; /* leaf entries, in 4 KiB pages, without the direct map */
    uint64_t spaces;       /* live lower-half spaces */
};

/* Now. Any context. */
void mmu_get_stats(struct mmu_stats *stats);

/*
 * Print the live tables, one line a run of neighbours with equal attributes, at most
 * `lines`; then three dots say that there is more. Any context.
 */
void mmu_print(struct mmu_space *space, unsigned lines);

#endif
