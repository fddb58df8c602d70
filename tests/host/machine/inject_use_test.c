/* SPDX-License-Identifier: BSD-2-Clause */
/* Fail the n-th: what is done with descriptors of every class once they exist. */
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOMalloc.h"
#include "descriptors/IOMapper_class.h"
#include "descriptors/IOProcessorCache.h"
#include "tests/host/machine/inject_sweep.h"

static IOReturn prepare_and_complete(void *memory, IODirection direction)
{
    const IOReturn status = IOMemoryDescriptor_prepare(memory, direction);

    if (status == kIOReturnSuccess) {
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    } else {
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    }
    return status;
}

static IOReturn prepare(void)
{
    return prepare_and_complete(things.memory, 0);
}

static IOReturn prepare_low(void)
{
    return prepare_and_complete(things.memory, kIODirectionOut | kIODirectionPrepareToPhys32);
}

static IOReturn prepare_ranges(void)
{
    IOAddressRange ranges[] = {{things.at, 10}, {things.at + 3 * PAGE_SIZE - 5, 10}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);
    IOReturn status;

    if (memory == NULL) {
        return IOMemoryLastError();
    }
    status = prepare_and_complete(memory, 0);
    OSObject_release(memory);
    return status;
}

static IOReturn prepare_persistent(void)
{
    return prepare_and_complete(things.persistent, 0);
}

static IOReturn prepare_purgeable(void)
{
    return prepare_and_complete(things.purgeable, 0);
}

static IOReturn prepare_sub(void)
{
    return prepare_and_complete(things.sub, 0);
}

static IOReturn prepare_multi(void)
{
    return prepare_and_complete(things.multi, 0);
}

static IOReturn prepare_interleaved(void)
{
    return prepare_and_complete(things.mixed, 0);
}

/* Classes that have nothing to pin. */
static IOReturn prepare_others(void)
{
    const IOReturn status = IOMemoryDescriptor_prepare(things.guard, 0);

    if (status == kIOReturnSuccess) {
        IOMemoryDescriptor_complete(things.guard, 0);
    }
    assert_int_equal(IOMemoryDescriptor_prepare(things.device, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(things.physical, 0), kIOReturnSuccess);
    return status;
}

static IOReturn prepare_once_more(void)
{
    const IOReturn status = IOMemoryDescriptor_prepare(things.prepared, 0);

    if (status == kIOReturnSuccess) {
        IOMemoryDescriptor_complete(things.prepared, 0);
    }
    return status;
}

static IOReturn bytes(void)
{
    uint8_t there[PAGE_SIZE + 10];
    IOReturn status = inject_done(
        IOMemoryDescriptor_readBytes(things.prepared, 20, there, sizeof(there)) == sizeof(there));

    if (status == kIOReturnSuccess) {
        status = inject_done(IOMemoryDescriptor_writeBytes(things.prepared, 20, there,
                                                           sizeof(there)) == sizeof(there));
    }
    return status;
}

static IOReturn segments(void)
{
    IOByteCount at = 0, length;

    while (at < 2 * PAGE_SIZE) {
        if (IOMemoryDescriptor_getPhysicalSegment(things.prepared, at, &length, 0) == 0) {
            return IOMemoryLastError();
        }
        at += length;
    }
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(things.prepared, NULL), 2 * PAGE_SIZE);
    return IOMemoryDescriptor_performOperation(things.prepared, kIOMemoryIncoherentIOFlush, 0, at);
}

static IOReturn preparation_id(void)
{
    return inject_done(IOMemoryDescriptor_getPreparationID(things.prepared) >> 32 != 0);
}

static IOReturn identity(void)
{
    IOMemoryDescriptor_setPreparationID(things.sub);
    IOMemoryDescriptor_setDescriptorID(things.prepared);
    return inject_done(IOMemoryDescriptor_getDescriptorID(things.prepared) != 0);
}

static IOReturn context(void)
{
    OSObject *held;

    IOMemoryDescriptor_setContext(things.memory, things.guard);
    held = IOMemoryDescriptor_copyContext(things.memory);
    OSObject_release(held);
    IOMemoryDescriptor_setContext(things.memory, (OSObject *)NULL);
    return inject_done((void *)held == things.guard);
}

