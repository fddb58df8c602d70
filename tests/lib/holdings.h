/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is held of everything that can leak, counted by kind, by page owner and by
 * class: a test that ends with more or less than it began with has lost something,
 * and is told what. On the host and on the target.
 */
#ifndef TESTS_LIB_HOLDINGS_H
#define TESTS_LIB_HOLDINGS_H

#include "kernel/page.h"

#define HOLDINGS_CLASSES 32 /* room for one counter a class */

struct holdings {
    uint64_t pages; /* taken, without the heap's: it keeps empty slabs, and its blocks count */
    uint64_t of_owner[PAGE_OWNER_COUNT]; /* the same, by owner */
    uint64_t pins;
    uint64_t heap_blocks, heap_bytes;
    uint64_t tables, mapped, spaces; /* page tables, pages they show, address spaces' tables */
    uint64_t objects;                /* memory objects */
    uint64_t maps, entries;          /* address spaces, and ranges in them */
    uint64_t tasks;
    uint64_t references; /* memory references of descriptors */
    uint64_t instances;  /* live OSObjects of any class */
    uint64_t of_class[HOLDINGS_CLASSES];
};

/* Count everything. Allocates nothing. */
struct holdings holdings_now(void);

/* One kind, class or owner of which there is not as much as there was. */
typedef void holdings_report(const char *what, uint64_t was, uint64_t is);

/* Report all that differs; true if nothing does. */
bool holdings_are_same(const struct holdings *was, const struct holdings *is,
                       holdings_report *report);

#endif
