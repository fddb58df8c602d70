/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends of NVMe transfers, which a simulated controller answers in the order of the test: what a
 * status means, whose part has failed, who hears of it, and what is counted. SEED: which order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/nvme_client.h"

/* --- Statuses --------------------------------------------------------------------------------- */

static void statuses_and_what_they_mean(void **state)
{
    static const struct {
        uint32_t code;
        IOReturn status;
    } rows[] = {
        {NVME_STATUS(0u, 0x01u), kIOReturnUnsupported},
        {NVME_STATUS(0u, 0x02u), kIOReturnBadArgument},
        {NVME_STATUS(0u, 0x04u), kIOReturnDMAError},
        {NVME_STATUS(0u, 0x05u), kIOReturnAborted},
        {NVME_STATUS(0u, 0x06u), kIOReturnDeviceError},
        {NVME_STATUS(0u, 0x07u), kIOReturnAborted},
        {NVME_STATUS(0u, 0x08u), kIOReturnAborted},
        {NVME_STATUS(0u, 0x0bu), kIOReturnNoDevice},
        {NVME_STATUS(0u, 0x0fu), kIOReturnDMAError},
        {NVME_STATUS(0u, 0x11u), kIOReturnUnsupported},
        {NVME_STATUS(0u, 0x13u), kIOReturnDMAError},
        {NVME_STATUS(0u, 0x20u), kIOReturnNotWritable},
        {NVME_STATUS(0u, 0x80u), kIOReturnOverrun},
        {NVME_STATUS(0u, 0x81u), kIOReturnNoSpace},
        {NVME_STATUS(0u, 0x82u), kIOReturnNotReady},
        {NVME_STATUS(0u, 0x83u), kIOReturnExclusiveAccess},
        {NVME_STATUS(1u, 0x80u), kIOReturnBadArgument},
        {NVME_STATUS(1u, 0x82u), kIOReturnNotWritable},
        {NVME_STATUS(2u, 0x80u), kIOReturnIOError},
        {NVME_STATUS(2u, 0x81u), kIOReturnIOError},
        {NVME_STATUS(2u, 0x85u), kIOReturnIOError},
        {NVME_STATUS(2u, 0x86u), kIOReturnNotPermitted},
        {NVME_STATUS(3u, 0x01u), kIOReturnDeviceError},
        {NVME_STATUS(7u, 0xffu), kIOReturnDeviceError},
    };
    struct nvme_transfer transfer;
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_end_count = 0;
        assert_int_equal(client_start(i % 4, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        nvme_sim_take(&sim);
        nvme_sim_answer(&sim, sim.taken_count - 1, rows[i].code | 0x3000); /* more, do not retry */
        client_deliver();
        assert_int_equal(client_end_count, 1);
        assert_int_equal(client_ends[0].status, rows[i].status);
        assert_int_equal(client_ends[0].bytes, 0);
    }
    client_drop(command);
    client_close();
}

/* Of five commands the second and the fourth fail: the first error is told, and who moved. */
static void a_part_fails(void **state)
{
    struct nvme_transfer transfer;
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 5 * 65536), *running;
    IOByteCount moved;

    (void)state;
    assert_int_equal(client_start(1, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(client_start(1, command, kIODirectionIn, 0, 0), kIOReturnBusy);
    assert_int_equal(nvme_sim_take(&sim), 5);
    nvme_sim_answer(&sim, 4, 0);
    nvme_sim_answer(&sim, 3, NVME_STATUS(2u, 0x81u));
    client_deliver();
    IODMAEventSource_queryDMACommand(client_sources[1], &running, &moved, false);
    assert_ptr_equal(running, command);
    assert_int_equal(moved, 65536);
    /* Who starts it again meanwhile changes nothing. */
    assert_int_equal(client_start(1, command, kIODirectionIn, 0, 0), kIOReturnBusy);
    nvme_sim_answer(&sim, 1, NVME_STATUS(0u, 0x80u));
    nvme_sim_answer(&sim, 2, 0);
    client_deliver();
    assert_int_equal(client_end_count, 0);
    nvme_sim_answer(&sim, 0, 0);
    client_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnIOError);
    assert_int_equal(client_ends[0].bytes, 3 * 65536);
    client_drop(command);
    client_close();
}

/* --- Many ------------------------------------------------------------------------------------- */

#define MANY 300u /* more than a queue holds */

static struct nvme_transfer transfers[MANY];
static IODMACommand *commands[MANY];

static void prepare_many(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        commands[i] =
            client_command(&transfers[i], i % 3 != 0 ? NVME_SGL : NVME_PRP, whole, i * 1024, 1024);
        transfers[i].block = 2 * i;
    }
}

