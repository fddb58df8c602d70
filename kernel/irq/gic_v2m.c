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
    controller->total = count;
    controller->doorbell = controller->range.base.value + SETSPI;
    return true;
}

/* `count` free ones behind each other from a multiple of the count; frame->count: there are none.
 */
static unsigned find_run(const struct frame *frame, unsigned count)
{
    unsigned at = (frame->first + count - 1) / count * count - frame->first;

    for (; at + count <= frame->count; at += count) {
        unsigned free = 0;

        while (free < count && !frame->taken[at + free]) {
            free++;
        }
        if (free == count) {
            return at;
        }
    }
    return frame->count;
}

static void take(struct frame *frame, struct msi_block *block, unsigned at)
{
    const unsigned intid = frame->first + at;

    frame->taken[at] = true;
    /*
     * A message is a pulse: taken for a level it would be lost, for the line is low again when the
     * CPU asks.
     */
    irq_set_trigger(intid, IRQ_EDGE);
    block->intids[block->count++] = intid;
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
            const unsigned at = find_run(frame, count);

            for (unsigned i = 0; at != frame->count && i < count; i++) {
                take(frame, block, at + i);
            }
            if (block->count != 0) {
                return KERN_SUCCESS;
            }
        }
        return KERN_NO_SPACE;
    }
    if (controller->total - controller->in_use < request->least) {
        return KERN_NO_SPACE;
    }
    for (unsigned at = 0; at < frame->count && block->count < request->most; at++) {
        if (!frame->taken[at]) {
            take(frame, block, at);
        }
    }
    return KERN_SUCCESS;
}

static void release(struct msi_controller *controller, struct msi_block *block)
{
    struct frame *frame = controller->state;

    for (unsigned i = 0; i < block->count; i++) {
        irq_set_trigger(block->intids[i], IRQ_LEVEL);
        frame->taken[block->intids[i] - frame->first] = false;
    }
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
