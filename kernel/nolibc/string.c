/* SPDX-License-Identifier: BSD-2-Clause */
/* The str* of C11 7.24 and POSIX that the core and libfdt use, for images without a libc. */
#include <stddef.h>

size_t strlen(const char *string);
size_t strnlen(const char *string, size_t limit);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t limit);
char *strchr(const char *string, int wanted);
char *strrchr(const char *string, int wanted);
size_t strcspn(const char *string, const char *stops);

size_t strlen(const char *string)
{
    const char *end = string;

    while (*end) {
        end++;
    }
    return (size_t)(end - string);
}

size_t strnlen(const char *string, size_t limit)
{
    size_t length = 0;

    /* The limit first: the byte behind it may not be there. */
    while (length < limit && string[length]) {
        length++;
    }
    return length;
}

int strncmp(const char *left, const char *right, size_t limit)
{
    for (; limit > 0; limit--, left++, right++) {
        if (*left != *right) {
            /*
             * As unsigned char, which C11 7.24.4 asks for: plain char is unsigned on this CPU, and
             * signed on a host that runs the tests.
             */
            return (unsigned char)*left - (unsigned char)*right;
        }
        if (!*left) {
            break;
        }
    }
    return 0;
}

int strcmp(const char *left, const char *right)
{
    return strncmp(left, right, (size_t)-1);
}

/* The terminating null byte counts as part of the string in both searches. */
char *strchr(const char *string, int wanted)
{
    for (;; string++) {
        if (*string == (char)wanted) {
            return (char *)string;
        }
        if (!*string) {
            return NULL;
        }
    }
}

char *strrchr(const char *string, int wanted)
{
    char *last = NULL;

    /* After the look and not before it: the null byte is looked for like any other. */
    do {
        if (*string == (char)wanted) {
            last = (char *)string;
        }
    } while (*string++);
    return last;
}

/* The end of stops is found in it as well, so the end of string always stops. */
size_t strcspn(const char *string, const char *stops)
{
    size_t length = 0;

    while (strchr(stops, string[length]) == NULL) {
        length++;
    }
    return length;
}
