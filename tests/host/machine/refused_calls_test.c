/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that are refused change nothing: not the object, not its maps, not the caller's memory. */
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "kernel/inject.h"
#include "kernel/vm/vm_object_private.h"
#include "tests/host/machine/map_composite.h"

static void a_refused_window_stays(void **state)
{
    IOMemoryDescriptor *parts[2], *sub;
    IOSubMemoryDescriptor *self;
    uint8_t byte = 0;

    (void)state;
    two_pages(parts);
    sub = window(parts[0], 0, PAGE_SIZE);
    self = (IOSubMemoryDescriptor *)sub;
    IOMemoryDescriptor_setTag(sub, 77);
    assert_false(IOSubMemoryDescriptor_initSubRange(self, parts[1], 1, PAGE_SIZE, 3));
    assert_false(IOSubMemoryDescriptor_initSubRange(self, parts[1], UINT64_MAX, 2, 3));
    assert_false(IOSubMemoryDescriptor_initSubRange(self, sub, 0, 1, 3)); /* of itself */
    assert_false(IOSubMemoryDescriptor_initSubRange(self, parts[1], 0, 1, 0x100));
    assert_false(IOSubMemoryDescriptor_initSubRange(self, (IOMemoryDescriptor *)NULL, 0, 1, 3));
    assert_int_equal(OSObject_getRetainCount(parts[0]), 2);
    assert_int_equal(OSObject_getRetainCount(parts[1]), 1);
    assert_int_equal(IOMemoryDescriptor_getLength(sub), PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_getTag(sub), 77);
    assert_int_equal(IOMemoryDescriptor_prepare(sub, 0), kIOReturnSuccess);
    assert_false(IOSubMemoryDescriptor_initSubRange(self, parts[1], 0, 1, 3));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_readBytes(sub, 0, &byte, 1), 1);
    assert_int_equal(byte, 1);
    assert_int_equal(IOMemoryDescriptor_complete(sub, 0), kIOReturnSuccess);
    OSObject_release(parts[0]); /* the window alone keeps it */
    assert_int_equal(IOMemoryDescriptor_redirect(sub, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_redirect(sub, TASK_NULL, false), kIOReturnSuccess);
    OSObject_release(sub);
    OSObject_release(parts[1]);
}

/* Three pages of other's, told apart by their first bytes. */
static uint64_t reserve(void)
{
    const uint64_t place = new_pages(other, 3, RW);

    for (uint64_t i = 0; i < 3; i++) {
        store(other, place + ptoa(i), (uint8_t)(100 + i));
    }
    return place;
}

static void expect_reserved(uint64_t place)
{
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(load(other, place + ptoa(i)), 100 + i);
    }
}

static void a_refused_overwrite_leaves_what_was_there(void **state)
{
    const uint64_t place = reserve(), at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *fitting[] = {describe(at, PAGE_SIZE, 3, owner),
                                     describe(at + PAGE_SIZE, PAGE_SIZE, 3, owner)};
    IOMemoryDescriptor *skewed[] = {fitting[0], describe(at + PAGE_SIZE + 8, PAGE_SIZE, 3, owner)};
    IOMemoryDescriptor *missing[] = {fitting[0], describe(at + (1ull << 30), PAGE_SIZE, 3, owner)};
    IOAddressRange apart[] = {{at, PAGE_SIZE}, {at + ptoa(2) + 8, PAGE_SIZE - 8}};
    IOMemoryDescriptor *ranges =
        IOMemoryDescriptor_withAddressRanges(apart, 2, kIODirectionOutIn, owner);
    IOMemoryDescriptor *multis[] = {join(skewed, 2), join(missing, 2), ranges, join(fitting, 2)};
    static const IOReturn reasons[] = {kIOReturnNotAligned, kIOReturnVMError, kIOReturnNotAligned};
    IOMemoryMap *map;

    (void)state;
    store(owner, at, 1);
    store(owner, at + PAGE_SIZE, 2);
    for (unsigned i = 0; i < 3; i++) {
        expect_no_map(multis[i], other, place, kIOMapOverwrite, 0, 0, reasons[i]);
        expect_reserved(place);
    }
    expect_no_map(multis[3], other, place + 8, kIOMapOverwrite, 0, 0, kIOReturnNotAligned);
    expect_no_map(multis[3], other, place, kIOMapOverwrite | kIOMapPrefault, 0, 0,
                  kIOReturnNotReady);
    expect_reserved(place);
    map = IOMemoryDescriptor_createMappingInTask(multis[3], other, place, kIOMapOverwrite, 0, 0);
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getAddress(map), place);
    assert_int_equal(load(other, place), 1);
    assert_int_equal(load(other, place + PAGE_SIZE), 2);
    assert_int_equal(load(other, place + ptoa(2)), 102);
    OSObject_release(map);
    for (unsigned i = 0; i < 4; i++) {
        OSObject_release(multis[i]);
    }
    OSObject_release(skewed[1]);
    OSObject_release(missing[1]);
    release_both(fitting);
}

