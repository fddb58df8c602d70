/* SPDX-License-Identifier: BSD-2-Clause */
/* For drivers of DMA engines: what a subclass of IODMAController provides. */
#ifndef DESCRIPTORS_IODMACONTROLLER_CLASS_H
#define DESCRIPTORS_IODMACONTROLLER_CLASS_H

#include "descriptors/IODMAController.h"
#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSObject_class.h"

struct IODMAController {
    OSObject super;
    IOService *provider; /* retained; NULL before start */
    bool isRegistered;
    UInt32 phandle;
    IODMAController *next; /* of those registered */
};

typedef struct {
    OSMetaClass meta;

    /* Give the source a channel for request line reqIndex. kIOReturnNoChannels,
     * kIOReturnBadArgument. */
    IOReturn (*initDMAChannel)(IODMAController *self, IOService *provider, IODMAEventSource *dmaES,
                               UInt32 *dmaIndex, UInt32 reqIndex);
    /*
     * Start, or queue, bytes [byteOffset, + byteCount) of the prepared range; do not wait. Judged
     * already: the command is active and the range (never empty) inside it, the
     * direction is one that the descriptor allows. kIOReturnBusy: no more can be queued;
     * kIOReturnNoSpace: more segments than the engine's list holds. After an error neither notify
     * nor complete. Any context.
     */
    IOReturn (*startDMACommand)(IODMAController *self, UInt32 dmaIndex, IODMACommand *dmaCommand,
                                IODirection direction, IOByteCount byteCount,
                                IOByteCount byteOffset);
    /*
     * Stop everything of the channel; every command ends with kIOReturnAborted and the bytes that
     * were moved. kIOReturnTimeout: it goes on, and only the engine may complete it.
     */
    IOReturn (*stopDMACommand)(IODMAController *self, UInt32 dmaIndex, bool flush,
                               uint64_t timeout);
    /* The current command, or NULL, and the bytes it has moved: one snapshot. Pointers are not
     * NULL. */
    IOReturn (*queryDMACommand)(IODMAController *self, UInt32 dmaIndex, IODMACommand **dmaCommand,
                                IOByteCount *transferCount, bool waitForIdle);
    IOByteCount (*getFIFODepth)(IODMAController *self, UInt32 dmaIndex, IODirection direction);
    IOReturn (*setFIFODepth)(IODMAController *self, UInt32 dmaIndex, IOByteCount depth);
    IOByteCount (*validFIFODepth)(IODMAController *self, UInt32 dmaIndex, IOByteCount depth,
                                  IODirection direction);
    IOReturn (*setFrameSize)(IODMAController *self, UInt32 dmaIndex, UInt8 byteCount);
    IOReturn (*setDMAConfig)(IODMAController *self, UInt32 dmaIndex, IOService *provider,
                             UInt32 reqIndex);
    bool (*validDMAConfig)(IODMAController *self, UInt32 dmaIndex, IOService *provider,
                           UInt32 reqIndex);
    /* The source is going: forget it. Nothing of it is in flight. */
    void (*releaseDMAChannel)(IODMAController *self, UInt32 dmaIndex, IODMAEventSource *dmaES);
} IODMAControllerClass;

OS_CLASS(IODMAControllerClass, IODMAController);

/* The base implementations, for the records of engines that lack them. */
IOReturn controller_init_channel(IODMAController *self, IOService *provider,
                                 IODMAEventSource *dmaES, UInt32 *dmaIndex, UInt32 reqIndex)
    OS_METHOD(IODMAController, initChannel);
IOReturn controller_start_command(IODMAController *self, UInt32 dmaIndex, IODMACommand *dmaCommand,
                                  IODirection direction, IOByteCount byteCount,
                                  IOByteCount byteOffset) OS_METHOD(IODMAController, startCommand);
IOReturn controller_stop_command(IODMAController *self, UInt32 dmaIndex, bool flush,
                                 uint64_t timeout) OS_METHOD(IODMAController, stopCommand);
