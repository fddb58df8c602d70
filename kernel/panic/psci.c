/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI: which instruction reaches the firmware is learned once, while the tree can be trusted. */
#include "kernel/panic/psci.h"

#include <libfdt.h>
#include <string.h>

#include "kernel/devicetree.h"
#include "kernel/startup.h"

#define PSCI_SYSTEM_OFF 0x84000008u

/*
 * SMC Calling Convention (Arm DEN 0028): the function is in w0; x4 to x17 too may come
 * back changed (version 1.0), and SYSTEM_OFF comes back only where it is refused.
 */
#define PSCI_CALL(conduit, function)                                                               \
    ({                                                                                             \
        register uint64_t x0_ __asm__("x0") = (function);                                          \
        __asm__ volatile(conduit " #0"                                                             \
                         : "+r"(x0_)                                                               \
                         :                                                                         \
                         : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",     \
                           "x12", "x13", "x14", "x15", "x16", "x17", "memory");                    \
    })

/*
 * The wrong conduit is an undefined instruction, or hangs in an empty EL3, so only the
 * tree's word counts. Kept here because a dying image must not read a tree any more.
 */
static enum {
    PSCI_NONE,
    PSCI_HVC,
    PSCI_SMC
} conduit;

void psci_init(void)
{
    /*
     * From 0.2 on SYSTEM_OFF has a fixed number (Arm DEN 0022, 5.1); before, the tree would give
     * it.
     */
    const int node = devicetree_next_compatible(-1, "arm,psci-0.2");
    const char *method = node >= 0 ? fdt_getprop(devicetree(), node, "method", NULL) : NULL;

    if (method != NULL && strcmp(method, "hvc") == 0) {
        conduit = PSCI_HVC;
    } else if (method != NULL && strcmp(method, "smc") == 0) {
        conduit = PSCI_SMC;
    }
}

void psci_system_off(void)
{
    if (conduit == PSCI_HVC) {
        PSCI_CALL("hvc", PSCI_SYSTEM_OFF);
    } else if (conduit == PSCI_SMC) {
        PSCI_CALL("smc", PSCI_SYSTEM_OFF);
    }
}
