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
                                                  virtq_output_command, &position, &to, &count);
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
    transfer->request = (struct virtio_rng_request){
        .offset = offset, .length = count, .fill = fill, .completion = arrived, .context = engine};
    state = irq_mask();
    /* Before it is in line: its end may come at once. */
    status = IODMAChannel_take(&engine->super.channel, command);
    if (status == kIOReturnSuccess) {
        status = rng_submit(engine->rng, &transfer->request);
        if (status != kIOReturnSuccess) {
            IODMAChannel_refuse(&engine->super.channel, command);
        }
    }
    irq_restore(state);
    return status;
}

static IOReturn engine_stop(IODMAController *self, UInt32 index, bool flush, uint64_t timeout)
{
    struct rng_engine *engine = (struct rng_engine *)self;

    if (index != 0) {
        return kIOReturnBadArgument;
    }
    /* A reset would end the reads of others as well: not without need. */
    if (engine->super.channel.count == 0) {
        return kIOReturnSuccess;
    }
    if (flush) {
        return IODMAChannel_wait(&engine->super.channel, timeout, NULL, NULL) ? kIOReturnSuccess
                                                                              : kIOReturnTimeout;
    }
    /* The device has no way to take back one chain; what has come by then stays counted. */
    return rng_reset(engine->rng);
}

static IOReturn engine_query(IODMAController *self, UInt32 index, IODMACommand **command,
                             IOByteCount *moved, bool waitForIdle)
{
    struct rng_engine *engine = (struct rng_engine *)self;
    irq_state_t state;

    if (index != 0) {
        return kIOReturnBadArgument;
    }
    if (waitForIdle) {
        IODMAChannel_wait(&engine->super.channel, UINT64_MAX, NULL, NULL);
    }
    /* Both answers under one mask: with an end in between, the bytes would be another command's. */
    state = irq_mask();
    *command = IODMAChannel_current(&engine->super.channel);
    *moved = *command == NULL
                 ? 0
                 : ((struct virtio_rng_transfer *)IODMACommand_getRefCon(*command))->request.done;
    irq_restore(state);
    return kIOReturnSuccess;
}

static uint32_t engines;

static const IODMAControllerClass engine_class = {
    .meta = {"VirtioRngEngine", &IODMAController_metaClass, sizeof(struct rng_engine), &engines,
             controller_free},
    .initDMAChannel = IODMASingleController_initDMAChannel,
    .startDMACommand = engine_start,
    .stopDMACommand = engine_stop,
    .queryDMACommand = engine_query,
    CONTROLLER_WITHOUT_FIFO,
    .releaseDMAChannel = IODMASingleController_releaseDMAChannel,
};

IOService *rng_get_service(struct virtio_rng *rng)
{
    char name[32];

    if (rng->engine == NULL) {
        ksnprintf(name, sizeof(name), "virtio-rng@%llx",
                  (unsigned long long)rng->device->address.value);
        rng->engine = IODMAController_withOwnService(
            &engine_class.meta, name, (UInt32)rng->device->address.value, &rng->service);
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
    IODMACommand_SegmentOptions own;

    if (transfer == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    if (options == NULL) {
        virtio_rng_get_segment_options(&own);
        options = &own;
    }
    *transfer = (struct virtio_rng_transfer){0};
    transfer->command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, options,
                                                              mappingOptions, NULL, transfer);
    return transfer->command;
}
