/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's edu device on PCI (QEMU documentation, "EDU device"): 4 KiB of memory of its own,
 * and an engine that copies between that and RAM, with 28 bits of address. RAM of the virt
 * machine begins at 2^30, so that only a mapper (drivers/smmuv3) brings it within reach; without
 * one, preparing a command answers kIOReturnNoResources.
 *
 *     struct edu *device = edu_get(0);
 *     source = IODMAEventSource_dmaEventSource(owner, edu_get_service(device), arrived, NULL, 0);
 *     command = edu_create_command(device, NULL, kMapped, &transfer);
 *     ... IODMACommand_setMemoryDescriptor, IODMACommand_prepare ...
 *     transfer.position = 512;
 *     IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 0, 0);
 *
 * In is from the device's memory to RAM. A start moves at most EDU_BYTES_MAX bytes, in as many
 * pieces as the mapping has, each of which takes the device 100 ms.
 *
 * The device ends QEMU where it is told of bytes outside its memory, the last one included, and
 * puts other addresses on the bus than it was told of where they have too many bits. So it is
 * told of nothing of the kind. What a start adds to the errors of IODMAEventSource:
 * kIOReturnBadArgument (a command that edu_create_command has not made for this device),
 * kIOReturnOverrun (outside the device's memory), kIOReturnNoSpace (more than EDU_PIECES_MAX
 * pieces), kIOReturnMessageTooLarge (a piece that its address bits do not reach, by options of
 * the client's own). A transfer ends with kIOReturnSuccess, kIOReturnDMAError (the mapper has
 * blocked some of it), kIOReturnAborted.
 *
 * Stopping ends a transfer behind the piece that the device is at; it cannot be interrupted
 * there. The bus is searched at the first call of any of these. Thread context, but where it
 * says otherwise.
 */
#ifndef DRIVERS_EDU_EDU_H
#define DRIVERS_EDU_EDU_H

#include "descriptors/IODMACommand.h"
#include "descriptors/IOService.h"
#include "drivers/pci/pci.h"

#define EDU_BYTES_MAX    4095u /* of its memory, from position 0 on, that may be moved */
#define EDU_PIECES_MAX   64u   /* of one transfer */
#define EDU_ADDRESS_BITS 28u   /* that the device puts on the bus, unless QEMU was told otherwise */

struct edu;

/* How many there are. */
unsigned edu_count(void);
struct edu *edu_get(unsigned index); /* in the order of the bus; NULL beyond the last */
/* Where it is on the bus. */
struct pci_function *edu_get_function(const struct edu *device);

/* Whose engine it is, request 0; not retained. NULL: no memory. */
IOService *edu_get_service(struct edu *device);

/*
 * What QEMU has been told with "-device edu,dma_mask=", 12 to 64 bits; the device does not say.
 * For commands that are created from now on.
 */
void edu_set_address_bits(struct edu *device, unsigned bits);

/* What the device asks of segments, for commands that are made without edu_create_command. */
void edu_get_segment_options(const struct edu *device, IODMACommand_SegmentOptions *options);

/* What goes with a command, from its creation to its end. */
struct edu_transfer {
    IODMACommand *command; /* private: not retained */
    struct edu *device;    /* private */
    unsigned position;     /* where in the device's memory the bytes that a start names begin */
    void *context;         /* the client's */
};

/* +1, through the mapper in front of the device. options NULL: the device's. */
IODMACommand *edu_create_command(struct edu *device, const IODMACommand_SegmentOptions *options,
                                 uint32_t mappingOptions, struct edu_transfer *transfer);

/* One of the pieces in which a transfer goes to the device. */
struct edu_piece {
    ioaddr_t address;
    unsigned length, position;
    bool to_memory;
    uint64_t offset; /* in the preparation */
};

/* Called when the device is told of a piece, in any context. */
typedef void edu_watcher_t(void *context, const struct edu_transfer *transfer,
                           const struct edu_piece *piece);

/* From now on, in place of who was shown them before. NULL: nobody. */
void edu_watch(struct edu *device, edu_watcher_t *watcher, void *context);

/* Pieces that the device has been told of, and interrupts that it raised for them. */
struct edu_counters {
    uint64_t pieces, interrupts;
};

/* Of one device, since it was found. */
void edu_get_counters(const struct edu *device, struct edu_counters *counters);

#endif
