/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk driver and a disk that keeps the rules: what each call says to it, and what it answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/direct_map.h"
#include "tests/host/drivers/blk_sim.h"
#include "tests/host/drivers/recorded.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

static struct virtio_blk *disk;
static IOMemoryDescriptor *memory;
static uint8_t *bytes; /* its own */

static int start(void **state)
{
    if (blk_sim_start(state) != 0) {
        return -1;
    }
    memory = blk_sim.memory;
    bytes = blk_sim.bytes;
    return 0;
}

/* --- Finding ---------------------------------------------------------------------------------- */

static void test_found(void **state)
{
    struct virtio_blk_info info;
    struct virtq_counters counters;

    (void)state;
    sim_console_forget();
    initialiser_find_disks();
    assert_int_equal(virtio_blk_count(), 2);
    assert_true(sim_console_said("virtio-blk: the disk at 0xa000400 has blocks of 1000 bytes"));
    assert_true(sim_console_said("virtio-blk: the disk at 0xa000400 cannot be used (error 0x"));
    disk = virtio_blk_get(0);
    assert_non_null(disk);
    assert_non_null(virtio_blk_get(1));
    assert_null(virtio_blk_get(2));

    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.sectors, SECTORS);
    assert_int_equal(info.block_size, 512);
    assert_false(info.read_only);
    assert_true(info.has_flush && info.has_discard && info.has_write_zeroes);
    assert_true(info.has_indirect && info.has_event_index);
    assert_int_equal(info.queue_size, 256);
    assert_int_equal(info.segments_max, 126);
    assert_int_equal(info.intid, 40);
    virtio_blk_get_info(virtio_blk_get(1), &info);
    assert_true(info.read_only);
    assert_false(info.has_flush || info.has_discard || info.has_write_zeroes);
    assert_false(info.has_indirect || info.has_event_index);
    assert_int_equal(info.intid, 41);

    virtio_blk_get_counters(disk, &counters);
    assert_int_equal(counters.requests, 0);
    assert_null(blk_sim.sims[0].complaint);
    assert_null(blk_sim.sims[1].complaint);
}

static void test_serials(void **state)
{
    char id[VIRTIO_BLK_ID_LENGTH + 1];

    (void)state;
    assert_int_equal(virtio_blk_get_id(disk, id), kIOReturnSuccess);
    assert_string_equal(id, "first");
    blk_sim_assert_asked(0, VIRTIO_BLK_GET_ID, 0, VIRTIO_BLK_ID_LENGTH);
    assert_int_equal(virtio_blk_get_id(disk, id), kIOReturnSuccess);
    assert_int_equal(blk_sim.asked_count, 1); /* asked of the device once */
    assert_ptr_equal(virtio_blk_find("first"), disk);
    assert_ptr_equal(virtio_blk_find("a serial of 20 bytes"), virtio_blk_get(1));
    assert_null(virtio_blk_find("a serial of 20 byte"));
    assert_null(virtio_blk_find(""));
    assert_null(virtio_blk_find(NULL));
    assert_int_equal(virtio_blk_get_id(NULL, id), kIOReturnBadArgument);
    assert_int_equal(virtio_blk_get_id(disk, NULL), kIOReturnBadArgument);
}

/* --- Data ------------------------------------------------------------------------------------- */

static void test_data(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8192; i++) {
        bytes[300 + i] = (uint8_t)(i * 7 + i / 256);
    }
    assert_int_equal(virtio_blk_write(disk, memory, 300, 3, 4096), kIOReturnSuccess);
    blk_sim_assert_asked(0, VIRTIO_BLK_WRITE, 3, 4096);
    assert_memory_equal(blk_sim.content + 3 * 512, bytes + 300, 4096);
    assert_int_equal(blk_sim.content[3 * 512 - 1] | blk_sim.content[3 * 512 + 4096], 0);
    assert_int_equal(virtio_blk_read(disk, memory, 20000, 4, 1024), kIOReturnSuccess);
    blk_sim_assert_asked(1, VIRTIO_BLK_READ, 4, 1024);
    assert_memory_equal(bytes + 20000, blk_sim.content + 4 * 512, 1024);
    assert_int_equal(bytes[19999] | bytes[21024], 0);
    assert_int_equal(blk_sim.asked_count, 2);
    assert_null(blk_sim.sims[0].complaint);
}

