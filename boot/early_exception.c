/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of an image that could not start: raw values, as there is nobody to decode them yet. */
#include "boot/early.h"
#include "boot/early_pl011.h"

static void put(const char *text)
{
    for (; *text != '\0'; text++) {
        pl011_write(EARLY_PL011, text, 1);
    }
}

static void put_hex(const char *name, uint64_t value)
{
    char digits[16];

    for (unsigned i = 0; i < sizeof(digits); i++) {
        unsigned digit = value >> (60 - 4 * i) & 0xf;
        digits[i] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
    }
    put(name);
    pl011_write(EARLY_PL011, digits, sizeof(digits));
}

_Noreturn void early_fatal(const char *message)
{
    put(message);
    put("\n");
    early_end();
}

_Noreturn void early_exception(uint64_t esr, uint64_t elr, uint64_t far, uint64_t level)
{
    char end[] = {' ', 'E', 'L', (char)('0' + level), '\n', '\0'};

    put_hex("boot: exception before the kernel is up: ESR 0x", esr);
    put_hex(" ELR 0x", elr);
    put_hex(" FAR 0x", far);
    put(end);
    early_end();
}
