/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stretch of a file in memory that is contiguous nowhere, and what moves it: one command for
 * each part, prepared, started together, delivered on a work loop and completed; or, on the
 * way of WAY=cursor, one request for each part.
 */
#ifndef TESTS_LIB_WINDOW_H
#define TESTS_LIB_WINDOW_H

#include "tests/lib/mover.h"
#include "tests/lib/scatter.h"

#define WINDOW_BYTES (4u << 20)
#define PART_BYTES   (256u << 10)
#define WINDOW_PARTS (WINDOW_BYTES / PART_BYTES)

struct window_part {
    union mover_transfer transfer;
    IODMACommand *command;             /* NULL: not made yet */
    struct virtio_blk_request request; /* of the cursor's way */
    bool is_done;
    IOReturn status;
};

/* The parts for one device; made when they are first needed. */
struct window_parts {
    struct window_part list[WINDOW_PARTS];
    unsigned count; /* started and not yet waited for */
};

struct window {
    struct scatter scatter;
    struct window_parts reads, writes;
    uint64_t length; /* bytes of the file in it */
};

/* How parts go, and what became of it. */
struct way {
    bool by_cursor;
    IOWorkLoop *loop;
    unsigned bits;    /* of addresses, that the devices have; 0: all of them */
    bool whole;       /* memory in whole pages */
    unsigned border;  /* the same, of a device that has the memory later; 0: none is narrow */
    uint64_t bounced; /* bytes that had to lie elsewhere while they were moved */
};

/*
 * Memory for `bytes`, on both sides of what the address bits reach, if there is memory on both.
 * False, and nothing is kept: there is not enough.
 */
bool window_create(struct window *window, const struct way *way, uint64_t bytes, uint32_t seed);

/* Release what there is, which has been waited for; false: something was written beside the memory.
 */
bool window_destroy(struct window *window);

/*
 * Start moving bytes [0, length) of the window from or to `position` of the device. An error
 * ends it at the first part that cannot be started; what was is to be waited for all the same.
 */
IOReturn window_start(struct window *window, struct way *way, struct mover *mover,
                      IODirection direction, uint64_t position, uint64_t length);

/* Sleep until everything that was started is done and completed. The first error is the answer. */
IOReturn window_wait(struct window *window, struct way *way, IODirection direction);

/* The ends of commands, for mover_attach. */
void window_arrive(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                   IOReturn status, IOByteCount bytes, AbsoluteTime when);

#endif
