/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole machine on the host: simulated RAM with the kernel's own allocator,
 * page tables, address spaces and tasks over it, and a CPU that loads and stores
 * through those tables and faults as the real one does.
 */
#ifndef TESTS_HOST_SIM_MACHINE_H
#define TESTS_HOST_SIM_MACHINE_H

#include "kernel/task.h"
#include "kernel/vm_map.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/lib/holdings.h"

#define SIM_RAM_BASE 0x40000000ull

/* Power on with so much RAM; once in a process, because the heap remembers. */
void sim_machine_start(uint64_t ram_bytes);
void sim_machine_stop(void);

/* Whether the CPU keeps dirty bits (FEAT_HAFDBS). */
void sim_set_notes_stores(bool on);

/* Load or store one byte as a CPU would; the status of the fault that was not resolved. */
kern_return_t sim_load(struct vm_map *map, vaddr_t va, uint8_t *byte);
kern_return_t sim_store(struct vm_map *map, vaddr_t va, uint8_t byte);

extern uint64_t sim_faults; /* taken by sim_load and sim_store */

/* Is all held that was, and no more? What differs is printed. */
bool sim_holds(const struct holdings *before);

#endif
