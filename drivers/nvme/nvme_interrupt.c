/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts: one for each queue pair where there are so many, else one for all of them. */
#include "drivers/nvme/nvme_private.h"

static bool is_shared(const struct nvme_controller *controller)
{
    return controller->vectors == 1;
}

unsigned nvme_vector(const struct nvme_queue *queue)
{
    return is_shared(queue->controller) ? 0 : queue->number;
}

static unsigned look(struct nvme_queue *queue)
{
    const unsigned count = nvme_collect(queue); /* of one that is not there: nothing */

    queue->counters.interrupts += count != 0;
    return count;
}

static enum irq_result of_queue(void *context)
{
    struct nvme_queue *queue = context;

    lock_take_masked(&queue->controller->lock);
    look(queue);
    lock_release_masked(&queue->controller->lock);
    return IRQ_SERVED; /* a message: it was meant, though somebody may have looked before */
}

static enum irq_result of_all(void *context)
{
    struct nvme_controller *controller = context;
    unsigned count;

    lock_take_masked(&controller->lock);
    count = look(&controller->admin);
    for (unsigned i = 0; i < controller->queue_count; i++) {
        count += look(&controller->queues[i]);
    }
    lock_release_masked(&controller->lock);
    /* A line may be somebody else's. */
    return count != 0 || pci_interrupt_kind(controller->function) != PCI_INTX ? IRQ_SERVED
                                                                              : IRQ_NOTHING;
}

static IOReturn attach(struct nvme_queue *queue, irq_handler_t *handler, void *context)
{
    return pci_attach_vector(queue->controller->function, nvme_vector(queue), handler, context);
}

IOReturn nvme_attach(struct nvme_controller *controller)
{
    IOReturn status;

    if (is_shared(controller)) {
        return attach(&controller->admin, of_all, controller);
    }
    status = attach(&controller->admin, of_queue, &controller->admin);
    /* All of them before a queue is there: which ones there will be is not known yet. */
    for (unsigned i = 0; i < NVME_QUEUES_MAX && status == kIOReturnSuccess; i++) {
        struct nvme_queue *queue = &controller->queues[i];

        queue->controller = controller;
        queue->number = i + 1;
        if (queue->number < controller->vectors) {
            status = attach(queue, of_queue, queue);
        }
    }
    return status;
}
