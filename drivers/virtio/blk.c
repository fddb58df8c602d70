/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks: bring-up, configuration, interrupt, the list of disks. */
#include "drivers/virtio/blk.h"

#include "drivers/virtio/blk_private.h"
#include "kernel/console.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/init.h"
#include "kernel/page.h"
#include "kernel/panic.h"

/* In the order in which they were found: of PCI there may be any number. */
static struct virtio_blk *first_disk, **last_link = &first_disk;
static unsigned disk_count;

/* --- Bring-up --------------------------------------------------------------------------------- */

static IOReturn negotiate(struct virtio_blk *disk, uint64_t required)
{
    uint64_t wanted = VIRTIO_CORE_FEATURES | VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX |
                      VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |
                      VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES;

    if (disk->options.without_indirect) {
        wanted &= ~VIRTIO_F_INDIRECT_DESC;
    }
    if (disk->options.without_event_index) {
        wanted &= ~VIRTIO_F_EVENT_IDX;
    }
    if (!disk->options.without_packed) {
        wanted |= VIRTIO_F_RING_PACKED;
    }
    /*
     * Not asked for: MQ, so there is one queue (section 5.2.2); CONFIG_WCE, so that a disk with
     * FLUSH counts as one that writes back and is flushed (section 5.2.5.1).
     */
    return virtio_negotiate(disk->device, wanted, required);
}

static IOReturn activate(struct virtio_blk *disk)
{
    const IOReturn status = virtio_start_queue(disk->device, disk->queue);

    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Before the device is live: the wish stands in the ring when the first request comes back. */
    if (disk->polled) {
        virtq_disable_interrupt(disk->queue);
    } else {
        virtq_enable_interrupt(disk->queue);
    }
    return virtio_ready(disk->device);
}

IOReturn blk_start(struct virtio_blk *disk)
{
    /* What was built on these features cannot do without them, nor with others it may offer now. */
    const uint64_t features = disk->device->features;
    IOReturn status = virtio_negotiate(disk->device, features, features);

    virtq_restart(disk->queue);
    if (status == kIOReturnSuccess) {
        status = blk_read_configuration(disk);
    }
    if (status == kIOReturnSuccess) {
        status = activate(disk);
    }
    /*
     * A negotiation that failed has left fewer there: the next try must ask again for all that the
     * queue was built on.
     */
    disk->device->features = features;
    return status;
}

/* Once: whoever calls it forgets the disk, or has others for it. */
static void release_resources(struct virtio_blk *disk)
{
    OSObject_release(disk->cursor);
    /* What cannot be taken from the device stays where it is, for good. */
    if (disk->frames != NULL && virtio_unmap(&disk->frames_io)) {
        vm_device_memory_free(&disk->frame_memory);
    }
    virtq_destroy(disk->queue);
    heap_free(disk->part_bytes);
}

/*
 * Entries of a chain that lies in the ring: a quarter of it, so that a block may
 * be in many pieces and a few requests still overlap.
 */
static unsigned share_of_ring(unsigned size)
{
    unsigned entries = BLK_CHAIN_LEAST;

    while (entries * 8 <= size) {
        entries *= 2;
    }
    return entries;
}

/*
 * Entries of a chain that has a table of its own: a page of them, or as many more
 * as the device has a use for.
 */
static unsigned table_entries(uint32_t segments_max)
{
    unsigned entries = BLK_TABLE_ENTRIES;

    while (entries < BLK_TABLE_ENTRIES_MAX && entries < segments_max + BLK_FRAME_ENTRIES) {
        entries *= 2;
    }
    return entries;
}

/*
 * The ring has as many entries as the longest chain, in a table too: section
 * 2.7.5.3.1 forbids longer ones, and only QEMU does not mind. Since each entry of a
 * ring with tables would cost a table, there are fewer of these.
 */
