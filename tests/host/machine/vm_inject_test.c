/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fail the n-th: each operation on address spaces is repeated with its 1st, 2nd,
 * 3rd ... request for memory failing, until none does. Whatever failed, the
 * answer is one of the documented errors, and nothing changed or leaked.
 */
#include "kernel/inject.h"
#include "tests/host/machine/vm_check.h"
#include "tests/host/machine/vm_fixture.h"

#define PAGES 3

/* An operation; it gives back what it got, so that success leaves nothing either. */
typedef kern_return_t operation_t(void);

static struct vm_object *shared;    /* mapped at `at`, one page written */
static struct vm_object *second;    /* mapped at `other`, likewise; a child gets a copy */
static struct vm_object *registers; /* mapped at `device`, in the tables */
static vaddr_t at, other, device;

static kern_return_t create_task(void)
{
    struct task *other;
    kern_return_t status = task_create(&other);

    if (status == KERN_SUCCESS) {
        task_release(other);
    }
    return status;
}

static kern_return_t create_child(void)
{
    struct task *child;
    kern_return_t status = task_create_child(task, &child);

    if (status == KERN_SUCCESS) {
        task_release(child);
    }
    return status;
}

static kern_return_t create_object(void)
{
    struct vm_object *object;
    kern_return_t status = vm_object_create(5000, &object);

    if (status == KERN_SUCCESS) {
        vm_object_release(object);
    }
    return status;
}

static kern_return_t copy_object(void)
{
    struct vm_object *copy;
    kern_return_t status = vm_object_copy(shared, 0, PAGES, &copy);

    if (status == KERN_SUCCESS) {
        vm_object_release(copy);
    }
    return status;
}

static kern_return_t enter_with(unsigned flags)
{
    const struct vm_range range = {.object = shared, .access = RW, .max_access = RW};
    vaddr_t where = 1ul << 40;
    kern_return_t status = vm_map_enter(map, &where, PAGES * PAGE_SIZE, 0, &range, flags);

    if (status == KERN_SUCCESS) {
        assert_int_equal(vm_map_remove(map, where, PAGES * PAGE_SIZE), KERN_SUCCESS);
    }
    return status;
}

static kern_return_t enter_lazily(void)
{
    return enter_with(0);
}

static kern_return_t enter_eagerly(void)
{
    return enter_with(VM_ENTER_EAGER);
}

static kern_return_t wire(void)
{
    paddr_t pages[PAGES];
    kern_return_t status = vm_map_wire(map, at, PAGES, VM_WIRE_WRITE, pages);

    if (status == KERN_SUCCESS) {
        vm_unwire(pages, PAGES);
    }
    return status;
}

static kern_return_t protect_middle(void)
{
    kern_return_t status = vm_map_protect(map, at + PAGE_SIZE, PAGE_SIZE, MMU_READ);

    if (status == KERN_SUCCESS) {
        assert_int_equal(vm_map_protect(map, at, PAGES * PAGE_SIZE, RW), KERN_SUCCESS);
    }
    return status;
}

static kern_return_t block_middle(void)
{
    kern_return_t status = vm_map_block(map, at + PAGE_SIZE, PAGE_SIZE, true);

    if (status == KERN_SUCCESS) {
        assert_int_equal(vm_map_block(map, at, PAGES * PAGE_SIZE, false), KERN_SUCCESS);
    }
    return status;
}

static kern_return_t exchange_middles(void)
{
    kern_return_t status = vm_map_exchange(map, at + PAGE_SIZE, other + PAGE_SIZE, PAGE_SIZE);

    if (status == KERN_SUCCESS) {
        status = vm_map_exchange(map, at + PAGE_SIZE, other + PAGE_SIZE, PAGE_SIZE);
    }
    return status;
}

static kern_return_t overwrite_middle(void)
{
    const struct vm_range range = {.object = second, .access = RW, .max_access = RW};
    vaddr_t middle = at + PAGE_SIZE;

    return vm_map_enter(map, &middle, PAGE_SIZE, 0, &range, VM_ENTER_OVERWRITE | VM_ENTER_EAGER);
}

static kern_return_t remove_middle(void)
{
    return vm_map_remove(map, at + PAGE_SIZE, PAGE_SIZE);
}

static kern_return_t retype_registers(void)
{
    kern_return_t status = vm_map_set_memory(map, device + PAGE_SIZE, PAGE_SIZE, MMU_DEVICE_GRE);

    if (status == KERN_SUCCESS) {
        assert_int_equal(vm_map_set_memory(map, device, 1024 * PAGE_SIZE, MMU_DEVICE),
                         KERN_SUCCESS);
    }
    return status;
}

static kern_return_t fill(void)
{
    return vm_map_fill_tables(map, at, PAGES * PAGE_SIZE);
}

static kern_return_t populate(void)
{
    const struct vm_object_layout layout = {.contiguous = true};
    struct vm_object *object;
    kern_return_t status = vm_object_create(1030, &object); /* three chunks */

    if (status == KERN_SUCCESS) {
        status = vm_object_populate(object, &layout);
        vm_object_release(object);
    }
    return status;
}

