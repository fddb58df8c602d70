/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first page tables. The kernel's half maps physical address p at
 * TRANSLATION_DIRECT_MAP + p, and the table index of an address ignores the
 * bits of TRANSLATION_DIRECT_MAP, so the same table in TTBR0 is the identity
 * map that the jump to the linked address needs.
 */
#include "boot/early.h"
#include "boot/early_pl011.h"
#include "boot/translation.h"

/*
 * The image changes its permissions at fewer than eight places, each in one
 * 2 MiB region that needs a level 3 table; one more for the UART, two for the
 * device tree, and the levels above.
 */
#define TABLE_COUNT 20
#define PAGE_SPAN   LEVEL_SPAN(3)
#define BLOCK_SPAN  LEVEL_SPAN(2)

#define NORMAL                                                                                     \
    (DESCRIPTOR_VALID | DESCRIPTOR_MEMORY(MAIR_INDEX_NORMAL) | DESCRIPTOR_SHAREABLE |              \
     DESCRIPTOR_ACCESSED | DESCRIPTOR_UXN)
#define MAP_TEXT   (NORMAL | DESCRIPTOR_READ_ONLY)
#define MAP_RODATA (NORMAL | DESCRIPTOR_READ_ONLY | DESCRIPTOR_PXN)
#define MAP_DATA   (NORMAL | DESCRIPTOR_PXN)
#define MAP_DEVICE                                                                                 \
    (DESCRIPTOR_VALID | DESCRIPTOR_MEMORY(MAIR_INDEX_DEVICE) | DESCRIPTOR_ACCESSED |               \
     DESCRIPTOR_PXN | DESCRIPTOR_UXN)

/* TCR_EL1: both halves 48 bits, 4 KiB pages, tables in write-back shareable memory. */
#define TCR_T0SZ(bits)   ((uint64_t)(64 - (bits)))
#define TCR_T1SZ(bits)   ((uint64_t)(64 - (bits)) << 16)
#define TCR_WALKS0       (1UL << 8 | 1UL << 10 | 3UL << 12)
#define TCR_WALKS1       (1UL << 24 | 1UL << 26 | 3UL << 28)
#define TCR_TG1_4K       (2UL << 30)
#define TCR_IPS(range)   ((uint64_t)(range) << 32)
#define TCR_ASID_16_BITS (1UL << 36)

/* ID_AA64MMFR0_EL1 */
#define MMFR0_PARANGE(id)  ((id)&0xf)
#define MMFR0_ASIDBITS(id) ((id) >> 4 & 0xf)
#define PARANGE_48_BITS    5 /* the most that a 4 KiB granule without LPA2 can use */
#define ASIDBITS_16        2

typedef uint64_t table_t[TABLE_ENTRIES];

extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern char __data_start[], __data_end[], __bss_start[], __bss_end[];
extern char __last_stack_bottom[], __last_stack_top[];
extern char __emergency_stack_bottom[], __emergency_stack_top[], __stack_bottom[], __stack_top[];

/* Outside .bss, which is cleared when these are in use. */
static table_t tables[TABLE_COUNT]
    __attribute__((section(".bss.boot_tables"), aligned(sizeof(table_t))));
static unsigned tables_used __attribute__((section(".data.boot_tables_used")));

static uint64_t *new_table(void)
{
    if (tables_used == TABLE_COUNT) {
        early_fatal("boot: the image needs more page tables than there are");
    }
    /* Cleared here: .bss holds whatever RAM held until startup clears it. */
    uint64_t *table = tables[tables_used++];
    early_clear(table, table + TABLE_ENTRIES);
    return table;
}

static uint64_t *table_below(uint64_t *entry)
{
    if (*entry == 0) {
        *entry = (uint64_t)new_table() | DESCRIPTOR_VALID | DESCRIPTOR_TABLE;
    }
    return (uint64_t *)(*entry & DESCRIPTOR_ADDRESS);
}

/* Map the whole pages around [start, end), with 2 MiB blocks where they fit. */
static void map(uint64_t *root, uint64_t start, uint64_t end, uint64_t attributes)
{
    uint64_t pa = start & ~(PAGE_SPAN - 1);

    while (pa < end) {
        uint64_t *level1 = table_below(&root[LEVEL_INDEX(pa, 0)]);
        uint64_t *level2 = table_below(&level1[LEVEL_INDEX(pa, 1)]);
        uint64_t *entry = &level2[LEVEL_INDEX(pa, 2)];

        /* Not over a table: an earlier range with other permissions has begun in this 2 MiB. */
        if (*entry == 0 && pa % BLOCK_SPAN == 0 && end - pa >= BLOCK_SPAN) {
            *entry = pa | attributes;
            pa += BLOCK_SPAN;
            continue;
        }
        uint64_t *level3 = table_below(entry);
        do {
            level3[LEVEL_INDEX(pa, 3)] = pa | attributes | DESCRIPTOR_PAGE;
            pa += PAGE_SPAN;
        } while (pa < end && pa % BLOCK_SPAN != 0);
    }
}

/*
 * IPS is what the CPU has, up to the 48 bits that this granule can use: with a lesser value,
 * addresses above it are address size faults. AS is RES0 without 16-bit ASIDs (Arm ARM, TCR_EL1).
 */
static uint64_t tcr_value(void)
{
    uint64_t mmfr0;

    __asm__("mrs %0, id_aa64mmfr0_el1" : "=r"(mmfr0));
    uint64_t range =
        MMFR0_PARANGE(mmfr0) < PARANGE_48_BITS ? MMFR0_PARANGE(mmfr0) : PARANGE_48_BITS;
    uint64_t asid = MMFR0_ASIDBITS(mmfr0) == ASIDBITS_16 ? TCR_ASID_16_BITS : 0;

    return TCR_T0SZ(48) | TCR_T1SZ(48) | TCR_WALKS0 | TCR_WALKS1 | TCR_TG1_4K | TCR_IPS(range) |
           asid;
}

void early_mmu_build(uint64_t devicetree, uint64_t devicetree_size,
                     struct early_mmu_registers *registers)
{
    tables_used = 0;
    uint64_t *root = new_table();

    /*
     * Text read-only, the rest never executable: nothing is both, from the first instruction with
     * the MMU on.
     */
    map(root, (uint64_t)__text_start, (uint64_t)__text_end, MAP_TEXT);
    map(root, (uint64_t)__rodata_start, (uint64_t)__rodata_end, MAP_RODATA);
    map(root, (uint64_t)__data_start, (uint64_t)__bss_end, MAP_DATA);
    /* What lies below each stack stays unmapped: it is the guard. */
    map(root, (uint64_t)__last_stack_bottom, (uint64_t)__last_stack_top, MAP_DATA);
    map(root, (uint64_t)__emergency_stack_bottom, (uint64_t)__emergency_stack_top, MAP_DATA);
    map(root, (uint64_t)__stack_bottom, (uint64_t)__stack_top, MAP_DATA);
    map(root, EARLY_PL011, EARLY_PL011 + PAGE_SPAN, MAP_DEVICE);
    /*
     * Read-only: the tree is firmware's word, and a stray store to it would change what every
     * driver finds.
     */
    map(root, devicetree, devicetree + devicetree_size, MAP_RODATA);

    uint64_t *const empty = new_table();

    /*
     * They were written past the cache, which may hold older lines of theirs from whoever
     * loaded us; table walks, and the kernel, will look there first.
     */
    early_invalidate(tables, tables[tables_used]);

    registers->mair = MAIR_VALUE;
    registers->tcr = tcr_value();
    registers->root = (uint64_t)root;
    registers->empty = (uint64_t)empty;
}
