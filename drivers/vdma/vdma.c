/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of vdma: one request at the device at a time, the others in line. The device is
 * not trusted: what it may write is the ring, the status and a target's own bytes.
 */
#include "drivers/vdma/vdma.h"

#include <string.h>

#include "descriptors/IOMemoryCursor.h"
#include "drivers/virtio/virtio.h"
#include "kernel/console.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/page.h"

_Static_assert(VIRTIO_VENDOR_VDMA == VDMA_VENDOR, "the data sheet's vendor");

#define QUEUE_SIZE  16u  /* entries; with tables, one is in use at a time */
#define CHAIN_MAX   256u /* entries of a chain, where the device lets them be so many */
#define FIXED       2u   /* header and status */
#define PIECE_BYTES (1u << 30)

/* What the device reads and writes beside data, in a page of the driver's own. */
struct shared {
    struct vdma_request request;
    struct vdma_status status;
    uint8_t in[VDMA_WORDS_MAX];
    uint8_t out[VDMA_WORDS_MAX];
};

static struct {
    struct virtio_device *device;
    struct virtq *queue;
    IOMemoryCursor *cursor;
    struct shared *shared;
    struct vdma_transfer *first, *last; /* in line; the device has the first */
    uint32_t in_bytes, out_bytes;
    bool busy;      /* the device has a request */
    bool finishing; /* completions are called: they only get in line */
    bool lost;
} vdma;

static paddr_t shared_address(const void *part)
{
    return virt_to_phys(part);
}

/* --- Asking ----------------------------------------------------------------------------------- */

static bool is_control(uint32_t type)
{
    return type >= VDMA_CAPABILITIES && type <= VDMA_READ_LOG;
}

/* The two that may be done in parts: each part by itself has the same effect. */
static bool may_be_cut(uint32_t type)
{
    return type == VDMA_COPY || type == VDMA_FILL;
}

/* Segments of one side, at most `room` and `bytes`; the bytes in *bytes. */
static IOReturn add_side(struct virtq_chain *chain, IOMemoryDescriptor *memory, uint64_t offset,
                         unsigned flags, unsigned room, uint32_t *bytes)
{
    struct virtq_segments segments;
    IOByteCount size = 0;
    UInt32 count;
    IOReturn status;

    virtq_chain_segments(chain, &segments, flags | VIRTQ_NEXT);
    count = IOMemoryCursor_genPhysicalSegments(vdma.cursor, memory, offset, &segments, room, *bytes,
                                               &size);
    if (count == 0) {
        status = IOMemoryLastError();
        return status != kIOReturnSuccess ? status : kIOReturnNotReady;
    }
    virtq_chain_filled(chain, count, (uint32_t)size);
    *bytes = (uint32_t)size;
    return kIOReturnSuccess;
}

/*
 * The chain of a part of a transfer. Both sides of a copy must have as many bytes, so where one has
 * no room for as many as the other, it is done again with what fits.
 */
static IOReturn fill(struct vdma_transfer *transfer, struct virtq_chain *chain)
{
    const unsigned room = virtq_chain_room(chain) - FIXED;
    const unsigned each = transfer->source != NULL && transfer->target != NULL ? room / 2 : room;
    const struct virtq_chain empty = *chain;
    const uint64_t left = transfer->length - transfer->moved;
    uint32_t bytes = left < PIECE_BYTES ? (uint32_t)left : PIECE_BYTES, agreed;
    IOReturn status = kIOReturnSuccess;

    do {
        agreed = bytes;
        *chain = empty;
        virtq_chain_add(chain, shared_address(&vdma.shared->request), sizeof(struct vdma_request),
                        VIRTQ_NEXT);
        if (transfer->source != NULL) {
            status = add_side(chain, transfer->source, transfer->source_offset + transfer->moved, 0,
                              each, &bytes);
        }
        if (status == kIOReturnSuccess && transfer->target != NULL) {
            status = add_side(chain, transfer->target, transfer->target_offset + transfer->moved,
                              VIRTQ_WRITE, each, &bytes);
        }
    } while (status == kIOReturnSuccess && bytes != agreed);
    if (status == kIOReturnSuccess && bytes != left && !may_be_cut(transfer->type)) {
        status = kIOReturnUnsupported;
    }
    transfer->part = bytes;
    return status;
}

static void fill_control(struct virtq_chain *chain)
{
    virtq_chain_add(chain, shared_address(&vdma.shared->request), sizeof(struct vdma_request),
                    VIRTQ_NEXT);
    if (vdma.in_bytes != 0) {
        virtq_chain_add(chain, shared_address(vdma.shared->in), vdma.in_bytes, VIRTQ_NEXT);
    }
    if (vdma.out_bytes != 0) {
        virtq_chain_add(chain, shared_address(vdma.shared->out), vdma.out_bytes,
                        VIRTQ_NEXT | VIRTQ_WRITE);
    }
}

