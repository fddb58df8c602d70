/* SPDX-License-Identifier: BSD-2-Clause */
/* Power State Coordination Interface (Arm DEN 0022): the firmware's power switch. */
#ifndef KERNEL_PSCI_H
#define KERNEL_PSCI_H

/*
 * Switch the machine off. Returns only if there is no PSCI (an ELF started at EL3), or
 * before start-up has looked for it. Any context, however broken the image is: it reads
 * one variable.
 */
void psci_system_off(void);

#endif
