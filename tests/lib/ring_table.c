/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of what engines are told, for a reader: a ring's descriptors, fw_cfg's blocks. */
#include "tests/lib/ring_table.h"

#include "descriptors/IODMACommand.h"
#include "descriptors/IOService.h"
#include "drivers/fw_cfg/fw_cfg.h"
#include "drivers/virtio/blk_dma.h"
#include "kernel/console.h"

#define REQUESTS 2 /* shown */
#define ENTRIES  8 /* of each of them; the rest is counted */

static unsigned shown;

static void print_entry(const struct virtq_chain *chain, const struct virtq_entry *entry)
{
    kprintf("%s[%3u] 0x%-10llx %6u%s%s", virtq_chain_has_table(chain) ? "table" : "ring",
            entry->slot, (unsigned long long)entry->address.value, entry->length,
            (entry->flags & VIRTQ_WRITE) != 0 ? " WRITE" : "",
            (entry->flags & VIRTQ_NEXT) != 0 ? " NEXT" : "");
}

/* --- Where the bytes of a list come from -------------------------------------------------------
 */

struct origin {
    IOMemoryDescriptor *memory;
    const IODMACommand *command; /* NULL: the cursor's way, which bounces nothing */
    uint64_t bounced;            /* bytes shown that lie elsewhere */
    uint64_t reached;            /* where the device gets for the latest one */
};

static IOMapper *in_front; /* of the device; NULL: it is told of physical addresses */

/* Each device is shown after the one before it, by its service. */
static void begin(const IOService *service)
{
    shown = 0;
    in_front = (IOMapper *)IOService_getObject(service, "iommu-parent");
}

static void reach(struct origin *origin, uint64_t address)
{
    origin->reached = address;
    if (in_front != NULL) {
        IOMapper_translate(in_front, address, 0, &origin->reached, NULL);
    }
}

/* The limit that a byte at a physical address breaks. */
static const char *broken_limit(const IODMACommand *command, uint64_t physical)
{
    const unsigned bits = IODMACommand_getNumAddressBits(command);

    if (bits != 0 && bits < 64 && physical >> bits != 0) {
        return "above the address bits";
    }
    return "misaligned";
}

/* Where the byte at `offset` is for the CPU; and if it is elsewhere for the device, why. */
static const char *find_origin(struct origin *origin, uint64_t offset, uint64_t address,
                               uint32_t length, addr64_t *virtual)
{
    IOByteCount there;
    addr64_t physical;

    *virtual = IOMemoryDescriptor_getPhysicalSegment(origin->memory, offset, &there,
                                                     _kIOMemorySourceSegment);
    physical =
        IOMemoryDescriptor_getPhysicalSegment(origin->memory, offset, &there, kIOMemoryMapperNone);
    reach(origin, address);
    if (origin->command == NULL || physical == origin->reached) {
        return NULL;
    }
    origin->bounced += length;
    return broken_limit(origin->command, physical);
}

static void print_heading(void)
{
    kprintf(
        "      offset  virtual address       bytes     slot     I/O address       bytes flags\n");
}

static void print_origin(struct origin *origin, uint64_t offset, uint64_t address, uint32_t length,
                         const char **why)
{
    addr64_t virtual;

    *why = find_origin(origin, offset, address, length, &virtual);
    kprintf("  %10llu  0x%llx  %6u  -> ", (unsigned long long)offset, (unsigned long long)virtual,
            length);
}

/*
 * The end of a line: where its bytes are, if the device calls that otherwise; whether they are
 * where they were, or else why not.
 */
static void print_why(const struct origin *origin, const char *why)
{
    if (in_front != NULL) {
        kprintf("  physical 0x%llx", (unsigned long long)origin->reached);
    }
    kprintf(why != NULL ? "  bounced: %s\n" : "\n", why);
}

static void print_sum(const struct origin *origin, unsigned segments, uint64_t bytes)
{
    const unsigned bits =
        origin->command != NULL ? IODMACommand_getNumAddressBits(origin->command) : 0;

    kprintf("  %u segments, %llu bytes", segments, (unsigned long long)bytes);
    if (origin->command != NULL) {
        kprintf(", %llu bytes of the command bounced",
                (unsigned long long)IODMACommand_getBounceLength(origin->command));
    }
    if (bits != 0 && bits < 64) {
        kprintf(" (%u address bits end at 0x%llx)", bits, 1ull << bits);
    }
    kprintf("\n");
}

