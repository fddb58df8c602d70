/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SD host controller as a DMA engine. The segment functions write the list that the
 * controller reads, or the register that is all it is told.
 */
#include "drivers/pci/bus_cut.h"
#include "drivers/recording.h"
#include "drivers/sdhci/sdhci_private.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"

struct sdhci_engine {
    struct serial_engine super;
    struct sdhci_card *card;
};

static struct sdhci_card *card_of(struct serial_engine *engine)
{
    return ((struct sdhci_engine *)engine)->card;
}

static struct sdhci_transfer *transfer_of(struct serial_transfer *serial)
{
    return (struct sdhci_transfer *)serial; /* its first member */
}

/* --- Lists ------------------------------------------------------------------------------------ */

struct sdhci_list {
    struct sdhci_entry *entries; /* NULL: one address */
    volatile void *registers;
    struct bus_cut cut;
    uint32_t address;
};

/* Of the segment, as much as is wanted; 0: nothing, or the controller could not be told of it. */
static uint32_t wanted(const struct sdhci_list *list, IODMACommand_Segment64 segment,
                       uint64_t longest)
{
    const uint64_t length = segment.fLength < list->cut.left ? segment.fLength : list->cut.left;

    /* Options of a client's own may allow what the controller's do not: it would mask, or stop. */
    if (segment.fLength > longest || (segment.fIOVMAddr & 3) != 0 ||
        segment.fIOVMAddr > UINT32_MAX - (length - 1)) {
        return 0;
    }
    return (uint32_t)length;
}

static bool output_entry(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                         UInt32 index)
{
    struct sdhci_list *list = context;
    const uint32_t length = wanted(list, segment, SDHCI_PIECE_MAX);

    (void)target;
    if (length == 0) {
        return false;
    }
    list->entries[index] = (struct sdhci_entry){
        .flags = SDHCI_ENTRY_VALID | SDHCI_ENTRY_MOVE,
        .length = (uint16_t)length, /* 65536 becomes the 0 that says so */
        .address = (uint32_t)segment.fIOVMAddr,
    };
    bus_cut_add(&list->cut, index, length);
    return true;
}

static bool output_address(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                           UInt32 index)
{
    struct sdhci_list *list = context;
    const uint32_t length = wanted(list, segment, SDHCI_BOUNDARY);
    const uint64_t last = segment.fIOVMAddr + segment.fLength - 1;

    (void)target;
    if (length == 0 || (segment.fIOVMAddr ^ last) >= SDHCI_BOUNDARY) {
        return false;
    }
    list->address = (uint32_t)segment.fIOVMAddr;
    mmio_write32(list->registers, SDHCI_SDMA_ADDRESS, list->address);
    bus_cut_add(&list->cut, index, length);
    return true;
}

/* Whole blocks of what the list holds; the last entry says that it is the last. */
static void close_list(const struct sdhci_list *list)
{
    struct sdhci_entry *last = &list->entries[list->cut.count - 1];

    last->length = (uint16_t)list->cut.last;
    last->flags = SDHCI_ENTRY_VALID | SDHCI_ENTRY_MOVE | SDHCI_ENTRY_END;
}

static void record(const struct sdhci_card *card, const struct sdhci_piece *piece)
{
    const struct sdhci_transfer *transfer = piece->transfer;

    if (piece->slot == 0) {
        recording_list(transfer->serial.command, piece->offset, card);
    }
    recording_entry(transfer->serial.command, piece->address, piece->length, piece->slot,
                    transfer->mode == SDHCI_ADMA2 ? TRACE_LIST_ADMA2 : TRACE_LIST_SDMA,
                    transfer->serial.writes ? 0 : TRACE_SLOT_WRITES);
}

static void show_watcher(const struct sdhci_card *card, const struct sdhci_transfer *transfer,
                         const struct sdhci_list *list)
{
    struct sdhci_piece piece = {
        .transfer = transfer,
        .block = transfer->block + transfer->serial.issued / SDHCI_BLOCK,
        .offset = transfer->serial.offset + transfer->serial.issued,
        .count = list->cut.count,
    };

    for (unsigned i = 0; i < piece.count; i++) {
        const struct sdhci_entry *entry = list->entries != NULL ? &list->entries[i] : NULL;

        piece.slot = i;
        piece.address = entry != NULL ? entry->address : list->address;
        piece.length = entry == NULL        ? (uint32_t)list->cut.last
                       : entry->length == 0 ? SDHCI_PIECE_MAX
                                            : entry->length;
        if (trace_is_on()) {
            record(card, &piece);
        }
        if (card->watch != NULL) {
            card->watch(card->watch_context, &piece);
        }
        piece.offset += piece.length;
    }
}

