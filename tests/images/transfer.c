/* SPDX-License-Identifier: BSD-2-Clause */
// FILE: source 1M words
// QEMU: -blockdev driver=raw,node-name=source,file.driver=file,file.filename=$FILES/source
// QEMU: -device virtio-blk-device,drive=source,serial=source
/*
 * The main job: move a file by scatter/gather DMA.
 *
 * A device holds the file: the disk "source", or fw_cfg's item "opt/source". It is read,
 * whole, into memory that is contiguous nowhere, and the checksum of what arrived is
 * printed in the form of POSIX cksum. If there is a disk "target", a second pass reads the
 * file into other memory, scattered differently, and writes it from there.
 *
 * Where vdma is, beneath an image that is entered at EL2, it copies what has been read from
 * memory to memory, and sums it (tests/lib/memory_copy.h); or a driver at EL0 does, and what it has
 * written is what is summed up (tests/lib/driver_copy.h).
 *
 * The way is that of DMA commands: prepared, started with a device's engine, delivered on a
 * work loop, completed; or, for disks, the cursor's.
 *
 * Its options are declared below; --help lists them.
 */
#include <stdlib.h>
#include <string.h>

#include "descriptors/OSArray.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/exit.h"
#include "kernel/options.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/copy_meter.h"
#include "tests/lib/driver_copy.h"
#include "tests/lib/edu_copy.h"
#include "tests/lib/machine_report.h"
#include "tests/lib/memory_copy.h"
#include "tests/lib/mover.h"
#include "tests/lib/progress.h"
#include "tests/lib/window.h"

VDMA_MONITOR(8);

/* Of every device that may have a window: whole ones fit in it, whatever the file's length. */
#define BLOCK_MIN 512u

struct transfer {
    struct mover source, target;
    bool writes;     /* there is a target */
    uint64_t length; /* bytes of the file */
    bool progress;
    struct way way;
    struct edu_copy edu;
    struct memory_copy copy;
    struct driver_copy driver; /* instead of it, where one is asked for */
    struct window windows[2];  /* one is filled while the CPU looks at the other */
};

/* --- Passes over the file --------------------------------------------------------------------- */

static uint64_t stretch(const struct transfer *transfer, uint64_t position)
{
    const uint64_t left = transfer->length - position;

    return left < WINDOW_BYTES ? left : WINDOW_BYTES;
}

static IOReturn start_reading(struct transfer *transfer, struct window *window, uint64_t position)
{
    window->length = stretch(transfer, position);
    return window_start(window, &transfer->way, &transfer->source, kIODirectionIn, position,
                        window->length);
}

/* What is done with a window that has arrived. */
typedef IOReturn consumer_t(struct transfer *transfer, struct window *window, uint64_t position);

static consumer_t copy_on;

/* What is summed up: by a driver's copy what that has written. */
static const struct scatter *arrived_in(const struct transfer *transfer,
                                        const struct window *window, consumer_t *consume)
{
    return transfer->driver.name != NULL && consume == copy_on ? &transfer->driver.target
                                                               : &window->scatter;
}

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
        const uint64_t next = at + window->length;

        status = window_wait(window, &transfer->way, kIODirectionIn);
        if (status == kIOReturnSuccess && next < transfer->length) {
            status = start_reading(transfer, &transfer->windows[turn ^ 1], next);
        }
        if (status == kIOReturnSuccess) {
            status = consume(transfer, window, at);
        }
        if (status == kIOReturnSuccess) {
            scatter_cksum(arrived_in(transfer, window, consume), window->length, sum);
        }
        at = next;
        progress_update(&progress, at);
    }
    for (unsigned i = 0; i < 2; i++) { /* after a failure something may still be under way */
        window_wait(&transfer->windows[i], &transfer->way, kIODirectionIn);
    }
    progress_end(&progress);
    return status;
}

/* From memory to memory, by those devices that are there and asked for. */
static IOReturn copy_on(struct transfer *transfer, struct window *window, uint64_t position)
{
    const IOReturn status =
        transfer->driver.name != NULL
            ? driver_copy_window(&transfer->driver, &window->scatter, window->length)
            : memory_copy_window(&transfer->copy, &window->scatter, window->length, position);

    return status != kIOReturnSuccess
               ? status
               : edu_copy_window(&transfer->edu, &window->scatter, window->length, position);
}

static IOReturn write_out(struct transfer *transfer, struct window *window, uint64_t position)
{
    const IOReturn status = window_start(window, &transfer->way, &transfer->target, kIODirectionOut,
                                         position, window->length);
    const IOReturn waited = window_wait(window, &transfer->way, kIODirectionOut);

    return status == kIOReturnSuccess ? waited : status;
}

