/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees of PCI functions: what is behind bridges of each kind and who speaks for it, what firmware
 * has left on, where everybody is placed on both sides of every bridge, and functions in use.
 */
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "tests/host/pci/pci_machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/lib/portable/test_mapper.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull

#define MEMORY_32       0x0u
#define MEMORY_64       0x4u
#define PREFETCHABLE_64 0xcu
#define PORTS           0x1u

#define ENDPOINT   0u
#define ROOT_PORT  4u
#define UPSTREAM   5u
#define DOWNSTREAM 6u
#define TO_PCI     7u

static struct pci_function *in(struct pci_function *first, unsigned bus, unsigned slot,
                               unsigned number)
{
    while (first != NULL &&
           (first->info.bus != bus || first->info.slot != slot || first->info.number != number)) {
        first = first->next;
    }
    return first;
}

/* --- Who is there ----------------------------------------------------------------------------- */

static struct fake_function *add_express(uint8_t bus, uint8_t slot, unsigned kind)
{
    struct fake_function *fake = fake_add(bus, slot, 0x1af5, 0x200);

    fake_put(fake, fake_capability(fake, PCI_CAP_EXPRESS, 60) + 2, kind << 4 | 2, 2);
    fake->extended = true;
    return fake;
}

static void add_link(uint8_t bus, uint8_t slot, unsigned kind, uint8_t secondary)
{
    fake_bridge(add_express(bus, slot, kind), secondary);
}

/*
 * A port with a device and its echo; a bridge to a conventional bus, behind which another is; and a
 * switch of two ports. By them it is told who speaks, and how far extended space is reached.
 */
static void links_of_each_kind(void **state)
{
    static const struct {
        uint8_t bus, slot;
        unsigned requester, space; /* space: 0: it is not there */
    } rows[] = {{0, 1, 0x0008, 4096}, {1, 0, 0x0100, 4096}, {1, 1, 0, 0},
                {0, 2, 0x0010, 4096}, {2, 3, 0x0200, 256},  {2, 4, 0x0200, 256},
                {3, 5, 0x0200, 256},  {0, 6, 0x0030, 4096}, {4, 0, 0x0400, 4096},
                {4, 1, 0x0408, 4096}, {5, 0, 0x0500, 4096}, {5, 2, 0, 0},
                {6, 0, 0x0600, 256},  {0, 9, 0x0048, 256}};
    struct pci_function *first;

    (void)state;
    fake_begin();
    add_link(0, 1, ROOT_PORT, 1);
    add_express(1, 0, ENDPOINT);
    add_express(1, 1, ENDPOINT);
    add_link(0, 2, TO_PCI, 2);
    add_express(2, 3, ENDPOINT);
    fake_bridge(fake_add(2, 4, 9, 1), 3);
    add_express(3, 5, ENDPOINT);
    add_link(0, 6, UPSTREAM, 4);
    add_link(4, 0, DOWNSTREAM, 5);
    add_link(4, 1, DOWNSTREAM, 6);
    add_express(5, 0, ENDPOINT);
    add_express(5, 2, ENDPOINT);
    fake_add(6, 0, 1, 1)->extended = true; /* none of PCI Express, whatever is there */
    fake_add(0, 9, 1, 2)->extended = true;
    first = fake_search(&fake_virt);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct pci_function *found = in(first, rows[i].bus, rows[i].slot, 0);

        assert_int_equal(found != NULL, rows[i].space != 0);
        if (found != NULL) {
            assert_int_equal(found->info.requester, rows[i].requester);
            assert_int_equal(found->config_size, rows[i].space);
        }
    }
}

/* A device says whether it has more functions than the first; without that nobody asks them. */
static void functions_of_a_device(void **state)
{
    struct pci_function *first;

    (void)state;
    fake_begin();
    for (unsigned i = 0; i < 4; i++) {
        static const uint8_t numbers[] = {0, 1, 4, 7};
        struct fake_function *const many = fake_add(0, 3, 1, (uint16_t)(10 + i));
        struct fake_function *const one = fake_add(0, 4, 1, (uint16_t)(20 + i));

        many->number = one->number = numbers[i];
        fake_put(many, PCI_HEADER, i == 0 ? 0x80 : 0, 1);
    }
    fake_add(0, 5, 1, 30)->number = 1; /* without a first one nobody is there */
    first = fake_search(&fake_virt);
    assert_int_equal(in(first, 0, 3, 1)->info.device, 11);
    assert_int_equal(in(first, 0, 3, 4)->info.device, 12);
    assert_int_equal(in(first, 0, 3, 7)->info.device, 13);
    assert_int_equal(in(first, 0, 3, 7)->info.requester, 3 << 3 | 7);
    assert_int_equal(in(first, 0, 4, 0)->info.device, 20);
    assert_null(in(first, 0, 4, 1));
    assert_null(in(first, 0, 5, 1));
}

