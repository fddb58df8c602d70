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
    struct virtq_counters before, counters;

    (void)state;
    virtio_blk_get_counters(disk, &before);
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
    virtio_blk_get_counters(disk, &counters);
    assert_int_equal(counters.interrupts, before.interrupts + 140);
}

#define PIECES 384u

static IOMemoryDescriptor *parts[PIECES];

/* So many pieces of half a block each, which do not know their runs as a whole. */
static IOMemoryDescriptor *make_pieces(void)
{
    IOMemoryDescriptor *pieces;

    for (unsigned i = 0; i < PIECES; i++) {
        parts[i] = IOMemoryDescriptor_withAddressRange((uint64_t)blk_sim.bytes + 600 * i, 256,
                                                       kIODirectionInOut, kernel_task);
    }
    pieces = (IOMemoryDescriptor *)IOMultiMemoryDescriptor_withDescriptors(
        parts, PIECES, kIODirectionInOut, false);
    assert_int_equal(IOMemoryDescriptor_prepare(pieces, kIODirectionNone), kIOReturnSuccess);
    return pieces;
}

static void drop_pieces(IOMemoryDescriptor *pieces)
{
    IOMemoryDescriptor_complete(pieces, kIODirectionNone);
    OSObject_release(pieces);
    for (unsigned i = 0; i < PIECES; i++) {
        OSObject_release(parts[i]);
    }
}

static unsigned ends;

static void count_end(struct virtio_blk_request *request)
{
    (void)request;
    ends++;
}

/*
 * Of one in line, of which parts are at the device: what is left goes no more when one of them has
 * failed, nor when the disk has become too small for it.
 */
static void test_what_is_left_in_line(void **state)
{
    const struct virtio_blk_options small = {.queue_size = 8}, usual = {0};
    IOMemoryDescriptor *const pieces = make_pieces();

    (void)state;
    assert_int_equal(virtio_blk_configure(disk, &small), kIOReturnSuccess);
    for (unsigned shrinks = 0; shrinks < 2; shrinks++) {
        struct virtio_blk_request request;

        ends = blk_sim.asked_count = 0;
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, pieces, 0, 0, PIECES * 256);
        request.completion = count_end;
        assert_int_equal(virtio_blk_submit_list(disk, &request, 1, NULL), kIOReturnSuccess);
        assert_ptr_equal(disk->waiting, &request);
        blk_sim.answer = shrinks != 0 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
        if (shrinks != 0) {
            virtio_sim_set(&blk_sim.sims[0], 0, 100, 8);
            blk_sim.sims[0].changed_pending = true;
            virtio_sim_interrupt(&blk_sim.sims[0]);
        }
        while (blk_sim_work(0)) {
            blk_sim.answer = VIRTIO_BLK_S_OK; /* the others are good */
            virtio_sim_interrupt(&blk_sim.sims[0]);
        }
        assert_int_equal(blk_sim.asked_count, 8);
        assert_int_equal(ends, 1);
        assert_int_equal(request.status, shrinks != 0 ? kIOReturnOverrun : kIOReturnIOError);
        virtio_sim_set(&blk_sim.sims[0], 0, SECTORS, 8);
        blk_sim.sims[0].changed_pending = true;
        virtio_sim_interrupt(&blk_sim.sims[0]);
    }
    assert_int_equal(virtio_blk_configure(disk, &usual), kIOReturnSuccess);
    drop_pieces(pieces);
}

/* A block in more pieces than a part may have: what is before it goes, and it fails for the rest.
 */
static void test_a_rest_that_cannot_go(void **state)
{
    static IOAddressRange ranges[1 + 512];
    struct virtio_blk_request request;
    IOMemoryDescriptor *crumbs;

    (void)state;
    ranges[0] = (IOAddressRange){(uint64_t)blk_sim.bytes, 4096};
    for (unsigned i = 0; i < 512; i++) {
        ranges[1 + i] = (IOAddressRange){(uint64_t)blk_sim.bytes + 8192 + 2 * i, 1};
    }
    crumbs = IOMemoryDescriptor_withAddressRanges(ranges, 513, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(crumbs, kIODirectionNone), kIOReturnSuccess);
    ends = 0;
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, crumbs, 0, 0, 4096 + 512);
    request.completion = count_end;
    assert_int_equal(virtio_blk_submit_list(disk, &request, 1, NULL), kIOReturnSuccess);
    assert_int_equal(ends, 0);
    blk_sim_run();
    assert_int_equal(blk_sim.asked_count, 1);
    blk_sim_assert_asked(0, VIRTIO_BLK_READ, 0, 4096);
    assert_int_equal(ends, 1);
    assert_int_equal(request.status, kIOReturnUnsupported);
    IOMemoryDescriptor_complete(crumbs, kIODirectionNone);
    OSObject_release(crumbs);
}

/* Memory that does not know its runs: in one part, in several, and either way recorded. */
static void test_pieces(void **state)
{
    IOMemoryDescriptor *const pieces = make_pieces();
    uint8_t *const bytes = blk_sim.bytes;

    (void)state;
    for (unsigned i = 0; i < sizeof(blk_sim.content); i++) {
        blk_sim.content[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (unsigned way = 0; way < 4; way++) {
        const bool is_recorded = way / 2 != 0, few = way % 2 != 0;
        const unsigned length = (few ? 64 : PIECES) * 256;
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
            assert_int_not_equal(recorded_count(TRACE_dma_physical), 0); /* where its memory is */
        }
        assert_int_equal(blk_sim.asked_count, asked);
        for (unsigned i = 0; i < length; i++) {
            assert_int_equal(bytes[600 * (i / 256) + i % 256], blk_sim.content[2 * 512 + i]);
        }
    }
    drop_pieces(pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_line, blk_sim_again),
        cmocka_unit_test_setup(test_what_is_left_in_line, blk_sim_again),
        cmocka_unit_test_setup(test_a_rest_that_cannot_go, blk_sim_again),
        cmocka_unit_test_setup(test_pieces, blk_sim_again),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
