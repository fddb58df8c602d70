/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches of disk requests over vdma, compared byte by byte. */
#include "tests/host/drivers/vdma_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk_private.h"
#include "drivers/virtio/queue_private.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define PAGES 4u                               /* of memory of each request, and ranges */
#define ZONE  (BATCH_SECTORS / BATCH_REQUESTS) /* sectors of each, the most of one request */
#define BYTES (BATCH_SECTORS * 512)

struct entry {
    struct virtio_blk_request request;
    IOMemoryDescriptor *memory;
    uint8_t *pages;
    uint64_t base; /* physical */
    IOAddressRange ranges[PAGES];
    uint64_t bytes; /* of all ranges */
    uint8_t before[PAGES * PAGE_SIZE], at_end[PAGES * PAGE_SIZE];
    bool outstanding, taken;
    IOReturn status;
};

static struct vdma_sim sim;
static struct virtio_blk *disk;
static struct entry entries[BATCH_REQUESTS];
static uint8_t content[BYTES], model[BYTES];
static uint64_t seed;
static unsigned turns; /* since anything happened while the driver sleeps */
static uint32_t life;  /* kinds of faults done since power-on */

/* Of one batch. */
static struct {
    struct batch told;
    unsigned resets, wrong_ids;
    /* Of the device's request with this head: bytes, of them written, the end of these. */
    uint64_t bytes[256], written[256], end[256];
} batch;

/* --- What the device says of itself ----------------------------------------------------------- */

/* The rest of a request that the driver has cut begins at this address, and is still to come. */
static bool is_to_be_written(uint64_t address)
{
    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        const struct entry *entry = &entries[i];
        const uint64_t end = entry->request.offset + entry->request.length;
        uint64_t at = 0;

        for (unsigned n = 0; n < PAGES; n++) {
            const uint64_t start =
                entry->base + (entry->ranges[n].address - (uint64_t)entry->pages);

            if (entry->outstanding && address - start < entry->ranges[n].length) {
                return at + (address - start) < end;
            }
            at += entry->ranges[n].length;
        }
    }
    return false;
}

/* False where this one, with its argument, changes nothing that anybody could see. */
static bool can_be_seen(const struct vdma_record *record)
{
    switch (record->rule) {
    case VDMA_FAULT_SHORT:
        return record->value < batch.bytes[record->slot % 256];
    case VDMA_FAULT_WRONG_LENGTH:
        return (uint32_t)record->value != batch.written[record->slot % 256] + 1;
    case VDMA_FAULT_PAST_END:
        return !is_to_be_written(batch.end[record->slot % 256]);
    case VDMA_FAULT_WRONG_ID:
        return (uint32_t)record->value != record->slot;
    default:
        return (SHOWN & 1u << record->rule) != 0;
    }
}

static void note(struct vdma_sim *unused, const struct vdma_record *record)
{
    (void)unused;
    switch (record->event) {
    case VDMA_EVENT_TAKEN:
        batch.bytes[record->slot % 256] = record->length + record->value;
        batch.written[record->slot % 256] = record->value;
        break;
    case VDMA_EVENT_SEGMENT:
        if (record->code == VDMA_WRITES) {
            batch.end[record->slot % 256] = record->address + record->length;
        }
        break;
    case VDMA_EVENT_FAULT:
        if (record->code == 0) {
            batch.told.done |= 1u << record->rule;
            batch.told.shown |= can_be_seen(record) ? 1u << record->rule : 0;
            batch.told.faults++;
            batch.wrong_ids += record->rule == VDMA_FAULT_WRONG_ID;
            life |= 1u << record->rule;
        }
        break;
    case VDMA_EVENT_RESET:
        batch.resets++;
        break;
    case VDMA_EVENT_REFUSED: /* the driver keeps the rules, by what it has been told */
        assert_true(batch.told.done != 0 || (record->rule == 40 && (life & KIND(CONFIG)) != 0) ||
                    (record->rule == 68 && (life & KIND(REGISTER)) != 0));
        break;
    default:
        break;
    }
}

static bool in_pages(const void *start, size_t pages, uint64_t address, uint64_t length)
{
    const uint64_t first = start != NULL ? virt_to_phys(start).value : 0;

    return start != NULL && address >= first && address + length <= first + pages * PAGE_SIZE;
}

