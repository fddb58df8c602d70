/* SPDX-License-Identifier: BSD-2-Clause */
/* A unit for each test, which leaves nothing, and one stream's mapper as tests use it. */
#ifndef TESTS_HOST_SMMUV3_SMMU_FIXTURE_H
#define TESTS_HOST_SMMUV3_SMMU_FIXTURE_H

#include "tests/host/smmuv3/sim_smmu.h"

#define BOTH   (kIODMAMapReadAccess | kIODMAMapWriteAccess)
#define STREAM 0x0108u /* bus 1, device 1 */

extern struct smmu *unit;

/* Set-up and teardown of tests: with a unit, and without one. */
int unit_start(void **state);
int unit_stop(void **state);
int unit_idle(void **state);
int unit_balanced(void **state);
#define STARTED(test) cmocka_unit_test_setup_teardown(test, unit_start, unit_stop)
#define IDLE(test)    cmocka_unit_test_setup_teardown(test, unit_idle, unit_balanced)

uint64_t map_at(IOMapper *mapper, IOMemoryDescriptor *memory, uint32_t options,
                IODMAMapSpecification spec, uint64_t *size);
uint64_t map(IOMapper *mapper, IOMemoryDescriptor *memory, uint64_t *size);
IOReturn try_map(IOMapper *mapper, IOMemoryDescriptor *memory, uint32_t options, uint8_t bits,
                 uint64_t wanted, uint64_t *address, uint64_t *size);
void unmap(IOMapper *mapper, uint64_t address, uint64_t size);

/* The stream reads there, and reaches this; false: it is blocked. */
bool reaches(uint32_t stream, uint64_t address, uint64_t expected);

/* Pages of translation tables that a mapper has. */
uint64_t tables(const IOMapper *mapper);

#endif
