/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe transfers in front of a simulated controller that answers in the order of the test: how
 * they are cut and told, and what their ends report. SEED, CASES: random transfers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/nvme_client.h"
#include "tests/host/sim/sim_console.h"

/* --- Bytes ------------------------------------------------------------------------------------ */

/* Any part of either memory, from and to any blocks: these bytes, and no other. */
static void transfer_at_random(uint64_t cases)
{
    static uint8_t model_disk[CLIENT_DISK], model_memory[CLIENT_PIECES * CLIENT_PIECE];
    const uint64_t length = sizeof(model_memory);
    const uint64_t block = disk->block_size;

    for (uint64_t i = 0; i < CLIENT_DISK; i++) {
        model_disk[i] = sim_disk[i] = (uint8_t)client_random(256);
    }
    for (uint64_t i = 0; i < length; i++) {
        model_memory[i] = *odd_byte(i) = (uint8_t)client_random(256);
    }
    for (uint64_t i = 0; i < cases; i++) {
        const uint64_t most = client_random(4) == 0 ? CLIENT_DISK / 2 : 20000 + block;
        const uint64_t count = (1 + client_random(most / block)) * block;
        const uint64_t extra = client_random(1250) * 4; /* some take words alone */
        const bool writes = client_random(2) != 0;
        struct nvme_transfer transfer;
        IODMACommand *command;
        uint64_t offset;

        if (count + extra > length) {
            continue;
        }
        offset = client_random(length - count - extra + 1);
        command = client_command(&transfer, client_random(2) != 0 ? NVME_SGL : NVME_PRP, odd,
                                 offset, count + extra);
        transfer.block = client_random((CLIENT_DISK - count) / block + 1);
        client_end_count = 0;
        /* A start within a preparation begins wherever pieces of its format may. */
        offset += transfer.format == NVME_SGL ? extra : 0;
        assert_int_equal(client_start((unsigned)client_random(controller->queue_count), command,
                                      writes ? kIODirectionOut : kIODirectionIn, count,
                                      transfer.format == NVME_SGL ? extra : 0),
                         kIOReturnSuccess);
        client_run();
        assert_int_equal(client_end_count, 1);
        assert_int_equal(client_ends[0].status, kIOReturnSuccess);
        assert_int_equal(client_ends[0].bytes, count);
        client_drop(command);
        if (writes) {
            memcpy(model_disk + transfer.block * block, model_memory + offset, count);
        } else {
            memcpy(model_memory + offset, model_disk + transfer.block * block, count);
        }
        assert_memory_equal(sim_disk, model_disk, CLIENT_DISK);
        for (uint64_t k = 0; k < length; k++) {
            assert_int_equal(*odd_byte(k), model_memory[k]);
        }
    }
}

static uint64_t cases(void)
{
    return getenv("CASES") != NULL ? strtoull(getenv("CASES"), NULL, 0) : 40;
}

static void random_transfers(void **state)
{
    (void)state;
    transfer_at_random(cases());
    client_close();
}

static void random_transfers_by_blocks_of_a_page(void **state)
{
    (void)state;
    client_create();
    sim.block_shift = 12;
    sim.blocks = CLIENT_DISK >> 12;
    sim.bus.vectors = 1; /* and by a line */
    assert_int_equal(client_open(), kIOReturnSuccess);
    transfer_at_random(cases());
    client_close();
}

/* Pages of 64 KiB, SGLs at words alone, fewer interrupts than queues, doorbells further apart. */
static void random_transfers_of_another_controller(void **state)
{
    IODMACommand_SegmentOptions options;

    (void)state;
    client_create();
    sim.cap |= 4ull << 48 | 2ull << 32;
    sim.sgls = 2;
    sim.mdts = 1;
    sim.bus.vectors = 3;
    assert_int_equal(client_open(), kIOReturnSuccess);
    assert_int_equal(controller->queue_count, 2);
    assert_int_equal(nvme_get_segment_options(disk, NVME_SGL, &options), kIOReturnSuccess);
    assert_int_equal(options.fAlignment, 4);
    assert_int_equal(options.fMaxSegmentSize, UINT32_MAX - 3); /* the most that is words */
    transfer_at_random(cases());
    client_close();
}

/* --- Limits ----------------------------------------------------------------------------------- */

