/* SPDX-License-Identifier: BSD-2-Clause */
// FILE: one 1M words
// FILE: two 1M words
// FILE: three 1M words
// FILE: four 1M words
// FILE: five 1M words
// QEMU: -blockdev driver=file,filename=$FILES/one,node-name=disk0
// QEMU: -device virtio-blk-pci,drive=disk0,num-queues=4,addr=1.0,multifunction=on
// QEMU: -blockdev driver=file,filename=$FILES/two,node-name=disk1
// QEMU: -device virtio-blk-pci,drive=disk1,addr=1.3,disable-legacy=on,vectors=0
// QEMU: -blockdev driver=file,filename=$FILES/three,node-name=disk2
// QEMU: -device virtio-blk-pci,drive=disk2,addr=5.0,vectors=0,page-per-vq=on
// QEMU: -device virtio-rng-pci,addr=6.0
// QEMU: -blockdev driver=file,filename=$FILES/four,node-name=disk3
// QEMU: -device virtio-blk-pci,drive=disk3,addr=7.0,page-per-vq=on,modern-pio-notify=on,
// QEMU: num-queues=4,vectors=1
// QEMU: -device pcie-root-port,id=p,chassis=1,addr=8.0
// QEMU: -blockdev driver=file,filename=$FILES/five,node-name=disk4
// QEMU: -device virtio-blk-pci,bus=p,drive=disk4,num-queues=4
// QEMU: -blockdev driver=null-co,node-name=disk5,size=1048576
// QEMU: -device virtio-blk-pci,drive=disk5,addr=9.0,disable-modern=on
// QEMU: -blockdev driver=null-co,node-name=disk7,size=1048576
// QEMU: -device virtio-blk-pci,drive=disk7,addr=a.0,num-queues=4
// QEMU: -blockdev driver=null-co,node-name=disk6,size=1048576
// QEMU: -device virtio-blk-device,drive=disk6
/*
 * Virtio on PCI: every way in which the bus tells of a completion and is told of work, and a
 * device whose queues have an interrupt each.
 */
#include <string.h>

#include "drivers/virtio/blk_private.h"
#include "drivers/virtio/rng.h"
#include "drivers/virtio/transport_pci.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/init.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
#include "tests/target/disk.h"

#define QUEUES 4
#define MANY   5 /* the disk whose queues are a test's; what is behind a bridge comes last */

static struct virtio_pci_device *device_of(unsigned disk)
{
    return (struct virtio_pci_device *)virtio_blk_get(disk)->device;
}

TEST(those_that_speak_virtio_1_are_found)
{
    /* That on virtio-mmio first; the legacy one is passed over. */
    ASSERT_EQ(virtio_blk_count(), 7);
    EXPECT_STR_EQ(virtio_blk_get(0)->device->transport->name, "mmio");
    for (unsigned i = 1; i < 7; i++) {
        EXPECT_STR_EQ(virtio_blk_get(i)->device->transport->name, "PCI");
    }
    EXPECT_TRUE(virtio_rng_present());
}

/* Sectors arrive whole, by whatever interrupt and whatever doorbell. */
TEST(every_disk_moves_data)
{
    for (unsigned i = 1; i < 7; i++) {
        for (unsigned round = 0; i != MANY && round < 50; round++) {
            struct scatter scatter = disk_memory(9, 8192, kIODirectionIn);
            const uint64_t sector = round * 37 % 2000;

            EXPECT_EQ(virtio_blk_read(virtio_blk_get(i), scatter.memory, 0, sector, 8192),
                      kIOReturnSuccess);
            EXPECT_EQ(disk_differences(&scatter, 0, 8192, sector * 512), 0);
            disk_memory_drop(&scatter);
        }
    }
}

