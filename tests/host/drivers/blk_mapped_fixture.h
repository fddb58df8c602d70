/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of virtio devices behind an IOMMU: a machine with memory in pieces, a mapper of which
 * one sees what is taken, and a disk, simulated, which puts the right bytes where it is told to.
 */
#ifndef TESTS_HOST_DRIVERS_BLK_MAPPED_FIXTURE_H
#define TESTS_HOST_DRIVERS_BLK_MAPPED_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/ledger/IOLedger.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/host/drivers/virtio_sim.h"
#include "tests/host/drivers/virtio_sim_mapper.h"
#include "tests/host/sim/sim_irq.h"

#define PAGES   32
#define PIECES  8
#define SECTORS 4096
#define OFFERED                                                                                    \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX)

static struct virtio_sim sim;
static struct virtio_sim_mapper *mapper;
static struct virtio_blk *disk;
static uint64_t idle; /* pages that the driver has mapped for itself */
static struct holdings before;
static paddr_t data;
static IOMemoryDescriptor *memory; /* PIECES pieces of odd lengths, some of which touch */
static IOAddressRange ranges[PIECES];
static unsigned completions;
static struct virtio_blk_request *again; /* to be submitted by the next completion */

static inline void begin(uint64_t offered, unsigned segments, unsigned longest)
{
    before = holdings_now();
    virtio_sim_create(&sim, VIRTIO_ID_BLOCK, offered, 256);
    virtio_sim_set(&sim, 0, SECTORS, 8);
    virtio_sim_set(&sim, 8, longest, 4);
    virtio_sim_set(&sim, 12, segments, 4);
    sim.mapper = &mapper->super;
    disk = blk_create(&sim.device);
    assert_non_null(disk);
    idle = mapper->taken;
    assert_in_range(idle, 2, 1000);
    completions = 0;
    again = NULL;
}

static unsigned leaks;

static inline void count_leak(const struct IOLedgerReport *report)
{
    (void)report;
    leaks++;
}

static inline void end(void)
{
    assert_int_equal(mapper->taken, idle);
    /* What the driver has mapped for itself is meant to be there at the end of an image. */
    leaks = 0;
    IOLedger_listen(count_leak);
    IOLedger_judgeEnd();
    IOLedger_listen(NULL);
    assert_int_equal(leaks, 0);
    blk_destroy(disk);
    assert_int_equal(mapper->taken, 0);
    assert_null(sim.complaint);
    assert_true(sim_holds(&before));
}

static inline int start_machine(void **state)
{
    static const uint32_t places[PIECES] = {100, 4096, 9000, 16384, 20480, 30001, 45056, 61439};
    static const uint32_t lengths[PIECES] = {3996, 4900, 1192, 4096, 4096, 7, 4096, 2193};
    const struct page_request run = {.count = PAGES, .owner = PAGE_OWNER_IMAGE, .zero = true};

    (void)state;
    sim_machine_start(VIRTIO_SIM_RAM);
    IOMapper_setMapperRequired(false);
    assert_int_equal(page_alloc_run(&run, &data), KERN_SUCCESS);
    for (unsigned i = 0; i < PIECES; i++) {
        ranges[i] = (IOAddressRange){data.value + places[i], lengths[i]};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, PIECES, kIODirectionOutIn, TASK_NULL);
    assert_non_null(memory);
    assert_int_equal(IOMemoryDescriptor_getLength(memory), 24576);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    mapper = virtio_sim_mapper_new();
    assert_non_null(mapper);
    return 0;
}

static inline void complete(struct virtio_blk_request *request)
{
    struct virtio_blk_request *next = again;

    (void)request;
    completions++;
    again = NULL;
    if (next != NULL) {
        assert_int_equal(virtio_blk_submit(disk, next), kIOReturnSuccess);
        virtio_blk_publish(disk);
    }
}

static inline void submit(struct virtio_blk_request *request, enum virtio_blk_operation operation,
                          uint64_t offset, uint64_t length)
{
    virtio_blk_request_init(request, operation, memory, offset, 8, length);
    request->completion = complete;
    assert_int_equal(virtio_blk_submit(disk, request), kIOReturnSuccess);
    assert_true(mapper->taken > idle);
    virtio_blk_publish(disk);
}

/* The byte of the memory at `offset`, and what the disk has for it. */
static inline uint8_t *byte_at(uint64_t offset)
{
    unsigned i = 0;

    while (offset >= ranges[i].length) {
        offset -= ranges[i++].length;
    }
    return (uint8_t *)phys_to_virt(paddr(ranges[i].address)) + offset;
}

static inline uint8_t content(uint64_t position)
{
    return (uint8_t)(1 + position % 251);
}

/* Answer the next part; the bytes are those of its place on the disk. False: there is none. */
static inline bool answer_one(bool to_memory, unsigned segments, unsigned longest)
{
    static struct virtio_sim_chain chain;
    uint64_t position, length = 1;

    if (!virtio_sim_take(&sim, &chain)) {
        return false;
    }
    assert_false(chain.broken);
    assert_in_range(chain.count, 3, segments + 2);
    position = ((struct blk_header *)virtio_sim_at(&sim, chain.entries[0].address))->sector * 512;
    for (unsigned i = 1; i + 1 < chain.count; i++) {
        const struct virtio_sim_entry *entry = &chain.entries[i];

        assert_int_equal(entry->write, to_memory);
        assert_in_range(entry->length, 1, longest);
        length += to_memory ? entry->length : 0;
        for (uint32_t k = 0; k < entry->length; k++, position++) {
            uint8_t *at = virtio_sim_at(&sim, entry->address + k);

            assert_non_null(at);
            if (to_memory) {
                *at = content(position);
            } else {
                assert_int_equal(*at, content(position));
            }
        }
    }
    *(uint8_t *)virtio_sim_at(&sim, chain.entries[chain.count - 1].address) = VIRTIO_BLK_S_OK;
    virtio_sim_give(&sim, chain.head, (uint32_t)length);
    return true;
}

static inline unsigned answer_all(bool to_memory, unsigned segments, unsigned longest)
{
    unsigned parts = 0;

    do {
        while (answer_one(to_memory, segments, longest)) {
            parts++;
        }
    } while (virtio_sim_interrupt(&sim));
    return parts;
}

#endif
