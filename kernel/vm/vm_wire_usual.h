/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pinning what most pages are: resident and nobody else's, or given to somebody and in the direct
 * map. Nobody is called for them, so that a batch of them has all that it needs in registers. What
 * is not so ends the batch, and has its turn by itself (vm_wire.c).
 */
#ifndef KERNEL_VM_WIRE_USUAL_H
#define KERNEL_VM_WIRE_USUAL_H

#include "kernel/vm/vm_object_private.h"
#include "kernel/vm/vm_wire_private.h"

#define WIRE_USUAL static inline __attribute__((always_inline))

/* A list that is being filled, while page_lock is held. */
struct vm_wiring {
    lock_state_t interrupts;
    uint64_t pages;         /* that are pinned by now */
    struct memory_run *run; /* to be filled next */
    size_t room;            /* for so many */
    uint64_t done;          /* bytes in the list */
    uint64_t longest, highest;
    bool follows;   /* there is a run before the next one: */
    uint64_t start; /* where that begins, in the list, */
    uint64_t next;  /* and ends, in memory; of none: where no page does */
};

/* Of a list that is empty. */
WIRE_USUAL struct vm_wiring vm_wiring_begin(const struct memory_runs *where)
{
    return (struct vm_wiring){
        .interrupts = lock_take(&page_lock),
        .run = where->list,
        .room = where->capacity,
        .next = UINT64_MAX,
    };
}

/* Of any. */
WIRE_USUAL struct vm_wiring vm_wiring_go_on(const struct memory_runs *where)
{
    struct vm_wiring wiring = vm_wiring_begin(where);
    const struct vm_last_run last = vm_last_run(where);

    wiring.run += where->count;
    wiring.room -= where->count;
    wiring.done = where->length;
    wiring.longest = where->longest;
    wiring.highest = where->highest;
    if (where->count != 0) {
        wiring.follows = true;
        wiring.start = last.start;
        wiring.next = last.next;
    }
    return wiring;
}

/* The next run, to byte `end` of the list; it begins with byte `start`. There is room for it. */
WIRE_USUAL void vm_wiring_add(struct vm_wiring *wiring, uint64_t address, uint64_t start,
                              uint64_t end)
{
    const uint64_t length = end - start;

    *wiring->run = (struct memory_run){address, end};
    wiring->run++;
    wiring->done = end;
    wiring->longest = length > wiring->longest ? length : wiring->longest;
    wiring->highest = address + length > wiring->highest ? address + length : wiring->highest;
}

WIRE_USUAL void vm_wiring_end(const struct vm_wiring *wiring, struct memory_runs *where)
{
    where->count = where->capacity - wiring->room;
    where->length = wiring->done;
    where->longest = wiring->longest;
    where->highest = wiring->highest;
    page_pool.pins += wiring->pages;
    lock_release(&page_lock, wiring->interrupts);
}

/* The rights that pinning asks for. */
WIRE_USUAL unsigned vm_wire_access(unsigned flags)
{
    return MMU_READ | (flags & VM_WIRE_WRITE) * (MMU_WRITE / VM_WIRE_WRITE);
}

/* Are pages dirty by being pinned? Else the caller says so, when the transfer has succeeded. */
WIRE_USUAL void vm_wire_mark(vm_slot_t *slots, uint64_t count, unsigned flags)
{
    if ((flags & (VM_WIRE_WRITE | VM_WIRE_UNMARKED)) == VM_WIRE_WRITE) {
        for (uint64_t i = 0; i != count; i++) {
            slots[i] |= VM_SLOT_DIRTY;
        }
    }
}

/* Of bytes of anonymous memory as many as are in pages that are resident and not shared. */
WIRE_USUAL void vm_wire_slots(struct vm_wiring *wiring, const struct vm_object *object, uint64_t at,
                              uint64_t size, unsigned flags)
{
    const uint64_t index = at >> PAGE_SHIFT, most = PAGE_BATCH - index % PAGE_BATCH;
    const uint64_t skip = at & PAGE_MASK, begin = wiring->done - skip, end = wiring->done + size;
    uint64_t start = wiring->done, back = skip, i = 0;
    uint64_t pages = (skip + size + PAGE_MASK) >> PAGE_SHIFT;
    vm_slot_t *const slots = vm_object_slot(object, index);
    struct page *const records = page_record(0);
    struct vm_wiring now = *wiring;

    _Static_assert(VM_CHUNK_SLOTS % PAGE_BATCH == 0, "a batch is of one chunk");
    if (slots == NULL) {
        return;
    }
    /* What goes on where the last run ends makes that one longer. */
    if (wiring->follows && vm_slot_page(*slots).value + skip == wiring->next) {
        if (skip != 0) {
            return; /* it ends in a page, which is pinned for it */
        }
        start = wiring->start;
        back = start - wiring->done;
        now.run--;
        now.room++;
    }
    pages = pages < most ? pages : most;
    do {
        const uint64_t first = vm_slot_page(slots[i]).value;
        uint64_t page = first, stop;

        /* It is allocated, and so it has a record. */
        if ((slots[i] & VM_SLOT_PRESENT) == 0 || now.room == 0 ||
            !page_word_pin(&records[page >> PAGE_SHIFT].word, WORD_SHARED)) {
            break;
        }
        do {
            page += PAGE_SIZE;
            i++;
        } while (i != pages &&
                 (slots[i] & (~PAGE_MASK | VM_SLOT_PRESENT)) == (page | VM_SLOT_PRESENT) &&
                 page_word_pin(&records[page >> PAGE_SHIFT].word, WORD_SHARED));
        stop = begin + (i << PAGE_SHIFT) < end ? begin + (i << PAGE_SHIFT) : end;
        vm_wiring_add(&now, first + back, start, stop);
        now.room--;
        start = stop;
        back = 0;
    } while (i != pages);
    if (i != 0) {
        *wiring = now;
        wiring->pages = i;
        vm_wire_mark(slots, i, flags);
    }
}

