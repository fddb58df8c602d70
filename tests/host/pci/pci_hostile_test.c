/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions, bridges and trees that say what cannot be: MSI-X tables in no BAR, windows that
 * wrap or end at 4 GiB, ranges of buses, units that fail; and what asks for what is not there.
 */
#include "kernel/inject.h"
#include "tests/host/pci/pci_machine.h"
#include "tests/host/sim/sim_console.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull

#define MEMORY_32       0x0u
#define MEMORY_64       0x4u
#define PREFETCHABLE_64 0xcu
#define PORTS           0x1u

static enum irq_result serve(void *context)
{
    (void)context;
    return IRQ_SERVED;
}

/* --- Messages --------------------------------------------------------------------------------- */

/* Its table, or what is pending, is in no BAR, in ports, or behind the end of one. */
static void tables_in_no_bar(void **state)
{
    static const struct {
        uint32_t table, pending;
        bool lost; /* another BAR has no place, so that none answers */
    } rows[] = {{0, 5, false},     {5, 0, false}, {0, 1, false},   {0, 0x1000, false},
                {0xff8, 0, false}, {1, 0, false}, {0, 0x800, true}};
    unsigned granted;

    (void)state;
    fake_controller.granted = 4;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_function *fake;
        struct pci_function *found;
        unsigned at;

        fake_has_messages = true;
        fake_begin();
        fake = fake_add(0, 1, 1, 2);
        fake->bars[0] = (struct fake_bar){4096, MEMORY_32};
        fake->bars[1] = (struct fake_bar){256, PORTS};
        if (rows[i].lost) {
            fake->bars[2] = (struct fake_bar){GIB, MEMORY_32};
        }
        at = fake_capability(fake, PCI_CAP_MSIX, 12);
        fake_put(fake, at + 2, 3, 2); /* 4 entries */
        fake_put(fake, at + 4, rows[i].table, 4);
        fake_put(fake, at + 8, rows[i].pending, 4);
        found = fake_search(&fake_virt);
        sim_console_forget();
        assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_MSIX, &granted),
                         kIOReturnNoInterrupt);
        assert_true(sim_console_said("its MSI-X table of 4 entries is in no BAR"));
        assert_int_equal(fake_get(fake, at + 2, 2), 3);
    }
}

static void messages_of_other_kinds(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;
    unsigned granted, at;

    (void)state;
    fake_controller.granted = 4;
    fake_controller.address = 0x08020040;
    /* More than the capability may say; by a controller that has a name for the whole bridge. */
    fake_has_messages = true;
    fake_begin();
    fake_message_cells = 1;
    fake = fake_add(0, 1, 1, 2);
    at = fake_capability(fake, PCI_CAP_MSI, 24);
    fake_put(fake, at + 2, 6 << 1, 2);
    found = fake_search(&fake_virt);
    assert_int_equal(pci_allocate_vectors(found, 1, 64, PCI_MSI, &granted), kIOReturnNoInterrupt);
    fake_put(fake, at + 2, 2 << 1, 2); /* 4, narrow and without masks */
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_MSI, &granted), kIOReturnSuccess);
    assert_int_equal(fake_controller.asked.requester, 0x77);
    assert_int_equal(fake_get(fake, at + 4, 4), 0x08020040);
    assert_int_equal(fake_get(fake, at + 8, 2), 0);
    assert_int_equal(fake_get(fake, at + 12, 4), 0);
    assert_int_equal(fake_controller.asked.node, fdt_path_offset(devicetree(), "/msi@8020000"));
    /* A handler that another has is not taken from it. */
    assert_int_equal(irq_register(82, serve, NULL), KERN_SUCCESS);
    assert_int_equal(pci_attach_vector(found, 2, serve, NULL), kIOReturnNoInterrupt);
    assert_int_equal(pci_attach_vector(found, 2, NULL, NULL), kIOReturnBadArgument);
    assert_int_equal(pci_attach_vector(found, 4, serve, NULL), kIOReturnBadArgument);
    pci_enable_vector(found, 2, true); /* nobody is called */
    irq_unregister(82);
    pci_free_vectors(found);
    /* By a name of its own, which a map gives; it is stronger. */
    fake_begin();
    fake_maps_messages = true;
    fake_message_cells = 1;
    fake = fake_add(0, 1, 1, 2);
    fake_put(fake, fake_capability(fake, PCI_CAP_MSI, 24) + 2, 2 << 1, 2);
    found = fake_search(&fake_virt);
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_MSI, &granted), kIOReturnSuccess);
    assert_int_equal(fake_controller.asked.requester, 0x508);
    pci_free_vectors(found);
    /* Nobody takes them. */
    fake_has_messages = false;
    fake_begin();
    fake_capability(fake_add(0, 1, 1, 2), PCI_CAP_MSI, 24);
    found = fake_search(&fake_virt);
    assert_int_equal(pci_allocate_vectors(found, 1, 1, PCI_ANY_INTERRUPT, &granted),
                     kIOReturnNoInterrupt);
    assert_int_equal(pci_allocate_vectors(found, 1, 1, 0x80, &granted), kIOReturnBadArgument);
}

