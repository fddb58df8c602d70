/* SPDX-License-Identifier: BSD-2-Clause */
/* Each request's chain, read back, beside the memory that its commands name. */
#include "tests/lib/copy_table.h"

#include "kernel/console.h"

#define REQUESTS 2 /* shown */
#define ENTRIES  6 /* of each side of them; the rest is counted */

struct entry {
    struct virtq_entry slot;
    uint64_t offset;   /* in the descriptor */
    addr64_t virtual;  /* where it is for the CPU */
    addr64_t physical; /* where its memory is */
    uint64_t there;    /* bytes of memory in a row from there on */
    bool elsewhere, last;
};

/* The limit that memory breaks which is not used where it is. */
static const char *why_elsewhere(struct copy_table *table, const struct entry *entry)
{
    const unsigned bits = table->limits.address_bits;

    if (bits != 0 && bits < 64 && (entry->physical + entry->slot.length - 1) >> bits != 0) {
        table->above += entry->slot.length;
        return "bounced: R01, above the address bits";
    }
    table->misaligned += entry->slot.length;
    return "bounced: R05 to R08, misaligned";
}

static const char *why_cut(struct copy_table *table, const struct entry *entry, unsigned count,
                           bool more)
{
    const struct vdma_limits *limits = &table->limits;
    const uint64_t end = entry->slot.address.value + entry->slot.length;

    if (entry->there <= entry->slot.length) {
        return NULL; /* the memory goes on somewhere else */
    }
    if (entry->last && !more) {
        return NULL; /* all that was asked for */
    }
    if (limits->segment_max != 0 && entry->slot.length == limits->segment_max) {
        table->longest++;
        return "cut: R02, the largest segment";
    }
    if (limits->boundary != 0 && end % limits->boundary == 0) {
        table->boundary++;
        return "cut: R09, a boundary";
    }
    if (limits->segments_max != 0 && count == limits->segments_max) {
        table->full++;
        return "cut: R03, the most segments";
    }
    table->other++;
    return "cut: where the other side ends";
}

static void print_entry(const struct entry *entry, bool target, const char *note)
{
    kprintf("  %10llu  0x%llx  %6u  -> %s[%3u] 0x%-10llx %6u %s%s%s\n",
            (unsigned long long)entry->offset, (unsigned long long)entry->virtual,
            entry->slot.length, "table", entry->slot.slot,
            (unsigned long long)entry->slot.address.value, entry->slot.length,
            target ? "WRITE" : "READ ", note != NULL ? "  " : "", note != NULL ? note : "");
}

/* Where the bytes are for the CPU, and for the device without a mapper. */
static void find_memory(struct entry *entry, IOMemoryDescriptor *memory)
{
    IOByteCount there;

    entry->virtual = IOMemoryDescriptor_getPhysicalSegment(memory, entry->offset, &there,
                                                           _kIOMemorySourceSegment);
    entry->physical =
        IOMemoryDescriptor_getPhysicalSegment(memory, entry->offset, &there, kIOMemoryMapperNone);
    entry->there = there;
}

/* Entries from *index on, as many as are the side's; how many those are. */
static unsigned add_side(struct copy_table *table, const struct vdma_transfer *transfer,
                         const struct virtq_chain *chain, bool target, unsigned *index, bool shows)
{
    const bool more = transfer->moved + transfer->part < transfer->length;
    IOMemoryDescriptor *memory;
    struct vdma_view view;
    uint64_t done = 0;
    UInt64 prepared = 0;
    unsigned count = 0;

    vdma_get_view(transfer, target, &view);
    if (view.command == NULL) {
        return 0;
    }
    memory = (IOMemoryDescriptor *)IODMACommand_getMemoryDescriptor(view.command);
    IODMACommand_getPreparedOffsetAndLength(view.command, &prepared, NULL);
    for (; done < view.bytes; (*index)++) {
        struct entry entry = {.offset = prepared + view.offset + done};
        const char *note;

        if (!virtq_chain_entry(chain, *index, &entry.slot)) {
            break;
        }
        find_memory(&entry, memory);
        entry.elsewhere = !table->translated && entry.physical != entry.slot.address.value;
        done += entry.slot.length;
        entry.last = done == view.bytes;
        count++;
        note = entry.elsewhere ? why_elsewhere(table, &entry) : why_cut(table, &entry, count, more);
        if (shows && count <= ENTRIES) {
            print_entry(&entry, target, note);
        } else if (shows && count == ENTRIES + 1) {
            kprintf("  ...\n");
        }
    }
    return count;
}

