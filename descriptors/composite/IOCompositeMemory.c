/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a composite: their list, their preparation, their end. */
#include "descriptors/composite/IOCompositeMemory_private.h"

IOReturn composite_make_room(struct IOCompositeMemory *self, UInt32 parts)
{
    self->count = 0;
    self->super.length = 0;
    self->super.depth = 1;
    self->parts = parts <= 1 ? &self->single : platform_alloc(parts * sizeof(*self->parts));
    return self->parts != NULL ? kIOReturnSuccess : kIOReturnNoMemory;
}

/*
 * Whether `self` is `memory` or inside it: only re-initialisation can bring that
 * about. Each search looks at a composite once, however often it is a part.
 */
static bool is_inside(const struct IOCompositeMemory *self, IOMemoryDescriptor *memory,
                      uint32_t search)
{
    struct IOCompositeMemory *composite = (struct IOCompositeMemory *)memory;

    if (memory == &self->super) {
        return true;
    }
    if (memory->depth == 0 || composite->visited == search) {
        return false; /* no composite, or seen before */
    }
    /*
     * A descriptor may be part of many, so the paths are exponential in the depth; the mark
     * makes the search linear in the composites.
     */
    composite->visited = search;
    for (UInt32 i = 0; i < composite->count; i++) {
        if (is_inside(self, composite->parts[i].memory, search)) {
            return true;
        }
    }
    return false;
}

static bool would_be_cyclic(const struct IOCompositeMemory *self, IOMemoryDescriptor *memory)
{
    static uint32_t searches;

    return is_inside(self, memory, ++searches);
}

IOReturn composite_add(struct IOCompositeMemory *self, IOMemoryDescriptor *memory,
                       IOByteCount start, IOByteCount length)
{
    struct IOMemoryPart *part = &self->parts[self->count];
    IOByteCount end;

    if (memory == NULL || !IOMemoryDescriptor_holds(memory, start, length) ||
        __builtin_add_overflow(self->super.length, length, &end) ||
        /*
         * Walks recurse from part to part on a stack of fixed size: depth is bounded where a part
         * is added, or a chain of windows would run over it in an interrupt handler.
         */
        memory->depth >= COMPOSITE_DEPTH_MAX || would_be_cyclic(self, memory)) {
        return kIOReturnBadArgument;
    }
    OSObject_retain(memory);
    *part = (struct IOMemoryPart){.memory = memory, .start = start, .end = end};
    self->count++;
    self->super.length = end;
    if (memory->depth >= self->super.depth) {
        self->super.depth = memory->depth + 1;
    }
    return kIOReturnSuccess;
}

IOReturn composite_append(struct IOCompositeMemory *self, IOMemoryDescriptor *memory,
                          IOByteCount start, IOByteCount length)
{
    IOMemoryDescriptor *const base = &self->super;
    IOReturn status;

    /* A part that allows less would be stored to, or read from, through the whole. */
    if (memory == NULL || (base->flags & kIODirectionOutIn & ~memory->flags) != 0) {
        return kIOReturnBadArgument;
    }
    status = composite_add(self, memory, start, length);
    if (status == kIOReturnSuccess && base->tag == 0) {
        base->tag = memory->tag;
    }
    return status;
}

void composite_empty(struct IOCompositeMemory *self)
{
    /*
     * Each of our prepares has prepared the parts: they get them back before they are let go,
     * or their pages would stay pinned with nobody left to complete.
     */
    while (self->super.wireCount != 0) {
        composite_complete(&self->super, kIODirectionNone);
    }
    IOMemoryDescriptor_emptyMappings(&self->super);
    self->super.length = 0;
    self->super.depth = 1;
    self->super.reserved.preparationID = kIOPreparationIDUnprepared;
    while (self->count != 0) {
        self->count--;
        OSObject_release(self->parts[self->count].memory);
    }
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
        self->super.dmaActive = 0;
    }
    composite_drop(self);
    IOMemoryDescriptor_class.meta.free(object);
}

IOReturn composite_prepare(IOMemoryDescriptor *base, IODirection direction)
{
    struct IOCompositeMemory *self = composite_of(base);
    IOReturn status = kIOReturnSuccess;
    UInt32 i;

    if (base->wireCount == UINT32_MAX) {
        return kIOReturnNoResources;
    }
    if ((direction & kIODirectionOutIn) == 0) {
        direction |= base->flags & kIODirectionOutIn;
    }
    /* The limit is the whole's, whatever its parts were made with: it holds for each of them. */
    direction |= base->flags & kIODirectionPrepareToPhys32;
    for (i = 0; i < self->count && status == kIOReturnSuccess; i++) {
        status = IOMemoryDescriptor_prepare(self->parts[i].memory, direction);
    }
    if (status == kIOReturnSuccess) {
        base->wireCount++;
        return kIOReturnSuccess;
    }
    /* Those before the failing one, once each, the last first; i stands behind the failing one. */
    for (i--; i > 0; i--) {
        IOMemoryDescriptor_complete(self->parts[i - 1].memory, kIODirectionNone);
    }
    return status;
}

IOReturn composite_complete(IOMemoryDescriptor *base, IODirection direction)
{
    struct IOCompositeMemory *self = composite_of(base);
    IOReturn status = kIOReturnSuccess;

    if (base->wireCount == 0) {
        return kIOReturnNotReady;
    }
    if (base->wireCount == 1 && __atomic_load_n(&base->dmaActive, __ATOMIC_RELAXED) != 0) {
        return kIOReturnBusy;
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
