/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses, interrupts and identities on their way up through the buses of a device tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/devicetree.h"
#include "kernel/devicetree/devicetree_private.h"
#include "tests/host/kernel/tree_writer.h"

static uint64_t base_of(const char *compatible)
{
    struct devicetree_range range;

    if (devicetree_reg(devicetree_next_compatible(-1, compatible), 0, &range) != KERN_SUCCESS) {
        return UINT64_MAX;
    }
    return range.base.value;
}

/* Each level has its own ranges, its own cells, and what it does not show is not there. */
static void test_ranges_of_every_level(void **state)
{
    (void)state;
    begin_tree();
    begin_bus("outer");
    cells("ranges", 8, 0u, 0u, 0x0a000000u, 0x10000u, 0x20000u, 1u, 0u, 0x10000u);
    device("in-outer", 0x200, 0x200);
    device("in-second", 0x20400, 0x200);
    device("across", 0xff00, 0x200); /* its end is in no entry */
    device("nowhere", 0x18000, 0x100);
    begin_bus("same");
    ok(fdt_property(tree, "ranges", "", 0));
    device("in-same", 0x400, 0x200);
    begin_bus("inner");
    cells("ranges", 3, 0x7000u, 0x800u, 0x1000u);
    device("in-inner", 0x7010, 0x10);
    end();
    end();
    end();
    begin_bus("alone"); /* no ranges: the root does not see it */
    device("in-alone", 0x200, 0x200);
    end();
    begin_bus("off");
    ok(fdt_property_string(tree, "status", "disabled"));
    ok(fdt_property(tree, "ranges", "", 0));
    device("in-off", 0x200, 0x200);
    end();
    assert_null(finish_tree());
    assert_int_equal(base_of("in-outer"), 0x0a000200);
    assert_int_equal(base_of("in-second"), 0x100000400);
    assert_int_equal(base_of("across"), UINT64_MAX);
    assert_int_equal(base_of("nowhere"), UINT64_MAX);
    assert_int_equal(base_of("in-same"), 0x0a000400);
    assert_int_equal(base_of("in-inner"), 0x0a000810);
    assert_int_equal(base_of("in-alone"), UINT64_MAX);
    assert_true(devicetree_next_compatible(-1, "in-off") < 0);
}

static void test_interrupts_of_every_form(void **state)
{
    struct devicetree_reference reference;
    unsigned intid;
    int node;

    (void)state;
    begin_tree();
    begin_controller("gic", "gic", GIC, 3);
    end();
    begin_controller("combiner", "combiner", 2, 2);
    cells("interrupts", 3, 0u, 7u, 4u);
    end();
    begin_bus("bus");
    cells("interrupt-parent", 1, 2u);
    begin("inherits");
    ok(fdt_property_string(tree, "compatible", "inherits"));
    cells("interrupts", 4, 5u, 6u, 8u, 9u);
    end();
    begin("extends");
    ok(fdt_property_string(tree, "compatible", "extends"));
    cells("interrupts", 2, 1u, 1u); /* the weaker of the two */
    cells("interrupts-extended", 7, GIC, 0u, 42u, 4u, 2u, 3u, 4u);
    end();
    begin("dangles");
    ok(fdt_property_string(tree, "compatible", "dangles"));
    cells("interrupt-parent", 1, 77u);
    cells("interrupts", 2, 1u, 1u);
    end();
    end();
    assert_null(finish_tree());
    node = devicetree_next_compatible(-1, "inherits");
    assert_int_equal(devicetree_interrupt_reference(node, 1, &reference), KERN_SUCCESS);
    assert_int_equal(reference.node, fdt_path_offset(tree, "/combiner"));
    assert_int_equal(reference.count, 2);
    assert_int_equal(reference.cells[0], 8);
    assert_int_equal(reference.cells[1], 9);
    assert_int_equal(devicetree_interrupt_reference(node, 2, &reference), KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_interrupt(node, 0, &intid), KERN_INVALID_ADDRESS); /* no GIC's */
    node = devicetree_next_compatible(-1, "extends");
    assert_int_equal(devicetree_interrupt(node, 0, &intid), KERN_SUCCESS);
    assert_int_equal(intid, 32 + 42);
    assert_int_equal(devicetree_interrupt_reference(node, 1, &reference), KERN_SUCCESS);
    assert_int_equal(reference.cells[1], 4);
    assert_int_equal(devicetree_interrupt_reference(node, 2, &reference), KERN_INVALID_ADDRESS);
    node = devicetree_next_compatible(-1, "dangles");
    assert_int_equal(devicetree_interrupt(node, 0, &intid), KERN_INVALID_ADDRESS);
}

