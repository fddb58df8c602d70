/* SPDX-License-Identifier: BSD-2-Clause */
/* A unit and its streams: who is blocked, who gets where, and what it is told of each change. */
#include "kernel/inject.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/host/sim/sim_order.h"
#include "tests/host/smmuv3/sim_smmu.h"

#define BOTH   (kIODMAMapReadAccess | kIODMAMapWriteAccess)
#define STREAM 0x0108u /* bus 1, device 1 */

static struct smmu *unit;
static struct holdings before;

static int idle(void **state)
{
    (void)state;
    memset(&traits, 0, sizeof(traits));
    sim_console_forget();
    before = holdings_now();
    return 0;
}

static int balanced(void **state)
{
    (void)state;
    sim_in_handler = false;
    return sim_holds(&before) ? 0 : -1;
}

static int start(void **state)
{
    idle(state);
    unit = smmu_start();
    return unit != NULL ? 0 : -1;
}

static int stop(void **state)
{
    smmu_stop(unit);
    return balanced(state);
}

static uint64_t map_at(IOMapper *mapper, IOMemoryDescriptor *memory, uint32_t options,
                       IODMAMapSpecification spec, uint64_t *size)
{
    uint64_t address = 0;

    assert_int_equal(IOMapper_iovmMapMemory(mapper, memory, 0, IOMemoryDescriptor_getLength(memory),
                                            options, &spec, NULL, NULL, &address, size),
                     kIOReturnSuccess);
    return address;
}

static uint64_t map(IOMapper *mapper, IOMemoryDescriptor *memory, uint64_t *size)
{
    return map_at(mapper, memory, BOTH, (IODMAMapSpecification){0}, size);
}

static void unmap(IOMapper *mapper, uint64_t address, uint64_t size)
{
    assert_int_equal(
        IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL, address, size),
        kIOReturnSuccess);
}

static bool reaches(uint32_t stream, uint64_t address, uint64_t expected)
{
    uint64_t physical;

    if (!sim_access(stream, address, false, &physical)) {
        return false;
    }
    assert_int_equal(physical, expected);
    return true;
}

static uint64_t tables(const IOMapper *mapper)
{
    struct smmu_usage usage;

    assert_true(smmu_get_usage(mapper, &usage));
    return usage.tables;
}

/* --- Switching on, and streams ------------------------------------------------------------------
 */

/* MP-16: nobody has asked for a mapper, and a device that starts all the same is recorded. */
static void mp_16_streams_are_blocked_from_the_start(void **state)
{
    uint64_t physical;

    (void)state;
    for (uint32_t stream = 0; stream < 0x10000; stream += 0x2101) {
        assert_false(sim_access(stream, 0x50000000, true, &physical));
    }
    smmu_collect(unit);
    assert_int_equal(unit->counters.events, 8);
    assert_int_equal(unit->counters.reports, 8);
    assert_int_equal(unit->counters.lost, 0);
    assert_true(sim_console_said("PCI 00:00.0 is blocked: no driver has asked"));
}

