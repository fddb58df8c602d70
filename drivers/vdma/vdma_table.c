/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's translation table as an IOMapper: an entry for each page of the device's addresses. The
 * device looks at it when it takes a request, and keeps nothing of it.
 */
#include "descriptors/IOMappedLayout.h"
#include "descriptors/IOMapper_class.h"
#include "descriptors/IORangeAllocator.h"
#include "drivers/vdma/vdma_private.h"
#include "kernel/irq.h"

#define ACCESS (kIODMAMapReadAccess | kIODMAMapWriteAccess)

_Static_assert(VDMA_PAGE == PAGE_SIZE, "pages of the device's are the kernel's");
_Static_assert(VDMA_ENTRY_READ == kIODMAMapReadAccess && VDMA_ENTRY_WRITE == kIODMAMapWriteAccess,
               "rights are the same bits");

struct vdma_table {
    IOMapper super;
    uint64_t pages;           /* of the device's addresses */
    volatile uint64_t *entry; /* the device reads it */
    uint32_t *count;          /* pages of the allocation that begins at each; 0: none does */
    IORangeAllocator *space;  /* of page numbers */
    uint64_t mapped;          /* pages of all allocations */
    bool on;
    struct vm_device_memory memory; /* of entry and count */
};

/* --- Where memory goes ------------------------------------------------------------------------ */

/* A walk over what is to be mapped; `base` NULL: how many pages it takes. */
struct placement {
    volatile uint64_t *base; /* entry of its first page */
    uint32_t access;
    uint64_t first;               /* address of the first byte */
    struct IOMappedLayout layout; /* counted from the beginning of the first page */
};

static IOReturn place(struct placement *to, uint64_t address, uint64_t length)
{
    uint64_t at;

    if (!to->layout.placed) {
        to->first = address;
        to->layout.next = address & PAGE_MASK;
    }
    if (!IOMappedLayout_place(&to->layout, address, length, &at)) {
        return kIOReturnNoSpace; /* pieces that wrap are more than there is */
    }
    for (uint64_t page = trunc_page(at); to->base != NULL && page < at + length;
         page += PAGE_SIZE) {
        to->base[page >> PAGE_SHIFT] = (address - at + page) | (to->access & ACCESS);
    }
    return kIOReturnSuccess;
}

static IOReturn place_all(struct placement *to, IOMemoryDescriptor *memory, uint64_t offset,
                          uint64_t length)
{
    const uint64_t end = offset + length;
    IOReturn status = kIOReturnSuccess;

    to->layout = IOMappedLayout_begin(0);
    if (memory == NULL) {
        to->layout.next = length;
        return kIOReturnSuccess;
    }
    while (status == kIOReturnSuccess && offset < end) {
        IOByteCount bytes;
        const uint64_t at =
            IOMemoryDescriptor_getPhysicalSegment(memory, offset, &bytes, kIOMemoryMapperNone);

        if (bytes == 0) {
            return IOMemoryLastError();
        }
        bytes = bytes < end - offset ? bytes : end - offset;
        status = place(to, at, bytes);
        offset += bytes;
    }
    return status;
}

/* --- The device's addresses ------------------------------------------------------------------- */

/* The first free ones; page 0 is nobody's who does not ask for it. */
static bool take_any(struct vdma_table *self, uint64_t pages, uint64_t alignment, uint64_t *first)
{
    const bool was_free = IORangeAllocator_allocateRange(self->space, 0, 1);
    const bool taken = IORangeAllocator_allocate(self->space, pages, first, alignment);

    if (was_free) {
        IORangeAllocator_deallocate(self->space, 0, 1);
    }
    return taken;
}

static IOReturn take_space(struct vdma_table *self, uint64_t pages, uint32_t options,
                           const IODMAMapSpecification *spec, uint64_t wanted, uint64_t *first)
{
    const unsigned bits = spec->numAddressBits;
    const uint64_t limit = bits == 0 || bits >= 64 ? UINT64_MAX : 1ull << (bits - PAGE_SHIFT);
    const uint64_t alignment = spec->alignment <= PAGE_SIZE ? 1 : spec->alignment >> PAGE_SHIFT;
    const uint64_t most = limit < self->pages ? limit : self->pages;

    /* A length that wraps makes none, and is more than there are. */
    if (pages - 1 >= most) {
        return kIOReturnNoSpace;
    }
    if ((options & (kIODMAMapFixedAddress | kIODMAMapIdentityMap)) != 0) {
        *first = wanted >> PAGE_SHIFT;
        return *first <= most - pages && IORangeAllocator_allocateRange(self->space, *first, pages)
                   ? kIOReturnSuccess
                   : kIOReturnNoSpace;
    }
    if (!take_any(self, pages, alignment, first)) {
        return IOMemoryLastError() == kIOReturnNoMemory ? kIOReturnNoResources : kIOReturnNoSpace;
    }
    if (*first > most - pages) {
        /* The lowest there is, so there is none below the width. */
        IORangeAllocator_deallocate(self->space, *first, pages);
        return kIOReturnNoSpace;
    }
    return kIOReturnSuccess;
}

