/* SPDX-License-Identifier: BSD-2-Clause */
/* Device trees good, odd and damaged. */
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/devicetree.h"
#include "kernel/devicetree/devicetree_private.h"
#include "kernel/direct_map.h"
#include "kernel/startup.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_ram.h"

#define TREE_SIZE 65536
#define TREE_AT   0x40000000ull
#define GIC       1u /* its phandle */

static char tree[TREE_SIZE] __attribute__((aligned(8)));

/* The sequential-write calls below cannot fail for other reasons than a wrong test. */
static void ok(int status)
{
    assert_int_equal(status, 0);
}

static void cells(const char *name, unsigned count, ...)
{
    fdt32_t value[24];
    va_list arguments;

    va_start(arguments, count);
    for (unsigned i = 0; i < count; i++) {
        value[i] = cpu_to_fdt32(va_arg(arguments, unsigned));
    }
    va_end(arguments);
    ok(fdt_property(tree, name, value, (int)(count * sizeof(value[0]))));
}

static void begin(const char *name)
{
    ok(fdt_begin_node(tree, name));
}

static void end(void)
{
    ok(fdt_end_node(tree));
}

/* "#address-cells" and "#size-cells" of 2, as QEMU has them. */
static void begin_tree(void)
{
    ok(fdt_create(tree, TREE_SIZE));
    ok(fdt_add_reservemap_entry(tree, 0x48000000, 0x1000));
    ok(fdt_finish_reservemap(tree));
    begin("");
    cells("#address-cells", 1, 2u);
    cells("#size-cells", 1, 2u);
    cells("interrupt-parent", 1, GIC);
}

/* The node's own interrupts and children are the caller's; it ends it. */
static void begin_controller(const char *name, const char *compatible, unsigned phandle,
                             unsigned interrupt_cells)
{
    begin(name);
    ok(fdt_property_string(tree, "compatible", compatible));
    cells("phandle", 1, phandle);
    cells("#interrupt-cells", 1, interrupt_cells);
    ok(fdt_property(tree, "interrupt-controller", "", 0));
}

static const char *finish_tree(void)
{
    end();
    ok(fdt_finish(tree));
    return devicetree_read(tree, paddr(TREE_AT));
}

static void add_memory(void)
{
    begin("memory@40000000");
    ok(fdt_property_string(tree, "device_type", "memory"));
    cells("reg", 8, 0u, 0x40000000u, 0u, 0x10000000u, 1u, 0u, 2u, 0u);
    end();
}

static void build_machine(void)
{
    static const char gic[] = "arm,gic-400\0arm,cortex-a15-gic";

    begin_tree();
    add_memory();
    begin("memory@60000000"); /* disabled: not ours */
    ok(fdt_property_string(tree, "device_type", "memory"));
    ok(fdt_property_string(tree, "status", "disabled"));
    cells("reg", 4, 0u, 0x60000000u, 0u, 0x1000u);
    end();
    begin("reserved-memory");
    cells("#address-cells", 1, 1u);
    cells("#size-cells", 1, 1u);
    begin("firmware@4f000000");
    cells("reg", 2, 0x4f000000u, 0x100000u);
    end();
    begin("anywhere"); /* only a size: nothing to keep clear of */
    cells("size", 1, 0x1000u);
    end();
    end();
    begin("cpus");
    cells("#address-cells", 1, 1u);
    cells("#size-cells", 1, 0u);
    begin("cpu@0");
    ok(fdt_property_string(tree, "device_type", "cpu"));
    ok(fdt_property_string(tree, "compatible", "arm,cortex-a72"));
    cells("reg", 1, 0u);
    end();
    end();
    begin("intc@8000000");
    ok(fdt_property(tree, "compatible", gic, sizeof(gic)));
    cells("phandle", 1, GIC);
    cells("#interrupt-cells", 1, 3u);
    cells("reg", 8, 0u, 0x08000000u, 0u, 0x10000u, 0u, 0x08010000u, 0u, 0x20000u);
    end();
    begin("timer");
    ok(fdt_property_string(tree, "compatible", "arm,armv8-timer"));
    cells("interrupts", 6, 1u, 13u, 4u, 1u, 14u, 4u);
    end();
    begin("virtio_mmio@a000000");
    ok(fdt_property_string(tree, "compatible", "virtio,mmio"));
    cells("reg", 4, 0u, 0x0a000000u, 0u, 0x200u);
    cells("interrupts", 3, 0u, 16u, 1u);
    end();
    begin("virtio_mmio@a000200");
    ok(fdt_property_string(tree, "compatible", "virtio,mmio"));
    ok(fdt_property_string(tree, "status", "disabled"));
    end();
    begin("virtio_mmio@a000400");
    ok(fdt_property_string(tree, "status", "okay"));
    ok(fdt_property_string(tree, "compatible", "virtio,mmio"));
    end();
    begin("chosen");
    ok(fdt_property_string(tree, "bootargs", "test=cursor* name=\"two words\" empty= x=1"));
    ok(fdt_property_string(tree, "stdout-path", "/pl011@9000000:115200"));
    cells("linux,initrd-start", 1, 0x49000000u);
    cells("linux,initrd-end", 2, 0u, 0x49001000u);
    end();
}

