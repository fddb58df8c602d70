/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a general descriptor keeps account of in a task's memory: whether it may be purged, how many
 * of its pages are there and changed, and who is charged for them: the checks MD-28 to MD-30.
 */
#include "tests/host/machine/map_fixture.h"

static uint64_t purgeable_pages(uint64_t count, struct vm_object **object)
{
    assert_int_equal(vm_object_create(count, object), KERN_SUCCESS);
    vm_object_allow_purge(*object);
    return show_object(owner, *object, RW);
}

static IOOptionBits purge(IOMemoryDescriptor *memory, IOOptionBits state)
{
    IOOptionBits former = 99;

    assert_int_equal(IOMemoryDescriptor_setPurgeable(memory, state, &former), kIOReturnSuccess);
    return former;
}

static void md_28_purgeable_cycle(void **state)
{
    struct vm_object *object;
    const uint64_t at = purgeable_pages(3, &object);
    IOMemoryDescriptor *memory = describe(at, 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *pinned = describe(at, 1, kIODirectionOutIn, owner);

    (void)state;
    fill(owner, at, 3 * PAGE_SIZE, 4);
    assert_int_equal(purge(memory, kIOMemoryPurgeableKeepCurrent), kIOMemoryPurgeableNonVolatile);
    assert_int_equal(purge(memory, kIOMemoryPurgeableVolatile), kIOMemoryPurgeableNonVolatile);
    assert_int_equal(purge(memory, kIOMemoryPurgeableNonVolatile), kIOMemoryPurgeableVolatile);
    assert_int_equal(load(owner, at + 5000), pattern(5000, 4));
    assert_int_equal(IOMemoryDescriptor_prepare(pinned, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(purge(memory, kIOMemoryPurgeableVolatile | kIOMemoryPurgeableVolatileGroup3 |
                                       kIOMemoryPurgeableVolatileBehaviorLifo),
                     kIOMemoryPurgeableNonVolatile);
    assert_int_equal(vm_purge_reclaim(100), 2);
    assert_int_equal(purge(memory, kIOMemoryPurgeableNonVolatile), kIOMemoryPurgeableEmpty);
    assert_int_equal(load(owner, at), pattern(0, 4)); /* pinned: not reclaimed */
    assert_int_equal(load(owner, at + PAGE_SIZE), 0);
    IOMemoryDescriptor_complete(pinned, kIODirectionNone);
    assert_int_equal(purge(memory, kIOMemoryPurgeableEmpty), kIOMemoryPurgeableNonVolatile);
    assert_int_equal(purge(memory, kIOMemoryPurgeableVolatile), kIOMemoryPurgeableEmpty);
    assert_int_equal(purge(memory, kIOMemoryPurgeableNonVolatile), kIOMemoryPurgeableEmpty);
    assert_int_equal(load(owner, at), 0);
    /* Accesses fault while it is volatile, if that is asked for. */
    purge(memory, kIOMemoryPurgeableVolatile | kIOMemoryPurgeableFaultOnAccess);
    assert_int_equal(try_load(owner, at), KERN_ABORTED);
    purge(memory, kIOMemoryPurgeableNonVolatile);
    assert_int_equal(load(owner, at), 0);
    OSObject_release(pinned);
    OSObject_release(memory);
    vm_object_release(object);
}

static void md_28_refusals(void **state)
{
    struct vm_object *object;
    const uint64_t at = purgeable_pages(1, &object), plain = new_pages(owner, 1, RW);
    IOAddressRange ranges[] = {{at, 10}, {plain, 10}};
    IOMemoryDescriptor *both =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);
    IOMemoryDescriptor *memory = describe(at, 10, kIODirectionOutIn, owner);
    IOMemoryDescriptor *device = describe(DEVICE, 10, kIODirectionOutIn, TASK_NULL);
    static const IOOptionBits bad[] = {0, 5, 15, 0x13, 0x1003, 0x4003, 0x803, 0x80000003};
    IOOptionBits former = 99;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(IOMemoryDescriptor_setPurgeable(memory, bad[i], &former),
                         kIOReturnBadArgument);
    }
    assert_int_equal(IOMemoryDescriptor_setPurgeable((IOMemoryDescriptor *)NULL, 1, &former),
                     kIOReturnBadArgument);
    /* One refuses: nothing is changed or written. */
    assert_int_equal(IOMemoryDescriptor_setPurgeable(both, kIOMemoryPurgeableEmpty, &former),
                     kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(device, kIOMemoryPurgeableEmpty, &former),
                     kIOReturnUnsupported);
    assert_int_equal(former, 99);
    assert_int_equal(purge(memory, kIOMemoryPurgeableKeepCurrent), kIOMemoryPurgeableNonVolatile);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(memory, kIOMemoryPurgeableKeepCurrent, NULL),
                     kIOReturnSuccess);
    OSObject_release(both);
    OSObject_release(memory);
    OSObject_release(device);
    vm_object_release(object);
}

