/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on ranges, and accesses to them, each beside what the model makes of it. */
#include "kernel/direct_map.h"
#include "tests/host/machine/vm_model.h"

void model_enter_one(unsigned space)
{
    unsigned first, count = model_some_pages(&first), page = 0;
    const int thing = model_any_thing();
    const unsigned access = thing == NONE ? 0 : model_some_access();
    const unsigned flags =
        (model_one_in(2) ? VM_ENTER_OVERWRITE : 0) | (model_one_in(2) ? VM_ENTER_EAGER : 0);
    struct vm_range range = {.access = access,
                             .max_access = access | model_some_access(),
                             .as_pages = true,
                             .inheritance = (enum vm_inheritance)model_below(3)};
    kern_return_t status = KERN_SUCCESS;
    vaddr_t at = model_address(space, first);

    if (thing != NONE) {
        page = model_below(model.things[thing].pages);
        count = count < model.things[thing].pages - page ? count : model.things[thing].pages - page;
        range.object = model.things[thing].object;
        range.offset = (model.things[thing].first + page) * PAGE_SIZE;
        range.memory =
            model.things[thing].kind == DEVICE ? MMU_DEVICE : vm_object_get_memory(range.object);
        if (model.things[thing].kind == DEVICE) {
            range.max_access &= RW;
            range.access &= RW;
        }
    }
    for (unsigned i = first; i < first + count; i++) {
        if (model.spaces[space].at[i].entry != 0 && (flags & VM_ENTER_OVERWRITE) == 0) {
            status = KERN_NO_SPACE;
        }
    }
    assert_int_equal(
        vm_map_enter(model.spaces[space].map, &at, count * PAGE_SIZE, 0, &range, flags), status);
    assert_int_equal(at, model_address(space, first));
    if (status == KERN_SUCCESS) {
        model_split_both(space, first, count);
        model.entries++;
        for (unsigned i = 0; i < count; i++) {
            model.spaces[space].at[first + i] =
                (struct shown){.entry = model.entries,
                               .thing = thing,
                               .page = page + i,
                               .access = range.access,
                               .max = range.max_access,
                               .inheritance = range.inheritance,
                               .eager = (flags & VM_ENTER_EAGER) != 0};
        }
        model_changed(space, first, count);
    }
}

void model_remove_some(unsigned space)
{
    unsigned first, count = model_some_pages(&first);

    assert_int_equal(
        vm_map_remove(model.spaces[space].map, model_address(space, first), count * PAGE_SIZE),
        KERN_SUCCESS);
    model_split_both(space, first, count);
    for (unsigned i = first; i < first + count; i++) {
        model.spaces[space].at[i].entry = 0;
    }
}

/* Of an interval without holes: what the first page that does not allow it says. */
static kern_return_t allowed(unsigned space, unsigned first, unsigned count, unsigned access)
{
    for (unsigned i = first; i < first + count; i++) {
        if (model.spaces[space].at[i].entry == 0) {
            return KERN_INVALID_ADDRESS;
        }
        if ((access & ~model.spaces[space].at[i].max) != 0 ||
            (model.spaces[space].at[i].thing == NONE && access != 0)) {
            return KERN_PROTECTION_FAILURE;
        }
    }
    return KERN_SUCCESS;
}

void model_protect_some(unsigned space)
{
    unsigned first, count = model_some_pages(&first);
    const unsigned access = model_some_access();
    const kern_return_t status = allowed(space, first, count, access);

    assert_int_equal(vm_map_protect(model.spaces[space].map, model_address(space, first),
                                    count * PAGE_SIZE, access),
                     status);
    if (status == KERN_SUCCESS) {
        model_split_both(space, first, count);
        for (unsigned i = first; i < first + count; i++) {
            model.spaces[space].at[i].access = access;
        }
        model_changed(space, first, count);
    }
}

void model_block_some(unsigned space)
{
    unsigned first, count = model_some_pages(&first);
    const bool block = model_one_in(2);
    const kern_return_t status = allowed(space, first, count, 0);

    assert_int_equal(vm_map_block(model.spaces[space].map, model_address(space, first),
                                  count * PAGE_SIZE, block),
                     status);
    if (status == KERN_SUCCESS) {
        model_split_both(space, first, count);
        for (unsigned i = first; i < first + count; i++) {
            model.spaces[space].at[i].blocked = block;
        }
        model_changed(space, first, count);
    }
}

void model_exchange_some(unsigned space)
{
    unsigned first, count = model_some_pages(&first);
    const unsigned other = model_below(REGION);

    if (other + count > REGION || (other < first ? first - other : other - first) < count) {
        return;
    }
    assert_int_equal(vm_map_exchange(model.spaces[space].map, model_address(space, first),
                                     model_address(space, other), count * PAGE_SIZE),
                     KERN_SUCCESS);
    model_split_both(space, first, count);
    model_split_both(space, other, count);
    for (unsigned i = 0; i < count; i++) {
        const struct shown was = model.spaces[space].at[first + i];

        model.spaces[space].at[first + i] = model.spaces[space].at[other + i];
        model.spaces[space].at[other + i] = was;
    }
    model_changed(space, first, count);
    model_changed(space, other, count);
}

