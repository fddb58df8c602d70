/* SPDX-License-Identifier: BSD-2-Clause */
/* Transfers in line, what the device gives back, and who sleeps for it. */
#include "drivers/vdma/vdma_ask_private.h"
#include "kernel/console.h"
#include "kernel/irq.h"

/* --- The line --------------------------------------------------------------------------------- */

static void put_last(struct vdma_transfer *transfer)
{
    transfer->next = NULL;
    if (vdma_state.first == NULL) {
        vdma_state.first = transfer;
    } else {
        vdma_state.last->next = transfer;
    }
    vdma_state.last = transfer;
}

void vdma_put_first(struct vdma_transfer *transfer)
{
    transfer->next = vdma_state.first;
    if (vdma_state.first == NULL) {
        vdma_state.last = transfer;
    }
    vdma_state.first = transfer;
}

/* May the device have this one now, which has `there` already? Whether there is a slot for it is
 * another question. */
static inline bool may_go(const struct vdma_transfer *transfer, unsigned there)
{
    const unsigned depth = vdma_state.can.limits.depth;

    if (vdma_state.alone || (vdma_is_exclusive(transfer->type) && there != 0)) {
        return false;
    }
    return depth == 0 || there < depth;
}

static inline void publish(void)
{
    if (!vdma_state.held) {
        virtq_publish_inline(vdma_state.queue);
    }
}

void vdma_end(struct vdma_transfer *transfer, IOReturn status)
{
    transfer->result = status;
    transfer->ended(transfer);
}

void vdma_go_on(void)
{
    struct vdma_transfer *transfer;

    vdma_state.finishing = true;
    while ((transfer = vdma_state.first) != NULL &&
           may_go(transfer, virtq_in_flight(vdma_state.queue))) {
        const IOReturn status = vdma_ask(transfer);

        /* The first keeps its place: if others went past it, it might never find room. */
        if (status == kIOReturnNoResources) {
            break;
        }
        vdma_state.first = transfer->next;
        if (status != kIOReturnSuccess) {
            vdma_end(transfer, status);
        }
    }
    vdma_state.finishing = false;
    publish();
}

IOReturn vdma_submit(struct vdma_transfer *transfer)
{
    struct virtq *const queue = vdma_state.queue;
    unsigned there = virtq_in_flight(queue);
    IOReturn status = kIOReturnNoResources;

    if (vdma_state.lent) {
        return kIOReturnBusy;
    }
    /*
     * What is finished and has not been heard of: its interrupt got lost, and with the event index
     * none will come for those behind it. And a ring that is broken, perhaps by this look. Of
     * nothing nothing can have come back.
     */
    if (!vdma_state.finishing &&
        ((there != 0 && virtq_completed(queue) != 0) || virtq_broken(queue) != NULL)) {
        vdma_collect();
        there = virtq_in_flight(queue);
    }
    if (vdma_state.lost) {
        return kIOReturnNotResponding;
    }
    transfer->moved = 0;
    transfer->status = (struct vdma_status){0};
    /*
     * With others in line it goes behind them, even if there were room for it by now; and a ring
     * that is broken takes nothing before the device has been reset, which is under way then.
     */
    if (vdma_state.first == NULL && may_go(transfer, there) && virtq_broken(queue) == NULL) {
        status = vdma_ask(transfer);
    }
    if (status == kIOReturnNoResources) {
        put_last(transfer);
        return kIOReturnSuccess;
    }
    if (status == kIOReturnSuccess && !vdma_state.finishing) {
        publish();
    }
    return status;
}

/* --- What comes back -------------------------------------------------------------------------- */

unsigned vdma_collect(void)
{
    struct virtq *const queue = vdma_state.queue;
    unsigned taken = 0, count = virtq_completed(queue);
    struct virtq_used used;

    vdma_state.finishing = true;
    do {
        for (; count != 0 && virtq_take_next(queue, &used); count--) {
            vdma_take_answer(used.token, virtq_used_slot(&used), used.length);
            taken++;
        }
        /* Each turn takes something, and nothing new is published in here: it ends. */
    } while ((count = virtq_enable_interrupt(queue)) != 0);
    vdma_state.finishing = false;
    if (virtq_broken(queue) == NULL) {
        if (vdma_state.first != NULL) {
            vdma_go_on();
        } else {
            publish();
        }
    } else if (!vdma_state.lost) {
        kprintf("vdma: the device is reset: %s\n", virtq_broken(queue));
        vdma_recover(kIOReturnDeviceError, false);
    }
    return taken;
}

unsigned vdma_poll(void)
{
    lock_state_t state;
    unsigned taken = 0;

    if (vdma_state.device == NULL) {
        return 0;
    }
    state = lock_take_again(&vdma_state.lock);
    if (!vdma_state.finishing && !vdma_state.lost && !vdma_state.lent) {
        virtq_publish(vdma_state.queue);
        taken = vdma_collect();
    }
    lock_release(&vdma_state.lock, state);
    return taken;
}

void vdma_hold_doorbell(bool on)
{
    lock_state_t state;

    if (vdma_state.device == NULL) {
        return; /* nobody can have started anything */
    }
    state = lock_take_again(&vdma_state.lock);
    vdma_state.held = on;
    if (!vdma_state.finishing && !vdma_state.lent) {
        publish();
    }
    lock_release(&vdma_state.lock, state);
}

/* --- Sleeping --------------------------------------------------------------------------------- */

static void note_end(struct vdma_transfer *transfer)
{
    *(void *volatile *)&transfer->owner = transfer;
}

IOReturn vdma_submit_and_wait(struct vdma_transfer *transfer)
{
    void *const volatile *const ended = &transfer->owner;
    /* Masked from before the request: an end between the test and the sleep is pending then. */
    const lock_state_t state = lock_take_again(&vdma_state.lock);
    /* Out of another one's end: nothing is published before that is over, and it would not be. */
    IOReturn status = kIOReturnNotPermitted;

    transfer->ended = note_end;
    transfer->owner = NULL;
    if (!vdma_state.finishing) {
        status = vdma_submit(transfer);
    }
    if (status != kIOReturnSuccess) {
        lock_release(&vdma_state.lock, state);
        return status;
    }
    if (vdma_state.held) {
        virtq_publish(vdma_state.queue); /* whoever holds the doorbell, this one sleeps for it */
    }
    lock_release_masked(&vdma_state.lock);
    while (*ended == NULL) {
        irq_wait();
    }
    irq_restore(state);
    return transfer->result;
}
