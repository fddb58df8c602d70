/* SPDX-License-Identifier: BSD-2-Clause */
/* The platform seam's cache modes over this project's own kernel. */
#include "descriptors/platform/platform_kernel_private.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/vm_map.h"
#include "kernel/vm_object.h"

/*
 * IOKit's cache modes on two kinds of memory. What a device has is never looked at
 * ahead of time unless a mode asks for it; on RAM the modes for registers would forbid
 * unaligned accesses, so there they mean non-cacheable.
 */
static enum mmu_memory memory_type(const struct vm_object *object, uint64_t index, unsigned cache)
{
    const bool device = platform_object_is_device(object, index);

    switch (cache) {
    case kIODefaultCache:
        return device ? MMU_DEVICE : vm_object_get_memory(object);
    case kIOCopybackCache:
    case kIOCopybackInnerCache:
        return MMU_NORMAL;
    case kIOWriteThruCache:
        return MMU_WRITE_THROUGH;
    case kIOWriteCombineCache:
    case kIORealTimeCache:
        return MMU_NONCACHED;
    case kIOPostedWrite:
        return device ? MMU_DEVICE_NGNRE : MMU_NONCACHED;
    case kIOPostedReordered:
        return device ? MMU_DEVICE_NGRE : MMU_NONCACHED;
    case kIOPostedCombinedReordered:
        return device ? MMU_DEVICE_GRE : MMU_NONCACHED;
    default:
        return device ? MMU_DEVICE : MMU_NONCACHED;
    }
}

/* What is alike from an address on: of one range, and all registers or all RAM. */
struct piece {
    struct vm_range range;
    uint64_t length;
    bool device;
};

static kern_return_t find_piece(vm_map_t map, uint64_t address, uint64_t size, struct piece *piece)
{
    struct platform_extent extent;
    kern_return_t status;

    *piece = (struct piece){.length = 0}; /* where nothing is found */
    status = vm_map_lookup(map, address, &piece->range, &piece->length);
    piece->length = piece->length < size ? piece->length : size;
    if (piece->range.object != NULL && vm_object_is_physical(piece->range.object)) {
        platform_extent(platform_window_page(piece->range.object, atop(piece->range.offset)),
                        piece->length, &extent);
        piece->length = extent.length;
        piece->device = extent.device;
    }
    return status;
}

void platform_map_adopt_cache(vm_map_t map, uint64_t address, uint64_t size, unsigned cache)
{
    struct piece piece;

    for (uint64_t done = 0; done < size; done += piece.length) {
        struct vm_object *object;
        uint64_t first;

        if (find_piece(map, address + done, size - done, &piece) != KERN_SUCCESS) {
            return;
        }
        object = piece.range.object;
        /* Guards and reservations have no pages whose mode could follow. */
        if (object == NULL) {
            continue;
        }
        first = atop(piece.range.offset);
        if (piece.device) {
            vm_map_set_memory(map, address + done, piece.length, memory_type(object, first, cache));
        } else if (vm_object_is_physical(object)) {
            vm_window_set_memory(object, first, atop(piece.length),
                                 memory_type(object, first, cache));
        } else {
            vm_object_set_memory(object, memory_type(object, first, cache));
        }
    }
}

/* A window that is not shown as its pages are has one mode, as registers have. */
static bool has_own_mode(const struct piece *piece)
{
    return piece->device || (vm_object_is_physical(piece->range.object) && !piece->range.as_pages);
}

static enum mmu_memory page_mode(const struct vm_object *object, uint64_t index)
{
    return vm_object_is_physical(object) ? vm_page_memory(platform_window_page(object, index))
                                         : vm_object_page_memory(object, index);
}

static bool piece_has(const struct piece *piece, unsigned cache)
{
    const struct vm_object *const object = piece->range.object;
    const uint64_t first = atop(piece->range.offset);
    const enum mmu_memory memory = memory_type(object, first, cache);
    bool same = true;

    if (has_own_mode(piece)) {
        return piece->range.memory == memory;
    }
    for (uint64_t i = 0; same && i < atop(piece->length); i++) {
        same = page_mode(object, first + i) == memory;
    }
    return same;
}

