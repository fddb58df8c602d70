/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max packed pci pcismmu pciv3 ram64m ram8g smmu
// BUILDS: default:gcc-release default:clang-debug smmu:clang-release pcismmu:gcc-release
// BUILDS: el2v3:gcc-debug-monitored
// FILE: main 4M words
// FILE: plain 4M words
// FILE: readonly 1M words
// QEMU: -blockdev driver=file,filename=$FILES/main,node-name=file0,discard=unmap
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0,discard=unmap
// QEMU: -device virtio-blk-device,drive=disk0,serial=main
// QEMU: -blockdev driver=file,filename=$FILES/plain,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device virtio-blk-device,drive=disk1,serial=plain,indirect_desc=off,event_idx=off
// QEMU: -blockdev driver=file,filename=$FILES/readonly,node-name=file2,read-only=on
// QEMU: -blockdev driver=raw,file=file2,node-name=disk2,read-only=on
// QEMU: -device
// QEMU: virtio-blk-device,drive=disk2,serial=a-serial-of-20-chars,num-queues=4,queue-size=1024
/*
 * Disks: does what is on the disk come into memory, and back, whatever the memory looks like? How
 * the machine was entered or booted is nothing to a disk.
 */
#include "drivers/virtio/blk.h"
#include "kernel/irq.h"
#include "tests/target/disk.h"

#define DISK_BYTES (4u << 20)
#define PAGE_BYTES 4096u

TEST(disks_are_found_in_the_order_of_the_command_line)
{
    char id[VIRTIO_BLK_ID_LENGTH + 1];

    ASSERT_EQ(virtio_blk_count(), 3);
    EXPECT_TRUE(virtio_blk_get(3) == NULL);
    EXPECT_EQ(virtio_blk_get_id(virtio_blk_get(0), id), kIOReturnSuccess);
    EXPECT_STR_EQ(id, "main");
    EXPECT_TRUE(virtio_blk_find("plain") == virtio_blk_get(1));
    EXPECT_TRUE(virtio_blk_find("a-serial-of-20-chars") == virtio_blk_get(2));
    EXPECT_TRUE(virtio_blk_find("a-serial-of-20-char") == NULL);
    EXPECT_TRUE(virtio_blk_find(NULL) == NULL);
}

TEST(configuration_is_what_the_device_says)
{
    struct virtio_blk_info info;

    virtio_blk_get_info(virtio_blk_get(0), &info);
    EXPECT_EQ(info.sectors, DISK_BYTES / VIRTIO_BLK_SECTOR);
    EXPECT_EQ(info.block_size, 512);
    EXPECT_FALSE(info.read_only);
    EXPECT_TRUE(info.has_flush && info.has_discard && info.has_write_zeroes);
    EXPECT_TRUE(info.has_indirect && info.has_event_index);
    EXPECT_EQ(info.queue_size, 256); /* as long as a chain may be */
    EXPECT_EQ(info.segments_max, 254);

    virtio_blk_get_info(virtio_blk_get(1), &info);
    EXPECT_FALSE(info.has_indirect || info.has_event_index);
    EXPECT_EQ(info.queue_size, 1024);
    EXPECT_EQ(info.segments_max, 254); /* a chain has a quarter of the ring */

    virtio_blk_get_info(virtio_blk_get(2), &info);
    EXPECT_TRUE(info.read_only);
    EXPECT_EQ(info.sectors, 2048);
}

/* Read the start of the disk into this many pieces, whole and in part. */
static void read_into_pieces(struct virtio_blk *disk, unsigned pieces, uint64_t length)
{
    struct scatter scatter = disk_memory(pieces, length, kIODirectionIn);

    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 3, length), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, length, 3 * 512), 0);
    if (length > 1024) {
        scatter_fill(&scatter, 0xee);
        EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 77, 100, length - 1024), kIOReturnSuccess);
        EXPECT_EQ(disk_differences(&scatter, 77, length - 1024, 100 * 512), 0);
        EXPECT_EQ(*scatter_at(&scatter, 76), 0xee);
        EXPECT_EQ(*scatter_at(&scatter, 77 + length - 1024), 0xee);
    }
    disk_memory_drop(&scatter);
}

