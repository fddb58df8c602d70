/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows on physical memory that begin before RAM and reach into the kernel's own code:
 * what their first page is says nothing about the others.
 */
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOMemoryMap.h"
#include "kernel/direct_map.h"
#include "kernel/fault.h"
#include "kernel/task.h"
#include "kernel/vm_map.h"
#include "kernel/vm_object.h"
#include "tests/harness/harness.h"
#include "tests/lib/user_code.h"

#define RW     (MMU_READ | MMU_WRITE)
#define BEFORE (0x40000000ul - PAGE_SIZE) /* no RAM, directly before it */
#define CLOCK  0x09010000ul               /* registers that nobody has mapped */
#define DATA   0x200000ul                 /* where a task has room */

extern char __text_start[];

static uint64_t a_page_of_text(void)
{
    return virt_to_phys(__text_start).value + PAGE_SIZE;
}

static IOMemoryDescriptor *describe(uint64_t from, IODirection direction)
{
    return IOMemoryDescriptor_withPhysicalAddress(from, a_page_of_text() + PAGE_SIZE - from,
                                                  direction);
}

static void expect_refused(IOMemoryDescriptor *memory, struct task *task)
{
    EXPECT_TRUE(IOMemoryDescriptor_createMappingInTask(memory, task, 0, kIOMapAnywhere, 0, 0) ==
                NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotPermitted);
}

TEST(no_window_lets_text_be_written)
{
    struct task *task;

    ASSERT_EQ(task_create(&task), KERN_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *memory =
            describe(i == 0 ? BEFORE : a_page_of_text(), kIODirectionInOut);

        ASSERT_TRUE(memory != NULL);
        expect_refused(memory, kernel_task);
        expect_refused(memory, task);
        OSObject_release(memory);
    }
    task_release(task);
}

static void store(void *at)
{
    *(volatile uint8_t *)at = *(volatile uint8_t *)at;
}

TEST(text_can_be_seen_through_a_window)
{
    const uint64_t skip = a_page_of_text() - BEFORE;
    IOMemoryDescriptor *memory = describe(BEFORE, kIODirectionOut);
    struct fault_record fault;
    uint8_t byte = 0;
    struct task *task;
    IOMemoryMap *map = IOMemoryDescriptor_map(memory, kIOMapReadOnly);

    ASSERT_TRUE(map != NULL);
    EXPECT_EQ(*(volatile uint8_t *)(IOMemoryMap_getAddress(map) + skip),
              *(volatile uint8_t *)phys_to_virt(paddr(a_page_of_text())));
    EXPECT_TRUE(fault_expect(store, (void *)(IOMemoryMap_getAddress(map) + skip), &fault));
    OSObject_release(map);
    ASSERT_EQ(task_create(&task), KERN_SUCCESS);
    map = IOMemoryDescriptor_createMappingInTask(memory, task, 0, kIOMapAnywhere | kIOMapReadOnly,
                                                 0, 0);
    ASSERT_TRUE(map != NULL);
    EXPECT_EQ(user_code_load(task, IOMemoryMap_getAddress(map) + skip, &byte), USER_STOP_CALL);
    EXPECT_EQ(user_code_store(task, IOMemoryMap_getAddress(map) + skip, byte), USER_STOP_FAULT);
    OSObject_release(map);
    OSObject_release(memory);
    task_release(task);
}

/* Below the descriptors: a memory object that an address space is to show. */
TEST(no_object_lets_text_be_written)
{
    struct vm_range range = {.access = RW, .max_access = RW, .memory = MMU_DEVICE};
    const uint64_t pages = (a_page_of_text() + PAGE_SIZE - BEFORE) / PAGE_SIZE;
    struct task *task;
    vaddr_t at = DATA;

    ASSERT_EQ(task_create(&task), KERN_SUCCESS);
    ASSERT_EQ(vm_object_create_physical(paddr(BEFORE), pages, &range.object), KERN_SUCCESS);
    EXPECT_EQ(vm_map_enter(task_map(task), &at, pages * PAGE_SIZE, 0, &range, 0),
              KERN_PROTECTION_FAILURE);
    range.access = MMU_READ; /* and no later change gives more than the kernel itself has */
    EXPECT_EQ(vm_map_enter(task_map(task), &at, pages * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    EXPECT_EQ(vm_map_protect(task_map(task), at, pages * PAGE_SIZE, RW), KERN_PROTECTION_FAILURE);
    EXPECT_EQ(vm_fault(task_map(task), at + (pages - 1) * PAGE_SIZE, MMU_WRITE),
              KERN_PROTECTION_FAILURE);
    EXPECT_EQ(vm_fault(task_map(task), at + (pages - 1) * PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    vm_object_release(range.object);
    task_release(task);
}

/* A child has the same registers: they are nothing that could be copied. */
TEST(a_child_shares_registers)
{
    struct vm_range range = {
        .access = RW, .max_access = RW, .memory = MMU_DEVICE, .inheritance = VM_INHERIT_COPY};
    struct task *task, *child;
    struct vm_range seen;
    vaddr_t at = DATA;
    uint64_t size;

    ASSERT_EQ(task_create(&task), KERN_SUCCESS);
    ASSERT_EQ(vm_object_create_physical(paddr(CLOCK), 1, &range.object), KERN_SUCCESS);
    ASSERT_EQ(vm_map_enter(task_map(task), &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    vm_object_release(range.object);
    ASSERT_EQ(task_create_child(task, &child), KERN_SUCCESS);
    ASSERT_EQ(vm_map_lookup(task_map(child), at, &seen, &size), KERN_SUCCESS);
    EXPECT_TRUE(seen.object == range.object);
    task_release(child);
    task_release(task);
}
