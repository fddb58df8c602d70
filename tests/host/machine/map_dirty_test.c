/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pages a transfer leaves changed: what a device may have written is, what it only read is
 * not. */
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/map_fixture.h"

static uint64_t dirty_pages(IOMemoryDescriptorRef memory)
{
    IOByteCount resident, dirty;

    assert_int_equal(IOMemoryDescriptor_getPageCounts(memory, &resident, &dirty), kIOReturnSuccess);
    return dirty;
}

/* Three pages of the owner that are resident and unchanged. */
static uint64_t clean_pages(void)
{
    const uint64_t at = new_pages(owner, 3, RW);

    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(load(owner, at + ptoa(i)), 0);
    }
    return at;
}

static void expect_dirty_after(IODirection own, IODirection asked, IODirection completed,
                               uint64_t dirty)
{
    const uint64_t at = clean_pages();
    IOMemoryDescriptor *memory = describe(at + 100, 2 * PAGE_SIZE, own, owner);

    assert_int_equal(dirty_pages(memory), 0);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, asked), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, completed), kIOReturnSuccess);
    assert_int_equal(dirty_pages(memory), dirty);
    OSObject_release(memory);
    remove_pages(owner, at, 3);
}

static void md_29_what_a_device_may_write_is_dirty(void **state)
{
    (void)state;
    expect_dirty_after(kIODirectionIn, kIODirectionNone, kIODirectionNone, 3);
    expect_dirty_after(kIODirectionOutIn, kIODirectionNone, kIODirectionNone, 3);
    expect_dirty_after(kIODirectionOutIn, kIODirectionIn, kIODirectionNone, 3);
    expect_dirty_after(kIODirectionNone, kIODirectionNone, kIODirectionNone, 3);
}

static void md_29_what_a_device_reads_is_not(void **state)
{
    (void)state;
    expect_dirty_after(kIODirectionOut, kIODirectionNone, kIODirectionNone, 0);
    expect_dirty_after(kIODirectionOutIn, kIODirectionOut, kIODirectionNone, 0);
}

/* One transfer of several that failed is enough to doubt all that it was prepared for. */
static void md_29_one_of_two_that_fails(void **state)
{
    const uint64_t at = clean_pages();
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, kIODirectionIn, owner);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    }
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionCompleteWithError),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(dirty_pages(memory), 0);
    OSObject_release(memory);
}

/* A window prepares all of its parent, so all of it may have been written. */
static void md_29_through_a_window(void **state)
{
    const uint64_t at = clean_pages();
    IOMemoryDescriptor *memory = describe(at, 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(memory, PAGE_SIZE, 10, kIODirectionIn);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(sub, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(sub, 0), kIOReturnSuccess);
    assert_int_equal(dirty_pages(memory), 3);
    OSObject_release(sub);
    OSObject_release(memory);
}

/* A prepare that fails has begun no transfer, and the next one begins as if it had not been. */
static void md_29_not_by_a_prepare_that_fails(void **state)
{
    const uint64_t at = clean_pages();
    IOMemoryDescriptor *parts[] = {
        describe(at, 3 * PAGE_SIZE, kIODirectionIn, owner),
        describe(new_pages(owner, 1, 0), PAGE_SIZE, kIODirectionIn, owner),
    };
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionIn, false);

    (void)state;
    assert_int_not_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    assert_int_equal(dirty_pages(parts[0]), 0);
    /* Of a preparation that goes on, its own end decides. */
    assert_int_equal(IOMemoryDescriptor_prepare(parts[0], 0), kIOReturnSuccess);
    assert_int_not_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(parts[0], 0), kIOReturnSuccess);
    assert_int_equal(dirty_pages(parts[0]), 3);
    OSObject_release(multi);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

/* Nor do the CPU's copies, but those to it; by whatever they are made. */
static void md_29_what_a_copy_writes_is_dirty(void **state)
{
    const uint64_t at = clean_pages();
    IOMemoryDescriptor *memory = describe(at, 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    uint8_t bytes[16] = {0};

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionOut), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, PAGE_SIZE - 8, bytes, 16), 16);
    assert_int_equal(
        IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, 0, 3 * PAGE_SIZE),
        kIOReturnSuccess);
    assert_int_equal(dirty_pages(memory), 0);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, PAGE_SIZE, bytes, 16), 16);
    assert_int_equal(dirty_pages(memory), 1);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionCompleteWithError),
                     kIOReturnSuccess);
    assert_int_equal(dirty_pages(memory), 1);
    OSObject_release(memory);
}

/* Of each object as much as is described, whether the address space tells it or the reference. */
static void md_29_of_several_objects(void **state)
{
    IOAddressRange ranges[3];
    IOMemoryDescriptor *memory;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t at = new_pages(owner, 5, RW);

        for (unsigned page = 0; page < 5; page++) {
            store(owner, at + ptoa(page), 1);
        }
        ranges[i] = (IOAddressRange){at + PAGE_SIZE, PAGE_SIZE};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, owner);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(dirty_pages(memory), 3);
        OSObject_release(map_all(memory, other, 0));
    }
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(md_29_what_a_device_may_write_is_dirty),
        MAP_TEST(md_29_what_a_device_reads_is_not),
        MAP_TEST(md_29_one_of_two_that_fails),
        MAP_TEST(md_29_through_a_window),
        MAP_TEST(md_29_not_by_a_prepare_that_fails),
        MAP_TEST(md_29_what_a_copy_writes_is_dirty),
        MAP_TEST(md_29_of_several_objects),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
