/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of vdma: one request at the device at a time, the others in line. The device is
 * not trusted: what it may write is the ring, the status and a target's own bytes.
 */
#include "drivers/vdma/vdma.h"

#include <string.h>

#include "drivers/vdma/vdma_private.h"
#include "kernel/console.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/page.h"

_Static_assert(VIRTIO_VENDOR_VDMA == VDMA_VENDOR, "the data sheet's vendor");

#define QUEUE_SIZE 16u  /* entries; with tables, one is in use at a time */
#define CHAIN_MAX  256u /* entries of a chain, where the device lets them be so many */

struct vdma_state vdma_state;

/* --- Interrupts ------------------------------------------------------------------------------- */

static void recover(IOReturn status);

static void buffers_used(void *context, unsigned vector)
{
    struct virtq_used used;

    (void)context, (void)vector;
    virtq_count_interrupt(vdma_state.queue);
    while (virtq_enable_interrupt(vdma_state.queue) != 0 &&
           virtq_take_next(vdma_state.queue, &used)) {
        vdma_take_answer(used.token);
    }
    if (virtq_broken(vdma_state.queue) != NULL && !vdma_state.lost) {
        kprintf("vdma: the device is reset: %s\n", virtq_broken(vdma_state.queue));
        recover(kIOReturnDeviceError);
    }
}

static void configuration_changed(void *context)
{
    (void)context;
    if (!vdma_state.lost && virtio_needs_reset(vdma_state.device)) {
        kprintf("vdma: the device is reset: it asks for it\n");
        recover(kIOReturnDeviceError);
    }
}

/* --- Bring-up and reset ----------------------------------------------------------------------- */

static IOReturn activate(void)
{
    const IOReturn status = virtio_start_queue(vdma_state.device, vdma_state.queue);

    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_enable_interrupt(vdma_state.queue); /* before the device is live */
    return virtio_ready(vdma_state.device);
}

/* What is in line ends with `status`, and the device works again or is lost. */
static void recover(IOReturn status)
{
    const uint64_t features = vdma_state.device->features;
    const bool stopped = virtio_reset(vdma_state.device);
    struct vdma_transfer *unfinished = vdma_state.first;

    while (virtq_detach(vdma_state.queue) != NULL) {
        continue;
    }
    virtq_restart(vdma_state.queue);
    vdma_state.first = NULL;
    vdma_state.busy = false;
    vdma_state.lost = !stopped ||
                      virtio_negotiate(vdma_state.device, features, features) != kIOReturnSuccess ||
                      activate() != kIOReturnSuccess;
    if (vdma_state.lost) {
        virtio_detach(vdma_state.device);
        kprintf("vdma: the device is lost: it does not come back from its reset\n");
        status = kIOReturnNotResponding;
    }
    /* Their completions may get in line again, but not before these. */
    vdma_state.finishing = true;
    for (struct vdma_transfer *next; unfinished != NULL; unfinished = next) {
        next = unfinished->next;
        unfinished->result = status;
        unfinished->completion(unfinished);
    }
    vdma_state.finishing = false;
    vdma_ask_next();
}

IOReturn vdma_reset(void)
{
    const irq_state_t state = irq_mask();
    IOReturn status = vdma_state.device == NULL ? kIOReturnNoDevice : kIOReturnNotPermitted;

    if (vdma_state.device != NULL && !vdma_state.finishing) {
        if (!vdma_state.lost) {
            recover(kIOReturnAborted);
        }
        status = vdma_state.lost ? kIOReturnNotResponding : kIOReturnSuccess;
    }
    irq_restore(state);
    return status;
}

static IOReturn build(struct virtio_device *device)
{
    struct virtq_setup setup = {.chain_entries = CHAIN_MAX};
    unsigned offered;
    paddr_t page;
    IOReturn status = virtio_negotiate(device, VIRTIO_CORE_FEATURES & ~VIRTIO_F_ACCESS_PLATFORM,
                                       VIRTIO_F_VERSION_1);

    if (status != kIOReturnSuccess) {
        return status;
    }
    /* No chain is longer than its queue (virtio 1.2, section 2.7.5.3.1): the ring has so many. */
    offered = virtio_queue_size_max(device, 0);
    setup.indirect = (device->features & VIRTIO_F_INDIRECT_DESC) != 0;
    setup.event_index = (device->features & VIRTIO_F_EVENT_IDX) != 0;
    setup.doorbell = virtio_doorbell(device, 0);
    setup.size = offered < CHAIN_MAX ? offered : CHAIN_MAX;
    setup.chains = QUEUE_SIZE;
    while (setup.chain_entries > setup.size) {
        setup.chain_entries /= 2;
    }
    if (setup.chain_entries < 2 * VDMA_FIXED) {
        return kIOReturnUnsupported;
    }
    status = virtq_create(&setup, &vdma_state.queue);
    if (status != kIOReturnSuccess) {
        return status;
    }
    vdma_state.cursor = IOMemoryCursor_withSpecification(virtq_output_segment, 0, 0, 1);
    if (vdma_state.cursor == NULL || page_alloc(0, PAGE_OWNER_DRIVER, &page) != KERN_SUCCESS) {
        return kIOReturnNoMemory;
    }
    vdma_state.shared = phys_to_virt(page);
    status = virtio_attach(device, buffers_used, configuration_changed, NULL);
    return status == kIOReturnSuccess ? activate() : status;
}

static void give_up(struct virtio_device *device)
{
    virtio_detach(device);
    if (virtio_reset(device)) { /* or its memory must be considered in use, for ever */
        virtq_destroy(vdma_state.queue);
        if (vdma_state.shared != NULL) {
            page_free(virt_to_phys(vdma_state.shared), 0);
        }
    }
    if (vdma_state.cursor != NULL) {
        OSObject_release(vdma_state.cursor);
    }
    memset(&vdma_state, 0, sizeof(vdma_state));
}

