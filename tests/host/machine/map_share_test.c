/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps that share: the checks MD-21, MM-4, MM-9 and MM-10.
 */
#include "descriptors/object/OSObject_private.h"
#include "tests/host/machine/map_fixture.h"

static IOMemoryDescriptor *memory;
static uint64_t source;

static int share_start(void **state)
{
    const int result = map_start(state);

    if (result == 0) {
        source = new_pages(owner, 4, RW);
        memory = describe(source + 16, 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    }
    return result;
}

static int share_stop(void **state)
{
    OSObject_release(memory);
    memory = NULL;
    return map_stop(state);
}

#define SHARE_TEST(name) cmocka_unit_test_setup_teardown(name, share_start, share_stop)

static IOMemoryMap *part(uint64_t offset, uint64_t length, IOOptionBits options, uint64_t address)
{
    return IOMemoryDescriptor_createMappingInTask(memory, other, address, options, offset, length);
}

static void md_21_the_same_request_gets_the_same_map(void **state)
{
    IOMemoryMap *map = map_all(memory, other, 0);
    IOMemoryMap *again = map_all(memory, other, 0);

    (void)state;
    assert_ptr_equal(again, map);
    assert_int_equal(OSObject_getRetainCount(map), 2); /* MM-10 */
    OSObject_release(map);
    store(other, IOMemoryMap_getAddress(again), 1);
    assert_int_equal(load(owner, source + 16), 1);
    /* Also for its own address, but for no other. */
    map = part(0, 0, 0, IOMemoryMap_getAddress(again));
    assert_ptr_equal(map, again);
    OSObject_release(map);
    map = part(0, 0, 0, 0x70000010);
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getAddress(map), 0x70000010);
    OSObject_release(map);
    OSObject_release(again);
}

/* Among maps of every task and place, in whatever order they were made. */
static void md_21_each_request_finds_its_own(void **state)
{
    task_t tasks[] = {other, kernel_task, owner};
    IOMemoryMap *maps[3][6];
    unsigned random = 5;

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        memset(maps, 0, sizeof(maps));
        for (unsigned made = 0; made < 18;) {
            const unsigned task = (random = random * 1664525 + 1013904223) >> 16 & 3;
            const unsigned place = (random >> 20) % 6;

            if (task < 3 && maps[task][place] == NULL) {
                maps[task][place] = IOMemoryDescriptor_createMappingInTask(
                    memory, tasks[task], 0, kIOMapAnywhere | (place < 3 ? kIOMapReadOnly : 0),
                    place % 3 * PAGE_SIZE, PAGE_SIZE);
                assert_non_null(maps[task][place]);
                made++;
            }
        }
        for (unsigned i = 0; i < 18; i++) {
            IOMemoryMap *const map = maps[i / 6][i % 6];
            IOMemoryMap *again = IOMemoryDescriptor_createMappingInTask(
                memory, tasks[i / 6], IOMemoryMap_getAddress(map), i % 6 < 3 ? kIOMapReadOnly : 0,
                i % 3 * PAGE_SIZE, PAGE_SIZE);

            assert_ptr_equal(again, map);
            OSObject_release(again);
        }
        for (unsigned i = 0; i < 18; i++) {
            OSObject_release(maps[i / 6][i % 6]);
        }
    }
}

