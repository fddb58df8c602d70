/* SPDX-License-Identifier: BSD-2-Clause */
/* main returns a status with text still in stdio's buffer and an atexit function to run. */
#include <stdio.h>
#include <stdlib.h>

static void goodbye(void)
{
    printf(" and atexit ran");
}

int main(void)
{
    static char buffer[256];

    if (atexit(goodbye) != 0 || setvbuf(stdout, buffer, _IOFBF, sizeof(buffer)) != 0) {
        return 1;
    }
    printf("buffered text without a newline");
    return 42;
}
