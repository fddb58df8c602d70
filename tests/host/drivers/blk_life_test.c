/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk's life after it was found: reset, set up anew, changed by itself, lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/blk_found_fixture.h"
#include "tests/host/drivers/blk_own_fixture.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

/* Whoever submits may hold any mutex: a disk's lock stands behind them all. */
static struct mutex outer = LOCK_INITIAL("who reads", LOCK_RANK_MAPPING);

/* Whoever says how many interrupts he wants hears of what has come back until then. */
static void test_gathering_collects(void **state)
{
    struct virtio_blk_request request, both[2];

    (void)state;
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
    mutex_take(&outer);
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    virtio_blk_publish(disk);
    mutex_release(&outer);
    assert_true(blk_sim_work(0));
    assert_false(request.done);
    virtio_blk_gather_interrupts(disk, 2);
    assert_true(request.done);
    assert_int_equal(request.status, kIOReturnSuccess);
    virtio_sim_interrupt(&blk_sim.sims[0]);
    /* And then of two at once. */
    for (unsigned i = 0; i < 2; i++) {
        virtio_blk_request_init(&both[i], VIRTIO_BLK_READ, memory, 0, 0, 512);
    }
    assert_int_equal(virtio_blk_submit_list(disk, both, 2, NULL), kIOReturnSuccess);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(blk_sim_work(0));
        assert_int_equal(virtio_sim_interrupt(&blk_sim.sims[0]), i == 1);
    }
    assert_true(both[0].done && both[1].done);
    virtio_blk_gather_interrupts(disk, 1);
}

static void test_options(void **state)
{
    const struct virtio_blk_options plain = {
        .queue_size = 100, .without_indirect = true, .without_event_index = true};
    const struct virtio_blk_options tiny = {.queue_size = 3}; /* no room for data */
    const struct virtio_blk_options usual = {0};
    struct virtio_blk_request request;
    struct virtio_blk_info info;
    struct holdings first, held;

    (void)state;
    first = holdings_now();
    assert_int_equal(virtio_blk_configure(NULL, &usual), kIOReturnBadArgument);
    assert_int_equal(virtio_blk_configure(disk, NULL), kIOReturnBadArgument);
    sim_in_handler = true;
    assert_int_equal(virtio_blk_configure(disk, &plain), kIOReturnNotPermitted);
    sim_in_handler = false;
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    assert_int_equal(virtio_blk_configure(disk, &plain), kIOReturnBusy);
    virtio_blk_publish(disk);
    blk_sim_run();
    assert_true(request.done);

    assert_int_equal(virtio_blk_configure(disk, &plain), kIOReturnSuccess);
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.queue_size, 64);
    assert_false(info.has_indirect || info.has_event_index);
    assert_int_equal(info.segments_max, 14); /* a chain takes a quarter of the ring */
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);

    /* What cannot be leaves it as it was, and nothing behind. */
    held = holdings_now();
    assert_int_equal(virtio_blk_configure(disk, &tiny), kIOReturnUnsupported);
    assert_true(sim_holds(&held));
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.queue_size, 64);
    assert_false(info.has_indirect || info.has_event_index);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
    assert_int_equal(virtio_blk_configure(disk, &usual), kIOReturnSuccess);
    assert_true(sim_holds(&first));
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.queue_size, 256);
    assert_true(info.has_indirect && info.has_event_index);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
    assert_null(blk_sim.sims[0].complaint);
}

/* The disk says that it has changed. */
static void set(unsigned offset, uint64_t value, unsigned width)
{
    virtio_sim_set(&blk_sim.sims[0], offset, value, width);
    blk_sim.sims[0].changed_pending = true;
    blk_sim_run();
}

