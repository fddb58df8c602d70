/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk requests: the whole stack, and beside it the least that could be done: a
 * driver without layers, on the same device, that still builds every descriptor
 * and sleeps until the interrupt.
 */
#include <string.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk_private.h"
#include "drivers/virtio/transport_mmio.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "tests/bench/bench.h"
#include "tests/bench/gic.h"

#define ROUNDS    200
#define DEPTH     32
#define MIB       (1u << 20)
#define MIB_PAGES 256

/* --- Memory to read into ---------------------------------------------------------------------- */

static paddr_t run; /* 2 MiB in one piece */
static IOMemoryDescriptor *contiguous;
static IOMemoryDescriptor *scattered; /* every second page of it */

static IOMemoryDescriptor *describe(IOAddressRange *ranges, unsigned count)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionIn, kernel_task);

    KERNEL_CHECK(memory != NULL);
    KERNEL_CHECK(IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess);
    return memory;
}

static void make_memory(void)
{
    static IOAddressRange ranges[MIB_PAGES];
    const struct page_request request = {.count = 2 * MIB_PAGES, .owner = PAGE_OWNER_IMAGE};

    if (contiguous != NULL) {
        return;
    }
    KERNEL_CHECK(page_alloc_run(&request, &run) == KERN_SUCCESS);
    for (unsigned i = 0; i < MIB_PAGES; i++) {
        ranges[i].address = (uint64_t)phys_to_virt(run) + 2 * i * PAGE_SIZE;
        ranges[i].length = PAGE_SIZE;
    }
    scattered = describe(ranges, MIB_PAGES);
    ranges[0].length = MIB;
    contiguous = describe(ranges, 1);
}

/* --- The stack -------------------------------------------------------------------------------- */

struct transfer {
    IOMemoryDescriptor *memory;
    uint64_t length;
    unsigned requests; /* for one doorbell */
    unsigned segments; /* of each */
    uint64_t turn;     /* of those that go somewhere else each time */
};

static struct virtio_blk *disk;
static struct virtio_blk_request requests[DEPTH];
static volatile unsigned arrived;

static void arrive(struct virtio_blk_request *request)
{
    KERNEL_CHECK(request->status == kIOReturnSuccess);
    arrived++;
}

static void read_one(void *context)
{
    const struct transfer *transfer = context;

    KERNEL_CHECK(virtio_blk_read(disk, transfer->memory, 0, 0, transfer->length) ==
                 kIOReturnSuccess);
}

static void read_batch(void *context)
{
    const struct transfer *transfer = context;
    /* Before they are submitted, or it depends on the host where the interrupt comes. */
    const irq_state_t state = irq_mask();

    arrived = 0;
    for (unsigned i = 0; i < DEPTH; i++) {
        virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, transfer->memory,
                                i * transfer->length, 0, transfer->length);
        requests[i].completion = arrive;
    }
    KERNEL_CHECK(virtio_blk_submit_list(disk, requests, DEPTH, NULL) == kIOReturnSuccess);

    while (arrived < DEPTH) {
        irq_wait();
    }
    irq_restore(state);
}

static void prepare_read_complete(void *context)
{
    struct transfer *transfer = context;

    KERNEL_CHECK(IOMemoryDescriptor_prepare(transfer->memory, kIODirectionNone) ==
                 kIOReturnSuccess);
    read_one(transfer);
    KERNEL_CHECK(IOMemoryDescriptor_complete(transfer->memory, kIODirectionNone) ==
                 kIOReturnSuccess);
}

/* --- The floor -------------------------------------------------------------------------------- */

#define FLOOR_TABLE 258 /* entries: 256 pages, header and status */

static struct {
    volatile void *gic;
    volatile void *registers; /* of the disk */
    struct virtq *queue;
    struct virtq_desc *desc;
    volatile uint16_t *avail; /* flags, index, ring */
    volatile uint16_t *used;
    struct virtq_desc (*tables)[FLOOR_TABLE];
    struct blk_frame *frames;
    uint16_t index;
} floor;

static inline struct virtq_desc floor_entry(uint64_t address, uint64_t length, uint64_t flags,
                                            uint64_t next)
{
    return (struct virtq_desc){address, length | flags << 32 | next << 48};
}

