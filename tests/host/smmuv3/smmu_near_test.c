/* SPDX-License-Identifier: BSD-2-Clause */
/* The first table: the lowest addresses that are free, through holes and to its end; and beyond. */
#include "tests/host/smmuv3/smmu_fixture.h"

static IOMapper *mapper;
static struct smmu_space *space;

static int start(void **state)
{
    const int status = unit_start(state);

    mapper = status == 0 ? stream_mapper(unit, STREAM) : NULL;
    space = mapper != NULL ? &((struct smmu_domain *)mapper)->space : NULL;
    return mapper != NULL ? 0 : -1;
}

static int stop(void **state)
{
    const bool balanced = space_taken(space) == 1 && tables(mapper) == 4 && space->lowest == 1;

    OSObject_release(mapper);
    return unit_stop(state) == 0 && balanced ? 0 : -1;
}

/* So many pages, which are to be had at this one, and are those of memory from there on. */
static void take(uint64_t pages, uint64_t expected)
{
    const uint64_t physical = DMA_LOW + ptoa(expected);
    ioaddr_t at;

    assert_int_equal(smmu_map(mapper, paddr(physical), ptoa(pages), BOTH, 0, &at),
                     kIOReturnSuccess);
    assert_int_equal(at.value, ptoa(expected));
    for (uint64_t i = 0; i < pages; i++) {
        assert_true(reaches(STREAM, at.value + ptoa(i), physical + ptoa(i)));
    }
}

static void give_back(uint64_t pages, uint64_t page)
{
    uint64_t physical;

    assert_int_equal(smmu_unmap(mapper, ioaddr(ptoa(page)), ptoa(pages)), kIOReturnSuccess);
    for (uint64_t i = 0; i < pages; i++) {
        assert_false(sim_access(STREAM, ptoa(page + i), false, &physical));
    }
    sim_drop_events();
}

/* What fits nowhere before goes behind; a hole that is left is the next one's. */
static void holes_that_are_too_small(void **state)
{
    (void)state;
    for (uint64_t page = 1; page <= 12; page++) {
        take(1, page);
    }
    give_back(1, 3);
    give_back(1, 6);
    give_back(1, 7);
    give_back(1, 10);
    take(3, 13);
    take(2, 6);
    take(2, 16);
    take(1, 3);
    take(1, 10);
    take(1, 18);
    for (uint64_t page = 1; page <= 12; page++) {
        if (page == 6) {
            give_back(2, page);
        } else if (page != 7) {
            give_back(1, page);
        }
    }
    give_back(3, 13);
    give_back(2, 16);
    give_back(1, 18);
}

/* All 64 of a word are taken from the lowest on that may be free, but for others behind them. */
static void words_that_are_full(void **state)
{
    (void)state;
    for (uint64_t page = 1; page <= 130; page++) {
        take(1, page);
    }
    give_back(1, 5);
    take(1, 5);
    take(1, 131); /* nothing is left of two words */
    give_back(1, 63);
    give_back(1, 64);
    take(2, 63);
    give_back(2, 63);
    take(1, 63);
    take(1, 64);
    for (uint64_t page = 131; page >= 1; page--) {
        give_back(1, page);
    }
    /* Across words, by the bits at their borders. */
    take(62, 1);
    take(130, 63);
    take(64, 193);
    give_back(130, 63);
    take(64, 63);
    take(65, 127);
    take(1, 192);
    give_back(62, 1);
    give_back(64, 63);
    give_back(65, 127);
    give_back(1, 192);
    give_back(64, 193);
}

/* The last page of it, and the first behind it, which has a table of its own; or cannot have one.
 */
