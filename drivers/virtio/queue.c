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

    CHECK(virtq_in_flight(vq) == 0);
    for (unsigned i = 0; i < size; i++) {
        vq->slots[i].next = (uint16_t)(i + 1); /* the last one names no entry */
        vq->slots[i].last = (uint16_t)i;
        vq->slots[i].count = 1;
    }
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

/*
 * The two segment functions. A table's entries follow each other, so entry and
 * link come from the index alone; the sums cannot carry from one field of
 * `rest` into the next, since length and table are in range.
 */
static void fill_table(IOPhysicalSegment segment, void *context, UInt32 index)
{
    const struct virtq_segments *segments = context;
    struct virtq_desc *entry = segments->first + index;

    entry->address = segment.location;
    entry->rest = segment.length + segments->rest + ((uint64_t)index << VIRTQ_REST_NEXT);
}

static void fill_ring(IOPhysicalSegment segment, void *context, UInt32 index)
{
    struct virtq_segments *segments = context;
    const uint16_t at = segments->at;
    const uint16_t next = segments->slots[at].next;

    (void)index;
    segments->first[at].address = segment.location;
    segments->first[at].rest =
        segment.length + segments->rest + ((uint64_t)next << VIRTQ_REST_NEXT);
    segments->last = at;
    segments->at = next;
}

IOMemoryCursor_SegmentFunction virtq_segment_function(const struct virtq *vq)
{
    return vq->tables != NULL ? fill_table : fill_ring;
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
        .flags = (unsigned)(chain->entries[slot].rest >> VIRTQ_REST_FLAGS) & 0xffff,
        .slot = slot,
    };
    return true;
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

void virtq_disable_interrupt(struct virtq *vq)
{
    if (vq->event_index) /* the index farthest away */
        *vq->used_event = (uint16_t)(vq->used_index - 1);
    else
        *(volatile uint16_t *)&vq->avail->flags = VIRTQ_AVAIL_NO_INTERRUPT;
}

void *virtq_detach(struct virtq *vq)
{
    if (virtq_in_flight(vq) == 0)
        return NULL;
    for (uint16_t head = 0;; head++) {
        void *token = vq->slots[head].token;

        if (token != NULL) {
            vq->used_index++; /* no longer in flight; the device's index counts no more */
            virtq_release(vq, head);
            return token;
        }
    }
}

/* --- Looking ---------------------------------------------------------------------------------- */

void virtq_get_counters(const struct virtq *vq, struct virtq_counters *counters)
{
    *counters = vq->counters;
}

void virtq_print(const struct virtq *vq)
{
    kprintf("virtqueue %u: size %u free %u in flight %u; submitted %u published %u taken %u, "
            "device's used %u; %s\n",
            vq->index, virtq_size(vq), vq->free_count, virtq_in_flight(vq), vq->avail_index,
            vq->published, vq->used_index, *(volatile uint16_t *)&vq->used->index,
            vq->broken != NULL ? vq->broken : "working");
}
