/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kernel status is called above the platform seam. The same status means
 * different things to different callers: a page that cannot be had is one error where
 * memory shall be pinned and another where a new object is made. So each caller
 * says what it was doing, and the words for all of them are in one table.
 */
#ifndef DESCRIPTORS_IORETURN_KERNEL_H
#define DESCRIPTORS_IORETURN_KERNEL_H

#include "descriptors/IOReturn.h"
#include "kernel/kern_return.h"

enum IOReturnDoing {
    kIOReturnDoingOther,   /* nothing that the table knows more of */
    kIOReturnDoingPrepare, /* pinning the memory of a descriptor */
    kIOReturnDoingPin,     /* pinning what a map shows */
    kIOReturnDoingMake,    /* having room for something new: memory, objects, ranges of a space */
    kIOReturnDoingReach,   /* making bytes resident that the CPU will touch */
    kIOReturnDoingShow     /* entering a mapping in an address space */
};

/* A kernel status as the public functions give it: they never show one as it is. */
IOReturn IOReturn_fromKernel(kern_return_t status, enum IOReturnDoing doing);

#endif
