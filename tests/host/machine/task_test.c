/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a task: what goes with it, and who is told. */
#include "tests/host/machine/vm_fixture.h"

static bool told;

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(death_is_told_once_and_frees_the_ranges),
        TEST(who_is_told_of_a_death_may_hold_the_task),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
