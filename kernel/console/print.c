/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted output without libc: one formatter, which feeds a sink piece by piece.
 *
 * It takes what GCC's format check lets pass, because what that passes and this does
 * not know would leave its argument for the next conversion, and a %s would follow a
 * number. Floating-point arguments are the exception: they come in registers that the
 * kernel must not touch, so console.h makes them an error of compilation.
 */
#include <stdarg.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/console/print_private.h"

#define INT_LIMIT 0x7fffffffu /* of a width, a precision, and the length returned */

/*
 * Every argument that is no float takes one 64-bit register or stack slot, on AAPCS64
 * (stage C of "Parameter passing") as on the hosts of the tests. So all are read alike,
 * by number if the format gives numbers (%2$d), and cut to their size afterwards.
 */
struct arguments {
    va_list first; /* all of them */
    va_list next;  /* those not taken yet */
};

static uint64_t next_argument(struct arguments *arguments)
{
    return va_arg(arguments->next, uint64_t);
}

/* From the first each time: a va_list goes forward only, and numbers may come in any order. */
static uint64_t argument_number(struct arguments *arguments, size_t number)
{
    uint64_t value = 0;
    va_list at;

    va_copy(at, arguments->first);
    for (size_t i = 0; i < number; i++) {
        value = va_arg(at, uint64_t);
    }
    va_end(at);
    return value;
}

static size_t parse_number(const char **format)
{
    size_t number = 0;

    for (; **format >= '0' && **format <= '9'; (*format)++) {
        number = number * 10 + (size_t)(**format - '0');
        /* Held at the limit: many digits must not wrap to a small width. */
        number = number > INT_LIMIT ? INT_LIMIT : number;
    }
    return number;
}

/* "3$" gives 3 and is skipped; 0: there is none. */
static size_t parse_position(const char **format)
{
    const char *at = *format;
    const size_t position = parse_number(&at);

    if (position == 0 || *at != '$') {
        return 0;
    }
    *format = at + 1;
    return position;
}

/* "*" or "*3$", at which *format stands, taken from the arguments. */
static int64_t parse_star(const char **format, struct arguments *arguments)
{
    (*format)++;

    const size_t position = parse_position(format);

    /* Cut to an int, which is what was passed: the upper half of the slot is anything. */
    return (int)(position != 0 ? argument_number(arguments, position) : next_argument(arguments));
}

static const char *parse_flags(const char *format, struct conversion *conversion)
{
    for (;; format++) {
        switch (*format) {
        case '-':
            conversion->left = true;
            break;
        case '0':
            conversion->zeros = true;
            break;
        case '#':
            conversion->alternative = true;
            break;
        case '+':
            conversion->sign = '+';
            break;
        case ' ':
            /* C11 7.21.6.1: with "+" the blank is ignored, in either order. */
            conversion->sign = conversion->sign == '+' ? '+' : ' ';
            break;
        case '\'': /* groups and digits of the locale: the one here has none */
        case 'I':
            break;
        default:
            return format;
        }
    }
}

static const char *parse_length(const char *format, struct conversion *conversion)
{
    conversion->bytes = sizeof(int);
    for (;; format++) {
        switch (*format) {
        case 'h':
            /* "h" halves an int, "hh" halves it again: char, and no less. */
            conversion->bytes = conversion->bytes > 1 ? conversion->bytes / 2 : 1;
            break;
        case 'l':
            conversion->wide = true;
            conversion->bytes = sizeof(long);
            break;
        case 'L':
        case 'q':
        case 'j':
        case 'z':
        case 'Z':
        case 't':
            conversion->bytes = sizeof(long);
            break;
        default:
            return format;
        }
    }
}

/* Flags, width, precision and length, up to the conversion character, which is returned. */
static const char *parse(const char *format, struct conversion *conversion,
                         struct arguments *arguments)
{
    *conversion = (struct conversion){.precision = NO_LIMIT};
    format = parse_flags(format, conversion);
    if (*format == '*') {
        const int64_t width = parse_star(&format, arguments);

        conversion->left |= width < 0;
        /* A negative one is a flag "-" and a width (C11 7.21.6.1); in 64 bits it has a positive. */
        conversion->width = (size_t)(width < 0 ? -width : width);
    } else {
        conversion->width = parse_number(&format);
    }
    if (*format == '.') {
        format++;
        if (*format == '*') {
            const int64_t precision = parse_star(&format, arguments);

            /* As if it were not there (C11 7.21.6.1). */
            conversion->precision = precision < 0 ? NO_LIMIT : (size_t)precision;
        } else {
            conversion->precision = parse_number(&format);
        }
    }
    return parse_length(format, conversion);
}

static void format_to(struct sink *sink, const char *format, struct arguments *arguments)
{
    for (; *format != '\0'; format++) {
        struct conversion conversion;
        const char *const start = format;

        if (*format != '%') {
            print_character(sink, *format);
            continue;
        }
        format++;

        const size_t position = parse_position(&format);

        format = parse(format, &conversion, arguments);
        if (*format == '%') {
            print_character(sink, '%');
        } else if (*format == 'm') {
            print_errno(sink, &conversion);
        } else if (*format != '\0' && strchr("diouxXbBpcCsSn", *format) != NULL) {
            print_argument(sink, &conversion, *format,
                           position != 0 ? argument_number(arguments, position)
                                         : next_argument(arguments));
        } else { /* a float, or nonsense that no check has seen: show it as it stands */
            print_text(sink, start, (size_t)(format - start) + (*format != '\0'));
            if (*format == '\0') {
                return;
            }
        }
    }
}

static void format_all(struct sink *sink, const char *format, va_list list)
{
    struct arguments arguments;

    /* Two copies: an argument that is named by its number is looked for from the first. */
    va_copy(arguments.first, list);
    va_copy(arguments.next, list);
    format_to(sink, format, &arguments);
    va_end(arguments.next);
    va_end(arguments.first);
}

void kvprintf(const char *format, va_list arguments)
{
    /* On the stack: a handler or a panic may print in the middle of somebody's line. */
    char buffer[128];
    struct sink sink = {.buffer = buffer, .size = sizeof(buffer), .is_console = true};

    format_all(&sink, format, arguments);
    /* What is left: the sink itself writes full buffers only. */
    console_write(buffer, sink.used);
}

void(kprintf)(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
}

int kvsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
{
    /* Room for the NUL is kept back, so that the formatter need not know of it. */
    struct sink sink = {.buffer = buffer, .size = size > 0 ? size - 1 : 0};

    format_all(&sink, format, arguments);
    if (size > 0) {
        buffer[sink.used] = '\0';
    }
    /* An int, which a caller compares with a size: it must not come out negative. */
    return sink.produced < INT_LIMIT ? (int)sink.produced : (int)INT_LIMIT;
}

int(ksnprintf)(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = kvsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
