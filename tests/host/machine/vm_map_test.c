/* SPDX-License-Identifier: BSD-2-Clause */
/* Where ranges lie, what they allow, and what pins do, over the real page tables. */
#include "kernel/direct_map.h"
#include "kernel/exception.h"
#include "kernel/inject.h"
#include "kernel/vm_abort.h"
#include "tests/host/machine/vm_fixture.h"
#include "tests/host/sim/sim_cache.h"

static void wiring_is_all_or_nothing(void **state)
{
    struct vm_object *object = object_of(8);
    vaddr_t at = enter(object, 8, RW);
    struct page_stats stats;
    paddr_t pages[8];

    (void)state;
    const uint64_t blocks = holdings_now().heap_blocks;

    assert_int_equal(vm_map_wire(map, at, 8, VM_WIRE_NO_FAULT, pages), KERN_MEMORY_ERROR);
    assert_int_equal(resident(object), 0);
    assert_int_equal(holdings_now().heap_blocks, blocks); /* nothing was allocated for it */
    assert_int_equal(vm_map_remove(map, at + 5 * PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_map_wire(map, at, 8, 0, pages), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_protect(map, at + 4 * PAGE_SIZE, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(vm_map_wire(map, at, 5, VM_WIRE_WRITE, pages), KERN_PROTECTION_FAILURE);
    page_get_stats(&stats);
    assert_int_equal(stats.pins, before.pins);
    assert_int_equal(vm_map_wire(map, at, 5, 0, pages), KERN_SUCCESS);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(page_pin_count(pages[i]), 1);
    }
    vm_unwire(pages, 5);
    vm_object_release(object);
}

/* Pinned memory outlives the range, the object and the task. */
static void pinned_pages_survive_their_task(void **state)
{
    struct vm_object *object = object_of(1);
    vaddr_t at = enter(object, 1, RW);
    struct page_stats alive, dead;
    paddr_t page, other;

    (void)state;
    store(at, 42);
    assert_int_equal(vm_map_wire(map, at, 1, VM_WIRE_WRITE, &page), KERN_SUCCESS);
    vm_object_release(object);
    task_release(task);
    task = NULL;
    assert_int_equal(*(uint8_t *)phys_to_virt(page), 42);
    assert_int_equal(page_get_state(page), PAGE_ALLOCATED);
    assert_int_equal(page_free(page, 0), KERN_FAILURE);
    for (int i = 0; i < 100; i++) { /* and nobody else gets it */
        assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &other), KERN_SUCCESS);
        assert_int_not_equal(other.value, page.value);
        page_free(other, 0);
    }
    page_get_stats(&alive);
    vm_unwire(&page, 1);
    page_get_stats(&dead);
    assert_int_equal(dead.allocated, alive.allocated - 1);
}

