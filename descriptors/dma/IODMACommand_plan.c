/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which bytes of a transfer offend, and the view of it for the device.
 *
 * The prepared bytes are planned from the first to the last: as much of each run as legal
 * segments can cover stays where it is; what is left over begins an *island*, which ends
 * at the first byte where a legal segment in place can begin again. The same pass counts
 * (IODMACommand_plan) and places (IODMACommand_place), so the two cannot disagree.
 */
#include "descriptors/IOMappedLayout.h"
#include "descriptors/dma/IODMACommand_private.h"

/* Bytes [start, end) are an island, or in place at `address`. False ends the pass. */
typedef bool plan_piece(void *context, uint64_t start, uint64_t end, bool island, uint64_t address);

struct planner {
    const struct IODMALimits *limits;
    bool strict;       /* partial pages offend */
    uint64_t length;   /* bytes in all */
    uint64_t position; /* of the byte that comes next */
    bool inIsland;
    uint64_t islandStart;
    plan_piece *piece;
    void *context;
};

/* Whether bytes follow this run: only the very last segment is free of endMask. */
static bool more_than(const struct planner *planner, uint64_t left)
{
    return left < planner->length - planner->position;
}

/* Bytes from here that may stay where they are; 0: the first may not. */
static uint64_t in_place(const struct planner *planner, uint64_t address, uint64_t left, bool first,
                         bool more)
{
    uint64_t covered;

    if (!planner->strict) {
        return IODMALimits_cover(planner->limits, address, left, first, more);
    }
    if ((address & PAGE_MASK) != 0 || left < PAGE_SIZE) {
        return 0;
    }
    /* The tail of a partial page is bounced, so what is before it is not the end any more. */
    more = more || (left & PAGE_MASK) != 0;
    covered = IODMALimits_cover(planner->limits, address, left, first, more);
    return covered & ~PAGE_MASK;
}

/*
 * Bytes until the island may end, in a run that is not in the island's way: the first
 * k where what is behind it is of whole length units and ends where an end may be, and a
 * legal segment can begin at address + k. `left`: nowhere in this run.
 */
static uint64_t until_land(const struct planner *planner, uint64_t address, uint64_t left)
{
    const struct IODMALimits *limits = planner->limits;
    const uint64_t start = limits->startMask | (planner->strict ? PAGE_MASK : 0);
    const uint64_t size = limits->lengthMask | limits->endMask;
    const uint64_t behind = planner->position - planner->islandStart;
    const uint64_t least = behind == 0 ? 1 : 0; /* an island is not empty */
    const bool more = more_than(planner, left);
    /* Both conditions repeat with the coarser of the two, where the other one is fixed. */
    const uint64_t step = (start > size ? start : size) + 1;
    uint64_t k = least + (start > size ? -(address + least) & start : -(behind + least) & size);

    if (((address + k) & start) != 0 || ((behind + k) & size) != 0) {
        return left;
    }
    while (k < left && address + k <= limits->highest) {
        if (in_place(planner, address + k, left - k, false, more) != 0) {
            return k;
        }
        if (step >= left - k) {
            break;
        }
        k += step;
    }
    return left;
}

static bool end_island(struct planner *planner)
{
    planner->inIsland = false;
    return planner->piece(planner->context, planner->islandStart, planner->position, true, 0);
}

static bool plan_run(void *context, uint64_t address, uint64_t left)
{
    struct planner *planner = context;

    /*
     * Ends: outside an island a step of 0 begins one, and inside one every step is at least one
     * byte (an island is not empty) or ends it where a legal segment begins.
     */
    while (left != 0) {
        uint64_t step;

        if (planner->inIsland) {
            step = until_land(planner, address, left);
            planner->position += step;
            if (step != left && !end_island(planner)) {
                return false;
            }
        } else {
            const uint64_t start = planner->position;

            step = in_place(planner, address, left, start == 0, more_than(planner, left));
            planner->position += step;
            if (step != 0) { /* bytes in place ask for nothing that there could be too little of */
                planner->piece(planner->context, start, planner->position, false, address);
            }
            if (step != left) {
                planner->inIsland = true;
                planner->islandStart = planner->position;
            }
        }
        address += step;
        left -= step;
    }
    return planner->position != planner->length || !planner->inIsland || end_island(planner);
}

