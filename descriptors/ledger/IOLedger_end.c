/* SPDX-License-Identifier: BSD-2-Clause */
/* What is still held when the image ends. */
#ifdef DEBUG
#include "descriptors/ledger/IOLedger_private.h"

static bool has_claim(const void *memory)
{
    const struct IOLedgerEntry *entry = IOLedger_findFrom(kIOLedgerClaimed, NULL, 0);

    /* Ends: who asks has an entry of pins, and those stand behind all claims. */
    while (entry->kind == kIOLedgerClaimed && entry->memory != memory) {
        entry = IOLedger_next(entry);
    }
    return entry->kind == kIOLedgerClaimed;
}

/* Is it said by another entry, whose end would have ended this one? */
static bool is_implied(const struct IOLedgerEntry *entry)
{
    return entry->isKept || (entry->kind == kIOLedgerWired && has_claim(entry->owner)) ||
           (entry->kind == kIOLedgerMapped && entry->memory != NULL);
}

static const char *what_of(const struct IOLedgerEntry *entry)
{
    if (entry->kind == kIOLedgerWired) {
        return ", its pages prepared";
    }
    if (entry->kind == kIOLedgerMapped) {
        return ", mapped";
    }
    return entry->users != 0 ? ", which the device still has" : ", prepared";
}

void IOLedger_judgeEnd(void)
{
    for (const struct IOLedgerEntry *entry = IOLedger_first(); entry != NULL;
         entry = IOLedger_next(entry)) {
        if (!is_implied(entry)) {
            const struct IOLedgerSubject subject = IOLedger_subject(entry, what_of(entry));

            IOLedger_report(kIOLedgerLeak, &subject, &entry->began);
        }
    }
}

/* After what atexit was given, so that whoever cleans up there has done it. */
static __attribute__((destructor)) void at_end(void)
{
    IOLedger_judgeEnd();
}
#endif
