/* SPDX-License-Identifier: BSD-2-Clause */
/* What vdma is asked, and what its answers mean: the chain of a request, and its end. */
#include "drivers/recording.h"
#include "drivers/vdma/vdma_ask_private.h"
#include "kernel/direct_map.h"

#define PART_MAX                                                                                   \
    (1u << 30) /* bytes: a chain has fewer than 2^32, both sides together (rule R31)               \
                */

/* --- Asking ----------------------------------------------------------------------------------- */

/* The two that may be done in parts: each part by itself has the same effect. */
static bool may_be_cut(uint32_t type)
{
    return type == VDMA_COPY || type == VDMA_FILL;
}

void vdma_judge_parts(void)
{
    const uint64_t most = vdma_state.can.limits.transfer_max;

    vdma_state.part_max = most != 0 && most < PART_MAX ? (uint32_t)most : PART_MAX;
    vdma_judge_usual();
}

/* Bytes of the next part, before anything is known of its segments. */
static uint32_t part_bytes(uint64_t left)
{
    const struct vdma_limits *limits = &vdma_state.can.limits;
    uint64_t bytes = left < vdma_state.part_max ? left : vdma_state.part_max;

    if (bytes < left && limits->alignment_length > 1) {
        bytes &= ~((uint64_t)limits->alignment_length - 1);
    }
    return (uint32_t)bytes;
}

static unsigned at_most(unsigned room)
{
    const uint32_t most = vdma_state.can.limits.segments_max;

    return most != 0 && most < room ? most : room;
}

/*
 * Both sides of a part, or the one that there is. Those of a copy must have as many bytes, so where
 * one has no room for as many as the other, it is done again with what fits; and again, where the
 * next part could not begin behind this one. Each turn has fewer bytes than the one before.
 */
static IOReturn fill(struct vdma_transfer *transfer, struct virtq_chain *chain)
{
    const struct virtq_chain empty = *chain;
    const unsigned room = virtq_chain_room(chain) - 1; /* the status */
    const bool both = transfer->source.command != NULL && transfer->target.command != NULL;
    const uint64_t left = transfer->length - transfer->moved;
    uint32_t wanted = part_bytes(left), bytes;
    struct vdma_place source, target;

    /* What a turn has filled and the next one does not may be where the status stands. */
    for (;; wanted = bytes, virtq_forget_frame(chain)) {
        IOReturn status = kIOReturnSuccess;

        *chain = empty;
        bytes = wanted;
        source = target = (struct vdma_place){0};
        if (transfer->source.command != NULL) {
            status = vdma_add_side(chain, &transfer->source, VIRTQ_NEXT,
                                   at_most(both ? room / 2 : room), &bytes, &source);
        }
        if (status == kIOReturnSuccess && transfer->target.command != NULL) {
            status = vdma_add_side(chain, &transfer->target, VIRTQ_NEXT | VIRTQ_WRITE,
                                   at_most(virtq_chain_room(chain) - 1), &bytes, &target);
        }
        if (status != kIOReturnSuccess) {
            return status;
        }
        if (bytes != wanted && both) {
            continue; /* the sides do not agree yet */
        }
        if (bytes == left) {
            break;
        }
        wanted = bytes;
        bytes = may_be_cut(transfer->type) ? vdma_cut(&source, &target, bytes) : 0;
        if (bytes == 0) {
            return kIOReturnNoSpace;
        }
        if (bytes == wanted) {
            break;
        }
    }
    transfer->part = bytes;
    transfer->source = source;
    transfer->target = target;
    return kIOReturnSuccess;
}

static void add_data(struct virtq_chain *chain, const void *bytes, uint32_t length, unsigned flags)
{
    if (length != 0) {
        virtq_chain_add(chain, vm_device_memory_physical(&vdma_state.memory, bytes), length,
                        VIRTQ_NEXT | flags);
    }
}

