/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtqueues made, laid out, begun anew and taken down, of both kinds; see queue.h. */
#include "drivers/virtio/queue.h"
#include "drivers/virtio/queue_private.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/lock.h"
#include "kernel/panic.h"

/* --- All queues, for a panic to show ---------------------------------------------------------- */

static struct virtq *queues;
static struct lock queues_lock = LOCK_INITIAL("the virtqueues", LOCK_RANK_VALUE);

/* Without the lock: a panic has stopped whoever holds it, for good. */
static void print_queues(void *context)
{
    (void)context;
    for (const struct virtq *vq = queues; vq != NULL; vq = vq->next) {
        virtq_print(vq);
    }
}

static void join_queues(struct virtq *vq)
{
    static struct panic_report report = {.print = print_queues}; /* one for all queues */
    const lock_state_t state = lock_take(&queues_lock);

    /* Link before head: a panic in between shows the others. */
    vq->next = queues;
    queues = vq;
    lock_release(&queues_lock, state);
    panic_add_report(&report);
}

/* One that never joined, since its creation failed: no effect. */
static void leave_queues(struct virtq *vq)
{
    const lock_state_t state = lock_take(&queues_lock);

    for (struct virtq **at = &queues; *at != NULL; at = &(*at)->next) {
        if (*at == vq) {
            *at = vq->next;
            break;
        }
    }
    lock_release(&queues_lock, state);
}

/* --- Creation --------------------------------------------------------------------------------- */

/* Byte offsets of the parts in the ring's pages; the sizes are those of section 2.7. */
static size_t avail_offset(size_t size)
{
    /* A multiple of 16, and section 2.7 asks for one of 2. */
    return size * sizeof(struct virtq_desc);
}

static size_t used_offset(size_t size)
{
    const size_t end = avail_offset(size) + sizeof(struct virtq_avail) + (size + 1) * 2;

    /*
     * A multiple of 4 (section 2.7), and 4 more than one of 8: then no element, which follows four
     * bytes behind, lies in two pages. QEMU's devices behind an IOMMU write the second half of such
     * a one to an address that has nothing to do with the ring. The words of the event index have
     * their room whether it is negotiated or not: the sizes of the section say so.
     */
    return ((end + 3) & ~(size_t)7) + 4;
}

static size_t ring_bytes(size_t size)
{
    return used_offset(size) + sizeof(struct virtq_used_ring) +
           size * sizeof(struct virtq_used_element) + 2;
}

/* The packed ring and, behind it, the two words of event suppression (section 2.8). */
static size_t packed_bytes(size_t size)
{
    return size * sizeof(struct virtq_desc) + 2 * sizeof(uint32_t);
}

static size_t pages_for(size_t bytes)
{
    return (bytes + PAGE_MASK) >> PAGE_SHIFT;
}

/* What only the driver looks at is cached in any case. */
static void *alloc_pages(size_t count, unsigned flags, bool shared, const struct virtq_setup *setup,
                         struct vm_device_memory *memory)
{
    if (shared && setup->uncached) {
        flags |= VM_DEVICE_MEMORY_UNCACHED;
    }
    /*
     * Pages in a row: each part is contiguous for the device (section 2.7), and so is each table.
     */
    vm_device_memory_alloc(count, flags, memory);
    return memory->address;
}

static unsigned round_down_to_power_of_two(unsigned size)
{
    while ((size & (size - 1)) != 0) {
        size &= size - 1;
    }
    return size;
}

static uint8_t log2_of(unsigned power_of_two)
{
    return (uint8_t)__builtin_ctz(power_of_two);
}

static bool is_valid(const struct virtq_setup *setup)
{
    /* Powers of two, so that a slot and its first entry differ by a shift. */
    return setup->doorbell != NULL && setup->size != 0 && setup->size <= VIRTQ_SIZE_MAX &&
           is_power_of_two(setup->chain_entries) &&
           setup->chain_entries <= round_down_to_power_of_two(setup->size);
}

/* How many chains it holds at once. */
static size_t slots_for(const struct virtq_setup *setup, size_t size)
{
    if (!setup->indirect) {
        /*
         * Fixed parts of the ring: a chain that has begun can never run out of entries halfway,
         * which a free list of single entries would have to undo.
         */
        return size / setup->chain_entries;
    }
    /* One ring entry a chain, so never more than entries. */
    return setup->chains == 0 || setup->chains > size ? size
                                                      : round_down_to_power_of_two(setup->chains);
}

