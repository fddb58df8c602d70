/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is refused: units that lack what is needed, requests that make no sense or that nothing is
 * left for, lists of pages that name too few; and events and errors of every kind, told by name.
 */
#include "kernel/inject.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/host/smmuv3/sim_smmu_private.h"
#include "tests/host/smmuv3/smmu_fixture.h"

/* --- Units --------------------------------------------------------------------------------------
 */

static void units_that_lack_something(void **state)
{
    static const struct {
        unsigned which;
        uint32_t bits;
        const char *name;
    } rows[] = {
        {0, IDR0_STAGE1, "a first stage with AArch64's tables"},
        {0, 2u << 2, "a first stage with AArch64's tables"},
        {0, IDR0_COHERENT, "coherent reads of its tables"},
        {0, 3u << 24, "a way not to stall"},
        {3, IDR5_GRANULE_4K, "pages of 4 KiB"},
        {1, 1u << 29, "tables and queues in memory of ours"},
        {1, 1u << 30, "tables and queues in memory of ours"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&traits, 0, sizeof(traits));
        traits.flip[rows[i].which] = rows[i].bits;
        sim_console_forget();
        assert_null(smmu_start());
        assert_true(sim_console_said("smmuv3: the unit at 0x9050000 lacks "));
        assert_true(sim_console_said(rows[i].name));
    }
}

/* Sizes of addresses that it puts out, those to come among them: 48 bits are what tables have. */
static void sizes_of_output(void **state)
{
    static const unsigned bits[] = {36, 40, 42, 44, 48, 48, 48};

    (void)state;
    for (unsigned code = 1; code <= 7; code++) {
        traits.output_code = code;
        unit = smmu_start();
        assert_non_null(unit);
        assert_true(unit->output_end == 1ull << bits[code - 1]);
        assert_int_equal(unit->output_code, code < 5 ? code : 5);
        smmu_stop(unit);
    }
}

/* Off, interrupts, commands, events, on: whichever it does not acknowledge, it does not start. */
static void controls_that_are_not_acknowledged(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 5; nth++) {
        struct holdings held = holdings_now();
        uint64_t began;

        memset(&traits, 0, sizeof(traits));
        traits.deaf = nth;
        began = sim_time;
        assert_null(smmu_start());
        /* A second, and what the others take that it acknowledges at once: 1 ms of this unit. */
        assert_in_range(sim_time - began, SMMU_TIMEOUT, SMMU_TIMEOUT + nth * 1000000 + 500000);
        assert_int_equal(sim.controls, nth + 1); /* and off again */
        assert_true(sim_holds(&held));
    }
    memset(&traits, 0, sizeof(traits));
    traits.deaf = 6;
    unit = smmu_start();
    assert_non_null(unit);
    traits.deaf = 0;
    smmu_stop(unit);
    /* One that reads no commands does not start either. */
    traits.hung = true;
    assert_null(smmu_start());
}

/* --- Requests -----------------------------------------------------------------------------------
 */

