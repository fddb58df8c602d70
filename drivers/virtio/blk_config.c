/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks: what the device's configuration says, made into what a request must keep to. */
#include "drivers/virtio/blk_private.h"

/* The fields used here (section 5.2.4); an optional one is there only with its feature. */
enum {
    FIELD_CAPACITY, /* sectors */
    FIELD_SIZE_MAX, /* bytes of a segment */
    FIELD_SEG_MAX,
    FIELD_BLK_SIZE,
    FIELD_MAX_DISCARD_SECTORS,
    FIELD_MAX_WRITE_ZEROES_SECTORS,
    FIELD_COUNT
};

static const struct virtio_config_field fields[FIELD_COUNT] = {
    [FIELD_CAPACITY] = {0, 0, 8},
    [FIELD_SIZE_MAX] = {VIRTIO_BLK_F_SIZE_MAX, 8, 4},
    [FIELD_SEG_MAX] = {VIRTIO_BLK_F_SEG_MAX, 12, 4},
    [FIELD_BLK_SIZE] = {VIRTIO_BLK_F_BLK_SIZE, 20, 4},
    [FIELD_MAX_DISCARD_SECTORS] = {VIRTIO_BLK_F_DISCARD, 36, 4},
    [FIELD_MAX_WRITE_ZEROES_SECTORS] = {VIRTIO_BLK_F_WRITE_ZEROES, 48, 4},
};

IOReturn blk_read_segments_max(struct virtio_blk *disk, uint32_t *segments)
{
    uint64_t value = 0;
    const IOReturn status = virtio_read_config(disk->device, &fields[FIELD_SEG_MAX], 1, &value);

    *segments = value != 0 ? (uint32_t)value : 1; /* a device that does not say takes one */
    return status;
}

/* Data entries of the longest chain: what the device takes, and what the queue has room for. */
static uint32_t limit_segments(const struct virtio_blk *disk, uint64_t seg_max)
{
    const uint32_t most = disk->chain_entries - BLK_FRAME_ENTRIES;

    if (seg_max == 0) {
        return 1;
    }
    return seg_max < most ? (uint32_t)seg_max : most;
}

IOReturn blk_read_configuration(struct virtio_blk *disk)
{
    uint64_t value[FIELD_COUNT];
    const IOReturn status = virtio_read_config(disk->device, fields, FIELD_COUNT, value);

    if (status != kIOReturnSuccess) {
        return status;
    }
    disk->sectors = value[FIELD_CAPACITY];
    disk->block_size =
        blk_has(disk, VIRTIO_BLK_F_BLK_SIZE) ? (uint32_t)value[FIELD_BLK_SIZE] : VIRTIO_BLK_SECTOR;
    disk->segment_bytes_max = (uint32_t)value[FIELD_SIZE_MAX];
    disk->segments_max = limit_segments(disk, value[FIELD_SEG_MAX]);
    disk->discard_bytes_max = value[FIELD_MAX_DISCARD_SECTORS] * VIRTIO_BLK_SECTOR;
    disk->write_zeroes_bytes_max = value[FIELD_MAX_WRITE_ZEROES_SECTORS] * VIRTIO_BLK_SECTOR;
    disk->read_only = blk_has(disk, VIRTIO_BLK_F_RO);
    return kIOReturnSuccess;
}
