/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies by vdma, in instructions of EL1: the device itself is EL2's, which the counter leaves
 * out. Beside them the least that a driver of this device could do; who else moves bytes is in
 * movers.c, and what a trap to EL2 costs in traps.c.
 */
#include <string.h>

#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "drivers/vdma/vdma_private.h"
#include "drivers/virtio/transport_mmio.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/pmu.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/bench/bench.h"
#include "tests/bench/gic.h"

#define ROUNDS 20 /* few: a goal that is missed is profiled, with all that EL2 does */
#define DEPTH  32
#define KIB    1024u
#define MIB    (1u << 20)

VDMA_MONITOR(8);

/* --- Memory ----------------------------------------------------------------------------------- */

static uint8_t *from, *to; /* 2 MiB each: requests of a batch may share bytes, but not write them */

static uint8_t *area(uint64_t bytes)
{
    const struct page_request request = {.count = bytes >> PAGE_SHIFT, .owner = PAGE_OWNER_IMAGE};
    paddr_t run;

    KERNEL_CHECK(page_alloc_run(&request, &run) == KERN_SUCCESS);
    return phys_to_virt(run);
}

static IOMemoryDescriptor *describe(const uint8_t *bytes, uint64_t length, IODirection direction)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRange((uint64_t)bytes, length, direction, kernel_task);

    KERNEL_CHECK(memory != NULL);
    KERNEL_CHECK(IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess);
    return memory;
}

/* --- The stack -------------------------------------------------------------------------------- */

struct side {
    struct vdma_transfer transfer;
    IODMACommand *command;
    IOMemoryDescriptor *memory;
};

static struct {
    OSArray *owner;
    IOWorkLoop *loop;
    IODMAEventSource *source;
    unsigned depth;
    volatile unsigned arrived;
    struct side sources[DEPTH], targets[DEPTH];
} client;

static void arrive(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                   IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    (void)owner, (void)source, (void)command, (void)bytes, (void)when;
    KERNEL_CHECK(status == kIOReturnSuccess);
    client.arrived++;
    if (client.arrived == client.depth) {
        IOWorkLoop_wakeupGate(client.loop, &client, false);
    }
}

/* The driver alone, without engine and work loop: the first pair, asked for and slept for. */
static void copy_by_driver(void *context)
{
    static struct vdma_transfer transfer;
    const uint64_t length = *(const uint64_t *)context;

    transfer.type = VDMA_COPY;
    transfer.source = (struct vdma_place){.command = client.sources[0].command};
    transfer.target = (struct vdma_place){.command = client.targets[0].command};
    transfer.length = length;
    KERNEL_CHECK(vdma_submit_and_wait(&transfer) == kIOReturnSuccess);
}

/* What is prepared is started, and slept for until the work loop has delivered all of it. */
static void copy_all(void *context)
{
    irq_state_t state;

    (void)context;
    client.arrived = 0;
    state = irq_mask();
    IOWorkLoop_closeGate(client.loop);
    if (client.depth > 1) {
        vdma_hold_doorbell(true);
    }
    for (unsigned i = 0; i < client.depth; i++) {
        KERNEL_CHECK(IODMAEventSource_startDMACommand(client.source, client.targets[i].command,
                                                      kIODirectionIn, 0, 0) == kIOReturnSuccess);
    }
    if (client.depth > 1) {
        vdma_hold_doorbell(false);
    }
    while (client.arrived < client.depth) {
        IOWorkLoop_sleepGate(client.loop, &client, THREAD_UNINT);
    }
    IOWorkLoop_openGate(client.loop);
    irq_restore(state);
}

static bool ready(struct bench_result *result)
{
    if (!vdma_present()) {
        result->skipped = "no vdma: not entered at EL2";
        return false;
    }
    if (client.source == NULL) {
        from = area(MIB);
        to = area(DEPTH * MIB);
        client.owner = OSArray_withCapacity(1);
        client.loop = IOWorkLoop_workLoop();
        client.source = IODMAEventSource_dmaEventSource(OSObject_upcast(client.owner),
                                                        vdma_get_service(), arrive, NULL, 0);
        KERNEL_CHECK(client.source != NULL);
        KERNEL_CHECK(IOWorkLoop_addEventSource(client.loop, client.source) == kIOReturnSuccess);
    }
    return true;
}

static void begin_side(struct side *side, const uint8_t *bytes, uint64_t length,
                       IODirection direction)
{
    side->memory = describe(bytes, length, direction);
    side->command = vdma_create_command(NULL, kMapped, &side->transfer);
    KERNEL_CHECK(IODMACommand_setMemoryDescriptor(side->command, side->memory, true) ==
                 kIOReturnSuccess);
}

static void begin(uint64_t length, unsigned depth)
{
    client.depth = depth;
    for (unsigned i = 0; i < depth; i++) {
        begin_side(&client.sources[i], from, length, kIODirectionOut);
        begin_side(&client.targets[i], to + i * length, length, kIODirectionIn);
        client.targets[i].transfer.type = VDMA_COPY;
        client.targets[i].transfer.other = client.sources[i].command;
    }
}

