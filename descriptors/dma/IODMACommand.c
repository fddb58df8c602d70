/* SPDX-License-Identifier: BSD-2-Clause */
/* A DMA command as an object: its record, its end, its getters. */
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/ledger/IOLedger.h"

static IOBufferMemoryDescriptor *create_copy_buffer(IODMACommand *self, IODirection direction,
                                                    UInt64 length)
{
    const struct IODMALimits *limits = &self->spec.limits;
    const uint64_t unit = IODMALimits_unit(limits);
    /* Behind a mapper the device's width limits I/O addresses, not where the pages are. */
    const bool anywhere = limits->highest == UINT64_MAX || self->spec.mapper != NULL;
    IOBufferMemoryDescriptor *buffer =
        (IOBufferMemoryDescriptor *)OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);

    if (buffer != NULL &&
        !IOBufferMemoryDescriptor_initWithPhysicalMask(
            buffer, kernel_task, direction | kIOMemoryHostPhysicallyContiguous, length,
            unit < PAGE_SIZE ? PAGE_SIZE : unit, anywhere ? 0 : limits->highest)) {
        OSSafeReleaseNULL(buffer);
    }
    return buffer;
}

static void dma_command_free(OSObject *self)
{
    IODMACommand_free((IODMACommand *)self);
}

static uint32_t instances;

const IODMACommandClass IODMACommand_class = {
    .meta = {"IODMACommand", &IOCommand_metaClass, sizeof(IODMACommand), &instances,
             dma_command_free},
    .createCopyBuffer = create_copy_buffer,
};

IOBufferMemoryDescriptor *IODMACommand_createCopyBuffer(IODMACommand *self, IODirection direction,
                                                        UInt64 length)
{
    if (self == NULL || length == 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    return ((const IODMACommandClass *)self->super.super.metaClass)
        ->createCopyBuffer(self, direction, length);
}

uint8_t *IODMACommand_copyBytes(const IODMACommand *self)
{
    const IODMACommandClass *methods = (const IODMACommandClass *)self->super.super.metaClass;

    /* That of a subclass may be in any task, or not resident where an end is told. */
    return methods->createCopyBuffer == create_copy_buffer
               ? IOBufferMemoryDescriptor_getBytesNoCopy((IOBufferMemoryDescriptor *)self->copy)
               : NULL;
}

void IODMACommand_free(IODMACommand *self)
{
    if (self == NULL) {
        return;
    }
    IOLEDGER(released(self, self->active != 0));
    if (self->lent != 0) {
        /* Kept for good, with what it has prepared: an engine that moves bytes there will give it
         * back. */
        platform_log("IODMACommand %p: freed while an engine has it; kept", (void *)self);
        return;
    }
    if (self->active != 0) {
        platform_log("IODMACommand %p: freed while active; completed", (void *)self);
        /*
         * Else the completion below would be refused, and the pages stay pinned with nobody left.
         */
        IODMACommand_become(self, kIODMAOwnerBack);
    }
    /* What the driver's one call has prepared, it would have completed by one call. */
    if (self->preparedMemory) {
        IODMACommand_CompleteDMA(self, kIODMACommandCompleteDMANoOptions);
    }
    IODMACommand_clearMemoryDescriptor(self, true);
    IOASSERT(self->active != 0 || (!self->hasRuns && !IODMACommand_bounces(self) &&
                                   self->bounce.charged == 0 && self->use.link == NULL));
    /* After the memory has been let go of: its I/O mapping is undone through the mapper. */
    OSObject_release(self->spec.mapper);
    OSObject_free(&self->super.super);
}

void IODMACommand_sayRefused(const IODMACommand *self, const char *what)
{
    platform_log("IODMACommand %p: %s while the device has it", (const void *)self, what);
}

void IODMACommand_keepPrepared(IODMACommand *self)
{
    (void)self; /* where nobody asks */
    IOLEDGER(kept(self));
}

void *IODMACommand_getRefCon(const IODMACommand *self)
{
    return self == NULL ? NULL : self->fRefCon;
}

void IODMACommand_setRefCon(IODMACommand *self, void *refCon)
{
    if (self != NULL) {
        self->fRefCon = refCon;
    }
}

UInt8 IODMACommand_getNumAddressBits(const IODMACommand *self)
{
    return self == NULL ? 0 : self->spec.addressBits;
}

UInt32 IODMACommand_getAlignment(const IODMACommand *self)
{
    return self == NULL ? 0 : (UInt32)self->spec.limits.firstMask + 1;
}

uint32_t IODMACommand_getAlignmentLength(const IODMACommand *self)
{
    return self == NULL ? 0 : (uint32_t)self->spec.limits.lengthMask + 1;
}

uint32_t IODMACommand_getAlignmentInternalSegments(const IODMACommand *self)
{
    return self == NULL ? 0 : (uint32_t)self->spec.limits.startMask + 1;
}

uint64_t IODMACommand_getSegmentBoundary(const IODMACommand *self)
{
    /* No boundary is a mask of all ones, and one more of that is 0; so is it of zeroed fields. */
    return self == NULL || self->spec.output == NULL ? 0 : self->spec.limits.boundaryMask + 1;
}

uint32_t IODMACommand_getAlignmentInternalEnd(const IODMACommand *self)
{
    return self == NULL ? 0 : (uint32_t)self->spec.limits.endMask + 1;
}

uint64_t IODMACommand_getBounceLength(const IODMACommand *self)
{
    if (self == NULL || self->active == 0) {
        return 0;
    }
    return self->copy != NULL ? self->length : self->bounce.bytes;
}

IOReturn IODMACommand_getPreparedOffsetAndLength(const IODMACommand *self, UInt64 *offset,
                                                 UInt64 *length)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    /* A range that was prepared once is no answer: it may be another's by now. */
    if (self->active == 0) {
        return kIOReturnNotReady;
    }
    if (offset != NULL) {
        *offset = self->offset;
    }
    if (length != NULL) {
        *length = self->length;
    }
    return kIOReturnSuccess;
}

const IOMemoryDescriptor *IODMACommand_getMemoryDescriptor(const IODMACommand *self)
{
    return self == NULL ? NULL : self->memory;
}

IOMemoryDescriptor *IODMACommand_getIOMemoryDescriptor(const IODMACommand *self)
{
    if (self == NULL) {
        return NULL;
    }
    return self->copy != NULL ? self->copy : self->memory;
}

const OSMetaClass *IODMACommand_getMetaClass(const IODMACommand *self)
{
    return self == NULL ? NULL : self->super.super.metaClass;
}
