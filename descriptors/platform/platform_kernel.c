/* SPDX-License-Identifier: BSD-2-Clause */
/* The platform seam over this project's own kernel. */
#include <stdarg.h>
#include <string.h>

#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/platform_vm.h"
#include "descriptors/segments/IOMemoryRuns.h"
#include "kernel/cache.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/fault.h"
#include "kernel/heap.h"
#include "kernel/init.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/task.h"
#include "kernel/vm_map.h"

static void initialise_classes(void)
{
    IOMemoryDescriptor_initialize();
    /* No unit of this machine serves every bus master: an SMMU stands before PCI alone. */
    IOMapper_setMapperRequired(false);
}
INITIALISER(INIT_CLASS, initialise_classes);

vm_map_t get_task_map(task_t task)
{
    return task_map(task);
}

bool platform_map_is_legal(vm_map_t map, uint64_t start, uint64_t size)
{
    return vm_map_is_legal(map, start, size);
}

void *platform_alloc(size_t size)
{
    return heap_alloc_zero(size);
}

void platform_free(void *block)
{
    heap_free(block);
}

/* Less than a page comes from the heap, which is in the direct map and so contiguous. */
static kern_return_t alloc_small(const struct platform_memory_request *request, void **memory)
{
    /*
     * A block of the heap lies anywhere in its page, and the heap knows no limit: such requests
     * come as whole pages.
     */
    if (request->alignment >= PAGE_SIZE || request->highest != 0) {
        return KERN_INVALID_ARGUMENT;
    }
    *memory = heap_alloc_aligned(request->size, request->alignment);
    if (*memory == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    if (!request->dirty) {
        memset(*memory, 0, request->size);
    }
    return KERN_SUCCESS;
}

kern_return_t platform_memory_alloc(const struct platform_memory_request *request, void **memory)
{
    const struct page_request pages = {
        .count = atop(round_page(request->size)),
        .alignment = request->alignment < PAGE_SIZE ? PAGE_SIZE : request->alignment,
        .highest = request->highest,
        .owner = PAGE_OWNER_BUFFER,
        .zero = !request->dirty,
    };
    paddr_t first;
    kern_return_t status;

    if (request->size < PAGE_SIZE) {
        return alloc_small(request, memory);
    }
    /* Always contiguous: the direct map shows pages where they lie, and cannot join runs. */
    status = page_alloc_run(&pages, &first);
    if (status == KERN_SUCCESS) {
        *memory = phys_to_virt(first);
    }
    return status;
}

void platform_memory_free(void *memory, uint64_t size)
{
    if (size < PAGE_SIZE) {
        heap_free(memory);
        return;
    }
    /* What another descriptor still has pinned is freed by its last unpin. */
    KERNEL_CHECK(page_release_run(virt_to_phys(memory), atop(round_page(size))) == KERN_SUCCESS);
}

paddr_t platform_memory_physical(const void *memory)
{
    return virt_to_phys(memory);
}

/* The allocator counts it by looking at every section. */
static __attribute__((noinline)) uint64_t count_ram(void)
{
    struct page_stats stats;

    page_get_stats(&stats);
    return stats.total;
}

uint64_t platform_ram_pages(void)
{
    static uint64_t total; /* asked at every creation, and never changes */

    if (total == 0) {
        total = count_ram();
    }
    return total;
}

uint64_t platform_last_page(void)
{
    return page_last();
}

bool platform_memory_is_short(void)
{
    uint64_t total;
    const uint64_t free = page_count_free(&total);

    /* A guess at when reclaiming is near: the answer only delays a caller who asked for that. */
    return free < total / 64;
}

bool platform_is_ram(uint64_t start, uint64_t length)
{
    return page_overlaps_ram(paddr(start), length);
}

_Static_assert(PLATFORM_WIRE_WRITE == VM_WIRE_WRITE && PLATFORM_WIRE_NO_FAULT == VM_WIRE_NO_FAULT &&
                   PLATFORM_WIRE_UNMARKED == VM_WIRE_UNMARKED,
               "flags pass through");

void platform_mark_written(paddr_t start, uint64_t length)
{
    const uint64_t skip = start.value & PAGE_MASK;

    vm_mark_written(paddr(start.value - skip), atop(round_page(skip + length)));
}

kern_return_t platform_wire(vm_map_t map, uint64_t start, uint64_t count, unsigned flags,
                            paddr_t *pages)
{
    return vm_map_wire(map, start, count, flags, pages);
}

void platform_unwire(const paddr_t *pages, uint64_t count)
{
    vm_unwire(pages, count);
}

kern_return_t platform_wire_runs(vm_map_t map, const struct memory_runs *bytes, unsigned flags,
                                 struct memory_runs *where)
{
    return vm_map_wire_runs(map, bytes, flags, where);
}

kern_return_t platform_object_wire_run(struct vm_object *object, uint64_t at, uint64_t size,
                                       unsigned flags, struct memory_runs *where)
{
    return vm_object_wire_run(object, at, size, flags, where);
}

void platform_unwire_runs(const struct memory_runs *where, bool written)
{
    vm_unwire_runs(where, written);
}

bool platform_quarantine(paddr_t page)
{
    return page_quarantine(page) == KERN_SUCCESS;
}

static kern_return_t device_window(paddr_t start, uint64_t length, struct platform_window *window)
{
    /* A handler finds registers that nobody has mapped yet, and may not make room for them. */
    window->address =
        platform_in_interrupt() ? mmu_borrow_device(start) : mmu_map_device(start, length);
    window->length = length;
    window->device = true;
    return window->address != NULL ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

kern_return_t platform_window(paddr_t start, uint64_t length, bool write,
                              struct platform_window *window)
{
    struct mmu_translation at;

    /* The direct map has no address for it: it would wrap into the kernel's own ranges. */
    if (start.value >= DIRECT_MAP_SIZE) {
        return KERN_INVALID_ADDRESS;
    }
    window->address = phys_to_virt(start);
    if (!mmu_translate(mmu_kernel, (vaddr_t)window->address, &at)) {
        /*
         * Not mapped: no RAM, so registers of somebody. Page by page, since a window of a device
         * may end anywhere and mapping further could reach another one.
         */
        const uint64_t page = PAGE_SIZE - (start.value & PAGE_MASK);

        return device_window(start, length < page ? length : page, window);
    }
    /*
     * Pages that the kernel shows read-only (its text among them) are not to be changed by a
     * descriptor.
     */
    if (write && (at.attributes.access & MMU_WRITE) == 0) {
        return KERN_PROTECTION_FAILURE;
    }
    window->length = length < at.contiguous ? length : at.contiguous;
    window->device = at.attributes.memory >= MMU_DEVICE;
    return KERN_SUCCESS;
}

bool platform_locate(const volatile void *address, paddr_t *physical, uint64_t *length)
{
    const vaddr_t va = (vaddr_t)address;
    const uint64_t left = PAGE_SIZE - (va & PAGE_MASK);
    struct mmu_translation at;

    if (va >= DIRECT_MAP_BASE && va < DIRECT_MAP_BASE + DIRECT_MAP_SIZE) {
        *physical = virt_to_phys((const void *)va);
        return true;
    }
    if (*length > left) {
        *length = left;
    }
    /* Below lies user space, where one address is another memory in each task. */
    if (va < MMU_KERNEL_VA_BASE || va >= MMU_KERNEL_VA_END) {
        return false;
    }
    (void)*(const volatile uint8_t *)address; /* it may have to be made resident first */
    if (!mmu_translate(mmu_kernel, va, &at)) {
        return false;
    }
    *physical = at.pa;
    return true;
}

bool platform_try(void (*touch)(void *argument), void *argument)
{
    struct fault_record fault;

    return !fault_expect(touch, argument, &fault);
}

void platform_barrier(void)
{
    /*
     * Completion, and for the whole system: devices are outside the shareability domain that DMB
     * ISH orders (Arm ARM, "Data Synchronization Barrier").
     */
    cpu_dsb_sy();
}

uint64_t platform_register_read(volatile const void *at, unsigned size)
{
    /* One access of this very size: a register may do something at each. */
    switch (size) {
    case 8:
        return mmio_read64(at, 0);
    case 4:
        return mmio_read32(at, 0);
    case 2:
        return mmio_read16(at, 0);
    default:
        return mmio_read8(at, 0);
    }
}

void platform_register_write(volatile void *at, unsigned size, uint64_t value)
{
    switch (size) {
    case 8:
        mmio_write64(at, 0, value);
        break;
    case 4:
        mmio_write32(at, 0, (uint32_t)value);
        break;
    case 2:
        mmio_write16(at, 0, (uint16_t)value);
        break;
    default:
        mmio_write8(at, 0, (uint8_t)value);
    }
}

void platform_cache_clean(volatile const void *address, uint64_t length)
{
    cache_clean(address, length);
}

void platform_cache_clean_invalidate(volatile const void *address, uint64_t length)
{
    cache_clean_invalidate(address, length);
}

bool platform_in_interrupt(void)
{
    return irq_in_handler();
}

/*
 * Two, because a handler that fails in between must not change what thread context is about
 * to read.
 */
static int32_t last_errors[2]; /* of thread context, of interrupt handlers */

void platform_set_last_error(int32_t error)
{
    last_errors[irq_in_handler()] = error;
}

int32_t platform_get_last_error(void)
{
    return last_errors[irq_in_handler()];
}

extern char __classes_text_start[], __classes_text_end[];

unsigned platform_callers(uint64_t *callers, unsigned most)
{
    return panic_callers(callers, most, __classes_text_start, __classes_text_end);
}

bool platform_is_stack(paddr_t start, uint64_t length)
{
    /* Stacks are in the image, which the direct map shows where it is linked. */
    return panic_is_stack((vaddr_t)phys_to_virt(start), length);
}

void platform_log(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
    kprintf("\n");
}

_Noreturn void platform_fatal(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
    kprintf("\n");
    panic("going on would corrupt memory");
}
