/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam's processes, over the kernel's tasks and address spaces. */
#include <string.h>

#include "descriptors/platform_process.h"
#include "kernel/console.h"
#include "kernel/direct_map.h"
#include "kernel/task.h"
#include "kernel/vm_map.h"

_Static_assert(VM_PROT_READ == MMU_READ && VM_PROT_WRITE == MMU_WRITE &&
                   VM_PROT_EXECUTE == MMU_EXECUTE,
               "rights pass through");

kern_return_t platform_task_create(task_t *task)
{
    return task_create(task);
}

void platform_task_terminate(task_t task)
{
    task_terminate(task);
}

void platform_task_release(task_t task)
{
    task_release(task);
}

void platform_set_current_task(task_t task)
{
    task_set_current(task);
}

kern_return_t platform_user_read(vm_map_t map, uint64_t from, void *to, uint64_t size)
{
    return map != NULL ? vm_map_read(map, from, to, size, NULL) : KERN_INVALID_ADDRESS;
}

kern_return_t platform_user_write(vm_map_t map, uint64_t to, const void *from, uint64_t size)
{
    return map != NULL ? vm_map_write(map, to, from, size, NULL) : KERN_INVALID_ADDRESS;
}

/* Its first bytes, by the kernel's own view of the pages: the task never has a right to store
 * there. */
static kern_return_t fill(struct vm_object *object, const uint8_t *bytes, uint64_t filled)
{
    for (uint64_t done = 0; done < filled;) {
        const uint64_t part = filled - done < PAGE_SIZE ? filled - done : PAGE_SIZE;
        paddr_t page;
        const kern_return_t status =
            vm_object_supply(object, done >> PAGE_SHIFT, VM_SUPPLY_WRITE, &page);

        if (status != KERN_SUCCESS) {
            return status;
        }
        memcpy(phys_to_virt(page), bytes + done, part);
        done += part;
    }
    return KERN_SUCCESS;
}

kern_return_t platform_task_load(task_t task, uint64_t address, uint64_t size, const void *bytes,
                                 uint64_t filled, unsigned access)
{
    struct vm_map *const map = task_map(task);
    struct vm_range range = {
        .access = access, .max_access = access, .inheritance = VM_INHERIT_NONE};
    vaddr_t at = address;
    kern_return_t status = KERN_SUCCESS;

    if (map == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    if (access != VM_PROT_NONE) {
        status = vm_object_create(size >> PAGE_SHIFT, &range.object);
        if (status != KERN_SUCCESS) {
            return status;
        }
        status = fill(range.object, bytes, filled);
    }
    if (status == KERN_SUCCESS) {
        status = vm_map_enter(map, &at, size, 0, &range, 0);
    }
    if (range.object != NULL) {
        vm_object_release(range.object); /* the range has its own */
    }
    return status;
}

void platform_console_write(const char *text, uint64_t length)
{
    console_write(text, length);
}
