/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks behind an IOMMU, requests whose memory is one run: one chain, of one segment, which is
 * mapped where it is written into the ring.
 */
#include "tests/host/drivers/blk_mapped_fixture.h"

static struct virtio_blk_request line[300];

#define RUN_BYTES 20000u /* not all of its pages, and not from the first byte on */
#define RUN_SKIP  100u

static IOMemoryDescriptor *run_memory(void)
{
    IOMemoryDescriptor *run =
        IOMemoryDescriptor_withPhysicalAddress(data.value + RUN_SKIP, RUN_BYTES, kIODirectionOutIn);

    assert_non_null(run);
    return run;
}

/* One chain, whose one segment is where the mapper has put the bytes, whichever way that went. */
static void a_run_is_one_segment(void **state)
{
    IOMemoryDescriptor *const run = run_memory();

    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        struct virtio_blk_request request;

        mapper->quick = (way & 1) != 0;
        mapper->runs = 0;
        begin(OFFERED | ((way & 2) != 0 ? VIRTIO_F_RING_PACKED : 0), 254, 8192);
        memset(phys_to_virt(data), 0, ptoa(PAGES));
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, 1500, 8, 8192);
        request.completion = complete;
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        /* From byte 1,600 of a page on: three pages. */
        assert_int_equal(mapper->taken, idle + 3);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(true, 1, 8192), 1);
        assert_int_equal(completions, 1);
        assert_int_equal(request.status, kIOReturnSuccess);
        assert_int_equal(mapper->runs, mapper->quick ? 1 : 0);
        for (uint64_t k = 0; k < ptoa(PAGES); k++) {
            const uint64_t at = k - RUN_SKIP - 1500;

            assert_int_equal(((uint8_t *)phys_to_virt(data))[k],
                             at < 8192 ? content(4096 + at) : 0);
        }
        /* The other way, and more than a segment may have: in as many as there must be. */
        request.operation = VIRTIO_BLK_WRITE;
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(false, 1, 8192), 1);
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, 0, 8, 8192 + 512);
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(true, 2, 8192), 1);
        assert_int_equal(request.status, kIOReturnSuccess);
        /* It is one segment for a device that takes no limit, and for one that takes one only. */
        end();
        begin(OFFERED & ~VIRTIO_BLK_F_SIZE_MAX, 1, 0);
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, 0, 8, 19968);
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(true, 1, 19968), 1);
        assert_int_equal(request.status, kIOReturnSuccess);
        end();
    }
    mapper->quick = false;
    OSObject_release(run);
}

static struct virtio_blk_request late;

/* A slot is free by now, but others have waited longer. */
static void submit_late(struct virtio_blk_request *request)
{
    request->completion = NULL;
    assert_non_null(disk->waiting);
    assert_int_equal(virtio_blk_submit(disk, &late), kIOReturnSuccess);
    assert_int_equal(late.issued, 0);
}

static void a_run_that_is_refused_leaves_nothing(void **state)
{
    IOMemoryDescriptor *const run = run_memory();
    struct virtio_blk_request request, waiting[2];

    (void)state;
    mapper->quick = true;
    begin(OFFERED, 254, 0x10000);
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, RUN_BYTES - 511, 8, 512);
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnOverrun);
    request.offset = ~0ull - 100;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnOverrun);
    request.offset = 0;
    mapper->map_answer = kIOReturnNoSpace;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnNoSpace);
    mapper->map_answer = kIOReturnSuccess;
    assert_int_equal(mapper->taken, idle);
    assert_int_equal(virtq_in_flight(disk->queue), 0);
    /* The slot that was begun for it is as good as any. */
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    virtio_blk_publish(disk);
    answer_all(true, 1, 0x10000);
    assert_int_equal(request.status, kIOReturnSuccess);
    /* With no slot left they wait in line, mapped, and behind those that do. */
    for (unsigned i = 0; virtq_in_flight(disk->queue) != virtq_slots(disk->queue); i++) {
        assert_in_range(i, 0, 299);
        virtio_blk_request_init(&line[i], VIRTIO_BLK_READ, run, 0, 8, 512);
        assert_int_equal(virtio_blk_submit(disk, &line[i]), kIOReturnSuccess);
    }
    for (unsigned i = 0; i < 2; i++) {
        virtio_blk_request_init(&waiting[i], VIRTIO_BLK_READ, run, 512, 8 + i, 512);
        assert_int_equal(virtio_blk_submit(disk, &waiting[i]), kIOReturnSuccess);
        assert_false(waiting[i].done);
    }
    virtio_blk_request_init(&late, VIRTIO_BLK_READ, run, 0, 8, 512);
    line[0].completion = submit_late;
    virtio_blk_publish(disk);
    answer_all(true, 1, 0x10000);
    assert_true(late.done);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(waiting[i].done);
        assert_int_equal(waiting[i].status, kIOReturnSuccess);
    }
    end();
    mapper->quick = false;
    OSObject_release(run);
}

/* A fault while the device has it is the request's, and one before or after is not. */
static void a_blocked_run_is_an_error(void **state)
{
    IOMemoryDescriptor *const run = run_memory();
    IOMapperFault fault = {.access = kIODMAMapWriteAccess, .reason = kIOReturnNotFound};
    struct virtio_blk_request request;

    (void)state;
    mapper->quick = true;
    begin(OFFERED, 254, 0x10000);
    for (unsigned round = 0; round < 3; round++) {
        fault.address = 0x12345000;
        IOMapper_deliverFault(&mapper->super, &fault);
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, 0, 8, 4096);
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        /* In the first byte of its first page, in nobody's, in none. */
        fault.address = round == 0 ? trunc_page(request.mapped.address) : 0x12345000;
        if (round != 2) {
            IOMapper_deliverFault(&mapper->super, &fault);
        }
        virtio_blk_publish(disk);
        answer_all(true, 1, 0x10000);
        assert_int_equal(request.status, round != 2 ? kIOReturnDMAError : kIOReturnSuccess);
    }
    end();
    mapper->quick = false;
    OSObject_release(run);
}

/*
 * No cursor was made for the limit of before, so one that falls needs nothing to be configured
 * again: a run and pieces are cut as the disk wants it by now.
 */
static void limits_that_fall_are_kept(void **state)
{
    IOMemoryDescriptor *const run = run_memory();
    struct virtio_blk_request request;

    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        IOMemoryDescriptor *const of = (way & 1) != 0 ? run : memory;

        mapper->quick = (way & 2) != 0;
        begin(OFFERED, 254, 0x10000);
        virtio_sim_set(&sim, 8, 0x400, 4);
        sim.changed_pending = true;
        assert_true(virtio_sim_interrupt(&sim));
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, of, 0, 8, 8192);
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(true, 254, 0x400), 1);
        assert_int_equal(request.status, kIOReturnSuccess);
        assert_int_equal(request.moved, 8192);
        end();
    }
    mapper->quick = false;
    OSObject_release(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_one_segment),
        cmocka_unit_test(a_run_that_is_refused_leaves_nothing),
        cmocka_unit_test(a_blocked_run_is_an_error),
        cmocka_unit_test(limits_that_fall_are_kept),
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