IOReturn controller_query_command(IODMAController *self, UInt32 dmaIndex, IODMACommand **dmaCommand,
                                  IOByteCount *transferCount, bool waitForIdle)
    OS_METHOD(IODMAController, queryCommand);
IOByteCount controller_get_fifo_depth(IODMAController *self, UInt32 dmaIndex, IODirection direction)
    OS_METHOD(IODMAController, getFIFODepth);
IOReturn controller_set_fifo_depth(IODMAController *self, UInt32 dmaIndex, IOByteCount depth)
    OS_METHOD(IODMAController, setFIFODepth);
IOByteCount controller_valid_fifo_depth(IODMAController *self, UInt32 dmaIndex, IOByteCount depth,
                                        IODirection direction)
    OS_METHOD(IODMAController, validFIFODepth);
IOReturn controller_set_frame_size(IODMAController *self, UInt32 dmaIndex, UInt8 byteCount)
    OS_METHOD(IODMAController, setFrameSize);
IOReturn controller_set_config(IODMAController *self, UInt32 dmaIndex, IOService *provider,
                               UInt32 reqIndex) OS_METHOD(IODMAController, setConfig);
bool controller_valid_config(IODMAController *self, UInt32 dmaIndex, IOService *provider,
                             UInt32 reqIndex) OS_METHOD(IODMAController, validConfig);
void controller_release_channel(IODMAController *self, UInt32 dmaIndex, IODMAEventSource *dmaES)
    OS_METHOD(IODMAController, releaseChannel);
void controller_free(OSObject *self) OS_METHOD(IODMAController, free);

/*
 * What most engines keep of a channel: whose it is, and the commands that they have, oldest first.
 * Part of the engine's object, so zeroed at first. Interrupts are masked around each call.
 */
typedef struct {
    IODMAEventSource *client; /* not retained: it closes the channel; NULL: nobody's */
    struct IOCommandQueue started;
    UInt32 count, most; /* commands that the engine has: now, and at once so far */
} IODMAChannel;

/* kIOReturnNoChannels: it is another's; kIOReturnBadArgument: no client. */
IOReturn IODMAChannel_open(IODMAChannel *self, IODMAEventSource *client);
void IODMAChannel_close(IODMAChannel *self);

/* The engine takes a command, before anything can end it. kIOReturnBusy: it is in some queue. */
IOReturn IODMAChannel_take(IODMAChannel *self, IODMACommand *command);

/* It could not be started after all: nobody hears of it. */
void IODMAChannel_refuse(IODMAChannel *self, IODMACommand *command);

/* Its end, now: notified, then completed. One that the engine does not have: no effect. */
void IODMAChannel_end(IODMAChannel *self, IODMAController *engine, IODMACommand *command,
                      IOReturn status, IOByteCount actualByteCount);

/* The oldest; NULL: idle. */
IODMACommand *IODMAChannel_current(const IODMAChannel *self);

/*
 * Sleep until the channel is idle. False: the time, nanoseconds (all ones: no end), was up first.
 * poll, for a device without interrupts: called in each turn; false from it: sleep for one. May be
 * NULL. Thread context.
 */
bool IODMAChannel_wait(const IODMAChannel *self, uint64_t timeout, bool (*poll)(void *context),
                       void *context);

/*
 * For an engine whose transfers have a second command: the other side of a copy, which no event
 * source has started. From borrowing until it is returned the command stays prepared: its last
 * complete is kIOReturnBusy, and if its last reference goes, it is kept for good, with a line on
 * the log. It may be lent several times at once. Judged as a start's arguments are:
 * kIOReturnNotReady: not prepared; kIOReturnBadArgument: NULL, an empty range or one outside the
 * preparation, or a direction that the descriptor does not allow. Any context.
 */
IOReturn IODMAController_borrowCommand(IODMACommand *command, IODirection direction,
                                       IOByteCount byteCount, IOByteCount byteOffset);
void IODMAController_returnCommand(IODMACommand *command);