static void test_units_of_other_kinds(void **state)
{
    static const struct sim_smmu_traits kinds[] = {
        {.one_level = true, .stream_bits = 10},
        {.stream_bits = 6},
        {.stream_bits = 20, .narrow_asid = true},
        {.no_ranges = true, .no_splits = true, .event_log2 = 3},
        {.output_code = 5, .slow = 3},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 3 * PAGE_SIZE, 0, 0, kIODirectionOutIn);
        const uint32_t stream = kinds[i].stream_bits == 6 ? 0x3f : 0x33;
        uint64_t address, size, physical;
        IOMapper *mapper;

        traits = kinds[i];
        unit = smmu_start();
        assert_non_null(unit);
        mapper = stream_mapper(unit, stream);
        assert_non_null(mapper);
        address = map(mapper, memory, &size);
        assert_true(reaches(stream, address + 5, DMA_LOW + 5));
        assert_false(sim_access(stream ^ 1, address, false, &physical));
        unmap(mapper, address, size);
        assert_false(sim_access(stream, address + 5, false, &physical));
        assert_int_equal(IOMemoryLastError(), kIOReturnSuccess);
        if (kinds[i].stream_bits != 0 && kinds[i].stream_bits < 16) {
            assert_null(stream_mapper(unit, 1u << kinds[i].stream_bits));
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
    (void)state;
    traits.silent = true;
    assert_null(smmu_start());
}

/* What the entry of a stream held whenever somebody could have looked. */
static const volatile uint64_t *watched;
static bool was_ready, was_half;

static void look(enum sim_step step, uint64_t detail)
{
    const bool valid = (watched[0] & STE_VALID) != 0, whole = watched[1] != 0;

    (void)step, (void)detail;
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
    watched = unit->tables[STREAM >> 8] + (STREAM & 0xff) * STE_WORDS;
    was_ready = was_half = false;
    OSObject_release(&mapper->super);
    sim_witness = look;
    mapper = stream_mapper(unit, STREAM);
    sim_witness = NULL;
    assert_true(was_ready);
    assert_false(was_half);
    assert_true(sim_access(STREAM, SIM_DOORBELL, true, &physical)); /* it was told, too */
    OSObject_release(&mapper->super);
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

/* --- Mapping ------------------------------------------------------------------------------------
 */

/* Pages that the unit has seen are forgotten, whatever their number, and their neighbours are not.
 */
static void unmapping_forgets_all_pages_and_no_other(void **state)
{
    static const uint64_t counts[] = {1, 2, 31, 32, 33, 63, 65, 511, 512, 513, 1025};
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *page = dma_memory(DMA_HIGH, PAGE_SIZE, 0, 0, kIODirectionOutIn);

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(counts) / sizeof(counts[0]); i++) {
        const uint64_t count = counts[i / 2], gap = ptoa(i % 2 == 0 ? 1 : 1024);
        /* Two pieces that do not meet, so that no entry is larger than a page. */
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW + PAGE_SIZE, PAGE_SIZE, DMA_LOW + gap * 4,
                                                ptoa(count - 1), kIODirectionOutIn);
        uint64_t before_it, at, behind, size, physical;
        struct smmu_command pair[2];
        bool alone;

        before_it = map(mapper, page, &size);
        at = map(mapper, memory, &size);
        assert_int_equal(size, ptoa(count));
        behind = at + size;
        assert_int_equal(map(mapper, page, &physical), behind);
        for (uint64_t p = before_it; p <= behind; p += PAGE_SIZE) {
            assert_true(sim_access(STREAM, p, true, &physical));
        }
        sim_forget();
        unmap(mapper, at, size);
        memcpy(pair, told_commands, sizeof(pair));
        alone = count == 1 || (count & (count - 1)) == 0;
        assert_int_equal(pair[0].words[0] & 0xff, COMMAND_TLBI_NH_VA);
        assert_int_equal(told_count, alone ? 2 : sim_told(COMMAND_TLBI_NH_VA) + 1);
        assert_in_range(told_count, 2, 4);
        assert_int_equal(told_commands[told_count - 1].words[0] & 0xff, COMMAND_SYNC);
        for (uint64_t p = at; p < behind; p += PAGE_SIZE) {
            assert_false(sim_access(STREAM, p, true, &physical));
        }
        assert_true(reaches(STREAM, before_it, DMA_HIGH));
        assert_true(reaches(STREAM, behind, DMA_HIGH));
        unmap(mapper, before_it, PAGE_SIZE);
        unmap(mapper, behind, PAGE_SIZE);
        OSObject_release(memory);
    }
    assert_int_equal(tables(mapper), 4); /* with the one of the interrupts' page */
    OSObject_release(page);
    OSObject_release(&mapper->super);
}

