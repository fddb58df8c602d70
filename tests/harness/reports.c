/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ledger reports (debug builds): a test during which it does has failed, but for the
 * numbers that it has said it expects, of which each must come.
 */
#include "descriptors/ledger/IOLedger.h"
#include "kernel/console.h"
#include "tests/harness/harness_private.h"

#ifdef DEBUG
static uint32_t expected, came; /* bits by number */
static bool unexpected;

static void hear(const struct IOLedgerReport *report)
{
    came |= 1u << report->rule;
    if ((expected & 1u << report->rule) == 0) {
        unexpected = true;
        IOLedger_print(report);
    }
}

void reports_watch(void)
{
    expected = 0;
    came = 0;
    unexpected = false;
    IOLedger_listen(hear);
}

bool reports_hold(void)
{
    const uint32_t missing = expected & ~came;

    IOLedger_tidy(); /* its pages are no test's */

    for (unsigned rule = 1; rule < kIOLedgerRules; rule++) {
        if ((missing & 1u << rule) != 0) {
            harness_note("the ledger was expected to report L%02u, and has not", rule);
        }
    }
    if (unexpected) {
        harness_note("the ledger has reported what was not expected, see above");
    }
    return missing == 0 && !unexpected;
}

void harness_expect_report(unsigned rule)
{
    expected |= 1u << rule;
}
#else
void reports_watch(void)
{
}

bool reports_hold(void)
{
    return true;
}

void harness_expect_report(unsigned rule)
{
    (void)rule;
}
#endif
