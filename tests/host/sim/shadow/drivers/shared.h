/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host cover of drivers/shared.h: before each read of memory that the device
 * writes, the device has a turn.
 */
#ifndef SHADOW_DRIVERS_SHARED_H
#define SHADOW_DRIVERS_SHARED_H

#define shared_read8          shared_load8
#define shared_read16         shared_load16
#define shared_read16_acquire shared_load16_acquire
#define shared_read32         shared_load32
#define shared_read32_acquire shared_load32_acquire
#include_next "drivers/shared.h"
#undef shared_read8
#undef shared_read16
#undef shared_read16_acquire
#undef shared_read32
#undef shared_read32_acquire

extern void (*sim_device_turn)(void); /* NULL: it keeps still; sim_virtq.c */

static inline void sim_let_device_move(void)
{
    if (sim_device_turn != NULL) {
        sim_device_turn();
    }
}

static inline uint8_t shared_read8(const struct shared8 *at)
{
    sim_let_device_move();
    return shared_load8(at);
}

static inline uint16_t shared_read16(const struct shared16 *at)
{
    sim_let_device_move();
    return shared_load16(at);
}

static inline uint16_t shared_read16_acquire(const struct shared16 *at)
{
    sim_let_device_move();
    return shared_load16_acquire(at);
}

static inline uint32_t shared_read32(const struct shared32 *at)
{
    sim_let_device_move();
    return shared_load32(at);
}

static inline uint32_t shared_read32_acquire(const struct shared32 *at)
{
    sim_let_device_move();
    return shared_load32_acquire(at);
}

#endif
