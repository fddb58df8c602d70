/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks as DMA engines: commands become requests, and their ends go to the event source. */
#include "drivers/virtio/blk_dma.h"

#include <string.h>

#include "descriptors/IODMAController_class.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/console.h"

struct blk_engine {
    IODMASingleController super;
    struct virtio_blk *disk;
    bool held; /* starts wait for virtio_blk_publish */
};

static struct virtio_blk_transfer *transfer_of(struct virtio_blk_request *request)
{
    return (struct virtio_blk_transfer *)request; /* its first member */
}

/* --- From a command into the ring ------------------------------------------------------------- */

/* The way of a byte, steps 3 and 4, for a command: it walks its view and fills the slots. */
static uint64_t fill(struct virtio_blk *disk, struct virtio_blk_request *request, uint64_t issued,
                     uint32_t limit, struct virtq_chain *chain)
{
    const struct virtio_blk_transfer *transfer = transfer_of(request);
    const struct virtq_command_output *const output = virtq_command_output(chain);
    struct virtq_command_segments to = {
        .left = limit,
        .longest = disk->segment_bytes_max != 0 ? disk->segment_bytes_max : UINT32_MAX,
    };
    /*
     * A request counts in the descriptor, as the checks of all requests do; a command counts in
     * what was prepared.
     */
    UInt64 position = request->offset - transfer->prepared + issued;
    /* Of this moment and not of the command's creation: a device can change it. */
    UInt32 count = disk->segments_max;
    uint32_t bytes;

    virtq_chain_segments(chain, &to.segments, blk_data_flags(request->operation));
    request->refusal = IODMACommand_genIOVMSegmentsRow(transfer->command, output->segment,
                                                       &position, &to, &count, output->row);
    if (request->refusal != kIOReturnSuccess) {
        return 0;
    }
    bytes = limit - (uint32_t)to.left;
    virtq_chain_filled(chain, count, bytes);
    /*
     * What counts as moved when this chain comes back without an error: the device's own length
     * says nothing of a write.
     */
    disk->part_bytes[virtq_slot_of(chain)] = bytes;
    return bytes;
}

/* With interrupts masked, in a handler as a rule. */
static void arrived(struct virtio_blk_request *request)
{
    struct blk_engine *engine = request->context;

    /*
     * The disk's lock is held as well: a client's notification may start the next command at once.
     */
    IODMAChannel_end(&engine->super.channel, &engine->super.super, transfer_of(request)->command,
                     request->status, request->moved);
}

/* --- What the engine does --------------------------------------------------------------------- */

/* The disk's words for what a DMA engine has words of its own for. */
static IOReturn in_engine_words(IOReturn status)
{
    return status == kIOReturnUnsupported ? kIOReturnNoSpace : status;
}

/* The lock is held: an end can come between the submission and anything that follows it. */
static IOReturn submit(struct blk_engine *engine, struct virtio_blk_transfer *transfer)
{
    /* In the channel's book before it is in the ring, where its end can find it. */
    IOReturn status = IODMAChannel_take(&engine->super.channel, transfer->command);

    if (status != kIOReturnSuccess) {
        return status;
    }
    status = virtio_blk_submit(engine->disk, &transfer->request);
    if (status != kIOReturnSuccess) {
        IODMAChannel_refuse(&engine->super.channel, transfer->command);
    } else if (!engine->held) {
        virtio_blk_publish(engine->disk);
    }
    return in_engine_words(status);
}

static IOReturn engine_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct blk_engine *engine = (struct blk_engine *)self;
    struct virtio_blk_transfer *transfer = IODMACommand_getRefCon(command);
    lock_state_t state;
    IOReturn status;

    /*
     * A command of somebody else's has another refCon, or the transfer another disk: it must name
     * the command back before it is used as one.
     */
    if (index != 0 || transfer == NULL || transfer->command != command ||
        transfer->disk != engine->disk) {
        return kIOReturnBadArgument;
    }
    /*
     * Kept with the transfer: parts of it may be filled much later, when there is room in the ring.
     */
    status = IODMACommand_getPreparedOffsetAndLength(command, &transfer->prepared, NULL);
    if (status != kIOReturnSuccess) {
        return status;
    }
    virtio_blk_request_init(&transfer->request,
                            direction == kIODirectionIn ? VIRTIO_BLK_READ : VIRTIO_BLK_WRITE,
                            (IOMemoryDescriptor *)IODMACommand_getMemoryDescriptor(command),
                            transfer->prepared + offset, transfer->sector, count);
    transfer->request.completion = arrived;
    transfer->request.context = engine;
    transfer->request.fill = fill;
    /* Again: a notification, which runs under this lock, may start. */
    state = lock_take_again(&engine->disk->lock);
    status = submit(engine, transfer);
    lock_release(&engine->disk->lock, state);
    return status;
}

