/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform's locks as libdmakit-descriptors.a sees them: storage that is zero to
 * begin with, and functions of the port's. Without such functions (libdmakit-port.a)
 * the locks exclude nobody, which is right for one thread without interrupt handlers.
 *
 * Whoever builds the classes from source may instead put a header of this name in
 * front, with types of their own and inline functions.
 *
 * The classes take them in this order: one object's platform_lock (a composite's
 * before its parts'), the platform_recursive_lock, then a platform_short_lock.
 */
#ifndef DESCRIPTORS_PLATFORM_LOCK_H
#define DESCRIPTORS_PLATFORM_LOCK_H

#include <stdint.h>

/* The port's: a pointer to a lock, or the lock itself. Nobody tells it that the lock goes. */
#define PLATFORM_LOCK_WORDS 5

/* Thread context, held across a preparation. Taking it again is a bug of the classes. */
struct platform_lock {
    uint64_t words[PLATFORM_LOCK_WORDS];
};

void platform_lock(struct platform_lock *lock);
void platform_unlock(struct platform_lock *lock);

/* The same, but whoever holds it may take it again. */
struct platform_recursive_lock {
    uint64_t words[PLATFORM_LOCK_WORDS];
    unsigned depth; /* times held; the port counts */
};

#define PLATFORM_RECURSIVE_LOCK(name)                                                              \
    {                                                                                              \
        {0}, 0                                                                                     \
    }

void platform_recursive_lock(struct platform_recursive_lock *lock);
void platform_recursive_unlock(struct platform_recursive_lock *lock);

/* How often its holder, who asks, has taken it. */
unsigned platform_recursive_depth(const struct platform_recursive_lock *lock);

/* For a few instructions, and against interrupt handlers as well. Any context. */
struct platform_short_lock {
    uint64_t words[PLATFORM_LOCK_WORDS];
};

#define PLATFORM_SHORT_LOCK(name)                                                                  \
    {                                                                                              \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/* What was before, for unlock: an interrupt mask, say. */
typedef uint64_t platform_short_state;

platform_short_state platform_short_lock(struct platform_short_lock *lock);
void platform_short_unlock(struct platform_short_lock *lock, platform_short_state before);

#endif
