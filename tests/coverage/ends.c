/* SPDX-License-Identifier: BSD-2-Clause */
/* A host test that dies on purpose, in a child of its own, leaves its counts all the same. */
#include <stdlib.h>
#include <unistd.h>

void __gcov_dump(void);
void __real_abort(void) __attribute__((noreturn));
void __real__exit(int status) __attribute__((noreturn));
void __wrap_abort(void) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));

void __wrap_abort(void)
{
    __gcov_dump();
    __real_abort();
}

void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}
