/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Purgeable state, ownership and page counts of composites: the checks
 * CD-8 (pageable buffers) and CD-10.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "kernel/inject.h"
#include "tests/host/machine/map_composite.h"

static IOMemoryDescriptor *purgeable(uint64_t pages)
{
    struct vm_object *object;
    uint64_t at;

    assert_int_equal(vm_object_create(pages, &object), KERN_SUCCESS);
    vm_object_allow_purge(object);
    at = show_object(owner, object, RW);
    vm_object_release(object);
    store(owner, at, 1);
    return describe(at, ptoa(pages), kIODirectionOutIn | kIOMemoryThreadSafe, owner);
}

static IOOptionBits purge(IOMemoryDescriptorRef memory, IOOptionBits state)
{
    IOOptionBits former = 99;

    assert_int_equal(IOMemoryDescriptor_setPurgeable(memory, state, &former), kIOReturnSuccess);
    return former;
}

static void cd_10_states_combine(void **state)
{
    static const IOOptionBits states[] = {kIOMemoryPurgeableNonVolatile, kIOMemoryPurgeableVolatile,
                                          kIOMemoryPurgeableEmpty};
    IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(1);
    IOMemoryDescriptor *parts[] = {purgeable(1), purgeable(2), UP(guard)};
    IOMemoryDescriptor *multi = join(parts, 3), *sub = window(multi, 0, 1);
    IOInterleavedMemoryDescriptor *list =
        IOInterleavedMemoryDescriptor_withCapacity(2, kIODirectionOutIn);

    (void)state;
    IOInterleavedMemoryDescriptor_setMemoryDescriptor(list, parts[0], 0, 1);
    IOInterleavedMemoryDescriptor_setMemoryDescriptor(list, parts[1], 5, 1);
    OSObject_release(
        map_all(parts[0], other, 0)); /* it knows its objects for good, the other not */
    for (unsigned one = 0; one < 3; one++) {
        for (unsigned two = 0; two < 3; two++) {
            const IOOptionBits together = states[one > two ? one : two];

            purge(parts[0], states[one]);
            purge(parts[1], states[two]);
            assert_int_equal(purge(multi, kIOMemoryPurgeableKeepCurrent), together);
            assert_int_equal(purge(sub, kIOMemoryPurgeableKeepCurrent), together);
            assert_int_equal(purge(list, kIOMemoryPurgeableNonVolatile), together);
            assert_int_equal(purge(parts[0], kIOMemoryPurgeableKeepCurrent),
                             kIOMemoryPurgeableNonVolatile);
            assert_int_equal(purge(parts[1], kIOMemoryPurgeableKeepCurrent),
                             kIOMemoryPurgeableNonVolatile);
        }
    }
    OSObject_release(list);
    OSObject_release(sub);
    OSObject_release(multi);
    OSObject_release(guard);
    release_both(parts);
}

/* The second time it is asked, a part that is there twice has changed already. */
static void cd_10_a_part_that_is_there_twice(void **state)
{
    IOMemoryDescriptor *part = purgeable(1);
    IOMemoryDescriptor *multi = join((IOMemoryDescriptor *[]){part, part}, 2);

    (void)state;
    assert_int_equal(purge(multi, kIOMemoryPurgeableVolatile), kIOMemoryPurgeableNonVolatile);
    assert_int_equal(purge(multi, kIOMemoryPurgeableEmpty), kIOMemoryPurgeableVolatile);
    assert_int_equal(purge(multi, kIOMemoryPurgeableNonVolatile), kIOMemoryPurgeableEmpty);
    OSObject_release(multi);
    OSObject_release(part);
}

