/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on memory objects and their pages, each beside what the model makes of it. */
#include "kernel/direct_map.h"
#include "tests/host/machine/vm_check.h"
#include "tests/host/machine/vm_model.h"

void model_create(unsigned space)
{
    const int i = model_new_thing();
    struct thing *const made = i != NONE ? &model.things[i] : NULL;

    (void)space;
    if (made == NULL) {
        return;
    }
    made->kind = model_one_in(4) ? WINDOW : model_one_in(6) ? DEVICE : ANONYMOUS;
    if (made->kind == WINDOW) {
        made->ram = model_below(PAGES + 1 - made->pages);
        assert_int_equal(
            vm_object_create_physical(paddr_add(model.ram.first, made->ram * PAGE_SIZE),
                                      made->pages, &made->object),
            KERN_SUCCESS);
    } else if (made->kind == DEVICE) {
        assert_int_equal(vm_object_create_physical(paddr(REGISTERS), made->pages, &made->object),
                         KERN_SUCCESS);
    } else {
        /* Every second one lies across chunks of slots. */
        made->first = model_one_in(2) ? 508 : 0;
        assert_int_equal(vm_object_create(made->first + made->pages, &made->object), KERN_SUCCESS);
        made->purgeable = model_one_in(2);
        if (made->purgeable) {
            vm_object_allow_purge(made->object);
        }
    }
}

void model_wire_some(unsigned space)
{
    unsigned first, count = model_some_pages(&first), w = 0;
    const unsigned flags = model_below(8) & (VM_WIRE_WRITE | VM_WIRE_NO_FAULT | VM_WIRE_UNMARKED);
    const struct shown *const at = &model.spaces[space].at[first];
    kern_return_t status = KERN_SUCCESS;

    while (w < WIRINGS && model.wirings[w].count != 0) {
        w++;
    }
    /* Of one range, and what may be wired: the rest is others' (vm_wire_test.c). */
    if (w == WIRINGS ||
        !model_may_reach(at, (flags & VM_WIRE_WRITE) != 0 ? RW : MMU_READ, &status) ||
        model.things[at->thing].kind == DEVICE) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (at[i].entry != at->entry) {
            count = i;
        } else if (model.things[at->thing].kind == ANONYMOUS && (flags & VM_WIRE_NO_FAULT) != 0 &&
                   !model.things[at->thing].there[at[i].page]) {
            status = KERN_MEMORY_ERROR;
        }
    }
    if (status != KERN_SUCCESS && model.things[at->thing].shared[at->page]) {
        return; /* some of them may be unshared by then */
    }
    assert_int_equal(vm_map_wire(model.spaces[space].map, model_address(space, first), count, flags,
                                 model.wirings[w].pages),
                     status);
    for (unsigned i = 0; i < count; i++) {
        struct thing *const to = &model.things[at->thing];
        const unsigned page = at[i].page;

        if (to->kind == ANONYMOUS && to->shared[page]) {
            to->shared[page] = status != KERN_SUCCESS; /* what was not reached may be so still */
            model_unmapped(at->thing, page, NULL);
        }
        if (status == KERN_SUCCESS) {
            model_touched(at->thing, page,
                          (flags & (VM_WIRE_WRITE | VM_WIRE_UNMARKED)) == VM_WIRE_WRITE, NULL);
            ++*(to->kind == WINDOW ? &model.ram.pins[to->ram + page] : &to->pins[page]);
        }
    }
    if (status == KERN_SUCCESS) {
        model.wirings[w].count = count;
        model.wirings[w].thing = at->thing;
        model.wirings[w].page = at->page;
        model.wirings[w].written = (flags & VM_WIRE_WRITE) != 0;
    }
}

void model_unwire_one(unsigned w)
{
    struct thing *const from = &model.things[model.wirings[w].thing];

    for (unsigned i = 0; i < model.wirings[w].count; i++) {
        const unsigned page = model.wirings[w].page + i;
        unsigned *const pins =
            from->kind == WINDOW ? &model.ram.pins[from->ram + page] : &from->pins[page];
        paddr_t is;

        assert_true(vm_object_resident(from->object, from->first + page, &is));
        assert_int_equal(is.value, model.wirings[w].pages[i].value);
        assert_int_equal(page_pin_count(is), *pins);
        if (model.wirings[w].written && model_one_in(2)) {
            vm_mark_written(is, 1);
            from->dirty[page] |= from->kind == ANONYMOUS;
        }
        --*pins;
    }
    vm_unwire(model.wirings[w].pages, model.wirings[w].count);
    model.wirings[w].count = 0;
}

