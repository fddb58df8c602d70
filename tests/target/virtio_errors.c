/* SPDX-License-Identifier: BSD-2-Clause */
// FILE: faulty 1M words
// FILE: readonly 1M words
// QEMU: -blockdev driver=file,filename=$FILES/faulty,node-name=file0
// QEMU: -blockdev driver=blkdebug,image=file0,node-name=debug0,
// QEMU: inject-error.0.event=none,inject-error.0.iotype=read,
// QEMU: inject-error.0.sector=16,inject-error.0.errno=5,
// QEMU: inject-error.1.event=none,inject-error.1.iotype=write,
// QEMU: inject-error.1.sector=32,inject-error.1.errno=28,
// QEMU: inject-error.2.event=none,inject-error.2.iotype=flush,inject-error.2.once=on
// QEMU: -blockdev driver=raw,file=debug0,node-name=disk0
// QEMU: -device virtio-blk-device,drive=disk0,serial=faulty,werror=report,rerror=report
// QEMU: -blockdev driver=file,filename=$FILES/readonly,node-name=file1,read-only=on
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1,read-only=on
// QEMU: -device virtio-blk-device,drive=disk1,serial=readonly
/* Disks: what goes wrong is said, and costs nothing that comes after it. */
#include "drivers/virtio/blk_private.h"
#include "kernel/irq.h"
#include "tests/target/disk.h"

static struct virtio_blk *faulty(void)
{
    return virtio_blk_get(0);
}

/* The disk does what it should: the end of every test that made it fail. */
static void expect_works(struct virtio_blk *disk)
{
    struct scatter scatter = disk_memory(9, 4096, kIODirectionIn);

    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 100, 4096), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, 4096, 100 * 512), 0);
    disk_memory_drop(&scatter);
}

/* --- Errors of the disk ----------------------------------------------------------------------- */

TEST(unreadable_sector)
{
    struct scatter scatter = disk_memory(5, 4096, kIODirectionIn);

    EXPECT_EQ(virtio_blk_read(faulty(), scatter.memory, 0, 12, 4096), kIOReturnIOError);
    EXPECT_EQ(virtio_blk_read(faulty(), scatter.memory, 0, 8, 4096), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, 4096, 8 * 512), 0);
    EXPECT_EQ(virtio_blk_read(faulty(), scatter.memory, 0, 17, 4096), kIOReturnSuccess);
    disk_memory_drop(&scatter);
}

TEST(unwritable_sector)
{
    struct scatter scatter = disk_memory(5, 4096, kIODirectionInOut);

    EXPECT_EQ(virtio_blk_read(faulty(), scatter.memory, 0, 33, 4096), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_write(faulty(), scatter.memory, 0, 30, 4096), kIOReturnIOError);
    EXPECT_EQ(virtio_blk_write(faulty(), scatter.memory, 0, 33, 4096), kIOReturnSuccess);
    disk_memory_drop(&scatter);
    expect_works(faulty());
}

TEST(failing_flush)
{
    EXPECT_EQ(virtio_blk_flush(faulty()), kIOReturnIOError);
    EXPECT_EQ(virtio_blk_flush(faulty()), kIOReturnSuccess);
}

/* Of a long transfer one part fails: the whole is an error, told once. */
static unsigned told;

static void tell(struct virtio_blk_request *request)
{
    (void)request;
    told++;
}

static void wait_until_told(unsigned count)
{
    const irq_state_t state = irq_mask();

    while (told < count) {
        irq_wait();
    }
    irq_restore(state);
}

TEST(one_bad_part_of_a_long_transfer)
{
    struct scatter scatter = disk_memory(900, 65536, kIODirectionIn);
    struct virtio_blk_request request;

    for (uint64_t sector = 0; sector < 32; sector += 15) {
        told = 0;
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, scatter.memory, 0, sector, 65536);
        request.completion = tell;
        ASSERT_EQ(virtio_blk_submit(faulty(), &request), kIOReturnSuccess);
        EXPECT_GT(request.parts, 2);
        virtio_blk_publish(faulty());
        wait_until_told(1);
        EXPECT_EQ(request.status, sector <= 16 ? kIOReturnIOError : kIOReturnSuccess);
        EXPECT_EQ(told, 1);
    }
    disk_memory_drop(&scatter);
}

/* Every second sector: QEMU joins requests for neighbours, which then fail together. */
TEST(one_bad_request_of_many)
{
    static struct virtio_blk_request requests[32];
    struct scatter scatter = disk_memory(32, 32 * 512, kIODirectionIn);

    told = 0;
    for (unsigned i = 0; i < 32; i++) {
        virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, scatter.memory, i * 512, i * 2, 512);
        requests[i].completion = tell;
        ASSERT_EQ(virtio_blk_submit(faulty(), &requests[i]), kIOReturnSuccess);
    }
    virtio_blk_publish(faulty());
    wait_until_told(32);
    for (unsigned i = 0; i < 32; i++) {
        EXPECT_EQ(requests[i].status, i == 8 ? kIOReturnIOError : kIOReturnSuccess);
        if (i != 8) {
            EXPECT_EQ(disk_differences(&scatter, i * 512, 512, i * 1024), 0);
        }
    }
    disk_memory_drop(&scatter);
}

