/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/psci.h"

#include <libfdt.h>
#include <string.h>

#include "kernel/devicetree.h"

#define PSCI_SYSTEM_OFF 0x84000008u

/* The wrong conduit is an undefined instruction, or hangs in an empty EL3: only the tree knows. */
void psci_system_off(void)
{
    register uint64_t function __asm__("x0") = PSCI_SYSTEM_OFF;
    int node = devicetree_next_compatible(-1, "arm,psci-0.2");

    if (node < 0) {
        return;
    }
    const char *method = fdt_getprop(devicetree(), node, "method", NULL);
    if (method != NULL && strcmp(method, "hvc") == 0) {
        __asm__ volatile("hvc #0" : "+r"(function) : : "memory");
    } else if (method != NULL && strcmp(method, "smc") == 0) {
        __asm__ volatile("smc #0" : "+r"(function) : : "memory");
    }
}
