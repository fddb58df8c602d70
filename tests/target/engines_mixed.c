/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max ram64m smmu pci packed
// FILE: disk 1M words
// FILE: nvme 1M words
// FILE: card 1M words
// FILE: sata 1M words
// QEMU: -blockdev driver=file,filename=$FILES/disk,node-name=file0
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0
// QEMU: -device virtio-blk-device,drive=disk0,serial=source
// QEMU: -blockdev driver=file,filename=$FILES/nvme,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device nvme,drive=disk1,serial=source
// QEMU: -blockdev driver=file,filename=$FILES/card,node-name=file2
// QEMU: -blockdev driver=raw,file=file2,node-name=disk2
// QEMU: -device sdhci-pci -device sd-card,drive=disk2
// QEMU: -blockdev driver=file,filename=$FILES/sata,node-name=file3
// QEMU: -blockdev driver=raw,file=file3,node-name=disk3
// QEMU: -device ich9-ahci,id=ahci -device ide-hd,bus=ahci.0,drive=disk3,serial=source
/*
 * Ten thousand transfers in no order over all engines that are not ours, each by every way that
 * it can be told of memory, dozens under way at any time. What each disk must hold is known
 * byte by byte, and each read is compared.
 */
#include <string.h>

#include "descriptors/OSArray.h"
#include "kernel/irq.h"
#include "tests/lib/mover.h"
#include "tests/lib/portable/random_memory.h"
#include "tests/target/disk.h"

#define TRANSFERS  10000
#define SLOTS      96 /* transfers under way at the most */
#define ENGINES    4
#define DISK_BYTES (1u << 20)
#define BLOCKS     (DISK_BYTES / 512)
#define BLOCKS_MAX 12 /* of one transfer */
#define PIECES_MAX 6

/* One place for a transfer, and what goes on there. */
struct slot {
    union mover_transfer transfer;
    IODMACommand *command;
    struct scatter scatter;
    unsigned engine;
    IODirection direction;
    uint64_t block, bytes;
    bool is_used;
    bool has_ended;
    IOReturn status;
};

static const char *const names[ENGINES] = {"virtio-blk", "nvme", "sdhci", "ahci"};
static struct mover movers[ENGINES];
static struct slot slots[SLOTS];
static uint8_t content[ENGINES][DISK_BYTES]; /* what is on the disks once all is done */
static IOWorkLoop *loop;
static unsigned under_way, most_under_way, at_once[ENGINES], most_at_once[ENGINES];
static uint64_t done[ENGINES], bounced[ENGINES];

/* --- The ends --------------------------------------------------------------------------------- */

static void arrive(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                   IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    struct slot *slot = IODMACommand_getRefCon(command); /* the transfer is its first member */

    (void)owner, (void)source, (void)when;
    ASSERT_TRUE(slot->is_used && !slot->has_ended && slot->command == command);
    EXPECT_EQ(bytes, slot->bytes);
    slot->has_ended = true;
    slot->status = status;
}

/* The bytes in memory against those of the disk, piece by piece. */
static void compare(const struct slot *slot)
{
    const uint8_t *expected = &content[slot->engine][slot->block * 512];

    for (size_t i = 0; i < slot->scatter.pieces; i++) {
        const IOAddressRange *range = &slot->scatter.ranges[i];

        ASSERT_EQ(memcmp((const void *)range->address, expected, range->length), 0);
        expected += range->length;
    }
}

