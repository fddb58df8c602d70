/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 of the `virt` machine at its fixed address: all there is before a device tree is read. */
#ifndef BOOT_EARLY_UART_H
#define BOOT_EARLY_UART_H

#include <stddef.h>
#include <stdint.h>

#define EARLY_UART 0x09000000UL /* physical address; one page */

/* Send text; blocks until taken. base: where the UART is mapped now. */
void early_uart_write(uintptr_t base, const char *text, size_t length);

/* Before the MMU is on: print a line and exit with EXIT_STATUS_PANIC. */
_Noreturn void early_fatal(const char *message);

#endif
