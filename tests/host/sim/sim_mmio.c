/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers that a test answers for. */
#include "tests/host/sim/sim_mmio.h"

#include <stddef.h>

static struct sim_registers *plugged;

void sim_mmio_plug(struct sim_registers *registers)
{
    registers->next = plugged;
    plugged = registers;
}

void sim_mmio_unplug_all(void)
{
    plugged = NULL;
}

static struct sim_registers *find(const volatile void *address, uint64_t *offset)
{
    for (struct sim_registers *at = plugged; at != NULL; at = at->next) {
        *offset = (uintptr_t)address - (uintptr_t)at->start;
        if (*offset < at->size) {
            return at;
        }
    }
    return NULL;
}

bool sim_mmio_read(const volatile void *address, unsigned width, uint64_t *value)
{
    uint64_t offset;
    struct sim_registers *registers = find(address, &offset);

    if (registers == NULL) {
        return false;
    }
    *value = registers->read(registers, offset, width);
    return true;
}

bool sim_mmio_write(volatile void *address, unsigned width, uint64_t value)
{
    uint64_t offset;
    struct sim_registers *registers = find(address, &offset);

    if (registers == NULL) {
        return false;
    }
    registers->write(registers, offset, value, width);
    return true;
}
