/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking away what is mapped, and changing it where it is. Each first checks the whole range, and
 * gets the tables that it needs to split blocks; only then does it change anything, and from there
 * on nothing can fail.
 */
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/mmu.h"
#include "kernel/mmu/mmu_arch.h"
#include "kernel/mmu/mmu_private.h"

static vaddr_t entry_end(vaddr_t va, unsigned level)
{
    return (va & ~(LEVEL_SPAN(level) - 1)) + LEVEL_SPAN(level);
}

/* What the last walk of a check has led to: where it began, and how many pages are beside it. */
struct walked {
    struct mmu_found found;
    vaddr_t va;
    unsigned count;
};

/*
 * Is all of [va, end) mapped? Blocks that reach beyond it make it ragged. *walked: what comes
 * last, where that is pages; from `end` on, where it is not.
 */
static inline __attribute__((always_inline)) bool is_mapped(const struct mmu_space *space,
                                                            vaddr_t va, vaddr_t end, bool *ragged,
                                                            struct walked *walked)
{
    *ragged = false;
    while (va < end) {
        const struct mmu_found at = mmu_find(space, va);

        if (at.level == LEAF_LEVEL) {
            const unsigned count = mmu_run_length(LEAF_LEVEL, va, end);

            for (unsigned i = 0; i < count; i++) {
                if (at.entry[i] == 0) {
                    return false;
                }
            }
            *walked = (struct walked){at, va, count};
            va += count * PAGE_SIZE;
            continue;
        }
        if (*at.entry == 0) {
            return false;
        }
        if (va % LEVEL_SPAN(at.level) != 0 || end - va < LEVEL_SPAN(at.level)) {
            *ragged = true;
        }
        *walked = (struct walked){at, end, 0};
        va = entry_end(va, at.level);
    }
    return true;
}

/* Replace the block that va lies in by smaller ones until one begins at va. */
kern_return_t mmu_split(struct mmu_space *space, vaddr_t va)
{
    struct mmu_path path;
    irq_state_t state;
    paddr_t table;

    mmu_walk(space, va, LEAF_LEVEL, &path);
    /* One level a turn, from 1 GiB to 2 MiB to pages, and no further than the address asks for. */
    while (path.level < LEAF_LEVEL && *path.entry[path.level] != 0 &&
           va % LEVEL_SPAN(path.level) != 0) {
        const unsigned level = path.level + 1;
        pte_t leaf = *path.entry[path.level];
        pte_t *entries;

        if (mmu_table_alloc(&table) != KERN_SUCCESS) {
            return KERN_RESOURCE_SHORTAGE;
        }
        /* The table shows exactly what the block showed, complete before anything leads to it. */
        entries = phys_to_virt(table);
        for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
            entries[i] = (leaf + i * LEVEL_SPAN(level)) | (level == 3 ? DESCRIPTOR_PAGE : 0);
        }
        /*
         * Break before make (Arm ARM, "TLB maintenance requirements"): block and table must never
         * be in TLBs together, or one address has two translations and the access is
         * CONSTRAINED UNPREDICTABLE. One page's flush takes the whole block's entry out.
         */
        /* No handler in between: what it needs may lie in the same block. */
        state = irq_mask();
        mmu_store(&path, leaf & ~DESCRIPTOR_VALID);
        mmu_flush(space, va & ~PAGE_MASK, PAGE_SIZE);
        mmu_store(&path, table.value | DESCRIPTOR_VALID | DESCRIPTOR_TABLE |
                             TABLE_ENTRIES * PTE_COUNT_ONE);
        irq_restore(state);
        path.level = level;
        path.entry[level] = entries + LEVEL_INDEX(va, level);
    }
    return KERN_SUCCESS;
}

/* What unmap and protect check and do before they change anything. */
static inline __attribute__((always_inline)) kern_return_t isolate(struct mmu_space *space,
                                                                   vaddr_t va, uint64_t size,
                                                                   struct walked *walked)
{
    kern_return_t status = KERN_SUCCESS;
    bool ragged;

    if (!mmu_range_is_valid(space, va, size)) {
        return KERN_INVALID_ARGUMENT;
    }
    /* A hole is refused here, before anything is split or taken away. */
    if (!is_mapped(space, va, va + size, &ragged, walked)) {
        return KERN_INVALID_ADDRESS;
    }
    if (ragged) {
        status = mmu_split(space, va);
        /* Split at both ends before anything changes: this is where want of tables is noticed. */
        if (status == KERN_SUCCESS && va + size < space->high) {
            status = mmu_split(space, va + size);
        }
    }
    return status;
}

kern_return_t mmu_unmap(struct mmu_space *space, vaddr_t va, uint64_t size)
{
    const vaddr_t first = va;
    const vaddr_t end = va + size;
    struct walked walked;
    kern_return_t status = isolate(space, va, size, &walked);
    struct mmu_dead_tables dead = {{0}};

    if (status != KERN_SUCCESS) {
        return status;
    }
    while (va < end) {
        /* A split, at either end, leaves what the check has found as it is: it was pages by then.
         */
        if (va != walked.va) {
            walked.found = mmu_find(space, va);
            walked.va = va;
            /* Behind a block may be a table: one at a time, and pages together. */
            walked.count =
                walked.found.level == LEAF_LEVEL ? mmu_run_length(LEAF_LEVEL, va, end) : 1;
        }
        for (unsigned i = 0; i < walked.count; i++) {
            pte_set(&walked.found.entry[i], 0);
        }
        if (mmu_entries_gone(walked.found.parent, walked.count)) {
            mmu_prune(space, va, &dead);
        }
        va += (uint64_t)walked.count << LEVEL_SHIFT(walked.found.level);
    }
    /*
     * One flush for all of it. Tables are freed after it only: until then a walk in flight may
     * still read them, and their next owner's bytes would be taken for entries.
     */
    mmu_flush(space, first, size);
    if (dead.first.value != 0) {
        mmu_free_dead(&dead);
    }
    mmu_count_mapped(space, -(int64_t)(size >> PAGE_SHIFT));
    return KERN_SUCCESS;
}

