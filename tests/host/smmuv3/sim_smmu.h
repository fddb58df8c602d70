/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SMMUv3 of the tests: registers, queues, and the caches that make invalidations
 * necessary: what it has read once, of streams, tables and translations, it uses until it is
 * told to forget it. It is strict where hardware leaves things undefined: a table that is not
 * aligned to its size, a valid entry that changes, a command of reserved form end the test.
 */
#ifndef TESTS_HOST_SMMUV3_SIM_SMMU_H
#define TESTS_HOST_SMMUV3_SIM_SMMU_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODMACommand.h"
#include "drivers/smmuv3/smmu_private.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/sim/sim_order.h"

#define SIM_SMMU     0x09050000ull
#define SIM_DOORBELL 0x08020000ull
#define SIM_COMMANDS 4096 /* kept of what was told */
#define SIM_STREAMS  64   /* cached */
#define SIM_CACHED   8192 /* translations */

/* What it is and how it behaves; set before smmu_start. */
struct sim_smmu_traits {
    bool no_ranges;
    bool no_splits; /* a block may not become a table at once */
    bool one_level; /* of stream table */
    bool narrow_asid;
    unsigned stream_bits, event_log2, output_code;
    uint32_t flip[4]; /* bits of IDR0, IDR1, IDR3 and IDR5 that it says otherwise */
    unsigned deaf; /* the n-th control that it is given it does not acknowledge; 0: all of them */
    bool silent;   /* never acknowledges a control */
    bool hung;     /* reads no commands */
    unsigned slow; /* reads of CONS until it has */
    uint64_t refused; /* opcode that it does not know; 0: knows all */
};
extern struct sim_smmu_traits traits;

/* The number by which devices name the next unit; 0: it has none. */
extern uint32_t sim_identity;

/* What it was told, all commands, since sim_forget. */
extern struct smmu_command told_commands[SIM_COMMANDS];
extern unsigned told_count;

/* It sees barriers. A test that looks on by itself (sim_order.h) passes them on. */
void sim_see(enum sim_step step, uint64_t detail);

/* Of those, with this opcode. */
unsigned sim_told(unsigned opcode);
void sim_forget(void);

/* A machine with RAM on both sides of what 31 bits reach, and room for the registers. */
int sim_smmu_power_on(void **state);

/* A unit, started; NULL: it would not. One at a time, given back by smmu_stop. */
struct smmu *smmu_start(void);
void smmu_stop(struct smmu *unit);

/* Its registers alone, as after power-on, which somebody else maps, and finds. */
void sim_smmu_plug(void);
void sim_smmu_unplug(void);

/* The mapper of a stream, +1. */
IOMapper *stream_mapper(struct smmu *unit, uint32_t stream);

/*
 * One access of a device: true, and *physical is where it ended; false: it was blocked, and an
 * event is in the queue, or a note that there was no room.
 */
bool sim_access(uint32_t stream, uint64_t address, bool write, uint64_t *physical);

/* The kind of memory that the device would take this address for: a byte of MAIR. */
uint8_t sim_attributes(uint32_t stream, uint64_t address);

/* As if somebody had read all events. */
void sim_drop_events(void);

bool sim_reads(uint32_t stream, uint64_t address, uint8_t *byte);
bool sim_writes(uint32_t stream, uint64_t address, uint8_t byte);

#endif
