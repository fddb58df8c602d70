/* SPDX-License-Identifier: BSD-2-Clause */
/* A port as a DMA engine: the segment function writes the list that the controller reads. */
#include "drivers/ahci/ahci_private.h"
#include "drivers/pci/bus_cut.h"
#include "drivers/recording.h"
#include "kernel/console.h"
#include "kernel/mmio.h"

struct ahci_engine {
    struct serial_engine super;
    struct ahci_disk *disk;
};

static struct ahci_disk *disk_of(struct serial_engine *engine)
{
    return ((struct ahci_engine *)engine)->disk;
}

/* --- Lists ------------------------------------------------------------------------------------ */

struct ahci_list {
    struct ahci_entry *entries;
    struct bus_cut cut;
    bool wide;
};

static bool output_entry(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                         UInt32 index)
{
    struct ahci_list *list = context;
    const uint64_t length = segment.fLength < list->cut.left ? segment.fLength : list->cut.left;

    (void)target;
    /*
     * Options of a client's own may allow what the controller's do not: it would pass over an odd
     * bit, of an address or of a length.
     */
    if (length == 0 || segment.fLength > AHCI_PIECE_MAX ||
        ((segment.fIOVMAddr | segment.fLength) & 1) != 0 ||
        (!list->wide && segment.fIOVMAddr + length - 1 > UINT32_MAX)) {
        return false;
    }
    list->entries[index] = (struct ahci_entry){
        .address = (uint32_t)segment.fIOVMAddr,
        .address_high = (uint32_t)(segment.fIOVMAddr >> 32),
        .length = (uint32_t)length - 1,
    };
    bus_cut_add(&list->cut, index, length);
    return true;
}

static void record(const struct ahci_disk *disk, const struct ahci_piece *piece)
{
    const struct serial_transfer *transfer = &piece->transfer->serial;

    if (piece->slot == 0) {
        recording_list(transfer->command, piece->offset, disk);
    }
    recording_entry(transfer->command, piece->address, piece->length, piece->slot, TRACE_LIST_PRDT,
                    transfer->writes ? 0 : TRACE_SLOT_WRITES);
}

static void show_watcher(const struct ahci_disk *disk, const struct ahci_transfer *transfer,
                         unsigned count)
{
    struct ahci_piece piece = {
        .transfer = transfer,
        .block = transfer->block + transfer->serial.issued / AHCI_BLOCK,
        .offset = transfer->serial.offset + transfer->serial.issued,
        .count = count,
    };

    for (unsigned i = 0; i < count; i++) {
        const struct ahci_entry *entry = &disk->shared->table.pieces[i];

        piece.slot = i;
        piece.address = entry->address | (uint64_t)entry->address_high << 32;
        piece.length = entry->length + 1;
        if (trace_is_on()) {
            record(disk, &piece);
        }
        if (disk->watch != NULL) {
            disk->watch(disk->watch_context, &piece);
        }
        piece.offset += piece.length;
    }
}

static IOReturn issue(struct serial_engine *engine, struct serial_transfer *serial, uint64_t *bytes)
{
    struct ahci_disk *disk = disk_of(engine);
    const struct ahci_transfer *transfer = (struct ahci_transfer *)serial; /* its first member */
    const uint64_t most = AHCI_BLOCKS_MAX * (uint64_t)AHCI_BLOCK;
    const uint64_t left = serial->length - serial->issued;
    struct ahci_list list = {
        .entries = disk->shared->table.pieces,
        .cut = {.block = AHCI_BLOCK, .left = left < most ? left : most},
        .wide = disk->controller->wide,
    };
    UInt64 position = serial->offset + serial->issued;
    UInt32 count = AHCI_PIECES;
    IOReturn status = IODMACommand_genIOVMSegmentsFunction(serial->command, output_entry, &position,
                                                           &list, &count);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (list.cut.whole == 0) {
        return kIOReturnNoSpace; /* a block in more pieces than that */
    }
    *bytes = list.cut.whole;
    list.entries[list.cut.count - 1].length = (uint32_t)list.cut.last - 1;
    if (disk->watch != NULL || trace_is_on()) {
        show_watcher(disk, transfer, list.cut.count);
    }
    trace_doorbell((vaddr_t)disk, transfer->block + serial->issued / AHCI_BLOCK, 0);
    ahci_give(disk, serial->writes ? AHCI_WRITE : AHCI_READ,
              transfer->block + serial->issued / AHCI_BLOCK, (uint32_t)(*bytes / AHCI_BLOCK),
              serial->writes, list.cut.count);
    return kIOReturnSuccess;
}

