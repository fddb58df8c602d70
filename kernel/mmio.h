/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device registers, and the only way to them:
 *
 *     uintN_t mmio_readN(const volatile void *registers, uint64_t offset)
 *     void mmio_writeN(volatile void *registers, uint64_t offset, uintN_t value)
 *
 * for N = 8, 16, 32 and 64: exactly one access of that width at `registers` (from
 * mmu_map_device) + `offset` bytes, by one plain load or store, which is what every
 * hypervisor can emulate. Accesses to one device stay in program order
 * (Device-nGnRnE); order against memory is the caller's barrier. Any context.
 */
#ifndef KERNEL_MMIO_H
#define KERNEL_MMIO_H

#include "boot/mmio.h"

#endif
