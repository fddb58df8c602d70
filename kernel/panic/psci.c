/* SPDX-License-Identifier: BSD-2-Clause */
/* Firmware calls by the conduit that the device tree names (Arm DEN0022, PSCI). */
#include "kernel/panic/psci.h"

#include <libfdt.h>
#include <string.h>

#include "kernel/devicetree.h"

#define PSCI_SYSTEM_OFF 0x84000008u

/* SMC Calling Convention: the function in w0; SYSTEM_OFF takes nothing else and does not return. */
#define PSCI_CALL(conduit, function)                                                               \
    __asm__ volatile("mov w0, %w0\n\t" conduit " #0"                                               \
                     :                                                                             \
                     : "r"(function)                                                               \
                     : "x0", "x1", "x2", "x3", "memory")

/* The wrong conduit is an undefined instruction, or hangs in an empty EL3: only the tree knows. */
void psci_system_off(void)
{
    int node = devicetree_next_compatible(-1, "arm,psci-0.2");

    if (node < 0) {
        return;
    }
    const char *method = fdt_getprop(devicetree(), node, "method", NULL);
    if (method != NULL && strcmp(method, "hvc") == 0) {
        PSCI_CALL("hvc", PSCI_SYSTEM_OFF);
    } else if (method != NULL && strcmp(method, "smc") == 0) {
        PSCI_CALL("smc", PSCI_SYSTEM_OFF);
    }
}
