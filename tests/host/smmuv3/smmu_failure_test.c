/* SPDX-License-Identifier: BSD-2-Clause */
/* Units that do not do what they are told, and memory that runs out. */
#include "kernel/inject.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/host/smmuv3/smmu_fixture.h"

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
    /* The quick way and the other have told it once each: what stands there then is known to all.
     */
    assert_int_equal(sim_told(COMMAND_TLBI_NH_VA), 2);
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

/* A page may not be replaced before the unit has forgotten the old one: it is not replaced. */
static void a_hung_unit_keeps_what_is_inserted_out(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(2), 0, 0, kIODirectionOutIn);
    IOMapper *mapper;
    uint64_t at, size, span;

    (void)state;
    unit = smmu_start();
    mapper = stream_mapper(unit, STREAM);
    at = map(mapper, memory, &size);
    assert_true(reaches(STREAM, at, DMA_LOW));
    traits.hung = true;
    assert_int_equal(IOMapper_iovmInsert(mapper, BOTH, at, 0, DMA_HIGH, PAGE_SIZE),
                     kIOReturnTimeout);
    assert_int_equal(space_look(&((struct smmu_domain *)mapper)->space, atop(at), &span), 0);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
    smmu_stop(unit);
}

/* Of several pages, near and far, and of a block that is to become a table: as of one page. */
static void a_hung_unit_forgets_nothing(void **state)
{
    static const uint64_t counts[] = {1, 2, 64, 600, BLOCK_PAGES};

    (void)state;
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(counts[i]), 0, 0, kIODirectionOutIn);
        uint64_t at, size, span, next;
        struct page_stats before, after;
        struct smmu_space *space;
        IOMapper *mapper;

        memset(&traits, 0, sizeof(traits));
        unit = smmu_start();
        mapper = stream_mapper(unit, STREAM);
        space = &((struct smmu_domain *)mapper)->space;
        at = map(mapper, memory, &size);
        traits.hung = true;
        assert_int_equal(smmu_unmap(mapper, ioaddr(at), size), kIOReturnTimeout);
        assert_int_equal(space_look(space, atop(at), &span), 0);
        assert_int_equal(space_look(space, atop(at + size - 1), &span), 0);
        assert_int_equal(space_count(space, atop(at)), 0);
        assert_int_equal(space_taken(space), 1 + counts[i]);
        assert_int_equal(smmu_unmap(mapper, ioaddr(at), size), kIOReturnNotFound);
        /* Its addresses are nobody's any more. */
        next = map(mapper, memory, &size);
        assert_true(next >= at + size || next + size <= at);
        OSObject_release(memory);
        /* Nor are its tables, which it may still walk. */
        page_get_stats(&before);
        OSObject_release(&mapper->super);
        page_get_stats(&after);
        assert_int_equal(after.owned[PAGE_OWNER_DRIVER], before.owned[PAGE_OWNER_DRIVER]);
        smmu_stop(unit);
    }
}

static void a_hung_unit_breaks_no_block(void **state)
{
    IOMemoryDescriptor *memory =
        dma_memory(DMA_HIGH, ptoa(2 * BLOCK_PAGES), 0, 0, kIODirectionOutIn);
    uint64_t at, size, physical, length;
    IOMapper *mapper;

    (void)state;
    memset(&traits, 0, sizeof(traits));
    traits.no_splits = true;
    unit = smmu_start();
    mapper = stream_mapper(unit, STREAM);
    at = map(mapper, memory, &size);
    traits.hung = true;
    assert_int_equal(IOMapper_iovmInsert(mapper, BOTH, at, 0, DMA_LOW, size), kIOReturnTimeout);
    /* Not replaced, in neither of the two. */
    assert_int_equal(IOMapper_translate(mapper, at, BOTH, &physical, &length), kIOReturnSuccess);
    assert_int_equal(physical, DMA_HIGH);
    assert_int_equal(length, size);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
    smmu_stop(unit);
}