/* --- Disks ------------------------------------------------------------------------------------ */

static void print_entries(const struct virtio_blk_request *request, const struct virtq_chain *chain)
{
    struct origin origin = {
        .memory = request->memory,
        .command = virtio_blk_command_of(request),
    };
    const uint64_t first = request->offset + request->issued;
    uint64_t offset = first;
    struct virtq_entry entry, next;
    unsigned count = 0;

    for (unsigned i = 0; virtq_chain_entry(chain, i, &entry); i++) {
        const char *why = NULL;

        if (i == 0 || !virtq_chain_entry(chain, i + 1, &next)) {
            kprintf("  %-40s-> ", i == 0 ? "(header, read by the device)" : "(status byte)");
            reach(&origin, entry.address.value);
        } else if (++count <= ENTRIES) {
            print_origin(&origin, offset, entry.address.value, entry.length, &why);
            offset += entry.length;
        } else {
            kprintf(count == ENTRIES + 1 ? "  ...\n" : "");
            offset += entry.length;
            continue;
        }
        print_entry(chain, &entry);
        print_why(&origin, why);
    }
    print_sum(&origin, count, offset - first);
}

static void print_request(const struct virtio_blk_request *request, const struct virtq_chain *chain)
{
    kprintf("request %u: sector %llu, ring entry %u\n", shown,
            (unsigned long long)(request->sector + request->issued / VIRTIO_BLK_SECTOR),
            virtq_chain_slot(chain));
    print_heading();
    print_entries(request, chain);
}

static void show(void *context, const struct virtio_blk_request *request,
                 const struct virtq_chain *chain)
{
    if (request->operation != VIRTIO_BLK_READ && request->operation != VIRTIO_BLK_WRITE) {
        return;
    }
    print_request(request, chain);
    if (++shown == REQUESTS) {
        virtio_blk_watch(context, NULL, NULL);
    }
}

void ring_table_begin(struct virtio_blk *disk)
{
    begin(virtio_blk_get_service(disk));
    virtio_blk_watch(disk, show, disk);
}

/* --- fw_cfg ----------------------------------------------------------------------------------- */

static struct {
    struct origin origin;
    uint64_t offset, first; /* in the memory: of the next block, of the list's first */
    unsigned count;         /* segments of the list so far */
} list;

static void begin_list(const struct fw_cfg_transfer *transfer,
                       const struct fw_cfg_operation *operation)
{
    UInt64 prepared = 0;

    IODMACommand_getPreparedOffsetAndLength(transfer->command, &prepared, NULL);
    list.origin = (struct origin){
        .memory = (IOMemoryDescriptor *)IODMACommand_getMemoryDescriptor(transfer->command),
        .command = transfer->command,
    };
    list.offset = list.first = prepared + operation->offset;
    list.count = 0;
    kprintf("list %u: item %u (%s) from byte %u on\n", shown, operation->control >> 16,
            transfer->item.name, operation->length);
    print_heading();
    kprintf("  %-40s-> block[%3u] %-12s %6u SELECT SKIP\n", "(the item, and the place in it)",
            operation->slot, "", operation->length);
}

static void show_block(void *context, const struct fw_cfg_transfer *transfer,
                       const struct fw_cfg_operation *operation)
{
    const char *why;

    (void)context;
    if (shown == REQUESTS) {
        return; /* the engine looks for its watcher once a list */
    }
    if ((operation->control & FW_CFG_SELECT) != 0) {
        begin_list(transfer, operation);
        return;
    }
    if (++list.count <= ENTRIES) {
        print_origin(&list.origin, list.offset, operation->address, operation->length, &why);
        kprintf("block[%3u] 0x%-10llx %6u %s", operation->slot,
                (unsigned long long)operation->address, operation->length,
                (operation->control & FW_CFG_WRITE) != 0 ? "WRITE" : "READ");
        print_why(&list.origin, why);
    } else if (list.count == ENTRIES + 1) {
        kprintf("  ...\n");
    }
    list.offset += operation->length;
    if (operation->slot + 1 == operation->count) {
        print_sum(&list.origin, list.count, list.offset - list.first);
        shown++;
    }
}

void block_table_begin(void)
{
    begin(fw_cfg_get_service());
    list.count = 0;
    fw_cfg_watch(show_block, NULL);
}

