/* SPDX-License-Identifier: BSD-2-Clause */
/* vdma: bring-up at the first use, interrupts, and back to work after a reset. */
#include <string.h>

#include "drivers/vdma/vdma_private.h"
#include "kernel/console.h"
#include "kernel/irq.h"

#define MEMORY_PAGES 2u /* for frames and control data */

_Static_assert(VIRTIO_VENDOR_VDMA == VDMA_VENDOR, "the data sheet's vendor");
_Static_assert(sizeof(struct vdma_frame) * VDMA_DEPTH + sizeof(struct vdma_control_data) <=
                   MEMORY_PAGES * PAGE_SIZE,
               "frames and control data share two pages");

#define CHAIN_MAX 256u /* entries of a chain, where the device lets them be so many */

struct vdma_state vdma_state = {.lock = LOCK_INITIAL("vdma", LOCK_RANK_DEVICE)};

/* --- Interrupts ------------------------------------------------------------------------------- */

static void configuration_changed(void *context)
{
    (void)context;
    lock_take_masked(&vdma_state.lock);
    if (!vdma_state.lost && virtio_needs_reset(vdma_state.device)) {
        kprintf("vdma: the device is reset: it asks for it\n");
        vdma_recover(kIOReturnDeviceError, false);
    }
    lock_release_masked(&vdma_state.lock);
}

/* --- Reset ------------------------------------------------------------------------------------ */

IOReturn vdma_attach(void)
{
    return virtio_attach(vdma_state.device, vdma_buffers_used, configuration_changed, NULL);
}

static IOReturn activate(void)
{
    const IOReturn status = virtio_start_queue(vdma_state.device, vdma_state.queue);

    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_enable_interrupt(vdma_state.queue); /* before the device is live */
    return virtio_ready(vdma_state.device);
}

static void append(struct vdma_transfer **list, struct vdma_transfer *more)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = more;
}

/* In the order in which they are told: what was answered, what was at the device, the line. */
static struct vdma_transfer *take_unfinished(bool all)
{
    struct vdma_transfer *list = vdma_state.doubted, *transfer;

    vdma_state.doubted = NULL;
    while ((transfer = virtq_detach(vdma_state.queue)) != NULL) {
        transfer->next = NULL;
        append(&list, transfer);
    }
    if (all) {
        append(&list, vdma_state.first);
        vdma_state.first = vdma_state.last = NULL;
        vdma_judge_usual();
    }
    return list;
}

/* More than one in a row: it will not do. */
#define RESTORE_FAILURES_MAX 2u

static void restored(struct vdma_transfer *transfer)
{
    if (transfer->result == kIOReturnSuccess) {
        vdma_state.restore_failures = 0;
        return;
    }
    /* What is in line has addresses that mean something else without it. */
    vdma_state.restore_failures++;
    virtq_reject(vdma_state.queue, "it does not take its translation table again");
}

/* Nobody is told of its end when it was at the device: there will be another turn, or no device. */
static void drop_restore(struct vdma_transfer **list)
{
    for (; *list != NULL; list = &(*list)->next) {
        if (*list == &vdma_state.restore) {
            *list = vdma_state.restore.next;
            return;
        }
    }
}

/* Before everything in line, and alone at the device: the type sees to that. */
static void restore_table(void)
{
    if (vdma_state.table != NULL) {
        vdma_table_request(vdma_state.table, &vdma_state.restore);
        vdma_state.restore.ended = restored;
        vdma_put_first(&vdma_state.restore);
    }
}

void vdma_recover(IOReturn status, bool all)
{
    const uint64_t features = vdma_state.device->features;
    const bool stopped = virtio_reset(vdma_state.device);
    struct vdma_transfer *unfinished = take_unfinished(all);

    virtq_restart(vdma_state.queue);
    vdma_state.alone = false;
    vdma_state.lost =
        !stopped || virtio_negotiate(vdma_state.device, features, features) != kIOReturnSuccess ||
        activate() != kIOReturnSuccess || vdma_state.restore_failures > RESTORE_FAILURES_MAX;
    vdma_judge_usual();
    if (vdma_state.lost) {
        virtio_detach(vdma_state.device);
        kprintf("vdma: the device is lost: it does not come back from its reset\n");
        status = kIOReturnNotResponding;
        append(&unfinished, take_unfinished(true)); /* nothing in line will ever go on */
    }
    drop_restore(&unfinished);
    if (!vdma_state.lost) {
        restore_table();
    }
    /* Their clients may submit, to wait behind the table; no resets out of these. */
    vdma_state.finishing = true;
    for (struct vdma_transfer *next; unfinished != NULL; unfinished = next) {
        next = unfinished->next;
        vdma_end(unfinished, status);
    }
    vdma_go_on(); /* and no more ends; of one that is lost nothing is in line */
}

