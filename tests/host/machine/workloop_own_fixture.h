/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of loops: an action whose answer tells its arguments, and sources of somebody's own. */
#ifndef TESTS_HOST_MACHINE_WORKLOOP_OWN_FIXTURE_H
#define TESTS_HOST_MACHINE_WORKLOOP_OWN_FIXTURE_H

#include "tests/host/machine/workloop_fixture.h"

#define ARGUMENTS (void *)1, (void *)2, (void *)3, (void *)4 /* whose sum is 4321 */

static inline IOReturn sum(OSObject *target, void *a, void *b, void *c, void *d)
{
    assert_true(target == NULL || target == source_owner);
    assert_true(IOWorkLoop_inGate(loop));
    return (IOReturn)((uintptr_t)a + 10 * (uintptr_t)b + 100 * (uintptr_t)c + 1000 * (uintptr_t)d);
}

static inline void plain_action(OSObject *its_owner, ...)
{
    (void)its_owner;
}

static uint32_t plains; /* that are alive */
static unsigned quieted, asked, left;

/* It has more as long as something is left, of which it tells nobody else. */
static inline bool plain_check(IOEventSource *self)
{
    (void)self;
    asked++;
    return left != 0 && left-- != 0;
}

#endif
