/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a transfer behind an IOMMU, without a command: mapped where the request is submitted,
 * and taken away where it ends, both of which may be in an interrupt handler. See mapping.h.
 */
#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/mapping.h"

IOReturn virtio_map_memory(struct virtio_memory *mapped, IOMapper *mapper,
                           IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                           uint32_t access)
{
    uint64_t taken;
    IOReturn status;

    *mapped = (struct virtio_memory){.offset = offset, .length = length};
    /* Not by IOMemoryDescriptor_dmaMap, which makes a list of the pages: that takes a thread. */
    status = IOMapper_beginTransfer(mapper, &mapped->use, memory, offset, length, access,
                                    &mapped->address, &taken);
    if (status != kIOReturnSuccess) {
        return status;
    }
    mapped->mapper = mapper;
    mapped->layout = IOMappedLayout_begin(mapped->address);
    return kIOReturnSuccess;
}

/* --- The walk --------------------------------------------------------------------------------- */

/* Segments on their way out: the one that may still grow, and what has gone. */
struct output {
    IODMACommand_SegmentFunction function;
    void *context;
    uint32_t longest;
    UInt32 count, most;
    IODMACommand_Segment64 last;
};

/* False: there is no room for it, or it is refused. */
static bool put_out(struct output *to)
{
    while (to->last.fLength != 0) {
        const uint64_t whole = to->last.fLength;

        to->last.fLength = whole < to->longest ? whole : to->longest;
        if (to->count == to->most || !to->function(NULL, to->last, to->context, to->count)) {
            to->last.fLength = whole;
            return false;
        }
        to->count++;
        to->last.fIOVMAddr += to->last.fLength;
        to->last.fLength = whole - to->last.fLength;
    }
    return true;
}

/* The next piece of memory: where it is for the device. */
static IOReturn next_piece(struct virtio_memory *mapped, IOMemoryDescriptor *memory, uint64_t most,
                           IODMACommand_Segment64 *piece)
{
    IOByteCount bytes;
    const uint64_t physical = IOMemoryDescriptor_getPhysicalSegment(
        memory, mapped->offset + mapped->passed, &bytes, kIOMemoryMapperNone);

    if (bytes == 0) {
        const IOReturn status = IOMemoryLastError();

        return status != kIOReturnSuccess ? status : kIOReturnNotReady;
    }
    piece->fLength = bytes < most ? bytes : most;
    /* The mapper has placed the same runs by the same rule. */
    if (!IOMappedLayout_place(&mapped->layout, physical, piece->fLength, &piece->fIOVMAddr)) {
        return kIOReturnInternalError;
    }
    mapped->passed += piece->fLength;
    return kIOReturnSuccess;
}

/* To byte `position`, from where the walk is, or from the beginning. */
static IOReturn go_to(struct virtio_memory *mapped, IOMemoryDescriptor *memory, uint64_t position)
{
    IOReturn status = kIOReturnSuccess;
    IODMACommand_Segment64 piece;

    if (position < mapped->passed) {
        mapped->passed = 0;
        mapped->layout = IOMappedLayout_begin(mapped->address);
    }
    while (mapped->passed < position && status == kIOReturnSuccess) {
        status = next_piece(mapped, memory, position - mapped->passed, &piece);
    }
    return status;
}

IOReturn virtio_memory_segments(struct virtio_memory *mapped, IOMemoryDescriptor *memory,
                                IODMACommand_SegmentFunction output, void *context,
                                uint64_t *position, uint64_t limit, uint32_t longest, UInt32 *count)
{
    struct output to = {.function = output, .context = context, .longest = longest, .most = *count};
    IOReturn status = go_to(mapped, memory, *position);
    const struct IOMappedLayout layout = mapped->layout;
    const uint64_t passed = mapped->passed;
    uint64_t end;

    *count = 0;
    if (status != kIOReturnSuccess) {
        return status;
    }
    end = limit < mapped->length - mapped->passed ? mapped->passed + limit : mapped->length;
    while (mapped->passed < end && to.count < to.most) {
        IODMACommand_Segment64 piece;

        status = next_piece(mapped, memory, end - mapped->passed, &piece);
        if (status != kIOReturnSuccess) {
            break;
        }
        if (to.last.fLength != 0 && to.last.fIOVMAddr + to.last.fLength == piece.fIOVMAddr) {
            to.last.fLength += piece.fLength;
        } else if (put_out(&to)) {
            to.last = piece;
        } else {
            mapped->passed -= piece.fLength;
            break;
        }
    }
    put_out(&to);
    *position = mapped->passed - to.last.fLength;
    *count = to.count;
    /* The next part begins where this one ends, or earlier; the walk to there begins here. */
    mapped->passed = passed;
    mapped->layout = layout;
    return to.count != 0 ? kIOReturnSuccess : status;
}