/* Mapping what was blocked needs no word to the unit. */
static void mapping_tells_nothing(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    uint64_t at, size, physical;

    (void)state;
    assert_false(sim_access(STREAM, PAGE_SIZE, true, &physical));
    sim_forget();
    at = map(mapper, memory, &size);
    assert_int_equal(at, PAGE_SIZE);
    assert_int_equal(told_count, 0);
    assert_true(reaches(STREAM, at, DMA_LOW));
    unmap(mapper, at, size);
    assert_int_equal(told_count, 2);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

static void reading_does_not_allow_writing(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOut);
    uint64_t at, size, physical, length;

    (void)state;
    at = map_at(mapper, memory, kIODMAMapReadAccess, (IODMAMapSpecification){0}, &size);
    assert_true(reaches(STREAM, at, DMA_LOW));
    assert_false(sim_access(STREAM, at, true, &physical));
    assert_int_equal(IOMapper_translate(mapper, at, kIODMAMapWriteAccess, &physical, &length),
                     kIOReturnNotPermitted);
    assert_int_equal(IOMapper_translate(mapper, at, kIODMAMapReadAccess, &physical, &length),
                     kIOReturnSuccess);
    unmap(mapper, at, size);
    assert_int_equal(IOMapper_translate(mapper, at, 0, &physical, &length), kIOReturnNotFound);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* The length that is taken covers the offset in the first page, and each byte translates. */
static void first_offsets_count(void **state)
{
    static const uint64_t cases[][2] = {{4080, 17}, {1, 4096}, {4095, 2}, {0xf00, 4352}, {0, 4096}};
    IOMapper *mapper = stream_mapper(unit, STREAM);

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint64_t offset = cases[i][0], length = cases[i][1];
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW + offset, length, 0, 0, kIODirectionOutIn);
        uint64_t at, size, physical;

        at = map(mapper, memory, &size);
        assert_int_equal(size, round_page(offset + length));
        assert_int_equal(at & PAGE_MASK, offset);
        for (uint64_t byte = 0; byte < length; byte++) {
            assert_true(reaches(STREAM, at + byte, DMA_LOW + offset + byte));
        }
        assert_false(sim_access(STREAM, trunc_page(at) + size, false, &physical));
        assert_int_equal(IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL, at,
                                                  size + PAGE_SIZE),
                         kIOReturnNotFound);
        unmap(mapper, at, size);
        assert_int_equal(
            IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL, at, size),
            kIOReturnNotFound);
        OSObject_release(memory);
    }
    OSObject_release(&mapper->super);
}

/* Pieces with holes between them: each at its own offset, in pages of its own. */
static void pieces_lie_one_after_another(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW + 0x123, 5000, DMA_HIGH + 0xfff, 8194, kIODirectionOutIn);
    uint64_t at, size, second;

    (void)state;
    at = map(mapper, memory, &size);
    assert_int_equal(size, ptoa(2 + 4));
    second = trunc_page(at) + ptoa(2) + 0xfff;
    assert_true(reaches(STREAM, at, DMA_LOW + 0x123));
    assert_true(reaches(STREAM, at + 4999, DMA_LOW + 0x123 + 4999));
    assert_true(reaches(STREAM, second, DMA_HIGH + 0xfff));
    assert_true(reaches(STREAM, second + 8193, DMA_HIGH + 0xfff + 8193));
    unmap(mapper, at, size);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

static IOReturn try_map(IOMapper *mapper, IOMemoryDescriptor *memory, uint32_t options,
                        uint8_t bits, uint64_t wanted, uint64_t *address, uint64_t *size)
{
    const IODMAMapSpecification spec = {.numAddressBits = bits};

    *address = wanted;
    return IOMapper_iovmMapMemory(mapper, memory, 0, IOMemoryDescriptor_getLength(memory),
                                  BOTH | options, &spec, NULL, NULL, address, size);
}

