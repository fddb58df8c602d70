/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers that windows show, one page of them in the direct map, and ranges anywhere. */
#ifndef DMAKIT_TESTS_HOST_MACHINE_VM_REFUSALS_FIXTURE_H
#define DMAKIT_TESTS_HOST_MACHINE_VM_REFUSALS_FIXTURE_H

#include "tests/host/machine/vm_fixture.h"

#define REGISTERS 0x1000000000ull
#define SHOWN     (REGISTERS + 64 * PAGE_SIZE) /* one page of the direct map */

static inline int power_on_and_show(void **state)
{
    return power_on(state) == 0 && mmu_map_device(paddr(SHOWN), PAGE_SIZE) != NULL ? 0 : -1;
}

static inline kern_return_t enter_range(struct vm_range range, uint64_t size, uint64_t alignment)
{
    vaddr_t at = 0;

    return vm_map_enter(map, &at, size, alignment, &range, VM_ENTER_ANYWHERE);
}

#endif
