/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host door of vdma's core, and a driver that writes the raw bytes of rings and
 * requests. Numbers here and in the tests are those of the data sheet, written out by
 * hand: nothing comes from the device's own headers but the door's calls.
 *
 * RAM is an array, time a counter. A ledger knows every range that the driver has
 * described to the device; an access of the device outside it is a stray.
 */
#ifndef TESTS_HOST_VDMA_DOOR_H
#define TESTS_HOST_VDMA_DOOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/vdma/device/vdma.h"

/* Memory: 1 MiB of RAM, a piece around 2^31, and 16 GiB at 2^40 that read as zero. */
#define RAM_BASE   0x40000000ull
#define RAM_SIZE   0x00100000ull
#define RAM_END    (RAM_BASE + RAM_SIZE)
#define EDGE_BASE  0x7fff0000ull
#define EDGE_SIZE  0x00020000ull
#define ZEROS_BASE 0x10000000000ull
#define ZEROS_SIZE 0x400000000ull

#define DESC_TABLE 0x40001000ull /* of queue 0, 16 entries */
#define AVAIL_RING 0x40002000ull
#define USED_RING  0x40003000ull
#define RING_SIZE  16u
#define HEADER     0x40004000ull
#define STATUS     0x40004100ull
#define INDIRECT   0x40005000ull
#define LISTS      0x40006000ull
#define TABLE      0x40008000ull /* of translations */
#define DATA       0x40020000ull
#define SINK       0x40060000ull

#define DISK_SECTORS 64u

#define NEXT   1u
#define WRITE  2u
#define TABLED 4u

#define READS  1u
#define WRITES 2u

#define NONE 0xffffffffu

struct grant {
    uint64_t address, length;
    unsigned access;
};

struct raw_record {
    uint64_t tick, pc, address, length, value;
    uint32_t request, type, segment;
    uint16_t event, rule, slot;
    uint8_t queue, code;
    uint32_t lost;
};

#define RECORDS 4096u
#define GRANTS  4096u

struct door {
    struct vdma *device;
    struct vdma_ports ports;
    uint8_t *ram, *edge;
    uint8_t disk[DISK_SECTORS * 512];
    uint64_t now, deadline, pc;
    bool line;
    unsigned rises;
    unsigned strays;
    uint64_t features;
    uint16_t avail, used_seen;
    struct grant grants[GRANTS];
    unsigned grant_count;
    struct raw_record records[RECORDS];
    unsigned record_count;
    unsigned owned; /* ranges that the device says it owns */
    struct vdma_owned last_owned;
    uint32_t config_rule; /* the rule of the last refused access or ring */
    uint32_t config_place;
    uint64_t config_value;
    /* Called after each read by the device, as another CPU may write at any time. */
    void (*after_read)(struct door *door, uint64_t address, uint32_t length);
};

/* Rules that some test of this program has seen refused. */
extern bool tripped[256];

/* Each test has a door of its own: setup and teardown, which also wants no stray. */
int door_setup(void **state);
int door_teardown(void **state);
/* The device off and on again with these options, and not yet set up by a driver. */
void door_power(struct door *door, const struct vdma_options *options);
/* Registers as a driver does it: reset, features, queue 0, DRIVER_OK. */
void door_start(struct door *door);
void door_start_features(struct door *door, uint64_t features);

/* One access to the registers. */
uint64_t door_read(struct door *door, uint32_t offset, unsigned size);
bool door_write(struct door *door, uint32_t offset, uint32_t value);

/* Bytes of memory, as the CPU sees it. */
uint8_t *door_at(struct door *door, uint64_t address);
void put16(struct door *door, uint64_t address, uint16_t value);
void put32(struct door *door, uint64_t address, uint32_t value);
void put64(struct door *door, uint64_t address, uint64_t value);
uint16_t get16(struct door *door, uint64_t address);
uint32_t get32(struct door *door, uint64_t address);
uint64_t get64(struct door *door, uint64_t address);
void fill_pattern(struct door *door, uint64_t address, uint64_t length, unsigned seed);

/* Allow the device an access. */
void door_grant(struct door *door, uint64_t address, uint64_t length, unsigned access);

/* A descriptor at `at`, which is granted as it says. */
void desc_at(struct door *door, uint64_t at, uint64_t address, uint32_t length, unsigned flags,
             unsigned next);
/* The same in the table of queue 0. */
void desc(struct door *door, unsigned index, uint64_t address, uint32_t length, unsigned flags,
          unsigned next);
/* Publish a head without a doorbell; with one, and everything done that is due. */
void publish(struct door *door, unsigned head);
void ring(struct door *door);
void submit(struct door *door, unsigned head);
void step_all(struct door *door);
/* Let time go on to each deadline, until the device has nothing left to do. */
void settle(struct door *door);

unsigned used_index(struct door *door);
uint32_t used_id(struct door *door, unsigned position);
uint32_t used_length(struct door *door, unsigned position);
bool needs_reset(struct door *door);

struct piece {
    uint64_t address;
    uint64_t length;
};

/* A request in one chain: header, readable data, writable data, status. */
struct ask {
    uint32_t type, flags;
    uint64_t tag, arguments[2];
    struct {
        uint64_t address;
        uint32_t entries;
        uint16_t format, reserved;
    } source, target;
    struct piece in[64], out[64]; /* the device reads, writes; length 0: the end */
    bool indirect;
    unsigned head;                 /* first descriptor */
    uint64_t header_at, status_at; /* 0: HEADER, STATUS */
};

struct answer {
    bool came; /* it is in the used ring */
    uint32_t id, length;
    uint64_t tag, value, moved;
    uint32_t segment;
    uint16_t rule;
    uint8_t where, code;
};

/* Write its bytes. */
void lay(struct door *door, const struct ask *ask);
/* Lay it, submit it, and read what came. Nothing waits for time to pass. */
struct answer run(struct door *door, const struct ask *ask);
struct answer answer_of(struct door *door, const struct ask *ask);
/* The same, and it must end well, or be refused in exactly this way. */
struct answer accepted(struct door *door, const struct ask *ask);
void refused(struct door *door, const struct ask *ask, unsigned rule, unsigned where,
             uint32_t segment, uint64_t value);
/* It has no usable status: the device fails, naming this. It is set up anew afterwards. */
void failed(struct door *door, const struct ask *ask, unsigned rule, uint32_t segment,
            uint64_t value);
void failed_ring(struct door *door, unsigned rule, uint32_t segment, uint64_t value);
/* The last access to the registers was refused so. */
void refused_register(struct door *door, unsigned rule, uint32_t offset, uint64_t value);

/* Records of one event since the last forget_records; the nth of them. */
unsigned count_records(struct door *door, unsigned event);
const struct raw_record *find_record(struct door *door, unsigned event, unsigned nth);
void forget_records(struct door *door);

/* 64 bytes of limits, sent by a request. */
struct raw_limits {
    uint8_t address_bits, directions;
    uint16_t depth;
    uint32_t segments_max;
    uint64_t segment_max, transfer_max;
    uint32_t alignment, alignment_length, alignment_internal, alignment_end;
    uint64_t boundary, latency;
    uint32_t table_entries, reserved;
};

void set_limits(struct door *door, const struct raw_limits *limits);
/* One fault, `after` requests later. */
void inject(struct door *door, unsigned kind, unsigned after, uint64_t argument, uint64_t second);

#endif
