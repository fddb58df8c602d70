/* SPDX-License-Identifier: BSD-2-Clause */
/* Of the exception levels' registers, what more than one file in assembly needs. */
#ifndef BOOT_LEVELS_H
#define BOOT_LEVELS_H

#define SCTLR_UPPER  0x30c50830 /* the same of EL2 and EL3, with MMU and caches off */
#define DFR0_PMU     8          /* ID_AA64DFR0_EL1.PMUVer, lowest bit */
#define PMU_NOT_ARMS 0xf        /* its value for a PMU with other registers */

#endif
