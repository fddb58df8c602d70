/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of DMA engines: a client of one, with a work loop, and what has arrived there. */
#ifndef TESTS_TARGET_DMA_CLIENT_H
#define TESTS_TARGET_DMA_CLIENT_H

#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "kernel/irq.h"
#include "tests/harness/harness.h"

#define ENDS_MAX 128

/* What has arrived, in order. */
static struct end {
    IODMACommand *command;
    IOReturn status;
    IOByteCount bytes;
} ends[ENDS_MAX];
static unsigned end_count, notes;

struct client {
    OSArray *owner;
    IOWorkLoop *loop;
    IODMAEventSource *source;
};

static inline void note(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                        IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    (void)owner, (void)source, (void)command, (void)status, (void)bytes;
    EXPECT_NE(when, 0);
    notes++;
}

static inline void arrive(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                          IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    (void)owner, (void)when;
    EXPECT_TRUE(IOWorkLoop_inGate(IOEventSource_getWorkLoop(source)));
    EXPECT_FALSE(irq_in_handler());
    ASSERT_LT(end_count, ENDS_MAX);
    ends[end_count++] = (struct end){command, status, bytes};
    IOWorkLoop_wakeupGate(IOEventSource_getWorkLoop(source), &end_count, false);
}

static inline struct client client_of_channel(IOService *device, unsigned channel)
{
    struct client client = {OSArray_withCapacity(1), IOWorkLoop_workLoop(), NULL};

    ASSERT_TRUE(device != NULL && client.owner != NULL && client.loop != NULL);
    client.source = IODMAEventSource_dmaEventSource(OSObject_upcast(client.owner), device, arrive,
                                                    note, channel);
    ASSERT_TRUE(client.source != NULL);
    ASSERT_EQ(IOWorkLoop_addEventSource(client.loop, client.source), kIOReturnSuccess);
    end_count = notes = 0;
    return client;
}

static inline struct client client_of_service(IOService *device)
{
    return client_of_channel(device, 0);
}

static inline void client_drop(struct client *client)
{
    if (IOEventSource_getWorkLoop(client->source) != NULL) {
        EXPECT_EQ(IOWorkLoop_removeEventSource(client->loop, client->source), kIOReturnSuccess);
    }
    OSObject_release(client->source);
    OSObject_release(client->loop);
    OSObject_release(client->owner);
}

static inline IOReturn start(struct client *client, IODMACommand *command, IODirection direction,
                             uint64_t count, uint64_t offset)
{
    IOReturn status;

    IOWorkLoop_closeGate(client->loop);
    status = IODMAEventSource_startDMACommand(client->source, command, direction, count, offset);
    IOWorkLoop_openGate(client->loop);
    return status;
}

static inline void wait_for_ends(struct client *client, unsigned count)
{
    IOWorkLoop_closeGate(client->loop);
    while (end_count < count) {
        IOWorkLoop_sleepGate(client->loop, &end_count, THREAD_UNINT);
    }
    IOWorkLoop_openGate(client->loop);
}

static inline void command_drop(IODMACommand *command)
{
    EXPECT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_clearMemoryDescriptor(command, false), kIOReturnSuccess);
    OSObject_release(command);
}

#endif
