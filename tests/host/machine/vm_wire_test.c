/* SPDX-License-Identifier: BSD-2-Clause */
/* Pinning by runs: which there are, that each page is pinned once for each, and where it ends. */
#include "kernel/direct_map.h"
#include "kernel/page/page_record.h"
#include "tests/host/machine/vm_fixture.h"

#define MOST 700

static struct memory_run found[MOST];

static uint64_t pins(void)
{
    struct page_stats stats;

    page_get_stats(&stats);
    return stats.pins;
}

static struct memory_runs room_for(size_t runs)
{
    return (struct memory_runs){.list = found, .capacity = runs};
}

static kern_return_t wire_in(struct vm_map *map, const struct memory_run *bytes, size_t count,
                             unsigned flags, struct memory_runs *wiring)
{
    const struct memory_runs all = {
        .list = (struct memory_run *)bytes, .count = count, .length = bytes[count - 1].end};

    return vm_map_wire_runs(map, &all, flags, wiring);
}

static kern_return_t wire(const struct memory_run *bytes, size_t count, unsigned flags,
                          struct memory_runs *wiring)
{
    return wire_in(map, bytes, count, flags, wiring);
}

static void unwire(struct memory_runs *wiring, bool written)
{
    vm_unwire_runs(wiring, written);
    assert_int_equal(pins(), before.pins);
}

/* The list is as it says, and one run nowhere goes on where the one before it ends. */
static void check_list(const struct memory_runs *wiring)
{
    uint64_t start = 0, longest = 0, highest = 0;

    for (size_t i = 0; i < wiring->count; i++) {
        const struct memory_run *run = &wiring->list[i];
        const uint64_t behind = run->address + (run->end - start);

        assert_true(run->end > start);
        assert_true(i + 1 == wiring->count || run[1].address != behind);
        longest = run->end - start > longest ? run->end - start : longest;
        highest = behind > highest ? behind : highest;
        start = run->end;
    }
    assert_int_equal(wiring->length, start);
    assert_int_equal(wiring->longest, longest);
    assert_int_equal(wiring->highest, highest);
}

static paddr_t page_of(struct vm_object *object, uint64_t index)
{
    paddr_t page = paddr(0);

    assert_true(vm_object_resident(object, index, &page));
    return page;
}

/* Byte by page: where the list says it is, is where the object has it. */
static void check_pages(const struct memory_runs *wiring, struct vm_object *object, uint64_t at)
{
    const struct memory_run *run = wiring->list;
    uint64_t start = 0;

    check_list(wiring);
    for (uint64_t offset = 0; offset < wiring->length; offset++) {
        if (offset == run->end) {
            start = offset;
            run++;
        }
        if (offset == 0 || ((at + offset) & PAGE_MASK) == 0) {
            assert_int_equal(run->address + (offset - start),
                             page_of(object, (at + offset) >> PAGE_SHIFT).value +
                                 ((at + offset) & PAGE_MASK));
            assert_int_equal(page_pin_count(paddr((run->address + (offset - start)) & ~PAGE_MASK)),
                             1);
        }
    }
}

/* Pages that lie one behind the other where they are neighbours in threes, and else do not. */
static void fill_in_threes(struct vm_object *object, vaddr_t at)
{
    for (uint64_t i = 0; i < vm_object_pages(object); i += 3) {
        const uint64_t three = i % 2 == 0 ? i : vm_object_pages(object) - i;

        for (uint64_t page = three; page < three + 3 && page < vm_object_pages(object); page++) {
            store(at + page * PAGE_SIZE, (uint8_t)page);
        }
    }
}