/* --- NVMe ------------------------------------------------------------------------------------- */

static void print_piece(const struct nvme_piece *piece, bool pages)
{
    if (piece->place == NVME_IN_COMMAND) {
        kprintf(pages ? "PRP %u     " : "SGL       ", piece->slot);
    } else {
        kprintf("list[%3u] ", piece->slot);
    }
    kprintf("0x%-10llx %6u", (unsigned long long)piece->address, piece->length);
}

static void show_command(void *context, const struct nvme_operation *operation)
{
    const struct nvme_transfer *transfer = operation->transfer;
    const bool pages = transfer->format == NVME_PRP;
    struct origin origin = {
        .memory = (IOMemoryDescriptor *)IODMACommand_getMemoryDescriptor(transfer->command),
        .command = transfer->command,
    };
    struct nvme_piece piece;
    UInt64 offset = 0;

    IODMACommand_getPreparedOffsetAndLength(transfer->command, &offset, NULL);
    offset += operation->offset;
    kprintf("command %u: block %llu, queue %u, identifier 0x%x, list of %s at 0x%llx\n", shown,
            (unsigned long long)operation->block, operation->channel + 1, operation->id,
            pages ? "pages" : "pieces", (unsigned long long)operation->list_address);
    print_heading();
    for (unsigned i = 0; nvme_get_piece(operation, i, &piece); i++) {
        const char *why;

        if (i < ENTRIES) {
            print_origin(&origin, offset, piece.address, piece.length, &why);
            print_piece(&piece, pages);
            print_why(&origin, why);
        } else if (i == ENTRIES) {
            kprintf("  ...\n");
        }
        offset += piece.length;
    }
    print_sum(&origin, operation->pieces, operation->length);
    if (++shown == REQUESTS) {
        nvme_watch(context, NULL, NULL);
    }
}

void nvme_table_begin(struct nvme_namespace *disk)
{
    begin(nvme_get_service(disk));
    nvme_watch(disk, show_command, disk);
}

/* --- Lists that are told piece by piece ------------------------------------------------------- */

static struct {
    struct origin origin;
    uint64_t bytes; /* so far */
} pieces;

/* One of them; true after the last. */
static bool show_piece(const IODMACommand *command, uint64_t block, UInt64 offset, uint64_t address,
                       uint32_t length, unsigned slot, unsigned count, const char *name)
{
    UInt64 prepared = 0;
    const char *why;

    IODMACommand_getPreparedOffsetAndLength(command, &prepared, NULL);
    if (slot == 0) {
        pieces.origin = (struct origin){
            .memory = (IOMemoryDescriptor *)IODMACommand_getMemoryDescriptor(command),
            .command = command,
        };
        pieces.bytes = 0;
        kprintf("command %u: block %llu\n", shown, (unsigned long long)block);
        print_heading();
    }
    if (slot < ENTRIES) {
        print_origin(&pieces.origin, prepared + offset, address, length, &why);
        kprintf("%s[%3u] 0x%-10llx %6u", name, slot, (unsigned long long)address, length);
        print_why(&pieces.origin, why);
    } else if (slot == ENTRIES) {
        kprintf("  ...\n");
    }
    pieces.bytes += length;
    if (slot + 1 < count) {
        return false;
    }
    print_sum(&pieces.origin, count, pieces.bytes);
    return ++shown == REQUESTS;
}

static void show_card(void *context, const struct sdhci_piece *piece)
{
    const struct sdhci_transfer *transfer = piece->transfer;

    if (show_piece(transfer->serial.command, piece->block, piece->offset, piece->address,
                   piece->length, piece->slot, piece->count,
                   transfer->mode == SDHCI_SDMA ? "SDMA" : "list")) {
        sdhci_watch(context, NULL, NULL);
    }
}

void sdhci_table_begin(struct sdhci_card *card)
{
    begin(sdhci_get_service(card));
    sdhci_watch(card, show_card, card);
}

static void show_sata(void *context, const struct ahci_piece *piece)
{
    if (show_piece(piece->transfer->serial.command, piece->block, piece->offset, piece->address,
                   piece->length, piece->slot, piece->count, "list")) {
        ahci_watch(context, NULL, NULL);
    }
}

void ahci_table_begin(struct ahci_disk *disk)
{
    begin(ahci_get_service(disk));
    ahci_watch(disk, show_sata, disk);
}
