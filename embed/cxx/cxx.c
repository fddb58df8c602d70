/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What C++ compilers ask of a system (Itanium C++ ABI), for programs without a C++
 * library: new and delete, static objects, pure virtual functions. No exceptions and no
 * RTTI. Weak: a program may bring its own, or link a real library.
 */
#include <stddef.h>
#include <stdint.h>

#include "kernel/heap.h"
#include "kernel/panic.h"

#define WEAK __attribute__((weak))

/* new cannot fail: there is no exception that could say so. */
static void *checked(void *block, size_t size)
{
    if (block == NULL) {
        panic("operator new: no memory for %zu bytes", size);
    }
    return block;
}

/* Blocks of no bytes are distinct as well. */
static void *allocate(size_t size)
{
    return checked(heap_alloc(size != 0 ? size : 1), size);
}

static void *allocate_aligned(size_t size, size_t alignment)
{
    return checked(heap_alloc_aligned(size != 0 ? size : 1, alignment), size);
}

/* The operators: n(ew) or d(e)l(ete), w for one and a for [], m for a size, P for a block. */
#define NEW(name)                                                                                  \
    void *name(size_t size);                                                                       \
    WEAK void *name(size_t size)                                                                   \
    {                                                                                              \
        return allocate(size);                                                                     \
    }
#define NEW_ALIGNED(name)                                                                          \
    void *name(size_t size, size_t alignment);                                                     \
    WEAK void *name(size_t size, size_t alignment)                                                 \
    {                                                                                              \
        return allocate_aligned(size, alignment);                                                  \
    }
/* What else they are told, size and alignment, the heap knows. */
#define DELETE(name)                                                                               \
    void name(void *block);                                                                        \
    WEAK void name(void *block)                                                                    \
    {                                                                                              \
        heap_free(block);                                                                          \
    }

NEW(_Znwm)
NEW(_Znam)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm)
DELETE(_ZdaPvm)
DELETE(_ZdlPvSt11align_val_t)
DELETE(_ZdaPvSt11align_val_t)
DELETE(_ZdlPvmSt11align_val_t)
DELETE(_ZdaPvmSt11align_val_t)

_Noreturn void __cxa_pure_virtual(void);
WEAK _Noreturn void __cxa_pure_virtual(void)
{
    panic("a pure virtual function was called");
}

/* Which object of shared ones a destructor belongs to: there is one. */
extern void *__dso_handle;
WEAK void *__dso_handle = &__dso_handle;

/*
 * A static object of a function is made by whoever comes first; byte 0 says that it is
 * there, byte 1 that it is being made. There are no threads: who comes meanwhile comes from
 * its own constructor, or from a handler that has interrupted it.
 */
int __cxa_guard_acquire(uint8_t *guard);
WEAK int __cxa_guard_acquire(uint8_t *guard)
{
    if (__atomic_load_n(&guard[0], __ATOMIC_ACQUIRE) != 0) {
        return 0;
    }
    if (guard[1] != 0) {
        panic("a static object needs itself to be made");
    }
    guard[1] = 1;
    return 1;
}

void __cxa_guard_release(uint8_t *guard);
WEAK void __cxa_guard_release(uint8_t *guard)
{
    guard[1] = 0;
    __atomic_store_n(&guard[0], 1, __ATOMIC_RELEASE);
}

void __cxa_guard_abort(uint8_t *guard);
WEAK void __cxa_guard_abort(uint8_t *guard)
{
    guard[1] = 0;
}