static void end_side(struct side *side)
{
    OSObject_release(side->command); /* completed with it */
    IOMemoryDescriptor_complete(side->memory, kIODirectionNone);
    OSObject_release(side->memory);
}

static void end(void)
{
    for (unsigned i = 0; i < client.depth; i++) {
        KERNEL_CHECK(IODMACommand_complete(client.sources[i].command, true, true) ==
                     kIOReturnSuccess);
        KERNEL_CHECK(IODMACommand_complete(client.targets[i].command, true, true) ==
                     kIOReturnSuccess);
        end_side(&client.sources[i]);
        end_side(&client.targets[i]);
    }
}

/* --- The floor -------------------------------------------------------------------------------- */

static struct {
    volatile void *gic, *registers;
    struct virtq *queue;
    struct virtq_desc *desc;
    volatile uint16_t *avail; /* flags, index, ring */
    volatile uint16_t *used;
    struct virtq_desc (*tables)[4];
    struct vdma_frame *frames;
    uint16_t index;
    unsigned depth;
    uint32_t length;
} floor;

static inline struct virtq_desc floor_entry(uint64_t address, uint64_t length, uint64_t flags,
                                            uint64_t next)
{
    return (struct virtq_desc){address, length | flags << 32 | next << 48};
}

static inline __attribute__((always_inline)) void floor_submit(unsigned slot)
{
    struct virtq_desc *table = floor.tables[slot];
    struct vdma_frame *frame = &floor.frames[slot];

    frame->request.type = VDMA_COPY; /* the rest of it is 0 */
    frame->status.code = VDMA_STATUS_UNWRITTEN;
    table[0] = floor_entry(virt_to_phys(&frame->request).value, 64, VIRTQ_NEXT, 1);
    table[1] = floor_entry(virt_to_phys(from).value, floor.length, VIRTQ_NEXT, 2);
    table[2] = floor_entry(virt_to_phys(to).value + (uint64_t)slot * floor.length, floor.length,
                           VIRTQ_NEXT | VIRTQ_WRITE, 3);
    table[3] = floor_entry(virt_to_phys(&frame->status).value, 32, VIRTQ_WRITE, 0);
    floor.desc[slot] =
        floor_entry(virt_to_phys(table).value, sizeof(floor.tables[0]), VIRTQ_INDIRECT, 0);
    floor.avail[2 + floor.index % DEPTH] = (uint16_t)slot;
    floor.index++;
}