/* Everything that follows from the setup alone. */
static void lay_out(struct virtq *vq, const struct virtq_setup *setup)
{
    const size_t size = round_down_to_power_of_two(setup->size);
    const size_t slots = slots_for(setup, size);
    const size_t table_bytes = slots * setup->chain_entries * sizeof(struct virtq_desc);

    vq->mask = (uint16_t)(size - 1);
    vq->chain_shift = log2_of(setup->chain_entries);
    vq->tables = setup->packed     ? setup->indirect ? VIRTQ_PACKED_TABLES : VIRTQ_PACKED_COPIED
                 : setup->indirect ? VIRTQ_TABLES
                                   : VIRTQ_IN_RING;
    vq->id_shift = vq->tables != VIRTQ_IN_RING ? 0 : vq->chain_shift;
    vq->slot_mask = (uint16_t)(slots - 1);
    vq->id_mask = (uint16_t)(vq->slot_mask << vq->id_shift);
    vq->index = (uint16_t)setup->index;
    vq->base_shift = vq->tables != VIRTQ_IN_RING ? 16 : vq->id_shift;
    for (unsigned flags = 0; flags < sizeof(vq->flag_rest) / sizeof(vq->flag_rest[0]); flags++) {
        vq->flag_rest[flags] =
            setup->packed ? virtq_packed_rest(0, flags) : virtq_rest(0, flags, 0);
    }
    vq->link_step = setup->packed ? 0 : virtq_rest(0, 0, 1);
    vq->event_index = setup->event_index;
    vq->asks = setup->event_index;
    vq->doorbell = setup->doorbell;
    vq->narrow = setup->narrow_doorbell;
    vq->together = setup->packed ? 0 : 1;
    vq->ring_pages = pages_for(ring_bytes(size));
    vq->table_pages = vq->tables != VIRTQ_IN_RING ? pages_for(table_bytes) : 0;
}

/* The device reads the tables themselves. */
static bool points_to_tables(const struct virtq *vq)
{
    return vq->tables == VIRTQ_TABLES || vq->tables == VIRTQ_PACKED_TABLES;
}

static bool create_packed(struct virtq *vq, const struct virtq_setup *setup)
{
    const size_t size = virtq_size(vq), pages = pages_for(packed_bytes(size));
    struct virtq_packed *packed =
        heap_alloc_zero(sizeof(*packed) + virtq_slots(vq) * sizeof(packed->entries[0]));

    if (packed == NULL) {
        return false;
    }
    /* From here on virtq_destroy sees to it. */
    vq->packed = packed;
    packed->ring_pages = pages;
    packed->together = 1;
    packed->ring = alloc_pages(pages, VM_DEVICE_MEMORY_ZERO, true, setup, &packed->memory);
    packed->driver_event = (volatile uint32_t *)(packed->ring + size);
    packed->device_event = (struct shared32 *)(packed->ring + size) + 1;
    return packed->ring != NULL;
}

/* What the device reads and writes: of a packed queue its ring, and tables that it is pointed to.
 */
static IOReturn map_for_device(struct virtq *vq, IOMapper *mapper)
{
    const IOReturn status =
        vq->packed != NULL
            ? virtio_map(mapper, vq->packed->memory.physical, vq->packed->ring_pages, &vq->rings)
            : virtio_map(mapper, vq->ring_memory.physical, vq->ring_pages, &vq->rings);

    return status == kIOReturnSuccess && points_to_tables(vq)
               ? virtio_map(mapper, vq->table_memory.physical, vq->table_pages, &vq->tables_io)
               : status;
}

IOReturn virtq_create(const struct virtq_setup *setup, struct virtq **queue)
{
    struct virtq *vq;
    char *ring;

    if (!is_valid(setup)) {
        return kIOReturnBadArgument;
    }
    vq = heap_alloc_zero(sizeof(*vq));
    if (vq == NULL) {
        return kIOReturnNoMemory;
    }
    /*
     * First, since virtq_destroy needs the sizes for what is there when one of the allocations
     * fails.
     */
    lay_out(vq, setup);
    /* Section 4.2.3.2 asks for zeros. */
    ring =
        alloc_pages(vq->ring_pages, VM_DEVICE_MEMORY_ZERO, !setup->packed, setup, &vq->ring_memory);
    vq->desc = (struct virtq_desc *)ring;
    vq->slots = heap_alloc_zero(virtq_slots(vq) * sizeof(struct virtq_slot));
    /* Of a table the device reads only what has been filled in. */
    vq->chains = vq->tables != VIRTQ_IN_RING ? alloc_pages(vq->table_pages, 0, points_to_tables(vq),
                                                           setup, &vq->table_memory)
                                             : vq->desc;
    if (ring == NULL || vq->slots == NULL || vq->chains == NULL ||
        (setup->packed && !create_packed(vq, setup))) {
        virtq_destroy(vq);
        return kIOReturnNoMemory;
    }

    if (map_for_device(vq, setup->mapper) != kIOReturnSuccess) {
        virtq_destroy(vq);
        return kIOReturnNoResources;
    }

    const size_t size = virtq_size(vq);

    vq->avail = (struct virtq_avail *)(ring + avail_offset(size));
    vq->used = (struct virtq_used_ring *)(ring + used_offset(size));
    vq->answers = (const struct shared64 *)vq->used->ring;
    vq->used_event = vq->avail->ring + size;
    vq->avail_event = (struct shared16 *)(vq->used->ring + size);
    /* Complete before it joins: from then on a panic prints it. */
    virtq_restart(vq);
    join_queues(vq);
    *queue = vq;
    return kIOReturnSuccess;
}

