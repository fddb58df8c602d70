/* SPDX-License-Identifier: BSD-2-Clause */
/* The way of chains in a split virtqueue: filled, given to the device, taken back; see queue.h. */
#include "drivers/virtio/queue.h"

#include "drivers/recording.h"
#include "drivers/virtio/queue_private.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"

/* --- Filling ---------------------------------------------------------------------------------- */

/*
 * The entries of a chain follow each other, so place and link come from the index
 * alone. The sums cannot carry from one field of `rest` into the next, since
 * length and number are in range.
 */
void virtq_output_segment(IOPhysicalSegment segment, void *context, UInt32 index)
{
    const struct virtq_segments *segments = context;

    virtq_desc_store(segments->first + index, segment.location,
                     segment.length + segments->rest + ((uint64_t)index << VIRTQ_REST_NEXT));
}

/* Where the next entry of a row goes, and what is in it besides its segment. */
struct place {
    struct virtq_desc *entry;
    uint64_t rest, step;
    uint64_t longest; /* bytes of a command's entry */
};

static bool put_next(void *context, uint64_t address, uint64_t length, UInt32 index)
{
    struct place *place = context;

    (void)index;
    virtq_desc_store(place->entry++, address, length + place->rest);
    place->rest += place->step;
    return true;
}

unsigned virtq_put_row(struct virtq_desc *entry, uint64_t rest, uint64_t step,
                       struct IOMemoryRow *row)
{
    struct place place = {entry, rest, step, 0};

    return IOMemoryRow_each(row, put_next, &place);
}

UInt32 virtq_output_row(struct IOMemoryRow *row, void *context)
{
    const struct virtq_segments *segments = context;

    return virtq_put_row(segments->first, segments->rest, 1ull << VIRTQ_REST_NEXT, row);
}

bool virtq_output_command(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                          UInt32 index)
{
    struct virtq_command_segments *to = context;
    const uint64_t length = segment.fLength < to->left ? segment.fLength : to->left;

    (void)target;
    /*
     * No bytes left: the part of the request ends here though the preparation goes on. Too long:
     * the command may be older than the limit that the device states now.
     */
    if (length == 0 || length > to->longest) {
        return false;
    }
    virtq_desc_store(to->segments.first + index, segment.fIOVMAddr,
                     length + to->segments.rest + ((uint64_t)index << VIRTQ_REST_NEXT));
    to->left -= length;
    return true;
}

static bool put_next_of_command(void *context, uint64_t address, uint64_t length, UInt32 index)
{
    const struct place *place = context;

    return length <= place->longest && put_next(context, address, length, index);
}

UInt32 virtq_put_command_row(struct virtq_command_segments *to, uint64_t rest, uint64_t step,
                             struct IOMemoryRow *row)
{
    struct place place = {to->segments.first, rest, step, to->longest};
    struct IOMemoryRow part = *row;
    UInt32 count;

    KERNEL_ASSERT(to->left != 0);
    if (part.end - part.offset > to->left) {
        part.end = part.offset + to->left;
    }
    count = IOMemoryRow_each(&part, put_next_of_command, &place);
    to->left -= part.offset - row->offset;
    row->offset = part.offset;
    return count;
}

UInt32 virtq_output_command_row(IODMACommand *target, struct IOMemoryRow *row, void *context)
{
    struct virtq_command_segments *to = context;

    (void)target;
    return virtq_put_command_row(to, to->segments.rest, 1ull << VIRTQ_REST_NEXT, row);
}

void virtq_get_chain(const struct virtq *vq, unsigned slot, struct virtq_chain *chain)
{
    *chain = (struct virtq_chain){
        .entries = vq->slots[slot].entries,
        .known = &vq->slots[slot],
        .base = (uint16_t)(slot << vq->base_shift),
        .table = vq->tables,
    };
    /* In the packed form no entry says whether another one follows: what points to them does. */
    if (vq->packed != NULL) {
        chain->count = (uint32_t)vq->desc[slot].rest / (uint32_t)sizeof(struct virtq_desc);
        return;
    }
    /* The device can write where this reads: its chains are never longer than their room. */
    while (chain->count < 1u << vq->chain_shift) {
        if ((chain->entries[chain->count++].rest >> VIRTQ_REST_FLAGS & VIRTQ_NEXT) == 0) {
            break;
        }
    }
}

