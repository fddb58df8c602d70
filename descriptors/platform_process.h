/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform seam's processes: what driver processes (IODriver.h) ask for. See platform.h. A port
 * whose programs start none need not have it. Thread context.
 */
#ifndef DESCRIPTORS_PLATFORM_PROCESS_H
#define DESCRIPTORS_PLATFORM_PROCESS_H

#include "descriptors/platform.h"

/* A user task with an empty address space, and one reference. KERN_RESOURCE_SHORTAGE. */
kern_return_t platform_task_create(task_t *task);

/* It dies: those who watch it are told, then its memory goes. Dead already: no effect. */
void platform_task_terminate(task_t task);
void platform_task_release(task_t task);

/*
 * Show new memory at an address of a task, whole pages, for good: `filled` bytes that are copied
 * from the kernel, then zeros. access: VM_PROT_..., none of it for a guard, which has no bytes.
 * KERN_INVALID_ADDRESS, KERN_NO_SPACE, KERN_RESOURCE_SHORTAGE, KERN_MEMORY_ERROR.
 */
kern_return_t platform_task_load(task_t task, uint64_t address, uint64_t size, const void *bytes,
                                 uint64_t filled, unsigned access);

/* Whose calls are served from now on; current_task answers it. */
void platform_set_current_task(task_t task);

/*
 * Copy between a task's memory (its map; NULL: it is dead), as its own code could reach it, and the
 * kernel's: every byte is
 * read once. KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE, KERN_MEMORY_ERROR; some bytes may have
 * been copied then.
 */
kern_return_t platform_user_read(vm_map_t map, uint64_t from, void *to, uint64_t size);
kern_return_t platform_user_write(vm_map_t map, uint64_t to, const void *from, uint64_t size);

/* Code that runs in a task, without the kernel's rights; it keeps no reference to the task. */
struct platform_thread;

/* It will begin at pc, with a stack and two arguments. KERN_RESOURCE_SHORTAGE. */
kern_return_t platform_thread_create(task_t task, uint64_t pc, uint64_t stack, uint64_t first,
                                     uint64_t second, struct platform_thread **thread);
void platform_thread_free(struct platform_thread *thread); /* NULL: no effect */

/* Why it came back. */
enum platform_stop {
    PLATFORM_STOP_CALL,    /* of a service: number and arguments */
    PLATFORM_STOP_FAULT,   /* it did what it must not, at pc; address, if it was one of memory */
    PLATFORM_STOP_BLOCKED, /* memory that it has to wait for: run it again, later */
    PLATFORM_STOP_TIME,    /* its time was over: run it again to let it go on */
};

/* Where a program has stopped. */
struct platform_stopped {
    uint64_t pc, address; /* address: 0 unless it has faulted */
    uint64_t state; /* the saved program status (Arm ARM, SPSR_EL1): bits 3:2 are its level, 0 */
};

/* Let it run, for so many nanoseconds at most. */
enum platform_stop platform_thread_run(struct platform_thread *thread, uint64_t nanoseconds);

/*
 * Its registers, as long as the thread is there: arguments at the start from [0] on; of a call the
 * number in [8] and four arguments from [0] on, and what it is answered goes into [0] and [1].
 */
uint64_t *platform_thread_registers(struct platform_thread *thread);

/* Where it has stopped last. */
void platform_thread_stopped(const struct platform_thread *thread,
                             struct platform_stopped *stopped);

/* Text to the console, as it is. Any context. */
void platform_console_write(const char *text, uint64_t length);

#endif
