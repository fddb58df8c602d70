/* SPDX-License-Identifier: BSD-2-Clause */
/* What was blocked: one report for a page and direction, to whoever it is about. */
#include "tests/host/sim/sim_console.h"
#include "tests/host/smmuv3/sim_smmu_private.h"

#define STREAM 0x08u
#define FAR    SIM_STALE_ADDRESS /* never mapped */

static struct smmu *unit;
static IOMapper *mapper;
static struct holdings before;

/* What a handler was told. */
static struct {
    unsigned calls;
    IOMapperFault last;
} heard;

static void hear(void *context, IOMapper *from, const IOMapperFault *fault)
{
    assert_ptr_equal(context, &heard);
    assert_ptr_equal(from, mapper);
    heard.calls++;
    heard.last = *fault;
}

static int start(void **state)
{
    (void)state;
    memset(&heard, 0, sizeof(heard));
    sim_console_forget();
    before = holdings_now();
    traits.event_log2 = 10;
    unit = smmu_start();
    mapper = unit == NULL ? NULL : stream_mapper(unit, STREAM);
    IOMapper_setFaultHandler(mapper, hear, &heard);
    return mapper != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    OSObject_release(&mapper->super);
    smmu_stop(unit);
    return sim_holds(&before) ? 0 : -1;
}

/* A transfer of a device, four bytes an access, as QEMU makes them. */
static void transfer(uint32_t stream, uint64_t address, uint64_t length, bool write)
{
    uint64_t physical;

    for (uint64_t i = 0; i < length; i += 4) {
        sim_access(stream, address + i, write, &physical);
    }
}

/* One of the stream's: so many reports have been heard once it is looked for. */
static void transfer_is_heard(uint64_t address, uint64_t length, bool write, unsigned reports)
{
    transfer(STREAM, address, length, write);
    IOMapper_collectFaults(mapper);
    assert_int_equal(heard.calls, reports);
}

static void a_transfer_is_one_report_for_each_page(void **state)
{
    (void)state;
    transfer_is_heard(FAR + 8, 4096 - 8, true, 1);
    assert_int_equal(heard.last.address, FAR + 8);
    assert_int_equal(heard.last.access, kIODMAMapWriteAccess);
    assert_int_equal(heard.last.reason, kIOReturnNotFound);
    assert_int_equal(heard.last.count, 1022);
    assert_true(sim_console_said("smmuv3: PCI 00:01.0, device: a write to 0x12345008 is blocked: "
                                 "nothing is mapped there (event 0x10, 1022 accesses)\n"));
    /* The same again, the other direction, the next page. */
    transfer_is_heard(FAR, 64, true, 1);
    transfer_is_heard(FAR, 64, false, 2);
    assert_int_equal(heard.last.access, kIODMAMapReadAccess);
    transfer_is_heard(FAR + 4092, 8, true, 3);
    assert_int_equal(heard.last.address, FAR + 4096);
    /* Something new begins. */
    IOMapper_forgetFaults(mapper);
    transfer_is_heard(FAR, 4, true, 4);
    assert_int_equal(heard.last.count, 1);
    /* What has not been collected by then belongs to what was before. */
    IOMapper_forgetFaults(mapper);
    transfer(STREAM, FAR, 4, true);
    IOMapper_forgetFaults(mapper);
    assert_int_equal(heard.calls, 5);
    transfer_is_heard(FAR, 4, true, 6);
    assert_int_equal(heard.last.count, 1);
}

static void streams_are_told_apart(void **state)
{
    IOMapper *const first = mapper, *other = stream_mapper(unit, STREAM + 8);

    (void)state;
    transfer(STREAM + 8, FAR, 64, true);
    IOMapper_collectFaults(first);
    assert_int_equal(heard.calls, 0);
    mapper = other;
    IOMapper_setFaultHandler(other, hear, &heard);
    IOMapper_forgetFaults(first); /* of somebody else's */
    transfer(STREAM + 8, FAR, 64, true);
    IOMapper_collectFaults(other);
    assert_int_equal(heard.calls, 0);
    IOMapper_forgetFaults(other);
    transfer(STREAM + 8, FAR, 64, true);
    IOMapper_collectFaults(first);
    assert_int_equal(heard.calls, 1);
    mapper = first;
    OSObject_release(&other->super);
}

