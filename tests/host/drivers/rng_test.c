/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy driver and a device that keeps the rules, or does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/rng.h"
#include "drivers/virtio/rng_private.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "kernel/page.h"
#include "tests/host/drivers/virtio_sim.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define STATUS_NEEDS_RESET 0x40u

extern initialiser_t *const initialiser_find_rng;

static struct virtio_sim sim;
static IOMemoryDescriptor *memory;
static uint8_t *bytes;
static uint32_t most;      /* bytes that it gives at once */
static unsigned questions; /* so far */
static bool asks_for_reset;

static bool work(void)
{
    static struct virtio_sim_chain chain;
    uint32_t given = 0;

    if (asks_for_reset && sim.is_started) {
        asks_for_reset = false;
        sim.status |= STATUS_NEEDS_RESET;
        sim.changed_pending = true;
        return true;
    }
    if (!virtio_sim_take(&sim, &chain)) {
        return false;
    }
    assert_false(chain.broken);
    questions++;
    for (unsigned i = 0; i < chain.count; i++) {
        uint8_t *at = phys_to_virt(paddr(chain.entries[i].address));

        assert_true(chain.entries[i].write);
        for (uint32_t k = 0; k < chain.entries[i].length && given < most; k++, given++) {
            at[k] = 0x5a;
        }
    }
    virtio_sim_give(&sim, chain.head, given);
    return true;
}

static void run(void)
{
    while (work() | virtio_sim_interrupt(&sim)) {
    }
}

static void power_on(uint64_t offered)
{
    virtio_sim_create(&sim, VIRTIO_ID_ENTROPY, offered, 8);
    sim.device.address = paddr(0xa000000);
}

static int start(void **state)
{
    const struct page_request request = {.count = 4, .owner = PAGE_OWNER_IMAGE, .zero = true};
    paddr_t first;

    (void)state;
    sim_machine_start(VIRTIO_SIM_RAM);
    IOMapper_setMapperRequired(false); /* as a machine knows once it has started */
    sim_while_waiting = run;
    most = UINT32_MAX;
    if (page_alloc_run(&request, &first) != KERN_SUCCESS) {
        return -1;
    }
    bytes = phys_to_virt(first);
    memory = IOMemoryDescriptor_withAddressRange((uint64_t)bytes, 4 * PAGE_SIZE, kIODirectionInOut,
                                                 kernel_task);
    return IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess ? 0 : -1;
}

static void test_none(void **state)
{
    struct virtq_counters counters;

    (void)state;
    initialiser_find_rng();
    assert_false(virtio_rng_present());
    assert_int_equal(virtio_rng_read(memory, 0, 16), kIOReturnNoDevice);
    assert_int_equal(virtio_rng_reset(), kIOReturnNoDevice);
    IOMemory_fail(kIOReturnBusy);
    assert_null(virtio_rng_get_service());
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
    memset(&counters, 0xff, sizeof(counters));
    virtio_rng_get_counters(&counters);
    assert_int_equal(counters.requests | counters.doorbells | counters.interrupts, 0);
}

static bool is_named(IOReturn status)
{
    char line[100];

    snprintf(line, sizeof(line), "the device at 0xa000000 cannot be used (error 0x%x)",
             (unsigned)status);
    return sim_console_said(line);
}

static void test_unusable(void **state)
{
    (void)state;
    power_on(0); /* of before virtio 1 */
    virtio_add_device(&sim.device);
    sim_console_forget();
    initialiser_find_rng();
    assert_false(virtio_rng_present());
    assert_true(is_named(kIOReturnUnsupported));
    assert_false(sim.is_started); /* nor was anything of it told to the device */
    assert_int_equal(sim.times_failed, 1);
    sim.device.claimed = false;
    power_on(VIRTIO_F_VERSION_1);
    sim.has_no_mapper = true;
    sim_console_forget();
    initialiser_find_rng();
    assert_false(virtio_rng_present());
    assert_true(is_named(kIOReturnNotResponding));
    assert_int_equal(sim.times_failed, 1);
    sim.device.claimed = false;
    power_on(VIRTIO_F_VERSION_1);
    sim.refuses_reset = true; /* from the beginning to the end */
    sim_console_forget();
    initialiser_find_rng();
    assert_false(virtio_rng_present());
    assert_true(is_named(kIOReturnNotResponding));
    sim.device.claimed = false;
    power_on(VIRTIO_F_VERSION_1);
    sim.queue_size_max = 0;
    sim_console_forget();
    initialiser_find_rng();
    assert_false(virtio_rng_present());
    assert_true(is_named(kIOReturnUnsupported));
    sim.device.claimed = false;
    sim.queue_size_max = 8;
    sim.refuses_line = true;
    sim_console_forget();
    initialiser_find_rng();
    assert_false(virtio_rng_present());
    assert_true(is_named(kIOReturnNoInterrupt));
    assert_int_equal(sim.status & 4, 0); /* it does not work on its own */
    sim.device.claimed = false;
    sim.refuses_line = false;
}