static void a_pin_that_there_is_not(void **state)
{
    struct fake_function *fake;
    unsigned granted;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake_put(fake, PCI_PIN, 5, 1);
    assert_int_equal(pci_allocate_vectors(fake_search(&fake_virt), 1, 1, PCI_INTX, &granted),
                     kIOReturnNoInterrupt);
}

/* --- Places ----------------------------------------------------------------------------------- */

static IOReturn place_of(struct pci_function *function, unsigned index, uint64_t *at)
{
    struct pci_bar bar = {.size = 0};
    const IOReturn status = pci_get_bar(function, index, &bar);

    *at = bar.bus;
    return status;
}

/* A BAR of 32 bits is not placed at 4 GiB and above, though the window goes on there. */
static void a_window_across_4_gib(void **state)
{
    const struct fake_windows across = {.low = 0xff000000,
                                        .low_size = 0x10000000,
                                        .high = 0x8000000000,
                                        .high_size = GIB,
                                        .buses = 1};
    struct fake_function *fake;
    struct pci_function *found;
    uint64_t at;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 1);
    fake->bars[0] = (struct fake_bar){32 * MIB, MEMORY_64}; /* from 4 GiB on */
    fake->bars[2] = (struct fake_bar){MIB, MEMORY_32};
    fake = fake_add(0, 2, 1, 2);
    fake->bars[0] = (struct fake_bar){8 * MIB, MEMORY_32};
    fake_add(0, 3, 1, 3)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_32};
    sim_console_forget();
    found = fake_search(&across);
    assert_int_equal(place_of(found, 0, &at), kIOReturnSuccess);
    assert_int_equal(at, 0x100000000);
    assert_int_equal(place_of(found, 2, &at), kIOReturnNoSpace);
    assert_int_equal(place_of(found->next, 0, &at), kIOReturnNoSpace);
    assert_true(sim_console_said("no window has room for its BAR 0 of 0x1000000"));
}

/* One that would wrap is none; nor is one at the very end where nothing aligned fits. */
static void windows_that_wrap(void **state)
{
    const struct fake_windows wraps = {.low = 0x10000000,
                                       .low_size = 16 * MIB,
                                       .high = 0xffffffff00000000,
                                       .high_size = 0x100000000,
                                       .buses = 1};
    const struct fake_windows last = {.low = 0x10000000,
                                      .low_size = 16 * MIB,
                                      .high = 0xfffffffff0000000,
                                      .high_size = 0xff00000,
                                      .buses = 1};
    uint64_t at;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fake_begin();
        fake_add(0, 1, 1, 1)->bars[0] = (struct fake_bar){GIB, PREFETCHABLE_64};
        assert_int_equal(place_of(fake_search(i == 0 ? &wraps : &last), 0, &at), kIOReturnNoSpace);
    }
}

/* Behind bridges the largest is left out, wherever it is, until the rest fits, or nothing is left.
 */
