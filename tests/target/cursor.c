/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* Memory cursors on the machine: a sample of the random cases, real pages, an interrupt's walk. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/timer.h"
#include "kernel/vm_map.h"
#include "tests/harness/harness.h"
#include "tests/lib/portable/cursor_cases.h"

#define ARENA_PAGES 64
#define CASES       60

/* Memory of which page after page was supplied in another order than it lies. */
static uint8_t *make_arena(void)
{
    const unsigned access = MMU_READ | MMU_WRITE;
    struct vm_range range = {.access = access, .max_access = access};
    vaddr_t arena = 0;

    ASSERT_EQ(vm_object_create(ARENA_PAGES, &range.object), KERN_SUCCESS);
    ASSERT_EQ(vm_map_enter(kernel_map, &arena, ptoa(ARENA_PAGES), 0, &range, VM_ENTER_ANYWHERE),
              KERN_SUCCESS);
    vm_object_release(range.object);
    for (unsigned i = 0; i < ARENA_PAGES; i++) {
        uint8_t *page = (uint8_t *)arena + ptoa(i * 29 % ARENA_PAGES);

        for (unsigned k = 0; k < PAGE_SIZE; k++) {
            page[k] = (uint8_t)(i * 31 + k);
        }
    }
    return (uint8_t *)arena;
}

static void drop_arena(uint8_t *arena)
{
    EXPECT_EQ(vm_map_remove(kernel_map, (vaddr_t)arena, ptoa(ARENA_PAGES)), KERN_SUCCESS);
}

static uint64_t physical(const void *address)
{
    struct mmu_translation at;

    return mmu_translate(mmu_kernel, (vaddr_t)address, &at) ? at.pa.value : 0;
}

static const uint8_t *ram(uint64_t address)
{
    struct mmu_translation at;
    const uint8_t *bytes = phys_to_virt(paddr(address));

    if (page_get_state(paddr(trunc_page(address))) == PAGE_FOREIGN ||
        !mmu_translate(mmu_kernel, (vaddr_t)bytes, &at)) {
        return NULL;
    }
    return bytes;
}

TEST(mc_random_cases_agree_with_the_segmenter)
{
    struct random_world world = {
        .arena = make_arena(), .size = ptoa(ARENA_PAGES), .physical = physical, .ram = ram};
    paddr_t block;

    ASSERT_EQ(page_alloc(6, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
    world.ram_base = block.value;
    random_world = &world;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        const char *failure = cursor_case(seed);

        if (failure != NULL) {
            TEST_NOTE("seed %llu: %s", (unsigned long long)seed, failure);
            ASSERT_EQ(failure, NULL);
        }
    }
    EXPECT_EQ(page_free(block, 6), KERN_SUCCESS);
    drop_arena(world.arena);
}

/* The bytes at the segments, as a device would fetch them, are the described ones. */
TEST(mc_1_segments_of_scattered_pages)
{
    uint8_t *arena = make_arena();
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
        (uintptr_t)arena + 100, ptoa(ARENA_PAGES) - 200, kIODirectionOut, kernel_task);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 1);
    static IOPhysicalSegment list[ARENA_PAGES];
    const uint8_t *next = arena + 100;
    IOByteCount size;
    UInt32 count;

    ASSERT_EQ(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    count =
        IONaturalMemoryCursor_getPhysicalSegments(cursor, memory, 0, list, ARENA_PAGES, 0, &size);
    EXPECT_GT(count, 1);
    EXPECT_EQ(size, ptoa(ARENA_PAGES) - 200);
    for (UInt32 i = 0; i < count; i++) {
        EXPECT_MEM_EQ(phys_to_virt(paddr(list[i].location)), next, list[i].length);
        next += list[i].length;
    }
    EXPECT_EQ(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(cursor);
    OSObject_release(memory);
    drop_arena(arena);
}

TEST(mc_9_mc_10_the_whole_address_space)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withPhysicalAddress(0, 5ull << 30, kIODirectionIn);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 1);
    IOPhysicalSegment list[2];
    IOByteCount size;

    EXPECT_EQ(IONaturalMemoryCursor_getPhysicalSegments(cursor, memory, 0, list, 2, 0, &size), 1);
    EXPECT_EQ(list[0].location, 0);
    EXPECT_EQ(list[0].length, 5ull << 30);
    EXPECT_EQ(size, 5ull << 30);
    OSObject_release(cursor);
    OSObject_release(memory);
}

