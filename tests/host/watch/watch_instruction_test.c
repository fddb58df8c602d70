/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which bytes an instruction loads and stores: encodings as an assembler makes them, and a few
 * words that are no such instructions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "qemu/vdma/watch/watch.h"

#define PC  0x40201000u
#define SP  0x7000u
#define X2  0x10008u
#define X3  0xffffff80u /* minus 128 as a word */
#define ZVA 64u

enum {
    L = 1, /* loads */
    S = 2, /* stores */
    E = 4, /* exclusive */
};

struct expected {
    uint32_t word;
    unsigned kind;
    uint32_t bytes;
    uint64_t address;
};

static const struct expected instructions[] = {
    {0xf9400441, L, 8, X2 + 8},            /* ldr x1, [x2, #8] */
    {0x39001441, S, 1, X2 + 5},            /* strb w1, [x2, #5] */
    {0x78e37841, L, 2, X2 + 2ull * X3},    /* ldrsh w1, [x2, x3, lsl #1] */
    {0xf823d841, S, 8, X2 - 128 * 8},      /* str x1, [x2, w3, sxtw #3] */
    {0xf8235841, S, 8, X2 + 8ull * X3},    /* str x1, [x2, w3, uxtw #3] */
    {0xb8004441, S, 4, X2},                /* str w1, [x2], #4 */
    {0x3cdf0c41, L, 16, X2 - 16},          /* ldr q1, [x2, #-16]! */
    {0xf85fd041, L, 8, X2 - 3},            /* ldur x1, [x2, #-3] */
    {0xb8404841, L, 4, X2 + 4},            /* ldtr w1, [x2, #4] */
    {0x7d000c41, S, 2, X2 + 6},            /* str h1, [x2, #6] */
    {0xbc236841, S, 4, X2 + (uint64_t)X3}, /* str s1, [x2, x3] */
    {0x3c636841, L, 1, X2 + (uint64_t)X3}, /* ldr b1, [x2, x3] */
    {0xa9bf0c41, S, 16, X2 - 16},          /* stp x1, x3, [x2, #-16]! */
    {0x28c10c41, L, 8, X2},                /* ldp w1, w3, [x2], #8 */
    {0xad010c41, S, 32, X2 + 32},          /* stp q1, q3, [x2, #32] */
    {0x69410c41, L, 8, X2 + 8},            /* ldpsw x1, x3, [x2, #8] */
    {0xa8010c41, S, 16, X2 + 16},          /* stnp x1, x3, [x2, #16] */
    {0x6c410fe1, L, 16, SP + 16},          /* ldnp d1, d3, [sp, #16] */
    {0x885f7c41, L | E, 4, X2},            /* ldxr w1, [x2] */
    {0xc803fc41, S | E, 8, X2},            /* stlxr w3, x1, [x2] */
    {0xc87f8c41, L | E, 16, X2},           /* ldaxp x1, x3, [x2] */
    {0x88200c41, S | E, 8, X2},            /* stxp w0, w1, w3, [x2] */
    {0x08dffc41, L, 1, X2},                /* ldarb w1, [x2] */
    {0xc89ffc41, S, 8, X2},                /* stlr x1, [x2] */
    {0xc8a17c43, L | S, 8, X2},            /* cas x1, x3, [x2] */
    {0x48207c44, L | S, 16, X2},           /* casp x0, x1, x4, x5, [x2] */
    {0x0820fc44, L | S, 8, X2},            /* caspl w0, w1, w4, w5, [x2] */
    {0xb8210043, L | S, 4, X2},            /* ldadd w1, w3, [x2] */
    {0x78218043, L | S, 2, X2},            /* swph w1, w3, [x2] */
    {0xf8bfc041, L, 8, X2},                /* ldapr x1, [x2] */
    {0x591ff041, S, 2, X2 - 1},            /* stlurh w1, [x2, #-1] */
    {0xd9407041, L, 8, X2 + 7},            /* ldapur x1, [x2, #7] */
    {0x58000081, L, 8, PC + 16},           /* ldr x1, .+16 */
    {0x9cffff01, L, 16, PC - 32},          /* ldr q1, .-32 */
    {0x4c407040, L, 16, X2},               /* ld1 {v0.16b}, [x2] */
    {0x0c402840, L, 32, X2},               /* ld1 {v0.2s-v3.2s}, [x2] */
    {0x4c00a440, S, 32, X2},               /* st1 {v0.8h, v1.8h}, [x2] */
    {0x4c404440, L, 48, X2},               /* ld3 {v0.8h-v2.8h}, [x2] */
    {0x0c9f0040, S, 32, X2},               /* st4 {v0.8b-v3.8b}, [x2], #32 */
    {0x0d400c40, L, 1, X2},                /* ld1 {v0.b}[3], [x2] */
    {0x0d605040, L, 4, X2},                /* ld2 {v0.h, v1.h}[2], [x2] */
    {0x4d00a440, S, 24, X2},               /* st3 {v0.d-v2.d}[1], [x2] */
    {0x4d60c840, L, 8, X2},                /* ld2r {v0.4s, v1.4s}, [x2] */
    {0xd50b7422, S, ZVA, X2 - 8},          /* dc zva, x2 */
};

static void each_is_known(void **state)
{
    uint64_t x[31] = {[2] = X2, [3] = X3};

    (void)state;
    for (unsigned i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
        const struct expected *expected = &instructions[i];
        struct watch_instruction it;

        if (!watch_decode(expected->word, ZVA, &it)) {
            fail_msg("%08x is not known", expected->word);
        }
        if (it.bytes != expected->bytes || it.reads != ((expected->kind & L) != 0) ||
            it.writes != ((expected->kind & S) != 0) ||
            it.exclusive != ((expected->kind & E) != 0) ||
            watch_address(&it, x, SP, PC) != expected->address) {
            fail_msg("%08x: %u bytes at %llx, loads %d, stores %d, exclusive %d", expected->word,
                     it.bytes, (unsigned long long)watch_address(&it, x, SP, PC), it.reads,
                     it.writes, it.exclusive);
        }
    }
}

static void others_are_not(void **state)
{
    static const uint32_t words[] = {0x8b030041 /* add */,
                                     0xd503201f /* nop */,
                                     0x94000000 /* bl */,
                                     0xd4000002 /* hvc */,
                                     0x0c40f040 /* ld1, reserved */,
                                     0xaa0203e1 /* mov */,
                                     0x1e604020 /* fmov */};
    struct watch_instruction it;

    (void)state;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (watch_decode(words[i], ZVA, &it)) {
            fail_msg("%08x is none", words[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_known),
        cmocka_unit_test(others_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
