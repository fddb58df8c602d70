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
void watch_note_overflow(struct watch *watch, const struct vdma_owned *bytes);

#endif
