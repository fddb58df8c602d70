/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device. It may answer with fewer bytes than asked for, so each question is
 * one segment, and the next one starts where the answer ended.
 */
#include "drivers/virtio/rng.h"

#include "drivers/virtio/rng_private.h"
#include "kernel/console.h"
#include "kernel/init.h"
#include "kernel/irq.h"

#define RNG_QUEUE 0u
#define RNG_SIZE  4u /* entries; one is in use at a time */

/* --- Asking ----------------------------------------------------------------------------------- */

/* The way of a byte: the cursor writes the slot that the device reads. */
static IOReturn fill_by_cursor(const struct virtio_rng *rng,
                               const struct virtio_rng_request *request, uint32_t most,
                               struct virtq_chain *chain)
{
    struct virtq_segments segments;
    IOByteCount size = 0;
    IOReturn status;

    /*
     * The one entry of the chain, without a header: this device takes no buffer that it would read
     * (section 5.4.6.1).
     */
    virtq_chain_segments(chain, &segments, VIRTQ_WRITE);
    if (IOMemoryCursor_genPhysicalSegments(rng->cursor, request->memory,
                                           request->offset + request->done, &segments, 1, most,
                                           &size) == 0) {
        status = IOMemoryLastError();
        /* No error and no segment: nothing is prepared at this offset. */
        return status != kIOReturnSuccess ? status : kIOReturnNotReady;
    }
    virtq_chain_filled(chain, 1, (uint32_t)size);
    return kIOReturnSuccess;
}

/* The same behind an IOMMU, where the memory has been mapped for the request. */
static IOReturn fill_mapped(struct virtio_rng_request *request, uint32_t most,
                            struct virtq_chain *chain)
{
    struct virtq_command_segments to = {.left = most, .longest = UINT32_MAX};
    uint64_t position = request->done;
    UInt32 count = 1;
    IOReturn status;

    virtq_chain_segments(chain, &to.segments, VIRTQ_WRITE);
    status = virtio_memory_segments(&request->mapped, request->memory,
                                    virtq_command_output(chain)->segment, &to, &position, most,
                                    UINT32_MAX, &count);
    if (status == kIOReturnSuccess) {
        virtq_chain_filled(chain, count, most - (uint32_t)to.left);
    }
    return status;
}

