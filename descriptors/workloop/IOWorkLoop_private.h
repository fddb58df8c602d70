/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a work loop. */
#ifndef DESCRIPTORS_IOWORKLOOP_PRIVATE_H
#define DESCRIPTORS_IOWORKLOOP_PRIVATE_H

#include "descriptors/IOEventSource_class.h"

struct IOWorkLoop {
    OSObject super;
    IOEventSource *sources;     /* asked for work, in the order of addition */
    IOEventSource *passive;     /* those that have none by themselves */
    IOWorkLoop *next;           /* of all loops: whoever sleeps runs them */
    unsigned gate;              /* times closed */
    unsigned running;           /* runs of the sources, one in another by a sleep */
    uint32_t removals;          /* of sources: a scan that sees one begins anew */
    volatile bool workToDo;     /* set by handlers too */
    volatile bool shuttingDown; /* freed: no source is run any more */
};

OS_CLASS(OSMetaClass, IOWorkLoop);

#endif
