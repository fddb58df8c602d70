/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device. It may answer a request with fewer bytes than asked for,
 * so each is one segment, and the next one starts where the answer ended.
 */
#include "drivers/virtio/rng.h"

#include "descriptors/IOMemoryCursor.h"
#include "drivers/virtio/virtio.h"
#include "kernel/console.h"
#include "kernel/init.h"
#include "kernel/irq.h"

#define RNG_QUEUE     0u
#define RNG_SIZE      4u /* entries; one is in use at a time */
#define RNG_BYTES_MAX 65536u

static struct {
    struct virtio_device *device; /* NULL: there is none, or it is lost */
    struct virtq *queue;
    IOMemoryCursor *cursor;
    bool needs_reset;
} rng;

/* --- Bring-up --------------------------------------------------------------------------------- */

static IOReturn activate(void)
{
    const IOReturn status = virtio_start_queue(rng.device, rng.queue);

    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_enable_interrupt(rng.queue);
    return virtio_ready(rng.device);
}

static IOReturn build(void)
{
    IOReturn status = virtio_negotiate(rng.device, VIRTIO_CORE_FEATURES & ~VIRTIO_F_INDIRECT_DESC,
                                       VIRTIO_F_VERSION_1);

    if (status != kIOReturnSuccess) {
        return status;
    }

    const unsigned offered = virtio_queue_size_max(rng.device, RNG_QUEUE);
    const struct virtq_setup setup = {
        .size = offered < RNG_SIZE ? offered : RNG_SIZE,
        .index = RNG_QUEUE,
        .chain_entries = 1,
        .event_index = (rng.device->features & VIRTIO_F_EVENT_IDX) != 0,
        .doorbell = virtio_doorbell(rng.device, RNG_QUEUE),
    };

    status = virtq_create(&setup, &rng.queue);
    if (status != kIOReturnSuccess) {
        return status;
    }
    rng.cursor = IOMemoryCursor_withSpecification(virtq_output_segment, 0, RNG_BYTES_MAX, 1);
    return rng.cursor != NULL ? activate() : kIOReturnNoMemory;
}

static void configuration_changed(void *context)
{
    (void)context;
    rng.needs_reset = virtio_needs_reset(rng.device);
}

/* Whoever waits looks for itself. */
static void buffers_used(void *context, unsigned vector)
{
    (void)context;
    (void)vector;
    virtq_count_interrupt(rng.queue);
}

static void find_rng(void)
{
    rng.device = virtio_claim(VIRTIO_ID_ENTROPY);
    if (rng.device == NULL) {
        return;
    }

    IOReturn status = build();

    if (status == kIOReturnSuccess) {
        status = virtio_attach(rng.device, buffers_used, configuration_changed, NULL);
    }
    if (status == kIOReturnSuccess) {
        return;
    }
    kprintf("virtio-rng: the device cannot be used (error 0x%x)\n", (unsigned)status);
    if (virtio_reset(rng.device)) {
        if (rng.cursor != NULL) {
            OSObject_release(rng.cursor);
        }
        virtq_destroy(rng.queue);
    }
    rng.device = NULL;
}

INITIALISER(INIT_DRIVER, find_rng);

static void recover(void)
{
    const char *reason = virtq_broken(rng.queue);
    const uint64_t features = rng.device->features;

    kprintf("virtio-rng: the device is reset: %s\n", reason != NULL ? reason : "it asks for it");
    rng.needs_reset = false;

    const bool stopped = virtio_reset(rng.device);

    while (virtq_detach(rng.queue) != NULL) {
        continue;
    }
    virtq_restart(rng.queue);
    if (stopped && virtio_negotiate(rng.device, features, features) == kIOReturnSuccess &&
        activate() == kIOReturnSuccess) {
        return;
    }
    virtio_detach(rng.device);
    rng.device = NULL;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* One segment; stores the bytes that came. Interrupts masked. */
static IOReturn read_segment(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                             uint32_t *bytes)
{
    struct virtq_chain chain;
    struct virtq_segments segments;
    struct virtq_used used;
    IOByteCount size = 0;
    const IOReturn status = virtq_begin(rng.queue, &chain);

    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_chain_segments(&chain, &segments, VIRTQ_WRITE);
    if (IOMemoryCursor_genPhysicalSegments(rng.cursor, memory, offset, &segments, 1,
                                           length < RNG_BYTES_MAX ? (UInt32)length : RNG_BYTES_MAX,
                                           &size) == 0) {
        const IOReturn error = IOMemoryLastError();

        return error != kIOReturnSuccess ? error : kIOReturnNotReady;
    }
    virtq_chain_filled(&chain, 1, (uint32_t)size);
    virtq_submit(rng.queue, &chain, memory);
    virtq_publish(rng.queue);
    while (!virtq_take(rng.queue, &used)) {
        if (virtq_broken(rng.queue) != NULL || rng.needs_reset) {
            recover();
            return rng.device != NULL ? kIOReturnDeviceError : kIOReturnNotResponding;
        }
        if (!virtq_enable_interrupt(rng.queue)) {
            irq_wait();
        }
    }
    *bytes = used.length;
    return used.length != 0 ? kIOReturnSuccess : kIOReturnUnderrun;
}

static IOReturn check(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length)
{
    if (memory == NULL || length == 0) {
        return kIOReturnBadArgument;
    }
    if (rng.device == NULL) {
        return kIOReturnNoDevice;
    }

    const uint64_t flags = IOMemoryDescriptor_getFlags(memory);
    const IOByteCount size = IOMemoryDescriptor_getLength(memory);

    if ((flags & kIODirectionIn) == 0 || (flags & kIOMemoryPreparedReadOnly) != 0 ||
        irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    return length <= size && offset <= size - length ? kIOReturnSuccess : kIOReturnOverrun;
}

IOReturn virtio_rng_read(IOMemoryDescriptorRef descriptor, uint64_t offset, uint64_t length)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(descriptor);
    IOReturn status = check(memory, offset, length);
    const irq_state_t state = irq_mask();

    for (uint64_t done = 0; status == kIOReturnSuccess && done < length;) {
        uint32_t bytes = 0;

        status = read_segment(memory, offset + done, length - done, &bytes);
        done += bytes;
    }
    irq_restore(state);
    return status;
}

bool virtio_rng_present(void)
{
    return rng.device != NULL;
}

void virtio_rng_get_counters(struct virtq_counters *counters)
{
    *counters = (struct virtq_counters){0};
    if (rng.device != NULL) {
        virtq_get_counters(rng.queue, counters);
    }
}
