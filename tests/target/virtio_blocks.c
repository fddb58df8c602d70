/* SPDX-License-Identifier: BSD-2-Clause */
// FILE: big4k 8M words
// FILE: big2k 2M words
// QEMU: -blockdev driver=file,filename=$FILES/big4k,node-name=file0,discard=unmap
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0,discard=unmap
// QEMU: -device virtio-blk-device,drive=disk0,serial=b4k,logical_block_size=4096,
// QEMU: physical_block_size=4096
// QEMU: -blockdev driver=file,filename=$FILES/big2k,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device virtio-blk-device,drive=disk1,serial=b2k,logical_block_size=2048,
// QEMU: physical_block_size=2048,indirect_desc=off
// QEMU: -blockdev driver=null-co,node-name=disk2,size=17179869184,read-zeroes=on
// QEMU: -device virtio-blk-device,drive=disk2,serial=huge4k,logical_block_size=4096,
// QEMU: physical_block_size=4096,discard_granularity=65536
// QEMU: -blockdev driver=null-co,node-name=disk3,size=17179869184,read-zeroes=on
// QEMU: -device virtio-blk-device,drive=disk3,serial=huge512
/* Disks whose blocks are larger than a sector: whole blocks go through, whatever memory is like. */
#include "drivers/virtio/blk_private.h"
#include "kernel/direct_map.h"
#include "tests/target/disk.h"

static void expect_aligned_read(struct virtio_blk *disk, unsigned pieces, uint64_t length)
{
    struct scatter scatter = disk_memory(pieces, length, kIODirectionIn);

    TEST_NOTE("%u bytes in %u pieces", (unsigned)length, pieces);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 8, length), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, length, 8 * 512), 0);
    disk_memory_drop(&scatter);
}

TEST(block_size_is_told)
{
    static const uint32_t sizes[] = {4096, 2048, 4096, 512};
    struct virtio_blk_info info;

    for (unsigned d = 0; d < 4; d++) {
        virtio_blk_get_info(virtio_blk_get(d), &info);
        EXPECT_EQ(info.block_size, sizes[d]);
        EXPECT_LE(info.segments_max + 2, info.queue_size);
    }
}

/* More pieces than a device request has segments: cuts fall on whole blocks. */
TEST(aligned_reads)
{
    static const struct {
        unsigned pieces;
        uint64_t length;
    } cases[] = {{20, 65536},   {100, 65536},   {254, 262144}, {300, 300 * 1024 / 4096 * 4096},
                 {600, 262144}, {1000, 409600}, {253, 4096},   {254, 12288}};

    for (unsigned d = 0; d < 2; d++) {
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            expect_aligned_read(virtio_blk_get(d), cases[i].pieces, cases[i].length);
        }
    }
}

TEST(aligned_write_of_many_pieces)
{
    for (unsigned d = 0; d < 2; d++) {
        struct virtio_blk *disk = virtio_blk_get(d);
        struct scatter from = disk_memory(600, 262144, kIODirectionOut);
        struct scatter to = disk_memory(90, 262144, kIODirectionIn);
        uint64_t wrong = 0;

        for (uint64_t i = 0; i < from.length; i += 61) {
            *scatter_at(&from, i) = (uint8_t)(i / 61 + d);
        }
        EXPECT_EQ(virtio_blk_write(disk, from.memory, 0, 2048, 262144), kIOReturnSuccess);
        EXPECT_EQ(virtio_blk_read(disk, to.memory, 0, 2048, 262144), kIOReturnSuccess);
        for (uint64_t i = 0; i < from.length; i += 61) {
            wrong += *scatter_at(&to, i) != (uint8_t)(i / 61 + d);
        }
        EXPECT_EQ(wrong, 0);
        disk_memory_drop(&from);
        disk_memory_drop(&to);
    }
}

/* A part of a block is the caller's mistake, and no worn-out disk. */
TEST(parts_of_blocks_are_bad_arguments)
{
    struct virtio_blk *disk = virtio_blk_get(0);
    struct scatter scatter = disk_memory(2, 4096, kIODirectionInOut);
    struct virtq_counters before, after;

    virtio_blk_get_counters(disk, &before);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 1, 512), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 0, 512), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 4, 4096), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_write(disk, scatter.memory, 0, 1, 4096), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_write_zeroes(disk, 0, 2048), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_write_zeroes(disk, 7, 4096), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_discard(disk, 1, 4096), kIOReturnBadArgument);
    virtio_blk_get_counters(disk, &after);
    EXPECT_EQ(after.requests, before.requests);
    disk_memory_drop(&scatter);
}

/* A block in more pieces than a request has segments cannot be said. */
TEST(block_in_too_many_pieces)
{
    struct scatter scatter = disk_memory(300, 4096, kIODirectionIn);
    struct scatter fine_first = disk_memory(500, 12288, kIODirectionIn);

    EXPECT_EQ(virtio_blk_read(virtio_blk_get(0), scatter.memory, 0, 8, 4096), kIOReturnUnsupported);
    EXPECT_EQ(virtio_blk_read(virtio_blk_get(0), fine_first.memory, 0, 8, 12288), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&fine_first, 0, 12288, 8 * 512), 0);
    disk_memory_drop(&scatter);
    disk_memory_drop(&fine_first);
}

/*
 * More than one device request may discard: the limit (2^22 - 1 sectors in QEMU) is
 * no whole number of blocks, the cut must be.
 */
TEST(long_discards_and_zeroes)
{
    const uint64_t all = 17179869184ull;

    for (unsigned d = 2; d < 4; d++) {
        struct virtio_blk *disk = virtio_blk_get(d);
        struct virtq_counters before, after;

        virtio_blk_get_counters(disk, &before);
        EXPECT_EQ(virtio_blk_discard(disk, 0, all), kIOReturnSuccess);
        EXPECT_EQ(virtio_blk_discard(disk, 8, all - 4096), kIOReturnSuccess);
        EXPECT_EQ(virtio_blk_write_zeroes(disk, 8, all - 4096), kIOReturnSuccess);
        virtio_blk_get_counters(disk, &after);
        EXPECT_GT(after.requests - before.requests, 3 * all / (1ull << 31));
    }
}

/* Where the discards are cut: on what the device said it likes. */
static uint64_t cuts[64];
static unsigned cut_count;

static void note_cut(void *context, const struct virtio_blk_request *request,
                     const struct virtq_chain *chain)
{
    struct virtq_entry entry;

    (void)context;
    (void)request;
    if (virtq_chain_entry(chain, 1, &entry) && cut_count < 64) {
        IOMapper *mapper = virtio_blk_get(2)->device->mapper;
        const paddr_t at = mapper == NULL
                               ? entry.address
                               : paddr(IOMapper_mapToPhysicalAddress(mapper, entry.address.value));
        const struct blk_range *range = phys_to_virt(at);

        cuts[cut_count++] = range->sector + range->sectors;
        EXPECT_NE(range->sectors, 0);
    }
}

TEST(discards_are_cut_where_the_device_likes)
{
    struct virtio_blk *disk = virtio_blk_get(2);

    EXPECT_EQ(disk->discard_alignment, 65536);
    cut_count = 0;
    virtio_blk_watch(disk, note_cut, NULL);
    EXPECT_EQ(virtio_blk_discard(disk, 8, 17179869184ull - 4096), kIOReturnSuccess);
    virtio_blk_watch(disk, NULL, NULL);
    EXPECT_GT(cut_count, 7);
    for (unsigned i = 0; i < cut_count; i++) {
        EXPECT_EQ(cuts[i] % 128, 0);
    }
}
