/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's translation table, over vdma's core: want of memory, addresses that run out, places of all
 * kinds, and turning it on and off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMultiMemoryDescriptor.h"
#include "kernel/inject.h"
#include "kernel/page.h"
#include "tests/host/drivers/vdma_spoiled.h"

static void tables_without_memory(void **state)
{
    const struct vdma_limits limits = {.table_entries = 64};
    struct inject_report report = {.failed = true};
    const struct vdma_table *there;
    unsigned failures = 0;

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    /* The device does not take it. */
    spoiled_answer = (struct vdma_status){.code = VDMA_STATUS_ERROR};
    spoil = spoil_answer;
    assert_int_equal(vdma_use_table(true), kIOReturnIOError);
    assert_null(vdma_state.table);
    assert_null(IOMapper_copyMapperForDevice(vdma_get_service()));
    assert_int_equal(vdma_reset(), kIOReturnSuccess); /* in truth it has taken it */
    for (uint64_t nth = 1; report.failed; nth++) {
        const struct holdings held = holdings_now();
        IOReturn status;

        IOMemory_fail(kIOReturnBusy);
        inject_begin(nth);
        status = vdma_use_table(true);
        inject_end(&report);
        assert_int_equal(status, report.failed ? kIOReturnNoMemory : kIOReturnSuccess);
        failures += report.failed;
        assert_true(!report.failed || sim_holds(&held));
        if (report.failed) {
            struct vdma_job job = {.type = VDMA_CHECKSUM, .source = pair, .length = 16};

            assert_int_equal(vdma_perform(&job), kIOReturnSuccess); /* the device has none either */
        }
    }
    assert_true(failures >= 4);
    there = vdma_state.table;
    assert_int_equal(((const IOMapper *)there)->pageSize, PAGE_SIZE); /* it is started */
    assert_int_equal(vdma_use_table(true), kIOReturnSuccess);         /* it is */
    assert_ptr_equal(vdma_state.table, there);
    assert_int_equal(vdma_control(VDMA_SET_TABLE, NULL, NULL, 0, NULL, 0, NULL), kIOReturnBusy);
}

static IOMapper *table(void)
{
    return (IOMapper *)vdma_state.table;
}

/* What nobody asks to read or write is not there for them either; behind the last page is nothing.
 */
static void pages_that_are_not_there(void **state)
{
    const uint64_t end = vdma_state.can.limits.table_entries * PAGE_SIZE;
    uint64_t address, length, physical;

    (void)state;
    for (uint64_t at = 0; at < 2 * end; at += PAGE_SIZE) {
        assert_int_equal(IOMapper_translate(table(), at, 0, &physical, &length), kIOReturnNotFound);
    }
    assert_int_equal(IOMapper_iovmMapMemory(table(), (IOMemoryDescriptor *)NULL, 0, PAGE_SIZE,
                                            kIODMAMapReadAccess, NULL, NULL, NULL, &address,
                                            &length),
                     kIOReturnSuccess);
    assert_int_equal(
        IOMapper_iovmUnmapMemory(table(), (IOMemoryDescriptor *)NULL, NULL, address, length),
        kIOReturnSuccess);
    /* All that there are, by their name. */
    address = 0;
    assert_int_equal(IOMapper_iovmMapMemory(table(), (IOMemoryDescriptor *)NULL, 0, end,
                                            kIODMAMapReadAccess | kIODMAMapFixedAddress, NULL, NULL,
                                            NULL, &address, &length),
                     kIOReturnSuccess);
    assert_int_equal(length, end);
    /* A run that goes on for several pages, from within it. */
    assert_int_equal(IOMapper_iovmInsert(table(), 0, 0, 10 * PAGE_SIZE, 0x40000000, 4 * PAGE_SIZE),
                     kIOReturnSuccess);
    for (uint64_t at = 0; at < 4 * PAGE_SIZE; at += 1000) {
        uint64_t open;

        assert_int_equal(IOMapper_translate(table(), 10 * PAGE_SIZE + at, 0, &physical, &open),
                         kIOReturnSuccess);
        assert_int_equal(physical, 0x40000000 + at);
        assert_int_equal(open, 4 * PAGE_SIZE - at);
    }
    /* Behind them is where the number of pages is written down. */
    for (uint64_t at = end; at < 2 * end; at += PAGE_SIZE) {
        assert_int_equal(IOMapper_translate(table(), at, 0, &physical, &length), kIOReturnNotFound);
    }
    assert_int_equal(
        IOMapper_iovmUnmapMemory(table(), (IOMemoryDescriptor *)NULL, NULL, address, length),
        kIOReturnSuccess);
}

