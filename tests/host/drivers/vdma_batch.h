/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk that is vdma, memory to move to it and from it, and batches of requests whose every
 * byte is compared with the test's own copies when they have ended.
 */
#ifndef TESTS_HOST_DRIVERS_VDMA_BATCH_H
#define TESTS_HOST_DRIVERS_VDMA_BATCH_H

#include "descriptors/IOReturn.h"
#include "tests/host/drivers/vdma_sim.h"

#define BATCH_REQUESTS 6u  /* at once */
#define BATCH_SECTORS  48u /* of the disk */

#define KIND(name) (1u << VDMA_FAULT_##name)
#define KINDS      19u
/* The driver or the test can see them, as the data sheet has it. */
#define SHOWN                                                                                      \
    (KIND(ERROR) | KIND(SHORT) | KIND(CORRUPT) | KIND(WRONG_ID) | KIND(WRONG_LENGTH) |             \
     KIND(DUPLICATE) | KIND(MISSING) | KIND(PAST_END) | KIND(LATE_WRITE) | KIND(AFTER_RESET) |     \
     KIND(NEEDS_RESET))

/* What the device has said of one batch. */
struct batch {
    uint32_t done;   /* kinds of faults that it has done */
    uint32_t shown;  /* of them, those that can be seen, with their arguments */
    uint64_t faults; /* how many */
    uint32_t life;   /* kinds that were done since power-on: what they told stays told */

    /* At its end: */
    IOReturn status[BATCH_REQUESTS];
    bool reset;      /* the driver has reset the device */
    bool wrong;      /* bytes are not what they should be */
    bool late;       /* memory has changed after the end of its request */
    uint64_t strays; /* accesses of the device to what nobody has described */
};

/* Once: the machine, and memory. */
void batch_begin(uint64_t seed);
unsigned batch_draw(unsigned below);
uint64_t batch_draw_word(void);

/* A device with its driver; another life. */
void batch_power_on(const struct vdma_script *script);
void batch_power_off(void);
/* A fault for one of the next requests. */
void batch_inject(uint16_t kind, uint64_t argument);

/* Requests until all have ended, and everything late has happened. */
struct batch batch_run(void);

#endif
