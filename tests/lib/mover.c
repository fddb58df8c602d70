/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of devices that the main job can move a file with. */
#include "tests/lib/mover.h"

#include <string.h>

#include "kernel/console.h"
#include "kernel/options.h"
#include "tests/lib/ring_table.h"

/* --- Disks ------------------------------------------------------------------------------------ */

static bool blk_open(struct mover *mover, const char *role)
{
    struct virtio_blk_info info;

    mover->disk = virtio_blk_find(role); /* its serial number */
    if (mover->disk == NULL) {
        return false;
    }
    virtio_blk_get_info(mover->disk, &info);
    mover->bytes = info.sectors * VIRTIO_BLK_SECTOR;
    mover->block = info.block_size;
    return true;
}

static IOService *blk_get_service(const struct mover *mover)
{
    return virtio_blk_get_service(mover->disk);
}

static void blk_get_limits(const struct mover *mover, IODMACommand_SegmentOptions *limits)
{
    virtio_blk_get_segment_options(mover->disk, limits);
}

static IODMACommand *blk_create_command(const struct mover *mover, union mover_transfer *transfer)
{
    return virtio_blk_create_command(mover->disk, &mover->limits, kMapped, &transfer->blk);
}

static void blk_seek(union mover_transfer *transfer, uint64_t position)
{
    transfer->blk.sector = position / VIRTIO_BLK_SECTOR;
}

static void blk_hold(const struct mover *mover, bool on)
{
    virtio_blk_hold_doorbell(mover->disk, on);
}

static IOReturn blk_flush(const struct mover *mover)
{
    return virtio_blk_flush(mover->disk);
}

static void blk_show(const struct mover *mover)
{
    ring_table_begin(mover->disk);
}

static void blk_print_counters(const struct mover *mover)
{
    struct virtq_counters counters;

    virtio_blk_get_counters(mover->disk, &counters);
    kprintf("  %-7s %10llu requests %10llu segments %8llu doorbells %8llu interrupts\n",
            mover->role, (unsigned long long)counters.requests,
            (unsigned long long)counters.segments, (unsigned long long)counters.doorbells,
            (unsigned long long)counters.interrupts);
}

/* --- fw_cfg ----------------------------------------------------------------------------------- */

static bool fw_cfg_open(struct mover *mover, const char *role)
{
    char name[FW_CFG_NAME_LENGTH];

    ksnprintf(name, sizeof(name), "opt/%s", role);
    if (fw_cfg_find(name, &mover->item) != kIOReturnSuccess) {
        return false;
    }
    mover->bytes = mover->item.size;
    mover->block = 1;
    return true;
}

static IOService *fw_cfg_get_its_service(const struct mover *mover)
{
    (void)mover;
    return fw_cfg_get_service();
}

static void fw_cfg_get_limits(const struct mover *mover, IODMACommand_SegmentOptions *limits)
{
    (void)mover;
    fw_cfg_get_segment_options(limits);
}

static IODMACommand *fw_cfg_create(const struct mover *mover, union mover_transfer *transfer)
{
    IODMACommand *command = fw_cfg_create_command(&mover->limits, kMapped, &transfer->fw_cfg);

    transfer->fw_cfg.item = mover->item;
    return command;
}

static void fw_cfg_seek_to(union mover_transfer *transfer, uint64_t position)
{
    transfer->fw_cfg.position = (uint32_t)position;
}

static void fw_cfg_show(const struct mover *mover)
{
    (void)mover;
    block_table_begin();
}

static void fw_cfg_print_counters(const struct mover *mover)
{
    kprintf("  %-7s %10llu blocks started\n", mover->role, (unsigned long long)fw_cfg_operations());
}

/* --- NVMe ------------------------------------------------------------------------------------- */

OPTION(list, "transfer.list", "FORMAT",
       "how it is told of memory: nvme: sgl (default), prp; sdhci: adma2 (default), sdma");

/* By pieces where the controller knows how; transfer.list=prp: by pages. */
static enum nvme_format nvme_choose(const struct nvme_namespace *disk)
{
    IODMACommand_SegmentOptions limits;
    const char *const list = option_value("transfer.list");

