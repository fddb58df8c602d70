/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers in the kernel task: the checks BM-1 to BM-8, BM-14, BM-16
 * and BM-17 as far as they concern wired buffers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/OSObject_class.h"
#include "kernel/page.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/host/sim/sim_console.h"

static uint8_t *bytes_of(IOBufferMemoryDescriptor *buffer)
{
    return IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
}

static bool all_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (*reach(bytes + i) != 0) {
            return false;
        }
    }
    return true;
}

/* What every new buffer has in common. */
static void expect_fresh(IOBufferMemoryDescriptor *buffer, uint64_t capacity, IODirection direction,
                         uint64_t alignment)
{
    IOByteCount length;

    assert_non_null(buffer);
    assert_int_equal(IOBufferMemoryDescriptor_getCapacity(buffer), capacity);
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), capacity);
    assert_int_equal(IOMemoryDescriptor_getDirection(buffer), direction);
    assert_int_equal((uintptr_t)bytes_of(buffer) % alignment, 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(buffer, 0, &length, 0) % alignment, 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalAddress(buffer), physical_of(bytes_of(buffer)));
    assert_true(all_zero(bytes_of(buffer), capacity));
}

#define SOIL_ORDER 9

/* Dirty memory that the next buffer will get some of. */
static void soil_memory(void)
{
    paddr_t blocks[8];

    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(page_alloc(SOIL_ORDER, PAGE_OWNER_IMAGE, &blocks[i]), KERN_SUCCESS);
        memset(phys_to_virt(blocks[i]), 0xdb, ptoa(1) << SOIL_ORDER);
    }
    for (size_t i = 0; i < 8; i++) {
        page_free(blocks[i], SOIL_ORDER);
    }
}

static void bm_1_factories(void **state)
{
    static const uint64_t capacities[] = {1, 100, 4095, 4096, 4097, 100000};

    (void)state;
    soil_memory();
    for (size_t i = 0; i < 6; i++) {
        const uint64_t capacity = capacities[i];
        const uint64_t log = 64 - (uint64_t)__builtin_clzll(capacity * 2 - 1) - 1;
        IOBufferMemoryDescriptor *all[] = {
            IOBufferMemoryDescriptor_withCapacity(capacity, kIODirectionOutIn, false),
            IOBufferMemoryDescriptor_withCapacity(capacity, kIODirectionOutIn, true),
            IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, capacity, 64),
            IOBufferMemoryDescriptor_inTaskWithOptions(
                kernel_task, kIODirectionOutIn | kIOMemoryKernelUserShared, capacity, 1),
            IOBufferMemoryDescriptor_inTaskWithPhysicalMask(kernel_task, kIODirectionOutIn,
                                                            capacity, 0xffffe000),
            IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, capacity, 100), /* 128 */
            IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, capacity, 0),
        };
        const uint64_t alignments[] = {1, 1ull << log, 64, PAGE_SIZE, 0x2000, 128, 1};

        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
            expect_fresh(all[k], capacity, kIODirectionOutIn, alignments[k]);
        }
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
            for (uint64_t at = 0; at < capacity; at++) {
                *reach(bytes_of(all[k]) + at) = (uint8_t)k;
            }
        }
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
            assert_int_equal(*reach(bytes_of(all[k])), k);
            assert_int_equal(*reach(bytes_of(all[k]) + capacity - 1), k);
            OSObject_release(all[k]);
        }
    }
}

static void bm_1_with_bytes(void **state)
{
    static uint8_t bytes[5000];
    IOBufferMemoryDescriptor *buffer;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 13);
    }
    buffer = IOBufferMemoryDescriptor_withBytes(bytes, sizeof(bytes), kIODirectionOut, true);
    assert_int_equal(IOBufferMemoryDescriptor_getCapacity(buffer), sizeof(bytes));
    assert_memory_equal(bytes_of(buffer), bytes, sizeof(bytes));
    OSObject_release(buffer);
    assert_null(
        IOBufferMemoryDescriptor_withBytes(NULL, 10, kIODirectionOut, false)); /* no bytes */
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
}

