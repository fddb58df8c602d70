/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the CPU does to memory that is the device's, judged and put into words. A door
 * that sees accesses of the CPU (the one at EL2) says which bytes the device has been given and
 * what an access was; here is decided whether that was right, which pages the CPU is to be
 * kept off so that the next one is seen, and what is said about it.
 *
 *     static struct watch watch;
 *     watch_init(&watch, &door, context, WATCH_OWNER);
 *     watch_own(&watch, &bytes);        bytes become the device's: the CPU is kept off their pages
 *       watch_access(&watch, &access);  an access there: a report, if it was wrong
 *       watch_step_begin(&watch, page); ... watch_step_end(&watch);    which is then let through
 *     watch_disown(&watch, request);    and the program's again
 *
 * Freestanding C without memory of its own; the same calls say the same words. Not re-entrant; a
 * door's functions must not call back.
 */
#ifndef QEMU_VDMA_WATCH_WATCH_H
#define QEMU_VDMA_WATCH_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu/vdma/device/vdma.h"

/* What is watched. */
#define WATCH_OWNER 1u /* bytes that the device has are not the CPU's */
#define WATCH_RULES 2u /* and the device's own refusals are told as well */
#define WATCH_COHERENCE                                                                            \
    4u                /* neither sees what the other has written, until a line is maintained       \
                       */
#define WATCH_INIT 8u /* bytes that nobody has written are nobody's to read */

/* What the CPU may do to a page. */
#define WATCH_READ  1u
#define WATCH_WRITE 2u

#define WATCH_PAGE 4096u
#define WATCH_LINE 64u

enum watch_rule {
    WATCH_NONE,
#define WATCH_RULE(id, what, means, instead) id,
#include "qemu/vdma/watch/rules.def"
#undef WATCH_RULE
    WATCH_RULE_COUNT,
};

/* Why a page is open although the device has bytes of it. */
enum watch_opening {
    WATCH_EXCLUSIVE, /* a load-exclusive is followed by a store that fails after any exception */
    WATCH_WALK,      /* the CPU's own translation tables are there */
};

/* One access of the CPU, within one page. */
struct watch_access {
    uint64_t memory; /* physical address of its first byte */
    uint64_t virt;   /* the same byte, as the program names it */
    uint64_t pc;
    uint32_t bytes;
    bool reads, writes; /* an atomic one does both */
    bool user;          /* at EL0 */
    bool cached;        /* through memory of a type that is */
};

/* What a door provides. */
struct watch_door {
    /* Let the CPU do this (WATCH_READ, WATCH_WRITE) to whole pages from `memory` on. */
    void (*allow)(void *context, uint64_t memory, uint64_t bytes, unsigned allowed);
    /* Where a report goes. */
    void (*put)(void *context, const char *text);
    /*
     * Optional: calls that have led to the code whose access or doorbell it is, the last one
     * first. `is_leaf`: that one may as well be the last that this code has made itself.
     */
    unsigned (*callers)(void *context, uint64_t *pcs, unsigned most, bool *is_leaf);
    /* For WATCH_COHERENCE and WATCH_INIT: where this memory, within a page, is for us. */
    uint8_t *(*memory)(void *context, uint64_t memory);
    /* After a report: the machine is to end, or NULL: it goes on. */
    void (*stop)(void *context);
};

struct watch;

#include "qemu/vdma/watch/watch_private.h"

/* Begin, with everything allowed; `what` is a sum of WATCH_... */
void watch_init(struct watch *watch, const struct watch_door *door, void *context, unsigned what);

/* The program is about to ring a doorbell: reports name its callers, too. Optional. */
void watch_doorbell(struct watch *watch);
/* The ports of the same names. */
void watch_own(struct watch *watch, const struct vdma_owned *bytes);
void watch_disown(struct watch *watch, uint32_t request);
void watch_record(struct watch *watch, const struct vdma_record *record);

/*
 * Judge one. True: it was wrong, and has been reported: each rule once for each place in the
 * program. A function that calls none, such as memcpy, is all one place in each of its calls, and
 * so is code that goes on where it was in memory.
 */
bool watch_access(struct watch *watch, const struct watch_access *access);

/* For an access that has to be made by the CPU itself: its page is open until the step is over. */
void watch_step_begin(struct watch *watch, uint64_t memory);
void watch_step_end(struct watch *watch);

/* What never ends by steps opens its page until no byte of it is the device's. */
void watch_open(struct watch *watch, uint64_t memory, uint64_t pc, enum watch_opening why);

/*
 * Coherence ------------------------------------------------------------------------
 *
 * From `first` up to `end`, whole pages, memory has a cache in front of it from now on. `pool` is
 * room for the copies: two bits for each page, and 8 KiB for each that the device or maintenance
 * comes to. False: it is not asked for, or there is too little room. All pages are closed, so that
 * the first access to each is seen.
 */
bool watch_lines_begin(struct watch *watch, uint64_t first, uint64_t end, uint8_t *pool,
                       uint64_t bytes);
/* An access of the CPU's, before it is made: where it is made instead; NULL: where it is. */
uint8_t *watch_lines_access(struct watch *watch, const struct watch_access *access);
/*
 * Four bytes from there on, which the device writes when it likes, are looked at again and again:
 * to see them late once is no mistake, to see them again without an invalidate is.
 */
void watch_lines_polled(struct watch *watch, uint64_t memory);
/* For one that the CPU has to make by itself: exchange its bytes with those there, and back. */
void watch_lines_swap(struct watch *watch, uint64_t memory, uint64_t bytes);
/* Is there nothing that it may not do to the page? */
bool watch_is_open(struct watch *watch, uint64_t memory);

enum watch_maintenance {
    WATCH_CLEAN,
    WATCH_INVALIDATE,
    WATCH_CLEAN_INVALIDATE
};

/* Of the line where the access lies. */
void watch_maintain(struct watch *watch, enum watch_maintenance what,
                    const struct watch_access *access);

/* The ports of the device: memory as it sees it. */
void watch_device_reads(struct watch *watch, uint64_t memory, void *to, uint32_t length);
void watch_device_writes(struct watch *watch, uint64_t memory, const void *from, uint32_t length);

/*
 * Initialisation -------------------------------------------------------------------
 *
 * An allocator has given out these bytes, in one page: they are filled with a pattern.
 */
void watch_allocated(struct watch *watch, uint64_t memory, uint64_t bytes);

/* What is wrong, in a few words; NULL: no such rule. */
const char *watch_rule_name(enum watch_rule rule);

/*
 * Instructions ----------------------------------------------------------------------
 *
 * What one of A64 does to memory, for those that a syndrome does not describe (Arm ARM, "Loads and
 * stores", "Memory copies" excepted).
 */
struct watch_instruction {
    uint32_t bytes;
    bool reads, writes;
    bool exclusive; /* load-exclusive or store-exclusive */
    uint8_t base;   /* register, 31: SP */
    bool literal;   /* the base is the PC */
    int64_t offset;
    uint8_t index; /* register that is added, 31: none */
    uint8_t extend, shift;
    uint32_t block; /* the address is rounded down to a multiple of this; 0: not */
};

/* False: none that is known; `zva` is the size of the block that DC ZVA clears. */
bool watch_decode(uint32_t word, uint32_t zva, struct watch_instruction *instruction);
/* The address of its first byte, given the registers that it finds. */
uint64_t watch_address(const struct watch_instruction *instruction, const uint64_t x[31],
                       uint64_t sp, uint64_t pc);

#endif
