/* SPDX-License-Identifier: BSD-2-Clause */
/* Damage to the classes' own records that debug builds find: each kind of it, by its name. */
#include "descriptors/IOMalloc.h"
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/reference/IOMemoryReference.h"
#include "descriptors/segments/IOMemoryRuns.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_console.h"

#define FINDS(words, check) assert_true(SIM_PANICS_WITH(words, check))

/* --- Runs ------------------------------------------------------------------------------------- */

static struct memory_runs runs;

static void three_runs(void)
{
    assert_true(IOMemoryRuns_init(&runs, 4));
    IOMemoryRuns_append(&runs, 0x1000, 0x100);
    IOMemoryRuns_append(&runs, 0x3000, 0x200);
    IOMemoryRuns_append(&runs, 0, 0x80); /* where nothing is */
    IOMemoryRuns_check(&runs);
}

static void heal_runs(void)
{
    sim_panic_return = NULL;
    platform_free(runs.list);
    three_runs();
}

static void runs_are_looked_at(void **state)
{
    (void)state;
    three_runs();
    FINDS("IOMemoryRuns: more runs than there is room at run 3", IOMemoryRuns_checkRun(&runs, 3));
    runs.capacity = 2;
    FINDS("IOMemoryRuns: more runs than there is room", IOMemoryRuns_check(&runs));
    runs.capacity = 3; /* as many as there is room for */
    IOMemoryRuns_check(&runs);
    runs.list[1].end = runs.list[0].end;
    FINDS("IOMemoryRuns: ends that do not ascend at run 1", IOMemoryRuns_checkRun(&runs, 1));
    heal_runs();
    runs.longest--;
    FINDS("IOMemoryRuns: a run longer than the longest at run 1", IOMemoryRuns_check(&runs));
    heal_runs();
    runs.length--;
    FINDS("IOMemoryRuns: an end that does not fit the length at run 2", IOMemoryRuns_check(&runs));
    runs.length = runs.list[1].end;
    FINDS("IOMemoryRuns: an end that does not fit the length at run 1",
          IOMemoryRuns_checkRun(&runs, 1));
    heal_runs();
    runs.list[1].address = 0x1100;
    FINDS("IOMemoryRuns: neighbours that are one run at run 1", IOMemoryRuns_check(&runs));
    heal_runs();
    runs.list[1].address = (uint64_t)-0x200; /* ends where address 0 is, which goes nowhere on */
    IOMemoryRuns_check(&runs);
    runs.count = 0;
    FINDS("IOMemoryRuns: a length of no runs", IOMemoryRuns_check(&runs));
    heal_runs();
    IOMemoryRuns_free(&runs);
    IOMemoryRuns_check(&runs);
}

/* Whoever has counted wrong is stopped before the store. */
static void runs_have_their_room(void **state)
{
    struct memory_runs one;

    (void)state;
    assert_true(IOMemoryRuns_init(&one, 1));
    IOMemoryRuns_append(&one, 0x1000, 0x100);
    IOMemoryRuns_append(&one, 0x1100, 0x100); /* goes on: no room needed */
    IOMemoryRuns_append(&one, 0x5000, 0);
    FINDS("more runs than room was made for", IOMemoryRuns_append(&one, 0x5000, 1));
    assert_int_equal(one.count, 1);
    assert_int_equal(one.length, 0x200);
    assert_int_equal(one.longest, 0x200);
    IOMemoryRuns_free(&one);
    assert_false(IOMemoryRuns_init(&one, SIZE_MAX / 8));
}

/* What is appended, looked up and given back is looked at. */
static void runs_at_their_doors(void **state)
{
    (void)state;
    three_runs();
    runs.longest = 1;
    FINDS("IOMemoryRuns: a run longer", (void)IOMemoryRuns_find(&runs, 0x150));
    FINDS("IOMemoryRuns: a run longer", IOMemoryRuns_free(&runs));
    heal_runs();
    runs.list[2].end = runs.list[1].end;
    FINDS("IOMemoryRuns: ends that do not ascend", IOMemoryRuns_free(&runs));
    heal_runs();
    runs.list[2].end = runs.length + 1;
    FINDS("IOMemoryRuns: ends that do not ascend", IOMemoryRuns_append(&runs, 0, 1));
    heal_runs();
    IOMemoryRuns_free(&runs);
}

/* --- References ------------------------------------------------------------------------------- */

static void references_are_looked_at(void **state)
{
    struct vm_object *const object = (struct vm_object *)(void *)state; /* never followed */
    struct IOMemoryReferenceEntry entries[3] = {
        {object, 0, 0x1000, true}, {object, 0x8000, 0x3000, true}, {object, 0, 0x3800, false}};
    const struct IOMemoryReferenceEntry sound = entries[1];
    struct IOMemoryReference reference = {entries, 3, 3};

    IOMemoryReference_check(&reference);
    FINDS("IOMemoryReference: more entries than there is room at entry 2", reference.count = 2;
          IOMemoryReference_checkEntry(&reference, 2));
    reference.count = 3;
    reference.capacity = 2;
    FINDS("IOMemoryReference: more entries than there is room",
          IOMemoryReference_check(&reference));
    reference.capacity = 4;
    IOMemoryReference_check(&reference);

    entries[1].object = NULL;
    FINDS("IOMemoryReference: no object at entry 1", IOMemoryReference_check(&reference));
    /* By whoever would follow them. */
    FINDS("IOMemoryReference: no object at entry 1", IOMemoryReference_release(&reference));
    FINDS("IOMemoryReference: no object at entry 1", IOMemoryReference_wire(&reference, 0, NULL));
    FINDS("IOMemoryReference: no object at entry 1",
          (void)IOMemoryReference_find(&reference, 0x1800));
    assert_ptr_equal(IOMemoryReference_find(&reference, 0x800), &entries[0]); /* not followed */
    FINDS("IOMemoryReference: no object at entry 1",
          IOMemoryReference_copy(&reference, &(struct IOMemoryReference *){NULL}));
    entries[1] = sound;
    entries[1].end = 0x1000;
    FINDS("IOMemoryReference: ends that do not ascend at entry 1",
          IOMemoryReference_check(&reference));
    entries[1] = sound;
    entries[1].offset = UINT64_MAX - 0x2000 + 1; /* ends with the last byte of all */
    FINDS("IOMemoryReference: a wrapping part of an object at entry 1",
          IOMemoryReference_check(&reference));
    entries[1].offset--;
    IOMemoryReference_check(&reference);
    entries[1] = sound;
    FINDS("IOMemoryReference: ends that do not ascend at entry 2", entries[1].end = 0x3800;
          IOMemoryReference_check(&reference));
}