bool virtq_chain_entry(const struct virtq_chain *chain, unsigned index, struct virtq_entry *entry)
{
    if (index >= chain->count) {
        return false;
    }

    /* One copy for all fields, for the reason of virtq_get_chain. */
    const struct virtq_desc desc = chain->entries[index];

    *entry = (struct virtq_entry){
        .address = paddr(desc.address),
        .length = (uint32_t)desc.rest,
        .flags = (unsigned)(desc.rest >> VIRTQ_REST_FLAGS) & 0xffff,
        .slot = chain->base + index,
    };
    if (chain->table >= VIRTQ_PACKED_TABLES) {
        entry->flags = (unsigned)(desc.rest >> VIRTQ_REST_NEXT) & VIRTQ_WRITE;
        entry->flags |= index + 1 < chain->count ? VIRTQ_NEXT : 0;
    }
    return true;
}

unsigned virtq_chain_entries(const struct virtq_chain *chain)
{
    return chain->count;
}

void virtq_record(const void *transfer, const struct virtq_chain *chain, unsigned first,
                  unsigned count)
{
    struct virtq_entry entry;

    for (unsigned i = 0; virtq_chain_entry(chain, i, &entry); i++) {
        recording_entry(transfer, entry.address.value, entry.length, entry.slot,
                        virtq_chain_has_table(chain) ? TRACE_LIST_table : TRACE_LIST_ring,
                        ((entry.flags & VIRTQ_WRITE) != 0 ? TRACE_SLOT_WRITES : 0) |
                            (i - first < count ? 0 : TRACE_SLOT_OWN));
    }
}

void virtq_write_frame(struct virtq *vq, unsigned slot, unsigned at, paddr_t first,
                       uint32_t first_length, paddr_t last, uint32_t last_length)
{
    struct virtq_desc *entries = vq->slots[slot].entries;
    /* Links count from the beginning of the table that the entry is in (section 2.7.5.3). */
    const unsigned next = (uint16_t)(slot << vq->base_shift) + 1u;
    uint64_t first_rest = virtq_rest(first_length, VIRTQ_NEXT, next);
    uint64_t last_rest = virtq_rest(last_length, VIRTQ_WRITE, 0);

    if (vq->packed != NULL) {
        first_rest = virtq_packed_rest(first_length, 0);
        last_rest = virtq_packed_rest(last_length, VIRTQ_WRITE);
    }
    virtq_desc_store(entries, first.value + vq->frame_offset, first_rest);
    virtq_desc_store(entries + at, last.value + vq->frame_offset, last_rest);
    virtq_point(vq, slot, at + 1);
    vq->slots[slot].framed = at;
}

bool virtq_chain_has_table(const struct virtq_chain *chain)
{
    return chain->table == VIRTQ_TABLES || chain->table == VIRTQ_PACKED_TABLES;
}

unsigned virtq_chain_slot(const struct virtq_chain *chain)
{
    return virtq_slot_of(chain);
}

/* --- Giving to the device --------------------------------------------------------------------- */

void virtq_ring_recorded(const struct virtq *vq)
{
    trace_doorbell((vaddr_t)vq, vq->published, vq->index);
    virtq_ring_doorbell(vq);
}

void virtq_judge(struct virtq *vq)
{
    /* Of a packed one `together` is 0. */
    vq->direct = vq->together == 1 && vq->asks && vq->broken == NULL;
}

/* Completions from now to the interrupt: with nothing published the next one. */
static uint16_t awaited_of(const struct virtq *vq)
{
    const uint16_t in_flight = (uint16_t)(vq->published - vq->used_index);

    if (in_flight <= 1) {
        return 1;
    }
    return in_flight < vq->together ? in_flight : vq->together;
}

/* When to interrupt, of a split ring with event index. */
static void write_event(struct virtq *vq)
{
    *vq->used_event = (uint16_t)(vq->used_index + awaited_of(vq) - 1);
}

void virtq_publish_any(struct virtq *vq)
{
    const uint16_t before = (uint16_t)vq->published;

    /* Of a broken queue the device hears nothing more: what it has is taken back by a reset. */
    if (!virtq_has_unpublished(vq) || vq->broken != NULL) {
        return;
    }
    vq->published = vq->avail_index;
    if (vq->packed != NULL) {
        if (virtq_packed_publish(vq, before)) {
            virtq_ring(vq);
        }
        return;
    }
    /*
     * More are in flight now, so the interrupt may come later. Where the device has
     * passed the new index it has passed the old one, and interrupted for that.
     */
    if (vq->asks) {
        write_event(vq);
    }
    virtq_expose(vq, vq->event_index, before);
}