/* Fresh windows of this scattering, as large as the file needs; whole blocks of any device. */
static bool make_windows(struct transfer *transfer, uint32_t seed)
{
    uint64_t block = transfer->writes && transfer->target.block > transfer->source.block
                         ? transfer->target.block
                         : transfer->source.block;

    block = block < BLOCK_MIN ? BLOCK_MIN : block;
    block = transfer->way.whole && block < PAGE_SIZE ? PAGE_SIZE : block;

    const uint64_t bytes = (stretch(transfer, 0) + block - 1) / block * block;

    if (bytes == 0) {
        return true;
    }
    return window_create(&transfer->windows[0], &transfer->way, bytes, seed) &&
           window_create(&transfer->windows[1], &transfer->way, bytes, seed + 1);
}

static bool drop_windows(struct transfer *transfer)
{
    bool intact = true;

    for (unsigned i = 0; i < 2; i++) {
        intact &= window_destroy(&transfer->windows[i]);
    }
    return intact;
}

/* Why memory that the device can reach was not to be had. */
static void explain(const struct transfer *transfer, IOReturn status)
{
    const unsigned bits = transfer->way.bits != 0 ? transfer->way.bits : transfer->copy.bits;
    const uint64_t ram = devicetree_machine()->memory[0].base.value;

    if (status != kIOReturnNoResources || bits == 0) {
        return;
    }
    if (bits < 64 && ram >> bits != 0) {
        kprintf("transfer: RAM begins at 0x%llx; %u address bits end at 0x%llx, so the device "
                "reaches none of it, nor could bounce memory lie there, and no mapper is in front "
                "of it\n",
                (unsigned long long)ram, bits, 1ull << bits);
    }
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
        explain(transfer, status);
    } else if (!intact) {
        kprintf("transfer: %s: a device wrote outside the memory it was given\n", what);
    }
    return status == kIOReturnSuccess && intact;
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
    status = transfer->target.kind->flush(&transfer->target);
    if (status != kIOReturnSuccess) {
        kprintf("transfer: flush failed: %s\n", IOReturn_name(status));
    }
    return status == kIOReturnSuccess;
}

/* What made bytes lie elsewhere. */
static void print_limits(const struct transfer *transfer)
{
    const bool aligned = transfer->source.limits.fAlignmentInternalSegments > 1;
    const unsigned bits = transfer->way.bits;

    kprintf(aligned ? ", misaligned" : "");
    if (bits != 0) {
        kprintf("%s above what %u address bits reach", aligned ? " or" : ",", bits);
    }
}

static void print_totals(const struct transfer *transfer)
{
    const struct way *way = &transfer->way;

    kprintf("totals\n");
    transfer->source.kind->print_counters(&transfer->source);
    if (transfer->writes) {
        transfer->target.kind->print_counters(&transfer->target);
    }
    if (!way->by_cursor) {
        kprintf("  bounced: %llu bytes", (unsigned long long)way->bounced);
        if (way->bounced != 0) {
            print_limits(transfer);
        }
        kprintf("\n");
    }
    memory_copy_print(&transfer->copy);
    driver_copy_print(&transfer->driver);
    kprintf("  copied by the CPU: %llu bytes\n", (unsigned long long)copy_meter_bytes());
}

/* --- What is asked for ------------------------------------------------------------------------ */

PROGRAM("transfer",
        "move a file from the device \"source\" into memory, and on to the disk \"target\"");
OPTION(device, "transfer.device", "NAME",
       "what moves it: virtio-blk (default), fw_cfg, nvme, sdhci, ahci");
OPTION(bits, "transfer.bits", "N", "as if the devices had N address bits");
OPTION(way, "transfer.way", "WAY", "command, by DMA commands (default), or cursor");
OPTION(length, "transfer.length", "BYTES",
       "exact length of the file (default: what the device holds)");
OPTION(edu, "transfer.edu", "MAPPER",
       "copy by the edu device, with smmu, high (I/O addresses) or none in front");
OPTION(edu_most, "transfer.edu_most", "BYTES", "how much of the file edu copies (default: 8190)");
OPTION(vdma, "transfer.vdma", "LIMITS",
       "what vdma may be asked, a profile's name: open (default), narrow31, sata, ...");
OPTION(vdma_most, "transfer.vdma_most", "BYTES",
       "how much of the file vdma copies (default: 16 MiB)");
OPTION(vdma_table, "transfer.vdma_table", "off", "vdma has no translation table of its own");
OPTION(driver, "transfer.driver", "NAME",
       "let the driver in fw_cfg's item opt/driver copy by vdma, at EL0");
OPTION(progress, "transfer.progress", "1", "a progress line");

