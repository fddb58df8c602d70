/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the main job moves a file with: a device of some kind, driven as a DMA engine. The
 * kinds are a table in mover.c; a line of it is all that the job knows of a device, so a
 * new one is a line there and a file in qemu/devices, and nothing else.
 */
#ifndef TESTS_LIB_MOVER_H
#define TESTS_LIB_MOVER_H

#include "descriptors/IODMAEventSource.h"
#include "drivers/ahci/ahci.h"
#include "drivers/fw_cfg/fw_cfg.h"
#include "drivers/nvme/nvme.h"
#include "drivers/sdhci/sdhci.h"
#include "drivers/virtio/blk_dma.h"

struct mover;

/* What goes with a command, in the words of its device's driver. */
union mover_transfer {
    struct virtio_blk_transfer blk;
    struct fw_cfg_transfer fw_cfg;
    struct nvme_transfer nvme;
    struct sdhci_transfer sdhci;
    struct ahci_transfer ahci;
};

struct mover_kind {
    const char *name; /* as in DEVICE= */
    /* Find the device in this role, "source" or "target", and say what it holds. */
    bool (*open)(struct mover *mover, const char *role);
    IOService *(*get_service)(const struct mover *mover);
    void (*get_limits)(const struct mover *mover, IODMACommand_SegmentOptions *limits);
    IODMACommand *(*create_command)(const struct mover *mover, union mover_transfer *transfer);
    /* Where on the device the next start of this command begins, bytes. */
    void (*seek)(union mover_transfer *transfer, uint64_t position);
    /* Let what is started wait for the last of it; what it was started with. NULL: nothing waits.
     */
    void (*hold)(const struct mover *mover, bool on);
    IOReturn (*flush)(const struct mover *mover); /* NULL: nothing to be flushed */
    void (*show)(const struct mover *mover);      /* print the first lists that it is given */
    void (*print_counters)(const struct mover *mover);
};

struct mover {
    const struct mover_kind *kind;
    const char *role;
    uint64_t bytes; /* what it holds */
    uint64_t block; /* bytes; transfers are whole ones */
    IODMACommand_SegmentOptions limits;

    struct virtio_blk *disk;
    struct fw_cfg_item item;
    struct nvme_namespace *namespace;
    enum nvme_format format;
    struct sdhci_card *card;
    enum sdhci_mode mode;
    struct ahci_disk *sata;
    IODMAEventSource *source; /* NULL: not attached */
};

/* The kind of this name, of `length` characters; NULL: there is none, which a line says. */
const struct mover_kind *mover_kind(const char *name);

/* Find the device of a kind in a role, with `bits` address bits (0: as many as it has). False:
 * there is none. */
bool mover_open(struct mover *mover, const struct mover_kind *kind, const char *role,
                unsigned bits);

/* Be its client, on this loop; `arrive` gets the ends. False, and a line: it has a client. */
bool mover_attach(struct mover *mover, IOWorkLoop *loop, OSObject *owner,
                  IODMAEventSource_Action arrive);
void mover_detach(struct mover *mover);

#endif