static void the_end_of_the_first_table(void **state)
{
    ioaddr_t at = ioaddr(7);

    (void)state;
    take(509, 1);
    take(2, 510);
    give_back(2, 510);
    take(1, 510);
    take(1, 511);
    for (uint64_t pages = 1; pages <= 2; pages++) {
        space->tables_max = space->tables;
        assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(pages), BOTH, 0, &at),
                         kIOReturnNoResources);
        assert_int_equal(at.value, 7);
        space->tables_max = SPACE_TABLES_MAX;
        take(pages, 512);
        assert_int_equal(tables(mapper), 5);
        give_back(pages, 512);
        assert_int_equal(tables(mapper), 4);
    }
    /* Devices that reach the first table alone, or half of it. */
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), PAGE_SIZE, BOTH, 21, &at), kIOReturnNoSpace);
    give_back(1, 511);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), PAGE_SIZE, BOTH, 20, &at), kIOReturnNoSpace);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(2), BOTH, 20, &at), kIOReturnNoSpace);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(2), BOTH, 21, &at), kIOReturnNoSpace);
    assert_int_equal(at.value, 7);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), PAGE_SIZE, BOTH, 21, &at), kIOReturnSuccess);
    assert_int_equal(at.value, ptoa(511));
    give_back(1, 511);
    take(3, 511); /* partly here and partly there */
    give_back(3, 511);
    give_back(1, 510);
    give_back(509, 1);
    /* All of it but page 0. */
    take(511, 1);
    give_back(511, 1);
    take(512, 1);
    give_back(512, 1);
}

/* A device of 20 bits has the first half, whatever is free behind it. */
static void the_reach_of_a_device(void **state)
{
    ioaddr_t at;

    (void)state;
    take(253, 1);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(3), BOTH, 20, &at), kIOReturnNoSpace);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(2), BOTH, 20, &at), kIOReturnSuccess);
    assert_int_equal(at.value, ptoa(254));
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), PAGE_SIZE, BOTH, 20, &at), kIOReturnNoSpace);
    give_back(2, 254);
    give_back(253, 1);
}

/* Page 0 by its name, and more than the first table with it: given back, it is nobody's. */
static void page_0_and_many_behind_it(void **state)
{
    static const uint64_t counts[] = {1, 2, 511, 512, 513, 600};

    (void)state;
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        IOMemoryDescriptor *memory =
            dma_memory(DMA_LOW + PAGE_SIZE, ptoa(counts[i]), 0, 0, kIODirectionOutIn);
        uint64_t at, size, physical, length;

        assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress, 0, 0, &at, &size),
                         kIOReturnSuccess);
        assert_int_equal(at, 0);
        assert_true(reaches(STREAM, size - 1, DMA_LOW + PAGE_SIZE + size - 1));
        assert_int_equal(IOMapper_translate(mapper, 0, BOTH, &physical, &length), kIOReturnSuccess);
        assert_int_equal(IOMapper_translate(mapper, 1ull << 39, BOTH, &physical, &length),
                         kIOReturnNotFound);
        take(1, counts[i]);
        give_back(1, counts[i]);
        unmap(mapper, at, size);
        assert_false(sim_access(STREAM, 0, false, &physical));
        assert_false(sim_access(STREAM, size - 1, false, &physical));
        take(1, 1);
        give_back(1, 1);
        OSObject_release(memory);
    }
}

/* --- Order ---------------------------------------------------------------------------------------
 */

/* Which page is to be open; was it at a barrier, after which a device may be told of it? */
static uint64_t awaited;
static bool was_open;

static void look(enum sim_step step, uint64_t detail)
{
    uint64_t span;

    sim_see(step, detail);
    was_open = was_open || space_look(space, awaited, &span) != 0;
}

static void await(uint64_t page)
{
    awaited = page;
    was_open = false;
    sim_witness = look;
}

static void assert_open(void)
{
    sim_witness = sim_see;
    assert_true(was_open);
}

