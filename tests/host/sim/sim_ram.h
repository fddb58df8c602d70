/* SPDX-License-Identifier: BSD-2-Clause */
/* Simulated physical memory, visible through phys_to_virt like the real one. */
#ifndef TESTS_HOST_SIM_RAM_H
#define TESTS_HOST_SIM_RAM_H

#include "kernel/direct_map.h"
#include "kernel/page/page_private.h"

#define SIM_MIB ((uint64_t)1 << 20)
#define SIM_GIB ((uint64_t)1 << 30)

/*
 * Set before: RAM can be mapped a second time (mremap), but a child of fork has the same
 * RAM as its parent, not a copy.
 */
extern bool sim_ram_shared;

/* Give a machine this RAM, zero at first. Pages cost host memory when touched. */
void sim_ram_attach(const struct page_range *banks, unsigned count);
void sim_ram_detach(void);

/* Repeatable pseudo-random numbers. */
uint64_t sim_random(uint64_t *state);

#endif
