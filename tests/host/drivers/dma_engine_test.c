/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks and the entropy device as DMA engines, in front of a simulated device that answers
 * when the test says so, and what it says: how transfers are cut into device requests, and
 * what their ends report when a part fails, falls short or breaks the protocol.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODMAEventSource.h"
#include "descriptors/IOMapper.h"
#include "descriptors/OSArray.h"
#include "drivers/virtio/blk_dma.h"
#include "drivers/virtio/blk_private.h"
#include "drivers/virtio/rng_private.h"
#include "kernel/page.h"
#include "tests/host/drivers/virtio_sim.h"
#include "tests/host/sim/sim_console.h"

#define PAGES  64
#define ENDS   16
#define PARTS  64
#define SERIAL 0xa003e00 /* where the simulated registers would be */

static struct virtio_sim sim;
static struct holdings before;
static paddr_t first_page;
static IOMemoryDescriptor *memory; /* every second page: PAGES / 2 segments */
static OSArray *owner;
static IOWorkLoop *loop;
static IODMAEventSource *source;

static struct end {
    IODMACommand *command;
    IOReturn status;
    IOByteCount bytes;
} ends[ENDS];
static unsigned end_count;

static void arrive(OSObject *whose, IODMAEventSource *from, IODMACommand *command, IOReturn status,
                   IOByteCount bytes, AbsoluteTime when)
{
    (void)whose, (void)from, (void)when;
    assert_true(end_count < ENDS);
    ends[end_count++] = (struct end){command, status, bytes};
}

/* --- The device ------------------------------------------------------------------------------- */

static struct virtio_sim_chain chains[PARTS];
static unsigned chain_count;

/* Take all that is published, without answering yet. */
static unsigned take_all(void)
{
    while (chain_count < PARTS && virtio_sim_take(&sim, &chains[chain_count])) {
        assert_false(chains[chain_count].broken);
        chain_count++;
    }
    return chain_count;
}

/* Bytes of data in a disk's chain. */
static uint32_t data_bytes(const struct virtio_sim_chain *chain)
{
    uint32_t bytes = 0;

    for (unsigned i = 1; i + 1 < chain->count; i++) {
        bytes += chain->entries[i].length;
    }
    return bytes;
}

/* Answer the i-th with this status, as if it had moved everything. */
static void answer(unsigned i, uint8_t status)
{
    const struct virtio_sim_chain *chain = &chains[i];
    uint32_t length = 0;

    for (unsigned k = 0; k < chain->count; k++) {
        length += chain->entries[k].write ? chain->entries[k].length : 0;
    }
    *(uint8_t *)phys_to_virt(paddr(chain->entries[chain->count - 1].address)) = status;
    virtio_sim_give(&sim, chain->head, length);
}

static void deliver(void)
{
    virtio_sim_interrupt(&sim);
    IOWorkLoop_runEventSources(loop);
}

/* --- A machine with one device ---------------------------------------------------------------- */

static void attach(IOService *device)
{
    assert_non_null(device);
    owner = OSArray_withCapacity(1);
    loop = IOWorkLoop_workLoop();
    source = IODMAEventSource_dmaEventSource(OSObject_upcast(owner), device, arrive, NULL, 0);
    assert_non_null(source);
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    end_count = chain_count = 0;
}

static void detach(void)
{
    IOWorkLoop_removeEventSource(loop, source);
    OSObject_release(source);
    OSObject_release(loop);
    OSObject_release(owner);
}

static int start_machine(void **state)
{
    static IOAddressRange ranges[PAGES / 2];
    const struct page_request run = {.count = PAGES, .owner = PAGE_OWNER_IMAGE, .zero = true};

    (void)state;
    sim_machine_start(VIRTIO_SIM_RAM);
    IOMapper_setMapperRequired(false); /* as a machine knows once it has started */
    sim_console_set_quiet(true);
    assert_int_equal(page_alloc_run(&run, &first_page), KERN_SUCCESS);
    for (unsigned i = 0; i < PAGES / 2; i++) {
        ranges[i] =
            (IOAddressRange){(uint64_t)phys_to_virt(first_page) + 2 * i * PAGE_SIZE, PAGE_SIZE};
    }
    memory =
        IOMemoryDescriptor_withAddressRanges(ranges, PAGES / 2, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    return 0;
}

static struct virtio_blk *disk;
static bool is_packed; /* its ring */

/* A disk whose requests have few segments; size_max 0: it does not say. */
static void new_disk(uint32_t seg_max, uint32_t size_max)
{
    before = holdings_now();
    virtio_sim_create(&sim, VIRTIO_ID_BLOCK,
                      VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_SEG_MAX |
                          (size_max != 0 ? VIRTIO_BLK_F_SIZE_MAX : 0) |
                          (is_packed ? VIRTIO_F_RING_PACKED : 0),
                      256);
    sim.device.address = paddr(SERIAL);
    virtio_sim_set(&sim, 0, 4096, 8);
    virtio_sim_set(&sim, 8, size_max, 4);
    virtio_sim_set(&sim, 12, seg_max, 4);
    disk = blk_create(&sim.device);
    assert_non_null(disk);
    attach(virtio_blk_get_service(disk));
    assert_string_equal(IOService_getName(virtio_blk_get_service(disk)), "virtio-blk@a003e00");
}

static void drop_disk(void)
{
    detach();
    assert_null(sim.complaint);
    blk_destroy(disk);
    assert_true(sim_holds(&before));
}

static IODMACommand *new_command(struct virtio_blk_transfer *transfer, uint64_t offset,
                                 uint64_t length)
{
    IODMACommand *command = virtio_blk_create_command(disk, NULL, kMapped, transfer);

    assert_non_null(command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, offset, length, true, true), kIOReturnSuccess);
    return command;
}

