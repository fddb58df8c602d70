/* SPDX-License-Identifier: BSD-2-Clause */
/* Fail each request of a call in turn until it succeeds, and compare what is held. */
#include "tests/host/machine/inject_sweep.h"

#include "kernel/page.h"

#define DESCRIPTORS 11

struct inject_things things;

struct counts {
    uint64_t points, failed, leaked;
};

IOReturn inject_made(void *object)
{
    if (object == NULL) {
        return IOMemoryLastError();
    }
    OSObject_release(object);
    return kIOReturnSuccess;
}

IOReturn inject_done(bool success)
{
    return success ? kIOReturnSuccess : IOMemoryLastError();
}

/* One page of an object of its own. */
static void enter_page(uint64_t at)
{
    struct vm_range range = {.access = RW, .max_access = RW};

    assert_int_equal(vm_object_create(1, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(task_map(owner), &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    vm_object_release(range.object);
}

static void make_persistent(void)
{
    const uint64_t at = new_pages(owner, 2, RW);

    things.persistent =
        describe(things.at + 16, 3 * PAGE_SIZE, kIODirectionOutIn | kIOMemoryPersistent, owner);
    things.replaced = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn | kIOMemoryPersistent, owner);
    remove_pages(owner, at, 2);
    enter_page(at);
    enter_page(at + PAGE_SIZE);
}

static void make_ranges(void)
{
    IOAddressRange registers[] = {{DEVICE, PAGE_SIZE}, {DEVICE + 4 * PAGE_SIZE, PAGE_SIZE}};

    things.at = new_pages(owner, THINGS_PAGES, RW);
    store(owner, things.at + 16, 42);
    store(owner, things.at + PAGE_SIZE, 43);
    things.memory = describe(things.at + 16, 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    make_persistent();
    things.prepared = describe(things.at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    assert_int_equal(IOMemoryDescriptor_prepare(things.prepared, 0), kIOReturnSuccess);
    things.physical =
        IOMemoryDescriptor_withAddressRanges(registers, 2, kIODirectionOutIn, TASK_NULL);
    things.device = IODeviceMemory_withRange(DEVICE, 2 * PAGE_SIZE);
    things.guard = IOGuardPageMemoryDescriptor_withSize(2 * PAGE_SIZE);
    things.purgeable = IOBufferMemoryDescriptor_inTaskWithOptions(
        owner, kIODirectionOutIn | kIOMemoryPageable | kIOMemoryPurgeable, 9000, 1);
}

static void make_composites(void)
{
    IOMemoryDescriptor *children[] = {things.memory, things.prepared};

    things.sub =
        IOSubMemoryDescriptor_withSubRange(things.memory, 100, 2 * PAGE_SIZE, kIODirectionOutIn);
    things.multi = IOMultiMemoryDescriptor_withDescriptors(children, 2, kIODirectionOutIn, false);
    things.mixed = IOInterleavedMemoryDescriptor_withCapacity(4, kIODirectionOutIn);
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(things.mixed, things.multi,
                                                                  2 * PAGE_SIZE + 2000, PAGE_SIZE));
}

/* What a descriptor keeps from its first mapping on is no change later. */
static void map_once(void *memory)
{
    IOMemoryMap *map = map_all(memory, other, 0);

    OSObject_release(map);
}

static void make_things(void)
{
    make_ranges();
    make_composites();
    map_once(things.prepared);
    map_once(things.purgeable);
    map_once(things.physical);
    map_once(things.device);
    map_once(things.guard);
    things.map = map_all(things.memory, other, 0);
    things.unique = map_all(things.memory, other, kIOMapUnique);
    /* What was written, seen through the maps: their first page table exists. */
    assert_int_equal(load(other, IOMemoryMap_getAddress(things.map)), 42);
    assert_int_equal(load(other, IOMemoryMap_getAddress(things.unique)), 42);
}

static void drop_things(void)
{
    OSObject_release(things.unique);
    OSObject_release(things.map);
    OSObject_release(things.mixed);
    OSObject_release(things.multi);
    OSObject_release(things.sub);
    OSObject_release(things.purgeable);
    OSObject_release(things.guard);
    OSObject_release(things.device);
    OSObject_release(things.physical);
    OSObject_release(things.prepared);
    OSObject_release(things.replaced);
    OSObject_release(things.persistent);
    OSObject_release(things.memory);
}

/* What an operation that failed, and one that is undone, must not have changed. */
struct condition {
    uint64_t pins, objects_of_vm, ranges, spaces, tasks, maps;
    unsigned objects;
    uint32_t references;
    struct {
        uint64_t flags, length;
        int references;
    } descriptors[DESCRIPTORS];
    uint64_t seen[2];
    int held[2];
};

static struct condition condition_now(void)
{
    void *all[DESCRIPTORS] = {things.memory, things.persistent, things.prepared,  things.physical,
                              things.device, things.guard,      things.purgeable, things.sub,
                              things.multi,  things.mixed,      things.replaced};
    const struct holdings machine = holdings_now();
    struct condition now;

    memset(&now, 0, sizeof(now));
    now.pins = machine.pins;
    now.objects_of_vm = machine.objects;
    now.ranges = machine.entries;
    now.spaces = machine.spaces;
    now.tasks = machine.tasks;
    now.maps = machine.maps;
    now.objects = OSMetaClass_getTotalInstanceCount();
    now.references = gIOMemoryReferenceCount;
    for (unsigned i = 0; i < DESCRIPTORS; i++) {
        now.descriptors[i].flags = IOMemoryDescriptor_getFlags(all[i]);
        now.descriptors[i].length = IOMemoryDescriptor_getLength(all[i]);
        now.descriptors[i].references = OSObject_getRetainCount(all[i]);
    }
    now.seen[0] = IOMemoryMap_getAddress(things.map);
    now.seen[1] = IOMemoryMap_getAddress(things.unique);
    now.held[0] = OSObject_getRetainCount(things.map);
    now.held[1] = OSObject_getRetainCount(things.unique);
    return now;
}

static void expect_unchanged(const struct condition *before)
{
    const struct condition now = condition_now();

    assert_memory_equal(before, &now, sizeof(now));
    assert_int_equal(load(owner, things.at + 16), 42);
    assert_int_equal(load(other, now.seen[0] + PAGE_SIZE - 16), 43);
    assert_int_equal(load(other, now.seen[1]), 42);
}

static void expect_shortage(const struct inject_operation *operation, IOReturn status, uint64_t nth,
                            const struct inject_report *report)
{
    const bool documented =
        status == kIOReturnSuccess ||
        (report->failed &&
         (status == kIOReturnNoMemory || (status == kIOReturnNoResources && operation->populates)));

    if (!documented) {
        fail_msg("%s: %s, point %llu %s", operation->name, IOReturn_name(status),
                 (unsigned long long)nth, report->failed ? "failed" : "was not reached");
    }
}

/* One attempt; true if the n-th point was reached. */
static bool attempt(const struct inject_operation *operation, uint64_t nth, struct counts *counts)
{
    struct condition before;
    struct inject_report report;
    IOReturn status;

    assert_int_equal(map_start(NULL), 0);
    make_things();
    before = condition_now();
    platform_set_last_error(0);
    inject_begin(nth);
    status = operation->run();
    inject_end(&report);
    expect_shortage(operation, status, nth, &report);
    expect_unchanged(&before);
    if (status != kIOReturnSuccess) {
        counts->failed++;
        assert_int_equal(operation->run(), kIOReturnSuccess);
        expect_unchanged(&before);
    }
    drop_things();
    counts->leaked += map_stop(NULL) != 0;
    counts->points += report.failed;
    return report.failed;
}

static void show(const char *name, const struct counts *counts)
{
    print_message("# %-44s %4llu found %4llu failed %4llu leaked\n", name,
                  (unsigned long long)counts->points, (unsigned long long)counts->failed,
                  (unsigned long long)counts->leaked);
}

/*
 * The seam's services are points as well, which the linker puts these in front of: of any of them
 * KERN_RESOURCE_SHORTAGE is possible (platform_vm.h), though ours may have nothing to ask for.
 */
#define SEAM_POINT(name, parameters, arguments)                                                    \
    kern_return_t __real_##name parameters;                                                        \
    kern_return_t __wrap_##name parameters;                                                        \
    kern_return_t __wrap_##name parameters                                                         \
    {                                                                                              \
        return inject_fails(INJECT_RANGE) ? KERN_RESOURCE_SHORTAGE : __real_##name arguments;      \
    }
SEAM_POINT(platform_map_show,
           (vm_map_t map, uint64_t *address, enum platform_placement placement,
            const struct platform_view *view),
           (map, address, placement, view))
SEAM_POINT(platform_map_exchange, (vm_map_t map, uint64_t one, uint64_t two, uint64_t size),
           (map, one, two, size))
SEAM_POINT(platform_map_block, (vm_map_t map, uint64_t address, uint64_t size, bool block),
           (map, address, size, block))
SEAM_POINT(platform_map_fill, (vm_map_t map, uint64_t address, uint64_t size), (map, address, size))
SEAM_POINT(platform_map_set_cache, (vm_map_t map, uint64_t address, uint64_t size, unsigned cache),
           (map, address, size, cache))

SEAM_POINT(platform_map_replace_cache,
           (vm_map_t map, uint64_t address, uint64_t size, unsigned from, unsigned to),
           (map, address, size, from, to))

static void sweep(const struct inject_operation operations[], size_t count)
{
    struct counts total = {0};

    for (size_t i = 0; i < count; i++) {
        struct counts one = {0};

        while (attempt(&operations[i], one.points + 1, &one)) {
        }
        show(operations[i].name, &one);
        if (one.points - one.failed != operations[i].spared) {
            fail_msg("%s: a shortage was not told", operations[i].name);
        }
        total.points += one.points;
        total.failed += one.failed;
        total.leaked += one.leaked;
    }
    show("in total", &total);
    assert_true(total.failed > 0);
    assert_int_equal(total.leaked, 0);
}

static struct {
    const struct inject_operation *operations;
    size_t count;
} table;

static void nothing_leaks_whichever_request_fails(void **state)
{
    (void)state;
    sweep(table.operations, table.count);
}

int inject_main(const struct inject_operation operations[], size_t count)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_leaks_whichever_request_fails),
    };

    table.operations = operations;
    table.count = count;
    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
