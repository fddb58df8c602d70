/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who wants to know of memory that is given out with nothing in it: by page.h, but where zeros
 * were asked for, and by heap.h, malloc's blocks among them. For a watch that tells what nobody has
 * written. In debug builds; others tell nobody.
 */
#ifndef KERNEL_ALLOCATION_H
#define KERNEL_ALLOCATION_H

#include "kernel/types.h"

/*
 * Called for each allocation, before its caller has it, in his context, whatever that is: it must
 * not allocate. The bytes mean nothing, and may be changed.
 */
typedef void allocation_hook_t(void *memory, size_t bytes);

/* One for all; NULL: nobody, as at first. Any context. */
void allocation_set_hook(allocation_hook_t *hook);

/* Private. */
extern allocation_hook_t *allocation_hook;

/* For allocators: these bytes have been given out, and there is nothing in them. */
static inline void allocation_tell(void *memory, size_t bytes)
{
#ifdef DEBUG
    if (allocation_hook != NULL) {
        allocation_hook(memory, bytes);
    }
#else
    (void)memory, (void)bytes;
#endif
}

#endif
