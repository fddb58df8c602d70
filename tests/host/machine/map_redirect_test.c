/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Redirection, task death and pins through a map: the checks MD-35
 * and MM-6 to MM-8.
 */
#include "tests/host/machine/map_fixture.h"

static void mm_6_only_this_map_changes(void **state)
{
    const uint64_t at = new_pages(owner, 6, RW);
    IOMemoryDescriptor *one = describe(at + 8, 5000, kIODirectionOutIn, owner);
    IOMemoryDescriptor *two = describe(at + 3 * PAGE_SIZE, 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(one, other, kIOMapUnique | kIOMapGuardedSmall);
    IOMemoryMap *first = map_all(one, other, 0), *second = map_all(two, other, 0);
    const uint64_t seen = IOMemoryMap_getAddress(map), ranges = ranges_now();

    (void)state;
    store(owner, at + 8, 1);
    store(owner, at + 3 * PAGE_SIZE + 8, 2);
    store(owner, at + 4 * PAGE_SIZE + 7, 3);
    assert_int_equal(load(other, seen), 1);
    assert_int_equal(IOMemoryMap_redirect(map, two, kIOMapReadOnly, 8), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_getAddress(map), seen);
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), two);
    assert_int_equal(OSObject_getRetainCount(one), 2);
    assert_int_equal(OSObject_getRetainCount(two), 3);
    assert_int_equal(ranges_now(), ranges);
    assert_int_equal(load(other, seen), 2);
    assert_int_equal(load(other, seen + PAGE_SIZE - 1), 3);
    assert_int_equal(IOMemoryDescriptor_prepare(two, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_getPhysicalAddress(map),
                     IOMemoryDescriptor_getPhysicalSegment(two, 8, NULL, 0));
    assert_int_equal(IOMemoryDescriptor_complete(two, 0), kIOReturnSuccess);
    assert_int_equal(try_store(other, seen), KERN_PROTECTION_FAILURE);
    assert_int_equal(IOMemoryMap_getMapOptions(map),
                     kIOMapAnywhere | kIOMapUnique | kIOMapGuardedSmall | kIOMapReadOnly);
    assert_int_equal(try_load(other, trunc_page(seen) - 1), KERN_PROTECTION_FAILURE); /* a guard */
    assert_int_equal(load(other, IOMemoryMap_getAddress(first)), 1);
    assert_int_equal(load(other, IOMemoryMap_getAddress(second) + 8), 2);
    /* And back, with stores again. */
    assert_int_equal(IOMemoryMap_redirect(map, one, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 1);
    store(other, seen, 9);
    assert_int_equal(load(owner, at + 8), 9);
    OSObject_release(map);
    OSObject_release(first);
    OSObject_release(second);
    OSObject_release(one);
    OSObject_release(two);
}

/* Waiting is of the memory: a map that shows other memory by now waits with that. */
static void mm_6_waiting_goes_with_the_memory(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *one = describe(at, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *two = describe(at + PAGE_SIZE, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(one, other, kIOMapUnique);
    const uint64_t seen = IOMemoryMap_getAddress(map);

    (void)state;
    store(owner, at + PAGE_SIZE, 2);
    assert_int_equal(IOMemoryDescriptor_redirect(one, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(IOMemoryMap_redirect(map, two, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 2);
    assert_int_equal(IOMemoryDescriptor_redirect(two, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(one, TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(two, TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 2);
    OSObject_release(map);
    OSObject_release(one);
    OSObject_release(two);
}

/* Of registers that a map of its own has shown before, nothing is to be waited for any more. */
static void mm_6_former_registers_are_forgotten(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *device = describe(DEVICE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(device, other, kIOMapUnique);
    const uint64_t seen = IOMemoryMap_getAddress(map);

    (void)state;
    store(owner, at, 3);
    assert_int_equal(IOMemoryMap_redirect(map, memory, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 3);
    assert_int_equal(IOMemoryDescriptor_redirect(device, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_SUCCESS);
    assert_int_equal(IOMemoryDescriptor_redirect(device, TASK_NULL, false), kIOReturnSuccess);
    OSObject_release(map);
    OSObject_release(memory);
    OSObject_release(device);
}

static void mm_6_nothing_blocks_until_the_next_redirect(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *one = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryDescriptor *two = describe(at + 2 * PAGE_SIZE, 5000, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(one, other, kIOMapUnique);
    const uint64_t seen = IOMemoryMap_getAddress(map);

    (void)state;
    store(owner, at + 2 * PAGE_SIZE, 4);
    assert_int_equal(load(other, seen), 0);
    assert_int_equal(IOMemoryMap_redirect(map, (IOMemoryDescriptor *)NULL, 0, 0), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(try_load(other, seen + 4999), KERN_ABORTED);
    assert_int_equal(IOMemoryMap_redirect(map, one, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 0);
    assert_int_equal(IOMemoryMap_redirect(map, (IOMemoryDescriptor *)NULL, 0, 0), kIOReturnSuccess);
    /* A failure leaves it as it is: blocked. */
    assert_int_equal(IOMemoryMap_redirect(map, two, 0, 1), kIOReturnBadArgument);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(IOMemoryMap_redirect(map, two, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 4);
    OSObject_release(map);
    OSObject_release(one);
    OSObject_release(two);
}

/* A map and its descriptor are blocked each for itself. */
static void mm_6_blocked_twice(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *one = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryDescriptor *two = describe(at + 2 * PAGE_SIZE, 5000, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(one, other, kIOMapUnique);
    const uint64_t seen = IOMemoryMap_getAddress(map);

    (void)state;
    assert_int_equal(IOMemoryMap_redirect(map, (IOMemoryDescriptor *)NULL, 0, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_redirect(one, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_redirect(one, TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(one, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_redirect(map, one, 0, 0), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(one, TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_SUCCESS);
    /* Other memory ends the map's own block, and brings its descriptor's. */
    assert_int_equal(IOMemoryMap_redirect(map, (IOMemoryDescriptor *)NULL, 0, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_redirect(map, two, 0, 0), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_SUCCESS);
    assert_int_equal(IOMemoryDescriptor_redirect(two, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(IOMemoryMap_redirect(map, one, 0, 0), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_SUCCESS);
    assert_int_equal(IOMemoryMap_redirect(map, two, 0, 0), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    OSObject_release(map);
    OSObject_release(one);
    OSObject_release(two);
}

static IOReturn refuse_segment(IOMemoryDescriptor *self, IOByteCount offset, IOOptionBits options,
                               IOPhysicalSegment *segment)
{
    (void)self, (void)offset, (void)options, (void)segment;
    return kIOReturnNotReady;
}

static void mm_6_failures_keep_the_view(void **state)
{
    const uint64_t at = new_pages(owner, 5, RW), constant = new_pages(owner, 2, MMU_READ);
    IOMemoryDescriptor *one = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryDescriptor *small = describe(at, 4999, kIODirectionOutIn, owner);
    IOMemoryDescriptor *skewed = describe(at + 3, 5000, kIODirectionOutIn, owner);
    IOMemoryDescriptor *fixed = describe(constant, 5000, kIODirectionOut, owner);
    IOMemoryDescriptor *absent = describe(at + 100 * PAGE_SIZE, 5000, kIODirectionOut, owner);
    const OSMetaClass *const meta = OSObject_getMetaClass(skewed);
    IOMemoryDescriptorClass nowhere = *IOMemoryDescriptor_methods(skewed);
    IOMemoryMap *shared = map_all(one, other, 0), *map = map_all(one, other, kIOMapUnique);
    const uint64_t seen = IOMemoryMap_getAddress(map), ranges = ranges_now();

    (void)state;
    store(owner, at, 7);
    assert_int_equal(IOMemoryMap_redirect(shared, one, 0, 0), kIOReturnUnsupported);
    assert_int_equal(IOMemoryMap_redirect(map, small, 0, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_redirect(map, skewed, 0, UINT64_MAX), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_redirect(map, skewed, 0, 0), kIOReturnNotAligned);
    /* Of a class whose map alone tells where its bytes lie. */
    nowhere.meta.super = meta;
    nowhere.getPhysicalSegment = refuse_segment;
    skewed->super.metaClass = &nowhere.meta;
    assert_int_equal(IOMemoryMap_redirect(map, skewed, 0, 0), kIOReturnNotAligned);
    skewed->super.metaClass = meta;
    assert_int_equal(OSObject_getRetainCount(skewed), 1);
    assert_int_equal(IOMemoryMap_redirect(map, fixed, 0, 0), kIOReturnNotPermitted);
    assert_int_equal(IOMemoryMap_redirect(map, absent, 0, 0), kIOReturnVMError);
    assert_int_equal(IOMemoryMap_wireRange(map, VM_PROT_READ, 0, 1), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_redirect(map, fixed, kIOMapReadOnly, 0), kIOReturnBusy);
    assert_int_equal(IOMemoryMap_wireRange(map, 0, 0, 1), kIOReturnSuccess);
    assert_int_equal(ranges_now(), ranges);
    assert_int_equal(load(other, seen), 7);
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), one);
    assert_int_equal(IOMemoryMap_redirect(map, fixed, kIOMapReadOnly, 0), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 0);
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_redirect(map, one, 0, 0), kIOReturnNotReady);
    OSObject_release(map);
    OSObject_release(shared);
    OSObject_release(one);
    OSObject_release(small);
    OSObject_release(skewed);
    OSObject_release(fixed);
    OSObject_release(absent);
}

/* [xnu: fails] A view of one object replaced by one of several, in the owner's own task too. */
static void mm_6_several_objects(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW), next = new_pages(owner, 2, RW);
    IOMemoryDescriptor *one = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *two = describe(at + PAGE_SIZE, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(one, owner, kIOMapUnique);
    const uint64_t seen = IOMemoryMap_getAddress(map);

    (void)state;
    assert_int_equal(next, at + 2 * PAGE_SIZE);
    store(owner, at, 1);
    store(owner, at + PAGE_SIZE, 2);
    store(owner, next, 3);
    assert_int_equal(IOMemoryMap_redirect(map, two, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(owner, seen), 2);
    assert_int_equal(load(owner, seen + PAGE_SIZE), 3);
    assert_int_equal(load(owner, at), 1);
    assert_int_equal(IOMemoryMap_redirect(map, one, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(owner, seen), 1);
    OSObject_release(map);
    assert_int_equal(load(owner, at), 1);
    OSObject_release(one);
    OSObject_release(two);
}

/* Unique maps of physical memory stand alone; scattered memory cannot. */
static void unique_physical_maps(void **state)
{
    IOAddressRange ranges[] = {{DEVICE, PAGE_SIZE}, {DEVICE + 4 * PAGE_SIZE, PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, TASK_NULL);
    struct mmu_translation seen;
    IOMemoryMap *map;

    (void)state;
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapUnique, 0, 0, kIOReturnUnsupported);
    map = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere | kIOMapUnique,
                                                 PAGE_SIZE + 16, 100);
    assert_non_null(map);
    assert_ptr_not_equal(IOMemoryMap_getMemoryDescriptor(map), memory);
    assert_int_equal(OSObject_getRetainCount(memory), 1);
    assert_int_equal(IOMemoryDescriptor_getLength(IOMemoryMap_getMemoryDescriptor(map)), 100);
    assert_true(translate(other, IOMemoryMap_getAddress(map), &seen));
    assert_int_equal(seen.pa.value, DEVICE + 4 * PAGE_SIZE + 16);
    assert_int_equal(IOMemoryMap_redirect(map, memory, 0, 16), kIOReturnSuccess);
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), memory);
    assert_int_equal(vm_fault(task_map(other), IOMemoryMap_getAddress(map), MMU_READ),
                     KERN_SUCCESS);
    assert_true(translate(other, IOMemoryMap_getAddress(map), &seen));
    assert_int_equal(seen.pa.value, DEVICE + 16);
    OSObject_release(map);
    OSObject_release(memory);
}

static void md_35_redirect_blocks_all_but_the_safe_task(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryMap *fixed = map_all(memory, owner, 0); /* static */
    IOMemoryMap *map = map_all(memory, other, 0), *late;
    IOMemoryMap *safe = map_all(memory, kernel_task, kIOMapWriteCombineCache);
    const uint64_t seen = IOMemoryMap_getAddress(map);
    struct mmu_translation view;

    (void)state;
    store(other, seen, 1);
    assert_int_equal(IOMemoryDescriptor_handleFault(memory, NULL, 0, 10), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, kernel_task, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getFlags(memory) & kIOMemoryRedirected,
                     kIOMemoryRedirected);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(load(owner, IOMemoryMap_getAddress(fixed)), 1);
    assert_int_equal(load(kernel_task, IOMemoryMap_getAddress(safe)), 1);
    assert_true(translate(kernel_task, IOMemoryMap_getAddress(safe), &view));
    assert_int_equal(view.attributes.memory, MMU_NONCACHED);
    assert_int_equal(IOMemoryDescriptor_handleFault(memory, NULL, 0, 10), kIOReturnAborted);
    assert_int_equal(IOMemoryDescriptor_handleFault(memory, NULL, 4999, 2), kIOReturnBadArgument);
    late = map_all(memory, other, kIOMapReadOnly); /* made while redirected: blocked as well */
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(late)), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, kernel_task, false), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getFlags(memory) & kIOMemoryRedirected, 0);
    assert_int_equal(load(other, seen), 1);
    assert_int_equal(load(other, IOMemoryMap_getAddress(late)), 1);
    assert_int_equal(IOMemoryDescriptor_redirect((IOMemoryDescriptor *)NULL, owner, true),
                     kIOReturnBadArgument);
    OSObject_release(late);
    OSObject_release(safe);
    OSObject_release(map);
    OSObject_release(fixed);
    OSObject_release(memory);
}

/* The kernel's view of registers is entered again at once, and write-combining is put back. */
static void redirected_registers(void **state)
{
    IOMemoryDescriptor *device = describe(DEVICE + 8, 6000, kIODirectionOutIn, TASK_NULL);
    IOMemoryMap *map = map_all(device, kernel_task, 0);
    IOMemoryMap *combined = map_all(device, other, kIOMapWriteCombineCache);
    const uint64_t seen = IOMemoryMap_getAddress(map), safe = IOMemoryMap_getAddress(combined);
    struct mmu_translation view;

    (void)state;
    assert_true(translate(other, safe, &view));
    assert_int_equal(view.attributes.memory, MMU_NONCACHED);
    assert_int_equal(IOMemoryDescriptor_redirect(device, other, true), kIOReturnSuccess);
    assert_false(translate(kernel_task, seen, &view));
    assert_int_equal(vm_fault(task_map(other), safe, MMU_READ), KERN_SUCCESS);
    assert_true(translate(other, safe, &view));
    assert_int_equal(view.attributes.memory, MMU_DEVICE);
    assert_int_equal(IOMemoryDescriptor_redirect(device, other, false), kIOReturnSuccess);
    assert_true(translate(kernel_task, seen + 5999, &view));
    assert_int_equal(view.pa.value, DEVICE + 8 + 5999);
    assert_int_equal(vm_fault(task_map(other), safe, MMU_READ), KERN_SUCCESS);
    assert_true(translate(other, safe, &view));
    assert_int_equal(view.attributes.memory, MMU_NONCACHED);
    OSObject_release(map);
    OSObject_release(combined);
    OSObject_release(device);
}

static void populating_by_hand(void **state)
{
    IOAddressRange ranges[] = {{DEVICE, PAGE_SIZE},
                               {DEVICE + 4 * PAGE_SIZE, PAGE_SIZE + 100},
                               {DEVICE + 8 * PAGE_SIZE, 100}};
    IOMemoryDescriptor *device =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, TASK_NULL);
    IOMemoryMap *map =
        IOMemoryDescriptor_createMappingInTask(device, other, 0, kIOMapAnywhere, 0, 2 * PAGE_SIZE);
    const uint64_t seen = IOMemoryMap_getAddress(map);
    vm_map_t space = task_map(other);
    struct mmu_translation view;

    (void)state;
    vm_map_drop_tables(space, seen, 2 * PAGE_SIZE);
    assert_false(translate(other, seen, &view));
    assert_int_equal(
        IOMemoryDescriptor_populateDevicePager(device, NULL, space, seen, 0, 2 * PAGE_SIZE, 0),
        kIOReturnSuccess);
    assert_true(translate(other, seen + PAGE_SIZE, &view));
    assert_int_equal(view.pa.value, DEVICE + 4 * PAGE_SIZE);
    assert_int_equal(
        IOMemoryDescriptor_populateDevicePager(device, NULL, space, seen + 8, 0, PAGE_SIZE, 0),
        kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_populateDevicePager(device, NULL, space, seen, 0,
                                                            2 * PAGE_SIZE + 101, 0),
                     kIOReturnVMError);
    assert_int_equal(
        IOMemoryDescriptor_populateDevicePager(device, NULL, space, seen, 2 * PAGE_SIZE, 150, 0),
        kIOReturnVMError);
    assert_int_equal(IOMemoryDescriptor_populateDevicePager(device, NULL, space, seen,
                                                            2 * PAGE_SIZE + 100, 500, 0),
                     kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_populateDevicePager(device, NULL, space,
                                                            seen + 64 * PAGE_SIZE, 0, PAGE_SIZE, 0),
                     kIOReturnVMError);
    assert_int_equal(IOMemoryDescriptor_populateDevicePager(device, NULL, NULL, seen, 0, 1, 0),
                     kIOReturnBadArgument);
    OSObject_release(map);
    OSObject_release(device);
}

static void mm_7_pins_of_a_range(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *memory = describe(at + 100, 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, 0),
                *constant = map_all(memory, other, kIOMapReadOnly);
    const unsigned both = VM_PROT_READ | VM_PROT_WRITE;

    (void)state;
    assert_int_equal(IOMemoryMap_wireRange(map, both, PAGE_SIZE - 100, 1), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_wireRange(map, VM_PROT_READ, 0, PAGE_SIZE - 100),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_wireRange(map, both, 0, PAGE_SIZE), kIOReturnSuccess);
    assert_int_equal(pins_at(owner, at), 2);
    assert_int_equal(pins_at(owner, at + PAGE_SIZE), 2);
    assert_int_equal(pins_at(owner, at + 2 * PAGE_SIZE), 0);
    /* All or nothing, also backwards. */
    assert_int_equal(IOMemoryMap_wireRange(map, 0, 0, 2 * PAGE_SIZE), kIOReturnBadArgument);
    assert_int_equal(pins_at(owner, at), 2);
    assert_int_equal(IOMemoryMap_wireRange(map, 0, 0, PAGE_SIZE), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_wireRange(map, 0, 0, PAGE_SIZE), kIOReturnSuccess);
    assert_int_equal(pins_at(owner, at), 0);
    assert_int_equal(pins_at(owner, at + PAGE_SIZE), 0);
    assert_int_equal(IOMemoryMap_wireRange(map, 0, 0, 1), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_wireRange(map, both, 1, 3 * PAGE_SIZE), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_wireRange(map, both, UINT64_MAX, 2), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_wireRange(map, both, 3 * PAGE_SIZE, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_wireRange(constant, both, 0, 1), kIOReturnNotPermitted);
    assert_int_equal(IOMemoryMap_wireRange(constant, VM_PROT_READ, 0, 1), kIOReturnSuccess);
    assert_int_equal(pins_at(owner, at), 1);
    OSObject_release(constant); /* gives back what is left */
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pins_at(owner, at + i * PAGE_SIZE), 0);
    }
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_wireRange(map, both, 0, 1), kIOReturnNotReady);
    OSObject_release(map);
    OSObject_release(memory);
}

static void mm_8_the_target_dies(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapGuardedSmall);
    IOMemoryMap *marked = map_all(memory, other, kIOMapUnique);

    (void)state;
    store(other, IOMemoryMap_getAddress(map), 8);
    assert_int_equal(IOMemoryMap_wireRange(map, VM_PROT_READ, 0, 1), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_userClientUnmap(marked), kIOReturnSuccess);
    task_terminate(other);
    assert_int_equal(IOMemoryMap_getAddress(map), 0);
    assert_int_equal(IOMemoryMap_getAddress(marked), 0);
    assert_null(IOMemoryMap_getAddressTask(map));
    assert_int_equal(IOMemoryMap_getLength(map), 5000);
    assert_int_equal(pins_at(owner, at), 0);
    assert_int_equal(load(owner, at), 8);
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_redirect(marked, memory, 0, 0), kIOReturnNotReady);
    assert_int_equal(IOMemoryMap_wireRange(map, VM_PROT_READ, 0, 1), kIOReturnNotReady);
    OSObject_release(map);
    OSObject_release(marked);
    OSObject_release(memory);
}

struct witness {
    uint64_t marked, plain; /* addresses */
    bool marked_shown, plain_shown;
};

static void look_around(struct task *task, void *context)
{
    struct witness *const saw = context;
    struct mmu_translation at;

    saw->marked_shown = translate(task, saw->marked, &at);
    saw->plain_shown = translate(task, saw->plain, &at);
}

/* A client's map goes while its task dies, and does not wait for the whole address space. */
static void mm_8_a_clients_map_goes_first(void **state)
{
    IOMemoryDescriptor *memory =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    struct witness saw = {0};
    struct task_watch watch = {.died = look_around, .context = &saw};
    IOMemoryMap *plain, *marked;

    (void)state;
    task_watch_add(other, &watch); /* before the maps: called after them */
    plain = map_all(memory, other, 0);
    marked = map_all(memory, other, kIOMapUnique);
    saw.plain = IOMemoryMap_getAddress(plain);
    saw.marked = IOMemoryMap_getAddress(marked);
    assert_int_equal(load(other, saw.plain) + load(other, saw.marked), 0);
    assert_int_equal(IOMemoryMap_userClientUnmap(marked), kIOReturnSuccess);
    task_terminate(other);
    assert_true(saw.plain_shown);
    assert_false(saw.marked_shown);
    OSObject_release(plain);
    OSObject_release(marked);
    OSObject_release(memory);
}

static void mm_8_the_owner_dies(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 5000, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, 0);
    uint8_t byte;

    (void)state;
    store(owner, at + 4999, 8);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    task_release(owner);
    owner = NULL;
    /* The pages have outlived it: pinned, and shown by the map. */
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 4999, &byte, 1), 1);
    assert_int_equal(byte, 8);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 4999), 8);
    assert_int_equal(pins_at(other, IOMemoryMap_getAddress(map)), 1);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnCannotWire);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 4999), 8);
    OSObject_release(map);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(mm_6_only_this_map_changes),
        MAP_TEST(mm_6_nothing_blocks_until_the_next_redirect),
        MAP_TEST(mm_6_blocked_twice),
        MAP_TEST(mm_6_failures_keep_the_view),
        MAP_TEST(mm_6_several_objects),
        MAP_TEST(unique_physical_maps),
        MAP_TEST(md_35_redirect_blocks_all_but_the_safe_task),
        MAP_TEST(redirected_registers),
        MAP_TEST(populating_by_hand),
        MAP_TEST(mm_7_pins_of_a_range),
        MAP_TEST(mm_8_the_target_dies),
        MAP_TEST(mm_8_a_clients_map_goes_first),
        MAP_TEST(mm_8_the_owner_dies),
        MAP_TEST(mm_6_waiting_goes_with_the_memory),
        MAP_TEST(mm_6_former_registers_are_forgotten),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