static void lean_requests_that_make_no_sense(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    const paddr_t page = paddr(DMA_LOW), end = paddr(1ull << 44);
    ioaddr_t at = ioaddr(0);

    (void)state;
    assert_int_equal(smmu_map(NULL, page, PAGE_SIZE, BOTH, 0, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(&unit->super, page, PAGE_SIZE, BOTH, 0, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, page, PAGE_SIZE, BOTH, 0, NULL), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, page, 0, BOTH, 0, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, page, PAGE_SIZE, 0, 0, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, page, PAGE_SIZE, BOTH | 4, 0, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, page, PAGE_SIZE, BOTH + 1, 64, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, page, PAGE_SIZE, BOTH, 11, &at), kIOReturnBadArgument);
    assert_int_equal(smmu_map(mapper, page, PAGE_SIZE, BOTH, 12, &at), kIOReturnNoSpace);
    assert_int_equal(smmu_map(mapper, paddr(DMA_LOW + 8), PAGE_SIZE, BOTH, 0, &at),
                     kIOReturnNotAligned);
    assert_int_equal(smmu_map(mapper, page, PAGE_SIZE + 1, BOTH, 0, &at), kIOReturnNotAligned);
    assert_int_equal(smmu_map(mapper, end, PAGE_SIZE, BOTH, 0, &at), kIOReturnMessageTooLarge);
    assert_int_equal(smmu_map(mapper, paddr(end.value - PAGE_SIZE), ptoa(2), BOTH, 0, &at),
                     kIOReturnMessageTooLarge);
    assert_int_equal(at.value, 0);
    assert_int_equal(smmu_map(mapper, paddr(end.value - PAGE_SIZE), PAGE_SIZE, BOTH, 13, &at),
                     kIOReturnSuccess);
    assert_int_equal(at.value, PAGE_SIZE);
    assert_int_equal(smmu_map(mapper, page, PAGE_SIZE, BOTH, 13, &at), kIOReturnNoSpace);
    assert_int_equal(smmu_unmap(NULL, at, PAGE_SIZE), kIOReturnBadArgument);
    assert_int_equal(smmu_unmap(&unit->super, at, PAGE_SIZE), kIOReturnBadArgument);
    assert_int_equal(smmu_unmap(mapper, at, 0), kIOReturnNotFound);
    assert_int_equal(smmu_unmap(mapper, at, 100), kIOReturnNotFound);
    assert_int_equal(smmu_unmap(mapper, at, PAGE_SIZE + 100), kIOReturnNotFound);
    assert_int_equal(smmu_unmap(mapper, at, ptoa(2)), kIOReturnNotFound);
    assert_int_equal(smmu_unmap(mapper, ioaddr(0), PAGE_SIZE), kIOReturnNotFound);
    assert_int_equal(smmu_unmap(mapper, ioaddr(ptoa(SPACE_PAGES)), PAGE_SIZE), kIOReturnNotFound);
    assert_int_equal(smmu_unmap(mapper, ioaddr(ptoa(SPACE_PAGES) + at.value), PAGE_SIZE),
                     kIOReturnNotFound);
    assert_int_equal(smmu_unmap(mapper, ioaddr(~0ull << PAGE_SHIFT), PAGE_SIZE), kIOReturnNotFound);
    assert_int_equal(smmu_unmap(mapper, at, PAGE_SIZE), kIOReturnSuccess);
    assert_false(smmu_get_usage(mapper, NULL));
    assert_false(smmu_get_usage(&unit->super, &(struct smmu_usage){0}));
    assert_false(smmu_get_usage(NULL, &(struct smmu_usage){0}));
    OSObject_release(mapper);
}

/* Where no tables are left for all of it, by the lean way too: nothing of it stays. */
static void runs_without_tables(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    struct smmu_space *const space = &((struct smmu_domain *)mapper)->space;
    const uint64_t taken = space_taken(space), pages = 3 * BLOCK_PAGES;
    ioaddr_t at = ioaddr(7);

    (void)state;
    for (unsigned more = 0; more < 3; more++) {
        space->tables_max = space->tables + more;
        /* No entry is larger than a page, as the run begins in the midst of a block. */
        assert_int_equal(
            smmu_map(mapper, paddr(DMA_LOW + PAGE_SIZE * 2), ptoa(pages), BOTH, 0, &at),
            kIOReturnNoResources);
        assert_int_equal(space_taken(space), taken);
        assert_int_equal(space->tables, 4);
        assert_int_equal(at.value, 7);
    }
    space->tables_max = SPACE_TABLES_MAX;
    OSObject_release(mapper);
}

