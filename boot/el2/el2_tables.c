/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EL2's page tables: its own, which map addresses to themselves, and stage 2, which says
 * what EL1 may do where. Both begin as blocks of 1 GiB.
 */
#include "boot/el2/el2_private.h"

#define GIB        (1ull << 30)
#define RAM        GIB         /* where the virt machine's begins; registers lie below it */
#define RAM_LIMIT  (256 * GIB) /* and from here on, a PCIe controller's windows among them */
#define PAGE       4096ull
#define ENTRIES    512u
#define SPLITS     128u /* tables for parts of a GiB: a disk of 64 MiB at odd ends takes few */
#define NEXT_TABLE 3ull
#define BLOCK      1ull
#define PAGE_ENTRY 3ull
#define ACCESSED   (1ull << 10)
#define SHAREABLE  (3ull << 8) /* inner */
#define ADDRESS    0x0000fffffffff000ull

/* Stage 1 of EL2. */
#define MAIR_VALUE 0x04ffull /* 0: write-back; 1: Device-nGnRE */
#define DEVICE     (1ull << 2)
#define EXECUTE_NO (1ull << 54)
#define TCR_VALUE                                                                                  \
    (1ull << 31 | 1ull << 23 | 2ull << 16 | 3ull << 12 | 1ull << 10 | 1ull << 8 | 24ull)
#define SCTLR_M (1ull << 0)
#define SCTLR_C (1ull << 2)
#define SCTLR_I (1ull << 12)

/* Stage 2: the memory type is stage 1's (MemAttr 0b1111). */
#define S2_NORMAL    (0xfull << 2)
#define S2AP(access) ((uint64_t)(access) << 6)
/* 40 bits, which the PCIe window needs; from level 1 on, two tables in a row. */
#define VTCR_VALUE                                                                                 \
    (1ull << 31 | 2ull << 16 | 3ull << 12 | 1ull << 10 | 1ull << 8 | 1ull << 6 | 24ull)

static uint64_t own_top[ENTRIES] __attribute__((aligned(4096)));
static uint64_t own[2 * ENTRIES] __attribute__((aligned(4096)));
static uint64_t top[2 * ENTRIES] __attribute__((aligned(8192)));
static uint64_t splits[SPLITS][ENTRIES] __attribute__((aligned(4096)));
static unsigned splits_used;
/* Of each table: the entry that leads to it, and whether its own are pages. */
static uint64_t *parents[SPLITS];
static bool of_pages[SPLITS];
static bool on;

static void flush(void)
{
    /*
     * Combined entries of both stages are kept by the virtual address: forgetting the one of stage
     * 2 alone would leave them in use.
     */
    __asm__ volatile("dsb ishst; tlbi vmalls12e1is; dsb ish; isb" : : : "memory");
}

static bool is_uniform(const uint64_t *table)
{
    for (unsigned i = 1; i < ENTRIES; i++) {
        if ((table[i] & ~ADDRESS) != (table[0] & ~ADDRESS)) {
            return false;
        }
    }
    return true;
}

/* A table of pages that are alike by now: what it says is put into one entry again. */
static uint64_t *reclaim(unsigned *number)
{
    for (unsigned i = 0; i < SPLITS; i++) {
        uint64_t *const table = splits[i];

        if (of_pages[i] && is_uniform(table)) {
            const uint64_t block = (table[0] & ~3ull) | BLOCK;

            *(volatile uint64_t *)parents[i] = 0;
            flush();
            *(volatile uint64_t *)parents[i] = block;
            *number = i;
            return table;
        }
    }
    el2_fatal("out of stage 2 tables", SPLITS);
}

/* A table that says of each part what the entry says of the whole. */
static uint64_t *split(uint64_t *entry, uint64_t part, uint64_t kind)
{
    unsigned number = splits_used;
    uint64_t *const table = splits_used < SPLITS ? splits[splits_used++] : reclaim(&number);

    parents[number] = entry;
    of_pages[number] = kind == PAGE_ENTRY;
    for (unsigned i = 0; i < ENTRIES; i++) {
        table[i] = ((*entry & ADDRESS) + i * part) | (*entry & ~ADDRESS & ~3ull) | kind;
    }
    if (on) { /* break before make (Arm ARM, "TLB maintenance requirements") */
        *(volatile uint64_t *)entry = 0;
        flush();
    }
    *(volatile uint64_t *)entry = (uint64_t)table | NEXT_TABLE;
    return table;
}

