/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: who owns which bytes, and since which call. Commands, mappers, descriptors and
 * those who free memory tell it what happens; nobody asks it, so that nothing goes otherwise
 * because of it. What cannot be right is a report by a number (README.md has them all), with the
 * place where it was begun and the place where it went wrong.
 *
 * Debug builds only: elsewhere IOLEDGER(call) is nothing, and there is no symbol of it. What it
 * keeps is bounded and grows by pages while there are some; of what does not fit it says that it
 * has lost track, and judges the rest.
 *
 * All of it is for any context, but what begins something: that is for threads, as what is told
 * of is.
 */
#ifndef DESCRIPTORS_IOLEDGER_H
#define DESCRIPTORS_IOLEDGER_H

#include "descriptors/IOTypes.h"
#include "descriptors/platform.h"

#ifdef DEBUG
/* IOLEDGER(ended(command, true)); */
#define IOLEDGER(call) IOLedger_##call
#else
#define IOLEDGER(call) ((void)0)
#endif

/* The numbers of reports, which never mean anything else. */
enum IOLedgerRule {
    kIOLedgerLeak = 1,      /* L01: held at the end of the image */
    kIOLedgerConflict,      /* L02: the same bytes for two transfers, one of which writes */
    kIOLedgerUseAfter,      /* L03: a command is used after its complete */
    kIOLedgerFreed,         /* L04: freed while it is owned */
    kIOLedgerWrongUnmap,    /* L05: another interval is unmapped than was mapped */
    kIOLedgerStack,         /* L06: a stack's memory is given to a device */
    kIOLedgerReadOnly,      /* L07: a device shall write to read-only memory */
    kIOLedgerUnfilled,      /* L08: the device reads a copy that nobody has filled */
    kIOLedgerUnfetched,     /* L09: what the device wrote stays in a copy, or behind the cache */
    kIOLedgerEarlyComplete, /* L10: completed before the device was done */
    kIOLedgerUnbalanced,    /* L11: a descriptor is completed under a command, or once too often */
    kIOLedgerRules
};

#define IOLEDGER_CALLERS 4 /* calls that are kept of a place, innermost first */

/* Where something was done: the calls outside of the classes. 0: none is known. */
struct IOLedgerPlace {
    uint64_t callers[IOLEDGER_CALLERS];
};

/* What a report is about. */
struct IOLedgerSubject {
    const char *kind;         /* "IODMACommand" */
    const void *object;       /* that one */
    uint64_t address, length; /* its bytes, by their first address; length 0: none */
    const char *more;         /* ", which ..." */
};

/* A report. The strings are constants. */
struct IOLedgerReport {
    unsigned rule;
    const char *title; /* what is wrong, in a few words */
    struct IOLedgerSubject subject;
    const char *began, *then; /* what was done at the two places; NULL: there is none */
    struct IOLedgerPlace began_at, then_at;
    const char *advice; /* what the program should have done */
};

/*
 * Whoever expects reports takes them instead of the log; NULL: the log again. Called where the
 * mistake is made, in interrupt handlers too: it may not call a descriptor.
 */
typedef void IOLedger_Listener(const struct IOLedgerReport *report);
void IOLedger_listen(IOLedger_Listener *function);

/* As it goes to the log: a page of text, and a line for tools. */
void IOLedger_print(const struct IOLedgerReport *report);

/* Give back the pages in which nothing is kept any more, since it ended in a handler. For threads.
 */
void IOLedger_tidy(void);

/* What is held now is a leak: said by the end of an image, of all or of nothing. */
void IOLedger_judgeEnd(void);

/* --- Commands --------------------------------------------------------------------------------- */

/* What a preparation is. */
struct IOLedgerClaim {
    const void *owner;  /* the command */
    const void *memory; /* its descriptor */
    uint64_t length;
    bool writes;   /* the device may */
    bool isCopied; /* some bytes are in memory of the command's own */
    bool isFilled; /* and have been filled */
    bool isNonCoherent;
};

/* A preparation has begun. False: there is no room, and nothing more is to be said of it. */
bool IOLedger_prepared(const struct IOLedgerClaim *claim);
/* It has these bytes of RAM, among others. */
void IOLedger_covers(const void *owner, uint64_t address, uint64_t length);

/*
 * The device is about to have bytes [offset, + length) of the preparation (length 0: up to its
 * end), to write or to read them; it was given them, which is judged here; it has them no more.
 * What is started in between is the other side of the same transfer.
 */
void IOLedger_starting(const void *owner, bool writes, uint64_t offset, uint64_t length);
void IOLedger_started(const void *owner);
void IOLedger_ended(const void *owner);

/* Bytes were copied towards the device, or back; the copy is another one now. */
void IOLedger_synchronized(const void *owner, bool towards);
void IOLedger_doubled(const void *owner);

/* It is for as long as the image runs. */
void IOLedger_kept(const void *owner);

/* The preparation ends. fetched: copies are brought home. invalidated: so is the cache. */
void IOLedger_completed(const void *owner, bool fetched, bool invalidated);
/* It was asked for too early. */
void IOLedger_completedEarly(const void *owner);
/* A call that needs a preparation, without one. */
void IOLedger_used(const void *owner, const char *function);
/* The command goes. active: it was prepared. */
void IOLedger_released(const void *owner, bool active);

/* --- Memory ----------------------------------------------------------------------------------- */

/* A client has the pages of a descriptor pinned, and has not any more. */
void IOLedger_wired(const void *memory, uint64_t length);
void IOLedger_unwired(const void *memory);
void IOLedger_memoryEnds(const void *memory);
/* A complete that was refused: a command counts on the pages; or nobody had prepared. */
void IOLedger_unbalanced(const void *memory, bool counted);
/* Pages that may not be written were to be pinned for a device that writes. */
void IOLedger_readOnly(const void *memory, uint64_t length);

/* Memory of platform_memory_alloc is given back. */
void IOLedger_freed(const void *memory, uint64_t size);

/* --- Mappers ---------------------------------------------------------------------------------- */

/* I/O addresses are mapped, for a command or (NULL) not, and are to be unmapped. */
void IOLedger_mapped(const void *mapper, uint64_t address, uint64_t length, const void *command);
void IOLedger_unmapping(const void *mapper, uint64_t address, uint64_t length);
/* It was done. */
void IOLedger_unmapped(const void *mapper, uint64_t address);
/* It is for as long as the image runs. */
void IOLedger_keptMapping(const void *mapper, uint64_t address);
/* The mapper goes, and all that it had. */
void IOLedger_mapperEnds(const void *mapper);

#endif