static void expect_refusal(task_t task, IOOptionBits options, uint64_t capacity, uint64_t alignment,
                           uint64_t mask, IOReturn why)
{
    IOBufferMemoryDescriptor *buffer;

    platform_set_last_error(0);
    buffer = mask != 0
                 ? IOBufferMemoryDescriptor_inTaskWithPhysicalMask(task, options, capacity, mask)
                 : IOBufferMemoryDescriptor_inTaskWithOptions(task, options, capacity, alignment);
    assert_null(buffer);
    assert_int_equal(IOMemoryLastError(), why);
}

static void bm_2_bad_capacities(void **state)
{
    static const uint64_t huge[] = {UINT64_MAX, -PAGE_SIZE, -PAGE_SIZE + 1};

    (void)state;
    expect_refusal(kernel_task, kIODirectionIn, 0, 1, 0, kIOReturnBadArgument);
    expect_refusal(kernel_task, kIODirectionIn, 0, 1, 0xfffff000, kIOReturnBadArgument);
    for (size_t i = 0; i < 3; i++) {
        expect_refusal(kernel_task, kIODirectionIn, huge[i], 1, 0, kIOReturnBadArgument);
        expect_refusal(kernel_task, kIODirectionIn, huge[i], PAGE_SIZE, 0, kIOReturnBadArgument);
        expect_refusal(kernel_task, kIODirectionIn, huge[i], 1, 0xfffff000, kIOReturnBadArgument);
    }
    expect_refusal(kernel_task, kIODirectionIn, 100, (1ull << 63) + 1, 0, kIOReturnBadArgument);
    expect_refusal(kernel_task, kIODirectionIn, 1ull << 62, 1, 0, kIOReturnNoMemory);
    expect_refusal(kernel_task, kIODirectionIn | kIOMemoryPhysicallyContiguous,
                   ptoa(atop(64 * SIM_MIB) + 1), 1, 0, kIOReturnNoMemory);
}

static void bm_3_only_the_kernel_task(void **state)
{
    (void)state;
    expect_refusal(TASK_NULL, kIODirectionIn, 100, 1, 0, kIOReturnBadArgument);
    expect_refusal(kernel_task, kIODirectionIn | kIOMemoryPurgeable, 100, 1, 0,
                   kIOReturnBadArgument); /* wired memory is not purgeable */
    expect_refusal(kernel_task, kIODirectionIn | 0x01000000, 100, 1, 0, kIOReturnBadArgument);
    expect_refusal(kernel_task, kIODirectionIn | 0x00020000, 100, 1, 0, kIOReturnBadArgument);
    platform_set_last_error(0);
    assert_null(IOBufferMemoryDescriptor_withCapacity(100, 0x10, false));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
}

static void bm_4_lengths(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(10000, kIODirectionOutIn, false);
    IOByteCount length;
    uint8_t byte;

    (void)state;
    bytes_of(buffer)[9000] = 77;
    IOBufferMemoryDescriptor_setLength(buffer, 5000);
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), 5000);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(buffer, 5000, &length, 0), 0);
    assert_int_equal(length, 0);
    IOMemoryDescriptor_getPhysicalSegment(buffer, 4999, &length, 0);
    assert_int_equal(length, 1); /* the segment does not go on behind the length */
    assert_int_equal(IOMemoryDescriptor_readBytes(buffer, 4999, &byte, 2), 0);
    platform_set_last_error(0);
    IOBufferMemoryDescriptor_setLength(buffer, 10001); /* above the capacity */
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), 5000);
    IOBufferMemoryDescriptor_setLength(buffer, 0);
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), 0);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(buffer, NULL), 0);
    IOBufferMemoryDescriptor_setLength(buffer, 10000);
    assert_int_equal(IOMemoryDescriptor_readBytes(buffer, 9000, &byte, 1), 1);
    assert_int_equal(byte, 77);
    OSObject_release(buffer);
}

