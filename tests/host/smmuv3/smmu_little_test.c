/* SPDX-License-Identifier: BSD-2-Clause */
/* Units of a machine that has little memory, or has none left. */
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/smmuv3/smmu_fixture.h"

#define BLOCKS 4096

static paddr_t blocks[BLOCKS];
static unsigned orders[BLOCKS];

/* With 64 MiB. */
static int power_on(void **state)
{
    const int status = map_power_on(state);
    unsigned count = 0;

    mmu_map_device(paddr(SIM_SMMU), SMMU_REGISTERS_SIZE);
    /* What is free is full of what somebody has left there. */
    for (unsigned order = PAGE_ORDER_MAX + 1; order-- > 0;) {
        while (count < BLOCKS &&
               page_alloc(order, PAGE_OWNER_IMAGE, &blocks[count]) == KERN_SUCCESS) {
            memset(phys_to_virt(blocks[count]), 0xff, PAGE_SIZE << order);
            orders[count++] = order;
        }
    }
    while (count > 0) {
        count--;
        page_free(blocks[count], orders[count]);
    }
    return status;
}

/* A 32nd of memory is for events, or what the unit takes. */
static void events_have_their_share(void **state)
{
    static const unsigned offered[] = {19, 17, 16, 15, 9, 7, 3};

    (void)state;
    for (unsigned i = 0; i < sizeof(offered) / sizeof(offered[0]); i++) {
        traits.event_log2 = offered[i];
        unit = smmu_start();
        assert_non_null(unit);
        assert_int_equal(unit->events.log2, offered[i] < 16 ? offered[i] : 16);
        smmu_stop(unit);
    }
}

/* Whatever their memory held: all streams are blocked, and all addresses, and nothing is told. */
static void tables_are_empty_at_first(void **state)
{
    (void)state;
    for (unsigned one_level = 0; one_level < 2; one_level++) {
        IOMapper *mapper;
        uint64_t physical;

        traits.one_level = one_level == 1;
        traits.stream_bits = one_level == 1 ? 12 : 0;
        traits.event_log2 = 10;
        unit = smmu_start();
        assert_non_null(unit);
        IOMapper_collectFaults(&unit->super);
        assert_int_equal(unit->counters.events + unit->counters.lost, 0);
        for (uint32_t stream = 0; stream < 0x10000; stream += 0x421) {
            assert_false(sim_access(stream, PAGE_SIZE, true, &physical));
            sim_drop_events();
        }
        mapper = stream_mapper(unit, 0x108);
        assert_non_null(mapper);
        for (uint64_t at = 0; at < 1ull << 39; at += 12345 * PAGE_SIZE) {
            assert_false(sim_access(0x108, at, true, &physical));
            sim_drop_events();
        }
        OSObject_release(mapper);
        smmu_stop(unit);
    }
}

/* Of memory so many pages are left, no two in a row: one for each of its tables is enough. */
static void units_with_few_pages(void **state)
{
    enum {
        UNITS = 8,
        PAGES = 4 * UNITS
    };
    struct smmu *units[UNITS];
    IOService *device = IOService_withReader("smmu", NULL, NULL);
    unsigned held = 0, left = 0, next = 0;
    uint64_t total;

    (void)state;
    sim_smmu_plug();
    for (unsigned i = 0; i < UNITS; i++) {
        units[i] = (struct smmu *)OSMetaClass_allocate(&smmu_unit_class.meta);
        assert_non_null(units[i]);
        units[i]->address = paddr(SIM_SMMU);
        units[i]->registers = mmu_map_device(paddr(SIM_SMMU), SMMU_REGISTERS_SIZE);
    }
    for (; held < PAGES; held++) {
        orders[held] = 0;
        assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &blocks[held]), KERN_SUCCESS);
    }
    for (unsigned order = PAGE_ORDER_MAX + 1; order-- > 0;) {
        while (held < BLOCKS &&
               page_alloc(order, PAGE_OWNER_IMAGE, &blocks[held]) == KERN_SUCCESS) {
            orders[held++] = order;
        }
    }
    while (left < UNITS && !IOMapper_start(&units[left]->super, device)) {
        assert_true(sim_console_said("smmuv3: no memory for the tables of the unit at 0x9050000"));
        sim_console_forget();
        smmu_take_down(units[left]);
        units[left]->registers = NULL; /* once: its end would give the tables back again */
        assert_int_equal(page_count_free(&total), left);
        while (atop(blocks[next].value) % 2 != 0) {
            next++;
        }
        assert_in_range(next, 0, PAGES - 1);
        assert_int_equal(page_free(blocks[next], 0), KERN_SUCCESS);
        blocks[next++] = paddr(PAGE_SIZE); /* odd, and gone */
        left++;
    }
    /* Streams, two of ASIDs, commands, events. */
    assert_int_equal(left, 5);
    assert_int_equal(page_count_free(&total), 0);
    /* The buses below 128 alone, and as many events as a page has. */
    assert_int_equal(units[left]->stream_bits, 15);
    assert_int_equal(units[left]->commands.log2, 8);
    assert_int_equal(units[left]->events.log2, 7);
    for (unsigned i = 0; i < UNITS; i++) {
        OSObject_release(&units[i]->super);
    }
    OSObject_release(device);
    sim_smmu_unplug();
    while (held > 0) {
        held--;
        if (blocks[held].value != PAGE_SIZE) {
            assert_int_equal(page_free(blocks[held], orders[held]), KERN_SUCCESS);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IDLE(events_have_their_share),
        IDLE(tables_are_empty_at_first),
        IDLE(units_with_few_pages),
    };

    return cmocka_run_group_tests(tests, power_on, map_power_off);
}
