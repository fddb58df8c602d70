/* SPDX-License-Identifier: BSD-2-Clause */
/* A buffer in use: its length, its direction, its bytes. */
#include <string.h>

#include "descriptors/buffer/IOBufferMemoryDescriptor_private.h"
#include "descriptors/object/IORefuse.h"

vm_size_t IOBufferMemoryDescriptor_getCapacity(const IOBufferMemoryDescriptor *self)
{
    return self == NULL ? 0 : self->capacity;
}

/*
 * Runs and pins are those of the capacity, so that a prepared buffer can be shortened too; but
 * not under a device, whose last bytes nobody could then copy back.
 */
static IOReturn set_length(IOBufferMemoryDescriptor *self, vm_size_t length)
{
    IOMemoryDescriptor *const base = &self->super.super;

    if (IOREFUSE(length > self->capacity, "length %llu is more than the capacity, %llu",
                 IOULL(length), IOULL(self->capacity))) {
        return kIOReturnBadArgument;
    }
    if (length < base->length && __atomic_load_n(&base->dmaActive, __ATOMIC_RELAXED) != 0) {
        return kIOReturnBusy;
    }
    base->length = length;
    return kIOReturnSuccess;
}

void IOBufferMemoryDescriptor_setLength(IOBufferMemoryDescriptor *self, vm_size_t length)
{
    IOReturn status = kIOReturnBadArgument;

    if (self != NULL) {
        const bool locked = IOMemoryDescriptor_lock(&self->super.super);

        status = set_length(self, length);
        IOMemoryDescriptor_unlock(&self->super.super, locked);
    }
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
}

static void set_direction(IOMemoryDescriptor *base, IODirection direction)
{
    base->flags = (base->flags & ~kIOMemoryDirectionMask) | (direction & kIOMemoryDirectionMask);
    /* Somebody else's prepare, or a device at work, counts on the direction that it found. */
    if ((base->flags & kIOMemoryAutoPrepare) == 0 || base->wireCount != 1 ||
        __atomic_load_n(&base->dmaActive, __ATOMIC_RELAXED) != 0) {
        return;
    }
    /*
     * What the system mapper lets devices do goes by the preparation; a handler cannot take it
     * away, and leaves what was right until now.
     */
    if (!platform_in_interrupt()) {
        IOMemoryDescriptor_dropSystemMap(base);
    }
    /* The pages are the buffer's own, writable whatever they were pinned for. */
    base->flags &= ~kIOMemoryPreparedReadOnly;
    if ((direction & kIODirectionOutIn) == kIODirectionOut) {
        base->flags |= kIOMemoryPreparedReadOnly;
    }
}

void IOBufferMemoryDescriptor_setDirection(IOBufferMemoryDescriptor *self, IODirection direction)
{
    bool locked;

    if (self == NULL) {
        return;
    }
    locked = IOMemoryDescriptor_lock(&self->super.super);
    set_direction(&self->super.super, direction);
    IOMemoryDescriptor_unlock(&self->super.super, locked);
}

IOReturn buffer_store(IOBufferMemoryDescriptor *self, uint64_t offset, const void *bytes,
                      uint64_t length, uint64_t *done)
{
    /* Pageable or specially cached memory has no address in the linear view. */
    if (self->direct == NULL) {
        return IOMemoryReference_store(self->super.reference, offset, bytes, length, done);
    }
    if (bytes == NULL) {
        memset((uint8_t *)self->direct + offset, 0, length);
    } else {
        memcpy((uint8_t *)self->direct + offset, bytes, length);
    }
    *done = length;
    return kIOReturnSuccess;
}

bool IOBufferMemoryDescriptor_appendBytes(IOBufferMemoryDescriptor *self, const void *bytes,
                                          vm_size_t withLength)
{
    vm_size_t room, length;
    uint64_t done;
    IOReturn status;
    bool locked;

    if (self == NULL || self->capacity == 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    locked = IOMemoryDescriptor_lock(&self->super.super);
    /* Not below 0: no door lets the length exceed the capacity. */
    room = self->capacity - self->super.super.length;
    length = withLength < room ? withLength : room;
    status = buffer_store(self, self->super.super.length, bytes, length, &done);
    /*
     * What was stored counts also on failure: the bytes are there, and a retry goes on behind them.
     */
    self->super.super.length += done;
    IOMemoryDescriptor_unlock(&self->super.super, locked);
    if (status == kIOReturnSuccess && length < withLength) {
        status = kIOReturnNoSpace;
    }
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

void *IOBufferMemoryDescriptor_getBytesNoCopy(IOBufferMemoryDescriptor *self)
{
    return self == NULL ? NULL : (void *)self->whole.address;
}

void *IOBufferMemoryDescriptor_getBytesNoCopyRange(IOBufferMemoryDescriptor *self, vm_size_t start,
                                                   vm_size_t withLength)
{
    /* A buffer of no task has no address; its bytes are reached by readBytes and writeBytes. */
    if (self == NULL || self->whole.address == 0 || start >= self->super.super.length ||
        !IOMemoryDescriptor_holds(&self->super.super, start, withLength)) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    return (uint8_t *)self->whole.address + start;
}

const OSMetaClass *IOBufferMemoryDescriptor_getMetaClass(const IOBufferMemoryDescriptor *self)
{
    return IOMemoryDescriptor_getMetaClass(self);
}
