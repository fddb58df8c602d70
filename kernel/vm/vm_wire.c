/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pinning the pages of ranges: one pass, in which each page is found, pinned, and joined to the
 * run of the one before it if it lies behind that.
 */
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/page/page_unpin.h"
#include "kernel/trace.h"
#include "kernel/vm/vm_wire_usual.h"

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
static void unpin_part(uint64_t first, uint64_t end)
{
    for (; first != end; first++) {
        page_unpin(paddr(first << PAGE_SHIFT));
    }
}

/* Pages [first, end), in batches, as page_batch_pin; what is no RAM is not passed over. */
static __attribute__((noinline)) uint64_t pin_pages(uint64_t first, uint64_t end, uint64_t not_if)
{
    struct page_batch batch;

    page_batch_begin(&batch);
    first = page_batch_pin(&batch, first, end, not_if);
    page_batch_end(&batch, 1);
    return first;
}

kern_return_t vm_wire_row(struct memory_runs *where, uint64_t address, uint64_t length,
                          uint64_t not_if)
{
    /* At 0 nothing goes on. */
    const bool on = address == vm_last_run(where).next && address != 0;
    const uint64_t end = (address + length + PAGE_MASK) >> PAGE_SHIFT;
    /* A page in which the last run ends is pinned for that run. */
    const uint64_t first = (address + (on ? PAGE_MASK : 0)) >> PAGE_SHIFT;
    uint64_t page = first;
    kern_return_t status = KERN_SUCCESS;

    if (!on && where->count == where->capacity) {
        return KERN_NO_SPACE;
    }
    while ((page = pin_pages(page, end, not_if)) != end) {
        status = page_batch_judge(page);
        if (status != KERN_SUCCESS) {
            break;
        }
        where->registers = true;
        page++;
    }
    if (status == KERN_SUCCESS) {
        add(where, address, length, on);
    } else {
        unpin_part(first, page);
    }
    return status;
}

