/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappers: mapping, finding, the system mapper, access by I/O address, and commands behind one. */
#include "descriptors/IOMalloc.h"
#include "kernel/direct_map.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/lib/portable/test_mapper.h"

#define BASE_PAGE 0x100 /* where the mapper's addresses begin */

static uint64_t seed = 1;

static uint64_t pick(uint64_t below)
{
    return sim_random(&seed) % below;
}

static IOService *new_unit(uint32_t identity)
{
    IOService *unit = IOService_withReader("unit", NULL, NULL);

    IOService_setCell(unit, "phandle", identity);
    return unit;
}

static struct test_mapper *new_mapper(void)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOService *unit = new_unit(7);

    assert_non_null(mapper);
    assert_true(IOMapper_start(&mapper->super, unit));
    OSObject_release(unit);
    return mapper;
}

#define BOTH (kIODMAMapReadAccess | kIODMAMapWriteAccess)

static IOMemoryDescriptor *random_memory(void)
{
    IOAddressRange ranges[5];
    const unsigned count = 1 + (unsigned)pick(5);

    for (unsigned i = 0; i < count; i++) {
        ranges[i].address = DMA_LOW + pick(64 * PAGE_SIZE);
        ranges[i].length = 1 + pick(3 * PAGE_SIZE);
        if (pick(2) == 0) {
            ranges[i].address = trunc_page(ranges[i].address);
            ranges[i].length = round_page(ranges[i].length);
        }
    }
    return IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, TASK_NULL);
}

static uint64_t physical_of(IOMemoryDescriptor *memory, uint64_t offset)
{
    return IOMemoryDescriptor_getPhysicalSegment(memory, offset, NULL, kIOMemoryMapperNone);
}

/* MP-1, MP-2, MP-3, MP-13 */
static void mp_1_2_3_13_random_mappings(void **state)
{
    struct test_mapper *mapper = new_mapper();
    const uint64_t free_before = IORangeAllocator_getFreeCount(mapper->space);

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        IOMemoryDescriptor *memory = random_memory();
        const uint64_t length = IOMemoryDescriptor_getLength(memory);
        const uint64_t offset = pick(length), bytes = 1 + pick(length - offset);
        const unsigned bits = 20 + (unsigned)pick(12);
        const IODMAMapSpecification spec = {.alignment = (uint64_t)1 << pick(20),
                                            .numAddressBits = (uint8_t)bits};
        uint64_t address, size, physical, before = 0;
        IOReturn status = IOMapper_iovmMapMemory(&mapper->super, memory, offset, bytes, BOTH, &spec,
                                                 NULL, NULL, &address, &size);

        if (status == kIOReturnSuccess) {
            uint64_t at = address;

            assert_int_equal(size % PAGE_SIZE, 0);
            assert_true(trunc_page(address) + size <= (uint64_t)1 << bits);
            assert_int_equal(trunc_page(address) & (spec.alignment - 1), 0);
            for (uint64_t i = 0; i < bytes; i++, at++) {
                const uint64_t home = physical_of(memory, offset + i);

                if (i != 0 && home != before + 1) { /* another run: its own page, or adjacent */
                    at = round_page(at) + (home & PAGE_MASK);
                }
                before = home;
                assert_int_equal(IOMapper_translate(&mapper->super, at, BOTH, &physical, NULL),
                                 kIOReturnSuccess);
                assert_int_equal(physical, home);
            }
            assert_int_equal(IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address, size),
                             kIOReturnSuccess);
            for (at = trunc_page(address); at < trunc_page(address) + size; at += PAGE_SIZE) {
                assert_int_equal(IOMapper_translate(&mapper->super, at, 0, &physical, NULL),
                                 kIOReturnNotFound);
            }
        } else {
            assert_int_equal(status, kIOReturnNoSpace);
            assert_int_equal(address | size, 0);
        }
        assert_int_equal(mapper->entries, 0);
        OSObject_release(memory);
    }
    assert_int_equal(IORangeAllocator_getFreeCount(mapper->space), free_before);
    OSObject_release(&mapper->super);
}

