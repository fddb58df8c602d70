/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct map as start-up makes it, of machines with memory in one piece or in many, and the
 * pages that it leaves to the allocator. Each machine is started in a process of its own, since
 * early tables are used once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot/boot_info.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/startup.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_order.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_tlb.h"

#define MIB2    LEVEL_SPAN(2)
#define GIB     LEVEL_SPAN(1)
#define RAM     0x40000000ull
#define BORROW  MMU_KERNEL_MAP_END
#define NOWHERE (32ull << 40) /* where no bank is */

/*
 * The image: where this program has it, of three pages less some bytes at both ends; and memory
 * around it that a bank may be made of.
 */
#define HOME_SIZE (24 * MIB2 / 2)

char home[HOME_SIZE] __attribute__((aligned(PAGE_SIZE)));
__asm__(".globl __image_start, __image_end\n"
        ".set __image_start, home + 1024 * 1024 + 64\n"
        ".set __image_end, __image_start + 3 * 4096 - 100");
extern char __image_start[], __image_end[];

static struct devicetree_machine machine;

const struct devicetree_machine *devicetree_machine(void)
{
    return &machine;
}

/* In a process that another one waits for, so an assertion of cmocka's would be lost. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void in_a_process(void (*start_up)(void))
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0) {
        start_up();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static uint64_t image_first(void)
{
    return virt_to_phys(__image_start).value & ~PAGE_MASK;
}

static uint64_t image_end(void)
{
    return (virt_to_phys(__image_end).value + PAGE_MASK) & ~PAGE_MASK;
}

static void add_bank(uint64_t base, uint64_t size)
{
    machine.memory[machine.memory_count++] = (struct devicetree_range){paddr(base), size};
}

static void reserve(uint64_t base, uint64_t size, bool no_map)
{
    machine.no_map[machine.reserved_count] = no_map;
    machine.reserved[machine.reserved_count++] = (struct devicetree_range){paddr(base), size};
}

static bool is_mapped(uint64_t pa)
{
    struct mmu_translation at;

    if (!mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(pa)), &at)) {
        return false;
    }
    EXPECT(at.pa.value == pa);
    EXPECT(at.attributes.access == (MMU_READ | MMU_WRITE));
    EXPECT(at.attributes.memory == MMU_NORMAL);
    return true;
}

/* All of it or nothing of it. */
static void expect_mapped(uint64_t from, uint64_t to, bool mapped)
{
    for (uint64_t pa = from & ~PAGE_MASK; pa < to; pa += PAGE_SIZE) {
        EXPECT(is_mapped(pa) == mapped);
    }
}

/* Who looks for an empty table asks the entry that leads there, of boot's memory as of others. */
static unsigned expect_counted(paddr_t table, unsigned level)
{
    const pte_t *const entries = phys_to_virt(table);
    unsigned used = 0;

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (pte_is_table(entries[i], level)) {
            EXPECT(expect_counted(pte_address(entries[i]), level + 1) * PTE_COUNT_ONE ==
                   (entries[i] & PTE_COUNT));
        }
        used += entries[i] != 0;
    }
    return used;
}

static struct devicetree_range behind = {{NOWHERE}, GIB}; /* the last bank */

static void start(void)
{
    static uint64_t root[TABLE_ENTRIES] __attribute__((aligned(PAGE_SIZE)));

    /* What stands behind the last entry of a list is none of it. */
    if (machine.memory_count < DEVICETREE_MEMORY_MAX) {
        machine.memory[machine.memory_count] = behind;
    }
    if (machine.reserved_count < DEVICETREE_RESERVED_MAX) {
        machine.no_map[machine.reserved_count] = true;
        machine.reserved[machine.reserved_count] = (struct devicetree_range){paddr(0), NOWHERE};
    }
    boot_info.kernel_root_table = virt_to_phys(root).value;
    mmu_init();
    EXPECT(mmu_kernel->root.value == boot_info.kernel_root_table);
    EXPECT(!is_mapped(NOWHERE));
    expect_counted(mmu_kernel->root, 0);
}

/* --- One bank --------------------------------------------------------------------------------- */

static bool was_published;