static void test_changes(void **state)
{
    struct virtio_blk_info info;

    (void)state;
    set(0, 100, 8);
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.sectors, 100);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 100, 512), kIOReturnOverrun);
    set(0, SECTORS, 8);
    set(20, 4096, 4);
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.block_size, 4096);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 8, 512), kIOReturnBadArgument);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 4, 4096), kIOReturnBadArgument);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 8, 4096), kIOReturnSuccess);
    /* Of a discard's limits, whole blocks; an alignment within a block is none. */
    blk_sim.asked_count = 0;
    set(36, 20, 4);
    assert_int_equal(virtio_blk_discard(disk, 0, 24 * 512), kIOReturnSuccess);
    blk_sim_assert_asked(0, VIRTIO_BLK_DISCARD, 0, 16 * 512);
    blk_sim_assert_asked(1, VIRTIO_BLK_DISCARD, 16, 8 * 512);
    set(36, 7, 4);
    assert_int_equal(virtio_blk_discard(disk, 0, 4096), kIOReturnUnsupported);
    set(36, 16, 4);
    set(20, 512, 4);
    set(12, 0, 4); /* it does not say: one segment */
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.segments_max, 1);
    set(12, 126, 4);
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.segments_max, 126);
    set(12, 1000, 4); /* no more than a chain has room for */
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.segments_max, 254);
    set(12, 126, 4);
    assert_null(blk_sim.sims[0].complaint);
}

/* Lost for everybody, and at once, however little was left of what it had agreed to. */
static void expect_lost(struct virtio_blk *lost)
{
    const struct virtio_blk_options usual = {0};
    struct virtio_blk_request request;

    assert_true(sim_console_said("is lost: it does not come back from its reset"));
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
    assert_int_equal(virtio_blk_submit(lost, &request), kIOReturnNotResponding);
    assert_int_equal(virtio_blk_read(lost, memory, 0, 0, 512), kIOReturnNotResponding);
    assert_int_equal(virtio_blk_reset(lost), kIOReturnNotResponding);
    assert_int_equal(virtio_blk_configure(lost, &usual), kIOReturnNotResponding);
}

/* The device agrees to nothing any more. */
static void test_lost(void **state)
{
    const struct virtio_blk_options usual = {0};

    (void)state;
    sim_console_forget();
    blk_sim.sims[1].offered = 0;
    assert_int_equal(virtio_blk_reset(virtio_blk_get(1)), kIOReturnNotResponding);
    assert_false(blk_sim.sims[1].is_started);
    expect_lost(virtio_blk_get(1));
    sim_console_forget();
    blk_sim.sims[0].offered = 0;
    assert_int_equal(virtio_blk_configure(disk, &usual), kIOReturnUnsupported);
    expect_lost(disk);
    assert_int_equal(virtio_blk_flush(disk), kIOReturnNotResponding);
    /* Also for who looks at a ring that was found broken last. */
    virtq_reject(disk->queue, "it is lost");
    assert_int_equal(virtio_blk_poll(disk), 0);
    expect_lost(disk);
}

/* It says that it cannot go on: what it has ends, and it works again. */
static void test_a_disk_that_asks_for_a_reset(void **state)
{
    struct virtio_blk_request request;

    (void)state;
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    virtio_blk_publish(disk);
    sim_console_forget();
    blk_sim.sims[0].status |= 0x40;
    blk_sim.sims[0].changed_pending = true;
    virtio_sim_interrupt(&blk_sim.sims[0]);
    assert_true(request.done);
    assert_int_equal(request.status, kIOReturnDeviceError);
    assert_true(sim_console_said("is reset: it asks for it"));
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
}

/* One that is vdma's is nobody's until it is asked for by that, and is in the list then. */
static void test_of_vdma(void **state)
{
    static struct virtio_sim other; /* it stays */
    const unsigned count = virtio_blk_count();
    struct virtio_blk *made;

    (void)state;
    assert_null(virtio_blk_of_vdma());
    virtio_sim_create(&other, VIRTIO_ID_BLOCK, VIRTIO_F_VERSION_1, 64);
    other.device.address = paddr(0xa000800);
    other.device.vendor = VIRTIO_VENDOR_VDMA;
    virtio_sim_set(&other, 0, 100, 8);
    virtio_add_device(&other.device);
    initialiser_find_disks();
    assert_int_equal(virtio_blk_count(), count);
    made = virtio_blk_of_vdma();
    assert_non_null(made);
    assert_int_equal(virtio_blk_count(), count + 1);
    assert_ptr_equal(virtio_blk_get(count), made);
    assert_null(virtio_blk_of_vdma());
    assert_int_equal(virtio_blk_count(), count + 1);
}

