/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies as commands of vdma's engine, a few at once; sums of what they wrote; and its log. */
#include "tests/lib/memory_copy.h"

#include <string.h>

#include "descriptors/OSArray.h"
#include "kernel/console.h"
#include "tests/lib/copy_meter.h"
#include "tests/lib/journal.h"

/* The device may be asked for fewer bytes at the end than it can: windows are whole sectors. */
#define UNIT 512u

/* As the data sheet has them, by their numbers. */
static const char *const profiles[] = {"open",  "narrow31", "sata",  "prp",   "xhci",
                                       "adma2", "single",   "fpga8", "isa24", "narrow28"};

static OSArray *owner;

/* --- What the device is told, and what it says ------------------------------------------------ */

static void note(struct memory_copy *copy, const struct vdma_record *record)
{
    const IOReturn status = journal_write(record);

    if (copy->journal == kIOReturnSuccess) {
        copy->journal = status;
    }
}

/*
 * What the watcher saw of a few requests: it runs under the ring's lock, where the journal's disk
 * cannot be waited for.
 */
#define SEEN_MAX 2048u
static struct vdma_record seen[SEEN_MAX];
static unsigned seen_count;

static void see(struct vdma_record record)
{
    if (seen_count < SEEN_MAX) {
        seen[seen_count++] = record;
    }
}

static void watch(void *context, const struct vdma_transfer *transfer,
                  const struct virtq_chain *chain)
{
    struct memory_copy *copy = context;
    struct virtq_entry entry, next;

    if (transfer->type != VDMA_COPY && transfer->type != VDMA_CHECKSUM) {
        return;
    }
    copy->requests++;
    see((struct vdma_record){
        .event = JOURNAL_REQUEST,
        .address = transfer->tag,
        .type = transfer->type,
        .length = transfer->part,
        .value = (uint64_t)(uintptr_t)transfer->context + transfer->moved,
    });
    for (unsigned i = 1; virtq_chain_entry(chain, i, &entry) &&
                         virtq_chain_entry(chain, i + 1, &next); /* neither header nor status */
         i++) {
        see((struct vdma_record){
            .event = JOURNAL_SEGMENT,
            .segment = i,
            .address = entry.address.value,
            .length = entry.length,
            .code = (entry.flags & VIRTQ_WRITE) != 0 ? VDMA_WRITES : VDMA_READS,
            .value = transfer->tag,
        });
    }
    if (transfer->type == VDMA_COPY) {
        copy_table_add(&copy->table, transfer, chain);
    }
}

/* The device's records since the last time, all of them; kept: in the journal. */
static IOReturn take_log(struct memory_copy *copy, bool kept)
{
    struct vdma_record records[VDMA_CONTROL_MAX / sizeof(struct vdma_record)];
    const unsigned most = sizeof(records) / sizeof(records[0]);
    struct vdma_status status = {.value = most};
    IOReturn result = kIOReturnSuccess;

    while (result == kIOReturnSuccess && status.value == most) {
        result = vdma_control(VDMA_READ_LOG, NULL, NULL, 0, records, sizeof(records), &status);
        for (unsigned i = 0; kept && i < status.value && i < most; i++) {
            note(copy, &records[i]);
        }
    }
    return result;
}

static IOReturn write_journal(struct memory_copy *copy)
{
    IOReturn status;

    if (seen_count == SEEN_MAX) {
        return kIOReturnNoSpace; /* more requests at once than were thought of */
    }
    for (unsigned i = 0; i < seen_count; i++) {
        note(copy, &seen[i]);
    }
    seen_count = 0;
    status = take_log(copy, true);
    return status != kIOReturnSuccess ? status : copy->journal;
}

/* --- Copies ----------------------------------------------------------------------------------- */

static void arrive(OSObject *whose, IODMAEventSource *source, IODMACommand *command,
                   IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    struct copy_part *part = IODMACommand_getRefCon(command); /* the transfer is its first member */

    (void)whose, (void)bytes, (void)when;
    part->status = status;
    part->is_done = true;
    IOWorkLoop_wakeupGate(IOEventSource_getWorkLoop(source), part, false);
}

static IOReturn prepare(const struct memory_copy *copy, IODMACommand **command,
                        struct vdma_transfer *transfer, const struct scatter *scatter, uint64_t at,
                        uint64_t length)
{
    IOReturn status;

    /* Asked once for all: what the driver copies for each command would be counted here. */
    *command = vdma_create_command(&copy->options, kMapped, transfer);
    if (*command == NULL) {
        return IOMemoryLastError();
    }
    status = IODMACommand_setMemoryDescriptor(*command, scatter->memory, false);
    if (status == kIOReturnSuccess) {
        status = IODMACommand_prepare(*command, at, length, true, true);
    }
    if (status != kIOReturnSuccess) {
        IODMACommand_clearMemoryDescriptor(*command, false);
        OSObject_release(*command);
        *command = NULL;
    }
    return status;
}

