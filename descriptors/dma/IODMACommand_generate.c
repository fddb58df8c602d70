/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the view to the device's list: runs are cut at the device's limits, and each
 * segment goes straight through the segment function into the entry the device reads.
 */
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IORefuse.h"

struct generator {
    IODMACommand *command;
    IODMACommand_SegmentFunction output;
    IODMACommand_RowFunction outputRow; /* or NULL */
    void *segments;
    uint64_t position; /* of the next byte, in the prepared range */
    UInt32 count, room;
    IOReturn status; /* why no more can be put out; success: only that there is no room */
};

/* --- The walk of a descriptor, run by whole run ---------------------------------------------- */

struct host_walk {
    IODMARunVisitor *visit;
    void *context;
    bool ended;
};

static void visit_host_run(IOPhysicalSegment segment, void *context, UInt32 index)
{
    struct host_walk *walk = context;

    (void)index;
    if (!walk->ended && !walk->visit(walk->context, segment.location, segment.length)) {
        walk->ended = true; /* the sink goes on to its end, but nobody listens */
    }
}

static __attribute__((noinline)) IOReturn walk_segments(IOMemoryDescriptor *memory, uint64_t offset,
                                                        uint64_t length, UInt32 most,
                                                        IODMARunVisitor *visit, void *context)
{
    struct host_walk walk = {visit, context, false};
    struct IOSegmentSink sink = {
        .output = visit_host_run,
        .segments = &walk,
        .view = IOSEGMENT_HOST,
        .maxSegments = most,
        .maxSegment = UINT64_MAX,
        .cut = UINT64_MAX,
    };
    const IOReturn status =
        IOMemoryDescriptor_methods(memory)->walk(memory, &sink, offset, offset + length);

    IOSegmentSink_finish(&sink);
    /* Ended by the visitor, which knows why: what the walk met behind that is not its answer. */
    return walk.ended ? kIOReturnSuccess : status;
}

/* At most `most` runs; each is whole but, if they are fewer than there are, the last. */
static inline IOReturn walk_runs(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                                 UInt32 most, IODMARunVisitor *visit, void *context)
{
    /* Said by the descriptor: a walk would not find more, but of the system mapper's addresses. */
    if (memory->oneRun != 0 && IOMapper_gSystem == NULL) {
        visit(context, memory->oneRun + offset, length);
        return kIOReturnSuccess;
    }
    return walk_segments(memory, offset, length, most, visit, context);
}

IOReturn IODMACommand_walkHost(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                               IODMARunVisitor *visit, void *context)
{
    return walk_runs(memory, offset, length, UINT32_MAX, visit, context);
}

/* --- Runs to segments ------------------------------------------------------------------------ */

/* Counted after it was taken: what a segment function refuses is where the next call begins. */
static bool put(struct generator *to, uint64_t address, uint64_t length)
{
    if (!to->output(to->command, (IODMACommand_Segment64){address, length}, to->segments,
                    to->count)) {
        to->status = kIOReturnMessageTooLarge;
        return false;
    }
    IOASSERT(length <= to->command->length - to->position && to->count < to->room);
    to->position += length;
    to->count++;
    return true;
}

/*
 * Cut one whole run. `left < length - position` says whether more follows: a last segment may end
 * where an inner one may not.
 */
static bool put_run(void *context, uint64_t address, uint64_t left)
{
    struct generator *to = context;
    const IODMACommand *self = to->command;

    while (left != 0) {
        uint64_t length;

        if (to->count == to->room) {
            return false;
        }
        to->status = IODMALimits_segment(&self->spec.limits, address, left, to->position == 0,
                                         left < self->length - to->position, &length);
        if (to->status != kIOReturnSuccess || !put(to, address, length)) {
            return false;
        }
        address += length;
        left -= length;
    }
    return true;
}

static void put_entry(IOPhysicalSegment segment, void *context, UInt32 index)
{
    struct generator *to = context;

    (void)index;
    /* A sink has no way to be told to stop: what comes after a refusal is let go by. */
    if (to->status == kIOReturnSuccess) {
        put(to, segment.location, segment.length);
    }
}

static bool put_of_row(void *context, uint64_t address, uint64_t length, UInt32 index)
{
    const struct generator *to = context;
    uint8_t taken =
        to->output(to->command, (IODMACommand_Segment64){address, length}, to->segments, index);

    /* Of a byte that is 0 or 1 one bit is asked: that is a branch, and no comparison before it. */
    __asm__("" : "+r"(taken));
    return (taken & 1) != 0;
}

