/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of a ring's descriptors, for a reader. */
#include "tests/lib/ring_table.h"

#include "descriptors/IOMemoryDescriptor.h"
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

/* One line a segment: where its bytes are in the descriptor, where in memory, where in the ring. */
static void print_segment(const struct virtio_blk_request *request, uint64_t offset,
                          const struct virtq_chain *chain, const struct virtq_entry *entry)
{
    IOByteCount length;
    addr64_t source = IOMemoryDescriptor_getPhysicalSegment(request->memory, offset, &length,
                                                            _kIOMemorySourceSegment);

    kprintf("  %10llu  0x%llx  %6u  -> ", (unsigned long long)offset, (unsigned long long)source,
            entry->length);
    print_entry(chain, entry);
    kprintf("\n");
}

static void print_request(const struct virtio_blk_request *request, const struct virtq_chain *chain)
{
    uint64_t offset = request->offset + request->issued;
    struct virtq_entry entry, next;
    unsigned count = 0;

    kprintf("request %u: sector %llu, ring entry %u\n", shown,
            (unsigned long long)(request->sector + request->issued / VIRTIO_BLK_SECTOR),
            virtq_chain_slot(chain));
    kprintf("      offset  virtual address       bytes     slot       address       bytes flags\n");
    for (unsigned i = 0; virtq_chain_entry(chain, i, &entry); i++) {
        if (i == 0 || !virtq_chain_entry(chain, i + 1, &next)) {
            kprintf("  %-40s-> ", i == 0 ? "(header, read by the device)" : "(status byte)");
            print_entry(chain, &entry);
            kprintf("\n");
            continue;
        }
        if (count++ < ENTRIES) {
            print_segment(request, offset, chain, &entry);
        } else if (count == ENTRIES + 1) {
            kprintf("  ...\n");
        }
        offset += entry.length;
    }
    kprintf("  %u segments, %llu bytes\n", count,
            (unsigned long long)(offset - request->offset - request->issued));
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
    shown = 0;
    virtio_blk_watch(disk, show, disk);
}
