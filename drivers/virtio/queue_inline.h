/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the virtqueue that every request goes through; see queue.h. */
#ifndef DRIVERS_VIRTIO_QUEUE_INLINE_H
#define DRIVERS_VIRTIO_QUEUE_INLINE_H

#include "drivers/virtio/queue_private.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"

/* Bit positions in virtq_desc.rest. */
#define VIRTQ_REST_FLAGS 32
#define VIRTQ_REST_NEXT  48

static inline uint64_t virtq_rest(uint32_t length, unsigned flags, unsigned next)
{
    return length | (uint64_t)flags << VIRTQ_REST_FLAGS | (uint64_t)next << VIRTQ_REST_NEXT;
}

static inline void virtq_desc_store(struct virtq_desc *entry, uint64_t address, uint64_t rest)
{
    /* The place in one register: one instruction stores both words, and not two to two places. */
    __asm__("" : "+r"(entry));
    *entry = (struct virtq_desc){address, rest};
}

static inline unsigned virtq_size(const struct virtq *vq)
{
    return vq->mask + 1u;
}

static inline unsigned virtq_slots(const struct virtq *vq)
{
    return vq->slot_mask + 1u;
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
    const uint16_t slot = vq->free_slot;

    if (slot == VIRTQ_NO_SLOT) {
        return vq->broken != NULL ? kIOReturnDeviceError : kIOReturnNoResources;
    }
    chain->entries = vq->chains + ((size_t)slot << vq->chain_shift);
    chain->slot = slot;
    chain->base = (uint16_t)(slot << vq->base_shift);
    chain->room = (uint16_t)(1u << vq->chain_shift);
    chain->table = vq->indirect;
    chain->count = 0;
    chain->segments = 0;
    chain->writable = 0;
    return kIOReturnSuccess;
}

static inline void virtq_chain_add(struct virtq_chain *chain, paddr_t address, uint32_t length,
                                   unsigned flags)
{
    const unsigned at = chain->count++;
    const unsigned next = (flags & VIRTQ_NEXT) != 0 ? chain->base + at + 1u : 0;

    KERNEL_ASSERT(at < chain->room && length != 0);
    virtq_desc_store(&chain->entries[at], address.value, virtq_rest(length, flags, next));
    if ((flags & VIRTQ_WRITE) != 0) {
        chain->writable += length;
    }
}

static inline void virtq_chain_segments(struct virtq_chain *chain, struct virtq_segments *segments,
                                        unsigned flags)
{
    chain->segment_flags = (uint8_t)flags;
    segments->first = chain->entries + chain->count;
    segments->rest = virtq_rest(0, flags, chain->base + chain->count + 1u);
}

static inline void virtq_chain_filled(struct virtq_chain *chain, unsigned count, uint32_t bytes)
{
    KERNEL_ASSERT(count <= virtq_chain_room(chain));
    chain->count = (uint16_t)(chain->count + count);
    chain->segments = (uint16_t)(chain->segments + count);
    if ((chain->segment_flags & VIRTQ_WRITE) != 0) {
        chain->writable += bytes;
    }
}

/* --- Giving to the device --------------------------------------------------------------------- */

static inline void virtq_submit(struct virtq *vq, const struct virtq_chain *chain, void *token)
{
    const uint16_t slot = chain->slot;
    struct virtq_slot *known = &vq->slots[slot];

    KERNEL_ASSERT(token != NULL && chain->count != 0 && known->token == NULL);
    if (vq->indirect) { /* the address of the table is there since virtq_restart */
        vq->desc[slot].rest =
            virtq_rest(chain->count * (uint32_t)sizeof(struct virtq_desc), VIRTQ_INDIRECT, 0);
    }
    vq->free_slot = known->next;
    known->token = token;
    known->writable = chain->writable;
    vq->avail->ring[vq->avail_index & vq->mask] = (uint16_t)(slot << vq->id_shift);
    vq->avail_index++;
    vq->counters.segments += chain->segments;
}

/* --- Taking back ------------------------------------------------------------------------------ */

static inline void virtq_release(struct virtq *vq, uint16_t slot)
{
    vq->slots[slot].token = NULL;
    vq->slots[slot].next = vq->free_slot;
    vq->free_slot = slot;
}

/* Marks the queue broken. */
void virtq_reject(struct virtq *vq, const char *reason);

static inline unsigned virtq_completed(struct virtq *vq)
{
    const uint16_t index = shared_read16_acquire(&vq->used->index);
    const uint16_t count = (uint16_t)(index - vq->used_index);

    if (count == 0 || vq->broken != NULL) {
        return 0;
    }
    /* Chains that are submitted but not published cannot be back either. */
    if (count > (uint16_t)(vq->published - vq->used_index)) {
        virtq_reject(vq, "the used index went beyond what is in flight");
        return 0;
    }
    return count;
}

static inline bool virtq_take_next(struct virtq *vq, struct virtq_used *used)
{
    const struct virtq_used_element *element = &vq->used->ring[vq->used_index & vq->mask];
    const uint32_t id = shared_read32(&element->id);
    const uint32_t length = shared_read32(&element->length);
    const uint32_t slot = id >> vq->id_shift;
    const struct virtq_slot *known = &vq->slots[slot & vq->slot_mask];

    if (slot > vq->slot_mask || slot << vq->id_shift != id || known->token == NULL) {
        virtq_reject(vq, "a used id names no chain in flight");
        return false;
    }
    if (length > known->writable) {
        virtq_reject(vq, "a used length is more than the chain can take");
        return false;
    }
    used->token = known->token;
    used->length = length;
    used->missing = known->writable - length;
    used->slot = (uint16_t)slot;
    vq->used_index++;
    virtq_release(vq, (uint16_t)slot);
    return true;
}

static inline bool virtq_take(struct virtq *vq, struct virtq_used *used)
{
    return virtq_completed(vq) != 0 && virtq_take_next(vq, used);
}

/* Completions from now to the interrupt: with nothing published the next one. */
static inline uint16_t virtq_awaited(const struct virtq *vq)
{
    const uint16_t in_flight = (uint16_t)(vq->published - vq->used_index);

    if (vq->together == 1 || in_flight <= 1) {
        return 1;
    }
    return in_flight < vq->together ? in_flight : vq->together;
}

static inline bool virtq_enable_interrupt(struct virtq *vq)
{
    const uint16_t awaited = virtq_awaited(vq);

    vq->quiet = false;
    if (vq->event_index) {
        *vq->used_event = (uint16_t)(vq->used_index + awaited - 1);
    } else {
        *(volatile uint16_t *)&vq->avail->flags = 0;
    }
    /* The device must see the wish before we look for what it did without it. */
    cpu_dmb_sy();

    const uint16_t index = shared_read16(&vq->used->index);

    return vq->broken == NULL && (uint16_t)(index - vq->used_index) >= awaited;
}

#endif
