/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/*
 * Mappings of descriptors where the CPU itself makes the accesses: from EL0, from the
 * kernel, and with interrupts masked.
 */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/IOMemoryMapping.h"
#include "kernel/direct_map.h"
#include "kernel/fault.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "kernel/timer.h"
#include "kernel/user.h"
#include "kernel/vm_map.h"
#include "tests/harness/harness.h"

#define RW    (MMU_READ | MMU_WRITE)
#define CODE  0x10000ul
#define DATA  0x200000ul
#define PAGES 4

/* Position-independent EL0 code, copied into the task. */
extern const char map_user_load[], map_user_store[], map_user_end[];
__asm__(".pushsection .rodata\n"
        ".balign 4\n"
        "map_user_load:  ldrb w0, [x1]\n"
        "                svc #7\n"
        "map_user_store: strb w0, [x1]\n"
        "                svc #8\n"
        "map_user_end:\n"
        ".popsection\n");

struct fixture {
    struct task *task;
    struct vm_map *map;
    struct user_state state;
    IOMemoryDescriptor *memory; /* PAGES of the task's pages but for 8 bytes at the start */
};

static void enter(struct fixture *f, vaddr_t at, uint64_t pages, unsigned access, const void *bytes,
                  size_t size)
{
    struct vm_range range = {.access = access, .max_access = access};
    paddr_t page;

    ASSERT_EQ(vm_object_create(pages, &range.object), KERN_SUCCESS);
    if (bytes != NULL) {
        ASSERT_EQ(vm_object_supply(range.object, 0, VM_SUPPLY_WRITE, &page), KERN_SUCCESS);
        memcpy(phys_to_virt(page), bytes, size);
    }
    ASSERT_EQ(vm_map_enter(f->map, &at, pages * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    vm_object_release(range.object);
}

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    ASSERT_EQ(task_create(&f->task), KERN_SUCCESS);
    f->map = task_map(f->task);
    enter(f, CODE, 1, MMU_READ | MMU_EXECUTE, map_user_load,
          (size_t)(map_user_end - map_user_load));
    enter(f, DATA, PAGES, RW, NULL, 0);
    f->memory = IOMemoryDescriptor_withAddressRange(DATA + 8, PAGES * PAGE_SIZE - 8,
                                                    kIODirectionOutIn, f->task);
    ASSERT_NE(f->memory, NULL);
}

static void tear_down(struct fixture *f)
{
    OSObject_release(f->memory);
    task_release(f->task);
}

static enum user_stop run(struct fixture *f, const char *code, vaddr_t address, uint8_t value)
{
    user_init(&f->state, CODE + (vaddr_t)(code - map_user_load), 0);
    f->state.context.frame.x[0] = value;
    f->state.context.frame.x[1] = address;
    return user_run(f->task, &f->state);
}

static uint8_t user_loads(struct fixture *f, vaddr_t address)
{
    EXPECT_EQ(run(f, map_user_load, address, 0), USER_STOP_CALL);
    return (uint8_t)f->state.context.frame.x[0];
}

static IOMemoryMap *map_into(struct fixture *f, task_t task, IOOptionBits options)
{
    IOMemoryMap *map =
        IOMemoryDescriptor_createMappingInTask(f->memory, task, 0, options | kIOMapAnywhere, 0, 0);

    if (map == NULL) {
        TEST_NOTE("no map: %#x", (unsigned)IOMemoryLastError());
    }
    ASSERT_NE(map, NULL);
    return map;
}

static volatile uint8_t *bytes_of(IOMemoryMap *map)
{
    return (volatile uint8_t *)IOMemoryMap_getAddress(map);
}

static void touch_load(void *address)
{
    (void)*(volatile uint8_t *)address;
}

static void touch_store(void *address)
{
    *(volatile uint8_t *)address = 1;
}

static bool faults(void (*touch)(void *), volatile uint8_t *address)
{
    struct fault_record fault;

    return fault_expect(touch, (void *)address, &fault);
}

/* MD-16: a task's memory seen by the kernel, the task and the descriptor. */
TEST(md_16_a_task_and_the_kernel_see_one_memory)
{
    struct fixture f;
    IOMemoryMap *map;
    uint8_t byte = 0;

    set_up(&f);
    map = map_into(&f, kernel_task, 0);
    EXPECT_EQ(run(&f, map_user_store, DATA + 8, 11), USER_STOP_CALL);
    EXPECT_EQ(bytes_of(map)[0], 11);
    bytes_of(map)[2 * PAGE_SIZE] = 12;
    EXPECT_EQ(user_loads(&f, DATA + 8 + 2 * PAGE_SIZE), 12);
    ASSERT_EQ(IOMemoryDescriptor_prepare(f.memory, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(f.memory, 2 * PAGE_SIZE, &byte, 1), 1);
    EXPECT_EQ(byte, 12);
    EXPECT_EQ(IOMemoryDescriptor_complete(f.memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(map);
    tear_down(&f);
}

TEST(md_20_guards_fault_at_el1_and_el0)
{
    struct fixture f;
    IOMemoryMap *map;
    volatile uint8_t *first;
    vaddr_t user;

    set_up(&f);
    map = map_into(&f, kernel_task, kIOMapGuardedSmall);
    first = bytes_of(map) - 8;
    EXPECT_FALSE(faults(touch_load, first));
    EXPECT_FALSE(faults(touch_store, first + PAGES * PAGE_SIZE - 1));
    EXPECT_TRUE(faults(touch_load, first - 1));
    EXPECT_TRUE(faults(touch_store, first - PAGE_SIZE));
    EXPECT_TRUE(faults(touch_load, first + PAGES * PAGE_SIZE));
    OSObject_release(map);
    EXPECT_TRUE(faults(touch_load, first)); /* MM-3: nothing is there any more */
    map = map_into(&f, f.task, kIOMapGuardedSmall);
    user = IOMemoryMap_getAddress(map) - 8;
    EXPECT_EQ(run(&f, map_user_load, user, 0), USER_STOP_CALL);
    EXPECT_EQ(run(&f, map_user_load, user - 1, 0), USER_STOP_FAULT);
    EXPECT_EQ(f.state.status, KERN_PROTECTION_FAILURE);
    EXPECT_EQ(run(&f, map_user_store, user + PAGES * PAGE_SIZE, 0), USER_STOP_FAULT);
    OSObject_release(map);
    tear_down(&f);
}

TEST(md_23_read_only_means_read_only)
{
    struct fixture f;
    IOMemoryMap *map;

    set_up(&f);
    EXPECT_EQ(run(&f, map_user_store, DATA + 8, 9), USER_STOP_CALL);
    map = map_into(&f, f.task, kIOMapReadOnly);
    EXPECT_NE(IOMemoryMap_getAddress(map), DATA + 8);
    EXPECT_EQ(user_loads(&f, IOMemoryMap_getAddress(map)), 9);
    EXPECT_EQ(run(&f, map_user_store, IOMemoryMap_getAddress(map), 1), USER_STOP_FAULT);
    OSObject_release(map);
    map = map_into(&f, kernel_task, kIOMapReadOnly);
    EXPECT_EQ(bytes_of(map)[0], 9);
    EXPECT_TRUE(faults(touch_store, bytes_of(map)));
    OSObject_release(map);
    tear_down(&f);
}

/* A handler must not fault: what it reads has been entered before. */
struct reader {
    volatile uint8_t *bytes;
    unsigned sum;
    volatile bool done;
};

static void read_all(void *context)
{
    struct reader *reader = context;

    for (unsigned i = 0; i < PAGES; i++) {
        reader->sum += reader->bytes[i * PAGE_SIZE];
        reader->bytes[i * PAGE_SIZE] = 0;
    }
    reader->done = true;
}

TEST(md_24_prefaulted_maps_serve_an_interrupt_handler)
{
    struct fixture f;
    struct reader reader = {0};
    struct timer timer = {.callback = read_all, .context = &reader};
    IOMemoryMap *map;
    irq_state_t irq;
    unsigned i;

    set_up(&f);
    EXPECT_EQ(IOMemoryDescriptor_createMappingInTask(f.memory, kernel_task, 0,
                                                     kIOMapAnywhere | kIOMapPrefault, 0, 0),
              NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotReady);
    for (i = 0; i < PAGES; i++) {
        EXPECT_EQ(run(&f, map_user_store, DATA + 8 + i * PAGE_SIZE, (uint8_t)(i + 1)),
                  USER_STOP_CALL);
    }
    ASSERT_EQ(IOMemoryDescriptor_prepare(f.memory, kIODirectionNone), kIOReturnSuccess);
    map = map_into(&f, kernel_task, kIOMapPrefault);
    reader.bytes = bytes_of(map);
    timer_start(&timer, 1000);
    irq = irq_mask();
    while (!reader.done) {
        irq_wait();
    }
    irq_restore(irq);
    EXPECT_EQ(reader.sum, 1 + 2 + 3 + 4);
    EXPECT_EQ(user_loads(&f, DATA + 8 + PAGE_SIZE), 0);
    OSObject_release(map);
    IOMemoryDescriptor_complete(f.memory, kIODirectionNone);
    tear_down(&f);
}

TEST(md_25_copy_on_write_image)
{
    struct fixture f;
    IOMemoryDescriptor *frozen;
    IOMemoryMap *map;

    set_up(&f);
    frozen = IOMemoryDescriptor_withAddressRange(
        DATA, 2 * PAGE_SIZE, kIODirectionOutIn | kIOMemoryMapCopyOnWrite, f.task);
    EXPECT_EQ(run(&f, map_user_store, DATA, 1), USER_STOP_CALL);
    map = IOMemoryDescriptor_map(frozen, 0);
    ASSERT_NE(map, NULL);
    EXPECT_EQ(run(&f, map_user_store, DATA, 2), USER_STOP_CALL);
    EXPECT_EQ(bytes_of(map)[0], 1);
    bytes_of(map)[PAGE_SIZE] = 3;
    EXPECT_EQ(user_loads(&f, DATA + PAGE_SIZE), 0);
    OSObject_release(map);
    OSObject_release(frozen);
    tear_down(&f);
}

/* A blocked reader at EL0 is parked, and sees the new memory when it may go on. */
TEST(mm_6_redirect_holds_a_reader_up)
{
    struct fixture f;
    IOMemoryDescriptor *other;
    IOMemoryMap *map;

    set_up(&f);
    other = IOMemoryDescriptor_withAddressRange(DATA + PAGE_SIZE + 8, PAGE_SIZE, kIODirectionOutIn,
                                                f.task);
    EXPECT_EQ(run(&f, map_user_store, DATA + PAGE_SIZE + 8, 21), USER_STOP_CALL);
    map = IOMemoryDescriptor_createMappingInTask(f.memory, f.task, 0, kIOMapAnywhere | kIOMapUnique,
                                                 0, PAGE_SIZE);
    ASSERT_NE(map, NULL);
    EXPECT_EQ(user_loads(&f, IOMemoryMap_getAddress(map)), 0);
    EXPECT_EQ(IOMemoryMap_redirect(map, (IOMemoryDescriptor *)NULL, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(run(&f, map_user_load, IOMemoryMap_getAddress(map), 0), USER_STOP_BLOCKED);
    EXPECT_EQ(user_run(f.task, &f.state), USER_STOP_BLOCKED);
    EXPECT_EQ(IOMemoryMap_redirect(map, other, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(user_run(f.task, &f.state), USER_STOP_CALL);
    EXPECT_EQ(f.state.context.frame.x[0], 21);
    OSObject_release(map);
    OSObject_release(other);
    tear_down(&f);
}

TEST(md_35_descriptor_redirect)
{
    struct fixture f;
    IOMemoryMap *map, *fixed;

    set_up(&f);
    map = map_into(&f, f.task, kIOMapUnique);
    fixed = map_into(&f, f.task, 0); /* static: the task's own addresses */
    EXPECT_EQ(IOMemoryMap_getAddress(fixed), DATA + 8);
    EXPECT_EQ(IOMemoryDescriptor_redirect(f.memory, TASK_NULL, true), kIOReturnSuccess);
    EXPECT_EQ(run(&f, map_user_load, IOMemoryMap_getAddress(map), 0), USER_STOP_BLOCKED);
    EXPECT_EQ(user_loads(&f, DATA + 8), 0);
    EXPECT_EQ(run(&f, map_user_load, IOMemoryMap_getAddress(map), 0), USER_STOP_BLOCKED);
    EXPECT_EQ(IOMemoryDescriptor_redirect(f.memory, TASK_NULL, false), kIOReturnSuccess);
    EXPECT_EQ(user_run(f.task, &f.state), USER_STOP_CALL);
    OSObject_release(map);
    OSObject_release(fixed);
    tear_down(&f);
}

/* MM-8: pages that are pinned, or shown elsewhere, outlive their task. */
TEST(mm_8_task_death)
{
    struct fixture f;
    IOMemoryMap *into, *from;
    uint8_t byte = 0;

    set_up(&f);
    into = map_into(&f, f.task, kIOMapUnique);
    from = map_into(&f, kernel_task, 0);
    EXPECT_EQ(run(&f, map_user_store, IOMemoryMap_getAddress(into) + PAGE_SIZE, 5), USER_STOP_CALL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(f.memory, kIODirectionNone), kIOReturnSuccess);
    task_terminate(f.task);
    EXPECT_EQ(IOMemoryMap_getAddress(into), 0);
    EXPECT_EQ(IOMemoryMap_getAddressTask(into), TASK_NULL);
    EXPECT_EQ(bytes_of(from)[PAGE_SIZE], 5);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(f.memory, PAGE_SIZE, &byte, 1), 1);
    EXPECT_EQ(byte, 5);
    EXPECT_EQ(IOMemoryDescriptor_complete(f.memory, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_prepare(f.memory, kIODirectionNone), kIOReturnCannotWire);
    OSObject_release(into);
    OSObject_release(from);
    tear_down(&f);
}

/* The kernel's text is not to be had in writing, whoever names its physical address. */
TEST(physical_maps_cannot_write_the_kernels_text)
{
    const paddr_t text = virt_to_phys((const void *)trunc_page((uint64_t)page_alloc));
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withPhysicalAddress(text.value, 64, kIODirectionOutIn);
    IOMemoryMap *map;

    ASSERT_NE(memory, NULL);
    EXPECT_EQ(IOMemoryDescriptor_map(memory, 0), NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotPermitted);
    map = IOMemoryDescriptor_map(memory, kIOMapReadOnly);
    ASSERT_NE(map, NULL);
    EXPECT_MEM_EQ((const void *)IOMemoryMap_getAddress(map), phys_to_virt(text), 64);
    OSObject_release(map);
    OSObject_release(memory);
}

/* Kernel memory into a task. */
TEST(a_buffer_in_a_task)
{
    struct fixture f;
    IOBufferMemoryDescriptor *buffer;
    IOMemoryMap *map;
    uint8_t *bytes;

    set_up(&f);
    buffer = IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn | kIOMemoryKernelUserShared,
                                                  2 * PAGE_SIZE, PAGE_SIZE);
    ASSERT_NE(buffer, NULL);
    bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    bytes[PAGE_SIZE] = 31;
    map = IOMemoryDescriptor_createMappingInTask(buffer, f.task, 0, kIOMapAnywhere, 0, 0);
    ASSERT_NE(map, NULL);
    OSObject_release(buffer); /* the map keeps it */
    EXPECT_EQ(user_loads(&f, IOMemoryMap_getAddress(map) + PAGE_SIZE), 31);
    EXPECT_EQ(run(&f, map_user_store, IOMemoryMap_getAddress(map), 32), USER_STOP_CALL);
    EXPECT_EQ(bytes[0], 32);
    OSObject_release(map);
    tear_down(&f);
}

TEST(md_29_page_counts_follow_the_tasks_accesses)
{
    struct fixture f;
    IOByteCount resident, dirty;

    set_up(&f);
    EXPECT_EQ(IOMemoryDescriptor_getPageCounts(f.memory, &resident, &dirty), kIOReturnSuccess);
    EXPECT_EQ(resident, 0);
    user_loads(&f, DATA);
    user_loads(&f, DATA + PAGE_SIZE);
    EXPECT_EQ(run(&f, map_user_store, DATA + PAGE_SIZE, 1), USER_STOP_CALL);
    EXPECT_EQ(IOMemoryDescriptor_getPageCounts(f.memory, &resident, &dirty), kIOReturnSuccess);
    EXPECT_EQ(resident, 2);
    EXPECT_EQ(dirty, 1);
    tear_down(&f);
}
