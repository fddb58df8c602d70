/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a buffer; for its files and white-box tests. */
#ifndef DESCRIPTORS_IOBUFFERMEMORYDESCRIPTOR_PRIVATE_H
#define DESCRIPTORS_IOBUFFERMEMORYDESCRIPTOR_PRIVATE_H

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/buffer/IOBufferCreator.h"
#include "descriptors/reference/IOMemoryReference.h"

struct IOBufferMemoryDescriptor_ExpansionData {
    uint64_t start, end; /* addresses in the owning task, guards included */
};

/*
 * The memory is either kernel memory in the linear view of RAM (direct), or objects that
 * the memory reference of the general descriptor names, shown in the owning task by the
 * buffer's own mapping.
 */
struct IOBufferMemoryDescriptor {
    IOGeneralMemoryDescriptor super;
    vm_size_t capacity;   /* bytes asked for; 0: not initialised */
    IOAddressRange whole; /* the one range: all of the capacity; at 0 if mapped nowhere */
    void *direct;         /* NULL: the reference's */
    uint64_t allocated;   /* bytes at direct */
    IOBufferMemoryDescriptor_ExpansionData *reserved; /* &mapping; NULL: no mapping of its own */
    IOBufferMemoryDescriptor_ExpansionData mapping;
    OSObject *creator; /* retained; see IOBufferCreator.h */
};

/* What is asked of a creation. */
struct buffer_request {
    task_t inTask;
    IOOptionBits options;
    mach_vm_size_t capacity;
    mach_vm_address_t alignment;
    mach_vm_address_t physicalMask; /* 0: none */
    bool guarded;
};

/* Not initialised. NULL: kIOReturnNoMemory. */
IOBufferMemoryDescriptor *buffer_new(void);

/* How a buffer is to lie in memory; made from the arguments of its creation. */
struct buffer_placement {
    uint64_t capacity;  /* bytes, as the buffer will report it */
    uint64_t size;      /* bytes to allocate */
    uint64_t alignment; /* a power of two */
    uint64_t highest;   /* highest physical address; 0: no limit */
    uint64_t guard;     /* bytes without access on either side */
    uint8_t cache;      /* kIO...Cache */
    bool contiguous;
    bool permanent; /* its pages are never absent or exchanged */
    bool pageable;
    bool prefault; /* its own mapping */
    bool purgeable;
};

/* Judge all arguments of a creation and decide the placement. */
IOReturn buffer_place(const struct buffer_request *request, struct buffer_placement *placement);

/* A new, zeroed object of the placement's size. */
IOReturn buffer_make_object(const struct buffer_placement *placement, struct vm_object **object);

/*
 * Make the placed memory the buffer's and describe it. On failure the object is good for
 * release only.
 */
IOReturn buffer_set_up(IOBufferMemoryDescriptor *self, task_t inTask, IOOptionBits options,
                       const struct buffer_placement *placement);

/* What the placement asks of memory, an I/O mapping of the buffer has to satisfy too. */
void buffer_record_constraints(IOBufferMemoryDescriptor *self,
                               const struct buffer_placement *placement);

/* The same for memory that exists: the reference is taken over, also on failure. */
IOReturn buffer_adopt(IOBufferMemoryDescriptor *self, struct IOMemoryReference *reference,
                      task_t inTask, IOOptionBits options,
                      const struct buffer_placement *placement);

/* Store bytes (NULL: zeros) inside the capacity, whoever can see the memory; *done says how many.
 */
IOReturn buffer_store(IOBufferMemoryDescriptor *self, uint64_t offset, const void *bytes,
                      uint64_t length, uint64_t *done);

#endif
