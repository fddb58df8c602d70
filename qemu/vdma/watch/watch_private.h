/* SPDX-License-Identifier: BSD-2-Clause */
/* The insides of struct watch; a door needs its size, and looks at nothing in it. */
#ifndef QEMU_VDMA_WATCH_WATCH_PRIVATE_H
#define QEMU_VDMA_WATCH_WATCH_PRIVATE_H

#include "qemu/vdma/watch/watch.h"

#define WATCH_OWNED 2048u /* pieces of memory that the device has at once */
#define WATCH_OPEN  32u   /* pages open for a reason that lasts */
#define WATCH_STEP  4u    /* pages of one instruction */
#define WATCH_SAID  64u   /* places in the program that have been reported */
#define WATCH_BELLS 64u   /* doorbells whose callers are known */
#define WATCH_CALLS 8u

/* Calls that have led to a place in the program. */
struct watch_calls {
    uint64_t pcs[WATCH_CALLS];
    unsigned count;
    bool is_leaf;
};

struct watch_piece {
    struct vdma_owned bytes;
    uint64_t bell; /* which doorbell of the program's it was */
};

#define WATCH_POLLED  4u   /* places that a program polls */
#define WATCH_TRACKED 512u /* pages whose lines have copies */

struct watch_tracked {
    uint64_t page;
    /* By line: used in this way since it was let go of; and what went wrong there has been said. */
    uint64_t cached, uncached, told;
    uint64_t late;  /* polled, and not yet invalidated */
    bool two_types; /* has been said */
};

struct watch_lines {
    bool on, full;
    uint64_t polled[WATCH_POLLED]; /* 0: none */
    unsigned polled_next;
    uint64_t first, end;
    uint8_t *read, *written; /* by page, a bit: the CPU has been let in */
    uint8_t *copies;
    unsigned most, count;
    struct watch_tracked pages[WATCH_TRACKED];
    uint16_t buckets[2 * WATCH_TRACKED]; /* number + 1, by page; 0: none */
};

#define WATCH_BLOCKS  256u /* allocations that are remembered */
#define WATCH_TARGETS 256u /* pieces of memory that requests under way are to write */
#define WATCH_RESTS   64u  /* of them that were not written */

struct watch_block {
    uint64_t memory, bytes;
    struct watch_calls calls;
};

/* What a request is to write, and then what it has left. */
struct watch_rest {
    uint32_t request, type;
    uint64_t memory, length;
    uint64_t moved; /* by the request */
};

struct watch {
    const struct watch_door *door;
    void *context;
    unsigned what;

    struct watch_piece owned[WATCH_OWNED];
    unsigned owned_count;
    bool overflown; /* somebody has been told */
    uint64_t open[WATCH_OPEN];
    unsigned open_count;
    uint64_t step[WATCH_STEP];
    unsigned step_count;

    struct watch_calls bells[WATCH_BELLS];
    uint64_t bell; /* doorbells so far */

    struct watch_lines lines;
    struct watch_block blocks[WATCH_BLOCKS];
    uint64_t block; /* allocations so far */
    struct watch_rest targets[WATCH_TARGETS];
    struct watch_rest rests[WATCH_RESTS];
    unsigned target_count, rest_count;

    struct watch_place {
        enum watch_rule rule;
        uint64_t pc, caller;
        uint64_t end; /* of what it has touched last */
    } said[WATCH_SAID];
    unsigned said_count;
};

static inline uint64_t watch_page_of(uint64_t memory)
{
    return memory & ~(uint64_t)(WATCH_PAGE - 1);
}

/* owner.c: tell the door what the CPU may do to these pages now. */
void watch_update(struct watch *watch, uint64_t memory, uint64_t length);

/* lines.c: what it may do, and whether the page has copies. */
unsigned watch_lines_allowed(struct watch *watch, uint64_t page);
bool watch_lines_has(struct watch *watch, uint64_t page);

/* unwritten.c: look at what the device reads; somebody writes; the CPU reads or writes a rest. */
void watch_look_for_unwritten(struct watch *watch, uint64_t memory, const void *bytes,
                              uint64_t length);
void watch_filled(struct watch *watch, uint64_t memory, uint64_t length);
bool watch_has_rest(const struct watch *watch, uint64_t page);
bool watch_rest_access(struct watch *watch, const struct watch_access *access);
void watch_unwritten_record(struct watch *watch, const struct vdma_record *record);
const struct watch_block *watch_block_of(struct watch *watch, uint64_t memory);

/* report.c ------------------------------------------------------------------- */

void watch_put(struct watch *watch, const char *text);
void watch_put_hex(struct watch *watch, uint64_t value, unsigned digits); /* 0: as many as it has */
void watch_put_decimal(struct watch *watch, uint64_t value);

/* What an access has to do with the bytes of a request. */
void watch_report_access(struct watch *watch, enum watch_rule rule,
                         const struct watch_access *access, const struct watch_piece *piece);
void watch_report_refusal(struct watch *watch, const struct vdma_record *record);
/* The calls that have led to what happens now. */
void watch_get_calls(struct watch *watch, struct watch_calls *calls);
/* Has this been said of this place? It has from now on. */
bool watch_is_known(struct watch *watch, enum watch_rule rule, const struct watch_access *access,
                    const struct watch_calls *calls);
void watch_note_open(struct watch *watch, uint64_t page, uint64_t pc, enum watch_opening why);
/*
 * What is wrong with a line, by an access of the CPU's or, without one, of the device's; the bytes
 * as the CPU has them and as the device has them, NULL where they are not of interest.
 */
void watch_report_line(struct watch *watch, enum watch_rule rule, const struct watch_access *access,
                       uint64_t memory, uint64_t bytes, const uint8_t *cpu, const uint8_t *device);
/* Bytes that nobody has written, read by the CPU or, without an access, by the device. */
void watch_report_unwritten(struct watch *watch, enum watch_rule rule,
                            const struct watch_access *access, uint64_t memory, uint64_t bytes,
                            const struct watch_rest *rest);
void watch_note_full(struct watch *watch);
void watch_note_overflow(struct watch *watch, const struct vdma_owned *bytes);

#endif
