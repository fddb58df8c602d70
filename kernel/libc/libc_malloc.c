/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The malloc family over the kernel heap. newlib's own stdio calls the _r
 * forms; all of both sets live here, because one missing would link newlib's
 * allocator beside ours.
 */
#include <errno.h>
#include <malloc.h>
#include <reent.h>
#include <stdint.h>
#include <stdlib.h>

#include "kernel/heap.h"
#include "kernel/types.h"

/* newlib's macros would turn our definitions into the other form's. */
#undef _malloc_r
#undef _free_r
#undef _calloc_r
#undef _realloc_r
#undef _memalign_r
#undef _malloc_usable_size_r

void *_malloc_r(struct _reent *reent, size_t size);
void _free_r(struct _reent *reent, void *block);
void *_calloc_r(struct _reent *reent, size_t count, size_t size);
void *_realloc_r(struct _reent *reent, void *block, size_t size);
void *_memalign_r(struct _reent *reent, size_t alignment, size_t size);
size_t _malloc_usable_size_r(struct _reent *reent, void *block);

static void *or_no_memory(struct _reent *reent, void *block)
{
    if (block == NULL) {
        reent->_errno = ENOMEM;
    }
    return block;
}

/* malloc(0) is a block of its own, as programs written for other libcs expect. */
static size_t at_least_one(size_t size)
{
    return size ? size : 1;
}

void *_malloc_r(struct _reent *reent, size_t size)
{
    return or_no_memory(reent, heap_alloc(at_least_one(size)));
}

void _free_r(struct _reent *reent, void *block)
{
    (void)reent;
    heap_free(block);
}

void *_calloc_r(struct _reent *reent, size_t count, size_t size)
{
    size_t bytes;

    /* Wrapped, the block would be small and the caller's loop long. */
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return or_no_memory(reent, NULL);
    }
    return or_no_memory(reent, heap_alloc_zero(at_least_one(bytes)));
}

/* realloc(block, 0) frees and returns NULL; that is not an error. */
void *_realloc_r(struct _reent *reent, void *block, size_t size)
{
    if (block == NULL) {
        return _malloc_r(reent, size);
    }

    void *const moved = heap_realloc(block, size);

    /* NULL for size 0 is what was asked for, and no want of memory. */
    return size ? or_no_memory(reent, moved) : moved;
}

void *_memalign_r(struct _reent *reent, size_t alignment, size_t size)
{
    if (!is_power_of_two(alignment)) {
        reent->_errno = EINVAL;
        return NULL;
    }
    return or_no_memory(reent, heap_alloc_aligned(at_least_one(size), alignment));
}

size_t _malloc_usable_size_r(struct _reent *reent, void *block)
{
    (void)reent;
    return block != NULL ? heap_size(block) : 0;
}

void *malloc(size_t size)
{
    return _malloc_r(_REENT, size);
}

void free(void *block)
{
    heap_free(block);
}

void *calloc(size_t count, size_t size)
{
    return _calloc_r(_REENT, count, size);
}

void *realloc(void *block, size_t size)
{
    return _realloc_r(_REENT, block, size);
}

void *memalign(size_t alignment, size_t size)
{
    return _memalign_r(_REENT, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return _memalign_r(_REENT, alignment, size);
}

/* Answers by return value; errno and, on failure, *block stay as they were. */
int posix_memalign(void **block, size_t alignment, size_t size)
{
    /* Both are what POSIX asks of it. */
    if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0) {
        return EINVAL;
    }

    void *const made = heap_alloc_aligned(at_least_one(size), alignment);

    if (made == NULL) {
        return ENOMEM;
    }
    *block = made;
    return 0;
}

size_t malloc_usable_size(void *block)
{
    return block != NULL ? heap_size(block) : 0;
}
