/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A prepare lock is never taken under the mapping lock: debug builds end at once where
 * it is. Last releases are where one hides behind the other.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "tests/host/machine/map_composite.h"
#include "tests/host/sim/sim_console.h"

/* Two prepared, thread-safe pages joined in a composite that the parts alone remember. */
static IOMemoryDescriptor *prepared_pair(IOMemoryDescriptor *parts[2])
{
    IOMemoryDescriptor *pair;

    for (unsigned i = 0; i < 2; i++) {
        const uint64_t at = new_pages(owner, 1, RW);

        parts[i] = describe(at, PAGE_SIZE, kIODirectionOutIn | kIOMemoryThreadSafe, owner);
    }
    pair = join(parts, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(pair, kIODirectionNone), kIOReturnSuccess);
    return pair;
}

static void expect_unprepared(IOMemoryDescriptor *parts[2])
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_complete(parts[i], kIODirectionNone),
                         kIOReturnNotReady);
    }
    release_both(parts);
}

/* The map holds the last reference to its memory. */
static void the_last_release_of_a_map(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts);
    IOMemoryMap *map = map_all(pair, other, 0);

    (void)state;
    OSObject_release(pair);
    OSObject_release(map);
    expect_unprepared(parts);
}

/* So does a map from which another one borrows, and which goes with that one. */
static void the_last_release_of_a_borrower(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts);
    IOMemoryMap *map = map_all(pair, other, 0);
    IOMemoryMap *part =
        IOMemoryDescriptor_createMappingInTask(pair, other, 0, kIOMapAnywhere, 0, PAGE_SIZE);

    (void)state;
    assert_non_null(part);
    assert_ptr_equal(part->superMap, map);
    OSObject_release(pair);
    OSObject_release(map);
    OSObject_release(part);
    expect_unprepared(parts);
}

static void the_death_of_the_task(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts);
    IOMemoryMap *map = map_all(pair, other, 0);

    (void)state;
    OSObject_release(pair);
    task_terminate(other);
    OSObject_release(map);
    expect_unprepared(parts);
}

/* A map is given other memory, and held the last reference to what it had. */
static void a_map_of_other_memory(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts), *page;
    IOMemoryMap *map = (IOMemoryMap *)OSMetaClass_allocate(&IOMemoryMap_metaClass);

    (void)state;
    page = describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    assert_true(IOMemoryMap_init(map, other, 0, kIOMapAnywhere, 0, PAGE_SIZE));
    assert_true(IOMemoryMap_setMemoryDescriptor(map, pair, 0));
    OSObject_release(pair);
    assert_true(IOMemoryMap_setMemoryDescriptor(map, page, 0));
    expect_unprepared(parts);
    OSObject_release(page);
    OSObject_release(map);
}