static IOReturn ask(struct vdma_transfer *transfer)
{
    struct virtq_chain chain;
    IOReturn status = virtq_begin(vdma.queue, &chain);

    if (status != kIOReturnSuccess) {
        return status;
    }
    vdma.shared->request = (struct vdma_request){
        .type = transfer->type,
        .tag = transfer->moved,
        .arguments = {transfer->arguments[0], transfer->arguments[1]},
    };
    vdma.shared->status = (struct vdma_status){.code = 0xff}; /* until the device has written it */
    if (is_control(transfer->type)) {
        fill_control(&chain);
    } else if (transfer->type == VDMA_NOP) {
        virtq_chain_add(&chain, shared_address(&vdma.shared->request), sizeof(struct vdma_request),
                        VIRTQ_NEXT);
    } else {
        status = fill(transfer, &chain);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_chain_add(&chain, shared_address(&vdma.shared->status), sizeof(struct vdma_status),
                    VIRTQ_WRITE);
    virtq_submit(vdma.queue, &chain, transfer);
    virtq_publish(vdma.queue);
    vdma.busy = true;
    return kIOReturnSuccess;
}

/* The first in line has ended. */
static void finish(IOReturn status)
{
    struct vdma_transfer *transfer = vdma.first;

    /* Out of the line first: the completion may submit it again, or leave the stack it is on. */
    vdma.first = transfer->next;
    transfer->result = status;
    transfer->completion(transfer);
}

static void ask_next(void)
{
    vdma.finishing = true;
    while (vdma.first != NULL && !vdma.busy) {
        const IOReturn status = ask(vdma.first);

        if (status != kIOReturnSuccess) {
            finish(status);
        }
    }
    vdma.finishing = false;
}

/* --- Answers ---------------------------------------------------------------------------------- */

static IOReturn of_status(const struct vdma_transfer *transfer)
{
    switch (transfer->status.code) {
    case VDMA_STATUS_OK:
        return kIOReturnSuccess;
    case VDMA_STATUS_DIFFERENT:
        return transfer->type == VDMA_COMPARE ? kIOReturnSuccess : kIOReturnDeviceError;
    case VDMA_STATUS_UNSUPPORTED:
        return kIOReturnUnsupported;
    case VDMA_STATUS_REFUSED:
        return kIOReturnNotAligned;
    case VDMA_STATUS_ERROR:
        return kIOReturnIOError;
    default:
        return kIOReturnDeviceError;
    }
}

static void take_answer(struct vdma_transfer *transfer)
{
    IOReturn status;

    vdma.busy = false;
    /* Once: what is judged is what the caller sees, whatever the device does to it meanwhile. */
    transfer->status = vdma.shared->status;
    status = of_status(transfer);
    if (transfer->status.code == VDMA_STATUS_DIFFERENT) {
        transfer->moved = transfer->length; /* looked at as far as was needed */
    } else if (status == kIOReturnSuccess && !is_control(transfer->type) &&
               transfer->type != VDMA_NOP) {
        const uint64_t moved = transfer->status.moved;

        if (transfer->status.tag != transfer->moved) {
            status = kIOReturnDeviceError; /* the answer to another question */
        } else if (moved < transfer->part) {
            status = kIOReturnUnderrun;
        } else if (moved > transfer->part) {
            status = kIOReturnDeviceError;
        }
        transfer->moved += moved < transfer->part ? moved : transfer->part;
    }
    vdma.finishing = true;
    if (status != kIOReturnSuccess || is_control(transfer->type) || transfer->type == VDMA_NOP ||
        transfer->moved == transfer->length) {
        finish(status);
    }
    vdma.finishing = false;
    if (vdma.first != NULL) {
        ask_next();
    }
}

static void recover(IOReturn status);

static void buffers_used(void *context, unsigned vector)
{
    struct virtq_used used;

    (void)context, (void)vector;
    virtq_count_interrupt(vdma.queue);
    while (virtq_enable_interrupt(vdma.queue) != 0 && virtq_take_next(vdma.queue, &used)) {
        take_answer(used.token);
    }
    if (virtq_broken(vdma.queue) != NULL && !vdma.lost) {
        kprintf("vdma: the device is reset: %s\n", virtq_broken(vdma.queue));
        recover(kIOReturnDeviceError);
    }
}

static void configuration_changed(void *context)
{
    (void)context;
    if (!vdma.lost && virtio_needs_reset(vdma.device)) {
        kprintf("vdma: the device is reset: it asks for it\n");
        recover(kIOReturnDeviceError);
    }
}

/* --- Bring-up and reset ----------------------------------------------------------------------- */

static IOReturn activate(void)
{
    const IOReturn status = virtio_start_queue(vdma.device, vdma.queue);

    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_enable_interrupt(vdma.queue); /* before the device is live */
    return virtio_ready(vdma.device);
}

/* What is in line ends with `status`, and the device works again or is lost. */
static void recover(IOReturn status)
{
    const uint64_t features = vdma.device->features;
    const bool stopped = virtio_reset(vdma.device);
    struct vdma_transfer *unfinished = vdma.first;

    while (virtq_detach(vdma.queue) != NULL) {
        continue;
    }
    virtq_restart(vdma.queue);
    vdma.first = NULL;
    vdma.busy = false;
    vdma.lost = !stopped || virtio_negotiate(vdma.device, features, features) != kIOReturnSuccess ||
                activate() != kIOReturnSuccess;
    if (vdma.lost) {
        virtio_detach(vdma.device);
        kprintf("vdma: the device is lost: it does not come back from its reset\n");
        status = kIOReturnNotResponding;
    }
    /* Their completions may get in line again, but not before these. */
    vdma.finishing = true;
    for (struct vdma_transfer *next; unfinished != NULL; unfinished = next) {
        next = unfinished->next;
        unfinished->result = status;
        unfinished->completion(unfinished);
    }
    vdma.finishing = false;
    ask_next();
}

IOReturn vdma_reset(void)
{
    const irq_state_t state = irq_mask();
    IOReturn status = vdma.device == NULL ? kIOReturnNoDevice : kIOReturnNotPermitted;

    if (vdma.device != NULL && !vdma.finishing) {
        if (!vdma.lost) {
            recover(kIOReturnAborted);
        }
        status = vdma.lost ? kIOReturnNotResponding : kIOReturnSuccess;
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
    if (setup.chain_entries < 2 * FIXED) {
        return kIOReturnUnsupported;
    }
    status = virtq_create(&setup, &vdma.queue);
    if (status != kIOReturnSuccess) {
        return status;
    }
    vdma.cursor = IOMemoryCursor_withSpecification(virtq_output_segment, 0, 0, 1);
    if (vdma.cursor == NULL || page_alloc(0, PAGE_OWNER_DRIVER, &page) != KERN_SUCCESS) {
        return kIOReturnNoMemory;
    }
    vdma.shared = phys_to_virt(page);
    status = virtio_attach(device, buffers_used, configuration_changed, NULL);
    return status == kIOReturnSuccess ? activate() : status;
}

static void give_up(struct virtio_device *device)
{
    virtio_detach(device);
    if (virtio_reset(device)) { /* or its memory must be considered in use, for ever */
        virtq_destroy(vdma.queue);
        if (vdma.shared != NULL) {
            page_free(virt_to_phys(vdma.shared), 0);
        }
    }
    if (vdma.cursor != NULL) {
        OSObject_release(vdma.cursor);
    }
    memset(&vdma, 0, sizeof(vdma));
}

/*
 * At the first use, and not when drivers start: an image may want the device as a disk instead.
 * From a handler there is only what has been found before.
 */
static bool found(void)
{
    struct virtio_device *device;
    IOReturn status;

    if (vdma.device != NULL || irq_in_handler()) {
        return vdma.device != NULL;
    }
    device = virtio_claim_of(VIRTIO_ID_BLOCK, VIRTIO_VENDOR_VDMA);
    if (device == NULL) {
        return false;
    }
    vdma.device = device;
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

    if (type == VDMA_NOP || is_control(type)) {
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

    if (vdma.lost) {
        irq_restore(state);
        return kIOReturnNotResponding;
    }
    transfer->next = NULL;
    transfer->moved = 0;
    transfer->result = kIOReturnSuccess;
    if (vdma.first == NULL) {
        vdma.first = transfer;
    } else {
        vdma.last->next = transfer;
    }
    vdma.last = transfer;
    if (!vdma.finishing) {
        ask_next();
    }
    irq_restore(state);
    return kIOReturnSuccess;
}

IOReturn vdma_submit(struct vdma_transfer *transfer)
{
    IOReturn status;

    if (transfer == NULL || transfer->completion == NULL || is_control(transfer->type)) {
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
    if (transfer == NULL || is_control(transfer->type)) {
        return kIOReturnBadArgument;
    }
    return perform(transfer);
}

IOReturn vdma_control(uint32_t type, const uint64_t arguments[2], const void *in, uint32_t in_bytes,
                      void *out, uint32_t out_bytes, struct vdma_status *status)
{
    struct vdma_transfer transfer = {.type = type};
    IOReturn result;

    if (!is_control(type) || in_bytes > sizeof(vdma.shared->in) ||
        out_bytes > sizeof(vdma.shared->out) || (in == NULL) != (in_bytes == 0) ||
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
        memcpy(vdma.shared->in, in, in_bytes);
    }
    vdma.in_bytes = in_bytes;
    vdma.out_bytes = out_bytes;
    result = perform(&transfer);
    if (result == kIOReturnSuccess && out_bytes != 0) {
        memcpy(out, vdma.shared->out, out_bytes);
    }
    if (status != NULL) {
        *status = transfer.status;
    }
    return result;
}

bool vdma_present(void)
{
    return found() && !vdma.lost;
}

void vdma_get_counters(struct virtq_counters *counters)
{
    *counters = (struct virtq_counters){0};
    if (vdma.device != NULL) {
        virtq_get_counters(vdma.queue, counters);
    }
}