/* A page of other's that may be lost, with `byte` first in it; described anew for each part. */
static IOMemoryDescriptor *losable(uint8_t byte)
{
    struct vm_object *object;
    uint64_t at;

    assert_int_equal(vm_object_create(1, &object), KERN_SUCCESS);
    vm_object_allow_purge(object);
    at = show_object(other, object, RW);
    vm_object_release(object);
    store(other, at, byte);
    return describe(at, PAGE_SIZE, 3, other);
}

static void set_purge(IOMemoryDescriptor *memory, IOOptionBits state)
{
    assert_int_equal(IOMemoryDescriptor_setPurgeable(memory, state, NULL), kIOReturnSuccess);
}

static uint64_t address_of(const IOMemoryDescriptor *memory)
{
    return ((const IOGeneralMemoryDescriptor *)memory)->ranges[0].address;
}

/* All that decides whether its memory goes, and when. */
static struct vm_object purge_of(const IOMemoryDescriptor *memory)
{
    struct vm_object purge;
    struct vm_range range;
    uint64_t size;

    assert_int_equal(vm_map_lookup(task_map(other), address_of(memory), &range, &size),
                     KERN_SUCCESS);
    memset(&purge, 0, sizeof(purge)); /* compared byte by byte */
    purge.purge = range.object->purge;
    purge.order = range.object->order;
    purge.resident = range.object->resident;
    purge.queue_prev = range.object->queue_prev;
    purge.queue_next = range.object->queue_next;
    return purge;
}

/* A change of all parts that fails somewhere, until it is done. */
static void fail_change(IOMemoryDescriptor *multi, IOOptionBits change,
                        IOMemoryDescriptor *const parts[2])
{
    const struct vm_object before[] = {purge_of(parts[0]), purge_of(parts[1])};
    struct inject_report report = {.failed = true};
    IOOptionBits former = 99;

    for (uint64_t nth = 1; report.failed; nth++) {
        IOReturn status;

        inject_begin(nth);
        status = IOMemoryDescriptor_setPurgeable(multi, change, &former);
        inject_end(&report);
        assert_int_equal(status, report.failed ? kIOReturnNoMemory : kIOReturnSuccess);
        for (unsigned i = 0; report.failed && i < 2; i++) {
            const struct vm_object after = purge_of(parts[i]);

            assert_memory_equal(&after, &before[i], sizeof(after));
        }
        assert_int_equal(former, report.failed ? 99 : kIOMemoryPurgeableVolatile);
        assert_true(report.failed || nth > 6); /* it was asked, and held, and then changed */
    }
    assert_int_equal(gIOMemoryReferenceCount, 0);
}

