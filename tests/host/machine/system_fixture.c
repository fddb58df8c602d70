/* SPDX-License-Identifier: BSD-2-Clause */
/* A system mapper, and memory that it scatters. */
#include "tests/host/machine/system_fixture.h"

#include "kernel/direct_map.h"
#include "kernel/page.h"

paddr_t system_pages;

IOService *system_unit(uint32_t identity)
{
    IOService *unit = IOService_withReader("unit", NULL, NULL);

    IOService_setCell(unit, "phandle", identity);
    return unit;
}

struct test_mapper *system_start(IOService **unit)
{
    struct test_mapper *mapper = test_mapper_new(SYSTEM_BASE_PAGE);

    *unit = system_unit(12);
    mapper->super.fIsSystem = true;
    assert_true(IOMapper_start(&mapper->super, *unit));
    return mapper;
}

void system_stop(struct test_mapper *mapper, IOService *unit)
{
    assert_int_equal(mapper->entries, 0);
    assert_int_equal(OSObject_getRetainCount(&mapper->super), 1);
    OSObject_release(&mapper->super);
    assert_null(IOMapper_gSystem);
    OSObject_release(unit);
}

int system_power_on(void **state)
{
    const struct page_request request = {.count = 10, .owner = PAGE_OWNER_IMAGE};

    return dma_power_on(state) != 0 || page_alloc_run(&request, &system_pages) != KERN_SUCCESS ? -1
                                                                                               : 0;
}

IOMemoryDescriptor *system_memory(IODirection direction)
{
    const uint64_t first = (uint64_t)phys_to_virt(system_pages);
    IOAddressRange ranges[] = {{first + 100, 2 * PAGE_SIZE},
                               {first + 9 * PAGE_SIZE, 700},
                               {first + 7 * PAGE_SIZE + 50, 5000}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, direction, kernel_task);

    assert_non_null(memory);
    return memory;
}
