/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform seam's processes: what driver processes (IODriver.h) ask for. See platform.h. A port
 * whose programs start none need not have it. Thread context.
 */
#ifndef DESCRIPTORS_PLATFORM_PROCESS_H
#define DESCRIPTORS_PLATFORM_PROCESS_H

#include "descriptors/platform.h"

/* Whose calls are served from now on; current_task answers it. */
void platform_set_current_task(task_t task);

/*
 * Copy between a task's memory, as its own code could reach it, and the kernel's: every byte is
 * read once. KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE, KERN_MEMORY_ERROR; some bytes may have
 * been copied then.
 */
kern_return_t platform_user_read(task_t task, uint64_t from, void *to, uint64_t size);
kern_return_t platform_user_write(task_t task, uint64_t to, const void *from, uint64_t size);

#endif
