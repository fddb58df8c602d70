/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who else moves bytes, where vdma could: the CPU's own memcpy, and reads of a disk beneath the
 * monitor that does nothing but answer.
 */
#include <string.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/bench/bench.h"

#define ROUNDS 20
#define KIB    1024u
#define MIB    (1u << 20)

VDMA_MONITOR(8);

static uint8_t *from, *to; /* 1 MiB each */

static uint8_t *area(uint64_t bytes)
{
    const struct page_request request = {.count = bytes >> PAGE_SHIFT, .owner = PAGE_OWNER_IMAGE};
    paddr_t run;

    KERNEL_CHECK(page_alloc_run(&request, &run) == KERN_SUCCESS);
    return phys_to_virt(run);
}

static void ready(void)
{
    if (from == NULL) {
        from = area(MIB);
        to = area(MIB);
    }
}

/* --- The CPU ---------------------------------------------------------------------------------- */

static void copy_by_cpu(void *context)
{
    /* Volatile, or the compiler would know what is copied and that nobody looks. */
    void *(*volatile copy)(void *, const void *, size_t) = memcpy;

    copy(to, from, *(const size_t *)context);
}

static void measure_cpu(struct bench_result *result, size_t length)
{
    ready();
    result->operations = 10;
    result->measured = bench_calls(copy_by_cpu, &length, 10);
}

static void cpu_4k(struct bench_result *result)
{
    measure_cpu(result, 4 * KIB);
}

static void cpu_64k(struct bench_result *result)
{
    measure_cpu(result, 64 * KIB);
}

static void cpu_1m(struct bench_result *result)
{
    measure_cpu(result, MIB);
}

/* --- A disk ----------------------------------------------------------------------------------- */

static struct virtio_blk *disk;
static struct virtio_blk_request request;
static uint64_t disk_length;
static IOMemoryDescriptor *memory;
static volatile bool arrived;

static void arrive(struct virtio_blk_request *ended)
{
    KERNEL_CHECK(ended->status == kIOReturnSuccess);
    arrived = true;
}

static void read_disk(void *context)
{
    /* Before it is submitted, or it depends on the host where the interrupt comes. */
    const irq_state_t state = irq_mask();

    (void)context;
    arrived = false;
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, disk_length);
    request.completion = arrive;
    KERNEL_CHECK(virtio_blk_submit_list(disk, &request, 1, NULL) == kIOReturnSuccess);
    while (!arrived) {
        irq_wait();
    }
    irq_restore(state);
}

static void measure_disk(struct bench_result *result, uint64_t length)
{
    disk = virtio_blk_get(0);
    if (disk == NULL) {
        result->skipped = "no disk";
        return;
    }
    ready();
    disk_length = length;
    memory = IOMemoryDescriptor_withAddressRange((uint64_t)to, length, kIODirectionIn, kernel_task);
    KERNEL_CHECK(memory != NULL);
    KERNEL_CHECK(IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess);
    result->operations = ROUNDS;
    result->measured = bench_calls(read_disk, NULL, ROUNDS);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
}

static void disk_4k(struct bench_result *result)
{
    measure_disk(result, 4 * KIB);
}

static void disk_64k(struct bench_result *result)
{
    measure_disk(result, 64 * KIB);
}

static void disk_1m(struct bench_result *result)
{
    measure_disk(result, MIB);
}

static const struct bench rows[] = {
    {.id = "cpu-4k", .goal_row = "V", .name = "memcpy of 4 KiB", .run = cpu_4k},
    {.id = "cpu-64k", .goal_row = "V", .name = "memcpy of 64 KiB", .run = cpu_64k},
    {.id = "cpu-1m", .goal_row = "V", .name = "memcpy of 1 MiB", .run = cpu_1m},
    {.id = "disk-4k", .goal_row = "V", .name = "beneath it a disk: 4 KiB read", .run = disk_4k},
    {.id = "disk-64k", .goal_row = "V", .name = "beneath it a disk: 64 KiB read", .run = disk_64k},
    {.id = "disk-1m", .goal_row = "V", .name = "beneath it a disk: 1 MiB read", .run = disk_1m},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
