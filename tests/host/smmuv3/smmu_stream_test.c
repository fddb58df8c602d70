/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams: blocked from the start, one mapper each, and numbers that are used again. */
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_order.h"
#include "tests/host/smmuv3/sim_smmu_private.h"
#include "tests/host/smmuv3/smmu_fixture.h"

/* MP-16: nobody has asked for a mapper, and a device that starts all the same is recorded. */
static void mp_16_streams_are_blocked_from_the_start(void **state)
{
    uint64_t physical;

    (void)state;
    for (uint32_t stream = 0; stream < 0x10000; stream += 0x2101) {
        assert_false(sim_access(stream, 0x50000000, true, &physical));
    }
    assert_false(sim_access(SIM_STALE_STREAM, SIM_STALE_ADDRESS, true, &physical));
    smmu_collect(unit);
    assert_int_equal(unit->counters.events, 9);
    assert_int_equal(unit->counters.reports, 9);
    assert_int_equal(unit->counters.lost, 0);
    assert_true(sim_console_said("PCI 00:00.0 is blocked: no driver has asked"));
}

static void test_units_of_other_kinds(void **state)
{
    static const struct sim_smmu_traits kinds[] = {
        {.one_level = true, .stream_bits = 10},
        {.stream_bits = 6},
        {.stream_bits = 4},
        {.stream_bits = 20, .narrow_asid = true},
        {.no_ranges = true, .no_splits = true, .event_log2 = 3},
        {.output_code = 5, .slow = 3},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 3 * PAGE_SIZE, 0, 0, kIODirectionOutIn);
        const uint32_t most = kinds[i].stream_bits == 0 ? 16 : kinds[i].stream_bits;
        const uint32_t stream = most < 8 ? (1u << most) - 1 : 0x33;
        uint64_t address, size, physical;
        IOMapper *mapper;

        traits = kinds[i];
        unit = smmu_start();
        assert_non_null(unit);
        /* A page for what 8 bits number, two for 16. */
        assert_int_equal(unit->asids[1] == NULL, kinds[i].narrow_asid);
        mapper = stream_mapper(unit, stream);
        assert_non_null(mapper);
        address = map(mapper, memory, &size);
        assert_true(reaches(stream, address + 5, DMA_LOW + 5));
        assert_false(sim_access(stream ^ 1, address, false, &physical));
        unmap(mapper, address, size);
        assert_false(sim_access(stream, address + 5, false, &physical));
        assert_int_equal(IOMemoryLastError(), kIOReturnSuccess);
        if (kinds[i].stream_bits != 0) {
            IOMemory_fail(kIOReturnBusy);
            assert_null(
                stream_mapper(unit, 1u << (kinds[i].stream_bits < 16 ? kinds[i].stream_bits : 16)));
            assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
            IOMemory_fail(kIOReturnSuccess);
        }
        OSObject_release(&mapper->super);
        OSObject_release(memory);
        smmu_stop(unit);
    }
}

/* A unit that does not say that it is off may read on: its tables are never used again. */
static void test_silent_unit(void **state)
{
    struct page_stats before, after;

    (void)state;
    traits.silent = true;
    assert_null(smmu_start());
    /* One that has started, and does not say so any more. */
    memset(&traits, 0, sizeof(traits));
    unit = smmu_start();
    assert_non_null(unit);
    page_get_stats(&before);
    traits.silent = true;
    smmu_stop(unit);
    page_get_stats(&after);
    assert_int_equal(after.owned[PAGE_OWNER_DRIVER], before.owned[PAGE_OWNER_DRIVER]);
}

/* What the entry of a stream held whenever somebody could have looked. */
static const volatile uint64_t *watched;
static bool was_ready, was_half;

static void look(enum sim_step step, uint64_t detail)
{
    const bool valid = (watched[0] & STE_VALID) != 0, whole = watched[1] != 0;

    sim_see(step, detail);
    was_ready = was_ready || (!valid && whole);
    was_half = was_half || (valid && !(whole && was_ready));
}

