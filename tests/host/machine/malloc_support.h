/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of IOMalloc.h over the real kernel and simulated RAM. */
#ifndef TESTS_HOST_MALLOC_SUPPORT_H
#define TESTS_HOST_MALLOC_SUPPORT_H

#include "descriptors/IOMalloc.h"
#include "descriptors/IOMallocAccounting.h"
#include "tests/host/machine/sim_machine.h"

/* Every way to allocate, with alignment 1 where one is to be given; the wired ones first. */
struct malloc_family {
    IOMallocFamily family;
    void *(*allocate)(vm_size_t size);
    void (*free)(void *address, vm_size_t size);
    bool zeroed;
};

#define FAMILIES       9
#define WIRED_FAMILIES 7
extern const struct malloc_family malloc_families[FAMILIES];

IOMallocStatistics malloc_statistics(IOMallocFamily family);

/* Set-up and tear-down: of all tests (64 MiB of RAM), and of one, which must leave nothing. */
int malloc_power_on(void **state);
int malloc_power_off(void **state);
int malloc_start(void **state);
int malloc_stop(void **state);
extern struct holdings malloc_before; /* as the test began */

/* Bytes of any kernel memory, as the CPU sees them. */
void malloc_store(void *address, uint64_t offset, uint8_t byte);
uint8_t malloc_load(void *address, uint64_t offset);

#define MALLOC_TEST(name) cmocka_unit_test_setup_teardown(name, malloc_start, malloc_stop)

#endif
