/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI bus on machines that QEMU does not build: windows that are full, lists that lie. */
#include "tests/host/pci/pci_machine.h"
#include "tests/host/sim/sim_console.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull

#define MEMORY_32       0x0u
#define MEMORY_64       0x4u
#define PREFETCHABLE_64 0xcu
#define PREFETCHABLE_32 0x8u
#define PORTS           0x1u

static struct pci_bar bar_of(struct pci_function *function, unsigned index, IOReturn expected)
{
    struct pci_bar bar = {.size = 1};

    assert_int_equal(pci_get_bar(function, index, &bar), expected);
    return bar;
}

/* N23: lists that go round, leave the space, or are not there. */
static void test_lists(void **state)
{
    static const struct {
        uint8_t first, at, next; /* the pointer in the header, and one entry */
        bool no_status;
        bool malformed;
        bool found;
    } cases[] = {
        {0x40, 0x40, 0x00, .found = true},
        /* one */ {0x40, 0x40, 0x40, .malformed = true}, /* itself */
        {0x41, 0x40, 0x03, .found = true},               /* the low bits are reserved */
        {0x40, 0x40, 0x3c, .malformed = true},           /* into the header */
        {0x40, 0x40, 0xff, .found = true}, /* 0xfc: the last four bytes, an entry of zeros */
        {0x40, 0x40, 0x00, .no_status = true},
        {0x04, 0x40, 0x00, .no_status = true}, /* nor is what would be one looked at */
        {0x00, 0x40, 0x00, .found = false},
        {0x04, 0x40, 0x00, .malformed = true},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_function *fake;
        struct pci_function *found;
        struct pci_info info;

        fake_begin();
        fake = fake_add(0, 1, 0x1234, 0x5678);
        fake_put(fake, PCI_STATUS, cases[i].no_status ? 0 : PCI_STATUS_LIST, 2);
        fake_put(fake, PCI_CAPABILITIES, cases[i].first, 1);
        fake_put(fake, cases[i].at, PCI_CAP_MSI, 1);
        fake_put(fake, cases[i].at + 1u, cases[i].next, 1);
        fake_add(0, 2, 0x1234, 0x9abc);
        sim_console_forget();
        found = fake_search(&fake_virt);
        pci_get_info(found, &info);
        assert_int_equal(info.is_malformed, cases[i].malformed);
        assert_int_equal(sim_console_said("it is not used"), cases[i].malformed);
        assert_int_equal(pci_find_capability(found, PCI_CAP_MSI, 0), cases[i].found ? 0x40 : 0);
        assert_int_equal(pci_find_capability(found, PCI_CAP_MSIX, 0), 0);
        assert_in_range(fake_accesses, 1, 1000);
        /* Who comes after it is found all the same. */
        pci_get_info(found->next, &info);
        assert_int_equal(info.device, 0x9abc);
    }
}

static void test_two_node_loop(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 0x1234, 0x5678);
    fake_put(fake, PCI_STATUS, PCI_STATUS_LIST, 2);
    fake_put(fake, PCI_CAPABILITIES, 0x40, 1);
    fake_put(fake, 0x40, 0x8005, 2);
    fake_put(fake, 0x80, 0x4011, 2);
    sim_console_forget();
    found = fake_search(&fake_virt);
    assert_true(found->info.is_malformed);
    assert_true(sim_console_said("00:01.0 (1234:5678): its list of capabilities goes round"));
    assert_int_equal(pci_find_capability(found, PCI_CAP_MSI, 0), 0);

    /* A list as long as there is room for is none that goes round. */
    fake_begin();
    fake = fake_add(0, 1, 0x1234, 0x5678);
    fake_put(fake, PCI_STATUS, PCI_STATUS_LIST, 2);
    fake_put(fake, PCI_CAPABILITIES, 0x40, 1);
    for (unsigned at = 0x40; at < 0x100; at += 4) {
        fake_put(fake, at, (at + 4) % 0x100 << 8 | (at == 0xfc ? PCI_CAP_MSI : PCI_CAP_VENDOR), 2);
    }
    found = fake_search(&fake_virt);
    assert_false(found->info.is_malformed);
    assert_int_equal(pci_find_capability(found, PCI_CAP_MSI, 0), 0xfc);
    assert_int_equal(pci_find_capability(found, PCI_CAP_VENDOR, 0x80), 0x84);
}