/* A number in a bootarg; `otherwise` if it is not there. False: it is none, or above `most`. */
static bool number(const char *key, uint64_t otherwise, uint64_t most, uint64_t *value)
{
    const char *const text = option_value(key);
    char *end;

    *value = otherwise;
    if (text == NULL) {
        return true;
    }
    *value = strtoull(text, &end, 10);
    if (*end == '\0' && text[0] != '\0' && *value <= most) {
        return true;
    }
    kprintf("transfer: %s=%s: a number up to %llu, please\n", key, text, (unsigned long long)most);
    return false;
}

static const char *option_or(const char *key, const char *otherwise)
{
    const char *const value = option_value(key);

    return value != NULL ? value : otherwise;
}

static bool find_vdma(struct transfer *transfer)
{
    const char *const driver = option_value("transfer.driver");
    uint64_t most;

    if (driver != NULL) {
        transfer->way.whole = true; /* what it is given, all of it may see */
        return driver_copy_open(&transfer->driver, driver);
    }
    return number("transfer.vdma_most", 16 << 20, UINT64_MAX, &most) &&
           memory_copy_open(&transfer->copy, option_or("transfer.vdma", "open"), most,
                            strcmp(option_or("transfer.vdma_table", "on"), "off") != 0);
}

static bool find_edu(struct transfer *transfer)
{
    uint64_t most;

    return number("transfer.edu_most", 2 * EDU_BYTES_MAX, UINT64_MAX, &most) &&
           edu_copy_open(&transfer->edu, option_value("transfer.edu"), most);
}

static bool find_devices(struct transfer *transfer)
{
    const char *const name = option_or("transfer.device", "virtio-blk");
    const char *const way = option_or("transfer.way", "command");
    const struct mover_kind *kind;
    uint64_t bits;

    kind = mover_kind(name);
    if (kind == NULL || !number("transfer.bits", 0, 64, &bits)) {
        return false;
    }
    transfer->way.bits = (unsigned)bits;
    transfer->way.by_cursor = strcmp(way, "cursor") == 0;
    if (transfer->way.by_cursor && (bits != 0 || strcmp(name, "virtio-blk") != 0)) {
        kprintf("transfer: the cursor's way is that of disks, without limits of their address "
                "bits\n");
        return false;
    }
    if (!mover_open(&transfer->source, kind, "source", transfer->way.bits)) {
        kprintf("transfer: there is no %s called \"source\"\n", name);
        return false;
    }
    transfer->writes =
        mover_open(&transfer->target, mover_kind("virtio-blk"), "target", transfer->way.bits);
    transfer->progress = strcmp(option_or("transfer.progress", "0"), "1") == 0;
    return number("transfer.length", transfer->source.bytes, transfer->source.bytes,
                  &transfer->length);
}

/* The engines' client. */
static bool attach(struct transfer *transfer, OSArray *owner)
{
    struct way *way = &transfer->way;

    if (way->by_cursor) {
        return true;
    }
    way->loop = IOWorkLoop_workLoop();
    return way->loop != NULL &&
           mover_attach(&transfer->source, way->loop, OSObject_upcast(owner), window_arrive) &&
           (!transfer->writes ||
            mover_attach(&transfer->target, way->loop, OSObject_upcast(owner), window_arrive));
}

static void detach(struct transfer *transfer, OSArray *owner)
{
    mover_detach(&transfer->source);
    mover_detach(&transfer->target);
    OSObject_release(transfer->way.loop);
    OSObject_release(owner);
}

int main(void)
{
    static struct transfer transfer;
    struct cksum sum = CKSUM_INIT;
    OSArray *owner = OSArray_withCapacity(1);
    bool good;

    machine_report();
    if (!find_devices(&transfer) || !find_vdma(&transfer) || !find_edu(&transfer)) {
        return EXIT_STATUS_USAGE;
    }
    transfer.way.border = transfer.copy.bits;
    good = attach(&transfer, owner) &&
           memory_copy_begin(&transfer.copy, stretch(&transfer, 0), 3000) &&
           driver_copy_begin(&transfer.driver, stretch(&transfer, 0), 3000);
    transfer.source.kind->show(&transfer.source);
    good = good && pass(&transfer, "read", 1000, copy_on, &sum);
    good &= memory_copy_end(&transfer.copy);
    good &= driver_copy_end(&transfer.driver);
    if (good && transfer.writes) {
        good = copy_to_target(&transfer, &sum);
    }
    print_totals(&transfer);
    edu_copy_end(&transfer.edu);
    detach(&transfer, owner);
    /* The CPU copies what a limit leaves no other way for, there and back, and nothing else. */
    if (!good || copy_meter_bytes() != 2 * (transfer.way.bounced + transfer.copy.bounced)) {
        return EXIT_STATUS_FAILED;
    }
    kprintf("cksum %u %llu\n", cksum_final(&sum), (unsigned long long)sum.length);
    return EXIT_STATUS_PASSED;
}