/* Never above what the device, or the unit, can say; the whole of the low space if need be. */
static void widths_are_kept(void **state)
{
    static const uint8_t widths[] = {13, 28, 32, 39, 48, 64, 65, 0};
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    uint64_t at, size, low, low_size;

    (void)state;
    for (unsigned i = 0; i < sizeof(widths); i++) {
        assert_int_equal(try_map(mapper, memory, 0, widths[i], 0, &at, &size), kIOReturnSuccess);
        assert_int_equal(at, PAGE_SIZE);
        unmap(mapper, at, size);
    }
    assert_int_equal(try_map(mapper, memory, 0, 12, 0, &at, &size), kIOReturnNoSpace);
    assert_int_equal(try_map(mapper, memory, 0, 11, 0, &at, &size), kIOReturnBadArgument);
    /* All that 27 bits have, up to the doorbell, and on behind it. */
    assert_int_equal(IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0,
                                            SIM_DOORBELL - PAGE_SIZE, BOTH, NULL, NULL, NULL, &low,
                                            &low_size),
                     kIOReturnSuccess);
    assert_int_equal(try_map(mapper, memory, 0, 27, 0, &at, &size), kIOReturnNoSpace);
    assert_int_equal(at | size, 0);
    assert_int_equal(try_map(mapper, memory, 0, 28, 0, &at, &size), kIOReturnSuccess);
    assert_int_equal(at, SIM_DOORBELL + PAGE_SIZE);
    unmap(mapper, at, size);
    unmap(mapper, low, low_size);
    assert_int_equal(
        try_map(mapper, memory, kIODMAMapFixedAddress, 0, (1ull << 39) - PAGE_SIZE, &at, &size),
        kIOReturnSuccess);
    assert_true(reaches(STREAM, at, DMA_HIGH));
    unmap(mapper, at, size);
    assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress, 0, 1ull << 39, &at, &size),
                     kIOReturnNoSpace);
    assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress, 0, 1ull << 48, &at, &size),
                     kIOReturnNoSpace);
    assert_int_equal(try_map(mapper, memory, kIODMAMapIdentityMap, 28, 0, &at, &size),
                     kIOReturnNoSpace);
    assert_int_equal(try_map(mapper, memory, kIODMAMapIdentityMap, 0, 0, &at, &size),
                     kIOReturnSuccess);
    assert_int_equal(at, DMA_HIGH);
    assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress, 0, DMA_HIGH, &low, &low_size),
                     kIOReturnNoSpace);
    unmap(mapper, at, size);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* Interrupts get through from the start, and nobody is given their page. */
static void doorbells_are_open_and_taken(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *one = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    IOMemoryDescriptor *two = dma_memory(DMA_LOW, 2 * PAGE_SIZE, 0, 0, kIODirectionOutIn);
    uint64_t at, size, physical;

    (void)state;
    assert_true(sim_access(STREAM, SIM_DOORBELL + 0x40, true, &physical));
    assert_int_equal(physical, SIM_DOORBELL + 0x40);
    assert_int_equal(try_map(mapper, one, kIODMAMapFixedAddress, 0, SIM_DOORBELL, &at, &size),
                     kIOReturnNoSpace);
    assert_int_equal(
        try_map(mapper, two, kIODMAMapFixedAddress, 0, SIM_DOORBELL - PAGE_SIZE, &at, &size),
        kIOReturnNoSpace);
    assert_int_equal(
        try_map(mapper, one, kIODMAMapFixedAddress, 0, SIM_DOORBELL - PAGE_SIZE, &at, &size),
        kIOReturnSuccess);
    unmap(mapper, at, size);
    assert_int_equal(
        IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL, SIM_DOORBELL, PAGE_SIZE),
        kIOReturnNotFound);
    assert_int_equal(IOMapper_iovmInsert(mapper, 0, SIM_DOORBELL, 0, DMA_LOW, PAGE_SIZE),
                     kIOReturnBadArgument);
    assert_true(sim_access(STREAM, SIM_DOORBELL + 0x40, true, &physical));
    OSObject_release(one);
    OSObject_release(two);
    OSObject_release(&mapper->super);
}

