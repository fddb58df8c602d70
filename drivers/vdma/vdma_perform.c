/* SPDX-License-Identifier: BSD-2-Clause */
/* One transfer for who wants no event source: commands made, prepared, waited for, completed. */
#include "drivers/recording.h"
#include "drivers/vdma/vdma_private.h"
#include "kernel/irq.h"

/* One side of a job. */
struct part {
    struct vdma_transfer transfer;
    IODMACommand *command; /* NULL: there is no such side */
};

static IOReturn check_side(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                           uint64_t direction)
{
    const uint64_t flags = IOMemoryDescriptor_getFlags(memory);
    const IOByteCount size = IOMemoryDescriptor_getLength(memory);

    if ((flags & direction) == 0 ||
        (direction == kIODirectionIn && (flags & kIOMemoryPreparedReadOnly) != 0)) {
        return kIOReturnNotPermitted;
    }
    return length <= size && offset <= size - length ? kIOReturnSuccess : kIOReturnOverrun;
}

static IOReturn check(const struct vdma_job *job)
{
    const bool source = vdma_reads(job->type), target = vdma_writes(job->type);
    IOReturn status = kIOReturnSuccess;

    if (job->type == VDMA_NOP) {
        return kIOReturnSuccess;
    }
    if ((!source && !target) || job->length == 0 || source != (job->source != NULL) ||
        target != (job->target != NULL)) {
        return kIOReturnBadArgument;
    }
    if (source) {
        status = check_side(job->source, job->source_offset, job->length, kIODirectionOut);
    }
    if (status == kIOReturnSuccess && target) {
        status = check_side(job->target, job->target_offset, job->length, kIODirectionIn);
    }
    return status;
}

static void drop(struct part *part, IOReturn *status)
{
    IOReturn ended;

    if (part->command == NULL) {
        return;
    }
    ended = IODMACommand_complete(part->command, true, true);
    if (*status == kIOReturnSuccess) {
        *status = ended;
    }
    OSObject_release(part->command);
}

static IOReturn prepare(struct part *part, IOMemoryDescriptor *memory, uint64_t offset,
                        uint64_t length)
{
    IOReturn status;

    part->command = vdma_create_command(NULL, kMapped, &part->transfer);
    if (part->command == NULL) {
        return IOMemoryLastError();
    }
    IODMACommand_setMemoryDescriptor(part->command, memory, false); /* it is new, and takes it */
    status = IODMACommand_prepare(part->command, offset, length, true, true);
    if (status != kIOReturnSuccess) {
        OSObject_release(part->command);
        part->command = NULL;
    }
    return status;
}

static IOReturn perform(struct vdma_job *job, const struct part *source, const struct part *target)
{
    struct vdma_transfer transfer = {
        .type = job->type,
        .length = job->type == VDMA_NOP ? 0 : job->length,
        .arguments = {job->arguments[0], job->arguments[1]},
        .context = job->context,
        .source = {.command = source->command},
        .target = {.command = target->command},
    };
    const IODMACommand *name = source->command != NULL ? source->command : target->command;
    IOReturn status;

    if (job->type == VDMA_COMPARE) {
        transfer.arguments[0] = job->length / 2;
        transfer.arguments[1] = 0;
    }
    status = vdma_check(&transfer);
    if (status == kIOReturnSuccess) {
        /* It is no start of an engine's, which would be recorded as one. */
        if (trace_is_on() && name != NULL) {
            trace_dma_start((vaddr_t)name, transfer.length,
                            name == source->command ? kIODirectionOut : kIODirectionIn);
            IODMARecording_command(name);
        }
        status = vdma_submit_and_wait(&transfer);
        if (name != NULL) {
            trace_dma_end((vaddr_t)name, transfer.moved, status);
        }
    }
    job->moved = transfer.moved;
    job->status = transfer.status;
    return status;
}

IOReturn vdma_perform(struct vdma_job *job)
{
    struct part source = {.command = NULL}, target = {.command = NULL};
    IOReturn status;

    if (job == NULL) {
        return kIOReturnBadArgument;
    }
    job->moved = 0;
    job->status = (struct vdma_status){0};
    if (!vdma_found()) {
        return kIOReturnNoDevice;
    }
    if (irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    status = check(job);
    if (status == kIOReturnSuccess && vdma_reads(job->type)) {
        status = prepare(&source, job->source, job->source_offset, job->length);
    }
    if (status == kIOReturnSuccess && vdma_writes(job->type)) {
        status = prepare(&target, job->target, job->target_offset, job->length);
    }
    if (status == kIOReturnSuccess) {
        status = perform(job, &source, &target);
    }
    drop(&target, &status);
    drop(&source, &status);
    return status;
}