static void bm_5_get_bytes_no_copy_range(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(1000, kIODirectionOutIn, false);
    uint8_t *const first = bytes_of(buffer);

    (void)state;
    IOBufferMemoryDescriptor_setLength(buffer, 600);
    assert_ptr_equal(IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, 0, 600), first);
    assert_ptr_equal(IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, 599, 1), first + 599);
    assert_ptr_equal(IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, 599, 0), first + 599);
    assert_null(IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, 600, 0));
    assert_null(IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, 599, 2));
    assert_null(IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, 0, 601));
    assert_null(IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, 2, UINT64_MAX));
    assert_null(IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, UINT64_MAX, 2));
    OSObject_release(buffer);
}

static void bm_6_append(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(10, kIODirectionOut, false);

    (void)state;
    IOBufferMemoryDescriptor_setLength(buffer, 0);
    assert_true(IOBufferMemoryDescriptor_appendBytes(buffer, "abc", 3));
    assert_true(IOBufferMemoryDescriptor_appendBytes(buffer, NULL, 2));
    assert_true(IOBufferMemoryDescriptor_appendBytes(buffer, "x", 0));
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), 5);
    platform_set_last_error(0);
    assert_false(IOBufferMemoryDescriptor_appendBytes(buffer, "defghijk", 8)); /* all or nothing */
    assert_int_equal(IOMemoryLastError(), kIOReturnNoSpace);
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), 10);
    assert_memory_equal(bytes_of(buffer), "abc\0\0defgh", 10);
    assert_false(IOBufferMemoryDescriptor_appendBytes(buffer, "z", 1));
    assert_true(IOBufferMemoryDescriptor_appendBytes(buffer, "z", 0));
    assert_memory_equal(bytes_of(buffer), "abc\0\0defgh", 10);
    OSObject_release(buffer);
}

static void expect_one_segment(IOBufferMemoryDescriptor *buffer)
{
    IOByteCount length;

    IOMemoryDescriptor_getPhysicalSegment(buffer, 0, &length, 0);
    assert_int_equal(length, IOMemoryDescriptor_getLength(buffer));
    OSObject_release(buffer);
}

static void bm_7_contiguous_buffers(void **state)
{
    static const uint64_t sizes[] = {1, 3000, 4096, 10000, 1 << 20};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        expect_one_segment(IOBufferMemoryDescriptor_withCapacity(sizes[i], kIODirectionIn, true));
        expect_one_segment(IOBufferMemoryDescriptor_withOptions(
            kIODirectionIn | kIOMemoryHostPhysicallyContiguous, sizes[i], 1));
        expect_one_segment(
            IOBufferMemoryDescriptor_withOptions(kIODirectionIn, sizes[i], 4 * PAGE_SIZE));
    }
}

static void bm_8_physical_masks(void **state)
{
    static const uint64_t masks[] = {0xffffffff, 0xfffff000, 0xffffffffffff0000, 0x101ffffff,
                                     0x1fffffff0};
    static const bool possible[] = {true, true, true, false, true};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
            kernel_task, kIODirectionIn, 20000, masks[i]);
        IOByteCount offset = 0, length;
        const uint64_t low = (masks[i] & -masks[i]) - 1;

        assert_int_equal(buffer != NULL, possible[i]);
        while (buffer != NULL && offset < 20000) {
            const addr64_t at = IOMemoryDescriptor_getPhysicalSegment(buffer, offset, &length, 0);

            assert_int_equal(at & ~(masks[i] | low), 0);
            assert_int_equal((at + length - 1) & ~(masks[i] | low), 0);
            offset += length;
        }
        if (buffer != NULL) {
            assert_int_equal(IOMemoryDescriptor_getPhysicalAddress(buffer) & low, 0);
        }
        OSObject_release(buffer);
    }
    expect_refusal(kernel_task, kIODirectionIn, 100, 1, 0xf0f0,
                   kIOReturnBadArgument); /* a mask with a hole */
    expect_refusal(kernel_task, kIODirectionIn, 100, 1, 0xffff,
                   kIOReturnNoMemory); /* no RAM there */
}

