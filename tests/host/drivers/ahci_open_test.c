/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SATA disks that come and go: functions that refuse, ports that do not come up, serials that are
 * none, and two disks of one controller while it is closed.
 */
#include "tests/host/drivers/ahci_fixture.h"
#include "tests/host/sim/sim_console.h"

/* --- Opening ---------------------------------------------------------------------------------- */

/* First, since the bus is searched once. */
static void whose_driver_is_another_is_left_alone(void **state)
{
    (void)state;
    create();
    device.bus.is_found = device.bus.claimed = true;
    sim_console_forget();
    assert_int_equal(ahci_count(), 0);
    assert_false(sim_console_said("ahci"));
    assert_true(device.bus.claimed);
}

static void functions_that_refuse(void **state)
{
    static const enum bus_sim_call calls[] = {BUS_SIM_MAP_BAR, BUS_SIM_ENABLE_MEMORY,
                                              BUS_SIM_ENABLE_MASTER, BUS_SIM_ATTACH};

    (void)state;
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        create();
        device.bus.refused[calls[i]] = kIOReturnNoSpace;
        assert_int_equal(open_it(), kIOReturnNoSpace);
        assert_null(controller);
        assert_false(device.bus.master_on || device.bus.claimed);
        assert_true(sim_holds(&before));
    }
}

/* Left out with a line; one that does not stop keeps the controller's memory off as well. */
static void ports_that_do_not_come_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        create();
        device.ports[0].never_receives = i == 0;
        device.ports[0].is_always_busy = i == 1;
        if (i == 2) {
            device.ports[0].never_stops = true;
            device.ports[0].command = AHCI_CMD_ST | AHCI_CMD_CR | AHCI_CMD_FRE | AHCI_CMD_FR;
        }
        sim_console_forget();
        assert_int_equal(open_it(), kIOReturnSuccess);
        assert_null(target);
        assert_true(sim_console_said("ahci: the disk at port 0 cannot be used"));
        leave(true);
    }
}

/* What it says of itself goes to a console. */
static void serials_that_are_none(void **state)
{
    (void)state;
    create();
    strcpy(device.ports[0].serial, "");
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_string_equal(target->serial, "");
    leave(true);
    create();
    strcpy(device.ports[0].serial, "\x1b[2J\x7f\xff end");
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_ptr_equal(ahci_find("?[2J?? end"), target);
    leave(true);
    /* As long as one can be, of the first and the last that can be printed. */
    create();
    strcpy(device.ports[0].serial, " ~~~~~~~~~~~~~~~~~~~");
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_ptr_equal(ahci_find(" ~~~~~~~~~~~~~~~~~~~"), target);
    leave(true);
}

/* --- Closing ---------------------------------------------------------------------------------- */

static void open_two(void)
{
    create();
    device.ports[2] = device.ports[0];
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_int_equal(ahci_count(), 2);
}

/* It is enough if one of its disks has something to say, whichever is asked last. */
static void a_line_of_two_disks(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 2; which++) {
        open_two();
        device.ports[2 * which].status = 2;
        device.status = 5;
        device.bus.pending[0] = true;
        device.bus.served = 0;
        deliver();
        assert_int_equal(device.bus.served, 1);
        leave(true);
    }
}

/* While the second stops, their line rings: the first is not there to be asked. */
static void a_line_rings_while_disks_go(void **state)
{
    (void)state;
    open_two();
    device.rings_at_stop = 3;
    leave(true);
}

/* Of two disks the first does not stop: it is said, and the second gives its memory back. */
static void one_of_two_does_not_stop(void **state)
{
    (void)state;
    open_two();
    device.ports[0].never_stops = true;
    leave(false);
    assert_int_equal(device.ports[2].command & (AHCI_CMD_CR | AHCI_CMD_FR), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whose_driver_is_another_is_left_alone),
        cmocka_unit_test(functions_that_refuse),
        cmocka_unit_test(ports_that_do_not_come_up),
        cmocka_unit_test(serials_that_are_none),
        cmocka_unit_test(a_line_of_two_disks),
        cmocka_unit_test(a_line_rings_while_disks_go),
        cmocka_unit_test(one_of_two_does_not_stop), /* last: it leaves memory behind */
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
