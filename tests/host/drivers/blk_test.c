/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk driver and a disk that keeps the rules: what each call says to it, and what it answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "kernel/page.h"
#include "tests/host/drivers/virtio_sim.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define SECTORS 256
#define DISKS   3
#define ALL                                                                                        \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SEG_MAX |     \
     VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES |                       \
     VIRTIO_BLK_F_BLK_SIZE)

extern initialiser_t *const initialiser_find_disks;

/* --- The disk --------------------------------------------------------------------------------- */

/* What it was asked for, in order: type, sector, bytes of data or of the range. */
struct asked {
    uint32_t type;
    uint64_t sector, bytes;
    uint32_t flags;
};

static struct virtio_sim sims[DISKS];
static uint8_t content[SECTORS * 512];
static char serials[DISKS][VIRTIO_BLK_ID_LENGTH + 1] = {"first", "a serial of 20 bytes", ""};
static struct asked asked[32];
static unsigned asked_count;
static uint8_t answer; /* the status byte */
static bool is_short;  /* it writes a byte less than it should */
static bool is_asleep; /* it does nothing */
static IOMemoryDescriptor *memory;
static uint8_t *bytes; /* its own */

static uint32_t move(unsigned number, const struct virtio_sim_chain *chain,
                     const struct blk_header *header)
{
    uint64_t at = header->sector * 512;
    uint32_t written = 0;

    for (unsigned i = 1; i + 1 < chain->count; i++) {
        uint8_t *data = phys_to_virt(paddr(chain->entries[i].address));
        const uint32_t length = chain->entries[i].length;

        assert_int_equal(chain->entries[i].write, header->type != VIRTIO_BLK_WRITE &&
                                                      header->type != VIRTIO_BLK_DISCARD &&
                                                      header->type != VIRTIO_BLK_WRITE_ZEROES);
        switch (header->type) {
        case VIRTIO_BLK_READ:
            memcpy(data, content + at, length);
            break;
        case VIRTIO_BLK_WRITE:
            memcpy(content + at, data, length);
            break;
        case VIRTIO_BLK_GET_ID:
            assert_int_equal(length, VIRTIO_BLK_ID_LENGTH);
            memcpy(data, serials[number], length);
            break;
        default: {
            const struct blk_range *range = (const struct blk_range *)data;

            assert_int_equal(length, sizeof(*range));
            asked[asked_count].sector = range->sector;
            asked[asked_count].bytes = range->sectors * 512ull;
            asked[asked_count].flags = range->flags;
            continue;
        }
        }
        at += length;
        asked[asked_count].bytes += length;
        written += chain->entries[i].write ? length : 0;
    }
    return written;
}

/* One request; false: there is none. */
static bool work(unsigned number)
{
    static struct virtio_sim_chain chain;
    const struct blk_header *header;
    uint32_t written;

    if (is_asleep || !virtio_sim_take(&sims[number], &chain)) {
        return false;
    }
    assert_false(chain.broken);
    assert_in_range(asked_count, 0, 31);
    assert_int_equal(chain.entries[0].length, 16);
    assert_false(chain.entries[0].write);
    assert_int_equal(chain.entries[chain.count - 1].length, 1);
    assert_true(chain.entries[chain.count - 1].write);
    header = phys_to_virt(paddr(chain.entries[0].address));
    assert_int_equal(header->reserved, 0);
    asked[asked_count] = (struct asked){.type = header->type, .sector = header->sector};
    written = move(number, &chain, header) + 1;
    asked_count++;
    *(uint8_t *)phys_to_virt(paddr(chain.entries[chain.count - 1].address)) = answer;
    virtio_sim_give(&sims[number], chain.head, written - (is_short ? 1 : 0));
    return true;
}

/* While somebody sleeps, or when a test lets it: everything that can be done. */
static void run(void)
{
    for (bool moves = true; moves;) {
        moves = false;
        for (unsigned i = 0; i < DISKS; i++) {
            moves |= work(i);
            moves |= virtio_sim_interrupt(&sims[i]);
        }
    }
}