static void bridges_without_room(void **state)
{
    const struct fake_windows small = {.low = 0x10000000, .low_size = 8 * MIB, .buses = BUSES};
    struct fake_function *port, *inner;
    struct pci_function *found;
    uint64_t at;

    (void)state;
    fake_begin();
    port = fake_add(0, 1, 9, 1);
    fake_bridge(port, 1);
    fake_add(1, 1, 1, 1)->bars[0] = (struct fake_bar){64 * MIB, MEMORY_32};
    fake_add(1, 2, 1, 2)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_32};
    inner = fake_add(1, 3, 9, 2);
    fake_bridge(inner, 2);
    fake_add(2, 1, 1, 3)->bars[0] = (struct fake_bar){128 * MIB, MEMORY_32};
    fake_add(2, 2, 1, 4)->bars[0] = (struct fake_bar){MIB, MEMORY_32};
    sim_console_forget();
    found = fake_search(&small);
    assert_true(sim_console_said("(0001:0003): no window has room for its BAR 0 of 0x8000000"));
    assert_true(sim_console_said("(0001:0001): no window has room for its BAR 0 of 0x4000000"));
    assert_true(sim_console_said("(0001:0002): no window has room for its BAR 0 of 0x1000000"));
    while (found->info.device != 4) {
        found = found->next;
    }
    assert_int_equal(place_of(found, 0, &at), kIOReturnSuccess);
    /* Of this one nothing is left: its window is closed. */
    fake_begin();
    port = fake_add(0, 1, 9, 1);
    fake_bridge(port, 1);
    fake_add(1, 1, 1, 1)->bars[0] = (struct fake_bar){64 * MIB, MEMORY_32};
    fake_search(&small);
    assert_true(fake_get(port, PCI_MEMORY_BASE, 2) > fake_get(port, PCI_MEMORY_BASE + 2, 2));
}

/* --- Trees ------------------------------------------------------------------------------------ */

static void ranges_of_buses(void **state)
{
    static const struct {
        uint32_t range[2];
        unsigned cells, first, last;
    } rows[] = {{{2, 3}, 2, 2, 3},
                {{3, 3}, 2, 3, 3},
                {{200, 203}, 2, 200, 203},
                {{2, 10}, 2, 2, 9},
                {{255, 255}, 2, 255, 255},
                {{255, 256}, 2, 255, 255},
                {{256, 256}, 2, 0, BUSES - 1},
                {{300, 301}, 2, 0, BUSES - 1},
                {{0, 300}, 2, 0, BUSES - 1},
                {{4, 2}, 2, 4, 11},
                {{3, 3}, 1, 0, BUSES - 1}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pci_function *found;

        fake_begin();
        fake_add(0, 1, 1, 1);
        fake_bus_range_cells = rows[i].cells;
        memcpy(fake_bus_range, rows[i].range, sizeof(fake_bus_range));
        found = fake_search(&fake_virt);
        assert_non_null(found);
        assert_int_equal(found->bus->host->first_bus, rows[i].first);
        assert_int_equal(found->bus->host->last_bus, rows[i].last);
    }
}

/* Another node is no host bridge: it has no space. */
static void a_node_without_a_space(void **state)
{
    (void)state;
    fake_begin();
    fake_add(0, 1, 1, 1);
    fake_search(&fake_virt);
    sim_console_forget();
    pci_add_host(fdt_path_offset(devicetree(), "/msi@8020000"));
    assert_true(sim_console_said("it is passed over"));
}

/* --- Calls ------------------------------------------------------------------------------------ */

static void lists_that_lead_nowhere(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake_put(fake, PCI_STATUS, PCI_STATUS_LIST, 2);
    fake_put(fake, PCI_CAPABILITIES, 0x40, 1);
    fake_put(fake, 0x40, 0x8005, 2);
    fake_put(fake, 0x80, 0xff, 1);
    sim_console_forget();
    found = fake_search(&fake_virt);
    assert_true(found->info.is_malformed);
    assert_true(sim_console_said("leads to where nothing is"));

    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake_capability(fake, PCI_CAP_MSI, 24);
    found = fake_search(&fake_virt);
    assert_int_equal(pci_find_capability(found, PCI_CAP_MSI, 0x3c), 0); /* behind none */
    assert_int_equal(pci_find_capability(found, PCI_CAP_MSI, 0x100), 0);
    assert_int_equal(pci_find_extended_capability(found, 1, 0x100), 0);
}

