/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pinning the pages of ranges: one pass, in which each page is found, pinned, and joined to the
 * run of the one before it if it lies behind that.
 */
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/trace.h"
#include "kernel/vm/vm_object_private.h"
#include "kernel/vm/vm_wire_private.h"

/* Pinned bytes; there is room for them, or they go `on` where the last run ends. */
static void add(struct memory_runs *where, uint64_t address, uint64_t length, bool on)
{
    uint64_t start = where->length, end = address + length;

    if (on) {
        start = vm_last_run(where).start;
    } else {
        where->list[where->count].address = address;
        where->count++;
    }
    where->length += length;
    where->list[where->count - 1].end = where->length;
    length = where->length - start;
    where->longest = length > where->longest ? length : where->longest;
    where->highest = end > where->highest ? end : where->highest;
}

/* Pages of a row that was not pinned whole cannot stay so. */
static __attribute__((noinline)) void unpin_part(struct page_batch *batch, uint64_t first,
                                                 uint64_t end)
{
    page_batch_end(batch, 1);
    for (; first != end; first++) {
        page_unpin(paddr(first << PAGE_SHIFT));
    }
    page_batch_begin(batch);
}

kern_return_t vm_wire_row(struct memory_runs *where, struct page_batch *batch, uint64_t address,
                          uint64_t length, uint64_t not_if)
{
    /* At 0 nothing goes on. */
    const bool on = address == vm_last_run(where).next && address != 0;
    const uint64_t end = (address + length + PAGE_MASK) >> PAGE_SHIFT;
    /* A page in which the last run ends is pinned for that run. */
    const uint64_t first = (address + (on ? PAGE_MASK : 0)) >> PAGE_SHIFT;
    struct page_batch now = *batch;
    uint64_t page = first;
    kern_return_t status = KERN_SUCCESS;

    if (!on && where->count == where->capacity) {
        return KERN_NO_SPACE;
    }
    while ((page = page_batch_pin(&now, page, end, not_if)) != end) {
        status = page_batch_judge(page);
        if (status != KERN_SUCCESS) {
            break;
        }
        where->registers = true;
        page++;
    }
    *batch = now;
    if (status == KERN_SUCCESS) {
        add(where, address, length, on);
    } else {
        unpin_part(batch, first, page);
    }
    return status;
}

/* One page as it is, or a part of it. KERN_MEMORY_ERROR: it has to be supplied first. */
static __attribute__((noinline)) kern_return_t pin_slot(struct memory_runs *where,
                                                        struct page_batch *batch,
                                                        const vm_slot_t *slot, uint64_t skip,
                                                        uint64_t size)
{
    kern_return_t status;
    paddr_t page;

    if (slot == NULL || (*slot & VM_SLOT_PRESENT) == 0) {
        return KERN_MEMORY_ERROR;
    }
    page = vm_slot_page(*slot);
    status = vm_wire_row(where, batch, page.value + skip,
                         size < PAGE_SIZE - skip ? size : PAGE_SIZE - skip, WORD_SHARED);
    return status == KERN_FAILURE && page_is_shared(page) ? KERN_MEMORY_ERROR : status;
}

/* Make a page resident and nobody else's, and those behind it that are absent, at most `count`. */
static __attribute__((noinline)) kern_return_t supply(struct vm_object *object, uint64_t index,
                                                      uint64_t count, unsigned flags)
{
    const unsigned how =
        VM_SUPPLY_UNSHARED | ((flags & VM_WIRE_NO_FAULT) != 0 ? VM_SUPPLY_RESIDENT : 0);
    kern_return_t status;
    paddr_t page;

    /*
     * The page in front of it is pinned: making this one resident may reclaim what is not, of
     * memory that may be lost.
     */
    if (object->purgeable) {
        count = 1;
    }
    do {
        const vm_slot_t *slot;

        status = vm_object_supply(object, index++, how, &page);
        slot = --count != 0 && index % VM_CHUNK_SLOTS != 0 ? vm_object_slot(object, index) : NULL;
        if (slot == NULL || (*slot & VM_SLOT_PRESENT) != 0) {
            break;
        }
    } while (status == KERN_SUCCESS);
    return status;
}

/* Are pages dirty by being pinned? Else the caller says so, when the transfer has succeeded. */
static inline bool marks(unsigned flags)
{
    return (flags & (VM_WIRE_WRITE | VM_WIRE_UNMARKED)) == VM_WIRE_WRITE;
}

static __attribute__((noinline)) void mark_slots(vm_slot_t *slot, const vm_slot_t *end)
{
    for (; slot != end; slot++) {
        *slot |= VM_SLOT_DIRTY;
    }
}

/*
 * Of bytes of anonymous memory the next page, or what is wanted of it; or at least the supply of
 * it, and of those behind it.
 */
