/* SPDX-License-Identifier: BSD-2-Clause */
// FILE: source 1M words
// QEMU: -blockdev driver=raw,node-name=source,file.driver=file,file.filename=$FILES/source
// QEMU: -device virtio-blk-device,drive=source,serial=source
/*
 * The main job: move a file by scatter/gather DMA.
 *
 * The disk "source" holds the file. It is read, whole, into memory that is
 * contiguous nowhere, and the checksum of what arrived is printed in the form of
 * POSIX cksum. If there is a disk "target", a second pass reads the file into
 * other memory, scattered differently, and writes it from there.
 *
 * Bootargs: transfer.length=BYTES (exact length of the file; default: the whole
 * disk), transfer.progress=1 (a progress line).
 */
#include <stdlib.h>

#include "drivers/virtio/blk.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/exit.h"
#include "kernel/irq.h"
#include "tests/lib/copy_meter.h"
#include "tests/lib/machine_report.h"
#include "tests/lib/progress.h"
#include "tests/lib/ring_table.h"
#include "tests/lib/scatter.h"

#define WINDOW_BYTES (4u << 20)   /* of the file in memory at once; there are two */
#define PART_BYTES   (256u << 10) /* of one request */
#define PARTS        (WINDOW_BYTES / PART_BYTES)

/* A stretch of the file in scattered memory, and the requests that move it. */
struct window {
    struct scatter scatter;
    struct virtio_blk_request parts[PARTS];
    unsigned part_count; /* submitted and not yet waited for */
    uint64_t length;     /* bytes of the file in it */
};

struct transfer {
    struct virtio_blk *source;
    struct virtio_blk *target; /* NULL: only read */
    uint64_t length;           /* bytes of the file */
    bool progress;
    struct window windows[2]; /* one is filled while the CPU looks at the other */
};

static uint64_t whole_sectors(uint64_t bytes)
{
    return (bytes + VIRTIO_BLK_SECTOR - 1) / VIRTIO_BLK_SECTOR * VIRTIO_BLK_SECTOR;
}

/* Start moving the window's stretch, which begins at `position`; one doorbell for all of it. */
static IOReturn window_start(struct window *window, struct virtio_blk *disk,
                             enum virtio_blk_operation operation, uint64_t position)
{
    uint64_t bytes = whole_sectors(window->length);
    IOReturn status = kIOReturnSuccess;

    window->part_count = 0;
    for (uint64_t at = 0; at < bytes && status == kIOReturnSuccess; at += PART_BYTES) {
        struct virtio_blk_request *part = &window->parts[window->part_count];
        uint64_t length = bytes - at < PART_BYTES ? bytes - at : PART_BYTES;

        virtio_blk_request_init(part, operation, window->scatter.memory, at,
                                (position + at) / VIRTIO_BLK_SECTOR, length);
        status = virtio_blk_submit(disk, part);
        if (status == kIOReturnSuccess) {
            window->part_count++;
        }
    }
    virtio_blk_publish(disk);
    return status;
}

/* Sleep until everything that was started is done, even if some of it failed. */
static IOReturn window_wait(struct window *window)
{
    IOReturn status = kIOReturnSuccess;
    irq_state_t irq = irq_mask();

    for (unsigned i = 0; i < window->part_count; i++) {
        while (!window->parts[i].done) {
            irq_wait();
        }
        if (window->parts[i].status != kIOReturnSuccess) {
            status = window->parts[i].status;
        }
    }
    irq_restore(irq);
    window->part_count = 0;
    return status;
}

static uint64_t stretch(const struct transfer *transfer, uint64_t position)
{
    uint64_t left = transfer->length - position;

    return left < WINDOW_BYTES ? left : WINDOW_BYTES;
}

static IOReturn start_reading(struct transfer *transfer, struct window *window, uint64_t position)
{
    window->length = stretch(transfer, position);
    return window_start(window, transfer->source, VIRTIO_BLK_READ, position);
}

/* What is done with a window that has arrived. */
typedef IOReturn consumer_t(struct transfer *transfer, struct window *window, uint64_t position);

/*
 * Read the file from beginning to end: while one window is consumed, the other
 * is being filled. Adds what arrived to the checksum.
 */
static IOReturn for_each_window(struct transfer *transfer, const char *what, consumer_t *consume,
                                struct cksum *sum)
{
    struct progress progress = progress_begin(what, transfer->length, transfer->progress);
    IOReturn status = kIOReturnSuccess;
    unsigned turn = 0;

    if (transfer->length != 0) {
        status = start_reading(transfer, &transfer->windows[0], 0);
    }
    for (uint64_t at = 0; at < transfer->length && status == kIOReturnSuccess; turn ^= 1) {
        struct window *window = &transfer->windows[turn];
        uint64_t next = at + window->length;

        status = window_wait(window);
        if (status == kIOReturnSuccess && next < transfer->length) {
            status = start_reading(transfer, &transfer->windows[turn ^ 1], next);
        }
        if (status == kIOReturnSuccess) {
            scatter_cksum(&window->scatter, window->length, sum);
            status = consume(transfer, window, at);
        }
        at = next;
        progress_update(&progress, at);
    }
    for (unsigned i = 0; i < 2; i++) { /* after a failure something may still be under way */
        window_wait(&transfer->windows[i]);
    }
    progress_end(&progress);
    return status;
}