static void test_reads_a_machine(void **state)
{
    const struct devicetree_machine *machine = devicetree_machine();
    static const uint64_t reserved[][2] = {
        {0x48000000, 0x1000}, {TREE_AT, 0}, {0x4f000000, 0x100000}, {0x49000000, 0x1000}};

    (void)state;
    build_machine();
    assert_null(finish_tree());
    assert_ptr_equal(devicetree(), tree);
    assert_int_equal(machine->memory_count, 2);
    assert_int_equal(machine->memory[0].base.value, 0x40000000);
    assert_int_equal(machine->memory[0].size, 0x10000000);
    assert_int_equal(machine->memory[1].base.value, 0x100000000);
    assert_int_equal(machine->memory[1].size, 0x200000000);
    assert_int_equal(machine->reserved_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(machine->reserved[i].base.value, reserved[i][0]);
        assert_int_equal(machine->reserved[i].size,
                         reserved[i][1] ? reserved[i][1] : fdt_totalsize(tree));
    }
}

static void test_finds_devices(void **state)
{
    struct devicetree_range range;
    unsigned intid;
    int node;

    (void)state;
    build_machine();
    assert_null(finish_tree());
    node = devicetree_next_compatible(-1, "arm,cortex-a15-gic");
    assert_true(node > 0);
    assert_int_equal(node, fdt_path_offset(tree, "/intc@8000000"));
    assert_int_equal(devicetree_next_compatible(-1, "arm,gic-400"), node);
    assert_int_equal(devicetree_reg(node, 1, &range), KERN_SUCCESS);
    assert_int_equal(range.base.value, 0x08010000);
    assert_int_equal(range.size, 0x20000);
    assert_int_equal(devicetree_reg(node, 2, &range), KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_interrupt(node, 0, &intid), KERN_INVALID_ADDRESS);

    node = devicetree_next_compatible(-1, "arm,armv8-timer");
    assert_int_equal(devicetree_interrupt(node, 1, &intid), KERN_SUCCESS);
    assert_int_equal(intid, 30);
    assert_int_equal(devicetree_interrupt(node, 2, &intid), KERN_INVALID_ADDRESS);

    node = devicetree_next_compatible(-1, "virtio,mmio");
    assert_int_equal(node, fdt_path_offset(tree, "/virtio_mmio@a000000"));
    assert_int_equal(devicetree_interrupt(node, 0, &intid), KERN_SUCCESS);
    assert_int_equal(intid, 48);
    node = devicetree_next_compatible(node, "virtio,mmio"); /* past the disabled one */
    assert_int_equal(node, fdt_path_offset(tree, "/virtio_mmio@a000400"));
    assert_int_equal(devicetree_reg(node, 0, &range), KERN_INVALID_ADDRESS);
    assert_true(devicetree_next_compatible(node, "virtio,mmio") < 0);

    assert_true(devicetree_next_compatible(-1, "virtio") < 0);
    assert_true(devicetree_next_compatible(-1, "arm,cortex-a72") < 0); /* a processor */
    assert_int_equal(devicetree_reg(-1, 0, &range), KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_reg(3, 0, &range), KERN_INVALID_ADDRESS);
}

