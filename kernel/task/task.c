/* SPDX-License-Identifier: BSD-2-Clause */
/* Tasks: an address space, and how many hold it. */
#include "kernel/task.h"

#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/startup.h"
#include "kernel/trace.h"
#include "kernel/vm_map.h"

struct task {
    struct vm_map *map; /* NULL once dead */
    uint32_t references;
    struct task_watch *watches;
    struct task_ledger ledger;
};

/* Static, so that its address is a constant: many compare with it. It is never freed. */
static struct task kernel_task_storage;
struct task *const kernel_task = &kernel_task_storage;

static uint64_t user_tasks;
static struct task *current = &kernel_task_storage;

void task_init(void)
{
    vm_map_init();
    kernel_task->map = kernel_map;
    /* Its own, which nobody releases. */
    kernel_task->references = 1;
}

kern_return_t task_create(struct task **out)
{
    struct task *task = heap_alloc_zero(sizeof(*task));
    kern_return_t status;

    if (task == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    status = vm_map_create(&task->map);
    if (status != KERN_SUCCESS) {
        heap_free(task);
        return status;
    }
    /* The creator's: the task lives until the last of its holders lets go, dead or not. */
    task->references = 1;
    user_tasks++;
    trace_task((vaddr_t)task, true, user_tasks);
    *out = task;
    return KERN_SUCCESS;
}

kern_return_t task_create_child(struct task *parent, struct task **out)
{
    struct task *child;
    kern_return_t status;

    /* A dead parent has nothing to leave. */
    if (task_map(parent) == NULL) {
        return KERN_INVALID_ARGUMENT;
    }
    status = task_create(&child);
    if (status != KERN_SUCCESS) {
        return status;
    }
    status = vm_map_inherit(parent->map, child->map);
    if (status != KERN_SUCCESS) {
        /* What has been inherited so far goes with it. */
        task_release(child);
        return status;
    }
    *out = child;
    return KERN_SUCCESS;
}

void task_terminate(struct task *task)
{
    struct task_watch *watch;
    struct vm_map *map;

    /* Its map is the one that all of this runs in. */
    KERNEL_CHECK(task != kernel_task);
    /* Each is off the list before it is called: it may free itself, or take others off. */
    while ((watch = task->watches) != NULL) {
        task_watch_remove(watch);
        watch->died(task, watch->context);
    }
    /* After them: one of those who are told may have ended it, too. */
    map = task->map;
    if (map == NULL) {
        return;
    }
    /*
     * Dead before the ranges go: whoever is called back while they do finds no address space to
     * enter something into.
     */
    trace_task((vaddr_t)task, false, user_tasks);
    task->map = NULL;
    vm_map_clear(map);
    vm_map_release(map);
}

void task_retain(struct task *task)
{
    KERNEL_CHECK(task->references != UINT32_MAX);
    task->references++;
}

void task_release(struct task *task)
{
    if (task->references != 1) {
        task->references--;
        return;
    }
    /*
     * The last one to let go of a task that lives ends it; of a dead one nothing is left to end.
     * Held meanwhile: who is told of its end may hold it for a while, or from now on.
     */
    task_terminate(task);
    if (--task->references != 0) {
        return;
    }
    /* Counted until the last reference goes, and not until it dies: it still holds memory. */
    user_tasks--;
    heap_free(task);
}

bool task_is_alive(const struct task *task)
{
    return task != NULL && task->map != NULL;
}

struct vm_map *task_map(struct task *task)
{
    return task != NULL ? task->map : NULL;
}

void task_watch_add(struct task *task, struct task_watch *watch)
{
    watch->next = task->watches;
    watch->link = &task->watches;
    if (watch->next != NULL) {
        watch->next->link = &watch->next;
    }
    task->watches = watch;
}

void task_watch_remove(struct task_watch *watch)
{
    if (watch->link == NULL) {
        return;
    }
    /*
     * By the pointer that leads to it: one that watches many tasks need not know which list it is
     * in.
     */
    *watch->link = watch->next;
    if (watch->next != NULL) {
        watch->next->link = watch->link;
    }
    /*
     * Says that it is in no list, so that who watches need not remember whether the task has died.
     */
    watch->link = NULL;
}

struct task *task_current(void)
{
    return current;
}

void task_set_current(struct task *task)
{
    current = task;
}

void task_ledger_credit(struct task *task, int tag, bool footprint, uint64_t bytes)
{
    task->ledger.tagged[tag] += bytes;
    if (footprint) {
        task->ledger.footprint += bytes;
    }
}

void task_ledger_debit(struct task *task, int tag, bool footprint, uint64_t bytes)
{
    task->ledger.tagged[tag] -= bytes;
    if (footprint) {
        task->ledger.footprint -= bytes;
    }
}

void task_get_ledger(const struct task *task, struct task_ledger *ledger)
{
    *ledger = task->ledger;
}

uint64_t task_count(void)
{
    return user_tasks;
}
