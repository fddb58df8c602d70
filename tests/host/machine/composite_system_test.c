/* SPDX-License-Identifier: BSD-2-Clause */
/* Composites behind the system's mapper: how long the mapping lasts that they have as a whole. */
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/lib/portable/test_mapper.h"

static struct test_mapper *mapper;
static IOService *unit;
static IOMemoryDescriptor *parts[2];
static IOMultiMemoryDescriptor *both;

static int start(void **state)
{
    if (map_start(state) != 0) {
        return -1;
    }
    mapper = test_mapper_new(0x100);
    unit = IOService_withReader("unit", NULL, NULL);
    mapper->super.fIsSystem = true;
    if (!IOMapper_start(&mapper->super, unit)) {
        return -1;
    }
    for (unsigned i = 0; i < 2; i++) {
        parts[i] = describe(new_pages(owner, 1, RW), PAGE_SIZE,
                            kIODirectionOutIn | kIOMemoryThreadSafe, owner);
    }
    both = IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false);
    return both != NULL ? 0 : -1;
}

static int stop(void **state)
{
    OSObject_release(both);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
    assert_int_equal(mapper->entries, 0);
    OSObject_release(&mapper->super);
    OSObject_release(unit);
    return map_stop(state);
}

static uint64_t place(void)
{
    const uint64_t address = IOMemoryDescriptor_getPhysicalSegment(both, 0, NULL, 0);

    assert_int_not_equal(address, 0);
    return address;
}

/* It lasts until the last complete, and no longer. */
static void a_mapping_ends_with_the_last_complete(void **state)
{
    uint64_t entries, at;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(both, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(both, 0), kIOReturnSuccess);
    at = place();
    entries = mapper->entries;
    assert_int_not_equal(entries, 0);
    assert_int_equal(IOMemoryDescriptor_complete(both, 0), kIOReturnSuccess);
    assert_int_equal(mapper->entries, entries);
    assert_int_equal(place(), at);
    assert_int_equal(IOMemoryDescriptor_complete(both, 0), kIOReturnSuccess);
    assert_int_equal(mapper->entries, 0);
}

/* Nor longer than its parts: a list that is made anew has none of it. */
static void a_mapping_ends_with_the_list(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_prepare(both, 0), kIOReturnSuccess);
        place();
        assert_int_not_equal(mapper->entries, 0);
        assert_true(
            IOMultiMemoryDescriptor_initWithDescriptors(both, parts, 2, kIODirectionOutIn, false));
        assert_int_equal(mapper->entries, 0);
    }
}

static IOReturn ask_and_refuse(IOMemoryDescriptor *self, IODirection direction)
{
    (void)self, (void)direction;
    place();
    return kIOReturnCannotWire;
}

/* Nor longer than a prepare that comes to nothing; one that is not the last leaves it. */
static void a_mapping_ends_with_a_prepare_that_is_taken_back(void **state)
{
    IOMemoryDescriptor *bad =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    const OSMetaClass *const meta = OSObject_getMetaClass(bad);
    IOMemoryDescriptorClass refusing = *IOMemoryDescriptor_methods(bad);
    IOMultiMemoryDescriptor *all = IOMultiMemoryDescriptor_withDescriptors(
        (IOMemoryDescriptor *[]){(IOMemoryDescriptor *)both, bad}, 2, kIODirectionOutIn, false);
    uint64_t entries;

    (void)state;
    refusing.meta.super = meta;
    refusing.prepare = ask_and_refuse;
    bad->super.metaClass = &refusing.meta;
    assert_int_equal(IOMemoryDescriptor_prepare(all, 0), kIOReturnCannotWire);
    assert_int_equal(mapper->entries, 0);
    assert_int_equal(IOMemoryDescriptor_complete(both, 0), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(both, 0), kIOReturnSuccess);
    place();
    entries = mapper->entries;
    assert_int_equal(IOMemoryDescriptor_prepare(all, 0), kIOReturnCannotWire);
    assert_int_equal(mapper->entries, entries);
    assert_int_equal(IOMemoryDescriptor_complete(both, 0), kIOReturnSuccess);
    bad->super.metaClass = meta;
    OSObject_release(all);
    OSObject_release(bad);
}

int main(void)
{
#define SYSTEM_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(a_mapping_ends_with_the_last_complete),
        SYSTEM_TEST(a_mapping_ends_with_a_prepare_that_is_taken_back),
        SYSTEM_TEST(a_mapping_ends_with_the_list),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
