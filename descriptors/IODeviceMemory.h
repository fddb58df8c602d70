/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IODeviceMemory: one physical range of device registers, or of memory that a device
 * has. All functions of IOMemoryDescriptor.h apply.
 *
 * prepare and complete always succeed. readBytes and writeBytes use naturally aligned
 * accesses of 8, 4, 2 and 1 bytes, the largest that fit first, and never touch a byte
 * outside the range; mappings are Device memory unless asked for otherwise.
 */
#ifndef DESCRIPTORS_IODEVICEMEMORY_H
#define DESCRIPTORS_IODEVICEMEMORY_H

#include "descriptors/IOMemoryDescriptor.h"

/* The class object. */
extern const OSMetaClass IODeviceMemory_metaClass;

/*
 * `length` bytes from a physical address on, 0 included; direction kIODirectionNone.
 * NULL: kIOReturnBadArgument (it wraps, needs page numbers of more than 32 bits, or
 * overlaps RAM of the machine), kIOReturnNoMemory. Thread context.
 */
IODeviceMemory *IODeviceMemory_withRange(IOPhysicalAddress start, IOPhysicalLength length);

/*
 * Bytes [offset, offset + length) of another one, which is retained; the tag is its
 * tag. Maps made through it are maps of the other one. NULL: kIOReturnBadArgument (no
 * device memory, outside it or wrapping), kIOReturnNoMemory. Thread context.
 */
IODeviceMemory *IODeviceMemory_withSubRange(IODeviceMemory *of, IOPhysicalAddress offset,
                                            IOPhysicalLength length);

/* One range of a list. */
struct IODeviceMemory_InitElement {
    IOPhysicalAddress start;
    IOPhysicalLength length; /* bytes */
    IOOptionBits tag;
};

/* The same by the documented name. */
typedef struct IODeviceMemory_InitElement IODeviceMemory_InitElement;

/*
 * An IODeviceMemory for each element, in order and with its tag; the caller releases
 * the array. count 0: an empty array. NULL, and nothing left over:
 * kIOReturnBadArgument (no list, or as withRange), kIOReturnNoMemory. Thread context.
 */
OSArray *IODeviceMemory_arrayFromList(IODeviceMemory_InitElement list[], IOItemCount count);

#endif
