/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver is asked to do that copies by its device, as the main job asks (tests/images/
 * transfer.c, DRIVER=). Its objects: a buffer that begins with this, the source, the target, the
 * device, and its registers. It exits with 0, or else with what went wrong.
 */
#ifndef TESTS_DRIVERS_COPY_JOB_H
#define TESTS_DRIVERS_COPY_JOB_H

#include <stdint.h>

enum {
    COPY_JOB_WORDS,
    COPY_JOB_SOURCE,
    COPY_JOB_TARGET,
    COPY_JOB_DEVICE,
    COPY_JOB_REGISTERS,
    COPY_JOB_OBJECTS
};

struct copy_job {
    uint64_t length;  /* bytes to be copied */
    uint64_t part;    /* of them by one request at most */
    uint64_t sectors; /* to be read from the device's disk into the source before that */
    uint64_t forever; /* begin again when it is done */

    /* The driver's account. */
    uint64_t copied; /* bytes whose sum is the same on both sides, as the device has it */
    uint64_t requests, segments;
};

#endif