/* What firmware has left on is off; what else it has set stays. */
static void firmware_is_silenced(void **state)
{
    struct fake_function *fake, *bridge;
    struct pci_info info;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake_put(fake, PCI_COMMAND, 0x0147, 2);
    fake_put(fake, PCI_SUBSYSTEM, 0x12345678, 4);
    bridge = fake_add(0, 2, 1, 3);
    fake_bridge(bridge, 1);
    fake_put(bridge, PCI_SUBSYSTEM, 0x12345678, 4); /* the top of its window */
    fake_put(bridge, PCI_BUSES + 3, 0x40, 1);       /* a timer */
    pci_get_info(fake_search(&fake_virt), &info);
    assert_int_equal(fake_get(fake, PCI_COMMAND, 2), 0x0540);
    assert_int_equal(info.subsystem_vendor, 0x5678);
    assert_int_equal(info.subsystem, 0x1234);
    assert_false(info.is_bridge);
    pci_get_info(pci_find(1, 3, NULL), &info);
    assert_int_equal(info.subsystem_vendor | info.subsystem, 0);
    assert_true(info.is_bridge);
    assert_int_equal(fake_get(bridge, PCI_BUSES, 4), 0x40010100);
}

/* Two buses at a time, and no more than there are. */
static void buses_are_mapped_as_they_are_met(void **state)
{
    const struct fake_windows three = {.low = 0x10000000, .low_size = 16 * MIB, .buses = 3};

    (void)state;
    fake_begin();
    fake_add(0, 1, 1, 1);
    assert_int_equal(fake_search(&three)->bus->host->mapped, 2 * PCI_BUS_SIZE);
    fake_begin();
    fake_bridge(fake_add(0, 1, 9, 1), 1);
    fake_bridge(fake_add(1, 1, 9, 2), 2);
    assert_int_equal(fake_search(&three)->bus->host->mapped, 3 * PCI_BUS_SIZE);
}

static void lists_have_an_end(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake_capability(fake, PCI_CAP_EXPRESS, 60);
    fake->extended = true;
    fake_put(fake, 0x100, 0x14010001, 4);
    fake_put(fake, 0x140, 0x00010002, 4);
    found = fake_search(&fake_virt);
    assert_int_equal(pci_find_extended_capability(found, 2, 0), 0x140);
    assert_int_equal(pci_find_extended_capability(found, 2, 0x100), 0x140);
    assert_int_equal(pci_find_extended_capability(found, 2, 0x140), 0);
    assert_int_equal(pci_find_extended_capability(found, 2, 0x40), 0);
    assert_int_equal(pci_find_capability(found, PCI_CAP_EXPRESS, 0x40), 0);
    assert_int_equal(pci_find_extended_capability(found, 0, 0x140), 0);
    /* An entry of zeros is none, though what it would be is asked for. */
    fake_put(fake, 0x100, 0, 4);
    assert_int_equal(pci_find_extended_capability(found, 0, 0), 0);
    fake_put(fake, 0x100, 0xffffffff, 4);
    assert_int_equal(pci_find_extended_capability(found, 0xffff, 0), 0);
}

/* --- Places ----------------------------------------------------------------------------------- */

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
    struct fake_function *narrow, *wide, *behind;
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
    fake_bridge(fake_add(0, 3, 9, 1), 1);
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
    expect_place(wide, in(first, 0, 2, 0), 4, windows.shift, 0x8000000000);
    expect_place(wide, in(first, 0, 2, 0), 2, windows.shift, 0x8100000000);
    expect_place(wide, in(first, 0, 2, 0), 0, windows.shift, 0x8180000000);
    expect_place(behind, in(first, 1, 1, 0), 0, windows.shift, 0x10000000);
    expect_place(behind, in(first, 1, 1, 0), 1, windows.shift, 0x10002000);
    expect_place(behind, in(first, 1, 1, 0), 5, windows.shift, 0x10003000);
    expect_place(behind, in(first, 1, 1, 0), 3, windows.shift, 0x81c0000000);
    /* A bridge has two, behind which are its buses. */
    assert_int_equal(pci_get_bar(in(first, 0, 3, 0), 2, &bar), kIOReturnNotFound);
    assert_int_equal(pci_get_bar(first, 6, &bar), kIOReturnNotFound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_of_each_kind),   cmocka_unit_test(functions_of_a_device),
        cmocka_unit_test(firmware_is_silenced), cmocka_unit_test(buses_are_mapped_as_they_are_met),
        cmocka_unit_test(lists_have_an_end),    cmocka_unit_test(registers_say_where),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