static void a_refused_change_of_purgeable_parts(void **state)
{
    static const IOOptionBits changes[] = {
        kIOMemoryPurgeableNonVolatile, kIOMemoryPurgeableVolatile, kIOMemoryPurgeableEmpty,
        kIOMemoryPurgeableVolatile | kIOMemoryPurgeableVolatileGroup7};
    IOMemoryDescriptor *parts[] = {losable(1), losable(2)};
    IOMemoryDescriptor *inner[] = {join(parts, 2), parts[0]}, *multi = join(inner, 2);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned k = 0; k < 2; k++) {
            set_purge(parts[k], kIOMemoryPurgeableNonVolatile);
            store(other, address_of(parts[k]), 1);
        }
        set_purge(parts[0], kIOMemoryPurgeableVolatile | kIOMemoryPurgeableVolatileGroup6 |
                                kIOMemoryPurgeableFaultOnAccess);
        set_purge(parts[1], kIOMemoryPurgeableVolatile | kIOMemoryPurgeableVolatileGroup5 |
                                kIOMemoryPurgeableVolatileBehaviorLifo);
        fail_change(multi, changes[i], parts);
    }
    OSObject_release(multi);
    OSObject_release(inner[0]);
    release_both(parts);
}

/* The same at every point where memory may be missing. */
static void an_overwrite_that_fails_anywhere(void **state)
{
    const uint64_t place = reserve();
    struct inject_report report = {.failed = true};
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map = NULL;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    for (uint64_t nth = 1; report.failed; nth++) {
        inject_begin(nth);
        map = IOMemoryDescriptor_createMappingInTask(multi, other, place, kIOMapOverwrite, 0, 0);
        inject_end(&report);
        if (map == NULL) {
            expect_reserved(place);
        } else if (report.failed) {
            OSObject_release(map); /* done without what it asked for */
            break;
        }
    }
    assert_int_equal(load(other, place), 1);
    if (!report.failed) {
        OSObject_release(map);
    }
    OSObject_release(multi);
    release_both(parts);
}

/* The same of memory that is to be there at once: what cannot be is found out at the end. */
static void an_eager_overwrite_that_fails_anywhere(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW), block = 2u << 20;
    /* Nobody has been there: pages need a table of their own. */
    const uint64_t place = (new_pages(other, 1024, RW) + block - 1) & ~(block - 1);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, owner);
    struct mmu_translation seen;
    struct inject_report report;
    unsigned failures[INJECT_POINTS] = {0};
    IOMemoryMap *map = NULL;

    (void)state;
    store(owner, at, 1);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    for (uint64_t nth = 1; map == NULL; nth++) {
        inject_begin(nth);
        map = IOMemoryDescriptor_createMappingInTask(memory, other, place,
                                                     kIOMapOverwrite | kIOMapPrefault, 0, 0);
        inject_end(&report);
        if (map == NULL) {
            assert_true(report.failed);
            failures[report.kind]++;
            assert_false(translate(other, place, &seen));
        }
    }
    assert_int_equal(load(other, place), 1);
    OSObject_release(map);
    assert_true(failures[INJECT_TABLE] != 0);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

