/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/drivers/virtio_sim_mapper.h"

#include "descriptors/IOMappedLayout.h"
#include "descriptors/IOMemoryDescriptor.h"

#define FIRST VIRTIO_SIM_MAPPER_FIRST
#define END   VIRTIO_SIM_MAPPER_PAGES

/* The next free pages in a row; 0: there are none. */
static uint64_t find(const struct virtio_sim_mapper *self, uint64_t pages)
{
    uint64_t free = 0, at = self->next;

    for (uint64_t looked = 0; looked < 2 * END; looked++, at++) {
        if (at >= END) {
            at = FIRST;
            free = 0;
        }
        free = self->pages[at].taken ? 0 : free + 1;
        if (free == pages) {
            return at + 1 - pages;
        }
    }
    return 0;
}

static void give_back(struct virtio_sim_mapper *self, uint64_t first, uint64_t pages)
{
    for (uint64_t i = first; i < first + pages; i++) {
        self->pages[i].physical = 0;
        self->pages[i].access = self->pages[i].count = 0;
        self->pages[i].taken = false;
    }
    self->taken -= pages;
}

/* All pieces of the memory from I/O address `at` on; with `access` 0 only how far they go. */
static IOReturn place(struct virtio_sim_mapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                      uint64_t length, uint64_t at, uint32_t access, uint64_t *end)
{
    struct IOMappedLayout layout = IOMappedLayout_begin(at);
    const uint64_t last = offset + length;

    while (offset < last) {
        IOByteCount bytes;
        const uint64_t physical =
            IOMemoryDescriptor_getPhysicalSegment(memory, offset, &bytes, kIOMemoryMapperNone);
        uint64_t address;

        bytes = bytes < last - offset ? bytes : last - offset;
        if (bytes == 0) {
            return IOMemoryLastError();
        }
        if (!IOMappedLayout_place(&layout, physical, bytes, &address)) {
            return kIOReturnNoSpace;
        }
        for (uint64_t page = atop(address); access != 0 && page <= atop(address + bytes - 1);
             page++) {
            self->pages[page].physical = trunc_page(physical) + ptoa(page - atop(address));
            self->pages[page].access = access;
        }
        offset += bytes;
    }
    *end = layout.next;
    return kIOReturnSuccess;
}

static IOReturn sim_map(IOMapper *base, IOMemoryDescriptor *memory, uint64_t offset,
                        uint64_t length, uint32_t options, const IODMAMapSpecification *spec,
                        IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                        uint64_t *mapLength)
{
    struct virtio_sim_mapper *const self = (struct virtio_sim_mapper *)base;
    uint64_t skip = 0, end = length, first;
    IOReturn status = self->map_answer;

    (void)spec, (void)command, (void)list;
    if (status == kIOReturnSuccess && memory != NULL) {
        skip = IOMemoryDescriptor_getPhysicalSegment(memory, offset, NULL, kIOMemoryMapperNone) &
               PAGE_MASK;
        status = place(self, memory, offset, length, skip, 0, &end);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    first = find(self, atop(round_page(end)));
    if (first == 0) {
        return kIOReturnNoSpace;
    }
    self->next = first + atop(round_page(end));
    self->taken += atop(round_page(end));
    self->pages[first].count = (uint32_t)atop(round_page(end));
    for (uint64_t i = 0; i < self->pages[first].count; i++) {
        self->pages[first + i].taken = true;
    }
    if (memory != NULL) {
        place(self, memory, offset, length, ptoa(first) + skip, options & 3, &end);
    }
    *mapAddress = ptoa(first) + skip;
    *mapLength = ptoa((uint64_t)self->pages[first].count);
    return kIOReturnSuccess;
}

static uint64_t sim_map_run(IOMapper *base, uint64_t physical, uint64_t length, uint32_t access,
                            uint64_t *mapLength)
{
    struct virtio_sim_mapper *const self = (struct virtio_sim_mapper *)base;
    const uint64_t skip = physical & PAGE_MASK, pages = atop(round_page(skip + length));
    const uint64_t first = self->quick && self->map_answer == 0 ? find(self, pages) : 0;

    if (first == 0) {
        return 0;
    }
    self->next = first + pages;
    self->taken += pages;
    self->runs++;
    self->pages[first].count = (uint32_t)pages;
    for (uint64_t i = 0; i < pages; i++) {
        self->pages[first + i].taken = true;
        self->pages[first + i].physical = trunc_page(physical) + ptoa(i);
        self->pages[first + i].access = access;
    }
    *mapLength = ptoa(pages);
    return ptoa(first) + skip;
}

static IOReturn sim_unmap(IOMapper *base, IOMemoryDescriptor *memory, IODMACommand *command,
                          uint64_t mapAddress, uint64_t mapLength)
{
    struct virtio_sim_mapper *const self = (struct virtio_sim_mapper *)base;
    const uint64_t first = atop(mapAddress);

    (void)memory, (void)command;
    if (first >= END || self->pages[first].count == 0 ||
        ptoa((uint64_t)self->pages[first].count) != mapLength) {
        return kIOReturnNotFound;
    }
    if (self->unmap_answer == kIOReturnSuccess) {
        give_back(self, first, self->pages[first].count);
    }
    return self->unmap_answer;
}

static IOReturn sim_insert(IOMapper *base, uint32_t options, uint64_t mapAddress, uint64_t offset,
                           uint64_t physicalAddress, uint64_t length)
{
    struct virtio_sim_mapper *const self = (struct virtio_sim_mapper *)base;

    if (self->insert_answer != kIOReturnSuccess) {
        return self->insert_answer;
    }
    for (uint64_t i = 0; i < atop(length); i++) {
        self->pages[atop(mapAddress + offset) + i].physical = physicalAddress + ptoa(i);
        self->pages[atop(mapAddress + offset) + i].access = options & 3;
    }
    return kIOReturnSuccess;
}

static IOReturn sim_translate(IOMapper *base, uint64_t address, uint32_t access, uint64_t *physical,
                              uint64_t *length)
{
    const struct virtio_sim_mapper *const self = (struct virtio_sim_mapper *)base;
    const uint64_t page = atop(address);

    if (page >= END || self->pages[page].physical == 0) {
        return kIOReturnNotFound;
    }
    *physical = self->pages[page].physical + (address & PAGE_MASK);
    *length = PAGE_SIZE - (address & PAGE_MASK);
    return (self->pages[page].access & access) == access ? kIOReturnSuccess : kIOReturnNotPermitted;
}

static uint32_t instances;

static void sim_free(OSObject *self)
{
    IOMapper_free((IOMapper *)self);
}

static const IOMapperClass sim_mapper_class = {
    .meta = {"VirtioSimMapper", &IOMapper_metaClass, sizeof(struct virtio_sim_mapper), &instances,
             sim_free},
    .initHardware = mapper_init_hardware,
    .getPageSize = mapper_get_page_size,
    .iovmMapMemory = sim_map,
    .mapRun = sim_map_run,
    .iovmUnmapMemory = sim_unmap,
    .iovmInsert = sim_insert,
    .translate = sim_translate,
    .collectFaults = mapper_collect_faults,
    .forgetFaults = mapper_forget_faults,
    .copyForDevice = mapper_copy_for_device,
};

struct virtio_sim_mapper *virtio_sim_mapper_new(void)
{
    struct virtio_sim_mapper *self =
        (struct virtio_sim_mapper *)OSMetaClass_allocate(&sim_mapper_class.meta);

    if (self != NULL) {
        self->super.pageSize = PAGE_SIZE;
        self->next = FIRST;
    }
    return self;
}
