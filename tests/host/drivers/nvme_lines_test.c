/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of NVMe transfers that end early: of which a part fails, that are stopped, and whose rest
 * has more pieces than a list, or pieces that none can name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/IOMultiMemoryDescriptor.h"
#include "kernel/timer.h"
#include "tests/host/drivers/nvme_client.h"

#define SECOND 1000000000ull
#define LONG   (200 * 65536ull) /* bytes of more commands than a queue has room for */

static struct nvme_transfer transfer, second;

static IODMACommand *start_long(unsigned channel)
{
    /* The same memory again and again: nobody looks at its bytes. */
    IOMemoryDescriptor *parts[] = {whole, whole, whole, whole, whole};
    IOMemoryDescriptor *all = (IOMemoryDescriptor *)IOMultiMemoryDescriptor_withDescriptors(
        parts, 5, kIODirectionInOut, false);
    IODMACommand *command;

    assert_non_null(all);
    command = nvme_create_command(disk, NVME_PRP, NULL, kMapped, &transfer);
    client_prepare(command, all, 0, LONG);
    OSObject_release(all);
    transfer.block = 0;
    disk->blocks = LONG / 512; /* of which none is looked at */
    assert_int_equal(client_start(channel, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), NVME_QUEUE_SIZE - 1);
    return command;
}

/* One of a transfer's commands fails while the rest is in line: the rest does not go. */
static void the_rest_of_a_failed_one_does_not_go(void **state)
{
    const uint32_t error = NVME_STATUS(2u, 0x81u);
    IODMACommand *command = start_long(0);
    const unsigned count = sim.taken_count;

    (void)state;
    nvme_sim_answer(&sim, 5, error);
    client_deliver();
    assert_int_equal(nvme_sim_take(&sim), 0);
    assert_int_equal(client_end_count, 0);
    for (unsigned i = 0; i < count; i++) {
        if (i != 5) {
            nvme_sim_answer(&sim, i, error);
        }
    }
    client_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnIOError);
    assert_int_equal(nvme_sim_take(&sim), 0);
    client_drop(command);
    client_close();
}

/* All of its commands are back at once, and it is in line still: it ends there. */
static void all_that_went_has_failed(void **state)
{
    IODMACommand *command = start_long(0);
    const unsigned count = sim.taken_count;

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        nvme_sim_answer(&sim, i, NVME_STATUS(2u, 0x81u));
    }
    client_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnIOError);
    assert_int_equal(nvme_sim_take(&sim), 0);
    client_drop(command);
    client_close();
}

static void interrupt(void *context)
{
    (void)context;
    bus_sim_interrupt(&sim.bus);
}

/* Stopped, with what is in line behind it, which has sent nothing. */
static void a_line_is_stopped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t timeout = i == 0 ? UINT64_MAX : UINT64_MAX - 1; /* by a reset; by aborts */
        struct timer timer = {.callback = interrupt};
        IODMACommand *command = start_long(0);
        IODMACommand *other = client_command(&second, NVME_PRP, whole, 0, 4096);

        second.block = 0;
        assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnSuccess);
        timer_start(&timer, SECOND);
        assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, timeout),
                         kIOReturnSuccess);
        timer_cancel(&timer);
        IOWorkLoop_runEventSources(client_loop);
        assert_int_equal(client_end_count, 2);
        assert_int_equal(client_ends[0].status, kIOReturnAborted);
        assert_int_equal(client_ends[1].status, kIOReturnAborted);
        client_end_count = sim.taken_count = 0;
        client_drop(command);
        client_drop(other);
    }
    client_close();
}

/* A block in more pieces than a list has: what is whole before it goes, and the rest cannot. */
static void the_rest_has_too_many_pieces(void **state)
{
    static IOAddressRange ranges[1 + 1024];
    IOMemoryDescriptor *memory;
    IODMACommand *command;

    (void)state;
    ranges[0] = (IOAddressRange){(uint64_t)whole_byte(0), 65536};
    for (unsigned i = 0; i < 1024; i++) {
        ranges[1 + i] = (IOAddressRange){(uint64_t)whole_byte(65536 + 2ull * i), 1};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 1025, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = client_command(&transfer, NVME_SGL, memory, 0, 65536 + 1024);
    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 1);
    nvme_sim_answer(&sim, 0, 0);
    client_deliver();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnNoSpace);
    assert_int_equal(client_ends[0].bytes, 65536);
    /* And from the beginning, it is refused at once. */
    for (unsigned i = 0; i < 2; i++) { /* and again */
        assert_int_equal(client_start(0, command, kIODirectionIn, 1024, 65536), kIOReturnNoSpace);
    }
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    client_close();
}

