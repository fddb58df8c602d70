/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests/outside/devicetree.sh, which reserves memory in the tree: none of it is
 * given to anybody, and where the tree says no-map it is not mapped either. Ends with 0.
 */
#include <libfdt.h>

#include "kernel/console.h"
#include "kernel/devicetree.h"
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

/* Areas that had no place in the tree: each has one now, as it wished. */
static void check_placed(const char *path, uint64_t size, uint64_t alignment, bool mapped)
{
    struct devicetree_range place = {paddr(0), 0};

    expect(devicetree_reserved(fdt_path_offset(devicetree(), path), &place) == KERN_SUCCESS,
           "no place", 0);
    expect(place.size == size, "wrong size", place.size);
    expect(place.base.value % alignment == 0, "wrong alignment", place.base.value);
    for (uint64_t at = 0; at < place.size; at += PAGE_SIZE) {
        check_page(place.base.value + at, true, mapped);
    }
}

int main(void)
{
    check_placed("/reserved-memory/anywhere", 0x100000, PAGE_SIZE, true);
    check_placed("/reserved-memory/aligned", 0x2000, 0x200000, false);
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
