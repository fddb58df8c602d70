/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the memory lies: segments, the walk of a class that has none of its own. Why there
 * is no segment travels as a status; only the public function makes it the last error.
 */
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/segments/IOSegmentSink.h"

#define SEGMENT_OPTIONS (kIOMemoryMapperNone | _kIOMemorySourceSegment)

addr64_t IOMemoryDescriptor_getPhysicalSegment(IOMemoryDescriptorRef self, IOByteCount offset,
                                               IOByteCount *length, IOOptionBits options)
{
    IOPhysicalSegment segment = {0};
    IOReturn status = kIOReturnBadArgument;

    if (!IOREFUSE(self.descriptor == NULL, "self is NULL") &&
        !IOREFUSE((options & ~SEGMENT_OPTIONS) != 0, "options %#x are undefined",
                  options & ~SEGMENT_OPTIONS)) {
        status = options == 0
                     ? IOMemoryDescriptor_deviceSegment(self.descriptor, offset, &segment)
                     : IOMemoryDescriptor_segment(self.descriptor, offset, options, &segment);
    }
    if (status != kIOReturnSuccess) {
        segment = (IOPhysicalSegment){0};
        if (status != kIOReturnOverrun) { /* the end is where a walk ends, no failure */
            IOMemory_fail(status);
        }
    }
    if (length != NULL) {
        *length = segment.length;
    }
    return segment.location;
}

IOPhysicalAddress IOMemoryDescriptor_getPhysicalAddress(IOMemoryDescriptorRef self)
{
    return IOMemoryDescriptor_getPhysicalSegment(self, 0, NULL, 0);
}

/* One answer of getPhysicalSegment, judged: not empty, not past the end, not wrapping. */
static IOReturn ask_segment(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                            IOOptionBits options, IOPhysicalSegment *segment)
{
    const IOReturn status =
        IOMemoryDescriptor_methods(self)->getPhysicalSegment(self, offset, options, segment);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (segment->length == 0) {
        return kIOReturnInternalError; /* a walk would never end */
    }
    if (segment->length > end - offset) {
        segment->length = end - offset;
    }
    return segment->location + (segment->length - 1) < segment->location ? kIOReturnInternalError
                                                                         : kIOReturnSuccess;
}

IOReturn descriptor_walk(IOMemoryDescriptor *self, struct IOSegmentSink *sink, IOByteCount offset,
                         IOByteCount end)
{
    const IOOptionBits options = (sink->view & IOSEGMENT_HOST) != 0 ? kIOMemoryMapperNone : 0;
    IOPhysicalSegment segment;
    IOReturn status;

    /* Ends: ask_segment refuses empty answers, so each turn advances. */
    while (offset < end) {
        status = ask_segment(self, offset, end, options, &segment);
        if (status != kIOReturnSuccess) {
            return status;
        }
        if (!IOSegmentSink_put(sink, segment.location, segment.length)) {
            break;
        }
        offset += segment.length;
    }
    return kIOReturnSuccess;
}

void IODMAMapSize_add(struct IODMAMapSize *size, uint64_t address, uint64_t length)
{
    uint64_t end, rounded;

    /* A mapper keeps the offset of the first byte in its page; all others follow from it. */
    if (size->described == 0) {
        size->first = address & PAGE_MASK;
    }
    size->described += length;
    if (__builtin_add_overflow(address, length, &end) || round_page_overflow(end, &rounded) ||
        __builtin_add_overflow(size->bytes, rounded - trunc_page(address), &size->bytes)) {
        size->overflow = true;
    }
}

void descriptor_add_dma_map_size(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                                 struct IODMAMapSize *size)
{
    IOPhysicalSegment piece;

    while (offset < end &&
           ask_segment(self, offset, end, _kIOMemorySourceSegment, &piece) == kIOReturnSuccess) {
        IODMAMapSize_add(size, piece.location, piece.length);
        offset += piece.length;
    }
}

uint64_t IOMemoryDescriptor_getDMAMapLength(IOMemoryDescriptorRef self, uint64_t *offset)
{
    struct IODMAMapSize size = {0};
    IOMemoryDescriptor *descriptor = self.descriptor;
    bool locked;

    if (offset != NULL) {
        *offset = 0;
    }
    if (descriptor == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return 0;
    }
    locked = IOMemoryDescriptor_lock(descriptor);
    IOMemoryDescriptor_methods(descriptor)->addDMAMapSize(descriptor, 0, descriptor->length, &size);
    IOMemoryDescriptor_unlock(descriptor, locked);
    if (size.overflow) {
        IOMemory_fail(kIOReturnBadArgument);
        return 0;
    }
    if (size.described == 0) {
        return descriptor->length; /* it cannot say where its pieces are */
    }
    if (offset != NULL) {
        *offset = size.first;
    }
    return size.bytes;
}
