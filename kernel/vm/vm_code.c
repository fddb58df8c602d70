/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that are executed somewhere, and change. A page that becomes executable is made fit
 * for it when it is mapped (mmu.c), which is not the end: while it is mapped there, the kernel
 * or a device can write it by another way. Whatever has written tells it here.
 */
#include "kernel/cache.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/vm/vm_object_private.h"
#include "kernel/vm_map.h"

static bool is_code(paddr_t page)
{
    const uint8_t *const note = page_note(page);

    return note != NULL && (*note & VM_NOTE_CODE) != 0;
}

void vm_note_code(paddr_t page, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *const note = page_note(paddr_add(page, i << PAGE_SHIFT));

        if (note != NULL) {
            __atomic_or_fetch(note, VM_NOTE_CODE, __ATOMIC_RELAXED);
        }
    }
}

void vm_code_written(void *bytes, uint64_t size)
{
    const paddr_t first = virt_to_phys(bytes);

    if (is_code(paddr(first.value & ~PAGE_MASK))) {
        cache_make_executable(bytes, size);
    }
}

void vm_code_changed(paddr_t page, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        const paddr_t at = paddr_add(page, i << PAGE_SHIFT);

        if (is_code(at)) {
            cache_make_executable(phys_to_virt(at), PAGE_SIZE);
        }
    }
}

/* Any context. Only an object's pages count their stores. */
void vm_mark_written(paddr_t page, uint64_t count)
{
    const uint8_t found = page_note_set(page, count, VM_NOTE_OWNED, VM_NOTE_DIRTY);

    if ((found & VM_NOTE_CODE) != 0) {
        vm_code_changed(page, count);
    }
}
