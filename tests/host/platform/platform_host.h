/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform seam over simulated memory, for host tests of the descriptors.
 *
 * "Physical memory" is one file mapping; "kernel virtual memory" is the same file
 * mapped again, page by page, in another order. So aliases are real, pages that
 * are neighbours in one space are strangers in the other, and a wrong address
 * faults. Physical addresses begin at HOST_RAM_BASE.
 */
#ifndef TESTS_HOST_PLATFORM_HOST_H
#define TESTS_HOST_PLATFORM_HOST_H

#include <setjmp.h>

#include "descriptors/platform.h"

#define HOST_RAM_PAGES 16384ull
#define HOST_RAM_BASE  0xfff00000ull /* so that 4 GiB falls into it */
#define HOST_RAM_END   (HOST_RAM_BASE + HOST_RAM_PAGES * PAGE_SIZE)

/* Physical pages taken from the free ones: scattered, or one run of them. Aborts without. */
void host_take_pages(uint64_t *numbers, uint64_t count, bool contiguous);
void host_return_pages(const uint64_t *numbers, uint64_t count);

/*
 * Map pages (by number; may repeat) at consecutive virtual addresses, readable and
 * writable, with an unmapped page before and after. The pages stay the caller's.
 */
void *host_map_pages(const uint64_t *numbers, uint64_t count);
void host_unmap_pages(void *base);

/* Scattered memory in one step: taken and mapped; and back. */
void *host_scatter(uint64_t count);
void host_unscatter(void *base);

/* Physical address behind a mapped virtual one. */
uint64_t host_physical(const void *address);

/* The same bytes in the linear view of physical memory; NULL outside it. */
uint8_t *host_ram(uint64_t physical);

/* What the address space says of one mapped page. */
enum host_page_kind {
    HOST_PAGE_NORMAL,
    HOST_PAGE_READ_ONLY,
    HOST_PAGE_ABSENT,
    HOST_PAGE_UNMAPPED
};
void host_set_page(void *page, enum host_page_kind kind);

/* Registers of a device: `size` bytes at a physical address outside RAM. NULL: none. */
void host_set_device(uint64_t physical, void *registers, uint64_t size);

/* The nth allocation from now on fails (1: the next); 0: none does. */
void host_fail_allocation(unsigned nth);

/* Memory that platform_memory_is_short asks about. */
void host_set_memory_short(bool is_short);

/* Data cache bytes that were cleaned, and cleaned and invalidated, so far. */
extern uint64_t host_cleaned, host_flushed;

/* Set by a test that plays an interrupt handler. */
extern bool host_in_interrupt;

/* Lines on the log so far; quiet: they are counted but not shown. */
extern unsigned host_log_lines;
extern bool host_log_quiet;

/* All that is held; a test ends with what it began with. */
struct host_holdings {
    uint64_t blocks;  /* of the heap */
    uint64_t pages;   /* taken */
    uint64_t pins;    /* sum over all pages */
    uint64_t regions; /* of virtual memory */
    uint64_t objects; /* live instances */
};
struct host_holdings host_held(void);
uint32_t host_pins(uint64_t physical); /* of one page */

/* Where platform_fatal goes instead of aborting, once; see HOST_EXPECT_FATAL. */
extern jmp_buf *host_fatal;

/* True if running the statement ends in platform_fatal. */
#define HOST_EXPECT_FATAL(statement)                                                               \
    ({                                                                                             \
        jmp_buf back_;                                                                             \
        volatile bool died_ = true;                                                                \
        host_fatal = &back_;                                                                       \
        if (setjmp(back_) == 0) {                                                                  \
            statement;                                                                             \
            died_ = false;                                                                         \
        }                                                                                          \
        host_fatal = NULL;                                                                         \
        died_;                                                                                     \
    })

/* Repeatable random numbers. */
struct host_random {
    uint64_t state;
};
uint64_t host_random(struct host_random *random);
uint64_t host_random_below(struct host_random *random, uint64_t limit); /* limit > 0 */

#endif