static void look(enum sim_step step, uint64_t detail)
{
    (void)detail;
    if (step == SIM_PUBLISH) {
        was_published = is_mapped(RAM + 4 * MIB2);
    }
}

static void one_bank(void)
{
    struct devicetree_range withheld[MMU_WITHHELD_MAX];
    struct mmu_translation at;
    struct mmu_stats stats;

    add_bank(RAM, GIB + 4 * MIB2);
    sim_witness = look;
    sim_tlb_notes_stores = true;
    start();
    EXPECT(was_published);
    EXPECT(mmu_notes_stores());
    sim_witness = NULL;
    expect_mapped(RAM - MIB2, RAM, false);
    expect_mapped(RAM, RAM + 4 * MIB2, true);
    EXPECT(is_mapped(RAM + GIB + 4 * MIB2 - 1));
    EXPECT(!is_mapped(RAM + GIB + 4 * MIB2));
    mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(RAM)), &at);
    EXPECT(at.contiguous == GIB); /* in as few entries as there can be */
    mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(RAM + GIB)), &at);
    EXPECT(at.contiguous == MIB2);
    EXPECT(mmu_withheld(withheld) == 0);
    EXPECT(!sim_console_said("mmu"));

    /* A handler's window: its first page is nobody's, and nothing of it counts. */
    EXPECT(mmu_translate(mmu_kernel, BORROW, &at) && at.attributes.access == 0);
    EXPECT(mmu_translate(mmu_kernel, BORROW + PAGE_SIZE, &at) && at.attributes.access == 0);
    EXPECT(!mmu_translate(mmu_kernel, BORROW + 2 * PAGE_SIZE, &at));
    mmu_get_stats(&stats);
    EXPECT(stats.mapped_pages == 0);
}

static void test_one_bank(void **state)
{
    (void)state;
    in_a_process(one_bank);
}

/* Boot has mapped the image, guards and all; pages that are RAM only in part are nobody's. */
static void bank_of_image(void)
{
    const uint64_t base = image_first() - MIB2 - 24, end = image_end() + MIB2 + 24;

    add_bank(base, end - base);
    start();
    expect_mapped(base - PAGE_SIZE, base + 24, false);
    expect_mapped(base + 24, image_first(), true);
    expect_mapped(image_first(), image_end(), false);
    expect_mapped(image_end(), end - 24, true);
    expect_mapped(end - 24, end + PAGE_SIZE, false);
}

static void test_image(void **state)
{
    (void)state;
    in_a_process(bank_of_image);
}

/* Not even a speculative access may reach what others own; what is only taken is mapped. */
static void holes(void)
{
    add_bank(RAM, 8 * MIB2);
    reserve(RAM + MIB2, PAGE_SIZE, false);
    reserve(RAM + 2 * MIB2 + 5, 2 * PAGE_SIZE, true); /* parts of three pages */
    reserve(RAM + 3 * MIB2 + PAGE_SIZE, 3, true);
    reserve(RAM + 3 * MIB2, PAGE_SIZE, true);      /* touches the one before, and comes later */
    reserve(RAM - PAGE_SIZE, 2 * PAGE_SIZE, true); /* over the bank's ends */
    reserve(RAM + 8 * MIB2 - PAGE_SIZE, MIB2, true);
    reserve(RAM + 5 * MIB2, 0x1000, false);
    start();
    expect_mapped(RAM - PAGE_SIZE, RAM + PAGE_SIZE, false);
    expect_mapped(RAM + PAGE_SIZE, RAM + 2 * MIB2, true);
    expect_mapped(RAM + 2 * MIB2, RAM + 2 * MIB2 + 3 * PAGE_SIZE, false);
    expect_mapped(RAM + 2 * MIB2 + 3 * PAGE_SIZE, RAM + 3 * MIB2, true);
    expect_mapped(RAM + 3 * MIB2, RAM + 3 * MIB2 + 2 * PAGE_SIZE, false);
    expect_mapped(RAM + 3 * MIB2 + 2 * PAGE_SIZE, RAM + 8 * MIB2 - PAGE_SIZE, true);
    expect_mapped(RAM + 8 * MIB2 - PAGE_SIZE, RAM + 9 * MIB2, false);
}

