/* SPDX-License-Identifier: BSD-2-Clause */
/* A mapper that keeps what it was told. */
#include "tests/host/machine/fake_mapper.h"

struct told told;

static IOReturn fake_map(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                         uint64_t length, uint32_t mapOptions, const IODMAMapSpecification *spec,
                         IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                         uint64_t *mapLength)
{
    uint64_t skip;

    (void)self, (void)command;
    told.maps++;
    told.options = mapOptions;
    told.offset = offset;
    told.length = length;
    told.spec = *spec;
    told.page_count = list != NULL ? list->pageListCount : 0;
    for (uint32_t i = 0; i < told.page_count && i < 8; i++) {
        told.pages[i] = list->pageList[i].phys_addr;
    }
    told.page_offset = list != NULL ? list->pageOffset : 0;
    skip = IOMemoryDescriptor_getPhysicalSegment(memory, offset, NULL, kIOMemoryMapperNone) &
           PAGE_MASK;
    *mapAddress = told.base + skip; /* a driver may have begun before it fails */
    *mapLength = round_page(skip + length);
    return told.answer;
}

static IOReturn fake_unmap(IOMapper *self, IOMemoryDescriptor *memory, IODMACommand *command,
                           uint64_t mapAddress, uint64_t mapLength)
{
    (void)self, (void)memory, (void)command, (void)mapLength;
    told.unmaps++;
    return trunc_page(mapAddress) == told.base ? told.unmap_answer : kIOReturnNotFound;
}

static void fake_collect(IOMapper *self)
{
    if (told.fault.count != 0) {
        IOMapper_deliverFault(self, &told.fault);
    }
}

static void fake_forget(IOMapper *self)
{
    (void)self;
    told.fault.count = 0;
}

static uint32_t instances;

static void fake_free(OSObject *self)
{
    IOMapper_free((IOMapper *)self);
}

static const IOMapperClass fake_class = {
    .meta = {"FakeMapper", &IOMapper_metaClass, sizeof(IOMapper), &instances, fake_free},
    .initHardware = mapper_init_hardware,
    .getPageSize = mapper_get_page_size,
    .iovmInsert = mapper_insert,
    .translate = mapper_translate,
    .mapRun = mapper_map_no_run,
    .collectFaults = fake_collect,
    .forgetFaults = fake_forget,
    .copyForDevice = mapper_copy_for_device,
    .iovmMapMemory = fake_map,
    .iovmUnmapMemory = fake_unmap,
};

IOMapper *new_mapper(void)
{
    memset(&told, 0, sizeof(told));
    told.base = IOVA;
    return (IOMapper *)OSMetaClass_allocate(&fake_class.meta);
}

IOReturn operate(IOMemoryDescriptor *memory, DMACommandOps op, void *data, UInt size)
{
    return IOMemoryDescriptor_dmaCommandOperation(memory, op, data, size);
}
