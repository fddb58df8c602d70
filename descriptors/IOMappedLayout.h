/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a mapper puts the bytes of an allocation. It places physical runs in order, each
 * at its own offset in a page, and in a page of its own unless it continues the run
 * before it in memory: then a device finds it at the next address as well. Whoever knows
 * the runs and the I/O address of the first byte knows all I/O addresses.
 */
#ifndef DESCRIPTORS_IOMAPPEDLAYOUT_H
#define DESCRIPTORS_IOMAPPEDLAYOUT_H

#include "descriptors/IOTypes.h"

/* How far the placing has come. */
struct IOMappedLayout {
    uint64_t next;     /* I/O address behind what is placed; at first, of the first byte */
    uint64_t physical; /* address behind what is placed */
    bool placed;       /* anything */
};

/* Of an allocation whose first byte is at the I/O address `base`. */
static inline struct IOMappedLayout IOMappedLayout_begin(uint64_t base)
{
    struct IOMappedLayout layout;

    layout.next = base;
    layout.physical = 0;
    layout.placed = false;
    return layout;
}

/*
 * Place a piece, not empty, and tell its I/O address. False: it has none, because the
 * first byte's offset in its page is not the base's, or addresses wrap.
 */
static inline bool IOMappedLayout_place(struct IOMappedLayout *layout, uint64_t physical,
                                        uint64_t length, uint64_t *address)
{
    uint64_t at = layout->next, end;

    if (!layout->placed) {
        if (((at ^ physical) & PAGE_MASK) != 0) {
            return false;
        }
    } else if (physical != layout->physical) {
        if (round_page_overflow(at, &at) || __builtin_add_overflow(at, physical & PAGE_MASK, &at)) {
            return false;
        }
    }
    if (__builtin_add_overflow(at, length - 1, &end)) {
        return false;
    }
    layout->next = at + length;
    layout->physical = physical + length;
    layout->placed = true;
    *address = at;
    return true;
}

#endif
