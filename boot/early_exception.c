/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of an image that could not start: raw values, as there is nobody to decode them yet. */
#include "boot/early.h"
#include "boot/early_pl011.h"
#include "boot/vectors.h"

/* In .data: .bss has no content yet. */
static unsigned failures __attribute__((section(".data.early_failures")));

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

/* Without semihosting the HLT is an exception in its turn: it comes back here and sleeps. */
static _Noreturn void early_exit(void)
{
    /*
     * Volatile: the host reads it behind the compiler's back, which sees a store that nobody uses.
     */
    volatile uint64_t block[2] = {ADP_APPLICATION_EXIT, EXIT_STATUS_EARLY_FAILED};

    if (failures++ == 0) {
        register uint64_t operation __asm__("x0") = SYS_EXIT_EXTENDED;
        register volatile uint64_t *argument __asm__("x1") = block;
        __asm__ volatile("hlt #0xf000" : "+r"(operation) : "r"(argument) : "memory");
    }
    /* There is no way back: what called has ended, and interrupts are masked. */
    for (;;) {
        __asm__ volatile("wfi");
    }
}

_Noreturn void early_fatal(const char *message)
{
    put(message);
    put("\n");
    early_exit();
}

_Noreturn void early_exception(uint64_t esr, uint64_t elr, uint64_t far, uint64_t level)
{
    /*
     * A second exception comes from the report itself: the UART is not there, or its page is not.
     */
    if (failures == 0) {
        put_hex("boot: exception before the kernel is up: ESR 0x", esr);
        put_hex(" ELR 0x", elr);
        put_hex(" FAR 0x", far);
        char end[] = {' ', 'E', 'L', (char)('0' + level), '\n', '\0'};
        put(end);
    }
    early_exit();
}
