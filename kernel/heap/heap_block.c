/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small blocks are objects of a size class, carved out of single pages (slabs);
 * what a slab needs to know stands in the record of its page, so the page is
 * objects from end to end. Large blocks are runs of pages.
 *
 * A class lists its slabs that have free objects. The last slab of a class
 * stays when it becomes empty, so that a lone object that comes and goes costs
 * no page each time; heap_trim gives it back.
 */
#include "kernel/direct_map.h"
#include "kernel/heap/heap_private.h"
#include "kernel/page/page_arch.h"
#include "kernel/page/page_record.h"
#include "kernel/panic.h"

/* Chosen to waste little of a page; each a multiple of HEAP_ALIGNMENT. */
static const uint16_t class_sizes[] = {16,  32,  48,  64,  80,  96,  112, 128,  160,  192, 224,
                                       256, 320, 384, 448, 512, 672, 816, 1024, 1360, 2048};

#define CLASS_COUNT (sizeof(class_sizes) / sizeof(class_sizes[0]))
#define GRANULES    (HEAP_OBJECT_MAX / HEAP_ALIGNMENT)

struct heap_stats heap_counters;

/*
 * Without a lock: handlers may not use the heap, and there is one thread. Pages come from an
 * allocator that has its own.
 */
static struct page *slabs[CLASS_COUNT]; /* with free objects */
/* Class + 1 for sizes up to 16 n; 0: not filled in. */
static uint8_t class_of_granule[GRANULES + 1];

static struct page *slab_at(uint32_t number)
{
    return number ? page_record(number) : NULL;
}

static void slab_link(struct page *slab, unsigned class)
{
    struct page *first = slabs[class];

    slab->slab_previous = 0;
    /* Page numbers and not pointers: a record has room for two of 32 bits. */
    slab->slab_next = first != NULL ? (uint32_t)page_index(first) : 0;
    if (first != NULL) {
        first->slab_previous = (uint32_t)page_index(slab);
    }
    slabs[class] = slab;
}

static void slab_unlink(struct page *slab, unsigned class)
{
    /*
     * In both directions, since it may be anywhere: the slab that has become full is the first, the
     * one that has become empty any.
     */
    struct page *next = slab_at(slab->slab_next);
    struct page *previous = slab_at(slab->slab_previous);

    if (next != NULL) {
        next->slab_previous = slab->slab_previous;
    }
    if (previous != NULL) {
        previous->slab_next = slab->slab_next;
    } else {
        slabs[class] = next;
    }
}

/* Slabs know each other by 32-bit page numbers, which is enough for 16 TiB. */
static kern_return_t slab_page(paddr_t *page)
{
    const struct page_request low = {.count = 1,
                                     .highest = (uint64_t)UINT32_MAX << PAGE_SHIFT | PAGE_MASK,
                                     .owner = PAGE_OWNER_HEAP};

    return page_last() <= UINT32_MAX ? page_alloc(0, PAGE_OWNER_HEAP, page)
                                     : page_alloc_run(&low, page);
}

static struct page *slab_create(unsigned class)
{
    const uint16_t size = class_sizes[class];
    struct page *slab;
    char *objects;
    paddr_t page;

    if (slab_page(&page) != KERN_SUCCESS) {
        return NULL;
    }
    slab = page_lookup(page);
    objects = phys_to_virt(page);
#ifdef DEBUG
    page_fill_zero(objects, PAGE_SIZE); /* no remains that heap_guard.c would take for its own */
#endif
    /* 0 is no class: so a page's record tells an object from a run. */
    slab->slab_class = (uint8_t)(class + 1);
    slab->slab_used = 0;
    slab->slab_free = NULL;
    /* From the last to the first, so that objects are given out in ascending order. */
    for (unsigned i = PAGE_SIZE / size; i-- > 0;) {
        *(void **)(objects + i * size) = slab->slab_free;
        slab->slab_free = objects + i * size;
    }
    slab_link(slab, class);
    heap_counters.pages++;
    return slab;
}

static void slab_destroy(struct page *slab, unsigned class)
{
    slab_unlink(slab, class);
    slab->slab_class = 0;
    heap_counters.pages--;
    KERNEL_CHECK(page_free(page_address(slab), 0) == KERN_SUCCESS);
}

static void count_block(size_t bytes)
{
    heap_counters.blocks++;
    heap_counters.bytes += bytes;
    if (heap_counters.bytes > heap_counters.high_water) {
        heap_counters.high_water = heap_counters.bytes;
    }
}

static void *object_alloc(unsigned class)
{
    struct page *slab = slabs[class];
    void **object;

    if (slab == NULL) {
        slab = slab_create(class);
        if (slab == NULL) {
            heap_counters.failures++;
            return NULL;
        }
    }
    /*
     * A free object holds the link to the next: nothing is kept beside the objects, and none is
     * looked for.
     */
    object = slab->slab_free;
    slab->slab_free = *object;
    slab->slab_used++;
    /* Full: off the list, so that the head of the list always has an object. */
    if (slab->slab_free == NULL) {
        slab_unlink(slab, class);
    }
    count_block(class_sizes[class]);
    return object;
}

