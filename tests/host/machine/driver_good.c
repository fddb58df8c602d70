/* SPDX-License-Identifier: BSD-2-Clause */
/* Correct requests. */
#include "tests/host/machine/driver_good.h"

void good_start(struct good *good)
{
    IODMACommand_Create_Msg request = {.header = HEADER(IODMACommand, Create, 2),
                                       .self = kIORPCHandleIODMACommand,
                                       .specification = {.maxAddressBits = 64}};
    IODMACommand_Create_Rpl reply;

    good->buffer = driver_buffer(&one, kIOMemoryDirectionInOut, 2 * PAGE_SIZE);
    good->map = driver_map_all(&one, good->buffer, 0);
    good->service = IOService_withReader("device", NULL, NULL);
    good->mapper = new_mapper();
    GOOD(IOService_setObject(good->service, "iommu-parent", good->mapper));
    GOOD(task_grant(one.task, good->service, &good->device));
    request.device = good->device;
    GOOD(driver_send(&one, &request, sizeof(request), &reply, sizeof(reply)));
    good->command = reply.command;
}

void good_end(struct good *good)
{
    IODriverTask_closeAll(one.table);
    OSObject_release(good->service);
    OSObject_release(good->mapper);
}

void good_request(const struct good *good, unsigned index, union any *message)
{
    const IORPCMethod *method = IORPCMethod_at(index);

    memset(message, 0, sizeof(*message));
    message->header = (IORPCMessage){.msgid = method->msgid, .objectRefs = method->requestRefs};
    switch (method->msgid) {
    case IOMemoryDescriptor__CopyState_ID:
    case IOMemoryDescriptor_CreateMapping_ID:
        message->words[3] = good->buffer;
        break;
    case IOBufferMemoryDescriptor_SetLength_ID:
        message->words[3] = good->buffer;
        message->words[4] = PAGE_SIZE;
        break;
    case IOMemoryDescriptor_CreateSubMemoryDescriptor_ID:
        message->words[3] = kIORPCHandleIOMemoryDescriptor;
        message->words[4] = good->buffer;
        break;
    case IOMemoryDescriptor_CreateWithMemoryDescriptors_ID:
        message->words[3] = kIORPCHandleIOMemoryDescriptor;
        message->words[4] = message->words[5] = good->buffer;
        message->words[37] = 2;
        break;
    case IOBufferMemoryDescriptor_Create_ID:
        message->words[3] = kIORPCHandleIOBufferMemoryDescriptor;
        message->words[4] = kIOMemoryDirectionIn;
        message->words[5] = 100;
        break;
    case IOMemoryMap__CopyState_ID:
        message->words[3] = good->map;
        break;
    case IODMACommand_Create_ID:
        message->words[3] = kIORPCHandleIODMACommand;
        message->words[4] = good->device;
        message->words[7] = 64;
        break;
    case IODMACommand_PrepareForDMA_ID:
        message->words[3] = good->command;
        message->words[4] = good->buffer;
        message->words[8] = 32;
        break;
    case IODMACommand_PerformOperation_ID:
        message->words[5] = kIODMACommandPerformOperationOptionZero;
        message->words[7] = 8;
        message->words[3] = good->command;
        break;
    default:
        message->words[3] = good->command;
    }
}
