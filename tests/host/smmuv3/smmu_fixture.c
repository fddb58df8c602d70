/* SPDX-License-Identifier: BSD-2-Clause */
/* A unit for each test, and one stream's mapper as tests use it. */
#include "tests/host/smmuv3/smmu_fixture.h"

#include "tests/host/sim/sim_console.h"

struct smmu *unit;
static struct holdings before;

/* Whoever maps may hold any mutex: a unit's locks and its streams' stand behind them all. */
static struct mutex outer = LOCK_INITIAL("who maps", LOCK_RANK_MAPPING);

int unit_idle(void **state)
{
    (void)state;
    memset(&traits, 0, sizeof(traits));
    sim_console_forget();
    before = holdings_now();
    return 0;
}

int unit_balanced(void **state)
{
    (void)state;
    sim_in_handler = false;
    return sim_holds(&before) ? 0 : -1;
}

int unit_start(void **state)
{
    unit_idle(state);
    unit = smmu_start();
    return unit != NULL ? 0 : -1;
}

int unit_stop(void **state)
{
    smmu_stop(unit);
    return unit_balanced(state);
}

uint64_t map_at(IOMapper *mapper, IOMemoryDescriptor *memory, uint32_t options,
                IODMAMapSpecification spec, uint64_t *size)
{
    uint64_t address = 0;

    mutex_take(&outer);
    assert_int_equal(IOMapper_iovmMapMemory(mapper, memory, 0, IOMemoryDescriptor_getLength(memory),
                                            options, &spec, NULL, NULL, &address, size),
                     kIOReturnSuccess);
    mutex_release(&outer);
    return address;
}

uint64_t map(IOMapper *mapper, IOMemoryDescriptor *memory, uint64_t *size)
{
    return map_at(mapper, memory, BOTH, (IODMAMapSpecification){0}, size);
}

IOReturn try_map(IOMapper *mapper, IOMemoryDescriptor *memory, uint32_t options, uint8_t bits,
                 uint64_t wanted, uint64_t *address, uint64_t *size)
{
    const IODMAMapSpecification spec = {.numAddressBits = bits};

    *address = wanted;
    return IOMapper_iovmMapMemory(mapper, memory, 0, IOMemoryDescriptor_getLength(memory),
                                  BOTH | options, &spec, NULL, NULL, address, size);
}

void unmap(IOMapper *mapper, uint64_t address, uint64_t size)
{
    mutex_take(&outer);
    assert_int_equal(
        IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL, address, size),
        kIOReturnSuccess);
    mutex_release(&outer);
}

bool reaches(uint32_t stream, uint64_t address, uint64_t expected)
{
    uint64_t physical;

    if (!sim_access(stream, address, false, &physical)) {
        return false;
    }
    assert_int_equal(physical, expected);
    return true;
}

uint64_t tables(const IOMapper *mapper)
{
    struct smmu_usage usage;

    assert_true(smmu_get_usage(mapper, &usage));
    return usage.tables;
}
