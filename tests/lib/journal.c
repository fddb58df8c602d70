/* SPDX-License-Identifier: BSD-2-Clause */
/* Records, a page of them at a time, to a disk. */
#include "tests/lib/journal.h"

#include <string.h>

#include "drivers/virtio/blk.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"

#define RECORDS (PAGE_SIZE / sizeof(struct vdma_record))

static struct {
    struct virtio_blk *disk; /* NULL: there is none */
    struct vdma_record *records;
    IOMemoryDescriptor *memory;
    unsigned count;
    uint64_t sector;
} journal;

bool journal_open(void)
{
    paddr_t page;

    journal.disk = virtio_blk_find("journal");
    if (journal.disk == NULL || page_alloc(0, PAGE_OWNER_IMAGE, &page) != KERN_SUCCESS) {
        journal.disk = NULL;
        return false;
    }
    journal.records = phys_to_virt(page);
    journal.memory = IOMemoryDescriptor_withAddress(journal.records, PAGE_SIZE, kIODirectionOut);
    if (IOMemoryDescriptor_prepare(journal.memory, kIODirectionNone) != kIOReturnSuccess) {
        journal.disk = NULL;
    }
    return journal.disk != NULL;
}

static IOReturn write_page(void)
{
    const IOReturn status =
        virtio_blk_write(journal.disk, journal.memory, 0, journal.sector, PAGE_SIZE);

    journal.sector += PAGE_SIZE / VIRTIO_BLK_SECTOR;
    journal.count = 0;
    memset(journal.records, 0, PAGE_SIZE);
    return status;
}

IOReturn journal_write(const struct vdma_record *record)
{
    if (journal.disk == NULL) {
        return kIOReturnSuccess;
    }
    journal.records[journal.count++] = *record;
    return journal.count == RECORDS ? write_page() : kIOReturnSuccess;
}

IOReturn journal_close(uint64_t requests)
{
    const struct vdma_record record = {.event = JOURNAL_END, .value = requests};
    IOReturn status = journal_write(&record);

    if (journal.disk == NULL) {
        return kIOReturnSuccess;
    }
    if (status == kIOReturnSuccess && journal.count != 0) {
        status = write_page();
    }
    IOMemoryDescriptor_complete(journal.memory, kIODirectionNone);
    OSObject_release(journal.memory);
    page_free(virt_to_phys(journal.records), 0);
    journal.disk = NULL;
    return status;
}
