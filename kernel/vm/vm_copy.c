/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying to and from a range. */
#include <string.h>

#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

static kern_return_t supply_direct(vaddr_t va, unsigned access, paddr_t *page)
{
    struct mmu_translation translation;

    if (!mmu_translate(mmu_kernel, va, &translation)) {
        return KERN_INVALID_ADDRESS;
    }
    /*
     * The rights of the direct map itself: the image's code and constants are no target of a write
     * here either.
     */
    if ((access & ~translation.attributes.access) != 0) {
        return KERN_PROTECTION_FAILURE;
    }
    *page = paddr(translation.pa.value & ~PAGE_MASK);
    return KERN_SUCCESS;
}

/* The page at an address for an access that does not go through the page tables. */
static kern_return_t supply(struct vm_map *map, vaddr_t va, unsigned access, unsigned flags,
                            paddr_t *page)
{
    struct vm_entry *entry;

    if (vm_map_is_direct(map, va)) {
        return supply_direct(va, access, page);
    }
    entry = vm_map_entry(map, va);
    if (entry == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    /* Without an object it is a reservation, where there is nothing to supply. */
    if (entry->range.object == NULL || (access & ~entry->range.access) != 0) {
        return KERN_PROTECTION_FAILURE;
    }
    if ((access & MMU_WRITE) != 0) {
        /*
         * Breaks sharing and marks the page: the store that follows goes by the direct map, which
         * no table notices.
         */
        flags |= VM_SUPPLY_WRITE;
    }
    return vm_object_supply(entry->range.object, vm_entry_index(entry, va), flags, page);
}

/* Memory the kernel can reach: RAM. Registers are not copied as bytes. */
static kern_return_t reach(struct vm_map *map, vaddr_t va, unsigned access, uint8_t **bytes)
{
    paddr_t page;
    kern_return_t status = supply(map, va, access, 0, &page);

    if (status != KERN_SUCCESS) {
        return status;
    }
    if (page_get_state(page) == PAGE_FOREIGN) {
        return KERN_NOT_SUPPORTED;
    }
    /* Through the direct map: the address space need not be active, and its tables not filled. */
    *bytes = (uint8_t *)phys_to_virt(page) + (va & PAGE_MASK);
    return KERN_SUCCESS;
}

/*
 * The page that was copied from or to last: messages of a task go through the same one again and
 * again. A TLB, in a word, which forgets when the others do.
 */
static struct {
    const struct vm_map *map;
    vaddr_t page;
    uint8_t *bytes;
    const uint8_t *note; /* NULL: it has none */
    uint64_t flushes;
    bool writable;
} recent;

static __attribute__((noinline)) bool look_up(const struct vm_map *map, vaddr_t va, bool write)
{
    paddr_t pa;

    if (map == kernel_map || !mmu_peek(map->space, va, write, &pa) ||
        page_get_state(pa) == PAGE_FOREIGN) {
        return false;
    }
    recent.map = map;
    recent.page = va & ~PAGE_MASK;
    recent.bytes = (uint8_t *)phys_to_virt(pa) - (va & PAGE_MASK);
    recent.note = page_note(paddr(pa.value & ~PAGE_MASK));
    recent.flushes = mmu_flushes;
    recent.writable = write;
    return true;
}

/*
 * Are these bytes, in one page, where the task could touch them at once? Then recent says where;
 * else it would have to fault.
 */
static bool reach_now(const struct vm_map *map, vaddr_t va, uint64_t size, bool write)
{
    if (size > PAGE_SIZE - (va & PAGE_MASK)) {
        return false;
    }
    return (recent.map == map && recent.page == (va & ~PAGE_MASK) &&
            recent.flushes == mmu_flushes && (recent.writable || !write)) ||
           look_up(map, va, write);
}

/*
 * Most messages are a few words in the page of the one before: as they come here, so that what is
 * rare costs them no register. Whole words, and at most so many bytes.
 */
#define FEW (15 * sizeof(uint64_t))

static inline bool is_quick(const struct vm_map *map, vaddr_t va, uint64_t size)
{
    return (size & ~FEW) == 0 && recent.map == map && /* FEW has every bit of a smaller one */
           va - recent.page <= PAGE_SIZE - size && recent.flushes == mmu_flushes;
}

static inline void copy_word(uint8_t *to, const uint8_t *from)
{
    uint64_t word;

    __builtin_memcpy(&word, from, sizeof(word));
    __asm__ volatile("" : "+r"(word)); /* or a loop of it would become a call */
    __builtin_memcpy(to, &word, sizeof(word));
}

static inline void copy_two(uint8_t *to, const uint8_t *from)
{
    uint64_t one, two;

    __builtin_memcpy(&one, from, sizeof(one));
    __builtin_memcpy(&two, from + sizeof(one), sizeof(two));
    __asm__ volatile("" : "+r"(one), "+r"(two));
    __builtin_memcpy(to, &one, sizeof(one));
    __builtin_memcpy(to + sizeof(one), &two, sizeof(two));
}

/* What is no whole four of words goes first, from the end. */
static inline void copy_words(uint8_t *to, const uint8_t *from, uint64_t size)
{
    if ((size & 8) != 0) {
        size -= 8;
        copy_word(to + size, from + size);
    }
    if ((size & 16) != 0) {
        size -= 16;
        copy_two(to + size, from + size);
    }
    for (const uint8_t *const end = from + size; from != end; from += 32, to += 32) {
        copy_two(to, from);
        copy_two(to + 16, from + 16);
    }
}

/* Neighbouring addresses may be pages that lie apart: one page at a time. */
static uint64_t to_page_end(vaddr_t va, uint64_t size)
{
    uint64_t left = PAGE_SIZE - (va & PAGE_MASK);

    return left < size ? left : size;
}

static __attribute__((noinline)) kern_return_t read_any(struct vm_map *map, vaddr_t from, void *to,
                                                        uint64_t size, uint64_t *done)
{
    kern_return_t status = KERN_SUCCESS;
    uint64_t unasked;

    done = done != NULL ? done : &unasked;
    if (reach_now(map, from, size, false)) {
        *done = size;
        memcpy(to, recent.bytes + (from - recent.page), size);
        return KERN_SUCCESS;
    }
    for (*done = 0; *done < size;) {
        uint64_t part = to_page_end(from + *done, size - *done);
        uint8_t *bytes;

        status = reach(map, from + *done, MMU_READ, &bytes);
        if (status != KERN_SUCCESS) {
            break;
        }
        /* What has been copied is counted as it goes: a failure on the way says how far it came. */
        memcpy((uint8_t *)to + *done, bytes, part);
        *done += part;
    }
    return status;
}

kern_return_t vm_map_read(struct vm_map *map, vaddr_t from, void *to, uint64_t size, uint64_t *done)
{
    if (!is_quick(map, from, size)) {
        return read_any(map, from, to, size, done);
    }
    if (done != NULL) {
        *done = size;
    }
    copy_words(to, recent.bytes + (from - recent.page), size);
    return KERN_SUCCESS;
}

static __attribute__((noinline)) kern_return_t write_any(struct vm_map *map, vaddr_t to,
                                                         const void *from, uint64_t size,
                                                         uint64_t *done)
{
    kern_return_t status = KERN_SUCCESS;
    uint64_t unasked;

    done = done != NULL ? done : &unasked;
    if (reach_now(map, to, size, true)) {
        uint8_t *const at = recent.bytes + (to - recent.page);

        *done = size;
        memcpy(at, from, size);
        vm_code_written(at, size);
        return KERN_SUCCESS;
    }
    for (*done = 0; *done < size;) {
        uint64_t part = to_page_end(to + *done, size - *done);
        uint8_t *bytes;

        status = reach(map, to + *done, MMU_WRITE, &bytes);
        if (status != KERN_SUCCESS) {
            break;
        }
        memcpy(bytes, (const uint8_t *)from + *done, part);
        vm_code_written(bytes, part);
        *done += part;
    }
    return status;
}

kern_return_t vm_map_write(struct vm_map *map, vaddr_t to, const void *from, uint64_t size,
                           uint64_t *done)
{
    if (!is_quick(map, to, size) || !recent.writable ||
        (recent.note != NULL && (*recent.note & VM_NOTE_CODE) != 0)) {
        return write_any(map, to, from, size, done);
    }
    if (done != NULL) {
        *done = size;
    }
    copy_words(recent.bytes + (to - recent.page), from, size);
    return KERN_SUCCESS;
}