static void test_bootargs(void **state)
{
    char value[12];

    (void)state;
    build_machine();
    assert_null(finish_tree());
    assert_true(devicetree_bootarg("test", value, sizeof(value)));
    assert_string_equal(value, "cursor*");
    assert_true(devicetree_bootarg("name", value, sizeof(value)));
    assert_string_equal(value, "two words");
    assert_true(devicetree_bootarg("empty", value, sizeof(value)));
    assert_string_equal(value, "");
    assert_true(devicetree_bootarg("x", value, 2));
    assert_string_equal(value, "1");
    assert_false(devicetree_bootarg("x", value, 1)); /* no room */
    assert_false(devicetree_bootarg("x", value, 0));
    assert_false(devicetree_bootarg("name", value, 9));
    assert_false(devicetree_bootarg("words\"", value, sizeof(value)));
    assert_false(devicetree_bootarg("tes", value, sizeof(value)));
    assert_string_equal(devicetree_stdout_path(), "/pl011@9000000:115200");
}

static void test_nothing_in_it(void **state)
{
    char value[4];

    (void)state;
    begin_tree();
    assert_null(finish_tree());
    assert_int_equal(devicetree_machine()->memory_count, 0);
    assert_string_equal(devicetree_bootargs(), "");
    assert_false(devicetree_bootarg("test", value, sizeof(value)));
    assert_true(devicetree_next_compatible(-1, "virtio,mmio") < 0);
}

static void test_odd_properties(void **state)
{
    struct devicetree_range range;
    unsigned intid;
    int node;

    (void)state;
    begin_tree();
    begin_controller("gic", "gic", GIC, 3);
    end();
    begin("a");
    ok(fdt_property_string(tree, "compatible", "a"));
    cells("reg", 3, 0u, 1u, 2u); /* three cells of four */
    cells("interrupts", 4, 0u, 1u, 4u, 0u);
    end();
    begin("b");
    ok(fdt_property_string(tree, "compatible", "b"));
    cells("reg", 0);
    cells("interrupts", 9, 2u, 1u, 4u, 0u, 988u, 4u, 1u, 16u, 4u); /* type, number, number */
    end();
    begin("bus");
    cells("#address-cells", 1, 3u);
    cells("#size-cells", 1, 0xffffffffu);
    begin("c");
    ok(fdt_property_string(tree, "compatible", "c"));
    cells("reg", 4, 1u, 2u, 3u, 4u);
    end();
    end();
    begin("chosen");
    ok(fdt_property(tree, "bootargs", "open", 4)); /* not terminated */
    ok(fdt_property(tree, "stdout-path", "open", 4));
    cells("linux,initrd-start", 2, 1u, 0u);
    cells("linux,initrd-end", 1, 5u); /* ends before it starts */
    end();
    assert_null(finish_tree());
    assert_string_equal(devicetree_bootargs(), "");
    assert_string_equal(devicetree_stdout_path(), "");
    node = devicetree_next_compatible(-1, "a");
    assert_int_equal(devicetree_reg(node, 0, &range), KERN_INVALID_ADDRESS);
    assert_int_equal(devicetree_interrupt(node, 0, &intid), KERN_INVALID_ADDRESS);
    node = devicetree_next_compatible(-1, "b");
    assert_int_equal(devicetree_reg(node, 0, &range), KERN_INVALID_ADDRESS);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(devicetree_interrupt(node, i, &intid), KERN_INVALID_ADDRESS);
    }
    node = devicetree_next_compatible(-1, "c");
    assert_int_equal(devicetree_reg(node, 0, &range), KERN_INVALID_ADDRESS);
    assert_string_equal(devicetree_bootargs(), "");
    assert_int_equal(devicetree_machine()->reserved_count, 2); /* no initrd */
}