static IOReturn nothing_more(struct transfer *transfer, struct window *window, uint64_t position)
{
    (void)transfer;
    (void)window;
    (void)position;
    return kIOReturnSuccess;
}

static IOReturn write_out(struct transfer *transfer, struct window *window, uint64_t position)
{
    IOReturn status = window_start(window, transfer->target, VIRTIO_BLK_WRITE, position);
    IOReturn waited = window_wait(window);

    return status == kIOReturnSuccess ? waited : status;
}

/* Fresh windows of this scattering, as large as the file needs. */
static bool make_windows(struct transfer *transfer, uint32_t seed)
{
    uint64_t bytes = whole_sectors(stretch(transfer, 0));

    if (bytes == 0) {
        return true;
    }
    return scatter_create(&transfer->windows[0].scatter, bytes, seed) &&
           scatter_create(&transfer->windows[1].scatter, bytes, seed + 1);
}

static bool drop_windows(struct transfer *transfer)
{
    bool intact = true;

    for (unsigned i = 0; i < 2; i++) {
        intact &= scatter_canaries_intact(&transfer->windows[i].scatter);
        scatter_destroy(&transfer->windows[i].scatter);
    }
    return intact;
}

/* One pass over the file in memory scattered by `seed`; its checksum in *sum. */
static bool pass(struct transfer *transfer, const char *what, uint32_t seed, consumer_t *consume,
                 struct cksum *sum)
{
    IOReturn status = kIOReturnNoMemory;
    bool intact;

    if (make_windows(transfer, seed)) {
        copy_meter_start();
        status = for_each_window(transfer, what, consume, sum);
        copy_meter_stop();
    }
    intact = drop_windows(transfer);
    if (status != kIOReturnSuccess) {
        kprintf("transfer: %s failed: %s\n", what, IOReturn_name(status));
    } else if (!intact) {
        kprintf("transfer: %s: a device wrote outside the memory it was given\n", what);
    }
    return status == kIOReturnSuccess && intact;
}

static void print_counters(const char *name, struct virtio_blk *disk)
{
    struct virtq_counters counters;

    virtio_blk_get_counters(disk, &counters);
    kprintf("  %-7s %10llu requests %10llu segments %8llu doorbells %8llu interrupts\n", name,
            (unsigned long long)counters.requests, (unsigned long long)counters.segments,
            (unsigned long long)counters.doorbells, (unsigned long long)counters.interrupts);
}

static void print_totals(const struct transfer *transfer)
{
    kprintf("totals\n");
    print_counters("source", transfer->source);
    if (transfer->target != NULL) {
        print_counters("target", transfer->target);
    }
    kprintf("  copied by the CPU: %llu bytes\n", (unsigned long long)copy_meter_bytes());
}

static bool find_disks(struct transfer *transfer)
{
    struct virtio_blk_info info;
    char length[24];

    transfer->source = virtio_blk_find("source");
    transfer->target = virtio_blk_find("target");
    if (transfer->source == NULL) {
        kprintf("transfer: there is no disk with the serial number \"source\"\n");
        return false;
    }
    virtio_blk_get_info(transfer->source, &info);
    transfer->length = info.sectors * VIRTIO_BLK_SECTOR;
    if (devicetree_bootarg("transfer.length", length, sizeof(length))) {
        char *end;
        uint64_t asked = strtoull(length, &end, 10);

        if (*end != '\0' || asked > transfer->length) {
            kprintf("transfer: transfer.length=%s does not fit a disk of %llu bytes\n", length,
                    (unsigned long long)transfer->length);
            return false;
        }
        transfer->length = asked;
    }
    return true;
}

BOOTARG(length, "transfer.length");
BOOTARG(progress, "transfer.progress");

static bool bootarg_is_set(const char *key)
{
    char value[4];

    return devicetree_bootarg(key, value, sizeof(value)) && value[0] == '1';
}

/* The second pass: other memory, and from there to the target. */
static bool copy_to_target(struct transfer *transfer, const struct cksum *expected)
{
    struct cksum sum = CKSUM_INIT;
    IOReturn status;

    if (!pass(transfer, "write", 2000, write_out, &sum)) {
        return false;
    }
    if (cksum_final(&sum) != cksum_final(expected)) {
        kprintf("transfer: the second pass read something else than the first\n");
        return false;
    }
    status = virtio_blk_flush(transfer->target);
    if (status != kIOReturnSuccess) {
        kprintf("transfer: flush failed: %s\n", IOReturn_name(status));
    }
    return status == kIOReturnSuccess;
}

int main(void)
{
    static struct transfer transfer;
    struct cksum sum = CKSUM_INIT;
    bool good;

    machine_report();
    if (!find_disks(&transfer)) {
        return EXIT_STATUS_USAGE;
    }
    transfer.progress = bootarg_is_set("transfer.progress");
    ring_table_begin(transfer.source);
    good = pass(&transfer, "read", 1000, nothing_more, &sum);
    if (good && transfer.target != NULL) {
        good = copy_to_target(&transfer, &sum);
    }
    print_totals(&transfer);
    if (!good || copy_meter_bytes() != 0) {
        return EXIT_STATUS_FAILED;
    }
    kprintf("cksum %u %llu\n", cksum_final(&sum), (unsigned long long)sum.length);
    return EXIT_STATUS_PASSED;
}