/* A mask and an alignment hold together. */
static void bm_8_mask_and_alignment(void **state)
{
    (void)state;
    for (uint64_t alignment = 2; alignment <= 0x10000; alignment *= 2) {
        IOBufferMemoryDescriptor *buffer =
            IOBufferMemoryDescriptor_withOptions(kIODirectionIn, 10, 1);
        IOByteCount length;

        assert_false(IOBufferMemoryDescriptor_initWithPhysicalMask(
            buffer, kernel_task, kIODirectionIn, 10, alignment, 0xffffffff)); /* not twice */
        OSObject_release(buffer);
        buffer = IOBufferMemoryDescriptor_inTaskWithPhysicalMask(kernel_task, kIODirectionIn, 5000,
                                                                 0xffffffff & -alignment);
        assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(buffer, 0, &length, 0) % alignment,
                         0);
        assert_true(IOMemoryDescriptor_getPhysicalAddress(buffer) < 1ull << 32);
        OSObject_release(buffer);
    }
}

/* The larger of the two is the alignment, whichever says it; the limit is the mask's. */
static void bm_8_both_at_once(void **state)
{
    static const struct {
        uint64_t alignment, mask, expected;
    } wishes[] = {{2, 0xffff0000, 0x10000},
                  {64, 0xffffc000, 0x4000},
                  {0x20000, 0xfffffff0, 0x20000},
                  {0x8000, 0xffffffff, 0x8000}};

    (void)state;
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        for (uint64_t capacity = 10; capacity < 30000; capacity += 9999) {
            OSObject *object = OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);
            IOBufferMemoryDescriptor *buffer = (IOBufferMemoryDescriptor *)object;
            IOByteCount length;

            assert_true(IOBufferMemoryDescriptor_initWithPhysicalMask(
                buffer, kernel_task, kIODirectionIn, capacity, wishes[i].alignment,
                wishes[i].mask));
            for (IOByteCount offset = 0; offset < capacity; offset += length) {
                const addr64_t at =
                    IOMemoryDescriptor_getPhysicalSegment(buffer, offset, &length, 0);

                assert_true(offset != 0 || at % wishes[i].expected == 0);
                assert_true(at + length - 1 <= 0xffffffff);
            }
            OSObject_release(buffer);
        }
    }
}

static void bm_10_cache_modes(void **state)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
        kIODirectionIn | kIOMapCopybackCache | kIOMemoryMapperNone, 100, 1);

    (void)state;
    assert_int_equal((IOMemoryDescriptor_getFlags(buffer) & kIOMemoryBufferCacheMask) >>
                         kIOMemoryBufferCacheShift,
                     kIOCopybackCache);
    assert_true(IOMemoryDescriptor_getFlags(buffer) & kIOMemoryMapperNone); /* BM-16 */
    assert_int_equal((uintptr_t)bytes_of(buffer) % PAGE_SIZE, 0);
    OSObject_release(buffer);
    buffer = IOBufferMemoryDescriptor_withOptions(kIODirectionIn | kIOMemoryMapperNone, 100, 1);
    assert_int_equal(IOMemoryDescriptor_getFlags(buffer) & kIOMemoryBufferCacheMask,
                     0); /* no mode */
    OSObject_release(buffer);
}

static void bm_14_direction_and_preparation(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOut, false);
    char byte = 'x';

    (void)state;
    assert_int_equal(IOMemoryDescriptor_writeBytes(buffer, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotWritable);
    assert_int_equal(IOMemoryDescriptor_prepare(buffer, kIODirectionIn), kIOReturnNotWritable);
    bytes_of(buffer)[0] = 'y'; /* always possible */
    IOBufferMemoryDescriptor_setDirection(buffer,
                                          kIODirectionOutIn | 0xfffffff8); /* directions only */
    assert_int_equal(IOMemoryDescriptor_getFlags(buffer), kIODirectionOutIn | kIOMemoryTypeVirtual |
                                                              kIOMemoryAsReference |
                                                              kIOMemoryAutoPrepare);
    assert_int_equal(IOMemoryDescriptor_writeBytes(buffer, 0, &byte, 1), 1);
    assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
    IOBufferMemoryDescriptor_setDirection(buffer, kIODirectionOut); /* somebody relies on it */
    assert_int_equal(IOMemoryDescriptor_writeBytes(buffer, 0, &byte, 1), 1);
    assert_int_equal(IOMemoryDescriptor_complete(buffer, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(buffer, 0), kIOReturnNotReady);
    OSObject_release(buffer);
}

static void bm_17_tags(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_inTaskWithOptionsTags(kernel_task, kIODirectionIn, 100, 1, 12, 34);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getVMTag(buffer, kernel_map), 12);
    assert_int_equal(IOMemoryDescriptor_getVMTag(buffer, NULL), 34);
    OSObject_release(buffer);
    assert_null(IOBufferMemoryDescriptor_inTaskWithOptionsTags(kernel_task, kIODirectionIn, 100, 1,
                                                               0x10000, 0));
    assert_null(IOBufferMemoryDescriptor_inTaskWithOptionsTags(kernel_task, kIODirectionIn, 100, 1,
                                                               0, 0x10000));
    buffer = IOBufferMemoryDescriptor_inTaskWithOptionsTags(kernel_task, kIODirectionIn, 100, 1,
                                                            0xffff, 0xffff);
    assert_int_equal(IOMemoryDescriptor_getVMTag(buffer, kernel_map), 0xffff);
    assert_int_equal(IOMemoryDescriptor_getVMTag(buffer, NULL), 0xffff);
    OSObject_release(buffer);
}

