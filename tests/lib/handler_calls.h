/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that thread context and an interrupt handler use at once, and a call of
 * every function of the descriptor classes that a handler may call ([A], and [I] on
 * prepared or physical memory).
 */
#ifndef TESTS_LIB_HANDLER_CALLS_H
#define TESTS_LIB_HANDLER_CALLS_H

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IODeviceMemory.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOMalloc.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IOProcessorCache.h"
#include "descriptors/IORangeAllocator.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/OSArray.h"

#define MEMORY_LENGTH (4 * PAGE_SIZE)
#define THREAD_BYTES  (2 * PAGE_SIZE) /* one page that thread context writes */
#define HANDLER_BYTES (3 * PAGE_SIZE) /* one that the handler writes */
#define WINDOW_LENGTH (PAGE_SIZE + 2000)
#define NUMBERS       100
#define GIFT_SIZE     64

struct shared {
    uint8_t *bytes;                   /* four pages; the first two stay as they are */
    IOMemoryDescriptor *memory;       /* of them, prepared */
    IOMultiMemoryDescriptor *multi;   /* memory twice */
    IOSubMemoryDescriptor *window;    /* of multi, over the seam; prepared */
    IOMemoryMap *map;                 /* of memory, in the kernel */
    IOBufferMemoryDescriptor *buffer; /* the handler's own */
    IODeviceMemory *device;
    IOGuardPageMemoryDescriptor *guard;
    IONaturalMemoryCursor *cursor;
    IORangeAllocator *numbers;
    OSArray *array;       /* of the contexts */
    OSArray *contexts[2]; /* of memory: one, the other, or none */
    int memory_references;

    /* What walks must find: a sum over the segments, and entries of the cursor. */
    uint64_t window_sum, memory_sum;
    UInt32 window_entries;

    void *gift;                   /* a block of IOMallocZero for the handler to free */
    IOMemoryDescriptor *nameless; /* has no descriptor ID yet */
    uint64_t number;              /* what the handler was told for it, or 0 */

    unsigned wrong;    /* expectations that failed, in handler or thread */
    const char *first; /* of them; NULL */
};

extern struct shared shared;

#define RIGHT(condition) note_wrong(!(condition), #condition)

void note_wrong(bool wrong, const char *condition);

void make_shared(void);
void drop_shared(void);

/* Changes with every address, length and order of the segments; 0 when there are none. */
uint64_t sum_of_segments(IOMemoryDescriptorRef memory);

/* Bytes that a DMA command finds in prepared memory. */
uint64_t dma_walk(IOMemoryDescriptorRef memory);

/* To be called in an interrupt handler, any number of times. */
void handler_calls(void);

#endif
