/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A row of runs: bytes of which each run is one entry of a device's list, as it is. Who writes
 * such lists may be given a row, and not a segment at a time: between one run and the next there
 * is no call then.
 *
 *     static bool put(void *list, uint64_t address, uint64_t length, UInt32 index)
 *     {
 *         ((struct entry *)list)[index] = (struct entry){address, length};
 *         return true;
 *     }
 *
 *     UInt32 output_row(struct IOMemoryRow *row, void *list)
 *     {
 *         return IOMemoryRow_each(row, put, list);
 *     }
 *
 * Any context.
 */
#ifndef DESCRIPTORS_IOMEMORYROW_H
#define DESCRIPTORS_IOMEMORYROW_H

#include "descriptors/IOTypes.h"

/* Bytes [offset, end) of a list of runs (kernel/types.h), at least one. */
struct IOMemoryRow {
    const struct memory_run *run; /* that the first of them is in */
    uint64_t address;             /* of that byte */
    uint64_t offset, end;
};

/* Puts out entry `index`; false: it is not taken, and nothing more is wanted. */
typedef bool IOMemoryRowPut(void *context, uint64_t address, uint64_t length, UInt32 index);

/* Entry `index` was not taken: the row ends where the ones before it do. */
static inline UInt32 IOMemoryRow_refused(struct IOMemoryRow *row, UInt32 index)
{
    if (index != 0) {
        row->offset = row->run[index - 1].end;
    }
    return index;
}

/*
 * `index` is what it is; but the compiler does not see that, and so keeps no number that is made
 * of it in another register meanwhile.
 */
static inline void IOMemoryRow_hide(UInt32 *index)
{
    __asm__("" : "+r"(*index));
}

/*
 * Entries 0, 1, 2 ... of a row: a run each, the first and the last as far as they are in it.
 * Returns how many were taken; the row's `offset` is behind them then.
 */
static inline __attribute__((always_inline)) UInt32 IOMemoryRow_each(struct IOMemoryRow *row,
                                                                     IOMemoryRowPut *put,
                                                                     void *context)
{
    const struct memory_run *next = row->run + 1;
    const uint64_t stop = row->end;
    uint64_t address = row->address, end = row->run->end, length = end - row->offset, odd;
    UInt32 index = 0;

    /*
     * The last one is cut behind the loop: inside, each run would pay for the question. Two runs a
     * round, whose ends take turns in two variables: a run's end is where the next one starts, and
     * one variable would have to be moved out of the way of it.
     */
    while (end < stop) {
        if (!put(context, address, length, index)) {
            return IOMemoryRow_refused(row, index);
        }
        address = next[0].address;
        odd = next[0].end;
        length = odd - end;
        if (odd >= stop) {
            end = odd;
            IOMemoryRow_hide(&index);
            index++;
            break;
        }
        if (!put(context, address, length, index + 1)) {
            IOMemoryRow_hide(&index);
            return IOMemoryRow_refused(row, index + 1);
        }
        address = next[1].address;
        end = next[1].end;
        length = end - odd;
        next += 2;
        index += 2;
    }
    IOMemoryRow_hide(&index);
    if (!put(context, address, length - (end - stop), index)) {
        return IOMemoryRow_refused(row, index);
    }
    row->offset = stop;
    return index + 1;
}

#endif
