/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes of arrays, and the typed macros over IOMalloc: the check AL-10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/machine/malloc_support.h"

#define REFUSED_BY_ALL ((vm_size_t)1 << 63)

static void expect_size(uint64_t hdr, uint64_t elem, uint64_t count)
{
    const unsigned __int128 exact = (unsigned __int128)elem * count + hdr;

    assert_int_equal(IOMallocArraySize(hdr, elem, count),
                     exact >> 63 != 0 ? REFUSED_BY_ALL : (uint64_t)exact);
}

static void al_10_array_sizes_are_exact_or_refused(void **state)
{
    static const uint64_t edges[] = {
        0,
        1,
        2,
        3,
        16,
        4096,
        0x7fffffff,
        1ull << 31,
        1ull << 32,
        3037000499,
        3037000500,
        1ull << 62,
        (1ull << 63) - 1,
        1ull << 63,
        UINT64_MAX - 1,
        UINT64_MAX,
    };
    enum {
        EDGES = sizeof(edges) / sizeof(edges[0])
    };
    uint64_t seed = 1;

    (void)state;
    for (unsigned i = 0; i < EDGES * EDGES * EDGES; i++) {
        expect_size(edges[i % EDGES], edges[i / EDGES % EDGES], edges[i / EDGES / EDGES]);
    }
    for (unsigned i = 0; i < 100000; i++) {
        expect_size(sim_random(&seed) >> sim_random(&seed) % 64,
                    sim_random(&seed) >> sim_random(&seed) % 64,
                    sim_random(&seed) >> sim_random(&seed) % 64);
    }
}

struct entry {
    uint32_t key, value[2];
};

struct list {
    uint64_t count;
    struct entry entries[];
};

static void arrays_are_typed(void **state)
{
    struct entry *entries = IONew(struct entry, 10);
    struct entry *zeroed = IONewZero(struct entry, 10);
    struct list *list = IONewZero(struct list, struct entry, 5);
    uint8_t *bytes = IONewData(uint8_t, 100);
    uint8_t *zeros = IONewZeroData(uint8_t, 100);
    struct list *data = IONewData(struct list, struct entry, 3);
    struct entry *one = IOMallocType(struct entry);

    (void)state;
    assert_int_equal(malloc_statistics(kIOMallocGeneral).bytes, 120 + 120 + 68 + 12);
    assert_int_equal(malloc_statistics(kIOMallocData).bytes, 200 + 44);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(zeroed[i].key, 0);
    }
    assert_int_equal(list->count + list->entries[4].value[1], 0);
    assert_int_equal(zeros[99], 0);
    assert_int_equal(one->key, 0);
    IODelete(entries, struct entry, 10);
    IOSafeDeleteNULL(zeroed, struct entry, 10);
    assert_null(zeroed);
    IOSafeDeleteNULL(zeroed, struct entry, 10);
    IODelete(list, struct list, struct entry, 5);
    IODeleteData(bytes, uint8_t, 100);
    IODeleteData(zeros, uint8_t, 100);
    IODeleteData(data, struct list, struct entry, 3);
    IOFreeType(one, struct entry);
    assert_int_equal(malloc_statistics(kIOMallocGeneral).blocks, 0);
    assert_int_equal(malloc_statistics(kIOMallocData).blocks, 0);
}

static void arrays_that_overflow_are_null(void **state)
{
    volatile uint64_t many = UINT64_MAX / sizeof(struct entry) + 2;

    (void)state;
    assert_null(IONew(struct entry, many));
    assert_null(IONewZero(struct list, struct entry, many));
    assert_null(IONewData(struct entry, many));
    assert_null(IONew(struct entry, 0));
    IODelete((struct entry *)NULL, struct entry, many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MALLOC_TEST(al_10_array_sizes_are_exact_or_refused),
        MALLOC_TEST(arrays_are_typed),
        MALLOC_TEST(arrays_that_overflow_are_null),
    };

    return cmocka_run_group_tests(tests, malloc_power_on, malloc_power_off);
}
