/* SPDX-License-Identifier: BSD-2-Clause */
/* What mappers refuse, call by call, and how a device's properties name one. */
#include "tests/host/machine/mapper_fixture.h"

#define NULL_MEMORY   ((IOMemoryDescriptor *)NULL)
#define REFUSED(call) assert_int_equal(call, kIOReturnBadArgument)

static void a_unit_is_started_once(void **state)
{
    struct test_mapper *second = test_mapper_new(BASE_PAGE);
    IOService *nameless = IOService_withReader("unit", NULL, NULL);

    (void)state;
    assert_false(IOMapper_start(&mapper->super, NULL));
    mapper->refuses = true;
    IOMemory_fail(kIOReturnSuccess);
    assert_false(IOMapper_start(&mapper->super, unit));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
    mapper->refuses = false;
    assert_true(IOMapper_start(&mapper->super, unit));
    assert_false(IOMapper_start(&mapper->super, unit));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_ptr_equal(IOMapper_getMetaClass(&mapper->super),
                     ((OSObject *)&mapper->super)->metaClass);
    assert_true(IOMapper_start(&second->super, nameless)); /* works, and is in no list */
    OSObject_release(&second->super);
    OSObject_release(nameless);
}

/* What is mapped through a mapper is found by it: nobody takes its place while it is there. */
static void no_mapper_takes_anothers_place(void **state)
{
    struct test_mapper *second = test_mapper_new(2 * BASE_PAGE);
    IOService *nameless = IOService_withReader("unit", NULL, NULL);
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMapper *found;

    (void)state;
    IOService_setCell(device, "iommu-parent", 7);
    assert_true(IOMapper_start(&mapper->super, unit));
    assert_false(IOMapper_start(&second->super, unit));
    assert_int_equal(IOMemoryLastError(), kIOReturnExclusiveAccess);
    found = IOMapper_copyMapperForDevice(device);
    assert_ptr_equal(found, &mapper->super);
    OSObject_release(found);
    /* Refused, it is as it was, and starts elsewhere. */
    second->super.fIsSystem = true;
    assert_true(IOMapper_start(&second->super, nameless));
    for (unsigned i = 0; i < 2; i++) {
        struct test_mapper *third = test_mapper_new(BASE_PAGE);

        third->super.fIsSystem = true;
        assert_int_equal(IOMapper_start(&third->super, nameless), i);
        if (i == 0) {
            assert_int_equal(IOMemoryLastError(), kIOReturnExclusiveAccess);
            assert_ptr_equal(IOMapper_systemMapper(), &second->super);
            OSObject_release(&second->super); /* and then there is none */
        }
        OSObject_release(&third->super);
    }
    assert_null(IOMapper_systemMapper());
    OSObject_release(device);
    OSObject_release(nameless);
}

static void a_list_of_units_is_searched_whole(void **state)
{
    struct test_mapper *second = test_mapper_new(BASE_PAGE), *third;
    IOService *other_unit = IOService_withReader("unit", NULL, NULL);
    IOService *last_unit = IOService_withReader("unit", NULL, NULL);
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMapper *found;

    (void)state;
    IOService_setCell(other_unit, "phandle", 8);
    assert_true(IOMapper_start(&mapper->super, unit));
    assert_true(IOMapper_start(&second->super, other_unit));
    IOService_setCell(device, "iommu-parent", 7);
    found = IOMapper_copyMapperForDevice(device);
    assert_ptr_equal(found, &mapper->super);
    OSObject_release(found);
    /* Whoever leaves the list, the others stay in it. */
    third = test_mapper_new(BASE_PAGE);
    IOService_setCell(last_unit, "phandle", 9);
    assert_true(IOMapper_start(&third->super, last_unit));
    OSObject_release(&second->super);
    for (unsigned i = 7; i < 10; i++) {
        IOService_setCell(device, "iommu-parent", i);
        found = IOMapper_copyMapperForDevice(device);
        assert_ptr_equal(found, i == 7 ? &mapper->super : i == 9 ? &third->super : NULL);
        OSObject_release(found);
    }
    OSObject_release(&third->super);
    OSObject_release(last_unit);
    OSObject_release(other_unit);
    OSObject_release(device);
}