/* The driver's rings and frames, and the data of what is outstanding, in its direction. */
static bool is_described(struct vdma_sim *unused, uint64_t address, uint64_t length,
                         unsigned access)
{
    (void)unused;
    if (batch.told.done != 0 || disk == NULL ||
        in_pages(disk->queue->desc, disk->queue->ring_pages, address, length) ||
        in_pages(disk->queue->chains, disk->queue->table_pages, address, length) ||
        in_pages(disk->frames, disk->frame_pages, address, length)) {
        return true;
    }
    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        const struct entry *entry = &entries[i];
        const bool reads = entry->request.operation == VIRTIO_BLK_WRITE;
        const uint64_t at = address - entry->base;

        if (entry->outstanding && at < PAGES * PAGE_SIZE && (access == VDMA_READS) == reads) {
            const IOAddressRange *range = &entry->ranges[at / PAGE_SIZE];
            const uint64_t start = range->address - (uint64_t)entry->pages;

            return at >= start && at + length <= start + range->length;
        }
    }
    return false;
}

/* --- Memory and disk -------------------------------------------------------------------------- */

uint64_t batch_draw_word(void)
{
    return sim_random(&seed);
}

unsigned batch_draw(unsigned below)
{
    return (unsigned)(sim_random(&seed) % below);
}

/* The bytes from `i` on that lie in one range; how many, at most `length`. */
static uint8_t *bytes_at(const struct entry *entry, uint64_t i, uint64_t *length)
{
    unsigned n = 0;

    for (; i >= entry->ranges[n].length; n++) {
        i -= entry->ranges[n].length;
    }
    if (*length > entry->ranges[n].length - i) {
        *length = entry->ranges[n].length - i;
    }
    return (uint8_t *)entry->ranges[n].address + i;
}

/*
 * Anything, but of the upper half alone: what a stray write writes and what a corrupt byte becomes
 * is not in it.
 */
static void fill(uint8_t *bytes, size_t length)
{
    static uint8_t pool[65536];

    for (size_t i = 0; i < sizeof(pool) && (i != 0 || pool[0] == 0); i += 8) {
        const uint64_t word = sim_random(&seed) | 0x8080808080808080;

        memcpy(pool + i, &word, 8);
    }
    memcpy(bytes, pool + batch_draw((unsigned)(sizeof(pool) - length)), length);
}

static void make_memory(struct entry *entry)
{
    const struct page_request run = {.count = PAGES, .owner = PAGE_OWNER_IMAGE};
    paddr_t first;

    assert_int_equal(page_alloc_run(&run, &first), KERN_SUCCESS);
    entry->base = first.value;
    entry->pages = phys_to_virt(first);
    entry->bytes = 0;
    for (unsigned i = 0; i < PAGES; i++) {
        const uint64_t skip = 1 + batch_draw(500);

        entry->ranges[i].address = (uint64_t)entry->pages + i * PAGE_SIZE + skip;
        entry->ranges[i].length = PAGE_SIZE - skip - 100 - batch_draw(500);
        entry->bytes += entry->ranges[i].length;
    }
    entry->memory =
        IOMemoryDescriptor_withAddressRanges(entry->ranges, PAGES, kIODirectionInOut, kernel_task);
    assert_non_null(entry->memory);
    assert_int_equal(IOMemoryDescriptor_prepare(entry->memory, kIODirectionNone), kIOReturnSuccess);
}

/* --- The world -------------------------------------------------------------------------------- */

static void completed(struct virtio_blk_request *request)
{
    struct entry *entry = (struct entry *)request;

    assert_true(entry->outstanding);
    entry->outstanding = false;
    entry->status = request->status;
    memcpy(entry->at_end, entry->pages, sizeof(entry->at_end));
}

/* While the driver sleeps: the device works, tells of it, and time passes. */
static void turn(void)
{
    turns++;
    assert_in_range(turns, 1, 200);
    vdma_sim_work(&sim);
    if (vdma_sim_interrupt(&sim) || vdma_sim_pass_time(&sim)) {
        turns = 0;
    } else if (turns > 2 && virtio_blk_poll(disk) == 0) {
        virtio_blk_reset(disk); /* patience is over, and looking does not help */
    }
}

static void settle(void)
{
    while (vdma_sim_interrupt(&sim) || vdma_sim_pass_time(&sim)) {
        vdma_sim_work(&sim);
    }
}

static bool documented(IOReturn status)
{
    static const IOReturn all[] = {kIOReturnSuccess, kIOReturnOverrun,    kIOReturnUnsupported,
                                   kIOReturnIOError, kIOReturnUnderrun,   kIOReturnDeviceError,
                                   kIOReturnAborted, kIOReturnBadArgument};

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (status == all[i]) {
            return true;
        }
    }
    return false;
}

