/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to a disk that do not go the shortest way: in line for room, and of many pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMultiMemoryDescriptor.h"
#include "tests/host/drivers/blk_found_fixture.h"
#include "tests/host/drivers/recorded.h"

/* Who is in line is not overtaken, and when it is empty all go the shortest way again. */
static void test_line(void **state)
{
    static struct virtio_blk_request requests[140]; /* more than there are chains */

    (void)state;
    assert_int_not_equal(disk->usual_bytes_max, 0);
    for (unsigned i = 0; i < 140; i++) {
        virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, memory, i * 512, i, 512);
    }
    blk_sim.is_asleep = true;
    assert_int_equal(virtio_blk_submit_list(disk, requests, 140, NULL), kIOReturnSuccess);
    assert_int_equal(disk->usual_bytes_max, 0);
    blk_sim.is_asleep = false;
    for (unsigned i = 0; i < 140; i++) {
        blk_sim.asked_count = 0;
        assert_true(blk_sim_work(0));
        blk_sim_assert_asked(0, VIRTIO_BLK_READ, i, 512);
        virtio_sim_interrupt(&blk_sim.sims[0]);
        assert_true(requests[i].done);
        assert_int_equal(requests[i].status, kIOReturnSuccess);
    }
    assert_int_not_equal(disk->usual_bytes_max, 0);
}

/* Memory that does not know its runs: in one part, in several, and either way recorded. */
static void test_pieces(void **state)
{
    static IOMemoryDescriptor *parts[3 * 128];
    const unsigned count = sizeof(parts) / sizeof(parts[0]);
    uint8_t *const bytes = blk_sim.bytes;
    IOMemoryDescriptor *pieces;

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        parts[i] = IOMemoryDescriptor_withAddressRange((uint64_t)bytes + 600 * i, 256,
                                                       kIODirectionInOut, kernel_task);
    }
    pieces = (IOMemoryDescriptor *)IOMultiMemoryDescriptor_withDescriptors(
        parts, count, kIODirectionInOut, false);
    assert_int_equal(IOMemoryDescriptor_prepare(pieces, kIODirectionNone), kIOReturnSuccess);
    for (unsigned i = 0; i < sizeof(blk_sim.content); i++) {
        blk_sim.content[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (unsigned way = 0; way < 4; way++) {
        const bool is_recorded = way / 2 != 0, few = way % 2 != 0;
        const unsigned length = (few ? 64 : count) * 256;
        const unsigned asked = few ? 1 : 4; /* of 126 pieces at the most */

        memset(bytes, 0, 64 * PAGE_SIZE);
        blk_sim.asked_count = 0;
        if (is_recorded) {
            recorded_begin();
        }
        assert_int_equal(virtio_blk_read(disk, pieces, 0, 2, length), kIOReturnSuccess);
        if (is_recorded) {
            recorded_end();
            assert_int_equal(recorded_count(TRACE_dma_start), 1);
            assert_int_equal(recorded_count(TRACE_dma_end), 1);
            assert_int_equal(recorded_count(TRACE_dma_issue), asked);
        }
        assert_int_equal(blk_sim.asked_count, asked);
        for (unsigned i = 0; i < length; i++) {
            assert_int_equal(bytes[600 * (i / 256) + i % 256], blk_sim.content[2 * 512 + i]);
        }
    }
    IOMemoryDescriptor_complete(pieces, kIODirectionNone);
    OSObject_release(pieces);
    for (unsigned i = 0; i < count; i++) {
        OSObject_release(parts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_line, blk_sim_again),
        cmocka_unit_test_setup(test_pieces, blk_sim_again),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