static IOReturn check(struct serial_engine *engine, const struct serial_transfer *serial)
{
    const struct ahci_disk *disk = disk_of(engine);
    const struct ahci_transfer *transfer = (const struct ahci_transfer *)serial;
    const uint64_t blocks = serial->length / AHCI_BLOCK;

    if (transfer->disk != disk || serial->length % AHCI_BLOCK != 0) {
        return kIOReturnBadArgument;
    }
    /* Written so that no sum can wrap. */
    return blocks <= disk->blocks && transfer->block <= disk->blocks - blocks ? kIOReturnSuccess
                                                                              : kIOReturnOverrun;
}

static bool reset(struct serial_engine *engine)
{
    return ahci_reset_port(disk_of(engine));
}

static const struct serial_class serial = {.check = check, .issue = issue, .reset = reset};

/* --- Interrupt -------------------------------------------------------------------------------- */

static void fail(struct ahci_disk *disk, IOReturn status)
{
    if (ahci_reset_port(disk)) {
        serial_answer(disk->engine, status, 0);
    } else {
        serial_reset(disk->engine, kIOReturnNotResponding);
    }
}

bool ahci_look(struct ahci_disk *disk)
{
    const uint32_t causes = mmio_read32(disk->registers, AHCI_PxIS);

    if (causes == 0 || causes == UINT32_MAX) {
        return false;
    }
    lock_take_masked(&disk->engine->lock);
    mmio_write32(disk->registers, AHCI_PxIS, causes);
    if ((causes & AHCI_IS_ERRORS) != 0) {
        fail(disk, (causes & AHCI_IS_MEMORY) != 0 ? kIOReturnDMAError : kIOReturnIOError);
    } else if ((mmio_read32(disk->registers, AHCI_PxCI) & 1) == 0) {
        const uint32_t moved = shared_read32(&disk->shared->heads[0].moved);

        /* It counts what it has moved, either way (section 5.4.1). */
        serial_answer(disk->engine,
                      moved == disk->engine->bytes ? kIOReturnSuccess : kIOReturnUnderrun, 0);
    }
    lock_release_masked(&disk->engine->lock);
    return true;
}

/* --- The class -------------------------------------------------------------------------------- */

static uint32_t engines;

static const IODMAChannelControllerClass engine_class = {
    .super = {.meta = {"AhciEngine", &IODMAController_metaClass, sizeof(struct ahci_engine),
                       &engines, controller_free},
              .startDMACommand = serial_start,
              CONTROLLER_WITH_CHANNELS,
              CONTROLLER_WITHOUT_FIFO},
    SERIAL_ENGINE,
};

IOReturn ahci_create_engine(struct ahci_disk *disk)
{
    struct pci_info info;
    char name[32];

    pci_get_info(disk->controller->function, &info);
    ksnprintf(name, sizeof(name), "ahci@%02x:%02x.%x,%u", info.bus, info.slot, info.number,
              disk->port);
    /* Where it is tells it apart from all other engines. */
    disk->engine = (struct serial_engine *)IODMAController_withOwnService(
        &engine_class.super.meta, name, 0x60000000u | (UInt32)info.requester << 5 | disk->port,
        &disk->service);
    if (disk->engine == NULL) {
        return IOMemoryLastError();
    }
    serial_init(disk->engine, &serial, "a SATA disk");
    ((struct ahci_engine *)disk->engine)->disk = disk;
    /* Who makes commands of its own for it finds the function's mapper here. */
    return IOService_setObject(disk->service, "iommu-parent", disk->controller->mapper);
}

void ahci_get_segment_options(const struct ahci_disk *disk, IODMACommand_SegmentOptions *options)
{
    *options = (IODMACommand_SegmentOptions){
        .fStructSize = sizeof(*options),
        .fNumAddressBits = disk->controller->wide ? 64 : 32,
        .fMaxSegmentSize = AHCI_PIECE_MAX,
        .fAlignment = 2,
        .fAlignmentLength = 2,
        .fAlignmentInternalSegments = 2,
    };
}

IODMACommand *ahci_create_command(struct ahci_disk *disk,
                                  const IODMACommand_SegmentOptions *options,
                                  uint32_t mappingOptions, struct ahci_transfer *transfer)
{
    IODMACommand_SegmentOptions own;

    if (disk == NULL || transfer == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    ahci_get_segment_options(disk, &own);
    *transfer = (struct ahci_transfer){.disk = disk};
    transfer->serial.command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost64, options != NULL ? options : &own, mappingOptions,
        disk->controller->mapper, transfer);
    return transfer->serial.command;
}
