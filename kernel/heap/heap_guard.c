/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug builds: a red zone on both sides of a block, poison in it before its
 * first and after its last use.
 *
 *   | front: 16 bytes or the alignment     | size     | tail: 16 bytes or more |
 *   | ...                     struct guard | caller's | RED                    |
 *
 * A free object keeps the heap's link in its first 8 bytes; the rest stays
 * poisoned until the object is used again, which tells a write after free.
 */
#ifdef DEBUG

#include <string.h>

#include "kernel/heap/heap_private.h"
#include "kernel/panic.h"

#define MAGIC_LIVE  0x6c697665 /* "live" */
#define MAGIC_FREE  0x66726565 /* "free" */
#define RED         0xfd
#define FRESH       0xa5
#define STALE       0x5a
#define MAGIC_STALE 0x5a5a5a5a /* a guard inside a freed block, which an alignment put there */
#define TAIL_MIN    16

struct guard {
    uint64_t size;  /* the caller's */
    uint32_t front; /* bytes from the start of the heap's block to the caller's */
    uint32_t magic;
};

_Static_assert(sizeof(struct guard) == HEAP_ALIGNMENT, "the caller's block stays aligned");

static bool is_filled(const uint8_t *bytes, uint8_t with, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != with) {
            return false;
        }
    }
    return true;
}

/* An object that was freed with poison must still have it. */
static void check_stale(const char *block)
{
    const struct guard *guard = (const struct guard *)block;
    size_t size = heap_block_size(block);

    /*
     * Objects alone: a run's pages have been with the page allocator, and maybe with others, since.
     * The heap's link lies over the guard's first word, so the mark behind it is still there.
     */
    if (size <= HEAP_OBJECT_MAX && guard->magic == MAGIC_FREE &&
        !is_filled((const uint8_t *)(guard + 1), STALE, size - sizeof(*guard))) {
        panic("heap: free block %p was written to", (const void *)(guard + 1));
    }
}

void *heap_guard_alloc(size_t size, size_t alignment)
{
    size_t front = alignment > sizeof(struct guard) ? alignment : sizeof(struct guard);
    struct guard *guard;
    char *block, *caller;

    if (size > SIZE_MAX - front - TAIL_MIN) {
        return heap_block_alloc(size, alignment); /* which cannot either */
    }
    block = heap_block_alloc(front + size + TAIL_MIN, alignment);
    if (block == NULL) {
        return NULL;
    }
    check_stale(block);
    caller = block + front;
    guard = (struct guard *)caller - 1;
    /*
     * The mark of a free block lies here if the alignment has moved the guard: left, it would
     * call this block free at the next check.
     */
    ((struct guard *)block)->magic = 0;
    *guard = (struct guard){.size = size, .front = (uint32_t)front, .magic = MAGIC_LIVE};
    memset(caller, FRESH, size);
    memset(caller + size, RED, heap_block_size(block) - front - size);
    return caller;
}

static struct guard *guard_of(const void *caller)
{
    struct guard *guard = (struct guard *)(uintptr_t)caller - 1;
    const char *block;

    /* First: the guard of such an address would be read out of somebody's bytes. */
    if ((uintptr_t)caller % HEAP_ALIGNMENT != 0) {
        panic("heap: %p is not a block", caller);
    }
    /* The more telling answer first: a freed block's red zone is gone as well. */
    if (guard->magic == MAGIC_FREE || guard->magic == MAGIC_STALE) {
        panic("heap: block %p is free already", caller);
    }
    if (guard->magic != MAGIC_LIVE) {
        panic("heap: red zone in front of block %p is damaged", caller);
    }
    block = (const char *)caller - guard->front;
    if (!is_filled((const uint8_t *)caller + guard->size, RED,
                   heap_block_size(block) - guard->front - guard->size)) {
        panic("heap: red zone behind block %p of %llu bytes is damaged", caller,
              (unsigned long long)guard->size);
    }
    return guard;
}

size_t heap_guard_size(const void *caller)
{
    return guard_of(caller)->size;
}

void heap_guard_free(void *caller)
{
    struct guard *guard = guard_of(caller);
    char *block = (char *)caller - guard->front;

    /* Guard and red zones too: a second free finds its own mark, and says so. */
    memset(block, STALE, heap_block_size(block));
    ((struct guard *)block)->magic = MAGIC_FREE;
    heap_block_free(block);
}

#endif
