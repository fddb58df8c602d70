/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The address kinds and the page size. Freestanding: every floor includes it,
 * and so do host builds of the descriptors.
 *
 * A physical address is a one-member struct, so that it travels in a register
 * but cannot be mixed up with a CPU virtual address, a device (I/O) address or
 * an offset in a descriptor: those mistakes do not compile.
 */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(PAGE_SHIFT) && PAGE_SHIFT != 12
#error "PAGE_SHIFT is 12 here: pages have 4096 bytes"
#endif
#undef PAGE_SHIFT
#undef PAGE_SIZE
#undef PAGE_MASK

/* The one size of pages that there is; whoever else has defined them. */
#define PAGE_SHIFT 12
#define PAGE_SIZE  ((uint64_t)1 << PAGE_SHIFT) /* bytes */
#define PAGE_MASK  (PAGE_SIZE - 1)

/* CPU physical address, bytes. */
typedef struct {
    uint64_t value;
} paddr_t;

/* CPU virtual address, bytes, in whichever address space the context names. */
typedef uintptr_t vaddr_t;

/*
 * What a device puts on its bus to reach memory, bytes: the physical address where
 * nothing translates in between, an I/O address of that device's own where an IOMMU does.
 */
typedef struct {
    uint64_t value;
} ioaddr_t;

static inline ioaddr_t ioaddr(uint64_t value)
{
    const ioaddr_t address = {value};

    return address;
}

static inline paddr_t paddr(uint64_t value)
{
    const paddr_t address = {value};

    return address;
}

/*
 * Bytes at consecutive addresses: an entry of a list, in which it begins where the entry before it
 * ends.
 */
struct memory_run {
    uint64_t address; /* of its first byte */
    uint64_t end;     /* offset in the list of the byte behind its last one */
};

/* Such a list: no run goes on where the one before it ends. */
struct memory_runs {
    struct memory_run *list;
    size_t count;
    size_t capacity;  /* runs that there is room for */
    uint64_t length;  /* bytes in all runs: the last one's end */
    uint64_t longest; /* bytes of the longest run */

    /* Of what is pinned (vm_map_wire_runs). */
    uint64_t highest; /* address behind its last byte */
    bool registers;   /* some of it is no RAM, and has no pins */

    struct memory_run single; /* room for one, for whoever keeps a list */
};

/* The address so many bytes further. */
static inline paddr_t paddr_add(paddr_t base, uint64_t bytes)
{
    return paddr(base.value + bytes);
}

/* One bit, and no other. */
static inline bool is_power_of_two(uint64_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

#endif
