/* SPDX-License-Identifier: BSD-2-Clause */
/* The one who is told of allocations. */
#include "kernel/allocation.h"

allocation_hook_t *allocation_hook;

void allocation_set_hook(allocation_hook_t *hook)
{
    allocation_hook = hook;
}
