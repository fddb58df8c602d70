/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces and memory objects under calls in random order, against a model of a few lines:
 * what each access answers, which byte it finds, what faults, and what is resident and dirty.
 * After each call all that the machine says of itself must agree (vm_check.h).
 */
#include "kernel/direct_map.h"
#include "tests/host/machine/vm_check.h"
#include "tests/host/machine/vm_fixture.h"
#include "tests/host/machine/vm_model.h"

/* Asking for counts takes from the tables what they know of stores: not each time. */
static void check_things(bool count)
{
    for (int i = 0; i < THINGS; i++) {
        const struct thing *const of = &model.things[i];
        uint64_t resident = 0, dirty = 0, are, changed;

        if (of->object == NULL) {
            continue;
        }
        for (unsigned page = 0; page < of->pages && of->kind != DEVICE; page++) {
            paddr_t at;

            if (of->kind == WINDOW || of->there[page]) {
                assert_true(vm_object_resident(of->object, of->first + page, &at));
                assert_int_equal(*(uint8_t *)phys_to_virt(at), *model_byte_of(i, page));
            }
            resident += of->kind == ANONYMOUS && of->there[page];
            dirty += of->kind == ANONYMOUS && of->dirty[page];
        }
        if (count) {
            vm_object_count(of->object, 0, vm_object_pages(of->object), &are, &changed);
            assert_int_equal(are, resident);
            assert_int_equal(changed, dirty);
        }
        assert_int_equal(vm_object_get_purge(of->object), of->purge);
    }
}

static void check_region(unsigned space)
{
    for (unsigned i = 0; i < REGION; i++) {
        const struct shown *const at = &model.spaces[space].at[i];
        struct vm_range range;
        uint64_t size = 0, same = 0;

        while (i + same < REGION && at[same].entry == at->entry) {
            same++;
        }
        if (vm_map_lookup(model.spaces[space].map, model_address(space, i), &range, &size) !=
            KERN_SUCCESS) {
            assert_int_equal(at->entry, 0);
            continue;
        }
        assert_int_not_equal(at->entry, 0);
        assert_int_equal(size, same * PAGE_SIZE);
        assert_int_equal(range.access, at->access);
        assert_int_equal(range.max_access, at->max);
        assert_ptr_equal(range.object, at->thing == NONE ? NULL : model.things[at->thing].object);
        assert_true(at->thing == NONE ||
                    range.offset == (model.things[at->thing].first + at->page) * PAGE_SIZE);
    }
}

/* What is called, and how often. */
static const struct {
    void (*call)(unsigned space);
    unsigned weight;
} calls_there_are[] = {
    {model_create, 2},       {model_enter_one, 5},  {model_remove_some, 1},
    {model_protect_some, 2}, {model_block_some, 2}, {model_exchange_some, 1},
    {model_drop_some, 1},    {model_fill_some, 1},  {model_wire_some, 2},
    {model_unwire_some, 2},  {model_copy_thing, 1}, {model_set_modes, 2},
    {model_set_purge, 2},    {model_reclaim, 1},    {model_release_one, 1},
    {model_fork_first, 1},   {model_copy_one, 4},   {model_access_one, 13},
};

static void call_one(void)
{
    const unsigned space = model_below(SPACES);
    unsigned sum = 0, which = 0, chance;

    for (unsigned i = 0; i < sizeof(calls_there_are) / sizeof(calls_there_are[0]); i++) {
        sum += calls_there_are[i].weight;
    }
    chance = model_below(sum);
    while (chance >= calls_there_are[which].weight) {
        chance -= calls_there_are[which++].weight;
    }
    calls_there_are[which].call(space);
    model_forget_things();
}

static void play(uint64_t from, unsigned calls)
{
    model.seed = from;
    for (unsigned i = 0; i < calls; i++) {
        call_one();
        for (unsigned space = 0; space < SPACES; space++) {
            vm_check_map(model.spaces[space].map);
            check_region(space);
        }
        check_things(i % 4 == 3);
        vm_check_objects();
    }
    /* All goes, and nothing is left of it. */
    for (unsigned w = 0; w < WIRINGS; w++) {
        if (model.wirings[w].count != 0) {
            model_unwire_one(w);
        }
    }
    for (unsigned space = 0; space < SPACES; space++) {
        assert_int_equal(
            vm_map_remove(model.spaces[space].map, model_address(space, 0), REGION * PAGE_SIZE),
            KERN_SUCCESS);
        memset(model.spaces[space].at, 0, sizeof(model.spaces[space].at));
        vm_check_map(model.spaces[space].map);
    }
    for (int i = 0; i < THINGS; i++) {
        if (model.things[i].object != NULL && model.things[i].held) {
            vm_object_release(model.things[i].object);
        }
        model.things[i].object = NULL;
    }
    vm_check_objects();
}

static void play_all(uint64_t first)
{
    const struct page_request request = {.count = PAGES, .owner = PAGE_OWNER_DRIVER, .zero = true};
    const vaddr_t middle = (vaddr_t)1 << 30;
    struct holdings empty;

    assert_int_equal(task_create(&model.tasks[1]), KERN_SUCCESS);
    model.tasks[0] = task;
    model.spaces[0].map = map;
    model.spaces[1].map = task_map(model.tasks[1]);
    model.spaces[2].map = kernel_map;
    for (unsigned i = 0; i < SPACES; i++) {
        model.spaces[i].base = (i == 2 ? MMU_KERNEL_VA_BASE : 0) + middle - REGION / 2 * PAGE_SIZE;
    }
    assert_int_equal(page_alloc_run(&request, &model.ram.first), KERN_SUCCESS);
    memset(model.ram.bytes, 0, sizeof(model.ram.bytes));
    empty = holdings_now();
    for (uint64_t i = 0; i < 10; i++) {
        model.executes = i % 2 != 0;
        play(first + i, 600);
        assert_true(sim_holds(&empty));
    }
    assert_int_equal(page_release_run(model.ram.first, PAGES), KERN_SUCCESS);
    task_release(model.tasks[1]);
}

static void memory_is_what_the_calls_have_made_it(void **state)
{
    (void)state;
    play_all(1);
}

static void so_it_is_where_the_cpu_notes_stores(void **state)
{
    (void)state;
    sim_set_notes_stores(true);
    play_all(101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(memory_is_what_the_calls_have_made_it),
        TEST(so_it_is_where_the_cpu_notes_stores),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
