/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform's recording as libdmakit-descriptors.a sees it: there is none, and no site is
 * left of it. Whoever builds the classes from source may put a header of this name in front.
 */
#ifndef DESCRIPTORS_PLATFORM_TRACE_H
#define DESCRIPTORS_PLATFORM_TRACE_H

#include <stdbool.h>

/* A kind of event of kernel/trace.h, with its three values. Any context. */
#define PLATFORM_TRACE(kind, first, second, third) ((void)(first), (void)(second), (void)(third))

/* Is anything recorded now? Any context. */
static inline bool platform_is_tracing(void)
{
    return false;
}

#endif