/* The rest of an entry is in memory before its valid bit is, and that comes with its whole word. */
static void a_stream_becomes_valid_last(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM + 1); /* makes the table */
    uint64_t physical;

    (void)state;
    assert_non_null(mapper);
    assert_false(sim_access(STREAM, PAGE_SIZE, true, &physical));
    watched = (const uint64_t *)phys_to_virt(paddr(unit->streams[STREAM >> 6] & STREAM_L1_TABLE)) +
              (STREAM & 0x3f) * STE_WORDS;
    was_ready = was_half = false;
    OSObject_release(&mapper->super);
    sim_witness = look;
    mapper = stream_mapper(unit, STREAM);
    sim_witness = sim_see;
    assert_true(was_ready);
    assert_false(was_half);
    assert_true(sim_access(STREAM, SIM_DOORBELL, true, &physical)); /* it was told, too */
    OSObject_release(&mapper->super);
}

/* Barriers while this word was still 0. */
static const volatile uint64_t *awaited;
static unsigned barriers;

static void count_barriers(enum sim_step step, uint64_t detail)
{
    sim_see(step, detail);
    barriers += step == SIM_BARRIER && *awaited == 0;
}

/* Whoever brings the group's table sees to it that its zeros are in memory before it is found. */
static void a_table_is_blank_before_it_is_found(void **state)
{
    IOMapper *first, *second;
    unsigned of_first;

    (void)state;
    barriers = 0;
    awaited = &unit->streams[STREAM >> 6];
    sim_witness = count_barriers;
    first = stream_mapper(unit, STREAM);
    of_first = barriers;
    barriers = 0;
    awaited = (const uint64_t *)phys_to_virt(paddr(*awaited & STREAM_L1_TABLE)) +
              ((STREAM + 1) & 0x3f) * STE_WORDS + 1;
    second = stream_mapper(unit, STREAM + 1);
    sim_witness = sim_see;
    assert_int_equal(of_first, barriers + 1);
    OSObject_release(&second->super);
    OSObject_release(&first->super);
}

/* MP-12: one object for a stream, however often it is asked for, and another for another. */
static void mp_12_streams_have_one_mapper_each(void **state)
{
    IOMapper *first = stream_mapper(unit, STREAM), *again = stream_mapper(unit, STREAM);
    IOMapper *other = stream_mapper(unit, STREAM + 1), *far = stream_mapper(unit, 0xff00);

    (void)state;
    assert_non_null(first);
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other);
    assert_ptr_not_equal(other, far);
    OSObject_release(&again->super);
    OSObject_release(&other->super);
    OSObject_release(&far->super);
    OSObject_release(&first->super);
    assert_false(sim_console_said("lets go of its mapper"));
}

/* The way that drivers go: by the properties of a device. */
static void devices_name_their_streams(void **state)
{
    static const uint8_t iommus[] = {0, 0, 0, 77, 0, 0, 1, 8, 0, 0, 0, 77, 0, 0, 1, 16};
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMapper *first, *second, *direct;

    (void)state;
    assert_int_equal(IOService_setProperty(device, "iommus", iommus, sizeof(iommus)),
                     kIOReturnSuccess);
    IOMemory_fail(kIOReturnBusy);
    assert_null(IOMapper_copyMapperForDevice(device)); /* no unit has that number */
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
    smmu_stop(unit);
    sim_identity = 77;
    unit = smmu_start();
    sim_identity = 0;
    first = IOMapper_copyMapperForDevice(device);
    second = IOMapper_copyMapperForDeviceWithIndex(device, 1);
    direct = stream_mapper(unit, 0x108);
    assert_non_null(first);
    assert_ptr_equal(first, direct);
    assert_ptr_not_equal(first, second);
    assert_null(IOMapper_copyMapperForDeviceWithIndex(device, 2));
    OSObject_release(&direct->super);
    OSObject_release(&second->super);
    OSObject_release(&first->super);
    OSObject_release(device);
}

