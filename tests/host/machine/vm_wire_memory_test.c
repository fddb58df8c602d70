/* SPDX-License-Identifier: BSD-2-Clause */
/* Pinning by runs of the direct map, of registers and of much: what has records, and when
 * interrupts may come. */
#include "kernel/direct_map.h"
#include "kernel/page/page_record.h"
#include "tests/host/machine/wire_fixture.h"

/* Ranges of the direct map, in any order, over the borders of its blocks, and beside others. */
static void the_direct_map_by_runs(void **state)
{
    const struct page_request request = {.count = 1200, .owner = PAGE_OWNER_IMAGE};
    struct vm_object *object = object_of(1);
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW};
    vaddr_t entry = 0;
    uint64_t start = 0;
    paddr_t area, block;

    (void)state;
    assert_int_equal(vm_map_enter(kernel_map, &entry, PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_int_equal(page_alloc_run(&request, &area), KERN_SUCCESS);
    block = paddr((area.value + 2 * SIM_MIB + 100 * PAGE_SIZE) & ~(2 * SIM_MIB - 1));
    const vaddr_t at = (vaddr_t)phys_to_virt(block);
    const struct memory_run bytes[] = {
        {at + 3 * PAGE_SIZE + 5, 4096},
        {at - PAGE_SIZE - 1, 4096 + 2 * 4096},
        {at + PAGE_SIZE, 4 * 4096},
        {at + 2 * PAGE_SIZE, 5 * 4096},
        {at - 70 * PAGE_SIZE, 5 * 4096 + 68 * 4096},
        {entry, 74 * 4096},
        {at - 3 * PAGE_SIZE, 75 * 4096},
    };
    const size_t count = sizeof(bytes) / sizeof(bytes[0]);
    struct memory_runs wiring = wire_room(WIRE_MOST);

    assert_int_equal(wire_in(kernel_map, bytes, count, VM_WIRE_WRITE, &wiring), KERN_SUCCESS);
    wire_check(&wiring);
    assert_int_equal(wiring.count, count - 1); /* two of them are one */
    assert_int_equal(wire_found[2].end - wire_found[1].end, 2 * PAGE_SIZE);
    for (size_t i = 0; i < count; i++) {
        if (i != 3 && i != 5) {
            assert_int_equal(wire_found[i < 3 ? i : i - 1].address,
                             block.value + (bytes[i].address - at));
        }
        start = bytes[i].end;
    }
    assert_int_equal(start, wiring.length);
    assert_int_equal(page_pin_count(paddr_add(block, 3 * PAGE_SIZE)), 1);
    assert_int_equal(page_pin_count(paddr_add(block, 4 * PAGE_SIZE)), 1);
    assert_int_equal(page_pin_count(paddr_add(block, PAGE_SIZE)), 1);
    assert_int_equal(page_pin_count(paddr_add(block, 2 * PAGE_SIZE)), 1);
    assert_int_equal(page_pin_count(block), 1);
    assert_int_equal(page_pin_count(paddr(block.value - PAGE_SIZE)), 1);
    assert_int_equal(page_pin_count(paddr(block.value - 70 * PAGE_SIZE)), 1);
    assert_int_equal(page_pin_count(paddr(block.value - 71 * PAGE_SIZE)), 0);
    wire_back(&wiring, true);

    /* The longest and the highest may be any, the first as well as the last. */
    for (size_t long_one = 0; long_one < 3; long_one++) {
        struct memory_run three[3];
        uint64_t end = 0;

        for (size_t i = 0; i < 3; i++) {
            three[i].address = at + (i == long_one ? 100 : 10 * i) * PAGE_SIZE;
            three[i].end = end += i == long_one ? 3 * PAGE_SIZE : PAGE_SIZE;
        }
        wiring = wire_room(3);
        assert_int_equal(wire_in(kernel_map, three, 3, 0, &wiring), KERN_SUCCESS);
        wire_check(&wiring);
        assert_int_equal(wiring.longest, 3 * PAGE_SIZE);
        wire_back(&wiring, false);
    }

    /* Over the border of two sections, and on with the next. */
    const uint64_t border = ((area.value >> SECTION_SHIFT) + 1) << SECTION_SHIFT;
    const vaddr_t there = (vaddr_t)phys_to_virt(paddr(border));
    const struct memory_run over[] = {{there - PAGE_SIZE - 7, 3 * PAGE_SIZE},
                                      {there + 8 * PAGE_SIZE, 5 * PAGE_SIZE}};

    wiring = wire_room(2);
    assert_int_equal(wire_in(kernel_map, over, 2, 0, &wiring), KERN_SUCCESS);
    wire_check(&wiring);
    assert_int_equal(wire_pins(), before.pins + 4 + 2);
    assert_int_equal(wire_found[0].address, border - PAGE_SIZE - 7);
    assert_int_equal(wire_found[0].end, 3 * PAGE_SIZE);
    assert_int_equal(wire_found[1].address, border + 8 * PAGE_SIZE);
    wire_back(&wiring, false);

    /* A page that is free is nobody's to be pinned: the list ends before it. */
    const struct memory_run free[] = {{at, 4096}, {at + PAGE_SIZE * 2, 4096 * 4}};

    assert_int_equal(page_split_run(area, 1200), KERN_SUCCESS);
    page_free(paddr_add(block, 4 * PAGE_SIZE), 0);
    wiring = wire_room(WIRE_MOST);
    assert_int_equal(wire_in(kernel_map, free, 2, 0, &wiring), KERN_INVALID_ADDRESS);
    wire_check(&wiring);
    assert_int_equal(wiring.length, 3 * PAGE_SIZE);
    assert_int_equal(wire_pins(), before.pins + 3);
    wire_back(&wiring, false);
    for (uint64_t i = 0; i < 1200; i++) {
        const paddr_t page = paddr_add(area, i * PAGE_SIZE);

        if (page_get_state(page) == PAGE_ALLOCATED) {
            page_free(page, 0);
        }
    }
    assert_int_equal(vm_map_remove(kernel_map, entry, PAGE_SIZE), KERN_SUCCESS);
    vm_object_release(object);
}

/* Registers beside RAM: what is no RAM has no pin, and is in the list all the same. */
static void registers_are_passed_over(void **state)
{
    const paddr_t last = paddr(SIM_RAM_BASE + 64 * SIM_MIB - PAGE_SIZE);
    const bool owned = page_get_state(last) != PAGE_FREE;
    struct vm_object *window;
    struct memory_runs wiring = wire_room(1);

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr_add(last, PAGE_SIZE), 70, &window),
                     KERN_SUCCESS);
    assert_int_equal(vm_object_wire_run(window, 100, 69 * PAGE_SIZE, 0, &wiring), KERN_SUCCESS);
    assert_int_equal(wiring.count, 1);
    assert_true(wiring.registers);
    assert_int_equal(wire_found[0].address, last.value + PAGE_SIZE + 100);
    assert_int_equal(wire_pins(), before.pins);
    assert_int_equal(vm_object_wire_run(window, 0, PAGE_SIZE, 0, &wiring), KERN_NO_SPACE);
    assert_int_equal(vm_object_wire_run(window, 70 * PAGE_SIZE, 1, 0, &wiring),
                     KERN_INVALID_ADDRESS);
    wire_back(&wiring, true);
    vm_object_release(window);
    if (!owned) { /* and free RAM before them is not passed over */
        assert_int_equal(vm_object_create_physical(last, 2, &window), KERN_SUCCESS);
        wiring = wire_room(1);
        assert_int_equal(vm_object_wire_run(window, 0, 2 * PAGE_SIZE, 0, &wiring),
                         KERN_INVALID_ADDRESS);
        assert_int_equal(wiring.count, 0);
        vm_object_release(window);
    }
}

