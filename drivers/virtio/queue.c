/* SPDX-License-Identifier: BSD-2-Clause */
/* The split virtqueue; see queue.h. */
#include "drivers/virtio/queue.h"

#include "drivers/virtio/queue_private.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/panic.h"

#define REST_FLAGS_SHIFT 32
#define REST_NEXT_SHIFT  48

static uint64_t desc_rest(uint32_t length, unsigned flags, unsigned next)
{
    return length | (uint64_t)flags << REST_FLAGS_SHIFT | (uint64_t)next << REST_NEXT_SHIFT;
}

/* --- Creation --------------------------------------------------------------------------------- */

/* Byte offsets of the parts in the ring's pages; the sizes are those of section 2.7. */
static size_t avail_offset(size_t size)
{
    return size * sizeof(struct virtq_desc);
}

static size_t used_offset(size_t size)
{
    const size_t end = avail_offset(size) + sizeof(struct virtq_avail) + (size + 1) * 2;

    return (end + 3) & ~(size_t)3;
}

static size_t ring_bytes(size_t size)
{
    return used_offset(size) + sizeof(struct virtq_used_ring) +
           size * sizeof(struct virtq_used_element) + 2;
}

static size_t pages_for(size_t bytes)
{
    return (bytes + PAGE_MASK) >> PAGE_SHIFT;
}

/* Not zeroed: the device reads only what has been filled in. */
static void *alloc_pages(size_t count)
{
    const struct page_request request = {.count = count, .owner = PAGE_OWNER_DRIVER, .zero = true};
    paddr_t first;

    return page_alloc_run(&request, &first) == KERN_SUCCESS ? phys_to_virt(first) : NULL;
}

static void free_pages(void *first, size_t count)
{
    if (first == NULL)
        return;
    const kern_return_t result = page_free_run(virt_to_phys(first), count);

    CHECK(result == KERN_SUCCESS);
}

static unsigned round_down_to_power_of_two(unsigned size)
{
    while ((size & (size - 1)) != 0)
        size &= size - 1;
    return size;
}

IOReturn virtq_create(const struct virtq_setup *setup, struct virtq **queue)
{
    if (setup->size == 0 || setup->size > VIRTQ_SIZE_MAX || setup->table_entries > VIRTQ_SIZE_MAX)
        return kIOReturnBadArgument;

    struct virtq *vq = heap_alloc_zero(sizeof(*vq));
    if (vq == NULL)
        return kIOReturnNoMemory;

    const size_t size = round_down_to_power_of_two(setup->size);
    const size_t table_bytes = size * setup->table_entries * sizeof(struct virtq_desc);
    char *ring;

    vq->mask = (uint16_t)(size - 1);
    vq->index = (uint16_t)setup->index;
    vq->table_entries = (uint16_t)setup->table_entries;
    vq->event_index = setup->event_index;
    vq->doorbell = setup->doorbell;
    vq->ring_pages = pages_for(ring_bytes(size));
    vq->table_pages = pages_for(table_bytes);
    ring = alloc_pages(vq->ring_pages);
    vq->desc = (struct virtq_desc *)ring;
    vq->slots = heap_alloc_zero(size * sizeof(struct virtq_slot));
    if (vq->table_pages != 0)
        vq->tables = alloc_pages(vq->table_pages);
    if (ring == NULL || vq->slots == NULL || (vq->table_pages != 0 && vq->tables == NULL)) {
        virtq_destroy(vq);
        return kIOReturnNoMemory;
    }
    vq->avail = (struct virtq_avail *)(ring + avail_offset(size));
    vq->used = (struct virtq_used_ring *)(ring + used_offset(size));
    vq->used_event = vq->avail->ring + size;
    vq->avail_event = (volatile uint16_t *)(vq->used->ring + size);
    virtq_restart(vq);
    *queue = vq;
    return kIOReturnSuccess;
}

void virtq_destroy(struct virtq *vq)
{
    if (vq == NULL)
        return;
    free_pages(vq->tables, vq->table_pages);
    free_pages(vq->desc, vq->ring_pages);
    heap_free(vq->slots);
    heap_free(vq);
}

void virtq_restart(struct virtq *vq)
{
    const unsigned size = virtq_size(vq);

    CHECK(vq->in_flight == 0);
    for (unsigned i = 0; i < size; i++)
        vq->slots[i].next = (uint16_t)(i + 1);
    vq->free_head = 0;
    vq->free_count = (uint16_t)size;
    vq->avail_index = vq->published = vq->used_index = 0;
    vq->broken = NULL;
    vq->avail->flags = 0;
    vq->avail->index = 0;
    *vq->used_event = 0;
    vq->used->flags = 0;
    vq->used->index = 0;
    *vq->avail_event = 0;
}

