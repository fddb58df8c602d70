/* SPDX-License-Identifier: BSD-2-Clause */
/* The start of EL2: memory in order, traps on, and words for a fault of its own. */
#include "boot/early_pl011.h"
#include "boot/el2/el2_private.h"
#include "boot/mmio.h"

#define HCR_VM  (1ull << 0) /* stage 2 */
#define HCR_FMO (1ull << 3) /* FIQs come here: the timer's; IRQs stay EL1's */

#define PSCI_SYSTEM_OFF 0x84000008ull /* the conduit of a machine with EL2 is SMC */
#define SEMIHOST_EXIT   0x20ull
#define STOPPED         0x20026ull /* ADP_Stopped_ApplicationExit */
#define STATUS          3ull       /* that of an image that died early */

/* By el2_vectors.S, MMU off. */
void el2_start(unsigned gic_v3);

/* Whoever loaded us may have left anything there. volatile: or it would be a call of memset. */
static void clear_bss(void)
{
    for (volatile uint64_t *at = (uint64_t *)__monitor_bss_start;
         at < (uint64_t *)__monitor_bss_end; at++) {
        *at = 0;
    }
}

void el2_start(unsigned gic_v3)
{
    clear_bss();
    el2_tables_init();
    /* Nobody reads or writes what is EL2's; QEMU's own devices do not see stage 2 and still could.
     */
    el2_allow((uint64_t)__monitor_base, (uint64_t)(__monitor_end - __monitor_base), 0);
    el2_write("vbar_el2", el2_vectors);
    el2_timer_init(gic_v3 != 0);
    el2_main();
    el2_route();
}

void el2_route(void)
{
    el2_write("hcr_el2", el2_read("hcr_el2") | HCR_VM | HCR_FMO);
    __asm__ volatile("isb");
}

void el2_put(const char *text)
{
    for (; *text != '\0'; text++) {
        mmio_write8((volatile void *)(uintptr_t)EARLY_PL011, 0, (uint8_t)*text);
    }
}

static void put_number(uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4) {
        const char digit[2] = {"0123456789abcdef"[value >> shift & 0xf], '\0'};

        el2_put(digit);
    }
}

static void say(const char *what, const char *before, uint64_t value, const char *behind)
{
    el2_put("el2: ");
    el2_put(what);
    el2_put(before);
    put_number(value);
    el2_put(behind);
}

void el2_say_code(const char *what, uint64_t pc)
{
    say(what, " [<", pc, ">]\n");
}

static bool dying, asleep;

static void exit_by_semihosting(void)
{
    const uint64_t block[2] = {STOPPED, STATUS};
    register uint64_t operation __asm__("x0") = SEMIHOST_EXIT;
    register const uint64_t *argument __asm__("x1") = block;

    __asm__ volatile("hlt #0xf000" : "+r"(operation) : "r"(argument) : "memory");
}

static void power_off(void)
{
    register uint64_t function __asm__("x0") = PSCI_SYSTEM_OFF;

    __asm__ volatile("smc #0" : "+r"(function) : : "x1", "x2", "x3", "memory");
}

/*
 * Where nobody listens to semihosting, its instruction is one more exception, which comes here
 * again: then the firmware ends the machine, or nobody does.
 */
_Noreturn void el2_exit(void)
{
    if (!dying) {
        dying = true;
        exit_by_semihosting();
    } else if (!asleep) {
        asleep = true;
        power_off();
    }
    for (;;) { /* asleep for good, rather than doing harm */
        __asm__ volatile("wfi");
    }
}

_Noreturn void el2_fatal(const char *what, uint64_t value)
{
    if (!dying) {
        say(what, " ", value, "\n");
    }
    el2_exit();
}

/* By el2_vectors.S. */
_Noreturn void el2_unexpected(uint64_t esr, uint64_t elr);
_Noreturn void el2_unexpected(uint64_t esr, uint64_t elr)
{
    if (!dying) {
        el2_put("el2: exception, syndrome ");
        put_number(esr);
        el2_put("\n");
    }
    el2_fatal("at", elr);
}
