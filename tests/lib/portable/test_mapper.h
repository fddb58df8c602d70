/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapper without hardware, for tests on the host and on the target: real tables, real
 * allocation, and a device that goes through them. Its I/O addresses differ from the physical
 * ones, so that whoever mixes them up is seen.
 */
#ifndef TESTS_LIB_PORTABLE_TEST_MAPPER_H
#define TESTS_LIB_PORTABLE_TEST_MAPPER_H

#include "descriptors/IOMapper_class.h"
#include "descriptors/IORangeAllocator.h"

#define TEST_MAPPER_BITS   32 /* of an I/O address */
#define TEST_MAPPER_SLOTS  512u
#define TEST_MAPPER_TABLES (1u << (TEST_MAPPER_BITS - PAGE_SHIFT - 9))

/* One page of I/O addresses. */
struct test_entry {
    uint64_t physical; /* page | access; 0: nothing is translated */
    uint64_t count;    /* pages of the allocation that begins here; 0: none does */
};

struct test_table {
    unsigned taken; /* entries that belong to allocations */
    struct test_entry entries[TEST_MAPPER_SLOTS];
};

struct test_mapper {
    IOMapper super;
    IORangeAllocator *space;
    uint64_t base;                                 /* page that the tables begin at */
    struct test_table *tables[TEST_MAPPER_TABLES]; /* NULL: no allocation has a page in it */
    uint64_t entries;                              /* that translate */
    uint64_t invalidations;                        /* of pages: what unmap waits for */
    IOReturn unmapAnswer; /* success, or kIOReturnTimeout for a unit that does not answer */
    uint32_t lastOptions;
    bool usedPageList; /* by the last mapping */
    bool refuses;      /* initHardware does */
    bool isShort;      /* a translation goes on for no byte */
    uint64_t pageSize;
};

/* A mapper whose addresses begin at this page, and end where the next 4 GiB do; +1. */
struct test_mapper *test_mapper_new(uint64_t firstPage);

/* What a device in front of it reads or writes, byte by byte; false: the access is blocked. */
bool test_mapper_read(struct test_mapper *self, uint64_t address, uint8_t *byte);
bool test_mapper_write(struct test_mapper *self, uint64_t address, uint8_t byte);

#endif
