/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the ledger: what is kept, and how a report is made. */
#ifndef DESCRIPTORS_IOLEDGER_PRIVATE_H
#define DESCRIPTORS_IOLEDGER_PRIVATE_H

#include "descriptors/ledger/IOLedger.h"
#include "kernel/tree.h"

/* What an entry is about, with its key. */
enum IOLedgerKind {
    kIOLedgerClaimed, /* a preparation: the command, 0 */
    kIOLedgerWired,   /* pinned pages: the descriptor, 0 */
    kIOLedgerMapped,  /* I/O addresses: the mapper, the first address; no kind stands behind it */
};

struct IOLedgerEntry;

/* Bytes of RAM that a claim has; sorted by their start. */
struct IOLedgerRun {
    struct tree_node node;
    uint64_t start, end;
    uint64_t position; /* of its first byte in the claim */
    uint64_t reach;    /* the highest end in its subtree */
    struct IOLedgerEntry *entry;
    struct IOLedgerRun *next; /* of the same entry, or of the free ones */
};

struct IOLedgerEntry {
    struct tree_node node;
    enum IOLedgerKind kind;
    const void *owner; /* compared, never looked into */
    uint64_t key;
    struct IOLedgerPlace began; /* prepared, pinned, mapped */
    uint64_t length;
    const void *memory; /* of a claim; of a mapping: for which command, NULL: for none */

    /* Of a claim. */
    struct IOLedgerPlace started;
    struct IOLedgerRun *runs;
    uint32_t users;    /* transfers that the device has of it */
    uint64_t from, to; /* the positions that the last one has */
    uint64_t covered;  /* bytes that have runs */
    bool writes;       /* the device may; once it has it, it does */
    bool reads;        /* once it has it */
    bool isCopied, isFilled, isFetched, isNonCoherent;
    bool isStarting, wasStarted, isKept;
};

/* IOLedger_entries.c: the caller has taken the lock with IOLedger_enter. */
platform_short_state IOLedger_enter(void);
void IOLedger_leave(platform_short_state state);
struct IOLedgerEntry *IOLedger_find(enum IOLedgerKind kind, const void *owner, uint64_t key);
/* The first entry that does not stand before this key; NULL. */
struct IOLedgerEntry *IOLedger_findFrom(enum IOLedgerKind kind, const void *owner, uint64_t key);
/* Without the lock: room is made first. NULL: track is lost of it. */
struct IOLedgerEntry *IOLedger_add(enum IOLedgerKind kind, const void *owner, uint64_t key);
bool IOLedger_addRun(struct IOLedgerEntry *entry, uint64_t start, uint64_t end);
void IOLedger_remove(struct IOLedgerEntry *entry);
/* The first run that shares bytes with [start, end), from `after` on in their order (NULL: from
 * the first); NULL: none does. */
struct IOLedgerRun *IOLedger_overlap(const struct IOLedgerRun *after, uint64_t start, uint64_t end);
struct IOLedgerEntry *IOLedger_first(void);
struct IOLedgerEntry *IOLedger_next(const struct IOLedgerEntry *entry);

/* IOLedger_history.c: what has ended, of which the latest is remembered. */
struct IOLedgerPast {
    const void *owner;
    struct IOLedgerPlace ended;
};
void IOLedger_remember(const void *owner);
void IOLedger_forget(const void *owner);
const struct IOLedgerPast *IOLedger_recall(const void *owner); /* NULL: it is not known */

/* IOLedger_report.c. began NULL: of a rule that has no such place. The other place is here. */
void IOLedger_here(struct IOLedgerPlace *place);
void IOLedger_report(enum IOLedgerRule rule, const struct IOLedgerSubject *subject,
                     const struct IOLedgerPlace *began);
/* What a claim is, for a report. */
struct IOLedgerSubject IOLedger_subject(const struct IOLedgerEntry *entry, const char *more);

#endif
