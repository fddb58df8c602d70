/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of PCI functions: the list of them all, and the properties of one's service. */
#include "tests/host/pci/pci_lines_fixture.h"

#define PREFETCHABLE_64 0xcu
#define PORTS           0x1u

/* Word by word what pci=list says. */
static void functions_are_listed(void **state)
{
    struct fake_function *fake;
    struct pci_function *first;
    unsigned granted;

    (void)state;
    fake = fake_add(0, 1, 0x11, 0x22);
    fake_put(fake, PCI_REVISION, 0x02000003, 4);
    fake_put(fake, PCI_PIN, 1, 1);
    fake->bars[0] = (struct fake_bar){8192, MEMORY_32};
    fake->bars[1] = (struct fake_bar){256, PORTS};
    fake->bars[2] = (struct fake_bar){0x100000, PREFETCHABLE_64};
    fake->bars[4] = (struct fake_bar){0x40000000, MEMORY_32};
    fake_add(0, 2, 0x11, 0x33);
    fake_bridge(fake_add(0, 4, 0x11, 0x44), 1);
    add_sender(6);
    fake_put(sender, PCI_PIN, 1, 1);
    fake = fake_add(1, 5, 0x11, 0x55);
    fake_put(fake, PCI_PIN, 2, 1);
    fake->bars[0] = (struct fake_bar){4096, MEMORY_32};
    first = fake_search(&fake_virt);
    plug_table(function_at(first, 0, 6, 0));
    assert_int_equal(pci_claim(function_at(first, 0, 2, 0), "somebody"), kIOReturnSuccess);
    assert_int_equal(pci_allocate_vectors(first, 1, 1, PCI_INTX, &granted), kIOReturnSuccess);
    assert_int_equal(pci_allocate_vectors(function_at(first, 0, 6, 0), 1, 8, PCI_MSIX, &granted),
                     kIOReturnSuccess);
    sim_console_forget();
    pci_list(NULL);
    assert_null(sim_console_after("pci"));
    pci_list("all");
    assert_true(sim_console_said("pci: pci=list lists the functions; pci=all means nothing\n"));
    assert_null(sim_console_after("00:01.0"));
    sim_console_forget();
    pci_list("list");
    assert_null(sim_console_after("means nothing"));
    assert_true(
        sim_console_said("pci 00:01.0 0011:0022 class 020000, line 40 (in use), no driver\n"
                         "  BAR 0: 0x2000 bytes at 0x10100000\n"
                         "  BAR 1: 0x100 bytes of ports, not used\n"
                         "  BAR 2: 0x100000 bytes at 0x8000000000, prefetchable\n"
                         "  BAR 4: 0x40000000 bytes without a place\n"
                         "pci 00:02.0 0011:0033 class 000000, somebody\n"
                         "pci 00:04.0 0011:0044 class 060400, bridge to bus 01, no driver\n"
                         "pci 00:06.0 1af5:1043 class 000000, line 42, 3 by MSI-X from 80 on, no "
                         "driver\n"
                         "  BAR 0: 0x1000 bytes at 0x10102000\n"
                         "pci 01:05.0 0011:0055 class 000000, no driver\n"
                         "  BAR 0: 0x1000 bytes at 0x10000000\n"));
    pci_free_vectors(first);
    pci_free_vectors(function_at(first, 0, 6, 0));
}

static void expect_cells(IOService *service, const char *key, unsigned count, const UInt32 *cells)
{
    assert_int_equal(IOService_countCells(service, key), count);
    for (unsigned i = 0; i < count; i++) {
        UInt32 value;

        assert_int_equal(IOService_getCell(service, key, i, &value), kIOReturnSuccess);
        assert_int_equal(value, cells[i]);
    }
}

#define EXPECT(key, ...)                                                                           \
    expect_cells(service, key, sizeof((const UInt32[]){__VA_ARGS__}) / 4,                          \
                 (const UInt32[]){__VA_ARGS__})

/* Each property, of which the interrupts come and go. */
static void a_service_says_who_it_is(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;
    struct heap_stats before, after;
    IOService *service;
    unsigned granted, at;

    (void)state;
    fake_bridge(fake_add(0, 3, 9, 1), 1);
    fake = fake_add(1, 4, 0x8086, 0x10d3);
    fake_put(fake, PCI_REVISION, 0x0c033042, 4);
    fake_put(fake, PCI_SUBSYSTEM, 0x12345678, 4);
    fake_put(fake, PCI_PIN, 1, 1);
    at = fake_capability(fake, PCI_CAP_MSI, 24);
    fake_put(fake, at + 2, 0x0184, 2);
    found = fake_search(&fake_virt)->next;
    service = pci_get_service(found);
    assert_non_null(service);
    assert_ptr_equal(pci_get_service(found), service);
    assert_ptr_equal(pci_from_service(service), found);
    assert_null(pci_from_service(NULL));
    assert_string_equal(IOService_getName(service), "pci@01:04.0");
    EXPECT("vendor-id", 0x8086);
    EXPECT("device-id", 0x10d3);
    EXPECT("subsystem-vendor-id", 0x5678);
    EXPECT("subsystem-id", 0x1234);
    EXPECT("class-code", 0x0c0330);
    EXPECT("revision-id", 0x42);
    EXPECT("reg", 3u << 3 << 8, 0, 0, 0, 0); /* the bridge speaks for it */
    EXPECT("interrupts", 0, 8, 4);
    assert_int_equal(IOService_countCells(service, "nothing"), 0);
    heap_get_stats(&before);
    fake_controller.granted = 2;
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_MSI, &granted), kIOReturnSuccess);
    EXPECT("interrupts", 0, 8, 4, 0, 80 - 32, 1, 0, 81 - 32, 1);
    pci_free_vectors(found);
    EXPECT("interrupts", 0, 8, 4);
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_INTX, &granted), kIOReturnSuccess);
    EXPECT("interrupts", 0, 8, 4);
    pci_free_vectors(found);
    heap_get_stats(&after);
    assert_int_equal(after.blocks, before.blocks);
    /* Without a line. */
    service = pci_get_service(fake_search(&fake_virt));
    EXPECT("interrupts", 0, 0xffffffe0, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(functions_are_listed), /* first: it lists them all */
        TEST(a_service_says_who_it_is),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