static void test_pci(void **state)
{
    static const uint32_t slot_1[] = {0x900, 0, 0}, slot_2[] = {0x1000, 0, 0}, pins[] = {1, 2};
    struct devicetree_reference reference;
    struct devicetree_window window;
    unsigned intid;
    int bridge, endpoint;

    (void)state;
    begin_tree();
    begin_controller("gic", "gic", GIC, 3);
    cells("#address-cells", 1, 2u);
    end();
    add_pci();
    assert_null(finish_tree());
    bridge = devicetree_next_compatible(-1, "pci-host-ecam-generic");
    endpoint = devicetree_next_compatible(-1, "endpoint");
    assert_int_equal(devicetree_window(bridge, 1, &window), KERN_SUCCESS);
    assert_int_equal(window.space, 0x02000000);
    assert_int_equal(window.bus, 0x10000000);
    assert_int_equal(window.base.value, 0x10000000);
    assert_int_equal(window.size, 0x2eff0000);
    assert_int_equal(devicetree_window(bridge, 0, &window), KERN_SUCCESS);
    assert_int_equal(window.space, 0x01000000);
    assert_int_equal(window.base.value, 0x3eff0000);
    assert_int_equal(devicetree_window(bridge, 2, &window), KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_window(endpoint, 0, &window), KERN_INVALID_ADDRESS);

    assert_int_equal(devicetree_map_interrupt(bridge, slot_1, &pins[1], &reference), KERN_SUCCESS);
    assert_int_equal(devicetree_intid(&reference, &intid), KERN_SUCCESS);
    assert_int_equal(intid, 32 + 6);
    assert_int_equal(devicetree_map_interrupt(bridge, slot_1, &pins[0], &reference),
                     KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_map_interrupt(bridge, slot_2, &pins[0], &reference),
                     KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_map_interrupt(endpoint, slot_1, &pins[0], &reference),
                     KERN_INVALID_ADDRESS);

    assert_int_equal(devicetree_map_id(bridge, "msi-map", 0x2f, &reference), KERN_SUCCESS);
    assert_int_equal(reference.node, fdt_path_offset(tree, "/msi"));
    assert_int_equal(reference.cells[0], 0x50f);
    assert_int_equal(devicetree_map_id(bridge, "msi-map", 0x10, &reference), KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_map_id(bridge, "msi-map", 0x30, &reference), KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_map_id(bridge, "iommu-map", 0x10f, &reference), KERN_SUCCESS);
    assert_int_equal(reference.cells[0], 0x108); /* the mask takes the function away */
    assert_int_equal(devicetree_map_id(endpoint, "iommu-map", 0, &reference), KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_reference(endpoint, "iommus", "#iommu-cells", 0, &reference),
                     KERN_SUCCESS);
    assert_int_equal(reference.node, fdt_path_offset(tree, "/smmu"));
    assert_int_equal(reference.cells[0], 0x11);
    assert_int_equal(devicetree_reference(endpoint, "iommus", "#iommu-cells", 1, &reference),
                     KERN_INVALID_ADDRESS);
}

/* A device behind a bus that passes interrupts on, by the unit address of the device. */
static void test_interrupts_through_maps(void **state)
{
    unsigned intid;

    (void)state;
    begin_tree();
    begin_controller("gic", "gic", GIC, 3);
    end();
    begin_bus("bus");
    ok(fdt_property_string(tree, "compatible", "simple-bus"));
    cells("phandle", 1, 5u);
    cells("#interrupt-cells", 1, 1u);
    cells("interrupt-map", 12, 0x100u, 0u, GIC, 0u, 20u, 4u, 0x200u, 0u, GIC, 0u, 21u, 4u);
    cells("interrupt-parent", 1, 5u);
    for (unsigned i = 1; i <= 3; i++) {
        char name[] = {'d', (char)('0' + i), '\0'};

        begin(name);
        ok(fdt_property_string(tree, "compatible", name));
        cells("reg", 2, i * 0x100, 0x100u);
        cells("interrupts", 1, 0u);
        end();
    }
    end();
    begin("round"); /* its interrupts come to itself again */
    ok(fdt_property_string(tree, "compatible", "round"));
    cells("phandle", 1, 6u);
    cells("#address-cells", 1, 0u);
    cells("#interrupt-cells", 1, 1u);
    cells("interrupt-parent", 1, 6u);
    cells("interrupts", 1, 1u);
    cells("interrupt-map", 3, 1u, 6u, 1u);
    end();
    assert_null(finish_tree());
    assert_int_equal(devicetree_interrupt(devicetree_next_compatible(-1, "d1"), 0, &intid),
                     KERN_SUCCESS);
    assert_int_equal(intid, 52);
    assert_int_equal(devicetree_interrupt(devicetree_next_compatible(-1, "d2"), 0, &intid),
                     KERN_SUCCESS);
    assert_int_equal(intid, 53);
    assert_int_equal(devicetree_interrupt(devicetree_next_compatible(-1, "d3"), 0, &intid),
                     KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_interrupt(devicetree_next_compatible(-1, "round"), 0, &intid),
                     KERN_INVALID_ADDRESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_of_every_level),
        cmocka_unit_test(test_interrupts_of_every_form),
        cmocka_unit_test(test_pci),
        cmocka_unit_test(test_interrupts_through_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
