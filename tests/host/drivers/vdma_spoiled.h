/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's core with its driver in front, for tests that spoil it: what it says of itself before it
 * is found, and what it has answered before the driver hears of it. One device at a time.
 */
#ifndef TESTS_HOST_DRIVERS_VDMA_SPOILED_H
#define TESTS_HOST_DRIVERS_VDMA_SPOILED_H

#include "drivers/vdma/vdma_private.h"
#include "tests/host/drivers/vdma_sim.h"

#define PAIR_BYTES 8192u

extern struct vdma_sim *spoiled;           /* the last device that was added */
extern struct virtio_transport spoiled_by; /* its registers, but for what a test replaces */
extern void (*spoil)(void);                /* called when the device has worked, once */
extern struct vdma_status spoiled_answer;  /* code, moved and value, for spoil_answer */

extern uint8_t *pair_bytes;      /* two pages of the test's */
extern IOMemoryDescriptor *pair; /* these, prepared */

int spoiled_start(void **state);         /* for a group of tests: the machine, without a device */
int spoiled_start_present(void **state); /* the same, with one that is there */
void spoiled_add(const struct vdma_options *options);

/* While the driver sleeps: the device works, is spoiled, and is heard of. */
void spoiled_turn(void);

/* Replace the last answer. The last about data, as `spoil`: what is asked before stays as it is. */
void spoil_answer(void);
void spoil_data(void);

/* For spoiled_by, ways not to come up: it offers nothing, takes no queue, is never off. */
uint32_t spoiled_no_features(struct virtio_device *device, unsigned half);
bool spoiled_refuse_queue(struct virtio_device *device, const struct virtio_queue_place *place);
uint8_t spoiled_always_on(struct virtio_device *device);

/* Limits of a test's own. */
IOReturn spoiled_set_limits(const struct vdma_limits *limits);

#endif
