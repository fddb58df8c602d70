/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the simulated SMMUv3: what it has been told, and what it has read. */
#ifndef TESTS_HOST_SMMUV3_SIM_SMMU_PRIVATE_H
#define TESTS_HOST_SMMUV3_SIM_SMMU_PRIVATE_H

#include "tests/host/smmuv3/sim_smmu.h"

/* A stream that it has read: both structures as they were. */
struct sim_stream {
    bool known, invalid;
    bool keeps_context; /* though its entry is forgotten */
    uint32_t number;
    const uint64_t *at; /* the entry in memory; NULL: there is no table for it */
    uint64_t entry[STE_WORDS], context[CD_WORDS];
};

/* What an entry of a table said: a leaf, or where the next table is. */
struct sim_cached {
    bool known, leaf;
    unsigned level;
    uint16_t asid;
    uint64_t page; /* first that it spans */
    uint64_t entry;
};

struct sim_unit {
    uint32_t cr0, irq_ctrl, gerror, gerrorn, strtab_cfg;
    uint64_t strtab, cmdq, eventq;
    uint32_t cmd_prod, cmd_cons, event_prod, event_cons;
    unsigned controls;     /* given to it */
    unsigned controls_set; /* of CR1 and CR2, a bit each */
    bool ordered;          /* a barrier has come since it was told of commands, */
    bool fenced;           /* and since it was asked for events */
    unsigned late;         /* reads until the command index moves */
    struct sim_stream streams[SIM_STREAMS];
    struct sim_cached cache[SIM_CACHED];
    unsigned next_cached;
    unsigned cached_end; /* those behind are not known */
};

extern struct sim_unit sim;

/* What it knows from before it was ours: of a stream that nobody attaches, and of a number. */
#define SIM_STALE_STREAM  0x7777u
#define SIM_STALE_ADDRESS 0x12345000ull

/* sim_smmu_walk.c */
/* A table in memory. Not aligned to its size, the test has failed. */
const uint64_t *sim_words_at(uint64_t physical, uint64_t size);
uint64_t sim_base_of(uint64_t value);
unsigned sim_split_bits(void);
uint64_t sim_span_of(unsigned level);
/* As if an access had been blocked. */
void sim_put_event(unsigned type, uint32_t stream, uint64_t address, bool write);
/* A valid entry in use is only ever made invalid, and forgotten before it is made another. */
void sim_check_streams(void);

#endif
