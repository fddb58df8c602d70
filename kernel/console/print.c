/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted output without libc: one formatter, which feeds a sink piece by piece. */
#include <stdarg.h>
#include <string.h>

#include "kernel/console.h"

/* Where formatted text goes: a buffer that is flushed to the console, or one that truncates. */
struct sink {
    char *buffer;
    size_t size;
    size_t used;     /* bytes in buffer */
    size_t produced; /* bytes in all */
    bool is_console;
};

struct conversion {
    bool left; /* - */
    char pad;  /* ' ' or '0' */
    unsigned width;
    size_t precision; /* most bytes of %s */
    unsigned bytes;   /* size of the integer argument */
};

static void sink_put(struct sink *sink, char c)
{
    if (sink->used == sink->size && sink->is_console) {
        console_write(sink->buffer, sink->used);
        sink->used = 0;
    }
    if (sink->used < sink->size) {
        sink->buffer[sink->used++] = c;
    }
    sink->produced++;
}

static void sink_pad(struct sink *sink, char c, size_t length, unsigned width)
{
    for (; length < width; length++) {
        sink_put(sink, c);
    }
}

static void put_text(struct sink *sink, const struct conversion *conversion, const char *text)
{
    size_t length = 0;

    while (length < conversion->precision && text[length] != '\0') {
        length++;
    }
    if (!conversion->left) {
        sink_pad(sink, ' ', length, conversion->width);
    }
    for (size_t i = 0; i < length; i++) {
        sink_put(sink, text[i]);
    }
    if (conversion->left) {
        sink_pad(sink, ' ', length, conversion->width);
    }
}

/* prefix: "-", "0x" or ""; zeros go between it and the digits. */
static void put_number(struct sink *sink, const struct conversion *conversion, const char *prefix,
                       uint64_t value, unsigned base, bool upper)
{
    char digits[20];
    size_t count = 0;
    bool zeros = conversion->pad == '0' && !conversion->left;

    do {
        digits[count++] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[value % base];
        value /= base;
    } while (value != 0);
    size_t length = strlen(prefix) + count;

    if (!conversion->left && !zeros) {
        sink_pad(sink, ' ', length, conversion->width);
    }
    while (*prefix != '\0') {
        sink_put(sink, *prefix++);
    }
    if (zeros) {
        sink_pad(sink, '0', length, conversion->width);
    }
    while (count > 0) {
        sink_put(sink, digits[--count]);
    }
    if (conversion->left) {
        sink_pad(sink, ' ', length, conversion->width);
    }
}

/* Flags, width, precision and length, up to the conversion character, which is returned. */
static const char *parse(const char *format, struct conversion *conversion)
{
    *conversion = (struct conversion){.pad = ' ', .precision = SIZE_MAX, .bytes = sizeof(int)};
    for (; *format == '-' || *format == '0'; format++) {
        if (*format == '-') {
            conversion->left = true;
        } else {
            conversion->pad = '0';
        }
    }
    for (; *format >= '0' && *format <= '9'; format++) {
        conversion->width = conversion->width * 10 + (unsigned)(*format - '0');
    }
    if (*format == '.') {
        conversion->precision = 0;
        for (format++; *format >= '0' && *format <= '9'; format++) {
            conversion->precision = conversion->precision * 10 + (size_t)(*format - '0');
        }
    }
    for (;; format++) {
        switch (*format) {
        case 'h':
            conversion->bytes /= 2;
            break;
        case 'l':
        case 'z':
        case 'j':
        case 't':
            conversion->bytes = sizeof(long);
            break;
        default:
            return format;
        }
    }
}

/* Arguments narrower than int were passed as int; cut them back. */
static uint64_t truncate(uint64_t value, unsigned bytes)
{
    return bytes >= sizeof(value) ? value : value & ((1UL << 8 * bytes) - 1);
}

static int64_t sign_extend(uint64_t value, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;

    return (int64_t)(value << shift) >> shift;
}

static void format_to(struct sink *sink, const char *format, va_list arguments)
{
    for (; *format != '\0'; format++) {
        struct conversion conversion;

        if (*format != '%') {
            sink_put(sink, *format);
            continue;
        }
        const char *start = format;
        format = parse(format + 1, &conversion);
        switch (*format) {
        case 'd':
        case 'i': {
            uint64_t raw = conversion.bytes > sizeof(int) ? (uint64_t)va_arg(arguments, long)
                                                          : (uint64_t)va_arg(arguments, int);
            int64_t value = sign_extend(raw, conversion.bytes);
            uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
            put_number(sink, &conversion, value < 0 ? "-" : "", magnitude, 10, false);
            break;
        }
        case 'u':
        case 'x':
        case 'X': {
            uint64_t raw = conversion.bytes > sizeof(int) ? va_arg(arguments, unsigned long)
                                                          : va_arg(arguments, unsigned int);
            put_number(sink, &conversion, "", truncate(raw, conversion.bytes),
                       *format == 'u' ? 10 : 16, *format == 'X');
            break;
        }
        case 'p':
            put_number(sink, &conversion, "0x", (uint64_t)va_arg(arguments, void *), 16, false);
            break;
        case 's': {
            const char *text = va_arg(arguments, const char *);
            put_text(sink, &conversion, text != NULL ? text : "(null)");
            break;
        }
        case 'c': {
            char text[] = {(char)va_arg(arguments, int), '\0'};
            put_text(sink, &conversion, text);
            break;
        }
        case '%':
            sink_put(sink, '%');
            break;
        default: /* not one of ours: show it as it stands */
            while (start <= format && *start != '\0') {
                sink_put(sink, *start++);
            }
            if (*format == '\0') {
                return;
            }
            break;
        }
    }
}

void kvprintf(const char *format, va_list arguments)
{
    char buffer[128];
    struct sink sink = {.buffer = buffer, .size = sizeof(buffer), .is_console = true};

    format_to(&sink, format, arguments);
    console_write(buffer, sink.used);
}

void kprintf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
}

int ksnprintf(char *buffer, size_t size, const char *format, ...)
{
    struct sink sink = {.buffer = buffer, .size = size > 0 ? size - 1 : 0};
    va_list arguments;

    va_start(arguments, format);
    format_to(&sink, format, arguments);
    va_end(arguments);
    if (size > 0) {
        buffer[sink.used] = '\0';
    }
    return (int)sink.produced;
}
