/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 el3 max
/*
 * Concurrency on one CPU: a timer interrupt strikes at many moments of what thread
 * context does with descriptors, and its handler calls every function that may be
 * called there, on the same objects and on others. The check OM-5.
 */
#include <string.h>

#include "kernel/timer.h"
#include "tests/harness/harness.h"
#include "tests/lib/handler_calls.h"

#define STRIKES  300 /* in the middle of each operation */
#define EARLIEST 200 /* nanoseconds until one */
#define LATEST   1000000
#define STEP     16 /* of the deadline, from one strike to the next: one tick at 62.5 MHz */

static struct {
    unsigned strikes;
    bool inside;              /* the operation is going on */
    unsigned caught;          /* strikes that found it so */
    uint64_t places[STRIKES]; /* instructions that they came before, all different */
    unsigned known;
} striker;

static uint64_t interrupted_instruction(void)
{
    uint64_t address;

    __asm__ volatile("mrs %0, elr_el1" : "=r"(address));
    return address;
}

static void note_place(uint64_t address)
{
    unsigned i = 0;

    while (i < striker.known && striker.places[i] != address) {
        i++;
    }
    if (i == striker.known && i < STRIKES) {
        striker.places[striker.known++] = address;
    }
}

static void strike(void *context)
{
    (void)context;
    if (striker.inside) {
        striker.caught++;
        note_place(interrupted_instruction());
    }
    handler_calls();
    __atomic_store_n(&striker.strikes, striker.strikes + 1, __ATOMIC_RELEASE);
}

static void set_inside(bool inside)
{
    __atomic_store_n(&striker.inside, inside, __ATOMIC_RELEASE);
}

/* The operation, over and over, until an interrupt has come. */
static unsigned until_struck(void (*operation)(void), uint64_t nanoseconds)
{
    static struct timer timer = {.callback = strike};
    const unsigned before = striker.strikes;
    unsigned times = 0;

    timer_start(&timer, nanoseconds);
    while (__atomic_load_n(&striker.strikes, __ATOMIC_ACQUIRE) == before) {
        set_inside(true);
        operation();
        set_inside(false);
        times++;
    }
    return times;
}

/*
 * How long it takes from the start of the timer to the operation is the host's affair:
 * interrupts that come too early do not count, and the next one comes later.
 */
static void struck(const char *name, void (*operation)(void))
{
    uint64_t base = EARLIEST;
    unsigned times = 0;

    striker.caught = striker.known = 0;
    shared.wrong = 0;
    shared.first = NULL;
    while (striker.caught < STRIKES) {
        const unsigned caught = striker.caught;

        times += until_struck(operation, base + STEP * caught);
        if (striker.caught == caught && base < LATEST) {
            base += base / 4;
        }
    }
    EXPECT_EQ(shared.wrong, 0);
    EXPECT_STR_EQ(shared.first, NULL);
    EXPECT_GT(striker.known, 1);
    TEST_NOTE("%s: %u times, interrupted %u times in %u places", name, times, striker.caught,
              striker.known);
}

static void retain_and_release(void)
{
    const int before = OSObject_getRetainCount(shared.memory);

    OSObject_retain(shared.memory);
    RIGHT(OSObject_taggedTryRetain(shared.memory, NULL));
    RIGHT(OSObject_getRetainCount(shared.memory) == before + 2);
    OSObject_release(shared.memory);
    OSObject_release(shared.memory);
    RIGHT(OSObject_getRetainCount(shared.memory) == before);
}

TEST(om_5_retain_and_release_lose_no_count)
{
    make_shared();
    struck("retain, release", retain_and_release);
    drop_shared();
}

static void walk(void)
{
    IOPhysicalSegment list[8];
    IOByteCount size;

    RIGHT(sum_of_segments(shared.window) == shared.window_sum);
    RIGHT(sum_of_segments(shared.memory) == shared.memory_sum);
    RIGHT(IONaturalMemoryCursor_getPhysicalSegments(shared.cursor, shared.window, 0, list, 8, 0,
                                                    &size) == shared.window_entries);
    RIGHT(size == WINDOW_LENGTH);
}

static void walk_as_dma(void)
{
    RIGHT(dma_walk(shared.window) == WINDOW_LENGTH);
    RIGHT(dma_walk(shared.memory) == MEMORY_LENGTH);
}

TEST(walks_are_not_disturbed)
{
    make_shared();
    struck("segment walk, cursor", walk);
    struck("walk of a DMA command", walk_as_dma);
    drop_shared();
}

