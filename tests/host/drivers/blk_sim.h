/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of the disk driver: three disks that keep the rules, and the memory of their user. */
#ifndef TESTS_HOST_DRIVERS_BLK_SIM_H
#define TESTS_HOST_DRIVERS_BLK_SIM_H

#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/init.h"
#include "kernel/page.h"
#include "tests/host/drivers/virtio_sim.h"

#define SECTORS 256
#define DISKS   3

extern initialiser_t *const initialiser_find_disks;

/* What a disk was asked for: type, sector, bytes of data or of the range. */
struct asked {
    uint32_t type;
    uint64_t sector, bytes;
    uint32_t flags;
};

extern struct blk_sim {
    struct virtio_sim sims[DISKS]; /* the second is read-only, the last has no size of a block */
    uint8_t content[SECTORS * 512];
    struct asked asked[32]; /* in order */
    unsigned asked_count;
    uint8_t answer;             /* the status byte */
    bool is_short;              /* it writes a byte less than it should */
    bool is_asleep;             /* it does nothing */
    IOMemoryDescriptor *memory; /* of 64 pages, prepared */
    uint8_t *bytes;             /* its own */
} blk_sim;

/* One request is carried out by this disk; false: there is none. */
bool blk_sim_work(unsigned number);

/* While somebody sleeps, or when a test lets it: everything that can be done. */
void blk_sim_run(void);

/* For a group of tests, and for each of them: as cmocka calls them. */
int blk_sim_start(void **state);
int blk_sim_again(void **state);

/* The request at `at` was this one. */
void blk_sim_assert_asked(unsigned at, uint32_t type, uint64_t sector, uint64_t length);

#endif