TEST(read_only_disk)
{
    struct scatter scatter = disk_memory(3, 1024, kIODirectionInOut);
    struct virtio_blk *disk = virtio_blk_get(1);

    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 5, 1024), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_write(disk, scatter.memory, 0, 5, 1024), kIOReturnNotWritable);
    EXPECT_EQ(virtio_blk_write_zeroes(disk, 5, 1024), kIOReturnNotWritable);
    EXPECT_EQ(virtio_blk_read(disk, scatter.memory, 0, 5, 1024), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, 1024, 5 * 512), 0);
    disk_memory_drop(&scatter);
}

/* --- Errors of the caller --------------------------------------------------------------------- */

TEST(bad_arguments)
{
    struct scatter scatter = disk_memory(3, 2048, kIODirectionIn);
    IOMemoryDescriptor *memory = scatter.memory, *none = NULL;
    struct virtio_blk *disk = faulty();
    struct virtio_blk_request request;

    EXPECT_EQ(virtio_blk_read(NULL, memory, 0, 0, 512), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_read(disk, none, 0, 0, 512), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_read(disk, memory, 0, 0, 0), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_read(disk, memory, 0, 0, 511), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_read(disk, memory, 0, 0, 513), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_read(disk, memory, 0, 0, 2560), kIOReturnOverrun);
    EXPECT_EQ(virtio_blk_read(disk, memory, 1537, 0, 512), kIOReturnOverrun);
    EXPECT_EQ(virtio_blk_read(disk, memory, ~0ull, 0, 512), kIOReturnOverrun);
    EXPECT_EQ(virtio_blk_read(disk, memory, 0, 0, ~511ull), kIOReturnOverrun);
    EXPECT_EQ(virtio_blk_write(disk, memory, 0, 0, 512), kIOReturnNotPermitted);
    EXPECT_EQ(virtio_blk_submit(disk, NULL), kIOReturnBadArgument);
    virtio_blk_request_init(&request, (enum virtio_blk_operation)77, memory, 0, 0, 512);
    EXPECT_EQ(virtio_blk_submit(disk, &request), kIOReturnUnsupported);
    EXPECT_EQ(virtio_blk_flush(NULL), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_reset(NULL), kIOReturnBadArgument);
    EXPECT_EQ(virtio_blk_configure(disk, NULL), kIOReturnBadArgument);
    for (unsigned i = 0; i < 2048; i++) {
        ASSERT_EQ(*scatter_at(&scatter, i), 0);
    }
    disk_memory_drop(&scatter);
}

