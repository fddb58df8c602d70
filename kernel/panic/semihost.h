/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arm semihosting (specification version 3): requests to QEMU itself. It can
 * write any host file and run host commands, so it is enabled in test runs
 * only; every caller must cope with its absence. Any context.
 */
#ifndef KERNEL_SEMIHOST_H
#define KERNEL_SEMIHOST_H

#include "kernel/types.h"

#define SEMIHOST_OPEN          0x01 /* block: name, mode, length of name; result: handle or -1 */
#define SEMIHOST_CLOSE         0x02 /* block: handle */
#define SEMIHOST_WRITE         0x05 /* block: handle, buffer, bytes; result: bytes NOT written */
#define SEMIHOST_READ          0x06 /* block: handle, buffer, bytes; result: bytes NOT read */
#define SEMIHOST_ISTTY         0x09 /* block: handle; result: 1 is interactive */
#define SEMIHOST_SEEK          0x0a /* block: handle, absolute position */
#define SEMIHOST_FLEN          0x0c /* block: handle; result: length */
#define SEMIHOST_REMOVE        0x0e /* block: name, length of name; result: 0 or not */
#define SEMIHOST_RENAME        0x0f /* block: name, its length, new name, its length; result: 0 */
#define SEMIHOST_SYSTEM        0x12 /* block: command, its length; result: its status */
#define SEMIHOST_ERRNO         0x13 /* result: errno of the last failure */
#define SEMIHOST_EXIT_EXTENDED 0x20 /* block: reason, status */

#define SEMIHOST_REASON_EXIT 0x20026 /* ADP_Stopped_ApplicationExit */

/* Result of the operation, -1 if it failed or there is no semihosting. block: 64-bit words. */
int64_t semihost_call(unsigned operation, void *block);

struct exception_frame;

/* For exception.c: the frame is that of a semihosting trap that nobody took; make it return -1. */
bool semihost_trapped(struct exception_frame *frame);

#endif