void virtq_destroy(struct virtq *vq)
{
    if (vq == NULL) {
        return;
    }
    /* Before its memory goes, or a panic would read it. */
    leave_queues(vq);
    if (!virtio_unmap(&vq->rings) || !virtio_unmap(&vq->tables_io)) {
        /* Nobody says that the device cannot reach it any more: it is nobody else's, for good. */
        kprintf("virtqueue %u: its memory cannot be given back\n", vq->index);
        return;
    }
    vm_device_memory_free(&vq->table_memory);
    if (vq->packed != NULL) {
        vm_device_memory_free(&vq->packed->memory);
        heap_free(vq->packed);
    }
    vm_device_memory_free(&vq->ring_memory);
    heap_free(vq->slots);
    heap_free(vq);
}

void virtq_restart(struct virtq *vq)
{
    const unsigned slots = virtq_slots(vq);
    struct virtq_desc *entries = vq->chains;
    /* Behind the header, and the one behind that: in a table each chain counts from 0. */
    uint64_t link = 2 * vq->link_step;
    const uint64_t step = (uint16_t)(1u << vq->base_shift) * vq->link_step;
    /* As the device sees them. */
    uint64_t table =
        vq->tables == VIRTQ_IN_RING
            ? 0
            : vm_device_memory_physical(&vq->table_memory, entries).value + vq->tables_io.offset;

    /* A chain in flight would lose its token here, and its owner would wait for ever. */
    KERNEL_CHECK(virtq_in_flight(vq) == 0);
    for (unsigned slot = 0; slot < slots; slot++, entries += (size_t)1 << vq->chain_shift) {
        vq->slots[slot].entries = entries;
        vq->slots[slot].link = link;
        link += step;
        vq->slots[slot].number = slot;
        vq->slots[slot].id = slot << vq->id_shift;
        vq->slots[slot].next = slot + 1 < slots ? &vq->slots[slot + 1] : NULL;
        vq->slots[slot].framed = 0; /* the device could have written there */
        /*
         * Written here and not with each chain: a slot has its table for good. Anew after a reset,
         * since the device could have written here as well.
         */
        if (vq->tables != VIRTQ_IN_RING) {
            vq->desc[slot].address = table;
            table += sizeof(struct virtq_desc) << vq->chain_shift;
        }
    }
    vq->free = vq->slots;
    vq->counters.requests += vq->published;
    vq->counters.segments += vq->avail_index;
    /*
     * A device begins at 0 after its reset (sections 2.7.6 and 2.7.8), so both sides do. No
     * barrier: virtio_start_queue has one before the device is told where this is.
     */
    vq->avail_index = vq->published = vq->used_index = 0;
    vq->broken = NULL;
    virtq_judge(vq);
    vq->avail->flags = 0;
    vq->avail->index = 0;
    *vq->used_event = 0;
    /*
     * The device's part, and 0 by our hand the first time (section 2.7.10.1): what is left there of
     * before the reset would suppress doorbells.
     */
    vq->used->flags.value = 0;
    vq->used->index.value = 0;
    vq->avail_event->value = 0;
    if (vq->packed != NULL) {
        virtq_packed_restart(vq);
    }
    virtq_check(vq);
}

unsigned virtq_index(const struct virtq *vq)
{
    return vq->index;
}

/* Of a place in the ring that the device has. */
static paddr_t physical(const struct virtq *vq, volatile const void *at)
{
    return vm_device_memory_physical(vq->packed != NULL ? &vq->packed->memory : &vq->ring_memory,
                                     at);
}

paddr_t virtq_desc_address(const struct virtq *vq)
{
    return physical(vq, vq->packed != NULL ? vq->packed->ring : vq->desc);
}

paddr_t virtq_avail_address(const struct virtq *vq)
{
    return vq->packed != NULL ? physical(vq, vq->packed->driver_event) : physical(vq, vq->avail);
}

paddr_t virtq_used_address(const struct virtq *vq)
{
    return vq->packed != NULL ? physical(vq, vq->packed->device_event) : physical(vq, vq->used);
}

ioaddr_t virtq_io_address(const struct virtq *vq, paddr_t address)
{
    return ioaddr(address.value + vq->rings.offset);
}

void virtq_set_frames(struct virtq *vq, void *frames, size_t bytes, uint64_t offset)
{
    for (unsigned slot = 0; slot < virtq_slots(vq); slot++) {
        vq->slots[slot].frame = (char *)frames + slot * bytes;
    }
    vq->frame_offset = offset;
}
