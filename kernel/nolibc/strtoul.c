/* SPDX-License-Identifier: BSD-2-Clause */
/* strtoul of C11 7.22.1.4, without errno: out of range is ULONG_MAX and no other sign. */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

unsigned long strtoul(const char *restrict text, char **restrict end, int base);

/* The value of a digit in bases up to 36; 36 for anything else. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'z') {
        return (unsigned)(c - 'a') + 10;
    }
    if (c >= 'A' && c <= 'Z') {
        return (unsigned)(c - 'A') + 10;
    }
    return 36;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* "0x" counts only before a hexadecimal digit: "0xg" is the number 0 followed by "xg". */
static bool has_hex_prefix(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && digit_value(text[2]) < 16;
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
    const char *start = text, *digit = text;
    unsigned long value = 0;
    bool overflow = false;

    while (is_space(*digit)) {
        digit++;
    }

    const bool negative = *digit == '-';

    if (*digit == '-' || *digit == '+') {
        digit++;
    }
    if ((base == 0 || base == 16) && has_hex_prefix(digit)) {
        digit += 2;
        base = 16;
    } else if (base == 0) {
        base = *digit == '0' ? 8 : 10;
    }
    if (base >= 2 && base <= 36) {
        for (; digit_value(*digit) < (unsigned)base; digit++) {
            /* The digits go on being read: `end` is behind the last one, overflow or not. */
            overflow |= __builtin_mul_overflow(value, (unsigned long)base, &value);
            overflow |= __builtin_add_overflow(value, (unsigned long)digit_value(*digit), &value);
            /* Only behind a digit: text without any has not been read at all. */
            start = digit + 1;
        }
    }
    if (end != NULL) {
        *end = (char *)start;
    }
    if (overflow) {
        return ULONG_MAX;
    }
    /* Negated in unsigned arithmetic, as the standard has it: "-1" is ULONG_MAX. */
    return negative ? -value : value;
}
