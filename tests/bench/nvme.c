/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe reads by DMA commands that are prepared already: start, interrupt, delivery on the work
 * loop; and how often the controller is told of them.
 */
#include "drivers/nvme/nvme.h"

#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "kernel/irq.h"
#include "kernel/panic.h"
#include "tests/bench/bench.h"

#define ROUNDS 200
#define DEPTH  32
#define BYTES  4096

static struct nvme_namespace *disk;
static IOWorkLoop *loop;
static IODMAEventSource *source;
static struct nvme_transfer transfers[DEPTH];
static IODMACommand *commands[DEPTH];
static unsigned ended;

static void arrive(OSObject *owner, IODMAEventSource *from, IODMACommand *command, IOReturn status,
                   IOByteCount bytes, AbsoluteTime when)
{
    (void)owner, (void)from, (void)command, (void)when;
    KERNEL_CHECK(status == kIOReturnSuccess && bytes == BYTES);
    ended++;
    IOWorkLoop_wakeupGate(loop, &ended, false);
}

static void make_commands(enum nvme_format format)
{
    IOBufferMemoryDescriptor *memory =
        IOBufferMemoryDescriptor_withCapacity(BYTES, kIODirectionIn, false);

    KERNEL_CHECK(memory != NULL);
    for (unsigned i = 0; i < DEPTH; i++) {
        if (commands[i] != NULL) {
            KERNEL_CHECK(IODMACommand_complete(commands[i], true, true) == kIOReturnSuccess);
            OSObject_release(commands[i]);
        }
        commands[i] = nvme_create_command(disk, format, NULL, kMapped, &transfers[i]);
        KERNEL_CHECK(commands[i] != NULL);
        KERNEL_CHECK(IODMACommand_setMemoryDescriptor(commands[i], memory, true) ==
                     kIOReturnSuccess);
        transfers[i].block = 8 * i;
    }
    OSObject_release(memory);
}

static bool ready(struct bench_result *result, enum nvme_format format)
{
    if (source == NULL && nvme_count() != 0) {
        disk = nvme_get(0);
        loop = IOWorkLoop_workLoop();
        source = IODMAEventSource_dmaEventSource(OSObject_upcast(OSArray_withCapacity(1)),
                                                 nvme_get_service(disk), arrive, NULL, 0);
        KERNEL_CHECK(source != NULL);
        KERNEL_CHECK(IOWorkLoop_addEventSource(loop, source) == kIOReturnSuccess);
    }
    if (source == NULL) {
        result->skipped = "no NVMe disk";
        return false;
    }
    make_commands(format);
    return true;
}

static void read_some(void *context)
{
    const unsigned count = *(const unsigned *)context;
    /* Before they are started, or it depends on the host where the interrupt comes. */
    const irq_state_t state = irq_mask();

    ended = 0;
    IOWorkLoop_closeGate(loop);
    nvme_hold_doorbell(disk, 0, true);
    for (unsigned i = 0; i < count; i++) {
        KERNEL_CHECK(IODMAEventSource_startDMACommand(source, commands[i], kIODirectionIn, 0, 0) ==
                     kIOReturnSuccess);
    }
    nvme_hold_doorbell(disk, 0, false);
    while (ended < count) {
        IOWorkLoop_sleepGate(loop, &ended, THREAD_UNINT);
    }
    IOWorkLoop_openGate(loop);
    irq_restore(state);
}

static void measure(struct bench_result *result, enum nvme_format format, unsigned depth)
{
    if (ready(result, format)) {
        result->operations = ROUNDS * depth;
        result->measured = bench_calls(read_some, &depth, ROUNDS);
    }
}

static void bench_prp_1(struct bench_result *result)
{
    measure(result, NVME_PRP, 1);
}

static void bench_prp_32(struct bench_result *result)
{
    measure(result, NVME_PRP, DEPTH);
}

static void bench_sgl_1(struct bench_result *result)
{
    measure(result, NVME_SGL, 1);
}

static void bench_sgl_32(struct bench_result *result)
{
    measure(result, NVME_SGL, DEPTH);
}

static void count_doorbells(struct bench_result *result, unsigned depth)
{
    struct nvme_counters before, after;

    if (!ready(result, NVME_PRP)) {
        return;
    }
    nvme_get_counters(disk, 0, &before);
    for (unsigned i = 0; i < ROUNDS; i++) {
        read_some(&depth);
    }
    nvme_get_counters(disk, 0, &after);
    result->operations = ROUNDS * depth;
    result->measured =
        after.doorbells - before.doorbells + after.acknowledged - before.acknowledged;
}

static void bench_doorbells_1(struct bench_result *result)
{
    count_doorbells(result, 1);
}

static void bench_doorbells_32(struct bench_result *result)
{
    count_doorbells(result, DEPTH);
}

/* QEMU's controller answers the 32 in as many interrupts as its host makes of them. */
#define ABOUT "instructions, about"

static const struct bench rows[] = {
    {.id = "prp", .name = "4 KiB NVMe read, one at a time, PRP", .run = bench_prp_1},
    {.id = "prp-batch",
     .name = "4 KiB NVMe read, 32 per doorbell, each, PRP",
     .unit = ABOUT,
     .run = bench_prp_32},
    {.id = "sgl", .name = "4 KiB NVMe read, one at a time, SGL", .run = bench_sgl_1},
    {.id = "sgl-batch",
     .name = "4 KiB NVMe read, 32 per doorbell, each, SGL",
     .unit = ABOUT,
     .run = bench_sgl_32},
    {.id = "nvme-doorbells-1",
     .name = "NVMe doorbells per request, both kinds, one at a time",
     .unit = "doorbells",
     .run = bench_doorbells_1},
    {.id = "nvme-doorbells-32",
     .name = "NVMe doorbells per request, both kinds, 32 in flight",
     .unit = "doorbells",
     .run = bench_doorbells_32},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
