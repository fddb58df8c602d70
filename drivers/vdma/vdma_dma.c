/* SPDX-License-Identifier: BSD-2-Clause */
/* vdma as a DMA engine: commands become transfers, and their ends go to the event source. */
#include "descriptors/IODMAController_class.h"
#include "drivers/vdma/vdma_private.h"
#include "kernel/console.h"

struct vdma_engine {
    IODMASingleController super;
};

/* --- Ends ------------------------------------------------------------------------------------- */

/* The lock is held, in a handler as a rule. */
static void arrived(struct vdma_transfer *transfer)
{
    struct vdma_engine *engine = transfer->owner;

    if (transfer->type == VDMA_COPY) {
        IODMAController_returnCommand(transfer->other);
    }
    /* A client's notification may start the next command at once, this one too. */
    IODMAChannel_end(&engine->super.channel, &engine->super.super, transfer->command,
                     transfer->result, transfer->moved);
}

/* --- Starts ----------------------------------------------------------------------------------- */

static bool is_ours(const IODMACommand *command)
{
    const struct vdma_transfer *transfer = IODMACommand_getRefCon(command);

    /* A command of somebody else's has another refCon: it must name the command back. */
    return transfer != NULL && transfer->command == command;
}

IOReturn vdma_check(const struct vdma_transfer *transfer)
{
    const unsigned directions = vdma_state.can.limits.directions;
    const uint64_t pattern = transfer->arguments[1];

    if ((transfer->source.command != NULL) != vdma_reads(transfer->type) ||
        (transfer->target.command != NULL) != vdma_writes(transfer->type) ||
        (transfer->type == VDMA_COMPARE && transfer->length % 2 != 0) ||
        (transfer->type == VDMA_FILL && pattern != 1 && pattern != 2 && pattern != 4 &&
         pattern != 8)) {
        return kIOReturnBadArgument;
    }
    if (directions != 0 &&
        ((transfer->source.command != NULL && (directions & VDMA_READS) == 0) ||
         (transfer->target.command != NULL && (directions & VDMA_WRITES) == 0))) {
        return kIOReturnUnsupported;
    }
    return kIOReturnSuccess;
}

/* The lock is held: an end can come between the submission and anything that follows it. */
static IOReturn submit(struct vdma_engine *engine, struct vdma_transfer *transfer)
{
    IOReturn status = vdma_check(transfer);

    if (status == kIOReturnSuccess) {
        /* In the channel's book before it is in the ring, where its end can find it. */
        status = IODMAChannel_take(&engine->super.channel, transfer->command);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = vdma_submit(transfer);
    if (status != kIOReturnSuccess) {
        IODMAChannel_refuse(&engine->super.channel, transfer->command);
    }
    return status;
}

static IOReturn engine_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct vdma_engine *engine = (struct vdma_engine *)self;
    struct vdma_transfer *transfer = IODMACommand_getRefCon(command);
    const struct vdma_place here = {command, offset, offset};
    struct vdma_place there = {NULL, 0, 0};
    lock_state_t state;
    IOReturn status;

    if (index != 0 || !is_ours(command)) {
        return kIOReturnBadArgument;
    }
    if (transfer->type == VDMA_COPY) {
        if (transfer->other == NULL || !is_ours(transfer->other)) {
            return kIOReturnBadArgument;
        }
        status = IODMAController_borrowCommand(
            transfer->other, direction == kIODirectionIn ? kIODirectionOut : kIODirectionIn, count,
            transfer->other_offset);
        if (status != kIOReturnSuccess) {
            return status;
        }
        there =
            (struct vdma_place){transfer->other, transfer->other_offset, transfer->other_offset};
    }
    transfer->source = direction == kIODirectionIn ? there : here;
    transfer->target = direction == kIODirectionIn ? here : there;
    transfer->length = count;
    if (transfer->type == VDMA_COMPARE) {
        transfer->arguments[0] = count / 2;
        transfer->arguments[1] = 0;
    }
    transfer->ended = arrived;
    transfer->owner = engine;
    /* Again: a notification, which runs under this lock, may start. */
    state = lock_take_again(&vdma_state.lock);
    status = submit(engine, transfer);
    lock_release(&vdma_state.lock, state);
    if (status != kIOReturnSuccess && transfer->type == VDMA_COPY) {
        IODMAController_returnCommand(transfer->other);
    }
    return status;
}

/* --- What the channel asks of it -------------------------------------------------------------- */

static void engine_publish(IODMAController *self, UInt32 index)
{
    (void)self, (void)index;
    vdma_poll(); /* publishes, and an interrupt that got lost is made good */
}

static bool engine_poll(void *self)
{
    (void)self;
    return vdma_poll() != 0;
}

/* The device knows no other way to take a request back than to be reset. */
static IOReturn engine_abort(IODMAController *self, UInt32 index, uint64_t timeout)
{
    (void)self, (void)index, (void)timeout;
    return vdma_reset();
}

static IOByteCount engine_moved(IODMAController *self, IODMACommand *command)
{
    (void)self;
    return ((struct vdma_transfer *)IODMACommand_getRefCon(command))->moved;
}

static uint32_t engines;

static const IODMAChannelControllerClass engine_class = {
    .super = {.meta = {"VdmaEngine", &IODMAController_metaClass, sizeof(struct vdma_engine),
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

IOReturn vdma_create_engine(void)
{
    const struct virtio_device *device = vdma_state.device;
    char name[32];

    ksnprintf(name, sizeof(name), "vdma@%llx", (unsigned long long)device->address.value);
    /* Its node in the device tree has no phandle: where it is tells it apart as well. */
    vdma_state.engine = IODMAController_withOwnService(
        &engine_class.super.meta, name, (UInt32)device->address.value, &vdma_state.service);
    return vdma_state.engine != NULL ? kIOReturnSuccess : IOMemoryLastError();
}

IOService *vdma_get_service(void)
{
    if (!vdma_found()) {
        IOMemory_fail(kIOReturnNoDevice);
        return NULL;
    }
    return vdma_state.service;
}

IODMACommand *vdma_create_command(const IODMACommand_SegmentOptions *options,
                                  uint32_t mappingOptions, struct vdma_transfer *transfer)
{
    IOService *service = vdma_get_service();
    IODMACommand_SegmentOptions own;
    IOMapper *mapper;
    IOReturn status;

    if (transfer == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    if (service == NULL) {
        return NULL;
    }
    if (options == NULL) {
        status = vdma_get_segment_options(&own);
        if (status != kIOReturnSuccess) {
            IOMemory_fail(status);
            return NULL;
        }
        options = &own;
    }
    mappingOptions = virtio_mapping_options(vdma_state.device, mappingOptions);
    mapper = IOMapper_copyMapperForDevice(service);
    *transfer = (struct vdma_transfer){0};
    /* For who wants to see its list; the ring's own function needs a ring. */
    transfer->command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, options,
                                                              mappingOptions, mapper, transfer);
    OSObject_release(mapper);
    return transfer->command;
}

void vdma_get_depth(unsigned *now, unsigned *most)
{
    const struct vdma_engine *engine = (const struct vdma_engine *)vdma_state.engine;
    const lock_state_t state = lock_take_again(&vdma_state.lock);

    *now = engine != NULL ? engine->super.channel.count : 0;
    *most = engine != NULL ? engine->super.channel.most : 0;
    lock_release(&vdma_state.lock, state);
}