static inline __attribute__((always_inline)) void floor_submit(unsigned slot, unsigned segments,
                                                               uint32_t segment_bytes)
{
    struct virtq_desc *table = floor.tables[slot];
    struct blk_frame *frame = &floor.frames[slot];
    const uint64_t stride = segments == 1 ? segment_bytes : 2 * segment_bytes;

    frame->header = (struct blk_header){.type = VIRTIO_BLK_READ};
    frame->status.value = BLK_STATUS_UNWRITTEN;
    table[0] = floor_entry(virt_to_phys(&frame->header).value, 16, VIRTQ_NEXT, 1);
    for (unsigned i = 0; i < segments; i++) {
        table[1 + i] = floor_entry(run.value + (slot + i) * stride, segment_bytes,
                                   VIRTQ_NEXT | VIRTQ_WRITE, i + 2);
    }
    table[1 + segments] = floor_entry(virt_to_phys(&frame->status).value, 1, VIRTQ_WRITE, 0);
    floor.desc[slot] =
        floor_entry(virt_to_phys(table).value, (segments + 2) * 16, VIRTQ_INDIRECT, 0);
    floor.avail[2 + floor.index % DEPTH] = (uint16_t)slot;
    floor.index++;
}

static inline __attribute__((always_inline)) void floor_transfer(void *context, bool v3)
{
    const struct transfer *transfer = context;

    for (unsigned i = 0; i < transfer->requests; i++) {
        floor_submit(i, transfer->segments, (uint32_t)transfer->length / transfer->segments);
    }
    floor.avail[2 + DEPTH] = (uint16_t)(floor.index - 1); /* one interrupt, for the last */
    __atomic_store_n(&floor.avail[1], floor.index, __ATOMIC_RELEASE);
    cpu_dmb_sy();
    mmio_write32(floor.registers, MMIO_QUEUE_NOTIFY, 0);
    do {
        cpu_wfi();
        const uint32_t token = gic_take(v3, floor.gic);

        mmio_write32(floor.registers, MMIO_INTERRUPT_ACK,
                     mmio_read32(floor.registers, MMIO_INTERRUPT_STATUS));
        gic_end(v3, floor.gic, token);
    } while (__atomic_load_n(&floor.used[1], __ATOMIC_ACQUIRE) != floor.index);
    for (unsigned i = 0; i < transfer->requests; i++) {
        KERNEL_CHECK(floor.frames[i].status.value == VIRTIO_BLK_S_OK);
    }
}

static void floor_transfer_v2(void *context)
{
    floor_transfer(context, false);
}

static void floor_transfer_v3(void *context)
{
    floor_transfer(context, true);
}

static void *floor_pages(size_t bytes)
{
    const struct page_request request = {.count = (bytes + PAGE_MASK) >> PAGE_SHIFT,
                                         .owner = PAGE_OWNER_DRIVER};
    paddr_t first;

    KERNEL_CHECK(page_alloc_run(&request, &first) == KERN_SUCCESS);
    return phys_to_virt(first);
}

/* Take the device from the disk driver, which gets it back by a reset. */
static void floor_attach(void)
{
    const uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
    const struct virtq_setup setup = {
        .size = DEPTH, .chain_entries = 1, .doorbell = virtio_doorbell(disk->device, 0)};

    if (floor.queue == NULL) {
        floor.gic = gic_registers();
        KERNEL_CHECK(virtq_create(&setup, &floor.queue) == kIOReturnSuccess);
        floor.registers = ((struct mmio_device *)disk->device)->registers;
        floor.tables = floor_pages(DEPTH * sizeof(floor.tables[0]));
        floor.frames = floor_pages(DEPTH * sizeof(floor.frames[0]));
    }
    virtq_restart(floor.queue);
    floor.desc = phys_to_virt(virtq_desc_address(floor.queue));
    floor.avail = phys_to_virt(virtq_avail_address(floor.queue));
    floor.used = phys_to_virt(virtq_used_address(floor.queue));
    floor.index = 0;
    KERNEL_CHECK(virtio_negotiate(disk->device, features, features) == kIOReturnSuccess);
    KERNEL_CHECK(virtio_start_queue(disk->device, floor.queue) == kIOReturnSuccess);
    KERNEL_CHECK(virtio_ready(disk->device) == kIOReturnSuccess);
}

