/* SPDX-License-Identifier: BSD-2-Clause */
/* A general descriptor made anew: nothing of what it described stays with it. */
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOMemoryMapping.h"
#include "tests/host/machine/map_fixture.h"

/* What a descriptor can be made of; the same number twice is other memory of the kind. */
enum memory_of {
    ONE_RANGE,
    TWO_RANGES,
    PERSISTENT,
    KERNEL,
    REGISTERS,
    KINDS
};

struct ranges {
    IOAddressRange list[2];
    UInt32 count;
    task_t task;
    IOOptionBits options;
};

static struct ranges make_ranges(enum memory_of kind)
{
    struct ranges of = {
        .count = 1, .task = owner, .options = kIOMemoryTypeVirtual | kIODirectionOutIn};

    switch (kind) {
    case KERNEL:
        of.task = kernel_task;
        break;
    case REGISTERS:
        of.task = TASK_NULL;
        of.options = kIOMemoryTypePhysical | kIODirectionOutIn;
        of.list[0] = (IOAddressRange){DEVICE, 3 * PAGE_SIZE};
        return of;
    case PERSISTENT:
        of.options |= kIOMemoryPersistent | kIOMemoryThreadSafe; /* under a lock, too */
        break;
    default:
        break;
    }
    of.list[0] = (IOAddressRange){new_pages(of.task, 3, RW), 3 * PAGE_SIZE};
    if (kind == TWO_RANGES) {
        of.list[0].length = PAGE_SIZE;
        of.list[1] = (IOAddressRange){of.list[0].address + 2 * PAGE_SIZE, PAGE_SIZE};
        of.count = 2;
    }
    return of;
}

static void drop_ranges(const struct ranges *of)
{
    if (of->task == kernel_task) {
        remove_pages(kernel_task, of->list[0].address, 3);
    }
}

static bool initialise(IOMemoryDescriptor *memory, struct ranges *of)
{
    return IOMemoryDescriptor_initWithOptions(memory, of->list, of->count, 0, of->task, of->options,
                                              NULL);
}

static IOMemoryDescriptor *make(struct ranges *of)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withOptions(of->list, of->count, 0, of->task, of->options, NULL);

    assert_non_null(memory);
    return memory;
}

/* All that there is to ask of two descriptors is answered alike, but for numbers of their own. */
static void expect_alike(IOMemoryDescriptor *memory, IOMemoryDescriptor *fresh)
{
    static const IOOptionBits options[] = {0, kIOMemoryMapperNone, _kIOMemorySourceSegment};
    IOMDDMACharacteristics facts[2];
    uint64_t offsets[2];

    assert_int_equal(IOMemoryDescriptor_getLength(memory), IOMemoryDescriptor_getLength(fresh));
    assert_int_equal(IOMemoryDescriptor_getFlags(memory), IOMemoryDescriptor_getFlags(fresh));
    assert_int_equal(IOMemoryDescriptor_getPreparationID(memory) == 0,
                     IOMemoryDescriptor_getPreparationID(fresh) == 0);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, &offsets[0]),
                     IOMemoryDescriptor_getDMAMapLength(fresh, &offsets[1]));
    assert_int_equal(offsets[0], offsets[1]);
    memset(facts, 0, sizeof(facts));
    IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics, &facts[0],
                                           sizeof(facts[0]));
    IOMemoryDescriptor_dmaCommandOperation(fresh, kIOMDGetCharacteristics, &facts[1],
                                           sizeof(facts[1]));
    assert_memory_equal(&facts[0], &facts[1], sizeof(facts[0]));
    for (IOByteCount at = 0; at < 3 * PAGE_SIZE; at += 777) {
        for (unsigned i = 0; i < 3; i++) {
            IOByteCount lengths[2];

            assert_int_equal(
                IOMemoryDescriptor_getPhysicalSegment(memory, at, &lengths[0], options[i]),
                IOMemoryDescriptor_getPhysicalSegment(fresh, at, &lengths[1], options[i]));
            assert_int_equal(lengths[0], lengths[1]);
        }
    }
}