static void test_too_many_reservations(void **state)
{
    (void)state;
    ok(fdt_create(tree, TREE_SIZE));
    for (unsigned i = 0; i <= DEVICETREE_RESERVED_MAX; i++) {
        ok(fdt_add_reservemap_entry(tree, 0x48000000 + i * 0x10000, 0x1000));
    }
    ok(fdt_finish_reservemap(tree));
    begin("");
    assert_non_null(finish_tree());
    assert_null(devicetree());
}

static void test_too_deep_and_too_many(void **state)
{
    char name[16];

    (void)state;
    begin_tree();
    for (unsigned i = 0; i < 40; i++) {
        begin("deep");
    }
    ok(fdt_property_string(tree, "compatible", "deep"));
    for (unsigned i = 0; i < 40; i++) {
        end();
    }
    for (unsigned i = 0; i < 150; i++) {
        snprintf(name, sizeof(name), "d@%x", i);
        begin(name);
        ok(fdt_property_string(tree, "compatible", "d"));
        end();
    }
    assert_null(finish_tree());
    assert_int_equal(devicetree_next_compatible(-1, "d"), fdt_path_offset(tree, "/d@0"));
    assert_true(devicetree_next_compatible(-1, "deep") > 0);
}

/* The controllers of a large machine come last in its tree, behind all that they serve. */
static void test_devices_beyond_the_table(void **state)
{
    struct devicetree_range range;
    unsigned count = 0, intid;
    char name[24];
    int node;

    (void)state;
    begin_tree();
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "virtio_mmio@%x", 0xa000000 + i * 0x200);
        begin(name);
        ok(fdt_property_string(tree, "compatible", "virtio,mmio"));
        cells("reg", 4, 0u, 0xa000000 + i * 0x200, 0u, 0x200u);
        cells("interrupts", 3, 0u, i, 1u);
        if (i == 250) {
            ok(fdt_property_string(tree, "status", "disabled"));
        }
        end();
    }
    begin_controller("intc@8000000", "arm,gic-400", GIC, 3);
    cells("reg", 4, 0u, 0x08000000u, 0u, 0x10000u);
    end();
    assert_null(finish_tree());
    for (node = -1; (node = devicetree_next_compatible(node, "virtio,mmio")) >= 0; count++) {
        const unsigned i = count < 250 ? count : count + 1;

        assert_int_equal(devicetree_reg(node, 0, &range), KERN_SUCCESS);
        assert_int_equal(range.base.value, 0xa000000 + i * 0x200);
        assert_int_equal(devicetree_interrupt(node, 0, &intid), KERN_SUCCESS);
        assert_int_equal(intid, 32 + i);
    }
    assert_int_equal(count, 299);
    node = devicetree_next_compatible(-1, "arm,gic-400");
    assert_int_equal(devicetree_reg(node, 0, &range), KERN_SUCCESS);
    assert_int_equal(range.base.value, 0x08000000);
}

static uint64_t base_of(const char *compatible)
{
    struct devicetree_range range;

    if (devicetree_reg(devicetree_next_compatible(-1, compatible), 0, &range) != KERN_SUCCESS) {
        return UINT64_MAX;
    }
    return range.base.value;
}

static void device(const char *name, unsigned base, unsigned size)
{
    begin(name);
    ok(fdt_property_string(tree, "compatible", name));
    cells("reg", 2, base, size);
    end();
}

