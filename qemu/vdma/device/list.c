/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of segments in memory, in the formats of IODMACommand's output functions and of
 * the memory cursors. A list is read once.
 */
#include "qemu/vdma/device/vdma_private.h"

static const struct format {
    uint8_t bytes; /* of a word: an entry has two */
    bool big;
} formats[] = {
    [VDMA_FORMAT_HOST32] = {4, false},   [VDMA_FORMAT_BIG32] = {4, true},
    [VDMA_FORMAT_LITTLE32] = {4, false}, [VDMA_FORMAT_HOST64] = {8, false},
    [VDMA_FORMAT_BIG64] = {8, true},     [VDMA_FORMAT_LITTLE64] = {8, false},
    [VDMA_FORMAT_NATURAL] = {8, false},  [VDMA_FORMAT_BIG] = {8, true},
    [VDMA_FORMAT_LITTLE] = {8, false},
};

static uint64_t word(const struct format *format, const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < format->bytes; i++) {
        const unsigned place = format->big ? format->bytes - 1 - i : i;

        value |= (uint64_t)bytes[i] << 8 * place;
    }
    return value;
}

static bool read_entries(struct vdma *device, struct vdma_slot *slot, const struct vdma_list *list,
                         struct vdma_side *side, unsigned where)
{
    const struct format *format = &formats[list->format];
    const uint32_t stride = 2u * format->bytes;
    uint8_t entry[16];

    side->segments = &slot->segments[slot->count];
    for (uint32_t i = 0; i < list->entries; i++) {
        struct vdma_segment segment = {.place = i,
                                       .access =
                                           where == VDMA_IN_SOURCE_LIST ? VDMA_READS : VDMA_WRITES,
                                       .where = (uint8_t)where};

        if (!vdma_read(device, false, list->address + (uint64_t)stride * i, entry, stride)) {
            return vdma_refuse(slot, R44, where, VDMA_NO_SEGMENT, list->address);
        }
        segment.address = word(format, entry);
        segment.length = word(format, entry + format->bytes);
        if (segment.length == 0) {
            return vdma_refuse(slot, R45, where, i, segment.address);
        }
        if (segment.address + segment.length < segment.address ||
            side->bytes + segment.length < side->bytes) {
            return vdma_refuse(slot, R46, where, i, segment.address);
        }
        slot->segments[slot->count++] = segment;
        side->bytes += segment.length;
        side->count++;
    }
    return true;
}

static bool read_list(struct vdma *device, struct vdma_slot *slot, const struct vdma_list *list,
                      struct vdma_side *side, unsigned where)
{
    uint64_t bytes;

    if (side->count != 0) {
        return vdma_refuse(slot, R47, VDMA_IN_CHAIN, side->segments[0].place, side->bytes);
    }
    if (list->format == 0 || list->format >= sizeof(formats) / sizeof(formats[0])) {
        return vdma_refuse(slot, R42, where, VDMA_NO_SEGMENT, list->format);
    }
    if (list->reserved != 0) {
        return vdma_refuse(slot, R41, where, VDMA_NO_SEGMENT, list->reserved);
    }
    if (list->entries == 0 || list->entries > VDMA_LIST_MAX) {
        return vdma_refuse(slot, R43, where, VDMA_NO_SEGMENT, list->entries);
    }
    bytes = 2ull * formats[list->format].bytes * list->entries;
    if (list->address + bytes < list->address ||
        !vdma_there(device, list->address, bytes, VDMA_READS)) {
        return vdma_refuse(slot, R44, where, VDMA_NO_SEGMENT, list->address);
    }
    vdma_add_control(slot, list->address, bytes);
    return read_entries(device, slot, list, side, where);
}

bool vdma_read_lists(struct vdma *device, struct vdma_slot *slot)
{
    const struct vdma_request *request = &slot->request;

    if (!VDMA_TYPE_IS_VDMA(request->type)) {
        return true;
    }
    return ((request->flags & VDMA_SOURCE_LIST) == 0 ||
            read_list(device, slot, &request->source, &slot->source, VDMA_IN_SOURCE_LIST)) &&
           ((request->flags & VDMA_TARGET_LIST) == 0 ||
            read_list(device, slot, &request->target, &slot->target, VDMA_IN_TARGET_LIST));
}
