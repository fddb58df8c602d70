/* SPDX-License-Identifier: BSD-2-Clause */
/* What memory objects show, share, keep and count, over simulated RAM and the real page tables. */
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "kernel/page/page_record.h"
#include "kernel/vm/vm_object_private.h"
#include "tests/host/machine/vm_check.h"
#include "tests/host/machine/vm_object_fixture.h"

/* Is a page absent until it is touched, and zero then, even if its RAM was used before? */
static void pages_appear_when_touched(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct vm_object *object = object_of(4);
        vaddr_t at = enter(object, 4, RW);

        assert_int_equal(resident(object), 0);
        for (uint64_t i = 0; i < PAGE_SIZE; i += 64) {
            assert_int_equal(load(at + 2 * PAGE_SIZE + i), 0);
        }
        assert_int_equal(resident(object), 1);
        for (uint64_t i = 0; i < 4 * PAGE_SIZE; i += 64) {
            store(at + i, 0xee);
        }
        assert_int_equal(resident(object), 4);
        assert_int_equal(vm_map_remove(map, at, 4 * PAGE_SIZE), KERN_SUCCESS);
        vm_object_release(object);
    }
}

static void two_mappings_of_an_object_show_the_same(void **state)
{
    struct vm_object *object = object_of(2);
    vaddr_t one = enter(object, 2, RW);
    vaddr_t other = enter(object, 2, MMU_READ);

    (void)state;
    vm_object_release(object); /* the ranges keep it */
    assert_int_equal(load(other + 5), 0);
    store(one + 5, 77);
    assert_int_equal(load(other + 5), 77);
    assert_int_equal(sim_store(map, other + 5, 1), KERN_PROTECTION_FAILURE);
}

static void a_copy_shares_until_written(void **state)
{
    struct vm_object *object = object_of(3);
    struct vm_object *copy;
    struct page_stats stats, after;
    vaddr_t at = enter(object, 3, RW);
    vaddr_t copied;

    (void)state;
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    page_get_stats(&stats);
    assert_int_equal(vm_object_copy(object, 0, 3, &copy), KERN_SUCCESS);
    copied = enter(copy, 3, RW);
    assert_int_equal(load(copied), 1);
    assert_int_equal(load(at), 1);
    page_get_stats(&after);
    assert_int_equal(after.owned[PAGE_OWNER_BUFFER], stats.owned[PAGE_OWNER_BUFFER]);
    assert_int_equal(page_pin(paddr(page_of(object, 0))), KERN_SUCCESS); /* somebody's, as it is */
    store(at, 10);                                                       /* the owner's store */
    assert_int_equal(page_pin_count(paddr(page_of(copy, 0))), 1);
    assert_int_equal(page_unpin(paddr(page_of(copy, 0))), KERN_SUCCESS);
    store(copied + PAGE_SIZE, 20); /* and the copy's */
    store(at + 2 * PAGE_SIZE, 30); /* absent in both */
    assert_int_equal(load(copied), 1);
    assert_int_equal(load(at + PAGE_SIZE), 2);
    assert_int_equal(load(copied + PAGE_SIZE), 20);
    assert_int_equal(load(copied + 2 * PAGE_SIZE), 0);
    assert_int_equal(load(at), 10);
    vm_object_release(object);
    vm_object_release(copy);
}

/* The one that stores shows the new page at once; the others must not go on showing the old one. */
static void a_store_is_seen_by_every_view(void **state)
{
    struct vm_object *object = object_of(1), *copy;
    const vaddr_t views[] = {enter(object, 1, RW), enter(object, 1, RW), enter(object, 1, RW)};
    paddr_t page;

    (void)state;
    store(views[0], 1);
    assert_int_equal(vm_object_copy(object, 0, 1, &copy), KERN_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(load(views[i]), 1);
    }
    store(views[1], 2);
    for (unsigned i = 0; i < 3; i++) {
        struct mmu_translation at;

        assert_int_equal(load(views[i]), 2);
        assert_true(vm_object_resident(object, 0, &page));
        assert_true(mmu_translate(vm_map_space(map), views[i], &at));
        assert_int_equal(at.pa.value, page.value);
    }
    assert_int_equal(load(enter(copy, 1, RW)), 1);
    vm_object_release(object);
    vm_object_release(copy);
}

