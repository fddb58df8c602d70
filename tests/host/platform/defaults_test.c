/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the seam answers for a port that leaves a service out: there is none, or nothing to do;
 * what is only called for something that cannot be had ends with its name.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "descriptors/platform_process.h"
#include "descriptors/platform_vm.h"
#include "descriptors/platform_wait.h"

static struct vm_object *object;
static vm_map_t map;
static task_t task;

static void what_can_be_refused_is_not_supported(void **state)
{
    struct platform_region region;
    struct platform_window window;
    struct platform_thread *thread = NULL;
    void *memory = NULL;
    char byte = 7;
    const kern_return_t answers[] = {
        platform_object_create(1, false, &object),
        platform_object_create_window(paddr(0), 1, &object),
        platform_map_lookup(map, 0, 1, &region),
        platform_map_check(map, 0, 1, true),
        platform_task_create(&task),
        platform_task_load(task, 0, 4096, &byte, 1, 1),
        platform_thread_create(task, 0, 0, 0, 0, &thread),
        platform_user_read(map, 0, &byte, 1),
        platform_user_write(map, 0, &byte, 1),
        platform_pageable_alloc(4096, 1, &memory),
        platform_interrupt_attach(1, true, NULL, NULL),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        assert_int_equal(answers[i], KERN_NOT_SUPPORTED);
    }
    assert_int_equal(platform_kernel_window(4096, 1, &window), KERN_INVALID_ADDRESS);
    assert_null(object);
    assert_null(thread);
    assert_null(memory);
    assert_int_equal(byte, 7);
}

static void what_is_not_there_needs_nothing(void **state)
{
    struct platform_stopped stopped = {.pc = 1};
    const paddr_t page = paddr(4096);
    char byte = 7;

    (void)state;
    platform_map_retain(map);
    platform_map_release(map);
    platform_task_watch(task, NULL);
    platform_task_unwatch(NULL);
    platform_task_terminate(task);
    platform_task_release(task);
    platform_thread_free(NULL);
    platform_console_write(&byte, 1);
    platform_set_current_task(task);
    platform_pageable_free(NULL, 0);
    platform_unwire(&page, 1);
    platform_mark_written(page, 4096);
    platform_cache_clean(&byte, 1);
    platform_cache_clean_invalidate(&byte, 1);
    platform_irq_restore(platform_irq_mask());
    platform_interrupt_detach(1, NULL);
    platform_interrupt_enable(1, NULL, true);
    platform_barrier();
    assert_int_equal(byte, 7);
    /* A program that cannot run has come to its end. */
    assert_int_equal(platform_thread_run(NULL, 1), PLATFORM_STOP_FAULT);
    assert_null(platform_thread_registers(NULL));
    platform_thread_stopped(NULL, &stopped);
    assert_int_equal(stopped.pc, 0);
}

static void questions_are_answered_with_no(void **state)
{
    struct platform_extent extent;
    paddr_t at;
    uint64_t length;

    (void)state;
    assert_false(platform_map_has_cache(map, 0, 1, 0));
    assert_false(platform_locate(&at, &at, &length));
    assert_false(platform_quarantine(paddr(4096)));
    assert_false(platform_memory_is_pinned(&at, sizeof(at)));
    assert_false(platform_memory_is_short());
    assert_false(platform_is_stack(paddr(4096), 4096));
    assert_false(platform_in_interrupt());
    assert_int_equal(platform_now(), 0);
    /* All memory is alike, and may be written. */
    platform_extent(paddr(4096), 100, &extent);
    assert_int_equal(extent.length, 100);
    assert_true(extent.writable);
}

static void touch(void *argument)
{
    ++*(int *)argument;
}

