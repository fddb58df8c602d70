/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of an NVMe controller's own: where it may be, what is refused of what the controller
 * says of it, and whose I/O addresses it takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/drivers/nvme_client.h"
#include "tests/host/sim/sim_console.h"
#include "tests/lib/portable/test_mapper.h"

#define BAR      2u
#define BAR_AT   0x20000000ull
#define BAR_SIZE (4ull << 20)
#define UNIT_64K (1u << 8)
#define DATA     0x18u /* commands read there, and write */
#define ENABLED  3u
#define CMBS     (1ull << 57)
#define UNITS(n) ((uint32_t)(n) << 12)

static void create(uint64_t at, uint32_t place, uint32_t size)
{
    client_create();
    sim.cap |= CMBS;
    sim.bus.memory_index = BAR;
    sim.bus.memory_bar = (struct pci_bar){.base = paddr(at), .bus = at, .size = BAR_SIZE};
    sim.buffer_place = place;
    sim.buffer_size = size;
}

/* Said with a line: it is turned off altogether. */
static void expect_none(bool is_said)
{
    sim_console_forget();
    assert_int_equal(client_open(), kIOReturnSuccess);
    assert_int_equal(sim_console_said("the controller's memory buffer is not used"), is_said);
    IOMemory_fail(kIOReturnBusy);
    assert_null(nvme_copy_buffer(disk));
    assert_int_equal(IOMemoryLastError(), kIOReturnUnsupported);
    assert_int_equal(sim.buffer_control & (is_said ? ENABLED : 2), 0);
    client_close();
}

static void expect_one(uint64_t at, uint64_t bytes)
{
    IODeviceMemory *memory;
    IOByteCount there;

    assert_int_equal(client_open(), kIOReturnSuccess);
    memory = nvme_copy_buffer(disk);
    assert_non_null(memory);
    assert_int_equal(IOMemoryDescriptor_getLength(memory), bytes);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &there, kIOMemoryMapperNone),
                     at);
    assert_int_equal(sim.buffer_control, at | ENABLED);
    OSObject_release(memory);
}

/* At a place in its BAR, in units of its own. */
static void a_buffer_is_where_it_says(void **state)
{
    (void)state;
    create(BAR_AT, BAR | UNITS(3), UNITS(5) | UNIT_64K | DATA);
    expect_one(BAR_AT + (3 << 16), 5 << 16);
    client_close();
    assert_int_equal(sim.buffer_control, 0);
    create(BAR_AT, BAR, UNITS(BAR_SIZE >> 16) | UNIT_64K | DATA); /* all of it */
    expect_one(BAR_AT, BAR_SIZE);
    client_close();
    create(1ull << 40, BAR, UNITS(1) | 6u << 8 | DATA); /* of the largest unit, 64 GiB */
    sim.bus.memory_bar.size = 1ull << 36;
    expect_one(1ull << 40, 1ull << 36);
    client_close();
}

static void buffers_that_are_none(void **state)
{
    static const struct {
        uint32_t place, size;
        bool is_said;
    } rows[] = {
        {BAR, 0, false},
        {BAR, UINT32_MAX, false},
        {BAR + 1, UNITS(1) | DATA, true},                       /* there is no such BAR */
        {BAR, UNITS(1) | 7 << 8 | DATA, true},                  /* nor such a unit */
        {BAR, UNIT_64K | DATA, true},                           /* no unit of it */
        {BAR, UNITS(BAR_SIZE >> 12) | UNIT_64K | DATA, true},   /* larger than its BAR */
        {BAR | UNITS(64), UNITS(1) | UNIT_64K | DATA, true},    /* behind it */
        {BAR | UNITS(63), UNITS(2) | UNIT_64K | DATA, true},    /* half behind it */
        {BAR | UNITS(0xfffff), UNITS(1) | 6 << 8 | DATA, true}, /* far behind it */
        {BAR, UNITS(1) | UNIT_64K | 0x8, true},                 /* commands only write there */
        {BAR, UNITS(1) | UNIT_64K | 0x7, true},                 /* for queues and lists */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        create(BAR_AT, rows[i].place, rows[i].size);
        expect_none(rows[i].is_said);
    }
    create(BAR_AT, BAR, UNITS(1) | DATA);
    sim.cap &= ~CMBS; /* an older one, without the register to turn it on */
    expect_none(false);
}

/* Its addresses are nobody else's there: taken, where the mapper has them to give. */
static void a_buffer_behind_a_mapper(void **state)
{
    const uint32_t size = UNITS(1) | UNIT_64K | DATA;
    struct test_mapper *mapper = test_mapper_new(0x100);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    uint64_t address = BAR_AT, length;
    IOMemoryDescriptor *none = NULL;

    (void)state;
    assert_true(IOMapper_start(&mapper->super, unit));
    create(BAR_AT, BAR, size);
    sim.bus.mapper = &mapper->super;
    expect_one(BAR_AT, 1 << 16);
    /* Nobody gets them meanwhile. */
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, none, 0, 1 << 16,
                                            kIODMAMapReadAccess | kIODMAMapFixedAddress, NULL, NULL,
                                            NULL, &address, &length),
                     kIOReturnNoSpace);
    client_close();
    /* Beyond all that it hands out. */
    create(1ull << 40, BAR, size);
    sim.bus.mapper = &mapper->super;
    expect_one(1ull << 40, 1 << 16);
    client_close();
    /* Below all that it hands out, up to where somebody has memory. */
    address = 0x100000;
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, whole, 0, 1 << 16,
                                            kIODMAMapReadAccess | kIODMAMapFixedAddress, NULL, NULL,
                                            NULL, &address, &length),
                     kIOReturnSuccess);
    create(0xf0000, BAR, size);
    sim.bus.mapper = &mapper->super;
    expect_one(0xf0000, 1 << 16);
    client_close();
    /* And with its second half where that is. */
    create(0xf8000, BAR, size);
    sim.bus.mapper = &mapper->super;
    expect_none(true);
    IOMapper_iovmUnmapMemory(&mapper->super, whole, NULL, address, length);
    /* Where somebody has memory: not used, and his stays. */
    {
        uint64_t physical, run;

        address = BAR_AT;
        assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, whole, 0, 1 << 16,
                                                kIODMAMapReadAccess | kIODMAMapFixedAddress, NULL,
                                                NULL, NULL, &address, &length),
                         kIOReturnSuccess);
        create(BAR_AT, BAR, size);
        sim.bus.mapper = &mapper->super;
        expect_none(true);
        assert_int_equal(IOMapper_translate(&mapper->super, address, 0, &physical, &run),
                         kIOReturnSuccess);
        IOMapper_iovmUnmapMemory(&mapper->super, whole, NULL, address, length);
    }
    client_drop_mapper(&mapper->super);
    OSObject_release(unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_is_where_it_says),
        cmocka_unit_test(buffers_that_are_none),
        cmocka_unit_test(a_buffer_behind_a_mapper),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
