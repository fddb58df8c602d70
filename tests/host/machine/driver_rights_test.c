/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose memory a driver sees and lets a device see: grants, windows, whole pages, and how much. */
#include "descriptors/IODeviceMemory.h"
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/driver_good.h"
#include "tests/host/machine/map_composite.h"
#include "tests/lib/portable/driverkit_calls.h"

/* Of the kernel's memory a task is shown pages: those that are described as a whole. */
static void what_may_be_shown_fills_its_pages(void **state)
{
    static const struct {
        uint64_t offset, end;
        bool whole;
    } windows[] = {
        {0, 2 * PAGE_SIZE, true},
        {100, 200, true},
        {PAGE_SIZE - 1, PAGE_SIZE + 1, true},
        {PAGE_SIZE + 100, 2 * PAGE_SIZE, true},
        {2 * PAGE_SIZE - 1, 2 * PAGE_SIZE + 1, false},    /* into the range that begins in a page */
        {2 * PAGE_SIZE, 2 * PAGE_SIZE + 1, false},        /* ... */
        {3 * PAGE_SIZE, 3 * PAGE_SIZE + 100, true},       /* behind the first page of it */
        {4 * PAGE_SIZE - 100, 4 * PAGE_SIZE - 90, false}, /* the last page is not filled */
        {3 * PAGE_SIZE, 4 * PAGE_SIZE - 99, false},
    };
    const uint64_t at = 16 * PAGE_SIZE;
    IOAddressRange ranges[] = {{at, 2 * PAGE_SIZE}, {at + 8 * PAGE_SIZE + 100, 2 * PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, one.task);

    (void)state;
    assert_non_null(memory);
    for (unsigned i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        const uint64_t offset = windows[i].offset, end = windows[i].end;

        assert_int_equal(general_owns_pages(memory, offset, end, two.task), windows[i].whole);
        assert_true(general_owns_pages(memory, offset, end, one.task));
    }
    OSObject_release(memory);
}

static uint64_t grant(struct driver *from, uint64_t handle, struct driver *to)
{
    uint64_t granted;

    GOOD(task_grant(to->task, driver_object(from, handle), &granted));
    return granted;
}

static kern_return_t store_through(struct driver *driver, uint64_t handle, uint64_t options)
{
    const uint64_t map = driver_map_all(driver, handle, options);
    const kern_return_t status = try_store(driver->task, driver_address(driver, map));

    GOOD(IODriverTask_releaseHandle(driver->table, map));
    return status;
}

/* In the reference the creator's exception beats its own wish. */
static void k_4_a_wish_for_a_read_only_map_holds(void **state)
{
    (void)state;
    for (uint64_t direction = 0; direction < 4; direction++) {
        const uint64_t mine = driver_buffer(&one, direction, PAGE_SIZE);

        GOOD(store_through(&one, mine, 0));
        assert_int_equal(store_through(&one, mine, kIOMemoryMapReadOnly), KERN_PROTECTION_FAILURE);
    }
}

static void dk_4_only_its_creator_writes_a_buffer_that_devices_read(void **state)
{
    static const uint64_t directions[] = {kIOMemoryDirectionOut, kIOMemoryDirectionNone};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t mine = driver_buffer(&one, directions[i], PAGE_SIZE);
        const uint64_t theirs = grant(&one, mine, &two);

        GOOD(store_through(&one, mine, 0));
        assert_int_equal(store_through(&two, theirs, 0), KERN_PROTECTION_FAILURE);
    }
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t mine = driver_buffer(&one, kIOMemoryDirectionIn + 2 * i, PAGE_SIZE);

        GOOD(store_through(&one, mine, 0));
        GOOD(store_through(&two, grant(&one, mine, &two), 0));
    }
}

