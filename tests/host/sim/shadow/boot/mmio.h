/* SPDX-License-Identifier: BSD-2-Clause */
/* Host replacement of boot/mmio.h: registers are what a test has put there, or plays (sim_mmio.h).
 */
#ifndef BOOT_MMIO_H
#define BOOT_MMIO_H

#include "tests/host/sim/sim_mmio.h"

static inline uint8_t mmio_read8(const volatile void *registers, uint64_t offset)
{
    const volatile uint8_t *at = (const volatile uint8_t *)((uintptr_t)registers + offset);
    uint64_t value;

    return sim_mmio_read(at, sizeof(*at), &value) ? (uint8_t)value : *at;
}

static inline uint16_t mmio_read16(const volatile void *registers, uint64_t offset)
{
    const volatile uint16_t *at = (const volatile uint16_t *)((uintptr_t)registers + offset);
    uint64_t value;

    return sim_mmio_read(at, sizeof(*at), &value) ? (uint16_t)value : *at;
}

static inline uint32_t mmio_read32(const volatile void *registers, uint64_t offset)
{
    const volatile uint32_t *at = (const volatile uint32_t *)((uintptr_t)registers + offset);
    uint64_t value;

    return sim_mmio_read(at, sizeof(*at), &value) ? (uint32_t)value : *at;
}

static inline uint64_t mmio_read64(const volatile void *registers, uint64_t offset)
{
    const volatile uint64_t *at = (const volatile uint64_t *)((uintptr_t)registers + offset);
    uint64_t value;

    return sim_mmio_read(at, sizeof(*at), &value) ? (uint64_t)value : *at;
}

static inline void mmio_write8(volatile void *registers, uint64_t offset, uint8_t value)
{
    volatile uint8_t *at = (volatile uint8_t *)((uintptr_t)registers + offset);

    if (!sim_mmio_write(at, sizeof(*at), value)) {
        *at = value;
    }
}

static inline void mmio_write16(volatile void *registers, uint64_t offset, uint16_t value)
{
    volatile uint16_t *at = (volatile uint16_t *)((uintptr_t)registers + offset);

    if (!sim_mmio_write(at, sizeof(*at), value)) {
        *at = value;
    }
}

static inline void mmio_write32(volatile void *registers, uint64_t offset, uint32_t value)
{
    volatile uint32_t *at = (volatile uint32_t *)((uintptr_t)registers + offset);

    if (!sim_mmio_write(at, sizeof(*at), value)) {
        *at = value;
    }
}

static inline void mmio_write64(volatile void *registers, uint64_t offset, uint64_t value)
{
    volatile uint64_t *at = (volatile uint64_t *)((uintptr_t)registers + offset);

    if (!sim_mmio_write(at, sizeof(*at), value)) {
        *at = value;
    }
}

#endif
