/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was blocked. A device's transfer that misses is an event for each of its accesses, so
 * that events are folded: one report for each stream, page and direction, until the device's
 * driver says that something new begins (IOMapper_forgetFaults).
 */
#include <string.h>

#include "drivers/smmuv3/smmu_private.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"
#include "kernel/trace.h"

/* --- Under the lock: from the queue to the reports ---------------------------------------------
 */

static bool has_address(unsigned type)
{
    return type >= EVENT_WALK_ABORT;
}

static bool is_same(const struct smmu_report *report, const struct smmu_report *other)
{
    return report->stream == other->stream && report->counted == other->counted &&
           (!report->counted || (report->read == other->read &&
                                 report->first >> PAGE_SHIFT == other->first >> PAGE_SHIFT));
}

static void fold(struct smmu *unit, const struct smmu_event *event)
{
    const struct smmu_report found = {
        .stream = EVENT_STREAM(event),
        .type = EVENT_TYPE(event),
        .counted = has_address(EVENT_TYPE(event)),
        .read = EVENT_IS_READ(event),
        .first = EVENT_ADDRESS(event),
        .count = 1,
    };

    unit->counters.events++;
    trace_smmu_fault(found.stream, found.first, found.type);
    /* The last first: accesses of one transfer follow each other. */
    for (unsigned i = unit->report_count; i > 0; i--) {
        if (is_same(&unit->reports[i - 1], &found)) {
            unit->reports[i - 1].count++;
            return;
        }
    }
    if (unit->report_count < SMMU_REPORT_MAX) {
        unit->reports[unit->report_count++] = found;
        unit->untold++;
        return;
    }
    /* One that is told makes room, so that no device can silence another ... */
    for (unsigned i = 0; i < SMMU_REPORT_MAX; i++) {
        if (unit->reports[i].told && unit->reports[i].stream != found.stream) {
            memmove(&unit->reports[i], &unit->reports[i + 1],
                    (SMMU_REPORT_MAX - i - 1) * sizeof(found));
            unit->reports[SMMU_REPORT_MAX - 1] = found;
            unit->untold++;
            return;
        }
    }
    /* ... but one that goes through all of its addresses does not fill the console. */
    unit->lost = unit->lost || unit->unlisted == 0;
    unit->unlisted++;
}

/* All that is in the queue, at most once around: a device may write as fast as this reads. */
static void drain(struct smmu *unit)
{
    struct smmu_queue *const queue = &unit->events;
    const uint32_t mask = queue->indices;
    const uint32_t there = mmio_read32(unit->registers, SMMU_EVENTQ_PROD);

    if (((there ^ queue->next) & mask) == 0) {
        return;
    }
    cpu_dmb_sy(); /* the index was read before the events are */
    while (((there ^ queue->next) & mask) != 0) {
        fold(unit, (const struct smmu_event *)queue->entries + (queue->next & queue->places));
        queue->next = (queue->next + 1) & mask;
    }
    /* Overflow is acknowledged by the same bit in the other index (7.4). */
    if (((there ^ unit->overflow) & EVENTQ_OVERFLOW) != 0) {
        unit->overflow ^= EVENTQ_OVERFLOW;
        unit->lost = true;
    }
    mmio_write32(unit->registers, SMMU_EVENTQ_CONS, queue->next | unit->overflow);
}

/* An error stays up until it is answered, and a second one of the kind would not be seen. */
void smmu_answer_errors(struct smmu *unit)
{
    const uint32_t raised =
        (mmio_read32(unit->registers, SMMU_GERROR) ^ unit->errors) & GERROR_DEFINED;

    if ((raised & GERROR_EVENTS_ABORTED) != 0) {
        unit->lost = true;
    }
    /* Who waits for commands answers for them, after it has seen to the one that failed. */
    if ((raised & ~GERROR_COMMANDS) != 0) {
        unit->errors ^= raised & ~GERROR_COMMANDS;
        mmio_write32(unit->registers, SMMU_GERRORN, unit->errors);
    }
    if ((raised & ~(GERROR_COMMANDS | GERROR_EVENTS_ABORTED)) != 0) {
        kprintf("smmuv3: the unit at 0x%llx reports error 0x%x\n",
                (unsigned long long)unit->address.value, (unsigned)raised);
    }
}

/* --- Without it: to whoever is to know ----------------------------------------------------------
 */

static const char *reason_of(unsigned type)
{
    switch (type) {
    case EVENT_TRANSLATION:
        return "nothing is mapped there";
    case EVENT_PERMISSION:
        return "it is mapped for reading only";
    case EVENT_ADDRESS_SIZE:
    case EVENT_ACCESS:
        return "its entry is no good";
    case EVENT_WALK_ABORT:
        return "a table cannot be read";
    default:
        return "no driver has asked for its memory";
    }
}

