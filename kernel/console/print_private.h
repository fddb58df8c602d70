/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the reader of formats (print.c) and the writer of fields (print_field.c). */
#ifndef KERNEL_PRINT_PRIVATE_H
#define KERNEL_PRINT_PRIVATE_H

#include "kernel/types.h"

#define NO_LIMIT SIZE_MAX /* precision: none was given */

/* Where formatted text goes: a buffer that is flushed to the console, or one that truncates. */
struct sink {
    char *buffer;
    size_t size;
    size_t used;     /* bytes in buffer */
    size_t produced; /* bytes in all */
    bool is_console;
};

struct conversion {
    bool left;        /* - */
    bool zeros;       /* 0 */
    bool alternative; /* # */
    char sign;        /* of a number that is not negative: '+', ' ', or none */
    size_t width;
    size_t precision; /* NO_LIMIT: none */
    unsigned bytes;   /* size of the integer argument */
    bool wide;        /* l */
};

void print_character(struct sink *sink, char c);
void print_text(struct sink *sink, const char *text, size_t length);

/* One of diouxXbBpcCsSn, with its argument as it was passed: 64 bits. */
void print_argument(struct sink *sink, struct conversion *conversion, char letter, uint64_t value);

/* %m, which has no argument. */
void print_errno(struct sink *sink, const struct conversion *conversion);

#endif
