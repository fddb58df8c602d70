/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry points under their DriverKit names: prepare and list in one call, no bouncing. */
#include "descriptors/IODriverKit.h"
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/driverkit/IODriverRights.h"
#include "descriptors/object/IORefuse.h"

#define SPECIFICATION_BITS_MOST 64

IOReturn IODMACommand_Create_Impl(IOService *device, uint64_t options,
                                  const IODMACommandSpecification *specification,
                                  IODMACommand **command)
{
    IODMACommand_SegmentOptions limits;
    IOMapper *mapper;
    IODMACommand *self;
    IOReturn status;

    if (command == NULL) {
        return kIOReturnBadArgument;
    }
    /* Before anything is refused: who looks at this alone must find nothing. */
    *command = NULL;
    if (IOREFUSE(device == NULL, "device is NULL") ||
        IOREFUSE(specification == NULL, "specification is NULL") ||
        IOREFUSE(options != kIODMACommandCreateNoOptions, "options %#llx: there are none",
                 IOULL(options)) ||
        IOREFUSE(specification->options != kIODMACommandSpecificationNoOptions,
                 "specification->options %#llx: there are none", IOULL(specification->options)) ||
        IOREFUSE(specification->maxAddressBits > SPECIFICATION_BITS_MOST,
                 "maxAddressBits %llu is more than %u", IOULL(specification->maxAddressBits),
                 SPECIFICATION_BITS_MOST)) {
        return kIOReturnBadArgument;
    }
    limits = IODMASpecification_options((UInt8)specification->maxAddressBits, 0, 0, 1);
    /* Physical addresses would be another's, or nobody's, to a device that is translated. */
    status = IOMapper_findForDevice(device, 0, &mapper);
    if (status != kIOReturnSuccess) {
        return status;
    }
    self = IODMACommand_withRefCon(NULL);
    status =
        self == NULL
            ? kIOReturnNoMemory
            : IODMASpecification_make(&self->spec, kIODMACommandOutputHost64, &limits,
                                      kIODMAMapOptionMapped | kIODMAMapOptionDextOwner, mapper);
    /* The specification has retained its own, or has failed. */
    OSObject_release(mapper);
    if (status != kIOReturnSuccess) {
        OSObject_release(self);
        return status;
    }
    *command = self;
    return kIOReturnSuccess;
}

/* The whole prepared range in the caller's array. */
static IOReturn list_all(IODMACommand *self, uint32_t *count, IOAddressSegment *segments)
{
    UInt32 produced = *count;
    UInt64 offset = 0;
    IOReturn status = IODMACommand_genIOVMSegmentsFunction(self, kIODMACommandOutputHost64, &offset,
                                                           segments, &produced);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (offset != self->length) {
        /* A list that covers a part would move a part: that is a failure. */
        return produced == *count ? kIOReturnNoSpace : kIOReturnMessageTooLarge;
    }
    *count = produced;
    return kIOReturnSuccess;
}

static IOReturn prepare_and_list(IODMACommand *self, IOMemoryDescriptor *memory, uint64_t offset,
                                 uint64_t length, uint32_t *count, IOAddressSegment *segments)
{
    IOReturn status = IODMACommand_setMemoryDescriptor(self, memory, false);

    if (status == kIOReturnSuccess) {
        status = IODMACommand_prepare(self, offset, length, true, true);
    }
    if (status == kIOReturnSuccess) {
        status = list_all(self, count, segments);
    }
    if (status != kIOReturnSuccess) {
        IODMACommand_clearMemoryDescriptor(self, true);
    }
    return status;
}

/* Of bytes that there are; what is none is for prepare to refuse. */
static bool shows_neighbours(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length)
{
    if (length == 0 && offset < memory->length) {
        length = memory->length - offset;
    }
    return length != 0 && IOMemoryDescriptor_holds(memory, offset, length) &&
           !IODriverRights_ownsPages(memory, offset, length);
}