/* The smaller of what the controller takes and what a list of ours says; 0 is none. */
static void a_transfer_is_cut_at_the_smaller_limit(void **state)
{
    static const struct {
        uint8_t mdts;
        unsigned smallest; /* page: 4096 << this */
        uint64_t most;     /* bytes of a command */
    } rows[] = {{0, 0, 2 << 20},  {1, 0, 8192},      {5, 0, 128 << 10}, {9, 0, 2 << 20},
                {12, 0, 2 << 20}, {255, 0, 2 << 20}, {1, 4, 128 << 10}, {255, 4, 32 << 20}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* As many as a queue holds at the most. */
        const uint64_t total = CLIENT_PIECES * PAGE_SIZE < 100 * rows[i].most
                                   ? CLIENT_PIECES * PAGE_SIZE
                                   : 100 * rows[i].most - 512;

        for (enum nvme_format format = NVME_PRP; format <= NVME_SGL; format++) {
            IODMACommand_SegmentOptions options;
            struct nvme_transfer transfer;
            struct nvme_info info;
            IODMACommand *command;
            uint64_t at = 0;

            client_create();
            sim.cap |= (uint64_t)rows[i].smallest << 48;
            sim.mdts = rows[i].mdts;
            assert_int_equal(client_open(), kIOReturnSuccess);
            nvme_get_info(disk, &info);
            assert_int_equal(info.command_bytes_max, rows[i].most);
            assert_int_equal(nvme_get_segment_options(disk, format, &options), kIOReturnSuccess);
            assert_int_equal(options.fMaxTransferSize, 0); /* the driver cuts */
            command = client_command(&transfer, format, whole, 0, 0);
            transfer.block = 0;
            assert_int_equal(client_start(0, command, kIODirectionIn, total, 0), kIOReturnSuccess);
            assert_int_equal(nvme_sim_take(&sim), (total + rows[i].most - 1) / rows[i].most);
            for (unsigned k = 0; k < sim.taken_count; k++) {
                const uint64_t bytes = nvme_sim_bytes(&sim, &sim.taken[k].command);

                assert_int_equal(sim.taken[k].command.dword[0], at / 512);
                assert_int_equal(bytes, total - at < rows[i].most ? total - at : rows[i].most);
                at += bytes;
            }
            sim.mdts = 0; /* a shift of 255 would be the fake's own undoing */
            client_run();
            assert_int_equal(client_ends[0].status, kIOReturnSuccess);
            assert_int_equal(client_ends[0].bytes, total);
            client_drop(command);
            client_close();
        }
    }
}

/* Limit less a block, the limit, a block more; with a first byte in the middle of a page. */
static void transfers_about_the_limit(void **state)
{
    const uint64_t limit = controller->command_bytes_max;
    const uint64_t lengths[] = {limit - 512, limit, limit + 512, 2 * limit};

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct nvme_transfer transfer;
        IODMACommand *command = client_command(&transfer, i % 2 != 0 ? NVME_SGL : NVME_PRP, whole,
                                               0xe04, lengths[i / 2]);

        client_end_count = 0;
        assert_int_equal(client_start(0, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
        assert_int_equal(nvme_sim_take(&sim), (lengths[i / 2] + limit - 1) / limit);
        client_run();
        assert_int_equal(client_ends[0].status, kIOReturnSuccess);
        client_drop(command);
        assert_memory_equal(sim_disk, whole_byte(0xe04), lengths[i / 2]);
    }
    client_close();
}

/* In so many pieces that the list is full before the limit is there. */
static void a_full_list_ends_at_whole_blocks(void **state)
{
    struct nvme_transfer transfer;
    IODMACommand_SegmentOptions options;
    IODMACommand *command;

    (void)state;
    client_create();
    sim.mdts = 0;
    assert_int_equal(client_open(), kIOReturnSuccess);
    command = client_command(&transfer, NVME_SGL, odd, 0, 0);
    assert_int_equal(client_start(0, command, kIODirectionOut, 2 << 20, 0), kIOReturnSuccess);
    assert_int_equal(nvme_sim_take(&sim), 3); /* 524 pieces, 256 at a time */
    assert_int_equal(nvme_sim_bytes(&sim, &sim.taken[0].command), 256 * CLIENT_PIECE & ~511u);
    client_run();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    client_drop(command);

    /* And a block in more pieces than a list has. */
    nvme_get_segment_options(disk, NVME_SGL, &options);
    options.fMaxSegmentSize = 1;
    command = nvme_create_command(disk, NVME_SGL, &options, kMapped, &transfer);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, odd, true), kIOReturnSuccess);
    assert_int_equal(client_start(0, command, kIODirectionOut, 512, 0), kIOReturnNoSpace);
    client_drop(command);
    client_close();
}

