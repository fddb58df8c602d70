/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pinning the pages of ranges: one pass, in which each page is found, pinned, and joined to the
 * run of the one before it if it lies behind that.
 */
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/page/page_batch.h"
#include "kernel/trace.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

/* The last run is as long as it is, for now. */
static inline void note_last(struct vm_wiring *wiring)
{
    const uint64_t length = wiring->length - wiring->start;

    wiring->longest = length > wiring->longest ? length : wiring->longest;
    wiring->highest = wiring->next > wiring->highest ? wiring->next : wiring->highest;
}

/* Would bytes at an address go on where the last run ends? At 0 nothing does. */
static inline bool goes_on(const struct vm_wiring *wiring, uint64_t address)
{
    return address == wiring->next && address != 0;
}

/* Pinned bytes; there is room for them, or they go on where the last run ends. */
static void add(struct vm_wiring *wiring, uint64_t address, uint64_t length, bool on)
{
    if (!on) {
        note_last(wiring);
        wiring->start = wiring->length;
        wiring->list[wiring->count].address = address;
        wiring->count++;
    }
    wiring->length += length;
    wiring->next = address + length;
    wiring->list[wiring->count - 1].end = wiring->length;
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

/*
 * Bytes in a row, whatever they are in: RAM is pinned, and what is none passed over. KERN_NO_SPACE:
 * there is no room for them in the list.
 */
static kern_return_t pin_row(struct vm_wiring *wiring, struct page_batch *batch, uint64_t address,
                             uint64_t length, uint64_t not_if)
{
    const bool on = goes_on(wiring, address);
    const uint64_t end = (address + length + PAGE_MASK) >> PAGE_SHIFT;
    /* A page in which the last run ends is pinned for that run. */
    const uint64_t first = (address + (on ? PAGE_MASK : 0)) >> PAGE_SHIFT;
    struct page_batch now = *batch;
    uint64_t page = first;
    kern_return_t status = KERN_SUCCESS;

    if (!on && wiring->count == wiring->room) {
        return KERN_NO_SPACE;
    }
    while ((page = page_batch_pin(&now, page, end, not_if)) != end) {
        status = page_batch_judge(page);
        if (status != KERN_SUCCESS) {
            break;
        }
        page++;
    }
    *batch = now;
    if (status == KERN_SUCCESS) {
        add(wiring, address, length, on);
    } else {
        unpin_part(batch, first, page);
    }
    return status;
}

#define SMALLEST_BLOCK ((uint64_t)2 << 20) /* bytes, and their alignment, of what is no page */

/* Addresses of the direct map that may be accessed so, and lie `down` above what they show. */
struct shown {
    vaddr_t low, high;
    uint64_t down;
};

static kern_return_t show(struct shown *shown, vaddr_t at, unsigned access)
{
    struct mmu_translation there;

    if (!mmu_translate(mmu_kernel, at, &there)) {
        return KERN_INVALID_ADDRESS;
    }
    if ((access & ~there.attributes.access) != 0) {
        return KERN_PROTECTION_FAILURE;
    }
    shown->low = at & ~((there.contiguous > PAGE_SIZE ? SMALLEST_BLOCK : PAGE_SIZE) - 1);
    shown->high = at + there.contiguous;
    shown->down = at - there.pa.value;
    return KERN_SUCCESS;
}

/*
 * As many whole runs as are what most are: in the block that is known, few pages of RAM, and nobody
 * calls anybody. Returns the first that is not; it has its turn by itself.
 */
static __attribute__((noinline)) const struct memory_run *pin_shown(struct vm_wiring *wiring,
                                                                    struct page_batch *batch,
                                                                    const struct memory_run *bytes,
                                                                    uint64_t length,
                                                                    const struct shown *shown)
{
    struct page *const records = page_record(0);
    const uint8_t *const states = page_pool.sections;
    const uint64_t sections = page_pool.section_count, down = shown->down;
    const vaddr_t low = shown->low, high = shown->high;
    struct memory_run *run = wiring->list + wiring->count, *const limit =
                                                               wiring->list + wiring->room;
    uint64_t done = wiring->length, left = batch->left, next = wiring->next;
    uint64_t start = wiring->start, longest, highest;

    note_last(wiring);
    longest = wiring->longest;
    highest = wiring->highest;
    for (; done != length; bytes++) {
        const vaddr_t at = bytes->address;
        const uint64_t size = bytes->end - done, from = at - down, behind = from + size;
        struct page *const first = &records[from >> PAGE_SHIFT];
        struct page *const last = &records[(behind - 1) >> PAGE_SHIFT];
        const uint64_t section = from >> SECTION_SHIFT;
        struct page *page = first;

        if (at < low || at + size > high || from == next || run == limit ||
            (uint64_t)(last - first) >= left || (behind - 1) >> SECTION_SHIFT != section ||
            section >= sections || states[section] != SECTION_READY) {
            break;
        }
        while (page <= last && page_word_pin(&page->word, 0)) {
            page++;
        }
        if (page <= last) {
            while (page != first) {
                (--page)->word -= WORD_ONE_PIN;
            }
            break;
        }
        left -= (uint64_t)(page - first);
        start = done;
        done = bytes->end;
        next = behind;
        longest = size > longest ? size : longest;
        highest = behind > highest ? behind : highest;
        run->address = from;
        run->end = done;
        run++;
    }
    wiring->count = (size_t)(run - wiring->list);
    wiring->length = done;
    wiring->start = start;
    wiring->next = next;
    wiring->longest = longest;
    wiring->highest = highest;
    batch->left = left;
    return bytes;
}

/*
 * The bytes of these runs, as many of which as are in the direct map: nothing has to be made
 * resident. A walk for each block and not for each page or each run: the direct map is made of
 * large ones.
 */
static kern_return_t wire_direct(const struct memory_run *bytes, uint64_t start, uint64_t length,
                                 unsigned access, struct vm_wiring *wiring,
                                 struct page_batch *batch)
{
    struct shown shown = {0, 0, 0};
    kern_return_t status = KERN_SUCCESS;

    while (status == KERN_SUCCESS && wiring->length != length) {
        const vaddr_t at = bytes->address + (wiring->length - start);
        vaddr_t end = at + (bytes->end - wiring->length);

        if (at < shown.low || at >= shown.high) {
            if (!vm_map_is_direct(kernel_map, at)) {
                break;
            }
            status = show(&shown, at, access);
        }
        if (status == KERN_SUCCESS) {
            end = end < shown.high ? end : shown.high;
            status = pin_row(wiring, batch, at - shown.down, end - at, 0);
        }
        if (wiring->length == bytes->end && wiring->length != length) {
            bytes = pin_shown(wiring, batch, bytes + 1, length, &shown);
            start = wiring->length;
        }
    }
    return status;
}

/*
 * As many of these whole pages as are what most are: resident, not shared, and with room in the
 * list. Returns how many.
 */
static __attribute__((noinline)) uint64_t pin_slots(struct vm_wiring *wiring,
                                                    struct page_batch *batch, const vm_slot_t *slot,
                                                    uint64_t count)
{
    const vm_slot_t *const first = slot;
    const vm_slot_t *const end = slot + (count < batch->left ? count : batch->left);
    struct memory_run *run = wiring->list + wiring->count, *const limit =
                                                               wiring->list + wiring->room;
    uint64_t done = wiring->length, next = wiring->next, start = wiring->start;
    uint64_t longest = wiring->longest, highest = wiring->highest;
    struct page *const records = page_record(0);

    for (; slot != end; slot++) {
        const uint64_t page = vm_slot_page(*slot).value;

        if ((*slot & VM_SLOT_PRESENT) == 0 || (page != next && run == limit) ||
            /* It is allocated, and so it has a record. */
            !page_word_pin(&records[page >> PAGE_SHIFT].word, WORD_SHARED)) {
            break;
        }
        if (page != next) {
            longest = done - start > longest ? done - start : longest;
            highest = next > highest ? next : highest;
            start = done;
            run->address = page;
            run++;
        }
        next = page + PAGE_SIZE;
        done += PAGE_SIZE;
        run[-1].end = done;
    }
    wiring->count = (size_t)(run - wiring->list);
    wiring->length = done;
    wiring->start = start;
    wiring->next = next;
    wiring->longest = longest;
    wiring->highest = highest;
    batch->left -= (uint64_t)(slot - first);
    return (uint64_t)(slot - first);
}

/* One page as it is, or a part of it. KERN_MEMORY_ERROR: it has to be supplied first. */
static __attribute__((noinline)) kern_return_t pin_slot(struct vm_wiring *wiring,
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
    status = pin_row(wiring, batch, page.value + skip,
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

/* A pin that will be written marks its pages. */
static __attribute__((noinline)) void mark_slots(vm_slot_t *slot, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        slot[i] |= VM_SLOT_DIRTY;
    }
}

static kern_return_t wire_anonymous(struct vm_object *object, uint64_t at, uint64_t size,
                                    unsigned flags, struct vm_wiring *wiring,
                                    struct page_batch *batch)
{
    const uint64_t length = wiring->length + size;

    while (wiring->length < length) {
        const uint64_t index = at >> PAGE_SHIFT, skip = at & PAGE_MASK;
        const uint64_t before = wiring->length, left = length - before;
        const uint64_t in_chunk = VM_CHUNK_SLOTS - index % VM_CHUNK_SLOTS;
        const uint64_t all = (skip + left + PAGE_MASK) >> PAGE_SHIFT;
        const uint64_t pages = all < in_chunk ? all : in_chunk;
        vm_slot_t *const slot = vm_object_slot(object, index);
        uint64_t pinned = 0;

        if (slot != NULL && skip == 0) {
            pinned = pin_slots(wiring, batch, slot, pages);
        }
        if (pinned == 0) {
            kern_return_t status = pin_slot(wiring, batch, slot, skip, left);

            if (status == KERN_MEMORY_ERROR) {
                page_batch_end(batch, 1);
                status = supply(object, index, pages < PAGE_BATCH ? pages : PAGE_BATCH, flags);
                page_batch_begin(batch);
            } else {
                pinned = status == KERN_SUCCESS;
            }
            if (status != KERN_SUCCESS) {
                return status;
            }
        }
        /* Unless the caller tells of stores itself, when the transfer has succeeded. */
        if ((flags & (VM_WIRE_WRITE | VM_WIRE_UNMARKED)) == VM_WIRE_WRITE && pinned != 0) {
            mark_slots(slot, pinned);
        }
        at += wiring->length - before;
    }
    if (wiring->length != length) { /* the last page is not wanted whole */
        wiring->next -= wiring->length - length;
        wiring->length = length;
        wiring->list[wiring->count - 1].end = length;
    }
    return KERN_SUCCESS;
}

/* The bytes of an object, which has them all. */
static kern_return_t wire_object(struct vm_object *object, uint64_t at, uint64_t size,
                                 unsigned flags, struct vm_wiring *wiring, struct page_batch *batch)
{
    const uint64_t bytes = object->pages << PAGE_SHIFT;

    if (at > bytes || size > bytes - at) {
        return KERN_INVALID_ADDRESS;
    }
    /* Pinned all the same where it is RAM: somebody may own the pages and give them back. */
    return object->physical ? pin_row(wiring, batch, object->base.value + at, size, 0)
                            : wire_anonymous(object, at, size, flags, wiring, batch);
}

kern_return_t vm_object_wire_run(struct vm_object *object, uint64_t at, uint64_t size,
                                 unsigned flags, struct vm_wiring *wiring)
{
    struct page_batch batch;
    kern_return_t status;

    page_batch_begin(&batch);
    status = wire_object(object, at, size, flags, wiring, &batch);
    page_batch_end(&batch, 1);
    note_last(wiring);
    return status;
}

/* The bytes of one run that is not in the direct map, range by range. */
static kern_return_t wire_ranges(struct vm_map *map, vaddr_t at, uint64_t size, unsigned flags,
                                 struct vm_wiring *wiring, struct page_batch *batch)
{
    const unsigned access = (flags & VM_WIRE_WRITE) != 0 ? MMU_READ | MMU_WRITE : MMU_READ;
    kern_return_t status;

    do {
        const struct vm_entry *const entry = vm_map_entry(map, at);
        uint64_t part;

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
        part = entry->node.end - at;
        part = part < size ? part : size;
        status = wire_object(entry->range.object, entry->range.offset + (at - entry->node.start),
                             part, flags, wiring, batch);
        at += part;
        size -= part;
    } while (status == KERN_SUCCESS && size != 0);
    return status;
}

kern_return_t vm_map_wire_runs(struct vm_map *map, const struct memory_run *bytes, uint64_t length,
                               unsigned flags, struct vm_wiring *wiring)
{
    const unsigned access = (flags & VM_WIRE_WRITE) != 0 ? MMU_READ | MMU_WRITE : MMU_READ;
    kern_return_t status = KERN_SUCCESS;
    struct page_batch batch;
    uint64_t start = 0;

    page_batch_begin(&batch);
    while (wiring->length != length && status == KERN_SUCCESS) {
        const uint64_t before = wiring->length;
        vaddr_t at;

        for (; bytes->end <= before; bytes++) {
            start = bytes->end;
        }
        at = bytes->address + (before - start);
        status = vm_map_is_direct(map, at)
                     ? wire_direct(bytes, start, length, access, wiring, &batch)
                     : wire_ranges(map, at, bytes->end - before, flags, wiring, &batch);
        trace_wire(at, (wiring->length - before + PAGE_MASK) >> PAGE_SHIFT, status);
    }
    page_batch_end(&batch, 1);
    note_last(wiring);
    return status;
}

void vm_unwire_runs(const struct memory_run *runs, uint64_t length, bool written)
{
    /* Only an object's pages count their stores. */
    const uint8_t found = page_unpin_runs(runs, length, written ? VM_NOTE_OWNED : 0, VM_NOTE_DIRTY);
    uint64_t start = 0;

    if (!written || (found & VM_NOTE_CODE) == 0) {
        return;
    }
    for (; start != length; start = runs->end, runs++) {
        const uint64_t skip = runs->address & PAGE_MASK;

        vm_code_changed(paddr(runs->address - skip),
                        (skip + (runs->end - start) + PAGE_MASK) >> PAGE_SHIFT);
    }
}

#define FEW 32 /* runs at once, for who wants pages */

/* The pages of runs of whole pages, one by one; returns how many. */
static uint64_t name_pages(const struct vm_wiring *wiring, paddr_t *pages)
{
    const struct memory_run *run = wiring->list;
    uint64_t count = 0, start = 0;

    for (uint64_t at = 0; at != wiring->length; at += PAGE_SIZE) {
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
        const struct memory_run rest = {at + (done << PAGE_SHIFT), (count - done) << PAGE_SHIFT};
        struct vm_wiring wiring = {.list = few, .room = FEW};

        status = object != NULL ? vm_object_wire_run(object, rest.address, rest.end, flags, &wiring)
                                : vm_map_wire_runs(map, &rest, rest.end, flags, &wiring);
        done += name_pages(&wiring, &pages[done]);
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
