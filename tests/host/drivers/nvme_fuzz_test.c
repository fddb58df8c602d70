/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NVMe driver against a controller that answers anything at all, also between any two of
 * the driver's looks: to what was never asked, twice, with any status, on the admin queue
 * too. Whatever it does, each transfer that was taken ends once and only once, every call
 * returns in its time, and nothing is left over; and once the controller keeps the rules, so
 * must the driver.
 *
 * WRITES: how many answers of the controller (100,000); SEED: which ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/timer.h"
#include "tests/host/drivers/nvme_client.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define TRANSFERS 160u /* more than a queue holds */

static struct nvme_transfer transfers[TRANSFERS];
static IODMACommand *commands[TRANSFERS];
static bool outstanding[TRANSFERS];
static uint64_t writes, taken, ended;
static unsigned malice; /* of 256: how likely a lie is where one can be told */

static bool chance(unsigned of_256)
{
    return client_random(256) < of_256;
}

/* --- The controller --------------------------------------------------------------------------- */

static uint16_t some_id(const struct nvme_queue *queue)
{
    const unsigned slot = (unsigned)client_random(queue->size - 1);

    switch (client_random(4)) {
    case 0:
        return (uint16_t)client_random(65536);
    case 1:
        return (uint16_t)(queue->slots[slot].id + 0x100); /* what it will be, perhaps */
    default:
        return queue->slots[slot].id;
    }
}

/* An answer where the driver will look next, or somewhere else. */
static void lie(void)
{
    struct nvme_queue *queue = chance(16)
                                   ? &controller->admin
                                   : &controller->queues[client_random(controller->queue_count)];
    unsigned at = chance(200) ? queue->head : (unsigned)client_random(queue->size);
    struct nvme_answer *answer = &queue->answers[at];

    answer->result.value = (uint32_t)client_random(UINT32_MAX);
    answer->queue.value = chance(220) ? queue->number << 16 | (uint32_t)client_random(queue->size)
                                      : (uint32_t)client_random(UINT32_MAX);
    answer->end.value = (uint32_t)(chance(128) ? 0 : client_random(0x8000)) << 17 |
                        (chance(220) ? queue->phase : (uint32_t)client_random(2) << 16) |
                        some_id(queue);
    writes++;
}

static void turn(void)
{
    if (malice != 0 && chance(malice)) {
        lie();
    }
}

/* The true answer to a command that the driver waits for. */
static bool work(void)
{
    struct nvme_queue *queue = &controller->queues[client_random(controller->queue_count)];
    struct nvme_answer *answer = &queue->answers[queue->head];

    for (unsigned i = 0; queue->exists && i < queue->size - 1; i++) {
        if (queue->slots[i].busy) {
            answer->queue.value = queue->number << 16;
            answer->end.value =
                queue->phase | queue->slots[i].id | (chance(32) ? NVME_STATUS(2u, 0x81u) << 17 : 0);
            writes++;
            sim.bus.pending[queue->number] = true;
            return true;
        }
    }
    return false;
}

/* While the driver sleeps: time passes, and the controller may do something. */
static void interrupt_all(void)
{
    for (unsigned i = 0; i < sim.bus.vectors; i++) {
        sim.bus.pending[i] |= chance(128);
    }
    bus_sim_interrupt(&sim.bus);
}

/* --- The client ------------------------------------------------------------------------------- */

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
        assert_true(client_ends[i].bytes <= IOMemoryDescriptor_getLength(whole));
        outstanding[which] = false;
        ended++;
    }
}

static void start_some(void)
{
    for (unsigned left = 1 + (unsigned)client_random(chance(8) ? TRANSFERS : 8); left != 0;
         left--) {
        const unsigned i = (unsigned)client_random(TRANSFERS);

        if (outstanding[i]) {
            continue;
        }
        transfers[i].block = client_random(disk->blocks);
        if (client_start((unsigned)client_random(controller->queue_count), commands[i],
                         chance(128) ? kIODirectionIn : kIODirectionOut,
                         512 * (1 + client_random(chance(16) ? 2000 : 20)),
                         0) == kIOReturnSuccess) {
            outstanding[i] = true;
            taken++;
        }
    }
}

static void step(void)
{
    const unsigned channel = (unsigned)client_random(controller->queue_count);

    switch (client_random(16)) {
    case 0 ... 4:
        start_some();
        break;
    case 5 ... 9:
        for (unsigned i = 0; i < 20 && work(); i++) {
            interrupt_all();
        }
        break;
    case 10 ... 12:
        interrupt_all();
        break;
    case 13:
        nvme_hold_doorbell(disk, channel, chance(128));
        break;
    case 14:
        if (chance(24)) {
            IODMAEventSource_stopDMACommand(client_sources[channel], chance(64),
                                            chance(128) ? 5000000 : 500000);
        }
        break;
    default:
        if (chance(16)) {
            IODMAEventSource_stopDMACommand(client_sources[channel], false, UINT64_MAX);
        } else if (chance(8)) {
            nvme_reset(disk);
        }
        break;
    }
    take_ends();
    assert_true(sim_irq_masked == 0 && !sim_in_handler);
}

/* --- A life of a controller ------------------------------------------------------------------- */

static void make_peace(void)
{
    malice = 0;
    for (unsigned i = 0; i < controller->queue_count; i++) {
        nvme_hold_doorbell(disk, i, false);
    }
    nvme_reset(disk);
    while (work()) {
        interrupt_all();
        take_ends();
    }
    take_ends();
    for (unsigned i = 0; i < TRANSFERS; i++) {
        assert_false(outstanding[i]);
    }
}

static void live(void)
{
    static const unsigned malices[] = {0, 1, 8, 40, 120};
    const unsigned steps = 20 + (unsigned)client_random(200);

    client_create();
    sim.lenient = true;
    sim.bus.vectors = chance(64) ? 1 : BUS_SIM_VECTORS;
    assert_int_equal(client_open(), kIOReturnSuccess);
    for (unsigned i = 0; i < TRANSFERS; i++) {
        const bool sgl = chance(128);

        commands[i] =
            client_command(&transfers[i], sgl ? NVME_SGL : NVME_PRP, sgl ? odd : whole, 0, 0);
    }
    malice = malices[client_random(5)];
    sim_device_turn = turn;
    for (unsigned i = 0; i < steps; i++) {
        step();
    }
    make_peace();
    sim_device_turn = NULL;
    for (unsigned i = 0; i < TRANSFERS; i++) {
        client_drop(commands[i]);
    }
    if (controller->lost) {
        client_leave(); /* its memory stays where it is, on purpose */
    } else {
        client_close();
    }
}

static void any_answers_at_all(void **state)
{
    const uint64_t budget = getenv("WRITES") != NULL ? strtoull(getenv("WRITES"), NULL, 0) : 100000;
    unsigned lives = 0;

    (void)state;
    while (writes < budget) {
        live();
        lives++;
    }
    assert_true(taken == ended && taken > lives);
    print_message("# %llu answers in %u lives, %llu transfers taken and ended\n",
                  (unsigned long long)writes, lives, (unsigned long long)taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_answers_at_all),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
