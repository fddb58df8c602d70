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
        IOLedger_remember(entry);
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
        IOLedger_report(kIOLedgerUnbalanced, &subject, &claim->began, NULL);
    } else if (past != NULL) {
        IOLedger_report(kIOLedgerUnbalanced, &subject, &past->ended, NULL);
    }
}

void IOLedger_readOnly(const void *memory, uint64_t length)
{
    const struct IOLedgerSubject subject = {"IOMemoryDescriptor", memory, 0, length,
                                            ", which the device shall write"};

    IOLedger_report(kIOLedgerReadOnly, &subject, NULL, NULL);
}

/* Where the memory begins physically, and how much of it lies in a row. */
static bool locate(const void *memory, bool resident, paddr_t *start, uint64_t *length)
{
    if (resident) {
        *start = platform_memory_physical(memory);
        return true;
    }
    return platform_locate(memory, start, length);
}

void IOLedger_freed(const void *memory, uint64_t size, bool resident)
{
    const struct IOLedgerRun *run = NULL;
    const struct IOLedgerEntry *entry = NULL;
    uint64_t length = size;
    paddr_t start;

    if (IOLedger_first() == NULL || !locate(memory, resident, &start, &length)) {
        return;
    }
    length = length < size ? length : size;
    const platform_short_state state = IOLedger_enter();
    do {
        run = IOLedger_overlap(run, start.value, start.value + length);
        entry = run != NULL ? run->entry : NULL;
    } while (run != NULL && entry->kind != kIOLedgerClaimed);
    IOLedger_leave(state);
    if (entry != NULL) {
        struct IOLedgerSubject subject = IOLedger_subject(
            entry, entry->writes ? ", which the device writes" : ", which the device reads");

        subject.address = run->start > start.value ? run->start : start.value;
        IOLedger_report(kIOLedgerFreed, &subject, &entry->began, NULL);
    }
}
#endif
