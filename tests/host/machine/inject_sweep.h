/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fail the n-th, for operations of the descriptor classes: each is repeated with its
 * 1st, 2nd, 3rd ... request for memory failing, until none does.
 */
#ifndef TESTS_HOST_INJECT_SWEEP_H
#define TESTS_HOST_INJECT_SWEEP_H

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODeviceMemory.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "kernel/inject.h"
#include "tests/host/machine/map_fixture.h"

/*
 * An operation gives back all that it got, so that neither success nor failure leaves
 * anything; it answers why it failed.
 */
struct inject_operation {
    const char *name;
    IOReturn (*run)(void);
    bool populates;  /* makes pages resident: kIOReturnNoResources if there is none */
    uint64_t spared; /* requests that may fail because it has another way; all others are told */
};

#define THINGS_PAGES 4 /* of owner; the first two are written, the others absent */

/* What operations work on, made anew for each attempt, in fresh tasks. */
struct inject_things {
    uint64_t at;                          /* the pages, in owner */
    IOMemoryDescriptor *memory;           /* of them, beginning at byte 16; not prepared */
    IOMemoryDescriptor *persistent;       /* of the same */
    IOMemoryDescriptor *replaced;         /* persistent, of two pages; now two objects are there */
    IOMemoryDescriptor *prepared;         /* of the first two of them */
    IOMemoryDescriptor *physical;         /* two ranges that do not touch */
    IODeviceMemory *device;               /* two pages at DEVICE */
    IOGuardPageMemoryDescriptor *guard;   /* two pages */
    IOBufferMemoryDescriptor *purgeable;  /* in owner */
    IOSubMemoryDescriptor *sub;           /* of memory */
    IOMultiMemoryDescriptor *multi;       /* memory, prepared */
    IOInterleavedMemoryDescriptor *mixed; /* of multi, one page over the seam */
    IOMemoryMap *map;                     /* of all of memory, in other */
    IOMemoryMap *unique;                  /* the same, by itself */
};

extern struct inject_things things;

/* Success and a release; for NULL, why. */
IOReturn inject_made(void *object);

/* Success for true; for false, why. */
IOReturn inject_done(bool success);

/*
 * A program that sweeps them all, for main to return. An operation that fails must answer
 * kIOReturnNoMemory (or as above), leave the things as they are and work when tried again. Prints
 * the points found, how many made the operation fail (others it does without), and how many leaked,
 * which fails the test.
 */
int inject_main(const struct inject_operation operations[], size_t count);

#endif