static void print(const struct smmu_report *report, const struct smmu_domain *domain)
{
    char name[sizeof("PCI 00:00.0")];

    ksnprintf(name, sizeof(name), "PCI %02x:%02x.%u", (unsigned)(report->stream >> 8) & 0xff,
              (unsigned)(report->stream >> 3) & 31, (unsigned)report->stream & 7);
    if (!report->counted) {
        kprintf("smmuv3: %s is blocked: %s (event 0x%x)\n", name, reason_of(report->type),
                report->type);
        return;
    }
    kprintf("smmuv3: %s%s%s: %s 0x%llx is blocked: %s (event 0x%x, %llu accesses)\n", name,
            domain != NULL ? ", " : "",
            domain != NULL ? IOService_getName(domain->super.provider) : "",
            report->read ? "a read at" : "a write to", (unsigned long long)report->first,
            reason_of(report->type), report->type, (unsigned long long)report->count);
}

static void deliver(const struct smmu_report *report, struct smmu_domain *domain)
{
    const IOMapperFault fault = {
        .address = report->first,
        .access = report->read ? kIODMAMapReadAccess : kIODMAMapWriteAccess,
        .reason = report->type == EVENT_PERMISSION ? kIOReturnNotPermitted : kIOReturnNotFound,
        .count = report->count,
    };

    IOMapper_deliverFault(&domain->super, &fault);
}

static void deliver_lost(struct smmu *unit)
{
    const IOMapperFault fault = {.reason = kIOReturnOverrun};

    kprintf("smmuv3: more was blocked than can be told\n");
    /* Of whom is not known: nobody may call a transfer good that has ended just now. */
    for (struct smmu_domain *domain = unit->domains; domain != NULL; domain = domain->next) {
        IOMapper_deliverFault(&domain->super, &fault);
    }
}

/* The next that nobody has been told of; NULL: there is none. */
static struct smmu_report *next_untold(struct smmu *unit)
{
    for (unsigned i = 0; i < unit->report_count; i++) {
        if (!unit->reports[i].told) {
            return &unit->reports[i];
        }
    }
    return NULL;
}

/* Nothing has happened since the last time, as with nearly every transfer. Under the lock. */
static bool is_quiet(const struct smmu *unit)
{
    return ((mmio_read32(unit->registers, SMMU_EVENTQ_PROD) ^ unit->events.next) &
            unit->events.indices) == 0 &&
           ((mmio_read32(unit->registers, SMMU_GERROR) ^ unit->errors) & GERROR_DEFINED) == 0 &&
           unit->untold == 0;
}

static void collect(struct smmu *unit, lock_state_t state);

void smmu_collect(struct smmu *unit)
{
    const lock_state_t state = lock_take(&unit->lock);

    if (is_quiet(unit)) {
        lock_release(&unit->lock, state);
    } else {
        collect(unit, state);
    }
}

/* With the lock, which is let go of. */
static __attribute__((noinline)) void collect(struct smmu *unit, lock_state_t state)
{
    struct smmu_report *report;
    bool lost;

    drain(unit);
    smmu_answer_errors(unit);
    lost = unit->lost;
    unit->lost = false;
    unit->counters.lost += lost ? 1 : 0;
    while ((report = next_untold(unit)) != NULL) {
        struct smmu_domain *const domain = smmu_domain_of(unit, report->stream);
        const struct smmu_report copy = *report;

        report->told = true;
        unit->untold--;
        unit->counters.reports++;
        /* Whoever hears of it may map, unmap and start transfers. */
        lock_release(&unit->lock, state);
        print(&copy, domain);
        if (domain != NULL) {
            deliver(&copy, domain);
        }
        state = lock_take(&unit->lock);
    }
    lock_release(&unit->lock, state);
    if (lost) {
        deliver_lost(unit);
    }
}

void smmu_forget(struct smmu *unit, uint32_t stream)
{
    lock_state_t state;
    unsigned kept = 0;

    smmu_collect(unit); /* what is in the queue belongs to what was before */
    state = lock_take(&unit->lock);
    for (unsigned i = 0; i < unit->report_count; i++) {
        if (unit->reports[i].stream != stream || !unit->reports[i].told) {
            unit->reports[kept++] = unit->reports[i];
        }
    }
    unit->report_count = kept;
    unit->unlisted = 0;
    lock_release(&unit->lock, state);
}