/* Requests of which each puts the next in line when it ends. */
#define LINE 4

static struct {
    struct virtio_rng rng;
    struct virtio_rng_request requests[LINE];
    unsigned ended, depth;
} line;

static void next_in_line(struct virtio_rng_request *request)
{
    assert_int_equal(line.depth++, 0); /* never from another one's end */
    assert_ptr_equal(request, &line.requests[line.ended++]);
    assert_int_equal(rng_reset(&line.rng), kIOReturnNotPermitted); /* it is in the middle of it */
    if (line.ended < LINE) {
        assert_int_equal(rng_submit(&line.rng, &line.requests[line.ended]), kIOReturnSuccess);
    }
    line.depth--;
}

static void submit_line(IOMemoryDescriptor *first, IOMemoryDescriptor *others)
{
    line.ended = 0;
    for (unsigned i = 0; i < LINE; i++) {
        line.requests[i] = (struct virtio_rng_request){.memory = i == 0 ? first : others,
                                                       .length = 16,
                                                       .status = 1,
                                                       .completion = next_in_line};
    }
    assert_int_equal(rng_submit(&line.rng, &line.requests[0]), kIOReturnSuccess);
}

static void expect_ended(IOReturn first, IOReturn others)
{
    assert_int_equal(line.ended, LINE);
    for (unsigned i = 0; i < LINE; i++) {
        assert_int_equal(line.requests[i].status, i == 0 ? first : others);
    }
    assert_int_equal(rng_reset(&line.rng), kIOReturnSuccess);
}

/* Wherever one ends, what it submits waits in line, and no end is told within another. */
static void test_in_line(void **state)
{
    IOMemoryDescriptor *const absent = /* cannot be asked for */
        IOMemoryDescriptor_withAddressRange((uint64_t)bytes, 64, kIODirectionIn, kernel_task);

    (void)state;
    power_on(VIRTIO_F_VERSION_1);
    assert_true(rng_create(&line.rng, &sim.device));
    submit_line(memory, memory);
    assert_int_equal(line.ended, 0);
    run();
    expect_ended(kIOReturnSuccess, kIOReturnSuccess);
    submit_line(absent, absent); /* in rng_submit */
    expect_ended(kIOReturnNotReady, kIOReturnNotReady);
    submit_line(memory, absent); /* in the interrupt */
    run();
    expect_ended(kIOReturnSuccess, kIOReturnNotReady);
    most = 0;
    submit_line(memory, absent);
    run();
    expect_ended(kIOReturnUnderrun, kIOReturnNotReady);
    most = UINT32_MAX;
    submit_line(memory, absent); /* by the reset */
    assert_int_equal(rng_reset(&line.rng), kIOReturnSuccess);
    expect_ended(kIOReturnAborted, kIOReturnNotReady);
    /* One that has ended may be used again as it is: all of it is asked for once more. */
    submit_line(memory, memory);
    run();
    expect_ended(kIOReturnSuccess, kIOReturnSuccess);
    memset(bytes, 0, 16);
    line.ended = LINE - 1;
    assert_int_equal(rng_submit(&line.rng, &line.requests[LINE - 1]), kIOReturnSuccess);
    run();
    assert_int_equal(line.ended, LINE);
    assert_int_equal(bytes[0], 0x5a);
    assert_int_equal(bytes[15], 0x5a);
    assert_null(sim.complaint);
    rng_destroy(&line.rng);
    assert_null(sim.device.used);
    OSObject_release(absent);
}

static void note_in_order(struct virtio_rng_request *request)
{
    assert_ptr_equal(request, &line.requests[line.ended++]);
}

