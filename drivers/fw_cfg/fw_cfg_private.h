/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the firmware configuration driver: its blocks, and a device that a test has made. */
#ifndef DRIVERS_FW_CFG_FW_CFG_PRIVATE_H
#define DRIVERS_FW_CFG_FW_CFG_PRIVATE_H

#include "descriptors/IODMAController_class.h"
#include "drivers/fw_cfg/fw_cfg.h"
#include "kernel/lock.h"

/* What the engine reads for one segment; all of it big-endian, and no alignment is asked for. */
struct fw_cfg_block {
    uint32_t control; /* written by the device too: 0, or FW_CFG_ERROR */
    uint32_t length;
    uint64_t address;
};

#define FW_CFG_LIST        128u  /* blocks that are made in one walk; the first one selects */
#define FW_CFG_BUFFER      2048u /* bytes */
#define FW_CFG_NEVER_READS 1000  /* QEMU answers the first; 0 or an error by then */

struct fw_cfg {
    struct lock lock;
    volatile void *registers;
    struct fw_cfg_block *list; /* one page, for good, and in it the buffer as well */
    uint8_t *buffer;           /* for the directory */
    bool lost;                 /* a block never ended: takes nothing any more */
    uint64_t operations;
    fw_cfg_watch_t *watch; /* NULL: nobody does */
    void *watch_context;

    /* As a DMA engine; NULL until somebody asks for it. See fw_cfg_dma.c. */
    IODMAController *engine;
    IOService *service;
    paddr_t address; /* of its registers */
};

/* The machine's device, or the one that a test has put there; NULL: none. */
struct fw_cfg *fw_cfg_device(void);

/* Look for it in the machine, and attach it. */
void fw_cfg_search(void);

/* Take this for the device: its registers are mapped there. False: it is none, or no memory. */
bool fw_cfg_attach(volatile void *registers, paddr_t address);
void fw_cfg_detach(void);

/* What the device is to do with a block, in its own byte order. */
struct fw_cfg_block fw_cfg_make_block(uint32_t control, uint32_t length, uint64_t address);

/* A block that selects an item and goes to a position in it: the first of a list. */
struct fw_cfg_block fw_cfg_seek(const struct fw_cfg_item *item, uint32_t position);

/*
 * Start the engine with one block after the other; *done: how many ended well. The lock
 * is held. kIOReturnIOError, kIOReturnNotResponding.
 */
IOReturn fw_cfg_run(struct fw_cfg *device, unsigned count, unsigned *done);

#endif