static void md_21_a_part_borrows(void **state)
{
    IOMemoryMap *whole = map_all(memory, other, 0);
    const uint64_t ranges = ranges_now();
    IOMemoryMap *inner = part(5000, 100, kIOMapAnywhere, 0);
    IOMemoryMap *innermost, *again;

    (void)state;
    assert_ptr_not_equal(inner, whole);
    assert_int_equal(IOMemoryMap_getAddress(inner), IOMemoryMap_getAddress(whole) + 5000);
    assert_int_equal(IOMemoryMap_getLength(inner), 100);
    assert_ptr_equal(IOMemoryMap_getAddressTask(inner), other);
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(inner), memory);
    assert_int_equal(OSObject_getRetainCount(whole), 2);
    innermost =
        part(5010, 10, 0, IOMemoryMap_getAddress(whole) + 5010); /* where its bytes are there */
    assert_non_null(innermost);
    assert_int_equal(IOMemoryMap_getAddress(innermost), IOMemoryMap_getAddress(whole) + 5010);
    again = part(5010, 10, kIOMapAnywhere, 0);
    assert_ptr_equal(again, innermost);
    /* Where the whole begins, its later bytes are not. */
    assert_null(part(PAGE_SIZE, 10, 0, IOMemoryMap_getAddress(whole)));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoSpace);
    assert_int_equal(ranges_now(), ranges);
    /* The pages stay as long as anybody borrows them. */
    OSObject_release(whole);
    OSObject_release(inner);
    OSObject_release(again);
    store(other, IOMemoryMap_getAddress(innermost), 3);
    assert_int_equal(load(owner, source + 16 + 5010), 3);
    OSObject_release(innermost);
    assert_int_equal(ranges_now(), ranges - 1);
}

/* Modes that look alike are told apart by what was asked for, also where a view is borrowed. */
static void md_21_a_borrower_has_the_mode_of_its_view(void **state)
{
    static const IOOptionBits alike[] = {kIOMapWriteCombineCache, kIOMapInhibitCache};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryMap *whole = map_all(memory, other, alike[i]);
        IOMemoryMap *inner = part(5000, 100, kIOMapAnywhere | alike[i], 0);
        IOMemoryMap *same = part(5000, 100, kIOMapAnywhere | alike[i], 0);
        IOMemoryMap *another = part(5000, 100, kIOMapAnywhere | alike[!i], 0);

        assert_ptr_equal(inner->superMap, whole);
        assert_ptr_equal(same, inner);
        assert_ptr_not_equal(another, inner);
        assert_null(another->superMap);
        OSObject_release(another);
        OSObject_release(same);
        OSObject_release(inner);
        OSObject_release(whole);
    }
}

static void md_21_what_does_not_fit_is_not_shared(void **state)
{
    static const IOOptionBits unlike[] = {kIOMapReadOnly,       kIOMapGuardedSmall,
                                          kIOMapGuardedLarge,   kIOMapInhibitCache,
                                          kIOMapWriteThruCache, kIOMapUnique};
    IOMemoryMap *map = map_all(memory, other, 0);
    IOMemoryMap *another;

    (void)state;
    another = map_all(memory, other, kIOMapCopybackCache); /* what it has anyhow */
    assert_ptr_equal(another, map);
    OSObject_release(another);
    for (size_t i = 0; i < sizeof(unlike) / sizeof(unlike[0]); i++) {
        another = map_all(memory, other, unlike[i]);
        assert_ptr_not_equal(another, map);
        assert_null(another->superMap);
        OSObject_release(another);
    }
    another = map_all(memory, other, kIOMapWriteThruCache); /* what its pages were given last */
    assert_ptr_equal(another, map);
    OSObject_release(another);
    another = map_all(memory, other, kIOMapCopybackCache); /* and have no more */
    assert_ptr_not_equal(another, map);
    OSObject_release(another);
    another = map_all(memory, kernel_task, 0);
    assert_ptr_not_equal(another, map);
    OSObject_release(another);
    OSObject_release(map);
    /* A smaller map is no help. */
    map = part(0, 100, kIOMapAnywhere, 0);
    another = part(50, 100, kIOMapAnywhere, 0);
    assert_null(another->superMap);
    OSObject_release(map);
    OSObject_release(another);
}