static void copy_bytes(void)
{
    static uint8_t bytes[2 * 4096];

    RIGHT(IOMemoryDescriptor_readBytes(shared.memory, 0, bytes, 2 * PAGE_SIZE) == 2 * PAGE_SIZE);
    RIGHT(memcmp(bytes, shared.bytes, 2 * PAGE_SIZE) == 0);
    RIGHT(IOMemoryDescriptor_writeBytes(shared.memory, THREAD_BYTES, bytes, PAGE_SIZE) ==
          PAGE_SIZE);
    RIGHT(memcmp(shared.bytes + THREAD_BYTES, bytes, PAGE_SIZE) == 0);
    RIGHT(IOMemoryDescriptor_writeBytes(shared.memory, THREAD_BYTES, NULL, PAGE_SIZE) == PAGE_SIZE);
    RIGHT(IOMemoryDescriptor_performOperation(shared.memory, kIOMemoryIncoherentIOStore, 0,
                                              PAGE_SIZE) == kIOReturnSuccess);
}

TEST(bytes_of_prepared_memory)
{
    make_shared();
    struck("readBytes, writeBytes", copy_bytes);
    drop_shared();
}

static void set_attributes(void)
{
    static IOOptionBits tag = 1;

    tag = 3 - tag;
    IOMemoryDescriptor_setTag(shared.memory, tag);
    RIGHT(IOMemoryDescriptor_getTag(shared.memory) == tag);
    RIGHT(IOMemoryDescriptor_getLength(shared.memory) == MEMORY_LENGTH);
    RIGHT(IOMemoryDescriptor_getDirection(shared.memory) == kIODirectionOutIn);
    IOMemoryDescriptor_getFlags(shared.memory);
}

static void change_context(void)
{
    static unsigned which;
    OSObject *held;

    which ^= 1;
    IOMemoryDescriptor_setContext(shared.memory, shared.contexts[which]);
    held = IOMemoryDescriptor_copyContext(shared.memory);
    RIGHT((void *)held == shared.contexts[which]);
    OSObject_release(held);
}

/* Whoever asks first, there is one number. */
static void first_descriptor_id(void)
{
    uint64_t number;

    shared.nameless = IOMemoryDescriptor_withPhysicalAddress(0, 1, kIODirectionIn);
    number = IOMemoryDescriptor_getDescriptorID(shared.nameless);
    RIGHT(number != kIODescriptorIDInvalid);
    RIGHT(shared.number == 0 || shared.number == number);
    OSObject_release(__atomic_exchange_n(&shared.nameless, NULL, __ATOMIC_RELAXED));
    shared.number = 0;
}

static void fail_on_purpose(void)
{
    RIGHT(IOMemoryDescriptor_withAddressRange(0, 1, kIOMemoryTypeUPL, kernel_task) == NULL);
    RIGHT(IOMemoryLastError() == kIOReturnBadArgument);
    RIGHT(IOMemoryLastError() == kIOReturnBadArgument);
}

TEST(attributes_contexts_numbers_and_errors)
{
    make_shared();
    struck("attributes", set_attributes);
    struck("setContext, copyContext", change_context);
    struck("first question for a number", first_descriptor_id);
    struck("last error", fail_on_purpose);
    IOMemoryDescriptor_setContext(shared.memory, (OSObject *)NULL);
    EXPECT_EQ(OSObject_getRetainCount(shared.contexts[0]), 1);
    EXPECT_EQ(OSObject_getRetainCount(shared.contexts[1]), 1);
    drop_shared();
}

static void nested_prepare(void)
{
    RIGHT(IOMemoryDescriptor_prepare(shared.window, 0) == kIOReturnSuccess);
    RIGHT(IOMemoryDescriptor_prepare(shared.memory, kIODirectionOut) == kIOReturnSuccess);
    RIGHT(IOMemoryDescriptor_complete(shared.window, 0) == kIOReturnSuccess);
    RIGHT(IOMemoryDescriptor_complete(shared.memory, 0) == kIOReturnSuccess);
}

/* The same pages, pinned and let go again by others. */
static void whole_prepare(void)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
        (uintptr_t)shared.bytes, MEMORY_LENGTH, kIODirectionOutIn, kernel_task);

    RIGHT(IOMemoryDescriptor_prepare(memory, 0) == kIOReturnSuccess);
    RIGHT(sum_of_segments(memory) == shared.memory_sum);
    RIGHT(IOMemoryDescriptor_complete(memory, 0) == kIOReturnSuccess);
    RIGHT(IOMemoryDescriptor_complete(memory, 0) == kIOReturnNotReady);
    OSObject_release(memory);
}

