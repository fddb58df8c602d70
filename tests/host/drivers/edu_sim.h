/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's edu device, as its documentation has it, and as strict as that is where it ends QEMU: what
 * it forbids fails the test that did it. A transfer ends when the test says so.
 */
#ifndef TESTS_HOST_DRIVERS_EDU_SIM_H
#define TESTS_HOST_DRIVERS_EDU_SIM_H

#include "drivers/edu/edu_private.h"
#include "tests/host/drivers/bus_sim.h"

#define EDU_SIM_BYTES 4096u

struct edu_sim {
    struct bus_sim bus;
    uint64_t source, target, count, command;
    uint32_t causes;
    uint8_t memory[EDU_SIM_BYTES];
    unsigned transfers, acknowledged;

    /* What device it is; set before it is opened. */
    uint32_t id;
    unsigned address_bits; /* that it puts on the bus */
    bool lenient;          /* the driver has been lied to: nothing it does is judged */
};

void edu_sim_create(struct edu_sim *sim);

/* It has a transfer. */
bool edu_sim_is_busy(const struct edu_sim *sim);

/* Move what it was told to, and say so; or say so alone. */
void edu_sim_answer(struct edu_sim *sim);
void edu_sim_end(struct edu_sim *sim);

#endif
