/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks: what the device's configuration says, made into what a request must keep to. */
#include "drivers/virtio/blk_private.h"
#include "kernel/console.h"

/* The fields used here (section 5.2.4); an optional one is there only with its feature. */
enum {
    FIELD_CAPACITY, /* sectors */
    FIELD_SIZE_MAX, /* bytes of a segment */
    FIELD_SEG_MAX,
    FIELD_BLK_SIZE,
    FIELD_MAX_DISCARD_SECTORS,
    FIELD_DISCARD_SECTOR_ALIGNMENT,
    FIELD_MAX_WRITE_ZEROES_SECTORS,
    FIELD_COUNT
};

static const struct virtio_config_field fields[FIELD_COUNT] = {
    [FIELD_CAPACITY] = {0, 0, 8},
    [FIELD_SIZE_MAX] = {VIRTIO_BLK_F_SIZE_MAX, 8, 4},
    [FIELD_SEG_MAX] = {VIRTIO_BLK_F_SEG_MAX, 12, 4},
    [FIELD_BLK_SIZE] = {VIRTIO_BLK_F_BLK_SIZE, 20, 4},
    [FIELD_MAX_DISCARD_SECTORS] = {VIRTIO_BLK_F_DISCARD, 36, 4},
    [FIELD_DISCARD_SECTOR_ALIGNMENT] = {VIRTIO_BLK_F_DISCARD, 44, 4},
    [FIELD_MAX_WRITE_ZEROES_SECTORS] = {VIRTIO_BLK_F_WRITE_ZEROES, 48, 4},
};

IOReturn blk_read_segments_max(struct virtio_blk *disk, uint32_t *segments)
{
    uint64_t value = 0;
    const IOReturn status = virtio_read_config(disk->device, &fields[FIELD_SEG_MAX], 1, &value);

    *segments = value != 0 ? (uint32_t)value : 1; /* a device that does not say takes one */
    return status;
}

/*
 * Data entries of the longest chain: what the device takes, and what the queue has
 * room for. The cursor cannot be made anew in an interrupt handler, so with
 * segments shorter than it was made for no data can move until virtio_blk_configure.
 */
static uint32_t limit_segments(const struct virtio_blk *disk, uint64_t seg_max, uint64_t size_max)
{
    const uint32_t most = disk->chain_entries - BLK_FRAME_ENTRIES;

    if (disk->cursor != NULL && size_max != 0 &&
        (disk->cursor_bytes_max == 0 || size_max < disk->cursor_bytes_max)) {
        return 0;
    }
    /* Not stated, or nonsense: one segment is what every device takes. */
    if (seg_max == 0) {
        return 1;
    }
    return seg_max < most ? (uint32_t)seg_max : most;
}

static uint64_t whole_blocks(uint64_t sectors, uint64_t block)
{
    /*
     * Down to whole blocks, as each part of a request must be some. Cannot wrap: the field has 32
     * bits.
     */
    return sectors * VIRTIO_BLK_SECTOR & ~(block - 1);
}

/* Where to cut a discard; a place within a block would be no better than any. */
static uint64_t alignment(uint64_t sectors, uint64_t block)
{
    const uint64_t bytes = sectors * VIRTIO_BLK_SECTOR;

    return bytes != 0 && bytes % block == 0 ? bytes : block;
}

void blk_judge_usual(struct virtio_blk *disk)
{
    uint64_t most = BLK_PART_BYTES_MAX;

    if (disk->segment_bytes_max != 0 && disk->segment_bytes_max < most) {
        most = disk->segment_bytes_max;
    }
    /* No more than the disk has: then no sum of a place and a length wraps. */
    if (disk->sectors < most / VIRTIO_BLK_SECTOR) {
        most = disk->sectors * VIRTIO_BLK_SECTOR;
    }
    /* Whoever waits in line comes first, and who watches is shown a chain. */
    disk->usual_bytes_max =
        disk->segments_max != 0 && disk->waiting == NULL && disk->watch == NULL ? most : 0;
}

IOReturn blk_read_configuration(struct virtio_blk *disk)
{
    uint64_t value[FIELD_COUNT];
    /*
     * All in one look: a limit of before a change with a capacity of after it would be of no disk.
     */
    const IOReturn status = virtio_read_config(disk->device, fields, FIELD_COUNT, value);

    if (status != kIOReturnSuccess) {
        return status;
    }

    const uint64_t block =
        blk_has(disk, VIRTIO_BLK_F_BLK_SIZE) ? value[FIELD_BLK_SIZE] : VIRTIO_BLK_SECTOR;

    /*
     * The masks below need a power of two. The protocol counts sectors (section 5.2.5), so a block
     * is some of them; and at least one block must go into one device request.
     */
    if (!is_power_of_two(block) || block < VIRTIO_BLK_SECTOR || block > BLK_PART_BYTES_MAX) {
        kprintf("virtio-blk: the disk at 0x%llx has blocks of %llu bytes, which nothing can be\n",
                (unsigned long long)disk->device->address.value, (unsigned long long)block);
        return kIOReturnUnsupported;
    }
    /*
     * Only from here on is anything written: a disk whose new configuration is refused keeps the
     * old one whole.
     */
    disk->sectors = value[FIELD_CAPACITY];
    disk->block_mask = block - 1;
    disk->segment_bytes_max = (uint32_t)value[FIELD_SIZE_MAX];
    disk->segments_max = limit_segments(disk, value[FIELD_SEG_MAX], value[FIELD_SIZE_MAX]);
    disk->discard_bytes_max = whole_blocks(value[FIELD_MAX_DISCARD_SECTORS], block);
    disk->write_zeroes_bytes_max = whole_blocks(value[FIELD_MAX_WRITE_ZEROES_SECTORS], block);
    disk->discard_alignment = alignment(value[FIELD_DISCARD_SECTOR_ALIGNMENT], block);
    disk->read_only = blk_has(disk, VIRTIO_BLK_F_RO);
    blk_judge_usual(disk);
    return kIOReturnSuccess;
}
