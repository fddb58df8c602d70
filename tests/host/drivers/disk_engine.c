/* SPDX-License-Identifier: BSD-2-Clause */
/* What all engines that have one transfer of a disk at a time do. */
#include "tests/host/drivers/disk_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/inject.h"
#include "tests/host/sim/sim_irq.h"

uint8_t disk_content[DISK_BYTES];
IODMACommand *disk_commands[DISK_TRANSFERS];

static const struct disk_engine *engine;
static struct holdings before;

void disk_engine_begin(const struct disk_engine *whose)
{
    engine = whose;
    for (unsigned i = 0; i < DISK_BYTES; i++) {
        disk_content[i] = (uint8_t)(i * 7 + (i >> 9));
    }
}

void disk_create(void)
{
    engine->create();
    before = holdings_now();
}

/* --- Opening and closing ---------------------------------------------------------------------- */

static bool is_at_rest(void)
{
    return !engine->bus->master_on && !engine->bus->claimed && engine->bus->granted == 0;
}

bool disk_left_nothing(void)
{
    return sim_holds(&before);
}

void disk_fails_to_open(IOReturn status, uint64_t most)
{
    const uint64_t start = sim_time;

    assert_int_equal(engine->open(), status);
    assert_false(engine->is_open());
    assert_true(sim_time - start <= most);
    assert_true(is_at_rest());
    assert_true(disk_left_nothing());
}

void disk_is_found(void)
{
    disk_create();
    engine->bus->is_found = true;
    assert_int_equal(engine->count(), 1);
    assert_true(engine->bus->claimed && engine->bus->master_on);
}

void disk_belongs_to_another(void)
{
    disk_create();
    engine->bus->claimed = true;
    assert_int_equal(engine->open(), kIOReturnExclusiveAccess);
    assert_true(disk_left_nothing() && engine->bus->claimed);
}

void disk_leave(bool stops)
{
    if (client_sources[0] != NULL) {
        client_detach();
    }
    assert_int_equal(engine->close(), stops);
    assert_int_equal(engine->count(), 0);
    assert_true(is_at_rest());
    assert_int_equal(disk_left_nothing(), stops);
}

unsigned disk_without_memory(void)
{
    unsigned failed = 0;
    bool injected = true;

    for (uint64_t nth = 1; injected; nth++) {
        struct inject_report report;
        IOReturn status;

        disk_create();
        inject_begin(nth);
        status = engine->open();
        inject_end(&report);
        injected = report.failed;
        assert_true(status == kIOReturnSuccess || status == kIOReturnNoMemory);
        assert_int_equal(engine->is_open(), status == kIOReturnSuccess);
        assert_true(injected || engine->count() == 1);
        failed += engine->count() == 0;
        if (engine->is_open()) {
            assert_true(engine->close());
        }
        assert_true(is_at_rest() && disk_left_nothing());
    }
    return failed;
}

unsigned disk_starts_without_memory(IOMemoryDescriptor *memory, uint64_t length)
{
    struct inject_report report = {.failed = true};
    unsigned failed = 0;

    for (uint64_t nth = 1; report.failed; nth++) {
        const struct holdings held = holdings_now();
        IOReturn status = kIOReturnNoMemory;
        IODMACommand *command;

        client_end_count = 0;
        inject_begin(nth);
        command = engine->command(0);
        if (command != NULL) {
            engine->seek(0, 7);
            status = IODMACommand_setMemoryDescriptor(command, memory, false);
        }
        if (status == kIOReturnSuccess) {
            status = IODMACommand_prepare(command, 0, length, true, true);
        }
        if (status == kIOReturnSuccess) {
            status = client_start(0, command, kIODirectionIn, 0, 0);
        }
        inject_end(&report);
        failed += status != kIOReturnSuccess;
        assert_true(status == kIOReturnSuccess || status == kIOReturnNoMemory ||
                    status == kIOReturnNoResources);
        if (status == kIOReturnSuccess) {
            disk_run();
            assert_int_equal(client_ends[0].status, kIOReturnSuccess);
            assert_int_equal(client_ends[0].bytes, length);
        }
        if (command != NULL &&
            IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL) == kIOReturnSuccess) {
            assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        }
        OSObject_release(command);
        assert_true(sim_holds(&held));
    }
    return failed;
}