static void placement(void **state)
{
    const struct vm_range nothing = {.object = NULL};
    struct vm_object *object = object_of(16);
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW};
    vaddr_t at = 0x10000;

    (void)state;
    assert_int_equal(vm_map_enter(map, &at, 4 * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_NO_SPACE);
    at = 0x13000;
    assert_int_equal(vm_map_enter(map, &at, 4 * PAGE_SIZE, 0, &range, 0), KERN_NO_SPACE);
    at = 0x10800;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_INVALID_ARGUMENT);
    at = 0;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_INVALID_ADDRESS);
    at = MMU_USER_VA_END - PAGE_SIZE;
    assert_int_equal(vm_map_enter(map, &at, 2 * PAGE_SIZE, 0, &range, 0), KERN_INVALID_ADDRESS);
    at = 0;
    assert_int_equal(vm_map_enter(map, &at, 17 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 1 << 21, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_int_equal(at % (1 << 21), 0);
    at = 0;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &nothing, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_int_equal(at, MMU_USER_VA_BASE);
    assert_int_equal(sim_load(map, at, &(uint8_t){0}), KERN_PROTECTION_FAILURE);
    assert_int_equal(sim_load(map, at + PAGE_SIZE, &(uint8_t){0}), KERN_INVALID_ADDRESS);
    vm_object_release(object);
}

static void overwriting_replaces_exactly_its_interval(void **state)
{
    struct vm_object *old = object_of(6);
    struct vm_object *new = object_of(2);
    const struct vm_range range = {.object = new, .access = RW, .max_access = RW};
    vaddr_t at = enter(old, 6, RW);
    vaddr_t middle = at + 2 * PAGE_SIZE;

    (void)state;
    for (int i = 0; i < 6; i++) {
        store(at + (vaddr_t)i * PAGE_SIZE, (uint8_t)(i + 1));
    }
    assert_int_equal(vm_map_enter(map, &middle, 2 * PAGE_SIZE, 0, &range, VM_ENTER_OVERWRITE),
                     KERN_SUCCESS);
    assert_int_equal(load(at + PAGE_SIZE), 2);
    assert_int_equal(load(middle), 0);
    assert_int_equal(load(middle + PAGE_SIZE), 0);
    assert_int_equal(load(at + 4 * PAGE_SIZE), 5);
    vm_object_release(old);
    vm_object_release(new);
}

/* An address space that is no task's. */
static void a_map_goes_with_its_ranges(void **state)
{
    const struct vm_range range = {.object = object_of(1), .access = RW, .max_access = RW};
    struct vm_map *own;
    vaddr_t at = 0x10000;

    (void)state;
    assert_int_equal(vm_map_create(&own), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(own, &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    vm_map_retain(own);
    vm_map_release(own);
    assert_int_equal(sim_store(own, at, 1), KERN_SUCCESS);
    vm_map_release(own);
    vm_object_release(range.object);
}

/* If the new range cannot be filled, the old one must still be there, as filled as it was. */
static void a_failed_overwrite_changes_nothing(void **state)
{
    struct vm_object *old = object_of(2);
    struct vm_object *huge;
    vaddr_t at = enter(old, 2, RW);
    uint64_t pages = 64 * SIM_MIB / PAGE_SIZE, faults;
    struct vm_range range = {.access = RW, .max_access = RW};

    (void)state;
    store(at, 5);
    assert_int_equal(vm_map_fill_tables(map, at, 2 * PAGE_SIZE), KERN_SUCCESS);
    huge = object_of(pages);
    range.object = huge;
    assert_int_equal(
        vm_map_enter(map, &at, pages * PAGE_SIZE, 0, &range, VM_ENTER_OVERWRITE | VM_ENTER_EAGER),
        KERN_MEMORY_ERROR);
    faults = sim_faults;
    assert_int_equal(load(at), 5);
    assert_int_equal(load(at + PAGE_SIZE), 0);
    assert_int_equal(sim_faults, faults);
    vm_object_release(huge);
    vm_object_release(old);
}

static void protection_can_be_lowered_and_raised_to_its_maximum(void **state)
{
    struct vm_object *object = object_of(3);
    vaddr_t at = enter(object, 3, RW);

    (void)state;
    store(at + PAGE_SIZE, 3);
    assert_int_equal(vm_map_protect(map, at + PAGE_SIZE, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(sim_store(map, at + PAGE_SIZE, 4), KERN_PROTECTION_FAILURE);
    store(at, 1);
    store(at + 2 * PAGE_SIZE, 1);
    assert_int_equal(load(at + PAGE_SIZE), 3);
    assert_int_equal(vm_map_protect(map, at, 3 * PAGE_SIZE, MMU_READ | MMU_EXECUTE),
                     KERN_PROTECTION_FAILURE);
    assert_int_equal(vm_map_protect(map, at, 4 * PAGE_SIZE, MMU_READ), KERN_INVALID_ADDRESS);
    store(at, 2); /* both refusals changed nothing */
    assert_int_equal(vm_map_protect(map, at, 3 * PAGE_SIZE, RW), KERN_SUCCESS);
    store(at + PAGE_SIZE, 4);
    vm_object_release(object);
}

/* What is filled ahead stays so: somebody relies on it who cannot fault. */
static void other_rights_are_filled_ahead_as_well(void **state)
{
    const struct vm_range range = {.object = object_of(2), .access = RW, .max_access = RW};
    vaddr_t at = 0;
    uint64_t faults;

    (void)state;
    assert_int_equal(
        vm_map_enter(map, &at, 2 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE | VM_ENTER_EAGER),
        KERN_SUCCESS);
    faults = sim_faults;
    assert_int_equal(vm_map_protect(map, at, 2 * PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    load(at);
    load(at + PAGE_SIZE);
    assert_int_equal(vm_map_protect(map, at + PAGE_SIZE, PAGE_SIZE, RW), KERN_SUCCESS);
    load(at + PAGE_SIZE);
    assert_int_equal(sim_faults, faults);
    vm_object_release(range.object);
}

/* Who fills a part of a range may take faults in the rest; only whole ones stay filled. */
static void what_is_filled_in_part_is_not_kept_so(void **state)
{
    struct vm_object *object = object_of(4);
    const vaddr_t at = enter(object, 2, RW), other = enter(object, 2, RW);
    const vaddr_t parts[] = {at, at + PAGE_SIZE};
    uint64_t faults;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vm_map_fill_tables(map, parts[i], PAGE_SIZE), KERN_SUCCESS);
        assert_int_equal(vm_map_block(map, at, 2 * PAGE_SIZE, true), KERN_SUCCESS);
        assert_int_equal(vm_map_block(map, at, 2 * PAGE_SIZE, false), KERN_SUCCESS);
        faults = sim_faults;
        load(parts[i]);
        assert_int_equal(sim_faults, faults + 1);
    }
    /* Up to a hole: what lies before it is filled, and stays so. */
    assert_int_equal(vm_map_remove(map, other + PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_map_fill_tables(map, other, 2 * PAGE_SIZE), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_block(map, other, PAGE_SIZE, true), KERN_SUCCESS);
    assert_int_equal(vm_map_block(map, other, PAGE_SIZE, false), KERN_SUCCESS);
    faults = sim_faults;
    store(other, 1);
    assert_int_equal(sim_faults, faults);
    vm_object_release(object);
}

static void a_blocked_range_answers_so_until_unblocked(void **state)
{
    struct vm_object *object = object_of(2);
    vaddr_t at = enter(object, 2, RW);

    (void)state;
    store(at, 9);
    assert_int_equal(vm_map_block(map, at, PAGE_SIZE, true), KERN_SUCCESS);
    assert_int_equal(sim_load(map, at, &(uint8_t){0}), KERN_ABORTED);
    store(at + PAGE_SIZE, 1);
    assert_int_equal(vm_map_block(map, at, PAGE_SIZE, false), KERN_SUCCESS);
    assert_int_equal(load(at), 9);
    vm_object_release(object);
}

static void copying_stops_at_a_bad_address(void **state)
{
    struct vm_object *object = object_of(2);
    vaddr_t at = enter(object, 2, RW);
    uint8_t data[3 * 4096], back[sizeof(data)];
    uint64_t done;

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(vm_map_write(map, at + 100, data, sizeof(data), &done), KERN_INVALID_ADDRESS);
    assert_int_equal(done, 2 * PAGE_SIZE - 100);
    assert_int_equal(vm_map_read(map, at + 100, back, done, &done), KERN_SUCCESS);
    assert_memory_equal(back, data, done);
    assert_int_equal(load(at + 100 + 4000), data[4000]);
    assert_int_equal(vm_map_protect(map, at, 2 * PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(vm_map_write(map, at, data, 1, &done), KERN_PROTECTION_FAILURE);
    assert_int_equal(done, 0);
    assert_int_equal(vm_map_read(map, UINT64_MAX - 5, back, 3, &done), KERN_INVALID_ADDRESS);
    vm_object_release(object);
}

static void a_hundred_thousand_ranges(void **state)
{
    struct vm_object *object = object_of(2);
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW};
    enum {
        COUNT = 100000
    };

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        vaddr_t at = 0x100000 + (vaddr_t)i * 2 * PAGE_SIZE;

        assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    }
    store(0x100000, 6);
    assert_int_equal(load(0x100000 + (vaddr_t)(COUNT - 1) * 2 * PAGE_SIZE), 6);
    assert_int_equal(vm_map_remove(map, 0x100000, (uint64_t)COUNT * 2 * PAGE_SIZE), KERN_SUCCESS);
    vm_object_release(object);
}

/* A child shares, copies or misses each range, as the range says; guards stay guards. */
static void a_child_inherits_range_by_range(void **state)
{
    static const enum vm_inheritance kinds[] = {VM_INHERIT_SHARE, VM_INHERIT_COPY, VM_INHERIT_NONE};
    const struct vm_range guard = {.object = NULL};
    struct vm_object *object = object_of(6);
    vaddr_t guarded = 0x900000;
    struct task *child;
    vaddr_t at[3];
    uint8_t byte;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct vm_range range = {.object = object,
                                       .offset = 2 * i * PAGE_SIZE,
                                       .access = RW,
                                       .max_access = RW,
                                       .inheritance = kinds[i]};

        at[i] = 0x100000 + i * 0x10000;
        assert_int_equal(vm_map_enter(map, &at[i], 2 * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
        store(at[i], (uint8_t)(i + 1));
    }
    assert_int_equal(vm_map_enter(map, &guarded, PAGE_SIZE, 0, &guard, 0), KERN_SUCCESS);
    assert_int_equal(task_create_child(task, &child), KERN_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        store(at[i], (uint8_t)(i + 11));
    }
    assert_int_equal(sim_load(task_map(child), at[0], &byte), KERN_SUCCESS);
    assert_int_equal(byte, 11);
    assert_int_equal(sim_load(task_map(child), at[1], &byte), KERN_SUCCESS);
    assert_int_equal(byte, 2);
    assert_int_equal(sim_load(task_map(child), at[2], &byte), KERN_INVALID_ADDRESS);
    assert_int_equal(sim_load(task_map(child), guarded, &byte), KERN_PROTECTION_FAILURE);
    assert_int_equal(sim_store(task_map(child), at[1] + PAGE_SIZE, 99), KERN_SUCCESS);
    assert_int_equal(load(at[1] + PAGE_SIZE), 0);
    task_release(child);
    vm_object_release(object);
    task_terminate(task);
    assert_int_equal(task_create_child(task, &child), KERN_INVALID_ARGUMENT);
}

/* Half of what was to be inherited is nothing, whatever is refused on the way. */
static void what_is_inherited_in_part_is_empty(void **state)
{
    struct vm_object *object = object_of(1);
    const struct vm_range range = {
        .object = object, .access = RW, .max_access = RW, .inheritance = VM_INHERIT_SHARE};
    const vaddr_t first = 0x100000, second = 0x200000;
    struct inject_report report = {.failed = true};
    struct vm_range found;
    struct vm_map *to;
    uint64_t size;
    vaddr_t at;

    (void)state;
    at = first;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    at = second;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    assert_int_equal(vm_map_create(&to), KERN_SUCCESS);
    for (unsigned nth = 1; report.failed; nth++) {
        kern_return_t status;

        inject_begin(nth);
        status = vm_map_inherit(map, to);
        inject_end(&report);
        assert_int_equal(status, report.failed ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS);
        assert_int_equal(vm_map_lookup(to, first, &found, &size),
                         report.failed ? KERN_INVALID_ADDRESS : KERN_SUCCESS);
        assert_int_equal(vm_map_lookup(to, second, &found, &size),
                         report.failed ? KERN_INVALID_ADDRESS : KERN_SUCCESS);
    }
    vm_map_release(to);
    vm_object_release(object);
}

static bool told;

/* A page can be executed only after both caches have been told, however it comes to that. */
static void what_becomes_executable_is_made_fit_for_it(void **state)
{
    const unsigned code = MMU_READ | MMU_EXECUTE;
    const uint64_t page = PAGE_SIZE / SIM_CACHE_LINE;
    struct vm_object *object = object_of(4);
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW | code};
    struct mmu_space *space = vm_map_space(map);
    vaddr_t at;

    (void)state;
    at = 0x10000;
    assert_int_equal(vm_map_enter(map, &at, 4 * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    sim_cache.executable = 0;
    assert_int_equal(load(at), 1);
    assert_int_equal(sim_cache.executable,
                     0); /* data is none of the instruction cache's business */

    assert_int_equal(vm_map_protect(map, at, 4 * PAGE_SIZE, code), KERN_SUCCESS);
    assert_int_equal(vm_fault(map, at, MMU_EXECUTE), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, page);
    assert_int_equal(vm_map_fill_tables(map, at, 4 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, page + 4 * page);

    /* By the page tables alone: mapped, and protected. */
    sim_cache.executable = 0;
    mmu_clear(space, at, 4 * PAGE_SIZE);
    assert_int_equal(mmu_map(space, at, paddr(0x40000000), 2 * PAGE_SIZE,
                             (struct mmu_attributes){.access = RW | MMU_USER}),
                     KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 0);
    assert_int_equal(
        mmu_protect(space, at, 2 * PAGE_SIZE, (struct mmu_attributes){.access = code | MMU_USER}),
        KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 2 * page);
    mmu_clear(space, at, 2 * PAGE_SIZE);
    vm_object_release(object);
}

/* The syndrome of DC CVAU and its like says "write", but they ask for no more than a load. */
static void cache_maintenance_is_no_store(void **state)
{
    const uint64_t load_abort = (uint64_t)ESR_CLASS_DATA_ABORT_EL0 << 26 | 1u << 25 | 0x07;
    const uint64_t store_abort = load_abort | 1u << 6, maintenance = store_abort | 1u << 8;
    struct vm_object *object = object_of(3);
    const vaddr_t at = enter(object, 3, MMU_READ | MMU_EXECUTE);
    const vaddr_t data = enter(object, 3, RW);

    (void)state;
    assert_int_equal(vm_abort_resolve(map, maintenance, at), KERN_SUCCESS);
    assert_int_equal(vm_abort_resolve(map, load_abort, at + PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_abort_resolve(map, store_abort, at), KERN_PROTECTION_FAILURE);
    /* Nor does it make a page dirty. */
    assert_int_equal(vm_abort_resolve(map, maintenance, data + 2 * PAGE_SIZE), KERN_SUCCESS);
    assert_false(mmu_page_is_dirty(vm_map_space(map), data + 2 * PAGE_SIZE));
    vm_object_release(object);
}

static void died(struct task *dead, void *context)
{
    (void)context;
    told = task_is_alive(dead);
}

static void death_is_told_once_and_frees_the_ranges(void **state)
{
    struct task_watch watch = {.died = died};
    struct task_watch removed = {.died = died};
    struct vm_object *object = object_of(1);

    (void)state;
    enter(object, 1, RW);
    vm_object_set_owner(object, task, 3, true);
    vm_object_release(object);
    task_watch_add(task, &watch);
    task_watch_add(task, &removed);
    task_watch_remove(&removed);
    told = false;
    task_terminate(task);
    assert_true(told);
    assert_false(task_is_alive(task));
    assert_null(task_map(task));
    told = false;
    task_terminate(task);
    assert_false(told);
}

/* Who is told looks at the task as others do, and ends it, as it may be ended any time. */
static void holds_and_ends(struct task *dying, void *context)
{
    unsigned *const calls = context;

    task_retain(dying);
    assert_true(task_is_alive(dying));
    task_terminate(dying);
    assert_false(task_is_alive(dying));
    task_release(dying);
    ++*calls;
}

static void keeps(struct task *dying, void *context)
{
    task_retain(dying);
    *(struct task **)context = dying;
}

static void who_is_told_of_a_death_may_hold_the_task(void **state)
{
    const uint64_t tasks = task_count();
    struct task *kept = NULL, *other;
    unsigned calls = 0;
    struct task_watch watches[2] = {{.died = holds_and_ends, .context = &calls},
                                    {.died = keeps, .context = &kept}};

    (void)state;
    assert_int_equal(task_create(&other), KERN_SUCCESS);
    task_watch_add(other, &watches[0]);
    task_release(other);
    assert_int_equal(calls, 1);
    assert_int_equal(task_count(), tasks);
    assert_int_equal(task_create(&other), KERN_SUCCESS);
    task_watch_add(other, &watches[1]);
    task_release(other);
    assert_ptr_equal(kept, other);
    assert_false(task_is_alive(kept));
    assert_int_equal(task_count(), tasks + 1);
    task_release(kept);
    assert_int_equal(task_count(), tasks);
}

/* Code that changes under who executes it: by the kernel's hand, or by a device's. */
static void what_is_executed_and_written_is_made_fit_again(void **state)
{
    const unsigned code = MMU_READ | MMU_EXECUTE;
    const uint64_t page = PAGE_SIZE / SIM_CACHE_LINE;
    struct vm_object *object = object_of(4);
    const struct vm_range data = {.object = object, .access = RW, .max_access = RW};
    const struct vm_range text = {.object = object, .access = code, .max_access = code};
    vaddr_t at = 0x10000, shown = 0x40000;
    const uint8_t bytes[100] = {1, 2, 3};
    paddr_t pages[4];
    uint64_t done;

    (void)state;
    assert_int_equal(vm_map_enter(map, &at, 4 * PAGE_SIZE, 0, &data, 0), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(map, &shown, 4 * PAGE_SIZE, 0, &text, 0), KERN_SUCCESS);
    sim_cache.executable = 0;
    assert_int_equal(vm_map_write(map, at, bytes, sizeof(bytes), &done), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 0); /* nobody executes it yet */
    assert_int_equal(vm_fault(map, shown, MMU_EXECUTE), KERN_SUCCESS);
    assert_int_equal(vm_fault(map, shown + PAGE_SIZE, MMU_EXECUTE), KERN_SUCCESS);

    /* By the kernel: the lines that it has written, over the border into a page that is data. */
    sim_cache.executable = 0;
    assert_int_equal(vm_map_write(map, at + 64, bytes, 100, &done), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 2);
    assert_int_equal(vm_map_write(map, at + 2 * PAGE_SIZE - 50, bytes, 100, &done), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 3);

    /* By a device: the pages that are executed, of all that it has written. */
    sim_cache.executable = 0;
    assert_int_equal(vm_map_wire(map, at, 4, VM_WIRE_WRITE | VM_WIRE_UNMARKED, pages),
                     KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 0);
    for (unsigned i = 0; i < 4; i++) {
        vm_mark_written(pages[i], 1);
    }
    assert_int_equal(sim_cache.executable, 2 * page);
    vm_unwire(pages, 4);

    /* A page that comes back as somebody's data is no more code. */
    const paddr_t was = pages[0];

    assert_int_equal(vm_map_remove(map, at, 4 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_map_remove(map, shown, 4 * PAGE_SIZE), KERN_SUCCESS);
    vm_object_release(object);
    sim_cache.executable = 0;
    vm_mark_written(was, 1);
    assert_int_equal(sim_cache.executable, 0);
}

/* Of pages in a row, those that are executed; and RAM of which nothing is noted yet. */
static void only_what_is_executed_is_made_fit(void **state)
{
    const unsigned code = MMU_READ | MMU_EXECUTE;
    const struct vm_object_layout row = {.contiguous = true};
    struct vm_object *object = object_of(3), *window;
    const vaddr_t at = enter(object, 3, code);
    const paddr_t unused = paddr(SIM_RAM_BASE + 32 * SIM_MIB);
    paddr_t first;

    (void)state;
    assert_int_equal(vm_object_populate(object, &row), KERN_SUCCESS);
    assert_int_equal(vm_fault(map, at + PAGE_SIZE, MMU_EXECUTE), KERN_SUCCESS);
    assert_true(vm_object_resident(object, 0, &first));
    sim_cache.executable = 0;
    vm_mark_written(first, 3);
    assert_int_equal(sim_cache.executable, PAGE_SIZE / SIM_CACHE_LINE);
    assert_int_equal(dirty(object), 3);
    assert_int_equal(page_get_state(unused), PAGE_FREE);
    assert_int_equal(vm_object_create_physical(unused, 1, &window), KERN_SUCCESS);
    sim_cache.executable = 0;
    assert_int_equal(vm_fault(map, enter(window, 1, code), MMU_EXECUTE), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, PAGE_SIZE / SIM_CACHE_LINE);
    vm_object_release(window);
    /* What is read and written there, and no more, is no code. */
    assert_int_equal(vm_object_create_physical(paddr_add(unused, PAGE_SIZE), 1, &window),
                     KERN_SUCCESS);
    sim_cache.executable = 0;
    assert_int_equal(vm_fault(map, enter(window, 1, RW), MMU_WRITE), KERN_SUCCESS);
    vm_mark_written(paddr_add(unused, PAGE_SIZE), 1);
    assert_int_equal(sim_cache.executable, 0);
    vm_object_release(window);
    vm_object_release(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wiring_is_all_or_nothing),
        TEST(pinned_pages_survive_their_task),
        TEST(placement),
        TEST(overwriting_replaces_exactly_its_interval),
        TEST(a_failed_overwrite_changes_nothing),
        TEST(a_map_goes_with_its_ranges),
        TEST(protection_can_be_lowered_and_raised_to_its_maximum),
        TEST(other_rights_are_filled_ahead_as_well),
        TEST(what_is_filled_in_part_is_not_kept_so),
        TEST(a_blocked_range_answers_so_until_unblocked),
        TEST(copying_stops_at_a_bad_address),
        TEST(a_hundred_thousand_ranges),
        TEST(a_child_inherits_range_by_range),
        TEST(what_is_inherited_in_part_is_empty),
        TEST(what_becomes_executable_is_made_fit_for_it),
        TEST(what_is_executed_and_written_is_made_fit_again),
        TEST(only_what_is_executed_is_made_fit),
        TEST(cache_maintenance_is_no_store),
        TEST(death_is_told_once_and_frees_the_ranges),
        TEST(who_is_told_of_a_death_may_hold_the_task),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
