/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting the bytes that the CPU copies, by wrapped memcpy and memmove. */
#include "tests/lib/copy_meter.h"

#include <string.h>

#include "kernel/panic.h"

/* The compiler knows what memcpy does, and that this is not part of it: hence volatile. */
static volatile bool running;
static volatile uint64_t bytes;

/* NULL: all bytes count. */
static const struct scatter *watched[2];

static bool touches(const struct scatter *scatter, const void *at, size_t length)
{
    for (size_t i = 0; i < scatter->pieces; i++) {
        const uint64_t begin = scatter->ranges[i].address;

        if ((uint64_t)at < begin + scatter->ranges[i].length && begin < (uint64_t)at + length) {
            return true;
        }
    }
    return false;
}

static bool counts(const void *to, const void *from, size_t length)
{
    bool is_data = watched[0] == NULL;

    for (unsigned i = 0; i < 2 && !is_data; i++) {
        is_data = touches(watched[i], to, length) || touches(watched[i], from, length);
    }
    return is_data;
}

void copy_meter_watch(const struct scatter *one, const struct scatter *other)
{
    watched[0] = one;
    watched[1] = other;
}

void *__real_memcpy(void *to, const void *from, size_t length);
void *__real_memmove(void *to, const void *from, size_t length);
void *__wrap_memcpy(void *to, const void *from, size_t length);
void *__wrap_memmove(void *to, const void *from, size_t length);

void *__wrap_memcpy(void *to, const void *from, size_t length)
{
    if (running && counts(to, from, length)) {
        bytes = bytes + length;
    }
    return __real_memcpy(to, from, length);
}

/* The library's own memmove may go on in memcpy: these bytes are counted once. */
void *__wrap_memmove(void *to, const void *from, size_t length)
{
    const bool was_running = running;

    if (was_running && counts(to, from, length)) {
        bytes = bytes + length;
    }
    running = false;
    to = __real_memmove(to, from, length);
    running = was_running;
    return to;
}

void copy_meter_start(void)
{
    static char from[64], to[sizeof(from)];
    volatile size_t length = sizeof(from); /* or the compiler would copy by itself */
    const struct scatter *const first = watched[0];
    uint64_t before = bytes;

    watched[0] = NULL; /* these are no piece */
    running = true;
    /* Both are seen by others, or it would know that zeros go where nobody reads. */
    __asm__ volatile("" : : "r"(from), "r"(to) : "memory");
    memcpy(to, from, length);
    KERNEL_CHECK(bytes == before + sizeof(from));
    bytes = before;
    watched[0] = first;
}

void copy_meter_stop(void)
{
    running = false;
}

uint64_t copy_meter_bytes(void)
{
    return bytes;
}
