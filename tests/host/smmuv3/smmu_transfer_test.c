/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that is one run, by the quick way of transfers: as by the other way, with less to do. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "kernel/direct_map.h"
#include "tests/host/smmuv3/smmu_fixture.h"

#define FAR 0x12345000ull /* never mapped */

static IOMapper *mapper;

static int start(void **state)
{
    const int status = unit_start(state);

    mapper = status == 0 ? stream_mapper(unit, STREAM) : NULL;
    return mapper != NULL ? 0 : -1;
}

static int stop(void **state)
{
    OSObject_release(&mapper->super);
    return unit_stop(state);
}

static IOReturn begin(struct IOMapperUse *use, IOMemoryDescriptor *memory, uint64_t offset,
                      uint64_t length, uint32_t access, uint64_t *at, uint64_t *size)
{
    return IOMapper_beginTransfer(mapper, use, memory, offset, length, access, at, size);
}

static void end(struct IOMapperUse *use, IOMemoryDescriptor *memory, uint64_t at, uint64_t size,
                IOReturn expected)
{
    uint64_t physical;

    assert_int_equal(IOMapper_endTransfer(mapper, use, memory, 0, at, size), expected);
    assert_false(sim_access(STREAM, at, false, &physical));
    assert_false(sim_access(STREAM, trunc_page(at) + size - 1, false, &physical));
    IOMapper_collectFaults(mapper);
    IOMapper_forgetFaults(mapper);
}

/* Every offset and length: whole pages, the bytes in their place, and nothing behind them. */
static void bytes_lie_as_in_memory(void **state)
{
    static const uint64_t cases[][2] = {
        {0, 4096},       {0, 1},          {4095, 1},       {4095, 2},
        {1, 4096},       {0xf00, 4352},   {0, 8192},       {123, 65536},
        {0, 64 * 4096},  {1, 65 * 4096},  {0, 510 * 4096}, {0, 511 * 4096},
        {1, 511 * 4096}, {0, 512 * 4096}, {0, 513 * 4096}, {123, 1100 * 4096},
    };
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 8ull << 20, 0, 0, kIODirectionOutIn);
    const uint64_t before = tables(mapper);

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint64_t offset = cases[i][0] + PAGE_SIZE, length = cases[i][1];
        struct IOMapperUse use = {0};
        uint64_t at = 1, size = 1, physical;

        assert_int_equal(begin(&use, memory, offset, length, BOTH, &at, &size), kIOReturnSuccess);
        assert_int_equal(size, round_page(cases[i][0] + length));
        assert_int_equal(at & PAGE_MASK, cases[i][0]);
        assert_int_equal(use.address, trunc_page(at));
        assert_int_equal(use.length, size);
        assert_true(use.isRunning);
        for (uint64_t byte = 0; byte < length; byte += byte + 4097 < length ? 4096 : 1) {
            assert_true(reaches(STREAM, at + byte, DMA_LOW + offset + byte));
        }
        assert_false(sim_access(STREAM, trunc_page(at) + size, false, &physical));
        IOMapper_collectFaults(mapper);
        IOMapper_forgetFaults(mapper);
        use.hasFault = false;
        end(&use, memory, at, size, kIOReturnSuccess);
    }
    assert_int_equal(tables(mapper), before);
    OSObject_release(memory);
}

/* Two at once have addresses of their own, also where the near ones are all taken. */
static void many_at_once(void **state)
{
    enum {
        MANY = 600
    };
    static struct IOMapperUse uses[MANY];
    static uint64_t at[MANY], size[MANY];
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(MANY + 1), 0, 0, kIODirectionOutIn);

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(begin(&uses[i], memory, ptoa(i) + 7, i % 3 == 0 ? PAGE_SIZE : 100, BOTH,
                               &at[i], &size[i]),
                         kIOReturnSuccess);
        assert_int_equal(size[i], i % 3 == 0 ? ptoa(2) : PAGE_SIZE);
    }
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(reaches(STREAM, at[i], DMA_LOW + ptoa(i) + 7));
    }
    for (unsigned i = 0; i < MANY; i += 2) {
        uses[i].hasFault = false; /* by what was tried of those before it */
        end(&uses[i], memory, at[i], size[i], kIOReturnSuccess);
    }
    for (unsigned i = 1; i < MANY; i += 2) {
        assert_true(reaches(STREAM, at[i], DMA_LOW + ptoa(i) + 7));
        uses[i].hasFault = false;
        end(&uses[i], memory, at[i], size[i], kIOReturnSuccess);
    }
    OSObject_release(memory);
}