static uint64_t floor_measure(struct transfer *transfer)
{
    const uint64_t features = disk->device->features;
    uint64_t measured;
    const irq_state_t state = irq_mask();

    floor_attach();
    measured =
        bench_calls(floor.gic != NULL ? floor_transfer_v2 : floor_transfer_v3, transfer, ROUNDS);
    disk->device->features = features;
    KERNEL_CHECK(virtio_blk_reset(disk) == kIOReturnSuccess);
    irq_restore(state);
    return measured;
}

/* --- Rows ------------------------------------------------------------------------------------- */

static bool ready(struct bench_result *result)
{
    disk = virtio_blk_get(0);
    if (disk == NULL) {
        result->skipped = "no disk";
        return false;
    }
    make_memory();
    return true;
}

static void measure(struct bench_result *result, struct transfer transfer)
{
    result->operations = ROUNDS * transfer.requests;
    /* One interrupt a batch: or it depends on the host how many there are. */
    virtio_blk_gather_interrupts(disk, transfer.requests);
    result->measured =
        bench_calls(transfer.requests == 1 ? read_one : read_batch, &transfer, ROUNDS);
    result->floor = floor_measure(&transfer);
}

static void bench_4k(struct bench_result *result)
{
    if (ready(result)) {
        measure(result, (struct transfer){contiguous, 4096, 1, 1, 0});
    }
}

static void bench_4k_batch(struct bench_result *result)
{
    if (ready(result)) {
        measure(result, (struct transfer){contiguous, 4096, DEPTH, 1, 0});
    }
}

static void bench_1m(struct bench_result *result)
{
    if (ready(result)) {
        measure(result, (struct transfer){contiguous, MIB, 1, 1, 0});
    }
}

static void bench_1m_pages(struct bench_result *result)
{
    if (ready(result)) {
        measure(result, (struct transfer){scattered, MIB, 1, MIB_PAGES, 0});
    }
}

/* Another window of the 1 MiB, and another sector, each time: nothing that could be remembered. */
static void read_somewhere(void *context)
{
    struct transfer *transfer = context;
    const uint64_t pages = transfer->length / PAGE_SIZE;
    const uint64_t page = transfer->turn * 37 % (MIB_PAGES - pages + 1);

    transfer->turn++;
    KERNEL_CHECK(virtio_blk_read(disk, transfer->memory, page * PAGE_SIZE, page * 5,
                                 transfer->length) == kIOReturnSuccess);
}

static void measure_somewhere(struct bench_result *result, struct transfer transfer)
{
    if (ready(result)) {
        transfer.memory = scattered;
        result->operations = ROUNDS;
        virtio_blk_gather_interrupts(disk, 1);
        result->measured = bench_calls(read_somewhere, &transfer, ROUNDS);
        result->floor = floor_measure(&transfer);
    }
}

static void bench_4k_window(struct bench_result *result)
{
    measure_somewhere(result, (struct transfer){.length = 4096, .requests = 1, .segments = 1});
}

static void bench_64k_window(struct bench_result *result)
{
    measure_somewhere(result, (struct transfer){.length = 65536, .requests = 1, .segments = 16});
}

/* What 62 segments more cost, for each of them; one alone would go a shorter way. */
static void bench_segment(struct bench_result *result)
{
    struct bench_result few = {0}, many = {0};

    if (!ready(result)) {
        return;
    }
    measure(&few, (struct transfer){scattered, 2 * PAGE_SIZE, 1, 2, 0});
    measure(&many, (struct transfer){scattered, 64 * PAGE_SIZE, 1, 64, 0});
    result->operations = ROUNDS * 62;
    result->measured = many.measured - few.measured;
    result->floor = many.floor - few.floor;
}

static void bench_prepare(struct bench_result *result)
{
    static IOAddressRange range;

    if (!ready(result)) {
        return;
    }
    range = (IOAddressRange){(uint64_t)phys_to_virt(run), PAGE_SIZE};

    struct transfer transfer = {IOMemoryDescriptor_withAddressRange(range.address, range.length,
                                                                    kIODirectionIn, kernel_task),
                                4096, 1, 1, 0};

    KERNEL_CHECK(transfer.memory != NULL);
    result->operations = ROUNDS;
    result->measured = bench_calls(prepare_read_complete, &transfer, ROUNDS);
    result->floor = floor_measure(&transfer); /* of the read alone */
    OSObject_release(transfer.memory);
}