static void reservations(void **state)
{
    const uint64_t sizes[] = {1, ptoa(3), ptoa(511), ptoa(600), ptoa(3 * BLOCK_PAGES)};
    IOMapper *mapper = stream_mapper(unit, STREAM);
    uint64_t at, size, physical, length;

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        at = 0;
        assert_int_equal(IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0, sizes[i], 0,
                                                NULL, NULL, NULL, &at, &size),
                         kIOReturnSuccess);
        assert_int_equal(size, round_page(sizes[i]));
        assert_int_equal(at & PAGE_MASK, 0);
        assert_int_equal(IOMapper_translate(mapper, at, 0, &physical, &length), kIOReturnNotFound);
        assert_false(sim_access(STREAM, at + size - 1, false, &physical));
        /* Behind its end, nothing is inserted; at its end, a page is. */
        assert_int_equal(IOMapper_iovmInsert(mapper, BOTH, at, size, DMA_LOW, PAGE_SIZE),
                         kIOReturnBadArgument);
        assert_int_equal(
            IOMapper_iovmInsert(mapper, BOTH, at, size - PAGE_SIZE, 1ull << 44, PAGE_SIZE),
            kIOReturnMessageTooLarge);
        assert_int_equal(IOMapper_iovmInsert(mapper, BOTH, at, size - PAGE_SIZE,
                                             (1ull << 44) - PAGE_SIZE, ptoa(2)),
                         kIOReturnMessageTooLarge);
        assert_int_equal(IOMapper_iovmInsert(mapper, BOTH, at, size - PAGE_SIZE,
                                             (1ull << 44) - PAGE_SIZE, PAGE_SIZE),
                         kIOReturnSuccess);
        assert_int_equal(IOMapper_translate(mapper, at + size - 1, BOTH, &physical, &length),
                         kIOReturnSuccess);
        assert_int_equal(physical, (1ull << 44) - 1);
        assert_int_equal(IOMapper_iovmInsert(mapper, 0, at, size - PAGE_SIZE, DMA_LOW, PAGE_SIZE),
                         kIOReturnSuccess);
        assert_true(reaches(STREAM, at + size - 1, DMA_LOW + PAGE_MASK));
        unmap(mapper, at, size);
    }
    assert_int_equal(IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0, ~0ull, 0, NULL,
                                            NULL, NULL, &at, &size),
                     kIOReturnNoSpace);
    assert_int_equal(IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0,
                                            ptoa(SPACE_PAGES), 0, NULL, NULL, NULL, &at, &size),
                     kIOReturnNoSpace);
    OSObject_release(mapper);
}

static void addresses_by_name(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 0x123, ptoa(2), 0, 0, kIODirectionOutIn);
    const uint32_t fixed = BOTH | kIODMAMapFixedAddress;
    IODMAMapSpecification spec = {.alignment = 0x10000};
    uint64_t at, size;

    (void)state;
    /* Another offset in its page; both wishes that differ; and not as aligned as was asked. */
    assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress, 0, 0x10124, &at, &size),
                     kIOReturnNotAligned);
    assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress | kIODMAMapIdentityMap, 0,
                             0x10123, &at, &size),
                     kIOReturnNotAligned);
    at = 0x11123;
    assert_int_equal(
        IOMapper_iovmMapMemory(mapper, memory, 0, 100, fixed, &spec, NULL, NULL, &at, &size),
        kIOReturnNotAligned);
    assert_int_equal(
        try_map(mapper, memory, kIODMAMapFixedAddress, 0, 1ull << 39 | 0x123, &at, &size),
        kIOReturnNoSpace);
    assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress, 0,
                             (1ull << 39) - PAGE_SIZE + 0x123, &at, &size),
                     kIOReturnNoSpace);
    at = 0x10123;
    assert_int_equal(
        IOMapper_iovmMapMemory(mapper, memory, 0, 100, fixed, &spec, NULL, NULL, &at, &size),
        kIOReturnSuccess);
    assert_true(reaches(STREAM, 0x10123, DMA_LOW + 0x123));
    unmap(mapper, at, size);
    assert_int_equal(try_map(mapper, memory, kIODMAMapIdentityMap, 0, 0, &at, &size),
                     kIOReturnSuccess);
    assert_int_equal(at, DMA_LOW + 0x123);
    unmap(mapper, at, size);
    assert_int_equal(try_map(mapper, memory, kIODMAMapFixedAddress | kIODMAMapIdentityMap, 0,
                             DMA_LOW + 0x123, &at, &size),
                     kIOReturnSuccess);
    unmap(mapper, at, size);
    OSObject_release(memory);
    OSObject_release(mapper);
}

/* --- Lists of pages -----------------------------------------------------------------------------
 */