/* As a device tree says it: a number, then as many cells as that unit asks for. */
static void entries_have_as_many_cells_as_the_unit_says(void **state)
{
    static const uint8_t entries[] = {0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 2};
    static const uint8_t stranger[] = {0, 0, 0, 9, 0, 0, 0, 7};
    static const uint8_t both[] = {0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 2};
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMapper *found;

    (void)state;
    assert_true(IOMapper_start(&mapper->super, unit));
    IOService_setCell(unit, "#iommu-cells", 1);
    IOService_setProperty(device, "iommus", entries, sizeof(entries));
    found = IOMapper_copyMapperForDeviceWithIndex(device, 0);
    assert_ptr_equal(found, &mapper->super);
    OSObject_release(found);
    assert_null(IOMapper_copyMapperForDeviceWithIndex(device, 1)); /* of unit 9 */
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
    assert_null(IOMapper_copyMapperForDeviceWithIndex(device, UINT32_MAX)); /* no such cell */
    IOService_setProperty(device, "iommus", both, sizeof(both));
    found = IOMapper_copyMapperForDeviceWithIndex(device, 1);
    assert_ptr_equal(found, &mapper->super);
    OSObject_release(found);
    IOService_setProperty(device, "iommus", stranger, sizeof(stranger));
    assert_null(IOMapper_copyMapperForDeviceWithIndex(device, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
    OSObject_release(device);
}

static void mappings_without_an_answer_or_of_no_memory_are_refused(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 100, 0, 0, kIODirectionIn);
    const IODMAMapSpecification narrow = {.numAddressBits = 11}, odd = {.alignment = 3};
    IOMapper *self = &mapper->super;
    uint64_t address = 1, length = 2;

    (void)state;
    REFUSED(IOMapper_iovmMapMemory(self, memory, 0, 100, BOTH, NULL, NULL, NULL, NULL, &length));
    REFUSED(IOMapper_iovmMapMemory(self, memory, 0, 100, BOTH, NULL, NULL, NULL, &address, NULL));
    assert_int_equal(address, 1);
    assert_int_equal(length, 2);
    REFUSED(
        IOMapper_iovmMapMemory(self, memory, 1, 100, BOTH, NULL, NULL, NULL, &address, &length));
    assert_int_equal(address, 0);
    assert_int_equal(length, 0);
    REFUSED(
        IOMapper_iovmMapMemory(self, memory, 0, 100, BOTH, &narrow, NULL, NULL, &address, &length));
    REFUSED(
        IOMapper_iovmMapMemory(self, memory, 0, 100, BOTH, &odd, NULL, NULL, &address, &length));
    REFUSED(IOMapper_iovmMapMemory(self, memory, 0, 100, 0, NULL, NULL, NULL, &address, &length));
    REFUSED(IOMapper_iovmMapMemory(self, memory, 0, 100, 1u << 30, NULL, NULL, NULL, &address,
                                   &length));
    REFUSED(IOMapper_iovmMapMemory(self, memory, 0, 0, BOTH, NULL, NULL, NULL, &address, &length));
    assert_int_equal(mapper->entries, 0);
    OSObject_release(memory);
}

static void sums_that_wrap_are_refused(void **state)
{
    IOMapper *self = &mapper->super;
    uint64_t physical, at, size;

    (void)state;
    REFUSED(IOMapper_iovmInsert(self, 0, 0, UINT64_MAX, 0, PAGE_SIZE));
    REFUSED(IOMapper_iovmInsert(self, 0, UINT64_MAX, PAGE_SIZE, 0, PAGE_SIZE));
    REFUSED(IOMapper_iovmInsert(self, 0, 0, 0, UINT64_MAX, PAGE_SIZE));
    assert_int_equal(
        IOMapper_iovmMapMemory(self, NULL_MEMORY, 0, PAGE_SIZE, BOTH, NULL, NULL, NULL, &at, &size),
        kIOReturnSuccess);
    /* They may end where all addresses do. */
    assert_int_equal(IOMapper_iovmInsert(self, 0, at, 0, UINT64_MAX - PAGE_SIZE + 1, PAGE_SIZE),
                     kIOReturnSuccess);
    assert_int_equal(IOMapper_iovmUnmapMemory(self, NULL_MEMORY, NULL, at, size), kIOReturnSuccess);
    REFUSED(IOMapper_translate(self, 0, 0, NULL, NULL));
    REFUSED(IOMapper_translate(self, 0, 1u << 30, &physical, NULL));
}

static void pages_of_no_mapper_or_none_are_not_given_back(void **state)
{
    ppnum_t page;

    (void)state;
    IOMemory_fail(kIOReturnSuccess);
    IOMapperIOVMFree(5, 1); /* no system mapper */
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    mapper->super.fIsSystem = true;
    assert_true(IOMapper_start(&mapper->super, unit));
    IOMemory_fail(kIOReturnSuccess);
    IOMapperIOVMFree(0, 1);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    page = IOMapperIOVMAlloc(1);
    assert_int_equal(page, BASE_PAGE);
    IOMapperIOVMFree(page, 1);
}

/* Entries with more cells than any unit has, or that end in the middle. */
static void entries_that_are_none_are_refused(void **state)
{
    static const uint8_t entry[] = {0, 0, 0, 7, 0, 0, 0, 1};
    IOService *device = IOService_withReader("device", NULL, NULL);

    (void)state;
    assert_true(IOMapper_start(&mapper->super, unit));
    IOService_setProperty(device, "iommus", entry, sizeof(entry));
    IOService_setCell(unit, "#iommu-cells", 2);
    assert_null(IOMapper_copyMapperForDevice(device));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    IOService_setCell(unit, "#iommu-cells", 1000);
    assert_null(IOMapper_copyMapperForDevice(device));
    assert_int_equal(IOMemoryLastError(), kIOReturnUnsupported);
    OSObject_release(device);
}

static uint64_t wish; /* that the unit was shown */

static IOReturn hear_wish(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                          uint64_t length, uint32_t options, const IODMAMapSpecification *spec,
                          IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                          uint64_t *mapLength)
{
    (void)self, (void)memory, (void)offset, (void)length, (void)options, (void)spec;
    (void)command, (void)list, (void)mapLength;
    wish = *mapAddress;
    return kIOReturnNoSpace;
}

/* What stands in the variable is a wish where it is said to be one. */
static void an_address_is_wished_for_by_an_option(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    OSObject *const object = (OSObject *)&mapper->super;
    const OSMetaClass *const own = object->metaClass;
    IOMapperClass class = *(const IOMapperClass *)own;
    uint64_t at, size = 5;

    (void)state;
    class.iovmMapMemory = hear_wish;
    object->metaClass = &class.meta;
    for (unsigned fixed = 0; fixed < 2; fixed++) {
        at = 0x123000;
        assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, memory, 0, PAGE_SIZE,
                                                BOTH | (fixed != 0 ? kIODMAMapFixedAddress : 0),
                                                NULL, NULL, NULL, &at, &size),
                         kIOReturnNoSpace);
        assert_int_equal(wish, fixed != 0 ? 0x123000 : 0);
        assert_int_equal(at | size, 0);
    }
    object->metaClass = own;
    OSObject_release(memory);
}