/* MP-5, for one unit: what is for reading is not written. */
static void mp_5_access_is_what_was_asked_for(void **state)
{
    struct test_mapper *mapper = new_mapper(), *second = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IOMemoryDescriptor *elsewhere = dma_memory(DMA_LOW + PAGE_SIZE, 64, 0, 0, kIODirectionOut);
    uint64_t address, size, same, sameSize;
    uint8_t byte;

    (void)state;
    dma_fill(DMA_LOW, 64, 1);
    dma_fill(DMA_LOW + PAGE_SIZE, 64, 2);
    IOMapper_iovmMapMemory(&mapper->super, memory, 0, 64, kIODMAMapReadAccess, NULL, NULL, NULL,
                           &address, &size);
    IOMapper_iovmMapMemory(&second->super, elsewhere, 0, 64, BOTH, NULL, NULL, NULL, &same,
                           &sameSize);
    assert_int_equal(same, address);
    assert_false(test_mapper_write(mapper, address, 0xff));
    assert_int_equal(dma_bytes(DMA_LOW)[0], pattern(0, 1));
    assert_true(test_mapper_read(mapper, address, &byte));
    assert_int_equal(byte, pattern(0, 1));
    assert_true(test_mapper_read(second, same, &byte));
    assert_int_equal(byte, pattern(0, 2));
    assert_int_equal(IOMapper_translate(&mapper->super, address, kIODMAMapWriteAccess, &size, NULL),
                     kIOReturnNotPermitted);
    OSObject_release(memory);
    OSObject_release(elsewhere);
    OSObject_release(&second->super);
    OSObject_release(&mapper->super);
}

/* MP-6: reserved and inserted page by page is the same as mapped. */
static void mp_6_insertion(void **state)
{
    struct test_mapper *mapper = new_mapper();
    uint64_t address, size, physical;

    (void)state;
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, (IOMemoryDescriptor *)NULL, 0,
                                            3 * PAGE_SIZE, BOTH, NULL, NULL, NULL, &address, &size),
                     kIOReturnSuccess);
    assert_int_equal(IOMapper_translate(&mapper->super, address, 0, &physical, NULL),
                     kIOReturnNotFound);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(IOMapper_iovmInsert(&mapper->super, 0, address, i * PAGE_SIZE,
                                             DMA_LOW + (2 - i) * PAGE_SIZE, PAGE_SIZE),
                         kIOReturnSuccess);
        assert_int_equal(IOMapper_mapToPhysicalAddress(&mapper->super, address + i * PAGE_SIZE + 5),
                         DMA_LOW + (2 - i) * PAGE_SIZE + 5);
    }
    assert_int_equal(IOMapper_iovmInsert(&mapper->super, 0, address, 0, DMA_HIGH, PAGE_SIZE),
                     kIOReturnSuccess);
    assert_int_equal(IOMapper_mapToPhysicalAddress(&mapper->super, address), DMA_HIGH);
    assert_int_equal(
        IOMapper_iovmInsert(&mapper->super, 0, address, 3 * PAGE_SIZE, DMA_LOW, PAGE_SIZE),
        kIOReturnBadArgument);
    assert_int_equal(IOMapper_iovmInsert(&mapper->super, 0, address, 0, DMA_LOW, 0),
                     kIOReturnBadArgument);
    assert_int_equal(IOMapper_iovmInsert(&mapper->super, 0, address, 5, DMA_LOW, PAGE_SIZE),
                     kIOReturnNotAligned);
    assert_int_equal(IOMapper_iovmInsert(&mapper->super, 0, address, 0, DMA_LOW, 100),
                     kIOReturnNotAligned);
    assert_int_equal(
        IOMapper_iovmUnmapMemory(&mapper->super, (IOMemoryDescriptor *)NULL, NULL, address, size),
        kIOReturnSuccess);
    OSObject_release(&mapper->super);
}

/* MP-7, MP-8 */
static void mp_7_8_wanted_addresses_and_wrong_keys(void **state)
{
    struct test_mapper *mapper = new_mapper();
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 8, PAGE_SIZE, 0, 0, kIODirectionOut);
    uint64_t address = 0x300008, size, second = 0x300008, secondSize;

    (void)state;
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, memory, 0, PAGE_SIZE,
                                            BOTH | kIODMAMapFixedAddress, NULL, NULL, NULL,
                                            &address, &size),
                     kIOReturnSuccess);
    assert_int_equal(address, 0x300008);
    assert_int_equal(size, 2 * PAGE_SIZE);
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, memory, 0, PAGE_SIZE,
                                            BOTH | kIODMAMapFixedAddress, NULL, NULL, NULL, &second,
                                            &secondSize),
                     kIOReturnNoSpace);
    second = 0x400010;
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, memory, 0, PAGE_SIZE,
                                            BOTH | kIODMAMapFixedAddress, NULL, NULL, NULL, &second,
                                            &secondSize),
                     kIOReturnNotAligned);
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, memory, 0, PAGE_SIZE,
                                            BOTH | kIODMAMapIdentityMap, NULL, NULL, NULL, &second,
                                            &secondSize),
                     kIOReturnSuccess);
    assert_int_equal(second, DMA_LOW + 8);
    assert_int_equal(
        IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address, size - PAGE_SIZE),
        kIOReturnNotFound);
    assert_int_equal(
        IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address + PAGE_SIZE, size),
        kIOReturnNotFound);
    assert_int_equal(IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address, 0),
                     kIOReturnSuccess);
    assert_int_equal(IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address, size),
                     kIOReturnSuccess);
    assert_int_equal(IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address, size),
                     kIOReturnNotFound);
    IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, second, secondSize);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* MP-9, MP-10 */
