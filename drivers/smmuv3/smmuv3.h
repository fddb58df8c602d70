/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMMUv3: the I/O memory-management unit in front of PCIe (Arm System Memory Management Unit
 * Architecture Specification, version 3). Start-up finds each unit in the device tree and
 * switches it on with every device blocked. A driver asks for its device's mapper
 * (IOMapper_copyMapperForDevice) and uses that: nothing here has to be called.
 *
 * Each stream, which is a PCI function or a group that the bus cannot tell apart, has an I/O
 * address space of its own, 512 GiB from page 1 on, found first fit. Its tables are its own as
 * well: at most 16 MiB of them, which is 8 GiB mapped in pages of 4 KiB; runs of 2 MiB and 1 GiB
 * that lie alike on both sides take one entry. The pages that message interrupts are written to
 * are mapped in each, at their physical address, and never given out.
 *
 * Mapping, unmapping and inserting are for any context, interrupt handlers too.
 *
 * When an unmapping returns, the unit has forgotten it; one that does not answer within a second
 * makes it kIOReturnTimeout, then and for ever, and the addresses are never used again.
 *
 * What a device is not allowed is a line on the console and a fault (IOMapper.h), one for each
 * page and direction, however many accesses there were.
 */
#ifndef DRIVERS_SMMUV3_SMMUV3_H
#define DRIVERS_SMMUV3_SMMUV3_H

#include "descriptors/IOMapper.h"
#include "kernel/types.h"

/* Since the image began. */
struct smmu_counters {
    uint64_t commands; /* of all streams; with the ends that were awaited */
    uint64_t events;   /* accesses that were blocked and recorded */
    uint64_t reports;  /* what was told of them */
    uint64_t lost;     /* times that the event queue was full */
};

/* Is there a unit that works? */
bool smmu_present(void);

/* Of all units together. */
void smmu_get_counters(struct smmu_counters *counters);

/* What the space of one device holds now. */
struct smmu_usage {
    uint32_t stream;
    uint64_t pages;  /* of I/O addresses that are taken, interrupts' included */
    unsigned tables; /* pages of translation tables */
};

/* False: the mapper is none of these, and nothing is written. Any context. */
bool smmu_get_usage(const IOMapper *mapper, struct smmu_usage *usage);

/*
 * The lean way in, for who has pages and no descriptor: one run of whole pages, 0 for bits: no
 * limit. As iovmMapMemory and iovmUnmapMemory, which do the rest of their work by these.
 */
IOReturn smmu_map(IOMapper *mapper, paddr_t physical, uint64_t bytes, uint32_t access,
                  unsigned bits, ioaddr_t *address);
IOReturn smmu_unmap(IOMapper *mapper, ioaddr_t address, uint64_t bytes);

#endif
