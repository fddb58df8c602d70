/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of address spaces and memory objects on a simulated machine: a task for
 * each test, and the proof that nothing is left when it is over.
 */
#ifndef TESTS_HOST_VM_FIXTURE_H
#define TESTS_HOST_VM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kernel/heap.h"
#include "kernel/page.h"
#include "kernel/vm_object.h"
#include "tests/host/machine/sim_machine.h"

#define RW (MMU_READ | MMU_WRITE)

static struct task *task;
static struct vm_map *map;
static struct holdings before;

static inline int power_on(void **state)
{
    (void)state;
    sim_machine_start(64 * SIM_MIB);
    return 0;
}

static inline int power_off(void **state)
{
    (void)state;
    sim_machine_stop();
    return 0;
}

static inline int start(void **state)
{
    (void)state;
    before = holdings_now();
    if (task_create(&task) != KERN_SUCCESS) {
        return -1;
    }
    map = task_map(task);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    if (task != NULL) {
        task_release(task);
    }
    task = NULL;
    sim_set_notes_stores(false);
    return sim_holds(&before) ? 0 : -1;
}

static inline struct vm_object *object_of(uint64_t pages)
{
    struct vm_object *object;

    assert_int_equal(vm_object_create(pages, &object), KERN_SUCCESS);
    return object;
}

static inline vaddr_t enter(struct vm_object *object, uint64_t pages, unsigned access)
{
    const struct vm_range range = {.object = object, .access = access, .max_access = access};
    vaddr_t at = 0;

    assert_int_equal(vm_map_enter(map, &at, pages * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    return at;
}

static inline uint8_t load(vaddr_t va)
{
    uint8_t byte;

    assert_int_equal(sim_load(map, va, &byte), KERN_SUCCESS);
    return byte;
}

static inline void store(vaddr_t va, uint8_t byte)
{
    assert_int_equal(sim_store(map, va, byte), KERN_SUCCESS);
}

static inline uint64_t resident(struct vm_object *object)
{
    uint64_t pages, dirty;

    vm_object_count(object, 0, vm_object_pages(object), &pages, &dirty);
    return pages;
}

static inline uint64_t dirty(struct vm_object *object)
{
    uint64_t pages, changed;

    vm_object_count(object, 0, vm_object_pages(object), &pages, &changed);
    return changed;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

#endif