/* What runs are for a device behind a mapper: those that continue each other there are one. */
struct layout {
    struct IOMappedLayout mapper;
    uint64_t address, length; /* the I/O run that is being collected; length 0: none */
    IOReturn status;
    IODMARunVisitor *visit;
    void *context;
};

static bool lay_out(void *context, uint64_t physical, uint64_t length)
{
    struct layout *layout = context;
    uint64_t at;

    if (!IOMappedLayout_place(&layout->mapper, physical, length, &at)) {
        layout->status = kIOReturnInternalError;
        return false;
    }
    if (layout->length != 0) {
        /*
         * In the mapping, runs that lie apart in memory often follow each other: one segment fewer
         * each.
         */
        if (at == layout->address + layout->length) {
            layout->length += length;
            return true;
        }
        /* Nobody who is shown I/O runs ends the walk: what is placed goes by host runs. */
        layout->visit(layout->context, layout->address, layout->length);
    }
    layout->address = at;
    layout->length = length;
    return true;
}

/* The I/O runs of a mapping that begins at `base`, an address of the first byte's page offset. */
static IOReturn walk_io(const IODMACommand *self, IOMemoryDescriptor *memory, uint64_t offset,
                        uint64_t base, IODMARunVisitor *visit, void *context)
{
    struct layout layout = {
        .mapper = IOMappedLayout_begin(base),
        .visit = visit,
        .context = context,
    };
    const IOReturn status = IODMACommand_walkHost(memory, offset, self->length, lay_out, &layout);

    if (status != kIOReturnSuccess || layout.status != kIOReturnSuccess) {
        return status != kIOReturnSuccess ? status : layout.status;
    }
    visit(context, layout.address, layout.length); /* of some bytes there is a last run */
    return kIOReturnSuccess;
}

/* Where the first byte is in its page: all that is known of a mapping before there is one. */
static bool note_first(void *context, uint64_t address, uint64_t length)
{
    (void)length;
    *(uint64_t *)context = address & PAGE_MASK;
    return false;
}

static bool note_end(void *context, uint64_t address, uint64_t length)
{
    *(uint64_t *)context = address + length;
    return true;
}

IOReturn IODMACommand_planEnd(const IODMACommand *self, uint64_t *end)
{
    uint64_t first = 0;
    const IOReturn status =
        IODMACommand_walkHost(self->memory, self->offset, 1, note_first, &first);

    return status != kIOReturnSuccess
               ? status
               : walk_io(self, self->memory, self->offset, first, note_end, end);
}

/*
 * One pass over the prepared bytes. Behind a mapper only offsets in a page are known yet:
 * the mapping's base is asked for on a multiple of every alignment, so 0 stands for it,
 * and its width is the mapper's to observe.
 */
static IOReturn pass(const IODMACommand *self, plan_piece *piece, void *context)
{
    struct IODMALimits limits;
    struct planner planner = {
        .limits = &self->spec.limits,
        .strict = (self->spec.options & kIODMAMapOptionStrict) != 0,
        .length = self->length,
        .piece = piece,
        .context = context,
    };
    uint64_t first = 0;
    IOReturn status;

    if (self->spec.mapper == NULL) {
        return IODMACommand_walkHost(self->memory, self->offset, self->length, plan_run, &planner);
    }
    limits = self->spec.limits;
    limits.highest = UINT64_MAX;
    planner.limits = &limits;
    status = IODMACommand_walkHost(self->memory, self->offset, 1, note_first, &first);
    return status != kIOReturnSuccess
               ? status
               : walk_io(self, self->memory, self->offset, first, plan_run, &planner);
}