static unsigned gaps; /* in which an interrupt may come */
static uint64_t pins_then;

static void begin_gaps(void)
{
    gaps = 0;
    pins_then = page_pool.pins;
}

/* No more than 64 pages are pinned or unpinned from one to the next. */
static void count_gap(void)
{
    const uint64_t now = page_pool.pins;

    assert_in_range(now + 64 - pins_then, 0, 128);
    pins_then = now;
    gaps++;
}

/* However long the list, and whatever is in it. */
static void interrupts_come_in_between(void **state)
{
    const uint64_t bases[] = {SIM_RAM_BASE + 64 * SIM_MIB, SIM_RAM_BASE + 32 * SIM_MIB};
    const uint64_t count = 640;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct page_request run = {.count = count, .owner = PAGE_OWNER_BUFFER};
        paddr_t base = paddr(bases[i]), pages[640];
        struct vm_object *window;

        assert_true(i == 0 || page_alloc_run(&run, &base) == KERN_SUCCESS);
        assert_int_equal(vm_object_create_physical(base, count, &window), KERN_SUCCESS);
        sim_unmasked = count_gap;
        for (unsigned how = 0; how < 2; how++) {
            struct memory_runs wiring = wire_room(1);

            begin_gaps();
            if (how == 0) {
                assert_int_equal(vm_object_wire_run(window, 0, count * PAGE_SIZE, 0, &wiring),
                                 KERN_SUCCESS);
            } else {
                assert_int_equal(vm_object_wire(window, 0, count, 0, pages), KERN_SUCCESS);
            }
            assert_true(gaps >= count / 64);
            begin_gaps();
            if (how == 0) {
                vm_unwire_runs(&wiring, false);
            } else {
                vm_unwire(pages, count);
            }
            assert_true(gaps >= count / 64);
        }
        sim_unmasked = NULL;
        assert_int_equal(wire_pins(), before.pins);
        vm_object_release(window);
        assert_true(i == 0 || page_free_run(base, count) == KERN_SUCCESS);
    }
}