static IOReturn create_queue(struct virtio_blk *disk)
{
    const bool tables = blk_has(disk, VIRTIO_F_INDIRECT_DESC);
    unsigned size = virtio_queue_size_max(disk->device, BLK_QUEUE);
    uint32_t segments_max;
    const IOReturn status = blk_read_segments_max(disk, &segments_max);

    if (status != kIOReturnSuccess) {
        return status;
    }

    const unsigned longest = table_entries(segments_max);
    const unsigned wanted = tables ? longest : BLK_QUEUE_CHAINED;
    const unsigned most = disk->options.queue_size != 0 ? disk->options.queue_size : wanted;

    if (size > most) {
        size = most;
    }
    if (size < BLK_CHAIN_LEAST) {
        return kIOReturnUnsupported;
    }
    /*
     * Here and not by virtq_create alone: the length of a chain follows from the size that the ring
     * will have.
     */
    while (!is_power_of_two(size)) {
        size &= size - 1;
    }
    disk->chain_entries = !tables ? share_of_ring(size) : longest < size ? longest : size;

    const struct virtq_setup setup = {
        .size = size,
        .index = BLK_QUEUE,
        .chain_entries = disk->chain_entries,
        /* Whoever names a size gets as many requests at once as it has entries. */
        .chains = disk->options.queue_size != 0 ? 0 : BLK_CHAINS,
        .indirect = tables,
        .event_index = blk_has(disk, VIRTIO_F_EVENT_IDX),
        .packed = blk_has(disk, VIRTIO_F_RING_PACKED),
        .mapper = disk->device->mapper,
        .uncached = disk->device->uncached,
        .doorbell = virtio_doorbell(disk->device, BLK_QUEUE),
        .narrow_doorbell = virtio_doorbell_is_narrow(disk->device),
    };

    return virtq_create(&setup, &disk->queue);
}

static IOReturn create_frames(struct virtio_blk *disk)
{
    /*
     * A frame a slot, so that a chain needs no search for its header and its status, and one for
     * the serial number. In pages of
     * the driver's own: what lies beside a frame is another frame.
     */
    const size_t bytes = (virtq_slots(disk->queue) + 1) * sizeof(struct blk_frame);
    const unsigned flags =
        VM_DEVICE_MEMORY_ZERO | (disk->device->uncached ? VM_DEVICE_MEMORY_UNCACHED : 0);

    disk->frame_pages = (bytes + PAGE_MASK) >> PAGE_SHIFT;
    if (vm_device_memory_alloc(disk->frame_pages, flags, &disk->frame_memory) != KERN_SUCCESS) {
        return kIOReturnNoMemory;
    }
    disk->frames = disk->frame_memory.address;
    if (virtio_map(disk->device->mapper, disk->frame_memory.physical, disk->frame_pages,
                   &disk->frames_io) != kIOReturnSuccess) {
        return kIOReturnNoResources;
    }
    virtq_set_frames(disk->queue, disk->frames, sizeof(*disk->frames),
                     disk->frames_io.offset + vm_device_memory_offset(&disk->frame_memory));
    /* Not in the frames, where the device could change it. */
    disk->part_bytes = heap_alloc_zero(virtq_slots(disk->queue) * sizeof(*disk->part_bytes));
    return disk->part_bytes != NULL ? kIOReturnSuccess : kIOReturnNoMemory;
}

static IOReturn create_cursor(struct virtio_blk *disk)
{
    disk->cursor_bytes_max = disk->segment_bytes_max;
    disk->whole_bytes_max = disk->device->mapper != NULL ? 0 : BLK_PART_BYTES_MAX;
    /* It would give physical addresses, which mean nothing to a device that is translated. */
    if (disk->device->mapper != NULL) {
        return kIOReturnSuccess;
    }
    /*
     * Made for the limit of now; one that falls later is noticed by cursor_bytes_max
     * (blk_config.c).
     */
    disk->cursor = IOMemoryCursor_withRowFunction(virtq_segment_function(disk->queue),
                                                  virtq_row_function(disk->queue),
                                                  disk->segment_bytes_max, BLK_PART_BYTES_MAX, 1);
    return disk->cursor != NULL ? kIOReturnSuccess : kIOReturnNoMemory;
}

/* --- Interrupt -------------------------------------------------------------------------------- */