TEST(kinds_of_interrupt)
{
    const unsigned kinds[] = {PCI_MSIX, PCI_INTX, PCI_INTX, PCI_MSIX, PCI_MSIX, PCI_MSIX};
    const unsigned vectors[] = {5, 1, 1, 1, 5, 5};
    struct virtq_counters before, after;

    for (unsigned i = 0; i < 6; i++) {
        struct scatter scatter = disk_memory(1, 512, kIODirectionIn);

        EXPECT_EQ(pci_interrupt_kind(device_of(1 + i)->function), kinds[i]);
        EXPECT_EQ(device_of(1 + i)->vectors, vectors[i]);
        virtio_blk_get_counters(virtio_blk_get(1 + i), &before);
        EXPECT_EQ(virtio_blk_read(virtio_blk_get(1 + i), scatter.memory, 0, 0, 512),
                  kIOReturnSuccess);
        virtio_blk_get_counters(virtio_blk_get(1 + i), &after);
        EXPECT_GE(after.interrupts, before.interrupts + 1);
        disk_memory_drop(&scatter);
    }
    /* Slots 1 and 5 share a line. */
    EXPECT_EQ(virtio_blk_get(2)->device->intid, virtio_blk_get(3)->device->intid);
}

/* What the device itself says of a queue. */
static unsigned register_of(unsigned disk, unsigned queue)
{
    volatile void *common = device_of(disk)->structures[VIRTIO_PCI_COMMON];

    mmio_write16(common, COMMON_QUEUE_SELECT, (uint16_t)queue);
    return mmio_read16(common, COMMON_QUEUE_SIZE);
}

/* N35: a doorbell of each queue lies where the multiplier says. */
TEST(doorbells)
{
    unsigned most;
    char *one = (char *)virtio_doorbell(virtio_blk_get(1)->device, 0);
    char *paged = (char *)virtio_doorbell(virtio_blk_get(4)->device, 0);

    EXPECT_EQ(device_of(1)->multiplier, 4);
    EXPECT_EQ((char *)virtio_doorbell(virtio_blk_get(1)->device, 3) - one, 12);
    EXPECT_EQ(device_of(4)->multiplier, 4096);
    EXPECT_EQ((char *)virtio_doorbell(virtio_blk_get(4)->device, 3) - paged, 3 * 4096);
    EXPECT_EQ(virtio_queue_size_max(virtio_blk_get(1)->device, 4), 0);
    EXPECT_EQ(virtio_queue_size_max(virtio_blk_get(1)->device, 0), 0); /* it is in use */
    /* Some QEMUs allow as many as they were started with (256), some as many as they know of. */
    most = virtio_queue_size_max(virtio_blk_get(1)->device, 3);
    EXPECT_GE(most, 256);
    EXPECT_EQ(most, register_of(1, 3));
}

TEST(resets)
{
    struct scatter scatter = disk_memory(1, 512, kIODirectionIn);

    for (unsigned i = 1; i < 7; i++) {
        for (unsigned round = 0; i != MANY && round < 20; round++) {
            EXPECT_EQ(virtio_blk_reset(virtio_blk_get(i)), kIOReturnSuccess);
            EXPECT_EQ(virtio_blk_read(virtio_blk_get(i), scatter.memory, 0, 7, 512),
                      kIOReturnSuccess);
            EXPECT_EQ(disk_differences(&scatter, 0, 512, 7 * 512), 0);
        }
    }
    disk_memory_drop(&scatter);
}

TEST(random_bytes)
{
    struct scatter scatter = disk_memory(5, 2000, kIODirectionIn);

    EXPECT_EQ(virtio_rng_read(scatter.memory, 0, 2000), kIOReturnSuccess);
    disk_memory_drop(&scatter);
}

/* --- Every queue on a vector of its own ------------------------------------------------------- */

/* A disk that its driver gives up for this. */
static struct {
    struct virtq *queues[QUEUES];
    volatile unsigned told[QUEUES];
    volatile unsigned changed;
} many;

static enum irq_result told(void *context, unsigned vector)
{
    (void)context;
    EXPECT_LT(vector, QUEUES);
    many.told[vector % QUEUES]++;
    return IRQ_SERVED;
}