/* --- Borrowers -------------------------------------------------------------------------------- */

static IOMemoryMap lender, borrowers[2];

static void lend(void)
{
    lender = (IOMemoryMap){.address = 0x10000, .length = 0x4000, .map = kernel_map, .mapped = true};
    for (unsigned i = 0; i < 2; i++) {
        borrowers[i] = (IOMemoryMap){.address = 0x10000 + 0x2000 * i,
                                     .length = 0x2000,
                                     .map = kernel_map,
                                     .mapped = true,
                                     .superMap = &lender};
    }
    lender.borrowers = &borrowers[0];
    borrowers[0].nextBorrower = &borrowers[1];
}

static void borrowers_are_looked_at(void **state)
{
    (void)state;
    lend();
    IOMemoryMap_checkBorrowers(&lender);
    for (volatile unsigned i = 0; i < 2; i++) {
        borrowers[i].superMap = &borrowers[0];
        FINDS("IOMemoryMap: a borrower from another map", IOMemoryMap_checkBorrowers(&lender));
        lend();
        borrowers[i].mapped = false;
        FINDS("IOMemoryMap: a borrower that is not mapped there",
              IOMemoryMap_checkBorrowers(&lender));
        lend();
        borrowers[i].map = NULL;
        FINDS("IOMemoryMap: a borrower that is not mapped there",
              IOMemoryMap_checkBorrowers(&lender));
        lend();
        borrowers[i].address = 0x14001;
        borrowers[i].length = 0;
        FINDS("IOMemoryMap: a borrower outside the map", IOMemoryMap_checkBorrowers(&lender));
        lend();
        borrowers[i].address = 0xffff;
        FINDS("IOMemoryMap: a borrower outside the map", IOMemoryMap_checkBorrowers(&lender));
        lend();
        borrowers[i].length = i == 0 ? 0x4001 : 0x2001;
        FINDS("IOMemoryMap: a borrower outside the map", IOMemoryMap_checkBorrowers(&lender));
        lend();
    }
    lender.borrowers = NULL;
    IOMemoryMap_checkBorrowers(&lender);
}

/* Wherever one joins them, or they lose what they look through. */
static void borrowers_are_looked_at_by_maps(void **state)
{
    IOMemoryMap *whole, *part, *request;
    IOMemoryDescriptor *memory;
    uint64_t address;

    assert_int_equal(map_start(state), 0);
    request = (IOMemoryMap *)OSMetaClass_allocate(&IOMemoryMap_metaClass);
    memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    whole = map_all(memory, other, 0);
    part = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, 100, 100);
    assert_ptr_equal(part->superMap, whole);
    address = part->address;
    part->address = 0;
    FINDS("IOMemoryMap: a borrower outside the map", IOMemoryMap_unmap(whole));
    IOMemory_unlock(); /* for who has stopped in the midst of it */
    assert_true(IOMemoryMap_init(request, other, 0, kIOMapAnywhere, 200, 100));
    assert_true(IOMemoryMap_setMemoryDescriptor(request, memory, 200));
    FINDS("IOMemoryMap: a borrower outside the map",
          (void)IOMemoryMap_copyCompatible(whole, request));
    part->address = address;
    OSObject_release(request);
    OSObject_release(part);
    OSObject_release(whole);
    OSObject_release(memory);
    assert_int_equal(map_stop(state), 0);
}

/* --- Blocks ----------------------------------------------------------------------------------- */

/* A pointer that is none would be written to, and another family's block freed in a wrong way. */
static void blocks_are_those_of_their_family(void **state)
{
    char *const block = IOMalloc(100);

    (void)state;
    assert_non_null(block);
    FINDS("is no live block of the", IOFree(block + 8, 100));
    FINDS("is no live block of the", IOFreeAligned(block, 100));
    FINDS("is no live block of the", IOFreeContiguous(block, 100));
    memset(block, 0x5a, 100); /* it is alive */
    IOFree(block, 100);
    FINDS("is no live block of the", IOFree(block, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_looked_at),
        cmocka_unit_test(runs_have_their_room),
        cmocka_unit_test(runs_at_their_doors),
        cmocka_unit_test(references_are_looked_at),
        cmocka_unit_test(borrowers_are_looked_at),
        cmocka_unit_test(borrowers_are_looked_at_by_maps),
        cmocka_unit_test(blocks_are_those_of_their_family),
    };

    return cmocka_run_group_tests(tests, map_power_on, NULL);
}