IOReturn vdma_reset(void)
{
    lock_state_t state;
    IOReturn status = kIOReturnNotPermitted;

    if (vdma_state.device == NULL) {
        return kIOReturnNoDevice;
    }
    state = lock_take_again(&vdma_state.lock);
    if (vdma_state.lent) {
        status = kIOReturnBusy;
    } else if (!vdma_state.finishing) {
        if (!vdma_state.lost) {
            vdma_collect(); /* what is finished has an answer */
        }
        if (!vdma_state.lost) {
            vdma_recover(kIOReturnAborted, true);
        }
        status = vdma_state.lost ? kIOReturnNotResponding : kIOReturnSuccess;
    }
    lock_release(&vdma_state.lock, state);
    return status;
}

/* --- Bring-up --------------------------------------------------------------------------------- */

static IOReturn create_queue(struct virtio_device *device)
{
    /* No chain is longer than its queue (virtio 1.2, section 2.7.5.3.1): the ring has so many. */
    const unsigned offered = virtio_queue_size_max(device, 0);
    struct virtq_setup setup = {
        .size = offered < CHAIN_MAX ? offered : CHAIN_MAX,
        .chain_entries = CHAIN_MAX,
        .chains = VDMA_DEPTH,
        .indirect = (device->features & VIRTIO_F_INDIRECT_DESC) != 0,
        .event_index = (device->features & VIRTIO_F_EVENT_IDX) != 0,
        .doorbell = virtio_doorbell(device, 0),
        .uncached = device->uncached,
    };

    while (setup.chain_entries > setup.size) {
        setup.chain_entries /= 2;
    }
    /* Header, status, and one segment for each side. */
    return setup.chain_entries < 4 ? kIOReturnUnsupported : virtq_create(&setup, &vdma_state.queue);
}

static IOReturn build(struct virtio_device *device)
{
    /* Zeroed: the parts of a header that no request uses are written never again. */
    const unsigned flags =
        VM_DEVICE_MEMORY_ZERO | (device->uncached ? VM_DEVICE_MEMORY_UNCACHED : 0);
    IOReturn status = virtio_negotiate(device, VIRTIO_CORE_FEATURES & ~VIRTIO_F_ACCESS_PLATFORM,
                                       VIRTIO_F_VERSION_1);

    if (status == kIOReturnSuccess) {
        status = create_queue(device);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (vm_device_memory_alloc(MEMORY_PAGES, flags, &vdma_state.memory) != KERN_SUCCESS) {
        return kIOReturnNoMemory;
    }
    vdma_state.frames = vdma_state.memory.address;
    vdma_state.data = (struct vdma_control_data *)(vdma_state.frames + VDMA_DEPTH);
    virtq_set_frames(vdma_state.queue, vdma_state.frames, sizeof(*vdma_state.frames),
                     vm_device_memory_offset(&vdma_state.memory));
    vdma_judge_parts(); /* by capabilities that it has not been asked for yet: no limits */
    status = vdma_attach();
    if (status == kIOReturnSuccess) {
        status = activate();
    }
    if (status == kIOReturnSuccess) {
        status = vdma_read_capabilities();
    }
    return status == kIOReturnSuccess ? vdma_create_engine() : status;
}

static void give_up(struct virtio_device *device)
{
    virtio_detach(device);
    if (virtio_reset(device)) { /* or its memory must be considered in use, for ever */
        virtq_destroy(vdma_state.queue);
        vm_device_memory_free(&vdma_state.memory);
    }
    vdma_state.queue = NULL;
    vdma_state.memory = (struct vm_device_memory){0};
    vdma_state.device = NULL;
}

/*
 * At the first use, and not when drivers start: an image may want the device as a disk instead.
 * From a handler there is only what has been found before.
 */
bool vdma_found(void)
{
    struct virtio_device *device;
    IOReturn status;

    if (vdma_state.device != NULL || irq_in_handler()) {
        return vdma_state.device != NULL;
    }
    device = virtio_claim_of(VIRTIO_ID_BLOCK, VIRTIO_VENDOR_VDMA);
    if (device == NULL) {
        return false;
    }
    vdma_state.device = device;
    status = build(device);
    if (status != kIOReturnSuccess) {
        kprintf("vdma: the device at 0x%llx cannot be used (error 0x%x)\n",
                (unsigned long long)device->address.value, (unsigned)status);
        give_up(device);
    }
    return status == kIOReturnSuccess;
}

bool vdma_present(void)
{
    return vdma_found() && !vdma_state.lost;
}

void vdma_get_counters(struct virtq_counters *counters)
{
    *counters = (struct virtq_counters){0};
    if (vdma_state.device != NULL) {
        virtq_get_counters(vdma_state.queue, counters);
    }
}
