/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue pair: commands in, answers out, and the slots that join the two. */
#include <string.h>

#include "drivers/nvme/nvme_private.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"
#include "kernel/trace.h"

_Static_assert(NVME_QUEUE_SIZE <= NVME_SLOT_MASK && NVME_ADMIN_SIZE <= NVME_QUEUE_SIZE,
               "a slot's number is part of an identifier");

/* --- Memory ----------------------------------------------------------------------------------- */

static size_t rounded(size_t bytes, size_t page)
{
    return (bytes + page - 1) & ~(page - 1);
}

IOReturn nvme_queue_create(struct nvme_queue *queue, unsigned number, unsigned size, bool lists)
{
    const struct nvme_controller *controller = queue->controller;
    const size_t page = nvme_page(controller);
    const size_t commands = rounded(size * sizeof(struct nvme_command), page);
    const size_t answers = rounded(size * sizeof(struct nvme_answer), page);
    IOReturn status;

    queue->number = number;
    queue->size = size;
    queue->slots = heap_alloc_zero((size - 1) * sizeof(*queue->slots));
    if (queue->slots == NULL) {
        return kIOReturnNoMemory;
    }
    /* Each part begins on one of the controller's pages (sections 5.3 and 5.4). */
    status =
        bus_memory_create(&queue->memory, controller->mapper, 0,
                          commands + answers + (lists ? (size - 1) * NVME_LIST_BYTES : 0), page);
    if (status != kIOReturnSuccess) {
        return status;
    }
    queue->commands = queue->memory.bytes;
    queue->answers = (struct nvme_answer *)((char *)queue->memory.bytes + commands);
    queue->lists = lists ? (uint8_t *)queue->answers + answers : NULL;
    return kIOReturnSuccess;
}

void nvme_queue_destroy(struct nvme_queue *queue)
{
    bus_memory_destroy(&queue->memory);
    heap_free(queue->slots);
}

void nvme_queue_restart(struct nvme_queue *queue)
{
    /*
     * The phase tells new answers from old ones, so that all of them must look old: also what an
     * earlier life of the queue has left there.
     */
    memset((void *)queue->answers, 0, queue->size * sizeof(*queue->answers));
    queue->phase = NVME_PHASE;
    queue->tail = queue->rung = queue->head = 0;
    queue->free = 0;
    for (unsigned i = 0; i < queue->size - 1; i++) {
        queue->slots[i].next = i + 1 < queue->size - 1 ? (uint16_t)(i + 1) : NVME_NO_SLOT;
    }
}

/* --- Commands --------------------------------------------------------------------------------- */

static void ring(struct nvme_queue *queue, unsigned which, unsigned value)
{
    struct nvme_controller *controller = queue->controller;
    const unsigned stride = 4u << NVME_CAP_DSTRD(controller->cap);

    mmio_write32(controller->registers,
                 NVME_DOORBELLS + (2 * queue->number + which) * (uint64_t)stride, value);
}

struct nvme_command *nvme_begin(struct nvme_queue *queue, struct nvme_slot **slot)
{
    struct nvme_command *command = &queue->commands[queue->tail];

    /*
     * There is a slot less than entries, and an entry is free again when its command's answer is
     * here: with a slot there is an entry.
     */
    if (queue->free == NVME_NO_SLOT) {
        return NULL;
    }
    *slot = &queue->slots[queue->free];
    memset(command, 0, sizeof(*command));
    return command;
}

void nvme_submit(struct nvme_queue *queue, struct nvme_slot *slot)
{
    const uint16_t number = (uint16_t)(slot - queue->slots);

    slot->id = (uint16_t)((slot->id & ~NVME_SLOT_MASK) + NVME_SLOT_MASK + 1) | number;
    slot->busy = true;
    queue->free = slot->next;
    queue->commands[queue->tail].id = slot->id;
    queue->tail = queue->tail + 1 == queue->size ? 0 : queue->tail + 1;
    queue->counters.commands++;
    if (++queue->counters.in_flight > queue->counters.most) {
        queue->counters.most = queue->counters.in_flight;
    }
}

