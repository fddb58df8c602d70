/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entering what an address is to show. One walk for each table: what it finds in use ends it, and
 * what has been entered by then is taken back.
 */
#include "kernel/mmu.h"

#include "kernel/direct_map.h"
#include "kernel/mmu/mmu_arch.h"
#include "kernel/mmu/mmu_private.h"

uint64_t mmu_mapped_pages;

/*
 * Of a mapping that has failed at va: what has been entered from `first` on, and the tables that
 * were added for nothing. A space that is asked for much and refused would fill up with them.
 */
static __attribute__((cold, noinline)) void take_back(struct mmu_space *space, vaddr_t first,
                                                      vaddr_t va)
{
    struct mmu_dead_tables dead = {{0}};

    if (va != first) {
        mmu_clear(space, first, va - first);
    }
    mmu_prune(space, va, &dead);
    if (dead.first.value != 0) {
        mmu_flush(space, va, PAGE_SIZE); /* for walks: there never was a leaf */
        mmu_free_dead(&dead);
    }
}

/*
 * Code is stored through the direct map as a rule, so that is where its data lines are. What
 * the kernel cannot reach it has not written either.
 */
void mmu_make_executable(paddr_t pa, uint64_t size)
{
    struct mmu_translation at;

    for (uint64_t done = 0; done < size;) {
        const void *const start = phys_to_virt(paddr_add(pa, done));
        uint64_t step = PAGE_SIZE;

        if (mmu_translate(mmu_kernel, (vaddr_t)start, &at)) {
            step = at.contiguous < size - done ? at.contiguous : size - done;
            mmu_arch_make_executable(start, step);
        }
        done += step;
    }
}

/* What is still to be mapped, from where on; `page`: what a page has besides its address. */
struct rest {
    vaddr_t va, end;
    paddr_t pa;
    pte_t page;
};

/*
 * Of one table, leaves beside each other; ends before the first that is in use. A part of its
 * caller, for each level that is known there: most leaves are pages, one or a few.
 */
static inline __attribute__((always_inline)) kern_return_t enter_run(struct rest *rest,
                                                                     struct mmu_found at,
                                                                     unsigned level)
{
    const unsigned count = mmu_run_length(level, rest->va, rest->end);
    pte_t leaf = rest->pa.value | mmu_encoded_at(rest->page, level);
    unsigned done = 0;

    /* A table counts as well: none stays empty, so there is something below it. */
    for (; done < count && at.entry[done] == 0; done++, leaf += LEVEL_SPAN(level)) {
        pte_set(&at.entry[done], leaf);
    }
    mmu_count_entries(at.parent, (int)done);
    rest->va += (uint64_t)done << LEVEL_SHIFT(level);
    rest->pa = paddr_add(rest->pa, (uint64_t)done << LEVEL_SHIFT(level));
    return done == count ? KERN_SUCCESS : KERN_NO_SPACE;
}

/* The rest, table by table, of a mapping that began at `first`. */
static __attribute__((noinline)) kern_return_t enter_rest(struct mmu_space *space, vaddr_t first,
                                                          struct rest rest, bool executable)
{
    kern_return_t status = KERN_SUCCESS;

    if (executable) { /* nothing is entered yet: before anybody can fetch from there */
        mmu_make_executable(rest.pa, rest.end - rest.va);
    }
    while (rest.va < rest.end && status == KERN_SUCCESS) {
        const unsigned level = mmu_leaf_level(rest.va, rest.pa, rest.end - rest.va);
        const struct mmu_found at = mmu_find(space, rest.va);

        if (at.level != level) {
            status = mmu_add_tables(space, rest.va, level); /* and once more */
        } else if (level == LEAF_LEVEL) {
            status = enter_run(&rest, at, LEAF_LEVEL);
        } else {
            status = enter_run(&rest, at, level);
        }
    }
    mmu_count_mapped(space, (int64_t)((rest.va - first) >> PAGE_SHIFT));
    if (status != KERN_SUCCESS) {
        take_back(space, first, rest.va);
        return status;
    }
    mmu_arch_publish();
    return KERN_SUCCESS;
}

