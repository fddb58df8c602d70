/* SPDX-License-Identifier: BSD-2-Clause */
/* The device as a DMA engine of one channel: one transfer at a time, piece by piece. */
#include "drivers/edu/edu_private.h"
#include "drivers/recording.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"

struct edu_engine {
    IODMASingleController super;
    struct edu *device;
};

/* --- Telling the device ------------------------------------------------------------------------
 */

/* The list is the device's only in software: its registers hold one piece. */
struct pieces {
    struct edu *device;
    uint64_t left, offset; /* bytes of the transfer, and where in the preparation */
    unsigned position;
    bool to_memory;
    IOReturn status;
};

static bool output_piece(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                         UInt32 index)
{
    struct pieces *const to = segments;
    const uint64_t length = segment.fLength < to->left ? segment.fLength : to->left;
    const unsigned bits = to->device->address_bits;

    (void)target;
    if (length == 0) {
        return false; /* the transfer ends here though the preparation goes on */
    }
    /*
     * What has more bits would lose them on the way: the device would say that it is done, and
     * have used somebody else's memory. The options of a client can be wider than the device's.
     */
    if (bits < 64 &&
        (segment.fIOVMAddr >> bits != 0 || (segment.fIOVMAddr + length - 1) >> bits != 0)) {
        to->status = kIOReturnMessageTooLarge; /* of the whole start, whatever else is put down */
    }
    to->device->pieces[index] = (struct edu_piece){
        .address = ioaddr(segment.fIOVMAddr),
        .length = (unsigned)length,
        .position = to->position,
        .to_memory = to->to_memory,
        .offset = to->offset,
    };
    to->left -= length;
    to->offset += length;
    to->position += (unsigned)length;
    return true;
}

/* Its list is three registers. */
static void record(const struct edu *device, const struct edu_piece *piece)
{
    const IODMACommand *command = device->transfer->command;

    recording_list(command, piece->offset, device);
    recording_entry(command, piece->address.value, piece->length, device->done,
                    TRACE_LIST_registers, piece->to_memory ? TRACE_SLOT_WRITES : 0);
    trace_doorbell((vaddr_t)device, device->done, 0);
}

/* The next piece. The lock is held. */
static void tell(struct edu *device)
{
    const struct edu_piece *const piece = &device->pieces[device->done];
    const uint64_t here = EDU_MEMORY + piece->position;

    device->counters.pieces++;
    if (trace_is_on()) {
        record(device, piece);
    }
    if (device->watcher != NULL) {
        device->watcher(device->watch_context, device->transfer, piece);
    }
    mmio_write64(device->registers, EDU_SOURCE, piece->to_memory ? here : piece->address.value);
    mmio_write64(device->registers, EDU_TARGET, piece->to_memory ? piece->address.value : here);
    mmio_write64(device->registers, EDU_COUNT, piece->length);
    cpu_dmb_sy(); /* the bytes, and their translation, before the device looks */
    mmio_write64(device->registers, EDU_COMMAND,
                 COMMAND_START | COMMAND_INTERRUPT | (piece->to_memory ? COMMAND_TO_MEMORY : 0));
}

/* Its engine has raised an interrupt, or somebody thinks so. The lock is not held. */
void edu_served(struct edu *device)
{
    lock_state_t state = lock_take_again(&device->lock);
    struct edu_engine *const engine = (struct edu_engine *)device->engine;
    struct edu_transfer *const transfer = device->transfer;

    if (transfer == NULL || (mmio_read64(device->registers, EDU_COMMAND) & COMMAND_START) != 0) {
        lock_release(&device->lock, state);
        return;
    }
    cpu_dmb_sy(); /* it says that it is done, before its bytes are looked at */
    device->moved += device->pieces[device->done].length;
    device->done++;
    if (device->done < device->count && !device->stopping) {
        tell(device);
    } else {
        const IOReturn status = device->done == device->count ? kIOReturnSuccess : kIOReturnAborted;

        /* Idle first: whoever is told may start the next. */
        device->transfer = NULL;
        device->stopping = false;
        IODMAChannel_end(&engine->super.channel, &engine->super.super, transfer->command, status,
                         device->moved);
    }
    lock_release(&device->lock, state);
}

