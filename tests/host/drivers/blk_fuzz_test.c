/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole disk driver against a device that may write anything it can write, also
 * between any two of the driver's looks. Whatever it does, each request that was
 * taken is finished once and only once, every call returns, and nothing is left
 * over; where it keeps the rules, so must the driver.
 *
 * WRITES: how many writes of the device (100,000); SEED: which ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "tests/host/drivers/virtio_fuzz.h"

#define REQUESTS  300 /* more than a ring holds */
#define PAGES     640 /* of data: every second one, so that they do not join */
#define MEMORIES  5
#define SECTORS   4096
#define DISK_CORE (VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_SEG_MAX)

struct entry {
    struct virtio_blk_request request;
    bool outstanding;
};

static struct fuzz fuzz;
static struct virtio_blk *disk;
static struct entry entries[REQUESTS];
static IOMemoryDescriptor *memories[MEMORIES];
static unsigned resubmissions;           /* that completions may still make */
static uint64_t lives, taken, succeeded; /* disks; requests of theirs */
static bool is_honest;                   /* this device keeps the rules */
static bool is_fixed;                    /* and its configuration stays as it was */

/* --- The device ------------------------------------------------------------------------------- */

static bool is_frame(const void *at)
{
    const char *const first = (const char *)disk->frames;

    return (const char *)at >= first && (const char *)at < first + disk->frame_pages * PAGE_SIZE;
}

/* Whatever the disk has become since: nothing is never asked for. */
static void judge_bytes(const struct virtio_sim_chain *chain, const struct blk_header *header)
{
    const struct blk_range *range = virtio_sim_at(&fuzz.sim, chain->entries[1].address);

    FUZZ_ASSERT(&fuzz, header->type > 1 || chain->count > 2);
    if (header->type == VIRTIO_BLK_DISCARD || header->type == VIRTIO_BLK_WRITE_ZEROES) {
        FUZZ_ASSERT(&fuzz, range->sectors != 0);
    }
}

/* What section 5.2.6.1 asks of a request whose header this is, of a disk that stays as it is. */
static void judge_request(const struct virtio_sim_chain *chain, const struct blk_header *header)
{
    uint64_t bytes = 0;

    judge_bytes(chain, header);
    if (!is_fixed) {
        return;
    }
    for (unsigned i = 1; i + 1 < chain->count; i++) {
        bytes += chain->entries[i].length;
        FUZZ_ASSERT(&fuzz, disk->segment_bytes_max == 0 ||
                               chain->entries[i].length <= disk->segment_bytes_max);
    }
    FUZZ_ASSERT(&fuzz, chain->count <= disk->segments_max + 2u || header->type > 1);
    switch (header->type) {
    case VIRTIO_BLK_READ:
    case VIRTIO_BLK_WRITE:
        FUZZ_ASSERT(&fuzz, bytes != 0 && (bytes & disk->block_mask) == 0);
        FUZZ_ASSERT(&fuzz, (header->sector * 512 & disk->block_mask) == 0);
        FUZZ_ASSERT(&fuzz, header->sector + bytes / 512 <= disk->sectors);
        break;
    case VIRTIO_BLK_FLUSH:
        FUZZ_ASSERT(&fuzz, header->sector == 0 && chain->count == 2);
        break;
    case VIRTIO_BLK_DISCARD:
    case VIRTIO_BLK_WRITE_ZEROES: {
        const struct blk_range *range = virtio_sim_at(&fuzz.sim, chain->entries[1].address);
        const uint64_t most = header->type == VIRTIO_BLK_DISCARD ? disk->discard_bytes_max
                                                                 : disk->write_zeroes_bytes_max;

        FUZZ_ASSERT(&fuzz, range->sectors != 0 && range->sectors * 512ull <= most);
        FUZZ_ASSERT(&fuzz, (range->sector * 512 & disk->block_mask) == 0);
        FUZZ_ASSERT(&fuzz, (range->sectors * 512ull & disk->block_mask) == 0);
        FUZZ_ASSERT(&fuzz, range->sector + range->sectors <= disk->sectors);
        break;
    }
    }
}