TEST(mc_8_mc_11_refusals)
{
    static uint8_t bytes[64];
    IOMemoryDescriptor *unprepared =
        IOMemoryDescriptor_withAddressRange((uintptr_t)bytes, 64, kIODirectionIn, kernel_task);
    IOMemoryDescriptor *odd =
        IOMemoryDescriptor_withPhysicalAddress(0x40000001, 64, kIODirectionIn);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 4);
    IOPhysicalSegment list[2];
    IOByteCount size = 7;

    EXPECT_EQ(IONaturalMemoryCursor_getPhysicalSegments(cursor, unprepared, 0, list, 2, 0, &size),
              0);
    EXPECT_EQ(size, 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotReady);
    EXPECT_EQ(IONaturalMemoryCursor_getPhysicalSegments(cursor, odd, 0, list, 2, 0, &size), 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotAligned);
    EXPECT_EQ(IONaturalMemoryCursor_withSpecification(0, 0, 3), NULL);
    OSObject_release(cursor);
    OSObject_release(odd);
    OSObject_release(unprepared);
}

/* MC-16: a handler walks another descriptor with the same cursor, wherever it strikes. */
static struct {
    IONaturalMemoryCursor *cursor;
    IOMemoryDescriptor *memory;
    IOPhysicalSegment list[4];
    volatile unsigned runs, wrong;
} interrupter;

static void walk_in_handler(void *context)
{
    IOByteCount size;
    const UInt32 count = IONaturalMemoryCursor_getPhysicalSegments(
        interrupter.cursor, interrupter.memory, 0, interrupter.list, 4, 0, &size);

    (void)context;
    interrupter.wrong += count != 2 || size != 30 || interrupter.list[1].location != 0x2000;
    /* A failure in a handler is not the thread's. */
    IONaturalMemoryCursor_getPhysicalSegments(interrupter.cursor, interrupter.memory, 30,
                                              interrupter.list, 4, 0, &size);
    interrupter.wrong += IOMemoryLastError() != kIOReturnOverrun;
    interrupter.runs++;
}

TEST(mc_16_a_handler_walks_in_the_middle)
{
    static struct timer timer = {.callback = walk_in_handler};
    IOAddressRange inner[] = {{0x1000, 10}, {0x2000, 20}};
    IOAddressRange outer[] = {{0x40000000, 0x1000}, {0x50000000, 0x1001}, {0x60000000, 0x2000}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(outer, 3, kIODirectionIn, TASK_NULL);
    IOPhysicalSegment list[8];
    unsigned wrong = 0;

    interrupter.cursor = IONaturalMemoryCursor_withSpecification(0x800, 0, 1);
    interrupter.memory = IOMemoryDescriptor_withAddressRanges(inner, 2, kIODirectionIn, TASK_NULL);
    interrupter.runs = interrupter.wrong = 0;
    EXPECT_EQ(IONaturalMemoryCursor_withSpecification(0, 0, 3), NULL);
    for (unsigned round = 0; round < 100; round++) {
        const unsigned before = interrupter.runs;

        timer_start(&timer, 500 + 23 * round);
        while (interrupter.runs == before) {
            IOByteCount size;
            const UInt32 count = IONaturalMemoryCursor_getPhysicalSegments(
                interrupter.cursor, memory, 0, list, 8, 0, &size);

            wrong += count != 8 || size != 0x3801 || list[4].length != 1 ||
                     list[7].location != 0x60001000;
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(interrupter.wrong, 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnBadArgument);
    OSObject_release(memory);
    OSObject_release(interrupter.memory);
    OSObject_release(interrupter.cursor);
}