unsigned virtq_size(const struct virtq *vq)
{
    return vq->mask + 1u;
}

unsigned virtq_index(const struct virtq *vq)
{
    return vq->index;
}

paddr_t virtq_desc_address(const struct virtq *vq)
{
    return virt_to_phys(vq->desc);
}

paddr_t virtq_avail_address(const struct virtq *vq)
{
    return virt_to_phys(vq->avail);
}

paddr_t virtq_used_address(const struct virtq *vq)
{
    return virt_to_phys(vq->used);
}

/* --- Filling ---------------------------------------------------------------------------------- */

IOReturn virtq_begin(struct virtq *vq, struct virtq_chain *chain)
{
    if (vq->broken != NULL)
        return kIOReturnDeviceError;
    if (vq->free_count == 0)
        return kIOReturnNoResources;

    const uint16_t head = vq->free_head;

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

void virtq_chain_add(struct virtq_chain *chain, paddr_t address, uint32_t length, unsigned flags)
{
    const uint16_t at = chain->at;
    const uint16_t next = chain->slots != NULL ? chain->slots[at].next : (uint16_t)(at + 1);

    ASSERT(virtq_chain_room(chain) != 0 && length != 0);
    chain->entries[at].address = address.value;
    chain->entries[at].rest = desc_rest(length, flags, (flags & VIRTQ_NEXT) != 0 ? next : 0);
    chain->last = at;
    chain->at = next;
    chain->count++;
    if ((flags & VIRTQ_WRITE) != 0)
        chain->writable += length;
}

/*
 * The two segment functions. A table's entries follow each other, so entry and
 * link come from the index alone; the sums cannot carry from one field of
 * `rest` into the next, since length and table are in range.
 */
static void fill_table(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    const struct virtq_chain *chain = segments;
    struct virtq_desc *entry = chain->segments + index;

    entry->address = segment.location;
    entry->rest = segment.length + chain->segment_rest + ((uint64_t)index << REST_NEXT_SHIFT);
}

static void fill_ring(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    struct virtq_chain *chain = segments;
    const uint16_t at = chain->filling;
    const uint16_t next = chain->slots[at].next;

    (void)index;
    chain->entries[at].address = segment.location;
    chain->entries[at].rest =
        segment.length + chain->segment_rest + ((uint64_t)next << REST_NEXT_SHIFT);
    chain->last = at;
    chain->filling = next;
}

IOMemoryCursor_SegmentFunction virtq_segment_function(const struct virtq *vq)
{
    return vq->tables != NULL ? fill_table : fill_ring;
}

void *virtq_chain_segments(struct virtq_chain *chain, unsigned flags)
{
    const bool table = chain->slots == NULL;

    chain->segments = chain->entries + chain->at;
    chain->segment_rest = desc_rest(0, flags, table ? chain->at + 1u : 0);
    chain->filling = chain->at;
    return chain;
}

void virtq_chain_filled(struct virtq_chain *chain, unsigned count, uint32_t bytes)
{
    ASSERT(count <= virtq_chain_room(chain));
    chain->at = chain->slots == NULL ? (uint16_t)(chain->at + count) : chain->filling;
    chain->count = (uint16_t)(chain->count + count);
    chain->segment_count = (uint16_t)(chain->segment_count + count);
    if ((chain->segment_rest & (uint64_t)VIRTQ_WRITE << REST_FLAGS_SHIFT) != 0)
        chain->writable += bytes;
}

/* --- Giving to the device --------------------------------------------------------------------- */

bool virtq_chain_entry(const struct virtq_chain *chain, unsigned index, struct virtq_entry *entry)
{
    unsigned slot = virtq_chain_has_table(chain) ? index : chain->head;

    if (index >= chain->count)
        return false;
    if (!virtq_chain_has_table(chain)) {
        for (unsigned i = 0; i < index; i++)
            slot = chain->slots[slot].next;
    }
    *entry = (struct virtq_entry){
        .address = paddr(chain->entries[slot].address),
        .length = (uint32_t)chain->entries[slot].rest,
        .flags = (unsigned)(chain->entries[slot].rest >> REST_FLAGS_SHIFT) & 0xffff,
        .slot = slot,
    };
    return true;
}

void virtq_submit(struct virtq *vq, struct virtq_chain *chain, void *token)
{
    const uint16_t head = chain->head;
    struct virtq_slot *slot = &vq->slots[head];
    uint16_t last = chain->last;
    uint16_t count = chain->count;

    ASSERT(token != NULL && count != 0 && slot->token == NULL);
    if (vq->tables != NULL) {
        vq->desc[head].address = virt_to_phys(chain->entries).value;
        vq->desc[head].rest =
            desc_rest(count * (uint32_t)sizeof(struct virtq_desc), VIRTQ_INDIRECT, 0);
        last = head;
        count = 1;
    }
    vq->free_head = vq->slots[last].next;
    vq->free_count = (uint16_t)(vq->free_count - count);
    slot->token = token;
    slot->writable = chain->writable;
    slot->last = last;
    slot->count = count;

    vq->avail->ring[vq->avail_index & vq->mask] = head;
    vq->avail_index++;
    vq->in_flight++;
    vq->counters.requests++;
    vq->counters.segments += chain->segment_count;
}

/* Did the step from `before` to `now` pass the index that the other side asked to hear of? */
static bool passed(uint16_t event, uint16_t before, uint16_t now)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/* Section 2.7.10: without event index a flag of the device tells, with it an index. */
static bool wants_doorbell(const struct virtq *vq, uint16_t before)
{
    if (vq->event_index)
        return passed(*vq->avail_event, before, vq->published);
    return (*(volatile uint16_t *)&vq->used->flags & VIRTQ_USED_NO_NOTIFY) == 0;
}

void virtq_publish(struct virtq *vq)
{
    const uint16_t before = vq->published;

    if (before == vq->avail_index || vq->broken != NULL)
        return;
    vq->published = vq->avail_index;
    __atomic_store_n(&vq->avail->index, vq->published, __ATOMIC_RELEASE);
    /* The device must see the index before we look whether it sleeps, and before the doorbell. */
    cpu_dmb_sy();
    if (!wants_doorbell(vq, before))
        return;
    vq->counters.doorbells++;
    mmio_write32(vq->doorbell, 0, vq->index);
}

/* --- Taking back ------------------------------------------------------------------------------ */

static void release(struct virtq *vq, uint16_t head)
{
    struct virtq_slot *slot = &vq->slots[head];

    slot->token = NULL;
    vq->slots[slot->last].next = vq->free_head;
    vq->free_head = head;
    vq->free_count = (uint16_t)(vq->free_count + slot->count);
    vq->in_flight--;
}

static bool mark_broken(struct virtq *vq, const char *reason)
{
    vq->broken = reason;
    return false;
}

bool virtq_take(struct virtq *vq, struct virtq_used *used)
{
    const uint16_t index = __atomic_load_n(&vq->used->index, __ATOMIC_ACQUIRE);
    const uint16_t waiting = (uint16_t)(index - vq->used_index);

    if (waiting == 0 || vq->broken != NULL)
        return false;
    /* Chains that are submitted but not published cannot be back either. */
    if (waiting > (uint16_t)(vq->published - vq->used_index))
        return mark_broken(vq, "the used index went beyond what is in flight");

    const volatile struct virtq_used_element *element = &vq->used->ring[vq->used_index & vq->mask];
    const uint32_t id = element->id;
    const uint32_t length = element->length;

    if (id > vq->mask || vq->slots[id].token == NULL)
        return mark_broken(vq, "a used id names no chain in flight");
    if (length > vq->slots[id].writable)
        return mark_broken(vq, "a used length is more than the chain can take");

    used->token = vq->slots[id].token;
    used->length = length;
    used->missing = vq->slots[id].writable - length;
    used->head = (uint16_t)id;
    vq->used_index++;
    release(vq, (uint16_t)id);
    return true;
}

bool virtq_enable_interrupt(struct virtq *vq)
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

void virtq_disable_interrupt(struct virtq *vq)
{
    if (vq->event_index) /* the index farthest away */
        *vq->used_event = (uint16_t)(vq->used_index - 1);
    else
        *(volatile uint16_t *)&vq->avail->flags = VIRTQ_AVAIL_NO_INTERRUPT;
}

void *virtq_detach(struct virtq *vq)
{
    if (vq->in_flight == 0)
        return NULL;
    for (uint16_t head = 0;; head++) {
        void *token = vq->slots[head].token;

        if (token != NULL) {
            release(vq, head);
            return token;
        }
    }
}

/* --- Looking ---------------------------------------------------------------------------------- */

unsigned virtq_in_flight(const struct virtq *vq)
{
    return vq->in_flight;
}

const char *virtq_broken(const struct virtq *vq)
{
    return vq->broken;
}

void virtq_count_interrupt(struct virtq *vq)
{
    vq->counters.interrupts++;
}

void virtq_get_counters(const struct virtq *vq, struct virtq_counters *counters)
{
    *counters = vq->counters;
}

void virtq_print(const struct virtq *vq)
{
    kprintf("virtqueue %u: size %u free %u in flight %u; submitted %u published %u taken %u, "
            "device's used %u; %s\n",
            vq->index, virtq_size(vq), vq->free_count, vq->in_flight, vq->avail_index,
            vq->published, vq->used_index, *(volatile uint16_t *)&vq->used->index,
            vq->broken != NULL ? vq->broken : "working");
}
