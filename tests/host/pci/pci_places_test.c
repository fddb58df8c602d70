/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the registers of PCI functions are placed, on both sides of every bridge. */
#include "tests/host/pci/pci_machine.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull

#define MEMORY_32       0x0u
#define MEMORY_64       0x4u
#define PREFETCHABLE_64 0xcu

/* Who has a place is told of it, and of nothing else; the CPU reaches it where the window says. */
static void expect_place(const struct fake_function *fake, struct pci_function *function,
                         unsigned index, uint64_t shift, uint64_t expected)
{
    struct pci_bar bar;

    assert_int_equal(pci_get_bar(function, index, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, expected);
    assert_int_equal(bar.base.value, expected + shift);
    assert_int_equal(fake_get(fake, PCI_BAR + 4 * index, 4),
                     (uint32_t)expected | fake->bars[index].flags);
    if (bar.is_wide) {
        assert_int_equal(fake_get(fake, PCI_BAR + 4 * index + 4, 4), expected >> 32);
    }
}

static void registers_say_where(void **state)
{
    const struct fake_windows windows = {.low = 0x10000000,
                                         .low_size = 0x10000000,
                                         .high = 0x8000000000,
                                         .high_size = 8 * GIB,
                                         .shift = 0x100000000,
                                         .buses = BUSES};
    struct fake_function *narrow, *wide, *bridge, *behind;
    struct pci_function *first;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    narrow = fake_add(0, 1, 1, 1);
    for (unsigned i = 0; i < 6; i++) {
        narrow->bars[i] = (struct fake_bar){0x1000u << i, MEMORY_32};
    }
    wide = fake_add(0, 2, 1, 2);
    for (unsigned i = 0; i < 6; i += 2) {
        wide->bars[i] = (struct fake_bar){GIB << i / 2, PREFETCHABLE_64};
    }
    bridge = fake_add(0, 3, 9, 1);
    fake_bridge(bridge, 1);
    bridge->bars[0] = (struct fake_bar){0x400, MEMORY_64};
    behind = fake_add(1, 1, 1, 3);
    behind->bars[0] = (struct fake_bar){0x2000, MEMORY_32};
    behind->bars[1] = (struct fake_bar){0x1000, MEMORY_64};
    behind->bars[3] = (struct fake_bar){0x2000, PREFETCHABLE_64};
    behind->bars[5] = (struct fake_bar){0x1000, MEMORY_32};
    first = fake_search(&windows);
    /* The bridge's megabyte is aligned to more than what is beside it. */
    for (unsigned i = 0; i < 6; i++) {
        static const uint64_t at[] = {0x1013e000, 0x1013c000, 0x10138000,
                                      0x10130000, 0x10120000, 0x10100000};

        expect_place(narrow, first, i, windows.shift, at[i]);
    }
    expect_place(bridge, function_at(first, 0, 3, 0), 0, windows.shift, 0x1013f000);
    expect_place(wide, function_at(first, 0, 2, 0), 4, windows.shift, 0x8000000000);
    expect_place(wide, function_at(first, 0, 2, 0), 2, windows.shift, 0x8100000000);
    expect_place(wide, function_at(first, 0, 2, 0), 0, windows.shift, 0x8180000000);
    expect_place(behind, function_at(first, 1, 1, 0), 0, windows.shift, 0x10000000);
    expect_place(behind, function_at(first, 1, 1, 0), 1, windows.shift, 0x10002000);
    expect_place(behind, function_at(first, 1, 1, 0), 5, windows.shift, 0x10003000);
    expect_place(behind, function_at(first, 1, 1, 0), 3, windows.shift, 0x81c0000000);
    /* A bridge has two, behind which are its buses. */
    assert_int_equal(pci_get_bar(function_at(first, 0, 3, 0), 2, &bar), kIOReturnNotFound);
    assert_int_equal(pci_get_bar(first, 6, &bar), kIOReturnNotFound);
}

/* Of those that are as large the first one goes; of what is behind a further bridge, the largest.
 */
static void the_largest_is_left_out(void **state)
{
    static const struct {
        uint8_t slot;   /* of the further bridge */
        uint8_t mib[4]; /* of two beside it, and of two behind it */
        unsigned room;  /* MiB */
        uint16_t lost;
    } rows[] = {{9, {8, 8, 0, 0}, 12, 1},
                {9, {8, 0, 8, 0}, 12, 1},
                {0, {8, 0, 8, 0}, 12, 3},
                {9, {0, 0, 8, 8}, 12, 3},
                {9, {4, 2, 1, 8}, 12, 4}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct fake_windows small = {
            .low = 0x10000000, .low_size = rows[i].room * MIB, .buses = BUSES};
        struct pci_function *first;
        struct pci_bar bar;

        fake_begin();
        fake_bridge(fake_add(0, 1, 9, 1), 1);
        fake_bridge(fake_add(1, rows[i].slot, 9, 2), 2);
        for (unsigned k = 0; k < 4; k++) {
            fake_add(k < 2 ? 1 : 2, (uint8_t)(1 + k), 1, (uint16_t)(1 + k))->bars[0] =
                (struct fake_bar){rows[i].mib[k] * MIB, MEMORY_32};
        }
        first = fake_search(&small);
        for (unsigned k = 0; k < 4; k++) {
            assert_int_equal(pci_get_bar(function_at(first, k < 2 ? 1 : 2, 1 + k, 0), 0, &bar),
                             rows[i].mib[k] == 0      ? kIOReturnNotFound
                             : k + 1u == rows[i].lost ? kIOReturnNoSpace
                                                      : kIOReturnSuccess);
        }
    }
}

/* A bridge is no power of two large: who comes behind it is aligned again, on either side. */
static void places_are_aligned(void **state)
{
    struct fake_function *outer, *nobody;
    struct pci_function *first;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    outer = fake_add(0, 1, 9, 1);
    fake_bridge(outer, 1);
    fake_bridge(fake_add(1, 1, 9, 2), 2);
    fake_add(1, 2, 1, 1)->bars[0] = (struct fake_bar){4 * MIB, MEMORY_32};
    fake_add(2, 1, 1, 2)->bars[0] = (struct fake_bar){8 * MIB, MEMORY_32};
    fake_add(2, 2, 1, 3)->bars[0] = (struct fake_bar){4096, MEMORY_32};
    nobody = fake_add(0, 2, 9, 3);
    fake_bridge(nobody, 3);
    fake_put(nobody, PCI_MEMORY_BASE, 0x1ff01000, 4); /* as firmware has left it */
    fake_put(nobody, PCI_PREFETCH_BASE, 0x1ff01000, 4);
    fake_add(0, 3, 1, 4)->bars[0] = (struct fake_bar){MIB, MEMORY_32};
    fake_bridge(fake_add(0, 4, 9, 4), 4);
    fake_add(4, 1, 1, 5)->bars[0] = (struct fake_bar){4096, MEMORY_32};
    first = fake_search(&fake_virt);
    assert_int_equal(pci_get_bar(function_at(first, 2, 1, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x10000000);
    assert_int_equal(pci_get_bar(function_at(first, 2, 2, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x10800000);
    assert_int_equal(pci_get_bar(function_at(first, 1, 2, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x10c00000);
    assert_int_equal(fake_get(outer, PCI_MEMORY_BASE, 4), 0x10f01000);
    /* Of those that are aligned to as much, the first one that was found. */
    assert_int_equal(pci_get_bar(function_at(first, 0, 3, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x11000000);
    assert_int_equal(pci_get_bar(function_at(first, 4, 1, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x11100000);
    /* Nothing is behind this one, and nothing gets there. */
    for (unsigned at = PCI_MEMORY_BASE; at <= PCI_PREFETCH_BASE; at += 4) {
        assert_true(fake_get(nobody, at, 2) > fake_get(nobody, at + 2, 2));
    }
}

/* What must not be prefetched, of 32 bits, has its window, wherever the other one is. */
static void windows_are_of_kinds(void **state)
{
    const struct fake_windows both = {.low = 0x10000000,
                                      .low_size = 8 * MIB,
                                      .high = 0x20000000,
                                      .high_size = 256 * MIB,
                                      .buses = BUSES};
    struct pci_function *first;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    fake_add(0, 1, 1, 1)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_32};
    fake_add(0, 2, 1, 2)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_64};
    fake_bridge(fake_add(0, 3, 9, 1), 1);
    fake_add(1, 1, 1, 3)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_64};
    first = fake_search(&both);
    assert_int_equal(pci_get_bar(first, 0, &bar), kIOReturnNoSpace);
    assert_int_equal(pci_get_bar(first->next, 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x20000000);
    assert_int_equal(pci_get_bar(function_at(first, 1, 1, 0), 0, &bar), kIOReturnNoSpace);
}

/*
 * To the last byte, and to 4 GiB: the window of a bridge is no power of two, and may begin below
 * and end above.
 */
static void windows_are_filled(void **state)
{
    const struct fake_windows across = {.low = 0xff000000, .low_size = 0x10000000, .buses = BUSES};
    const struct fake_windows small = {.low = 0x10000000, .low_size = 16 * MIB, .buses = BUSES};
    struct pci_function *first;
    struct pci_bar bar;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fake_begin();
        fake_add(0, 1, 1, 1)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_32};
        fake_add(0, 2, 1, 2)->bars[0] = (struct fake_bar){4096, MEMORY_32};
        first = fake_search(i == 0 ? &small : &across);
        assert_int_equal(pci_get_bar(first, 0, &bar), kIOReturnSuccess);
        assert_int_equal(bar.bus, i == 0 ? small.low : across.low);
        assert_int_equal(pci_get_bar(first->next, 0, &bar), kIOReturnNoSpace);
    }
    fake_begin();
    fake_bridge(fake_add(0, 1, 9, 1), 1);
    fake_add(1, 1, 1, 1)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_32};
    fake_add(1, 2, 1, 2)->bars[0] = (struct fake_bar){8 * MIB, MEMORY_32};
    first = fake_search(&across);
    assert_int_equal(pci_get_bar(function_at(first, 1, 1, 0), 0, &bar), kIOReturnNoSpace);
    assert_int_equal(pci_get_bar(function_at(first, 1, 2, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0xff000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_say_where), cmocka_unit_test(the_largest_is_left_out),
        cmocka_unit_test(places_are_aligned),  cmocka_unit_test(windows_are_of_kinds),
        cmocka_unit_test(windows_are_filled),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
