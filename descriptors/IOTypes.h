/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Base types, page arithmetic and tasks of the descriptor classes. Freestanding.
 */
#ifndef DESCRIPTORS_IOTYPES_H
#define DESCRIPTORS_IOTYPES_H

#include "kernel/types.h"

/* Integers by IOKit's names. */
typedef uint8_t UInt8;
typedef uint16_t UInt16;
typedef uint32_t UInt32;
typedef uint64_t UInt64;
typedef int8_t SInt8;
typedef int16_t SInt16;
typedef int32_t SInt32;
typedef int64_t SInt64;
typedef unsigned int UInt;
typedef int SInt;

typedef uint64_t addr64_t; /* physical or I/O address */
typedef uint32_t ppnum_t;  /* physical page number */

/* Options, counts and lengths. Lengths are bytes. */
typedef uint32_t IOOptionBits;
typedef IOOptionBits IODirection; /* kIODirection..., IOMemoryDescriptor.h */
typedef uint64_t IOByteCount;
typedef uint32_t IOByteCount32;
typedef uint64_t IOByteCount64;
typedef uint32_t IOItemCount;
typedef uint32_t IOCacheMode;
typedef uint32_t IOVersion;
typedef int32_t IOFixed;          /* 16.16 */
typedef unsigned int IOAlignment; /* exponent of a power of two */

/* Addresses, bytes: physical ones, and those of an address space. */
typedef uint64_t IOPhysicalAddress;
typedef uint32_t IOPhysicalAddress32;
typedef uint64_t IOPhysicalAddress64;
typedef uint64_t IOPhysicalLength; /* bytes */
typedef uint32_t IOPhysicalLength32;
typedef uint64_t IOPhysicalLength64;
typedef uint64_t IOVirtualAddress;
typedef uint64_t IOLogicalAddress;

/* The same by Mach's names. */
typedef uint64_t mach_vm_address_t;
typedef uint64_t mach_vm_size_t;
typedef uint64_t vm_size_t;
typedef uint64_t vm_offset_t;
typedef uint16_t vm_tag_t; /* accounting tag */

/* One range of memory: virtual in some task, or physical. Zero length is legal. */
typedef struct {
    IOVirtualAddress address;
    IOByteCount length; /* bytes */
} IOVirtualRange;

/* A range of whatever kind of address the descriptor's type says. */
typedef IOVirtualRange IOAddressRange;

/* A range of physical addresses. */
typedef struct {
    IOPhysicalAddress address;
    IOByteCount length;
} IOPhysicalRange;

/* What a device is told: one piece of memory at consecutive addresses. */
typedef struct {
    IOPhysicalAddress location;
    IOPhysicalLength length;
} IOPhysicalSegment;

/* DriverKit's pair of an address and a length, bytes. */
typedef struct {
    uint64_t address;
    uint64_t length;
} IOAddressSegment;

/* A number and its name; a table of them ends with a NULL name. */
typedef struct {
    int value;
    const char *name;
} IONamedValue;

/*
 * Pages, by IOKit's names; they are names like any other, so that a member or a
 * variable of yours may be called page_size. A macro of yours stays what it is. The
 * constants are ints.
 */
#ifndef page_shift
enum {
    page_shift = PAGE_SHIFT
};
#endif
#ifndef page_size
enum {
    page_size = PAGE_SIZE /* bytes */
};
#endif
#ifndef page_mask
enum {
    page_mask = PAGE_MASK
};
#endif

/* The page that an address lies in: its first byte. */
static inline uint64_t trunc_page(uint64_t x)
{
    return x & ~PAGE_MASK;
}

/* Wraps to 0 near 2^64: what a caller gives goes through round_page_overflow. */
static inline uint64_t round_page(uint64_t x)
{
    return (x + PAGE_MASK) & ~PAGE_MASK;
}

/* Round up to whole pages; true if that wrapped past 2^64. */
static inline bool round_page_overflow(uint64_t x, uint64_t *rounded)
{
    *rounded = round_page(x);
    return *rounded < x;
}

/* Address to page number, and back. */
static inline uint64_t atop(uint64_t address)
{
    return address >> PAGE_SHIFT;
}

/* A page number as the address of its first byte. */
static inline uint64_t ptoa(uint64_t page)
{
    return page << PAGE_SHIFT;
}

/* Access to memory; the values are those of kIODirection... on purpose. */
#define VM_PROT_NONE    0x0u
#define VM_PROT_READ    0x1u
#define VM_PROT_WRITE   0x2u
#define VM_PROT_EXECUTE 0x4u

/* Tasks: execution domains with one address space each. */
typedef struct task *task_t;
typedef struct vm_map *vm_map_t;

/* No task: physical memory is nobody's. */
#define TASK_NULL ((task_t)NULL)

extern struct task *const kernel_task;  /* the kernel itself */
extern struct vm_map *const kernel_map; /* its address space */

/* The task on whose behalf the CPU runs: kernel_task, unless a user task is being served. */
task_t current_task(void);

/* The address space of a task; NULL for TASK_NULL and for a dead task. Any context. */
vm_map_t get_task_map(task_t task);

#endif