static void drop_many(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        client_drop(commands[i]);
    }
}

/* As many as the queue holds are the controller's, behind one doorbell, the others in line. */
static void many_at_once(void **state)
{
    struct nvme_counters counters;
    unsigned doorbells;

    (void)state;
    prepare_many(MANY);
    doorbells = sim.doorbells;
    nvme_hold_doorbell(disk, 2, true);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(client_start(2, commands[i], kIODirectionOut, 0, 0), kIOReturnSuccess);
    }
    assert_int_equal(sim.doorbells, doorbells);
    assert_int_equal(nvme_sim_take(&sim), 0);
    nvme_hold_doorbell(disk, 2, true); /* as it is */
    nvme_hold_doorbell(disk, 1, false);
    assert_int_equal(sim.doorbells, doorbells);
    nvme_hold_doorbell(disk, 2, false);
    assert_int_equal(sim.doorbells, doorbells + 1);
    assert_int_equal(nvme_sim_take(&sim), 127);
    nvme_get_counters(disk, 2, &counters);
    assert_int_equal(counters.in_flight, 127);
    assert_int_equal(counters.most_starts, MANY);
    client_run();
    nvme_get_counters(disk, 2, &counters);
    assert_int_equal(counters.in_flight, 0);
    assert_int_equal(counters.most, 127);
    assert_int_equal(counters.commands, MANY);
    assert_int_equal(client_end_count, MANY);
    drop_many(MANY);
    assert_memory_equal(sim_disk, whole_byte(0), MANY * 1024);
    client_close();
}

/* One after the other each has a doorbell, an interrupt and an acknowledgement of its own. */
static void what_is_counted(void **state)
{
    static const struct nvme_counters none;
    struct nvme_counters counters, admin = controller->admin.counters;

    (void)state;
    prepare_many(5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(client_start(1, commands[i], kIODirectionOut, 0, 0), kIOReturnSuccess);
        client_run();
    }
    nvme_get_counters(disk, 1, &counters);
    assert_int_equal(counters.commands, 5);
    assert_int_equal(counters.pieces, 5);
    assert_int_equal(counters.doorbells, 5);
    assert_int_equal(counters.acknowledged, 5);
    assert_int_equal(counters.interrupts, 5);
    assert_int_equal(counters.in_flight, 0);
    assert_int_equal(counters.most, 1);
    assert_int_equal(counters.most_starts, 1);
    assert_int_equal(counters.strange + counters.aborts + counters.aborts_refused, 0);
    /* Those who look by themselves leave nothing for an interrupt. */
    assert_int_equal(admin.doorbells, admin.commands);
    assert_int_equal(admin.in_flight, 0);
    /* A channel that there is not has nothing, and holds nothing. */
    nvme_hold_doorbell(disk, NVME_QUEUES_MAX, true);
    nvme_get_counters(disk, NVME_QUEUES_MAX, &counters);
    assert_memory_equal(&counters, &none, sizeof(none));
    drop_many(5);
    client_close();
}

/* Who hears of an end starts the next one, inside the notification. */
static void start_again(void)
{
    assert_int_equal(
        IODMAEventSource_startDMACommand(client_sources[0], commands[1], kIODirectionIn, 0, 0),
        kIOReturnSuccess);
    assert_int_equal(nvme_reset(disk), kIOReturnNotPermitted);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnNotPermitted);
}

static void a_notification_starts_the_next(void **state)
{
    (void)state;
    prepare_many(2);
    client_at_notification = start_again;
    IOWorkLoop_closeGate(client_loop);
    assert_int_equal(
        IODMAEventSource_startDMACommand(client_sources[0], commands[0], kIODirectionIn, 0, 0),
        kIOReturnSuccess);
    nvme_sim_take(&sim);
    nvme_sim_answer(&sim, 0, 0);
    bus_sim_interrupt(&sim.bus);
    IOWorkLoop_openGate(client_loop);
    client_run();
    assert_int_equal(client_end_count, 2);
    drop_many(2);
    client_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(statuses_and_what_they_mean, client_open_usual),
        cmocka_unit_test_setup(a_part_fails, client_open_usual),
        cmocka_unit_test_setup(many_at_once, client_open_usual),
        cmocka_unit_test_setup(what_is_counted, client_open_usual),
        cmocka_unit_test_setup(a_notification_starts_the_next, client_open_usual),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