/* Several regions: all of them are changed, and the worst state is reported. */
static void md_28_several_regions(void **state)
{
    struct vm_object *first, *second;
    const uint64_t at = purgeable_pages(1, &first), next = purgeable_pages(1, &second);
    IOAddressRange ranges[] = {{next, 10}, {at, 10}};
    IOMemoryDescriptor *both =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);
    IOMemoryDescriptor *one = describe(at, 10, kIODirectionOutIn, owner);
    IOMemoryDescriptor *first_of_both = describe(next, 10, kIODirectionOutIn, owner);

    (void)state;
    store(owner, at, 1);
    store(owner, next, 2);
    purge(first_of_both, kIOMemoryPurgeableVolatile);
    assert_int_equal(purge(both, kIOMemoryPurgeableNonVolatile), kIOMemoryPurgeableVolatile);
    assert_int_equal(purge(first_of_both, kIOMemoryPurgeableKeepCurrent),
                     kIOMemoryPurgeableNonVolatile);
    OSObject_release(first_of_both);
    purge(one, kIOMemoryPurgeableVolatile);
    assert_int_equal(purge(both, kIOMemoryPurgeableKeepCurrent), kIOMemoryPurgeableVolatile);
    purge(one, kIOMemoryPurgeableEmpty);
    assert_int_equal(purge(both, kIOMemoryPurgeableNonVolatile), kIOMemoryPurgeableEmpty);
    assert_int_equal(purge(both, kIOMemoryPurgeableEmpty), kIOMemoryPurgeableNonVolatile);
    assert_int_equal(load(owner, at), 0);
    assert_int_equal(load(owner, next), 0);
    OSObject_release(both);
    OSObject_release(one);
    vm_object_release(first);
    vm_object_release(second);
}

static void expect_counts(IOMemoryDescriptor *memory, IOByteCount resident, IOByteCount dirty)
{
    IOByteCount here = 99, changed = 99;

    assert_int_equal(IOMemoryDescriptor_getPageCounts(memory, &here, &changed), kIOReturnSuccess);
    assert_int_equal(here, resident);
    assert_int_equal(changed, dirty);
}

static void md_29_page_counts(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *memory = describe(at + 100, 3 * PAGE_SIZE - 100, kIODirectionOutIn, owner);
    IOMemoryDescriptor *device = describe(DEVICE, 10, kIODirectionOutIn, TASK_NULL);
    IOMemoryDescriptor *absent = describe(at + 64 * PAGE_SIZE, 10, kIODirectionOutIn, owner);
    IOAddressRange ranges[] = {{at, 10}, {at + 64 * PAGE_SIZE, 10}};
    IOMemoryDescriptor *partly =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);
    IOByteCount count = 99;

    (void)state;
    for (int notes = 0; notes < 2; notes++) {
        sim_set_notes_stores(notes != 0);
        expect_counts(memory, notes ? 2 : 0, notes ? 1 : 0);
        load(owner, at);
        expect_counts(memory, notes ? 2 : 1, notes ? 1 : 0);
        store(owner, at + PAGE_SIZE, 1);
        expect_counts(memory, 2, 1);
        store(owner, at + 3 * PAGE_SIZE, 1); /* not described */
        expect_counts(memory, 2, 1);
    }
    store(owner, at, 1);
    expect_counts(memory, 2, 2);
    OSObject_release(map_all(memory, other, 0)); /* from the reference now: the same */
    expect_counts(memory, 2, 2);
    assert_int_equal(IOMemoryDescriptor_getPageCounts(memory, NULL, NULL), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getPageCounts(device, &count, &count), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_getPageCounts(absent, &count, &count), kIOReturnVMError);
    /* The first range of this one could be counted. */
    assert_int_equal(IOMemoryDescriptor_getPageCounts(partly, &count, &count), kIOReturnVMError);
    assert_int_equal(count, 99); /* as it was: the call failed */
    OSObject_release(partly);
    OSObject_release(memory);
    OSObject_release(device);
    OSObject_release(absent);
}

static uint64_t charged(task_t task, int tag)
{
    struct task_ledger ledger;

    task_get_ledger(task, &ledger);
    return ledger.tagged[tag];
}

static uint64_t footprint(task_t task)
{
    struct task_ledger ledger;

    task_get_ledger(task, &ledger);
    return ledger.footprint;
}

static void md_30_ownership_moves_the_counters(void **state)
{
    struct vm_object *object;
    const uint64_t at = purgeable_pages(2, &object);
    IOMemoryDescriptor *memory = describe(at, 5000, kIODirectionOutIn | kIOMemoryPersistent, owner);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, 1, 0), kIOReturnSuccess);
    assert_int_equal(charged(owner, 1), 2 * PAGE_SIZE);
    assert_int_equal(footprint(owner), 2 * PAGE_SIZE);
    assert_int_equal(
        IOMemoryDescriptor_setOwnership(memory, other, 3, kIOMemoryLedgerFlagNoFootprint),
        kIOReturnSuccess);
    assert_int_equal(charged(owner, 1), 0);
    assert_int_equal(charged(other, 3), 2 * PAGE_SIZE);
    assert_int_equal(footprint(other), 0);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, TASK_NULL, 5, 0), kIOReturnSuccess);
    assert_int_equal(charged(other, 5), 2 * PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, -1, 0), kIOReturnSuccess);
    assert_int_equal(charged(other, 5), 0);
    assert_int_equal(charged(owner, 5), 2 * PAGE_SIZE);
    OSObject_release(memory);
    vm_object_set_owner(object, NULL, 0, false);
    assert_int_equal(charged(owner, 5), 0);
    vm_object_release(object);
}