/* Over what was set by another name: a failure brings it back. */
static __attribute__((noinline)) IOReturn prepare_over(IODMACommand *self,
                                                       IOMemoryDescriptor *memory, uint64_t offset,
                                                       uint64_t length, uint64_t *flags,
                                                       uint32_t *segmentsCount,
                                                       IOAddressSegment *segments)
{
    IOMemoryDescriptor *const before = self->memory;
    IOReturn status;

    OSObject_retain(before);
    IODMACommand_clearMemoryDescriptor(self, false);
    status = IODMACommand_PrepareForDMA_Impl(self, kIODMACommandPrepareForDMANoOptions, memory,
                                             offset, length, flags, segmentsCount, segments);
    if (status != kIOReturnSuccess) {
        IODMACommand_setMemoryDescriptor(self, before, false);
    }
    OSObject_release(before);
    return status;
}

IOReturn IODMACommand_PrepareForDMA_Impl(IODMACommand *self, uint64_t options,
                                         IOMemoryDescriptorRef memoryRef, uint64_t offset,
                                         uint64_t length, uint64_t *flags, uint32_t *segmentsCount,
                                         IOAddressSegment segments[kIODMACommandSegmentsMax])
{
    IOMemoryDescriptor *memory = memoryRef.descriptor;
    IODirection direction;
    IOReturn status;

    if (IOREFUSE(self == NULL, "self is NULL") || IOREFUSE(memory == NULL, "memory is NULL") ||
        IOREFUSE(flags == NULL, "flags is NULL") ||
        IOREFUSE(segmentsCount == NULL, "segmentsCount is NULL") ||
        IOREFUSE(segments == NULL, "segments is NULL") ||
        IOREFUSE(options != kIODMACommandPrepareForDMANoOptions, "options %#llx: there are none",
                 IOULL(options)) ||
        IOREFUSE(*segmentsCount == 0 || *segmentsCount > kIODMACommandSegmentsMax,
                 "*segmentsCount %u is not in 1 to %u", *segmentsCount,
                 (unsigned)kIODMACommandSegmentsMax)) {
        return kIOReturnBadArgument;
    }
    if (self->active != 0) {
        return kIOReturnBusy;
    }
    if (self->memory != NULL) {
        return prepare_over(self, memory, offset, length, flags, segmentsCount, segments);
    }
    /* Without a direction the device would write what the caller itself may only read. */
    if (!IODriverRights_mayTransfer(memory)) {
        return kIOReturnNotPermitted;
    }
    /* What a mapper shows to the device is whole pages, as in a mapping. */
    if (shows_neighbours(memory, offset, length)) {
        return kIOReturnNotPermitted;
    }
    /*
     * First: whether bytes offend is judged by their pages, which there are none of before. This
     * name prepares and completes the descriptor itself, where the other entry points leave that to
     * the caller.
     */
    status = IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = prepare_and_list(self, memory, offset, length, segmentsCount, segments);
    if (status != kIOReturnSuccess) {
        IOMemoryDescriptor_takeBackPrepare(memory);
        return status;
    }
    self->preparedMemory = true;
    direction = self->direction == kIODirectionNone ? kIODirectionOutIn : self->direction;
    *flags = direction & kIODirectionOutIn;
    return kIOReturnSuccess;
}

IOReturn IODMACommand_CompleteDMA_Impl(IODMACommand *self, uint64_t options)
{
    IOMemoryDescriptor *memory;
    IOReturn status, completed;

    if (self == NULL || options != kIODMACommandCompleteDMANoOptions) {
        return kIOReturnBadArgument;
    }
    if (self->active == 0) {
        return kIOReturnNotReady;
    }
    /* A driver process ends what it has begun, and not what the kernel has prepared for itself. */
    if (!self->preparedMemory && current_task() != kernel_task) {
        return kIOReturnNotPermitted;
    }
    status = IODMACommand_takeMemory(self, &memory);
    /* Refused, since the device still has it: the descriptor stays prepared under it. */
    if (memory == NULL) {
        return status;
    }
    /* The command has forgotten it, and nobody would ask again once another's DMA is over. */
    completed = IOMemoryDescriptor_completeSometime(memory);
    OSObject_release(memory);
    return status != kIOReturnSuccess ? status : completed;
}

