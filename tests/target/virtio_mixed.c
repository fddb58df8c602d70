/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max ram64m pci packed
// FILE: one 1M words
// FILE: two 1M words
// QEMU: -blockdev driver=file,filename=$FILES/one,node-name=file0
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0
// QEMU: -device virtio-blk-device,drive=disk0,serial=one
// QEMU: -blockdev driver=file,filename=$FILES/two,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device virtio-blk-device,drive=disk1,serial=two,indirect_desc=off,event_idx=off
/*
 * Ten thousand transfers in no order: reads and writes, of one piece or several, in place or
 * bounced, through commands or by plain requests, on two disks at once, dozens under way
 * at any time. What each disk must hold is known byte by byte, and each read is compared.
 */
#include <string.h>

#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "drivers/virtio/blk_dma.h"
#include "kernel/irq.h"
#include "tests/lib/portable/random_memory.h"
#include "tests/target/disk.h"

#define TRANSFERS   10000
#define SLOTS       80 /* transfers under way at the most */
#define DISKS       2
#define DISK_BYTES  (1u << 20)
#define SECTORS     (DISK_BYTES / 512)
#define SECTORS_MAX 12 /* of one transfer */
#define PIECES_MAX  6

/* One place for a transfer, and what goes on there. */
struct slot {
    struct virtio_blk_transfer transfer;
    struct virtio_blk_request request; /* of one without a command */
    IODMACommand *command;             /* NULL: a plain request */
    struct scatter scatter;
    unsigned disk;
    IODirection direction;
    uint64_t sector, bytes;
    bool is_used;
    bool has_ended;
    IOReturn status;
};

static struct slot slots[SLOTS];
static uint8_t content[DISKS][DISK_BYTES]; /* what is on the disks once all is done */
static IOWorkLoop *loop;
static IODMAEventSource *sources[DISKS];
static unsigned under_way, most_under_way;
static uint64_t bounced, read_bytes, written_bytes;

/* --- The ends --------------------------------------------------------------------------------- */

static void arrive(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                   IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    struct virtio_blk_transfer *transfer = IODMACommand_getRefCon(command);
    struct slot *slot = (struct slot *)transfer;

    (void)owner, (void)source, (void)when;
    ASSERT_TRUE(slot->is_used && !slot->has_ended && slot->command == command);
    EXPECT_EQ(bytes, slot->bytes);
    slot->has_ended = true;
    slot->status = status;
}

/* The bytes in memory against those of the disk, piece by piece. */
static void compare(const struct slot *slot)
{
    const uint8_t *expected = &content[slot->disk][slot->sector * 512];

    for (size_t i = 0; i < slot->scatter.pieces; i++) {
        const IOAddressRange *range = &slot->scatter.ranges[i];

        ASSERT_EQ(memcmp((const void *)range->address, expected, range->length), 0);
        expected += range->length;
    }
}

static void finish(struct slot *slot)
{
    if (slot->command != NULL) {
        EXPECT_EQ(IODMACommand_complete(slot->command, true, true), kIOReturnSuccess);
        OSObject_release(slot->command);
    } else {
        slot->status = slot->request.status;
    }
    ASSERT_EQ(slot->status, kIOReturnSuccess);
    if (slot->direction == kIODirectionIn) {
        compare(slot);
        read_bytes += slot->bytes;
    } else {
        written_bytes += slot->bytes;
    }
    disk_memory_drop(&slot->scatter);
    slot->is_used = false;
    under_way--;
}

/* Deliver what has come; at least one if `all` is false, else everything. */
static void collect(bool all)
{
    unsigned finished = 0;

    while (under_way != 0 && (all || finished == 0)) {
        const irq_state_t state = irq_mask();
        bool waits = true;

        IOWorkLoop_runEventSources(loop);
        for (unsigned i = 0; i < SLOTS; i++) {
            const struct slot *slot = &slots[i];

            waits &=
                !(slot->is_used && (slot->command != NULL ? slot->has_ended : slot->request.done));
        }
        if (waits) {
            irq_wait();
        }
        irq_restore(state);
        for (unsigned i = 0; i < SLOTS; i++) {
            struct slot *slot = &slots[i];

            if (slot->is_used && (slot->command != NULL ? slot->has_ended : slot->request.done)) {
                finish(slot);
                finished++;
            }
        }
    }
}

/* --- The beginnings --------------------------------------------------------------------------- */

/* Two that overlap, one of them a write, have no order. */
static bool is_free(const struct slot *wanted)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct slot *slot = &slots[i];

        if (slot->is_used && slot->disk == wanted->disk &&
            slot->sector < wanted->sector + wanted->bytes / 512 &&
            wanted->sector < slot->sector + slot->bytes / 512 &&
            (slot->direction == kIODirectionOut || wanted->direction == kIODirectionOut)) {
            return false;
        }
    }
    return true;
}

static struct slot *take_slot(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (!slots[i].is_used) {
            return &slots[i];
        }
    }
    return NULL;
}

