/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O mappings: what a descriptor asks of a mapper, and what it makes of the
 * answer. The mapper here keeps what it was told.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMapper_class.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/map_fixture.h"

#define IOVA 0x80000000ull

static struct {
    unsigned maps, unmaps; /* calls */
    IOReturn answer;
    uint32_t options;
    uint64_t offset, length;
    IODMAMapSpecification spec;
    uint32_t page_offset, page_count; /* of the page list; count 0: there was none */
    ppnum_t pages[8];
} told;

static IOReturn fake_map(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                         uint64_t length, uint32_t mapOptions, const IODMAMapSpecification *spec,
                         IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                         uint64_t *mapLength)
{
    (void)self, (void)memory, (void)command;
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
    if (told.answer == kIOReturnSuccess) {
        *mapAddress = IOVA;
        *mapLength = round_page(length);
    }
    return told.answer;
}

static IOReturn fake_unmap(IOMapper *self, IOMemoryDescriptor *memory, IODMACommand *command,
                           uint64_t mapAddress, uint64_t mapLength)
{
    (void)self, (void)memory, (void)command, (void)mapLength;
    told.unmaps++;
    return mapAddress == IOVA ? kIOReturnSuccess : kIOReturnNotFound;
}

static uint32_t instances;

static void fake_free(OSObject *self)
{
    OSObject_free(self);
}

static const IOMapperClass fake_class = {
    .meta = {"FakeMapper", &IOMapper_metaClass, sizeof(IOMapper), &instances, fake_free},
    .iovmMapMemory = fake_map,
    .iovmUnmapMemory = fake_unmap,
};

static IOMapper *new_mapper(void)
{
    memset(&told, 0, sizeof(told));
    return (IOMapper *)OSMetaClass_allocate(&fake_class.meta);
}

static IOReturn operate(IOMemoryDescriptor *memory, DMACommandOps op, void *data, UInt size)
{
    return IOMemoryDescriptor_dmaCommandOperation(memory, op, data, size);
}

static IODMACommand *const some_command = (IODMACommand *)(uintptr_t)0x1000;

static void a_whole_descriptor_hands_its_pages_over(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *memory = describe(at, 3 * PAGE_SIZE, kIODirectionIn, owner);
    IOMapper *mapper = new_mapper();
    IOMDDMAMapArgs args = {.fMapper = mapper, .fCommand = some_command, .fLength = 3 * PAGE_SIZE};

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(args.fAlloc, IOVA);
    assert_int_equal(args.fAllocLength, 3 * PAGE_SIZE);
    assert_int_equal(told.options,
                     kIODMAMapReadAccess | kIODMAMapWriteAccess | kIODMAMapPageListFullyOccupied);
    assert_int_equal(told.page_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct mmu_translation seen;

        store(owner, at + ptoa(i), 1);
        assert_true(translate(owner, at + ptoa(i), &seen));
        assert_int_equal(told.pages[i], atop(seen.pa.value));
    }
    /* The command is a DMA user now: completing has to wait for it. */
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnBusy);
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(told.unmaps, 1);
    assert_int_equal(args.fAllocLength, 0);
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(told.unmaps, 1); /* nothing is owned any more */
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    OSObject_release(mapper);
}

static void parts_and_read_only_memory(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW) + 100;
    IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOut, owner);
    IOMapper *mapper = new_mapper();
    uint64_t address, length;

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL,
                                               &(IODMAMapSpecification){0}, 5000, 10, &address,
                                               &length),
                     kIOReturnSuccess);
    assert_int_equal(told.options, kIODMAMapReadAccess);
    assert_int_equal(told.page_count, 0);
    assert_int_equal(told.offset, 5000);
    assert_int_equal(told.length, 10);
    assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL,
                                               &(IODMAMapSpecification){0}, 0, 2 * PAGE_SIZE,
                                               &address, &length),
                     kIOReturnSuccess);
    assert_int_equal(told.page_count, 3);
    assert_int_equal(told.page_offset, 100);
    assert_int_equal(told.options, kIODMAMapReadAccess);
    told.answer = kIOReturnNoSpace;
    assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL,
                                               &(IODMAMapSpecification){0}, 0, 10, &address,
                                               &length),
                     kIOReturnNoSpace);
    assert_int_equal(address, 0);
    assert_int_equal(length, 0);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    OSObject_release(mapper);
}

