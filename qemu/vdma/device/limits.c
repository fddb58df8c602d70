/* SPDX-License-Identifier: BSD-2-Clause */
/* What the device can take: profiles, and a request's data against them. */
#include "qemu/vdma/device/vdma_private.h"

#define KIB 1024ull
#define MIB (1024ull * KIB)

static const struct profile {
    const char *name;
    struct vdma_limits limits;
} profiles[VDMA_PROFILES] = {
    [VDMA_PROFILE_OPEN] = {"open", {.address_bits = 64}},
    [VDMA_PROFILE_NARROW31] = {"narrow31", {.address_bits = 31}},
    [VDMA_PROFILE_SATA] = {"sata",
                           {.address_bits = 32,
                            .depth = 32,
                            .segment_max = 4 * MIB,
                            .transfer_max = 32 * MIB,
                            .alignment = 2,
                            .alignment_length = 2,
                            .alignment_internal = 2}},
    [VDMA_PROFILE_PRP] = {"prp",
                          {.address_bits = 64,
                           .segments_max = 129,
                           .segment_max = 4 * KIB,
                           .transfer_max = 512 * KIB,
                           .alignment = 4,
                           .alignment_length = 4,
                           .alignment_internal = 4096,
                           .alignment_end = 4096,
                           .boundary = 4 * KIB}},
    [VDMA_PROFILE_XHCI] = {"xhci",
                           {.address_bits = 64, .segment_max = 64 * KIB, .boundary = 64 * KIB}},
    [VDMA_PROFILE_ADMA2] = {"adma2",
                            {.address_bits = 32,
                             .depth = 1,
                             .segment_max = 64 * KIB,
                             .transfer_max = 65535 * 512,
                             .alignment = 4,
                             .alignment_length = 4,
                             .alignment_internal = 4}},
    [VDMA_PROFILE_SINGLE] = {"single", {.address_bits = 64, .segments_max = 1}},
    [VDMA_PROFILE_FPGA8] = {"fpga8",
                            {.address_bits = 64,
                             .segments_max = 64,
                             .alignment = 8,
                             .alignment_length = 8,
                             .alignment_internal = 8}},
    [VDMA_PROFILE_ISA24] = {"isa24",
                            {.address_bits = 24,
                             .segment_max = 64 * KIB,
                             .transfer_max = 1 * MIB,
                             .boundary = 64 * KIB,
                             .table_entries = 4096}},
    [VDMA_PROFILE_NARROW28] = {"narrow28", {.address_bits = 28, .table_entries = 65536}},
};

unsigned vdma_profile_find(const char *name)
{
    for (unsigned i = 0; i < VDMA_PROFILES; i++) {
        const char *a = profiles[i].name;
        const char *b = name;

        while (*a != '\0' && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b) {
            return i;
        }
    }
    return VDMA_PROFILES;
}

const char *vdma_profile_name(unsigned profile)
{
    return profile < VDMA_PROFILES ? profiles[profile].name : NULL;
}

bool vdma_profile_limits(unsigned profile, struct vdma_limits *limits)
{
    if (profile >= VDMA_PROFILES) {
        return false;
    }
    *limits = profiles[profile].limits;
    return true;
}

static bool power_of_two_or_none(uint64_t value)
{
    return (value & (value - 1)) == 0;
}

bool vdma_limits_valid(const struct vdma_limits *limits)
{
    const uint32_t alignments[] = {limits->alignment, limits->alignment_length,
                                   limits->alignment_internal, limits->alignment_end};

    for (unsigned i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
        /* Else no segment could ever be cut. */
        if (!power_of_two_or_none(alignments[i]) ||
            (limits->segment_max != 0 && alignments[i] > limits->segment_max) ||
            (limits->boundary != 0 && alignments[i] > limits->boundary)) {
            return false;
        }
    }
    return limits->address_bits <= 64 && limits->directions <= (VDMA_READS | VDMA_WRITES) &&
           power_of_two_or_none(limits->boundary) && limits->table_entries <= 65536 &&
           limits->reserved == 0;
}

static bool aligned(uint64_t value, uint32_t alignment)
{
    return alignment == 0 || (value & (alignment - 1)) == 0;
}

static bool check_segment(const struct vdma_limits *limits, struct vdma_slot *slot,
                          const struct vdma_segment *segment, bool first, bool last)
{
    const uint64_t address = segment->address;
    const uint64_t end = address + segment->length;
    const unsigned where = segment->where;
    const uint32_t place = segment->place;

    if (limits->address_bits != 0 && limits->address_bits < 64 &&
        (end - 1) >> limits->address_bits != 0) {
        return vdma_refuse(slot, R01, where, place, end - 1);
    }
    if (limits->segment_max != 0 && segment->length > limits->segment_max) {
        return vdma_refuse(slot, R02, where, place, segment->length);
    }
    if (!aligned(address, first ? limits->alignment : limits->alignment_internal)) {
        return vdma_refuse(slot, first ? R05 : R06, where, place, address);
    }
    if (!aligned(segment->length, limits->alignment_length)) {
        return vdma_refuse(slot, R07, where, place, segment->length);
    }
    if (!last && !aligned(end, limits->alignment_end)) {
        return vdma_refuse(slot, R08, where, place, end);
    }
    if (limits->boundary != 0) {
        const uint64_t next = (address | (limits->boundary - 1)) + 1;

        if (segment->length > next - address) {
            return vdma_refuse(slot, R09, where, place, next);
        }
    }
    return true;
}

static bool check_side(const struct vdma_limits *limits, struct vdma_slot *slot,
                       const struct vdma_side *side, unsigned access)
{
    uint64_t bytes = 0;

    if (side->count == 0) {
        return true;
    }
    if (limits->directions != 0 && (limits->directions & access) == 0) {
        return vdma_refuse(slot, R10, side->segments[0].where, side->segments[0].place, access);
    }
    for (uint32_t i = 0; i < side->count; i++) {
        const struct vdma_segment *segment = &side->segments[i];

        if (limits->segments_max != 0 && i == limits->segments_max) {
            return vdma_refuse(slot, R03, segment->where, segment->place, side->count);
        }
        if (!check_segment(limits, slot, segment, i == 0, i == side->count - 1)) {
            return false;
        }
        bytes += segment->length;
        if (limits->transfer_max != 0 && bytes > limits->transfer_max) {
            return vdma_refuse(slot, R04, segment->where, segment->place, bytes);
        }
    }
    return true;
}

bool vdma_check_limits(const struct vdma *device, struct vdma_slot *slot)
{
    return slot->control || (check_side(&device->limits, slot, &slot->source, VDMA_READS) &&
                             check_side(&device->limits, slot, &slot->target, VDMA_WRITES));
}
