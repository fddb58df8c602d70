/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SATA disks behind an AHCI controller (Serial ATA AHCI Specification 1.3.1, ATA/ATAPI
 * Command Set 2): each port with a disk is an engine of its own, with one channel and one
 * command at a time, told of memory by a list of up to 504 pieces of 4 MiB, at even addresses
 * and of even lengths. A transfer of any length is one start: the driver cuts it.
 *
 *     command = ahci_create_command(ahci_find("mine"), NULL, kMapped, &transfer);
 *     ... IODMACommand_setMemoryDescriptor, IODMACommand_prepare ...
 *     transfer.block = 2048;
 *     IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 0, 0);
 *
 * What a start adds to the errors of IODMAEventSource: kIOReturnBadArgument (not whole
 * blocks, or a command of somebody else's), kIOReturnOverrun (beyond the disk's end),
 * kIOReturnNoSpace (a block in more pieces than a list holds), kIOReturnMessageTooLarge (a client's
 * own options allow a piece that no entry can name), kIOReturnNotResponding (the port is lost). A
 * transfer ends with kIOReturnSuccess; kIOReturnIOError: the disk says so;
 * kIOReturnDMAError: the controller could not reach the memory; kIOReturnUnderrun: it moved
 * less than it was asked for; kIOReturnAborted: it was stopped; kIOReturnNotResponding: the
 * port is lost. After an error the bytes of that command count as not moved.
 *
 * The machine is searched at the first call of any of these. Thread context, unless it says
 * otherwise.
 */
#ifndef DRIVERS_AHCI_AHCI_H
#define DRIVERS_AHCI_AHCI_H

#include "descriptors/IODMAController.h"
#include "drivers/pci/serial_engine.h"
#include "kernel/types.h"

#define AHCI_BLOCK 512u /* bytes of a block, of any disk */

/* The most characters of a serial number. */
#define AHCI_SERIAL_LENGTH 20

struct ahci_disk;

/* How many disks there are. Any context. */
unsigned ahci_count(void);

/* In the order of the bus, and of a controller's ports; NULL beyond the last. */
struct ahci_disk *ahci_get(unsigned index);

/* By serial number (-device ide-hd,serial=...); NULL: none. */
struct ahci_disk *ahci_find(const char *serial);

/* What a disk says of itself. */
struct ahci_info {
    char serial[AHCI_SERIAL_LENGTH + 1];
    uint64_t blocks;
    unsigned port;
};

/* Any context. */
void ahci_get_info(const struct ahci_disk *disk, struct ahci_info *info);

/* What goes with a command, from its creation to its end. */
struct ahci_transfer {
    struct serial_transfer serial; /* private */
    struct ahci_disk *disk;        /* private */
    uint64_t block;                /* where the bytes that a start names begin on the disk */
    void *context;                 /* the client's */
};

/* The disk as a device, its own engine. Not retained. */
IOService *ahci_get_service(struct ahci_disk *disk);

/* What the controller's lists can say. */
void ahci_get_segment_options(const struct ahci_disk *disk, IODMACommand_SegmentOptions *options);

/*
 * A command for it, +1, whose refCon is `transfer`. options NULL: the controller's; others must
 * not allow more. NULL: kIOReturnBadArgument, or as IODMACommand_withSpecificationOptions.
 */
IODMACommand *ahci_create_command(struct ahci_disk *disk,
                                  const IODMACommand_SegmentOptions *options,
                                  uint32_t mappingOptions, struct ahci_transfer *transfer);

/* Commands that moved data, so far. Any context. */
uint64_t ahci_commands(const struct ahci_disk *disk);

/* One piece of a command, as it stands in the list. */
struct ahci_piece {
    const struct ahci_transfer *transfer;
    uint64_t block;   /* of the command's first byte */
    uint64_t offset;  /* of the piece in the command's preparation */
    uint64_t address; /* what the controller puts on its bus */
    uint32_t length;  /* bytes */
    unsigned slot;    /* in the list of `count` pieces */
    unsigned count;
};

/* Called with each, in order, before the controller sees the command. Interrupts are masked.
 * NULL: no more. */
typedef void ahci_watch_t(void *context, const struct ahci_piece *piece);
void ahci_watch(struct ahci_disk *disk, ahci_watch_t *watch, void *context);

#endif
