/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam's memory over our kernel, byte by byte: what is allocated, pinned, told and loaded. */
#include "descriptors/platform_process.h"
#include "descriptors/platform_vm.h"
#include "descriptors/segments/IOMemoryRuns.h"
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_console.h"

static void *allocated(uint64_t size, uint64_t alignment, uint64_t highest, bool dirty)
{
    const struct platform_memory_request request = {
        .size = size, .alignment = alignment, .highest = highest, .dirty = dirty};
    void *memory = NULL;

    assert_int_equal(platform_memory_alloc(&request, &memory), KERN_SUCCESS);
    return memory;
}

/* Zeros, whatever was there before, but for who does not ask for them. */
static void memory_is_as_it_was_asked_for(void **state)
{
    static const uint64_t sizes[] = {1,         100,           PAGE_SIZE - 1,
                                     PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const struct holdings before = holdings_now();
        uint8_t *memory = allocated(sizes[i], 16, 0, false);

        assert_int_equal(platform_memory_physical(memory).value, virt_to_phys(memory).value);
        if (sizes[i] >= PAGE_SIZE) { /* a page is shared with nobody */
            assert_int_equal((uint64_t)memory % PAGE_SIZE, 0);
            assert_int_equal(holdings_now().of_owner[PAGE_OWNER_BUFFER],
                             before.of_owner[PAGE_OWNER_BUFFER] +
                                 (sizes[i] + PAGE_MASK) / PAGE_SIZE);
        }
        memset(memory, 0xee, sizes[i]);
        platform_memory_free(memory, sizes[i]);
        assert_true(sim_holds(&before));
        memory = allocated(sizes[i], 16, 0, false);
        for (uint64_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(memory[j], 0);
        }
        memset(memory, 0xee, sizes[i]);
        platform_memory_free(memory, sizes[i]);
        memory = allocated(sizes[i], 16, 0, true); /* the same, and nobody has cleared it */
        assert_int_not_equal(memory[sizes[i] - 1], 0);
        platform_memory_free(memory, sizes[i]);
        assert_true(sim_holds(&before));
    }
}

static void want_of_memory_is_told(void **state)
{
    const struct platform_memory_request small = {.size = 100, .alignment = 16};
    struct inject_report report;
    void *memory;

    (void)state;
    inject_begin(1);
    assert_int_equal(platform_memory_alloc(&small, &memory), KERN_RESOURCE_SHORTAGE);
    inject_end(&report);
    assert_true(report.failed);
    for (uint64_t nth = 1; report.failed; nth++) {
        const struct holdings before = holdings_now();
        kern_return_t status;

        inject_begin(nth);
        status = platform_pageable_alloc(PAGE_SIZE, PAGE_SIZE, &memory);
        inject_end(&report);
        assert_int_equal(status == KERN_SUCCESS, !report.failed);
        assert_true(!report.failed || sim_holds(&before));
    }
    platform_pageable_free(memory, PAGE_SIZE);
    /* More than there are addresses is no want of memory. */
    assert_int_equal(
        platform_pageable_alloc(MMU_KERNEL_VA_END - MMU_KERNEL_VA_BASE + 1, PAGE_SIZE, &memory),
        KERN_NO_SPACE);
    assert_int_equal(
        platform_pageable_alloc(MMU_KERNEL_VA_END - MMU_KERNEL_VA_BASE, PAGE_SIZE, &memory),
        KERN_RESOURCE_SHORTAGE);
}

/* What may be lost is so from its creation on, or never. */
static void only_what_was_made_so_is_purgeable(void **state)
{
    enum platform_purge_state now;
    struct vm_object *object;

    (void)state;
    for (unsigned purgeable = 0; purgeable < 2; purgeable++) {
        assert_int_equal(platform_object_create(1, purgeable != 0, &object), KERN_SUCCESS);
        assert_int_equal(platform_object_get_purge(object, &now), purgeable != 0);
        assert_int_equal(now, PLATFORM_PURGE_NONVOLATILE);
        platform_object_release(object);
        assert_int_equal(platform_object_create(0, purgeable != 0, &object), KERN_INVALID_ARGUMENT);
    }
}