static void calls_about_others(void **state)
{
    struct pci_function *found;

    (void)state;
    fake_begin();
    fake_add(0, 1, 0x1357, 2);
    fake_add(0, 2, 0x1357, 3);
    found = fake_search(&fake_virt);
    assert_ptr_equal(pci_find(0x1357, 3, NULL), found->next);
    assert_null(pci_find(0x1357, 4, NULL));
    assert_null(pci_find(0x2468, 3, found));
    assert_int_equal(pci_enable(NULL, PCI_MEMORY), kIOReturnBadArgument);
    assert_int_equal(pci_enable(found, 0x10), kIOReturnBadArgument);
    pci_disable(NULL, PCI_MEMORY);
    pci_enable_line(NULL, true);
    assert_int_equal(pci_claim(found, NULL), kIOReturnBadArgument);
    assert_int_equal(pci_claim(NULL, "somebody"), kIOReturnBadArgument);
    assert_int_equal(pci_claim(found, "somebody"), kIOReturnSuccess);
    assert_int_equal(pci_claim(found, "another"), kIOReturnExclusiveAccess);
    pci_release(found);
}

/* --- Units ------------------------------------------------------------------------------------ */

static IOReturn unit_says;
static IOMapper *unit_gives;
static unsigned asked;

static IOReturn source(struct pci_function *function, int node, uint32_t stream, IOMapper **mapper)
{
    (void)node;
    assert_int_equal(stream, function->info.requester);
    asked++;
    *mapper = unit_gives;
    return unit_says;
}

/* It must not master the bus before it is known what translates its accesses. */
static void units_that_fail(void **state)
{
    struct inject_report report;
    struct pci_function *found;
    IOMapper *mapper;

    (void)state;
    fake_begin();
    fake_has_units = true;
    fake_add(0, 1, 1, 2);
    fake_add(0, 2, 1, 3);
    found = fake_search(&fake_virt);
    pci_set_mapper_source(source);
    assert_int_equal(pci_enable(found, PCI_MEMORY), kIOReturnSuccess); /* which needs none */
    assert_int_equal(asked, 0);
    inject_begin(1); /* no service to name it to */
    assert_int_equal(pci_enable(found, PCI_MASTER), kIOReturnNoMemory);
    inject_end(&report);
    assert_true(report.failed);
    assert_int_equal(asked, 0);
    unit_says = kIOReturnTimeout;
    assert_int_equal(pci_enable(found, PCI_MASTER), kIOReturnTimeout);
    assert_int_equal(pci_config_read16(found, PCI_COMMAND) & PCI_MASTER, 0);
    assert_int_equal(pci_copy_mapper(found, &mapper), kIOReturnTimeout);
    assert_null(mapper);
    assert_int_equal(asked, 2);   /* an error may be asked again */
    unit_says = kIOReturnSuccess; /* and nothing translates */
    assert_int_equal(pci_copy_mapper(found, &mapper), kIOReturnSuccess);
    assert_null(mapper);
    assert_int_equal(pci_enable(found, PCI_MASTER), kIOReturnSuccess);
    assert_int_equal(asked, 3); /* an answer holds */
    pci_set_untranslated(found->next);
    assert_int_equal(pci_copy_mapper(found->next, &mapper), kIOReturnSuccess);
    assert_null(mapper);
    pci_set_mapper_source(NULL);
    pci_print();
    assert_true(sim_console_said("(messages alone)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_that_fail), /* first: it prints them all */
        cmocka_unit_test(tables_in_no_bar),        cmocka_unit_test(messages_of_other_kinds),
        cmocka_unit_test(a_pin_that_there_is_not), cmocka_unit_test(a_window_across_4_gib),
        cmocka_unit_test(windows_that_wrap),       cmocka_unit_test(bridges_without_room),
        cmocka_unit_test(ranges_of_buses),         cmocka_unit_test(a_node_without_a_space),
        cmocka_unit_test(lists_that_lead_nowhere), cmocka_unit_test(calls_about_others),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
