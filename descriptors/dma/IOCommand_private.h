/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a command: the link. For its subclasses. */
#ifndef DESCRIPTORS_IOCOMMAND_PRIVATE_H
#define DESCRIPTORS_IOCOMMAND_PRIVATE_H

#include "descriptors/IOCommand.h"
#include "descriptors/OSObject_class.h"

struct IOCommand {
    OSObject super;
    IOCommand *fCommandChain; /* the next in the queue */
    bool queued;              /* in some queue: the link is that queue's */
};

#endif