static void one_pass_finds_all_pages(void **state)
{
    struct vm_object *object = object_of(600); /* more than a chunk of slots */
    const vaddr_t at = enter(object, 600, RW);
    const struct memory_run bytes[] = {{at + 100, 599 * PAGE_SIZE}};
    struct memory_runs wiring = room_for(MOST);

    (void)state;
    fill_in_threes(object, at);
    assert_int_equal(wire(bytes, 1, VM_WIRE_WRITE | VM_WIRE_UNMARKED, &wiring), KERN_SUCCESS);
    assert_true(wiring.count > 1);
    check_pages(&wiring, object, 100);
    assert_false(wiring.registers);
    unwire(&wiring, false);
    /* And what is absent, into the middle of which it reaches. */
    vm_object_release(object);
    object = object_of(600);
    assert_int_equal(vm_map_remove(map, at, 600 * PAGE_SIZE), KERN_SUCCESS);
    const vaddr_t other = enter(object, 600, RW);
    const struct memory_run rest[] = {{other + 509 * PAGE_SIZE + 1, 5 * PAGE_SIZE}};

    store(other + 511 * PAGE_SIZE, 1);
    wiring = room_for(MOST);
    assert_int_equal(wire(rest, 1, VM_WIRE_NO_FAULT, &wiring), KERN_MEMORY_ERROR);
    assert_int_equal(wiring.count, 0);
    assert_int_equal(wire(rest, 1, 0, &wiring), KERN_SUCCESS);
    check_pages(&wiring, object, 509 * PAGE_SIZE + 1);
    assert_int_equal(resident(object), 6);
    unwire(&wiring, false);
    vm_object_release(object);
}

/* With too little room it stops, and goes on where it was. */
static void it_goes_on_with_more_room(void **state)
{
    struct vm_object *object = object_of(40);
    const vaddr_t at = enter(object, 40, RW);
    const struct memory_run bytes[] = {{at + 7, 3 * PAGE_SIZE},
                                       {at + 20 * PAGE_SIZE + 9, 3 * PAGE_SIZE + 5},
                                       {at + 4 * PAGE_SIZE, 10 * PAGE_SIZE}};
    struct memory_runs wiring = room_for(0), at_once = room_for(MOST);
    size_t turns = 0;

    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        store(at + (i * 7 % 40) * PAGE_SIZE, 1);
    }
    assert_int_equal(wire(bytes, 3, 0, &at_once), KERN_SUCCESS);
    check_list(&at_once);
    unwire(&at_once, false);
    while (wire(bytes, 3, 0, &wiring) == KERN_NO_SPACE) {
        assert_int_equal(wiring.count, wiring.capacity);
        check_list(&wiring);
        wiring.capacity++;
        turns++;
    }
    assert_int_equal(turns, at_once.count);
    assert_int_equal(wiring.count, at_once.count);
    assert_int_equal(wiring.length, 10 * PAGE_SIZE);
    assert_int_equal(wiring.longest, at_once.longest);
    assert_int_equal(wiring.highest, at_once.highest);
    unwire(&wiring, false);
    vm_object_release(object);
}

/* Two addresses of one page: a run that goes on in the middle of it is one, with one pin. */
static void a_page_is_pinned_once_for_a_run(void **state)
{
    struct vm_object *object = object_of(2);
    const vaddr_t one = enter(object, 2, RW), two = enter(object, 2, RW);
    const struct memory_run goes_on[] = {{one, 100}, {two + 100, 300}, {one + 300, 301}};
    const struct memory_run apart[] = {{one, 100}, {two + 101, 300}, {one + 50, 301}};
    const struct memory_run over[] = {{one + 4000, 50}, {two + 4050, 200}};
    struct memory_runs wiring = room_for(1);
    paddr_t page;

    (void)state;
    store(one, 1);
    store(one + PAGE_SIZE, 1);
    page = page_of(object, 0);
    assert_int_equal(wire(goes_on, 3, 0, &wiring), KERN_SUCCESS);
    assert_int_equal(wiring.count, 1);
    check_list(&wiring);
    assert_int_equal(page_pin_count(page), 1);
    unwire(&wiring, false);
    wiring = room_for(3);
    assert_int_equal(wire(apart, 3, 0, &wiring), KERN_SUCCESS);
    assert_int_equal(wiring.count, 3);
    check_list(&wiring);
    assert_int_equal(page_pin_count(page), 3);
    unwire(&wiring, false);
    wiring = room_for(3);
    assert_int_equal(wire(over, 2, 0, &wiring), KERN_SUCCESS);
    check_list(&wiring);
    assert_int_equal(page_pin_count(page), 1);
    assert_int_equal(page_pin_count(page_of(object, 1)), 1);
    unwire(&wiring, false);
    vm_object_release(object);
}

