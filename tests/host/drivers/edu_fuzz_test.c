/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An edu device that lies in what its registers say, raises interrupts as it likes and ends
 * transfers early, late and twice. Whatever it does, each command ends once, what it was told of is
 * memory of a transfer, and nothing is left over. SEED and WRITES as for the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/client.h"
#include "tests/host/drivers/edu_sim.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/lib/portable/test_mapper.h"

#define TRANSFERS 4u
#define PATIENCE  2000000ull /* nanoseconds of a call: no wait without an end */

static struct edu_sim sim;
static struct edu *device;
static struct test_mapper *mapper;
static uint64_t (*honest)(struct sim_registers *self, uint64_t offset, unsigned width);
static unsigned malice; /* of 256 answers */
static uint64_t lies, taken, ended;

static struct edu_transfer transfers[TRANSFERS];
static IODMACommand *commands[TRANSFERS];
static bool outstanding[TRANSFERS];

static bool chance(unsigned of_256)
{
    return client_random(256) < of_256;
}

static uint64_t lie(struct sim_registers *self, uint64_t offset, unsigned width)
{
    const uint64_t truth = honest(self, offset, width);

    if (malice == 0 || !chance(malice)) {
        return truth;
    }
    lies++;
    switch (client_random(4)) {
    case 0:
        return client_random(UINT64_MAX);
    case 1:
        return chance(128) ? UINT64_MAX : 0;
    default:
        return truth ^ 1ull << client_random(8 * width);
    }
}

static void take_ends(void)
{
    client_end_count = 0;
    IOWorkLoop_runEventSources(client_loop);
    for (unsigned i = 0; i < client_end_count; i++) {
        unsigned which = 0;

        while (which < TRANSFERS && commands[which] != client_ends[i].command) {
            which++;
        }
        assert_true(which < TRANSFERS && outstanding[which]);
        assert_in_range(client_ends[i].bytes, 0, EDU_BYTES_MAX);
        outstanding[which] = false;
        ended++;
    }
}

static void start_some(void)
{
    for (unsigned left = 1 + (unsigned)client_random(TRANSFERS); left != 0; left--) {
        const unsigned i = (unsigned)client_random(TRANSFERS);

        if (outstanding[i]) {
            continue;
        }
        transfers[i].position = (unsigned)client_random(chance(16) ? UINT32_MAX : 2000);
        if (client_start(0, commands[i], chance(128) ? kIODirectionIn : kIODirectionOut,
                         1 + client_random(3000), client_random(5000)) == kIOReturnSuccess) {
            outstanding[i] = true;
            taken++;
        }
    }
}

static void step(void)
{
    const uint64_t start = sim_time;

    switch (client_random(8)) {
    case 0 ... 2:
        start_some();
        break;
    case 3 ... 4:
        for (unsigned i = 0; i < 10 && edu_sim_is_busy(&sim); i++) {
            /* Moved, when all that it was told of is memory that is mapped for it. */
            (chance(32) ? edu_sim_end : edu_sim_answer)(&sim);
            bus_sim_interrupt(&sim.bus);
        }
        break;
    case 5:
        sim.causes |= (uint32_t)client_random(UINT32_MAX);
        sim.bus.pending[0] = true;
        bus_sim_interrupt(&sim.bus);
        break;
    case 6:
        IODMAEventSource_stopDMACommand(client_sources[0], chance(128), client_random(500000));
        break;
    default:
        break;
    }
    take_ends();
    assert_true(sim_time - start <= PATIENCE);
    assert_true(sim_irq_masked == 0 && !sim_in_handler);
}

/* Nothing that it does while it is at a piece reaches the driver; then it is done with it. */
static void be_honest(void)
{
    edu_sim_end(&sim);
    bus_sim_interrupt(&sim.bus);
}

static void make_peace(void)
{
    malice = 0;
    sim_while_waiting = be_honest;
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    sim_while_waiting = NULL;
    take_ends();
    for (unsigned i = 0; i < TRANSFERS; i++) {
        assert_false(outstanding[i]);
    }
}

/* What is lied to it may tell of the same memory twice, but of none that is not a transfer's. */
static void live(void)
{
    static const unsigned malices[] = {0, 1, 4, 20, 80};
    const struct holdings before = holdings_now();
    const unsigned steps = 20 + (unsigned)client_random(200);
    IOReturn status;

    edu_sim_create(&sim);
    sim.bus.mapper = &mapper->super;
    sim.lenient = true;
    honest = sim.bus.registers.read;
    sim.bus.registers.read = lie;
    malice = chance(64) ? 128 : 0;
    device = edu_open(bus_sim_function, &status);
    if (device == NULL) {
        assert_int_equal(status, kIOReturnNoDevice);
        assert_int_not_equal(malice, 0);
        malice = 0;
        assert_true(sim_holds(&before));
        return;
    }
    client_attach(edu_get_service(device), 1);
    for (unsigned i = 0; i < TRANSFERS; i++) {
        commands[i] = edu_create_command(device, NULL, kMapped, &transfers[i]);
        client_prepare(commands[i], chance(128) ? odd : whole, client_random(50000), EDU_BYTES_MAX);
    }
    malice = malices[client_random(5)];
    for (unsigned i = 0; i < steps; i++) {
        step();
    }
    make_peace();
    for (unsigned i = 0; i < TRANSFERS; i++) {
        client_drop(commands[i]);
    }
    client_detach();
    assert_true(edu_close(device));
    assert_int_equal(mapper->entries, 0);
    assert_true(sim_holds(&before));
}

static void any_answers_at_all(void **state)
{
    const uint64_t budget = getenv("WRITES") != NULL ? strtoull(getenv("WRITES"), NULL, 0) : 20000;
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    unsigned lives = 0;

    (void)state;
    mapper = test_mapper_new(0x100);
    assert_true(IOMapper_start(&mapper->super, unit));
    while (lies < budget) {
        live();
        lives++;
    }
    assert_true(taken == ended && taken > lives);
    client_drop_mapper(&mapper->super);
    OSObject_release(unit);
    print_message("# %llu lies in %u lives, %llu transfers taken and ended\n",
                  (unsigned long long)lies, lives, (unsigned long long)taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_answers_at_all),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
