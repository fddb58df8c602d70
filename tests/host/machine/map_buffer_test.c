/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pageable buffers in the kernel task, in user tasks and in none: the
 * checks BM-1 to BM-6, BM-13 to BM-15 and BM-17 as far as they need an address
 * space. Wired ones in the linear view of RAM are in buffer_test.c.
 */
#include "tests/host/machine/map_buffer.h"
#include "tests/host/sim/sim_console.h"

/* RAM that was written before must not show. */
static void soil_memory(void)
{
    const uint64_t at = new_pages(owner, 64, RW);

    for (uint64_t i = 0; i < ptoa(64); i += 64) {
        store(owner, at + i, 0xdb);
    }
    remove_pages(owner, at, 64);
}

static void bm_1_pageable_buffers_are_absent_and_zero(void **state)
{
    static const uint64_t capacities[] = {1, 100, 4095, 4096, 4097, 60000};
    task_t tasks[] = {kernel_task, owner};

    (void)state;
    soil_memory();
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 6; i++) {
            IOBufferMemoryDescriptor *buffer = make(tasks[k], PAGEABLE, capacities[i]);
            const uint64_t at = address_of(buffer);

            assert_int_equal(IOBufferMemoryDescriptor_getCapacity(buffer), capacities[i]);
            assert_int_equal(IOMemoryDescriptor_getLength(buffer), capacities[i]);
            assert_int_equal(IOMemoryDescriptor_getFlags(buffer),
                             kIODirectionOutIn | kIOMemoryTypeVirtual | kIOMemoryAsReference |
                                 kIOMemoryBufferPageable | kIOMemoryPersistent);
            assert_int_equal(at % PAGE_SIZE, 0);
            assert_int_equal(resident_pages(buffer), 0);
            for (uint64_t byte = 0; byte < capacities[i]; byte += 61) {
                assert_int_equal(load(tasks[k], at + byte), 0);
            }
            store(tasks[k], at + capacities[i] - 1, 5);
            assert_int_equal(resident_pages(buffer), atop(round_page(capacities[i])));
            OSObject_release(buffer);
        }
    }
}

static void bm_2_bad_capacities(void **state)
{
    static const uint64_t wrapping[] = {0, UINT64_MAX, -PAGE_SIZE, -PAGE_SIZE + 1};
    task_t tasks[] = {kernel_task, owner, TASK_NULL};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < 4; i++) {
            expect_refusal(tasks[k], PAGEABLE, wrapping[i], 1, 0, kIOReturnBadArgument);
            expect_refusal(tasks[k], PAGEABLE, wrapping[i], 1, 0xfffff000, kIOReturnBadArgument);
            expect_refusal(tasks[k], PAGEABLE, wrapping[i], 1 << 20, 0, kIOReturnBadArgument);
        }
        expect_refusal(tasks[k], PAGEABLE, 65 * SIM_MIB, 1, 0, kIOReturnNoResources);
        expect_refusal(tasks[k], PAGEABLE, 1, (1ull << 63) + 1, 0, kIOReturnBadArgument);
    }
    expect_refusal(kernel_task, kIODirectionIn, 65 * SIM_MIB, 1, 0, kIOReturnNoMemory);
    expect_refusal(kernel_task, kIODirectionIn | kIOMapInhibitCache, 1ull << 62, 1, 0,
                   kIOReturnNoMemory);
}

static void bm_3_tasks(void **state)
{
    (void)state;
    expect_refusal(owner, kIODirectionIn, 100, 1, 0, kIOReturnBadArgument);
    expect_refusal(TASK_NULL, kIODirectionIn, 100, 1, 0, kIOReturnBadArgument);
    task_terminate(other);
    expect_refusal(other, PAGEABLE, 100, 1, 0, kIOReturnBadArgument);
}

static void bm_3_mapped_nowhere(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(TASK_NULL, PAGEABLE, 9000);
    IOMemoryMap *map = map_all(&buffer->super.super, owner, 0);
    const uint64_t at = IOMemoryMap_getAddress(map);
    uint8_t bytes[3] = {1, 2, 3};

    (void)state;
    assert_null(IOBufferMemoryDescriptor_getBytesNoCopy(buffer));
    assert_null(
        IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, 1, 1)); /* the end is outside */
    assert_int_equal(IOMemoryDescriptor_readBytes(buffer, 0, bytes, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_writeBytes(buffer, 4095, bytes, 3), 3);
    assert_int_equal(load(owner, at + 4096), 2);
    store(owner, at + 8999, 9);
    assert_int_equal(IOMemoryDescriptor_readBytes(buffer, 8999, bytes, 1), 1);
    assert_int_equal(bytes[0], 9);
    assert_int_equal(IOMemoryDescriptor_complete(buffer, 0), kIOReturnSuccess);
    OSObject_release(buffer);
    assert_int_equal(load(owner, at + 8999), 9);
    OSObject_release(map);
}

