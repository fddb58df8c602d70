/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware configuration device as a DMA engine. The segment function writes the blocks
 * that the device reads, as many as the list holds; then it is started with each. There is no
 * interrupt: a transfer has ended when its start returns, and its end is on the work loop.
 */
#include "drivers/fw_cfg/fw_cfg.h"
#include "drivers/fw_cfg/fw_cfg_private.h"
#include "drivers/recording.h"

struct fw_cfg_engine {
    IODMASingleController super;
    struct fw_cfg *device;
};

/* What the segment function fills, and how far. */
struct blocks {
    struct fw_cfg_block *first;
    uint32_t control;
    uint64_t left; /* bytes that the transfer still wants */
};

static bool output_block(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                         UInt32 index)
{
    struct blocks *to = segments;
    const uint64_t length = segment.fLength < to->left ? segment.fLength : to->left;

    (void)target;
    /*
     * No bytes left: the transfer ends here though the preparation goes on. Longer than the length
     * word of a block can say: options of the client's own may allow what the engine's do not.
     */
    if (length == 0 || segment.fLength > UINT32_MAX) {
        return false;
    }
    /*
     * The index counts from the first segment of this call, and `first` stands behind the block
     * that selects.
     */
    to->first[index] = fw_cfg_make_block(to->control, (uint32_t)length, segment.fIOVMAddr);
    to->left -= length;
    return true;
}

/* --- One transfer ----------------------------------------------------------------------------- */

struct progress {
    struct fw_cfg *device;
    const struct fw_cfg_transfer *transfer;
    uint32_t control; /* FW_CFG_READ or FW_CFG_WRITE */
    uint64_t offset;  /* in the preparation, of the first byte */
    uint64_t length, moved;
};

/* The first block only finds the place in the item. */
static void record(const struct fw_cfg *device, const struct fw_cfg_transfer *transfer,
                   const struct fw_cfg_operation *operation)
{
    if (operation->slot == 0) {
        recording_list(transfer->command, operation->offset, device);
        return;
    }
    recording_entry(transfer->command, operation->address, operation->length, operation->slot,
                    TRACE_LIST_block,
                    (operation->control & FW_CFG_READ) != 0 ? TRACE_SLOT_WRITES : 0);
}

static void show_watcher(const struct progress *progress, unsigned count)
{
    const struct fw_cfg *device = progress->device;
    uint64_t offset = progress->offset + progress->moved;

    for (unsigned i = 0; i < count; i++) {
        const struct fw_cfg_block *block = &device->list[i];
        const struct fw_cfg_operation operation = {
            .control = __builtin_bswap32(block->control),
            .length = __builtin_bswap32(block->length),
            .address = __builtin_bswap64(block->address),
            .slot = i,
            .count = count,
            .offset = offset,
        };

        if (trace_is_on()) {
            record(device, progress->transfer, &operation);
        }
        if (device->watch != NULL) {
            device->watch(device->watch_context, progress->transfer, &operation);
        }
        /* The length of the first block is a place in the item, none in the memory. */
        offset += i != 0 ? operation.length : 0;
    }
}

/* Bytes of the blocks that ended well; the first one only selects. */
static uint64_t bytes_of(const struct fw_cfg *device, unsigned blocks)
{
    uint64_t bytes = 0;

    /* The lengths are ours still: of a block the device writes the control word alone. */
    for (unsigned i = 1; i < blocks; i++) {
        bytes += __builtin_bswap32(device->list[i].length);
    }
    return bytes;
}

/*
 * As much as the list holds. It begins with finding the place, every time: between two
 * lists another transfer may have had the device. Locked.
 */
static IOReturn move_list(struct progress *progress)
{
    struct fw_cfg *device = progress->device;
    struct blocks to = {device->list + 1, progress->control, progress->length - progress->moved};
    UInt64 position = progress->offset + progress->moved;
    /* All but the block that selects. The function lowers it to the segments that it put out. */
    UInt32 count = FW_CFG_LIST - 1;
    unsigned done;
    IOReturn status;

    /*
     * Asked again for each list: between two of them interrupts are open, and a transfer that a
     * handler starts may find the device lost.
     */
    if (device->lost) {
        return kIOReturnNotResponding;
    }
    status = IODMACommand_genIOVMSegmentsFunction(progress->transfer->command, output_block,
                                                  &position, &to, &count);
    if (status != kIOReturnSuccess) {
        return status;
    }
    /*
     * Cannot pass 32 bits: check has seen that the whole transfer ends within the item, whose size
     * is a 32-bit word.
     */
    device->list[0] = fw_cfg_seek(&progress->transfer->item,
                                  progress->transfer->position + (uint32_t)progress->moved);
    if (device->watch != NULL || trace_is_on()) {
        show_watcher(progress, count + 1);
    }
    status = fw_cfg_run(device, count + 1, &done);
    /* After an error as well: the client is told how many bytes are there for sure. */
    progress->moved += bytes_of(device, done);
    return status;
}

