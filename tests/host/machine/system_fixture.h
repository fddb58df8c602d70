/* SPDX-License-Identifier: BSD-2-Clause */
/* A system mapper for tests of what goes through it, and memory that it scatters. */
#ifndef DMAKIT_TESTS_HOST_MACHINE_SYSTEM_FIXTURE_H
#define DMAKIT_TESTS_HOST_MACHINE_SYSTEM_FIXTURE_H

#include "tests/host/machine/dma_fixture.h"
#include "tests/lib/portable/test_mapper.h"

#define SYSTEM_BASE_PAGE 0x100 /* where the mapper's addresses begin */

extern paddr_t system_pages; /* ten of them, from system_power_on on */

int system_power_on(void **state);

IOService *system_unit(uint32_t identity);

/* Until system_stop, which holds that nothing is mapped any more and that nobody else has it. */
struct test_mapper *system_start(IOService **unit);
void system_stop(struct test_mapper *mapper, IOService *unit);

/* Pages that are neighbours, apart, and within one another's; in the map, not prepared. */
IOMemoryDescriptor *system_memory(IODirection direction);

#endif
