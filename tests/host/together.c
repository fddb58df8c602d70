/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All programs of a room in one, of which the first argument names that to be run: `make mutate`
 * links this once where it would link each of them. A program's main is main_of_NAME here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char name[100];
    int (*program)(void);

    snprintf(name, sizeof(name), "main_of_%s", argc == 2 ? argv[1] : "");
    program = (int (*)(void))dlsym(RTLD_DEFAULT, name);
    if (program == NULL) {
        fprintf(stderr, "usage: %s NAME, of a X_test.c: X_test\n", argv[0]);
        return 2;
    }
    return program();
}
