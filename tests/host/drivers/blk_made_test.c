/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks as they are made: of what they offer, and of what they say of themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/blk_found_fixture.h"
#include "tests/host/drivers/blk_own_fixture.h"

/* What it could do if it were written: an impossible place is said first. */
static void test_read_only(void **state)
{
    struct virtio_blk *const only =
        own_disk(VIRTIO_BLK_F_RO | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES);

    (void)state;
    assert_int_equal(virtio_blk_discard(only, 0, 512), kIOReturnNotWritable);
    assert_int_equal(virtio_blk_write_zeroes(only, 0, 512), kIOReturnNotWritable);
    assert_int_equal(virtio_blk_discard(only, 100, 512), kIOReturnOverrun);
    assert_int_equal(virtio_blk_write_zeroes(only, 0, 511), kIOReturnBadArgument);
    blk_destroy(only);
}

/* As many entries as the longest chain has, in powers of two from a page on. */
static void test_tables(void **state)
{
    static const struct {
        unsigned segments, size;
    } rows[] = {{1, 256}, {254, 256}, {255, 512}, {510, 512}, {511, 1024}, {5000, 1024}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct virtio_blk_info info;
        struct virtio_blk *made;

        virtio_sim_create(&own, VIRTIO_ID_BLOCK,
                          VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_SEG_MAX, 4096);
        virtio_sim_set(&own, 0, 100, 8);
        virtio_sim_set(&own, 12, rows[i].segments, 4);
        made = blk_create(&own.device);
        assert_non_null(made);
        virtio_blk_get_info(made, &info);
        assert_int_equal(info.queue_size, rows[i].size);
        assert_int_equal(info.segments_max, rows[i].segments < 1022 ? rows[i].segments : 1022);
        blk_destroy(made);
        assert_null(own.device.used); /* nobody is there to hear of it */
    }
}

/* A block must go into one request of the device: of the largest size it does. */
static void test_large_blocks(void **state)
{
    (void)state;
    for (unsigned shift = 25; shift < 27; shift++) {
        struct virtio_blk_info info;
        struct virtio_blk *made;

        virtio_sim_create(&own, VIRTIO_ID_BLOCK, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_BLK_SIZE, 64);
        virtio_sim_set(&own, 0, 1 << 20, 8);
        virtio_sim_set(&own, 20, 1u << shift, 4);
        made = blk_create(&own.device);
        assert_int_equal(made != NULL, shift == 25);
        if (made != NULL) {
            virtio_blk_get_info(made, &info);
            assert_int_equal(info.block_size, BLK_PART_BYTES_MAX);
            blk_destroy(made);
        }
    }
}

/* Segments that were made for longer ones than it takes now are no way to ask it. */
static void test_shorter_segments(void **state)
{
    struct virtio_blk *changed;

    (void)state;
    virtio_sim_create(&own, VIRTIO_ID_BLOCK,
                      VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX, 64);
    virtio_sim_set(&own, 0, 100, 8);
    virtio_sim_set(&own, 8, 4096, 4);
    virtio_sim_set(&own, 12, 14, 4);
    changed = blk_create(&own.device);
    assert_non_null(changed);
    /* As long as it was. */
    virtio_sim_set(&own, 0, 90, 8);
    own.changed_pending = true;
    virtio_sim_interrupt(&own);
    assert_int_equal(changed->segments_max, 14);
    virtio_sim_set(&own, 8, 512, 4);
    own.changed_pending = true;
    virtio_sim_interrupt(&own);
    assert_int_equal(changed->segments_max, 0);
    assert_int_equal(virtio_blk_read(changed, memory, 0, 0, 512), kIOReturnUnsupported);
    assert_int_equal(virtio_blk_read(changed, memory, 0, 0, 4096), kIOReturnUnsupported);
    blk_destroy(changed);
}

/* A ring is packed where the disk offers it, and nobody says that he wants none. */
static void test_packed(void **state)
{
    const struct virtio_blk_options split = {.without_packed = true}, usual = {0};
    struct virtio_blk *const made = own_disk(VIRTIO_F_RING_PACKED);
    struct virtio_blk_info info;

    (void)state;
    virtio_blk_get_info(made, &info);
    assert_true(info.has_packed);
    assert_int_equal(virtio_blk_configure(made, &split), kIOReturnSuccess);
    virtio_blk_get_info(made, &info);
    assert_false(info.has_packed);
    assert_int_equal(virtio_blk_configure(made, &usual), kIOReturnSuccess);
    virtio_blk_get_info(made, &info);
    assert_true(info.has_packed);
    blk_destroy(made);
}

/* No disk whose queue has no room for a request, or that takes none. */
static void test_queues(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct holdings held = holdings_now();
        struct virtio_blk *made;

        virtio_sim_create(&own, VIRTIO_ID_BLOCK, VIRTIO_F_VERSION_1, i == 1 ? 2 : 4);
        virtio_sim_set(&own, 0, 100, 8);
        own.refuses_queue = i == 2;
        made = blk_create(&own.device);
        assert_int_equal(made != NULL, i == 0);
        if (made != NULL) {
            blk_destroy(made);
        }
        assert_null(own.device.used);
        assert_true(sim_holds(&held));
    }
}

/* What it says of itself is read again with each reset; what makes no sense is its end. */
static void test_configuration_behind_a_reset(void **state)
{
    struct virtio_blk_info info;
    struct virtio_blk *other;

    (void)state;
    virtio_sim_create(&own, VIRTIO_ID_BLOCK, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_BLK_SIZE, 64);
    virtio_sim_set(&own, 0, 100, 8);
    virtio_sim_set(&own, 20, 512, 4);
    other = blk_create(&own.device);
    assert_non_null(other);
    virtio_sim_set(&own, 0, 50, 8);
    assert_int_equal(virtio_blk_reset(other), kIOReturnSuccess);
    virtio_blk_get_info(other, &info);
    assert_int_equal(info.sectors, 50);
    virtio_sim_set(&own, 20, 1000, 4);
    assert_int_equal(virtio_blk_reset(other), kIOReturnNotResponding);
    assert_false(own.is_started);
    blk_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_read_only, blk_sim_again),
        cmocka_unit_test_setup(test_tables, blk_sim_again),
        cmocka_unit_test_setup(test_large_blocks, blk_sim_again),
        cmocka_unit_test_setup(test_shorter_segments, blk_sim_again),
        cmocka_unit_test_setup(test_packed, blk_sim_again),
        cmocka_unit_test_setup(test_queues, blk_sim_again),
        cmocka_unit_test_setup(test_configuration_behind_a_reset, blk_sim_again),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
