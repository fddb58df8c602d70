/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel status is called above the platform seam. */
#ifndef DESCRIPTORS_IORETURN_KERNEL_H
#define DESCRIPTORS_IORETURN_KERNEL_H

#include "descriptors/IOReturn.h"
#include "kernel/kern_return.h"

/* A kernel status as the public functions give it: they never show one as it is. */
IOReturn IOReturn_fromKernel(kern_return_t status);

#endif
