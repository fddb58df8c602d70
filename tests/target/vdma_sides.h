/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of vdma as a DMA engine: the two sides of a copy, and what the device is told. */
#ifndef TESTS_TARGET_VDMA_SIDES_H
#define TESTS_TARGET_VDMA_SIDES_H

#include "drivers/vdma/vdma.h"
#include "kernel/init.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

/* What the driver takes at its first use it keeps: before any test looks at what is held. */
static inline void use_it(void)
{
    vdma_present();
}

INITIALISER(INIT_CLASS, use_it);

struct side {
    struct scatter scatter;
    struct vdma_transfer transfer;
    IODMACommand *command;
};

static inline uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i * 29 + i / 251 + 3);
}

static inline struct side side_of(unsigned pieces, uint64_t length, IODirection direction)
{
    struct side side = {.scatter = disk_memory(pieces, length, direction)};

    for (uint64_t i = 0; direction == kIODirectionOut && i < length; i++) {
        *scatter_at(&side.scatter, i) = pattern(i);
    }
    return side;
}

static inline IOReturn prepare_side(struct side *side, uint64_t offset, uint64_t length)
{
    side->command = vdma_create_command(NULL, kMapped, &side->transfer);
    ASSERT_TRUE(side->command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(side->command, side->scatter.memory, false),
              kIOReturnSuccess);
    return IODMACommand_prepare(side->command, offset, length, true, true);
}

/* Completed: what was put elsewhere is home. */
static inline void complete_side(struct side *side)
{
    command_drop(side->command);
}

/* How many bytes from `first` on are the source's from `from` on. */
static inline uint64_t alike(const struct side *target, uint64_t first, uint64_t from,
                             uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        if (*scatter_at(&target->scatter, first + i) != pattern(from + i)) {
            return i;
        }
    }
    return length;
}

static inline IOReturn start_copy(struct client *client, struct side *source, struct side *target,
                                  IODirection direction)
{
    struct side *const started = direction == kIODirectionIn ? target : source;

    started->transfer.type = VDMA_COPY;
    started->transfer.other = direction == kIODirectionIn ? source->command : target->command;
    return start(client, started->command, direction, 0, 0);
}

static inline void limit(const struct vdma_limits *limits)
{
    const uint64_t arguments[2] = {VDMA_CUSTOM, 0};

    ASSERT_EQ(vdma_control(VDMA_SET_LIMITS, arguments, limits, sizeof(*limits), NULL, 0, NULL),
              kIOReturnSuccess);
}

static inline void inject(uint16_t kind, uint32_t after, uint64_t argument)
{
    const struct vdma_fault fault = {.kind = kind, .after = after, .argument = argument};
    const uint64_t arguments[2] = {VDMA_INJECT_FAULTS, 0};

    ASSERT_EQ(vdma_control(VDMA_INJECT, arguments, &fault, sizeof(fault), NULL, 0, NULL),
              kIOReturnSuccess);
}

#endif
