/* SPDX-License-Identifier: BSD-2-Clause */
/* A subclass that brings the copy of a whole range itself: what is done with a wrong one. */
#include "descriptors/dma/IODMACommand_private.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/lib/portable/test_mapper.h"

#define LENGTH 300
#define HUGE   0x200000 /* an alignment that DMA_LOW has */

static struct {
    uint64_t alignment, length; /* of the buffer; length 0: none */
    unsigned calls;
    IODirection direction;
    UInt64 asked;
} copy;

static IOBufferMemoryDescriptor *new_buffer(void)
{
    IOBufferMemoryDescriptor *buffer =
        (IOBufferMemoryDescriptor *)OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);

    assert_true(IOBufferMemoryDescriptor_initWithPhysicalMask(
        buffer, kernel_task, kIODirectionOutIn, copy.length, copy.alignment, 0));
    return buffer;
}

static bool is_huge(IOBufferMemoryDescriptor *buffer)
{
    IOByteCount length;

    return IOMemoryDescriptor_getPhysicalSegment(buffer, 0, &length, kIOMemoryMapperNone) % HUGE ==
           0;
}

static IOBufferMemoryDescriptor *bring(IODMACommand *self, IODirection direction, UInt64 length)
{
    IOBufferMemoryDescriptor *buffer, *chance;

    (void)self;
    copy.calls++;
    copy.direction = direction;
    copy.asked = length;
    if (copy.length == 0) {
        return NULL;
    }
    buffer = new_buffer();
    /* Aligned by chance: the page behind it is not. */
    if (copy.alignment < HUGE && is_huge(buffer)) {
        chance = buffer;
        buffer = new_buffer();
        OSObject_release(chance);
    }
    assert_int_equal(is_huge(buffer), copy.alignment >= HUGE);
    return buffer;
}

static uint32_t instances;

static void bringer_free(OSObject *self)
{
    IODMACommand_free((IODMACommand *)self);
}

static const IODMACommandClass bringer_class = {
    .meta = {"Bringer", &IODMACommand_metaClass, sizeof(IODMACommand), &instances, bringer_free},
    .createCopyBuffer = bring,
};

static IODMACommand *new_bringer(const IODMACommand_SegmentOptions *limits, IOMapper *mapper,
                                 IOMemoryDescriptor *memory)
{
    IODMACommand *command = (IODMACommand *)OSMetaClass_allocate(&bringer_class.meta);

    assert_true(IODMACommand_initWithSpecificationOptions(command, kIODMACommandOutputHost64,
                                                          limits, kMapped, mapper, NULL));
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    return command;
}

static void expect_refused(IODMACommand *command)
{
    IODMACommand_Segment64 list[2];

    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnNoResources);
    assert_int_equal(IODMACommand_getBounceLength(command), 0);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    assert_int_equal(dma_list(command, list, 2), 1);
    assert_int_equal(list[0].fIOVMAddr, DMA_LOW);
}

static void a_copy_that_does_not_suit_is_not_used(void **state)
{
    const IODMACommand_SegmentOptions huge = {.fStructSize = 40, .fAlignment = HUGE};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, LENGTH, 0, 0, kIODirectionOutIn);
    IODMACommand *command = new_bringer(&huge, NULL, memory);

    (void)state;
    dma_fill(DMA_LOW, LENGTH, 1);
    assert_null(IODMACommand_createCopyBuffer(NULL, kIODirectionOut, LENGTH));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    IOMemory_fail(kIOReturnSuccess);
    copy.calls = 0;
    assert_null(IODMACommand_createCopyBuffer(command, kIODirectionOut, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(copy.calls, 0);
    memset(&copy, 0, sizeof(copy));
    expect_refused(command); /* none */
    copy.length = LENGTH - 1;
    copy.alignment = HUGE;
    expect_refused(command); /* too short */
    copy.length = LENGTH;
    copy.alignment = PAGE_SIZE;
    expect_refused(command); /* where the device cannot begin */
    copy.alignment = HUGE;
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    assert_int_equal(copy.calls, 4);
    assert_int_equal(copy.asked, LENGTH);
    assert_int_equal(copy.direction & kIODirectionOutIn, kIODirectionOutIn);
    assert_int_equal(IODMACommand_getBounceLength(command), LENGTH);
    assert_int_equal(dma_device_reads(command, 7), pattern(7, 1));
    dma_device_writes(command, 8, 0x66);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_LOW)[8], 0x66);
    OSObject_release(command);
    OSObject_release(memory);
}

/* Of a part, which is moved in pieces: each byte to its place, and nothing beside it. */
static void a_copy_of_a_part_has_that_part(void **state)
{
    const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    const uint64_t offset = 1000, length = 700;
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 3000, 0, 0, kIODirectionOutIn);
    IODMACommand *command = new_bringer(&any, NULL, memory);

    (void)state;
    dma_fill(DMA_LOW, 3000, 1);
    memset(&copy, 0, sizeof(copy));
    copy.length = length;
    copy.alignment = PAGE_SIZE;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, offset, length, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    for (uint64_t at = 0; at < length; at++) {
        assert_int_equal(dma_device_reads(command, at), pattern(offset + at, 1));
        dma_device_writes(command, at, (uint8_t)~pattern(offset + at, 1));
    }
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    for (uint64_t at = 0; at < 3000; at++) {
        const bool moved = at >= offset && at < offset + length;

        assert_int_equal(dma_bytes(DMA_LOW)[at],
                         (uint8_t)(moved ? ~pattern(at, 1) : pattern(at, 1)));
    }
    OSObject_release(command);
    OSObject_release(memory);
}

/* Behind a mapper it may lie anywhere, and only where it is mapped counts. */
static void behind_a_mapper_a_copy_may_be_high(void **state)
{
    const IODMACommand_SegmentOptions coarse = {
        .fStructSize = 40, .fNumAddressBits = 28, .fAlignment = 512};
    struct test_mapper *mapper = test_mapper_new(1);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 8, LENGTH, 0, 0, kIODirectionOut);
    IODMACommand_Segment64 list[2];
    IODMACommand *command;
    uint8_t byte;

    (void)state;
    dma_fill(DMA_LOW + 8, LENGTH, 1);
    memset(&copy, 0, sizeof(copy));
    copy.length = LENGTH;
    copy.alignment = PAGE_SIZE;
    command = new_bringer(&coarse, &mapper->super, memory);
    assert_int_equal(copy.calls, 1);
    assert_int_equal(dma_list(command, list, 2), 1);
    assert_int_equal(list[0].fIOVMAddr & 511, 0);
    assert_true(test_mapper_read(mapper, list[0].fIOVMAddr + 9, &byte));
    assert_int_equal(byte, pattern(9, 1));
    OSObject_release(command);
    assert_int_equal(mapper->entries, 0);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_copy_that_does_not_suit_is_not_used),
        MAP_TEST(a_copy_of_a_part_has_that_part),
        MAP_TEST(behind_a_mapper_a_copy_may_be_high),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
