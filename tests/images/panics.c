/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way to a panic, chosen by the boot argument panic=NAME. Each must end
 * with EXIT_STATUS_PANIC and say what tests/outside/panics.tsv has beside its name.
 * The ones that damage a structure look inside it, and need a debug build.
 */
#include <stdlib.h>
#include <string.h>

#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/reference/IOMemoryReference.h"
#include "descriptors/segments/IOMemoryRuns.h"
#include "drivers/virtio/queue.h"
#include "drivers/virtio/queue_private.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/exception.h"
#include "kernel/exit.h"
#include "kernel/heap.h"
#include "kernel/lock.h"
#include "kernel/mmu.h"
#include "kernel/options.h"
#include "kernel/page/page_private.h"
#include "kernel/panic.h"
#include "kernel/range_tree.h"
#include "kernel/timer.h"
#include "kernel/trace.h"
#include "kernel/types.h"

#define HOLE 16UL /* in the NULL page */

static int recurse(volatile char *caller)
{
    volatile char frame[256];

    frame[0] = caller[0];
    return frame[0] != 0 ? 0 : recurse(frame) + frame[0];
}

static void panic_plain(void)
{
    panic("value %d of %s", -3, "this");
}

static void panic_check(void)
{
    volatile int zero = 0;

    KERNEL_CHECK(zero != 0);
}

/* A queue that no device knows, with a slot twice in its free list. */
static void panic_virtq(void)
{
    static uint32_t doorbell;
    const struct virtq_setup setup = {
        .size = 8, .index = 7, .chain_entries = 4, .indirect = true, .doorbell = &doorbell};
    struct virtq *queue;

    if (virtq_create(&setup, &queue) == kIOReturnSuccess) {
        queue->slots[2].next = &queue->slots[1];
        virtq_publish(queue);
    }
}

static void panic_overflow(void)
{
    char seed = 0;

    recurse(&seed);
}

static void panic_null(void)
{
    __asm__ volatile("str wzr, [%0]" : : "r"(HOLE));
}

static void panic_jump(void)
{
    ((void (*)(void))HOLE)();
}

static void panic_undefined(void)
{
    __asm__ volatile(".inst 0");
}

static void panic_trap(void)
{
    __builtin_trap();
}

static void panic_sp(void)
{
    __asm__ volatile("mov sp, %0\n\tldr x0, [sp]" : : "r"(HOLE + 1));
}

/* On the other stack pointer, which no part of the kernel uses. */
static void panic_sp0(void)
{
    __asm__ volatile("msr spsel, #0\n\tldr x0, [%0]" : : "r"(HOLE) : "x0");
}

/* From a stack that is none of the kernel's, so that what serves it is on the emergency stack. */
static void __attribute__((noinline)) fault_elsewhere(void)
{
    static char stack[2][4096] __attribute__((aligned(16)));
    static unsigned used;
    char *const top = stack[used++ % 2] + sizeof(stack[0]);

    __asm__ volatile("mov x9, sp\n\tmov sp, %0\n\tstr wzr, [%1]\n\tmov sp, x9"
                     :
                     : "r"(top), "r"(HOLE)
                     : "x9", "memory");
}

static bool overflow_again(struct exception_frame *frame)
{
    (void)frame;
    panic_overflow();
    return true;
}

static void panic_overflow_of_the_emergency_stack(void)
{
    exception_set_fault_handler(overflow_again);
    fault_elsewhere();
}

static bool fault_elsewhere_again(struct exception_frame *frame)
{
    (void)frame;
    fault_elsewhere();
    return true;
}

/* Each handler faults on a stack of its own, until there is none for a handler. */
static void panic_everywhere(void)
{
    exception_set_fault_handler(fault_elsewhere_again);
    fault_elsewhere();
}

static bool fail_again(struct exception_frame *frame)
{
    (void)frame;
    panic("the fault handler gives up");
}

static void panic_in_handler(void)
{
    exception_set_fault_handler(fail_again);
    panic_null();
}