static void the_address_space_is_full(void **state)
{
    const struct vm_range nothing = {.object = NULL};
    uint64_t at = 1ull << 47, size = (1ull << 47) - PAGE_SIZE;

    (void)state;
    while (size >= PAGE_SIZE) { /* reservations until no page is left */
        if (vm_map_enter(task_map(owner), &at, size, 0, &nothing, VM_ENTER_ANYWHERE) !=
            KERN_SUCCESS) {
            size = trunc_page(size / 2);
        }
    }
    sim_console_forget();
    expect_refusal(owner, PAGEABLE, 100, 1, 0, kIOReturnNoSpace);
    assert_false(sim_console_said("stays")); /* there was no mapping of it */
}

static void bm_4_mappings_after_each_length(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(owner, PAGEABLE, 12000);
    IOMemoryMap *all = map_all(&buffer->super.super, other, 0);
    IOMemoryMap *shorter, *again;

    (void)state;
    IOBufferMemoryDescriptor_setLength(buffer, 5000);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(buffer, NULL), 3 * PAGE_SIZE);
    shorter = map_all(&buffer->super.super, other, kIOMapUnique);
    platform_set_last_error(0);
    IOBufferMemoryDescriptor_setLength(buffer, 12001);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), 5000);
    IOBufferMemoryDescriptor_setLength(buffer, 0);
    expect_no_map(&buffer->super.super, other, 0, kIOMapAnywhere, 0, 0, kIOReturnBadArgument);
    IOBufferMemoryDescriptor_setLength(buffer, 12000);
    again = map_all(&buffer->super.super, kernel_task, kIOMapUnique);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(buffer, NULL), 3 * PAGE_SIZE);
    assert_int_equal(IOMemoryMap_getLength(all), 12000);
    assert_int_equal(IOMemoryMap_getLength(shorter), 5000);
    assert_int_equal(IOMemoryMap_getLength(again), 12000);
    store(owner, address_of(buffer) + 4999, 1);
    store(other, IOMemoryMap_getAddress(all) + 11999, 2);
    assert_int_equal(load(other, IOMemoryMap_getAddress(shorter) + 4999), 1);
    assert_int_equal(load(kernel_task, IOMemoryMap_getAddress(again) + 4999), 1);
    assert_int_equal(load(kernel_task, IOMemoryMap_getAddress(again) + 11999), 2);
    assert_int_equal(load(owner, address_of(buffer) + 11999), 2);
    OSObject_release(all);
    OSObject_release(shorter);
    OSObject_release(again);
    OSObject_release(buffer);
}

/* The pages become resident by themselves. */
static void bm_6_append_to_absent_pages(void **state)
{
    task_t tasks[] = {kernel_task, owner, TASK_NULL};
    uint8_t text[6000], back[10000];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = pattern(i, 3);
    }
    for (size_t i = 0; i < 3; i++) {
        IOBufferMemoryDescriptor *buffer = make(tasks[i], PAGEABLE, sizeof(back));

        IOBufferMemoryDescriptor_setLength(buffer, 0);
        assert_true(IOBufferMemoryDescriptor_appendBytes(buffer, text, 6000));
        assert_true(IOBufferMemoryDescriptor_appendBytes(buffer, NULL, 10));
        platform_set_last_error(0);
        assert_false(IOBufferMemoryDescriptor_appendBytes(buffer, text, 6000));
        assert_int_equal(IOMemoryLastError(), kIOReturnNoSpace);
        assert_int_equal(IOMemoryDescriptor_getLength(buffer), sizeof(back));
        assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_readBytes(buffer, 0, back, sizeof(back)), sizeof(back));
        assert_memory_equal(back, text, 6000);
        assert_int_equal(back[6000] | back[6009], 0);
        assert_memory_equal(back + 6010, text, sizeof(back) - 6010);
        if (tasks[i] != TASK_NULL) {
            assert_int_equal(load(tasks[i], address_of(buffer) + 5999), text[5999]);
        }
        OSObject_release(buffer);
    }
}

static void bm_13_released_while_mapped(void **state)
{
    const struct holdings before = holdings_now();
    struct holdings after;
    task_t tasks[] = {kernel_task, owner, TASK_NULL};
    IOOptionBits options[] = {PAGEABLE, PAGEABLE | kIOMemoryPurgeable, PAGEABLE};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        IOBufferMemoryDescriptor *buffer =
            i < 3 ? make(tasks[i], options[i], 9000) : make(kernel_task, kIODirectionOutIn, 9000);
        IOMemoryMap *map = map_all(&buffer->super.super, other, kIOMapUnique);

        assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
        store(other, IOMemoryMap_getAddress(map) + 8999, (uint8_t)i);
        OSObject_release(buffer);
        assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 8999), i);
        OSObject_release(map);
        after = holdings_now();
        assert_int_equal(before.pages - before.tables, after.pages - after.tables);
        assert_int_equal(before.pins, after.pins);
        assert_int_equal(before.entries, after.entries);
        assert_int_equal(before.mapped, after.mapped);
    }
}

