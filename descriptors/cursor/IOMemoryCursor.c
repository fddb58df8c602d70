/* SPDX-License-Identifier: BSD-2-Clause */
/* A device's limits, and the walk of a descriptor under them. */
#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/cursor/IOMemoryCursor_private.h"
#include "descriptors/segments/IOSegmentSink.h"

static uint32_t instances;

OS_CLASS(OSMetaClass, IOMemoryCursor);
const OSMetaClass IOMemoryCursor_class = {"IOMemoryCursor", &OSObject_metaClass,
                                          sizeof(IOMemoryCursor), &instances, cursor_free};

void cursor_free(OSObject *self)
{
    OSObject_free(self);
}

static IOReturn initialise(IOMemoryCursor *self, IOMemoryCursor_SegmentFunction output,
                           IOMemoryCursor_RowFunction outputRow, uint64_t maxSegment,
                           uint64_t maxTransfer, uint64_t alignment)
{
    if (alignment == 0) {
        alignment = 1;
    }
    if (maxSegment == 0) {
        maxSegment = UINT64_MAX;
    }
    /* An alignment above the largest segment would leave no length to cut at. */
    if (self == NULL || output == NULL || !is_power_of_two(alignment) || alignment > maxSegment) {
        return kIOReturnBadArgument;
    }
    /* A cursor is read-only once made, so that any context may use it without a lock. */
    if (self->output != NULL) {
        return kIOReturnNotPermitted;
    }
    self->output = output;
    self->outputRow = outputRow;
    self->maxSegment = maxSegment;
    self->maxTransfer = maxTransfer == 0 ? UINT64_MAX : maxTransfer;
    /* What is cut off must leave the rest aligned. */
    self->cut = maxSegment & ~(alignment - 1);
    self->alignmentMask = alignment - 1;
    /* 0 sends every transfer the long way: with an alignment the address has to be looked at. */
    self->whole = alignment == 1 ? maxSegment : 0;
    return kIOReturnSuccess;
}

