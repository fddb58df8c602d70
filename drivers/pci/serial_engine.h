/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For drivers of engines that have one transfer at a time: an IODMAController of one channel
 * that keeps the others in line, cuts each into the commands that its device takes, and tells
 * their ends. The driver has two functions, and calls serial_answer from its interrupt.
 */
#ifndef DRIVERS_PCI_SERIAL_ENGINE_H
#define DRIVERS_PCI_SERIAL_ENGINE_H

#include "descriptors/IODMAController_class.h"
#include "kernel/lock.h"

struct serial_engine;

/* What goes with a command; the first member of a driver's own. */
struct serial_transfer {
    IODMACommand *command; /* not retained */
    struct serial_transfer *next;
    uint64_t offset; /* of its first byte in the preparation */
    uint64_t length, issued, moved;
    bool writes; /* to the device */
};

/* What a driver says of its device. */
struct serial_class {
    /* Refuse what the device cannot be told at all, before it is in line. The lock is held. */
    IOReturn (*check)(struct serial_engine *engine, const struct serial_transfer *transfer);
    /*
     * Start the device with the bytes from transfer->issued on; *bytes: how many. After an error
     * it has not been started. The lock is held.
     */
    IOReturn (*issue)(struct serial_engine *engine, struct serial_transfer *transfer,
                      uint64_t *bytes);
    /*
     * Make the device drop what it has. False: it may still use memory, and takes nothing any
     * more. The lock is held.
     */
    bool (*reset)(struct serial_engine *engine);
};

/* An engine of one channel, whose device takes one transfer at a time. */
struct serial_engine {
    IODMASingleController super;
    const struct serial_class *methods;
    struct lock lock;
    struct serial_transfer *first, *last; /* the device has the first, if it is busy */
    uint64_t bytes;                       /* that it was told of */
    bool busy;
    bool lost;
    bool ending;       /* ends are told: no place to reset */
    uint64_t commands; /* that it has been given */
};

/* The records of such engines name these. */
IOReturn serial_start(IODMAController *self, UInt32 index, IODMACommand *command,
                      IODirection direction, IOByteCount count, IOByteCount offset);
IOReturn serial_abort(IODMAController *self, UInt32 index, uint64_t timeout);
IOByteCount serial_moved(IODMAController *self, IODMACommand *command);

/* The methods of an engine's record that follow from these. */
#define SERIAL_ENGINE                                                                              \
    .getChannel = IODMASingleController_getChannel,                                                \
    .publish = IODMAChannelController_publishNothing, .poll = IODMAChannelController_pollNothing,  \
    .abort = serial_abort, .getMoved = serial_moved

/* What the engine's object begins with. Thread context. */
void serial_init(struct serial_engine *engine, const struct serial_class *methods,
                 const char *name);

/*
 * The device has ended what it was given: all of it, with kIOReturnSuccess, or only `moved` bytes
 * for sure. What comes next is started. Without anything: no effect. The lock is held.
 */
void serial_answer(struct serial_engine *engine, IOReturn status, uint64_t moved);

/* Reset it; what it has and what is in line ends so. kIOReturnNotResponding: it is lost. */
IOReturn serial_reset(struct serial_engine *engine, IOReturn status);

#endif
