/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtqueue, and all of a split one; see queue.h. */
#include "drivers/virtio/queue.h"

#include "drivers/recording.h"
#include "drivers/virtio/queue_private.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/lock.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
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
    /*
     * One for all queues, and added once: it is a link in a list, which a second time would close
     * to a ring.
     */
    static struct panic_report report = {.print = print_queues};
    static bool is_reported;
    const lock_state_t state = lock_take(&queues_lock);
    const bool is_first = !is_reported;

    /* Link before head: a panic in between shows the others. */
    vq->next = queues;
    queues = vq;
    is_reported = true;
    lock_release(&queues_lock, state);
    if (is_first) {
        panic_add_report(&report);
    }
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

static void *alloc_pages(size_t count, bool zero)
{
    /*
     * Pages in a row: each part is contiguous for the device (section 2.7), and so is each table.
     */
    const struct page_request request = {.count = count, .owner = PAGE_OWNER_DRIVER, .zero = zero};
    paddr_t first;

    return page_alloc_run(&request, &first) == KERN_SUCCESS ? phys_to_virt(first) : NULL;
}

static void free_pages(void *first, size_t count)
{
    if (first == NULL) {
        return;
    }
    const kern_return_t result = page_free_run(virt_to_phys(first), count);

    /* They came from there in this size; refused now, the queue's records are damaged. */
    KERNEL_CHECK(result == KERN_SUCCESS);
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
    vq->index = (uint16_t)setup->index;
    vq->base_shift = vq->tables != VIRTQ_IN_RING ? 16 : vq->id_shift;
    vq->event_index = setup->event_index;
    vq->doorbell = setup->doorbell;
    vq->narrow = setup->narrow_doorbell;
    vq->together = setup->packed ? 0 : 1;
    vq->ring_pages = pages_for(ring_bytes(size));
    vq->table_pages = vq->tables != VIRTQ_IN_RING ? pages_for(table_bytes) : 0;
}

static bool create_packed(struct virtq *vq)
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
    packed->ring = alloc_pages(pages, true);
    packed->driver_event = (volatile uint32_t *)(packed->ring + size);
    packed->device_event = (struct shared32 *)(packed->ring + size) + 1;
    return packed->ring != NULL;
}

/* What the device reads and writes: of a packed queue its ring, and tables that it is pointed to.
 */
