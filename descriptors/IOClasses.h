/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classes by name, and how a function takes "any descriptor" without casts.
 *
 *   OSObject
 *     IOMemoryDescriptor (abstract)
 *       IOGeneralMemoryDescriptor
 *         IOBufferMemoryDescriptor
 *         IOGuardPageMemoryDescriptor
 *       IODeviceMemory
 *       IOInterleavedMemoryDescriptor
 *       IOSubMemoryDescriptor
 *       IOMultiMemoryDescriptor
 *     IOMemoryMap
 *     IOMemoryCursor
 *       IONaturalMemoryCursor, IOBigMemoryCursor, IOLittleMemoryCursor
 *     IORangeAllocator
 *     OSArray
 *
 * Class C gives XRef unions: a transparent union of the pointers to C and to its
 * subclasses. A caller passes its own pointer as it is; a pointer to an unrelated
 * class does not compile. A class written elsewhere embeds its parent as first
 * member and passes &mine->super.
 */
#ifndef DESCRIPTORS_IOCLASSES_H
#define DESCRIPTORS_IOCLASSES_H

typedef struct OSMetaClass OSMetaClass;
typedef struct OSObject OSObject;
typedef struct OSArray OSArray;
typedef struct IOMemoryDescriptor IOMemoryDescriptor;
typedef struct IOGeneralMemoryDescriptor IOGeneralMemoryDescriptor;
typedef struct IOBufferMemoryDescriptor IOBufferMemoryDescriptor;
typedef struct IOGuardPageMemoryDescriptor IOGuardPageMemoryDescriptor;
typedef struct IODeviceMemory IODeviceMemory;
typedef struct IOInterleavedMemoryDescriptor IOInterleavedMemoryDescriptor;
typedef struct IOSubMemoryDescriptor IOSubMemoryDescriptor;
typedef struct IOMultiMemoryDescriptor IOMultiMemoryDescriptor;
typedef struct IOMemoryMap IOMemoryMap;
typedef struct IOMemoryCursor IOMemoryCursor;
typedef struct IONaturalMemoryCursor IONaturalMemoryCursor;
typedef struct IOBigMemoryCursor IOBigMemoryCursor;
typedef struct IOLittleMemoryCursor IOLittleMemoryCursor;
typedef struct IORangeAllocator IORangeAllocator;

/* Takes the text form of objects; only ever a pointer here. */
typedef struct OSSerialize OSSerialize;

typedef struct IOMapper IOMapper;

/* A transfer, and a device, as a mapper is told of them; only ever pointers here. */
typedef struct IODMACommand IODMACommand;
typedef struct IOService IOService;

typedef union {
    OSObject *object;
    IOMemoryDescriptor *descriptor;
    IOGeneralMemoryDescriptor *general;
    IOBufferMemoryDescriptor *buffer;
    IOGuardPageMemoryDescriptor *guard;
    IODeviceMemory *device;
    IOInterleavedMemoryDescriptor *interleaved;
    IOSubMemoryDescriptor *sub;
    IOMultiMemoryDescriptor *multi;
    IOMemoryMap *map;
    IOMemoryCursor *cursor;
    IONaturalMemoryCursor *natural;
    IOBigMemoryCursor *big;
    IOLittleMemoryCursor *little;
    IORangeAllocator *ranges;
    OSArray *array;
    IOMapper *mapper;
} OSObjectRef __attribute__((transparent_union));

/* The same for functions that take pointers to const. */
typedef union {
    const OSObject *object;
    const IOMemoryDescriptor *descriptor;
    const IOGeneralMemoryDescriptor *general;
    const IOBufferMemoryDescriptor *buffer;
    const IOGuardPageMemoryDescriptor *guard;
    const IODeviceMemory *device;
    const IOInterleavedMemoryDescriptor *interleaved;
    const IOSubMemoryDescriptor *sub;
    const IOMultiMemoryDescriptor *multi;
    const IOMemoryMap *map;
    const IOMemoryCursor *cursor;
    const IONaturalMemoryCursor *natural;
    const IOBigMemoryCursor *big;
    const IOLittleMemoryCursor *little;
    const IORangeAllocator *ranges;
    const OSArray *array;
    const IOMapper *mapper;
} OSObjectConstRef __attribute__((transparent_union));

typedef union {
    IOMemoryDescriptor *descriptor;
    IOGeneralMemoryDescriptor *general;
    IOBufferMemoryDescriptor *buffer;
    IOGuardPageMemoryDescriptor *guard;
    IODeviceMemory *device;
    IOInterleavedMemoryDescriptor *interleaved;
    IOSubMemoryDescriptor *sub;
    IOMultiMemoryDescriptor *multi;
} IOMemoryDescriptorRef __attribute__((transparent_union));

typedef union {
    const IOMemoryDescriptor *descriptor;
    const IOGeneralMemoryDescriptor *general;
    const IOBufferMemoryDescriptor *buffer;
    const IOGuardPageMemoryDescriptor *guard;
    const IODeviceMemory *device;
    const IOInterleavedMemoryDescriptor *interleaved;
    const IOSubMemoryDescriptor *sub;
    const IOMultiMemoryDescriptor *multi;
} IOMemoryDescriptorConstRef __attribute__((transparent_union));

typedef union {
    IOMemoryCursor *cursor;
    IONaturalMemoryCursor *natural;
    IOBigMemoryCursor *big;
    IOLittleMemoryCursor *little;
} IOMemoryCursorRef __attribute__((transparent_union));

typedef union {
    const IOMemoryCursor *cursor;
    const IONaturalMemoryCursor *natural;
    const IOBigMemoryCursor *big;
    const IOLittleMemoryCursor *little;
} IOMemoryCursorConstRef __attribute__((transparent_union));

/* A pointer to the base class, for arrays and variables that hold several classes. */
static inline OSObject *OSObject_upcast(OSObjectRef self)
{
    return self.object;
}

static inline IOMemoryDescriptor *IOMemoryDescriptor_upcast(IOMemoryDescriptorRef self)
{
    return self.descriptor;
}

static inline IOMemoryCursor *IOMemoryCursor_upcast(IOMemoryCursorRef self)
{
    return self.cursor;
}

#endif
