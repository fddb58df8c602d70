/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of an engine that a test simulates: memory that is contiguous nowhere, and some that is
 * everywhere, transfers over it, and their ends. One engine at a time.
 */
#ifndef TESTS_HOST_DRIVERS_CLIENT_H
#define TESTS_HOST_DRIVERS_CLIENT_H

#include "descriptors/IODMAEventSource.h"
#include "tests/host/machine/sim_machine.h"

#define CLIENT_PIECE    4001u /* bytes of a piece of the odd memory */
#define CLIENT_PIECES   700u
#define CLIENT_ENDS     512u
#define CLIENT_CHANNELS 4u

extern IOWorkLoop *client_loop;
extern IODMAEventSource *client_sources[CLIENT_CHANNELS];
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

/* Be the client of these channels of an engine, and no more. */
void client_attach(IOService *service, unsigned channels);
void client_detach(void);

/*
 * What an engine's device says of itself: a name that tells where it is, a number that is no other
 * engine's, and how many requests it has; and the mapper in front of it, if it names one.
 */
void client_expect_device(const IOService *device, const char *name, UInt32 number, UInt32 requests,
                          IOMapper *mapper);

/* A test's own mapper, which nobody has any more. */
void client_drop_mapper(IOMapper *mapper);

uint8_t *odd_byte(uint64_t at);
uint8_t *whole_byte(uint64_t at);

void client_prepare(IODMACommand *command, IOMemoryDescriptor *memory, uint64_t offset,
                    uint64_t length);
void client_drop(IODMACommand *command);
IOReturn client_start(unsigned channel, IODMACommand *command, IODirection direction,
                      uint64_t count, uint64_t offset);

/* By SEED, or always the same. */
uint64_t client_random(uint64_t limit);

#endif
