/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses that fault, and accesses that are watched: the host's MMU plays the part
 * of a bus. An access to memory that is not there ends fault_expect as on the target.
 */
#ifndef TESTS_HOST_SIM_FAULT_H
#define TESTS_HOST_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_ACCESSES 256

/*
 * Registers of a device, read-write, at a physical address outside RAM: `size` bytes,
 * whole pages, and nothing behind them.
 */
void *sim_registers_attach(uint64_t physical, uint64_t size);
void sim_registers_detach(uint64_t physical, uint64_t size);

/*
 * Record where each access to these registers begins, in order, from watch to unwatch. False on
 * hosts where an instruction cannot be stepped over: nothing is recorded.
 */
struct sim_accesses {
    uint64_t offset[SIM_ACCESSES]; /* bytes from the first register */
    unsigned count;
};
bool sim_registers_watch(uint64_t physical, uint64_t size, struct sim_accesses *accesses);
void sim_registers_unwatch(void);

#endif
