/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller as a DMA engine: a channel for each queue pair. */
#include "drivers/nvme/nvme_private.h"
#include "kernel/console.h"
#include "kernel/timer.h"

struct nvme_engine {
    IODMAController super;
    struct nvme_controller *controller;
};

static struct nvme_queue *queue_of(IODMAController *self, UInt32 index)
{
    struct nvme_controller *controller = ((struct nvme_engine *)self)->controller;

    return index < controller->queue_count ? &controller->queues[index] : NULL;
}

static IODMAChannel *get_channel(IODMAController *self, UInt32 index)
{
    struct nvme_queue *queue = queue_of(self, index);

    return queue != NULL ? &queue->channel : NULL;
}

/* --- Starting --------------------------------------------------------------------------------- */

static IOReturn check(const struct nvme_transfer *transfer, IODirection direction,
                      IOByteCount count)
{
    const struct nvme_namespace *disk = transfer->disk;
    const uint64_t blocks = count / disk->block_size;

    if (count % disk->block_size != 0) {
        return kIOReturnBadArgument;
    }
    if (disk->controller->lost) {
        return kIOReturnNotResponding;
    }
    if (direction == kIODirectionOut && disk->read_only) {
        return kIOReturnNotWritable;
    }
    /* Written so that no sum can wrap. */
    return blocks <= disk->blocks && transfer->block <= disk->blocks - blocks ? kIOReturnSuccess
                                                                              : kIOReturnOverrun;
}

/* The lock is held: an end can come between the submission and what follows it. */
static IOReturn submit(struct nvme_queue *queue, struct nvme_transfer *transfer)
{
    /* In the channel's book before the controller has it, where its end can find it. */
    IOReturn status = IODMAChannel_take(&queue->channel, transfer->command);

    if (status != kIOReturnSuccess) {
        return status;
    }
    status = nvme_start(queue, transfer);
    if (status != kIOReturnSuccess) {
        IODMAChannel_refuse(&queue->channel, transfer->command);
    } else if (!queue->held) {
        nvme_publish(queue);
    }
    return status;
}

static IOReturn engine_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct nvme_queue *queue = queue_of(self, index);
    struct nvme_transfer *transfer = IODMACommand_getRefCon(command);
    struct nvme_controller *controller = ((struct nvme_engine *)self)->controller;
    lock_state_t state;
    IOReturn status;

    /*
     * A command of somebody else's has another refCon, or the transfer another controller: it must
     * name the command back before it is used as one.
     */
    if (queue == NULL || transfer == NULL || transfer->command != command ||
        transfer->disk->controller != controller) {
        return kIOReturnBadArgument;
    }
    /* Again: a notification, which runs under this lock, may start. */
    state = lock_take_again(&controller->lock);
    status = check(transfer, direction, count);
    /* Not while it is under way: what is put down here is that start's. */
    if (status == kIOReturnSuccess && transfer->queue != NULL) {
        status = kIOReturnBusy;
    }
    if (status == kIOReturnSuccess) {
        /* None of its commands is under way, and it stands in no line: since its last end, or ever.
         */
        transfer->queue = queue;
        transfer->offset = offset;
        transfer->length = count;
        transfer->issued = transfer->moved = transfer->walked = 0;
        transfer->writes = direction == kIODirectionOut;
        transfer->status = kIOReturnSuccess;
        status = submit(queue, transfer);
        if (status != kIOReturnSuccess) {
            transfer->queue = NULL;
        }
    }
    lock_release(&controller->lock, state);
    return status;
}

/* --- Stopping --------------------------------------------------------------------------------- */

/* The identifier of a transfer's command in slot `number`; false: there is none. */
static bool get_id(struct nvme_queue *queue, unsigned number, uint16_t *id)
{
    const lock_state_t state = lock_take(&queue->controller->lock);
    const struct nvme_slot *slot = &queue->slots[number];
    const bool busy = slot->busy && slot->transfer != NULL;

    *id = slot->id;
    lock_release(&queue->controller->lock, state);
    return busy;
}

/*
 * Ask for each command to be aborted, and wait. What the controller does not give back goes on,
 * under its identifier and with its memory, and ends when it is answered.
 */