static void test_answers(void **state)
{
    static const struct {
        uint8_t answer;
        IOReturn status;
    } answers[] = {{VIRTIO_BLK_S_IOERR, kIOReturnIOError},
                   {VIRTIO_BLK_S_UNSUPP, kIOReturnUnsupported},
                   {3, kIOReturnDeviceError},
                   {BLK_STATUS_UNWRITTEN, kIOReturnDeviceError}};

    (void)state;
    for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        blk_sim.answer = answers[i].answer;
        sim_console_forget();
        assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), answers[i].status);
        assert_int_equal(virtio_blk_flush(disk), answers[i].status);
        /* An answer is believed; none is a fault of the device's. */
        assert_int_equal(sim_console_said("is reset"), answers[i].answer == BLK_STATUS_UNWRITTEN);
    }
    blk_sim.answer = VIRTIO_BLK_S_OK;
    blk_sim.is_short = true; /* it says that all is well, and has not written everything */
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnUnderrun);
    blk_sim.is_short = false;
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
}

/* --- Without data ----------------------------------------------------------------------------- */

static void test_flush(void **state)
{
    (void)state;
    assert_int_equal(virtio_blk_flush(disk), kIOReturnSuccess);
    blk_sim_assert_asked(0, VIRTIO_BLK_FLUSH, 0, 0);
    assert_int_equal(virtio_blk_flush(virtio_blk_get(1)), kIOReturnSuccess); /* writes through */
    assert_int_equal(blk_sim.asked_count, 1);
    assert_int_equal(virtio_blk_flush(NULL), kIOReturnBadArgument);
}

/* Cut where the device takes no more at once, at multiples of what it likes. */
static void test_discard(void **state)
{
    (void)state;
    assert_int_equal(virtio_blk_discard(disk, 5, 16 * 512), kIOReturnSuccess);
    blk_sim_assert_asked(0, VIRTIO_BLK_DISCARD, 5, 16 * 512);
    assert_int_equal(blk_sim.asked_count, 1);
    assert_int_equal(virtio_blk_discard(disk, 5, 33 * 512), kIOReturnSuccess);
    blk_sim_assert_asked(1, VIRTIO_BLK_DISCARD, 5, 13 * 512); /* to sector 18 */
    blk_sim_assert_asked(2, VIRTIO_BLK_DISCARD, 18, 12 * 512);
    blk_sim_assert_asked(3, VIRTIO_BLK_DISCARD, 30, 8 * 512);
    assert_int_equal(blk_sim.asked_count, 4);
    assert_int_equal(virtio_blk_write_zeroes(disk, 1, 21 * 512), kIOReturnSuccess);
    blk_sim_assert_asked(4, VIRTIO_BLK_WRITE_ZEROES, 1, 17 * 512);
    blk_sim_assert_asked(5, VIRTIO_BLK_WRITE_ZEROES, 18, 4 * 512);
    assert_int_equal(blk_sim.asked_count, 6);
    assert_int_equal(virtio_blk_discard(NULL, 0, 512), kIOReturnBadArgument);
    assert_int_equal(virtio_blk_write_zeroes(NULL, 0, 512), kIOReturnBadArgument);
    assert_int_equal(virtio_blk_discard(virtio_blk_get(1), 0, 512), kIOReturnUnsupported);
    assert_int_equal(virtio_blk_write_zeroes(virtio_blk_get(1), 0, 512), kIOReturnUnsupported);
}

/* --- What is refused -------------------------------------------------------------------------- */

static IOReturn try(struct virtio_blk *of, enum virtio_blk_operation operation,
                    IOMemoryDescriptor *where, uint64_t offset, uint64_t sector, uint64_t length)
{
    struct virtio_blk_request request;

    virtio_blk_request_init(&request, operation, where, offset, sector, length);
    return virtio_blk_submit(of, &request);
}

