/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of an image: first semihosting, which carries a status, then PSCI. */
#include "kernel/exit.h"

#include "kernel/console.h"
#include "kernel/panic/psci.h"
#include "kernel/panic/semihost.h"

_Noreturn void kernel_exit(int status)
{
    /* No handler any more: it could start what the end of the image would cut off. */
    __asm__ volatile("msr daifset, #15");
    /* The host keeps the lowest eight bits: 256 would be a pass. */
    if (status < 0 || status > EXIT_STATUS_MAX) {
        kprintf("\nexit status %d is none of 0 to %d: a failure\n", status, EXIT_STATUS_MAX);
        status = EXIT_STATUS_FAILED;
    }

    uint64_t block[2] = {SEMIHOST_REASON_EXIT, (uint64_t)status};

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
