/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* General descriptors over what the machine really has: image, heap, pages, registers. */
#include <string.h>

#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/timer.h"
#include "tests/harness/harness.h"

static uint8_t statics[3 * 4096];
static const char rodata[64] = "read only";

extern char __text_start[], __stack_guard[];

static IOMemoryDescriptor *describe(const void *address, IOByteCount length, IOOptionBits options)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRange((uintptr_t)address, length, options, kernel_task);

    ASSERT_NE(memory, NULL);
    return memory;
}

TEST(md_7_pins_of_real_pages)
{
    const paddr_t page = virt_to_phys((void *)trunc_page((uintptr_t)statics + 4096));
    const uint32_t before = page_pin_count(page);
    IOMemoryDescriptor *one = describe(statics, sizeof(statics), kIODirectionIn);
    IOMemoryDescriptor *two =
        describe((void *)trunc_page((uintptr_t)statics + 4096), 1, kIODirectionIn);

    EXPECT_EQ(IOMemoryDescriptor_prepare(one, 0), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_prepare(one, 0), kIOReturnSuccess);
    EXPECT_EQ(page_pin_count(page), before + 1);
    EXPECT_EQ(IOMemoryDescriptor_prepare(two, 0), kIOReturnSuccess);
    EXPECT_EQ(page_pin_count(page), before + 2);
    EXPECT_EQ(IOMemoryDescriptor_complete(one, 0), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(one, 0), kIOReturnSuccess);
    EXPECTS_REPORT(11);
    EXPECT_EQ(IOMemoryDescriptor_complete(one, 0), kIOReturnNotReady);
    EXPECT_EQ(page_pin_count(page), before + 1);
    OSObject_release(two); /* MD-11 */
    EXPECT_EQ(page_pin_count(page), before);
    OSObject_release(one);
}

/* A pinned page is not freed under the device. */
TEST(a_prepared_page_cannot_be_freed)
{
    paddr_t page;
    IOMemoryDescriptor *memory;

    ASSERT_EQ(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
    memory = IOMemoryDescriptor_withAddress(phys_to_virt(page), PAGE_SIZE, kIODirectionIn);
    ASSERT_NE(memory, NULL);
    EXPECT_EQ(page_free(page, 0), KERN_FAILURE);
    OSObject_release(memory);
    EXPECT_EQ(page_free(page, 0), KERN_SUCCESS);
}

TEST(md_6_with_address_of_the_heap)
{
    uint8_t *block = heap_alloc(10000);
    IOMemoryDescriptor *memory;
    uint8_t bytes[100];

    ASSERT_NE(block, NULL);
    for (unsigned i = 0; i < 10000; i++) {
        block[i] = (uint8_t)(i * 3);
    }
    memory = IOMemoryDescriptor_withAddress(block, 10000, kIODirectionOutIn);
    ASSERT_NE(memory, NULL);
    EXPECT_EQ(IOMemoryDescriptor_getPhysicalAddress(memory), virt_to_phys(block).value);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(memory, 4050, bytes, 100), 100);
    EXPECT_MEM_EQ(bytes, block + 4050, 100);
    memset(bytes, 0xab, 100);
    EXPECT_EQ(IOMemoryDescriptor_writeBytes(memory, 9900, bytes, 100), 100);
    EXPECT_MEM_EQ(block + 9900, bytes, 100);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(memory, 9901, bytes, 100), 0);
    OSObject_release(memory);
    heap_free(block);
}

TEST(md_8_read_only_memory)
{
    IOMemoryDescriptor *memory = describe(rodata, sizeof(rodata), kIODirectionOut);
    char bytes[sizeof(rodata)];

    EXPECTS_REPORT(7);
    EXPECT_EQ(IOMemoryDescriptor_prepare(memory, kIODirectionIn), kIOReturnNotWritable);
    EXPECT_EQ(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(memory, 0, bytes, sizeof(bytes)), sizeof(bytes));
    EXPECT_MEM_EQ(bytes, rodata, sizeof(rodata));
    EXPECT_EQ(IOMemoryDescriptor_writeBytes(memory, 0, "x", 1), 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotWritable);
    OSObject_release(memory);
}

/* Not even by its physical address is text written. */
TEST(physical_text_is_not_written)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(
        virt_to_phys(__text_start).value, 16, kIODirectionOutIn);
    char bytes[16];

    EXPECT_EQ(IOMemoryDescriptor_readBytes(memory, 0, bytes, 16), 16);
    EXPECT_MEM_EQ(bytes, __text_start, 16);
    EXPECT_EQ(IOMemoryDescriptor_writeBytes(memory, 0, bytes, 16), 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnVMError);
    OSObject_release(memory);
}

TEST(md_9_unmapped_memory)
{
    /* The page below the stack, in the middle of mapped ones. */
    IOMemoryDescriptor *guard =
        describe((void *)((uintptr_t)__stack_guard - 4096), 3 * 4096, kIODirectionOut);
    IOMemoryDescriptor *hole = describe((void *)MMU_KERNEL_VA_BASE, 10, kIODirectionOut);

    EXPECT_EQ(IOMemoryDescriptor_prepare(guard, 0), kIOReturnCannotWire);
    EXPECT_EQ(IOMemoryDescriptor_prepare(hole, 0), kIOReturnCannotWire);
    EXPECT_EQ(IOMemoryDescriptor_getPreparationID(guard), kIOPreparationIDUnprepared);
    OSObject_release(hole);
    OSObject_release(guard);
    EXPECT_EQ(IOMemoryDescriptor_withAddressRange(0, 10, kIODirectionOut, kernel_task), NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnVMError);
    EXPECT_EQ(IOMemoryDescriptor_withAddress((void *)MMU_KERNEL_VA_BASE, 10, kIODirectionOut),
              NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnCannotWire);
}

