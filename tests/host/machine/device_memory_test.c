/* SPDX-License-Identifier: BSD-2-Clause */
/* Device memory: the check CD-13 as far as it needs no mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "descriptors/IODeviceMemory.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/OSArray.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/host/sim/sim_fault.h"

#define DEVICE  0x9000000ull
#define RAM_END (SIM_RAM_BASE + 64 * SIM_MIB)

/* CD-13: of its own class, whichever factory made it. */
static void cd_13_factories_give_device_memory(void **state)
{
    IODeviceMemory *whole = IODeviceMemory_withRange(DEVICE, 0x1000);
    IODeviceMemory *part;
    IOByteCount length;

    (void)state;
    assert_non_null(whole);
    assert_ptr_equal(OSDynamicCast(IODeviceMemory, whole), whole);
    assert_ptr_equal(OSMetaClass_getSuperClass(&IODeviceMemory_metaClass),
                     &IOMemoryDescriptor_metaClass);
    assert_int_equal(IOMemoryDescriptor_getDirection(whole), kIODirectionNone);
    assert_true(IOMemoryDescriptor_getFlags(whole) & kIOMemoryMapperNone);
    assert_int_equal(IOMemoryDescriptor_getLength(whole), 0x1000);
    IOMemoryDescriptor_setTag(whole, 5);
    part = IODeviceMemory_withSubRange(whole, 0x10, 0x20);
    OSObject_release(whole); /* the part keeps it */
    assert_ptr_equal(OSDynamicCast(IODeviceMemory, part), part);
    assert_int_equal(OSObject_getRetainCount(whole), 1);
    assert_int_equal(IOMemoryDescriptor_getTag(part), 5);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(part, 8, &length, 0), DEVICE + 0x18);
    assert_int_equal(length, 0x18);
    assert_int_equal(IOMemoryDescriptor_prepare(part, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(part, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(part, 0), kIOReturnSuccess);
    OSObject_release(part);
}

/* CD-13, CD-15 */
static void cd_13_windows_lie_inside(void **state)
{
    IODeviceMemory *whole = IODeviceMemory_withRange(DEVICE, 0x1000), *empty;

    (void)state;
    platform_set_last_error(0);
    assert_null(IODeviceMemory_withSubRange(whole, 0, 0x1001));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IODeviceMemory_withSubRange(whole, 0x1001, 0));
    assert_null(IODeviceMemory_withSubRange(whole, 0x10, UINT64_MAX));
    assert_null(IODeviceMemory_withSubRange(NULL, 0, 0));
    assert_int_equal(OSObject_getRetainCount(whole), 1);
    empty = IODeviceMemory_withSubRange(whole, 0x1000, 0);
    assert_int_equal(IOMemoryDescriptor_getLength(empty), 0);
    OSObject_release(empty);
    OSObject_release(whole);
    platform_set_last_error(0);
    assert_null(IODeviceMemory_withRange(UINT64_MAX - 10, 100)); /* CD-15 */
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IODeviceMemory_withRange(1ull << 45, 1)); /* page numbers have 32 bits */
}

static void ram_is_no_device(void **state)
{
    static const struct {
        uint64_t start, length;
    } ranges[] = {{SIM_RAM_BASE, 1}, {SIM_RAM_BASE - 1, 2}, {RAM_END - 1, 100}, {0, 1ull << 40}};
    IODeviceMemory *memory;

    (void)state;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        platform_set_last_error(0);
        assert_null(IODeviceMemory_withRange(ranges[i].start, ranges[i].length));
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    }
    memory = IODeviceMemory_withRange(SIM_RAM_BASE - 16, 16);
    assert_non_null(memory);
    OSObject_release(memory);
    memory = IODeviceMemory_withRange(RAM_END, 16);
    assert_non_null(memory);
    OSObject_release(memory);
    memory = IODeviceMemory_withRange(SIM_RAM_BASE, 0); /* no bytes overlap nothing */
    assert_non_null(memory);
    OSObject_release(memory);
}

static void cd_13_an_array_of_ranges(void **state)
{
    IODeviceMemory_InitElement list[] = {{DEVICE, 0x100, 3}, {0, 0x40, 0}, {DEVICE, 0x1000, 1}};
    OSArray *array = IODeviceMemory_arrayFromList(list, 3);

    (void)state;
    assert_int_equal(OSArray_getCount(array), 3);
    for (unsigned i = 0; i < 3; i++) {
        IODeviceMemory *memory = OSDynamicCast(IODeviceMemory, OSArray_getObject(array, i));
        IOByteCount length;

        assert_non_null(memory);
        assert_int_equal(OSObject_getRetainCount(memory), 1);
        assert_int_equal(IOMemoryDescriptor_getTag(memory), list[i].tag);
        assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0),
                         list[i].start);
        assert_int_equal(length, list[i].length); /* S6: address 0 is one */
    }
    OSObject_release(array);
    array = IODeviceMemory_arrayFromList(NULL, 0);
    assert_int_equal(OSArray_getCount(array), 0);
    OSObject_release(array);
    assert_null(IODeviceMemory_arrayFromList(NULL, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    list[1].start = SIM_RAM_BASE; /* refused in the middle */
    assert_null(IODeviceMemory_arrayFromList(list, 3));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
}

/* CD-13, OM-10: the holdings of the test tell of anything left over. */
static void cd_13_each_allocation_of_a_list_fails(void **state)
{
    IODeviceMemory_InitElement list[] = {{DEVICE, 0x100, 3}, {DEVICE, 0x40, 0}};
    OSArray *array = NULL;
    unsigned nth;

    (void)state;
    for (nth = 1; array == NULL; nth++) {
        fail_request(nth);
        array = IODeviceMemory_arrayFromList(list, 2);
        fail_request(0);
        if (array == NULL) {
            assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
        }
    }
    assert_true(nth >= 5); /* array, its room, two ranges */
    OSObject_release(array);
}

static void copies_stay_inside_the_range(void **state)
{
    uint8_t *registers = sim_registers_attach(DEVICE, PAGE_SIZE);
    uint8_t bytes[40];
    IODeviceMemory *memory = IODeviceMemory_withRange(DEVICE + 3, 40);
    IOSubMemoryDescriptor *sub = IOSubMemoryDescriptor_withSubRange(memory, 1, 9, 0);

    (void)state;
    for (unsigned i = 0; i < 64u; i++) {
        registers[i] = (uint8_t)i;
    }
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, bytes, 40), 40);
    assert_memory_equal(bytes, registers + 3, 40);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 1, bytes, 40), 0);
    for (unsigned i = 0; i < 40; i++) {
        bytes[i] = (uint8_t)(100 + i);
    }
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, bytes, 40), 40);
    assert_memory_equal(bytes, registers + 3, 40);
    for (unsigned i = 0; i < 64u; i++) {
        registers[i] = (uint8_t)i;
    }
    assert_int_equal(IOMemoryDescriptor_writeBytes(sub, 0, NULL, 9), 9);
    for (unsigned i = 0; i < 64u; i++) {
        assert_int_equal(registers[i], i >= 4 && i < 13 ? 0 : i);
    }
    OSObject_release(sub);
    OSObject_release(memory);
    sim_registers_detach(DEVICE, PAGE_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(cd_13_factories_give_device_memory),
        WITH_PAGES(cd_13_windows_lie_inside),
        WITH_PAGES(ram_is_no_device),
        WITH_PAGES(cd_13_an_array_of_ranges),
        WITH_PAGES(cd_13_each_allocation_of_a_list_fails),
        WITH_PAGES(copies_stay_inside_the_range),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