static void drop_command(IODMACommand *command)
{
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
}

static IOReturn start(IODMACommand *command, IODirection direction, uint64_t count, uint64_t offset)
{
    IOReturn status;

    IOWorkLoop_closeGate(loop);
    status = IODMAEventSource_startDMACommand(source, command, direction, count, offset);
    IOWorkLoop_openGate(loop);
    return status;
}

/* --- Disks ------------------------------------------------------------------------------------ */

/* Each entry is the memory's, in order, wherever the transfer is cut. */
static void expect_entries(uint64_t offset, uint64_t length)
{
    uint64_t at = offset;

    for (unsigned c = 0; c < chain_count; c++) {
        for (unsigned i = 1; i + 1 < chains[c].count; i++) {
            const struct virtio_sim_entry *entry = &chains[c].entries[i];

            assert_int_equal(entry->address,
                             first_page.value + at / PAGE_SIZE * 2 * PAGE_SIZE + at % PAGE_SIZE);
            assert_true(entry->length <= PAGE_SIZE);
            at += entry->length;
        }
    }
    assert_int_equal(at, offset + length);
}

/* More segments than a request may have: several requests, one end. */
static void cut_at_the_most_segments(void)
{
    struct virtio_blk_transfer transfer;
    IODMACommand *command;

    new_disk(4, 0);
    command = new_command(&transfer, 512, 0);
    transfer.sector = 100;
    assert_int_equal(start(command, kIODirectionIn, 20 * PAGE_SIZE, 1024), kIOReturnSuccess);
    assert_int_equal(take_all(), 6); /* 21 pieces, four at a time */
    expect_entries(1536, 20 * PAGE_SIZE);
    for (unsigned i = 0; i < chain_count; i++) {
        const struct blk_header *header = phys_to_virt(paddr(chains[i].entries[0].address));
        const struct virtio_sim_entry *status = &chains[i].entries[chains[i].count - 1];

        assert_int_equal(chains[i].entries[0].length, sizeof(*header));
        assert_false(chains[i].entries[0].write);
        assert_int_equal(status->length, 1);
        assert_true(status->write);
        assert_int_equal(header->type, VIRTIO_BLK_READ);
        assert_int_equal(header->sector, i == 0 ? 100 : 100 + (4 * i * PAGE_SIZE - 1536) / 512);
        answer(i, VIRTIO_BLK_S_OK);
        if (i + 1 < chain_count) {
            deliver();
            assert_int_equal(end_count, 0);
        }
    }
    deliver();
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].status, kIOReturnSuccess);
    assert_int_equal(ends[0].bytes, 20 * PAGE_SIZE);
    drop_command(command);
    drop_disk();
}

static void a_transfer_is_cut_at_the_most_segments(void **state)
{
    (void)state;
    cut_at_the_most_segments();
    is_packed = true;
    cut_at_the_most_segments();
    is_packed = false;
}

/* What the configuration says is what commands are made with. */
static void segments_are_as_long_as_the_disk_says(void **state)
{
    IODMACommand_SegmentOptions options;
    struct virtio_blk_transfer transfer;
    IODMACommand *command;

    (void)state;
    new_disk(200, 1024);
    virtio_blk_get_segment_options(disk, &options);
    assert_int_equal(options.fMaxSegmentSize, 1024);
    command = new_command(&transfer, 0, 0);
    transfer.sector = 0;
    assert_int_equal(start(command, kIODirectionOut, 4096, 0), kIOReturnSuccess);
    assert_int_equal(take_all(), 1);
    assert_int_equal(chains[0].count, 4 + 2);
    for (unsigned i = 1; i < 5; i++) {
        assert_int_equal(chains[0].entries[i].length, 1024);
        assert_false(chains[0].entries[i].write);
    }
    answer(0, VIRTIO_BLK_S_OK);
    deliver();
    assert_int_equal(ends[0].bytes, 4096);
    drop_command(command);
    drop_disk();
}

