/* SPDX-License-Identifier: BSD-2-Clause */
// FILE: disk 1M words
// QEMU: -blockdev driver=null-co,node-name=disk0,size=1073741824,read-zeroes=on,
// QEMU: latency-ns=300000000
// QEMU: -device virtio-blk-device,drive=disk0,serial=asleep
// QEMU: -blockdev driver=file,filename=$FILES/disk,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device virtio-blk-device,drive=disk1,serial=works
// QEMU: -chardev null,id=nobody
// QEMU: -object rng-egd,chardev=nobody,id=dry
// QEMU: -device virtio-rng-device,rng=dry
/* Devices that do not answer: every call that sleeps has a way out, which a timer can take. */
#include "drivers/virtio/blk_private.h"
#include "drivers/virtio/rng.h"
#include "drivers/virtio/rng_dma.h"
#include "kernel/irq.h"
#include "kernel/timer.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

/* Nanoseconds, less than the disk takes: QEMU finishes what it began before it is reset. */
#define PATIENCE 20000000

static unsigned given_up;

/* Again and again, until somebody has waited: on a busy host the first may come before that. */
struct patience {
    struct timer timer;
    struct virtio_blk *disk;
};

static void reset_disk(void *context)
{
    struct patience *const patience = context;

    given_up++;
    EXPECT_EQ(virtio_blk_reset(patience->disk), kIOReturnSuccess);
    timer_start(&patience->timer, PATIENCE);
}

static void reset_rng(void *timer)
{
    given_up++;
    EXPECT_EQ(virtio_rng_reset(), kIOReturnSuccess);
    timer_start(timer, PATIENCE);
}

TEST(timer_gives_up_on_a_disk)
{
    struct scatter scatter = disk_memory(3, 512, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(0);
    struct patience patience = {{.callback = reset_disk, .context = &patience}, disk};

    for (unsigned polled = 0; polled < 2; polled++) {
        TEST_NOTE("polled: %u", polled);
        virtio_blk_set_interrupts(disk, polled == 0);
        given_up = 0;
        timer_start(&patience.timer, PATIENCE);
        EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 0, 512), kIOReturnAborted);
        EXPECT_TRUE(timer_cancel(&patience.timer));
        EXPECT_GE(given_up, 1);
    }
    virtio_blk_set_interrupts(disk, true);
    disk_memory_drop(&scatter);
}

/* The same with interrupts masked by the caller. */
TEST(timer_gives_up_under_a_mask)
{
    struct scatter scatter = disk_memory(3, 512, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(0);
    struct patience patience = {{.callback = reset_disk, .context = &patience}, disk};
    const irq_state_t state = irq_mask();

    virtio_blk_set_interrupts(disk, false);
    given_up = 0;
    timer_start(&patience.timer, PATIENCE);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 0, 512), kIOReturnAborted);
    EXPECT_TRUE(timer_cancel(&patience.timer));
    EXPECT_GE(given_up, 1);
    virtio_blk_set_interrupts(disk, true);
    irq_restore(state);
    disk_memory_drop(&scatter);
}

TEST(timer_gives_up_on_dry_entropy)
{
    struct scatter scatter = disk_memory(3, 64, kIODirectionIn);
    struct timer timer = {.callback = reset_rng, .context = &timer};

    ASSERT_TRUE(virtio_rng_present());
    for (unsigned round = 0; round < 3; round++) {
        given_up = 0;
        timer_start(&timer, PATIENCE);
        EXPECT_EQ(virtio_rng_read(scatter.memory, 0, 64), kIOReturnAborted);
        EXPECT_TRUE(timer_cancel(&timer));
        EXPECT_GE(given_up, 1);
    }
    EXPECT_EQ(virtio_rng_reset(), kIOReturnSuccess); /* nobody waits: no effect on the next */
    timer_start(&timer, PATIENCE);
    EXPECT_EQ(virtio_rng_read(scatter.memory, 0, 64), kIOReturnAborted);
    EXPECT_TRUE(timer_cancel(&timer));
    disk_memory_drop(&scatter);
}

