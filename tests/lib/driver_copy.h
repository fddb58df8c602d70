/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main job by a driver at EL0: a program that comes as a file (fw_cfg's item "opt/driver")
 * copies each window by vdma, and nobody else touches its bytes. What it is asked is in
 * tests/drivers/copy_job.h.
 */
#ifndef TESTS_LIB_DRIVER_COPY_H
#define TESTS_LIB_DRIVER_COPY_H

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODriver.h"
#include "tests/lib/copy_table.h"
#include "tests/lib/scatter.h"

struct driver_copy {
    const char *name; /* NULL: no driver is asked for */
    IOBufferMemoryDescriptor *program, *words;
    struct scatter target;
    struct copy_table table;
    uint64_t copied, data_bytes; /* of the file; of them by the CPU */
    uint64_t messages, refused, runs, faults;
    uint64_t saved_program; /* of its last stop */
};

/* Find the program and the device. False, and a line: one of them is not there, or no good. */
bool driver_copy_open(struct driver_copy *copy, const char *name);

/* Memory for so many bytes, whole pages; without a driver there is nothing to do. */
bool driver_copy_begin(struct driver_copy *copy, uint64_t bytes, uint32_t seed);

/*
 * Let a new process copy the first `length` bytes of this memory, which is of whole pages, into
 * the target.
 */
IOReturn driver_copy_window(struct driver_copy *copy, const struct scatter *source,
                            uint64_t length);

/* False: a device wrote beside the target. */
bool driver_copy_end(struct driver_copy *copy);
void driver_copy_print(const struct driver_copy *copy);

#endif
