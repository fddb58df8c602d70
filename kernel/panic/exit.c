/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of an image: first semihosting, which carries a status, then PSCI. */
#include "kernel/exit.h"

#include "kernel/console.h"
#include "kernel/panic/psci.h"
#include "kernel/panic/semihost.h"

_Noreturn void kernel_exit(int status)
{
    uint64_t block[2] = {SEMIHOST_REASON_EXIT, (uint64_t)status};

    __asm__ volatile("msr daifset, #15");
    /*
     * Semihosting first, since PSCI has no status to give; it comes back where the host has none.
     */
    semihost_call(SEMIHOST_EXIT_EXTENDED, block);
    kprintf("exit status %d\n", status);
    psci_system_off();
    /* PSCI may be missing or refuse: then the machine stays, asleep, with everything said. */
    for (;;) {
        __asm__ volatile("wfi");
    }
}
