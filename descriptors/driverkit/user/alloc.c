/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver's memory: one row of blocks, free neighbours joined, the first that fits taken. And the
 * few services of the platform seam that the object model asks for.
 */
#include <string.h>

#include "descriptors/driverkit/user/driver.h"
#include "descriptors/platform.h"

#define HEAP_BYTES 0x40000u
#define UNIT       16u

/* In front of every block; sizes are bytes with it. */
struct block {
    uint64_t size;
    uint64_t taken;
};

/* Absent pages: what a driver does not use costs nothing. */
static struct {
    _Alignas(UNIT) uint8_t bytes[HEAP_BYTES];
} heap;

static struct block *first(void)
{
    struct block *const block = (struct block *)heap.bytes;

    if (block->size == 0) {
        block->size = HEAP_BYTES;
    }
    return block;
}

/* The one behind; NULL: this is the last. */
static struct block *behind(struct block *block)
{
    uint8_t *const end = (uint8_t *)block + block->size;

    return end < heap.bytes + HEAP_BYTES ? (struct block *)end : NULL;
}

/* A free block swallows the free ones behind it. */
static void join(struct block *block)
{
    for (struct block *next = behind(block); next != NULL && next->taken == 0;
         next = behind(block)) {
        block->size += next->size;
    }
}

void *driver_alloc(size_t size)
{
    const uint64_t wanted = ((uint64_t)size + UNIT - 1) / UNIT * UNIT + sizeof(struct block);

    if (size > HEAP_BYTES) {
        return NULL;
    }
    for (struct block *block = first(); block != NULL; block = behind(block)) {
        if (block->taken != 0) {
            continue;
        }
        join(block);
        if (block->size < wanted) {
            continue;
        }
        if (block->size >= wanted + 2 * sizeof(*block)) {
            struct block *const rest = (struct block *)((uint8_t *)block + wanted);

            *rest = (struct block){.size = block->size - wanted};
            block->size = wanted;
        }
        block->taken = 1;
        return memset(block + 1, 0, block->size - sizeof(*block));
    }
    return NULL;
}

void driver_free(void *pointer)
{
    if (pointer != NULL) {
        ((struct block *)pointer - 1)->taken = 0;
    }
}

void *platform_alloc(size_t size)
{
    return driver_alloc(size);
}

void platform_free(void *block)
{
    driver_free(block);
}

static int32_t last_error;

void platform_set_last_error(int32_t error)
{
    last_error = error;
}

int32_t platform_get_last_error(void)
{
    return last_error;
}

/* Only this driver ends by it. */
_Noreturn void platform_fatal(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
    kprintf("\n");
    driver_exit(kIOReturnInternalError);
}
