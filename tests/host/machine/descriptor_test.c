/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * General descriptors, how they begin, are prepared and end: the
 * checks MD-1 to MD-13 and MD-34 as far as they need no mapping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "kernel/page.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/host/sim/sim_cache.h"

static void md_1_factories(void **state)
{
    IOAddressRange ranges[] = {{pages_at, 100}, {pages_at + 5000, 50}};
    IOMemoryDescriptor *all[5];
    const IOByteCount lengths[] = {150, 100, 100, 77, 150};

    (void)state;
    all[0] = IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionIn, kernel_task);
    all[1] = IOMemoryDescriptor_withAddressRange(pages_at, 100, kIODirectionIn, kernel_task);
    all[2] = IOMemoryDescriptor_withAddress((void *)(pages_at), 100, kIODirectionIn);
    all[3] = IOMemoryDescriptor_withPhysicalAddress(0x1000, 77, kIODirectionIn);
    all[4] = IOMemoryDescriptor_withOptions(ranges, 2, 0, kernel_task,
                                            kIODirectionIn | kIOMemoryTypeVirtual, kIOMapperSystem);
    for (size_t i = 0; i < 5; i++) {
        assert_non_null(all[i]);
        assert_int_equal(IOMemoryDescriptor_getLength(all[i]), lengths[i]);
        assert_int_equal(IOMemoryDescriptor_getDirection(all[i]), kIODirectionIn);
        assert_int_equal(IOMemoryDescriptor_getTag(all[i]), 0);
        assert_ptr_equal(IOMemoryDescriptor_getMetaClass(all[i]),
                         &IOGeneralMemoryDescriptor_metaClass);
    }
    assert_int_equal(IOMemoryDescriptor_getFlags(all[0]), kIODirectionIn | kIOMemoryTypeVirtual);
    assert_int_equal(IOMemoryDescriptor_getFlags(all[2]), kIODirectionIn | kIOMemoryTypeVirtual |
                                                              kIOMemoryAutoPrepare |
                                                              kIOMemoryAsReference);
    assert_int_equal(IOMemoryDescriptor_getFlags(all[3]),
                     kIODirectionIn | kIOMemoryTypePhysical | kIOMemoryAsReference);
    for (size_t i = 0; i < 5; i++) {
        OSObject_release(all[i]);
    }
}

static void attributes(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 10, kIODirectionOut);
    IOMemoryDescriptor *other = describe_pages(0, 10, kIODirectionOut);

    (void)state;
    IOMemoryDescriptor_setTag(memory, 0xdeadbeef);
    assert_int_equal(IOMemoryDescriptor_getTag(memory), 0xdeadbeef);
    assert_int_equal(IOMemoryDescriptor_getVMTag(memory, kernel_map), VM_KERN_MEMORY_IOKIT);
    assert_int_equal(IOMemoryDescriptor_getVMTag(memory, NULL), VM_MEMORY_IOKIT);
    IOMemoryDescriptor_setVMTags(memory, 0xffff, 0xffff);
    platform_set_last_error(0);
    IOMemoryDescriptor_setVMTags(memory, 1, 0x10000); /* 16 bits each */
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    platform_set_last_error(0);
    IOMemoryDescriptor_setVMTags(memory, 0x10000, 1);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_getVMTag(memory, kernel_map), 0xffff);
    assert_int_equal(IOMemoryDescriptor_getVMTag(memory, NULL), 0xffff);
    IOMemoryDescriptor_setMapperOptions(memory, 0x8001);
    assert_int_equal(IOMemoryDescriptor_getMapperOptions(memory), 0x8001);
    assert_int_not_equal(IOMemoryDescriptor_getDescriptorID(memory), kIODescriptorIDInvalid);
    assert_int_equal(IOMemoryDescriptor_getDescriptorID(memory),
                     IOMemoryDescriptor_getDescriptorID(memory));
    assert_int_not_equal(IOMemoryDescriptor_getDescriptorID(memory),
                         IOMemoryDescriptor_getDescriptorID(other));
    OSObject_release(memory);
    OSObject_release(other);
}

static void md_2_empty_descriptors(void **state)
{
    IOAddressRange nothing[] = {{0, 0}, {UINT64_MAX, 0}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(nothing, 2, kIODirectionIn, kernel_task);
    IOByteCount length = 7, dirty;
    uint64_t offset = 7;
    char byte;

    (void)state;
    assert_non_null(memory);
    assert_int_equal(IOMemoryDescriptor_getLength(memory), 0);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, &offset), 0);
    assert_int_equal(offset, 0);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, 1, 0, 1), kIOReturnSuccess);
    length = dirty = 7;
    assert_int_equal(IOMemoryDescriptor_getPageCounts(memory, &length, &dirty), kIOReturnSuccess);
    assert_int_equal(length | dirty, 0);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    OSObject_release(memory);
}

