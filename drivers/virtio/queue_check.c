/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue's own records, looked at whole: what debug builds ask at its doors. */
#include "drivers/virtio/queue_private.h"

#ifdef DEBUG

#include "kernel/panic.h"

static _Noreturn void damaged(const struct virtq *vq, const char *what)
{
    panic("virtqueue %u is damaged: %s", vq->index, what);
}

/* Free slots, each once; a list that goes round or leaves the array ends here. */
static unsigned count_free(const struct virtq *vq, unsigned slots)
{
    unsigned count = 0;

    for (const struct virtq_slot *slot = vq->free; slot != NULL; slot = slot->next) {
        /*
         * Before it is looked into: a checker must not fall over the damage that it looks for.
         */
        const uintptr_t at = (uintptr_t)slot - (uintptr_t)vq->slots;

        if (at >= slots * sizeof(*slot) || at % sizeof(*slot) != 0) {
            damaged(vq, "its free list leaves the slots");
        }
        if (slot->token != NULL) {
            damaged(vq, "a slot in flight is in its free list");
        }
        if (++count > slots) {
            damaged(vq, "its free list goes round");
        }
    }
    return count;
}

static unsigned count_tokens(const struct virtq *vq, unsigned slots)
{
    unsigned count = 0;

    for (unsigned slot = 0; slot < slots; slot++) {
        count += vq->slots[slot].token != NULL;
    }
    return count;
}

#define WALK 32u /* slots that a door pays for: of more, only some doors walk all of them */

/*
 * Only private memory: that what the device can write may be wrong is no bug of
 * ours. A broken queue has dropped its free list, until virtq_restart.
 */
void virtq_check(struct virtq *vq)
{
    const unsigned slots = vq->slot_mask + 1u;
    const uint16_t in_flight = (uint16_t)(vq->avail_index - vq->used_index);

    if (slots > vq->mask + 1u || (vq->together == 0) != (vq->packed != NULL) ||
        vq->together > slots ||
        vq->direct != (vq->together == 1 && vq->asks && vq->broken == NULL)) {
        damaged(vq, "its sizes do not fit each other");
    }
    /* Differences in 16 bits, as the indices wrap at 65536 and not at the size of the ring. */
    if (in_flight > slots || (uint16_t)(vq->published - vq->used_index) > in_flight) {
        damaged(vq, "its indices do not fit each other");
    }
    /*
     * So a call costs about the same for a ring of any size, and a damaged list is found a few
     * calls late.
     */
    if (slots > WALK && vq->doors++ % (slots / WALK) != 0) {
        return;
    }
    if (count_tokens(vq, slots) != in_flight) {
        damaged(vq, "the tokens are not those of the chains in flight");
    }
    if (vq->broken == NULL && count_free(vq, slots) + in_flight != slots) {
        damaged(vq, "slots are neither free nor in flight");
    }
}

#endif