static void dk_5_windows_and_concatenations(void **state)
{
    uint64_t parts[kIORPCDescriptorsMost + 1], whole, map, at;
    IOReturn status;

    (void)state;
    for (unsigned i = 0; i <= kIORPCDescriptorsMost; i++) {
        parts[i] = driver_buffer(&one, kIOMemoryDirectionInOut, PAGE_SIZE);
        map = driver_map_all(&one, parts[i], 0);
        store(one.task, driver_address(&one, map), (uint8_t)(i + 1));
        GOOD(IODriverTask_releaseHandle(one.table, map));
    }
    whole = driver_join(&one, parts, kIORPCDescriptorsMost, kIOMemoryDirectionInOut, &status);
    GOOD(status);
    at = driver_address(&one, driver_map_all(&one, whole, 0));
    for (unsigned i = 0; i < kIORPCDescriptorsMost; i++) {
        assert_int_equal(load(one.task, at + i * PAGE_SIZE), i + 1);
    }
    driver_join(&one, parts, 1, kIOMemoryDirectionIn, &status);
    GOOD(status);
    driver_join(&one, parts, 0, kIOMemoryDirectionIn, &status);
    assert_int_equal(status, kIOReturnBadArgument);
    driver_join(&one, parts, kIORPCDescriptorsMost + 1, kIOMemoryDirectionIn, &status);
    assert_int_equal(status, kIOReturnOverrun); /* clamped by the reference (K-1) */
    driver_join(&one, parts, UINT32_MAX, kIOMemoryDirectionIn, &status);
    assert_int_equal(status, kIOReturnOverrun);
    parts[3] = 0;
    driver_join(&one, parts, 4, kIOMemoryDirectionIn, &status);
    assert_int_equal(status, kIOReturnBadArgument);
    driver_join(&one, parts, 3, 4, &status);
    assert_int_equal(status, kIOReturnBadArgument);
    map = driver_sub(&one, whole, kIOMemoryDirectionInOut, 2 * PAGE_SIZE, PAGE_SIZE + 7, &status);
    GOOD(status);
    at = driver_address(&one, driver_map_all(&one, map, 0));
    assert_int_equal(load(one.task, at), 3);
    assert_int_equal(load(one.task, at + PAGE_SIZE), 4);
    GOOD(try_store(one.task, at));
    driver_sub(&one, whole, 0, 32 * PAGE_SIZE, 0, &status);
    GOOD(status); /* nothing is a window, too */
    driver_sub(&one, whole, 0, 32 * PAGE_SIZE, 1, &status);
    assert_int_equal(status, kIOReturnBadArgument);
    driver_sub(&one, whole, 0, UINT64_MAX, 2, &status);
    assert_int_equal(status, kIOReturnBadArgument);
    driver_sub(&one, whole, 4, 0, 1, &status);
    assert_int_equal(status, kIOReturnBadArgument);
    driver_sub(&one, 0, 0, 0, 1, &status);
    assert_int_equal(status, kIOReturnBadArgument);
}

/*
 * By none does the second driver come to write what it was only to read. The reference lets a
 * window be writable whose source is not (K-5).
 */
static void r_3_no_chain_gains_a_right(void **state)
{
    const uint64_t outgoing = driver_buffer(&one, kIOMemoryDirectionOut, 2 * PAGE_SIZE);
    const uint64_t granted = grant(&one, outgoing, &two);
    const uint64_t parts[] = {outgoing, driver_buffer(&one, kIOMemoryDirectionInOut, PAGE_SIZE)};
    IOReturn status;

    (void)state;
    driver_join(&one, parts, 2, kIOMemoryDirectionInOut, &status);
    assert_int_equal(status, kIOReturnNotPermitted);
    for (uint64_t direction = 1; direction < 4; direction += 2) {
        driver_sub(&two, granted, direction, 0, PAGE_SIZE, &status);
        assert_int_equal(status, kIOReturnNotPermitted);
    }
    for (uint64_t direction = 0; direction < 4; direction += 2) {
        uint64_t link = driver_sub(&two, granted, direction, 0, PAGE_SIZE, &status);

        /* A window, a concatenation of it, a window of that, and so on. */
        for (unsigned length = 1; length < 6; length++) {
            GOOD(status);
            assert_int_equal(store_through(&two, link, 0), KERN_PROTECTION_FAILURE);
            driver_join(&two, &link, 1, kIOMemoryDirectionIn, &status);
            assert_int_equal(status, kIOReturnNotPermitted);
            driver_sub(&two, link, kIOMemoryDirectionInOut, 0, 1, &status);
            assert_int_equal(status, kIOReturnNotPermitted);
            link = length % 2 != 0 ? driver_join(&two, &link, 1, direction, &status)
                                   : driver_sub(&two, link, direction, 0, PAGE_SIZE, &status);
        }
    }
}