static void begin_bus(const char *name)
{
    begin(name);
    cells("#address-cells", 1, 1u);
    cells("#size-cells", 1, 1u);
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

/* The host bridge of QEMU's virt, with two of its slots. */
static void add_pci(void)
{
    begin("pcie@10000000");
    ok(fdt_property_string(tree, "compatible", "pci-host-ecam-generic"));
    cells("reg", 4, 0x40u, 0x10000000u, 0u, 0x10000000u);
    cells("#address-cells", 1, 3u);
    cells("#size-cells", 1, 2u);
    cells("#interrupt-cells", 1, 1u);
    cells("ranges", 14, 0x01000000u, 0u, 0u, 0u, 0x3eff0000u, 0u, 0x10000u, 0x02000000u, 0u,
          0x10000000u, 0u, 0x10000000u, 0u, 0x2eff0000u);
    cells("interrupt-map-mask", 4, 0x1800u, 0u, 0u, 7u);
    cells("interrupt-map", 20, 0u, 0u, 0u, 1u, GIC, 0u, 0u, 0u, 3u, 4u, 0x800u, 0u, 0u, 2u, GIC, 0u,
          0u, 0u, 6u, 4u);
    cells("msi-map", 8, 0u, 3u, 0x100u, 0x10u, 0x20u, 3u, 0x500u, 0x10u);
    cells("iommu-map", 4, 0u, 4u, 0u, 0x10000u);
    cells("iommu-map-mask", 1, 0xfff8u);
    begin("endpoint");
    ok(fdt_property_string(tree, "compatible", "endpoint"));
    cells("reg", 5, 0x800u, 0u, 0u, 0u, 0u);
    cells("interrupts", 1, 2u);
    cells("iommus", 3, 4u, 0x11u, 4u); /* the second has no cell */
    end();
    end();
    begin("msi");
    ok(fdt_property_string(tree, "compatible", "arm,gic-v3-its"));
    cells("phandle", 1, 3u);
    end();
    begin("smmu");
    ok(fdt_property_string(tree, "compatible", "arm,smmu-v3"));
    cells("phandle", 1, 4u);
    cells("#iommu-cells", 1, 1u);
    end();
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

static void test_no_map(void **state)
{
    const struct devicetree_machine *machine = devicetree_machine();

    (void)state;
    begin_tree();
    add_memory();
    begin("reserved-memory"); /* without ranges, which is wrong and happens */
    cells("#address-cells", 1, 2u);
    cells("#size-cells", 1, 2u);
    begin("a@44000000");
    cells("reg", 8, 0u, 0x44000000u, 0u, 0x100000u, 0u, 0x45000800u, 0u, 0x10u);
    ok(fdt_property(tree, "no-map", "", 0));
    end();
    begin("b@46000000");
    cells("reg", 4, 0u, 0x46000000u, 0u, 0x2000u);
    end();
    end();
    assert_null(finish_tree());
    assert_int_equal(machine->reserved_count, 5);
    for (unsigned i = 0; i < machine->reserved_count; i++) {
        const uint64_t base = machine->reserved[i].base.value;

        assert_int_equal(machine->no_map[i], base == 0x44000000 || base == 0x45000800);
    }
}

static void set_bootargs(const char *text)
{
    begin_tree();
    begin("chosen");
    ok(fdt_property_string(tree, "bootargs", text));
    end();
    assert_null(finish_tree());
}

static void test_bootargs_of_every_form(void **state)
{
    static const char *const known[] = {"a", "b", "c.d"};
    char value[32];

    (void)state;
    set_bootargs("\t a=1\n\"b=two words\"\vc.d=\"x\"y\"z w\"\r\fa=2  typo=7 \"a b\" b");
    assert_true(devicetree_bootarg("a", value, sizeof(value)));
    assert_string_equal(value, "2"); /* the last of two */
    assert_true(devicetree_bootarg("b", value, sizeof(value)));
    assert_string_equal(value, "two words");
    assert_true(devicetree_bootarg("c.d", value, sizeof(value)));
    assert_string_equal(value, "xyz w");
    assert_false(devicetree_bootarg("words\"", value, sizeof(value)));
    sim_console_forget();
    devicetree_check_bootargs(known, known + 3);
    assert_true(sim_console_said("bootargs: nothing here asks for typo=7\n"
                                 "bootargs: nothing here asks for \"a b\"\n"
                                 "bootargs: nothing here asks for b\n"));
    assert_false(sim_console_said("a=1"));
    set_bootargs("a=\"open b=1");
    assert_true(devicetree_bootarg("a", value, sizeof(value)));
    assert_string_equal(value, "open b=1");
    assert_false(devicetree_bootarg("b", value, sizeof(value)));
    set_bootargs(" \t ");
    sim_console_forget();
    devicetree_check_bootargs(known, known);
    assert_false(sim_console_said("bootargs"));
}

/* One node each, as QEMU makes them for NUMA nodes. */
static void bank(uint64_t base, uint64_t size)
{
    char name[32];

    snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)base);
    begin(name);
    ok(fdt_property_string(tree, "device_type", "memory"));
    cells("reg", 4, (unsigned)(base >> 32), (unsigned)base, (unsigned)(size >> 32), (unsigned)size);
    end();
}

