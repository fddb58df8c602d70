/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of descriptors over the simulated machine: two user tasks for each test,
 * memory in their address spaces and in the kernel's, and the proof that nothing is
 * left when the test is over.
 */
#ifndef TESTS_HOST_MAP_FIXTURE_H
#define TESTS_HOST_MAP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/IOMemoryMap_class.h"
#include "kernel/vm_object.h"
#include "tests/host/machine/sim_machine.h"

#define RW     (MMU_READ | MMU_WRITE)
#define DEVICE 0x9000000ull /* physical addresses with registers */

extern task_t owner, other; /* of the running test; other may be made NULL */

int map_power_on(void **state);
int map_power_off(void **state);
int map_start(void **state);
int map_stop(void **state);

#define MAP_TEST(name) cmocka_unit_test_setup_teardown(name, map_start, map_stop)

/* Absent pages somewhere in a task; in the kernel's they go with remove_pages. */
uint64_t new_pages(task_t task, uint64_t count, unsigned access);
uint64_t show_object(task_t task, struct vm_object *object, unsigned access);
void remove_pages(task_t task, uint64_t address, uint64_t count);

/* One byte, as the task's own code would; the access must succeed. */
uint8_t load(task_t task, uint64_t address);
void store(task_t task, uint64_t address, uint8_t byte);
kern_return_t try_load(task_t task, uint64_t address);
kern_return_t try_store(task_t task, uint64_t address);

/* Store a pattern that differs from page to page and from byte to byte; is it there? */
uint8_t pattern(uint64_t index, uint8_t seed);
void fill(task_t task, uint64_t address, uint64_t length, uint8_t seed);

/* The page tables' word on an address; false: it would fault. */
bool translate(task_t task, uint64_t address, struct mmu_translation *at);
uint32_t pins_at(task_t task, uint64_t address); /* of the page that is mapped there now */

/* Pages and ranges that an address space has now. */
uint64_t ranges_now(void);

IOMemoryDescriptor *describe(uint64_t address, uint64_t length, IOOptionBits options, task_t task);

/* Anywhere, of all of the descriptor; it must succeed. */
IOMemoryMap *map_all(IOMemoryDescriptor *memory, task_t task, IOOptionBits options);

/* A request that must fail for this reason, and change nothing. */
void expect_no_map(IOMemoryDescriptor *memory, task_t task, uint64_t address, IOOptionBits options,
                   uint64_t offset, uint64_t length, IOReturn reason);

#endif
