/* SPDX-License-Identifier: BSD-2-Clause */
/* Between struct mmu_attributes and the bits of a leaf. Memory types are MAIR indices. */
#include "kernel/mmu/mmu_private.h"

#define MEMORY_MASK DESCRIPTOR_MEMORY(7)
#define ACCESS_ALL  (MMU_READ | MMU_WRITE | MMU_EXECUTE | MMU_USER | MMU_CLEAN)

static bool is_allowed(const struct mmu_space *space, struct mmu_attributes attributes)
{
    const unsigned access = attributes.access;

    if ((access & ~ACCESS_ALL) != 0 || (unsigned)attributes.memory > MMU_DEVICE_GRE) {
        return false;
    }
    if ((access & MMU_WRITE) != 0 && (access & MMU_EXECUTE) != 0) {
        return false;
    }
    if ((access & MMU_EXECUTE) != 0 && attributes.memory > MMU_WRITE_THROUGH) {
        return false;
    }
    if ((access & MMU_CLEAN) != 0 && !((access & MMU_WRITE) != 0 && mmu_notes_stores())) {
        return false;
    }
    return space->user || (access & MMU_USER) == 0;
}

bool mmu_encode(const struct mmu_space *space, struct mmu_attributes attributes, unsigned level,
                pte_t *bits)
{
    const unsigned access = attributes.access;
    pte_t leaf = DESCRIPTOR_ACCESSED | DESCRIPTOR_SHAREABLE | DESCRIPTOR_MEMORY(attributes.memory);

    if (!is_allowed(space, attributes)) {
        return false;
    }
    if ((access & ~MMU_USER) != 0) {
        leaf |= DESCRIPTOR_VALID;
    }
    if (level == LEAF_LEVEL) {
        leaf |= DESCRIPTOR_PAGE;
    }
    if (space->user) {
        leaf |= DESCRIPTOR_NOT_GLOBAL;
    }
    if ((access & MMU_USER) != 0) {
        leaf |= PTE_USER;
    }
    if ((access & MMU_WRITE) == 0 || (access & MMU_CLEAN) != 0) {
        leaf |= DESCRIPTOR_READ_ONLY;
    }
    if ((access & MMU_CLEAN) != 0) {
        leaf |= DESCRIPTOR_DIRTY_MODIFIER;
    }
    if ((access & MMU_EXECUTE) == 0 || (access & MMU_USER) != 0) {
        leaf |= DESCRIPTOR_PXN;
    }
    if ((access & MMU_EXECUTE) == 0 || (access & MMU_USER) == 0) {
        leaf |= DESCRIPTOR_UXN;
    }
    *bits = leaf;
    return true;
}

struct mmu_attributes mmu_decode(pte_t leaf)
{
    struct mmu_attributes attributes = {
        .memory = (enum mmu_memory)((leaf & MEMORY_MASK) / DESCRIPTOR_MEMORY(1))};

    if ((leaf & DESCRIPTOR_VALID) != 0) {
        attributes.access = MMU_READ;
        if ((leaf & DESCRIPTOR_READ_ONLY) == 0) {
            attributes.access |= MMU_WRITE;
        } else if ((leaf & DESCRIPTOR_DIRTY_MODIFIER) != 0) {
            attributes.access |= MMU_WRITE | MMU_CLEAN;
        }
        if ((leaf & DESCRIPTOR_PXN) == 0 || (leaf & DESCRIPTOR_UXN) == 0) {
            attributes.access |= MMU_EXECUTE;
        }
    }
    if ((leaf & PTE_USER) != 0) {
        attributes.access |= MMU_USER;
    }
    return attributes;
}

unsigned mmu_leaf_level(vaddr_t va, paddr_t pa, uint64_t left)
{
    for (unsigned level = 1; level < LEAF_LEVEL; level++) {
        if ((va | pa.value) % LEVEL_SPAN(level) == 0 && left >= LEVEL_SPAN(level)) {
            return level;
        }
    }
    return LEAF_LEVEL;
}
