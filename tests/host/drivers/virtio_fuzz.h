/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that writes what it likes, where a device can, whenever the driver is
 * about to look: for the fuzzers of the drivers.
 */
#ifndef TESTS_HOST_DRIVERS_VIRTIO_FUZZ_H
#define TESTS_HOST_DRIVERS_VIRTIO_FUZZ_H

#include "drivers/virtio/queue.h"
#include "drivers/virtio/queue_private.h"
#include "tests/host/drivers/virtio_sim.h"
#include "tests/host/drivers/virtio_sim_mapper.h"

/* Memory beside the ring that is shared with the device. */
struct fuzz_shared {
    void *start;
    size_t bytes;
};

struct fuzz {
    struct virtio_sim sim;
    struct virtio_sim_mapper *mapper; /* in front of this device, or of the next one; or NULL */
    uint64_t seed;
    unsigned malice; /* of 256 turns, how many are used for a hostile write */
    bool answers;    /* it also does its work in its turns */
    bool flickers;   /* what it has used is something else at each look */
    uint64_t writes; /* that a device has made so far, hostile or not */
    uint64_t budget; /* how many there shall be */

    /* The driver's, as far as they exist now. */
    struct virtq *queue;
    paddr_t data; /* memory that a device may write as data, and no other */
    uint64_t data_bytes;
    struct fuzz_shared shared[2];
    unsigned shared_count;

    /* Do a piece of the device's honest work; false: there is none. */
    bool (*work)(struct fuzz *fuzz);
    /* Something that the world does while interrupts are not masked. NULL: nothing. */
    void (*happen)(struct fuzz *fuzz);
    /* The driver goes to sleep. NULL: nothing is asked of that. */
    void (*sleeping)(struct fuzz *fuzz);
    /* What is beyond the driver's patience: a timer of the test's. Called in a handler. */
    void (*give_up)(struct fuzz *fuzz);
    unsigned waits; /* since the driver went to sleep */
};

/* Start the machine once; take WRITES and SEED from the environment. */
void fuzz_begin(struct fuzz *fuzz, uint64_t writes);
/* Let this one play its device until the next call; NULL: nobody. */
void fuzz_play(struct fuzz *fuzz);

unsigned fuzz_random(struct fuzz *fuzz, unsigned below);
bool fuzz_chance(struct fuzz *fuzz, unsigned of_256);

/* The device is powered on: half of them are behind an IOMMU. It goes with fuzz_power_off. */
void fuzz_power_on(struct fuzz *fuzz, uint32_t id, uint64_t offered, uint32_t queue_size_max);
void fuzz_power_off(struct fuzz *fuzz);

/* The device writes so many bytes of this value, as far as memory goes that it may write. */
void fuzz_fill(struct fuzz *fuzz, uint64_t address, uint32_t length, uint8_t value);

/* One hostile write. */
void fuzz_write(struct fuzz *fuzz);

/* Fails the test, and says the seed that leads here again. */
#define FUZZ_ASSERT(fuzz, condition)                                                               \
    ((condition) ? (void)0 : fuzz_fail(fuzz, #condition, __FILE__, __LINE__))
_Noreturn void fuzz_fail(struct fuzz *fuzz, const char *what, const char *file, int line);

#endif
