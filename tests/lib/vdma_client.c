/* SPDX-License-Identifier: BSD-2-Clause */
/* One channel of vdma's, for programs without a harness. */
#include "tests/lib/vdma_client.h"

#include <stdlib.h>

#include "kernel/timer.h"

/* There is one client. */
static struct vdma_client *current;

static void arrive(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                   IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    (void)owner, (void)command, (void)bytes, (void)when;
    if (current->status == kIOReturnSuccess) {
        current->status = status;
    }
    current->ended++;
    IOWorkLoop_wakeupGate(IOEventSource_getWorkLoop(source), &current->ended, false);
}

bool vdma_client_begin(struct vdma_client *client)
{
    if (!vdma_present()) {
        return false;
    }
    *client = (struct vdma_client){
        .owner = OSArray_withCapacity(1),
        .loop = IOWorkLoop_workLoop(),
        .status = kIOReturnSuccess,
    };
    client->source = IODMAEventSource_dmaEventSource(OSObject_upcast(client->owner),
                                                     vdma_get_service(), arrive, NULL, 0);
    current = client;
    return client->source != NULL &&
           IOWorkLoop_addEventSource(client->loop, client->source) == kIOReturnSuccess;
}

int vdma_client_end(struct vdma_client *client)
{
    IOWorkLoop_removeEventSource(client->loop, client->source);
    OSObject_release(client->source);
    OSObject_release(client->loop);
    OSObject_release(client->owner);
    return client->status == kIOReturnSuccess ? EXIT_SUCCESS : EXIT_FAILURE;
}

IOMemoryDescriptor *vdma_client_memory(void *bytes, size_t length, IODirection direction)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRange((uintptr_t)bytes, length, direction, kernel_task);

    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    return memory;
}

void vdma_client_forget(IOMemoryDescriptor *memory)
{
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
}

IODMACommand *vdma_client_command(struct vdma_side *side, IOMemoryDescriptor *memory,
                                  const IODMACommand_SegmentOptions *options, uint32_t mapping)
{
    side->command = vdma_create_command(options, mapping, &side->transfer);
    IODMACommand_setMemoryDescriptor(side->command, memory, false);
    return side->command;
}

IODMACommand *vdma_client_prepare(struct vdma_side *side, IOMemoryDescriptor *memory)
{
    vdma_client_command(side, memory, NULL, kMapped);
    IODMACommand_prepare(side->command, 0, 0, true, true);
    return side->command;
}

void vdma_client_drop(struct vdma_side *side)
{
    IODMACommand_complete(side->command, true, true);
    IODMACommand_clearMemoryDescriptor(side->command, false);
    OSObject_release(side->command);
}

void vdma_client_delay(unsigned count)
{
    const struct vdma_fault fault = {.kind = VDMA_FAULT_DELAY,
                                     .argument = timer_frequency() / 1000};
    const uint64_t arguments[2] = {VDMA_INJECT_FAULTS, 0};

    for (unsigned i = 0; i < count; i++) {
        vdma_control(VDMA_INJECT, arguments, &fault, sizeof(fault), NULL, 0, NULL);
    }
}

static IOReturn start(struct vdma_client *client, struct vdma_side *side, IODirection direction)
{
    IOReturn status;

    IOWorkLoop_closeGate(client->loop);
    status = IODMAEventSource_startDMACommand(client->source, side->command, direction, 0, 0);
    IOWorkLoop_openGate(client->loop);
    if (status != kIOReturnSuccess && client->status == kIOReturnSuccess) {
        client->status = status;
    }
    return status;
}

IOReturn vdma_client_fill(struct vdma_client *client, struct vdma_side *to)
{
    to->transfer.type = VDMA_FILL;
    to->transfer.arguments[0] = 0x5a;
    to->transfer.arguments[1] = 1;
    return start(client, to, kIODirectionIn);
}

IOReturn vdma_client_sum(struct vdma_client *client, struct vdma_side *from)
{
    from->transfer.type = VDMA_CHECKSUM;
    return start(client, from, kIODirectionOut);
}

IOReturn vdma_client_copy(struct vdma_client *client, struct vdma_side *from, struct vdma_side *to)
{
    to->transfer.type = VDMA_COPY;
    to->transfer.other = from->command;
    return start(client, to, kIODirectionIn);
}

void vdma_client_wait(struct vdma_client *client, unsigned count)
{
    IOWorkLoop_closeGate(client->loop);
    while (client->ended < count) {
        IOWorkLoop_sleepGate(client->loop, &client->ended, THREAD_UNINT);
    }
    IOWorkLoop_openGate(client->loop);
}
