/* SPDX-License-Identifier: BSD-2-Clause */
/* What mappers tell: which I/O addresses are mapped. */
#ifdef DEBUG
#include "descriptors/ledger/IOLedger_private.h"

void IOLedger_mapped(const void *mapper, uint64_t address, uint64_t length, const void *command)
{
    struct IOLedgerEntry *const entry = IOLedger_add(kIOLedgerMapped, mapper, address);

    if (entry != NULL) {
        entry->length = length;
        entry->memory = command;
        IOLedger_here(&entry->began);
    }
}

/* The mapping that has the address. */
static struct IOLedgerEntry *mapping_at(const void *mapper, uint64_t address)
{
    const platform_short_state state = IOLedger_enter();
    struct IOLedgerEntry *found = NULL;

    for (struct IOLedgerEntry *entry = IOLedger_findFrom(kIOLedgerMapped, mapper, 0);
         entry != NULL && entry->owner == mapper && /* behind mappings are none but mappings */
         entry->key <= address;
         entry = IOLedger_next(entry)) {
        if (address - entry->key < entry->length || entry->key == address) {
            found = entry;
        }
    }
    IOLedger_leave(state);
    return found;
}

void IOLedger_unmapping(const void *mapper, uint64_t address, uint64_t length)
{
    const struct IOLedgerEntry *const entry = mapping_at(mapper, address);

    if (entry != NULL && (entry->key != address || entry->length != length)) {
        const struct IOLedgerSubject subject = {"IOMapper", mapper, address, length,
                                                ": not what was mapped"};

        IOLedger_report(kIOLedgerWrongUnmap, &subject, &entry->began);
    }
}

void IOLedger_unmapped(const void *mapper, uint64_t address)
{
    const platform_short_state state = IOLedger_enter();
    struct IOLedgerEntry *const entry = IOLedger_find(kIOLedgerMapped, mapper, address);

    IOLedger_leave(state);
    if (entry != NULL) {
        IOLedger_remove(entry);
    }
}

void IOLedger_keptMapping(const void *mapper, uint64_t address)
{
    const platform_short_state state = IOLedger_enter();
    struct IOLedgerEntry *const entry = IOLedger_find(kIOLedgerMapped, mapper, address);

    if (entry != NULL) {
        entry->isKept = true;
    }
    IOLedger_leave(state);
}

void IOLedger_mapperEnds(const void *mapper)
{
    struct IOLedgerEntry *entry;
    platform_short_state state;

    do {
        state = IOLedger_enter();
        entry = IOLedger_findFrom(kIOLedgerMapped, mapper, 0);
        IOLedger_leave(state);
        if (entry == NULL || entry->owner != mapper) { /* as in mapping_at */
            return;
        }
        IOLedger_remove(entry);
    } while (true);
}
#endif