/* A command that would wait for ever: stopped, and those in line behind it as well. */
TEST(dry_entropy_is_stopped)
{
    IOService *device = virtio_rng_get_service();
    struct scatter scatter = disk_memory(2, 64, kIODirectionIn);
    struct virtio_rng_transfer transfers[2];
    IODMACommand *commands[2];
    struct client client;

    ASSERT_TRUE(device != NULL);
    client = client_of_service(device);
    for (unsigned i = 0; i < 2; i++) {
        commands[i] = virtio_rng_create_command(NULL, kMapped, &transfers[i]);
        IODMACommand_setMemoryDescriptor(commands[i], scatter.memory, false);
        ASSERT_EQ(IODMACommand_prepare(commands[i], 32 * i, 32, true, true), kIOReturnSuccess);
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, PATIENCE), kIOReturnTimeout);
    EXPECT_EQ(notes, 0);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, UINT64_MAX), kIOReturnSuccess);
    EXPECT_EQ(notes, 2);
    wait_for_ends(&client, 2);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnAborted);
        EXPECT_EQ(ends[i].bytes, 0);
        command_drop(commands[i]);
    }
    disk_memory_drop(&scatter);
    client_drop(&client);
    TEST_KEEPS("the engine is made once");
}

/* --- Completions that submit ------------------------------------------------------------------ */

#define CHAIN 10

static unsigned arrived;
static IOReturn reset_inside;
static unsigned polled_inside;

static void submit_again(struct virtio_blk_request *request)
{
    arrived++;
    reset_inside = virtio_blk_reset(request->context);
    polled_inside += virtio_blk_poll(request->context);
    if (arrived < CHAIN) {
        EXPECT_EQ(virtio_blk_submit(request->context, request), kIOReturnSuccess);
    }
}

static void expect_all_arrive(void)
{
    const irq_state_t state = irq_mask();

    while (arrived < CHAIN) {
        irq_wait();
    }
    irq_restore(state);
    EXPECT_EQ(arrived, CHAIN);
    EXPECT_EQ(reset_inside, kIOReturnNotPermitted);
    EXPECT_EQ(polled_inside, 0);
}

static struct virtio_blk_request chained;

static void start_chain(struct virtio_blk *disk, struct scatter *scatter)
{
    arrived = polled_inside = 0;
    virtio_blk_request_init(&chained, VIRTIO_BLK_READ, scatter->memory, 0, 0, 512);
    chained.completion = submit_again;
    chained.context = disk;
    EXPECT_EQ(virtio_blk_submit(disk, &chained), kIOReturnSuccess);
    virtio_blk_publish(disk);
}