static IOReturn drop(IODMACommand **command, IOReturn before)
{
    IOReturn status;

    if (*command == NULL) {
        return before;
    }
    status = IODMACommand_complete(*command, true, true);
    IODMACommand_clearMemoryDescriptor(*command, false);
    OSObject_release(*command);
    *command = NULL;
    return before != kIOReturnSuccess ? before : status;
}

static IOReturn start(struct memory_copy *copy, struct copy_part *part, struct scatter *window,
                      uint64_t at, uint64_t length)
{
    IOReturn status = prepare(copy, &part->source, &part->from, window, at, length);

    if (status == kIOReturnSuccess) {
        status = prepare(copy, &part->target, &part->transfer, &copy->target, at, length);
    }
    if (status == kIOReturnSuccess) {
        copy->bounced +=
            IODMACommand_getBounceLength(part->source) + IODMACommand_getBounceLength(part->target);
        part->transfer.type = VDMA_COPY;
        part->transfer.other = part->source;
        part->transfer.context = (void *)(uintptr_t)(copy->position + at);
        part->is_done = false;
        IOWorkLoop_closeGate(copy->loop);
        status = IODMAEventSource_startDMACommand(copy->source, part->target, kIODirectionIn, 0, 0);
        IOWorkLoop_openGate(copy->loop);
    }
    if (status != kIOReturnSuccess) {
        drop(&part->target, status);
        drop(&part->source, status);
    }
    return status;
}

static IOReturn finish(struct memory_copy *copy, struct copy_part *part)
{
    IOReturn status;

    IOWorkLoop_closeGate(copy->loop);
    while (!part->is_done) {
        IOWorkLoop_sleepGate(copy->loop, part, THREAD_UNINT);
    }
    IOWorkLoop_openGate(copy->loop);
    status = drop(&part->target, part->status);
    return drop(&part->source, status);
}

/* A few parts with one doorbell. */
static IOReturn copy_some(struct memory_copy *copy, struct scatter *window, uint64_t *at,
                          uint64_t length)
{
    IOReturn status = kIOReturnSuccess;
    unsigned count = 0;

    copy_meter_start();
    vdma_hold_doorbell(true);
    while (*at < length && count < COPY_AT_ONCE && status == kIOReturnSuccess) {
        const uint64_t here = length - *at < COPY_PART ? length - *at : COPY_PART;

        status = start(copy, &copy->parts[count], window, *at, here);
        if (status == kIOReturnSuccess) {
            count++;
            *at += here;
        }
    }
    vdma_hold_doorbell(false);
    for (unsigned i = 0; i < count; i++) {
        const IOReturn ended = finish(copy, &copy->parts[i]);

        status = status == kIOReturnSuccess ? ended : status;
    }
    copy_meter_stop();
    return status;
}

/* --- Sums ------------------------------------------------------------------------------------- */

static IOReturn set_limits(struct memory_copy *copy, uint32_t profile)
{
    IOReturn status = vdma_set_profile(profile);

    if (status == kIOReturnSuccess && profile == copy->profile && copy->table.translated) {
        status = vdma_use_table(true);
    }
    return status;
}

/*
 * A sum cannot be cut, so it is made without limits: of the bytes of the file alone, though the
 * device may have copied a few more, for the sake of its alignment.
 */
static IOReturn sum_up(struct memory_copy *copy, uint64_t length)
{
    IOReturn status = set_limits(copy, VDMA_PROFILE_OPEN);

    for (uint64_t at = 0; at < length && status == kIOReturnSuccess; at += COPY_PART) {
        const uint64_t here = length - at < COPY_PART ? length - at : COPY_PART;
        struct vdma_job job = {
            .type = VDMA_CHECKSUM,
            .source = copy->target.memory,
            .source_offset = at,
            .length = here,
            .context = (void *)(uintptr_t)(copy->position + at),
        };

        status = vdma_perform(&job);
        if (status == kIOReturnSuccess) {
            status = write_journal(copy);
        }
    }
    return status == kIOReturnSuccess ? set_limits(copy, copy->profile) : status;
}

