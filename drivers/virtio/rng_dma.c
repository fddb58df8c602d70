/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy device as a DMA engine; see blk_dma.c for the same of disks. */
#include "drivers/virtio/rng_dma.h"

#include "descriptors/IODMAController_class.h"
#include "drivers/virtio/rng_private.h"
#include "kernel/console.h"
#include "kernel/irq.h"

struct rng_engine {
    IODMASingleController super;
    struct virtio_rng *rng;
};

static struct virtio_rng_transfer *transfer_of(struct virtio_rng_request *request)
{
    return (struct virtio_rng_transfer *)request; /* its first member */
}

/* One segment, from where the last answer ended. */
static IOReturn fill(struct virtio_rng_request *request, uint32_t most, struct virtq_chain *chain)
{
    /* The device states no limit; the word of a ring entry has 32 bits. */
    struct virtq_command_segments to = {.left = most, .longest = UINT32_MAX};
    UInt64 position = request->offset + request->done;
    /*
     * One segment a question: with more, an answer that falls short would leave holes to keep
     * account of.
     */
    UInt32 count = 1;
    IOReturn status;

    virtq_chain_segments(chain, &to.segments, VIRTQ_WRITE);
    status = IODMACommand_genIOVMSegmentsFunction(transfer_of(request)->command,
                                                  virtq_command_output(chain)->segment, &position,
                                                  &to, &count);
    if (status == kIOReturnSuccess) {
        virtq_chain_filled(chain, count, most - (uint32_t)to.left);
    }
    return status;
}

static void arrived(struct virtio_rng_request *request)
{
    struct rng_engine *engine = request->context;

    /* The bytes that came before an error are random all the same, and are told. */
    IODMAChannel_end(&engine->super.channel, &engine->super.super, transfer_of(request)->command,
                     request->status, request->done);
}

static IOReturn engine_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct rng_engine *engine = (struct rng_engine *)self;
    struct virtio_rng_transfer *transfer = IODMACommand_getRefCon(command);
    irq_state_t state;
    IOReturn status;

    /*
     * There is nothing that this device could be written. A command of somebody else's has another
     * refCon, which must name the command back before it is used as a transfer.
     */
    if (index != 0 || direction != kIODirectionIn || transfer == NULL ||
        transfer->command != command) {
        return kIOReturnBadArgument;
    }
    state = irq_mask();
    /*
     * Before it is in line: its end may come at once. And before anything is put down in it: one
     * that is under way is in line already.
     */
    status = IODMAChannel_take(&engine->super.channel, command);
    if (status == kIOReturnSuccess) {
        transfer->request = (struct virtio_rng_request){.offset = offset,
                                                        .length = count,
                                                        .fill = fill,
                                                        .completion = arrived,
                                                        .context = engine};
        status = rng_submit(engine->rng, &transfer->request);
        if (status != kIOReturnSuccess) {
            IODMAChannel_refuse(&engine->super.channel, command);
        }
    }
    irq_restore(state);
    return status;
}

/* The device has no way to take back one chain; what has come by then stays counted. */
static IOReturn engine_abort(IODMAController *self, UInt32 index, uint64_t timeout)
{
    (void)index, (void)timeout;
    return rng_reset(((struct rng_engine *)self)->rng);
}

static IOByteCount engine_moved(IODMAController *self, IODMACommand *command)
{
    (void)self;
    return ((struct virtio_rng_transfer *)IODMACommand_getRefCon(command))->request.done;
}

static uint32_t engines;

static const IODMAChannelControllerClass engine_class = {
    .super = {.meta = {"VirtioRngEngine", &IODMAController_metaClass, sizeof(struct rng_engine),
                       &engines, controller_free},
              .startDMACommand = engine_start,
              CONTROLLER_WITH_CHANNELS,
              CONTROLLER_WITHOUT_FIFO},
    .getChannel = IODMASingleController_getChannel,
    .publish = IODMAChannelController_publishNothing,
    .poll = IODMAChannelController_pollNothing,
    .abort = engine_abort,
    .getMoved = engine_moved,
};

IOService *rng_get_service(struct virtio_rng *rng)
{
    char name[32];

    if (rng->engine == NULL) {
        ksnprintf(name, sizeof(name), "virtio-rng@%llx",
                  (unsigned long long)rng->device->address.value);
        rng->engine = IODMAController_withOwnService(
            &engine_class.super.meta, name, (UInt32)rng->device->address.value, &rng->service);
        /* Before anybody can have it: a start finds its device there. */
        if (rng->engine != NULL) {
            ((struct rng_engine *)rng->engine)->rng = rng;
        }
    }
    return rng->service;
}

void virtio_rng_get_segment_options(IODMACommand_SegmentOptions *options)
{
    *options = (IODMACommand_SegmentOptions){
        .fStructSize = sizeof(*options),
        .fNumAddressBits = 64,
        .fMaxSegmentSize = UINT32_MAX,
        .fAlignment = 1,
        .fAlignmentLength = 1,
        .fAlignmentInternalSegments = 1,
    };
}

IODMACommand *virtio_rng_create_command(const IODMACommand_SegmentOptions *options,
                                        uint32_t mappingOptions,
                                        struct virtio_rng_transfer *transfer)
{
    const struct virtio_device *device = rng_machine_device();
    IODMACommand_SegmentOptions own;

    if (transfer == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    if (options == NULL) {
        virtio_rng_get_segment_options(&own);
        options = &own;
    }
    if (device != NULL) {
        mappingOptions = virtio_mapping_options(device, mappingOptions);
    }
    *transfer = (struct virtio_rng_transfer){0};
    transfer->command =
        IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, options, mappingOptions,
                                              device != NULL ? device->mapper : NULL, transfer);
    return transfer->command;
}