static kern_return_t reserve_modes(void)
{
    struct vm_object *object;
    kern_return_t status = vm_object_create(1030, &object);

    if (status == KERN_SUCCESS) {
        status = vm_object_reserve_modes(object, 500, 530);
        vm_object_release(object);
    }
    return status;
}

static kern_return_t touch(void)
{
    return sim_store(map, at + PAGE_SIZE, 7);
}

static kern_return_t write_out(void)
{
    static uint8_t bytes[PAGES * 4096] = {42}; /* what is there already */
    uint64_t done;

    return vm_map_write(map, at, bytes, sizeof(bytes), &done);
}

static const struct {
    const char *name;
    operation_t *run;
} operations[] = {
    {"create a task", create_task},
    {"create a child task", create_child},
    {"create an object", create_object},
    {"copy an object", copy_object},
    {"enter a range", enter_lazily},
    {"enter a range eagerly", enter_eagerly},
    {"wire", wire},
    {"protect part of a range", protect_middle},
    {"block part of a range", block_middle},
    {"exchange parts of ranges", exchange_middles},
    {"enter over a part of a range", overwrite_middle},
    {"remove part of a range", remove_middle},
    {"another mode for some registers", retype_registers},
    {"fill tables", fill},
    {"populate an object", populate},
    {"room for modes of pages", reserve_modes},
    {"touch an absent page", touch},
    {"write to absent pages", write_out},
};

/* The same state before every attempt: PAGES pages twice, of which the first is written. */
static void fresh_state(void)
{
    struct vm_range range = {.access = RW, .max_access = RW, .inheritance = VM_INHERIT_COPY};

    shared = object_of(PAGES);
    at = enter(shared, PAGES, RW); /* the kind of range that a child shares */
    store(at, 42);
    second = object_of(PAGES);
    other = 1ul << 39;
    range.object = second;
    assert_int_equal(vm_map_enter(map, &other, PAGES * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    store(other, 43);
    /* In blocks, of which each border has to be split. */
    assert_int_equal(vm_object_create_physical(paddr(1ul << 36), 1024, &registers), KERN_SUCCESS);
    range.object = registers;
    range.memory = MMU_DEVICE;
    device = 1ul << 38;
    assert_int_equal(vm_map_enter(map, &device, 1024 * PAGE_SIZE, 0, &range, VM_ENTER_EAGER),
                     KERN_SUCCESS);
}

static void drop_state(void)
{
    vm_map_clear(map);
    vm_object_release(shared);
    vm_object_release(second);
    vm_object_release(registers);
}

/* What the ranges show, page by page, wherever there are borders by now. */
static void look(struct vm_range seen[3 * PAGES])
{
    const vaddr_t bases[] = {at, other, device};
    uint64_t size;

    for (unsigned i = 0; i < 3 * PAGES; i++) {
        assert_int_equal(
            vm_map_lookup(map, bases[i / PAGES] + i % PAGES * PAGE_SIZE, &seen[i], &size),
            KERN_SUCCESS);
    }
}

static bool is_shortage(kern_return_t status)
{
    return status == KERN_RESOURCE_SHORTAGE || status == KERN_MEMORY_ERROR;
}

/* One attempt; true if the n-th point was reached. */
static bool attempt(operation_t *run, uint64_t nth, uint64_t *leaked, uint64_t *spared)
{
    const struct holdings start = holdings_now();
    struct vm_range before[3 * PAGES], after[3 * PAGES];
    struct inject_report report;
    struct mmu_translation to;
    kern_return_t status;

    fresh_state();
    memset(before, 0, sizeof(before));
    memset(after, 0, sizeof(after));
    look(before);
    inject_begin(nth);
    status = run();
    inject_end(&report);
    if (report.failed) {
        assert_true(is_shortage(status) || status == KERN_SUCCESS);
        *spared += status == KERN_SUCCESS;
    } else {
        assert_int_equal(status, KERN_SUCCESS);
    }
    vm_check_map(map);
    vm_check_objects();
    assert_int_equal(load(at), 42);
    assert_int_equal(load(other), 43);
    for (unsigned i = 0; i < 1024; i++) { /* a handler may rely on them */
        assert_true(mmu_translate(vm_map_space(map), device + i * PAGE_SIZE, &to));
    }
    if (status != KERN_SUCCESS) {
        look(after);
        assert_memory_equal(after, before, sizeof(after));
        assert_int_equal(vm_fault(map, at + PAGE_SIZE, MMU_WRITE), KERN_SUCCESS);
        assert_int_equal(run(), KERN_SUCCESS); /* and with memory it works */
    }
    drop_state();
    *leaked += !sim_holds(&start);
    return report.failed;
}

static void nothing_leaks_whichever_request_fails(void **state)
{
    uint64_t leaked = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        uint64_t points = 0, spared = 0;

        while (attempt(operations[i].run, points + 1, &leaked, &spared)) {
            points++;
        }
        print_message("%s: %llu points failed, %llu of them spared, %llu leaked\n",
                      operations[i].name, (unsigned long long)points, (unsigned long long)spared,
                      (unsigned long long)leaked);
        assert_true(points > 0);
        assert_int_equal(spared, 0); /* none has another way: each shortage is told */
    }
    assert_int_equal(leaked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_leaks_whichever_request_fails),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
