/* SPDX-License-Identifier: BSD-2-Clause */
/* Admin commands, one at a time, each with a bound (NVM Express 1.4, section 5). */
#include "drivers/nvme/nvme_private.h"
#include "drivers/pci/bus_wait.h"
#include "kernel/timer.h"

static uint64_t deadline_after(uint64_t timeout)
{
    const uint64_t now = timer_now();

    return timeout < UINT64_MAX - now ? now + timeout : UINT64_MAX;
}

/* Its own interrupt may be shared, or late: who waits looks as well. */
static void await(struct nvme_queue *queue, const struct nvme_waiter *waiter, uint64_t timeout)
{
    struct nvme_controller *controller = queue->controller;
    const uint64_t deadline = deadline_after(timeout);

    while (!waiter->done && timer_now() < deadline) {
        lock_state_t state;

        bus_rest(NVME_REST);
        state = lock_take(&controller->lock);
        nvme_collect(queue);
        lock_release(&controller->lock, state);
    }
}

IOReturn nvme_execute(struct nvme_queue *queue, const struct nvme_command *wanted, uint64_t timeout,
                      uint32_t *result)
{
    struct nvme_controller *controller = queue->controller;
    struct nvme_waiter waiter = {.status = kIOReturnTimeout};
    struct nvme_command *command;
    struct nvme_slot *slot;
    lock_state_t state = lock_take(&controller->lock);

    command = queue->exists ? nvme_begin(queue, &slot) : NULL;
    if (command == NULL) {
        lock_release(&controller->lock, state);
        return queue->exists ? kIOReturnNoResources : kIOReturnNotResponding;
    }
    *command = *wanted;
    slot->waiter = &waiter;
    nvme_submit(queue, slot);
    nvme_publish(queue);
    lock_release(&controller->lock, state);
    await(queue, &waiter, timeout);
    state = lock_take(&controller->lock);
    if (!waiter.done) {
        slot->waiter = NULL; /* it stays busy: the answer may come yet, and is for nobody */
    }
    lock_release(&controller->lock, state);
    if (result != NULL) {
        *result = waiter.result;
    }
    return waiter.status;
}

static IOReturn execute(struct nvme_controller *controller, const struct nvme_command *command,
                        uint32_t *result)
{
    return nvme_execute(&controller->admin, command, NVME_PATIENCE, result);
}

IOReturn nvme_identify(struct nvme_controller *controller, uint32_t what, uint32_t nsid)
{
    const struct nvme_command command = {
        .opcode = NVME_ADMIN_IDENTIFY,
        .nsid = nsid,
        .prp1 = controller->identify.start,
        .dword = {what},
    };

    return execute(controller, &command, NULL);
}

IOReturn nvme_set_queues(struct nvme_controller *controller, unsigned wanted, unsigned *granted)
{
    const struct nvme_command command = {
        .opcode = NVME_ADMIN_SET_FEATURES,
        .dword = {NVME_FEATURE_QUEUES, (wanted - 1) << 16 | (wanted - 1)},
    };
    uint32_t result = 0;
    const IOReturn status = execute(controller, &command, &result);
    unsigned less = result & 0xffff;

    /* Of the two kinds one may be granted less often; both are told less one. */
    if (less > result >> 16) {
        less = result >> 16;
    }
    *granted = less < wanted ? less + 1 : wanted;
    return status;
}

static IOReturn remove_part(struct nvme_queue *queue, uint8_t opcode)
{
    const struct nvme_command command = {.opcode = opcode, .dword = {queue->number}};

    return execute(queue->controller, &command, NULL);
}

IOReturn nvme_add_queue(struct nvme_queue *queue, unsigned vector)
{
    struct nvme_controller *controller = queue->controller;
    const uint32_t size = (queue->size - 1) << 16 | queue->number;
    const struct nvme_command answers = {
        .opcode = NVME_ADMIN_CREATE_CQ,
        .prp1 = bus_memory_address(&queue->memory, queue->answers),
        .dword = {size, vector << 16 | NVME_QUEUE_INTERRUPTS | NVME_QUEUE_CONTIGUOUS},
    };
    const struct nvme_command commands = {
        .opcode = NVME_ADMIN_CREATE_SQ,
        .prp1 = bus_memory_address(&queue->memory, queue->commands),
        .dword = {size, queue->number << 16 | NVME_QUEUE_CONTIGUOUS},
    };
    IOReturn status = execute(controller, &answers, NULL);

    if (status != kIOReturnSuccess) {
        return status;
    }
    status = execute(controller, &commands, NULL);
    if (status != kIOReturnSuccess) {
        /* In memory that goes back now it must not write an answer. */
        return remove_part(queue, NVME_ADMIN_DELETE_CQ) == kIOReturnSuccess ? status
                                                                            : kIOReturnTimeout;
    }
    queue->exists = true;
    return kIOReturnSuccess;
}

/* Commands first: nothing may be answered where there is no place for answers any more. */
IOReturn nvme_remove_queue(struct nvme_queue *queue)
{
    struct nvme_controller *controller = queue->controller;
    IOReturn status = remove_part(queue, NVME_ADMIN_DELETE_SQ);
    lock_state_t state;

    if (status != kIOReturnSuccess) {
        return status;
    }
    state = lock_take(&controller->lock);
    nvme_collect(queue); /* what was answered before it went */
    queue->exists = false;
    lock_release(&controller->lock, state);
    return remove_part(queue, NVME_ADMIN_DELETE_CQ);
}

IOReturn nvme_abort(struct nvme_queue *queue, uint16_t id, uint64_t timeout, bool *aborted)
{
    const struct nvme_command command = {
        .opcode = NVME_ADMIN_ABORT,
        .dword = {(uint32_t)id << 16 | queue->number},
    };
    uint32_t result = 1;
    const IOReturn status = nvme_execute(&queue->controller->admin, &command, timeout, &result);

    /* Success says that it was understood; bit 0, that the command goes on (section 5.1). */
    *aborted = status == kIOReturnSuccess && (result & 1) == 0;
    return status;
}