/* MP-5: the same I/O address leads each stream to its own memory. */
static void mp_5_streams_do_not_reach_each_other(void **state)
{
    IOMemoryDescriptor *one = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    IOMemoryDescriptor *two = dma_memory(DMA_HIGH, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    IOMapper *first = stream_mapper(unit, 8), *second = stream_mapper(unit, 16);
    uint64_t at, there, size, physical;

    (void)state;
    at = map(first, one, &size);
    there = map(second, two, &size);
    assert_int_equal(at, there);
    assert_true(reaches(8, at, DMA_LOW));
    assert_true(reaches(16, at, DMA_HIGH));
    unmap(first, at, size);
    assert_false(sim_access(8, at, true, &physical));
    assert_true(reaches(16, at, DMA_HIGH));
    unmap(second, there, size);
    OSObject_release(&first->super);
    assert_false(sim_access(8, at, true, &physical));
    OSObject_release(&second->super);
    OSObject_release(one);
    OSObject_release(two);
}

/*
 * A number is used again and again: what the unit knew by it must be gone (the first free ASID is
 * the one just given back). More rounds than there are numbers, so that they do come back.
 */
static void lives_of_an_asid_are_apart(void **state)
{
    IOMemoryDescriptor *old = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    IOMemoryDescriptor *fresh = dma_memory(DMA_HIGH, 2 * PAGE_SIZE, 0, 0, kIODirectionOutIn);
    uint64_t at, there, size, physical;

    (void)state;
    sim_console_set_quiet(true);
    for (unsigned round = 0; round < 300; round++) {
        IOMapper *mapper = stream_mapper(unit, STREAM);

        assert_non_null(mapper);
        assert_int_equal(((struct smmu_domain *)mapper)->asid, 1);
        at = map(mapper, old, &size);
        assert_true(reaches(STREAM, at, DMA_LOW));
        unmap(mapper, at, size);
        at = map(mapper, old, &size);
        assert_true(reaches(STREAM, at, DMA_LOW));
        OSObject_release(&mapper->super); /* with the mapping, which it says */
        assert_false(sim_access(STREAM, at, true, &physical));
        mapper = stream_mapper(unit, STREAM);
        there = 0;
        size = 0;
        assert_int_equal(IOMapper_iovmMapMemory(mapper, fresh, 0, PAGE_SIZE,
                                                BOTH | kIODMAMapFixedAddress, NULL, NULL, NULL,
                                                (there = at + PAGE_SIZE, &there), &size),
                         kIOReturnSuccess);
        assert_true(reaches(STREAM, there, DMA_HIGH));
        assert_false(sim_access(STREAM, at, true, &physical));
        unmap(mapper, there, size);
        OSObject_release(&mapper->super);
    }
    sim_console_set_quiet(false);
    assert_true(sim_console_said("lets go of its mapper with 1 pages mapped"));
    OSObject_release(old);
    OSObject_release(fresh);
}

/* When none is left the next stream is refused, and stays blocked; one given back serves. */
static void asids_run_out_and_come_back(void **state)
{
    static IOMapper *mappers[256];
    uint64_t physical;

    (void)state;
    smmu_stop(unit);
    traits.narrow_asid = true;
    unit = smmu_start();
    for (unsigned i = 1; i < 256; i++) {
        mappers[i] = stream_mapper(unit, i);
        assert_non_null(mappers[i]);
        assert_int_equal(((struct smmu_domain *)mappers[i])->asid, i);
    }
    IOMemory_fail(kIOReturnBusy);
    assert_null(stream_mapper(unit, 256));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoResources);
    assert_false(sim_access(256, PAGE_SIZE, true, &physical));
    OSObject_release(&mappers[7]->super);
    mappers[7] = stream_mapper(unit, 256);
    assert_int_equal(((struct smmu_domain *)mappers[7])->asid, 7);
    for (unsigned i = 1; i < 256; i++) {
        OSObject_release(&mappers[i]->super);
    }
}

