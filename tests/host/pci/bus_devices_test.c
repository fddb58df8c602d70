/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices of a driver: found once, by whoever asks first, then counted, numbered and named. */
#include "drivers/pci/bus_devices.h"
#include "drivers/pci/pci_private.h"
#include "tests/host/bus/machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define FUNCTIONS 4u

static struct pci_function functions[FUNCTIONS];
static struct bus_device opened[FUNCTIONS], others[3];
static unsigned asked;

static struct pci_function *next(struct pci_function *after)
{
    const unsigned index = after == NULL ? 0 : (unsigned)(after - functions) + 1;

    asked++;
    return index < FUNCTIONS ? &functions[index] : NULL;
}

static struct bus_devices devices;

/* The second one cannot be used; the third is somebody else's. */
static IOReturn open(struct pci_function *function)
{
    const unsigned index = (unsigned)(function - functions);

    assert_int_not_equal(index, 2);
    if (index == 1) {
        return kIOReturnNoMemory;
    }
    bus_devices_add(&devices, &opened[index]);
    return kIOReturnSuccess;
}

static int begin_search(void **state)
{
    (void)state;
    devices = (struct bus_devices){.driver = "thing", .next = next, .open = open};
    memset(functions, 0, sizeof(functions));
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        functions[i].info.bus = 1;
        functions[i].info.slot = (uint8_t)(0x10 + i);
        functions[i].info.number = 5;
    }
    functions[2].info.claimed = "somebody";
    opened[0].serial = "first";
    opened[3].serial = "fourth";
    asked = 0;
    return 0;
}

static void the_first_question_searches(void **state)
{
    (void)state;
    sim_in_handler = true; /* where nobody is looked for */
    assert_int_equal(bus_devices_count(&devices), 0);
    assert_null(bus_devices_get(&devices, 0));
    sim_in_handler = false;
    assert_int_equal(asked, 0);
    sim_console_forget();
    assert_int_equal(bus_devices_count(&devices), 2);
    assert_true(sim_console_said("thing: the device at PCI 01:11.5 cannot be used: "));
    assert_null(sim_console_after("thing: the device at PCI 01:10.5"));
    assert_null(sim_console_after("thing: the device at PCI 01:13.5"));
    assert_int_equal(asked, FUNCTIONS + 1);
    assert_ptr_equal(bus_devices_get(&devices, 0), &opened[0]);
    assert_ptr_equal(bus_devices_get(&devices, 1), &opened[3]);
    assert_null(bus_devices_get(&devices, 2));
    assert_ptr_equal(bus_devices_find(&devices, "first"), &opened[0]);
    assert_ptr_equal(bus_devices_find(&devices, "fourth"), &opened[3]);
    assert_null(bus_devices_find(&devices, "fifth"));
    assert_null(bus_devices_find(&devices, NULL));
    assert_int_equal(asked, FUNCTIONS + 1); /* once */
}

static void any_question_searches(void **state)
{
    (void)state;
    assert_ptr_equal(bus_devices_get(&devices, 1), &opened[3]);
    begin_search(state);
    assert_ptr_equal(bus_devices_find(&devices, "fourth"), &opened[3]);
}

/* From the beginning, the middle and the end; who is not there takes nobody with him. */
static void devices_come_and_go(void **state)
{
    (void)state;
    devices.searched = true;
    for (unsigned gone = 0; gone < 3; gone++) {
        struct bus_device stranger = {.next = NULL};

        others[0] = others[1] = others[2] = (struct bus_device){.next = &stranger};
        for (unsigned i = 0; i < 3; i++) {
            bus_devices_add(&devices, &others[i]);
            assert_int_equal(bus_devices_count(&devices), i + 1);
            assert_ptr_equal(bus_devices_get(&devices, i), &others[i]);
        }
        assert_null(bus_devices_find(&devices, "first")); /* they have no names */
        bus_devices_remove(&devices, &stranger);
        assert_int_equal(bus_devices_count(&devices), 3);
        bus_devices_remove(&devices, &others[gone]);
        bus_devices_remove(&devices, &others[gone]);
        assert_int_equal(bus_devices_count(&devices), 2);
        assert_ptr_equal(bus_devices_get(&devices, 0), &others[gone == 0 ? 1 : 0]);
        assert_ptr_equal(bus_devices_get(&devices, 1), &others[gone == 2 ? 1 : 2]);
        bus_devices_remove(&devices, bus_devices_get(&devices, 0));
        bus_devices_remove(&devices, bus_devices_get(&devices, 0));
        assert_int_equal(bus_devices_count(&devices), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_question_searches, begin_search),
        cmocka_unit_test_setup(any_question_searches, begin_search),
        cmocka_unit_test_setup(devices_come_and_go, begin_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
