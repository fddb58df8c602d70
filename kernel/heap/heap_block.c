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

#define CLASS_END 22u
#define GRANULES  (HEAP_OBJECT_MAX / HEAP_ALIGNMENT)

/*
 * Without a lock: handlers may not use the heap, and there is one thread. Pages come from an
 * allocator that has its own. One structure, so that the way of a block forms one address.
 */
static struct {
    struct heap_stats counters;
    const uint16_t sizes[CLASS_END];        /* of an object, by class; 0 is none */
    struct page *slabs[CLASS_END];          /* with free objects, by class */
    uint8_t class_of_granule[GRANULES + 1]; /* for sizes up to 16 n; 0: not filled in */
} heap = {
    /* Chosen to waste little of a page; each a multiple of HEAP_ALIGNMENT. */
    .sizes = {0,   16,  32,  48,  64,  80,  96,  112, 128,  160,  192,
              224, 256, 320, 384, 448, 512, 672, 816, 1024, 1360, HEAP_OBJECT_MAX},
};

static struct page *slab_at(uint32_t number)
{
    return number ? page_record(number) : NULL;
}

static void slab_link(struct page *slab, unsigned class)
{
    struct page *first = heap.slabs[class];

    slab->slab_previous = 0;
    /* Page numbers and not pointers: a record has room for two of 32 bits. */
    slab->slab_next = first != NULL ? (uint32_t)page_index(first) : 0;
    if (first != NULL) {
        first->slab_previous = (uint32_t)page_index(slab);
    }
    heap.slabs[class] = slab;
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
        heap.slabs[class] = next;
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
    const uint16_t size = heap.sizes[class];
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
    slab->slab_class = (uint8_t) class;
    slab->slab_used = 0;
    slab->slab_free = NULL;
    /* From the last to the first, so that objects are given out in ascending order. */
    for (unsigned i = PAGE_SIZE / size; i-- > 0;) {
        *(void **)(objects + i * size) = slab->slab_free;
        slab->slab_free = objects + i * size;
    }
    slab_link(slab, class);
    heap.counters.pages++;
    return slab;
}

static void slab_destroy(struct page *slab, unsigned class)
{
    slab_unlink(slab, class);
    slab->slab_class = 0;
    heap.counters.pages--;
    KERNEL_CHECK(page_free(page_address(slab), 0) == KERN_SUCCESS);
}

static void count_block(size_t bytes)
{
    heap.counters.blocks++;
    heap.counters.bytes += bytes;
    if (heap.counters.bytes > heap.counters.high_water) {
        heap.counters.high_water = heap.counters.bytes;
    }
}

/* The last object of a slab has been taken. Ends in a jump, so that others keep nothing for it. */
static __attribute__((noinline)) void *last_taken(struct page *slab, unsigned class, void *object)
{
    /* Full: off the list, so that the head of the list always has an object. */
    slab_unlink(slab, class);
    return object;
}

static inline void *take_object(struct page *slab, unsigned class)
{
    /*
     * A free object holds the link to the next: nothing is kept beside the objects, and none is
     * looked for.
     */
    void **const object = slab->slab_free;
    void *const next = *object;

    slab->slab_free = next;
    slab->slab_used++;
    count_block(heap.sizes[class]);
    return next != NULL ? object : last_taken(slab, class, object);
}

static __attribute__((noinline)) void *first_taken(unsigned class)
{
    struct page *slab = slab_create(class);

    if (slab == NULL) {
        heap.counters.failures++;
        return NULL;
    }
    return take_object(slab, class);
}

static inline void *object_alloc(unsigned class)
{
    struct page *slab = heap.slabs[class];

    return slab != NULL ? take_object(slab, class) : first_taken(class);
}

/* The first or the last object of a slab has come back. */
static __attribute__((noinline)) void settle(struct page *slab, unsigned class, bool was_full)
{
    /* A full slab is on no list: now it has an object to give. */
    if (was_full) {
        slab_link(slab, class);
    }
    /*
     * With another slab on the list this one is not needed for the next request. Page number 0
     * cannot be a slab: RAM does not begin there.
     */
    if (slab->slab_used == 0 && (slab->slab_next | slab->slab_previous) != 0) {
        slab_destroy(slab, class);
    }
}