/* N16: more lives than there are numbers of 16 bits, each with a page that the next must not reach.
 */
static void seventy_thousand_lives(void **state)
{
    uint64_t physical;

    (void)state;
    for (unsigned life = 0; life < 70000; life++) {
        IOMapper *mapper = stream_mapper(unit, STREAM);
        ioaddr_t at, there;

        assert_int_equal(((struct smmu_domain *)mapper)->asid, 1);
        assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(1 + life % 2), BOTH, 0, &at),
                         kIOReturnSuccess);
        assert_int_equal(smmu_map(mapper, paddr(DMA_HIGH), PAGE_SIZE, BOTH, 0, &there),
                         kIOReturnSuccess);
        /* Behind two pages in every second life, where the one before had its own. */
        assert_true(reaches(STREAM, at.value + ptoa(life % 2), DMA_LOW + ptoa(life % 2)));
        assert_true(reaches(STREAM, there.value, DMA_HIGH));
        assert_false(sim_access(STREAM, there.value + PAGE_SIZE, true, &physical));
        assert_int_equal(smmu_unmap(mapper, at, ptoa(1 + life % 2)), kIOReturnSuccess);
        assert_int_equal(smmu_unmap(mapper, there, PAGE_SIZE), kIOReturnSuccess);
        OSObject_release(&mapper->super);
        sim_forget();
        sim_drop_events();
    }
}