#define LISTED 1200u
static upl_page_info_t pages[LISTED];

static IOReturn map_list(IOMapper *mapper, IOMemoryDescriptor *memory, uint64_t length,
                         unsigned offset, unsigned count, uint64_t *at, uint64_t *size)
{
    const IODMAMapPageList list = {.pageOffset = offset, .pageListCount = count, .pageList = pages};

    *at = 0;
    return IOMapper_iovmMapMemory(mapper, memory, 0, length, BOTH, NULL, NULL, &list, at, size);
}

static void lists_of_pages(void **state)
{
    static const unsigned counts[] = {1, 2, 100, 511, 512, LISTED};
    IOMapper *mapper = stream_mapper(unit, STREAM);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(LISTED), 0, 0, kIODirectionOutIn);
    uint64_t at, size, physical;

    (void)state;
    for (unsigned i = 0; i < LISTED; i++) {
        pages[i].phys_addr = (ppnum_t)(atop(DMA_LOW) + (i * 7) % LISTED);
    }
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        const uint64_t length = ptoa(counts[i]) - 5;

        assert_int_equal(map_list(mapper, memory, length, 5, counts[i], &at, &size),
                         kIOReturnSuccess);
        assert_int_equal(size, ptoa(counts[i]));
        assert_int_equal(at & PAGE_MASK, 5);
        for (unsigned page = 0; page < counts[i]; page++) {
            assert_true(reaches(STREAM, trunc_page(at) + ptoa(page) + 8,
                                ptoa((uint64_t)pages[page].phys_addr) + 8));
        }
        assert_false(sim_access(STREAM, trunc_page(at) + size, false, &physical));
        unmap(mapper, at, size);
        assert_int_equal(map_list(mapper, memory, length + 1, 5, counts[i], &at, &size),
                         kIOReturnBadArgument);
    }
    assert_int_equal(map_list(mapper, memory, 10, PAGE_SIZE, 2, &at, &size), kIOReturnBadArgument);
    /* An empty one is none: the memory is walked. */
    assert_int_equal(map_list(mapper, memory, PAGE_SIZE, 5, 0, &at, &size), kIOReturnSuccess);
    assert_int_equal(at & PAGE_MASK, 0);
    unmap(mapper, at, size);
    /* A unit of fewer bits, which does not reach the last that is named. */
    unit->output_end = DMA_LOW + ptoa(LISTED);
    assert_int_equal(map_list(mapper, memory, ptoa(100), 0, 100, &at, &size), kIOReturnSuccess);
    unmap(mapper, at, size);
    pages[99].phys_addr = (ppnum_t)(atop(DMA_LOW) + LISTED);
    assert_int_equal(map_list(mapper, memory, ptoa(100), 0, 100, &at, &size),
                     kIOReturnMessageTooLarge);
    assert_int_equal(map_list(mapper, memory, ptoa(99), 0, 99, &at, &size), kIOReturnSuccess);
    unmap(mapper, at, size);
    OSObject_release(memory);
    OSObject_release(mapper);
}

static void lists_without_tables(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    struct smmu_space *const space = &((struct smmu_domain *)mapper)->space;
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(LISTED), 0, 0, kIODirectionOutIn);
    const uint64_t taken = space_taken(space);
    uint64_t at, size;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        space->tables_max = space->tables + more;
        assert_int_equal(map_list(mapper, memory, ptoa(LISTED), 0, LISTED, &at, &size),
                         kIOReturnNoResources);
        assert_int_equal(space_taken(space), taken);
        assert_int_equal(space->tables, 4);
    }
    /* Far away, where of two tables one is to be had: it goes again. */
    for (unsigned more = 0; more < 2; more++) {
        const IODMAMapPageList list = {.pageListCount = 1, .pageList = pages};
        const IODMAMapSpecification far = {.alignment = ptoa(GIANT_PAGES)};

        space->tables_max = space->tables + more;
        assert_int_equal(IOMapper_iovmMapMemory(mapper, memory, 0, PAGE_SIZE, BOTH, &far, NULL,
                                                &list, &at, &size),
                         kIOReturnNoResources);
        assert_int_equal(space_taken(space), taken);
        assert_int_equal(space->tables, 4);
    }
    space->tables_max = SPACE_TABLES_MAX;
    OSObject_release(memory);
    OSObject_release(mapper);
}

