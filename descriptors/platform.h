/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform seam: everything that the descriptor classes ask of the kernel
 * below them. Whoever embeds the classes elsewhere implements this header; here
 * there are two, platform_kernel.c and the simulated memory of the host tests.
 *
 * Sizes are bytes and counts are pages. Functions are for thread context unless
 * they say otherwise. kernel_task, kernel_map, get_task_map and current_task
 * (IOTypes.h) belong to the seam too; platform_vm.h is its virtual memory,
 * platform_lock.h its locks.
 */
#ifndef DESCRIPTORS_PLATFORM_H
#define DESCRIPTORS_PLATFORM_H

#include "descriptors/IOTypes.h"
#include "descriptors/platform_lock.h"
#include "kernel/kern_return.h"

struct memory_runs;

/* Heap, for the objects themselves: zeroed and 16-byte aligned, or NULL. */
void *platform_alloc(size_t size);
void platform_free(void *block); /* NULL: no effect */

/* Kernel memory that is resident and mapped from now until it is given back. */
struct platform_memory_request {
    uint64_t size;      /* bytes, not zero */
    uint64_t alignment; /* a power of two; of the virtual and of the physical address */
    uint64_t highest;   /* highest address its last byte may have; 0: no limit */
    bool contiguous;    /* physically */
    bool dirty;         /* it may hold anything; else it is zeroed */
};

/*
 * KERN_RESOURCE_SHORTAGE. Memory of a page and more shares no page with anything
 * else. Less than a page cannot have page alignment or a limit (KERN_INVALID_ARGUMENT).
 */
kern_return_t platform_memory_alloc(const struct platform_memory_request *request, void **memory);
void platform_memory_free(void *memory, uint64_t size);

/* Where such memory begins physically. */
paddr_t platform_memory_physical(const void *memory);

/*
 * Kernel memory that is absent until it is touched, and zeros then. Size: bytes, at
 * least one; alignment: a power of two, a page at least. KERN_NO_SPACE: no room in the
 * address space; KERN_RESOURCE_SHORTAGE. Pages that are pinned outlive the free.
 */
kern_return_t platform_pageable_alloc(uint64_t size, uint64_t alignment, void **memory);
void platform_pageable_free(void *memory, uint64_t size);

/* True if one of the pages that this kernel memory touches is pinned. */
bool platform_memory_is_pinned(const void *memory, uint64_t size);

/* RAM of the machine, and whether little of it is left. */
uint64_t platform_ram_pages(void);
uint64_t platform_last_page(void); /* highest page number of RAM */
bool platform_memory_is_short(void);

/* True if a byte of [start, start + length) is RAM of the machine; it does not wrap. */
bool platform_is_ram(uint64_t start, uint64_t length);

/* True if [start, start + size) lies where this address space may have memory. */
bool platform_map_is_legal(vm_map_t map, uint64_t start, uint64_t size);

#define PLATFORM_WIRE_WRITE    0x1u /* they will be written, else only read */
#define PLATFORM_WIRE_UNMARKED 0x2u /* not dirty until platform_mark_written says so */
#define PLATFORM_WIRE_NO_FAULT 0x4u /* KERN_MEMORY_ERROR rather than making a page resident */

/*
 * Pin the pages behind some runs of an address space, from byte where->length of them on, and add
 * to `where` where the bytes are. Each page is pinned once for each run of `where` that touches it;
 * where->highest is set. KERN_NO_SPACE: there is no room for more runs; with more, the same call
 * goes on. KERN_INVALID_ADDRESS: a page is not mapped; KERN_PROTECTION_FAILURE; KERN_MEMORY_ERROR:
 * a page could not be had. What the list has then is pinned all the same: platform_unwire_runs
 * gives it back, and leaves the list as it is.
 *
 * A port need not have these two: the classes do it page by page, by platform_wire. (Nor
 * platform_object_wire_run.)
 */
kern_return_t platform_wire_runs(vm_map_t map, const struct memory_runs *bytes, unsigned flags,
                                 struct memory_runs *where);