void virtq_publish(struct virtq *vq)
{
    virtq_check(vq);
    if (virtq_has_unpublished(vq)) {
        virtq_publish_inline(vq);
    }
}

/* --- Taking back ------------------------------------------------------------------------------ */

void virtq_reject(struct virtq *vq, const char *reason)
{
    vq->broken = reason;
    /* So that virtq_begin finds out with the test that it makes anyway. */
    vq->free = NULL;
    virtq_judge(vq);
}

bool virtq_is_short(struct virtq *vq, const struct virtq_slot *slot, uint32_t length)
{
    if (length > slot->writable) {
        virtq_reject(vq, "a used length is more than the chain can take");
        return false;
    }
    return true;
}

void virtq_gather_interrupts(struct virtq *vq, unsigned chains)
{
    const unsigned most = virtq_slots(vq);

    /* A flag can only say all or none (section 2.7.7). */
    if (!vq->event_index || chains == 0) {
        chains = 1;
    }
    /* More than there are slots would never come back together. */
    *(vq->packed != NULL ? &vq->packed->together : &vq->together) =
        (uint16_t)(chains < most ? chains : most);
    virtq_judge(vq);
}

bool virtq_look(struct virtq *vq)
{
    if (vq->packed != NULL) {
        virtq_packed_look(vq);
    }
    return vq->broken == NULL;
}

unsigned virtq_enable_any(struct virtq *vq)
{
    uint16_t awaited;

    vq->asks = vq->event_index;
    virtq_judge(vq);
    if (vq->packed != NULL) {
        /* As below; its wish is not written before there is something to wish for. */
        return vq->asks && (uint16_t)vq->published == vq->used_index ? 0 : virtq_packed_enable(vq);
    }
    awaited = awaited_of(vq);
    if (!vq->asks) {
        *(volatile uint16_t *)&vq->avail->flags = 0;
    } else {
        write_event(vq);
        if ((uint16_t)vq->published == vq->used_index) {
            return 0;
        }
    }
    return vq->broken == NULL ? virtq_look_again(vq, awaited) : 0;
}

int virtq_renew_any(struct virtq *vq, bool wanted)
{
    const unsigned count = wanted ? virtq_enable_any(vq) : 0;

    return vq->broken != NULL ? VIRTQ_BROKEN : (int)count;
}

void virtq_disable_interrupt(struct virtq *vq)
{
    /* A hint, so without a barrier: an interrupt that is on its way comes all the same. */
    vq->asks = false;
    virtq_judge(vq);
    if (vq->packed != NULL) {
        virtq_packed_disable(vq);
    } else if (vq->event_index) { /* the index farthest away */
        *vq->used_event = (uint16_t)(vq->used_index - 1);
    } else {
        /*
         * Only without event index, with which this word must stay 0 (section 2.7.7.1). Volatile:
         * nobody here reads it, and the compiler does not know who does.
         */
        *(volatile uint16_t *)&vq->avail->flags = VIRTQ_AVAIL_NO_INTERRUPT;
    }
}

void *virtq_detach(struct virtq *vq)
{
    if (virtq_in_flight(vq) == 0) {
        return NULL;
    }
    /* What the device was told of means nothing any more, but has been counted. */
    vq->counters.requests -= vq->avail_index - vq->published;
    vq->published = vq->avail_index;
    /* Ends: as many slots have tokens as chains are in flight, and that is one at least. */
    for (struct virtq_slot *slot = vq->slots;; slot++) {
        void *token = slot->token;

        if (token != NULL) {
            vq->used_index++; /* no longer in flight; the device's index counts no more */
            virtq_release(vq, slot);
            return token;
        }
    }
}

/* --- Looking ---------------------------------------------------------------------------------- */

void virtq_get_counters(const struct virtq *vq, struct virtq_counters *counters)
{
    *counters = vq->counters;
    counters->requests += vq->published;
    counters->segments += vq->avail_index;
}

void virtq_print(const struct virtq *vq)
{
    kprintf("virtqueue %u: size %u slots %u in flight %u; submitted %u published %u taken %u, "
            "device's used %u; %s\n",
            vq->index, virtq_size(vq), virtq_slots(vq), virtq_in_flight(vq),
            (uint16_t)vq->avail_index, (uint16_t)vq->published, vq->used_index,
            shared_read16(&vq->used->index), vq->broken != NULL ? vq->broken : "working");
}
