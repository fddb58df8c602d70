/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe transfers on their way to a simulated controller: which are refused, how they are cut, and
 * what it is told of them, of which no byte is wrong. SEED, CASES: random transfers.
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

/* --- Watching --------------------------------------------------------------------------------- */

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
        cmocka_unit_test_setup(a_watcher_sees_the_list, client_open_usual),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
