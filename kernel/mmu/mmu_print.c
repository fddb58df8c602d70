/* SPDX-License-Identifier: BSD-2-Clause */
/* The printer of live tables. */
#include "kernel/console.h"
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "kernel/mmu/mmu_private.h"

/* Leaves next to each other, in both addresses, of one size and equal attributes. */
struct run {
    vaddr_t va;
    paddr_t pa;
    uint64_t size; /* 0: none yet */
    unsigned level;
    struct mmu_attributes attributes;
};

static void print_run(const struct run *run)
{
    static const char *const memory[] = {"normal",       "write-through", "non-cached", "device",
                                         "device-nGnRE", "device-nGRE",   "device-GRE"};
    static const char *const entry[] = {"", "1 GiB blocks", "2 MiB blocks", "pages"};
    const unsigned access = run->attributes.access;

    if (run->size == 0) {
        return;
    }
    kprintf("%016llx-%016llx -> %012llx %c%c%c%c %s, %s\n", (unsigned long long)run->va,
            (unsigned long long)(run->va + run->size - 1), (unsigned long long)run->pa.value,
            (access & MMU_READ) != 0 ? 'r' : '-', (access & MMU_WRITE) != 0 ? 'w' : '-',
            (access & MMU_EXECUTE) != 0 ? 'x' : '-', (access & MMU_USER) != 0 ? 'u' : '-',
            memory[run->attributes.memory], entry[run->level]);
}

static bool continues(const struct run *run, vaddr_t va, unsigned level,
                      const struct mmu_translation *at)
{
    return run->size != 0 && va == run->va + run->size && level == run->level &&
           at->pa.value == run->pa.value + run->size &&
           at->attributes.access == run->attributes.access &&
           at->attributes.memory == run->attributes.memory;
}

void mmu_print(struct mmu_space *space, unsigned lines)
{
    const vaddr_t start = space->user ? 0 : DIRECT_MAP_BASE;
    struct run run = {.size = 0};
    uint64_t offset = 0; /* in the half, so that the end of the upper one is no wrap */

    if (space->root.value == 0) {
        return; /* a panic before mmu_init: table 0 would be read out of the flash */
    }
    while (offset < MMU_USER_VA_END) {
        const vaddr_t va = start + offset;
        struct mmu_translation at;
        struct mmu_path path;

        /*
         * Twice the walk, for the level: what is empty is passed over by as much as its entry
         * spans, or the upper half would take 2^36 steps.
         */
        mmu_walk(space, va, LEAF_LEVEL, &path);
        if (mmu_translate(space, va, &at)) {
            if (!continues(&run, va, path.level, &at)) {
                print_run(&run);
                /*
                 * Bounded: tables that are broken can show any number of runs, and the console is
                 * slow.
                 */
                if (run.size != 0 && --lines == 0) {
                    kprintf("...\n");
                    return;
                }
                run = (struct run){va, at.pa, 0, path.level, at.attributes};
            }
            run.size += LEVEL_SPAN(path.level);
        }
        offset += LEVEL_SPAN(path.level);
    }
    print_run(&run);
}
