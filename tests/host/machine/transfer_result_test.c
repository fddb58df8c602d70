/* SPDX-License-Identifier: BSD-2-Clause */
/* Directions of prepares, and which pages a transfer has made dirty. */
#include "descriptors/IODMAProtocol.h"
#include "tests/host/machine/map_buffer.h"
#include "tests/host/machine/map_composite.h"

static uint64_t dirty(IOMemoryDescriptor *memory)
{
    IOByteCount resident, pages;

    assert_int_equal(IOMemoryDescriptor_getPageCounts(memory, &resident, &pages), kIOReturnSuccess);
    return pages;
}

static void prepare(IOMemoryDescriptor *memory, IODirection direction)
{
    assert_int_equal(IOMemoryDescriptor_prepare(memory, direction), kIOReturnSuccess);
}

static void complete(IOMemoryDescriptor *memory, IODirection direction)
{
    assert_int_equal(IOMemoryDescriptor_complete(memory, direction), kIOReturnSuccess);
}

static void a_transfer_marks_its_pages(void **state)
{
    static const bool persistent[] = {false, true};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *memory =
            describe(new_pages(owner, 3, RW), ptoa(3),
                     kIODirectionIn | (persistent[i] ? kIOMemoryPersistent : 0), owner);

        prepare(memory, kIODirectionOut);
        complete(memory, 0);
        assert_int_equal(dirty(memory), 0); /* it was only read */
        prepare(memory, 0);
        assert_int_equal(dirty(memory), 0); /* the device has not written yet */
        complete(memory, kIODirectionCompleteWithError);
        assert_int_equal(dirty(memory), 0);
        prepare(memory, 0); /* the mark of the failure is gone */
        complete(memory, 0);
        assert_int_equal(dirty(memory), 3);
        OSObject_release(memory);
    }
}

static void one_failure_of_several(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 2, RW), ptoa(2), 3, owner);

    (void)state;
    prepare(memory, 0);
    prepare(memory, 0);
    complete(memory, kIODirectionCompleteWithError);
    complete(memory, 0);
    assert_int_equal(dirty(memory), 0);
    prepare(memory, 0);
    OSObject_release(memory); /* as if it were completed */
}

/* What the CPU wrote is dirty however the transfer ended. */
static void the_cpus_stores_count(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *memory = describe(at, ptoa(3), 3, owner);
    IOMemoryMap *map;

    (void)state;
    prepare(memory, 0);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, PAGE_SIZE, "x", 1), 1);
    assert_int_equal(dirty(memory), 1);
    complete(memory, kIODirectionCompleteWithError);
    assert_int_equal(dirty(memory), 1);
    store(owner, at, 1);
    assert_int_equal(dirty(memory), 2);
    /* An image knows nothing less of it, and breaks no count. */
    OSObject_release(memory);
    memory = describe(at, ptoa(3), 3 | kIOMemoryMapCopyOnWrite, owner);
    map = map_all(memory, other, 0);
    assert_int_equal(dirty(memory), 2);
    OSObject_release(map);
    OSObject_release(memory);
}

static void none_means_both_ways(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, 0, owner);

    (void)state;
    prepare(memory, kIODirectionOut);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnNotWritable);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionPrepareNoFault),
                     kIOReturnNotWritable);
    prepare(memory, kIODirectionOut);
    complete(memory, 0);
    complete(memory, 0);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    prepare(memory, kIODirectionNone);
    assert_int_equal(IOMemoryDescriptor_getFlags(memory) & kIOMemoryPreparedReadOnly, 0);
    complete(memory, 0);
    OSObject_release(memory);
}

static void undefined_bits_are_refused(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, owner), *sub = window(memory, 0, 64);
    IOMemoryDescriptor *all[] = {memory, sub, join(&memory, 1)};
    IOMemoryMap *map = map_all(memory, other, kIOMapUnique);
    IOByteCount length;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const IOOptionBits wrong[] = {0x200, 0x400, 0x8000, 1u << 31};

        for (unsigned j = 0; j < 4; j++) {
            assert_int_equal(IOMemoryDescriptor_prepare(all[i], 3 | wrong[j]),
                             kIOReturnBadArgument);
            prepare(all[i], 0);
            assert_int_equal(IOMemoryDescriptor_complete(all[i], wrong[j]), kIOReturnBadArgument);
            length = 1;
            assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(all[i], 0, &length, wrong[j]),
                             0);
            assert_int_equal(length, 0);
            assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
            complete(all[i], 0);
        }
    }
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionCompleteWithError),
                     kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_redirect(map, memory, kIOMapUnique, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_redirect(map, memory, 0x10, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_redirect(map, memory, 10u << kIOMapCacheShift, 0),
                     kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_redirect(map, (IOMemoryDescriptor *)NULL, 4, 0),
                     kIOReturnBadArgument);
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(map)), KERN_SUCCESS);
    assert_int_equal(IOMemoryMap_wireRange(map, 4, 0, 1), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_getPhysicalSegment(map, 0, &length, 0x8000), 0);
    OSObject_release(map);
    OSObject_release(all[2]);
    OSObject_release(sub);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_transfer_marks_its_pages), MAP_TEST(one_failure_of_several),
        MAP_TEST(the_cpus_stores_count),      MAP_TEST(none_means_both_ways),
        MAP_TEST(undefined_bits_are_refused),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