    if (list != NULL && strcmp(list, "prp") == 0) {
        return NVME_PRP;
    }
    return nvme_get_segment_options(disk, NVME_SGL, &limits) == kIOReturnSuccess ? NVME_SGL
                                                                                 : NVME_PRP;
}

static bool nvme_open_mover(struct mover *mover, const char *role)
{
    struct nvme_info info;

    mover->namespace = nvme_find(role); /* its controller's serial number */
    if (mover->namespace == NULL) {
        return false;
    }
    nvme_get_info(mover->namespace, &info);
    mover->bytes = info.blocks * info.block_size;
    mover->block = info.block_size;
    mover->format = nvme_choose(mover->namespace);
    return true;
}

static IOService *nvme_get_its_service(const struct mover *mover)
{
    return nvme_get_service(mover->namespace);
}

static void nvme_get_limits(const struct mover *mover, IODMACommand_SegmentOptions *limits)
{
    nvme_get_segment_options(mover->namespace, mover->format, limits);
}

static IODMACommand *nvme_create(const struct mover *mover, union mover_transfer *transfer)
{
    return nvme_create_command(mover->namespace, mover->format, &mover->limits, kMapped,
                               &transfer->nvme);
}

static void nvme_seek(union mover_transfer *transfer, uint64_t position)
{
    struct nvme_info info;

    nvme_get_info(transfer->nvme.disk, &info);
    transfer->nvme.block = position / info.block_size;
}

static void nvme_hold(const struct mover *mover, bool on)
{
    nvme_hold_doorbell(mover->namespace, 0, on);
}

static IOReturn nvme_flush_mover(const struct mover *mover)
{
    return nvme_flush(mover->namespace);
}

static void nvme_show(const struct mover *mover)
{
    nvme_table_begin(mover->namespace);
}

static void nvme_print_counters(const struct mover *mover)
{
    struct nvme_counters counters;

    nvme_get_counters(mover->namespace, 0, &counters);
    kprintf("  %-7s %10llu commands %10llu pieces   %8llu doorbells %8llu interrupts, %u commands "
            "at once\n",
            mover->role, (unsigned long long)counters.commands, (unsigned long long)counters.pieces,
            (unsigned long long)counters.doorbells, (unsigned long long)counters.interrupts,
            counters.most);
}

/* --- SD cards --------------------------------------------------------------------------------- */

/* It has no name: the first one is the source. */
static bool sdhci_open(struct mover *mover, const char *role)
{
    const char *const list = option_value("transfer.list");
    struct sdhci_info info;

    mover->card = strcmp(role, "source") == 0 ? sdhci_get(0) : NULL;
    if (mover->card == NULL) {
        return false;
    }
    sdhci_get_info(mover->card, &info);
    mover->bytes = info.blocks * SDHCI_BLOCK;
    mover->block = SDHCI_BLOCK;
    mover->mode = list != NULL && strcmp(list, "sdma") == 0 ? SDHCI_SDMA : SDHCI_ADMA2;
    return true;
}

static IOService *sdhci_get_its_service(const struct mover *mover)
{
    return sdhci_get_service(mover->card);
}

static void sdhci_get_limits(const struct mover *mover, IODMACommand_SegmentOptions *limits)
{
    sdhci_get_segment_options(mover->card, mover->mode, limits);
}

static IODMACommand *sdhci_create(const struct mover *mover, union mover_transfer *transfer)
{
    return sdhci_create_command(mover->card, mover->mode, &mover->limits, kMapped,
                                &transfer->sdhci);
}

static void sdhci_seek(union mover_transfer *transfer, uint64_t position)
{
    transfer->sdhci.block = position / SDHCI_BLOCK;
}

static void sdhci_show(const struct mover *mover)
{
    sdhci_table_begin(mover->card);
}

static void sdhci_print_counters(const struct mover *mover)
{
    kprintf("  %-7s %10llu commands of the card\n", mover->role,
            (unsigned long long)sdhci_commands(mover->card));
}

/* --- SATA disks ------------------------------------------------------------------------------- */

static bool ahci_open(struct mover *mover, const char *role)
{
    struct ahci_info info;

    mover->sata = ahci_find(role); /* its serial number */
    if (mover->sata == NULL) {
        return false;
    }
    ahci_get_info(mover->sata, &info);
    mover->bytes = info.blocks * AHCI_BLOCK;
    mover->block = AHCI_BLOCK;
    return true;
}