/* A stream whose table's entry the unit was not seen to take in has no mapper. */
static void a_hung_unit_takes_no_stream(void **state)
{
    IOMapper *mapper;

    (void)state;
    memset(&traits, 0, sizeof(traits));
    unit = smmu_start();
    mapper = stream_mapper(unit, STREAM + 1);
    assert_non_null(mapper);
    traits.hung = true;
    IOMemory_fail(kIOReturnSuccess);
    assert_null(stream_mapper(unit, STREAM));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotResponding);
    assert_null(smmu_domain_of(unit, STREAM));
    /* The others are as they were. */
    assert_ptr_equal(smmu_domain_of(unit, STREAM + 1), mapper);
    OSObject_release(&mapper->super);
    assert_null(smmu_domain_of(unit, STREAM + 1));
    smmu_stop(unit);
}

/* --- Little room --------------------------------------------------------------------------------
 */

/* A ring of four commands: more of them wait for their turn, round and round. */
static void a_short_ring_of_commands(void **state)
{
    uint64_t at, size, physical;
    IOMapper *mapper;

    (void)state;
    traits.no_ranges = true;
    traits.flip[1] = (19u ^ 2u) << 21;
    unit = smmu_start();
    assert_non_null(unit);
    assert_int_equal(unit->commands.log2, 2);
    mapper = stream_mapper(unit, STREAM);
    for (uint64_t pages = 1; pages <= 40; pages++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(pages), 0, 0, kIODirectionOutIn);

        traits.slow = pages % 3;
        at = map(mapper, memory, &size);
        for (uint64_t i = 0; i < pages; i++) {
            assert_true(reaches(STREAM, at + ptoa(i), DMA_LOW + ptoa(i)));
        }
        sim_forget();
        unmap(mapper, at, size);
        assert_int_equal(told_count, pages + 1);
        assert_int_equal(sim_told(COMMAND_TLBI_NH_VA), pages);
        for (uint64_t i = 0; i < pages; i++) {
            assert_false(sim_access(STREAM, at + ptoa(i), false, &physical));
        }
        OSObject_release(memory);
    }
    OSObject_release(&mapper->super);
    smmu_stop(unit);
}

/* Its end is met in the midst of what one operation says. */
static void a_short_ring_that_is_not_read(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(9), 0, 0, kIODirectionOutIn);
    uint64_t at, size, again, began, said;
    IOMapper *mapper;

    (void)state;
    memset(&traits, 0, sizeof(traits));
    traits.no_ranges = true;
    traits.flip[1] = (19u ^ 2u) << 21;
    unit = smmu_start();
    mapper = stream_mapper(unit, STREAM);
    at = map(mapper, memory, &size);
    again = map(mapper, memory, &size);
    traits.hung = true;
    said = unit->counters.commands;
    began = sim_time;
    assert_int_equal(smmu_unmap(mapper, ioaddr(at), size), kIOReturnTimeout);
    assert_in_range(sim_time - began, SMMU_TIMEOUT, SMMU_TIMEOUT + SMMU_TIMEOUT / 1000);
    assert_int_equal(unit->counters.commands, said + 4); /* none is written over another */
    began = sim_time;
    assert_int_equal(smmu_unmap(mapper, ioaddr(again), size), kIOReturnTimeout);
    assert_in_range(sim_time - began, 0, SMMU_TIMEOUT / 1000);
    assert_int_equal(unit->counters.commands, said + 4);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
    smmu_stop(unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(mp_4_want_of_memory_leaves_nothing),
        STARTED(handlers_map_as_threads_do),
        IDLE(a_short_ring_of_commands),
        /* Last: these leave behind what nobody may use again. */
        cmocka_unit_test(a_hung_unit_is_not_believed),
        cmocka_unit_test(a_refused_command_is_named),
        cmocka_unit_test(a_hung_unit_keeps_what_is_inserted_out),
        cmocka_unit_test(a_hung_unit_forgets_nothing),
        cmocka_unit_test(a_hung_unit_breaks_no_block),
        cmocka_unit_test(a_hung_unit_takes_no_stream),
        cmocka_unit_test(a_short_ring_that_is_not_read),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, map_power_off);
}
