/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks behind an IOMMU, by requests without a command: what the device is told is where the
 * mapper has put the memory, and nothing is left mapped, however a request ends.
 */
#include "drivers/virtio/blk_dma.h"
#include "tests/host/drivers/blk_mapped_fixture.h"

/* All of the memory and parts of it, in one device request and in as many as there must be. */
static void bytes_arrive_where_they_belong(void **state)
{
    static const struct {
        unsigned segments, longest;
        uint64_t offset, length;
        unsigned parts;
    } cases[] = {
        {254, 0x10000, 0, 24576, 1},   {254, 0x10000, 3000, 8192, 1}, {254, 700, 1, 24064, 1},
        {3, 0x10000, 0, 24576, 0},     {3, 512, 513, 4096, 0},        {1, 0x10000, 4000, 4096, 1},
        {254, 0x10000, 24064, 512, 1},
    };

    (void)state;
    for (unsigned packed = 0; packed < 2; packed++) {
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            const unsigned segments = cases[i].segments, longest = cases[i].longest;
            const uint64_t last = cases[i].offset + cases[i].length;
            struct virtio_blk_request request;
            unsigned parts;

            begin(OFFERED | (packed != 0 ? VIRTIO_F_RING_PACKED : 0), segments, longest);
            memset(phys_to_virt(data), 0, ptoa(PAGES));
            submit(&request, VIRTIO_BLK_READ, cases[i].offset, cases[i].length);
            parts = answer_all(true, segments, longest);
            assert_true(request.done);
            assert_int_equal(request.status, kIOReturnSuccess);
            assert_true(cases[i].parts == 0 || parts == cases[i].parts);
            for (uint64_t k = 0; k < 24576; k++) {
                const bool moved = k >= cases[i].offset && k < last;

                assert_int_equal(*byte_at(k), moved ? content(4096 + k - cases[i].offset) : 0);
            }
            /* The same request again, and the other way: as its owner left it. */
            request.operation = VIRTIO_BLK_WRITE;
            assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
            virtio_blk_publish(disk);
            answer_all(false, segments, longest);
            assert_int_equal(completions, 2);
            assert_int_equal(request.status, kIOReturnSuccess);
            end();
        }
    }
}

/* A request that a completion makes, in the interrupt handler. */
static void completions_submit(void **state)
{
    struct virtio_blk_request first, second;
    IOMapper *copied;

    (void)state;
    begin(OFFERED, 254, 0x10000);
    copied = IOMapper_copyMapperForDevice(virtio_blk_get_service(disk));
    assert_ptr_equal(copied, &mapper->super);
    OSObject_release(copied);
    virtio_blk_request_init(&second, VIRTIO_BLK_READ, memory, 8192, 0, 4096);
    second.completion = complete;
    again = &second;
    submit(&first, VIRTIO_BLK_READ, 0, 4096);
    answer_all(true, 254, 0x10000);
    assert_int_equal(completions, 2);
    assert_int_equal(second.status, kIOReturnSuccess);
    assert_int_equal(*byte_at(8192), content(0));
    end();
}

static void refusals_leave_nothing(void **state)
{
    struct virtio_blk_request request;

    (void)state;
    begin(OFFERED, 1, 0x10000);
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 4096);
    mapper->map_answer = kIOReturnNoSpace;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnNoSpace);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnNoSpace);
    mapper->map_answer = kIOReturnSuccess;
    /* One block in more pieces than the device takes is found out with all of it mapped. */
    request.offset = 3996 - 100;
    request.length = 512;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess); /* they touch */
    assert_int_equal(virtio_blk_reset(disk), kIOReturnSuccess);
    assert_int_equal(request.status, kIOReturnAborted);
    request.offset = 3996 + 4900 - 100;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnUnsupported);
    assert_int_equal(mapper->taken, idle);
    assert_int_equal(virtq_in_flight(disk->queue), 0);
    end();
}

/* The unit knows better than the device, which says that all is well. */
static void a_blocked_request_is_an_error(void **state)
{
    const IOMapperFault fault = {
        .address = 0x12345000, .access = kIODMAMapWriteAccess, .reason = kIOReturnNotFound};
    struct virtio_blk_request request;

    (void)state;
    begin(OFFERED, 254, 0x10000);
    submit(&request, VIRTIO_BLK_READ, 0, 4096);
    IOMapper_deliverFault(&mapper->super, &fault);
    answer_all(true, 254, 0x10000);
    assert_int_equal(request.status, kIOReturnDMAError);
    submit(&request, VIRTIO_BLK_READ, 0, 4096);
    answer_all(true, 254, 0x10000);
    assert_int_equal(request.status, kIOReturnSuccess);
    end();
}

/* Whatever ended it, it is not mapped any more. */
static void a_reset_takes_the_memory_away(void **state)
{
    struct virtio_blk_request requests[3];

    (void)state;
    begin(OFFERED, 254, 0x10000);
    for (unsigned i = 0; i < 3; i++) {
        submit(&requests[i], VIRTIO_BLK_WRITE, 4096 * i, 4096);
    }
    assert_int_equal(virtio_blk_reset(disk), kIOReturnSuccess);
    assert_int_equal(completions, 3);
    assert_int_equal(requests[2].status, kIOReturnAborted);
    end();
}

/* Pages that a unit may still translate to are nobody's any more. */
static void a_unit_that_does_not_forget(void **state)
{
    struct page_stats now, then;
    struct virtio_blk_request request;

    (void)state;
    page_get_stats(&then);
    begin(OFFERED, 254, 0x10000);
    submit(&request, VIRTIO_BLK_READ, 0, 512);
    mapper->unmap_answer = kIOReturnTimeout;
    answer_all(true, 254, 0x10000);
    mapper->unmap_answer = kIOReturnSuccess;
    assert_int_equal(request.status, kIOReturnTimeout);
    page_get_stats(&now);
    assert_int_equal(now.quarantined, then.quarantined + 1);
    blk_destroy(disk);
    assert_int_equal(mapper->taken, 1);
}

/* It may go on writing where it has been told to: that is nobody else's, for ever. */
static void disks_that_do_not_stop_keep_their_memory(void **state)
{
    struct page_stats then, now;

    (void)state;
    begin(OFFERED, 254, 0x10000);
    page_get_stats(&then);
    sim.refuses_reset = true;
    blk_destroy(disk);
    assert_true(mapper->taken >= idle);
    page_get_stats(&now);
    assert_int_equal(now.free, then.free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_where_they_belong),
        cmocka_unit_test(completions_submit),
        cmocka_unit_test(refusals_leave_nothing),
        cmocka_unit_test(a_blocked_request_is_an_error),
        cmocka_unit_test(a_reset_takes_the_memory_away),
        /* The last ones: what they leave behind is there for good. */
        cmocka_unit_test(a_unit_that_does_not_forget),
        cmocka_unit_test(disks_that_do_not_stop_keep_their_memory),
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
