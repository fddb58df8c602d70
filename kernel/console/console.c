/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the console's text goes at the moment. */
#include "kernel/console.h"

#include "boot/early_pl011.h"
#include "kernel/direct_map.h"

static struct console *current; /* NULL: the UART at its fixed address, mapped by boot */

struct console *console_register(struct console *console)
{
    /* Handed back, so that who takes the console for a while can put it back. */
    struct console *before = current;

    current = console;
    return before;
}

void console_write(const char *text, size_t length)
{
    /* A panic may come before any driver: boot has mapped the UART for that. */
    if (current != NULL) {
        current->write(current, text, length);
    } else {
        pl011_write((uintptr_t)phys_to_virt(paddr(EARLY_PL011)), text, length);
    }
}

int console_read(void)
{
    return current != NULL ? current->read(current) : -1;
}
