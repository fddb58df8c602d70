/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver has of its own: memory that is used up and given back, and proxies, which keep
 * what they stand for and no more. objects: as many as can be given, of which the first is a
 * buffer. It may have few handles.
 */
#include <string.h>

#include "descriptors/driverkit/IORPC_stub.h"
#include "tests/drivers/check.h"

#define HEAP 0x40000u /* bytes, with the heads of blocks */

/* --- Memory ----------------------------------------------------------------------------------- */

#define BLOCKS 256u
#define BLOCK  1008u /* and its head: 1024 */

static uint8_t *blocks[BLOCKS + 1];

/* A block that is zeros, and then is not. */
static uint8_t *take(size_t size, uint8_t mark)
{
    uint8_t *const block = driver_alloc(size);

    for (size_t i = 0; block != NULL && i < size; i++) {
        CHECK(block[i] == 0);
        block[i] = mark;
    }
    CHECK((uint64_t)block % 16 == 0);
    return block;
}

static void give_back(uint8_t *block, size_t size, uint8_t mark)
{
    for (size_t i = 0; i < size; i++) {
        CHECK(block[i] == mark);
    }
    driver_free(block);
}

/* All of it in large blocks, and then in the smallest. How many large ones. */
static unsigned use_up(void)
{
    unsigned count = 0;

    while ((blocks[count] = take(BLOCK, (uint8_t)(count + 1))) != NULL) {
        CHECK(++count < BLOCKS);
    }
    return count;
}

static void give_all_back(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        give_back(blocks[i], BLOCK, (uint8_t)(i + 1));
    }
}

/* What is left between and behind large blocks. */
static uint8_t **use_up_crumbs(void)
{
    uint8_t **last = NULL, **next;

    while ((next = driver_alloc(16)) != NULL) {
        *next = (uint8_t *)last;
        last = next;
    }
    return last;
}

static void give_crumbs_back(uint8_t **last)
{
    while (last != NULL) {
        uint8_t **const before = (uint8_t **)*last;

        driver_free(last);
        last = before;
    }
}

static void memory(void)
{
    const unsigned count = use_up();
    uint8_t **crumbs = use_up_crumbs();
    uint8_t *first, *second;

    CHECK(count > HEAP / (BLOCK + 16) / 2);
    CHECK(driver_alloc(1) == NULL);
    driver_free(NULL);
    /* Of that length or less: in the same place, and what remains is another block. */
    give_back(blocks[1], BLOCK, 2);
    CHECK(take(BLOCK + 1, 0) == NULL);
    CHECK(take(BLOCK, 2) == blocks[1]);
    CHECK(driver_alloc(1) == NULL);
    give_back(blocks[1], BLOCK, 2);
    first = take(BLOCK - 32, 7);
    second = take(16, 8);
    CHECK(first == blocks[1] && second == blocks[1] + BLOCK - 16);
    CHECK(driver_alloc(1) == NULL);
    give_back(second, 16, 8);
    give_back(first, BLOCK - 32, 7);
    first = take(BLOCK - 16, 7); /* too little remains */
    CHECK(driver_alloc(1) == NULL);
    give_back(first, BLOCK - 16, 7);
    CHECK(take(BLOCK, 2) == blocks[1]);
    /* Of neighbours one is made, however many they are and in whatever order they came back. */
    give_back(blocks[3], BLOCK, 4);
    give_back(blocks[5], BLOCK, 6);
    CHECK(take(2 * BLOCK + 16, 0) == NULL);
    give_back(blocks[4], BLOCK, 5);
    first = take(3 * BLOCK + 32, 9);
    CHECK(first == blocks[3]);
    give_back(first, 3 * BLOCK + 32, 9);
    for (unsigned i = 3; i < 6; i++) {
        CHECK(take(BLOCK, (uint8_t)(i + 1)) == blocks[i]);
    }
    give_crumbs_back(crumbs);
    give_all_back(count);
    CHECK(use_up() == count); /* nothing has got lost */
    give_all_back(count);
    CHECK(driver_alloc(HEAP) == NULL && driver_alloc(HEAP + 1) == NULL);
    CHECK(driver_alloc(SIZE_MAX) == NULL && driver_alloc(SIZE_MAX - 40) == NULL);
}

/* --- Proxies ---------------------------------------------------------------------------------- */

static IOBufferMemoryDescriptor *new_buffer(uint64_t bytes)
{
    IOBufferMemoryDescriptor *buffer;

    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, bytes, 0, &buffer));
    return buffer;
}

#define MEMORY(buffer) ((IOMemoryDescriptor *)(buffer))

/* Far more rounds than the driver may have handles: each round has given back all of its own. */
#define ROUNDS 60u

