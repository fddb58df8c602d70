/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what is behind a mapping: memory, a map of its middle, and maps not entered yet. */
#ifndef TESTS_HOST_MACHINE_MAP_CALLS_FIXTURE_H
#define TESTS_HOST_MACHINE_MAP_CALLS_FIXTURE_H

#include "tests/host/machine/map_fixture.h"

#define CALLS_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

#define REFUSED(call) assert_int_equal(call, kIOReturnBadArgument)

static IOMemoryDescriptor *memory; /* three pages and a half of owner's */
static IOMemoryMap *map;           /* its middle two pages, in other */

static inline int start(void **state)
{
    if (map_start(state) != 0) {
        return -1;
    }
    memory = describe(new_pages(owner, 4, RW), 3 * PAGE_SIZE + 2048, kIODirectionOutIn, owner);
    map = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, PAGE_SIZE,
                                                 2 * PAGE_SIZE);
    return map == NULL;
}

static inline int stop(void **state)
{
    OSObject_release(map);
    OSObject_release(memory);
    return map_stop(state);
}

/* A map that is not entered yet. */
static inline IOMemoryMap *request(task_t task, uint64_t address, IOOptionBits options,
                                   uint64_t offset, uint64_t length)
{
    IOMemoryMap *made = (IOMemoryMap *)OSMetaClass_allocate(&IOMemoryMap_metaClass);

    assert_true(IOMemoryMap_init(made, task, address, options, offset, length));
    return made;
}

#endif
