/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A transfer's memory that is one run, mapped for each transfer (IOMapper_class.h, mapRun): near,
 * or the other way.
 */
#include "drivers/smmuv3/smmu_near_private.h"
#include "drivers/smmuv3/smmu_private.h"
#include "kernel/cpu.h"

/* Of any number of pages, as far as they are near. */
static __attribute__((noinline)) uint64_t map_near(struct smmu_domain *domain, uint64_t physical,
                                                   uint64_t pages, uint64_t entry)
{
    const lock_state_t state = lock_take(&domain->lock);
    uint64_t page;
    uint64_t *const entries = space_near_take(&domain->space, pages, SPACE_PAGES, &page);

    if (entries != NULL) {
        space_fill(entries, pages, trunc_page(physical) | entry, PAGE_SIZE);
        cpu_dmb_sy(); /* the entries are in memory before the device is told of the address */
    }
    lock_release(&domain->lock, state);
    return entries != NULL ? ptoa(page) | (physical & PAGE_MASK) : 0;
}

uint64_t smmu_domain_map_run(IOMapper *mapper, uint64_t physical, uint64_t length, uint32_t access,
                             uint64_t *mapLength)
{
    struct smmu_domain *const domain = smmu_domain_at(mapper);
    const uint64_t first = trunc_page(physical), bytes = round_page(physical + length) - first;
    const uint64_t entry = smmu_entry_bits(access, 0) | ENTRY_VALID | ENTRY_TABLE;
    uint64_t page;

    /* Memory's addresses and lengths are far below where a sum could wrap. */
    if (first + bytes > domain->unit->output_end || bytes >= ptoa(BLOCK_PAGES)) {
        return 0;
    }
    *mapLength = bytes;
    if (bytes == PAGE_SIZE) {
        const lock_state_t state = lock_take(&domain->lock);

        if (space_near_enter(&domain->space, first | entry, &page)) {
            cpu_dmb_sy(); /* the entry is in memory before the device is told of the address */
            lock_release(&domain->lock, state);
            return ptoa(page) | (physical & PAGE_MASK);
        }
        lock_release(&domain->lock, state);
    }
    return map_near(domain, physical, atop(bytes), entry);
}