static void test_holes(void **state)
{
    (void)state;
    in_a_process(holes);
}

/* What boot has mapped stays as it is: a block may reach farther than what is asked for. */
static void mapped_already(void)
{
    struct mmu_translation at;

    add_bank(RAM + MIB2 + PAGE_SIZE, PAGE_SIZE);
    start();
    EXPECT(mmu_map_device(paddr(3 * GIB), 2 * MIB2) != NULL);
    EXPECT(mmu_map_device(paddr(3 * GIB + MIB2 / 2), MIB2 / 2 + MIB2 + PAGE_SIZE) != NULL);
    EXPECT(mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(3 * GIB)), &at));
    EXPECT(at.contiguous == MIB2 && at.attributes.memory == MMU_DEVICE);
    EXPECT(mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(3 * GIB + 2 * MIB2)), &at));
    EXPECT(at.contiguous == PAGE_SIZE);
    EXPECT(!mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(3 * GIB + 2 * MIB2 + PAGE_SIZE)),
                          &at));
    /* Pages of a table that is there already, whatever would fit where none is. */
    EXPECT(mmu_map_device(paddr(3 * GIB + 4 * MIB2 + PAGE_SIZE), PAGE_SIZE) != NULL);
    EXPECT(mmu_map_device(paddr(3 * GIB + 4 * MIB2), MIB2) != NULL);
    /* From the middle of a block on, what is behind it. */
    EXPECT(mmu_map_device(paddr(5 * GIB), MIB2) != NULL);
    EXPECT(mmu_map_device(paddr(5 * GIB + MIB2 / 2), MIB2 / 2 + MIB2) != NULL);
    EXPECT(mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(5 * GIB + MIB2)), &at));
    EXPECT(at.pa.value == 5 * GIB + MIB2 && at.contiguous == MIB2);
    EXPECT(!mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(5 * GIB + 2 * MIB2)), &at));
    /* Memory stays memory, whoever asks for it. */
    EXPECT(mmu_map_device(paddr(RAM + MIB2), 2 * PAGE_SIZE) != NULL);
    EXPECT(is_mapped(RAM + MIB2 + PAGE_SIZE));
    for (uint64_t pa = 3 * GIB + 4 * MIB2; pa < 3 * GIB + 5 * MIB2; pa += PAGE_SIZE) {
        EXPECT(mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(pa)), &at));
        EXPECT(at.pa.value == pa && at.contiguous == PAGE_SIZE);
    }
}

static void test_mapped_already(void **state)
{
    (void)state;
    in_a_process(mapped_already);
}

/* --- Many banks ------------------------------------------------------------------------------- */

/* Each needs tables of its own, more of them than the image has brought along. */
#define PIECES 14

static uint64_t piece(unsigned i)
{
    return RAM + i * 3 * GIB + PAGE_SIZE;
}

static void many_banks(uint64_t size)
{
    for (unsigned i = 0; i < PIECES; i++) {
        add_bank(piece(i), size);
    }
}

static void attach(unsigned from, uint64_t size)
{
    for (unsigned i = from; i < PIECES; i++) {
        const struct page_range bank = {piece(i), size};

        sim_ram_attach(&bank, 1);
    }
}

static void expect_pieces(uint64_t size)
{
    for (unsigned i = 0; i < PIECES; i++) {
        expect_mapped(piece(i), piece(i) + size, true);
        EXPECT(!is_mapped(piece(i) - PAGE_SIZE));
        EXPECT(!is_mapped(piece(i) + size));
    }
}

static void tables_in_ram(void)
{
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    many_banks(MIB2);
    attach(0, MIB2);
    memset(phys_to_virt(paddr(piece(0))), 0xff, MIB2); /* whoever had it before */
    /* The first place that nothing is in the way of, by a page. */
    reserve(piece(0), PAGE_SIZE, false);
    reserve(piece(0) + 20 * PAGE_SIZE, 8, true);
    start();
    expect_mapped(piece(0), piece(0) + 20 * PAGE_SIZE, true);
    EXPECT(!is_mapped(piece(0) + 20 * PAGE_SIZE));
    for (unsigned i = 1; i < PIECES; i++) {
        expect_mapped(piece(i), piece(i) + MIB2, true);
    }
    EXPECT(!sim_console_said("mmu"));
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == piece(0) + 21 * PAGE_SIZE);
    EXPECT(withheld[0].size != 0 && withheld[0].size % PAGE_SIZE == 0);
    EXPECT(mmu_early_tables_left() != 0); /* the estimate was enough */
}