/* A queue that is full: said once, answered, and everybody is told that something is missing. */
static void overflow_is_told_and_answered(void **state)
{
    (void)state;
    transfer(STREAM, FAR, 8192, true); /* 2,048 accesses, 1,024 events */
    IOMapper_collectFaults(mapper);
    assert_int_equal(unit->counters.lost, 1);
    assert_int_equal(unit->counters.events, 1024);
    assert_int_equal(heard.calls, 2);
    assert_int_equal(heard.last.reason, kIOReturnOverrun);
    assert_true(sim_console_said("smmuv3: more was blocked than can be told\n"));
    IOMapper_collectFaults(mapper);
    assert_int_equal(heard.calls, 2);
    /* It works on, and would be seen again. */
    IOMapper_forgetFaults(mapper);
    transfer_is_heard(FAR, 4, false, 3);
    transfer(STREAM, FAR, 16384, true);
    IOMapper_collectFaults(mapper);
    assert_int_equal(unit->counters.lost, 2);
}

/* A device that goes through its addresses fills neither the console nor others' reports. */
static void a_sweep_is_not_listed_for_ever(void **state)
{
    IOMapper *const first = mapper, *other;

    (void)state;
    for (uint64_t page = 0; page < 200; page++) {
        transfer(STREAM, FAR + ptoa(page), 8, true);
        IOMapper_collectFaults(mapper);
    }
    assert_int_equal(heard.calls, SMMU_REPORT_MAX + 1);
    assert_int_equal(heard.last.reason, kIOReturnOverrun);
    other = stream_mapper(unit, STREAM + 8);
    mapper = other;
    IOMapper_setFaultHandler(other, hear, &heard);
    transfer(STREAM + 8, FAR, 4, true);
    IOMapper_collectFaults(other);
    assert_int_equal(heard.calls, SMMU_REPORT_MAX + 2);
    assert_int_equal(heard.last.reason, kIOReturnNotFound);
    mapper = first;
    OSObject_release(&other->super);
}

/* All of one look: those that are listed are told, and once that there were more. */
static void a_sweep_at_once(void **state)
{
    (void)state;
    for (uint64_t page = 0; page < SMMU_REPORT_MAX + 8; page++) {
        transfer(STREAM, FAR + ptoa(page), 8, true);
    }
    IOMapper_collectFaults(mapper);
    assert_int_equal(heard.calls, SMMU_REPORT_MAX + 1);
    assert_int_equal(heard.last.reason, kIOReturnOverrun);
    assert_int_equal(unit->counters.events, 2 * (SMMU_REPORT_MAX + 8));
    assert_int_equal(unit->counters.reports, SMMU_REPORT_MAX);
    assert_int_equal(unit->counters.lost, 1);
    /* The same again is nothing new; from where something new begins on, it is. */
    transfer_is_heard(FAR + ptoa(SMMU_REPORT_MAX), 8, true, SMMU_REPORT_MAX + 1);
    assert_int_equal(unit->counters.lost, 1);
    IOMapper_forgetFaults(mapper);
    transfer_is_heard(FAR + ptoa(SMMU_REPORT_MAX), 8, true, SMMU_REPORT_MAX + 2);
    assert_int_equal(heard.last.address, FAR + ptoa(SMMU_REPORT_MAX));
    assert_int_equal(unit->counters.lost, 1);
    /* So that what is too much then is said again. */
    for (uint64_t page = 0; page < SMMU_REPORT_MAX + 8; page++) {
        transfer(STREAM, FAR + ptoa(page), 8, true);
    }
    IOMapper_collectFaults(mapper);
    assert_int_equal(unit->counters.lost, 2);
}

