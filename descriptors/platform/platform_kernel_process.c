/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam's processes, over the kernel's tasks and address spaces. */
#include "descriptors/platform_process.h"
#include "kernel/task.h"
#include "kernel/vm_map.h"

void platform_set_current_task(task_t task)
{
    task_set_current(task);
}

kern_return_t platform_user_read(task_t task, uint64_t from, void *to, uint64_t size)
{
    struct vm_map *const map = task_map(task);
    uint64_t done;

    return map != NULL ? vm_map_read(map, from, to, size, &done) : KERN_INVALID_ADDRESS;
}

kern_return_t platform_user_write(task_t task, uint64_t to, const void *from, uint64_t size)
{
    struct vm_map *const map = task_map(task);
    uint64_t done;

    return map != NULL ? vm_map_write(map, to, from, size, &done) : KERN_INVALID_ADDRESS;
}