void nvme_publish(struct nvme_queue *queue)
{
    if (queue->tail == queue->rung || !queue->exists) {
        return;
    }
    queue->rung = queue->tail;
    queue->counters.doorbells++;
    trace_doorbell((vaddr_t)queue, queue->tail, queue->number);
    cpu_dmb_sy(); /* the commands, their lists and the data are in memory before they are told of */
    ring(queue, 0, queue->tail);
}

/* --- Answers ---------------------------------------------------------------------------------- */

static void free_slot(struct nvme_queue *queue, struct nvme_slot *slot)
{
    slot->busy = false;
    slot->transfer = NULL; /* a waiter counts only without one, and is set with each command */
    slot->next = queue->free;
    queue->free = (uint16_t)(slot - queue->slots);
    queue->counters.in_flight--;
}

static void answered(struct nvme_queue *queue, struct nvme_slot *slot, IOReturn status,
                     uint32_t result)
{
    struct nvme_transfer *transfer = slot->transfer;
    struct nvme_waiter *waiter = slot->waiter;
    const uint32_t bytes = slot->bytes;

    /* Before anybody hears of it: who does may start the next one. */
    free_slot(queue, slot);
    if (transfer != NULL) {
        nvme_finish(queue, transfer, bytes, status);
    } else if (waiter != NULL) {
        waiter->status = status;
        waiter->result = result;
        waiter->done = true;
    }
}

/* Said once in a queue's life, or a broken controller could keep the console busy. */
static void complain(struct nvme_queue *queue, uint32_t place, uint16_t id)
{
    if (queue->counters.strange++ == 0) {
        kprintf("nvme %s: queue %u: an answer to nothing that was asked (identifier 0x%x, queue "
                "0x%x, head %u) is ignored\n",
                queue->controller->serial, queue->number, id, place >> 16, place & 0xffff);
    }
}

static void take(struct nvme_queue *queue, const struct nvme_answer *answer, uint32_t end)
{
    const uint32_t place = shared_read32(&answer->queue);
    const uint32_t result = shared_read32(&answer->result);
    const uint16_t id = (uint16_t)end;
    const unsigned number = id & NVME_SLOT_MASK;

    if (number >= queue->size - 1 || !queue->slots[number].busy || queue->slots[number].id != id ||
        place >> 16 != queue->number || (place & 0xffff) >= queue->size) {
        complain(queue, place, id);
        return;
    }
    answered(queue, &queue->slots[number], nvme_status(end >> 17 & NVME_STATUS_CODE), result);
}

unsigned nvme_collect(struct nvme_queue *queue)
{
    unsigned count = 0;

    /* At most all of them: one that writes as fast as we read would keep us for ever. */
    while (count < queue->size && queue->exists) {
        const struct nvme_answer *answer = &queue->answers[queue->head];
        /* The last word first, and the others after it: until then they may be old. */
        const uint32_t end = shared_read32_acquire(&answer->end);

        if ((end & NVME_PHASE) != queue->phase) {
            break;
        }
        if (++queue->head == queue->size) {
            queue->head = 0;
            queue->phase ^= NVME_PHASE;
        }
        count++;
        take(queue, answer, end);
    }
    if (count != 0) {
        queue->counters.acknowledged++;
        ring(queue, 1, queue->head); /* an interrupt line falls by it */
        nvme_issue_waiting(queue);
    }
    return count;
}

void nvme_drop_all(struct nvme_queue *queue, IOReturn status)
{
    if (queue->slots == NULL) {
        return; /* there was no memory for it */
    }
    for (unsigned i = 0; i < queue->size - 1; i++) {
        if (queue->slots[i].busy) {
            answered(queue, &queue->slots[i], status, 0);
        }
    }
}