/* Where, how much and which way: somewhere that nothing else is under way. */
static void choose(struct slot *slot)
{
    do {
        slot->disk = (unsigned)random_below(DISKS);
        slot->direction = random_below(2) != 0 ? kIODirectionIn : kIODirectionOut;
        slot->bytes = 512 * (1 + random_below(SECTORS_MAX));
        slot->sector = random_below(SECTORS - slot->bytes / 512);
    } while (!is_free(slot));
}

static void fill(const struct slot *slot)
{
    uint8_t *expected = &content[slot->disk][slot->sector * 512];
    uint32_t next = (uint32_t)random_below(UINT32_MAX);

    for (size_t i = 0; i < slot->scatter.pieces; i++) {
        const IOAddressRange *range = &slot->scatter.ranges[i];
        uint8_t *bytes = (uint8_t *)range->address;

        for (uint64_t k = 0; k < range->length; k++, next = next * 5 + 77) {
            *expected++ = bytes[k] = (uint8_t)(next >> 8);
        }
    }
}

static void start_command(struct slot *slot)
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
    slot->command = virtio_blk_create_command(disk, &options, kMapped, &slot->transfer);
    ASSERT_TRUE(slot->command != NULL);
    slot->transfer.sector = slot->sector;
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(slot->command, slot->scatter.memory, false),
              kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(slot->command, 0, 0, true, true), kIOReturnSuccess);
    bounced += IODMACommand_getBounceLength(slot->command);
    IOWorkLoop_closeGate(loop);
    ASSERT_EQ(
        IODMAEventSource_startDMACommand(sources[slot->disk], slot->command, slot->direction, 0, 0),
        kIOReturnSuccess);
    IOWorkLoop_openGate(loop);
}

static void start_request(struct slot *slot)
{
    struct virtio_blk *disk = virtio_blk_get(slot->disk);

    slot->command = NULL;
    virtio_blk_request_init(&slot->request,
                            slot->direction == kIODirectionIn ? VIRTIO_BLK_READ : VIRTIO_BLK_WRITE,
                            slot->scatter.memory, 0, slot->sector, slot->bytes);
    ASSERT_EQ(virtio_blk_submit(disk, &slot->request), kIOReturnSuccess);
    virtio_blk_publish(disk);
}

static void begin(struct slot *slot)
{
    choose(slot);
    slot->scatter = disk_memory(slot->bytes / 3000 + 1 + random_below(PIECES_MAX), slot->bytes,
                                slot->direction);
    if (slot->direction == kIODirectionOut) {
        fill(slot);
    }
    slot->has_ended = false;
    slot->is_used = true;
    under_way++;
    if (under_way > most_under_way) {
        most_under_way = under_way;
    }
    if (random_below(8) == 0) {
        start_request(slot);
    } else {
        start_command(slot);
    }
}

/* --- All of it -------------------------------------------------------------------------------- */

TEST(the_engines_are_made)
{
    for (unsigned disk = 0; disk < DISKS; disk++) {
        ASSERT_TRUE(virtio_blk_get_service(virtio_blk_get(disk)) != NULL);
    }
    TEST_KEEPS("a disk's engine is made once");
}

TEST(ten_thousand_mixed_transfers)
{
    OSArray *owner = OSArray_withCapacity(1);

    loop = IOWorkLoop_workLoop();
    for (unsigned disk = 0; disk < DISKS; disk++) {
        sources[disk] = IODMAEventSource_dmaEventSource(
            OSObject_upcast(owner), virtio_blk_get_service(virtio_blk_get(disk)), arrive, NULL, 0);
        ASSERT_TRUE(sources[disk] != NULL);
        ASSERT_EQ(IOWorkLoop_addEventSource(loop, sources[disk]), kIOReturnSuccess);
        for (uint64_t i = 0; i < DISK_BYTES; i++) {
            content[disk][i] = disk_byte(i);
        }
    }
    random_seed(20260);
    for (unsigned i = 0; i < TRANSFERS; i++) {
        struct slot *slot = take_slot();

        if (slot == NULL) {
            collect(false);
            slot = take_slot();
        }
        begin(slot);
        if (random_below(200) == 0) {
            collect(true);
        }
    }
    collect(true);
    TEST_NOTE("%llu KiB read, %llu KiB written, %llu KiB bounced, %u under way at once",
              (unsigned long long)read_bytes >> 10, (unsigned long long)written_bytes >> 10,
              (unsigned long long)bounced >> 10, most_under_way);
    EXPECT_GE(most_under_way, 64);
    EXPECT_GT(bounced, 0);
    EXPECT_EQ(IODMACommand_getBounceInUse(), 0);
    for (unsigned disk = 0; disk < DISKS; disk++) {
        EXPECT_EQ(IOWorkLoop_removeEventSource(loop, sources[disk]), kIOReturnSuccess);
        OSObject_release(sources[disk]);
    }
    OSObject_release(loop);
    OSObject_release(owner);
}