static void cd_10_one_refusal_changes_nothing(void **state)
{
    const uint64_t plain = new_pages(owner, 1, RW);
    IOMemoryDescriptor *bad = describe(plain, 10, kIODirectionOutIn, owner);
    IOMemoryDescriptor *parts[] = {purgeable(1), purgeable(1)};
    IOOptionBits former = 99;

    (void)state;
    purge(parts[0], kIOMemoryPurgeableVolatile);
    for (unsigned position = 0; position < 3; position++) {
        IOMemoryDescriptor *list[] = {parts[0], parts[1], parts[1]}, *multi;

        list[position] = bad;
        multi = join(list, 3);
        assert_int_equal(IOMemoryDescriptor_setPurgeable(multi, kIOMemoryPurgeableEmpty, &former),
                         kIOReturnBadArgument);
        assert_int_equal(former, 99);
        assert_int_equal(purge(parts[0], kIOMemoryPurgeableKeepCurrent),
                         kIOMemoryPurgeableVolatile);
        assert_int_equal(purge(parts[1], kIOMemoryPurgeableKeepCurrent),
                         kIOMemoryPurgeableNonVolatile);
        OSObject_release(multi);
    }
    OSObject_release(bad);
    release_both(parts);
}

/* For a change that a part refuses, what the others hold goes again; some have nothing to hold. */
static void cd_10_parts_without_a_state_hold_nothing(void **state)
{
    IOMemoryDescriptor *physical = describe(SIM_RAM_BASE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);
    IOMemoryDescriptor *remote =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn | kIOMemoryRemote, owner);
    IOMemoryDescriptor *others[] = {physical, remote};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *part = purgeable(1);
        IOMemoryDescriptor *multi = join((IOMemoryDescriptor *[]){part, others[i]}, 2);
        IOOptionBits former = 99;

        assert_int_not_equal(
            IOMemoryDescriptor_setPurgeable(multi, kIOMemoryPurgeableVolatile, &former),
            kIOReturnSuccess);
        assert_int_equal(purge(part, kIOMemoryPurgeableKeepCurrent), kIOMemoryPurgeableNonVolatile);
        OSObject_release(multi);
        OSObject_release(part);
    }
    release_both(others);
}

/* A part that fails to change puts those before it back. */
static void cd_10_no_memory_for_a_change(void **state)
{
    IOMemoryDescriptor *parts[] = {purgeable(1), purgeable(1)};
    IOMemoryDescriptor *multi = join(parts, 2);
    struct inject_report report = {.failed = true};
    uint64_t nth;

    (void)state;
    for (nth = 1; report.failed; nth++) {
        IOReturn status;

        inject_begin(nth);
        status = IOMemoryDescriptor_setPurgeable(multi, kIOMemoryPurgeableVolatile, NULL);
        inject_end(&report);
        assert_int_equal(status, report.failed ? kIOReturnNoMemory : kIOReturnSuccess);
        assert_int_equal(purge(parts[0], kIOMemoryPurgeableKeepCurrent),
                         report.failed ? kIOMemoryPurgeableNonVolatile
                                       : kIOMemoryPurgeableVolatile);
        assert_int_equal(purge(parts[1], kIOMemoryPurgeableKeepCurrent),
                         report.failed ? kIOMemoryPurgeableNonVolatile
                                       : kIOMemoryPurgeableVolatile);
    }
    assert_true(nth > 5);
    OSObject_release(multi);
    release_both(parts);
}

static IOReturn lose(IOMemoryDescriptor *self, IOOptionBits newState, IOOptionBits *oldState)
{
    (void)self;
    *oldState = (newState & 0xf) == kIOMemoryPurgeableKeepCurrent ? kIOMemoryPurgeableVolatile
                                                                  : kIOMemoryPurgeableEmpty;
    return kIOReturnSuccess;
}

static IOReturn refuse_complete(IOMemoryDescriptor *self, IODirection direction)
{
    return direction == DESCRIPTOR_TAKE_BACK ? kIOReturnSuccess
           : self->wireCount-- != 0          ? kIOReturnDMAError
                                             : kIOReturnNotReady;
}

static IOReturn count_prepare(IOMemoryDescriptor *self, IODirection direction)
{
    (void)direction;
    self->wireCount++;
    return kIOReturnSuccess;
}