void model_drop_some(unsigned space)
{
    unsigned first, count = model_some_pages(&first);

    vm_map_drop_tables(model.spaces[space].map, model_address(space, first), count * PAGE_SIZE);
    for (unsigned i = first; i < first + count; i++) {
        model.spaces[space].at[i].filled = false;
    }
}

void model_fill_some(unsigned space)
{
    unsigned first, count = model_some_pages(&first);
    const unsigned end = first + count;
    struct shown *const at = model.spaces[space].at;
    const kern_return_t status =
        vm_map_fill_tables(model.spaces[space].map, model_address(space, first), count * PAGE_SIZE);

    for (unsigned i = first; i < end; i++) {
        if (at[i].entry == 0) {
            assert_int_equal(status, KERN_INVALID_ADDRESS);
            return;
        }
        model_refilled(&at[i]);
        if ((i + 1 == REGION || at[i + 1].entry != at[i].entry)) { /* its last page */
            unsigned start = i;

            while (start > 0 && at[start - 1].entry == at[i].entry) {
                start--;
            }
            for (; start >= first && start <= i; start++) {
                at[start].eager = true;
            }
        }
    }
    assert_int_equal(status, KERN_SUCCESS);
}

/* A load, a store or a fetch by the CPU. */
void model_access_one(unsigned space)
{
    const unsigned page = model_below(REGION);
    struct shown *const at = &model.spaces[space].at[page];
    const unsigned access = (const unsigned[]){MMU_READ, MMU_WRITE, MMU_EXECUTE}[model_below(3)];
    const kern_return_t status = model_expected(at, access);
    const vaddr_t va = model_address(space, page) + model_below(2) * (PAGE_SIZE - 1);
    const uint8_t stored = (uint8_t)(1 + model_below(255));
    const uint64_t faults = sim_faults;
    uint8_t loaded = 0;

    if (at->entry != 0 && at->thing != NONE && model.things[at->thing].kind == DEVICE) {
        assert_int_equal(vm_fault(model.spaces[space].map, va, access), status);
        return; /* nobody answers there */
    }
    if (access == MMU_EXECUTE) {
        assert_int_equal(vm_fault(model.spaces[space].map, va, access), status);
    } else if (access == MMU_READ) {
        assert_int_equal(sim_load(model.spaces[space].map, model_address(space, page), &loaded),
                         status);
    } else {
        assert_int_equal(sim_store(model.spaces[space].map, model_address(space, page), stored),
                         status);
    }
    if (status != KERN_SUCCESS) {
        return;
    }
    assert_true(access == MMU_EXECUTE || !at->filled || sim_faults == faults);
    model_touched(at->thing, at->page, access == MMU_WRITE, at);
    if (access == MMU_WRITE) {
        *model_byte_of(at->thing, at->page) = stored;
    } else if (access == MMU_READ) {
        assert_int_equal(loaded, *model_byte_of(at->thing, at->page));
    }
    if (access != MMU_EXECUTE) { /* once is enough */
        const uint64_t before = sim_faults;

        assert_int_equal(sim_load(model.spaces[space].map, model_address(space, page), &loaded),
                         KERN_SUCCESS);
        assert_int_equal(loaded, *model_byte_of(at->thing, at->page));
        assert_int_equal(sim_faults, before);
    }
}

/* The kernel reads and writes it, by the direct map. */
void model_copy_one(unsigned space)
{
    const unsigned page = model_below(REGION);
    struct shown *const at = &model.spaces[space].at[page];
    const bool write = model_one_in(2);
    uint8_t bytes[9] = {(uint8_t)model_below(256)};
    const unsigned size = 1 + model_below(9);
    kern_return_t status;
    uint64_t done = 99;

    if (model_may_reach(at, write ? MMU_WRITE : MMU_READ, &status) &&
        model.things[at->thing].kind == DEVICE) {
        status = KERN_NOT_SUPPORTED;
    }
    if (write) {
        assert_int_equal(
            vm_map_write(model.spaces[space].map, model_address(space, page), bytes, size, &done),
            status);
    } else {
        assert_int_equal(
            vm_map_read(model.spaces[space].map, model_address(space, page), bytes, size, &done),
            status);
    }
    assert_int_equal(done, status == KERN_SUCCESS ? size : 0);
    if (status != KERN_SUCCESS) {
        return;
    }
    model_touched(at->thing, at->page, write, NULL);
    if (write) {
        *model_byte_of(at->thing, at->page) = bytes[0];
    } else {
        assert_int_equal(bytes[0], *model_byte_of(at->thing, at->page));
    }
}