/* Memory that begins in a page and ends in the next one, and a part of it. */
static void mappings_across_pages(void **state)
{
    IOMemoryDescriptor *across = IOMemoryDescriptor_withAddressRange(
        (uint64_t)pair_bytes + PAGE_SIZE - 96, 200, kIODirectionInOut, kernel_task);
    uint64_t address, length, physical, open;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(across, kIODirectionNone), kIOReturnSuccess);
    for (uint64_t offset = 0; offset < 200; offset += 40) {
        assert_int_equal(IOMapper_iovmMapMemory(table(), across, offset, 200 - offset,
                                                kIODMAMapReadAccess, NULL, NULL, NULL, &address,
                                                &length),
                         kIOReturnSuccess);
        assert_int_equal(length, offset < 96 ? 2 * PAGE_SIZE : PAGE_SIZE);
        assert_int_equal(address % PAGE_SIZE, (PAGE_SIZE - 96 + offset) % PAGE_SIZE);
        for (uint64_t at = 0; at < 200 - offset; at += 8) {
            assert_int_equal(
                IOMapper_translate(table(), address + at, kIODMAMapReadAccess, &physical, &open),
                kIOReturnSuccess);
            assert_int_equal(physical,
                             virt_to_phys(pair_bytes).value + PAGE_SIZE - 96 + offset + at);
        }
        assert_int_equal(IOMapper_iovmUnmapMemory(table(), across, NULL, address, length),
                         kIOReturnSuccess);
    }
    /* A part that ends in the first page. */
    assert_int_equal(IOMapper_iovmMapMemory(table(), across, 0, 40, kIODMAMapReadAccess, NULL, NULL,
                                            NULL, &address, &length),
                     kIOReturnSuccess);
    assert_int_equal(length, PAGE_SIZE);
    assert_int_equal(IOMapper_iovmUnmapMemory(table(), across, NULL, address, length),
                     kIOReturnSuccess);
    assert_int_equal(IOMapper_iovmMapMemory(table(), (IOMemoryDescriptor *)NULL, 0, UINT64_MAX,
                                            kIODMAMapReadAccess, NULL, NULL, NULL, &address,
                                            &length),
                     kIOReturnNoSpace);
    assert_int_equal(IOMemoryDescriptor_complete(across, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(across);
}

/* At multiples of what is asked for, though there is room before them. */
static void mappings_at_multiples(void **state)
{
    const IODMAMapSpecification spec = {.alignment = 4 * PAGE_SIZE};
    uint64_t address[2], length;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMapper_iovmMapMemory(table(), (IOMemoryDescriptor *)NULL, 0, PAGE_SIZE,
                                                kIODMAMapReadAccess, &spec, NULL, NULL, &address[i],
                                                &length),
                         kIOReturnSuccess);
        assert_int_equal(address[i], (i + 1) * 4 * PAGE_SIZE);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(
            IOMapper_iovmUnmapMemory(table(), (IOMemoryDescriptor *)NULL, NULL, address[i], length),
            kIOReturnSuccess);
    }
}

static void mappings_that_cannot_be(void **state)
{
    const IODMAMapSpecification narrow = {.numAddressBits = 16};
    IOMemoryDescriptor *const none = NULL;
    uint64_t address, length, taken[64];
    IOMemoryDescriptor *unprepared;
    unsigned count = 0;
    paddr_t page;

    (void)state;
    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
    unprepared = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(page), 16,
                                                     kIODirectionIn, kernel_task);
    assert_non_null(unprepared);