static IOService *ahci_get_its_service(const struct mover *mover)
{
    return ahci_get_service(mover->sata);
}

static void ahci_get_limits(const struct mover *mover, IODMACommand_SegmentOptions *limits)
{
    ahci_get_segment_options(mover->sata, limits);
}

static IODMACommand *ahci_create(const struct mover *mover, union mover_transfer *transfer)
{
    return ahci_create_command(mover->sata, &mover->limits, kMapped, &transfer->ahci);
}

static void ahci_seek(union mover_transfer *transfer, uint64_t position)
{
    transfer->ahci.block = position / AHCI_BLOCK;
}

static void ahci_show(const struct mover *mover)
{
    ahci_table_begin(mover->sata);
}

static void ahci_print_counters(const struct mover *mover)
{
    kprintf("  %-7s %10llu commands of the disk\n", mover->role,
            (unsigned long long)ahci_commands(mover->sata));
}

/* --- The table -------------------------------------------------------------------------------- */

static const struct mover_kind kinds[] = {
    {
        .name = "virtio-blk",
        .open = blk_open,
        .get_service = blk_get_service,
        .get_limits = blk_get_limits,
        .create_command = blk_create_command,
        .seek = blk_seek,
        .hold = blk_hold,
        .flush = blk_flush,
        .show = blk_show,
        .print_counters = blk_print_counters,
    },
    {
        .name = "fw_cfg",
        .open = fw_cfg_open,
        .get_service = fw_cfg_get_its_service,
        .get_limits = fw_cfg_get_limits,
        .create_command = fw_cfg_create,
        .seek = fw_cfg_seek_to,
        .show = fw_cfg_show,
        .print_counters = fw_cfg_print_counters,
    },
    {
        .name = "nvme",
        .open = nvme_open_mover,
        .get_service = nvme_get_its_service,
        .get_limits = nvme_get_limits,
        .create_command = nvme_create,
        .seek = nvme_seek,
        .hold = nvme_hold,
        .flush = nvme_flush_mover,
        .show = nvme_show,
        .print_counters = nvme_print_counters,
    },
    {
        .name = "sdhci",
        .open = sdhci_open,
        .get_service = sdhci_get_its_service,
        .get_limits = sdhci_get_limits,
        .create_command = sdhci_create,
        .seek = sdhci_seek,
        .show = sdhci_show,
        .print_counters = sdhci_print_counters,
    },
    {
        .name = "ahci",
        .open = ahci_open,
        .get_service = ahci_get_its_service,
        .get_limits = ahci_get_limits,
        .create_command = ahci_create,
        .seek = ahci_seek,
        .show = ahci_show,
        .print_counters = ahci_print_counters,
    },
};

const struct mover_kind *mover_kind(const char *name)
{
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    kprintf("transfer: what is a %s? There are:", name);
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        kprintf(" %s", kinds[i].name);
    }
    kprintf("\n");
    return NULL;
}

bool mover_open(struct mover *mover, const struct mover_kind *kind, const char *role, unsigned bits)
{
    *mover = (struct mover){.kind = kind, .role = role};
    if (!kind->open(mover, role)) {
        return false;
    }
    kind->get_limits(mover, &mover->limits);
    if (bits != 0) {
        mover->limits.fNumAddressBits = (uint8_t)bits;
    }
    return true;
}

bool mover_attach(struct mover *mover, IOWorkLoop *loop, OSObject *owner,
                  IODMAEventSource_Action arrive)
{
    IOService *service = mover->kind->get_service(mover);

    if (service != NULL) {
        mover->source = IODMAEventSource_dmaEventSource(owner, service, arrive, NULL, 0);
    }
    if (mover->source == NULL ||
        IOWorkLoop_addEventSource(loop, mover->source) != kIOReturnSuccess) {
        kprintf("transfer: %s: %s\n", mover->role, IOReturn_name(IOMemoryLastError()));
        return false;
    }
    return true;
}

void mover_detach(struct mover *mover)
{
    if (mover->source != NULL) {
        IOWorkLoop_removeEventSource(IOEventSource_getWorkLoop(mover->source), mover->source);
        OSObject_release(mover->source);
        mover->source = NULL;
    }
}
