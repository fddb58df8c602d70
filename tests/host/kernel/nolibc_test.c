/* SPDX-License-Identifier: BSD-2-Clause */
/* kernel/nolibc against the host's libc, for all small sizes, offsets and overlaps. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The functions under test, under names of their own. */
#define memcpy  nolibc_memcpy
#define memmove nolibc_memmove
#define memset  nolibc_memset
#define memcmp  nolibc_memcmp
#define memchr  nolibc_memchr
#define strlen  nolibc_strlen
#define strnlen nolibc_strnlen
#define strcmp  nolibc_strcmp
#define strncmp nolibc_strncmp
#define strchr  nolibc_strchr
#define strrchr nolibc_strrchr
#define strcspn nolibc_strcspn
#define strtoul nolibc_strtoul
#include "kernel/nolibc/memory.c"
#include "kernel/nolibc/string.c"
#include "kernel/nolibc/strtoul.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strcspn
#undef strtoul

#define SPAN 160

static void fill(unsigned char *block)
{
    for (unsigned i = 0; i < SPAN; i++) {
        block[i] = (unsigned char)(i * 37 + 11);
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void copies_exactly_the_bytes_asked_for(void **state)
{
    unsigned char from[SPAN], ours[SPAN], theirs[SPAN];

    (void)state;
    fill(from);
    for (size_t to = 0; to < 17; to++) {
        for (size_t at = 0; at < 17; at++) {
            for (size_t size = 0; size <= 80; size++) {
                memset(ours, 0xee, SPAN);
                memset(theirs, 0xee, SPAN);
                assert_ptr_equal(nolibc_memcpy(ours + to, from + at, size), ours + to);
                memcpy(theirs + to, from + at, size);
                assert_memory_equal(ours, theirs, SPAN);
            }
        }
    }
}

static void moves_overlapping_blocks_both_ways(void **state)
{
    unsigned char ours[SPAN], theirs[SPAN];

    (void)state;
    for (size_t to = 0; to < 48; to++) {
        for (size_t at = 0; at < 48; at++) {
            for (size_t size = 0; size <= 96; size += size < 40 ? 1 : 7) {
                fill(ours);
                fill(theirs);
                assert_ptr_equal(nolibc_memmove(ours + to, ours + at, size), ours + to);
                memmove(theirs + to, theirs + at, size);
                assert_memory_equal(ours, theirs, SPAN);
            }
        }
    }
}

static void fills_with_the_low_byte(void **state)
{
    static const int values[] = {0, 1, 0x80, 0xff, -1, 0x1234};
    unsigned char ours[SPAN], theirs[SPAN];

    (void)state;
    for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
        for (size_t to = 0; to < 17; to++) {
            for (size_t size = 0; size <= 80; size++) {
                fill(ours);
                fill(theirs);
                assert_ptr_equal(nolibc_memset(ours + to, values[v], size), ours + to);
                memset(theirs + to, values[v], size);
                assert_memory_equal(ours, theirs, SPAN);
            }
        }
    }
}

static void compares_by_the_first_difference(void **state)
{
    unsigned char left[SPAN], right[SPAN];

    (void)state;
    fill(left);
    for (size_t size = 0; size <= 40; size++) {
        fill(right);
        assert_int_equal(nolibc_memcmp(left + 3, right + 3, size), 0);
        for (size_t at = 0; at < size + 3; at++) {
            fill(right);
            right[3 + at] ^= 0x80; /* signed comparison would turn the order round */
            right[SPAN - 1] = 0;
            assert_int_equal(sign(nolibc_memcmp(left + 3, right + 3, size)),
                             sign(memcmp(left + 3, right + 3, size)));
        }
    }
}

static void finds_the_first_byte(void **state)
{
    unsigned char block[SPAN];

    (void)state;
    fill(block);
    for (int value = -3; value < 300; value++) {
        for (size_t size = 0; size < SPAN; size += 13) {
            assert_ptr_equal(nolibc_memchr(block, value, size), memchr(block, value, size));
        }
    }
}

static void string_functions_agree_with_libc(void **state)
{
    static const char *const strings[] = {"",     "a",    "b",        "ab",     "abc",   "abcabc",
                                          "abd",  "\x80", "\xff\x01", "a\x80z", "aaaaa", "zzz",
                                          "abc ", "ABC",  "/soc/x@1", "/soc/x@"};
    const unsigned count = sizeof(strings) / sizeof(strings[0]);

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        const char *const s = strings[i];

        assert_int_equal(nolibc_strlen(s), strlen(s));
        for (size_t limit = 0; limit < 10; limit++) {
            assert_int_equal(nolibc_strnlen(s, limit), strnlen(s, limit));
        }
        for (int c = 0; c < 256; c++) {
            assert_ptr_equal(nolibc_strchr(s, c), strchr(s, c));
            assert_ptr_equal(nolibc_strrchr(s, c), strrchr(s, c));
        }
        for (unsigned j = 0; j < count; j++) {
            assert_int_equal(sign(nolibc_strcmp(s, strings[j])), sign(strcmp(s, strings[j])));
            assert_int_equal(nolibc_strcspn(s, strings[j]), strcspn(s, strings[j]));
            for (size_t limit = 0; limit < 8; limit++) {
                assert_int_equal(sign(nolibc_strncmp(s, strings[j], limit)),
                                 sign(strncmp(s, strings[j], limit)));
            }
        }
    }
}

static void strtoul_agrees_with_libc(void **state)
{
    static const char *const numbers[] = {"",
                                          "0",
                                          "7",
                                          "  42",
                                          "\t\n\v\f\r 9z",
                                          "-1",
                                          "+5",
                                          "-",
                                          "+",
                                          "- 1",
                                          "0x",
                                          "0x1F",
                                          "0XabcG",
                                          "0xg",
                                          "-0x10",
                                          "017",
                                          "08",
                                          "z",
                                          "Zz9",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "-18446744073709551615",
                                          "-99999999999999999999999",
                                          "0xffffffffffffffff",
                                          "0x10000000000000000",
                                          "12abc",
                                          "1 2"};
    static const int bases[] = {0, 2, 8, 10, 16, 35, 36};

    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (unsigned b = 0; b < sizeof(bases) / sizeof(bases[0]); b++) {
            char *our_end, *their_end;
            const unsigned long ours = nolibc_strtoul(numbers[i], &our_end, bases[b]);
            const unsigned long theirs = strtoul(numbers[i], &their_end, bases[b]);

            if (ours != theirs || our_end != their_end) {
                print_message("# \"%s\" in base %d\n", numbers[i], bases[b]);
            }
            assert_true(ours == theirs);
            assert_ptr_equal(our_end, their_end);
        }
        assert_true(nolibc_strtoul(numbers[i], NULL, 10) == strtoul(numbers[i], NULL, 10));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_exactly_the_bytes_asked_for),
        cmocka_unit_test(moves_overlapping_blocks_both_ways),
        cmocka_unit_test(fills_with_the_low_byte),
        cmocka_unit_test(compares_by_the_first_difference),
        cmocka_unit_test(finds_the_first_byte),
        cmocka_unit_test(string_functions_agree_with_libc),
        cmocka_unit_test(strtoul_agrees_with_libc),
    };

    return cmocka_run_group_tests_name("nolibc", tests, NULL, NULL);
}
