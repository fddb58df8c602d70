/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On-target tests. A file in tests/target is one image on one subject; it has
 * no main, only tests:
 *
 *     // What if the last page is asked for twice?
 *     TEST(last_page_is_given_once)
 *     {
 *         paddr_t page;
 *
 *         ASSERT_EQ(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
 *         EXPECT_EQ(page_get_owner(page), PAGE_OWNER_IMAGE);
 *         EXPECT_EQ(page_free(page, 0), KERN_SUCCESS);
 *     }
 *
 * Comment lines at its top name the devices of its machine, and files for them:
 * "// FILE: NAME SIZE PATTERN" and "// QEMU: WORD..." (qemu/devices.sh). They are there in
 * `make test`, `make run IMAGE=` and `make debug IMAGE=` alike.
 *
 * "// MACHINES: PROFILE..." names the machines on which it says something, if it says the
 * same on the others; "// BUILDS: PROFILE:VARIANT..." does so of the builds by other compilers,
 * for release, and over a monitor at EL2.
 *
 * `make test T=image` runs it on every machine profile, T=image/name one test of
 * it, T=image@profile on one machine. (The option test=NAME is what selects: the
 * test of that name, or else every test whose name contains it.)
 *
 * The image prints TAP 13, plan first, and "# start" before each test. After each
 * test the harness compares what is held - pages by owner, pins, heap blocks,
 * page tables, mappings, address spaces, memory objects, ranges, tasks, live
 * OSObjects, and every BALANCE - with what was held before, and fails the test if
 * they differ; it says where the objects and heap blocks that are left over were made.
 * A test fails as well if it left interrupts masked, and if it released, retained or
 * changed an object that was free: the harness says of which class, who made it and who
 * freed it. (Freed objects are kept aside until the test ends, or counts heap blocks.)
 *
 * Exit status: 0 all passed (or skipped, some of them), 1 one failed, 2 no test
 * of that name, 77 all skipped. A fault or a panic ends the image with 3; a test
 * that wants a fault says so with fault_expect (kernel/fault.h).
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include "kernel/print_check.h"
#include "kernel/types.h"

/* TEST(name) { ... }. Runs in file order, in thread context, interrupts unmasked. */
#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    static const struct harness_test harness_test_##name = {#name, test_##name};                   \
    static const struct harness_test *const harness_entry_##name HARNESS_IN_ORDER                  \
        __attribute__((used, section(".tests"))) = &harness_test_##name;                           \
    static void test_##name(void)

/*
 * Expectations print both values and the place, and count against the test.
 * After a failed EXPECT_ the test goes on; a failed ASSERT_ leaves it at once,
 * also from a function that the test called (but not from an interrupt handler,
 * where it is an EXPECT_). Each argument is evaluated once.
 *
 * What is printed is the arguments as they are written, and a status code of IOKit's by
 * its name; in debug builds also why calls were refused since the last one that held. EQ to GE
 * compare integers, enumerations, bools and pointers by value: -1 is less than 0u. A floating-point
 * value does not compile; use TRUE.
 */
#define EXPECT_EQ(a, b)                                                                            \
    HARNESS_COMPARE(a, HARNESS_EQ, b, HARNESS_AT("EXPECT_EQ", #a ", " #b, false))
#define EXPECT_NE(a, b)                                                                            \
    HARNESS_COMPARE(a, HARNESS_NE, b, HARNESS_AT("EXPECT_NE", #a ", " #b, false))
#define EXPECT_LT(a, b)                                                                            \
    HARNESS_COMPARE(a, HARNESS_LT, b, HARNESS_AT("EXPECT_LT", #a ", " #b, false))
#define EXPECT_LE(a, b)                                                                            \
    HARNESS_COMPARE(a, HARNESS_LE, b, HARNESS_AT("EXPECT_LE", #a ", " #b, false))
#define EXPECT_GT(a, b)                                                                            \
    HARNESS_COMPARE(a, HARNESS_GT, b, HARNESS_AT("EXPECT_GT", #a ", " #b, false))
#define EXPECT_GE(a, b)                                                                            \
    HARNESS_COMPARE(a, HARNESS_GE, b, HARNESS_AT("EXPECT_GE", #a ", " #b, false))
#define ASSERT_EQ(a, b) HARNESS_COMPARE(a, HARNESS_EQ, b, HARNESS_AT("ASSERT_EQ", #a ", " #b, true))
#define ASSERT_NE(a, b) HARNESS_COMPARE(a, HARNESS_NE, b, HARNESS_AT("ASSERT_NE", #a ", " #b, true))
#define ASSERT_LT(a, b) HARNESS_COMPARE(a, HARNESS_LT, b, HARNESS_AT("ASSERT_LT", #a ", " #b, true))
#define ASSERT_LE(a, b) HARNESS_COMPARE(a, HARNESS_LE, b, HARNESS_AT("ASSERT_LE", #a ", " #b, true))
#define ASSERT_GT(a, b) HARNESS_COMPARE(a, HARNESS_GT, b, HARNESS_AT("ASSERT_GT", #a ", " #b, true))
#define ASSERT_GE(a, b) HARNESS_COMPARE(a, HARNESS_GE, b, HARNESS_AT("ASSERT_GE", #a ", " #b, true))

/* A condition. */
#define EXPECT_TRUE(x) harness_true((x) ? true : false, true, HARNESS_AT("EXPECT_TRUE", #x, false))
#define EXPECT_FALSE(x)                                                                            \
    harness_true((x) ? true : false, false, HARNESS_AT("EXPECT_FALSE", #x, false))
#define ASSERT_TRUE(x) harness_true((x) ? true : false, true, HARNESS_AT("ASSERT_TRUE", #x, true))
#define ASSERT_FALSE(x)                                                                            \
    harness_true((x) ? true : false, false, HARNESS_AT("ASSERT_FALSE", #x, true))

/* Strings, either of which may be NULL. */
#define EXPECT_STR_EQ(a, b) harness_string(a, b, HARNESS_AT("EXPECT_STR_EQ", #a ", " #b, false))
#define ASSERT_STR_EQ(a, b) harness_string(a, b, HARNESS_AT("ASSERT_STR_EQ", #a ", " #b, true))

/* n bytes at p and at q; prints the first offset that differs and the bytes there. */
#define EXPECT_MEM_EQ(p, q, n)                                                                     \
    harness_memory(p, q, n, HARNESS_AT("EXPECT_MEM_EQ", #p ", " #q ", " #n, false))
#define ASSERT_MEM_EQ(p, q, n)                                                                     \
    harness_memory(p, q, n, HARNESS_AT("ASSERT_MEM_EQ", #p ", " #q ", " #n, true))

/* Leave the test: this machine cannot show what it is about. Not after a failure. */
#define SKIP(reason) harness_skip(reason)

/* A line of its own in the log, such as the case that a loop has come to. */
#define TEST_NOTE(...) harness_note(__VA_ARGS__)

/* What the test holds by now is not a leak: a cache that lives as long as the image. */
#define TEST_KEEPS(why) harness_keeps(why)

/*
 * In debug builds the ledger (descriptors/ledger) watches who owns which bytes, and a report of its
 * fails the test. One that makes such a mistake on purpose says so before: EXPECTS_REPORT(10) for
 * L10, which must come then, once or more. Release builds have no ledger: it says nothing there.
 */
#define EXPECTS_REPORT(rule) harness_expect_report(rule)

/*
 * BALANCE(name, count): compare count() as well, a uint64_t function that says
 * how much of something is held. It may be called at any time and holds nothing.
 */
#define BALANCE(name, count)                                                                       \
    static __attribute__((constructor)) void harness_balance_##name(void)                          \
    {                                                                                              \
        static struct harness_balance balance = {#name, count, 0, NULL};                           \
        harness_balance_add(&balance);                                                             \
    }

/* Behind the macros ------------------------------------------------------- */

/* gcc puts static variables out in reverse order unless told not to; clang does not know the word.
 */
#if __has_attribute(no_reorder)
#define HARNESS_IN_ORDER __attribute__((no_reorder))
#else
#define HARNESS_IN_ORDER
#endif

struct harness_test {
    const char *name;
    void (*run)(void);
};

struct harness_place {
    const char *macro, *arguments, *file;
    int line;
    bool fatal; /* an ASSERT_ */
};

#define HARNESS_AT(macro, arguments, fatal)                                                        \
    (&(const struct harness_place){macro, arguments, __FILE__, __LINE__, fatal})

struct harness_value {
    uint64_t bits; /* sign-extended */
    bool is_signed;
};

#define HARNESS_VALUE(x)                                                                           \
    ((struct harness_value){(uint64_t)(x), _Generic((x), signed char                               \
                                                    : true, short                                  \
                                                    : true, int                                    \
                                                    : true, long                                   \
                                                    : true, long long                              \
                                                    : true, float                                  \
                                                    : (void)0, double                              \
                                                    : (void)0, default                             \
                                                    : false)})

enum harness_relation {
    HARNESS_EQ,
    HARNESS_NE,
    HARNESS_LT,
    HARNESS_LE,
    HARNESS_GT,
    HARNESS_GE
};

#define HARNESS_COMPARE(a, relation, b, place)                                                     \
    harness_compare(HARNESS_VALUE(a), relation, HARNESS_VALUE(b), place)

struct harness_balance {
    const char *name;
    uint64_t (*count)(void);
    uint64_t before; /* the harness' own */
    struct harness_balance *next;
};

void harness_compare(struct harness_value a, enum harness_relation relation, struct harness_value b,
                     const struct harness_place *place);
void harness_true(bool value, bool expected, const struct harness_place *place);
void harness_string(const char *a, const char *b, const struct harness_place *place);
void harness_memory(const void *a, const void *b, size_t size, const struct harness_place *place);
__attribute__((noreturn)) void harness_skip(const char *reason);
void harness_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define harness_note(...) (KPRINT_NO_FLOATS(__VA_ARGS__), harness_note(__VA_ARGS__))
void harness_keeps(const char *why);
void harness_expect_report(unsigned rule);
void harness_balance_add(struct harness_balance *balance);

#endif