/* One page as it is, or a part of it. KERN_MEMORY_ERROR: it has to be supplied first. */
static kern_return_t pin_slot(struct memory_runs *where, const vm_slot_t *slot, uint64_t skip,
                              uint64_t size)
{
    kern_return_t status;
    paddr_t page;

    if (slot == NULL || (*slot & VM_SLOT_PRESENT) == 0) {
        return KERN_MEMORY_ERROR;
    }
    page = vm_slot_page(*slot);
    status = vm_wire_row(where, page.value + skip,
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

/*
 * Of bytes of anonymous memory the next page, or what is wanted of it; or at least the supply of
 * it, and of those behind it.
 */
static kern_return_t wire_next(struct vm_object *object, uint64_t at, uint64_t size, unsigned flags,
                               struct memory_runs *where)
{
    const uint64_t index = at >> PAGE_SHIFT;
    vm_slot_t *const slot = vm_object_slot(object, index);
    const kern_return_t status = pin_slot(where, slot, at & PAGE_MASK, size);

    if (status == KERN_MEMORY_ERROR) {
        const uint64_t pages = ((at + size + PAGE_MASK) >> PAGE_SHIFT) - index;

        return supply(object, index, pages < PAGE_BATCH ? pages : PAGE_BATCH, flags);
    }
    if (status == KERN_SUCCESS) {
        vm_wire_mark(slot, 1, flags);
    }
    return status;
}

/* Bytes of an object, which has them, or as many of them as can be had at once. */
static kern_return_t wire_object(struct vm_object *object, uint64_t at, uint64_t size,
                                 unsigned flags, struct memory_runs *where)
{
    /* Pinned all the same where it is RAM: somebody may own the pages and give them back. */
    return object->physical ? vm_wire_row(where, object->base.value + at, size, 0)
                            : wire_next(object, at, size, flags, where);
}

kern_return_t vm_object_wire_run(struct vm_object *object, uint64_t at, uint64_t size,
                                 unsigned flags, struct memory_runs *where)
{
    const uint64_t bytes = object->pages << PAGE_SHIFT, end = where->length + size;
    kern_return_t status = KERN_SUCCESS;

    if (at > bytes || size > bytes - at) {
        return KERN_INVALID_ADDRESS;
    }
    while (status == KERN_SUCCESS && where->length != end) {
        const uint64_t before = where->length, left = end - before;

        if (!object->physical) {
            struct vm_wiring wiring = vm_wiring_go_on(where);

            vm_wire_slots(&wiring, object, at + (size - left), left, flags);
            vm_wiring_end(&wiring, where);
        }
        if (where->length == before) {
            status = wire_object(object, at + (size - left), left, flags, where);
        }
    }
    return status;
}

/* Bytes that are not in the direct map, of one range. */
static kern_return_t wire_range(struct vm_map *map, vaddr_t at, uint64_t size, unsigned flags,
                                struct memory_runs *where)
{
    const struct vm_entry *const entry = vm_map_entry(map, at);

    if (entry == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    if ((vm_wire_access(flags) & ~entry->range.access) != 0) {
        return KERN_PROTECTION_FAILURE;
    }
    if (size > entry->node.end - at) {
        size = entry->node.end - at;
    }
    return wire_object(entry->range.object, entry->range.offset + (at - entry->node.start), size,
                       flags, where);
}

/* Of run `run` of bytes what comes next, whatever it is, or what there is of it at once. */
static kern_return_t wire_odd(struct vm_map *map, const struct memory_runs *bytes,
                              const struct memory_run *run, unsigned flags,
                              struct memory_runs *where)
{
    const uint64_t start = run != bytes->list ? run[-1].end : 0;
    const vaddr_t at = run->address + (where->length - start);
    const uint64_t size = run->end - where->length;

    return vm_map_is_direct(map, at) ? vm_wire_shown(at, size, flags, where)
                                     : wire_range(map, at, size, flags, where);
}

/*
 * Bytes [from, to) are pinned, and what comes behind them has answered `status`: an event for each
 * range; those of the direct map, one behind the other, are one.
 */
static __attribute__((noinline, cold)) void trace_ranges(struct vm_map *map,
                                                         const struct memory_runs *bytes,
                                                         uint64_t from, uint64_t to,
                                                         kern_return_t status)
{
    const struct memory_run *run = bytes->list, *const end = run + bytes->count;
    uint64_t start = 0;
    bool failed = false;

    for (; run != end && run->end <= from; run++) {
        start = run->end;
    }
    while (!failed && run != end && (start < to || status != KERN_SUCCESS)) {
        const bool direct = vm_map_is_direct(map, run->address);
        const uint64_t begin = from > start ? from : start;
        const vaddr_t at = run->address + (begin - start);

        do {
            start = run->end;
            run++;
        } while (direct && run != end && vm_map_is_direct(map, run->address));
        failed = status != KERN_SUCCESS && to < start;
        trace_wire(at, ((failed ? to : start) - begin + PAGE_MASK) >> PAGE_SHIFT,
                   failed ? status : KERN_SUCCESS);
    }
}

/* What is usual of runs of the direct map; returns the one behind the last that has begun. */
static __attribute__((noinline)) const struct memory_run *pin_given(const struct memory_run *run,
                                                                    const struct memory_run *end,
                                                                    struct memory_runs *where)
{
    struct vm_wiring wiring = vm_wiring_go_on(where);

    run = vm_wire_given(&wiring, run, end);
    vm_wiring_end(&wiring, where);
    return run;
}

/* What is usual of bytes of a map. */
static __attribute__((noinline)) void pin_range(struct vm_map *map, vaddr_t at, uint64_t size,
                                                unsigned flags, struct memory_runs *where)
{
    struct vm_wiring wiring = vm_wiring_go_on(where);

    vm_wire_range(&wiring, map, at, size, flags);
    vm_wiring_end(&wiring, where);
}

/* What is usual of run `run` and those behind it; returns the first that may not be done. */
static const struct memory_run *wire_batch(struct vm_map *map, const struct memory_runs *bytes,
                                           const struct memory_run *run, unsigned flags,
                                           struct memory_runs *where)
{
    const uint64_t start = run != bytes->list ? run[-1].end : 0;
    const vaddr_t at = run->address + (where->length - start);

    if (!vm_map_is_direct(map, at)) {
        pin_range(map, at, run->end - where->length, flags, where);
        return run;
    }
    /* The rest of one that has begun is odd, and so is what is no single batch. */
    if (where->length == start && run->end - start <= PAGE_BATCH * PAGE_SIZE) {
        const struct memory_run *const behind = pin_given(run, bytes->list + bytes->count, where);

        return behind != run ? behind - 1 : run;
    }
    return run;
}

/* From where the list ends on. */
static __attribute__((noinline)) kern_return_t wire_on(struct vm_map *map,
                                                       const struct memory_runs *bytes,
                                                       unsigned flags, struct memory_runs *where)
{
    const struct memory_run *run = bytes->list;
    const uint64_t from = where->length;
    kern_return_t status = KERN_SUCCESS;

    while (status == KERN_SUCCESS && where->length != bytes->length) {
        const uint64_t before = where->length;

        for (; run->end <= before; run++) {
        }
        run = wire_batch(map, bytes, run, flags, where);
        if (where->length == before) {
            status = wire_odd(map, bytes, run, flags, where);
        }
    }
    if (trace_is_on()) {
        trace_ranges(map, bytes, from, where->length, status);
    }
    return status;
}

kern_return_t vm_map_wire_runs(struct vm_map *map, const struct memory_runs *bytes, unsigned flags,
                               struct memory_runs *where)
{
    /* Most are of one range, and done with it. */
    if (where->count == 0 && !trace_is_on()) {
        const struct memory_run *const first = bytes->list;
        struct vm_wiring wiring = vm_wiring_begin(where);

        if (vm_map_is_direct(map, first->address)) {
            if (first->end <= PAGE_BATCH * PAGE_SIZE) { /* else it is no single batch anyhow */
                vm_wire_given(&wiring, first, first + 1);
            }
        } else {
            vm_wire_range(&wiring, map, first->address, first->end, flags);
        }
        vm_wiring_end(&wiring, where);
    }
    /* Called last, so that what is usual has all of it in registers. */
    return where->length == bytes->length ? KERN_SUCCESS : wire_on(map, bytes, flags, where);
}

/* Only an object's pages count their stores. */
static inline struct page_unpinning unwire_begin(const struct memory_runs *runs, bool written)
{
    return page_unpin_begin(runs, written, VM_NOTE_OWNED, VM_NOTE_DIRTY);
}

/* Pages with code among them have been written: those who execute it see what is there now. */
static void code_changed(const struct memory_runs *runs)
{
    uint64_t start = 0;

    for (size_t i = 0; i < runs->count; i++) {
        const struct memory_run *const run = &runs->list[i];
        const uint64_t skip = run->address & PAGE_MASK;

        vm_code_changed(paddr(run->address - skip),
                        (skip + (run->end - start) + PAGE_MASK) >> PAGE_SHIFT);
        start = run->end;
    }
}

/* From a run on, of which `done` pages are done; `found` in the notes of all before. */
static __attribute__((noinline)) void unwire_rest(const struct memory_runs *runs, bool written,
                                                  const struct memory_run *run, uint64_t done,
                                                  uint64_t found)
{
    struct page_unpinning walk = unwire_begin(runs, written);

    walk.start = run != walk.run ? run[-1].end : 0;
    walk.run = run;
    walk.done = done;
    walk.found = found;
    page_unpin_rest(runs, &walk);
    if ((walk.found & VM_NOTE_CODE) != 0) {
        code_changed(runs);
    }
}

void vm_unwire_runs(const struct memory_runs *runs, bool written)
{
    struct page_unpinning walk = unwire_begin(runs, written);

    if (!runs->registers) {
        page_unpin_some(&walk);
    }
    /* Called last and by value, so that what is usual has all of it in registers. */
    if (walk.run != walk.end || (walk.found & VM_NOTE_CODE) != 0) {
        unwire_rest(runs, written, walk.run, walk.done, walk.found);
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