struct counter {
    const struct IODMALimits *limits;
    struct IODMAPlan *plan;
};

static bool count_piece(void *context, uint64_t start, uint64_t end, bool island, uint64_t address)
{
    const struct counter *counter = context;

    (void)address;
    counter->plan->pieces++;
    if (island) {
        counter->plan->islands++;
        counter->plan->bounced += end - start;
        counter->plan->room += IODMABounce_room(counter->limits, end - start);
    }
    return true;
}

IOReturn IODMACommand_plan(const IODMACommand *self, struct IODMAPlan *plan)
{
    struct counter counter = {&self->spec.limits, plan};

    *plan = (struct IODMAPlan){0};
    return pass(self, count_piece, &counter);
}

struct placer {
    IODMACommand *self;
    IOReturn status;
};

/* The pieces of an island that failed halfway are in the list too: letGo frees what is there. */
static bool place_piece(void *context, uint64_t start, uint64_t end, bool island, uint64_t address)
{
    struct placer *placer = context;
    IODMACommand *self = placer->self;
    const size_t before = self->bounce.count;

    if (!island) {
        IOMemoryRuns_append(&self->runs, address, end - start);
        return true;
    }
    placer->status = IODMABounce_add(&self->bounce, &self->spec.limits, start, end);
    for (size_t i = before; i < self->bounce.count; i++) {
        const struct IODMAIsland *piece = &self->bounce.islands[i];

        IOMemoryRuns_append(&self->runs, piece->address, piece->end - piece->start);
    }
    return placer->status == kIOReturnSuccess;
}

IOReturn IODMACommand_place(IODMACommand *self, const struct IODMAPlan *plan, bool filled)
{
    struct placer placer = {self, kIOReturnSuccess};
    /* Islands that fill the room leave no byte between them which nobody would store to. */
    IOReturn status = IODMABounce_begin(&self->bounce, &self->spec.limits, plan->islands,
                                        plan->room, filled && plan->bounced == plan->room, self);

    if (status != kIOReturnSuccess) {
        return status;
    }
    /*
     * Each island may come out as several pieces, if no contiguous memory is left: counted as the
     * most.
     */
    if (!IOMemoryRuns_init(&self->runs, plan->pieces - plan->islands + self->bounce.capacity)) {
        return kIOReturnNoMemory;
    }
    self->hasRuns = true;
    if (plan->bounced == self->length) {
        /* The one island is all there is: no second walk is needed to find it again. */
        place_piece(&placer, 0, self->length, true, 0);
    } else {
        status = pass(self, place_piece, &placer);
    }
    return placer.status != kIOReturnSuccess ? placer.status : status;
}

static bool count_run(void *context, uint64_t address, uint64_t length)
{
    (void)address, (void)length;
    ++*(size_t *)context;
    return true;
}

static bool append_run(void *context, uint64_t address, uint64_t length)
{
    IOMemoryRuns_append(context, address, length);
    return true;
}

/*
 * Walked twice, to count and to fill: the list is never larger than it must be, and cannot run out.
 * Memory that is active does not change in between.
 */
IOReturn IODMACommand_viewOf(IODMACommand *self, IOMemoryDescriptor *memory, uint64_t offset,
                             bool mapped, uint64_t base)
{
    size_t count = 0;
    IOReturn status;

    status = mapped ? walk_io(self, memory, offset, base, count_run, &count)
                    : IODMACommand_walkHost(memory, offset, self->length, count_run, &count);
    if (status == kIOReturnSuccess && !IOMemoryRuns_init(&self->runs, count)) {
        status = kIOReturnNoMemory;
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    self->hasRuns = true;
    return mapped ? walk_io(self, memory, offset, base, append_run, &self->runs)
                  : IODMACommand_walkHost(memory, offset, self->length, append_run, &self->runs);
}
