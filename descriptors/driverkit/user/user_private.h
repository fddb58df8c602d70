/* SPDX-License-Identifier: BSD-2-Clause */
/* What proxies know. */
#ifndef DESCRIPTORS_DRIVERKIT_USER_USER_PRIVATE_H
#define DESCRIPTORS_DRIVERKIT_USER_USER_PRIVATE_H

#include "descriptors/OSObject_class.h"
#include "descriptors/driverkit/IORPC_stub.h"
#include "descriptors/driverkit/user/driver.h"

/* A mapping that IOMemoryDescriptor_Map has made, and its arguments. */
struct kept_map {
    struct kept_map *next;
    uint64_t options, address, length;
    IOMemoryMap *map; /* retained */
};

struct IOMemoryDescriptor {
    struct proxy super;
    struct kept_map *maps;
};

struct IOBufferMemoryDescriptor {
    IOMemoryDescriptor super;
    uint64_t capacity;  /* its length when the proxy was made */
    IOMemoryMap *whole; /* retained; NULL: nobody has asked for its address */
};

struct IOMemoryMap {
    struct proxy super;
    _IOMemoryMapPrivateState state;
};

struct IODMACommand {
    struct proxy super;
};

struct IOService {
    struct proxy super;
};

/* Off the list, and let go of the handle: the end of every proxy's free. */
void proxy_free(OSObject *object);

#endif
