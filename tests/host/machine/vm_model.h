/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of address spaces and memory objects, a few regions and objects of a few pages, and the
 * calls on them: each is made with arguments by chance, its answer is what the model says, and
 * the model changes as they must have.
 */
#ifndef TESTS_HOST_VM_MODEL_H
#define TESTS_HOST_VM_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/page.h"
#include "tests/host/machine/sim_machine.h"

#define RW (MMU_READ | MMU_WRITE)

#define SPACES    3  /* two tasks, and the kernel */
#define REGION    24 /* pages, around the border of a gibibyte */
#define THINGS    8
#define PAGES     8 /* of a thing that the model looks at */
#define WIRINGS   6
#define REGISTERS 0x9000000ull
#define NONE      (-1)

/* What a page of a region shows. */
struct shown {
    unsigned entry; /* 0: nothing is there; pages of one range have one number */
    int thing;      /* NONE: a reservation */
    unsigned page;
    unsigned access, max;
    enum vm_inheritance inheritance;
    bool blocked, eager;
    bool filled; /* no access that is allowed may fault */
};

/* A memory object. */
struct thing {
    struct vm_object *object;
    enum {
        ANONYMOUS,
        WINDOW,
        DEVICE
    } kind;
    bool held;      /* by the test, and not only by who shows it */
    uint64_t first; /* index of the first page that the model looks at */
    unsigned pages;
    unsigned ram; /* WINDOW: where in the RAM it begins */
    uint8_t bytes[PAGES];
    bool there[PAGES], dirty[PAGES], shared[PAGES]; /* shared: with a copy, maybe */
    unsigned pins[PAGES];
    bool purgeable;
    enum vm_purge_state purge;
    bool faults; /* while volatile */
};

struct vm_model {
    struct {
        struct vm_map *map;
        vaddr_t base;
        struct shown at[REGION];
    } spaces[SPACES];
    struct thing things[THINGS];
    struct { /* RAM that windows show */
        paddr_t first;
        uint8_t bytes[PAGES];
        unsigned pins[PAGES];
    } ram;
    struct {            /* what has been wired with one call */
        unsigned count; /* 0: unused */
        int thing;
        unsigned page;
        bool written;
        paddr_t pages[PAGES];
    } wirings[WIRINGS];
    uint64_t seed;
    unsigned entries; /* numbers given so far */
    bool executes;    /* ranges may be executed; else pages may be uncached */
    struct task *tasks[2];
};

extern struct vm_model model;

/* By chance: less than the limit, once in so many times, an object or NONE, rights, an interval. */
unsigned model_below(unsigned limit);
bool model_one_in(unsigned many);
int model_any_thing(void);
unsigned model_some_access(void);
unsigned model_some_pages(unsigned *first);

/* An object that is about to be made; NONE: there are as many as may be. */
int model_new_thing(void);

vaddr_t model_address(unsigned space, unsigned page);
uint8_t *model_byte_of(int thing, unsigned page);

/* What an access answers: of its rights alone, and in all. */
bool model_may_reach(const struct shown *at, unsigned access, kern_return_t *status);
kern_return_t model_expected(const struct shown *at, unsigned access);
bool model_is_blocked(int thing);

/* A page has been taken out of the tables of all who show it, or of all but one. */
void model_unmapped(int thing, unsigned page, const struct shown *but);

/* A page has been reached, by one who shows it or by another way. */
void model_touched(int thing, unsigned page, bool written, const struct shown *by);

void model_refilled(struct shown *at); /* as eager ranges are */
void model_changed(unsigned space, unsigned first, unsigned count);
void model_split_both(unsigned space, unsigned first, unsigned count);
void model_discarded(int thing); /* its contents have been taken */
void model_forget_things(void);  /* what nobody holds or shows is no more */

/* Calls on a range of a space, vm_model_ranges.c. */
void model_enter_one(unsigned space);
void model_remove_some(unsigned space);
void model_protect_some(unsigned space);
void model_block_some(unsigned space);
void model_exchange_some(unsigned space);
void model_drop_some(unsigned space);
void model_fill_some(unsigned space);
void model_access_one(unsigned space);
void model_copy_one(unsigned space);

/* Calls on objects, vm_model_objects.c. */
void model_create(unsigned space);
void model_wire_some(unsigned space);
void model_unwire_one(unsigned w);
void model_unwire_some(unsigned space);
void model_copy_thing(unsigned space);
void model_set_modes(unsigned space);
void model_set_purge(unsigned space);
void model_reclaim(unsigned space);
void model_release_one(unsigned space);
void model_fork_first(unsigned space);

#endif