/* In whatever order they come, also when one fills the gap between two. */
static void test_banks_that_touch_are_one(void **state)
{
    static const unsigned order[] = {0, 2, 1, 5,  4, 3,  19, 18, 17, 16,
                                     6, 8, 7, 10, 9, 12, 11, 14, 15, 13};
    const uint64_t size = 0x20001000;
    const struct devicetree_machine *machine = devicetree_machine();

    (void)state;
    begin_tree();
    for (unsigned i = 0; i < 20; i++) {
        bank(0x40000000 + order[i] * size, size);
    }
    assert_null(finish_tree());
    assert_int_equal(machine->memory_count, 1);
    assert_int_equal(machine->memory[0].base.value, 0x40000000);
    assert_int_equal(machine->memory[0].size, 20 * size);
}

/* What cannot be kept is the least, and it is told. */
static void test_the_smallest_banks_are_given_up(void **state)
{
    const struct devicetree_machine *machine = devicetree_machine();

    (void)state;
    begin_tree();
    for (uint64_t i = 0; i < DEVICETREE_MEMORY_MAX + 3; i++) {
        bank(0x40000000 + i * 0x10000000, 0x1000000 + (i * 7 % 19) * 0x1000);
    }
    sim_console_forget();
    assert_null(finish_tree());
    assert_int_equal(machine->memory_count, DEVICETREE_MEMORY_MAX);
    for (unsigned i = 0; i < DEVICETREE_MEMORY_MAX; i++) {
        assert_true(machine->memory[i].size >= 0x1003000);
    }
    assert_true(sim_console_said("0x1000000 bytes at 0x40000000 are not used"));
    assert_true(sim_console_said("0x1002000 bytes at"));
}

static void test_memory_above_the_direct_map(void **state)
{
    const struct devicetree_machine *machine = devicetree_machine();

    (void)state;
    begin_tree();
    bank(0x40000000, DIRECT_MAP_SIZE); /* ends 1 GiB beyond it */
    bank(DIRECT_MAP_SIZE + 0x80000000, 0x10000000);
    bank(UINT64_MAX - 0xfff, 0x1000);
    sim_console_forget();
    assert_null(finish_tree());
    assert_int_equal(machine->memory_count, 1);
    assert_int_equal(machine->memory[0].size, DIRECT_MAP_SIZE - 0x40000000);
    assert_true(sim_console_said("what lies above 0x400000000000 is not used"));
}

static void test_not_a_tree(void **state)
{
    static const char junk[64] __attribute__((aligned(8))) = "no tree at all";

    (void)state;
    assert_non_null(devicetree_read(junk, paddr(TREE_AT)));
    assert_null(devicetree());
    assert_int_equal(devicetree_machine()->memory_count, 0);
    assert_string_equal(devicetree_bootargs(), "");
}

