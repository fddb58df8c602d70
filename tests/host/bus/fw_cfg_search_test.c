/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the firmware configuration device is looked for. */
#include "drivers/fw_cfg/fw_cfg_private.h"
#include "kernel/direct_map.h"
#include "tests/host/bus/machine.h"
#include "tests/host/sim/sim_console.h"

#define BASE 0x09020000ull

static unsigned attached;
static bool refuses;

/* The driver's side of it. */
bool fw_cfg_attach(volatile void *registers, paddr_t address)
{
    assert_int_equal(address.value, BASE);
    assert_ptr_equal(registers, phys_to_virt(address));
    attached++;
    return !refuses;
}

/* A machine with such a device, of so many bytes; -1: without registers. */
static void look(uint64_t base, int size)
{
    attached = 0;
    begin_tree();
    add_memory();
    begin("fw-cfg@9020000");
    ok(fdt_property_string(tree, "compatible", "qemu,fw-cfg-mmio"));
    if (size >= 0) {
        add_registers(base, (uint64_t)size);
    }
    end();
    assert_null(finish_tree());
    sim_console_forget();
    fw_cfg_search();
}

static void test_found(void **state)
{
    (void)state;
    look(BASE, 0x18);
    assert_int_equal(attached, 1);
    assert_false(sim_console_said("fw_cfg"));
    refuses = true;
    look(BASE, 0x18);
    refuses = false;
    assert_int_equal(attached, 1);
    assert_true(sim_console_said("fw_cfg: the device at 0x9020000 cannot be used\n"));
}

static void test_not_found(void **state)
{
    (void)state;
    look(BASE, 0x17);
    assert_int_equal(attached, 0);
    look(BASE, -1);
    assert_int_equal(attached, 0);
    assert_false(sim_console_said("fw_cfg"));
    look(0x40000000, 0x18); /* RAM */
    assert_int_equal(attached, 0);
    assert_true(sim_console_said("fw_cfg: the device at 0x40000000 cannot be used\n"));

    begin_tree();
    add_memory();
    assert_null(finish_tree());
    sim_console_forget();
    fw_cfg_search();
    assert_int_equal(attached, 0);
    assert_false(sim_console_said("fw_cfg"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_not_found),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
