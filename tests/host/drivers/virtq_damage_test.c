/* SPDX-License-Identifier: BSD-2-Clause */
/* Damage to a virtqueue's own records that debug builds find: each kind of it, by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_virtq.h"

#define SLOTS 8

static const struct page_range bank = {0x40000000, 16 * SIM_MIB};
static struct sim_device device;
static struct virtq sound;
static struct virtq_slot sound_slots[SLOTS];

static void submit(struct virtq *vq)
{
    struct virtq_chain chain;

    assert_int_equal(virtq_begin(vq, &chain), kIOReturnSuccess);
    virtq_chain_add(&chain, paddr(0x40000000), 512, VIRTQ_WRITE);
    virtq_submit(vq, &chain, &device);
}

/* Three chains in flight, one of which the device has not been told of. */
static int start(void **state)
{
    (void)state;
    sim_ram_attach(&bank, 1);
    if (!page_setup(&bank, 1, NULL, 0)) {
        return -1;
    }
    sim_device_create(&device, SLOTS, 4, true, false);
    submit(device.queue);
    submit(device.queue);
    virtq_publish(device.queue);
    submit(device.queue);
    sound = *device.queue;
    for (unsigned i = 0; i < SLOTS; i++) {
        sound_slots[i] = device.queue->slots[i];
    }
    return 0;
}

#define FINDS(words, damage)                                                                       \
    do {                                                                                           \
        struct virtq *const vq = device.queue;                                                     \
                                                                                                   \
        virtq_check(vq); /* is quiet without it */                                                 \
        damage;                                                                                    \
        assert_true(SIM_PANICS_WITH("virtqueue 5 is damaged: " words, virtq_check(vq)));           \
        *vq = sound;                                                                               \
        for (unsigned i = 0; i < SLOTS; i++) {                                                     \
            vq->slots[i] = sound_slots[i];                                                         \
        }                                                                                          \
    } while (0)

static void test_sizes(void **state)
{
    (void)state;
    FINDS("its sizes do not fit each other", vq->mask = SLOTS - 2);
    FINDS("its sizes do not fit each other", vq->together = 0);
    FINDS("its sizes do not fit each other", vq->together = SLOTS + 1);
    FINDS("its sizes do not fit each other", vq->direct = !vq->direct);
    virtq_gather_interrupts(device.queue, SLOTS);
    virtq_check(device.queue);
    virtq_gather_interrupts(device.queue, 1);
}

static void test_indices(void **state)
{
    (void)state;
    FINDS("its indices do not fit each other", vq->avail_index = vq->used_index + 9u);
    FINDS("its indices do not fit each other", vq->used_index++; vq->used_index++;
          vq->used_index++);
    FINDS("its indices do not fit each other", vq->published = vq->avail_index + 1);
    FINDS("its indices do not fit each other", vq->used_index = (uint16_t)(vq->published + 1));
    device.queue->published = device.queue->avail_index;
    virtq_check(device.queue);
    *device.queue = sound;
}

static void test_slots(void **state)
{
    (void)state;
    FINDS("the tokens are not those of the chains in flight", vq->slots[0].token = NULL);
    FINDS("the tokens are not those of the chains in flight", vq->slots[7].token = &device);
    FINDS("its free list leaves the slots", vq->slots[7].next = &vq->slots[SLOTS]);
    FINDS("its free list leaves the slots", vq->free = vq->slots - 1);
    FINDS("its free list leaves the slots", vq->free = (struct virtq_slot *)((char *)vq->free + 8));
    FINDS("a slot in flight is in its free list", vq->slots[7].next = &vq->slots[1]);
    FINDS("its free list goes round", vq->slots[7].next = &vq->slots[4]);
    FINDS("slots are neither free nor in flight", vq->slots[5].next = NULL);
    FINDS("slots are neither free nor in flight", vq->free = NULL);
    /* A broken queue has no free list. */
    virtq_reject(device.queue, "a test");
    virtq_check(device.queue);
    *device.queue = sound;
}