/* A map that is made while its memory is redirected waits with the others, or is not made. */
static void a_map_that_waits_fails_anywhere(void **state)
{
    struct inject_report report;
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map = NULL;
    unsigned failures = 0;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    assert_int_equal(IOMemoryDescriptor_redirect(multi, TASK_NULL, true), kIOReturnSuccess);
    for (uint64_t nth = 1; map == NULL; nth++) {
        inject_begin(nth);
        map = IOMemoryDescriptor_createMappingInTask(multi, other, 0, kIOMapAnywhere, 0, 0);
        inject_end(&report);
        assert_true(map != NULL || report.failed);
        failures += map == NULL;
    }
    assert_true(failures != 0);
    assert_int_not_equal(try_load(other, IOMemoryMap_getAddress(map)), KERN_SUCCESS);
    assert_int_equal(IOMemoryDescriptor_redirect(multi, TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 1);
    OSObject_release(map);
    OSObject_release(multi);
    release_both(parts);
}

/* A window that waits, and is to become one of other memory: there it cannot wait. */
static void a_window_that_waits_cannot_move(void **state)
{
    IOMemoryDescriptor *from = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    IOMemoryDescriptor *to = describe(new_pages(owner, 2, RW), ptoa(2), 3, owner);
    IOMemoryDescriptor *sub = window(from, 0, 8);
    struct inject_report report = {.failed = true};
    IOMemoryMap *maps[3];
    unsigned failures = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        maps[i] = map_all(to, other, kIOMapUnique);
    }
    assert_int_equal(IOMemoryDescriptor_redirect(sub, TASK_NULL, true), kIOReturnSuccess);
    for (uint64_t nth = 1; report.failed; nth++) {
        bool moved;

        inject_begin(nth);
        moved = IOSubMemoryDescriptor_initSubRange((IOSubMemoryDescriptor *)sub, to, 0, 8, 3);
        inject_end(&report);
        assert_true(moved == !report.failed);
        failures += report.failed;
        assert_int_equal((IOMemoryDescriptor_getFlags(from) & kIOMemoryRedirected) != 0, !moved);
        assert_int_equal((IOMemoryDescriptor_getFlags(to) & kIOMemoryRedirected) != 0, moved);
        for (unsigned i = 0; i < 3 && !moved; i++) {
            assert_int_equal(try_load(other, IOMemoryMap_getAddress(maps[i])), KERN_SUCCESS);
        }
    }
    assert_true(failures != 0);
    assert_int_equal(IOMemoryDescriptor_redirect(sub, TASK_NULL, false), kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        OSObject_release(maps[i]);
    }
    OSObject_release(sub);
    OSObject_release(to);
    OSObject_release(from);
}

static void a_refused_request_freezes_no_image(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW), taken = new_pages(other, 2, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3 | kIOMemoryMapCopyOnWrite, owner);
    IOMemoryDescriptor *skewed = describe(new_pages(owner, 2, RW) + 8, PAGE_SIZE, 3, owner);
    IOMemoryMap *unique = map_all(skewed, other, kIOMapUnique), *map;
    const uint32_t references = gIOMemoryReferenceCount;

    (void)state;
    store(owner, at, 1);
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapReference, 0, 0, kIOReturnNotFound);
    expect_no_map(memory, other, taken, 0, 0, 0, kIOReturnNoSpace);
    expect_no_map(memory, other, taken + 1, kIOMapOverwrite, 0, 0, kIOReturnNotAligned);
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapPrefault, 0, 0, kIOReturnNotReady);
    assert_int_equal(IOMemoryMap_redirect(unique, memory, 0, 0), kIOReturnNotAligned);
    assert_int_equal(gIOMemoryReferenceCount, references);
    store(owner, at, 2);
    map = map_all(memory, other, 0);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 2); /* as it is at that moment */
    store(owner, at, 3);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 2);
    OSObject_release(map);
    OSObject_release(unique);
    OSObject_release(skewed);
    OSObject_release(memory);
}

static void a_refused_request_takes_no_reference(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW), taken = new_pages(other, 1, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, owner);

    (void)state;
    expect_no_map(memory, other, taken, 0, 0, 0, kIOReturnNoSpace);
    assert_int_equal(gIOMemoryReferenceCount, 0);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, 1, 0), kIOReturnUnsupported);
    OSObject_release(memory);
}

