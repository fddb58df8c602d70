/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver has told a recording of its lists, to be compared with what its device was told:
 * in the order of kernel/trace.h, a list's beginning, its entries, and the doorbell.
 */
#ifndef TESTS_HOST_DRIVERS_RECORDED_H
#define TESTS_HOST_DRIVERS_RECORDED_H

#include "descriptors/IODMACommand.h"
#include "kernel/trace.h"

#define RECORDED_ENTRIES 600u

struct recorded_entry {
    const void *transfer;
    uint64_t address;
    uint32_t length;
    unsigned index;
    enum trace_list list;
    unsigned flags; /* TRACE_SLOT_... */
};

struct recorded_list {
    const void *command;
    uint64_t offset; /* in the descriptor */
    uint64_t device;
    unsigned count;
    uint64_t bytes; /* of all that are not the driver's own */
    bool is_told;   /* a doorbell stands behind them */
    struct recorded_entry entries[RECORDED_ENTRIES];
};

/* Record from now on; and no more. Everything that was recorded is there then. */
void recorded_begin(void);
void recorded_end(void);

/* Events of a kind; the values of one of them, counted from 0. False: there are not so many. */
unsigned recorded_count(enum trace_kind kind);
bool recorded_event(enum trace_kind kind, unsigned nth, uint64_t values[3]);

/* The list that was begun as the nth, from 0. False: there are not so many. */
bool recorded_list(unsigned nth, struct recorded_list *list);

/*
 * It is a list of so many bytes of a command, from this byte of its descriptor on, in entries that
 * are numbered from `first` on, each of this kind and with these flags, and the device was told.
 */
void recorded_expect(const struct recorded_list *list, const IODMACommand *command, uint64_t offset,
                     uint64_t bytes, enum trace_list kind, unsigned first, unsigned flags);

#endif
