/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page has one cache mode at a time, whoever looks at it; what no access may fault on
 * stays in the page tables when that mode changes.
 */
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOProcessorCache.h"
#include "tests/host/machine/map_buffer.h"
#include "tests/host/machine/map_composite.h"

static enum mmu_memory type_at(task_t task, uint64_t address)
{
    struct mmu_translation at;

    assert_true(translate(task, address, &at)); /* it is in the tables: no access would fault */
    return at.attributes.memory;
}

static uint64_t physical_of(task_t task, uint64_t address)
{
    struct mmu_translation at;

    load(task, address);
    assert_true(translate(task, address, &at));
    return at.pa.value;
}

static void prefaulted_pages_stay(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, ptoa(2), 3, owner);
    IOMemoryDescriptor *same = describe(at, ptoa(2), 3, owner);
    IOMemoryMap *map, *others;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    map = map_all(memory, kernel_task, kIOMapPrefault);
    others = map_all(same, other, kIOMapInhibitCache);
    assert_int_equal(type_at(kernel_task, IOMemoryMap_getAddress(map)), MMU_NONCACHED);
    assert_int_equal(type_at(kernel_task, IOMemoryMap_getAddress(map) + PAGE_SIZE), MMU_NONCACHED);
    OSObject_release(others);
    others = map_all(same, other, kIOMapCopybackCache);
    assert_int_equal(type_at(kernel_task, IOMemoryMap_getAddress(map)), MMU_NORMAL);
    OSObject_release(others);
    /* Waiting and going on puts them back as well. */
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(type_at(kernel_task, IOMemoryMap_getAddress(map)), MMU_NORMAL);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(map);
    OSObject_release(same);
    OSObject_release(memory);
}

/* A whole that is mapped in no mode in particular leaves its parts theirs. */
static void parts_keep_their_modes(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(kernel_task, 3 | kIOMapInhibitCache, PAGE_SIZE);
    IOMemoryDescriptor *multi = join((IOMemoryDescriptor *[]){UP(buffer)}, 1);
    IOMemoryMap *map = map_all(multi, other, 0);

    (void)state;
    load(other, IOMemoryMap_getAddress(map));
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(map)), MMU_NONCACHED);
    assert_int_equal(type_at(kernel_task, address_of(buffer)), MMU_NONCACHED);
    OSObject_release(map);
    OSObject_release(multi);
    OSObject_release(buffer);
}

static void a_wired_buffer_stays(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(kernel_task, 3 | kIOMapInhibitCache, ptoa(2));
    const uint64_t at = address_of(buffer);

    (void)state;
    assert_int_equal(type_at(kernel_task, at), MMU_NONCACHED);
    assert_int_equal(IOSetProcessorCacheMode(kernel_task, at, PAGE_SIZE, kIOCopybackCache),
                     kIOReturnSuccess);
    assert_int_equal(type_at(kernel_task, at), MMU_NORMAL);
    assert_int_equal(type_at(kernel_task, at + PAGE_SIZE), MMU_NONCACHED);
    assert_int_equal(IOSetProcessorCacheMode(kernel_task, at, ptoa(2), kIOWriteThruCache),
                     kIOReturnSuccess);
    assert_int_equal(type_at(kernel_task, at), MMU_WRITE_THROUGH);
    assert_int_equal(type_at(kernel_task, at + PAGE_SIZE), MMU_WRITE_THROUGH);
    OSObject_release(buffer);
}

/* RAM that somebody has, seen by physical address as well. */
static void windows_and_owners_follow_each_other(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, ptoa(2), 3, owner);
    IOMemoryDescriptor *window, *part;
    IOMemoryMap *map, *seen, *small;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    window = describe(physical_of(owner, at), PAGE_SIZE, 3, TASK_NULL);
    part = describe(physical_of(owner, at) + 64, 64, 3, TASK_NULL);
    seen = map_all(window, other, 0);
    small = map_all(part, kernel_task, 0);
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(seen)), MMU_NORMAL);
    map = map_all(memory, other, kIOMapInhibitCache);
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(seen)), MMU_NONCACHED);
    assert_int_equal(type_at(kernel_task, IOMemoryMap_getAddress(small)), MMU_NONCACHED);
    OSObject_release(map);
    map = map_all(part, other, kIOMapWriteThruCache);
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(map)), MMU_WRITE_THROUGH);
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(seen)), MMU_WRITE_THROUGH);
    load(owner, at);
    assert_int_equal(type_at(owner, at), MMU_WRITE_THROUGH);
    OSObject_release(map);
    map = map_all(window, other, kIOMapUnique); /* a new one is as the pages are */
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(map)), MMU_WRITE_THROUGH);
    OSObject_release(map);
    OSObject_release(seen);
    OSObject_release(small);
    OSObject_release(part);
    OSObject_release(window);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

