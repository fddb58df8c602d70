/* SPDX-License-Identifier: BSD-2-Clause */
/* Which functions of PCI are virtio devices, and what they may say of themselves. */
#include "tests/host/pci/transport_pci_fixture.h"

const struct virtio_transport *const virtio_transports[] = {&virtio_pci, NULL};

/* --- Finding ---------------------------------------------------------------------------------- */

static void test_found(void **state)
{
    struct virtio_pci_device *found;

    (void)state;
    begin_disk();
    structure(VIRTIO_PCI_NOTIFY, 0, 0, 4); /* by ports: there is another one (modern-pio-notify) */
    structure(VIRTIO_PCI_COMMON, 6, 0, 0x1000); /* a reserved number */
    structure(VIRTIO_PCI_DEVICE, 7, 0, 0x1000);
    structure(9, 4, 0xfffff000, 0xffffffff); /* a type of the future */
    add_structures();
    found = look();
    assert_non_null(found);
    assert_int_equal(found->device.id, VIRTIO_ID_BLOCK);
    assert_int_equal(found->multiplier, 4);
    assert_false(found->device.uncached);
    assert_ptr_equal(found->structures[VIRTIO_PCI_COMMON], disk_state.registers.start);
    assert_ptr_equal(found->structures[VIRTIO_PCI_NOTIFY],
                     (const volatile char *)disk_state.registers.start + NOTIFY);
    /* One word for an interrupt, no more; and one driver has it. */
    assert_string_equal(found->function->info.claimed, "virtio");
    assert_int_equal(fake_get(function, PCI_COMMAND, 2) & 6, 2);
}

static void test_types(void **state)
{
    (void)state;
    begin_disk(); /* transitional: the subsystem says */
    fake_put(function, 2, 0x1001, 2);
    fake_put(function, PCI_SUBSYSTEM, 0x00021af4, 4);
    add_structures();
    assert_non_null(look());
    begin_disk();
    fake_put(function, 2, 0x1041, 2);
    add_structures();
    assert_null(look());
    begin_disk();
    fake_put(function, 0, 0x1af5, 2);
    add_structures();
    assert_null(look());
    begin_disk();
    fake_put(function, 2, 0x1082, 2);
    add_structures();
    assert_null(look());
}

/* N23: what a capability may say, and who comes after it. */
static void test_nonsense(void **state)
{
    static const struct {
        unsigned at; /* in the capability of the common configuration, or of doorbells */
        uint32_t value;
        unsigned width;
        bool notify;
        const char *said;
    } cases[] = {
        {2, 15, 1, false, "makes no sense"},         /* a length that ends inside */
        {8, 0xfffffff0, 4, false, "makes no sense"}, /* offset and size wrap */
        {8, BAR_SIZE, 4, false, "makes no sense"},
        {8, BAR_SIZE - 0xfff, 4, false, "makes no sense"},
        {12, 0x37, 4, false, "makes no sense"},
        {12, 0xffffffff, 4, false, "makes no sense"},
        {4, 2, 1, false, "makes no sense"}, /* no such BAR */
        {4, 6, 1, false, "legacy interface alone"},
        {3, 7, 1, false, "legacy interface alone"},
        {2, 16, 1, true, "makes no sense"}, /* without its multiplier */
        {12, 1, 4, true, "makes no sense"},
        {3, 7, 1, true, "lacks a doorbell"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_function *broken;

        begin_disk();
        add_structures();
        fake_put(function, (cases[i].notify ? at_notify : at_common) + cases[i].at, cases[i].value,
                 cases[i].width);
        broken = function;
        assert_null(look());
        assert_true(sim_console_said("virtio: device type 2 at PCI 00:01.0"));
        assert_true(sim_console_said(cases[i].said));
        assert_int_equal(fake_get(broken, PCI_COMMAND, 2) & 6, 0);
    }
}

/* Numbers that are no virtio device's, a type of none, structures twice, and what is missing. */
static void test_devices_that_are_none(void **state)
{
    static const uint16_t numbers[] = {0x0fff, 0x1080, 0x1040};
    struct inject_report report;
    struct pci_function *found;

    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        begin_disk();
        fake_put(function, 2, numbers[i], 2);
        add_structures();
        assert_null(look());
        assert_false(sim_console_said("virtio: device"));
        assert_int_equal(fake_get(function, PCI_COMMAND, 2) & 6, 0); /* it is left alone */
    }
    begin_disk();
    structure(0, 4, 0, 0x1000);
    add_structures();
    structure(VIRTIO_PCI_COMMON, 4, NOTIFY, 0x1000); /* the first one is */
    assert_ptr_equal(look()->structures[VIRTIO_PCI_COMMON], disk_state.registers.start);
    begin_disk();
    structure(VIRTIO_PCI_COMMON, 4, COMMON, 0x1000);
    fake_put(function, structure(VIRTIO_PCI_NOTIFY, 4, NOTIFY, 0x1000) + 16, 4, 4);
    assert_null(look());
    assert_true(sim_console_said("lacks a doorbell or a word for its interrupts"));
    begin_disk();
    add_structures();
    function->bars[1] = (struct fake_bar){0x40000000, 0}; /* no window has so much */
    assert_null(look());
    assert_true(sim_console_said("has no place for its registers"));
    begin_disk();
    add_structures();
    found = fake_search(&fake_virt);
    forget_all_before(found);
    inject_begin(1);
    virtio_pci.find();
    inject_end(&report);
    assert_true(report.failed);
    assert_true(sim_console_said("finds no memory; it is passed over"));
    assert_null(found->info.claimed);
    pci_claim(found, "a test that is over");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_devices_that_are_none),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