#define MAP(what, bytes, options, spec)                                                            \
    IOMapper_iovmMapMemory(table(), what, 0, bytes, kIODMAMapReadAccess | (options), spec, NULL,   \
                           NULL, &address, &length)
    assert_int_equal(MAP(none, 65 * PAGE_SIZE, 0, NULL), kIOReturnNoSpace); /* more than it has */
    assert_int_equal(MAP(none, PAGE_SIZE, kIODMAMapDeviceMemory, NULL), kIOReturnUnsupported);
    assert_int_equal(MAP(unprepared, 16, 0, NULL), kIOReturnNotReady);
    OSObject_release(unprepared);
    assert_int_equal(page_free(page, 0), KERN_SUCCESS);
    assert_int_equal(MAP(none, 17 * PAGE_SIZE, 0, &narrow), kIOReturnNoSpace);
    address = 64 * PAGE_SIZE;
    assert_int_equal(MAP(none, PAGE_SIZE, kIODMAMapFixedAddress, NULL), kIOReturnNoSpace);
    address = 16 * PAGE_SIZE; /* there, but not with so few bits */
    assert_int_equal(MAP(none, PAGE_SIZE, kIODMAMapFixedAddress, &narrow), kIOReturnNoSpace);
    address = 15 * PAGE_SIZE;
    assert_int_equal(MAP(none, PAGE_SIZE, kIODMAMapFixedAddress, &narrow), kIOReturnSuccess);
    assert_int_equal(address, 15 * PAGE_SIZE);
    assert_int_equal(IOMapper_iovmUnmapMemory(table(), none, NULL, address, PAGE_SIZE),
                     kIOReturnSuccess);
    /* Where only what is too high is free, none of it is taken. */
    while (MAP(none, PAGE_SIZE, 0, &narrow) == kIOReturnSuccess) {
        taken[count++] = address;
        assert_in_range(count, 1, 15);
    }
    assert_int_equal(count, 15);
    assert_int_equal(MAP(none, 48 * PAGE_SIZE, 0, NULL), kIOReturnSuccess);
    taken[count++] = address;
    while (count-- != 0) {
        const uint64_t pages = count == 15 ? 48 : 1;

        assert_int_equal(
            IOMapper_iovmUnmapMemory(table(), none, NULL, taken[count], pages * PAGE_SIZE),
            kIOReturnSuccess);
    }
    count = 0;
    /* Page 0 is who asks for it. */
    address = 0;
    assert_int_equal(MAP(none, PAGE_SIZE, kIODMAMapFixedAddress, NULL), kIOReturnSuccess);
    taken[count++] = address;
    while (MAP(none, PAGE_SIZE, 0, NULL) == kIOReturnSuccess) {
        taken[count++] = address;
        assert_in_range(count, 1, 64);
    }
    assert_int_equal(count, 64);
    IOMemory_fail(kIOReturnBusy);
    assert_int_equal(MAP(none, PAGE_SIZE, 0, NULL), kIOReturnNoSpace);
    assert_int_equal(IOMapper_translate(table(), 70 * PAGE_SIZE, 0, &address, &length),
                     kIOReturnNotFound);
    assert_int_equal(IOMapper_iovmUnmapMemory(table(), none, NULL, 70 * PAGE_SIZE, PAGE_SIZE),
                     kIOReturnNotFound);
    while (count != 0) {
        assert_int_equal(IOMapper_iovmUnmapMemory(table(), none, NULL, taken[--count], PAGE_SIZE),
                         kIOReturnSuccess);
    }
    /* The translation of the last page has no page behind it. */
    address = 62 * PAGE_SIZE;
    assert_int_equal(MAP(pair, 2 * PAGE_SIZE, kIODMAMapFixedAddress, NULL), kIOReturnSuccess);
    {
        uint64_t physical, run;

        assert_int_equal(IOMapper_translate(table(), address, 0, &physical, &run),
                         kIOReturnSuccess);
        assert_int_equal(physical, virt_to_phys(pair_bytes).value);
        assert_int_equal(run, 2 * PAGE_SIZE);
    }
    assert_int_equal(IOMapper_iovmUnmapMemory(table(), pair, NULL, address, length),
                     kIOReturnSuccess);
}