static void dma_users(void)
{
    RIGHT(IOMemoryDescriptor_dmaCommandOperation(shared.memory, kIOMDSetDMAActive, NULL, 0) ==
          kIOReturnSuccess);
    RIGHT(IOMemoryDescriptor_dmaCommandOperation(shared.memory, kIOMDSetDMAInactive, NULL, 0) ==
          kIOReturnSuccess);
}

TEST(prepares_and_dma_users_are_counted_right)
{
    make_shared();
    EXPECTS_REPORT(11); /* that nothing is left of a count is seen by one complete more */
    struck("prepare and complete, not the last", nested_prepare);
    struck("prepare and complete, first and last", whole_prepare);
    struck("DMA active and inactive", dma_users);
    /* Nothing is left of either count: these are the last. */
    EXPECT_EQ(IOMemoryDescriptor_dmaCommandOperation(shared.memory, kIOMDSetDMAInactive, NULL, 0),
              kIOReturnNotReady);
    EXPECT_EQ(IOMemoryDescriptor_complete(shared.window, 0), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(shared.memory, 0), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(shared.memory, 0), kIOReturnNotReady);
    EXPECT_EQ(IOMemoryDescriptor_prepare(shared.memory, 0), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_prepare(shared.window, 0), kIOReturnSuccess);
    drop_shared();
}

static void create_window(void)
{
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(shared.memory, 100, 5000, kIODirectionIn);

    RIGHT(IOMemoryDescriptor_prepare(sub, 0) == kIOReturnSuccess);
    OSObject_release(sub); /* and completes it */
}

static void create_map(void)
{
    IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(
        shared.memory, kernel_task, 0, kIOMapAnywhere | kIOMapUnique, PAGE_SIZE, PAGE_SIZE);
    const uint8_t *seen = (const uint8_t *)IOMemoryMap_getAddress(map);

    RIGHT(seen != NULL && memcmp(seen, shared.bytes + PAGE_SIZE, PAGE_SIZE) == 0);
    RIGHT(IOMemoryMap_unmap(map) == kIOReturnSuccess);
    OSObject_release(map);
}

TEST(windows_and_maps_come_and_go)
{
    make_shared();
    struck("sub-descriptor of prepared memory", create_window);
    struck("map of prepared memory", create_map);
    EXPECT_EQ(OSObject_getRetainCount(shared.memory), shared.memory_references);
    drop_shared();
}

/* The handler frees what it is given, and gets nothing for itself. */
static void allocate(void)
{
    void *mine = IOMalloc(200);

    RIGHT(mine != NULL);
    memset(mine, 0x11, 200);
    if (__atomic_load_n(&shared.gift, __ATOMIC_RELAXED) == NULL) {
        __atomic_store_n(&shared.gift, IOMallocZero(GIFT_SIZE), __ATOMIC_RELEASE);
    }
    RIGHT(((uint8_t *)mine)[0] == 0x11 && ((uint8_t *)mine)[199] == 0x11);
    IOFree(mine, 200);
}

static void allocate_numbers(void)
{
    IORangeScalar start;

    RIGHT(IORangeAllocator_allocate(shared.numbers, 3, &start, 0));
    RIGHT(IORangeAllocator_deallocate(shared.numbers, start, 3) == kIOReturnSuccess);
}

TEST(memory_and_numbers)
{
    make_shared();
    struck("IOMalloc, IOFree", allocate);
    struck("range allocator", allocate_numbers);
    EXPECT_EQ(IORangeAllocator_getFreeCount(shared.numbers), NUMBERS);
    drop_shared();
}

static void use_array(void)
{
    RIGHT(OSArray_getCount(shared.array) == 2);
    RIGHT((void *)OSArray_getObject(shared.array, 1) == shared.contexts[1]);
    RIGHT(OSObject_isEqualTo(shared.memory, shared.memory));
    RIGHT(OSMetaClassBase_safeMetaCast(shared.memory, &IOGeneralMemoryDescriptor_metaClass) !=
          NULL);
    RIGHT(IOFlushProcessorCache(kernel_task, (uintptr_t)shared.bytes, PAGE_SIZE) ==
          kIOReturnSuccess);
}

TEST(classes_arrays_and_caches)
{
    make_shared();
    struck("OSArray, casts, cache", use_array);
    drop_shared();
}