/* One that somebody has been given. By its fields, whose masks need no registers. */
WIRE_USUAL bool pin_given_page(struct page *page)
{
    if ((page->state & ~RECORD_FIRST) != RECORD_ALLOCATED || page->pins == UINT32_MAX) {
        return false;
    }
    page->pins++;
    return true;
}

/*
 * Pages behind one of a run, no more than its section has, and `most`; returns how many. Called,
 * because most runs have none, and those have all that they need in registers then.
 */
WIRE_USUAL uint64_t vm_wire_more(struct page *first, uint64_t more, uint64_t most)
{
    const uint64_t in_section = SECTION_PAGES - 1 - page_index(first) % SECTION_PAGES;
    uint64_t pinned = 0;

    more = more < most ? more : most;
    more = more < in_section ? more : in_section;
    while (pinned != more && pin_given_page(&first[pinned + 1])) {
        pinned++;
    }
    return pinned;
}

/*
 * Whole runs of the direct map: of pages that somebody has been given, a few of one section, apart
 * from the run before. Returns the run behind the last of which there is something. No table is
 * asked: what is given to anybody is what the direct map shows, to be read and written, for good.
 * RAM that it does not show so is reserved.
 */
WIRE_USUAL const struct memory_run *vm_wire_given(struct vm_wiring *wiring,
                                                  const struct memory_run *bytes,
                                                  const struct memory_run *end)
{
    struct page *const records = page_record(0);
    const uint64_t listed = (uint64_t)(end - bytes);
    const uint64_t spare = listed < wiring->room ? wiring->room - listed : 0;
    const struct memory_run *const last = bytes + (wiring->room - spare);
    const struct memory_run *full = bytes + PAGE_BATCH; /* a page of each run */
    const struct memory_run *stop = last < full ? last : full;
    uint64_t ready = UINT64_MAX; /* a section that has records */

    while (bytes != stop) {
        /* Of what is below the direct map: behind all RAM. */
        const uint64_t from = bytes->address - DIRECT_MAP_BASE;
        const uint64_t section = from >> SECTION_SHIFT;
        uint64_t size = bytes->end - wiring->done;
        const uint64_t more = ((from + size - 1) >> PAGE_SHIFT) - (from >> PAGE_SHIFT);
        struct page *const first = &records[from >> PAGE_SHIFT];

        if (section != ready) {
            if (!page_is_ready(paddr(from), page_pool.section_count)) {
                break;
            }
            ready = section;
        }
        if (from == wiring->next || !pin_given_page(first)) {
            break;
        }
        if (more != 0) {
            const uint64_t pinned = vm_wire_more(first, more, (uint64_t)(full - bytes) - 1);

            full -= pinned;
            stop = last < full ? last : full;
            if (pinned != more) {
                size = ((pinned + 1) << PAGE_SHIFT) - (from & PAGE_MASK);
                stop = bytes + 1;
            }
        }
        vm_wiring_add(wiring, from, wiring->done, wiring->done + size);
        wiring->next = from + size;
        bytes++;
    }
    wiring->pages = PAGE_BATCH - (uint64_t)(full - bytes);
    wiring->room = (uint64_t)(last - bytes) + spare;
    return bytes;
}

/* Of bytes of a range of a map, from an address on, what is usual. */
WIRE_USUAL void vm_wire_range(struct vm_wiring *wiring, struct vm_map *map, vaddr_t at,
                              uint64_t size, unsigned flags)
{
    const struct vm_entry *const entry = vm_map_entry(map, at);

    /*
     * The rights of the range, not of the tables: these may hold less (a clean page) until the
     * first store. Of nothing there are none.
     */
    if (entry == NULL || (vm_wire_access(flags) & ~entry->range.access) != 0 ||
        entry->range.object->physical) {
        return;
    }
    size = size < entry->node.end - at ? size : entry->node.end - at;
    vm_wire_slots(wiring, entry->range.object, entry->range.offset + (at - entry->node.start), size,
                  flags);
}

#endif
