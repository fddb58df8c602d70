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
 * The ring keeps TRACE_SIZE entries, or as many as trace_use has given it (the boot argument
 * trace.size=N), and counts what it has lost. `make TRACE=0` builds every site away.
 *
 * Entries are printed without their time: what an image says must not depend on the host's
 * speed, and their numbers already say what came before what. A timeline of them is made from
 * outside, of the memory that the image leaves (`make run REPORT=page.html`).
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

#define TRACE_SIZE     256 /* entries of the ring that is always there: 10 KiB; a power of two */
#define TRACE_SIZE_MAX 0x1000000u /* entries of any ring */

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
    KIND(dma_prepare, vaddr_t, command, uint64_t, offset, uint64_t, bytes)                         \
    KIND(dma_copy, vaddr_t, command, uint64_t, bytes, bool, towards)                               \
    KIND(dma_start, vaddr_t, command, uint64_t, bytes, unsigned, direction)                        \
    KIND(dma_lent, vaddr_t, command, vaddr_t, starter, unsigned, direction)                        \
    KIND(dma_limits, vaddr_t, command, uint64_t, highest, uint64_t, alignments)                    \
    KIND(dma_cuts, vaddr_t, command, uint64_t, longest, uint64_t, boundary)                        \
    KIND(dma_virtual, vaddr_t, command, uint64_t, offset, uint64_t, address)                       \
    KIND(dma_physical, vaddr_t, command, uint64_t, offset, uint64_t, address)                      \
    KIND(dma_bounce, vaddr_t, command, uint64_t, offset, uint64_t, address)                        \
    KIND(dma_mapped, vaddr_t, command, uint64_t, address, uint64_t, bytes)                         \
    KIND(dma_issue, vaddr_t, command, uint64_t, offset, vaddr_t, device)                           \
    KIND(dma_slot, vaddr_t, command, uint64_t, address, uint64_t, slot)                            \
    KIND(doorbell, vaddr_t, device, uint64_t, value, unsigned, queue)                              \
    KIND(dma_notify, vaddr_t, command, uint64_t, bytes, int32_t, status)                           \
    KIND(dma_end, vaddr_t, command, uint64_t, bytes, int32_t, status)                              \
    KIND(dma_complete, vaddr_t, command, uint64_t, bytes, int32_t, status)                         \
    KIND(smmu_fault, unsigned, stream, uint64_t, address, unsigned, type)                          \
    KIND(vdma_answer, vaddr_t, command, unsigned, code, unsigned, rule)

#define TRACE_ENUM(name, t1, n1, t2, n2, t3, n3) TRACE_##name, /* for the enumeration alone */

/* One number for each kind. */
enum trace_kind {
    TRACE_KINDS(TRACE_ENUM)
#undef TRACE_ENUM
    TRACE_KIND_COUNT
};

/*
 * Of requests (dma_...), that is, commands and what a driver takes as one:
 *
 * Behind dma_start, and behind dma_lent for the other side of a copy, stands what is known of
 * where the bytes are. virtual, physical and bounce are lists by the offset in the descriptor:
 * each address goes for the bytes from there to the next one's offset; a bounce address of 0 says
 * that they are at home again. alignments: log2 of four of the limits, one a byte, the lowest
 * first: of the first segment, of others, of lengths, of ends. Then the driver says of each list
 * where it begins (dma_issue) and what is in it: slot is TRACE_SLOT of where an entry stands.
 */
#define TRACE_LISTS(LIST)                                                                          \
    LIST(ring)                                                                                     \
    LIST(table)                                                                                    \
    LIST(block)                                                                                    \
    LIST(PRP)                                                                                      \
    LIST(SGL)                                                                                      \
    LIST(list)                                                                                     \
    LIST(ADMA2)                                                                                    \
    LIST(SDMA)                                                                                     \
    LIST(PRDT)                                                                                     \
    LIST(registers)
#define TRACE_LIST_NAME(name) TRACE_LIST_##name, /* for the enumeration alone */

/* What an entry stands in. */
enum trace_list {
    TRACE_LISTS(TRACE_LIST_NAME)
#undef TRACE_LIST_NAME
    TRACE_LIST_COUNT
};

#define TRACE_SLOT_WRITES 0x1u /* the device writes there; else it reads */
#define TRACE_SLOT_OWN    0x2u /* memory of the driver's own, a header or a status: no data */

/* Length in bytes, index, enum trace_list and TRACE_SLOT_... of an entry, as one value. */
#define TRACE_SLOT(length, index, list, flags)                                                     \
    ((uint64_t)(uint32_t)(length) | (uint64_t)(uint16_t)(index) << 32 |                            \
     (uint64_t)(uint8_t)(list) << 48 | (uint64_t)(uint8_t)(flags) << 56)

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

/* Is anything recorded now? For sites that would have to find out first what they record. */
static inline bool trace_is_on(void)
{
    return __builtin_expect(trace_on, false);
}

/* Bytes that a ring of so many entries takes. */
size_t trace_bytes(uint64_t entries);

/*
 * From now on keep entries in this memory, as large as trace_bytes says and 16-byte aligned; what
 * is there goes along. It is the ring's for good. False: not a power of two from TRACE_SIZE to
 * TRACE_SIZE_MAX, or less than the ring has. Not while a handler may record.
 */
bool trace_use(void *memory, uint64_t entries);

uint64_t trace_size(void); /* entries of the ring */

/* The last TRACE_SIZE entries to the console, oldest first; nothing if there never was one. */
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

static inline bool trace_is_on(void)
{
    return false;
}

static inline size_t trace_bytes(uint64_t entries)
{
    (void)entries;
    return 0;
}

static inline bool trace_use(void *memory, uint64_t entries)
{
    (void)memory, (void)entries;
    return false;
}

static inline uint64_t trace_size(void)
{
    return 0;
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
