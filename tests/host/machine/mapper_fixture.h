/* SPDX-License-Identifier: BSD-2-Clause */
/* A mapper and its unit, not started, for tests of mappers' calls one by one. */
#ifndef TESTS_HOST_MACHINE_MAPPER_FIXTURE_H
#define TESTS_HOST_MACHINE_MAPPER_FIXTURE_H

#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/lib/portable/test_mapper.h"

#define BASE_PAGE 0x100 /* where the mapper's addresses begin */
#define BOTH      (kIODMAMapReadAccess | kIODMAMapWriteAccess)

static struct test_mapper *mapper; /* of the running test */
static IOService *unit;            /* of the mapper, number 7 */

static inline int mapper_start(void **state)
{
    if (map_start(state) != 0) {
        return -1;
    }
    mapper = test_mapper_new(BASE_PAGE);
    unit = IOService_withReader("unit", NULL, NULL);
    return IOService_setCell(unit, "iommu-id", 7) != kIOReturnSuccess;
}

static inline int mapper_stop(void **state)
{
    OSObject_release(&mapper->super);
    OSObject_release(unit);
    return map_stop(state);
}

#define MAPPER_TEST(name) cmocka_unit_test_setup_teardown(name, mapper_start, mapper_stop)

#endif
