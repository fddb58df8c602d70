/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spaces and their ASIDs. A space gets an ASID when it is first activated.
 * ASIDs are handed out in ascending order and never returned; when they run
 * out, the TLB is flushed as a whole and a new generation begins, in which
 * every space needs a new one. So no ASID is used again while the TLB may hold
 * a translation of its last owner.
 */
#include "boot/boot_info.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/mmu.h"
#include "kernel/mmu/mmu_arch.h"
#include "kernel/mmu/mmu_private.h"

#define ASID_NONE 0 /* in use while no space is active, so never given to one */

static struct mmu_space kernel_space = {.low = MMU_KERNEL_VA_BASE, .high = MMU_KERNEL_VA_END};
struct mmu_space *const mmu_kernel = &kernel_space;

static struct mmu_space *active; /* the space in TTBR0, or NULL */
/* Not 0, which a new space has: it must not seem to have an ASID. */
uint64_t mmu_generation = 1;
static unsigned next_asid = ASID_NONE + 1;
static uint64_t space_count;

uint64_t mmu_space_count(void)
{
    return space_count;
}

kern_return_t mmu_space_create(struct mmu_space **created)
{
    struct mmu_space *space = heap_alloc_zero(sizeof(*space));

    if (space == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    if (mmu_table_alloc(&space->root) != KERN_SUCCESS) {
        heap_free(space);
        return KERN_RESOURCE_SHORTAGE;
    }
    /* No ASID yet: numbers are few, and many spaces are made that never run. */
    space->user = true;
    space->low = MMU_USER_VA_BASE;
    space->high = MMU_USER_VA_END;
    space_count++;
    *created = space;
    return KERN_SUCCESS;
}

static void bury_tree(paddr_t table, unsigned level, struct mmu_dead_tables *dead)
{
    const pte_t *entries = phys_to_virt(table);

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (pte_is_table(entries[i], level)) {
            bury_tree(pte_address(entries[i]), level + 1, dead);
        }
    }
    /* Children first: burying writes a link over the entry 0 that leads to one of them. */
    mmu_bury(dead, table);
}

void mmu_space_destroy(struct mmu_space *space)
{
    struct mmu_dead_tables dead = {{0}};

    /* TTBR0 leads to its tables: a speculative walk needs no access by anybody. */
    if (active == space) {
        mmu_space_activate(NULL);
    }
    /* The tables go after the flush for the same reason as in mmu_unmap. */
    bury_tree(space->root, 0, &dead);
    mmu_flush(space, space->low, space->high - space->low);
    mmu_free_dead(&dead);
    mmu_count_mapped(space, -(int64_t)space->mapped);
    space_count--;
    heap_free(space);
}

static void give_asid(struct mmu_space *space)
{
    if (next_asid == mmu_arch_asid_count()) {
        /*
         * Off the old space before its ASID means nothing any more: a speculative walk after the
         * flush would fill the TLB with it again, under a number that the next space gets.
         */
        mmu_arch_set_lower_root(paddr(boot_info.empty_root_table), ASID_NONE);
        mmu_arch_flush_begin();
        mmu_arch_flush_all();
        mmu_arch_flush_end();
        mmu_generation++;
        next_asid = ASID_NONE + 1;
    }
    space->asid = (uint16_t)next_asid++;
    space->generation = mmu_generation;
}

void mmu_space_activate(struct mmu_space *space)
{
    active = space;
    if (space == NULL) {
        mmu_arch_set_lower_root(paddr(boot_info.empty_root_table), ASID_NONE);
        return;
    }
    /*
     * It has none yet, or one of a time before the last great flush, which another may have by now.
     */
    if (space->generation != mmu_generation) {
        give_asid(space);
    }
    /* Entries first: stores to tables are not ordered with the write of TTBR0 by themselves. */
    mmu_arch_publish();
    mmu_arch_set_lower_root(space->root, space->asid);
}
