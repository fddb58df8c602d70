/* SPDX-License-Identifier: BSD-2-Clause */
/* What a device sees of a command's preparation: its list, judged, and the bytes behind it. */
#include "tests/host/model/transfer.h"

#define SEGMENTS_MAX 8192

/* The memory ----------------------------------------------------------------- */

static struct view slice_of(const struct transfer *transfer)
{
    struct view slice;

    view_slice(&transfer->memory->view, transfer->offset, transfer->length, &slice);
    return slice;
}

bool transfer_is_for_reading(const struct transfer *transfer)
{
    const struct view slice = slice_of(transfer);

    for (unsigned i = 0; i < slice.count; i++) {
        if (slice.extents[i].leaf->for_reading) {
            return true;
        }
    }
    return false;
}

bool transfer_memory_is_prepared(const struct memory *memory)
{
    if (memory->kind == LEAF) {
        return memory->physical || memory->prepares != 0;
    }
    for (unsigned i = 0; i < memory->part_count; i++) {
        if (!transfer_memory_is_prepared(memory->parts[i])) {
            return false;
        }
    }
    return true;
}

void transfer_copy_bounced(struct transfer *transfer, bool to_memory)
{
    for (uint64_t i = 0; i < transfer->length; i++) {
        if (!transfer->bounced[i]) {
            continue;
        }
        if (to_memory) {
            view_store(&transfer->memory->view, transfer->offset + i, &transfer->own[i], 1);
        } else {
            view_load(&transfer->memory->view, transfer->offset + i, &transfer->own[i], 1);
        }
    }
}

bool transfer_any_bounced(const struct transfer *transfer)
{
    return IODMACommand_getBounceLength(transfer->command) != 0;
}

void transfer_expect_bytes(const struct transfer *transfer, uint64_t at, uint8_t *bytes,
                           uint64_t length)
{
    view_load(&transfer->memory->view, transfer->offset + at, bytes, length);
    for (uint64_t i = 0; i < length; i++) {
        if (transfer->bounced[at + i]) {
            bytes[i] = transfer->own[at + i];
        }
    }
}

/* The list ------------------------------------------------------------------- */

static IODMACommand_Segment64 list[SEGMENTS_MAX];
static unsigned entries;

static void generate(const struct transfer *transfer)
{
    UInt64 offset = 0;

    entries = 0;
    while (offset < transfer->length) {
        UInt32 room = 1 + (UInt32)below(64);

        assert_true(entries + room <= SEGMENTS_MAX);
        assert_int_equal(
            IODMACommand_gen64IOVMSegments(transfer->command, &offset, &list[entries], &room),
            kIOReturnSuccess);
        entries += room;
    }
    assert_int_equal(offset, transfer->length);
}

static void check_limits(const struct transfer *transfer)
{
    const IODMACommand_SegmentOptions *limits = &transfer->limits;

    for (unsigned i = 0; i < entries; i++) {
        const uint64_t at = list[i].fIOVMAddr, length = list[i].fLength, last = at + length - 1;

        assert_true(length != 0 && last >= at);
        assert_int_equal(
            at & ((i == 0 ? limits->fAlignment : limits->fAlignmentInternalSegments) - 1), 0);
        assert_int_equal(length & (limits->fAlignmentLength - 1), 0);
        assert_true(limits->fMaxSegmentSize == 0 || length <= limits->fMaxSegmentSize);
        assert_true(limits->fSegmentBoundary == 0 ||
                    at / limits->fSegmentBoundary == last / limits->fSegmentBoundary);
        assert_true(i + 1 == entries || ((last + 1) & (limits->fAlignmentInternalEnd - 1)) == 0);
        assert_true(limits->fNumAddressBits == 0 || last >> limits->fNumAddressBits == 0);
    }
}

/* The byte behind the device's address; through the mapper: as far as it lets writes. */
static uint8_t *device_byte(const struct transfer *transfer, uint64_t address, bool write)
{
    uint64_t physical = address, left;

    if (transfer->mapper != NULL) {
        assert_int_equal(IOMapper_translate(transfer->mapper, address,
                                            write ? kIODMAMapWriteAccess : kIODMAMapReadAccess,
                                            &physical, &left),
                         kIOReturnSuccess);
    }
    return phys_to_virt(paddr(physical));
}

void transfer_by_device(const struct transfer *transfer, uint64_t at, uint8_t *bytes,
                        uint64_t length, bool write)
{
    uint64_t position = 0;

    generate(transfer);
    for (unsigned i = 0; i < entries && position < at + length; i++) {
        for (uint64_t k = 0; k < list[i].fLength; k++, position++) {
            if (position >= at && position < at + length) {
                uint8_t *there = device_byte(transfer, list[i].fIOVMAddr + k, write);

                if (write) {
                    *there = bytes[position - at];
                } else {
                    bytes[position - at] = *there;
                }
            }
        }
    }
}

void transfer_find_bounced(struct transfer *transfer)
{
    uint64_t position = 0, home = 0, bounced = 0;
    IOByteCount left = 0;

    generate(transfer);
    check_limits(transfer);
    for (unsigned i = 0; i < entries; i++) {
        for (uint64_t k = 0; k < list[i].fLength; k++, position++, home++, left--) {
            uint8_t *there = device_byte(transfer, list[i].fIOVMAddr + k, false);

            if (left == 0) {
                home = IOMemoryDescriptor_getPhysicalSegment(transfer->memory->descriptor,
                                                             transfer->offset + position, &left,
                                                             kIOMemoryMapperNone);
                assert_int_not_equal(left, 0);
            }
            transfer->bounced[position] = there != (uint8_t *)phys_to_virt(paddr(home));
            bounced += transfer->bounced[position];
        }
    }
    assert_int_equal(bounced, IODMACommand_getBounceLength(transfer->command));
    assert_ptr_equal(IODMACommand_getIOMemoryDescriptor(transfer->command) ==
                         transfer->memory->descriptor,
                     !transfer->whole);
}
