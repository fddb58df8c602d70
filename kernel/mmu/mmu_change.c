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

/* Entries beside each other in one table: of pages as many as there are, of others one. */
struct run {
    struct mmu_found at;
    unsigned count;
};

/* From va on, at most to `end`. */
static inline __attribute__((always_inline)) struct run run_at(const struct mmu_space *space,
                                                               vaddr_t va, vaddr_t end)
{
    const struct mmu_found at = mmu_find(space, va);

    /* Behind a block may be a table: that is for the next walk. */
    return (struct run){at, at.level == LEAF_LEVEL ? mmu_run_length(LEAF_LEVEL, va, end) : 1};
}

static inline vaddr_t run_end(vaddr_t va, const struct run *run)
{
    return (va & ~(LEVEL_SPAN(run->at.level) - 1)) +
           ((uint64_t)run->count << LEVEL_SHIFT(run->at.level));
}

static inline bool run_is_mapped(const struct run *run)
{
    for (unsigned i = 0; i < run->count; i++) {
        if (run->at.entry[i] == 0) {
            return false;
        }
    }
    return true;
}

/* Is all of [va, end) mapped? Blocks that reach beyond it make it ragged. */
static bool is_mapped(const struct mmu_space *space, vaddr_t va, vaddr_t end, bool *ragged)
{
    *ragged = false;
    while (va < end) {
        const struct run run = run_at(space, va, end);

        if (!run_is_mapped(&run)) {
            return false;
        }
        if (va % LEVEL_SPAN(run.at.level) != 0 || end - va < LEVEL_SPAN(run.at.level)) {
            *ragged = true;
        }
        va = run_end(va, &run);
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

/* What unmap and protect check and do before they change anything, of a valid range. */
static kern_return_t isolate(struct mmu_space *space, vaddr_t va, uint64_t size)
{
    kern_return_t status = KERN_SUCCESS;
    bool ragged;

    /* A hole is refused here, before anything is split or taken away. */
    if (!is_mapped(space, va, va + size, &ragged)) {
        return KERN_INVALID_ADDRESS;
    }
    if (ragged) {
        status = mmu_split(space, va);
        /* Split at both ends before anything changes: this is where want of tables is noticed. */
        if (status == KERN_SUCCESS) {
            status = mmu_split(space, va + size);
        }
    }
    return status;
}

static inline void take(const struct mmu_space *space, vaddr_t va, const struct run *run,
                        struct mmu_dead_tables *dead)
{
    for (unsigned i = 0; i < run->count; i++) {
        pte_set(&run->at.entry[i], 0);
    }
    if (mmu_entries_gone(run->at.parent, run->count)) {
        mmu_prune(space, va, dead);
    }
}

/* The same of what is more than pages of one table, or not mapped. */
static __attribute__((noinline)) kern_return_t take_all(struct mmu_space *space, vaddr_t va,
                                                        uint64_t size, struct mmu_dead_tables *dead)
{
    const vaddr_t end = va + size;
    const kern_return_t status = isolate(space, va, size);

    while (status == KERN_SUCCESS && va < end) {
        const struct run run = run_at(space, va, end);

        take(space, va, &run, dead);
        va = run_end(va, &run);
    }
    return status;
}

kern_return_t mmu_unmap(struct mmu_space *space, vaddr_t va, uint64_t size)
{
    struct mmu_dead_tables dead = {{0}};
    kern_return_t status = KERN_SUCCESS;

    if (!mmu_range_is_valid(space, va, size)) {
        return KERN_INVALID_ARGUMENT;
    }
    const struct run run = run_at(space, va, va + size);

    if (run.at.level == LEAF_LEVEL && run.count == size >> PAGE_SHIFT && run_is_mapped(&run)) {
        take(space, va, &run, &dead);
    } else {
        status = take_all(space, va, size, &dead);
    }
    if (status != KERN_SUCCESS) {
        return status;
    }
    /*
     * One flush for all of it. Tables are freed after it only: until then a walk in flight may
     * still read them, and their next owner's bytes would be taken for entries.
     */
    mmu_flush(space, va, size);
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
    pte_t bits;

    if (!mmu_range_is_valid(space, va, size) || !mmu_encode(space, attributes, LEAF_LEVEL, &bits)) {
        return KERN_INVALID_ARGUMENT;
    }
    status = isolate(space, va, size);
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
    if (status == KERN_SUCCESS) {
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