static inline void object_free(struct page *slab, void *block)
{
    const unsigned class = slab->slab_class;
    void **object = block;
    void *const next = slab->slab_free;

    /* A pointer into an object would put a link in the middle of what somebody uses. */
    KERNEL_ASSERT(((uintptr_t)block & PAGE_MASK) % heap.sizes[class] == 0);
    *object = next;
    slab->slab_free = object;
    heap.counters.blocks--;
    heap.counters.bytes -= heap.sizes[class];
    if ((--slab->slab_used == 0 && (slab->slab_next | slab->slab_previous) != 0) || next == NULL) {
        settle(slab, class, next == NULL);
    }
}

static __attribute__((noinline)) void *run_alloc(size_t size, size_t alignment)
{
    /* Without adding to the size, which would wrap for the largest ones and ask for nothing. */
    const size_t count = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
    kern_return_t status;
    paddr_t first;

    /* The short way, through the cache of single pages. */
    if (count == 1 && alignment <= PAGE_SIZE) {
        status = page_alloc(0, PAGE_OWNER_HEAP, &first);
    } else {
        status = page_alloc_run(&(struct page_request){.count = count,
                                                       .alignment = alignment,
                                                       .owner = PAGE_OWNER_HEAP},
                                &first);
    }
    if (status != KERN_SUCCESS) {
        heap.counters.failures++;
        return NULL;
    }
    heap.counters.pages += count;
    count_block(count * PAGE_SIZE);
    return phys_to_virt(first);
}

static size_t run_pages(const struct page *first)
{
    return first->order == ORDER_RUN ? first->count : (size_t)1 << first->order;
}

static __attribute__((noinline)) void run_free(struct page *first)
{
    /* Read before: freed, the record says nothing of the run any more. */
    size_t count = run_pages(first);

    KERNEL_CHECK(page_free_run(page_address(first), count) == KERN_SUCCESS);
    heap.counters.pages -= count;
    heap.counters.blocks--;
    heap.counters.bytes -= count * PAGE_SIZE;
}

/* At the first request and not by an initialiser: start-up allocates before any of those runs. */
static void fill_class_table(void)
{
    unsigned granule = 0;

    for (unsigned class = 1; class < CLASS_END; class ++) {
        const unsigned last = heap.sizes[class] / HEAP_ALIGNMENT;

        for (; granule <= last; granule++) {
            heap.class_of_granule[granule] = (uint8_t) class;
        }
    }
}

/* Objects are aligned like their size, as slabs start at a page. */
static __attribute__((noinline)) void *aligned_alloc_block(size_t size, size_t alignment)
{
    if (size <= HEAP_OBJECT_MAX && alignment <= HEAP_OBJECT_MAX) {
        /*
         * The smallest that has the room and whose objects are so aligned; larger alignments are
         * those of pages.
         */
        for (unsigned class = 1; class < CLASS_END; class ++) {
            if (heap.sizes[class] >= size && heap.sizes[class] % alignment == 0) {
                return object_alloc(class);
            }
        }
    }
    return run_alloc(size, alignment);
}

/* The table of classes is not there yet. */
static __attribute__((noinline)) void *very_first(size_t size)
{
    fill_class_table();
    return heap_block_alloc(size, HEAP_ALIGNMENT);
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
    class = heap.class_of_granule[(size + HEAP_ALIGNMENT - 1) / HEAP_ALIGNMENT];
    return class != 0 ? object_alloc(class) : very_first(size);
}

/* Apart, so that what is one keeps nothing for it. */
static __attribute__((cold, noreturn, noinline)) void not_a_block(const void *block)
{
    panic("heap: %p is not a block", block);
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
        not_a_block(block);
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

    return page->slab_class != 0 ? heap.sizes[page->slab_class] : run_pages(page) * PAGE_SIZE;
}

void heap_get_stats(struct heap_stats *stats)
{
    *stats = heap.counters;
}

void heap_trim(void)
{
    for (unsigned class = 1; class < CLASS_END; class ++) {
        struct page *next;

        for (struct page *slab = heap.slabs[class]; slab != NULL; slab = next) {
            /* Read first: the record goes back to the page allocator. */
            next = slab_at(slab->slab_next);
            if (slab->slab_used == 0) {
                slab_destroy(slab, class);
            }
        }
    }
}
