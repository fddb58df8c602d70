/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping and unmapping: where memory lies for a device, and what the unit is told of it. */
#include "kernel/inject.h"
#include "tests/host/smmuv3/smmu_fixture.h"

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

/* A part of a run: as much as was asked for, and nothing of the rest. */
static void parts_end_where_they_were_asked_to(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW, ptoa(16), DMA_HIGH, ptoa(16), kIODirectionOutIn);
    uint64_t at = 0, size, physical;

    (void)state;
    for (uint64_t offset = 0; offset < ptoa(24); offset += ptoa(5)) {
        assert_int_equal(IOMapper_iovmMapMemory(mapper, memory, offset, ptoa(3), BOTH, NULL, NULL,
                                                NULL, &at, &size),
                         kIOReturnSuccess);
        assert_int_equal(size, ptoa(3));
        for (uint64_t i = 0; i < ptoa(3); i += PAGE_SIZE) {
            const uint64_t byte = offset + i;

            assert_true(reaches(STREAM, at + i,
                                byte < ptoa(16) ? DMA_LOW + byte : DMA_HIGH + byte - ptoa(16)));
        }
        assert_false(sim_access(STREAM, at + size, false, &physical));
        unmap(mapper, at, size);
    }
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* Page 0, which nobody is given: at a fixed address it can be had, and then it is nobody's again.
 */
static void page_0_is_given_by_its_name_alone(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    uint64_t at, size, second;

    (void)state;
    assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress, 0, 0, &at, &size),
                     kIOReturnSuccess);
    assert_int_equal(at, 0);
    assert_true(reaches(STREAM, 0, DMA_LOW));
    /* The first address that there is not is none of its names. */
    assert_int_equal(smmu_unmap(mapper, ioaddr(ptoa(SPACE_PAGES)), size), kIOReturnNotFound);
    unmap(mapper, 0, size);
    at = map(mapper, memory, &size);
    second = map(mapper, memory, &size);
    assert_int_equal(at, PAGE_SIZE);
    assert_int_equal(second, 2 * PAGE_SIZE);
    /* The lowest of what was given back is the next. */
    unmap(mapper, second, size);
    unmap(mapper, at, size);
    assert_int_equal(map(mapper, memory, &size), PAGE_SIZE);
    unmap(mapper, PAGE_SIZE, size);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* Kinds of memory, by the attributes that the context names them with. */
static void kinds_of_memory(void **state)
{
    static const struct {
        uint32_t options, wishes;
        uint8_t attributes;
    } rows[] = {{0, 0, 0xff},
                {0, kIOMapperTransient, 0xff},
                {0, kIOMapperUncached, 0x44},
                {kIODMAMapDeviceMemory, 0, 0x04},
                {kIODMAMapDeviceMemory, kIOMapperUncached, 0x04}};
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const IODMAMapSpecification spec = {.options = rows[i].wishes};
        uint64_t size, at = map_at(mapper, memory, BOTH | rows[i].options, spec, &size);

        assert_int_equal(sim_attributes(STREAM, at), rows[i].attributes);
        unmap(mapper, at, size);
    }
    assert_int_equal(sim_attributes(STREAM, SIM_DOORBELL), 0x04);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* A unit that takes no ranges: a command a page, up to so many; beyond, one for all. */
static void without_ranges_many_pages_are_one_command(void **state)
{
    (void)state;
    smmu_stop(unit);
    traits.no_ranges = true;
    unit = smmu_start();
    for (uint64_t pages = 63; pages <= 66; pages++) {
        IOMapper *mapper = stream_mapper(unit, STREAM);
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW + PAGE_SIZE, PAGE_SIZE, DMA_HIGH,
                                                ptoa(pages - 1), kIODirectionOutIn);
        uint64_t size, at = map(mapper, memory, &size), physical;

        for (uint64_t i = 0; i < pages; i++) {
            assert_true(sim_access(STREAM, at + ptoa(i), true, &physical));
        }
        sim_forget();
        unmap(mapper, at, size);
        assert_int_equal(sim_told(COMMAND_TLBI_NH_VA), pages <= 64 ? pages : 0);
        assert_int_equal(sim_told(COMMAND_TLBI_NH_ASID), pages <= 64 ? 0 : 1);
        for (uint64_t i = 0; i < pages; i++) {
            assert_false(sim_access(STREAM, at + ptoa(i), true, &physical));
        }
        OSObject_release(memory);
        OSObject_release(&mapper->super);
    }
}

