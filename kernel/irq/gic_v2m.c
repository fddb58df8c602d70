/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv2m: a store to a frame raises one of the distributor's own lines, as an edge. */
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/irq/gic_private.h"
#include "kernel/irq/msi_private.h"

#define TYPER          0x008u
#define TYPER_FIRST(x) ((x) >> 16 & 0x3ffu)
#define TYPER_COUNT(x) ((x)&0x3ffu)
#define SETSPI         0x040u

struct frame {
    unsigned first;
    unsigned count;
    bool taken[];
};

/*
 * A frame may be given lines that are a device's all the same: QEMU's has those of the SMMU in the
 * midst of it. Whoever has one keeps it, for as long as it has a handler there.
 */
static bool claim(struct frame *frame, unsigned at)
{
    /*
     * A message is a pulse: taken for a level it would be lost, for the line is low again when the
     * CPU asks.
     */
    if (frame->taken[at] || irq_set_trigger(frame->first + at, IRQ_EDGE) != KERN_SUCCESS) {
        return false;
    }
    frame->taken[at] = true;
    return true;
}

static void give_back(struct frame *frame, unsigned at)
{
    irq_set_trigger(frame->first + at, IRQ_LEVEL);
    frame->taken[at] = false;
}

static bool start(struct msi_controller *controller)
{
    const uint32_t type = mmio_read32(controller->registers, TYPER);
    const unsigned first = TYPER_FIRST(type), count = TYPER_COUNT(type);
    struct frame *frame;

    if (first < GIC_FIRST_SPI || count == 0 || first + count > GIC_INTID_COUNT) {
        return false;
    }
    frame = heap_alloc_zero(sizeof(*frame) + count * sizeof(frame->taken[0]));
    if (frame == NULL) {
        return false;
    }
    frame->first = first;
    frame->count = count;
    controller->state = frame;
    controller->doorbell = controller->range.base.value + SETSPI;
    /* Those that are there now: the drivers of IOMMUs come before those of senders. */
    for (unsigned at = 0; at < count; at++) {
        if (claim(frame, at)) {
            give_back(frame, at);
            controller->total++;
        }
    }
    return true;
}

/* `count` ones behind each other from a multiple of the count. */
static bool claim_run(struct frame *frame, unsigned count, struct msi_block *block)
{
    unsigned at = (frame->first + count - 1) / count * count - frame->first;

    for (; at + count <= frame->count; at += count) {
        unsigned claimed = 0;

        while (claimed < count && claim(frame, at + claimed)) {
            block->intids[claimed] = frame->first + at + claimed;
            claimed++;
        }
        if (claimed == count) {
            block->count = count;
            return true;
        }
        while (claimed > 0) {
            give_back(frame, at + --claimed);
        }
    }
    return false;
}

static void release(struct msi_controller *controller, struct msi_block *block)
{
    struct frame *frame = controller->state;

    for (unsigned i = 0; i < block->count; i++) {
        give_back(frame, block->intids[i] - frame->first);
    }
}

static kern_return_t allocate(struct msi_controller *controller, const struct msi_request *request,
                              struct msi_block *block)
{
    struct frame *frame = controller->state;
    unsigned count = 1;

    if (request->consecutive) {
        while (count * 2 <= request->most) {
            count *= 2;
        }
        for (; count >= request->least && count != 0; count /= 2) {
            if (claim_run(frame, count, block)) {
                return KERN_SUCCESS;
            }
        }
        return KERN_NO_SPACE;
    }
    for (unsigned at = 0; at < frame->count && block->count < request->most; at++) {
        if (claim(frame, at)) {
            block->intids[block->count++] = frame->first + at;
        }
    }
    if (block->count < request->least) {
        release(controller, block);
        return KERN_NO_SPACE;
    }
    return KERN_SUCCESS;
}

static void message(const struct msi_controller *controller, const struct msi_block *block,
                    unsigned index, struct msi_message *to)
{
    *to = (struct msi_message){controller->doorbell, block->intids[index]};
}

const struct msi_ops gic_v2m = {
    .compatible = "arm,gic-v2m-frame",
    .start = start,
    .allocate = allocate,
    .free = release,
    .message = message,
};
