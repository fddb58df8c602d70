/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second half of the main job: what has been read is copied from memory to memory by vdma,
 * into other memory that is scattered differently, and summed there by the device. Each request
 * and the device's own log go into the journal.
 */
#ifndef TESTS_LIB_MEMORY_COPY_H
#define TESTS_LIB_MEMORY_COPY_H

#include "descriptors/IODMAEventSource.h"
#include "tests/lib/copy_table.h"
#include "tests/lib/scatter.h"

#define COPY_PART    (64u << 10) /* bytes of a copy: a few of them and their log fit into the log */
#define COPY_AT_ONCE 4u

struct copy_part {
    struct vdma_transfer transfer; /* of the target, which is what is started; first */
    struct vdma_transfer from;
    IODMACommand *target, *source;
    volatile bool is_done;
    IOReturn status;
};

struct memory_copy {
    bool present;     /* there is a device, and this much is asked of it: */
    bool is_process;  /* it is no monitor's: it has no page of the queues' registers */
    uint64_t most;    /* bytes */
    uint32_t profile; /* of its limits */
    bool without_table;
    unsigned bits;                       /* of its addresses; 0: all */
    IODMACommand_SegmentOptions options; /* of the limits */
    struct scatter target;
    IOWorkLoop *loop;
    IODMAEventSource *source;
    struct copy_part parts[COPY_AT_ONCE];
    struct copy_table table;
    uint64_t position; /* in the file, of what is copied or summed now */
    uint64_t copied, bounced, requests;
    IOReturn journal; /* the first error */
};

/*
 * Look for the device, and set its limits to those of a profile by its name; a line says so if
 * there is no device. most: bytes of the file to copy. table: let it translate by a table of its
 * own, where the profile has one. False, and a line: no such profile, or the device refuses.
 */
bool memory_copy_open(struct memory_copy *copy, const char *limits, uint64_t most, bool table);

/* Memory for windows of so many bytes, scattered by this seed. False: there is not enough. */
bool memory_copy_begin(struct memory_copy *copy, uint64_t bytes, uint32_t seed);

/* A window with `length` bytes of the file from `position` on has arrived. */
IOReturn memory_copy_window(struct memory_copy *copy, struct scatter *window, uint64_t length,
                            uint64_t position);

/* False: something was written beside the memory, or the journal could not be. */
bool memory_copy_end(struct memory_copy *copy);
void memory_copy_print(const struct memory_copy *copy);

#endif
