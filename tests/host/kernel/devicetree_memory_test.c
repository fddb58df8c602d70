/* SPDX-License-Identifier: BSD-2-Clause */
/* What a device tree says of memory: banks, what of them is reserved, and what is to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "kernel/devicetree.h"
#include "kernel/devicetree/devicetree_private.h"
#include "kernel/direct_map.h"
#include "tests/host/kernel/tree_writer.h"
#include "tests/host/sim/sim_console.h"

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

static void wanted_area(const char *name, uint64_t size, uint64_t alignment)
{
    begin(name);
    cells("size", 2, (unsigned)(size >> 32), (unsigned)size);
    if (alignment != 0) {
        cells("alignment", 2, (unsigned)(alignment >> 32), (unsigned)alignment);
    }
}

static uint64_t place_of(const char *name)
{
    struct devicetree_range range;
    char path[64];

    snprintf(path, sizeof(path), "/reserved-memory/%s", name);
    return devicetree_reserved(fdt_path_offset(tree, path), &range) == KERN_SUCCESS
               ? range.base.value
               : 0;
}

/* Placed when everything is known that they must keep clear of, also what comes behind them. */
static void test_areas_without_a_place(void **state)
{
    const struct devicetree_machine *machine = devicetree_machine();
    const uint64_t top = 0x50000000;
    struct devicetree_range range;

    (void)state;
    begin_tree(); /* reserves a page at 0x48000000 */
    begin("reserved-memory");
    cells("#address-cells", 1, 2u);
    cells("#size-cells", 1, 2u);
    wanted_area("plain", 0x100001, 0);
    end();
    wanted_area("aligned", 0x1000, 0x1000000);
    ok(fdt_property(tree, "no-map", "", 0));
    end();
    wanted_area("within", 0x10000, 0);
    cells("alloc-ranges", 8, 0u, 0x10000000u, 0u, 0x1000000u, 0u, 0x47ff0000u, 0u, 0x11000u);
    end();
    wanted_area("above", 0x1000, 0);
    cells("alloc-ranges", 4, 1u, 0u, 1u, 0u);
    end();
    wanted_area("too-large", 0x400000000, 0);
    end();
    wanted_area("nowhere", 0x1000, 0);
    cells("alloc-ranges", 4, 0u, 0x10000000u, 0u, 0x1000000u);
    end();
    wanted_area("odd", 0x1000, 0x3000);
    end();
    wanted_area("off", 0x1000, 0);
    ok(fdt_property_string(tree, "status", "disabled"));
    end();
    begin("placed@4fff0000");
    cells("reg", 4, 0u, 0x4fff0000u, 0u, 0x8000u);
    end();
    end();
    add_memory();
    sim_console_forget();
    assert_null(finish_tree());
    assert_int_equal(place_of("plain"), 0x4fff0000 - 0x101000); /* below what is there */
    assert_int_equal(place_of("aligned"), 0x4f000000);
    assert_int_equal(place_of("within"), 0x47ff0000); /* its second range, below the page */
    assert_int_equal(place_of("above"), 0x1fffff000);
    assert_int_equal(place_of("too-large"), 0);
    assert_int_equal(place_of("nowhere"), 0);
    assert_int_equal(place_of("odd"), 0);
    assert_int_equal(place_of("off"), 0);
    assert_int_equal(place_of("placed@4fff0000"), 0);
    assert_true(
        sim_console_said("no place for the 0x400000000 bytes of /reserved-memory/too-large"));
    assert_true(sim_console_said("/reserved-memory/nowhere"));
    assert_true(sim_console_said("/reserved-memory/odd"));
    assert_false(sim_console_said("/reserved-memory/off"));
    assert_int_equal(devicetree_reserved(fdt_path_offset(tree, "/reserved-memory/plain"), &range),
                     KERN_SUCCESS);
    assert_int_equal(range.size, 0x101000);
    /* None lies over another, or over anything else, and all are kept from the allocator. */
    assert_int_equal(machine->reserved_count, 7);
    for (unsigned i = 0; i < machine->reserved_count; i++) {
        const struct devicetree_range *const one = &machine->reserved[i];

        assert_int_equal(machine->no_map[i], one->base.value == 0x4f000000);
        assert_true(one->base.value + one->size <= top || one->base.value >= 0x100000000);
        for (unsigned j = 0; j < i; j++) {
            const struct devicetree_range *const other = &machine->reserved[j];

            assert_true(one->base.value + one->size <= other->base.value ||
                        other->base.value + other->size <= one->base.value);
        }
    }
}

static void test_too_many_areas_without_a_place(void **state)
{
    char name[16];

    (void)state;
    begin_tree();
    add_memory();
    begin("reserved-memory");
    cells("#address-cells", 1, 2u);
    cells("#size-cells", 1, 2u);
    for (unsigned i = 0; i < DEVICETREE_RESERVED_MAX; i++) {
        snprintf(name, sizeof(name), "area%u", i);
        wanted_area(name, 0x1000, 0);
        end();
    }
    end();
    assert_non_null(finish_tree());
    assert_null(devicetree());
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

/* Firmware that says a thing twice, or nothing, or by halves of pages. */
static void test_banks_that_overlap_are_one(void **state)
{
    const struct devicetree_machine *machine = devicetree_machine();

    (void)state;
    begin_tree();
    bank(0x50000000, 0x10000000);
    bank(0x40000000, 0x8000000);
    bank(0x44000000, 0x8000000); /* over the end of one */
    bank(0x42000000, 0x1000);    /* in the middle */
    bank(0x47000000, 0);
    bank(0x4bfff800, 0x4000800); /* from half a page before its end to the next */
    bank(0x70000123, 0x777);
    assert_null(finish_tree());
    assert_int_equal(machine->memory_count, 2);
    assert_int_equal(machine->memory[0].base.value, 0x40000000);
    assert_int_equal(machine->memory[0].size, 0x20000000);
    assert_int_equal(machine->memory[1].base.value, 0x70000123);
    assert_int_equal(machine->memory[1].size, 0x777);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_map),
        cmocka_unit_test(test_areas_without_a_place),
        cmocka_unit_test(test_too_many_areas_without_a_place),
        cmocka_unit_test(test_banks_that_touch_are_one),
        cmocka_unit_test(test_banks_that_overlap_are_one),
        cmocka_unit_test(test_the_smallest_banks_are_given_up),
        cmocka_unit_test(test_memory_above_the_direct_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