static void a_second_do_map_forgets_nothing(void **state)
{
    IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(PAGE_SIZE);
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    IOMemoryDescriptor *all[] = {UP(guard), memory, join(&memory, 1)};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t ranges = ranges_now();
        IOMemoryMap *map = map_all(all[i], other, 0);
        const uint64_t at = IOMemoryMap_getAddress(map);
        IOVirtualAddress pointer = (IOVirtualAddress)map;

        assert_int_equal(IOMemoryDescriptor_doMap(all[i], NULL, &pointer, kIOMapAnywhere, 0, 0),
                         kIOReturnBadArgument);
        assert_int_equal(IOMemoryMap_getAddress(map), at);
        OSObject_release(map);
        assert_int_equal(ranges_now(), ranges);
    }
    OSObject_release(all[2]);
    OSObject_release(memory);
    OSObject_release(guard);
}

/* A redirection that cannot reach every map has reached none. */
static void a_redirection_that_fails_anywhere(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 2, RW), ptoa(2), 3, owner), *sub;
    struct inject_report report = {.failed = true};
    IOMemoryMap *maps[3];
    IOReturn status = kIOReturnSuccess;

    (void)state;
    sub = window(memory, 0, 8);
    for (unsigned i = 0; i < 3; i++) {
        maps[i] = map_all(memory, other, kIOMapUnique);
    }
    for (uint64_t nth = 1; report.failed; nth++) {
        inject_begin(nth);
        status = IOMemoryDescriptor_redirect(sub, TASK_NULL, true);
        inject_end(&report);
        assert_true(report.failed == (status == kIOReturnNoMemory));
        for (unsigned i = 0; i < 3 && report.failed; i++) {
            assert_int_equal(try_load(other, IOMemoryMap_getAddress(maps[i])), KERN_SUCCESS);
        }
        assert_int_equal((IOMemoryDescriptor_getFlags(memory) & kIOMemoryRedirected) != 0,
                         !report.failed);
    }
    assert_int_equal(IOMemoryDescriptor_redirect(sub, TASK_NULL, false), kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(try_load(other, IOMemoryMap_getAddress(maps[i])), KERN_SUCCESS);
        OSObject_release(maps[i]);
    }
    OSObject_release(sub);
    OSObject_release(memory);
}

/* Read-only is read-only, whoever put the pages there. */
static void read_only_is_obeyed(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW), constant = new_pages(owner, 1, MMU_READ);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, owner);
    IOMemoryDescriptor *fixed = describe(constant, PAGE_SIZE, kIODirectionOut, owner);
    IOMemoryMap *map = IOMemoryDescriptor_setMapping(memory, owner, at, kIOMapReadOnly);

    (void)state;
    assert_int_equal(IOMemoryMap_wireRange(map, VM_PROT_WRITE, 0, 8), kIOReturnNotPermitted);
    assert_int_equal(pins_at(owner, at), 0);
    assert_int_equal(IOMemoryMap_wireRange(map, VM_PROT_READ, 0, 8), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_wireRange(map, 0, 0, 8), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_wireRange(map, 0x10 | VM_PROT_READ, 0, 8), kIOReturnBadArgument);
    OSObject_release(map);
    /* In its own task a map without ReadOnly promises stores, too. */
    expect_no_map(fixed, owner, 0, kIOMapAnywhere, 0, 0, kIOReturnNotPermitted);
    map = map_all(fixed, owner, kIOMapReadOnly);
    OSObject_release(map);
    OSObject_release(fixed);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_refused_window_stays),
        MAP_TEST(a_refused_overwrite_leaves_what_was_there),
        MAP_TEST(a_refused_change_of_purgeable_parts),
        MAP_TEST(an_overwrite_that_fails_anywhere),
        MAP_TEST(an_eager_overwrite_that_fails_anywhere),
        MAP_TEST(a_map_that_waits_fails_anywhere),
        MAP_TEST(a_window_that_waits_cannot_move),
        MAP_TEST(a_refused_request_freezes_no_image),
        MAP_TEST(a_refused_request_takes_no_reference),
        MAP_TEST(a_second_do_map_forgets_nothing),
        MAP_TEST(a_redirection_that_fails_anywhere),
        MAP_TEST(read_only_is_obeyed),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