/* --- Transfers -------------------------------------------------------------------------------- */

IODMACommand *disk_command_over(unsigned index, IOMemoryDescriptor *memory, uint64_t length)
{
    IODMACommand *command = engine->command(index);

    client_prepare(command, memory, 0, length);
    return command;
}

void disk_start(IODMACommand *command, IODirection direction, uint64_t block)
{
    client_end_count = 0;
    engine->seek(0, block);
    assert_int_equal(client_start(0, command, direction, 0, 0), kIOReturnSuccess);
}

void disk_deliver(void)
{
    bus_sim_interrupt(engine->bus);
    IOWorkLoop_runEventSources(client_loop);
}

void disk_run(void)
{
    while (client_end_count == 0) {
        engine->answer();
        disk_deliver();
    }
}

void disk_start_all(void)
{
    client_end_count = 0;
    for (unsigned i = 0; i < DISK_TRANSFERS; i++) {
        disk_commands[i] = disk_command_over(i, whole, 4096);
        engine->seek(i, 8 * i);
        assert_int_equal(client_start(0, disk_commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
}

void disk_drop_all(void)
{
    for (unsigned i = 0; i < DISK_TRANSFERS; i++) {
        client_drop(disk_commands[i]);
    }
}

void disk_expect_work(void)
{
    IODMACommand *command = disk_command_over(0, whole, 512);

    disk_start(command, kIODirectionIn, 3);
    disk_run();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    assert_memory_equal(whole_byte(0), disk_content + 3 * 512, 512);
    client_drop(command);
}

void disk_start_in_part(void)
{
    IODMACommand *command = disk_command_over(0, whole, 8192);

    memset(whole_byte(0), 0xa5, 8192);
    client_end_count = 0;
    engine->seek(0, 5);
    assert_int_equal(client_start(0, command, kIODirectionIn, 1024, 1536), kIOReturnSuccess);
    disk_run();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    assert_int_equal(client_ends[0].bytes, 1024);
    client_drop(command);
    for (unsigned i = 0; i < 8192; i++) {
        assert_int_equal(*whole_byte(i),
                         i >= 1536 && i < 1536 + 1024 ? disk_content[5 * 512 + i - 1536] : 0xa5);
    }
}

void disk_there_and_back(bool in_odd, uint64_t length, uint64_t block)
{
    for (unsigned way = 0; way < 2; way++, block += 100) {
        IODMACommand *command = disk_command_over(0, in_odd ? odd : whole, length);

        disk_start(command, way == 0 ? kIODirectionIn : kIODirectionOut, block);
        disk_run();
        assert_int_equal(client_ends[0].status, kIOReturnSuccess);
        assert_int_equal(client_ends[0].bytes, length);
        client_drop(command);
        for (uint64_t i = 0; i < length; i++) {
            assert_int_equal(in_odd ? *odd_byte(i) : *whole_byte(i), disk_content[block * 512 + i]);
        }
    }
}

void disk_all_lengths(uint64_t block)
{
    static const uint64_t lengths[] = {512, 4096, 66 * 512, 2u << 20, 5000 * 512};

    for (unsigned i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
        disk_there_and_back(i % 2 != 0, lengths[i / 2], block + i);
    }
}

/* --- Ends ------------------------------------------------------------------------------------- */

static void rest_is_done(unsigned from)
{
    while (client_end_count < DISK_TRANSFERS) {
        engine->answer();
        disk_deliver();
    }
    for (unsigned i = from; i < DISK_TRANSFERS; i++) {
        assert_int_equal(client_ends[i].status, kIOReturnSuccess);
        assert_int_equal(client_ends[i].bytes, 4096);
    }
}

void disk_expect_first(IOReturn status)
{
    disk_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, status);
    assert_int_equal(client_ends[0].bytes, 0);
    rest_is_done(1);
    disk_drop_all();
    disk_expect_work();
}

void disk_expect_no_end(bool served)
{
    const unsigned before = engine->bus->served;

    engine->bus->pending[0] = true;
    disk_deliver();
    assert_int_equal(engine->bus->served, before + served);
    assert_int_equal(client_end_count, 0);
}

void disk_expect_all(void)
{
    rest_is_done(0);
}

static void all_ended(IOReturn status)
{
    assert_int_equal(client_end_count, DISK_TRANSFERS);
    for (unsigned i = 0; i < DISK_TRANSFERS; i++) {
        assert_int_equal(client_ends[i].status, status);
    }
}

void disk_stop_all(void)
{
    disk_start_all();
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    disk_deliver();
    all_ended(kIOReturnAborted);
    disk_drop_all();
    disk_expect_work();
}

/* The ends before the one in whose notification the last command is started. */
static unsigned ends_before;

static void start_the_last(void)
{
    if (ends_before-- != 0) {
        client_at_notification = start_the_last;
        return;
    }
    engine->seek(DISK_TRANSFERS - 1, 3);
    IOWorkLoop_closeGate(client_loop); /* a start is for who has it */
    assert_int_equal(IODMAEventSource_startDMACommand(client_sources[0],
                                                      disk_commands[DISK_TRANSFERS - 1],
                                                      kIODirectionIn, 0, 0),
                     kIOReturnSuccess);
    IOWorkLoop_openGate(client_loop);
}

void disk_start_in_ends(bool all_at_once)
{
    for (unsigned end = 0; end < DISK_TRANSFERS - 1; end++) {
        client_end_count = 0;
        for (unsigned i = 0; i < DISK_TRANSFERS; i++) {
            disk_commands[i] = disk_command_over(i, whole, 4096);
            engine->seek(i, 8 * i);
            if (i < DISK_TRANSFERS - 1) {
                assert_int_equal(client_start(0, disk_commands[i], kIODirectionIn, 0, 0),
                                 kIOReturnSuccess);
            }
        }
        ends_before = end;
        client_at_notification = start_the_last;
        if (all_at_once) {
            assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                             kIOReturnSuccess);
            disk_deliver();
            assert_int_equal(client_end_count, DISK_TRANSFERS - 1);
        }
        while (client_end_count < DISK_TRANSFERS) {
            engine->answer();
            disk_deliver();
        }
        for (unsigned i = 0; i < DISK_TRANSFERS - 1; i++) {
            assert_int_equal(client_ends[i].status,
                             all_at_once ? kIOReturnAborted : kIOReturnSuccess);
        }
        assert_ptr_equal(client_ends[DISK_TRANSFERS - 1].command,
                         disk_commands[DISK_TRANSFERS - 1]);
        assert_int_equal(client_ends[DISK_TRANSFERS - 1].status, kIOReturnSuccess);
        assert_int_equal(client_ends[DISK_TRANSFERS - 1].bytes, 4096);
        assert_memory_equal(whole_byte(0), disk_content + 3 * 512, 4096);
        disk_drop_all();
    }
}

void disk_expect_lost(void)
{
    disk_deliver();
    all_ended(kIOReturnNotResponding);
    assert_int_equal(client_start(0, disk_commands[0], kIODirectionIn, 0, 0),
                     kIOReturnNotResponding);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
}

void disk_expect_lost_by_stop(void)
{
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnNotResponding);
    disk_expect_lost();
}

void disk_use_up(struct test_mapper *mapper)
{
    uint64_t address, length;

    for (uint64_t bytes = 1ull << 31; bytes >= PAGE_SIZE; bytes /= 2) {
        while (IOMapper_iovmMapMemory(&mapper->super, (IOMemoryDescriptor *)NULL, 0, bytes,
                                      kIODMAMapReadAccess, NULL, NULL, NULL, &address,
                                      &length) == kIOReturnSuccess) {
            continue;
        }
    }
}