/* Redirecting a map that held the last reference. */
static void a_redirected_map(void **state)
{
    IOMemoryDescriptor *parts[2], *pair = prepared_pair(parts), *page;
    IOMemoryMap *map = map_all(pair, other, kIOMapUnique);

    (void)state;
    page = describe(new_pages(owner, 2, RW), 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    OSObject_release(pair);
    assert_int_equal(IOMemoryMap_redirect(map, page, 0, 0), kIOReturnSuccess);
    expect_unprepared(parts);
    OSObject_release(page);
    OSObject_release(map);
}

/* A class that looks at its own lock: how many of its methods were called with it, and without. */
static struct {
    unsigned with, without;
} called;

static void note(IOMemoryDescriptor *self)
{
    if (self->prepareLock.mutex.depth != 0) {
        called.with++;
    } else {
        called.without++;
    }
}

static bool noting_init(IOMemoryDescriptor *self, void *buffers, UInt32 count, UInt32 offset,
                        task_t task, IOOptionBits options, IOMapper *mapper)
{
    (void)buffers, (void)count, (void)offset, (void)task, (void)options, (void)mapper;
    note(self);
    return true;
}

static IOReturn noting_prepare(IOMemoryDescriptor *self, IODirection direction)
{
    (void)direction;
    note(self);
    self->wireCount++;
    return kIOReturnSuccess;
}

static IOReturn noting_complete(IOMemoryDescriptor *self, IODirection direction)
{
    (void)direction;
    note(self);
    self->wireCount--;
    return kIOReturnSuccess;
}

static IOByteCount noting_read(IOMemoryDescriptor *self, IOByteCount offset, void *bytes,
                               IOByteCount length)
{
    (void)offset, (void)bytes;
    note(self);
    return length;
}

static IOByteCount noting_write(IOMemoryDescriptor *self, IOByteCount offset, const void *bytes,
                                IOByteCount length)
{
    (void)offset, (void)bytes;
    note(self);
    return length;
}

static IOReturn noting_operation(IOMemoryDescriptor *self, IOOptionBits options, IOByteCount offset,
                                 IOByteCount length)
{
    (void)options, (void)offset, (void)length;
    note(self);
    return kIOReturnSuccess;
}

static void noting_size(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                        struct IODMAMapSize *size)
{
    (void)offset, (void)end, (void)size;
    note(self);
}

static IOMemoryMap *noting_mapping(IOMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options,
                                   IOByteCount offset)
{
    (void)options, (void)offset;
    note(self);
    OSObject_release(map);
    return NULL;
}

static IOReturn noting_redirect(IOMemoryDescriptor *self, task_t safeTask, bool doRedirect)
{
    (void)safeTask, (void)doRedirect;
    note(self);
    return kIOReturnSuccess;
}

static IOReturn noting_hold(IOMemoryDescriptor *self, bool on)
{
    (void)on;
    note(self);
    return kIOReturnSuccess;
}

static IOReturn noting_purgeable(IOMemoryDescriptor *self, IOOptionBits newState,
                                 IOOptionBits *oldState)
{
    (void)newState;
    note(self);
    *oldState = kIOMemoryPurgeableNonVolatile;
    return kIOReturnSuccess;
}

static IOReturn noting_ownership(IOMemoryDescriptor *self, task_t newOwner, int newLedgerTag,
                                 IOOptionBits newLedgerOptions)
{
    (void)newOwner, (void)newLedgerTag, (void)newLedgerOptions;
    note(self);
    return kIOReturnSuccess;
}

static IOReturn noting_counts(IOMemoryDescriptor *self, IOByteCount *resident, IOByteCount *dirty)
{
    note(self);
    *resident = *dirty = 0;
    return kIOReturnSuccess;
}

static uint32_t noting_instances;

static const IOMemoryDescriptorClass noting_class = {
    .meta = {"Noting", &IOMemoryDescriptor_metaClass, sizeof(IOMemoryDescriptor), &noting_instances,
             descriptor_free},
    .initWithOptions = noting_init,
    .prepare = noting_prepare,
    .complete = noting_complete,
    .announceComplete = descriptor_announce_complete,
    .getPreparationID = descriptor_get_preparation_id,
    .getPhysicalSegment = descriptor_refuse_segment,
    .walk = descriptor_walk,
    .readBytes = noting_read,
    .writeBytes = noting_write,
    .performOperation = noting_operation,
    .addDMAMapSize = noting_size,
    .dmaCommandOperation = descriptor_dma_command_operation,
    .getCharacteristics = descriptor_get_characteristics,
    .setDMAActive = descriptor_set_dma_active,
    .addReach = descriptor_add_reach,
    .mapSpecification = descriptor_map_specification,
    .copyPageList = descriptor_copy_page_list,
    .makeMapping = noting_mapping,
    .doMap = descriptor_refuse_map,
    .ownsPages = descriptor_owns_no_pages,
    .doUnmap = descriptor_do_unmap,
    .copyForUnique = descriptor_copy_for_unique,
    .redirect = noting_redirect,
    .holdMemory = noting_hold,
    .setPurgeable = noting_purgeable,
    .setOwnership = noting_ownership,
    .getPageCounts = noting_counts,
};

static unsigned call_all(IOMemoryDescriptor *memory)
{
    IOMemoryDescriptor *whole;
    uint8_t byte = 0;

    memset(&called, 0, sizeof(called));
    IOMemoryDescriptor_initWithOptions(memory, NULL, 0, 0, TASK_NULL, 0, NULL);
    IOMemoryDescriptor_prepare(memory, 0);
    IOMemoryDescriptor_complete(memory, 0);
    IOMemoryDescriptor_prepare(memory, 0);
    IOMemoryDescriptor_takeBackPrepare(memory);
    IOMemoryDescriptor_readBytes(memory, 0, &byte, 1);
    IOMemoryDescriptor_writeBytes(memory, 0, &byte, 1);
    IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, 0, 1);
    IOMemoryDescriptor_getDMAMapLength(memory, NULL);
    assert_null(IOMemoryDescriptor_createMappingInTask(memory, other, 0,
                                                       kIOMapAnywhere | kIOMapUnique, 0, 0));
    IOMemoryDescriptor_redirect(memory, TASK_NULL, true);
    IOMemoryDescriptor_setPurgeable(memory, kIOMemoryPurgeableKeepCurrent, NULL);
    IOMemoryDescriptor_setOwnership(memory, TASK_NULL, 1, 0);
    IOMemoryDescriptor_getPageCounts(memory, NULL, NULL);
    assert_int_equal(memory->prepareLock.mutex.depth, 0);
    whole = join(&memory, 1);
    IOMemoryDescriptor_methods(whole)->holdMemory(whole, true);
    OSObject_release(whole);
    return called.with + called.without;
}

