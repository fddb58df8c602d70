/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounce memory: islands in chunks of whole pages, out of one pool. */
#include "descriptors/IODMACommand.h"
#include "descriptors/dma/IODMABounce_private.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IOReturn_kernel.h"

/* Whoever allocates, frees or counts is in thread context; only the list is long-lived. */
static struct {
    uint64_t size; /* bytes; 0: not decided yet, it will be a quarter of the RAM */
    uint64_t used;
    struct IODMABounce *holders;
} pool;

void IODMACommand_setBouncePool(uint64_t bytes)
{
    pool.size = bytes;
}

uint64_t IODMACommand_getBouncePool(void)
{
    /*
     * A bound at all, so that commands which are never completed run out of the pool, and not the
     * whole image out of memory.
     */
    if (pool.size == 0) {
        pool.size = platform_ram_pages() / 4 * PAGE_SIZE;
    }
    return pool.size;
}

uint64_t IODMACommand_getBounceInUse(void)
{
    return pool.used;
}

/* Who has the pool: the line somebody needs who finds that commands were never completed. */
static void name_holders(uint64_t wanted)
{
    unsigned shown = 0;

    platform_log("bounce pool: %llu bytes wanted, %llu of %llu in use", (unsigned long long)wanted,
                 (unsigned long long)pool.used, (unsigned long long)IODMACommand_getBouncePool());
    for (const struct IODMABounce *bounce = pool.holders; bounce != NULL && shown < 8;
         bounce = bounce->next, shown++) {
        platform_log("bounce pool: IODMACommand %p holds %llu bytes", bounce->holder,
                     (unsigned long long)bounce->charged);
    }
}

/* Linked both ways: completions come in any order, and each must find its place at once. */
static void hold(struct IODMABounce *bounce, const void *holder)
{
    bounce->holder = holder;
    bounce->previous = NULL;
    bounce->next = pool.holders;
    if (pool.holders != NULL) {
        pool.holders->previous = bounce;
    }
    pool.holders = bounce;
}

static void let_go(struct IODMABounce *bounce)
{
    /* Nothing was ever charged, so it is in no list: an end without a beginning is fine. */
    if (bounce->holder == NULL) {
        return;
    }
    if (bounce->previous != NULL) {
        bounce->previous->next = bounce->next;
    } else {
        pool.holders = bounce->next;
    }
    if (bounce->next != NULL) {
        bounce->next->previous = bounce->previous;
    }
    bounce->holder = NULL;
}

IOReturn IODMABounce_charge(struct IODMABounce *bounce, uint64_t bytes, const void *holder)
{
    const uint64_t size = IODMACommand_getBouncePool();

    /* The pool can be made smaller than what is in use: neither side of the comparison may wrap. */
    if (bytes > size || pool.used > size - bytes) {
        name_holders(bytes);
        return kIOReturnNoResources;
    }
    IOASSERT(bounce->charged == 0); /* it would be listed twice */
    pool.used += bytes;
    bounce->charged += bytes;
    hold(bounce, holder);
    return kIOReturnSuccess;
}

void IODMABounce_move(struct IODMABounce *to, struct IODMABounce *from)
{
    const void *holder = from->holder;

    /* Out of the list before the copy: its neighbours point to where the structure was. */
    let_go(from);
    *to = *from;
    /* The one island lies in the structure, and has moved with it. */
    if (from->islands == &from->single) {
        to->islands = &to->single;
    }
    *from = (struct IODMABounce){0};
    if (holder != NULL) {
        hold(to, holder);
    }
}

static uint64_t whole_pages(uint64_t bytes)
{
    return (bytes + PAGE_MASK) & ~PAGE_MASK;
}

/*
 * Pages below the limit, on a multiple of every alignment; NULL: there are none.
 * Whole pages of its own: a device that overruns its segment, or one that does not snoop, harms no
 * neighbour in the same page or cache line. Zeroed, so that no former owner's bytes reach a
 * device, but where `bytes` fill their pages and are all overwritten first.
 */
static uint8_t *take_pages(const struct IODMALimits *limits, uint64_t bytes, bool overwritten)
{
    const uint64_t unit = IODMALimits_unit(limits);
    const struct platform_memory_request request = {
        .size = whole_pages(bytes),
        .alignment = unit < PAGE_SIZE ? PAGE_SIZE : unit,
        .highest = limits->highest == UINT64_MAX ? 0 : limits->highest,
        .contiguous = true,
        .dirty = overwritten && (bytes & PAGE_MASK) == 0,
    };
    void *memory;

    return platform_memory_alloc(&request, &memory) == KERN_SUCCESS ? memory : NULL;
}