static IOReturn map_for_device(struct virtq *vq, IOMapper *mapper)
{
    const bool points = vq->tables == VIRTQ_TABLES || vq->tables == VIRTQ_PACKED_TABLES;
    const IOReturn status =
        vq->packed != NULL
            ? virtio_map(mapper, vq->packed->ring, vq->packed->ring_pages, &vq->rings)
            : virtio_map(mapper, vq->desc, vq->ring_pages, &vq->rings);

    return status == kIOReturnSuccess && points
               ? virtio_map(mapper, vq->chains, vq->table_pages, &vq->tables_io)
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
    ring = alloc_pages(vq->ring_pages, true); /* section 4.2.3.2 asks for zeros */
    vq->desc = (struct virtq_desc *)ring;
    vq->slots = heap_alloc_zero(virtq_slots(vq) * sizeof(struct virtq_slot));
    /* Of a table the device reads only what has been filled in. */
    vq->chains = vq->tables != VIRTQ_IN_RING ? alloc_pages(vq->table_pages, false) : vq->desc;
    if (ring == NULL || vq->slots == NULL || vq->chains == NULL ||
        (setup->packed && !create_packed(vq))) {
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
    if (vq->tables != VIRTQ_IN_RING) {
        free_pages(vq->chains, vq->table_pages);
    }
    if (vq->packed != NULL) {
        free_pages(vq->packed->ring, vq->packed->ring_pages);
        heap_free(vq->packed);
    }
    free_pages(vq->desc, vq->ring_pages);
    heap_free(vq->slots);
    heap_free(vq);
}

void virtq_restart(struct virtq *vq)
{
    const unsigned slots = virtq_slots(vq);

    /* A chain in flight would lose its token here, and its owner would wait for ever. */
    KERNEL_CHECK(virtq_in_flight(vq) == 0);
    for (unsigned slot = 0; slot < slots; slot++) {
        vq->slots[slot].next = slot + 1 < slots ? (uint16_t)(slot + 1) : VIRTQ_NO_SLOT;
        vq->slots[slot].framed = 0; /* the device could have written there */
        /*
         * Written here and not with each chain: a slot has its table for good. Anew after a reset,
         * since the device could have written here as well.
         */
        if (vq->tables != VIRTQ_IN_RING) {
            vq->desc[slot].address =
                virt_to_phys(vq->chains + ((size_t)slot << vq->chain_shift)).value +
                vq->tables_io.offset;
        }
    }
    vq->free_slot = 0;
    /*
     * A device begins at 0 after its reset (sections 2.7.6 and 2.7.8), so both sides do. No
     * barrier: virtio_start_queue has one before the device is told where this is.
     */
    vq->avail_index = vq->published = vq->used_index = 0;
    vq->broken = NULL;
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

paddr_t virtq_desc_address(const struct virtq *vq)
{
    return virt_to_phys(vq->packed != NULL ? vq->packed->ring : vq->desc);
}

paddr_t virtq_avail_address(const struct virtq *vq)
{
    return vq->packed != NULL ? virt_to_phys((void *)(uintptr_t)vq->packed->driver_event)
                              : virt_to_phys(vq->avail);
}

paddr_t virtq_used_address(const struct virtq *vq)
{
    return vq->packed != NULL ? virt_to_phys(vq->packed->device_event) : virt_to_phys(vq->used);
}

ioaddr_t virtq_io_address(const struct virtq *vq, paddr_t address)
{
    return ioaddr(address.value + vq->rings.offset);
}

void virtq_set_frame_offset(struct virtq *vq, uint64_t offset)
{
    vq->frame_offset = offset;
}

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
    if (length == 0 || segment.fLength > to->longest) {
        return false;
    }
    virtq_desc_store(to->segments.first + index, segment.fIOVMAddr,
                     length + to->segments.rest + ((uint64_t)index << VIRTQ_REST_NEXT));
    to->left -= length;
    return true;
}

void virtq_get_chain(const struct virtq *vq, unsigned slot, struct virtq_chain *chain)
{
    *chain = (struct virtq_chain){
        .entries = vq->chains + ((size_t)slot << vq->chain_shift),
        .slot = (uint16_t)slot,
        .base = (uint16_t)(slot << vq->base_shift),
        .table = vq->tables,
    };
    /* In the packed form no entry says whether another one follows: what points to them does. */
    if (vq->packed != NULL) {
        chain->count = (uint16_t)((uint32_t)vq->desc[slot].rest / sizeof(struct virtq_desc));
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
    struct virtq_desc *entries = vq->chains + ((size_t)slot << vq->chain_shift);
    /* Links count from the beginning of the table that the entry is in (section 2.7.5.3). */
    const unsigned next = vq->tables != VIRTQ_IN_RING ? 1 : (slot << vq->base_shift) + 1;
    uint64_t first_rest = virtq_rest(first_length, VIRTQ_NEXT, next);
    uint64_t last_rest = virtq_rest(last_length, VIRTQ_WRITE, 0);

    if (vq->packed != NULL) {
        first_rest = virtq_packed_rest(first_length, 0);
        last_rest = virtq_packed_rest(last_length, VIRTQ_WRITE);
    }
    virtq_desc_store(entries, first.value + vq->frame_offset, first_rest);
    virtq_desc_store(entries + at, last.value + vq->frame_offset, last_rest);
    virtq_point(vq, slot, at + 1);
    vq->slots[slot].framed = (uint16_t)at;
}

bool virtq_chain_has_table(const struct virtq_chain *chain)
{
    return chain->table == VIRTQ_TABLES || chain->table == VIRTQ_PACKED_TABLES;
}

unsigned virtq_chain_slot(const struct virtq_chain *chain)
{
    return chain->slot;
}

/* --- Giving to the device --------------------------------------------------------------------- */

/* Did the step from `before` to `now` pass the index that the other side asked to hear of? */
static bool passed(uint16_t event, uint16_t before, uint16_t now)
{
    /*
     * All modulo 65536: equal to `before <= event < now` where nothing wraps, and right where it
     * does.
     */
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/* Section 2.7.10: without event index a flag of the device tells, with it an index. */
static bool wants_doorbell(const struct virtq *vq, uint16_t before)
{
    if (vq->event_index) {
        /*
         * From `before` on and not only the newest: many chains are published in one step, and the
         * one that the device waits for may be any of them.
         */
        return passed(shared_read16(vq->avail_event), before, vq->published);
    }
    return (shared_read16(&vq->used->flags) & VIRTQ_USED_NO_NOTIFY) == 0;
}

/*
 * The barrier before the look whether it is wanted holds for this store too: a device that looks at
 * the ring at once finds what is new.
 */
static inline void ring_doorbell(struct virtq *vq)
{
    vq->counters.doorbells++;
    trace_doorbell((vaddr_t)vq, vq->published, vq->index);
    if (vq->narrow) {
        mmio_write16(vq->doorbell, 0, vq->index);
    } else {
        mmio_write32(vq->doorbell, 0, vq->index);
    }
}

void virtq_publish(struct virtq *vq)
{
    const uint16_t before = vq->published;

    virtq_check(vq);
    /* Of a broken queue the device hears nothing more: what it has is taken back by a reset. */
    if (before == vq->avail_index || vq->broken != NULL) {
        return;
    }
    vq->published = vq->avail_index;
    vq->counters.requests += (uint16_t)(vq->published - before);
    /*
     * More are in flight now, so the interrupt may come later. Where the device has
     * passed the new index it has passed the old one, and interrupted for that.
     */
    if (vq->together != 1) {
        if (vq->packed != NULL) {
            if (virtq_packed_publish(vq, before)) {
                ring_doorbell(vq);
            }
            return;
        }
        if (!vq->quiet) {
            *vq->used_event = (uint16_t)(vq->used_index + virtq_awaited(vq) - 1);
        }
    }
    /*
     * Release: descriptors, tables, ring entries and what the CPU has written into the buffers are
     * there before the index that exposes them (section 2.7.13.3.1).
     */
    __atomic_store_n(&vq->avail->index, vq->published, __ATOMIC_RELEASE);
    /* The device must see the index before we look whether it sleeps, and before the doorbell. */
    cpu_dmb_sy();
    if (!wants_doorbell(vq, before)) {
        return;
    }
    ring_doorbell(vq);
}

/* --- Taking back ------------------------------------------------------------------------------ */

void virtq_reject(struct virtq *vq, const char *reason)
{
    vq->broken = reason;
    /* So that virtq_begin finds out with the test that it makes anyway. */
    vq->free_slot = VIRTQ_NO_SLOT;
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
}

void virtq_disable_interrupt(struct virtq *vq)
{
    /* A hint, so without a barrier: an interrupt that is on its way comes all the same. */
    vq->quiet = true;
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
    vq->published = vq->avail_index; /* what the device was told of means nothing any more */
    /* Ends: as many slots have tokens as chains are in flight, and that is one at least. */
    for (uint16_t slot = 0;; slot++) {
        void *token = vq->slots[slot].token;

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
}

void virtq_print(const struct virtq *vq)
{
    kprintf("virtqueue %u: size %u slots %u in flight %u; submitted %u published %u taken %u, "
            "device's used %u; %s\n",
            vq->index, virtq_size(vq), virtq_slots(vq), virtq_in_flight(vq), vq->avail_index,
            vq->published, vq->used_index, shared_read16(&vq->used->index),
            vq->broken != NULL ? vq->broken : "working");
}