static IOReturn abort_all(struct nvme_queue *queue, uint64_t timeout)
{
    struct nvme_controller *controller = queue->controller;
    const uint64_t start = timer_now();
    lock_state_t state = lock_take(&controller->lock);
    bool idle;

    queue->stopping = true;
    nvme_end_waiting(queue, kIOReturnAborted);
    nvme_publish(queue); /* what is held back cannot be taken back: it is in the queue */
    lock_release(&controller->lock, state);
    for (unsigned i = 0; i < queue->size - 1; i++) {
        const uint64_t passed = timer_now() - start;
        bool aborted;
        uint16_t id;

        if (passed >= timeout) {
            break;
        }
        if (get_id(queue, i, &id) &&
            nvme_abort(queue, id, timeout - passed, &aborted) == kIOReturnSuccess) {
            queue->counters.aborts++;
            queue->counters.aborts_refused += !aborted;
        }
    }
    timeout -= timer_now() - start < timeout ? timer_now() - start : timeout;
    idle = IODMAChannel_wait(&queue->channel, timeout, NULL, NULL);
    state = lock_take(&controller->lock);
    queue->stopping = false;
    lock_release(&controller->lock, state);
    return idle ? kIOReturnSuccess : kIOReturnTimeout;
}

static IOReturn engine_abort(IODMAController *self, UInt32 index, uint64_t timeout)
{
    struct nvme_queue *queue = queue_of(self, index);

    if (queue->controller->finishing || irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    return timeout != UINT64_MAX ? abort_all(queue, timeout) : nvme_renew_queue(queue);
}

static void engine_publish(IODMAController *self, UInt32 index)
{
    struct nvme_queue *queue = queue_of(self, index);
    const lock_state_t state = lock_take_again(&queue->controller->lock);

    nvme_publish(queue);
    lock_release(&queue->controller->lock, state);
}

static IOByteCount engine_moved(IODMAController *self, IODMACommand *command)
{
    (void)self;
    return ((struct nvme_transfer *)IODMACommand_getRefCon(command))->moved;
}

/* --- The class -------------------------------------------------------------------------------- */

static uint32_t engines;

static const IODMAChannelControllerClass engine_class = {
    .super = {.meta = {"NvmeEngine", &IODMAController_metaClass, sizeof(struct nvme_engine),
                       &engines, controller_free},
              .startDMACommand = engine_start,
              CONTROLLER_WITH_CHANNELS,
              CONTROLLER_WITHOUT_FIFO},
    .getChannel = get_channel,
    .publish = engine_publish,
    .poll = IODMAChannelController_pollNothing,
    .abort = engine_abort,
    .getMoved = engine_moved,
};

IODMAController *nvme_create_engine(struct nvme_controller *controller, IOService **service)
{
    struct pci_info info;
    char name[24];
    UInt32 identity;
    uint32_t cells[NVME_QUEUES_MAX];
    IODMAController *engine;

    pci_get_info(controller->function, &info);
    ksnprintf(name, sizeof(name), "nvme@%02x:%02x.%x", info.bus, info.slot, info.number);
    /* Its node in the device tree would have none of its own: where it is tells it apart. */
    identity = 0x50000000u | info.requester;
    engine = IODMAController_withOwnService(&engine_class.super.meta, name, identity, service);
    if (engine == NULL) {
        return NULL;
    }
    ((struct nvme_engine *)engine)->controller = controller;
    for (unsigned i = 0; i < controller->queue_count; i++) {
        cells[i] = __builtin_bswap32(identity);
    }
    /* Who makes commands of its own for it finds the function's mapper here. */
    if (IOService_setProperty(*service, "dma-parent", cells,
                              controller->queue_count * (UInt32)sizeof(cells[0])) !=
            kIOReturnSuccess ||
        IOService_setObject(*service, "iommu-parent", controller->mapper) != kIOReturnSuccess) {
        OSObject_release(engine);
        OSObject_release(*service);
        IOMemory_fail(kIOReturnNoMemory);
        return NULL;
    }
    return engine;
}