/* --- Commands --------------------------------------------------------------------------------- */

static void start_command(struct sdhci_card *card, const struct sdhci_transfer *transfer,
                          uint64_t bytes)
{
    const uint64_t block = transfer->block + transfer->serial.issued / SDHCI_BLOCK;
    const uint32_t blocks = (uint32_t)(bytes / SDHCI_BLOCK);
    const uint32_t mode = SDHCI_MODE_DMA | SDHCI_MODE_COUNT | SDHCI_MODE_STOP | SDHCI_MODE_MULTI |
                          (transfer->serial.writes ? 0 : SDHCI_MODE_READ);

    mmio_write32(card->registers, SDHCI_CONTROL,
                 SDHCI_CONTROL_POWER | (transfer->mode == SDHCI_ADMA2 ? SDHCI_CONTROL_ADMA2 : 0));
    mmio_write32(card->registers, SDHCI_BLOCKS, blocks << 16 | SDHCI_BOUNDARY_512K | SDHCI_BLOCK);
    mmio_write32(card->registers, SDHCI_ARGUMENT,
                 (uint32_t)(card->by_blocks ? block : block * SDHCI_BLOCK));
    cpu_dmb_sy(); /* the list and the data are in memory before the controller looks */
    trace_doorbell((vaddr_t)card, block, 0);
    mmio_write32(card->registers, SDHCI_COMMAND,
                 SDHCI_DO(transfer->serial.writes ? 25 : 18, SDHCI_ANSWER | SDHCI_WITH_DATA) |
                     mode);
}

static IOReturn issue(struct serial_engine *engine, struct serial_transfer *serial, uint64_t *bytes)
{
    struct sdhci_card *card = card_of(engine);
    struct sdhci_transfer *transfer = transfer_of(serial);
    const bool adma = transfer->mode == SDHCI_ADMA2;
    const uint64_t most = SDHCI_BLOCKS_MAX * (uint64_t)SDHCI_BLOCK;
    const uint64_t left = serial->length - serial->issued;
    struct sdhci_list list = {
        .entries = adma ? card->list.bytes : NULL,
        .registers = card->registers,
        .cut = {.block = SDHCI_BLOCK, .left = left < most ? left : most},
    };
    UInt64 position = serial->offset + serial->issued;
    UInt32 count = adma ? SDHCI_ENTRIES : 1;
    IOReturn status = IODMACommand_genIOVMSegmentsFunction(
        serial->command, adma ? output_entry : output_address, &position, &list, &count);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (list.cut.whole == 0) {
        return kIOReturnNoSpace; /* a block in more pieces than that */
    }
    *bytes = list.cut.whole;
    if (adma) {
        close_list(&list);
        mmio_write32(card->registers, SDHCI_ADMA_ADDRESS, (uint32_t)card->list.start);
    }
    if (card->watch != NULL || trace_is_on()) {
        show_watcher(card, transfer, &list);
    }
    start_command(card, transfer, *bytes);
    return kIOReturnSuccess;
}

static IOReturn check(struct serial_engine *engine, const struct serial_transfer *serial)
{
    const struct sdhci_card *card = card_of(engine);
    const struct sdhci_transfer *transfer = (const struct sdhci_transfer *)serial;
    const uint64_t blocks = serial->length / SDHCI_BLOCK;

    if (transfer->card != card || serial->length % SDHCI_BLOCK != 0) {
        return kIOReturnBadArgument;
    }
    if (serial->writes && card->read_only) {
        return kIOReturnNotWritable;
    }
    /* Written so that no sum can wrap. */
    return blocks <= card->blocks && transfer->block <= card->blocks - blocks ? kIOReturnSuccess
                                                                              : kIOReturnOverrun;
}

static bool reset(struct serial_engine *engine)
{
    return sdhci_reset_lines(card_of(engine));
}

static const struct serial_class serial = {.check = check, .issue = issue, .reset = reset};