/* RAM of no object: the mode lasts as long as somebody shows it. */
static void windows_follow_each_other(void **state)
{
    struct platform_memory_request request = {.size = PAGE_SIZE, .alignment = PAGE_SIZE};
    IOMemoryDescriptor *one, *two;
    IOMemoryMap *map, *seen;
    void *page;

    (void)state;
    assert_int_equal(platform_memory_alloc(&request, &page), KERN_SUCCESS);
    one = describe((uintptr_t)page, PAGE_SIZE, 3, kernel_task);
    two = describe(platform_memory_physical(page).value, PAGE_SIZE, 3, TASK_NULL);
    seen = map_all(two, other, 0);
    map = map_all(one, other, kIOMapInhibitCache);
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(seen)), MMU_NONCACHED);
    OSObject_release(map);
    OSObject_release(one);
    OSObject_release(seen);
    OSObject_release(two);
    two = describe(platform_memory_physical(page).value, PAGE_SIZE, 3, TASK_NULL);
    seen = map_all(two, other, 0);
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(seen)), MMU_NORMAL);
    OSObject_release(seen);
    OSObject_release(two);
    platform_memory_free(page, PAGE_SIZE);
}

static void sharing_goes_by_the_present_mode(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapInhibitCache), *again;

    (void)state;
    OSObject_release(map_all(memory, kernel_task, kIOMapCopybackCache));
    again = map_all(memory, other, kIOMapCopybackCache); /* it is that by now */
    assert_ptr_equal(again, map);
    OSObject_release(again);
    again = map_all(memory, other, kIOMapInhibitCache);
    assert_ptr_not_equal(again, map);
    OSObject_release(again);
    OSObject_release(map);
    OSObject_release(memory);
}

static void identity_goes_by_the_present_mode(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, owner);
    IOMemoryDescriptor *same = describe(at, PAGE_SIZE, 3, owner);
    IOMemoryMap *map = map_all(memory, owner, kIOMapCopybackCache), *seen;

    (void)state;
    assert_int_equal(IOMemoryMap_getAddress(map), at);
    OSObject_release(map);
    seen = map_all(same, other, kIOMapInhibitCache);
    map = map_all(memory, owner, kIOMapInhibitCache);
    assert_int_equal(IOMemoryMap_getAddress(map), at);
    OSObject_release(map);
    map = map_all(memory, owner, kIOMapCopybackCache);
    assert_int_not_equal(IOMemoryMap_getAddress(map), at);
    OSObject_release(map);
    OSObject_release(seen);
    OSObject_release(same);
    OSObject_release(memory);
}

/* A composite whose second part is refused has changed the mode of the first one's pages not. */
static void a_refusal_changes_no_mode(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *parts[] = {describe(at, PAGE_SIZE, 3, owner),
                                   describe(at + (1ull << 30), PAGE_SIZE, 3, owner)};
    IOMemoryDescriptor *multi = join(parts, 2);

    (void)state;
    load(owner, at);
    expect_no_map(multi, other, 0, kIOMapAnywhere | kIOMapInhibitCache, 0, 0, kIOReturnVMError);
    load(owner, at);
    assert_int_equal(type_at(owner, at), MMU_NORMAL);
    OSObject_release(multi);
    release_both(parts);
}

static void all_parts_of_a_composite_have_it(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    map = map_all(multi, other, kIOMapWriteThruCache);
    load(other, IOMemoryMap_getAddress(map));
    load(other, IOMemoryMap_getAddress(map) + PAGE_SIZE);
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(map)), MMU_WRITE_THROUGH);
    assert_int_equal(type_at(other, IOMemoryMap_getAddress(map) + PAGE_SIZE), MMU_WRITE_THROUGH);
    OSObject_release(map);
    OSObject_release(multi);
    release_both(parts);
}

