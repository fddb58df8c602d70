/* SPDX-License-Identifier: BSD-2-Clause */
/* Beginning and end of every allocation, and the one way in which blocks are freed. */
#include <string.h>

#include "descriptors/ledger/IOLedger.h"
#include "descriptors/malloc/IOMalloc_private.h"
#include "descriptors/platform.h"

#define SIZE_END ((uint64_t)1 << 63) /* no allocation is that large */
#define FREED    0x5a

static uint64_t fail_in; /* allocations until one fails; 0: none does */

void IOMallocFailNth(uint64_t nth)
{
    fail_in = nth;
}

static struct IOMallocBlock *fail(IOReturn reason)
{
    IOMemory_fail(reason);
    return NULL;
}

struct IOMallocBlock *IOMalloc_begin(IOMallocFamily family, uint64_t size, const void *caller)
{
    struct IOMallocBlock *block;

    if (platform_in_interrupt()) {
        return fail(kIOReturnCannotLock);
    }
    /*
     * A block without bytes would share its address with the next, and freeing one take the other.
     */
    if (size == 0) {
        return fail(kIOReturnBadArgument);
    }
    /* Rounding up to pages must not wrap. */
    if (size >= SIZE_END) {
        return fail(kIOReturnNoMemory);
    }
    /* What handlers have freed returns first: this allocation may need it. */
    IOMallocReclaim();
    /* The record before the memory: freeing must never fail for want of one. */
    block = fail_in != 0 && --fail_in == 0 ? NULL : platform_alloc(sizeof(*block));
    if (block == NULL) {
        IOMallocBlocks_countFailure(family);
        return fail(kIOReturnNoMemory);
    }
    block->family = family;
    block->size = size;
    block->caller = caller;
    return block;
}

void *IOMalloc_finish(struct IOMallocBlock *block, void *address, IOReturn status)
{
    if (status != kIOReturnSuccess) {
        IOMallocBlocks_countFailure(block->family);
        platform_free(block);
        return fail(status);
    }
    /* From here on a free finds it; before, there was nothing that could be given back. */
    block->address = (uint64_t)address;
    IOMallocBlocks_add(block);
    return address;
}

/* The block is nobody's any more; pages that are pinned return by themselves with the last pin. */
static void give_back(struct IOMallocBlock *block)
{
    void *address = (void *)block->address;
    const bool pinned = platform_memory_is_pinned(address, block->extent);

    if (pinned && block->extent < PAGE_SIZE) {
        IOMallocBlocks_wait(block); /* its page has other blocks, so it cannot go alone */
        return;
    }
    if (pinned) {
        platform_log("%s block %p of %llu bytes, allocated by %p, was freed while prepared: its "
                     "pages return when they are unpinned",
                     IOMallocFamily_names[block->family], address, (unsigned long long)block->size,
                     block->caller);
    }
    if (block->family == kIOMallocPageable) {
        platform_pageable_free(address, block->extent);
    } else {
#ifdef DEBUG
        if (!pinned) {
            /*
             * Whoever reads it after this finds a pattern, and not by luck the bytes that it
             * expects.
             */
            memset(address, FREED, block->size);
        }
#endif
        platform_memory_free(address, block->extent);
    }
    platform_free(block);
}

void IOMallocReclaim(void)
{
    struct IOMallocBlock *block = IOMallocBlocks_takeWaiting();

    while (block != NULL) {
        /*
         * Read first: the record goes with the block, or its link is used again by the wait list.
         */
        struct IOMallocBlock *next = block->next;

        give_back(block);
        block = next;
    }
}

#ifdef DEBUG
#define report_mistake platform_fatal
#else
#define report_mistake platform_log
#endif

void IOMalloc_free(void *address, uint64_t size, IOMallocFamily family, const void *caller)
{
    struct IOMallocBlock *block;

    if (address == NULL) {
        return;
    }
    /* Looked up and not believed: a pointer that is none would be written to by the heap. */
    block = IOMallocBlocks_remove((uint64_t)address, family);
    if (block == NULL) {
        report_mistake("%p, freed by %p, is no live block of the %s family", address, caller,
                       IOMallocFamily_names[family]);
        return;
    }
    /* The recorded size counts: the memory is whole, and the caller's mistake is only told. */
    if (block->size != size) {
        platform_log("%s block %p of %llu bytes was freed as one of %llu by %p",
                     IOMallocFamily_names[family], address, (unsigned long long)block->size,
                     (unsigned long long)size, caller);
    }
    /* Where pageable memory lies nobody can say without bringing it there. */
    if (family != kIOMallocPageable) {
        IOLEDGER(freed(address, block->size));
    }
    /* Always through the list: a handler may free at any moment, and there is one way to. */
    IOMallocBlocks_wait(block);
    if (!platform_in_interrupt()) {
        IOMallocReclaim();
    }
}

uint64_t IOMallocReportLeaks(void)
{
    struct IOMallocBlock block = {.address = 0};
    uint64_t count = 0;

    /*
     * By copies and from address to address: a handler may free the very block that is shown, and a
     * link to the next would be stale.
     */
    while (IOMallocBlocks_next(block.address, &block)) {
        platform_log("%s block %p of %llu bytes, allocated by %p",
                     IOMallocFamily_names[block.family], (void *)block.address,
                     (unsigned long long)block.size, block.caller);
        count++;
        /*
         * The search is for this address or one above: without it the same block would come
         * again.
         */
        block.address++;
    }
    return count;
}