/* Nobody may store to what he executes: asked for it, the page that the object gave up goes. */
static void what_cannot_be_shown_goes(void **state)
{
    struct vm_object *object = object_of(1), *copy;
    const vaddr_t at = enter(object, 1, RW | MMU_EXECUTE);
    struct mmu_translation to;
    paddr_t page;

    (void)state;
    assert_int_equal(vm_object_supply(object, 0, VM_SUPPLY_WRITE, &page), KERN_SUCCESS);
    assert_int_equal(vm_object_copy(object, 0, 1, &copy), KERN_SUCCESS);
    assert_int_equal(vm_fault(map, at, MMU_READ), KERN_SUCCESS);
    assert_true(mmu_translate(vm_map_space(map), at, &to));
    assert_int_equal(to.pa.value, page.value);
    assert_int_equal(vm_fault(map, at, MMU_WRITE), KERN_INVALID_ARGUMENT);
    assert_false(mmu_translate(vm_map_space(map), at, &to));
    vm_object_release(object);
    vm_object_release(copy);
}

/* A device may write a pinned page at any time: it must belong to one object alone. */
static void pinned_pages_are_never_shared(void **state)
{
    struct vm_object *object = object_of(2);
    struct vm_object *copy, *second;
    vaddr_t at = enter(object, 2, RW);
    paddr_t pages[2], same;

    (void)state;
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    assert_int_equal(vm_object_copy(object, 0, 2, &copy), KERN_SUCCESS);
    assert_int_equal(vm_map_wire(map, at, 2, 0, pages), KERN_SUCCESS);
    assert_int_equal(page_share_count(pages[0]), 1);
    assert_int_equal(vm_object_copy(object, 0, 2, &second), KERN_SUCCESS);
    *(uint8_t *)phys_to_virt(pages[0]) = 99; /* the device */
    assert_int_equal(load(at), 99);
    assert_int_equal(load(enter(copy, 2, RW)), 1);
    assert_int_equal(load(enter(second, 2, RW)), 1);
    store(at, 98);
    assert_true(vm_object_resident(object, 0, &same));
    assert_int_equal(same.value, pages[0].value);
    vm_unwire(pages, 2);
    vm_object_release(object);
    vm_object_release(copy);
    vm_object_release(second);
}

/* Reading by the direct map breaks no sharing; writing does. */
static void reading_shares_on(void **state)
{
    struct vm_object *object = object_of(1), *copy;
    const vaddr_t at = enter(object, 1, RW);
    vaddr_t other;
    uint64_t done, held;
    uint8_t byte;

    (void)state;
    store(at, 42);
    assert_int_equal(vm_object_copy(object, 0, 1, &copy), KERN_SUCCESS);
    other = enter(copy, 1, RW);
    held = holdings_now().pages;
    assert_int_equal(vm_map_read(map, other, &byte, 1, &done), KERN_SUCCESS);
    assert_int_equal(byte, 42);
    assert_int_equal(holdings_now().pages, held);
    byte = 43;
    assert_int_equal(vm_map_write(map, other, &byte, 1, &done), KERN_SUCCESS);
    assert_int_equal(holdings_now().pages, held + 1);
    assert_int_equal(load(at), 42);
    vm_object_release(object);
    vm_object_release(copy);
}

/* Where there is no page for its own, both go on with the one that they have. */
static void no_page_parts_nobody(void **state)
{
    struct vm_object *object = object_of(1), *copy;
    const vaddr_t at = enter(object, 1, RW);
    struct inject_report report;
    uint64_t shared;

    (void)state;
    store(at, 7);
    shared = page_of(object, 0);
    assert_int_equal(vm_object_copy(object, 0, 1, &copy), KERN_SUCCESS);
    inject_begin(1);
    assert_int_equal(sim_store(map, at, 8), KERN_MEMORY_ERROR);
    inject_end(&report);
    assert_true(report.failed);
    assert_int_equal(page_of(object, 0), shared);
    assert_int_equal(page_of(copy, 0), shared);
    assert_int_equal(load(at), 7);
    vm_check_objects();
    vm_object_release(copy);
    vm_object_release(object);
}

