/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a run of memory must be cut for a device, and whether a list obeys its limits. */
#include "descriptors/IODMALimits.h"

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * The largest length up to `most`, and above 0, that is a multiple of lengthMask + 1 and
 * ends on a multiple of endMask + 1; 0: there is none.
 *
 * Both are powers of two, so one divides the other. If the ends are the coarser, the
 * start must be a multiple of the length's unit, or no end is; else it must be a
 * multiple of the ends' unit.
 */
static uint64_t longest_ending_on(uint64_t address, uint64_t most, uint64_t lengthMask,
                                  uint64_t endMask)
{
    if (lengthMask > endMask) {
        return (address & endMask) == 0 ? most & ~lengthMask : 0;
    }
    if ((address & lengthMask) != 0) {
        return 0;
    }
    /* The bytes of the last, partial unit go. The sum may be 2^64, which masks to the same. */
    const uint64_t beyond = (address + most) & endMask;

    return beyond < most ? most - beyond : 0;
}

/*
 * Bytes from here that no limit but an alignment cuts; the first byte is below the highest.
 * In "bytes beyond the first", since a limit of 2^64 bytes has no other number.
 */
static uint64_t reach(const struct IODMALimits *limits, uint64_t address, uint64_t left)
{
    uint64_t beyond = left - 1;

    beyond = lesser(beyond, limits->longest - 1);
    beyond = lesser(beyond, limits->highest - address);
    beyond = lesser(beyond, limits->boundaryMask & ~address);
    return beyond + 1;
}

static bool may_start(const struct IODMALimits *limits, uint64_t address, bool first)
{
    return (address & (first ? limits->firstMask : limits->startMask)) == 0;
}

/* May a segment end where its run does? */
static bool may_end(const struct IODMALimits *limits, uint64_t address, uint64_t length, bool more)
{
    return (length & limits->lengthMask) == 0 &&
           (!more || ((address + length) & limits->endMask) == 0);
}

/* The longest segment that leaves an address where the next may start; 0: none. */
static uint64_t interior(const struct IODMALimits *limits, uint64_t address, uint64_t most)
{
    return longest_ending_on(address, most, limits->lengthMask,
                             limits->startMask | limits->endMask);
}

IOReturn IODMALimits_segment(const struct IODMALimits *limits, uint64_t address, uint64_t left,
                             bool first, bool more, uint64_t *length)
{
    uint64_t most;

    if (address > limits->highest) {
        return kIOReturnMessageTooLarge;
    }
    if (!may_start(limits, address, first)) {
        return kIOReturnNotAligned;
    }
    most = reach(limits, address, left);
    /*
     * The run ends here: whether the segment may is a question of its end only. A cut inside must
     * leave an address where the next one may start as well.
     */
    if (most == left) {
        if (!may_end(limits, address, most, more)) {
            return kIOReturnNotAligned;
        }
    } else {
        most = interior(limits, address, most);
        if (most == 0) {
            return kIOReturnNotAligned;
        }
    }
    *length = most;
    return kIOReturnSuccess;
}

uint64_t IODMALimits_cover(const struct IODMALimits *limits, uint64_t address, uint64_t left,
                           bool first, bool more)
{
    uint64_t covered = 0;

    if (address > limits->highest || !may_start(limits, address, first)) {
        return 0;
    }
    /* The rest lies above what the device reaches, so bytes follow that are put elsewhere. */
    if (left - 1 > limits->highest - address) {
        left = limits->highest - address + 1;
        more = true;
    }
    /* Ends: interior() is not 0 here, and every other case returns. */
    for (;;) {
        const uint64_t at = address + covered;
        const uint64_t rest = left - covered;
        const uint64_t most = reach(limits, at, rest);
        uint64_t length;

        if (most == rest && may_end(limits, at, most, more)) {
            return left;
        }
        length = most == rest ? 0 : interior(limits, at, most);
        if (length == 0) {
            /* The last segment in place: what follows it is put where it suits. */
            return covered + longest_ending_on(at, most, limits->lengthMask, limits->endMask);
        }
        covered += length;
    }
}

static IOReturn check_entry(const struct IODMALimits *limits, const IOPhysicalSegment *segment,
                            bool first, bool last)
{
    const uint64_t at = segment->location, length = segment->length;

    if (length == 0 || at + (length - 1) < at) {
        return kIOReturnBadArgument;
    }
    /* By the last byte: the address behind it may be 2^64. */
    if (length > limits->longest || at + (length - 1) > limits->highest) {
        return kIOReturnMessageTooLarge;
    }
    if (!may_start(limits, at, first) || !may_end(limits, at, length, !last) ||
        length - 1 > (limits->boundaryMask & ~at)) {
        return kIOReturnNotAligned;
    }
    return kIOReturnSuccess;
}

IOReturn IODMALimits_check(const struct IODMALimits *limits, const IOPhysicalSegment *segments,
                           UInt32 count, bool whole, UInt32 *index)
{
    uint64_t sum = 0;

    for (UInt32 i = 0; i < count; i++) {
        IOReturn status = check_entry(limits, &segments[i], i == 0, whole && i + 1 == count);

        if (status == kIOReturnSuccess &&
            (__builtin_add_overflow(sum, segments[i].length, &sum) || sum > limits->transfer)) {
            status = kIOReturnMessageTooLarge;
        }
        if (status != kIOReturnSuccess) {
            /* Which entry it was: of a list of hundreds the status alone helps nobody. */
            if (index != NULL) {
                *index = i;
            }
            return status;
        }
    }
    return kIOReturnSuccess;
}
