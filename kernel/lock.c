/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of locks, watched by debug builds, and the mutexes of a kernel without threads. */
#include "kernel/lock.h"

#include "kernel/panic.h"

#ifdef DEBUG

/*
 * One list for thread and handlers: these take locks only above what they have interrupted, and are
 * gone before it goes on.
 */
static struct lock_identity *innermost; /* of the locks held, linked by `outer` */

static const char *name_of(const struct lock_identity *identity)
{
    return identity->name != NULL ? identity->name : "an object";
}

static bool may_follow(enum lock_rank rank, enum lock_rank held)
{
    /*
     * Two of these two kinds may be held at once: their order among themselves is stated with their
     * ranks, and cannot be told from a rank.
     */
    if (rank == held) {
        return rank == LOCK_RANK_OBJECT || rank == LOCK_RANK_DEVICE;
    }
    return rank > held;
}

void lock_order_take(struct lock_identity *identity, bool again)
{
    const irq_state_t before = irq_mask(); /* a handler between the two stores would be linked in */

    if (identity->depth != 0 && !again) {
        panic("lock: the lock of %s is taken while it is held", name_of(identity));
    }
    /* Taken again it keeps its place: it was in order the first time. */
    if (identity->depth++ == 0) {
        if (innermost != NULL && !may_follow(identity->rank, innermost->rank)) {
            panic("lock: the lock of %s is taken under the lock of %s", name_of(identity),
                  name_of(innermost));
        }
        identity->outer = innermost;
        innermost = identity;
    }
    irq_restore(before);
}

void lock_order_release(struct lock_identity *identity)
{
    struct lock_identity **link = &innermost;
    const irq_state_t before = irq_mask();

    if (identity->depth == 0) {
        panic("lock: the lock of %s is released, but nobody holds it", name_of(identity));
    }
    if (--identity->depth == 0) {
        /* Mostly it is the first; an outer one may go before an inner one. */
        while (*link != identity) {
            link = &(*link)->outer;
        }
        *link = identity->outer;
    }
    irq_restore(before);
}

struct lock_identity *lock_innermost(void)
{
    return innermost;
}

void lock_rewind(struct lock_identity *outer)
{
    while (innermost != outer) {
        /*
         * Nobody else will release them: the functions that took them have been left by the fault.
         */
        innermost->depth = 0;
        innermost = innermost->outer;
    }
}

#endif

void mutex_is_held(void)
{
    panic("lock: a mutex is taken while it is held");
}

void mutex_is_free(void)
{
    panic("lock: a mutex is released that is not held once");
}

void mutex_in_handler(void)
{
    panic("lock: a mutex is taken in an interrupt handler");
}