/* written: they have been, by physical address, as platform_mark_written says it. */
void platform_unwire_runs(const struct memory_runs *where, bool written);

/*
 * Pin `count` pages of an address space from `start` (page-aligned) on, and store
 * their physical addresses. All or nothing. Errors as above.
 */
kern_return_t platform_wire(vm_map_t map, uint64_t start, uint64_t count, unsigned flags,
                            paddr_t *pages);
void platform_unwire(const paddr_t *pages, uint64_t count);

/*
 * Keep the page at an address from all use from now on, whoever holds it gives it back: a
 * device that did not stop may go on writing there. Counted. False: it is no RAM.
 */
bool platform_quarantine(paddr_t page);

/*
 * Pinned pages, in part, have been written by physical address: they are dirty then. Pages
 * whose stores nobody counts are passed over. Any context.
 */
void platform_mark_written(paddr_t start, uint64_t length);

/* How the CPU reaches physical memory. */
struct platform_window {
    volatile void *address;
    uint64_t length; /* bytes that may be used there, up to what was asked for */
    bool device;     /* registers: only naturally aligned accesses of 1, 2, 4 or 8 bytes */
};

/*
 * A window on [start, start + length) or on its beginning. KERN_INVALID_ADDRESS if
 * the CPU cannot reach the first byte, KERN_PROTECTION_FAILURE if it shall write there
 * and must not. Any context for RAM.
 */
kern_return_t platform_window(paddr_t start, uint64_t length, bool write,
                              struct platform_window *window);

/*
 * Where memory behind a kernel address that can be read lies; *length, not 0, becomes how
 * many bytes from there on are answered for. False: it is no RAM, or nobody knows. Any context.
 */
bool platform_locate(const volatile void *address, paddr_t *physical, uint64_t *length);

/*
 * The same by kernel address, for any of them: where the CPU reaches its memory now,
 * perhaps by another address. address is NULL where pages are absent, and so in no
 * cache. KERN_INVALID_ADDRESS: nothing is there, or a handler asks for what is in no
 * page table. Any context.
 */
kern_return_t platform_kernel_window(uint64_t address, uint64_t length,
                                     struct platform_window *window);

/*
 * Call touch(argument), which accesses a device; false if that faulted because
 * nothing answered. What touch keeps in registers is lost then. Any context.
 */
bool platform_try(void (*touch)(void *argument), void *argument);

/*
 * One access of 1, 2, 4 or 8 bytes, naturally aligned, to what may be a register: by one
 * plain load or store, which is what a hypervisor can emulate. Any context.
 */
uint64_t platform_register_read(volatile const void *at, unsigned size);
void platform_register_write(volatile void *at, unsigned size, uint64_t value);

/* Data cache lines of kernel memory, to the point of coherency, then a barrier. Any context. */
void platform_cache_clean(volatile const void *address, uint64_t length);
void platform_cache_clean_invalidate(volatile const void *address, uint64_t length);

/*
 * All accesses so far, of the CPU and (after a completion was seen) of a device, before all
 * later ones. Any context.
 */
void platform_barrier(void);

/* True in an interrupt handler, where nothing may allocate or wait. */
bool platform_in_interrupt(void);

/*
 * For debug builds. The addresses of the calls that led here, innermost first, without those of
 * the classes: how many, `most` at the most; 0: nobody knows. And is a byte of [start, start +
 * length) on a stack, whose memory is another's when a function returns? Any context.
 */
unsigned platform_callers(uint64_t *callers, unsigned most);
bool platform_is_stack(paddr_t start, uint64_t length);

/* One 32-bit value for thread context and one for interrupt handlers. Any context. */
void platform_set_last_error(int32_t error);
int32_t platform_get_last_error(void);

/* A line on the log, given without its newline. Any context. */
void platform_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A bug that would corrupt memory if it went on: say so and stop. */
__attribute__((noreturn)) void platform_fatal(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