static void memory_lies_as_it_was_asked_to(void **state)
{
    const uint64_t limit = SIM_RAM_BASE + 8 * SIM_MIB - 1;
    void *memory;

    (void)state;
    for (uint64_t alignment = 16; alignment <= 64 * PAGE_SIZE; alignment *= 2) {
        const uint64_t size = alignment < PAGE_SIZE ? 48 : PAGE_SIZE + 1;

        memory = allocated(size, alignment, 0, false);
        assert_int_equal((uint64_t)memory % alignment, 0);
        platform_memory_free(memory, size);
    }
    memory = allocated(PAGE_SIZE, 1, limit, false);
    assert_true(virt_to_phys(memory).value + PAGE_SIZE - 1 <= limit);
    platform_memory_free(memory, PAGE_SIZE);
}

static void the_last_pages_are_short(void **state)
{
    static paddr_t taken[128 * SIM_MIB / PAGE_SIZE];
    uint64_t total, count = 0;

    (void)state;
    assert_false(platform_memory_is_short());
    page_count_free(&total);
    assert_int_equal(platform_ram_pages(), total);
    assert_int_equal(platform_ram_pages(), total); /* asked once, and the same for ever */
    while (page_count_free(&total) > total / 64) {
        assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &taken[count++]), KERN_SUCCESS);
    }
    assert_int_equal(page_count_free(&total), total / 64);
    assert_false(platform_memory_is_short());
    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &taken[count++]), KERN_SUCCESS);
    assert_true(platform_memory_is_short());
    while (count > 0) {
        page_free(taken[--count], 0);
    }
}

static uint64_t dirty_pages(struct vm_object *object)
{
    uint64_t resident, dirty;

    platform_object_count(object, 0, platform_object_pages(object), &resident, &dirty);
    return dirty;
}

/* Bytes in a row: the pages that they lie in, and no other. */
static void bytes_mark_their_pages(void **state)
{
    static const struct {
        uint64_t offset, length, pages;
    } written[] = {{0, 1, 1},    {4095, 1, 1},   {4095, 2, 2},  {0, 4096, 1},
                   {1, 4096, 2}, {100, 8000, 2}, {100, 8192, 3}};
    const struct platform_layout row = {.alignment = PAGE_SIZE, .contiguous = true};

    (void)state;
    for (unsigned i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
        struct vm_object *object;
        paddr_t first;

        assert_int_equal(platform_object_create(4, false, &object), KERN_SUCCESS);
        assert_int_equal(platform_object_populate(object, &row), KERN_SUCCESS);
        assert_true(vm_object_resident(object, 0, &first));
        assert_int_equal(dirty_pages(object), 0);
        platform_mark_written(paddr_add(first, written[i].offset), written[i].length);
        assert_int_equal(dirty_pages(object), written[i].pages);
        platform_object_release(object);
    }
}

/* --- Pins ------------------------------------------------------------------------------------- */

/* What stands on the stack where the next frame comes to lie. */
static __attribute__((noinline)) void spoil_stack(void)
{
    volatile uint8_t junk[8192];

    for (unsigned i = 0; i < sizeof(junk); i++) {
        junk[i] = 0x80;
    }
}

static void expect_runs(const struct memory_runs *runs, const struct memory_runs *same)
{
    IOMemoryRuns_check(runs);
    assert_int_equal(runs->count, same->count);
    assert_int_equal(runs->length, same->length);
    assert_int_equal(runs->longest, same->longest);
    assert_int_equal(runs->highest, same->highest);
    assert_memory_equal(runs->list, same->list, same->count * sizeof(*same->list));
}

/* A list that grows on the way, and one that goes on where it has ended, are as one made at once.
 */
