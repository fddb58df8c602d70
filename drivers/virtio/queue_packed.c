/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed virtqueue (virtio 1.2, section 2.8), as another way for the chains of queue.h to
 * reach the device: one ring, whose entries say by two bits whose they are.
 *
 * A chain is built in the table of its slot, in the form that the device reads, and entered into
 * an available ring that only the driver sees; publishing writes an entry of the packed ring for
 * each that is new there: the place of its table, or a copy of it where the device takes no
 * tables. What the device has used is entered into a used ring of the driver's own, from where
 * queue.h takes it. So nothing that a split queue does costs more for this one's sake.
 */
#include "drivers/virtio/queue.h"
#include "drivers/virtio/queue_private.h"
#include "kernel/cpu.h"

/* Where an entry has its number and its flags, in virtq_desc.rest (section 2.8.13). */
#define REST_ID    32
#define REST_FLAGS 48 /* VIRTQ_REST_NEXT of split ones */

/* An entry is the device's while the first equals the wrap counter and the second does not. */
#define FLAG_AVAIL 0x0080u
#define FLAG_USED  0x8000u

/* Event suppression (section 2.8.14): place and wrap counter below, what it means above. */
#define EVENT_WRAP    0x8000u
#define EVENT_ENABLE  0x00000u
#define EVENT_DISABLE 0x10000u
#define EVENT_PLACE   0x20000u
#define EVENT_MEANING 0x30000u

static uint64_t own_flags(bool wrap)
{
    return wrap ? FLAG_AVAIL : FLAG_USED;
}

/* The place `count` entries behind another, and whether that is in the next round. */
static unsigned place_behind(const struct virtq *vq, unsigned place, unsigned count, bool *wrap)
{
    place += count;
    if (place > vq->mask) {
        place -= vq->mask + 1u;
        *wrap = !*wrap;
    }
    return place;
}

void virtq_packed_restart(struct virtq *vq)
{
    struct virtq_packed *packed = vq->packed;

    for (unsigned i = 0; i <= vq->mask; i++) {
        virtq_desc_store(&packed->ring[i], 0, 0);
    }
    packed->next = packed->used = 0;
    packed->next_wrap = packed->used_wrap = true; /* both begin at 1 (section 2.8.1) */
    *packed->driver_event = EVENT_ENABLE;
    packed->device_event->value = EVENT_ENABLE;
}

/* --- Giving to the device --------------------------------------------------------------------- */

/* The next entry of the ring. The first of a batch is held back: it shows the others. */
static void put_entry(struct virtq *vq, uint64_t address, uint64_t rest)
{
    struct virtq_packed *packed = vq->packed;
    struct virtq_desc *entry = &packed->ring[packed->next];

    rest |= own_flags(packed->next_wrap) << REST_FLAGS;
    if (packed->added++ == 0) {
        packed->first = entry;
        packed->first_rest = rest;
        entry->address = address;
    } else {
        virtq_desc_store(entry, address, rest);
    }
    packed->next = (uint16_t)place_behind(vq, packed->next, 1, &packed->next_wrap);
}

static void put_chain(struct virtq *vq, unsigned slot)
{
    const uint64_t id = (uint64_t)slot << REST_ID;
    const struct virtq_desc point = vq->desc[slot];
    const struct virtq_desc *table = vq->chains + ((size_t)slot << vq->chain_shift);
    const unsigned count = (uint32_t)point.rest / (uint32_t)sizeof(*table);

    if (vq->tables == VIRTQ_PACKED_TABLES) {
        vq->packed->entries[slot] = 1;
        put_entry(vq, point.address,
                  (uint32_t)point.rest | id | (uint64_t)VIRTQ_INDIRECT << REST_FLAGS);
        return;
    }
    vq->packed->entries[slot] = (uint16_t)count;
    for (unsigned i = 0; i < count; i++) {
        const uint64_t more = i + 1 < count ? (uint64_t)VIRTQ_NEXT << REST_FLAGS : 0;

        put_entry(vq, table[i].address, table[i].rest | id | more);
    }
}

/* Did the entries just added pass the place that the device wants to hear of? */
static bool wants_doorbell(const struct virtq *vq)
{
    const struct virtq_packed *packed = vq->packed;
    const uint32_t event = shared_read32(packed->device_event);
    const unsigned size = vq->mask + 1u;
    unsigned place = event & (EVENT_WRAP - 1);

    if (!vq->event_index || (event & EVENT_MEANING) != EVENT_PLACE) {
        return (event & EVENT_MEANING) != EVENT_DISABLE;
    }
    /* Of the round before: as far back as it is long. The differences are modulo 65536. */
    if (((event & EVENT_WRAP) != 0) != packed->next_wrap) {
        place -= size;
    }
    return (uint16_t)(packed->next - place - 1) < (uint16_t)packed->added;
}

/* So many may come back before the interrupt. Where chains have several entries only one: it is not
 * known where the others will be. */
static unsigned awaited_of(const struct virtq *vq)
{
    const unsigned in_flight = (uint16_t)(vq->published - vq->used_index);
    const unsigned together = vq->packed->together;

    if (!vq->event_index || vq->tables != VIRTQ_PACKED_TABLES || in_flight <= 1) {
        return 1;
    }
    return in_flight < together ? in_flight : together;
}

