/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of devices that the main job can move a file with. */
#include "tests/lib/mover.h"

#include <string.h>

#include "kernel/console.h"
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
