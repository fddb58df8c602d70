/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console on an Arm PL011 UART. It takes the UART that /chosen/stdout-path
 * names, else the first one that is not disabled; with another kind of UART, or
 * none, the image keeps the output of boot.
 */
#include <libfdt.h>
#include <string.h>

#include "boot/early_pl011.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/init.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"

/*
 * The node also says "arm,primecell", which every peripheral of that family does: only this one
 * names the registers used here.
 */
#define COMPATIBLE "arm,pl011"

struct pl011 {
    struct console console;
    volatile void *registers;
};

static void uart_write(struct console *console, const char *text, size_t length)
{
    struct pl011 *self = (struct pl011 *)console;

    pl011_write((uintptr_t)self->registers, text, length);
}

static int uart_read(struct console *console)
{
    struct pl011 *self = (struct pl011 *)console;

    /*
     * The flag before the data: reading UARTDR takes a character out of the FIFO, and from an empty
     * one it gives a value that means nothing (DDI 0183, UARTFR).
     */
    if ((mmio_read32(self->registers, PL011_FR) & PL011_FR_RXFE) != 0) {
        return -1;
    }
    /*
     * Bits 11:8 say what went wrong on the line with this character (UARTDR). Dropped: a reader of
     * text could do nothing about it, and 0 to 255 tells from -1.
     */
    return (int)(mmio_read32(self->registers, PL011_DR) & 0xff);
}

/* Is it the node that ends this path? One comparison; to resolve a path is a walk over the tree. */
static bool is_last_of_path(int node, const char *path)
{
    int length = 0;
    const char *name = fdt_get_name(devicetree(), node, &length);
    size_t end = strcspn(path, ":"); /* options follow */

    /*
     * With the slash before it, for a longer name may end in the same characters. The unit address
     * in the name tells one UART from another.
     */
    return name != NULL && end > (size_t)length && path[end - (size_t)length - 1] == '/' &&
           memcmp(path + end - length, name, (size_t)length) == 0;
}

static int console_node(void)
{
    int first = devicetree_next_compatible(-1, COMPATIBLE);
    int node = first;

    /*
     * Among the UARTs that this driver can drive: a stdout-path to another kind matches none of
     * them.
     */
    while (node >= 0 && !is_last_of_path(node, devicetree_stdout_path())) {
        node = devicetree_next_compatible(node, COMPATIBLE);
    }
    return node >= 0 ? node : first;
}

static void pl011_probe(void)
{
    /*
     * Static: the console keeps the pointer for good, and a panic uses it when no heap can be
     * trusted.
     */
    static struct pl011 uart = {.console = {.write = uart_write, .read = uart_read}};
    struct devicetree_range range;
    int node = console_node();

    if (node < 0 || devicetree_reg(node, 0, &range) != KERN_SUCCESS) {
        return;
    }
    uart.registers = mmu_map_device(range.base, range.size);
    if (uart.registers == NULL) {
        kprintf("pl011: its registers at 0x%llx cannot be mapped\n",
                (unsigned long long)range.base.value);
        return;
    }
    /*
     * Here too, though every write does it: with RXE clear nothing is received, and a program may
     * read before anything is written. Speed and format stay as they are: a virtual line has none.
     */
    mmio_write32(uart.registers, PL011_CR, PL011_CR_ON);
    console_register(&uart.console);
}

INITIALISER(INIT_CONSOLE, pl011_probe);
