/* SPDX-License-Identifier: BSD-2-Clause */
/* Between struct mmu_attributes and the bits of a leaf. Memory types are MAIR indices. */
#include "kernel/mmu/mmu_private.h"

#define MEMORY_MASK DESCRIPTOR_MEMORY(7)
#define ACCESS_ALL  (MMU_READ | MMU_WRITE | MMU_EXECUTE | MMU_USER | MMU_CLEAN)

/*
 * What the rest of the kernel may rely on, whoever asks: refused here, in the one place that
 * makes bits, and not by each caller.
 */
static __attribute__((noinline)) bool is_allowed(const struct mmu_space *space,
                                                 struct mmu_attributes attributes)
{
    const unsigned access = attributes.access;

    if ((access & ~ACCESS_ALL) != 0 || (unsigned)attributes.memory > MMU_DEVICE_GRE) {
        return false;
    }
    /*
     * No page is both: what can be stored to must not be run, or one stray write is code.
     * (SCTLR_EL1.WXN would say the same of EL1 and EL0 together, but only after the fact.)
     */
    if ((access & MMU_WRITE) != 0 && (access & MMU_EXECUTE) != 0) {
        return false;
    }
    /*
     * Fetching from Device memory is CONSTRAINED UNPREDICTABLE (Arm ARM, "Memory types and
     * attributes"): a speculative fetch could read a register that reading changes.
     */
    if ((access & MMU_EXECUTE) != 0 && attributes.memory > MMU_WRITE_THROUGH) {
        return false;
    }
    /*
     * DBM means "read-only until the first store" only to a CPU with FEAT_HAFDBS; another
     * one would fault for ever on a page that its owner takes for writable.
     */
    if ((access & MMU_CLEAN) != 0 && !((access & MMU_WRITE) != 0 && mmu_stores_noted)) {
        return false;
    }
    /* AP[1] in the upper half would show the kernel to EL0 wherever TTBR1 covers it. */
    return space->user || (access & MMU_USER) == 0;
}

/*
 * The leaf bits of Arm ARM, "VMSAv8-64 translation table format descriptors", stage 1.
 *
 * AF is set at once: nobody here ages pages, and a clear one costs a fault at the first
 * touch. SH is inner shareable for all: on other observers' caches, virtio devices among
 * them, it is what makes Normal memory coherent; for Device memory it is ignored.
 */
bool mmu_encode(const struct mmu_space *space, struct mmu_attributes attributes, unsigned level,
                pte_t *bits)
{
    const unsigned access = attributes.access;
    pte_t leaf = DESCRIPTOR_ACCESSED | DESCRIPTOR_SHAREABLE | DESCRIPTOR_MEMORY(attributes.memory);

    /* Plain data of the kernel, the most of it, may be seen in any way there is. */
    if (((access & ~(MMU_READ | MMU_WRITE)) != 0 || (unsigned)attributes.memory > MMU_DEVICE_GRE) &&
        !is_allowed(space, attributes)) {
        return false;
    }
    /*
     * No right at all is an invalid leaf that keeps its address: mmu_translate still says what
     * is there, and mmu_protect can bring it back without knowing it.
     */
    if ((access & ~MMU_USER) != 0) {
        leaf |= DESCRIPTOR_VALID;
    }
    /*
     * Bit 1 means "table" above the last level and "page" in it; a page entry without it is
     * reserved and faults.
     */
    if (level == LEAF_LEVEL) {
        leaf |= DESCRIPTOR_PAGE;
    }
    /*
     * nG ties the translation to the ASID. A global one of a task would answer for the same
     * address of every other task until it is flushed. The kernel's are global, so that a
     * change of task leaves them in the TLB.
     */
    if (space->user) {
        leaf |= DESCRIPTOR_NOT_GLOBAL;
    }
    if ((access & MMU_USER) != 0) {
        leaf |= PTE_USER;
    }
    /*
     * AP[2]. Also for a page that is writable but clean: with DBM beside it, hardware turns
     * read-only into writable at the first store, and that is the note of it.
     */
    if ((access & MMU_WRITE) == 0 || (access & MMU_CLEAN) != 0) {
        leaf |= DESCRIPTOR_READ_ONLY;
    }
    if ((access & MMU_CLEAN) != 0) {
        leaf |= DESCRIPTOR_DIRTY_MODIFIER;
    }
    /* Never executable at both levels: EL1 must not run what EL0 can choose, even read-only. */
    if ((access & MMU_EXECUTE) == 0 || (access & MMU_USER) != 0) {
        leaf |= DESCRIPTOR_PXN;
    }
    /* And EL0 must not run the kernel's code, where only AP[1] would keep it from reading. */
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

/*
 * Level 0 has no blocks with 4 KiB granules and 48 bits (Arm ARM, "Translation table
 * lookup levels"), so the largest leaf is 1 GiB. Both addresses must be aligned to it:
 * a block's output address has no bits below its span.
 */
unsigned mmu_leaf_level(vaddr_t va, paddr_t pa, uint64_t left)
{
    for (unsigned level = 1; level < LEAF_LEVEL; level++) {
        if ((va | pa.value) % LEVEL_SPAN(level) == 0 && left >= LEVEL_SPAN(level)) {
            return level;
        }
    }
    return LEAF_LEVEL;
}
