/* SPDX-License-Identifier: BSD-2-Clause */
/* Destructors of static C++ objects: without a libc there is no exit that would run them. */
int __cxa_atexit(void (*destroy)(void *), void *object, void *shared);
int __cxa_atexit(void (*destroy)(void *), void *object, void *shared)
{
    (void)destroy;
    (void)object;
    (void)shared;
    return 0;
}