/* An entry of the stream table that is none has no address: once, and beside those that have. */
static void streams_without_an_address(void **state)
{
    (void)state;
    sim_put_event(EVENT_BAD_STE, STREAM, 0, true);
    sim_put_event(EVENT_BAD_STE, STREAM, PAGE_SIZE, false);
    sim_put_event(EVENT_TRANSLATION, STREAM, 0, true);
    sim_put_event(EVENT_BAD_CONTEXT, STREAM, 0, true);
    sim_put_event(EVENT_TRANSLATION, STREAM, 8, true);
    IOMapper_collectFaults(mapper);
    assert_int_equal(unit->counters.events, 5);
    assert_int_equal(unit->counters.reports, 2);
    assert_int_equal(heard.calls, 2);
    assert_int_equal(heard.last.count, 2);
    assert_int_equal(unit->reports[0].count, 3);
}

/* Nobody's: it is said, without a name, and nobody is told. */
static void streams_of_nobody(void **state)
{
    (void)state;
    sim_put_event(EVENT_TRANSLATION, STREAM + 0x21, FAR, false);
    IOMapper_collectFaults(mapper);
    assert_int_equal(heard.calls, 0);
    assert_true(sim_console_said("smmuv3: PCI 00:05.1: a read at 0x12345000 is blocked: "
                                 "nothing is mapped there (event 0x10, 1 accesses)\n"));
}

/* Who is told may ask, and is told of what has not been told yet: all once, in their order. */
static uint64_t order[4];

static void hear_and_ask(void *context, IOMapper *from, const IOMapperFault *fault)
{
    (void)context;
    order[heard.calls++] = fault->address;
    IOMapper_collectFaults(from);
    IOMapper_forgetFaults(from);
}

static void whoever_is_told_may_ask(void **state)
{
    (void)state;
    IOMapper_setFaultHandler(mapper, hear_and_ask, NULL);
    for (uint64_t page = 0; page < 3; page++) {
        transfer(STREAM, FAR + ptoa(page), 4, true);
    }
    IOMapper_collectFaults(mapper);
    assert_int_equal(heard.calls, 3);
    for (uint64_t page = 0; page < 3; page++) {
        assert_int_equal(order[page], FAR + ptoa(page));
    }
    assert_int_equal(unit->untold, 0);
    assert_int_equal(unit->counters.reports, 3);
}

/* --- Commands -----------------------------------------------------------------------------------
 */

static struct IOMapperUse uses[2];

static void begin_uses(void)
{
    IOMapper_addUse(mapper, &uses[0], 0x10004, 0x2000);
    IOMapper_addUse(mapper, &uses[1], 0x20000, 0x1000);
    uses[0].isRunning = true;
}

static void assert_faults(bool first, bool second)
{
    IOMapper_collectFaults(mapper);
    assert_int_equal(uses[0].hasFault, first);
    assert_int_equal(uses[1].hasFault, second);
    uses[0].hasFault = uses[1].hasFault = false;
    IOMapper_forgetFaults(mapper);
}

/* In a mapping: whose it is. Beside all of them: what the device is at. */
static void faults_find_their_transfer(void **state)
{
    (void)state;
    begin_uses();
    transfer(STREAM, 0x20ffc, 4, true);
    assert_faults(false, true);
    transfer(STREAM, 0x10000, 4, true);
    assert_faults(true, false);
    transfer(STREAM, 0x11fff, 4, true);
    assert_faults(true, false);
    transfer(STREAM, 0x12000, 4, true);
    assert_faults(true, false); /* nobody's: it runs */
    uses[1].isRunning = true;
    transfer(STREAM, 0xf000, 4, true);
    assert_faults(true, true);
    transfer(STREAM, 0x10000, 4 * 2048, true); /* overflows: whose was lost? */
    assert_faults(true, true);
    IOMapper_removeUse(&uses[0]);
    IOMapper_removeUse(&uses[0]); /* no effect */
    transfer(STREAM, 0x10000, 4, true);
    assert_faults(false, true);
    IOMapper_removeUse(&uses[1]);
    transfer(STREAM, 0x10000, 4, true);
    assert_faults(false, false);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        EACH(a_transfer_is_one_report_for_each_page),
        EACH(streams_are_told_apart),
        EACH(overflow_is_told_and_answered),
        EACH(a_sweep_is_not_listed_for_ever),
        EACH(a_sweep_at_once),
        EACH(streams_without_an_address),
        EACH(streams_of_nobody),
        EACH(whoever_is_told_may_ask),
        EACH(faults_find_their_transfer),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, map_power_off);
}