kern_return_t mmu_map(struct mmu_space *space, vaddr_t va, paddr_t pa, uint64_t size,
                      struct mmu_attributes attributes)
{
    const bool executable = (attributes.access & MMU_EXECUTE) != 0;
    struct rest rest = {va, va + size, pa, 0};
    struct mmu_found at;

    if (!mmu_range_is_valid(space, va, size) || (pa.value & PAGE_MASK) != 0 ||
        /*
         * What lies above the direct map is beyond the CPU's physical addresses, or memory that
         * nobody could look at.
         */
        pa.value >= DIRECT_MAP_SIZE || size > DIRECT_MAP_SIZE - pa.value ||
        !mmu_encode(space, attributes, LEAF_LEVEL, &rest.page)) {
        return KERN_INVALID_ARGUMENT;
    }
    /*
     * Data in pages of one table, which is there, is the most of what is mapped. It needs none of
     * the rest's calls, and so keeps nothing for them.
     */
    if (!executable && mmu_leaf_level(va, pa, size) == LEAF_LEVEL) {
        at = mmu_find(space, va);
        if (at.level == LEAF_LEVEL) {
            enter_run(&rest, at, LEAF_LEVEL);
        }
    }
    if (rest.va != rest.end) {
        return enter_rest(space, va, rest, executable);
    }
    mmu_count_mapped(space, (int64_t)(size >> PAGE_SHIFT));
    mmu_arch_publish();
    return KERN_SUCCESS;
}

/* An entry for a page, where there is none: tables, in place of a block if there is one. */
static __attribute__((cold, noinline)) kern_return_t make_way(struct mmu_space *space, vaddr_t va)
{
    kern_return_t status = mmu_add_tables(space, va, LEAF_LEVEL);

    if (status == KERN_NO_SPACE) { /* a block: it goes as a whole */
        mmu_take_page(space, va);
        status = mmu_add_tables(space, va, LEAF_LEVEL);
    }
    if (status != KERN_SUCCESS) {
        take_back(space, va, va);
    }
    return status;
}

/* Where there are no tables, where there is something else, and of what is to be executed. */
static __attribute__((noinline)) kern_return_t show_instead(struct mmu_space *space, vaddr_t va,
                                                            pte_t leaf, bool executable)
{
    struct mmu_found at;

    while (at = mmu_find(space, va), at.level != LEAF_LEVEL) {
        const kern_return_t status = make_way(space, va);

        if (status != KERN_SUCCESS) {
            return status;
        }
    }
    if (*at.entry != 0) {
        pte_set(at.entry, 0); /* break before make */
        mmu_flush(space, va, PAGE_SIZE);
    } else {
        mmu_count_entries(at.parent, 1);
        mmu_count_mapped(space, 1);
    }
    if (executable) {
        mmu_make_executable(pte_address(leaf), PAGE_SIZE); /* before anybody can fetch from there */
    }
    pte_set(at.entry, leaf);
    mmu_arch_publish();
    return KERN_SUCCESS;
}

kern_return_t mmu_show_page(struct mmu_space *space, vaddr_t va, paddr_t pa,
                            struct mmu_attributes attributes)
{
    const bool executable = (attributes.access & MMU_EXECUTE) != 0;
    struct mmu_found at;
    pte_t bits;

    if (!mmu_range_is_valid(space, va, PAGE_SIZE) || (pa.value & PAGE_MASK) != 0 ||
        pa.value >= DIRECT_MAP_SIZE || !mmu_encode(space, attributes, LEAF_LEVEL, &bits)) {
        return KERN_INVALID_ARGUMENT;
    }
    at = mmu_find(space, va);
    if (at.level != LEAF_LEVEL || *at.entry != 0 || executable) {
        return show_instead(space, va, pa.value | bits, executable);
    }
    mmu_count_entries(at.parent, 1);
    mmu_count_mapped(space, 1);
    pte_set(at.entry, pa.value | bits);
    mmu_arch_publish();
    return KERN_SUCCESS;
}