/* --- Blocks -------------------------------------------------------------------------------------
 */

/* A page of a block of 1 GiB, and no table for it: the block is whole. */
static void blocks_without_tables(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);
    struct smmu_space *const space = &((struct smmu_domain *)mapper)->space;
    const IODMAMapSpecification spec = {.alignment = ptoa(GIANT_PAGES)};
    uint64_t at = 0, size, physical, length;

    (void)state;
    assert_int_equal(IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0,
                                            ptoa(GIANT_PAGES), 0, &spec, NULL, NULL, &at, &size),
                     kIOReturnSuccess);
    for (unsigned more = 0; more < 2; more++) {
        space->tables_max = space->tables + (more == 0 ? 0 : 1);
        assert_int_equal(IOMapper_iovmInsert(mapper, BOTH, at, ptoa(5), DMA_LOW, PAGE_SIZE),
                         kIOReturnNoResources);
        assert_int_equal(IOMapper_translate(mapper, at + ptoa(5), 0, &physical, &length),
                         kIOReturnNotFound);
    }
    space->tables_max = SPACE_TABLES_MAX;
    assert_int_equal(IOMapper_iovmInsert(mapper, BOTH, at, ptoa(5), DMA_LOW, PAGE_SIZE),
                     kIOReturnSuccess);
    assert_true(reaches(STREAM, at + ptoa(5), DMA_LOW));
    unmap(mapper, at, size);
    OSObject_release(mapper);
}

/* --- Events -------------------------------------------------------------------------------------
 */

static void every_kind_has_a_name(void **state)
{
    static const struct {
        unsigned type;
        const char *said;
    } rows[] = {
        {0x02, "PCI 01:01.0 is blocked: no driver has asked for its memory (event 0x2)"},
        {0x04, "PCI 01:01.0 is blocked: no driver has asked for its memory (event 0x4)"},
        {0x0a, "PCI 01:01.0 is blocked: no driver has asked for its memory (event 0xa)"},
        {0x0b, "a write to 0x77000 is blocked: a table cannot be read (event 0xb, 1 accesses)"},
        {0x10, "a write to 0x77000 is blocked: nothing is mapped there (event 0x10, 1 accesses)"},
        {0x11, "a write to 0x77000 is blocked: its entry is no good (event 0x11, 1 accesses)"},
        {0x12, "a write to 0x77000 is blocked: its entry is no good (event 0x12, 1 accesses)"},
        {0x13, "a write to 0x77000 is blocked: it is mapped for reading only (event 0x13, 1"},
    };
    IOMapper *mapper = stream_mapper(unit, STREAM);

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sim_console_forget();
        sim_put_event(rows[i].type, STREAM, 0x77000, true);
        IOMapper_collectFaults(mapper);
        assert_true(sim_console_said(rows[i].said));
        IOMapper_forgetFaults(mapper);
    }
    OSObject_release(mapper);
}

static struct {
    unsigned calls;
    IOMapperFault last;
} heard;

static void hear(void *context, IOMapper *from, const IOMapperFault *fault)
{
    (void)context, (void)from;
    heard.calls++;
    heard.last = *fault;
}

