/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of edu: the device, simulated, behind a mapper or alone, and a client of it. */
#ifndef TESTS_HOST_DRIVERS_EDU_FIXTURE_H
#define TESTS_HOST_DRIVERS_EDU_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/client.h"
#include "tests/host/drivers/edu_sim.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/lib/portable/test_mapper.h"

#define MILLISECOND 1000000ull

#define EACH(test)  cmocka_unit_test_setup_teardown(test, begin, end)
#define ALONE(test) cmocka_unit_test_setup_teardown(test, begin_alone, end)

static struct edu_sim sim;
static struct edu *device;
static struct test_mapper *mapper;
static IOService *unit;
static struct holdings before;
static struct edu_transfer transfers[2];

static inline IOReturn open_it(void)
{
    IOReturn status;

    device = edu_open(bus_sim_function, &status);
    assert_int_equal(device == NULL, status != kIOReturnSuccess);
    return status;
}

/* A device behind a mapper, and its client. */
static inline void begin_mapped(uint64_t first_page)
{
    mapper = test_mapper_new(first_page);
    unit = IOService_withReader("unit", NULL, NULL);
    assert_true(IOMapper_start(&mapper->super, unit));
    edu_sim_create(&sim);
    sim.bus.mapper = &mapper->super;
    assert_int_equal(open_it(), kIOReturnSuccess);
    client_attach(edu_get_service(device), 1);
}

static inline int begin(void **state)
{
    (void)state;
    before = holdings_now();
    begin_mapped(0x100);
    return 0;
}

/* The same without one: all of memory is within reach. */
static inline int begin_alone(void **state)
{
    (void)state;
    before = holdings_now();
    mapper = NULL;
    edu_sim_create(&sim);
    sim.address_bits = 64;
    assert_int_equal(open_it(), kIOReturnSuccess);
    edu_set_address_bits(device, 64);
    client_attach(edu_get_service(device), 1);
    return 0;
}

static inline void answer_while_waiting(void)
{
    edu_sim_answer(&sim);
    bus_sim_interrupt(&sim.bus);
}

static inline int end(void **state)
{
    (void)state;
    /* A test that has failed in the middle of a transfer fails alone. */
    sim_while_waiting = edu_sim_is_busy(&sim) ? answer_while_waiting : NULL;
    client_detach();
    sim_while_waiting = NULL;
    assert_true(edu_close(device));
    assert_int_equal(edu_count(), 0);
    assert_false(sim.bus.claimed || sim.bus.master_on || sim.bus.granted != 0);
    if (mapper != NULL) {
        assert_int_equal(mapper->entries, 0);
        client_drop_mapper(&mapper->super);
        OSObject_release(unit);
    }
    assert_true(sim_holds(&before));
    return 0;
}

static inline IODMACommand *command_over(unsigned index, IOMemoryDescriptor *memory,
                                         uint64_t offset, uint64_t length)
{
    IODMACommand *command = edu_create_command(device, NULL, kMapped, &transfers[index]);

    client_prepare(command, memory, offset, length);
    return command;
}

static inline void deliver(void)
{
    bus_sim_interrupt(&sim.bus);
    IOWorkLoop_runEventSources(client_loop);
}

static inline void run(void)
{
    for (unsigned i = 0; client_end_count == 0; i++) {
        assert_in_range(i, 0, EDU_PIECES_MAX);
        edu_sim_answer(&sim);
        deliver();
    }
    assert_int_not_equal(sim.bus.barriers, 0); /* between its word and its bytes */
}

static inline void expect_end(IODMACommand *command, IOReturn status, uint64_t bytes)
{
    assert_int_equal(client_end_count, 1);
    assert_ptr_equal(client_ends[0].command, command);
    assert_int_equal(client_ends[0].status, status);
    assert_int_equal(client_ends[0].bytes, bytes);
    client_end_count = 0;
}

static inline void fill(void)
{
    for (unsigned i = 0; i < EDU_SIM_BYTES; i++) {
        sim.memory[i] = (uint8_t)(1 + client_random(255));
    }
}

#endif