/* Doorbells or interrupts of ROUNDS transfers. */
static uint64_t count_events(unsigned depth, bool interrupts)
{
    struct transfer transfer = {contiguous, 4096, depth, 1, 0};
    struct virtq_counters before, after;

    virtio_blk_gather_interrupts(disk, depth);
    virtio_blk_get_counters(disk, &before);
    for (unsigned i = 0; i < ROUNDS; i++) {
        (depth == 1 ? read_one : read_batch)(&transfer);
    }
    virtio_blk_get_counters(disk, &after);
    return interrupts ? after.interrupts - before.interrupts : after.doorbells - before.doorbells;
}

static void bench_events(struct bench_result *result, unsigned depth, bool interrupts)
{
    if (!ready(result)) {
        return;
    }
    result->operations = ROUNDS * depth;
    result->measured = count_events(depth, interrupts);
}

static void bench_doorbells_1(struct bench_result *result)
{
    bench_events(result, 1, false);
}

static void bench_doorbells_32(struct bench_result *result)
{
    bench_events(result, DEPTH, false);
}

static void bench_interrupts_1(struct bench_result *result)
{
    bench_events(result, 1, true);
}

static void bench_interrupts_32(struct bench_result *result)
{
    bench_events(result, DEPTH, true);
}

/* Must be the first row: the first read of the image, and nothing that is made for other rows. */
static void bench_first_read(struct bench_result *result)
{
    static uint8_t page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    IOAddressRange range = {(uint64_t)page, sizeof(page)};
    struct transfer transfer = {.length = sizeof(page)};

    bench_start();
    disk = virtio_blk_get(0);
    if (disk == NULL) {
        result->skipped = "no disk";
        return;
    }
    transfer.memory = describe(&range, 1);
    read_one(&transfer);
    result->measured = bench_reset_to_main() + bench_stop();
    IOMemoryDescriptor_complete(transfer.memory, kIODirectionNone);
    OSObject_release(transfer.memory);
}

static const struct bench rows[] = {
    {.id = "first",
     .goal_row = "10",
     .name = "reset to the first completed read",
     .goal = 210000,
     .run = bench_first_read},
    {.id = "4k",
     .goal_row = "1",
     .name = "4 KiB read, one at a time",
     .goal = 280,
     .run = bench_4k},
    {.id = "4k-batch",
     .goal_row = "2",
     .name = "4 KiB read, 32 per doorbell, each",
     .goal = 140,
     .run = bench_4k_batch},
    {.id = "segment",
     .goal_row = "3",
     .name = "one more scattered segment, end to end",
     .goal = 18,
     .run = bench_segment},
    {.id = "1m", .goal_row = "7", .name = "1 MiB read, one segment", .goal = 280, .run = bench_1m},
    {.id = "1m-pages",
     .goal_row = "7",
     .name = "1 MiB read, 256 segments",
     .goal = 4600,
     .run = bench_1m_pages},
    {.id = "4k-window",
     .goal_row = "1b",
     .name = "4 KiB read, another window of 256 scattered pages each time",
     .goal = 350,
     .run = bench_4k_window},
    {.id = "prepare",
     .goal_row = "1c",
     .name = "4 KiB read with prepare and complete; floor of the read",
     .goal = 650,
     .run = bench_prepare},
    {.id = "64k-window",
     .goal_row = "3b",
     .name = "64 KiB read in 16 segments, another window each time",
     .goal = 600,
     .run = bench_64k_window},
    {.id = "doorbells-1",
     .name = "doorbells per request, one at a time",
     .unit = "doorbells",
     .run = bench_doorbells_1},
    {.id = "doorbells-32",
     .name = "doorbells per request, 32 in flight",
     .unit = "doorbells",
     .run = bench_doorbells_32},
    {.id = "interrupts-1",
     .name = "interrupts per request, one at a time",
     .unit = "interrupts",
     .run = bench_interrupts_1},
    {.id = "interrupts-32",
     .name = "interrupts per request, 32 in flight",
     .unit = "interrupts",
     .run = bench_interrupts_32},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