static void configuration_changed(void *context)
{
    struct virtio_blk *disk = context;

    /*
     * Not "again": interrupts are masked while anybody holds it, so this handler interrupts no
     * holder.
     */
    lock_take_masked(&disk->lock);
    if (!disk->lost &&
        (virtio_needs_reset(disk->device) || blk_read_configuration(disk) != kIOReturnSuccess)) {
        blk_recover(disk, kIOReturnDeviceError);
    }
    lock_release_masked(&disk->lock);
}

/* --- Building --------------------------------------------------------------------------------- */

/* Memory of a device that does not stop must be considered in use, for ever. */
static bool give_up_resources(struct virtio_blk *disk)
{
    if (!virtio_reset(disk->device)) {
        return false;
    }
    release_resources(disk);
    return true;
}

/*
 * From a claimed device to a working disk with resources of its own. After an error
 * it has some of them, which the caller gives up when no interrupt can come any more.
 */
static IOReturn build(struct virtio_blk *disk)
{
    IOReturn status = negotiate(disk, VIRTIO_F_VERSION_1);

    /* The caller may have a copy with the old ones, which go back when this has succeeded. */
    disk->queue = NULL;
    disk->frames = NULL;
    disk->frames_io = (struct virtio_mapping){0};
    disk->part_bytes = NULL;
    disk->cursor = NULL;
    if (status == kIOReturnSuccess) {
        status = create_queue(disk);
    }
    if (status == kIOReturnSuccess) {
        /*
         * After the queue, whose chains bound the segments; before the cursor, which needs the
         * limits.
         */
        status = blk_read_configuration(disk);
    }
    if (status == kIOReturnSuccess) {
        status = create_frames(disk);
    }
    if (status == kIOReturnSuccess) {
        status = create_cursor(disk);
    }
    /*
     * A disk that is configured anew keeps its handlers. A new one has all they touch by now, and
     * is not live yet.
     */
    if (status == kIOReturnSuccess && disk->device->used == NULL) {
        status = virtio_attach(disk->device, blk_buffers_used, configuration_changed, disk);
    }
    if (status == kIOReturnSuccess) {
        status = activate(disk);
    }
    return status;
}

IOReturn virtio_blk_configure(struct virtio_blk *disk, const struct virtio_blk_options *options)
{
    if (disk == NULL || options == NULL) {
        return kIOReturnBadArgument;
    }
    /*
     * Memory is allocated here, and a completion would have its queue freed under the loop that
     * called it.
     */
    if (disk->finishing || irq_in_handler()) {
        return kIOReturnNotPermitted;
    }

    const lock_state_t state = lock_take_again(&disk->lock);
    /*
     * By value: all that `build` replaces is pointers and limits, and to go back is one assignment.
     */
    const struct virtio_blk before = *disk;
    const uint64_t features = disk->device->features;
    IOReturn status = kIOReturnBusy;

    if (disk->lost) { /* not before the lock: an interrupt may have found it lost just now */
        status = kIOReturnNotResponding;
    } else if (virtq_in_flight(disk->queue) == 0 && disk->waiting == NULL) {
        disk->options = *options;
        status = build(disk);
        if (status == kIOReturnSuccess) {
            /* The device has been reset since and knows the new ones alone. */
            struct virtio_blk old = before;

            release_resources(&old);
        } else {
            /* What the attempt has built; the old resources are in `before`, and are whole. */
            give_up_resources(disk);
            *disk = before;
            disk->device->features = features;
            if (blk_start(disk) != kIOReturnSuccess) {
                blk_lose(disk);
            }
        }
    }
    lock_release(&disk->lock, state);
    return status;
}

void virtio_blk_set_interrupts(struct virtio_blk *disk, bool on)
{
    const lock_state_t state = lock_take_again(&disk->lock);

    disk->polled = !on;
    /*
     * Not from a completion: the collecting that calls it is on this stack, and asks for the next
     * interrupt when it ends.
     */
    if (on && !disk->finishing) {
        blk_collect(disk); /* also asks for the next interrupt */
    } else if (!on) {
        virtq_disable_interrupt(disk->queue);
    }
    lock_release(&disk->lock, state);
}

