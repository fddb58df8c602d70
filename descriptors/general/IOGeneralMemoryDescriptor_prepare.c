/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wiring. The first prepare pins the pages and decides at once which physical
 * runs the described bytes form; the last complete undoes both.
 */
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/reference/IOMemoryReference.h"

#define FOUR_GIB_PAGES (1ull << (32 - PAGE_SHIFT))

static uint64_t pages_between(uint64_t address, uint64_t end)
{
    return atop(round_page(end)) - atop(address);
}

static IOReturn make_page_list(IOGeneralMemoryDescriptor *self)
{
    uint64_t count = 0, start = 0;

    for (size_t i = 0; i < self->source.count; i++) {
        const struct IOMemoryRun *run = &self->source.list[i];

        count += pages_between(run->address, run->address + (run->end - start));
        start = run->end;
    }
    /*
     * Small transfers are most of them: their list lies in the object, so that preparing one
     * asks the heap for nothing.
     */
    self->pages =
        count <= GENERAL_FEW_PAGES ? self->fewPages : platform_alloc(count * sizeof(*self->pages));
    if (self->pages == NULL) {
        return kIOReturnNoMemory;
    }
    self->pageCount = count; /* of a list that is there: others go by it alone */
    return kIOReturnSuccess;
}

static void drop_page_list(IOGeneralMemoryDescriptor *self)
{
    if (self->pages != self->fewPages) {
        platform_free(self->pages);
    }
    self->pages = NULL;
    self->pageCount = 0;
}

/* Pin what the task shows now. */
static kern_return_t pin_ranges(IOGeneralMemoryDescriptor *self, unsigned flags)
{
    /* A task that has died since has no map; what it had is gone, and not an empty range. */
    const vm_map_t map = get_task_map(self->task);
    kern_return_t status = map != NULL ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    uint64_t done = 0, start = 0;

    for (size_t i = 0; i < self->source.count && status == KERN_SUCCESS; i++) {
        const struct IOMemoryRun *run = &self->source.list[i];
        const uint64_t count = pages_between(run->address, run->address + (run->end - start));

        status = platform_wire(map, trunc_page(run->address), count, flags, &self->pages[done]);
        if (status == KERN_SUCCESS) {
            done += count;
        }
        start = run->end;
    }
    /* All or nothing: a caller whose prepare failed has nothing to complete. */
    if (status != KERN_SUCCESS) {
        platform_unwire(self->pages, done);
    }
    return status;
}

static IOReturn pin_pages(IOGeneralMemoryDescriptor *self, unsigned flags)
{
    /*
     * A persistent descriptor means the memory that was there when it was made, wherever the
     * task has moved it; any other one means what the addresses show today.
     */
    const bool persistent =
        (self->super.flags & kIOMemoryPersistent) != 0 && self->reference != NULL;
    const kern_return_t status = persistent
                                     ? IOMemoryReference_wire(self->reference, flags, self->pages)
                                     : pin_ranges(self, flags);

    return status == KERN_SUCCESS ? kIOReturnSuccess
                                  : IOReturn_fromKernel(status, kIOReturnDoingPrepare);
}

/* How many of these pages from the first on lie at consecutive addresses. */
static uint64_t consecutive(const paddr_t *pages, uint64_t count)
{
    uint64_t n = 1;

    while (n < count && pages[n].value == pages[n - 1].value + PAGE_SIZE) {
        n++;
    }
    return n;
}

#define FEW_PIECES 8 /* that are remembered, so that their pages need not be walked again */

/* What the source runs come to once they are split where consecutive pages end. */
struct pieces {
    size_t count;
    uint64_t highest; /* address of a page */
    struct {
        uint64_t address, length;
    } first[FEW_PIECES];
};

/* Split the source runs; the pieces go to `runs`. NULL: they are counted in *pieces. */
static void split_runs(const IOGeneralMemoryDescriptor *self, struct IOMemoryRuns *runs,
                       struct pieces *pieces)
{
    const paddr_t *page = self->pages;
    uint64_t start = 0;