static void test_extended_lists(void **state)
{
    static const struct {
        uint32_t first, at, header;
        unsigned found;
    } cases[] = {
        {0x00010001, 0, 0, 0x100},
        {0x00000000, 0, 0, 0},
        {0x10010002, 0, 0, 0},                  /* itself, for ever */
        {0xffc10002, 0xffc, 0x00010001, 0xffc}, /* one dword left */
        {0x20010002, 0x200, 0x10010003, 0},     /* two */
        {0x04010002, 0, 0, 0},                  /* below the space */
        {0x20010002, 0x200, 0xffffffff, 0},     /* all ones */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_function *fake;
        struct pci_function *found;

        fake_begin();
        fake = fake_add(0, 1, 0x1234, 0x5678);
        fake_capability(fake, PCI_CAP_EXPRESS, 60);
        fake->extended = true;
        fake_put(fake, 0x100, cases[i].first, 4);
        if (cases[i].at != 0) {
            fake_put(fake, cases[i].at, cases[i].header, 4);
        }
        found = fake_search(&fake_virt);
        assert_int_equal(found->config_size, 4096);
        fake_accesses = 0;
        assert_int_equal(pci_find_extended_capability(found, 1, 0), cases[i].found);
        assert_in_range(fake_accesses, 1, 2000);
    }
    /* All ones at its beginning: it has 256 bytes after all. */
    fake_begin();
    fake_capability(fake_add(0, 1, 0x1234, 0x5678), PCI_CAP_EXPRESS, 60);
    assert_int_equal(fake_search(&fake_virt)->config_size, 256);
}

/* Every kind of BAR, by size; places aligned, apart, and where the kind may be. */
static void test_places(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 1);
    fake->bars[0] = (struct fake_bar){4096, MEMORY_32};
    fake->bars[1] = (struct fake_bar){16, MEMORY_32};
    fake->bars[2] = (struct fake_bar){4 * GIB, PREFETCHABLE_64};
    fake->bars[4] = (struct fake_bar){32, PORTS};
    fake->bars[5] = (struct fake_bar){MIB, PREFETCHABLE_32};
    fake = fake_add(0, 2, 1, 2);
    fake->bars[0] = (struct fake_bar){16 * MIB, MEMORY_64};
    fake->bars[2] = (struct fake_bar){GIB, MEMORY_64};  /* only the high window has room */
    fake->bars[5] = (struct fake_bar){4096, MEMORY_64}; /* a half of one: 32 bits */
    found = fake_search(&fake_virt);
    assert_int_equal(bar_of(found, 0, kIOReturnSuccess).bus, 0x11100000);
    bar = bar_of(found, 2, kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x8000000000);
    assert_true(bar.is_wide && bar.prefetchable);
    assert_int_equal(bar.size, 4 * GIB);
    assert_true(bar_of(found, 4, kIOReturnSuccess).is_io);
    bar_of(found, 3, kIOReturnNotFound);
    assert_int_equal(bar_of(found, 5, kIOReturnSuccess).bus, 0x11000000);
    assert_int_equal(bar_of(found->next, 0, kIOReturnSuccess).bus, 0x10000000);
    assert_int_equal(bar_of(found->next, 2, kIOReturnSuccess).bus, 0x8100000000);
    assert_false(bar_of(found->next, 5, kIOReturnSuccess).is_wide);
    /* And the registers say the same. */
    fake = fake_add(0, 3, 0, 0);
    assert_int_equal(pci_config_read32(found, PCI_BAR + 8), PREFETCHABLE_64);
    assert_int_equal(pci_config_read32(found, PCI_BAR + 12), 0x80);
    assert_int_equal(pci_enable(found, PCI_MEMORY), kIOReturnSuccess);
}

/* Without the high window all goes low; what has no room is said, and its function not enabled. */
static void test_no_room(void **state)
{
    const struct fake_windows small = {.low = 0x10000000, .low_size = 32 * MIB, .buses = 1};
    struct fake_function *fake;
    struct pci_function *found;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 1);
    fake->bars[0] = (struct fake_bar){16 * MIB, PREFETCHABLE_64};
    fake->bars[2] = (struct fake_bar){4096, MEMORY_32};
    fake = fake_add(0, 2, 1, 2);
    fake->bars[0] = (struct fake_bar){32 * MIB, MEMORY_64};
    fake->bars[2] = (struct fake_bar){4096, MEMORY_32};
    sim_console_forget();
    found = fake_search(&small);
    assert_int_equal(bar_of(found, 0, kIOReturnSuccess).bus, 0x10000000);
    assert_int_equal(bar_of(found->next, 0, kIOReturnNoSpace).size, 32 * MIB);
    assert_true(sim_console_said(
        "pci: 00:02.0 (0001:0002): no window has room for its BAR 0 of 0x2000000"));
    assert_int_equal(pci_enable(found, PCI_MEMORY), kIOReturnSuccess);
    assert_int_equal(pci_enable(found->next, PCI_MEMORY), kIOReturnNoSpace);
    assert_null(pci_map_bar(found->next, 0, 0, 0));
}

