/* SPDX-License-Identifier: BSD-2-Clause */
/* A transfer's memory without a command: mapped at its submission, taken away at its end. */
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/mapper/IOMapper_private.h"

IOReturn IOMapper_beginTransfer(IOMapper *self, struct IOMapperUse *use, IOMemoryDescriptor *memory,
                                uint64_t offset, uint64_t length, uint32_t access,
                                uint64_t *mapAddress, uint64_t *mapLength)
{
    if (mapper_map_run(self, memory, offset, length, access, mapAddress, mapLength)) {
        IOLEDGER(mapped(self, *mapAddress, *mapLength, NULL));
    } else {
        const IOReturn status = IOMapper_iovmMapMemory(self, memory, offset, length, access, NULL,
                                                       NULL, NULL, mapAddress, mapLength);

        if (status != kIOReturnSuccess) {
            return status;
        }
    }
    mapper_add_use(self, use, *mapAddress & ~(mapper_page_size(self) - 1), *mapLength, true);
    return kIOReturnSuccess;
}

IOReturn IOMapper_endTransfer(IOMapper *self, struct IOMapperUse *use, IOMemoryDescriptor *memory,
                              uint64_t offset, uint64_t mapAddress, uint64_t mapLength)
{
    IOReturn status;

    /* A device reports success whatever has become of its accesses: the unit knows better. */
    mapper_methods(self)->collectFaults(self);
    mapper_remove_use(use);
    status = IOMemoryDescriptor_dmaUnmap(memory, self, NULL, offset, mapAddress, mapLength);
    return status == kIOReturnSuccess && use->hasFault ? kIOReturnDMAError : status;
}