/* In the linear view all pages look ordinary: what counts is how others would see them. */
static bool direct_has(uint64_t address, uint64_t size, unsigned cache)
{
    struct platform_region region;
    bool same = true;

    for (uint64_t done = 0; done < size && same; done += region.size) {
        struct piece piece = {.range = {.as_pages = true, .memory = MMU_DEVICE}};

        if (platform_map_lookup(kernel_map, address + done, size - done, &region) != KERN_SUCCESS) {
            return false;
        }
        piece.range.object = region.object;
        piece.length = region.size;
        piece.device = platform_object_is_device(region.object, 0);
        same = piece_has(&piece, cache);
        /* The look-up gives a reference of its own. */
        platform_object_release(region.object);
    }
    return same;
}

bool platform_map_has_cache(vm_map_t map, uint64_t address, uint64_t size, unsigned cache)
{
    struct piece piece;

    if (platform_is_direct(map, address)) {
        return direct_has(address, size, cache);
    }
    for (uint64_t done = 0; done < size; done += piece.length) {
        if (find_piece(map, address + done, size - done, &piece) != KERN_SUCCESS ||
            piece.range.object == NULL || !piece_has(&piece, cache)) {
            return false;
        }
    }
    return true;
}

/* All that could fail later: borders for registers, room to note the modes of pages. */
static kern_return_t prepare_piece(vm_map_t map, uint64_t address, const struct piece *piece)
{
    /* A reservation shows nothing that could have a mode. */
    if (piece->range.object == NULL) {
        return KERN_PROTECTION_FAILURE;
    }
    if (piece->device) {
        return vm_map_split(map, address, address + piece->length);
    }
    return vm_object_reserve_modes(piece->range.object, atop(piece->range.offset),
                                   atop(piece->length));
}

static void change_piece(vm_map_t map, uint64_t address, const struct piece *piece, unsigned cache)
{
    struct vm_object *const object = piece->range.object;
    const uint64_t first = atop(piece->range.offset);
    enum mmu_memory memory;

    if (piece->device) {
        vm_map_set_memory(map, address, piece->length, memory_type(object, first, cache));
        return;
    }
    /* The default of RAM that somebody changes is what it was before. */
    memory = memory_type(object, first, cache != kIODefaultCache ? cache : kIOCopybackCache);
    if (vm_object_is_physical(object)) {
        vm_window_set_memory(object, first, atop(piece->length), memory);
    } else {
        vm_object_set_pages_memory(object, first, atop(piece->length), memory);
    }
}

kern_return_t platform_map_set_cache(vm_map_t map, uint64_t address, uint64_t size, unsigned cache)
{
    kern_return_t status =
        platform_is_direct(map, address) ? KERN_PROTECTION_FAILURE : KERN_SUCCESS;
    struct piece piece;

    for (uint64_t done = 0; done < size && status == KERN_SUCCESS; done += piece.length) {
        status = find_piece(map, address + done, size - done, &piece);
        if (status == KERN_SUCCESS) {
            /*
             * All of it before one page changes: a refusal leaves every mode, and a border in
             * vain shows nothing.
             */
            status = prepare_piece(map, address + done, &piece);
        }
    }
    for (uint64_t done = 0; done < size && status == KERN_SUCCESS; done += piece.length) {
        /* Found above, and nothing but borders has changed since: it cannot fail. */
        find_piece(map, address + done, size - done, &piece);
        change_piece(map, address + done, &piece, cache);
    }
    return status;
}

/* RAM looks the same in both modes, or has got one since that is not this view's to change. */
static bool is_replaced(const struct piece *piece, unsigned from)
{
    return piece->range.object != NULL && piece->device && piece_has(piece, from);
}

kern_return_t platform_map_replace_cache(vm_map_t map, uint64_t address, uint64_t size,
                                         unsigned from, unsigned to)
{
    kern_return_t status = KERN_SUCCESS;
    struct piece piece;

    for (uint64_t done = 0; done < size && status == KERN_SUCCESS; done += piece.length) {
        status = find_piece(map, address + done, size - done, &piece);
        if (status == KERN_SUCCESS && is_replaced(&piece, from)) {
            status = prepare_piece(map, address + done, &piece);
        }
    }
    for (uint64_t done = 0; done < size && status == KERN_SUCCESS; done += piece.length) {
        find_piece(map, address + done, size - done, &piece);
        if (is_replaced(&piece, from)) {
            change_piece(map, address + done, &piece, to);
        }
    }
    return status;
}
