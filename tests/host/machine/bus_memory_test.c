/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that drivers share with bus masters, and waiting for what these say. */
#include "descriptors/ledger/IOLedger.h"
#include "drivers/pci/bus_memory.h"
#include "drivers/pci/bus_wait.h"
#include "kernel/inject.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

/* Nothing is in it, which may be given back as well. */
static void expect_none(struct bus_memory *memory)
{
    assert_true(memory->bytes == NULL && memory->start == 0);
    bus_memory_destroy(memory);
}

static void sizes_and_alignments_are_whole(void **state)
{
    struct bus_memory memory;

    (void)state;
    memset(&memory, 0xee, sizeof(memory)); /* whatever stood there */
    assert_int_equal(bus_memory_create(&memory, NULL, 0, 0, 64), kIOReturnBadArgument);
    expect_none(&memory);
    assert_int_equal(bus_memory_create(&memory, NULL, 0, UINT64_MAX, 64), kIOReturnBadArgument);
    for (unsigned odd = 3; odd < 8; odd += odd == 3 ? 2 : 1) {
        assert_int_equal(bus_memory_create(&memory, NULL, 0, 100, odd * PAGE_SIZE),
                         kIOReturnBadArgument);
        assert_int_equal(bus_memory_create(&memory, NULL, 32, 100, odd * PAGE_SIZE),
                         kIOReturnBadArgument);
    }
    assert_int_equal(bus_memory_create(&memory, NULL, 12, 100, 64), kIOReturnNoResources);
    expect_none(&memory);
    assert_int_equal(bus_memory_create(&memory, NULL, 32, 100, 4 * PAGE_SIZE), kIOReturnSuccess);
    assert_int_equal(memory.start % (4 * PAGE_SIZE), 0);
    assert_true(memory.start + PAGE_SIZE - 1 <= UINT32_MAX);
    assert_int_equal(((uint8_t *)memory.bytes)[PAGE_SIZE - 1], 0);
    assert_int_equal(IOMemoryDescriptor_getLength(memory.buffer), PAGE_SIZE);
    assert_int_equal(bus_memory_address(&memory, (uint8_t *)memory.bytes + 5), memory.start + 5);
    sim_console_forget();
    bus_memory_destroy(&memory);
    assert_false(sim_console_said("freed while active"));
    assert_null(memory.bytes);
}

/* Whichever request for memory fails, and with a mapper that gives too little, nothing is kept. */
static void what_cannot_be_shared_is_given_back(void **state)
{
    struct inject_report report = {.failed = true};
    struct bus_memory memory;
    IOMapper *mapper = new_mapper();
    unsigned failures = 0;

    (void)state;
    for (uint64_t nth = 1; report.failed; nth++) {
        IOReturn status;

        inject_begin(nth);
        status = bus_memory_create(&memory, NULL, 0, 2 * PAGE_SIZE, 64);
        inject_end(&report);
        failures += status != kIOReturnSuccess;
        assert_true(status == kIOReturnSuccess || memory.bytes == NULL);
        bus_memory_destroy(&memory);
    }
    assert_true(failures >= 3);
    told.answer = kIOReturnNoSpace;
    assert_int_equal(bus_memory_create(&memory, mapper, 0, 100, 64), kIOReturnNoSpace);
    assert_null(memory.bytes);
    /* Addresses that the device has no bits for, or that begin between two of its units. */
    told.answer = kIOReturnSuccess;
    for (unsigned i = 0; i < 2; i++) {
        told.base = i == 0 ? 1ull << 40 : IOVA + PAGE_SIZE;
        assert_int_equal(bus_memory_create(&memory, mapper, 32, 100, 4 * PAGE_SIZE),
                         kIOReturnNoResources);
        assert_null(memory.bytes);
        assert_int_equal(told.unmaps, told.maps - 1); /* the first was refused */
    }
    OSObject_release(mapper);
}

static unsigned leaks;

static void count_leak(const struct IOLedgerReport *report)
{
    leaks += report->rule == kIOLedgerLeak;
}

/* Prepared for as long as the device works: the end of the image finds it so. */
static void memory_is_kept_on_purpose(void **state)
{
    struct bus_memory memory;

    (void)state;
    IOLedger_listen(count_leak);
    assert_int_equal(bus_memory_create(&memory, NULL, 0, 100, 64), kIOReturnSuccess);
    IOLedger_judgeEnd();
    assert_int_equal(leaks, 0);
    bus_memory_destroy(&memory);
    IOLedger_listen(NULL);
}

/* What a device may use for ever is nobody's any more. */
static void memory_can_be_left_to_the_device(void **state)
{
    struct bus_memory memory, kept;

    (void)state;
    assert_int_equal(bus_memory_create(&memory, NULL, 0, 100, 64), kIOReturnSuccess);
    kept = memory;
    bus_memory_abandon(&memory);
    assert_null(memory.bytes);
    bus_memory_destroy(&memory);
    memset(kept.bytes, 1, PAGE_SIZE); /* it is there still */
    bus_memory_destroy(&kept);
}

static unsigned questions, yes_at;

static bool ask(void *context)
{
    (void)context;
    return ++questions == yes_at;
}

/* An answer that comes while we sleep counts, also when the time is up by then. */
static void waiting_has_a_bound(void **state)
{
    const uint64_t begun = sim_time;

    (void)state;
    questions = 0;
    yes_at = 1;
    assert_true(bus_wait(ask, NULL, 0));
    assert_int_equal(sim_time, begun);
    questions = 0;
    yes_at = 0;
    assert_false(bus_wait(ask, NULL, 0));
    assert_int_equal(questions, 1);
    questions = 0;
    assert_false(bus_wait(ask, NULL, 1000000));
    assert_int_equal(sim_time - begun, 1000000);
    yes_at = questions;
    questions = 0;
    assert_true(bus_wait(ask, NULL, 1000000)); /* the last one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(sizes_and_alignments_are_whole),
        MAP_TEST(what_cannot_be_shared_is_given_back),
        MAP_TEST(memory_is_kept_on_purpose),
        MAP_TEST(memory_can_be_left_to_the_device),
        MAP_TEST(waiting_has_a_bound),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