/* Many pieces, more than one device request can hold, pieces of a few bytes. */
TEST(read_scatters)
{
    static const struct {
        unsigned pieces;
        uint64_t length;
    } cases[] = {{1, 512},          {1, 1024},     {2, 512},     {3, 512},     {5, 4096},
                 {64, 65536},       {100, 4096},   {254, 16384}, {255, 16384}, {256, 65536},
                 {300, 300 * 1024}, {600, 262144}, {200, 512},   {254, 512}};

    for (unsigned d = 0; d < virtio_blk_count(); d++) {
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            read_into_pieces(virtio_blk_get(d), cases[i].pieces, cases[i].length);
        }
    }
}

/* More pieces than a device request has segments, for one sector: no request can say that. */
TEST(sector_in_too_many_pieces_is_refused)
{
    struct scatter scatter = disk_memory(300, 512, kIODirectionIn);

    for (unsigned d = 0; d < 2; d++) {
        EXPECT_EQ(virtio_blk_read(virtio_blk_get(d), scatter.memory, 0, 0, 512),
                  kIOReturnUnsupported);
    }
    disk_memory_drop(&scatter);
}

/* But a device that takes more segments (queue-size=1024) is given them in one request. */
TEST(a_device_with_more_segments_is_given_them)
{
    struct virtio_blk *disk = virtio_blk_get(2);
    struct scatter scatter = disk_memory(300, 512, kIODirectionIn);
    struct virtq_counters before, after;
    struct virtio_blk_info info;

    virtio_blk_get_info(disk, &info);
    EXPECT_EQ(info.segments_max, 1022);
    virtio_blk_get_counters(disk, &before);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 3, 512), kIOReturnSuccess);
    virtio_blk_get_counters(disk, &after);
    EXPECT_EQ(after.requests - before.requests, 1);
    EXPECT_EQ(after.segments - before.segments, 300);
    EXPECT_EQ(disk_differences(&scatter, 0, 512, 3 * 512), 0);
    disk_memory_drop(&scatter);
}

/* What is written from one scattering comes back in another, and only there. */
TEST(write_gathers)
{
    for (unsigned d = 0; d < 2; d++) {
        struct virtio_blk *disk = virtio_blk_get(d);
        struct scatter from = disk_memory(333, 128 * 1024, kIODirectionOut);
        struct scatter to = disk_memory(47, 128 * 1024, kIODirectionIn);

        for (uint64_t i = 0; i < from.length; i += 61) {
            *scatter_at(&from, i) = (uint8_t)(i / 61 + d);
        }
        EXPECT_EQ(virtio_blk_write(disk, from.memory, 0, 4000, from.length), kIOReturnSuccess);
        EXPECT_EQ(virtio_blk_flush(disk), kIOReturnSuccess);
        EXPECT_EQ(virtio_blk_read(disk, to.memory, 0, 4000, to.length), kIOReturnSuccess);
        for (uint64_t i = 0; i < from.length; i += 61) {
            ASSERT_EQ(*scatter_at(&to, i), (uint8_t)(i / 61 + d));
        }
        /* The sectors on either side are as they were. */
        EXPECT_EQ(virtio_blk_read(disk, to.memory, 0, 3999, 512), kIOReturnSuccess);
        EXPECT_EQ(disk_differences(&to, 0, 512, 3999 * 512), 0);
        EXPECT_EQ(virtio_blk_read(disk, to.memory, 0, 4256, 512), kIOReturnSuccess);
        EXPECT_EQ(disk_differences(&to, 0, 512, 4256 * 512), 0);
        disk_memory_drop(&from);
        disk_memory_drop(&to);
    }
}

TEST(last_sector_and_not_one_more)
{
    struct scatter scatter = disk_memory(2, 1024, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(0);
    const uint64_t sectors = DISK_BYTES / 512;

    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, sectors - 2, 1024), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, 1024, DISK_BYTES - 1024), 0);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, sectors - 1, 1024), kIOReturnOverrun);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, sectors, 512), kIOReturnOverrun);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, ~0ull, 512), kIOReturnOverrun);
    disk_memory_drop(&scatter);
}

/* --- Many in flight --------------------------------------------------------------------------- */

#define MANY 400

static unsigned arrived;

static void count_arrival(struct virtio_blk_request *request)
{
    (void)request;
    arrived++;
}

static void wait_for_arrivals(unsigned count)
{
    const irq_state_t state = irq_mask();

    while (arrived < count) {
        irq_wait();
    }
    irq_restore(state);
}

