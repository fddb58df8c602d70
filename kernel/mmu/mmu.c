/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map, unmap, protect, translate. Each first checks the whole range and gets
 * the tables it will need, which nobody can see; only then does it change
 * anything, and from there on nothing can fail.
 */
#include "kernel/mmu.h"

#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/mmu/mmu_arch.h"
#include "kernel/mmu/mmu_private.h"

static uint64_t mapped_pages; /* of all spaces, the direct map not counted */

void mmu_count_mapped(struct mmu_space *space, int64_t pages)
{
    space->mapped += (uint64_t)pages;
    mapped_pages += (uint64_t)pages;
}

static bool range_is_valid(const struct mmu_space *space, vaddr_t va, uint64_t size)
{
    /*
     * Between low and high, so that nobody can take away what boot and the direct map have shown;
     * without a sum, since the upper half ends where addresses do.
     */
    return size != 0 && ((va | size) & PAGE_MASK) == 0 && va >= space->low && va < space->high &&
           size <= space->high - va;
}

static vaddr_t entry_end(vaddr_t va, unsigned level)
{
    return (va & ~(LEVEL_SPAN(level) - 1)) + LEVEL_SPAN(level);
}

/* What the last walk of a check has led to: where it began, and how many leaves are beside it. */
struct walked {
    struct mmu_path path;
    vaddr_t va;
    unsigned count;
};

/* Tables for [va, va + size), all of it free; they may be left empty on failure. */
static kern_return_t prepare(struct mmu_space *space, vaddr_t va, paddr_t pa, uint64_t size,
                             struct walked *walked)
{
    const vaddr_t end = va + size;

    while (va < end) {
        unsigned level = mmu_leaf_level(va, pa, end - va);
        kern_return_t status = mmu_walk_adding(space, va, level, &walked->path);
        const pte_t *entry;
        unsigned count;

        if (status != KERN_SUCCESS) {
            return status;
        }
        entry = walked->path.entry[level];
        count = mmu_run_length(&walked->path, va, end);
        for (unsigned i = 0; i < count; i++) {
            /* A table counts as well: none stays empty, so there is something below it. */
            if (entry[i] != 0) {
                return KERN_NO_SPACE;
            }
        }
        walked->va = va;
        walked->count = count;
        va += (uint64_t)count << LEVEL_SHIFT(level);
        pa = paddr_add(pa, (uint64_t)count << LEVEL_SHIFT(level));
    }
    return KERN_SUCCESS;
}

/* Free what a failed prepare left behind. Never valid entries, so the flush is for table walks. */
static void unprepare(struct mmu_space *space, vaddr_t va, uint64_t size)
{
    const vaddr_t first = va;
    const vaddr_t end = va + size;
    struct mmu_dead_tables dead = {{0}};
    struct mmu_path path;

    while (va < end) {
        mmu_walk(space, va, LEAF_LEVEL, &path);
        mmu_prune(&path, &dead);
        va = entry_end(va, path.level);
    }
    if (dead.first.value != 0) {
        mmu_flush(space, first, size);
        mmu_free_dead(&dead);
    }
}

/*
 * Code is stored through the direct map as a rule, so that is where its data lines are. What
 * the kernel cannot reach it has not written either.
 */
static void make_executable(paddr_t pa, uint64_t size)
{
    struct mmu_translation at;

    for (uint64_t done = 0, step; done < size; done += step) {
        const void *const start = phys_to_virt(paddr_add(pa, done));

        step = PAGE_SIZE;
        if (mmu_translate(mmu_kernel, (vaddr_t)start, &at)) {
            step = at.contiguous < size - done ? at.contiguous : size - done;
            mmu_arch_make_executable(start, step);
        }
    }
}

kern_return_t mmu_map(struct mmu_space *space, vaddr_t va, paddr_t pa, uint64_t size,
                      struct mmu_attributes attributes)
{
    const vaddr_t end = va + size;
    struct walked walked;
    kern_return_t status;
    pte_t bits;