static void power_on(unsigned number, uint64_t offered)
{
    struct virtio_sim *sim = &sims[number];

    virtio_sim_create(sim, VIRTIO_ID_BLOCK, offered, 256);
    sim->device.address = paddr(0xa000000 + 0x200 * number);
    sim->device.intid = 40 + number;
    virtio_sim_set(sim, 0, SECTORS, 8);
    virtio_sim_set(sim, 8, 4096, 4);
    virtio_sim_set(sim, 12, 126, 4);
    virtio_sim_set(sim, 20, 512, 4);
    virtio_sim_set(sim, 36, 16, 4);
    virtio_sim_set(sim, 40, 1, 4);
    virtio_sim_set(sim, 44, 6, 4);
    virtio_sim_set(sim, 48, 20, 4);
    virtio_sim_set(sim, 52, 1, 4);
}

static int start(void **state)
{
    const struct page_request request = {.count = 64, .owner = PAGE_OWNER_IMAGE, .zero = true};
    paddr_t first;

    (void)state;
    sim_machine_start(VIRTIO_SIM_RAM);
    sim_while_waiting = run;
    if (page_alloc_run(&request, &first) != KERN_SUCCESS) {
        return -1;
    }
    bytes = phys_to_virt(first);
    memory = IOMemoryDescriptor_withAddressRange((uint64_t)bytes, 64 * PAGE_SIZE, kIODirectionInOut,
                                                 kernel_task);
    power_on(0, ALL);
    power_on(1, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_SEG_MAX);
    power_on(2, ALL);
    virtio_sim_set(&sims[2], 20, 1000, 4); /* no size of a block */
    for (unsigned i = 0; i < DISKS; i++) {
        virtio_add_device(&sims[i].device);
    }
    return IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess ? 0 : -1;
}

static int again(void **state)
{
    (void)state;
    memset(content, 0, sizeof(content));
    memset(bytes, 0, 64 * PAGE_SIZE);
    asked_count = 0;
    answer = VIRTIO_BLK_S_OK;
    is_short = is_asleep = false;
    return 0;
}

static void assert_asked(unsigned at, uint32_t type, uint64_t sector, uint64_t length)
{
    assert_in_range(at, 0, asked_count - 1);
    assert_int_equal(asked[at].type, type);
    assert_int_equal(asked[at].sector, sector);
    assert_int_equal(asked[at].bytes, length);
    assert_int_equal(asked[at].flags, 0);
}

/* --- Finding ---------------------------------------------------------------------------------- */

static struct virtio_blk *disk;

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
    assert_null(sims[0].complaint);
    assert_null(sims[1].complaint);
}

static void test_serials(void **state)
{
    char id[VIRTIO_BLK_ID_LENGTH + 1];

    (void)state;
    assert_int_equal(virtio_blk_get_id(disk, id), kIOReturnSuccess);
    assert_string_equal(id, "first");
    assert_asked(0, VIRTIO_BLK_GET_ID, 0, VIRTIO_BLK_ID_LENGTH);
    assert_int_equal(virtio_blk_get_id(disk, id), kIOReturnSuccess);
    assert_int_equal(asked_count, 1); /* asked of the device once */
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
    assert_asked(0, VIRTIO_BLK_WRITE, 3, 4096);
    assert_memory_equal(content + 3 * 512, bytes + 300, 4096);
    assert_int_equal(content[3 * 512 - 1] | content[3 * 512 + 4096], 0);
    assert_int_equal(virtio_blk_read(disk, memory, 20000, 4, 1024), kIOReturnSuccess);
    assert_asked(1, VIRTIO_BLK_READ, 4, 1024);
    assert_memory_equal(bytes + 20000, content + 4 * 512, 1024);
    assert_int_equal(bytes[19999] | bytes[21024], 0);
    assert_int_equal(asked_count, 2);
    assert_null(sims[0].complaint);
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
        answer = answers[i].answer;
        assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), answers[i].status);
        assert_int_equal(virtio_blk_flush(disk), answers[i].status);
    }
    answer = VIRTIO_BLK_S_OK;
    is_short = true; /* it says that all is well, and has not written everything */
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnUnderrun);
    is_short = false;
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
}