/* More requests than the ring has entries, in one batch: the rest waits its turn. */
TEST(more_requests_than_ring_entries)
{
    static struct virtio_blk_request requests[MANY];

    for (unsigned d = 0; d < 2; d++) {
        struct virtio_blk *disk = virtio_blk_get(d);
        struct scatter scatter = disk_memory(MANY, MANY * 512, kIODirectionIn);
        struct virtq_counters before, after;

        arrived = 0;
        virtio_blk_get_counters(disk, &before);
        for (unsigned i = 0; i < MANY; i++) {
            virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, scatter.memory, i * 512,
                                    MANY - i, 512);
            requests[i].completion = count_arrival;
            EXPECT_EQ(virtio_blk_submit(disk, &requests[i]), kIOReturnSuccess);
        }
        EXPECT_EQ(arrived, 0);
        virtio_blk_publish(disk);
        wait_for_arrivals(MANY);
        for (unsigned i = 0; i < MANY; i++) {
            EXPECT_TRUE(requests[i].done);
            EXPECT_EQ(requests[i].status, kIOReturnSuccess);
            ASSERT_EQ(disk_differences(&scatter, i * 512, 512, (MANY - i) * 512), 0);
        }
        virtio_blk_get_counters(disk, &after);
        EXPECT_EQ(after.requests - before.requests, MANY);
        EXPECT_LT(after.doorbells - before.doorbells, MANY / 2);
        EXPECT_LE(after.interrupts - before.interrupts, MANY);
        disk_memory_drop(&scatter);
    }
}

/* An array of requests is one doorbell, and ends at the one that is refused. */
TEST(list_of_requests)
{
    static struct virtio_blk_request requests[64];

    for (unsigned d = 0; d < 2; d++) {
        struct virtio_blk *disk = virtio_blk_get(d);
        struct scatter scatter = disk_memory(64, 64 * 512, kIODirectionIn);
        struct virtq_counters before, after;
        unsigned submitted = 99;

        arrived = 0;
        for (unsigned i = 0; i < 64; i++) {
            virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, scatter.memory, i * 512, 3 * i,
                                    i == 50 ? 0 : 512);
            requests[i].completion = count_arrival;
        }
        virtio_blk_get_counters(disk, &before);
        EXPECT_EQ(virtio_blk_submit_list(disk, requests, 64, &submitted), kIOReturnBadArgument);
        EXPECT_EQ(submitted, 50);
        wait_for_arrivals(50);
        EXPECT_EQ(virtio_blk_submit_list(disk, &requests[51], 13, NULL), kIOReturnSuccess);
        wait_for_arrivals(63);
        virtio_blk_get_counters(disk, &after);
        EXPECT_EQ(after.requests - before.requests, 63);
        if (d == 0) { /* the other one has few chains, and a line for them */
            EXPECT_LE(after.doorbells - before.doorbells, 2);
        }
        EXPECT_FALSE(requests[50].done);
        for (unsigned i = 0; i < 64; i++) {
            EXPECT_EQ(disk_differences(&scatter, i * 512, 512, 3 * i * 512) != 0, i == 50);
        }
        EXPECT_EQ(virtio_blk_submit_list(disk, requests, 0, &submitted), kIOReturnBadArgument);
        EXPECT_EQ(submitted, 0);
        EXPECT_EQ(virtio_blk_submit_list(disk, NULL, 1, NULL), kIOReturnBadArgument);
        EXPECT_EQ(virtio_blk_submit_list(NULL, requests, 1, NULL), kIOReturnBadArgument);
        disk_memory_drop(&scatter);
    }
}