/* A page table is made of what a shortage takes, but never of the page that it is to show. */
static void stay_while_a_table_is_made(bool counts_no_more)
{
    const struct vm_range range = {.access = RW, .max_access = RW};
    struct vm_range shown = range;
    struct vm_object *object = object_of(8);
    vaddr_t here = enter(object, 8, RW),
            there = MMU_USER_VA_BASE + (counts_no_more ? 1ull << 41 : 1ull << 40);
    enum vm_purge_state former;
    struct mmu_translation seen;
    static paddr_t taken[64 * SIM_MIB / PAGE_SIZE];
    uint64_t count = 0;
    struct page *record;

    vm_object_allow_purge(object);
    for (uint64_t i = 0; i < 8; i++) {
        store(here + i * PAGE_SIZE, (uint8_t)(40 + i));
    }
    shown.object = object;
    assert_int_equal(vm_map_enter(map, &there, 8 * PAGE_SIZE, 0, &shown, 0), KERN_SUCCESS);
    while (page_alloc(0, PAGE_OWNER_IMAGE, &taken[count]) == KERN_SUCCESS) {
        count++;
    }
    vm_object_set_purge(object, VM_PURGE_VOLATILE, (struct vm_purge_order){0}, &former);
    record = page_lookup(paddr(page_of(object, 0)));
    record->pins = counts_no_more ? UINT32_MAX : 0; /* held as it is, by whom it is */
    /* Three tables are wanted, and the object has the only pages that can be had. */
    assert_int_equal(vm_fault(map, there, MMU_READ), KERN_SUCCESS);
    assert_true(mmu_translate(vm_map_space(map), there, &seen));
    assert_int_equal(page_get_owner(paddr(seen.pa.value & ~PAGE_MASK)),
                     page_get_owner(paddr(page_of(object, 0))));
    assert_int_equal(seen.pa.value, page_of(object, 0));
    assert_int_equal(load(there), 40);
    assert_int_equal(record->pins, counts_no_more ? UINT32_MAX : 0);
    record->pins = 0;
    while (count-- > 0) {
        page_free(taken[count], 0);
    }
    vm_object_release(object);
}

static void a_page_stays_while_its_table_is_made(void **state)
{
    (void)state;
    stay_while_a_table_is_made(false);
    stay_while_a_table_is_made(true);
}

/* A shortage may take the rest of the object that is stored to, but not the page that is copied. */
static void a_page_stays_while_it_is_copied(void **state)
{
    struct vm_object *object = object_of(2), *copy;
    const vaddr_t at = enter(object, 2, RW);
    enum vm_purge_state former;
    static paddr_t taken[64 * SIM_MIB / PAGE_SIZE];
    uint64_t count = 0;

    (void)state;
    vm_object_allow_purge(object);
    store(at, 7);
    store(at + PAGE_SIZE, 8);
    assert_int_equal(vm_object_copy(object, 0, 1, &copy), KERN_SUCCESS);
    while (page_alloc(0, PAGE_OWNER_IMAGE, &taken[count]) == KERN_SUCCESS) {
        count++;
    }
    vm_object_set_purge(object, VM_PURGE_VOLATILE, (struct vm_purge_order){0}, &former);
    assert_int_equal(vm_map_write(map, at + 1, &(uint8_t){9}, 1, NULL), KERN_SUCCESS);
    assert_int_equal(vm_object_get_purge(object), VM_PURGE_EMPTY);
    assert_int_equal(resident(object), 1);
    assert_int_equal(load(at), 7);
    assert_int_equal(load(at + 1), 9);
    assert_int_equal(page_share_count(paddr(page_of(copy, 0))), 1);
    vm_check_objects();
    while (count-- > 0) {
        page_free(taken[count], 0);
    }
    assert_int_equal(load(enter(copy, 1, MMU_READ)), 7);
    vm_object_release(object);
    vm_object_release(copy);
}

