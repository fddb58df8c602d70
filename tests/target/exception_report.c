/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions in words: what a panic of one prints. */
#include <string.h>

#include "kernel/console.h"
#include "kernel/exception/exception_private.h"
#include "tests/harness/harness.h"

#define HOLE ((void *)16) /* in the NULL page: any access faults */

extern char __stack_guard[], __stack_bottom[], __stack_top[];

/* A place to be found in the backtrace. */
static void store(void *address)
{
    __asm__ volatile("str wzr, [%0]" : : "r"(address) : "memory");
}

/* A console that keeps what is written to it. */
static struct capture {
    struct console console;
    char text[4096];
    size_t length;
} capture;

static void capture_write(struct console *console, const char *text, size_t length)
{
    (void)console;
    for (size_t i = 0; i < length && capture.length < sizeof(capture.text) - 1; i++) {
        capture.text[capture.length++] = text[i];
    }
    capture.text[capture.length] = '\0';
}

static const char *printed(const struct exception_frame *frame, const char *vector)
{
    capture = (struct capture){.console = {.write = capture_write}};
    struct console *before = console_register(&capture.console);
    exception_print(frame, vector);
    console_register(before);
    return capture.text;
}

TEST(syndromes_are_told_in_words)
{
    static const struct {
        uint64_t esr;
        const char *words;
    } cases[] = {
        {0x02000000, "panic: undefined instruction\n"},
        {0x9600004f, "data abort: permission fault, level 3, writing 0x0000000000000123"},
        {0x96000006, "data abort: translation fault, level 2, reading 0x0000000000000123"},
        {0x96000010, "data abort: external abort reading 0x0000000000000123"},
        {0x96000410, "data abort: external abort reading an address that is not recorded"},
        {0x96000015, "data abort: external abort on a table walk, level 1, reading"},
        {0x96000021, "data abort: alignment fault reading"},
        {0x9600000b, "data abort: access flag fault, level 3, reading"},
        {0x86000000, "instruction abort: address size fault, level 0, fetching"},
        {0x8600000f, "instruction abort: permission fault, level 3, fetching"},
        {0x8a000000, "panic: misaligned PC\n"},
        {0x9a000000, "panic: misaligned SP\n"},
        {0x56000000, "panic: SVC instruction\n"},
        {0xbe000000, "panic: SError\n"},
        {0xf20003e8, "breakpoint instruction 0x3e8 (undefined behaviour or __builtin_trap)"},
        {0xf2005501, "breakpoint instruction 0x5501 (undefined behaviour, UBSan check 1)"},
        {0xf200002a, "breakpoint instruction 0x2a\n"},
        {0xfe000000, "panic: exception of an unknown class\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exception_frame frame = {.esr = cases[i].esr, .far = 0x123};
        const char *text = printed(&frame, NULL);

        if (strstr(text, cases[i].words) == NULL) {
            TEST_NOTE("syndrome %#lx", (unsigned long)cases[i].esr);
            EXPECT_STR_EQ(text, cases[i].words);
        }
    }
}

TEST(dump_shows_registers_and_place)
{
    struct exception_frame frame = {.esr = 0x96000044, .far = 8, .spsr = 0x3c5};

    for (unsigned i = 0; i < 31; i++) {
        frame.x[i] = 0x1000 + i;
    }
    frame.elr = (uint64_t)store;
    frame.sp = (uint64_t)__stack_top;
    const char *text = printed(&frame, "FIQ");

    EXPECT_TRUE(strstr(text, "panic: unexpected FIQ: data abort") != NULL);
    EXPECT_TRUE(strstr(text, "writing 0x0000000000000008 (NULL page)") != NULL);
    EXPECT_TRUE(strstr(text, "x0   0000000000001000") != NULL);
    EXPECT_TRUE(strstr(text, "x30  000000000000101e") != NULL);
    EXPECT_TRUE(strstr(text, "SPSR 00000000000003c5") != NULL);

    char place[32];
    ksnprintf(place, sizeof(place), "[<%016lx>]", (unsigned long)store);
    EXPECT_TRUE(strstr(text, place) != NULL);
}

TEST(overflow_is_named)
{
    struct exception_frame frame = {
        .esr = 0x96000047, .far = (uint64_t)__stack_bottom - 8, .sp = (uint64_t)__stack_bottom - 8};

    EXPECT_TRUE(strstr(printed(&frame, NULL), "panic: stack overflow: data abort") != NULL);
    frame.sp = (uint64_t)__stack_top; /* somebody else's stray pointer */
    EXPECT_TRUE(strstr(printed(&frame, NULL), "stack overflow") == NULL);
}

static unsigned count(const char *text, const char *word)
{
    unsigned found = 0;

    for (; (text = strstr(text, word)) != NULL; text++) {
        found++;
    }
    return found;
}

/* Frame records that lie, loop or lead nowhere must neither fault the dump nor fill the log. */
TEST(backtrace_survives_bad_frames)
{
    uint64_t loop[2] __attribute__((aligned(16)));
    uint64_t frames[] = {0,
                         1,
                         (uint64_t)HOLE,
                         ~0UL,
                         (uint64_t)__stack_top - 8,
                         (uint64_t)__stack_guard,
                         (uint64_t)loop,
                         (uint64_t)loop + 1};

    loop[0] = (uint64_t)loop;
    loop[1] = (uint64_t)store;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct exception_frame frame = {.esr = 0x02000000, .elr = frames[i]};

        frame.x[29] = frames[i];
        frame.x[30] = frames[i];
        EXPECT_LE(count(printed(&frame, NULL), "[<"), 2);
    }
}
