/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a page of a memory object lies, for tests of objects. */
#ifndef DMAKIT_TESTS_HOST_MACHINE_VM_OBJECT_FIXTURE_H
#define DMAKIT_TESTS_HOST_MACHINE_VM_OBJECT_FIXTURE_H

#include "tests/host/machine/vm_fixture.h"

/* It must be there. */
static inline uint64_t page_of(struct vm_object *object, uint64_t index)
{
    paddr_t page;

    assert_true(vm_object_resident(object, index, &page));
    return page.value;
}

#endif
