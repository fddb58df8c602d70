/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors in the model: what keeps them, what they pin, and what maps of them show. */
#include "tests/host/model/model.h"

struct memory *memory_new(enum memory_kind kind)
{
    for (unsigned i = 0; i < MEMORIES_MAX; i++) {
        if (world.memories[i].refs == 0) {
            world.memories[i] = (struct memory){.kind = kind, .refs = 1, .held = true};
            return &world.memories[i];
        }
    }
    return NULL;
}

void memory_retain(struct memory *memory)
{
    memory->refs++;
}

bool memory_is_part(const struct memory *memory)
{
    for (unsigned i = 0; i < MEMORIES_MAX; i++) {
        const struct memory *whole = &world.memories[i];

        for (unsigned k = 0; whole->refs != 0 && k < whole->part_count; k++) {
            if (whole->parts[k] == memory) {
                return true;
            }
        }
    }
    return false;
}

/* When it can. */
static void complete_sometime(struct memory *memory)
{
    memory_settle(memory);
    if (memory_complete(memory) == kIOReturnBusy) {
        memory->owed++;
    }
}

/* The last release of the real descriptor undoes its prepares. */
static void memory_free(struct memory *memory)
{
    memory->own_prepares = 0;
    for (; memory->kind != LEAF && memory->prepares != 0; memory->prepares--) {
        for (unsigned i = 0; i < memory->part_count; i++) {
            complete_sometime(memory->parts[i]);
        }
    }
    while (memory->prepares != 0) {
        memory_complete(memory);
    }
    for (unsigned i = 0; i < memory->part_count; i++) {
        memory_release(memory->parts[i]);
    }
    view_release(&memory->view);
    if (memory->image != NULL) {
        store_release(memory->image);
    }
    if (memory->buffer != NULL) {
        memory->buffer->task = NULL; /* its own mapping goes */
        memory->buffer->purgeable = false;
        store_release(memory->buffer);
    }
}

void memory_release(struct memory *memory)
{
    if (memory->refs == 1) {
        memory_free(memory);
    }
    memory->refs--;
}

void memory_let_go(struct memory *memory)
{
    memory->held = false;
    OSObject_release(memory->descriptor);
    memory_release(memory);
}

struct memory *memory_any(void)
{
    const unsigned start = (unsigned)below(MEMORIES_MAX);

    for (unsigned i = 0; i < MEMORIES_MAX; i++) {
        struct memory *memory = &world.memories[(start + i) % MEMORIES_MAX];

        if (memory->refs != 0 && memory->held) {
            return memory;
        }
    }
    return NULL;
}

uint64_t view_prepared(const struct view *view)
{
    uint64_t length = 0;

    for (unsigned i = 0; i < view->count; i++) {
        const struct memory *leaf = view->extents[i].leaf;

        if (!leaf->physical && leaf->prepares == 0) {
            break;
        }
        length += view->extents[i].length;
    }
    return length;
}

static IOReturn prepare_leaf(struct memory *leaf, IODirection direction)
{
    if (leaf->physical) {
        return kIOReturnSuccess;
    }
    if (leaf->prepares != 0 && leaf->for_reading && direction != kIODirectionOut) {
        return kIOReturnNotWritable;
    }
    if (leaf->prepares == 0) {
        leaf->for_reading = direction == kIODirectionOut;
        view_pin(&leaf->view, 1);
    }
    leaf->prepares++;
    return kIOReturnSuccess;
}

/* Does a device rely on pins that are there? */
static bool is_used_by_device(const struct memory *memory)
{
    bool used = memory->active != 0 && memory->own_prepares == 0 && memory->prepares != 0;

    for (unsigned i = 0; i < memory->part_count; i++) {
        used |= is_used_by_device(memory->parts[i]);
    }
    return used;
}

/* The completes that could not be made when they came. */
void memory_settle(struct memory *memory)
{
    if (is_used_by_device(memory)) {
        return;
    }
    while (memory->owed != 0) {
        memory->owed--;
        if (memory_complete(memory) == kIOReturnBusy) {
            memory->owed++;
            break;
        }
    }
}

void memory_mark(struct memory *memory, int by)
{
    memory->active += (unsigned)by;
    if (by < 0 && memory->active == 0) {
        memory_settle(memory);
    }
    for (unsigned i = 0; i < memory->part_count; i++) {
        memory_mark(memory->parts[i], by);
    }
    if (by < 0) {
        memory_settle(memory);
    }
}

