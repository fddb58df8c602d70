/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One run of whole pages: the lean way in, and the way out for everything. What most of both is,
 * one page near the beginning of the space, is done here without a call.
 */
#include "descriptors/IOReturn.h"
#include "drivers/smmuv3/smmu_near_private.h"
#include "drivers/smmuv3/smmu_private.h"
#include "drivers/smmuv3/smmu_quick_private.h"
#include "kernel/cpu.h"

#define ACCESS (kIODMAMapReadAccess | kIODMAMapWriteAccess)

/* --- Taking away ------------------------------------------------------------------------------ */

IOReturn smmu_take_back(struct smmu_domain *domain, uint64_t first, uint64_t pages)
{
    struct space_change change = SPACE_UNCHANGED;

    space_block(&domain->space, first, pages, &change);
    if (!smmu_invalidate(domain, first, pages, &change)) {
        return kIOReturnTimeout;
    }
    space_release(&domain->space, first, pages);
    return kIOReturnSuccess;
}

static IOReturn unmap(struct smmu_domain *domain, uint64_t first, uint64_t pages)
{
    if (pages != 0 && space_near_block(&domain->space, first, pages)) {
        if (!smmu_invalidate_pages(domain, first, pages)) {
            return kIOReturnTimeout;
        }
        space_near_release(&domain->space, first, pages);
        return kIOReturnSuccess;
    }
    /* What was not mapped as a whole is not unmapped: a part of it would be somebody's still. */
    if (pages == 0 || space_count(&domain->space, first) != pages) {
        return kIOReturnNotFound;
    }
    return smmu_take_back(domain, first, pages);
}

/* A near page that translates no more, of which the unit is told the slow way. */
static __attribute__((noinline)) IOReturn forget_page(struct smmu_domain *domain, uint64_t page,
                                                      lock_state_t state)
{
    IOReturn status = kIOReturnTimeout;

    if (smmu_invalidate_pages(domain, page, 1)) {
        space_near_free(&domain->space, page);
        status = kIOReturnSuccess;
    }
    lock_release(&domain->lock, state);
    return status;
}

static __attribute__((noinline)) IOReturn unmap_run(struct smmu_domain *domain, uint64_t address,
                                                    uint64_t bytes)
{
    lock_state_t state;
    IOReturn status;

    if ((bytes & PAGE_MASK) != 0) {
        return kIOReturnNotFound;
    }
    state = lock_take(&domain->lock);
    status = unmap(domain, atop(address), atop(bytes));
    lock_release(&domain->lock, state);
    return status;
}

static inline IOReturn unmap_any(struct smmu_domain *domain, uint64_t address, uint64_t bytes)
{
    const uint64_t page = atop(address);

    if (bytes == PAGE_SIZE) {
        const lock_state_t state = lock_take(&domain->lock);

        if (space_near_leave(&domain->space, page)) {
            /* The domain's lock alone would not do: other streams have the same ring. */
            lock_take_masked(&domain->unit->lock);
            if (!smmu_forget_page(domain->unit, domain->forget, page)) {
                lock_release_masked(&domain->unit->lock);
                return forget_page(domain, page, state);
            }
            lock_release_masked(&domain->unit->lock);
            space_near_free(&domain->space, page);
            lock_release(&domain->lock, state);
            return kIOReturnSuccess;
        }
        lock_release(&domain->lock, state);
    }
    return unmap_run(domain, address, bytes);
}

IOReturn smmu_unmap(IOMapper *mapper, ioaddr_t address, uint64_t bytes)
{
    return smmu_is_domain(mapper) ? unmap_any(smmu_domain_at(mapper), address.value, bytes)
                                  : kIOReturnBadArgument;
}

IOReturn smmu_domain_unmap(IOMapper *mapper, IOMemoryDescriptor *memory, IODMACommand *command,
                           uint64_t mapAddress, uint64_t mapLength)
{
    (void)memory, (void)command;
    return unmap_any(smmu_domain_at(mapper), mapAddress, mapLength);
}

/* --- Entering --------------------------------------------------------------------------------- */

static __attribute__((noinline)) IOReturn map_run(IOMapper *mapper, paddr_t physical,
                                                  uint64_t bytes, uint32_t access, unsigned bits,
                                                  ioaddr_t *address)
{
    struct smmu_domain *const domain = smmu_domain_at(mapper);
    const uint64_t pages = atop(bytes);
    uint64_t first, done, limit, *entries;
    IOReturn status = kIOReturnNoSpace;
    lock_state_t state;

    if (!smmu_is_domain(mapper) || address == NULL || bytes == 0 || (access & ~ACCESS) != 0 ||
        (access & ACCESS) == 0 || (bits != 0 && bits < PAGE_SHIFT)) {
        return kIOReturnBadArgument;
    }
    if (((bytes | physical.value) & PAGE_MASK) != 0) {
        return kIOReturnNotAligned;
    }
    if (physical.value >= domain->unit->output_end ||
        bytes > domain->unit->output_end - physical.value) {
        return kIOReturnMessageTooLarge;
    }
    limit = smmu_limit(bits);
    state = lock_take(&domain->lock);
    entries = space_near_take(&domain->space, pages, limit, &first);
    if (entries != NULL) {
        space_fill(entries, pages,
                   physical.value | smmu_entry_bits(access, 0) | ENTRY_VALID | ENTRY_TABLE,
                   PAGE_SIZE);
        status = kIOReturnSuccess;
    } else if (space_find(&domain->space, pages, limit, 1, 0, &first)) {
        status = kIOReturnSuccess;
        if (space_place(&domain->space, first, pages, physical.value, smmu_entry_bits(access, 0),
                        &done) != KERN_SUCCESS) {
            if (done != 0) {
                smmu_take_back(domain, first, done);
            }
            status = kIOReturnNoResources;
        } else {
            space_begin(&domain->space, first, pages);
        }
    }
    if (status == kIOReturnSuccess) {
        cpu_dmb_sy();
        *address = ioaddr(ptoa(first));
    }
    lock_release(&domain->lock, state);
    return status;
}

/* A page's address, and below this end; the bits of the offset come out on top. */
static inline bool is_page_below(uint64_t address, uint64_t end)
{
    return (address >> PAGE_SHIFT | address << (64 - PAGE_SHIFT)) < atop(end);
}

IOReturn smmu_map(IOMapper *mapper, paddr_t physical, uint64_t bytes, uint32_t access,
                  unsigned bits, ioaddr_t *address)
{
    struct smmu_domain *const domain = smmu_domain_at(mapper);

    /* What all of it takes that is near: one page, for a device that reaches the first 2 MiB. */
    if (bytes == PAGE_SIZE && smmu_is_domain(mapper) && address != NULL && access - 1 < ACCESS &&
        bits - 1 >= PAGE_SHIFT + 8 && is_page_below(physical.value, domain->unit->output_end)) {
        const lock_state_t state = lock_take(&domain->lock);
        const uint64_t entry =
            physical.value | smmu_entry_bits(access, 0) | ENTRY_VALID | ENTRY_TABLE;
        uint64_t page;

        if (space_near_enter(&domain->space, entry, &page)) {
            cpu_dmb_sy(); /* the entry is in memory before the device is told of the address */
            *address = ioaddr(ptoa(page));
            lock_release(&domain->lock, state);
            return kIOReturnSuccess;
        }
        lock_release(&domain->lock, state);
    }
    return map_run(mapper, physical, bytes, access, bits, address);
}
