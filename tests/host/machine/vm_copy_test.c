/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying between a map and the kernel: every length and place in a page, by each of the ways
 * there are, and that no way outlives what it goes by.
 */
#include "kernel/direct_map.h"
#include "tests/host/machine/vm_fixture.h"
#include "tests/host/sim/sim_cache.h"

#define PAGES 4

static uint8_t model[PAGES * PAGE_SIZE], seen[PAGES * PAGE_SIZE];

/* What the pages hold, by the CPU's own view of them. */
static void expect_model(const struct vm_object *object)
{
    for (unsigned i = 0; i < PAGES; i++) {
        paddr_t page;

        assert_true(vm_object_resident(object, i, &page));
        assert_memory_equal(phys_to_virt(page), &model[i * PAGE_SIZE], PAGE_SIZE);
    }
}

static void write_there(vaddr_t at, uint64_t offset, uint64_t size, uint8_t mark)
{
    uint8_t bytes[PAGES * PAGE_SIZE];
    uint64_t done = 77;

    for (uint64_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(mark + i * 5 + i / 256);
    }
    memcpy(&model[offset], bytes, size);
    assert_int_equal(vm_map_write(map, at + offset, bytes, size, &done), KERN_SUCCESS);
    assert_int_equal(done, size);
}

static void read_there(vaddr_t at, uint64_t offset, uint64_t size)
{
    uint64_t done = 77;

    memset(seen, 0xaa, sizeof(seen));
    assert_int_equal(vm_map_read(map, at + offset, &seen[8], size, &done), KERN_SUCCESS);
    assert_int_equal(done, size);
    assert_memory_equal(&seen[8], &model[offset], size);
    for (unsigned i = 0; i < 8; i++) { /* and nothing beside it */
        assert_int_equal(seen[i], 0xaa);
        assert_int_equal(seen[8 + size + i], 0xaa);
    }
}

/* Whole words and others, at the beginning, in the middle, at the end, and over it. */
static void every_length_arrives(void **state)
{
    struct vm_object *object = object_of(PAGES);
    const vaddr_t at = enter(object, PAGES, RW);
    /* Those over the border last: nothing is written where they end before it is looked at. */
    const uint64_t places[] = {0, 8, 1000, 1003, PAGE_SIZE, PAGE_SIZE - 160, PAGE_SIZE - 8};

    (void)state;
    memset(model, 0, sizeof(model));
    /* No page lies behind the one before it: what goes too far finds another's bytes. */
    for (unsigned i = PAGES; i-- > 0;) {
        store(at + i * PAGE_SIZE, 0);
    }
    for (uint64_t size = 0; size <= 160; size++) {
        for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            write_there(at, places[i], size, (uint8_t)(size + i));
            write_there(at, places[i], size, (uint8_t)(size + i + 1)); /* where it was last */
            read_there(at, places[i], size);
            read_there(at, places[i], size);
        }
        write_there(at, PAGE_SIZE - size, size, (uint8_t)size); /* up to the border */
        read_there(at, PAGE_SIZE - size, size);
        expect_model(object);
    }
    write_there(at, 1, PAGES * PAGE_SIZE - 2, 3);
    read_there(at, 1, PAGES * PAGE_SIZE - 100);
    expect_model(object);
    vm_object_release(object);
}

static kern_return_t read_word(struct vm_map *from, vaddr_t at, uint64_t *word)
{
    return vm_map_read(from, at, word, sizeof(*word), NULL);
}

static kern_return_t write_word(struct vm_map *to, vaddr_t at, uint64_t word)
{
    return vm_map_write(to, at, &word, sizeof(word), NULL);
}