    if (!range_is_valid(space, va, size) || (pa.value & PAGE_MASK) != 0 ||
        /*
         * What lies above the direct map is beyond the CPU's physical addresses, or memory that
         * nobody could look at.
         */
        pa.value >= DIRECT_MAP_SIZE || size > DIRECT_MAP_SIZE - pa.value ||
        !mmu_encode(space, attributes, LEAF_LEVEL, &bits)) {
        return KERN_INVALID_ARGUMENT;
    }
    status = prepare(space, va, pa, size, &walked);
    /*
     * Tables that were added for nothing go again: a failed call changes nothing, and a space
     * that is asked for much and refused would fill up with empty tables.
     */
    if (status != KERN_SUCCESS) {
        unprepare(space, va, size);
        return status;
    }
    if ((attributes.access & MMU_EXECUTE) != 0) {
        make_executable(pa, size); /* before anybody can fetch from there */
    }
    while (va < end) {
        unsigned level;
        uint64_t span;

        /*
         * Most mappings are one page or a few beside each other: the walk that has checked them is
         * the walk that enters them.
         */
        if (va != walked.va) {
            mmu_walk(space, va, mmu_leaf_level(va, pa, end - va), &walked.path);
            walked.va = va;
            walked.count = mmu_run_length(&walked.path, va, end);
        }
        level = walked.path.level;
        span = (uint64_t)walked.count << LEVEL_SHIFT(level);
        mmu_store_run(&walked.path, pa.value | mmu_encoded_at(bits, level), walked.count);
        va += span;
        pa = paddr_add(pa, span);
    }
    mmu_arch_publish();
    mmu_count_mapped(space, (int64_t)(size >> PAGE_SHIFT));
    return KERN_SUCCESS;
}

kern_return_t mmu_show_page(struct mmu_space *space, vaddr_t va, paddr_t pa,
                            struct mmu_attributes attributes)
{
    struct mmu_path path;
    kern_return_t status;
    pte_t bits;

    if (!range_is_valid(space, va, PAGE_SIZE) || (pa.value & PAGE_MASK) != 0 ||
        pa.value >= DIRECT_MAP_SIZE || !mmu_encode(space, attributes, LEAF_LEVEL, &bits)) {
        return KERN_INVALID_ARGUMENT;
    }
    status = mmu_walk_adding(space, va, LEAF_LEVEL, &path);
    if (status == KERN_NO_SPACE) { /* a block: it goes as a whole */
        mmu_take_page(space, va);
        status = mmu_walk_adding(space, va, LEAF_LEVEL, &path);
    }
    if (status != KERN_SUCCESS) {
        unprepare(space, va, PAGE_SIZE);
        return status;
    }
    /* Break before make. The table has an entry less for a moment, and is not looked at. */
    if (*path.entry[LEAF_LEVEL] != 0) {
        mmu_store_empty(&path);
        mmu_flush(space, va, PAGE_SIZE);
        mmu_count_mapped(space, -1);
    }
    if ((attributes.access & MMU_EXECUTE) != 0) {
        make_executable(pa, PAGE_SIZE); /* before anybody can fetch from there */
    }
    mmu_count_entries(&path, 1);
    pte_set(path.entry[LEAF_LEVEL], pa.value | bits);
    mmu_arch_publish();
    mmu_count_mapped(space, 1);
    return KERN_SUCCESS;
}

/*
 * Is all of [va, end) mapped? Blocks that reach beyond it make it ragged. *walked: what comes
 * last, where that is pages; from `end` on, where it is not.
 */
