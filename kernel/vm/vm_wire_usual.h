/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pinning what most pages are: resident and nobody else's, or given to somebody and in the direct
 * map. Nobody is called for them, so that a batch of them has all that it needs in registers. What
 * is not so ends the batch, and has its turn by itself (vm_wire.c).
 */
#ifndef KERNEL_VM_WIRE_USUAL_H
#define KERNEL_VM_WIRE_USUAL_H

#include "kernel/page/page_batch.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

#define WIRE_USUAL static inline __attribute__((always_inline))

/* A list that is being filled, while page_lock is held. */
struct vm_wiring {
    lock_state_t interrupts;
    uint64_t pages;         /* that are pinned by now */
    struct memory_run *run; /* to be filled next */
    size_t room;            /* for so many */
    uint64_t done;          /* bytes in the list */
    uint64_t last, next;    /* bytes of the last run, and where it ends; of none: as no page does */
    uint64_t longest, highest;
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

/* Of one that is not. */
WIRE_USUAL struct vm_wiring vm_wiring_go_on(const struct memory_runs *where)
{
    struct vm_wiring wiring = vm_wiring_begin(where);

    if (where->count != 0) {
        const struct memory_run *const last = &where->list[where->count - 1];

        wiring.run += where->count;
        wiring.room -= where->count;
        wiring.last = last->end - (where->count != 1 ? last[-1].end : 0);
        wiring.next = last->address + wiring.last;
    }
    wiring.done = where->length;
    wiring.longest = where->longest;
    wiring.highest = where->highest;
    return wiring;
}

/* There is room for them, or they go on where the last run ends. */
WIRE_USUAL void vm_wiring_add(struct vm_wiring *wiring, uint64_t address, uint64_t bytes)
{
    if (address != wiring->next) {
        wiring->last = 0;
        wiring->run->address = address;
        wiring->run++;
        wiring->room--;
    }
    wiring->last += bytes;
    wiring->next = address + bytes;
    wiring->done += bytes;
    wiring->run[-1].end = wiring->done;
    wiring->longest = wiring->last > wiring->longest ? wiring->last : wiring->longest;
    wiring->highest = wiring->next > wiring->highest ? wiring->next : wiring->highest;
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

/*
 * Are pages dirty by being pinned? Else the caller says so, when the transfer has succeeded.
 */
WIRE_USUAL void vm_wire_mark(vm_slot_t *slot, const vm_slot_t *end, unsigned flags)
{
    if ((flags & (VM_WIRE_WRITE | VM_WIRE_UNMARKED)) == VM_WIRE_WRITE) {
        for (; slot != end; slot++) {
            *slot |= VM_SLOT_DIRTY;
        }
    }
}

/* Of bytes of anonymous memory as many as are in pages that are resident and not shared. */
WIRE_USUAL void vm_wire_slots(struct vm_wiring *wiring, const struct vm_object *object, uint64_t at,
                              uint64_t size, unsigned flags)
{
    const uint64_t index = at >> PAGE_SHIFT, most = PAGE_BATCH - index % PAGE_BATCH;
    uint64_t skip = at & PAGE_MASK;
    const uint64_t pages = (skip + size + PAGE_MASK) >> PAGE_SHIFT;
    vm_slot_t *const first = vm_object_slot(object, index), *slot = first;
    struct page *const records = page_record(0);
    const vm_slot_t *end;

    _Static_assert(VM_CHUNK_SLOTS % PAGE_BATCH == 0, "a batch is of one chunk");
    if (first == NULL) {
        return;
    }
    end = first + (pages < most ? pages : most);
    do { /* a run, or what goes on with one */
        const uint64_t from = vm_slot_page(*slot).value + skip;
        uint64_t page = from - skip, bytes;

        /*
         * It is allocated, and so it has a record. A page in which the last run ends is pinned for
         * that run.
         */
        if ((*slot & VM_SLOT_PRESENT) == 0 ||
            (from != wiring->next ? wiring->room == 0 : skip != 0) ||
            !page_word_pin(&records[page >> PAGE_SHIFT].word, WORD_SHARED)) {
            break;
        }
        do {
            page += PAGE_SIZE;
            slot++;
        } while (slot != end &&
                 (*slot & (~PAGE_MASK | VM_SLOT_PRESENT)) == (page | VM_SLOT_PRESENT) &&
                 page_word_pin(&records[page >> PAGE_SHIFT].word, WORD_SHARED));
        bytes = page - from < size ? page - from : size;
        vm_wiring_add(wiring, from, bytes);
        size -= bytes;
        skip = 0;
    } while (slot != end);
    wiring->pages = (uint64_t)(slot - first);
    vm_wire_mark(first, slot, flags);
}

/*
 * Whole runs of the direct map: of pages that somebody has been given, a few of one section, apart
 * from the run before. No table is asked:
 * what is given to anybody is what the direct map shows, to be read and written, for good. RAM
 * that it does not show so is reserved.
 */
WIRE_USUAL void vm_wire_given(struct vm_wiring *wiring, const struct memory_run *bytes,
                              const struct memory_run *end)
{
    struct page *const records = page_record(0);
    const uint8_t *const states = page_pool.sections;
    const uint64_t sections = page_pool.section_count;
    const uint64_t listed = (uint64_t)(end - bytes);
    const uint64_t runs = listed < wiring->room ? listed : wiring->room;
    uint64_t left = PAGE_BATCH; /* for a page of each run */
    const struct memory_run *const begin = bytes, *stop = begin + (runs < left ? runs : left);

    while (bytes != stop) {
        uint64_t size = bytes->end - wiring->done;
        /* Of what is below the direct map: behind all RAM. */
        const uint64_t from = bytes->address - DIRECT_MAP_BASE;
        const uint64_t section = from >> SECTION_SHIFT;
        const uint64_t more = ((from + size - 1) >> PAGE_SHIFT) - (from >> PAGE_SHIFT);
        struct page *const first = &records[from >> PAGE_SHIFT];

        if (section >= sections || states[section] != SECTION_READY || from == wiring->next ||
            !page_word_pin(&first->word, WORD_RESERVED)) {
            break;
        }
        if (more != 0) {
            const struct page *const behind = &records[(section + 1) << SECTION_ORDER];
            const uint64_t taken = (uint64_t)(bytes - begin) + 1;
            struct page *page = first + 1;

            /* No more than its section has, and the batch. */
            while (page != first + 1 + more && page != behind && left != taken &&
                   page_word_pin(&page->word, WORD_RESERVED)) {
                left--;
                page++;
            }
            stop = begin + (runs < left ? runs : left);
            if (page != first + 1 + more) {
                size = ((uint64_t)(page - first) << PAGE_SHIFT) - (from & PAGE_MASK);
                stop = bytes + 1;
            }
        }
        vm_wiring_add(wiring, from, size);
        bytes++;
    }
    wiring->pages = PAGE_BATCH - left + (uint64_t)(bytes - begin);
}

/*
 * Of run `run` of bytes, from where the list ends on, what is usual; of the direct map, of runs
 * behind it, too. One batch at most.
 */
WIRE_USUAL void vm_wire_usual(struct vm_wiring *wiring, struct vm_map *map,
                              const struct memory_runs *bytes, const struct memory_run *run,
                              uint64_t start, unsigned flags)
{
    const vaddr_t at = run->address + (wiring->done - start);
    uint64_t size = run->end - wiring->done;
    const struct vm_entry *entry;

    if (vm_map_is_direct(map, at)) {
        if (wiring->done == start) {
            vm_wire_given(wiring, run, bytes->list + bytes->count);
        }
        return;
    }
    entry = vm_map_entry(map, at);
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
