/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem* of C11 7.24, for images that link no libc (the compiler itself emits
 * calls of four of them). Normal memory only: words are moved unaligned.
 * Compiled with -fno-builtin, or a loop would become a call of itself.
 */
#include <stddef.h>
#include <stdint.h>

/* Eight bytes of any object at any address. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);
void *memchr(const void *block, int value, size_t size);

static void copy_up(unsigned char *to, const unsigned char *from, size_t size)
{
    for (; size >= 4 * sizeof(word_t); size -= 4 * sizeof(word_t)) {
        const word_t *source = (const word_t *)from;
        word_t *target = (word_t *)to;
        /*
         * Loaded before anything is stored: else the compiler, which must reckon with an overlap,
         * could make pairs of neither.
         */
        const uint64_t a = source[0], b = source[1], c = source[2], d = source[3];

        target[0] = a;
        target[1] = b;
        target[2] = c;
        target[3] = d;
        from += 4 * sizeof(word_t);
        to += 4 * sizeof(word_t);
    }
    for (; size >= sizeof(word_t); size -= sizeof(word_t)) {
        *(word_t *)to = *(const word_t *)from;
        from += sizeof(word_t);
        to += sizeof(word_t);
    }
    while (size-- > 0) {
        *to++ = *from++;
    }
}

static void copy_down(unsigned char *to, const unsigned char *from, size_t size)
{
    for (; size >= sizeof(word_t); size -= sizeof(word_t)) {
        *(word_t *)(to + size - sizeof(word_t)) = *(const word_t *)(from + size - sizeof(word_t));
    }
    while (size-- > 0) {
        to[size] = from[size];
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    copy_up(to, from, size);
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    /*
     * One comparison for two cases: apart, or `to` below `from`, where the difference wraps to a
     * large number.
     */
    if ((uintptr_t)to - (uintptr_t)from >= size) {
        copy_up(to, from, size);
    } else {
        copy_down(to, from, size);
    }
    return to;
}

void *memset(void *to, int value, size_t size)
{
    /* UINT64_MAX / 0xff is a 1 in each byte. */
    const uint64_t pattern = (unsigned char)value * (UINT64_MAX / 0xff);
    unsigned char *byte = to;

    for (; size >= 2 * sizeof(word_t); size -= 2 * sizeof(word_t)) {
        ((word_t *)byte)[0] = pattern;
        ((word_t *)byte)[1] = pattern;
        byte += 2 * sizeof(word_t);
    }
    while (size-- > 0) {
        *byte++ = (unsigned char)value;
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *l = left, *r = right;

    /*
     * Words tell only that they are equal: which is the lesser is decided by bytes in their order.
     */
    while (size >= sizeof(word_t) && *(const word_t *)l == *(const word_t *)r) {
        l += sizeof(word_t);
        r += sizeof(word_t);
        size -= sizeof(word_t);
    }
    for (; size > 0; size--, l++, r++) {
        if (*l != *r) {
            return *l - *r;
        }
    }
    return 0;
}

void *memchr(const void *block, int value, size_t size)
{
    for (const unsigned char *byte = block; size > 0; size--, byte++) {
        if (*byte == (unsigned char)value) {
            return (void *)byte;
        }
    }
    return NULL;
}