TEST(memory_that_is_not_prepared)
{
    struct scatter scatter = disk_memory(3, 2048, kIODirectionIn);

    EXPECT_EQ(IOMemoryDescriptor_complete(scatter.memory, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_read(faulty(), scatter.memory, 0, 0, 512), kIOReturnNotReady);
    EXPECT_EQ(*scatter_at(&scatter, 0), 0);
    EXPECT_EQ(IOMemoryDescriptor_prepare(scatter.memory, kIODirectionOut), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_read(faulty(), scatter.memory, 0, 0, 512), kIOReturnNotPermitted);
    EXPECT_EQ(IOMemoryDescriptor_complete(scatter.memory, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_prepare(scatter.memory, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_read(faulty(), scatter.memory, 0, 0, 512), kIOReturnSuccess);
    disk_memory_drop(&scatter);
}

/* A call that sleeps cannot be made where sleeping is impossible. */
static IOReturn from_handler;

static void read_in_handler(struct virtio_blk_request *request)
{
    from_handler = virtio_blk_read(faulty(), request->memory, 0, 0, 512);
    told++;
}

TEST(sleeping_in_an_interrupt_handler)
{
    struct scatter scatter = disk_memory(3, 512, kIODirectionIn);
    struct virtio_blk_request request;

    told = 0;
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, scatter.memory, 0, 0, 512);
    request.completion = read_in_handler;
    EXPECT_EQ(virtio_blk_submit(faulty(), &request), kIOReturnSuccess);
    virtio_blk_publish(faulty());
    wait_until_told(1);
    EXPECT_EQ(from_handler, kIOReturnNotPermitted);
    disk_memory_drop(&scatter);
}

/* --- Errors of the device, and reset ---------------------------------------------------------- */

#define BATCH 200 /* more than the ring has entries */

static struct virtio_blk_request batch[BATCH];

static void submit_batch(struct virtio_blk *disk, struct scatter *scatter)
{
    told = 0;
    for (unsigned i = 0; i < BATCH; i++) {
        virtio_blk_request_init(&batch[i], VIRTIO_BLK_READ, scatter->memory, 0, 40 + i, 512);
        batch[i].completion = tell;
        ASSERT_EQ(virtio_blk_submit(disk, &batch[i]), kIOReturnSuccess);
    }
}

static unsigned count_status(IOReturn status)
{
    unsigned count = 0;

    for (unsigned i = 0; i < BATCH; i++) {
        count += batch[i].done && batch[i].status == status;
    }
    return count;
}

TEST(reset_takes_back_what_is_in_flight_and_in_line)
{
    struct scatter scatter = disk_memory(2, 512, kIODirectionIn);

    for (unsigned published = 0; published < 2; published++) {
        const irq_state_t state = irq_mask();

        submit_batch(faulty(), &scatter);
        if (published) {
            virtio_blk_publish(faulty());
        }
        EXPECT_EQ(virtio_blk_reset(faulty()), kIOReturnSuccess);
        EXPECT_EQ(told, BATCH);
        EXPECT_EQ(count_status(kIOReturnAborted), BATCH);
        irq_restore(state);
        expect_works(faulty());
    }
    disk_memory_drop(&scatter);
}

/* QEMU refuses an indirect table of no length, and wants a reset. */
TEST(device_that_asks_for_a_reset)
{
    struct virtq *queue = faulty()->queue;
    const unsigned head = queue->free->number;
    struct scatter scatter;

    if (queue->packed != NULL) {
        SKIP("QEMU 7.2 ends itself over such a table in a packed ring");
    }
    scatter = disk_memory(2, 512, kIODirectionIn);
    submit_batch(faulty(), &scatter);
    queue->desc[head].rest &= ~0xffffffffull;
    virtio_blk_publish(faulty());
    wait_until_told(BATCH);
    EXPECT_EQ(count_status(kIOReturnDeviceError), BATCH);
    expect_works(faulty());
    disk_memory_drop(&scatter);
}

/* An answer that cannot be, forged in the ring. */
static void forge(struct virtio_blk *disk, uint32_t id, uint32_t length)
{
    struct virtq *queue = disk->queue;

    queue->used->ring[queue->used_index & queue->mask] =
        (struct virtq_used_element){{id}, {length}};
    __atomic_store_n(&queue->used->index.value, (uint16_t)(queue->used_index + 1),
                     __ATOMIC_RELEASE);
}

TEST(device_that_breaks_the_protocol)
{
    static const struct {
        uint32_t id, length;
    } forged[] = {{1024, 0}, {0xffffffff, 0}, {0, 514}, {0, 0xffffffff}, {127, 1}};
    struct scatter scatter = disk_memory(2, 512, kIODirectionIn);
    struct virtio_blk_request request;

    for (unsigned i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        const irq_state_t state = irq_mask();

        virtio_blk_request_init(&request, VIRTIO_BLK_READ, scatter.memory, 0, 0, 512);
        EXPECT_EQ(virtio_blk_reset(faulty()), kIOReturnSuccess);
        ASSERT_EQ(virtio_blk_submit(faulty(), &request), kIOReturnSuccess);
        faulty()->queue->published++; /* the queue has told the device, which does not know it */
        forge(faulty(), forged[i].id, forged[i].length);
        virtio_blk_poll(faulty());
        EXPECT_TRUE(request.done);
        EXPECT_EQ(request.status, kIOReturnDeviceError);
        irq_restore(state);
        expect_works(faulty());
    }
    disk_memory_drop(&scatter);
}

/* Success, but the status byte was never written; then written, but the data is short. */
TEST(device_that_only_says_it_is_done)
{
    struct scatter scatter = disk_memory(2, 512, kIODirectionIn);
    struct virtio_blk_request request;

    for (unsigned answered = 0; answered < 2; answered++) {
        const irq_state_t state = irq_mask();

        virtio_blk_request_init(&request, VIRTIO_BLK_READ, scatter.memory, 0, 0, 512);
        EXPECT_EQ(virtio_blk_reset(faulty()), kIOReturnSuccess);
        ASSERT_EQ(virtio_blk_submit(faulty(), &request), kIOReturnSuccess);
        faulty()->queue->published++;
        if (answered) {
            faulty()->frames[0].status.value = VIRTIO_BLK_S_OK;
        }
        forge(faulty(), 0, answered ? 1 : 513);
        EXPECT_EQ(virtio_blk_poll(faulty()), 1);
        EXPECT_TRUE(request.done);
        EXPECT_EQ(request.status, answered ? kIOReturnUnderrun : kIOReturnDeviceError);
        EXPECT_EQ(virtio_blk_reset(faulty()), kIOReturnSuccess);
        irq_restore(state);
        expect_works(faulty());
    }
    disk_memory_drop(&scatter);
}