/* Whichever way they are made: entries are in memory before anybody knows their address. */
static void entries_come_before_their_addresses(void **state)
{
    static const uint64_t counts[] = {1, 3, 600};

    (void)state;
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        const uint64_t pages = counts[i], last = pages;
        IOMemoryDescriptor *memory =
            dma_memory(DMA_LOW + PAGE_SIZE, ptoa(pages), 0, 0, kIODirectionOutIn);
        struct IOMapperUse use = {0};
        uint64_t at, size;

        await(last);
        take(pages, 1);
        assert_open();
        give_back(pages, 1);
        await(last);
        at = map(mapper, memory, &size);
        assert_open();
        await(last);
        assert_int_equal(
            IOMapper_iovmInsert(mapper, BOTH, at, size - PAGE_SIZE, DMA_HIGH, PAGE_SIZE),
            kIOReturnSuccess);
        assert_open();
        unmap(mapper, at, size);
        IOMapper_collectFaults(mapper); /* of what was tried above */
        await(last);
        assert_int_equal(
            IOMapper_beginTransfer(mapper, &use, memory, 0, ptoa(pages), BOTH, &at, &size),
            kIOReturnSuccess);
        assert_open();
        assert_int_equal(IOMapper_endTransfer(mapper, &use, memory, 0, at, size), kIOReturnSuccess);
        OSObject_release(memory);
    }
}

/* --- Looking -----------------------------------------------------------------------------------
 */

static void expect(uint64_t at, uint32_t access, uint64_t physical, uint64_t length)
{
    uint64_t found = 1, run = 1;

    assert_int_equal(IOMapper_translate(mapper, at, access, &found, &run), kIOReturnSuccess);
    assert_int_equal(found, physical);
    assert_int_equal(run, length);
}

/* As far as memory goes on, it is open alike, and the same allocation's. */
static void translations_end_where_something_else_begins(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(3), DMA_HIGH, ptoa(2), kIODirectionOutIn);
    IOMemoryDescriptor *large = dma_memory(DMA_LOW, ptoa(1024), 0, 0, kIODirectionOutIn);
    uint64_t at, size, found, run;

    (void)state;
    at = map(mapper, memory, &size);
    expect(at, BOTH, DMA_LOW, ptoa(3));
    expect(at + 5, BOTH, DMA_LOW + 5, ptoa(3) - 5);
    expect(at + ptoa(3), BOTH, DMA_HIGH, ptoa(2));
    assert_int_equal(IOMapper_translate(mapper, at + size, BOTH, &found, &run), kIOReturnNotFound);
    /* A page in the midst that is for reading alone. */
    assert_int_equal(IOMapper_iovmInsert(mapper, kIODMAMapReadAccess, at, PAGE_SIZE,
                                         DMA_LOW + PAGE_SIZE, PAGE_SIZE),
                     kIOReturnSuccess);
    expect(at, BOTH, DMA_LOW, PAGE_SIZE);
    expect(at + PAGE_SIZE, kIODMAMapReadAccess, DMA_LOW + PAGE_SIZE, PAGE_SIZE);
    assert_int_equal(IOMapper_translate(mapper, at + PAGE_SIZE, BOTH, &found, &run),
                     kIOReturnNotPermitted);
    unmap(mapper, at, size);
    /* Another's memory, though it is the next in both worlds. */
    take(1, 1);
    take(2, 2);
    expect(ptoa(1), BOTH, DMA_LOW + ptoa(1), ptoa(1));
    expect(ptoa(2), BOTH, DMA_LOW + ptoa(2), ptoa(2));
    give_back(1, 1);
    give_back(2, 2);
    /* The last page of all, a block before it, and what is none. */
    assert_int_equal(
        try_map(mapper, large, kIODMAMapFixedAddress, 0, (1ull << 39) - ptoa(1024), &at, &size),
        kIOReturnSuccess);
    expect(at + 7, BOTH, DMA_LOW + 7, ptoa(1024) - 7);
    expect((1ull << 39) - 1, BOTH, DMA_LOW + ptoa(1024) - 1, 1);
    assert_int_equal(IOMapper_translate(mapper, 1ull << 39, 0, &found, &run), kIOReturnNotFound);
    assert_int_equal(IOMapper_translate(mapper, ~0ull, 0, &found, &run), kIOReturnNotFound);
    unmap(mapper, at, size);
    OSObject_release(large);
    OSObject_release(memory);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        EACH(holes_that_are_too_small),
        EACH(words_that_are_full),
        EACH(the_end_of_the_first_table),
        EACH(the_reach_of_a_device),
        EACH(page_0_and_many_behind_it),
        EACH(entries_come_before_their_addresses),
        EACH(translations_end_where_something_else_begins),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, NULL);
}
