/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending through a PL011 UART (Arm DDI 0183): all the output there is before a
 * driver has the device, and what the driver sends with.
 */
#ifndef BOOT_EARLY_PL011_H
#define BOOT_EARLY_PL011_H

#define EARLY_PL011 0x09000000 /* physical address of the `virt` machine's UART; one page */

/* Byte offsets of 32-bit registers. */
#define PL011_DR 0x00
#define PL011_FR 0x18
#define PL011_CR 0x30

#define PL011_FR_RXFE (1 << 4) /* nothing received */
#define PL011_FR_TXFF (1 << 5) /* no room to send */
#define PL011_CR_ON   0x301    /* UARTEN, TXE, RXE */

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

/* Enable the UART and send text, blocking until taken. base: where its registers are mapped. */
void pl011_write(uintptr_t base, const char *text, size_t length);

#endif
#endif