/*
 * A client's own options let pieces begin where a list of pages cannot name them: the list ends
 * before, and the next command begins there, if a command may.
 */
static void pieces_that_no_list_of_pages_names(void **state)
{
    static const struct {
        unsigned first, bytes; /* where in its page the first piece begins, and how long it is */
        unsigned second;       /* where in its page the other */
        IOReturn status;
        uint64_t moved;
    } rows[] = {
        {0, 4096, 512, kIOReturnSuccess, 8192},       /* of two commands */
        {2048, 2048, 4, kIOReturnSuccess, 8192},      /* the same */
        {0, 4096, 2, kIOReturnMessageTooLarge, 4096}, /* the second between two words */
        {2, 4094, 0, kIOReturnMessageTooLarge, 0},    /* the first */
        {0, 300, 4, kIOReturnNoSpace, 0},             /* before a block is whole */
    };
    const IODMACommand_SegmentOptions options = {
        .fStructSize = sizeof(options), .fNumAddressBits = 64, .fAlignment = 1};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IOAddressRange ranges[] = {
            {(uint64_t)whole_byte(rows[i].first), rows[i].bytes},
            {(uint64_t)whole_byte(8192 + rows[i].second), 8192 - rows[i].bytes}};
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionInOut, kernel_task);
        IODMACommand *command = nvme_create_command(disk, NVME_PRP, &options, kMapped, &transfer);
        IOReturn status;

        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
        client_prepare(command, memory, 0, 8192);
        transfer.block = 0;
        client_end_count = sim.taken_count = 0;
        status = client_start(0, command, kIODirectionIn, 0, 0);
        if (rows[i].moved == 0) {
            assert_int_equal(status, rows[i].status);
            assert_int_equal(nvme_sim_take(&sim), 0);
        } else {
            assert_int_equal(status, kIOReturnSuccess);
            client_run();
            assert_int_equal(client_end_count, 1);
            assert_int_equal(client_ends[0].status, rows[i].status);
            assert_int_equal(client_ends[0].bytes, rows[i].moved);
        }
        client_drop(command);
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
        OSObject_release(memory);
    }
    client_close();
}

/* What was answered and not heard of makes room in a queue that goes: nothing is put there. */
static void a_reset_hears_of_answers(void **state)
{
    IODMACommand *command = start_long(0);
    const uint64_t bytes =
        nvme_sim_bytes(&sim, &sim.taken[0].command) + nvme_sim_bytes(&sim, &sim.taken[1].command);
    const unsigned doorbells = sim.doorbells;

    (void)state;
    nvme_sim_answer(&sim, 0, 0);
    nvme_sim_answer(&sim, 1, 0);
    assert_int_equal(nvme_reset(disk), kIOReturnSuccess);
    /* Two for each of its queues that went, and the questions of a new life. */
    assert_int_equal(sim.doorbells - doorbells, 2 * 4 + 1 + 2 * 4);
    assert_int_equal(nvme_sim_take(&sim), 0);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnAborted);
    assert_int_equal(client_ends[0].bytes, bytes);
    client_drop(command);
    client_close();
}

/* Held back, and stopped: the controller never hears of it, and the next start is as any. */
static void what_is_held_back_is_stopped(void **state)
{
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);

    (void)state;
    transfer.block = 0;
    nvme_hold_doorbell(disk, 0, true);
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                     kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 0);
    IOWorkLoop_runEventSources(client_loop);
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnAborted);
    nvme_hold_doorbell(disk, 0, false);
    assert_int_equal(nvme_sim_take(&sim), 0);
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    client_run();
    assert_int_equal(client_ends[1].status, kIOReturnSuccess);
    client_drop(command);
    client_close();
}