/* Several at once are asked for one after the other, and end in their order; so by a reset. */
static void test_several(void **state)
{
    (void)state;
    power_on(VIRTIO_F_VERSION_1);
    assert_true(rng_create(&line.rng, &sim.device));
    for (unsigned way = 0; way < 3; way++) {
        memset(bytes, 0, 4 * PAGE_SIZE);
        line.ended = 0;
        questions = 0;
        most = way == 0 ? UINT32_MAX : 40;
        for (unsigned i = 0; i < LINE; i++) {
            line.requests[i] = (struct virtio_rng_request){
                .memory = memory, .offset = i * 200, .length = 100, .completion = note_in_order};
            assert_int_equal(rng_submit(&line.rng, &line.requests[i]), kIOReturnSuccess);
        }
        if (way == 2) { /* in the middle of the second */
            while (line.ended == 0) {
                work();
                virtio_sim_interrupt(&sim);
            }
            assert_int_equal(rng_reset(&line.rng), kIOReturnSuccess);
        }
        run();
        assert_int_equal(line.ended, LINE);
        assert_int_equal(questions, way == 0 ? LINE : way == 1 ? 3 * LINE : 3);
        for (unsigned i = 0; i < LINE; i++) {
            const bool arrived = way != 2 || i == 0;

            assert_int_equal(line.requests[i].status,
                             arrived ? kIOReturnSuccess : kIOReturnAborted);
            assert_int_equal(line.requests[i].done, arrived ? 100 : 0);
            for (unsigned k = 0; k < 200; k++) {
                assert_int_equal(bytes[i * 200 + k], arrived && k < 100 ? 0x5a : 0);
            }
        }
    }
    most = UINT32_MAX;
    /* Its queue is not what the device takes any more: it is lost. */
    sim.queue_size_max = 2;
    assert_int_equal(rng_reset(&line.rng), kIOReturnNotResponding);
    sim.queue_size_max = 8;
    rng_destroy(&line.rng);
    power_on(VIRTIO_F_VERSION_1);
    assert_true(rng_create(&line.rng, &sim.device));
    /* Of one that is lost none is taken. */
    line.ended = 0;
    sim.refuses_reset = true;
    assert_int_equal(rng_submit(&line.rng, &line.requests[0]), kIOReturnSuccess);
    assert_int_equal(rng_reset(&line.rng), kIOReturnNotResponding);
    assert_int_equal(line.requests[0].status, kIOReturnNotResponding);
    assert_int_equal(rng_submit(&line.rng, &line.requests[1]), kIOReturnNotResponding);
    assert_int_equal(line.ended, 1);
    assert_null(sim.complaint);
    sim.refuses_reset = false;
    rng_destroy(&line.rng);
}

static void again_behind_the_other(struct virtio_rng_request *request)
{
    static const unsigned order[] = {0, 1, 0};

    assert_in_range(line.ended, 0, 2);
    assert_ptr_equal(request, &line.requests[order[line.ended]]);
    if (line.ended++ == 0) {
        assert_int_equal(rng_submit(&line.rng, request), kIOReturnSuccess);
    }
}

/* One that is submitted again by its end stands last, and has nobody behind it. */
static void test_again(void **state)
{
    (void)state;
    power_on(VIRTIO_F_VERSION_1);
    assert_true(rng_create(&line.rng, &sim.device));
    line.ended = 0;
    for (unsigned i = 0; i < 2; i++) {
        line.requests[i] = (struct virtio_rng_request){
            .memory = memory, .length = 16, .completion = again_behind_the_other};
        assert_int_equal(rng_submit(&line.rng, &line.requests[i]), kIOReturnSuccess);
    }
    run();
    assert_int_equal(line.ended, 3);
    assert_null(sim.complaint);
    rng_destroy(&line.rng);
}