/* Its bytes in an order that makes the pattern go on where the last part ended. */
uint64_t vdma_turned(uint64_t pattern, uint64_t bytes, uint64_t moved)
{
    uint64_t result = 0;

    for (uint64_t i = 0; i < bytes; i++) {
        result |= (pattern >> 8 * ((i + moved) % bytes) & 0xff) << 8 * i;
    }
    return result;
}

/* The command that a recording knows a transfer by; NULL: it moves nothing of a command's. */
static const IODMACommand *name_of(const struct vdma_transfer *transfer)
{
    return transfer->command != NULL          ? transfer->command
           : transfer->source.command != NULL ? transfer->source.command
                                              : transfer->target.command;
}

/* Entries from `index` on that are a side's; the one behind them. */
static unsigned record_side(const struct vdma_transfer *transfer, const struct virtq_chain *chain,
                            bool target, unsigned index)
{
    struct virtq_entry entry;
    struct vdma_view view;

    vdma_get_view(transfer, target, &view);
    if (view.command == NULL) {
        return index;
    }
    if (view.command != name_of(transfer) && transfer->moved == 0) {
        trace_dma_lent((vaddr_t)view.command, (vaddr_t)name_of(transfer),
                       target ? kIODirectionIn : kIODirectionOut);
        IODMARecording_command(view.command);
    }
    recording_list(view.command, view.offset, vdma_state.queue);
    for (uint64_t done = 0; done < view.bytes && virtq_chain_entry(chain, index, &entry); index++) {
        recording_entry(view.command, entry.address.value, entry.length, entry.slot,
                        virtq_chain_has_table(chain) ? TRACE_LIST_table : TRACE_LIST_ring,
                        target ? TRACE_SLOT_WRITES : 0);
        done += entry.length;
    }
    return index;
}

/* The header comes first, the status last. */
static void record(const struct vdma_transfer *transfer, const struct virtq_chain *chain)
{
    record_side(transfer, chain, true, record_side(transfer, chain, false, 1));
}

void vdma_write_and_show(struct vdma_transfer *transfer, unsigned slot, unsigned count)
{
    struct vdma_frame *frame = &vdma_state.frames[slot];
    struct virtq_chain chain;

    virtq_write_frame(vdma_state.queue, slot, count, virt_to_phys(&frame->request),
                      sizeof(frame->request), virt_to_phys(&frame->status), sizeof(frame->status));
    virtq_get_chain(vdma_state.queue, slot, &chain);
    if (trace_is_on()) {
        transfer->odd = VDMA_ODD; /* its answer is recorded, too */
        if (name_of(transfer) != NULL) {
            record(transfer, &chain);
        }
    }
    if (vdma_state.watch != NULL) {
        vdma_state.watch(vdma_state.watch_context, transfer, &chain);
    }
}

bool vdma_ask_side(struct vdma_transfer *transfer)
{
    return vdma_ask_sides(transfer, vdma_state.queue, transfer->source.command != NULL,
                          transfer->target.command != NULL);
}

/* The first argument of the next part. */
static uint64_t pattern_of(const struct vdma_transfer *transfer)
{
    return transfer->type == VDMA_FILL && transfer->moved != 0
               ? vdma_turned(transfer->arguments[0], transfer->arguments[1], transfer->moved)
               : transfer->arguments[0];
}