static void md_21_reference_and_unique(void **state)
{
    IOMemoryMap *map, *found;

    (void)state;
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapReference, 0, 0, kIOReturnNotFound);
    map = map_all(memory, other, 0);
    found = map_all(memory, other, kIOMapReference);
    assert_ptr_equal(found, map);
    OSObject_release(found);
    found = part(8, 8, kIOMapAnywhere | kIOMapReference, 0);
    assert_ptr_equal(found->superMap, map);
    OSObject_release(found);
    expect_no_map(memory, kernel_task, 0, kIOMapAnywhere | kIOMapReference, 0, 0,
                  kIOReturnNotFound);
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapReference, 0, 0, kIOReturnNotFound);
    OSObject_release(map);
    map = map_all(memory, other, kIOMapUnique); /* its maker's alone */
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapReference, 0, 0, kIOReturnNotFound);
    found = map_all(memory, other, 0);
    assert_ptr_not_equal(found, map);
    OSObject_release(found);
    OSObject_release(map);
}

/* Sharing keeps the promise of the request: no access faults. */
static void prefault_of_a_shared_map(void **state)
{
    IOMemoryMap *map = map_all(memory, other, 0);
    IOMemoryMap *again;
    uint64_t faults;

    (void)state;
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapPrefault, 0, 0, kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    again = map_all(memory, other, kIOMapPrefault);
    assert_ptr_equal(again, map);
    faults = sim_faults;
    store(other, IOMemoryMap_getAddress(map) + 2 * PAGE_SIZE, 1);
    assert_int_equal(sim_faults, faults);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(again);
    OSObject_release(map);
}

static void mm_4_borrowers_lose_what_is_unmapped(void **state)
{
    IOMemoryMap *whole = map_all(memory, other, 0);
    IOMemoryMap *one = part(100, 50, kIOMapAnywhere, 0), *two = part(200, 50, kIOMapAnywhere, 0);
    const uint64_t seen = IOMemoryMap_getAddress(one);

    (void)state;
    assert_int_equal(OSObject_getRetainCount(whole), 3);
    assert_int_equal(IOMemoryMap_unmap(two), kIOReturnSuccess); /* detaches this one only */
    assert_int_equal(IOMemoryMap_getAddress(two), 0);
    assert_int_equal(load(other, seen), 0);
    assert_int_equal(IOMemoryMap_unmap(whole), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_getAddress(one), 0);
    assert_int_equal(OSObject_getRetainCount(whole), 1);
    assert_int_equal(try_load(other, seen), KERN_INVALID_ADDRESS);
    assert_int_equal(IOMemoryMap_unmap(one), kIOReturnSuccess);
    OSObject_release(one);
    OSObject_release(two);
    OSObject_release(whole);
}

/* A release that began elsewhere has won: the map is not handed out again. */
static void mm_9_a_dying_map_is_not_shared(void **state)
{
    IOMemoryMap *map = map_all(memory, other, 0);
    IOMemoryMap *another;

    (void)state;
    map->super.references = OSOBJECT_FREEING;
    another = map_all(memory, other, 0);
    assert_ptr_not_equal(another, map);
    OSObject_release(another);
    another = part(5, 5, kIOMapAnywhere, 0);
    assert_null(another->superMap);
    OSObject_release(another);
    map->super.references = 1;
    OSObject_release(map);
}

/* The last reference to what is borrowed from may be the borrower's, when the task dies. */
static void task_death_with_borrowers(void **state)
{
    IOMemoryMap *whole = map_all(memory, other, 0);
    IOMemoryMap *inner = part(100, 50, kIOMapAnywhere, 0);
    IOMemoryMap *second = part(200, 50, kIOMapAnywhere, 0);

    (void)state;
    OSObject_release(whole);
    task_terminate(other);
    assert_int_equal(IOMemoryMap_getAddress(inner), 0);
    assert_null(IOMemoryMap_getAddressTask(inner));
    OSObject_release(inner);
    OSObject_release(second);
}

/* --- Requests at random, and which views there are to answer them ------------------------------
 */

#define VIEWS 24u