/* Pages of the allocation that begins in the page of this address; 0: none does. */
static uint64_t allocated_at(const struct vdma_table *self, uint64_t address)
{
    const uint64_t page = address >> PAGE_SHIFT;

    return page < self->pages ? self->count[page] : 0;
}

/* --- What a mapper does ----------------------------------------------------------------------- */

static IOReturn table_map(IOMapper *base, IOMemoryDescriptor *memory, uint64_t offset,
                          uint64_t length, uint32_t options, const IODMAMapSpecification *spec,
                          IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                          uint64_t *mapLength)
{
    struct vdma_table *self = (struct vdma_table *)base;
    struct placement to = {.access = options};
    uint64_t first, pages, wanted;
    IOReturn status;

    (void)command, (void)list; /* the walk gives whole runs, of which there are fewer */
    if (!self->on) {
        return kIOReturnNoDevice; /* the device would take its addresses for memory's */
    }
    if ((options & kIODMAMapDeviceMemory) != 0) {
        return kIOReturnUnsupported;
    }
    status = place_all(&to, memory, offset, length);
    if (status != kIOReturnSuccess) {
        return status;
    }
    wanted = (options & kIODMAMapIdentityMap) != 0 ? to.first : *mapAddress;
    if ((options & (kIODMAMapFixedAddress | kIODMAMapIdentityMap)) != 0 &&
        ((wanted ^ to.first) & PAGE_MASK) != 0) {
        return kIOReturnNotAligned;
    }
    pages = round_page(to.layout.next) >> PAGE_SHIFT;
    status = take_space(self, pages, options, spec, wanted, &first);
    if (status != kIOReturnSuccess) {
        return status;
    }
    to.base = self->entry + first;
    place_all(&to, memory, offset, length); /* prepared: where it was it is still */
    self->count[first] = (uint32_t)pages;
    self->mapped += pages;
    *mapAddress = (first << PAGE_SHIFT) + (to.first & PAGE_MASK);
    *mapLength = pages << PAGE_SHIFT;
    return kIOReturnSuccess;
}

static IOReturn table_unmap(IOMapper *base, IOMemoryDescriptor *memory, IODMACommand *command,
                            uint64_t mapAddress, uint64_t mapLength)
{
    struct vdma_table *self = (struct vdma_table *)base;
    const uint64_t first = mapAddress >> PAGE_SHIFT, pages = allocated_at(self, mapAddress);

    (void)memory, (void)command;
    if (pages == 0 || mapLength != pages << PAGE_SHIFT) {
        return kIOReturnNotFound;
    }
    for (uint64_t page = first; page < first + pages; page++) {
        self->entry[page] = 0;
    }
    self->count[first] = 0;
    self->mapped -= pages;
    return IORangeAllocator_deallocate(self->space, first, pages);
}

static IOReturn table_insert(IOMapper *base, uint32_t options, uint64_t mapAddress, uint64_t offset,
                             uint64_t physicalAddress, uint64_t length)
{
    struct vdma_table *self = (struct vdma_table *)base;
    const uint64_t first = (mapAddress + offset) >> PAGE_SHIFT;

    (void)options;
    if ((offset + length) >> PAGE_SHIFT > allocated_at(self, mapAddress)) {
        return kIOReturnBadArgument;
    }
    if (((physicalAddress + (length - 1)) & ~(VDMA_ENTRY_ADDRESS | PAGE_MASK)) != 0) {
        return kIOReturnMessageTooLarge;
    }
    for (uint64_t i = 0; i < length >> PAGE_SHIFT; i++) {
        self->entry[first + i] = (physicalAddress + (i << PAGE_SHIFT)) | ACCESS;
    }
    return kIOReturnSuccess;
}

static IOReturn table_translate(IOMapper *base, uint64_t address, uint32_t access,
                                uint64_t *physicalAddress, uint64_t *contiguousLength)
{
    const struct vdma_table *self = (struct vdma_table *)base;
    uint64_t page = address >> PAGE_SHIFT, entry;

    if (page >= self->pages || self->entry[page] == 0) {
        return kIOReturnNotFound;
    }
    entry = self->entry[page];
    if ((entry & access) != access) {
        return kIOReturnNotPermitted;
    }
    *physicalAddress = (entry & VDMA_ENTRY_ADDRESS) | (address & PAGE_MASK);
    *contiguousLength = PAGE_SIZE - (address & PAGE_MASK);
    /* In the same allocation: a page where another one begins is that one's. */
    while (++page < self->pages && self->count[page] == 0 &&
           self->entry[page] == entry + PAGE_SIZE) {
        entry += PAGE_SIZE;
        *contiguousLength += PAGE_SIZE;
    }
    return kIOReturnSuccess;
}

