/* SPDX-License-Identifier: BSD-2-Clause */
/* A transfer's memory without a command: mapped at its submission, taken away at its end. */
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/mapper/IOMapper_private.h"

uint64_t IOMapper_beginRun(IOMapper *self, struct IOMapperUse *use, uint64_t physical,
                           uint64_t length, uint32_t access)
{
    const uint64_t address =
        mapper_methods(self)->mapRun(self, physical, length, access, &use->length);

    if (address != 0) {
        IOLEDGER(mapped(self, address, use->length, NULL));
        use->address = address & -self->pageSize;
        mapper_add_use(self, use, true);
    }
    return address;
}

IOReturn IOMapper_beginTransfer(IOMapper *self, struct IOMapperUse *use, IOMemoryDescriptor *memory,
                                uint64_t offset, uint64_t length, uint32_t access,
                                uint64_t *mapAddress, uint64_t *mapLength)
{
    const IOReturn status = IOMapper_iovmMapMemory(self, memory, offset, length, access, NULL, NULL,
                                                   NULL, mapAddress, mapLength);

    if (status == kIOReturnSuccess) {
        use->address = *mapAddress & ~(mapper_page_size(self) - 1);
        use->length = *mapLength;
        mapper_add_use(self, use, true);
    }
    return status;
}

IOReturn IOMapper_endTransfer(IOMapper *self, struct IOMapperUse *use, IOMemoryDescriptor *memory,
                              uint64_t offset, uint64_t mapAddress, uint64_t mapLength)
{
    IOReturn status;

    /* A device reports success whatever has become of its accesses: the unit knows better. */
    mapper_methods(self)->collectFaults(self);
    mapper_remove_use(use);
    status = mapper_unmap(self, memory, NULL, mapAddress, mapLength);
    if (status == kIOReturnTimeout) {
        IOMemoryDescriptor_quarantine(memory, offset, mapAddress, mapLength);
    }
    return status == kIOReturnSuccess && use->hasFault ? kIOReturnDMAError : status;
}