static void test_refused(void **state)
{
    IOMemoryDescriptor *const in =
        IOMemoryDescriptor_withAddressRange((uint64_t)bytes, 4096, kIODirectionIn, kernel_task);
    IOMemoryDescriptor *const out =
        IOMemoryDescriptor_withAddressRange((uint64_t)bytes, 4096, kIODirectionOut, kernel_task);
    struct virtio_blk *const read_only = virtio_blk_get(1);
    struct virtio_blk_request request;
    const enum virtio_blk_operation data[] = {VIRTIO_BLK_READ, VIRTIO_BLK_WRITE};

    (void)state;
    blk_sim.is_asleep = true;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(try(disk, data[i], memory, 0, 0, 0), kIOReturnBadArgument);
        assert_int_equal(try(disk, data[i], memory, 0, 0, 511), kIOReturnBadArgument);
        assert_int_equal(try(disk, data[i], memory, 0, 0, 513), kIOReturnBadArgument);
        assert_int_equal(try(disk, data[i], memory, 0, SECTORS, 512), kIOReturnOverrun);
        assert_int_equal(try(disk, data[i], memory, 0, SECTORS - 1, 1024), kIOReturnOverrun);
        assert_int_equal(try(disk, data[i], memory, 0, 0, (SECTORS + 1) * 512), kIOReturnOverrun);
        assert_int_equal(try(disk, data[i], memory, 0, UINT64_MAX / 512, 1024), kIOReturnOverrun);
        assert_int_equal(try(disk, data[i], memory, 64 * PAGE_SIZE - 511, 0, 512),
                         kIOReturnOverrun);
        assert_int_equal(try(disk, data[i], memory, 65 * PAGE_SIZE, 0, 512), kIOReturnOverrun);
        assert_int_equal(try(disk, data[i], NULL, 0, 0, 512), kIOReturnBadArgument);
    }
    assert_int_equal(try(disk, VIRTIO_BLK_READ, out, 0, 0, 512), kIOReturnNotPermitted);
    assert_int_equal(try(disk, VIRTIO_BLK_WRITE, in, 0, 0, 512), kIOReturnNotPermitted);
    assert_int_equal(try(disk, VIRTIO_BLK_WRITE, out, 0, 0, 512), kIOReturnNotReady);
    assert_int_equal(try(read_only, VIRTIO_BLK_WRITE, memory, 0, 0, 512), kIOReturnNotWritable);
    assert_int_equal(try(read_only, VIRTIO_BLK_READ, out, 0, 0, 512), kIOReturnNotPermitted);
    assert_int_equal(try(disk, VIRTIO_BLK_DISCARD, NULL, 0, 0, 0), kIOReturnBadArgument);
    assert_int_equal(try(disk, VIRTIO_BLK_DISCARD, NULL, 0, SECTORS, 512), kIOReturnOverrun);
    assert_int_equal(try(disk, VIRTIO_BLK_WRITE_ZEROES, NULL, 0, 0, 100), kIOReturnBadArgument);
    assert_int_equal(try(disk, VIRTIO_BLK_FLUSH, NULL, 0, 0, 512), kIOReturnBadArgument);
    assert_int_equal(try(read_only, VIRTIO_BLK_FLUSH, NULL, 0, 0, 0), kIOReturnUnsupported);
    assert_int_equal(try(disk, VIRTIO_BLK_GET_ID, NULL, 0, 0, 512), kIOReturnBadArgument);
    assert_int_equal(try(disk, (enum virtio_blk_operation)2, memory, 0, 0, 512),
                     kIOReturnUnsupported);
    assert_int_equal(virtio_blk_submit(NULL, &request), kIOReturnBadArgument);
    assert_int_equal(virtio_blk_submit(disk, NULL), kIOReturnBadArgument);
    virtio_blk_publish(disk);
    blk_sim.is_asleep = false;
    blk_sim_run();
    assert_int_equal(blk_sim.asked_count, 0);
    sim_in_handler = true;
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnNotPermitted);
    sim_in_handler = false;
    /* To the last sector and the last byte. */
    assert_int_equal(virtio_blk_read(disk, memory, 64 * PAGE_SIZE - 512, SECTORS - 1, 512),
                     kIOReturnSuccess);
    /* And all of it, of the disk and of a descriptor. */
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, SECTORS * 512), kIOReturnSuccess);
    assert_memory_equal(bytes, blk_sim.content, SECTORS * 512);
    assert_int_equal(IOMemoryDescriptor_prepare(in, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(virtio_blk_read(disk, in, 0, 8, 4096), kIOReturnSuccess);
    assert_memory_equal(bytes, blk_sim.content + 4096, 4096);
    assert_int_equal(IOMemoryDescriptor_complete(in, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(in);
    OSObject_release(out);
}

/* --- Many ------------------------------------------------------------------------------------- */

static unsigned completions;
static IOReturn reset_inside;

static void complete(struct virtio_blk_request *request)
{
    assert_true(request->done);
    assert_ptr_equal(request->context, &completions);
    completions++;
    reset_inside = virtio_blk_reset(disk);
    assert_int_equal(virtio_blk_poll(disk), 0);
}

static void fill(struct virtio_blk_request *requests, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, memory, i * 512, i, 512);
        requests[i].completion = complete;
        requests[i].context = &completions;
    }
    completions = 0;
}

static void test_list(void **state)
{
    struct virtio_blk_request requests[4];
    struct virtq_counters before, after;
    unsigned submitted = 9;

    (void)state;
    fill(requests, 4);
    assert_int_equal(virtio_blk_submit_list(NULL, requests, 4, &submitted), kIOReturnBadArgument);
    assert_int_equal(submitted, 0);
    assert_int_equal(virtio_blk_submit_list(disk, NULL, 4, &submitted), kIOReturnBadArgument);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 0, NULL), kIOReturnBadArgument);
    virtio_blk_get_counters(disk, &before);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 4, &submitted), kIOReturnSuccess);
    assert_int_equal(submitted, 4);
    virtio_blk_get_counters(disk, &after);
    assert_int_equal(after.doorbells, before.doorbells + 1);
    assert_int_equal(after.requests, before.requests + 4);
    assert_int_equal(completions, 0);
    blk_sim_run();
    assert_int_equal(completions, 4);
    assert_int_equal(reset_inside, kIOReturnNotPermitted);
    assert_int_equal(blk_sim.asked_count, 4);

    /* Up to the first that is refused, and what was taken is published. */
    fill(requests, 4);
    requests[2].length = 1;
    assert_int_equal(virtio_blk_submit_list(disk, requests, 4, &submitted), kIOReturnBadArgument);
    assert_int_equal(submitted, 2);
    blk_sim_run();
    assert_int_equal(completions, 2);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 2, NULL), kIOReturnSuccess);
    blk_sim_run();
    assert_int_equal(completions, 4);
}

