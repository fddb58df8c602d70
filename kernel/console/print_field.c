/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields: one argument, or none, in its width, by the rules of C11, 7.21.6.1. */
#include <string.h>

#include "kernel/console.h"
#include "kernel/console/print_private.h"

void print_character(struct sink *sink, char c)
{
    /*
     * In pieces as large as the buffer: a line that fits is one write, which no other output
     * can land in.
     */
    if (sink->used == sink->size && sink->is_console) {
        console_write(sink->buffer, sink->used);
        sink->used = 0;
    }
    if (sink->used < sink->size) {
        sink->buffer[sink->used++] = c;
    }
    /* Counted whether it had room or not: it is the length that the whole text would have had. */
    sink->produced++;
}

static void sink_pad(struct sink *sink, char c, size_t count)
{
    for (; count > 0; count--) {
        print_character(sink, c);
    }
}

void print_text(struct sink *sink, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        print_character(sink, text[i]);
    }
}

/* Text in its field. */
static void put_text(struct sink *sink, const struct conversion *conversion, const char *text,
                     size_t length)
{
    const size_t padding = conversion->width > length ? conversion->width - length : 0;

    sink_pad(sink, ' ', conversion->left ? 0 : padding);
    print_text(sink, text, length);
    sink_pad(sink, ' ', conversion->left ? padding : 0);
}

static void put_string(struct sink *sink, const struct conversion *conversion, const char *text)
{
    size_t length = 0;

    if (text == NULL) {
        /* A panic may be given anything, and must get to its end. */
        text = "(null)";
    }
    while (length < conversion->precision && text[length] != '\0') {
        length++; /* looked at one by one: there need be no end within the precision */
    }
    put_text(sink, conversion, text, length);
}