    pieces->count = 0;
    pieces->highest = 0;
    for (size_t i = 0; i < self->source.count; i++) {
        const struct IOMemoryRun *run = &self->source.list[i];
        uint64_t left = run->end - start;
        uint64_t skip = run->address & PAGE_MASK; /* bytes before the described ones */
        uint64_t count = pages_between(run->address, run->address + left);

        while (count != 0) {
            const uint64_t n = consecutive(page, count);
            const uint64_t length = left < ptoa(n) - skip ? left : ptoa(n) - skip;

            if (runs != NULL) {
                IOMemoryRuns_append(runs, page->value + skip, length);
            } else if (pieces->count < FEW_PIECES) {
                pieces->first[pieces->count].address = page->value + skip;
                pieces->first[pieces->count].length = length;
            }
            pieces->count++;
            if (page[n - 1].value > pieces->highest) {
                pieces->highest = page[n - 1].value;
            }
            page += n;
            count -= n;
            left -= length;
            skip = 0;
        }
        IOASSERT(left == 0);
        start = run->end;
    }
}

static IOReturn wire(IOGeneralMemoryDescriptor *self, IODirection direction)
{
    const bool below4GiB = ((direction | self->super.flags) & kIODirectionPrepareToPhys32) != 0;
    unsigned flags = 0;
    IOReturn status = make_page_list(self);
    struct pieces pieces;

    if (status != kIOReturnSuccess) {
        return status;
    }
    /*
     * Out alone is the one transfer in which the device only reads. Everything else may store,
     * so the pages must be writable, and private, before they are pinned.
     */
    if ((direction & kIODirectionOutIn) != kIODirectionOut) {
        flags |= PLATFORM_WIRE_WRITE | PLATFORM_WIRE_UNMARKED;
    }
    if ((direction & kIODirectionPrepareNoFault) != 0) {
        flags |= PLATFORM_WIRE_NO_FAULT;
    }
    status = pin_pages(self, flags);
    if (status != kIOReturnSuccess) {
        if (status == kIOReturnNotWritable && self->task == kernel_task) {
            IOLEDGER(readOnly(self, self->super.length));
        }
        drop_page_list(self);
        return status;
    }
    split_runs(self, NULL, &pieces);
    /*
     * Kept: each command that is prepared asks whether its device reaches all of it, which must not
     * cost a walk each time.
     */
    self->highestPage = atop(pieces.highest);
    if (below4GiB && self->highestPage >= FOUR_GIB_PAGES) {
        status = kIOReturnCannotWire;
    } else if (!IOMemoryRuns_init(&self->wired, pieces.count)) {
        /*
         * Counted before it is filled: the list is never larger than it must be, and filling it
         * cannot fail.
         */
        status = kIOReturnNoMemory;
    }
    if (status != kIOReturnSuccess) {
        general_unwire(self);
        return status;
    }
    /* A few pieces, as most transfers are, have been seen by counting. */
    if (pieces.count <= FEW_PIECES) {
        for (size_t i = 0; i < pieces.count; i++) {
            IOMemoryRuns_append(&self->wired, pieces.first[i].address, pieces.first[i].length);
        }
    } else {
        split_runs(self, &self->wired, &pieces);
    }
    general_set_resident(self, &self->wired);
    return kIOReturnSuccess;
}

/*
 * Prepared for writing, the pages are dirty when the transfer has succeeded, and not before:
 * a device that failed has written nothing that would have to be kept.
 */
void general_mark_written(IOGeneralMemoryDescriptor *self)
{
    const bool written = (self->super.flags & kIOMemoryPreparedReadOnly) == 0 && !self->failed;

    self->failed = false; /* that was of this preparation, and is of no later one */
    for (size_t i = 0; i < self->wired.count && written; i++) {
        const struct IOMemoryRun *run = &self->wired.list[i];

        platform_mark_written(paddr(run->address),
                              run->end - IOMemoryRuns_start(&self->wired, run));
    }
}

void general_unwire(IOGeneralMemoryDescriptor *self)
{
    IOASSERT(self->pages != NULL);
    platform_unwire(self->pages, self->pageCount);
    general_abandon(self);
}

void general_abandon(IOGeneralMemoryDescriptor *self)
{
    general_set_resident(self, NULL);
    drop_page_list(self);
    IOMemoryRuns_free(&self->wired);
}