/* A segment that a command of other limits makes longer is refused, and nothing is started. */
static void refuse_longer_segments(void)
{
    IODMACommand_SegmentOptions options;
    struct virtio_blk_transfer transfer;
    IODMACommand *command;

    new_disk(200, 1024);
    virtio_blk_get_segment_options(disk, &options);
    options.fMaxSegmentSize = 2048;
    command = virtio_blk_create_command(disk, &options, kMapped, &transfer);
    IODMACommand_setMemoryDescriptor(command, memory, true);
    assert_int_equal(start(command, kIODirectionIn, 4096, 0), kIOReturnMessageTooLarge);
    assert_int_equal(take_all(), 0);
    deliver();
    assert_int_equal(end_count, 0);
    drop_command(command);
    drop_disk();
}

static void longer_segments_are_refused(void **state)
{
    (void)state;
    refuse_longer_segments();
    is_packed = true;
    refuse_longer_segments();
    is_packed = false;
}

/* Of three parts the middle one fails: its bytes are not counted, the others are. */
static void a_part_fails(void **state)
{
    struct virtio_blk_transfer transfer;
    IODMACommand *command, *current;
    IOByteCount moved;

    (void)state;
    for (unsigned writes = 0; writes < 2; writes++) {
        new_disk(2, 0);
        command = new_command(&transfer, 0, 0);
        assert_int_equal(
            start(command, writes ? kIODirectionOut : kIODirectionIn, 5 * PAGE_SIZE, 0),
            kIOReturnSuccess);
        assert_int_equal(take_all(), 3);
        assert_int_equal(data_bytes(&chains[2]), PAGE_SIZE);
        answer(2, VIRTIO_BLK_S_OK);
        deliver();
        IODMAEventSource_queryDMACommand(source, &current, &moved, false);
        assert_ptr_equal(current, command);
        assert_int_equal(moved, PAGE_SIZE);
        answer(1, VIRTIO_BLK_S_IOERR);
        answer(0, VIRTIO_BLK_S_OK);
        deliver();
        assert_int_equal(end_count, 1);
        assert_int_equal(ends[0].status, kIOReturnIOError);
        assert_int_equal(ends[0].bytes, 3 * PAGE_SIZE);
        drop_command(command);
        drop_disk();
    }
}

