/* SPDX-License-Identifier: BSD-2-Clause */
/* Power State Coordination Interface (Arm DEN 0022): the firmware's power switch. */
#ifndef KERNEL_PSCI_H
#define KERNEL_PSCI_H

/* Switch the machine off. Returns only if there is no PSCI (an ELF started at EL3). Any context. */
void psci_system_off(void);

#endif