/* All numbers of 16 bits but the last: that one serves, and then none does. */
static void wide_asids_run_out(void **state)
{
    const uint64_t before = unit->asids[0][0];
    IOMapper *mapper;
    uint64_t physical;

    (void)state;
    for (unsigned i = 0; i < SMMU_ASID_MAPS; i++) {
        memset(unit->asids[i], 0xff, PAGE_SIZE);
    }
    unit->asids[1][511] = ~0ull >> 1;
    mapper = stream_mapper(unit, STREAM);
    assert_int_equal(((struct smmu_domain *)mapper)->asid, 65535);
    assert_true(sim_access(STREAM, SIM_DOORBELL, true, &physical));
    IOMemory_fail(kIOReturnBusy);
    assert_null(stream_mapper(unit, STREAM + 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoResources);
    assert_false(sim_access(STREAM + 1, SIM_DOORBELL, true, &physical));
    OSObject_release(&mapper->super);
    assert_int_equal(unit->asids[1][511], ~0ull >> 1);
    for (unsigned i = 0; i < SMMU_ASID_MAPS; i++) {
        memset(unit->asids[i], 0, PAGE_SIZE);
    }
    unit->asids[0][0] = before;
}

/* Whoever goes, the others are found as before. */
static void mappers_leave_in_any_order(void **state)
{
    (void)state;
    for (unsigned leaver = 0; leaver < 3; leaver++) {
        IOMapper *mappers[3];

        for (unsigned i = 0; i < 3; i++) {
            mappers[i] = stream_mapper(unit, 8 * i);
            assert_non_null(mappers[i]);
        }
        OSObject_release(&mappers[leaver]->super);
        for (unsigned i = 0; i < 3; i++) {
            if (i != leaver) {
                IOMapper *again = stream_mapper(unit, 8 * i);

                assert_ptr_equal(again, mappers[i]);
                OSObject_release(&again->super);
                OSObject_release(&mappers[i]->super);
            }
        }
    }
}

/* A stream is one number. */
static void devices_of_no_stream(void **state)
{
    static const UInt32 cells[2] = {8, 9};
    IOService *device = IOService_withReader("device", NULL, NULL);

    (void)state;
    for (unsigned count = 0; count <= 2; count += 2) {
        IOMemory_fail(kIOReturnSuccess);
        assert_null(smmu_unit_class.copyForDevice(&unit->super, device, cells, count));
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    }
    OSObject_release(device);
}

/*
 * N17: of memory so many pages of eight are in a row, and no more: tables are small, and aligned
 * all the same. With none beside another the streams of the upper buses have no entries.
 */
static void start_in_fragments(unsigned in_a_row, unsigned streams)
{
    static paddr_t pages[4096], blocks[4096];
    static unsigned orders[4096];
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 3 * PAGE_SIZE, 0, 0, kIODirectionOutIn);
    IODMAMapSpecification far = {.alignment = ptoa(GIANT_PAGES)};
    uint64_t address, size, physical;
    unsigned held = 0;
    IOMapper *mapper;

    for (unsigned i = 0; i < 4096; i++) {
        assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &pages[i]), KERN_SUCCESS);
    }
    /* All other memory goes; of these pages some come back. */
    for (unsigned order = PAGE_ORDER_MAX + 1; order-- > 0;) {
        while (page_alloc(order, PAGE_OWNER_IMAGE, &blocks[held]) == KERN_SUCCESS) {
            orders[held] = order;
            held++;
            assert_in_range(held, 1, 4095);
        }
    }
    for (unsigned i = 0; i < 4096; i++) {
        if ((atop(pages[i].value) & 7) < in_a_row) {
            assert_int_equal(page_free(pages[i], 0), KERN_SUCCESS);
            pages[i] = paddr(0);
        }
    }
    /* The unit of the test does not take a table that is not aligned to its size. */
    unit = smmu_start();
    assert_non_null(unit);
    assert_in_range(unit->events.order, 0, 2);
    for (uint32_t stream = 0; stream < streams; stream += 0x1111) {
        mapper = stream_mapper(unit, stream);
        assert_non_null(mapper);
        address = map_at(mapper, memory, BOTH, far, &size);
        assert_true(reaches(stream, address + 5, DMA_LOW + 5));
        assert_false(sim_access(stream ^ 1, address, false, &physical));
        unmap(mapper, address, size);
        assert_false(sim_access(stream, address + 5, false, &physical));
        OSObject_release(mapper);
    }
    if (streams < 0x10000) {
        IOMemory_fail(kIOReturnBusy);
        assert_null(stream_mapper(unit, streams));
        assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
        assert_false(sim_access(streams, PAGE_SIZE, false, &physical));
    }
    smmu_stop(unit);
    for (unsigned i = 0; i < 4096; i++) {
        if (pages[i].value != 0) {
            assert_int_equal(page_free(pages[i], 0), KERN_SUCCESS);
        }
    }
    while (held-- > 0) {
        assert_int_equal(page_free(blocks[held], orders[held]), KERN_SUCCESS);
    }
    OSObject_release(memory);
}

static void tables_out_of_fragments(void **state)
{
    (void)state;
    start_in_fragments(4, 0x10000);
    start_in_fragments(2, 0x10000);
    start_in_fragments(1, 0x8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(mp_16_streams_are_blocked_from_the_start),
        IDLE(test_units_of_other_kinds),
        IDLE(tables_out_of_fragments),
        STARTED(a_stream_becomes_valid_last),
        STARTED(a_table_is_blank_before_it_is_found),
        STARTED(mp_12_streams_have_one_mapper_each),
        STARTED(devices_name_their_streams),
        STARTED(mp_5_streams_do_not_reach_each_other),
        STARTED(lives_of_an_asid_are_apart),
        STARTED(asids_run_out_and_come_back),
        STARTED(seventy_thousand_lives),
        STARTED(wide_asids_run_out),
        STARTED(mappers_leave_in_any_order),
        STARTED(devices_of_no_stream),
        /* Last: these leave behind what nobody may use again. */
        cmocka_unit_test(test_silent_unit),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, map_power_off);
}