static void expect_refusal(IOAddressRange *ranges, UInt32 count, task_t task, IOOptionBits options,
                           IOReturn why)
{
    platform_set_last_error(0);
    assert_null(IOMemoryDescriptor_withOptions(ranges, count, 0, task, options, NULL));
    assert_int_equal(IOMemoryLastError(), why);
}

static void md_3_bad_creations(void **state)
{
    const IOOptionBits V = kIOMemoryTypeVirtual, P = kIOMemoryTypePhysical;
    IOAddressRange fine[] = {{pages_at, 1}};
    IOAddressRange ram[] = {{SIM_RAM_BASE, 1}}; /* as a physical address */
    IOAddressRange wraps[] = {{UINT64_MAX - 1, 4}};
    IOAddressRange wraps_to_zero[] = {{-PAGE_SIZE, PAGE_SIZE}};
    IOAddressRange sum[] = {{0, 1ull << 63}, {0, 1ull << 63}};
    IOAddressRange high[] = {{1ull << 44, 1}};
    IOAddressRange top_page[] = {{(1ull << 44) - 1, 1}};
    IOAddressRange illegal[] = {{0, 1}};
    IOAddressRange huge[] = {{pages_at, ptoa(atop(64 * SIM_MIB) + 1)}};
    IOMemoryDescriptor *memory;

    (void)state;
    expect_refusal(fine, 1, kernel_task, 0, kIOReturnBadArgument);    /* no type */
    expect_refusal(fine, 1, kernel_task, 0x40, kIOReturnBadArgument); /* internal type */
    expect_refusal(fine, 1, kernel_task, 0xf0, kIOReturnBadArgument); /* no such type */
    expect_refusal(fine, 1, TASK_NULL, kIOMemoryTypeUPL, kIOReturnUnsupported);
    expect_refusal(fine, 1, TASK_NULL, kIOMemoryTypeUIO, kIOReturnUnsupported);
    expect_refusal(fine, 1, TASK_NULL, V, kIOReturnBadArgument);
    expect_refusal(fine, 1, kernel_task, P, kIOReturnBadArgument); /* physical has no task */
    expect_refusal(ram, 1, kernel_task, P, kIOReturnBadArgument);
    expect_refusal(ram, 1, TASK_NULL, 0, kIOReturnBadArgument);
    expect_refusal(ram, 1, TASK_NULL, 0x40, kIOReturnBadArgument);
    expect_refusal(NULL, 1, kernel_task, V, kIOReturnBadArgument); /* no ranges */
    expect_refusal(fine, 0, kernel_task, V, kIOReturnBadArgument);
    expect_refusal(wraps, 1, kernel_task, V, kIOReturnBadArgument);
    expect_refusal(wraps, 1, TASK_NULL, P, kIOReturnBadArgument);
    expect_refusal(wraps_to_zero, 1, TASK_NULL, P | kIOMemoryRemote, kIOReturnBadArgument);
    expect_refusal(sum, 2, TASK_NULL, P | kIOMemoryRemote, kIOReturnBadArgument);
    expect_refusal(high, 1, TASK_NULL, P, kIOReturnBadArgument);
    expect_refusal(illegal, 1, kernel_task, V, kIOReturnVMError);
    expect_refusal(huge, 1, kernel_task, V, kIOReturnNoResources);
    expect_refusal(fine, 1, kernel_task, V | 0x80000000,
                   kIOReturnUnsupported); /* a cache mode above 7 */
    expect_refusal(fine, 1, kernel_task, V | 0x08000000, kIOReturnBadArgument);
    expect_refusal(fine, 1, kernel_task, V | kIOMemoryPreparedReadOnly, kIOReturnBadArgument);
    memory = IOMemoryDescriptor_withOptions(top_page, 1, 0, TASK_NULL, P, NULL);
    assert_non_null(memory); /* the highest page number there is */
    OSObject_release(memory);
    /* Type bits are not for these. */
    assert_null(IOMemoryDescriptor_withAddressRanges(fine, 1, V, kernel_task));
    assert_null(IOMemoryDescriptor_withAddressRange(pages_at, 1, P, kernel_task));
    assert_null(IOMemoryDescriptor_withAddress((void *)(pages_at), 1, 0x10));
    assert_null(IOMemoryDescriptor_withPhysicalAddress(0, 1, 0x10));
}

