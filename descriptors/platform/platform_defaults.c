/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The services of the seam that an embedding can do without: each answers that there
 * is no such thing. Weak: whoever defines one replaces it. Our own kernel has them
 * all; this file is for others (embed/examples/port/port.c is the smallest).
 */
#include <string.h>

#include "descriptors/platform_process.h"
#include "descriptors/platform_vm.h"
#include "descriptors/platform_wait.h"

/* They look at nothing that they are given. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define WEAK __attribute__((weak))

/* Memory objects: none can be had, so that what is done to one is never reached. */

WEAK kern_return_t platform_object_create(uint64_t pages, bool purgeable, struct vm_object **object)
{
    return KERN_NOT_SUPPORTED;
}

WEAK kern_return_t platform_object_create_window(paddr_t base, uint64_t pages,
                                                 struct vm_object **object)
{
    return KERN_NOT_SUPPORTED;
}

#define WITHOUT_OBJECTS(result, name, ...)                                                         \
    WEAK result name(__VA_ARGS__)                                                                  \
    {                                                                                              \
        platform_fatal("%s: this platform has no memory objects", #name);                          \
    }
WITHOUT_OBJECTS(kern_return_t, platform_object_populate, struct vm_object *object,
                const struct platform_layout *layout)
WITHOUT_OBJECTS(kern_return_t, platform_object_copy, struct vm_object *object, uint64_t first,
                uint64_t count, struct vm_object **copy)
WITHOUT_OBJECTS(void, platform_object_retain, struct vm_object *object)
WITHOUT_OBJECTS(void, platform_object_release, struct vm_object *object)
WITHOUT_OBJECTS(uint64_t, platform_object_pages, const struct vm_object *object)
WITHOUT_OBJECTS(bool, platform_object_is_device, const struct vm_object *object, uint64_t index)
WITHOUT_OBJECTS(bool, platform_object_is_same, const struct vm_object *one, uint64_t first,
                const struct vm_object *other, uint64_t second)
WITHOUT_OBJECTS(kern_return_t, platform_object_wire, struct vm_object *object, uint64_t first,
                uint64_t count, unsigned flags, paddr_t *pages)
WITHOUT_OBJECTS(void, platform_object_count, struct vm_object *object, uint64_t first,
                uint64_t count, uint64_t *resident, uint64_t *dirty)
WITHOUT_OBJECTS(bool, platform_object_get_purge, const struct vm_object *object,
                enum platform_purge_state *state)
WITHOUT_OBJECTS(void, platform_object_set_purge, struct vm_object *object,
                const struct platform_purge *purge)
WITHOUT_OBJECTS(void, platform_object_get_owner, const struct vm_object *object,
                struct platform_owner *owner)
WITHOUT_OBJECTS(void, platform_object_set_owner, struct vm_object *object,
                const struct platform_owner *owner)
WITHOUT_OBJECTS(kern_return_t, platform_map_show, vm_map_t map, uint64_t *address,
                enum platform_placement placement, const struct platform_view *view)
WITHOUT_OBJECTS(kern_return_t, platform_map_remove, vm_map_t map, uint64_t address, uint64_t size)
WITHOUT_OBJECTS(kern_return_t, platform_map_exchange, vm_map_t map, uint64_t one, uint64_t other,
                uint64_t size)
WITHOUT_OBJECTS(kern_return_t, platform_map_block, vm_map_t map, uint64_t address, uint64_t size,
                bool block)
WITHOUT_OBJECTS(kern_return_t, platform_map_fill, vm_map_t map, uint64_t address, uint64_t size)
WITHOUT_OBJECTS(void, platform_map_adopt_cache, vm_map_t map, uint64_t address, uint64_t size,
                unsigned cache)
WITHOUT_OBJECTS(kern_return_t, platform_map_set_cache, vm_map_t map, uint64_t address,
                uint64_t size, unsigned cache)
WITHOUT_OBJECTS(kern_return_t, platform_map_replace_cache, vm_map_t map, uint64_t address,
                uint64_t size, unsigned from, unsigned to)

/* Address spaces that nobody can look into or change, of tasks that never die. */

WEAK kern_return_t platform_map_lookup(vm_map_t map, uint64_t address, uint64_t size,
                                       struct platform_region *region)
{
    return KERN_NOT_SUPPORTED;
}

WEAK kern_return_t platform_map_check(vm_map_t map, uint64_t address, uint64_t size, bool write)
{
    return KERN_NOT_SUPPORTED;
}

WEAK void platform_map_retain(vm_map_t map)
{
}

WEAK void platform_map_release(vm_map_t map)
{
}

WEAK void platform_task_watch(task_t task, struct platform_task_watch *watch)
{
}

WEAK void platform_task_unwatch(struct platform_task_watch *watch)
{
}

WEAK bool platform_map_has_cache(vm_map_t map, uint64_t address, uint64_t size, unsigned cache)
{
    return false;
}

WEAK void platform_extent(paddr_t start, uint64_t length, struct platform_extent *extent)
{
    *extent = (struct platform_extent){.length = length, .writable = true};
}

/* No processes: nobody's calls are served but the kernel's own. */

WEAK kern_return_t platform_task_create(task_t *task)
{
    return KERN_NOT_SUPPORTED;
}

WEAK void platform_task_terminate(task_t task)
{
}

WEAK void platform_task_release(task_t task)
{
}

WEAK kern_return_t platform_task_load(task_t task, uint64_t address, uint64_t size,
                                      const void *bytes, uint64_t filled, unsigned access)
{
    return KERN_NOT_SUPPORTED;
}

WEAK kern_return_t platform_thread_create(task_t task, uint64_t pc, uint64_t stack, uint64_t first,
                                          uint64_t second, struct platform_thread **thread)
{
    return KERN_NOT_SUPPORTED;
}

WEAK void platform_thread_free(struct platform_thread *thread)
{
}

WEAK enum platform_stop platform_thread_run(struct platform_thread *thread, uint64_t nanoseconds)
{
    return PLATFORM_STOP_FAULT;
}

WEAK uint64_t *platform_thread_registers(struct platform_thread *thread)
{
    return NULL;
}

WEAK void platform_thread_stopped(const struct platform_thread *thread,
                                  struct platform_stopped *stopped)
{
    *stopped = (struct platform_stopped){.state = 0};
}

WEAK void platform_console_write(const char *text, uint64_t length)
{
}

WEAK void platform_set_current_task(task_t task)
{
}

WEAK kern_return_t platform_user_read(vm_map_t map, uint64_t from, void *to, uint64_t size)
{
    return KERN_NOT_SUPPORTED;
}

WEAK kern_return_t platform_user_write(vm_map_t map, uint64_t to, const void *from, uint64_t size)
{
    return KERN_NOT_SUPPORTED;
}

/* Kernel memory that is always there: none is pageable, and none moves. */

WEAK kern_return_t platform_pageable_alloc(uint64_t size, uint64_t alignment, void **memory)
{
    return KERN_NOT_SUPPORTED;
}

WEAK void platform_pageable_free(void *memory, uint64_t size)
{
}

/* Pins that were only looked up have nothing that could be given back. */
WEAK void platform_unwire(const paddr_t *pages, uint64_t count)
{
}

WEAK void platform_mark_written(paddr_t start, uint64_t length)
{
}

WEAK unsigned platform_callers(uint64_t *callers, unsigned most)
{
    return 0;
}

WEAK bool platform_is_stack(paddr_t start, uint64_t length)
{
    return false;
}

WEAK bool platform_locate(const volatile void *address, paddr_t *physical, uint64_t *length)
{
    return false; /* nothing is seen at two addresses */
}

WEAK bool platform_quarantine(paddr_t page)
{
    return false;
}

WEAK bool platform_memory_is_pinned(const void *memory, uint64_t size)
{
    return false;
}

WEAK bool platform_memory_is_short(void)
{
    return false;
}

WEAK kern_return_t platform_kernel_window(uint64_t address, uint64_t length,
                                          struct platform_window *window)
{
    return KERN_INVALID_ADDRESS;
}

/* Devices that always answer, and caches that are coherent. */

WEAK bool platform_try(void (*touch)(void *argument), void *argument)
{
    touch(argument);
    return true;
}

WEAK void platform_barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Where no register is special: what a C compiler makes of it. */
WEAK uint64_t platform_register_read(volatile const void *at, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, (const void *)(uintptr_t)at, size);
    return value;
}

