/* SPDX-License-Identifier: BSD-2-Clause */
/* For kinds of devices: what a subclass of IOService embeds. */
#ifndef DESCRIPTORS_IOSERVICE_CLASS_H
#define DESCRIPTORS_IOSERVICE_CLASS_H

#include "descriptors/IOService.h"
#include "descriptors/OSObject_class.h"

struct IOServiceEntry;

struct IOService {
    OSObject super;
    char *name;
    IOService_Reader *reader; /* NULL: only what was set */
    const void *readerContext;
    struct IOServiceEntry *entries;
};

OS_CLASS(OSMetaClass, IOService);

#endif