static void memory_that_no_mapper_sees(void **state)
{
    IOMemoryDescriptor *remote = describe(1ull << 50, 100, kIODirectionIn | kIOMemoryRemote, NULL);
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *host = describe(at, 100, kIODirectionIn | kIOMemoryHostOnly, owner);
    IOMapper *mapper = new_mapper();
    IOMDDMAMapArgs args = {.fLength = 100};
    uint64_t address = 1, length = 1;

    (void)state;
    IOMemoryDescriptor_prepare(host, kIODirectionNone);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(remote, mapper, remote, NULL, NULL, 0, 100, &address, &length),
        kIOReturnNotAttached);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(host, mapper, host, NULL, NULL, 0, 100, &address, &length),
        kIOReturnSuccess);
    assert_int_equal(address, 0);
    assert_int_equal(length, 0);
    assert_int_equal(operate(host, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(args.fAllocLength, 0);
    assert_int_equal(told.maps, 0);
    IOMemoryDescriptor_complete(host, kIODirectionNone);
    OSObject_release(remote);
    OSObject_release(host);
    OSObject_release(mapper);
}

/* The tightest of everything that was asked reaches the mapper. */
static void constraints_add_up(void **state)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
        kernel_task, kIODirectionIn, PAGE_SIZE, 0xffffffff);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(buffer);
    IODMAMapSpecification wide = {.alignment = 1 << 16, .numAddressBits = 40};
    IODMAMapSpecification odd = {.alignment = 3};
    IOSubMemoryDescriptor *sub = IOSubMemoryDescriptor_withSubRange(memory, 0, 10, kIODirectionIn);
    IOMapper *mapper = new_mapper();
    IOMDDMAMapArgs args = {.fMapper = mapper, .fLength = PAGE_SIZE, .fMapSpec.numAddressBits = 36};

    (void)state;
    assert_int_equal(operate(memory, kIOMDAddDMAMapSpec, &wide, sizeof(wide)), kIOReturnSuccess);
    assert_int_equal(operate(memory, kIOMDAddDMAMapSpec, &odd, sizeof(odd)), kIOReturnBadArgument);
    assert_int_equal(operate(memory, kIOMDAddDMAMapSpec, &wide, sizeof(wide) - 1),
                     kIOReturnUnderrun);
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args) - 1), kIOReturnUnderrun);
    assert_int_equal(
        operate(IOMemoryDescriptor_upcast(sub), kIOMDAddDMAMapSpec, &wide, sizeof(wide)),
        kIOReturnUnsupported);
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(told.spec.numAddressBits, 32); /* the buffer's own */
    assert_int_equal(told.spec.alignment, 1 << 16);
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    OSObject_release(sub);
    OSObject_release(buffer);
    OSObject_release(mapper);
}

static void wrong_arguments(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, 100, kIODirectionIn, owner);
    IOMapper *mapper = new_mapper();
    uint64_t address, length;

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 0, 0, &address, &length),
        kIOReturnBadArgument);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 90, 11, &address, &length),
        kIOReturnBadArgument);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 0, 10, NULL, &length),
        kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, mapper, NULL, 0, 0x123, 10),
                     kIOReturnNotFound);
    assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, mapper, NULL, 0, 0x123, 0),
                     kIOReturnSuccess);
    IOMemoryDescriptor_dmaMapRecord(NULL, mapper, NULL, 0);
    assert_false(IOGeneralMemoryDescriptor_serialize(NULL, NULL));
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    OSObject_release(mapper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_whole_descriptor_hands_its_pages_over),
        MAP_TEST(parts_and_read_only_memory),
        MAP_TEST(memory_that_no_mapper_sees),
        MAP_TEST(constraints_add_up),
        MAP_TEST(wrong_arguments),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
