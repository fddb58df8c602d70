/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests/outside/devicetree.sh, which reserves memory in the tree: none of it is
 * given to anybody, and where the tree says no-map it is not mapped either. Ends with 0.
 */
#include "kernel/console.h"
#include "kernel/direct_map.h"
#include "kernel/exit.h"
#include "kernel/fault.h"
#include "kernel/mmu.h"
#include "kernel/page.h"

static const struct {
    uint64_t base, size; /* whole pages */
    bool mapped;
} areas[] = {
    {0x44000000, 0x100000, false},
    {0x45000000, 0x1000, false}, /* 16 bytes in its middle are named */
    {0x46000000, 0x2000, true},
    {0x47000000, 0x1000, true},
};

static unsigned wrong;

static void expect(bool good, const char *what, uint64_t at)
{
    if (!good) {
        kprintf("reserved: %s at %#llx\n", what, (unsigned long long)at);
        wrong++;
    }
}

static void touch(void *at)
{
    (void)*(volatile uint8_t *)at;
}

static void check_page(uint64_t at, bool reserved, bool mapped)
{
    struct mmu_translation translation;
    struct fault_record fault;
    void *const address = phys_to_virt(paddr(at));

    expect((page_get_state(paddr(at)) == PAGE_RESERVED) == reserved, "wrong state", at);
    expect(mmu_translate(mmu_kernel, (vaddr_t)address, &translation) == mapped, "wrong table", at);
    expect(fault_expect(touch, address, &fault) != mapped, "wrong access", at);
}

int main(void)
{
    for (unsigned i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
        const uint64_t end = areas[i].base + areas[i].size;

        check_page(areas[i].base - PAGE_SIZE, false, true);
        for (uint64_t at = areas[i].base; at < end; at += PAGE_SIZE) {
            check_page(at, true, areas[i].mapped);
        }
        check_page(end, false, true);
    }
    return wrong == 0 ? EXIT_STATUS_PASSED : EXIT_STATUS_FAILED;
}