static void engine_publish(IODMAController *self, UInt32 index)
{
    (void)index;
    virtio_blk_publish(((struct blk_engine *)self)->disk);
}

static bool engine_poll(void *self)
{
    return blk_poll_if_polled(((struct blk_engine *)self)->disk);
}

/* The requests of others end by it as well. */
static IOReturn engine_abort(IODMAController *self, UInt32 index, uint64_t timeout)
{
    (void)index, (void)timeout;
    return virtio_blk_reset(((struct blk_engine *)self)->disk);
}

static IOByteCount engine_moved(IODMAController *self, IODMACommand *command)
{
    (void)self;
    return ((struct virtio_blk_transfer *)IODMACommand_getRefCon(command))->request.moved;
}

static uint32_t engines;

static const IODMAChannelControllerClass engine_class = {
    .super = {.meta = {"VirtioBlkEngine", &IODMAController_metaClass, sizeof(struct blk_engine),
                       &engines, controller_free},
              .startDMACommand = engine_start,
              CONTROLLER_WITH_CHANNELS,
              CONTROLLER_WITHOUT_FIFO},
    .getChannel = IODMASingleController_getChannel,
    .publish = engine_publish,
    .poll = engine_poll,
    .abort = engine_abort,
    .getMoved = engine_moved,
};

/* --- What a client asks for ------------------------------------------------------------------- */

IOService *virtio_blk_get_service(struct virtio_blk *disk)
{
    char name[32];
    IODMAController *engine;

    if (disk == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    if (disk->engine == NULL) {
        ksnprintf(name, sizeof(name), "virtio-blk@%llx",
                  (unsigned long long)disk->device->address.value);
        /* Its node in the device tree has no phandle: where it is tells it apart as well. */
        engine = IODMAController_withOwnService(
            &engine_class.super.meta, name, (UInt32)disk->device->address.value, &disk->service);
        /* Before anybody can have it: a start finds its disk there. */
        if (engine != NULL) {
            ((struct blk_engine *)engine)->disk = disk;
        }
        disk->engine = engine;
        if (engine != NULL && disk->device->mapper != NULL) {
            IOService_setObject(disk->service, "iommu-parent", disk->device->mapper);
        }
    }
    return disk->service;
}

void virtio_blk_get_segment_options(struct virtio_blk *disk, IODMACommand_SegmentOptions *options)
{
    const lock_state_t state = lock_take_again(&disk->lock);

    *options = (IODMACommand_SegmentOptions){
        .fStructSize = sizeof(*options),
        /*
         * Ring entries have 64 bits of address and ask for no alignment (section 2.7.5); blocks are
         * the business of the sum.
         */
        .fNumAddressBits = 64,
        /* Of a descriptor in the ring, if the device does not say. */
        .fMaxSegmentSize = disk->segment_bytes_max != 0 ? disk->segment_bytes_max : UINT32_MAX,
        .fAlignment = 1,
        .fAlignmentLength = 1,
        .fAlignmentInternalSegments = 1,
    };
    lock_release(&disk->lock, state);
}

IODMACommand *virtio_blk_create_command(struct virtio_blk *disk,
                                        const IODMACommand_SegmentOptions *options,
                                        uint32_t mappingOptions,
                                        struct virtio_blk_transfer *transfer)
{
    IODMACommand_SegmentOptions own;

    if (disk == NULL || transfer == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    if (options == NULL) {
        virtio_blk_get_segment_options(disk, &own);
        options = &own;
    }
    mappingOptions = virtio_mapping_options(disk->device, mappingOptions);
    /* Not by assigning one: clang builds it on the stack and copies it here, for each request. */
    memset(transfer, 0, sizeof(*transfer));
    transfer->disk = disk;
    /* For who wants to see its list; the ring's own function needs a ring. */
    transfer->command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost64, options, mappingOptions, disk->device->mapper, transfer);
    return transfer->command;
}

const IODMACommand *virtio_blk_command_of(const struct virtio_blk_request *request)
{
    /* The function tells the kind: only requests inside a transfer have this one. */
    return request->fill == fill ? ((const struct virtio_blk_transfer *)request)->command : NULL;
}

void virtio_blk_hold_doorbell(struct virtio_blk *disk, bool on)
{
    struct blk_engine *engine = (struct blk_engine *)disk->engine;

    if (engine == NULL) {
        return; /* nobody can have started anything */
    }
    engine->held = on;
    if (!on) {
        virtio_blk_publish(disk);
    }
}

void virtio_blk_get_depth(struct virtio_blk *disk, struct virtio_blk_depth *depth)
{
    const struct blk_engine *engine = (const struct blk_engine *)disk->engine;
    const lock_state_t state = lock_take_again(&disk->lock);

    *depth = (struct virtio_blk_depth){0};
    if (engine != NULL) {
        depth->now = engine->super.channel.count;
        depth->most = engine->super.channel.most;
    }
    lock_release(&disk->lock, state);
}
