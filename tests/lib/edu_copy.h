/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has been read goes by the edu device from memory into the device and out again, into
 * other memory that is scattered differently: by an engine of 28 address bits, on a machine
 * whose RAM begins at 2^30. Each piece is printed as the device was told of it, beside where its
 * memory is.
 */
#ifndef TESTS_LIB_EDU_COPY_H
#define TESTS_LIB_EDU_COPY_H

#include "descriptors/IODMAEventSource.h"
#include "drivers/edu/edu.h"
#include "tests/lib/scatter.h"

#define EDU_COPY_SHOWN 32u /* pieces */
#define EDU_COPY_HELD  6u

struct edu_copy {
    struct edu *device; /* NULL: it is not asked for */
    uint64_t most;      /* bytes of the file */
    bool high;          /* low I/O addresses are taken, and those above have holes */
    IOWorkLoop *loop;
    IODMAEventSource *source;
    IOMapper *mapper; /* NULL: none is in front of the device */
    uint64_t held[EDU_COPY_HELD][2];
    struct scatter target;
    uint64_t position, copied;
    struct edu_piece shown[EDU_COPY_SHOWN];
    unsigned shown_count;
};

/*
 * mapper: "smmu"; "high": as edu_copy.high; "none": the device has 32 bits; NULL: no copy at
 * all. False, and a line: there is no such device, or what is asked for makes no sense.
 */
bool edu_copy_open(struct edu_copy *copy, const char *mapper, uint64_t most);

/* Bytes [0, length) of the window's memory are those of the file from `position` on. */
IOReturn edu_copy_window(struct edu_copy *copy, const struct scatter *window, uint64_t length,
                         uint64_t position);

/* Print the totals, and let go of everything. */
void edu_copy_end(struct edu_copy *copy);

#endif