/* A list is full within a block: it ends with the last that is whole, and the rest is another. */
static void lists_end_with_whole_blocks(void **state)
{
    static IOAddressRange ranges[300];
    struct nvme_counters counters;
    IOMemoryDescriptor *memory;
    IODMACommand *command;

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        ranges[i] = (IOAddressRange){(uint64_t)whole_byte(128ull * i), 99};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 300, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = client_command(&transfer, NVME_SGL, memory, 0, 58 * 512);
    transfer.block = 3;
    for (unsigned i = 0; i < 58 * 512; i++) {
        sim_disk[3 * 512 + i] = (uint8_t)(i * 7 + i / 99);
    }
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 2);
    assert_int_equal(nvme_sim_bytes(&sim, &sim.taken[0].command), 49 * 512); /* of 256 pieces */
    nvme_get_counters(disk, 0, &counters);
    assert_int_equal(counters.pieces, 254 + 47); /* one of them is of both */
    client_run();
    assert_int_equal(client_end_count, 1);
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    for (unsigned i = 0; i < 58 * 512; i++) {
        assert_int_equal(*whole_byte(128ull * (i / 99) + i % 99), sim_disk[3 * 512 + i]);
    }
    client_drop(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    client_close();
}

/* A block's number has 64 bits. */
static void blocks_beyond_4_gi(void **state)
{
    IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);

    (void)state;
    disk->blocks = 1ull << 40;
    transfer.block = (3ull << 32) + 5;
    assert_int_equal(client_start(0, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 1);
    assert_int_equal(sim.taken[0].command.dword[0], 5);
    assert_int_equal(sim.taken[0].command.dword[1], 3);
    assert_int_equal(sim.taken[0].command.dword[2], 7);
    nvme_sim_answer(&sim, 0, NVME_STATUS(0u, 0x80u)); /* it has not so many */
    client_deliver();
    assert_int_equal(client_ends[0].status, kIOReturnOverrun);
    client_drop(command);
    client_close();
}

#define OPENED(test) cmocka_unit_test_setup(test, client_open_usual)

/* Who stood behind in an earlier line is none of this one, and may be gone. */
static void a_line_is_forgotten(void **state)
{
    struct nvme_transfer *const behind = malloc(sizeof(*behind));
    IODMACommand *command = start_long(0), *other;
    unsigned count = sim.taken_count;

    (void)state;
    assert_non_null(behind);
    other = client_command(behind, NVME_PRP, whole, 0, 4096);
    behind->block = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (i == 0) {
            assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnSuccess);
            assert_int_equal(IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX),
                             kIOReturnSuccess);
        } else {
            assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
            count = nvme_sim_take(&sim);
            for (unsigned k = 0; k < count; k++) {
                nvme_sim_answer(&sim, k, NVME_STATUS(2u, 0x81u));
            }
        }
        client_deliver();
        assert_int_equal(client_end_count, i == 0 ? 2 : 1);
        client_end_count = sim.taken_count = 0;
        if (i == 0) {
            client_drop(other);
            free(behind);
        }
    }
    client_drop(command);
    client_close();
}

/* What is in line was never the controller's; whether that stops is its end all the same. */
static void lines_before_controllers_that_do_not_stop(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        const IOReturn expected = i == 0 ? kIOReturnAborted : kIOReturnNotResponding;
        IODMACommand *command, *other;

        client_open_usual(state);
        command = start_long(0);
        other = client_command(&second, NVME_PRP, whole, 0, 4096);
        second.block = 0;
        assert_int_equal(client_start(0, other, kIODirectionIn, 0, 0), kIOReturnSuccess);
        sim.never_off = true;
        assert_int_equal(i == 0 ? nvme_shut_down(disk) : nvme_reset(disk), kIOReturnNotResponding);
        IOWorkLoop_runEventSources(client_loop);
        assert_int_equal(client_end_count, 2);
        assert_ptr_equal(client_ends[0].command, other);
        assert_int_equal(client_ends[0].status, expected);
        assert_int_equal(client_ends[1].status, expected);
        client_drop(command);
        client_drop(other);
        client_abandon();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPENED(the_rest_of_a_failed_one_does_not_go),
        OPENED(all_that_went_has_failed),
        OPENED(a_line_is_stopped),
        OPENED(a_line_is_forgotten),
        OPENED(blocks_beyond_4_gi),
        OPENED(lists_end_with_whole_blocks),
        OPENED(a_reset_hears_of_answers),
        OPENED(what_is_held_back_is_stopped),
        OPENED(the_rest_has_too_many_pieces),
        OPENED(pieces_that_no_list_of_pages_names),
        cmocka_unit_test(lines_before_controllers_that_do_not_stop), /* last: memory stays */
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
