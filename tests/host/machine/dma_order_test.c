/* SPDX-License-Identifier: BSD-2-Clause */
/* Barriers and maintenance of a command's preparation: what memory holds at each of them. */
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/sim/sim_order.h"
#include "tests/lib/holdings.h"

#define LENGTH 200

static const IODMACommand_SegmentOptions bits31 = {.fStructSize = 40, .fNumAddressBits = 31};

static enum sim_step steps[32];
static unsigned step_count;
static uint8_t home_at[32];   /* the byte at home at each step */
static uint8_t island_at[32]; /* where a cache is maintained: the byte there */

static void look(enum sim_step step, uint64_t detail)
{
    if (step != SIM_BARRIER && step != SIM_CLEAN && step != SIM_CLEAN_INVALIDATE) {
        return;
    }
    assert_in_range(step_count, 0, 31);
    steps[step_count] = step;
    home_at[step_count] = dma_bytes(DMA_HIGH)[0];
    island_at[step_count] = step == SIM_BARRIER ? 0 : *(const uint8_t *)detail;
    step_count++;
}

static void watch(void)
{
    step_count = 0;
    sim_witness = look;
}

static unsigned last(enum sim_step step)
{
    unsigned found = 32;

    for (unsigned i = 0; i < step_count; i++) {
        found = steps[i] == step ? i : found;
    }
    assert_int_not_equal(found, 32);
    return found;
}

static IODMACommand *command_over(IOMemoryDescriptor *memory, uint32_t mapping)
{
    dma_fill(DMA_HIGH, LENGTH, 2);
    return dma_command(&bits31, mapping, memory);
}

/* All that the CPU stored, before whatever tells the device. */
static void prepare_ends_in_a_barrier(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, LENGTH, 0, 0, kIODirectionOutIn);
        IODMACommand *command = command_over(memory, i == 0 ? kMapped : kNonCoherent);

        (void)state;
        watch();
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        sim_witness = NULL;
        assert_int_equal(last(SIM_BARRIER), step_count - 1);
        if (i == 1) { /* lines are cleaned with what was copied there */
            assert_int_equal(island_at[last(SIM_CLEAN)], pattern(0, 2));
        }
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        OSObject_release(command);
        OSObject_release(memory);
    }
}

/* And all that the device stored, before the CPU reads any of it, stale lines included. */
static void complete_begins_with_one(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, LENGTH, 0, 0, kIODirectionIn);
        IODMACommand *command = command_over(memory, i == 0 ? kMapped : kNonCoherent);

        (void)state;
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        dma_device_writes(command, 0, 0x77);
        watch();
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        sim_witness = NULL;
        assert_int_equal(steps[0], SIM_BARRIER);
        assert_int_equal(home_at[0], pattern(0, 2));
        if (i == 1) {
            assert_int_equal(steps[1], SIM_CLEAN_INVALIDATE);
            assert_int_equal(home_at[1], pattern(0, 2));
            assert_int_equal(island_at[1], 0x77);
        }
        assert_int_equal(dma_bytes(DMA_HIGH)[0], 0x77);
        OSObject_release(command);
        OSObject_release(memory);
    }
}

/* A copy of all of it that is made later is no different. */
static void so_does_a_double_buffer(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, LENGTH, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    watch();
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer | kIODirectionOut),
                     kIOReturnSuccess);
    sim_witness = NULL;
    assert_int_equal(last(SIM_BARRIER), step_count - 1);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepare_ends_in_a_barrier),
        cmocka_unit_test(complete_begins_with_one),
        cmocka_unit_test(so_does_a_double_buffer),
    };

    return cmocka_run_group_tests(tests, dma_power_on, NULL);
}
