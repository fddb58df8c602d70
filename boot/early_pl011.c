/* SPDX-License-Identifier: BSD-2-Clause */
/* The UART before there is a driver: polled, at its fixed address, with the MMU on or off. */
#include "boot/early_pl011.h"

#include "boot/mmio.h"

void pl011_write(uintptr_t base, const char *text, size_t length)
{
    /* Each time: nobody has set it up, and whoever dies first must be heard. */
    mmio_write32((volatile void *)base, PL011_CR, PL011_CR_ON);
    for (size_t i = 0; i < length; i++) {
        /* Not bounded: the FIFO drains by itself, and there is nobody else to tell. */
        while ((mmio_read32((volatile void *)base, PL011_FR) & PL011_FR_TXFF) != 0) {
        }
        mmio_write32((volatile void *)base, PL011_DR, (unsigned char)text[i]);
    }
}
