/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of the PCI bus one by one: what is refused, want of memory, and interrupts of each kind. */
#include "descriptors/IODeviceMemory.h"
#include "kernel/heap.h"
#include "kernel/inject.h"
#include "tests/host/pci/pci_machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define MEMORY_32 0x0u
#define PORTS     0x1u
#define MEMORY_64 0xcu /* prefetchable */

static const struct pci_info *info_of(const struct pci_function *function)
{
    return &function->info;
}

static void calls_about_nothing_are_refused(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;
    struct pci_bar bar;
    IODeviceMemory *memory;
    IOMapper *mapper;
    unsigned granted = 7;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake->bars[0] = (struct fake_bar){4096, MEMORY_32};
    fake->bars[1] = (struct fake_bar){256, PORTS};
    found = fake_search(&fake_virt);
    pci_release(NULL);
    pci_release(found); /* nobody has it */
    assert_int_equal(pci_get_bar(NULL, 0, &bar), kIOReturnBadArgument);
    assert_int_equal(pci_get_bar(found, 0, NULL), kIOReturnBadArgument);
    assert_null(pci_get_service(NULL));
    assert_int_equal(pci_copy_mapper(NULL, &mapper), kIOReturnBadArgument);
    assert_int_equal(pci_copy_mapper(found, NULL), kIOReturnBadArgument);
    assert_int_equal(pci_allocate_vectors(NULL, 1, 1, PCI_INTX, &granted), kIOReturnBadArgument);
    assert_int_equal(pci_allocate_vectors(found, 1, 1, PCI_INTX, NULL), kIOReturnBadArgument);
    assert_int_equal(pci_allocate_vectors(found, 0, 1, PCI_INTX, &granted), kIOReturnBadArgument);
    assert_int_equal(pci_allocate_vectors(found, 2, 1, PCI_INTX, &granted), kIOReturnBadArgument);
    assert_int_equal(pci_allocate_vectors(found, 1, 1, 0, &granted), kIOReturnBadArgument);
    /* Its pin leads nowhere. */
    assert_int_equal(pci_allocate_vectors(found, 1, 1, PCI_INTX, &granted), kIOReturnNoInterrupt);
    fake_put(fake, PCI_PIN, 1, 1);
    assert_int_equal(pci_allocate_vectors(found, 1, 1, PCI_INTX, &granted), kIOReturnNoInterrupt);
    assert_int_equal(granted, 7);
    pci_free_vectors(NULL);
    pci_free_vectors(found);
    pci_detach_vector(NULL, 0);
    pci_detach_vector(found, 0);
    pci_enable_vector(NULL, 0, true);
    pci_enable_vector(found, 0, true);
    assert_int_equal(pci_attach_vector(NULL, 0, NULL, NULL), kIOReturnBadArgument);
    assert_int_equal(pci_attach_vector(found, 0, NULL, NULL), kIOReturnBadArgument);
    assert_int_equal(pci_vector_intid(found, 0), 0);
    /* Registers of memory alone can be shown. */
    memory = pci_copy_bar_memory(found, 0);
    assert_non_null(memory);
    assert_int_equal(IOMemoryDescriptor_getLength(memory), 4096);
    OSObject_release(memory);
    assert_null(pci_copy_bar_memory(found, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnUnsupported);
    assert_null(pci_copy_bar_memory(found, 2));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    /* Outside what it has nothing is written, and nothing is read but ones. */
    fake_put(fake, 0xfc, 5, 1);
    fake->extended = true; /* whatever is there */
    fake_put(fake, 0x100, 0x5555, 2);
    pci_config_write8(found, 0x100, 7);
    assert_int_equal(fake_get(fake, 0x100, 2), 0x5555);
    assert_int_equal(pci_config_read8(found, 0x100), UINT8_MAX);
    assert_int_equal(pci_config_read16(found, 0x100), UINT16_MAX);
    pci_config_write8(found, 0xfc, 6);
    pci_config_write8(found, 0x1000, 7);
    pci_config_write16(found, 0xfff, 7);
    pci_config_write32(found, 0xffe, 7);
    assert_int_equal(fake_get(fake, 0xfc, 1), 6);
    assert_int_equal(pci_config_read8(found, 0x1000), UINT8_MAX);
    assert_int_equal(pci_config_read16(found, 0xfff), UINT16_MAX);
    assert_int_equal(pci_find_extended_capability(found, 1, 1), 0);
}

/* A header of a kind that nobody builds has its BARs elsewhere; wide ports have 16 bits. */
static void odd_headers_and_ports_are_met(void **state)
{
    struct fake_function *odd, *ports;
    struct pci_function *found;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    odd = fake_add(0, 1, 1, 2);
    odd->bars[0] = (struct fake_bar){4096, MEMORY_32};
    fake_put(odd, PCI_HEADER, 2, 1);
    ports = fake_add(0, 2, 1, 3);
    ports->bars[0] = (struct fake_bar){0x20000, PORTS};
    fake_put(ports, PCI_BAR, 0x40001, 4); /* as firmware has left it */
    found = fake_search(&fake_virt);
    assert_int_equal(pci_get_bar(found, 0, &bar), kIOReturnNotFound);
    pci_get_bar(found->next, 0, &bar);
    assert_true(bar.is_io);
    assert_int_equal(bar.size, 0x10000);
    assert_int_equal(fake_get(ports, PCI_BAR, 4), 0x40001); /* nobody has another place for it */
}

/* Address 0 is what a BAR without a place has: nobody is given it. */
static void nobody_is_at_address_0(void **state)
{
    const struct fake_windows zero = {.low = 0, .low_size = 0x1000000, .buses = 1};
    struct fake_function *fake;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake->bars[0] = (struct fake_bar){4096, MEMORY_32};
    assert_int_equal(pci_get_bar(fake_search(&zero), 0, &bar), kIOReturnSuccess);
    assert_int_not_equal(bar.bus, 0);
}

/* A bridge whose configuration space is not one whole bus. */
static void a_bridge_without_a_bus_is_passed_over(void **state)
{
    const struct fake_windows none = {.low = 0x10000000, .low_size = 0x1000000, .buses = 0};

    (void)state;
    fake_begin();
    fake_add(0, 1, 1, 2);
    sim_console_forget();
    assert_null(fake_search(&none));
    assert_true(sim_console_said("it is passed over"));
}

/* Of a bridge, then of a function, there is no memory: it is said, and the rest is found. */
static void want_of_memory_is_said(void **state)
{
    struct inject_report report = {.failed = true};
    struct heap_stats before, after;
    unsigned said = 0, nobody = 0;

    (void)state;
    for (uint64_t nth = 1; report.failed; nth++) {
        struct pci_function *found;

        fake_begin();
        fake_add(0, 1, 1, 2);
        sim_console_forget();
        heap_get_stats(&before);
        inject_begin(nth);
        found = fake_search(&fake_virt);
        inject_end(&report);
        if (sim_console_said("no memory for a host bridge")) {
            heap_get_stats(&after);
            assert_null(found);
            assert_int_equal(after.blocks, before.blocks);
            nobody++;
        }
        said += sim_console_said("pci: no memory for");
    }
    assert_true(said >= 3);
    assert_int_equal(nobody, 2); /* the bridge, and its bus */
}

/* Without a page for a page table neither configuration space nor registers can be looked at. */
static void want_of_tables_is_said(void **state)
{
    struct inject_report report;
    struct pci_function *found = NULL;
    unsigned unseen = 0, unmapped = 0;

    (void)state;
    /* Each machine is 256 MiB further on: a table is new to one of four, and to one BAR. */
    for (unsigned i = 0; i < 64 && unseen == 0; i++) {
        fake_begin();
        fake_add(0, 0, 1, 2);
        fake_add(0, 1, 1, 3);
        inject_begin(1 + i / 4);
        found = fake_search(&fake_virt);
        inject_end(&report);
        if (report.failed && report.kind == INJECT_TABLE) {
            assert_non_null(found); /* the next one is asked for again */
            assert_int_equal(info_of(found)->slot, 1);
            unseen++;
        }
    }
    assert_int_equal(unseen, 1);
    for (unsigned i = 0; i < 64 && unmapped == 0; i++) {
        const struct fake_windows windows = {.low = 0x10000000,
                                             .low_size = 0x1000000,
                                             .high = (i + 1ull) << 39,
                                             .high_size = 1ull << 32,
                                             .buses = 1};

        fake_begin();
        fake_add(0, 1, 1, 2)->bars[0] = (struct fake_bar){4096, MEMORY_64};
        found = fake_search(&windows);
        assert_non_null(found);
        inject_begin(1);
        if (pci_map_bar(found, 0, 0, 0) == NULL) {
            assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
            unmapped++;
        }
        inject_end(&report);
        assert_int_equal(report.failed, unmapped);
    }
    assert_int_equal(unmapped, 1);
    assert_non_null(pci_map_bar(found, 0, 0, 0));
}

/* By who made them, or by what they are, from one on. */
static void functions_are_found(void **state)
{
    static const struct {
        uint16_t vendor, device;
        uint32_t class_code;
    } rows[] = {{0x7001, 5, 0x770802}, {0x7001, 6, 0x770601}, {0x7002, 6, 0x770802}};
    struct pci_function *first, *second, *third;

    (void)state;
    fake_begin();
    for (unsigned i = 0; i < 3; i++) {
        struct fake_function *fake = fake_add(0, (uint8_t)(i + 1), rows[i].vendor, rows[i].device);

        fake_put(fake, PCI_REVISION, rows[i].class_code << 8 | 1, 4);
    }
    first = fake_search(&fake_virt);
    second = pci_next(first);
    third = pci_next(second);
    assert_null(pci_next(third));
    assert_ptr_equal(pci_find(0x7001, 5, NULL), first);
    assert_ptr_equal(pci_find(0x7001, 6, NULL), second);
    assert_ptr_equal(pci_find(0x7002, 6, first), third);
    assert_null(pci_find(0x7001, 6, second));
    assert_null(pci_find(0x7002, 5, NULL));
    assert_ptr_equal(pci_find_class(0x770802, 0xffffff, NULL), first);
    assert_ptr_equal(pci_find_class(0x770802, 0xffffff, first), third);
    assert_null(pci_find_class(0x770802, 0xffffff, third));
    assert_ptr_equal(pci_find_class(0x770600, 0xffff00, NULL), second);
    assert_ptr_equal(pci_find_class(0x770000, 0xff0000, second), third);
}

static void serve_nothing(void *context)
{
    (void)context;
}

static enum irq_result handle(void *context)
{
    serve_nothing(context);
    return IRQ_SERVED;
}

/* One message, several, and as many as an address that is too far for a narrow one. */
static void messages_are_sent_as_the_function_can(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;
    unsigned granted = 0, at;

    (void)state;
    fake_has_messages = true;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    at = fake_capability(fake, PCI_CAP_MSI, 24);
    fake_put(fake, at + 2, 0x0184, 2); /* 4 messages, an address of 64 bits, masks */
    fake_put(fake, at + 16, 0xf, 4);
    found = fake_search(&fake_virt);
    fake_controller.granted = 4;
    fake_controller.address = 0x812345678;
    fake_controller.data = 0x40;
    assert_non_null(pci_get_service(found));
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_MSI, &granted), kIOReturnSuccess);
    assert_int_equal(granted, 4);
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_MSI, &granted), kIOReturnBusy);
    assert_int_equal(fake_get(fake, at + 2, 2), 0x01a5); /* on, 2^2 of them */
    assert_int_equal(fake_get(fake, at + 4, 4), 0x12345678);
    assert_int_equal(fake_get(fake, at + 8, 4), 8);
    assert_int_equal(fake_get(fake, at + 12, 2), 0x40);
    assert_int_equal(fake_get(fake, at + 16, 4), 0);
    assert_int_equal(pci_vector_intid(found, 3), 83);
    assert_int_equal(pci_attach_vector(found, 1, handle, NULL), kIOReturnSuccess);
    assert_int_equal(pci_attach_vector(found, 1, handle, NULL), kIOReturnExclusiveAccess);
    assert_true(sim_line_is_enabled(81));
    pci_enable_vector(found, 1, false);
    assert_false(sim_line_is_enabled(81));
    pci_enable_vector(found, 1, true);
    assert_true(sim_line_is_enabled(81));
    assert_int_equal(pci_attach_vector(found, 2, handle, NULL), kIOReturnSuccess);
    pci_print();
    assert_true(sim_console_said("4 by MSI from 80 on"));
    pci_free_vectors(found);
    assert_false(sim_line_is_enabled(81) || sim_line_is_enabled(82)); /* nobody listens */
    assert_int_equal(fake_controller.out, 0);
    assert_int_equal(fake_get(fake, at + 2, 2) & 1, 0);
    /* Too far for an address of 32 bits: it is given back. */
    fake_put(fake, at + 2, 0x0004, 2);
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_MSI, &granted), kIOReturnNoInterrupt);
    assert_int_equal(fake_controller.out, 0);
    /* More than the controller has, or the function can. */
    fake_put(fake, at + 2, 0x0184, 2);
    fake_controller.granted = 2;
    assert_int_equal(pci_allocate_vectors(found, 3, 4, PCI_MSI, &granted), kIOReturnNoInterrupt);
    assert_int_equal(pci_allocate_vectors(found, 5, 8, PCI_MSI, &granted), kIOReturnNoInterrupt);
    fake_has_messages = false;
}