/* Everything a driver could ask of whatever was read. */
static void ask(void)
{
    static const char *const wanted[] = {"virtio,mmio", "arm,cortex-a15-gic",    "arm,armv8-timer",
                                         "in-inner",    "pci-host-ecam-generic", "endpoint"};
    static const char *const keys[] = {"test", "name", "empty", "x"};
    static const uint32_t unit[] = {0x900, 0, 0, 0}, pins[] = {2, 0, 0, 0};
    struct devicetree_reference reference;
    struct devicetree_window window;
    struct devicetree_range range;
    char value[64];
    unsigned intid;

    for (unsigned i = 0; i < 6; i++) {
        for (int node = -1; (node = devicetree_next_compatible(node, wanted[i])) >= 0;) {
            devicetree_map_interrupt(node, unit, pins, &reference);
            devicetree_map_id(node, "msi-map", 0x21, &reference);
            devicetree_map_id(node, "iommu-map", 0x21, &reference);
            for (unsigned j = 0; devicetree_window(node, j, &window) == KERN_SUCCESS; j++) {
                continue;
            }
            for (unsigned j = 0; devicetree_reference(node, "iommus", "#iommu-cells", j,
                                                      &reference) == KERN_SUCCESS;
                 j++) {
                continue;
            }
            for (unsigned j = 0; devicetree_reg(node, j, &range) == KERN_SUCCESS; j++) {
                continue;
            }
            for (unsigned j = 0; devicetree_interrupt(node, j, &intid) == KERN_SUCCESS; j++) {
                assert_in_range(intid, 16, 1019);
            }
        }
    }
    devicetree_bootarg("test", value, sizeof(value));
    devicetree_check_bootargs(keys, keys + sizeof(keys) / sizeof(keys[0]));
}

/*
 * Bytes changed at random, in a buffer of exactly its size: the sanitizers watch. TREES
 * says how many; `make soak` says a million.
 */
static void test_damaged_trees(void **state)
{
    uint64_t random = 11;
    const char *const wanted = getenv("TREES");
    const unsigned long trees = wanted != NULL ? strtoul(wanted, NULL, 0) : 20000;
    unsigned long survived = 0;
    size_t size;
    char *copy;

    (void)state;
    build_machine();
    add_pci();
    begin_bus("outer");
    cells("ranges", 4, 0u, 0u, 0x0a000000u, 0x10000u);
    begin_bus("inner");
    cells("ranges", 3, 0x7000u, 0x800u, 0x1000u);
    device("in-inner", 0x7010, 0x10);
    end();
    end();
    assert_null(finish_tree());
    size = fdt_totalsize(tree);
    copy = aligned_alloc(8, (size + 7) & ~(size_t)7);
    for (unsigned long round = 0; round < trees; round++) {
        memcpy(copy, tree, size);
        for (unsigned i = 0; i <= round % 4; i++) {
            uint64_t r = sim_random(&random);

            copy[r % size] = (r >> 32) % 2 ? (char)(r >> 40) : (char)(copy[r % size] ^ 1);
        }
        if (fdt_totalsize(copy) > size) {
            continue; /* boot maps what the header says */
        }
        if (devicetree_read(copy, paddr(TREE_AT)) == NULL) {
            survived++;
        }
        ask();
    }
    free(copy);
    assert_in_range(survived, trees / 30,
                    trees - trees / 30); /* it was neither too tame nor too wild */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_machine),
        cmocka_unit_test(test_finds_devices),
        cmocka_unit_test(test_bootargs),
        cmocka_unit_test(test_nothing_in_it),
        cmocka_unit_test(test_odd_properties),
        cmocka_unit_test(test_too_many_reservations),
        cmocka_unit_test(test_too_deep_and_too_many),
        cmocka_unit_test(test_devices_beyond_the_table),
        cmocka_unit_test(test_ranges_of_every_level),
        cmocka_unit_test(test_interrupts_of_every_form),
        cmocka_unit_test(test_pci),
        cmocka_unit_test(test_interrupts_through_maps),
        cmocka_unit_test(test_no_map),
        cmocka_unit_test(test_bootargs_of_every_form),
        cmocka_unit_test(test_banks_that_touch_are_one),
        cmocka_unit_test(test_the_smallest_banks_are_given_up),
        cmocka_unit_test(test_memory_above_the_direct_map),
        cmocka_unit_test(test_not_a_tree),
        cmocka_unit_test(test_damaged_trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