static void access_is_as_asked(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    struct IOMapperUse use;
    uint64_t at, size, physical;

    (void)state;
    assert_int_equal(begin(&use, memory, 0, 512, kIODMAMapReadAccess, &at, &size),
                     kIOReturnSuccess);
    assert_true(reaches(STREAM, at, DMA_LOW));
    assert_false(sim_access(STREAM, at, true, &physical));
    /* It was blocked, and that is collected at the end though nobody has asked before. */
    end(&use, memory, at, size, kIOReturnDMAError);
    assert_int_equal(begin(&use, memory, 0, 512, kIODMAMapWriteAccess, &at, &size),
                     kIOReturnSuccess);
    assert_true(sim_access(STREAM, at, true, &physical));
    assert_int_equal(physical, DMA_LOW);
    end(&use, memory, at, size, kIOReturnSuccess);
    assert_int_equal(begin(&use, memory, 0, 512, 0, &at, &size), kIOReturnBadArgument);
    assert_int_equal(begin(&use, memory, 0, 512, 0x10 | BOTH, &at, &size), kIOReturnSuccess);
    end(&use, memory, at, size, kIOReturnSuccess);
    assert_int_equal(begin(&use, memory, 0, 512, 0x400 | BOTH, &at, &size), kIOReturnBadArgument);
    assert_null(mapper->uses);
    OSObject_release(memory);
}

/* Faults of the time before are nobody's, those of others are not this transfer's. */
static void faults_are_of_who_runs(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(2), 0, 0, kIODirectionOutIn);
    struct IOMapperUse first, second;
    uint64_t at[2], size[2], physical;

    (void)state;
    assert_int_equal(begin(&first, memory, 0, 512, BOTH, &at[0], &size[0]), kIOReturnSuccess);
    assert_int_equal(begin(&second, memory, PAGE_SIZE, 512, kIODMAMapReadAccess, &at[1], &size[1]),
                     kIOReturnSuccess);
    assert_false(sim_access(STREAM, at[1], true, &physical));
    end(&first, memory, at[0], size[0], kIOReturnSuccess);
    end(&second, memory, at[1], size[1], kIOReturnDMAError);
    assert_int_equal(begin(&first, memory, 0, 512, BOTH, &at[0], &size[0]), kIOReturnSuccess);
    assert_false(sim_access(STREAM, FAR, true, &physical));
    end(&first, memory, at[0], size[0], kIOReturnDMAError);
    assert_int_equal(begin(&first, memory, 0, 512, BOTH, &at[0], &size[0]), kIOReturnSuccess);
    end(&first, memory, at[0], size[0], kIOReturnSuccess);
    OSObject_release(memory);
}

