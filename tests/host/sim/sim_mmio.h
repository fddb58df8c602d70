/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers that a test answers for. Where nobody does, they are memory. */
#ifndef TESTS_HOST_SIM_MMIO_H
#define TESTS_HOST_SIM_MMIO_H

#include <stdbool.h>
#include <stdint.h>

struct sim_registers {
    const volatile void *start;
    uint64_t size;
    /* `width` bytes at `offset` from `start`. */
    uint64_t (*read)(struct sim_registers *self, uint64_t offset, unsigned width);
    void (*write)(struct sim_registers *self, uint64_t offset, uint64_t value, unsigned width);
    struct sim_registers *next; /* private */
};

/* They stay plugged until all are unplugged. */
void sim_mmio_plug(struct sim_registers *registers);
void sim_mmio_unplug_all(void);

/* For the accessors of boot/mmio.h. False: nobody answers for this address. */
bool sim_mmio_read(const volatile void *address, unsigned width, uint64_t *value);
bool sim_mmio_write(volatile void *address, unsigned width, uint64_t value);

#endif
