/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last events before something went wrong: a ring of typed entries that a panic
 * prints, oldest first. It is off until trace_start or the boot argument trace=on.
 *
 *     trace_fault(address, access, status);     at a site
 *
 * Off, a site is a load and a branch (the bench row "trace-off"); on, it is a call
 * that takes a slot by one atomic addition. So a handler may interrupt a site, and
 * does no harm: each has a slot of its own, and an entry that is not finished yet is
 * not printed. Any context, any exception level 1 code; no locks, no memory.
 *
 * The ring keeps TRACE_SIZE entries and counts what it has lost. `make TRACE=0`
 * builds every site away.
 *
 * Entries are printed without their time: what an image says must not depend on the host's
 * speed, and their numbers already say what came before what. A timeline of them is made from
 * outside, of the memory that the image leaves (`make run REPORT=page.html`).
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

#define TRACE_SIZE 256 /* entries: 10 KiB; a power of two */

/*
 * Every kind of event, with the type and the name of its three values. Adding a line
 * here makes the function trace_KIND and teaches the printer.
 */
#define TRACE_KINDS(KIND)                                                                          \
    KIND(fault, vaddr_t, address, unsigned, access, kern_return_t, status)                         \
    KIND(enter, vaddr_t, start, uint64_t, size, unsigned, access)                                  \
    KIND(remove, vaddr_t, start, uint64_t, size, kern_return_t, status)                            \
    KIND(wire, vaddr_t, start, uint64_t, pages, kern_return_t, status)                             \
    KIND(interrupt, unsigned, intid, vaddr_t, handler, uint64_t, calls)                            \
    KIND(user_stop, vaddr_t, pc, unsigned, why, kern_return_t, status)                             \
    KIND(task, vaddr_t, task, bool, alive, uint64_t, tasks)                                        \
    KIND(page_failure, uint64_t, pages, unsigned, owner, uint64_t, highest)                        \
    KIND(reclaim, uint64_t, wanted, uint64_t, freed, bool, more)                                   \
    KIND(dma_start, vaddr_t, command, uint64_t, bytes, unsigned, direction)                        \
    KIND(dma_end, vaddr_t, command, uint64_t, bytes, int32_t, status)

#define TRACE_ENUM(name, t1, n1, t2, n2, t3, n3) TRACE_##name, /* for the enumeration alone */

/* One number for each kind. */
enum trace_kind {
    TRACE_KINDS(TRACE_ENUM)
#undef TRACE_ENUM
    TRACE_KIND_COUNT
};

#ifndef DMAKIT_TRACE
#define DMAKIT_TRACE 1
#endif

#if DMAKIT_TRACE

extern bool trace_on; /* read at every site, so a variable and no call */

/* For the sites' functions only. */
void trace_record(enum trace_kind kind, uint64_t first, uint64_t second, uint64_t third)
    __attribute__((cold, noinline));

void trace_start(void); /* forget what was there, and go on from now */
void trace_stop(void);  /* what is there stays, and is printed by a panic */

/* All entries to the console, oldest first; nothing if there never was one. */
void trace_print(void);

uint64_t trace_count(void); /* entries since the start */
uint64_t trace_lost(void);  /* of them, those that the ring has no more */

/* A site: what the functions trace_KIND are made of. */
#define TRACE_SITE(kind, first, second, third)                                                     \
    (__builtin_expect(trace_on, false) ? trace_record(kind, first, second, third) : (void)0)

#else

#define TRACE_SITE(kind, first, second, third) ((void)(first), (void)(second), (void)(third))

static inline void trace_start(void)
{
}

static inline void trace_stop(void)
{
}

static inline void trace_print(void)
{
}

static inline uint64_t trace_count(void)
{
    return 0;
}

static inline uint64_t trace_lost(void)
{
    return 0;
}

#endif

/* The function of a kind. */
#define TRACE_FUNCTION(name, t1, n1, t2, n2, t3, n3)                                               \
    static inline void trace_##name(t1 n1, t2 n2, t3 n3)                                           \
    {                                                                                              \
        TRACE_SITE(TRACE_##name, (uint64_t)n1, (uint64_t)n2, (uint64_t)n3);                        \
    }
TRACE_KINDS(TRACE_FUNCTION)
#undef TRACE_FUNCTION

#endif
