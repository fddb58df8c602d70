/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform's recording, what commands do of which it keeps: like platform_lock.h a header
 * that a platform writes itself, so that a site costs a load and a branch while nothing is
 * recorded. This one is for the kernel next door (kernel/trace.h); the one that embeddings get
 * (embed/port) records nothing.
 */
#ifndef DESCRIPTORS_PLATFORM_TRACE_H
#define DESCRIPTORS_PLATFORM_TRACE_H

#include "kernel/trace.h"

/* PLATFORM_TRACE(dma_end, command, bytes, status); one of the kinds of kernel/trace.h. Any context.
 */
#define PLATFORM_TRACE(kind, first, second, third) trace_##kind((vaddr_t)(first), (second), (third))

/* Is anything recorded now? Any context. */
static inline bool platform_is_tracing(void)
{
    return trace_is_on();
}

#endif
