/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a device writes while we look. It is read by these alone, which the
 * types see to: one load of the whole value, never again for the same question,
 * or the device could give a check one answer and a use another.
 */
#ifndef DRIVERS_SHARED_H
#define DRIVERS_SHARED_H

#include "kernel/types.h"

struct shared8 {
    volatile uint8_t value;
};

struct shared16 {
    volatile uint16_t value;
};

struct shared32 {
    volatile uint32_t value;
};

/* Of one moment, whatever it is made of. */
struct shared64 {
    volatile uint64_t value;
} __attribute__((may_alias));

static inline uint8_t shared_read8(const struct shared8 *at)
{
    return at->value;
}

static inline uint16_t shared_read16(const struct shared16 *at)
{
    return at->value;
}

/* What the device wrote before this value is there for every later load. */
static inline uint16_t shared_read16_acquire(const struct shared16 *at)
{
    return __atomic_load_n(&at->value, __ATOMIC_ACQUIRE);
}

static inline uint32_t shared_read32(const struct shared32 *at)
{
    return at->value;
}

static inline uint64_t shared_read64(const struct shared64 *at)
{
    return at->value;
}

static inline uint32_t shared_read32_acquire(const struct shared32 *at)
{
    return __atomic_load_n(&at->value, __ATOMIC_ACQUIRE);
}

#endif
