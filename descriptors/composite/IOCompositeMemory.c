/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a composite: their list, their preparation, their end. */
#include "descriptors/composite/IOCompositeMemory_private.h"
#include "descriptors/object/IORefuse.h"

IOReturn composite_make_room(struct IOCompositeMemory *self, UInt32 parts)
{
    self->count = 0;
    self->super.length = 0;
    /*
     * One part lies in the object: a window needs no memory and cannot fail here. A count of 32
     * bits makes no product that wraps.
     */
    self->parts = parts <= 1 ? &self->single : platform_alloc(parts * sizeof(*self->parts));
    composite_count_depth(self);
    return self->parts != NULL ? kIOReturnSuccess : kIOReturnNoMemory;
}

IOReturn composite_add(struct IOCompositeMemory *self, IOMemoryDescriptor *memory,
                       IOByteCount start, IOByteCount length)
{
    struct IOMemoryPart *part = &self->parts[self->count];
    IOByteCount end;

    if (IOREFUSE(memory == NULL, "the part is NULL") ||
        IOREFUSE(!IOMemoryDescriptor_holds(memory, start, length),
                 "offset %llu + length %llu is beyond the part's %llu bytes", IOULL(start),
                 IOULL(length), IOULL(memory->length)) ||
        IOREFUSE(__builtin_add_overflow(self->super.length, length, &end),
                 "the sum of the parts' lengths wraps") ||
        IOREFUSE(!composite_may_hold(self, memory),
                 "the part contains the composite, or is nested too deeply (at most %u levels)",
                 (unsigned)DESCRIPTOR_DEPTH_MAX)) {
        return kIOReturnBadArgument;
    }
    /* Before it is joined: the list that the part goes on lies in the memory itself. */
    OSObject_retain(memory);
    *part = (struct IOMemoryPart){.memory = memory, .start = start, .end = end};
    composite_join(part, self);
    self->count++;
    self->super.length = end;
    composite_raise_depth(self, memory);
    return kIOReturnSuccess;
}

IOReturn composite_append(struct IOCompositeMemory *self, IOMemoryDescriptor *memory,
                          IOByteCount start, IOByteCount length)
{
    IOMemoryDescriptor *const base = &self->super;
    IOReturn status;

    /* A part that allows less would be stored to, or read from, through the whole. */
    if (IOREFUSE(memory == NULL, "the part is NULL") ||
        IOREFUSE((base->flags & kIODirectionOutIn & ~memory->flags) != 0,
                 "direction %u is more than the part's, %u, allows",
                 base->flags & kIODirectionOutIn, memory->flags & kIODirectionOutIn)) {
        return kIOReturnBadArgument;
    }
    status = composite_add(self, memory, start, length);
    if (status == kIOReturnSuccess && base->tag == 0) {
        base->tag = memory->tag;
    }
    return status;
}

IOReturn composite_check_empty(const struct IOCompositeMemory *self)
{
    IOMemoryDescriptor *const base = (IOMemoryDescriptor *)&self->super;
    IOReturn status;

    if (__atomic_load_n(&base->dmaActive, __ATOMIC_RELAXED) != 0) {
        return kIOReturnBusy;
    }
    status = composite_announce_complete(base, base->wireCount, true);
    /* It was only a question: parts go on counting a complete that is announced and never comes. */
    if (status == kIOReturnSuccess) {
        composite_announce_complete(base, base->wireCount, false);
    }
    return status;
}

void composite_complete_all(struct IOCompositeMemory *self)
{
    IOMemoryDescriptor_dropSystemMap(&self->super);
    /* After the mapping has gone: a device could still reach pages that were unpinned under it. */
    for (; self->super.wireCount != 0; self->super.wireCount--) {
        for (UInt32 i = 0; i < self->count; i++) {
            IOMemoryDescriptor_completeSometime(self->parts[i].memory);
        }
    }
}

void composite_empty(struct IOCompositeMemory *self)
{
    IOMemoryDescriptor_emptyMappings(&self->super);
    composite_complete_all(self);
    self->super.length = 0;
    /*
     * A number that a client has noted stands for the former parts, and must not be answered
     * again.
     */
    self->super.reserved.preparationID = kIOPreparationIDUnprepared;
    while (self->count != 0) {
        struct IOMemoryPart *const part = &self->parts[--self->count];

        /* Off the list first: the release may end the memory, and the list with it. */
        composite_leave(part);
        OSObject_release(part->memory);
    }
    composite_count_depth(self);
}

void composite_drop(struct IOCompositeMemory *self)
{
    composite_empty(self);
    if (self->parts != &self->single) {
        platform_free(self->parts);
    }
    self->parts = NULL;
}

void composite_free(OSObject *object)
{
    struct IOCompositeMemory *self = (struct IOCompositeMemory *)object;

    if (self->super.dmaActive != 0) {
        /* The parts stay marked: none of them will give its pages back. */
        platform_log("%s %p freed with DMA active: the pages of its parts are given up",
                     object->metaClass->name, (void *)object);
    }
    composite_drop(self);
    IOMemoryDescriptor_class.meta.free(object);
}