static void what_is_kept_ends_with_its_proxy(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        IOBufferMemoryDescriptor *const buffer = new_buffer(3 * PAGE_SIZE + i);
        IOMemoryMap *map, *same;
        IOAddressSegment range, again;
        uint64_t at, length;

        GOOD(IOBufferMemoryDescriptor_GetAddressRange(buffer, &range));
        GOOD(IOBufferMemoryDescriptor_GetAddressRange(buffer, &again));
        CHECK(again.address == range.address && again.length == 3 * PAGE_SIZE + i);
        GOOD(IOMemoryDescriptor_Map(MEMORY(buffer), 0, 0, PAGE_SIZE + i, 0, &at, &length));
        GOOD(IOMemoryDescriptor_Map(MEMORY(buffer), 0, 0, PAGE_SIZE, 0, &at, &length));
        CHECK(length == PAGE_SIZE);
        GOOD(IOMemoryDescriptor_CreateMapping(MEMORY(buffer), 0, 0, i, 1, 0, &map));
        GOOD(IOMemoryDescriptor_CreateMapping(MEMORY(buffer), 0, 0, i, 1, 0, &same));
        CHECK(same == map);
        OSObject_release(map);
        OSObject_release(same);
        OSObject_release(buffer);
    }
}

/* Each of the three words makes another map, and what is there is found again. */
static void maps_are_found_by_all_words(void)
{
    static const struct {
        uint64_t options, address, length;
    } words[] = {{0, 0, 0},
                 {0, 0, PAGE_SIZE},
                 {kIOMemoryMapReadOnly, 0, PAGE_SIZE},
                 {kIOMemoryMapFixedAddress, 0x50000000, PAGE_SIZE},
                 {kIOMemoryMapFixedAddress, 0x60000000, PAGE_SIZE}};
    IOBufferMemoryDescriptor *const buffer = new_buffer(2 * PAGE_SIZE);
    uint64_t at[5], again, length;
    uint8_t **crumbs;
    unsigned count;

    for (unsigned i = 0; i < 5; i++) {
        GOOD(IOMemoryDescriptor_Map(MEMORY(buffer), words[i].options, words[i].address,
                                    words[i].length, 0, &at[i], &length));
        CHECK(length == (i == 0 ? 2 * PAGE_SIZE : PAGE_SIZE));
        CHECK(words[i].address == 0 || at[i] == words[i].address);
    }
    CHECK(at[0] != at[2] && at[1] != at[2]);
    /* Without memory for another. */
    count = use_up();
    crumbs = use_up_crumbs();
    for (unsigned i = 5; i-- > 0;) {
        GOOD(IOMemoryDescriptor_Map(MEMORY(buffer), words[i].options, words[i].address,
                                    words[i].length, 0, &again, &length));
        CHECK(again == at[i]);
    }
    GIVES(IOMemoryDescriptor_Map(MEMORY(buffer), 0, 0, 1, 0, &again, &length), kIOReturnNoMemory);
    give_crumbs_back(crumbs);
    give_all_back(count);
    BAD(IOMemoryDescriptor_Map(NULL, 0, 0, 0, 0, &again, &length));
    BAD(IOMemoryDescriptor_Map(MEMORY(buffer), 0, 0, 0, 0, NULL, &length));
    BAD(IOMemoryDescriptor_Map(MEMORY(buffer), 0, 0, 0, 0, &again, NULL));
    GIVES(IOMemoryDescriptor_Map(MEMORY(buffer), 0, 0, 0, 1, &again, &length),
          kIOReturnUnsupported);
    BAD(IOMemoryDescriptor_GetLength(MEMORY(buffer), NULL));
    BAD(IOMemoryDescriptor_GetLength(NULL, &length));
    BAD(IOBufferMemoryDescriptor_GetAddressRange(NULL, &(IOAddressSegment){0}));
    BAD(IOBufferMemoryDescriptor_GetAddressRange(buffer, NULL));
    CHECK(IOMemoryMap_GetAddress(NULL) == 0 && IOMemoryMap_GetLength(NULL) == 0);
    CHECK(IOMemoryMap_GetOffset(NULL) == 0);
    OSObject_release(buffer);
}

/* What is refused keeps nothing: neither of the driver's memory nor a handle. */
static void what_fails_keeps_nothing(void)
{
    IOBufferMemoryDescriptor *const buffer = new_buffer(PAGE_SIZE);
    IOBufferMemoryDescriptor *other;
    IOAddressSegment range;
    uint64_t at, length;
    unsigned count = use_up();
    uint8_t **crumbs;

    /* Room for a few of the notes of Map, and for no proxy besides. */
    give_back(blocks[0], BLOCK, 1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        BAD(IOMemoryDescriptor_Map(MEMORY(buffer), 0, 0, 2 * PAGE_SIZE, 0, &at, &length));
    }
    CHECK(take(BLOCK, 1) == blocks[0]);
    crumbs = use_up_crumbs();
    GOOD(IOBufferMemoryDescriptor_SetLength(buffer, 100));
    for (unsigned i = 0; i < ROUNDS; i++) {
        GIVES(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, 1, 0, &other),
              kIOReturnNoMemory);
        CHECK(other == NULL);
        GIVES(IOBufferMemoryDescriptor_GetAddressRange(buffer, &range), kIOReturnNoMemory);
        GOOD(IOMemoryDescriptor_GetLength(MEMORY(buffer), &length));
        CHECK(length == 100); /* as it was */
    }
    CHECK(IOMemoryLastError() == kIOReturnNoMemory);
    give_crumbs_back(crumbs);
    give_all_back(count);
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(buffer, &range));
    CHECK(range.length == 100);
    *(uint8_t *)(range.address + PAGE_SIZE - 1) = 1; /* all of it */
    OSObject_release(buffer);
}