/* Each run is an entry. Apart from its callers, so that the loop has the registers to itself. */
static __attribute__((noinline)) void put_row(struct generator *to, const struct memory_runs *runs,
                                              uint64_t offset, uint64_t end)
{
    struct IOMemoryRow row = IOMemoryRuns_row(runs, offset, end, to->room);

    IOASSERT(to->count == 0);
    if (to->outputRow != NULL) {
        to->count = to->outputRow(to->command, &row, to->segments);
    } else {
        /* A copy, of which the loop sees that nobody else changes it. */
        struct generator own = *to;

        to->count = IOMemoryRow_each(&row, put_of_row, &own);
    }
    to->position += row.offset - offset;
    if (row.offset != row.end) {
        to->status = kIOReturnMessageTooLarge;
    }
}

/*
 * Bytes [offset, end) of these runs, which are all that is left of the view: where none is longer
 * than an entry, there is nothing between a run and who writes it. False: there is.
 */
static inline __attribute__((always_inline)) bool put_runs(struct generator *to,
                                                           const struct memory_runs *runs,
                                                           uint64_t offset, uint64_t end)
{
    if (runs->longest > to->command->spec.limits.longest) {
        return false;
    }
    put_row(to, runs, offset, end);
    return true;
}

/* Of a descriptor that is one of several the first or last run may have to join a neighbour's. */
static bool take_runs(struct IOSegmentSink *sink, const struct memory_runs *runs, uint64_t offset,
                      uint64_t end)
{
    struct generator *to = sink->segments;

    return end - offset == to->command->length - to->position && put_runs(to, runs, offset, end);
}

/*
 * The descriptor is the view, and a run is cut by length alone: the descriptor's own walk
 * does that, with nothing between it and the segment function.
 */
static IOReturn generate_plain(struct generator *to)
{
    IODMACommand *self = to->command;
    const uint64_t offset = self->offset + to->position;
    const uint64_t end = self->offset + self->length;

    /* A walk of the usual memory would come to this. */
    if (self->general != NULL && !general_leads_elsewhere(self->memory) &&
        put_runs(to, self->general->resident, offset, end)) {
        return kIOReturnSuccess;
    }

    struct IOSegmentSink sink = {
        .output = put_entry,
        .takeRuns = take_runs,
        .segments = to,
        .view = IOSEGMENT_HOST,
        .maxSegments = to->room,
        .maxSegment = self->spec.limits.longest,
        .cut = self->spec.limits.longest,
    };
    IOReturn status;

    status = IOMemoryDescriptor_methods(self->memory)->walk(self->memory, &sink, offset, end);
    IOSegmentSink_finish(&sink);
    return status;
}

static IOReturn generate_runs(struct generator *to)
{
    const struct memory_runs *runs = &to->command->runs;
    const struct memory_run *run;

    if (to->command->spec.isPlain && put_runs(to, runs, to->position, runs->length)) {
        return kIOReturnSuccess;
    }
    run = IOMemoryRuns_find(runs, to->position);
    /* A call goes on where the last one ended, which may be within a run. */
    const uint64_t inside = to->position - IOMemoryRuns_start(runs, run);

    /* Why it stopped is in the generator: there is no walk here that could fail. */
    if (!put_run(to, run->address + inside, run->end - to->position)) {
        return kIOReturnSuccess;
    }
    while (++run != runs->list + runs->count && put_run(to, run->address, run->end - run[-1].end)) {
    }
    return kIOReturnSuccess;
}

static IOReturn generate(struct generator *to)
{
    IODMACommand *self = to->command;

    if (self->hasRuns) {
        return generate_runs(to);
    }
    if (self->spec.isPlain) {
        return generate_plain(to);
    }
    /* A run is at least one segment. */
    return walk_runs(self->memory, self->offset + to->position, self->length - to->position,
                     to->room, put_run, to);
}