IOReturn composite_prepare(IOMemoryDescriptor *base, IODirection direction)
{
    struct IOCompositeMemory *self = composite_of(base);
    IOReturn status = kIOReturnSuccess;
    UInt32 i;

    /* One more would make it 0: unprepared, with pins that no complete could give back. */
    if (base->wireCount == UINT32_MAX) {
        return kIOReturnNoResources;
    }
    /* The whole's and not each part's own, which may allow more than the whole does. */
    if ((direction & kIODirectionOutIn) == 0) {
        direction |= base->flags & kIODirectionOutIn;
    }
    /* The limit is the whole's, whatever its parts were made with: it holds for each of them. */
    direction |= base->flags & kIODirectionPrepareToPhys32;
    for (i = 0; i < self->count && status == kIOReturnSuccess; i++) {
        status = IOMemoryDescriptor_prepare(self->parts[i].memory, direction);
    }
    if (status == kIOReturnSuccess) {
        /* Its parts' own mappings have the limit by their prepares, and this one by its own first.
         */
        if (base->wireCount++ == 0) {
            base->isNarrow = (direction & kIODirectionPrepareToPhys32) != 0;
        }
        return kIOReturnSuccess;
    }
    /* Those before the failing one, once each, the last first; i stands behind the failing one. */
    for (i--; i > 0; i--) {
        IOMemoryDescriptor_takeBackPrepare(self->parts[i - 1].memory);
    }
    return status;
}

IOReturn composite_announce_complete(IOMemoryDescriptor *base, uint32_t count, bool coming)
{
    struct IOCompositeMemory *self = composite_of(base);
    IOReturn status = descriptor_announce_complete(base, count, coming);
    UInt32 i;

    for (i = 0; i < self->count && status == kIOReturnSuccess; i++) {
        IOMemoryDescriptor *const memory = self->parts[i].memory;

        status = IOMemoryDescriptor_methods(memory)->announceComplete(memory, count, coming);
    }
    /* 0: the whole itself has refused, and no part has heard of it. */
    if (status == kIOReturnSuccess || i == 0) {
        return status;
    }
    for (i--; i > 0; i--) {
        IOMemoryDescriptor *const memory = self->parts[i - 1].memory;

        IOMemoryDescriptor_methods(memory)->announceComplete(memory, count, false);
    }
    descriptor_announce_complete(base, count, false);
    return status;
}

static void take_back(struct IOCompositeMemory *self)
{
    if (self->super.wireCount == 1) {
        IOMemoryDescriptor_dropSystemMap(&self->super); /* before a part unpins its pages */
    }
    for (UInt32 i = self->count; i > 0; i--) {
        IOMemoryDescriptor_takeBackPrepare(self->parts[i - 1].memory);
    }
    self->super.wireCount--;
}

/* All parts are asked first: one that must stay prepared keeps the others as they are. */
IOReturn composite_complete(IOMemoryDescriptor *base, IODirection direction)
{
    struct IOCompositeMemory *self = composite_of(base);
    IOReturn status;

    if (base->wireCount == 0) {
        return kIOReturnNotReady;
    }
    if (direction == DESCRIPTOR_TAKE_BACK) {
        take_back(self);
        return kIOReturnSuccess;
    }
    status = composite_announce_complete(base, 1, true);
    if (status != kIOReturnSuccess) {
        return status;
    }
    composite_announce_complete(base, 1, false);
    if (base->wireCount == 1) {
        IOMemoryDescriptor_dropSystemMap(base); /* before a part unpins its pages */
    }
    for (UInt32 i = 0; i < self->count; i++) {
        /*
         * All are completed whatever one says: stopping halfway would leave the rest pinned, and
         * no call could reach them again.
         */
        const IOReturn part = IOMemoryDescriptor_complete(self->parts[i].memory, direction);

        if (part != kIOReturnSuccess) {
            status = part;
        }
    }
    base->wireCount--;
    return status;
}

/* A number of its own that changes whenever a part's does. */
uint64_t composite_get_preparation_id(IOMemoryDescriptor *base)
{
    struct IOCompositeMemory *self = composite_of(base);
    uint64_t answer = kIOPreparationIDAlwaysPrepared;
    bool changed = base->reserved.preparationID == kIOPreparationIDUnprepared;

    for (UInt32 i = 0; i < self->count; i++) {
        struct IOMemoryPart *part = &self->parts[i];
        const uint64_t id = IOMemoryDescriptor_getPreparationID(part->memory);

        if (id == kIOPreparationIDUnsupported) {
            return id;
        }
        /*
         * Noted, and the rest asked all the same: each part's number is remembered, so that the
         * next question sees what has changed since this one.
         */
        if (id == kIOPreparationIDUnprepared) {
            answer = id;
        }
        changed |= id != part->preparationID;
        part->preparationID = id;
    }
    if (changed) {
        base->reserved.preparationID = IOMemoryDescriptor_newPreparationID();
    }
    return answer == kIOPreparationIDUnprepared ? answer : base->reserved.preparationID;
}
