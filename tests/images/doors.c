/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast vdma's doors are as disks, beside QEMU's own: reads by one driver of one machine, in one
 * run, so that the ratios say something (tests/runner/doors.sh). The disks: "qemu", QEMU's;
 * "process", vdma beside QEMU; and vdma beneath this image, at EL2.
 *
 * Times are the host's. Nothing is asserted but that every read ends well.
 */
#include <stdio.h>
#include <stdlib.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "drivers/virtio/blk.h"
#include "kernel/irq.h"
#include "kernel/timer.h"
#include "qemu/vdma/monitor/monitor.h"

#define DEPTH_MAX 32u
#define BYTES_MAX (1u << 20)
#define DISKS     3u
#define TURNS     8u

VDMA_MONITOR(BYTES_MAX / 512);

static struct virtio_blk_request requests[DEPTH_MAX];
static unsigned arrived, failed;

static void arrive(struct virtio_blk_request *request)
{
    arrived++;
    failed += request->status != kIOReturnSuccess;
}

/* So many at once, into places of their own, and all awaited. */
static void read_at_once(struct virtio_blk *disk, IOMemoryDescriptorRef memory, unsigned depth,
                         uint32_t bytes)
{
    irq_state_t state;

    arrived = 0;
    for (unsigned i = 0; i < depth; i++) {
        virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, memory, (uint64_t)i * bytes, 0,
                                bytes);
        requests[i].completion = arrive;
    }
    if (virtio_blk_submit_list(disk, requests, depth, NULL) != kIOReturnSuccess) {
        failed++;
        return;
    }
    state = irq_mask();
    while (arrived < depth) {
        irq_wait();
    }
    irq_restore(state);
}

/* Nanoseconds of one request, the mean of so many rounds; the first one is not counted. */
static uint64_t measure(struct virtio_blk *disk, IOMemoryDescriptorRef memory, unsigned depth,
                        uint32_t bytes, unsigned rounds)
{
    uint64_t start;

    read_at_once(disk, memory, depth, bytes);
    start = timer_now();
    for (unsigned i = 0; i < rounds && failed == 0; i++) {
        read_at_once(disk, memory, depth, bytes);
    }
    return (timer_now() - start) / (rounds * depth);
}

/* In hundredths of the second one's speed. */
static void print_ratio(uint64_t one, uint64_t other)
{
    const uint64_t hundredths = one != 0 ? other * 100 / one : 0;

    printf("  %6llu.%02llu", (unsigned long long)(hundredths / 100),
           (unsigned long long)(hundredths % 100));
}

int main(void)
{
    static const struct {
        uint32_t bytes;
        unsigned depth, rounds;
    } rows[] = {{4096, 1, 400}, {4096, 32, 40}, {BYTES_MAX, 1, 20}, {BYTES_MAX, 32, 1}};
    struct virtio_blk *const disks[DISKS] = {virtio_blk_find("qemu"), virtio_blk_find("process"),
                                             virtio_blk_of_vdma()};
    IOBufferMemoryDescriptor *memory =
        IOBufferMemoryDescriptor_withCapacity(DEPTH_MAX * BYTES_MAX, kIODirectionIn, true);

    if (disks[0] == NULL || disks[1] == NULL || disks[2] == NULL || memory == NULL ||
        IOMemoryDescriptor_prepare(memory, kIODirectionIn) != kIOReturnSuccess) {
        puts("doors: a disk is missing, or memory; make doors has them");
        return 2;
    }
    puts("reads of one disk each          us a request                     speed, QEMU's is 1\n"
         " bytes  at once      QEMU   process       EL2     process       EL2   process/EL2");
    for (unsigned row = 0; row < sizeof(rows) / sizeof(rows[0]) && failed == 0; row++) {
        uint64_t ns[DISKS] = {0};

        /* The best of some turns: what else this host does is nobody's here. */
        for (unsigned turn = 0; turn < TURNS * DISKS; turn++) {
            const unsigned i = turn % DISKS;
            const uint64_t now =
                measure(disks[i], memory, rows[row].depth, rows[row].bytes, rows[row].rounds);

            ns[i] = ns[i] == 0 || now < ns[i] ? now : ns[i];
        }
        printf("%6u  %7u", rows[row].bytes, rows[row].depth);
        for (unsigned i = 0; i < DISKS; i++) {
            printf("  %8.1f", (double)ns[i] / 1000);
        }
        printf("  ");
        print_ratio(ns[1], ns[0]);
        print_ratio(ns[2], ns[0]);
        printf("  ");
        print_ratio(ns[1], ns[2]);
        printf("\n");
    }
    IOMemoryDescriptor_complete(memory, kIODirectionIn);
    OSObject_release(memory);
    if (failed != 0) {
        puts("doors: a read failed");
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
