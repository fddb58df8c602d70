/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains whose buffers tell who they are, and memory that must all come back. */
#include "tests/host/drivers/virtq_chains.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/heap.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_ram.h"

#define RAM 0x40000000ull

static struct page_range bank = {RAM, 64 * SIM_MIB};
static uint64_t driver_pages;
static uint64_t heap_blocks;

static void balance(uint64_t *pages, uint64_t *blocks)
{
    struct page_stats page;
    struct heap_stats heap;

    page_get_stats(&page);
    heap_get_stats(&heap);
    *pages = page.owned[PAGE_OWNER_DRIVER];
    *blocks = heap.blocks;
}

int virtq_test_set_up(void **state)
{
    static bool attached;

    (void)state;
    if (!attached) {
        sim_ram_attach(&bank, 1);
        assert_true(page_setup(&bank, 1, NULL, 0));
        attached = true;
    }
    balance(&driver_pages, &heap_blocks);
    return 0;
}

int virtq_test_tear_down(void **state)
{
    uint64_t pages, blocks;

    (void)state;
    balance(&pages, &blocks);
    assert_int_equal(pages, driver_pages);
    assert_int_equal(blocks, heap_blocks);
    return 0;
}

int virtq_test_set_up_packed(void **state)
{
    sim_packed = true;
    return virtq_test_set_up(state);
}

int virtq_test_tear_down_packed(void **state)
{
    sim_packed = false;
    return virtq_test_tear_down(state);
}

paddr_t buffer_address(unsigned id, unsigned i)
{
    return paddr(0x80000000ull + id * 0x100000ull + i * 0x2000ull);
}

uint32_t buffer_length(unsigned id, unsigned i)
{
    return 1 + (id * 7 + i * 13) % 4096;
}

void fill_chain(struct virtq_chain *chain, unsigned id, unsigned reads, unsigned writes)
{
    for (unsigned i = 0; i < reads + writes; i++) {
        virtq_chain_add(chain, buffer_address(id, i), buffer_length(id, i),
                        (i < reads ? 0 : VIRTQ_WRITE) | (i + 1 < reads + writes ? VIRTQ_NEXT : 0));
    }
}

bool submit_chain(struct virtq *queue, unsigned id, unsigned reads, unsigned writes)
{
    struct virtq_chain chain;

    if (virtq_begin(queue, &chain) != kIOReturnSuccess ||
        virtq_chain_room(&chain) < reads + writes) {
        return false;
    }
    fill_chain(&chain, id, reads, writes);
    virtq_submit(queue, &chain, (void *)(uintptr_t)(id + 1));
    return true;
}

void assert_chain_seen(const struct sim_chain *seen, unsigned id, unsigned reads, unsigned writes)
{
    uint32_t writable = 0;

    assert_int_equal(seen->count, reads + writes);
    for (unsigned i = 0; i < seen->count; i++) {
        assert_int_equal(seen->entries[i].address, buffer_address(id, i).value);
        assert_int_equal(seen->entries[i].length, buffer_length(id, i));
        assert_int_equal(seen->entries[i].write, i >= reads);
        writable += i >= reads ? buffer_length(id, i) : 0;
    }
    assert_int_equal(seen->writable, writable);
}