/* What no device may reach, or is not there, is refused by the same codes as the other way. */
static void what_may_not_be_mapped(void **state)
{
    static const struct {
        IOOptionBits options;
        IOReturn expected;
    } cases[] = {
        {kIODirectionOutIn | kIOMemoryRemote, kIOReturnNotAttached},
        {kIODirectionOutIn | kIOMemoryHostOnly, kIOReturnNotPermitted},
        {kIODirectionOutIn | kIOMemoryHostOnly | kIOMemoryRemote, kIOReturnNotAttached},
    };
    IOAddressRange range = {DMA_LOW, 2 * 4096};
    struct IOMapperUse use;
    IOMemoryDescriptor *memory;
    uint64_t at, size;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memory = IOMemoryDescriptor_withAddressRanges(&range, 1, cases[i].options, TASK_NULL);
        assert_non_null(memory);
        assert_int_equal(begin(&use, memory, 0, 512, BOTH, &at, &size), cases[i].expected);
        assert_int_equal(at | size, 0);
        assert_int_equal(
            IOMapper_iovmMapMemory(mapper, memory, 0, 512, BOTH, NULL, NULL, NULL, &at, &size),
            cases[i].expected);
        OSObject_release(memory);
    }
    memory = dma_memory(DMA_LOW, ptoa(2), 0, 0, kIODirectionOutIn);
    assert_int_equal(begin(&use, memory, 0, 0, BOTH, &at, &size), kIOReturnBadArgument);
    assert_int_equal(begin(&use, memory, 0, ptoa(2) + 1, BOTH, &at, &size), kIOReturnBadArgument);
    assert_int_equal(begin(&use, memory, ptoa(2), 1, BOTH, &at, &size), kIOReturnBadArgument);
    assert_int_equal(begin(&use, memory, 1, ~0ull, BOTH, &at, &size), kIOReturnBadArgument);
    OSObject_release(memory);
    /* Not prepared: its pages could be exchanged. */
    memory = (IOMemoryDescriptor *)IOBufferMemoryDescriptor_inTaskWithOptions(
        kernel_task, kIODirectionOutIn | kIOMemoryPageable, PAGE_SIZE, PAGE_SIZE);
    assert_non_null(memory);
    assert_int_equal(begin(&use, memory, 0, 512, BOTH, &at, &size), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(begin(&use, memory, 0, 512, BOTH, &at, &size), kIOReturnSuccess);
    end(&use, memory, at, size, kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(begin(&use, memory, 0, 512, BOTH, &at, &size), kIOReturnNotReady);
    OSObject_release(memory);
    assert_null(mapper->uses);
}

/* Memory above what the unit's tables can name. */
static void memory_that_the_unit_does_not_reach(void **state)
{
    IOMemoryDescriptor *high = dma_memory(DMA_HIGH, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    struct IOMapperUse use;
    uint64_t at, size;

    (void)state;
    assert_int_equal(begin(&use, high, 0, 512, BOTH, &at, &size), kIOReturnMessageTooLarge);
    assert_int_equal(at | size, 0);
    OSObject_release(high);
}

static int start_narrow(void **state)
{
    unit_idle(state);
    unit = smmu_start();
    mapper = unit != NULL ? stream_mapper(unit, STREAM) : NULL;
    if (mapper != NULL) {
        unit->output_end = DMA_HIGH;
    }
    return mapper != NULL ? 0 : -1;
}

/* The end of what it reaches belongs to it. */
static void the_last_page_that_the_unit_reaches(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, ptoa(4), 0, 0, kIODirectionOutIn);
    struct IOMapperUse use;
    uint64_t at, size;

    (void)state;
    unit->output_end = DMA_LOW + ptoa(2);
    assert_int_equal(begin(&use, memory, PAGE_SIZE, PAGE_SIZE, BOTH, &at, &size), kIOReturnSuccess);
    end(&use, memory, at, size, kIOReturnSuccess);
    assert_int_equal(begin(&use, memory, PAGE_SIZE, PAGE_SIZE + 1, BOTH, &at, &size),
                     kIOReturnMessageTooLarge);
    assert_int_equal(begin(&use, memory, ptoa(2), 1, BOTH, &at, &size), kIOReturnMessageTooLarge);
    OSObject_release(memory);
}

/* A unit that does not answer: the code says so, and the address is nobody's any more. */
static void a_unit_that_does_not_forget(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    struct IOMapperUse use, other;
    uint64_t at, size, next;

    assert_int_equal(start(state), 0);
    assert_int_equal(begin(&use, memory, 0, 512, BOTH, &at, &size), kIOReturnSuccess);
    traits.hung = true;
    assert_int_equal(IOMapper_endTransfer(mapper, &use, memory, 0, at, size), kIOReturnTimeout);
    assert_int_equal(begin(&other, memory, 0, 512, BOTH, &next, &size), kIOReturnSuccess);
    assert_int_not_equal(next, at);
    IOMapper_removeUse(&other);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
    smmu_stop(unit);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        EACH(bytes_lie_as_in_memory),
        EACH(many_at_once),
        EACH(access_is_as_asked),
        EACH(faults_are_of_who_runs),
        EACH(what_may_not_be_mapped),
        EACH(the_last_page_that_the_unit_reaches),
        cmocka_unit_test_setup_teardown(memory_that_the_unit_does_not_reach, start_narrow, stop),
        /* The last one: what it leaves behind is there for good. */
        cmocka_unit_test(a_unit_that_does_not_forget),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, NULL);
}