static __attribute__((noinline)) kern_return_t wire_next(struct vm_object *object, uint64_t at,
                                                         uint64_t size, unsigned flags,
                                                         struct memory_runs *where,
                                                         struct page_batch *batch)
{
    const uint64_t index = at >> PAGE_SHIFT;
    vm_slot_t *const slot = vm_object_slot(object, index);
    kern_return_t status = pin_slot(where, batch, slot, at & PAGE_MASK, size);

    if (status == KERN_MEMORY_ERROR) {
        const uint64_t pages = ((at + size + PAGE_MASK) >> PAGE_SHIFT) - index;

        page_batch_end(batch, 1);
        status = supply(object, index, pages < PAGE_BATCH ? pages : PAGE_BATCH, flags);
        page_batch_begin(batch);
    } else if (status == KERN_SUCCESS && marks(flags)) {
        mark_slots(slot, slot + 1);
    }
    return status;
}

/*
 * Of bytes of anonymous memory as many as are in pages that are what most are: wanted whole,
 * resident, not shared, and with room in the list. What is not has its turn by itself.
 */
static __attribute__((noinline)) kern_return_t wire_slots(struct vm_object *object, uint64_t at,
                                                          uint64_t size, unsigned flags,
                                                          struct memory_runs *where,
                                                          struct page_batch *batch)
{
    const uint64_t index = at >> PAGE_SHIFT, whole = size >> PAGE_SHIFT;
    const uint64_t in_chunk = VM_CHUNK_SLOTS - index % VM_CHUNK_SLOTS;
    const uint64_t wanted = whole < in_chunk ? whole : in_chunk;
    vm_slot_t *const first = vm_object_slot(object, index), *slot = first;
    const vm_slot_t *const end = first + (wanted < batch->left ? wanted : batch->left);
    struct memory_run *run = where->list + where->count, *const limit =
                                                             where->list + where->capacity;
    const struct vm_last_run last = vm_last_run(where);
    uint64_t done = where->length, start = last.start, next = last.next;
    uint64_t longest = where->longest, highest = where->highest;
    struct page *const records = page_record(0);

    if (slot == NULL || (at & PAGE_MASK) != 0) {
        return wire_next(object, at, size, flags, where, batch);
    }
    while (slot != end) { /* a run, or what goes on with one */
        const vm_slot_t *const begin = slot;
        const uint64_t address = vm_slot_page(*slot).value;
        uint64_t page = address;

        if ((*slot & VM_SLOT_PRESENT) == 0 || (page != next && run == limit)) {
            break;
        }
        /* It is allocated, and so it has a record. */
        while (page_word_pin(&records[page >> PAGE_SHIFT].word, WORD_SHARED)) {
            page += PAGE_SIZE;
            slot++;
            if (slot == end ||
                (*slot & (~PAGE_MASK | VM_SLOT_PRESENT)) != (page | VM_SLOT_PRESENT)) {
                break;
            }
        }
        if (slot == begin) {
            break;
        }
        if (address != next) {
            start = done;
            run->address = address;
            run++;
        }
        done += page - address;
        next = page;
        run[-1].end = done;
        longest = done - start > longest ? done - start : longest;
        highest = next > highest ? next : highest;
    }
    if (slot == first) {
        return wire_next(object, at, size, flags, where, batch);
    }
    where->count = (size_t)(run - where->list);
    where->length = done;
    where->longest = longest;
    where->highest = highest;
    batch->left -= (uint64_t)(slot - first);
    if (marks(flags)) {
        mark_slots(first, slot);
    }
    return KERN_SUCCESS;
}

/* Bytes of an object, which has them, or as many of them as can be had at once. */
static inline kern_return_t wire_object(struct vm_object *object, uint64_t at, uint64_t size,
                                        unsigned flags, struct memory_runs *where,
                                        struct page_batch *batch)
{
    /* Pinned all the same where it is RAM: somebody may own the pages and give them back. */
    return object->physical ? vm_wire_row(where, batch, object->base.value + at, size, 0)
                            : wire_slots(object, at, size, flags, where, batch);
}

kern_return_t vm_object_wire_run(struct vm_object *object, uint64_t at, uint64_t size,
                                 unsigned flags, struct memory_runs *where)
{
    const uint64_t bytes = object->pages << PAGE_SHIFT, end = where->length + size;
    kern_return_t status = KERN_SUCCESS;
    struct page_batch batch;

    if (at > bytes || size > bytes - at) {
        return KERN_INVALID_ADDRESS;
    }
    page_batch_begin(&batch);
    while (status == KERN_SUCCESS && where->length != end) {
        const uint64_t left = end - where->length;

        status = wire_object(object, at + (size - left), left, flags, where, &batch);
    }
    page_batch_end(&batch, 1);
    return status;
}

