/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/early_uart.h"

/* PL011 Technical Reference Manual, 3.2: byte offsets of 32-bit registers. */
#define UARTDR 0x00
#define UARTFR 0x18
#define UARTCR 0x30

#define UARTFR_TXFF   (1u << 5) /* transmit FIFO full */
#define UARTCR_ENABLE 0x301u    /* UARTEN, TXE, RXE */

static volatile uint32_t *uart_register(uintptr_t base, unsigned offset)
{
    return (volatile uint32_t *)(base + offset);
}

void early_uart_write(uintptr_t base, const char *text, size_t length)
{
    *uart_register(base, UARTCR) = UARTCR_ENABLE;
    for (size_t i = 0; i < length; i++) {
        while ((*uart_register(base, UARTFR) & UARTFR_TXFF) != 0) {
        }
        *uart_register(base, UARTDR) = (unsigned char)text[i];
    }
}