/* Contents that are lost between the question and the change are told: who asked may go on. */
static void cd_10_what_is_lost_meanwhile_is_told(void **state)
{
    IOMemoryDescriptor *parts[] = {purgeable(1), purgeable(1)};
    const OSMetaClass *const meta = OSObject_getMetaClass(parts[0]);
    IOMemoryDescriptorClass losing = *IOMemoryDescriptor_methods(parts[0]);

    (void)state;
    losing.meta.super = meta;
    losing.setPurgeable = lose;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *multi = join(parts, 2);

        parts[i]->super.metaClass = &losing.meta;
        assert_int_equal(purge(multi, kIOMemoryPurgeableKeepCurrent), kIOMemoryPurgeableVolatile);
        assert_int_equal(purge(multi, kIOMemoryPurgeableNonVolatile), kIOMemoryPurgeableEmpty);
        assert_int_equal(purge(multi, kIOMemoryPurgeableVolatile), kIOMemoryPurgeableEmpty);
        /* Who gives them up asks for that. */
        assert_int_equal(purge(multi, kIOMemoryPurgeableEmpty), kIOMemoryPurgeableVolatile);
        parts[i]->super.metaClass = meta;
        OSObject_release(multi);
    }
    release_both(parts);
}

/* What a list had, and has no more, has lost nothing. */
static void cd_10_former_parts_are_not_asked(void **state)
{
    IOMemoryDescriptor *parts[] = {purgeable(1), purgeable(1)};
    IOInterleavedMemoryDescriptor *list =
        IOInterleavedMemoryDescriptor_withCapacity(2, kIODirectionOutIn);

    (void)state;
    for (unsigned count = 2; count != 0; count--) {
        for (unsigned i = 0; i < count; i++) {
            assert_true(
                IOInterleavedMemoryDescriptor_setMemoryDescriptor(list, parts[i], 0, PAGE_SIZE));
        }
        assert_int_equal(purge(list, kIOMemoryPurgeableVolatile), kIOMemoryPurgeableNonVolatile);
        assert_int_equal(purge(list, kIOMemoryPurgeableEmpty), kIOMemoryPurgeableVolatile);
        assert_int_equal(purge(list, kIOMemoryPurgeableEmpty), kIOMemoryPurgeableEmpty);
        if (count == 2) {
            assert_int_equal(purge(parts[0], kIOMemoryPurgeableNonVolatile),
                             kIOMemoryPurgeableEmpty);
        }
        IOInterleavedMemoryDescriptor_clearMemoryDescriptors(list, kIODirectionNone);
    }
    OSObject_release(list);
    release_both(parts);
}

/* The others are completed all the same, and the error told. */
static void a_part_may_fail_to_complete(void **state)
{
    IOMemoryDescriptor *parts[] = {purgeable(1), purgeable(1)};
    const OSMetaClass *const meta = OSObject_getMetaClass(parts[0]);
    IOMemoryDescriptorClass failing = *IOMemoryDescriptor_methods(parts[0]);

    (void)state;
    failing.meta.super = meta;
    failing.prepare = count_prepare;
    failing.complete = refuse_complete;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *multi = join(parts, 2);

        parts[i]->super.metaClass = &failing.meta;
        assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnDMAError);
        assert_int_equal(parts[!i]->wireCount, 0);
        assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnNotReady);
        parts[i]->super.metaClass = meta;
        OSObject_release(multi);
    }
    release_both(parts);
}