/* The architected sign of a full queue, and errors that are of no command and no event. */
static void errors_and_overflow(void **state)
{
    IOMapper *mapper = stream_mapper(unit, STREAM);

    (void)state;
    IOMapper_setFaultHandler(mapper, hear, NULL);
    memset(&heard, 0, sizeof(heard));
    sim_put_event(EVENT_TRANSLATION, STREAM, 0x77000, false);
    sim.event_prod |= EVENTQ_OVERFLOW;
    IOMapper_collectFaults(mapper);
    assert_int_equal(heard.calls, 2);
    assert_int_equal(heard.last.reason, kIOReturnOverrun);
    assert_int_equal(unit->counters.lost, 1);
    assert_int_equal(unit->overflow, EVENTQ_OVERFLOW);
    IOMapper_collectFaults(mapper);
    assert_int_equal(heard.calls, 2);
    for (unsigned bit = 2; bit < 9; bit++) {
        sim.gerror ^= 1u << bit;
        sim_console_forget();
        IOMapper_collectFaults(mapper);
        assert_int_equal(sim.gerrorn, sim.gerror);
        assert_int_equal(sim_console_said("smmuv3: the unit at 0x9050000 reports error 0x"),
                         bit != 2);
        assert_int_equal(unit->counters.lost, 2);
    }
    /* One that is reserved is not answered, and is nothing. */
    sim.gerror ^= 1u << 1;
    sim_console_forget();
    IOMapper_collectFaults(mapper);
    assert_false(sim_console_said("smmuv3"));
    sim.gerror ^= 1u << 1;
    OSObject_release(mapper);
}

/* Those of others that have been told make room, one after another, for one that has not. */
static void told_reports_make_room(void **state)
{
    IOMapper *first = stream_mapper(unit, STREAM), *second = stream_mapper(unit, STREAM + 8);

    (void)state;
    for (unsigned i = 0; i < SMMU_REPORT_MAX; i++) {
        sim_put_event(EVENT_TRANSLATION, STREAM, ptoa(100 + i), true);
    }
    IOMapper_collectFaults(first);
    assert_int_equal(unit->counters.reports, SMMU_REPORT_MAX);
    IOMapper_setFaultHandler(second, hear, NULL);
    for (unsigned i = 0; i < SMMU_REPORT_MAX; i++) {
        memset(&heard, 0, sizeof(heard));
        sim_put_event(EVENT_PERMISSION, STREAM + 8, ptoa(200 + i), true);
        IOMapper_collectFaults(second);
        assert_int_equal(heard.calls, 1);
        assert_int_equal(heard.last.reason, kIOReturnNotPermitted);
        assert_int_equal(heard.last.address, ptoa(200 + i));
    }
    assert_int_equal(unit->untold, 0);
    assert_int_equal(unit->report_count, SMMU_REPORT_MAX);
    assert_int_equal(unit->counters.lost, 0);
    /* None of the first's is left; its next takes the place of one of the second's. */
    for (unsigned i = 0; i < SMMU_REPORT_MAX; i++) {
        assert_int_equal(unit->reports[i].stream, STREAM + 8);
    }
    IOMapper_forgetFaults(second);
    assert_int_equal(unit->report_count, 0);
    /* The first that is another's, wherever it stands, and all behind it move up. */
    for (unsigned i = 0; i < SMMU_REPORT_MAX; i++) {
        sim_put_event(EVENT_TRANSLATION, i < 5 ? STREAM + 8 : STREAM, ptoa(300 + i), true);
    }
    IOMapper_collectFaults(first);
    sim_put_event(EVENT_TRANSLATION, STREAM + 8, ptoa(400), true);
    IOMapper_collectFaults(second);
    assert_int_equal(unit->report_count, SMMU_REPORT_MAX);
    for (unsigned i = 0; i < SMMU_REPORT_MAX; i++) {
        const bool is_last = i == SMMU_REPORT_MAX - 1;

        assert_int_equal(unit->reports[i].stream, i < 5 || is_last ? STREAM + 8 : STREAM);
        assert_int_equal(unit->reports[i].first, ptoa(is_last ? 400 : i < 5 ? 300 + i : 301 + i));
    }
    IOMapper_forgetFaults(first);
    IOMapper_forgetFaults(second);
    OSObject_release(second);
    OSObject_release(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IDLE(units_that_lack_something),
        IDLE(sizes_of_output),
        IDLE(controls_that_are_not_acknowledged),
        STARTED(lean_requests_that_make_no_sense),
        STARTED(runs_without_tables),
        STARTED(reservations),
        STARTED(addresses_by_name),
        STARTED(lists_of_pages),
        STARTED(lists_without_tables),
        STARTED(blocks_without_tables),
        STARTED(every_kind_has_a_name),
        STARTED(errors_and_overflow),
        STARTED(told_reports_make_room),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, NULL);
}
