/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOGeneralMemoryDescriptor: ranges of a task, or of physical memory (contract
 * file 10, section 14). The class behind the factories of IOMemoryDescriptor.h;
 * it adds no functions of its own.
 *
 * Ranges may begin and end at any byte, be empty, overlap, and come in any order;
 * the bytes of the descriptor are theirs in the order of the array.
 */
#ifndef DESCRIPTORS_IOGENERALMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOGENERALMEMORYDESCRIPTOR_H

#include "descriptors/IOMemoryDescriptor.h"

/* The class object. */
extern const OSMetaClass IOGeneralMemoryDescriptor_metaClass;

#endif