/* Stopped with one part done: aborted, and its bytes are told. */
static void stopped_after_a_part(void **state)
{
    struct virtio_blk_transfer transfers[2];
    IODMACommand *commands[2];
    struct virtio_blk_depth depth;

    (void)state;
    new_disk(2, 0);
    for (unsigned i = 0; i < 2; i++) {
        commands[i] = new_command(&transfers[i], i * 8 * PAGE_SIZE, 4 * PAGE_SIZE);
        assert_int_equal(start(commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    virtio_blk_get_depth(disk, &depth);
    assert_int_equal(depth.now, 2);
    assert_int_equal(take_all(), 4);
    answer(2, VIRTIO_BLK_S_OK);
    deliver();
    /* Time passes, and nothing else. */
    assert_int_equal(IODMAEventSource_stopDMACommand(source, true, 1000), kIOReturnTimeout);
    assert_int_equal(IODMAEventSource_stopDMACommand(source, false, 0), kIOReturnSuccess);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 2);
    assert_int_equal(ends[0].status, kIOReturnAborted);
    assert_int_equal(ends[1].status, kIOReturnAborted);
    assert_int_equal(ends[0].bytes + ends[1].bytes, 2 * PAGE_SIZE);
    assert_int_equal(ends[ends[0].command == commands[1] ? 0 : 1].bytes, 2 * PAGE_SIZE);
    virtio_blk_get_depth(disk, &depth);
    assert_int_equal(depth.now, 0);
    assert_int_equal(depth.most, 2);
    /* With nothing to stop, no other user of the device suffers a reset. */
    sim.refuses_reset = true;
    assert_int_equal(IODMAEventSource_stopDMACommand(source, false, 0), kIOReturnSuccess);
    assert_int_equal(sim.resets_refused, 0);
    sim.refuses_reset = false;
    drop_command(commands[0]);
    drop_command(commands[1]);
    drop_disk();
}

/* The device answers the same request twice: it is reset, and every command ends once. */
static void a_completion_that_comes_twice(void **state)
{
    struct virtio_blk_transfer transfers[3];
    IODMACommand *commands[3];

    (void)state;
    new_disk(64, 0);
    for (unsigned i = 0; i < 3; i++) {
        commands[i] = new_command(&transfers[i], i * PAGE_SIZE, PAGE_SIZE);
        assert_int_equal(start(commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    take_all();
    answer(0, VIRTIO_BLK_S_OK);
    answer(0, VIRTIO_BLK_S_OK);
    deliver();
    assert_int_equal(end_count, 3);
    assert_ptr_equal(ends[0].command, commands[0]);
    assert_int_equal(ends[0].status, kIOReturnSuccess);
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(ends[i].status, kIOReturnDeviceError);
        assert_int_equal(ends[i].bytes, 0);
    }
    /* And it works again. */
    chain_count = 0;
    assert_int_equal(start(commands[1], kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(take_all(), 1);
    answer(0, VIRTIO_BLK_S_OK);
    deliver();
    assert_int_equal(ends[3].status, kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        drop_command(commands[i]);
    }
    drop_disk();
}

/* It says that it has done it, and has written nothing. */
static void a_device_that_writes_less(void **state)
{
    struct virtio_blk_transfer transfer;
    IODMACommand *command;

    (void)state;
    new_disk(64, 0);
    command = new_command(&transfer, 0, PAGE_SIZE);
    assert_int_equal(start(command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    take_all();
    *(uint8_t *)phys_to_virt(paddr(chains[0].entries[chains[0].count - 1].address)) = 0;
    virtio_sim_give(&sim, chains[0].head, 100);
    deliver();
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].status, kIOReturnUnderrun);
    assert_int_equal(ends[0].bytes, 0);
    drop_command(command);
    drop_disk();
}

/* --- Entropy ---------------------------------------------------------------------------------- */

static struct virtio_rng rng;

static void answers_that_fall_short(void **state)
{
    static const uint32_t lengths[] = {1, 100, 4000, 4096, 2000};
    struct virtio_rng_transfer transfer;
    IODMACommand *command, *current;
    uint64_t done = 0;
    IOByteCount moved;

    (void)state;
    before = holdings_now();
    virtio_sim_create(&sim, VIRTIO_ID_ENTROPY, VIRTIO_F_VERSION_1, 8);
    sim.device.address = paddr(SERIAL);
    assert_true(rng_create(&rng, &sim.device));
    attach(rng_get_service(&rng));
    memset(&transfer, 0xff, sizeof(transfer));
    command = virtio_rng_create_command(NULL, kMapped, &transfer);
    assert_null(transfer.context); /* the client's, who has not said anything yet */
    IODMACommand_setMemoryDescriptor(command, memory, true);
    assert_int_equal(start(command, kIODirectionIn, 8192 + 2000, 1000), kIOReturnSuccess);
    for (unsigned i = 0; done < 8192 + 2000; i++) {
        const uint64_t at = 1000 + done;
        const struct virtio_sim_entry *entry = &chains[0].entries[0];
        uint32_t length = lengths[i % 5];

        chain_count = 0;
        assert_int_equal(take_all(), 1); /* one question at a time, of one segment */
        assert_int_equal(chains[0].count, 1);
        assert_true(entry->write);
        assert_int_equal(entry->address,
                         first_page.value + at / PAGE_SIZE * 2 * PAGE_SIZE + at % PAGE_SIZE);
        length = length < entry->length ? length : entry->length;
        virtio_sim_give(&sim, chains[0].head, length);
        assert_int_equal(end_count, 0);
        deliver();
        done += length;
        IODMAEventSource_queryDMACommand(source, &current, &moved, false);
        assert_true(done == 8192 + 2000 ? current == NULL : moved == done);
    }
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].status, kIOReturnSuccess);
    assert_int_equal(ends[0].bytes, 8192 + 2000);

    /* Nothing at all is an end, too. */
    chain_count = 0;
    assert_int_equal(start(command, kIODirectionIn, 10, 0), kIOReturnSuccess);
    take_all();
    virtio_sim_give(&sim, chains[0].head, 0);
    deliver();
    assert_int_equal(end_count, 2);
    assert_int_equal(ends[1].status, kIOReturnUnderrun);
    drop_command(command);
    detach();
    rng_destroy(&rng);
    assert_true(sim_holds(&before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_is_cut_at_the_most_segments),
        cmocka_unit_test(segments_are_as_long_as_the_disk_says),
        cmocka_unit_test(longer_segments_are_refused),
        cmocka_unit_test(a_part_fails),
        cmocka_unit_test(stopped_after_a_part),
        cmocka_unit_test(a_completion_that_comes_twice),
        cmocka_unit_test(a_device_that_writes_less),
        cmocka_unit_test(answers_that_fall_short),
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
