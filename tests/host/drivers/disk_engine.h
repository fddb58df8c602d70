/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of engines that have one transfer of a disk at a time, whoever's they are: what all of
 * them do, over a few calls that know the simulated controller.
 */
#ifndef TESTS_HOST_DRIVERS_DISK_ENGINE_H
#define TESTS_HOST_DRIVERS_DISK_ENGINE_H

#include "tests/host/drivers/bus_sim.h"
#include "tests/host/drivers/client.h"
#include "tests/lib/portable/test_mapper.h"

#define DISK_TRANSFERS 4u
#define DISK_BYTES     (4u << 20)
#define DISK_BLOCKS    (DISK_BYTES / 512)
#define SECOND         1000000000ull

struct disk_engine {
    struct bus_sim *bus;
    IODMACommand *(*command)(unsigned index); /* of the index-th transfer, without memory */
    void (*seek)(unsigned index, uint64_t block);
    void (*answer)(void); /* the device carries out what it has */
    void (*create)(void); /* another device: disk_engine_created is called */
    IOReturn (*open)(void);
    bool (*is_open)(void);
    bool (*close)(void);
    unsigned (*count)(void); /* those that were found */
};

extern uint8_t disk_content[DISK_BYTES];
extern IODMACommand *disk_commands[DISK_TRANSFERS];

/* Whose tests these are; the content is made anew. */
void disk_engine_begin(const struct disk_engine *engine);

/* Another device: what is held now is what is to be held when it is gone. */
void disk_create(void);

/* It cannot be opened, says so in this time (nanoseconds), and nothing of it is kept. */
void disk_fails_to_open(IOReturn status, uint64_t most);

/* By the search, which is made once: before anybody asks for devices otherwise. */
void disk_is_found(void);

/* It is somebody else's already. */
void disk_belongs_to_another(void);

/* Close: all is given back, or what the device may still use is not. */
void disk_leave(bool stops);

/* Whether all that it held is given back. */
bool disk_left_nothing(void);

/* Opening without the n-th piece of memory. How often nothing was found. */
unsigned disk_without_memory(void);

/* The same while a transfer is made and started, and what was started goes to its end. */
unsigned disk_starts_without_memory(IOMemoryDescriptor *memory, uint64_t length);

IODMACommand *disk_command_over(unsigned index, IOMemoryDescriptor *memory, uint64_t length);

/* The first transfer, from its block on, as far as the device has it. */
void disk_start(IODMACommand *command, IODirection direction, uint64_t block);

/* Interrupts, and what the work loop makes of them; and the device's work until one has ended. */
void disk_deliver(void);
void disk_run(void);

/* All transfers of the line; drop them. */
void disk_start_all(void);
void disk_drop_all(void);

/* Everything that was started works again. */
void disk_expect_work(void);

/* Read, and written a hundred blocks on, in memory of either kind; and of all lengths. */
void disk_there_and_back(bool in_odd, uint64_t length, uint64_t block);
void disk_all_lengths(uint64_t block);

/* Some blocks of what a command has prepared, from the middle on. */
void disk_start_in_part(void);

/* Of all that were started, the first has just failed, in this way; the others are done. */
void disk_expect_first(IOReturn status);

/* What was told is no end: each is done once, and once alone. Served: it was for the driver. */
void disk_expect_no_end(bool served);
void disk_expect_all(void);

/* Stopped, and started again. */
void disk_stop_all(void);

/* Who starts another in the end of one of a line is served; one by one, or all in a stop. */
void disk_start_in_ends(bool all_at_once);

/* All have ended because the device is lost, and no other is taken. */
void disk_expect_lost(void);

/* Stopped, it is lost: who stops it is told. */
void disk_expect_lost_by_stop(void);

/* Behind this mapper nothing is left to be had. */
void disk_use_up(struct test_mapper *mapper);

#endif
