/* SPDX-License-Identifier: BSD-2-Clause */
/* The platform seam's virtual memory over this project's own kernel. */
#include "descriptors/platform/platform_kernel_private.h"
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/task.h"
#include "kernel/vm_map.h"
#include "kernel/vm_object.h"
#include "kernel/vm_physical.h"

task_t current_task(void)
{
    return task_current();
}

kern_return_t platform_object_create(uint64_t pages, bool purgeable, struct vm_object **object)
{
    const kern_return_t status = vm_object_create(pages, object);

    if (status == KERN_SUCCESS && purgeable) {
        /*
         * At creation only: memory that somebody already relies on cannot be made losable behind
         * its back.
         */
        vm_object_allow_purge(*object);
    }
    return status;
}

kern_return_t platform_object_populate(struct vm_object *object,
                                       const struct platform_layout *layout)
{
    const struct vm_object_layout wanted = {
        .alignment = layout->alignment,
        .highest = layout->highest,
        .contiguous = layout->contiguous,
    };

    return vm_object_populate(object, &wanted);
}

kern_return_t platform_object_create_window(paddr_t base, uint64_t pages, struct vm_object **object)
{
    return vm_object_create_physical(base, pages, object);
}

void platform_extent(paddr_t start, uint64_t length, struct platform_extent *extent)
{
    const uint64_t skip = start.value & PAGE_MASK;
    struct vm_physical_run run;

    vm_physical_extent(paddr(trunc_page(start.value)), atop(round_page(skip + length)), &run);
    /* Runs are of whole pages: what lies before the first byte was not asked for. */
    extent->length = ptoa(run.pages) - skip < length ? ptoa(run.pages) - skip : length;
    extent->device = !run.ram;
    extent->writable = run.writable;
}

uint64_t platform_object_pages(const struct vm_object *object)
{
    return vm_object_pages(object);
}

bool platform_object_is_device(const struct vm_object *object, uint64_t index)
{
    return vm_object_is_physical(object) &&
           page_get_state(platform_window_page(object, index)) == PAGE_FOREIGN;
}

kern_return_t platform_object_copy(struct vm_object *object, uint64_t first, uint64_t count,
                                   struct vm_object **copy)
{
    return vm_object_copy(object, first, count, copy);
}

void platform_object_retain(struct vm_object *object)
{
    vm_object_retain(object);
}

void platform_object_release(struct vm_object *object)
{
    vm_object_release(object);
}

bool platform_object_is_same(const struct vm_object *one, uint64_t first,
                             const struct vm_object *other, uint64_t second)
{
    if (one == other) {
        return first == second;
    }
    /*
     * Two windows may show one page. Anonymous pages that two objects share are not the same: the
     * next store parts them.
     */
    return vm_object_is_physical(one) && vm_object_is_physical(other) &&
           platform_window_page(one, first).value == platform_window_page(other, second).value;
}

kern_return_t platform_object_wire(struct vm_object *object, uint64_t first, uint64_t count,
                                   unsigned flags, paddr_t *pages)
{
    return vm_object_wire(object, first, count, flags, pages);
}

void platform_object_count(struct vm_object *object, uint64_t first, uint64_t count,
                           uint64_t *resident, uint64_t *dirty)
{
    if (!vm_object_is_physical(object)) {
        vm_object_count(object, first, count, resident, dirty);
        return;
    }
    /* RAM of the kernel is always there, and nobody watches stores to it. */
    *resident = 0;
    for (uint64_t i = 0; i < count; i++) {
        *resident += !platform_object_is_device(object, first + i);
    }
    *dirty = *resident;
}

_Static_assert((int)PLATFORM_PURGE_NONVOLATILE == VM_PURGE_NONVOLATILE &&
                   (int)PLATFORM_PURGE_VOLATILE == VM_PURGE_VOLATILE &&
                   (int)PLATFORM_PURGE_EMPTY == VM_PURGE_EMPTY,
               "states pass through");

