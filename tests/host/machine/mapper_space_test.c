/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappers: addresses and tables that run out, widths, page lists, and what the doors refuse. */
#include "kernel/inject.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/lib/holdings.h"
#include "tests/lib/portable/test_mapper.h"

#define BOTH      (kIODMAMapReadAccess | kIODMAMapWriteAccess)
#define BASE_PAGE 0x100
#define HALF      0x40000ull /* pages: more than one of these fits nowhere below 2^31 */

static IOReturn map(struct test_mapper *mapper, IOMemoryDescriptor *memory, uint8_t bits,
                    uint64_t *address, uint64_t *size)
{
    const IODMAMapSpecification spec = {.numAddressBits = bits};

    *address = *size = 1;
    return IOMapper_iovmMapMemory(&mapper->super, memory, 0, IOMemoryDescriptor_getLength(memory),
                                  BOTH, &spec, NULL, NULL, address, size);
}

static IOReturn reserve(struct test_mapper *mapper, uint64_t pages, uint64_t *address,
                        uint64_t *size)
{
    return IOMapper_iovmMapMemory(&mapper->super, (IOMemoryDescriptor *)NULL, 0, ptoa(pages), BOTH,
                                  NULL, NULL, NULL, address, size);
}

static void unmap(struct test_mapper *mapper, uint64_t address, uint64_t size)
{
    assert_int_equal(
        IOMapper_iovmUnmapMemory(&mapper->super, (IOMemoryDescriptor *)NULL, NULL, address, size),
        kIOReturnSuccess);
}

static unsigned tables_of(const struct test_mapper *mapper)
{
    unsigned tables = 0;

    for (unsigned i = 0; i < TEST_MAPPER_TABLES; i++) {
        tables += mapper->tables[i] != NULL;
    }
    return tables;
}

static void name_a_leak(const char *what, uint64_t was, uint64_t is)
{
    print_error("%s: %llu, was %llu\n", what, (unsigned long long)is, (unsigned long long)was);
}

/* MP-4: each request for memory fails once; what there was before is all there is after. */
static void mp_4_want_of_tables_leaves_nothing(void **state)
{
    struct test_mapper *mapper = test_mapper_new(511); /* two tables for the second page */
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 8, 2 * PAGE_SIZE, 0, 0, kIODirectionOut);
    struct inject_report report;
    uint64_t nth = 0, address, size;

    (void)state;
    do {
        const struct holdings before = holdings_now();
        const uint64_t free_before = IORangeAllocator_getFreeCount(mapper->space);
        struct holdings after;
        IOReturn status;

        inject_begin(++nth);
        status = map(mapper, memory, 0, &address, &size);
        inject_end(&report);
        if (status == kIOReturnSuccess) {
            assert_int_equal(tables_of(mapper), 2);
            unmap(mapper, address, size);
        } else {
            assert_true(status == kIOReturnNoResources || status == kIOReturnNoSpace);
            assert_int_equal(address | size, 0);
        }
        assert_int_equal(mapper->entries, 0);
        assert_int_equal(tables_of(mapper), 0);
        assert_int_equal(IORangeAllocator_getFreeCount(mapper->space), free_before);
        after = holdings_now();
        assert_true(nth == 1 || holdings_are_same(&before, &after, name_a_leak));
    } while (report.failed);
    assert_true(nth > 2);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* MP-4, the other half: no addresses; and a device's width holds when the low ones are gone. */
static void mp_4_want_of_addresses_leaves_nothing(void **state)
{
    struct test_mapper *mapper = test_mapper_new(1);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOut);
    uint64_t low, low_size, high, high_size, address, size;

    (void)state;
    assert_int_equal(reserve(mapper, HALF - 1, &low, &low_size), kIOReturnSuccess);
    assert_int_equal(low, PAGE_SIZE);
    assert_int_equal(map(mapper, memory, 30, &address, &size), kIOReturnNoSpace);
    assert_int_equal(address | size, 0);
    assert_int_equal(map(mapper, memory, 31, &address, &size), kIOReturnSuccess);
    assert_int_equal(address, 1ull << 30);
    unmap(mapper, address, size);
    assert_int_equal(reserve(mapper, 3 * HALF, &high, &high_size), kIOReturnSuccess);
    assert_int_equal(map(mapper, memory, 0, &address, &size), kIOReturnNoSpace);
    assert_int_equal(map(mapper, memory, 64, &address, &size), kIOReturnNoSpace);
    assert_int_equal(IORangeAllocator_getFreeCount(mapper->space), 0);
    unmap(mapper, low, low_size);
    assert_int_equal(map(mapper, memory, 28, &address, &size), kIOReturnSuccess);
    unmap(mapper, address, size);
    unmap(mapper, high, high_size);
    assert_int_equal(tables_of(mapper), 0);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* Widths that name no page but the first, all those that do, and those that are no limit. */