/*
 * For an engine that can write one entry of its list without a walk: what a command's list is when
 * it is one entry, from the beginning of what is prepared on. Of no bytes, as for what is not
 * prepared, says nothing but that a walk has to find out. `command` is not NULL. Any context.
 */
struct IODMAEntry {
    IOPhysicalAddress address; /* where the device finds it */
    IOByteCount length;
};
struct IODMAEntry IODMAController_oneEntry(const IODMACommand *command);

/*
 * The record of an engine whose channels are IODMAChannels: what it says of them, from which
 * opening, stopping, asking and closing follow. A record names all five, and the four of
 * CONTROLLER_WITH_CHANNELS.
 */
typedef struct {
    IODMAControllerClass super;
    /* Channel `index`, which is also the number of its request; NULL: there is none. */
    IODMAChannel *(*getChannel)(IODMAController *self, UInt32 index);
    /* What is held back goes to the device, since it is about to be waited for. */
    void (*publish)(IODMAController *self, UInt32 index);
    /* See IODMAChannel_wait; context: the engine. */
    bool (*poll)(void *engine);
    /*
     * End everything of a channel that has something, with kIOReturnAborted; the answer and the
     * timeout are stopDMACommand's.
     */
    IOReturn (*abort)(IODMAController *self, UInt32 index, uint64_t timeout);
    /* Bytes moved of a command that the engine has. Interrupts are masked. */
    IOByteCount (*getMoved)(IODMAController *self, IODMACommand *command);
} IODMAChannelControllerClass;

IOReturn IODMAChannelController_initDMAChannel(IODMAController *self, IOService *provider,
                                               IODMAEventSource *client, UInt32 *index,
                                               UInt32 request);
IOReturn IODMAChannelController_stopDMACommand(IODMAController *self, UInt32 index, bool flush,
                                               uint64_t timeout);
IOReturn IODMAChannelController_queryDMACommand(IODMAController *self, UInt32 index,
                                                IODMACommand **command, IOByteCount *moved,
                                                bool waitForIdle);
void IODMAChannelController_releaseDMAChannel(IODMAController *self, UInt32 index,
                                              IODMAEventSource *client);

#define CONTROLLER_WITH_CHANNELS                                                                   \
    .initDMAChannel = IODMAChannelController_initDMAChannel,                                       \
    .stopDMACommand = IODMAChannelController_stopDMACommand,                                       \
    .queryDMACommand = IODMAChannelController_queryDMACommand,                                     \
    .releaseDMAChannel = IODMAChannelController_releaseDMAChannel

/* For engines that hold nothing back, and those that interrupt. */
void IODMAChannelController_publishNothing(IODMAController *self, UInt32 index);
bool IODMAChannelController_pollNothing(void *engine);

/* What an engine of one channel, number 0, begins with, and what its record names to say so. */
typedef struct IODMASingleController {
    IODMAController super;
    IODMAChannel channel;
} IODMASingleController;

IODMAChannel *IODMASingleController_getChannel(IODMAController *self, UInt32 index);

/*
 * For a device that is its own engine: a controller of this class, started and registered, and the
 * service that has it: its "phandle" is `identity`, and its "dma-parent" as well. Both +1. One
 * with several channels gives "dma-parent" a cell for each: a client's request is the number of
 * an entry there. NULL: kIOReturnNoMemory, kIOReturnExclusiveAccess (another one has the
 * identity). Thread context.
 */
IODMAController *IODMAController_withOwnService(const OSMetaClass *metaClass, const char *name,
                                                UInt32 identity, IOService **service);

/* An engine without FIFO, frames and request lines names these. */
#define CONTROLLER_WITHOUT_FIFO                                                                    \
    .getFIFODepth = controller_get_fifo_depth, .setFIFODepth = controller_set_fifo_depth,          \
    .validFIFODepth = controller_valid_fifo_depth, .setFrameSize = controller_set_frame_size,      \
    .setDMAConfig = controller_set_config, .validDMAConfig = controller_valid_config

#endif