void model_unwire_some(unsigned space)
{
    const unsigned w = model_below(WIRINGS);

    (void)space;
    if (model.wirings[w].count != 0) {
        model_unwire_one(w);
    }
}

/* The pages of a thing are as they were, in a second one. */
static void copied(struct thing *from, unsigned first, unsigned count, struct thing *to)
{
    for (unsigned i = 0; i < count; i++) {
        const unsigned page = first + i;

        if (from->kind == ANONYMOUS && from->there[page] && from->pins[page] == 0) {
            from->shared[page] = true;
            model_unmapped((int)(from - model.things), page, NULL);
        }
        if (to != NULL) {
            to->there[i] = to->dirty[i] = from->kind == WINDOW || from->there[page];
            to->shared[i] = from->shared[page];
            to->bytes[i] = *model_byte_of((int)(from - model.things), page);
        }
    }
}

void model_copy_thing(unsigned space)
{
    const int from = model_any_thing(), to = model_new_thing();
    unsigned first;

    (void)space;
    if (from == NONE || to == NONE) {
        return;
    }
    first = model_below(model.things[from].pages);
    model.things[to].pages = 1 + model_below(model.things[from].pages - first);
    if (model.things[from].kind == DEVICE) {
        assert_int_equal(
            vm_object_copy(model.things[from].object, first, 1, &model.things[to].object),
            KERN_NOT_SUPPORTED);
        return;
    }
    assert_int_equal(vm_object_copy(model.things[from].object, model.things[from].first + first,
                                    model.things[to].pages, &model.things[to].object),
                     KERN_SUCCESS);
    copied(&model.things[from], first, model.things[to].pages, &model.things[to]);
}

void model_set_modes(unsigned space)
{
    const int thing = model_any_thing();
    const enum mmu_memory mode = (enum mmu_memory)model_below(model.executes ? 2 : 3);
    struct thing *const of = thing != NONE ? &model.things[thing] : NULL;
    unsigned first = 0, count;

    (void)space;
    if (of == NULL || of->kind == DEVICE) {
        return;
    }
    count = of->pages;
    if (model_one_in(2)) {
        vm_object_set_memory(of->object, mode);
    } else {
        first = model_below(of->pages);
        count = 1 + model_below(of->pages - first);
        if (of->kind == WINDOW) {
            vm_window_set_memory(of->object, first, count, mode);
        } else {
            assert_int_equal(vm_object_reserve_modes(of->object, of->first + first, count),
                             KERN_SUCCESS);
            vm_object_set_pages_memory(of->object, of->first + first, count, mode);
        }
    }
    for (unsigned i = first; i < first + count; i++) {
        assert_int_equal(of->kind == WINDOW
                             ? vm_page_memory(paddr_add(model.ram.first, (of->ram + i) * PAGE_SIZE))
                             : vm_object_page_memory(of->object, of->first + i),
                         mode);
    }
}

void model_set_purge(unsigned space)
{
    const int thing = model_any_thing();
    const enum vm_purge_state state = (const enum vm_purge_state[]){
        VM_PURGE_NONVOLATILE, VM_PURGE_VOLATILE, VM_PURGE_VOLATILE, VM_PURGE_EMPTY}[model_below(4)];
    const struct vm_purge_order order = {(uint8_t)model_below(3), model_one_in(4), model_one_in(2),
                                         model_one_in(2)};
    enum vm_purge_state former;

    (void)space;
    if (thing == NONE) {
        return;
    }
    if (!model.things[thing].purgeable) {
        assert_int_equal(vm_object_set_purge(model.things[thing].object, state, order, &former),
                         KERN_INVALID_ARGUMENT);
        return;
    }
    assert_int_equal(vm_object_set_purge(model.things[thing].object, state, order, &former),
                     KERN_SUCCESS);
    assert_int_equal(former, model.things[thing].purge);
    if (state == VM_PURGE_VOLATILE && former == VM_PURGE_EMPTY) {
        return;
    }
    model.things[thing].purge = state;
    model.things[thing].faults = order.fault;
    if (state == VM_PURGE_EMPTY) {
        model_discarded(thing);
    }
    for (unsigned i = 0; i < PAGES && model_is_blocked(thing); i++) {
        model_unmapped(thing, i, NULL);
    }
}

