/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory shared with a bus master: a contiguous buffer under a command that stays prepared. */
#include "drivers/pci/bus_memory.h"

#include "descriptors/IOBufferMemoryDescriptor.h"

static IOReturn prepare(struct bus_memory *memory, IOMapper *mapper, unsigned address_bits,
                        size_t size, size_t alignment)
{
    IODMACommand_Segment64 segment;
    UInt64 offset = 0;
    UInt32 count = 1;
    IOReturn status;

    memory->command =
        IODMACommand_withSpecification(kIODMACommandOutputHost64, (UInt8)address_bits, 0, kMapped,
                                       0, (UInt32)alignment, mapper, NULL);
    if (memory->command == NULL) {
        return IOMemoryLastError();
    }
    status = IODMACommand_setMemoryDescriptor(memory->command, memory->buffer, true);
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = IODMACommand_gen64IOVMSegments(memory->command, &offset, &segment, &count);
    /*
     * In pieces, or bounced, it would not be what the CPU sees: the allocator has been asked for
     * memory that needs neither.
     */
    if (status == kIOReturnSuccess &&
        (segment.fLength != size || IODMACommand_getBounceLength(memory->command) != 0)) {
        status = kIOReturnNoMemory;
    }
    memory->start = segment.fIOVMAddr;
    IODMACommand_keepPrepared(memory->command); /* it is for as long as the device works */
    return status;
}

IOReturn bus_memory_create(struct bus_memory *memory, IOMapper *mapper, unsigned address_bits,
                           size_t size, size_t alignment)
{
    const mach_vm_address_t mask =
        address_bits == 0 || address_bits >= 64 ? UINT64_MAX : (1ull << address_bits) - 1;
    IOReturn status;

    *memory = (struct bus_memory){0};
    size = (size + PAGE_MASK) & ~(size_t)PAGE_MASK;
    if (alignment < PAGE_SIZE) {
        alignment = PAGE_SIZE;
    }
    /* Refused there: nothing, and an alignment that is no power of two. */
    memory->buffer = IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
        kernel_task, kIODirectionInOut | kIOMemoryPhysicallyContiguous, size,
        mask & ~(alignment - 1));
    if (memory->buffer == NULL) {
        return IOMemoryLastError();
    }
    status = prepare(memory, mapper, address_bits, size, alignment);
    if (status != kIOReturnSuccess) {
        bus_memory_destroy(memory);
        return status;
    }
    memory->bytes = IOBufferMemoryDescriptor_getBytesNoCopy(memory->buffer);
    return kIOReturnSuccess;
}

void bus_memory_destroy(struct bus_memory *memory)
{
    /* Neither may be there: then nothing is done. */
    IODMACommand_clearMemoryDescriptor(memory->command, true);
    OSObject_release(memory->command);
    OSObject_release(memory->buffer);
    *memory = (struct bus_memory){0};
}

void bus_memory_abandon(struct bus_memory *memory)
{
    *memory = (struct bus_memory){0};
}

uint64_t bus_memory_address(const struct bus_memory *memory, const void *byte)
{
    return memory->start + (uint64_t)((const char *)byte - (const char *)memory->bytes);
}
