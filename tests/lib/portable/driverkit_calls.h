/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DriverKit's methods by their stubs, called in the kernel on behalf of a driver's task: what
 * succeeds, and each refusal. On the host and on the target.
 */
#ifndef TESTS_LIB_PORTABLE_DRIVERKIT_CALLS_H
#define TESTS_LIB_PORTABLE_DRIVERKIT_CALLS_H

#include "descriptors/IODriverKit.h"

/* The line of this file's source whose call answered something else; 0: none did. */
unsigned driverkit_calls(task_t task, IOService *device);

#endif