void model_reclaim(unsigned space)
{
    const uint64_t wanted = 1 + model_below(4), freed = vm_purge_reclaim(wanted);
    uint64_t least = 0, most = 0;
    bool left = false;

    (void)space;
    for (int i = 0; i < THINGS; i++) {
        unsigned loose = 0, there = 0;

        if (model.things[i].object == NULL || model.things[i].purge != VM_PURGE_VOLATILE) {
            continue;
        }
        for (unsigned page = 0; page < model.things[i].pages; page++) {
            there += model.things[i].there[page];
            loose += model.things[i].there[page] && model.things[i].pins[page] == 0;
        }
        if (vm_object_get_purge(model.things[i].object) == VM_PURGE_EMPTY) {
            assert_true(loose != 0 || there == 0);
            for (unsigned page = 0; page < model.things[i].pages; page++) {
                const bool goes = model.things[i].there[page] && model.things[i].pins[page] == 0;

                most += goes;
                least += goes && !model.things[i].shared[page];
            }
            model_discarded(i);
            model.things[i].purge = VM_PURGE_EMPTY;
        } else {
            left |= loose != 0;
        }
    }
    assert_true(freed >= least && freed <= most);
    assert_true(freed >= wanted || !left);
}

void model_release_one(unsigned space)
{
    const int thing = model_any_thing();

    (void)space;
    if (thing == NONE || !model.things[thing].held) {
        return;
    }
    for (unsigned w = 0; w < WIRINGS; w++) {
        if (model.wirings[w].count != 0 && model.wirings[w].thing == thing) {
            return;
        }
    }
    model.things[thing].held = false;
    vm_object_release(model.things[thing].object);
}

/* A child of the first task sees what each range lets it see. */
void model_fork_first(unsigned space)
{
    struct task *child;

    (void)space;
    if (!model_one_in(4)) { /* it costs as much as many others */
        return;
    }
    assert_int_equal(task_create_child(model.tasks[0], &child), KERN_SUCCESS);
    vm_check_map(task_map(child));
    for (unsigned i = 0; i < REGION; i++) {
        struct shown at = model.spaces[0].at[i];
        const bool copy = at.entry != 0 && at.thing != NONE && at.inheritance == VM_INHERIT_COPY &&
                          model.things[at.thing].kind != DEVICE;
        const enum vm_purge_state purge = at.thing != NONE ? model.things[at.thing].purge : 0;
        kern_return_t status;
        uint8_t byte;

        if (at.entry != 0 && at.inheritance == VM_INHERIT_NONE) {
            at.entry = 0;
        }
        if (copy) {
            copied(&model.things[at.thing], at.page, 1, NULL);
            model.things[at.thing].purge = VM_PURGE_NONVOLATILE; /* what is a copy is so */
        }
        at.blocked = false;
        status = model_expected(&at, MMU_READ);
        if (at.thing != NONE) {
            model.things[at.thing].purge = purge;
        }
        if (at.entry != 0 && at.thing != NONE && model.things[at.thing].kind == DEVICE) {
            continue;
        }
        assert_int_equal(sim_load(task_map(child), model_address(0, i), &byte), status);
        if (status == KERN_SUCCESS) {
            assert_int_equal(byte, *model_byte_of(at.thing, at.page));
            if (copy && (at.access & MMU_WRITE) != 0) {
                assert_int_equal(
                    sim_store(task_map(child), model_address(0, i), (uint8_t)(byte + 1)),
                    KERN_SUCCESS);
            } else if (!copy) {
                model_touched(at.thing, at.page, false, NULL);
            }
        }
    }
    vm_check_map(task_map(child));
    task_release(child);
}