/* Take a chain and answer it, if it still looks like one. */
static bool work(struct fuzz *unused)
{
    static struct virtio_sim_chain chain;
    uint32_t length = 0;

    (void)unused;
    if (disk == NULL || !virtio_sim_take(&fuzz.sim, &chain)) {
        return false;
    }
    FUZZ_ASSERT(&fuzz, !is_honest || (!chain.broken && chain.count >= 2));
    if (chain.broken || chain.count < 2) {
        virtio_sim_give(&fuzz.sim, chain.head, 0);
        fuzz.writes++;
        return true;
    }
    if (is_honest) {
        judge_request(&chain, virtio_sim_at(&fuzz.sim, chain.entries[0].address));
    }
    for (unsigned i = 0; i < chain.count; i++) {
        const struct virtio_sim_entry *entry = &chain.entries[i];

        if (!entry->write) {
            continue;
        }
        length += entry->length;
        fuzz_fill(&fuzz, entry->address, entry->length, 0x5a);
    }

    volatile uint8_t *const last = virtio_sim_at(&fuzz.sim, chain.entries[chain.count - 1].address);

    if (is_frame((const void *)(uintptr_t)last)) {
        *last = fuzz_chance(&fuzz, 8) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
    }
    virtio_sim_give(&fuzz.sim, chain.head, length);
    fuzz.writes += 2;
    return true;
}

static void give_up(struct fuzz *unused)
{
    (void)unused;
    virtio_blk_reset(disk);
}

/* --- Requests --------------------------------------------------------------------------------- */

static void submit_some(void);

static void complete(struct virtio_blk_request *request)
{
    struct entry *entry = (struct entry *)request;

    FUZZ_ASSERT(&fuzz, entry->outstanding && request->done && request->parts == 0);
    entry->outstanding = false;
    succeeded += request->status == kIOReturnSuccess;
    if (fuzz_chance(&fuzz, 16)) {
        FUZZ_ASSERT(&fuzz, virtio_blk_reset(disk) == kIOReturnNotPermitted);
        FUZZ_ASSERT(&fuzz, virtio_blk_poll(disk) == 0);
    }
    if (resubmissions != 0 && fuzz_chance(&fuzz, 64)) {
        resubmissions--;
        submit_some();
        if (fuzz_chance(&fuzz, 32)) {
            virtio_blk_publish(disk);
        }
    }
}

static void submit(struct entry *entry)
{
    static const enum virtio_blk_operation operations[] = {
        VIRTIO_BLK_READ,  VIRTIO_BLK_READ,    VIRTIO_BLK_READ,
        VIRTIO_BLK_WRITE, VIRTIO_BLK_DISCARD, VIRTIO_BLK_WRITE_ZEROES,
        VIRTIO_BLK_FLUSH, VIRTIO_BLK_GET_ID,  (enum virtio_blk_operation)2};
    const enum virtio_blk_operation operation = operations[fuzz_random(&fuzz, 9)];
    const uint64_t block = disk->block_mask + 1;
    uint64_t length = (1 + fuzz_random(&fuzz, 40)) * block;
    uint64_t sector = fuzz_random(&fuzz, SECTORS + 16) * 512ull / block * (block / 512);

    if (operation == VIRTIO_BLK_FLUSH || operation == VIRTIO_BLK_GET_ID) {
        length = 0;
    }
    if (fuzz_chance(&fuzz, 4)) {
        length = sim_random(&fuzz.seed) >> fuzz_random(&fuzz, 64);
    }
    if (fuzz_chance(&fuzz, 4)) {
        sector = sim_random(&fuzz.seed) >> fuzz_random(&fuzz, 64);
    }
    virtio_blk_request_init(&entry->request, operation, memories[fuzz_random(&fuzz, MEMORIES)],
                            fuzz_random(&fuzz, 8192), sector, length);
    entry->request.completion = complete;
    entry->outstanding = true;
    if (virtio_blk_submit(disk, &entry->request) != kIOReturnSuccess) {
        FUZZ_ASSERT(&fuzz, entry->outstanding && !entry->request.done);
        entry->outstanding = false;
    } else {
        taken++;
    }
}

static void submit_some(void)
{
    unsigned count = fuzz_chance(&fuzz, 8) ? REQUESTS : 1 + fuzz_random(&fuzz, 4);

    for (unsigned i = fuzz_random(&fuzz, REQUESTS); count != 0; count--) {
        if (!entries[i].outstanding) {
            submit(&entries[i]);
        }
        i = (i + 1) % REQUESTS;
    }
}

/* A call that sleeps: it must come back. */
static void sleep_on_disk(void)
{
    char id[VIRTIO_BLK_ID_LENGTH + 1];

    fuzz.waits = 0;
    switch (fuzz_random(&fuzz, 5)) {
    case 0:
        virtio_blk_read(disk, memories[fuzz_random(&fuzz, 2)], 0, 0, disk->block_mask + 1);
        break;
    case 1:
        virtio_blk_write(disk, memories[fuzz_random(&fuzz, 2)], 0, 8, 64 * 1024);
        break;
    case 2:
        virtio_blk_flush(disk);
        break;
    case 3:
        virtio_blk_discard(disk, 0, SECTORS * 512);
        break;
    default:
        virtio_blk_get_id(disk, id);
        FUZZ_ASSERT(&fuzz, strnlen(id, sizeof(id)) < sizeof(id));
        break;
    }
}

