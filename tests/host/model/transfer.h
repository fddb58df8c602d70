/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a device sees of a command's preparation, in the model. A byte is in place, and then it is
 * its memory's, or it is bounced, and then it is the command's own until it is copied. Which of
 * the two is taken from the addresses that the device is told; all else about them is checked.
 */
#ifndef TESTS_HOST_MODEL_TRANSFER_H
#define TESTS_HOST_MODEL_TRANSFER_H

#include "descriptors/IODMACommand.h"
#include "tests/host/model/model.h"

struct transfer {
    IODMACommand *command; /* NULL: a free slot */
    IODMACommand_SegmentOptions limits;
    bool strict;
    IOMapper *mapper;      /* NULL: the device's addresses are physical ones */
    struct memory *memory; /* NULL: none is set */
    unsigned active;       /* prepares */
    uint64_t offset, length;
    bool whole;    /* in a copy */
    bool *bounced; /* of each byte */
    uint8_t *own;  /* what the device sees of those */
};

/* Whether any of the bytes is in memory that was prepared for reading only. */
bool transfer_is_for_reading(const struct transfer *transfer);

/* Every part of it, empty ones as well. */
bool transfer_memory_is_prepared(const struct memory *memory);

/* The command's own bytes go to the memory, or come from it. */
void transfer_copy_bounced(struct transfer *transfer, bool to_memory);
bool transfer_any_bounced(const struct transfer *transfer);

/* What the device should see of [at, at + length) of the prepared range. */
void transfer_expect_bytes(const struct transfer *transfer, uint64_t at, uint8_t *bytes,
                           uint64_t length);

/* Let the device go over [at, at + length) of the prepared range. */
void transfer_by_device(const struct transfer *transfer, uint64_t at, uint8_t *bytes,
                        uint64_t length, bool write);

/* Which bytes are where their memory is; the rest must be as many as the command says. */
void transfer_find_bounced(struct transfer *transfer);

#endif
