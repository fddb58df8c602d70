/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In every host program: TEST_NAME in the environment selects tests by a part of their name, and
 * refusals are not explained.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/IOReturn.h"

#define NAME_SIZE 128

/* cmocka keeps the pointer. */
static char pattern[NAME_SIZE + 2];

/* Tests ask for refusals by the thousand; the one that wants to hear them says so. */
static void not_now(const char *function, const char *format, va_list arguments)
{
    (void)function, (void)format, (void)arguments;
}

/* Weak: a program without the classes has none. */
extern __typeof__(IOReturn_listenToRefusals) IOReturn_listenToRefusals __attribute__((weak));

__attribute__((constructor)) static void be_quiet(void)
{
    if (IOReturn_listenToRefusals != NULL) {
        IOReturn_listenToRefusals(not_now);
    }
}

__attribute__((constructor)) static void select_tests(void)
{
    const char *name = getenv("TEST_NAME");

    if (name == NULL || name[0] == '\0') {
        return;
    }
    if (snprintf(pattern, sizeof(pattern), "*%s*", name) >= (int)sizeof(pattern)) {
        fprintf(stderr, "TEST_NAME is longer than %d characters\n", NAME_SIZE - 1);
        exit(EXIT_FAILURE);
    }
    cmocka_set_test_filter(pattern);
}