bool platform_object_get_purge(const struct vm_object *object, enum platform_purge_state *state)
{
    *state = (enum platform_purge_state)vm_object_get_purge(object);
    return vm_object_is_purgeable(object);
}

void platform_object_set_purge(struct vm_object *object, const struct platform_purge *purge)
{
    const struct vm_purge_order order = {
        .group = purge->group,
        .obsolete = purge->obsolete,
        .lifo = purge->lifo,
        .fault = purge->fault,
    };
    enum vm_purge_state former;

    vm_object_set_purge(object, (enum vm_purge_state)purge->state, order, &former);
}

void platform_object_get_owner(const struct vm_object *object, struct platform_owner *owner)
{
    owner->task = vm_object_owner(object, &owner->tag, &owner->footprint);
}

void platform_object_set_owner(struct vm_object *object, const struct platform_owner *owner)
{
    vm_object_set_owner(object, owner->task, owner->tag, owner->footprint);
}

/* Bytes from an address of the direct map on, up to `size`, that are mapped alike: *found. */
static kern_return_t find_direct(uint64_t address, uint64_t size, struct mmu_translation *at,
                                 uint64_t *found)
{
    struct mmu_translation next;

    if (!mmu_translate(mmu_kernel, address, at)) {
        return KERN_INVALID_ADDRESS;
    }
    if ((at->attributes.access & MMU_READ) == 0) {
        return KERN_PROTECTION_FAILURE;
    }
    /* Blocks are put together, or every 2 MiB would be an entry of a reference. */
    uint64_t length = at->contiguous;

    while (length < size && mmu_translate(mmu_kernel, address + length, &next) &&
           next.attributes.access == at->attributes.access &&
           next.attributes.memory == at->attributes.memory) {
        length += next.contiguous;
    }
    *found = length < size ? length : size;
    return KERN_SUCCESS;
}

static kern_return_t lookup_direct(uint64_t address, uint64_t size, struct platform_region *region)
{
    struct mmu_translation at;
    const kern_return_t status = find_direct(address, size, &at, &region->size);

    if (status != KERN_SUCCESS) {
        return status;
    }
    region->offset = address & PAGE_MASK;
    region->writable = (at.attributes.access & MMU_WRITE) != 0;
    /* The direct map has no objects: a window of it serves a reference as well as any. */
    return vm_object_create_physical(paddr(trunc_page(at.pa.value)),
                                     atop(round_page(region->offset + region->size)),
                                     &region->object);
}

/* The range at an address that is not in the direct map. */
static kern_return_t find_range(vm_map_t map, uint64_t address, struct vm_range *range,
                                uint64_t *size)
{
    const kern_return_t status = vm_map_lookup(map, address, range, size);

    if (status != KERN_SUCCESS) {
        return status;
    }
    return (range->access & MMU_READ) != 0 ? KERN_SUCCESS : KERN_PROTECTION_FAILURE;
}

/* A window may show registers and RAM, one behind the other. */
static void clip_to_extent(struct platform_region *region)
{
    const paddr_t page = platform_window_page(region->object, atop(region->offset));
    struct platform_extent extent;

    platform_extent(paddr_add(page, region->offset & PAGE_MASK), region->size, &extent);
    region->size = extent.length;
}

kern_return_t platform_map_lookup(vm_map_t map, uint64_t address, uint64_t size,
                                  struct platform_region *region)
{
    struct vm_range range;
    kern_return_t status;

    if (platform_is_direct(map, address)) {
        return lookup_direct(address, size, region);
    }
    status = find_range(map, address, &range, &region->size);
    if (status != KERN_SUCCESS) {
        return status;
    }
    /* Under our reference the object outlives the range, which its task may remove next. */
    vm_object_retain(range.object);
    region->object = range.object;
    region->offset = range.offset;
    region->writable = (range.access & MMU_WRITE) != 0;
    if (region->size > size) {
        region->size = size;
    }
    if (vm_object_is_physical(range.object)) {
        clip_to_extent(region);
    }
    return KERN_SUCCESS;
}