/* With every chain in flight nothing is free; every door of the queue looks. */
static void test_doors(void **state)
{
    struct virtq *const vq = device.queue;
    struct virtq_used used;

    (void)state;
    vq->together = 0;
    assert_true(SIM_PANICS_WITH("is damaged", virtq_publish(vq)));
    vq->published = sound.published;
    assert_true(SIM_PANICS_WITH("is damaged", virtq_take(vq, &used)));
    assert_true(SIM_PANICS_WITH("is damaged", (void)virtq_enable_interrupt(vq)));
    *vq = sound;
    while (virtq_in_flight(vq) < SLOTS) {
        submit(vq);
    }
    virtq_check(vq);
    while (virtq_detach(vq) != NULL) {
        virtq_check(vq);
    }
    sim_device_destroy(&device);
}

/* Of many slots some doors look at all, and the others at the rest. */
static void test_many_slots(void **state)
{
    volatile unsigned found = 0;

    (void)state;
    sim_device_create(&device, 128, 4, true, false);
    submit(device.queue);
    device.queue->slots[0].token = NULL;
    for (volatile unsigned i = 0; i < 8; i++) {
        found += SIM_PANICS_WITH("the tokens", virtq_check(device.queue));
    }
    assert_int_equal(found, 2); /* one in four: 32 slots a door */
    device.queue->slots[0].token = &device;
    assert_ptr_equal(virtq_detach(device.queue), &device);
    sim_device_destroy(&device);

    sim_device_create(&device, 32, 4, true, false);
    submit(device.queue);
    device.queue->slots[0].token = NULL;
    assert_true(SIM_PANICS_WITH("the tokens", virtq_check(device.queue)));
    assert_true(SIM_PANICS_WITH("the tokens", virtq_check(device.queue)));
    device.queue->slots[0].token = &device;
    assert_ptr_equal(virtq_detach(device.queue), &device);
    sim_device_destroy(&device);
}

/* What a panic shows of the queues there are, the latest first, and of no others. */
static void test_shown_in_a_panic(void **state)
{
    struct virtq *queues[3];
    uint32_t doorbell;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct virtq_setup setup = {.size = 8u << i,
                                          .index = i,
                                          .chain_entries = 4,
                                          .indirect = true,
                                          .doorbell = &doorbell};

        assert_int_equal(virtq_create(&setup, &queues[i]), kIOReturnSuccess);
    }
    submit(queues[1]);
    virtq_publish(queues[1]);
    submit(queues[1]);
    virtq_reject(queues[2], "a test broke it");
    sim_console_forget();
    sim_panic_show_reports();
    assert_true(sim_console_said(
        "virtqueue 2: size 32 slots 32 in flight 0; submitted 0 published 0 taken 0, device's "
        "used 0; a test broke it\n"
        "virtqueue 1: size 16 slots 16 in flight 2; submitted 2 published 1 taken 0, device's "
        "used 0; working\n"
        "virtqueue 0: size 8 slots 8 in flight 0; "));
    while (virtq_detach(queues[1]) != NULL) {
    }
    virtq_destroy(queues[1]);
    sim_console_forget();
    sim_panic_show_reports();
    assert_true(sim_console_said("virtqueue 2: "));
    assert_false(sim_console_said("virtqueue 1: "));
    assert_true(sim_console_said("virtqueue 0: "));
    virtq_destroy(queues[0]);
    virtq_destroy(queues[2]);
    virtq_destroy(NULL);
    sim_console_forget();
    sim_panic_show_reports();
    assert_false(sim_console_said("virtqueue"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),      cmocka_unit_test(test_indices),
        cmocka_unit_test(test_slots),      cmocka_unit_test(test_doors),
        cmocka_unit_test(test_many_slots), cmocka_unit_test(test_shown_in_a_panic),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