/* Runs that go on are one; others begin a page. What is not wired is mapped nowhere. */
static void mappings_of_several_pieces(void **state)
{
    IOAddressRange turned[] = {{(uint64_t)pair_bytes + PAGE_SIZE, PAGE_SIZE},
                               {(uint64_t)pair_bytes, PAGE_SIZE}};
    IOMemoryDescriptor *const halves[] = {
        IOMemoryDescriptor_withAddressRange((uint64_t)pair_bytes, PAGE_SIZE, kIODirectionInOut,
                                            kernel_task),
        IOMemoryDescriptor_withAddressRange((uint64_t)pair_bytes + PAGE_SIZE, PAGE_SIZE,
                                            kIODirectionInOut, kernel_task)};
    IOMemoryDescriptor *const parts[] = {
        (IOMemoryDescriptor *)IOMultiMemoryDescriptor_withDescriptors((IOMemoryDescriptor **)halves,
                                                                      2, kIODirectionInOut, false),
        IOMemoryDescriptor_withAddressRanges(turned, 2, kIODirectionInOut, kernel_task)};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t address = 0, length, physical, run;

        assert_int_equal(IOMemoryDescriptor_prepare(parts[i], kIODirectionNone), kIOReturnSuccess);
        assert_int_equal(MAP(parts[i], 2 * PAGE_SIZE, 0, NULL), kIOReturnSuccess);
        assert_int_equal(length, 2 * PAGE_SIZE);
        assert_int_equal(IOMapper_translate(table(), address, 0, &physical, &run),
                         kIOReturnSuccess);
        assert_int_equal(run, i == 0 ? 2 * PAGE_SIZE : PAGE_SIZE);
        assert_int_equal(IOMapper_iovmUnmapMemory(table(), parts[i], NULL, address, length),
                         kIOReturnSuccess);
        IOMemoryDescriptor_complete(parts[i], kIODirectionNone);
        OSObject_release(parts[i]);
        OSObject_release(halves[i]);
    }
}

/* Halves of a page that are put together again: they go on in the page that has its entry. */
static void mappings_that_go_on_in_a_page(void **state)
{
    IOMemoryDescriptor *const halves[] = {
        IOMemoryDescriptor_withAddressRange((uint64_t)pair_bytes + 8, 100, kIODirectionInOut,
                                            kernel_task),
        IOMemoryDescriptor_withAddressRange((uint64_t)pair_bytes + 108, 200, kIODirectionInOut,
                                            kernel_task)};
    IOMemoryDescriptor *const memory =
        (IOMemoryDescriptor *)IOMultiMemoryDescriptor_withDescriptors((IOMemoryDescriptor **)halves,
                                                                      2, kIODirectionInOut, false);
    uint64_t address = 0, length;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(MAP(memory, 300, 0, NULL), kIOReturnSuccess);
    assert_int_equal(length, PAGE_SIZE);
    assert_int_equal(IOMapper_iovmUnmapMemory(table(), memory, NULL, address, length),
                     kIOReturnSuccess);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    OSObject_release(halves[0]);
    OSObject_release(halves[1]);
}

/* Each byte is where it is in memory, wherever its run begins; what is not mapped stays so. */
static void mappings_of_odd_places(void **state)
{
    IOAddressRange ranges[] = {{(uint64_t)pair_bytes + 100, 50},
                               {(uint64_t)pair_bytes + PAGE_SIZE - 8, 16},
                               {(uint64_t)pair_bytes + 300, 4000}};
    /* Where each begins among the pages that are mapped: the second and the third lie in two. */
    static const uint64_t pages[] = {0, 1, 3};
    IOMemoryDescriptor *const memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionInOut, kernel_task);
    uint64_t address = 0, length, physical, run;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMapper_iovmMapMemory(table(), memory, 0, 50 + 16 + 4000, kIODMAMapReadAccess,
                                            NULL, NULL, NULL, &address, &length),
                     kIOReturnSuccess);
    assert_int_equal(address & PAGE_MASK, 100);
    assert_int_equal(length, 5 * PAGE_SIZE);
    for (unsigned i = 0; i < 3; i++) {
        for (uint64_t at = 0; at < ranges[i].length; at++) {
            const uint64_t byte = ranges[i].address + at;
            const uint64_t page =
                pages[i] + (byte >> PAGE_SHIFT) - (ranges[i].address >> PAGE_SHIFT);

            assert_int_equal(
                IOMapper_translate(table(),
                                   trunc_page(address) + page * PAGE_SIZE + (byte & PAGE_MASK),
                                   kIODMAMapReadAccess, &physical, &run),
                kIOReturnSuccess);
            assert_int_equal(physical, virt_to_phys((void *)byte).value);
        }
    }
    assert_int_equal(IOMapper_translate(table(), address, kIODMAMapWriteAccess, &physical, &run),
                     kIOReturnNotPermitted);
    assert_int_equal(IOMapper_iovmUnmapMemory(table(), memory, NULL, address, length),
                     kIOReturnSuccess);
    for (unsigned page = 0; page < 5; page++) {
        assert_int_equal(
            IOMapper_translate(table(), trunc_page(address) + page * PAGE_SIZE, 0, &physical, &run),
            kIOReturnNotFound);
    }
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
}