/* A block is one entry, and so one command, wherever in it the page is. */
static void without_ranges_a_block_is_one_command(void **state)
{
    const uint64_t bytes = ptoa(3 * BLOCK_PAGES);
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withPhysicalAddress(0x80000000, bytes, kIODirectionOutIn);
    uint64_t at = 0x40000000, size, physical;
    IOMapper *mapper;

    (void)state;
    smmu_stop(unit);
    traits.no_ranges = true;
    unit = smmu_start();
    mapper = stream_mapper(unit, STREAM);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMapper_iovmMapMemory(mapper, memory, 0, bytes, BOTH | kIODMAMapFixedAddress,
                                            NULL, NULL, NULL, &at, &size),
                     kIOReturnSuccess);
    for (uint64_t i = 0; i < bytes; i += ptoa(BLOCK_PAGES / 2)) {
        assert_true(sim_access(STREAM, at + i, true, &physical));
        assert_int_equal(physical, 0x80000000 + i);
    }
    sim_forget();
    unmap(mapper, at, size);
    assert_int_equal(sim_told(COMMAND_TLBI_NH_VA), 3);
    assert_int_equal(sim_told(COMMAND_TLBI_NH_ASID), 0);
    for (uint64_t i = 0; i < bytes; i += ptoa(BLOCK_PAGES / 2)) {
        assert_false(sim_access(STREAM, at + i, true, &physical));
    }
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* Memory that is one run comes to lie in its blocks as it does in RAM, and takes no tables. */
static void a_run_lies_in_its_block_as_in_memory(void **state)
{
    static const uint64_t offsets[] = {1, 2, 3, 6, 64, 510};
    IOMapper *mapper = stream_mapper(unit, STREAM);

    (void)state;
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        const uint64_t at = 0x80000000 + ptoa(offsets[i]);
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withPhysicalAddress(at, ptoa(3 * BLOCK_PAGES), kIODirectionOutIn);
        uint64_t address, size;

        address = map(mapper, memory, &size);
        assert_int_equal(address % ptoa(BLOCK_PAGES), at % ptoa(BLOCK_PAGES));
        /* It begins in the table of the first pages, and its end has one. */
        assert_int_equal(tables(mapper), 5);
        unmap(mapper, address, size);
        OSObject_release(memory);
    }
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
    assert_int_equal(smmu_unmap(&unit->super, at, ptoa(1)), kIOReturnBadArgument);
    assert_int_equal(smmu_unmap(NULL, at, ptoa(1)), kIOReturnBadArgument);
    OSObject_release(&mapper->super);
}

/* Far from the first table: each page of tables is missing once. */
static void the_lean_way_without_tables(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    struct inject_report report;
    uint64_t nth = 0;

    (void)state;
    do {
        IOReturn status;
        ioaddr_t at;

        inject_begin(++nth);
        status = smmu_map(mapper, paddr(DMA_LOW), ptoa(1025), BOTH, 0, &at);
        inject_end(&report);
        assert_int_equal(status, report.failed ? kIOReturnNoResources : kIOReturnSuccess);
        if (status == kIOReturnSuccess) {
            assert_true(reaches(STREAM, at.value + ptoa(1024), DMA_LOW + ptoa(1024)));
            assert_int_equal(smmu_unmap(mapper, at, ptoa(1025)), kIOReturnSuccess);
        }
        assert_int_equal(tables(mapper), 4);
    } while (report.failed);
    assert_true(nth > 3);
    OSObject_release(&mapper->super);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(unmapping_forgets_all_pages_and_no_other),
        STARTED(mapping_tells_nothing),
        STARTED(reading_does_not_allow_writing),
        STARTED(first_offsets_count),
        STARTED(pieces_lie_one_after_another),
        STARTED(widths_are_kept),
        STARTED(doorbells_are_open_and_taken),
        STARTED(parts_end_where_they_were_asked_to),
        STARTED(page_0_is_given_by_its_name_alone),
        STARTED(kinds_of_memory),
        STARTED(without_ranges_many_pages_are_one_command),
        STARTED(without_ranges_a_block_is_one_command),
        STARTED(a_run_lies_in_its_block_as_in_memory),
        STARTED(the_lean_way_is_the_same),
        STARTED(the_lean_way_without_tables),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, map_power_off);
}
