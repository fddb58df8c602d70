/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An engine for tests of controllers and event sources: it takes commands, and moves their
 * bytes when the test says so.
 */
#ifndef TESTS_HOST_DMA_ENGINE_H
#define TESTS_HOST_DMA_ENGINE_H

#include "descriptors/IODMAController_class.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/sim/sim_irq.h"

#define PHANDLE  0x8003
#define CHANNELS 2
#define DEPTH    4

/* One transfer that the engine has. */
struct job {
    IODMACommand *command;
    IODirection direction;
    IOByteCount count, offset;
};

struct engine {
    IODMAController super;
    IODMAEventSource *clients[CHANNELS];
    struct job jobs[DEPTH];
    unsigned count;
    uint8_t data[256]; /* the device's side */
    UInt32 config;
    bool immediate; /* every transfer ends, with 3 bytes, before its start returns */
    bool deaf;      /* does not stop in time */
};

/* Of the running test: the engine, who uses it, and the loop on which that is told of ends. */
extern struct engine *engine;
extern IOService *device;
extern OSObject *client;
extern IOWorkLoop *loop;

int engine_power_up(void **state);
int engine_power_down(void **state);

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, engine_power_up, engine_power_down)

/* The oldest transfer ends so. */
void finish(IOReturn status, IOByteCount bytes);

/* What has arrived at `arrive`, and how many notifications there were before it. */
#define ENDS_MAX 16

struct end {
    IODMACommand *command;
    IOReturn status;
    IOByteCount bytes;
    AbsoluteTime when;
};
extern struct end ends[ENDS_MAX];
extern unsigned end_count, notes, notes_at_end[ENDS_MAX];

void arrive(OSObject *source_owner, IODMAEventSource *source, IODMACommand *command,
            IOReturn status, IOByteCount bytes, AbsoluteTime when);

/* A client of channel 0, on the loop; completion NULL: synchronous. drop takes it off first. */
IODMAEventSource *new_source(IODMAEventSource_Action completion);
void drop_source(IODMAEventSource *source);

/* A prepared command over one piece of physical memory; and its end. */
IODMACommand *new_transfer(uint64_t at, uint64_t length, IODirection direction);
void end_transfer(IODMACommand *command);

/* Start under the gate. */
IOReturn go(IODMAEventSource *source, IODMACommand *command, IODirection direction,
            IOByteCount count, IOByteCount offset);

#endif