/* What cannot be counted is refused, and nothing is half done. */
static void counts_do_not_wrap(void **state)
{
    struct vm_object *object = object_of(2), *copy, *second;
    const vaddr_t at = enter(object, 2, RW);
    struct page *record;

    (void)state;
    vm_object_allow_purge(object);
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    assert_int_equal(vm_object_copy(object, 0, 2, &copy), KERN_SUCCESS);
    record = page_lookup(paddr(page_of(object, 0)));
    record->pins = UINT32_MAX;
    assert_int_equal(sim_store(map, at, 3), KERN_MEMORY_ERROR);
    assert_int_equal(vm_object_copy(object, 0, 2, &second), KERN_RESOURCE_SHORTAGE);
    record->pins = 0;
    assert_int_equal(record->count, 1);
    record->count = UINT32_MAX; /* owners beyond the first */
    assert_int_equal(vm_object_copy(object, 0, 2, &second), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(record->count, UINT32_MAX);
    record->count = 1;
    vm_check_objects();
    store(at, 3);
    assert_int_equal(load(at + PAGE_SIZE), 2);
    assert_int_equal(load(enter(copy, 2, RW)), 1);
    vm_object_release(object);
    vm_object_release(copy);
}

/* Are all pages there, as asked, and do they stay whatever others do with the contents? */
static void populated_objects_keep_their_pages(void **state)
{
    const struct vm_object_layout row = {.alignment = 64 * 1024, .contiguous = true};
    const uint64_t limit = SIM_RAM_BASE + 8 * SIM_MIB;
    const struct vm_object_layout low = {.highest = limit - 1};
    struct vm_object *one = object_of(7), *other = object_of(5), *copy;
    vaddr_t at = enter(one, 7, RW);
    uint64_t first;

    (void)state;
    assert_int_equal(vm_object_populate(one, &row), KERN_SUCCESS);
    assert_int_equal(vm_object_populate(other, &low), KERN_SUCCESS);
    first = page_of(one, 0);
    assert_int_equal(first % (64 * 1024), 0);
    for (uint64_t i = 0; i < 7; i++) {
        assert_int_equal(page_of(one, i), first + i * PAGE_SIZE);
        assert_int_equal(load(at + i * PAGE_SIZE + 99), 0);
        store(at + i * PAGE_SIZE, 5);
    }
    for (uint64_t i = 0; i < 5; i++) {
        assert_true(page_of(other, i) < limit);
    }
    assert_int_equal(vm_object_copy(one, 0, 7, &copy), KERN_SUCCESS);
    assert_int_not_equal(page_of(copy, 0), first);
    store(at, 6);
    assert_int_equal(page_of(one, 0), first);
    assert_int_equal(load(enter(copy, 7, MMU_READ)), 5);
    vm_object_release(one);
    vm_object_release(other);
    vm_object_release(copy);
}

static void populating_fails_as_a_whole(void **state)
{
    const struct vm_object_layout nowhere = {.highest = SIM_RAM_BASE - 1};
    const struct vm_object_layout too_long = {.contiguous = true};
    struct vm_object *object = object_of(3), *large = object_of(65 * SIM_MIB / PAGE_SIZE);

    (void)state;
    assert_int_equal(vm_object_populate(object, &nowhere), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(vm_object_populate(large, &too_long), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(resident(object) + resident(large), 0);
    vm_object_release(object);
    object = object_of(65 * SIM_MIB / PAGE_SIZE);
    assert_int_equal(vm_object_populate(object, &(struct vm_object_layout){0}),
                     KERN_RESOURCE_SHORTAGE); /* page by page, until there are no more */
    vm_object_release(object);
    vm_object_release(large);
}

static void ledgers_follow_the_owner(void **state)
{
    struct vm_object *object = object_of(3);
    struct task_ledger mine, kernels;
    bool footprint;
    int tag;

    (void)state;
    vm_object_set_owner(object, task, 4, true);
    task_get_ledger(task, &mine);
    assert_int_equal(mine.tagged[4], 3 * PAGE_SIZE);
    assert_int_equal(mine.footprint, 3 * PAGE_SIZE);
    vm_object_set_owner(object, kernel_task, 2, false);
    task_get_ledger(task, &mine);
    task_get_ledger(kernel_task, &kernels);
    assert_int_equal(mine.tagged[4] + mine.footprint + kernels.footprint, 0);
    assert_int_equal(kernels.tagged[2], 3 * PAGE_SIZE);
    assert_ptr_equal(vm_object_owner(object, &tag, &footprint), kernel_task);
    assert_int_equal(tag, 2);
    assert_false(footprint);
    vm_object_release(object);
    task_get_ledger(kernel_task, &kernels);
    assert_int_equal(kernels.tagged[2], 0);
}

static uint64_t cost_of(uint64_t pages)
{
    const uint64_t held = holdings_now().heap_bytes;
    struct vm_object *const object = object_of(pages);
    const uint64_t cost = holdings_now().heap_bytes - held;

    vm_object_release(object);
    return cost;
}

/* One pointer for 512 pages, and no more than are needed. */
static void large_objects_are_small_while_empty(void **state)
{
    struct vm_object *const few = object_of(2), *const many = object_of(3 * VM_CHUNK_SLOTS);
    struct heap_stats before, after;

    (void)state;
    /* Room for what there is of an object, and for a part of a larger one. */
    for (unsigned i = 0; i < 2; i++) {
        const vaddr_t at = enter(i == 0 ? few : many, 1, RW);

        heap_get_stats(&before);
        store(at, 1);
        heap_get_stats(&after);
        assert_true(after.bytes > before.bytes);
        assert_true(after.bytes - before.bytes <=
                    (i == 0 ? 512 : 2 * VM_CHUNK_SLOTS * sizeof(vm_slot_t)));
    }
    vm_object_release(few);
    vm_object_release(many);
    assert_true(cost_of(512) <= cost_of(1));
    assert_true(cost_of(16 * 512) < cost_of(16 * 512 + 1));
}

/* A dead task pays no more; who pays next is told what for. */
static void an_owner_may_die(void **state)
{
    struct vm_object *object = object_of(2);
    struct task_ledger ledger;
    struct task *second;
    bool footprint;
    int tag;

    (void)state;
    assert_int_equal(task_create(&second), KERN_SUCCESS);
    vm_object_set_owner(object, second, 3, true);
    task_terminate(second);
    task_get_ledger(second, &ledger);
    assert_int_equal(ledger.tagged[3] + ledger.footprint, 0);
    assert_null(vm_object_owner(object, &tag, &footprint));
    assert_int_equal(tag, 3);
    assert_true(footprint);
    vm_object_set_owner(object, task, tag, footprint);
    task_get_ledger(second, &ledger);
    assert_int_equal(ledger.tagged[3] + ledger.footprint, 0);
    task_get_ledger(task, &ledger);
    assert_int_equal(ledger.tagged[3], 2 * PAGE_SIZE);
    assert_int_equal(ledger.footprint, 2 * PAGE_SIZE);
    task_release(second);
    vm_object_release(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_appear_when_touched),
        TEST(two_mappings_of_an_object_show_the_same),
        TEST(a_copy_shares_until_written),
        TEST(a_store_is_seen_by_every_view),
        TEST(what_cannot_be_shown_goes),
        TEST(pinned_pages_are_never_shared),
        TEST(reading_shares_on),
        TEST(no_page_parts_nobody),
        TEST(a_page_stays_while_its_table_is_made),
        TEST(a_page_stays_while_it_is_copied),
        TEST(counts_do_not_wrap),
        TEST(populated_objects_keep_their_pages),
        TEST(populating_fails_as_a_whole),
        TEST(ledgers_follow_the_owner),
        TEST(large_objects_are_small_while_empty),
        TEST(an_owner_may_die),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