static IOReturn prepare_first(IOGeneralMemoryDescriptor *self, IODirection direction)
{
    IOReturn status;

    /* Whoever asks not to be slowed down would rather try later than reclaim now. */
    if ((direction & kIODirectionPrepareAvoidThrottling) != 0 && platform_memory_is_short()) {
        return kIOReturnNotReady;
    }
    status = wire(self, direction);
    if (status != kIOReturnSuccess) {
        return status;
    }
    if ((direction & kIODirectionOutIn) == kIODirectionOut) {
        self->super.flags |= kIOMemoryPreparedReadOnly;
    }
    /*
     * A device that does not snoop reads memory and not the cache, so what the CPU has stored
     * must have got there before it starts.
     */
    if ((direction & kIODirectionPrepareNonCoherent) != 0) {
        descriptor_perform_operation(&self->super, kIOMemoryIncoherentIOFlush, 0,
                                     self->super.length);
    }
    return kIOReturnSuccess;
}

/* Physical memory needs no wiring, another processor's virtual memory cannot be wired. */
static bool is_virtual(const IOGeneralMemoryDescriptor *self, IOReturn *otherwise)
{
    if (general_is_physical(self)) {
        *otherwise = kIOReturnSuccess;
        return false;
    }
    *otherwise = kIOReturnNotAttached;
    return (self->super.flags & kIOMemoryRemote) == 0;
}

/* Of kIOMemoryAutoPrepare, which nobody completes: it goes with the object. */
static uint32_t own_prepares(const IOMemoryDescriptor *self)
{
    return (self->flags & kIOMemoryAutoPrepare) != 0 ? 1 : 0;
}

IOReturn general_prepare(IOMemoryDescriptor *base, IODirection direction)
{
    IOGeneralMemoryDescriptor *self = general_of(base);
    IOReturn status;

    if (!is_virtual(self, &status)) {
        return status;
    }
    if ((direction & kIODirectionOutIn) == 0) {
        direction |= base->flags & kIODirectionOutIn;
    }
    if ((direction & kIODirectionOutIn) == 0) {
        direction |= kIODirectionOutIn; /* no direction of its own: both ways */
    }
    if (base->wireCount == 0) {
        status = prepare_first(self, direction);
    } else if ((direction & kIODirectionIn) != 0 &&
               (base->flags & kIOMemoryPreparedReadOnly) != 0) {
        /*
         * Pages pinned for reading may be shared with somebody: a device must not store to them,
         * and they cannot be exchanged under the first user.
         */
        status = kIOReturnNotWritable;
    } else if (base->wireCount == UINT32_MAX) {
        status = kIOReturnNoResources;
    } else {
        status = kIOReturnSuccess;
    }
    if (status == kIOReturnSuccess) {
        base->wireCount++;
        if (base->wireCount == own_prepares(base) + 1) {
            IOLEDGER(wired(base, base->length));
        }
    }
    return status;
}

IOReturn general_complete(IOMemoryDescriptor *base, IODirection direction)
{
    IOGeneralMemoryDescriptor *self = general_of(base);
    const bool takenBack = (direction & DESCRIPTOR_TAKE_BACK) != 0;
    IOReturn status;

    if (!is_virtual(self, &status)) {
        return status;
    }
    /*
     * The prepare of kIOMemoryAutoPrepare is undone by the end of the object alone: a caller
     * who completes once too often must not take it.
     */
    if (base->wireCount == own_prepares(base)) {
        IOLEDGER(unbalanced(base, false));
        return kIOReturnNotReady;
    }
    /*
     * A command still gives these addresses to a device. Unpinned, they could be anybody's at its
     * next access.
     */
    if (base->wireCount == 1 && !takenBack &&
        __atomic_load_n(&base->dmaActive, __ATOMIC_RELAXED) != 0) {
        IOLEDGER(unbalanced(base, true));
        return kIOReturnBusy;
    }
    self->failed |= (direction & kIODirectionCompleteWithError) != 0;
    if (base->wireCount == 1) {
        self->failed |= takenBack;              /* nothing has been transferred by it */
        IOMemoryDescriptor_dropSystemMap(base); /* while the pages behind it are nobody else's */
        general_mark_written(self);
        general_unwire(self);
        base->flags &= ~kIOMemoryPreparedReadOnly;
        /* The next preparation may find other pages: whoever kept the number must see a new one. */
        base->reserved.preparationID = kIOPreparationIDUnprepared;
    }
    base->wireCount--;
    if (base->wireCount == own_prepares(base)) {
        IOLEDGER(unwired(base));
    }
    return kIOReturnSuccess;
}

uint64_t general_get_preparation_id(IOMemoryDescriptor *base)
{
    if (general_of(base)->resident == NULL) {
        return kIOPreparationIDUnprepared;
    }
    IOMemoryDescriptor_setPreparationID(base);
    return base->reserved.preparationID;
}
