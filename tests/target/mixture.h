/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For images that mix transfers: reads and writes in no order over several disks, dozens under
 * way at any time. What each disk must hold is known byte by byte, and each read is compared. How
 * one is started is the image's.
 */
#ifndef TESTS_TARGET_MIXTURE_H
#define TESTS_TARGET_MIXTURE_H

#include <string.h>

#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "kernel/irq.h"
#include "tests/lib/portable/random_memory.h"
#include "tests/target/disk.h"

#define MIXTURE_TRANSFERS  10000
#define MIXTURE_SLOTS      96 /* transfers under way at the most */
#define MIXTURE_DISKS_MAX  4
#define MIXTURE_DISK_BYTES (1u << 20)
#define MIXTURE_BLOCKS     (MIXTURE_DISK_BYTES / 512)
#define MIXTURE_BLOCKS_MAX 12 /* of one transfer */
#define MIXTURE_PIECES_MAX 6

/* One place for a transfer, and what goes on there. */
struct mixture_slot {
    unsigned number;       /* below MIXTURE_SLOTS, for what else the image has of each */
    IODMACommand *command; /* NULL: it goes without one */
    struct scatter scatter;
    unsigned disk;
    IODirection direction;
    uint64_t block, bytes;
    bool is_used;
    bool has_ended; /* and the end is known: */
    IOReturn status;
};

static struct {
    /* The image's. */
    unsigned disks;
    /* Start it, by slot->command, prepared here and delivered to mixture_arrive, or otherwise. */
    void (*start)(struct mixture_slot *slot);
    /* Has one without a command ended? It fills in slot->status. NULL: all have one. */
    bool (*ask)(struct mixture_slot *slot);

    /* Where commands arrive, and what their sources belong to. */
    IOWorkLoop *loop;
    OSArray *owner;

    /* What came of it. */
    unsigned under_way, most_under_way;
    unsigned at_once[MIXTURE_DISKS_MAX], most_at_once[MIXTURE_DISKS_MAX];
    uint64_t done[MIXTURE_DISKS_MAX], bounced[MIXTURE_DISKS_MAX];
    uint64_t read_bytes, written_bytes;
} mixture;

static struct mixture_slot mixture_slots[MIXTURE_SLOTS];
static uint8_t mixture_content[MIXTURE_DISKS_MAX][MIXTURE_DISK_BYTES]; /* once all is done */

/* --- The ends --------------------------------------------------------------------------------- */

static inline void mixture_arrive(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                                  IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    struct mixture_slot *slot = mixture_slots;

    (void)owner, (void)source, (void)when;
    while (slot != &mixture_slots[MIXTURE_SLOTS] && !(slot->is_used && slot->command == command)) {
        slot++;
    }
    ASSERT_TRUE(slot != &mixture_slots[MIXTURE_SLOTS] && !slot->has_ended);
    EXPECT_EQ(bytes, slot->bytes);
    slot->has_ended = true;
    slot->status = status;
}

/* The bytes in memory against those of the disk, piece by piece. */
static inline void mixture_compare(const struct mixture_slot *slot)
{
    const uint8_t *expected = &mixture_content[slot->disk][slot->block * 512];

    for (size_t i = 0; i < slot->scatter.pieces; i++) {
        const IOAddressRange *range = &slot->scatter.ranges[i];

        ASSERT_EQ(memcmp((const void *)range->address, expected, range->length), 0);
        expected += range->length;
    }
}

static inline void mixture_finish(struct mixture_slot *slot)
{
    if (slot->command != NULL) {
        EXPECT_EQ(IODMACommand_complete(slot->command, true, true), kIOReturnSuccess);
        OSObject_release(slot->command);
    }
    ASSERT_EQ(slot->status, kIOReturnSuccess);
    if (slot->direction == kIODirectionIn) {
        mixture_compare(slot);
        mixture.read_bytes += slot->bytes;
    } else {
        mixture.written_bytes += slot->bytes;
    }
    disk_memory_drop(&slot->scatter);
    mixture.done[slot->disk]++;
    slot->is_used = false;
    mixture.at_once[slot->disk]--;
    mixture.under_way--;
}

static inline bool mixture_has_ended(struct mixture_slot *slot)
{
    if (slot->is_used && !slot->has_ended && slot->command == NULL) {
        slot->has_ended = mixture.ask(slot);
    }
    return slot->is_used && slot->has_ended;
}

/* Deliver what has come; at least one if `all` is false, else everything. */
static inline void mixture_collect(bool all)
{
    unsigned finished = 0;

    while (mixture.under_way != 0 && (all || finished == 0)) {
        const irq_state_t state = irq_mask();
        bool waits = true;

        IOWorkLoop_runEventSources(mixture.loop);
        for (unsigned i = 0; i < MIXTURE_SLOTS; i++) {
            waits &= !mixture_has_ended(&mixture_slots[i]);
        }
        if (waits) {
            irq_wait();
        }
        irq_restore(state);
        for (unsigned i = 0; i < MIXTURE_SLOTS; i++) {
            if (mixture_has_ended(&mixture_slots[i])) {
                mixture_finish(&mixture_slots[i]);
                finished++;
            }
        }
    }
}

