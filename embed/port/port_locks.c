/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The locks of a platform with one thread and no interrupt handlers. Weak: a port that
 * has more defines all of a kind.
 */
#include "descriptors/platform_lock.h"

#define WEAK __attribute__((weak))

WEAK void platform_lock(struct platform_lock *lock)
{
    (void)lock;
}

WEAK void platform_unlock(struct platform_lock *lock)
{
    (void)lock;
}

WEAK void platform_recursive_lock(struct platform_recursive_lock *lock)
{
    lock->depth++;
}

WEAK void platform_recursive_unlock(struct platform_recursive_lock *lock)
{
    lock->depth--;
}

WEAK unsigned platform_recursive_depth(const struct platform_recursive_lock *lock)
{
    return lock->depth;
}

WEAK platform_short_state platform_short_lock(struct platform_short_lock *lock)
{
    (void)lock;
    return 0;
}

WEAK void platform_short_unlock(struct platform_short_lock *lock, platform_short_state before)
{
    (void)lock;
    (void)before;
}