static void test_tables_in_ram(void **state)
{
    (void)state;
    in_a_process(tables_in_ram);
}

/* No bank holds as many in one piece as would be best: as many as it can. */
static void small_banks(void)
{
    const uint64_t size = 40 * PAGE_SIZE;
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    many_banks(size);
    attach(0, size);
    start();
    expect_pieces(size);
    EXPECT(!sim_console_said("mmu"));
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == piece(0));
    EXPECT(withheld[0].size <= size);
}

static void test_small_banks(void **state)
{
    (void)state;
    in_a_process(small_banks);
}

/*
 * A gap of just as many pages as are wanted, before something reserved or the end of its bank. In
 * RAM are those that are left, and those that were used.
 */
static unsigned tables_had(uint64_t gap, uint64_t taken)
{
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    many_banks(40 * PAGE_SIZE);
    machine.memory[1].size = (gap + taken) * PAGE_SIZE;
    if (taken != 0) {
        reserve(piece(1) + gap * PAGE_SIZE, taken * PAGE_SIZE, false);
    }
    for (unsigned i = 0; i < PIECES; i++) {
        const struct page_range bank = {piece(i), machine.memory[i].size};

        sim_ram_attach(&bank, 1);
    }
    start();
    EXPECT(mmu_withheld(withheld) == 1);
    return (unsigned)(withheld[0].size / PAGE_SIZE) + mmu_early_tables_left();
}

static void before_the_end(void)
{
    EXPECT(tables_had(45, 0) == 45);
}

static void before_the_reserved(void)
{
    EXPECT(tables_had(48, 8) == 48);
}

/* The image lies where the first gap would be. */
static void behind_the_image(void)
{
    const uint64_t base = virt_to_phys(home).value;
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    add_bank(base, HOME_SIZE);
    many_banks(40 * PAGE_SIZE);
    reserve(base, image_first() - base, false);
    attach(0, 40 * PAGE_SIZE);
    start();
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == image_end());
}

/* As many as are needed at most: of large memory there is one for each 512 GiB. */
static void for_large_memory(void)
{
    const struct page_range first = {RAM, MIB2};
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    add_bank(RAM, 16384 * GIB);
    sim_ram_attach(&first, 1);
    start();
    EXPECT(is_mapped(RAM + 16384 * GIB - 1));
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == RAM);
    EXPECT(withheld[0].size / PAGE_SIZE + mmu_early_tables_left() == 6 + 6 + 32);
}

static void test_gaps_that_fit(void **state)
{
    (void)state;
    in_a_process(behind_the_image);
    in_a_process(for_large_memory);
    in_a_process(before_the_end);
    in_a_process(before_the_reserved);
}

/* A handler's window shows one page of registers, and of nothing else, until the next one. */
static void borrowed(void)
{
    static const uint64_t places[] = {0x9000005, 0xa000ffc, 0x9000004, DIRECT_MAP_SIZE - 1};
    vaddr_t window = 0;

    struct mmu_translation before;

    one_bank();
    EXPECT(mmu_borrow_device(paddr(DIRECT_MAP_SIZE)) == NULL);
    EXPECT(mmu_borrow_device(paddr(UINT64_MAX)) == NULL);
    EXPECT(mmu_translate(mmu_kernel, BORROW + PAGE_SIZE, &before)); /* as it was */
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const vaddr_t at = (vaddr_t)mmu_borrow_device(paddr(places[i]));
        struct mmu_translation seen;

        EXPECT(mmu_translate(mmu_kernel, at, &seen));
        EXPECT(seen.pa.value == places[i]);
        EXPECT(seen.attributes.memory == MMU_DEVICE);
        EXPECT(seen.attributes.access == (MMU_READ | MMU_WRITE));
        EXPECT(window == 0 || window == (at & ~PAGE_MASK));
        window = at & ~PAGE_MASK;
        EXPECT(!mmu_translate(mmu_kernel, window + PAGE_SIZE, &seen));
    }
}