/*
 * At the first use, and not when drivers start: an image may want the device as a disk instead.
 * From a handler there is only what has been found before.
 */
static bool found(void)
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

/* --- What callers see ------------------------------------------------------------------------- */

static IOReturn check_side(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                           uint64_t direction)
{
    const uint64_t flags = IOMemoryDescriptor_getFlags(memory);
    const IOByteCount size = IOMemoryDescriptor_getLength(memory);

    if ((flags & direction) == 0 ||
        (direction == kIODirectionIn && (flags & kIOMemoryPreparedReadOnly) != 0)) {
        return kIOReturnNotPermitted;
    }
    return length <= size && offset <= size - length ? kIOReturnSuccess : kIOReturnOverrun;
}

static IOReturn check(const struct vdma_transfer *transfer)
{
    const uint32_t type = transfer->type;
    const bool source = type == VDMA_COPY || type == VDMA_COMPARE || type == VDMA_CHECKSUM;
    const bool target = type == VDMA_COPY || type == VDMA_FILL;
    IOReturn status = kIOReturnSuccess;

    if (type == VDMA_NOP || vdma_is_control(type)) {
        return kIOReturnSuccess;
    }
    if ((!source && !target) || transfer->length == 0 || source != (transfer->source != NULL) ||
        target != (transfer->target != NULL)) {
        return kIOReturnBadArgument;
    }
    if (source) {
        status = check_side(transfer->source, transfer->source_offset, transfer->length,
                            kIODirectionOut);
    }
    if (status == kIOReturnSuccess && target) {
        status =
            check_side(transfer->target, transfer->target_offset, transfer->length, kIODirectionIn);
    }
    return status;
}

/* Not inlined, or gcc 14 takes a transfer on a caller's stack for one that stays behind there. */
static __attribute__((noinline)) IOReturn submit(struct vdma_transfer *transfer)
{
    const irq_state_t state = irq_mask();

    if (vdma_state.lost) {
        irq_restore(state);
        return kIOReturnNotResponding;
    }
    transfer->next = NULL;
    transfer->moved = 0;
    transfer->result = kIOReturnSuccess;
    if (vdma_state.first == NULL) {
        vdma_state.first = transfer;
    } else {
        vdma_state.last->next = transfer;
    }
    vdma_state.last = transfer;
    if (!vdma_state.finishing) {
        vdma_ask_next();
    }
    irq_restore(state);
    return kIOReturnSuccess;
}

IOReturn vdma_submit(struct vdma_transfer *transfer)
{
    IOReturn status;

    if (transfer == NULL || transfer->completion == NULL || vdma_is_control(transfer->type)) {
        return kIOReturnBadArgument;
    }
    if (!found()) {
        return kIOReturnNoDevice;
    }
    status = check(transfer);
    return status == kIOReturnSuccess ? submit(transfer) : status;
}

static void note_end(struct vdma_transfer *transfer)
{
    *(bool *)transfer->context = true;
}

static IOReturn perform(struct vdma_transfer *transfer)
{
    bool ended = false;
    irq_state_t state;
    IOReturn status;

    if (!found()) {
        return kIOReturnNoDevice;
    }
    if (irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    status = check(transfer);
    if (status != kIOReturnSuccess) {
        return status;
    }
    transfer->completion = note_end;
    transfer->context = &ended;
    /* Masked from before the request: an end between the test and the sleep is pending then. */
    state = irq_mask();
    status = submit(transfer);
    while (status == kIOReturnSuccess && !ended) {
        irq_wait();
    }
    irq_restore(state);
    return status == kIOReturnSuccess ? transfer->result : status;
}

IOReturn vdma_perform(struct vdma_transfer *transfer)
{
    if (transfer == NULL || vdma_is_control(transfer->type)) {
        return kIOReturnBadArgument;
    }
    return perform(transfer);
}

IOReturn vdma_control(uint32_t type, const uint64_t arguments[2], const void *in, uint32_t in_bytes,
                      void *out, uint32_t out_bytes, struct vdma_status *status)
{
    struct vdma_transfer transfer = {.type = type};
    IOReturn result;

    if (!vdma_is_control(type) || in_bytes > sizeof(vdma_state.shared->in) ||
        out_bytes > sizeof(vdma_state.shared->out) || (in == NULL) != (in_bytes == 0) ||
        (out == NULL) != (out_bytes == 0)) {
        return kIOReturnBadArgument;
    }
    if (!found()) {
        return kIOReturnNoDevice;
    }
    if (arguments != NULL) {
        transfer.arguments[0] = arguments[0];
        transfer.arguments[1] = arguments[1];
    }
    /* One at a time has the page: others who sleep here are none, there is one thread. */
    if (in_bytes != 0) {
        memcpy(vdma_state.shared->in, in, in_bytes);
    }
    vdma_state.in_bytes = in_bytes;
    vdma_state.out_bytes = out_bytes;
    result = perform(&transfer);
    if (result == kIOReturnSuccess && out_bytes != 0) {
        memcpy(out, vdma_state.shared->out, out_bytes);
    }
    if (status != NULL) {
        *status = transfer.status;
    }
    return result;
}

bool vdma_present(void)
{
    return found() && !vdma_state.lost;
}

void vdma_get_counters(struct virtq_counters *counters)
{
    *counters = (struct virtq_counters){0};
    if (vdma_state.device != NULL) {
        virtq_get_counters(vdma_state.queue, counters);
    }
}
