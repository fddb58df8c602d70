/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated platform has no memory objects and one task that never dies: what
 * asks for more is tested over the simulated machine (sim_machine.h).
 */
#include <stdlib.h>

#include "descriptors/platform_vm.h"

task_t current_task(void)
{
    return kernel_task;
}

bool platform_is_writable(paddr_t start, uint64_t length)
{
    (void)start, (void)length;
    return true;
}

kern_return_t platform_object_create(uint64_t pages, bool purgeable, struct vm_object **object)
{
    (void)pages, (void)purgeable, (void)object;
    return KERN_RESOURCE_SHORTAGE;
}

kern_return_t platform_object_create_window(paddr_t base, uint64_t pages, struct vm_object **object)
{
    (void)base, (void)pages, (void)object;
    return KERN_RESOURCE_SHORTAGE;
}

kern_return_t platform_map_lookup(vm_map_t map, uint64_t address, uint64_t size,
                                  struct platform_region *region)
{
    (void)map, (void)address, (void)size, (void)region;
    return KERN_RESOURCE_SHORTAGE;
}

kern_return_t platform_map_check(vm_map_t map, uint64_t address, uint64_t size)
{
    (void)map, (void)address, (void)size;
    return KERN_NOT_SUPPORTED;
}

void platform_map_retain(vm_map_t map)
{
    (void)map;
}

void platform_map_release(vm_map_t map)
{
    (void)map;
}

void platform_task_watch(task_t task, struct platform_task_watch *watch)
{
    (void)task, (void)watch;
}

void platform_task_unwatch(struct platform_task_watch *watch)
{
    (void)watch;
}

/* Without an object, nobody gets here. */
#define UNREACHED(result, name, ...)                                                               \
    result name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        abort();                                                                                   \
    }

#pragma GCC diagnostic ignored "-Wunused-parameter"

UNREACHED(kern_return_t, platform_object_populate, struct vm_object *object,
          const struct platform_layout *layout)
UNREACHED(kern_return_t, platform_object_copy, struct vm_object *object, uint64_t first,
          uint64_t count, struct vm_object **copy)
UNREACHED(void, platform_object_retain, struct vm_object *object)
UNREACHED(void, platform_object_release, struct vm_object *object)
UNREACHED(uint64_t, platform_object_pages, const struct vm_object *object)
UNREACHED(bool, platform_object_is_device, const struct vm_object *object)
UNREACHED(bool, platform_object_is_same, const struct vm_object *one, uint64_t first,
          const struct vm_object *other, uint64_t second)
UNREACHED(kern_return_t, platform_object_wire, struct vm_object *object, uint64_t first,
          uint64_t count, unsigned flags, paddr_t *pages)
UNREACHED(void, platform_object_count, struct vm_object *object, uint64_t first, uint64_t count,
          uint64_t *resident, uint64_t *dirty)
UNREACHED(bool, platform_object_get_purge, const struct vm_object *object,
          enum platform_purge_state *state)
UNREACHED(void, platform_object_set_purge, struct vm_object *object,
          const struct platform_purge *purge)
UNREACHED(void, platform_object_get_owner, const struct vm_object *object,
          struct platform_owner *owner)
UNREACHED(void, platform_object_set_owner, struct vm_object *object,
          const struct platform_owner *owner)
UNREACHED(kern_return_t, platform_map_show, vm_map_t map, uint64_t *address,
          enum platform_placement placement, const struct platform_view *view)
UNREACHED(kern_return_t, platform_map_remove, vm_map_t map, uint64_t address, uint64_t size)
UNREACHED(kern_return_t, platform_map_exchange, vm_map_t map, uint64_t one, uint64_t other,
          uint64_t size)
UNREACHED(kern_return_t, platform_map_block, vm_map_t map, uint64_t address, uint64_t size,
          bool block)
UNREACHED(kern_return_t, platform_map_fill, vm_map_t map, uint64_t address, uint64_t size)
UNREACHED(kern_return_t, platform_map_set_cache, vm_map_t map, uint64_t address, uint64_t size,
          unsigned cache)