/* --- Interrupt -------------------------------------------------------------------------------- */

static IOReturn failure(uint32_t status)
{
    return (status & SDHCI_ERROR_ADMA) != 0   ? kIOReturnDMAError
           : (status & SDHCI_ERROR_TIME) != 0 ? kIOReturnTimeout
                                              : kIOReturnIOError;
}

enum irq_result sdhci_interrupt(void *context)
{
    struct sdhci_card *card = context;
    const uint32_t status = mmio_read32(card->registers, SDHCI_STATUS);

    if ((status & (SDHCI_ERROR | SDHCI_DONE_DATA)) == 0 || status == UINT32_MAX) {
        return IRQ_NOTHING; /* the line is somebody else's as well */
    }
    lock_take_masked(&card->engine->lock);
    mmio_write32(card->registers, SDHCI_STATUS, status);
    if ((status & SDHCI_ERROR) == 0) {
        serial_answer(card->engine, kIOReturnSuccess, 0);
    } else if (!sdhci_reset_lines(card)) {
        serial_reset(card->engine, kIOReturnNotResponding);
    } else {
        serial_answer(card->engine, failure(status), 0);
    }
    lock_release_masked(&card->engine->lock);
    return IRQ_SERVED;
}

/* --- The class -------------------------------------------------------------------------------- */

static uint32_t engines;

static const IODMAChannelControllerClass engine_class = {
    .super = {.meta = {"SdhciEngine", &IODMAController_metaClass, sizeof(struct sdhci_engine),
                       &engines, controller_free},
              .startDMACommand = serial_start,
              CONTROLLER_WITH_CHANNELS,
              CONTROLLER_WITHOUT_FIFO},
    SERIAL_ENGINE,
};

IOReturn sdhci_create_engine(struct sdhci_card *card)
{
    struct pci_info info;
    char name[24];

    pci_get_info(card->function, &info);
    ksnprintf(name, sizeof(name), "sdhci@%02x:%02x.%x", info.bus, info.slot, info.number);
    /* Where it is tells it apart from all other engines. */
    card->engine = (struct serial_engine *)IODMAController_withOwnService(
        &engine_class.super.meta, name, 0x50000000u | info.requester, &card->service);
    if (card->engine == NULL) {
        return IOMemoryLastError();
    }
    serial_init(card->engine, &serial, "an SD card");
    ((struct sdhci_engine *)card->engine)->card = card;
    /* Who makes commands of its own for it finds the function's mapper here. */
    return IOService_setObject(card->service, "iommu-parent", card->mapper);
}

IOReturn sdhci_get_segment_options(const struct sdhci_card *card, enum sdhci_mode mode,
                                   IODMACommand_SegmentOptions *options)
{
    const bool adma = mode == SDHCI_ADMA2;

    if (adma ? !card->has_adma2 : !card->has_sdma) {
        return kIOReturnUnsupported;
    }
    *options = (IODMACommand_SegmentOptions){
        .fStructSize = sizeof(*options),
        .fNumAddressBits = 32,
        .fMaxSegmentSize = adma ? SDHCI_PIECE_MAX : SDHCI_BOUNDARY,
        .fAlignment = 4,
        /* One address is one command, of whole blocks. */
        .fAlignmentLength = adma ? 4 : SDHCI_BLOCK,
        .fAlignmentInternalSegments = 4,
        .fSegmentBoundary = adma ? 0 : SDHCI_BOUNDARY,
        .fAlignmentInternalEnd = 1,
    };
    return kIOReturnSuccess;
}

IODMACommand *sdhci_create_command(struct sdhci_card *card, enum sdhci_mode mode,
                                   const IODMACommand_SegmentOptions *options,
                                   uint32_t mappingOptions, struct sdhci_transfer *transfer)
{
    IODMACommand_SegmentOptions own;
    IOReturn status = kIOReturnBadArgument;

    if (card != NULL && transfer != NULL && (mode == SDHCI_ADMA2 || mode == SDHCI_SDMA)) {
        status = sdhci_get_segment_options(card, mode, &own);
    }
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return NULL;
    }
    *transfer = (struct sdhci_transfer){.card = card, .mode = mode};
    transfer->serial.command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost32, options != NULL ? options : &own, mappingOptions, card->mapper,
        transfer);
    return transfer->serial.command;
}
