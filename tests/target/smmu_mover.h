/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of what a unit lets through: a device that accesses single bytes anywhere, which is a
 * disk whose ring is the test's, memory for it, and what the unit reports.
 */
#ifndef TESTS_TARGET_SMMU_MOVER_H
#define TESTS_TARGET_SMMU_MOVER_H

#include <string.h>

#include "drivers/smmuv3/smmuv3.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "kernel/page.h"
#include "tests/target/dma_client.h"

#define BOTH   (kIODMAMapReadAccess | kIODMAMapWriteAccess)
#define CANARY 0xa5
#define SECTOR 512u
#define LOOKS  10000000u /* at the ring, for an answer */
#define RUN    1100u     /* pages of memory in a row */

static struct {
    struct virtio_device *device;
    struct virtq *queue;
    struct virtio_mapping own; /* one page: header, status, and bytes that nobody looks at */
    char *page;
    paddr_t physical;
} mover;

static paddr_t memory; /* RUN pages */
static volatile unsigned faults, messages;
static IOMapperFault fault;

static inline enum irq_result told(void *context, unsigned vector)
{
    (void)context, (void)vector;
    messages++;
    return IRQ_SERVED;
}

static inline void ignore_change(void *context)
{
    (void)context;
}

/* The disk's driver gives it up for good, before the tests: they find it as it stays. */
static inline void prepare_mover(void)
{
    const struct page_request run = {.count = RUN, .alignment = 2 << 20, .owner = PAGE_OWNER_IMAGE};
    const uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM;
    struct virtq_setup setup = {.size = 256, .chain_entries = 256, .narrow_doorbell = true};

    if (virtio_blk_count() != 1 || page_alloc_run(&run, &memory) != KERN_SUCCESS) {
        return;
    }
    mover.device = virtio_blk_get(0)->device;
    virtio_detach(mover.device);
    setup.mapper = mover.device->mapper;
    if (virtio_negotiate(mover.device, features, features) != kIOReturnSuccess ||
        virtio_attach(mover.device, told, ignore_change, NULL) != kIOReturnSuccess) {
        mover.device = NULL;
        return;
    }
    setup.doorbell = virtio_doorbell(mover.device, 0);
    setup.mapper = mover.device->mapper;
    if (page_alloc(0, PAGE_OWNER_IMAGE, &mover.physical) != KERN_SUCCESS ||
        virtq_create(&setup, &mover.queue) != kIOReturnSuccess ||
        virtio_start_queue(mover.device, mover.queue) != kIOReturnSuccess ||
        virtio_ready(mover.device) != kIOReturnSuccess) {
        mover.device = NULL;
        return;
    }
    mover.page = phys_to_virt(mover.physical);
    virtio_map(setup.mapper, virt_to_phys(mover.page), 1, &mover.own);
}

INITIALISER(INIT_CLASS, prepare_mover);

static inline IOMapper *mapper(void)
{
    ASSERT_TRUE(mover.device != NULL && mover.device->mapper != NULL);
    return mover.device->mapper;
}

static inline void hear(void *context, IOMapper *from, const IOMapperFault *heard)
{
    (void)context, (void)from;
    fault = *heard;
    faults++;
}

static inline void listen(void)
{
    IOMapper_collectFaults(mapper());
    IOMapper_forgetFaults(mapper());
    IOMapper_setFaultHandler(mapper(), hear, NULL);
    faults = 0;
}

/* Faults since listen; what the unit has recorded is told at once. */
static inline unsigned heard(void)
{
    IOMapper_collectFaults(mapper());
    return faults;
}

/*
 * The device reads from the disk's first sectors into `count` places, one byte each from `at`
 * on and `stride` apart, or writes them from there to the sector `to`.
 */
static inline void access_bytes(uint64_t at, uint64_t stride, unsigned count, unsigned length,
                                bool to_memory)
{
    const paddr_t own = paddr(mover.own.address);
    const unsigned moved = count * length, rest = (SECTOR - moved % SECTOR) % SECTOR;
    const unsigned flags = VIRTQ_NEXT | (to_memory ? VIRTQ_WRITE : 0);
    struct virtq_chain chain = {0};
    struct virtq_used used = {0};
    bool done = false;

    memset(mover.page, 0, 16);
    ((uint32_t *)mover.page)[0] = to_memory ? VIRTIO_BLK_READ : VIRTIO_BLK_WRITE;
    ((uint64_t *)mover.page)[1] = 100; /* where the pattern has no zeros and no canaries */
    ASSERT_EQ(virtq_begin(mover.queue, &chain), kIOReturnSuccess);
    virtq_chain_add(&chain, own, 16, VIRTQ_NEXT);
    for (unsigned i = 0; i < count; i++) {
        virtq_chain_add(&chain, paddr(at + i * stride), length, flags);
    }
    if (rest != 0) {
        virtq_chain_add(&chain, paddr_add(own, 1024), rest, flags);
    }
    virtq_chain_add(&chain, paddr_add(own, 16), 1, VIRTQ_WRITE);
    virtq_submit(mover.queue, &chain, &mover);
    virtq_publish(mover.queue);
    for (unsigned i = 0; i < LOOKS && !done; i++) {
        done = virtq_take(mover.queue, &used);
    }
    ASSERT_TRUE(done);
}

static inline void touch(uint64_t at)
{
    access_bytes(at, 0, 1, 1, true);
}

static inline uint8_t *byte_at(uint64_t offset)
{
    return (uint8_t *)phys_to_virt(memory) + offset;
}

/* Words of the memory that are not canaries all over. */
static inline uint64_t changed_words(uint64_t bytes)
{
    const uint64_t *words = phys_to_virt(memory);
    uint64_t changed = 0;

    for (uint64_t i = 0; i < bytes / sizeof(*words); i++) {
        changed += words[i] != CANARY * 0x0101010101010101ull;
    }
    return changed;
}

static inline uint64_t map_pages(uint64_t first, uint64_t pages)
{
    ioaddr_t at;

    ASSERT_EQ(smmu_map(mapper(), paddr_add(memory, ptoa(first)), ptoa(pages), BOTH, 0, &at),
              kIOReturnSuccess);
    return at.value;
}

#endif
