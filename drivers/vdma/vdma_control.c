/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests about the device itself, and what it says of itself. */
#include <string.h>

#include "drivers/vdma/vdma_private.h"
#include "kernel/irq.h"

/* One at a time has the page with the data. */
static bool begin(void)
{
    const lock_state_t state = lock_take_again(&vdma_state.lock);
    const bool mine = !vdma_state.controlling;

    vdma_state.controlling = true;
    lock_release(&vdma_state.lock, state);
    return mine;
}

static IOReturn control(uint32_t type, const uint64_t arguments[2], const void *in,
                        uint32_t in_bytes, void *out, uint32_t out_bytes,
                        struct vdma_status *status)
{
    struct vdma_transfer transfer = {.type = type, .in_bytes = in_bytes, .out_bytes = out_bytes};
    IOReturn result;

    if (!begin()) {
        return kIOReturnBusy;
    }
    if (arguments != NULL) {
        transfer.arguments[0] = arguments[0];
        transfer.arguments[1] = arguments[1];
    }
    if (in_bytes != 0) {
        memcpy(vdma_state.data->in, in, in_bytes);
    }
    result = vdma_submit_and_wait(&transfer);
    if (result == kIOReturnSuccess && out_bytes != 0) {
        memcpy(out, vdma_state.data->out, out_bytes);
    }
    if (status != NULL) {
        *status = transfer.status;
    }
    vdma_state.controlling = false;
    return result;
}

IOReturn vdma_read_capabilities(void)
{
    struct vdma_capabilities can;
    const IOReturn status = control(VDMA_CAPABILITIES, NULL, NULL, 0, &can, sizeof(can), NULL);
    bool other;

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (can.version != VDMA_VERSION || can.size < sizeof(can)) {
        return kIOReturnUnsupported;
    }
    /* They are asked for again with each command that is made, and as a rule the same. */
    other = can.limits.transfer_max != vdma_state.can.limits.transfer_max ||
            can.limits.depth != vdma_state.can.limits.depth;
    vdma_state.can = can;
    if (other) {
        vdma_judge_parts();
    }
    return kIOReturnSuccess;
}

IOReturn vdma_control(uint32_t type, const uint64_t arguments[2], const void *in, uint32_t in_bytes,
                      void *out, uint32_t out_bytes, struct vdma_status *status)
{
    IOReturn result;

    if (!vdma_is_control(type) || in_bytes > VDMA_CONTROL_MAX || out_bytes > VDMA_CONTROL_MAX ||
        (in == NULL) != (in_bytes == 0) || (out == NULL) != (out_bytes == 0)) {
        return kIOReturnBadArgument;
    }
    if (!vdma_found()) {
        return kIOReturnNoDevice;
    }
    if (irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    if (type == VDMA_SET_TABLE && vdma_state.table != NULL) {
        return kIOReturnBusy;
    }
    if (type == VDMA_SET_LIMITS) {
        /* New limits turn the table off, which must not be behind anybody's back. */
        result = vdma_table_off();
        if (result != kIOReturnSuccess) {
            return result;
        }
    }
    result = control(type, arguments, in, in_bytes, out, out_bytes, status);
    /* What the driver cuts by is what holds now. */
    return result == kIOReturnSuccess && type == VDMA_SET_LIMITS ? vdma_read_capabilities()
                                                                 : result;
}

IOReturn vdma_set_profile(uint32_t profile)
{
    const uint64_t arguments[2] = {profile, 0};

    return vdma_control(VDMA_SET_LIMITS, arguments, NULL, 0, NULL, 0, NULL);
}

static uint32_t or_one(uint32_t alignment)
{
    return alignment != 0 ? alignment : 1;
}

IOReturn vdma_get_segment_options(IODMACommand_SegmentOptions *options)
{
    const struct vdma_limits *limits = &vdma_state.can.limits;
    IOReturn status;

    if (!vdma_found()) {
        return kIOReturnNoDevice;
    }
    status = vdma_read_capabilities();
    if (status != kIOReturnSuccess) {
        return status;
    }
    *options = (IODMACommand_SegmentOptions){
        .fStructSize = sizeof(*options),
        .fNumAddressBits = limits->address_bits != 0 ? limits->address_bits : 64,
        /* Of a descriptor in the ring, if the device does not say. */
        .fMaxSegmentSize = limits->segment_max != 0 && limits->segment_max < UINT32_MAX
                               ? limits->segment_max
                               : UINT32_MAX,
        .fMaxTransferSize = limits->transfer_max,
        .fAlignment = or_one(limits->alignment),
        .fAlignmentLength = or_one(limits->alignment_length),
        .fAlignmentInternalSegments = or_one(limits->alignment_internal),
        .fSegmentBoundary = limits->boundary,
        .fAlignmentInternalEnd = or_one(limits->alignment_end),
    };
    return kIOReturnSuccess;
}

void vdma_watch(vdma_watcher_t *watcher, void *context)
{
    const lock_state_t state = lock_take_again(&vdma_state.lock);

    vdma_state.watch = watcher;
    vdma_state.watch_context = context;
    vdma_judge_usual();
    lock_release(&vdma_state.lock, state);
}

void vdma_get_view(const struct vdma_transfer *transfer, bool target, struct vdma_view *view)
{
    /* Where it goes on already: behind this part. */
    const struct vdma_place *place = target ? &transfer->target : &transfer->source;

    *view = (struct vdma_view){place->command, place->position - transfer->part, transfer->part};
}
