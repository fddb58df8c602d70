/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which NVMe transfers and their commands go: what waits in line goes on, what is
 * held back stays, and each command begins where the one before has ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/drivers/nvme_client.h"

static struct nvme_transfer transfer, second;

#define SHORT (200 * 8192ull) /* bytes of as many commands, which are short */

static int open_short(void **state)
{
    (void)state;
    client_create();
    sim.mdts = 1;
    assert_int_equal(client_open(), kIOReturnSuccess);
    return 0;
}

/* As many of its commands go as there is room for. */
static IODMACommand *start_short(unsigned room)
{
    IODMACommand *const command = client_command(&transfer, NVME_PRP, whole, 0, SHORT);

    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), room);
    return command;
}

/* All of its commands are back and were good, and the rest is in line: it goes on. */
static void all_that_went_was_good(void **state)
{
    IODMACommand *command = start_short(NVME_QUEUE_SIZE - 1);
    const unsigned count = sim.taken_count;

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        nvme_sim_answer(&sim, i, 0);
    }
    client_deliver();
    assert_int_equal(client_end_count, 0);
    client_run();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    assert_int_equal(client_ends[0].bytes, SHORT);
    client_drop(command);
    client_close();
}

static IODMACommand *late;

static void start_late(void)
{
    assert_int_equal(
        IODMAEventSource_startDMACommand(client_sources[0], late, kIODirectionIn, 0, 0),
        kIOReturnSuccess);
}

/* Room that the end of one makes is for who waits, not for who hears of that end. */
static void who_waits_goes_first(void **state)
{
    static struct nvme_transfer small, later;
    IODMACommand *first = client_command(&small, NVME_PRP, whole, 0, 4096), *command;

    (void)state;
    late = client_command(&later, NVME_PRP, whole, 0, 4096);
    small.block = 0;
    later.block = 8000;
    assert_int_equal(client_start(0, first, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 1);
    command = start_short(NVME_QUEUE_SIZE - 2);
    client_at_notification = start_late;
    nvme_sim_answer(&sim, 0, 0);
    IOWorkLoop_closeGate(client_loop);
    bus_sim_interrupt(&sim.bus);
    IOWorkLoop_openGate(client_loop);
    assert_null(client_at_notification);
    assert_int_equal(nvme_sim_take(&sim), 1);
    assert_int_not_equal(sim.taken[sim.taken_count - 1].command.dword[0], later.block);
    client_run();
    assert_int_equal(client_end_count, 3);
    client_drop(first);
    client_drop(command);
    client_drop(late);
    client_close();
}

/* What has waited, and turns out to be impossible when it is its turn, fails then. */
static void in_line_for_the_impossible(void **state)
{
    static IOAddressRange ranges[1024];
    IODMACommand *command = start_short(NVME_QUEUE_SIZE - 1), *other;
    IOMemoryDescriptor *memory;

    (void)state;
    for (unsigned i = 0; i < 1024; i++) {
        ranges[i] = (IOAddressRange){(uint64_t)whole_byte(2ull * i), 1};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 1024, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    other = client_command(&second, NVME_SGL, memory, 0, 1024);
    second.block = 0;
    assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnSuccess);
    client_run();
    assert_int_equal(client_end_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(client_ends[i].status,
                         client_ends[i].command == other ? kIOReturnNoSpace : kIOReturnSuccess);
    }
    client_drop(other);
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    client_close();
}

/* 512 bytes from the beginning of pages that lie `apart`, the last one first, blocks from 0 on. */
static IODMACommand *start_scattered(IOAddressRange *ranges, unsigned count, uint64_t apart,
                                     IOMemoryDescriptor **memory)
{
    IODMACommand *command;

    for (unsigned i = 0; i < count; i++) {
        ranges[i] = (IOAddressRange){(uint64_t)whole_byte(apart * (count - 1 - i)), 4096};
    }
    for (uint64_t i = 0; i < (count - 1) * 4096ull; i++) {
        sim_disk[i] = (uint8_t)(i * 7 + i / 256);
    }
    *memory = IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(*memory, kIODirectionNone), kIOReturnSuccess);
    command = client_command(&transfer, NVME_PRP, *memory, 512, (count - 1) * 4096ull);
    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    return command;
}

static void end_scattered(const IOAddressRange *ranges, unsigned count, IODMACommand *command,
                          IOMemoryDescriptor *memory)
{
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    for (uint64_t i = 0; i < (count - 1) * 4096ull; i++) {
        const uint64_t at = i + 512;

        assert_int_equal(((uint8_t *)ranges[at / 4096].address)[at % 4096], sim_disk[i]);
    }
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    client_close();
}

/* Pages here and there, from the midst of the first: each command goes on where the last ended. */
static void scattered_pages_from_within(void **state)
{
    static IOAddressRange ranges[40];
    IOMemoryDescriptor *memory;
    IODMACommand *const command = start_scattered(ranges, 40, 8192, &memory);

    (void)state;
    client_run();
    end_scattered(ranges, 40, command, memory);
}

/* As many pages as a list and the entry before it name are one command, wherever they are. */
static void as_many_pages_as_a_list_names(void **state)
{
    static IOAddressRange ranges[513];
    IOMemoryDescriptor *memory;
    IODMACommand *command;

    (void)state;
    client_create();
    sim.mdts = 0; /* it does not say */
    assert_int_equal(client_open(), kIOReturnSuccess);
    command = start_scattered(ranges, 513, 4096, &memory);
    assert_int_equal(nvme_sim_take(&sim), 1);
    nvme_sim_answer(&sim, 0, 0);
    client_deliver();
    assert_int_equal(client_end_count, 1);
    end_scattered(ranges, 513, command, memory);
}

/* Held back it stays while others come back; who waits for its end lets the controller have it. */
static void what_is_held_back_is_waited_for(void **state)
{
    IODMACommand *first = client_command(&transfer, NVME_PRP, whole, 0, 4096);
    IODMACommand *held = client_command(&second, NVME_PRP, whole, 4096, 4096);

    (void)state;
    transfer.block = second.block = 0;
    assert_int_equal(client_start(0, first, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 1);
    nvme_hold_doorbell(disk, 0, true);
    assert_int_equal(client_start(0, held, kIODirectionIn, 0, 0), kIOReturnSuccess);
    nvme_sim_answer(&sim, 0, 0);
    client_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(nvme_sim_take(&sim), 0);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], true, 0), kIOReturnTimeout);
    assert_int_equal(nvme_sim_take(&sim), 1);
    client_run();
    assert_int_equal(client_end_count, 2);
    nvme_hold_doorbell(disk, 0, false);
    client_drop(first);
    client_drop(held);
    client_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_that_went_was_good, open_short),
        cmocka_unit_test_setup(who_waits_goes_first, open_short),
        cmocka_unit_test_setup(in_line_for_the_impossible, open_short),
        cmocka_unit_test_setup(scattered_pages_from_within, client_open_usual),
        cmocka_unit_test_setup(what_is_held_back_is_waited_for, client_open_usual),
        cmocka_unit_test(as_many_pages_as_a_list_names),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