static uint64_t *below(uint64_t *entry, uint64_t part, uint64_t kind)
{
    return (*entry & 3) == NEXT_TABLE ? (uint64_t *)(*entry & ADDRESS) : split(entry, part, kind);
}

/* Is the entry one block, all of which lies in [at, end)? */
static bool whole(const uint64_t *entry, uint64_t at, uint64_t end, uint64_t size)
{
    return at % size == 0 && end - at >= size && (*entry & 3) != NEXT_TABLE;
}

void el2_allow(uint64_t address, uint64_t size, unsigned access)
{
    for (uint64_t at = address, step; at < address + size; at += step) {
        uint64_t *entry = &top[at / GIB];

        step = GIB;
        if (!whole(entry, at, address + size, step)) {
            entry = &below(entry, 2ull << 20, BLOCK)[at >> 21 & 511];
            step = 2ull << 20;
        }
        if (step != GIB && !whole(entry, at, address + size, step)) {
            entry = &below(entry, PAGE, PAGE_ENTRY)[at >> 12 & 511];
            step = PAGE;
        }
        *(volatile uint64_t *)entry = (*entry & ~S2AP(3)) | S2AP(access);
    }
    if (on) {
        flush();
    }
}

void el2_redirect(uint64_t address, uint64_t to, uint64_t size)
{
    for (uint64_t done = 0; done < size; done += PAGE) {
        uint64_t *entry = &top[(address + done) / GIB];

        entry = &below(entry, 2ull << 20, BLOCK)[(address + done) >> 21 & 511];
        entry = &below(entry, PAGE, PAGE_ENTRY)[(address + done) >> 12 & 511];
        /* Its pages are not those of a block any more, however alike they are. */
        of_pages[(entry - splits[0]) / ENTRIES] = false;
        *(volatile uint64_t *)entry = (*entry & ~ADDRESS) | (to + done);
    }
    flush();
}

/* Tables written with the cache off may have older lines in it, which a walk would find first. */
static void drop_lines(const void *start, const void *end)
{
    const uint64_t line = 4ull << (el2_read("ctr_el0") >> 16 & 0xf);

    for (uint64_t at = (uint64_t)start & ~(line - 1); at < (uint64_t)end; at += line) {
        __asm__ volatile("dc ivac, %0" : : "r"(at) : "memory");
    }
    __asm__ volatile("dsb sy");
}

void el2_tables_join(void)
{
    el2_write("vtcr_el2", VTCR_VALUE);
    el2_write("vttbr_el2", top);
    el2_write("mair_el2", MAIR_VALUE);
    el2_write("tcr_el2", TCR_VALUE);
    el2_write("ttbr0_el2", own_top);
    __asm__ volatile("isb; tlbi alle2; tlbi vmalls12e1; dsb sy; ic iallu; dsb sy; isb"
                     :
                     :
                     : "memory");
    el2_write("sctlr_el2", el2_read("sctlr_el2") | SCTLR_M | SCTLR_C | SCTLR_I);
    __asm__ volatile("isb");
}

void el2_tables_init(void)
{
    own_top[0] = (uint64_t)own | NEXT_TABLE;
    own_top[1] = (uint64_t)(own + ENTRIES) | NEXT_TABLE;
    for (uint64_t i = 0; i < 2 * ENTRIES; i++) {
        own[i] = i * GIB | ACCESSED | SHAREABLE | BLOCK |
                 (i * GIB < RAM || i * GIB >= RAM_LIMIT ? DEVICE | EXECUTE_NO : 0);
    }
    for (uint64_t i = 0; i < 2 * ENTRIES; i++) {
        top[i] = i * GIB | ACCESSED | SHAREABLE | S2_NORMAL | S2AP(EL2_READ | EL2_WRITE) | BLOCK;
    }
    drop_lines(__monitor_bss_start, __monitor_stack_end);
    el2_tables_join();
    on = true;
}
