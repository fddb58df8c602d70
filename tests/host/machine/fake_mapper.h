/* SPDX-License-Identifier: BSD-2-Clause */
/* A mapper that keeps what it was told, and answers what a test wants. */
#ifndef TESTS_HOST_FAKE_MAPPER_H
#define TESTS_HOST_FAKE_MAPPER_H

#include "descriptors/IOMapper_class.h"
#include "tests/host/machine/map_fixture.h"

#define IOVA 0x80000000ull /* where its mappings begin */

struct told {
    unsigned maps, unmaps; /* calls */
    IOReturn answer, unmap_answer;
    uint64_t base; /* IOVA, or where a test wants mappings to begin */
    uint32_t options;
    uint64_t offset, length;
    IODMAMapSpecification spec;
    uint32_t page_offset, page_count; /* of the page list; count 0: there was none */
    ppnum_t pages[8];
    IOMapperFault fault; /* what its hardware has on record; count 0: nothing */
};
extern struct told told;

/* A new one, which has been told nothing. */
IOMapper *new_mapper(void);

/* dmaCommandOperation, with its argument by the name of memory that is only a descriptor. */
IOReturn operate(IOMemoryDescriptor *memory, DMACommandOps op, void *data, UInt size);

#endif