static void object_free(struct page *slab, void *block)
{
    const unsigned class = slab->slab_class - 1u;
    void **object = block;

    /* A pointer into an object would put a link in the middle of what somebody uses. */
    KERNEL_ASSERT(((uintptr_t)block & PAGE_MASK) % class_sizes[class] == 0);
    /* It was full, and a full slab is on no list: now it has an object to give. */
    if (slab->slab_free == NULL) {
        slab_link(slab, class);
    }
    *object = slab->slab_free;
    slab->slab_free = object;
    heap_counters.blocks--;
    heap_counters.bytes -= class_sizes[class];
    /*
     * With another slab on the list this one is not needed for the next request. Page number 0
     * cannot be a slab: RAM does not begin there.
     */
    if (--slab->slab_used == 0 && (slab->slab_next | slab->slab_previous) != 0) {
        slab_destroy(slab, class);
    }
}

static void *run_alloc(size_t size, size_t alignment)
{
    /* Without adding to the size, which would wrap for the largest ones and ask for nothing. */
    struct page_request request = {.count = size / PAGE_SIZE + (size % PAGE_SIZE != 0),
                                   .alignment = alignment,
                                   .owner = PAGE_OWNER_HEAP};
    kern_return_t status;
    paddr_t first;

    /* The short way, through the cache of single pages. */
    if (request.count == 1 && alignment <= PAGE_SIZE) {
        status = page_alloc(0, PAGE_OWNER_HEAP, &first);
    } else {
        status = page_alloc_run(&request, &first);
    }
    if (status != KERN_SUCCESS) {
        heap_counters.failures++;
        return NULL;
    }
    heap_counters.pages += request.count;
    count_block(request.count * PAGE_SIZE);
    return phys_to_virt(first);
}

static size_t run_pages(const struct page *first)
{
    return first->order == ORDER_RUN ? first->count : (size_t)1 << first->order;
}

static void run_free(struct page *first)
{
    /* Read before: freed, the record says nothing of the run any more. */
    size_t count = run_pages(first);

    KERNEL_CHECK(page_free_run(page_address(first), count) == KERN_SUCCESS);
    heap_counters.pages -= count;
    heap_counters.blocks--;
    heap_counters.bytes -= count * PAGE_SIZE;
}

/* At the first request and not by an initialiser: start-up allocates before any of those runs. */
static void fill_class_table(void)
{
    unsigned class = 0;

    for (unsigned granule = 0; granule <= GRANULES; granule++) {
        if (granule * HEAP_ALIGNMENT > class_sizes[class]) {
            class ++;
        }
        class_of_granule[granule] = (uint8_t)(class + 1);
    }
}

/* Objects are aligned like their size, as slabs start at a page. */
static void *aligned_alloc_block(size_t size, size_t alignment)
{
    if (size <= HEAP_OBJECT_MAX && alignment <= HEAP_OBJECT_MAX) {
        /*
         * The smallest that has the room and whose objects are so aligned; larger alignments are
         * those of pages.
         */
        for (unsigned class = 0; class < CLASS_COUNT; class ++) {
            if (class_sizes[class] >= size && class_sizes[class] % alignment == 0) {
                return object_alloc(class);
            }
        }
    }
    return run_alloc(size, alignment);
}

void *heap_block_alloc(size_t size, size_t alignment)
{
    unsigned class;

    /* Every class has the ordinary alignment; more has to be looked for among them. */
    if (alignment > HEAP_ALIGNMENT) {
        return aligned_alloc_block(size, alignment);
    }
    if (size > HEAP_OBJECT_MAX) {
        return run_alloc(size, HEAP_ALIGNMENT);
    }
    /* A byte for each size: a search through the classes would be longer than all the rest. */
    class = class_of_granule[(size + HEAP_ALIGNMENT - 1) / HEAP_ALIGNMENT];
    if (class == 0) {
        fill_class_table();
        return heap_block_alloc(size, alignment);
    }
    return object_alloc(class - 1);
}

/* The record of the page a block starts in; anything else is a bug of the caller. */
static struct page *block_page(const void *block)
{
    struct page *page = page_lookup(virt_to_phys(block));

    /* An object has a class; a run starts at a page, and its first record says so. */
    if (page == NULL || page->owner != PAGE_OWNER_HEAP ||
        (page->slab_class == 0 &&
         (page->state != RECORD_BLOCK || ((uintptr_t)block & PAGE_MASK) != 0))) {
        /* Going on would link somebody else's memory into a free list. */
        panic("heap: %p is not a block", block);
    }
    return page;
}

void heap_block_free(void *block)
{
    struct page *page = block_page(block);

    if (page->slab_class != 0) {
        object_free(page, block);
    } else {
        run_free(page);
    }
}

size_t heap_block_size(const void *block)
{
    const struct page *page = block_page(block);

    return page->slab_class != 0 ? class_sizes[page->slab_class - 1] : run_pages(page) * PAGE_SIZE;
}

void heap_trim(void)
{
    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        struct page *next;

        for (struct page *slab = slabs[class]; slab != NULL; slab = next) {
            /* Read first: the record goes back to the page allocator. */
            next = slab_at(slab->slab_next);
            if (slab->slab_used == 0) {
                slab_destroy(slab, class);
            }
        }
    }
}