/* What a copy shares is parted from it before it is pinned, each page of it. */
static void shared_pages_are_parted(void **state)
{
    struct vm_object *object = object_of(6), *copy;
    const vaddr_t at = enter(object, 6, RW);
    const struct memory_run bytes[] = {{at, 6 * PAGE_SIZE}};
    struct memory_runs wiring = room_for(MOST);

    (void)state;
    for (uint64_t i = 0; i < 6; i++) {
        store(at + i * PAGE_SIZE, (uint8_t)i);
    }
    assert_int_equal(vm_object_copy(object, 2, 3, &copy), KERN_SUCCESS);
    assert_int_equal(wire(bytes, 1, VM_WIRE_NO_FAULT, &wiring), KERN_SUCCESS);
    check_pages(&wiring, object, 0);
    for (uint64_t i = 2; i < 5; i++) {
        assert_int_not_equal(page_of(object, i).value, page_of(copy, i - 2).value);
        assert_int_equal(page_pin_count(page_of(copy, i - 2)), 0);
    }
    unwire(&wiring, false);
    vm_object_release(copy);
    vm_object_release(object);
}

/* What it has by then stays pinned, and is in the list. */
static void a_failure_leaves_what_is_in_the_list(void **state)
{
    struct vm_object *object = object_of(8);
    const vaddr_t at = enter(object, 8, RW);
    const struct memory_run bytes[] = {{at + 1, 2 * PAGE_SIZE},
                                       {at + 4 * PAGE_SIZE, 6 * PAGE_SIZE}};
    struct memory_runs wiring = room_for(MOST);

    (void)state;
    assert_int_equal(vm_map_remove(map, at + 6 * PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(wire(bytes, 2, 0, &wiring), KERN_INVALID_ADDRESS);
    assert_int_equal(wiring.length, 4 * PAGE_SIZE);
    check_list(&wiring);
    assert_int_equal(pins(), before.pins + 5);
    unwire(&wiring, false);
    assert_int_equal(vm_map_protect(map, at + PAGE_SIZE, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    wiring = room_for(MOST);
    assert_int_equal(wire(bytes, 2, VM_WIRE_WRITE, &wiring), KERN_PROTECTION_FAILURE);
    assert_int_equal(wiring.length, PAGE_SIZE - 1);
    check_list(&wiring);
    unwire(&wiring, false);
    /* No more pins can be counted: a code of its own, and no endless search for another page. */
    store(at + 5 * PAGE_SIZE, 1);
    page_lookup(page_of(object, 5))->pins = UINT32_MAX;
    wiring = room_for(MOST);
    assert_int_equal(wire(bytes, 2, 0, &wiring), KERN_FAILURE);
    page_lookup(page_of(object, 5))->pins = 0;
    assert_int_equal(wiring.length, 3 * PAGE_SIZE);
    unwire(&wiring, false);
    vm_object_release(object);
}

/* Pages that were written are dirty, unless their stores are told of otherwise. */
static void what_was_written_is_dirty(void **state)
{
    struct vm_object *object = object_of(4);
    const vaddr_t at = enter(object, 4, RW);
    const struct memory_run bytes[] = {{at + 4095, 2}};
    struct memory_runs wiring = room_for(MOST);

    (void)state;
    assert_int_equal(wire(bytes, 1, VM_WIRE_WRITE | VM_WIRE_UNMARKED, &wiring), KERN_SUCCESS);
    unwire(&wiring, false);
    assert_int_equal(dirty(object), 0);
    wiring = room_for(MOST);
    assert_int_equal(wire(bytes, 1, VM_WIRE_WRITE | VM_WIRE_UNMARKED, &wiring), KERN_SUCCESS);
    assert_int_equal(dirty(object), 0);
    unwire(&wiring, true);
    assert_int_equal(dirty(object), 2);
    const struct memory_run third[] = {{at + 2 * PAGE_SIZE, 1}};

    wiring = room_for(MOST);
    assert_int_equal(wire(third, 1, VM_WIRE_WRITE, &wiring), KERN_SUCCESS);
    assert_int_equal(dirty(object), 3);
    unwire(&wiring, false);

    /* Also one that had to be parted from a copy's first. */
    const struct memory_run fourth[] = {{at + 3 * PAGE_SIZE, 1}};
    struct vm_object *copy;

    load(at + 3 * PAGE_SIZE);
    assert_int_equal(vm_object_copy(object, 3, 1, &copy), KERN_SUCCESS);
    wiring = room_for(MOST);
    assert_int_equal(wire(fourth, 1, VM_WIRE_WRITE | VM_WIRE_UNMARKED, &wiring), KERN_SUCCESS);
    unwire(&wiring, true);
    assert_int_equal(dirty(object), 4);
    vm_object_release(copy);
    vm_object_release(object);
}

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
    struct memory_runs wiring = room_for(MOST);

    assert_int_equal(wire_in(kernel_map, bytes, count, VM_WIRE_WRITE, &wiring), KERN_SUCCESS);
    check_list(&wiring);
    assert_int_equal(wiring.count, count - 1); /* two of them are one */
    assert_int_equal(found[2].end - found[1].end, 2 * PAGE_SIZE);
    for (size_t i = 0; i < count; i++) {
        if (i != 3 && i != 5) {
            assert_int_equal(found[i < 3 ? i : i - 1].address,
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
    unwire(&wiring, true);

    /* The longest and the highest may be any, the first as well as the last. */
    for (size_t long_one = 0; long_one < 3; long_one++) {
        struct memory_run three[3];
        uint64_t end = 0;

        for (size_t i = 0; i < 3; i++) {
            three[i].address = at + (i == long_one ? 100 : 10 * i) * PAGE_SIZE;
            three[i].end = end += i == long_one ? 3 * PAGE_SIZE : PAGE_SIZE;
        }
        wiring = room_for(3);
        assert_int_equal(wire_in(kernel_map, three, 3, 0, &wiring), KERN_SUCCESS);
        check_list(&wiring);
        assert_int_equal(wiring.longest, 3 * PAGE_SIZE);
        unwire(&wiring, false);
    }

    /* A page that is free is nobody's to be pinned: what was pinned of its row goes back. */
    const struct memory_run free[] = {{at, 4096}, {at + PAGE_SIZE * 2, 4096 * 4}};

    assert_int_equal(page_split_run(area, 1200), KERN_SUCCESS);
    page_free(paddr_add(block, 4 * PAGE_SIZE), 0);
    wiring = room_for(MOST);
    assert_int_equal(wire_in(kernel_map, free, 2, 0, &wiring), KERN_INVALID_ADDRESS);
    assert_int_equal(wiring.length, PAGE_SIZE);
    assert_int_equal(pins(), before.pins + 1);
    unwire(&wiring, false);
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
    struct memory_runs wiring = room_for(1);

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr_add(last, PAGE_SIZE), 70, &window),
                     KERN_SUCCESS);
    assert_int_equal(vm_object_wire_run(window, 100, 69 * PAGE_SIZE, 0, &wiring), KERN_SUCCESS);
    assert_int_equal(wiring.count, 1);
    assert_true(wiring.registers);
    assert_int_equal(found[0].address, last.value + PAGE_SIZE + 100);
    assert_int_equal(pins(), before.pins);
    assert_int_equal(vm_object_wire_run(window, 0, PAGE_SIZE, 0, &wiring), KERN_NO_SPACE);
    assert_int_equal(vm_object_wire_run(window, 70 * PAGE_SIZE, 1, 0, &wiring),
                     KERN_INVALID_ADDRESS);
    unwire(&wiring, true);
    vm_object_release(window);
    if (!owned) { /* and free RAM before them is not passed over */
        assert_int_equal(vm_object_create_physical(last, 2, &window), KERN_SUCCESS);
        wiring = room_for(1);
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
            struct memory_runs wiring = room_for(1);

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
        assert_int_equal(pins(), before.pins);
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
        struct memory_runs wiring = room_for(count);

        for (size_t j = 0; j < count; j++) {
            bytes[j].address = (vaddr_t)phys_to_virt(paddr_add(area, 2 * j * size));
            bytes[j].end = (j + 1) * size;
        }
        sim_unmasked = count_gap;
        begin_gaps();
        assert_int_equal(wire_in(kernel_map, bytes, count, 0, &wiring), KERN_SUCCESS);
        assert_true(gaps >= count * each[i] / 64);
        assert_int_equal(pins(), before.pins + count * each[i]);
        check_list(&wiring);
        begin_gaps();
        vm_unwire_runs(&wiring, false);
        assert_true(gaps >= count * each[i] / 64);
        sim_unmasked = NULL;
        assert_int_equal(pins(), before.pins);
    }
    assert_int_equal(page_free_run(area, 2 * COUNT), KERN_SUCCESS);
}

/* Of a run one page of which is free, none is pinned, whichever it is; those before it are. */
static void a_run_is_pinned_whole(void **state)
{
    const struct page_request request = {.count = 12, .owner = PAGE_OWNER_IMAGE};
    paddr_t area;

    (void)state;
    assert_int_equal(page_alloc_run(&request, &area), KERN_SUCCESS);
    assert_int_equal(page_split_run(area, 12), KERN_SUCCESS);
    const vaddr_t at = (vaddr_t)phys_to_virt(area);
    const struct memory_run bytes[] = {
        {at, PAGE_SIZE}, {at + 2 * PAGE_SIZE, 4 * PAGE_SIZE}, {at + 6 * PAGE_SIZE, 9 * PAGE_SIZE}};

    for (uint64_t i = 6; i < 9; i++) {
        struct page *const full = page_lookup(paddr_add(area, i * PAGE_SIZE));
        struct memory_runs wiring = room_for(3);

        full->pins = UINT32_MAX;
        assert_int_equal(wire_in(kernel_map, bytes, 3, 0, &wiring), KERN_FAILURE);
        full->pins = 0;
        assert_int_equal(wiring.count, 2);
        assert_int_equal(pins(), before.pins + 4);
        unwire(&wiring, false);
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
    struct memory_runs wiring = room_for(1);

    assert_int_equal(page_get_state(behind), PAGE_FREE);
    *section = SECTION_BLANK;
    record->word = RECORD_WORD(RECORD_BLOCK, 0, PAGE_OWNER_IMAGE);
    assert_int_equal(wire_in(kernel_map, over, 1, 0, &wiring), KERN_INVALID_ADDRESS);
    assert_int_equal(wiring.length, PAGE_SIZE); /* as far as a block of the direct map goes */
    unwire(&wiring, false);
    wiring = room_for(1);
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
        TEST(one_pass_finds_all_pages),
        TEST(it_goes_on_with_more_room),
        TEST(a_page_is_pinned_once_for_a_run),
        TEST(shared_pages_are_parted),
        TEST(a_failure_leaves_what_is_in_the_list),
        TEST(what_was_written_is_dirty),
        TEST(the_direct_map_by_runs),
        TEST(registers_are_passed_over),
        TEST(interrupts_come_in_between),
        TEST(interrupts_come_between_runs),
        TEST(a_run_is_pinned_whole),
        TEST(there_are_no_records_to_be_read),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