bool memory_is_busy(const struct memory *memory)
{
    bool busy = memory->active != 0;

    for (unsigned i = 0; i < memory->part_count; i++) {
        busy |= memory_is_busy(memory->parts[i]);
    }
    return busy;
}

/* One of a whole that cannot be prepared: whatever uses it, it is as it was. */
static void take_back(struct memory *memory)
{
    if (memory->physical) {
        return;
    }
    for (unsigned i = 0; i < memory->part_count; i++) {
        take_back(memory->parts[i]);
    }
    memory->prepares--;
    if (memory->kind == LEAF && memory->prepares == 0) {
        view_pin(&memory->view, -1);
        memory->for_reading = false;
    }
}

IOReturn memory_prepare(struct memory *memory, IODirection direction)
{
    IOReturn status = kIOReturnSuccess;

    memory_settle(memory);
    direction = direction == kIODirectionNone ? kIODirectionOutIn : direction;
    if (memory->kind == LEAF) {
        return prepare_leaf(memory, direction);
    }
    for (unsigned i = 0; i < memory->part_count; i++) {
        status = memory_prepare(memory->parts[i], direction);
        if (status != kIOReturnSuccess) {
            while (i-- > 0) {
                take_back(memory->parts[i]);
            }
            return status;
        }
    }
    memory->prepares++;
    return kIOReturnSuccess;
}

/* Would one complete of it take the last prepare from something that a device uses? */
static bool announce(struct memory *memory, bool coming)
{
    bool may = true;

    if (coming && memory->own_prepares == 0 && memory->prepares - memory->announced == 1 &&
        memory->active != 0) {
        return false;
    }
    memory->announced += coming ? 1u : -1u;
    for (unsigned i = 0; i < memory->part_count && may; i++) {
        may = announce(memory->parts[i], coming);
        for (unsigned k = i; !may && k-- > 0;) {
            announce(memory->parts[k], false);
        }
    }
    memory->announced -= may ? 0 : 1;
    return may;
}

IOReturn memory_complete(struct memory *memory)
{
    IOReturn status = kIOReturnSuccess;

    if (memory->physical) {
        return kIOReturnSuccess;
    }
    if (memory->prepares == memory->own_prepares) {
        return kIOReturnNotReady;
    }
    if (!announce(memory, true)) {
        return kIOReturnBusy;
    }
    announce(memory, false);
    for (unsigned i = 0; i < memory->part_count; i++) {
        memory_settle(memory->parts[i]);
        const IOReturn part = memory_complete(memory->parts[i]);

        status = part != kIOReturnSuccess ? part : status;
    }
    memory->prepares--;
    if (memory->kind == LEAF && memory->prepares == 0) {
        view_pin(&memory->view, -1);
        memory->for_reading = false;
    }
    return status;
}

struct memory *memory_behind_windows(struct memory *memory)
{
    while (memory->kind == WINDOW) {
        memory = memory->parts[0];
    }
    return memory;
}

bool memory_has_unfrozen(const struct view *slice)
{
    for (unsigned i = 0; i < slice->count; i++) {
        if (slice->extents[i].leaf->copies_on_write && slice->extents[i].leaf->image == NULL) {
            return true;
        }
    }
    return false;
}

/* All of the leaf's pages, although only a part may be asked for; it has one range. */
static void freeze(struct memory *leaf)
{
    const uint64_t skip = leaf->view.extents[0].offset & PAGE_MASK;

    leaf->image = store_new(atop(round_page(skip + leaf->view.length)));
    view_load(&leaf->view, 0, &leaf->image->bytes[skip], leaf->view.length);
}

void memory_freeze(const struct view *slice)
{
    for (unsigned i = 0; i < slice->count; i++) {
        struct memory *leaf = slice->extents[i].leaf;

        if (leaf->copies_on_write && leaf->image == NULL) {
            freeze(leaf);
        }
    }
}

void memory_shown(const struct view *slice, struct view *shown)
{
    *shown = *slice;
    for (unsigned i = 0; i < shown->count; i++) {
        struct extent *extent = &shown->extents[i];
        const struct memory *leaf = extent->leaf;

        if (leaf->image != NULL) {
            extent->store = leaf->image;
            extent->offset = (leaf->view.extents[0].offset & PAGE_MASK) + extent->at;
        }
    }
}