/* Page by page, where the allocation has them, and nowhere else. */
static void pages_are_put_in_one_by_one(void **state)
{
    const uint64_t pages = virt_to_phys(pair_bytes).value;
    uint64_t address = 0, length, physical, run;
    IOMemoryDescriptor *const none = NULL;

    (void)state;
    assert_int_equal(MAP(none, 3 * PAGE_SIZE, 0, NULL), kIOReturnSuccess);
    assert_int_not_equal(address, 0);
    assert_int_equal(IOMapper_iovmInsert(table(), 0, address, PAGE_SIZE, pages, 2 * PAGE_SIZE),
                     kIOReturnSuccess);
    assert_int_equal(IOMapper_translate(table(), address, 0, &physical, &run), kIOReturnNotFound);
    assert_int_equal(
        IOMapper_translate(table(), address + PAGE_SIZE, kIODMAMapWriteAccess, &physical, &run),
        kIOReturnSuccess);
    assert_int_equal(physical, pages);
    assert_int_equal(run, 2 * PAGE_SIZE);
    assert_int_equal(IOMapper_translate(table(), address + 2 * PAGE_SIZE + 5, 0, &physical, &run),
                     kIOReturnSuccess);
    assert_int_equal(physical, pages + PAGE_SIZE + 5);
    assert_int_equal(run, PAGE_SIZE - 5);
    assert_int_equal(IOMapper_iovmInsert(table(), 0, address, 2 * PAGE_SIZE, pages, 2 * PAGE_SIZE),
                     kIOReturnBadArgument);
    assert_int_equal(IOMapper_iovmInsert(table(), 0, address + PAGE_SIZE, 0, pages, PAGE_SIZE),
                     kIOReturnBadArgument); /* where none begins */
    /* An entry has room for so many bits of an address. */
    assert_int_equal(IOMapper_iovmInsert(table(), 0, address, 0, VDMA_ENTRY_ADDRESS, PAGE_SIZE),
                     kIOReturnSuccess);
    assert_int_equal(IOMapper_iovmInsert(table(), 0, address, 0, VDMA_ENTRY_ADDRESS, 2 * PAGE_SIZE),
                     kIOReturnMessageTooLarge);
    assert_int_equal(IOMapper_iovmUnmapMemory(table(), none, NULL, address, length - PAGE_SIZE),
                     kIOReturnNotFound);
    assert_int_equal(IOMapper_iovmUnmapMemory(table(), none, NULL, address, length),
                     kIOReturnSuccess);
}

/* The service's commands find it while it is on; who has kept it maps nothing afterwards. */
static void a_table_that_is_turned_off(void **state)
{
    const struct vdma_limits limits = {.table_entries = 64};
    IOMapper *const kept = IOMapper_copyMapperForDevice(vdma_get_service());
    uint64_t address = 0, length;
    uint8_t can[sizeof(struct vdma_capabilities)];

    (void)state;
    assert_ptr_equal(kept, table());
    /* Nothing but new limits turns it off, and these not while it is used. */
    assert_int_equal(vdma_control(VDMA_CAPABILITIES, NULL, NULL, 0, can, sizeof(can), NULL),
                     kIOReturnSuccess);
    assert_ptr_equal(table(), kept);
    assert_int_equal(IOMapper_iovmMapMemory(kept, pair, 0, PAGE_SIZE, kIODMAMapReadAccess, NULL,
                                            NULL, NULL, &address, &length),
                     kIOReturnSuccess);
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnBusy);
    assert_int_equal(vdma_use_table(false), kIOReturnBusy);
    assert_ptr_equal(table(), kept);
    assert_int_equal(IOMapper_iovmUnmapMemory(kept, pair, NULL, address, length), kIOReturnSuccess);
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    assert_null(table());
    assert_null(IOMapper_copyMapperForDevice(vdma_get_service()));
    assert_int_equal(IOMapper_iovmMapMemory(kept, pair, 0, PAGE_SIZE, kIODMAMapReadAccess, NULL,
                                            NULL, NULL, &address, &length),
                     kIOReturnNoDevice);
    OSObject_release(kept);
    assert_int_equal(vdma_use_table(true), kIOReturnSuccess);
}