/* Parts of a mapping by blocks: not unmapped alone, but replaced alone. */
static void blocks_are_split_and_not_followed(void **state)
{
    const uint64_t mib = 1 << 20;

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 4 * mib, 0, 0, kIODirectionOutIn);
        uint64_t at, size, physical, length;
        IOMapper *mapper;

        smmu_stop(unit);
        traits.no_splits = round == 1;
        unit = smmu_start();
        mapper = stream_mapper(unit, STREAM);
        /* Words that would be valid entries, if somebody took the block for a table. */
        for (uint64_t i = 0; i < 4 * mib; i += 8) {
            *(uint64_t *)dma_bytes(DMA_HIGH + i) = 0x40000000 | ENTRY_VALID | ENTRY_TABLE;
        }
        at = map_at(mapper, memory, BOTH | kIODMAMapPhysicallyContiguous,
                    (IODMAMapSpecification){0}, &size);
        assert_int_equal(at % (2 * mib), 0);
        assert_int_equal(tables(mapper), 4); /* the two blocks took none */
        assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at + 4096, 4096),
                         kIOReturnNotFound);
        assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at, 4096),
                         kIOReturnNotFound);
        assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at, 2 * mib),
                         kIOReturnNotFound);
        for (uint64_t i = 0; i < 4 * mib; i += PAGE_SIZE) {
            assert_int_equal(IOMapper_translate(mapper, at + i, BOTH, &physical, &length),
                             kIOReturnSuccess);
            assert_int_equal(physical, DMA_HIGH + i);
            assert_int_equal(length, 4 * mib - i);
        }
        assert_true(reaches(STREAM, at + 4096, DMA_HIGH + 4096));
        assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, 4096, DMA_LOW, 4096), kIOReturnSuccess);
        assert_true(reaches(STREAM, at + 4096, DMA_LOW));
        assert_true(reaches(STREAM, at + 4095, DMA_HIGH + 4095));
        assert_true(reaches(STREAM, at + 8192, DMA_HIGH + 8192));
        assert_true(reaches(STREAM, at + 2 * mib + 4096, DMA_HIGH + 2 * mib + 4096));
        assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, 4 * mib, DMA_LOW, 4096),
                         kIOReturnBadArgument);
        unmap(mapper, at, size);
        assert_false(sim_access(STREAM, at + 4096, false, &physical));
        assert_int_equal(tables(mapper), 4);
        OSObject_release(&mapper->super);
        OSObject_release(memory);
    }
}

/* MP-6: page by page into reserved addresses. */
static void mp_6_pages_are_inserted(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    uint64_t at, size, physical;

    (void)state;
    assert_int_equal(IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0, ptoa(1024), BOTH,
                                            NULL, NULL, NULL, &at, &size),
                     kIOReturnSuccess);
    assert_false(sim_access(STREAM, at, false, &physical));
    for (uint64_t i = 0; i < 1024; i += 7) {
        assert_int_equal(
            IOMapper_iovmInsert(mapper, 0, at, ptoa(i), DMA_LOW + ptoa(i * 3 % 1024), PAGE_SIZE),
            kIOReturnSuccess);
    }
    for (uint64_t i = 0; i < 1024; i++) {
        assert_int_equal(reaches(STREAM, at + ptoa(i), DMA_LOW + ptoa(i * 3 % 1024)), i % 7 == 0);
    }
    assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, 0, DMA_HIGH, PAGE_SIZE), kIOReturnSuccess);
    assert_true(reaches(STREAM, at, DMA_HIGH));
    unmap(mapper, at, size);
    assert_false(sim_access(STREAM, at, false, &physical));
    assert_int_equal(tables(mapper), 4);
    OSObject_release(&mapper->super);
}

/* --- What goes wrong -----------------------------------------------------------------------------
 */

/* A unit that reads no commands: in bounded time, and nothing is used again. */
static void a_hung_unit_is_not_believed(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    IOMapper *mapper;
    uint64_t at, size, again, began;

    (void)state;
    unit = smmu_start();
    mapper = stream_mapper(unit, STREAM);
    at = map(mapper, memory, &size);
    traits.hung = true;
    began = sim_time;
    assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at, size), kIOReturnTimeout);
    assert_in_range(sim_time - began, SMMU_TIMEOUT, 2 * SMMU_TIMEOUT);
    assert_true(sim_console_said("has stopped reading commands"));
    assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at, size), kIOReturnNotFound);
    again = map(mapper, memory, &size);
    assert_int_not_equal(again, at);
    began = sim_time;
    assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, again, size), kIOReturnTimeout);
    assert_in_range(sim_time - began, 0, SMMU_TIMEOUT / 1000);
    OSObject_release(memory);
    /* The mapper and its tables are lost on purpose. */
    OSObject_release(&mapper->super);
    smmu_stop(unit);
}