/* UTF-8 of a wide character (RFC 3629); returns its length. What is no character is '?'. */
static size_t encode(uint32_t c, char text[4])
{
    if (c < 0x80) {
        text[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        text[0] = (char)(0xc0 | c >> 6);
        text[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    /* The gap is for surrogates, halves of characters in UTF-16, which are none by themselves. */
    if (c < 0x10000 && (c < 0xd800 || c > 0xdfff)) {
        text[0] = (char)(0xe0 | c >> 12);
        text[1] = (char)(0x80 | (c >> 6 & 0x3f));
        text[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    if (c >= 0x10000 && c < 0x110000) {
        text[0] = (char)(0xf0 | c >> 18);
        text[1] = (char)(0x80 | (c >> 12 & 0x3f));
        text[2] = (char)(0x80 | (c >> 6 & 0x3f));
        text[3] = (char)(0x80 | (c & 0x3f));
        return 4;
    }
    text[0] = '?';
    return 1;
}

/* Width and precision count bytes; a character that does not fit as a whole is left out. */
static void put_wide_string(struct sink *sink, const struct conversion *conversion,
                            const wchar_t *text)
{
    size_t length = 0, count = 0;
    char bytes[4];

    if (text == NULL) {
        put_string(sink, conversion, NULL);
        return;
    }
    for (; length < conversion->precision && text[count] != 0; count++) {
        const size_t more = encode((uint32_t)text[count], bytes);

        if (more > conversion->precision - length) {
            break;
        }
        length += more;
    }
    const size_t padding = conversion->width > length ? conversion->width - length : 0;

    sink_pad(sink, ' ', conversion->left ? 0 : padding);
    /*
     * Encoded a second time: the padding in front needs the length before the first byte, and there
     * is no room to keep the text.
     */
    for (size_t i = 0; i < count; i++) {
        print_text(sink, bytes, encode((uint32_t)text[i], bytes));
    }
    sink_pad(sink, ' ', conversion->left ? padding : 0);
}

static void put_character(struct sink *sink, const struct conversion *conversion, uint64_t value)
{
    char bytes[4] = {(char)value};

    put_text(sink, conversion, bytes, conversion->wide ? encode((uint32_t)value, bytes) : 1);
}

/* prefix: sign or base; zeros go between it and the digits. */
static void put_number(struct sink *sink, const struct conversion *conversion, const char *prefix,
                       uint64_t value, unsigned base, bool upper)
{
    char digits[64]; /* in base 2 */
    size_t count = 0, zeros = 0;

    /* A zero has one digit, or none with a precision of 0 (C11 7.21.6.1). */
    for (; value != 0 || (count == 0 && conversion->precision != 0); value /= base) {
        digits[sizeof(digits) - ++count] =
            (upper ? "0123456789ABCDEF" : "0123456789abcdef")[value % base];
    }
    if (conversion->precision != NO_LIMIT) {
        zeros = conversion->precision > count ? conversion->precision - count : 0;
        /* The flag counts neither with a precision nor with "-". */
    } else if (conversion->zeros && !conversion->left) {
        const size_t used = strlen(prefix) + count;

        zeros = conversion->width > used ? conversion->width - used : 0;
    }
    /* # of octal is no prefix but one more digit, unless there is a 0 in front already. */
    if (base == 8 && conversion->alternative && zeros == 0 &&
        (count == 0 || digits[sizeof(digits) - count] != '0')) {
        zeros = 1;
    }

    const size_t length = strlen(prefix) + zeros + count;
    const size_t padding = conversion->width > length ? conversion->width - length : 0;

    sink_pad(sink, ' ', conversion->left ? 0 : padding);
    print_text(sink, prefix, strlen(prefix));
    sink_pad(sink, '0', zeros);
    print_text(sink, &digits[sizeof(digits) - count], count);
    sink_pad(sink, ' ', conversion->left ? padding : 0);
}

/* Arguments narrower than a slot leave its upper bits unspecified; cut them off. */
static uint64_t truncate(uint64_t value, unsigned bytes)
{
    return bytes >= sizeof(value) ? value : value & ((1ull << 8 * bytes) - 1);
}

static int64_t sign_extend(uint64_t value, unsigned bytes)
{
    const unsigned shift = 64 - 8 * bytes;

    /* To the right with the sign: C leaves that to the compiler, and both do so. */
    return (int64_t)(value << shift) >> shift;
}

static void put_signed(struct sink *sink, const struct conversion *conversion, uint64_t raw)
{
    const int64_t value = sign_extend(raw, conversion->bytes);
    const char prefix[] = {value < 0 ? '-' : conversion->sign, '\0'};

    /* Negated as unsigned: the most negative number has no positive one of its own. */
    put_number(sink, conversion, prefix, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10,
               false);
}

static void put_unsigned(struct sink *sink, const struct conversion *conversion, char letter,
                         uint64_t raw)
{
    const uint64_t value = truncate(raw, conversion->bytes);
    /* A 0 has no prefix (C11 7.21.6.1: of a nonzero result). */
    const bool marked = conversion->alternative && value != 0;

    switch (letter) {
    case 'o':
        put_number(sink, conversion, "", value, 8, false);
        break;
    case 'x':
        put_number(sink, conversion, marked ? "0x" : "", value, 16, false);
        break;
    case 'X':
        put_number(sink, conversion, marked ? "0X" : "", value, 16, true);
        break;
    case 'b':
        put_number(sink, conversion, marked ? "0b" : "", value, 2, false);
        break;
    case 'B':
        put_number(sink, conversion, marked ? "0B" : "", value, 2, false);
        break;
    default:
        put_number(sink, conversion, "", value, 10, false);
        break;
    }
}

/* %n: store how much has been put out. */
static void store_count(const struct conversion *conversion, uint64_t address, size_t produced)
{
    /* A panic prints what it is given: it must not fault for a pointer that nobody set. */
    if (address == 0) {
        return;
    }
    switch (conversion->bytes) {
    case 1:
        *(int8_t *)address = (int8_t)produced;
        break;
    case 2:
        *(int16_t *)address = (int16_t)produced;
        break;
    case 4:
        *(int32_t *)address = (int32_t)produced;
        break;
    default:
        *(int64_t *)address = (int64_t)produced;
        break;
    }
}

extern int *__errno(void) __attribute__((weak)); /* absent on the hosts of tests */

/* %m. The number: texts are libc's, which an image need not have. */
void print_errno(struct sink *sink, const struct conversion *conversion)
{
    char text[16];
    const int length = ksnprintf(text, sizeof(text), "errno %d", __errno != NULL ? *__errno() : 0);

    put_text(sink, conversion, text,
             conversion->precision < (size_t)length ? conversion->precision : (size_t)length);
}

void print_argument(struct sink *sink, struct conversion *conversion, char letter, uint64_t value)
{
    switch (letter) {
    case 'd':
    case 'i':
        put_signed(sink, conversion, value);
        break;
    case 'p':
        put_number(sink, conversion, "0x", value, 16, false);
        break;
    /* With 'S' below: XSI's names of %lc and %ls, which GCC's check lets pass. */
    case 'C':
        conversion->wide = true;
        put_character(sink, conversion, value);
        break;
    case 'c':
        put_character(sink, conversion, value);
        break;
    case 'S':
    case 's':
        if (conversion->wide || letter == 'S') {
            put_wide_string(sink, conversion, (const wchar_t *)value);
        } else {
            put_string(sink, conversion, (const char *)value);
        }
        break;
    case 'n':
        store_count(conversion, value, sink->produced);
        break;
    default:
        put_unsigned(sink, conversion, letter, value);
        break;
    }
}