static inline __attribute__((always_inline)) void floor_copy(void *context, bool v3)
{
    (void)context;
    for (unsigned i = 0; i < floor.depth; i++) {
        floor_submit(i);
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
    for (unsigned i = 0; i < floor.depth; i++) {
        KERNEL_CHECK(floor.frames[i].status.code == VDMA_STATUS_OK);
    }
}

static void floor_copy_v2(void *context)
{
    floor_copy(context, false);
}

static void floor_copy_v3(void *context)
{
    floor_copy(context, true);
}

/* Take the device from its driver, which gets it back by a reset. */
static void floor_attach(void)
{
    const uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
    struct virtq_setup setup = {.size = DEPTH, .chain_entries = 1};

    if (floor.queue == NULL) {
        floor.registers = ((struct mmio_device *)vdma_state.device)->registers;
        setup.doorbell = (volatile char *)floor.registers + MMIO_QUEUE_NOTIFY;
        floor.gic = gic_registers();
        KERNEL_CHECK(virtq_create(&setup, &floor.queue) == kIOReturnSuccess);
        floor.tables = (void *)area(PAGE_SIZE);
        floor.frames = (void *)area(PAGE_SIZE);
        memset(floor.frames, 0, PAGE_SIZE);
    }
    virtq_restart(floor.queue);
    floor.desc = phys_to_virt(virtq_desc_address(floor.queue));
    floor.avail = phys_to_virt(virtq_avail_address(floor.queue));
    floor.used = phys_to_virt(virtq_used_address(floor.queue));
    floor.index = 0;
    KERNEL_CHECK(virtio_negotiate(vdma_state.device, features, features) == kIOReturnSuccess);
    KERNEL_CHECK(virtio_start_queue(vdma_state.device, floor.queue) == kIOReturnSuccess);
    KERNEL_CHECK(virtio_ready(vdma_state.device) == kIOReturnSuccess);
}

static uint64_t floor_measure(uint64_t length, unsigned depth)
{
    const uint64_t features = vdma_state.device->features;
    uint64_t measured;
    irq_state_t state;

    floor.length = (uint32_t)length;
    floor.depth = depth;
    state = irq_mask();
    floor_attach();
    measured = bench_calls(floor.gic != NULL ? floor_copy_v2 : floor_copy_v3, NULL, ROUNDS);
    vdma_state.device->features = features;
    KERNEL_CHECK(vdma_reset() == kIOReturnSuccess);
    irq_restore(state);
    return measured;
}

/* --- Rows: copies ----------------------------------------------------------------------------- */

static void measure_driver(struct bench_result *result, uint64_t length)
{
    if (!ready(result)) {
        return;
    }
    begin(length, 1);
    result->operations = ROUNDS;
    result->measured = bench_calls(copy_by_driver, &length, ROUNDS);
    end();
    result->floor = floor_measure(length, 1);
}

static void driver_4k(struct bench_result *result)
{
    measure_driver(result, 4 * KIB);
}

static void driver_1m(struct bench_result *result)
{
    measure_driver(result, MIB);
}

static void measure(struct bench_result *result, uint64_t length, unsigned depth)
{
    if (!ready(result)) {
        return;
    }
    begin(length, depth);
    result->operations = ROUNDS * depth;
    result->measured = bench_calls(copy_all, NULL, ROUNDS);
    end();
    result->floor = floor_measure(length, depth);
}

static void copy_4k(struct bench_result *result)
{
    measure(result, 4 * KIB, 1);
}

static void copy_64k(struct bench_result *result)
{
    measure(result, 64 * KIB, 1);
}

static void copy_1m(struct bench_result *result)
{
    measure(result, MIB, 1);
}

static void copy_4k_batch(struct bench_result *result)
{
    measure(result, 4 * KIB, DEPTH);
}

static void copy_64k_batch(struct bench_result *result)
{
    measure(result, 64 * KIB, DEPTH);
}

static void copy_1m_batch(struct bench_result *result)
{
    measure(result, MIB, DEPTH);
}

/* Of ROUNDS transfers at this depth. */
static void count_events(struct bench_result *result, unsigned depth, bool interrupts)
{
    struct virtq_counters before, after;

    if (!ready(result)) {
        return;
    }
    begin(4 * KIB, depth);
    vdma_get_counters(&before);
    for (unsigned i = 0; i < ROUNDS; i++) {
        copy_all(NULL);
    }
    vdma_get_counters(&after);
    end();
    result->operations = after.requests - before.requests;
    result->measured =
        interrupts ? after.interrupts - before.interrupts : after.doorbells - before.doorbells;
}

static void doorbells(struct bench_result *result)
{
    count_events(result, 1, false);
}

static void doorbells_batch(struct bench_result *result)
{
    count_events(result, DEPTH, false);
}

static void interrupts(struct bench_result *result)
{
    count_events(result, 1, true);
}

static void interrupts_batch(struct bench_result *result)
{
    count_events(result, DEPTH, true);
}

/* A whole copy with the device's own part, of which most is the memory's. */
static void copy_4k_el2(struct bench_result *result)
{
    if (!ready(result)) {
        return;
    }
    begin(4 * KIB, 1);
    result->operations = ROUNDS;
    result->measured = bench_calls_with_el2(copy_all, NULL, ROUNDS);
    end();
}

/* --- The rows --------------------------------------------------------------------------------- */

static const struct bench rows[] = {
    {.id = "driver-4k",
     .goal_row = "V",
     .name = "vdma: 4 KiB copied by its driver",
     .goal = 320,
     .run = driver_4k},
    {.id = "driver-1m",
     .goal_row = "V",
     .name = "vdma: 1 MiB copied by its driver",
     .run = driver_1m},
    {.id = "copy-4k",
     .goal_row = "V",
     .name = "vdma: 4 KiB copied by command, one at a time",
     .run = copy_4k},
    {.id = "copy-64k",
     .goal_row = "V",
     .name = "vdma: 64 KiB copied by command, one at a time",
     .run = copy_64k},
    {.id = "copy-1m",
     .goal_row = "V",
     .name = "vdma: 1 MiB copied by command, one at a time",
     .run = copy_1m},
    {.id = "copy-4k-batch",
     .goal_row = "V",
     .name = "vdma: 4 KiB copied by command, 32 per doorbell, each",
     .run = copy_4k_batch},
    {.id = "copy-64k-batch",
     .goal_row = "V",
     .name = "vdma: 64 KiB copied by command, 32 per doorbell, each",
     .run = copy_64k_batch},
    {.id = "copy-1m-batch",
     .goal_row = "V",
     .name = "vdma: 1 MiB copied by command, 32 per doorbell, each",
     .run = copy_1m_batch},
    {.id = "doorbells",
     .goal_row = "V",
     .name = "vdma: doorbells per request, one at a time",
     .unit = "doorbells",
     .goal = 1,
     .run = doorbells},
    {.id = "doorbells-batch",
     .goal_row = "V",
     .name = "vdma: the same, 32 at once",
     .unit = "doorbells",
     .run = doorbells_batch},
    {.id = "interrupts",
     .goal_row = "V",
     .name = "vdma: interrupts per request, one at a time",
     .unit = "interrupts",
     .goal = 1,
     .run = interrupts},
    {.id = "interrupts-batch",
     .goal_row = "V",
     .name = "vdma: the same, 32 at once",
     .unit = "interrupts",
     .run = interrupts_batch},
    {.id = "copy-4k-el2",
     .goal_row = "V",
     .name = "vdma: 4 KiB copied, EL1 and EL2",
     .run = copy_4k_el2},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