/* The same for what a device is shown. */
static IOReturn prepare_for_dma(IOService *device, IOMemoryDescriptor *memory)
{
    const IODMACommandSpecification any = {.maxAddressBits = 64};
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    uint32_t count = kIODMACommandSegmentsMax;
    IODMACommand *command;
    uint64_t flags;
    IOReturn status;

    task_set_current(one.task);
    GOOD(IODMACommand_Create(device, 0, &any, &command));
    status = IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &count, segments);
    OSObject_release(command);
    task_set_current(kernel_task);
    return status;
}

/* A page is shown only if all of it belongs to whom the described bytes do. */
static void r_4_pages_are_shown_whole_or_not(void **state)
{
    const uint64_t mine = new_pages(one.task, 2, RW), theirs = new_pages(two.task, 2, RW);
    uint64_t kernel = new_pages(kernel_task, 2, RW);
    const struct {
        IOMemoryDescriptor *memory;
        IOReturn reason;
    } cases[] = {
        {describe(mine + 100, PAGE_SIZE, kIODirectionOutIn, one.task), kIOReturnSuccess},
        {describe(theirs + 100, PAGE_SIZE, kIODirectionOutIn, two.task), kIOReturnNotPermitted},
        {describe(theirs, PAGE_SIZE - 1, kIODirectionOutIn, two.task), kIOReturnNotPermitted},
        {describe(theirs, 2 * PAGE_SIZE, kIODirectionOutIn, two.task), kIOReturnSuccess},
        {describe(kernel + 8, 8, kIODirectionOutIn, kernel_task), kIOReturnNotPermitted},
        {describe(kernel, PAGE_SIZE + 8, kIODirectionOutIn, kernel_task), kIOReturnNotPermitted},
        {describe(kernel, 2 * PAGE_SIZE, kIODirectionOutIn, kernel_task), kIOReturnSuccess},
        {UP(IODeviceMemory_withRange(DEVICE, 0x200)), kIOReturnNotPermitted},
        {UP(IODeviceMemory_withRange(DEVICE, PAGE_SIZE)), kIOReturnSuccess},
        {UP(IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, 100, 1)),
         kIOReturnNotPermitted},
        {UP(IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn | kIOMemoryKernelUserShared, 100,
                                                 1)),
         kIOReturnSuccess},
    };
    IOService *device = IOService_withReader("device", NULL, NULL);

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t handle, window;
        IOReturn status;

        assert_non_null(cases[i].memory);
        GOOD(task_grant(one.task, cases[i].memory, &handle));
        driver_map(&one, handle, 0, 0, 0, 0, &status);
        assert_int_equal(status, cases[i].reason);
        /* Nor through what it makes of it. */
        window =
            driver_sub(&one, handle, 0, 0, IOMemoryDescriptor_getLength(cases[i].memory), &status);
        GOOD(status);
        driver_map(&one, window, 0, 0, 0, 0, &status);
        assert_int_equal(status, cases[i].reason);
        if (OSDynamicCast(IODeviceMemory, cases[i].memory) == NULL) { /* those have no direction */
            assert_int_equal(prepare_for_dma(device, cases[i].memory), cases[i].reason);
        }
    }
    IODriverTask_closeAll(one.table);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        OSObject_release(cases[i].memory);
    }
    OSObject_release(device);
    remove_pages(kernel_task, kernel, 2);
}

/* A map's address is a number of its own task. */
static void a_map_of_another_task_has_no_address(void **state)
{
    const uint64_t map = driver_map_all(&one, driver_buffer(&one, 3, PAGE_SIZE), 0);
    const uint64_t granted = grant(&one, map, &two);
    _IOMemoryMapPrivateState now;

    (void)state;
    GOOD(driver_map_state(&two, granted, &now));
    assert_int_equal(now.address, 0);
    assert_int_equal(now.length, PAGE_SIZE);
}