static void count_end(struct virtio_blk_request *request)
{
    (void)request;
    completions++;
}

/*
 * A chain comes back whose status nobody has written: the device may have it still, and is reset
 * before its memory is anybody's; what else it had, and what was in line, ends with it.
 */
static void test_doubted(void **state)
{
    static struct virtio_blk_request requests[140]; /* more than there are chains */

    (void)state;
    for (unsigned i = 0; i < 140; i++) {
        virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, memory, i * 512, i, 512);
        requests[i].completion = count_end;
    }
    completions = 0;
    blk_sim.is_asleep = true;
    assert_int_equal(virtio_blk_submit_list(disk, requests, 140, NULL), kIOReturnSuccess);
    blk_sim.is_asleep = false;
    blk_sim.answer = BLK_STATUS_UNWRITTEN;
    assert_true(blk_sim_work(0));
    blk_sim.answer = VIRTIO_BLK_S_OK;
    sim_console_forget();
    assert_int_equal(virtio_blk_poll(disk), 1);
    assert_true(sim_console_said("is reset: a chain comes back without its status"));
    assert_int_equal(completions, 140);
    for (unsigned i = 0; i < 140; i++) {
        assert_true(requests[i].done);
        assert_int_equal(requests[i].status, kIOReturnDeviceError);
    }
    blk_sim_run();
    assert_int_equal(completions, 140);
    assert_int_equal(blk_sim.asked_count, 1);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
    assert_null(blk_sim.sims[0].complaint);
}

