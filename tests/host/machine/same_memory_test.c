/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory is the same by its pages, owners die though they map what they own, windows count alone.
 */
#include "descriptors/IODMAProtocol.h"
#include "tests/host/machine/map_buffer.h"
#include "tests/host/machine/map_composite.h"

/* An address space that is split where nothing differs shows what it showed. */
static void split(uint64_t at)
{
    assert_int_equal(vm_map_protect(task_map(owner), at, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(vm_map_protect(task_map(owner), at, PAGE_SIZE, RW), KERN_SUCCESS);
}

static void split_ranges_are_the_same_memory(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *memory = describe(at + 8, 3 * PAGE_SIZE, 3 | kIOMemoryPersistent, owner);
    IOMemoryDescriptor *again;

    (void)state;
    split(at + PAGE_SIZE);
    again = IOMemoryDescriptor_withPersistentMemoryDescriptor(memory);
    assert_ptr_equal(again, memory);
    OSObject_release(again);
    remove_pages(owner, at + PAGE_SIZE, 1);
    assert_null(IOMemoryDescriptor_withPersistentMemoryDescriptor(memory));
    /* One page of another's among them. */
    assert_int_equal(new_pages(owner, 1, RW), at + PAGE_SIZE);
    again = IOMemoryDescriptor_withPersistentMemoryDescriptor(memory);
    assert_non_null(again);
    assert_ptr_not_equal(again, memory);
    OSObject_release(again);
    OSObject_release(memory);
}

static uint8_t seen_at_home(IOMemoryMap *map)
{
    return load(owner, IOMemoryMap_getAddress(map));
}

/* Persistent memory is shown to its owner, too, wherever that has moved it, and in place only
 * there.
 */
static void the_owner_is_shown_the_same_memory(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, 3 | kIOMemoryPersistent, owner);
    IOMemoryMap *home, *part, *away;

    (void)state;
    store(owner, at, 7);
    home = map_all(memory, owner, 0);
    part = IOMemoryDescriptor_createMappingInTask(memory, owner, 0, kIOMapAnywhere, 0, 16);
    away = map_all(memory, owner, 0);
    assert_ptr_equal(away, home);
    OSObject_release(away);
    assert_int_equal(IOMemoryMap_getAddress(home), at);
    assert_int_equal(IOMemoryMap_getAddress(part), at);
    remove_pages(owner, at, 1);
    for (unsigned i = 0; i < 2; i++) {
        /* Nothing is there any more, and then another page; its old views are the owner's. */
        away = map_all(memory, owner, 0);
        assert_int_equal(seen_at_home(away), 7);
        OSObject_release(away);
        away = IOMemoryDescriptor_createMappingInTask(memory, owner, 0, kIOMapAnywhere, 0, 16);
        assert_int_equal(seen_at_home(away), 7);
        OSObject_release(away);
        if (i == 0) {
            assert_int_equal(new_pages(owner, 1, RW), at);
        }
    }
    OSObject_release(part);
    OSObject_release(home);
    OSObject_release(memory);
}

/* Of other memory, what the first map has shown is what the owner's own later ones show. */
static void all_maps_show_the_same_memory(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, owner);
    IOMemoryMap *first = map_all(memory, other, 0), *home;

    (void)state;
    store(other, IOMemoryMap_getAddress(first), 7);
    home = map_all(memory, owner, 0);
    assert_int_equal(IOMemoryMap_getAddress(home), at);
    OSObject_release(home);
    remove_pages(owner, at, 1);
    assert_int_equal(new_pages(owner, 1, RW), at);
    home = map_all(memory, owner, 0);
    assert_int_equal(seen_at_home(home), 7);
    OSObject_release(home);
    OSObject_release(first);
    OSObject_release(memory);
}

/* What no task shows is what it was: registers, nothing at all, a buffer of nobody's. */
static void memory_of_no_task_is_the_same_memory(void **state)
{
    IOMemoryDescriptor *memories[] = {
        describe(DEVICE, PAGE_SIZE, 3 | kIOMemoryPersistent, TASK_NULL),
        describe(new_pages(owner, 1, RW), 0, 3 | kIOMemoryPersistent, owner),
        IOMemoryDescriptor_upcast(IOBufferMemoryDescriptor_inTaskWithOptions(
            TASK_NULL, 3 | kIOMemoryPageable, PAGE_SIZE, 1))};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        IOMemoryDescriptor *again = IOMemoryDescriptor_withPersistentMemoryDescriptor(memories[i]);

        assert_ptr_equal(again, memories[i]);
        OSObject_release(again);
        OSObject_release(memories[i]);
    }
}

