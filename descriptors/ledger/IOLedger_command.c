/* SPDX-License-Identifier: BSD-2-Clause */
/* What commands tell, from their preparation to their complete. */
#ifdef DEBUG
#include "descriptors/ledger/IOLedger_private.h"

#define THE_DEVICE_WRITES ", which the device writes"
#define THE_DEVICE_READS  ", which the device reads"

static struct IOLedgerEntry *claim_of(const void *owner)
{
    const platform_short_state state = IOLedger_enter();
    struct IOLedgerEntry *const entry = IOLedger_find(kIOLedgerClaimed, owner, 0);

    IOLedger_leave(state);
    return entry;
}

static const char *what_device_does(const struct IOLedgerEntry *entry)
{
    return entry->writes ? THE_DEVICE_WRITES : THE_DEVICE_READS;
}

static void report(enum IOLedgerRule rule, const struct IOLedgerEntry *entry,
                   const struct IOLedgerPlace *began)
{
    const struct IOLedgerSubject subject = IOLedger_subject(entry, what_device_does(entry));

    IOLedger_report(rule, &subject, began);
}

/* --- Beginning -------------------------------------------------------------------------------- */

bool IOLedger_prepared(const struct IOLedgerClaim *claim)
{
    struct IOLedgerEntry *entry;

    IOLedger_forget(claim->owner);
    entry = IOLedger_add(kIOLedgerClaimed, claim->owner, 0);
    if (entry == NULL) {
        return false;
    }
    IOLedger_here(&entry->began);
    entry->memory = claim->memory;
    entry->length = claim->length;
    entry->writes = claim->writes;
    entry->isCopied = claim->isCopied;
    entry->isFilled = claim->isFilled;
    entry->isNonCoherent = claim->isNonCoherent;
    return true;
}

void IOLedger_covers(const void *owner, uint64_t address, uint64_t length)
{
    struct IOLedgerEntry *const entry = claim_of(owner);

    if (entry != NULL && entry->runs == NULL && platform_is_stack(paddr(address), length)) {
        const struct IOLedgerSubject subject = {"IODMACommand", owner, address, entry->length,
                                                what_device_does(entry)};
        const platform_short_state state = IOLedger_enter();
        const struct IOLedgerEntry *const wired = IOLedger_find(kIOLedgerWired, entry->memory, 0);
        const struct IOLedgerPlace at = wired != NULL ? wired->began : entry->began;

        IOLedger_leave(state);
        IOLedger_report(kIOLedgerStack, &subject, &at);
    }
    if (entry != NULL) {
        IOLedger_addRun(entry, address, address + length);
    }
}

/* --- At the device ---------------------------------------------------------------------------- */

/* Of a run, the part that the device has. False: none. */
static bool given_part(const struct IOLedgerRun *run, uint64_t *start, uint64_t *end)
{
    const struct IOLedgerEntry *const entry = run->entry;
    const uint64_t after = run->position + (run->end - run->start);
    const uint64_t from = run->position > entry->from ? run->position : entry->from;
    const uint64_t to = after < entry->to ? after : entry->to;

    *start = run->start + (from - run->position);
    *end = run->start + (to - run->position);
    return from < to;
}

/* Another claim that the device has, of bytes of this one, where one of the two writes. */
static struct IOLedgerEntry *conflicting(const struct IOLedgerEntry *entry, uint64_t *address)
{
    uint64_t start, end, from, to;

    for (const struct IOLedgerRun *own = entry->runs; own != NULL; own = own->next) {
        if (!given_part(own, &start, &end)) {
            continue;
        }
        for (struct IOLedgerRun *run = IOLedger_overlap(NULL, start, end); run != NULL;
             run = IOLedger_overlap(run, start, end)) {
            struct IOLedgerEntry *const other = run->entry;

            if (other != entry && other->users != 0 && !other->isStarting &&
                (other->writes || entry->writes) && given_part(run, &from, &to) && from < end &&
                start < to) {
                *address = from > start ? from : start;
                return other;
            }
        }
    }
    return NULL;
}

void IOLedger_starting(const void *owner, bool writes, uint64_t offset, uint64_t length)
{
    struct IOLedgerEntry *const entry = claim_of(owner);

    if (entry != NULL) {
        entry->writes = writes;
        entry->reads = !writes;
        entry->from = offset;
        entry->to = length == 0 ? UINT64_MAX : offset + length;
        entry->isStarting = true;
        entry->isFetched = false;
        entry->users++;
        IOLedger_here(&entry->started);
    }
}

void IOLedger_started(const void *owner)
{
    struct IOLedgerEntry *const entry = claim_of(owner), *other;
    struct IOLedgerSubject subject;
    platform_short_state state;
    uint64_t address = 0;

    if (entry == NULL) {
        return;
    }
    entry->isStarting = false;
    entry->wasStarted = true;
    if (entry->reads && entry->isCopied && !entry->isFilled) {
        report(kIOLedgerUnfilled, entry, &entry->began);
        entry->isFilled = true; /* said once */
    }
    state = IOLedger_enter();
    other = conflicting(entry, &address);
    IOLedger_leave(state);
    if (other != NULL) {
        subject = IOLedger_subject(entry, what_device_does(entry));
        subject.address = address;
        IOLedger_report(kIOLedgerConflict, &subject, &other->started);
    }
}

void IOLedger_ended(const void *owner)
{
    struct IOLedgerEntry *const entry = claim_of(owner);

    if (entry != NULL && entry->users != 0) {
        entry->users--;
        entry->isStarting = false;
    }
}

void IOLedger_synchronized(const void *owner, bool towards)
{
    struct IOLedgerEntry *const entry = claim_of(owner);

    if (entry != NULL) {
        entry->isFilled |= towards;
        entry->isFetched |= !towards;
    }
}

void IOLedger_doubled(const void *owner)
{
    struct IOLedgerEntry *const entry = claim_of(owner);

    if (entry != NULL) {
        entry->isCopied = true;
        entry->isFilled = true;
        entry->isFetched = false;
    }
}

void IOLedger_kept(const void *owner)
{
    struct IOLedgerEntry *const entry = claim_of(owner);

    if (entry != NULL) {
        entry->isKept = true;
    }
}

/* --- Ending ----------------------------------------------------------------------------------- */

void IOLedger_completed(const void *owner, bool fetched, bool invalidated)
{
    struct IOLedgerEntry *const entry = claim_of(owner);

    if (entry == NULL) {
        return;
    }
    if (entry->wasStarted && entry->writes &&
        ((entry->isCopied && !fetched && !entry->isFetched) ||
         (entry->isNonCoherent && !invalidated))) {
        report(kIOLedgerUnfetched, entry, &entry->started);
    }
    IOLedger_remember(owner);
    IOLedger_remove(entry);
}

void IOLedger_completedEarly(const void *owner)
{
    const struct IOLedgerEntry *const entry = claim_of(owner);

    if (entry != NULL) {
        report(kIOLedgerEarlyComplete, entry, &entry->started);
    }
}

void IOLedger_used(const void *owner, const char *function)
{
    const struct IOLedgerPast *const past = IOLedger_recall(owner);

    if (past != NULL) {
        const struct IOLedgerSubject subject = {"IODMACommand", owner, 0, 0, function};

        IOLedger_report(kIOLedgerUseAfter, &subject, &past->ended);
    }
}

void IOLedger_released(const void *owner, bool active)
{
    const struct IOLedgerEntry *const entry = claim_of(owner);

    if (entry != NULL && active) {
        report(kIOLedgerFreed, entry, entry->users != 0 ? &entry->started : &entry->began);
    }
    IOLedger_forget(owner);
}
#endif
