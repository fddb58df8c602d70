/* SPDX-License-Identifier: BSD-2-Clause */
/* Pinning what the direct map shows: nothing has to be made resident, and no range be found. */
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/vm/vm_wire_private.h"

/*
 * As many whole runs as are what most are: a page that somebody has been given, or a few of one
 * section, apart from the run before it; nobody is called for them. Returns the first that is not;
 * what of it is not done has its turn by itself. No table is asked: what is given to anybody is
 * what the direct map shows, to be read and written, for good. RAM that it does not show so is
 * reserved.
 */
static __attribute__((noinline)) const struct memory_run *pin_given(struct memory_runs *where,
                                                                    struct page_batch *batch,
                                                                    const struct memory_run *bytes,
                                                                    const struct memory_run *end)
{
    struct page *const records = page_record(0);
    const uint8_t *const states = page_pool.sections;
    const uint64_t sections = page_pool.section_count, room = where->capacity - where->count;
    const uint64_t listed = (uint64_t)(end - bytes), runs = listed < room ? listed : room;
    uint64_t left = batch->left; /* for a page of each run */
    const struct memory_run *const begin = bytes, *stop = begin + (runs < left ? runs : left);
    struct memory_run *run = where->list + where->count;
    uint64_t done = where->length, next = vm_last_run(where).next;
    uint64_t longest = where->longest, highest = where->highest, cut = 0;

    while (bytes != stop) {
        uint64_t size = bytes->end - done;
        /* Of what is below the direct map: behind all RAM. */
        const uint64_t from = bytes->address - DIRECT_MAP_BASE;
        const uint64_t section = from >> SECTION_SHIFT;
        const uint64_t more = ((from + size - 1) >> PAGE_SHIFT) - (from >> PAGE_SHIFT);
        struct page *const first = &records[from >> PAGE_SHIFT];

        if (section >= sections || states[section] != SECTION_READY || from == next ||
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
                cut = 1;
            }
        }
        longest = size > longest ? size : longest;
        highest = from + size > highest ? from + size : highest;
        next = from + size;
        done += size;
        run->address = from;
        run->end = done;
        run++;
        bytes++;
    }
    batch->left = left - (uint64_t)(bytes - begin);
    where->count = (size_t)(run - where->list);
    where->length = done;
    where->longest = longest;
    where->highest = highest;
    return bytes - cut;
}

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
    *shown = (struct shown){at, at + there.contiguous, at - there.pa.value};
    return KERN_SUCCESS;
}

/*
 * [at, end), as far as it is in the direct map, whoever owns it: what the tables show is what is
 * there. A walk for each block and not for each page: the direct map is made of large ones.
 */
static kern_return_t pin_shown(struct memory_runs *where, struct page_batch *batch, vaddr_t at,
                               vaddr_t end, unsigned access, struct shown *shown)
{
    kern_return_t status = KERN_SUCCESS;

    while (status == KERN_SUCCESS && at != end && vm_map_is_direct(kernel_map, at)) {
        if (at < shown->low || at >= shown->high) {
            status = show(shown, at, access);
        }
        if (status == KERN_SUCCESS) {
            const vaddr_t stop = end < shown->high ? end : shown->high;

            status = vm_wire_row(where, batch, at - shown->down, stop - at, 0);
            at = stop;
        }
    }
    return status;
}

kern_return_t vm_wire_direct(const struct memory_runs *bytes, const struct memory_run *run,
                             unsigned flags, struct memory_runs *where, struct page_batch *batch)
{
    const unsigned access = (flags & VM_WIRE_WRITE) != 0 ? MMU_READ | MMU_WRITE : MMU_READ;
    const struct memory_run *const end = bytes->list + bytes->count;
    struct shown shown = {0, 0, 0};
    kern_return_t status = KERN_SUCCESS;

    for (; status == KERN_SUCCESS && run != end; run++) {
        uint64_t start = run != bytes->list ? run[-1].end : 0;

        /* A run that is no single batch has its turn by itself anyhow. */
        while (where->length == start && run->end - start <= PAGE_BATCH * PAGE_SIZE) {
            const struct memory_run *const next = pin_given(where, batch, run, end);

            if (next == end) {
                return KERN_SUCCESS;
            }
            if (next == run) {
                break;
            }
            run = next;
            start = run[-1].end;
            if (batch->left == 0) {
                page_batch_renew(batch, 1);
            }
        }
        const vaddr_t at = run->address + (where->length - start);

        status = pin_shown(where, batch, at, run->address + (run->end - start), access, &shown);
        if (where->length != run->end) {
            break; /* it could not be, or the rest lies elsewhere */
        }
    }
    return status;
}
