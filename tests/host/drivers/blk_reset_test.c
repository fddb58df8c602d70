/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks that are reset in the middle of requests: each ends, once, and has nobody behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/drivers/blk_found_fixture.h"
#include "tests/host/sim/sim_console.h"

static void fail_to_end(struct virtio_blk_request *request)
{
    (void)request;
    fail_msg("what was not there has ended");
}

static void test_reset(void **state)
{
    static struct virtio_blk_request gone = {.completion = fail_to_end};
    struct virtio_blk_request requests[3];

    (void)state;
    assert_int_equal(virtio_blk_reset(NULL), kIOReturnBadArgument);
    for (unsigned i = 0; i < 3; i++) {
        virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, memory, i * 512, i, 512);
    }
    blk_sim.is_asleep = true;
    assert_int_equal(virtio_blk_submit_list(disk, requests, 3, NULL), kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        requests[i].next = &gone; /* behind which it once stood in line */
    }
    sim_console_forget();
    assert_int_equal(virtio_blk_reset(disk), kIOReturnSuccess);
    assert_false(sim_console_said("is reset")); /* it was asked for */
    for (unsigned i = 0; i < 3; i++) {
        assert_true(requests[i].done);
        assert_int_equal(requests[i].status, kIOReturnAborted);
    }
    blk_sim.is_asleep = false;
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
    assert_null(blk_sim.sims[0].complaint);
}

static unsigned parted;

static void count_parts(struct virtio_blk_request *request)
{
    assert_int_equal(request->status, kIOReturnAborted);
    parted++;
}

/* A request of which the device has several parts ends once, by a reset too. */
static void test_parts_end_once(void **state)
{
    static IOAddressRange pieces[SECTORS];
    struct virtio_blk_request request;
    IOMemoryDescriptor *scattered;

    (void)state;
    for (unsigned i = 0; i < SECTORS; i++) {
        pieces[i] = (IOAddressRange){(uint64_t)blk_sim.bytes + 1024 * i, 512};
    }
    scattered = IOMemoryDescriptor_withAddressRanges(pieces, SECTORS, kIODirectionIn, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(scattered, kIODirectionNone), kIOReturnSuccess);
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, scattered, 0, 0, SECTORS * 512);
    request.completion = count_parts;
    parted = 0;
    blk_sim.is_asleep = true;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    virtio_blk_publish(disk);
    assert_int_equal(virtq_in_flight(disk->queue), (SECTORS + 125) / 126);
    assert_int_equal(virtio_blk_reset(disk), kIOReturnSuccess);
    assert_int_equal(parted, 1);
    assert_true(request.done);
    blk_sim.is_asleep = false;
    assert_int_equal(IOMemoryDescriptor_complete(scattered, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(scattered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_reset, blk_sim_again),
        cmocka_unit_test_setup(test_parts_end_once, blk_sim_again),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
