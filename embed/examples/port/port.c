/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest embedding of the descriptors, as an example: a process that describes
 * its own memory to a device. "Physical" memory is one array, which the process sees
 * at another address; nothing is ever paged, mapped elsewhere or interrupted.
 */
#include "port.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "descriptors/platform_vm.h"

static _Alignas(PAGE_SIZE) uint8_t ram[HOST_RAM_SIZE];
static bool taken[HOST_RAM_SIZE / PAGE_SIZE];

/* One task, one address space: opaque here, so anything with an address will do. */
static char the_task, the_map;
struct task *const kernel_task = (struct task *)&the_task;
struct vm_map *const kernel_map = (struct vm_map *)&the_map;

task_t current_task(void)
{
    return kernel_task;
}

vm_map_t get_task_map(task_t task)
{
    return task == kernel_task ? kernel_map : NULL;
}

void *platform_alloc(size_t size)
{
    return calloc(1, size);
}

void platform_free(void *block)
{
    free(block);
}

/* The first free run that fits; physical order is address order, so it is contiguous too. */
kern_return_t platform_memory_alloc(const struct platform_memory_request *request, void **memory)
{
    const uint64_t count = atop(round_page(request->size));

    for (uint64_t first = 0, n = 0; first + count <= atop(HOST_RAM_SIZE); first += n + 1) {
        const uint64_t base = HOST_RAM_BASE + ptoa(first);

        for (n = 0; n < count && !taken[first + n]; n++) {
        }
        if (n == count && (base & (request->alignment - 1)) == 0 &&
            (request->highest == 0 || base + request->size - 1 <= request->highest)) {
            memset(&taken[first], true, count);
            *memory = memset(&ram[ptoa(first)], 0, ptoa(count));
            return KERN_SUCCESS;
        }
        n = 0;
    }
    return KERN_RESOURCE_SHORTAGE;
}

void platform_memory_free(void *memory, uint64_t size)
{
    memset(&taken[atop((uint8_t *)memory - ram)], false, atop(round_page(size)));
}

paddr_t platform_memory_physical(const void *memory)
{
    return paddr(HOST_RAM_BASE + (uint64_t)((const uint8_t *)memory - ram));
}

uint64_t platform_ram_pages(void)
{
    return atop(HOST_RAM_SIZE);
}

uint64_t platform_last_page(void)
{
    return atop(HOST_RAM_BASE + HOST_RAM_SIZE - 1);
}

bool platform_is_ram(uint64_t start, uint64_t length)
{
    return length != 0 && start < HOST_RAM_BASE + HOST_RAM_SIZE && start + length > HOST_RAM_BASE;
}

bool platform_map_is_legal(vm_map_t map, uint64_t start, uint64_t size)
{
    return map == kernel_map && start >= (uintptr_t)ram && start - (uintptr_t)ram < sizeof(ram) &&
           size <= sizeof(ram) - (start - (uintptr_t)ram);
}

/* Nothing moves, so that there is nothing to pin. */
kern_return_t platform_wire(vm_map_t map, uint64_t start, uint64_t count, unsigned flags,
                            paddr_t *pages)
{
    (void)flags;
    if (!platform_map_is_legal(map, start, ptoa(count))) {
        return KERN_INVALID_ADDRESS;
    }
    for (uint64_t i = 0; i < count; i++) {
        pages[i] = platform_memory_physical((void *)(start + ptoa(i)));
    }
    return KERN_SUCCESS;
}

kern_return_t platform_window(paddr_t start, uint64_t length, bool write,
                              struct platform_window *window)
{
    (void)write;
    if (start.value < HOST_RAM_BASE || start.value - HOST_RAM_BASE >= sizeof(ram)) {
        return KERN_INVALID_ADDRESS;
    }
    window->address = &ram[start.value - HOST_RAM_BASE];
    window->length = HOST_RAM_BASE + sizeof(ram) - start.value;
    window->length = window->length < length ? window->length : length;
    window->device = false;
    return KERN_SUCCESS;
}

void platform_log(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

__attribute__((noreturn)) void platform_fatal(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    abort();
}