static void md_4_ranges_are_copied_or_not(void **state)
{
    IOAddressRange ranges[] = {{0x1000, 16}, {0x3000, 16}};
    IOMemoryDescriptor *copied =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionIn, TASK_NULL);
    IOMemoryDescriptor *used = IOMemoryDescriptor_withAddressRanges(
        ranges, 2, kIODirectionIn | kIOMemoryAsReference, TASK_NULL);

    (void)state;
    assert_ptr_not_equal(general_of(copied)->ranges, ranges);
    assert_ptr_equal(general_of(used)->ranges, ranges);
    ranges[0].address = 0x9000;
    assert_int_equal(IOMemoryDescriptor_getPhysicalAddress(copied), 0x1000);
    assert_int_equal(general_of(copied)->ranges[0].address, 0x1000);
    OSObject_release(copied);
    OSObject_release(used);
}

static void md_5_reinitialisation_drops_what_was(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, ptoa(3), kIODirectionIn);
    IOAddressRange next = {pages_at + ptoa(5), 10};

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 3);
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAActive, NULL, 0),
                     kIOReturnSuccess);
    assert_false(IOMemoryDescriptor_initWithOptions(memory, &next, 1, 0, kernel_task,
                                                    kIOMemoryTypeVirtual, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_getLength(memory), ptoa(3)); /* nothing changed */
    assert_int_equal(pins(), 3);
    IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAInactive, NULL, 0);
    assert_true(IOMemoryDescriptor_initWithOptions(memory, &next, 1, 0, kernel_task,
                                                   kIOMemoryTypeVirtual | kIODirectionOut, NULL));
    assert_int_equal(pins(), 0);
    assert_int_equal(IOMemoryDescriptor_getLength(memory), 10);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_false(IOMemoryDescriptor_initWithOptions(memory, NULL, 1, 0, kernel_task,
                                                    kIOMemoryTypeVirtual, NULL));
    assert_int_equal(pins(), 0);
    OSObject_release(memory);
}

/* The same for creation. */
static void om_10_each_allocation_of_a_creation_fails(void **state)
{
    IOAddressRange ranges[] = {{pages_at, ptoa(3)}, {pages_at + ptoa(4), 100}};
    IOMemoryDescriptor *memory = NULL;
    unsigned nth;

    (void)state;
    for (nth = 1; memory == NULL; nth++) {
        const struct holdings before = holdings_now();

        platform_set_last_error(0);
        fail_request(nth);
        memory = IOMemoryDescriptor_withOptions(
            ranges, 2, 0, kernel_task, kIOMemoryTypeVirtual | kIODirectionIn | kIOMemoryAutoPrepare,
            NULL);
        fail_request(0);
        if (memory == NULL) {
            const struct holdings after = holdings_now();

            assert_memory_equal(&before, &after, sizeof(before));
            assert_true(IOMemoryLastError() == kIOReturnNoMemory ||
                        IOMemoryLastError() == kIOReturnNoResources);
        }
    }
    assert_true(nth > 4);
    OSObject_release(memory);
}

static void md_34_contexts(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 1, 1);
    IOMemoryDescriptor *one = describe_pages(0, 1, 1), *two = describe_pages(0, 1, 1);

    (void)state;
    assert_null(IOMemoryDescriptor_copyContext(memory));
    IOMemoryDescriptor_setContext(memory, one);
    assert_int_equal(OSObject_getRetainCount(one), 2);
    IOMemoryDescriptor_setContext(memory, one);
    assert_int_equal(OSObject_getRetainCount(one), 2);
    assert_ptr_equal(IOMemoryDescriptor_copyContext(memory), one);
    assert_int_equal(OSObject_getRetainCount(one), 3);
    OSObject_release(one);
    IOMemoryDescriptor_setContext(memory, two);
    assert_int_equal(OSObject_getRetainCount(one), 1);
    IOMemoryDescriptor_setContext(memory, (OSObject *)NULL);
    assert_int_equal(OSObject_getRetainCount(two), 1);
    IOMemoryDescriptor_setContext(memory, two);
    OSObject_release(memory);
    assert_int_equal(OSObject_getRetainCount(two), 1);
    OSObject_release(one);
    OSObject_release(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(md_1_factories),
        WITH_PAGES(attributes),
        WITH_PAGES(md_2_empty_descriptors),
        WITH_PAGES(md_3_bad_creations),
        WITH_PAGES(md_4_ranges_are_copied_or_not),
        WITH_PAGES(md_5_reinitialisation_drops_what_was),
        WITH_PAGES(om_10_each_allocation_of_a_creation_fails),
        WITH_PAGES(md_34_contexts),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
