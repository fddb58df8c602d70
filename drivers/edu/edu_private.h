/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the driver of edu: one device, and the registers of its engine. */
#ifndef DRIVERS_EDU_EDU_PRIVATE_H
#define DRIVERS_EDU_EDU_PRIVATE_H

#include "descriptors/IODMAController_class.h"
#include "drivers/edu/edu.h"
#include "drivers/pci/bus_devices.h"
#include "kernel/lock.h"

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8

/* BAR 0. The engine's registers have 64 bits. */
#define EDU_REGISTERS     0x100u
#define EDU_ID            0x00 /* 0xRRrr00ed: the revision, and what it is */
#define ID_IS_EDU(id)     (((id)&0xffff) == 0x00ed)
#define EDU_CAUSES        0x24
#define EDU_ACKNOWLEDGE   0x64
#define CAUSE_ENGINE      0x100u
#define EDU_SOURCE        0x80
#define EDU_TARGET        0x88
#define EDU_COUNT         0x90
#define EDU_COMMAND       0x98
#define COMMAND_START     1u /* until it is done */
#define COMMAND_TO_MEMORY 2u
#define COMMAND_INTERRUPT 4u

#define EDU_MEMORY 0x40000u /* what its engine calls the first byte of its memory */

struct edu {
    struct bus_device device;
    struct pci_function *function;
    volatile void *registers;
    IOMapper *mapper; /* in front of it; NULL: none */
    unsigned address_bits;
    struct lock lock;

    IOService *service;
    IODMAController *engine;
    edu_watcher_t *watcher;
    void *watch_context;
    struct edu_counters counters;

    /* What it is at. Under the lock. */
    struct edu_transfer *transfer; /* NULL: idle */
    struct edu_piece pieces[EDU_PIECES_MAX];
    unsigned count, done;
    bool stopping;
    uint64_t moved;
};

/* edu.c: from a function to a device that works, and back. NULL: *status says why. */
struct edu *edu_open(struct pci_function *function, IOReturn *status);
/* Nobody is its client any more. False: it has a transfer, and stays as it is. */
bool edu_close(struct edu *device);

/* Start what the transfer's pieces say; the interrupt goes on. edu_engine.c */
void edu_served(struct edu *device);
IODMAController *edu_create_engine(struct edu *device, IOService **service);

#endif