static void changed(void *context)
{
    (void)context;
    many.changed++;
}

static void submit(unsigned index, paddr_t page)
{
    struct virtq_chain chain = {0};
    uint64_t *header = phys_to_virt(page);

    header[0] = header[1] = 0; /* a read of sector 0 */
    ASSERT_EQ(virtq_begin(many.queues[index], &chain), kIOReturnSuccess);
    virtq_chain_add(&chain, page, 16, VIRTQ_NEXT);
    virtq_chain_add(&chain, paddr_add(page, 512), 512, VIRTQ_NEXT | VIRTQ_WRITE);
    virtq_chain_add(&chain, paddr_add(page, 16), 1, VIRTQ_WRITE);
    virtq_submit(many.queues[index], &chain, &many);
    virtq_publish(many.queues[index]);
}

TEST(every_queue_has_its_vector)
{
    struct virtio_blk *disk = virtio_blk_get(MANY);
    struct virtio_device *device = disk->device;
    const uint64_t features = VIRTIO_F_VERSION_1 | 1ull << 12; /* MQ */
    const struct virtio_device before = *device;
    struct virtq_used used = {0};
    paddr_t page;

    ASSERT_EQ(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
    virtio_detach(device);
    ASSERT_EQ(virtio_negotiate(device, features, features), kIOReturnSuccess);
    ASSERT_EQ(virtio_attach(device, told, changed, NULL), kIOReturnSuccess);
    EXPECT_EQ(((struct virtio_pci_device *)device)->vectors, QUEUES + 1);
    for (unsigned i = 0; i < QUEUES; i++) {
        struct virtq_setup setup = {.size = 8,
                                    .index = i,
                                    .chain_entries = 4,
                                    .doorbell = virtio_doorbell(device, i),
                                    .narrow_doorbell = true};

        /* One as long as the device allows, and no longer. */
        if (i == QUEUES - 1) {
            setup.size = 2 * virtio_queue_size_max(device, i);
            ASSERT_EQ(virtq_create(&setup, &many.queues[i]), kIOReturnSuccess);
            EXPECT_EQ(virtio_start_queue(device, many.queues[i]), kIOReturnUnsupported);
            virtq_destroy(many.queues[i]);
            setup.size /= 2;
        }
        ASSERT_EQ(virtq_create(&setup, &many.queues[i]), kIOReturnSuccess);
        ASSERT_EQ(virtio_start_queue(device, many.queues[i]), kIOReturnSuccess);
        for (unsigned j = 0; j < i; j++) {
            EXPECT_NE(pci_vector_intid(((struct virtio_pci_device *)device)->function, 1 + i),
                      pci_vector_intid(((struct virtio_pci_device *)device)->function, 1 + j));
        }
    }
    ASSERT_EQ(virtio_ready(device), kIOReturnSuccess);
    /* N25: each fired 100 times. */
    for (unsigned round = 1; round <= 100; round++) {
        for (unsigned i = 0; i < QUEUES; i++) {
            submit(i, page);
            for (unsigned wait = 0; wait < 10000000 && many.told[i] < round; wait++) {
                cpu_isb();
            }
            EXPECT_EQ(many.told[i], round);
            EXPECT_TRUE(virtq_take(many.queues[i], &used));
            EXPECT_EQ(used.token, &many);
        }
    }
    EXPECT_EQ(many.changed, 0);

    EXPECT_TRUE(virtio_reset(device));
    virtio_detach(device);
    for (unsigned i = 0; i < QUEUES; i++) {
        virtq_destroy(many.queues[i]);
    }
    page_free(page, 0);
    /* Back to the driver of disks. */
    EXPECT_EQ(virtio_attach(device, before.used, before.changed, before.context), kIOReturnSuccess);
    device->features = before.features;
    EXPECT_EQ(virtio_blk_reset(disk), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_flush(disk), kIOReturnSuccess);
}
