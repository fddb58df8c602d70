/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device. It may answer a request with fewer bytes than asked for,
 * so each is one segment, and the next one starts where the answer ended.
 */
#include "drivers/virtio/rng.h"

#include "drivers/virtio/rng_private.h"
#include "kernel/console.h"
#include "kernel/init.h"
#include "kernel/irq.h"

#define RNG_QUEUE     0u
#define RNG_SIZE      4u /* entries; one is in use at a time */
#define RNG_BYTES_MAX 65536u

/* --- Interrupt -------------------------------------------------------------------------------- */

static void configuration_changed(void *context)
{
    struct virtio_rng *rng = context;

    rng->needs_reset = virtio_needs_reset(rng->device);
}

/* Whoever waits looks for itself. */
static void buffers_used(void *context, unsigned vector)
{
    struct virtio_rng *rng = context;

    (void)vector; /* there is one queue */
    virtq_count_interrupt(rng->queue);
}

/* --- Bring-up --------------------------------------------------------------------------------- */

static IOReturn activate(struct virtio_rng *rng)
{
    const IOReturn status = virtio_start_queue(rng->device, rng->queue);

    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_enable_interrupt(rng->queue);
    return virtio_ready(rng->device);
}

static IOReturn create_queue(struct virtio_rng *rng)
{
    const unsigned offered = virtio_queue_size_max(rng->device, RNG_QUEUE);
    const struct virtq_setup setup = {
        .size = offered < RNG_SIZE ? offered : RNG_SIZE,
        .index = RNG_QUEUE,
        .chain_entries = 1,
        .event_index = (rng->device->features & VIRTIO_F_EVENT_IDX) != 0,
        .doorbell = virtio_doorbell(rng->device, RNG_QUEUE),
    };

    return offered != 0 ? virtq_create(&setup, &rng->queue) : kIOReturnUnsupported;
}

static IOReturn build(struct virtio_rng *rng)
{
    IOReturn status = virtio_negotiate(rng->device, VIRTIO_CORE_FEATURES & ~VIRTIO_F_INDIRECT_DESC,
                                       VIRTIO_F_VERSION_1);

    if (status == kIOReturnSuccess) {
        status = create_queue(rng);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    rng->cursor = IOMemoryCursor_withSpecification(virtq_output_segment, 0, RNG_BYTES_MAX, 1);
    if (rng->cursor == NULL) {
        return kIOReturnNoMemory;
    }
    status = virtio_attach(rng->device, buffers_used, configuration_changed, rng);
    return status == kIOReturnSuccess ? activate(rng) : status;
}

void rng_destroy(struct virtio_rng *rng)
{
    virtio_detach(rng->device);
    if (virtio_reset(rng->device)) { /* or its memory must be considered in use, for ever */
        if (rng->cursor != NULL) {
            OSObject_release(rng->cursor);
        }
        virtq_destroy(rng->queue);
    }
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

/* The read that waits, if one does, ends with `status`, and the device works again or is lost. */
static void recover(struct virtio_rng *rng, IOReturn status)
{
    const uint64_t features = rng->device->features;
    const bool stopped = virtio_reset(rng->device);

    rng->needs_reset = false;
    while (virtq_detach(rng->queue) != NULL) {
        continue;
    }
    virtq_restart(rng->queue);
    rng->lost = !stopped || virtio_negotiate(rng->device, features, features) != kIOReturnSuccess ||
                activate(rng) != kIOReturnSuccess;
    rng->ended = rng->lost ? kIOReturnNotResponding : status;
    if (rng->lost) {
        virtio_detach(rng->device);
        kprintf("virtio-rng: the device is lost: it does not come back from its reset\n");
    }
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

    if (!rng->lost) {
        recover(rng, kIOReturnAborted);
    }

    const IOReturn status = rng->lost ? kIOReturnNotResponding : kIOReturnSuccess;

    irq_restore(state);
    return status;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/*
 * Sleep until the device has answered; the way out is rng_reset in an interrupt
 * handler, such as a timer's.
 */
static IOReturn wait(struct virtio_rng *rng, struct virtq_used *used)
{
    while (rng->ended == kIOReturnSuccess) {
        if (virtq_enable_interrupt(rng->queue) != 0 && virtq_take_next(rng->queue, used)) {
            return kIOReturnSuccess;
        }
        if (virtq_broken(rng->queue) != NULL || rng->needs_reset) {
            recover_from_error(rng);
        } else {
            irq_wait();
        }
    }
    return rng->ended;
}

/* One segment; stores the bytes that came. Interrupts masked. */
static IOReturn read_segment(struct virtio_rng *rng, IOMemoryDescriptor *memory, uint64_t offset,
                             uint64_t length, uint32_t *bytes)
{
    const UInt32 most = length < RNG_BYTES_MAX ? (UInt32)length : RNG_BYTES_MAX;
    struct virtq_chain chain;
    struct virtq_segments segments;
    struct virtq_used used;
    IOByteCount size = 0;
    IOReturn status = virtq_begin(rng->queue, &chain);

    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_chain_segments(&chain, &segments, VIRTQ_WRITE);
    if (IOMemoryCursor_genPhysicalSegments(rng->cursor, memory, offset, &segments, 1, most,
                                           &size) == 0) {
        status = IOMemoryLastError();
        return status != kIOReturnSuccess ? status : kIOReturnNotReady;
    }
    virtq_chain_filled(&chain, 1, (uint32_t)size);
    virtq_submit(rng->queue, &chain, memory);
    virtq_publish(rng->queue);
    status = wait(rng, &used);
    if (status != kIOReturnSuccess) {
        return status;
    }
    *bytes = used.length;
    return used.length != 0 ? kIOReturnSuccess : kIOReturnUnderrun;
}

static IOReturn check(const struct virtio_rng *rng, IOMemoryDescriptor *memory, uint64_t offset,
                      uint64_t length)
{
    if (memory == NULL || length == 0) {
        return kIOReturnBadArgument;
    }
    if (rng->device == NULL) {
        return kIOReturnNoDevice;
    }
    if (rng->lost) {
        return kIOReturnNotResponding;
    }

    const uint64_t flags = IOMemoryDescriptor_getFlags(memory);
    const IOByteCount size = IOMemoryDescriptor_getLength(memory);

    if ((flags & kIODirectionIn) == 0 || (flags & kIOMemoryPreparedReadOnly) != 0 ||
        irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    return length <= size && offset <= size - length ? kIOReturnSuccess : kIOReturnOverrun;
}

IOReturn rng_read(struct virtio_rng *rng, IOMemoryDescriptor *memory, uint64_t offset,
                  uint64_t length)
{
    IOReturn status = check(rng, memory, offset, length);
    const irq_state_t state = irq_mask();

    rng->ended = kIOReturnSuccess;
    for (uint64_t done = 0; status == kIOReturnSuccess && done < length;) {
        uint32_t bytes = 0;

        status = read_segment(rng, memory, offset + done, length - done, &bytes);
        done += bytes;
    }
    irq_restore(state);
    return status;
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