static void cd_10_page_counts_add_up(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *parts[] = {describe(at, ptoa(2), kIODirectionOutIn, owner),
                                   describe(at + ptoa(1), ptoa(3), kIODirectionOutIn, owner)};
    IOMemoryDescriptor *multi = join(parts, 2), *sub = window(multi, 10, 1), *physical;
    IOMultiMemoryDescriptor *mixed;
    IOByteCount resident = 9, dirty = 9;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getPageCounts(multi, &resident, &dirty), kIOReturnSuccess);
    assert_int_equal(resident, 0);
    store(owner, at + ptoa(1), 1); /* the page of both counts twice */
    store(owner, at + ptoa(3), 1);
    assert_int_equal(IOMemoryDescriptor_getPageCounts(multi, &resident, &dirty), kIOReturnSuccess);
    assert_int_equal(resident, 3);
    assert_int_equal(dirty, 3);
    assert_int_equal(IOMemoryDescriptor_getPageCounts(sub, &resident, NULL), kIOReturnSuccess);
    assert_int_equal(resident, 3); /* of the whole parent */
    physical = describe(DEVICE, 10, kIODirectionOutIn, TASK_NULL);
    mixed = IOMultiMemoryDescriptor_withDescriptors((IOMemoryDescriptor *[]){parts[0], physical}, 2,
                                                    kIODirectionOutIn, false);
    resident = 77;
    assert_int_equal(IOMultiMemoryDescriptor_getPageCounts(mixed, &resident, &dirty),
                     kIOReturnNotReady);
    assert_int_equal(resident, 77);
    OSObject_release(mixed);
    OSObject_release(physical);
    OSObject_release(sub);
    OSObject_release(multi);
    release_both(parts);
}

static void owners_change_up_to_the_first_refusal(void **state)
{
    IOMemoryDescriptor *parts[] = {purgeable(2), purgeable(1)};
    IOMemoryDescriptor *multi = join(parts, 2);
    struct task_ledger ledger;
    IOMemoryMap *maps[2];

    (void)state;
    assert_int_equal(IOMemoryDescriptor_setOwnership(multi, owner, kIOMemoryLedgerTagDefault, 0),
                     kIOReturnUnsupported); /* no reference to the memory yet */
    for (unsigned i = 0; i < 2; i++) {
        maps[i] = map_all(parts[i], other, 0);
    }
    assert_int_equal(IOMemoryDescriptor_setOwnership(multi, owner, kIOMemoryLedgerTagDefault, 0),
                     kIOReturnSuccess);
    task_get_ledger(owner, &ledger);
    assert_int_equal(ledger.tagged[kIOMemoryLedgerTagDefault], ptoa(3));
    assert_int_equal(IOMemoryDescriptor_setOwnership(multi, owner, 6, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_setOwnership(multi, kernel_task, -1, 0), kIOReturnSuccess);
    task_get_ledger(owner, &ledger);
    assert_int_equal(ledger.tagged[kIOMemoryLedgerTagDefault], 0);
    for (unsigned i = 0; i < 2; i++) {
        OSObject_release(maps[i]);
    }
    OSObject_release(multi);
    release_both(parts);
}

static void cd_8_pageable_buffers_keep_to_themselves(void **state)
{
    IOBufferMemoryDescriptor *pageable = IOBufferMemoryDescriptor_inTaskWithOptions(
        owner, kIODirectionOutIn | kIOMemoryPageable, PAGE_SIZE, PAGE_SIZE);
    IOBufferMemoryDescriptor *wired =
        IOBufferMemoryDescriptor_withCapacity(PAGE_SIZE, kIODirectionOutIn, false);
    IOMemoryDescriptor *parts[] = {UP(pageable), UP(wired)};
    IOMemoryDescriptor *both;

    (void)state;
    assert_non_null(pageable);
    assert_null(IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(OSObject_getRetainCount(pageable), 1);
    parts[1] = parts[0];
    both = join(parts, 2);
    assert_true(IOMemoryDescriptor_getFlags(both) & kIOMemoryBufferPageable);
    OSObject_release(both);
    OSObject_release(pageable);
    OSObject_release(wired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(cd_10_states_combine),
        MAP_TEST(cd_10_a_part_that_is_there_twice),
        MAP_TEST(cd_10_one_refusal_changes_nothing),
        MAP_TEST(cd_10_parts_without_a_state_hold_nothing),
        MAP_TEST(cd_10_no_memory_for_a_change),
        MAP_TEST(cd_10_what_is_lost_meanwhile_is_told),
        MAP_TEST(cd_10_former_parts_are_not_asked),
        MAP_TEST(a_part_may_fail_to_complete),
        MAP_TEST(cd_10_page_counts_add_up),
        MAP_TEST(owners_change_up_to_the_first_refusal),
        MAP_TEST(cd_8_pageable_buffers_keep_to_themselves),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
