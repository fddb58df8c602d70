/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runs at physical addresses, before the MMU: start.S and the early_*.c
 * files. All memory is Device memory then, so an unaligned access faults; no
 * pointer stored at link time is of use, because the image is linked high.
 * Neither libc nor anything of the kernel may be called.
 */
#ifndef BOOT_EARLY_H
#define BOOT_EARLY_H

#include <stdint.h>

/* Values for the registers that turn the MMU on; start.S loads them in this order. */
struct early_mmu_registers {
    uint64_t mair;
    uint64_t tcr;
    uint64_t root;  /* TTBR1_EL1, and TTBR0_EL1 as identity until the jump */
    uint64_t empty; /* TTBR0_EL1 after it */
};

/*
 * At EL1: fill boot_info and the first page tables.
 * entry_x0: x0 at entry, the device tree of a Linux-style start or nothing.
 * entry_level: the exception level at entry.
 */
void early_start(uint64_t entry_x0, unsigned entry_level, struct early_mmu_registers *registers);

/* Fill the page tables for the image, the UART and [devicetree, + its size); early_mmu.c. */
void early_mmu_build(uint64_t devicetree, uint64_t devicetree_size,
                     struct early_mmu_registers *registers);

/*
 * Before that, at EL2 or EL3: 1 if the machine has a GICv3 or later. The CPU's word is not
 * enough: one that has the system registers may have no such controller behind them, and
 * they are undefined then.
 */
int early_has_gic_v3(uint64_t entry_x0);

/* At EL3: hand interrupts and the floating-point unit to the non-secure world. */
void early_secure_open(int has_gic_v3);

/* The device tree: physical address, 0 if there is none, and its size in bytes. */
uint64_t early_devicetree(uint64_t entry_x0, uint32_t *size);

/* A node of it is compatible with this. */
int early_devicetree_names(uint64_t tree, uint32_t size, const char *compatible);

/* start.S: drop the data cache's lines of [start, end), which were written past it. */
void early_invalidate(const void *start, const void *end);

/* An exception before the kernel's vectors are in: report it over the UART and exit with 3. */
_Noreturn void early_exception(uint64_t esr, uint64_t elr, uint64_t far, uint64_t level);

/* Print a line over the UART and exit with 3; early_exception.c. */
_Noreturn void early_fatal(const char *message);

/* Exit with 3, or sleep where no host listens; start.S. */
_Noreturn void early_end(void);

/* start.S: fill [start, end) with zeros; both multiples of 64. */
void early_clear(void *start, void *end);

#endif
