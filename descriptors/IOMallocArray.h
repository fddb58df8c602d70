/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Typed allocation of arrays and of single objects, over IOMalloc.h, which includes
 * this file. A size that overflows is one that every allocation refuses, so the
 * answer is NULL and never a short array.
 *
 * The forms of three arguments put a header in front of the array:
 *
 *     struct list *list = IONewZero(struct list, struct entry, count);
 *     IODelete(list, struct list, struct entry, count);
 *
 * Context and errors are those of the functions behind the macros.
 */
#ifndef DESCRIPTORS_IOMALLOCARRAY_H
#define DESCRIPTORS_IOMALLOCARRAY_H

#include "descriptors/IOTypes.h"

/* hdr + elem * count bytes, or 2^63 if that overflows or has its top bit set. Any context. */
static inline vm_size_t IOMallocArraySize(vm_size_t hdr, vm_size_t elem, vm_size_t count)
{
    vm_size_t size;

    if (__builtin_mul_overflow(elem, count, &size) || __builtin_add_overflow(hdr, size, &size) ||
        size >> 63 != 0) {
        return (vm_size_t)1 << 63;
    }
    return size;
}

/* IONew(type, count) or IONew(header_type, element_type, count): not zeroed, general. */
#define IONew(...) IOARRAY_NEW(IOMalloc, __VA_ARGS__)

/* As IONew, zeroed. */
#define IONewZero(...) IOARRAY_NEW(IOMallocZero, __VA_ARGS__)

/* IODelete(pointer, type, count) or (pointer, header_type, element_type, count). */
#define IODelete(pointer, ...) IOFree((pointer), IOARRAY_SIZE(__VA_ARGS__))

/* As IODelete; sets the pointer, a variable, to NULL. */
#define IOSafeDeleteNULL(pointer, ...)                                                             \
    do {                                                                                           \
        IODelete(pointer, __VA_ARGS__);                                                            \
        (pointer) = NULL;                                                                          \
    } while (0)

/* The same from the data heap. */
#define IONewData(...)             IOARRAY_NEW(IOMallocData, __VA_ARGS__)
#define IONewZeroData(...)         IOARRAY_NEW(IOMallocZeroData, __VA_ARGS__)
#define IODeleteData(pointer, ...) IOFreeData((pointer), IOARRAY_SIZE(__VA_ARGS__))

/* One object of a type, zeroed, general; NULL without memory. */
#define IOMallocType(type) ((type *)IOMallocZero(sizeof(type)))

/* Free an object of IOMallocType. */
#define IOFreeType(pointer, type) IOFree((pointer), sizeof(type))

/* Behind the macros: (type, count) or (header_type, element_type, count). */
#define IOARRAY_NEW(function, first, ...) ((first *)function(IOARRAY_SIZE(first, __VA_ARGS__)))
#define IOARRAY_SIZE(...)                 IOARRAY_PICK(__VA_ARGS__, IOARRAY_SIZE_3, IOARRAY_SIZE_2)(__VA_ARGS__)
#define IOARRAY_SIZE_2(type, count)       IOMallocArraySize(0, sizeof(type), (count))
#define IOARRAY_SIZE_3(header, element, count)                                                     \
    IOMallocArraySize(sizeof(header), sizeof(element), (count))
#define IOARRAY_PICK(a, b, c, pick, ...) pick

#endif
