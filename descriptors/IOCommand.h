/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOCommand: the base of what is handed around in queues. All it has is the link, which
 * belongs to whoever owns the command at the moment: a pool, a driver's list, an event
 * source. Source: the reference's IOCommand (IOKit, Kernel framework).
 */
#ifndef DESCRIPTORS_IOCOMMAND_H
#define DESCRIPTORS_IOCOMMAND_H

#include "descriptors/OSObject.h"

/* The class object. */
extern const OSMetaClass IOCommand_metaClass;

/* A queue of commands, first in, first out; zeroed is empty. Exclusion is the owner's. */
struct IOCommandQueue {
    IOCommand *first;
    IOCommand *last;
};

/* Append. A command that is in a queue already is refused with false, nothing changed. */
bool IOCommandQueue_put(struct IOCommandQueue *queue, IOCommandRef command);

/* Take the first out; NULL: empty. */
IOCommand *IOCommandQueue_take(struct IOCommandQueue *queue);

/* Take this one out, wherever it is; false: it is not in there. Linear in the queue's length. */
bool IOCommandQueue_remove(struct IOCommandQueue *queue, IOCommandRef command);

/* True while the command is in some queue. */
bool IOCommand_isQueued(IOCommandRef self);

#endif
