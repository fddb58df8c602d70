/* SPDX-License-Identifier: BSD-2-Clause */
/* Device trees good, odd and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include "kernel/devicetree.h"
#include "kernel/devicetree/devicetree_private.h"
#include "tests/host/sim/sim_ram.h"

#define TREE_SIZE 8192
#define TREE_AT   0x40000000ull

static char tree[TREE_SIZE] __attribute__((aligned(8)));

/* The sequential-write calls below cannot fail for other reasons than a wrong test. */
static void ok(int status)
{
    assert_int_equal(status, 0);
}

static void cells(const char *name, unsigned count, ...)
{
    fdt32_t value[16];
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
    assert_true(devicetree_next_compatible(-1, "deep") < 0);
    assert_true(devicetree_next_compatible(-1, "d") > 0);
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
    static const char *const wanted[] = {"virtio,mmio", "arm,cortex-a15-gic", "arm,armv8-timer"};
    struct devicetree_range range;
    char value[64];
    unsigned intid;

    for (unsigned i = 0; i < 3; i++) {
        for (int node = -1; (node = devicetree_next_compatible(node, wanted[i])) >= 0;) {
            for (unsigned j = 0; devicetree_reg(node, j, &range) == KERN_SUCCESS; j++) {
                continue;
            }
            for (unsigned j = 0; devicetree_interrupt(node, j, &intid) == KERN_SUCCESS; j++) {
                assert_in_range(intid, 16, 1019);
            }
        }
    }
    devicetree_bootarg("test", value, sizeof(value));
}

/* Bytes changed at random, in a buffer of exactly its size: the sanitizers watch. */
static void test_damaged_trees(void **state)
{
    uint64_t random = 11;
    unsigned survived = 0;
    size_t size;
    char *copy;

    (void)state;
    build_machine();
    assert_null(finish_tree());
    size = fdt_totalsize(tree);
    copy = aligned_alloc(8, (size + 7) & ~(size_t)7);
    for (unsigned round = 0; round < 30000; round++) {
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
    assert_in_range(survived, 1000, 29000); /* it was neither too tame nor too wild */
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
        cmocka_unit_test(test_not_a_tree),
        cmocka_unit_test(test_damaged_trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