static void a_refused_command_is_named(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    IOMapper *mapper;
    uint64_t at, size;

    (void)state;
    unit = smmu_start();
    mapper = stream_mapper(unit, STREAM);
    at = map(mapper, memory, &size);
    traits.refused = COMMAND_TLBI_NH_VA;
    assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at, size), kIOReturnTimeout);
    assert_true(sim_console_said("was refused (error 1)"));
    OSObject_release(memory);
    OSObject_release(&mapper->super);
    smmu_stop(unit);
}

/* MP-4: each request for memory of a mapping, and of a mapper, fails once. */
static void mp_4_want_of_memory_leaves_nothing(void **state)
{
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW, PAGE_SIZE, DMA_HIGH, ptoa(1025), kIODirectionOutIn);
    struct inject_report report;
    uint64_t nth = 0, failures = 0;

    (void)state;
    do {
        const IODMAMapSpecification spec = {.alignment = 1ull << 30};
        IOService *device = IOService_withReader("device", NULL, NULL);
        const uint32_t stream = STREAM;
        uint64_t at = 0, size, physical;
        IOReturn status = kIOReturnNoResources;
        IOMapper *mapper;

        assert_non_null(device);
        inject_begin(++nth);
        mapper = smmu_unit_class.copyForDevice(&unit->super, device, &stream, 1);
        if (mapper != NULL) {
            status = IOMapper_iovmMapMemory(mapper, memory, 0, IOMemoryDescriptor_getLength(memory),
                                            BOTH, &spec, NULL, NULL, &at, &size);
        }
        inject_end(&report);
        assert_int_equal(status, report.failed ? kIOReturnNoResources : kIOReturnSuccess);
        failures += report.failed ? 1 : 0;
        if (status == kIOReturnSuccess) {
            assert_true(reaches(STREAM, at, DMA_LOW));
            unmap(mapper, at, size);
        } else {
            assert_int_equal(at, 0);
        }
        if (mapper != NULL) {
            assert_int_equal(tables(mapper), 4);
            OSObject_release(&mapper->super);
        }
        assert_false(sim_access(STREAM, PAGE_SIZE, false, &physical));
        OSObject_release(device);
    } while (report.failed);
    assert_in_range(failures, 10, 100);
    OSObject_release(memory);
}

/* Drivers start transfers from there, whose memory has to be mapped; new tables too. */
static void handlers_map_as_threads_do(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    const uint64_t far = 3 * ptoa(GIANT_PAGES); /* where no table is */
    uint64_t at, size, physical, length;
    ioaddr_t lean;

    (void)state;
    sim_in_handler = true;
    assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress, 0, far, &at, &size),
                     kIOReturnSuccess);
    assert_int_equal(at, far);
    assert_int_equal(tables(mapper), 6);
    assert_true(reaches(STREAM, at, DMA_LOW));
    assert_int_equal(IOMapper_iovmInsert(mapper, BOTH, at, 0, DMA_LOW + PAGE_SIZE, PAGE_SIZE),
                     kIOReturnSuccess);
    assert_true(reaches(STREAM, at, DMA_LOW + PAGE_SIZE));
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), PAGE_SIZE, BOTH, 0, &lean), kIOReturnSuccess);
    assert_int_equal(IOMapper_translate(mapper, at, BOTH, &physical, &length), kIOReturnSuccess);
    assert_int_equal(smmu_unmap(mapper, lean, PAGE_SIZE), kIOReturnSuccess);
    unmap(mapper, at, size);
    assert_int_equal(tables(mapper), 4);
    sim_in_handler = false;
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