static unsigned runs_mapped;

static uint64_t map_quickly(IOMapper *self, uint64_t physical, uint64_t length, uint32_t access,
                            uint64_t *mapLength)
{
    (void)self, (void)physical, (void)access;
    runs_mapped++;
    *mapLength = length;
    return 0x7000;
}

static uint64_t map_a_run_in_its_page(IOMapper *self, uint64_t physical, uint64_t length,
                                      uint32_t access, uint64_t *mapLength)
{
    (void)self, (void)access;
    *mapLength = round_page((physical & PAGE_MASK) + length);
    return 0x7000 + (physical & PAGE_MASK);
}

/* The quick way knows no wishes: of a place, of pages at hand, of addresses without memory. */
static void the_quick_way_is_for_who_wishes_nothing(void **state)
{
    static const IODMAMapSpecification narrow = {.numAddressBits = 32};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    OSObject *const object = (OSObject *)&mapper->super;
    const OSMetaClass *const own = object->metaClass;
    IOMapperClass class = *(const IOMapperClass *)own;
    upl_page_info_t page = {.phys_addr = DMA_LOW >> PAGE_SHIFT};
    const IODMAMapPageList list = {.pageList = &page, .pageListCount = 1};
    const struct {
        IOMemoryDescriptor *memory;
        const IODMAMapSpecification *spec;
        const IODMAMapPageList *list;
        uint32_t options;
        bool quick;
    } rows[] = {{memory, NULL, NULL, BOTH, true},
                {memory, NULL, NULL, kIODMAMapReadAccess, true},
                {memory, NULL, NULL, BOTH | kIODMAMapPagingPath, false},
                {memory, &narrow, NULL, BOTH, false},
                {memory, NULL, &list, BOTH, false},
                {NULL, NULL, NULL, BOTH, false}};

    (void)state;
    class.mapRun = map_quickly;
    object->metaClass = &class.meta;
    assert_true(IOMapper_start(&mapper->super, unit));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t at, size;

        runs_mapped = 0;
        assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, rows[i].memory, 0, PAGE_SIZE,
                                                rows[i].options, rows[i].spec, NULL, rows[i].list,
                                                &at, &size),
                         kIOReturnSuccess);
        assert_int_equal(runs_mapped, rows[i].quick);
        assert_int_equal(at == 0x7000, rows[i].quick);
        assert_int_equal(size, PAGE_SIZE);
        if (!rows[i].quick) {
            assert_int_equal(
                IOMapper_iovmUnmapMemory(&mapper->super, rows[i].memory, NULL, at, size),
                kIOReturnSuccess);
        }
    }
    /* A transfer's as well, whose pages are its own from then on. */
    for (unsigned i = 0; i < 2; i++) {
        struct IOMapperUse use = {0};

        class.mapRun = i == 0 ? map_a_run_in_its_page : mapper_map_no_run;
        assert_int_equal(IOMapper_beginRun(&mapper->super, &use, DMA_LOW + 8, 100, BOTH),
                         i == 0 ? 0x7008 : 0);
        assert_int_equal(use.link != NULL, i == 0);
        if (i == 0) {
            assert_int_equal(use.address, 0x7000);
            assert_int_equal(use.length, PAGE_SIZE);
            assert_true(use.isRunning);
            IOMapper_removeUse(&use);
        }
        assert_null(mapper->super.uses);
    }
    object->metaClass = own;
    OSObject_release(memory);
}