/* PCI has room for more of them than the machine's own bus. */
static void test_many(void **state)
{
    static struct virtio_sim many[40]; /* they stay */
    const unsigned count = virtio_blk_count();
    struct virtio_blk_info info;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        virtio_sim_create(&many[i], VIRTIO_ID_BLOCK, VIRTIO_F_VERSION_1, 16);
        virtio_sim_set(&many[i], 0, 100 + i, 8);
        virtio_add_device(&many[i].device);
    }
    initialiser_find_disks();
    assert_int_equal(virtio_blk_count(), count + 40);
    for (unsigned i = 0; i < 40; i++) {
        virtio_blk_get_info(virtio_blk_get(count + i), &info);
        assert_int_equal(info.sectors, 100 + i);
    }
    assert_null(virtio_blk_get(count + 40));
    assert_null(virtio_blk_get(UINT32_MAX));
}

/* One that does not stop may still write what it was given, the serial number's place too. */
static void test_not_stopped(void **state)
{
    struct virtio_blk *const kept = own_disk(0);

    (void)state;
    own.refuses_reset = true;
    blk_destroy(kept);
    assert_ptr_equal(kept->device, &own.device); /* nobody else's */
}

static unsigned shown;

static void look(void *context, const struct virtio_blk_request *request,
                 const struct virtq_chain *chain)
{
    struct virtq_entry entry;

    assert_ptr_equal(context, &shown);
    assert_int_equal(request->operation, VIRTIO_BLK_READ);
    assert_int_equal(virtq_chain_entries(chain), 3);
    for (unsigned i = 0; i < 3; i++) {
        static const uint32_t lengths[] = {16, 512, 1};

        assert_true(virtq_chain_entry(chain, i, &entry));
        assert_int_equal(entry.length, lengths[i]);
        assert_int_equal(entry.flags, (i < 2 ? VIRTQ_NEXT : 0) | (i > 0 ? VIRTQ_WRITE : 0));
    }
    assert_false(virtq_chain_entry(chain, 3, &entry));
    shown++;
}

static bool answer_own(void)
{
    static struct virtio_sim_chain chain;

    if (!virtio_sim_take(&own, &chain)) {
        return false;
    }
    assert_false(chain.broken);
    assert_int_equal(chain.count, 3);
    assert_int_equal(chain.entries[0].length, 16);
    assert_int_equal(chain.entries[2].length, 1);
    *(uint8_t *)virtio_sim_at(&own, chain.entries[2].address) = VIRTIO_BLK_S_OK;
    virtio_sim_give(&own, chain.head, 513);
    return true;
}

static struct virtio_blk *awaited;

static void await(struct virtio_blk_request *request)
{
    (void)request;
    virtio_blk_set_interrupts(awaited, true);
}

/* Who is told that a reset has ended his request, and polls no more from there on, is interrupted.
 */
static void test_interrupts_from_a_reset_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct virtio_blk_request request;

        awaited = own_disk(((i & 1) != 0 ? VIRTIO_F_RING_PACKED : 0) |
                           ((i & 2) != 0 ? VIRTIO_F_EVENT_IDX : 0));
        virtio_blk_set_interrupts(awaited, false);
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
        request.completion = await;
        assert_int_equal(virtio_blk_submit(awaited, &request), kIOReturnSuccess);
        virtio_blk_publish(awaited);
        assert_int_equal(virtio_blk_reset(awaited), kIOReturnSuccess);
        assert_true(request.done);
        assert_int_equal(request.status, kIOReturnAborted);
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
        assert_int_equal(virtio_blk_submit(awaited, &request), kIOReturnSuccess);
        virtio_blk_publish(awaited);
        assert_true(answer_own());
        assert_true(own.used_pending);
        assert_true(virtio_sim_interrupt(&own));
        assert_true(request.done);
        assert_null(own.complaint);
        blk_destroy(awaited);
    }
}

/* Who polls is not interrupted, with either kind of ring, however many he wanted together before.
 */