/* From every kind to every kind, prepared and mapped at the time. */
static void md_5_from_and_to_every_kind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS * KINDS; i++) {
        struct ranges was = make_ranges(i / KINDS), is = make_ranges(i % KINDS);
        const uint64_t pins = holdings_now().pins;
        IOMemoryDescriptor *memory = make(&was), *fresh;
        IOMemoryMap *old = map_all(memory, other, 0), *now;

        for (unsigned k = 0; k < 3; k++) {
            assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        }
        if (was.task != TASK_NULL) {
            store(other, IOMemoryMap_getAddress(old), 17);
        }
        assert_true(initialise(memory, &is));
        assert_int_equal(holdings_now().pins, pins);
        fresh = make(&is);
        expect_alike(memory, fresh);
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_prepare(fresh, 0), kIOReturnSuccess);
        expect_alike(memory, fresh);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(fresh, 0), kIOReturnSuccess);
        expect_alike(memory, fresh);
        OSObject_release(fresh);
        if (is.task != TASK_NULL) {
            assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
        }
        now = map_all(memory, other, 0);
        assert_ptr_not_equal(now, old);
        assert_int_not_equal(IOMemoryMap_getAddress(now), IOMemoryMap_getAddress(old));
        if (was.task != TASK_NULL) {
            assert_int_equal(load(other, IOMemoryMap_getAddress(old)), 17);
            assert_int_equal(load(was.task, was.list[0].address), 17);
        }
        if (is.task != TASK_NULL) {
            store(other, IOMemoryMap_getAddress(now), 71);
            assert_int_equal(load(is.task, is.list[0].address), 71);
        }
        OSObject_release(now);
        OSObject_release(old);
        OSObject_release(memory);
        drop_ranges(&was);
        drop_ranges(&is);
    }
}

/* One that could not be made is of nothing, prepared it is not, and another kind can come. */
static void md_5_a_failure_leaves_nothing(void **state)
{
    (void)state;
    for (enum memory_of kind = 0; kind < KINDS; kind++) {
        struct ranges was = make_ranges(kind), is = make_ranges(TWO_RANGES);
        IOMemoryDescriptor *memory = make(&was);
        IOMDDMACharacteristics facts;
        IOByteCount left = 7;

        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        is.list[1].address = UINT64_MAX; /* wraps, behind one that does not */
        assert_false(initialise(memory, &is));
        assert_int_equal(IOMemoryDescriptor_getLength(memory), 0);
        assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &left, 0), 0);
        assert_int_equal(left, 0);
        assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics,
                                                                &facts, sizeof(facts)),
                         kIOReturnSuccess);
        assert_int_equal(facts.fIsPrepared, false);
        assert_int_equal(facts.fLength | facts.fSGCount | facts.fPages | facts.fHighestPage, 0);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
        OSObject_release(memory);
        drop_ranges(&was);
        drop_ranges(&is);
    }
}

/* The maps of before are no longer the descriptor's to hold up. */
static void md_5_old_maps_are_strangers(void **state)
{
    struct ranges was = make_ranges(ONE_RANGE), is = make_ranges(ONE_RANGE);
    IOMemoryDescriptor *memory = make(&was);
    IOMemoryMap *old = map_all(memory, other, 0), *now;

    (void)state;
    assert_true(initialise(memory, &is));
    now = map_all(memory, other, 0);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, NULL, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(now)), KERN_ABORTED);
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(old)), KERN_SUCCESS);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, NULL, false), kIOReturnSuccess);
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(now)), KERN_SUCCESS);
    OSObject_release(now);
    OSObject_release(old);
    OSObject_release(memory);
}

/* The same ranges again are new all the same, and its own marks are gone. */
static void md_5_numbers_and_flags(void **state)
{
    struct ranges of = make_ranges(ONE_RANGE);
    IOMemoryDescriptor *memory = make(&of);
    uint64_t former;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionOut), kIOReturnSuccess);
    former = IOMemoryDescriptor_getPreparationID(memory);
    assert_true((IOMemoryDescriptor_getFlags(memory) & kIOMemoryPreparedReadOnly) != 0);
    assert_true(initialise(memory, &of));
    assert_int_equal(IOMemoryDescriptor_getPreparationID(memory), 0);
    assert_false((IOMemoryDescriptor_getFlags(memory) & kIOMemoryPreparedReadOnly) != 0);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_not_equal(IOMemoryDescriptor_getPreparationID(memory), former);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, "x", 1), 1);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

/* An image is of what was described: of the next memory there is another. */
static void md_5_an_image_goes_with_its_memory(void **state)
{
    struct ranges was = make_ranges(ONE_RANGE), is = make_ranges(ONE_RANGE);
    IOMemoryDescriptor *memory;
    IOMemoryMap *old, *now;

    (void)state;
    was.options |= kIOMemoryMapCopyOnWrite;
    is.options |= kIOMemoryMapCopyOnWrite;
    store(owner, was.list[0].address, 17);
    store(owner, is.list[0].address, 71);
    memory = make(&was);
    old = map_all(memory, other, 0);
    assert_true(initialise(memory, &is));
    now = map_all(memory, other, 0);
    assert_int_equal(load(other, IOMemoryMap_getAddress(now)), 71);
    assert_int_equal(load(other, IOMemoryMap_getAddress(old)), 17);
    OSObject_release(now);
    OSObject_release(old);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(md_5_from_and_to_every_kind), MAP_TEST(md_5_a_failure_leaves_nothing),
        MAP_TEST(md_5_old_maps_are_strangers), MAP_TEST(md_5_an_image_goes_with_its_memory),
        MAP_TEST(md_5_numbers_and_flags),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
