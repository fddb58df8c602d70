/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of the simulated NVMe controller. */
#ifndef TESTS_HOST_DRIVERS_NVME_CLIENT_H
#define TESTS_HOST_DRIVERS_NVME_CLIENT_H

#include "tests/host/drivers/client.h"
#include "tests/host/drivers/nvme_sim.h"

#define CLIENT_DISK (4u << 20) /* bytes */

extern struct nvme_sim sim;
extern uint8_t sim_disk[CLIENT_DISK];
extern struct nvme_controller *controller;
extern struct nvme_namespace *disk;

/* The controller as `sim` says; a test's set-up calls it with the usual one. */
void client_create(void);
IOReturn client_open(void);
int client_open_usual(void **state);
/* All is given back. */
void client_close(void);
/* It does not stop, and has its memory for ever. */
void client_abandon(void);
/* Since client_create. */
bool client_left_nothing(void);
/* Whichever it is. */
void client_leave(void);

IODMACommand *client_command(struct nvme_transfer *transfer, enum nvme_format format,
                             IOMemoryDescriptor *memory, uint64_t offset, uint64_t length);

/* Interrupts, and what the loop has then. */
void client_deliver(void);

/* The controller takes and answers everything, in no order, until nothing is left. */
void client_run(void);

#endif
