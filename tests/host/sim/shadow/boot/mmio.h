/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host replacement of boot/mmio.h: registers are what a test has put there. A device that is
 * started by a store of 64 bits has its turn behind it.
 */
#ifndef BOOT_MMIO_H
#define BOOT_MMIO_H

#include <stddef.h>
#include <stdint.h>

extern void (*sim_register_written)(volatile void *registers, uint64_t offset); /* NULL: nobody */

static inline uint8_t mmio_read8(const volatile void *registers, uint64_t offset)
{
    return *(const volatile uint8_t *)((uintptr_t)registers + offset);
}

static inline uint16_t mmio_read16(const volatile void *registers, uint64_t offset)
{
    return *(const volatile uint16_t *)((uintptr_t)registers + offset);
}

static inline uint32_t mmio_read32(const volatile void *registers, uint64_t offset)
{
    return *(const volatile uint32_t *)((uintptr_t)registers + offset);
}

static inline uint64_t mmio_read64(const volatile void *registers, uint64_t offset)
{
    return *(const volatile uint64_t *)((uintptr_t)registers + offset);
}

static inline void mmio_write8(volatile void *registers, uint64_t offset, uint8_t value)
{
    *(volatile uint8_t *)((uintptr_t)registers + offset) = value;
}

static inline void mmio_write16(volatile void *registers, uint64_t offset, uint16_t value)
{
    *(volatile uint16_t *)((uintptr_t)registers + offset) = value;
}

static inline void mmio_write32(volatile void *registers, uint64_t offset, uint32_t value)
{
    *(volatile uint32_t *)((uintptr_t)registers + offset) = value;
}

static inline void mmio_write64(volatile void *registers, uint64_t offset, uint64_t value)
{
    *(volatile uint64_t *)((uintptr_t)registers + offset) = value;
    if (sim_register_written != NULL) {
        sim_register_written(registers, offset);
    }
}

#endif