static void write_and_fail(struct console *console, const char *text, size_t length)
{
    (void)console;
    (void)text;
    (void)length;
    panic_null();
}

/* The panic's own output fails: the second panic says nothing, but it ends the image. */
static void panic_in_panic(void)
{
    static struct console broken = {.write = write_and_fail};

    kprintf("nothing follows\n");
    console_register(&broken);
    panic("not to be seen");
}

/* What a function built with a stack protector calls when its guard is gone. */
_Noreturn void __stack_chk_fail(void);

static void panic_smash(void)
{
    __stack_chk_fail();
}

static void panic_abort(void)
{
    abort();
}

static void panic_lock_order(void)
{
    static struct lock outer = LOCK_INITIAL("the outer test", LOCK_RANK_VALUE);
    static struct lock inner = LOCK_INITIAL("the inner test", LOCK_RANK_PAGE);
    const lock_state_t before = lock_take(&inner);

    lock_release(&outer, lock_take(&outer));
    lock_release(&inner, before);
}

static void panic_lock_twice(void)
{
    static struct lock lock = LOCK_INITIAL("the test", LOCK_RANK_VALUE);
    const lock_state_t before = lock_take(&lock);

    lock_release(&lock, lock_take(&lock));
    lock_release(&lock, before);
}

static void panic_lock_free(void)
{
    static struct lock lock = LOCK_INITIAL("the test", LOCK_RANK_VALUE);

    lock_release(&lock, 0);
}

static void panic_mutex(void)
{
    static struct mutex mutex = LOCK_INITIAL("the test", LOCK_RANK_OBJECT);

    mutex_take(&mutex);
    mutex_take(&mutex);
}

/* What ends the image may not need the tree: it is overwritten with what panics most. */
static void panic_without_a_tree(void)
{
    const paddr_t blob = virt_to_phys(devicetree());
    const paddr_t page = paddr(blob.value & ~PAGE_MASK);
    const struct mmu_attributes writable = {.access = MMU_READ | MMU_WRITE};

    if (mmu_map(mmu_kernel, MMU_KERNEL_VA_BASE, page, 4 * PAGE_SIZE, writable) == KERN_SUCCESS) {
        void *volatile window = (void *)MMU_KERNEL_VA_BASE; /* clang knows of no object there */

        memset(window, 0xff, 4 * PAGE_SIZE);
        panic("the tree is gone");
    }
}

/* More events than the ring has room for: the panic says how many are gone. */
static void panic_trace(void)
{
    trace_start();
    for (unsigned i = 0; i < TRACE_SIZE + 3; i++) {
        trace_remove(HOLE, i, KERN_NO_SPACE);
    }
    panic("look at the trace");
}

static void report_something(void *context)
{
    kprintf("%s\n", (const char *)context);
}

static void panic_report(void)
{
    static struct panic_report report = {.print = report_something,
                                         .context = (void *)"what a driver knows"};

    panic_add_report(&report);
    panic_add_report(&report); /* again, which must not make a panic that never ends */
    panic("look at the reports");
}

static void allocate(void *context)
{
    (void)context;
    heap_free(heap_alloc(16));
}

/* A handler that allocates: whether it has interrupted the heap is a matter of luck. */
static void panic_heap(void)
{
    static struct timer timer = {.callback = allocate};

    timer_start(&timer, 1000);
    timer_delay(100000000);
}

/* Each of these damages one structure, and goes through a door where debug builds look. */

static void panic_ranges(void)
{
    static struct range_node nodes[] = {
        {.start = 100, .end = 200}, {.start = 300, .end = 400}, {.start = 500, .end = 600}};
    static struct range_tree tree;

    range_tree_init(&tree, 0, 1000);
    range_tree_insert(&tree, &nodes[0]);
    range_tree_insert(&tree, &nodes[1]);
    nodes[0].end = 350;
    range_tree_insert(&tree, &nodes[2]);
    range_tree_resize(&tree, &nodes[1], 300, 450);
}

