/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks, and allocations that are changed page by page. */
#include "tests/host/smmuv3/smmu_fixture.h"

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
        sim_forget();
        assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, 4096, DMA_LOW, 4096), kIOReturnSuccess);
        /* Of the page; and of the block before it becomes a table, where that is no single step. */
        assert_int_equal(sim_told(COMMAND_SYNC), 1 + round);
        assert_int_equal(told_commands[0].words[1] >> PAGE_SHIFT, atop(at) + (round == 0 ? 1 : 0));
        assert_true(reaches(STREAM, at + 4096, DMA_LOW));
        assert_true(reaches(STREAM, at + 4095, DMA_HIGH + 4095));
        assert_true(reaches(STREAM, at + 8192, DMA_HIGH + 8192));
        assert_true(reaches(STREAM, at + 2 * mib + 4096, DMA_HIGH + 2 * mib + 4096));
        assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, 4 * mib, DMA_LOW, 4096),
                         kIOReturnBadArgument);
        /* At its end: the block behind it stays one. */
        assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, 2 * mib - 4096, DMA_LOW, 4096),
                         kIOReturnSuccess);
        assert_int_equal(tables(mapper), 5);
        assert_true(reaches(STREAM, at + 2 * mib - 4096, DMA_LOW));
        assert_true(reaches(STREAM, at + 2 * mib, DMA_HIGH + 2 * mib));
        /* From within the one to the beginning of the other, which both become tables. */
        assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, 2 * mib - ptoa(5), DMA_LOW, ptoa(6)),
                         kIOReturnSuccess);
        assert_int_equal(tables(mapper), 6);
        assert_true(reaches(STREAM, at + 2 * mib, DMA_LOW + ptoa(5)));
        assert_true(reaches(STREAM, at + 2 * mib + 4096, DMA_HIGH + 2 * mib + 4096));
        unmap(mapper, at, size);
        assert_false(sim_access(STREAM, at + 4096, false, &physical));
        assert_int_equal(tables(mapper), 4);
        assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at, size),
                         kIOReturnNotFound);
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
    /* Of what was mapped nowhere nothing is to be forgotten, whatever its neighbours are. */
    sim_forget();
    assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, ptoa(5), DMA_HIGH, ptoa(2)),
                     kIOReturnSuccess);
    assert_int_equal(told_count, 0);
    /* Of several, of which the first alone was mapped, what the unit knows is forgotten. */
    assert_true(reaches(STREAM, at, DMA_HIGH));
    assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, 0, DMA_LOW, ptoa(2)), kIOReturnSuccess);
    assert_true(reaches(STREAM, at, DMA_LOW));
    assert_true(reaches(STREAM, at + PAGE_SIZE, DMA_LOW + PAGE_SIZE));
    /* Many, which have their entries in two tables. */
    assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, ptoa(500), DMA_HIGH, ptoa(40)),
                     kIOReturnSuccess);
    for (uint64_t i = 500; i < 540; i++) {
        assert_true(reaches(STREAM, at + ptoa(i), DMA_HIGH + ptoa(i - 500)));
    }
    unmap(mapper, at, size);
    assert_false(sim_access(STREAM, at, false, &physical));
    assert_int_equal(tables(mapper), 4);
    OSObject_release(&mapper->super);
}

/*
 * N14, of one entry for 1 GiB: parts of it are not unmapped alone, but replaced alone, and the
 * data around them is where it was. (Nobody looks at the memory: none is there.)
 */
static void an_entry_of_a_gib_is_split(void **state)
{
    const uint64_t gib = 1ull << 30, mib = 1 << 20, base = 4 * gib;
    const IODMAMapSpecification spec = {.alignment = gib};

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withPhysicalAddress(base, gib, kIODirectionOutIn);
        uint64_t at, size, physical, length;
        IOMapper *mapper;

        assert_non_null(memory);
        smmu_stop(unit);
        traits.no_splits = round == 1;
        unit = smmu_start();
        mapper = stream_mapper(unit, STREAM);
        at = map_at(mapper, memory, BOTH | kIODMAMapPhysicallyContiguous, spec, &size);
        assert_int_equal(at % gib, 0);
        assert_int_equal(tables(mapper), 4); /* it took none */
        for (uint64_t bytes = PAGE_SIZE; bytes < gib; bytes *= 512) {
            assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at, bytes),
                             kIOReturnNotFound);
            assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at + bytes, bytes),
                             kIOReturnNotFound);
        }
        for (uint64_t i = 0; i < gib; i += mib + PAGE_SIZE) {
            assert_int_equal(IOMapper_translate(mapper, at + i, BOTH, &physical, &length),
                             kIOReturnSuccess);
            assert_int_equal(physical, base + i);
            assert_int_equal(length, gib - i);
            assert_true(reaches(STREAM, at + i, base + i));
        }
        assert_int_equal(
            IOMapper_iovmInsert(mapper, 0, at, 7 * mib + PAGE_SIZE, DMA_LOW, PAGE_SIZE),
            kIOReturnSuccess);
        assert_int_equal(tables(mapper), 6);
        for (uint64_t i = 0; i < gib; i += mib + PAGE_SIZE) {
            assert_true(reaches(STREAM, at + i, base + i));
        }
        for (uint64_t i = 6 * mib; i < 10 * mib; i += PAGE_SIZE) {
            assert_true(
                reaches(STREAM, at + i, i == 7 * mib + PAGE_SIZE ? (uint64_t)DMA_LOW : base + i));
        }
        unmap(mapper, at, size);
        for (uint64_t i = 0; i < gib; i += 16 * mib + PAGE_SIZE) {
            assert_false(sim_access(STREAM, at + i, false, &physical));
        }
        assert_int_equal(tables(mapper), 4);
        assert_int_equal(IOMapper_iovmUnmapMemory(mapper, memory, NULL, at, size),
                         kIOReturnNotFound);
        OSObject_release(&mapper->super);
        OSObject_release(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(blocks_are_split_and_not_followed),
        STARTED(mp_6_pages_are_inserted),
        STARTED(an_entry_of_a_gib_is_split),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, map_power_off);
}
