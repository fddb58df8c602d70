/* SPDX-License-Identifier: BSD-2-Clause */
/* An edu device that keeps the rules and insists on them. */
#include "tests/host/drivers/edu_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check(const struct edu_sim *sim, bool holds)
{
    assert_true(holds || sim->lenient);
}

static bool to_memory(const struct edu_sim *sim)
{
    return (sim->command & COMMAND_TO_MEMORY) != 0;
}

bool edu_sim_is_busy(const struct edu_sim *sim)
{
    return (sim->command & COMMAND_START) != 0;
}

/* What would end QEMU, or reach somebody else's memory. */
static void take(struct edu_sim *sim, uint64_t command)
{
    uint64_t here, there;

    check(sim, !edu_sim_is_busy(sim) && sim->bus.master_on);
    check(sim, (command & ~(uint64_t)COMMAND_TO_MEMORY) == (COMMAND_START | COMMAND_INTERRUPT));
    sim->command = command;
    here = to_memory(sim) ? sim->source : sim->target;
    there = to_memory(sim) ? sim->target : sim->source;
    bus_sim_expect_barrier(&sim->bus);
    check(sim, sim->count != 0 && sim->count < EDU_SIM_BYTES);
    check(sim, here >= EDU_MEMORY && here - EDU_MEMORY <= EDU_BYTES_MAX - sim->count);
    check(sim, sim->address_bits == 64 || (there + sim->count - 1) >> sim->address_bits == 0);
    sim->transfers++;
}

void edu_sim_end(struct edu_sim *sim)
{
    sim->command &= ~(uint64_t)COMMAND_START;
    sim->causes |= CAUSE_ENGINE;
    sim->bus.pending[0] = true;
}

void edu_sim_answer(struct edu_sim *sim)
{
    assert_true(edu_sim_is_busy(sim));
    if (to_memory(sim)) {
        bus_sim_write(&sim->bus, sim->target, sim->memory + sim->source - EDU_MEMORY, sim->count);
    } else {
        bus_sim_read(&sim->bus, sim->source, sim->memory + sim->target - EDU_MEMORY, sim->count);
    }
    edu_sim_end(sim);
}

/* --- Registers -------------------------------------------------------------------------------- */

/* The engine's have 64 bits and are told as such, the others have 32. */
static struct edu_sim *sim_of(struct sim_registers *self, uint64_t offset, unsigned width)
{
    struct edu_sim *const sim = (struct edu_sim *)self;

    assert_true(sim->bus.memory_on);
    assert_int_equal(width, offset < EDU_SOURCE ? 4 : 8);
    return sim;
}

static uint64_t read_register(struct sim_registers *self, uint64_t offset, unsigned width)
{
    const struct edu_sim *const sim = sim_of(self, offset, width);

    switch (offset) {
    case EDU_ID:
        return sim->id;
    case EDU_CAUSES:
        return sim->causes;
    case EDU_COMMAND:
        return sim->command;
    default:
        fail_msg("a read at %#x", (unsigned)offset);
        return 0;
    }
}

static void write_register(struct sim_registers *self, uint64_t offset, uint64_t value,
                           unsigned width)
{
    struct edu_sim *const sim = sim_of(self, offset, width);

    switch (offset) {
    case EDU_ACKNOWLEDGE:
        sim->causes &= ~(uint32_t)value;
        sim->acknowledged++;
        return;
    case EDU_SOURCE:
        sim->source = value;
        break;
    case EDU_TARGET:
        sim->target = value;
        break;
    case EDU_COUNT:
        sim->count = value;
        break;
    case EDU_COMMAND:
        take(sim, value);
        return;
    default:
        fail_msg("a write of %#x at %#x", (unsigned)value, (unsigned)offset);
    }
    /* While it is at one the registers are the transfer's. */
    check(sim, !edu_sim_is_busy(sim));
    sim->bus.barriers = 0; /* the one that counts is the last thing before the command */
}

void edu_sim_create(struct edu_sim *sim)
{
    *sim = (struct edu_sim){.id = 0x010000ed, .address_bits = EDU_ADDRESS_BITS};
    bus_sim_create(&sim->bus, 0, read_register, write_register);
}
