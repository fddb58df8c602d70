/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exclusion. A lock is an object beside what it guards, taken at the public door of
 * that and nowhere deeper; code that must find it held says so in its comment.
 *
 * A struct lock keeps other CPUs and interrupt handlers out, for a few hundred
 * instructions. There is one CPU, so it is the mask of interrupts and costs what that
 * costs: lock_take is irq_mask. Any context; whoever holds it must not sleep, call
 * back, or touch memory that may be absent.
 *
 * A struct mutex keeps other threads out for as long as a preparation takes, page
 * faults and all. Thread context only. There are no threads yet, so all that can be
 * wrong is to take one twice, or in a handler that interrupted its owner.
 *
 * Order: a lock may be taken only while all that are held stand before it in
 * enum lock_rank. Debug builds check that, and end the image with the names of both.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "kernel/irq.h"

/* Outermost first. Locks of one rank are never taken together, but where it says so. */
enum lock_rank {
    /* Mutexes. */
    LOCK_RANK_OBJECT,  /* slow work of one object; together: the owner's before the owned one's */
    LOCK_RANK_MAPPING, /* all mappings of all descriptors */

    /* Locks. */
    LOCK_RANK_DEVICE, /* a driver's device and its rings; together: in the order of completions */
    LOCK_RANK_VALUE,  /* a pointer, a list or a tree; only the heap is called under it */
    LOCK_RANK_TIMER,  /* the deadlines */
    LOCK_RANK_LINE,   /* who shares an interrupt line */
    LOCK_RANK_IRQ,    /* the interrupt handlers */
    LOCK_RANK_ITS,    /* commands about messages */
    LOCK_RANK_PAGE,   /* the page allocator: everybody may need a page */
};

/*
 * What both kinds are known by, in debug builds: others would only clear it over and over.
 * Zeroed: of the first rank, without a name.
 */
#ifdef DEBUG
struct lock_identity {
    const char *name;
    enum lock_rank rank;
    unsigned depth;              /* times held */
    struct lock_identity *outer; /* taken before it and still held */
};

/* What a lock begins with: its name, for debug builds, and its rank. */
#define LOCK_INITIAL(called, ranked)                                                               \
    {                                                                                              \
        .identity = {.name = (called), .rank = (ranked) }                                          \
    }
#else
struct lock_identity {
    char unused; /* ISO C has no empty structures */
};
#define LOCK_INITIAL(called, ranked)                                                               \
    {                                                                                              \
        .identity = { 0 }                                                                          \
    }
#endif

/* Debug builds only. Take: panics when it breaks the order, or is held and may not be again. */
#ifdef DEBUG
void lock_order_take(struct lock_identity *identity, bool again);
void lock_order_release(struct lock_identity *identity);
#else
static inline void lock_order_take(struct lock_identity *identity, bool again)
{
    (void)identity;
    (void)again;
}
static inline void lock_order_release(struct lock_identity *identity)
{
    (void)identity;
}
#endif

/* A lock that masks interrupts: for handlers too, and for a few instructions. */
struct lock {
    struct lock_identity identity;
};

/* What lock_take answers and lock_release takes. */
typedef irq_state_t lock_state_t;

/* Take, and what lock_release must be given. Taking a lock that is held is fatal. */
static inline lock_state_t lock_take(struct lock *lock)
{
    const lock_state_t before = irq_mask();

    lock_order_take(&lock->identity, false);
    return before;
}

/* Let go of it, and interrupts are as they were. */
static inline void lock_release(struct lock *lock, lock_state_t before)
{
    lock_order_release(&lock->identity);
    irq_restore(before);
}

/* The same for a lock whose holder may take it again: by a callback made under it. */
static inline lock_state_t lock_take_again(struct lock *lock)
{
    const lock_state_t before = irq_mask();

    lock_order_take(&lock->identity, true);
    return before;
}

/* The same where interrupts are masked already, in a handler: it costs nothing today. */
static inline void lock_take_masked(struct lock *lock)
{
    lock_order_take(&lock->identity, false);
}

/* Let go of what lock_take_masked has taken. */
static inline void lock_release_masked(struct lock *lock)
{
    lock_order_release(&lock->identity);
}

/* A lock of threads, which may be held for long. */
struct mutex {
    struct lock_identity identity;
    unsigned depth; /* of a recursive one; 0 or 1 of another */
};

/* The ends of those below. */
__attribute__((noreturn)) void mutex_is_held(void);
__attribute__((noreturn)) void mutex_in_handler(void);
__attribute__((noreturn)) void mutex_is_free(void);

/* Fatal, in every build: it is held already. */
static inline void mutex_take(struct mutex *mutex)
{
    /* There is no other thread that could release it: waiting would be for ever, so it is a bug. */
    if (mutex->depth != 0) {
        mutex_is_held();
    }
    lock_order_take(&mutex->identity, false);
    mutex->depth = 1;
}

/* Fatal, in every build: it is not held, or more than once. */
static inline void mutex_release(struct mutex *mutex)
{
    if (mutex->depth != 1) {
        mutex_is_free();
    }
    mutex->depth = 0;
    lock_order_release(&mutex->identity);
}

/* The same, but whoever holds it may take it again. Fatal in an interrupt handler. */
static inline void mutex_take_again(struct mutex *mutex)
{
    /* A handler would walk in where the thread that it interrupts is halfway. */
    if (irq_in_handler()) {
        mutex_in_handler();
    }
    lock_order_take(&mutex->identity, true);
    mutex->depth++;
}

/* Let go of it once. */
static inline void mutex_release_again(struct mutex *mutex)
{
    if (mutex->depth == 0) {
        mutex_is_free();
    }
    mutex->depth--;
    lock_order_release(&mutex->identity);
}

/*
 * For fault_expect, which abandons whatever the faulting code had taken: the innermost
 * lock held, and letting go of those taken since then. Nothing in release builds.
 */
#ifdef DEBUG
struct lock_identity *lock_innermost(void);
void lock_rewind(struct lock_identity *innermost);
#else
static inline struct lock_identity *lock_innermost(void)
{
    return NULL;
}
static inline void lock_rewind(struct lock_identity *innermost)
{
    (void)innermost;
}
#endif

#endif