/* Half a ring in flight, and one interrupt for it. */
TEST(one_interrupt_for_a_batch)
{
    static struct virtio_blk_request requests[64];
    struct virtio_blk *disk = virtio_blk_get(0);
    struct scatter scatter = disk_memory(64, 64 * 512, kIODirectionIn);
    struct virtq_counters before, after;
    struct virtio_blk_info info;
    uint64_t more;

    /*
     * Where a packed ring begins anew amid what QEMU gives back at once, its arithmetic has passed
     * the place that was asked for, and there is an interrupt more: at most one each time round.
     */
    virtio_blk_get_info(disk, &info);
    more = info.has_packed ? 20 * 64 / info.queue_size + 1 : 0;
    virtio_blk_gather_interrupts(disk, 1000);
    for (unsigned round = 0; round < 20; round++) {
        arrived = 0;
        virtio_blk_get_counters(disk, &before);
        for (unsigned i = 0; i < 64; i++) {
            virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, scatter.memory, i * 512, 2 * i,
                                    512);
            requests[i].completion = count_arrival;
            EXPECT_EQ(virtio_blk_submit(disk, &requests[i]), kIOReturnSuccess);
        }
        virtio_blk_publish(disk);
        wait_for_arrivals(64);
        virtio_blk_get_counters(disk, &after);
        EXPECT_GE(after.interrupts - before.interrupts, 1);
        EXPECT_LE(after.interrupts - before.interrupts, 1 + more);
        more -= after.interrupts - before.interrupts - 1;
        EXPECT_EQ(after.doorbells - before.doorbells, 1);
    }
    for (unsigned i = 0; i < 64; i++) {
        EXPECT_EQ(disk_differences(&scatter, i * 512, 512, i * 1024), 0);
    }
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 7, 4096), kIOReturnSuccess);
    virtio_blk_gather_interrupts(disk, 1);
    disk_memory_drop(&scatter);
}

/* A completion may submit: a chain of requests that the interrupt keeps going. */
static void submit_next(struct virtio_blk_request *request)
{
    arrived++;
    if (request->status != kIOReturnSuccess || request->sector == 99) {
        return;
    }
    request->sector++;
    if (virtio_blk_submit(request->context, request) != kIOReturnSuccess) {
        arrived = 100; /* the count below is then wrong */
    }
}

TEST(completion_submits_the_next)
{
    struct scatter scatter = disk_memory(3, 512, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(0);
    struct virtio_blk_request request;

    arrived = 0;
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, scatter.memory, 0, 0, 512);
    request.completion = submit_next;
    request.context = disk;
    ASSERT_EQ(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    virtio_blk_publish(disk);
    wait_for_arrivals(100);
    EXPECT_EQ(arrived, 100);
    EXPECT_EQ(disk_differences(&scatter, 0, 512, 99 * 512), 0);
    disk_memory_drop(&scatter);
}

/* With the device's interrupts off nothing arrives but by asking. */
TEST(polling_needs_no_interrupt)
{
    struct scatter scatter = disk_memory(7, 4096, kIODirectionIn);

    for (unsigned d = 0; d < 2; d++) {
        struct virtio_blk *disk = virtio_blk_get(d);
        struct virtq_counters before, after;

        virtio_blk_set_interrupts(disk, false);
        virtio_blk_get_counters(disk, &before);
        for (unsigned i = 0; i < 200; i++) {
            scatter_fill(&scatter, 0);
            EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, i, 4096), kIOReturnSuccess);
            ASSERT_EQ(disk_differences(&scatter, 0, 4096, i * 512), 0);
        }
        virtio_blk_get_counters(disk, &after);
        EXPECT_EQ(after.requests - before.requests, 200);
        EXPECT_EQ(after.interrupts, before.interrupts);
        virtio_blk_set_interrupts(disk, true);
        EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 9, 4096), kIOReturnSuccess);
        EXPECT_EQ(disk_differences(&scatter, 0, 4096, 9 * 512), 0);
    }
    disk_memory_drop(&scatter);
}

/* --- Without data ----------------------------------------------------------------------------- */

TEST(write_zeroes_and_discard)
{
    struct scatter scatter = disk_memory(5, 4096, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(0);

    EXPECT_EQ(virtio_blk_write_zeroes(disk, 5000, 1024), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 4999, 2048), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, 512, 4999 * 512), 0);
    for (unsigned i = 512; i < 512 + 1024; i++) {
        ASSERT_EQ(*scatter_at(&scatter, i), 0);
    }
    EXPECT_EQ(disk_differences(&scatter, 1536, 512, 5002 * 512), 0);

    EXPECT_EQ(virtio_blk_discard(disk, 6000, 65536), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_discard(disk, DISK_BYTES / 512, 512), kIOReturnOverrun);
    EXPECT_EQ(virtio_blk_write_zeroes(disk, 0, 100), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_discard(virtio_blk_get(2), 0, 512), kIOReturnNotWritable);
    disk_memory_drop(&scatter);
}