/* What a driver may have: counted, refused above, and given back. */
static void r_5_limits_hold_and_what_is_given_back_counts(void **state)
{
    uint64_t buffers[2], maps[2], handle;
    IODriverUsage usage;
    IOReturn status;

    (void)state;
    buffers[0] = driver_buffer(&one, 3, 3 * PAGE_SIZE);
    assert_int_equal(driver_create(&one, 3, PAGE_SIZE + 1, &status), 0);
    assert_int_equal(status, kIOReturnNoResources);
    buffers[1] = driver_buffer(&one, 3, 1); /* whole pages count */
    driver_create(&one, 3, 1, &status);
    assert_int_equal(status, kIOReturnNoResources);
    maps[0] = driver_map_all(&one, buffers[0], 0);
    maps[1] = driver_map_all(&one, buffers[1], 0);
    IODriverTask_getUsage(one.table, &usage);
    assert_int_equal(usage.handles, 4);
    assert_int_equal(usage.maps, 2);
    assert_int_equal(usage.bufferBytes, 4 * PAGE_SIZE);
    assert_int_equal(usage.refused, 2);
    GOOD(IODriverTask_releaseHandle(one.table, buffers[1]));
    /* The buffer lives in its map: its bytes still count, and there may be no third map. */
    driver_create(&one, 3, 1, &status);
    assert_int_equal(status, kIOReturnNoResources);
    driver_map(&one, buffers[0], kIOMemoryMapReadOnly, 0, 0, 0, &status);
    assert_int_equal(status, kIOReturnNoResources);
    GOOD(IODriverTask_releaseHandle(one.table, maps[1]));
    driver_buffer(&one, 3, 1);
    driver_map_all(&one, buffers[0], kIOMemoryMapReadOnly);
    /* The table is full: nothing more is made, nor granted, but what is there already. */
    driver_sub(&one, buffers[0], 3, 0, 1, &status);
    assert_int_equal(status, kIOReturnNoResources);
    GOOD(task_grant(one.task, driver_object(&one, buffers[0]), &handle));
    assert_int_equal(handle, buffers[0]);
    assert_int_equal(task_grant(one.task, driver_object(&two, driver_buffer(&two, 3, 1)), &handle),
                     kIOReturnNoResources);
}

/* A part that has shrunk since has no pages there: it is asked of those that it has. */
static void r_4_a_part_that_has_shrunk_is_no_reason_to_look_behind_it(void **state)
{
    IOAddressRange ranges[] = {{new_pages(two.task, 1, RW), PAGE_SIZE},
                               {new_pages(two.task, 3, RW) + PAGE_SIZE, PAGE_SIZE}};
    IOMemoryDescriptor *part =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, two.task);
    IOMemoryDescriptor *whole = IOMemoryDescriptor_upcast(IOMultiMemoryDescriptor_withDescriptors(
        (IOMemoryDescriptor *[]){part, part}, 2, kIODirectionOutIn, false));
    uint64_t handle;
    IOReturn status;

    (void)state;
    GOOD(task_grant(one.task, whole, &handle));
    GOOD(IODriverTask_releaseHandle(one.table, driver_map_all(&one, handle, 0)));
    for (unsigned length = 0; length < 2; length++) {
        ranges[0].length = length * PAGE_SIZE;
        assert_true(IOMemoryDescriptor_initWithOptions(
            part, ranges, 1, 0, two.task, kIODirectionOutIn | kIOMemoryTypeVirtual, NULL));
        driver_map(&one, handle, 0, 0, 0, 0, &status);
        assert_int_equal(status, kIOReturnUnderrun);
    }
    OSObject_release(whole);
    OSObject_release(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(k_4_a_wish_for_a_read_only_map_holds),
        DRIVER_TEST(dk_4_only_its_creator_writes_a_buffer_that_devices_read),
        DRIVER_TEST(dk_5_windows_and_concatenations),
        DRIVER_TEST(r_3_no_chain_gains_a_right),
        DRIVER_TEST(r_4_pages_are_shown_whole_or_not),
        DRIVER_TEST(what_may_be_shown_fills_its_pages),
        DRIVER_TEST(r_4_a_part_that_has_shrunk_is_no_reason_to_look_behind_it),
        DRIVER_TEST(a_map_of_another_task_has_no_address),
        SMALL_TEST(r_5_limits_hold_and_what_is_given_back_counts),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