/* Each request for memory of an allocation fails in turn: nothing is kept. */
static void messages_without_memory_are_given_back(void **state)
{
    struct inject_report report = {.failed = true};
    struct fake_function *fake;
    struct pci_function *found;
    unsigned granted = 0, failures = 0;

    (void)state;
    fake_has_messages = true;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake_put(fake, fake_capability(fake, PCI_CAP_MSI, 24) + 2, 0x0184, 2);
    found = fake_search(&fake_virt);
    fake_controller.granted = 4;
    assert_non_null(pci_get_service(found));
    for (uint64_t nth = 1; report.failed; nth++) {
        IOReturn status;

        inject_begin(nth);
        status = pci_allocate_vectors(found, 1, 4, PCI_MSI, &granted);
        inject_end(&report);
        if (status != kIOReturnSuccess) {
            assert_int_equal(status, kIOReturnNoMemory);
            assert_int_equal(pci_interrupt_kind(found), 0);
            assert_int_equal(fake_controller.out, 0);
            failures++;
        }
    }
    assert_true(failures >= 2);
    /* Without memory for a shorter property it is cut. */
    inject_begin(1);
    pci_free_vectors(found);
    inject_end(&report);
    assert_int_equal(fake_controller.out, 0);
    assert_int_equal(found->interrupt_count, report.failed ? 1 : 0);
    assert_int_equal(info_of(found)->vendor, 1);
    fake_has_messages = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_sent_as_the_function_can), /* first: it prints them all */
        cmocka_unit_test(calls_about_nothing_are_refused),
        cmocka_unit_test(odd_headers_and_ports_are_met),
        cmocka_unit_test(nobody_is_at_address_0),
        cmocka_unit_test(want_of_memory_is_said),
        cmocka_unit_test(want_of_tables_is_said),
        cmocka_unit_test(messages_without_memory_are_given_back),
        cmocka_unit_test(a_bridge_without_a_bus_is_passed_over),
        cmocka_unit_test(functions_are_found),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