static IOReturn dma(void *memory)
{
    IOMDDMACharacteristics characteristics;
    IOMDDMAWalkSegmentState walk __attribute__((aligned(8))) = {0};
    IOReturn status = IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAActive, NULL, 0);

    if (status == kIOReturnSuccess) {
        assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics,
                                                                &characteristics,
                                                                sizeof(characteristics)),
                         kIOReturnSuccess);
        status =
            IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDFirstSegment, walk, sizeof(walk));
        assert_int_equal(
            IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAInactive, NULL, 0),
            kIOReturnSuccess);
    }
    return status;
}

static IOReturn dma_prepared(void)
{
    return dma(things.prepared);
}

static IOReturn dma_device(void)
{
    return dma(things.device);
}

static IOReturn dma_multi(void)
{
    IOReturn status = IOMemoryDescriptor_prepare(things.multi, 0);

    if (status == kIOReturnSuccess) {
        status = dma(things.multi);
        IOMemoryDescriptor_complete(things.multi, 0);
    }
    return status;
}

static IOReturn map_pages(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                          uint64_t length, uint32_t options, const IODMAMapSpecification *spec,
                          IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                          uint64_t *mapLength)
{
    (void)self, (void)memory, (void)offset, (void)options, (void)spec, (void)command, (void)list;
    *mapAddress = 0x80000000;
    *mapLength = length;
    return kIOReturnSuccess;
}

static IOReturn unmap_pages(IOMapper *self, IOMemoryDescriptor *memory, IODMACommand *command,
                            uint64_t mapAddress, uint64_t mapLength)
{
    (void)self, (void)memory, (void)command, (void)mapAddress, (void)mapLength;
    return kIOReturnSuccess;
}

/* A mapper that needs no memory itself. */
static IOReturn dma_map(void)
{
    static const IOMapperClass mapper_class = {
        .meta = {"InjectMapper", &IOMapper_metaClass, sizeof(IOMapper), NULL, NULL},
        .initHardware = mapper_init_hardware,
        .getPageSize = mapper_get_page_size,
        .iovmInsert = mapper_insert,
        .translate = mapper_translate,
        MAPPER_OF_ALL,
        .iovmMapMemory = map_pages,
        .iovmUnmapMemory = unmap_pages,
    };
    IOMapper mapper = {.super = {.metaClass = &mapper_class.meta, .references = 1}};
    IOMDDMAMapArgs map = {.fMapper = &mapper, .fLength = 2 * PAGE_SIZE};
    IOReturn status =
        IOMemoryDescriptor_dmaCommandOperation(things.prepared, kIOMDDMAMap, &map, sizeof(map));

    if (status == kIOReturnSuccess) {
        assert_int_equal(map.fAllocLength, 2 * PAGE_SIZE);
        assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(things.prepared, kIOMDDMAUnmap,
                                                                &map, sizeof(map)),
                         kIOReturnSuccess);
    }
    return status;
}

static IOReturn purge(void)
{
    static const IOOptionBits states[] = {kIOMemoryPurgeableVolatile, kIOMemoryPurgeableNonVolatile,
                                          kIOMemoryPurgeableVolatile |
                                              kIOMemoryPurgeableVolatileGroup3 |
                                              kIOMemoryPurgeableVolatileBehaviorLifo,
                                          kIOMemoryPurgeableEmpty, kIOMemoryPurgeableNonVolatile};
    IOReturn status = kIOReturnSuccess;
    IOOptionBits former;

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]) && status == kIOReturnSuccess; i++) {
        status = IOMemoryDescriptor_setPurgeable(things.purgeable, states[i], &former);
    }
    if (status != kIOReturnSuccess) {
        IOMemoryDescriptor_setPurgeable(things.purgeable, kIOMemoryPurgeableNonVolatile, NULL);
    }
    return status;
}