/*
 * What changes the queue waits for the loop that calls a completion; the rest is done at once, and
 * none of it hears of another end in the midst of this one.
 */
static void call_from_completion(struct virtio_blk_request *request)
{
    static unsigned depth;
    const struct virtio_blk_options options = {0};

    (void)request;
    assert_int_equal(depth++, 0);
    assert_int_equal(virtio_blk_configure(disk, &options), kIOReturnNotPermitted);
    virtio_blk_set_interrupts(disk, false);
    virtio_blk_set_interrupts(disk, true);
    virtio_blk_gather_interrupts(disk, 1);
    completions++;
    depth--;
}

static void test_calls_from_completions(void **state)
{
    struct virtio_blk_request requests[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fill(requests, 2);
        requests[0].completion = requests[1].completion = call_from_completion;
        assert_int_equal(virtio_blk_submit_list(disk, requests, 2, NULL), kIOReturnSuccess);
        while (i == 1 && blk_sim_work(0)) { /* both before anybody looks */
        }
        blk_sim_run();
        assert_int_equal(completions, 2);
    }
}

/* Requests without a command are recorded with their ends; those without data are not. */
static void test_recorded(void **state)
{
    static struct recorded_list list;
    char id[VIRTIO_BLK_ID_LENGTH + 1];
    uint64_t start[3], end[3];

    (void)state;
    recorded_begin();
    assert_int_equal(virtio_blk_write(disk, memory, 0, 3, 4096), kIOReturnSuccess);
    assert_int_equal(virtio_blk_read(disk, memory, 4096, 3, 4096), kIOReturnSuccess);
    assert_int_equal(virtio_blk_flush(disk), kIOReturnSuccess);
    assert_int_equal(virtio_blk_get_id(disk, id), kIOReturnSuccess);
    recorded_end();
    assert_memory_equal(blk_sim.bytes, blk_sim.bytes + 4096, 4096);
    for (unsigned i = 0; i < 2; i++) {
        const unsigned flags = i == 0 ? 0 : TRACE_SLOT_WRITES;

        assert_true(recorded_list(i, &list) && recorded_event(TRACE_dma_start, i, start) &&
                    recorded_event(TRACE_dma_end, i, end));
        assert_ptr_equal(list.command, start[0]);
        assert_int_equal(start[1], 4096);
        assert_int_equal(start[2], i == 0 ? kIODirectionOut : kIODirectionIn);
        assert_int_equal(end[0], start[0]);
        assert_int_equal(end[1], 4096);
        assert_int_equal((IOReturn)end[2], kIOReturnSuccess);
        assert_int_equal(list.offset, i * 4096);
        assert_int_equal(list.bytes, 4096);
        assert_true(list.is_told);
        /* Header and status are the driver's. */
        assert_int_equal(list.entries[0].flags, TRACE_SLOT_OWN);
        assert_int_equal(list.entries[list.count - 1].flags, TRACE_SLOT_OWN | TRACE_SLOT_WRITES);
        for (unsigned j = 1; j < list.count - 1; j++) {
            assert_int_equal(list.entries[j].flags, flags);
            assert_int_equal(list.entries[j].list, list.entries[0].list);
        }
    }
    assert_int_equal(recorded_count(TRACE_dma_issue), 2);
    assert_int_equal(recorded_count(TRACE_dma_start), 2);
    assert_int_equal(recorded_count(TRACE_dma_end), 2);
}

static void test_publishing(void **state)
{
    struct virtio_blk_request requests[2];

    (void)state;
    fill(requests, 2);
    assert_int_equal(virtio_blk_submit(disk, &requests[0]), kIOReturnSuccess);
    blk_sim_run();
    assert_int_equal(blk_sim.asked_count, 0); /* nobody has told the device */
    virtio_blk_publish(disk);
    blk_sim_run();
    assert_int_equal(completions, 1);
    assert_true(requests[0].done);
    assert_int_equal(requests[0].status, kIOReturnSuccess);
}

