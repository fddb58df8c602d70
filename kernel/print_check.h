/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a floating-point argument of a formatting function an error of compilation,
 * which names it. For kprintf and what else ends in the kernel's formatter:
 *
 *     #define complain(...) (KPRINT_NO_FLOATS(__VA_ARGS__), complain(__VA_ARGS__))
 *
 * No argument is evaluated by it. At most 32 arguments.
 */
#ifndef KERNEL_PRINT_CHECK_H
#define KERNEL_PRINT_CHECK_H

#define KPRINT_IS_NO_FLOAT(argument)                                                               \
    _Generic((argument), float : 0, double : 0, long double : 0, default : 1)

/* A struct, because only a declaration may hold a _Static_assert; its size is of no use. */
#define KPRINT_NO_FLOAT(argument)                                                                  \
    ((void)sizeof(struct {                                                                         \
        _Static_assert(KPRINT_IS_NO_FLOAT(argument), "floating point is not printed: " #argument); \
        char unused;                                                                               \
    }))

/* One by one: KPRINT_2(a, b) is KPRINT_NO_FLOAT(a), KPRINT_1(b). */
#define KPRINT_1(a)       KPRINT_NO_FLOAT(a)
#define KPRINT_2(a, ...)  KPRINT_NO_FLOAT(a), KPRINT_1(__VA_ARGS__)
#define KPRINT_3(a, ...)  KPRINT_NO_FLOAT(a), KPRINT_2(__VA_ARGS__)
#define KPRINT_4(a, ...)  KPRINT_NO_FLOAT(a), KPRINT_3(__VA_ARGS__)
#define KPRINT_5(a, ...)  KPRINT_NO_FLOAT(a), KPRINT_4(__VA_ARGS__)
#define KPRINT_6(a, ...)  KPRINT_NO_FLOAT(a), KPRINT_5(__VA_ARGS__)
#define KPRINT_7(a, ...)  KPRINT_NO_FLOAT(a), KPRINT_6(__VA_ARGS__)
#define KPRINT_8(a, ...)  KPRINT_NO_FLOAT(a), KPRINT_7(__VA_ARGS__)
#define KPRINT_9(a, ...)  KPRINT_NO_FLOAT(a), KPRINT_8(__VA_ARGS__)
#define KPRINT_10(a, ...) KPRINT_NO_FLOAT(a), KPRINT_9(__VA_ARGS__)
#define KPRINT_11(a, ...) KPRINT_NO_FLOAT(a), KPRINT_10(__VA_ARGS__)
#define KPRINT_12(a, ...) KPRINT_NO_FLOAT(a), KPRINT_11(__VA_ARGS__)
#define KPRINT_13(a, ...) KPRINT_NO_FLOAT(a), KPRINT_12(__VA_ARGS__)
#define KPRINT_14(a, ...) KPRINT_NO_FLOAT(a), KPRINT_13(__VA_ARGS__)
#define KPRINT_15(a, ...) KPRINT_NO_FLOAT(a), KPRINT_14(__VA_ARGS__)
#define KPRINT_16(a, ...) KPRINT_NO_FLOAT(a), KPRINT_15(__VA_ARGS__)
#define KPRINT_17(a, ...) KPRINT_NO_FLOAT(a), KPRINT_16(__VA_ARGS__)
#define KPRINT_18(a, ...) KPRINT_NO_FLOAT(a), KPRINT_17(__VA_ARGS__)
#define KPRINT_19(a, ...) KPRINT_NO_FLOAT(a), KPRINT_18(__VA_ARGS__)
#define KPRINT_20(a, ...) KPRINT_NO_FLOAT(a), KPRINT_19(__VA_ARGS__)
#define KPRINT_21(a, ...) KPRINT_NO_FLOAT(a), KPRINT_20(__VA_ARGS__)
#define KPRINT_22(a, ...) KPRINT_NO_FLOAT(a), KPRINT_21(__VA_ARGS__)
#define KPRINT_23(a, ...) KPRINT_NO_FLOAT(a), KPRINT_22(__VA_ARGS__)
#define KPRINT_24(a, ...) KPRINT_NO_FLOAT(a), KPRINT_23(__VA_ARGS__)
#define KPRINT_25(a, ...) KPRINT_NO_FLOAT(a), KPRINT_24(__VA_ARGS__)
#define KPRINT_26(a, ...) KPRINT_NO_FLOAT(a), KPRINT_25(__VA_ARGS__)
#define KPRINT_27(a, ...) KPRINT_NO_FLOAT(a), KPRINT_26(__VA_ARGS__)
#define KPRINT_28(a, ...) KPRINT_NO_FLOAT(a), KPRINT_27(__VA_ARGS__)
#define KPRINT_29(a, ...) KPRINT_NO_FLOAT(a), KPRINT_28(__VA_ARGS__)
#define KPRINT_30(a, ...) KPRINT_NO_FLOAT(a), KPRINT_29(__VA_ARGS__)
#define KPRINT_31(a, ...) KPRINT_NO_FLOAT(a), KPRINT_30(__VA_ARGS__)
#define KPRINT_32(a, ...) KPRINT_NO_FLOAT(a), KPRINT_31(__VA_ARGS__)

#define KPRINT_PICK(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17,    \
                    a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32,     \
                    name, ...)                                                                     \
    name
#ifdef __cplusplus /* has no _Generic: there GCC's format check has to do */
#define KPRINT_NO_FLOATS(...) ((void)0)
#else
#define KPRINT_NO_FLOATS(...)                                                                      \
    (KPRINT_PICK(__VA_ARGS__, KPRINT_32, KPRINT_31, KPRINT_30, KPRINT_29, KPRINT_28, KPRINT_27,    \
                 KPRINT_26, KPRINT_25, KPRINT_24, KPRINT_23, KPRINT_22, KPRINT_21, KPRINT_20,      \
                 KPRINT_19, KPRINT_18, KPRINT_17, KPRINT_16, KPRINT_15, KPRINT_14, KPRINT_13,      \
                 KPRINT_12, KPRINT_11, KPRINT_10, KPRINT_9, KPRINT_8, KPRINT_7, KPRINT_6,          \
                 KPRINT_5, KPRINT_4, KPRINT_3, KPRINT_2, KPRINT_1, unused)(__VA_ARGS__))
#endif

#endif
