/* SPDX-License-Identifier: BSD-2-Clause */
/* Transfers in line, what the device gives back, and who sleeps for it. */
#include "drivers/vdma/vdma_ask_private.h"
#include "kernel/console.h"
#include "kernel/irq.h"

/* --- The line --------------------------------------------------------------------------------- */

void vdma_judge_usual(void)
{
    const unsigned depth = vdma_state.can.limits.depth;

    /* Whoever waits in line comes first, and who watches is shown a chain. */
    vdma_state.usual_max = vdma_state.lent || vdma_state.lost || vdma_state.alone ||
                                   vdma_state.first != NULL || vdma_state.watch != NULL
                               ? 0
                               : vdma_state.part_max;
    vdma_state.usual_depth = depth != 0 ? depth : UINT32_MAX;
}

static void put_last(struct vdma_transfer *transfer)
{
    transfer->next = NULL;
    if (vdma_state.first == NULL) {
        vdma_state.first = transfer;
    } else {
        vdma_state.last->next = transfer;
    }
    vdma_state.last = transfer;
    vdma_judge_usual();
}

void vdma_put_first(struct vdma_transfer *transfer)
{
    transfer->next = vdma_state.first;
    if (vdma_state.first == NULL) {
        vdma_state.last = transfer;
    }
    vdma_state.first = transfer;
    vdma_judge_usual();
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
    vdma_judge_usual();
    publish();
}

/* Any, with all that may be in its way. */
static __attribute__((noinline)) IOReturn submit_unusual(struct vdma_transfer *transfer)
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
    return status;
}

/*
 * Nothing is in its way: no line, no end that has not been heard of, and room at the device. What
 * is broken has no room.
 */
static inline __attribute__((always_inline)) bool is_usual(const struct vdma_transfer *transfer,
                                                           struct virtq *queue)
{
    const unsigned there = virtq_in_flight(queue);

    return transfer->length - 1 < vdma_state.usual_max &&
           (there == 0 || (there < vdma_state.usual_depth &&
                           (vdma_state.finishing || virtq_completed(queue) == 0)));
}

/* In the ring, or in line; to be published. */
static inline __attribute__((always_inline)) IOReturn submit(struct vdma_transfer *transfer,
                                                             struct virtq *queue)
{
    transfer->moved = 0;
    transfer->status = (struct vdma_status){0};
    return is_usual(transfer, queue) && vdma_ask_whole(transfer, queue) ? kIOReturnSuccess
                                                                        : submit_unusual(transfer);
}

IOReturn vdma_submit(struct vdma_transfer *transfer)
{
    const IOReturn status = submit(transfer, vdma_state.queue);

    if (status == kIOReturnSuccess && !vdma_state.finishing) {
        publish();
    }
    return status;
}

/* --- What comes back -------------------------------------------------------------------------- */

/* Of a status. */
struct words {
    uint64_t word[4];
} __attribute__((may_alias));

_Static_assert(sizeof(struct words) == sizeof(struct vdma_status), "all of its words");

/*
 * One that has come back. Its status is read once: what is judged is what the client sees, whatever
 * the device does to it meanwhile. Most are all of something that is written and simply done, as
 * every word of it says.
 */
static inline __attribute__((always_inline)) void take_answer(const struct virtq_used *used)
{
    struct vdma_transfer *const transfer = used->token;
    const struct vdma_frame *const frame = virtq_used_frame(used);
    const struct shared64 *const status = (const struct shared64 *)&frame->status;
    const uint64_t tag = shared_read64(&status[0]), value = shared_read64(&status[1]),
                   moved = shared_read64(&status[2]), rest = shared_read64(&status[3]);
    struct words *const known = (struct words *)&transfer->status;

    known->word[0] = tag;
    known->word[1] = value;
    known->word[2] = moved;
    known->word[3] = rest;
    if (rest >> VDMA_STATUS_CODE_SHIFT != VDMA_STATUS_OK + transfer->odd || used->missing != 0 ||
        tag != transfer->tag || moved != transfer->length) {
        vdma_settle(transfer, used->length);
        return;
    }
    transfer->moved = moved;
    vdma_end(transfer, kIOReturnSuccess);
}

static inline __attribute__((always_inline)) unsigned collect(void)
{
    struct virtq *const queue = vdma_state.queue;
    int count = (int)virtq_completed(queue);
    struct virtq_used used;
    unsigned taken = 0;

    vdma_state.finishing = true;
    do {
        for (; count > 0 && virtq_take_next(queue, &used); count--) {
            take_answer(&used);
            taken++;
        }
        /* Each turn takes something, and nothing new is published in here: it ends. */
    } while ((count = virtq_renew_interrupt(queue, true)) > 0);
    vdma_state.finishing = false;
    if (count == VIRTQ_BROKEN) {
        if (!vdma_state.lost) {
            kprintf("vdma: the device is reset: %s\n", virtq_broken(queue));
            vdma_recover(kIOReturnDeviceError, false);
        }
    } else if (vdma_state.first != NULL) {
        vdma_go_on();
    } else if (count != VIRTQ_IDLE) {
        publish();
    }
    return taken;
}

unsigned vdma_collect(void)
{
    return collect();
}

enum irq_result vdma_buffers_used(void *context, unsigned vector)
{
    (void)context, (void)vector;
    lock_take_masked(&vdma_state.lock);
    virtq_count_interrupt(vdma_state.queue);
    collect();
    lock_release_masked(&vdma_state.lock);
    return IRQ_SERVED;
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
    struct virtq *const queue = vdma_state.queue;
    /* Masked from before the request: an end between the test and the sleep is pending then. */
    const lock_state_t state = lock_take_again(&vdma_state.lock);
    /* Out of another one's end: nothing is published before that is over, and it would not be. */
    IOReturn status = kIOReturnNotPermitted;

    transfer->ended = note_end;
    transfer->owner = NULL;
    if (!vdma_state.finishing) {
        status = submit(transfer, queue);
    }
    if (status != kIOReturnSuccess) {
        lock_release(&vdma_state.lock, state);
        return status;
    }
    virtq_publish_inline(queue); /* whoever holds the doorbell, this one sleeps for it */
    lock_release_masked(&vdma_state.lock);
    while (*ended == NULL) {
        irq_wait();
    }
    irq_restore(state);
    return transfer->result;
}