/* What the completion of an aborted request submits goes its way without anybody's help. */
TEST(completion_submits_during_a_reset)
{
    struct scatter scatter = disk_memory(3, 512, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(1);
    const irq_state_t state = irq_mask();

    start_chain(disk, &scatter);
    EXPECT_EQ(virtio_blk_reset(disk), kIOReturnSuccess);
    EXPECT_EQ(arrived, 1);
    irq_restore(state);
    expect_all_arrive();
    EXPECT_EQ(chained.status, kIOReturnSuccess);
    disk_memory_drop(&scatter);
}

/* The same where the driver itself recovers: the device broke the protocol. */
TEST(completion_submits_during_a_recovery)
{
    struct scatter scatter = disk_memory(3, 512, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(1);
    const irq_state_t state = irq_mask();

    start_chain(disk, &scatter);
    virtq_reject(disk->queue, "as if its used index were wrong");
    virtio_blk_poll(disk);
    EXPECT_EQ(arrived, 1);
    irq_restore(state);
    expect_all_arrive();
    disk_memory_drop(&scatter);
}

/* --- Disks that change under requests in line ------------------------------------------------- */

#define LINE 400 /* more than the ring has chains */

static struct virtio_blk_request line[LINE];
static unsigned line_done;

static void count_done(struct virtio_blk_request *request)
{
    (void)request;
    line_done++;
}

/*
 * The disk stays asleep, since its doorbell is not rung: nothing moves but by the
 * test's hand.
 */
static volatile void *take_doorbell(struct virtio_blk *disk)
{
    static uint32_t nowhere;
    volatile void *doorbell = disk->queue->doorbell;

    virtio_blk_set_interrupts(disk, false);
    disk->queue->doorbell = &nowhere;
    return doorbell;
}

static void give_doorbell_back(struct virtio_blk *disk, volatile void *doorbell)
{
    disk->queue->doorbell = doorbell;
    EXPECT_EQ(virtio_blk_reset(disk), kIOReturnSuccess);
    EXPECT_EQ(line_done, LINE);
    virtio_blk_set_interrupts(disk, true);
}

static void make_line(struct virtio_blk *disk, enum virtio_blk_operation operation,
                      struct scatter *scatter)
{
    line_done = 0;
    for (unsigned i = 0; i < LINE; i++) {
        virtio_blk_request_init(&line[i], operation, scatter->memory, 0, 1000 + i, 512);
        line[i].completion = count_done;
        ASSERT_EQ(virtio_blk_submit(disk, &line[i]), kIOReturnSuccess);
    }
    ASSERT_TRUE(disk->waiting != NULL);
}

/* One chain comes back, as if the device had answered it, and the line moves up. */
static void answer_one(struct virtio_blk *disk)
{
    struct virtq *queue = disk->queue;
    const unsigned at = queue->used_index & queue->mask;
    const unsigned head = queue->avail->ring[at];
    const unsigned slot = head >> queue->id_shift;

    queue->published = queue->avail_index;
    disk->frames[slot].status.value = VIRTIO_BLK_S_OK;
    queue->used->ring[at] = (struct virtq_used_element){{head}, {queue->slots[slot].writable}};
    __atomic_store_n(&queue->used->index.value, (uint16_t)(queue->used_index + 1),
                     __ATOMIC_RELEASE);
    virtio_blk_poll(disk);
}

TEST(disk_shrinks_under_requests_in_line)
{
    struct scatter scatter = disk_memory(2, 512, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(0);
    const irq_state_t state = irq_mask();
    const uint64_t sectors = disk->sectors;
    unsigned overruns = 0;

    volatile void *const doorbell = take_doorbell(disk);

    make_line(disk, VIRTIO_BLK_READ, &scatter);
    disk->sectors = 1300;
    answer_one(disk);
    for (unsigned i = 0; i < LINE; i++) {
        overruns += line[i].done && line[i].status == kIOReturnOverrun;
    }
    EXPECT_EQ(overruns, 0); /* they are behind others that may still go */
    while (disk->waiting != NULL) {
        answer_one(disk);
    }
    for (unsigned i = 0; i < LINE; i++) {
        overruns += line[i].done && line[i].status == kIOReturnOverrun;
    }
    EXPECT_EQ(overruns, 100);
    disk->sectors = sectors;
    give_doorbell_back(disk, doorbell);
    irq_restore(state);
    disk_memory_drop(&scatter);
}

/* Its segments became too short for the cursor: data cannot be said, and that is said. */
TEST(segments_shrink_under_requests_in_line)
{
    struct scatter scatter = disk_memory(2, 512, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(0);
    const irq_state_t state = irq_mask();
    const uint32_t segments_max = disk->segments_max;

    volatile void *const doorbell = take_doorbell(disk);

    make_line(disk, VIRTIO_BLK_READ, &scatter);
    disk->segments_max = 0;
    answer_one(disk);
    EXPECT_TRUE(disk->waiting == NULL);
    EXPECT_EQ(line[LINE - 1].status, kIOReturnUnsupported);
    disk->segments_max = segments_max;
    give_doorbell_back(disk, doorbell);
    irq_restore(state);
    disk_memory_drop(&scatter);
}

/* An operation that the device takes back while requests for it are in line. */
TEST(limit_becomes_zero_under_requests_in_line)
{
    static const enum virtio_blk_operation operations[] = {VIRTIO_BLK_DISCARD,
                                                           VIRTIO_BLK_WRITE_ZEROES};
    struct scatter scatter = disk_memory(2, 512, kIODirectionIn);
    struct virtio_blk *disk = virtio_blk_get(0);
    const irq_state_t state = irq_mask();

    for (unsigned i = 0; i < 2; i++) {
        volatile void *const doorbell = take_doorbell(disk);

        make_line(disk, operations[i], &scatter);
        disk->discard_bytes_max = disk->write_zeroes_bytes_max = 0;
        answer_one(disk);
        EXPECT_TRUE(disk->waiting == NULL);
        EXPECT_EQ(line[LINE - 1].status, kIOReturnUnsupported);
        give_doorbell_back(disk, doorbell); /* the reset reads the configuration anew */
    }
    irq_restore(state);
    disk_memory_drop(&scatter);
}