static IOReturn move_all(struct progress *progress)
{
    IOReturn status = kIOReturnSuccess;

    while (status == kIOReturnSuccess && progress->moved < progress->length) {
        /*
         * A list at a time, and interrupts are served in between: the device copies within the
         * store that starts it, and a long transfer would keep timers waiting for its whole length.
         */
        const lock_state_t state = lock_take(&progress->device->lock);

        status = move_list(progress);
        lock_release(&progress->device->lock, state);
    }
    return status;
}

/* --- What the engine does --------------------------------------------------------------------- */

static IOReturn check(const struct fw_cfg *device, const struct fw_cfg_transfer *transfer,
                      IODirection direction, IOByteCount count)
{
    const struct fw_cfg_item *item = &transfer->item;

    if (device->lost) {
        return kIOReturnNotResponding;
    }
    /*
     * The device would refuse as well, but with the error bit alone, as for an address without
     * memory.
     */
    if (direction == kIODirectionOut && !item->writable) {
        return kIOReturnNotWritable;
    }
    /* Written so that no sum can wrap. */
    return count <= item->size && transfer->position <= item->size - count ? kIOReturnSuccess
                                                                           : kIOReturnOverrun;
}

static IOReturn engine_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct fw_cfg_engine *engine = (struct fw_cfg_engine *)self;
    struct fw_cfg_transfer *transfer = IODMACommand_getRefCon(command);
    struct progress progress = {
        .device = engine->device,
        .transfer = transfer,
        .control = direction == kIODirectionIn ? FW_CFG_READ : FW_CFG_WRITE,
        .offset = offset,
        .length = count,
    };
    irq_state_t state;
    IOReturn status;

    /*
     * A command of somebody else's has another refCon, or none: before its fields are used as a
     * transfer's it must name the command back.
     */
    if (index != 0 || transfer == NULL || transfer->command != command) {
        return kIOReturnBadArgument;
    }
    status = check(engine->device, transfer, direction, count);
    if (status != kIOReturnSuccess) {
        return status;
    }
    /*
     * Around the channel's list alone: a handler may start a transfer of its own on the same
     * channel.
     */
    state = irq_mask();
    status = IODMAChannel_take(&engine->super.channel, command);
    irq_restore(state);
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = move_all(&progress);
    state = irq_mask();
    IODMAChannel_end(&engine->super.channel, self, command, status, progress.moved);
    irq_restore(state);
    /*
     * Whatever the end was: it has been delivered, and an error from here would say that there is
     * none.
     */
    return kIOReturnSuccess;
}

/*
 * A command is here only between its start and its end, which is one call: whoever finds one is
 * a handler that came in between. It cannot be stopped, and what has moved is in the stack of that
 * call.
 */
static IOReturn engine_abort(IODMAController *self, UInt32 index, uint64_t timeout)
{
    (void)self, (void)index, (void)timeout;
    return kIOReturnNotPermitted;
}

static IOByteCount engine_moved(IODMAController *self, IODMACommand *command)
{
    (void)self, (void)command;
    return 0;
}

static uint32_t engines;

static const IODMAChannelControllerClass engine_class = {
    .super = {.meta = {"FwCfgEngine", &IODMAController_metaClass, sizeof(struct fw_cfg_engine),
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

/* --- What a client asks for ------------------------------------------------------------------- */

IOService *fw_cfg_get_service(void)
{
    struct fw_cfg *device = fw_cfg_device();

    if (device == NULL) {
        IOMemory_fail(kIOReturnNoDevice);
        return NULL;
    }
    if (device->engine == NULL) {
        /* Its node has no phandle: where it is tells it apart as well. */
        device->engine = IODMAController_withOwnService(
            &engine_class.super.meta, "fw_cfg", (UInt32)device->address.value, &device->service);
        if (device->engine != NULL) {
            ((struct fw_cfg_engine *)device->engine)->device = device;
        }
    }
    return device->service;
}

void fw_cfg_get_segment_options(IODMACommand_SegmentOptions *options)
{
    *options = (IODMACommand_SegmentOptions){
        .fStructSize = sizeof(*options),
        /*
         * A block has 64 bits of address, and the specification asks for no alignment of anything.
         */
        .fNumAddressBits = 64,
        .fMaxSegmentSize = UINT32_MAX, /* of a block's length */
        .fAlignment = 1,
        .fAlignmentLength = 1,
        .fAlignmentInternalSegments = 1,
    };
}

IODMACommand *fw_cfg_create_command(const IODMACommand_SegmentOptions *options,
                                    uint32_t mappingOptions, struct fw_cfg_transfer *transfer)
{
    IODMACommand_SegmentOptions own;

    if (transfer == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    if (options == NULL) {
        fw_cfg_get_segment_options(&own);
        options = &own;
    }
    *transfer = (struct fw_cfg_transfer){0};
    /*
     * For a client that asks for the list itself; a start uses output_block, which adds the control
     * word.
     */
    transfer->command = IODMACommand_withSpecificationOptions(kIODMACommandOutputBig64, options,
                                                              mappingOptions, NULL, transfer);
    return transfer->command;
}
