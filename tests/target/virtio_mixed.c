/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m pci packed
// BUILDS: default:gcc-release smmu:clang-release pcismmu:gcc-release
// FILE: one 1M words
// FILE: two 1M words
// QEMU: -blockdev driver=file,filename=$FILES/one,node-name=file0
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0
// QEMU: -device virtio-blk-device,drive=disk0,serial=one
// QEMU: -blockdev driver=file,filename=$FILES/two,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device virtio-blk-device,drive=disk1,serial=two,indirect_desc=off,event_idx=off
/*
 * Ten thousand transfers in no order on two disks: of one piece or several, in place or bounced,
 * through commands or by plain requests. Long: on few machines, and not over a monitor that knows
 * nothing of disks.
 */
#include "drivers/virtio/blk_dma.h"
#include "tests/target/mixture.h"

#define DISKS 2

static struct virtio_blk_transfer transfers[MIXTURE_SLOTS];
static struct virtio_blk_request requests[MIXTURE_SLOTS]; /* of those without a command */
static IODMAEventSource *sources[DISKS];

static void start_command(struct mixture_slot *slot)
{
    struct virtio_blk *disk = virtio_blk_get(slot->disk);
    IODMACommand_SegmentOptions options;

    virtio_blk_get_segment_options(disk, &options);
    /* Some of these bounce odd pieces, some almost everything, some nothing. */
    options.fAlignment = options.fAlignmentInternalSegments = 1u << random_below(4);
    options.fAlignmentLength = options.fAlignment;
    if (random_below(4) == 0) {
        options.fMaxSegmentSize = 512u << random_below(4);
    }
    slot->command = virtio_blk_create_command(disk, &options, kMapped, &transfers[slot->number]);
    transfers[slot->number].sector = slot->block;
    mixture_start(slot, sources[slot->disk]);
}

static void start_request(struct mixture_slot *slot)
{
    struct virtio_blk *disk = virtio_blk_get(slot->disk);
    struct virtio_blk_request *request = &requests[slot->number];

    virtio_blk_request_init(request,
                            slot->direction == kIODirectionIn ? VIRTIO_BLK_READ : VIRTIO_BLK_WRITE,
                            slot->scatter.memory, 0, slot->block, slot->bytes);
    ASSERT_EQ(virtio_blk_submit(disk, request), kIOReturnSuccess);
    virtio_blk_publish(disk);
}

static void start(struct mixture_slot *slot)
{
    if (random_below(8) == 0) {
        start_request(slot);
    } else {
        start_command(slot);
    }
}

static bool ask(struct mixture_slot *slot)
{
    slot->status = requests[slot->number].status;
    return requests[slot->number].done;
}

TEST(the_engines_are_made)
{
    for (unsigned disk = 0; disk < DISKS; disk++) {
        ASSERT_TRUE(virtio_blk_get_service(virtio_blk_get(disk)) != NULL);
    }
    TEST_KEEPS("a disk's engine is made once");
}

TEST(ten_thousand_mixed_transfers)
{
    mixture_open(DISKS, 20260);
    mixture.start = start;
    mixture.ask = ask;
    for (unsigned disk = 0; disk < DISKS; disk++) {
        sources[disk] = IODMAEventSource_dmaEventSource(
            OSObject_upcast(mixture.owner), virtio_blk_get_service(virtio_blk_get(disk)),
            mixture_arrive, NULL, 0);
        ASSERT_TRUE(sources[disk] != NULL);
        ASSERT_EQ(IOWorkLoop_addEventSource(mixture.loop, sources[disk]), kIOReturnSuccess);
    }
    mixture_run();
    EXPECT_GT(mixture.bounced[0] + mixture.bounced[1], 0);
    for (unsigned disk = 0; disk < DISKS; disk++) {
        EXPECT_EQ(IOWorkLoop_removeEventSource(mixture.loop, sources[disk]), kIOReturnSuccess);
        OSObject_release(sources[disk]);
    }
    mixture_close();
}