/* A handle without a proxy, whose last reference a test has. */
static uint64_t bare_handle(void)
{
    IOBufferMemoryDescriptor *const buffer = new_buffer(PAGE_SIZE);
    const uint64_t handle = driver_handle(buffer);

    GOOD(driver_call(SYS_DK_RETAIN, handle, 0, 0, 0, NULL));
    OSObject_release(buffer);
    return handle;
}

static bool is_open(uint64_t handle)
{
    if (driver_call(SYS_DK_RETAIN, handle, 0, 0, 0, NULL) != kIOReturnSuccess) {
        return false;
    }
    GOOD(driver_call(SYS_DK_RELEASE, handle, 0, 0, 0, NULL));
    return true;
}

static void answers_are_adopted_or_given_back(void)
{
    OSObject *object = (OSObject *)16, *again;
    uint64_t handle = bare_handle();

    CHECK(is_open(handle));
    GOOD(IORPC_adopt(handle, OSTypeID(IOMemoryDescriptor), &object));
    CHECK(driver_handle(object) == handle);
    /* The one that is there, which is no map. */
    GOOD(driver_call(SYS_DK_RETAIN, handle, 0, 0, 0, NULL));
    BAD(IORPC_adopt(handle, OSTypeID(IOMemoryMap), &again));
    CHECK(again == NULL && OSObject_getRetainCount(object) == 1);
    OSObject_release(object);
    CHECK(!is_open(handle));
    /* Of a class that it is not, or of none. */
    handle = bare_handle();
    CHECK(IORPC_adopt(handle, OSTypeID(IOMemoryMap), &object) != kIOReturnSuccess);
    CHECK(object == NULL && !is_open(handle));
    handle = bare_handle();
    BAD(IORPC_adopt(handle, NULL, &object));
    CHECK(object == NULL && !is_open(handle));
    object = (OSObject *)16;
    GOOD(IORPC_adopt(0, OSTypeID(IOMemoryMap), &object));
    CHECK(object == NULL && driver_handle(NULL) == 0);
    /* One that stands for nothing ends as others do. */
    object = OSMetaClass_allocate(OSTypeID(IOMemoryDescriptor));
    CHECK(object != NULL);
    OSObject_release(object);
}

/* What the free of a class of the driver's own ends with. */
static void free_of_a_base_gives_the_handle_back(void)
{
    IOBufferMemoryDescriptor *const buffer = new_buffer(PAGE_SIZE);
    const uint64_t handle = driver_handle(buffer);
    IOMemoryDescriptor *window;
    uint64_t window_handle;

    GOOD(IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionInOut, 0, 1, MEMORY(buffer),
                                                      &window));
    window_handle = driver_handle(window);
    IOMemoryDescriptor_free(window);
    CHECK(!is_open(window_handle) && is_open(handle));
    IOBufferMemoryDescriptor_free(buffer);
    CHECK(!is_open(handle));
}

/* More at a time than there are places to look for them. */
static void many_are_told_apart(void)
{
    static IOMemoryDescriptor *windows[100];
    IOBufferMemoryDescriptor *const buffer = new_buffer(PAGE_SIZE);
    OSObject *again;

    for (unsigned i = 0; i < 100; i++) {
        GOOD(IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionInOut, i, i + 1,
                                                          MEMORY(buffer), &windows[i]));
    }
    for (unsigned step = 3; step-- > 0;) { /* in another order than they came in */
        for (unsigned i = step; i < 100; i += 3) {
            const uint64_t handle = driver_handle(windows[i]);
            uint64_t length;

            GOOD(driver_call(SYS_DK_RETAIN, handle, 0, 0, 0, NULL));
            GOOD(IORPC_adopt(handle, OSTypeID(IOMemoryDescriptor), &again));
            CHECK(again == (OSObject *)windows[i]);
            OSObject_release(again);
            GOOD(IOMemoryDescriptor_GetLength(windows[i], &length));
            CHECK(length == i + 1);
            OSObject_release(windows[i]);
            CHECK(!is_open(handle));
        }
    }
    OSObject_release(buffer);
}

int driver_main(unsigned count, OSObject *const objects[])
{
    static char text[5000];

    CHECK(count == 8);
    for (unsigned i = 0; i < count; i++) {
        CHECK(objects[i] == objects[0] && OSDynamicCast(IOMemoryDescriptor, objects[i]) != NULL);
    }
    CHECK(OSObject_getRetainCount(objects[0]) == 8);
    if (driver_wait(NULL, 1, NULL) != kIOReturnSuccess) {
        return __LINE__;
    }
    memset(text, '.', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\n';
    console_write(text, sizeof(text)); /* in pieces */
    memory();
    what_is_kept_ends_with_its_proxy();
    maps_are_found_by_all_words();
    what_fails_keeps_nothing();
    answers_are_adopted_or_given_back();
    free_of_a_base_gives_the_handle_back();
    many_are_told_apart();
    memory();
    return 77;
}
