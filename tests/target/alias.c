/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/*
 * Copies whose two sides are the same memory at different addresses, and registers that a
 * handler is the first to touch.
 */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryMap.h"
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "kernel/timer.h"
#include "tests/harness/harness.h"

#define SIZE     9000u
#define IDENTITY (0x09010000ul + 0xfe0) /* of the clock (PL031), which nobody has mapped */

static uint8_t expected[SIZE];

/* From the first byte to the last, each store seen by the next load. */
static void model(uint64_t to, uint64_t from, uint64_t length)
{
    for (uint64_t i = 0; i < SIZE; i++) {
        expected[i] = (uint8_t)(i * 7 + i / 251);
    }
    for (uint64_t i = 0; i < length; i++) {
        expected[to + i] = expected[from + i];
    }
}

static void check(IOMemoryDescriptor *memory, uint8_t *bytes, uint8_t *alias, uint64_t to,
                  uint64_t from, uint64_t length)
{
    model(0, 0, 0);
    memcpy(bytes, expected, SIZE);
    model(to, from, length);
    EXPECT_EQ(IOMemoryDescriptor_writeBytes(memory, to, alias + from, length), length);
    EXPECT_EQ(memcmp(bytes, expected, SIZE), 0);
    model(0, 0, 0);
    memcpy(bytes, expected, SIZE);
    model(to, from, length);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(memory, from, alias + to, length), length);
    EXPECT_EQ(memcmp(bytes, expected, SIZE), 0);
}

TEST(copies_ascend_through_aliases)
{
    static const uint64_t cases[][3] = {
        {1, 0, 8000},       {0, 1, 8000},       {64, 0, 500},
        {4000, 3990, 4200}, {3990, 4000, 4200}, {5, 5, 100},
    };
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(kIODirectionInOut, SIZE, PAGE_SIZE);
    uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    IOMemoryMap *map = IOMemoryDescriptor_map(buffer, kIOMapUnique);
    uint8_t *alias;

    ASSERT_TRUE(map != NULL);
    alias = (uint8_t *)IOMemoryMap_getAddress(map);
    ASSERT_TRUE(alias != bytes);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(IOMemoryDescriptor_upcast(buffer), bytes, alias, cases[i][0], cases[i][1],
              cases[i][2]);
        check(IOMemoryDescriptor_upcast(buffer), bytes, bytes, cases[i][0], cases[i][1],
              cases[i][2]);
    }
    OSObject_release(map);
    OSObject_release(buffer);
}

static struct {
    IOMemoryDescriptor *registers;
    uint32_t identity[4];
    IOByteCount done;
    bool mapped[2]; /* before, and after */
    bool fired;
} handler;

/* In the direct map, where registers stay once they are mapped: that may need tables. */
static bool is_mapped(void)
{
    struct mmu_translation at;

    return mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(IDENTITY)), &at);
}

static void read_registers(void *context)
{
    (void)context;
    handler.mapped[0] = is_mapped();
    handler.done = IOMemoryDescriptor_readBytes(handler.registers, 0, handler.identity,
                                                sizeof(handler.identity));
    handler.mapped[1] = is_mapped();
    __atomic_store_n(&handler.fired, true, __ATOMIC_RELEASE);
}

TEST(a_handler_reads_registers_that_nobody_has_mapped)
{
    static struct timer timer = {.callback = read_registers};

    handler.registers = IOMemoryDescriptor_withPhysicalAddress(IDENTITY, sizeof(handler.identity),
                                                               kIODirectionInOut);
    ASSERT_TRUE(handler.registers != NULL);
    timer_start(&timer, 1000);
    while (!__atomic_load_n(&handler.fired, __ATOMIC_ACQUIRE)) {
    }
    EXPECT_EQ(handler.done, sizeof(handler.identity));
    EXPECT_FALSE(handler.mapped[0]);
    EXPECT_FALSE(handler.mapped[1]);
    EXPECT_EQ(handler.identity[0], 0x31); /* PeriphID0 */
    OSObject_release(handler.registers);
}