IOReturn vdma_ask_part(struct vdma_transfer *transfer)
{
    struct virtq_chain chain;
    IOReturn status = virtq_begin_framed(vdma_state.queue, &chain);

    if (status != kIOReturnSuccess) {
        return status;
    }
    chain.segment_flags = 0; /* set for each side; until then nothing reads it but a copy of all */
    transfer->part = 0;
    if (vdma_is_control(transfer->type)) {
        add_data(&chain, vdma_state.data->in, transfer->in_bytes, 0);
        add_data(&chain, vdma_state.data->out, transfer->out_bytes, VIRTQ_WRITE);
    } else if (transfer->length != 0) {
        status = fill(transfer, &chain);
        if (status != kIOReturnSuccess) {
            virtq_forget_frame(&chain);
            return status;
        }
    }
    transfer->odd = VDMA_ODD;
    vdma_write_header(transfer, virtq_frame_of(&chain), pattern_of(transfer));
    virtq_submit_framed(vdma_state.queue, &chain, transfer, sizeof(struct vdma_status));
    if (!virtq_is_framed(&chain) || trace_is_on() || vdma_state.watch != NULL) {
        vdma_write_and_show(transfer, virtq_slot_of(&chain), chain.count);
    }
    if (vdma_is_exclusive(transfer->type)) {
        vdma_state.alone = true;
        vdma_judge_usual();
    }
    return kIOReturnSuccess;
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* The device's word for what is not simply done, where that can be believed. */
static __attribute__((cold, noinline)) IOReturn of_code(const struct vdma_transfer *transfer)
{
    switch (transfer->status.code) {
    case VDMA_STATUS_DIFFERENT:
        return transfer->type == VDMA_COMPARE ? kIOReturnSuccess : kIOReturnDeviceError;
    case VDMA_STATUS_UNSUPPORTED:
        return kIOReturnUnsupported;
    case VDMA_STATUS_REFUSED:
        return kIOReturnNotAligned;
    case VDMA_STATUS_ERROR:
        return kIOReturnIOError;
    default:
        return kIOReturnDeviceError;
    }
}

/* What was to be moved, as the device counts: a comparison's halves go side by side. */
static uint64_t expected(const struct vdma_transfer *transfer)
{
    if (transfer->type == VDMA_COMPARE) {
        return transfer->status.code == VDMA_STATUS_DIFFERENT ? transfer->status.value
                                                              : transfer->part / 2;
    }
    return transfer->part;
}

static IOReturn judge(struct vdma_transfer *transfer, uint32_t used_length)
{
    const struct vdma_status *answer = &transfer->status;
    const IOReturn status = answer->code == VDMA_STATUS_OK ? kIOReturnSuccess : of_code(transfer);
    uint64_t wanted;

    if (transfer->part == 0) {
        return status; /* it moves nothing: what it wrote beside its status is not data */
    }
    wanted = expected(transfer);
    if (answer->moved > wanted || wanted > transfer->part ||
        used_length != sizeof(*answer) + (transfer->target.command != NULL ? answer->moved : 0)) {
        return kIOReturnDeviceError;
    }
    /* A comparison has looked at all of it then, as far as was needed. */
    transfer->moved += answer->moved == wanted ? transfer->part : answer->moved;
    return status == kIOReturnSuccess && answer->moved < wanted ? kIOReturnUnderrun : status;
}

/*
 * The ring says that it is done, its status does not: the device may have it still. Its memory is
 * the client's again when the device has been reset.
 */
static void doubt(struct vdma_transfer *transfer)
{
    transfer->next = vdma_state.doubted;
    vdma_state.doubted = transfer;
    virtq_reject(vdma_state.queue, "a chain comes back without its answer");
}

void vdma_settle(struct vdma_transfer *transfer, uint32_t used_length)
{
    IOReturn status;

    if (trace_is_on()) {
        trace_vdma_answer((vaddr_t)name_of(transfer), transfer->status.code, transfer->status.rule);
    }
    if (transfer->part == 0 && vdma_state.alone) {
        /* Who was had nobody else there who could answer before. */
        vdma_state.alone = false;
        vdma_judge_usual();
    }
    if (transfer->status.tag != transfer->tag || transfer->status.code == VDMA_STATUS_UNWRITTEN) {
        doubt(transfer);
        return;
    }
    status = judge(transfer, used_length);
    if (status == kIOReturnSuccess && transfer->moved < transfer->length) {
        vdma_put_first(transfer);
    } else {
        vdma_end(transfer, status);
    }
}
