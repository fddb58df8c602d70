/* SPDX-License-Identifier: BSD-2-Clause */
/* The six segment functions: an entry is two numbers, of 32 or 64 bits, in some byte order. */
#include <string.h>

#include "descriptors/IODMACommand.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LITTLE32(x) (x)
#define LITTLE64(x) (x)
#define BIG32(x)    __builtin_bswap32(x)
#define BIG64(x)    __builtin_bswap64(x)
#else
#define LITTLE32(x) __builtin_bswap32(x)
#define LITTLE64(x) __builtin_bswap64(x)
#define BIG32(x)    (x)
#define BIG64(x)    (x)
#endif

/* Byte-wise safe: the array may lie anywhere in normal memory. The index is scaled in 64 bits. */
static void put_64(void *segments, UInt32 index, uint64_t address, uint64_t length)
{
    const uint64_t entry[2] = {address, length};

    memcpy((uint8_t *)segments + (uint64_t)index * sizeof(entry), entry, sizeof(entry));
}

static void put_32(void *segments, UInt32 index, uint32_t address, uint32_t length)
{
    const uint32_t entry[2] = {address, length};

    memcpy((uint8_t *)segments + (uint64_t)index * sizeof(entry), entry, sizeof(entry));
}

/* Refused and not cut: a cut address would send the device to somebody else's memory. */
static bool fits_32(IODMACommand_Segment64 segment)
{
    /* One test for both: a bit above the 32nd of either is in their union. */
    return (segment.fIOVMAddr | segment.fLength) <= UINT32_MAX;
}

/*
 * None asks the command: its limits were applied to the segment before, what is left is the
 * format.
 */
bool IODMACommand_OutputHost32(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                               UInt32 segmentIndex)
{
    (void)target;
    if (!fits_32(segment)) {
        return false;
    }
    put_32(segments, segmentIndex, (uint32_t)segment.fIOVMAddr, (uint32_t)segment.fLength);
    return true;
}

bool IODMACommand_OutputBig32(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                              UInt32 segmentIndex)
{
    (void)target;
    if (!fits_32(segment)) {
        return false;
    }
    put_32(segments, segmentIndex, BIG32((uint32_t)segment.fIOVMAddr),
           BIG32((uint32_t)segment.fLength));
    return true;
}

bool IODMACommand_OutputLittle32(IODMACommand *target, IODMACommand_Segment64 segment,
                                 void *segments, UInt32 segmentIndex)
{
    (void)target;
    if (!fits_32(segment)) {
        return false;
    }
    put_32(segments, segmentIndex, LITTLE32((uint32_t)segment.fIOVMAddr),
           LITTLE32((uint32_t)segment.fLength));
    return true;
}

bool IODMACommand_OutputHost64(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                               UInt32 segmentIndex)
{
    (void)target;
    put_64(segments, segmentIndex, segment.fIOVMAddr, segment.fLength);
    return true;
}

bool IODMACommand_OutputBig64(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                              UInt32 segmentIndex)
{
    (void)target;
    put_64(segments, segmentIndex, BIG64(segment.fIOVMAddr), BIG64(segment.fLength));
    return true;
}

bool IODMACommand_OutputLittle64(IODMACommand *target, IODMACommand_Segment64 segment,
                                 void *segments, UInt32 segmentIndex)
{
    (void)target;
    put_64(segments, segmentIndex, LITTLE64(segment.fIOVMAddr), LITTLE64(segment.fLength));
    return true;
}