static void print_head(struct copy_table *table, uint64_t bytes, unsigned slot)
{
    table->shown++;
    kprintf("copy %u: %llu bytes from memory to memory, ring entry %u\n", table->shown,
            (unsigned long long)bytes, slot);
    kprintf("      offset  virtual address       bytes     slot     I/O address       bytes "
            "flags\n");
}

void copy_table_add(struct copy_table *table, const struct vdma_transfer *transfer,
                    const struct virtq_chain *chain)
{
    const bool shows = table->shown < REQUESTS;
    unsigned index = 1, source, target; /* behind the header */

    if (shows) {
        print_head(table, transfer->part, virtq_chain_slot(chain));
    }
    source = add_side(table, transfer, chain, false, &index, shows);
    target = add_side(table, transfer, chain, true, &index, shows);
    if (shows) {
        kprintf("  %u segments to read, %u to write\n", source, target);
    }
    table->requests++;
    table->segments += source + target;
}

/* 1: the device writes there. */
static void add_segment(struct copy_table *table, const struct vdma_record *record,
                        IOMemoryDescriptor *const sides[2])
{
    const bool target = record->code == VDMA_WRITES;
    struct entry entry = {.offset = table->offsets[target],
                          .slot = {.slot = (uint16_t)record->segment,
                                   .address = paddr(record->address),
                                   .length = (uint32_t)record->length}};

    table->segments++;
    table->counts[target]++;
    table->offsets[target] += record->length;
    if (table->shown > REQUESTS || table->request == 0) {
        return;
    }
    if (table->counts[target] <= ENTRIES) {
        find_memory(&entry, sides[target]);
        print_entry(&entry, target, NULL);
    } else if (table->counts[target] == ENTRIES + 1) {
        kprintf("  ...\n");
    }
}

void copy_table_add_record(struct copy_table *table, const struct vdma_record *record,
                           IOMemoryDescriptor *source, IOMemoryDescriptor *target)
{
    IOMemoryDescriptor *const sides[2] = {source, target};

    if (record->event == VDMA_EVENT_TAKEN && record->type == VDMA_COPY) {
        table->request = record->request;
        table->offsets[0] = table->offsets[1] = table->next;
        table->counts[0] = table->counts[1] = 0;
        table->next += record->length;
        table->requests++;
        if (table->shown < REQUESTS) {
            print_head(table, record->length, record->slot);
        } else {
            table->shown = REQUESTS + 1;
        }
    } else if (record->request != table->request || table->request == 0) {
        return;
    } else if (record->event == VDMA_EVENT_SEGMENT) {
        add_segment(table, record, sides);
    } else if (record->event == VDMA_EVENT_DONE) {
        if (table->shown <= REQUESTS) {
            kprintf("  %u segments to read, %u to write\n", table->counts[0], table->counts[1]);
        }
        table->request = 0;
    }
}

void copy_table_print(const struct copy_table *table)
{
    kprintf("  vdma    %10llu requests %10llu segments\n", (unsigned long long)table->requests,
            (unsigned long long)table->segments);
    kprintf(
        "    cut: %llu at the largest segment (R02), %llu at a boundary (R09), %llu at the most "
        "segments (R03), %llu where the other side ends\n",
        (unsigned long long)table->longest, (unsigned long long)table->boundary,
        (unsigned long long)table->full, (unsigned long long)table->other);
    kprintf("    bounced: %llu bytes above the address bits (R01), %llu misaligned (R05 to R08)\n",
            (unsigned long long)table->above, (unsigned long long)table->misaligned);
}
