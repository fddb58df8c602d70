/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SD host controllers on PCI (SD Host Controller Simplified Specification 3.00, Physical Layer
 * Simplified Specification 6.00) and the card in them, a disk of blocks of 512 bytes. An
 * engine of 32 address bits, one channel, and one command of the card at a time.
 *
 * It has two ways to be told of memory, by the command's choice:
 *   SDHCI_ADMA2  a list of up to 512 pieces of 64 KiB, at multiples of 4 and of such lengths
 *   SDHCI_SDMA   one address: a piece is a command of its own, of whole blocks, and never
 *                crosses a multiple of 512 KiB, where the controller would stop
 * A transfer of any length is one start: the driver cuts it.
 *
 *     command = sdhci_create_command(card, SDHCI_ADMA2, NULL, kMapped, &transfer);
 *     ... IODMACommand_setMemoryDescriptor, IODMACommand_prepare ...
 *     transfer.block = 2048;
 *     IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 0, 0);
 *
 * What a start adds to the errors of IODMAEventSource: kIOReturnBadArgument (not whole
 * blocks, or a command of somebody else's), kIOReturnOverrun (beyond the card's end),
 * kIOReturnNotWritable (it is protected), kIOReturnNoSpace (a block in more pieces than a
 * list holds), kIOReturnMessageTooLarge (a client's own options allow a piece that neither way
 * can name), kIOReturnNotResponding (the controller is lost). A transfer ends with
 * kIOReturnSuccess; kIOReturnTimeout: the card does not answer; kIOReturnDMAError: the
 * controller could not use the list; kIOReturnIOError: another error of the card, or of the
 * way to it; kIOReturnAborted: it was stopped; kIOReturnNotResponding: the controller is
 * lost. After an error the bytes of that command count as not moved.
 *
 * The machine is searched at the first call of any of these. Thread context, unless it says
 * otherwise.
 */
#ifndef DRIVERS_SDHCI_SDHCI_H
#define DRIVERS_SDHCI_SDHCI_H

#include "descriptors/IODMAController.h"
#include "drivers/pci/serial_engine.h"
#include "kernel/types.h"

#define SDHCI_BLOCK 512u /* bytes */

struct sdhci_card;

/* How many cards there are. Any context. */
unsigned sdhci_count(void);

/* In the order of the bus; NULL beyond the last. */
struct sdhci_card *sdhci_get(unsigned index);

/* What a card and its host say of themselves. */
struct sdhci_info {
    uint64_t blocks;
    bool read_only;
    bool has_adma2;
    bool has_sdma;
};

/* Any context. */
void sdhci_get_info(const struct sdhci_card *card, struct sdhci_info *info);

/* How the host is told of memory. */
enum sdhci_mode {
    SDHCI_ADMA2,
    SDHCI_SDMA,
};

/* What goes with a command, from its creation to its end. */
struct sdhci_transfer {
    struct serial_transfer serial; /* private */
    struct sdhci_card *card;       /* private */
    enum sdhci_mode mode;          /* private */
    uint64_t block;                /* where the bytes that a start names begin on the card */
    void *context;                 /* the client's */
};

/* The controller as a device, its own engine. Not retained. NULL: kIOReturnNoMemory. */
IOService *sdhci_get_service(struct sdhci_card *card);

/* What the way can say. kIOReturnUnsupported: the controller does not have it. */
IOReturn sdhci_get_segment_options(const struct sdhci_card *card, enum sdhci_mode mode,
                                   IODMACommand_SegmentOptions *options);

/*
 * A command for it, +1, whose refCon is `transfer`. options NULL: those of the way; others must
 * not allow more. NULL: kIOReturnUnsupported, kIOReturnBadArgument, or as
 * IODMACommand_withSpecificationOptions.
 */
IODMACommand *sdhci_create_command(struct sdhci_card *card, enum sdhci_mode mode,
                                   const IODMACommand_SegmentOptions *options,
                                   uint32_t mappingOptions, struct sdhci_transfer *transfer);

/* Commands that moved data, so far. Any context. */
uint64_t sdhci_commands(const struct sdhci_card *card);

/* One piece of a command, as the controller is about to be told. */
struct sdhci_piece {
    const struct sdhci_transfer *transfer;
    uint64_t block;   /* of the command's first byte */
    uint64_t offset;  /* of the piece in the command's preparation */
    uint32_t address; /* what the controller puts on its bus */
    uint32_t length;  /* bytes */
    unsigned slot;    /* in the list of `count` pieces; of SDMA always 0 of 1 */
    unsigned count;
};

/* Called with each, in order, before the controller is started. Interrupts are masked. NULL: no
 * more. */
typedef void sdhci_watch_t(void *context, const struct sdhci_piece *piece);
void sdhci_watch(struct sdhci_card *card, sdhci_watch_t *watch, void *context);

#endif
