/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's status codes. Names and values are Mach's, because the
 * descriptor classes are specified in their terms; the descriptors translate them to IOReturn
 * before a driver sees one. Freestanding.
 */
#ifndef KERNEL_KERN_RETURN_H
#define KERNEL_KERN_RETURN_H

#include <stdint.h>

/* The status of a kernel function. 0 is success. */
typedef int32_t kern_return_t;

/* The statuses, with Mach's numbers. */
#define KERN_SUCCESS            0
#define KERN_INVALID_ADDRESS    1 /* not mapped, or outside what the callee manages */
#define KERN_PROTECTION_FAILURE 2 /* mapped, but the access is not allowed */
#define KERN_NO_SPACE           3 /* the address range is taken or the space is full */
#define KERN_INVALID_ARGUMENT   4 /* misaligned, zero, wrapping, unknown flag */
#define KERN_FAILURE            5 /* the object's state does not allow it (double free) */
#define KERN_RESOURCE_SHORTAGE  6 /* out of pages or heap */
#define KERN_NO_ACCESS          8
#define KERN_MEMORY_ERROR       10 /* a page could not be supplied */
#define KERN_ABORTED            14
#define KERN_NOT_SUPPORTED      46

#endif
