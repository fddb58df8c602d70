/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a cursor; for its subclasses and white-box tests. */
#ifndef DESCRIPTORS_IOMEMORYCURSOR_PRIVATE_H
#define DESCRIPTORS_IOMEMORYCURSOR_PRIVATE_H

#include "descriptors/IOMemoryCursor.h"
#include "descriptors/OSObject_class.h"

struct IOMemoryCursor {
    OSObject super;
    IOMemoryCursor_SegmentFunction output; /* NULL: not initialised */
    IOMemoryCursor_RowFunction outputRow;  /* NULL: entries go by `output`, one after another */
    uint64_t maxSegment;                   /* bytes; UINT64_MAX: no limit */
    uint64_t maxTransfer;                  /* bytes; UINT64_MAX: no limit */
    uint64_t cut;                          /* maxSegment rounded down to the alignment */
    uint64_t whole;                        /* a run up to so long is one entry as it is */
    uint64_t alignmentMask;                /* alignment less one */
};

/* The subclasses differ in their output function alone. */
struct IONaturalMemoryCursor {
    IOMemoryCursor super;
};
struct IOBigMemoryCursor {
    IOMemoryCursor super;
};
struct IOLittleMemoryCursor {
    IOMemoryCursor super;
};

void cursor_free(OSObject *self);

/* initWithSpecification, with a function for rows as well, or NULL. */
bool IOMemoryCursor_initWithRow(IOMemoryCursor *self, IOMemoryCursor_SegmentFunction outSegFunc,
                                IOMemoryCursor_RowFunction outRowFunc,
                                IOPhysicalLength maxSegmentSize, IOPhysicalLength maxTransferSize,
                                IOPhysicalLength alignment);

/* Allocate an instance of a cursor class and initialise it so. */
IOMemoryCursor *IOMemoryCursor_make(const OSMetaClass *meta,
                                    IOMemoryCursor_SegmentFunction outSegFunc,
                                    IOMemoryCursor_RowFunction outRowFunc,
                                    IOPhysicalLength maxSegmentSize,
                                    IOPhysicalLength maxTransferSize, IOPhysicalLength alignment);

/* genPhysicalSegments of the subclasses, which refuse a NULL list. */
UInt32 IOMemoryCursor_getTyped(IOMemoryCursor *self, IOMemoryDescriptorRef descriptor,
                               IOByteCount fromPosition, IOPhysicalSegment *segments,
                               UInt32 maxSegments, UInt32 maxTransferSize,
                               IOByteCount *transferSize);

#endif