/* --- The beginnings --------------------------------------------------------------------------- */

/* Two that overlap, one of them a write, have no order. */
static inline bool mixture_is_free(const struct mixture_slot *wanted)
{
    for (unsigned i = 0; i < MIXTURE_SLOTS; i++) {
        const struct mixture_slot *slot = &mixture_slots[i];

        if (slot->is_used && slot->disk == wanted->disk &&
            slot->block < wanted->block + wanted->bytes / 512 &&
            wanted->block < slot->block + slot->bytes / 512 &&
            (slot->direction == kIODirectionOut || wanted->direction == kIODirectionOut)) {
            return false;
        }
    }
    return true;
}

static inline struct mixture_slot *mixture_take_slot(void)
{
    for (unsigned i = 0; i < MIXTURE_SLOTS; i++) {
        if (!mixture_slots[i].is_used) {
            return &mixture_slots[i];
        }
    }
    return NULL;
}

/* Where, how much and which way: somewhere that nothing else is under way. */
static inline void mixture_choose(struct mixture_slot *slot)
{
    do {
        slot->disk = (unsigned)random_below(mixture.disks);
        slot->direction = random_below(2) != 0 ? kIODirectionIn : kIODirectionOut;
        slot->bytes = 512 * (1 + random_below(MIXTURE_BLOCKS_MAX));
        slot->block = random_below(MIXTURE_BLOCKS - slot->bytes / 512);
    } while (!mixture_is_free(slot));
}

static inline void mixture_fill(const struct mixture_slot *slot)
{
    uint8_t *expected = &mixture_content[slot->disk][slot->block * 512];
    uint32_t next = (uint32_t)random_below(UINT32_MAX);

    for (size_t i = 0; i < slot->scatter.pieces; i++) {
        const IOAddressRange *range = &slot->scatter.ranges[i];
        uint8_t *bytes = (uint8_t *)range->address;

        for (uint64_t k = 0; k < range->length; k++, next = next * 5 + 77) {
            *expected++ = bytes[k] = (uint8_t)(next >> 8);
        }
    }
}

/* Of a command that the image has made for the slot: prepare it, and start it on this source. */
static inline void mixture_start(struct mixture_slot *slot, IODMAEventSource *source)
{
    ASSERT_TRUE(slot->command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(slot->command, slot->scatter.memory, false),
              kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(slot->command, 0, 0, true, true), kIOReturnSuccess);
    mixture.bounced[slot->disk] += IODMACommand_getBounceLength(slot->command);
    IOWorkLoop_closeGate(mixture.loop);
    ASSERT_EQ(IODMAEventSource_startDMACommand(source, slot->command, slot->direction, 0, 0),
              kIOReturnSuccess);
    IOWorkLoop_openGate(mixture.loop);
}

static inline void mixture_begin_one(struct mixture_slot *slot)
{
    slot->number = (unsigned)(slot - mixture_slots);
    mixture_choose(slot);
    slot->scatter = disk_memory(slot->bytes / 3000 + 1 + random_below(MIXTURE_PIECES_MAX),
                                slot->bytes, slot->direction);
    if (slot->direction == kIODirectionOut) {
        mixture_fill(slot);
    }
    slot->command = NULL;
    slot->has_ended = false;
    slot->is_used = true;
    if (++mixture.under_way > mixture.most_under_way) {
        mixture.most_under_way = mixture.under_way;
    }
    if (++mixture.at_once[slot->disk] > mixture.most_at_once[slot->disk]) {
        mixture.most_at_once[slot->disk] = mixture.at_once[slot->disk];
    }
    mixture.start(slot);
}

/* --- All of it -------------------------------------------------------------------------------- */

/* A loop, and disks as they are at first; the image attaches its sources next. */
static inline void mixture_open(unsigned disks, uint64_t seed)
{
    random_seed(seed);
    mixture.disks = disks;
    mixture.owner = OSArray_withCapacity(1);
    mixture.loop = IOWorkLoop_workLoop();
    for (unsigned i = 0; i < disks; i++) {
        for (uint64_t k = 0; k < MIXTURE_DISK_BYTES; k++) {
            mixture_content[i][k] = disk_byte(k);
        }
    }
}

static inline void mixture_run(void)
{
    for (unsigned i = 0; i < MIXTURE_TRANSFERS; i++) {
        struct mixture_slot *slot = mixture_take_slot();

        if (slot == NULL || random_below(200) == 0) {
            mixture_collect(slot != NULL);
            slot = mixture_take_slot();
        }
        mixture_begin_one(slot);
    }
    mixture_collect(true);
    TEST_NOTE("%llu KiB read, %llu KiB written; high-water mark: %u transfers",
              (unsigned long long)mixture.read_bytes >> 10,
              (unsigned long long)mixture.written_bytes >> 10, mixture.most_under_way);
    EXPECT_GE(mixture.most_under_way, 64);
    EXPECT_EQ(IODMACommand_getBounceInUse(), 0);
}

/* The sources are gone. */
static inline void mixture_close(void)
{
    OSObject_release(mixture.loop);
    OSObject_release(mixture.owner);
}

#endif