IOReturn IODMABounce_begin(struct IODMABounce *bounce, const struct IODMALimits *limits,
                           size_t count, uint64_t room, bool overwritten, const void *holder)
{
    const uint64_t pages = whole_pages(room) / PAGE_SIZE;
    IOReturn status;

    /*
     * One block for all islands if there is one: fewer allocations, and small islands share pages.
     * What is charged follows from which of the two it is, so it is charged after it.
     */
    bounce->chunk = take_pages(limits, room, overwritten);
    /* In pieces, every island begins a page, and each of its pages may be a piece. */
    bounce->capacity = bounce->chunk != NULL ? count : pages + 2 * count;
    status = IODMABounce_charge(bounce, (bounce->chunk != NULL ? pages : pages + count) * PAGE_SIZE,
                                holder);
    if (status != kIOReturnSuccess) {
        if (bounce->chunk != NULL) {
            platform_memory_free(bounce->chunk, pages * PAGE_SIZE);
            bounce->chunk = NULL;
        }
        return status;
    }
    bounce->chunkBytes = pages * PAGE_SIZE; /* if there is a chunk */
    bounce->islands = count == 1 && bounce->capacity == 1
                          ? &bounce->single
                          : platform_alloc(bounce->capacity * sizeof(*bounce->islands));
    return bounce->islands == NULL ? kIOReturnNoMemory : kIOReturnSuccess;
}

static void append(struct IODMABounce *bounce, uint64_t start, uint64_t end, uint8_t *memory)
{
    IOASSERT(bounce->count < bounce->capacity);
    bounce->islands[bounce->count++] = (struct IODMAIsland){
        .start = start,
        .end = end,
        .memory = memory,
        .address = platform_memory_physical(memory).value,
    };
    bounce->bytes += end - start;
}

/* An island of its own: contiguous if that is to be had, else page by page. */
static __attribute__((noinline)) IOReturn add_apart(struct IODMABounce *bounce,
                                                    const struct IODMALimits *limits,
                                                    uint64_t start, uint64_t end)
{
    uint8_t *memory = take_pages(limits, end - start, false);

    if (memory != NULL) {
        append(bounce, start, end, memory);
        return kIOReturnSuccess;
    }
    if (IODMALimits_unit(limits) > PAGE_SIZE) {
        return kIOReturnNoResources; /* a cut at a page would not be legal */
    }
    /* Page by page needs no contiguous memory: the way out when RAM is in pieces. */
    while (start < end) {
        const uint64_t stop = end - start < PAGE_SIZE ? end : start + PAGE_SIZE;

        memory = take_pages(limits, PAGE_SIZE, false);
        if (memory == NULL) {
            /* What was added until here is in the list, and goes with its end. */
            return kIOReturnNoResources;
        }
        append(bounce, start, stop, memory);
        start = stop;
    }
    return kIOReturnSuccess;
}

IOReturn IODMABounce_add(struct IODMABounce *bounce, const struct IODMALimits *limits,
                         uint64_t start, uint64_t end)
{
    if (bounce->chunk == NULL) {
        return add_apart(bounce, limits, start, end);
    }
    IOASSERT(end - start <= bounce->chunkBytes - bounce->placed);
    append(bounce, start, end, bounce->chunk + bounce->placed);
    bounce->placed += IODMABounce_room(limits, end - start);
    return kIOReturnSuccess;
}

void IODMABounce_end(struct IODMABounce *bounce)
{
    if (bounce->chunk != NULL) {
        platform_memory_free(bounce->chunk, bounce->chunkBytes);
    } else {
        for (size_t i = 0; i < bounce->count; i++) {
            const struct IODMAIsland *island = &bounce->islands[i];

            /* As it was taken: without a chunk each island is a block of its own. */
            platform_memory_free(island->memory, whole_pages(island->end - island->start));
        }
    }
    if (bounce->islands != &bounce->single) {
        platform_free(bounce->islands);
    }
    IOASSERT(bounce->charged <= pool.used);
    pool.used -= bounce->charged;
    let_go(bounce);
    /* What a preparation looks at before it has begun; by fields, which are fewer than all. */
    bounce->chunk = NULL;
    bounce->islands = NULL;
    bounce->count = 0;
    bounce->bytes = 0;
    bounce->placed = 0;
    bounce->charged = 0;
}

size_t IODMABounce_find(const struct IODMABounce *bounce, uint64_t position)
{
    size_t low = 0, high = bounce->count; /* the answer is in [low, high] */

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (bounce->islands[middle].end <= position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
