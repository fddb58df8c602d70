/* SPDX-License-Identifier: BSD-2-Clause */
/* Who made a buffer, as an object that lives as long as its memory is taken. */
#ifndef DESCRIPTORS_BUFFER_IOBUFFERCREATOR_H
#define DESCRIPTORS_BUFFER_IOBUFFERCREATOR_H

#include "descriptors/IOBufferMemoryDescriptor.h"

/* Once, for a new buffer: retained until its memory has been given back. */
void IOBufferMemoryDescriptor_setCreator(IOBufferMemoryDescriptor *self, OSObject *creator);

/* Not retained; NULL: nobody said. */
OSObject *IOBufferMemoryDescriptor_getCreator(const IOBufferMemoryDescriptor *self);

#endif