/* Stores are allowed by now, and the range is in pieces: it is still ours to store to. */
static void a_split_range_is_upgraded(void **state)
{
    struct vm_range range = {.access = MMU_READ, .max_access = RW};
    IOMemoryDescriptor *memory;
    uint64_t at = 0;
    IOMemoryMap *map;

    (void)state;
    assert_int_equal(vm_object_create(3, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(task_map(owner), &at, ptoa(3), 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    vm_object_release(range.object);
    memory = describe(at, ptoa(3), 3, owner);
    OSObject_release(map_all(memory, other, kIOMapReadOnly));
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(vm_map_protect(task_map(owner), at + ptoa(i), PAGE_SIZE, RW),
                         KERN_SUCCESS);
    }
    map = map_all(memory, other, 0);
    store(other, IOMemoryMap_getAddress(map), 7);
    assert_int_equal(load(owner, at), 7);
    OSObject_release(map);
    OSObject_release(memory);
}

/* And stores by a device are as those by a map: it is the right that the owner has by now. */
static void a_device_may_store_when_the_owner_may(void **state)
{
    struct vm_range range = {.access = MMU_READ, .max_access = RW};
    IOMemoryDescriptor *memory, *moved;
    uint64_t at = 0;

    (void)state;
    assert_int_equal(vm_object_create(3, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(task_map(owner), &at, ptoa(3), 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    vm_object_release(range.object);
    memory = describe(at, ptoa(3), 3 | kIOMemoryPersistent, owner);
    moved = describe(at, ptoa(3), 3 | kIOMemoryPersistent, owner);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionIn), kIOReturnNotWritable);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionOut), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnNotWritable);
        assert_int_equal(vm_map_protect(task_map(owner), at + ptoa(i), PAGE_SIZE, RW),
                         KERN_SUCCESS);
    }
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionIn), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, ptoa(2), "x", 1), 1);
    assert_int_equal(load(owner, at + ptoa(2)), 'x');
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    /* What is there by now is another's, and says nothing of what was. */
    remove_pages(owner, at, 3);
    assert_int_equal(new_pages(owner, 3, RW), at);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionIn), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(moved, kIODirectionIn), kIOReturnNotWritable);
    OSObject_release(moved);
    OSObject_release(memory);
}

/* The owner maps what it pays for: neither keeps the other alive. */
static void an_owner_that_maps_its_memory_dies(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(owner, PAGEABLE | kIOMemoryPurgeable, ptoa(2));
    IOMemoryMap *map = map_all(UP(buffer), other, 0);
    const uint64_t tasks = task_count();
    struct task_ledger ledger;

    (void)state;
    store(owner, address_of(buffer), 1);
    assert_int_equal(IOMemoryDescriptor_setOwnership(buffer, other, 3, 0), kIOReturnSuccess);
    task_get_ledger(other, &ledger);
    assert_int_equal(ledger.tagged[3], ptoa(2));
    task_release(other);
    other = NULL;
    assert_int_equal(task_count(), tasks - 1);
    assert_int_equal(IOMemoryMap_getAddress(map), 0);
    OSObject_release(map);
    /* Somebody else may pay for it next. */
    assert_int_equal(IOMemoryDescriptor_setOwnership(buffer, owner, -1, 0), kIOReturnSuccess);
    task_get_ledger(owner, &ledger);
    assert_int_equal(ledger.tagged[3], ptoa(2));
    OSObject_release(buffer);
    task_get_ledger(owner, &ledger);
    assert_int_equal(ledger.tagged[3], 0);
}

static IOMDDMACharacteristics about(IOMemoryDescriptor *memory)
{
    IOMDDMACharacteristics out;

    memset(&out, 0xee, sizeof(out));
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics, &out, sizeof(out)),
        kIOReturnSuccess);
    return out;
}