/* --- Without data ----------------------------------------------------------------------------- */

static void test_flush(void **state)
{
    (void)state;
    assert_int_equal(virtio_blk_flush(disk), kIOReturnSuccess);
    assert_asked(0, VIRTIO_BLK_FLUSH, 0, 0);
    assert_int_equal(virtio_blk_flush(virtio_blk_get(1)), kIOReturnSuccess); /* writes through */
    assert_int_equal(asked_count, 1);
    assert_int_equal(virtio_blk_flush(NULL), kIOReturnBadArgument);
}

/* Cut where the device takes no more at once, at multiples of what it likes. */
static void test_discard(void **state)
{
    (void)state;
    assert_int_equal(virtio_blk_discard(disk, 5, 16 * 512), kIOReturnSuccess);
    assert_asked(0, VIRTIO_BLK_DISCARD, 5, 16 * 512);
    assert_int_equal(asked_count, 1);
    assert_int_equal(virtio_blk_discard(disk, 5, 33 * 512), kIOReturnSuccess);
    assert_asked(1, VIRTIO_BLK_DISCARD, 5, 13 * 512); /* to sector 18 */
    assert_asked(2, VIRTIO_BLK_DISCARD, 18, 12 * 512);
    assert_asked(3, VIRTIO_BLK_DISCARD, 30, 8 * 512);
    assert_int_equal(asked_count, 4);
    assert_int_equal(virtio_blk_write_zeroes(disk, 1, 21 * 512), kIOReturnSuccess);
    assert_asked(4, VIRTIO_BLK_WRITE_ZEROES, 1, 17 * 512);
    assert_asked(5, VIRTIO_BLK_WRITE_ZEROES, 18, 4 * 512);
    assert_int_equal(asked_count, 6);
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
    is_asleep = true;
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
    is_asleep = false;
    run();
    assert_int_equal(asked_count, 0);
    sim_in_handler = true;
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnNotPermitted);
    sim_in_handler = false;
    /* To the last sector and the last byte. */
    assert_int_equal(virtio_blk_read(disk, memory, 64 * PAGE_SIZE - 512, SECTORS - 1, 512),
                     kIOReturnSuccess);
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
    run();
    assert_int_equal(completions, 4);
    assert_int_equal(reset_inside, kIOReturnNotPermitted);
    assert_int_equal(asked_count, 4);

    /* Up to the first that is refused, and what was taken is published. */
    fill(requests, 4);
    requests[2].length = 1;
    assert_int_equal(virtio_blk_submit_list(disk, requests, 4, &submitted), kIOReturnBadArgument);
    assert_int_equal(submitted, 2);
    run();
    assert_int_equal(completions, 2);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 2, NULL), kIOReturnSuccess);
    run();
    assert_int_equal(completions, 4);
}

static void test_publishing(void **state)
{
    struct virtio_blk_request requests[2];

    (void)state;
    fill(requests, 2);
    assert_int_equal(virtio_blk_submit(disk, &requests[0]), kIOReturnSuccess);
    run();
    assert_int_equal(asked_count, 0); /* nobody has told the device */
    virtio_blk_publish(disk);
    run();
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
    assert_true(work(0));
    assert_true(work(0));
    assert_false(sims[0].used_pending);
    assert_int_equal(completions, 0);
    assert_int_equal(virtio_blk_poll(disk), 2);
    assert_int_equal(completions, 2);
    assert_int_equal(virtio_blk_poll(disk), 0);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess); /* polls */
    fill(requests, 1);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 1, NULL), kIOReturnSuccess);
    assert_true(work(0));
    virtio_blk_set_interrupts(disk, true); /* takes what is there */
    assert_int_equal(completions, 1);
    fill(requests, 1);
    assert_int_equal(virtio_blk_submit_list(disk, requests, 1, NULL), kIOReturnSuccess);
    run();
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

/* --- Reset and configuration ------------------------------------------------------------------ */