/* One segment of the first in line. */
static IOReturn ask(struct virtio_rng *rng)
{
    struct virtio_rng_request *request = rng->first;
    const uint64_t left = request->length - request->done;
    const uint32_t most = left < RNG_BYTES_MAX ? (uint32_t)left : RNG_BYTES_MAX;
    struct virtq_chain chain;
    /*
     * Never for want of room: one question is in flight at a time. Nothing has to be undone when
     * the filling fails, for a chain holds nothing before it is submitted.
     */
    IOReturn status = virtq_begin(rng->queue, &chain);

    if (status == kIOReturnSuccess) {
        status = request->fill != NULL ? request->fill(request, most, &chain)
                                       : fill_by_cursor(rng, request, most, &chain);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_submit(rng->queue, &chain, request);
    virtq_publish(rng->queue);
    rng->asked = true;
    return kIOReturnSuccess;
}

/* Out of line, and told so. */
static void end(struct virtio_rng_request *request, IOReturn status)
{
    if (request->mapped.mapper != NULL) {
        const IOReturn unmapped = virtio_unmap_memory(&request->mapped, request->memory);

        status = status == kIOReturnSuccess ? unmapped : status;
    }
    request->status = status;
    request->completion(request);
}

/* The first in line has ended. */
static void finish(struct virtio_rng *rng, IOReturn status)
{
    struct virtio_rng_request *request = rng->first;

    /*
     * Out of the line before its end is told: the completion may submit the same request again, and
     * one on the stack of rng_read is gone soon after it.
     */
    rng->first = request->next;
    end(request, status);
}

/* Ask for what is first in line, when completions are over; what cannot be asked for ends. */
static void ask_next(struct virtio_rng *rng)
{
    /*
     * A completion that submits only gets in line: asking from there would come back here, one
     * deeper for every request that cannot be asked for.
     */
    rng->finishing = true;
    while (rng->first != NULL && !rng->asked) {
        const IOReturn status = ask(rng);

        if (status != kIOReturnSuccess) {
            finish(rng, status);
        }
    }
    rng->finishing = false;
}

/*
 * Not inlined: a compiler that sees rng_read's request, which is on its stack, put in line here
 * does not see that it has left the line by the time rng_read returns.
 */
__attribute__((noinline)) IOReturn rng_submit(struct virtio_rng *rng,
                                              struct virtio_rng_request *request)
{
    const irq_state_t state = irq_mask();
    IOReturn status = kIOReturnSuccess;

    if (rng->lost) {
        status = kIOReturnNotResponding;
    } else if (rng->device->mapper != NULL && request->fill == NULL) {
        status = virtio_map_memory(&request->mapped, rng->device->mapper, request->memory,
                                   request->offset, request->length, kIODMAMapWriteAccess);
        request->fill = fill_mapped;
    }
    if (status != kIOReturnSuccess) {
        irq_restore(state);
        return status;
    }
    request->done = 0;
    request->next = NULL;
    if (rng->first == NULL) {
        rng->first = request;
    } else {
        rng->last->next = request;
    }
    rng->last = request;
    if (!rng->finishing) {
        ask_next(rng);
    }
    irq_restore(state);
    return kIOReturnSuccess;
}

/* --- Interrupt -------------------------------------------------------------------------------- */

static void recover_from_error(struct virtio_rng *rng);

static void take_answer(struct virtio_rng *rng, const struct virtq_used *used)
{
    struct virtio_rng_request *request = used->token;

    rng->asked = false;
    rng->finishing = true;
    /*
     * So many bytes and no more are random (section 5.4.6.1); the queue has refused a length beyond
     * what the question was.
     */
    request->done += used->length;
    /*
     * At least one byte is the device's duty (section 5.4.6.2). Asked again, one that gives none
     * would keep this up for ever.
     */
    if (used->length == 0) {
        finish(rng, kIOReturnUnderrun);
    } else if (request->done == request->length) {
        finish(rng, kIOReturnSuccess);
    }
    ask_next(rng);
}

/* Each turn takes an answer to a question of before; a device that is as fast as that ends it. */
static void collect(struct virtio_rng *rng)
{
    struct virtq_used used;

    while (virtq_enable_interrupt(rng->queue) != 0 && virtq_take_next(rng->queue, &used)) {
        take_answer(rng, &used);
    }
    /* Outside the loop: the recovery makes the queue anew, and takes the line itself. */
    if (virtq_broken(rng->queue) != NULL && !rng->lost) {
        recover_from_error(rng);
    }
}

static void configuration_changed(void *context)
{
    struct virtio_rng *rng = context;

    /*
     * It has no configuration that could change (section 5.4.4), so this is all that a change can
     * mean.
     */
    if (!rng->lost && virtio_needs_reset(rng->device)) {
        recover_from_error(rng);
    }
}

static enum irq_result buffers_used(void *context, unsigned vector)
{
    struct virtio_rng *rng = context;

    (void)vector; /* there is one queue */
    virtq_count_interrupt(rng->queue);
    collect(rng);
    return IRQ_SERVED;
}

/* --- Bring-up --------------------------------------------------------------------------------- */

static IOReturn activate(struct virtio_rng *rng)
{
    const IOReturn status = virtio_start_queue(rng->device, rng->queue);

    if (status != kIOReturnSuccess) {
        return status;
    }
    /*
     * The wish stands in the ring before the device is live, or its first answer could come without
     * an interrupt.
     */
    virtq_enable_interrupt(rng->queue);
    return virtio_ready(rng->device);
}

static IOReturn create_queue(struct virtio_rng *rng)
{
    const unsigned offered = virtio_queue_size_max(rng->device, RNG_QUEUE);
    const struct virtq_setup setup = {
        .size = offered < RNG_SIZE ? offered : RNG_SIZE,
        .index = RNG_QUEUE,
        /* And no tables, which save entries of the ring only where a chain has many. */
        .chain_entries = 1,
        .event_index = (rng->device->features & VIRTIO_F_EVENT_IDX) != 0,
        .doorbell = virtio_doorbell(rng->device, RNG_QUEUE),
        .narrow_doorbell = virtio_doorbell_is_narrow(rng->device),
        .packed = (rng->device->features & VIRTIO_F_RING_PACKED) != 0,
        .mapper = rng->device->mapper,
        .uncached = rng->device->uncached,
    };

    return offered != 0 ? virtq_create(&setup, &rng->queue) : kIOReturnUnsupported;
}

static IOReturn build(struct virtio_rng *rng)
{
    IOReturn status = virtio_negotiate(
        rng->device, (VIRTIO_CORE_FEATURES & ~VIRTIO_F_INDIRECT_DESC) | VIRTIO_F_RING_PACKED,
        VIRTIO_F_VERSION_1);

    if (status == kIOReturnSuccess) {
        status = create_queue(rng);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    /*
     * Segments of any length, as the device states no limit, but not more bytes than one question
     * may have.
     */
    if (rng->device->mapper == NULL) {
        rng->cursor = IOMemoryCursor_withSpecification(virtq_segment_function(rng->queue), 0,
                                                       RNG_BYTES_MAX, 1);
        if (rng->cursor == NULL) {
            return kIOReturnNoMemory;
        }
    }
    /* Before the device is live, and after all that a handler touches. */
    status = virtio_attach(rng->device, buffers_used, configuration_changed, rng);
    return status == kIOReturnSuccess ? activate(rng) : status;
}

void rng_destroy(struct virtio_rng *rng)
{
    /* Handlers first, then the device, then what both have used. */
    virtio_detach(rng->device);
    if (virtio_reset(rng->device)) { /* or its memory must be considered in use, for ever */
        OSObject_release(rng->cursor);
        virtq_destroy(rng->queue);
    }
    OSObject_release(rng->engine);
    OSObject_release(rng->service);
    *rng = (struct virtio_rng){0};
}

bool rng_create(struct virtio_rng *rng, struct virtio_device *device)
{
    *rng = (struct virtio_rng){.device = device};

    const IOReturn status = build(rng);

    if (status != kIOReturnSuccess) {
        kprintf("virtio-rng: the device at 0x%llx cannot be used (error 0x%x)\n",
                (unsigned long long)device->address.value, (unsigned)status);
        rng_destroy(rng);
    }
    return status == kIOReturnSuccess;
}

/* --- Reset ------------------------------------------------------------------------------------ */

/* What is in line ends with `status`, and the device works again or is lost. */
static void recover(struct virtio_rng *rng, IOReturn status)
{
    /* The same again and all of them: the queue was built for these, its event index above all. */
    const uint64_t features = rng->device->features;
    const bool stopped = virtio_reset(rng->device);
    struct virtio_rng_request *unfinished = rng->first;

    /*
     * The tokens are dropped: the one in flight is the first in line, which has been taken over
     * whole.
     */
    while (virtq_detach(rng->queue) != NULL) {
        continue;
    }
    virtq_restart(rng->queue);
    rng->first = NULL;
    rng->asked = false;
    rng->lost = !stopped || virtio_negotiate(rng->device, features, features) != kIOReturnSuccess ||
                activate(rng) != kIOReturnSuccess;
    if (rng->lost) {
        /* Whatever it still raises, nobody could quiet it any more. */
        virtio_detach(rng->device);
        kprintf("virtio-rng: the device is lost: it does not come back from its reset\n");
        status = kIOReturnNotResponding;
    }
    /* Their completions may get in line again, but not before these. */
    rng->finishing = true;
    for (struct virtio_rng_request *next; unfinished != NULL; unfinished = next) {
        next = unfinished->next;
        end(unfinished, status);
    }
    ask_next(rng);
}

static void recover_from_error(struct virtio_rng *rng)
{
    const char *reason = virtq_broken(rng->queue);

    kprintf("virtio-rng: the device is reset: %s\n", reason != NULL ? reason : "it asks for it");
    recover(rng, kIOReturnDeviceError);
}

IOReturn rng_reset(struct virtio_rng *rng)
{
    const irq_state_t state = irq_mask();
    IOReturn status = kIOReturnNotPermitted; /* from a completion: it is in the middle of it */

    /*
     * The state says in what: a completion runs inside ask_next, collect or recover, which would go
     * on with a line that is not theirs any more.
     */
    if (!rng->finishing) {
        if (!rng->lost) {
            recover(rng, kIOReturnAborted);
        }
        status = rng->lost ? kIOReturnNotResponding : kIOReturnSuccess;
    }
    irq_restore(state);
    return status;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static IOReturn check(const struct virtio_rng *rng, IOMemoryDescriptor *memory, uint64_t offset,
                      uint64_t length)
{
    if (memory == NULL || length == 0) {
        return kIOReturnBadArgument;
    }
    if (rng->device == NULL) {
        return kIOReturnNoDevice;
    }
    /*
     * Prepared for reading alone: nobody has asked whether the memory may be written, and what a
     * device put there would never count as changed.
     */
    const uint64_t flags = IOMemoryDescriptor_getFlags(memory);
    const IOByteCount size = IOMemoryDescriptor_getLength(memory);

    if ((flags & kIODirectionIn) == 0 || (flags & kIOMemoryPreparedReadOnly) != 0 ||
        irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    /* Written so that no sum can wrap. */
    return length <= size && offset <= size - length ? kIOReturnSuccess : kIOReturnOverrun;
}

static void note_end(struct virtio_rng_request *request)
{
    *(bool *)request->context = true;
}

IOReturn rng_read(struct virtio_rng *rng, IOMemoryDescriptor *memory, uint64_t offset,
                  uint64_t length)
{
    bool ended = false;
    struct virtio_rng_request request = {.memory = memory,
                                         .offset = offset,
                                         .length = length,
                                         .completion = note_end,
                                         .context = &ended};
    IOReturn status = check(rng, memory, offset, length);

    if (status != kIOReturnSuccess) {
        return status;
    }

    /*
     * Masked from before the question: an answer between the test of `ended` and the sleep is
     * pending then, and ends the sleep. The request is on this stack, so there is no way out of
     * here before its end.
     */
    const irq_state_t state = irq_mask();

    status = rng_submit(rng, &request);
    /* The way out is rng_reset in an interrupt handler, such as a timer's. */
    while (status == kIOReturnSuccess && !ended) {
        irq_wait();
    }
    irq_restore(state);
    return status == kIOReturnSuccess ? request.status : status;
}

/* --- The machine's device --------------------------------------------------------------------- */

static struct virtio_rng machine_rng;

static void find_rng(void)
{
    struct virtio_device *device = virtio_claim(VIRTIO_ID_ENTROPY);

    if (device != NULL) {
        rng_create(&machine_rng, device);
    }
}

INITIALISER(INIT_DRIVER, find_rng);

IOReturn virtio_rng_read(IOMemoryDescriptorRef memory, uint64_t offset, uint64_t length)
{
    return rng_read(&machine_rng, IOMemoryDescriptor_upcast(memory), offset, length);
}

IOReturn virtio_rng_reset(void)
{
    return machine_rng.device != NULL ? rng_reset(&machine_rng) : kIOReturnNoDevice;
}

bool virtio_rng_present(void)
{
    return machine_rng.device != NULL && !machine_rng.lost;
}

void virtio_rng_get_counters(struct virtq_counters *counters)
{
    *counters = (struct virtq_counters){0};
    if (machine_rng.device != NULL) {
        virtq_get_counters(machine_rng.queue, counters);
    }
}

struct virtio_device *rng_machine_device(void)
{
    return machine_rng.device;
}

IOService *virtio_rng_get_service(void)
{
    if (machine_rng.device == NULL) {
        IOMemory_fail(kIOReturnNoDevice);
        return NULL;
    }
    return rng_get_service(&machine_rng);
}
