/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of the simulated NVMe controller: memory that is contiguous nowhere, and transfers. */
#ifndef TESTS_HOST_DRIVERS_NVME_CLIENT_H
#define TESTS_HOST_DRIVERS_NVME_CLIENT_H

#include "descriptors/IODMAEventSource.h"
#include "tests/host/drivers/nvme_sim.h"
#include "tests/host/machine/sim_machine.h"

#define CLIENT_DISK   (4u << 20) /* bytes */
#define CLIENT_PIECE  4001u      /* bytes of a piece of the odd memory */
#define CLIENT_PIECES 700u
#define CLIENT_ENDS   512u

extern struct nvme_sim sim;
extern uint8_t sim_disk[CLIENT_DISK];
extern struct nvme_controller *controller;
extern struct nvme_namespace *disk;
extern IOWorkLoop *client_loop;
extern IODMAEventSource *client_sources[NVME_QUEUES_MAX];
extern IOMemoryDescriptor *odd;   /* pieces of odd length at odd places */
extern IOMemoryDescriptor *whole; /* one run of as many pages as pieces */

struct client_end {
    IODMACommand *command;
    IOReturn status;
    IOByteCount bytes;
};
extern struct client_end client_ends[CLIENT_ENDS];
extern unsigned client_end_count, notified;

/* Called by the next notification, once. */
extern void (*client_at_notification)(void);

int client_start_machine(void **state); /* for a group of tests */

/* The controller as `sim` says; a test's set-up calls it with the usual one. */
void client_create(void);
IOReturn client_open(void);
int client_open_usual(void **state);
/* All is given back. */
void client_close(void);
/* It does not stop, and has its memory for ever. */
void client_abandon(void);
/* Whichever it is. */
void client_leave(void);

uint8_t *odd_byte(uint64_t at);
uint8_t *whole_byte(uint64_t at);

IODMACommand *client_command(struct nvme_transfer *transfer, enum nvme_format format,
                             IOMemoryDescriptor *memory, uint64_t offset, uint64_t length);
void client_drop(IODMACommand *command);
IOReturn client_start(unsigned channel, IODMACommand *command, IODirection direction,
                      uint64_t count, uint64_t offset);

/* Interrupts, and what the loop has then. */
void client_deliver(void);

/* The controller takes and answers everything, in no order, until nothing is left. */
void client_run(void);

uint64_t client_random(uint64_t limit);

#endif