/* The second identical request gets the first one's answer: all children are prepared. */
static void prefaulting_a_multi_twice(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map, *again;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(parts[0], 0), kIOReturnSuccess);
    expect_no_map(multi, other, 0, kIOMapAnywhere | kIOMapPrefault, 0, 0, kIOReturnNotReady);
    /* Also where only prepared parts are asked for, and whether the map is there already or not. */
    expect_no_map(multi, other, 0, kIOMapAnywhere | kIOMapPrefault, 0, 64, kIOReturnNotReady);
    map = IOMemoryDescriptor_createMappingInTask(multi, other, 0, kIOMapAnywhere, 0, 64);
    expect_no_map(multi, other, 0, kIOMapAnywhere | kIOMapPrefault, 0, 64, kIOReturnNotReady);
    OSObject_release(map);
    assert_int_equal(IOMemoryDescriptor_prepare(parts[1], 0), kIOReturnSuccess);
    map = map_all(multi, other, kIOMapPrefault);
    again = map_all(multi, other, kIOMapPrefault);
    assert_ptr_equal(again, map);
    OSObject_release(again);
    OSObject_release(map);
    assert_int_equal(IOMemoryDescriptor_complete(parts[0], 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(parts[1], 0), kIOReturnSuccess);
    OSObject_release(multi);
    release_both(parts);
}

static void set_mode(uint64_t address, uint64_t pages, IOOptionBits mode)
{
    assert_int_equal(IOSetProcessorCacheMode(kernel_task, address, ptoa(pages), mode),
                     kIOReturnSuccess);
}

static void expect_types(task_t task, uint64_t address, enum mmu_memory first,
                         enum mmu_memory second)
{
    load(task, address);
    load(task, address + PAGE_SIZE);
    assert_int_equal(type_at(task, address), first);
    assert_int_equal(type_at(task, address + PAGE_SIZE), second);
}

/* Of the pages that are named and no others: maps, windows, and whoever comes later. */
static void all_follow_the_processor_mode(void **state)
{
    const uint64_t at = new_pages(kernel_task, 2, RW);
    IOMemoryDescriptor *memory = describe(at, ptoa(2), 3, kernel_task);
    IOMemoryMap *map = map_all(memory, other, 0), *seen, *late;
    IOMemoryDescriptor *window;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    window = describe(physical_of(kernel_task, at), PAGE_SIZE, 3, TASK_NULL);
    seen = map_all(window, owner, 0);
    store(other, IOMemoryMap_getAddress(map), 7);
    set_mode(at, 1, kIOInhibitCache);
    expect_types(kernel_task, at, MMU_NONCACHED, MMU_NORMAL);
    expect_types(other, IOMemoryMap_getAddress(map), MMU_NONCACHED, MMU_NORMAL);
    assert_int_equal(type_at(owner, IOMemoryMap_getAddress(seen)), MMU_NONCACHED);
    late = map_all(memory, owner, kIOMapUnique);
    expect_types(owner, IOMemoryMap_getAddress(late), MMU_NONCACHED, MMU_NORMAL);
    OSObject_release(late);
    late = map_all(window, kernel_task, 0);
    set_mode(IOMemoryMap_getAddress(late), 1, kIOWriteThruCache);
    OSObject_release(late);
    expect_types(other, IOMemoryMap_getAddress(map), MMU_WRITE_THROUGH, MMU_NORMAL);
    set_mode(at, 2, kIODefaultCache);
    expect_types(other, IOMemoryMap_getAddress(map), MMU_NORMAL, MMU_NORMAL);
    assert_int_equal(load(kernel_task, at), 7);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(seen);
    OSObject_release(window);
    OSObject_release(map);
    OSObject_release(memory);
    remove_pages(kernel_task, at, 2);
}

/* A page that is taken away and comes back, and one that is copied, are seen as before. */
static void a_page_keeps_its_mode(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        make(kernel_task, 3 | kIOMemoryPageable | kIOMemoryPurgeable, ptoa(2));
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(buffer), *frozen;
    const uint64_t at = address_of(buffer);
    IOMemoryMap *image;

    (void)state;
    store(kernel_task, at, 3);
    set_mode(at, 1, kIOInhibitCache);
    frozen = describe(at, ptoa(2), 3 | kIOMemoryMapCopyOnWrite, kernel_task);
    image = map_all(frozen, other, 0);
    expect_types(other, IOMemoryMap_getAddress(image), MMU_NONCACHED, MMU_NORMAL);
    /* Still one page for both: it has one mode. */
    OSObject_release(map_all(memory, owner, kIOMapWriteThruCache));
    expect_types(other, IOMemoryMap_getAddress(image), MMU_WRITE_THROUGH, MMU_NORMAL);
    store(kernel_task, at, 4);
    set_mode(at, 1, kIOInhibitCache);
    expect_types(other, IOMemoryMap_getAddress(image), MMU_WRITE_THROUGH, MMU_NORMAL);
    expect_types(kernel_task, at, MMU_NONCACHED, MMU_WRITE_THROUGH);
    assert_int_equal(load(other, IOMemoryMap_getAddress(image)), 3);
    OSObject_release(image);
    OSObject_release(frozen);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(memory, kIOMemoryPurgeableEmpty, NULL),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(memory, kIOMemoryPurgeableNonVolatile, NULL),
                     kIOReturnSuccess);
    expect_types(kernel_task, at, MMU_NONCACHED, MMU_WRITE_THROUGH);
    OSObject_release(buffer);
}