bool IOMemoryCursor_initWithRow(IOMemoryCursor *self, IOMemoryCursor_SegmentFunction outSegFunc,
                                IOMemoryCursor_RowFunction outRowFunc,
                                IOPhysicalLength maxSegmentSize, IOPhysicalLength maxTransferSize,
                                IOPhysicalLength alignment)
{
    IOReturn status =
        initialise(self, outSegFunc, outRowFunc, maxSegmentSize, maxTransferSize, alignment);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

bool IOMemoryCursor_initWithSpecification(IOMemoryCursorRef self,
                                          IOMemoryCursor_SegmentFunction outSegFunc,
                                          IOPhysicalLength maxSegmentSize,
                                          IOPhysicalLength maxTransferSize,
                                          IOPhysicalLength alignment)
{
    return IOMemoryCursor_initWithRow(self.cursor, outSegFunc, NULL, maxSegmentSize,
                                      maxTransferSize, alignment);
}

IOMemoryCursor *IOMemoryCursor_make(const OSMetaClass *meta,
                                    IOMemoryCursor_SegmentFunction outSegFunc,
                                    IOMemoryCursor_RowFunction outRowFunc,
                                    IOPhysicalLength maxSegmentSize,
                                    IOPhysicalLength maxTransferSize, IOPhysicalLength alignment)
{
    IOMemoryCursor *self = (IOMemoryCursor *)OSMetaClass_allocate(meta);

    if (self != NULL && !IOMemoryCursor_initWithRow(self, outSegFunc, outRowFunc, maxSegmentSize,
                                                    maxTransferSize, alignment)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

IOMemoryCursor *IOMemoryCursor_withSpecification(IOMemoryCursor_SegmentFunction outSegFunc,
                                                 IOPhysicalLength maxSegmentSize,
                                                 IOPhysicalLength maxTransferSize,
                                                 IOPhysicalLength alignment)
{
    return IOMemoryCursor_make(&IOMemoryCursor_metaClass, outSegFunc, NULL, maxSegmentSize,
                               maxTransferSize, alignment);
}

IOMemoryCursor *IOMemoryCursor_withRowFunction(IOMemoryCursor_SegmentFunction outSegFunc,
                                               IOMemoryCursor_RowFunction outRowFunc,
                                               IOPhysicalLength maxSegmentSize,
                                               IOPhysicalLength maxTransferSize,
                                               IOPhysicalLength alignment)
{
    if (outRowFunc == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    return IOMemoryCursor_make(&IOMemoryCursor_metaClass, outSegFunc, outRowFunc, maxSegmentSize,
                               maxTransferSize, alignment);
}

/*
 * The byte limit cuts the collected run at `end`. If the run goes on behind it the
 * cut must be aligned, or the next call could not start there.
 */
static void align_last(struct IOSegmentSink *sink, IOMemoryDescriptor *descriptor, uint64_t end)
{
    const uint64_t stray = sink->length & sink->alignmentMask;
    IOByteCount length;
    addr64_t next;

    if (stray == 0 || (stray == sink->length && sink->index == 0)) {
        return;
    }
    /* Where the next byte lies decides: a run that ends here anyway may end as it is. */
    next = IOMemoryDescriptor_getPhysicalSegment(descriptor, end, &length, 0);
    if (length != 0 && next != 0 && next == sink->address + sink->length) {
        sink->length -= stray;
    }
}

/* Walk bytes [from, from + length) of the descriptor, all inside it, into the sink. */
static IOReturn generate(struct IOSegmentSink *sink, IOMemoryDescriptor *descriptor,
                         IOByteCount from, IOByteCount length)
{
    const IOByteCount end = from + length;
    const IOReturn status = IOMemoryDescriptor_deviceWalk(descriptor, sink, from, end);

    if (sink->alignmentMask != 0 && status == kIOReturnSuccess &&
        sink->status == kIOReturnSuccess && end < descriptor->length) {
        align_last(sink, descriptor, end);
    }
    IOSegmentSink_finish(sink);
    return status != kIOReturnSuccess ? status : sink->status;
}

static __attribute__((cold)) UInt32 nothing(IOReturn reason, IOByteCount *transferSize)
{
    if (transferSize != NULL) {
        *transferSize = 0;
    }
    IOMemory_fail(reason);
    return 0;
}

/* Bytes [from, from + length), all inside the descriptor, in any number of pieces. */
static __attribute__((noinline)) UInt32 generate_pieces(const IOMemoryCursor *self,
                                                        IOMemoryDescriptor *descriptor,
                                                        IOByteCount from, IOByteCount length,
                                                        void *segments, UInt32 maxSegments,
                                                        IOByteCount *transferSize)
{
    struct IOSegmentSink sink;
    IOReturn status;

    /*
     * A cursor that was never initialised comes here with every transfer, `whole` being 0: the
     * short way below need not ask.
     */
    if (self->output == NULL) {
        return nothing(kIOReturnBadArgument, transferSize);
    }
    sink.output = self->output;
    sink.takeRuns = NULL;
    sink.segments = segments;
    /* Addresses for a device: a cursor knows no mapper of its own, so behind the system's. */
    sink.view = 0;
    sink.maxSegments = maxSegments;
    sink.maxSegment = self->maxSegment;
    sink.cut = self->cut;
    sink.alignmentMask = self->alignmentMask;
    IOSegmentSink_begin(&sink);
    status = generate(&sink, descriptor, from, length);
    /*
     * Some entries are a success whatever came after them: the caller goes on from their end, and
     * meets the reason there.
     */
    if (sink.index == 0) {
        return nothing(status, transferSize);
    }
    if (transferSize != NULL) {
        *transferSize = sink.produced;
    }
    return sink.index;
}

/* A segment function, given the entries of a row. */
struct output {
    IOMemoryCursor_SegmentFunction function;
    void *segments;
};

static bool put(void *context, uint64_t address, uint64_t length, UInt32 index)
{
    const struct output *output = context;

    output->function((IOPhysicalSegment){address, length}, output->segments, index);
    return true;
}

/* Apart from its caller, so that the loop has the registers to itself. */
static __attribute__((noinline)) UInt32 put_row(struct IOMemoryRow *row,
                                                IOMemoryCursor_SegmentFunction function,
                                                void *segments)
{
    struct output output = {function, segments};

    return IOMemoryRow_each(row, put, &output);
}

/* Runs that fit in an entry each, and that nobody translates, need no walk either. */
static __attribute__((noinline)) UInt32 generate_runs(const IOMemoryCursor *self,
                                                      IOMemoryDescriptor *descriptor,
                                                      IOByteCount from, IOByteCount length,
                                                      void *segments, UInt32 maxSegments,
                                                      IOByteCount *transferSize)
{
    const struct memory_runs *const runs = descriptor->runs;
    struct IOMemoryRow row;
    UInt32 count;

    if (runs == NULL || runs->longest - 1 >= self->whole || IOMapper_gSystem != NULL) {
        return generate_pieces(self, descriptor, from, length, segments, maxSegments, transferSize);
    }
    row = IOMemoryRuns_row(runs, from, from + length, maxSegments);
    count = self->outputRow != NULL ? self->outputRow(&row, segments)
                                    : put_row(&row, self->output, segments);
    if (transferSize != NULL) {
        *transferSize = row.offset - from;
    }
    return count;
}

UInt32 IOMemoryCursor_genPhysicalSegments(IOMemoryCursorRef selfRef,
                                          IOMemoryDescriptorRef descriptorRef,
                                          IOByteCount fromPosition, void *segments,
                                          UInt32 maxSegments, UInt32 maxTransferSize,
                                          IOByteCount *transferSize)
{
    const IOMemoryCursor *self = selfRef.cursor;
    IOMemoryDescriptor *descriptor = descriptorRef.descriptor;
    IOByteCount length, limit;

    if (self == NULL || descriptor == NULL || maxSegments == 0) {
        return nothing(kIOReturnBadArgument, transferSize);
    }
    if (fromPosition >= descriptor->length) {
        return nothing(kIOReturnOverrun, transferSize);
    }
    length = descriptor->length - fromPosition;
    /*
     * The call's limit is of 32 bits and stands for the cursor's, as IOKit has it: not the lesser.
     */
    limit = maxTransferSize != 0 ? maxTransferSize : self->maxTransfer;
    if (length > limit) {
        length = limit;
    }
    /* Also of no bytes, which is all that a cursor without its initialiser lets through. */
    if (descriptor->oneRun == 0 || length - 1 >= self->whole || IOMapper_gSystem != NULL) {
        return generate_runs(self, descriptor, fromPosition, length, segments, maxSegments,
                             transferSize);
    }
    /* One run that fits in one entry, and that nobody translates, needs no walk. */
    self->output((IOPhysicalSegment){descriptor->oneRun + fromPosition, length}, segments, 0);
    if (transferSize != NULL) {
        *transferSize = length;
    }
    return 1;
}

UInt32 IOMemoryCursor_getTyped(IOMemoryCursor *self, IOMemoryDescriptorRef descriptor,
                               IOByteCount fromPosition, IOPhysicalSegment *segments,
                               UInt32 maxSegments, UInt32 maxTransferSize,
                               IOByteCount *transferSize)
{
    if (segments == NULL) {
        return nothing(kIOReturnBadArgument, transferSize);
    }
    return IOMemoryCursor_genPhysicalSegments(self, descriptor, fromPosition, segments, maxSegments,
                                              maxTransferSize, transferSize);
}

const OSMetaClass *IOMemoryCursor_getMetaClass(IOMemoryCursorConstRef self)
{
    return self.cursor == NULL ? NULL : self.cursor->super.metaClass;
}