static void every_width_is_kept_or_refused(void **state)
{
    struct test_mapper *mapper = test_mapper_new(1);
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH + 8, 17, 0, 0, kIODirectionOut);

    (void)state;
    for (unsigned bits = 1; bits <= 255; bits++) {
        uint64_t address, size;
        const IOReturn status = map(mapper, memory, (uint8_t)bits, &address, &size);

        if (bits < PAGE_SHIFT) {
            assert_int_equal(status, kIOReturnBadArgument);
        } else if (bits == PAGE_SHIFT) {
            assert_int_equal(status, kIOReturnNoSpace); /* page 0 is nobody's */
        } else {
            assert_int_equal(status, kIOReturnSuccess);
            assert_true(bits >= 64 || address + 16 < (uint64_t)1 << bits);
            unmap(mapper, address, size);
            continue;
        }
        assert_int_equal(address | size, 0);
    }
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* The last byte has its page, wherever in a page the first one is. */
static void offset_and_length_are_rounded_together(void **state)
{
    static const struct {
        uint64_t offset, length, pages;
    } rows[] = {{4080, 17, 2},    {4080, 16, 1}, {1, 4096, 2},     {4095, 2, 2},
                {0xf00, 4352, 2}, {0, 4096, 1},  {0xf00, 4353, 3}, {0, 65536, 16}};
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IOMemoryDescriptor *memory =
            dma_memory(DMA_LOW + rows[i].offset, rows[i].length, 0, 0, kIODirectionOut);
        uint64_t address, size, physical;

        assert_int_equal(map(mapper, memory, 0, &address, &size), kIOReturnSuccess);
        assert_int_equal(size, ptoa(rows[i].pages));
        assert_int_equal(mapper->entries, rows[i].pages);
        assert_int_equal(
            IOMapper_translate(&mapper->super, address + rows[i].length - 1, BOTH, &physical, NULL),
            kIOReturnSuccess);
        assert_int_equal(physical, DMA_LOW + rows[i].offset + rows[i].length - 1);
        unmap(mapper, address, size);
        OSObject_release(memory);
    }
    OSObject_release(&mapper->super);
}

/* MP-14: by the list of pages, or page by page from the descriptor: the same translations. */
static void mp_14_a_page_list_maps_as_a_walk(void **state)
{
    static const unsigned order[] = {2, 0, 3, 1};
    struct test_mapper *listed = test_mapper_new(BASE_PAGE), *walked = test_mapper_new(BASE_PAGE);

    (void)state;
    for (unsigned skip = 0; skip < PAGE_SIZE; skip += 1111) {
        const uint64_t at = new_pages(owner, 4, RW);
        IOMemoryDescriptor *memory =
            describe(at + skip, 4 * PAGE_SIZE - skip - 5, kIODirectionOutIn, owner);
        const uint64_t length = IOMemoryDescriptor_getLength(memory);
        uint64_t address, size, second, second_size;

        for (unsigned i = 0; i < 4; i++) {
            store(owner, at + ptoa(order[i]), 1); /* resident in another order */
        }
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_dmaMap(memory, &listed->super, memory, NULL, NULL, 0,
                                                   length, &address, &size),
                         kIOReturnSuccess);
        assert_true(listed->usedPageList);
        assert_int_equal(map(walked, memory, 0, &second, &second_size), kIOReturnSuccess);
        assert_false(walked->usedPageList);
        assert_int_equal(second, address);
        assert_int_equal(second_size, size);
        for (uint64_t i = 0; i < length; i += 7) {
            uint64_t one, two, one_left, two_left;

            assert_int_equal(IOMapper_translate(&listed->super, address + i, BOTH, &one, &one_left),
                             kIOReturnSuccess);
            assert_int_equal(IOMapper_translate(&walked->super, address + i, BOTH, &two, &two_left),
                             kIOReturnSuccess);
            assert_int_equal(one, two);
            assert_int_equal(one_left, two_left);
        }
        unmap(listed, address, size);
        unmap(walked, address, size);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        OSObject_release(memory);
    }
    OSObject_release(&listed->super);
    OSObject_release(&walked->super);
}

