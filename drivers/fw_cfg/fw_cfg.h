/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's firmware configuration device (docs/specs/fw_cfg in QEMU's sources): items of bytes,
 * found by number or by name, that the machine's owner has put there for the guest
 * (-fw_cfg name=opt/mine,file=...). Its DMA engine moves them to and from memory; it is the
 * simplest there is: no interrupt, no queue, done when the store that starts it returns.
 *
 *     fw_cfg_find("opt/mine", &transfer.item);
 *     source = IODMAEventSource_dmaEventSource(owner, fw_cfg_get_service(), arrived, NULL, 0);
 *     command = fw_cfg_create_command(NULL, kMapped, &transfer);
 *     ... IODMACommand_setMemoryDescriptor, IODMACommand_prepare ...
 *     IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 0, 0);
 *
 * What the engine adds to the errors of a start, nothing being moved then:
 * kIOReturnBadArgument (a command that fw_cfg_create_command has not made),
 * kIOReturnNotWritable (an item that a guest may only read), kIOReturnOverrun (beyond the
 * item's end, where the device would give zeros), kIOReturnNotResponding (it is lost). A
 * transfer ends with kIOReturnSuccess; kIOReturnIOError: the device has set its error bit, as
 * for an address where there is no memory; kIOReturnNotResponding: it never finished.
 *
 * The machine is searched at the first call of any of these. Thread context, unless it says
 * otherwise.
 */
#ifndef DRIVERS_FW_CFG_FW_CFG_H
#define DRIVERS_FW_CFG_FW_CFG_H

#include "descriptors/IODMAController.h"
#include "kernel/types.h"

#define FW_CFG_NAME_LENGTH 56 /* with the NUL */

/* Items with numbers of their own; files have others. */
#define FW_CFG_SIGNATURE 0x0000u /* "QEMU" */
#define FW_CFG_ID        0x0001u /* le32: bit 1, it has a DMA engine */
#define FW_CFG_DIRECTORY 0x0019u /* be32 count of files, then their entries */

/* One item: a file, or what has a number alone. */
struct fw_cfg_item {
    char name[FW_CFG_NAME_LENGTH]; /* "" for one that is no file */
    uint32_t size;                 /* bytes */
    uint16_t key;                  /* its number */
    bool writable;                 /* one of the few that QEMU lets a guest write */
};

/* There is one, with a DMA engine. */
bool fw_cfg_present(void);

/* Files; 0 without a device. */
unsigned fw_cfg_count(void);

/*
 * The index-th file in the directory's order, or the one of this name.
 * kIOReturnNotFound: there is none; kIOReturnNoDevice; kIOReturnBadArgument: NULL; or what a
 * transfer ends with.
 */
IOReturn fw_cfg_get_file(unsigned index, struct fw_cfg_item *item);
IOReturn fw_cfg_find(const char *name, struct fw_cfg_item *item);

/* --- As a DMA engine -------------------------------------------------------------------------- */

/* What goes with a command, from its creation to its end. */
struct fw_cfg_transfer {
    IODMACommand *command; /* private: not retained */
    struct fw_cfg_item item;
    uint32_t position; /* in the item: of the first byte that a start names */
    void *context;     /* the client's */
};

/*
 * The device as its own engine, with one channel, request 0. Not retained: made by the first
 * call, and there from then on. NULL: kIOReturnNoDevice, kIOReturnNoMemory.
 */
IOService *fw_cfg_get_service(void);

/* What the engine can be told of segments: anything, in any order. */
void fw_cfg_get_segment_options(IODMACommand_SegmentOptions *options);

/*
 * A command for it, +1, whose refCon is `transfer`; item and position are cleared. options
 * NULL: the engine's. NULL: as IODMACommand_withSpecificationOptions.
 */
IODMACommand *fw_cfg_create_command(const IODMACommand_SegmentOptions *options,
                                    uint32_t mappingOptions, struct fw_cfg_transfer *transfer);

/* --- Watching --------------------------------------------------------------------------------- */

/* Bits of a block's control word; the upper half is the number of the item to select. */
#define FW_CFG_ERROR  0x01u
#define FW_CFG_READ   0x02u
#define FW_CFG_SKIP   0x04u
#define FW_CFG_SELECT 0x08u
#define FW_CFG_WRITE  0x10u

/* One block as the device is about to read it, in the CPU's byte order. */
struct fw_cfg_operation {
    uint32_t control; /* FW_CFG_... */
    uint32_t length;  /* bytes */
    uint64_t address; /* what the device puts on its bus; of a skip 0 */
    unsigned slot;    /* where it stands in the engine's list, */
    unsigned count;   /* of so many blocks */
    uint64_t offset;  /* in the command's preparation, of its first byte */
};

/* Called before the device is started with each block. Interrupts are masked. NULL: no more. */
typedef void fw_cfg_watch_t(void *context, const struct fw_cfg_transfer *transfer,
                            const struct fw_cfg_operation *operation);
void fw_cfg_watch(fw_cfg_watch_t *watch, void *context);

/* Blocks that the engine was started with, those that only select or skip included. */
uint64_t fw_cfg_operations(void);

#endif