static bool is_mapped(const struct mmu_space *space, vaddr_t va, vaddr_t end, bool *ragged,
                      struct walked *walked)
{
    *ragged = false;
    while (va < end) {
        const pte_t *entry;
        unsigned level, count;

        walked->va = end;
        mmu_walk(space, va, LEAF_LEVEL, &walked->path);
        level = walked->path.level;
        entry = walked->path.entry[level];
        if (level != LEAF_LEVEL) {
            if (*entry == 0) {
                return false;
            }
            if (va % LEVEL_SPAN(level) != 0 || end - va < LEVEL_SPAN(level)) {
                *ragged = true;
            }
            va = entry_end(va, level);
            continue;
        }
        count = mmu_run_length(&walked->path, va, end);
        for (unsigned i = 0; i < count; i++) {
            if (entry[i] == 0) {
                return false;
            }
        }
        walked->va = va;
        walked->count = count;
        va += count * PAGE_SIZE;
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
static kern_return_t isolate(struct mmu_space *space, vaddr_t va, uint64_t size,
                             struct walked *walked)
{
    kern_return_t status = KERN_SUCCESS;
    bool ragged;

    if (!range_is_valid(space, va, size)) {
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
        struct mmu_path *const path = &walked.path;
        uint64_t span;

        /* A split, at either end, leaves what the check has found as it is: it was pages by then.
         */
        if (va != walked.va) {
            mmu_walk(space, va, LEAF_LEVEL, path);
            walked.va = va;
            /* Behind a block may be a table: one at a time, and pages together. */
            walked.count = path->level == LEAF_LEVEL ? mmu_run_length(path, va, end) : 1;
        }
        span = (uint64_t)walked.count << LEVEL_SHIFT(path->level);
        mmu_empty_run(path, walked.count);
        va += span;
        mmu_prune(path, &dead);
    }
    /*
     * One flush for all of it. Tables are freed after it only: until then a walk in flight may
     * still read them, and their next owner's bytes would be taken for entries.
     */
    mmu_flush(space, first, size);
    mmu_free_dead(&dead);
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
                make_executable(pte_address(leaf), LEVEL_SPAN(path.level));
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

    if (!range_is_valid(space, va, size) || !may_retype(space, va, end, memory)) {
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

bool mmu_translate(struct mmu_space *space, vaddr_t va, struct mmu_translation *out)
{
    struct mmu_path path;
    uint64_t offset;
    pte_t leaf;

    /*
     * A table's index leaves out the upper bits: an address of the other half, or of neither, would
     * find what some address of this one shows.
     */
    if (space->user ? va >= MMU_USER_VA_END : va < DIRECT_MAP_BASE) {
        return false;
    }
    mmu_walk(space, va, LEAF_LEVEL, &path);
    /* A leaf without DESCRIPTOR_VALID is an answer too: its owner knows what is there. */
    leaf = *path.entry[path.level];
    if (leaf == 0) {
        return false;
    }
    offset = va & (LEVEL_SPAN(path.level) - 1);
    out->pa = paddr_add(pte_address(leaf), offset);
    out->contiguous = LEVEL_SPAN(path.level) - offset;
    out->attributes = mmu_decode(leaf);
    return true;
}

/* One step of the next function: the entry of a level, by a constant number of bits. */
static inline __attribute__((always_inline)) pte_t step(paddr_t table, vaddr_t va, unsigned level)
{
    return ((const pte_t *)phys_to_virt(table))[LEVEL_INDEX(va, level)];
}

bool mmu_peek(const struct mmu_space *space, vaddr_t va, bool write, paddr_t *pa)
{
    /* What a leaf must say, and what it must not. */
    const pte_t must = DESCRIPTOR_VALID | PTE_USER | DESCRIPTOR_MEMORY(MAIR_INDEX_NORMAL);
    const pte_t looked_at =
        DESCRIPTOR_VALID | PTE_USER | DESCRIPTOR_MEMORY(7) | (write ? DESCRIPTOR_READ_ONLY : 0);
    paddr_t table = space->root;
    pte_t entry = 0;

    if (va >= MMU_USER_VA_END) {
        return false;
    }
    /* Of pages alone: a block is somebody's window, and rare. */
#pragma GCC unroll 3
    for (unsigned level = 0; level < LEAF_LEVEL; level++) {
        entry = step(table, va, level);
        if (!pte_is_table(entry, level)) {
            return false;
        }
        table = pte_address(entry);
    }
    entry = step(table, va, LEAF_LEVEL);
    if ((entry & looked_at) != must) {
        return false;
    }
    *pa = paddr_add(pte_address(entry), va & PAGE_MASK);
    return true;
}

void mmu_get_stats(struct mmu_stats *stats)
{
    *stats = (struct mmu_stats){
        .tables = mmu_table_count(), .mapped_pages = mapped_pages, .spaces = mmu_space_count()};
}