IOReturn memory_copy_window(struct memory_copy *copy, struct scatter *window, uint64_t length,
                            uint64_t position)
{
    IOReturn status = kIOReturnSuccess;
    uint64_t whole;

    if (!copy->present || position >= copy->most) {
        return kIOReturnSuccess;
    }
    copy_meter_stop();
    if (length > copy->most - position) {
        length = copy->most - position;
    }
    copy->position = position;
    whole = (length + UNIT - 1) / UNIT * UNIT;
    for (uint64_t at = 0; at < whole && status == kIOReturnSuccess;) {
        status = copy_some(copy, window, &at, whole);
        if (status == kIOReturnSuccess) {
            status = write_journal(copy);
        }
    }
    if (status == kIOReturnSuccess) {
        status = sum_up(copy, length);
    }
    copy->copied += status == kIOReturnSuccess ? length : 0;
    copy_meter_start();
    return status;
}

/* --- Beginning and end ------------------------------------------------------------------------ */

static bool find_profile(struct memory_copy *copy, const char *limits)
{
    for (copy->profile = 0; copy->profile < sizeof(profiles) / sizeof(profiles[0]);
         copy->profile++) {
        if (strcmp(profiles[copy->profile], limits) == 0) {
            return true;
        }
    }
    kprintf("transfer: what are the limits '%s'? There are:", limits);
    for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        kprintf(" %s", profiles[i]);
    }
    kprintf("\n");
    return false;
}

static IOReturn begin_limits(struct memory_copy *copy)
{
    struct vdma_capabilities can;
    IOReturn status = vdma_set_profile(copy->profile);

    if (status == kIOReturnSuccess) {
        status = vdma_control(VDMA_CAPABILITIES, NULL, NULL, 0, &can, sizeof(can), NULL);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    copy->table.limits = can.limits;
    copy->is_process = can.queue_page == 0;
    copy->bits = can.limits.address_bits < 64 ? can.limits.address_bits : 0;
    status = vdma_get_segment_options(&copy->options);
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (can.limits.table_entries == 0 || copy->without_table) {
        return kIOReturnSuccess;
    }
    copy->table.translated = true;
    return vdma_use_table(true);
}

bool memory_copy_open(struct memory_copy *copy, const char *limits, uint64_t most, bool table)
{
    IOReturn status;

    copy->most = most;
    copy->without_table = !table;
    if (!find_profile(copy, limits)) {
        return false;
    }
    if (!vdma_present()) {
        kprintf("no vdma: this machine does not start at EL2, as MACHINE=el2 does, nor is it "
                "DEVICE=vdma, "
                "a process; nothing is copied from memory to memory\n");
        return true;
    }
    journal_open();
    status = begin_limits(copy);
    if (status == kIOReturnSuccess) {
        status = take_log(copy, false); /* what was before is nobody's business */
    }
    if (status == kIOReturnSuccess) {
        owner = OSArray_withCapacity(1);
        copy->loop = IOWorkLoop_workLoop();
        copy->source = IODMAEventSource_dmaEventSource(OSObject_upcast(owner), vdma_get_service(),
                                                       arrive, NULL, 0);
        status = copy->loop != NULL && copy->source != NULL
                     ? IOWorkLoop_addEventSource(copy->loop, copy->source)
                     : IOMemoryLastError();
    }
    if (status != kIOReturnSuccess) {
        kprintf("transfer: vdma with the limits %s: %s\n", profiles[copy->profile],
                IOReturn_name(status));
    }
    copy->present = status == kIOReturnSuccess;
    return copy->present;
}

bool memory_copy_begin(struct memory_copy *copy, uint64_t bytes, uint32_t seed)
{
    const uint64_t border = copy->bits != 0 ? 1ull << copy->bits : 0;

    if (!copy->present || bytes == 0) {
        return true;
    }
    vdma_watch(watch, copy);
    return scatter_create_across(&copy->target, (bytes + UNIT - 1) / UNIT * UNIT, seed, border);
}

bool memory_copy_end(struct memory_copy *copy)
{
    bool good = true;

    if (!copy->present) {
        return true;
    }
    vdma_watch(NULL, NULL);
    if (copy->target.memory != NULL) {
        good = scatter_canaries_intact(&copy->target);
        if (!good) {
            kprintf("transfer: vdma wrote outside the memory it was given\n");
        }
        scatter_destroy(&copy->target);
    }
    IOWorkLoop_removeEventSource(copy->loop, copy->source);
    OSObject_release(copy->source);
    OSObject_release(copy->loop);
    OSObject_release(owner);
    return journal_close(copy->requests) == kIOReturnSuccess && good;
}

void memory_copy_print(const struct memory_copy *copy)
{
    if (!copy->present) {
        return;
    }
    copy_table_print(&copy->table);
    kprintf("copied by vdma: %llu bytes, limits %s%s\n", (unsigned long long)copy->copied,
            profiles[copy->profile], copy->is_process ? ", by a process beside QEMU" : "");
}