/* --- On and off ------------------------------------------------------------------------------- */

/* Entries and counts in one run. */
static uint64_t run_pages(uint64_t pages)
{
    return round_page(pages * (sizeof(uint64_t) + sizeof(uint32_t))) >> PAGE_SHIFT;
}

static void table_free(OSObject *base)
{
    struct vdma_table *self = (struct vdma_table *)base;

    vm_device_memory_free(&self->memory);
    OSObject_release(self->space);
    IOMapper_free(&self->super);
}

static uint32_t tables;

static const IOMapperClass table_class = {
    .meta = {"VdmaTable", &IOMapper_metaClass, sizeof(struct vdma_table), &tables, table_free},
    .initHardware = mapper_init_hardware,
    .getPageSize = mapper_get_page_size,
    .iovmMapMemory = table_map,
    .iovmUnmapMemory = table_unmap,
    .iovmInsert = table_insert,
    .translate = table_translate,
    MAPPER_OF_ALL,
};

struct vdma_table *vdma_table_create(IOService *service, uint64_t pages)
{
    struct vdma_table *self = (struct vdma_table *)OSMetaClass_allocate(&table_class.meta);
    const unsigned flags =
        VM_DEVICE_MEMORY_ZERO | (vdma_state.device->uncached ? VM_DEVICE_MEMORY_UNCACHED : 0);

    if (self == NULL) {
        return NULL;
    }
    self->pages = pages;
    self->space = IORangeAllocator_withRange(pages - 1, 0, 16, 0);
    if (self->space == NULL ||
        vm_device_memory_alloc(run_pages(pages), flags, &self->memory) != KERN_SUCCESS) {
        OSObject_release(&self->super);
        IOMemory_fail(kIOReturnNoMemory);
        return NULL;
    }
    self->entry = self->memory.address;
    self->count = (uint32_t *)(uintptr_t)(self->entry + pages);
    IOMapper_start(&self->super, service); /* there is no hardware to refuse it */
    return self;
}

void vdma_table_request(const struct vdma_table *table, struct vdma_transfer *request)
{
    *request = (struct vdma_transfer){.type = VDMA_SET_TABLE};
    if (table != NULL) {
        request->arguments[0] = table->memory.physical.value;
        request->arguments[1] = table->pages;
    }
}

IOReturn vdma_tell_device(const struct vdma_table *table)
{
    struct vdma_transfer request;

    vdma_table_request(table, &request);
    return vdma_submit_and_wait(&request);
}

IOReturn vdma_table_attach(struct vdma_table *table, IOService *service)
{
    const IOReturn status = IOService_setObject(service, "iommu-parent", &table->super);

    table->on = status == kIOReturnSuccess;
    return status;
}

void vdma_table_retire(struct vdma_table *table)
{
    table->on = false;
    OSObject_release(&table->super);
}

IOReturn vdma_table_off(void)
{
    struct vdma_table *table = vdma_state.table;
    IOReturn status;

    if (table == NULL) {
        return kIOReturnSuccess;
    }
    if (table->mapped != 0) {
        return kIOReturnBusy;
    }
    /* A lost device has none any more. */
    status = vdma_state.lost ? kIOReturnSuccess : vdma_tell_device(NULL);
    if (status != kIOReturnSuccess) {
        return status;
    }
    vdma_state.table = NULL;
    IOService_setObject(vdma_state.service, "iommu-parent", NULL);
    vdma_table_retire(table);
    return kIOReturnSuccess;
}

static IOReturn turn_on(void)
{
    const uint32_t pages = vdma_state.can.limits.table_entries;
    struct vdma_table *table;
    IOReturn status;

    if (vdma_state.table != NULL) {
        return kIOReturnSuccess;
    }
    if (pages == 0) {
        return kIOReturnUnsupported;
    }
    table = vdma_table_create(vdma_state.service, pages);
    if (table == NULL) {
        return IOMemoryLastError();
    }
    status = vdma_tell_device(table);
    if (status == kIOReturnSuccess) {
        /* Before anybody finds it: a reset from here on sets it again. */
        vdma_state.table = table;
        status = vdma_table_attach(table, vdma_state.service);
        if (status == kIOReturnSuccess) {
            return status;
        }
        vdma_state.table = NULL;
        vdma_tell_device(NULL);
    }
    OSObject_release(&table->super);
    return status;
}

IOReturn vdma_use_table(bool on)
{
    if (!vdma_found()) {
        return kIOReturnNoDevice;
    }
    if (irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    return on ? turn_on() : vdma_table_off();
}
