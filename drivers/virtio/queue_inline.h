/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the virtqueue that every request goes through; see queue.h. */
#ifndef DRIVERS_VIRTIO_QUEUE_INLINE_H
#define DRIVERS_VIRTIO_QUEUE_INLINE_H

#include "drivers/virtio/queue_private.h"
#include "kernel/cpu.h"
#include "kernel/mmu.h"
#include "kernel/panic.h"

/* Bit positions in virtq_desc.rest. */
#define VIRTQ_REST_FLAGS 32
#define VIRTQ_REST_NEXT  48

static inline uint64_t virtq_rest(uint32_t length, unsigned flags, unsigned next)
{
    return length | (uint64_t)flags << VIRTQ_REST_FLAGS | (uint64_t)next << VIRTQ_REST_NEXT;
}

static inline unsigned virtq_size(const struct virtq *vq)
{
    return vq->mask + 1u;
}

static inline unsigned virtq_in_flight(const struct virtq *vq)
{
    return (uint16_t)(vq->avail_index - vq->used_index);
}

static inline const char *virtq_broken(const struct virtq *vq)
{
    return vq->broken;
}

static inline void virtq_count_interrupt(struct virtq *vq)
{
    vq->counters.interrupts++;
}

/* --- Filling ---------------------------------------------------------------------------------- */

static inline IOReturn virtq_begin(struct virtq *vq, struct virtq_chain *chain)
{
    const uint16_t head = vq->free_head;

    if (vq->broken != NULL)
        return kIOReturnDeviceError;
    if (head > vq->mask)
        return kIOReturnNoResources;
    if (vq->tables != NULL) {
        chain->entries = vq->tables + (size_t)head * vq->table_entries;
        chain->slots = NULL;
        chain->at = 0;
        chain->room = vq->table_entries;
    } else {
        chain->entries = vq->desc;
        chain->slots = vq->slots;
        chain->at = head;
        chain->room = vq->free_count;
    }
    chain->head = head;
    chain->count = 0;
    chain->segment_count = 0;
    chain->writable = 0;
    return kIOReturnSuccess;
}

static inline void virtq_chain_add(struct virtq_chain *chain, paddr_t address, uint32_t length,
                                   unsigned flags)
{
    const uint16_t at = chain->at;
    const uint16_t next = chain->slots != NULL ? chain->slots[at].next : (uint16_t)(at + 1);

    ASSERT(virtq_chain_room(chain) != 0 && length != 0);
    chain->entries[at].address = address.value;
    chain->entries[at].rest = virtq_rest(length, flags, (flags & VIRTQ_NEXT) != 0 ? next : 0);
    chain->last = at;
    chain->at = next;
    chain->count++;
    if ((flags & VIRTQ_WRITE) != 0)
        chain->writable += length;
}

static inline void virtq_chain_segments(const struct virtq_chain *chain,
                                        struct virtq_segments *segments, unsigned flags)
{
    if (chain->slots == NULL) {
        segments->first = chain->entries + chain->at;
        segments->rest = virtq_rest(0, flags, chain->at + 1u);
    } else {
        segments->first = chain->entries;
        segments->rest = virtq_rest(0, flags, 0);
        segments->slots = chain->slots;
        segments->at = chain->at;
    }
}

static inline void virtq_chain_filled(struct virtq_chain *chain,
                                      const struct virtq_segments *segments, unsigned count,
                                      uint32_t bytes)
{
    ASSERT(count <= virtq_chain_room(chain));
    if (chain->slots == NULL) {
        chain->at = (uint16_t)(chain->at + count);
        chain->last = (uint16_t)(chain->at - 1);
    } else {
        chain->at = segments->at;
        chain->last = segments->last;
    }
    chain->count = (uint16_t)(chain->count + count);
    chain->segment_count = (uint16_t)(chain->segment_count + count);
    if ((segments->rest & (uint64_t)VIRTQ_WRITE << VIRTQ_REST_FLAGS) != 0)
        chain->writable += bytes;
}

/* --- Giving to the device --------------------------------------------------------------------- */

static inline void virtq_submit(struct virtq *vq, const struct virtq_chain *chain, void *token)
{
    const uint16_t head = chain->head;
    struct virtq_slot *slot = &vq->slots[head];

    ASSERT(token != NULL && chain->count != 0 && slot->token == NULL);
    if (vq->tables != NULL) {
        vq->desc[head].address = virt_to_phys(chain->entries).value;
        vq->desc[head].rest =
            virtq_rest(chain->count * (uint32_t)sizeof(struct virtq_desc), VIRTQ_INDIRECT, 0);
        vq->free_head = slot->next;
    } else {
        vq->free_head = vq->slots[chain->last].next;
        vq->free_count = (uint16_t)(vq->free_count - chain->count);
        slot->last = chain->last;
        slot->count = chain->count;
    }
    slot->token = token;
    slot->writable = chain->writable;
    vq->avail->ring[vq->avail_index & vq->mask] = head;
    vq->avail_index++;
    vq->counters.requests++;
    vq->counters.segments += chain->segment_count;
}

/* --- Taking back ------------------------------------------------------------------------------ */

static inline void virtq_release(struct virtq *vq, uint16_t head)
{
    struct virtq_slot *slot = &vq->slots[head];

    slot->token = NULL;
    if (vq->tables != NULL) {
        slot->next = vq->free_head;
    } else {
        vq->slots[slot->last].next = vq->free_head;
        vq->free_count = (uint16_t)(vq->free_count + slot->count);
    }
    vq->free_head = head;
}

static inline bool virtq_take(struct virtq *vq, struct virtq_used *used)
{
    const uint16_t index = __atomic_load_n(&vq->used->index, __ATOMIC_ACQUIRE);
    const uint16_t next = vq->used_index;

    if (index == next || vq->broken != NULL)
        return false;
    /* Chains that are submitted but not published cannot be back either. */
    if ((uint16_t)(index - next) > (uint16_t)(vq->published - next)) {
        vq->broken = "the used index went beyond what is in flight";
        return false;
    }

    const volatile struct virtq_used_element *element = &vq->used->ring[next & vq->mask];
    const uint32_t id = element->id;
    const uint32_t length = element->length;
    const struct virtq_slot *slot = &vq->slots[id];

    if (id > vq->mask || slot->token == NULL) {
        vq->broken = "a used id names no chain in flight";
        return false;
    }
    if (length > slot->writable) {
        vq->broken = "a used length is more than the chain can take";
        return false;
    }
    used->token = slot->token;
    used->length = length;
    used->missing = slot->writable - length;
    used->head = (uint16_t)id;
    vq->used_index = (uint16_t)(next + 1);
    virtq_release(vq, (uint16_t)id);
    return true;
}

static inline bool virtq_enable_interrupt(struct virtq *vq)
{
    if (vq->event_index)
        *vq->used_event = vq->used_index;
    else
        *(volatile uint16_t *)&vq->avail->flags = 0;
    /* The device must see the wish before we look for what it did without it. */
    cpu_dmb_sy();
    return vq->broken == NULL &&
           __atomic_load_n(&vq->used->index, __ATOMIC_RELAXED) != vq->used_index;
}

#endif