static void starts_that_are_refused(void **state)
{
    struct nvme_transfer transfer, foreign = {0};
    IODMACommand *command = client_command(&transfer, NVME_SGL, odd, 0, 0);
    IODMACommand *stranger =
        IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, 0, kMapped, 0, 1, NULL, NULL);

    (void)state;
    assert_int_equal(client_start(0, command, kIODirectionIn, 511, 0), kIOReturnBadArgument);
    transfer.block = disk->blocks;
    assert_int_equal(client_start(0, command, kIODirectionIn, 512, 0), kIOReturnOverrun);
    transfer.block = UINT64_MAX;
    assert_int_equal(client_start(0, command, kIODirectionIn, 1024, 0), kIOReturnOverrun);
    transfer.block = disk->blocks - 1;
    assert_int_equal(client_start(0, command, kIODirectionIn, 1024, 0), kIOReturnOverrun);
    IODMACommand_setMemoryDescriptor(stranger, odd, true);
    assert_int_equal(client_start(0, stranger, kIODirectionIn, 512, 0), kIOReturnBadArgument);
    IODMACommand_setRefCon(stranger, &foreign);
    assert_int_equal(client_start(0, stranger, kIODirectionIn, 512, 0), kIOReturnBadArgument);
    disk->read_only = true;
    assert_int_equal(client_start(0, command, kIODirectionOut, 512, 0), kIOReturnNotWritable);
    assert_int_equal(nvme_sim_take(&sim), 0);
    assert_int_equal(notified, 0);
    transfer.block = disk->blocks - 1;
    assert_int_equal(client_start(0, command, kIODirectionIn, 512, 0), kIOReturnSuccess);
    client_run();
    assert_int_equal(client_end_count, 1);
    /* All of it is not more than it has. */
    disk->blocks = 2;
    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 1024, 0), kIOReturnSuccess);
    client_run();
    assert_int_equal(client_end_count, 2);
    assert_int_equal(client_ends[1].bytes, 1024);
    client_drop(stranger);
    client_drop(command);
    IOMemory_fail(kIOReturnBusy);
    assert_null(nvme_create_command(disk, (enum nvme_format)2, NULL, kMapped, &transfer));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    controller->has_sgl = false;
    IOMemory_fail(kIOReturnBusy);
    assert_null(nvme_create_command(disk, NVME_SGL, NULL, kMapped, &transfer));
    assert_int_equal(IOMemoryLastError(), kIOReturnUnsupported);
    client_close();
}

/* --- Ends ------------------------------------------------------------------------------------- */

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
            client_command(&transfers[i], i % 2 != 0 ? NVME_SGL : NVME_PRP, whole, i * 1024, 1024);
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

/* What is told to a watcher is what the controller reads. */
static unsigned watched;

/* The address in the place that is named. */
static uint64_t address_at(const struct nvme_operation *operation, const struct nvme_piece *piece)
{
    const struct nvme_command *command = operation->entry;
    const bool sgl = operation->transfer->format == NVME_SGL;

    if (piece->place == NVME_IN_COMMAND) {
        assert_in_range(piece->slot, 1, sgl ? 1 : 2);
        return sgl ? command->sgl.address : piece->slot == 1 ? command->prp1 : command->prp2;
    }
    assert_in_range(piece->slot, 0, operation->pieces - 1);
    return sgl ? ((const struct nvme_sgl *)operation->list)[piece->slot].address
               : ((const uint64_t *)operation->list)[piece->slot];
}

static void look(void *context, const struct nvme_operation *operation)
{
    struct nvme_piece piece;
    uint64_t bytes = 0;
    unsigned index = 0;

    (void)context;
    while (nvme_get_piece(operation, index, &piece)) {
        const uint64_t at = operation->offset + bytes;

        assert_int_equal(
            piece.address,
            virt_to_phys(operation->transfer->format == NVME_SGL ? odd_byte(at) : whole_byte(at))
                .value);
        assert_int_equal(address_at(operation, &piece), piece.address);
        bytes += piece.length;
        index++;
    }
    assert_int_equal(bytes, operation->length);
    assert_int_equal(operation->block * 512, operation->offset);
    watched++;
}

static void a_watcher_sees_the_list(void **state)
{
    static const uint64_t lengths[] = {512, 4096, 8192, 12288, 65536, 65536 * 3};

    (void)state;
    nvme_watch(disk, look, NULL);
    for (unsigned i = 0; i < 12; i++) {
        const bool sgl = i % 2 != 0;
        struct nvme_transfer transfer;
        IODMACommand *command =
            client_command(&transfer, sgl ? NVME_SGL : NVME_PRP, sgl ? odd : whole, 0, 0);

        transfer.block = 0;
        assert_int_equal(client_start(0, command, kIODirectionIn, lengths[i / 2], 0),
                         kIOReturnSuccess);
        client_run();
        client_drop(command);
    }
    assert_int_equal(watched, 2 * (5 + 3));
    nvme_watch(disk, NULL, NULL);
    client_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_transfers, client_open_usual),
        cmocka_unit_test(random_transfers_by_blocks_of_a_page),
        cmocka_unit_test(random_transfers_of_another_controller),
        cmocka_unit_test(a_transfer_is_cut_at_the_smaller_limit),
        cmocka_unit_test_setup(transfers_about_the_limit, client_open_usual),
        cmocka_unit_test(a_full_list_ends_at_whole_blocks),
        cmocka_unit_test_setup(starts_that_are_refused, client_open_usual),
        cmocka_unit_test_setup(statuses_and_what_they_mean, client_open_usual),
        cmocka_unit_test_setup(a_part_fails, client_open_usual),
        cmocka_unit_test_setup(many_at_once, client_open_usual),
        cmocka_unit_test_setup(what_is_counted, client_open_usual),
        cmocka_unit_test_setup(a_notification_starts_the_next, client_open_usual),
        cmocka_unit_test_setup(a_watcher_sees_the_list, client_open_usual),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