static void mp_9_10_the_system_mapper(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOService *unit = new_unit(9);
    uint64_t physical;
    ppnum_t pages;

    (void)state;
    assert_null(IOMapper_gSystem); /* decided: none */
    assert_int_equal(IOMapper_waitForSystemMapper(), kIOReturnSuccess);
    assert_int_equal(IOMapperIOVMAlloc(2), 0);
    assert_int_equal(IOMapperInsertPage(0x50, 1, 0x77), 0x77);
    IOMapper_setMapperRequired(true);
    assert_int_equal(IOMapper_waitForSystemMapper(), kIOReturnTimeout);
    assert_null(IOMapper_systemMapper());
    mapper->super.fIsSystem = true;
    mapper->refuses = true;
    assert_false(IOMapper_start(&mapper->super, unit));
    assert_int_equal(IOMapper_waitForSystemMapper(), kIOReturnTimeout);
    mapper->refuses = false;
    mapper->pageSize = 3000;
    assert_false(IOMapper_start(&mapper->super, unit));
    mapper->pageSize = PAGE_SIZE;
    assert_true(IOMapper_start(&mapper->super, unit));
    assert_ptr_equal(IOMapper_gSystem, &mapper->super);
    IOMapper_setMapperRequired(false); /* ignored, with a line */
    assert_ptr_equal(IOMapper_systemMapper(), &mapper->super);

    assert_int_equal(IOMapperIOVMAlloc(0), 0);
    pages = IOMapperIOVMAlloc(2);
    assert_int_equal(pages, BASE_PAGE);
    assert_int_equal(IOMapperInsertPage(pages, 1, DMA_LOW >> PAGE_SHIFT), pages + 1);
    assert_int_equal(IOMapperInsertPage(pages, 2, DMA_LOW >> PAGE_SHIFT), 0);
    assert_int_equal(IOMapperInsertPage(0, 0, DMA_LOW >> PAGE_SHIFT), 0);
    assert_int_equal(IOMapper_translate(&mapper->super, ((uint64_t)pages + 1) << PAGE_SHIFT, BOTH,
                                        &physical, NULL),
                     kIOReturnSuccess);
    assert_int_equal(physical, DMA_LOW);
    IOMapperIOVMFree(pages, 1); /* not what was allocated */
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    assert_int_equal(mapper->entries, 1);
    IOMapperIOVMFree(pages, 2);
    assert_int_equal(mapper->entries, 0);
    OSObject_release(&mapper->super);
    assert_null(IOMapper_gSystem);
    OSObject_release(unit);
}

/* Of contiguous memory, the host's address is told, whoever maps for devices. */
static void contiguous_memory_behind_the_system_mapper(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOService *unit = new_unit(9);
    IOPhysicalAddress physical;
    void *block;

    (void)state;
    mapper->super.fIsSystem = true;
    assert_true(IOMapper_start(&mapper->super, unit));
    block = IOMallocContiguous(3 * PAGE_SIZE, 0, &physical);
    assert_non_null(block);
    assert_int_equal(physical, virt_to_phys(block).value);
    assert_int_equal(mapper->entries, 0);
    IOFreeContiguous(block, 3 * PAGE_SIZE);
    OSObject_release(&mapper->super);
    OSObject_release(unit);
}

