/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces: faults, ranges, pins, and whether many ranges cost more than few. */
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/task.h"
#include "kernel/vm_map.h"
#include "tests/bench/bench.h"
#include "tests/bench/hand.h"

#define PAGES 256 /* 1 MiB */
#define RW    (MMU_READ | MMU_WRITE)

static struct vm_object *object_of(uint64_t pages)
{
    struct vm_object *object;

    KERNEL_CHECK(vm_object_create(pages, &object) == KERN_SUCCESS);
    return object;
}

static vaddr_t enter(struct vm_object *object, unsigned flags)
{
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW};
    vaddr_t at = 0;

    KERNEL_CHECK(vm_map_enter(kernel_map, &at, vm_object_pages(object) * PAGE_SIZE, 0, &range,
                              VM_ENTER_ANYWHERE | flags) == KERN_SUCCESS);
    return at;
}

static void leave(struct vm_object *object, vaddr_t at)
{
    vm_map_remove(kernel_map, at, vm_object_pages(object) * PAGE_SIZE);
    vm_object_release(object);
}

static void store_each_page(vaddr_t at)
{
    for (unsigned i = 0; i < PAGES; i++) {
        *(volatile uint8_t *)(at + i * PAGE_SIZE) = 1;
    }
}

/*
 * What a fault has to do at the least, but for the exception that brings it: an entry is found and
 * written; before it the page is zeroed, or copied.
 */
enum fault {
    RESIDENT,
    ZEROED,
    COPIED
};

static uint64_t fault_by_hand(enum fault fault)
{
    static uint8_t page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    static const uint64_t words[PAGE_SIZE / 8] __attribute__((aligned(PAGE_SIZE)));
    const uint64_t va = hand_address();

    bench_start();
    for (unsigned i = 0; i < PAGES; i++) {
        if (fault == ZEROED) {
            hand_zero(page);
        } else if (fault == COPIED) {
            for (unsigned k = 0; k < PAGE_SIZE / 64; k++) {
                __asm__ volatile("ldp q0, q1, [%0]\n\tldp q2, q3, [%0, #32]\n\t"
                                 "stp q0, q1, [%1]\n\tstp q2, q3, [%1, #32]"
                                 :
                                 : "r"(&words[k * 8]), "r"(page + k * 64)
                                 : "memory", "v0", "v1", "v2", "v3");
            }
        }
        hand_walk(va)[i] = 0x703;
        __asm__ volatile("dsb ishst\n\tisb" : : : "memory");
    }
    return bench_stop();
}

/* The exception, the fault, a zeroed page and its mapping. */
static void bench_demand_zero(struct bench_result *result)
{
    struct vm_object *object = object_of(PAGES);
    vaddr_t at = enter(object, 0);

    result->operations = PAGES;
    bench_start();
    store_each_page(at);
    result->measured = bench_stop();
    result->floor = fault_by_hand(ZEROED);
    leave(object, at);
}

static void bench_copy_on_write(struct bench_result *result)
{
    struct vm_object *object = object_of(PAGES);
    struct vm_object *copy;
    vaddr_t at = enter(object, VM_ENTER_EAGER);

    KERNEL_CHECK(vm_object_copy(object, 0, PAGES, &copy) == KERN_SUCCESS);
    result->operations = PAGES;
    bench_start();
    store_each_page(at);
    result->measured = bench_stop();
    result->floor = fault_by_hand(COPIED);
    vm_object_release(copy);
    leave(object, at);
}

/* What is mapped no more but still resident. */
static void bench_refill(struct bench_result *result)
{
    struct vm_object *object = object_of(PAGES);
    vaddr_t at = enter(object, VM_ENTER_EAGER);

    vm_map_drop_tables(kernel_map, at, PAGES * PAGE_SIZE);
    result->operations = PAGES;
    bench_start();
    store_each_page(at);
    result->measured = bench_stop();
    result->floor = fault_by_hand(RESIDENT);
    leave(object, at);
}

static void wire(struct bench_result *result, unsigned flags, bool resident)
{
    static struct memory_run list[PAGES];
    struct vm_object *object = object_of(PAGES);
    struct memory_run all = {enter(object, resident ? VM_ENTER_EAGER : 0), PAGES * PAGE_SIZE};
    const struct memory_runs bytes = {.list = &all, .count = 1, .length = all.end};
    struct memory_runs wired = {.list = list, .capacity = PAGES};

    result->operations = PAGES;
    bench_start();
    vm_map_wire_runs(kernel_map, &bytes, flags, &wired);
    vm_unwire_runs(&wired, false);
    result->measured = bench_stop();
    leave(object, all.address);
}

static void bench_wire_resident(struct bench_result *result)
{
    wire(result, VM_WIRE_WRITE, true);
}

static void bench_wire_absent(struct bench_result *result)
{
    wire(result, VM_WIRE_WRITE, false);
}

/* Entering and removing a page's range in a space that has so many ranges already. */
static void among(struct bench_result *result, unsigned ranges)
{
    struct vm_object *object = object_of(1);
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW};
    const unsigned rounds = 100;
    struct task *task;
    struct vm_map *map;

    KERNEL_CHECK(task_create(&task) == KERN_SUCCESS);
    map = task_map(task);
    for (unsigned i = 0; i < ranges; i++) {
        vaddr_t at = MMU_USER_VA_BASE + 2 * i * PAGE_SIZE;

        KERNEL_CHECK(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0) == KERN_SUCCESS);
    }
    result->operations = rounds;
    bench_start();
    for (unsigned i = 0; i < rounds; i++) {
        vaddr_t at = 0;

        vm_map_enter(map, &at, PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE);
        vm_map_remove(map, at, PAGE_SIZE);
    }
    result->measured = bench_stop();
    task_release(task);
    vm_object_release(object);
}

static void bench_among_10(struct bench_result *result)
{
    among(result, 10);
}

static void bench_among_100000(struct bench_result *result)
{
    among(result, 100000);
}

static const struct bench rows[] = {
    {.id = "zero",
     .goal_row = "F1",
     .name = "fault: absent page, zeroed; floor without the exception",
     .goal = 650,
     .run = bench_demand_zero},
    {.id = "cow",
     .goal_row = "F1",
     .name = "fault: copy-on-write, copied; floor without the exception",
     .goal = 1400,
     .run = bench_copy_on_write},
    {.id = "refill",
     .goal_row = "F1",
     .name = "fault: resident page; floor without the exception",
     .goal = 450,
     .run = bench_refill},
    {.id = "wire", .name = "pin + unpin, resident, per page", .run = bench_wire_resident},
    {.id = "wire-absent", .name = "pin + unpin, absent, per page", .run = bench_wire_absent},
    {.id = "range-10", .name = "range enter + remove among 10", .run = bench_among_10},
    {.id = "range-100000", .name = "range enter + remove among 100,000", .run = bench_among_100000},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
