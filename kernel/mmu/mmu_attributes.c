/* SPDX-License-Identifier: BSD-2-Clause */
/* Between struct mmu_attributes and the bits of a leaf. Memory types are MAIR indices. */
#include "kernel/mmu/mmu_private.h"

#define MEMORY_MASK DESCRIPTOR_MEMORY(7)

/*
 * The bits of Arm ARM, "VMSAv8-64 translation table format descriptors", stage 1, that are about
 * rights.
 *
 * Valid: no right at all is an invalid leaf that keeps its address, so that mmu_translate still
 * says what is there, and mmu_protect can bring it back without knowing it.
 *
 * AP[2], read-only: also for a page that is writable but clean; with DBM beside it, hardware turns
 * read-only into writable at the first store, and that is the note of it.
 *
 * PXN and UXN: never executable at both levels. EL1 must not run what EL0 can choose, even
 * read-only; and EL0 must not run the kernel's code, where only AP[1] would keep it from reading.
 */
#define RIGHTS(access)                                                                             \
    ((((access) & ~MMU_USER) != 0 ? DESCRIPTOR_VALID : 0) |                                        \
     (((access)&MMU_USER) != 0 ? PTE_USER : 0) |                                                   \
     (((access) & (MMU_WRITE | MMU_CLEAN)) != MMU_WRITE ? DESCRIPTOR_READ_ONLY : 0) |              \
     (((access)&MMU_CLEAN) != 0 ? DESCRIPTOR_DIRTY_MODIFIER : 0) |                                 \
     (((access) & (MMU_EXECUTE | MMU_USER)) != MMU_EXECUTE ? DESCRIPTOR_PXN : 0) |                 \
     (((access) & (MMU_EXECUTE | MMU_USER)) != (MMU_EXECUTE | MMU_USER) ? DESCRIPTOR_UXN : 0))
#define FOUR(access)                                                                               \
    RIGHTS(access), RIGHTS((access) + 1), RIGHTS((access) + 2), RIGHTS((access) + 3)

const pte_t mmu_rights[MMU_RIGHTS] = {FOUR(0),  FOUR(4),  FOUR(8),  FOUR(12),
                                      FOUR(16), FOUR(20), FOUR(24), FOUR(28)};

struct mmu_attributes mmu_decode(pte_t leaf)
{
    struct mmu_attributes attributes = {
        .memory = (enum mmu_memory)((leaf & MEMORY_MASK) / DESCRIPTOR_MEMORY(1))};

    if ((leaf & DESCRIPTOR_VALID) != 0) {
        attributes.access = MMU_READ;
        if ((leaf & DESCRIPTOR_READ_ONLY) == 0) {
            attributes.access |= MMU_WRITE;
        } else if ((leaf & DESCRIPTOR_DIRTY_MODIFIER) != 0) {
            /*
             * Read-only with DBM: a store will be let through. Before it the page is clean; after
             * it hardware has taken AP[2] away, and the case above answers.
             */
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
