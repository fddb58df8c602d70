/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A prepare lock is never taken under the mapping lock: debug builds end at once where
 * it is. Last releases are where one hides behind the other.
 */
#include "tests/host/machine/map_composite.h"

/* Two prepared, thread-safe pages joined in a composite that the parts alone remember. */
static IOMemoryDescriptor *prepared_pair(IOMemoryDescriptor *parts[2])
{
    IOMemoryDescriptor *pair;

    for (unsigned i = 0; i < 2; i++) {
        const uint64_t at = new_pages(owner, 1, RW);

        parts[i] = describe(at, PAGE_SIZE, kIODirectionOutIn | kIOMemoryThreadSafe, owner);
    }
    pair = join(parts, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(pair, kIODirectionNone), kIOReturnSuccess);
    return pair;
}

static void expect_unprepared(IOMemoryDescriptor *parts[2])
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_complete(parts[i], kIODirectionNone),
                         kIOReturnNotReady);
    }
    release_both(parts);
}

/* The map holds the last reference to its memory. */
static void the_last_release_of_a_map(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts);
    IOMemoryMap *map = map_all(pair, other, 0);

    (void)state;
    OSObject_release(pair);
    OSObject_release(map);
    expect_unprepared(parts);
}

/* So does a map from which another one borrows, and which goes with that one. */
static void the_last_release_of_a_borrower(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts);
    IOMemoryMap *map = map_all(pair, other, 0);
    IOMemoryMap *part =
        IOMemoryDescriptor_createMappingInTask(pair, other, 0, kIOMapAnywhere, 0, PAGE_SIZE);

    (void)state;
    assert_non_null(part);
    assert_ptr_equal(part->superMap, map);
    OSObject_release(pair);
    OSObject_release(map);
    OSObject_release(part);
    expect_unprepared(parts);
}

static void the_death_of_the_task(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts);
    IOMemoryMap *map = map_all(pair, other, 0);

    (void)state;
    OSObject_release(pair);
    task_terminate(other);
    OSObject_release(map);
    expect_unprepared(parts);
}

/* A map is given other memory, and held the last reference to what it had. */
static void a_map_of_other_memory(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts), *page;
    IOMemoryMap *map = (IOMemoryMap *)OSMetaClass_allocate(&IOMemoryMap_metaClass);

    (void)state;
    page = describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    assert_true(IOMemoryMap_init(map, other, 0, kIOMapAnywhere, 0, PAGE_SIZE));
    assert_true(IOMemoryMap_setMemoryDescriptor(map, pair, 0));
    OSObject_release(pair);
    assert_true(IOMemoryMap_setMemoryDescriptor(map, page, 0));
    expect_unprepared(parts);
    OSObject_release(page);
    OSObject_release(map);
}

/* Redirecting a map that held the last reference. */
static void a_redirected_map(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts), *page;
    IOMemoryMap *map = map_all(pair, other, kIOMapUnique);

    (void)state;
    page = describe(new_pages(owner, 2, RW), 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    OSObject_release(pair);
    assert_int_equal(IOMemoryMap_redirect(map, page, 0, 0), kIOReturnSuccess);
    expect_unprepared(parts);
    OSObject_release(page);
    OSObject_release(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(the_last_release_of_a_map), MAP_TEST(the_last_release_of_a_borrower),
        MAP_TEST(the_death_of_the_task),     MAP_TEST(a_map_of_other_memory),
        MAP_TEST(a_redirected_map),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
