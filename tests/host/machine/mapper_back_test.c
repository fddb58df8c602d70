/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical ranges behind the system mapper: its addresses lead back to the memory that it shows. */
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "tests/host/machine/system_fixture.h"

/* Where the bytes of it are, by every way to ask for host addresses. */
static void expect_back(IOMemoryDescriptor *device, IOMemoryDescriptor *memory, uint64_t length)
{
    static uint8_t bytes[4 * PAGE_SIZE];
    IOByteCount left;

    for (uint64_t at = 0; at < length; at += left) {
        const addr64_t there =
            IOMemoryDescriptor_getPhysicalSegment(device, at, &left, kIOMemoryMapperNone);

        assert_true(left != 0 && left <= length - at);
        for (uint64_t i = 0; i < left; i++) {
            assert_int_equal(there + i, IOMemoryDescriptor_getPhysicalSegment(memory, at + i, NULL,
                                                                              kIOMemoryMapperNone));
        }
    }
    for (uint64_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(i * 13 + 5);
    }
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, bytes, length), length);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(IOMemoryDescriptor_readBytes(device, 0, bytes, length), length);
    for (uint64_t i = 0; i < length; i++) {
        assert_int_equal(bytes[i], (uint8_t)(i * 13 + 5));
        bytes[i] ^= 0xff;
    }
    assert_int_equal(IOMemoryDescriptor_writeBytes(device, 0, bytes, length), length);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, bytes, length), length);
    for (uint64_t i = 0; i < length; i++) {
        assert_int_equal(bytes[i], (uint8_t) ~(i * 13 + 5));
    }
}

/* Physical ranges are addresses of the mapper's, unless they say otherwise: they lead back. */
static void physical_ranges_lead_back(void **state)
{
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOMemoryDescriptor *memory = system_memory(kIODirectionInOut), *device, *host;
    const uint64_t length = IOMemoryDescriptor_getLength(memory);
    uint64_t at = 0;
    IOAddressRange ranges[4];
    IOByteCount left;
    UInt32 count = 0;

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    for (; at < length; at += left) {
        ranges[count].address = IOMemoryDescriptor_getPhysicalSegment(memory, at, &left, 0);
        ranges[count++].length = left;
    }
    device = IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionInOut, TASK_NULL);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(device, 0, NULL, 0), ranges[0].address);
    expect_back(device, memory, length);
    sim_in_handler = true; /* there as well */
    assert_int_not_equal(
        IOMemoryDescriptor_getPhysicalSegment(device, 9, NULL, kIOMemoryMapperNone), 0);
    sim_in_handler = false;

    /* What says so is the host's own. */
    host = IOMemoryDescriptor_withAddressRanges(ranges, count,
                                                kIODirectionInOut | kIOMemoryMapperNone, TASK_NULL);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(host, 0, NULL, kIOMemoryMapperNone),
                     ranges[0].address);
    OSObject_release(host);

    /* Where nothing is translated there is no address, and never a host's. */
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    assert_int_equal(mapper->entries, 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(device, 0, &left, kIOMemoryMapperNone),
                     0);
    assert_int_equal(left, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    assert_int_equal(IOMemoryDescriptor_readBytes(device, 0, &left, 8), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    OSObject_release(device);
    OSObject_release(memory);
    system_stop(mapper, unit);
}

/*
 * The CPU goes through no mapper: a map shows the memory that the addresses lead to, wherever it
 * is, and goes on showing that. Where they lead nowhere there is no map.
 */
static void maps_show_where_they_lead(void **state)
{
    const uint64_t first = (uint64_t)phys_to_virt(system_pages);
    IOAddressRange ranges[] = {{first + 9 * PAGE_SIZE, PAGE_SIZE},
                               {first + 3 * PAGE_SIZE, 2 * PAGE_SIZE}};
    IOService *unit;
    struct test_mapper *mapper = system_start(&unit);
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionInOut, kernel_task);
    IOMemoryDescriptor *device;
    struct inject_report report = {.failed = true};
    IOMemoryMap *map = NULL;
    uint64_t address;
    IOByteCount left;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    address = IOMemoryDescriptor_getPhysicalSegment(memory, 0, &left, 0);
    assert_true(address < SIM_RAM_BASE);
    device =
        IOMemoryDescriptor_withAddressRange(address, 3 * PAGE_SIZE, kIODirectionInOut, TASK_NULL);
    assert_non_null(device);
    for (uint64_t nth = 1; report.failed; nth++) {
        const struct holdings held = holdings_now();

        assert_null(map);
        inject_begin(nth);
        map = IOMemoryDescriptor_map(device, 0);
        inject_end(&report);
        assert_true(map != NULL || (report.failed && sim_holds(&held)));
        if (report.failed) {
            OSSafeReleaseNULL(map);
        }
    }
    assert_non_null(map);
    for (uint64_t i = 0; i < 3 * PAGE_SIZE; i += 97) {
        const uint64_t there =
            IOMemoryDescriptor_getPhysicalSegment(memory, i, NULL, kIOMemoryMapperNone);
        uint8_t *const byte = phys_to_virt(paddr(there)), seen = 0;

        *byte = (uint8_t)(i / 97 + 1);
        assert_int_equal(sim_load(kernel_map, IOMemoryMap_getAddress(map) + i, &seen),
                         KERN_SUCCESS);
        assert_int_equal(seen, (uint8_t)(i / 97 + 1));
        assert_int_equal(sim_store(kernel_map, IOMemoryMap_getAddress(map) + i, 0x5c),
                         KERN_SUCCESS);
        assert_int_equal(*byte, 0x5c);
    }
    OSObject_release(map);
    OSObject_release(device);
    /* A translation is good to the end of its page at least, or there is no view. */
    mapper->isShort = true;
    device =
        IOMemoryDescriptor_withAddressRange(address, 3 * PAGE_SIZE, kIODirectionInOut, TASK_NULL);
    assert_null(IOMemoryDescriptor_map(device, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnInternalError);
    OSObject_release(device);
    mapper->isShort = false;
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    device = IOMemoryDescriptor_withAddressRange(address, PAGE_SIZE, kIODirectionInOut, TASK_NULL);
    assert_null(IOMemoryDescriptor_map(device, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    OSObject_release(device);
    system_stop(mapper, unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(physical_ranges_lead_back),
        MAP_TEST(maps_show_where_they_lead),
    };

    return cmocka_run_group_tests(tests, system_power_on, map_power_off);
}