kern_return_t platform_map_check(vm_map_t map, uint64_t address, uint64_t size, bool write)
{
    kern_return_t status = KERN_SUCCESS;

    /*
     * Ends: a range and a direct stretch have at least one byte here, or the status says that not.
     */
    while (size != 0 && status == KERN_SUCCESS) {
        struct mmu_translation at;
        struct vm_range range;
        uint64_t length = 0;

        if (platform_is_direct(map, address)) {
            status = find_direct(address, size, &at, &length);
            range.access = status == KERN_SUCCESS ? at.attributes.access : 0;
        } else {
            status = find_range(map, address, &range, &length);
        }
        if (status == KERN_SUCCESS && write && (range.access & MMU_WRITE) == 0) {
            status = KERN_PROTECTION_FAILURE;
        }
        length = length < size ? length : size;
        address += length;
        size -= length;
    }
    return status;
}

kern_return_t platform_map_show(vm_map_t map, uint64_t *address, enum platform_placement placement,
                                const struct platform_view *view)
{
    /* A driver's view is not for the children of the task that it happens to be in. */
    struct vm_range range = {.inheritance = VM_INHERIT_NONE, .as_pages = true};
    unsigned flags = view->eager ? VM_ENTER_EAGER : 0;

    if (placement != PLATFORM_FIXED) {
        flags |= placement == PLATFORM_ANYWHERE ? VM_ENTER_ANYWHERE : VM_ENTER_OVERWRITE;
    }
    if (view->object != NULL) {
        range.object = view->object;
        range.offset = ptoa(view->first);
        /*
         * At most what is given now: whoever protects the range later cannot add the right to
         * store.
         */
        range.access = range.max_access = MMU_READ | (view->writable ? MMU_WRITE : 0);
        range.memory = platform_object_is_device(view->object, view->first)
                           ? MMU_DEVICE
                           : vm_object_get_memory(view->object);
    }
    return vm_map_enter(map, address, ptoa(view->pages), view->alignment, &range, flags);
}

kern_return_t platform_map_remove(vm_map_t map, uint64_t address, uint64_t size)
{
    return vm_map_remove(map, address, size);
}

kern_return_t platform_map_exchange(vm_map_t map, uint64_t one, uint64_t other, uint64_t size)
{
    return vm_map_exchange(map, one, other, size);
}

kern_return_t platform_map_block(vm_map_t map, uint64_t address, uint64_t size, bool block)
{
    return vm_map_block(map, address, size, block);
}

kern_return_t platform_map_fill(vm_map_t map, uint64_t address, uint64_t size)
{
    if (platform_is_direct(map, address)) {
        return KERN_SUCCESS; /* always there */
    }
    return vm_map_fill_tables(map, address, size);
}

void platform_map_retain(vm_map_t map)
{
    vm_map_retain(map);
}

void platform_map_release(vm_map_t map)
{
    vm_map_release(map);
}

/* The kernel's record lies in the watch's link words. */
_Static_assert(sizeof(struct task_watch) <= sizeof(((struct platform_task_watch *)0)->link),
               "no room for the kernel's record");

/* In the watch itself, so that watching a task asks for no memory and cannot fail. */
static struct task_watch *record_of(struct platform_task_watch *watch)
{
    return (struct task_watch *)(void *)watch->link;
}

static void task_died(struct task *task, void *context)
{
    struct platform_task_watch *const watch = context;

    (void)task;
    watch->died(watch->context);
}

void platform_task_watch(task_t task, struct platform_task_watch *watch)
{
    struct task_watch *const record = record_of(watch);

    record->died = task_died;
    record->context = watch;
    task_watch_add(task, record);
}

void platform_task_unwatch(struct platform_task_watch *watch)
{
    task_watch_remove(record_of(watch));
}
