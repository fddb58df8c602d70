/* SPDX-License-Identifier: BSD-2-Clause */
/* A buffer in use: its length, its direction, its bytes. */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor_private.h"

vm_size_t IOBufferMemoryDescriptor_getCapacity(const IOBufferMemoryDescriptor *self)
{
    return self == NULL ? 0 : self->capacity;
}

void IOBufferMemoryDescriptor_setLength(IOBufferMemoryDescriptor *self, vm_size_t length)
{
    if (self == NULL || length > self->capacity) {
        IOMemory_fail(kIOReturnBadArgument);
        return;
    }
    self->super.super.length = length;
}

void IOBufferMemoryDescriptor_setDirection(IOBufferMemoryDescriptor *self, IODirection direction)
{
    IOMemoryDescriptor *base;

    if (self == NULL) {
        return;
    }
    base = &self->super.super;
    base->flags = (base->flags & ~kIOMemoryDirectionMask) | (direction & kIOMemoryDirectionMask);
    if (base->wireCount != 1 || __atomic_load_n(&base->dmaActive, __ATOMIC_RELAXED) != 0) {
        return;
    }
    /* The pages are the buffer's own, writable whatever they were pinned for. */
    base->flags &= ~kIOMemoryPreparedReadOnly;
    if ((direction & kIODirectionOutIn) == kIODirectionOut) {
        base->flags |= kIOMemoryPreparedReadOnly;
    }
}

bool IOBufferMemoryDescriptor_appendBytes(IOBufferMemoryDescriptor *self, const void *bytes,
                                          vm_size_t withLength)
{
    vm_size_t room, length;
    uint8_t *to;

    if (self == NULL || self->memory == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    room = self->capacity - self->super.super.length;
    length = withLength < room ? withLength : room;
    to = (uint8_t *)self->memory + self->super.super.length;
    if (bytes == NULL) {
        memset(to, 0, length);
    } else {
        memcpy(to, bytes, length);
    }
    self->super.super.length += length;
    if (length < withLength) {
        IOMemory_fail(kIOReturnNoSpace);
        return false;
    }
    return true;
}

void *IOBufferMemoryDescriptor_getBytesNoCopy(IOBufferMemoryDescriptor *self)
{
    return self == NULL ? NULL : self->memory;
}

void *IOBufferMemoryDescriptor_getBytesNoCopyRange(IOBufferMemoryDescriptor *self, vm_size_t start,
                                                   vm_size_t withLength)
{
    if (self == NULL || start >= self->super.super.length ||
        !IOMemoryDescriptor_holds(&self->super.super, start, withLength)) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    return (uint8_t *)self->memory + start;
}

const OSMetaClass *IOBufferMemoryDescriptor_getMetaClass(const IOBufferMemoryDescriptor *self)
{
    return IOMemoryDescriptor_getMetaClass(self);
}
