/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests that pass, and tests that go wrong in each way there is; for
 * tests/outside/harness.sh, which chooses one by the bootarg test=NAME.
 */
#include <stdio.h>
#include <stdlib.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "kernel/direct_map.h"
#include "kernel/exception.h"
#include "kernel/exit.h"
#include "kernel/fault.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "tests/harness/harness.h"

static volatile int two = 2;
static uint64_t things; /* counted by a BALANCE */

static uint64_t count_things(void)
{
    return things;
}
BALANCE(things, count_things)

TEST(good_first)
{
    printf("a test may print\n");
    EXPECT_EQ(two, 2);
    EXPECT_NE(two, -2);
    EXPECT_LT(-1, 0u);
    EXPECT_LE((uint8_t)255, 255);
    EXPECT_GT(&two + 1, &two);
    EXPECT_GE(two, true);
    EXPECT_TRUE(two);
    EXPECT_FALSE(two == 3);
    EXPECT_STR_EQ(NULL, NULL);
    EXPECT_STR_EQ("two", "two");
    EXPECT_MEM_EQ("two", "twin", 2);
}

/* Expected, and so not worth a line. */
TEST(good_refused)
{
    EXPECT_EQ(IOBufferMemoryDescriptor_withCapacity(0, kIODirectionOut, false), NULL);
}

TEST(good_skip)
{
    SKIP("nothing to see");
}

TEST(good_keeps)
{
    things++;
    TEST_KEEPS("it lives as long as the image");
}

TEST(refused)
{
    char bytes[51];
    IOBufferMemoryDescriptor *const buffer =
        IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOut, false);

    EXPECT_EQ(IOBufferMemoryDescriptor_withCapacity(0, kIODirectionOut, false), NULL);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(buffer, 50, bytes, 51), 4);
    EXPECT_EQ(two, -2);
    OSObject_release(buffer);
}

TEST(expect_eq_fails)
{
    EXPECT_EQ(two, -17);
    TEST_NOTE("went on");
}

TEST(expect_relations_fail)
{
    EXPECT_NE(two, 2);
    EXPECT_LT(0u, -1);
    EXPECT_LE(UINT64_MAX, -1);
    EXPECT_GT(two, two);
    EXPECT_GE(two, 300);
}

#define WRITTEN two

TEST(expect_status_fails)
{
    EXPECT_EQ(kIOReturnNoMemory, kIOReturnSuccess);
    EXPECT_EQ((uint32_t)kIOReturnBadArgument, (int64_t)kIOReturnBusy);
    EXPECT_EQ(WRITTEN, 3);
}

TEST(expect_truth_fails)
{
    EXPECT_TRUE(two == 3);
    EXPECT_FALSE(two == 2);
}

TEST(expect_string_fails)
{
    EXPECT_STR_EQ("tab\t", NULL);
}

TEST(expect_memory_fails)
{
    EXPECT_MEM_EQ("abcdef", "abcxyz", 6);
}

static void assert_three(void)
{
    ASSERT_EQ(two, 3);
}

TEST(assert_leaves)
{
    assert_three();
    TEST_NOTE("went on");
}

TEST(leak_page)
{
    paddr_t page;

    EXPECT_EQ(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
}

TEST(leak_pin)
{
    EXPECT_EQ(page_pin(virt_to_phys((void *)((uint64_t)&two & ~PAGE_MASK))), KERN_SUCCESS);
}

TEST(leak_heap_block)
{
    EXPECT_NE(heap_alloc(100), NULL);
}

TEST(leak_mapping)
{
    EXPECT_EQ(mmu_map(mmu_kernel, MMU_KERNEL_VA_BASE,
                      virt_to_phys((void *)((uint64_t)&two & ~PAGE_MASK)), PAGE_SIZE,
                      (struct mmu_attributes){.access = MMU_READ}),
              KERN_SUCCESS);
}

TEST(leak_thing)
{
    things++;
}

static IOBufferMemoryDescriptor *make_buffer(void)
{
    return IOBufferMemoryDescriptor_withCapacity(65536, kIODirectionOutIn, true);
}

static IOBufferMemoryDescriptor *freed_buffer(void)
{
    IOBufferMemoryDescriptor *buffer = make_buffer();

    OSObject_release(buffer);
    return buffer;
}

TEST(leak_object)
{
    EXPECT_NE(make_buffer(), NULL);
}

TEST(released_twice)
{
    OSObject_release(freed_buffer());
}

TEST(retained_after_free)
{
    OSObject_retain(freed_buffer());
}

TEST(changed_after_free)
{
    IOMemoryDescriptor_setTag(freed_buffer(), 7);
}

TEST(changed_after_free_among_many)
{
    IOBufferMemoryDescriptor *buffer = freed_buffer();

    for (int i = 0; i < 1000; i++) {
        freed_buffer();
        if (i == 100) {
            IOMemoryDescriptor_setTag(buffer, 7);
        }
    }
}

TEST(called_after_free)
{
    IOMemoryDescriptor_complete(freed_buffer(), kIODirectionNone);
}

TEST(leaves_interrupts_masked)
{
    irq_mask();
}

/* Right on this machine and under QEMU: two registers by one instruction. */
TEST(undecodable_access)
{
    volatile void *const uart = mmu_map_device(paddr(0x09000000), PAGE_SIZE);
    uint64_t low, high;

    ASSERT_TRUE(uart != NULL);
    __asm__ volatile("ldp %0, %1, [%2]" : "=&r"(low), "=r"(high) : "r"((uintptr_t)uart + 0xfe0));
}

static void load(void *address)
{
    mmio_read32(address, 0);
}

/* Behind the UART there is nothing: an abort of EL1, whoever plays the machine. */
TEST(good_access_to_nothing)
{
    struct fault_record fault;

    EXPECT_TRUE(fault_expect(load, (void *)mmu_map_device(paddr(0x09002000), PAGE_SIZE), &fault));
    EXPECT_EQ(ESR_ABORT_STATUS(fault.esr), 0x10); /* external */
}

TEST(panics)
{
    panic("on purpose");
}

static void panic_at_exit(void)
{
    panic("after the last test");
}

TEST(passes_but_panics_at_exit)
{
    EXPECT_EQ(atexit(panic_at_exit), 0);
}

TEST(faults)
{
    *(volatile int *)(uintptr_t)(two + 6) = 1;
}

TEST(hangs)
{
    for (;;) {
        two = 2;
    }
}

TEST(ends_early_a)
{
}

TEST(ends_early_b)
{
    kernel_exit(EXIT_STATUS_PASSED);
}

TEST(ends_early_c)
{
}
