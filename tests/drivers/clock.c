/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for the machine's clock (Arm PL031) that never leaves EL0: registers as device memory,
 * an alarm a second away, its interrupt awaited. objects: a buffer for what it saw, the device, and
 * the page of its registers.
 */
#include "tests/drivers/check.h"

#define PL031_DATA  0x00 /* seconds */
#define PL031_MATCH 0x04
#define PL031_MASK  0x10 /* 1: the interrupt gets through */
#define PL031_RAW   0x14
#define PL031_CLEAR 0x1c
#define PL031_ID    0xfe0 /* four bytes, a word each */

#define SECOND 1000000000ull

int driver_main(unsigned count, OSObject *const objects[])
{
    IOBufferMemoryDescriptor *const seen = OSDynamicCast(IOBufferMemoryDescriptor, objects[0]);
    IOService *const device = OSDynamicCast(IOService, objects[1]);
    IOMemoryDescriptor *const page = OSDynamicCast(IOMemoryDescriptor, objects[2]);
    IOAddressSegment range;
    uint64_t registers, length, interrupts = 0;

    CHECK(count == 3);
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(seen, &range));
    GOOD(IOMemoryDescriptor_Map(page, 0, 0, 0, 0, &registers, &length));
    CHECK(length == PAGE_SIZE);
    CHECK(driver_read32(registers, PL031_ID) == 0x31 &&
          driver_read32(registers, PL031_ID + 4) == 0x10);
    driver_write32(registers, PL031_CLEAR, 1);
    /* No alarm is set: nothing comes. */
    GIVES(driver_wait(device, 1000000, &interrupts), kIOReturnTimeout);
    for (uint64_t alarm = 0; alarm < 2; alarm++) {
        driver_write32(registers, PL031_MATCH, driver_read32(registers, PL031_DATA) + 1);
        driver_write32(registers, PL031_MASK, 1);
        GOOD(driver_wait(device, 20 * SECOND, &interrupts));
        CHECK(interrupts == 1 && driver_read32(registers, PL031_RAW) == 1);
        driver_write32(registers, PL031_CLEAR, 1);
        CHECK(driver_read32(registers, PL031_RAW) == 0);
        ((volatile uint64_t *)range.address)[alarm] = driver_read32(registers, PL031_DATA);
    }
    driver_write32(registers, PL031_MASK, 0);
    return 5;
}