static void look(void *context, const struct virtio_blk_request *request,
                 const struct virtq_chain *chain)
{
    struct virtq_entry entry;
    unsigned count = 0;

    (void)context;
    (void)request;
    while (virtq_chain_entry(chain, count, &entry)) {
        count++;
    }
    FUZZ_ASSERT(&fuzz, count <= disk->chain_entries);
}

/* The queue and what is shared besides may be others now. */
static void note_resources(void)
{
    fuzz.queue = disk != NULL ? disk->queue : NULL;
    fuzz.shared_count = disk != NULL ? 2 : 0;
    if (disk != NULL) {
        fuzz.shared[0] = (struct fuzz_shared){disk->frames, disk->frame_pages * PAGE_SIZE};
        fuzz.shared[1] = (struct fuzz_shared){disk->id, VIRTIO_BLK_ID_LENGTH};
    }
}

static void configure(void)
{
    const struct virtio_blk_options options = {
        .queue_size = fuzz_chance(&fuzz, 128) ? 0 : 1u << fuzz_random(&fuzz, 9),
        .without_indirect = fuzz_chance(&fuzz, 64),
        .without_event_index = fuzz_chance(&fuzz, 64),
        .without_packed = fuzz_chance(&fuzz, 64),
    };

    fuzz.queue = NULL; /* the old one may go */
    fuzz.shared_count = 0;
    virtio_blk_configure(disk, &options);
    note_resources();
}

/* One thing that a program, the device or the world does. */
static void step(void)
{
    switch (fuzz_random(&fuzz, 16)) {
    case 0 ... 3:
        submit_some();
        break;
    case 4 ... 5:
        virtio_blk_publish(disk);
        break;
    case 6 ... 8:
        while (fuzz_chance(&fuzz, 200) && work(&fuzz)) {
            continue;
        }
        break;
    case 9 ... 10:
        virtio_sim_interrupt(&fuzz.sim);
        break;
    case 11:
        virtio_blk_poll(disk);
        break;
    case 12:
        sleep_on_disk();
        break;
    case 13:
        virtio_blk_set_interrupts(disk, fuzz_chance(&fuzz, 160));
        virtio_blk_gather_interrupts(disk, fuzz_random(&fuzz, 40));
        break;
    case 14:
        if (fuzz_chance(&fuzz, 32)) {
            virtio_blk_reset(disk);
        }
        break;
    default:
        if (fuzz_chance(&fuzz, 64)) {
            configure();
        }
        virtio_blk_watch(disk, fuzz_chance(&fuzz, 32) ? look : NULL, NULL);
        break;
    }
    FUZZ_ASSERT(&fuzz, sim_irq_masked == 0 && !sim_in_handler);
    FUZZ_ASSERT(&fuzz, fuzz.sim.complaint == NULL || !is_honest);
}

/* --- A life of a disk ------------------------------------------------------------------------- */

/* The disk grows, shrinks, or has other limits from now on, and says so. */
static void change(struct fuzz *unused)
{
    static const unsigned fields[] = {0, 8, 12, 20, 36, 44, 48};

    (void)unused;
    if (is_fixed || !fuzz_chance(&fuzz, 16)) {
        return;
    }

    const unsigned at = fields[fuzz_random(&fuzz, 7)];

    virtio_sim_set(&fuzz.sim, at, fuzz_random(&fuzz, 2) * (512u << fuzz_random(&fuzz, 4)), 4);
    fuzz.sim.changed_pending = true;
    fuzz.writes++;
}

static void power_on(void)
{
    static const unsigned sizes[] = {4, 8, 64, 128, 256, 1024};
    static const unsigned blocks[] = {512, 512, 2048, 4096};
    static const unsigned malices[] = {0, 0, 1, 4, 16, 64};
    const uint64_t offered =
        DISK_CORE | (sim_random(&fuzz.seed) &
                     (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SIZE_MAX |
                      VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD |
                      VIRTIO_BLK_F_WRITE_ZEROES | VIRTIO_F_RING_RESET | VIRTIO_F_RING_PACKED));

    fuzz_power_on(&fuzz, VIRTIO_ID_BLOCK, offered, sizes[fuzz_random(&fuzz, 6)]);
    virtio_sim_set(&fuzz.sim, 0, SECTORS, 8);
    virtio_sim_set(&fuzz.sim, 8, 1u << (9 + fuzz_random(&fuzz, 10)), 4);
    virtio_sim_set(&fuzz.sim, 12, 1 + fuzz_random(&fuzz, 300), 4);
    virtio_sim_set(&fuzz.sim, 20, blocks[fuzz_random(&fuzz, 4)], 4);
    virtio_sim_set(&fuzz.sim, 36, fuzz_random(&fuzz, fuzz_chance(&fuzz, 96) ? 10 : 100), 4);
    virtio_sim_set(&fuzz.sim, 44, fuzz_random(&fuzz, 20), 4);
    virtio_sim_set(&fuzz.sim, 48, fuzz_random(&fuzz, fuzz_chance(&fuzz, 96) ? 10 : 100), 4);
    fuzz.malice = malices[fuzz_random(&fuzz, 6)];
    fuzz.flickers = fuzz_chance(&fuzz, 8);
    is_honest = fuzz.malice == 0 && !fuzz.flickers;
    is_fixed = fuzz_chance(&fuzz, 128);
    fuzz.answers = fuzz_chance(&fuzz, 128);
    fuzz.sim.refuses_line = fuzz_chance(&fuzz, 4);
    fuzz.happen = change;
    resubmissions = 100;
}

