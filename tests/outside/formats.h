/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs that formats.sh writes share. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "kernel/console.h"

static char text[1000];
static int n;
static long ln;
static short sn;
static signed char cn;
static int failures;

/* For the check alone: a function that is nothing but checked. */
int checked_like_printf(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(gnu_printf, 3, 4)));

void console_write(const char *bytes, size_t length)
{
    fwrite(bytes, 1, length, stdout);
}

static inline void begin(void)
{
    setlocale(LC_ALL, "C.UTF-8"); /* wide characters are UTF-8, and numbers have no groups */
}

static long counted(void)
{
    const long sum = n + ln + sn + cn;

    n = 0, ln = 0, sn = 0, cn = 0;
    return sum;
}

/* libc says what errno means; the kernel's formatter has only its number. */
static inline void compare_texts(const char *format, const char *ours, const char *libcs,
                                 long our_n, long libcs_n)
{
    char with_number[64], expected[64];

    if (strchr(format, 'm') != NULL) {
        snprintf(with_number, sizeof(with_number), "%s", format);
        *strchr(with_number, 'm') = 's';
        snprintf(expected, sizeof(expected), with_number, "errno 0");
        libcs = expected;
    }
    if (strcmp(ours, libcs) != 0 || our_n != libcs_n) {
        printf("%s: %s (%ld), libc %s (%ld)\n", format, ours, our_n, libcs, libcs_n);
        failures++;
    }
}

#define compare(buffer, size, format, ...)                                                         \
    do {                                                                                           \
        char ours[1000];                                                                           \
        errno = 0;                                                                                 \
        const int our_length = ksnprintf(ours, sizeof(ours), format, ##__VA_ARGS__);               \
        const long our_n = counted();                                                              \
        errno = 0;                                                                                 \
        const int length = snprintf(buffer, size, format, ##__VA_ARGS__);                          \
        const long libcs_n = counted();                                                            \
        if (length < 0) { /* no character */                                                       \
            break;                                                                                 \
        }                                                                                          \
        if (our_length != length && strchr(format, 'm') == NULL) {                                 \
            printf("%s: length %d, libc %d\n", format, our_length, length);                        \
            failures++;                                                                            \
        }                                                                                          \
        compare_texts(format, ours, buffer, our_n, libcs_n);                                       \
    } while (0)