void virtio_blk_gather_interrupts(struct virtio_blk *disk, unsigned requests)
{
    const lock_state_t state = lock_take_again(&disk->lock);

    virtq_gather_interrupts(disk->queue, requests);
    if (!disk->polled && !disk->finishing) {
        blk_collect(disk); /* asks for the next interrupt by the new rule */
    }
    lock_release(&disk->lock, state);
}

/* --- The list of disks ------------------------------------------------------------------------ */

struct virtio_blk *blk_create(struct virtio_device *device)
{
    struct virtio_blk *disk = heap_alloc_zero(sizeof(*disk));
    IOReturn status = kIOReturnNoMemory;

    if (disk != NULL) {
        disk->lock = (struct lock)LOCK_INITIAL("a disk", LOCK_RANK_DEVICE);
        disk->device = device;
        status = build(disk);
    }
    if (status == kIOReturnSuccess) {
        return disk;
    }
    /* Before the disk goes: a handler has it as its context. */
    virtio_detach(device);
    if (disk != NULL) {
        give_up_resources(disk);
    }
    kprintf("virtio-blk: the disk at 0x%llx cannot be used (error 0x%x)\n",
            (unsigned long long)device->address.value, (unsigned)status);
    heap_free(disk);
    return NULL;
}

void blk_destroy(struct virtio_blk *disk)
{
    bool stopped;

    virtio_detach(disk->device);
    stopped = give_up_resources(disk);
    OSObject_release(disk->engine);
    OSObject_release(disk->service);
    /* One that does not stop may still write the serial number, which has its place in the disk. */
    if (stopped) {
        heap_free(disk);
    }
}

/* Into the list, where it stays; NULL if it cannot be used. */
static struct virtio_blk *add_disk(struct virtio_device *device)
{
    struct virtio_blk *const disk = blk_create(device);

    if (disk != NULL) {
        *last_link = disk;
        last_link = &disk->next;
        disk_count++;
    }
    return disk;
}

static void find_disks(void)
{
    struct virtio_device *device;

    /* One that cannot be used has been named and takes no place: the next one is tried. */
    while ((device = virtio_claim(VIRTIO_ID_BLOCK)) != NULL) {
        add_disk(device);
    }
}

INITIALISER(INIT_DRIVER, find_disks);

struct virtio_blk *virtio_blk_of_vdma(void)
{
    struct virtio_device *const device = virtio_claim_of(VIRTIO_ID_BLOCK, VIRTIO_VENDOR_VDMA);

    return device != NULL ? add_disk(device) : NULL;
}

unsigned virtio_blk_count(void)
{
    return disk_count;
}

struct virtio_blk *virtio_blk_get(unsigned index)
{
    struct virtio_blk *disk = first_disk;

    for (; disk != NULL && index > 0; index--) {
        disk = disk->next;
    }
    return disk;
}

void virtio_blk_get_info(struct virtio_blk *disk, struct virtio_blk_info *info)
{
    *info = (struct virtio_blk_info){
        .sectors = disk->sectors,
        .block_size = (uint32_t)disk->block_mask + 1,
        .read_only = disk->read_only,
        .has_flush = blk_has(disk, VIRTIO_BLK_F_FLUSH),
        .has_discard = disk->discard_bytes_max != 0,
        .has_write_zeroes = disk->write_zeroes_bytes_max != 0,
        .has_indirect = blk_has(disk, VIRTIO_F_INDIRECT_DESC),
        .has_event_index = blk_has(disk, VIRTIO_F_EVENT_IDX),
        .has_packed = blk_has(disk, VIRTIO_F_RING_PACKED),
        .queue_size = virtq_size(disk->queue),
        .segments_max = disk->segments_max,
        .intid = disk->device->intid,
    };
}

void virtio_blk_watch(struct virtio_blk *disk, virtio_blk_watch_t *watch, void *context)
{
    const lock_state_t irq = lock_take_again(&disk->lock);

    disk->watch = watch;
    disk->watch_context = context;
    blk_judge_usual(disk);
    lock_release(&disk->lock, irq);
}

void virtio_blk_get_counters(struct virtio_blk *disk, struct virtq_counters *counters)
{
    virtq_get_counters(disk->queue, counters);
}
