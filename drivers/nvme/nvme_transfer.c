/* SPDX-License-Identifier: BSD-2-Clause */
/* Transfers: cut into commands of the controller, in line for room, and ended. */
#include "drivers/nvme/nvme_private.h"
#include "drivers/recording.h"

/* --- Commands --------------------------------------------------------------------------------- */

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void record(const struct nvme_queue *queue, const struct nvme_operation *operation)
{
    const struct nvme_transfer *transfer = operation->transfer;
    const bool pages = transfer->format == NVME_PRP;
    struct nvme_piece piece;

    recording_list(transfer->command, operation->offset, queue);
    for (unsigned i = 0; nvme_get_piece(operation, i, &piece); i++) {
        recording_entry(transfer->command, piece.address, piece.length, piece.slot,
                        piece.place == NVME_IN_LIST ? TRACE_LIST_list
                        : pages                     ? TRACE_LIST_PRP
                                                    : TRACE_LIST_SGL,
                        transfer->writes ? 0 : TRACE_SLOT_WRITES);
    }
}

static void show_watcher(const struct nvme_queue *queue, const struct nvme_transfer *transfer,
                         const struct nvme_command *command, const struct nvme_list *list,
                         uint64_t bytes)
{
    const struct nvme_controller *controller = queue->controller;
    const struct nvme_operation operation = {
        .transfer = transfer,
        .block = transfer->block + transfer->issued / transfer->disk->block_size,
        .offset = transfer->offset + transfer->issued,
        .length = bytes,
        .channel = queue->number - 1,
        .id = command->id,
        .list_address = list->count > (transfer->format == NVME_PRP ? 2 : 1) ? list->start : 0,
        .pieces = list->count,
        .entry = command,
        .list = list->prps,
        .page = list->page,
    };

    if (trace_is_on()) {
        record(queue, &operation);
    }
    if (controller->watch != NULL) {
        controller->watch(controller->watch_context, &operation);
    }
}

/*
 * Where the walk for the next command begins: at its first byte, if pieces may begin anywhere;
 * else where the page that it is in begins, and it passes over what is moved.
 */
static void note_walk(struct nvme_transfer *transfer, const struct nvme_list *list)
{
    const uint64_t seen = transfer->issued - transfer->walked;

    if (transfer->format == NVME_SGL) {
        transfer->walked = transfer->issued;
    } else if (seen >= list->first) {
        transfer->walked += list->first + ((seen - list->first) & ~(list->page - 1));
    }
}

/* The way of a byte, steps 3 and 4: the command walks its view and fills the list. */
static IOReturn fill(struct nvme_queue *queue, struct nvme_transfer *transfer,
                     struct nvme_slot *slot, struct nvme_command *command, struct nvme_list *list)
{
    const bool sgl = transfer->format == NVME_SGL;
    const uint64_t wanted =
        lesser(transfer->length - transfer->issued, queue->controller->command_bytes_max);
    UInt64 position = transfer->offset + transfer->walked;
    UInt32 count = NVME_LIST_BYTES / sizeof(uint64_t) + 1;
    uint8_t *page = queue->lists + (slot - queue->slots) * NVME_LIST_BYTES;
    IOReturn status;

    *list = (struct nvme_list){
        .command = command,
        .prps = (uint64_t *)page,
        .start = bus_memory_address(&queue->memory, page),
        .page = nvme_page(queue->controller),
        .skip = transfer->issued - transfer->walked,
        .cut = {.block = transfer->disk->block_size, .left = wanted},
    };
    status = IODMACommand_genIOVMSegmentsFunction(
        transfer->command, sgl ? nvme_output_sgl : nvme_output_prp, &position, list, &count);
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (list->cut.whole == 0) {
        return kIOReturnNoSpace; /* a block in more pieces than that */
    }
    slot->bytes = (uint32_t)list->cut.whole;
    (sgl ? nvme_close_sgl : nvme_close_prp)(list);
    return kIOReturnSuccess;
}

static IOReturn issue_command(struct nvme_queue *queue, struct nvme_transfer *transfer)
{
    const struct nvme_namespace *disk = transfer->disk;
    uint64_t block;
    struct nvme_list list;
    struct nvme_slot *slot;
    struct nvme_command *command = nvme_begin(queue, &slot);
    IOReturn status;

    if (command == NULL) {
        return kIOReturnNoResources;
    }
    status = fill(queue, transfer, slot, command, &list);
    if (status != kIOReturnSuccess) {
        return status;
    }
    block = transfer->block + transfer->issued / disk->block_size;
    command->opcode = transfer->writes ? NVME_IO_WRITE : NVME_IO_READ;
    command->nsid = disk->id;
    command->dword[0] = (uint32_t)block;
    command->dword[1] = (uint32_t)(block >> 32);
    command->dword[2] = slot->bytes / disk->block_size - 1;
    slot->transfer = transfer;
    nvme_submit(queue, slot);
    queue->counters.pieces += list.count;
    if (queue->controller->watch != NULL || trace_is_on()) {
        show_watcher(queue, transfer, command, &list, slot->bytes);
    }
    transfer->issued += slot->bytes;
    transfer->commands++;
    note_walk(transfer, &list);
    return kIOReturnSuccess;
}

/* kIOReturnNoResources: something is left, and must wait in line. */
static IOReturn issue(struct nvme_queue *queue, struct nvme_transfer *transfer)
{
    IOReturn status = queue->paused ? kIOReturnNoResources : kIOReturnSuccess;

    while (status == kIOReturnSuccess && transfer->issued < transfer->length) {
        status = issue_command(queue, transfer);
    }
    return status;
}

