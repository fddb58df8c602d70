/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects whose pages are all there from the beginning to the end. */
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/vm/vm_object_private.h"

/* Put a run of pages into the slots from an index on; what has no slot is given back. */
static bool put_run(struct vm_object *object, uint64_t index, paddr_t first, uint64_t count)
{
    bool put = true;

    /* Slots own single pages: each is pinned, shared and given back for itself. */
    KERNEL_CHECK(page_split_run(first, count) == KERN_SUCCESS);
    for (uint64_t i = 0; i < count; i++) {
        paddr_t page = paddr_add(first, i << PAGE_SHIFT);
        vm_slot_t *slot = put ? vm_object_make_slot(object, index + i) : NULL;

        put = slot != NULL;
        if (put) {
            /*
             * Before anybody can see the zeros of page_alloc_run: they were stored through the
             * cache.
             */
            vm_object_settle_page(page, object->memory);
            vm_object_put_page(object, slot, page);
        } else {
            KERNEL_CHECK(page_free(page, 0) == KERN_SUCCESS);
        }
    }
    return put;
}

kern_return_t vm_object_populate(struct vm_object *object, const struct vm_object_layout *layout)
{
    const struct page_request request = {
        /* One by one where nothing else is asked: free memory in pieces will do. */
        .count = layout->contiguous ? object->pages : 1,
        .alignment = layout->alignment,
        .highest = layout->highest,
        .owner = PAGE_OWNER_BUFFER,
        .zero = true,
    };

    /* Before the first page is there: the object may be the next that a reclaim looks at. */
    object->permanent = true;
    for (uint64_t i = 0; i < object->pages; i += request.count) {
        paddr_t first;
        kern_return_t status = page_alloc_run(&request, &first);

        /* What is there on failure stays the object's, and goes with it. */
        if (status == KERN_SUCCESS && !put_run(object, i, first, request.count)) {
            status = KERN_RESOURCE_SHORTAGE;
        }
        if (status != KERN_SUCCESS) {
            return status;
        }
    }
    return KERN_SUCCESS;
}