static void test_borrowed(void **state)
{
    (void)state;
    in_a_process(borrowed);
}

/* Where nothing is free there are no more tables: the image's bank is mapped first of all. */
static void no_tables(void)
{
    struct devicetree_range withheld[MMU_WITHHELD_MAX];
    unsigned count, mapped = 0;

    many_banks(MIB2);
    for (unsigned i = 0; i < PIECES; i++) {
        reserve(piece(i), MIB2, false);
    }
    add_bank(image_first() - MIB2, 2 * MIB2);
    reserve(image_first() - MIB2, 2 * MIB2, false);
    start();
    expect_mapped(image_first() - MIB2, image_first(), true);
    expect_mapped(image_end(), image_first() + MIB2, true);
    count = mmu_withheld(withheld);
    for (unsigned i = 0; i < PIECES; i++) {
        mapped += is_mapped(piece(i));
    }
    EXPECT(mapped != 0 && mapped < PIECES);
    EXPECT(count == PIECES - mapped);
    for (unsigned i = 0; i < count; i++) {
        EXPECT(withheld[i].base.value == piece(mapped + i));
        EXPECT(withheld[i].size == MIB2);
        EXPECT(!is_mapped(withheld[i].base.value));
    }
    EXPECT(sim_console_said("mmu: no tables for 0x200000 bytes of memory at 0x"));
    EXPECT(sim_console_said("which are not used\n"));
}

/* Which bank is the image's, to the byte. */
static void no_tables_but(uint64_t base, uint64_t size, bool holds)
{
    many_banks(MIB2);
    for (unsigned i = 0; i < PIECES; i++) {
        reserve(piece(i), MIB2, false);
    }
    add_bank(base, size);
    reserve(base, size, false);
    start();
    EXPECT(is_mapped(base + size / 2) == holds);
}

static void no_tables_from_the_image_on(void)
{
    no_tables_but(virt_to_phys(__image_start).value, 2 * MIB2, true);
}

static void no_tables_up_to_the_image(void)
{
    const uint64_t image = virt_to_phys(__image_start).value;

    no_tables_but(image - MIB2, MIB2, false);
}

/* A bank that is none: it would be the image's. */
static void no_bank_behind_the_last(void)
{
    behind = (struct devicetree_range){paddr(image_first() - MIB2), 2 * MIB2};
    add_bank(RAM, MIB2);
    start();
    EXPECT(!is_mapped(image_first() - MIB2));
}

/* The image's own bank may need more of them than there are: it is given up once, the rest of it.
 */
static void no_tables_at_home(void)
{
    const uint64_t base = image_first() - MIB2;
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    add_bank(base, 64 * GIB);
    reserve(base, 64 * GIB, false);
    for (unsigned i = 1; i < 20; i++) {
        reserve(base + i * 3 * GIB, PAGE_SIZE, true);
    }
    start();
    expect_mapped(base, image_first(), true);
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value > base + 3 * GIB);
    EXPECT(withheld[0].base.value + withheld[0].size == base + 64 * GIB);
}

static void test_no_tables(void **state)
{
    (void)state;
    in_a_process(no_tables);
    in_a_process(no_tables_at_home);
    in_a_process(no_tables_from_the_image_on);
    in_a_process(no_tables_up_to_the_image);
    in_a_process(no_bank_behind_the_last);
}

/* --- The pages that are left -------------------------------------------------------------------
 */

static void expect_state(uint64_t from, uint64_t to, enum page_state state)
{
    for (uint64_t pa = from; pa < to; pa += PAGE_SIZE) {
        EXPECT(page_get_state(paddr(pa)) == state);
    }
}

static struct page_stats pages_now(void)
{
    struct page_stats now;

    page_get_stats(&now);
    return now;
}

/* Whatever a stack has held before: nothing of it is a range. */
static __attribute__((noinline)) void soil_stack(uint64_t with)
{
    uint64_t words[4096];

    for (unsigned i = 0; i < 4096; i++) {
        words[i] = with;
    }
    __asm__ volatile("" : : "r"(words) : "memory");
}

