/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* newlib on this kernel: formats, one heap, processes, time; its files are in libc_files.c. */
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <reent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/heap.h"
#include "kernel/timer.h"
#include "tests/harness/harness.h"

static char text[512];

/* The format is the subject, so it is not a literal the compiler can check. */
static const char *print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return text;
}

TEST(printf_integers_of_every_length)
{
    EXPECT_STR_EQ(print("%d %i %u", -1, INT_MIN, UINT_MAX), "-1 -2147483648 4294967295");
    EXPECT_STR_EQ(print("%hhd %hhu %hhx", (signed char)-128, 255, 0xabu), "-128 255 ab");
    EXPECT_STR_EQ(print("%hd %hu", (short)-32768, 65535), "-32768 65535");
    EXPECT_STR_EQ(print("%ld %lu", LONG_MIN, ULONG_MAX),
                  "-9223372036854775808 18446744073709551615");
    EXPECT_STR_EQ(print("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, 0x123456789abcdefULL),
                  "-9223372036854775808 18446744073709551615 123456789abcdef");
    EXPECT_STR_EQ(print("%zu %zd", SIZE_MAX, (ssize_t)-5), "18446744073709551615 -5");
    EXPECT_STR_EQ(print("%jd %ju", INTMAX_MIN, UINTMAX_MAX),
                  "-9223372036854775808 18446744073709551615");
    EXPECT_STR_EQ(print("%td", (ptrdiff_t)-7), "-7");
    EXPECT_STR_EQ(print("%" PRIu64 " %" PRId32 " %" PRIx16, UINT64_MAX, INT32_MIN, 0xfffe),
                  "18446744073709551615 -2147483648 fffe");
}

TEST(printf_bases_flags_width_and_precision)
{
    EXPECT_STR_EQ(print("%o %#o %x %X %#x %#X", 8, 8, 0xbeef, 0xbeef, 0xbeef, 0xbeef),
                  "10 010 beef BEEF 0xbeef 0XBEEF");
    EXPECT_STR_EQ(print("[%5d] [%-5d] [%05d] [%+d] [% d]", 42, 42, 42, 42, 42),
                  "[   42] [42   ] [00042] [+42] [ 42]");
    EXPECT_STR_EQ(print("[%.3d] [%8.3d] [%-8.3d] [%.0d]", 7, 7, 7, 0),
                  "[007] [     007] [007     ] []");
    EXPECT_STR_EQ(print("[%*d] [%-*d] [%.*d]", 6, 1, 6, 2, 4, 3), "[     1] [2     ] [0003]");
    EXPECT_STR_EQ(print("%c%c%% [%s] [%.2s] [%5s] [%-5s]", 'o', 'k', "abc", "abc", "abc", "abc"),
                  "ok% [abc] [ab] [  abc] [abc  ]");
    EXPECT_STR_EQ(print("%p", (void *)0xffff000040200000), "0xffff000040200000");
}

TEST(printf_counts_what_it_wrote)
{
    int so_far = 0;
    const char *volatile longer = "longer"; /* a length that the compiler cannot warn about */
    char small[4];

    EXPECT_STR_EQ(print("abc%ndef", &so_far), "abcdef");
    EXPECT_EQ(so_far, 3);
    EXPECT_EQ(snprintf(small, sizeof(small), "%s", longer), 6);
    EXPECT_STR_EQ(small, "lon");
    EXPECT_EQ(snprintf(NULL, 0, "%d", 12345), 5);
}

TEST(printf_floating_point)
{
    EXPECT_STR_EQ(print("%f %.2f %.0f", 3.14159265, 2.005, 2.5), "3.141593 2.00 2");
    EXPECT_STR_EQ(print("%e %E %.3e", 12345.678, 0.00012, 1.0),
                  "1.234568e+04 1.200000E-04 1.000e+00");
    EXPECT_STR_EQ(print("%g %g %g %G", 0.0001, 0.00001, 1e6, 1e-10), "0.0001 1e-05 1e+06 1E-10");
    EXPECT_STR_EQ(print("%a %a", 1.0, 0.5), "0x1p+0 0x1p-1");
    EXPECT_STR_EQ(print("%.17g", 0.1), "0.10000000000000001");
    EXPECT_STR_EQ(print("%f %F %e", INFINITY, -(double)INFINITY, (double)NAN), "inf -INF nan");
    EXPECT_STR_EQ(print("[%8.2f] [%-8.2f] [%08.2f] [%+.1f]", 1.5, 1.5, 1.5, 1.5),
                  "[    1.50] [1.50    ] [00001.50] [+1.5]");
    EXPECT_STR_EQ(print("%g", DBL_MAX), "1.79769e+308");
    EXPECT_STR_EQ(print("%g", DBL_TRUE_MIN), "4.94066e-324");
    EXPECT_STR_EQ(print("%Lf", 1.25L), "1.250000");
    TEST_KEEPS("newlib's list of long numbers");
}

TEST(scanf_and_conversions_read_back)
{
    long long big = 0;
    double real = 0;
    size_t size = 0;
    char word[8];

    EXPECT_EQ(
        sscanf("-9223372036854775808 2.5e3 77 word", "%lld %lf %zu %7s", &big, &real, &size, word),
        4);
    EXPECT_EQ(big, LLONG_MIN);
    EXPECT_TRUE(real == 2500.0);
    EXPECT_EQ(size, 77);
    EXPECT_STR_EQ(word, "word");
    EXPECT_TRUE(strtod("0x1.8p1", NULL) == 3.0);
    errno = 0;
    EXPECT_EQ(strtoul("99999999999999999999", NULL, 10), ULONG_MAX);
    EXPECT_EQ(errno, ERANGE);
    TEST_KEEPS("newlib's list of long numbers");
}

/* The compiler knows malloc's family and leaves out calls whose result it sees the fate of. */
static void *opaque(void *block)
{
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

static uint64_t live_blocks(void)
{
    struct heap_stats stats;

    heap_get_stats(&stats);
    return stats.blocks;
}

/* Both sets of names and the library's own requests come from the one heap. */
TEST(malloc_family_is_the_kernel_heap)
{
    const uint64_t before = live_blocks();
    void *blocks[] = {
        malloc(100),       calloc(10, 10),           realloc(NULL, 100),
        memalign(64, 100), aligned_alloc(64, 128),   _malloc_r(_REENT, 100),
        strdup("text"),    _calloc_r(_REENT, 3, 33), _realloc_r(_REENT, NULL, 10),
        malloc(0),
    };
    const size_t count = sizeof(blocks) / sizeof(blocks[0]);

    opaque(blocks);
    EXPECT_EQ(live_blocks() - before, count);
    for (size_t i = 0; i < count; i++) {
        EXPECT_TRUE(blocks[i] != NULL);
    }
    for (size_t i = 0; i < count; i++) {
        i % 2 ? free(blocks[i]) : _free_r(_REENT, blocks[i]);
    }
    EXPECT_EQ(live_blocks(), before);
}

TEST(malloc_family_keeps_contents_and_alignment)
{
    unsigned char *block = calloc(5, 20);

    ASSERT_TRUE(block != NULL);
    for (unsigned i = 0; i < 100; i++) {
        EXPECT_EQ(block[i], 0);
        block[i] = (unsigned char)i;
    }
    block = realloc(block, 100000);
    ASSERT_TRUE(block != NULL);
    for (unsigned i = 0; i < 100; i++) {
        EXPECT_EQ(block[i], i);
    }
    EXPECT_GE(malloc_usable_size(block), 100000);
    EXPECT_TRUE(realloc(block, 0) == NULL);

    for (size_t alignment = 16; alignment <= 8192; alignment *= 2) {
        void *aligned = NULL;

        ASSERT_EQ(posix_memalign(&aligned, alignment, 24), 0);
        EXPECT_EQ((uintptr_t)aligned % alignment, 0);
        free(aligned);
    }
    free(NULL);
}

TEST(malloc_family_refuses_with_an_error)
{
    volatile size_t odd_alignment = 24;
    void *untouched = text;
    volatile size_t huge = SIZE_MAX - 100, many = SIZE_MAX / 2 + 2;

    errno = 0;
    EXPECT_TRUE(opaque(malloc(huge)) == NULL);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT_TRUE(opaque(calloc(many, 2)) == NULL); /* the product wraps to 2 */
    EXPECT_EQ(errno, ENOMEM);

    /* volatile, or the compiler takes the block for gone after realloc */
    unsigned char *volatile block = malloc(16);

    ASSERT_TRUE(block != NULL);
    block[15] = 0x77;
    errno = 0;
    EXPECT_TRUE(opaque(realloc(block, huge)) == NULL); /* and the block is still there */
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(block[15], 0x77);
    free(block);

    EXPECT_EQ(posix_memalign(&untouched, odd_alignment, 10), EINVAL);
    EXPECT_EQ(posix_memalign(&untouched, 4, 10), EINVAL);
    EXPECT_EQ(posix_memalign(&untouched, 64, huge), ENOMEM);
    EXPECT_TRUE(untouched == text);
    errno = 0;
    /* Not a constant: compilers know the rule. */
    EXPECT_TRUE(opaque(memalign(odd_alignment, 10)) == NULL);
    EXPECT_EQ(errno, EINVAL);
}

TEST(processes_and_links_are_not_there)
{
    char *const nobody[] = {NULL};
    int status = 0;

    errno = 0;
    EXPECT_EQ(fork(), -1);
    EXPECT_EQ(errno, ENOSYS);
    errno = 0;
    EXPECT_EQ(link("a", "b"), -1);
    EXPECT_EQ(errno, ENOSYS);
    errno = 0;
    EXPECT_EQ(execve("a", nobody, nobody), -1);
    EXPECT_EQ(errno, ENOSYS);
    errno = 0;
    EXPECT_EQ(wait(&status), -1);
    EXPECT_EQ(errno, ENOSYS);
    errno = 0;
    EXPECT_EQ(kill(getpid() + 1, SIGTERM), -1);
    EXPECT_EQ(errno, ENOSYS);
}

/* Only with the boot argument system=on, which this run has not. */
TEST(commands_of_the_host_are_not_run)
{
    char name[40], command[60];

    snprintf(name, sizeof(name), "libc-command-%" PRIu64 ".tmp", timer_now());
    snprintf(command, sizeof(command), "touch %s", name);
    errno = 0;
    EXPECT_EQ(system(command), -1);
    EXPECT_EQ(errno, ENOSYS);
    EXPECT_EQ(system(NULL), 0);
    EXPECT_EQ(unlink(name), -1);
}

TEST(time_is_time_since_reset)
{
    struct timeval first, second;
    struct tms times_now;
    const clock_t ticks = clock();

    EXPECT_EQ(gettimeofday(&first, NULL), 0);
    timer_delay(2 * (1000000000 / CLOCKS_PER_SEC)); /* two ticks of clock() */
    EXPECT_EQ(gettimeofday(&second, NULL), 0);
    EXPECT_LT((uint64_t)first.tv_usec, 1000000);

    const int64_t passed =
        (second.tv_sec - first.tv_sec) * 1000000 + (second.tv_usec - first.tv_usec);

    EXPECT_GE(passed, 2 * (1000000 / CLOCKS_PER_SEC));
    EXPECT_GE(clock() - ticks, 2);
    EXPECT_GE(times(&times_now), ticks + 2);
    EXPECT_GE(times_now.tms_utime, ticks + 2);
}

static volatile int signal_seen;

static void on_signal(int signal)
{
    signal_seen = signal;
}

TEST(signals_reach_a_handler)
{
    void (*const before)(int) = signal(SIGUSR1, on_signal);

    TEST_KEEPS("newlib's table of signal handlers");
    EXPECT_EQ(raise(SIGUSR1), 0);
    EXPECT_EQ(signal_seen, SIGUSR1);
    signal(SIGUSR1, before);
    EXPECT_EQ(kill(getpid(), 0), 0);
}