static void a_window_counts_its_own_pages(void **state)
{
    const uint64_t at = new_pages(owner, 8, RW);
    IOAddressRange ranges[] = {{at, ptoa(3)}, {at + ptoa(4) + 8, 100}, {at + ptoa(5), ptoa(2)}};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(ranges, 3, 3, owner);
    IOMemoryDescriptor *inner = window(memory, PAGE_SIZE + 16, 64);
    IOMemoryDescriptor *across = window(memory, ptoa(3) - 1, 102);
    IOMemoryDescriptor *both = join((IOMemoryDescriptor *[]){inner, across}, 2);
    IOMemoryDescriptor *first = window(both, 0, 64);
    IOMemoryDescriptor *second = window(both, 65, 20);
    IOMDDMACharacteristics seen;

    (void)state;
    assert_int_equal(about(inner).fPages, 1);
    assert_int_equal(about(inner).fSGCount, 1);
    assert_int_equal(about(inner).fPageAlign, 0);
    assert_false(about(inner).fIsPrepared);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    seen = about(inner);
    assert_int_equal(seen.fLength, 64);
    assert_int_equal(seen.fPageAlign, (UInt32)(16 | ~PAGE_MASK));
    assert_int_equal(seen.fHighestPage,
                     atop(IOMemoryDescriptor_getPhysicalSegment(inner, 0, NULL, 0)));
    seen = about(across);
    assert_int_equal(seen.fSGCount, 3);
    assert_int_equal(seen.fPages, 3);
    seen = about(both);
    assert_int_equal(seen.fSGCount, 4);
    assert_int_equal(seen.fPages, 4);
    assert_int_equal(seen.fPageAlign, 0);
    /* A part of which nothing is shown is not counted among the runs. */
    assert_int_equal(about(first).fPageAlign, (UInt32)(16 | ~PAGE_MASK));
    assert_int_equal(about(second).fPageAlign, (UInt32)(8 | ~PAGE_MASK));
    assert_int_equal(about(second).fSGCount, 1);
    assert_int_equal(about(memory).fPages, 6);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(second);
    OSObject_release(first);
    OSObject_release(both);
    OSObject_release(across);
    OSObject_release(inner);
    OSObject_release(memory);
}

/* Counts that do not fit stay at the largest. */
static void counts_saturate(void **state)
{
    const uint64_t pages = 1ull << 31;
    IOMemoryDescriptor *memory = describe(0, ptoa(pages), 3, TASK_NULL);
    IOMemoryDescriptor *two = join((IOMemoryDescriptor *[]){memory, memory}, 2);
    IOMemoryDescriptor *four = join((IOMemoryDescriptor *[]){two, two}, 2);

    (void)state;
    assert_int_equal(about(memory).fPages, pages);
    assert_int_equal(about(two).fPages, UINT32_MAX);
    assert_int_equal(about(four).fPages, UINT32_MAX);
    assert_int_equal(about(four).fSGCount, 4);
    OSObject_release(four);
    OSObject_release(two);
    OSObject_release(memory);
}

/* A class that notes whether its lock is held. */
typedef struct {
    IOMemoryDescriptor super;
    unsigned calls, locked;
} Watcher;

static void watch(IOMemoryDescriptor *base)
{
    Watcher *self = (Watcher *)base;

    self->calls++;
    platform_unlock(&base->prepareLock); /* fatal unless it is held */
    platform_lock(&base->prepareLock);
    self->locked++;
}

static IOByteCount watch_read(IOMemoryDescriptor *self, IOByteCount offset, void *bytes,
                              IOByteCount length)
{
    (void)offset, (void)bytes;
    watch(self);
    return length;
}

static IOByteCount watch_write(IOMemoryDescriptor *self, IOByteCount offset, const void *bytes,
                               IOByteCount length)
{
    (void)offset, (void)bytes;
    watch(self);
    return length;
}

static IOReturn watch_operation(IOMemoryDescriptor *self, IOOptionBits options, IOByteCount offset,
                                IOByteCount length)
{
    (void)options, (void)offset, (void)length;
    watch(self);
    return kIOReturnSuccess;
}

static IOReturn watch_purge(IOMemoryDescriptor *self, IOOptionBits state, IOOptionBits *former)
{
    *former = state;
    watch(self);
    return kIOReturnSuccess;
}

static IOReturn watch_owner(IOMemoryDescriptor *self, task_t task, int tag, IOOptionBits options)
{
    (void)task, (void)tag, (void)options;
    watch(self);
    return kIOReturnSuccess;
}

static IOReturn watch_count(IOMemoryDescriptor *self, IOByteCount *resident, IOByteCount *pages)
{
    *resident = *pages = 0;
    watch(self);
    return kIOReturnSuccess;
}