/* N22: two levels of bridges; the largest is left out until the rest fits. */
static void test_behind_bridges(void **state)
{
    const struct fake_windows narrow = {.low = 0x10000000,
                                        .low_size = 0x10000000,
                                        .high = 0x8000000000,
                                        .high_size = 8 * GIB,
                                        .buses = BUSES};
    struct fake_function *port, *inner, *fake, *huge;
    struct pci_function *found, *device;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    port = fake_add(0, 1, 9, 1);
    fake_bridge(port, 1);
    inner = fake_add(1, 0, 9, 2);
    fake_bridge(inner, 2);
    fake = fake_add(2, 4, 1, 1);
    fake->bars[0] = (struct fake_bar){4096, MEMORY_64};
    fake->bars[2] = (struct fake_bar){64 * MIB, PREFETCHABLE_64};
    fake->bars[4] = (struct fake_bar){256, PREFETCHABLE_32};
    huge = fake_add(2, 5, 1, 2);
    huge->bars[0] = (struct fake_bar){16 * GIB, PREFETCHABLE_64};
    sim_console_forget();
    found = fake_search(&narrow);
    assert_true(sim_console_said("02:05.0 (0001:0002): no window has room for its BAR 0"));
    device = found->next->next;
    assert_int_equal(device->info.bus, 2);
    assert_int_equal(device->info.slot, 4);
    /* Neither bridge is PCI Express: the outer one speaks for all. */
    assert_int_equal(device->info.requester, 1 << 3);
    bar = bar_of(device, 0, kIOReturnSuccess);
    assert_in_range(bar.bus, 0x10000000, 0x1fffffff);
    bar = bar_of(device, 4, kIOReturnSuccess);
    assert_in_range(bar.bus, 0x10000000, 0x1fffffff);
    bar = bar_of(device, 2, kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x8000000000);
    for (unsigned i = 0; i < 2; i++) {
        struct fake_function *bridge = i == 0 ? port : inner;

        assert_int_equal(fake_get(bridge, PCI_MEMORY_BASE, 4), 0x10001000);
        assert_int_equal(fake_get(bridge, PCI_PREFETCH_BASE, 4), 0x03f10001);
        assert_int_equal(fake_get(bridge, PCI_PREFETCH_UPPER, 4), 0x80);
        assert_int_equal(fake_get(bridge, PCI_PREFETCH_UPPER + 4, 4), 0x80);
        assert_int_equal(fake_get(bridge, PCI_IO_BASE, 2), 0x00f0);
        assert_int_equal(fake_get(bridge, PCI_COMMAND, 2) & 7, 6);
    }
    assert_int_equal(fake_get(port, PCI_BUSES, 4) & 0xffffff, 0x020100);
    assert_int_equal(fake_get(inner, PCI_BUSES, 4) & 0xffffff, 0x020201);
}

/* More bridges than bus numbers: the last stay closed, the others work. */
static void test_out_of_buses(void **state)
{
    const struct fake_windows few = {.low = 0x10000000, .low_size = 16 * MIB, .buses = 2};
    struct fake_function *second;

    (void)state;
    fake_begin();
    fake_bridge(fake_add(0, 1, 9, 1), 1);
    second = fake_add(0, 2, 9, 2);
    fake_bridge(second, 2);
    fake_put(second, PCI_BUSES, 0x40070600, 4); /* as firmware has left it */
    fake_add(1, 3, 1, 1);
    sim_console_forget();
    fake_search(&few);
    assert_true(sim_console_said("no bus number for what is behind the bridge at 00:02.0"));
    assert_int_equal(fake_get(second, PCI_BUSES, 4), 0x40000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),          cmocka_unit_test(test_two_node_loop),
        cmocka_unit_test(test_extended_lists), cmocka_unit_test(test_places),
        cmocka_unit_test(test_no_room),        cmocka_unit_test(test_behind_bridges),
        cmocka_unit_test(test_out_of_buses),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