/* The wish for an interrupt, in one store. */
static void write_event(struct virtq *vq)
{
    struct virtq_packed *packed = vq->packed;
    const unsigned untaken = (uint16_t)(vq->used->index.value - vq->used_index);
    const unsigned awaited = awaited_of(vq);
    bool wrap = packed->used_wrap;
    unsigned place = packed->used;

    if (!vq->event_index) {
        *packed->driver_event = EVENT_ENABLE;
        return;
    }
    if (awaited > untaken) {
        place = place_behind(vq, place, awaited - untaken - 1, &wrap);
    }
    *packed->driver_event = EVENT_PLACE | (wrap ? EVENT_WRAP : 0) | place;
}

bool virtq_packed_publish(struct virtq *vq, uint16_t before)
{
    struct virtq_packed *packed = vq->packed;

    packed->added = 0;
    for (uint16_t i = before; i != (uint16_t)vq->published; i++) {
        put_chain(vq, vq->avail->ring[i & vq->mask]);
    }
    if (vq->asks) {
        write_event(vq);
    }
    /* Release: all that it shows is there before it (section 2.8.21.1). */
    __atomic_store_n(&packed->first->rest, packed->first_rest, __ATOMIC_RELEASE);
    /* The device must see it before we look whether it sleeps. */
    cpu_dmb_sy();
    return wants_doorbell(vq);
}

/* --- Taking back ------------------------------------------------------------------------------ */

/*
 * No more than are in flight: a device that marks everything as used comes to an end here, and by
 * the names that it uses twice it is found out.
 */
void virtq_packed_look(struct virtq *vq)
{
    struct virtq_packed *packed = vq->packed;

    while (vq->used->index.value != (uint16_t)vq->published) {
        /* Acquire, and once: whose it is, and what the device says of it, are of one moment. */
        const uint64_t rest = __atomic_load_n(&packed->ring[packed->used].rest, __ATOMIC_ACQUIRE);
        const uint64_t flags = rest >> REST_FLAGS & (FLAG_AVAIL | FLAG_USED);
        const unsigned id = rest >> REST_ID & 0xffff;
        struct virtq_used_element *element = &vq->used->ring[vq->used->index.value & vq->mask];
        unsigned entries = 1;

        if (flags != (packed->used_wrap ? FLAG_AVAIL | FLAG_USED : 0)) {
            return;
        }
        element->id.value = id;
        element->length.value = (uint32_t)rest;
        /* It has written one entry for the whole chain, and goes on behind it (section 2.8.7). */
        if (id <= vq->slot_mask && packed->entries[id] != 0) {
            entries = packed->entries[id];
        }
        packed->used = (uint16_t)place_behind(vq, packed->used, entries, &packed->used_wrap);
        vq->used->index.value++;
    }
}

unsigned virtq_packed_enable(struct virtq *vq)
{
    unsigned awaited;
    uint16_t count;

    awaited = awaited_of(vq);
    write_event(vq);
    /* The device must see the wish before we look for what it did without it. */
    cpu_dmb_sy();
    virtq_packed_look(vq);
    count = (uint16_t)(vq->used->index.value - vq->used_index);
    return count >= awaited && vq->broken == NULL ? virtq_admit(vq, count) : 0;
}

void virtq_packed_disable(struct virtq *vq)
{
    *vq->packed->driver_event = EVENT_DISABLE;
}

/* --- Filling ---------------------------------------------------------------------------------- */

static uint64_t packed_rest(uint64_t length, uint64_t split_rest)
{
    return virtq_packed_rest(length, (unsigned)(split_rest >> VIRTQ_REST_FLAGS));
}

static void output_segment(IOPhysicalSegment segment, void *context, UInt32 index)
{
    const struct virtq_segments *segments = context;

    virtq_desc_store(segments->first + index, segment.location,
                     packed_rest(segment.length, segments->rest));
}

static UInt32 output_row(struct IOMemoryRow *row, void *context)
{
    const struct virtq_segments *segments = context;

    return virtq_put_row(segments->first, packed_rest(0, segments->rest), 0, row);
}

static bool output_command(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                           UInt32 index)
{
    struct virtq_command_segments *to = context;
    const uint64_t length = segment.fLength < to->left ? segment.fLength : to->left;

    (void)target;
    if (length == 0 || length > to->longest) {
        return false;
    }
    virtq_desc_store(to->segments.first + index, segment.fIOVMAddr,
                     packed_rest(length, to->segments.rest));
    to->left -= length;
    return true;
}

static UInt32 output_command_row(IODMACommand *target, struct IOMemoryRow *row, void *context)
{
    struct virtq_command_segments *to = context;

    (void)target;
    return virtq_put_command_row(to, packed_rest(0, to->segments.rest), 0, row);
}

IOMemoryCursor_SegmentFunction virtq_segment_function(const struct virtq *vq)
{
    return vq->packed != NULL ? output_segment : virtq_output_segment;
}

IOMemoryCursor_RowFunction virtq_row_function(const struct virtq *vq)
{
    return vq->packed != NULL ? output_row : virtq_output_row;
}

static const struct virtq_command_output split_output = {virtq_output_command,
                                                         virtq_output_command_row};
static const struct virtq_command_output packed_output = {output_command, output_command_row};

const struct virtq_command_output *virtq_command_output(const struct virtq_chain *chain)
{
    return chain->table >= VIRTQ_PACKED_TABLES ? &packed_output : &split_output;
}
