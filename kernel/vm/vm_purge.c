/* SPDX-License-Identifier: BSD-2-Clause */
/* Purgeable objects: the queue of volatile ones, and taking their pages. */
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/page/page_arch.h"
#include "kernel/trace.h"
#include "kernel/vm/vm_object_private.h"

#define RANKS 9 /* the obsolete ones, and the groups in their order */

/* Volatile objects by rank; of each, the next to be taken first. */
static struct {
    struct vm_object *first, *last;
} queues[RANKS];

static unsigned rank(const struct vm_object *object)
{
    /* What its owner calls obsolete goes before every group. */
    return object->order.obsolete ? 0 : 1 + object->order.group;
}

/*
 * FIFO objects go behind their equals, LIFO objects before them: within a group the order of
 * becoming volatile decides, from the one end or the other.
 */
static void enqueue(struct vm_object *object)
{
    struct vm_object **const first = &queues[rank(object)].first;
    struct vm_object **const last = &queues[rank(object)].last;

    object->queue_prev = object->order.lifo ? NULL : *last;
    object->queue_next = object->order.lifo ? *first : NULL;
    if (object->queue_prev != NULL) {
        object->queue_prev->queue_next = object;
    } else {
        *first = object;
    }
    if (object->queue_next != NULL) {
        object->queue_next->queue_prev = object;
    } else {
        *last = object;
    }
}

static void dequeue(struct vm_object *object)
{
    if (object->queue_prev != NULL) {
        object->queue_prev->queue_next = object->queue_next;
    } else {
        queues[rank(object)].first = object->queue_next;
    }
    if (object->queue_next != NULL) {
        object->queue_next->queue_prev = object->queue_prev;
    } else {
        queues[rank(object)].last = object->queue_prev;
    }
}

void vm_purge_forget(struct vm_object *object)
{
    if (object->purge == VM_PURGE_VOLATILE) {
        dequeue(object);
    }
    object->purge = VM_PURGE_NONVOLATILE;
}

void vm_object_allow_purge(struct vm_object *object)
{
    object->purgeable = true;
}

bool vm_object_is_purgeable(const struct vm_object *object)
{
    return object->purgeable;
}

enum vm_purge_state vm_object_get_purge(const struct vm_object *object)
{
    return object->purge;
}

bool vm_object_blocks_access(const struct vm_object *object)
{
    return vm_object_is_blocked(object);
}

static void take_unpinned(struct vm_object *object, uint64_t index, void *context)
{
    uint64_t *taken = context;
    paddr_t page = vm_slot_page(*vm_object_slot(object, index));

    /* A device, or a driver that relies on it, is using it: volatile says nothing about that. */
    if (page_pin_count(page) != 0) {
        return;
    }
    if (object->permanent) { /* the contents go, the page does not */
        page_fill_zero(phys_to_virt(page), PAGE_SIZE);
        /*
         * The zeros have been stored through the cache, and whoever sees the page past it would
         * still read what was there.
         */
        vm_object_settle_page(page, vm_object_page_memory(object, index));
        return;
    }
    /* A shared page is not free when this object lets go of it. */
    *taken += page_share_count(page) == 1;
    vm_object_drop_page(object, index);
}

/* Discard every page that is not pinned; returns how many became free. */
static uint64_t discard(struct vm_object *object)
{
    uint64_t taken = 0;

    vm_object_for_each_resident(object, 0, object->pages, take_unpinned, &taken);
    return taken;
}

static void make_empty(struct vm_object *object)
{
    vm_purge_forget(object);
    object->purge = VM_PURGE_EMPTY;
}

static void unmap_page(struct vm_object *object, uint64_t index, void *context)
{
    (void)context;
    vm_object_unmap_page(object, index);
}

kern_return_t vm_object_set_purge(struct vm_object *object, enum vm_purge_state state,
                                  struct vm_purge_order order, enum vm_purge_state *former)
{
    /* Its owner has not agreed to lose anything. */
    if (!object->purgeable) {
        return KERN_INVALID_ARGUMENT;
    }
    *former = object->purge;
    /*
     * An empty object has nothing to lose; it stays empty until its owner takes it back, or the
     * owner would not learn that the contents are gone.
     */
    if (state == VM_PURGE_VOLATILE && object->purge == VM_PURGE_EMPTY) {
        return KERN_SUCCESS;
    }
    if (state == VM_PURGE_EMPTY) {
        make_empty(object);
        discard(object);
        return KERN_SUCCESS;
    }
    /* Off the queue in any case: volatile again means a new place, by the new order. */
    vm_purge_forget(object);
    if (state == VM_PURGE_VOLATILE) {
        object->order = order;
        object->purge = VM_PURGE_VOLATILE;
        enqueue(object);
        /* Owners who want to be told of a forgotten use: every access has to fault from now on. */
        if (order.fault) {
            vm_object_for_each_resident(object, 0, object->pages, unmap_page, NULL);
        }
    }
    return KERN_SUCCESS;
}

/* Of one rank, until `pages` were freed; returns how many were. */
static uint64_t reclaim_rank(struct vm_object *object, uint64_t pages)
{
    struct vm_object *next;
    uint64_t freed = 0;

    for (; object != NULL && freed < pages; object = next) {
        uint64_t before = object->resident;

        /* Read before discard: make_empty takes the object out of the queue. */
        next = object->queue_next;
        /* Its pages would be zeroed and free nothing. */
        if (object->permanent) {
            continue;
        }
        /*
         * A whole object, though fewer pages were asked for: half of its contents would be of no
         * use to the owner.
         */
        freed += discard(object);
        if (object->resident != before || before == 0) {
            make_empty(object); /* one whose pages are all pinned has lost nothing */
        }
    }
    return freed;
}

uint64_t vm_purge_reclaim(uint64_t pages)
{
    uint64_t freed = 0;
    bool more = false;

    for (unsigned i = 0; i < RANKS; i++) {
        if (freed < pages) {
            freed += reclaim_rank(queues[i].first, pages - freed);
        }
        more |= queues[i].first != NULL;
    }
    trace_reclaim(pages, freed, more);
    return freed;
}
