/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports: what they say, and who hears it. */
#ifdef DEBUG
#include "descriptors/ledger/IOLedger_private.h"

#define SHOWN 8 /* of one number, in full; of more the log has one line each at the doublings */

/* What is the same of every report of a number. */
static const struct {
    const char *title, *began, *then, *advice;
} texts[kIOLedgerRules] = {
    [kIOLedgerLeak] = {"still held at the end", "it began here", NULL,
                       "complete every command and descriptor that was prepared, and unmap what "
                       "was mapped, before the image ends"},
    [kIOLedgerConflict] = {"two transfers have the same bytes, and one of them writes",
                           "the first was given to the device here",
                           "the second was given to the device here",
                           "wait for the end of the first, or give each memory of its own"},
    [kIOLedgerUseAfter] = {"a command is used after its complete", "it was completed here",
                           "it is used here", "prepare it again first, or use it before complete"},
    [kIOLedgerFreed] = {"freed while a transfer owns it", "it was prepared here",
                        "it is freed here",
                        "wait for the transfer, complete the command, and free the memory then"},
    [kIOLedgerWrongUnmap] = {"another interval is unmapped than was mapped", "it was mapped here",
                             "it is unmapped here",
                             "unmap with the address and the length that mapping has answered"},
    [kIOLedgerStack] = {"a stack's memory is given to a device", "it was prepared here",
                        "the command was prepared here",
                        "use memory that outlives the function: a buffer descriptor, IOMalloc, a "
                        "static array"},
    [kIOLedgerReadOnly] = {"a device shall write to read-only memory", NULL, "it is prepared here",
                           "give the device memory that may be written, or the direction Out"},
    [kIOLedgerUnfilled] = {"the device reads a copy that nobody has filled",
                           "the command was prepared here, without synchronize",
                           "it is given to the device here",
                           "prepare with synchronize, or call IODMACommand_synchronize with "
                           "kIODirectionOut before the start"},
    [kIOLedgerUnfetched] = {"what the device has written is left behind",
                            "the command was given to the device here",
                            "it is completed here without bringing it home",
                            "complete with invalidateCache and synchronize, or call "
                            "IODMACommand_synchronize with kIODirectionIn before"},
    [kIOLedgerEarlyComplete] = {"completed before the device was done",
                                "it was given to the device here", "it is completed here",
                                "wait for its end, or stop the channel, and complete it then"},
    [kIOLedgerUnbalanced] = {"a descriptor is completed once too often",
                             "it was prepared last, or completed, here", "it is completed here",
                             "one complete for each prepare, and the command's before its "
                             "descriptor's"},
};

static IOLedger_Listener *listener;
static uint32_t reported[kIOLedgerRules];

void IOLedger_listen(IOLedger_Listener *function)
{
    __atomic_store_n(&listener, function, __ATOMIC_RELAXED);
}

void IOLedger_here(struct IOLedgerPlace *place)
{
    const unsigned count = platform_callers(place->callers, IOLEDGER_CALLERS);

    for (unsigned i = count; i < IOLEDGER_CALLERS; i++) {
        place->callers[i] = 0;
    }
}

static void print_place(const char *what, const struct IOLedgerPlace *place)
{
    if (what == NULL) {
        return;
    }
    platform_log("  %s:%s", what, place->callers[0] == 0 ? " (unknown)" : "");
    for (unsigned i = 0; i < IOLEDGER_CALLERS && place->callers[i] != 0; i++) {
        platform_log("    [<%016llx>]", (unsigned long long)place->callers[i]);
    }
}

void IOLedger_print(const struct IOLedgerReport *report)
{
    const struct IOLedgerSubject *const subject = &report->subject;

    platform_log("ledger: L%02u: %s", report->rule, report->title);
    if (subject->length != 0) {
        platform_log("  %s %p: %llu bytes from %#llx on%s", subject->kind, subject->object,
                     (unsigned long long)subject->length, (unsigned long long)subject->address,
                     subject->more);
    } else {
        platform_log("  %s %p%s", subject->kind, subject->object, subject->more);
    }
    print_place(report->began, &report->began_at);
    print_place(report->then, &report->then_at);
    platform_log("  do: %s", report->advice);
    platform_log("record: watch=ledger rule=L%02u kind=%s object=%p address=%#llx bytes=%#llx "
                 "began=%#llx then=%#llx",
                 report->rule, subject->kind, subject->object, (unsigned long long)subject->address,
                 (unsigned long long)subject->length,
                 (unsigned long long)report->began_at.callers[0],
                 (unsigned long long)report->then_at.callers[0]);
}

struct IOLedgerSubject IOLedger_subject(const struct IOLedgerEntry *entry, const char *more)
{
    static const char *const kinds[] = {
        [kIOLedgerClaimed] = "IODMACommand",
        [kIOLedgerWired] = "IOMemoryDescriptor",
        [kIOLedgerMapped] = "IOMapper",
    };
    uint64_t lowest = entry->key;

    /* Of a claim that is everywhere in RAM, where it begins lowest. */
    for (const struct IOLedgerRun *run = entry->runs; run != NULL; run = run->next) {
        lowest = run == entry->runs || run->start < lowest ? run->start : lowest;
    }
    return (struct IOLedgerSubject){
        .kind = kinds[entry->kind],
        .object = entry->owner,
        .address = lowest,
        .length = entry->length,
        .more = more,
    };
}

void IOLedger_report(enum IOLedgerRule rule, const struct IOLedgerSubject *subject,
                     const struct IOLedgerPlace *began)
{
    IOLedger_Listener *const heard = __atomic_load_n(&listener, __ATOMIC_RELAXED);
    struct IOLedgerReport report = {
        .rule = rule,
        .title = texts[rule].title,
        .subject = *subject,
        .began = texts[rule].began,
        .then = texts[rule].then,
        .advice = texts[rule].advice,
    };

    if (began != NULL) {
        report.began_at = *began;
    }
    if (report.then != NULL) {
        IOLedger_here(&report.then_at);
    }
    reported[rule]++;
    if (heard != NULL) {
        heard(&report);
    } else if (reported[rule] <= SHOWN) {
        IOLedger_print(&report);
    } else if ((reported[rule] & (reported[rule] - 1)) == 0) {
        /* A loop would bury the log. */
        platform_log("ledger: L%02u: %u times by now", rule, (unsigned)reported[rule]);
    }
}
#endif
