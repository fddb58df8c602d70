/* SPDX-License-Identifier: BSD-2-Clause */
/* Host replacement of kernel/page/page_arch.h. */
#ifndef KERNEL_PAGE_ARCH_H
#define KERNEL_PAGE_ARCH_H

#include <string.h>

#include "kernel/types.h"

static inline void page_fill_zero(void *start, uint64_t size)
{
    memset(start, 0, size);
}

static inline void page_copy(void *to, const void *from)
{
    memcpy(to, from, PAGE_SIZE);
}

#endif