static struct view {
    uint64_t address, offset, length;
    IOOptionBits options;
    IOMemoryMap *maps[32]; /* that look through it */
    unsigned count;
} views[VIEWS];

static bool answers(const struct view *view, uint64_t offset, uint64_t length, IOOptionBits options)
{
    return view->count != 0 && view->options == options && view->offset <= offset &&
           offset + length <= view->offset + view->length;
}

/* A view that there was, if one shows the bytes so; or another one. */
static void request_at_random(uint64_t offset, uint64_t length, IOOptionBits options, bool placed)
{
    struct view *at = NULL, *free_one = NULL;
    const uint64_t ranges = ranges_now();
    bool there = false;
    uint64_t place = 0;
    IOMemoryMap *map;

    for (unsigned i = 0; i < VIEWS; i++) {
        if (views[i].count == 0) {
            free_one = &views[i];
        } else if (answers(&views[i], offset, length, options)) {
            there = true;
            place = views[i].address + (offset - views[i].offset);
        }
    }
    if (free_one == NULL && !there) {
        return;
    }
    placed = placed && there && options != kIOMapGuardedSmall; /* which goes anywhere alone */
    map = part(offset, length, options | (placed ? 0 : kIOMapAnywhere), place);
    assert_non_null(map);
    for (unsigned i = 0; i < VIEWS; i++) {
        if (answers(&views[i], offset, length, options) &&
            views[i].address + (offset - views[i].offset) == IOMemoryMap_getAddress(map)) {
            at = &views[i];
        }
    }
    assert_int_equal(at != NULL, there);
    assert_true(!there || ranges_now() == ranges);
    assert_int_equal(IOMemoryMap_getLength(map), length);
    if (at == NULL) {
        at = free_one;
        *at = (struct view){IOMemoryMap_getAddress(map), offset, length, options, {NULL}, 0};
    }
    if (at->count == 32) {
        OSObject_release(map);
    } else {
        at->maps[at->count++] = map;
    }
}

static void any_view_that_shows_the_bytes_answers(void **state)
{
    static const IOOptionBits kinds[] = {0, kIOMapReadOnly, kIOMapGuardedSmall};
    uint64_t seed = 7;

    (void)state;
    memset(views, 0, sizeof(views));
    for (unsigned step = 0; step < 2500; step++) {
        struct view *const view = &views[sim_random(&seed) % VIEWS];

        if (sim_random(&seed) % 2 == 0 && view->count != 0) {
            const unsigned gone = (unsigned)(sim_random(&seed) % view->count);

            OSObject_release(view->maps[gone]);
            view->maps[gone] = view->maps[--view->count];
        } else {
            const uint64_t offset = sim_random(&seed) % (2 * PAGE_SIZE);
            const uint64_t length = 1 + sim_random(&seed) % (PAGE_SIZE >> sim_random(&seed) % 12);

            request_at_random(offset, length, kinds[sim_random(&seed) % 3],
                              sim_random(&seed) % 4 == 0);
        }
    }
    for (unsigned i = 0; i < VIEWS; i++) {
        for (unsigned k = 0; k < views[i].count; k++) {
            OSObject_release(views[i].maps[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARE_TEST(any_view_that_shows_the_bytes_answers),
        SHARE_TEST(md_21_the_same_request_gets_the_same_map),
        SHARE_TEST(md_21_a_part_borrows),
        SHARE_TEST(md_21_a_borrower_has_the_mode_of_its_view),
        SHARE_TEST(md_21_what_does_not_fit_is_not_shared),
        SHARE_TEST(md_21_reference_and_unique),
        SHARE_TEST(prefault_of_a_shared_map),
        SHARE_TEST(md_21_each_request_finds_its_own),
        SHARE_TEST(mm_4_borrowers_lose_what_is_unmapped),
        SHARE_TEST(mm_9_a_dying_map_is_not_shared),
        SHARE_TEST(task_death_with_borrowers),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
