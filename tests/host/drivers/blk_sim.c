/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks that keep the rules: what each request says, and its answer. */
#include "tests/host/drivers/blk_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMapper.h"
#include "kernel/direct_map.h"
#include "tests/host/sim/sim_irq.h"

#define ALL                                                                                        \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SEG_MAX |     \
     VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES |                       \
     VIRTIO_BLK_F_BLK_SIZE)

struct blk_sim blk_sim;
static const char serials[DISKS][VIRTIO_BLK_ID_LENGTH + 1] = {"first", "a serial of 20 bytes", ""};

static uint32_t move(unsigned number, const struct virtio_sim_chain *chain,
                     const struct blk_header *header)
{
    uint64_t at = header->sector * 512;
    uint32_t written = 0;

    for (unsigned i = 1; i + 1 < chain->count; i++) {
        uint8_t *data = phys_to_virt(paddr(chain->entries[i].address));
        const uint32_t length = chain->entries[i].length;

        assert_int_equal(chain->entries[i].write, header->type != VIRTIO_BLK_WRITE &&
                                                      header->type != VIRTIO_BLK_DISCARD &&
                                                      header->type != VIRTIO_BLK_WRITE_ZEROES);
        switch (header->type) {
        case VIRTIO_BLK_READ:
            memcpy(data, blk_sim.content + at, length);
            break;
        case VIRTIO_BLK_WRITE:
            memcpy(blk_sim.content + at, data, length);
            break;
        case VIRTIO_BLK_GET_ID:
            assert_int_equal(length, VIRTIO_BLK_ID_LENGTH);
            memcpy(data, serials[number], length);
            break;
        default: {
            const struct blk_range *range = (const struct blk_range *)data;

            assert_int_equal(length, sizeof(*range));
            blk_sim.asked[blk_sim.asked_count].sector = range->sector;
            blk_sim.asked[blk_sim.asked_count].bytes = range->sectors * 512ull;
            blk_sim.asked[blk_sim.asked_count].flags = range->flags;
            continue;
        }
        }
        at += length;
        blk_sim.asked[blk_sim.asked_count].bytes += length;
        written += chain->entries[i].write ? length : 0;
    }
    return written;
}

bool blk_sim_work(unsigned number)
{
    static struct virtio_sim_chain chain;
    const struct blk_header *header;
    uint32_t written;

    if (blk_sim.is_asleep || !virtio_sim_take(&blk_sim.sims[number], &chain)) {
        return false;
    }
    assert_false(chain.broken);
    assert_in_range(blk_sim.asked_count, 0, 31);
    assert_int_equal(chain.entries[0].length, 16);
    assert_false(chain.entries[0].write);
    assert_int_equal(chain.entries[chain.count - 1].length, 1);
    assert_true(chain.entries[chain.count - 1].write);
    header = phys_to_virt(paddr(chain.entries[0].address));
    assert_int_equal(header->reserved, 0);
    blk_sim.asked[blk_sim.asked_count] =
        (struct asked){.type = header->type, .sector = header->sector};
    written = move(number, &chain, header) + 1;
    blk_sim.asked_count++;
    *(uint8_t *)phys_to_virt(paddr(chain.entries[chain.count - 1].address)) = blk_sim.answer;
    virtio_sim_give(&blk_sim.sims[number], chain.head, written - (blk_sim.is_short ? 1 : 0));
    return true;
}

void blk_sim_run(void)
{
    for (bool moves = true; moves;) {
        moves = false;
        for (unsigned i = 0; i < DISKS; i++) {
            moves |= blk_sim_work(i);
            moves |= virtio_sim_interrupt(&blk_sim.sims[i]);
        }
    }
}

static void power_on(unsigned number, uint64_t offered)
{
    struct virtio_sim *sim = &blk_sim.sims[number];

    virtio_sim_create(sim, VIRTIO_ID_BLOCK, offered, 256);
    sim->device.address = paddr(0xa000000 + 0x200 * number);
    sim->device.intid = 40 + number;
    virtio_sim_set(sim, 0, SECTORS, 8);
    virtio_sim_set(sim, 8, 4096, 4);
    virtio_sim_set(sim, 12, 126, 4);
    virtio_sim_set(sim, 20, 512, 4);
    virtio_sim_set(sim, 36, 16, 4);
    virtio_sim_set(sim, 40, 1, 4);
    virtio_sim_set(sim, 44, 6, 4);
    virtio_sim_set(sim, 48, 20, 4);
    virtio_sim_set(sim, 52, 1, 4);
}

int blk_sim_start(void **state)
{
    const struct page_request request = {.count = 64, .owner = PAGE_OWNER_IMAGE, .zero = true};
    paddr_t first;

    (void)state;
    sim_machine_start(VIRTIO_SIM_RAM);
    IOMapper_setMapperRequired(false); /* as a machine knows once it has started */
    sim_while_waiting = blk_sim_run;
    if (page_alloc_run(&request, &first) != KERN_SUCCESS) {
        return -1;
    }
    blk_sim.bytes = phys_to_virt(first);
    blk_sim.memory = IOMemoryDescriptor_withAddressRange((uint64_t)blk_sim.bytes, 64 * PAGE_SIZE,
                                                         kIODirectionInOut, kernel_task);
    power_on(0, ALL);
    power_on(1, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_SEG_MAX);
    power_on(2, ALL);
    virtio_sim_set(&blk_sim.sims[2], 20, 1000, 4); /* no size of a block */
    for (unsigned i = 0; i < DISKS; i++) {
        virtio_add_device(&blk_sim.sims[i].device);
    }
    return IOMemoryDescriptor_prepare(blk_sim.memory, kIODirectionNone) == kIOReturnSuccess ? 0
                                                                                            : -1;
}

int blk_sim_again(void **state)
{
    (void)state;
    memset(blk_sim.content, 0, sizeof(blk_sim.content));
    memset(blk_sim.bytes, 0, 64 * PAGE_SIZE);
    blk_sim.asked_count = 0;
    blk_sim.answer = VIRTIO_BLK_S_OK;
    blk_sim.is_short = blk_sim.is_asleep = false;
    return 0;
}

void blk_sim_assert_asked(unsigned at, uint32_t type, uint64_t sector, uint64_t length)
{
    assert_in_range(at, 0, blk_sim.asked_count - 1);
    assert_int_equal(blk_sim.asked[at].type, type);
    assert_int_equal(blk_sim.asked[at].sector, sector);
    assert_int_equal(blk_sim.asked[at].bytes, length);
    assert_int_equal(blk_sim.asked[at].flags, 0);
}
