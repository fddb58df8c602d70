/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read of good and odd device trees: the machine, its devices, boot arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "kernel/devicetree.h"
#include "kernel/devicetree/devicetree_private.h"
#include "kernel/startup.h"
#include "tests/host/kernel/tree_writer.h"
#include "tests/host/sim/sim_console.h"

static void test_reads_a_machine(void **state)
{
    const struct devicetree_machine *machine = devicetree_machine();
    static const uint64_t reserved[][2] = {
        {0x48000000, 0x1000}, {TREE_AT, 0},         {0x4f000000, 0x100000},
        {0x49000000, 0x1000}, {0x4ffff000, 0x1000},
    };

    (void)state;
    build_machine();
    assert_null(finish_tree());
    assert_ptr_equal(devicetree(), tree);
    assert_int_equal(machine->memory_count, 2);
    assert_int_equal(machine->memory[0].base.value, 0x40000000);
    assert_int_equal(machine->memory[0].size, 0x10000000);
    assert_int_equal(machine->memory[1].base.value, 0x100000000);
    assert_int_equal(machine->memory[1].size, 0x200000000);
    assert_int_equal(machine->reserved_count, 5);
    for (unsigned i = 0; i < 5; i++) {
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

static void test_chosen_strings(void **state)
{
    (void)state;
    build_machine();
    assert_null(finish_tree());
    assert_string_equal(devicetree_bootargs(), "test=cursor* name=\"two words\" empty= x=1");
    assert_string_equal(devicetree_stdout_path(), "/pl011@9000000:115200");
}

static void test_nothing_in_it(void **state)
{
    (void)state;
    begin_tree();
    assert_null(finish_tree());
    assert_int_equal(devicetree_machine()->memory_count, 0);
    assert_string_equal(devicetree_bootargs(), "");
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

/* A device's own word, a bus's for all on it, and what is one byte longer or elsewhere. */
static void test_coherence(void **state)
{
    static const struct {
        const char *path;
        bool coherent;
    } nodes[] = {
        {"/mine", true},      {"/nothing", false},       {"/long", false},
        {"/bus/own", true},   {"/bus/not", false},       {"/value", false},
        {"/plain/own", true}, {"/plain/nothing", false}, {"/behind", false},
    };

    (void)state;
    begin_tree();
    begin("mine");
    ok(fdt_property_string(tree, "compatible", "dma-coherent"));
    ok(fdt_property(tree, "dma-coherent", NULL, 0));
    end();
    begin("nothing");
    ok(fdt_property_string(tree, "compatible", "dma-coherent"));
    end();
    begin("long");
    ok(fdt_property(tree, "dma-coherently", NULL, 0));
    end();
    begin("value");
    ok(fdt_property_string(tree, "other", "dma-coherent"));
    end();
    begin_bus("bus");
    ok(fdt_property(tree, "dma-coherent", NULL, 0));
    device("own", 0, 1);
    begin("not");
    ok(fdt_property(tree, "dma-noncoherent", NULL, 0));
    end();
    end();
    begin_bus("plain");
    begin("own");
    ok(fdt_property(tree, "dma-coherent", NULL, 0));
    end();
    device("nothing", 0, 1);
    end();
    begin("behind");
    end();
    assert_null(finish_tree());
    for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        const int node = fdt_path_offset(tree, nodes[i].path);

        assert_true(node >= 0);
        assert_int_equal(devicetree_is_coherent(node), nodes[i].coherent);
        /* What has been struck out. */
        if (nodes[i].coherent && fdt_getprop(tree, node, "dma-coherent", NULL) != NULL) {
            ok(fdt_nop_property(tree, node, "dma-coherent"));
            assert_false(devicetree_is_coherent(node));
        }
    }
    assert_false(devicetree_is_coherent(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_machine),
        cmocka_unit_test(test_finds_devices),
        cmocka_unit_test(test_chosen_strings),
        cmocka_unit_test(test_nothing_in_it),
        cmocka_unit_test(test_odd_properties),
        cmocka_unit_test(test_too_many_reservations),
        cmocka_unit_test(test_too_deep_and_too_many),
        cmocka_unit_test(test_devices_beyond_the_table),
        cmocka_unit_test(test_coherence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