/* What a thread-safe object serialises, it finds serialised; any other is left to its caller. */
static void the_lock_is_held_where_it_is_promised(void **state)
{
    IOMemoryDescriptor *memory = (IOMemoryDescriptor *)OSMetaClass_allocate(&noting_class.meta);
    unsigned calls;

    (void)state;
    memory->length = PAGE_SIZE;
    memory->flags = kIODirectionOutIn | kIOMemoryThreadSafe;
    calls = call_all(memory);
    assert_true(calls >= 15);
    assert_int_equal(called.without, 0);
    memory->flags = kIODirectionOutIn;
    assert_int_equal(call_all(memory), calls);
    assert_int_equal(called.with, 0);
    OSObject_release(memory);
}

/* So do a buffer's own methods: with the lock taken they cannot go on, and none leaves it taken. */
static void a_buffers_methods_take_the_lock(void **state)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
        kIODirectionOutIn | kIOMemoryThreadSafe, 2 * PAGE_SIZE, 1);
    IOMemoryDescriptor *memory = UP(buffer);

    (void)state;
    sim_console_set_quiet(true);
    platform_lock(&memory->prepareLock);
    assert_true(SIM_PANICS(IOBufferMemoryDescriptor_setLength(buffer, 10)));
    assert_true(SIM_PANICS(IOBufferMemoryDescriptor_setDirection(buffer, kIODirectionIn)));
    assert_true(SIM_PANICS(IOBufferMemoryDescriptor_appendBytes(buffer, "abc", 3)));
    platform_unlock(&memory->prepareLock);
    sim_console_set_quiet(false);
    assert_int_equal(IOMemoryDescriptor_getLength(memory), 2 * PAGE_SIZE);
    IOBufferMemoryDescriptor_setLength(buffer, 10);
    assert_int_equal(memory->prepareLock.mutex.depth, 0);
    IOBufferMemoryDescriptor_setDirection(buffer, kIODirectionIn);
    assert_int_equal(memory->prepareLock.mutex.depth, 0);
    assert_true(IOBufferMemoryDescriptor_appendBytes(buffer, "abc", 3));
    assert_int_equal(memory->prepareLock.mutex.depth, 0);
    OSObject_release(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(the_last_release_of_a_map),
        MAP_TEST(the_last_release_of_a_borrower),
        MAP_TEST(the_death_of_the_task),
        MAP_TEST(a_map_of_other_memory),
        MAP_TEST(a_redirected_map),
        MAP_TEST(the_lock_is_held_where_it_is_promised),
        MAP_TEST(a_buffers_methods_take_the_lock),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