static void submit(unsigned number)
{
    struct entry *entry = &entries[number];
    const unsigned sectors = 1 + batch_draw(ZONE);
    IOReturn status;

    virtio_blk_request_init(&entry->request,
                            batch_draw(2) != 0 ? VIRTIO_BLK_READ : VIRTIO_BLK_WRITE, entry->memory,
                            batch_draw((unsigned)entry->bytes - 512 * sectors + 1),
                            ZONE * number + batch_draw(ZONE - sectors + 1), 512ull * sectors);
    entry->request.completion = completed;
    entry->outstanding = true;
    fill(entry->pages, PAGES * PAGE_SIZE);
    memcpy(entry->before, entry->pages, sizeof(entry->before));
    status = virtio_blk_submit(disk, &entry->request);
    entry->taken = status == kIOReturnSuccess;
    if (!entry->taken) {
        assert_true(entry->outstanding && documented(status));
        entry->outstanding = false;
        entry->status = status;
    }
}

/* Nothing but its own bytes has changed, and they are right behind a success. */
static bool entry_is_right(struct entry *entry)
{
    const struct virtio_blk_request *request = &entry->request;
    const bool reads = request->operation == VIRTIO_BLK_READ;
    const bool failed = entry->status != kIOReturnSuccess;
    uint8_t *on_disk = content + request->sector * 512, *wanted = model + request->sector * 512;
    bool right = true;

    assert_true(documented(entry->status));
    for (uint64_t i = 0, length; i < request->length; i += length) {
        uint8_t *bytes, *were;

        length = request->length - i;
        bytes = bytes_at(entry, request->offset + i, &length);
        were = entry->before + (bytes - entry->pages);
        if (reads) {
            right &= failed || memcmp(bytes, wanted + i, length) == 0;
            memcpy(were, bytes, length);
        } else {
            right &= failed || memcmp(on_disk + i, were, length) == 0;
            memcpy(wanted + i, on_disk + i, length); /* of a failed one it may have got there */
        }
    }
    return right && memcmp(entry->before, entry->pages, sizeof(entry->before)) == 0;
}

static bool all_is_right(void)
{
    bool right = true;

    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        right &= entry_is_right(&entries[i]);
    }
    return right && memcmp(content, model, BYTES) == 0;
}

struct batch batch_run(void)
{
    memset(&batch, 0, sizeof(batch));
    sim.strays = 0;
    memcpy(model, content, BYTES);
    turns = 0;
    sim.waits = batch_draw(2) != 0;
    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        submit(i);
    }
    virtio_blk_publish(disk);
    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        const irq_state_t state = irq_mask();

        while (entries[i].outstanding) {
            irq_wait();
        }
        irq_restore(state);
    }
    settle();
    batch.told.reset = batch.resets != 0;
    if (batch.wrong_ids > 1) {
        batch.told.shown &= ~KIND(WRONG_ID); /* two that change places are both right */
    }
    if ((batch.told.done & KIND(AFTER_RESET)) != 0) {
        assert_int_equal(virtio_blk_reset(disk), kIOReturnSuccess);
        settle();
    }
    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        batch.told.late |= entries[i].taken && memcmp(entries[i].at_end, entries[i].pages,
                                                      sizeof(entries[i].at_end)) != 0;
    }
    batch.told.wrong = !all_is_right();
    batch.told.strays = sim.strays;
    batch.told.life = life;
    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        batch.told.status[i] = entries[i].status;
    }
    return batch.told;
}

/* --- Lives of a device ------------------------------------------------------------------------ */

void batch_begin(uint64_t first_seed)
{
    sim_machine_start(VDMA_SIM_RAM);
    IOMapper_setMapperRequired(false); /* as a machine knows once it has started */
    sim_console_set_quiet(true);       /* thousands of devices that have to be reset */
    sim_while_waiting = turn;
    seed = first_seed;
    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        make_memory(&entries[i]);
    }
}

void batch_power_on(const struct vdma_script *script)
{
    static const unsigned sizes[] = {4, 16, 64, 256};
    const struct vdma_options options = {.disk = content,
                                         .sectors = BATCH_SECTORS,
                                         .queue_size = sizes[batch_draw(4)],
                                         .script = *script};

    disk = NULL;
    life = 0;
    memset(&batch, 0, sizeof(batch));
    fill(content, BYTES);
    vdma_sim_create(&sim, &options);
    sim.record = note;
    sim.described = is_described;
    disk = blk_create(&sim.device.device);
    assert_non_null(disk);
}

void batch_power_off(void)
{
    blk_destroy(disk);
    disk = NULL;
    vdma_sim_destroy(&sim);
}

void batch_inject(uint16_t kind, uint64_t argument)
{
    const struct vdma_fault fault = {.kind = kind,
                                     .after = batch_draw(BATCH_REQUESTS),
                                     .argument = argument,
                                     .second = batch_draw(4)};

    vdma_faults_inject(sim.core, &fault);
}
