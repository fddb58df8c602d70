/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings under cache maintenance: see vdma_cached.h. */
#include "tests/lib/vdma_cached.h"

#include "kernel/cache.h"
#include "kernel/direct_map.h"

bool cached_begin(void)
{
    if (!raw_begin()) {
        return false;
    }
    raw_start(RAW_VERSION_1);
    return true;
}

void cached_submit(const struct raw_request *request)
{
    raw_lay(request);
    raw_publish(request->head);
    cache_clean_invalidate(raw_at(RAW_DESC), RAW_RECORDS - RAW_DESC);
    raw_ring();
}

struct raw_answer cached_answer(const struct raw_request *request)
{
    cache_clean_invalidate(raw_at(RAW_DESC), RAW_RECORDS - RAW_DESC);
    return raw_answer_of(request);
}

volatile uint8_t *cached_alias(uint32_t offset, uint32_t bytes, enum mmu_memory type)
{
    const struct mmu_attributes attributes = {MMU_READ | MMU_WRITE, type};
    const vaddr_t address = MMU_KERNEL_VA_BASE + 0x100000000u + offset;

    return mmu_map(mmu_kernel, address, virt_to_phys(raw_at(offset)), bytes, attributes) ==
                   KERN_SUCCESS
               ? (volatile uint8_t *)address
               : NULL;
}