static void bm_14_direction_of_pageable_buffers(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(owner, kIODirectionOut | kIOMemoryPageable, 100);
    char byte = 'x';

    (void)state;
    assert_false(IOMemoryDescriptor_getFlags(buffer) & kIOMemoryPreparedReadOnly);
    assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
    IOBufferMemoryDescriptor_setDirection(buffer,
                                          kIODirectionOutIn); /* that prepare is the caller's */
    assert_int_equal(IOMemoryDescriptor_getDirection(buffer), kIODirectionOutIn);
    assert_int_equal(IOMemoryDescriptor_writeBytes(buffer, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryDescriptor_complete(buffer, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(buffer, 0), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_writeBytes(buffer, 0, &byte, 1), 1);
    assert_int_equal(load(owner, address_of(buffer)), 'x');
    OSObject_release(buffer);
}

static void bm_15_prepared_and_released(void **state)
{
    const struct holdings before = holdings_now();
    IOBufferMemoryDescriptor *buffer =
        make(TASK_NULL, PAGEABLE | kIOMemoryKernelUserShared, 100000);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
    assert_int_equal(holdings_now().pins, before.pins + 25);
    OSObject_release(buffer);
    assert_true(sim_holds(&before));
}

static void bm_17_tags_of_user_maps(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_inTaskWithOptionsTags(owner, PAGEABLE, 100, 1, 12, 34);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getVMTag(buffer, kernel_map), 12);
    assert_int_equal(IOMemoryDescriptor_getVMTag(buffer, task_map(owner)), 34);
    OSObject_release(buffer);
}

/* The memory outlives its task; its address does not. */
static void the_owning_task_dies(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(owner, PAGEABLE, 9000);
    IOMemoryMap *map = map_all(&buffer->super.super, other, 0);
    uint8_t byte;

    (void)state;
    store(owner, address_of(buffer) + 5, 55);
    task_release(owner);
    owner = NULL;
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 5), 55);
    assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_readBytes(buffer, 5, &byte, 1), 1);
    assert_int_equal(byte, 55);
    OSObject_release(map);
    OSObject_release(buffer);
}

/* The buffer itself, unless its owner has put something else in its place. */
static void persistent_descriptors_of_buffers(void **state)
{
    IOBufferMemoryDescriptor *nowhere = make(TASK_NULL, PAGEABLE, 5000);
    IOBufferMemoryDescriptor *buffer = make(owner, PAGEABLE, 5000);
    const uint64_t at = address_of(buffer);
    IOMemoryDescriptor *same = IOMemoryDescriptor_withPersistentMemoryDescriptor(nowhere);
    IOMemoryDescriptor *now;

    (void)state;
    assert_ptr_equal(same, nowhere);
    OSObject_release(same);
    OSObject_release(nowhere);
    same = IOMemoryDescriptor_withPersistentMemoryDescriptor(buffer);
    assert_ptr_equal(same, buffer);
    OSObject_release(same);
    store(owner, at, 1);
    remove_pages(owner, at, 2);
    assert_int_equal(new_pages(owner, 2, RW), at);
    now = IOMemoryDescriptor_withPersistentMemoryDescriptor(buffer);
    assert_non_null(now);
    assert_ptr_not_equal(now, buffer);
    OSObject_release(buffer); /* with its own mapping, whatever that shows */
    assert_int_equal(try_load(owner, at), KERN_INVALID_ADDRESS);
    assert_int_equal(IOMemoryDescriptor_getLength(now), 5000);
    assert_int_equal(IOMemoryDescriptor_prepare(now, 0), kIOReturnSuccess);
    OSObject_release(now);
}

static void not_initialised_twice(void **state)
{
    IOBufferMemoryDescriptor *buffer = make(TASK_NULL, PAGEABLE, 100);

    (void)state;
    assert_false(
        IOBufferMemoryDescriptor_initWithPhysicalMask(buffer, TASK_NULL, PAGEABLE, 100, 1, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_false(IOBufferMemoryDescriptor_initWithGuardPages(buffer, kernel_task, 0, 100));
    OSObject_release(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(bm_1_pageable_buffers_are_absent_and_zero),
        MAP_TEST(bm_2_bad_capacities),
        MAP_TEST(bm_3_tasks),
        MAP_TEST(bm_3_mapped_nowhere),
        MAP_TEST(the_address_space_is_full),
        MAP_TEST(bm_4_mappings_after_each_length),
        MAP_TEST(bm_6_append_to_absent_pages),
        MAP_TEST(bm_13_released_while_mapped),
        MAP_TEST(bm_14_direction_of_pageable_buffers),
        MAP_TEST(bm_15_prepared_and_released),
        MAP_TEST(bm_17_tags_of_user_maps),
        MAP_TEST(the_owning_task_dies),
        MAP_TEST(persistent_descriptors_of_buffers),
        MAP_TEST(not_initialised_twice),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
