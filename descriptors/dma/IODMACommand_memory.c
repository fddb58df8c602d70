/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptor of a command: set, replaced, cleared. */
#include "descriptors/dma/IODMACommand_private.h"

/* Complete until nothing is active; the first error. */
static IOReturn complete_all(IODMACommand *self)
{
    IOReturn status = kIOReturnSuccess;

    /* All but the last only count, and cannot fail. */
    while (self->active != 0) {
        const uint32_t before = self->active;

        status = IODMACommand_complete(self, true, true);
        if (self->active == before) {
            break; /* refused as a whole: the device has it */
        }
    }
    return status;
}

/*
 * Do the fields of such memory say what its methods would, and its runs what its walk delivers?
 * Asked once, when it is set, and not at every preparation. A class that has put in a method of its
 * own is asked by that.
 */
static bool tells_by_fields(IOMemoryDescriptor *memory)
{
    const IOMemoryDescriptorClass *const methods = IOMemoryDescriptor_methods(memory);

    return methods->dmaCommandOperation == descriptor_dma_command_operation &&
           methods->getCharacteristics == general_get_characteristics &&
           methods->setDMAActive == descriptor_set_dma_active &&
           methods->addReach == descriptor_add_reach && methods->walk == general_walk;
}

/* Replace the descriptor of an inactive command. */
static void replace(IODMACommand *self, IOMemoryDescriptor *memory)
{
    IOMemoryDescriptor *before = self->memory;

    /* Before the former one goes, which may be what keeps it alive. */
    OSObject_retain(memory);
    self->memory = memory;
    self->general = memory != NULL && tells_by_fields(memory) ? general_of(memory) : NULL;
    OSObject_release(before);
}

static IOReturn set_and_prepare(IODMACommand *self, IOMemoryDescriptor *memory)
{
    IOMemoryDescriptor *before = self->memory;
    IOReturn status;

    /* Over the attempt, whose failure brings it back. */
    OSObject_retain(before);
    replace(self, memory);
    status = IODMACommand_prepare(self, 0, 0, true, true);
    if (status != kIOReturnSuccess) {
        /* Nothing of the new one has been prepared, so the former is as good as it was. */
        replace(self, before);
    }
    OSObject_release(before);
    return status;
}

IOReturn IODMACommand_setMemoryDescriptor(IODMACommand *self, IOMemoryDescriptorConstRef mem,
                                          bool autoPrepare)
{
    IOMemoryDescriptor *memory = (IOMemoryDescriptor *)mem.descriptor;
    IOMDDMACharacteristics facts;
    IOReturn status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    if (platform_in_interrupt()) {
        /*
         * What preparing allocates and maps is for threads: an interrupt may have come in the
         * middle of either.
         */
        return kIOReturnCannotLock;
    }
    /*
     * The same once more is a wish for its state, not for another reference: prepared once, or
     * completed.
     */
    if (memory != NULL && memory == self->memory) {
        if (!autoPrepare) {
            return complete_all(self);
        }
        return self->active != 0 ? kIOReturnSuccess : IODMACommand_prepare(self, 0, 0, true, true);
    }
    if (self->active != 0) {
        return kIOReturnBusy;
    }
    if (memory == NULL) {
        replace(self, NULL);
        return kIOReturnSuccess;
    }
    /*
     * Whether it answers is all that counts: a class without the protocol could not be prepared
     * later.
     */
    status = IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics, &facts,
                                                    sizeof(facts));
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (autoPrepare) {
        return set_and_prepare(self, memory);
    }
    replace(self, memory);
    return kIOReturnSuccess;
}

IOReturn IODMACommand_takeMemory(IODMACommand *self, IOMemoryDescriptor **memory)
{
    IOReturn status;

    *memory = NULL;
    if (platform_in_interrupt()) {
        return kIOReturnCannotLock;
    }
    status = complete_all(self);
    if (self->active == 0) {
        *memory = self->memory;
        self->memory = NULL;
        self->general = NULL;
    }
    return status;
}

IOReturn IODMACommand_clearMemoryDescriptor(IODMACommand *self, bool autoComplete)
{
    IOReturn status = kIOReturnSuccess;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    if (platform_in_interrupt()) {
        return kIOReturnCannotLock;
    }
    if (self->active != 0) {
        /* Taken away, the descriptor could be completed under the device. */
        if (!autoComplete) {
            return kIOReturnNotReady;
        }
        status = complete_all(self);
        if (self->active != 0) {
            return status;
        }
    }
    replace(self, NULL);
    return status;
}