/* The device does not let go of its table: it stays, and works. */
static void a_table_that_is_not_given_back(void **state)
{
    IOMapper *const before = table();

    (void)state;
    spoiled_answer = (struct vdma_status){.code = VDMA_STATUS_ERROR};
    spoil = spoil_answer;
    assert_int_equal(vdma_use_table(false), kIOReturnIOError);
    assert_ptr_equal(table(), before);
}

/* Entries and counts, twelve bytes for each page. */
static void a_table_is_as_large_as_it_says(void **state)
{
    const struct vdma_limits few = {.table_entries = 64}, many = {.table_entries = 4096};
    static uint8_t before[4096 * 8];
    struct vdma_transfer request;
    struct holdings held;
    uint64_t address, length;
    uint32_t *behind, was;
    uint8_t *start;

    (void)state;
    assert_int_equal(vdma_use_table(false), kIOReturnSuccess);
    assert_int_equal(spoiled_set_limits(&many), kIOReturnSuccess);
    held = holdings_now();
    assert_int_equal(vdma_use_table(true), kIOReturnSuccess);
    assert_in_range(holdings_now().pages - held.pages, 4096 * 12 / PAGE_SIZE, 20);
    /* What lies before it and behind it is neither asked nor written. */
    vdma_table_request(vdma_state.table, &request);
    start = phys_to_virt(paddr(request.arguments[0]));
    behind = (uint32_t *)(start + 4096 * 12);
    memcpy(before, start - sizeof(before), sizeof(before));
    was = *behind;
    *behind = 1;
    assert_int_equal(IOMapper_iovmMapMemory(table(), (IOMemoryDescriptor *)NULL, 0, PAGE_SIZE,
                                            kIODMAMapReadAccess, NULL, NULL, NULL, &address,
                                            &length),
                     kIOReturnSuccess);
    assert_memory_equal(before, start - sizeof(before), sizeof(before));
    assert_int_equal(IOMapper_iovmUnmapMemory(table(), (IOMemoryDescriptor *)NULL, NULL,
                                              4096 * PAGE_SIZE, PAGE_SIZE),
                     kIOReturnNotFound);
    *behind = was;
    assert_int_equal(
        IOMapper_iovmUnmapMemory(table(), (IOMemoryDescriptor *)NULL, NULL, address, length),
        kIOReturnSuccess);
    assert_int_equal(vdma_use_table(false), kIOReturnSuccess);
    assert_int_equal(spoiled_set_limits(&few), kIOReturnSuccess);
    assert_int_equal(vdma_use_table(true), kIOReturnSuccess);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_without_memory), /* from here on there is one */
        cmocka_unit_test(pages_that_are_not_there),
        cmocka_unit_test(mappings_across_pages),
        cmocka_unit_test(mappings_at_multiples),
        cmocka_unit_test(mappings_that_cannot_be),
        cmocka_unit_test(mappings_of_several_pieces),
        cmocka_unit_test(mappings_that_go_on_in_a_page),
        cmocka_unit_test(mappings_of_odd_places),
        cmocka_unit_test(pages_are_put_in_one_by_one),
        cmocka_unit_test(a_table_that_is_turned_off),
        cmocka_unit_test(a_table_that_is_not_given_back),
        cmocka_unit_test(a_table_is_as_large_as_it_says),
    };

    return cmocka_run_group_tests(tests, spoiled_start_present, NULL);
}