IOReturn IODMACommand_GetPreparation_Impl(IODMACommand *self, uint64_t *offset, uint64_t *length,
                                          IOMemoryDescriptor **memory)
{
    IOReturn status = IODMACommand_getPreparedOffsetAndLength(self, offset, length);

    if (status == kIOReturnSuccess && memory != NULL) {
        OSObject_retain(self->memory);
        *memory = self->memory;
    }
    return status;
}

/* In pieces, so that neither side need be contiguous or mapped. Returns bytes moved. */
static uint64_t operate(IODMACommand *self, uint64_t options, uint64_t dmaOffset, uint64_t length,
                        uint64_t dataOffset, IOMemoryDescriptor *data)
{
    /*
     * Zeroed for the option that stores zeros; small, since it is on the stack of a driver's
     * thread.
     */
    uint8_t piece[256] = {0};
    uint64_t done = 0;

    while (done < length) {
        const uint64_t left = length - done;
        const uint64_t size = left < sizeof(piece) ? left : sizeof(piece);
        uint64_t moved = size;

        if (options == kIODMACommandPerformOperationOptionRead) {
            moved = IODMACommand_readBytes(self, dmaOffset + done, piece, size);
            moved = IOMemoryDescriptor_writeBytes(data, dataOffset + done, piece, moved);
        } else {
            if (options == kIODMACommandPerformOperationOptionWrite) {
                moved = IOMemoryDescriptor_readBytes(data, dataOffset + done, piece, size);
            }
            moved = moved == 0 ? 0 : IODMACommand_writeBytes(self, dmaOffset + done, piece, moved);
        }
        done += moved;
        /* One side had less: going on would leave a hole that nobody is told of. */
        if (moved != size) {
            break;
        }
    }
    return done;
}

IOReturn IODMACommand_PerformOperation_Impl(IODMACommand *self, uint64_t options,
                                            uint64_t dmaOffset, uint64_t length,
                                            uint64_t dataOffset, IOMemoryDescriptorRef data)
{
    const bool zero = options == kIODMACommandPerformOperationOptionZero;

    if (IOREFUSE(self == NULL, "self is NULL") ||
        IOREFUSE(options != kIODMACommandPerformOperationOptionRead &&
                     options != kIODMACommandPerformOperationOptionWrite && !zero,
                 "options %#llx are not one of Read, Write and Zero", IOULL(options))) {
        return kIOReturnBadArgument;
    }
    if (self->active == 0) {
        return kIOReturnNotReady;
    }
    /*
     * Against the whole descriptor: what of it is prepared, reading and writing find out byte by
     * byte.
     */
    if (IOREFUSE(length > self->memory->length, "%llu bytes are more than the memory's %llu",
                 IOULL(length), IOULL(self->memory->length)) ||
        IOREFUSE(!zero && data.descriptor == NULL, "data is NULL") ||
        IOREFUSE(!zero && !IOMemoryDescriptor_holds(data.descriptor, dataOffset, length),
                 "dataOffset %llu + length %llu is beyond the data's %llu bytes", IOULL(dataOffset),
                 IOULL(length), IOULL(data.descriptor->length))) {
        return kIOReturnBadArgument;
    }
    /* What is stored to, on either side: a copy gives no right that a mapping would not. */
    if (!IODriverRights_mayStore(
            options == kIODMACommandPerformOperationOptionRead ? data.descriptor : self->memory)) {
        return kIOReturnNotPermitted;
    }
    return operate(self, options, dmaOffset, length, dataOffset, data.descriptor) == length
               ? kIOReturnSuccess
               : kIOReturnUnderrun;
}
