/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting the bytes that the CPU copies, by wrapped memcpy and memmove. */
#include "tests/lib/copy_meter.h"

#include <string.h>

#include "kernel/panic.h"

/* The compiler knows what memcpy does, and that this is not part of it: hence volatile. */
static volatile bool running;
static volatile uint64_t bytes;

void *__real_memcpy(void *to, const void *from, size_t length);
void *__real_memmove(void *to, const void *from, size_t length);
void *__wrap_memcpy(void *to, const void *from, size_t length);
void *__wrap_memmove(void *to, const void *from, size_t length);

void *__wrap_memcpy(void *to, const void *from, size_t length)
{
    if (running) {
        bytes = bytes + length;
    }
    return __real_memcpy(to, from, length);
}

/* The library's own memmove may go on in memcpy: these bytes are counted once. */
void *__wrap_memmove(void *to, const void *from, size_t length)
{
    const bool counts = running;

    if (counts) {
        bytes = bytes + length;
    }
    running = false;
    to = __real_memmove(to, from, length);
    running = counts;
    return to;
}

void copy_meter_start(void)
{
    static char from[64], to[sizeof(from)];
    volatile size_t length = sizeof(from); /* or the compiler would copy by itself */
    uint64_t before = bytes;

    running = true;
    /* Both are seen by others, or it would know that zeros go where nobody reads. */
    __asm__ volatile("" : : "r"(from), "r"(to) : "memory");
    memcpy(to, from, length);
    KERNEL_CHECK(bytes == before + sizeof(from));
    bytes = before;
}

void copy_meter_stop(void)
{
    running = false;
}

uint64_t copy_meter_bytes(void)
{
    return bytes;
}