static void runs_are_pinned_piece_by_piece(void **state)
{
    enum {
        COUNT = 40
    };
    struct vm_object *object;
    struct memory_runs all, grown, parts;
    struct memory_runs bytes = {.list = &bytes.single, .count = 1, .capacity = 1};
    paddr_t page, gap[COUNT];
    uint64_t at, highest = 0;

    (void)state;
    assert_int_equal(platform_object_create(COUNT, false, &object), KERN_SUCCESS);
    for (unsigned i = 0; i < COUNT; i++) { /* rows of one to three pages */
        assert_int_equal(vm_object_supply(object, i, 0, &page), KERN_SUCCESS);
        if (i % 5 == 0 || i % 5 == 2) {
            assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &gap[i]), KERN_SUCCESS);
        }
    }
    at = show_object(owner, object, RW);
    bytes.single = (struct memory_run){at, COUNT * PAGE_SIZE};
    bytes.length = bytes.longest = bytes.single.end;
    assert_true(IOMemoryRuns_init(&all, COUNT) && IOMemoryRuns_init(&grown, 1) &&
                IOMemoryRuns_init(&parts, 1));
    spoil_stack();
    assert_int_equal(platform_object_wire_run(object, 0, COUNT * PAGE_SIZE, 0, &all), KERN_SUCCESS);
    for (size_t i = 0; i < all.count; i++) {
        const uint64_t end =
            all.list[i].address + (all.list[i].end - IOMemoryRuns_start(&all, &all.list[i]));

        highest = end > highest ? end : highest;
    }
    assert_int_equal(all.highest, highest);
    assert_true(all.count >= 16 && all.longest >= 2 * PAGE_SIZE && all.longest < 8 * PAGE_SIZE);
    spoil_stack();
    while (platform_wire_runs(get_task_map(owner), &bytes, 0, &grown) == KERN_NO_SPACE) {
        assert_int_equal(grown.count, grown.capacity);
        assert_true(IOMemoryRuns_makeRoom(&grown, 0));
        spoil_stack();
    }
    assert_int_equal(grown.length, COUNT * PAGE_SIZE);
    expect_runs(&grown, &all);
    for (uint64_t done = 0; done < COUNT * PAGE_SIZE; done += 1000) {
        const uint64_t left = COUNT * PAGE_SIZE - done;

        const uint64_t end = done + (left < 1000 ? left : 1000);

        spoil_stack();
        while (platform_object_wire_run(object, parts.length, end - parts.length, 0, &parts) ==
               KERN_NO_SPACE) {
            assert_true(IOMemoryRuns_makeRoom(&parts, 0));
        }
        assert_int_equal(parts.length, end);
    }
    expect_runs(&parts, &all);
    platform_unwire_runs(&all, false);
    platform_unwire_runs(&grown, false);
    platform_unwire_runs(&parts, false);
    assert_int_equal(dirty_pages(object), 0);
    IOMemoryRuns_free(&all);
    IOMemoryRuns_free(&grown);
    IOMemoryRuns_free(&parts);
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % 5 == 0 || i % 5 == 2) {
            page_free(gap[i], 0);
        }
    }
    remove_pages(owner, at, COUNT);
    platform_object_release(object);
}

/* Any page of kernel memory, in a block of the direct map or in ranges, absent ones too. */
static void pins_are_found_by_address(void **state)
{
    uint8_t *const direct = allocated(3 * PAGE_SIZE, PAGE_SIZE, 0, false);
    paddr_t page, others[64];
    unsigned count = 0;
    void *pageable;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        page = virt_to_phys(direct + i * PAGE_SIZE);
        assert_false(platform_memory_is_pinned(direct, 3 * PAGE_SIZE));
        assert_int_equal(page_pin(page), KERN_SUCCESS);
        for (unsigned j = 0; j < 3; j++) {
            assert_int_equal(platform_memory_is_pinned(direct + j * PAGE_SIZE + 5, 1), i == j);
        }
        assert_true(platform_memory_is_pinned(direct, 3 * PAGE_SIZE));
        assert_int_equal(platform_memory_is_pinned(direct + PAGE_SIZE - 1, 1), i == 0);
        assert_int_equal(platform_memory_is_pinned(direct + PAGE_SIZE - 1, 2), i != 2);
        page_unpin(page);
    }
    platform_memory_free(direct, 3 * PAGE_SIZE);

    assert_int_equal(platform_pageable_alloc(2 * PAGE_SIZE + 1, 4 * PAGE_SIZE, &pageable),
                     KERN_SUCCESS);
    assert_int_equal((uint64_t)pageable % (4 * PAGE_SIZE), 0);
    assert_int_equal(platform_wire(kernel_map, (uint64_t)pageable + 2 * PAGE_SIZE, 1, 0, &page),
                     KERN_SUCCESS);
    assert_int_equal(vm_fault(kernel_map, (uint64_t)pageable + 2 * PAGE_SIZE, MMU_READ),
                     KERN_SUCCESS);
    assert_false(platform_memory_is_pinned(pageable, 2 * PAGE_SIZE));
    assert_true(platform_memory_is_pinned(pageable, 2 * PAGE_SIZE + 1));
    platform_unwire(&page, 1);
    assert_false(platform_memory_is_pinned(pageable, 2 * PAGE_SIZE + 1));
    /* What lies behind a page in RAM is none of it. */
    assert_int_equal(platform_wire(kernel_map, (uint64_t)pageable, 1, 0, &page), KERN_SUCCESS);
    assert_int_equal(vm_fault(kernel_map, (uint64_t)pageable, MMU_READ), KERN_SUCCESS);
    platform_unwire(&page, 1);
    while (count < 64 && page_alloc(0, PAGE_OWNER_DRIVER, &others[count]) == KERN_SUCCESS &&
           others[count].value != page.value + PAGE_SIZE) {
        count++;
    }
    assert_in_range(count, 0, 63);
    assert_int_equal(page_pin(others[count]), KERN_SUCCESS);
    assert_false(platform_memory_is_pinned(pageable, 2 * PAGE_SIZE));
    page_unpin(others[count]);
    for (unsigned i = 0; i <= count; i++) {
        assert_int_equal(page_free(others[i], 0), KERN_SUCCESS);
    }
    platform_pageable_free(pageable, 2 * PAGE_SIZE + 1);
    assert_int_equal(
        platform_pageable_alloc(MMU_KERNEL_VA_END - MMU_KERNEL_VA_BASE + 1, PAGE_SIZE, &pageable),
        KERN_NO_SPACE);
}

