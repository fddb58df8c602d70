/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks: execution domains with one address space each, and the ledgers that say
 * what memory is charged to them. kernel_task is the kernel itself.
 * Thread context.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

struct task;
struct vm_map;

/* The kernel's own, which never dies. */
extern struct task *const kernel_task;

#define TASK_LEDGER_TAGS 6 /* VM ledger tags 0 (none) to 5 */

/* A user task with an empty address space and one reference. KERN_RESOURCE_SHORTAGE. */
kern_return_t task_create(struct task **task);

/* The same with what it inherits of the parent's (vm_map_inherit). KERN_INVALID_ARGUMENT: dead. */
kern_return_t task_create_child(struct task *parent, struct task **task);

/*
 * The task dies: those who watch it are told, then its ranges go. Memory that is
 * pinned stays pinned. The structure lives until the last reference goes.
 */
void task_terminate(struct task *task);
void task_retain(struct task *task);
void task_release(struct task *task);

/* Has it its ranges still? False of NULL. Any context. */
bool task_is_alive(const struct task *task);

/* The address space; NULL for a NULL or dead task. Not retained. */
struct vm_map *task_map(struct task *task);

/*
 * Called with the task once, before its ranges go; it may retain the task. The structure is the
 * caller's.
 */
struct task_watch {
    void (*died)(struct task *task, void *context);
    void *context;
    struct task_watch *next, **link; /* private */
};

/* Be told of the task's death, or no more. */
void task_watch_add(struct task *task, struct task_watch *watch);
void task_watch_remove(struct task_watch *watch); /* once it was called: no effect */

/* The task on whose behalf the CPU runs: kernel_task until somebody serves another one. */
struct task *task_current(void);
void task_set_current(struct task *task);

/* Bytes charged, by tag; footprint counts what is not hidden from it. */
struct task_ledger {
    uint64_t tagged[TASK_LEDGER_TAGS];
    uint64_t footprint;
};

/* Charge bytes, take them back, and ask. Of a tag below TASK_LEDGER_TAGS. */
void task_ledger_credit(struct task *task, int tag, bool footprint, uint64_t bytes);
void task_ledger_debit(struct task *task, int tag, bool footprint, uint64_t bytes);
void task_get_ledger(const struct task *task, struct task_ledger *ledger);

uint64_t task_count(void); /* live user task structures */

#endif
