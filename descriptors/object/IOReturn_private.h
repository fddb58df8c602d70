/* SPDX-License-Identifier: BSD-2-Clause */
/* How the classes report failures; see IOReturn.h. */
#ifndef DESCRIPTORS_IORETURN_PRIVATE_H
#define DESCRIPTORS_IORETURN_PRIVATE_H

#include "descriptors/IOReturn.h"
#include "kernel/kern_return.h"

/* Make `reason` the last error and return it. */
IOReturn IOMemory_fail(IOReturn reason);

/* A kernel status as the public functions give it: they never show one as it is. */
IOReturn IOReturn_fromKernel(kern_return_t status);

#endif
