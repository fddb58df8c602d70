/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine of nothing but RAM, a device tree and registers that a test plays. */
#ifndef TESTS_HOST_BUS_MACHINE_H
#define TESTS_HOST_BUS_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/types.h"
#include "tests/host/kernel/tree_writer.h"
#include "tests/host/sim/sim_mmio.h"

#define LOG_ENTRIES 64

/* What was done to registers, in order. */
struct access {
    uint64_t offset, value;
    unsigned width;
    bool write;
};

extern struct access log_entries[LOG_ENTRIES];
extern unsigned log_count;

void log_access(uint64_t offset, uint64_t value, unsigned width, bool write);
void log_forget(void);

/* The writes among them are these, of 32 bits, in this order: pairs of offset and value. */
void assert_written(const uint64_t (*pairs)[2], unsigned count);

/* RAM at 1 GiB, and page tables. */
int machine_start(void **state);
int machine_stop(void **state);

/* Nodes of the tree with one range of registers below 4 GiB. */
void add_registers(uint64_t base, uint64_t size);

#endif
