/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device registers: exactly one access of the named width at `registers` + `offset`
 * bytes. kernel/mmio.h is the manual; here because boot drives two devices before there
 * is a kernel.
 *
 * Each is one instruction, written out: of a volatile access the compiler may make one
 * that writes its base register back (str w0, [x1], #4), and such an access traps to a
 * hypervisor without saying which register it moves (ESR_EL2.ISV is 0). Emulated devices
 * understand no other kind. The "m" constraint never means a write-back.
 */
#ifndef BOOT_MMIO_H
#define BOOT_MMIO_H

#include <stdint.h>

static inline uint8_t mmio_read8(const volatile void *registers, uint64_t offset)
{
    uint8_t value;

    __asm__ volatile("ldrb %w0, %1"
                     : "=r"(value)
                     : "m"(*(const volatile uint8_t *)((uintptr_t)registers + offset)));
    return value;
}

static inline uint16_t mmio_read16(const volatile void *registers, uint64_t offset)
{
    uint16_t value;

    __asm__ volatile("ldrh %w0, %1"
                     : "=r"(value)
                     : "m"(*(const volatile uint16_t *)((uintptr_t)registers + offset)));
    return value;
}

static inline uint32_t mmio_read32(const volatile void *registers, uint64_t offset)
{
    uint32_t value;

    __asm__ volatile("ldr %w0, %1"
                     : "=r"(value)
                     : "m"(*(const volatile uint32_t *)((uintptr_t)registers + offset)));
    return value;
}

static inline uint64_t mmio_read64(const volatile void *registers, uint64_t offset)
{
    uint64_t value;

    __asm__ volatile("ldr %x0, %1"
                     : "=r"(value)
                     : "m"(*(const volatile uint64_t *)((uintptr_t)registers + offset)));
    return value;
}

static inline void mmio_write8(volatile void *registers, uint64_t offset, uint8_t value)
{
    __asm__ volatile("strb %w1, %0"
                     : "=m"(*(volatile uint8_t *)((uintptr_t)registers + offset))
                     : "rZ"(value));
}

static inline void mmio_write16(volatile void *registers, uint64_t offset, uint16_t value)
{
    __asm__ volatile("strh %w1, %0"
                     : "=m"(*(volatile uint16_t *)((uintptr_t)registers + offset))
                     : "rZ"(value));
}

static inline void mmio_write32(volatile void *registers, uint64_t offset, uint32_t value)
{
    __asm__ volatile("str %w1, %0"
                     : "=m"(*(volatile uint32_t *)((uintptr_t)registers + offset))
                     : "rZ"(value));
}

static inline void mmio_write64(volatile void *registers, uint64_t offset, uint64_t value)
{
    __asm__ volatile("str %x1, %0"
                     : "=m"(*(volatile uint64_t *)((uintptr_t)registers + offset))
                     : "rZ"(value));
}

#endif
