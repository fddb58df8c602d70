/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the virtqueue that every request goes through; see queue.h. */
#ifndef DRIVERS_VIRTIO_QUEUE_INLINE_H
#define DRIVERS_VIRTIO_QUEUE_INLINE_H

#include "drivers/virtio/queue.h"
#include "drivers/virtio/queue_private.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"
#include "kernel/panic.h"
#include "kernel/trace.h"

/* Bit positions in virtq_desc.rest. */
#define VIRTQ_REST_FLAGS 32
#define VIRTQ_REST_NEXT  48

static inline uint64_t virtq_rest(uint32_t length, unsigned flags, unsigned next)
{
    return length | (uint64_t)flags << VIRTQ_REST_FLAGS | (uint64_t)next << VIRTQ_REST_NEXT;
}

/*
 * The same of an entry in a table of a packed ring (section 2.8.8): flags come as a split ring has
 * them, and but one means anything there.
 */
static inline uint64_t virtq_packed_rest(uint64_t length, unsigned flags)
{
    return length | (uint64_t)(flags & VIRTQ_WRITE) << VIRTQ_REST_NEXT;
}

static inline void virtq_desc_store(struct virtq_desc *entry, uint64_t address, uint64_t rest)
{
    /* The place in one register: one instruction stores both words, and not two to two places. */
    __asm__("" : "+r"(entry));
    *entry = __extension__(struct virtq_desc){address, rest};
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

static inline bool virtq_has_unpublished(const struct virtq *vq)
{
    return vq->published != vq->avail_index;
}

static inline void virtq_count_interrupt(struct virtq *vq)
{
    vq->counters.interrupts++;
}

/* --- Filling ---------------------------------------------------------------------------------- */

static inline bool virtq_has_room(const struct virtq *vq)
{
    return vq->free != NULL;
}

static inline struct virtq_head virtq_take_head(const struct virtq *vq)
{
    const struct virtq_head head = {vq->free, vq->avail_index, vq->avail->ring, vq->mask};

    return head;
}

static inline void virtq_put_head(struct virtq *vq, const struct virtq_head *head)
{
    vq->free = head->free;
    vq->avail_index = head->index;
}

static inline IOReturn virtq_begin_at(const struct virtq *vq, const struct virtq_head *head,
                                      struct virtq_chain *chain)
{
    struct virtq_slot *const known = head->free;

    if (known == NULL) {
        return vq->broken != NULL ? kIOReturnDeviceError : kIOReturnNoResources;
    }
    chain->known = known;
    chain->entries = known->entries;
    chain->base = (uint16_t)(known->number << vq->base_shift);
    chain->room = 1u << vq->chain_shift;
    chain->table = vq->tables;
    chain->count = 0;
    chain->segments = 0;
    chain->writable = 0;
    return kIOReturnSuccess;
}

static inline IOReturn virtq_begin(struct virtq *vq, struct virtq_chain *chain)
{
    const struct virtq_head head = virtq_take_head(vq);

    return virtq_begin_at(vq, &head, chain);
}

static inline void virtq_chain_add(struct virtq_chain *chain, paddr_t address, uint32_t length,
                                   unsigned flags)
{
    const unsigned at = chain->count++;
    const unsigned next = (flags & VIRTQ_NEXT) != 0 ? chain->base + at + 1u : 0;

    KERNEL_ASSERT(at < chain->room && length != 0);
    virtq_desc_store(&chain->entries[at], address.value,
                     chain->table < VIRTQ_PACKED_TABLES ? virtq_rest(length, flags, next)
                                                        : virtq_packed_rest(length, flags));
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
    chain->count += count;
    chain->segments += count;
    if ((chain->segment_flags & VIRTQ_WRITE) != 0) {
        chain->writable += bytes;
    }
}

static inline void virtq_chain_segment(struct virtq_chain *chain, paddr_t address, uint32_t length,
                                       unsigned flags)
{
    const unsigned at = chain->count++;

    KERNEL_ASSERT(at < chain->room && length != 0 && (flags & VIRTQ_NEXT) != 0);
    virtq_desc_store(&chain->entries[at], address.value,
                     length + chain->link + chain->flag_rest[flags]);
    chain->link += chain->link_step;
    chain->segments++;
    if ((flags & VIRTQ_WRITE) != 0) {
        chain->writable += length;
    }
}

static inline void virtq_chain_row(struct virtq_chain *chain, struct IOMemoryRow *row,
                                   uint32_t bytes, unsigned flags)
{
    const unsigned count =
        virtq_put_row(chain->entries + chain->count, chain->link + chain->flag_rest[flags],
                      chain->link_step, row);

    KERNEL_ASSERT(count < virtq_chain_room(chain) && (flags & VIRTQ_NEXT) != 0);
    chain->count += count;
    chain->segments += count;
    chain->link += count * chain->link_step;
    if ((flags & VIRTQ_WRITE) != 0) {
        chain->writable += bytes;
    }
}

static inline unsigned virtq_slot_of(const struct virtq_chain *chain)
{
    return chain->known->number;
}

static inline unsigned virtq_used_slot(const struct virtq_used *used)
{
    return used->known->number;
}

static inline void *virtq_frame_of(const struct virtq_chain *chain)
{
    return chain->known->frame;
}

static inline void *virtq_used_frame(const struct virtq_used *used)
{
    return used->known->frame;
}

/* --- Giving to the device --------------------------------------------------------------------- */

/* What the ring says of a chain with a table; its address is there since virtq_restart. */
static inline void virtq_point(struct virtq *vq, unsigned slot, unsigned count)
{
    if (vq->tables != VIRTQ_IN_RING) {
        vq->desc[slot].rest =
            virtq_rest(count * (uint32_t)sizeof(struct virtq_desc), VIRTQ_INDIRECT, 0);
    }
}

/* The chain stands in memory: let the device have it at the next virtq_publish. */
static inline void virtq_enter(struct virtq *vq, struct virtq_head *head,
                               const struct virtq_chain *chain, void *token, uint32_t writable)
{
    struct virtq_slot *const known = chain->known;

    KERNEL_ASSERT(token != NULL && known->token == NULL);
    head->free = known->next;
    known->token = token;
    known->writable = writable;
    head->ring[head->index & head->mask] = (uint16_t)known->id;
    head->index++;
    vq->counters.segments += (uint64_t)chain->segments - 1; /* avail_index counts one */
}

static inline void virtq_submit(struct virtq *vq, const struct virtq_chain *chain, void *token)
{
    KERNEL_ASSERT(chain->count != 0 && chain->known->framed == 0);
    virtq_point(vq, virtq_slot_of(chain), chain->count);

    struct virtq_head head = virtq_take_head(vq);

    virtq_enter(vq, &head, chain, token, chain->writable);
    virtq_put_head(vq, &head);
}

static inline void virtq_forget_frame(const struct virtq_chain *chain)
{
    chain->known->framed = 0;
}

static inline IOReturn virtq_begin_framed_at(const struct virtq *vq, const struct virtq_head *head,
                                             struct virtq_chain *chain)
{
    const IOReturn status = virtq_begin_at(vq, head, chain);

    if (status == kIOReturnSuccess) {
        chain->count = 1;
        chain->link = chain->known->link;
        chain->link_step = vq->link_step;
        chain->flag_rest = vq->flag_rest;
    }
    return status;
}

static inline IOReturn virtq_begin_framed(struct virtq *vq, struct virtq_chain *chain)
{
    const struct virtq_head head = virtq_take_head(vq);

    return virtq_begin_framed_at(vq, &head, chain);
}

static inline bool virtq_is_framed(const struct virtq_chain *chain)
{
    return __builtin_expect(chain->known->framed == chain->count, true);
}

static inline void virtq_submit_framed_at(struct virtq *vq, struct virtq_head *head,
                                          const struct virtq_chain *chain, void *token,
                                          uint32_t last_length)
{
    KERNEL_ASSERT(chain->count < chain->room);
    virtq_enter(vq, head, chain, token, chain->writable + last_length);
}

static inline void virtq_submit_framed(struct virtq *vq, const struct virtq_chain *chain,
                                       void *token, uint32_t last_length)
{
    struct virtq_head head = virtq_take_head(vq);

    virtq_submit_framed_at(vq, &head, chain, token, last_length);
    virtq_put_head(vq, &head);
}

/* Did the step from `before` to `now` pass the index that the other side asked to hear of? */
static inline bool virtq_passed(uint16_t event, uint16_t before, uint16_t now)
{
    /*
     * All modulo 65536: equal to `before <= event < now` where nothing wraps, and right where it
     * does.
     */
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/* Section 2.7.10: without event index a flag of the device tells, with it an index. */
static inline bool virtq_wants_doorbell(const struct virtq *vq, bool event_index, uint16_t before)
{
    if (event_index) {
        /*
         * From `before` on and not only the newest: many chains are published in one step, and the
         * one that the device waits for may be any of them.
         */
        return virtq_passed(shared_read16(vq->avail_event), before, (uint16_t)vq->published);
    }
    return (shared_read16(&vq->used->flags) & VIRTQ_USED_NO_NOTIFY) == 0;
}

static inline void virtq_ring_doorbell(const struct virtq *vq)
{
    if (__builtin_expect(vq->narrow, false)) {
        mmio_write16(vq->doorbell, 0, vq->index);
    } else {
        mmio_write32(vq->doorbell, 0, vq->index);
    }
}

/* Apart, so that what is not recorded keeps nothing for it. */
__attribute__((cold, noinline)) void virtq_ring_recorded(const struct virtq *vq);

/*
 * The barrier before the look whether it is wanted holds for this store too: a device that looks at
 * the ring at once finds what is new.
 */
static inline void virtq_ring(struct virtq *vq)
{
    vq->counters.doorbells++;
    if (trace_is_on()) {
        virtq_ring_recorded(vq);
        return;
    }
    virtq_ring_doorbell(vq);
}

/* What a split ring has from `before` on, to the device. */
static inline __attribute__((always_inline)) void virtq_expose(struct virtq *vq, bool event_index,
                                                               uint16_t before)
{
    /*
     * Release: descriptors, tables, ring entries and what the CPU has written into the buffers are
     * there before the index that exposes them (section 2.7.13.3.1).
     */
    __atomic_store_n(&vq->avail->index, (uint16_t)vq->published, __ATOMIC_RELEASE);
    /* The device must see the index before we look whether it sleeps, and before the doorbell. */
    cpu_dmb_sy();
    if (__builtin_expect(virtq_wants_doorbell(vq, event_index, before), true)) {
        virtq_ring(vq);
    }
}

/* virtq_publish, for who publishes with each request: of none it is slower than that. */
static inline __attribute__((always_inline)) void virtq_publish_inline(struct virtq *vq)
{
    const uint16_t before = (uint16_t)vq->published;

    virtq_check(vq);
    if (__builtin_expect(!vq->direct, false)) {
        virtq_publish_any(vq);
        return;
    }
    vq->published = vq->avail_index;
    virtq_expose(vq, true, before); /* what is direct has an index */
}

/* --- Taking back ------------------------------------------------------------------------------ */

static inline void virtq_release(struct virtq *vq, struct virtq_slot *slot)
{
    slot->token = NULL;
    slot->next = vq->free;
    vq->free = slot;
}

/* Marks the queue broken. */
void virtq_reject(struct virtq *vq, const char *reason);

/* So many came back, says the device of a queue that works. Believe it, or find that it is broken.
 */
static inline unsigned virtq_admit(struct virtq *vq, uint16_t count)
{
    /* Chains that are submitted but not published cannot be back either. */
    if (__builtin_expect(count > (uint16_t)(vq->published - vq->used_index), false)) {
        virtq_reject(vq, "the used index went beyond what is in flight");
        return 0;
    }
    return count;
}

static inline unsigned virtq_completed(struct virtq *vq)
{
    virtq_check(vq);
    if (__builtin_expect(!vq->direct, false) && !virtq_look(vq)) {
        return 0;
    }
    return virtq_admit(vq, (uint16_t)(shared_read16_acquire(&vq->used->index) - vq->used_index));
}

/* Of one that is not full: there is not more in it than it can take. */
__attribute__((cold, noinline)) bool virtq_is_short(struct virtq *vq, const struct virtq_slot *slot,
                                                    uint32_t length);

static inline bool virtq_take_next(struct virtq *vq, struct virtq_used *used)
{
    const uint64_t answer = shared_read64(&vq->answers[vq->used_index & vq->mask]);
    const uint32_t id = (uint32_t)answer, length = (uint32_t)(answer >> 32);

    struct virtq_slot *known = vq->slots + (id >> vq->id_shift);

    /* Formed once, and not at each use. */
    __asm__("" : "+r"(known));
    if (__builtin_expect((id & ~vq->id_mask) != 0 || known->token == NULL, false)) {
        virtq_reject(vq, "a used id names no chain in flight");
        return false;
    }
    used->token = known->token;
    used->length = length;
    used->missing = known->writable - length;
    used->known = known;
    /* Of most nothing is missing, and then it is not too much either. */
    if (__builtin_expect(used->missing != 0, false) && !virtq_is_short(vq, known, length)) {
        return false;
    }
    vq->used_index++;
    virtq_release(vq, known);
    return true;
}

static inline bool virtq_take(struct virtq *vq, struct virtq_used *used)
{
    return virtq_completed(vq) != 0 && virtq_take_next(vq, used);
}

/*
 * So many came back by now, if they are as many as are awaited. One look both decides and counts:
 * with a second one for the count, a device whose index goes back and forth would keep its driver
 * asking for ever.
 */
static inline unsigned virtq_look_again(struct virtq *vq, uint16_t awaited)
{
    /* The device must see the wish before we look for what it did without it. */
    cpu_dmb_sy();

    const uint16_t count = (uint16_t)(shared_read16_acquire(&vq->used->index) - vq->used_index);

    virtq_check(vq);
    return count >= awaited ? virtq_admit(vq, count) : 0;
}

/* The wish goes with what is published next, as long as the device has nothing. */
static inline unsigned virtq_enable_direct(struct virtq *vq)
{
    *vq->used_event = vq->used_index;
    return (uint16_t)vq->published == vq->used_index ? 0 : virtq_look_again(vq, 1);
}

static inline unsigned virtq_enable_interrupt(struct virtq *vq)
{
    virtq_check(vq);
    return __builtin_expect(vq->direct, true) ? virtq_enable_direct(vq) : virtq_enable_any(vq);
}

static inline int virtq_renew_interrupt(struct virtq *vq, bool wanted)
{
    virtq_check(vq);
    if (__builtin_expect(!vq->direct, false)) {
        return virtq_renew_any(vq, wanted);
    }
    if (virtq_in_flight(vq) == 0) {
        *vq->used_event = vq->used_index;
        return VIRTQ_IDLE;
    }

    const unsigned count = virtq_enable_direct(vq);

    return vq->broken != NULL ? VIRTQ_BROKEN : (int)count;
}

#endif