/* OM-10: whichever request fails, nothing stays. */
static void each_request_of_a_creation_fails(void **state)
{
    IOBufferMemoryDescriptor *buffer = NULL;
    unsigned nth;

    (void)state;
    for (nth = 1; buffer == NULL; nth++) {
        const struct holdings before = holdings_now();
        struct holdings after;

        platform_set_last_error(0);
        fail_request(nth);
        buffer = IOBufferMemoryDescriptor_withCapacity(20000, kIODirectionIn, false);
        fail_request(0);
        if (buffer == NULL) {
            after = holdings_now();
            assert_memory_equal(&before, &after, sizeof(before));
            assert_true(IOMemoryLastError() == kIOReturnNoMemory ||
                        IOMemoryLastError() == kIOReturnNoResources);
        }
    }
    assert_true(nth > 2);
    OSObject_release(buffer);
}

/* A device may still write there: neither the pins nor the pages come back. */
static void freed_with_dma_active(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(PAGE_SIZE, kIODirectionIn, false);
    void *const memory = bytes_of(buffer);
    const paddr_t page = paddr(physical_of(memory));
    const struct holdings before = holdings_now();
    char said[60];

    (void)state;
    IOMemoryDescriptor_dmaCommandOperation(buffer, kIOMDSetDMAActive, NULL, 0);
    snprintf(said, sizeof(said), "%p freed with DMA active", (void *)buffer);
    sim_console_forget();
    OSObject_release(buffer);
    assert_true(sim_console_said(said));
    assert_int_equal(holdings_now().pages, before.pages);
    assert_int_equal(holdings_now().pins, before.pins);
    platform_unwire(&page, 1);
    platform_memory_free(memory, PAGE_SIZE);
}

static void a_buffer_describes_only_its_own_memory(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(100, kIODirectionIn, false);
    IOAddressRange range = {0x1000, 1};

    (void)state;
    assert_false(IOMemoryDescriptor_initWithOptions(buffer, &range, 1, 0, TASK_NULL,
                                                    kIOMemoryTypePhysical, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnUnsupported);
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), 100);
    OSObject_release(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(bm_1_factories),
        BALANCED(bm_1_with_bytes),
        BALANCED(bm_2_bad_capacities),
        BALANCED(bm_3_only_the_kernel_task),
        BALANCED(bm_4_lengths),
        BALANCED(bm_5_get_bytes_no_copy_range),
        BALANCED(bm_6_append),
        BALANCED(bm_7_contiguous_buffers),
        BALANCED(bm_8_physical_masks),
        BALANCED(bm_8_mask_and_alignment),
        BALANCED(bm_8_both_at_once),
        BALANCED(bm_10_cache_modes),
        BALANCED(bm_14_direction_and_preparation),
        BALANCED(bm_17_tags),
        BALANCED(each_request_of_a_creation_fails),
        BALANCED(freed_with_dma_active),
        BALANCED(a_buffer_describes_only_its_own_memory),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
