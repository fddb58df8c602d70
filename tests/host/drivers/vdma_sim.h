/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's core (qemu/vdma) as a virtio-mmio device of the simulated machine: registers, an
 * interrupt line, and a clock that a test moves. Memory is the machine's; each access of
 * the device that the test has not described is a stray.
 */
#ifndef TESTS_HOST_DRIVERS_VDMA_SIM_H
#define TESTS_HOST_DRIVERS_VDMA_SIM_H

#include "drivers/virtio/transport_mmio.h"
#include "qemu/vdma/device/vdma.h"
#include "tests/host/machine/sim_machine.h"
#include "tests/host/sim/sim_mmio.h"

#define VDMA_SIM_RAM   (256 * SIM_MIB) /* what a test starts the machine with */
#define VDMA_SIM_INTID 48u

struct vdma_sim {
    struct mmio_device device; /* first: for a driver */
    struct sim_registers mmio;
    uint8_t registers[512];
    struct vdma *core;
    uint64_t now, deadline;
    bool line;    /* as the device holds it */
    bool waits;   /* for vdma_sim_work, instead of working at each access */
    bool working; /* ports do not call back */

    /* The test's: may the device do this? NULL: it may do all. */
    bool (*described)(struct vdma_sim *sim, uint64_t address, uint64_t length, unsigned access);
    uint64_t strays; /* accesses that it might not do */
    /* Each record of the log. NULL: nobody looks. */
    void (*record)(struct vdma_sim *sim, const struct vdma_record *record);
};

/* At power on. One in a process at a time. */
void vdma_sim_create(struct vdma_sim *sim, const struct vdma_options *options);
void vdma_sim_destroy(struct vdma_sim *sim);

/* Everything that is due. */
void vdma_sim_work(struct vdma_sim *sim);
/* Let the driver's handler run, if the line is high. False: there was nothing to tell. */
bool vdma_sim_interrupt(struct vdma_sim *sim);
/* On to the device's next deadline. False: it waits for nothing. */
bool vdma_sim_pass_time(struct vdma_sim *sim);

#endif