/* Of bytes that are not in the direct map as many as can be had at once, of one range. */
static inline kern_return_t wire_range(struct vm_map *map, vaddr_t at, uint64_t size,
                                       unsigned flags, struct memory_runs *where,
                                       struct page_batch *batch)
{
    const unsigned access = (flags & VM_WIRE_WRITE) != 0 ? MMU_READ | MMU_WRITE : MMU_READ;
    const struct vm_entry *const entry = vm_map_entry(map, at);

    if (entry == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    /*
     * The rights of the range, not of the tables: these may hold less (a clean page) until the
     * first store.
     */
    if (entry->range.object == NULL || (access & ~entry->range.access) != 0) {
        return KERN_PROTECTION_FAILURE;
    }
    if (size > entry->node.end - at) {
        size = entry->node.end - at;
    }
    return wire_object(entry->range.object, entry->range.offset + (at - entry->node.start), size,
                       flags, where, batch);
}

kern_return_t vm_map_wire_runs(struct vm_map *map, const struct memory_runs *bytes, unsigned flags,
                               struct memory_runs *where)
{
    const struct memory_run *run = bytes->list;
    kern_return_t status = KERN_SUCCESS;
    struct page_batch batch;
    uint64_t start = 0;

    page_batch_begin(&batch);
    while (status == KERN_SUCCESS && where->length != bytes->length) {
        const uint64_t before = where->length;
        vaddr_t at;

        for (; run->end <= before; run++) {
            start = run->end;
        }
        at = run->address + (before - start);
        if (vm_map_is_direct(map, at)) {
            status = vm_wire_direct(bytes, run, flags, where, &batch);
        } else {
            do {
                status = wire_range(map, run->address + (where->length - start),
                                    run->end - where->length, flags, where, &batch);
            } while (status == KERN_SUCCESS && where->length != run->end);
        }
        trace_wire(at, (where->length - before + PAGE_MASK) >> PAGE_SHIFT, status);
    }
    page_batch_end(&batch, 1);
    return status;
}

void vm_unwire_runs(const struct memory_runs *runs, bool written)
{
    /* Only an object's pages count their stores. */
    const uint8_t found = page_unpin_runs(runs, written ? VM_NOTE_OWNED : 0, VM_NOTE_DIRTY);
    uint64_t start = 0;

    if (!written || (found & VM_NOTE_CODE) == 0) {
        return;
    }
    for (size_t i = 0; i < runs->count; i++) {
        const struct memory_run *const run = &runs->list[i];
        const uint64_t skip = run->address & PAGE_MASK;

        vm_code_changed(paddr(run->address - skip),
                        (skip + (run->end - start) + PAGE_MASK) >> PAGE_SHIFT);
        start = run->end;
    }
}

#define FEW 32 /* runs at once, for who wants pages */

/* The pages of runs of whole pages, one by one; returns how many. */
static uint64_t name_pages(const struct memory_runs *where, paddr_t *pages)
{
    const struct memory_run *run = where->list;
    uint64_t count = 0, start = 0;

    for (uint64_t at = 0; at != where->length; at += PAGE_SIZE) {
        if (at == run->end) {
            start = at;
            run++;
        }
        pages[count++] = paddr(run->address + (at - start));
    }
    return count;
}

/* `count` pages from an address of a map on, or from an offset in an object. */
static kern_return_t wire_pages(struct vm_map *map, struct vm_object *object, uint64_t at,
                                uint64_t count, unsigned flags, paddr_t *pages)
{
    struct memory_run few[FEW];
    kern_return_t status;
    uint64_t done = 0;

    if (count == 0) {
        return KERN_SUCCESS;
    }
    do {
        struct memory_run rest = {at + (done << PAGE_SHIFT), (count - done) << PAGE_SHIFT};
        const struct memory_runs bytes = {.list = &rest, .count = 1, .length = rest.end};
        struct memory_runs where = {.list = few, .capacity = FEW};

        status = object != NULL ? vm_object_wire_run(object, rest.address, rest.end, flags, &where)
                                : vm_map_wire_runs(map, &bytes, flags, &where);
        done += name_pages(&where, &pages[done]);
    } while (status == KERN_NO_SPACE);
    if (status != KERN_SUCCESS) {
        /* All or nothing: the caller has no list of what is pinned. */
        vm_unwire(pages, done);
    }
    return status;
}

kern_return_t vm_map_wire(struct vm_map *map, vaddr_t start, uint64_t count, unsigned flags,
                          paddr_t *pages)
{
    return wire_pages(map, NULL, start, count, flags, pages);
}

kern_return_t vm_object_wire(struct vm_object *object, uint64_t first, uint64_t count,
                             unsigned flags, paddr_t *pages)
{
    /* In pages: as bytes, either could wrap. */
    if (first > object->pages || count > object->pages - first) {
        return KERN_INVALID_ADDRESS;
    }
    return wire_pages(NULL, object, first << PAGE_SHIFT, count, flags, pages);
}

void vm_unwire(const paddr_t *pages, uint64_t count)
{
    page_unpin_list(pages, count);
}
