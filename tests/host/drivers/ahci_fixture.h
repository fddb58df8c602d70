/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of SATA disks: a simulated controller, its first disk, and a client of that. */
#ifndef TESTS_HOST_DRIVERS_AHCI_FIXTURE_H
#define TESTS_HOST_DRIVERS_AHCI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/ahci_sim.h"
#include "tests/host/drivers/client.h"

#define BYTES  (4u << 20)
#define BLOCKS (BYTES / 512)

static struct ahci_sim device;
static uint8_t content[BYTES];
static struct ahci_controller *controller;
static struct ahci_disk *target;
static struct holdings before;

static inline void create(void)
{
    ahci_sim_create(&device, content, sizeof(content));
    before = holdings_now();
}

static inline IOReturn open_it(void)
{
    IOReturn status;

    controller = ahci_open(bus_sim_function, &status);
    target = ahci_get(0);
    if (target != NULL) {
        client_attach(ahci_get_service(target), 1);
    }
    return status;
}

static inline int open_usual(void **state)
{
    (void)state;
    create();
    assert_int_equal(open_it(), kIOReturnSuccess);
    assert_non_null(target);
    return 0;
}

static inline void leave(bool stops)
{
    if (target != NULL) {
        client_detach();
    }
    assert_int_equal(ahci_close(controller), stops);
    assert_int_equal(sim_holds(&before), stops);
}

static inline void deliver(void)
{
    bus_sim_interrupt(&device.bus);
    IOWorkLoop_runEventSources(client_loop);
}

#endif
