/* SPDX-License-Identifier: BSD-2-Clause */
/* Start-up of the page allocator: the machine's RAM without what is in use already. */
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/page/page_private.h"
#include "kernel/panic.h"
#include "kernel/startup.h"

_Static_assert(DEVICETREE_MEMORY_MAX <= PAGE_RANGES_MAX, "all banks must be passed on");
_Static_assert(DEVICETREE_RESERVED_MAX + MMU_WITHHELD_MAX < PAGE_RANGES_MAX, "and the image");

extern char __image_start[], __image_end[];

static struct page_range range_of(const struct devicetree_range *range)
{
    return (struct page_range){range->base.value, range->size};
}

void page_init(void)
{
    const struct devicetree_machine *machine = devicetree_machine();
    /* On the stack: nothing can be allocated before this has ended. */
    struct page_range banks[DEVICETREE_MEMORY_MAX];
    struct page_range reserved[DEVICETREE_RESERVED_MAX + 1 + MMU_WITHHELD_MAX];
    struct devicetree_range withheld[MMU_WITHHELD_MAX];
    const unsigned withheld_count = mmu_withheld(withheld);
    unsigned reserved_count = 0;

    for (unsigned i = 0; i < machine->memory_count; i++) {
        banks[i] = range_of(&machine->memory[i]);
    }
    while (reserved_count < machine->reserved_count) {
        reserved[reserved_count] = range_of(&machine->reserved[reserved_count]);
        reserved_count++;
    }
    for (unsigned i = 0; i < withheld_count; i++) {
        /*
         * RAM all the same: the tables that the direct map has taken for itself, and what there
         * were no tables for. Handed out, the first would be written over, and the others could not
         * be reached.
         */
        reserved[reserved_count++] = range_of(&withheld[i]);
    }
    /* The image is in no tree: only the linker knows where it ends. */
    reserved[reserved_count++] = (struct page_range){virt_to_phys(__image_start).value,
                                                     (uint64_t)(__image_end - __image_start)};
    /* If banks have to be given up, not the one that we run in. */
    page_home = reserved[reserved_count - 1];
    if (!page_setup(banks, machine->memory_count, reserved, reserved_count)) {
        panic("page: no room in RAM for its own records");
    }
}
