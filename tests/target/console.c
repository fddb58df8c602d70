/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted output without libc, and where it goes. */
#include "kernel/console.h"

#include <limits.h>
#include <string.h>

#include "kernel/types.h"
#include "tests/harness/harness.h"

/* A console that keeps what is written to it. */
struct capture {
    struct console console;
    char text[1024];
    size_t length;
    unsigned writes;
};

static void capture_write(struct console *console, const char *text, size_t length)
{
    struct capture *self = (struct capture *)console;

    self->writes++;
    for (size_t i = 0; i < length && self->length < sizeof(self->text) - 1; i++) {
        self->text[self->length++] = text[i];
    }
    self->text[self->length] = '\0';
}

static int capture_read(struct console *console)
{
    (void)console;
    return 'r';
}

#define EXPECT_FORMAT(expected, ...)                                                               \
    do {                                                                                           \
        char buffer_[128];                                                                         \
        int length_ = ksnprintf(buffer_, sizeof(buffer_), __VA_ARGS__);                            \
        EXPECT_STR_EQ(buffer_, expected);                                                          \
        EXPECT_EQ((size_t)length_, strlen(expected));                                              \
    } while (0)

TEST(integers_in_every_length)
{
    EXPECT_FORMAT("0 -1 2147483647 -2147483648", "%d %d %d %i", 0, -1, INT_MAX, INT_MIN);
    EXPECT_FORMAT("-9223372036854775808 9223372036854775807", "%ld %lld", LONG_MIN, LLONG_MAX);
    EXPECT_FORMAT("18446744073709551615", "%zu", SIZE_MAX);
    EXPECT_FORMAT("ffffffffffffffff FFFFFFFF", "%jx %X", UINTMAX_MAX, UINT_MAX);
    EXPECT_FORMAT("-1 255 -128", "%td %hhu %hhd", (ptrdiff_t)-1, (unsigned char)255,
                  (signed char)-128);
    EXPECT_FORMAT("-32768 ffff", "%hd %hx", (short)SHRT_MIN, (unsigned short)USHRT_MAX);
}

TEST(width_zeros_and_left)
{
    EXPECT_FORMAT("   42|42   |00042", "%5d|%-5d|%05d", 42, 42, 42);
    EXPECT_FORMAT("-0042|  -42|-42  ", "%05d|%5d|%-5d", -42, -42, -42);
    EXPECT_FORMAT("123456", "%3d", 123456);
    EXPECT_FORMAT("    ab|ab    |", "%6s|%-6s|", "ab", "ab");
    EXPECT_FORMAT("  x|x  ", "%3c|%-3c", 'x', 'x');
}

TEST(strings_pointers_and_the_rest)
{
    EXPECT_FORMAT("abc ab  100%", "%s %.2s %s 100%%", "abc", "abc", "");
    EXPECT_FORMAT("0xffff000040200000", "%p", (void *)0xffff000040200000);
    const char *volatile absent = NULL; /* volatile: or the compiler objects */
    EXPECT_FORMAT("(null)", "%s", absent);
}

/* A precision must also bound the read: the text may have no end. */
TEST(precision_reads_no_further)
{
    char two[2] = {'a', 'b'};

    EXPECT_FORMAT("ab", "%.2s", two);
}

TEST(unknown_conversions_are_shown)
{
    char buffer[32];
    const char *unknown = "%q %5y %";

    ksnprintf(buffer, sizeof(buffer), unknown, 0);
    EXPECT_STR_EQ(buffer, unknown);
}

TEST(snprintf_truncates_and_tells)
{
    char buffer[8];

    memset(buffer, '#', sizeof(buffer));
    EXPECT_EQ(ksnprintf(buffer, 4, "%d", 123456), 6);
    EXPECT_MEM_EQ(buffer, "123\0####", 8);
    EXPECT_EQ(ksnprintf(buffer, 0, "%s", "abc"), 3);
    EXPECT_EQ(buffer[0], '1');
    EXPECT_EQ(ksnprintf(buffer, 1, "%s", "abc"), 3);
    EXPECT_EQ(buffer[0], '\0');
    EXPECT_EQ(buffer[1], '2');
}

TEST(registered_console_gets_everything)
{
    struct capture capture = {.console = {.write = capture_write, .read = capture_read}};
    struct console *before = console_register(&capture.console);

    kprintf("%0200d.", 7); /* longer than any buffer inside */
    int read = console_read();
    EXPECT_TRUE(console_register(before) == &capture.console);

    EXPECT_EQ(read, 'r');
    EXPECT_EQ(capture.length, 201);
    EXPECT_STR_EQ(capture.text + 197, "007.");
    EXPECT_EQ(strspn(capture.text, "0"), 199);
}

TEST(short_lines_are_written_at_once)
{
    struct capture capture = {.console = {.write = capture_write, .read = capture_read}};
    struct console *before = console_register(&capture.console);

    kprintf("%s %d\n", "line", 1);
    console_register(before);
    EXPECT_EQ(capture.writes, 1);
    EXPECT_STR_EQ(capture.text, "line 1\n");
}

TEST(uart_has_no_input_by_itself)
{
    EXPECT_EQ(console_read(), -1);
}

/* Does a driver of its own, not the one for panics, write what this machine says? */
TEST(the_console_has_a_driver)
{
    struct capture capture = {.console = {.write = capture_write, .read = capture_read}};
    struct console *driver = console_register(&capture.console);

    EXPECT_EQ(console_read(), 'r');
    EXPECT_TRUE(console_register(driver) == &capture.console);
    ASSERT_TRUE(driver != NULL);
    EXPECT_EQ(console_read(), -1); /* nobody has typed anything */
}
