/* SPDX-License-Identifier: BSD-2-Clause */
/* A TLB that keeps what it may keep, so that a missing flush is seen. */
#include "tests/host/sim/sim_tlb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot_info.h"
#include "kernel/mmu/mmu_arch.h"
#include "tests/host/sim/sim_order.h"

#define SLOTS 65536

struct slot {
    vaddr_t va; /* page; 0: unused */
    uint16_t asid;
    bool global;
    struct mmu_translation translation; /* of the page's first byte */
};

struct boot_info boot_info;
bool sim_tlb_notes_stores;

static struct slot slots[SLOTS];
static struct mmu_space lower; /* TTBR0 */
static uint64_t flushes;
static bool begun;      /* what was stored to the tables is visible to the flush that may come */
static bool unfinished; /* a flush that nobody has waited for */

static void fail(const char *what)
{
    fprintf(stderr, "sim_tlb: %s\n", what);
    abort();
}

static struct slot *slot_of(vaddr_t va, uint16_t asid)
{
    return &slots[((va >> PAGE_SHIFT) * 31 + asid) % SLOTS];
}

bool sim_tlb_access(vaddr_t va, struct mmu_translation *out)
{
    const bool kernel = va >= MMU_KERNEL_VA_BASE;
    const uint16_t asid = kernel ? 0 : lower.asid;
    struct slot *slot = slot_of(va, asid);

    if (unfinished) {
        fail("an access while a flush may be under way");
    }
    va &= ~PAGE_MASK;
    if (slot->va != va || slot->asid != asid) {
        struct mmu_translation now;

        if (!mmu_translate(kernel ? mmu_kernel : &lower, va, &now) ||
            (now.attributes.access & MMU_READ) == 0) {
            return false; /* an invalid entry is never cached */
        }
        *slot = (struct slot){va, asid, kernel, now};
    }
    *out = slot->translation;
    return true;
}

bool sim_tlb_knows(vaddr_t va)
{
    const struct slot *const slot = slot_of(va, 0);

    return slot->va == (va & ~PAGE_MASK) && slot->global;
}

void sim_tlb_check(struct mmu_space *space, vaddr_t va)
{
    const struct slot *const slot = slot_of(va, space->user ? space->asid : 0);
    const struct mmu_translation *const was = &slot->translation;
    struct mmu_translation now;

    /* Its number is another's by now, or will be before it is used again. */
    if ((space->user && !mmu_space_is_cached(space)) || slot->va != (va & ~PAGE_MASK) ||
        (!slot->global && slot->asid != space->asid)) {
        return;
    }
    if (!mmu_translate(space, slot->va, &now) || now.pa.value != was->pa.value ||
        now.attributes.memory != was->attributes.memory ||
        /* That a page is dirty by now is the CPU's own note. */
        ((now.attributes.access ^ was->attributes.access) & ~MMU_CLEAN) != 0) {
        fail("it knows what the tables do not say any more");
    }
}

/* Entries of a table that are in use; what they show in the bounds of the space is added. */
static unsigned count_table(const struct mmu_space *space, paddr_t table, unsigned level,
                            vaddr_t at, uint64_t *mapped)
{
    const pte_t *const entries = phys_to_virt(table);
    unsigned used = 0;

    for (unsigned i = 0; i < TABLE_ENTRIES; i++, at += LEVEL_SPAN(level)) {
        if (pte_is_table(entries[i], level)) {
            const unsigned below =
                count_table(space, pte_address(entries[i]), level + 1, at, mapped);

            if (below == 0 || below * PTE_COUNT_ONE != (entries[i] & PTE_COUNT)) {
                fail("a table that is empty, or miscounted");
            }
        } else if (entries[i] != 0 && at >= space->low && at < space->high) {
            *mapped += LEVEL_SPAN(level) >> PAGE_SHIFT;
        }
        used += entries[i] != 0;
    }
    return used;
}

void sim_tlb_check_all(struct mmu_space *space)
{
    uint64_t mapped = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].va != 0 && slots[i].global != space->user) {
            sim_tlb_check(space, slots[i].va);
        }
    }
    count_table(space, space->root, 0,
                space->user ? 0 : MMU_KERNEL_VA_BASE & ~(MMU_USER_VA_END - 1), &mapped);
    if (mapped != space->mapped) {
        fail("more or fewer pages are mapped than are counted");
    }
}

void sim_tlb_reset(void)
{
    paddr_t empty;

    memset(slots, 0, sizeof(slots));
    mmu_table_alloc(&mmu_kernel->root);
    mmu_table_alloc(&empty);
    boot_info.empty_root_table = empty.value;
    mmu_space_activate(NULL);
}

uint64_t sim_tlb_flushes(void)
{
    return flushes;
}

void mmu_arch_publish(void)
{
    begun = false;
    sim_step(SIM_PUBLISH, 0);
}

void mmu_arch_flush_begin(void)
{
    begun = true;
    sim_step(SIM_FLUSH_BEGIN, 0);
}

static void flush(enum sim_step step, uint64_t detail)
{
    if (!begun) {
        fail("a flush before what was stored to the tables is visible");
    }
    unfinished = true;
    flushes++;
    sim_step(step, detail);
}

void mmu_arch_flush_end(void)
{
    begun = unfinished = false;
    sim_step(SIM_FLUSH_END, 0);
}

void mmu_arch_flush_page(vaddr_t va, uint16_t asid)
{
    struct slot *slot = slot_of(va, va >= MMU_KERNEL_VA_BASE ? 0 : asid);

    flush(SIM_FLUSH_PAGE, va);
    if (slot->va == (va & ~PAGE_MASK) && (slot->global || slot->asid == asid)) {
        slot->va = 0;
    }
}

void mmu_arch_flush_asid(uint16_t asid)
{
    flush(SIM_FLUSH_ASID, asid);
    for (unsigned i = 0; i < SLOTS; i++) {
        if (!slots[i].global && slots[i].asid == asid) {
            slots[i].va = 0;
        }
    }
}

void mmu_arch_flush_all(void)
{
    flush(SIM_FLUSH_ALL, 0);
    memset(slots, 0, sizeof(slots));
}

void mmu_arch_set_lower_root(paddr_t root, uint16_t asid)
{
    if (unfinished) {
        fail("another space while a flush may be under way");
    }
    if (asid >= SIM_ASIDS) {
        fail("a number that there is not");
    }
    sim_step(SIM_LOWER_ROOT, root.value);
    lower = (struct mmu_space){.root = root, .asid = asid, .user = true};
}

unsigned mmu_arch_asid_count(void)
{
    return SIM_ASIDS;
}

bool mmu_arch_note_stores(void)
{
    return sim_tlb_notes_stores;
}
