/* SPDX-License-Identifier: BSD-2-Clause */
/* Barriers of the virtqueue: what memory holds at each of them, and what is read behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_order.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_virtq.h"

static const struct page_range bank = {0x40000000, 16 * SIM_MIB};

static struct sim_device device;
static unsigned barriers;
static bool is_late;    /* a barrier came behind the doorbell */
static bool is_unasked; /* the device's memory was read before the barrier */

/* What the driver tells the device in the case at hand, and whether it stands there. */
static bool (*is_told)(void);

static const uint16_t *avail(void)
{
    return phys_to_virt(virtq_avail_address(device.queue));
}

static void look(enum sim_step step, uint64_t detail)
{
    (void)detail;
    if (step == SIM_BARRIER && is_told()) {
        barriers++;
        is_late |= device.doorbell != SIM_DOORBELL_IDLE;
    }
}

static void read_of_device(void)
{
    is_unasked |= is_told() && barriers == 0;
}

static void watch(bool (*told)(void))
{
    barriers = 0;
    is_late = is_unasked = false;
    is_told = told;
    assert_false(is_told());
    sim_witness = look;
    sim_device_turn = read_of_device;
}

static void assert_in_order(void)
{
    sim_witness = NULL;
    sim_device_turn = NULL;
    assert_true(is_told());
    assert_int_equal(barriers, 1);
    assert_false(is_late);
    assert_false(is_unasked);
}

static int start(void **state)
{
    (void)state;
    sim_ram_attach(&bank, 1);
    return page_setup(&bank, 1, NULL, 0) ? 0 : -1;
}

static void submit(void)
{
    struct virtq_chain chain;

    assert_int_equal(virtq_begin(device.queue, &chain), kIOReturnSuccess);
    virtq_chain_add(&chain, paddr(0x40000000), 512, VIRTQ_WRITE);
    virtq_submit(device.queue, &chain, &chain);
}

static void return_chain(void)
{
    static struct sim_chain chain;
    struct virtq_used used;

    assert_true(sim_device_take(&device, &chain));
    sim_device_give(&device, chain.head, 0);
    assert_true(virtq_take(device.queue, &used));
}

static bool index_is_there(void)
{
    if (sim_packed) { /* the flags of the first entry: the ring's last word to be written */
        return (((const uint16_t *)phys_to_virt(virtq_desc_address(device.queue)))[7] & 0x80) != 0;
    }
    return avail()[1] == 1;
}

/* The index, before the look whether the device sleeps, and before the doorbell. */
static void test_publish(void **state)
{
    (void)state;
    for (unsigned event = 0; event < 2; event++) {
        sim_device_create(&device, 8, 4, true, event != 0);
        submit();
        watch(index_is_there);
        virtq_publish(device.queue);
        assert_in_order();
        assert_true(sim_device_notified(&device));
        return_chain();
        sim_device_destroy(&device);
    }
}

static bool flag_is_clear(void)
{
    return avail()[sim_packed ? 1 : 0] == 0;
}

static bool event_is_near(void)
{
    if (sim_packed) { /* a place (2): the first, in the first round */
        return avail()[1] == 2 && avail()[0] == 0x8000;
    }
    return avail()[2 + 8] == 0; /* used_event: at the next one */
}

/* The wish for an interrupt, before the look at what came back without one. */
static void test_enable_interrupt(void **state)
{
    (void)state;
    for (unsigned event = 0; event < 2; event++) {
        sim_device_create(&device, 8, 4, true, event != 0);
        virtq_disable_interrupt(device.queue);
        submit();
        virtq_publish(device.queue);
        assert_true(sim_device_notified(&device));
        watch(event != 0 ? event_is_near : flag_is_clear);
        assert_int_equal(virtq_enable_interrupt(device.queue), 0);
        assert_in_order();
        return_chain();
        sim_device_destroy(&device);
    }
}

static int use_packed(void **state)
{
    (void)state;
    sim_packed = true;
    return 0;
}

static int use_split(void **state)
{
    (void)state;
    sim_packed = false;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_enable_interrupt),
        cmocka_unit_test_setup_teardown(test_publish, use_packed, use_split),
        cmocka_unit_test_setup_teardown(test_enable_interrupt, use_packed, use_split),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
