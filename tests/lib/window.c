/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of a window: prepared, started with one doorbell, waited for, completed. */
#include "tests/lib/window.h"

#include <string.h>

#include "kernel/irq.h"

/* --- Memory ----------------------------------------------------------------------------------- */

bool window_create(struct window *window, const struct way *way, uint64_t bytes, uint32_t seed)
{
    const unsigned bits = way->bits != 0 ? way->bits : way->border;
    const uint64_t border = bits != 0 && bits < 64 ? 1ull << bits : 0;

    if (way->whole) {
        return scatter_create_whole(&window->scatter, bytes, seed);
    }
    return scatter_create_across(&window->scatter, bytes, seed, border);
}

static void drop_parts(struct window_parts *parts)
{
    for (unsigned i = 0; i < WINDOW_PARTS; i++) {
        if (parts->list[i].command != NULL) {
            OSObject_release(parts->list[i].command);
        }
    }
    memset(parts, 0, sizeof(*parts));
}

bool window_destroy(struct window *window)
{
    const bool intact = scatter_canaries_intact(&window->scatter);

    drop_parts(&window->reads);
    drop_parts(&window->writes);
    scatter_destroy(&window->scatter);
    return intact;
}

static struct window_parts *parts_for(struct window *window, IODirection direction)
{
    return direction == kIODirectionIn ? &window->reads : &window->writes;
}

/* --- By command ------------------------------------------------------------------------------- */

void window_arrive(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                   IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    struct window_part *part =
        IODMACommand_getRefCon(command); /* the transfer is its first member */

    (void)owner, (void)bytes, (void)when;
    part->status = status;
    part->is_done = true;
    IOWorkLoop_wakeupGate(IOEventSource_getWorkLoop(source), part, false);
}

static IOReturn start_command(struct window_part *part, struct window *window, struct way *way,
                              struct mover *mover, IODirection direction, uint64_t position,
                              uint64_t at, uint64_t length)
{
    IOReturn status;

    if (part->command == NULL) {
        part->command = mover->kind->create_command(mover, &part->transfer);
        if (part->command == NULL) {
            return IOMemoryLastError();
        }
        status = IODMACommand_setMemoryDescriptor(part->command, window->scatter.memory, false);
        if (status != kIOReturnSuccess) {
            return status;
        }
    }
    status = IODMACommand_prepare(part->command, at, length, true, true);
    if (status != kIOReturnSuccess) {
        return status;
    }
    way->bounced += IODMACommand_getBounceLength(part->command);
    mover->kind->seek(&part->transfer, position + at);
    part->is_done = false;
    IOWorkLoop_closeGate(way->loop);
    status = IODMAEventSource_startDMACommand(mover->source, part->command, direction, 0, 0);
    IOWorkLoop_openGate(way->loop);
    if (status != kIOReturnSuccess) {
        IODMACommand_complete(part->command, true, false);
    }
    return status;
}

/* Sleep until the part has arrived, and take the bytes home. */
static IOReturn finish_command(struct window_part *part, const struct way *way)
{
    IOReturn status;

    IOWorkLoop_closeGate(way->loop);
    while (!part->is_done) {
        IOWorkLoop_sleepGate(way->loop, part, THREAD_UNINT);
    }
    IOWorkLoop_openGate(way->loop);
    status = IODMACommand_complete(part->command, true, true);
    return part->status != kIOReturnSuccess ? part->status : status;
}

/* --- By cursor -------------------------------------------------------------------------------- */

static IOReturn start_request(struct window_part *part, const struct window *window,
                              const struct mover *mover, IODirection direction, uint64_t position,
                              uint64_t at, uint64_t length)
{
    virtio_blk_request_init(
        &part->request, direction == kIODirectionIn ? VIRTIO_BLK_READ : VIRTIO_BLK_WRITE,
        window->scatter.memory, at, (position + at) / VIRTIO_BLK_SECTOR, length);
    return virtio_blk_submit(mover->disk, &part->request);
}

static IOReturn finish_request(const struct window_part *part)
{
    const irq_state_t irq = irq_mask();

    while (!part->request.done) {
        irq_wait();
    }
    irq_restore(irq);
    return part->request.status;
}

/* --- All parts -------------------------------------------------------------------------------- */

static uint64_t whole_blocks(const struct mover *mover, uint64_t bytes)
{
    return (bytes + mover->block - 1) / mover->block * mover->block;
}

IOReturn window_start(struct window *window, struct way *way, struct mover *mover,
                      IODirection direction, uint64_t position, uint64_t length)
{
    struct window_parts *parts = parts_for(window, direction);
    const uint64_t bytes = whole_blocks(mover, length);
    IOReturn status = kIOReturnSuccess;

    parts->count = 0;
    if (!way->by_cursor && mover->kind->hold != NULL) {
        mover->kind->hold(mover, true);
    }
    for (uint64_t at = 0; at < bytes && status == kIOReturnSuccess; at += PART_BYTES) {
        struct window_part *part = &parts->list[parts->count];
        const uint64_t left = bytes - at;
        const uint64_t here = left < PART_BYTES ? left : PART_BYTES;

        status = way->by_cursor
                     ? start_request(part, window, mover, direction, position, at, here)
                     : start_command(part, window, way, mover, direction, position, at, here);
        parts->count += status == kIOReturnSuccess;
    }
    if (way->by_cursor) {
        virtio_blk_publish(mover->disk);
    } else if (mover->kind->hold != NULL) {
        mover->kind->hold(mover, false);
    }
    return status;
}

IOReturn window_wait(struct window *window, struct way *way, IODirection direction)
{
    struct window_parts *parts = parts_for(window, direction);
    IOReturn status = kIOReturnSuccess;

    for (unsigned i = 0; i < parts->count; i++) {
        struct window_part *part = &parts->list[i];
        const IOReturn ended = way->by_cursor ? finish_request(part) : finish_command(part, way);

        if (status == kIOReturnSuccess) {
            status = ended;
        }
    }
    parts->count = 0;
    return status;
}