/* What storing behind the end of a freed block does. */
static void panic_free_list(void)
{
    struct page *damaged = NULL;
    unsigned order = PAGE_ORDER_MAX;
    paddr_t block;

    while (damaged == NULL) {
        damaged = page_pool.free[PAGE_ZONE_LOW][--order];
    }
    damaged->order++;
    page_alloc(order, PAGE_OWNER_IMAGE, &block);
}

static void panic_runs(void)
{
    struct memory_runs runs;

    IOMemoryRuns_init(&runs, 3);
    IOMemoryRuns_append(&runs, 0x1000, 100);
    IOMemoryRuns_append(&runs, 0x2000, 100);
    runs.list[1].end = 50;
    IOMemoryRuns_free(&runs);
}

static uint8_t memory[4 * PAGE_SIZE];

static void panic_reference(void)
{
    IOMemoryDescriptor *const descriptor =
        IOMemoryDescriptor_withAddress(memory, sizeof(memory), kIODirectionOutIn);
    IOMemoryMap *const map = IOMemoryDescriptor_map(descriptor, kIOMapReadOnly);
    struct IOMemoryReference *reference = ((IOGeneralMemoryDescriptor *)descriptor)->reference;

    KERNEL_CHECK(map != NULL && reference != NULL);
    reference->entries[0].object = NULL;
    OSObject_release(map);
    OSObject_release(descriptor);
}

static void panic_borrower(void)
{
    IOMemoryDescriptor *const descriptor =
        IOMemoryDescriptor_withAddress(memory, sizeof(memory), kIODirectionOutIn);
    IOMemoryMap *const map = IOMemoryDescriptor_createMappingInTask(
        descriptor, kernel_task, 0, kIOMapAnywhere | kIOMapReadOnly, 0, 0);
    IOMemoryMap *const part = IOMemoryDescriptor_createMappingInTask(
        descriptor, kernel_task, 0, kIOMapAnywhere | kIOMapReadOnly, 100, 200);

    KERNEL_CHECK(map != NULL && part != NULL && part->superMap == map);
    part->length = sizeof(memory);
    OSObject_release(part);
}

static const struct {
    const char *name;
    void (*cause)(void);
} panics[] = {
    {"plain", panic_plain},
    {"check", panic_check},
    {"virtq", panic_virtq},
    {"overflow", panic_overflow},
    {"null", panic_null},
    {"jump", panic_jump},
    {"undefined", panic_undefined},
    {"trap", panic_trap},
    {"smash", panic_smash},
    {"abort", panic_abort},
    {"sp", panic_sp},
    {"sp0", panic_sp0},
    {"handler", panic_in_handler},
    {"emergency", panic_overflow_of_the_emergency_stack},
    {"everywhere", panic_everywhere},
    {"panic", panic_in_panic},
    {"tree", panic_without_a_tree},
    {"order", panic_lock_order},
    {"twice", panic_lock_twice},
    {"free", panic_lock_free},
    {"mutex", panic_mutex},
    {"trace", panic_trace},
    {"report", panic_report},
    {"heap", panic_heap},
    {"ranges", panic_ranges},
    {"free-list", panic_free_list},
    {"runs", panic_runs},
    {"reference", panic_reference},
    {"borrower", panic_borrower},
};

OPTION(panic, "panic", "NAME", "the way to end");
PROGRAM("panics", "each panic and exception that an image can end with");

int main(void)
{
    const char *const name = option_value("panic");

    if (name == NULL) {
        kprintf("panics: say which, by the boot argument panic=NAME\n");
        return EXIT_STATUS_USAGE;
    }
    for (size_t i = 0; i < sizeof(panics) / sizeof(panics[0]); i++) {
        if (strcmp(panics[i].name, name) == 0) {
            panics[i].cause();
            return EXIT_STATUS_FAILED; /* it has come back */
        }
    }
    kprintf("panics: no panic is called %s\n", name);
    return EXIT_STATUS_USAGE;
}
