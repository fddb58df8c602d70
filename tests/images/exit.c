/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an image ends: with text in stdio's buffer, atexit functions and destructors to run.
 * Boot argument exit=STATUS, the status that main returns (42); exit=call:STATUS, what it
 * calls exit with, deep in another function.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/options.h"

static void goodbye(void)
{
    printf(" and atexit ran");
}

static void goodbye_first(void)
{
    printf(", the last first");
}

__attribute__((destructor(200))) static void destroy_last(void)
{
    printf(", then by priority");
}

__attribute__((destructor(300))) static void destroy_before(void)
{
    printf(", then this");
}

__attribute__((destructor)) static void destroy(void)
{
    printf(", then destructors");
}

OPTION(exit, "exit", "STATUS", "what main returns; call:STATUS: what it calls exit with");
PROGRAM("exit", "how an image with a libc ends");

int main(void)
{
    static char buffer[256];
    const char *wanted = option_value("exit");

    if (atexit(goodbye) != 0 || atexit(goodbye_first) != 0 ||
        setvbuf(stdout, buffer, _IOFBF, sizeof(buffer)) != 0) {
        return 1;
    }
    if (wanted == NULL) {
        wanted = "42";
    }
    printf("buffered text without a newline");
    if (strncmp(wanted, "call:", 5) == 0) {
        exit(atoi(wanted + 5));
    }
    return atoi(wanted);
}