/* What was last there, and may no more be so. */
static void no_way_outlives_its_rights(void **state)
{
    struct vm_object *object = object_of(2), *other = object_of(1);
    const vaddr_t at = enter(object, 2, RW);
    const struct vm_range range = {.object = other, .access = RW, .max_access = RW};
    vaddr_t same = at;
    struct task *second;
    uint64_t word;

    (void)state;
    store(at, 0);
    store(at + PAGE_SIZE, 0);
    assert_int_equal(write_word(map, at + 8, 41), KERN_SUCCESS);
    assert_int_equal(write_word(map, at + 8, 42), KERN_SUCCESS);
    assert_int_equal(vm_map_protect(map, at, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(write_word(map, at + 8, 43), KERN_PROTECTION_FAILURE);
    assert_int_equal(read_word(map, at + 8, &word), KERN_SUCCESS);
    assert_int_equal(word, 42);
    load(at); /* in the tables again: what is found there may be read, and not written */
    assert_int_equal(read_word(map, at + 8, &word), KERN_SUCCESS);
    assert_int_equal(read_word(map, at + 8, &word), KERN_SUCCESS);
    assert_int_equal(write_word(map, at + 8, 43), KERN_PROTECTION_FAILURE);
    assert_int_equal(write_word(map, at + PAGE_SIZE + 8, 52), KERN_SUCCESS);
    assert_int_equal(write_word(map, at + 8, 43), KERN_PROTECTION_FAILURE);
    assert_int_equal(read_word(map, at + PAGE_SIZE + 8, &word), KERN_SUCCESS);
    assert_int_equal(word, 52);

    /* The same address of another map, and of another object. */
    assert_int_equal(task_create(&second), KERN_SUCCESS);
    assert_int_equal(read_word(task_map(second), at + PAGE_SIZE + 8, &word), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_enter(task_map(second), &same, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    assert_int_equal(write_word(task_map(second), at + 8, 62), KERN_SUCCESS);
    assert_int_equal(read_word(map, at + 8, &word), KERN_SUCCESS);
    assert_int_equal(word, 42);
    assert_int_equal(read_word(task_map(second), at + 8, &word), KERN_SUCCESS);
    assert_int_equal(word, 62);
    task_release(second);
    assert_int_equal(vm_map_remove(map, at, 2 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(read_word(map, at + 8, &word), KERN_INVALID_ADDRESS);
    same = at;
    assert_int_equal(vm_map_enter(map, &same, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    assert_int_equal(read_word(map, at + 8, &word), KERN_SUCCESS);
    assert_int_equal(word, 62);
    vm_object_release(object);
    vm_object_release(other);
}

/* A page that is found again and again is executed since. */
static void what_is_executed_is_told_each_time(void **state)
{
    const unsigned code = MMU_READ | MMU_EXECUTE;
    struct vm_object *object = object_of(1);
    const vaddr_t at = enter(object, 1, RW), shown = enter(object, 1, code);

    (void)state;
    store(at, 1);
    assert_int_equal(write_word(map, at + 8, 1), KERN_SUCCESS);
    sim_cache.executable = 0;
    assert_int_equal(write_word(map, at + 8, 2), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 0);
    assert_int_equal(vm_fault(map, shown, MMU_EXECUTE), KERN_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        sim_cache.executable = 0;
        assert_int_equal(write_word(map, at + 64, i), KERN_SUCCESS);
        assert_int_equal(sim_cache.executable, 1);
    }
    vm_object_release(object);
}

/* By the way that needs no fault, a clean page would stay so, and a copy would see the store. */
static void a_write_is_noticed_as_a_store_is(void **state)
{
    struct vm_object *object = object_of(1), *copy;
    const vaddr_t at = enter(object, 1, RW);
    uint64_t word;

    (void)state;
    load(at);
    assert_int_equal(read_word(map, at, &word), KERN_SUCCESS);
    assert_int_equal(dirty(object), 0);
    assert_int_equal(write_word(map, at, 71), KERN_SUCCESS);
    assert_int_equal(dirty(object), 1);
    store(at + 100, 1);
    assert_int_equal(write_word(map, at, 72), KERN_SUCCESS);
    assert_int_equal(vm_object_copy(object, 0, 1, &copy), KERN_SUCCESS);
    assert_int_equal(write_word(map, at, 73), KERN_SUCCESS);
    load(at);
    assert_int_equal(read_word(map, enter(copy, 1, RW), &word), KERN_SUCCESS);
    assert_int_equal(word, 72);
    assert_int_equal(read_word(map, at, &word), KERN_SUCCESS);
    assert_int_equal(word, 73);
    vm_object_release(object);
    vm_object_release(copy);
}

/* Registers are no bytes to be copied, be they in the tables or not. */
static void registers_are_not_copied(void **state)
{
    struct vm_range range = {.access = RW, .max_access = RW, .memory = MMU_DEVICE};
    vaddr_t at = 0;
    uint64_t word, done = 5;

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr(0x9000000), 1, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE), KERN_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vm_map_read(map, at, &word, sizeof(word), &done), KERN_NOT_SUPPORTED);
        assert_int_equal(done, 0);
        assert_int_equal(write_word(map, at, 1), KERN_NOT_SUPPORTED);
        assert_int_equal(vm_fault(map, at, MMU_WRITE), KERN_SUCCESS);
    }
    /* In an ordinary mode they are registers all the same. */
    assert_int_equal(vm_map_set_memory(map, at, PAGE_SIZE, MMU_NORMAL), KERN_SUCCESS);
    assert_int_equal(read_word(map, at, &word), KERN_NOT_SUPPORTED);
    assert_int_equal(write_word(map, at, 1), KERN_NOT_SUPPORTED);
    vm_object_release(range.object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_length_arrives),
        TEST(no_way_outlives_its_rights),
        TEST(what_is_executed_is_told_each_time),
        TEST(a_write_is_noticed_as_a_store_is),
        TEST(registers_are_not_copied),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
