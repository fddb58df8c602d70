/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold inside the classes, checked in debug builds (DEBUG=1) only: a state
 * that no caller can bring about, whatever it passes. What a caller can get wrong has
 * a status instead.
 */
#ifndef DESCRIPTORS_IOASSERT_H
#define DESCRIPTORS_IOASSERT_H

#include "descriptors/platform.h"

#ifdef DEBUG
#define IOASSERT(condition)                                                                        \
    ((condition) ? (void)0                                                                         \
                 : platform_fatal("%s:%d: IOASSERT(%s) failed", __FILE__, __LINE__, #condition))
#else
#define IOASSERT(condition) ((void)sizeof(condition))
#endif

/*
 * The most elements that one call of a checker at a public door looks at, where a
 * list can have any number of them: a debug build is slower by a factor, and not by
 * the size of what it works on.
 */
#define IOCHECK_MOST 64

#endif