static void finish(struct slot *slot)
{
    EXPECT_EQ(IODMACommand_complete(slot->command, true, true), kIOReturnSuccess);
    OSObject_release(slot->command);
    ASSERT_EQ(slot->status, kIOReturnSuccess);
    if (slot->direction == kIODirectionIn) {
        compare(slot);
    }
    disk_memory_drop(&slot->scatter);
    done[slot->engine]++;
    slot->is_used = false;
    at_once[slot->engine]--;
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
            waits &= !(slots[i].is_used && slots[i].has_ended);
        }
        if (waits) {
            irq_wait();
        }
        irq_restore(state);
        for (unsigned i = 0; i < SLOTS; i++) {
            if (slots[i].is_used && slots[i].has_ended) {
                finish(&slots[i]);
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

        if (slot->is_used && slot->engine == wanted->engine &&
            slot->block < wanted->block + wanted->bytes / 512 &&
            wanted->block < slot->block + slot->bytes / 512 &&
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
        slot->engine = (unsigned)random_below(ENGINES);
        slot->direction = random_below(2) != 0 ? kIODirectionIn : kIODirectionOut;
        slot->bytes = 512 * (1 + random_below(BLOCKS_MAX));
        slot->block = random_below(BLOCKS - slot->bytes / 512);
    } while (!is_free(slot));
}

static void fill(const struct slot *slot)
{
    uint8_t *expected = &content[slot->engine][slot->block * 512];
    uint32_t next = (uint32_t)random_below(UINT32_MAX);

    for (size_t i = 0; i < slot->scatter.pieces; i++) {
        const IOAddressRange *range = &slot->scatter.ranges[i];
        uint8_t *bytes = (uint8_t *)range->address;

        for (uint64_t k = 0; k < range->length; k++, next = next * 5 + 77) {
            *expected++ = bytes[k] = (uint8_t)(next >> 8);
        }
    }
}

static void start(struct slot *slot)
{
    struct mover *mover = &movers[slot->engine];

    /* By one way or the other, where it has two. */
    mover->format = random_below(2) != 0 ? NVME_PRP : NVME_SGL;
    mover->mode = random_below(2) != 0 ? SDHCI_ADMA2 : SDHCI_SDMA;
    mover->kind->get_limits(mover, &mover->limits);
    slot->command = mover->kind->create_command(mover, &slot->transfer);
    ASSERT_TRUE(slot->command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(slot->command, slot->scatter.memory, false),
              kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(slot->command, 0, 0, true, true), kIOReturnSuccess);
    bounced[slot->engine] += IODMACommand_getBounceLength(slot->command);
    mover->kind->seek(&slot->transfer, slot->block * 512);
    IOWorkLoop_closeGate(loop);
    ASSERT_EQ(IODMAEventSource_startDMACommand(mover->source, slot->command, slot->direction, 0, 0),
              kIOReturnSuccess);
    IOWorkLoop_openGate(loop);
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
    if (++under_way > most_under_way) {
        most_under_way = under_way;
    }
    if (++at_once[slot->engine] > most_at_once[slot->engine]) {
        most_at_once[slot->engine] = at_once[slot->engine];
    }
    start(slot);
}

/* --- All of it -------------------------------------------------------------------------------- */

TEST(the_engines_are_made)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        ASSERT_TRUE(mover_open(&movers[i], mover_kind(names[i]), "source", 0));
        ASSERT_EQ(movers[i].bytes, DISK_BYTES);
        ASSERT_TRUE(movers[i].kind->get_service(&movers[i]) != NULL);
    }
    TEST_KEEPS("an engine is made once");
}

TEST(ten_thousand_transfers_over_all_engines)
{
    OSArray *owner = OSArray_withCapacity(1);

    random_seed(20261);
    ASSERT_TRUE(movers[ENGINES - 1].bytes == DISK_BYTES);
    loop = IOWorkLoop_workLoop();
    for (unsigned i = 0; i < ENGINES; i++) {
        ASSERT_TRUE(mover_attach(&movers[i], loop, OSObject_upcast(owner), arrive));
        for (uint64_t k = 0; k < DISK_BYTES; k++) {
            content[i][k] = disk_byte(k);
        }
    }
    for (unsigned i = 0; i < TRANSFERS; i++) {
        struct slot *slot = take_slot();

        if (slot == NULL || random_below(200) == 0) {
            collect(slot != NULL);
            slot = take_slot();
        }
        begin(slot);
    }
    collect(true);
    for (unsigned i = 0; i < ENGINES; i++) {
        TEST_NOTE("%s: %u transfers, %u at once at the most, %u bytes bounced", names[i],
                  (unsigned)done[i], most_at_once[i], (unsigned)bounced[i]);
        EXPECT_GT(done[i], TRANSFERS / ENGINES / 2);
        mover_detach(&movers[i]);
    }
    TEST_NOTE("high-water mark: %u transfers", most_under_way);
    EXPECT_GE(most_under_way, 64);
    EXPECT_EQ(IODMACommand_getBounceInUse(), 0);
    OSObject_release(loop);
    OSObject_release(owner);
}