/* --- Programs --------------------------------------------------------------------------------- */

static void programs_are_loaded(void **state)
{
    uint8_t bytes[PAGE_SIZE + 300];
    struct vm_map *const map = get_task_map(owner);
    const uint64_t at = 0x100000, objects = holdings_now().objects;

    (void)state;
    sim_console_forget();
    platform_console_write("a word", 3);
    assert_true(sim_console_said("a w"));
    assert_false(sim_console_said("o"));
    for (uint64_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = pattern(i, 3);
    }
    for (unsigned i = 0; i < 2; i++) { /* part of a page, and more than one */
        const uint64_t filled = i == 0 ? 300 : sizeof(bytes);

        assert_int_equal(platform_task_load(owner, at, 3 * PAGE_SIZE, bytes, filled, VM_PROT_READ),
                         KERN_SUCCESS);
        for (uint64_t j = 0; j < 3 * PAGE_SIZE; j++) {
            uint8_t byte = 1;

            assert_int_equal(platform_user_read(map, at + j, &byte, 1), KERN_SUCCESS);
            assert_int_equal(byte, j < filled ? bytes[j] : 0);
        }
        assert_int_equal(try_store(owner, at), KERN_PROTECTION_FAILURE);
        assert_int_equal(platform_task_load(owner, at, PAGE_SIZE, bytes, 1, VM_PROT_READ),
                         KERN_NO_SPACE);
        remove_pages(owner, at, 3);
    }
    assert_int_equal(platform_task_load(owner, at, PAGE_SIZE, NULL, 0, VM_PROT_NONE), KERN_SUCCESS);
    assert_int_equal(try_load(owner, at), KERN_PROTECTION_FAILURE); /* a guard */
    assert_int_equal(holdings_now().objects, objects);
    remove_pages(owner, at, 1);
    assert_int_equal(platform_task_load(owner, at, 0, bytes, 0, VM_PROT_READ),
                     KERN_INVALID_ARGUMENT);
    for (uint64_t nth = 1;; nth++) { /* all of it or nothing */
        struct inject_report report;
        kern_return_t status;

        inject_begin(nth);
        status = platform_task_load(owner, at, 3 * PAGE_SIZE, bytes, sizeof(bytes), VM_PROT_READ);
        inject_end(&report);
        assert_int_equal(status == KERN_SUCCESS, !report.failed);
        if (!report.failed) {
            break;
        }
        assert_int_equal(try_load(owner, at), KERN_INVALID_ADDRESS);
    }
    remove_pages(owner, at, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(memory_is_as_it_was_asked_for),
        MAP_TEST(want_of_memory_is_told),
        MAP_TEST(only_what_was_made_so_is_purgeable),
        MAP_TEST(memory_lies_as_it_was_asked_to),
        MAP_TEST(the_last_pages_are_short),
        MAP_TEST(bytes_mark_their_pages),
        MAP_TEST(runs_are_pinned_piece_by_piece),
        MAP_TEST(pins_are_found_by_address),
        MAP_TEST(programs_are_loaded),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