static void watch_size(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                       struct IODMAMapSize *size)
{
    (void)offset, (void)end, (void)size;
    watch(self);
}

static IOReturn watch_redirect(IOMemoryDescriptor *self, task_t task, bool on)
{
    (void)task, (void)on;
    watch(self);
    return kIOReturnSuccess;
}

static IOMemoryMap *watch_map(IOMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options,
                              IOByteCount offset)
{
    (void)options, (void)offset;
    watch(self);
    OSObject_release(map);
    return NULL;
}

static void thread_safety_covers_every_method(void **state)
{
    static uint32_t instances;
    static IOMemoryDescriptorClass class;
    Watcher *self;
    uint8_t byte;

    (void)state;
    memcpy(&class, &IOMemoryDescriptor_class, sizeof(class));
    memcpy(&class.meta,
           &(OSMetaClass){"Watcher", &IOMemoryDescriptor_metaClass, sizeof(Watcher), &instances,
                          descriptor_free},
           sizeof(class.meta));
    class.readBytes = watch_read;
    class.writeBytes = watch_write;
    class.performOperation = watch_operation;
    class.setPurgeable = watch_purge;
    class.setOwnership = watch_owner;
    class.getPageCounts = watch_count;
    class.addDMAMapSize = watch_size;
    class.redirect = watch_redirect;
    class.makeMapping = watch_map;
    self = (Watcher *)OSMetaClass_allocate(&class.meta);
    self->super.length = 1;
    self->super.flags = kIOMemoryThreadSafe | 3;
    IOMemoryDescriptor_readBytes(&self->super, 0, &byte, 1);
    IOMemoryDescriptor_writeBytes(&self->super, 0, &byte, 1);
    IOMemoryDescriptor_performOperation(&self->super, kIOMemoryIncoherentIOFlush, 0, 1);
    IOMemoryDescriptor_setPurgeable(&self->super, kIOMemoryPurgeableKeepCurrent, NULL);
    IOMemoryDescriptor_setOwnership(&self->super, TASK_NULL, -1, 0);
    IOMemoryDescriptor_getPageCounts(&self->super, NULL, NULL);
    IOMemoryDescriptor_getDMAMapLength(&self->super, NULL);
    IOMemoryDescriptor_redirect(&self->super, TASK_NULL, false);
    IOMemoryDescriptor_map(&self->super, 0);
    assert_int_equal(self->calls, 9);
    assert_int_equal(self->locked, 9);
    OSObject_release(&self->super);
}

static void a_copy_records_its_constraints(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCopy(kernel_task, PAGEABLE, task_map(owner), at, PAGE_SIZE);

    (void)state;
    assert_non_null(buffer);
    assert_int_equal(buffer->super.mapSpec.alignment, PAGE_SIZE);
    OSObject_release(buffer);
}

/* A mapper is handed the pages of the length, not those of the capacity. */
static void a_short_buffer_hands_over_its_length(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(kernel_task, 3, ptoa(3));
    IOMemoryDescriptor *base = UP(buffer);
    const IOMemoryDescriptorClass *methods = IOMemoryDescriptor_methods(base);
    IODMAMapPageList list;
    upl_page_info_t *pages;

    (void)state;
    IOBufferMemoryDescriptor_setLength(buffer, 100);
    pages = methods->copyPageList(base, 0, 100, &list);
    assert_non_null(pages);
    assert_int_equal(list.pageListCount, list.pageOffset + 100 > PAGE_SIZE ? 2 : 1);
    platform_free(pages);
    OSObject_release(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(split_ranges_are_the_same_memory),
        MAP_TEST(memory_of_no_task_is_the_same_memory),
        MAP_TEST(the_owner_is_shown_the_same_memory),
        MAP_TEST(all_maps_show_the_same_memory),
        MAP_TEST(a_split_range_is_upgraded),
        MAP_TEST(a_device_may_store_when_the_owner_may),
        MAP_TEST(an_owner_that_maps_its_memory_dies),
        MAP_TEST(a_window_counts_its_own_pages),
        MAP_TEST(counts_saturate),
        MAP_TEST(thread_safety_covers_every_method),
        MAP_TEST(a_copy_records_its_constraints),
        MAP_TEST(a_short_buffer_hands_over_its_length),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