static void test_polling(void **state)
{
    struct virtio_blk_request requests[2];

    (void)state;
    virtio_blk_set_interrupts(disk, false);
    fill(requests, 2);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 2, NULL), kIOReturnSuccess);
    assert_true(blk_sim_work(0));
    assert_true(blk_sim_work(0));
    assert_false(blk_sim.sims[0].used_pending);
    virtio_blk_gather_interrupts(disk, 1); /* of which none is wanted */
    assert_int_equal(completions, 0);
    assert_int_equal(virtio_blk_poll(disk), 2);
    assert_int_equal(completions, 2);
    assert_int_equal(virtio_blk_poll(disk), 0);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess); /* polls */
    /* Behind a reset as before. */
    assert_int_equal(virtio_blk_reset(disk), kIOReturnSuccess);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 2, NULL), kIOReturnSuccess);
    assert_true(blk_sim_work(0));
    assert_true(blk_sim_work(0));
    assert_false(blk_sim.sims[0].used_pending);
    assert_int_equal(virtio_blk_poll(disk), 2);
    fill(requests, 1);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 1, NULL), kIOReturnSuccess);
    assert_true(blk_sim_work(0));
    virtio_blk_set_interrupts(disk, true); /* takes what is there */
    assert_int_equal(completions, 1);
    fill(requests, 1);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 1, NULL), kIOReturnSuccess);
    blk_sim_run();
    assert_int_equal(completions, 1);
}

static unsigned watched;

static void look(void *context, const struct virtio_blk_request *request,
                 const struct virtq_chain *chain)
{
    struct virtq_entry entry;

    assert_ptr_equal(context, &watched);
    assert_int_equal(request->operation, VIRTIO_BLK_READ);
    assert_true(virtq_chain_entry(chain, 0, &entry));
    assert_int_equal(entry.length, 16);
    assert_int_equal(entry.flags, VIRTQ_NEXT);
    assert_true(virtq_chain_entry(chain, 1, &entry));
    assert_int_equal(entry.address.value, virt_to_phys(bytes).value);
    assert_int_equal(entry.length, 512);
    assert_int_equal(entry.flags, VIRTQ_NEXT | VIRTQ_WRITE);
    assert_true(virtq_chain_entry(chain, 2, &entry));
    assert_int_equal(entry.length, 1);
    assert_int_equal(entry.flags, VIRTQ_WRITE);
    assert_false(virtq_chain_entry(chain, 3, &entry));
    assert_true(virtq_chain_has_table(chain));
    assert_in_range(virtq_chain_slot(chain), 0, 127);
    watched++;
}

static void test_watching(void **state)
{
    (void)state;
    virtio_blk_watch(disk, look, &watched);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
    assert_int_equal(watched, 1);
    virtio_blk_watch(disk, NULL, NULL);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
    assert_int_equal(watched, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_found, blk_sim_again),
        cmocka_unit_test_setup(test_serials, blk_sim_again),
        cmocka_unit_test_setup(test_data, blk_sim_again),
        cmocka_unit_test_setup(test_answers, blk_sim_again),
        cmocka_unit_test_setup(test_flush, blk_sim_again),
        cmocka_unit_test_setup(test_discard, blk_sim_again),
        cmocka_unit_test_setup(test_refused, blk_sim_again),
        cmocka_unit_test_setup(test_list, blk_sim_again),
        cmocka_unit_test_setup(test_doubted, blk_sim_again),
        cmocka_unit_test_setup(test_calls_from_completions, blk_sim_again),
        cmocka_unit_test_setup(test_recorded, blk_sim_again),
        cmocka_unit_test_setup(test_publishing, blk_sim_again),
        cmocka_unit_test_setup(test_polling, blk_sim_again),
        cmocka_unit_test_setup(test_watching, blk_sim_again),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