WEAK void platform_register_write(volatile void *at, unsigned size, uint64_t value)
{
    memcpy((void *)(uintptr_t)at, &value, size);
}

WEAK void platform_cache_clean(volatile const void *address, uint64_t length)
{
}

WEAK void platform_cache_clean_invalidate(volatile const void *address, uint64_t length)
{
}

/* No interrupt handlers, and so one context. */

WEAK bool platform_in_interrupt(void)
{
    return false;
}

static int32_t last_error;

WEAK void platform_set_last_error(int32_t error)
{
    last_error = error;
}

WEAK int32_t platform_get_last_error(void)
{
    return last_error;
}

/* Work loops: nobody interrupts, so that nothing that is waited for would ever come. */

WEAK platform_irq_state platform_irq_mask(void)
{
    return 0;
}

WEAK void platform_irq_restore(platform_irq_state before)
{
}

/* Fatal and not empty: a caller tests and waits in turns, and would do so for ever. */
WEAK void platform_wait(uint64_t deadline)
{
    platform_fatal("this platform cannot wait");
}

/* No time passes: a deadline is never reached, and waiting for one ends below. */
WEAK uint64_t platform_now(void)
{
    return 0;
}

WEAK kern_return_t platform_interrupt_attach(unsigned line, bool level, void (*handler)(void *),
                                             void *context)
{
    return KERN_NOT_SUPPORTED;
}

WEAK void platform_interrupt_detach(unsigned line, void *context)
{
}

WEAK void platform_interrupt_enable(unsigned line, void *context, bool enable)
{
}
