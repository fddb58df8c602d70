/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A descriptor class of one's own: the bytes of another descriptor from a place in its
 * middle on, and round to there again, as a ring buffer holds them. What the base class
 * can do with a place for every byte (walk, read, write, count) is named, not written.
 */
#include <stdio.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/IONaturalMemoryCursor.h"

typedef struct Ring {
    IOMemoryDescriptor super;
    IOMemoryDescriptor *memory; /* retained */
    IOByteCount first;          /* the byte of it that is byte 0 here */
} Ring;

static Ring *ring_of(IOMemoryDescriptor *self)
{
    return (Ring *)self;
}

static IOReturn ring_prepare(IOMemoryDescriptor *self, IODirection direction)
{
    const IOReturn status = IOMemoryDescriptor_prepare(ring_of(self)->memory, direction);

    self->wireCount += status == kIOReturnSuccess;
    return status;
}

static IOReturn ring_complete(IOMemoryDescriptor *self, IODirection direction)
{
    const IOReturn status = self->wireCount == 0
                                ? kIOReturnNotReady
                                : IOMemoryDescriptor_complete(ring_of(self)->memory, direction);

    self->wireCount -= status == kIOReturnSuccess;
    return status;
}

static uint64_t ring_get_preparation_id(IOMemoryDescriptor *self)
{
    return IOMemoryDescriptor_getPreparationID(ring_of(self)->memory);
}

static IOReturn ring_get_physical_segment(IOMemoryDescriptor *self, IOByteCount offset,
                                          IOOptionBits options, IOPhysicalSegment *segment)
{
    Ring *const ring = ring_of(self);
    const IOByteCount left = self->length - ring->first;
    const IOByteCount at = offset < left ? ring->first + offset : offset - left;
    const IOByteCount most = offset < left ? left - offset : self->length - offset;
    const IOReturn status = IOMemoryDescriptor_segment(ring->memory, at, options, segment);

    if (status == kIOReturnSuccess && segment->length > most) {
        segment->length = most;
    }
    return status;
}

static void ring_free(OSObject *object)
{
    OSObject_release(((Ring *)object)->memory);
    IOMemoryDescriptor_class.meta.free(object);
}

static uint32_t instances;

OS_CLASS(IOMemoryDescriptorClass, Ring);
const IOMemoryDescriptorClass Ring_class = {
    .meta = {"Ring", &IOMemoryDescriptor_metaClass, sizeof(Ring), &instances, ring_free},
    .initWithOptions = descriptor_refuse_init,
    .prepare = ring_prepare,
    .complete = ring_complete,
    .announceComplete = descriptor_announce_complete,
    .getPreparationID = ring_get_preparation_id,
    .getPhysicalSegment = ring_get_physical_segment,
    .walk = descriptor_walk,
    DESCRIPTOR_BYTES,
    DESCRIPTOR_DMA,
    DESCRIPTOR_MAPS,
    DESCRIPTOR_ACCOUNTS,
};
extern const OSMetaClass Ring_metaClass; /* the same, to OSMetaClass_allocate */

static Ring *ring_with(IOMemoryDescriptor *memory, IOByteCount first)
{
    Ring *ring = (Ring *)OSMetaClass_allocate(&Ring_metaClass);

    if (ring != NULL) {
        OSObject_retain(memory);
        ring->memory = memory;
        ring->first = first;
        ring->super.length = IOMemoryDescriptor_getLength(memory);
        ring->super.flags = IOMemoryDescriptor_getDirection(memory);
    }
    return ring;
}

int main(void)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withBytes("fghijabcde", 10, kIODirectionOutIn, true);
    Ring *ring = buffer == NULL ? NULL : ring_with((IOMemoryDescriptor *)buffer, 5);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(4096, 0, 1);
    IOPhysicalSegment segments[4];
    IOByteCount size = 0;
    char text[11] = "";
    UInt32 count;

    if (ring == NULL || cursor == NULL ||
        IOMemoryDescriptor_prepare(&ring->super, kIODirectionNone) != kIOReturnSuccess) {
        return 1;
    }
    count =
        IONaturalMemoryCursor_getPhysicalSegments(cursor, &ring->super, 0, segments, 4, 0, &size);
    IOMemoryDescriptor_readBytes(&ring->super, 0, text, 10);
    IOMemoryDescriptor_complete(&ring->super, kIODirectionNone);
    printf("%s in %u segments, %u of class Ring\n", text, (unsigned)count, (unsigned)instances);
    OSObject_release(cursor);
    OSObject_release(&ring->super);
    OSObject_release(buffer);
    return count == 2 && size == 10 && instances == 0 ? 0 : 1;
}