/* Give every leaf of an isolated range new bits, or with bits 0 make it invalid. */
static void rewrite(struct mmu_space *space, vaddr_t va, vaddr_t end,
                    const struct mmu_attributes *attributes)
{
    while (va < end) {
        struct mmu_path path;
        pte_t bits = 0;
        pte_t leaf;

        mmu_walk(space, va, LEAF_LEVEL, &path);
        leaf = *path.entry[path.level];
        if (attributes != NULL) {
            mmu_encode(space, *attributes, path.level, &bits);
            if ((attributes->access & MMU_EXECUTE) != 0) {
                /* While the entry is still invalid: nobody fetches stale instructions by it. */
                mmu_make_executable(pte_address(leaf), LEVEL_SPAN(path.level));
            }
            mmu_store(&path, (leaf & DESCRIPTOR_ADDRESS) | bits);
        } else {
            mmu_store(&path, leaf & ~DESCRIPTOR_VALID);
        }
        va += LEVEL_SPAN(path.level);
    }
}

kern_return_t mmu_protect(struct mmu_space *space, vaddr_t va, uint64_t size,
                          struct mmu_attributes attributes)
{
    kern_return_t status;
    struct walked walked;
    pte_t bits;

    if (!mmu_encode(space, attributes, LEAF_LEVEL, &bits)) {
        return KERN_INVALID_ARGUMENT;
    }
    status = isolate(space, va, size, &walked);
    if (status != KERN_SUCCESS) {
        return status;
    }
    /*
     * All leaves invalid, one flush, all leaves new: break before make for the whole range at
     * the price of two passes, where leaf by leaf would flush once for each. An access in
     * between faults, which the fault handler resolves from what it knows.
     */
    rewrite(space, va, va + size, NULL);
    mmu_flush(space, va, size);
    rewrite(space, va, va + size, &attributes);
    mmu_arch_publish();
    return KERN_SUCCESS;
}

/* The leaves of [va, end), which are whole ones: invalid, or valid with another memory type. */
static void retype(struct mmu_space *space, vaddr_t va, vaddr_t end, enum mmu_memory memory,
                   bool valid)
{
    while (va < end) {
        struct mmu_path path;
        struct mmu_attributes attributes;
        pte_t leaf, bits;

        mmu_walk(space, va, LEAF_LEVEL, &path);
        leaf = *path.entry[path.level];
        if (leaf != 0 && !valid) {
            mmu_store(&path, leaf & ~DESCRIPTOR_VALID);
        } else if (leaf != 0) {
            /* It is invalid since the first pass, which says nothing of its rights. */
            attributes = mmu_decode(leaf | DESCRIPTOR_VALID);
            attributes.memory = memory;
            mmu_encode(space, attributes, path.level, &bits);
            mmu_store(&path, (leaf & DESCRIPTOR_ADDRESS) | bits);
        }
        va = entry_end(va, path.level);
    }
}

/* May all that is mapped there have the type? What is mapped in name only is none of it. */
static bool may_retype(struct mmu_space *space, vaddr_t va, vaddr_t end, enum mmu_memory memory)
{
    while (va < end) {
        struct mmu_path path;
        struct mmu_attributes attributes;
        pte_t leaf, bits;

        mmu_walk(space, va, LEAF_LEVEL, &path);
        leaf = *path.entry[path.level];
        attributes = mmu_decode(leaf);
        attributes.memory = memory;
        if (leaf != 0 &&
            ((leaf & DESCRIPTOR_VALID) == 0 || !mmu_encode(space, attributes, path.level, &bits))) {
            return false;
        }
        va = entry_end(va, path.level);
    }
    return true;
}

kern_return_t mmu_set_memory(struct mmu_space *space, vaddr_t va, uint64_t size,
                             enum mmu_memory memory)
{
    const vaddr_t end = va + size;
    kern_return_t status;

    if (!mmu_range_is_valid(space, va, size) || !may_retype(space, va, end, memory)) {
        return KERN_INVALID_ARGUMENT;
    }
    /* A failure here leaves at most a block as a table that shows the same. */
    status = mmu_split(space, va);
    if (status == KERN_SUCCESS && end < space->high) {
        status = mmu_split(space, end);
    }
    while (status == KERN_SUCCESS && va < end) {
        /* At most a table of pages, or one larger block: handlers wait so long. */
        const vaddr_t stop =
            entry_end(va, LEAF_LEVEL - 1) < end ? entry_end(va, LEAF_LEVEL - 1) : end;
        const irq_state_t irq = irq_mask();

        retype(space, va, stop, memory, false);
        mmu_flush(space, va, stop - va);
        retype(space, va, stop, memory, true);
        mmu_arch_publish();
        irq_restore(irq);
        va = stop;
    }
    return status;
}
