/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform's locks: the one header of the seam that a platform writes itself, so
 * that its own locks need no wrapping and cost what they cost. This one is for the
 * kernel next door (and its host builds); an embedding elsewhere puts a header of this
 * name in front on the include path, with the same functions and two macros.
 *
 * The classes take them in this order: one object's platform_lock (a composite's
 * before its parts'), the platform_recursive_lock, then a platform_short_lock.
 */
#ifndef DESCRIPTORS_PLATFORM_LOCK_H
#define DESCRIPTORS_PLATFORM_LOCK_H

#include "kernel/lock.h"

/*
 * A lock of thread context, held across a preparation. Zeroed is free. Taking it
 * again while it is held is a bug of the classes and fatal.
 */
struct platform_lock {
    struct mutex mutex;
};

/* Take it; whoever has it must not take it again. Thread context. */
static inline void platform_lock(struct platform_lock *lock)
{
    mutex_take(&lock->mutex);
}

/* Let go of it. */
static inline void platform_unlock(struct platform_lock *lock)
{
    mutex_release(&lock->mutex);
}

/* The same, but whoever holds it may take it again. */
struct platform_recursive_lock {
    struct mutex mutex;
};

/* Initialiser of a recursive lock; the name is for debug builds. */
#define PLATFORM_RECURSIVE_LOCK(name)                                                              \
    {                                                                                              \
        LOCK_INITIAL(name, LOCK_RANK_MAPPING)                                                      \
    }

/* Take it, once more if one has it. Thread context. */
static inline void platform_recursive_lock(struct platform_recursive_lock *lock)
{
    mutex_take_again(&lock->mutex);
}

/* Let go once; as often as it was taken. */
static inline void platform_recursive_unlock(struct platform_recursive_lock *lock)
{
    mutex_release_again(&lock->mutex);
}

/* How often its holder, who asks, has taken it. */
static inline unsigned platform_recursive_depth(const struct platform_recursive_lock *lock)
{
    return lock->mutex.depth;
}

/*
 * A lock for a few instructions, under which nothing but the heap is called: it keeps
 * interrupt handlers out as well. Any context.
 */
struct platform_short_lock {
    struct lock lock;
};

/* Initialiser of a short lock. */
#define PLATFORM_SHORT_LOCK(name)                                                                  \
    {                                                                                              \
        LOCK_INITIAL(name, LOCK_RANK_VALUE)                                                        \
    }

/* What a short lock has to restore. */
typedef lock_state_t platform_short_state;

/* Take it, for a few instructions. Any context; handlers wait outside. */
static inline platform_short_state platform_short_lock(struct platform_short_lock *lock)
{
    return lock_take(&lock->lock);
}

/* Let go of it, with what taking it has answered. */
static inline void platform_short_unlock(struct platform_short_lock *lock,
                                         platform_short_state before)
{
    lock_release(&lock->lock, before);
}

#endif