static void what_c_can_do_is_done(void **state)
{
    uint32_t registers[2] = {0x12345678, 0};
    int touched = 0;

    (void)state;
    assert_true(platform_try(touch, &touched));
    assert_int_equal(touched, 1);
    assert_int_equal(platform_register_read(registers, 4), 0x12345678);
    assert_int_equal(platform_register_read(registers, 1), 0x78);
    platform_register_write(registers, 2, 0xabcd);
    assert_int_equal(registers[0], 0x1234abcd);
    assert_int_equal(registers[1], 0);
    platform_set_last_error(-3);
    assert_int_equal(platform_get_last_error(), -3);
    platform_set_last_error(0);
}

/* What a call says before it ends the program, which is a child here. */
static void last_words(void (*call)(void), char *words, size_t room)
{
    int ends[2], status;
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        call();
        _exit(0);
    }
    close(ends[1]);
    got = read(ends[0], words, room - 1);
    words[got < 0 ? 0 : got] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#define ENDS(name, ...)                                                                            \
    static void call_##name(void)                                                                  \
    {                                                                                              \
        name(__VA_ARGS__);                                                                         \
    }
ENDS(platform_object_populate, object, NULL)
ENDS(platform_object_copy, object, 0, 1, NULL)
ENDS(platform_object_retain, object)
ENDS(platform_object_release, object)
ENDS(platform_object_pages, object)
ENDS(platform_object_is_device, object, 0)
ENDS(platform_object_is_same, object, 0, object, 0)
ENDS(platform_object_wire, object, 0, 1, 0, NULL)
ENDS(platform_object_count, object, 0, 1, NULL, NULL)
ENDS(platform_object_get_purge, object, NULL)
ENDS(platform_object_set_purge, object, NULL)
ENDS(platform_object_get_owner, object, NULL)
ENDS(platform_object_set_owner, object, NULL)
ENDS(platform_map_show, map, NULL, PLATFORM_OVERWRITE, NULL)
ENDS(platform_map_remove, map, 0, 1)
ENDS(platform_map_exchange, map, 0, 1, 1)
ENDS(platform_map_block, map, 0, 1, true)
ENDS(platform_map_fill, map, 0, 1)
ENDS(platform_map_adopt_cache, map, 0, 1, 0)
ENDS(platform_map_set_cache, map, 0, 1, 0)
ENDS(platform_map_replace_cache, map, 0, 1, 0, 1)
ENDS(platform_wait, UINT64_MAX)

static void what_is_never_reached_ends_by_name(void **state)
{
    static const struct {
        const char *says;
        void (*call)(void);
    } all[] = {
        {"platform_object_populate", call_platform_object_populate},
        {"platform_object_copy", call_platform_object_copy},
        {"platform_object_retain", call_platform_object_retain},
        {"platform_object_release", call_platform_object_release},
        {"platform_object_pages", call_platform_object_pages},
        {"platform_object_is_device", call_platform_object_is_device},
        {"platform_object_is_same", call_platform_object_is_same},
        {"platform_object_wire", call_platform_object_wire},
        {"platform_object_count", call_platform_object_count},
        {"platform_object_get_purge", call_platform_object_get_purge},
        {"platform_object_set_purge", call_platform_object_set_purge},
        {"platform_object_get_owner", call_platform_object_get_owner},
        {"platform_object_set_owner", call_platform_object_set_owner},
        {"platform_map_show", call_platform_map_show},
        {"platform_map_remove", call_platform_map_remove},
        {"platform_map_exchange", call_platform_map_exchange},
        {"platform_map_block", call_platform_map_block},
        {"platform_map_fill", call_platform_map_fill},
        {"platform_map_adopt_cache", call_platform_map_adopt_cache},
        {"platform_map_set_cache", call_platform_map_set_cache},
        {"platform_map_replace_cache", call_platform_map_replace_cache},
        {"this platform cannot wait", call_platform_wait},
    };
    char words[256];

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        last_words(all[i].call, words, sizeof(words));
        assert_ptr_equal(strstr(words, all[i].says), words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_refused_is_not_supported),
        cmocka_unit_test(what_is_not_there_needs_nothing),
        cmocka_unit_test(questions_are_answered_with_no),
        cmocka_unit_test(what_c_can_do_is_done),
        cmocka_unit_test(what_is_never_reached_ends_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