static void test_reading(void **state)
{
    struct virtq_counters counters;

    (void)state;
    questions = 0;
    memset(bytes, 0, 4 * PAGE_SIZE);
    power_on(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
    initialiser_find_rng();
    assert_true(virtio_rng_present());
    assert_int_equal(sim.device.features, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
    assert_int_equal(virtio_rng_read(memory, 10, 100), kIOReturnSuccess);
    assert_int_equal(questions, 1);
    for (unsigned i = 0; i < 120; i++) {
        assert_int_equal(bytes[i], i >= 10 && i < 110 ? 0x5a : 0);
    }
    /* What it gives by pieces is asked for by pieces. */
    most = 30;
    assert_int_equal(virtio_rng_read(memory, 1000, 100), kIOReturnSuccess);
    assert_int_equal(questions, 5);
    for (unsigned i = 1000; i < 1100; i++) {
        assert_int_equal(bytes[i], 0x5a);
    }
    assert_int_equal(bytes[1100], 0);
    virtio_rng_get_counters(&counters);
    assert_int_equal(counters.requests, 5);
    assert_in_range(counters.doorbells, 1, 5); /* it asks for some of them */
    assert_int_equal(counters.interrupts, 5);
    most = 0;
    assert_int_equal(virtio_rng_read(memory, 0, 16), kIOReturnUnderrun);
    most = UINT32_MAX;
    assert_int_equal(virtio_rng_read(memory, 0, 4 * PAGE_SIZE), kIOReturnSuccess);
    assert_non_null(virtio_rng_get_service());
    assert_ptr_equal(rng_machine_device(), &sim.device);
    assert_null(sim.complaint);
}

static void test_refused(void **state)
{
    IOMemoryDescriptor *const out =
        IOMemoryDescriptor_withAddressRange((uint64_t)bytes, 64, kIODirectionOut, kernel_task);
    IOMemoryDescriptor *const absent =
        IOMemoryDescriptor_withAddressRange((uint64_t)bytes, 64, kIODirectionIn, kernel_task);
    const unsigned before = questions;
    IOMemoryDescriptor *both;

    (void)state;
    assert_int_equal(virtio_rng_read((IOMemoryDescriptor *)NULL, 0, 16), kIOReturnBadArgument);
    assert_int_equal(virtio_rng_read(memory, 0, 0), kIOReturnBadArgument);
    assert_int_equal(virtio_rng_read(memory, 0, 4 * PAGE_SIZE + 1), kIOReturnOverrun);
    assert_int_equal(virtio_rng_read(memory, 4 * PAGE_SIZE, 1), kIOReturnOverrun);
    assert_int_equal(virtio_rng_read(memory, UINT64_MAX, 2), kIOReturnOverrun);
    assert_int_equal(virtio_rng_read(out, 0, 16), kIOReturnNotPermitted);
    assert_int_equal(virtio_rng_read(absent, 0, 16), kIOReturnNotReady);
    sim_in_handler = true;
    assert_int_equal(virtio_rng_read(memory, 0, 16), kIOReturnNotPermitted);
    sim_in_handler = false;
    /* Prepared for being read alone: nobody has asked whether it may be written. */
    both = IOMemoryDescriptor_withAddressRange((uint64_t)bytes, 64, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(both, kIODirectionOut), kIOReturnSuccess);
    assert_int_equal(virtio_rng_read(both, 0, 16), kIOReturnNotPermitted);
    assert_int_equal(IOMemoryDescriptor_complete(both, kIODirectionOut), kIOReturnSuccess);
    OSObject_release(both);
    assert_int_equal(questions, before);
    OSObject_release(out);
    OSObject_release(absent);
}

static void give_up(void)
{
    virtio_rng_reset();
}

static void ask_for_reset(void)
{
    asks_for_reset = true;
    sim_while_waiting = run;
    run();
}

static void test_resets(void **state)
{
    (void)state;
    sim_while_waiting = give_up; /* somebody who loses patience */
    assert_int_equal(virtio_rng_read(memory, 0, 16), kIOReturnAborted);
    sim_while_waiting = run;
    assert_int_equal(virtio_rng_read(memory, 0, 16), kIOReturnSuccess);
    assert_int_equal(virtio_rng_reset(), kIOReturnSuccess);
    assert_int_equal(virtio_rng_read(memory, 0, 16), kIOReturnSuccess);

    sim_console_forget();
    sim_while_waiting = ask_for_reset;
    assert_int_equal(virtio_rng_read(memory, 0, 16), kIOReturnDeviceError);
    assert_true(sim_console_said("virtio-rng: the device is reset: it asks for it\n"));
    assert_int_equal(virtio_rng_read(memory, 0, 16), kIOReturnSuccess);
    assert_true(virtio_rng_present());
    assert_null(sim.complaint);
    /* A change of its configuration is no reason for one. */
    sim_console_forget();
    sim.changed_pending = true;
    run();
    assert_false(sim_console_said("reset"));
}

static void test_lost(void **state)
{
    (void)state;
    sim_console_forget();
    sim.refuses_reset = true;
    assert_int_equal(virtio_rng_reset(), kIOReturnNotResponding);
    assert_true(sim_console_said("virtio-rng: the device is lost"));
    assert_false(virtio_rng_present());
    assert_int_equal(virtio_rng_read(memory, 0, 16), kIOReturnNotResponding);
    sim.refuses_reset = false; /* too late */
    assert_int_equal(virtio_rng_reset(), kIOReturnNotResponding);
    assert_int_equal(sim.status & 4, 0);
    assert_null(sim.device.used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),    cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_in_line), cmocka_unit_test(test_several),
        cmocka_unit_test(test_again),   cmocka_unit_test(test_reading),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_resets),
        cmocka_unit_test(test_lost),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