/* MP-11: every width, aligned or not, across pages that lie apart. */
static void mp_11_access_by_io_address(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOService *unit = new_unit(9);
    ppnum_t pages;
    uint64_t at;

    (void)state;
    dma_fill(DMA_LOW, 64, 1);
    assert_int_equal(IOMappedRead8(DMA_LOW), pattern(0, 1)); /* no system mapper: physical */
    mapper->super.fIsSystem = true;
    IOMapper_start(&mapper->super, unit);
    pages = IOMapperIOVMAlloc(3);
    at = (uint64_t)pages << PAGE_SHIFT;
    IOMapperInsertPage(pages, 0, (DMA_LOW + 8 * PAGE_SIZE) >> PAGE_SHIFT);
    IOMapperInsertPage(pages, 1, DMA_HIGH >> PAGE_SHIFT);
    IOMappedWrite64(at + 8, 0x1122334455667788);
    assert_int_equal(IOMappedRead64(at + 8), 0x1122334455667788);
    assert_int_equal(IOMappedRead32(at + 8), 0x55667788);
    assert_int_equal(IOMappedRead16(at + 9), 0x6677);
    assert_int_equal(IOMappedRead8(at + 15), 0x11);
    IOMappedWrite64(at + PAGE_SIZE - 3, 0x0807060504030201);
    assert_int_equal(IOMappedRead64(at + PAGE_SIZE - 3), 0x0807060504030201);
    assert_int_equal(dma_bytes(DMA_LOW + 9 * PAGE_SIZE - 1)[0], 3);
    assert_int_equal(dma_bytes(DMA_HIGH)[0], 4);
    IOMappedWrite32(at + PAGE_SIZE - 2, 0xaabbccdd);
    assert_int_equal(dma_bytes(DMA_HIGH)[1], 0xaa);
    assert_int_equal(IOMappedRead32(at + 2 * PAGE_SIZE), 0xffffffff); /* nothing is there */
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    IOMemory_fail(kIOReturnSuccess);
    IOMappedWrite8(at + 2 * PAGE_SIZE, 1);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    IOMapperIOVMFree(pages, 3);
    OSObject_release(&mapper->super);
    OSObject_release(unit);
}

