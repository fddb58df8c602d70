/* SPDX-License-Identifier: BSD-2-Clause */
/* A descriptor class of places that a test chooses. */
#include "tests/host/machine/own_class.h"

struct own_says says;

static IOReturn own_segment(IOMemoryDescriptor *self, IOByteCount offset, IOOptionBits options,
                            IOPhysicalSegment *segment)
{
    (void)options;
    assert_true(offset < self->length); /* a walk ends where the descriptor does */
    if (offset >= says.until || (says.answered != 0 && says.asked >= says.answered)) {
        *segment = (IOPhysicalSegment){.location = 0xbad000, .length = 0xbad};
        return says.behind; /* and what it leaves then is nobody's place */
    }
    says.asked++;
    segment->location = says.base + offset * 2;
    segment->length = says.piece < self->length - offset ? says.piece : self->length - offset;
    return kIOReturnSuccess;
}

static IOReturn own_prepare(IOMemoryDescriptor *self, IODirection direction)
{
    (void)direction;
    self->wireCount++;
    return kIOReturnSuccess;
}

static IOReturn own_complete(IOMemoryDescriptor *self, IODirection direction)
{
    (void)direction;
    self->wireCount--;
    return kIOReturnSuccess;
}

static IOReturn own_operation(IOMemoryDescriptor *self, DMACommandOps op, void *data, UInt size)
{
    return op == kIOMDGetCharacteristics && says.facts != kIOReturnSuccess
               ? says.facts
               : descriptor_dma_command_operation(self, op, data, size);
}

uint32_t own_instances;

const IOMemoryDescriptorClass own_class = {
    .meta = {"Own", &IOMemoryDescriptor_metaClass, sizeof(IOMemoryDescriptor), &own_instances,
             descriptor_free},
    .initWithOptions = descriptor_refuse_init,
    .prepare = own_prepare,
    .complete = own_complete,
    .announceComplete = descriptor_announce_complete,
    .getPreparationID = descriptor_get_preparation_id,
    .getPhysicalSegment = own_segment,
    .walk = descriptor_walk,
    DESCRIPTOR_BYTES,
    .addDMAMapSize = descriptor_add_dma_map_size,
    .dmaCommandOperation = own_operation,
    .getCharacteristics = descriptor_get_characteristics,
    .setDMAActive = descriptor_set_dma_active,
    .addReach = descriptor_add_reach,
    .mapSpecification = descriptor_map_specification,
    .copyPageList = descriptor_copy_page_list,
    DESCRIPTOR_MAPS,
    DESCRIPTOR_ACCOUNTS,
};

IOMemoryDescriptor *new_own(void)
{
    IOMemoryDescriptor *own = (IOMemoryDescriptor *)OSMetaClass_allocate(&own_class.meta);

    own->flags = kIODirectionOutIn | kIOMemoryTypeVirtual64;
    own->length = OWN_LENGTH;
    memset(&says, 0, sizeof(says));
    says.base = DMA_LOW;
    says.until = OWN_LENGTH;
    says.piece = PAGE_SIZE;
    says.behind = kIOReturnOffline;
    return own;
}