TEST(md_13_preparation_ids)
{
    IOMemoryDescriptor *memory = describe(statics, 10, kIODirectionIn);
    uint64_t first;

    EXPECT_EQ(IOMemoryDescriptor_getPreparationID(memory), 0);
    IOMemoryDescriptor_prepare(memory, 0);
    first = IOMemoryDescriptor_getPreparationID(memory);
    EXPECT_GE(first, 1ull << 32);
    IOMemoryDescriptor_complete(memory, 0);
    IOMemoryDescriptor_prepare(memory, 0);
    EXPECT_GT(IOMemoryDescriptor_getPreparationID(memory), first);
    OSObject_release(memory);
}

TEST(md_17_unprepared_memory)
{
    IOMemoryDescriptor *memory = describe(statics, 10, kIODirectionIn);
    IOByteCount length = 7;

    EXPECT_EQ(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0), 0);
    EXPECT_EQ(length, 0);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(memory, 0, &length, 1), 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotReady);
    OSObject_release(memory);
}

TEST(md_18_physical_zero)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(0, 4096, kIODirectionOut);
    IOByteCount length;

    EXPECT_EQ(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0), 0);
    EXPECT_EQ(length, 4096);
    OSObject_release(memory);
}

/* The PL011's identification registers hold 0x0d, 0xf0, 0x05, 0xb1, one a word. */
TEST(device_registers_are_read_word_by_word)
{
    static const uint32_t expected[] = {0x0d, 0xf0, 0x05, 0xb1};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withPhysicalAddress(0x09000ff0, 16, kIODirectionOut);
    uint32_t cell[4];

    EXPECT_EQ(IOMemoryDescriptor_readBytes(memory, 0, cell, 16), 16);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(cell[i] & 0xff, expected[i]);
    }
    OSObject_release(memory);
}

TEST(md_27_remote_memory_is_not_touched)
{
    IOAddressRange range = {0xfff0000000000000, 0x1000};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        &range, 1, kIODirectionIn | kIOMemoryRemote, TASK_NULL);
    IOByteCount length;

    EXPECT_EQ(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0), 0xfff0000000000000);
    EXPECT_EQ(IOMemoryDescriptor_writeBytes(memory, 0, NULL, 1), 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotAttached);
    EXPECT_EQ(IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, 0, 1),
              kIOReturnNotAttached);
    OSObject_release(memory);
}

TEST(md_31_cache_operations)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddress(statics + 1, sizeof(statics) - 2, kIODirectionIn);

    memset(statics, 0x77, sizeof(statics));
    EXPECT_EQ(IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOStore, 10, 5000),
              kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, 1, 1 << 20),
              kIOReturnSuccess);
    EXPECT_EQ(
        IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, sizeof(statics), 1),
        kIOReturnBadArgument);
    EXPECT_EQ(IOMemoryDescriptor_performOperation(memory, 77, 0, 1), kIOReturnUnsupported);
    EXPECT_EQ(statics[0], 0x77);
    EXPECT_EQ(statics[sizeof(statics) - 1], 0x77);
    EXPECT_EQ(IOMemoryDescriptor_writeBytes(memory, 0, NULL, sizeof(statics) - 2),
              sizeof(statics) - 2);
    EXPECT_EQ(statics[0], 0x77);
    EXPECT_EQ(statics[1], 0);
    EXPECT_EQ(statics[sizeof(statics) - 2], 0);
    EXPECT_EQ(statics[sizeof(statics) - 1], 0x77);
    OSObject_release(memory);
}

TEST(md_33_active_dma_holds_the_preparation)
{
    IOMemoryDescriptor *memory = describe(statics, 10, kIODirectionIn);

    IOMemoryDescriptor_prepare(memory, 0);
    EXPECT_EQ(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAActive, NULL, 0),
              kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(memory, 0), kIOReturnBusy);
    EXPECT_EQ(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAInactive, NULL, 0),
              kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

TEST(the_last_page_of_ram_is_known)
{
    EXPECT_EQ(gIOLastPage, page_last());
    EXPECT_NE(gIOLastPage, 0);
}

#define NOTHING_THERE 0x0b800000ul /* between the virtio slots and the platform bus */

static volatile IOByteCount handler_copied;

static void read_nothing(void *context)
{
    uint8_t bytes[8];

    handler_copied = IOMemoryDescriptor_readBytes((IOMemoryDescriptor *)context, 0, bytes, 8);
}

/* Physical memory need not be there: the copy ends, and says why. */
TEST(copying_where_nothing_answers_is_an_error)
{
    IOMemoryDescriptor *md =
        IOMemoryDescriptor_withPhysicalAddress(NOTHING_THERE, 64, kIODirectionOutIn);
    struct timer timer = {.callback = read_nothing, .context = md};
    uint8_t bytes[64] = {0};
    irq_state_t irq;

    EXPECT_EQ(IOMemoryDescriptor_readBytes(md, 0, bytes, 64), 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnVMError);
    EXPECT_EQ(IOMemoryDescriptor_writeBytes(md, 8, bytes, 3), 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnVMError);
    handler_copied = 1;
    irq = irq_mask();
    timer_start(&timer, 1000);
    while (handler_copied == 1) {
        irq_wait();
    }
    irq_restore(irq);
    EXPECT_EQ(handler_copied, 0);
    OSObject_release(md);
    TEST_KEEPS("the table for the device's window in the direct map");
}
