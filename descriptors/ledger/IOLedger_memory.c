/* SPDX-License-Identifier: BSD-2-Clause */
/* What descriptors tell of their pages, and allocators of memory that comes back. */
#ifdef DEBUG
#include "descriptors/ledger/IOLedger_private.h"

static struct IOLedgerEntry *find(const void *memory)
{
    const platform_short_state state = IOLedger_enter();
    struct IOLedgerEntry *const entry = IOLedger_find(kIOLedgerWired, memory, 0);

    IOLedger_leave(state);
    return entry;
}

void IOLedger_wired(const void *memory, uint64_t length)
{
    struct IOLedgerEntry *const entry = IOLedger_add(kIOLedgerWired, memory, 0);

    if (entry != NULL) {
        entry->length = length;
        IOLedger_here(&entry->began);
    }
}

void IOLedger_unwired(const void *memory)
{
    struct IOLedgerEntry *const entry = find(memory);

    if (entry != NULL) {
        IOLedger_remember(memory);
        IOLedger_remove(entry);
    }
}

void IOLedger_memoryEnds(const void *memory)
{
    struct IOLedgerEntry *const entry = find(memory);

    if (entry != NULL) {
        IOLedger_remove(entry);
    }
    IOLedger_forget(memory);
}

/* A command that is prepared over this descriptor. */
static const struct IOLedgerEntry *claim_over(const void *memory)
{
    const platform_short_state state = IOLedger_enter();
    const struct IOLedgerEntry *entry = IOLedger_findFrom(kIOLedgerClaimed, NULL, 0);

    while (entry != NULL && entry->kind == kIOLedgerClaimed && entry->memory != memory) {
        entry = IOLedger_next(entry);
    }
    IOLedger_leave(state);
    return entry != NULL && entry->kind == kIOLedgerClaimed ? entry : NULL;
}

void IOLedger_unbalanced(const void *memory, bool counted)
{
    const struct IOLedgerEntry *const claim = counted ? claim_over(memory) : NULL;
    const struct IOLedgerPast *const past = counted ? NULL : IOLedger_recall(memory);
    const struct IOLedgerSubject subject = {
        .kind = "IOMemoryDescriptor",
        .object = memory,
        .more = counted ? ", while a command is prepared over it" : ", which nobody has prepared",
    };

    if (claim != NULL) {
        IOLedger_report(kIOLedgerUnbalanced, &subject, &claim->began);
    } else if (past != NULL) {
        IOLedger_report(kIOLedgerUnbalanced, &subject, &past->ended);
    }
}

void IOLedger_readOnly(const void *memory, uint64_t length)
{
    const struct IOLedgerSubject subject = {"IOMemoryDescriptor", memory, 0, length,
                                            ", which the device shall write"};

    IOLedger_report(kIOLedgerReadOnly, &subject, NULL);
}

void IOLedger_freed(const void *memory, uint64_t size)
{
    const struct IOLedgerRun *run;
    struct IOLedgerSubject subject;
    platform_short_state state;
    uint64_t start;

    if (IOLedger_first() == NULL) {
        return;
    }
    start = platform_memory_physical(memory).value;
    state = IOLedger_enter();
    run = IOLedger_overlap(NULL, start, start + size); /* runs are claims' */
    IOLedger_leave(state);
    if (run != NULL) {
        subject = IOLedger_subject(run->entry, run->entry->writes ? ", which the device writes"
                                                                  : ", which the device reads");
        subject.address = run->start > start ? run->start : start;
        IOLedger_report(kIOLedgerFreed, &subject, &run->entry->began);
    }
}
#endif
