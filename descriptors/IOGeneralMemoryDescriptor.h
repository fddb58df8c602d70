/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOGeneralMemoryDescriptor: ranges of a task, or of physical memory. The class
 * behind the factories of IOMemoryDescriptor.h.
 *
 * Ranges may begin and end at any byte, be empty, overlap, and come in any order;
 * the bytes of the descriptor are theirs in the order of the array.
 */
#ifndef DESCRIPTORS_IOGENERALMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOGENERALMEMORYDESCRIPTOR_H

#include "descriptors/IOMemoryDescriptor.h"

/* The class object. */
extern const OSMetaClass IOGeneralMemoryDescriptor_metaClass;

/* Text forms of objects are not part of this project: false (kIOReturnUnsupported). [A] */
bool IOGeneralMemoryDescriptor_serialize(const IOGeneralMemoryDescriptor *self, OSSerialize *s);

#endif