static void test_polled_rings(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct virtio_blk *const polled = own_disk(((i & 1) != 0 ? VIRTIO_F_RING_PACKED : 0) |
                                                   ((i & 2) != 0 ? VIRTIO_F_EVENT_IDX : 0) |
                                                   ((i & 4) != 0 ? VIRTIO_F_INDIRECT_DESC : 0));
        struct virtio_blk_request request;

        virtio_blk_gather_interrupts(polled, 4);
        virtio_blk_set_interrupts(polled, false);
        for (unsigned k = 0; k < 200; k++) {
            virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
            assert_int_equal(virtio_blk_submit(polled, &request), kIOReturnSuccess);
            virtio_blk_publish(polled);
            assert_true(answer_own());
            assert_false(own.used_pending);
            assert_int_equal(virtio_blk_poll(polled), 1);
            assert_true(request.done);
        }
        virtio_blk_gather_interrupts(polled, 1);
        virtio_blk_set_interrupts(polled, true);
        shown = 0;
        virtio_blk_watch(polled, look, &shown);
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
        assert_int_equal(virtio_blk_submit(polled, &request), kIOReturnSuccess);
        virtio_blk_publish(polled);
        assert_true(answer_own());
        assert_true(own.used_pending);
        assert_true(virtio_sim_interrupt(&own));
        assert_true(request.done);
        assert_int_equal(shown, 1);
        assert_null(own.complaint);
        blk_destroy(polled);
    }
}

/* What a refused request has written over, where the next one's status stands, is put right. */
static void test_refused_between(void **state)
{
    IOAddressRange ranges[] = {{(uint64_t)blk_sim.bytes, 512},
                               {(uint64_t)blk_sim.bytes + 8192, 512},
                               {(uint64_t)blk_sim.bytes + 16384, 512}};
    IOMemoryDescriptor *const pieces =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionInOut, kernel_task);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(pieces, kIODirectionNone), kIOReturnSuccess);
    for (unsigned i = 0; i < 4; i++) {
        struct virtio_blk *made;
        struct virtio_blk_request request;

        virtio_sim_create(&own, VIRTIO_ID_BLOCK,
                          VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_SEG_MAX |
                              ((i & 1) != 0 ? VIRTIO_F_RING_PACKED : 0) |
                              ((i & 2) != 0 ? VIRTIO_F_INDIRECT_DESC : 0),
                          64);
        virtio_sim_set(&own, 0, 100, 8);
        virtio_sim_set(&own, 12, 10, 4);
        made = blk_create(&own.device);
        assert_non_null(made);
        for (unsigned k = 0; k < 3; k++) {
            virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
            assert_int_equal(virtio_blk_submit(made, &request), kIOReturnSuccess);
            virtio_blk_publish(made);
            assert_true(answer_own());
            assert_int_equal(virtio_blk_poll(made), 1);
            assert_int_equal(request.status, kIOReturnSuccess);
            /* Of three pieces it finds, and there is a fourth block to be read. */
            virtio_blk_request_init(&request, VIRTIO_BLK_READ, pieces, 0, 0, 2048);
            assert_int_equal(virtio_blk_submit(made, &request), kIOReturnOverrun);
        }
        assert_null(own.complaint);
        blk_destroy(made);
    }
    IOMemoryDescriptor_complete(pieces, kIODirectionNone);
    OSObject_release(pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_gathering_collects, blk_sim_again),
        cmocka_unit_test_setup(test_options, blk_sim_again),
        cmocka_unit_test_setup(test_changes, blk_sim_again),
        cmocka_unit_test_setup(test_a_disk_that_asks_for_a_reset, blk_sim_again),
        cmocka_unit_test_setup(test_interrupts_from_a_reset_on, blk_sim_again),
        cmocka_unit_test_setup(test_polled_rings, blk_sim_again),
        cmocka_unit_test_setup(test_refused_between, blk_sim_again),
        cmocka_unit_test_setup(test_not_stopped, blk_sim_again), /* it leaves memory behind */
        cmocka_unit_test_setup(test_lost, blk_sim_again),
        cmocka_unit_test(test_of_vdma), /* last: it stays in the list */
        cmocka_unit_test(test_many),    /* and so do these */
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
