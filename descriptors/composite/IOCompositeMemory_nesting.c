/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How deep descriptors are nested. Every part is on a list of the descriptor that it shows,
 * so that a change somewhere below is judged with all that stands above: what was shallow
 * when it was composed may be given something deep later. That keeps every recursion over
 * parts within the limit, and finds cycles by looking upward only.
 */
#include "descriptors/composite/IOCompositeMemory_private.h"

void composite_join(struct IOMemoryPart *part, struct IOCompositeMemory *holder)
{
    IOMemoryDescriptor *const memory = part->memory;

    part->holder = holder;
    part->nextHolder = memory->holders;
    /* The place that points here, whichever it is: leaving needs no search. */
    part->holderLink = &memory->holders;
    if (part->nextHolder != NULL) {
        part->nextHolder->holderLink = &part->nextHolder;
    }
    memory->holders = part;
}

void composite_leave(struct IOMemoryPart *part)
{
    *part->holderLink = part->nextHolder;
    if (part->nextHolder != NULL) {
        part->nextHolder->holderLink = part->holderLink;
    }
}

/* A look at everything above a descriptor, each composite once. */
struct climb {
    uint32_t number;                  /* marks the composites that were seen */
    const IOMemoryDescriptor *sought; /* is it above? */
    bool found;
};

/* The most levels of composites above a descriptor. */
static unsigned levels_above(const IOMemoryDescriptor *memory, struct climb *climb)
{
    unsigned most = 0;

    climb->found |= memory == climb->sought;
    for (const struct IOMemoryPart *part = memory->holders; part != NULL; part = part->nextHolder) {
        struct IOCompositeMemory *const holder = part->holder;

        if (holder->visited != climb->number) {
            /*
             * Marked before it is climbed: a composite that is reached by many ways costs one
             * climb.
             */
            holder->visited = climb->number;
            holder->above = levels_above(&holder->super, climb);
        }
        if (holder->above + 1 > most) {
            most = holder->above + 1;
        }
    }
    return most;
}

bool composite_may_hold(const struct IOCompositeMemory *self, const IOMemoryDescriptor *memory)
{
    static uint32_t climbs;
    struct climb climb = {.number = ++climbs, .sought = memory};
    const unsigned above = levels_above(&self->super, &climb);

    return !climb.found && above + 1 + memory->depth <= DESCRIPTOR_DEPTH_MAX;
}

static unsigned depth_of(const struct IOCompositeMemory *self)
{
    unsigned depth = 1;

    for (UInt32 i = 0; i < self->count; i++) {
        if (self->parts[i].memory->depth + 1u > depth) {
            depth = self->parts[i].memory->depth + 1u;
        }
    }
    return depth;
}

/*
 * Climbs no higher than the limit: with all that stands above, each part was judged before it
 * came in.
 */
static void set_depth(IOMemoryDescriptor *memory, unsigned depth)
{
    const unsigned former = memory->depth;

    if (depth == former) {
        return;
    }
    memory->depth = (uint16_t)depth;
    for (struct IOMemoryPart *part = memory->holders; part != NULL; part = part->nextHolder) {
        IOMemoryDescriptor *const holder = &part->holder->super;

        if (holder->depth < depth + 1) {
            set_depth(holder, depth + 1);
        } else if (holder->depth == former + 1) { /* this may have been its deepest part */
            set_depth(holder, depth_of(part->holder));
        }
    }
}

void composite_count_depth(struct IOCompositeMemory *self)
{
    set_depth(&self->super, depth_of(self));
}

void composite_raise_depth(struct IOCompositeMemory *self, const IOMemoryDescriptor *memory)
{
    if (memory->depth >= self->super.depth) {
        set_depth(&self->super, memory->depth + 1u);
    }
}
