/* SPDX-License-Identifier: BSD-2-Clause */
/* The model: what accesses answer and find, what they change of it, and who shows what. */
#include "tests/host/machine/vm_model.h"

struct vm_model model;

unsigned model_below(unsigned limit)
{
    return (unsigned)(sim_random(&model.seed) >> 20) % limit;
}

bool model_one_in(unsigned many)
{
    return model_below(many) == 0;
}

vaddr_t model_address(unsigned space, unsigned page)
{
    return model.spaces[space].base + page * PAGE_SIZE;
}

/* --- The model -------------------------------------------------------------------------------- */

uint8_t *model_byte_of(int thing, unsigned page)
{
    return model.things[thing].kind == WINDOW ? &model.ram.bytes[model.things[thing].ram + page]
                                              : &model.things[thing].bytes[page];
}

bool model_is_blocked(int thing)
{
    return model.things[thing].purge == VM_PURGE_VOLATILE && model.things[thing].faults;
}

bool model_may_reach(const struct shown *at, unsigned access, kern_return_t *status)
{
    *status = at->entry == 0                                     ? KERN_INVALID_ADDRESS
              : at->thing == NONE || (access & ~at->access) != 0 ? KERN_PROTECTION_FAILURE
                                                                 : KERN_SUCCESS;
    return *status == KERN_SUCCESS;
}

kern_return_t model_expected(const struct shown *at, unsigned access)
{
    kern_return_t status;

    return model_may_reach(at, access, &status) && (at->blocked || model_is_blocked(at->thing))
               ? KERN_ABORTED
               : status;
}

/* Somebody's access takes a page out of the tables of all who show it, or of all but one. */
void model_unmapped(int thing, unsigned page, const struct shown *but)
{
    for (unsigned space = 0; space < SPACES; space++) {
        for (unsigned i = 0; i < REGION; i++) {
            struct shown *const at = &model.spaces[space].at[i];

            if (at != but && at->entry != 0 && at->thing == thing && at->page == page) {
                at->filled = false;
            }
        }
    }
}

void model_touched(int thing, unsigned page, bool written, const struct shown *by)
{
    struct thing *const to = &model.things[thing];

    if (to->kind != ANONYMOUS) {
        return;
    }
    to->there[page] = true;
    to->dirty[page] |= written;
    if (written && to->shared[page]) {
        to->shared[page] = false;
        model_unmapped(thing, page, by);
    }
}

/* What is eager is filled again. */
void model_refilled(struct shown *at)
{
    at->filled =
        at->thing != NONE && at->access != 0 && !at->blocked && !model_is_blocked(at->thing);
    if (at->filled) {
        model_touched(at->thing, at->page, (at->access & MMU_WRITE) != 0, at);
    }
}

void model_changed(unsigned space, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        struct shown *const at = &model.spaces[space].at[i];

        at->filled = false;
        if (at->entry != 0 && at->eager) {
            model_refilled(at);
        }
    }
}

/* A border between ranges. */
void model_split(unsigned space, unsigned page)
{
    struct shown *const at = model.spaces[space].at;

    if (page != 0 && page < REGION && at[page].entry == at[page - 1].entry && at[page].entry != 0) {
        const unsigned was = at[page].entry;

        model.entries++;
        for (; page < REGION && at[page].entry == was; page++) {
            at[page].entry = model.entries;
        }
    }
}

void model_split_both(unsigned space, unsigned first, unsigned count)
{
    model_split(space, first);
    model_split(space, first + count);
}

void model_discarded(int thing)
{
    for (unsigned i = 0; i < PAGES; i++) {
        if (model.things[thing].pins[i] == 0) {
            model.things[thing].bytes[i] = 0;
            model.things[thing].there[i] = model.things[thing].dirty[i] =
                model.things[thing].shared[i] = false;
            model_unmapped(thing, i, NULL);
        }
    }
}

/* Which have nobody left. */
void model_forget_things(void)
{
    for (int i = 0; i < THINGS; i++) {
        bool shown = model.things[i].held;

        for (unsigned space = 0; space < SPACES; space++) {
            for (unsigned page = 0; page < REGION; page++) {
                shown |= model.spaces[space].at[page].entry != 0 &&
                         model.spaces[space].at[page].thing == i;
            }
        }
        if (!shown) {
            model.things[i].object = NULL;
        }
    }
}

int model_new_thing(void)
{
    int i = 0;

    while (i < THINGS && model.things[i].object != NULL) {
        i++;
    }
    if (i == THINGS) {
        return NONE;
    }
    model.things[i] = (struct thing){.held = true, .pages = 1 + model_below(PAGES)};
    return i;
}

int model_any_thing(void)
{
    const int i = (int)model_below(THINGS);

    return model.things[i].object != NULL ? i : NONE;
}

unsigned model_some_access(void)
{
    return (const unsigned[]){MMU_READ, RW, RW, model.executes ? MMU_READ | MMU_EXECUTE : RW,
                              0}[model_below(5)];
}

/* An interval of a region. */
unsigned model_some_pages(unsigned *first)
{
    *first = model_below(REGION);
    return 1 + model_below(REGION - *first < PAGES ? REGION - *first : PAGES);
}