/* Whatever the view and the limits are. */
static __attribute__((noinline)) IOReturn generate_entries(
    IODMACommand *self, IODMACommand_SegmentFunction segmentFunction, UInt64 *offset,
    void *segments, UInt32 *numSegments, IODMACommand_RowFunction rowFunction)
{
    struct generator to = {
        .command = self,
        .output = segmentFunction,
        .outputRow = rowFunction,
        .segments = segments,
        .position = *offset,
        .room = *numSegments,
    };
    IOReturn status;

    /* The caller's loop ends by this, as by a list that ended exactly at the last byte. */
    if (to.position >= self->length) {
        return kIOReturnOverrun;
    }
    status = generate(&to);
    /*
     * Some entries are a success, and the caller comes again for the rest; why it ends there is
     * told by the call that can put out none.
     */
    if (to.count == 0) {
        return to.status != kIOReturnSuccess ? to.status : status;
    }
    *offset = to.position;
    *numSegments = to.count;
    return kIOReturnSuccess;
}

IOReturn IODMACommand_genIOVMSegmentsRow(IODMACommand *self,
                                         IODMACommand_SegmentFunction segmentFunction,
                                         UInt64 *offset, void *segments, UInt32 *numSegments,
                                         IODMACommand_RowFunction rowFunction)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    if (self->active == 0) {
        IOLEDGER(used(self, ", asked for segments"));
        return kIOReturnNotReady;
    }
    if (IOREFUSE(segmentFunction == NULL, "the segment function is NULL") ||
        IOREFUSE(offset == NULL, "offset is NULL") ||
        IOREFUSE(numSegments == NULL, "numSegments is NULL") ||
        IOREFUSE(*numSegments == 0, "there is no room for a segment (*numSegments is 0)")) {
        return kIOReturnBadArgument;
    }
    if (!self->isOneEntry || *offset != 0) {
        return generate_entries(self, segmentFunction, offset, segments, numSegments, rowFunction);
    }
    /* Nothing to walk, to cut or to count. */
    if (!segmentFunction(self, (IODMACommand_Segment64){self->entry, self->length}, segments, 0)) {
        return kIOReturnMessageTooLarge;
    }
    *offset = self->length;
    *numSegments = 1;
    return kIOReturnSuccess;
}

IOReturn IODMACommand_genIOVMSegmentsFunction(IODMACommand *self,
                                              IODMACommand_SegmentFunction segmentFunction,
                                              UInt64 *offset, void *segments, UInt32 *numSegments)
{
    return IODMACommand_genIOVMSegmentsRow(self, segmentFunction, offset, segments, numSegments,
                                           NULL);
}

static bool is_built_in_32(IODMACommand_SegmentFunction output)
{
    return output == IODMACommand_OutputHost32 || output == IODMACommand_OutputBig32 ||
           output == IODMACommand_OutputLittle32;
}

static bool is_built_in_64(IODMACommand_SegmentFunction output)
{
    return output == IODMACommand_OutputHost64 || output == IODMACommand_OutputBig64 ||
           output == IODMACommand_OutputLittle64;
}

IOReturn IODMACommand_genIOVMSegments(IODMACommand *self, UInt64 *offset, void *segments,
                                      UInt32 *numSegments)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    /* A function of the client's own may need no array; the built-in ones would store to 0. */
    if (IOREFUSE(segments == NULL && self->active != 0 &&
                     (is_built_in_32(self->spec.output) || is_built_in_64(self->spec.output)),
                 "segments is NULL, and the command's segment function stores to it")) {
        return kIOReturnBadArgument;
    }
    return IODMACommand_genIOVMSegmentsFunction(self, self->spec.output, offset, segments,
                                                numSegments);
}

IOReturn IODMACommand_gen32IOVMSegments(IODMACommand *self, UInt64 *offset,
                                        IODMACommand_Segment32 *segments, UInt32 *numSegments)
{
    if (IOREFUSE(self != NULL && self->active != 0 && is_built_in_64(self->spec.output),
                 "the command's segment function writes entries of 64 bits")) {
        return kIOReturnBadArgument;
    }
    return IODMACommand_genIOVMSegments(self, offset, segments, numSegments);
}

IOReturn IODMACommand_gen64IOVMSegments(IODMACommand *self, UInt64 *offset,
                                        IODMACommand_Segment64 *segments, UInt32 *numSegments)
{
    if (IOREFUSE(self != NULL && self->active != 0 && is_built_in_32(self->spec.output),
                 "the command's segment function writes entries of 32 bits")) {
        return kIOReturnBadArgument;
    }
    return IODMACommand_genIOVMSegments(self, offset, segments, numSegments);
}
