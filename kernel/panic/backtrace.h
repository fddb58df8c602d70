/* SPDX-License-Identifier: BSD-2-Clause */
/* Who called whom, from the frame records that -fno-omit-frame-pointer keeps. */
#ifndef KERNEL_BACKTRACE_H
#define KERNEL_BACKTRACE_H

#include "kernel/types.h"

/*
 * Print a line "  [<address>]" for pc and for each call that led there,
 * innermost first; qemu/ turns them into function and line. pc, link, frame: PC, x30 and x29 of the
 * context (link may be 0). Never faults, whatever they are. Any context.
 */
void backtrace_print(vaddr_t pc, vaddr_t link, vaddr_t frame);

#endif