static void test_reset(void **state)
{
    struct virtio_blk_request requests[3];

    (void)state;
    assert_int_equal(virtio_blk_reset(NULL), kIOReturnBadArgument);
    fill(requests, 3);
    for (unsigned i = 0; i < 3; i++) {
        requests[i].completion = NULL;
    }
    is_asleep = true;
    assert_int_equal(virtio_blk_submit_list(disk, requests, 3, NULL), kIOReturnSuccess);
    assert_int_equal(virtio_blk_reset(disk), kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(requests[i].done);
        assert_int_equal(requests[i].status, kIOReturnAborted);
    }
    is_asleep = false;
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
    assert_null(sims[0].complaint);
}

static void test_options(void **state)
{
    const struct virtio_blk_options plain = {
        .queue_size = 100, .without_indirect = true, .without_event_index = true};
    const struct virtio_blk_options tiny = {.queue_size = 3}; /* no room for data */
    const struct virtio_blk_options usual = {0};
    struct virtio_blk_request request;
    struct virtio_blk_info info;

    (void)state;
    assert_int_equal(virtio_blk_configure(NULL, &usual), kIOReturnBadArgument);
    assert_int_equal(virtio_blk_configure(disk, NULL), kIOReturnBadArgument);
    sim_in_handler = true;
    assert_int_equal(virtio_blk_configure(disk, &plain), kIOReturnNotPermitted);
    sim_in_handler = false;
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 512);
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    assert_int_equal(virtio_blk_configure(disk, &plain), kIOReturnBusy);
    virtio_blk_publish(disk);
    run();
    assert_true(request.done);

    assert_int_equal(virtio_blk_configure(disk, &plain), kIOReturnSuccess);
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.queue_size, 64);
    assert_false(info.has_indirect || info.has_event_index);
    assert_int_equal(info.segments_max, 14); /* a chain takes a quarter of the ring */
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);

    /* What cannot be leaves it as it was. */
    assert_int_equal(virtio_blk_configure(disk, &tiny), kIOReturnUnsupported);
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.queue_size, 64);
    assert_false(info.has_indirect || info.has_event_index);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
    assert_int_equal(virtio_blk_configure(disk, &usual), kIOReturnSuccess);
    virtio_blk_get_info(disk, &info);
    assert_int_equal(info.queue_size, 256);
    assert_true(info.has_indirect && info.has_event_index);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnSuccess);
    assert_null(sims[0].complaint);
}

/* The disk says that it has changed. */
static void set(unsigned offset, uint64_t value, unsigned width)
{
    virtio_sim_set(&sims[0], offset, value, width);
    sims[0].changed_pending = true;
    run();
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
    asked_count = 0;
    set(36, 20, 4);
    assert_int_equal(virtio_blk_discard(disk, 0, 24 * 512), kIOReturnSuccess);
    assert_asked(0, VIRTIO_BLK_DISCARD, 0, 16 * 512);
    assert_asked(1, VIRTIO_BLK_DISCARD, 16, 8 * 512);
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
    assert_null(sims[0].complaint);
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
    sims[1].offered = 0;
    assert_int_equal(virtio_blk_reset(virtio_blk_get(1)), kIOReturnNotResponding);
    expect_lost(virtio_blk_get(1));
    sim_console_forget();
    sims[0].offered = 0;
    assert_int_equal(virtio_blk_configure(disk, &usual), kIOReturnUnsupported);
    expect_lost(disk);
    assert_int_equal(virtio_blk_flush(disk), kIOReturnNotResponding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_found, again),      cmocka_unit_test_setup(test_serials, again),
        cmocka_unit_test_setup(test_data, again),       cmocka_unit_test_setup(test_answers, again),
        cmocka_unit_test_setup(test_flush, again),      cmocka_unit_test_setup(test_discard, again),
        cmocka_unit_test_setup(test_refused, again),    cmocka_unit_test_setup(test_list, again),
        cmocka_unit_test_setup(test_publishing, again), cmocka_unit_test_setup(test_polling, again),
        cmocka_unit_test_setup(test_watching, again),   cmocka_unit_test_setup(test_reset, again),
        cmocka_unit_test_setup(test_options, again),    cmocka_unit_test_setup(test_changes, again),
        cmocka_unit_test_setup(test_lost, again),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
