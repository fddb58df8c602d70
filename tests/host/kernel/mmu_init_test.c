/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct map as start-up makes it of one bank: what of it and of the image is mapped and what
 * is not, what stays as boot has mapped it, and a handler's window to registers.
 */
#include "tests/host/kernel/mmu_init_fixture.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_order.h"
#include "tests/host/sim/sim_tlb.h"

#define BORROW MMU_KERNEL_MAP_END

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_bank), cmocka_unit_test(test_image),
        cmocka_unit_test(test_holes),    cmocka_unit_test(test_mapped_already),
        cmocka_unit_test(test_borrowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