static void the_lean_way_is_the_same(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    uint64_t physical;
    ioaddr_t at;

    (void)state;
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(3), BOTH, 0, &at), kIOReturnSuccess);
    assert_true(reaches(STREAM, at.value + 8199, DMA_LOW + 8199));
    assert_int_equal(smmu_unmap(mapper, at, ptoa(2)), kIOReturnNotFound);
    assert_int_equal(smmu_unmap(mapper, at, ptoa(3)), kIOReturnSuccess);
    assert_false(sim_access(STREAM, at.value, false, &physical));
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW + 1), ptoa(3), BOTH, 0, &at),
                     kIOReturnNotAligned);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), 0, BOTH, 0, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(1), 0, 0, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(1), BOTH, 12, &at), kIOReturnNoSpace);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW), ptoa(1), BOTH, 5, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, paddr(1ull << 44), ptoa(1), BOTH, 0, &at),
                     kIOReturnMessageTooLarge);
    assert_int_equal(smmu_map(&unit->super, paddr(DMA_LOW), ptoa(1), BOTH, 0, &at),
                     kIOReturnBadArgument);
    OSObject_release(&mapper->super);
}

/* N17: of memory four pages in a row are the most: tables are small, and aligned all the same. */
static void tables_out_of_fragments(void **state)
{
    static paddr_t pages[4096], blocks[4096];
    static unsigned orders[4096];
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 3 * PAGE_SIZE, 0, 0, kIODirectionOutIn);
    IODMAMapSpecification far = {.alignment = ptoa(GIANT_PAGES)};
    uint64_t address, size, physical;
    unsigned held = 0;
    IOMapper *mapper;

    (void)state;
    for (unsigned i = 0; i < 4096; i++) {
        assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &pages[i]), KERN_SUCCESS);
    }
    /* All other memory goes; of these pages four of eight come back. */
    for (unsigned order = PAGE_ORDER_MAX + 1; order-- > 0;) {
        while (page_alloc(order, PAGE_OWNER_IMAGE, &blocks[held]) == KERN_SUCCESS) {
            orders[held] = order;
            held++;
            assert_in_range(held, 1, 4095);
        }
    }
    for (unsigned i = 0; i < 4096; i++) {
        if ((atop(pages[i].value) & 7) < 4) {
            assert_int_equal(page_free(pages[i], 0), KERN_SUCCESS);
            pages[i] = paddr(0);
        }
    }
    /* The unit of the test does not take a table that is not aligned to its size. */
    unit = smmu_start();
    assert_non_null(unit);
    assert_in_range(unit->events.order, 0, 2);
    for (uint32_t stream = 0; stream < 0x10000; stream += 0x1111) {
        mapper = stream_mapper(unit, stream);
        assert_non_null(mapper);
        address = map_at(mapper, memory, BOTH, far, &size);
        assert_true(reaches(stream, address + 5, DMA_LOW + 5));
        assert_false(sim_access(stream ^ 1, address, false, &physical));
        unmap(mapper, address, size);
        assert_false(sim_access(stream, address + 5, false, &physical));
        OSObject_release(mapper);
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

int main(void)
{
#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define IDLE(test)    cmocka_unit_test_setup_teardown(test, idle, balanced)
    const struct CMUnitTest tests[] = {
        STARTED(mp_16_streams_are_blocked_from_the_start),
        IDLE(test_units_of_other_kinds),
        IDLE(tables_out_of_fragments),
        STARTED(a_stream_becomes_valid_last),
        STARTED(mp_12_streams_have_one_mapper_each),
        STARTED(devices_name_their_streams),
        STARTED(mp_5_streams_do_not_reach_each_other),
        STARTED(lives_of_an_asid_are_apart),
        STARTED(asids_run_out_and_come_back),
        STARTED(unmapping_forgets_all_pages_and_no_other),
        STARTED(mapping_tells_nothing),
        STARTED(reading_does_not_allow_writing),
        STARTED(first_offsets_count),
        STARTED(pieces_lie_one_after_another),
        STARTED(widths_are_kept),
        STARTED(doorbells_are_open_and_taken),
        STARTED(blocks_are_split_and_not_followed),
        STARTED(mp_6_pages_are_inserted),
        STARTED(mp_4_want_of_memory_leaves_nothing),
        STARTED(handlers_map_as_threads_do),
        STARTED(the_lean_way_is_the_same),
        /* Last: these leave behind what nobody may use again. */
        cmocka_unit_test(test_silent_unit),
        cmocka_unit_test(a_hung_unit_is_not_believed),
        cmocka_unit_test(a_refused_command_is_named),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, map_power_off);
}