/* Of a buffer whose contents may be taken away, and of memory that nobody has used yet. */
static void md_30_what_is_charged_by_a_tag(void **state)
{
    struct vm_object *object;
    const uint64_t at = purgeable_pages(2, &object), plain = new_pages(owner, 1, RW);
    IOMemoryDescriptor *purgeable =
        describe(at, 5000, kIODirectionOutIn | kIOMemoryPersistent, owner);
    IOMemoryDescriptor *used = describe(plain, 8, kIODirectionOutIn | kIOMemoryPersistent, owner);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_setOwnership(purgeable, owner, 1, 0), kIOReturnSuccess);
    assert_int_equal(charged(owner, 1), 2 * PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_setOwnership(purgeable, owner, 0, 0), kIOReturnSuccess);
    assert_int_equal(charged(owner, 1), 0);
    assert_int_equal(footprint(owner), 2 * PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_setOwnership(used, TASK_NULL, 0, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_setOwnership(used, owner, 1, 0), kIOReturnSuccess);
    store(owner, plain, 1);
    assert_int_equal(charged(owner, 1), PAGE_SIZE);
    /* In use by now, but on an account. */
    assert_int_equal(IOMemoryDescriptor_setOwnership(used, owner, 0, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_setOwnership(used, other, 3, 0), kIOReturnSuccess);
    assert_int_equal(charged(owner, 1), 0);
    assert_int_equal(charged(other, 3), PAGE_SIZE);
    vm_object_set_owner(object, NULL, 0, false);
    OSObject_release(purgeable);
    OSObject_release(used);
    vm_object_release(object);
}

/* One that refuses keeps the others from nothing, and is told, whichever it is. */
static void md_30_all_ranges_are_attempted(void **state)
{
    struct vm_object *object;
    const uint64_t at = purgeable_pages(2, &object), used = new_pages(owner, 1, RW);

    (void)state;
    store(owner, used, 1); /* on nobody's account */
    for (unsigned bad = 0; bad < 3; bad++) {
        IOAddressRange ranges[3] = {{at, 10}, {at, 10}, {at + PAGE_SIZE, 10}};
        IOMemoryDescriptor *memory;

        ranges[bad].address = used;
        memory = IOMemoryDescriptor_withAddressRanges(
            ranges, 3, kIODirectionOutIn | kIOMemoryPersistent, owner);
        assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, (int)bad + 1, 0),
                         kIOReturnError);
        assert_int_equal(charged(owner, (int)bad + 1), 2 * PAGE_SIZE);
        OSObject_release(memory);
    }
    vm_object_set_owner(object, NULL, 0, false);
    vm_object_release(object);
}

static void md_30_refusals(void **state)
{
    struct vm_object *object;
    const uint64_t at = purgeable_pages(2, &object), plain = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, 5000, kIODirectionOutIn | kIOMemoryPersistent, owner);
    IOMemoryDescriptor *unknown = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryDescriptor *used = describe(plain, 8, kIODirectionOutIn | kIOMemoryPersistent, owner);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, -2, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, 6, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, 1, 2), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_setOwnership(unknown, owner, 1, 0), kIOReturnUnsupported);
    assert_int_equal(IOMemoryDescriptor_setOwnership(used, owner, 0, 0), kIOReturnBadArgument);
    store(owner, plain, 1);
    assert_int_equal(IOMemoryDescriptor_setOwnership(used, owner, 1, 0), kIOReturnError);
    task_set_current(owner);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, other, 1, 0), kIOReturnNotPrivileged);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, 2, 0), kIOReturnNotPrivileged);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, 1, 1), kIOReturnNotPrivileged);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, 1, 0), kIOReturnSuccess);
    task_set_current(kernel_task);
    assert_int_equal(charged(owner, 1), 2 * PAGE_SIZE);
    vm_object_set_owner(object, NULL, 0, false);
    OSObject_release(memory);
    OSObject_release(unknown);
    OSObject_release(used);
    vm_object_release(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(md_28_purgeable_cycle),
        MAP_TEST(md_28_refusals),
        MAP_TEST(md_28_several_regions),
        MAP_TEST(md_29_page_counts),
        MAP_TEST(md_30_ownership_moves_the_counters),
        MAP_TEST(md_30_what_is_charged_by_a_tag),
        MAP_TEST(md_30_all_ranges_are_attempted),
        MAP_TEST(md_30_refusals),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
