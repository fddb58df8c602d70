/* SPDX-License-Identifier: BSD-2-Clause */
/* In every host program: TEST_NAME in the environment selects tests by a part of their name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NAME_SIZE 128

/* cmocka keeps the pointer. */
static char pattern[NAME_SIZE + 2];

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