/* ... in a list of runs, too, of however many pages each. */
static void interrupts_come_between_runs(void **state)
{
    enum {
        COUNT = 640
    };
    static struct memory_run bytes[COUNT];
    static const uint64_t each[] = {1, 3, 5, 63, 64, 65};
    const struct page_request run = {.count = 2 * COUNT, .owner = PAGE_OWNER_BUFFER};
    paddr_t area;

    (void)state;
    assert_int_equal(page_alloc_run(&run, &area), KERN_SUCCESS);
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        const uint64_t size = each[i] * PAGE_SIZE;
        const size_t count = COUNT / each[i];
        struct memory_runs wiring = wire_room(count);

        for (size_t j = 0; j < count; j++) {
            bytes[j].address = (vaddr_t)phys_to_virt(paddr_add(area, 2 * j * size));
            bytes[j].end = (j + 1) * size;
        }
        sim_unmasked = count_gap;
        begin_gaps();
        assert_int_equal(wire_in(kernel_map, bytes, count, 0, &wiring), KERN_SUCCESS);
        assert_true(gaps >= count * each[i] / 64);
        assert_int_equal(wire_pins(), before.pins + count * each[i]);
        wire_check(&wiring);
        begin_gaps();
        vm_unwire_runs(&wiring, false);
        assert_true(gaps >= count * each[i] / 64);
        sim_unmasked = NULL;
        assert_int_equal(wire_pins(), before.pins);
    }
    assert_int_equal(page_free_run(area, 2 * COUNT), KERN_SUCCESS);
}

/* Of a run one page of which has pins enough, those before it are pinned, and in the list. */
static void a_run_is_pinned_as_far_as_it_can_be(void **state)
{
    const struct page_request request = {.count = 12, .owner = PAGE_OWNER_IMAGE};
    paddr_t area;

    (void)state;
    assert_int_equal(page_alloc_run(&request, &area), KERN_SUCCESS);
    assert_int_equal(page_split_run(area, 12), KERN_SUCCESS);
    const vaddr_t at = (vaddr_t)phys_to_virt(area);
    const struct memory_run bytes[] = {{at, PAGE_SIZE},
                                       {at + 2 * PAGE_SIZE, 4 * PAGE_SIZE},
                                       {at + 6 * PAGE_SIZE + 5, 7 * PAGE_SIZE - 9}};

    for (uint64_t i = 6; i < 9; i++) {
        struct page *const full = page_lookup(paddr_add(area, i * PAGE_SIZE));
        struct memory_runs wiring = wire_room(3);

        full->pins = UINT32_MAX;
        assert_int_equal(wire_in(kernel_map, bytes, 3, 0, &wiring), KERN_FAILURE);
        full->pins = 0;
        wire_check(&wiring);
        assert_int_equal(wiring.count, i == 6 ? 2 : 3);
        assert_int_equal(wiring.length, (i - 2) * PAGE_SIZE - (i == 6 ? 0 : 5));
        assert_int_equal(wire_pins(), before.pins + i - 2);
        wire_back(&wiring, false);
        for (uint64_t j = 0; j < 12; j++) {
            assert_int_equal(page_pin_count(paddr_add(area, j * PAGE_SIZE)), 0);
        }
    }
    for (uint64_t i = 0; i < 12; i++) {
        page_free(paddr_add(area, i * PAGE_SIZE), 0);
    }
}

/* Where a section has no records, what lies in their place says nothing. */
static void there_are_no_records_to_be_read(void **state)
{
    const struct page_request request = {
        .count = SECTION_PAGES, .alignment = 4 * SIM_MIB, .owner = PAGE_OWNER_IMAGE};
    paddr_t area;

    (void)state;
    assert_int_equal(page_alloc_run(&request, &area), KERN_SUCCESS);
    const paddr_t behind = paddr_add(area, 4 * SIM_MIB);
    const vaddr_t at = (vaddr_t)phys_to_virt(behind);
    const struct memory_run over[] = {{at - PAGE_SIZE, 2 * PAGE_SIZE}}, inside[] = {{at, 1}};
    uint8_t *const section = &page_pool.sections[behind.value >> SECTION_SHIFT];
    struct page *const record = page_record(behind.value >> PAGE_SHIFT);
    const struct page was = *record;
    const uint8_t ready = *section;
    struct memory_runs wiring = wire_room(1);

    assert_int_equal(page_get_state(behind), PAGE_FREE);
    *section = SECTION_BLANK;
    record->word = RECORD_WORD(RECORD_BLOCK, 0, PAGE_OWNER_IMAGE);
    assert_int_equal(wire_in(kernel_map, over, 1, 0, &wiring), KERN_INVALID_ADDRESS);
    assert_int_equal(wiring.length, PAGE_SIZE); /* as far as a block of the direct map goes */
    wire_back(&wiring, false);
    wiring = wire_room(1);
    assert_int_equal(wire_in(kernel_map, inside, 1, 0, &wiring), KERN_INVALID_ADDRESS);
    assert_int_equal(wiring.count, 0);
    assert_int_equal(record->pins, 0);
    *record = was;
    *section = ready;
    assert_int_equal(page_free_run(area, SECTION_PAGES), KERN_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_direct_map_by_runs),
        TEST(registers_are_passed_over),
        TEST(interrupts_come_in_between),
        TEST(interrupts_come_between_runs),
        TEST(a_run_is_pinned_as_far_as_it_can_be),
        TEST(there_are_no_records_to_be_read),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
