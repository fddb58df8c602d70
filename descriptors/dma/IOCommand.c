/* SPDX-License-Identifier: BSD-2-Clause */
/* The base of commands, and the queue that its link is for. */
#include "descriptors/dma/IOCommand_private.h"
#include "descriptors/object/IOAssert.h"

static void command_free(OSObject *self)
{
    OSObject_free(self);
}

static uint32_t instances;

OS_CLASS(OSMetaClass, IOCommand);
const OSMetaClass IOCommand_class = {"IOCommand", &OSObject_metaClass, sizeof(IOCommand),
                                     &instances, command_free};

bool IOCommandQueue_put(struct IOCommandQueue *queue, IOCommandRef commandRef)
{
    IOCommand *command = commandRef.command;

    /* In two queues at once, one link would tie them into one: the loss of both. */
    if (queue == NULL || command == NULL || command->queued) {
        return false;
    }
    command->fCommandChain = NULL;
    command->queued = true;
    /* `last` means nothing in an empty queue: take leaves it behind. */
    if (queue->first == NULL) {
        queue->first = command;
    } else {
        queue->last->fCommandChain = command;
    }
    queue->last = command;
    return true;
}

IOCommand *IOCommandQueue_take(struct IOCommandQueue *queue)
{
    IOCommand *command = queue == NULL ? NULL : queue->first;

    if (command != NULL) {
        IOASSERT(command->queued);
        /* The queue holds no reference: who owns the command keeps it alive while it is in line. */
        queue->first = command->fCommandChain;
        command->queued = false;
    }
    return command;
}

/*
 * Linear: taking a command out of its turn is the exception, and a second link would cost every put
 * and take a store.
 */
bool IOCommandQueue_remove(struct IOCommandQueue *queue, IOCommandRef commandRef)
{
    IOCommand *before = NULL;

    if (queue == NULL || commandRef.command == NULL) {
        return false;
    }
    for (IOCommand *command = queue->first; command != NULL; command = command->fCommandChain) {
        if (command != commandRef.command) {
            before = command;
            continue;
        }
        if (before == NULL) {
            queue->first = command->fCommandChain;
        } else {
            before->fCommandChain = command->fCommandChain;
        }
        if (queue->last == command) {
            queue->last = before;
        }
        command->queued = false;
        return true;
    }
    return false;
}

bool IOCommand_isQueued(IOCommandRef self)
{
    return self.command != NULL && self.command->queued;
}