/* From now on the device is a good one: everything must come to its end. */
static void make_peace(void)
{
    fuzz.malice = 0;
    fuzz.answers = fuzz.flickers = false;
    fuzz.happen = NULL; /* nor does it change any more */
    fuzz.sim.refuses_reset = false;
    fuzz.sim.used_pending = fuzz.sim.changed_pending = false;
    virtio_blk_set_interrupts(disk, true);
    /* Only what the completions of this submit is in flight then, and needs nobody's help. */
    virtio_blk_reset(disk);
    for (bool moves = true; moves;) {
        moves = work(&fuzz);
        moves |= virtio_sim_interrupt(&fuzz.sim);
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        FUZZ_ASSERT(&fuzz, !entries[i].outstanding);
    }
}

static void live(void)
{
    const struct holdings before = holdings_now();
    const unsigned steps = 20 + fuzz_random(&fuzz, 300);

    power_on();
    fuzz_play(&fuzz);
    disk = blk_create(&fuzz.sim.device);
    note_resources();
    if (disk != NULL) {
        for (unsigned i = 0; i < steps; i++) {
            step();
        }
        make_peace();
        fuzz.queue = NULL;
        fuzz.shared_count = 0;
        blk_destroy(disk);
        disk = NULL;
    }
    fuzz_play(NULL);
    fuzz_power_off(&fuzz);

    /* Memory of a device that does not stop stays where it is, on purpose. */
    if (fuzz.sim.resets_refused == 0) {
        FUZZ_ASSERT(&fuzz, sim_holds(&before));
    }
}

static void make_memories(void)
{
    static IOAddressRange ranges[PAGES / 2];
    const struct page_request run = {.count = PAGES, .owner = PAGE_OWNER_IMAGE, .zero = true};

    assert_int_equal(page_alloc_run(&run, &fuzz.data), KERN_SUCCESS);
    for (unsigned i = 0; i < PAGES / 2; i++) {
        ranges[i].address = (uint64_t)phys_to_virt(fuzz.data) + 2 * i * PAGE_SIZE + i;
        ranges[i].length = 4095 - i; /* odd places and lengths */
    }
    memories[0] =
        IOMemoryDescriptor_withAddressRanges(ranges, PAGES / 2, kIODirectionInOut, kernel_task);
    memories[1] = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(fuzz.data), 1 << 20,
                                                      kIODirectionInOut, kernel_task);
    memories[2] = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(fuzz.data), 1 << 20,
                                                      kIODirectionOut, kernel_task);
    for (unsigned i = 0; i < PAGES / 2; i++) {
        ranges[i].length = 37; /* a block in more pieces than anything holds */
    }
    memories[3] =
        IOMemoryDescriptor_withAddressRanges(ranges, PAGES / 2, kIODirectionInOut, kernel_task);
    for (unsigned i = 0; i < 4; i++) {
        assert_non_null(memories[i]);
        assert_int_equal(IOMemoryDescriptor_prepare(memories[i], kIODirectionNone),
                         kIOReturnSuccess);
    }
    /* Never prepared. */
    memories[4] = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(fuzz.data), 1 << 16,
                                                      kIODirectionInOut, kernel_task);
}

static void test_any_device(void **state)
{
    (void)state;
    fuzz_begin(&fuzz, 100000);
    fuzz.work = work;
    fuzz.give_up = give_up;
    make_memories();
    fuzz.data_bytes = PAGES * PAGE_SIZE;
    while (fuzz.writes < fuzz.budget) {
        live();
        lives++;
    }
    print_message("# %llu disks took %llu requests, of which %llu succeeded\n",
                  (unsigned long long)lives, (unsigned long long)taken,
                  (unsigned long long)succeeded);
    assert_true(succeeded > taken / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_device)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