static IOReturn own(void)
{
    IOReturn status =
        IOMemoryDescriptor_setOwnership(things.purgeable, other, kIOMemoryLedgerTagMedia, 0);

    if (status == kIOReturnSuccess) {
        status =
            IOMemoryDescriptor_setOwnership(things.purgeable, owner, kIOMemoryLedgerTagDefault, 0);
    }
    return status;
}

static IOReturn page_counts(void)
{
    IOByteCount resident, dirty;
    IOReturn status = IOMemoryDescriptor_getPageCounts(things.memory, &resident, &dirty);

    if (status == kIOReturnSuccess) {
        assert_int_equal(resident, 2);
        status = IOMemoryDescriptor_getPageCounts(things.multi, &resident, &dirty);
    }
    return status;
}

static IOReturn freed(void *block, void (*free)(void *address, vm_size_t size), vm_size_t size)
{
    if (block == NULL) {
        return IOMemoryLastError();
    }
    free(block, size);
    return kIOReturnSuccess;
}

static IOReturn malloc_small(void)
{
    return freed(IOMalloc(100), IOFree, 100);
}

static IOReturn malloc_large(void)
{
    return freed(IOMallocZero(20000), IOFree, 20000);
}

static IOReturn malloc_aligned(void)
{
    return freed(IOMallocAligned(5000, 8192), IOFreeAligned, 5000);
}

static IOReturn malloc_data(void)
{
    return freed(IOMallocZeroData(3000), IOFreeData, 3000);
}

static IOReturn malloc_contiguous(void)
{
    IOPhysicalAddress address;

    return freed(IOMallocContiguous(9000, 4096, &address), IOFreeContiguous, 9000);
}

static IOReturn malloc_pageable(void)
{
    return freed(IOMallocPageable(9000, 65536), IOFreePageable, 9000);
}

static IOReturn cache_mode(void)
{
    void *block = IOMallocPageable(3 * PAGE_SIZE, 0);
    IOReturn status;

    if (block == NULL) {
        return IOMemoryLastError();
    }
    status = IOSetProcessorCacheMode(kernel_task, (uintptr_t)block, 2 * PAGE_SIZE, kIOInhibitCache);
    IOFreePageable(block, 3 * PAGE_SIZE);
    return status;
}

static const struct inject_operation operations[] = {
    {"prepare absent pages", prepare, true, 0},
    {"prepare below 4 GiB", prepare_low, true, 0},
    {"prepare several ranges", prepare_ranges, true, 0},
    {"prepare, persistent", prepare_persistent, true, 0},
    {"prepare, purgeable buffer", prepare_purgeable, true, 0},
    {"prepare, sub", prepare_sub, true, 0},
    {"prepare, multi", prepare_multi, true, 0},
    {"prepare, interleaved multi", prepare_interleaved, true, 0},
    {"prepare, guard, device, physical", prepare_others, false, 0},
    {"prepare once more", prepare_once_more, false, 0},
    {"readBytes, writeBytes", bytes, false, 0},
    {"segments, performOperation", segments, false, 0},
    {"getPreparationID", preparation_id, false, 0},
    {"setPreparationID, setDescriptorID", identity, false, 0},
    {"setContext", context, false, 0},
    {"DMA operations", dma_prepared, false, 0},
    {"DMA operations, device memory", dma_device, false, 0},
    {"DMA operations, multi", dma_multi, true, 0},
    {"DMA operations, mapper", dma_map, false, 1},
    {"setPurgeable", purge, false, 0},
    {"setOwnership", own, false, 0},
    {"getPageCounts", page_counts, false, 0},
    {"IOMalloc", malloc_small, false, 0},
    {"IOMallocZero, several pages", malloc_large, false, 0},
    {"IOMallocAligned", malloc_aligned, false, 0},
    {"IOMallocZeroData", malloc_data, false, 0},
    {"IOMallocContiguous", malloc_contiguous, false, 0},
    {"IOMallocPageable", malloc_pageable, false, 0},
    {"IOSetProcessorCacheMode", cache_mode, true, 0},
};

int main(void)
{
    return inject_main(operations, sizeof(operations) / sizeof(operations[0]));
}
