/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a buffer; for its files and white-box tests. */
#ifndef DESCRIPTORS_IOBUFFERMEMORYDESCRIPTOR_PRIVATE_H
#define DESCRIPTORS_IOBUFFERMEMORYDESCRIPTOR_PRIVATE_H

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOGeneralMemoryDescriptor_private.h"

struct IOBufferMemoryDescriptor {
    IOGeneralMemoryDescriptor super;
    void *memory;         /* NULL: not initialised */
    uint64_t allocated;   /* bytes at memory */
    vm_size_t capacity;   /* bytes asked for */
    IOAddressRange whole; /* the one range: all of the capacity */
};

/* How a buffer is to lie in memory; made from the arguments of its creation. */
struct buffer_placement {
    uint64_t size;      /* bytes to allocate */
    uint64_t alignment; /* a power of two */
    uint64_t highest;   /* highest physical address; 0: no limit */
    bool contiguous;
};

/* Judge all arguments of initWithPhysicalMask and decide the placement. */
IOReturn buffer_place(task_t inTask, IOOptionBits options, mach_vm_size_t capacity,
                      mach_vm_address_t alignment, mach_vm_address_t physicalMask,
                      struct buffer_placement *placement);

#endif
