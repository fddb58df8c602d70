/* SPDX-License-Identifier: BSD-2-Clause */
/* In which order volatile memory goes, by what setPurgeable was told of each descriptor. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "tests/host/machine/map_fixture.h"

#define BUFFERS_MAX 9

#define GROUP(n) ((IOOptionBits)(n) << kIOMemoryPurgeableVolatileGroupShift)
#define LIFO     kIOMemoryPurgeableVolatileBehaviorLifo
#define OBSOLETE kIOMemoryPurgeableVolatileOrderingObsolete

static IOOptionBits state_of(IOBufferMemoryDescriptor *buffer)
{
    IOOptionBits state;

    assert_int_equal(IOMemoryDescriptor_setPurgeable(buffer, kIOMemoryPurgeableKeepCurrent, &state),
                     kIOReturnSuccess);
    return state;
}

/* Make buffers volatile one after another, and see them go: first order[0], then order[1] ... */
static void expect_order(const IOOptionBits options[], const unsigned order[], unsigned count)
{
    IOBufferMemoryDescriptor *buffers[BUFFERS_MAX];
    bool gone[BUFFERS_MAX] = {false};

    for (unsigned i = 0; i < count; i++) {
        buffers[i] = IOBufferMemoryDescriptor_inTaskWithOptions(
            owner, kIODirectionOutIn | kIOMemoryPageable | kIOMemoryPurgeable, PAGE_SIZE, 1);
        assert_non_null(buffers[i]);
        store(owner, (uintptr_t)IOBufferMemoryDescriptor_getBytesNoCopy(buffers[i]), 1);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(IOMemoryDescriptor_setPurgeable(
                             buffers[i], kIOMemoryPurgeableVolatile | options[i], NULL),
                         kIOReturnSuccess);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(vm_purge_reclaim(1), 1);
        gone[order[i]] = true;
        for (unsigned k = 0; k < count; k++) {
            assert_int_equal(state_of(buffers[k]),
                             gone[k] ? kIOMemoryPurgeableEmpty : kIOMemoryPurgeableVolatile);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        OSObject_release(buffers[i]);
    }
}

static void md_28_lower_groups_go_first(void **state)
{
    static const IOOptionBits options[] = {GROUP(7), GROUP(1), GROUP(4), GROUP(0),
                                           GROUP(6), GROUP(3), GROUP(2), GROUP(5)};
    static const unsigned order[] = {3, 1, 6, 5, 2, 7, 4, 0};

    (void)state;
    expect_order(options, order, 8);
}

static void md_28_first_in_first_out_or_the_reverse(void **state)
{
    static const IOOptionBits fifo[] = {0, 0, 0}, lifo[] = {LIFO, LIFO, LIFO};
    static const unsigned ascending[] = {0, 1, 2}, descending[] = {2, 1, 0};

    (void)state;
    expect_order(fifo, ascending, 3);
    expect_order(lifo, descending, 3);
}

/* Within a group only, that is: no behaviour lets one overtake another group. */
static void md_28_behaviours_keep_to_their_group(void **state)
{
    static const IOOptionBits options[] = {GROUP(1),        GROUP(1) | LIFO, GROUP(2) | LIFO,
                                           GROUP(0) | LIFO, GROUP(1),        GROUP(2)};
    static const unsigned order[] = {3, 1, 0, 4, 2, 5};

    (void)state;
    expect_order(options, order, 6);
}

static void md_28_obsolete_memory_goes_before_every_group(void **state)
{
    static const IOOptionBits options[] = {GROUP(0), GROUP(7) | OBSOLETE, GROUP(0) | LIFO,
                                           GROUP(3) | OBSOLETE, GROUP(5) | OBSOLETE | LIFO};
    static const unsigned order[] = {4, 1, 3, 2, 0};

    (void)state;
    expect_order(options, order, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(md_28_lower_groups_go_first),
        MAP_TEST(md_28_first_in_first_out_or_the_reverse),
        MAP_TEST(md_28_behaviours_keep_to_their_group),
        MAP_TEST(md_28_obsolete_memory_goes_before_every_group),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
