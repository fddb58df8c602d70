/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma as its data sheet shows it (qemu/vdma/README.md): registers, rings and requests in raw
 * bytes, written with no help from a driver, a cursor or a DMA command. Every number here
 * and in the tests that use it comes from the sheet; wire.h is the device's side of it.
 *
 * One device, one queue of 16 entries, and one arena of contiguous memory for all that the
 * device reads and writes. No interrupts: a request is done when its doorbell returns, or
 * when raw_wait has seen it.
 */
#ifndef TESTS_LIB_VDMA_RAW_H
#define TESTS_LIB_VDMA_RAW_H

#include "kernel/types.h"

#define RAW_BYTES 0x80000u /* of the arena */
#define RAW_SIZE  16u      /* entries of the queue */

/* Where things lie in the arena. */
#define RAW_DESC     0x1000u
#define RAW_AVAIL    0x2000u
#define RAW_USED     0x3000u
#define RAW_HEADER   0x4000u
#define RAW_STATUS   0x4100u
#define RAW_CONTENT  0x4200u /* of requests about the device */
#define RAW_INDIRECT 0x5000u
#define RAW_LIST     0x6000u
#define RAW_TABLE    0x8000u  /* of translations */
#define RAW_RECORDS  0x10000u /* of the log */
#define RAW_DATA     0x20000u
#define RAW_SINK     0x60000u

#define RAW_NEXT        1u
#define RAW_WRITE       2u
#define RAW_INDIRECTLY  4u
#define RAW_RECORDS_MAX 1024u
#define RAW_NONE        0xffffffffu

#define RAW_VERSION_1     (1ull << 32)
#define RAW_INDIRECT_DESC (1ull << 28)

#define RAW_NOP          0x56440100u
#define RAW_COPY         0x56440101u
#define RAW_FILL         0x56440102u
#define RAW_COMPARE      0x56440103u
#define RAW_CHECKSUM     0x56440104u
#define RAW_CAPABILITIES 0x56440110u
#define RAW_SET_LIMITS   0x56440111u
#define RAW_SET_TABLE    0x56440112u
#define RAW_INJECT       0x56440113u
#define RAW_READ_LOG     0x56440114u

/* A place: of the arena, of the machine, or counted from the end of RAM. */
struct raw_place {
    uint8_t base;
    uint64_t at;
};

#define RAW_NOWHERE  0u
#define RAW_ARENA    1u
#define RAW_MACHINE  2u
#define RAW_FROM_END 3u

struct raw_piece {
    struct raw_place at;
    uint64_t length;
    bool write;
    unsigned flags; /* of its descriptor, beside those that it has to have */
};

/* The sheet's limits, 64 bytes. */
struct raw_limits {
    uint8_t address_bits, directions;
    uint16_t depth;
    uint32_t segments_max;
    uint64_t segment_max, transfer_max;
    uint32_t alignment, alignment_length, alignment_internal, alignment_end;
    uint64_t boundary, latency;
    uint32_t table_entries, reserved;
};

/* One request: a header of 64 bytes (16 if it is virtio-blk's), data, a status of 32 (1). */
struct raw_request {
    uint32_t type, flags;
    uint64_t sector; /* the tag of a private one */
    uint64_t arguments[2];
    bool first_is_place; /* arguments[0] counts from the arena's start */
    struct {
        struct raw_place at;
        uint32_t entries;
        uint16_t format;
    } source, target;
    struct raw_piece list[3]; /* written as Little64 where the source's, or the target's, list is */
    struct raw_piece data[5]; /* in its order; one nowhere ends either */
    unsigned head;            /* first descriptor */
    uint32_t header_at, status_at;       /* 0: RAW_HEADER, RAW_STATUS */
    uint32_t header_bytes, status_bytes; /* other than the sheet wants; 0: as it wants */
    bool indirect;
};

struct raw_answer {
    bool came;
    uint32_t id, length;
    uint64_t tag, value, moved;
    uint32_t segment;
    uint16_t rule;
    uint8_t where, code;
};

/* The arena's memory. False: there is no vdma in this machine. raw_end gives all back. */
bool raw_begin(void);
void raw_end(void);

uint32_t raw_read(uint32_t offset);
void raw_write(uint32_t offset, uint32_t value);
volatile void *raw_registers(void);
/* One as an object: the access is the line's own. */
#define RAW_REGISTER(offset) (*(volatile uint32_t *)((volatile char *)raw_registers() + (offset)))

uint64_t raw_address(struct raw_place place);
uint8_t *raw_at(uint32_t offset); /* of the arena */

/* Reset, features, queue 0 at the places above, DRIVER_OK. */
void raw_start(uint64_t features);
/* Up to, but without, QueueReady. */
void raw_start_to_queue(uint64_t features);

/* A descriptor, at this place of the arena. */
void raw_desc_at(uint32_t table, unsigned index, uint64_t address, uint32_t length, unsigned flags,
                 unsigned next);
void raw_publish(unsigned head);
void raw_ring(void);
unsigned raw_used(void); /* index of the used ring */
bool raw_needs_reset(void);

/* Write a request's bytes; the same and publish, ring, look. */
void raw_lay(const struct raw_request *request);
struct raw_answer raw_run(const struct raw_request *request);
/* What came back last, if anything has since the last call. */
struct raw_answer raw_answer_of(const struct raw_request *request);
/* Let time pass until it is there; false: a second has passed. */
bool raw_wait(void);

/* False: it was refused. */
bool raw_set_limits(const struct raw_limits *limits);
bool raw_inject(unsigned kind, uint32_t after, uint64_t argument);
/* Faults of these kinds (bit n: kind n) at this rate of 65536, drawn from the seed; rate 0: none.
 */
bool raw_script(uint64_t seed, uint32_t kinds, uint32_t rate, uint64_t argument_max);

/* A record of the log. */
struct raw_record {
    uint64_t tick, pc, address, length, value;
    uint32_t request, type, segment;
    uint16_t event, rule, slot;
    uint8_t queue, code;
    uint32_t lost;
};

/* Take what the device has, at most RAW_RECORDS_MAX; how many there were. */
unsigned raw_log_read(void);
const struct raw_record *raw_log_record(unsigned i);
/* The same, and the last one that is a refusal; NULL: none is. */
const struct raw_record *raw_log_refusal(void);

#endif