/* --- What the engine does ----------------------------------------------------------------------
 */

/* The lock is held. */
static IOReturn start(struct edu_engine *engine, struct edu_transfer *transfer, bool to_memory,
                      IOByteCount count, IOByteCount offset)
{
    struct edu *const device = engine->device;
    struct pieces to = {device, count, offset, transfer->position, to_memory, kIOReturnSuccess};
    UInt64 position = offset;
    UInt32 pieces = EDU_PIECES_MAX;
    IOReturn status;

    /* Written so that no sum can wrap. */
    if (count > EDU_BYTES_MAX || transfer->position > EDU_BYTES_MAX - count) {
        return kIOReturnOverrun;
    }
    if (device->transfer != NULL) {
        return kIOReturnBusy;
    }
    status = IODMACommand_genIOVMSegmentsFunction(transfer->command, output_piece, &position, &to,
                                                  &pieces);
    if (to.status != kIOReturnSuccess) {
        return to.status;
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (to.left != 0) {
        return kIOReturnNoSpace;
    }
    status = IODMAChannel_take(&engine->super.channel, transfer->command);
    if (status == kIOReturnSuccess) {
        device->transfer = transfer;
        device->count = pieces;
        device->done = 0;
        device->moved = 0;
        tell(device);
    }
    return status;
}

static IOReturn engine_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct edu_engine *const engine = (struct edu_engine *)self;
    struct edu_transfer *const transfer = IODMACommand_getRefCon(command);
    lock_state_t state;
    IOReturn status;

    /* A command of somebody else's has another refCon: it must name the command back. */
    if (index != 0 || transfer == NULL || transfer->command != command ||
        transfer->device != engine->device) {
        return kIOReturnBadArgument;
    }
    /* Again: a notification, which runs under this lock, may start. */
    state = lock_take_again(&engine->device->lock);
    status = start(engine, transfer, direction == kIODirectionIn, count, offset);
    lock_release(&engine->device->lock, state);
    return status;
}

static IOReturn engine_abort(IODMAController *self, UInt32 index, uint64_t timeout)
{
    struct edu_engine *const engine = (struct edu_engine *)self;
    struct edu *const device = engine->device;
    lock_state_t state;

    (void)index;
    if (irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    state = lock_take(&device->lock);
    device->stopping = device->transfer != NULL;
    lock_release(&device->lock, state);
    return IODMAChannel_wait(&engine->super.channel, timeout, NULL, NULL) ? kIOReturnSuccess
                                                                          : kIOReturnTimeout;
}

static IOByteCount engine_moved(IODMAController *self, IODMACommand *command)
{
    (void)command; /* the one it has */
    return ((struct edu_engine *)self)->device->moved;
}

static uint32_t engines;

static const IODMAChannelControllerClass engine_class = {
    .super = {.meta = {"EduEngine", &IODMAController_metaClass, sizeof(struct edu_engine), &engines,
                       controller_free},
              .startDMACommand = engine_start,
              CONTROLLER_WITH_CHANNELS,
              CONTROLLER_WITHOUT_FIFO},
    .getChannel = IODMASingleController_getChannel,
    .publish = IODMAChannelController_publishNothing,
    .poll = IODMAChannelController_pollNothing,
    .abort = engine_abort,
    .getMoved = engine_moved,
};

IODMAController *edu_create_engine(struct edu *device, IOService **service)
{
    struct pci_info info;
    char name[sizeof("edu@00:00.0")];
    IODMAController *engine;

    pci_get_info(device->function, &info);
    ksnprintf(name, sizeof(name), "edu@%02x:%02x.%x", info.bus, info.slot, info.number);
    /* It has no node in the device tree: where it is tells it apart. */
    engine = IODMAController_withOwnService(&engine_class.super.meta, name,
                                            0x51000000u | info.requester, service);
    if (engine != NULL) {
        ((struct edu_engine *)engine)->device = device;
    }
    return engine;
}