static UInt32 told_cells[8], told_count;

static IOMapper *hear_cells(IOMapper *self, IOService *device, const UInt32 *cells, UInt32 count)
{
    (void)self, (void)device;
    told_count = count;
    memcpy(told_cells, cells, count * sizeof(*cells));
    return NULL;
}

/* A unit is told the cells of the entry that was asked for, be there none of them or four. */
static void a_unit_is_told_the_entrys_cells(void **state)
{
    OSObject *const object = (OSObject *)&mapper->super;
    const OSMetaClass *const own = object->metaClass;
    IOMapperClass class = *(const IOMapperClass *)own;
    IOService *device = IOService_withReader("device", NULL, NULL);
    static uint8_t entries[3 * 5 * 4];

    (void)state;
    class.copyForDevice = hear_cells;
    object->metaClass = &class.meta;
    assert_true(IOMapper_start(&mapper->super, unit));
    for (UInt32 cells = 0; cells < 5; cells++) {
        for (UInt32 i = 0; i < 3 * (cells + 1); i++) {
            entries[4 * i + 3] = i % (cells + 1) == 0 ? 7 : (uint8_t)(0x40 + i);
        }
        if (cells != 0) { /* else it says nothing of them */
            IOService_setCell(unit, "#iommu-cells", cells);
        }
        IOService_setProperty(device, "iommus", entries, 3 * (cells + 1) * 4);
        for (UInt32 index = 0; index < 3; index++) {
            told_count = 9;
            IOMapper_copyMapperForDeviceWithIndex(device, index);
            assert_int_equal(told_count, cells);
            for (UInt32 i = 0; i < cells; i++) {
                assert_int_equal(told_cells[i], 0x40 + index * (cells + 1) + 1 + i);
            }
        }
        told_count = 9;
        assert_null(IOMapper_copyMapperForDeviceWithIndex(device, 3));
        assert_int_equal(told_count, 9);
    }
    object->metaClass = own;
    OSObject_release(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAPPER_TEST(a_unit_is_started_once),
        MAPPER_TEST(no_mapper_takes_anothers_place),
        MAPPER_TEST(a_list_of_units_is_searched_whole),
        MAPPER_TEST(entries_have_as_many_cells_as_the_unit_says),
        MAPPER_TEST(entries_that_are_none_are_refused),
        MAPPER_TEST(an_address_is_wished_for_by_an_option),
        MAPPER_TEST(the_quick_way_is_for_who_wishes_nothing),
        MAPPER_TEST(a_unit_is_told_the_entrys_cells),
        MAPPER_TEST(mappings_without_an_answer_or_of_no_memory_are_refused),
        MAPPER_TEST(sums_that_wrap_are_refused),
        MAPPER_TEST(pages_of_no_mapper_or_none_are_not_given_back),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