/* MP-12, for devices of a tree. */
static void devices_find_their_mapper(void **state)
{
    struct test_mapper *mapper = new_mapper();
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMapper *found;

    (void)state;
    assert_null(IOMapper_copyMapperForDevice(NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    IOMemory_fail(kIOReturnSuccess);
    assert_null(IOMapper_copyMapperForDevice(device));
    assert_int_equal(IOMemoryLastError(), kIOReturnSuccess); /* it has none, which is no error */
    IOService_setCell(device, "iommu-parent", 7);
    found = IOMapper_copyMapperForDevice(device);
    assert_ptr_equal(found, &mapper->super);
    assert_int_equal(OSObject_getRetainCount(found), 2);
    OSObject_release(found);
    assert_null(IOMapper_copyMapperForDeviceWithIndex(device, 1));
    IOService_setCell(device, "iommu-parent", 8); /* never started */
    assert_null(IOMapper_copyMapperForDevice(device));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
    IOService_setObject(device, "iommu-parent", found);
    found = IOMapper_copyMapperForDevice(device);
    assert_ptr_equal(found, &mapper->super);
    assert_int_equal(OSObject_getRetainCount(found), 3); /* ours, the device's, and this */
    OSObject_release(found);
    assert_null(IOMapper_copyMapperForDeviceWithIndex(device, 1)); /* it is one */
    OSObject_release(device);
    OSObject_release(&mapper->super);
}

/* MP-15 */
static void mp_15_layouts(void **state)
{
    (void)state;
    assert_int_equal(sizeof(IODMAMapSpecification), 40);
    assert_int_equal(offsetof(IODMAMapSpecification, device), 8);
    assert_int_equal(offsetof(IODMAMapSpecification, numAddressBits), 20);
    assert_int_equal(sizeof(IODMAMapPageList), 16);
    assert_int_equal(offsetof(IODMAMapPageList, pageList), 8);
}

/* DC-4: which mapper a command takes. */
static void dc_4_the_option_chooses_the_mapper(void **state)
{
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    struct test_mapper *named = new_mapper(), *system = test_mapper_new(BASE_PAGE);
    IOService *unit = new_unit(11);
    static const struct {
        uint32_t type;
        int none, given, with_system; /* 0: refused, 1: physical, 2: the named, 3: the system's */
    } rows[] = {
        {kMapped, 1, 2, 3}, {kNonCoherent, 1, 2, 3}, {kBypassed, 1, 0, 0}, {kUnmapped, 1, 0, 1}};

    (void)state;
    for (int with_system = 0; with_system < 2; with_system++) {
        if (with_system == 1) {
            system->super.fIsSystem = true;
            assert_true(IOMapper_start(&system->super, unit));
        }
        for (unsigned i = 0; i < 4; i++) {
            for (int given = 0; given < 2; given++) {
                IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
                IODMACommand *command = IODMACommand_withSpecificationOptions(
                    kIODMACommandOutputHost64, &any, rows[i].type,
                    given == 1 ? &named->super : NULL, NULL);
                const int expected = given == 1         ? rows[i].given
                                     : with_system == 1 ? rows[i].with_system
                                                        : rows[i].none;
                IODMACommand_Segment64 segment;

                assert_int_equal(command != NULL, expected != 0);
                if (command != NULL) {
                    IODMACommand_setMemoryDescriptor(command, memory, true);
                    assert_int_equal(dma_list(command, &segment, 1), 1);
                    assert_int_equal(segment.fIOVMAddr == DMA_LOW, expected == 1);
                    assert_int_equal(named->entries, expected == 2 ? 1 : 0);
                    assert_int_equal(system->entries, expected == 3 ? 1 : 0);
                }
                OSObject_release(command);
                OSObject_release(memory);
            }
        }
    }
    OSObject_release(&system->super);
    OSObject_release(&named->super);
    OSObject_release(unit);
}

/* A command behind a mapper: whatever the limits, the device finds the bytes, and then nothing. */
static void commands_behind_a_mapper(void **state)
{
    struct test_mapper *mapper = new_mapper();

    (void)state;
    dma_fill(DMA_LOW, 70 * PAGE_SIZE, 3);
    for (unsigned round = 0; round < 300; round++) {
        IODMACommand_SegmentOptions limits = {
            .fStructSize = 56,
            .fNumAddressBits = pick(2) == 0 ? 28 : 0,
            .fAlignment = 1u << pick(4),
            .fAlignmentLength = 1u << pick(3),
            .fMaxSegmentSize = pick(2) == 0 ? 0 : 64 + pick(5000),
            .fSegmentBoundary = pick(2) == 0 ? 0 : 4096,
        };
        IOMemoryDescriptor *memory = random_memory();
        const uint64_t whole = IOMemoryDescriptor_getLength(memory);
        const uint64_t length = whole / limits.fAlignmentLength * limits.fAlignmentLength;
        IODMACommand *command = IODMACommand_withSpecificationOptions(
            kIODMACommandOutputHost64, &limits, pick(4) == 0 ? kIODMAMapOptionStrict : kMapped,
            &mapper->super, NULL);
        static IODMACommand_Segment64 list[4096];
        uint64_t position = 0;
        unsigned count;

        if (length == 0) {
            OSObject_release(command);
            OSObject_release(memory);
            continue;
        }
        IODMACommand_setMemoryDescriptor(command, memory, false);
        assert_int_equal(IODMACommand_prepare(command, 0, length, true, true), kIOReturnSuccess);
        count = dma_list(command, list, 4096);
        for (unsigned i = 0; i < count; i++) {
            if (limits.fNumAddressBits != 0) {
                assert_true(list[i].fIOVMAddr + list[i].fLength <= 1u << 28);
            }
            for (uint64_t k = 0; k < list[i].fLength; k++, position++) {
                uint8_t byte;

                assert_true(test_mapper_read(mapper, list[i].fIOVMAddr + k, &byte));
                assert_int_equal(byte, *dma_bytes(physical_of(memory, position)));
            }
        }
        assert_int_equal(position, length);
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        assert_int_equal(mapper->entries, 0);
        OSObject_release(command);
        OSObject_release(memory);
    }
    OSObject_release(&mapper->super);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(mp_1_2_3_13_random_mappings),
        MAP_TEST(mp_5_access_is_what_was_asked_for),
        MAP_TEST(mp_6_insertion),
        MAP_TEST(mp_7_8_wanted_addresses_and_wrong_keys),
        MAP_TEST(mp_9_10_the_system_mapper),
        MAP_TEST(contiguous_memory_behind_the_system_mapper),
        MAP_TEST(mp_11_access_by_io_address),
        MAP_TEST(devices_find_their_mapper),
        MAP_TEST(mp_15_layouts),
        MAP_TEST(dc_4_the_option_chooses_the_mapper),
        MAP_TEST(commands_behind_a_mapper),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