/* --- Ends ------------------------------------------------------------------------------------- */

/* None of its commands is with the controller, and none will be. */
static void end(struct nvme_queue *queue, struct nvme_transfer *transfer)
{
    struct nvme_controller *controller = queue->controller;
    const bool before = controller->finishing;
    IOReturn status = transfer->status;

    if (status == kIOReturnSuccess && queue->stopping) {
        status = kIOReturnAborted;
    }
    controller->finishing = true;
    transfer->queue = NULL; /* its client may start it again at once */
    IODMAChannel_end(&queue->channel, controller->engine, transfer->command, status,
                     transfer->moved);
    controller->finishing = before;
}

static void fail(struct nvme_transfer *transfer, IOReturn status)
{
    if (transfer->status == kIOReturnSuccess) {
        transfer->status = status;
    }
}

void nvme_finish(struct nvme_queue *queue, struct nvme_transfer *transfer, uint32_t bytes,
                 IOReturn status)
{
    if (status == kIOReturnSuccess) {
        transfer->moved += bytes;
    } else {
        fail(transfer, status);
    }
    if (--transfer->commands == 0 && !transfer->waits) {
        end(queue, transfer);
    }
}

IOReturn nvme_status(uint32_t code)
{
    switch (code) {
    case NVME_STATUS(0u, 0x00u):
        return kIOReturnSuccess;
    case NVME_STATUS(0u, 0x01u): /* opcode */
        return kIOReturnUnsupported;
    case NVME_STATUS(0u, 0x02u): /* field */
    case NVME_STATUS(1u, 0x80u): /* attributes that contradict each other */
        return kIOReturnBadArgument;
    case NVME_STATUS(0u, 0x04u):                           /* data transfer */
    case NVME_STATUS(0u, 0x0du)... NVME_STATUS(0u, 0x10u): /* descriptors, their lengths */
    case NVME_STATUS(0u, 0x12u)... NVME_STATUS(0u, 0x13u): /* memory buffer, PRP offset */
    case NVME_STATUS(0u, 0x16u):                           /* SGL offset */
        return kIOReturnDMAError;
    case NVME_STATUS(0u, 0x11u): /* type of a descriptor */
        return kIOReturnUnsupported;
    case NVME_STATUS(0u, 0x05u)... NVME_STATUS(0u, 0x05u): /* power */
    case NVME_STATUS(0u, 0x07u)... NVME_STATUS(0u, 0x08u): /* abort, deleted queue */
        return kIOReturnAborted;
    case NVME_STATUS(0u, 0x0bu): /* no such namespace */
        return kIOReturnNoDevice;
    case NVME_STATUS(0u, 0x20u): /* namespace */
    case NVME_STATUS(1u, 0x82u): /* range */
        return kIOReturnNotWritable;
    case NVME_STATUS(0u, 0x80u):
        return kIOReturnOverrun;
    case NVME_STATUS(0u, 0x81u):
        return kIOReturnNoSpace;
    case NVME_STATUS(0u, 0x82u):
        return kIOReturnNotReady;
    case NVME_STATUS(0u, 0x83u):
        return kIOReturnExclusiveAccess;
    case NVME_STATUS(2u, 0x86u): /* access denied */
        return kIOReturnNotPermitted;
    }
    return code >> 8 == 2 ? kIOReturnIOError : kIOReturnDeviceError;
}

/* --- The line --------------------------------------------------------------------------------- */

static void put_in_line(struct nvme_queue *queue, struct nvme_transfer *transfer)
{
    transfer->next = NULL;
    transfer->waits = true;
    if (queue->waiting == NULL) {
        queue->waiting = transfer;
    } else {
        queue->waiting_last->next = transfer;
    }
    queue->waiting_last = transfer;
}

IOReturn nvme_start(struct nvme_queue *queue, struct nvme_transfer *transfer)
{
    IOReturn status = kIOReturnNoResources;

    /* Who came earlier goes first. */
    if (queue->waiting == NULL) {
        status = issue(queue, transfer);
    }
    if (status == kIOReturnNoResources) {
        put_in_line(queue, transfer);
        return kIOReturnSuccess;
    }
    if (status == kIOReturnSuccess || transfer->commands == 0) {
        return status;
    }
    /* The rest cannot go: it fails when what the controller has is back. */
    transfer->status = status;
    return kIOReturnSuccess;
}

void nvme_issue_waiting(struct nvme_queue *queue)
{
    const unsigned tail = queue->tail;
    struct nvme_transfer *transfer;

    while ((transfer = queue->waiting) != NULL) {
        const IOReturn status =
            transfer->status == kIOReturnSuccess ? issue(queue, transfer) : transfer->status;

        if (status == kIOReturnNoResources) {
            break;
        }
        queue->waiting = transfer->next;
        transfer->waits = false;
        fail(transfer, status);
        if (transfer->commands == 0) {
            end(queue, transfer);
        }
    }
    /* Held back or not: these have waited long enough. */
    if (queue->tail != tail) {
        nvme_publish(queue);
    }
}

void nvme_end_waiting(struct nvme_queue *queue, IOReturn status)
{
    struct nvme_transfer *transfer = queue->waiting;

    /* What their ends start gets in line anew, and stays there. */
    queue->waiting = NULL;
    for (struct nvme_transfer *next; transfer != NULL; transfer = next) {
        next = transfer->next;
        transfer->waits = false;
        fail(transfer, status);
        if (transfer->commands == 0) {
            end(queue, transfer);
        }
    }
}