/* What asks for all of an object's pages ends the modes of single ones. */
static void a_map_gives_all_pages_one_mode(void **state)
{
    const uint64_t at = new_pages(kernel_task, 2, RW);
    IOMemoryDescriptor *memory = describe(at, ptoa(2), 3, kernel_task);
    IOMemoryMap *map;

    (void)state;
    set_mode(at + PAGE_SIZE, 1, kIOInhibitCache);
    map = map_all(memory, other, kIOMapCopybackCache);
    expect_types(kernel_task, at, MMU_NORMAL, MMU_NORMAL);
    expect_types(other, IOMemoryMap_getAddress(map), MMU_NORMAL, MMU_NORMAL);
    OSObject_release(map);
    OSObject_release(memory);
    remove_pages(kernel_task, at, 2);
}

/* A view that was combined when it was made, and whose pages somebody has changed since. */
static void redirection_leaves_the_present_mode(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, owner);
    IOMemoryDescriptor *same = describe(at, PAGE_SIZE, 3, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapWriteCombineCache);
    IOMemoryMap *changed = map_all(same, kernel_task, kIOMapWriteThruCache);

    (void)state;
    load(other, IOMemoryMap_getAddress(map));
    load(kernel_task, IOMemoryMap_getAddress(changed));
    for (unsigned on = 2; on-- > 0;) {
        assert_int_equal(IOMemoryDescriptor_redirect(memory, other, on != 0), kIOReturnSuccess);
        load(other, IOMemoryMap_getAddress(map));
        assert_int_equal(type_at(other, IOMemoryMap_getAddress(map)), MMU_WRITE_THROUGH);
        assert_int_equal(type_at(kernel_task, IOMemoryMap_getAddress(changed)), MMU_WRITE_THROUGH);
    }
    OSObject_release(changed);
    OSObject_release(map);
    OSObject_release(same);
    OSObject_release(memory);
}

/* Only the registers among its parts rest uncached; a guard has no mode to change. */
static void redirection_of_a_combined_multi(void **state)
{
    IOMemoryDescriptor *parts[] = {
        describe(DEVICE, PAGE_SIZE, 3, TASK_NULL),
        IOMemoryDescriptor_upcast(IOGuardPageMemoryDescriptor_withSize(PAGE_SIZE)),
        describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner)};
    IOMemoryDescriptor *multi = join(parts, 3);
    IOMemoryMap *map = map_all(multi, other, kIOMapWriteCombineCache);
    const uint64_t at = IOMemoryMap_getAddress(map);

    (void)state;
    load(other, at + ptoa(2));
    assert_int_equal(IOMemoryDescriptor_redirect(multi, other, true), kIOReturnSuccess);
    assert_int_equal(type_at(other, at), MMU_DEVICE);
    assert_int_equal(type_at(other, at + ptoa(2)), MMU_NONCACHED);
    assert_int_equal(IOMemoryDescriptor_redirect(multi, other, false), kIOReturnSuccess);
    assert_int_equal(type_at(other, at), MMU_NONCACHED);
    OSObject_release(map);
    OSObject_release(multi);
    for (unsigned i = 0; i < 3; i++) {
        OSObject_release(parts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(prefaulted_pages_stay),
        MAP_TEST(a_wired_buffer_stays),
        MAP_TEST(windows_and_owners_follow_each_other),
        MAP_TEST(windows_follow_each_other),
        MAP_TEST(sharing_goes_by_the_present_mode),
        MAP_TEST(identity_goes_by_the_present_mode),
        MAP_TEST(a_refusal_changes_no_mode),
        MAP_TEST(all_parts_of_a_composite_have_it),
        MAP_TEST(prefaulting_a_multi_twice),
        MAP_TEST(all_follow_the_processor_mode),
        MAP_TEST(a_page_keeps_its_mode),
        MAP_TEST(a_map_gives_all_pages_one_mode),
        MAP_TEST(redirection_leaves_the_present_mode),
        MAP_TEST(redirection_of_a_combined_multi),
        MAP_TEST(parts_keep_their_modes),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