/* Physical address 0 is an address, which only the short form cannot tell from none. */
static void physical_0_is_translated(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    uint64_t address, size, physical = 1, left;

    (void)state;
    assert_int_equal(reserve(mapper, 2, &address, &size), kIOReturnSuccess);
    assert_int_equal(IOMapper_iovmInsert(&mapper->super, 0, address, 0, 0, PAGE_SIZE),
                     kIOReturnSuccess);
    assert_int_equal(IOMapper_translate(&mapper->super, address, BOTH, &physical, &left),
                     kIOReturnSuccess);
    assert_int_equal(physical, 0);
    assert_int_equal(left, PAGE_SIZE);
    assert_int_equal(IOMapper_mapToPhysicalAddress(&mapper->super, address + 5), 5);
    assert_int_equal(IOMapper_translate(&mapper->super, address + PAGE_SIZE, 0, &physical, &left),
                     kIOReturnNotFound);
    unmap(mapper, address, size);
    OSObject_release(&mapper->super);
}

static IOService *new_unit(void)
{
    return IOService_withReader("unit", NULL, NULL);
}

/* Page sizes that are none: the unit is not started, and no system mapper. */
static void units_with_impossible_pages_do_not_start(void **state)
{
    static const uint64_t sizes[] = {0, 3, 3000, 4097, 1ull << 32, UINT64_MAX};
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOService *unit = new_unit();

    (void)state;
    mapper->super.fIsSystem = true;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        mapper->pageSize = sizes[i];
        IOMemory_fail(kIOReturnOffline);
        assert_false(IOMapper_start(&mapper->super, unit));
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
        assert_null(IOMapper_systemMapper());
    }
    OSObject_release(unit);
    OSObject_release(&mapper->super);
}

/* Addresses that a page number of 32 bits cannot name are given back, not lost. */
static void pages_that_have_no_number_are_given_back(void **state)
{
    IOMapper *mapper = new_mapper();
    IOService *unit = new_unit();

    (void)state;
    mapper->fIsSystem = true;
    assert_true(IOMapper_start(mapper, unit));
    told.base = 1ull << (32 + PAGE_SHIFT);
    assert_int_equal(IOMapperIOVMAlloc(2), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNoSpace);
    assert_int_equal(told.maps, 1);
    assert_int_equal(told.unmaps, 1);
    told.answer = kIOReturnOffline;
    assert_int_equal(IOMapperIOVMAlloc(2), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnOffline);
    assert_int_equal(told.unmaps, 1);
    told.answer = kIOReturnSuccess;
    told.base -= PAGE_SIZE; /* the highest that has one */
    assert_int_equal(IOMapperIOVMAlloc(2), UINT32_MAX);
    assert_int_equal(told.unmaps, 1);
    IOMapperIOVMFree(UINT32_MAX, 2);
    assert_int_equal(told.unmaps, 2);
    /* What the unit says of an insertion is what the caller is told. */
    assert_int_equal(IOMapperInsertPage(UINT32_MAX, 0, 5), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnUnsupported);
    OSObject_release(mapper);
    OSObject_release(unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(mp_4_want_of_tables_leaves_nothing),
        MAP_TEST(mp_4_want_of_addresses_leaves_nothing),
        MAP_TEST(every_width_is_kept_or_refused),
        MAP_TEST(offset_and_length_are_rounded_together),
        MAP_TEST(mp_14_a_page_list_maps_as_a_walk),
        MAP_TEST(physical_0_is_translated),
        MAP_TEST(units_with_impossible_pages_do_not_start),
        MAP_TEST(pages_that_have_no_number_are_given_back),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
