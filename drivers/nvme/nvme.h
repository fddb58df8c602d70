/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe controllers (NVM Express Base Specification 1.4, NVM command set) on PCI, and their
 * namespaces as disks. A controller is a DMA engine with several channels: each is a queue
 * pair of its own, with an interrupt of its own where the machine has that many.
 *
 *     struct nvme_namespace *disk = nvme_find("mine");
 *     source = IODMAEventSource_dmaEventSource(owner, nvme_get_service(disk), arrived, NULL, 0);
 *     command = nvme_create_command(disk, NVME_SGL, NULL, kMapped, &transfer);
 *     ... IODMACommand_setMemoryDescriptor, IODMACommand_prepare ...
 *     transfer.block = 2048;
 *     IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 0, 0);
 *
 * The controller is told of memory in one of two formats, by the command's choice:
 *   NVME_PRP  pages: the first byte at a multiple of 4, every other page begun at its first
 *             byte and used to its last; what lies otherwise is bounced
 *   NVME_SGL  pieces, anywhere and of any length, where the controller knows the format
 * A transfer of any length is one start: the driver cuts it into commands of the device.
 *
 * What a start adds to the errors of IODMAEventSource: kIOReturnBadArgument (not whole
 * blocks, or a command that nvme_create_command has not made for this controller),
 * kIOReturnOverrun (beyond the namespace's end), kIOReturnNotWritable (it is read-only),
 * kIOReturnNoSpace (a block in more pieces than a list holds), kIOReturnMessageTooLarge (a client's
 * own options allow a piece that the format cannot name), kIOReturnNotResponding (the controller
 * is lost). A transfer ends with kIOReturnSuccess, or what the first of its
 * commands that failed was answered:
 *   kIOReturnUnsupported     the controller does not know the command, or the format
 *   kIOReturnBadArgument     a field of the command makes no sense to it
 *   kIOReturnDMAError        it could not reach the memory, or not read the list
 *   kIOReturnIOError         the medium: read, write or check failed
 *   kIOReturnNotWritable     the namespace, or the range, is write-protected
 *   kIOReturnOverrun, kIOReturnNoSpace  beyond the capacity
 *   kIOReturnNotReady, kIOReturnExclusiveAccess, kIOReturnNotPermitted, kIOReturnNoDevice
 *   kIOReturnDeviceError     an error of its own, or a status that means nothing
 *   kIOReturnAborted         it was stopped, or the controller reset
 *   kIOReturnNotResponding   the controller is lost: it could not be reset
 *
 * Stopping a channel with a time limit asks the controller to abort each command, and waits:
 * kIOReturnTimeout, and what it still has goes on, with its memory and its identifiers,
 * until it is answered, which may still be that it was aborted. Without a limit the queue pair is
 * deleted, which ends all it has, and made anew; other channels do not notice.
 *
 * The machine is searched at the first call of any of these. Thread context, unless it says
 * otherwise.
 */
#ifndef DRIVERS_NVME_NVME_H
#define DRIVERS_NVME_NVME_H

#include "descriptors/IODMAController.h"
#include "descriptors/IODeviceMemory.h"
#include "kernel/types.h"

struct nvme_namespace;
struct nvme_queue;

/* --- Namespaces ------------------------------------------------------------------------------- */

/* Characters of a serial number. */
#define NVME_SERIAL_LENGTH 20

/* How many there are. Thread context. */
unsigned nvme_count(void);

/* In the order of the bus, and of their numbers on one controller; NULL beyond the last. */
struct nvme_namespace *nvme_get(unsigned index);

/* The first of the controller with this serial number (-device nvme,serial=...); NULL: none. */
struct nvme_namespace *nvme_find(const char *serial);

/* What a namespace says of itself. */
struct nvme_info {
    char serial[NVME_SERIAL_LENGTH + 1]; /* the controller's */
    uint32_t id;                         /* of the namespace, on its controller */
    uint64_t blocks;                     /* capacity */
    uint32_t block_size;                 /* bytes, a power of two */
    uint64_t command_bytes_max;          /* most that one command of the device moves */
    unsigned queues;                     /* channels of the engine, numbered from 0 */
    unsigned queue_size;                 /* commands of the device at once in each */
    unsigned interrupts;                 /* that the controller has for all of them */
    bool read_only;
    bool has_flush; /* a volatile cache; without, nvme_flush succeeds at once */
    bool has_sgl;
};

/* Any context. */
void nvme_get_info(const struct nvme_namespace *disk, struct nvme_info *info);

/* Everything written before it is on stable storage. Sleeps. */
IOReturn nvme_flush(struct nvme_namespace *disk);

/*
 * Reset the controller. What it has and what is in line ends with kIOReturnAborted, on all
 * channels, and it works as before. kIOReturnNotPermitted: from a notification or a handler.
 */
IOReturn nvme_reset(struct nvme_namespace *disk);

/*
 * Shut the controller down in order, as before the power goes: what it has, and what is in line,
 * ends with kIOReturnAborted, and nothing more is taken, from no namespace of it.
 * kIOReturnNotResponding: it did not stop; kIOReturnNotPermitted: as above.
 */
IOReturn nvme_shut_down(struct nvme_namespace *disk);

/* --- As a DMA engine -------------------------------------------------------------------------- */

/* How a command names its memory. */
enum nvme_format {
    NVME_PRP,
    NVME_SGL,
};

/* What goes with a command, from its creation to its end. */
struct nvme_transfer {
    IODMACommand *command;       /* private: not retained */
    struct nvme_namespace *disk; /* private */
    enum nvme_format format;     /* private */
    uint64_t block;              /* where the bytes that a start names begin on the disk */
    void *context;               /* the client's */

    /* Private: of one start. */
    struct nvme_queue *queue;
    struct nvme_transfer *next; /* in line */
    uint64_t offset;            /* of its first byte in the preparation */
    uint64_t length, issued, moved;
    uint64_t walked;    /* where in the preparation a walk for the next command can begin */
    uint32_t commands;  /* that the device has */
    bool writes, waits; /* to the disk; in line */
    IOReturn status;
};

/*
 * The controller of a disk as a device, its own engine: channel i, request i, is queue i. Not
 * retained: made by the first call, and there from then on. NULL: kIOReturnNoMemory.
 */
IOService *nvme_get_service(struct nvme_namespace *disk);

/* What the format can say. kIOReturnUnsupported: the controller does not know it. */
IOReturn nvme_get_segment_options(const struct nvme_namespace *disk, enum nvme_format format,
                                  IODMACommand_SegmentOptions *options);

/*
 * A command for transfers of this disk, +1, whose refCon is `transfer`. options NULL: those
 * of the format; others must not allow more. NULL: kIOReturnUnsupported, or as
 * IODMACommand_withSpecificationOptions.
 */
IODMACommand *nvme_create_command(struct nvme_namespace *disk, enum nvme_format format,
                                  const IODMACommand_SegmentOptions *options,
                                  uint32_t mappingOptions, struct nvme_transfer *transfer);

/*
 * While it is on, starts on a channel ring no doorbell: the controller sees them when it is
 * off again, all at once. Any context.
 */
void nvme_hold_doorbell(struct nvme_namespace *disk, unsigned channel, bool on);

/*
 * The memory that the controller has itself (its memory buffer), +1: the CPU maps it, and commands
 * of this controller read and write there without it leaving the device. They are made with
 * kIODMAMapOptionUnmapped over a descriptor of its addresses: no mapper sees them. NULL
 * (last error): kIOReturnUnsupported, it has none that is for data; kIOReturnNoMemory.
 */
IODeviceMemory *nvme_copy_buffer(struct nvme_namespace *disk);

/* --- Watching --------------------------------------------------------------------------------- */

/* What a queue has done since it was made. */
struct nvme_counters {
    uint64_t commands;     /* of the device */
    uint64_t pieces;       /* entries of their lists */
    uint64_t doorbells;    /* rung for new commands */
    uint64_t acknowledged; /* doorbells rung for answers that were read */
    uint64_t interrupts;
    uint64_t strange;        /* answers to nothing that was asked, which are ignored */
    uint64_t aborts;         /* asked for, */
    uint64_t aborts_refused; /* and answered that the command goes on, for the time being */
    unsigned in_flight;      /* commands of the device now, */
    unsigned most;           /* and at once so far */
    unsigned most_starts;    /* started transfers at once so far */
};

/* Any context. */
void nvme_get_counters(const struct nvme_namespace *disk, unsigned channel,
                       struct nvme_counters *counters);

/* Where an entry of a list stands. */
enum nvme_place {
    NVME_IN_COMMAND, /* in the command itself: PRP 1 or 2, or the only SGL descriptor */
    NVME_IN_LIST,
};

/* One entry of the lists that a command leads to. */
struct nvme_piece {
    enum nvme_place place;
    unsigned slot;    /* PRP 1 or 2 in a command, or the number in the list, from 0 */
    uint64_t address; /* what the device puts on its bus */
    uint32_t length;  /* bytes */
};

/* One command as it stands in the queue. */
struct nvme_operation {
    const struct nvme_transfer *transfer;
    uint64_t block;
    uint64_t offset; /* in the preparation, of its first byte */
    uint64_t length; /* bytes */
    unsigned channel;
    uint16_t id;
    uint64_t list_address; /* of its list, as the device sees it; 0: it has none */
    unsigned pieces;
    const void *entry, *list; /* private */
    uint64_t page;            /* private */
};

/* Piece `index` of it; false: it has no so many. */
bool nvme_get_piece(const struct nvme_operation *operation, unsigned index,
                    struct nvme_piece *piece);

/* Called with each command before the device can see it. Interrupts are masked. NULL: no more. */
typedef void nvme_watch_t(void *context, const struct nvme_operation *operation);
void nvme_watch(struct nvme_namespace *disk, nvme_watch_t *watch, void *context);

#endif