/* Of banks that are too far apart the image's is kept, and the image in it. */
static void pages_at_home(void)
{
    const uint64_t base = virt_to_phys(home).value;

    add_bank(RAM, 8 * MIB2);
    add_bank(base, HOME_SIZE);
    reserve(base + 16 * PAGE_SIZE, 3 * PAGE_SIZE, false);
    reserve(base + 32 * PAGE_SIZE, PAGE_SIZE, true);
    while (machine.reserved_count < DEVICETREE_RESERVED_MAX) { /* as many as there may be */
        reserve(base + 64 * PAGE_SIZE + 2 * machine.reserved_count * PAGE_SIZE, PAGE_SIZE, false);
    }
    start();
    page_init();
    EXPECT(pages_now().total == HOME_SIZE / PAGE_SIZE);
    EXPECT(pages_now().allocated == 0);
    EXPECT(mmu_borrow_device(paddr(base)) == NULL); /* no registers */
    expect_state(RAM, RAM + 8 * MIB2, PAGE_FOREIGN);
    expect_state(base, base + 16 * PAGE_SIZE, PAGE_FREE);
    expect_state(base + 16 * PAGE_SIZE, base + 19 * PAGE_SIZE, PAGE_RESERVED);
    expect_state(base + 19 * PAGE_SIZE, base + 32 * PAGE_SIZE, PAGE_FREE);
    expect_state(base + 32 * PAGE_SIZE, base + 33 * PAGE_SIZE, PAGE_RESERVED);
    expect_state(base + 33 * PAGE_SIZE, base + 68 * PAGE_SIZE, PAGE_FREE);
    for (unsigned i = 2; i < DEVICETREE_RESERVED_MAX; i++) {
        expect_state(base + (64 + 2 * i) * PAGE_SIZE, base + (65 + 2 * i) * PAGE_SIZE,
                     PAGE_RESERVED);
        expect_state(base + (65 + 2 * i) * PAGE_SIZE, base + (66 + 2 * i) * PAGE_SIZE, PAGE_FREE);
    }
    expect_state(base + 128 * PAGE_SIZE, image_first(), PAGE_FREE);
    expect_state(image_first(), image_end(), PAGE_RESERVED);
    expect_state(image_end(), image_end() + MIB2, PAGE_FREE);
}

/* What holds tables is never handed out. */
static void pages_beside_tables(void)
{
    struct devicetree_range withheld[MMU_WITHHELD_MAX];
    uint64_t total = 0, tables;

    for (unsigned i = 0; i < 8; i++) {
        const struct page_range bank = {RAM + i * GIB + PAGE_SIZE, i < 7 ? MIB2 : 64 * MIB2};

        add_bank(bank.base, bank.size);
        sim_ram_attach(&bank, 1);
        total += bank.size / PAGE_SIZE;
    }
    start();
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == RAM + PAGE_SIZE);
    tables = withheld[0].size;
    soil_stack(RAM + GIB);
    page_init();
    EXPECT(pages_now().total == total);
    EXPECT(pages_now().allocated == 0);
    expect_state(RAM + PAGE_SIZE, RAM + PAGE_SIZE + tables, PAGE_RESERVED);
    expect_state(RAM + PAGE_SIZE + tables, RAM + MIB2 + PAGE_SIZE, PAGE_FREE);
    expect_state(RAM + GIB + PAGE_SIZE, RAM + GIB + MIB2 + PAGE_SIZE, PAGE_FREE);
}

static void test_pages(void **state)
{
    (void)state;
    in_a_process(pages_at_home);
    in_a_process(pages_beside_tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_bank),      cmocka_unit_test(test_image),
        cmocka_unit_test(test_holes),         cmocka_unit_test(test_mapped_already),
        cmocka_unit_test(test_tables_in_ram), cmocka_unit_test(test_small_banks),
        cmocka_unit_test(test_gaps_that_fit), cmocka_unit_test(test_borrowed),
        cmocka_unit_test(test_no_tables),     cmocka_unit_test(test_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
